"""What driftpy does otherwise than the law, as models in whole numbers that predict its answers.

Line numbers are of driftpy 0.8.89.
"""

from dataclasses import replace

from marginspec.adapters.comparison import NOT_THEIRS, Answer, Difference
from marginspec.adapters.venues import Case
from refmodel.margin import (
    NOTHING_HELD,
    NOTHING_ORDERED,
    is_liquidatable,
    lots_at_risk,
    markets_of,
    notional,
    sqrt_rate,
    standing_of,
)
from refmodel.policy import SQRT, Schedule
from refmodel.state import equity

RATIO = 100
"""ppm in a step of their margin ratio."""
MARGIN_PRECISION = 10_000
QUOTE_PRECISION = 1_000_000
OPEN_ORDER = 10_000
"""Quanta that each open order needs besides: 0.01 USDC."""


def ratio_of(schedule: Schedule, lots: int) -> int:
    """Their margin ratio of a position, in steps of 0.0001: `calculate_size_premium_liability_weight`."""
    if schedule.kind != SQRT:
        return schedule.tiers[0].rise // RATIO
    base = schedule.base // RATIO
    if schedule.factor == 0:
        return base
    root: float = (lots * 10**9 * 10 + 1) ** 0.5
    return max(base, base - base // 5 + int((root * schedule.factor) // 10**7))


def requirement(case: Case, side: str, orders: bool, borrowed: bool) -> int:
    """Their margin requirement.

    side      `initial` or `maintenance`
    orders    whether the worst case of the open orders and 0.01 USDC for each of them are counted
    borrowed  whether a negative wallet counts as a liability
    """
    venue, account = case.venue, case.account
    total = max(-account.wallet, 0) if borrowed else 0
    for market in markets_of(account.positions, account.orders if side == "initial" or orders else {}):
        terms = venue.policy.markets[market]
        size = account.positions.get(market, NOTHING_HELD).size
        resting = account.orders.get(market, NOTHING_ORDERED)
        counted = side == "initial" or orders
        lots = lots_at_risk(size, resting.buys, resting.sells) if counted else abs(size)
        value = notional(lots, venue.marks[market], terms.multiplier)
        schedule = terms.initial if side == "initial" else terms.maintenance
        total += value * ratio_of(schedule, lots) // MARGIN_PRECISION
        if orders:
            total += OPEN_ORDER * ((resting.buys > 0) + (resting.sells > 0))
    return total


def collateral(case: Case) -> int:
    """Their total collateral: a negative wallet is a liability, not negative collateral."""
    return equity(case.venue, case.account) + max(-case.account.wallet, 0)


def status(case: Case, market: str) -> str:
    """MAR-11 with their collateral and their requirements."""
    if equity(case.venue, case.account) < 0:
        return "bankrupt"
    if not case.account.positions:
        return "flat"
    if collateral(case) < requirement(case, "maintenance", orders=True, borrowed=True):
        return "liquidatable"
    short = collateral(case) < requirement(case, "initial", orders=True, borrowed=True)
    return "margin_call" if short else "healthy"


def price(case: Case, market: str, orders: bool) -> str | None:
    """Their liquidation price: the mark, less the free collateral over what one tick costs.

    orders  whether the open orders are part of the requirement at the mark
    """
    terms = case.venue.policy.markets[market]
    size = case.account.positions[market].size
    room = max(collateral(case) - requirement(case, "maintenance", orders, borrowed=True), 0)
    ratio = ratio_of(terms.maintenance, abs(size)) * QUOTE_PRECISION // MARGIN_PRECISION
    slope = size * QUOTE_PRECISION - abs(size) * ratio
    if slope == 0:
        return None
    tick = case.venue.marks[market] - room * QUOTE_PRECISION // (slope * terms.multiplier)
    return None if tick < 0 else str(tick)


def mark_if_liquidatable(case: Case, market: str) -> str | None:
    """The mark, for an account that the law has no liquidation price for because it is there already."""
    standing = standing_of(case.venue, case.account)
    there = is_liquidatable(standing.equity, standing.maintenance, case.venue.policy.trigger)
    return str(case.venue.marks[market]) if there else NOT_THEIRS


def price_above_price_max(case: Case, market: str) -> str | None:
    """Their price, if the law stops before it."""
    found = price(case, market, orders=False)
    return found if found and int(found) > case.venue.policy.markets[market].price_max else NOT_THEIRS


def any_price(case: Case, market: str) -> str | None:
    """Their liquidation price, by every model of it."""
    return price(case, market, orders=True)


def of(what: str, whose: str, title: str, text: str, predicts: object) -> Difference:
    """A difference of which the model is one of the functions above."""
    assert callable(predicts)
    return Difference(what, whose, title, text, predicts)


def amounts(what: str, side: str) -> tuple[Difference, ...]:
    """Differences of one of the two margins, simpler models first."""
    title = (
        "each open order costs 0.01 USDC" if side == "initial" else "open orders count in maintenance margin"
    )
    return (
        of(
            what,
            "their choice",
            "rounds down",
            "Each market's requirement is `value * ratio // MARGIN_PRECISION` (`drift_user.py`, line "
            "1880): the fraction of a quantum is left to the account. NUM-1 rounds a requirement up. At "
            "most one quantum a market.",
            lambda case, market: str(requirement(case, side, orders=False, borrowed=False)),
        ),
        of(
            what,
            "their choice",
            title,
            "`get_margin_requirement` asks for the worst case of the open orders for both requirements "
            "and adds `OPEN_ORDER_MARGIN_REQUIREMENT` for each of them (`drift_user.py`, lines 241 and "
            "1886), as Drift's program does. MAR-7 counts no orders, MAR-8 counts their worst case and "
            "nothing besides.",
            lambda case, market: str(requirement(case, side, orders=True, borrowed=False)),
        ),
        of(
            what,
            "their choice",
            "a negative wallet is a borrow, and part of the requirement",
            "What the law books as a negative wallet is a borrow of USDC on Drift. It is taken out of "
            "collateral and added to the requirement (`get_spot_market_liability_value`), which leaves "
            "their difference the same, but neither amount is that of the law.",
            lambda case, market: str(requirement(case, side, orders=True, borrowed=True)),
        ),
    )


DIFFERENCES: tuple[Difference, ...] = (
    *amounts("margin_initial", "initial"),
    *amounts("margin_maintenance", "maintenance"),
    of(
        "status",
        "their choice",
        "their requirements and collateral decide",
        "MAR-11 with their requirements and collateral: an account with open orders may be liquidatable "
        "for them, and one that is a fraction of a quantum short is not.",
        status,
    ),
    of(
        "price_liquidation",
        "their choice",
        "an account that is liquidatable already gets the mark",
        "The free collateral is taken as 0 when it is negative (`get_perp_liq_price`, line 1311), so the "
        "answer is the present price. MAR-14 says there is none.",
        mark_if_liquidatable,
    ),
    of(
        "price_liquidation",
        "their choice",
        "no highest price",
        "MAR-14 looks up to the market's `price_max`, which Drift does not have.",
        price_above_price_max,
    ),
    of(
        "price_liquidation",
        "their choice",
        "the tick before the first at which it happens",
        "`get_perp_liq_price` divides the free collateral by what one unit of price costs and rounds "
        "towards the mark: at that price the account is at its margin or a little above it. MAR-14 gives "
        "the first tick at which it is liquidatable. One tick, and up to one more for the rounding of the "
        "requirement.",
        lambda case, market: price(case, market, orders=False),
    ),
    of(
        "price_liquidation",
        "their defect",
        "open orders move the start of the line and not its slope",
        "The requirement at the mark counts the worst case of the open orders, the slope counts the "
        "position alone (`calculate_free_collateral_delta_for_perp` is called without "
        "`include_open_orders`, line 1321). The price is then neither that of the position nor that of "
        "the position with its orders: at it, `can_be_liquidated` of the same SDK does not change its "
        "answer. The TypeScript SDK of the same protocol passes `includeOpenOrders` to both.",
        lambda case, market: price(case, market, orders=True),
    ),
)

PREMIUM_TITLE = "the size premium starts from 80 % of the base ratio"
PREMIUM = (
    "With an imf factor, the ratio is the larger of the base and of 80 % of the base plus factor x square "
    "root of the size, in steps of 0.0001 rounded down (`math/margin.py`, "
    "`calculate_size_premium_liability_weight`, line 109). MAR-4 takes the larger of the base and of "
    "factor x square root alone, to the ppm, rounded up. Where MAR-4 just leaves the base, theirs asks "
    "for 1.8 times the base. The predictions contain the differences of the run above as well."
)


def base_rules(case: Case) -> bool:
    """Whether every rate of an account is the base one, by MAR-4 and by their premium."""
    account = case.account
    for market in markets_of(account.positions, account.orders):
        terms = case.venue.policy.markets[market]
        size = account.positions.get(market, NOTHING_HELD).size
        orders = account.orders.get(market, NOTHING_ORDERED)
        lots = lots_at_risk(size, orders.buys, orders.sells)
        for schedule in (terms.initial, terms.maintenance):
            theirs = ratio_of(schedule, lots) * RATIO
            if not theirs == schedule.base == sqrt_rate(lots, schedule.base, schedule.factor):
                return False
    return True


def where_base_rules(difference: Difference) -> Difference:
    """The same difference, for accounts on which the size premium has no part."""

    def predicts(case: Case, market: str) -> Answer:
        return difference.predicts(case, market) if base_rules(case) else NOT_THEIRS

    return replace(difference, predicts=predicts)


OF_GROWING_RATES: tuple[Difference, ...] = (
    *(where_base_rules(difference) for difference in DIFFERENCES),
    *(
        of(
            f"margin_{side}",
            "their choice",
            PREMIUM_TITLE,
            PREMIUM,
            lambda case, market, side=side: str(requirement(case, side, orders=True, borrowed=True)),
        )
        for side in ("initial", "maintenance")
    ),
    of("status", "their choice", PREMIUM_TITLE, "It follows from their requirements.", status),
    of("price_liquidation", "their choice", PREMIUM_TITLE, "It follows from their requirements.", any_price),
)
