"""Byte formats: one container for all states, bare byte strings, chunked messages, table coders,
and fingerprints."""
