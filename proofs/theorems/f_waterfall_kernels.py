"""F1 and F2 of the waterfall. Kernels of liquidation, insurance and loss: each computes its rule for every
input in the declared domain, and no intermediate leaves its C type.

As f_kernels.py, of fastpath/waterfall.py. Deleveraging is in f_deleveraging_kernels.py.
"""

from fastpath.domain import (
    DRAW_MAX,
    EQUITY_MAX,
    LINE_MAX,
    LOT_COST_MAX,
    MARGIN_MAX,
    MULTIPLIER_MAX,
    NOTIONAL_MAX,
    PRICE_MAX,
    RATE_MAX,
    ROOM_MAX,
    SIZE_MAX,
    SUM_MAX,
)
from proofs.lemmas.contracts import requirement_is_at_least_one
from proofs.machine import kernel
from proofs.registry import Replace, assume, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.theorems.f_kernels import within
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import bankruptcy_price
from refmodel.insurance import lots_payable, lots_within
from refmodel.liquidation import close_at, equity_to_keep, keeps_ratio, liquidation_penalty
from refmodel.liquidation_price import Line
from refmodel.loss import share_of_loss
from refmodel.margin import Standing
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, Ticks, ceil_div, floor_div, running_share
from refmodel.policy import FULL, Liquidation
from refmodel.restore import Close, lots_for_line, relief_of, room_above
from refmodel.takeover import may_be_taken_over

AMOUNT_MAX = RATE_MAX * NOTIONAL_MAX
"""Quanta x ppm: the amount of a published line."""


@theorem(
    "F1-running-share",
    rules=("NUM-5", "CLO-1", "CLO-2"),
    claim="The kernel's running share is the law's, for all amounts and weights of 64 bits.",
    kernels=True,
    witness=(dict(amount=10, before=1, weight=2, total=7), dict(amount=SUM_MAX, before=0, weight=7, total=7)),
    mutant=Replace(
        "waterfall.running_share",
        "wide * (before + weight) // total - wide * before // total",
        "wide * weight // total",
        name="every share on its own",
    ),
)
def running_share_is_the_law(amount: int, before: int, weight: int, total: int) -> None:
    within(amount, 0, SUM_MAX)
    within(total, 1, SUM_MAX)
    assume(before >= 0, guard="NUM-5")
    assume(weight >= 0, guard="NUM-5")
    assume(before + weight <= total, guard="NUM-5")  # the weights of all sum to the total
    lemma((0 <= amount * before) & (amount * before <= amount * (before + weight)), "a part of it")
    lemma(amount * (before + weight) <= amount * total, "of the whole")
    lemma(amount * total <= SUM_MAX * SUM_MAX, "which 126 bits hold")

    found = kernel("running_share")(amount, before, weight, total)

    prove(found == running_share(amount, before, weight, total), "the same share")


@theorem(
    "F1-bankruptcy-price",
    rules=("CLO-5",),
    claim="The kernel's bankruptcy price of a position's share of equity is the law's; 0 stands for none.",
    kernels=True,
    structural_bound="1 position",
    contracts=(requirement_is_at_least_one,),
    witness=(
        dict(wallet=-4, size=3, cost=20, mark=10, multiplier=2),
        dict(wallet=100, size=-3, cost=-20, mark=10, multiplier=2),
    ),
    mutant=Replace(
        "waterfall.bankruptcy_price", "(per_tick - 1 - share)", "(-share)", name="a deficit rounded to zero"
    ),
)
def bankruptcy_price_is_the_law(
    wallet: Quanta, size: Lots, cost: Quanta, mark: Ticks, multiplier: int
) -> None:
    within(size, -SIZE_MAX, SIZE_MAX)
    within(mark, 1, PRICE_MAX)
    within(multiplier, 1, MULTIPLIER_MAX)
    assume(size != 0, guard="ACC-1")  # a position that is 0 is no position
    lots = abs(size)
    assume(lots * multiplier * mark <= NOTIONAL_MAX, policy="POL-13")
    lemma((1 <= lots * multiplier) & (lots * multiplier <= lots * multiplier * mark), "a lot has a value")
    lemma(lots * mark * multiplier >= 1, "so has the position")
    share = wallet + size * mark * multiplier - cost
    within(share, -EQUITY_MAX, EQUITY_MAX)
    world = venue(policy({MARKET: market(multiplier)}), {"a": holder(wallet, size, cost)}, mark)

    found = kernel("bankruptcy_price")(size, mark, multiplier, share)
    price = bankruptcy_price(world, world.accounts["a"], MARKET)

    prove(found == (0 if price is None else price), "the same price")


@theorem(
    "F1-close-cost",
    rules=("LIQ-2", "RST-2"),
    claim="What the close of one lot costs is what the law says, for either side.",
    kernels=True,
    witness=(
        dict(size=3, mark=100, price=97, penalty=2_500, multiplier=7),
        dict(size=-3, mark=100, price=97, penalty=2_500, multiplier=7),
    ),
    mutant=Replace(
        "waterfall.close_cost", "penalty * price", "penalty * mark", name="the penalty on the mark"
    ),
)
def close_cost_is_the_law(size: Lots, mark: Ticks, price: Ticks, penalty: Ppm, multiplier: int) -> None:
    within(size, -SIZE_MAX, SIZE_MAX)
    within(mark, 1, PRICE_MAX)
    within(price, 1, PRICE_MAX)
    within(penalty, 0, RATE_MAX)
    within(multiplier, 1, MULTIPLIER_MAX)
    assume(size != 0, guard="LIQ-2")
    worse_by = mark - price if size > 0 else price - mark
    lemma((0 <= penalty * price) & (penalty * price <= RATE_MAX * PRICE_MAX), "a penalty is a share")
    each = PPM * worse_by + penalty * price
    lemma((-PPM * PRICE_MAX <= each) & (each <= 2 * PPM * PRICE_MAX), "of one unit of the multiplier")
    lemma(-PPM * PRICE_MAX * multiplier <= each * multiplier, "of one lot at the least")
    lemma(each * multiplier <= 2 * PPM * PRICE_MAX * multiplier, "and at the most")
    terms = market(multiplier, liquidation=Liquidation(FULL, penalty, band=0))

    found = kernel("close_cost")(size, mark, price, penalty, multiplier)

    prove(found == close_at(terms, size, mark, price, 0).cost, "the same cost")
    prove((-LOT_COST_MAX <= found) & (found <= LOT_COST_MAX), "within what the relief is proved for")


@theorem(
    "F1-room-and-relief",
    rules=("RST-1",),
    claim="The kernels' room above one line, and the relief of a lot, are the law's.",
    kernels=True,
    witness=(
        dict(lots=9, lot_value=100, room=0, cost=500_000, rate=50_000, amount=0),
        dict(lots=9, lot_value=100, room=40_000_000, cost=500_000, rate=50_000, amount=0),
    ),
    mutant=(
        Replace("waterfall.line_room", "+ amount", "- amount", name="the amount added"),
        Replace("waterfall.line_relief", "- cost", "+ cost", name="the cost of the close a gain"),
    ),
)
def room_and_relief_are_the_law(
    lots: Lots, lot_value: Quanta, room: QuantaPpm, cost: QuantaPpm, rate: Ppm, amount: QuantaPpm
) -> None:
    within(lots, 1, SIZE_MAX)
    within(lot_value, 1, NOTIONAL_MAX)
    assume(lots * lot_value <= NOTIONAL_MAX, policy="POL-13")
    within(room, -ROOM_MAX, ROOM_MAX)
    within(cost, -LOT_COST_MAX, LOT_COST_MAX)
    within(rate, 0, RATE_MAX)
    within(amount, 0, AMOUNT_MAX)
    line, close = Line(rate, amount, 0), Close(lots, lot_value, room, cost)
    held = lots * lot_value
    lemma(held >= 1, "a position has a value")
    lemma((0 <= rate * held) & (rate * held <= AMOUNT_MAX), "of which a margin is a share")
    lemma(rate * held == rate * lots * lot_value, "in either order")
    lemma((0 <= rate * lot_value) & (rate * lot_value <= AMOUNT_MAX), "so it is of one lot")

    above = kernel("line_room")(room, lots, lot_value, rate, amount)
    relief = kernel("line_relief")(lot_value, rate, cost)

    prove(above == room_above(line, close), "the same room")
    prove(relief == relief_of(line, close), "the same relief")
    prove((-LINE_MAX <= above) & (above <= LINE_MAX), "within what the lots are proved for")
    prove((-LINE_MAX <= relief) & (relief <= LINE_MAX), "for both")


@theorem(
    "F1-lots-for-line",
    rules=("RST-1",),
    claim="The kernel's lots that one line asks for are the law's.",
    kernels=True,
    witness=(
        dict(room=-7, relief=2, lots=9),
        dict(room=-7, relief=0, lots=9),
        dict(room=0, relief=2, lots=9),
    ),
    mutant=Replace("waterfall.lots_for_line", "relief - 1 - room", "-room", name="too few by one"),
)
def lots_for_line_are_the_law(room: QuantaPpm, relief: QuantaPpm, lots: Lots) -> None:
    within(room, -LINE_MAX, LINE_MAX)
    within(relief, -LINE_MAX, LINE_MAX)
    within(lots, 1, SIZE_MAX)

    found = kernel("lots_for_line")(room, relief, lots)
    if (room < 0) & (relief > 0):
        up = ceil_div(-room, relief)
        down = floor_div(relief - 1 - room, relief)
        lemma(implies(down <= up - 1, down * relief <= (up - 1) * relief), "either would be too small")
        lemma(implies(up + 1 <= down, (up + 1) * relief <= down * relief), "or too large")
        lemma(up == down, "rounded up is rounded down of almost one more")

    prove(found == lots_for_line(room, relief, lots), "the same lots")


@theorem(
    "F1-penalty",
    rules=("LIQ-3",),
    claim="The kernel's penalty is the law's.",
    kernels=True,
    witness=(
        dict(amount=1_000_001, rate=12_500, equity_free=50_000),
        dict(amount=1_000_001, rate=12_500, equity_free=9_000),
        dict(amount=1_000_001, rate=12_500, equity_free=-3),
    ),
    mutant=Replace("waterfall.liquidation_penalty", "+ 999_999", "", name="rounded down"),
)
def penalty_is_the_law(amount: Quanta, rate: Ppm, equity_free: Quanta) -> None:
    within(amount, 0, NOTIONAL_MAX)
    within(rate, 0, RATE_MAX)
    within(equity_free, -SUM_MAX, SUM_MAX)
    whole, rest = floor_div(amount, PPM), amount % PPM
    lemma(amount * rate == rate * whole * PPM + rate * rest, "the amount in two parts")
    lemma((0 <= rate * whole) & (rate * whole <= PPM * whole), "of a rate of 100 % at the most")
    lemma((0 <= rate * rest) & (rate * rest <= PPM * rest), "for both parts")

    found = kernel("liquidation_penalty")(amount, rate, equity_free)

    prove(found == liquidation_penalty(amount, rate, equity_free), "the same penalty")


@theorem(
    "F1-equity-to-keep",
    rules=("LIQ-3",),
    claim="The equity that the lots still open must keep is the law's.",
    kernels=True,
    witness=dict(equity=9, maintenance=10, after=7),
    mutant=Replace("waterfall.equity_to_keep", " + (maintenance - 1)", "", name="rounded down"),
)
def equity_to_keep_is_the_law(equity: Quanta, maintenance: Quanta, after: Quanta) -> None:
    within(equity, 0, EQUITY_MAX)
    within(maintenance, 1, MARGIN_MAX)
    assume(0 <= after, theorem="B1-account")
    assume(after <= maintenance, theorem="B2-requirement-monotone")
    lemma((0 <= equity * after) & (equity * after <= equity * maintenance), "a part of the equity")
    lemma(equity * maintenance <= EQUITY_MAX * MARGIN_MAX, "which 124 bits hold")
    up = ceil_div(equity * after, maintenance)
    down = floor_div(equity * after + maintenance - 1, maintenance)
    lemma(implies(down <= up - 1, down * maintenance <= (up - 1) * maintenance), "either would be too small")
    lemma(implies(up + 1 <= down, (up + 1) * maintenance <= down * maintenance), "or too large")
    lemma(implies(equity + 1 <= down, (equity + 1) * maintenance <= down * maintenance), "or above equity")

    found = kernel("equity_to_keep")(equity, maintenance, after)

    prove(found == equity_to_keep(Standing(equity, 0, maintenance), after), "the same equity")


@theorem(
    "F1-keeps-ratio",
    rules=("LIQ-4",),
    claim="The kernel's comparison of two ratios of equity to margin is the law's.",
    kernels=True,
    witness=(
        dict(equity=9, maintenance=10, equity_after=6, after=7),
        dict(equity=9, maintenance=10, equity_after=7, after=7),
    ),
    mutant=Replace(
        "waterfall.keeps_ratio",
        "after * maintenance >= before",
        "after * maintenance > before",
        name="equal refused",
    ),
)
def keeps_ratio_is_the_law(equity: Quanta, maintenance: Quanta, equity_after: Quanta, after: Quanta) -> None:
    within(equity, -SUM_MAX, SUM_MAX)
    within(equity_after, -SUM_MAX, SUM_MAX)
    within(maintenance, 0, MARGIN_MAX)
    within(after, 0, MARGIN_MAX)
    for value, margin in ((equity_after, maintenance), (equity, after)):
        lemma((-SUM_MAX * margin <= value * margin) & (value * margin <= SUM_MAX * margin), "in 125 bits")

    found = kernel("keeps_ratio")(equity, maintenance, equity_after, after)

    prove(found == keeps_ratio(Standing(equity, 0, maintenance), equity_after, after), "the same answer")


@theorem(
    "F1-takeover",
    rules=("TKO-1",),
    claim="The kernel's trigger of a takeover is the law's.",
    kernels=True,
    witness=(
        dict(equity=6, maintenance=10, trigger=666_667),
        dict(equity=7, maintenance=10, trigger=666_667),
    ),
    mutant=Replace("waterfall.may_be_taken_over", "< share", "<= share", name="taken over at the trigger"),
)
def takeover_trigger_is_the_law(equity: Quanta, maintenance: Quanta, trigger: Ppm) -> None:
    within(equity, -EQUITY_MAX, EQUITY_MAX)
    within(maintenance, 0, MARGIN_MAX)
    within(trigger, 0, RATE_MAX)
    lemma((0 <= trigger * maintenance) & (trigger * maintenance <= RATE_MAX * maintenance), "a share of it")

    found = kernel("may_be_taken_over")(equity, maintenance, trigger)

    prove(found == may_be_taken_over(equity, maintenance, trigger), "the same answer")


@theorem(
    "F1-lots-payable",
    rules=("INS-2",),
    claim="The lots whose gap the fund can pay are the law's.",
    kernels=True,
    witness=(dict(room=5, gap=7, lots=3, left=3), dict(room=5, gap=0, lots=3, left=3)),
    mutant=Replace("waterfall.lots_payable", "(paid + 1) * lots - 1", "paid * lots", name="one lot too few"),
)
def lots_payable_are_the_law(room: Quanta, gap: Quanta, lots: Lots, left: Lots) -> None:
    within(room, 0, DRAW_MAX)
    within(gap, 0, EQUITY_MAX)
    within(lots, 1, SIZE_MAX)
    within(left, 0, SIZE_MAX)
    lemma((lots <= (room + 1) * lots) & ((room + 1) * lots <= (room + 1) * SIZE_MAX), "in 128 bits")

    found = kernel("lots_payable")(room, gap, lots, left)

    prove(found == lots_payable(room, gap, lots, left), "the same lots")


@theorem(
    "F1-lots-within",
    rules=("INS-4",),
    claim="The lots that a taker carries are the law's.",
    kernels=True,
    witness=(
        dict(capacity=5, size=-3, offered=9),
        dict(capacity=5, size=7, offered=9),
        dict(capacity=5, size=-30, offered=9),
        dict(capacity=0, size=-5, offered=9),
        dict(capacity=-1, size=-5, offered=9),
    ),
    mutant=(
        Replace("waterfall.lots_within", "else space", "else offered", name="above its capacity"),
        Replace("waterfall.lots_within", ">= -capacity", "> -capacity", name="not closed to flat"),
    ),
)
def lots_within_are_the_law(capacity: Lots, size: Lots, offered: Lots) -> None:
    within(capacity, -1, SIZE_MAX)
    within(size, -SIZE_MAX, SIZE_MAX)
    within(offered, 0, SIZE_MAX)

    prove(
        kernel("lots_within")(capacity, size, offered) == lots_within(capacity, size, offered),
        "the same lots",
    )


@theorem(
    "F1-share-of-loss",
    rules=("LOS-4",),
    claim="The kernel's share of a loss is the law's, for all weights of 64 bits.",
    kernels=True,
    witness=(dict(loss=5, weight=2, total=7), dict(loss=7, weight=7, total=7)),
    mutant=Replace("waterfall.share_of_loss", " + (total - 1)", "", name="rounded down"),
)
def share_of_loss_is_the_law(loss: Quanta, weight: Quanta, total: Quanta) -> None:
    within(total, 1, SUM_MAX)
    assume(0 <= loss, guard="LOS-5")
    assume(loss <= total, guard="LOS-5")
    assume(0 <= weight, guard="LOS-3")
    assume(weight <= total, guard="LOS-5")  # the total is the sum of all weights
    lemma((0 <= loss * weight) & (loss * weight <= total * weight), "a part of the weight")
    lemma(total * weight <= SUM_MAX * SUM_MAX, "which 126 bits hold")
    up = ceil_div(loss * weight, total)
    down = floor_div(loss * weight + total - 1, total)
    lemma(implies(down <= up - 1, down * total <= (up - 1) * total), "either would be too small")
    lemma(implies(up + 1 <= down, (up + 1) * total <= down * total), "or too large")
    lemma(implies(weight + 1 <= down, (weight + 1) * total <= down * total), "or above the weight")

    found = kernel("share_of_loss")(loss, weight, total)

    prove(found == share_of_loss(loss, weight, total), "the same share")
