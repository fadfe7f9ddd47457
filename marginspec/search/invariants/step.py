"""What invariants are written with: a step, a violation, and the lists in which each invariant stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from refmodel.events import Event, Prices
from refmodel.margin import Standing, standing_of
from refmodel.outcome import Outcome
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


class Step:
    """One event and what it did, with what several invariants want to know about it."""

    __slots__ = ("after", "before", "event", "outcome", "standings_after", "standings_before", "touched")

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
        if outcome.refusal is None:
            # New marks change the standing of every holder, though no account is touched.
            names = self.after.accounts if isinstance(event, Prices) else self.touched
            for name in names:
                self.standings_after[name] = standing_of(self.after, self.after.accounts[name])


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
