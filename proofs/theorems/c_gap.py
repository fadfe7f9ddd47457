"""C1. Gap: an account at its maintenance margin pays for one move of the marks, and for the penalty if the
policy
leaves room for it.

Assumed, and printed: every account that is liquidatable is closed before the marks move again.
"""

from proofs.lemmas.contracts import requirement_takes_rate
from proofs.registry import Replace, assume, lemma, prove, theorem
from proofs.worlds import MAINTENANCE, MARKET, market, policy
from refmodel.gap import effective_rate, gap_survived, gap_survived_with_penalty
from refmodel.margin import margin_maintenance, notional, requirement
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks, ceil_div
from refmodel.policy import BRACKET, Schedule, Tier
from refmodel.state import CROSS, Account, Position, Venue, equity, position_value

SECOND = "N"


def schedule_from(rate: Ppm) -> Schedule:
    """A schedule of which only the lowest rate is known; contracts do not look at its other tiers."""
    return Schedule(BRACKET, (Tier(0, rate),))


@theorem(
    "C1a-position",
    rules=("POL-9", "GAP-1", "GAP-2", "MAR-5"),
    claim="A position's maintenance margin is at least what a move of the mark by the gap can cost it.",
    contracts=(requirement_takes_rate,),
    witness=dict(size=-3, mark=1_000, mark_after=1_010, multiplier=7, gap=10_000, rate=50_000),
    mutant=Replace(
        "position_value", "size * mark * multiplier", "2 * size * mark * multiplier", name="twice the value"
    ),
)
def margin_covers_the_gap(
    size: Lots, mark: Ticks, mark_after: Ticks, multiplier: int, gap: Ppm, rate: Ppm
) -> None:
    assume(mark >= 1, guard="PRC-1")
    assume(mark_after >= 1, guard="PRC-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(abs(mark_after - mark) * PPM <= gap * mark, guard="GAP-2")  # the move is within the gap
    assume(gap <= gap_survived(rate), policy="POL-9")
    assume(gap >= 1, policy="POL-9")
    held = notional(abs(size), mark, multiplier)
    margin = requirement(schedule_from(rate), abs(size), held)
    lemma(
        abs(mark_after - mark) * PPM * (abs(size) * multiplier) <= gap * mark * (abs(size) * multiplier),
        "for every lot",
    )
    lemma(gap * held <= rate * held, "the gap is within the rate")

    loss = position_value(size, mark, multiplier) - position_value(size, mark_after, multiplier)

    prove(loss <= margin, "the margin pays for the move")


@theorem(
    "C1a-gap",
    rules=("POL-9", "GAP-2", "ACC-2", "MAR-7"),
    claim="Who has at least its maintenance margin before the marks move by at most the gap has "
    "equity of at least 0 after.",
    structural_bound="2 markets; each further position brings its own margin and its own loss (C1a-position)",
    witness=dict(
        wallet=20_000,
        size=-30,
        cost=-30_000,
        size_2=20,
        cost_2=20_000,
        mark=1_000,
        mark_2=1_000,
        after=1_050,
        after_2=950,
    ),
    mutant=Replace(
        "maintenance_of",
        "lots = abs(account.positions[market].size)",
        "lots = abs(account.positions[market].size) - 1",
        name="one lot free",
    ),
)
def who_has_its_margin_survives_the_gap(
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    size_2: Lots,
    cost_2: Quanta,
    mark: Ticks,
    mark_2: Ticks,
    after: Ticks,
    after_2: Ticks,
) -> None:
    assume(size != 0, guard="PST-1")
    assume(size_2 != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume(mark_2 >= 1, guard="PRC-1")
    account = Account(
        "owner", CROSS, wallet, {MARKET: Position(size, cost), SECOND: Position(size_2, cost_2)}, {}
    )
    terms = policy({MARKET: market(), SECOND: market()})
    before = Venue(terms, 0, {MARKET: mark, SECOND: mark_2}, {}, {}, 0)
    moved = Venue(terms, 0, {MARKET: after, SECOND: after_2}, {}, {}, 0)
    loss = position_value(size, mark, 1) - position_value(size, after, 1)
    loss_2 = position_value(size_2, mark_2, 1) - position_value(size_2, after_2, 1)
    assume(loss <= requirement(MAINTENANCE, abs(size), notional(abs(size), mark, 1)), theorem="C1a-position")
    assume(
        loss_2 <= requirement(MAINTENANCE, abs(size_2), notional(abs(size_2), mark_2, 1)),
        theorem="C1a-position",
    )
    assume(equity(before, account) >= margin_maintenance(before, account), guard="MAR-9")

    prove(equity(moved, account) >= 0, "nobody else pays for this account")


@theorem(
    "C1b-penalty",
    rules=("GAP-3", "POL-7", "MAR-5"),
    claim="If the move is within the gap of GAP-3, the margin pays for the move and for the penalty in full.",
    contracts=(requirement_takes_rate,),
    witness=dict(size=-3, mark=1_000, mark_after=1_010, multiplier=7, penalty=4_000, rate=50_000),
    mutant=Replace(
        "gap_survived_with_penalty",
        "* PPM, PPM + penalty)",
        "* PPM, PPM)",
        name="penalty on the old notional",
    ),
)
def margin_covers_gap_and_penalty(
    size: Lots, mark: Ticks, mark_after: Ticks, multiplier: int, penalty: Ppm, rate: Ppm
) -> None:
    assume(mark >= 1, guard="PRC-1")
    assume(mark_after >= 1, guard="PRC-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(0 <= penalty, policy="POL-7")
    assume(penalty <= rate, guard="GAP-3")  # else not even an unmoved mark leaves the penalty
    gap = gap_survived_with_penalty(rate, penalty)
    assume(abs(mark_after - mark) * PPM <= gap * mark, guard="GAP-3")  # the move is within that gap
    lots = abs(size) * multiplier
    held = notional(abs(size), mark, multiplier)
    held_after = notional(abs(size), mark_after, multiplier)
    margin = requirement(schedule_from(rate), abs(size), held)
    lemma(gap * (PPM + penalty) <= (rate - penalty) * PPM, "the gap is rounded down")
    lemma(mark_after * PPM <= (PPM + gap) * mark, "the mark after the move")
    lemma(abs(mark_after - mark) * PPM * lots <= gap * mark * lots, "the loss of every lot")
    lemma(
        penalty * (mark_after * PPM) * lots <= penalty * ((PPM + gap) * mark) * lots,
        "the penalty of every lot",
    )
    lemma(
        (gap * PPM + penalty * (PPM + gap)) * (mark * lots) <= rate * PPM * (mark * lots),
        "both are within the rate",
    )

    loss = position_value(size, mark, multiplier) - position_value(size, mark_after, multiplier)
    charged = ceil_div(held_after * penalty, PPM)

    prove((margin - loss) * PPM >= held_after * penalty, "what is left pays the penalty before rounding")
    prove(margin - loss >= charged, "and rounded up")


@theorem(
    "C1-tier-rate",
    rules=("GAP-1", "MAR-2"),
    claim="The effective rate of a tier is the average at its floor, rounded down; the lowest tier's "
    "is its own rate.",
    structural_bound="3 tiers; for any number the average at a floor is B2-bracket-average",
    witness=dict(rise_0=10_000, rise_1=20_000, rise_2=30_000, floor_1=100, floor_2=200),
    mutant=Replace(
        "effective_rate",
        "floor_div(bracket_numerator(floor, schedule.tiers), floor)",
        "whole_rate(floor + 1, schedule.tiers)",
        name="the tier's own rate",
    ),
)
def effective_rate_is_average_at_floor(
    rise_0: Ppm, rise_1: Ppm, rise_2: Ppm, floor_1: Quanta, floor_2: Quanta
) -> None:
    assume(rise_0 >= 1, policy="POL-3")
    assume(rise_1 >= 0, policy="POL-3")
    assume(rise_2 >= 0, policy="POL-3")
    assume(floor_1 >= 1, policy="POL-2")
    assume(floor_2 > floor_1, policy="POL-2")
    schedule = Schedule("bracket", (Tier(0, rise_0), Tier(floor_1, rise_1), Tier(floor_2, rise_2)))

    prove(effective_rate(schedule, 0) == rise_0, "the lowest tier's rate")
    prove(effective_rate(schedule, 1) == rise_0, "at the first floor only the lowest rate has been taken")
    third = effective_rate(schedule, 2)
    taken = rise_0 * floor_2 + rise_1 * (floor_2 - floor_1)
    prove(third * floor_2 <= taken, "never more than what is taken at the floor")
    prove((third + 1) * floor_2 > taken, "and less than one ppm under it")
