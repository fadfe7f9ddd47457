"""What a valid policy gives the theorems: each premise named `policy=` is what a checker of chapter 13
leaves."""

from proofs.registry import Replace, choice, prove, theorem
from proofs.worlds import MARKET, market, policy
from refmodel.gap import gap_of_moves
from refmodel.numbers import PPM, Ppm, Quanta
from refmodel.policy import (
    AT_OR_BELOW,
    BACKSTOP_STAGE,
    BELOW,
    BRACKET,
    FRACTION,
    FULL,
    PAYERS_STAGE,
    RESTORE,
    SIZE_RULES,
    SQRT,
    STAGES,
    TIER_STEP,
    TRIGGERS,
    WHOLE,
    Liquidation,
    Policy,
    Schedule,
    Tier,
)
from refmodel.state import CROSS
from refmodel.validity import (
    Checker,
    brackets_are_contiguous,
    fee_is_below_maintenance,
    fill_band_is_a_share,
    funding_has_resolution,
    funds_may_pay,
    largest_size_is_payable,
    limits_are_proved,
    lowest_rate,
    maintenance_covers_gap,
    maintenance_is_below_initial,
    penalty_is_a_share,
    prices_are_ordered,
    rates_are_ordered,
    rebate_is_paid_by_taker,
    size_rule_has_its_terms,
    stages_are_known,
    takeover_needs_backstop,
)


def passes(terms: Policy, *checkers: Checker) -> bool:
    """Whether none of these checkers finds a fault; the first fault is enough."""
    return all(next(check(terms), None) is None for check in checkers)


@theorem(
    "B1-policy-rates",
    rules=("POL-2", "POL-3", "POL-5", "POL-8", "POL-9", "POL-10", "POL-7"),
    claim="A policy that passes has tiers from 0 upwards, rates that rise to 100 % at the most with "
    "maintenance below "
    "initial, fees below and a gap within the lowest maintenance rate, and a rebate within the fee.",
    structural_bound="1 market with 3 tiers; a checker looks at each market, and at each tier with "
    "the one below",
    witness=dict(
        floor_0=0,
        floor_1=100,
        floor_2=200,
        m_0=10,
        m_1=10,
        m_2=10,
        i_0=20,
        i_1=20,
        i_2=20,
        gap=5,
        penalty=3,
        taker=9,
        maker=-9,
    ),
    mutant=(
        Replace(
            "maintenance_covers_gap",
            "elif lowest < gap_of_moves(",
            "elif lowest + 1 < gap_of_moves(",
            name="a ppm short",
        ),
        Replace(
            "maintenance_is_below_initial",
            "maintenance >= initial",
            "maintenance > initial",
            name="equal passes",
        ),
        Replace(
            "brackets_are_contiguous",
            "tier.floor <= floor_below",
            "tier.floor < floor_below",
            name="a tier twice",
        ),
        Replace(
            "fee_is_below_maintenance",
            "if fee >= lowest",
            "if fee > lowest",
            name="a fee of the whole margin",
        ),
    ),
)
def valid_rates_are_what_the_theorems_assume(
    floor_0: Quanta,
    floor_1: Quanta,
    floor_2: Quanta,
    m_0: Ppm,
    m_1: Ppm,
    m_2: Ppm,
    i_0: Ppm,
    i_1: Ppm,
    i_2: Ppm,
    gap: Ppm,
    penalty: Ppm,
    taker: Ppm,
    maker: Ppm,
) -> None:
    maintenance = Schedule(BRACKET, (Tier(floor_0, m_0), Tier(floor_1, m_1), Tier(floor_2, m_2)))
    initial = Schedule(WHOLE, (Tier(floor_0, i_0), Tier(floor_1, i_1), Tier(floor_2, i_2)))
    here = market(
        initial=initial, maintenance=maintenance, gap=gap, liquidation=Liquidation(FULL, penalty, 0)
    )
    terms = policy({MARKET: here}, fee_taker=taker, fee_maker=maker)

    if passes(
        terms,
        brackets_are_contiguous,
        rates_are_ordered,
        maintenance_is_below_initial,
        penalty_is_a_share,
        fee_is_below_maintenance,
        maintenance_covers_gap,
        rebate_is_paid_by_taker,
    ):
        prove((floor_0 == 0) & (floor_0 < floor_1) & (floor_1 < floor_2), "floors ascend from 0")
        prove((m_0 >= 1) & (m_1 >= 0) & (m_2 >= 0), "maintenance rates start above 0 and never fall")
        prove(
            (i_1 >= 0) & (i_2 >= 0) & (i_0 + i_1 + i_2 <= PPM), "initial rates never fall, and end at 100 %"
        )
        prove((m_0 < i_0) & (m_0 + m_1 < i_0 + i_1), "maintenance is below initial in each tier")
        prove(m_0 + m_1 + m_2 < i_0 + i_1 + i_2, "in the highest as well")
        prove(lowest_rate(maintenance) == m_0, "the lowest rate is the first tier's")
        prove((1 <= gap) & (gap <= m_0), "the gap is within it")
        prove((taker < m_0) & (maker < m_0), "both fees are below it")
        prove((0 <= taker) & (-taker <= maker), "a rebate is paid by the taker's fee")
        prove((0 <= penalty) & (penalty <= PPM), "a penalty is a share")


@theorem(
    "B1-policy-limits",
    rules=("POL-12", "POL-13", "POL-11", "POL-6"),
    claim="A policy that passes keeps every position inside the domain for which the fast path is proved.",
    structural_bound="1 market; a checker looks at each",
    witness=dict(
        multiplier=10_000, price_max=10, size_max=10, total=100, positions=2, cap=5, factor=10, base=1
    ),
    mutant=Replace(
        "limits_are_proved",
        "if largest > NOTIONAL_MAX",
        "if largest > NOTIONAL_MAX + NOTIONAL_MAX",
        name="twice the domain",
    ),
)
def valid_limits_are_within_the_domain(
    multiplier: int,
    price_max: int,
    size_max: int,
    total: Quanta,
    positions: int,
    cap: Ppm,
    factor: Ppm,
    base: Ppm,
) -> None:
    schedule = Schedule("sqrt", (), base, factor)
    here = market(multiplier, schedule, schedule, price_max=price_max, size_max=size_max, funding_cap=cap)
    terms = policy({MARKET: here}, venue_total_max=total, positions_max=positions)

    if passes(terms, limits_are_proved, prices_are_ordered, funding_has_resolution, largest_size_is_payable):
        prove((1 <= multiplier) & (multiplier <= 10**9), "the multiplier")
        prove((1 <= price_max) & (price_max <= 10**12), "the highest price")
        prove((1 <= size_max) & (size_max <= 10**12), "the largest size")
        prove(size_max * price_max * multiplier <= 10**16, "the largest notional")
        prove((1 <= total) & (total <= 10**18), "custody")
        prove((1 <= positions) & (positions <= 256), "markets of one account")
        prove((0 <= cap) & (cap <= PPM), "the funding cap is a share")
        prove(factor * factor * size_max <= PPM * PPM, "a size-scaled rate ends at 100 %")


@theorem(
    "C2-policy",
    rules=("POL-9", "GAP-4"),
    stage="waterfall",
    claim="A policy that passes has maintenance rates that cover all moves between two looks at an account, "
    "of which there is at least one.",
    structural_bound="1 to 4 moves; any number by C2-next-move",
    witness=(dict(moves=0, gap=5, rate=5), dict(moves=1, gap=10_000, rate=20_100)),
    mutant=(
        Replace(
            "maintenance_covers_gap",
            "elif lowest < gap_of_moves(market.gap, market.touch_moves)",
            "elif lowest < market.gap * market.touch_moves",
            name="moves added up without their cross term",
        ),
        Replace(
            "maintenance_covers_gap",
            "elif not 1 <= market.touch_moves <= TOUCH_MOVES_MAX",
            "elif not 0 <= market.touch_moves <= TOUCH_MOVES_MAX",
            name="no look at all",
        ),
    ),
)
def valid_margins_cover_the_moves_between_looks(gap: Ppm, rate: Ppm) -> None:
    moves = choice("moves", 1, 2, 3, 4, 0, -1)
    here = market(maintenance=Schedule(BRACKET, (Tier(0, rate),)), gap=gap, touch_moves=moves)

    if passes(policy({MARKET: here}), maintenance_covers_gap):
        prove(moves >= 1, "an account is looked at after some move")
        prove(gap >= 1, "a market may move")
        prove(gap_of_moves(gap, moves) <= rate, "the margin covers all of them together")
        prove(gap * moves <= rate, "and more than each of them taken of the first mark")


SOME_STAGES = (STAGES, (PAYERS_STAGE,), (), (STAGES[1], STAGES[0]), ("unknown",), (STAGES[0], STAGES[0]))


@theorem(
    "B1-policy-waterfall",
    rules=("POL-18", "POL-19", "POL-20"),
    stage="waterfall",
    claim="A policy that passes has stages in the order of the law, a takeover only with a backstop, and "
    "bounded payments of its funds.",
    structural_bound="six lists of stages, of which two are valid; a checker looks at each stage and pool",
    witness=(
        dict(stages=0, trigger=666_667, limit=1, notional=0),
        dict(stages=1, trigger=0, limit=10**18, notional=10**18),
    ),
    mutant=(
        Replace(
            "takeover_needs_backstop",
            "elif trigger > 0 and BACKSTOP_STAGE not in policy.stages",
            "elif trigger > 1 and BACKSTOP_STAGE not in policy.stages",
            name="a takeover that nobody makes",
        ),
        Replace(
            "funds_may_pay", "elif not 1 <= limit", "elif not 0 <= limit", name="a fund that pays nothing"
        ),
        Replace("stages_are_known", "if known != sorted(known)", "if not known", name="stages in any order"),
        Replace(
            "stages_are_known", "elif stage in policy.stages[:index]", "elif False", name="a stage twice"
        ),
    ),
)
def valid_waterfalls_are_what_the_theorems_assume(trigger: Ppm, limit: Quanta, notional: Quanta) -> None:
    stages = choice("stages", *SOME_STAGES)
    terms = policy(
        {MARKET: market()},
        stages=stages,
        takeover_trigger=trigger,
        draw_limit=limit,
        backstop_notional_max=notional,
    )

    if passes(terms, stages_are_known, takeover_needs_backstop, funds_may_pay):
        prove(stages in (STAGES, (PAYERS_STAGE,)), "the stages are known, each once, in order")
        prove((0 <= trigger) & (trigger <= PPM), "a takeover is below a share of the margin")
        if trigger > 0:
            prove(BACKSTOP_STAGE in stages, "and somebody makes it")
        for pool in (CROSS, MARKET):
            prove(terms.draw_limits[pool] >= 1, "every fund may pay something")
        prove((limit <= 10**18) & (0 <= notional) & (notional <= 10**18), "within the domain")


@theorem(
    "B1-policy-fills",
    rules=("POL-21", "POL-22"),
    stage="waterfall",
    claim="A policy that passes has a size rule with the terms it reads, and none beside; a band that is a "
    "share; and a buffer that absorbs the rounding.",
    structural_bound="1 market; a checker looks at each",
    witness=tuple(
        dict(
            size=size,
            trigger=1,
            kind=0,
            band=9,
            fraction=250_000 if size == 1 else 0,
            whole_below=0,
            buffer=2 if size == 3 else 0,
        )
        for size in range(4)
    ),
    mutant=(
        Replace(
            "size_rule_has_its_terms",
            "least_buffer = 2 if policy.trigger == AT_OR_BELOW else 1",
            "least_buffer = 1",
            name="a quantum for two roundings",
        ),
        Replace(
            "size_rule_has_its_terms",
            "if not 1 <= rules.fraction",
            "if not 0 <= rules.fraction",
            name="no lots",
        ),
        Replace("fill_band_is_a_share", "< PPM", "<= PPM", name="a fill for nothing"),
        Replace(
            "size_rule_has_its_terms", "elif rules.buffer != 0", "elif False", name="a term nobody reads"
        ),
    ),
)
def valid_size_rules_have_their_terms(band: Ppm, fraction: Ppm, whole_below: Quanta, buffer: Quanta) -> None:
    size = choice("size", *SIZE_RULES)
    trigger = choice("trigger", *TRIGGERS) if size == RESTORE else BELOW
    schedule = Schedule(BRACKET, (Tier(0, 50_000),))
    if size == TIER_STEP:
        schedule = choice("kind", schedule, Schedule(SQRT, (), 50_000, 1))
    rules = Liquidation(size, 2_500, band, fraction, whole_below, buffer)
    terms = policy({MARKET: market(maintenance=schedule, liquidation=rules)}, trigger=trigger)

    if passes(terms, size_rule_has_its_terms, fill_band_is_a_share):
        prove((0 <= band) & (band < PPM), "a fill has a price")
        if size == FRACTION:
            prove((1 <= fraction) & (fraction <= PPM), "a fraction closes something")
            prove(whole_below >= 0, "below a notional it closes everything")
        else:
            prove((fraction == 0) & (whole_below == 0), "a fraction that nothing reads is not written")
        if size == RESTORE:
            prove(buffer >= (2 if trigger == AT_OR_BELOW else 1), "the buffer absorbs the rounding")
        else:
            prove(buffer == 0, "a buffer that nothing reads is not written")
        if size == TIER_STEP:
            prove(schedule.kind == BRACKET, "there are brackets to step down")
