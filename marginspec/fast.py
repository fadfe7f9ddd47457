"""The engine of the fast path in the law's own types: where both meet, in tools and tests."""

from typing import Any

from fastpath.engine import Engine
from refmodel.canonical import venue_from
from refmodel.outcome import Outcome
from refmodel.postings import (
    AccountOpened,
    ClockSet,
    DrawCounted,
    Entry,
    MarkSet,
    OrdersSet,
    Posting,
)
from refmodel.state import Venue

PlainPosting = tuple[Any, ...]
"""A posting as the engine tells it: fastpath.engine.results.Posting."""


def to_venue(engine: Engine) -> Venue:
    """The venue that an engine holds, exactly."""
    return venue_from(engine.document(), engine.policy)


def plain(entry: Entry) -> PlainPosting:
    """A posting of the law in the form in which the engine tells it."""
    if isinstance(entry, Posting):
        place = entry.place
        return ("posting", entry.rule, place.kind, place.holder, place.market, entry.amount, entry.stage)
    if isinstance(entry, OrdersSet):
        return ("orders", entry.rule, entry.account, entry.market, entry.buys, entry.sells, entry.stage)
    if isinstance(entry, DrawCounted):
        return ("drawn", entry.rule, entry.pool, entry.period, entry.drawn, entry.stage)
    if isinstance(entry, MarkSet):
        return ("mark", entry.rule, entry.market, entry.price)
    if isinstance(entry, AccountOpened):
        return ("opened", entry.rule, entry.account, entry.owner, entry.pool)
    assert isinstance(entry, ClockSet)
    return ("clock", entry.rule, entry.time)


def plain_postings(outcome: Outcome) -> tuple[PlainPosting, ...]:
    """What an outcome of the law posted, in the form in which the engine tells it."""
    return tuple(plain(entry) for entry in outcome.postings)
