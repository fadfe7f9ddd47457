"""D4. How many lots a fill may close: `restore` closes enough, and not one lot more than that."""

from proofs.contracts import establish
from proofs.induction import induction_over
from proofs.lemmas.contracts import root_is_rounded_up
from proofs.lemmas.liquidation import line_asks_for_the_least_lots
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies, negation, select
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.liquidation import (
    closable_lots,
    fraction_lots,
    liquidation_penalty,
    maintenance_without,
    tier_floor,
    tier_step_lots,
)
from refmodel.liquidation_price import Line
from refmodel.margin import is_liquidatable, margin_maintenance, sqrt_rate, top_rate, whole_rate
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, Ticks, ceil_div, floor_div
from refmodel.policy import AT_OR_BELOW, BRACKET, RESTORE, SQRT, TRIGGERS, WHOLE, Liquidation, Schedule, Tier
from refmodel.restore import (
    Close,
    least_room,
    lots_for_line,
    lots_for_lines,
    lots_that_lift,
    restore_lots,
    restored_by_lines,
    restored_by_tiers,
    room_after,
)
from refmodel.state import equity


def covered(line: Line, close: Close, closed: Lots) -> bool:
    """What it means that an account is above a line once some lots are closed."""
    return room_after(line, close, closed) >= 0


def asks_for_the_least(line: Line, close: Close, chosen: Lots, closed: Lots) -> bool:
    """What D4-line says of a line: of a number of lots that is enough, and of one that was chosen."""
    asked = lots_that_lift(line, close)
    return (
        (0 <= asked)
        & (asked <= close.lots)
        & implies(covered(line, close, closed), asked <= closed)
        & implies(
            (asked <= chosen) & (chosen <= closed) & (closed < close.lots) & covered(line, close, closed),
            covered(line, close, chosen),
        )
    )


@theorem(
    "D4-line",
    rules=("RST-1",),
    claim="The lots that one line asks for are enough, or all; no smaller number is enough; and what is "
    "enough at a larger number is enough from there on.",
    stage="waterfall",
    witness=(
        dict(room=-1_000, relief=300, lots=9, closed=3, between=4, more=5),
        dict(room=-1_000, relief=-300, lots=9, closed=3, between=9, more=9),
        dict(room=10, relief=-3, lots=9, closed=3, between=3, more=3),
    ),
    mutant=(
        Replace("lots_for_line", "ceil_div(-room, relief)", "floor_div(-room, relief)", name="rounded down"),
        Replace(
            "lots_for_line",
            "if relief <= 0:\n        return lots",
            "if relief <= 0:\n        return 0",
            name="a line that only sinks is let go",
        ),
    ),
)
def line_asks_for_the_least(
    room: QuantaPpm, relief: QuantaPpm, lots: Lots, closed: Lots, between: Lots, more: Lots
) -> None:
    assume(lots >= 1, guard="PST-1")

    establish(line_asks_for_the_least_lots, room, relief, lots)
    asked = lots_for_line(room, relief, lots)

    if asked < lots:
        prove(room + relief * asked >= 0, "they are enough, or all")
    if (0 <= closed) & (closed < asked):
        lemma(implies(relief > 0, relief * closed <= relief * (asked - 1)), "fewer bring less")
        prove(room + relief * closed < 0, "no smaller number is enough")
    if (asked <= between) & (between <= more) & (more < lots) & (room + relief * more >= 0):
        lemma(implies(relief <= 0, relief * between >= relief * more), "a line that sinks is higher before")
        lemma(implies(relief > 0, relief * between >= relief * asked), "one that rises is higher after")
        prove(room + relief * between >= 0, "from there on every number is enough up to one that is")


@theorem(
    "D4-lines",
    rules=("RST-1", "RST-2"),
    claim="Of any number of lines: the lots that restore an account are enough for every line, or all; and "
    "no smaller number is enough.",
    stage="waterfall",
    contracts=(line_asks_for_the_least_lots,),
    witness=dict(
        lots=100,
        lot_value=1_000,
        room=1_000_000,
        cost=500_000,
        closed=70,
        rate=50_000,
        amount=0,
        above=0,
        items=(Line(50_000_000, 0, 0), Line(60_000_000, 400_000_000, 0)),
    ),
    mutant=(
        Replace("restored_by_lines", "< 0", "< -1", name="a small gap overlooked"),
        Replace(
            "lots_for_lines",
            "lots_that_lift(line, close) for",
            "lots_that_lift(line, close) + 1 for",
            name="one lot more",
        ),
    ),
)
def restored_lots_are_the_least(
    lots: Lots,
    lot_value: Quanta,
    room: QuantaPpm,
    cost: QuantaPpm,
    closed: Lots,
    rate: Ppm,
    amount: QuantaPpm,
    above: Quanta,
) -> None:
    lines = induction_over(Line(rate, amount, above))
    assume(lots >= 1, guard="PST-1")
    assume(closed >= 0, guard="EVT-2")
    close = Close(lots, lot_value, room, cost)
    asked = lines.max_of(lots_for_lines)
    least = lines.min_of(least_room)
    chosen = asked(close)
    enough = lines.ghost("enough", 1, lambda b, line: select(covered(line, close, chosen), b, 0))
    enough_closed = lines.ghost(
        "enough_closed", 1, lambda b, line: select(covered(line, close, closed), b, 0)
    )
    lines.each(lambda line: asks_for_the_least(line, close, chosen, closed), theorem="D4-line")

    lines.prove(
        lambda: (
            (0 <= asked(close))
            & (asked(close) <= lots)
            & implies(enough_closed() == 1, asked(close) <= closed)
            & implies(least(close, chosen) >= 0, enough() == 1)
            & implies(enough() == 1, least(close, chosen) >= 0)
            & implies(
                (asked(close) <= chosen) & (chosen <= closed) & (closed < lots) & (enough_closed() == 1),
                enough() == 1,
            )
        ),
        "the line that asks for the most decides",
    )
    result = restored_by_lines(lines, close)

    prove((0 <= result) & (result <= lots), "between no lot and all")
    if result < lots:
        prove(result == chosen, "what the most demanding line asks for")
        prove(enough() == 1, "is enough for every line")
    if closed < result:
        prove(enough_closed() != 1, "no smaller number is enough")


@theorem(
    "D4-line-of-requirement",
    rules=("RST-1", "RST-2", "MAR-13"),
    claim="That an account is above a line once some lots are closed means that the line asks for no more of "
    "what is left than the room, less what the close has cost.",
    stage="waterfall",
    witness=dict(lots=9, lot_value=100, room=5_000_000, cost=7, closed=4, rate=50_000, amount=3_000, above=0),
    mutant=(
        Replace("room_above", "+ line.amount", "- line.amount", name="the amount taken twice"),
        Replace("relief_of", "- close.cost", "", name="the cost of the close forgotten"),
    ),
)
def line_is_what_is_required_of_the_rest(
    lots: Lots,
    lot_value: Quanta,
    room: QuantaPpm,
    cost: QuantaPpm,
    closed: Lots,
    rate: Ppm,
    amount: QuantaPpm,
    above: Quanta,
) -> None:
    line = Line(rate, amount, above)
    left = (lots - closed) * lot_value

    above_it = covered(line, Close(lots, lot_value, room, cost), closed)

    prove(above_it == (room - cost * closed >= line.rate * left - line.amount), "one and the same condition")


@theorem(
    "D4-sqrt",
    rules=("RST-2", "MAR-4", "MAR-13"),
    claim="Of a size-scaled requirement the lots that restore an account are enough, or all: the rate of "
    "what is left is at most the rate of the position as it is.",
    stage="waterfall",
    contracts=(line_asks_for_the_least_lots, root_is_rounded_up),
    witness=dict(lots=100, lot_value=1_000, room=400_000_000, cost=500_000, base=1_000, factor=1_000),
    mutant=(
        Replace("published_lines", "sqrt_rate(lots, ", "sqrt_rate(1, ", name="the rate of one lot"),
        Replace("relief_of", "- close.cost", "", name="the cost of the close forgotten"),
    ),
)
def restored_lots_are_enough_of_sqrt(
    lots: Lots, lot_value: Quanta, room: QuantaPpm, cost: QuantaPpm, base: Ppm, factor: Ppm
) -> None:
    assume(lots >= 1, guard="PST-1")
    assume(lot_value >= 1, policy="POL-13")
    assume(factor >= 0, policy="POL-3")
    close = Close(lots, lot_value, room, cost)

    closed = restore_lots(Schedule(SQRT, (), base=base, factor=factor), close)

    prove((0 <= closed) & (closed <= lots), "between no lot and all")
    if closed < lots:
        rate, rate_left = sqrt_rate(lots, base, factor), sqrt_rate(lots - closed, base, factor)
        left = (lots - closed) * lot_value
        lemma(factor * factor * (lots - closed) <= factor * factor * lots, "fewer lots, a smaller square")
        lemma(rate_left <= rate, "and so a rate that is no higher")
        lemma(left >= 1, "what is left has a notional")
        lemma(left * rate_left <= left * rate, "of which less is required")
        prove(room - cost * closed >= left * rate_left, "enough, or all")


@theorem(
    "D4-rounded",
    rules=("RST-2", "POL-21", "LIQ-3", "MAR-2"),
    claim="What is enough on the numerators, with a buffer of one quantum (two under `at_or_below`), leaves "
    "an account that is not liquidatable after rounded margin and rounded penalty.",
    stage="waterfall",
    witness=(
        dict(
            trigger=0,
            equity=1_000,
            others=0,
            buffer=1,
            loss=99,
            amount=50_000,
            rate=1_999,
            numerator=799_050_000,
            free=900,
        ),
        dict(
            trigger=1,
            equity=1_000,
            others=0,
            buffer=2,
            loss=98,
            amount=50_000,
            rate=1_999,
            numerator=799_050_000,
            free=900,
        ),
    ),
    mutant=(
        Replace(
            "liquidation_penalty",
            "ceil_div(amount * rate, PPM)",
            "ceil_div(amount * rate, PPM) + 1",
            name="a quantum too much",
        ),
        Replace(
            "is_liquidatable",
            "equity <= maintenance",
            "equity <= maintenance + 1",
            name="the trigger a quantum higher",
        ),
    ),
)
def buffer_pays_for_the_rounding(
    equity: Quanta,
    others: Quanta,
    buffer: Quanta,
    loss: Quanta,
    amount: Quanta,
    rate: Ppm,
    numerator: QuantaPpm,
    free: Quanta,
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(buffer >= (2 if trigger == AT_OR_BELOW else 1), policy="POL-21")
    assume(amount >= 0, guard="EVT-2")
    assume(rate >= 0, policy="POL-7")
    room = PPM * (equity - others - buffer)
    assume(room - PPM * loss - rate * amount - numerator >= 0, theorem="D4-lines")

    after = equity - loss - liquidation_penalty(amount, rate, free)
    maintenance = others + ceil_div(numerator, PPM)

    prove(after >= maintenance + buffer - 1, "rounding costs one quantum of the buffer at the most")
    prove(not is_liquidatable(after, maintenance, trigger), "the account is out of liquidation")


@theorem(
    "D4-fraction",
    rules=("LIQ-2", "POL-21"),
    claim="The size rule `fraction` closes the least lots that are the fraction of the position, at least "
    "one; a position at or below its floor goes as a whole.",
    stage="waterfall",
    witness=(
        dict(lots=7, lot_value=100, fraction=200_000, whole_below=500),
        dict(lots=7, lot_value=100, fraction=200_000, whole_below=700),
    ),
    mutant=(
        Replace("fraction_lots", "<= whole_below", "< whole_below", name="off by one at the floor"),
        Replace("fraction_lots", "ceil_div(lots", "floor_div(lots", name="a floor for a ceil"),
    ),
)
def fraction_honours_its_floor(lots: Lots, lot_value: Quanta, fraction: Ppm, whole_below: Quanta) -> None:
    assume(lots >= 1, guard="PST-1")
    assume(1 <= fraction, policy="POL-21")
    assume(fraction <= PPM, policy="POL-21")

    closed = fraction_lots(lots, lot_value, fraction, whole_below)

    prove((1 <= closed) & (closed <= lots), "at least one lot and at most all")
    if lots * lot_value <= whole_below:
        prove(closed == lots, "a small position goes as a whole")
    else:
        prove(closed * PPM >= lots * fraction, "at least the fraction")
        prove((closed - 1) * PPM < lots * fraction, "and one lot less would be under it")


@theorem(
    "D4-tier-step",
    rules=("LIQ-2",),
    claim="The size rule `tier_step` closes the least lots after which the notional is not above the floor "
    "of its tier, so that what is left is in the tier below, or nothing.",
    structural_bound="3 tiers; the floor reached is the largest below the notional",
    stage="waterfall",
    witness=(
        dict(lots=7, lot_value=100, floor_1=300, floor_2=650),
        dict(lots=3, lot_value=100, floor_1=300, floor_2=650),
    ),
    mutant=(
        Replace(
            "tier_floor", "tier.floor < notional", "tier.floor <= notional", name="off by one at the floor"
        ),
        Replace(
            "tier_step_lots",
            "floor_div(floor, lot_value)",
            "floor_div(floor, lot_value) - 1",
            name="one lot too many",
        ),
    ),
)
def tier_step_lands_in_the_tier_below(
    lots: Lots, lot_value: Quanta, floor_1: Quanta, floor_2: Quanta
) -> None:
    assume(lots >= 1, guard="PST-1")
    assume(lot_value >= 1, policy="POL-13")
    assume(0 < floor_1, policy="POL-2")
    assume(floor_1 < floor_2, policy="POL-2")
    schedule = Schedule(BRACKET, (Tier(0, 10_000), Tier(floor_1, 10_000), Tier(floor_2, 10_000)))
    lemma(lots * lot_value >= 1, "a position has a notional")

    floor = tier_floor(schedule, lots * lot_value)
    closed = tier_step_lots(lots, lot_value, floor)
    left = (lots - closed) * lot_value

    prove(floor < lots * lot_value, "the floor is below the notional")
    for tier in schedule.tiers:
        prove(implies(tier.floor < lots * lot_value, tier.floor <= floor), "and the largest such")
    prove((1 <= closed) & (closed <= lots), "at least one lot and at most all")
    prove(left <= floor, "what is left is not above the floor")
    prove(left + lot_value > floor, "with one lot more it would be")


def covered_by_whole(schedule: Schedule, close: Close, closed: Lots) -> bool:
    """Whether the room covers the requirement on the whole of what is left, before rounding."""
    left = (close.lots - closed) * close.lot_value
    return close.room - close.cost * closed >= left * whole_rate(left, schedule.tiers)


@theorem(
    "D4-whole",
    rules=("RST-2", "MAR-3"),
    claim="Of a requirement on the whole notional as well: the lots that restore an account are enough, or "
    "all, and no smaller number is enough.",
    structural_bound="2 tiers; each further one is one more round of the same loop",
    stage="waterfall",
    contracts=(line_asks_for_the_least_lots,),
    witness=dict(
        lots=100,
        lot_value=1_000,
        room=1_000_000_000,
        cost=5_000,
        closed=60,
        rise_0=20_000,
        rise_1=10_000,
        floor=40_000,
    ),
    mutant=(
        Replace("restored_by_tiers", "closed <= most and", "closed <= most + 1 and", name="a tier too far"),
        Replace("restored_by_tiers", "max(most + 1, fewest)", "max(most + 2, fewest)", name="a lot left out"),
    ),
)
def restored_lots_are_the_least_of_whole(
    lots: Lots,
    lot_value: Quanta,
    room: QuantaPpm,
    cost: QuantaPpm,
    closed: Lots,
    rise_0: Ppm,
    rise_1: Ppm,
    floor: Quanta,
) -> None:
    assume(lots >= 1, guard="PST-1")
    assume(lot_value >= 1, policy="POL-13")
    assume(closed >= 0, guard="EVT-2")
    assume(0 < floor, policy="POL-2")
    schedule = Schedule(WHOLE, (Tier(0, rise_0), Tier(floor, rise_1)))
    close = Close(lots, lot_value, room, cost)

    edges = [lots - floor_div(tier.floor, lot_value) for tier in schedule.tiers]
    lines = [
        Line(top_rate(schedule.tiers[: index + 1]), 0, tier.floor)
        for index, tier in enumerate(schedule.tiers)
    ]
    fewest = 0
    for line, edge in zip(reversed(lines), reversed(edges), strict=True):
        chosen = max(lots_that_lift(line, close), fewest)
        assume(asks_for_the_least(line, close, chosen, closed), theorem="D4-line")
        fewest = max(edge, fewest)

    result = restored_by_tiers(schedule, close)

    for number in (closed, result):
        left = (lots - number) * lot_value
        for line, edge in zip(lines, edges, strict=True):
            lemma((left > line.above) == (number < edge), "which tier what is left falls into")
            lemma(
                room_after(line, close, number) == room - cost * number - left * line.rate,
                "and what is required of it there",
            )
    prove((0 <= result) & (result <= lots), "between no lot and all")
    if result < lots:
        prove(covered_by_whole(schedule, close, result), "enough, or all")
    if closed < result:
        prove(negation(covered_by_whole(schedule, close, closed)), "no smaller number is enough")


@theorem(
    "D4-restored",
    rules=("LIQ-2", "RST-2", "LIQ-3", "MAR-2", "MAR-9"),
    claim="A fill of as many lots as `restore` gives, fewer than all, leaves an account that is not "
    "liquidatable, after rounded margin, penalty and the loss against the mark.",
    structural_bound="1 market with 1 tier; any number by D4-lines, D4-rounded and D10-bracket-lines",
    stage="waterfall",
    contracts=(line_asks_for_the_least_lots,),
    witness=(
        dict(
            trigger=0,
            side=0,
            lots=100,
            multiplier=1,
            wallet=0,
            cost=9_600,
            mark=100,
            price=99,
            rate=50_000,
            penalty=5_000,
            buffer=1,
            free=400,
        ),
        dict(
            trigger=1,
            side=1,
            lots=100,
            multiplier=1,
            wallet=0,
            cost=-10_400,
            mark=100,
            price=101,
            rate=50_000,
            penalty=5_000,
            buffer=2,
            free=400,
        ),
    ),
    mutant=(
        Replace(
            "close_at",
            "mark - price if size > 0 else price - mark",
            "mark - price",
            name="a short's loss taken for a gain",
        ),
        Replace("closable_lots", " - rules.buffer", "", name="no buffer"),
        Replace(
            "close_at",
            " + terms.liquidation.penalty * price * terms.multiplier",
            "",
            name="the penalty forgotten",
        ),
    ),
)
def restored_account_is_out_of_liquidation(
    lots: Lots,
    multiplier: int,
    wallet: Quanta,
    cost: Quanta,
    mark: Ticks,
    price: Ticks,
    rate: Ppm,
    penalty: Ppm,
    buffer: Quanta,
    free: Quanta,
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    side = choice("side", 1, -1)
    assume(lots >= 1, guard="PST-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(mark >= 1, guard="PRC-1")
    assume(price >= 1, guard="EVT-2")
    assume(rate >= 1, policy="POL-3")
    assume(penalty >= 0, policy="POL-7")
    assume(buffer >= (2 if trigger == AT_OR_BELOW else 1), policy="POL-21")
    rules = Liquidation(RESTORE, penalty, 100_000, buffer=buffer)
    terms = market(multiplier, maintenance=Schedule(BRACKET, (Tier(0, rate),)), liquidation=rules)
    account = holder(wallet, side * lots, cost)
    before = venue(policy({MARKET: terms}, trigger=trigger), {"a": account}, mark)
    equity_before = equity(before, account)
    assume(is_liquidatable(equity_before, margin_maintenance(before, account), trigger), guard="LIQ-1")

    closed = closable_lots(before, account, MARKET, price)

    prove((1 <= closed) & (closed <= lots), "at least one lot and at most all")
    if closed < lots:
        loss = side * closed * (mark - price) * multiplier
        charged = liquidation_penalty(closed * price * multiplier, penalty, free)
        maintenance = maintenance_without(before, account, MARKET, side * closed)
        left = (
            PPM * (equity_before - buffer - loss)
            - penalty * closed * price * multiplier
            - rate * (lots - closed) * mark * multiplier
        )
        lemma(left >= 0, "before rounding the buffer is left")
        prove(
            not is_liquidatable(equity_before - loss - charged, maintenance, trigger),
            "the account is out of liquidation",
        )
