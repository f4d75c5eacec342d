"""In preparation by the test helper."""
