"""Docstrings as pages show them."""

import importlib
import inspect
import os
import re
from typing import Any

import griffe

os.environ["JANS_KERNELS"] = "0"  # the sources are enough

EXAMPLE = re.compile(r"^( *)>>> .*\n(?:\1(?!\s*$).*\n?)*(?:\n\1>>> .*\n(?:\1(?!\s*$).*\n?)*)*", re.MULTILINE)


NAMES = re.compile(r"^ +(?:\w+, )+\w+(?=: )", re.MULTILINE)
"""Several attributes with one description; what follows a space would be taken for a type."""


class Docstrings(griffe.Extension):
    """Takes docstrings of classes from the running program, which completes some, and marks examples as code."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Changes the docstring of an object that was just read."""
        if not obj.docstring:
            return
        text = obj.docstring.value
        if obj.is_class and obj.parent is obj.module:
            text = inspect.getdoc(getattr(importlib.import_module(obj.module.path), obj.name, None)) or text
        text = NAMES.sub(lambda names: names[0].replace(", ", ",\N{NO-BREAK SPACE}"), text)
        obj.docstring.value = EXAMPLE.sub(fenced, text + "\n").rstrip()


def fenced(match: re.Match) -> str:
    """An example between fences."""
    space = match[1]
    return f"{space}```pycon\n{match[0].rstrip()}\n{space}```\n"
