"""B2. Schedules on the whole notional, by levels or by the root of the size: how the requirement grows."""

from proofs.lemmas.contracts import (
    root_is_rounded_up,
)
from proofs.lemmas.tiers import TWO_TIERS, arbitrary_tiers
from proofs.registry import Replace, assume, lemma, prove, theorem
from proofs.symbolic import implies, select
from refmodel.margin import (
    sqrt_margin,
    sqrt_rate,
    top_rate,
    whole_margin,
    whole_rate,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, ceil_div, floor_div


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
