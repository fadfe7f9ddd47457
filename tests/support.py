"""Helpers of the tests: tables of cases, ladders of refusals, and the measure of what a generator reached."""

import functools
import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from marginspec.story import parse_event
from refmodel.events import Event
from refmodel.state import Venue

Test = Callable[..., Any]


# ------------------------------------------------------------------------------------- tables


def cell_value(text: str) -> Any:
    """A cell of a table: a whole number if it reads as one, else its words."""
    try:
        return int(text)
    except ValueError:
        return text


def cases(table: str) -> Callable[[Test], Test]:
    """Run a test once per row of an aligned table.

    table  first a line of headings, the names of the arguments; the first column names the case. Columns
           begin where their heading begins, or, right-aligned, end where it ends; two spaces part cells.
    """
    lines = [line for line in table.splitlines() if line.strip()]
    names, *rows = ([cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines)
    for row in rows:
        assert len(row) == len(names), f"{row} does not have the columns {names}"
    values = [tuple(cell_value(cell) for cell in row[1:]) for row in rows]
    return pytest.mark.parametrize(names[1:], values, ids=[row[0] for row in rows])


# ------------------------------------------------------------------------------------- reach


def reaches(*classes: str) -> Callable[[Test], Test]:
    """Fail a property if one of these classes was never generated.

    The test takes `reached` and calls it with the class of what it was given.
    """

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def measured(*arguments: Any, **named: Any) -> None:
            seen: Counter[str] = Counter()
            test(*arguments, **named, reached=lambda name: seen.update((name,)))
            unknown = set(seen) - set(classes)
            assert not unknown, f"reached {sorted(unknown)}, which @reaches does not name"
            missing = [name for name in classes if seen[name] == 0]
            assert not missing, f"never generated: {', '.join(missing)}; generated: {dict(seen)}"

        signature = inspect.signature(test)
        kept = [parameter for name, parameter in signature.parameters.items() if name != "reached"]
        measured.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return measured

    return decorate


# ------------------------------------------------------------------------------------- ladders


@dataclass(frozen=True, slots=True)
class Rung:
    """One row of a ladder: in this venue, this event comes to this answer.

    answer  "accepted", or a rule and a reason
    """

    venue: str
    event: str
    answer: str

    @property
    def rule(self) -> str | None:
        """The rule that refuses, None if none does."""
        return None if self.answer == "accepted" else self.answer.split()[0]

    def event_at(self, venue: Venue) -> Event:
        """The event, at the venue's clock unless it names a time."""
        return parse_event(self.event, venue.clock)


def rungs_of(table: str) -> tuple[Rung, ...]:
    """The rows of a ladder: `venue | event | answer`."""
    lines = [line for line in table.splitlines() if line.strip()]
    return tuple(Rung(*(cell.strip() for cell in line.split("|"))) for line in lines)


def ladder(*rules: str, rows: str) -> Callable[[Test], Test]:
    """Run a test once per row of a ladder, which cures one fault per row until the event is accepted.

    rules  the rules that refuse, in the order of the law
    rows   a table `venue | event | answer`
    """
    rungs = rungs_of(rows)
    climbed = tuple(dict.fromkeys(rung.rule for rung in rungs))
    assert climbed == (*rules, None), f"the ladder climbs {climbed}, not {rules} and then accepted"
    return pytest.mark.parametrize("row", rungs, ids=[rung.answer for rung in rungs])
