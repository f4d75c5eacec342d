"""The executable specification: the coders in plain Python integers (`spec`) and in plain JAX (`jax`)."""
