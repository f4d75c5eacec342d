"""Arrays and trees of arrays as bytes that need nothing else to be read."""
