"""Traces: a history that breaks a claim, made as short and as plain as it gets, and kept in a file.

Shrinking is delta debugging: leave out ever smaller runs of events as long as the same claim breaks, then
put plainer amounts in place of those that are left. A trace file holds everything that a replay needs.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from marginspec.choices import Choices, EagerChoices, IdleChoices
from marginspec.documents import trace_document, write_json
from marginspec.invariants import Violation, Watch
from marginspec.story import tell
from refmodel.events import Event, Prices
from refmodel.policy import Policy
from refmodel.state import Venue, genesis
from refmodel.venue import apply

SECONDS_MOST = 10.0
"""For shrinking one history; what is reached by then is the answer."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A history and what is wrong with it.

    start  the venue before the first event; None is the genesis of the policy
    found  one sentence, for people
    seed   of the campaign that found it
    """

    policy: Policy
    start: Venue | None
    events: tuple[Event, ...]
    found: str
    seed: int


# ------------------------------------------------------------------------------------- what breaks


@dataclass(frozen=True, slots=True)
class Break:
    """Where a history breaks a claim: at the event of this index, 0 the first."""

    index: int
    violation: Violation


def crash(error: Exception) -> Violation:
    """The claim that breaks when the law raises: it is total."""
    return Violation("EVT", "apply_answers_every_event", f"{type(error).__name__} {error}".rstrip())


def first_break(policy: Policy, start: Venue | None, events: tuple[Event, ...]) -> Break | None:
    """The first claim that a history breaks, every invariant asked after every event; None if all hold."""
    return first_break_seen(policy, start, events, EagerChoices("replay"), 1)


def first_break_unsampled(policy: Policy, start: Venue | None, events: tuple[Event, ...]) -> Break | None:
    """The same without what is only sampled: most breaks show without it, and far faster."""
    return first_break_seen(policy, start, events, IdleChoices("replay"), len(events) + 1)


def first_break_seen(
    policy: Policy, start: Venue | None, events: tuple[Event, ...], choices: Choices, canonical_every: int
) -> Break | None:
    """The first claim that a history breaks, as far as these choices look."""
    venue = genesis(policy) if start is None else start
    watch = Watch(venue, choices, totals_every=1, canonical_every=canonical_every)
    for index, event in enumerate(events):
        try:
            outcome = apply(venue, event)
            violation = watch.check(event, outcome)
        except Exception as error:
            return Break(index, crash(error))
        if violation is not None:
            return Break(index, violation)
        venue = outcome.venue
    return None


# ------------------------------------------------------------------------------------- shrinking


Fails = Callable[[tuple[Event, ...]], bool]


def shrink_events(events: tuple[Event, ...], fails: Fails) -> tuple[Event, ...]:
    """A shorter and plainer history that still fails.

    fails    whether a history breaks the same claim; it must for the events given
    returns  events none of which can be left out or be put more plainly, as far as time allows
    """
    deadline = time.monotonic() + SECONDS_MOST
    before: tuple[Event, ...] = ()
    while events != before and time.monotonic() < deadline:
        before = events
        events = without_needless(events, fails, deadline)
        events = with_plainer_amounts(events, fails, deadline)
    return events


def without_needless(events: tuple[Event, ...], fails: Fails, deadline: float) -> tuple[Event, ...]:
    """Leave out runs of events: half of them, a quarter, down to single ones."""
    run = max(1, len(events) // 2)
    while True:
        position = 0
        while position < len(events):
            if time.monotonic() > deadline:
                return events
            shorter = events[:position] + events[position + run :]
            if fails(shorter):
                events = shorter
            else:
                position += run
        if run == 1:
            return events
        run = run // 2


def with_plainer_amounts(events: tuple[Event, ...], fails: Fails, deadline: float) -> tuple[Event, ...]:
    """Put plainer events in the place of each, as long as the history fails."""
    for position in range(len(events)):
        plainer = True
        while plainer:
            plainer = False
            for candidate in plainer_events(events[position]):
                if time.monotonic() > deadline:
                    return events
                changed = (*events[:position], candidate, *events[position + 1 :])
                if fails(changed):
                    events = changed
                    plainer = True
                    break
    return events


def plainer_events(event: Event) -> Iterator[Event]:
    """The event with one amount plainer, the boldest first; each has fewer digits, or more of them 0."""
    for field in fields(event):
        value = getattr(event, field.name)
        if type(value) is int:
            for number in plainer_numbers(value):
                changed: dict[str, Any] = {field.name: number}
                yield replace(event, **changed)
    if isinstance(event, Prices):
        for market, price in event.marks.items():
            if len(event.marks) > 1:
                yield replace(event, marks={name: one for name, one in event.marks.items() if name != market})
            for number in plainer_numbers(price):
                yield replace(event, marks={**event.marks, market: number})


def plainer_numbers(number: int) -> Iterator[int]:
    """Smaller or rounder whole numbers of the same sign; every chain of them ends."""
    sign = -1 if number < 0 else 1
    size = abs(number)
    if size == 0:
        return
    tried = {size}
    candidates = [0, 1, 2, 10]
    candidates += [size // 10**digits * 10**digits for digits in range(len(str(size)) - 1, 0, -1)]
    # Half of it less, a quarter less, down to one less: who needs a least amount is led to it in few steps.
    candidates += [size - (size >> shift) for shift in range(1, size.bit_length())]
    for candidate in candidates:
        if candidate < size and candidate not in tried:
            tried.add(candidate)
            yield sign * candidate


def shrink(policy: Policy, start: Venue | None, events: tuple[Event, ...], seed: int) -> Trace | None:
    """The shortest trace of what a history breaks; None if, replayed, it breaks nothing."""
    broken = first_break(policy, start, events)
    if broken is None:
        return None
    sentence = broken.violation.sentence
    unsampled = first_break_unsampled(policy, start, events)
    quick = unsampled is not None and unsampled.violation.sentence == sentence
    look = first_break_unsampled if quick else first_break

    def fails_from(begin: Venue | None) -> Fails:
        def fails(tried: tuple[Event, ...]) -> bool:
            found = look(policy, begin, tried)
            return found is not None and found.violation.sentence == sentence

        return fails

    events = events[: broken.index + 1]
    if start is not None and fails_from(None)(events):
        start = None
    events = shrink_events(events, fails_from(start))
    final = look(policy, start, events) or broken
    violation = final.violation
    found = f"{violation.theorem} {violation.sentence.replace('_', ' ')}: not so. {violation.detail}"
    return Trace(policy, start, events[: final.index + 1], found, seed)


# ------------------------------------------------------------------------------------- files


def write_trace(trace: Trace, path: Path) -> None:
    """Write a trace file, whole or not at all; documents.read_trace reads it back."""
    document = trace_document(
        trace.policy, trace.events, start=trace.start, found=trace.found, seed=trace.seed
    )
    write_json(path, document)


def story_of(trace: Trace) -> str:
    """A trace as a story, with what is wrong as its last line."""
    return f"{tell(trace.policy, trace.start, trace.events)}\n  found: {trace.found}"
