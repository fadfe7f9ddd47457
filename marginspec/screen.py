"""The screen: how numbers, tables and progress look wherever the command line prints."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

WIDTH_OF_TABLES = 400
"""Columns: a table is never folded, for its lines are read by position."""
WIDTH_UNSEEN = 120
"""Columns when nobody's terminal says how wide it is: a file, a pipe, a test."""


def console(*, to_stderr: bool = False) -> Console:
    """A console that neither colours numbers nor breaks lines that someone may copy."""
    file = sys.stderr if to_stderr else sys.stdout
    width = None if file.isatty() else WIDTH_UNSEEN
    return Console(file=file, width=width, highlight=False, soft_wrap=True, emoji=False, markup=False)


_silent = False


def silence() -> None:
    """From now on print nothing for people: the standard output belongs to the JSON."""
    global _silent
    _silent = True


def say(text: str = "") -> None:
    """One line, or several, on the screen."""
    if not _silent:
        console().print(Text(text))


def grouped(number: int) -> str:
    """A number as people read it: 1 234 567."""
    return f"{number:_}".replace("_", " ")


def aligned(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """A table with a heading for each column, indented by two.

    right  columns of numbers
    """
    numbers = set(right)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for index, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if index in numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    page = StringIO()
    Console(file=page, width=WIDTH_OF_TABLES, highlight=False, emoji=False).print(table)
    return "\n".join(f"  {line}".rstrip() for line in page.getvalue().splitlines())


def write_facts(facts: dict[str, Any], target: str | None) -> None:
    """The same facts as JSON, if a file was asked for; "-" is the standard output."""
    if target is None:
        return
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    from marginspec.documents import write_text

    write_text(Path(target), text)


@contextmanager
def progress(title: str, total: int) -> Iterator[Any]:
    """A bar on the error stream, for what takes longer than two seconds; nothing where nobody looks.

    yields  a function that takes the number done so far, and a few words
    """
    screen = console(to_stderr=True)
    title_and_bar = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(30))
    columns = (*title_and_bar, TextColumn("{task.fields[words]}"), TimeElapsedColumn())
    seen = screen.is_terminal
    # Refreshed by hand: a thread that draws would be copied, half-way, into forked workers.
    with Progress(*columns, console=screen, transient=True, disable=not seen, auto_refresh=False) as bar:
        task = bar.add_task(title, total=total, words="")
        bar.refresh()

        def advance(done: float, words: str = "") -> None:
            bar.update(task, completed=done, words=words, refresh=True)

        yield advance
