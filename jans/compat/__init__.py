"""The interfaces of other libraries, on the coders of this library."""
