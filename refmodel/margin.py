"""Margin (chapter 3): how much equity a position needs, and what follows from having less.

Rules MAR-1 to MAR-12. The most important ones first: a notional, three kinds of schedule, the two
requirements of an account, and the one comparison that decides whether it may be liquidated.
Liquidation prices are in liquidation_price.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, Ticks, ceil_div, isqrt_ceil
from refmodel.policy import AT_OR_BELOW, BRACKET, WHOLE, Schedule, Tier
from refmodel.rulebook import rule
from refmodel.state import Account, OpenOrders, Position, Venue, equity

BANKRUPT = "bankrupt"
FLAT = "flat"
LIQUIDATABLE = "liquidatable"
MARGIN_CALL = "margin_call"
HEALTHY = "healthy"
STATUSES = (BANKRUPT, FLAT, LIQUIDATABLE, MARGIN_CALL, HEALTHY)


@rule("MAR-1")
def notional(lots: Lots, mark: Ticks, multiplier: int) -> Quanta:
    """The size of a position or an order in money.

    lots        >= 0, whichever the side
    mark        ticks, >= 1
    multiplier  quanta per lot and tick, >= 1
    returns     quanta, >= 0; exact, nothing is rounded
    Source: every venue of chapter 3 takes margin on the notional at mark.
    """
    return lots * mark * multiplier


def bracket_term(notional: Quanta, floor: Quanta, rise: Ppm) -> QuantaPpm:
    """What one tier adds to a marginal requirement: its rise on the notional above its floor."""
    return rise * max(notional - floor, 0)


def bracket_numerator(notional: Quanta, tiers: tuple[Tier, ...]) -> QuantaPpm:
    """A marginal requirement before its division: the sum over the tiers."""
    return sum(bracket_term(notional, tier.floor, tier.rise) for tier in tiers)


@rule("MAR-2")
def bracket_margin(notional: Quanta, tiers: tuple[Tier, ...]) -> Quanta:
    """A requirement of kind `bracket`: each part of the notional at the rate of its own tier.

    notional  quanta, >= 0
    tiers     floors ascending from 0, rises >= 0 in ppm
    returns   quanta; rounds up, in favour of the venue (NUM-1)
    Source: Binance USDS-M maintenance margin, published as rate x notional - amount (MAR-13).
    """
    return ceil_div(bracket_numerator(notional, tiers), PPM)


def top_rate(tiers: tuple[Tier, ...]) -> Ppm:
    """The rate of the highest of these tiers: the sum of their rises."""
    return sum(tier.rise for tier in tiers)


def published_amount(tiers: tuple[Tier, ...]) -> QuantaPpm:
    """What the published form subtracts in the highest of these tiers, times 1 000 000."""
    return sum(tier.rise * tier.floor for tier in tiers)


def whole_term(notional: Quanta, floor: Quanta, rise: Ppm) -> Ppm:
    """What one tier adds to the rate on the whole notional: its rise, once its floor is passed."""
    return rise if notional > floor else 0


def whole_rate(notional: Quanta, tiers: tuple[Tier, ...]) -> Ppm:
    """The rate of the tier that a notional falls into: the sum of the rises passed."""
    return sum(whole_term(notional, tier.floor, tier.rise) for tier in tiers)


@rule("MAR-3")
def whole_margin(notional: Quanta, tiers: tuple[Tier, ...]) -> Quanta:
    """A requirement of kind `whole`: the rate of the tier it falls into, on all of the notional.

    notional  quanta, >= 0; a notional equal to a floor is still in the tier below
    tiers     floors ascending from 0, rises >= 0 in ppm
    returns   quanta; rounds up, in favour of the venue (NUM-1)
    Source: Binance USDS-M initial margin (1 / maximum leverage of the bracket); OKX tiers.
    """
    return ceil_div(notional * whole_rate(notional, tiers), PPM)


def sqrt_rate(lots: Lots, base: Ppm, factor: Ppm) -> Ppm:
    """The rate of kind `sqrt`: at least `base`, growing with the square root of the lots, rounded up."""
    return max(base, isqrt_ceil(factor * factor * lots))


@rule("MAR-4")
def sqrt_margin(lots: Lots, notional: Quanta, base: Ppm, factor: Ppm) -> Quanta:
    """A requirement of kind `sqrt`: a rate that grows with the square root of the size.

    lots      >= 0
    notional  quanta of those lots, >= 0
    base      ppm, the least rate
    factor    ppm per square root of lots
    returns   quanta; the rate and the product both round up, in favour of the venue (NUM-1)
    Source: FTX initial margin fraction, max(base, factor x sqrt(size)); Drift v2 size premium.
    """
    return ceil_div(notional * sqrt_rate(lots, base, factor), PPM)


@rule("MAR-5")
def requirement(schedule: Schedule, lots: Lots, notional: Quanta) -> Quanta:
    """The requirement of a schedule, whichever its kind.

    lots, notional  of the same position: lots >= 0, quanta >= 0
    returns         quanta, rounded up by MAR-2, MAR-3 or MAR-4
    Source: chapter 3.
    """
    if schedule.kind == BRACKET:
        return bracket_margin(notional, schedule.tiers)
    if schedule.kind == WHOLE:
        return whole_margin(notional, schedule.tiers)
    return sqrt_margin(lots, notional, schedule.base, schedule.factor)


@rule("MAR-6")
def lots_at_risk(size: Lots, buys: Lots, sells: Lots) -> Lots:
    """The largest position that an account can be brought into by its own resting orders.

    size         signed lots held
    buys, sells  lots of its open orders, >= 0
    returns      lots, >= |size|: all buys filled and no sell, or all sells and no buy
    Source: FTX and Drift count the worst of both sides; Binance freezes margin for orders.
    """
    return max(abs(size + buys), abs(size - sells))


NOTHING_HELD = Position(0, 0)
NOTHING_ORDERED = OpenOrders(0, 0)


@rule("MAR-7")
def margin_maintenance(venue: Venue, account: Account) -> Quanta:
    """The maintenance margin of an account: the sum over its positions, orders not counted.

    returns  quanta; each market's requirement is rounded up by itself
    Source: chapter 3; cross margin of every venue named there.
    """
    total = 0
    for market in account.positions:
        total += maintenance_of(venue, account, market)
    return total


def maintenance_of(venue: Venue, account: Account, market: str) -> Quanta:
    """What one position adds to the maintenance margin of its account, in quanta."""
    terms = venue.policy.markets[market]
    lots = abs(account.positions[market].size)
    return requirement(terms.maintenance, lots, notional(lots, venue.marks[market], terms.multiplier))


def notional_of(venue: Venue, account: Account) -> Quanta:
    """The notional of all positions of an account at mark, in quanta."""
    total = 0
    for market, position in account.positions.items():
        multiplier = venue.policy.markets[market].multiplier
        total += notional(abs(position.size), venue.marks[market], multiplier)
    return total


@rule("MAR-8")
def margin_initial(venue: Venue, account: Account) -> Quanta:
    """The initial margin of an account: the sum over markets, each at its lots at risk (MAR-6).

    returns  quanta; each market's requirement is rounded up by itself
    Source: chapter 3.
    """
    total = 0
    for market in markets_of(account.positions, account.orders):
        terms = venue.policy.markets[market]
        orders = account.orders.get(market, NOTHING_ORDERED)
        size = account.positions.get(market, NOTHING_HELD).size
        lots = lots_at_risk(size, orders.buys, orders.sells)
        total += requirement(terms.initial, lots, notional(lots, venue.marks[market], terms.multiplier))
    return total


def markets_of(positions: Mapping[str, Position], orders: Mapping[str, OpenOrders]) -> list[str]:
    """The markets in which there are positions or orders, each once."""
    return [*positions, *(market for market in orders if market not in positions)]


@rule("MAR-9")
def is_liquidatable(equity: Quanta, maintenance: Quanta, trigger: str) -> bool:
    """Whether others may close an account.

    equity       quanta
    maintenance  maintenance margin, quanta; 0 exactly when no position is held
    trigger      `below`: equity below the margin; `at_or_below`: equity at it as well
    returns      False for an account without a position
    Rounds nothing. Source: Hyperliquid and dYdX v4 liquidate below, Binance and OKX at or below.
    """
    if maintenance == 0:
        return False
    if trigger == AT_OR_BELOW:
        return equity <= maintenance
    return equity < maintenance


@dataclass(frozen=True, slots=True)
class Standing:
    """The three amounts that decide about an account, in quanta."""

    equity: Quanta
    initial: Quanta
    maintenance: Quanta


def standing_of(venue: Venue, account: Account) -> Standing:
    """The standing of an account at the venue's marks."""
    return Standing(
        equity=equity(venue, account),
        initial=margin_initial(venue, account),
        maintenance=margin_maintenance(venue, account),
    )


@rule("MAR-10")
def carries(standing: Standing, trigger: str) -> bool:
    """Whether an account carries its positions and orders, so that it may take on more.

    returns  True if equity is at least the initial margin and the account is not liquidatable
    The second half matters under `at_or_below`, where both margins of a tiny position can be the
    same quantum. Rounds nothing. Source: spec/decisions/0002.
    """
    return standing.equity >= standing.initial and not is_liquidatable(
        standing.equity, standing.maintenance, trigger
    )


@rule("MAR-11")
def status(standing: Standing, trigger: str) -> str:
    """The one status of an account, the first that applies.

    standing  equity, initial margin (>= maintenance) and maintenance margin (0 exactly when the
              account holds no position), quanta
    trigger   as in MAR-9
    returns   one of STATUSES
    Rounds nothing. Source: chapter 3.
    """
    if standing.equity < 0:
        return BANKRUPT
    if standing.maintenance == 0:
        return FLAT
    if is_liquidatable(standing.equity, standing.maintenance, trigger):
        return LIQUIDATABLE
    if standing.equity < standing.initial:
        return MARGIN_CALL
    return HEALTHY


@rule("MAR-12")
def initial_rate_of_leverage(leverage: int) -> Ppm:
    """The initial margin rate that a published maximum leverage stands for.

    leverage  whole number, >= 1
    returns   ppm; rounds up, in favour of the venue (NUM-1): 3 x is 333_334 ppm
    Source: Binance USDS-M leverage and margin, initial margin = notional / leverage.
    """
    return ceil_div(PPM, leverage)
