"""What NautilusTrader does otherwise than the law, as models in whole numbers that predict its answers.

Line numbers are of nautilus_trader 1.221.0, files are below `nautilus_trader/accounting/`.
"""

from fractions import Fraction

from marginspec.adapters.comparison import Difference
from marginspec.adapters.venues import Case
from refmodel.margin import NOTHING_HELD, NOTHING_ORDERED, lots_at_risk, markets_of
from refmodel.numbers import PPM


def nearest(numerator: int, denominator: int) -> int:
    """A quotient of amounts >= 0, rounded to the nearest; a half goes up."""
    return (2 * numerator + denominator) // (2 * denominator)


def nearest_even(numerator: int, denominator: int) -> int:
    """A quotient of amounts >= 0, rounded to the nearest; a half goes to the even neighbour, as prices do."""
    return round(Fraction(numerator, denominator))


def margin(case: Case, side: str, market: str, lots: int, price: int) -> int:
    """Their margin of some lots at a price: the rate of the only tier, to the nearest quantum."""
    terms = case.venue.policy.markets[market]
    schedule = terms.initial if side == "initial" else terms.maintenance
    return nearest(lots * price * terms.multiplier * schedule.tiers[0].rise, PPM)


def of_lots_at_risk(case: Case, market: str) -> str:
    """Initial margin by their model, of the lots that MAR-6 counts."""
    account, total = case.account, 0
    for name in markets_of(account.positions, account.orders):
        orders = account.orders.get(name, NOTHING_ORDERED)
        lots = lots_at_risk(account.positions.get(name, NOTHING_HELD).size, orders.buys, orders.sells)
        total += margin(case, "initial", name, lots, case.venue.marks[name])
    return str(total)


def of_positions_at_mark(case: Case, market: str) -> str:
    """Maintenance margin by their model, at the mark."""
    held = case.account.positions.items()
    marks = case.venue.marks
    return str(sum(margin(case, "maintenance", name, abs(each.size), marks[name]) for name, each in held))


def of_orders_alone(case: Case, market: str) -> str:
    """Initial margin of their account: every order by itself, no position."""
    total = 0
    for name, orders in case.account.orders.items():
        for lots in (orders.buys, orders.sells):
            total += margin(case, "initial", name, lots, case.venue.marks[name])
    return str(total)


def of_positions_at_entry(case: Case, market: str) -> str:
    """Maintenance margin of their account: at the average price of opening, as a whole tick."""
    total = 0
    for name, held in case.account.positions.items():
        lots = abs(held.size)
        price = nearest_even(abs(held.cost), lots * case.venue.policy.markets[name].multiplier)
        total += margin(case, "maintenance", name, lots, price)
    return str(total)


NEAREST = (
    "`Money` rounds to the nearest unit of its currency, a half away from zero (`margin_models.pyx` "
    "returns `Money(margin, currency)`). NUM-1 rounds a requirement up. At most one quantum a market."
)

OF_MODEL: tuple[Difference, ...] = (
    Difference("margin_initial", "their choice", "rounds to the nearest", NEAREST, of_lots_at_risk),
    Difference("margin_maintenance", "their choice", "rounds to the nearest", NEAREST, of_positions_at_mark),
)
OF_ACCOUNT: tuple[Difference, ...] = (
    Difference(
        "margin_initial",
        "their choice",
        "initial margin is that of the orders alone, each by itself",
        "`AccountsManager._update_margin_init` (`manager.pyx`, line 281) sums `calculate_margin_init` "
        "over the open orders, buys and sells, at the order's price, and leaves out orders that are "
        "marked reduce-only. A position needs no initial margin once it is filled, and an order that "
        "would reduce it needs as much as one that adds to it, unless it is so marked. MAR-8 asks for the "
        "larger of the two positions that the orders can lead to. What NautilusTrader locks is the sum of "
        "this and of maintenance margin; neither that sum nor this amount is the law's.",
        of_orders_alone,
    ),
    Difference(
        "margin_maintenance",
        "their choice",
        "rounds to the nearest",
        NEAREST,
        of_positions_at_mark,
    ),
    Difference(
        "margin_maintenance",
        "their defect",
        "maintenance margin is taken at the price of opening",
        "`AccountsManager.update_positions` passes `instrument.make_price(position.avg_px_open)` "
        "(`manager.pyx`, line 394) to a parameter that `MarginAccount.calculate_margin_maint` documents "
        "as the position's current price. The margin of a short does not grow when the price rises "
        "against it, that of a long does not shrink. With a tick of 1 the average is cut to a whole tick "
        "besides. Every venue named in chapter 3 takes the mark. That margin accounts cannot be relied on "
        "is known upstream (nautilus_trader issue 2530); this is one precise reason.",
        of_positions_at_entry,
    ),
)
