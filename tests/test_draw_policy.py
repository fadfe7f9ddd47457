"""Drawn choices and policies. Goal: a drawn policy is valid and of every shape; a broken one breaks one rule.
Method: properties of both drivers of choices, and of every rule's breaker.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginspec.policy_file import read_policy
from marginspec.search.break_policy import BREAKERS, draw_broken_policy
from marginspec.search.choices import Choices, SeededChoices, edge_or_magnitude, magnitude, near
from marginspec.search.draw_policy import draw_policy
from marginspec.search.scene import MARKETS_MOST, narrowed
from marginspec.strategies import DrawnChoices, broken_policies, policies
from refmodel.policy import (
    ALLOCATIONS,
    AT_OR_BELOW,
    PAYERS,
    RANKINGS,
    REMAINDERS,
    SIZE_RULES,
    SQRT,
    STAGES,
    Policy,
)
from refmodel.rulebook import RULES
from refmodel.validity import faults
from tests.support import reaches

# ------------------------------------------------------------------------------------- choices


def drivers(draw: Callable[..., Any]) -> tuple[Choices, Choices]:
    """The two drivers of every generator."""
    return SeededChoices(str(draw(st.integers(0, 1_000)))), DrawnChoices(draw)


@given(
    data=st.data(),
    low=st.integers(-(10**20), 10**20),
    width=st.one_of(st.integers(0, 10), st.integers(0, 10**30)),
)
def test_both_drivers_stay_within_the_range_they_are_given(data: st.DataObject, low: int, width: int) -> None:
    high = low + width
    for choices in drivers(data.draw):
        assert low <= choices.integer(low, high) <= high
        assert low <= magnitude(choices, low, high) <= high
        assert low <= near(choices, low + width // 2, low, high) <= high
        assert low <= edge_or_magnitude(choices, low, high, (low + 1,)) <= high
        assert choices.pick((low, high)) in (low, high)
        assert choices.chance(0) is False


def test_the_same_seed_makes_the_same_choices_on_every_machine() -> None:
    choices = SeededChoices("a seed")
    assert [choices.integer(1, 1_000_000) for _ in range(3)] == [397_826, 37_243, 765_567]
    assert choices.integer(0, 10**30) == 773_094_770_254_018_022_678_830_944_317


def test_a_seeded_driver_reaches_both_ends_of_a_range() -> None:
    choices = SeededChoices("ends")
    assert {choices.integer(-1, 1) for _ in range(100)} == {-1, 0, 1}
    wide = [choices.integer(0, 2**60) for _ in range(400)]
    assert min(wide) < 2**55 and max(wide) > 2**60 - 2**55


# ------------------------------------------------------------------------------------- policies


SHAPES = (
    *("several markets", "one market", "isolated pools", "cross only", "rebate", "maker pays"),
    *("sqrt", "tiers", "at or below", "below", "crowded", "roomy", "taken over", "several moves"),
    *(*STAGES, "every stage", *REMAINDERS, *RANKINGS, *ALLOCATIONS, *PAYERS, *SIZE_RULES),
)
"""`backstop` is both a stage and a remainder."""


@reaches(*SHAPES)
@given(policy=policies())
def test_drawn_policies_are_valid_and_of_every_shape(policy: Policy, reached: Callable[[str], None]) -> None:
    assert faults(policy) == ()
    reached("several markets" if len(policy.markets) > 1 else "one market")
    reached("isolated pools" if policy.isolated else "cross only")
    if policy.fee_maker != 0:
        reached("rebate" if policy.fee_maker < 0 else "maker pays")
    for choice in (*policy.stages, policy.takeover_remainder, policy.adl_ranking, policy.adl_allocation):
        reached(choice)
    reached(policy.payers)
    if policy.stages == STAGES:
        reached("every stage")
    if policy.takeover_trigger > 0:
        reached("taken over")
    for market in policy.markets.values():
        reached(market.liquidation.size)
        if market.touch_moves > 1:
            reached("several moves")
        reached("sqrt" if market.initial.kind == SQRT else "tiers")
    reached("at or below" if policy.trigger == AT_OR_BELOW else "below")
    reached("crowded" if policy.positions_max < len(policy.markets) else "roomy")


def test_bulk_policies_are_valid() -> None:
    choices = SeededChoices("bulk policies")
    for _ in range(500):
        policy = draw_policy(choices)
        assert faults(policy) == (), policy


@pytest.mark.parametrize("rule", BREAKERS)
def test_a_policy_can_be_broken_for_one_rule_and_no_other(rule: str) -> None:
    @settings(max_examples=15)
    @given(policy=broken_policies(rule))
    def broken_for_one_rule(policy: Policy) -> None:
        assert {fault.rule for fault in faults(policy)} == {rule}

    broken_for_one_rule()


@pytest.mark.parametrize("name", ["minimal", "binance-usdm"])
def test_a_policy_that_ships_can_be_broken_for_every_rule_it_has_room_for(name: str) -> None:
    policy = read_policy(name)
    for rule in BREAKERS:
        broken = draw_broken_policy(SeededChoices(rule), rule, policy)
        assert (broken is None) == (rule == "POL-6"), rule


def test_every_policy_rule_has_a_breaker() -> None:
    assert set(BREAKERS) == {rule for rule in RULES if rule.startswith("POL-")}


def test_a_large_policy_is_narrowed_to_a_valid_one() -> None:
    policy = read_policy("binance-usdm")
    choices = SeededChoices("narrow")
    for _ in range(50):
        small = narrowed(choices, policy)
        assert faults(small) == ()
        assert len(small.markets) in (MARKETS_MOST, policy.positions_max + 1)
        assert all(small.markets[name] is policy.markets[name] for name in small.markets)
