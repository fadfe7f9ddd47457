"""Rules that are asked about a policy or a number and not about an event: examined one by one."""

from collections import Counter
from collections.abc import Iterable

from marginspec.search.break_policy import BREAKERS, brackets_of, draw_broken_policy
from marginspec.search.choices import Choices
from marginspec.search.reach.ladders import PASSED, REFUSED, Tally
from refmodel.gap import effective_rate, gap_of_moves, gap_survived, gap_survived_with_penalty
from refmodel.margin import initial_rate_of_leverage as leverage_rate
from refmodel.numbers import PPM, ceil_div, is_whole
from refmodel.policy import Market, Policy
from refmodel.state import CROSS, genesis
from refmodel.validity import faults


def examine_policy(policy: Policy) -> Tally:
    """The rules that are asked about a policy and not about an event: ACC-3, GAP-*, MAR-12, POL-*."""
    tally: Tally = Counter()
    broken = {fault.rule for fault in faults(policy)}
    for rule in BREAKERS:
        tally[rule, REFUSED if rule in broken else PASSED] += 1
    for pool in genesis(policy).pools:
        tally["ACC-3", "cross pool" if pool == CROSS else "isolated pool"] += 1
    for market in policy.markets.values():
        tally += examine_market(market)
    return tally


def examine_market(market: Market) -> Tally:
    """GAP-1 to GAP-3 for every tier, GAP-4, and MAR-12 for every initial rate that stands for a leverage."""
    tally: Tally = Counter()
    schedule = market.maintenance
    own_rates = [rate for _, rate in brackets_of(schedule)] or [schedule.base]
    for tier, own in enumerate(own_rates):
        rate = effective_rate(schedule, tier)
        tally["GAP-1", "rate of its tier" if rate == own else "average below it"] += 1
        survived = gap_survived(rate)
        tally["GAP-2", "the policy's gap" if survived == market.gap else "more than the policy's gap"] += 1
        penalised = gap_survived_with_penalty(rate, market.liquidation.penalty)
        tally["GAP-3", "a move" if penalised > 0 else "nothing left"] += 1
    covered = gap_of_moves(market.gap, market.touch_moves)
    assert covered >= market.gap
    tally["GAP-4", "one move" if covered == market.gap else "several moves"] += 1
    for _, rate in brackets_of(market.initial):
        leverage = ceil_div(PPM, rate) if rate > 0 else 0
        if leverage > 0 and leverage_rate(leverage) == rate:
            tally["MAR-12", "exact" if PPM % leverage == 0 else "rounded up"] += 1
    return tally


def examine_faults(choices: Choices, policy: Policy, rules: Iterable[str]) -> Tally:
    """The policy, spoilt for one rule at a time: that rule, and no other, refuses it."""
    tally: Tally = Counter()
    for rule in rules:
        if draw_broken_policy(choices, rule, policy) is not None:
            tally[rule, REFUSED] += 1
    return tally


def examine_number(choices: Choices, number: int) -> Tally:
    """NUM-2 on a number of an event, and on what could stand in its place in a file."""
    tally: Tally = Counter()
    for value in (number, choices.pick((float(number % 1_000), str(number), True, None, [number]))):
        tally["NUM-2", "whole" if is_whole(value) else "not whole"] += 1
    return tally
