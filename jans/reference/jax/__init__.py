"""The kernels in plain JAX.

They run on platforms without kernels, and the tests compare the kernels with them.
"""
