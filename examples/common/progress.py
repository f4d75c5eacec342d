"""A progress bar for work that takes minutes: a moving bar on a terminal, a few plain lines in a log file."""

from __future__ import annotations

import sys
import time


class Progress:
    """Counts up to `total` units of work, and prints progress and remaining time on stderr.

    `line_every` is the number of units between two lines if stderr is not a terminal.
    """

    def __init__(self, title: str, total: int, line_every: int | None = None) -> None:
        self.title, self.total, self.start, self.width = title, total, time.perf_counter(), 0
        self.line_every = line_every or max(1, total // 10)
        self.next_line = self.line_every

    def __call__(self, done: int, note: str = "") -> None:
        """Report that `done` of the `total` units are finished; `note` is shown after the remaining time."""
        left = round((time.perf_counter() - self.start) / max(done, 1) * (self.total - done))
        filled = 24 * done // self.total
        clock = f"{left // 60}:{left % 60:02} left"
        if sys.stderr.isatty():
            text = f"{self.title} [{'█' * filled}{'·' * (24 - filled)}] {clock}  {note}"
            print("\r" + text.ljust(self.width), end="\n" if done == self.total else "", file=sys.stderr, flush=True)
            self.width = len(text)
        elif done >= self.next_line or done == self.total:
            print(f"{self.title} {100 * done // self.total:3d} %, {clock}, {note}", file=sys.stderr, flush=True)
            self.next_line = done + self.line_every
