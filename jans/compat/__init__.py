"""The interfaces of other libraries, with their bits, over the kernels of this one."""
