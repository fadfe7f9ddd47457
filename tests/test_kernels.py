"""The kernels. Goal: compiled, uncompiled, an oracle and the law agree on the whole domain, edges first.

Method: each kernel has a generator of its domain, biased to edges, and a statement of what it computes on
exact numbers. The compiled kernel is `fast`; the rule of refmodel is `law`; a test fails if two sides are the
same object, or if a kernel has no entry here.
"""

import ast
import importlib.util
import math
import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastpath
import refmodel.liquidation_price as law_price
import refmodel.margin as law_margin
import refmodel.numbers as law_numbers
import refmodel.state as law_state
import refmodel.trading as law_trading
from fastpath import domain
from fastpath import kernels as fast
from refmodel.policy import TRIGGERS, Tier

SOURCE = Path(fastpath.__file__).parent / "kernels.py"
INT64_MAX = 2**63 - 1
PPM = domain.PPM


def uncompiled(source):
    """A file of kernels as plain Python, beside the compiled module."""
    spec = importlib.util.spec_from_file_location(f"{source.stem}_uncompiled", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def functions_of(source):
    """The kernels of a file, parsed."""
    return {
        node.name: node for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef)
    }


slow = uncompiled(SOURCE)
FUNCTIONS = functions_of(SOURCE)


# ------------------------------------------------------------------------------------ generators


def edgy(least, most):
    """Whole numbers in a range, its edges and round numbers as often as all the rest."""
    edges = {least, least + 1, most, most - 1, 0, 1, -1, PPM, PPM - 1, PPM + 1, -PPM}
    inside = sorted(edge for edge in edges if least <= edge <= most)
    powers = [10**power for power in range(19) if least <= 10**power <= most]
    return st.sampled_from(inside) | st.integers(least, most) | st.sampled_from(powers or inside)


@st.composite
def held(draw):
    """lots, mark, multiplier with a notional inside the domain."""
    mark = draw(edgy(1, domain.PRICE_MAX))
    multiplier = draw(edgy(1, min(domain.MULTIPLIER_MAX, domain.NOTIONAL_MAX // mark)))
    lots = draw(edgy(0, min(domain.SIZE_MAX, domain.NOTIONAL_MAX // (mark * multiplier))))
    return lots, mark, multiplier


@st.composite
def signed(draw):
    lots, mark, multiplier = draw(held())
    return draw(st.sampled_from((1, -1))) * lots, mark, multiplier


@st.composite
def tiers(draw):
    """A schedule as (floor, rate) pairs, lowest first."""
    floors = draw(st.lists(edgy(1, domain.NOTIONAL_MAX), max_size=6, unique=True))
    rates = draw(st.lists(edgy(0, domain.RATE_MAX), min_size=len(floors) + 1, max_size=len(floors) + 1))
    return list(zip([0, *sorted(floors)], sorted(rates), strict=True))


@st.composite
def tier_and_notional(draw):
    """A schedule and a notional, often at a floor or one beside it."""
    schedule = draw(tiers())
    beside = [floor + step for floor, _ in schedule for step in (-1, 0, 1)]
    beside = [amount for amount in beside if 0 <= amount <= domain.NOTIONAL_MAX]
    return schedule, draw(st.sampled_from(beside) | edgy(0, domain.NOTIONAL_MAX))


def bracket_amount(schedule, tier):
    """Binance's recurrence: amount(n) = amount(n - 1) + floor(n) * (rate(n) - rate(n - 1)), times PPM."""
    amount = rate_below = 0
    for floor, rate in schedule[: tier + 1]:
        amount += floor * (rate - rate_below)
        rate_below = rate
    return amount


def tier_of(schedule, notional):
    return max((tier for tier, (floor, _) in enumerate(schedule) if floor < notional), default=0)


@st.composite
def bracket(draw):
    schedule, notional = draw(tier_and_notional())
    tier = tier_of(schedule, notional)
    amount = bracket_amount(schedule, tier)
    return notional, schedule[tier][1], amount // PPM, amount % PPM


@st.composite
def prepared(draw):
    """lots, and a line at the value of a lot: gain, its part, amount (line_margin)."""
    value = draw(edgy(0, domain.NOTIONAL_MAX))
    lots = draw(edgy(0, min(domain.SIZE_MAX, domain.NOTIONAL_MAX // max(value, 1))))
    rate = draw(edgy(0, domain.RATE_MAX))
    amount = draw(st.sampled_from((0, rate * lots * value)) | st.integers(0, rate * lots * value))
    gain, rest = divmod(rate * value, PPM)
    part, missing = (up(Fraction(2**63 * of, PPM)) for of in (rest, PPM - 1 - amount % PPM))
    return lots, gain, part, 2 * missing - (amount // PPM << 64)


@st.composite
def square_root(draw):
    number = draw(edgy(0, domain.SQUARE_MAX) | st.integers(0, domain.RATE_MAX).map(lambda root: root * root))
    bit = 1 << draw(st.integers(0, 19))
    return number, math.isqrt(number) // (2 * bit) * (2 * bit), bit


@st.composite
def sized(draw):
    """lots, base, factor of a `sqrt` schedule."""
    factor = draw(edgy(0, domain.RATE_MAX))
    most = domain.SIZE_MAX if factor == 0 else min(domain.SIZE_MAX, domain.SQUARE_MAX // (factor * factor))
    return draw(edgy(0, most)), draw(edgy(0, domain.RATE_MAX)), factor


@st.composite
def sized_and_valued(draw):
    lots, base, factor = draw(sized())
    return lots, draw(edgy(0, domain.NOTIONAL_MAX)), base, factor


@st.composite
def ordered(draw):
    orders = edgy(0, domain.ORDERS_MAX)
    return draw(edgy(-domain.SIZE_MAX, domain.SIZE_MAX)), draw(orders), draw(orders)


EQUITY, MARGIN = domain.EQUITY_MAX, domain.MARGIN_MAX


@st.composite
def compared(draw):
    """equity, maintenance, trigger; equity often at the margin or one beside it."""
    maintenance = draw(edgy(0, MARGIN))
    near = st.sampled_from((-1, 0, 1)).map(lambda step: maintenance + step)
    return draw(near | edgy(-EQUITY, EQUITY)), maintenance, draw(st.sampled_from((0, 1)))


@st.composite
def standing(draw):
    equity, maintenance, trigger = draw(compared())
    initial = maintenance + draw(edgy(0, MARGIN - maintenance))
    equity = draw(st.sampled_from((equity, initial - 1, initial, 0, -1)))
    return equity, initial, maintenance, trigger


@st.composite
def lined(draw):
    """lots, multiplier, room and one line of a schedule, as the liquidation price has them."""
    lots = draw(edgy(1, domain.SIZE_MAX))
    multiplier = draw(edgy(1, min(domain.MULTIPLIER_MAX, domain.NOTIONAL_MAX // lots)))
    schedule = draw(tiers())
    tier = draw(st.integers(0, len(schedule) - 1))
    floor, rate = schedule[tier]
    if draw(st.booleans()):
        amount, floor = bracket_amount(schedule, tier), 0
    else:
        amount = 0
    tick = draw(edgy(1, domain.PRICE_MAX))
    near = st.integers(-3, 3).map(lambda step: (rate - PPM) * lots * tick * multiplier - amount + step)
    far = edgy(-EQUITY, EQUITY).map(lambda base: PPM * base)
    room = draw(near | far)
    bound = PPM * (EQUITY + MARGIN + 1)
    mark = draw(st.integers(-1, 2).map(lambda step: max(1, tick + step)) | edgy(1, domain.PRICE_MAX))
    return lots, multiplier, max(-bound, min(room, bound)), min(mark, domain.PRICE_MAX), rate, amount, floor


def without_mark(line):
    return (*line[:3], *line[4:])


# ------------------------------------------------------------------------------------ statements


def up(amount):
    return math.ceil(amount)


def root_up(number):
    return math.isqrt(number - 1) + 1 if number > 0 else 0


def fails(side, tick, lots, multiplier, room, rate, amount, above):
    """Whether a position of a side (1 long, -1 short) fails one line at a tick."""
    value = lots * tick * multiplier
    return room + side * PPM * value < rate * value - amount and value > above


def is_highest_failing_tick(tick, *line_with_mark):
    """Below the mark, where the line does not fail (else it has no nearest tick, and nobody asks)."""
    mark, line = line_with_mark[3], without_mark(line_with_mark)
    lots, multiplier, *_, above = line
    if tick > 0:
        return tick < mark and fails(1, tick, *line) and not fails(1, tick + 1, *line)
    first_above = above // (lots * multiplier) + 1
    return first_above >= mark or not fails(1, first_above, *line) or fails(1, mark, *line)


def is_lowest_failing_tick(tick, *line):
    return tick >= 1 and fails(-1, tick, *line) and (tick == 1 or not fails(-1, tick - 1, *line))


EXPECTED = {
    "ceil_div": lambda n, d: up(Fraction(n, d)),
    "floor_div": lambda n, d: math.floor(Fraction(n, d)),
    "isqrt_step": lambda number, root, bit: math.isqrt(number) // bit * bit,
    "isqrt_ceil": root_up,
    "position_value": lambda size, mark, multiplier: size * mark * multiplier,
    "notional": lambda lots, mark, multiplier: lots * mark * multiplier,
    "bracket_margin": lambda n, rate, whole, rest: up(Fraction(rate * n - whole * PPM - rest, PPM)),
    "line_gain": lambda value, rate: rate * value // PPM,
    "line_gain_rest": lambda value, rate: rate * value % PPM,
    "binary_part": lambda rest: up(Fraction(2**63 * rest, PPM)),
    "line_amount": lambda whole, rest: 2 * up(Fraction(2**63 * (PPM - 1 - rest), PPM)) - (whole << 64),
    "line_margin": lambda lots, gain, part, amount: up(
        # What the parts stand for: the rest of the gain, and PPM - 1 less the amount.
        Fraction(lots * (gain * PPM + part * PPM // 2**63) + amount * PPM // 2**64 - PPM + 1, PPM)
    ),
    "whole_margin": lambda n, rate: up(Fraction(n * rate, PPM)),
    "sqrt_rate": lambda lots, base, factor: max(base, root_up(factor * factor * lots)),
    "sqrt_margin": lambda lots, n, base, factor: up(
        Fraction(n * max(base, root_up(factor * factor * lots)), PPM)
    ),
    "lots_at_risk": lambda size, buys, sells: max(abs(size + buys), abs(size - sells)),
    "is_liquidatable": lambda equity, margin, trigger: (
        margin > 0 and (equity <= margin if trigger else equity < margin)
    ),
    "status": lambda equity, initial, margin, trigger: [
        equity < 0, margin == 0, equity < margin or (trigger and equity == margin), equity < initial, True
    ].index(True),
    "fee": lambda amount, rate: up(Fraction(amount * rate, PPM)),
    "liquidation_room": lambda at_zero, elsewhere, trigger: PPM * (at_zero - elsewhere - trigger),
}  # fmt: skip
HOLDS = {"first_tick_of_long": is_highest_failing_tick, "first_tick_of_short": is_lowest_failing_tick}

INPUTS = {
    "ceil_div": st.tuples(edgy(-INT64_MAX, INT64_MAX), edgy(1, INT64_MAX)),
    "floor_div": st.tuples(edgy(-INT64_MAX, INT64_MAX), edgy(1, INT64_MAX)),
    "isqrt_step": square_root(),
    "isqrt_ceil": square_root().map(lambda drawn: drawn[:1]),
    "position_value": signed(),
    "notional": held(),
    "bracket_margin": bracket(),
    "line_gain": st.tuples(edgy(0, domain.NOTIONAL_MAX), edgy(0, domain.RATE_MAX)),
    "line_gain_rest": st.tuples(edgy(0, domain.NOTIONAL_MAX), edgy(0, domain.RATE_MAX)),
    "binary_part": st.tuples(edgy(0, PPM - 1)),
    "line_amount": st.tuples(edgy(0, domain.NOTIONAL_MAX), edgy(0, PPM - 1)),
    "line_margin": prepared(),
    "whole_margin": st.tuples(edgy(0, domain.NOTIONAL_MAX), edgy(0, domain.RATE_MAX)),
    "sqrt_rate": sized(),
    "sqrt_margin": sized_and_valued(),
    "lots_at_risk": ordered(),
    "is_liquidatable": compared(),
    "status": standing(),
    "fee": st.tuples(edgy(0, domain.NOTIONAL_MAX), edgy(-domain.RATE_MAX, domain.RATE_MAX)),
    "liquidation_room": st.tuples(edgy(-EQUITY, EQUITY), edgy(0, MARGIN), st.sampled_from((0, 1))),
    "first_tick_of_long": lined(),
    "first_tick_of_short": lined().map(without_mark),
}

RULES = {
    "ceil_div": law_numbers.ceil_div,
    "floor_div": law_numbers.floor_div,
    "isqrt_ceil": law_numbers.isqrt_ceil,
    "position_value": law_state.position_value,
    "notional": law_margin.notional,
    "sqrt_rate": law_margin.sqrt_rate,
    "sqrt_margin": law_margin.sqrt_margin,
    "lots_at_risk": law_margin.lots_at_risk,
    "fee": law_trading.fee,
}
"""Kernels whose rule takes the same arguments; the others are compared below."""


# ------------------------------------------------------------------------------------ the tests


def test_every_kernel_has_a_generator_and_a_statement():
    assert set(FUNCTIONS) == set(INPUTS) == set(EXPECTED) | set(HOLDS)


def test_both_sides_are_there():
    assert fast.COMPILED and not slow.COMPILED
    for name, law in RULES.items():
        assert getattr(fast, name) is not law and getattr(fast, name) is not getattr(slow, name), name


def test_the_header_declares_every_kernel_as_it_is():
    refuse_another_header(SOURCE)


C_TYPES = {"long long": "cython.longlong", "bint": "cython.bint", "int128": "int128"}


def refuse_another_header(source):
    """Fail unless the .pxd beside a file of kernels declares each of them with its very types."""
    header = re.sub(r"#.*", "", source.with_suffix(".pxd").read_text())
    declared = {}
    for returned, name, parameters in re.findall(r"cpdef ([\w ]+?) (\w+)\(([^)]*)\)", header):
        pairs = [part.strip().rpartition(" ") for part in parameters.split(",")]
        declared[name] = ([(C_TYPES[ctype], name) for ctype, _, name in pairs], C_TYPES[returned])
    assert declared == {
        name: (
            [(ast.unparse(argument.annotation), argument.arg) for argument in node.args.args],
            ast.unparse(node.returns),
        )
        for name, node in functions_of(source).items()
    }


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


@pytest.mark.parametrize("name", sorted(HOLDS))
@given(drawn=st.data())
def test_a_tick_is_the_nearest_that_fails_the_line(name, drawn):
    arguments = drawn.draw(INPUTS[name])
    assert HOLDS[name](getattr(fast, name)(*arguments), *arguments)


@pytest.mark.parametrize("name", sorted(RULES))
@given(drawn=st.data())
def test_a_kernel_gives_what_its_rule_gives(name, drawn):
    arguments = drawn.draw(INPUTS[name])
    assert getattr(fast, name)(*arguments) == RULES[name](*arguments)


@given(drawn=tier_and_notional())
def test_the_published_form_gives_what_the_tiers_give(drawn):
    schedule, notional = drawn
    rises = [rate - below for (_, rate), below in zip(schedule, [0, *(r for _, r in schedule)], strict=False)]
    law_tiers = tuple(Tier(floor, rise) for (floor, _), rise in zip(schedule, rises, strict=True))
    tier = tier_of(schedule, notional)
    amount = bracket_amount(schedule, tier)
    rate = schedule[tier][1]
    bracketed = fast.bracket_margin(notional, rate, amount // PPM, amount % PPM)
    assert bracketed == law_margin.bracket_margin(notional, law_tiers)
    assert fast.whole_margin(notional, rate) == law_margin.whole_margin(notional, law_tiers)
    assert fast.whole_margin(notional, rate) == fast.bracket_margin(notional, rate, 0, 0)


@given(drawn=standing())
def test_status_is_the_law_s(drawn):
    equity, initial, maintenance, trigger = drawn
    fast_says = fast.is_liquidatable(equity, maintenance, trigger)
    assert fast_says == law_margin.is_liquidatable(equity, maintenance, TRIGGERS[trigger])
    law_says = law_margin.status(law_margin.Standing(equity, initial, maintenance), TRIGGERS[trigger])
    assert domain.STATUSES[fast.status(equity, initial, maintenance, trigger)] == law_says


@given(line=lined())
def test_ticks_are_the_law_s(line):
    lots, multiplier, room, mark, rate, amount, above = line
    law_line = law_price.Line(rate, amount, above)
    law_long = law_price.first_tick_of_long(lots, multiplier, room, mark, law_line)
    assert fast.first_tick_of_long(*line) == law_long
    law_short = law_price.first_tick_of_short(lots, multiplier, room, law_line)
    assert fast.first_tick_of_short(*without_mark(line)) == law_short


def test_names_and_codes_are_the_law_s():
    assert domain.STATUSES == law_margin.STATUSES
    assert domain.TRIGGERS == TRIGGERS
    assert PPM == law_numbers.PPM
