"""Traces: a history that breaks a claim, made as short and as plain as it gets, and kept in a file.

Shrinking is delta debugging: leave out ever smaller runs of events as long as the same claim breaks, then
put plainer amounts in place of those that are left. A trace file holds everything that a replay needs.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from marginspec.documents import trace_document, write_json
from marginspec.ledger import transfers
from marginspec.screen import aligned
from marginspec.search.choices import Choices, EagerChoices, IdleChoices
from marginspec.search.invariants import Violation, Watch
from marginspec.search.merge_events import Fails, with_fewer_accounts, with_merged_events
from marginspec.story import tell
from refmodel.events import Event, Prices
from refmodel.policy import Policy
from refmodel.postings import Place, Postings
from refmodel.state import Venue, genesis
from refmodel.venue import apply

TRIALS_MOST = 6_000
"""Histories tried for shrinking one; what is reached by then is the answer. Counted, so that the same history
always shrinks to the same."""


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


def shrink_events(events: tuple[Event, ...], fails: Fails) -> tuple[Event, ...]:
    """A shorter and plainer history that still fails.

    fails    whether a history breaks the same claim; it must for the events given
    returns  events none of which can be left out or be put more plainly, as far as time allows
    """
    trials = 0

    def fails_in_time(tried: tuple[Event, ...]) -> bool:
        nonlocal trials
        trials += 1
        return trials <= TRIALS_MOST and fails(tried)

    before: tuple[Event, ...] = ()
    while events != before and trials < TRIALS_MOST:
        before = events
        events = without_needless(events, fails_in_time)
        events = with_plainer_amounts(events, fails_in_time)
        if events == before:
            events = with_fewer_accounts(events, fails_in_time)
            events = with_merged_events(events, fails_in_time)
    return events


def without_needless(events: tuple[Event, ...], fails: Fails) -> tuple[Event, ...]:
    """Leave out runs of events: half of them, a quarter, down to single ones."""
    run = max(1, len(events) // 2)
    while True:
        position = 0
        while position < len(events):
            shorter = events[:position] + events[position + run :]
            if fails(shorter):
                events = shorter
            else:
                position += run
        if run == 1:
            return events
        run = run // 2


def with_plainer_amounts(events: tuple[Event, ...], fails: Fails) -> tuple[Event, ...]:
    """Leave out marks, and put a smaller amount in the place of each, as long as the history fails."""
    for position, event in enumerate(events):
        for market in marks_of(event):
            fewer = with_event(events, position, without_mark(events[position], market))
            if len(marks_of(events[position])) > 1 and fails(fewer):
                events = fewer
        for key in amounts_of(events[position]):
            events = with_least_amount(events, position, key, fails)
    return events


def with_least_amount(
    events: tuple[Event, ...], position: int, key: tuple[str, str], fails: Fails
) -> tuple[Event, ...]:
    """The history with one amount as small as a few trials find."""

    def tried_with(amount: int) -> tuple[Event, ...]:
        return with_event(events, position, with_amount(events[position], key, amount))

    amount = amounts_of(events[position])[key]
    return tried_with(least(amount, lambda tried: fails(tried_with(tried))))


def with_event(events: tuple[Event, ...], position: int, event: Event) -> tuple[Event, ...]:
    """The history with another event in one place."""
    return (*events[:position], event, *events[position + 1 :])


def marks_of(event: Event) -> tuple[str, ...]:
    """The markets to which an event gives a mark."""
    return tuple(event.marks) if isinstance(event, Prices) else ()


def without_mark(event: Event, market: str) -> Event:
    """Prices without the mark of one market."""
    assert isinstance(event, Prices)
    return replace(event, marks={name: price for name, price in event.marks.items() if name != market})


def amounts_of(event: Event) -> dict[tuple[str, str], int]:
    """The whole numbers of an event: by field, and for marks by market."""
    amounts = {
        (field.name, ""): value for field in fields(event) if type(value := getattr(event, field.name)) is int
    }
    if isinstance(event, Prices):
        amounts.update({("marks", market): price for market, price in event.marks.items()})
    return amounts


def with_amount(event: Event, key: tuple[str, str], amount: int) -> Event:
    """The event with another whole number in one place."""
    field, market = key
    if isinstance(event, Prices) and field == "marks":
        return replace(event, marks={**event.marks, market: amount})
    changed: dict[str, Any] = {field: amount}
    return replace(event, **changed)


def least(amount: int, works: Callable[[int], bool]) -> int:
    """An amount of the same sign that works, as small as a few trials find: 0, 1 or 2, else by halving.

    amount  works
    """
    sign = -1 if amount < 0 else 1
    size = abs(amount)
    too_small = -1
    for tried in (0, 1, 2):
        if tried < size:
            if works(sign * tried):
                return sign * tried
            too_small = tried
    if too_small < size - 1 and not works(sign * (size - 1)):
        return sign * size
    while size - too_small > 1:
        middle = (size + too_small) // 2
        if works(sign * middle):
            size = middle
        else:
            too_small = middle
    return sign * size


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
    """A trace as a story, the transfers of its last event as a table, and what is wrong as the last line."""
    told = [tell(trace.policy, trace.start, trace.events)]
    told += transfer_lines(trace)
    return "\n".join((*told, f"  found: {trace.found}"))


def transfer_lines(trace: Trace) -> list[str]:
    """Who paid whom in the last event of a trace; nothing if it moved nothing."""
    venue = genesis(trace.policy) if trace.start is None else trace.start
    postings: Postings = ()
    try:
        for event in trace.events:
            outcome = apply(venue, event)
            venue, postings = outcome.venue, outcome.postings
        found = transfers(postings)
    except Exception as error:
        return [f"  no transfers: {type(error).__name__} {error}".rstrip()]
    if not found:
        return []
    rows = [
        (
            *(each.stage, each.rule, place_in_words(each.payer), place_in_words(each.payee)),
            *(f"{each.amount:_}", each.unit),
        )
        for each in found
    ]
    return ["", aligned(("stage", "rule", "from", "to", "amount", "unit"), rows, right=(4,))]


def place_in_words(place: Place) -> str:
    """A place as the chapters write it: `wallet a1`, `open_cost a1 BTC-PERP`, `fund cross`, `custody`."""
    return " ".join(word for word in (place.kind, place.holder, place.market) if word)
