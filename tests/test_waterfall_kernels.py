"""The kernels of the waterfall. Goal: compiled, uncompiled, a statement on exact numbers and the law agree
on the whole domain, edges first.

Method: as test_kernels.py. Every kernel has a generator, a statement in fractions, and the rule of refmodel.
"""

from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastpath
from fastpath import domain
from fastpath import waterfall as fast
from refmodel import allocation, deleveraging, insurance, liquidation, loss, policy, ranking, restore
from refmodel import numbers as law_numbers
from refmodel.liquidation_price import Line
from refmodel.margin import Standing
from refmodel.takeover import may_be_taken_over
from refmodel.validity import CUSTODY_MAX
from tests.test_kernels import bracket_amount, edgy, functions_of, refuse_another_header, tiers, uncompiled

SOURCE = Path(fastpath.__file__).parent / "waterfall.py"
PPM = domain.PPM
EQUITY, MARGIN, SUM, SCORE = domain.EQUITY_MAX, domain.MARGIN_MAX, domain.SUM_MAX, domain.SCORE_MAX
ROOM = domain.ROOM_MAX // PPM
RATES = edgy(0, domain.RATE_MAX)
MONEY = edgy(-SUM, SUM)

slow = uncompiled(SOURCE)
FUNCTIONS = functions_of(SOURCE)


# ------------------------------------------------------------------------------------ generators


def close_to(exact, least, most):
    """Whole numbers at a number and one beside it, inside a range."""
    return st.integers(-1, 1).map(lambda step: max(least, min(exact + step, most)))


@st.composite
def shared(draw):
    total = draw(edgy(1, SUM))
    before = draw(edgy(0, total))
    return draw(edgy(0, SUM)), before, draw(edgy(0, total - before)), total


@st.composite
def lost(draw):
    total = draw(edgy(1, SUM))
    return draw(edgy(0, total)), draw(edgy(0, total)), total


@st.composite
def priced(draw):
    """size, mark, multiplier and a share of equity, often a whole number of ticks or one quantum beside."""
    lots = draw(edgy(1, domain.SIZE_MAX))
    multiplier = draw(edgy(1, min(domain.MULTIPLIER_MAX, domain.NOTIONAL_MAX // lots)))
    mark = draw(edgy(1, domain.PRICE_MAX))
    whole = draw(st.integers(-2 * mark, 2 * mark)) * lots * multiplier
    share = draw(close_to(whole, -EQUITY, EQUITY) | edgy(-EQUITY, EQUITY))
    return draw(st.sampled_from((1, -1))) * lots, mark, multiplier, share


@st.composite
def closed(draw):
    size, mark, multiplier, _ = draw(priced())
    return size, mark, draw(edgy(1, domain.PRICE_MAX)), draw(RATES), multiplier


@st.composite
def lines(draw):
    """rate and amount of a line of a bracket schedule, or of one rate."""
    schedule = draw(tiers())
    tier = draw(st.integers(0, len(schedule) - 1))
    return schedule[tier][1], draw(st.sampled_from((0, bracket_amount(schedule, tier))))


@st.composite
def valued(draw):
    """lots and the value of one of them."""
    lot_value = draw(edgy(1, domain.NOTIONAL_MAX))
    return draw(edgy(1, min(domain.SIZE_MAX, domain.NOTIONAL_MAX // lot_value))), lot_value


@st.composite
def roomy(draw):
    """The arguments of line_room, often with next to no room."""
    lots, lot_value = draw(valued())
    rate, amount = draw(lines())
    near = close_to(rate * lots * lot_value - amount, -domain.ROOM_MAX, domain.ROOM_MAX)
    room = draw(near | edgy(-ROOM, ROOM).map(lambda quanta: PPM * quanta))
    return room, lots, lot_value, rate, amount


@st.composite
def relieved(draw):
    _, lot_value = draw(valued())
    rate, _ = draw(lines())
    near = close_to(rate * lot_value, -domain.LOT_COST_MAX, domain.LOT_COST_MAX)
    return lot_value, rate, draw(near | edgy(-domain.LOT_COST_MAX, domain.LOT_COST_MAX))


@st.composite
def lifted(draw):
    """room, relief and lots, often with a room that whole lots bring back."""
    lots = draw(edgy(1, domain.SIZE_MAX))
    relief = draw(edgy(-(10**22), 10**22) | edgy(-domain.LINE_MAX, domain.LINE_MAX))
    whole = -relief * draw(edgy(0, lots + 1))
    room = draw(close_to(whole, -domain.LINE_MAX, domain.LINE_MAX) | edgy(-domain.LINE_MAX, domain.LINE_MAX))
    return room, relief, lots


@st.composite
def penalised(draw):
    amount, rate = draw(edgy(0, domain.NOTIONAL_MAX)), draw(RATES)
    return amount, rate, draw(close_to(amount * rate // PPM, -SUM, SUM) | MONEY)


@st.composite
def kept(draw):
    maintenance = draw(edgy(1, MARGIN))
    return draw(edgy(0, EQUITY)), maintenance, draw(edgy(0, maintenance))


@st.composite
def rated(draw):
    """Two standings, often with nearly the same ratio."""
    equity, maintenance, after = draw(MONEY), draw(edgy(1, MARGIN)), draw(edgy(0, MARGIN))
    return equity, maintenance, draw(close_to(equity * after // maintenance, -SUM, SUM) | MONEY), after


@st.composite
def triggered(draw):
    maintenance, trigger = draw(edgy(0, MARGIN)), draw(RATES)
    near = close_to(maintenance * trigger // PPM, -EQUITY, EQUITY)
    return draw(near | edgy(-EQUITY, EQUITY)), maintenance, trigger


@st.composite
def insured(draw):
    """room, gap, lots and lots left, often with a room that pays whole lots."""
    gap, lots = draw(edgy(0, EQUITY)), draw(edgy(1, domain.SIZE_MAX))
    whole = gap * draw(edgy(0, lots)) // lots
    room = draw(close_to(whole, 0, domain.DRAW_MAX) | edgy(0, domain.DRAW_MAX))
    return room, gap, lots, draw(edgy(0, lots))


@st.composite
def offered(draw):
    capacity = draw(st.sampled_from((-1, 0)) | edgy(0, domain.SIZE_MAX))
    size = draw(
        st.sampled_from((capacity, -capacity)).flatmap(
            lambda edge: close_to(edge, -domain.SIZE_MAX, domain.SIZE_MAX)
        )
        | edgy(-domain.SIZE_MAX, domain.SIZE_MAX)
    )
    return capacity, size, draw(edgy(0, domain.SIZE_MAX))


@st.composite
def holdings(draw):
    """ranking, value, cost, wallet, equity, maintenance of a holder that may be deleveraged."""
    value = draw(edgy(1, domain.NOTIONAL_MAX)) * draw(st.sampled_from((1, -1)))
    cost = draw(close_to(value, -domain.COST_MAX, domain.COST_MAX) | edgy(-domain.COST_MAX, domain.COST_MAX))
    wallet = draw(edgy(-domain.WALLET_MAX, domain.WALLET_MAX))
    ranked_by = draw(st.integers(0, 2))
    return ranked_by, value, cost, wallet, draw(edgy(1, EQUITY)), draw(edgy(1, MARGIN))


def without_wallet(drawn):
    return (*drawn[:3], *drawn[4:])


@st.composite
def products(draw):
    """Four factors, often of nearly equal products, often at a digit of base 2**60."""
    digit = st.sampled_from(
        sorted({(1 << bit) + step for bit in (59, 60, 61, 120, 122) for step in (-1, 0, 1)})
    )
    factor = digit | edgy(0, SCORE) | st.integers(1, 1 << 40)
    one, by, other = draw(factor), draw(factor), draw(factor)
    near = close_to(one * by // max(other, 1), 0, SCORE) | st.just(by)
    return one, by, other, draw(near | factor)


@st.composite
def ranked(draw):
    """Two holders' scores, notionals and places; often equal, often one a multiple of the other."""
    numerator, denominator = draw(edgy(-SCORE, SCORE)), draw(edgy(1, SCORE))
    times = draw(st.integers(1, 5))
    scaled = (numerator * times, denominator * times)
    if not (abs(scaled[0]) <= SCORE and scaled[1] <= SCORE):
        scaled = (numerator, denominator)
    other = (draw(close_to(scaled[0], -SCORE, SCORE) | edgy(-SCORE, SCORE)), scaled[1])
    notional = draw(edgy(0, domain.NOTIONAL_MAX))
    other_notional = draw(st.just(notional) | edgy(0, domain.NOTIONAL_MAX))
    place, other_place = draw(st.permutations((3, 8)))
    return (numerator, denominator, notional, place, *other, other_notional, other_place)


@st.composite
def capped(draw):
    """The arguments of cap_of_line, often with a cap of whole lots."""
    lots, lot_value = draw(valued())
    gap_lots = draw(edgy(1, min(domain.SIZE_MAX, domain.NOTIONAL_MAX // lot_value)))
    rate, amount = draw(lines())
    gap = draw(edgy(0, EQUITY))
    needed = rate * lots * lot_value - amount
    whole = draw(edgy(0, lots)) * (PPM * gap - gap_lots * rate * lot_value) // gap_lots
    near = close_to((needed + whole) // PPM, -ROOM, ROOM)
    room = draw(near | edgy(-(EQUITY + MARGIN + 2), EQUITY + MARGIN + 2))
    room = max(-(EQUITY + MARGIN + 2), min(room, EQUITY + MARGIN + 2))
    return lots, lot_value, room, gap, gap_lots, rate, amount


@st.composite
def filling(draw):
    """left, active, lots and cap, often with a cap at its proportional share."""
    active, lots = draw(edgy(1, SUM)), draw(edgy(0, domain.SIZE_MAX))
    left = draw(edgy(0, active))
    return left, active, lots, draw(close_to(left * lots // active, 0, lots) | edgy(0, lots))


HOLDER = edgy(0, domain.SIZE_MAX)

INPUTS = {
    "running_share": shared(),
    "bankruptcy_price": priced(),
    "close_cost": closed(),
    "line_room": roomy(),
    "line_relief": relieved(),
    "lots_for_line": lifted(),
    "liquidation_penalty": penalised(),
    "equity_to_keep": kept(),
    "keeps_ratio": rated(),
    "may_be_taken_over": triggered(),
    "lots_payable": insured(),
    "lots_within": offered(),
    "score_numerator": holdings().map(without_wallet),
    "score_denominator": holdings().map(lambda drawn: drawn[:5]),
    "product_order": products(),
    "comes_before": ranked(),
    "cap_of_line": capped(),
    "queue_share": st.tuples(edgy(0, SUM), edgy(0, SUM)),
    "is_cut_off": filling(),
    "is_capped_sooner": st.tuples(HOLDER, HOLDER, HOLDER, HOLDER),
    "share_of_loss": lost(),
}


# ------------------------------------------------------------------------------------ statements


def price_said(size, mark, multiplier, share):
    exact = mark - Fraction(share, size * multiplier)
    rounded = ceil(exact) if size > 0 else floor(exact)
    return max(rounded, 0)


def lots_said(room, relief, lots):
    if room >= 0:
        return 0
    return min(ceil(Fraction(-room, relief)), lots) if relief > 0 else lots


def payable_said(room, gap, lots, left):
    """The running shares of `counted` lots are floor(gap x counted / lots)."""
    most = left if gap == 0 else min(left, ceil(Fraction((room + 1) * lots, gap)) - 1)
    assert gap * most // lots <= room
    assert most == left or gap * (most + 1) // lots > room
    return most


def within_said(capacity, size, offered):
    """The largest number of lots that ends within the capacity."""
    taken = min(offered, capacity - size)
    return taken if taken > 0 and abs(size + taken) <= capacity else 0


def score_said(ranked_by, value, cost, wallet, equity, maintenance):
    profit, size, paid = value - cost, abs(value), max(abs(cost), 1)
    leverage = Fraction(size, equity)
    if domain.RANKINGS[ranked_by] == "binance":
        return Fraction(max(profit, 0), max(wallet, 1)) * Fraction(maintenance, equity)
    if domain.RANKINGS[ranked_by] == "bybit":
        rate = Fraction(profit, paid)
        return rate * leverage if profit > 0 else rate / leverage
    return (Fraction(size, paid) if value > 0 else Fraction(paid, size)) * leverage


def before_said(numerator, denominator, notional, place, *other):
    mine, theirs = Fraction(numerator, denominator), Fraction(other[0], other[1])
    return (-mine, -notional, place) < (-theirs, -other[2], other[3])


def cap_said(lots, lot_value, room, gap, gap_lots, rate, amount):
    """Up to how many lots, from one on, may go at (gap / gap_lots) each, with equity above the line."""
    above = PPM * room - rate * lots * lot_value + amount
    slope = Fraction(PPM * gap, gap_lots) - rate * lot_value
    if above < slope:
        return 0
    return min(floor(above / slope), lots) if slope > 0 else lots


def sign(number):
    return (number > 0) - (number < 0)


EXPECTED = {
    "running_share": lambda amount, before, weight, total: (
        floor(Fraction(amount * (before + weight), total)) - floor(Fraction(amount * before, total))
    ),
    "bankruptcy_price": price_said,
    "close_cost": lambda size, mark, price, penalty, multiplier: (
        (PPM * (mark - price) * sign(size) + penalty * price) * multiplier
    ),
    "line_room": lambda room, lots, lot_value, rate, amount: room - (rate * lots * lot_value - amount),
    "line_relief": lambda lot_value, rate, cost: rate * lot_value - cost,
    "lots_for_line": lots_said,
    "liquidation_penalty": lambda amount, rate, free: max(min(ceil(Fraction(amount * rate, PPM)), free), 0),
    "equity_to_keep": lambda equity, before, after: ceil(Fraction(equity * after, before)),
    "keeps_ratio": lambda equity, before, equity_after, after: (
        equity_after >= Fraction(equity * after, before)
    ),
    "may_be_taken_over": lambda equity, margin, trigger: equity < Fraction(margin * trigger, PPM),
    "lots_payable": payable_said,
    "lots_within": within_said,
    "comes_before": before_said,
    "cap_of_line": cap_said,
    "queue_share": min,
    "is_cut_off": lambda left, active, lots, cap: cap <= Fraction(left * lots, active),
    "is_capped_sooner": lambda cap, lots, other_cap, other_lots: cap * other_lots < other_cap * lots,
    "share_of_loss": lambda loss, weight, total: ceil(Fraction(loss * weight, total)),
}


# ------------------------------------------------------------------------------------ the law


def law_cost(size, mark, price, penalty, multiplier):
    terms = market_of(multiplier, policy.Liquidation(policy.FULL, penalty, band=0))
    return liquidation.close_at(terms, size, mark, price, 0).cost


def market_of(multiplier, rules):
    schedule = policy.Schedule(policy.WHOLE, (policy.Tier(0, 10_000),))
    return policy.Market(multiplier, 1, 1, 1, 0, 1, 1, 0, schedule, schedule, rules)


def law_before(numerator, denominator, notional, place, *other):
    one = ranking.Ranked(f"a{place}", ranking.Score(numerator, denominator), notional)
    another = ranking.Ranked(f"a{other[3]}", ranking.Score(other[0], other[1]), other[2])
    return ranking.comes_before(one, another)


RULES = {
    "running_share": law_numbers.running_share,
    "close_cost": law_cost,
    "line_room": lambda room, lots, lot_value, rate, amount: restore.room_above(
        Line(rate, amount, 0), restore.Close(lots, lot_value, room, 0)
    ),
    "line_relief": lambda lot_value, rate, cost: restore.relief_of(
        Line(rate, 0, 0), restore.Close(1, lot_value, 0, cost)
    ),
    "lots_for_line": restore.lots_for_line,
    "liquidation_penalty": liquidation.liquidation_penalty,
    "equity_to_keep": lambda equity, before, after: liquidation.equity_to_keep(
        Standing(equity, 0, before), after
    ),
    "keeps_ratio": lambda equity, before, equity_after, after: liquidation.keeps_ratio(
        Standing(equity, 0, before), equity_after, after
    ),
    "may_be_taken_over": may_be_taken_over,
    "lots_payable": insurance.lots_payable,
    "lots_within": insurance.lots_within,
    "comes_before": law_before,
    "cap_of_line": lambda lots, lot_value, room, gap, gap_lots, rate, amount: deleveraging.cap_of_line(
        Line(rate, amount, 0), lots, lot_value, room, gap, gap_lots
    ),
    "queue_share": allocation.queue_share,
    "is_cut_off": lambda left, active, lots, cap: allocation.is_cut_off(
        allocation.Level(left, active), lots, cap
    ),
    "is_capped_sooner": lambda cap, lots, other_cap, other_lots: (
        allocation.CapRate(cap, lots) < allocation.CapRate(other_cap, other_lots)
    ),
    "share_of_loss": loss.share_of_loss,
}
"""The others are compared below: a price of the law is one of a venue, a score is of a holding."""


# ------------------------------------------------------------------------------------ the tests


def test_every_kernel_has_a_generator_and_a_statement():
    scores = {"score_numerator", "score_denominator"}
    assert set(FUNCTIONS) == set(INPUTS)
    assert set(FUNCTIONS) == set(EXPECTED) | scores | {"product_order"}
    assert set(FUNCTIONS) == set(RULES) | scores | {"product_order", "bankruptcy_price"}


def test_both_sides_are_there():
    assert fast.COMPILED and not slow.COMPILED
    for name in FUNCTIONS:
        assert getattr(fast, name) is not RULES.get(name) and getattr(fast, name) is not getattr(slow, name)


def test_the_header_declares_every_kernel_as_it_is():
    refuse_another_header(SOURCE)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@given(drawn=st.data())
def test_compiled_and_uncompiled_agree(name, drawn):
    arguments = drawn.draw(INPUTS[name])
    assert getattr(fast, name)(*arguments) == getattr(slow, name)(*arguments)


@pytest.mark.parametrize("name", sorted(EXPECTED))
@given(drawn=st.data())
def test_a_kernel_computes_what_is_said_of_it(name, drawn):
    arguments = drawn.draw(INPUTS[name])
    assert getattr(fast, name)(*arguments) == EXPECTED[name](*arguments)


@pytest.mark.parametrize("name", sorted(RULES))
@given(drawn=st.data())
def test_a_kernel_gives_what_its_rule_gives(name, drawn):
    arguments = drawn.draw(INPUTS[name])
    assert getattr(fast, name)(*arguments) == RULES[name](*arguments)


@given(drawn=holdings())
def test_a_score_is_the_fraction_that_the_formula_says(drawn):
    ranked_by, value, cost, wallet, equity, maintenance = drawn
    numerator = fast.score_numerator(*without_wallet(drawn))
    denominator = fast.score_denominator(*drawn[:5])
    assert 1 <= denominator <= SCORE and abs(numerator) <= SCORE
    assert Fraction(numerator, denominator) == score_said(*drawn)
    held = ranking.Holding(value, cost, wallet, equity, maintenance)
    assert ranking.score(held, domain.RANKINGS[ranked_by]) == ranking.Score(numerator, denominator)


@given(drawn=products())
def test_products_of_two_scores_are_compared_exactly(drawn):
    one, by, other, by_other = drawn
    assert sign(fast.product_order(*drawn)) == sign(one * by - other * by_other)


@given(first=ranked(), other=ranked())
def test_of_two_holders_exactly_one_comes_before_the_other(first, other):
    one, another = first[:4], (*other[:3], first[3] + 1)
    assert fast.comes_before(*one, *another) != fast.comes_before(*another, *one)


def test_names_and_bounds_are_the_law_s():
    assert domain.RANKINGS == policy.RANKINGS
    assert domain.DRAW_MAX == CUSTODY_MAX
    assert SCORE < 2**123 and domain.ROOM_MAX * domain.SIZE_MAX < 2**127
