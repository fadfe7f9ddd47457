"""Broken policies: any valid policy, spoilt for one POL rule and for no other."""

from collections.abc import Callable
from dataclasses import replace

from marginspec.search.choices import Choices, magnitude, near
from marginspec.search.draw_policy import factor_limit
from refmodel.numbers import PPM, ceil_div
from refmodel.policy import (
    AT_OR_BELOW,
    BACKSTOP_STAGE,
    BRACKET,
    FRACTION,
    FULL,
    RESTORE,
    SQRT,
    STAGES,
    TIER_STEP,
    WHOLE,
    Liquidation,
    Market,
    Policy,
    Schedule,
    pools_of,
    tiers_from,
)
from refmodel.state import CROSS
from refmodel.validity import (
    BASIS_POINT,
    CUSTODY_MAX,
    NOTIONAL_MAX,
    POSITIONS_MAX,
    TIERS_MAX,
    TOUCH_MOVES_MAX,
    faults,
    lowest_rate,
)

Breaker = Callable[[Choices, Policy], Policy | None]


def with_market(policy: Policy, name: str, market: Market) -> Policy:
    """The policy with one market in place of another of the same name."""
    return replace(policy, markets={**policy.markets, name: market})


def some_market(choices: Choices, policy: Policy) -> tuple[str, Market]:
    """One market of the policy and its name."""
    name = choices.pick(tuple(policy.markets))
    return name, policy.markets[name]


def with_tiers(schedule: Schedule, rates: list[tuple[int, int]]) -> Schedule:
    """The schedule with other brackets: (floor, rate) of each."""
    return replace(schedule, tiers=tiers_from(tuple(rates)))


def brackets_of(schedule: Schedule) -> list[tuple[int, int]]:
    """The published brackets of a schedule: (floor, rate) of each tier."""
    brackets = []
    rate = 0
    for tier in schedule.tiers:
        rate += tier.rise
        brackets.append((tier.floor, rate))
    return brackets


def with_both(market: Market, initial: list[tuple[int, int]], maintenance: list[tuple[int, int]]) -> Market:
    """The market with other brackets in both schedules."""
    return replace(
        market,
        initial=with_tiers(market.initial, initial),
        maintenance=with_tiers(market.maintenance, maintenance),
    )


def tiered_market(choices: Choices, policy: Policy) -> tuple[str, Market] | None:
    """One market with brackets, or None if the policy has none."""
    tiered = tuple(name for name, market in policy.markets.items() if market.maintenance.kind != SQRT)
    if not tiered:
        return None
    name = choices.pick(tiered)
    return name, policy.markets[name]


def break_choice(choices: Choices, policy: Policy) -> Policy | None:
    """POL-1: a choice by a name that the law has no rule for."""
    name, market = some_market(choices, policy)
    rules = replace(market.liquidation, size="half", fraction=0, whole_below=0, buffer=0)
    return choices.pick(
        (
            replace(policy, trigger="sometimes"),
            replace(policy, bad_debt_gate=""),
            replace(policy, trigger="BELOW"),
            replace(policy, takeover_remainder="nobody"),
            replace(policy, adl_ranking="alphabet"),
            replace(policy, adl_allocation="Queue"),
            replace(policy, payers=""),
            with_market(policy, name, replace(market, liquidation=rules)),
        )
    )


def break_floors(choices: Choices, policy: Policy) -> Policy | None:
    """POL-2: no bracket, too many, a first one above 0, or one that does not start above the one before."""
    found = tiered_market(choices, policy)
    if found is None:
        return None
    name, market = found
    initial, maintenance = brackets_of(market.initial), brackets_of(market.maintenance)
    fault = choices.pick(("first above 0", "repeated", "too many"))
    if fault == "first above 0":
        first = magnitude(choices, 1, max(1, initial[1][0] - 1) if len(initial) > 1 else 1_000)
        initial[0] = (first, initial[0][1])
        maintenance[0] = (first, maintenance[0][1])
        if len(initial) > 1 and initial[1][0] <= first:
            return None
    elif fault == "repeated":
        floor = initial[-1][0]
        initial.append((floor, initial[-1][1]))
        maintenance.append((floor, maintenance[-1][1]))
    else:
        while len(initial) <= TIERS_MAX:
            floor = initial[-1][0] + 1
            initial.append((floor, initial[-1][1]))
            maintenance.append((floor, maintenance[-1][1]))
    return with_market(policy, name, with_both(market, initial, maintenance))


def break_rates(choices: Choices, policy: Policy) -> Policy | None:
    """POL-3: a rate that falls, or one above 100 %."""
    found = tiered_market(choices, policy)
    if found is None:
        name, market = some_market(choices, policy)
        return with_market(policy, name, replace(market, initial=replace(market.initial, base=PPM + 1)))
    name, market = found
    initial, maintenance = brackets_of(market.initial), brackets_of(market.maintenance)
    if choices.chance(500_000) and maintenance[-1][1] >= 2:
        # One more bracket, in which the maintenance rate falls.
        floor = initial[-1][0] + 1
        initial.append((floor, initial[-1][1]))
        maintenance.append((floor, maintenance[-1][1] - 1))
    else:
        initial[-1] = (initial[-1][0], PPM + choices.integer(1, 5))
    return with_market(policy, name, with_both(market, initial, maintenance))


def break_pair(choices: Choices, policy: Policy) -> Policy | None:
    """POL-4: kinds that are not comparable: initial `bracket` over maintenance `whole` or `sqrt`."""
    name, market = some_market(choices, policy)
    if market.maintenance.kind == SQRT:
        tiers = tiers_from(((0, PPM),))
        return with_market(policy, name, replace(market, initial=Schedule(BRACKET, tiers)))
    spoilt = replace(
        market,
        initial=replace(market.initial, kind=BRACKET),
        maintenance=replace(market.maintenance, kind=WHOLE),
    )
    return with_market(policy, name, spoilt)


def break_order_of_margins(choices: Choices, policy: Policy) -> Policy | None:
    """POL-5: a maintenance rate that is not below the initial rate of its tier."""
    name, market = some_market(choices, policy)
    if market.maintenance.kind == SQRT:
        base = replace(market.maintenance, base=market.initial.base)
        factor = replace(market.maintenance, factor=market.initial.factor + 1)
        return with_market(policy, name, replace(market, maintenance=choices.pick((base, factor))))
    initial, maintenance = brackets_of(market.initial), brackets_of(market.maintenance)
    maintenance[-1] = (maintenance[-1][0], initial[-1][1])
    return with_market(policy, name, with_both(market, initial, maintenance))


def break_payable_size(choices: Choices, policy: Policy) -> Policy | None:
    """POL-6: a size-scaled rate above 100 % at the largest size; None without such a schedule."""
    scaled = tuple(name for name, market in policy.markets.items() if market.initial.kind == SQRT)
    if not scaled:
        return None
    name = choices.pick(scaled)
    market = policy.markets[name]
    factor = factor_limit(market.size_max) + 1
    if factor > PPM:
        return None
    return with_market(policy, name, replace(market, initial=replace(market.initial, factor=factor)))


def break_penalty(choices: Choices, policy: Policy) -> Policy | None:
    """POL-7: a penalty below nothing or above everything."""
    name, market = some_market(choices, policy)
    rules = replace(market.liquidation, penalty=choices.pick((-1, PPM + 1)))
    return with_market(policy, name, replace(market, liquidation=rules))


def break_fee(choices: Choices, policy: Policy) -> Policy | None:
    """POL-8: a fee at the lowest maintenance rate of a market, or above it."""
    lowest = min(lowest_rate(market.maintenance) for market in policy.markets.values())
    fee = near(choices, lowest, lowest, PPM)
    return replace(policy, fee_maker=fee) if choices.chance(500_000) else replace(policy, fee_taker=fee)


def break_gap(choices: Choices, policy: Policy) -> Policy | None:
    """POL-9: a gap above the lowest maintenance rate, or none; more moves than it covers, or no move."""
    name, market = some_market(choices, policy)
    lowest = lowest_rate(market.maintenance)
    spoilt = choices.pick(
        (
            replace(market, gap=lowest + 1),
            replace(market, gap=0),
            replace(market, touch_moves=0),
            replace(market, touch_moves=TOUCH_MOVES_MAX + 1),
            replace(market, gap=lowest, touch_moves=2),
        )
    )
    return with_market(policy, name, spoilt)


def break_rebate(choices: Choices, policy: Policy) -> Policy | None:
    """POL-10: a rebate above the taker's fee, or a taker who is paid."""
    fault = replace(policy, fee_maker=-policy.fee_taker - choices.integer(1, 3))
    return replace(policy, fee_taker=-1, fee_maker=1) if choices.chance(300_000) else fault


def break_resolution(choices: Choices, policy: Policy) -> Policy | None:
    """POL-11: a funding cap that is no rate, or a price at which a basis point is less than a quantum."""
    name, market = some_market(choices, policy)
    least = ceil_div(PPM, BASIS_POINT * market.multiplier)
    if least > 1 and choices.chance(500_000):
        return with_market(policy, name, replace(market, price_min=least - 1))
    return with_market(policy, name, replace(market, funding_cap=choices.pick((-1, PPM + 1))))


def break_prices(choices: Choices, policy: Policy) -> Policy | None:
    """POL-12: a highest price below the least."""
    name, market = some_market(choices, policy)
    if market.price_min < 2:
        return with_market(policy, name, replace(market, price_min=market.price_max + 1))
    price_max = choices.pick((market.price_min - 1, max(1, market.price_min // 2)))
    return with_market(policy, name, replace(market, price_max=price_max))


def break_limits(choices: Choices, policy: Policy) -> Policy | None:
    """POL-13: a limit outside the domain for which the fast path is proved."""
    name, market = some_market(choices, policy)
    size = NOTIONAL_MAX // (market.price_max * market.multiplier) + 1
    return choices.pick(
        (
            replace(policy, venue_total_max=CUSTODY_MAX + 1),
            replace(policy, venue_total_max=0),
            replace(policy, positions_max=0),
            replace(policy, positions_max=POSITIONS_MAX + 1),
            with_market(policy, name, replace(market, size_max=0)),
            with_market(policy, name, replace(market, size_max=size)),
            with_market(policy, name, replace(market, multiplier=0)),
        )
    )


def break_band(choices: Choices, policy: Policy) -> Policy | None:
    """POL-14: a band of 100 % or more, or of less than nothing."""
    name, market = some_market(choices, policy)
    return with_market(policy, name, replace(market, band=choices.pick((PPM, -1))))


def break_transfer_rate(choices: Choices, policy: Policy) -> Policy | None:
    """POL-15: a transfer rate that is no share."""
    return replace(policy, transfer_rate=choices.pick((-1, PPM + 1)))


def break_pools(choices: Choices, policy: Policy) -> Policy | None:
    """POL-16: an isolated pool that is no market, or twice the same; a market named `cross`; none at all."""
    name, market = some_market(choices, policy)
    spoilt = choices.pick(
        (
            replace(policy, isolated=(*policy.isolated, "no such market")),
            replace(policy, isolated=(name, name)),
            replace(policy, markets={**policy.markets, "cross": market}),
            replace(policy, markets={}, isolated=()),
        )
    )
    limit = next(iter(policy.draw_limits.values()))
    return replace(spoilt, draw_limits=dict.fromkeys(pools_of(spoilt), limit))


def break_draw_period(choices: Choices, policy: Policy) -> Policy | None:
    """POL-17: a period in which no time passes."""
    return replace(policy, draw_period=choices.pick((0, -1)))


def break_stages(choices: Choices, policy: Policy) -> Policy | None:
    """POL-18: no stage at all, one that the law does not know, one twice, or two in the wrong order."""
    backwards = tuple(reversed(STAGES))
    return choices.pick(
        (
            replace(policy, stages=(), takeover_trigger=0),
            replace(policy, stages=(*policy.stages, "lottery")),
            replace(policy, stages=(*policy.stages, policy.stages[-1])),
            replace(policy, stages=backwards),
        )
    )


def break_takeover(choices: Choices, policy: Policy) -> Policy | None:
    """POL-19: a takeover trigger that is no share, or one without a backstop."""
    without = tuple(stage for stage in STAGES if stage != BACKSTOP_STAGE)
    return choices.pick(
        (
            replace(policy, takeover_trigger=-1),
            replace(policy, takeover_trigger=PPM + 1),
            replace(policy, takeover_trigger=1, stages=without),
        )
    )


def break_draw_limits(choices: Choices, policy: Policy) -> Policy | None:
    """POL-20: a pool without a draw limit, a limit without a pool, or a bound that is none."""
    pool = choices.pick(pools_of(policy))
    limits = dict(policy.draw_limits)
    another = 1 if limits[CROSS] != 1 else 2
    fewer = {name: limit for name, limit in limits.items() if name != pool}
    return choices.pick(
        (
            replace(policy, draw_limits={**limits, pool: 0}),
            replace(policy, draw_limits={**limits, pool: CUSTODY_MAX + 1}),
            replace(policy, draw_limits={**limits, "no such pool": another}),
            replace(policy, draw_limits=fewer),
            replace(policy, backstop_notional_max=-1),
            replace(policy, backstop_notional_max=CUSTODY_MAX + 1),
        )
    )


def break_size_rule(choices: Choices, policy: Policy) -> Policy | None:
    """POL-21: a size rule without its terms, terms out of bounds, and terms that nothing reads."""
    name, market = some_market(choices, policy)
    rules = market.liquidation
    plain = Liquidation(FULL, rules.penalty, rules.band)
    least = 2 if policy.trigger == AT_OR_BELOW else 1
    options = [
        replace(plain, size=FRACTION),
        replace(plain, size=FRACTION, fraction=PPM + 1),
        replace(plain, size=FRACTION, fraction=1, whole_below=-1),
        replace(plain, size=FRACTION, fraction=1, whole_below=NOTIONAL_MAX + 1),
        replace(plain, size=RESTORE, buffer=least - 1),
        replace(plain, size=RESTORE, buffer=NOTIONAL_MAX + 1),
        replace(plain, fraction=1),
        replace(plain, buffer=1),
    ]
    if market.maintenance.kind == SQRT:
        options.append(replace(plain, size=TIER_STEP))
    return with_market(policy, name, replace(market, liquidation=choices.pick(options)))


def break_fill_band(choices: Choices, policy: Policy) -> Policy | None:
    """POL-22: a band of a liquidation fill of 100 % or more, or of less than nothing."""
    name, market = some_market(choices, policy)
    rules = replace(market.liquidation, band=choices.pick((PPM, -1)))
    return with_market(policy, name, replace(market, liquidation=rules))


BREAKERS: dict[str, Breaker] = {
    "POL-1": break_choice,
    "POL-2": break_floors,
    "POL-3": break_rates,
    "POL-4": break_pair,
    "POL-5": break_order_of_margins,
    "POL-6": break_payable_size,
    "POL-7": break_penalty,
    "POL-8": break_fee,
    "POL-9": break_gap,
    "POL-10": break_rebate,
    "POL-11": break_resolution,
    "POL-12": break_prices,
    "POL-13": break_limits,
    "POL-14": break_band,
    "POL-15": break_transfer_rate,
    "POL-16": break_pools,
    "POL-17": break_draw_period,
    "POL-18": break_stages,
    "POL-19": break_takeover,
    "POL-20": break_draw_limits,
    "POL-21": break_size_rule,
    "POL-22": break_fill_band,
}
ATTEMPTS = 20


def draw_broken_policy(choices: Choices, rule: str, policy: Policy) -> Policy | None:
    """A valid policy spoilt for one rule and no other.

    policy   a valid policy
    returns  a policy all of whose faults are of this rule; None if the policy leaves no room for such
             a fault, as one without size-scaled schedules for POL-6
    """
    for _ in range(ATTEMPTS):
        broken = BREAKERS[rule](choices, policy)
        if broken is not None and {fault.rule for fault in faults(broken)} == {rule}:
            return broken
    return None
