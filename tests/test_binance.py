"""binance-usdm. Goal: nothing published is changed on its way into a policy. Method: all 7 276 brackets of
the source, at floor and cap, in the three published forms, compared exactly; the policy file made anew.
"""

from fractions import Fraction

import pytest

from marginspec.binance import (
    QUANTA_PER_UNIT,
    SOURCE,
    TARGET,
    make,
    market_of,
    read_rows,
    summary,
    text_of,
    whole_of,
)
from marginspec.policy_file import read_policy
from refmodel.liquidation_price import published_lines
from refmodel.margin import bracket_numerator, initial_rate_of_leverage, whole_rate
from refmodel.numbers import PPM
from refmodel.policy import BRACKET, Schedule, tiers_from
from refmodel.validity import NOTIONAL_MAX, rates_of

ROWS = read_rows()


def quanta(amount):
    """A published amount in quanta; the source has none that is not whole."""
    whole = whole_of(amount * QUANTA_PER_UNIT)
    assert whole is not None
    return whole


def schedule_of(brackets):
    published = tuple((quanta(row.floor), whole_of(row.rate * PPM)) for row in brackets)
    return Schedule(BRACKET, tiers_from(published))


def test_source_has_all_brackets():
    assert (len(ROWS), sum(map(len, ROWS.values()))) == (907, 7_276)


def test_three_published_forms_agree_at_every_floor_and_cap():
    compared = 0
    for brackets in ROWS.values():
        schedule = schedule_of(brackets)
        lines = published_lines(schedule, 1)
        for index, row in enumerate(brackets):
            for edge in (row.floor, row.cap):
                notional = quanta(edge)
                # MAR-2, the sum over tiers; what Binance publishes; MAR-13, the line of the tier
                marginal = bracket_numerator(notional, schedule.tiers)
                published = (row.rate * edge - row.amount) * QUANTA_PER_UNIT * PPM
                line = lines[index].rate * notional - lines[index].amount
                assert marginal == published == line, (row, edge)
                assert marginal == max(each.rate * notional - each.amount for each in lines)
                compared += 1
    assert compared == 2 * 7_276


def test_published_amounts_are_the_sums_of_the_rate_steps():
    for brackets in ROWS.values():
        lines = published_lines(schedule_of(brackets), 1)
        assert [line.amount for line in lines] == [row.amount * QUANTA_PER_UNIT * PPM for row in brackets]


@pytest.fixture(scope="module")
def policy():
    return read_policy("binance-usdm")


def test_at_least_300_markets_pass(policy):
    assert len(policy.markets) >= 300
    assert not [name for name in policy.markets if "-" in name]


def test_brackets_of_the_policy_are_those_of_the_source(policy):
    for (symbol, settle), brackets in ROWS.items():
        if settle != "USDT" or "-" in symbol:
            continue
        market = policy.markets[symbol.partition("/")[0] + "USDT"]
        assert [tier.floor for tier in market.maintenance.tiers] == [quanta(row.floor) for row in brackets]
        assert rates_of(market.maintenance) == [row.rate * PPM for row in brackets]
        assert rates_of(market.initial) == [initial_rate_of_leverage(int(row.leverage)) for row in brackets]
        for row in brackets:
            inside = quanta(row.floor) + 1
            assert whole_rate(inside, market.initial.tiers) >= PPM / row.leverage


def test_last_bracket_can_be_filled_at_the_reference_price(policy):
    for (symbol, settle), brackets in ROWS.items():
        if settle == "USDT" and "-" not in symbol:
            market = policy.markets[symbol.partition("/")[0] + "USDT"]
            assert market.size_max * 100_000 * market.multiplier == quanta(brackets[-1].cap)
            assert market.size_max * market.price_max * market.multiplier <= NOTIONAL_MAX


def test_command_makes_the_file_that_is_committed():
    assert text_of(make(ROWS), len(ROWS)) == TARGET.read_text(encoding="utf-8")


def test_every_market_is_either_in_the_policy_or_left_out_for_a_reason():
    made = make(ROWS)
    assert len(made.policy.markets) + len(made.left_out) == len(ROWS)
    said = "\n".join(summary(made, len(ROWS)))
    assert all(symbol in said for symbol in made.left_out)


def test_a_rate_that_is_no_whole_ppm_is_left_out_and_never_rounded():
    brackets = next(iter(ROWS.values()))
    spoilt = (type(brackets[0])(**{**fields(brackets[0]), "rate": Fraction("0.0050005")}), *brackets[1:])
    assert market_of(spoilt) == "a maintenance rate is not a whole number of ppm"
    made = make({**ROWS, ("AAA/USDT:USDT", "USDT"): spoilt})
    assert made.left_out["AAA/USDT:USDT"] == "a maintenance rate is not a whole number of ppm"


def test_a_market_that_breaks_a_rule_is_left_out():
    brackets = next(iter(ROWS.values()))
    falling = (brackets[0], type(brackets[1])(**{**fields(brackets[1]), "rate": Fraction("0.001")}))
    made = make({("AAA/USDT:USDT", "USDT"): falling})
    assert made.left_out == {"AAA/USDT:USDT": "breaks POL-3"}


def fields(row):
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def test_source_is_named():
    assert "freqtrade" in (SOURCE.parent / "README.md").read_text(encoding="utf-8")
