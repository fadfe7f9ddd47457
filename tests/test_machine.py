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
from marginspec.search.draw_liquidation import draw_fill, draw_takeover
from marginspec.search.draw_money import (
    draw_backstop_deposit,
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
from marginspec.search.scene import OWNERS, Drawer, draw_scene, draw_start
from marginspec.story import format_event, format_outcome
from marginspec.strategies import DrawnChoices
from refmodel.events import Deposit, Event, Order, Prices, Trade
from refmodel.liquidation import waiting
from refmodel.margin import FLAT, HEALTHY, LIQUIDATABLE, MARGIN_CALL, standing_of, status
from refmodel.stages import FILL, STAGES_IN_ORDER, TAKEOVER
from refmodel.state import CROSS, genesis
from refmodel.trading import BUY
from refmodel.venue import apply
from tests.conftest import put_in_place
from tests.support import reaches

REACHED: Counter[str] = Counter()
"""What the runs of a machine came to, for the test that measures it."""


class VenueMachine(RuleBasedStateMachine):
    """A drawn venue that is asked for one thing after the other."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """A policy, its scene, and the venue it starts from: first marks, and mostly two who hold a position.

        Without the latter Hypothesis rarely comes to one, and so neither to a liquidation nor to a deficit.
        """
        choices = DrawnChoices(data.draw)
        self.scene = draw_scene(choices, draw_policy(choices))
        self.venue = draw_start(choices, self.scene) or genesis(self.scene.policy)
        self.watch = Watch(self.venue, choices, totals_every=10**9, canonical_every=25)
        self.step(Prices(self.venue.clock, opening_marks(choices, self.venue, self.scene)))
        if self.venue.marks and not choices.chance(200_000):
            self.open(choices.pick(tuple(self.venue.marks)), choices.pick((1, 3, 10)))

    def open(self, market: str, leverage: int) -> None:
        """Somebody buys the usual lots of a market from somebody else; either has a part of their value."""
        now, lots, mark = self.venue.clock, self.scene.lots[market], self.venue.marks[market]
        for name, owner in zip(("a1", "a2"), OWNERS, strict=False):
            self.step(Deposit(now, name, self.scene.money // leverage + 1, owner, CROSS))
        self.step(Order(now, "a1", market, buys=0, sells=lots))
        self.step(Trade(now, market, taker="a2", maker="a1", side=BUY, lots=lots, price=mark))

    def step(self, event: Event) -> None:
        """Apply an event and check every claim about it."""
        outcome = apply(self.venue, event)
        REACHED["accepted" if outcome.refusal is None else "refused"] += 1
        REACHED.update({getattr(posting, "stage", "") for posting in outcome.postings} & set(STAGES_IN_ORDER))
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
        """A mark at which a margin or an equity ends, or a tick beside it; mostly somebody acts on it."""
        choices = DrawnChoices(data.draw)
        holders = [(name, market) for name, one in self.venue.accounts.items() for market in one.positions]
        name, market = choices.pick(holders)
        tick = choices.pick((margin_tick, last_tick))(self.venue, name, market)
        if tick is not None:
            price = max(1, min(tick + choices.pick((0, 1, -1)), self.venue.policy.markets[market].price_max))
            self.step(Prices(self.venue.clock, {market: price}))
            if waiting(self.venue) and not choices.chance(300_000):
                self.asked(data, choices.pick((draw_fill, draw_takeover)))

    @precondition(lambda self: any(account.positions for account in self.venue.accounts.values()))
    @rule(data=st.data())
    def funding(self, data: st.DataObject) -> None:
        self.asked(data, draw_funding)

    @precondition(lambda self: waiting(self.venue))
    @rule(data=st.data())
    def fill(self, data: st.DataObject) -> None:
        self.asked(data, draw_fill)

    @precondition(lambda self: waiting(self.venue))
    @rule(data=st.data())
    def takeover(self, data: st.DataObject) -> None:
        self.asked(data, draw_takeover)

    @rule(data=st.data())
    def backstop_deposit(self, data: st.DataObject) -> None:
        self.asked(data, draw_backstop_deposit)

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


BELOW_A_MARGIN = (LIQUIDATABLE, MARGIN_CALL)
CLOSED_BY_OTHERS = (FILL, TAKEOVER)
CLASSES = {
    "accepted": ("accepted",),
    "refused": ("refused",),
    "flat": (FLAT,),
    "healthy": (HEALTHY,),
    "below a margin": BELOW_A_MARGIN,
    "closed by others": CLOSED_BY_OTHERS,
    "a deficit resolved": tuple(stage for stage in STAGES_IN_ORDER if stage not in CLOSED_BY_OTHERS),
}


@reaches(*CLASSES)
def test_no_sequence_of_events_breaks_a_claim(reached: Callable[[str], None]) -> None:
    REACHED.clear()
    run_state_machine_as_test(VenueMachine, settings=settings(max_examples=400, stateful_step_count=30))
    for name, seen in CLASSES.items():
        if any(REACHED[each] for each in seen):
            reached(name)


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
