"""Places in the source for people: which line of the law or of a theorem is being executed."""

import linecache
import sys
from functools import cache
from pathlib import Path as FilePath

CORE = FilePath(__file__).parent
ROOT = CORE.parent


def where() -> tuple[str, str]:
    """The place outside the proof core that is being executed: file:line, and the line's text."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    return place(frame.f_code.co_filename, frame.f_lineno)


@cache
def place(filename: str, line: int) -> tuple[str, str]:
    """A source line for people: file:line relative to the project, and the text."""
    file = FilePath(filename)
    shown = file.relative_to(ROOT) if file.is_relative_to(ROOT) else FilePath(file.name)
    return f"{shown}:{line}", linecache.getline(filename, line).strip()


@cache
def _is_machinery(filename: str) -> bool:
    return FilePath(filename).parent == CORE or "site-packages" in filename or filename.startswith("<")
