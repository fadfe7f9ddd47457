"""B1 and B2. Requirements of any schedule: never nothing, never below the lowest rate, initial the larger."""

from proofs.contracts import establish
from proofs.induction import induction_over
from proofs.lemmas.contracts import (
    requirement_is_at_least_one,
    requirement_is_monotone,
    requirement_takes_rate,
    root_is_rounded_up,
)
from proofs.lemmas.tiers import TWO_TIERS, Pair, arbitrary_tiers, initial_numerator, initial_rate
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies, select
from refmodel.margin import (
    bracket_margin,
    bracket_numerator,
    sqrt_margin,
    sqrt_rate,
    top_rate,
    whole_margin,
    whole_rate,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, ceil_div
from refmodel.policy import BRACKET, SQRT, WHOLE, Schedule

FLOOR_FOR_CEIL = Replace("bracket_margin", "ceil_div", "floor_div", name="a floor for a ceil")


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
