"""What a broken gap rule costs (POL-9): theorem C1a with the user's own numbers, and the account that fails.

An account exactly at its maintenance margin must survive as many gaps of the mark as may pass before it is
looked at. Where the lowest maintenance rate is below their distance, the smallest position that does not
survive them is found by asking the law itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from refmodel.canonical import digest
from refmodel.events import Deposit, Event, Order, Prices, Trade
from refmodel.gap import gap_of_moves
from refmodel.margin import notional, requirement
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks, ceil_div, floor_div, largest_count
from refmodel.policy import AT_OR_BELOW, Market, Policy
from refmodel.state import CROSS, genesis
from refmodel.trading import SELL, fee
from refmodel.validity import TOUCH_MOVES_MAX, lowest_rate, lowest_rate_key
from refmodel.venue import apply

THEOREM = "C1a-position"
MOVES_MAX = 20_000
"""First moves tried for one size. The first that can do harm is computed, so one is mostly enough."""


@dataclass(frozen=True, slots=True)
class Story:
    """The smallest account that the moves between two looks leave with less than nothing.

    policy        reduced to the one market, so that the trace is short
    key           of the lowest maintenance rate in the policy file
    rate          lowest maintenance rate, ppm
    slack         quanta above the margin at which the account is not yet liquidatable: 0 or 1
    gap           largest single move, ppm
    needed        distance of all moves between two looks (GAP-4), ppm: the gap if there is one
    marks         after each move, the last that which does the harm
    entry         mark at which the account sells, lower than `mark`
    events        from the first deposit to the last move; none if the policy refuses them for other reasons
    digest        of the venue at the end
    """

    policy: Policy
    name: str
    key: str
    rate: Ppm
    gap: Ppm
    needed: Ppm
    penalty: Ppm
    slack: Quanta
    lots: Lots
    mark: Ticks
    marks: tuple[Ticks, ...]
    entry: Ticks
    maintenance: Quanta
    equity: Quanta
    equity_after: Quanta
    events: tuple[Event, ...]
    digest: str

    @property
    def mark_after(self) -> Ticks:
        """The mark after the last move."""
        return self.marks[-1]

    @property
    def smaller_gap(self) -> Ppm:
        """The largest gap of which so many moves are within the rate; 0 if none is."""
        moves = self.policy.markets[self.name].touch_moves
        return largest_count(self.rate, lambda gap: gap_of_moves(gap, moves) <= self.rate)

    @property
    def theorem(self) -> str:
        """The command that shows theorem C1a at these numbers: its premise POL-9 is what fails."""
        values = {
            "size": -self.lots,
            "mark": self.mark,
            "mark_after": self.mark_after,
            "multiplier": self.policy.markets[self.name].multiplier,
            "gap": self.needed,
            "rate": self.rate,
        }
        at = " ".join(f"{key}={value}" for key, value in values.items())
        return f"marginspec prove {THEOREM} --at {at}"

    @property
    def rate_with_penalty(self) -> Ppm:
        """The least maintenance rate with which the moves leave enough for the penalty too (C1b)."""
        return ceil_div(self.needed * PPM + self.penalty * (PPM + self.needed), PPM)


def cost_of_gap(policy: Policy, name: str) -> Story | None:
    """What it costs that a market's lowest maintenance rate is below the gap of all moves between two looks.

    returns  the story, or None: the rate covers the moves, or none of whole ticks within the gap and the
             market's limits do harm
    """
    market = policy.markets[name]
    rate = lowest_rate(market.maintenance)
    if market.gap < 1 or not 1 <= market.touch_moves <= TOUCH_MOVES_MAX:
        return None
    needed = gap_of_moves(market.gap, market.touch_moves)
    if not 0 <= rate < needed:
        return None
    slack = 1 if policy.trigger == AT_OR_BELOW else 0
    found = _smallest(market, needed - rate, slack)
    if found is None:
        return None
    lots, mark, marks = found
    value = notional(lots, mark, market.multiplier)
    maintenance = requirement(market.maintenance, lots, value)
    equity = maintenance + slack
    limits = {pool: limit for pool, limit in policy.draw_limits.items() if pool == CROSS}
    alone = replace(policy, isolated=(), draw_limits=limits, markets={name: market})
    entry = _entry(market, lots, mark, equity, slack)
    events = _events(alone, name, lots, (entry, mark, *marks), equity, slack)
    digest_after = _digest_after(alone, events)
    return Story(
        policy=alone,
        name=name,
        key=lowest_rate_key(name, market),
        rate=rate,
        gap=market.gap,
        needed=needed,
        penalty=market.liquidation.penalty,
        slack=slack,
        lots=lots,
        mark=mark,
        marks=marks,
        entry=entry,
        maintenance=maintenance,
        equity=equity,
        equity_after=equity - notional(lots, marks[-1] - mark, market.multiplier),
        events=events if digest_after else (),
        digest=digest_after,
    )


def _sizes(size_max: Lots) -> Iterator[Lots]:
    """Every size up to a hundred lots, then each double of the one before."""
    lots = 1
    while lots <= size_max:
        yield lots
        lots = lots + 1 if lots < 100 else 2 * lots


def _smallest(market: Market, too_little: Ppm, slack: Quanta) -> tuple[Lots, Ticks, tuple[Ticks, ...]] | None:
    """The fewest lots, then the lowest mark, at which moves within the gap cost more than the margin.

    too_little  ppm by which the lowest rate is below the distance of all moves
    returns     lots, the mark before the first move, and the mark after each
    Moves of d ticks of q lots can do harm only if q x d x multiplier is at least rate x notional + slack + 1,
    so from the notional (slack + 1) x PPM / too_little on; the lowest mark that lets the first move be d
    ticks is d x PPM / gap.
    """
    if market.multiplier < 1:
        return None
    least_value = ceil_div((slack + 1) * PPM, too_little)
    for lots in _sizes(market.size_max):
        unit = lots * market.multiplier
        least_mark = max(market.price_min, ceil_div(least_value, unit), 1)
        first = max(floor_div(market.gap * least_mark, PPM), 1)
        for move in range(first, first + MOVES_MAX):
            mark = max(least_mark, ceil_div(move * PPM, market.gap))
            if mark + move > market.price_max:
                break
            bearable = requirement(market.maintenance, lots, mark * unit) + slack
            marks = _marks(market, mark, floor_div(bearable, unit))
            if marks:
                return lots, mark, marks
    return None


def _marks(market: Market, mark: Ticks, bearable: Ticks) -> tuple[Ticks, ...]:
    """The marks after each of the largest moves, up to the first that is further than what can be borne.

    bearable  ticks
    returns   empty if the moves between two looks, or the market's highest price, end before
    """
    marks: list[Ticks] = []
    at = mark
    for _ in range(market.touch_moves):
        at += floor_div(market.gap * at, PPM)
        if at > market.price_max:
            return ()
        marks.append(at)
        if at - mark > bearable:
            return tuple(marks)
    return ()


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
    marks: tuple[Ticks, ...],
    equity: Quanta,
    slack: Quanta,
) -> tuple[Event, ...]:
    """A seller that is at its margin when the mark is the second, and what the marks after it do to it."""
    market = policy.markets[name]
    entry, mark = marks[:2]
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
        *(Prices(6 + number, {name: price}) for number, price in enumerate(marks[1:])),
    )


def _digest_after(policy: Policy, events: Sequence[Event]) -> str:
    """The digest of the venue once the last event has made the seller bankrupt; empty if it has not.

    The seller is closed out by then, and flat (INV-1).
    """
    venue = genesis(policy)
    for event in events:
        if "seller" in venue.accounts and event is events[-1] and not venue.accounts["seller"].positions:
            return ""
        outcome = apply(venue, event)
        if outcome.refusal is not None:
            return ""
        venue = outcome.venue
    seller = venue.accounts["seller"]
    return digest(venue) if not seller.positions and seller.wallet == 0 else ""
