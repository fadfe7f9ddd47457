"""B1 to B3. Margin schedules: what a requirement is at least, how it grows, and in which forms it is
published.

A schedule has any number of tiers: each claim is proved for one term of the law's own sum, on top of any
number of terms before it, and then for the division.
"""

from proofs.contracts import establish
from proofs.induction import induction_over
from proofs.lemmas.contracts import (
    requirement_is_at_least_one,
    requirement_is_monotone,
    requirement_takes_rate,
    root_is_rounded_up,
)
from proofs.lemmas.tiers import Pair, arbitrary_tiers, initial_numerator, initial_rate
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies, select
from refmodel.margin import (
    bracket_margin,
    bracket_numerator,
    published_amount,
    sqrt_margin,
    sqrt_rate,
    top_rate,
    whole_margin,
    whole_rate,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, ceil_div, floor_div
from refmodel.policy import BRACKET, SQRT, WHOLE, Schedule, Tier

TWO_TIERS = (Tier(0, 10_000), Tier(50, 20_000))
FLOOR_FOR_CEIL = Replace("bracket_margin", "ceil_div", "floor_div", name="a floor for a ceil")


@theorem(
    "B2-bracket-monotone",
    rules=("MAR-2",),
    claim="A marginal requirement never falls when the notional grows.",
    witness=dict(less=40, more=60, floor=0, rise=1, items=TWO_TIERS),
    mutant=Replace(
        "bracket_term", "max(notional - floor, 0)", "max(floor - notional, 0)", name="tiers upside down"
    ),
)
def bracket_is_monotone(less: Quanta, more: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(0 <= less, guard="MAR-1")
    assume(less <= more, guard="MAR-1")
    numerator = tiers.sum_of(bracket_numerator)

    tiers.prove(lambda: numerator(more) >= numerator(less), "each tier takes at least as much of the larger")

    prove(bracket_margin(more, tiers) >= bracket_margin(less, tiers), "and so does the rounded requirement")


@theorem(
    "B2-bracket-no-jump",
    rules=("MAR-2",),
    claim="One more quantum of notional raises a marginal requirement by at most one quantum; d more, by at "
    "most the top rate of d.",
    witness=dict(notional=49, more=3, floor=0, rise=1, items=TWO_TIERS),
    mutant=Replace(
        "bracket_term",
        "rise * max(notional - floor, 0)",
        "rise * notional if notional > floor else 0",
        name="the tier's rate on the whole",
    ),
)
def bracket_has_no_jump(notional: Quanta, more: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(notional >= 0, guard="MAR-1")
    assume(more >= 0, guard="MAR-1")
    numerator = tiers.sum_of(bracket_numerator)

    tiers.prove(
        lambda: (
            (numerator(notional + more) <= numerator(notional) + top_rate(tiers) * more)
            & (top_rate(tiers) <= PPM)
        ),
        "the top rate is the steepest slope",
    )

    prove(
        bracket_margin(notional + more, tiers)
        <= bracket_margin(notional, tiers) + ceil_div(top_rate(tiers) * more, PPM),
        "d more quanta need at most the top rate of d, rounded up",
    )
    prove(
        bracket_margin(notional + more, tiers) <= bracket_margin(notional, tiers) + more, "never more than d"
    )


@theorem(
    "B2-bracket-convex",
    rules=("MAR-2",),
    claim="The numerator of a marginal requirement is convex: the mean of two requirements is never "
    "below that of the mean.",
    witness=dict(notional=50, away=20, floor=0, rise=1, items=TWO_TIERS),
    mutant=Replace(
        "bracket_term", "max(notional - floor, 0)", "min(notional, floor)", name="rates that fall"
    ),
)
def bracket_is_convex(notional: Quanta, away: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(away >= 0, guard="MAR-1")
    assume(notional >= away, guard="MAR-1")
    numerator = tiers.sum_of(bracket_numerator)

    tiers.prove(
        lambda: numerator(notional - away) + numerator(notional + away) >= 2 * numerator(notional),
        "each tier bends upwards",
    )

    whole = bracket_numerator(notional - away, tiers) + bracket_numerator(notional + away, tiers)
    prove(whole >= 2 * bracket_numerator(notional, tiers), "and so does their sum")


@theorem(
    "B2-bracket-superadditive",
    rules=("MAR-2",),
    claim="Two parts of a position on one side never need more than the whole, but for one quantum "
    "of rounding.",
    witness=dict(part=30, other=40, floor=0, rise=1, items=TWO_TIERS),
    mutant=Replace(
        "bracket_term", "max(notional - floor, 0)", "min(notional, floor)", name="rates that fall"
    ),
)
def bracket_is_superadditive(part: Quanta, other: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(part >= 0, guard="MAR-1")
    assume(other >= 0, guard="MAR-1")
    numerator = tiers.sum_of(bracket_numerator)

    tiers.prove(
        lambda: numerator(part + other) >= numerator(part) + numerator(other),
        "each tier takes more of the whole",
    )

    parts = bracket_margin(part, tiers) + bracket_margin(other, tiers)
    prove(
        bracket_margin(part + other, tiers) + 1 >= parts, "splitting gains; merging gains at most a quantum"
    )


@theorem(
    "B2-bracket-lowest-rate",
    rules=("MAR-2", "GAP-1"),
    claim="A marginal requirement is at least the lowest rate of the notional.",
    witness=dict(notional=60, floor=0, rise=10_000, items=TWO_TIERS),
    mutant=FLOOR_FOR_CEIL,
)
def bracket_takes_lowest_rate(notional: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(notional >= 0, guard="MAR-1")
    numerator = tiers.sum_of(bracket_numerator)
    lowest = tiers.ghost("lowest", 0, lambda rate, tier: select(rate == 0, tier.rise, rate))
    tiers.each(lambda tier: implies(lowest() == 0, (tier.floor == 0) & (tier.rise >= 1)), policy="POL-2")

    tiers.prove(
        lambda: (numerator(notional) >= lowest() * notional) & (lowest() >= 0), "higher tiers only add to it"
    )

    prove(bracket_margin(notional, tiers) * PPM >= lowest() * notional, "rounding up keeps it")


@theorem(
    "B2-bracket-average",
    rules=("MAR-2", "GAP-1"),
    claim="From a tier's floor on, a marginal requirement is at least the average rate at that floor.",
    witness=dict(notional=60, at=50, floor=0, rise=10_000, items=TWO_TIERS),
    mutant=FLOOR_FOR_CEIL,
)
def bracket_takes_average_at_floor(notional: Quanta, at: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(at >= 1, policy="POL-2")  # the floor of a tier above the lowest
    assume(notional >= at, guard="MAR-1")
    numerator = tiers.sum_of(bracket_numerator)

    tiers.prove(lambda: numerator(notional) * at >= numerator(at) * notional, "the average rate never falls")

    average = floor_div(bracket_numerator(at, tiers), at)
    lemma(average * at <= bracket_numerator(at, tiers), "the average is rounded down")
    lemma(
        average * at * notional <= bracket_numerator(notional, tiers) * at, "so it is below at any notional"
    )
    lemma(average * notional <= bracket_numerator(notional, tiers), "per quantum of the floor")
    prove(bracket_margin(notional, tiers) * PPM >= average * notional, "rounding up keeps it")


@theorem(
    "B2-whole-monotone",
    rules=("MAR-3",),
    claim="A requirement on the whole notional never falls when the notional grows, and takes the "
    "lowest rate at least.",
    witness=dict(less=40, more=60, floor=0, rise=1, items=TWO_TIERS),
    mutant=(
        Replace(
            "whole_term",
            "rise if notional > floor else 0",
            "0 if notional > floor else rise",
            name="tiers upside down",
        ),
        Replace("whole_margin", "ceil_div", "floor_div", name="a floor for a ceil"),
    ),
)
def whole_is_monotone(less: Quanta, more: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(0 <= less, guard="MAR-1")
    assume(less <= more, guard="MAR-1")
    rate = tiers.sum_of(whole_rate)
    lowest = tiers.ghost("lowest", 0, lambda below, tier: select(below == 0, tier.rise, below))
    tiers.each(lambda tier: implies(lowest() == 0, (tier.floor == 0) & (tier.rise >= 1)), policy="POL-2")

    tiers.prove(
        lambda: (rate(more) >= rate(less)) & (rate(less) >= 0), "a larger notional is in no lower tier"
    )
    tiers.prove(
        lambda: implies(less >= 1, rate(less) >= lowest()) & (lowest() >= 0),
        "the lowest tier counts from the first quantum",
    )

    lemma(more * whole_rate(more, tiers) >= less * whole_rate(less, tiers), "more of it at no lower a rate")
    prove(whole_margin(more, tiers) >= whole_margin(less, tiers), "and so the rounded requirement")
    prove(whole_margin(less, tiers) * PPM >= lowest() * less, "it is at least the lowest rate")


@theorem(
    "B2-whole-superadditive",
    rules=("MAR-3",),
    claim="Two parts of a position on one side never need more than the whole, but for one quantum "
    "of rounding.",
    witness=dict(part=30, other=40, floor=0, rise=1, items=TWO_TIERS),
    mutant=Replace("whole_term", "notional > floor", "notional <= floor", name="rates that fall"),
)
def whole_is_superadditive(part: Quanta, other: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(part >= 0, guard="MAR-1")
    assume(other >= 0, guard="MAR-1")
    rate = tiers.sum_of(whole_rate)

    tiers.prove(
        lambda: (rate(part + other) >= rate(part)) & (rate(part + other) >= rate(other)),
        "the whole is in no lower tier",
    )

    together = whole_rate(part + other, tiers)
    lemma(part * together >= part * whole_rate(part, tiers), "one part at the rate of the whole")
    lemma(other * together >= other * whole_rate(other, tiers), "the other part at the rate of the whole")
    parts = whole_margin(part, tiers) + whole_margin(other, tiers)
    prove(whole_margin(part + other, tiers) + 1 >= parts, "merging gains at most a quantum")


@theorem(
    "B2-whole-jump",
    rules=("MAR-3",),
    claim="At a floor, a requirement on the whole notional jumps by the rise of the rate on all of "
    "it, within two quanta.",
    witness=dict(at=50, floor=0, rise=10_000, items=TWO_TIERS),
    mutant=Replace(
        "whole_margin",
        "notional * whole_rate(",
        "(notional + notional) * whole_rate(",
        name="twice the notional",
    ),
)
def whole_jumps_by_the_rise(at: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(at >= 0, policy="POL-2")
    rate = tiers.sum_of(whole_rate)

    tiers.prove(
        lambda: (
            (rate(at + 1) >= rate(at))
            & (rate(at + 1) <= top_rate(tiers))
            & (top_rate(tiers) <= PPM)
            & (rate(at) >= 0)
        ),
        "the rate after the floor is no lower, and 100 % at the most",
    )

    rise_at_floor = whole_rate(at + 1, tiers) - whole_rate(at, tiers)
    jump = whole_margin(at + 1, tiers) - whole_margin(at, tiers)
    prove(jump >= floor_div(rise_at_floor * at, PPM), "at least the rise on what was there, rounded down")
    prove(
        jump <= ceil_div(rise_at_floor * at, PPM) + 1, "at most the rise on it, rounded up, and one quantum"
    )


@theorem(
    "B2-sqrt-monotone",
    rules=("MAR-4", "NUM-4"),
    claim="A size-scaled requirement never falls when the position grows.",
    contracts=(root_is_rounded_up,),
    witness=dict(less=4, more=9, price=10, base=10_000, factor=5_000),
    mutant=Replace(
        "sqrt_rate",
        "factor * factor * lots",
        "factor * factor * -lots + factor * factor * 100",
        name="a rate that falls",
    ),
)
def sqrt_is_monotone(less: Lots, more: Lots, price: Quanta, base: Ppm, factor: Ppm) -> None:
    assume(0 <= less, guard="MAR-1")
    assume(less <= more, guard="MAR-1")
    assume(price >= 1, guard="PRC-1")
    assume(base >= 1, policy="POL-3")
    assume(factor >= 0, policy="POL-3")
    lemma(factor * factor * less <= factor * factor * more, "the squares are in order")
    lemma(sqrt_rate(less, base, factor) <= sqrt_rate(more, base, factor), "so are the rates")
    lemma(less * price <= more * price, "and the notionals")
    lemma(
        less * price * sqrt_rate(less, base, factor) <= more * price * sqrt_rate(more, base, factor),
        "and the products",
    )

    smaller = sqrt_margin(less, less * price, base, factor)
    larger = sqrt_margin(more, more * price, base, factor)

    prove(larger >= smaller, "rounding up keeps the order")


@theorem(
    "B2-sqrt-superadditive",
    rules=("MAR-4",),
    claim="Two parts of a position on one side never need more than the whole, but for one quantum "
    "of rounding.",
    contracts=(root_is_rounded_up,),
    witness=dict(part=4, other=9, price=10, base=10_000, factor=5_000),
    mutant=Replace(
        "sqrt_margin",
        "notional * sqrt_rate",
        "(notional if lots < 10 else 0) * sqrt_rate",
        name="the largest pay nothing",
    ),
)
def sqrt_is_superadditive(part: Lots, other: Lots, price: Quanta, base: Ppm, factor: Ppm) -> None:
    assume(part >= 0, guard="MAR-1")
    assume(other >= 0, guard="MAR-1")
    assume(price >= 1, guard="PRC-1")
    assume(base >= 1, policy="POL-3")
    assume(factor >= 0, policy="POL-3")
    together = sqrt_rate(part + other, base, factor)
    for lots in (part, other):
        lemma(factor * factor * lots <= factor * factor * (part + other), "the squares are in order")
        lemma(sqrt_rate(lots, base, factor) <= together, "the whole has no lower rate")
        lemma(
            lots * price * sqrt_rate(lots, base, factor) <= lots * price * together,
            "a part at the rate of the whole",
        )

    parts = sqrt_margin(part, part * price, base, factor) + sqrt_margin(other, other * price, base, factor)
    whole = sqrt_margin(part + other, (part + other) * price, base, factor)

    prove(whole + 1 >= parts, "merging gains at most a quantum")


@theorem(
    "B2-sqrt-exact",
    rules=("MAR-4", "NUM-4"),
    claim="A size-scaled requirement is never below max(base, factor x square root) of the notional, "
    "and above it by "
    "less than a millionth of the notional and one quantum.",
    contracts=(root_is_rounded_up,),
    witness=dict(lots=5, notional=1_000, base=10_000, factor=5_000),
    mutant=Replace(
        "sqrt_rate", "max(base, isqrt_ceil(", "max(base, -1 + isqrt_ceil(", name="a root rounded down"
    ),
)
def sqrt_is_close_to_formula(lots: Lots, notional: Quanta, base: Ppm, factor: Ppm) -> None:
    assume(lots >= 0, guard="MAR-1")
    assume(notional >= 0, guard="MAR-1")
    assume(base >= 1, policy="POL-3")
    assume(factor >= 0, policy="POL-3")

    rate = sqrt_rate(lots, base, factor)
    margin = sqrt_margin(lots, notional, base, factor)

    prove(rate >= base, "the base is the least rate")
    prove(rate * rate >= factor * factor * lots, "the rate is never below factor x square root of lots")
    if rate > base:
        prove((rate - 1) * (rate - 1) < factor * factor * lots, "one ppm less would be below it")
    prove(margin * PPM >= notional * rate, "the requirement is never below the rate")
    prove(margin * PPM < notional * rate + PPM, "and less than a quantum above it")


@theorem(
    "B3-published-form",
    rules=("MAR-13", "MAR-2"),
    claim="A marginal requirement is the largest of its published lines, rate x notional - amount: "
    "the line of "
    "the tier the notional falls into.",
    witness=dict(notional=60, floor=0, rise=10_000, items=TWO_TIERS),
    mutant=(
        Replace(
            "published_amount",
            "tier.rise * tier.floor",
            "tier.rise * (tier.floor + 1)",
            name="amount off by one",
        ),
        Replace("top_rate", "sum(tier.rise for", "sum(tier.rise + 1 for", name="a tier rate off by one"),
    ),
)
def published_forms_agree(notional: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(notional >= 0, guard="MAR-1")
    numerator = tiers.sum_of(bracket_numerator)
    rate = tiers.sum_of(top_rate)
    amount = tiers.sum_of(published_amount)
    last_floor = tiers.ghost("last_floor", 0, lambda _, tier: tier.floor)
    tiers.each(lambda tier: tier.floor >= last_floor(), policy="POL-2")

    tiers.prove(
        lambda: (
            (numerator(notional) >= rate() * notional - amount())
            & implies(notional >= last_floor(), numerator(notional) == rate() * notional - amount())
            & (last_floor() >= 0)
        ),
        "no line is above the requirement, and the line of the highest tier reached is it",
    )

    line = top_rate(tiers) * notional - published_amount(tiers)
    prove(bracket_numerator(notional, tiers) >= line, "every published line is at or below the requirement")
    if notional >= last_floor():
        prove(
            bracket_margin(notional, tiers) == ceil_div(line, PPM),
            "from its floor on it is the line, rounded up",
        )


@theorem(
    "B3-published-amount",
    rules=("MAR-13",),
    claim="A published amount in whole quanta, rounded down, gives the same requirement or one quantum more.",
    witness=dict(notional=1_000_001, rate=999_999, amount=999_999),
    mutant=Replace(
        "floor_div", "numerator // divisor", "-(-numerator // divisor)", name="a ceil for a floor"
    ),
)
def rounded_amount_differs_by_a_quantum(notional: Quanta, rate: Ppm, amount: Quanta) -> None:
    assume(amount >= 0, policy="POL-3")
    published = floor_div(amount, PPM)

    exact = ceil_div(rate * notional - amount, PPM)
    shown = ceil_div(rate * notional, PPM) - published

    prove(shown >= exact, "who subtracts a rounded amount never requires less")
    prove(shown <= exact + 1, "and at most one quantum more")


@theorem(
    "B1-whole-over-bracket",
    rules=("MAR-2", "MAR-3", "POL-4", "POL-5"),
    claim="Initial margin on the whole notional is at least marginal maintenance margin, and so is "
    "it on the whole.",
    witness=dict(
        notional=60,
        floor=0,
        rise=10_000,
        initial=20_000,
        items=(Pair(0, 10_000, 20_000), Pair(50, 20_000, 15_000)),
    ),
    mutant=Replace(
        "whole_term", "notional > floor", "notional > floor + 1", name="off by one at the boundary"
    ),
)
def initial_on_whole_covers_maintenance(notional: Quanta, floor: Quanta, rise: Ppm, initial: Ppm) -> None:
    tiers = induction_over(Pair(floor, rise, initial))
    assume(notional >= 0, guard="MAR-1")
    rate_initial = tiers.sum_of(initial_rate)
    rate_maintenance = tiers.sum_of(whole_rate)
    numerator = tiers.sum_of(bracket_numerator)
    last_floor = tiers.ghost("last_floor", -1, lambda _, tier: tier.floor)
    top_initial = tiers.ghost("top_initial", 0, lambda rate, tier: rate + tier.initial)
    top_maintenance = tiers.sum_of(top_rate)
    tiers.each(lambda tier: (tier.floor > last_floor()) & (tier.floor >= 0), policy="POL-2")
    tiers.each(lambda tier: tier.rise >= 0, policy="POL-3")
    tiers.each(lambda tier: top_maintenance() + tier.rise < top_initial() + tier.initial, policy="POL-5")

    tiers.prove(
        lambda: (
            (rate_initial(notional) >= rate_maintenance(notional))
            & (top_initial() >= top_maintenance())
            & implies(notional > last_floor(), rate_initial(notional) == top_initial())
            & implies(notional > last_floor(), rate_maintenance(notional) == top_maintenance())
        ),
        "in the tier reached, the initial rate is the higher one",
    )
    tiers.prove(
        lambda: numerator(notional) <= notional * rate_maintenance(notional),
        "a marginal rate takes no more than its tier's rate of all",
    )

    lemma(notional * rate_maintenance(notional) <= notional * rate_initial(notional), "of the same notional")
    initial_margin = ceil_div(notional * rate_initial(notional), PPM)
    prove(initial_margin >= bracket_margin(notional, tiers), "initial margin covers marginal maintenance")
    prove(initial_margin >= whole_margin(notional, tiers), "initial margin covers maintenance on the whole")


@theorem(
    "B1-bracket-over-bracket",
    rules=("MAR-2", "POL-4", "POL-5"),
    claim="Marginal initial margin is at least marginal maintenance margin.",
    witness=dict(
        notional=60,
        floor=0,
        rise=10_000,
        initial=20_000,
        items=(Pair(0, 10_000, 20_000), Pair(50, 20_000, 15_000)),
    ),
    mutant=Replace(
        "bracket_term", "max(notional - floor, 0)", "min(notional, floor)", name="rates that fall"
    ),
)
def marginal_initial_covers_maintenance(notional: Quanta, floor: Quanta, rise: Ppm, initial: Ppm) -> None:
    tiers = induction_over(Pair(floor, rise, initial))
    assume(notional >= 0, guard="MAR-1")
    upper = tiers.sum_of(initial_numerator)
    lower = tiers.sum_of(bracket_numerator)
    last_floor = tiers.ghost("last_floor", 0, lambda _, tier: tier.floor)
    top_initial = tiers.ghost("top_initial", 0, lambda rate, tier: rate + tier.initial)
    top_maintenance = tiers.sum_of(top_rate)
    tiers.each(lambda tier: tier.floor >= last_floor(), policy="POL-2")
    tiers.each(lambda tier: top_maintenance() + tier.rise < top_initial() + tier.initial, policy="POL-5")

    tiers.prove(
        lambda: (
            (upper(notional) >= lower(notional))
            & (top_initial() >= top_maintenance())
            & implies(
                notional >= last_floor(),
                upper(notional) - lower(notional)
                >= (top_initial() - top_maintenance()) * (notional - last_floor()),
            )
        ),
        "the distance only grows from a floor on",
    )

    prove(ceil_div(upper(notional), PPM) >= bracket_margin(notional, tiers), "rounding up keeps the order")


@theorem(
    "B1-sqrt-over-sqrt",
    rules=("MAR-4", "POL-4", "POL-5"),
    claim="Size-scaled initial margin is at least size-scaled maintenance margin.",
    contracts=(root_is_rounded_up,),
    witness=dict(lots=5, notional=1_000, base_i=20_000, base_m=10_000, factor_i=5_000, factor_m=4_000),
    mutant=Replace("sqrt_rate", "max(base, isqrt", "min(base, isqrt", name="the smaller of the two"),
)
def sqrt_initial_covers_maintenance(
    lots: Lots, notional: Quanta, base_i: Ppm, base_m: Ppm, factor_i: Ppm, factor_m: Ppm
) -> None:
    assume(lots >= 0, guard="MAR-1")
    assume(notional >= 0, guard="MAR-1")
    assume(base_m >= 1, policy="POL-3")
    assume(base_i > base_m, policy="POL-5")
    assume(factor_m >= 0, policy="POL-3")
    assume(factor_i >= factor_m, policy="POL-5")
    lemma(factor_m * factor_m <= factor_i * factor_i, "the squares are in order")
    lemma(factor_m * factor_m * lots <= factor_i * factor_i * lots, "for any size")
    lemma(sqrt_rate(lots, base_m, factor_m) <= sqrt_rate(lots, base_i, factor_i), "so are the rates")
    lemma(
        notional * sqrt_rate(lots, base_m, factor_m) <= notional * sqrt_rate(lots, base_i, factor_i),
        "and the products",
    )

    initial = sqrt_margin(lots, notional, base_i, factor_i)
    maintenance = sqrt_margin(lots, notional, base_m, factor_m)

    prove(initial >= maintenance, "rounding up keeps the order")
    prove(implies(notional >= 1, maintenance >= 1), "and a position always needs something")


@theorem(
    "B1-at-least-one",
    rules=("MAR-5", "MAR-2", "MAR-3", "MAR-4"),
    claim="Every requirement is at least one quantum for any notional at all, and 0 for none; nobody "
    "is exempt.",
    contracts=(root_is_rounded_up,),
    witness=(
        dict(kind=0, lots=3, notional=60, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=0),
        dict(kind=1, lots=3, notional=60, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=0),
        dict(kind=2, lots=3, notional=60, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=0),
    ),
    mutant=FLOOR_FOR_CEIL,
)
def every_position_needs_something(
    lots: Lots, notional: Quanta, floor: Quanta, rise: Ppm, base: Ppm, factor: Ppm
) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(notional >= 0, guard="MAR-1")
    assume(base >= 1, policy="POL-3")
    numerator = tiers.sum_of(bracket_numerator)
    rate = tiers.sum_of(whole_rate)
    lowest = tiers.ghost("lowest", 0, lambda below, tier: select(below == 0, tier.rise, below))
    count = tiers.ghost("count", 0, lambda number, _: number + 1)
    tiers.each(lambda tier: implies(lowest() == 0, (tier.floor == 0) & (tier.rise >= 1)), policy="POL-2")
    tiers.prove(
        lambda: (
            (numerator(notional) >= lowest() * notional)
            & implies(notional >= 1, rate(notional) >= lowest())
            & implies(notional == 0, numerator(notional) == 0)
            & (rate(notional) >= 0)
            & (lowest() >= 0)
            & (count() >= 0)
            & implies(count() >= 1, lowest() >= 1)
        ),
        "the lowest tier counts from the first quantum, and nothing counts for none",
    )
    assume(count() >= 1, policy="POL-2")
    lemma(implies(notional >= 1, lowest() * notional >= 1), "the lowest rate is at least one ppm")
    lemma(implies(notional >= 1, notional * whole_rate(notional, tiers) >= 1), "of the whole as well")
    schedule = Schedule(choice("kind", BRACKET, WHOLE, SQRT), tiers, base, factor)

    establish(requirement_is_at_least_one, schedule, lots, notional)


@theorem(
    "B2-requirement-monotone",
    rules=("MAR-5",),
    claim="The requirement of any schedule never falls when lots and notional grow together.",
    contracts=(root_is_rounded_up,),
    witness=(
        dict(
            kind=0,
            less=3,
            more=5,
            notional_less=40,
            notional_more=60,
            floor=0,
            rise=10_000,
            items=TWO_TIERS,
            base=1,
            factor=2,
        ),
        dict(
            kind=2,
            less=3,
            more=5,
            notional_less=40,
            notional_more=60,
            floor=0,
            rise=10_000,
            items=TWO_TIERS,
            base=1,
            factor=2,
        ),
    ),
    mutant=Replace(
        "requirement", "sqrt_margin(lots, notional,", "sqrt_margin(lots, 1000 - notional,", name="falling"
    ),
)
def requirement_grows_with_position(
    less: Lots,
    more: Lots,
    notional_less: Quanta,
    notional_more: Quanta,
    floor: Quanta,
    rise: Ppm,
    base: Ppm,
    factor: Ppm,
) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(base >= 1, policy="POL-3")
    assume(factor >= 0, policy="POL-3")
    numerator = tiers.sum_of(bracket_numerator)
    rate = tiers.sum_of(whole_rate)
    ordered = (0 <= less) & (less <= more) & (0 <= notional_less) & (notional_less <= notional_more)
    tiers.prove(
        lambda: implies(
            ordered,
            (numerator(notional_more) >= numerator(notional_less))
            & (rate(notional_more) >= rate(notional_less))
            & (rate(notional_less) >= 0),
        ),
        "each tier takes at least as much of the larger",
    )
    kind = choice("kind", BRACKET, WHOLE, SQRT)
    if ordered:
        if kind == WHOLE:
            lemma(
                notional_more * whole_rate(notional_more, tiers)
                >= notional_less * whole_rate(notional_less, tiers),
                "more of it at no lower a rate",
            )
        if kind == SQRT:
            lemma(factor * factor * less <= factor * factor * more, "the squares are in order")
            lemma(sqrt_rate(less, base, factor) <= sqrt_rate(more, base, factor), "so are the rates")
            lemma(
                notional_less * sqrt_rate(less, base, factor)
                <= notional_more * sqrt_rate(more, base, factor),
                "and the products",
            )
    schedule = Schedule(kind, tiers, base, factor)

    establish(requirement_is_monotone, (schedule, less, notional_less), (schedule, more, notional_more))


@theorem(
    "B2-bracket-lowest-slope",
    rules=("MAR-2",),
    claim="Closing part of a position saves at least the lowest rate of the notional closed.",
    witness=dict(notional=60, closed=30, floor=0, rise=10_000, items=TWO_TIERS),
    mutant=Replace(
        "bracket_term", "max(notional - floor, 0)", "min(notional, floor)", name="rates that fall"
    ),
)
def closing_saves_lowest_rate(notional: Quanta, closed: Quanta, floor: Quanta, rise: Ppm) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(closed >= 0, guard="EVT-2")
    assume(notional >= closed, guard="MAR-1")
    numerator = tiers.sum_of(bracket_numerator)
    lowest = tiers.ghost("lowest", 0, lambda rate, tier: select(rate == 0, tier.rise, rate))
    tiers.each(lambda tier: implies(lowest() == 0, (tier.floor == 0) & (tier.rise >= 1)), policy="POL-2")

    tiers.prove(
        lambda: (numerator(notional) - numerator(notional - closed) >= lowest() * closed) & (lowest() >= 0),
        "the lowest tier counts all of it, the others no less than nothing",
    )

    saved = bracket_numerator(notional, tiers) - bracket_numerator(notional - closed, tiers)
    prove(saved >= lowest() * closed, "so does their sum")


@theorem(
    "B2-requirement-rate",
    rules=("MAR-5", "GAP-1"),
    claim="The requirement of any schedule is at least its lowest rate of the notional.",
    contracts=(root_is_rounded_up,),
    witness=(
        dict(kind=0, lots=3, notional=40, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=2),
        dict(kind=1, lots=3, notional=40, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=2),
        dict(kind=2, lots=3, notional=40, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=2),
    ),
    mutant=Replace("sqrt_rate", "max(base, isqrt", "min(base, isqrt", name="the smaller of the two"),
)
def requirement_takes_its_lowest_rate(
    lots: Lots, notional: Quanta, floor: Quanta, rise: Ppm, base: Ppm, factor: Ppm
) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(base >= 1, policy="POL-3")
    assume(factor >= 0, policy="POL-3")
    assume(notional >= 0, guard="MAR-1")
    assume(lots >= 0, guard="MAR-1")
    numerator = tiers.sum_of(bracket_numerator)
    rate = tiers.sum_of(whole_rate)
    tiers.prove(
        lambda: (
            (numerator(notional) >= rate(1) * notional)
            & (rate(1) >= 0)
            & implies(notional >= 1, rate(notional) >= rate(1))
        ),
        "the lowest tier counts from the first quantum, the others add no less than nothing",
    )
    kind = choice("kind", BRACKET, WHOLE, SQRT)
    if kind == WHOLE:
        lemma(notional * rate(notional) >= notional * rate(1), "of the whole as well")
    if kind == SQRT:
        lemma(notional * sqrt_rate(lots, base, factor) >= notional * base, "the base is the least rate")
    schedule = Schedule(kind, tiers, base, factor)

    establish(requirement_takes_rate, schedule, lots, notional)
