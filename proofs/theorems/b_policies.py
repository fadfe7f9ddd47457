"""What a valid policy gives the theorems: each premise named `policy=` is what a checker of chapter 13
leaves."""

from proofs.registry import Replace, prove, theorem
from proofs.worlds import MARKET, market, policy
from refmodel.numbers import PPM, Ppm, Quanta
from refmodel.policy import BRACKET, WHOLE, Policy, Schedule, Tier
from refmodel.validity import (
    Checker,
    brackets_are_contiguous,
    fee_is_below_maintenance,
    funding_has_resolution,
    largest_size_is_payable,
    limits_are_proved,
    lowest_rate,
    maintenance_covers_gap,
    maintenance_is_below_initial,
    penalty_is_a_share,
    prices_are_ordered,
    rates_are_ordered,
    rebate_is_paid_by_taker,
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
            "elif lowest < market.gap",
            "elif lowest + 1 < market.gap",
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
    here = market(initial=initial, maintenance=maintenance, gap=gap, penalty=penalty)
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
