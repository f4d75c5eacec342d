"""Runs what a page says.

python tests/pages.py docs/tutorial.md docs/pictures    # in that folder, where the page's pictures are then
"""

import contextlib
import doctest
import io
import json
import os
import pathlib
import re
import sys

BLOCK = re.compile(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def run_notebook(path: pathlib.Path) -> None:
    """Executes the code of a notebook, without the lines for the shell of IPython."""
    namespace: dict = {}
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            lines = "".join(cell["source"]).splitlines()
            block = "\n".join(re.sub(r"^( *)[%!].*", r"\1pass", line) for line in lines)
            exec(compile(block, str(path), "exec"), namespace)


def run(path: pathlib.Path) -> None:
    """Executes the Python blocks of a page, one after the other, in one namespace.

    A block of text right behind one is what it prints; "..." stands for anything.
    """
    namespace: dict = {}
    for block, expected in BLOCK.findall(path.read_text()):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(block, str(path), "exec"), namespace)
        if not doctest.OutputChecker().check_output(expected, printed.getvalue(), FLAGS):
            raise AssertionError(f"{path.name} says that it prints\n{expected}\nbut it prints\n{printed.getvalue()}")


if __name__ == "__main__":
    page, folder = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    os.chdir(folder)
    run(page)
