"""The executable specification: the coders in plain Python integers and in plain JAX."""
