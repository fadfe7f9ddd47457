"""F1 and F2 of deleveraging. Kernels of the ranking, the caps and the allocation: each computes its rule for
every input in the declared domain, and no intermediate leaves its C type.

As f_kernels.py, of fastpath/waterfall.py. Two scores are compared by products that need 246 bits.
"""

from fastpath.domain import (
    COST_MAX,
    EQUITY_MAX,
    MARGIN_MAX,
    NOTIONAL_MAX,
    RANKINGS,
    RATE_MAX,
    SCORE_MAX,
    SIZE_MAX,
    SUM_MAX,
    WALLET_MAX,
)
from proofs.contracts import contract, ensure, establish, require
from proofs.machine import kernel, kernel_rule
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.theorems.f_kernels import within
from refmodel.allocation import CapRate, Level, is_cut_off, queue_share
from refmodel.deleveraging import cap_of_line
from refmodel.liquidation_price import Line
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, floor_div
from refmodel.ranking import Holding, Ranked, Score, comes_before, score

AMOUNT_MAX = RATE_MAX * NOTIONAL_MAX
"""Quanta x ppm: the amount of a published line."""


@theorem(
    "F1-score",
    rules=("ADL-1",),
    claim="The kernels' score of a holder is the law's, by each formula.",
    kernels=True,
    witness=tuple(
        dict(formula=formula, value=value, cost=70, wallet=wallet, equity=40, maintenance=5)
        for formula, value, wallet in ((0, 100, 30), (1, 100, 30), (1, 60, 30), (2, 100, 30), (2, -100, -30))
    ),
    mutant=(
        Replace(
            "waterfall.score_numerator",
            "else profit * equity",
            "else profit * size",
            name="losses as profits",
        ),
        Replace(
            "waterfall.score_denominator", "if wallet > 1 else 1", "if wallet > 1 else 2", name="a floor of 2"
        ),
    ),
)
def score_is_the_law(
    value: Quanta, cost: Quanta, wallet: Quanta, equity: Quanta, maintenance: Quanta
) -> None:
    within(value, -NOTIONAL_MAX, NOTIONAL_MAX)
    within(cost, -COST_MAX, COST_MAX)
    within(wallet, -WALLET_MAX, WALLET_MAX)
    within(equity, 1, EQUITY_MAX)
    within(maintenance, 1, MARGIN_MAX)
    assume(value != 0, guard="ADL-1")  # a position at a mark has a value
    formula = choice("formula", *RANKINGS)
    code = RANKINGS.index(formula)
    size, paid, most = abs(value), max(abs(cost), 1), max(wallet, 1)
    gain = max(value - cost, 0)
    lost = max(cost - value, 0)
    for factor, by, bound in (
        (gain, maintenance, MARGIN_MAX),
        (gain, size, NOTIONAL_MAX),
        (lost, equity, EQUITY_MAX),
        (size, size, NOTIONAL_MAX),
        (paid, size, NOTIONAL_MAX),
    ):
        lemma((0 <= factor * by) & (factor * by <= factor * bound), "a numerator is in the domain")
    for factor, by, bound in (
        (most, equity, EQUITY_MAX),
        (paid, equity, EQUITY_MAX),
        (paid, size, NOTIONAL_MAX),
        (size, equity, EQUITY_MAX),
    ):
        lemma((factor <= factor * by) & (factor * by <= factor * bound), "a denominator is in the domain")

    numerator = kernel("score_numerator")(code, value, cost, equity, maintenance)
    denominator = kernel("score_denominator")(code, value, cost, wallet, equity)

    by_law = score(Holding(value, cost, wallet, equity, maintenance), formula)
    prove(numerator == by_law.numerator, "the same numerator")
    prove(denominator == by_law.denominator, "the same denominator")
    prove((-SCORE_MAX <= numerator) & (numerator <= SCORE_MAX), "within what the order is proved for")
    prove((1 <= denominator) & (denominator <= SCORE_MAX), "for both")


@contract(for_=kernel_rule("product_order"), proved_by="F1-product-order")
def products_are_compared(result: int, one: int, by: int, other: int, by_other: int) -> None:
    """Two products of the domain are compared exactly."""
    require((0 <= one) & (one <= SCORE_MAX))
    require((0 <= by) & (by <= SCORE_MAX))
    require((0 <= other) & (other <= SCORE_MAX))
    require((0 <= by_other) & (by_other <= SCORE_MAX))
    ensure(implies(result > 0, one * by > other * by_other))
    ensure(implies(result == 0, one * by == other * by_other))
    ensure(implies(result < 0, one * by < other * by_other))


BASE = 1 << 60
"""Of the digits in which a product is compared."""


def digits_of_a_product(one: int, by: int) -> None:
    """A hint: the three digits of a product of two numbers of two digits each."""
    above, below = floor_div(one, BASE), one % BASE
    by_above, by_below = floor_div(by, BASE), by % BASE
    most = SCORE_MAX // BASE
    for factor, bound in ((above, most), (below, BASE - 1)):
        for with_factor, with_bound in ((by_above, most), (by_below, BASE - 1)):
            lemma(
                (0 <= factor * with_factor) & (factor * with_factor <= bound * with_bound),
                "a product of two digits",
            )
    lemma(
        one * by
        == above * by_above * BASE * BASE + (above * by_below + below * by_above) * BASE + below * by_below,
        "a product of two numbers is four products of digits",
    )
    carried = floor_div(below * by_below, BASE)
    middle = above * by_below + below * by_above + carried
    high = above * by_above + floor_div(middle, BASE)
    low = (below * by_below) % BASE
    lemma(one * by == high * BASE * BASE + (middle % BASE) * BASE + low, "carried over, three digits")


@theorem(
    "F1-product-order",
    rules=("ADL-2",),
    claim="The kernel compares products of 246 bits exactly, by parts of 128 bits.",
    kernels=True,
    witness=(
        dict(one=SCORE_MAX, by=SCORE_MAX, other=SCORE_MAX - 1, by_other=SCORE_MAX),
        dict(one=6, by=2, other=4, by_other=3),
        dict(one=1 << 60, by=1 << 59, other=1 << 61, by_other=1 << 59),
    ),
    mutant=(
        Replace("waterfall.product_order", "+ low // base", "", name="a carry forgotten"),
        Replace(
            "waterfall.product_order", "if high != other_high:", "if False:", name="the highest digit unread"
        ),
    ),
)
def products_are_compared_exactly(one: int, by: int, other: int, by_other: int) -> None:
    within(one, 0, SCORE_MAX)
    within(by, 0, SCORE_MAX)
    within(other, 0, SCORE_MAX)
    within(by_other, 0, SCORE_MAX)
    digits_of_a_product(one, by)
    digits_of_a_product(other, by_other)

    establish(products_are_compared, one, by, other, by_other)


@theorem(
    "F1-comes-before",
    rules=("ADL-2",),
    claim="The kernel's order of two holders is the law's.",
    kernels=True,
    contracts=(products_are_compared,),
    witness=(
        dict(
            numerator=2,
            denominator=3,
            notional=5,
            place=0,
            numerator_b=4,
            denominator_b=6,
            notional_b=5,
            place_b=1,
        ),
        dict(
            numerator=-1,
            denominator=3,
            notional=5,
            place=0,
            numerator_b=-1,
            denominator_b=4,
            notional_b=5,
            place_b=1,
        ),
    ),
    mutant=Replace(
        "waterfall.comes_before",
        "product_order(-other_numerator, denominator, -numerator, other_denominator)",
        "product_order(-numerator, other_denominator, -other_numerator, denominator)",
        name="the larger loss first",
    ),
)
def order_of_holders_is_the_law(
    numerator: int,
    denominator: int,
    notional: Quanta,
    place: int,
    numerator_b: int,
    denominator_b: int,
    notional_b: Quanta,
    place_b: int,
) -> None:
    for each in (numerator, numerator_b):
        within(each, -SCORE_MAX, SCORE_MAX)
    for each in (denominator, denominator_b):
        within(each, 1, SCORE_MAX)
    for each in (notional, notional_b):
        within(each, 0, NOTIONAL_MAX)
    for each in (place, place_b):
        within(each, 0, SUM_MAX)
    mine, theirs = numerator * denominator_b, numerator_b * denominator
    for product, factor in ((mine, numerator), (theirs, numerator_b)):
        lemma(implies(factor >= 0, product >= 0), "a product with a positive number")
        lemma(implies(factor < 0, product < 0), "keeps its sign")
    # An account's identifier counts by its place in the order of identifiers.
    one = Ranked(place, Score(numerator, denominator), notional)  # type: ignore[arg-type]
    other = Ranked(place_b, Score(numerator_b, denominator_b), notional_b)  # type: ignore[arg-type]

    found = kernel("comes_before")(
        numerator, denominator, notional, place, numerator_b, denominator_b, notional_b, place_b
    )

    prove(found == comes_before(one, other), "the same order")


@theorem(
    "F1-cap-of-line",
    rules=("ADL-3",),
    claim="The kernel's cap of one line is the law's.",
    kernels=True,
    witness=(
        dict(lots=9, lot_value=100, room=100, gap=90, gap_lots=9, rate=50_000, amount=0),
        dict(lots=9, lot_value=100, room=100, gap=0, gap_lots=9, rate=50_000, amount=0),
        dict(lots=9, lot_value=100, room=0, gap=90, gap_lots=9, rate=50_000, amount=0),
        dict(lots=9, lot_value=100, room=44, gap=0, gap_lots=9, rate=50_000, amount=0),
        dict(lots=9, lot_value=100, room=0, gap=0, gap_lots=9, rate=50_000, amount=0),
    ),
    mutant=(
        Replace("waterfall.cap_of_line", "above >= lost_per_lot", "above >= 0", name="also asked at 0 lots"),
        Replace("waterfall.cap_of_line", "most > lots", "most < 0", name="more than it holds"),
    ),
)
def cap_of_a_line_is_the_law(
    lots: Lots, lot_value: Quanta, room: Quanta, gap: Quanta, gap_lots: Lots, rate: Ppm, amount: QuantaPpm
) -> None:
    within(lots, 1, SIZE_MAX)
    within(gap_lots, 1, SIZE_MAX)
    within(lot_value, 1, NOTIONAL_MAX)
    assume(lots * lot_value <= NOTIONAL_MAX, policy="POL-13")
    assume(gap_lots * lot_value <= NOTIONAL_MAX, policy="POL-13")
    room_max = EQUITY_MAX + MARGIN_MAX + 2
    within(room, -room_max, room_max)
    within(gap, 0, EQUITY_MAX)
    within(rate, 0, RATE_MAX)
    within(amount, 0, AMOUNT_MAX)
    for held in (lots * lot_value, gap_lots * lot_value):
        lemma(held >= 1, "a position has a value")
        lemma((0 <= rate * held) & (rate * held <= AMOUNT_MAX), "of which a margin is a share")
    each = PPM * room - rate * (lots * lot_value) + amount
    bound = PPM * room_max + 2 * AMOUNT_MAX
    lemma((-bound <= each) & (each <= bound), "the room above the line")
    lemma((-bound * gap_lots <= each * gap_lots) & (each * gap_lots <= bound * gap_lots), "for each lot")

    found = kernel("cap_of_line")(lots, lot_value, room, gap, gap_lots, rate, amount)

    prove(
        found == cap_of_line(Line(rate, amount, 0), lots, lot_value, room, gap, gap_lots),
        "the same cap",
    )


@theorem(
    "F1-queue-share",
    rules=("ADL-4",),
    claim="What a holder in the queue gives is what the law says.",
    kernels=True,
    witness=(dict(left=3, cap=5), dict(left=5, cap=3)),
    mutant=Replace("waterfall.queue_share", "left < cap", "left > cap", name="the larger"),
)
def queue_share_is_the_law(left: Lots, cap: Lots) -> None:
    within(left, 0, SUM_MAX)
    within(cap, 0, SUM_MAX)

    prove(kernel("queue_share")(left, cap) == queue_share(left, cap), "the same lots")


@theorem(
    "F1-water-filling",
    rules=("ADL-6",),
    claim="The kernels' steps of water-filling are the law's: who is cut off, and who is the sooner.",
    kernels=True,
    witness=(
        dict(left=6, active=12, lots=4, cap=2, other_lots=5, other_cap=3),
        dict(left=6, active=12, lots=4, cap=3, other_lots=5, other_cap=3),
    ),
    mutant=(
        Replace("waterfall.is_cut_off", "<= share", "< share", name="not cut off at its share"),
        Replace("waterfall.is_capped_sooner", "mine * other_lots", "mine * lots", name="caps compared"),
    ),
)
def water_filling_is_the_law(
    left: Lots, active: Lots, lots: Lots, cap: Lots, other_lots: Lots, other_cap: Lots
) -> None:
    within(left, 0, SUM_MAX)
    within(active, 0, SUM_MAX)
    for each in (lots, cap, other_lots, other_cap):
        within(each, 0, SIZE_MAX)
    for lots_of_one, of_all, bound in (
        (cap, active, SUM_MAX),
        (lots, left, SUM_MAX),
        (cap, other_lots, SIZE_MAX),
        (other_cap, lots, SIZE_MAX),
    ):
        lemma((0 <= lots_of_one * of_all) & (lots_of_one * of_all <= lots_of_one * bound), "in 128 bits")

    found = kernel("is_cut_off")(left, active, lots, cap)
    sooner = kernel("is_capped_sooner")(cap, lots, other_cap, other_lots)

    prove(found == is_cut_off(Level(left, active), lots, cap), "the same is cut off")
    prove(sooner == (CapRate(cap, lots) < CapRate(other_cap, other_lots)), "the same comes first")
