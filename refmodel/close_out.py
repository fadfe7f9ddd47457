"""Close-out (chapter 8, continued): what the positions of an account are worth when all of it must go.

Rules CLO-1 to CLO-5. An account that is closed as a whole has one equity and several positions. Each
position carries a share of that equity in proportion to its maintenance margin, and each lot of it a
share of the share, so that closing everything leaves exactly nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from refmodel.margin import NOTHING_HELD, maintenance_of
from refmodel.numbers import Lots, Quanta, Ticks, floor_div, running_share
from refmodel.postings import OrdersSet, Place, Postings, lots_of, move, open_cost_of, post, wallet_of
from refmodel.rulebook import rule
from refmodel.state import Account, Venue, equity, position_value
from refmodel.trading import realised


def in_order(account: Account) -> list[str]:
    """The markets of an account's positions, in the order of identifiers."""
    return sorted(account.positions)


@rule("CLO-1")
def shares_by_margin(amount: Quanta, margins: Sequence[Quanta]) -> list[Quanta]:
    """How an account's equity, or its deficit, falls on its positions.

    amount   quanta, >= 0
    margins  maintenance margin of each position, in the order of identifiers, each >= 1
    returns  quanta, one for each position; they sum to the amount exactly (NUM-5)
    Source: dYdX v4 gives each position the part of net collateral that its maintenance requirement is
    of the whole (bankruptcy price); theorem D5.
    """
    total = sum(margins)
    shares = []
    before = 0
    for margin in margins:
        shares.append(running_share(amount, before, margin, total))
        before += margin
    return shares


def equity_shares(venue: Venue, account: Account, amount: Quanta) -> dict[str, Quanta]:
    """The share of an amount that falls on each position of an account (CLO-1), by market."""
    markets = in_order(account)
    margins = [maintenance_of(venue, account, market) for market in markets]
    return dict(zip(markets, shares_by_margin(amount, margins), strict=True))


@rule("CLO-2")
def gap_of_lots(gap: Quanta, carried: Lots, taken: Lots, lots: Lots) -> Quanta:
    """The part of a position's gap that some of its lots carry.

    gap      quanta that the whole position carries, >= 0
    carried  lots that have carried their part already, >= 0
    taken    the lots that carry it now, >= 0
    lots     of the whole position, >= 1
    returns  quanta; over all lots they sum to the gap exactly (NUM-5)
    Source: theorem D5.
    """
    return running_share(gap, carried, taken, lots)


@dataclass(frozen=True, slots=True)
class Reason:
    """By which rule, and in which stage, something is posted."""

    rule: str
    stage: str


@rule("CLO-3")
def closing_postings(
    venue: Venue,
    reason: Reason,
    market: str,
    leaver: str,
    taker: str,
    lots: Lots,
    paid: Quanta,
    compensation: Quanta = 0,
    fund: Place | None = None,
) -> Postings:
    """Lots leave one account for another at an amount that the law, not an order, has set.

    reason        the rule and the stage under which it is posted
    leaver        whose lots go; `taker` receives them
    lots          signed lots that leave: positive from a long, negative from a short
    paid          quanta that the taker pays for them, negative if it is paid
    compensation  quanta of it that the fund pays back to the taker's open cost, >= 0
    fund          which fund pays it; None if nobody does
    returns       postings of lots, open cost, the fund's payment, and what either side realises (TRD-6)
    Rounds nothing but what TRD-6 rounds. Source: chapter 8.
    """
    held_by_leaver = venue.accounts[leaver].positions.get(market, NOTHING_HELD)
    held_by_taker = venue.accounts[taker].positions.get(market, NOTHING_HELD)
    by, stage = reason.rule, reason.stage
    realised_by_leaver = realised(held_by_leaver, -lots, -paid)
    realised_by_taker = realised(held_by_taker, lots, paid - compensation)
    paid_back: Postings = ()
    if fund is not None:
        paid_back = move(by, fund, open_cost_of(taker, market), compensation, stage)
    return (
        *move(by, lots_of(leaver, market), lots_of(taker, market), lots, stage),
        *move(by, open_cost_of(taker, market), open_cost_of(leaver, market), paid, stage),
        *paid_back,
        *move("TRD-6", open_cost_of(leaver, market), wallet_of(leaver), realised_by_leaver, stage),
        *move("TRD-6", open_cost_of(taker, market), wallet_of(taker), realised_by_taker, stage),
    )


def value_at_mark(venue: Venue, market: str, lots: Lots) -> Quanta:
    """What signed lots are worth at the mark (ACC-1), in quanta."""
    return position_value(lots, venue.marks[market], venue.policy.markets[market].multiplier)


@rule("CLO-4")
def orders_cancelled(venue: Venue, reason: Reason, name: str, markets: Sequence[str]) -> Postings:
    """Whoever is closed by the law has no order left in the market in which it is closed.

    reason   the rule and the stage under which it is posted
    name     the account
    markets  those in which orders are cancelled
    returns  one entry for each of them in which the account has orders
    Source: Binance, Bybit and BitMEX cancel the orders of an account that is liquidated or deleveraged;
    without it orders that were to reduce would open (spec/decisions/0011).
    """
    orders = venue.accounts[name].orders
    return tuple(
        OrdersSet(reason.rule, name, market, 0, 0, reason.stage)
        for market in sorted(markets)
        if market in orders
    )


@dataclass(frozen=True, slots=True)
class Closing:
    """A position of a bankrupt account on its way through the stages.

    account   whose position
    market    in which
    side      1 for a long, -1 for a short
    lots      of the whole position, as it was when the transition began
    gap       quanta that the whole position carries (CLO-1)
    carried   lots that have carried their part of it so far
    """

    account: str
    market: str
    side: int
    lots: Lots
    gap: Quanta
    carried: Lots


@dataclass(frozen=True, slots=True)
class Step:
    """Where a resolution has got to: the venue, and what was posted to bring it there."""

    venue: Venue
    postings: Postings

    def then(self, postings: Postings) -> "Step":
        """The step after these postings."""
        return Step(post(self.venue, postings), (*self.postings, *postings))


def lots_left(venue: Venue, closing: Closing) -> Lots:
    """The lots of a closing that are still there; others may have closed some at mark."""
    return abs(venue.accounts[closing.account].positions.get(closing.market, NOTHING_HELD).size)


def lots_opposite(venue: Venue, closing: Closing, name: str) -> Lots:
    """The lots that an account holds against a closing, 0 if it holds none on the other side."""
    return max(-closing.side * venue.accounts[name].positions.get(closing.market, NOTHING_HELD).size, 0)


def taking_postings(
    venue: Venue,
    reason: Reason,
    closing: Closing,
    taker: str,
    taken: Lots,
    gap: Quanta,
    fund: Place | None = None,
) -> Postings:
    """Lots of a closing go to a taker at mark less a gap, and the taker's orders in the market are cancelled.

    gap   quanta that these lots carry, >= 0; 0 at mark
    fund  which fund pays the gap back to the taker; None: the taker forgoes it
    """
    lots = closing.side * taken
    paid = value_at_mark(venue, closing.market, lots) + gap
    compensation = 0 if fund is None else gap
    return (
        *orders_cancelled(venue, reason, taker, (closing.market,)),
        *closing_postings(
            venue, reason, closing.market, closing.account, taker, lots, paid, compensation, fund
        ),
    )


@rule("CLO-5")
def bankruptcy_price(venue: Venue, account: Account, market: str) -> Ticks | None:
    """The price at which a position may be closed before its account's share of equity is gone.

    market   one in which the account holds a position
    returns  ticks: for a long rounded up, for a short down, in favour of the account's estate; at it, between
             0 and lots x multiplier quanta of the position's share of equity are left. None if no price of
             at least one tick is as low
    For orders and display: the law itself closes at close-out values (CLO-2), which leave nothing.
    Source: dYdX v4 bankruptcy price; Bybit and BitMEX round a long's price up to the tick. Theorem D5.
    """
    position = account.positions[market]
    owed = equity(venue, account)
    share = equity_shares(venue, account, abs(owed))[market]
    per_tick = abs(position.size) * venue.policy.markets[market].multiplier
    ticks = floor_div(share if owed >= 0 else -share, per_tick)
    price = venue.marks[market] - ticks if position.size > 0 else venue.marks[market] + ticks
    return price if price >= 1 else None
