"""What the engine answers: refusals, postings, and the columns of a batch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastpath.engine.errors import DomainError

Posting = tuple[Any, ...]
"""A posting as plain values, in one of six forms:

("posting", rule, kind, holder, market, amount, stage)   kind: wallet, open_cost, fund, fee_pool, bad_debt,
                                                         custody or lots
("orders", rule, account, market, buys, sells, stage)
("drawn", rule, pool, period, drawn, stage)
("mark", rule, market, price)
("opened", rule, account, owner, pool)
("clock", rule, time)
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event was not admitted: the rule, the fact that decided, and the amounts that were compared."""

    rule: str
    reason: str
    numbers: dict[str, int | str]


@dataclass(slots=True)
class Result:
    """What became of one event. A refused event has no postings and has changed nothing."""

    refusal: Refusal | None
    entries: np.ndarray
    decode: Callable[[np.ndarray], tuple[Posting, ...]] = field(repr=False)

    @property
    def postings(self) -> tuple[Posting, ...]:
        """What was posted, in the law's order."""
        return self.decode(self.entries)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Events as columns, n of them; names are numbers (Engine.encode), -1 a name that nobody knows.

    type         int8[n], index into EVENT_TYPES
    time         int64[n], milliseconds
    account      int32[n]: account, taker, source
    other        int32[n]: maker, counterparty, target
    market       int32[n]
    owner, pool  int32[n]; -2 where a deposit names none
    side         int8[n]: 0 buy, 1 sell, -1 neither
    x            int64[n]: amount in quanta, or buys or lots, or a funding rate in ppm
    y            int64[n]: sells in lots, or a price in ticks
    first_mark   int64[n + 1]: event i names the marks first_mark[i] to first_mark[i + 1] of
    mark_market  int32[k], in ascending order within an event
    mark_price   int64[k], ticks
    """

    type: np.ndarray
    time: np.ndarray
    account: np.ndarray
    other: np.ndarray
    market: np.ndarray
    owner: np.ndarray
    pool: np.ndarray
    side: np.ndarray
    x: np.ndarray
    y: np.ndarray
    first_mark: np.ndarray
    mark_market: np.ndarray
    mark_price: np.ndarray

    def __len__(self) -> int:
        return len(self.type)


BATCH_TYPES = {
    "type": np.int8,
    "time": np.int64,
    "account": np.int32,
    "other": np.int32,
    "market": np.int32,
    "owner": np.int32,
    "pool": np.int32,
    "side": np.int8,
    "x": np.int64,
    "y": np.int64,
    "first_mark": np.int64,
    "mark_market": np.int32,
    "mark_price": np.int64,
}


def check_batch(batch: Batch) -> None:
    """Refuses columns that cannot be read as they lie. Errors: DomainError."""
    length = len(batch.type)
    for name, kind in BATCH_TYPES.items():
        column = getattr(batch, name)
        if type(column) is not np.ndarray or column.dtype != np.dtype(kind) or column.ndim != 1:
            seen = (
                f"{column.dtype}, {column.ndim} dimensions"
                if isinstance(column, np.ndarray)
                else type(column)
            )
            raise DomainError(f"batch.{name}", seen, f"one dimension of {np.dtype(kind)}")
        if not column.flags.c_contiguous:
            raise DomainError(f"batch.{name}", "strided", "contiguous columns")
        wanted = {"first_mark": length + 1, "mark_price": len(batch.mark_market), "mark_market": len(column)}
        if len(column) != wanted.get(name, length):
            raise DomainError(
                f"batch.{name}", f"of length {len(column)}", f"length {wanted.get(name, length)}"
            )
    first = batch.first_mark
    if first[0] != 0 or first[-1] != len(batch.mark_market) or (np.diff(first) < 0).any():
        raise DomainError("batch.first_mark", first.tolist()[:8], "an ascending division of mark_market")
    markets = batch.mark_market
    within_event = np.ones(max(len(markets) - 1, 0), dtype=bool)
    starts = first[1:-1]
    within_event[starts[(starts > 0) & (starts < len(markets))] - 1] = False
    wrong = within_event & (markets[1:] >= 0) & (markets[:-1] >= markets[1:])
    if wrong.any():
        place = int(wrong.argmax())
        raise DomainError("batch.mark_market", markets[place : place + 2].tolist(), "ascending markets")


@dataclass(frozen=True, slots=True, eq=False)
class BatchResult:
    """What became of a batch.

    applied      events that were applied or refused; those after them are untouched
    error        why the next one could not be computed; None if all were
    rule         int16[n], index into RULES: which rule refused; 0 where the event was applied
    reason       int16[n], index into REASONS
    numbers      int64[n, 4]: the amounts that a refusal compared, as REASONS names them
    first_entry  int64[n + 1]: event i posted the entries first_entry[i] to first_entry[i + 1]
    entries      ENTRY[k]: in the engine's own memory, valid until the next event or batch
    """

    applied: int
    error: DomainError | None
    rule: np.ndarray
    reason: np.ndarray
    numbers: np.ndarray
    first_entry: np.ndarray
    entries: np.ndarray
