"""Claims about margins that were believed and are false, each with the values at which it fails."""

from proofs.registry import prove, refutation
from proofs.symbolic import implies
from refmodel.gap import effective_rate
from refmodel.margin import (
    Standing,
    bracket_margin,
    is_liquidatable,
    sqrt_margin,
    whole_margin,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, floor_div
from refmodel.policy import AT_OR_BELOW, BELOW, BRACKET, Schedule, Tier
from refmodel.trading import is_admitted


@refutation(
    "R-reduction-never-worsens",
    rules=("TRD-7",),
    claim="A reduction at the mark never worsens the ratio of equity to maintenance margin.",
    counterexample=dict(equity=40, maintenance=1_000, fee=25, maintenance_after=500),
)
def a_reduction_never_worsens_the_ratio(
    equity: Quanta, maintenance: Quanta, fee: Quanta, maintenance_after: Quanta
) -> None:
    before = Standing(equity, maintenance, maintenance)
    after = Standing(equity - fee, maintenance_after, maintenance_after)

    # 100 lots at 1000 with a rate of 1 % and a fee of 0.05 %; half is closed: 15/500 is less than 40/1000.
    prove(is_admitted(before, after, 0, True, BELOW), "every reduction may be made")


@refutation(
    "R-initial-margin-is-enough",
    rules=("MAR-10", "TRD-7"),
    claim="Who has at least its initial margin is not liquidatable, whichever the trigger.",
    counterexample=dict(notional=10),
)
def who_has_its_initial_margin_is_safe(notional: Quanta) -> None:
    initial = whole_margin(notional, (Tier(0, 50_000),))
    maintenance = bracket_margin(notional, (Tier(0, 25_000),))

    prove(
        not is_liquidatable(initial, maintenance, AT_OR_BELOW),
        "equity at initial margin is above maintenance",
    )


@refutation(
    "R-tier-rate-is-survived",
    rules=("GAP-1", "MAR-2"),
    claim="A position in a higher tier survives a move of that tier's own rate.",
    counterexample=dict(notional=1_000_001, move=90_000),
)
def own_rate_of_a_tier_is_survived(notional: Quanta, move: Ppm) -> None:
    tiers = (Tier(0, 5_000), Tier(1_000_000, 95_000))
    margin = bracket_margin(notional, tiers)
    loss = floor_div(notional * move, PPM)

    prove(effective_rate(Schedule(BRACKET, tiers), 1) <= 100_000, "the tier's own rate is 10 %")
    prove(loss <= margin, "so a move of 9 % is paid for")


@refutation(
    "R-whole-has-no-jump",
    rules=("MAR-3",),
    claim="One more quantum of notional raises a requirement on the whole notional by at most one quantum.",
    counterexample=dict(notional=1_000_000),
)
def requirement_on_the_whole_has_no_jump(notional: Quanta) -> None:
    tiers = (Tier(0, 10_000), Tier(1_000_000, 10_000))

    jump = whole_margin(notional + 1, tiers) - whole_margin(notional, tiers)

    prove(jump <= 1, "one more quantum needs at most one more")


@refutation(
    "R-splitting-is-exact",
    rules=("MAR-2",),
    claim="Two parts of a position together never need more than the whole, not even a quantum.",
    counterexample=dict(part=2, other=4),
)
def parts_never_need_more_than_the_whole(part: Quanta, other: Quanta) -> None:
    tiers = (Tier(0, 1), Tier(1, 1), Tier(2, 1))

    parts = bracket_margin(part, tiers) + bracket_margin(other, tiers)

    prove(bracket_margin(part + other, tiers) >= parts, "rounding up twice costs nothing")


@refutation(
    "R-sqrt-is-convex",
    rules=("MAR-4",),
    claim="A size-scaled requirement is convex: the mean of two requirements is never below that of "
    "the mean.",
    counterexample=dict(lots=3, away=1, factor=1_000, base=1, price=1_000),
)
def size_scaled_requirement_is_convex(lots: Lots, away: Lots, factor: Ppm, base: Ppm, price: int) -> None:
    def margin(size: Lots) -> Quanta:
        return sqrt_margin(size, size * price, base, factor)

    prove(margin(lots - away) + margin(lots + away) >= 2 * margin(lots), "the curve bends upwards")


@refutation(
    "R-gain-may-count",
    rules=("TRD-7",),
    claim="A trade may count its own gain against the mark: nobody is liquidatable after it who was "
    "not before.",
    counterexample=dict(equity=0, gain=100, maintenance_after=50),
)
def own_gain_may_count(equity: Quanta, gain: Quanta, maintenance_after: Quanta) -> None:
    after = Standing(equity + gain, 2 * maintenance_after, maintenance_after)
    admitted_with_gain = is_admitted(Standing(equity, 0, 0), after, 0, False, BELOW)

    prove(implies(admitted_with_gain, equity >= maintenance_after), "the account had the margin of its own")
