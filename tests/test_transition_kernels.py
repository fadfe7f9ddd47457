"""The kernels of the engine's transitions. Goal: compiled, uncompiled, a statement on exact numbers and the
law agree on the whole domain, edges first.

Method: as test_kernels.py. What the law computes only inside a larger rule is compared there: the same rule
is put together from kernels, and must give the same lots.
"""

from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fastpath
from fastpath import domain, kernels, waterfall
from fastpath import transitions as fast
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel import (
    deleveraging,
    funding,
    insurance,
    liquidation,
    loss,
    numbers,
    restore,
    trading,
    withdrawal,
)
from refmodel.close_out import Closing
from refmodel.events import LiquidationFill, Trade
from refmodel.liquidation_price import Line
from refmodel.margin import Standing, carries
from refmodel.policy import FULL, PAYERS, RESTORE, TRIGGERS, WHOLE, Liquidation, Schedule, Tier
from refmodel.state import CROSS, Pool, Position, equity
from tests.support import reaches
from tests.test_kernels import edgy, functions_of, refuse_another_header, tiers, uncompiled
from tests.test_waterfall_kernels import close_to, closed, sign, valued

SOURCE = Path(fastpath.__file__).parent / "transitions.py"
PPM = domain.PPM
EQUITY, MARGIN, SUM, NOTIONAL = domain.EQUITY_MAX, domain.MARGIN_MAX, domain.SUM_MAX, domain.NOTIONAL_MAX
ADMITTED = EQUITY + 2 * domain.DEAL_MAX
RATES = edgy(0, domain.RATE_MAX)
MONEY = edgy(-SUM, SUM)
MARGINS = edgy(0, MARGIN)
CODES = st.sampled_from((0, 1))

slow = uncompiled(SOURCE)
FUNCTIONS = functions_of(SOURCE)


# ------------------------------------------------------------------------------------ generators


@st.composite
def dealt(draw):
    """size, cost, lots and what is paid: it opens, closes, closes all of it or flips."""
    size = draw(edgy(-domain.SIZE_MAX, domain.SIZE_MAX))
    near = close_to(-size, -domain.ORDERS_MAX, domain.ORDERS_MAX)
    lots = draw((near | edgy(-domain.ORDERS_MAX, domain.ORDERS_MAX)).filter(lambda lots: lots != 0))
    cost = draw(edgy(-domain.COST_MAX, domain.COST_MAX))
    return size, cost, lots, draw(edgy(-domain.PAID_MAX, domain.PAID_MAX) | edgy(-10_000, 10_000))


@st.composite
def priced(draw):
    """price, mark and band, often with a price at the edge of the band."""
    mark, band = draw(edgy(1, domain.PRICE_MAX)), draw(RATES)
    edge = mark + draw(st.sampled_from((1, -1))) * (band * mark // PPM)
    price = draw(close_to(edge, 1, 2 * domain.PRICE_MAX) | edgy(1, 2 * domain.PRICE_MAX))
    return price, mark, band


@st.composite
def moved(draw):
    before = draw(edgy(-domain.SIZE_MAX, domain.SIZE_MAX))
    near = st.sampled_from((before, -before, 0)).flatmap(lambda size: close_to(size, -SUM, SUM))
    return before, draw(near | edgy(-SUM, SUM))


@st.composite
def carried(draw):
    """equity, margins and trigger, equity often at one of the margins."""
    initial, maintenance = draw(MARGINS), draw(MARGINS)
    near = st.sampled_from((initial, maintenance)).flatmap(lambda margin: close_to(margin, -SUM, SUM))
    return draw(near | MONEY), initial, maintenance, draw(CODES)


@st.composite
def ordered(draw):
    """As carried, with an initial margin before that is often the one after."""
    held, initial, maintenance, trigger = draw(carried())
    return held, draw(close_to(initial, 0, MARGIN) | MARGINS), initial, maintenance, trigger


@st.composite
def admitted(draw):
    """Two standings and a gain, often nearly of the same ratio, often with nothing left to carry."""
    before, maintenance_before = draw(edgy(-EQUITY, EQUITY)), draw(edgy(1, MARGIN))
    maintenance_after = draw(st.just(0) | MARGINS)
    gain = draw(edgy(-domain.DEAL_MAX, domain.DEAL_MAX))
    same = before * maintenance_after // maintenance_before + max(gain, 0)
    after = draw(close_to(same, -ADMITTED, ADMITTED) | edgy(-ADMITTED, ADMITTED))
    initial = draw(close_to(after - max(gain, 0), 0, MARGIN) | MARGINS)
    return (
        before,
        maintenance_before,
        after,
        initial,
        maintenance_after,
        gain,
        draw(st.booleans()),
        draw(CODES),
    )


@st.composite
def paying(draw):
    """What a long lot pays, and a size whose payment is within its notional."""
    per_lot = draw(edgy(-NOTIONAL, NOTIONAL))
    most = min(domain.SIZE_MAX, NOTIONAL // max(abs(per_lot), 1))
    return per_lot, draw(edgy(-most, most))


@st.composite
def stepped(draw):
    """lots, the value of one, and a floor, often at a whole number of lots."""
    lots, lot_value = draw(valued())
    near = close_to(lot_value * draw(edgy(0, lots)), 0, NOTIONAL)
    return lots, lot_value, draw(near | edgy(0, NOTIONAL))


@st.composite
def shared(draw):
    lots, lot_value, whole_below = draw(stepped())
    return lots, lot_value, draw(RATES), whole_below


@st.composite
def relieved(draw):
    """A room, the relief of one lot, and lots closed of a position."""
    lots = draw(edgy(1, domain.SIZE_MAX))
    most = domain.RELIEF_MAX // lots
    relief = draw(edgy(-min(most, domain.LINE_MAX), min(most, domain.LINE_MAX)))
    room = draw(edgy(-domain.LINE_MAX, domain.LINE_MAX) | edgy(-domain.RELIEF_MAX, domain.RELIEF_MAX))
    return room, relief, draw(edgy(0, lots))


@st.composite
def counted(draw):
    period = draw(edgy(0, SUM))
    return draw(edgy(0, SUM)), draw(close_to(period, 0, SUM) | edgy(0, SUM)), period


@st.composite
def limited(draw):
    size_max, lot_value = draw(valued())
    notional_max = draw(MARGINS)
    whole = notional_max - lot_value * draw(edgy(-size_max, size_max))
    return size_max, notional_max, draw(close_to(whole, 0, MARGIN) | MARGINS), lot_value


@st.composite
def halved(draw):
    unknown = draw(edgy(0, domain.SIZE_MAX))
    return draw(edgy(0, unknown)), unknown


INPUTS = {
    "realised": dealt(),
    "outside_band": priced(),
    "comes_closer": moved(),
    "carries": carried(),
    "order_is_carried": ordered(),
    "is_admitted": admitted(),
    "transfer_margin": st.tuples(MARGINS, RATES),
    "funding_per_lot": st.tuples(edgy(-PPM, PPM), edgy(1, NOTIONAL)),
    "funding_payment": paying(),
    "fraction_lots": shared(),
    "tier_step_lots": stepped(),
    "restore_room": st.tuples(edgy(-EQUITY, EQUITY), MARGINS, edgy(0, NOTIONAL)),
    "lots_to_tier": stepped().map(lambda drawn: (drawn[0], drawn[2], drawn[1])),
    "room_after": relieved(),
    "drawn_so_far": counted(),
    "draw_room": st.tuples(edgy(0, SUM), edgy(0, domain.DRAW_MAX), edgy(0, SUM)),
    "repaid": st.tuples(edgy(0, SUM), edgy(0, SUM)),
    "backstop_most": limited(),
    "middle_of": halved(),
    "room_in_reserve": st.tuples(edgy(-EQUITY, EQUITY), MARGINS, CODES),
    "weight_of": st.tuples(MONEY, MONEY, CODES),
}


# ------------------------------------------------------------------------------------ statements


def realised_said(size, cost, lots, paid):
    """Both amounts by the share of lots closed, each rounded against the account."""
    if size * lots >= 0:
        return 0
    closes = min(abs(size), abs(lots))
    return -ceil(Fraction(paid * closes, abs(lots))) - ceil(Fraction(cost * closes, abs(size)))


def carries_said(held, initial, maintenance, trigger):
    if maintenance > 0 and (held < maintenance or (trigger and held == maintenance)):
        return False
    return held >= initial


def admitted_said(before, maintenance_before, after, initial, maintenance_after, gain, closer, trigger):
    after -= max(gain, 0)
    if carries_said(after, initial, maintenance_after, trigger):
        return True
    if maintenance_after == 0:
        return after >= 0 or (closer and after > 0)
    return closer and Fraction(after, maintenance_after) > Fraction(before, maintenance_before)


def to_tier_said(lots, floor, lot_value):
    """With so many closed what is left is above the floor, and with one more it is not."""
    left = next(left for left in (floor // lot_value, floor // lot_value + 1) if left * lot_value > floor)
    return lots - left


EXPECTED = {
    "realised": realised_said,
    "outside_band": lambda price, mark, band: Fraction(abs(price - mark), mark) > Fraction(band, PPM),
    "comes_closer": lambda before, after: sign(after) in (0, sign(before)) and abs(after) < abs(before),
    "carries": carries_said,
    "order_is_carried": lambda held, before, initial, maintenance, trigger: (
        initial <= before or carries_said(held, initial, maintenance, trigger)
    ),
    "is_admitted": admitted_said,
    "transfer_margin": lambda total, rate: ceil(Fraction(total * rate, PPM)),
    "funding_per_lot": lambda rate, value: floor(Fraction(rate * value, PPM)),
    "funding_payment": lambda per_lot, size: -per_lot * size,
    "fraction_lots": lambda lots, lot_value, fraction, whole_below: (
        lots if lots * lot_value <= whole_below else ceil(Fraction(lots * fraction, PPM))
    ),
    "tier_step_lots": lambda lots, lot_value, above: ceil(lots - Fraction(above, lot_value)),
    "restore_room": lambda held, others, buffer: PPM * (held - others - buffer),
    "lots_to_tier": to_tier_said,
    "room_after": lambda room, relief, closes: room + relief * closes,
    "drawn_so_far": lambda drawn, counted_period, period: drawn * (counted_period == period),
    "draw_room": lambda fund, limit, drawn: max(0, min(fund, limit - drawn)),
    "repaid": min,
    "backstop_most": lambda size_max, most, others, lot_value: min(
        size_max, floor(Fraction(most - others, lot_value))
    ),
    "middle_of": lambda known, unknown: ceil(Fraction(known + unknown, 2)),
    "room_in_reserve": lambda held, others, trigger: held - others - (2 if trigger else 1),
    "weight_of": lambda profit, held, payers: max(0, held if payers else min(profit, held)),
}


# ------------------------------------------------------------------------------------ the law


def law_outside(price, mark, band):
    """By the refusals of a trade, for nobody offers anything, and of a fill of more lots than are held."""
    accounts = {"a": holder(-domain.PRICE_MAX, 1, 0), "b": holder(0)}
    terms = market(band=band, liquidation=Liquidation(FULL, penalty=0, band=band))
    world = venue(policy({MARKET: terms}), accounts, mark)
    of_trade = trading.trade(world, Trade(0, MARKET, "a", "b", trading.BUY, 1, price)).refusal
    of_fill = liquidation.liquidation_fill(world, LiquidationFill(0, "a", "b", MARKET, 2, price)).refusal
    assert (of_trade.rule == "TRD-4") == (of_fill.rule == "LIQ-6")
    return of_trade.rule == "TRD-4"


def law_admitted(before, maintenance_before, after, initial, maintenance_after, gain, closer, trigger):
    standings = Standing(before, 0, maintenance_before), Standing(after, initial, maintenance_after)
    return trading.is_admitted(*standings, gain, closer, TRIGGERS[trigger])


def law_transfer_margin(total, rate):
    account = holder(0, total)
    return withdrawal.transfer_margin(
        venue(policy({MARKET: market()}, transfer_rate=rate), {"a": account}, 1), account
    )


def law_payment(per_lot, size):
    world = venue(policy({MARKET: market()}), {"a": holder(0, size, 0)}, 1)
    return sum(posting.amount for posting in funding.funding_postings(world, MARKET, per_lot))


def law_pool(pool, clock=0, limit=1):
    return venue(policy({MARKET: market()}, draw_limit=limit), {}, pools={CROSS: pool}, clock=clock)


def law_weight(profit, held, payers):
    """A position of one lot at a mark of 1 with this profit, in an account of this equity."""
    account = holder(held - profit, 1, 1 - profit)
    world = venue(policy({MARKET: market()}, payers=PAYERS[payers]), {"a": account}, 1)
    return loss.weight_of(world, account)


RULES = {
    "realised": lambda size, cost, lots, paid: trading.realised(Position(size, cost), lots, paid),
    "outside_band": law_outside,
    "comes_closer": trading.comes_closer,
    "carries": lambda held, initial, maintenance, trigger: carries(
        Standing(held, initial, maintenance), TRIGGERS[trigger]
    ),
    "is_admitted": law_admitted,
    "transfer_margin": law_transfer_margin,
    "funding_per_lot": lambda rate, value: funding.funding_per_lot(rate, value, 1),
    "funding_payment": law_payment,
    "fraction_lots": liquidation.fraction_lots,
    "tier_step_lots": liquidation.tier_step_lots,
    "room_after": lambda room, relief, closes: restore.room_after(
        Line(0, 0, 0), restore.Close(1, 1, room, -relief), closes
    ),
    "drawn_so_far": lambda drawn, counted_period, period: insurance.drawn_so_far(
        law_pool(Pool(drawn=drawn, draw_period=counted_period), clock=period), CROSS
    ),
    "draw_room": lambda fund, limit, drawn: insurance.draw_room(
        law_pool(Pool(fund=fund, drawn=drawn), limit=limit), CROSS
    ),
    "repaid": lambda amount, bad_debt: (
        insurance.fund_inflow(law_pool(Pool(bad_debt=bad_debt)), CROSS, amount)[0].amount
    ),
    "weight_of": law_weight,
}
INSIDE = {"restore_room", "lots_to_tier", "backstop_most", "middle_of", "room_in_reserve", "order_is_carried"}
"""What the law computes inside larger rules, which are put together from kernels below."""


# ------------------------------------------------------------------------------------ one kernel


def test_every_kernel_has_a_generator_and_a_statement():
    assert set(FUNCTIONS) == set(INPUTS) == set(EXPECTED) == set(RULES) | INSIDE
    assert not set(RULES) & INSIDE


def test_both_sides_are_there():
    assert fast.COMPILED and not slow.COMPILED
    for name in FUNCTIONS:
        assert getattr(fast, name) is not RULES.get(name) and getattr(fast, name) is not getattr(slow, name)


def test_the_header_declares_every_kernel_as_it_is():
    refuse_another_header(SOURCE)


def test_no_name_is_one_of_the_other_files():
    for other in (kernels, waterfall):
        assert not set(FUNCTIONS) & set(functions_of(SOURCE.with_name(f"{other.__name__.split('.')[-1]}.py")))


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


@reaches("opens", "reduces", "closes", "flips")
@given(drawn=dealt())
def test_every_kind_of_deal_is_realised_as_the_law_does(drawn, reached):
    size, cost, lots, paid = drawn
    opens = size * lots >= 0
    reached("opens" if opens else {1: "reduces", 0: "closes", -1: "flips"}[sign(abs(size) - abs(lots))])
    assert fast.realised(*drawn) == trading.realised(Position(size, cost), lots, paid)


@reaches("carries", "improves", "flat", "refused")
@given(drawn=admitted())
def test_every_way_to_be_admitted_is_the_law_s(drawn, reached):
    _, _, after, initial, maintenance, gain, _, trigger = drawn
    counted_equity = after - max(gain, 0)
    found = fast.is_admitted(*drawn)
    if carries_said(counted_equity, initial, maintenance, trigger):
        reached("carries")
    elif not found:
        reached("refused")
    else:
        reached("flat" if maintenance == 0 else "improves")
    assert found == law_admitted(*drawn)


# ------------------------------------------------------------------------------------ larger rules


@given(limit=edgy(0, domain.SIZE_MAX), last=edgy(0, domain.SIZE_MAX))
def test_the_numbers_asked_about_are_the_law_s(limit, last):
    asked = []
    found = numbers.largest_count(limit, lambda number: asked.append(number) or number <= last)
    known, unknown = 0, limit
    for middle in asked:
        assert fast.middle_of(known, unknown) == middle
        known, unknown = (middle, unknown) if middle <= last else (known, middle - 1)
    assert known == unknown == found


def lifted(lots, lot_value, cost, room, rate, fewest):
    """The lots that one rate asks for, at least the fewest, and the room above it with so many closed."""
    above = waterfall.line_room(room, lots, lot_value, rate, 0)
    relief = waterfall.line_relief(lot_value, rate, cost)
    closes = max(waterfall.lots_for_line(above, relief, lots), fewest)
    return closes, fast.room_after(above, relief, closes)


@st.composite
def closings(draw):
    """A position under a schedule, with a room that some lots bring back."""
    size, mark, price, penalty, multiplier = draw(closed())
    lots = abs(size)
    assume(lots * mark * multiplier <= NOTIONAL and price <= 2 * mark)
    schedule = draw(tiers())
    needed = schedule[-1][1] * lots * mark * multiplier // PPM
    room = PPM * draw(close_to(draw(edgy(0, needed)), -EQUITY, EQUITY))
    return size, mark, price, penalty, multiplier, schedule, room


def schedule_of(pairs):
    rates_below = [0, *(rate for _, rate in pairs)]
    rises = [rate - below for (_, rate), below in zip(pairs, rates_below, strict=False)]
    floors = [floor_from for floor_from, _ in pairs]
    return Schedule(WHOLE, tuple(Tier(*tier) for tier in zip(floors, rises, strict=True)))


@reaches("none", "some", "all")
@given(drawn=closings())
def test_restored_by_tiers_is_put_together_from_kernels(drawn, reached):
    size, mark, price, penalty, multiplier, pairs, room = drawn
    lots, lot_value = abs(size), mark * multiplier
    cost = waterfall.close_cost(size, mark, price, penalty, multiplier)

    fewest, found = 0, lots
    for floor_from, rate in reversed(pairs):
        most = fast.lots_to_tier(lots, floor_from, lot_value)
        closes, left = lifted(lots, lot_value, cost, room, rate, fewest)
        if closes <= most and left >= 0:
            found = closes
            break
        fewest = max(most + 1, fewest)

    reached({0: "none", lots: "all"}.get(found, "some"))
    law = restore.restored_by_tiers(schedule_of(pairs), restore.Close(lots, lot_value, room, cost))
    assert found == law


@st.composite
def restored(draw):
    """A liquidatable account in one market of the size rule `restore`, under one rate."""
    lots, mark = draw(edgy(1, 10**6)), draw(edgy(1, 10**6))
    rate, penalty = draw(edgy(1, PPM)), draw(edgy(0, 50_000))
    size = draw(st.sampled_from((lots, -lots)))
    held = draw(edgy(0, ceil(lots * mark * rate / PPM)))
    price = draw(st.integers(max(mark - mark // 50, 1), mark + mark // 50))
    return size, mark, rate, penalty, held, price, draw(edgy(1, 1_000))


@reaches("some", "all")
@given(drawn=restored())
def test_closable_lots_of_restore_are_put_together_from_kernels(drawn, reached):
    size, mark, rate, penalty, held, price, buffer = drawn
    lots = abs(size)
    schedule = Schedule(WHOLE, (Tier(0, rate),))
    terms = market(maintenance=schedule, liquidation=Liquidation(RESTORE, penalty, band=0, buffer=buffer))
    account = holder(held, size, size * mark)
    world = venue(policy({MARKET: terms}), {"a": account}, mark)

    cost = waterfall.close_cost(size, mark, price, penalty, 1)
    room = fast.restore_room(held, 0, buffer)
    closes, left = lifted(lots, mark, cost, room, rate, 0)
    found = max(closes if left >= 0 and closes <= fast.lots_to_tier(lots, 0, mark) else lots, 1)

    reached("all" if found == lots else "some")
    assert found == liquidation.closable_lots(world, account, MARKET, price)


@st.composite
def opposite(draw):
    """A holder and a bankrupt account opposite to it, with a gap that some of its lots can bear."""
    lots, gap_lots, mark = draw(edgy(1, 10**6)), draw(edgy(1, 10**6)), draw(edgy(1, 10**6))
    rate = draw(edgy(1, PPM))
    margin = ceil(lots * mark * rate / PPM)
    held = margin + draw(edgy(0, 10 * margin))
    return lots, gap_lots, mark, rate, held, draw(edgy(0, 4 * gap_lots * mark)), draw(CODES)


@reaches("none", "some", "all")
@given(drawn=opposite())
def test_caps_of_holders_are_put_together_from_kernels(drawn, reached):
    lots, gap_lots, mark, rate, held, gap, trigger = drawn
    terms = market(maintenance=Schedule(WHOLE, (Tier(0, rate),)))
    accounts = {"holder": holder(held, -lots, -lots * mark), "bankrupt": holder(0, gap_lots, 0)}
    world = venue(policy({MARKET: terms}, trigger=TRIGGERS[trigger]), accounts, mark)
    assert equity(world, accounts["holder"]) == held

    room = fast.room_in_reserve(held, 0, trigger)
    found = waterfall.cap_of_line(lots, mark, room, gap, gap_lots, rate, 0)

    reached({0: "none", lots: "all"}.get(found, "some"))
    closing = Closing("bankrupt", MARKET, 1, gap_lots, gap, 0)
    assert found == deleveraging.cap_of(world, "holder", closing)


@st.composite
def backstops(draw):
    """A backstop with a position, limits, and an equity that is often just enough for some number of lots."""
    mark, size_max, rate = draw(edgy(1, 10**6)), draw(edgy(1, 10**6)), draw(edgy(1, PPM))
    size, cost = draw(edgy(-size_max, size_max)), draw(edgy(-(10**9), 10**9))
    needed = ceil(Fraction(draw(st.just(0) | edgy(0, size_max)) * mark * rate, PPM))
    held = draw(close_to(needed, -1, 10**12))
    limit = draw(edgy(0, size_max) | st.just(size_max)) * mark
    return mark, size_max, size, cost if size else 0, rate, held, limit, draw(CODES)


@reaches("not even what it has", "none", "some", "up to a limit")
@given(drawn=backstops())
def test_lots_of_a_backstop_are_put_together_from_kernels(drawn, reached):
    mark, size_max, size, cost, rate, equity_held, notional_max, trigger = drawn
    schedule = Schedule(WHOLE, (Tier(0, rate),))
    profit = size * mark - cost
    account = holder(equity_held - profit, size, cost)
    terms = market(initial=schedule, maintenance=schedule, size_max=size_max)
    chosen = policy({MARKET: terms}, trigger=TRIGGERS[trigger], backstop_notional_max=notional_max)
    world = venue(chosen, {"backstop": account}, mark)

    def bears(lots):
        """By a position of another cost and the same equity."""
        margin = kernels.whole_margin(kernels.notional(lots, mark, 1), rate)
        return fast.carries(equity_held, margin, margin, trigger)

    most = fast.backstop_most(size_max, notional_max, 0, mark)
    known, unknown = (0, most) if bears(0) else (-1, -1)
    while known < unknown:
        middle = fast.middle_of(known, unknown)
        assert known < middle <= unknown
        known, unknown = (middle, unknown) if bears(middle) else (known, middle - 1)

    reached({-1: "not even what it has", 0: "none", most: "up to a limit"}.get(known, "some"))
    assert known == insurance.backstop_lots(world, "backstop", MARKET)


# ------------------------------------------------------------------------------------ bounds


def test_codes_and_bounds_are_the_law_s():
    assert domain.TRIGGERS == TRIGGERS
    assert PAYERS == ("profit", "equity")
    assert ADMITTED + domain.DEAL_MAX <= SUM and domain.PAID_MAX + domain.COST_MAX <= SUM
    assert domain.LINE_MAX + domain.RELIEF_MAX < 2**127
