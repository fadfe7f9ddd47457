"""Insurance (chapter 9): what a pool's fund pays for a bankrupt account, and who takes the lots over.

Rules FND-1, INS-1 to INS-4. The fund pays the gap of as many lots as it can; the backstop of the pool takes
what it can carry of them, and opposite holders the rest where the policy says so. Everybody who takes lots
in this stage is made whole: the fund pays the difference to the mark.
"""

from dataclasses import replace

from refmodel.close_out import (
    Closing,
    Reason,
    Step,
    gap_of_lots,
    lots_left,
    lots_opposite,
    taking_postings,
    value_at_mark,
)
from refmodel.margin import NOTHING_HELD, carries, notional, notional_of, standing_of
from refmodel.numbers import Lots, Quanta, floor_div, largest_count
from refmodel.policy import BACKSTOP_STAGE, HOLDERS_STAGE
from refmodel.postings import DrawCounted, Posting, bad_debt_of, fund_of
from refmodel.rulebook import rule
from refmodel.stages import BACKSTOP_TAKES, HOLDERS_TAKE
from refmodel.state import Account, Position, Venue, backstop_of


@rule("FND-1")
def fund_inflow(venue: Venue, pool: str, amount: Quanta, stage: str = "") -> tuple[Posting, ...]:
    """What a pool's fund receives first repays the pool's bad debt.

    pool     whose fund
    amount   quanta, >= 0, that arrive for it: a deposit, a penalty, the surplus of a socialised loss
    returns  postings to bad debt and fund, amount in sum; the balance already there is not used
    Rounds nothing. Source: chapter 9; theorem E6.
    """
    repaid = min(amount, venue.pools[pool].bad_debt)
    return (
        Posting("FND-1", bad_debt_of(pool), repaid, stage),
        Posting("FND-1", fund_of(pool), amount - repaid, stage),
    )


def drawn_so_far(venue: Venue, pool: str) -> Quanta:
    """What a pool's fund has paid in the present period, in quanta; nothing is rewritten as time passes."""
    state = venue.pools[pool]
    period = floor_div(venue.clock, venue.policy.draw_period)
    return state.drawn if state.draw_period == period else 0


@rule("INS-1")
def draw_room(venue: Venue, pool: str) -> Quanta:
    """How much a pool's fund may pay now.

    returns  quanta, >= 0: the balance of the fund, and at most what is left of the pool's draw limit of this
             period; the periods are floor(clock / draw_period)
    Source: Drift insurance caps per market, dYdX v4 max_quantums_insurance_lost per block; theorem E1.
    """
    left = venue.policy.draw_limits[pool] - drawn_so_far(venue, pool)
    return max(min(venue.pools[pool].fund, left), 0)


def draw_counted(venue: Venue, reason: Reason, pool: str, amount: Quanta) -> DrawCounted:
    """The entry that counts a payment of a pool's fund towards its limit."""
    period = floor_div(venue.clock, venue.policy.draw_period)
    return DrawCounted(reason.rule, pool, period, drawn_so_far(venue, pool) + amount, reason.stage)


@rule("INS-2")
def lots_payable(room: Quanta, gap: Quanta, lots: Lots, left: Lots) -> Lots:
    """The largest number of lots whose gap the fund can pay.

    room     quanta that the fund may pay (INS-1)
    gap      quanta that the whole position carries, >= 0
    lots     of the whole position, >= 1
    left     lots that are still there, >= 0
    returns  0 to left: the largest number of lots, counted from the first, whose part of the gap (CLO-2)
             is at most the room
    Exact. Source: theorem E1.
    """
    if gap == 0:
        return left
    return min(left, floor_div((room + 1) * lots - 1, gap))


@rule("INS-3")
def backstop_lots(venue: Venue, name: str, market: str) -> Lots:
    """The largest position that a backstop can carry in a market, at its present equity.

    name     the backstop account
    returns  lots, of either side: with them it has its initial margin and is not liquidatable (MAR-10),
             within the market's largest size and the policy's largest notional of a backstop; 0 in a
             market that would be one too many; -1 if it does not even carry its other positions. The margins
             never fall as lots grow, so NUM-6 finds it
    Source: Hyperliquid's liquidator after March 2025: a tight cap, and margin like everybody's.
    """
    # Facts
    account = venue.accounts[name]
    terms = venue.policy.markets[market]
    lot_value = notional(1, venue.marks[market], terms.multiplier)
    here = abs(account.positions.get(market, NOTHING_HELD).size) * lot_value
    others = notional_of(venue, account) - here

    # The largest number that every limit admits
    if market not in account.positions and len(account.positions) >= venue.policy.positions_max:
        return 0
    by_notional = floor_div(venue.policy.backstop_notional_max - others, lot_value)
    most = min(terms.size_max, by_notional)
    if most < 0 or not carries_lots(venue, account, market, 0):
        return -1
    return largest_count(most, lambda lots: carries_lots(venue, account, market, lots))


def carries_lots(venue: Venue, account: Account, market: str, lots: Lots) -> bool:
    """Whether an account would carry a position of this size, at its present equity.

    Its cost is chosen so that the equity stays what it is: who takes lots here is made whole.
    """
    cost = value_at_mark(venue, market, lots) - profit_of(venue, account, market)
    held = {**account.positions, market: Position(lots, cost)}
    return carries(standing_of(venue, replace(account, positions=held)), venue.policy.trigger)


def profit_of(venue: Venue, account: Account, market: str) -> Quanta:
    """The unrealised profit of an account in one market, in quanta; negative for a loss."""
    position = account.positions.get(market, NOTHING_HELD)
    return value_at_mark(venue, market, position.size) - position.cost if position.size != 0 else 0


def lots_within(capacity: Lots, size: Lots, offered: Lots) -> Lots:
    """The largest number of the lots offered after which a position is within its capacity.

    capacity  lots, of either side
    size      held now, counted in the direction of the lots offered
    capacity  -1 if the account does not even carry what it has elsewhere: then it takes nothing
    returns   0 to offered; 0 as well if the position stays beyond its capacity with all that is offered
    """
    taken = min(offered, capacity - size)
    if taken < 0 or size + taken < -capacity:
        return 0
    return taken


@rule("INS-4")
def fund_stage(step: Step, closing: Closing, ranking: tuple[str, ...]) -> tuple[Step, Closing]:
    """The fund pays the gap of as many lots as it can; the backstop and opposite holders take them.

    ranking  the opposite holders that are eligible, best first (ADL-2)
    returns  the venue after, and the closing with the lots that have carried their gap
    The backstop takes first, as much as it can carry. Opposite holders take the rest if the policy has the
    stage `holders` or no stage `backstop`; each is closed at mark, in effect. A backstop is not its own
    taker: where the policy has no `holders`, its own lots go to the next stage with the fund untouched.
    Source: Hyperliquid's vault, Binance's fund; theorems E1 and E2.
    """
    # Facts
    venue = step.venue
    pool = venue.accounts[closing.account].pool
    stages = venue.policy.stages
    payable = lots_payable(draw_room(venue, pool), closing.gap, closing.lots, lots_left(venue, closing))

    # The backstop
    backstop = backstop_of(pool)
    if BACKSTOP_STAGE in stages and closing.account != backstop and payable > 0:
        held = venue.accounts[backstop].positions.get(closing.market, NOTHING_HELD).size
        capacity = backstop_lots(venue, backstop, closing.market)
        taken = lots_within(capacity, closing.side * held, payable)
        step, closing = compensated(step, closing, backstop, taken, Reason("INS-4", BACKSTOP_TAKES))
        payable -= taken

    # Opposite holders
    if HOLDERS_STAGE in stages or BACKSTOP_STAGE not in stages:
        for name in ranking:
            if payable == 0:
                break
            taken = min(payable, lots_opposite(step.venue, closing, name))
            step, closing = compensated(step, closing, name, taken, Reason("INS-4", HOLDERS_TAKE))
            payable -= taken
    return step, closing


def compensated(
    step: Step, closing: Closing, taker: str, taken: Lots, reason: Reason
) -> tuple[Step, Closing]:
    """A taker takes lots at close-out value, and the fund pays it the gap."""
    if taken == 0:
        return step, closing
    venue = step.venue
    pool = venue.accounts[closing.account].pool
    gap = gap_of_lots(closing.gap, closing.carried, taken, closing.lots)
    drawn = (draw_counted(venue, reason, pool, gap),) if gap > 0 else ()
    postings = taking_postings(venue, reason, closing, taker, taken, gap, fund_of(pool))
    return step.then((*postings, *drawn)), replace(closing, carried=closing.carried + taken)
