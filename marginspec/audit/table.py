"""A table: a stretch of a log as columns, its events and what it claims of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastpath.engine import EVENT_TYPES
from fastpath.engine.encoding import CODE_OF_CLASS, FIELDS, PRICES
from marginspec.audit.names import ABSENT, NONE, Names
from refmodel.canonical import EVENT_TYPES as CLASSES
from refmodel.events import Event

Column = NDArray[Any]

EVENT_COLUMNS = {
    "type": np.int8,
    "time": np.int64,
    "account": np.int32,
    "other": np.int32,
    "market": np.int32,
    "owner": np.int32,
    "pool": np.int32,
    "side": np.int32,
    "x": np.int64,
    "y": np.int64,
}
"""The columns of a fastpath.engine.Batch that have one row for each event; its side is narrower."""
ENTRY_COLUMNS = {
    "words": np.int32,
    "holder": np.int32,
    "market": np.int32,
    "amount": np.int64,
    "second": np.int64,
}
"""The columns of claimed postings. The holder of fund, fee_pool, bad_debt and drawn is a pool. An opening of
an account has the pool as its market and the amount 0: its owner is the one that the event names."""


@dataclass(slots=True, eq=False)
class Table:
    """Events of a log and its claims, as columns; names are numbers of Names.

    events       EVENT_COLUMNS, n rows; as in a fastpath.engine.Batch
    first_mark   int64[n + 1]: event i names the marks first_mark[i] to first_mark[i + 1] of
    mark_market  int32[k], in the order of identifiers within an event
    mark_price   int64[k], ticks
    rule         int32[n]: which rule refused, as the log claims; 0 for an accepted event
    reason       int32[n]
    first_entry  int64[n + 1]: of event i the log claims the postings first_entry[i] to first_entry[i + 1];
                 none for an event of which it claims no postings, for an accepted one has at least one
    entries      ENTRY_COLUMNS
    line         int64[n]: the line or the row in which an event stands, from 1
    counted      how many events the log has up to here, as it claims at a checkpoint; None if there is none
    digest       of the venue after the last event, as the log claims at a checkpoint; or empty
    end          position in the log after this table
    checksum     CRC-32 of everything before that
    """

    events: dict[str, Column]
    first_mark: Column
    mark_market: Column
    mark_price: Column
    rule: Column
    reason: Column
    first_entry: Column
    entries: dict[str, Column]
    line: Column
    counted: int | None = None
    digest: str = ""
    end: int = 0
    checksum: int = 0
    accounts_known: int = 0
    owners_known: int = 0

    def __len__(self) -> int:
        return len(self.line)

    def part(self, begin: int, end: int) -> "Table":
        """The events from `begin` to before `end`, with their claims and no checkpoint."""
        marks = slice(int(self.first_mark[begin]), int(self.first_mark[end]))
        entries = slice(int(self.first_entry[begin]), int(self.first_entry[end]))
        rows = slice(begin, end)
        return Table(
            events={name: column[rows] for name, column in self.events.items()},
            first_mark=self.first_mark[begin : end + 1] - marks.start,
            mark_market=self.mark_market[marks],
            mark_price=self.mark_price[marks],
            rule=self.rule[rows],
            reason=self.reason[rows],
            first_entry=self.first_entry[begin : end + 1] - entries.start,
            entries={name: column[entries] for name, column in self.entries.items()},
            line=self.line[rows],
            accounts_known=self.accounts_known,
            owners_known=self.owners_known,
        )


def offsets(counts: Sequence[int] | Column) -> Column:
    """Where each of some stretches begins, and where the last one ends."""
    first = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=first[1:])
    return first


def no_entries() -> dict[str, Column]:
    """The columns of no postings at all."""
    return {name: np.empty(0, dtype=kind) for name, kind in ENTRY_COLUMNS.items()}


Numbers = Callable[[Sequence[Any]], Column]
"""Makes a column int64 of the numbers of events."""


def whole_numbers(numbers: Sequence[int]) -> Column:
    """Python's numbers as a column. Errors: ValueError if one does not fit 64 bits."""
    try:
        return np.fromiter(numbers, np.int64, len(numbers))
    except OverflowError:
        raise ValueError("has a number that is no whole number of 64 bits") from None


def _sources(kind: int) -> tuple[tuple[str, str, str], ...]:
    """Where the columns of a type of event come from: (column, field, vocabulary or empty for a number)."""
    x, y, account, other = FIELDS[kind]
    found = [("time", "time", ""), ("x", x, ""), ("y", y, "")]
    found += [("account", account, "accounts"), ("other", other, "accounts")]
    known = {field.name for field in fields(CLASSES[EVENT_TYPES[kind]])}
    found += [(name, name, f"{name}s") for name in ("market", "owner", "pool", "side") if name in known]
    return tuple(source for source in found if source[1])


SOURCES = tuple(_sources(kind) for kind in range(len(EVENT_TYPES)))


def columns_of(
    events: Sequence[Any], names: Names, numbers: Numbers
) -> tuple[dict[str, Column], Column, Column, Column]:
    """Events as columns.

    events   objects with the class names and the fields of those in refmodel.events
    numbers  how the numbers in them are read
    returns  EVENT_COLUMNS, first_mark, mark_market, mark_price
    Errors: ValueError for a number or a name that cannot be read.
    """
    columns = {name: np.zeros(len(events), dtype=kind) for name, kind in EVENT_COLUMNS.items()}
    for name in ("account", "other", "side"):
        columns[name].fill(NONE)
    for name in ("market", "owner", "pool"):
        columns[name].fill(ABSENT)
    rows_of: dict[str, list[int]] = {}
    for row, event in enumerate(events):
        rows_of.setdefault(type(event).__name__, []).append(row)
    for name, rows in rows_of.items():
        kind = CODE_OF_CLASS[name]
        columns["type"][rows] = kind
        chosen = [events[row] for row in rows]
        for column, field, vocabulary in SOURCES[kind]:
            values = list(map(attrgetter(field), chosen))
            known = getattr(names, vocabulary).__getitem__ if vocabulary else None
            columns[column][rows] = numbers(values) if known is None else list(map(known, values))
    return columns, *_marks_of(events, rows_of.get("Prices", []), names, numbers)


def _marks_of(
    events: Sequence[Any], rows: list[int], names: Names, numbers: Numbers
) -> tuple[Column, Column, Column]:
    counts = np.zeros(len(events), dtype=np.int64)
    markets: list[int] = []
    prices: list[Any] = []
    for row in rows:
        marks = events[row].marks
        counts[row] = len(marks)
        for name in sorted(marks):
            markets.append(names.markets[name])
            prices.append(marks[name])
    return offsets(counts), np.array(markets, dtype=np.int32), numbers(prices)


def events_of(table: Table, names: Names) -> Iterator[Event]:
    """The events of a table as values of refmodel.events."""
    columns = {name: column.tolist() for name, column in table.events.items()}
    markets = list(map(names.markets.text, table.mark_market.tolist()))
    prices, first = table.mark_price.tolist(), table.first_mark.tolist()
    for row, kind in enumerate(columns["type"]):
        values: dict[str, Any] = {}
        for column, field, vocabulary in SOURCES[kind]:
            value = columns[column][row]
            values[field] = getattr(names, vocabulary).text(value) if vocabulary else value
        if kind == PRICES:
            marks = slice(first[row], first[row + 1])
            values["marks"] = dict(zip(markets[marks], prices[marks], strict=True))
        yield CLASSES[EVENT_TYPES[kind]](**values)
