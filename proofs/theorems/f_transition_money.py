"""F1 and F2 of the engine, continued. Kernels of money, funding, funds, backstops and holders.

As f_transition_kernels.py, of fastpath/transitions.py.
"""

from fastpath.domain import (
    DRAW_MAX,
    EQUITY_MAX,
    MARGIN_MAX,
    MULTIPLIER_MAX,
    NOTIONAL_MAX,
    PRICE_MAX,
    SIZE_MAX,
    SUM_MAX,
)
from proofs.machine import kernel
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.theorems.f_kernels import product_in_two_parts, within
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.funding import funding_per_lot, funding_postings
from refmodel.insurance import draw_room, drawn_so_far, fund_inflow, profit_of
from refmodel.loss import weight_of
from refmodel.numbers import PPM, Lots, Millis, Ppm, Quanta, Ticks, floor_div
from refmodel.policy import AT_OR_BELOW, PAYERS, TRIGGERS
from refmodel.state import CROSS, Pool, equity
from refmodel.withdrawal import transfer_margin


@theorem(
    "F1-transfer-margin",
    rules=("WDR-3",),
    claim="The kernel's transfer requirement is the law's, for every notional of an account.",
    kernels=True,
    structural_bound="1 position",
    witness=(dict(total=1_000_001, rate=100_000), dict(total=0, rate=100_000)),
    mutant=Replace("transitions.transfer_margin", " + 999_999", "", name="rounded down"),
)
def transfer_margin_is_the_law(total: Quanta, rate: Ppm) -> None:
    within(total, 0, MARGIN_MAX)
    assume(0 <= rate, policy="POL-15")
    assume(rate <= PPM, policy="POL-15")
    product_in_two_parts(total, rate)
    account = holder(0, total)  # lots of one quantum each: the law reads nothing of them but their notional
    world = venue(policy({MARKET: market()}, transfer_rate=rate), {"a": account}, 1)

    found = kernel("transfer_margin")(total, rate)

    prove(found == transfer_margin(world, account), "the same requirement")


@theorem(
    "F1-funding",
    rules=("FUN-2", "FUN-3"),
    claim="What a long lot pays, and what each holder receives, are the law's, for either sign of the rate.",
    kernels=True,
    structural_bound="1 holder",
    effort=2.0,
    witness=(
        dict(rate=100, mark=10_001, multiplier=7, size=3),
        dict(rate=-100, mark=10_001, multiplier=7, size=-3),
    ),
    mutant=(
        Replace("transitions.funding_per_lot", " + 999_999", "", name="a negative rate rounded to zero"),
        Replace("transitions.funding_payment", "-per_lot", "per_lot", name="longs receive"),
    ),
)
def funding_is_the_law(rate: Ppm, mark: Ticks, multiplier: int, size: Lots) -> None:
    assume(-PPM <= rate, policy="POL-11")
    assume(rate <= PPM, policy="POL-11")
    within(mark, 1, PRICE_MAX)
    within(multiplier, 1, MULTIPLIER_MAX)
    within(size, -SIZE_MAX, SIZE_MAX)
    assume(size != 0, guard="ACC-1")  # a position that is 0 is no position
    value, lots = mark * multiplier, abs(size)
    assume(lots * value <= NOTIONAL_MAX, policy="POL-13")
    lemma((1 <= value) & (value <= lots * value), "a lot has a value")
    whole, rest = floor_div(value, PPM), value % PPM
    lemma(rate * mark * multiplier == rate * value, "of one lot")
    lemma(rate * value == rate * whole * PPM + rate * rest, "in two parts")
    lemma((-PPM * whole <= rate * whole) & (rate * whole <= PPM * whole), "of a rate of 100 % at the most")
    lemma((-PPM * rest <= rate * rest) & (rate * rest <= PPM * rest), "for both parts")
    if rate >= 0:
        lemma(rate * rest >= 0, "a long pays")
    else:
        lemma(rate * rest <= 0, "a long receives")
    world = venue(policy({MARKET: market(multiplier)}), {"a": holder(0, size, 0)}, mark)

    per_lot = kernel("funding_per_lot")(rate, value)
    lemma((-value <= per_lot) & (per_lot <= value), "at most the lot itself")
    if per_lot >= 0:
        lemma((0 <= per_lot * lots) & (per_lot * lots <= value * lots), "and of all lots the position")
    else:
        lemma((-value * lots <= per_lot * lots) & (per_lot * lots <= 0), "and of all lots the position")
    payment = kernel("funding_payment")(per_lot, size)

    prove(per_lot == funding_per_lot(rate, mark, multiplier), "the same per lot")
    prove(payment == funding_postings(world, MARKET, per_lot)[0].amount, "the same payment")
    prove((-NOTIONAL_MAX <= payment) & (payment <= NOTIONAL_MAX), "at most the notional")


@theorem(
    "F1-draw-room",
    rules=("INS-1",),
    claim="What a fund has paid in this period, and what it may still pay, are the law's.",
    kernels=True,
    witness=(
        dict(fund=50, limit=20, drawn=7, counted=3, clock=35, length=10),
        dict(fund=50, limit=20, drawn=7, counted=2, clock=35, length=10),
        dict(fund=50, limit=20, drawn=70, counted=3, clock=35, length=10),
        dict(fund=5, limit=20, drawn=7, counted=3, clock=35, length=10),
    ),
    mutant=(
        Replace(
            "transitions.drawn_so_far",
            "counted_period == period",
            "counted_period <= period",
            name="every period",
        ),
        Replace("transitions.draw_room", "if left > fund", "if left < fund", name="the fund or the limit"),
        Replace("transitions.draw_room", "left if left > 0 else 0", "left", name="less than nothing"),
    ),
)
def draw_room_is_the_law(
    fund: Quanta, limit: Quanta, drawn: Quanta, counted: int, clock: Millis, length: Millis
) -> None:
    within(fund, 0, SUM_MAX)
    within(limit, 0, DRAW_MAX)
    within(drawn, 0, SUM_MAX)
    within(clock, 0, SUM_MAX)
    within(counted, -SUM_MAX, SUM_MAX)
    assume(1 <= length, policy="POL-17")
    period = floor_div(clock, length)
    lemma((0 <= period) & (period <= clock), "a period is of at least a millisecond")
    pools = {CROSS: Pool(fund=fund, draw_period=counted, drawn=drawn)}
    terms = policy({MARKET: market()}, draw_period=length, draw_limit=limit)
    world = venue(terms, {}, pools=pools, clock=clock)

    paid = kernel("drawn_so_far")(drawn, counted, period)
    room = kernel("draw_room")(fund, limit, paid)

    prove(paid == drawn_so_far(world, CROSS), "the same has been paid")
    prove(room == draw_room(world, CROSS), "the same may be paid")


@theorem(
    "F1-repaid",
    rules=("FND-1",),
    claim="What of an inflow of a fund repays bad debt is what the law posts there.",
    kernels=True,
    witness=(dict(amount=5, bad_debt=3), dict(amount=3, bad_debt=5)),
    mutant=Replace("transitions.repaid", "amount < bad_debt", "amount > bad_debt", name="the larger of both"),
)
def repaid_is_the_law(amount: Quanta, bad_debt: Quanta) -> None:
    within(amount, 0, SUM_MAX)
    within(bad_debt, 0, SUM_MAX)
    world = venue(policy({MARKET: market()}), {}, pools={CROSS: Pool(bad_debt=bad_debt)})

    found = kernel("repaid")(amount, bad_debt)

    to_bad_debt, to_fund = fund_inflow(world, CROSS, amount)
    prove(found == to_bad_debt.amount, "the same is repaid")
    prove(amount - found == to_fund.amount, "and the rest goes to the fund")


@theorem(
    "F1-backstop-most",
    rules=("INS-3",),
    claim="The lots that the limits of a backstop admit are the law's, negative if there is no room.",
    kernels=True,
    witness=(
        dict(size_max=50, notional_max=1_000, others=300, lot_value=7),
        dict(size_max=500, notional_max=1_000, others=300, lot_value=7),
        dict(size_max=50, notional_max=300, others=1_000, lot_value=7),
    ),
    mutant=(
        Replace("transitions.backstop_most", "lot_value - 1 - left", "-left", name="a lack rounded to zero"),
        Replace("transitions.backstop_most", "left < size_max", "left > size_max", name="the larger of both"),
    ),
)
def backstop_most_is_the_law(size_max: Lots, notional_max: Quanta, others: Quanta, lot_value: Quanta) -> None:
    within(size_max, 1, SIZE_MAX)
    within(notional_max, 0, MARGIN_MAX)
    within(others, 0, MARGIN_MAX)
    within(lot_value, 1, NOTIONAL_MAX)
    left = notional_max - others
    admitted = floor_div(left, lot_value)
    if left >= 0:
        lemma((0 <= admitted) & (admitted <= left), "a lot is worth at least a quantum")
    else:
        lemma((left <= admitted) & (admitted <= -1), "a lot is worth at least a quantum")

    found = kernel("backstop_most")(size_max, notional_max, others, lot_value)

    prove(found == min(size_max, admitted), "the same lots")


@theorem(
    "F1-middle",
    rules=("NUM-6",),
    claim="The number asked about next is the law's, above what is known and not above what is not.",
    kernels=True,
    witness=(dict(known=3, unknown=8), dict(known=3, unknown=4), dict(known=4, unknown=4)),
    mutant=Replace("transitions.middle_of", "unknown + 1", "unknown", name="the known one asked again"),
)
def middle_is_the_law(known: Lots, unknown: Lots) -> None:
    within(known, 0, SIZE_MAX)
    within(unknown, 0, SIZE_MAX)
    assume(known <= unknown, guard="NUM-6")

    found = kernel("middle_of")(known, unknown)

    prove(found == floor_div(known + unknown + 1, 2), "the same number")
    prove(implies(known < unknown, (known < found) & (found <= unknown)), "so that each answer leaves fewer")


@theorem(
    "F1-reserve",
    rules=("ADL-3",),
    claim="The room that a holder's cap starts from is the law's, less what is kept in reserve.",
    kernels=True,
    witness=(dict(trigger=0, equity=9, others=3), dict(trigger=1, equity=9, others=3)),
    mutant=Replace("transitions.room_in_reserve", "(1 + trigger)", "1", name="the trigger ignored"),
)
def reserve_is_the_law(equity: Quanta, others: Quanta) -> None:
    within(equity, -EQUITY_MAX, EQUITY_MAX)
    within(others, 0, MARGIN_MAX)
    trigger = choice("trigger", *TRIGGERS)
    reserve = 2 if trigger == AT_OR_BELOW else 1

    found = kernel("room_in_reserve")(equity, others, TRIGGERS.index(trigger))

    prove(found == equity - others - reserve, "the same room")


@theorem(
    "F1-weight-of-payer",
    rules=("LOS-3",),
    claim="What an account can be asked for of a loss is the law's, by profit and by equity.",
    kernels=True,
    structural_bound="1 position",
    witness=(
        dict(payers=0, wallet=5, cost=-9),
        dict(payers=0, wallet=-5, cost=-9),
        dict(payers=1, wallet=5, cost=9),
    ),
    mutant=(
        Replace("transitions.weight_of", "payers == 0", "payers == 1", name="the other payers"),
        Replace("transitions.weight_of", "weight if weight > 0 else 0", "weight", name="less than nothing"),
    ),
)
def weight_is_the_law(wallet: Quanta, cost: Quanta) -> None:
    payers = choice("payers", *PAYERS)
    account = holder(wallet, 1, cost)
    world = venue(policy({MARKET: market()}, payers=payers), {"a": account}, 1)
    profit, equity_now = profit_of(world, account, MARKET), equity(world, account)
    within(profit, -SUM_MAX, SUM_MAX)
    within(equity_now, -SUM_MAX, SUM_MAX)

    found = kernel("weight_of")(profit, equity_now, PAYERS.index(payers))

    prove(found == weight_of(world, account), "the same weight")
