"""Trading (chapter 4): orders, trades, what they cost, and who may make them.

Rules ORD-1, ORD-2, TRD-1 to TRD-7, FEE-1 to FEE-3, LIM-1 to LIM-3. Order books and matching are outside:
a trade arrives as an event that names its maker.
"""

from dataclasses import dataclass

from refmodel.events import FeeWithdrawal, Order, Trade
from refmodel.margin import (
    NOTHING_HELD,
    NOTHING_ORDERED,
    Standing,
    carries,
    lots_at_risk,
    margin_initial,
    markets_of,
    notional,
    standing_of,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, ceil_div
from refmodel.outcome import Outcome, accept, refuse
from refmodel.policy import REFUSE
from refmodel.postings import (
    OUTSIDE,
    OrdersSet,
    Posting,
    Postings,
    fee_pool_of,
    lots_of,
    move,
    open_cost_of,
    post,
    wallet_of,
)
from refmodel.rulebook import rule
from refmodel.state import CROSS, OpenOrders, Position, Venue, is_backstop

BUY = "buy"
SELL = "sell"


@rule("FEE-1")
def fee(amount: Quanta, rate: Ppm) -> Quanta:
    """The fee of one side of a trade; negative for a rebate.

    amount   notional of the trade at its price, quanta, >= 0
    rate     ppm; negative for a rebate
    returns  quanta; rounds up, in favour of the venue (NUM-1), so a rebate is rounded down
    Source: every venue of chapter 4.
    """
    return ceil_div(amount * rate, PPM)


@rule("FEE-2")
def fee_postings(
    taker: str, taker_pool: str, maker: str, maker_pool: str, fee_taker: Quanta, fee_maker: Quanta
) -> tuple[Posting, ...]:
    """Who receives the fees of a trade.

    fee_taker  quanta, >= 0
    fee_maker  quanta; negative for a rebate, which is at most fee_taker
    returns    postings: a rebate comes out of the taker's fee of the same trade and never out of a
               fee pool; the rest of it goes to the fee pool of the taker's pool; a maker's fee
               goes to the fee pool of the maker's pool
    Rounds nothing. Source: chapter 4; theorem A7.
    """
    if fee_maker < 0:
        rebate = -fee_maker
        return (
            *move("FEE-2", wallet_of(taker), wallet_of(maker), rebate),
            *move("FEE-2", wallet_of(taker), fee_pool_of(taker_pool), fee_taker - rebate),
        )
    return (
        *move("FEE-2", wallet_of(taker), fee_pool_of(taker_pool), fee_taker),
        *move("FEE-2", wallet_of(maker), fee_pool_of(maker_pool), fee_maker),
    )


@rule("TRD-6")
def realised(position: Position, lots: Lots, paid: Quanta) -> Quanta:
    """What a deal moves from open cost to the wallet, because it closes lots.

    position  before the deal
    lots      signed lots received by the deal, not 0
    paid      quanta paid for them (negative: received)
    returns   quanta of profit, negative for a loss; 0 if the deal only opens
    Whoever flips closes first: of the amount, the share of the lots closed counts for the close and
    the rest opens. Both that share and the cost share of the lots closed round up (NUM-1), so realised
    profit is rounded down, for either side; equity does not depend on it. Source: chapter 4.
    """
    if position.size == 0 or (position.size > 0) == (lots > 0):
        return 0
    closed = min(abs(position.size), abs(lots))
    paid_for_closed = ceil_div(paid * closed, abs(lots))
    cost_of_closed = ceil_div(position.cost * closed, abs(position.size))
    return -(paid_for_closed + cost_of_closed)


def deal_postings(
    venue: Venue, market: str, buyer: str, seller: str, lots: Lots, amount: Quanta
) -> tuple[Posting, ...]:
    """Lots go from seller to buyer, the amount the other way, and what was closed is realised."""
    held_by_buyer = venue.accounts[buyer].positions.get(market, NOTHING_HELD)
    held_by_seller = venue.accounts[seller].positions.get(market, NOTHING_HELD)
    realised_by_buyer = realised(held_by_buyer, lots, amount)
    realised_by_seller = realised(held_by_seller, -lots, -amount)
    return (
        *move("TRD-5", lots_of(seller, market), lots_of(buyer, market), lots),
        *move("TRD-5", open_cost_of(buyer, market), open_cost_of(seller, market), amount),
        *move("TRD-6", open_cost_of(buyer, market), wallet_of(buyer), realised_by_buyer),
        *move("TRD-6", open_cost_of(seller, market), wallet_of(seller), realised_by_seller),
    )


@rule("TRD-7")
def is_admitted(before: Standing, after: Standing, gain: Quanta, closer: bool, trigger: str) -> bool:
    """Whether one side of a trade may make it.

    before   standing before the trade
    after    standing after it and its fees, on the same marks
    gain     what the trade's price is better than the mark, quanta; negative for a loss
    closer   whether the position ends closer to 0 and on no other side
    returns  True if the account carries what it then has; or comes closer to 0, with a strictly better ratio
             of equity to maintenance margin; or holds nothing and owes nothing
    Equity counts without the trade's own gain and with its loss in full, so that no account lifts
    itself by a price off the mark. The ratio is compared by cross multiplication; nothing is
    rounded. Source: dYdX v4 state transitions, with a strict improvement; theorem B4.
    """
    counted = Standing(after.equity - max(gain, 0), after.initial, after.maintenance)
    if carries(counted, trigger):
        return True
    if closer and counted.equity * before.maintenance > before.equity * counted.maintenance:
        return True
    return counted.maintenance == 0 and counted.equity >= 0


def comes_closer(size_before: Lots, size_after: Lots) -> bool:
    """Whether a position ends closer to 0 without changing its side."""
    return size_before * size_after >= 0 and abs(size_after) < abs(size_before)


@rule("TRD-1")
def refuse_without_mark(venue: Venue, market: str) -> Outcome | None:
    """No order, trade or funding in a market before its first price.

    returns  the refusal, or None: then the market has a mark
    Source: chapter 4; no position is ever without a mark.
    """
    if market not in venue.marks:
        return refuse(venue, "TRD-1", "no_mark", market=market)
    return None


@rule("TRD-3")
def refuse_outside_pool(venue: Venue, name: str, market: str) -> Outcome | None:
    """A cross account takes every market, an isolated account only the market of its pool.

    returns  the refusal, or None
    Source: chapter 2; isolated margin is a separate account in the pool of one market.
    """
    pool = venue.accounts[name].pool
    if pool not in (CROSS, market):
        return refuse(venue, "TRD-3", "market_not_in_pool", account=name, pool=pool)
    return None


@rule("LIM-1")
def refuse_size(venue: Venue, name: str, market: str, change: Lots, orders: OpenOrders) -> Outcome | None:
    """A position, counted with the open orders of its side, stays within the market's largest size.

    change   signed lots that the account receives
    orders   its open orders afterwards
    returns  the refusal, or None
    Source: chapter 4; the fast path is proved for sizes within this limit.
    """
    size = venue.accounts[name].positions.get(market, NOTHING_HELD).size + change
    lots = lots_at_risk(size, orders.buys, orders.sells)
    limit = venue.policy.markets[market].size_max
    if lots > limit:
        return refuse(venue, "LIM-1", "size_above_limit", account=name, lots=lots, limit=limit)
    return None


@rule("LIM-2")
def refuse_another_market(venue: Venue, name: str, market: str) -> Outcome | None:
    """An account holds positions and orders in no more markets than the policy says.

    returns  the refusal, or None
    Source: chapter 4; the fast path is proved for this many positions.
    """
    account = venue.accounts[name]
    markets = markets_of(account.positions, account.orders)
    limit = venue.policy.positions_max
    if market not in markets and len(markets) >= limit:
        return refuse(venue, "LIM-2", "too_many_markets", account=name, markets=len(markets), limit=limit)
    return None


@rule("ORD-1", "ORD-2")
def order(venue: Venue, event: Order) -> Outcome:
    """An account sets the totals of its resting orders in one market."""
    # Facts
    orders = OpenOrders(event.buys, event.sells)
    posting = OrdersSet("ORD-1", event.account, event.market, event.buys, event.sells)

    # Refusals, in order of precedence
    if is_backstop(event.account):
        return refuse(venue, "ORD-2", "backstop_rests_no_orders", account=event.account)
    refusal = (
        refuse_without_mark(venue, event.market)
        or refuse_outside_pool(venue, event.account, event.market)
        or refuse_size(venue, event.account, event.market, 0, orders)
        or refuse_another_market(venue, event.account, event.market)
    )
    if refusal is not None:
        return refusal
    after = post(venue, (posting,))
    initial_before = margin_initial(venue, venue.accounts[event.account])
    standing = standing_of(after, after.accounts[event.account])
    if standing.initial > initial_before and not carries(standing, venue.policy.trigger):
        return refuse(
            venue, "ORD-1", "equity_below_initial", equity=standing.equity, required=standing.initial
        )

    # Effect
    return accept(venue, (posting,))


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a trade.

    lots    signed lots it receives
    paid    quanta it pays for them, negative if it is paid
    orders  its open orders in the market afterwards
    """

    account: str
    lots: Lots
    paid: Quanta
    orders: OpenOrders


def sides_of(venue: Venue, event: Trade, amount: Quanta) -> tuple[Side, Side]:
    """The taker's and the maker's side of a trade; the maker's open lots fall by the lots traded."""
    kept = venue.accounts[event.taker].orders.get(event.market, NOTHING_ORDERED)
    resting = venue.accounts[event.maker].orders.get(event.market, NOTHING_ORDERED)
    if event.side == BUY:
        left = OpenOrders(resting.buys, resting.sells - event.lots)
        return Side(event.taker, event.lots, amount, kept), Side(event.maker, -event.lots, -amount, left)
    left = OpenOrders(resting.buys - event.lots, resting.sells)
    return Side(event.taker, -event.lots, -amount, kept), Side(event.maker, event.lots, amount, left)


@rule("TRD-2", "TRD-4", "TRD-5", "LIM-3")
def trade(venue: Venue, event: Trade) -> Outcome:
    """Two accounts exchange lots at a price; the maker's resting order is used up by it."""
    # Facts
    terms = venue.policy.markets[event.market]
    amount = notional(event.lots, event.price, terms.multiplier)
    taker, maker = sides_of(venue, event, amount)
    resting = venue.accounts[event.maker].orders.get(event.market, NOTHING_ORDERED)
    offered = resting.sells if event.side == BUY else resting.buys

    # Refusals, in order of precedence
    refusal = refuse_without_mark(venue, event.market)
    if refusal is not None:
        return refusal
    if event.taker == event.maker:
        return refuse(venue, "TRD-2", "trades_with_itself", account=event.taker)
    refusal = refuse_outside_pool(venue, event.taker, event.market) or refuse_outside_pool(
        venue, event.maker, event.market
    )
    if refusal is not None:
        return refusal
    mark = venue.marks[event.market]
    if abs(event.price - mark) * PPM > terms.band * mark:
        return refuse(venue, "TRD-4", "price_outside_band", price=event.price, mark=mark)
    if offered < event.lots:
        return refuse(venue, "TRD-5", "maker_offers_less", offered=offered, lots=event.lots)
    refusal = refuse_size(
        venue, taker.account, event.market, taker.lots, taker.orders
    ) or refuse_another_market(venue, taker.account, event.market)
    if refusal is not None:
        return refusal
    if event.price > terms.price_max:
        return refuse(venue, "LIM-3", "price_above_limit", price=event.price, limit=terms.price_max)
    postings = trade_postings(venue, event.market, taker, maker)
    after = post(venue, postings)
    for side in (taker, maker):
        refusal = refuse_side(venue, after, event.market, side)
        if refusal is not None:
            return refusal

    # Effect
    return accept(venue, postings)


def refuse_side(venue: Venue, after: Venue, market: str, side: Side) -> Outcome | None:
    """TRD-7 for one side of a trade: the refusal, or None if it is admitted."""
    mark = venue.marks[market]
    account = venue.accounts[side.account]
    standing_before = standing_of(venue, account)
    standing_after = standing_of(after, after.accounts[side.account])
    gain = side.lots * mark * venue.policy.markets[market].multiplier - side.paid
    size_before = account.positions.get(market, NOTHING_HELD).size
    closer = comes_closer(size_before, size_before + side.lots)
    if is_admitted(standing_before, standing_after, gain, closer, venue.policy.trigger):
        return None
    return refuse(
        venue,
        "TRD-7",
        "not_admitted",
        account=side.account,
        equity=standing_after.equity - max(gain, 0),
        initial=standing_after.initial,
        maintenance=standing_after.maintenance,
    )


def trade_postings(venue: Venue, market: str, taker: Side, maker: Side) -> Postings:
    """Everything a trade changes: lots, open cost, what is realised, fees, the maker's orders."""
    amount = abs(taker.paid)
    buyer, seller = (taker, maker) if taker.lots > 0 else (maker, taker)
    orders_left = OrdersSet("TRD-5", maker.account, market, maker.orders.buys, maker.orders.sells)
    return (
        *deal_postings(venue, market, buyer.account, seller.account, buyer.lots, amount),
        *fee_postings(
            taker.account,
            venue.accounts[taker.account].pool,
            maker.account,
            venue.accounts[maker.account].pool,
            fee(amount, venue.policy.fee_taker),
            fee(amount, venue.policy.fee_maker),
        ),
        orders_left,
    )


@rule("FEE-3")
def fee_withdrawal(venue: Venue, event: FeeWithdrawal) -> Outcome:
    """The house takes quanta out of a fee pool."""
    # Facts
    pool = venue.pools[event.pool]
    bad_debt = sum(other.bad_debt for other in venue.pools.values())

    # Refusals, in order of precedence
    if bad_debt > 0 and venue.policy.bad_debt_gate == REFUSE:
        return refuse(venue, "WDR-1", "bad_debt_stands", bad_debt=bad_debt)
    if event.amount > pool.fee_pool:
        return refuse(venue, "FEE-3", "not_in_fee_pool", fee_pool=pool.fee_pool)
    if event.amount > venue.custody:
        return refuse(venue, "WDR-4", "not_in_custody", custody=venue.custody)

    # Effect
    return accept(venue, move("FEE-3", fee_pool_of(event.pool), OUTSIDE, event.amount))
