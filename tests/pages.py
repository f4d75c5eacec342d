"""Runs what a page says.

python tests/pages.py docs/tutorial.md docs/pictures    # in that folder, where the page's pictures are then
"""

import os
import pathlib
import re
import sys


def run(path: pathlib.Path) -> None:
    """Executes the Python blocks of a page, one after the other, in one namespace."""
    namespace: dict = {}
    for block in re.findall(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(path), "exec"), namespace)


if __name__ == "__main__":
    page, folder = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    os.chdir(folder)
    run(page)
