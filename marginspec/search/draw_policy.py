"""Drawn policies: valid ones of every shape that the law allows.

A policy is drawn by construction, each value within what the rules of chapter 13 leave after the values
before it. What spoils one is in break_policy.py.
"""

from marginspec.search.choices import Choices, edge_or_magnitude, magnitude
from refmodel.gap import gap_of_moves
from refmodel.margin import initial_rate_of_leverage
from refmodel.numbers import PPM, Ppm, Quanta, ceil_div, isqrt_ceil
from refmodel.policy import (
    ALLOCATIONS,
    AT_OR_BELOW,
    BACKSTOP_STAGE,
    BAD_DEBT_GATES,
    FRACTION,
    FULL,
    PAYERS,
    RANKINGS,
    REMAINDERS,
    RESTORE,
    SQRT,
    STAGES,
    TIER_STEP,
    TRIGGERS,
    Liquidation,
    Market,
    Policy,
    Schedule,
    tiers_from,
)
from refmodel.state import CROSS
from refmodel.validity import (
    BASIS_POINT,
    COMPARABLE,
    CUSTODY_MAX,
    MULTIPLIER_MAX,
    NOTIONAL_MAX,
    POSITIONS_MAX,
    PRICE_MAX,
    SIZE_MAX,
    lowest_rate,
)

MARKET_NAMES = ("BTC-PERP", "ETH-PERP", "A", "z9")
"""In an order that is neither that of the alphabet nor that of bytes alone."""

LEVERAGES = (20, 50, 10, 5, 3, 2, 1, 7, 125, 1_000)
SIZES_MAX = (100, 3, 1, 40, 1_000, 10**6, 10**9, SIZE_MAX)
MULTIPLIERS = (1, 1, 2, 7, 100, 10_000, 12_345, 10**6, MULTIPLIER_MAX)
BANDS = (100_000, 0, 1, 2_000, 50_000, 500_000, PPM - 1)


def draw_policy(choices: Choices, name: str = "drawn") -> Policy:
    """A valid policy: one to four markets, any schedules, triggers, gates, fees, pools and limits."""
    names = MARKET_NAMES[: choices.pick((2, 1, 3, 2, 4))]
    trigger = choices.pick(TRIGGERS)
    markets = {market: draw_market(choices, trigger) for market in names}
    lowest = min(lowest_rate(market.maintenance) for market in markets.values())
    taker = choices.pick((min(500, lowest - 1), 0, lowest - 1, choices.integer(0, lowest - 1)))
    maker = choices.pick((0, -taker, taker, -(taker // 2), choices.integer(-taker, lowest - 1), lowest - 1))
    # The whole notional of a few positions, or so little that deposits meet the limit.
    total = max(market.size_max * market.price_max * market.multiplier for market in markets.values())
    roomy = min(CUSTODY_MAX, total * 20)
    isolated = choices.pick(((), names, names[:1], names[-1:]))
    stages = draw_stages(choices)
    takeover = choices.pick((666_667, PPM, 500_000, 1, 0)) if BACKSTOP_STAGE in stages else 0
    return Policy(
        name=name,
        asset="USD",
        trigger=trigger,
        bad_debt_gate=choices.pick(BAD_DEBT_GATES),
        transfer_rate=choices.pick((100_000, 0, 1, 20_000, PPM)),
        fee_taker=taker,
        fee_maker=maker,
        venue_total_max=choices.pick((roomy, roomy, CUSTODY_MAX, max(1, total // 50))),
        positions_max=choices.pick((len(names), POSITIONS_MAX, len(names), 1, max(1, len(names) - 1))),
        stages=stages,
        takeover_trigger=takeover,
        takeover_remainder=choices.pick(REMAINDERS),
        draw_period=choices.pick((86_400_000, 1, 1_000)),
        draw_limits={pool: draw_bound(choices, total, 1) for pool in (CROSS, *isolated)},
        backstop_notional_max=draw_bound(choices, total, 0),
        adl_ranking=choices.pick(RANKINGS),
        adl_allocation=choices.pick(ALLOCATIONS),
        payers=choices.pick(PAYERS),
        isolated=isolated,
        markets=markets,
    )


def draw_stages(choices: Choices) -> tuple[str, ...]:
    """The stages of a bankruptcy: all of them, all but some, or one alone."""
    kind = choices.pick(("all", "some", "some", "one", "all", "some"))
    if kind == "all":
        return STAGES
    chosen = tuple(stage for stage in STAGES if choices.chance(600_000))
    return chosen if chosen and kind == "some" else (choices.pick(STAGES),)


def draw_bound(choices: Choices, total: Quanta, least: Quanta) -> Quanta:
    """A bound on what a fund pays or a backstop carries: out of reach, within it, or next to nothing.

    total  quanta: the notional of the largest position
    least  that is valid
    """
    return choices.pick((total, CUSTODY_MAX, magnitude(choices, least, total), least))


def draw_market(choices: Choices, trigger: str) -> Market:
    """A market: prices at which a basis point is a whole quantum, limits within the proved domain."""
    multiplier = choices.pick(MULTIPLIERS)
    least = ceil_div(PPM, BASIS_POINT * multiplier)
    price_min = choices.pick((least, least, least * 3))
    price_max = choices.pick((price_min * 100, price_min, price_min * 7, price_min * 100_000))
    price_max = max(price_min, min(price_max, PRICE_MAX, NOTIONAL_MAX // multiplier))
    size_max = max(1, min(choices.pick(SIZES_MAX), NOTIONAL_MAX // (price_max * multiplier)))
    initial_kind, maintenance_kind = choices.pick(COMPARABLE)
    if initial_kind == SQRT:
        initial, maintenance = draw_sqrt_pair(choices, size_max)
    else:
        typical = price_min * 10 * multiplier
        largest = min(size_max * price_max * multiplier, NOTIONAL_MAX)
        initial, maintenance = draw_tier_pair(choices, initial_kind, maintenance_kind, typical, largest)
    lowest = lowest_rate(maintenance)
    gap = choices.pick((lowest, 1, ceil_div(lowest, 2), ceil_div(lowest, 8)))
    moves = choices.pick((1, 2, 5, 1_000))
    while gap_of_moves(gap, moves) > lowest:
        moves //= 2
    return Market(
        multiplier=multiplier,
        price_min=price_min,
        price_max=price_max,
        size_max=size_max,
        band=choices.pick(BANDS),
        gap=gap,
        touch_moves=moves,
        funding_cap=choices.pick((20_000, 0, 100, 3_333, PPM)),
        initial=initial,
        maintenance=maintenance,
        liquidation=draw_liquidation(choices, maintenance, lowest, trigger, price_min * multiplier),
    )


def draw_liquidation(
    choices: Choices, maintenance: Schedule, lowest: Ppm, trigger: str, lot_value: Quanta
) -> Liquidation:
    """How positions are closed out: any size rule that the schedule admits, with the terms it reads.

    lowest     the lowest maintenance rate, ppm
    lot_value  quanta of notional of one lot at the least price
    """
    sizes = (FULL, FRACTION, RESTORE, RESTORE) + (() if maintenance.kind == SQRT else (TIER_STEP,))
    size = choices.pick(sizes)
    fraction = whole_below = buffer = 0
    if size == FRACTION:
        fraction = choices.pick((200_000, 1, 500_000, PPM, choices.integer(1, PPM)))
        whole_below = choices.pick((0, lot_value, lot_value * 10, NOTIONAL_MAX))
    elif size == RESTORE:
        least = 2 if trigger == AT_OR_BELOW else 1
        buffer = choices.pick((least, least + 1, max(least, lot_value // 100)))
    return Liquidation(
        size=size,
        penalty=choices.pick((lowest // 4, 0, lowest, PPM)),
        band=choices.pick(BANDS),
        fraction=fraction,
        whole_below=min(whole_below, NOTIONAL_MAX),
        buffer=min(buffer, NOTIONAL_MAX),
    )


def draw_tier_pair(
    choices: Choices, initial_kind: str, maintenance_kind: str, typical: int, largest: int
) -> tuple[Schedule, Schedule]:
    """Initial and maintenance schedules over the same brackets, rates from published leverages or not.

    typical  quanta: the notional of an ordinary position
    largest  quanta: the notional of the largest one
    """
    count = choices.pick((2, 1, 3, 4, 12))
    floors = {0}
    for _ in range(count - 1):
        floor = choices.pick((typical * choices.integer(1, 10), magnitude(choices, 1, largest)))
        floors.add(max(1, min(floor, NOTIONAL_MAX)))
    ascending = sorted(floors)
    if choices.chance(300_000):
        rates = [edge_or_magnitude(choices, 2, PPM, (2, 3, 1_000)) for _ in ascending]
    else:
        rates = [max(2, initial_rate_of_leverage(choices.pick(LEVERAGES))) for _ in ascending]
    initial = []
    maintenance = []
    lowest = 1
    for floor, rate in zip(ascending, sorted(rates), strict=True):
        # A rate of maintenance above the one below, and below the initial rate of its tier.
        options = (ceil_div(rate, 2), rate - 1, lowest, choices.integer(lowest, rate - 1))
        lowest = max(lowest, min(choices.pick(options), rate - 1))
        initial.append((floor, rate))
        maintenance.append((floor, lowest))
    return (
        Schedule(initial_kind, tiers_from(tuple(initial))),
        Schedule(maintenance_kind, tiers_from(tuple(maintenance))),
    )


def draw_sqrt_pair(choices: Choices, size_max: int) -> tuple[Schedule, Schedule]:
    """Initial and maintenance schedules of kind `sqrt`, whose rates stay payable at the largest size."""
    base = choices.pick((50_000, 2, 100, 333_334, PPM))
    factor_max = factor_limit(size_max)
    factor = choices.pick((factor_max // 4, 0, 1, factor_max, magnitude(choices, 0, factor_max)))
    factor = min(factor, factor_max)
    maintenance = Schedule(
        SQRT,
        base=choices.pick((ceil_div(base, 2), 1, base - 1)),
        factor=choices.pick((factor // 2, factor, 0)),
    )
    return Schedule(SQRT, base=base, factor=factor), maintenance


def factor_limit(size_max: int) -> int:
    """The largest factor with factor x factor x size_max at most 100 % squared (POL-6), ppm."""
    square = PPM * PPM // size_max
    root = isqrt_ceil(square)
    return root if root * root <= square else root - 1
