"""The watch over one history: every invariant after every event, the totals and the samples now and then."""

from marginspec.search.choices import Choices
from marginspec.search.invariants.samples import (
    bankruptcy_price_leaves_less_than_a_tick,
    canonical_form_is_faithful,
    liquidation_price_is_the_first_tick,
    order_of_accounts_does_not_matter,
    published_form_is_equal,
    spoilt_books_are_noticed,
)
from marginspec.search.invariants.step import STEP_INVARIANTS, TOTAL_INVARIANTS, Step, Violation
from refmodel.events import Event
from refmodel.margin import standing_of
from refmodel.outcome import Outcome
from refmodel.state import Venue
from refmodel.venue import apply

CANONICAL_EVERY = 100
"""Steps between two checks of the canonical form, which writes the whole venue out."""
TOTALS_EVERY = 20
"""Steps between two checks of the totals."""


class Watch:
    """The invariants along one history.

    check(event, outcome) after every event answers with the first violation, or None.

    choices          decide what the samples look at
    totals_every     events between two checks of the totals
    canonical_every  events between two checks of the canonical form
    """

    def __init__(
        self,
        venue: Venue,
        choices: Choices,
        totals_every: int = TOTALS_EVERY,
        canonical_every: int = CANONICAL_EVERY,
    ) -> None:
        self.venue = venue
        self.choices = choices
        self.totals_every = totals_every
        self.canonical_every = canonical_every
        self.steps = 0
        self.standings = {name: standing_of(venue, account) for name, account in venue.accounts.items()}

    def check(self, event: Event, outcome: Outcome) -> Violation | None:
        """Check one step and move on to the venue after it."""
        step = Step(self.venue, event, outcome, self.standings)
        for sentence, (theorem, holds) in STEP_INVARIANTS.items():
            found = holds(step)
            if found is not None:
                return Violation(theorem, sentence, found)
        self.steps += 1
        self.standings.update(step.standings_after)
        before, self.venue = self.venue, outcome.venue
        if self.steps % self.totals_every == 0:
            violation = self.check_totals()
            if violation is not None:
                return violation
        return self.check_samples(before, event, outcome)

    def check_totals(self) -> Violation | None:
        """Check the whole venue; to be called at the end of a history as well."""
        for sentence, (theorem, holds) in TOTAL_INVARIANTS.items():
            found = holds(self.venue)
            if found is not None:
                return Violation(theorem, sentence, found)
        for name, account in self.venue.accounts.items():
            if self.standings[name] != standing_of(self.venue, account):
                return Violation("A5", "who_is_not_posted_to_keeps_its_standing", f"not {name}")
        return None

    def check_samples(self, before: Venue, event: Event, outcome: Outcome) -> Violation | None:
        """What is too dear for every event: asked of some of them."""
        if self.choices.chance(20_000) and apply(before, event) != outcome:
            return Violation("A5", "the_same_event_has_the_same_outcome", "asked twice, two answers")
        if self.choices.chance(30_000):
            found = order_of_accounts_does_not_matter(before, event, outcome)
            if found is not None:
                return Violation("D8", "order_of_accounts_does_not_matter", found)
        if self.choices.chance(20_000) and outcome.postings:
            found = spoilt_books_are_noticed(self.choices, self.venue, outcome.postings)
            if found is not None:
                return Violation("A1", "spoilt_books_are_noticed", found)
        if self.choices.chance(60_000):
            violation = self.sample_position()
            if violation is not None:
                return violation
        if self.steps % self.canonical_every == 0:
            found = canonical_form_is_faithful(self.venue, event)
            if found is not None:
                return Violation("EVT-4", "canonical_form_is_faithful", found)
        return None

    def sample_position(self) -> Violation | None:
        """One position: its liquidation price, and the published form of its schedule."""
        held = [(name, market) for name, one in self.venue.accounts.items() for market in one.positions]
        if not held:
            return None
        name, market = self.choices.pick(held)
        found = liquidation_price_is_the_first_tick(self.choices, self.venue, name, market)
        if found is not None:
            return Violation("D10", "liquidation_price_is_the_first_tick", found)
        found = bankruptcy_price_leaves_less_than_a_tick(self.venue, name, market)
        if found is not None:
            return Violation("D5", "bankruptcy_price_leaves_less_than_a_tick", found)
        found = published_form_is_equal(self.venue, name, market)
        if found is not None:
            return Violation("B3", "published_form_is_equal", found)
        return None
