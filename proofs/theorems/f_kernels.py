"""F1 and F2. Kernels: each computes its rule for every input in the declared domain, and no intermediate
leaves its C type; both are proved of the very source that is compiled.

What is proved besides each equality here, line by line of the kernel: every sum and product fits 64 bits
(128 where declared), and every division is of a non-negative by a positive number. Kernels of the waterfall
are in f_waterfall_kernels.py and f_deleveraging_kernels.py.
"""

from fastpath.domain import (
    DEAL_MAX,
    EQUITY_MAX,
    MARGIN_MAX,
    MULTIPLIER_MAX,
    NOTIONAL_MAX,
    ORDERS_MAX,
    PRICE_MAX,
    RATE_MAX,
    ROOM_MAX,
    SIZE_MAX,
    SQUARE_MAX,
    STATUSES,
)
from proofs.contracts import establish
from proofs.lemmas.contracts import (
    kernel_root_is_rounded_up,
    kernel_step_halves_the_distance,
    root_is_rounded_up,
)
from proofs.lemmas.tiers import TWO_TIERS, arbitrary_tiers
from proofs.machine import kernel
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from refmodel.liquidation_price import Line, first_tick_of_long, first_tick_of_short
from refmodel.margin import (
    Standing,
    bracket_margin,
    bracket_numerator,
    is_liquidatable,
    lots_at_risk,
    notional,
    published_amount,
    sqrt_margin,
    sqrt_rate,
    status,
    top_rate,
    whole_margin,
    whole_rate,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, Ticks, ceil_div, floor_div, isqrt_ceil
from refmodel.policy import TRIGGERS
from refmodel.state import position_value
from refmodel.trading import fee

WORD = 2**63 - 1
"""The largest signed number of 64 bits."""
GUARD_MAX = 2**41
"""Lots: what `evaluate` passes on before it has compared a row with the domain; SIZE_MAX and ORDERS_MAX
are less."""


def within(value: int, low: int, high: int) -> None:
    """A premise: the value lies in the domain, which POL-13 keeps every valid policy inside."""
    assume(low <= value, policy="POL-13")
    assume(value <= high, policy="POL-13")


def product_in_two_parts(held: Quanta, rate: Ppm) -> None:
    """A hint: a notional times a rate of 0 to 100 %, in the two parts that the kernels divide apart."""
    whole, rest = floor_div(held, PPM), held % PPM
    lemma(rate * held == rate * whole * PPM + rate * rest, "the notional in two parts")
    lemma((0 <= rate * whole) & (rate * whole <= PPM * whole), "of a rate of 100 % at the most")
    lemma((0 <= rate * rest) & (rate * rest <= PPM * rest), "for both parts")


@theorem(
    "F1-divisions",
    rules=("NUM-1", "NUM-3"),
    claim="The kernels' divisions round as the law's, for every pair of 64-bit numbers but the smallest.",
    kernels=True,
    witness=(dict(numerator=7, divisor=2), dict(numerator=-7, divisor=2)),
    mutant=Replace(
        "kernels.ceil_div", "(1 if numerator % divisor > 0 else 0)", "0", name="a floor for a ceil"
    ),
)
def divisions_round_as_the_law(numerator: int, divisor: int) -> None:
    within(numerator, -WORD, WORD)
    within(divisor, 1, WORD)

    up = kernel("ceil_div")(numerator, divisor) if numerator < WORD else ceil_div(numerator, divisor)
    down = kernel("floor_div")(numerator, divisor) if numerator > -WORD else floor_div(numerator, divisor)

    prove(up == ceil_div(numerator, divisor), "up is up")
    prove(down == floor_div(numerator, divisor), "down is down")


@theorem(
    "F1-root-step",
    rules=("NUM-4",),
    claim="One binary digit of the kernel's square root halves the distance to the root.",
    kernels=True,
    witness=dict(number=10, root=0, bit=4),
    mutant=Replace(
        "kernels.isqrt_step",
        "* (root + bit) <= number",
        "* (root + bit) < number",
        name="an exact square missed",
    ),
)
def root_step_halves_the_distance(number: int, root: int, bit: int) -> None:
    establish(kernel_step_halves_the_distance, number, root, bit)
    result = kernel("isqrt_step")(number, root, bit)

    prove((result == root) | (result == root + bit), "the digit is set or not")


@theorem(
    "F1-root",
    rules=("NUM-4",),
    claim="The kernel's integer square root is the law's.",
    kernels=True,
    contracts=(kernel_step_halves_the_distance, root_is_rounded_up),
    witness=(dict(number=0), dict(number=10), dict(number=1_000_000)),
    mutant=Replace(
        "kernels.isqrt_ceil", "root + 1 if root * root < number else root", "root", name="rounded down"
    ),
)
def root_is_the_law(number: int) -> None:
    within(number, 0, SQUARE_MAX)

    establish(kernel_root_is_rounded_up, number)
    found = kernel("isqrt_ceil")(number)
    least = isqrt_ceil(number)

    lemma(
        implies(found < least, found * found <= (least - 1) * (least - 1)),
        "a smaller root has a smaller square",
    )
    lemma(implies(least < found, least * least <= (found - 1) * (found - 1)), "and the other way round")
    prove(found == least, "both are the least root")


@theorem(
    "F1-values",
    rules=("ACC-1", "MAR-1"),
    claim="Position value and notional are the law's.",
    kernels=True,
    witness=dict(size=-3, mark=10, multiplier=7),
    mutant=Replace(
        "kernels.position_value",
        "size * mark * multiplier",
        "abs(size) * mark * multiplier",
        name="sign lost",
    ),
)
def values_are_the_law(size: Lots, mark: Ticks, multiplier: int) -> None:
    within(size, -ORDERS_MAX, ORDERS_MAX)  # a deal may lead from the largest short to the largest long
    within(mark, 1, PRICE_MAX)
    within(multiplier, 1, MULTIPLIER_MAX)
    lots = abs(size)
    assume(lots * mark * multiplier <= DEAL_MAX, policy="POL-13")
    lemma(lots * mark >= 0, "lots have a value")
    lemma(lots * mark <= lots * mark * multiplier, "a multiplier is at least one")
    lemma(size * mark * multiplier >= -(lots * mark * multiplier), "either side is within it")
    lemma(size * mark * multiplier <= lots * mark * multiplier, "either side is within it")
    lemma(size * mark >= -(lots * mark), "either side is within it")
    lemma(size * mark <= lots * mark, "either side is within it")

    prove(
        kernel("position_value")(size, mark, multiplier) == position_value(size, mark, multiplier),
        "the same value",
    )
    prove(kernel("notional")(lots, mark, multiplier) == notional(lots, mark, multiplier), "the same notional")


@theorem(
    "F1-bracket",
    rules=("MAR-2", "MAR-13"),
    claim="The kernel's bracket margin, from the rate and amount of the tier reached, is the law's "
    "sum over any number of tiers.",
    kernels=True,
    witness=dict(held=60, floor=0, rise=10_000, items=TWO_TIERS),
    mutant=Replace("kernels.bracket_margin", "+ 999_999", "+ 999_998", name="rounded down at an edge"),
)
def bracket_margin_is_the_law(held: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    within(held, 0, NOTIONAL_MAX)
    numerator = tiers.sum_of(bracket_numerator)
    amount = tiers.sum_of(published_amount)
    last_floor = tiers.ghost("last_floor", 0, lambda _, tier: tier.floor)
    tiers.each(lambda tier: tier.floor >= last_floor(), policy="POL-2")
    tiers.prove(
        lambda: (
            implies(held >= last_floor(), numerator(held) == top_rate(tiers) * held - amount())
            & implies(held >= last_floor(), numerator(held) >= 0)
            & (amount() >= 0)
            & (amount() <= top_rate(tiers) * last_floor())
            & (top_rate(tiers) >= 0)
            & (top_rate(tiers) <= PPM)
            & (last_floor() >= 0)
        ),
        "from its floor on the highest line is the requirement",
    )
    assume(held >= last_floor(), guard="MAR-13")  # the tiers up to the one that the notional reaches
    rate = top_rate(tiers)
    amount_whole, amount_rest = floor_div(amount(), PPM), amount() % PPM
    lemma(rate * last_floor() <= rate * held, "the floor is reached")
    product_in_two_parts(held, rate)

    found = kernel("bracket_margin")(held, rate, amount_whole, amount_rest)

    prove(found == bracket_margin(held, tiers), "the same requirement")


@theorem(
    "F1-whole",
    rules=("MAR-3",),
    claim="The kernel's margin on the whole notional, at the rate of the tier reached, is the law's.",
    kernels=True,
    witness=dict(held=60, floor=0, rise=10_000, items=TWO_TIERS),
    mutant=Replace("kernels.whole_margin", "+ 999_999", "", name="a floor for a ceil"),
)
def whole_margin_is_the_law(held: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    within(held, 0, NOTIONAL_MAX)
    rate = tiers.sum_of(whole_rate)
    tiers.prove(
        lambda: (rate(held) >= 0) & (rate(held) <= top_rate(tiers)) & (top_rate(tiers) <= PPM),
        "a rate is 100 % at the most",
    )
    reached = whole_rate(held, tiers)
    product_in_two_parts(held, reached)

    prove(kernel("whole_margin")(held, reached) == whole_margin(held, tiers), "the same requirement")


@theorem(
    "F1-line",
    rules=("MAR-13",),
    claim="A line prepared for the value of a lot gives the bracket margin of every number of lots.",
    kernels=True,
    witness=(
        dict(lots=3, value=1_000_001, rate=12_500, amount=25_000),
        dict(lots=10**12, value=9_999, rate=PPM, amount=0),
    ),
    mutant=(
        Replace("kernels.binary_part", "+ 999_999", "", name="a part rounded down"),
        Replace("kernels.line_gain_rest", "% 1_000_000) %", "% 1_000_000) //", name="not the rest"),
        Replace("kernels.line_amount", "999_999 -", "-", name="rounded down"),
    ),
)
def prepared_line_is_the_bracket(lots: Lots, value: Quanta, rate: Ppm, amount: QuantaPpm) -> None:
    within(lots, 0, SIZE_MAX)
    within(value, 0, NOTIONAL_MAX)
    within(rate, 0, RATE_MAX)
    within(amount, 0, RATE_MAX * NOTIONAL_MAX)
    held = lots * value
    assume(held <= NOTIONAL_MAX, policy="POL-13")
    assume(amount <= rate * held, guard="MAR-13")  # from its floor on the highest line is the requirement
    amount_whole, amount_rest = floor_div(amount, PPM), amount % PPM

    gain, rest = kernel("line_gain")(value, rate), kernel("line_gain_rest")(value, rate)
    gain_part = kernel("binary_part")(rest)
    of_amount = kernel("line_amount")(amount_whole, amount_rest)
    found = kernel("line_margin")(lots, gain, gain_part, of_amount)

    prove(found == kernel("bracket_margin")(held, rate, amount_whole, amount_rest), "the same requirement")


@theorem(
    "F1-floor",
    rules=("MAR-2", "MAR-13"),
    claim="A notional is above a floor if and only if the lots are above the floor over the value of a lot.",
    kernels=True,
    witness=(dict(lots=3, value=10, floor=29), dict(lots=3, value=10, floor=30)),
    mutant=Replace(
        "kernels.floor_div",
        "return numerator // divisor",
        "return (numerator - 1) // divisor",
        name="an exact floor missed",
    ),
)
def floor_is_passed_in_lots(lots: Lots, value: Quanta, floor: Quanta) -> None:
    within(lots, 0, SIZE_MAX)
    within(value, 1, NOTIONAL_MAX)
    within(floor, 0, NOTIONAL_MAX)

    floor_in_lots = kernel("floor_div")(floor, value)

    prove((lots * value > floor) == (lots > floor_in_lots), "the same tier")


@theorem(
    "F1-sqrt",
    rules=("MAR-4",),
    claim="The kernel's size-scaled margin is the law's.",
    kernels=True,
    contracts=(kernel_root_is_rounded_up, root_is_rounded_up),
    witness=dict(lots=5, held=1_000, base=10_000, factor=5_000),
    mutant=Replace("kernels.sqrt_rate", "base if base > root else root", "root", name="the base forgotten"),
)
def sqrt_margin_is_the_law(lots: Lots, held: Quanta, base: Ppm, factor: Ppm) -> None:
    within(lots, 0, SIZE_MAX)
    within(held, 0, NOTIONAL_MAX)
    within(base, 0, RATE_MAX)
    within(factor, 0, RATE_MAX)
    assume(factor * factor * lots <= SQUARE_MAX, policy="POL-6")
    square = factor * factor * lots
    lemma((0 <= factor * factor) & (factor * factor <= RATE_MAX * RATE_MAX), "a square of a rate")
    lemma(square >= 0, "of a size that is not negative")
    root = isqrt_ceil(square)
    lemma(root <= RATE_MAX, "a root is a rate")
    rate = sqrt_rate(lots, base, factor)
    lemma((0 <= rate) & (rate <= PPM), "so is the larger of base and root")
    product_in_two_parts(held, rate)

    found = kernel("sqrt_rate")(lots, base, factor)
    lemma(found == rate, "the least root is one number")

    prove(
        kernel("sqrt_margin")(lots, held, base, factor) == sqrt_margin(lots, held, base, factor),
        "the same requirement",
    )


@theorem(
    "F1-lots-at-risk",
    rules=("MAR-6",),
    claim="The kernel's lots at risk are the law's.",
    kernels=True,
    witness=(dict(size=-3, buys=5, sells=2), dict(size=3, buys=0, sells=10)),
    mutant=Replace(
        "kernels.lots_at_risk",
        "longlong = sells - size",
        "longlong = sells + size",
        name="sign of the position",
    ),
)
def lots_at_risk_are_the_law(size: Lots, buys: Lots, sells: Lots) -> None:
    within(size, -GUARD_MAX, GUARD_MAX)  # the guard itself asks for the lots at risk
    within(buys, 0, GUARD_MAX)
    within(sells, 0, GUARD_MAX)

    prove(kernel("lots_at_risk")(size, buys, sells) == lots_at_risk(size, buys, sells), "the same lots")


@theorem(
    "F1-status",
    rules=("MAR-9", "MAR-11"),
    claim="The kernel's trigger and status are the law's.",
    kernels=True,
    witness=(
        dict(trigger=0, equity=4, initial=9, maintenance=5),
        dict(trigger=1, equity=5, initial=9, maintenance=5),
    ),
    mutant=Replace(
        "kernels.is_liquidatable",
        "equity < maintenance + trigger",
        "equity < maintenance",
        name="the trigger ignored",
    ),
)
def status_is_the_law(equity: Quanta, initial: Quanta, maintenance: Quanta) -> None:
    within(equity, -EQUITY_MAX, EQUITY_MAX)
    within(initial, 0, MARGIN_MAX)
    within(maintenance, 0, MARGIN_MAX)
    trigger = choice("trigger", *TRIGGERS)
    code = TRIGGERS.index(trigger)

    found = kernel("status")(equity, initial, maintenance, code)
    liquidatable = kernel("is_liquidatable")(equity, maintenance, code)

    prove(liquidatable == is_liquidatable(equity, maintenance, trigger), "the same trigger")
    named = status(Standing(equity, initial, maintenance), trigger)
    prove(found == STATUSES.index(named), "the same status")


@theorem(
    "F1-fee",
    rules=("FEE-1",),
    claim="The kernel's fee is the law's, for fees and rebates.",
    kernels=True,
    witness=(dict(amount=1_001, rate=500), dict(amount=1_001, rate=-500)),
    mutant=Replace(
        "kernels.fee",
        "- (-rate * rest) // 1_000_000",
        "- (-rate * rest + 999_999) // 1_000_000",
        name="a rebate rounded up",
    ),
)
def fee_is_the_law(amount: Quanta, rate: Ppm) -> None:
    within(amount, 0, DEAL_MAX)
    within(rate, -RATE_MAX, RATE_MAX)
    whole, rest = floor_div(amount, PPM), amount % PPM
    lemma(rate * amount == rate * whole * PPM + rate * rest, "the amount in two parts")
    lemma((-PPM * whole <= rate * whole) & (rate * whole <= PPM * whole), "of a rate of 100 % at the most")
    lemma((-PPM * rest <= rate * rest) & (rate * rest <= PPM * rest), "for both parts")
    if rate >= 0:
        lemma(rate * rest >= 0, "a fee is not negative")
    else:
        lemma(rate * rest <= 0, "a rebate is not positive")

    prove(kernel("fee")(amount, rate) == fee(amount, rate), "the same fee")


@theorem(
    "F1-room",
    rules=("MAR-14",),
    claim="The kernel's room is what the law computes, in 128 bits.",
    kernels=True,
    witness=dict(equity_at_zero=-5, elsewhere=3, at=1),
    mutant=Replace(
        "kernels.liquidation_room",
        "- maintenance_elsewhere - trigger",
        "- maintenance_elsewhere",
        name="the trigger ignored",
    ),
)
def room_is_the_law(equity_at_zero: Quanta, elsewhere: Quanta, at: int) -> None:
    within(equity_at_zero, -EQUITY_MAX, EQUITY_MAX)
    within(elsewhere, 0, MARGIN_MAX)
    within(at, 0, 1)

    found = kernel("liquidation_room")(equity_at_zero, elsewhere, at)

    prove(found == PPM * (equity_at_zero - elsewhere - at), "the same room")
    prove((-ROOM_MAX <= found) & (found <= ROOM_MAX), "within what the candidates are proved for")


@theorem(
    "F1-first-tick-of-long",
    rules=("MAR-14",),
    claim="The kernel's candidate of a line for a long is the law's.",
    kernels=True,
    effort=2.0,
    witness=dict(lots=3, multiplier=2, room=-50_000_000, mark=50, rate=50_000, amount=0, above=0),
    mutant=Replace(
        "kernels.first_tick_of_long",
        "(missing - 1) // slope",
        "missing // slope",
        name="off by one at an edge",
    ),
)
def candidate_of_a_long_is_the_law(
    lots: Lots, multiplier: int, room: QuantaPpm, mark: Ticks, rate: Ppm, amount: QuantaPpm, above: Quanta
) -> None:
    within(lots, 1, SIZE_MAX)
    within(multiplier, 1, MULTIPLIER_MAX)
    assume(lots * multiplier <= NOTIONAL_MAX, policy="POL-13")
    within(room, -ROOM_MAX, ROOM_MAX)
    within(mark, 1, PRICE_MAX)
    within(rate, 0, RATE_MAX)
    within(amount, 0, RATE_MAX * NOTIONAL_MAX)
    within(above, 0, NOTIONAL_MAX)
    unit = lots * multiplier
    lemma(unit >= 1, "a lot has a value at every tick")
    lemma(
        (0 <= unit * (PPM - rate)) & (unit * (PPM - rate) <= PPM * NOTIONAL_MAX), "the slope is in the domain"
    )
    lemma(unit * (PPM - rate) == (PPM - rate) * lots * multiplier, "in either order")

    if (rate < PPM) & (room + amount < 0):
        slope = (PPM - rate) * lots * multiplier
        lemma(slope >= 1, "the slope is positive")
        up = ceil_div(-(room + amount), slope)
        down = floor_div(-(room + amount) - 1, slope)
        lemma(implies(down >= up, down * slope >= up * slope), "either would be too large")
        lemma(implies(down + 1 <= up - 1, (down + 1) * slope <= (up - 1) * slope), "or too small")
        lemma(down == up - 1, "one less than rounded up is rounded down of one less")

    found = kernel("first_tick_of_long")(lots, multiplier, room, mark, rate, amount, above)

    prove(
        found == first_tick_of_long(lots, multiplier, room, mark, Line(rate, amount, above)), "the same tick"
    )


@theorem(
    "F1-first-tick-of-short",
    rules=("MAR-14",),
    claim="The kernel's candidate of a line for a short is the law's.",
    kernels=True,
    effort=2.0,
    witness=dict(lots=3, multiplier=2, room=50_000_000, rate=50_000, amount=0, above=0),
    mutant=Replace(
        "kernels.first_tick_of_short", "left // slope + 1 if", "left // slope if", name="off by one tick"
    ),
)
def candidate_of_a_short_is_the_law(
    lots: Lots, multiplier: int, room: QuantaPpm, rate: Ppm, amount: QuantaPpm, above: Quanta
) -> None:
    within(lots, 1, SIZE_MAX)
    within(multiplier, 1, MULTIPLIER_MAX)
    assume(lots * multiplier <= NOTIONAL_MAX, policy="POL-13")
    within(room, -ROOM_MAX, ROOM_MAX)
    within(rate, 0, RATE_MAX)
    within(amount, 0, RATE_MAX * NOTIONAL_MAX)
    within(above, 0, NOTIONAL_MAX)
    unit = lots * multiplier
    lemma(unit >= 1, "a lot has a value at every tick")
    lemma(
        (PPM <= unit * (PPM + rate)) & (unit * (PPM + rate) <= 2 * PPM * NOTIONAL_MAX),
        "the slope is in the domain",
    )
    lemma(unit * (PPM + rate) == (PPM + rate) * lots * multiplier, "in either order")

    found = kernel("first_tick_of_short")(lots, multiplier, room, rate, amount, above)

    prove(found == first_tick_of_short(lots, multiplier, room, Line(rate, amount, above)), "the same tick")
