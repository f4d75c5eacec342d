"""jans in other programs: the shell, zarr, numcodecs, and libraries that save checkpoints."""
