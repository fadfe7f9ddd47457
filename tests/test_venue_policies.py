"""hyperliquid-like, dydx-like, bybit-like. Goal: nothing published is changed on its way into a policy.
Method: every row of the sources against the policy; Bybit's 20 published deductions against MAR-2.
"""

import csv
from fractions import Fraction

import pytest

from marginspec.paths import POLICIES
from marginspec.policy_file import read_policy
from refmodel.margin import requirement
from refmodel.numbers import PPM, ceil_div
from refmodel.validity import rates_of

QUANTUM = 10**6
"""Quanta of one unit of the settlement asset, in all three policies."""


def rows(name):
    with (POLICIES / "sources" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def brackets(market):
    floors = [tier.floor for tier in market.maintenance.tiers]
    return list(zip(floors, rates_of(market.initial), rates_of(market.maintenance), strict=True))


def test_hyperliquid_tiers_are_the_published_ones():
    published = {}
    for row in rows("hyperliquid_tiers.csv"):
        leverage = int(row["max_leverage"])
        rates = (ceil_div(PPM, leverage), ceil_div(PPM, 2 * leverage))
        published.setdefault(row["coin"], []).append((int(row["lower_bound"]) * QUANTUM, *rates))
    markets = read_policy("hyperliquid-like").markets
    assert {name: brackets(market) for name, market in markets.items()} == published


def test_dydx_lots_ticks_and_rates_are_those_of_genesis():
    markets = read_policy("dydx-like").markets
    published = rows("dydx_v4_markets.csv")
    assert [row["ticker"] for row in published] == list(markets)
    for row in published:
        initial = int(row["initial_margin_ppm"])
        maintenance = initial * int(row["maintenance_fraction_ppm"]) // PPM
        market = markets[row["ticker"]]
        assert brackets(market) == [(0, initial, maintenance)]
        step, subticks = int(row["step_base_quantums"]), int(row["subticks_per_tick"])
        assert market.multiplier == step * subticks * Fraction(10) ** int(row["quantum_conversion_exponent"])
        assert market.funding_cap == 6 * (initial - maintenance)


@pytest.mark.parametrize("row", rows("bybit_tiers.csv"), ids=lambda row: f"tier {row['tier']}")
def test_bybit_tier_is_the_published_one(row):
    published = rows("bybit_tiers.csv")
    market = read_policy("bybit-like").markets["BTCUSDT"]
    index = int(row["tier"]) - 1
    floor = int(published[index - 1]["risk_limit"]) * QUANTUM if index else 0
    rate = Fraction(row["maintenance_margin_rate"])
    initial = ceil_div(PPM, int(row["max_leverage"]))
    assert brackets(market)[index] == (floor, initial, rate * PPM)
    assert len(brackets(market)) == len(published)
    for value in (floor + 1, int(row["risk_limit"]) * QUANTUM):
        exact = rate * value - int(row["maintenance_margin_deduction"]) * QUANTUM
        assert 0 <= requirement(market.maintenance, 1, value) - exact < 1
