"""Docstrings as pages show them."""

import importlib
import inspect
import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^( *)>>> .*\n(?:\1(?!\s*$).*\n?)*(?:\n\1>>> .*\n(?:\1(?!\s*$).*\n?)*)*", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Takes docstrings from the running program, which completes some, and marks examples as code."""

    def on_class_instance(self, *, cls: griffe.Class, **_: Any) -> None:
        """Completes the docstring of a class."""
        found = getattr(importlib.import_module(cls.module.path), cls.name, None)
        if cls.docstring and found is not None and cls.parent is cls.module:
            cls.docstring.value = inspect.getdoc(found) or ""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Marks the examples of an object."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(fenced, obj.docstring.value + "\n").rstrip()


def fenced(match: re.Match) -> str:
    """An example between fences."""
    space = match[1]
    return f"{space}```pycon\n{match[0].rstrip()}\n{space}```\n"
