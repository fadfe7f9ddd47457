"""B5 and E3. Caps: nobody is liquidatable, or below zero, by what it is deleveraged.

A requirement is the largest of a few lines. One line leaves one cap; up to the smallest of them equity covers
the requirement of what is left, for every number of lots and not only for the last. Two roundings stand
between numerators and quanta, the gap's and the requirement's, and together they are less than two quanta:
that is what the reserve is for.
"""

from typing import cast

from proofs.contracts import establish
from proofs.induction import induction_over
from proofs.lemmas.contracts import root_is_rounded_up
from proofs.lemmas.tiers import TWO_TIERS, arbitrary_tiers
from proofs.lemmas.waterfall import (
    TIERS_AND_LINES,
    TierLine,
    any_line,
    cap_is_at_most_held,
    limit_after,
    running_share_is_near_its_proportion,
)
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies, select
from refmodel.close_out import gap_of_lots
from refmodel.deleveraging import cap_of_line, cap_of_lines, covering_lines
from refmodel.liquidation_price import Line
from refmodel.margin import (
    bracket_numerator,
    is_liquidatable,
    published_amount,
    requirement,
    sqrt_rate,
    top_rate,
    whole_rate,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, ceil_div
from refmodel.policy import AT_OR_BELOW, SQRT, TRIGGERS, WHOLE, Schedule


@theorem(
    "E3-cap-line",
    rules=("ADL-3",),
    stage="waterfall",
    claim="Up to the cap of a line, every number of lots closed, from one on, leaves the line covered, and "
    "one lot more than the cap does not.",
    witness=(
        dict(lots=9, lot_value=50, room=40, gap=60, gap_lots=10, rate=50_000, amount=0, closed=2),
        dict(lots=9, lot_value=50, room=400, gap=0, gap_lots=10, rate=50_000, amount=0, closed=9),
        dict(lots=9, lot_value=50, room=-4, gap=0, gap_lots=10, rate=50_000, amount=0, closed=1),
        dict(lots=9, lot_value=50, room=22, gap=25, gap_lots=10, rate=50_000, amount=0, closed=9),
    ),
    mutant=(
        Replace(
            "cap_of_line",
            "if above >= lost_per_lot else",
            "if above >= lost_per_lot * lots else",
            name="cap tested only at its end",
        ),
        Replace("cap_of_line", "min(floor_div(above, lost_per_lot), lots)", "lots", name="cap ignored"),
        Replace("cap_of_line", "floor_div(above", "ceil_div(above", name="one lot more"),
        Replace("cap_of_line", "max(min(", "min(min(", name="never above 0"),
    ),
)
def line_is_covered_up_to_the_cap(
    lots: Lots,
    lot_value: Quanta,
    room: Quanta,
    gap: Quanta,
    gap_lots: Lots,
    rate: Ppm,
    amount: QuantaPpm,
    closed: Lots,
) -> None:
    assume(lots >= 0, guard="ADL-3")
    assume(gap_lots >= 1, guard="RES-1")
    line = Line(rate, amount, 0)

    establish(cap_is_at_most_held, line, lots, lot_value, room, gap, gap_lots)
    cap = cap_of_line(line, lots, lot_value, room, gap, gap_lots)

    covers = PPM * room - rate * ((lots - closed) * lot_value) + amount  # the line, in numerators
    lost = PPM * gap - gap_lots * rate * lot_value
    above = gap_lots * (PPM * room - rate * lots * lot_value + amount)
    lemma(above - lost * closed == gap_lots * covers - PPM * gap * closed, "what closing some lots changes")
    if (1 <= closed) & (closed <= cap):
        lemma(implies(lost > 0, lost * closed <= lost * cap), "each lot costs the same")
        lemma(implies(lost <= 0, lost * closed <= lost), "or frees something, and the first lot as much")
        lemma(lost * closed <= above, "no more is lost than there is")
        prove(PPM * gap * closed <= gap_lots * covers, "in numerators the line is covered")
        prove(
            rate * ((lots - closed) * lot_value) - amount <= limit_after(room, gap, gap_lots, closed),
            "also with the gap rounded up",
        )
    if (closed == cap + 1) & (cap < lots):
        lemma(implies(lost <= 0, cap == 0), "where closing frees something, the first lot is too little")
        lemma(lost * closed > above, "one lot more costs more than there is")
        prove(PPM * gap * closed > gap_lots * covers, "one lot more does not leave it covered")


@theorem(
    "E3-cap-lines",
    rules=("ADL-3", "MAR-2", "MAR-13"),
    stage="waterfall",
    claim="Up to the cap of the tightest line, for any number of tiers, every number of lots closed "
    "leaves the marginal requirement covered.",
    contracts=(cap_is_at_most_held,),
    witness=tuple(
        dict(
            lots=9,
            lot_value=7,
            room=2,
            gap=6,
            gap_lots=10,
            closed=closed,
            left=left,
            floor=0,
            rise=10_000,
            rate=10_000,
            amount=0,
            items=TIERS_AND_LINES,
        )
        for closed, left in ((2, 49), (3, 42))  # the cap is 2
    ),
    mutant=(
        Replace("cap_of_lines", "gap_lots) for", "gap_lots) + 1 for", name="one lot more"),
        Replace("bracket_term", "max(notional - floor, 0)", "notional", name="the floor forgotten"),
    ),
)
def tightest_line_covers_the_requirement(
    lots: Lots,
    lot_value: Quanta,
    room: Quanta,
    gap: Quanta,
    gap_lots: Lots,
    closed: Lots,
    left: Quanta,
    floor: Quanta,
    rise: Ppm,
    rate: Ppm,
    amount: QuantaPpm,
) -> None:
    tiers = induction_over(TierLine(floor, rise, rate, amount))
    assume(lot_value >= 1, guard="MAR-1")
    assume(gap_lots >= 1, guard="RES-1")
    assume(1 <= closed, guard="ADL-7")
    assume(closed <= lots, guard="ADL-7")
    assume(left == (lots - closed) * lot_value, guard="MAR-1")  # the notional of what is left
    lemma(left >= 0, "no position is turned round")
    limit = limit_after(room, gap, gap_lots, closed)
    cap = tiers.min_of(cap_of_lines)
    numerator = tiers.sum_of(bracket_numerator)
    rates = tiers.sum_of(top_rate)
    amounts = tiers.sum_of(published_amount)
    any_tier = tiers.max_of(any_line)
    last_floor = tiers.ghost("last_floor", 0, lambda _, tier: tier.floor)
    count = tiers.ghost("count", 0, lambda number, _: number + 1)
    within = tiers.ghost(
        "within",
        1,
        lambda before, tier: select(
            closed <= cap_of_line(cast(Line, tier), lots, lot_value, room, gap, gap_lots), before, 0
        ),
    )
    tiers.each(lambda tier: tier.floor >= last_floor(), policy="POL-2")
    tiers.each(lambda tier: implies(count() == 0, tier.floor == 0), policy="POL-2")
    tiers.each(lambda tier: tier.rise >= 0, policy="POL-3")
    tiers.each(lambda tier: tier.rate == rates() + tier.rise, theorem="D10-published-lines")
    tiers.each(lambda tier: tier.amount == amounts() + tier.rise * tier.floor, theorem="D10-published-lines")
    tiers.each(
        lambda tier: implies(
            closed <= cap_of_line(cast(Line, tier), lots, lot_value, room, gap, gap_lots),
            tier.rate * left - tier.amount <= limit,
        ),
        theorem="E3-cap-line",
    )

    tiers.prove(
        lambda: (
            (numerator(left) >= rates() * left - amounts())
            & implies(left >= last_floor(), numerator(left) == rates() * left - amounts())
            & (count() >= 0)
            & (last_floor() >= 0)
            & implies(count() == 0, (rates() == 0) & (amounts() == 0))
        ),
        "the requirement is the largest of the lines",
    )
    tiers.prove(
        lambda: implies((count() >= 1) & (within() == 1), numerator(left) <= limit),
        "it is covered if each of them is",
    )
    tiers.prove(
        lambda: (any_tier() <= 1) & implies(count() >= 1, any_tier() == 1), "with a tier there is a line"
    )
    tiers.prove(
        lambda: (
            implies(count() == 0, within() == 1)
            & implies((count() >= 1) & (closed <= cap(lots, lot_value, room, gap, gap_lots)), within() == 1)
        ),
        "and each of them is, up to the smallest cap",
    )
    assume(count() >= 1, policy="POL-2")

    if closed <= cap_of_lines(tiers, lots, lot_value, room, gap, gap_lots):
        prove(bracket_numerator(left, tiers) <= limit, "up to the cap the requirement is covered")


@theorem(
    "E3-cap-range",
    rules=("ADL-3",),
    stage="waterfall",
    claim="However many lines there are, the cap that they leave is 0 to all the lots held, and no more.",
    contracts=(cap_is_at_most_held,),
    witness=dict(
        lots=9, lot_value=7, room=4, gap=6, gap_lots=10, rate=10_000, amount=0, items=(Line(10_000, 0, 0),)
    ),
    mutant=(
        Replace("cap_of_lines", "gap_lots) for", "gap_lots) + 1 for", name="one lot more"),
        Replace("cap_of_lines", "default=0", "default=-1", name="less than nothing"),
    ),
)
def caps_are_within_what_is_held(
    lots: Lots, lot_value: Quanta, room: Quanta, gap: Quanta, gap_lots: Lots, rate: Ppm, amount: QuantaPpm
) -> None:
    lines = induction_over(Line(rate, amount, 0))
    assume(lots >= 0, guard="ADL-3")
    assume(gap_lots >= 1, guard="RES-1")
    cap = lines.min_of(cap_of_lines)

    lines.prove(
        lambda: (
            (cap(lots, lot_value, room, gap, gap_lots) >= 0)
            & (cap(lots, lot_value, room, gap, gap_lots) <= lots)
        ),
        "so far it is 0 to all the lots held",
    )

    found = cap_of_lines(lines, lots, lot_value, room, gap, gap_lots)
    prove((0 <= found) & (found <= lots), "nobody is asked for more than it holds, or for less than nothing")


@theorem(
    "E3-whole-is-covered",
    rules=("ADL-3", "MAR-3"),
    stage="waterfall",
    claim="For `whole`, and any number of tiers, the rate of a position as it is covers the requirement "
    "of every part of it.",
    witness=dict(lots=5, closed=2, lot_value=20, floor=0, rise=10_000, items=TWO_TIERS),
    mutant=Replace(
        "covering_lines", "whole_rate(notional, schedule", "whole_rate(1, schedule", name="the lowest rate"
    ),
)
def one_line_covers_every_part_of_whole(
    lots: Lots, closed: Lots, lot_value: Quanta, floor: Quanta, rise: Ppm
) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(0 <= closed, guard="ADL-7")
    assume(closed <= lots, guard="ADL-7")
    assume(lot_value >= 1, guard="MAR-1")
    left = (lots - closed) * lot_value
    lemma((0 <= left) & (left <= lots * lot_value), "the notional falls with the lots")
    rate = tiers.sum_of(whole_rate)
    tiers.prove(
        lambda: (rate(left) <= rate(lots * lot_value)) & (rate(left) >= 0),
        "the rate falls with the notional",
    )
    schedule = Schedule(WHOLE, tiers)

    lines = covering_lines(schedule, lots, lots * lot_value)
    required = requirement(schedule, lots - closed, left)

    prove(len(lines) == 1 and lines[0].amount == 0, "there is one line, through the origin")
    lemma(left * whole_rate(left, tiers) <= left * lines[0].rate, "no higher a rate of it")
    prove(required <= ceil_div(lines[0].rate * left, PPM), "the line covers what is left")


@theorem(
    "E3-sqrt-is-covered",
    rules=("ADL-3", "MAR-4"),
    stage="waterfall",
    claim="For `sqrt` the rate of a position as it is covers the requirement of every part of it.",
    contracts=(root_is_rounded_up,),
    witness=dict(lots=5, closed=2, lot_value=20, base=1, factor=2),
    mutant=Replace("covering_lines", "sqrt_rate(lots,", "sqrt_rate(1,", name="the rate of one lot"),
)
def one_line_covers_every_part_of_sqrt(
    lots: Lots, closed: Lots, lot_value: Quanta, base: Ppm, factor: Ppm
) -> None:
    assume(0 <= closed, guard="ADL-7")
    assume(closed <= lots, guard="ADL-7")
    assume(lot_value >= 1, guard="MAR-1")
    assume(base >= 1, policy="POL-3")
    assume(factor >= 0, policy="POL-3")
    left = (lots - closed) * lot_value
    lemma(left >= 0, "a notional is not negative")
    lemma(factor * factor * (lots - closed) <= factor * factor * lots, "the squares are in order")
    schedule = Schedule(SQRT, (), base, factor)

    lines = covering_lines(schedule, lots, lots * lot_value)
    required = requirement(schedule, lots - closed, left)

    prove(len(lines) == 1 and lines[0].amount == 0, "there is one line, through the origin")
    lemma(sqrt_rate(lots - closed, base, factor) <= lines[0].rate, "the rates are in order as well")
    lemma(left * sqrt_rate(lots - closed, base, factor) <= left * lines[0].rate, "and the products")
    prove(required <= ceil_div(lines[0].rate * left, PPM), "the line covers what is left")


@theorem(
    "E3-reserve",
    rules=("ADL-3", "MAR-9", "CLO-2"),
    stage="waterfall",
    claim="What a numerator covers a whole number of quanta covers as well: with one quantum in "
    "reserve, and two under `at_or_below`, who is closed up to its cap is not liquidatable and "
    "has equity of 0 or more.",
    contracts=(running_share_is_near_its_proportion,),
    witness=(
        dict(trigger=0, equity=99, others=3, gap=60, gap_lots=10, carried=1, closed=2, numerator=2_500_000),
        dict(trigger=1, equity=99, others=3, gap=60, gap_lots=10, carried=1, closed=2, numerator=0),
    ),
    mutant=(
        Replace("gap_of_lots", "taken, lots)", "taken, lots) + 1", name="a quantum more of the gap"),
        Replace(
            "is_liquidatable",
            "return equity <= maintenance",
            "return equity <= maintenance + 1",
            name="one above it",
        ),
    ),
)
def reserve_covers_both_roundings(
    equity: Quanta,
    others: Quanta,
    gap: Quanta,
    gap_lots: Lots,
    carried: Lots,
    closed: Lots,
    numerator: QuantaPpm,
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    reserve = 2 if trigger == AT_OR_BELOW else 1
    assume(gap >= 0, theorem="A8-running-share")
    assume(gap_lots >= 1, guard="RES-1")
    assume(carried >= 0, guard="ADL-7")
    assume(closed >= 1, guard="ADL-7")
    assume(others >= 0, theorem="B1-account")
    assume(numerator >= 0, theorem="B1-at-least-one")
    assume(numerator <= limit_after(equity - others - reserve, gap, gap_lots, closed), theorem="E3-cap-lines")

    forgone = gap_of_lots(gap, carried, closed, gap_lots)
    required = ceil_div(numerator, PPM)

    rounded = ceil_div(PPM * gap * closed, gap_lots)
    lemma(forgone * gap_lots < gap * closed + gap_lots, "the gap is rounded by less than a quantum")
    lemma(rounded * gap_lots >= PPM * (gap * closed), "the cap counts it in full")
    lemma((PPM * (forgone - 1)) * gap_lots < rounded * gap_lots, "both over the same lots")
    lemma(PPM * (forgone - 1) < rounded, "so the gap is within a quantum of what the cap counts")
    prove(
        equity - forgone >= others + required + reserve - 1,
        "two roundings together are less than two quanta",
    )
    prove(
        not is_liquidatable(equity - forgone, others + required, trigger),
        "so nobody is liquidatable by being deleveraged",
    )
    prove(equity - forgone >= 0, "or below zero")
