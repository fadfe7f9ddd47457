"""Liquidation (chapter 8): while an account still has equity, others may close it.

Rules LIQ-1 to LIQ-7. A fill closes lots of a liquidatable account at a price near the mark, takes a penalty
for the insurance fund, and never leaves the account weaker than before. Taking an account over as a whole
is in takeover.py; what happens below zero in resolution.py.
"""

from dataclasses import dataclass, replace

from refmodel.close_out import Reason, closing_postings, orders_cancelled, value_at_mark
from refmodel.events import LiquidationFill
from refmodel.insurance import fund_inflow
from refmodel.margin import (
    NOTHING_HELD,
    NOTHING_ORDERED,
    Standing,
    is_liquidatable,
    maintenance_of,
    margin_maintenance,
    notional,
    standing_of,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks, ceil_div, floor_div
from refmodel.outcome import Outcome, accept, refuse
from refmodel.policy import FRACTION, FULL, TIER_STEP, Market, Schedule
from refmodel.postings import Posting, Postings, fee_pool_of, move, post, wallet_of
from refmodel.restore import Close, restore_lots
from refmodel.rulebook import rule
from refmodel.stages import FILL
from refmodel.state import Account, Venue, equity
from refmodel.trading import (
    Side,
    fee,
    refuse_another_market,
    refuse_outside_pool,
    refuse_side,
    refuse_size,
)

LEAVES = Reason("LIQ-5", FILL)


@rule("LIQ-1")
def refuse_carried(venue: Venue, name: str) -> Outcome | None:
    """Only a liquidatable account may be closed by others.

    name     the account that is to be closed
    returns  the refusal, or None: then equity is below the maintenance margin, or at it if the trigger
             says so
    Source: chapter 3 (MAR-9); every venue of chapter 8.
    """
    account = venue.accounts[name]
    equity_now = equity(venue, account)
    maintenance = margin_maintenance(venue, account)
    if is_liquidatable(equity_now, maintenance, venue.policy.trigger):
        return None
    return refuse(
        venue, "LIQ-1", "not_liquidatable", account=name, equity=equity_now, maintenance=maintenance
    )


def fraction_lots(lots: Lots, lot_value: Quanta, fraction: Ppm, whole_below: Quanta) -> Lots:
    """Size rule `fraction`: a share of the position, rounded up; all of it if it is small."""
    if lots * lot_value <= whole_below:
        return lots
    return ceil_div(lots * fraction, PPM)


def tier_floor(schedule: Schedule, notional: Quanta) -> Quanta:
    """The floor of the tier that a notional falls into, in quanta; 0 in the lowest tier."""
    return max((tier.floor for tier in schedule.tiers if tier.floor < notional), default=0)


def tier_step_lots(lots: Lots, lot_value: Quanta, floor: Quanta) -> Lots:
    """Size rule `tier_step`: the least lots after which the notional is not above the tier's floor."""
    return lots - floor_div(floor, lot_value)


@rule("LIQ-2")
def closable_lots(venue: Venue, account: Account, market: str, price: Ticks) -> Lots:
    """How many lots of a position one fill may close.

    market   one in which the account holds a position
    price    of the fill, ticks; only `restore` needs it
    returns  1 to all lots of the position, by the size rule of the market: `full`: all; `fraction`: its
             share, rounded up, or all if the notional is at most whole_below; `tier_step`: down to the
             bracket below; `restore`: RST-2
    Rounds up, in favour of the venue: the most that may be closed. Source: Hyperliquid (20 % first above
    a threshold), Bybit and BitMEX (step down a tier), Drift (restore), dYdX v4 (portion per block).
    """
    # Facts
    terms = venue.policy.markets[market]
    lots = abs(account.positions[market].size)
    mark = venue.marks[market]
    lot_value = notional(1, mark, terms.multiplier)
    rules = terms.liquidation

    # The four rules
    if rules.size == FULL:
        return lots
    if rules.size == FRACTION:
        return fraction_lots(lots, lot_value, rules.fraction, rules.whole_below)
    if rules.size == TIER_STEP:
        return tier_step_lots(lots, lot_value, tier_floor(terms.maintenance, lots * lot_value))
    others = margin_maintenance(venue, account) - maintenance_of(venue, account, market)
    room = PPM * (equity(venue, account) - others - rules.buffer)
    close = close_at(terms, account.positions[market].size, mark, price, room)
    return max(restore_lots(terms.maintenance, close), 1)


def close_at(terms: Market, size: Lots, mark: Ticks, price: Ticks, room: int) -> Close:
    """A partial close at a price: what one lot is worth at mark, and what its close costs (RST-2)."""
    worse_by = mark - price if size > 0 else price - mark
    cost = PPM * worse_by * terms.multiplier + terms.liquidation.penalty * price * terms.multiplier
    return Close(abs(size), notional(1, mark, terms.multiplier), room, cost)


def equity_to_keep(before: Standing, maintenance_after: Quanta) -> Quanta:
    """The equity at which the ratio to maintenance margin is what it was, rounded up (NUM-1)."""
    return ceil_div(before.equity * maintenance_after, before.maintenance)


@rule("LIQ-3")
def liquidation_penalty(amount: Quanta, rate: Ppm, equity_free: Quanta) -> Quanta:
    """The penalty that a liquidated account pays to the insurance fund.

    amount       notional of the lots closed, at the price of the fill, quanta, >= 0
    rate         ppm, 0 to 1_000_000
    equity_free  quanta: equity after the loss of the close, above what keeps the ratio to the margin of the
                 lots still open (LIQ-4); may be negative
    returns      quanta, 0 to max(equity_free, 0)
    Rounds up, in favour of the insurance fund (NUM-1). Losses come before fees: an account with nothing
    free pays nothing. Source: dYdX v4 protocol/x/clob/keeper/liquidations.go (same cap; it rounds down).
    """
    requested = ceil_div(amount * rate, PPM)
    affordable = max(equity_free, 0)
    return min(requested, affordable)


@rule("LIQ-4")
def keeps_ratio(before: Standing, equity_after: Quanta, maintenance_after: Quanta) -> bool:
    """Whether a fill leaves the account no weaker: equity / maintenance margin does not fall.

    before             standing before the fill; its maintenance margin is >= 1
    equity_after       quanta, after the loss of the close, before the penalty
    maintenance_after  quanta; 0 if nothing is held any more: then it asks for equity >= 0
    returns            True if it does not fall
    Compared by cross multiplication; nothing is rounded. Source: theorem D3; "at or better than the
    bankruptcy price" is not enough (refutation D3-bankruptcy-price-suffices).
    """
    return equity_after * before.maintenance >= before.equity * maintenance_after


@rule("LIQ-5", "LIQ-6")
def liquidation_fill(venue: Venue, event: LiquidationFill) -> Outcome:
    """Another account takes lots off a liquidatable one, at a price near the mark."""
    # Facts
    account = venue.accounts[event.account]
    terms = venue.policy.markets[event.market]
    held = account.positions.get(event.market, NOTHING_HELD)

    # Refusals, in order of precedence
    refusal = refuse_carried(venue, event.account)
    if refusal is not None:
        return refusal
    if held.size == 0:
        return refuse(venue, "LIQ-2", "no_position", account=event.account, market=event.market)
    if event.counterparty == event.account:
        return refuse(venue, "TRD-2", "trades_with_itself", account=event.account)
    refusal = refuse_outside_pool(venue, event.counterparty, event.market)
    if refusal is not None:
        return refusal
    mark = venue.marks[event.market]
    if abs(event.price - mark) * PPM > terms.liquidation.band * mark:
        return refuse(venue, "LIQ-6", "price_outside_band", price=event.price, mark=mark)
    closable = closable_lots(venue, account, event.market, event.price)
    if event.lots > closable:
        return refuse(venue, "LIQ-2", "more_than_size_rule", lots=event.lots, closable=closable)
    taken = event.lots if held.size > 0 else -event.lots
    orders = venue.accounts[event.counterparty].orders.get(event.market, NOTHING_ORDERED)
    refusal = refuse_size(venue, event.counterparty, event.market, taken, orders) or refuse_another_market(
        venue, event.counterparty, event.market
    )
    if refusal is not None:
        return refusal
    if event.price > terms.price_max:
        return refuse(venue, "LIM-3", "price_above_limit", price=event.price, limit=terms.price_max)
    before = standing_of(venue, account)
    loss = value_at_mark(venue, event.market, taken) - taken * event.price * terms.multiplier
    maintenance_after = maintenance_without(venue, account, event.market, taken)
    if not keeps_ratio(before, before.equity - loss, maintenance_after):
        return refuse(
            venue,
            "LIQ-4",
            "ratio_would_fall",
            account=event.account,
            equity=before.equity - loss,
            maintenance=maintenance_after,
        )
    postings = fill_postings(venue, event, before, taken, loss, maintenance_after)
    counterparty = Side(event.counterparty, taken, taken * event.price * terms.multiplier, orders)
    refusal = refuse_side(venue, post(venue, postings), event.market, counterparty)
    if refusal is not None:
        return refusal

    # Effect
    return accept(venue, postings)


def maintenance_without(venue: Venue, account: Account, market: str, lots: Lots) -> Quanta:
    """The maintenance margin of an account once signed lots of one position are gone, in quanta."""
    held = account.positions[market]
    kept = replace(held, size=held.size - lots)
    return margin_maintenance(venue, replace(account, positions={**account.positions, market: kept}))


def fill_postings(
    venue: Venue,
    event: LiquidationFill,
    before: Standing,
    taken: Lots,
    loss: Quanta,
    maintenance_after: Quanta,
) -> Postings:
    """Everything a fill changes: orders, lots, open cost, the counterparty's fee, the penalty."""
    account = venue.accounts[event.account]
    terms = venue.policy.markets[event.market]
    amount = notional(event.lots, event.price, terms.multiplier)
    equity_free = before.equity - loss - equity_to_keep(before, maintenance_after)
    penalty = liquidation_penalty(amount, terms.liquidation.penalty, equity_free)
    pool_of_taker = venue.accounts[event.counterparty].pool
    charged = fee(amount, venue.policy.fee_taker)
    return (
        *orders_cancelled(venue, LEAVES, event.account, tuple(account.orders)),
        *closing_postings(
            venue,
            LEAVES,
            event.market,
            event.account,
            event.counterparty,
            taken,
            taken * event.price * terms.multiplier,
        ),
        *move("FEE-2", wallet_of(event.counterparty), fee_pool_of(pool_of_taker), charged, FILL),
        Posting("LIQ-3", wallet_of(event.account), -penalty, FILL),
        *fund_inflow(venue, account.pool, penalty, FILL),
    )


NO_TAKER = "no_taker"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A liquidatable account that nobody has taken yet; equity and maintenance margin in quanta."""

    account: str
    equity: Quanta
    maintenance: Quanta
    reason: str = NO_TAKER


@rule("LIQ-7")
def waiting(venue: Venue) -> tuple[Waiting, ...]:
    """The accounts that could be closed and that nobody has taken: the reason is `no_taker`.

    returns  each liquidatable account, in the order of identifiers. At rest their equity is 0 or more
             (INV-1), so deleveraging never opens for them
    Source: dYdX v4 leaves such an account waiting as well. Theorem D9.
    """
    found = []
    for name in sorted(venue.accounts):
        account = venue.accounts[name]
        equity_now = equity(venue, account)
        maintenance = margin_maintenance(venue, account)
        if is_liquidatable(equity_now, maintenance, venue.policy.trigger):
            found.append(Waiting(name, equity_now, maintenance))
    return tuple(found)
