"""Limits of a policy. Goal: each limit of chapter 13 stands where it is said to, and is said where it stands.
Method: a policy with one number at a limit and one just past it; the fault's own words are compared.
"""

from dataclasses import replace
from typing import Any

import pytest

from marginspec.policy_file import read_policy
from refmodel.policy import Policy, Schedule, Tier
from refmodel.validity import faults

MARKET = "BTC-PERP"


def changed(**changes: Any) -> Policy:
    """`minimal` with some numbers changed, of its market or of the policy as a whole."""
    policy = read_policy("minimal")
    market = policy.markets[MARKET]
    of_market = {key: value for key, value in changes.items() if hasattr(market, key)}
    others = {key: value for key, value in changes.items() if key not in of_market}
    return replace(policy, markets={MARKET: replace(market, **of_market)}, **others)


def said(policy: Policy, rule: str) -> set[tuple[str, str]]:
    """What a rule finds: the key of each fault, and what it says would be valid."""
    found = [fault for fault in faults(policy) if fault.rule == rule]
    return {(fault.key.removeprefix(f"markets.{MARKET}."), fault.valid) for fault in found}


SMALL = {"price_min": 10_000, "price_max": 10_000, "size_max": 1}
LIMITS = [
    # rule, field, key, the least and the most that are valid, what else to change, what is said
    ("POL-7", "penalty", "liquidation.penalty", 0, 1_000_000, {}, "0 to 1_000_000 ppm"),
    ("POL-11", "funding_cap", "funding_cap", 0, 1_000_000, {}, "0 to 1_000_000 ppm"),
    ("POL-13", "multiplier", "multiplier", 1, 10**9, SMALL, "1 to 1_000_000_000"),
    ("POL-13", "size_max", "size_max", 1, 10**12, SMALL, "1 to 1_000_000_000_000"),
    ("POL-13", "price_max", "price_max", 1, 10**12, SMALL, "1 to 1_000_000_000_000"),
    ("POL-13", "positions_max", "limits.positions_max", 1, 256, {}, "1 to 256"),
    ("POL-13", "venue_total_max", "limits.venue_total_max", 1, 10**18, {}, f"1 to {10**18:_} quanta"),
    ("POL-14", "band", "band", 0, 999_999, {}, "0 to 999_999 ppm"),
    ("POL-15", "transfer_rate", "transfer_rate", 0, 1_000_000, {}, "0 to 1_000_000 ppm"),
]


@pytest.mark.parametrize(
    ("rule", "name", "key", "least", "most", "others", "words"), LIMITS, ids=[limit[1] for limit in LIMITS]
)
def test_a_limit_stands_where_it_is_said_to(rule, name, key, least, most, others, words):
    for inside in (least, most):
        assert (key, words) not in said(changed(**{**others, name: inside}), rule)
    for outside in (least - 1, most + 1):
        assert (key, words) in said(changed(**{**others, name: outside}), rule)


@pytest.mark.parametrize(("maintenance", "is_fault"), [(49_999, False), (50_000, True), (50_001, True)])
def test_maintenance_at_or_above_initial_is_a_fault(maintenance, is_fault):
    policy = changed(
        initial=Schedule("whole", (Tier(0, 50_000),)),
        maintenance=Schedule("bracket", (Tier(0, maintenance),)),
    )
    fault = ("margin.brackets[0].maintenance", "below 50_000 ppm, the initial rate")
    assert said(policy, "POL-5") == ({fault} if is_fault else set())


@pytest.mark.parametrize(("size_max", "is_fault"), [(10**6, False), (10**6 + 1, True)])
def test_the_largest_notional_counts_the_multiplier(size_max, is_fault):
    found = said(changed(multiplier=1_000, price_max=10**7, size_max=size_max), "POL-13")
    assert {key for key, _ in found} == ({"size_max"} if is_fault else set())


def test_a_band_far_above_the_whole_is_a_fault():
    assert said(changed(band=2_000_000), "POL-14") == {("band", "0 to 999_999 ppm")}


@pytest.mark.parametrize(("base", "is_fault"), [(0, True), (1, False), (1_000_000, False), (1_000_001, True)])
def test_the_base_of_a_root_is_a_rate_from_one(base, is_fault):
    root = Schedule("sqrt", (), base, 0)
    found = said(changed(initial=root, maintenance=root), "POL-3")
    assert any("base" in key for key, _ in found) == is_fault
