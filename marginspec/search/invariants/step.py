"""What invariants are written with: a step, a violation, and the lists in which each invariant stands."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from refmodel.events import Event, Funding, Prices
from refmodel.margin import NOTHING_HELD, Standing, standing_of
from refmodel.numbers import PPM, Quanta
from refmodel.outcome import Outcome
from refmodel.postings import LOTS, OPEN_COST, WALLET, ClockSet, MarkSet, Posting
from refmodel.state import Venue


@dataclass(frozen=True, slots=True)
class Violation:
    """A claim that does not hold.

    theorem   its identifier
    sentence  the claim, which is the name of the invariant
    detail    what was found instead, in words and numbers
    """

    theorem: str
    sentence: str
    detail: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a resolution began with: the venue after the prices or the funding of its event, and no more.

    snapshot   worked out from the event, not from the postings
    standings  of every account on the snapshot
    bankrupt   deficit in quanta, by account
    by_stage   quanta by which the postings of a stage change the equity of an account, by both
    """

    snapshot: Venue
    standings: Mapping[str, Standing]
    bankrupt: Mapping[str, Quanta]
    by_stage: Mapping[tuple[str, str], Quanta]


class Step:
    """One event and what it did, with what several invariants want to know about it.

    resolution  None if nobody was bankrupt
    """

    __slots__ = (
        *("after", "before", "event", "outcome", "resolution"),
        *("standings_after", "standings_before", "touched"),
    )

    def __init__(
        self, before: Venue, event: Event, outcome: Outcome, standings_before: Mapping[str, Standing]
    ) -> None:
        self.before = before
        self.event = event
        self.outcome = outcome
        self.after = outcome.venue
        known = before.accounts
        self.touched = tuple(
            name for name, account in self.after.accounts.items() if known.get(name) is not account
        )
        self.standings_before = standings_before
        self.standings_after: dict[str, Standing] = {}
        self.resolution: Resolution | None = None
        if outcome.refusal is None:
            # New marks change the standing of every holder, though no account is touched.
            names = self.after.accounts if isinstance(event, Prices) else self.touched
            for name in names:
                self.standings_after[name] = standing_of(self.after, self.after.accounts[name])
            if isinstance(event, Prices | Funding) and any(map(is_of_resolution, outcome.postings)):
                self.resolution = resolution_of(before, event, outcome)


def is_of_resolution(entry: object) -> bool:
    """Whether an entry is more than what prices or funding post when nobody is bankrupt."""
    if isinstance(entry, Posting):
        return entry.rule != "FUN-3"
    return not isinstance(entry, ClockSet | MarkSet)


def snapshot_of(before: Venue, event: Event) -> Venue:
    """The venue after the prices or the funding of an event, before anything is resolved."""
    if isinstance(event, Prices):
        return replace(before, clock=event.time, marks={**before.marks, **event.marks})
    assert isinstance(event, Funding)
    multiplier = before.policy.markets[event.market].multiplier
    per_lot = event.rate * before.marks[event.market] * multiplier // PPM
    accounts = {
        name: replace(
            account,
            wallet=account.wallet - per_lot * account.positions.get(event.market, NOTHING_HELD).size,
        )
        for name, account in before.accounts.items()
    }
    return replace(before, clock=event.time, accounts=accounts)


def resolution_of(before: Venue, event: Event, outcome: Outcome) -> Resolution:
    """What the resolution in this step began with."""
    snapshot = snapshot_of(before, event)
    standings = {name: standing_of(snapshot, account) for name, account in snapshot.accounts.items()}
    bankrupt = {name: -standing.equity for name, standing in standings.items() if standing.equity < 0}
    return Resolution(snapshot, standings, bankrupt, equity_by_stage(snapshot, outcome.postings))


def equity_by_stage(venue: Venue, postings: Iterable[object]) -> dict[tuple[str, str], Quanta]:
    """By how much the postings of each stage change the equity of each account, at the venue's marks."""
    changes: dict[tuple[str, str], Quanta] = {}
    for entry in postings:
        if not isinstance(entry, Posting) or not entry.stage:
            continue
        place = entry.place
        if place.kind == LOTS:
            worth = venue.marks[place.market] * venue.policy.markets[place.market].multiplier
            change = entry.amount * worth
        elif place.kind in (WALLET, OPEN_COST):
            change = entry.amount
        else:
            continue
        key = (place.holder, entry.stage)
        changes[key] = changes.get(key, 0) + change
    return changes


Invariant = Callable[[Step], str | None]
TotalCheck = Callable[[Venue], str | None]

STEP_INVARIANTS: dict[str, tuple[str, Invariant]] = {}
"""Checked after every event: the theorem and the function, by sentence."""
TOTAL_INVARIANTS: dict[str, tuple[str, TotalCheck]] = {}
"""Checked on the whole venue, every so many events."""


def after_every_event(theorem: str) -> Callable[[Invariant], Invariant]:
    """Say that a function checks this theorem on one step; it answers with what is wrong, or None."""

    def register(function: Invariant) -> Invariant:
        STEP_INVARIANTS[function.__name__] = (theorem, function)
        return function

    return register


def on_the_whole_venue(theorem: str) -> Callable[[TotalCheck], TotalCheck]:
    """Say that a function checks this theorem on a venue at rest."""

    def register(function: TotalCheck) -> TotalCheck:
        TOTAL_INVARIANTS[function.__name__] = (theorem, function)
        return function

    return register
