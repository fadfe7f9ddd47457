"""Contracts of chapters 3 and 8 to 11: gaps of several moves, liquidation, insurance, deleveraging, loss."""

from proofs.crosshair_contracts.entries import contract
from refmodel.allocation import CapRate, Level, cut_off, is_cut_off, queue_share
from refmodel.deleveraging import cap_of_line
from refmodel.gap import gap_after_move
from refmodel.insurance import lots_payable, lots_within
from refmodel.liquidation import equity_to_keep, keeps_ratio, liquidation_penalty
from refmodel.liquidation_price import Line
from refmodel.loss import share_of_loss
from refmodel.margin import Standing
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, running_share
from refmodel.policy import BINANCE, BYBIT, HYPERLIQUID
from refmodel.ranking import Holding, Ranked, Score, comes_before, score
from refmodel.restore import lots_for_line
from refmodel.takeover import may_be_taken_over

# ------------------------------------------------------------ chapters 1 and 3, shares and gaps


@contract(amount=10, before=1, weight=2, total=7)
def running_share_is_within_one_of_its_proportion(amount: int, before: int, weight: int, total: int) -> None:
    assert amount >= 0 and before >= 0 and weight >= 0 and 0 < total
    share = running_share(amount, before, weight, total)
    assert 0 <= share
    assert abs(share * total - amount * weight) < total


@contract(amount=10, first=3, second=4)
def running_shares_of_all_sum_to_the_amount(amount: int, first: int, second: int) -> None:
    assert amount >= 0 and first >= 0 and second >= 0 and first + second > 0
    total = first + second
    assert running_share(amount, 0, first, total) + running_share(amount, first, second, total) == amount


@contract(total=5_000, gap=2_000)
def one_more_move_is_a_move_of_the_moved_mark(total: Ppm, gap: Ppm) -> None:
    assert total >= 0 and 0 <= gap <= PPM
    after = gap_after_move(total, gap)
    exact = (PPM + total) * (PPM + gap)  # of PPM x PPM, where the mark was
    assert (PPM + after) * PPM >= exact
    assert (PPM + after - 1) * PPM < exact


# -------------------------------------------------------------------- chapter 8, liquidation


@contract(amount=1_000_001, rate=12_500, equity_free=9_000)
def penalty_is_a_share_rounded_up_or_all_that_is_free(amount: Quanta, rate: Ppm, equity_free: Quanta) -> None:
    assert amount >= 0 and 0 <= rate <= PPM
    penalty = liquidation_penalty(amount, rate, equity_free)
    assert 0 <= penalty <= max(equity_free, 0)
    assert (penalty - 1) * PPM < amount * rate
    if penalty < equity_free:
        assert penalty * PPM >= amount * rate


@contract(equity=9, maintenance=10, after=7)
def what_must_be_kept_keeps_the_ratio_and_one_less_does_not(
    equity: Quanta, maintenance: Quanta, after: Quanta
) -> None:
    assert 0 <= equity and 0 <= after <= maintenance and maintenance >= 1
    before = Standing(equity, maintenance, maintenance)
    kept = equity_to_keep(before, after)
    assert 0 <= kept <= equity
    assert keeps_ratio(before, kept, after)
    assert not keeps_ratio(before, kept - 1, after)


@contract(equity=9, maintenance=10, equity_after=7, after=7, more=1)
def who_keeps_the_ratio_keeps_it_with_more_equity(
    equity: Quanta, maintenance: Quanta, equity_after: Quanta, after: Quanta, more: Quanta
) -> None:
    assert maintenance >= 1 and after >= 0 and more >= 0
    before = Standing(equity, maintenance, maintenance)
    keeps = keeps_ratio(before, equity_after, after)
    assert not keeps or keeps_ratio(before, equity_after + more, after)
    if after == 0:
        assert keeps == (equity_after >= 0)


@contract(room=-7, relief=2, lots=9)
def lots_of_a_line_are_the_least_that_are_enough(room: QuantaPpm, relief: QuantaPpm, lots: Lots) -> None:
    assert lots >= 1
    closed = lots_for_line(room, relief, lots)
    assert 0 <= closed <= lots
    if closed < lots:
        assert room + relief * closed >= 0
    if closed >= 1:
        assert room + relief * (closed - 1) < 0


# ---------------------------------------------------------------------- chapter 9, insurance


@contract(room=5, gap=7, lots=3, left=3)
def lots_payable_are_the_most_whose_gap_fits_the_room(
    room: Quanta, gap: Quanta, lots: Lots, left: Lots
) -> None:
    assert room >= 0 and gap >= 0 and lots >= 1 and left >= 0
    paid = lots_payable(room, gap, lots, left)
    assert 0 <= paid <= left
    assert running_share(gap, 0, paid, lots) <= room
    assert paid == left or running_share(gap, 0, paid + 1, lots) > room


@contract(capacity=5, size=-3, offered=9)
def lots_within_a_capacity_end_within_it(capacity: Lots, size: Lots, offered: Lots) -> None:
    assert capacity >= -1 and offered >= 0
    taken = lots_within(capacity, size, offered)
    assert 0 <= taken <= offered
    if taken > 0:
        assert abs(size + taken) <= capacity
    if 0 < taken < offered:
        assert size + taken == capacity


@contract(equity=6, maintenance=10, trigger=666_667)
def who_may_be_taken_over_is_below_a_share_of_its_margin(
    equity: Quanta, maintenance: Quanta, trigger: Ppm
) -> None:
    assert 0 <= equity and 0 <= maintenance and 0 <= trigger <= PPM
    may = may_be_taken_over(equity, maintenance, trigger)
    if may:
        assert equity < maintenance and trigger > 0
    if may and equity > 0:
        assert may_be_taken_over(equity - 1, maintenance, trigger)


# ------------------------------------------------------------------ chapter 10, deleveraging


@contract(value=100, cost=70, wallet=30, equity=40, maintenance=5, formula=1)
def score_has_the_sign_of_the_profit_where_it_weighs_profit(
    value: Quanta, cost: Quanta, wallet: Quanta, equity: Quanta, maintenance: Quanta, formula: int
) -> None:
    assert value != 0 and equity >= 1 and maintenance >= 1 and 0 <= formula <= 2
    scored = score(Holding(value, cost, wallet, equity, maintenance), (BINANCE, BYBIT, HYPERLIQUID)[formula])
    assert scored.denominator >= 1
    if formula == 0:
        assert (scored.numerator > 0) == (value > cost) and scored.numerator >= 0
    if formula == 1:
        assert (scored.numerator > 0) == (value > cost) and (scored.numerator < 0) == (value < cost)


@contract(first=2, of_first=3, notional=5, second=4, of_second=6, other=5, first_is_smaller=True)
def of_two_holders_exactly_one_comes_before_the_other(
    first: int,
    of_first: int,
    notional: Quanta,
    second: int,
    of_second: int,
    other: Quanta,
    first_is_smaller: bool,
) -> None:
    assert of_first >= 1 and of_second >= 1
    names = ("a", "b") if first_is_smaller else ("b", "a")
    one = Ranked(names[0], Score(first, of_first), notional)
    another = Ranked(names[1], Score(second, of_second), other)
    assert comes_before(one, another) != comes_before(another, one)
    assert not comes_before(one, one)
    if first * of_second > second * of_first:
        assert comes_before(one, another)


@contract(lots=9, lot_value=100, room=100, gap=90, gap_lots=9, rate=50_000, amount=0)
def cap_of_a_line_is_the_last_lot_above_it(
    lots: Lots, lot_value: Quanta, room: Quanta, gap: Quanta, gap_lots: Lots, rate: Ppm, amount: QuantaPpm
) -> None:
    assert lots >= 1 and lot_value >= 1 and gap >= 0 and gap_lots >= 1 and 0 <= rate <= PPM and amount >= 0
    cap = cap_of_line(Line(rate, amount, 0), lots, lot_value, room, gap, gap_lots)
    above = gap_lots * (PPM * room - rate * lots * lot_value + amount)
    lost_per_lot = PPM * gap - gap_lots * rate * lot_value
    assert 0 <= cap <= lots
    assert cap == 0 or above - lost_per_lot * cap >= 0
    assert cap == 0 or above - lost_per_lot >= 0
    assert cap == lots or above - lost_per_lot * (cap + 1) < 0


@contract(left=6, cap=3)
def queue_share_leaves_nothing_or_takes_the_whole_cap(left: Lots, cap: Lots) -> None:
    assert left >= 0 and cap >= 0
    share = queue_share(left, cap)
    assert 0 <= share <= left and share <= cap
    assert share in (left, cap)


@contract(left=6, active=12, lots=4, cap=1)
def who_is_cut_off_leaves_no_smaller_share_to_the_others(
    left: Lots, active: Lots, lots: Lots, cap: Lots
) -> None:
    assert 0 <= cap <= lots < active and 0 <= left
    if is_cut_off(Level(left, active), lots, cap):
        after = cut_off(Level(left, active), lots, cap)
        assert after.left * active >= left * after.active


@contract(cap=1, lots=4, other_cap=2, other_lots=5)
def of_two_caps_at_most_one_is_the_sooner(cap: Lots, lots: Lots, other_cap: Lots, other_lots: Lots) -> None:
    assert 0 <= cap <= lots and 0 <= other_cap <= other_lots and lots >= 1 and other_lots >= 1
    sooner = CapRate(cap, lots) < CapRate(other_cap, other_lots)
    assert not (sooner and CapRate(other_cap, other_lots) < CapRate(cap, lots))


# -------------------------------------------------------------------------- chapter 11, loss


@contract(loss=5, weight=2, total=7)
def share_of_a_loss_is_at_most_the_weight_and_rounded_up(loss: Quanta, weight: Quanta, total: Quanta) -> None:
    assert 0 <= loss <= total and 0 <= weight <= total and total >= 1
    share = share_of_loss(loss, weight, total)
    assert 0 <= share <= weight
    assert share * total >= loss * weight
    assert (share - 1) * total < loss * weight


@contract(loss=5, weight=2, other=5)
def shares_of_a_loss_pay_it_and_less_than_a_quantum_more_each(
    loss: Quanta, weight: Quanta, other: Quanta
) -> None:
    assert weight >= 0 and other >= 0 and 0 <= loss <= weight + other and weight + other >= 1
    total = weight + other
    paid = share_of_loss(loss, weight, total) + share_of_loss(loss, other, total)
    assert loss <= paid < loss + 2
