"""Events as numbers: what the core reads."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastpath.engine.core import EVENT_TYPES, NO_NAME
from fastpath.engine.errors import DomainError
from fastpath.engine.names import UNKNOWN, Names
from fastpath.engine.results import BATCH_TYPES, Batch

(
    DEPOSIT,
    WITHDRAW,
    TRANSFER,
    ORDER,
    TRADE,
    PRICES,
    FUNDING,
    FILL,
    TAKEOVER,
    FUND_DEPOSIT,
    FEE_WITHDRAWAL,
) = range(len(EVENT_TYPES))
CODE_OF_CLASS = {
    "".join(part.title() for part in name.split("_")): code for code, name in enumerate(EVENT_TYPES)
}
SIDES = {"buy": 0, "sell": 1}
FIELDS = {
    DEPOSIT: ("amount", "", "account", ""),
    WITHDRAW: ("amount", "", "account", ""),
    TRANSFER: ("amount", "", "source", "target"),
    ORDER: ("buys", "sells", "account", ""),
    TRADE: ("lots", "price", "taker", "maker"),
    PRICES: ("", "", "", ""),
    FUNDING: ("rate", "", "", ""),
    FILL: ("lots", "price", "account", "counterparty"),
    TAKEOVER: ("", "", "account", ""),
    FUND_DEPOSIT: ("amount", "", "", ""),
    FEE_WITHDRAWAL: ("amount", "", "", ""),
}
"""What the columns x, y, account and other of a batch are called in each type of event."""

Row = tuple[int, int, int, int, int, int, int, int, int, int]
"""type, time, account, other, market, owner, pool, side, x, y"""
Marks = tuple[np.ndarray, np.ndarray]
"""The markets, int32, in ascending order, and their prices, int64."""

NO_MARKS = (np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64))
LEAST, MOST = -(2**63), 2**63 - 1


def row_of(names: Names, event: Any) -> tuple[Row, Marks]:
    """An event as numbers; the account and the owner of a deposit receive theirs.

    Errors: DomainError if it is no event of the law, or a number of it is not a whole one of 64 bits.
    """
    kind = CODE_OF_CLASS.get(type(event).__name__)
    if kind is None:
        raise DomainError("event", type(event).__name__, f"one of {', '.join(CODE_OF_CLASS)}")
    x, y, account, other = FIELDS[kind]
    numbers = [_number(field, getattr(event, field) if field else 0) for field in ("time", x, y)]
    owner = pool = market = NO_NAME
    if kind == DEPOSIT:
        names.intern_accounts([event.account])
        if event.owner:
            names.intern_owners([event.owner])
            owner = names.owner_ids[event.owner]
        if event.pool:
            pool = names.pool_ids.get(event.pool, UNKNOWN)
    elif kind in (FUND_DEPOSIT, FEE_WITHDRAWAL):
        pool = names.pool_ids.get(event.pool, UNKNOWN)
    elif kind in (ORDER, TRADE, FUNDING, FILL):
        market = names.market_ids.get(event.market, UNKNOWN)
    row = (
        kind,
        numbers[0],
        names.account_ids.get(getattr(event, account), UNKNOWN) if account else UNKNOWN,
        names.account_ids.get(getattr(event, other), UNKNOWN) if other else UNKNOWN,
        market,
        owner,
        pool,
        SIDES.get(event.side, UNKNOWN) if kind == TRADE else UNKNOWN,
        numbers[1],
        numbers[2],
    )
    return row, _marks_of(names, event) if kind == PRICES else NO_MARKS


def _number(field: str, number: Any) -> int:
    """A number of an event. Errors: DomainError."""
    if type(number) is not int:
        raise DomainError(field, number, "whole numbers")
    if not LEAST <= number <= MOST:
        raise DomainError(field, number, "whole numbers of 64 bits")
    return number


def _marks_of(names: Names, event: Any) -> Marks:
    named = sorted(event.marks)
    return (
        np.array([names.market_ids.get(name, UNKNOWN) for name in named], dtype=np.int32),
        np.array([_number(f"marks.{name}", event.marks[name]) for name in named], dtype=np.int64),
    )


def batch_of(names: Names, events: Sequence[Any]) -> Batch:
    """Events as the columns of a batch, in their order. Errors: as row_of."""
    rows: list[Row] = []
    markets = [NO_MARKS[0]]
    prices = [NO_MARKS[1]]
    first = [0]
    for event in events:
        row, marks = row_of(names, event)
        rows.append(row)
        markets.append(marks[0])
        prices.append(marks[1])
        first.append(first[-1] + len(marks[0]))
    columns: list[Sequence[int]] = list(zip(*rows, strict=True)) if rows else [()] * 10
    keys = ("type", "time", "account", "other", "market", "owner", "pool", "side", "x", "y")
    return Batch(
        **{key: np.array(column, dtype=BATCH_TYPES[key]) for key, column in zip(keys, columns, strict=True)},
        first_mark=np.array(first, dtype=np.int64),
        mark_market=np.concatenate(markets),
        mark_price=np.concatenate(prices),
    )
