"""Coders as bytes: one container for states, bare byte strings, chunked messages, tables, and fingerprints."""
