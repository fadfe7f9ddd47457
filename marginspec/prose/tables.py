"""What the three kinds of worked table share: remarks, columns by name, how a difference is told."""

from marginspec.prose.chapters import Row, Table
from marginspec.prose.notation import ExampleError

REMARK = "why"


def difference(table: Table, row: Row, name: str, law: str, chapter: str) -> str:
    """One difference, in words."""
    place = f"{table.path.stem} {table.rule} line {row.line}"
    return f"{place}: {name} is {law} in the law, {chapter} in the chapter"


def columns_of(table: Table, known: set[str]) -> dict[str, int]:
    """Positions of the columns by name, all of which are known."""
    names = {heading.name: position for position, heading in enumerate(table.headings)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ExampleError(f"no column is called {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    return names
