"""Folders of the repository, wherever a test lies."""

import pathlib

TESTS = pathlib.Path(__file__).parent
ROOT = TESTS.parent
EXAMPLES = ROOT / "examples"
VECTORS = TESTS / "vectors"
