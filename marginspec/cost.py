"""What a broken gap rule costs (POL-9): theorem C1a with the user's own numbers, and the account that fails.

An account exactly at its maintenance margin must survive one gap of the mark. Where the lowest maintenance
rate is below the gap, the smallest position that does not is found by asking the law itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from refmodel.canonical import digest
from refmodel.events import Deposit, Event, Order, Prices, Trade
from refmodel.margin import notional, requirement
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks, ceil_div, floor_div
from refmodel.outcome import Refusal
from refmodel.policy import AT_OR_BELOW, Market, Policy
from refmodel.state import CROSS, genesis
from refmodel.trading import SELL, fee
from refmodel.validity import lowest_rate, lowest_rate_key
from refmodel.venue import apply

THEOREM = "C1a-position"
MOVES_MAX = 20_000
"""Moves tried for one size. The first that can do harm is computed, so one is mostly enough."""


@dataclass(frozen=True, slots=True)
class Story:
    """The smallest account that one gap of the mark leaves with less than nothing.

    policy        reduced to the one market, so that the trace is short
    key           of the lowest maintenance rate in the policy file
    rate          lowest maintenance rate, ppm
    slack         quanta above the margin at which the account is not yet liquidatable: 0 or 1
    entry         mark at which the account sells, lower than `mark`
    events        from the first deposit to the move; none if the policy refuses them for other reasons
    refusals      what the law says to each; the last is INV-1
    digest        of the venue at the end
    """

    policy: Policy
    name: str
    key: str
    rate: Ppm
    gap: Ppm
    penalty: Ppm
    slack: Quanta
    lots: Lots
    mark: Ticks
    mark_after: Ticks
    entry: Ticks
    maintenance: Quanta
    equity: Quanta
    equity_after: Quanta
    events: tuple[Event, ...]
    refusals: tuple[Refusal | None, ...]
    digest: str

    @property
    def theorem(self) -> str:
        """The command that shows theorem C1a at these numbers: its premise POL-9 is what fails."""
        values = {
            "size": -self.lots,
            "mark": self.mark,
            "mark_after": self.mark_after,
            "multiplier": self.policy.markets[self.name].multiplier,
            "gap": self.gap,
            "rate": self.rate,
        }
        at = " ".join(f"{key}={value}" for key, value in values.items())
        return f"marginspec prove {THEOREM} --at {at}"

    @property
    def rate_with_penalty(self) -> Ppm:
        """The least maintenance rate with which one gap leaves enough for the penalty too (C1b)."""
        return ceil_div(self.gap * PPM + self.penalty * (PPM + self.gap), PPM)


def cost_of_gap(policy: Policy, name: str) -> Story | None:
    """What it costs that a market's lowest maintenance rate is below its gap.

    returns  the story, or None: the rate covers the gap, or no move of whole ticks within the gap and
             the market's limits does harm
    """
    market = policy.markets[name]
    rate = lowest_rate(market.maintenance)
    if not 0 <= rate < market.gap:
        return None
    slack = 1 if policy.trigger == AT_OR_BELOW else 0
    found = _smallest(market, rate, slack)
    if found is None:
        return None
    lots, mark, move = found
    value = notional(lots, mark, market.multiplier)
    maintenance = requirement(market.maintenance, lots, value)
    equity = maintenance + slack
    alone = replace(policy, isolated=(), markets={name: market})
    entry = _entry(market, lots, mark, equity, slack)
    events = _events(alone, name, lots, (entry, mark, mark + move), equity, slack)
    refusals, digest_after = _answers(alone, events)
    return Story(
        policy=alone,
        name=name,
        key=lowest_rate_key(name, market),
        rate=rate,
        gap=market.gap,
        penalty=market.liquidation.penalty,
        slack=slack,
        lots=lots,
        mark=mark,
        mark_after=mark + move,
        entry=entry,
        maintenance=maintenance,
        equity=equity,
        equity_after=equity - notional(lots, move, market.multiplier),
        events=events if refusals else (),
        refusals=refusals,
        digest=digest_after,
    )


def _sizes(size_max: Lots) -> Iterator[Lots]:
    """Every size up to a hundred lots, then each double of the one before."""
    lots = 1
    while lots <= size_max:
        yield lots
        lots = lots + 1 if lots < 100 else 2 * lots


def _smallest(market: Market, rate: Ppm, slack: Quanta) -> tuple[Lots, Ticks, Ticks] | None:
    """The fewest lots, then the lowest mark, at which a move within the gap costs more than the margin.

    A move of d ticks of q lots can do harm only if q x d x multiplier is at least
    rate x notional + slack + 1, so from the notional (slack + 1) x PPM / (gap - rate) on; the lowest mark
    that lets the move be d ticks is d x PPM / gap.
    """
    if min(market.multiplier, market.gap) < 1:
        return None
    least_value = ceil_div((slack + 1) * PPM, market.gap - rate)
    for lots in _sizes(market.size_max):
        unit = lots * market.multiplier
        least_mark = max(market.price_min, ceil_div(least_value, unit), 1)
        first = max(floor_div(market.gap * least_mark, PPM), 1)
        for move in range(first, first + MOVES_MAX):
            mark = max(least_mark, ceil_div(move * PPM, market.gap))
            if mark + move > market.price_max:
                break
            if move * unit > requirement(market.maintenance, lots, mark * unit) + slack:
                return lots, mark, move
    return None


def _entry(market: Market, lots: Lots, mark: Ticks, equity: Quanta, slack: Quanta) -> Ticks:
    """The highest mark at which an account that will have this equity at `mark` may sell; or 0."""
    unit = lots * market.multiplier

    def is_admitted(entry: Ticks) -> bool:
        there = equity + unit * (mark - entry)
        margins = (market.initial, market.maintenance)
        return there >= max(requirement(schedule, lots, unit * entry) for schedule in margins) + slack

    admitted, refused = 0, mark
    while refused - admitted > 1:
        middle = floor_div(admitted + refused, 2)
        if is_admitted(middle):
            admitted = middle
        else:
            refused = middle
    return admitted


def _events(
    policy: Policy,
    name: str,
    lots: Lots,
    marks: tuple[Ticks, Ticks, Ticks],
    equity: Quanta,
    slack: Quanta,
) -> tuple[Event, ...]:
    """A seller that is at its margin when the mark is the second, and what the third does to it."""
    market = policy.markets[name]
    entry, mark, mark_after = marks
    value = notional(lots, entry, market.multiplier)
    seller = equity + notional(lots, mark - entry, market.multiplier) + fee(value, policy.fee_taker)
    margins = (market.initial, market.maintenance)
    needed = max(requirement(schedule, lots, value) for schedule in margins)
    buyer = needed + slack + max(fee(value, policy.fee_maker), 0)
    return (
        Deposit(1, "seller", seller, "alice", CROSS),
        Deposit(2, "buyer", buyer, "bob", CROSS),
        Prices(3, {name: entry}),
        Order(4, "buyer", name, lots, 0),
        Trade(5, name, "seller", "buyer", SELL, lots, entry),
        Prices(6, {name: mark}),
        Prices(7, {name: mark_after}),
    )


def _answers(policy: Policy, events: Sequence[Event]) -> tuple[tuple[Refusal | None, ...], str]:
    """What the law says to each event: nothing, then INV-1; empty if the story does not come about."""
    venue = genesis(policy)
    refusals = []
    for event in events:
        outcome = apply(venue, event)
        venue = outcome.venue
        refusals.append(outcome.refusal)
    last = refusals[-1]
    if any(refusals[:-1]) or last is None or last.rule != "INV-1":
        return (), ""
    return tuple(refusals), digest(venue)
