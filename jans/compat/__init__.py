"""The interfaces of other libraries over the coders of this one."""
