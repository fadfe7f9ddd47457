"""Broken policies: any valid policy, spoilt for one POL rule and for no other."""

from collections.abc import Callable
from dataclasses import replace

from marginspec.search.choices import Choices, magnitude, near
from marginspec.search.draw_policy import factor_limit
from refmodel.numbers import PPM, ceil_div
from refmodel.policy import BRACKET, SQRT, WHOLE, Market, Policy, Schedule, tiers_from
from refmodel.validity import (
    BASIS_POINT,
    CUSTODY_MAX,
    NOTIONAL_MAX,
    POSITIONS_MAX,
    TIERS_MAX,
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
    return choices.pick(
        (
            replace(policy, trigger="sometimes"),
            replace(policy, bad_debt_gate=""),
            replace(policy, trigger="BELOW"),
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
    return with_market(policy, name, replace(market, penalty=choices.pick((-1, PPM + 1))))


def break_fee(choices: Choices, policy: Policy) -> Policy | None:
    """POL-8: a fee at the lowest maintenance rate of a market, or above it."""
    lowest = min(lowest_rate(market.maintenance) for market in policy.markets.values())
    fee = near(choices, lowest, lowest, PPM)
    return replace(policy, fee_maker=fee) if choices.chance(500_000) else replace(policy, fee_taker=fee)


def break_gap(choices: Choices, policy: Policy) -> Policy | None:
    """POL-9: a gap above the lowest maintenance rate, or none."""
    name, market = some_market(choices, policy)
    return with_market(
        policy, name, replace(market, gap=choices.pick((lowest_rate(market.maintenance) + 1, 0)))
    )


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
    return choices.pick(
        (
            replace(policy, isolated=(*policy.isolated, "no such market")),
            replace(policy, isolated=(name, name)),
            replace(policy, markets={**policy.markets, "cross": market}),
            replace(policy, markets={}, isolated=()),
        )
    )


def break_draw_period(choices: Choices, policy: Policy) -> Policy | None:
    """POL-17: a period in which no time passes."""
    return replace(policy, draw_period=choices.pick((0, -1)))


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
