"""F1 and F2 of the engine. Kernels of trades, of who may make them, and of how much a fill may close: each
computes its rule for every input in the declared domain, and no intermediate leaves its C type.

As f_kernels.py, of fastpath/transitions.py. Money, funds and holders are in f_transition_money.py.
"""

from fastpath.domain import (
    COST_MAX,
    DEAL_MAX,
    EQUITY_MAX,
    LINE_MAX,
    MARGIN_MAX,
    MULTIPLIER_MAX,
    NOTIONAL_MAX,
    ORDERS_MAX,
    PAID_MAX,
    PRICE_MAX,
    RATE_MAX,
    RELIEF_MAX,
    ROOM_MAX,
    SIZE_MAX,
    SUM_MAX,
)
from proofs.lemmas.contracts import requirement_is_at_least_one, requirement_is_monotone
from proofs.machine import kernel
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.theorems.f_kernels import within
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.events import LiquidationFill, Order, Trade
from refmodel.liquidation import fraction_lots, liquidation_fill, tier_step_lots
from refmodel.liquidation_price import Line
from refmodel.margin import Standing, carries, margin_initial, standing_of
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, Ticks, ceil_div, floor_div
from refmodel.policy import FULL, TRIGGERS, Liquidation
from refmodel.restore import Close, relief_of, room_above, room_after
from refmodel.state import Position
from refmodel.trading import BUY, comes_closer, is_admitted, order, realised, trade


def rounded_up_is_down_of_almost_one_more(numerator: int, divisor: int) -> None:
    """A hint: the ceiling of the rules is the floor that the kernels take of a numerator >= 0."""
    up = ceil_div(numerator, divisor)
    down = floor_div(numerator + divisor - 1, divisor)
    lemma(implies(down <= up - 1, down * divisor <= (up - 1) * divisor), "either would be too small")
    lemma(implies(up + 1 <= down, (up + 1) * divisor <= down * divisor), "or too large")
    lemma(up == down, "rounded up is rounded down of almost one more")


@theorem(
    "F1-realised",
    rules=("TRD-6",),
    claim="What the kernel realises of a deal is what the law does, with one division in place of two.",
    kernels=True,
    effort=2.0,
    witness=(
        dict(size=10, cost=1_001, lots=-3, paid=-400),
        dict(size=-3, cost=-400, lots=10, paid=1_001),
        dict(size=10, cost=1_001, lots=3, paid=400),
    ),
    mutant=(
        Replace("transitions.realised", "share + (held - 1)", "share", name="a cost rounded down"),
        Replace("transitions.realised", "share + (dealt - 1)", "share", name="a price rounded down"),
        Replace("transitions.realised", "-(share + cost)", "-(share - cost)", name="the cost a gain"),
    ),
)
def realised_is_the_law(size: Lots, cost: Quanta, lots: Lots, paid: Quanta) -> None:
    within(size, -SIZE_MAX, SIZE_MAX)
    within(cost, -COST_MAX, COST_MAX)
    within(lots, -ORDERS_MAX, ORDERS_MAX)
    assume(lots != 0, guard="EVT-2")
    within(paid, -PAID_MAX, PAID_MAX)
    if (size > 0) & (lots < 0) | (size < 0) & (lots > 0):
        held, dealt = abs(size), abs(lots)
        amount, part, whole = (cost, dealt, held) if dealt <= held else (paid, held, dealt)
        if amount >= 0:
            lemma((0 <= amount * part) & (amount * part <= amount * whole), "a part of what was paid")
            rounded_up_is_down_of_almost_one_more(amount * part, whole)
        else:
            lemma((amount * whole <= amount * part) & (amount * part <= 0), "a part of what was received")

    found = kernel("realised")(size, cost, lots, paid)

    prove(found == realised(Position(size, cost), lots, paid), "the same profit")


@theorem(
    "F1-band-of-trades",
    rules=("TRD-4",),
    claim="The kernel finds a trade's price outside the band exactly when the law refuses it for that.",
    kernels=True,
    witness=(dict(price=111, mark=100, band=100_000), dict(price=90, mark=100, band=100_000)),
    mutant=Replace("transitions.outside_band", "> band", ">= band", name="the edge of the band refused"),
)
def band_of_trades_is_the_law(price: Ticks, mark: Ticks, band: Ppm) -> None:
    within(price, 1, 2 * PRICE_MAX)
    within(mark, 1, PRICE_MAX)
    within(band, 0, RATE_MAX)
    lemma((0 <= band * mark) & (band * mark <= RATE_MAX * mark), "a share of the mark")
    accounts = {"taker": holder(0), "maker": holder(0)}  # who offers nothing is refused next, by TRD-5
    world = venue(policy({MARKET: market(band=band)}), accounts, mark)

    found = kernel("outside_band")(price, mark, band)
    refusal = trade(world, Trade(0, MARKET, "taker", "maker", BUY, 1, price)).refusal

    prove(refusal is not None, "nobody offers anything")
    prove(found == (refusal is not None and refusal.rule == "TRD-4"), "the same answer")


@theorem(
    "F1-band-of-fills",
    rules=("LIQ-6",),
    claim="The kernel finds a fill's price outside the band exactly when the law refuses it for that.",
    kernels=True,
    witness=(dict(price=111, mark=100, band=100_000), dict(price=90, mark=100, band=100_000)),
    mutant=Replace("transitions.outside_band", "> band", ">= band", name="the edge of the band refused"),
)
def band_of_fills_is_the_law(price: Ticks, mark: Ticks, band: Ppm) -> None:
    within(price, 1, 2 * PRICE_MAX)
    within(mark, 1, PRICE_MAX)
    within(band, 0, RATE_MAX)
    lemma((0 <= band * mark) & (band * mark <= RATE_MAX * mark), "a share of the mark")
    accounts = {"a": holder(-PRICE_MAX, 1, 0), "b": holder(0)}
    terms = market(liquidation=Liquidation(FULL, penalty=0, band=band))
    world = venue(policy({MARKET: terms}), accounts, mark)

    found = kernel("outside_band")(price, mark, band)
    fill = LiquidationFill(0, "a", "b", MARKET, 2, price)  # more lots than are held: LIQ-2 refuses next
    refusal = liquidation_fill(world, fill).refusal

    prove(refusal is not None, "more than is held")
    prove(found == (refusal is not None and refusal.rule == "LIQ-6"), "the same answer")


@theorem(
    "F1-closer",
    rules=("TRD-7",),
    claim="The kernel's comparison of two sizes is the law's, without their product.",
    kernels=True,
    witness=(dict(before=5, after=3), dict(before=-5, after=-3), dict(before=5, after=-1)),
    mutant=(
        Replace("transitions.comes_closer", "0 <= size_after", "0 < size_after", name="not to flat"),
        Replace("transitions.comes_closer", " and size_after <= 0", "", name="to the other side"),
    ),
)
def closer_is_the_law(before: Lots, after: Lots) -> None:
    within(before, -SUM_MAX, SUM_MAX)
    within(after, -SUM_MAX, SUM_MAX)
    lemma(implies((before > 0) & (after < 0), before * after < 0), "another side")
    lemma(implies((before < 0) & (after > 0), before * after < 0), "either way")
    lemma(implies((before >= 0) & (after >= 0), before * after >= 0), "the same side")
    lemma(implies((before <= 0) & (after <= 0), before * after >= 0), "or the other")

    prove(kernel("comes_closer")(before, after) == comes_closer(before, after), "the same answer")


@theorem(
    "F1-carries",
    rules=("MAR-10",),
    claim="The kernel says that an account carries what it holds exactly when the law does.",
    kernels=True,
    witness=(
        dict(trigger=1, equity=5, initial=5, maintenance=5),
        dict(trigger=0, equity=5, initial=5, maintenance=0),
    ),
    mutant=(
        Replace("transitions.carries", "maintenance + trigger", "maintenance", name="the trigger ignored"),
        Replace("transitions.carries", "maintenance == 0 or ", "", name="flat accounts asked for a quantum"),
    ),
)
def carries_is_the_law(equity: Quanta, initial: Quanta, maintenance: Quanta) -> None:
    within(equity, -SUM_MAX, SUM_MAX)
    within(initial, 0, MARGIN_MAX)
    within(maintenance, 0, MARGIN_MAX)
    trigger = choice("trigger", *TRIGGERS)

    found = kernel("carries")(equity, initial, maintenance, TRIGGERS.index(trigger))

    prove(found == carries(Standing(equity, initial, maintenance), trigger), "the same answer")


@theorem(
    "F1-order",
    rules=("ORD-1",),
    claim="The kernel says that an order is carried exactly when the law does not refuse it for its margin.",
    kernels=True,
    structural_bound="1 account with a position and orders in 1 market",
    contracts=(requirement_is_at_least_one, requirement_is_monotone),
    witness=dict(trigger=0, wallet=500, size=2, cost=20, buys=1, sells=1, buys2=2, sells2=0, mark=10),
    mutant=Replace(
        "transitions.order_is_carried",
        "initial <= initial_before",
        "initial < initial_before",
        name="the same margin refused",
    ),
)
def order_is_the_law(
    wallet: Quanta, size: Lots, cost: Quanta, buys: Lots, sells: Lots, buys2: Lots, sells2: Lots, mark: Ticks
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(size != 0, guard="PST-1")
    assume(buys >= 0, guard="EVT-2")
    assume(sells >= 0, guard="EVT-2")
    assume(buys2 >= 0, guard="EVT-2")
    assume(sells2 >= 0, guard="EVT-2")
    assume(mark >= 1, guard="PRC-1")
    before = venue(
        policy({MARKET: market()}, trigger=trigger), {"a": holder(wallet, size, cost, (buys, sells))}, mark
    )
    ordered = holder(wallet, size, cost, (buys2, sells2))
    standing, initial_before = standing_of(before, ordered), margin_initial(before, before.accounts["a"])
    within(standing.equity, -SUM_MAX, SUM_MAX)
    within(initial_before, 0, MARGIN_MAX)
    within(standing.initial, 0, MARGIN_MAX)
    within(standing.maintenance, 0, MARGIN_MAX)

    refusal = order(before, Order(0, "a", MARKET, buys2, sells2)).refusal
    found = kernel("order_is_carried")(
        standing.equity, initial_before, standing.initial, standing.maintenance, TRIGGERS.index(trigger)
    )

    if refusal is None:
        prove(found, "what is admitted is carried")
    elif refusal.rule == "ORD-1":
        prove(not found, "what is refused is not")


@theorem(
    "F1-admitted",
    rules=("TRD-7",),
    claim="The kernel admits one side of a trade exactly when the law does.",
    kernels=True,
    witness=(
        dict(trigger=0, closer=0, equity=9, maintenance=10, after=9, initial=9, kept=5, gain=3),
        dict(trigger=0, closer=0, equity=9, maintenance=10, after=9, initial=20, kept=9, gain=-3),
        dict(trigger=0, closer=1, equity=9, maintenance=10, after=9, initial=20, kept=9, gain=-3),
        dict(trigger=1, closer=0, equity=9, maintenance=10, after=0, initial=20, kept=0, gain=0),
    ),
    mutant=(
        Replace(
            "transitions.is_admitted",
            "equity_after - gain if gain > 0 else equity_after",
            "equity_after",
            name="lifted by its own price",
        ),
        Replace(
            "transitions.is_admitted",
            "maintenance_before > before",
            "maintenance_before >= before",
            name="no improvement needed",
        ),
        Replace("transitions.is_admitted", "counted >= 0", "counted > 0", name="flat without a quantum"),
    ),
)
def admission_is_the_law(
    equity: Quanta, maintenance: Quanta, after: Quanta, initial: Quanta, kept: Quanta, gain: Quanta
) -> None:
    within(equity, -SUM_MAX, SUM_MAX)
    within(after, -EQUITY_MAX - 2 * DEAL_MAX, EQUITY_MAX + 2 * DEAL_MAX)  # it moved by the gain and a fee
    within(gain, -DEAL_MAX, DEAL_MAX)
    for margin in (maintenance, initial, kept):
        within(margin, 0, MARGIN_MAX)
    trigger = choice("trigger", *TRIGGERS)
    closer = choice("closer", False, True)
    counted = after - max(gain, 0)
    for value, margin in ((counted, maintenance), (equity, kept)):
        lemma((-SUM_MAX * margin <= value * margin) & (value * margin <= SUM_MAX * margin), "in 125 bits")

    found = kernel("is_admitted")(
        equity, maintenance, after, initial, kept, gain, closer, TRIGGERS.index(trigger)
    )

    before, now = Standing(equity, 0, maintenance), Standing(after, initial, kept)
    prove(found == is_admitted(before, now, gain, closer, trigger), "the same answer")


@theorem(
    "F1-size-rules",
    rules=("LIQ-2",),
    claim="The lots that one fill may close by a share, or down to a bracket, are the law's.",
    kernels=True,
    witness=(
        dict(lots=9, lot_value=100, fraction=200_000, whole_below=500, floor=350),
        dict(lots=9, lot_value=100, fraction=200_000, whole_below=900, floor=0),
    ),
    mutant=(
        Replace("transitions.fraction_lots", " + 999_999", "", name="rounded down"),
        Replace("transitions.fraction_lots", "<= whole_below", "< whole_below", name="the edge in part"),
        Replace(
            "transitions.tier_step_lots",
            "floor // lot_value",
            "floor // lot_value + 1",
            name="one lot too few",
        ),
    ),
)
def size_rules_are_the_law(
    lots: Lots, lot_value: Quanta, fraction: Ppm, whole_below: Quanta, floor: Quanta
) -> None:
    within(lots, 1, SIZE_MAX)
    within(lot_value, 1, NOTIONAL_MAX)
    assume(lots * lot_value <= NOTIONAL_MAX, policy="POL-13")
    within(fraction, 0, RATE_MAX)
    within(whole_below, 0, SUM_MAX)
    within(floor, 0, NOTIONAL_MAX)
    lemma(lots * lot_value >= 1, "a position has a value")
    lemma((0 <= lots * fraction) & (lots * fraction <= lots * PPM), "a share of the lots")
    lemma(floor_div(floor, lot_value) <= floor, "a lot is worth at least a quantum")

    by_share = kernel("fraction_lots")(lots, lot_value, fraction, whole_below)
    by_step = kernel("tier_step_lots")(lots, lot_value, floor)

    prove(by_share == fraction_lots(lots, lot_value, fraction, whole_below), "the same share")
    prove(by_step == tier_step_lots(lots, lot_value, floor), "the same step")


@theorem(
    "F1-restore-room",
    rules=("LIQ-2", "RST-2"),
    claim="The room that `restore` starts from is the law's, and within what its lines are proved for.",
    kernels=True,
    witness=dict(equity=-5, others=3, buffer=2),
    mutant=Replace("transitions.restore_room", " - buffer", "", name="the buffer forgotten"),
)
def restore_room_is_the_law(equity: Quanta, others: Quanta, buffer: Quanta) -> None:
    within(equity, -EQUITY_MAX, EQUITY_MAX)
    within(others, 0, MARGIN_MAX)
    within(buffer, 0, NOTIONAL_MAX)

    found = kernel("restore_room")(equity, others, buffer)

    prove(found == PPM * (equity - others - buffer), "the same room")
    prove((-ROOM_MAX <= found) & (found <= ROOM_MAX), "within what the lines are proved for")


@theorem(
    "F1-lots-to-tier",
    rules=("RST-2",),
    claim="The kernel's number of lots is the largest after whose close the notional is above a floor.",
    kernels=True,
    witness=(dict(lots=9, lot_value=100, floor=350), dict(lots=9, lot_value=100, floor=300)),
    mutant=Replace("transitions.lots_to_tier", " - 1", "", name="down to the floor"),
)
def lots_to_tier_are_the_law(lots: Lots, lot_value: Quanta, floor: Quanta) -> None:
    within(lots, 1, SIZE_MAX)
    within(lot_value, 1, NOTIONAL_MAX)
    within(floor, 0, NOTIONAL_MAX)
    lemma(floor_div(floor, lot_value) <= floor, "a lot is worth at least a quantum")

    found = kernel("lots_to_tier")(lots, floor, lot_value)

    prove(found == lots - floor_div(floor, lot_value) - 1, "the same lots")
    prove((lots - found) * lot_value > floor, "what is left is above the floor")
    prove((lots - found - 1) * lot_value <= floor, "and with one more closed it is not")


@theorem(
    "F1-cost-of-all-lots",
    rules=("LIQ-2", "RST-2"),
    claim="At a price within a band of at most 100 %, the close of all lots costs at most three times their "
    "notional.",
    kernels=True,
    witness=(
        dict(side=0, lots=3, mark=100, price=97, penalty=2_500, multiplier=7),
        dict(side=1, lots=3, mark=100, price=97, penalty=2_500, multiplier=7),
    ),
    mutant=Replace("waterfall.close_cost", "worse_by * 1_000_000", "worse_by * 4_000_000", name="four times"),
)
def cost_of_all_lots_is_bounded(lots: Lots, mark: Ticks, price: Ticks, penalty: Ppm, multiplier: int) -> None:
    side = choice("side", 1, -1)
    within(lots, 1, SIZE_MAX)
    within(mark, 1, PRICE_MAX)
    within(multiplier, 1, MULTIPLIER_MAX)
    assume(lots * (mark * multiplier) <= NOTIONAL_MAX, policy="POL-13")
    assume(1 <= price, guard="EVT-2")
    assume(price <= 2 * mark, policy="POL-22")
    assume(0 <= penalty, policy="POL-7")
    assume(penalty <= PPM, policy="POL-7")
    worse_by = side * (mark - price)
    lemma((0 <= penalty * price) & (penalty * price <= PPM * price), "a penalty is a share")
    each = PPM * worse_by + penalty * price
    lemma((-3 * PPM * mark <= each) & (each <= 3 * PPM * mark), "of one unit of the multiplier")
    lemma(-3 * PPM * (mark * multiplier) <= each * multiplier, "of one lot at the least")
    lemma(each * multiplier <= 3 * PPM * (mark * multiplier), "and at the most")
    cost = each * multiplier
    lemma(-3 * PPM * (lots * (mark * multiplier)) <= lots * cost, "of all lots at the least")
    lemma(lots * cost <= 3 * PPM * (lots * (mark * multiplier)), "and at the most")

    found = kernel("close_cost")(side, mark, price, penalty, multiplier)

    prove(found == cost, "the cost of one lot")
    prove(-3 * PPM * NOTIONAL_MAX <= lots * found, "of all lots at the least")
    prove(lots * found <= 3 * PPM * NOTIONAL_MAX, "and at the most")


@theorem(
    "F1-room-after",
    rules=("RST-2",),
    claim="The room above a line once lots are closed is the law's, in 128 bits.",
    kernels=True,
    witness=(
        dict(lots=9, lot_value=100, room=0, cost=500_000, rate=50_000, amount=0, closed=4),
        dict(lots=9, lot_value=100, room=40_000_000, cost=-500_000, rate=50_000, amount=0, closed=9),
    ),
    mutant=Replace("transitions.room_after", "+ relief", "- relief", name="a relief a burden"),
)
def room_after_is_the_law(
    lots: Lots,
    lot_value: Quanta,
    room: QuantaPpm,
    cost: QuantaPpm,
    rate: Ppm,
    amount: QuantaPpm,
    closed: Lots,
) -> None:
    within(lots, 1, SIZE_MAX)
    within(lot_value, 1, NOTIONAL_MAX)
    assume(lots * lot_value <= NOTIONAL_MAX, policy="POL-13")
    assume(-3 * PPM * NOTIONAL_MAX <= lots * cost, theorem="F1-cost-of-all-lots")
    assume(lots * cost <= 3 * PPM * NOTIONAL_MAX, theorem="F1-cost-of-all-lots")
    within(rate, 0, RATE_MAX)
    assume(0 <= closed, guard="RST-1")
    assume(closed <= lots, guard="RST-1")
    line, close = Line(rate, amount, 0), Close(lots, lot_value, room, cost)
    above, relief = room_above(line, close), relief_of(line, close)
    assume(-LINE_MAX <= above, theorem="F1-room-and-relief")
    assume(above <= LINE_MAX, theorem="F1-room-and-relief")
    assume(-LINE_MAX <= relief, theorem="F1-room-and-relief")
    assume(relief <= LINE_MAX, theorem="F1-room-and-relief")
    held = lots * lot_value
    lemma(held >= 1, "a position has a value")
    lemma((0 <= rate * held) & (rate * held <= RATE_MAX * held), "of which a margin is a share")
    lemma(relief * lots == rate * held - lots * cost, "the relief of all lots")
    lemma((-RELIEF_MAX <= relief * lots) & (relief * lots <= RELIEF_MAX), "is in the domain")
    if relief >= 0:
        lemma((0 <= relief * closed) & (relief * closed <= relief * lots), "that of some lots is a part")
    else:
        lemma((relief * lots <= relief * closed) & (relief * closed <= 0), "that of some lots is a part")

    found = kernel("room_after")(above, relief, closed)

    prove(found == room_after(line, close, closed), "the same room")
