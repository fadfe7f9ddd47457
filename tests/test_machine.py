"""The state machine. Goal: no sequence of events that Hypothesis thinks of breaks a claim, and if one does,
it comes out short. Method: the generators of the campaign, driven by Hypothesis; all invariants after a step.

HYPOTHESIS_PROFILE=explore draws anew, far more, and keeps what broke in .hypothesis/examples.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import refmodel.trading
from marginspec.search.draw_events import draw_event, draw_fault, draw_time
from marginspec.search.draw_money import (
    draw_deposit,
    draw_fee_withdrawal,
    draw_fund_deposit,
    draw_transfer,
    draw_withdraw,
)
from marginspec.search.draw_policy import draw_policy
from marginspec.search.draw_prices import draw_funding, draw_prices, last_tick, margin_tick, opening_marks
from marginspec.search.draw_trades import draw_order, draw_trade
from marginspec.search.invariants import TOTAL_INVARIANTS, Watch
from marginspec.search.scene import Drawer, draw_scene, draw_start
from marginspec.search.strategies import DrawnChoices
from marginspec.story import format_event, format_outcome
from refmodel.events import Event, Prices
from refmodel.margin import LIQUIDATABLE, MARGIN_CALL, standing_of, status
from refmodel.state import genesis
from refmodel.venue import apply
from tests.conftest import put_in_place
from tests.support import reaches

REACHED: Counter[str] = Counter()
"""What the runs of a machine came to, for the test that measures it."""


class VenueMachine(RuleBasedStateMachine):
    """A drawn venue that is asked for one thing after the other."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """A policy, its scene, and the venue it starts from, with the first marks of some markets."""
        choices = DrawnChoices(data.draw)
        self.scene = draw_scene(choices, draw_policy(choices))
        self.venue = draw_start(choices, self.scene) or genesis(self.scene.policy)
        self.watch = Watch(self.venue, choices, totals_every=10**9, canonical_every=25)
        self.step(Prices(self.venue.clock, opening_marks(choices, self.venue, self.scene)))

    def step(self, event: Event) -> None:
        """Apply an event and check every claim about it."""
        outcome = apply(self.venue, event)
        REACHED["accepted" if outcome.refusal is None else "refused"] += 1
        violation = self.watch.check(event, outcome)
        line = f"{format_event(event, self.venue.clock)}: {format_outcome(outcome)}"
        assert violation is None, f"{line}\n{violation}"
        self.venue = outcome.venue
        for account in self.venue.accounts.values():
            REACHED[status(standing_of(self.venue, account), self.venue.policy.trigger)] += 1

    def asked(self, data: st.DataObject, drawer: Drawer) -> None:
        """Draw an event of one kind from the state, and apply it."""
        choices = DrawnChoices(data.draw)
        # What the samples of the watch look at is drawn like everything else, so that it shrinks as well.
        self.watch.choices = choices
        self.step(drawer(choices, self.venue, self.scene, draw_time(choices, self.venue)))

    @rule(data=st.data())
    def deposit(self, data: st.DataObject) -> None:
        self.asked(data, draw_deposit)

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        self.asked(data, draw_withdraw)

    @rule(data=st.data())
    def transfer(self, data: st.DataObject) -> None:
        self.asked(data, draw_transfer)

    @precondition(lambda self: self.traders() > 0)
    @rule(data=st.data())
    def order(self, data: st.DataObject) -> None:
        self.asked(data, draw_order)

    @precondition(lambda self: any(account.orders for account in self.venue.accounts.values()))
    @rule(data=st.data())
    def trade(self, data: st.DataObject) -> None:
        self.asked(data, draw_trade)

    @rule(data=st.data())
    def prices(self, data: st.DataObject) -> None:
        self.asked(data, draw_prices)

    @precondition(lambda self: any(account.positions for account in self.venue.accounts.values()))
    @rule(data=st.data())
    def prices_to_the_edge(self, data: st.DataObject) -> None:
        """A mark at which somebody's margin or equity ends, or a tick beside it."""
        choices = DrawnChoices(data.draw)
        holders = [(name, market) for name, one in self.venue.accounts.items() for market in one.positions]
        name, market = choices.pick(holders)
        tick = choices.pick((margin_tick, last_tick))(self.venue, name, market)
        if tick is not None:
            price = max(1, min(tick + choices.pick((0, 1, -1)), self.venue.policy.markets[market].price_max))
            self.step(Prices(self.venue.clock, {market: price}))

    @precondition(lambda self: any(account.positions for account in self.venue.accounts.values()))
    @rule(data=st.data())
    def funding(self, data: st.DataObject) -> None:
        self.asked(data, draw_funding)

    @rule(data=st.data())
    def fund_deposit(self, data: st.DataObject) -> None:
        self.asked(data, draw_fund_deposit)

    @precondition(lambda self: any(pool.fee_pool for pool in self.venue.pools.values()))
    @rule(data=st.data())
    def fee_withdrawal(self, data: st.DataObject) -> None:
        self.asked(data, draw_fee_withdrawal)

    @rule(data=st.data())
    def fault(self, data: st.DataObject) -> None:
        choices = DrawnChoices(data.draw)
        event = draw_event(choices, self.venue, self.scene)
        self.step(draw_fault(choices, self.venue, event))

    def traders(self) -> int:
        """Accounts that are no backstops."""
        return len(self.venue.accounts) - len(self.venue.pools)

    @invariant()
    def the_whole_venue_is_sound(self) -> None:
        for sentence, (theorem, holds) in TOTAL_INVARIANTS.items():
            found = holds(self.venue)
            assert found is None, f"{theorem} {sentence}: {found}"


@reaches("accepted", "refused", "flat", "healthy", "below a margin")
def test_no_sequence_of_events_breaks_a_claim(reached: Callable[[str], None]) -> None:
    REACHED.clear()
    run_state_machine_as_test(VenueMachine, settings=settings(max_examples=120, stateful_step_count=30))
    for name in ("accepted", "refused", "flat", "healthy"):
        if REACHED[name]:
            reached(name)
    if REACHED[LIQUIDATABLE] or REACHED[MARGIN_CALL]:
        reached("below a margin")


def test_a_fault_planted_in_the_law_is_found_by_the_machine() -> None:
    def fee_rounded_down(amount: int, rate: int) -> int:
        return amount * rate // 1_000_000

    law: Any = refmodel.trading.fee
    put_in_place(law, fee_rounded_down)
    try:
        with pytest.raises(AssertionError, match="what_is_credited_is_what_was_charged"):
            run_state_machine_as_test(
                VenueMachine,
                settings=settings(
                    max_examples=300,
                    stateful_step_count=30,
                    suppress_health_check=list(HealthCheck),
                    phases=(Phase.generate,),  # making it short takes minutes; the campaign's tests do that
                ),
            )
    finally:
        put_in_place(fee_rounded_down, law)
