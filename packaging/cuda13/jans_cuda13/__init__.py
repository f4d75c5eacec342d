"""The CUDA kernels of jans, which finds them by the entry point of this package."""

import importlib.metadata
import pathlib

__version__ = importlib.metadata.version("jans-cuda13")
LIBRARY = pathlib.Path(__file__).parent / "libjans_cuda.so"
