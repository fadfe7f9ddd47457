"""Shrinking by merging: one account in place of two, one event in place of two that ask for parts of a sum.

Leaving out one of them breaks the other, so that delta debugging alone would keep both.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from itertools import permutations
from typing import Any

from refmodel.events import Deposit, Event

Fails = Callable[[tuple[Event, ...]], bool]
"""Whether a history still breaks what it is to break."""

ACCOUNTS = ("account", "counterparty", "source", "target", "taker", "maker")
"""Fields of events that name an account."""
SUMMED = ("amount", "lots", "buys", "sells")
"""Fields of which one event may ask what two asked for."""


def with_fewer_accounts(events: tuple[Event, ...], fails: Fails) -> tuple[Event, ...]:
    """The history with one account in the place of two, where it still fails."""
    for one, other in permutations(accounts_named(events), 2):
        if {one, other}.issubset(accounts_named(events)):
            tried = tuple(renamed(event, one, other) for event in events)
            if fails(tried):
                events = tried
    return events


def accounts_named(events: tuple[Event, ...]) -> tuple[str, ...]:
    """The accounts that events name, each once, in the order in which they are named."""
    named = (getattr(event, field, None) for event in events for field in ACCOUNTS)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def renamed(event: Event, one: str, other: str) -> Event:
    """The event with another account in the place of one; a deposit does not open it a second time."""
    changed: dict[str, Any] = {name: other for name in ACCOUNTS if getattr(event, name, None) == one}
    if changed and isinstance(event, Deposit):
        changed |= {"owner": "", "pool": ""}
    return replace(event, **changed)


def with_merged_events(events: tuple[Event, ...], fails: Fails) -> tuple[Event, ...]:
    """One event in place of two of a kind that name the same: it asks for the sum of both, at the place, the
    time and the price of the first or of the second."""
    first = 0
    while first < len(events):
        second = first + 1
        while second < len(events):
            shorter = next(filter(fails, merged_events(events, first, second)), None)
            if shorter is None:
                second += 1
            else:
                events = shorter
        first += 1
    return events


def merged_events(events: tuple[Event, ...], first: int, second: int) -> list[tuple[Event, ...]]:
    """The histories in which one event stands for these two; none if they are about different things."""
    one, other = events[first], events[second]
    asked: dict[str, Any] = {
        name: getattr(one, name) + getattr(other, name, 0) for name in SUMMED if hasattr(one, name)
    }
    if not asked or named_by(one) != named_by(other):
        return []
    if isinstance(one, Deposit):
        asked |= {"owner": one.owner, "pool": one.pool}
    before, between, after = events[:first], events[first + 1 : second], events[second + 1 :]
    return [
        (*before, replace(one, **asked), *between, *after),
        (*before, *between, replace(other, **asked), *after),
    ]


def named_by(event: Event) -> tuple[object, ...]:
    """The kind of an event, and whom and what it names; who opens an account apart."""
    names = (field.name for field in fields(event) if field.name not in ("owner", "pool"))
    return (type(event), *(value for name in names if isinstance(value := getattr(event, name), str)))
