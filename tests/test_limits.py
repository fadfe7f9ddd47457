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
    """`minimal` with some numbers changed, of its market, of its liquidation, or of the policy as a whole."""
    policy = read_policy("minimal")
    market = policy.markets[MARKET]
    of_liquidation = {
        key.removeprefix("liquidation_"): changes.pop(key)
        for key in tuple(changes)
        if key.startswith("liquidation_")
    }
    of_market = {key: value for key, value in changes.items() if hasattr(market, key)}
    others = {key: value for key, value in changes.items() if key not in of_market}
    market = replace(market, liquidation=replace(market.liquidation, **of_liquidation), **of_market)
    return replace(policy, markets={MARKET: market}, **others)


def said(policy: Policy, rule: str) -> set[tuple[str, str]]:
    """What a rule finds: the key of each fault, and what it says would be valid."""
    found = [fault for fault in faults(policy) if fault.rule == rule]
    return {(fault.key.removeprefix(f"markets.{MARKET}."), fault.valid) for fault in found}


SMALL = {"price_min": 10_000, "price_max": 10_000, "size_max": 1}
FRACTION = {"liquidation_size": "fraction", "liquidation_buffer": 0}
BOTH = 10**16
LIMITS = [
    # rule, field, key, the least and the most that are valid, what else to change, what is said
    ("POL-7", "liquidation_penalty", "liquidation.penalty", 0, 1_000_000, {}, "0 to 1_000_000 ppm"),
    ("POL-9", "touch_moves", "touch_moves", 1, 1_000, {"gap": 1}, "1 to 1_000 moves"),
    ("POL-11", "funding_cap", "funding_cap", 0, 1_000_000, {}, "0 to 1_000_000 ppm"),
    ("POL-13", "multiplier", "multiplier", 1, 10**9, SMALL, "1 to 1_000_000_000"),
    ("POL-13", "size_max", "size_max", 1, 10**12, SMALL, "1 to 1_000_000_000_000"),
    ("POL-13", "price_max", "price_max", 1, 10**12, SMALL, "1 to 1_000_000_000_000"),
    ("POL-13", "positions_max", "limits.positions_max", 1, 256, {}, "1 to 256"),
    ("POL-13", "venue_total_max", "limits.venue_total_max", 1, 10**18, {}, f"1 to {10**18:_} quanta"),
    ("POL-14", "band", "band", 0, 999_999, {}, "0 to 999_999 ppm"),
    ("POL-15", "transfer_rate", "transfer_rate", 0, 1_000_000, {}, "0 to 1_000_000 ppm"),
    ("POL-19", "takeover_trigger", "takeover.trigger", 0, 1_000_000, {}, "0 (never) to 1_000_000 ppm"),
    (
        *("POL-20", "backstop_notional_max", "insurance.backstop_notional_max", 0, 10**18, {}),
        f"0 to {10**18:_} quanta",
    ),
    (
        *("POL-21", "liquidation_fraction", "liquidation.fraction", 1, 1_000_000, FRACTION),
        "1 to 1_000_000 ppm",
    ),
    (
        *("POL-21", "liquidation_whole_below", "liquidation.whole_below", 0, BOTH, FRACTION),
        f"0 to {BOTH:_} quanta",
    ),
    (
        *("POL-21", "liquidation_buffer", "liquidation.buffer", 1, BOTH, {}),
        f"1 to {BOTH:_} quanta under trigger below",
    ),
    (
        *("POL-21", "liquidation_buffer", "liquidation.buffer", 2, BOTH, {"trigger": "at_or_below"}),
        f"2 to {BOTH:_} quanta under trigger at_or_below",
    ),
    ("POL-22", "liquidation_band", "liquidation.band", 0, 999_999, {}, "0 to 999_999 ppm"),
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


@pytest.mark.parametrize(("limit", "is_fault"), [(0, True), (1, False), (10**18, False), (10**18 + 1, True)])
def test_a_draw_limit_is_at_least_one_quantum(limit, is_fault):
    found = said(changed(draw_limits={"cross": 1, MARKET: limit}), "POL-20")
    words = f"1 to {10**18:_} quanta; a fund that may pay nothing protects nobody"
    assert found == ({(f"insurance.draw_limits.{MARKET}", words)} if is_fault else set())


def test_every_pool_has_a_draw_limit_and_no_other_name_has():
    found = said(changed(draw_limits={"cross": 1, "moon": 1}), "POL-20")
    missing = (f"insurance.draw_limits.{MARKET}", f"1 to {10**18:_} quanta")
    assert found == {missing, ("insurance.draw_limits.moon", f"one of the pools cross, {MARKET}")}


def test_a_takeover_needs_a_backstop_among_the_stages():
    with_it = changed(takeover_trigger=1, stages=("backstop",))
    without = changed(takeover_trigger=1, stages=("adl",))
    never = changed(takeover_trigger=0, stages=("adl",))
    assert said(with_it, "POL-19") == said(never, "POL-19") == set()
    assert said(without, "POL-19") == {("takeover.trigger", "0 (never); or backstop among the stages")}


@pytest.mark.parametrize(
    ("stages", "keys"),
    [
        ((), {"stages"}),
        (("adl",), set()),
        (("adl", "adl"), {"stages[1]"}),
        (("adl", "lottery"), {"stages[1]"}),
        (("payers", "adl"), {"stages"}),
        (("backstop", "holders", "adl", "fund_residue", "payers"), set()),
    ],
)
def test_stages_are_known_once_and_in_order(stages, keys):
    assert {key for key, _ in said(changed(stages=stages, takeover_trigger=0), "POL-18")} == keys


@pytest.mark.parametrize(("moves", "is_fault"), [(1, False), (2, True)])
def test_a_margin_covers_the_gap_of_all_moves(moves, is_fault):
    found = said(changed(gap=25_000, touch_moves=moves), "POL-9")
    words = "at least 50_625 ppm, the gap of 2 moves; or a smaller markets.BTC-PERP.gap"
    assert found == ({("margin.brackets[0].maintenance", words)} if is_fault else set())


@pytest.mark.parametrize(
    ("size", "terms", "key"),
    [
        ("full", {"fraction": 1}, "fraction"),
        ("full", {"whole_below": 1}, "fraction"),
        ("full", {"buffer": 1}, "buffer"),
        ("restore", {"fraction": 1, "buffer": 1}, "fraction"),
        ("fraction", {"fraction": 1, "buffer": 1}, "buffer"),
        ("tier_step", {"buffer": 1}, "buffer"),
    ],
)
def test_a_term_that_no_rule_reads_is_a_fault(size, terms, key):
    named = {f"liquidation_{name}": value for name, value in {"buffer": 0, **terms}.items()}
    found = said(changed(liquidation_size=size, **named), "POL-21")
    assert {key for key, _ in found} == {f"liquidation.{key}"}


def test_a_root_has_no_bracket_to_step_down_to():
    root = Schedule("sqrt", (), 50_000, 0)
    policy = changed(initial=root, maintenance=root, liquidation_size="tier_step", liquidation_buffer=0)
    assert {key for key, _ in said(policy, "POL-21")} == {"liquidation.size"}
