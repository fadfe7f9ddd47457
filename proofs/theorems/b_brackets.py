"""B2 and B3. Marginal brackets: how the requirement grows, and in which forms it is published.

A schedule has any number of tiers: each claim is proved for one term of the law's own sum, on top of any
number of terms before it, and then for the division.
"""

from proofs.lemmas.tiers import TWO_TIERS, arbitrary_tiers
from proofs.registry import Replace, assume, lemma, prove, theorem
from proofs.symbolic import implies, select
from refmodel.margin import (
    bracket_margin,
    bracket_numerator,
    published_amount,
    top_rate,
)
from refmodel.numbers import PPM, Ppm, Quanta, ceil_div, floor_div

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
