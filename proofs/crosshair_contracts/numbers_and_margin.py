"""Contracts of chapters 1 to 3: numbers, state, margin, prices and gaps."""

from proofs.crosshair_contracts.entries import contract
from refmodel.gap import effective_rate, gap_survived, gap_survived_with_penalty
from refmodel.liquidation_price import (
    Line,
    first_tick_of_long,
    first_tick_of_short,
    highest_tick,
    lowest_tick,
)
from refmodel.margin import (
    BANKRUPT,
    FLAT,
    HEALTHY,
    STATUSES,
    Standing,
    bracket_margin,
    bracket_term,
    carries,
    initial_rate_of_leverage,
    is_liquidatable,
    lots_at_risk,
    notional,
    published_amount,
    sqrt_margin,
    status,
    top_rate,
    whole_margin,
    whole_rate,
    whole_term,
)
from refmodel.numbers import (
    PPM,
    Lots,
    Ppm,
    Quanta,
    QuantaPpm,
    Ticks,
    ceil_div,
    floor_div,
    is_whole,
    isqrt_ceil,
)
from refmodel.policy import AT_OR_BELOW, BELOW, BRACKET, WHOLE, Schedule, Tier
from refmodel.postings import Posting, lots_of, sums_to_zero, wallet_of
from refmodel.state import position_value

# ---------------------------------------------------------------------- chapter 1, numbers


@contract(numerator=-7, divisor=3)
def ceil_div_is_the_least_whole_number_at_or_above(numerator: int, divisor: int) -> None:
    assert divisor > 0
    quotient = ceil_div(numerator, divisor)
    assert quotient * divisor >= numerator
    assert (quotient - 1) * divisor < numerator


@contract(numerator=-7, divisor=3)
def floor_div_is_the_largest_whole_number_at_or_below(numerator: int, divisor: int) -> None:
    assert divisor > 0
    quotient = floor_div(numerator, divisor)
    assert quotient * divisor <= numerator
    assert (quotient + 1) * divisor > numerator


@contract(numerator=7, divisor=3)
def two_directions_of_a_division_differ_by_the_remainder(numerator: int, divisor: int) -> None:
    assert divisor > 0
    above = ceil_div(numerator, divisor)
    below = floor_div(numerator, divisor)
    assert above - below == (0 if numerator == below * divisor else 1)
    assert ceil_div(-numerator, divisor) == -below


@contract(searched="numbers below 2 to the 40, as far as the seconds reach", number=17)
def isqrt_ceil_is_the_least_root_at_or_above(number: int) -> None:
    assert 0 <= number < 1 << 40
    root = isqrt_ceil(number)
    assert root >= 0
    assert root * root >= number
    assert root == 0 or (root - 1) * (root - 1) < number


@contract(number=16)
def isqrt_ceil_is_right_for_every_small_number(number: int) -> None:
    assert 0 <= number <= 20
    root = isqrt_ceil(number)
    assert root * root >= number
    assert root == 0 or (root - 1) * (root - 1) < number


@contract(value=3)
def only_an_int_is_whole(value: int | float | str | bool | None) -> None:
    assert value != ""
    answer = is_whole(value)
    assert answer == (isinstance(value, int) and not isinstance(value, bool))


# ------------------------------------------------------------------------ chapter 2, state


@contract(size=-3, mark=500, multiplier=100)
def value_of_a_position_and_of_its_opposite_cancel(size: Lots, mark: Ticks, multiplier: int) -> None:
    assert mark >= 1 and multiplier >= 1
    value = position_value(size, mark, multiplier)
    assert value + position_value(-size, mark, multiplier) == 0
    assert abs(value) == notional(abs(size), mark, multiplier)
    assert (value > 0) == (size > 0)


@contract(first=5, second=-5, moved=3)
def postings_balance_exactly_when_they_sum_to_zero(first: Quanta, second: Quanta, moved: Lots) -> None:
    assert first != 0
    money = (Posting("TRD-5", wallet_of("a"), first), Posting("TRD-5", wallet_of("b"), second))
    lots = (Posting("TRD-5", lots_of("a", "M"), -moved), Posting("TRD-5", lots_of("b", "M"), moved))
    assert sums_to_zero((*money, *lots)) == (first + second == 0)


# ----------------------------------------------------------------------- chapter 3, margin


@contract(size=-3, mark=500, multiplier=100)
def notional_is_never_negative(size: Lots, mark: Ticks, multiplier: int) -> None:
    assert mark >= 1 and multiplier >= 1
    amount = notional(abs(size), mark, multiplier)
    assert amount >= abs(size)


@contract(amount=700, floor=500, rise=5_000, more=1)
def bracket_term_never_falls_with_the_notional(
    amount: Quanta, floor: Quanta, rise: Ppm, more: Quanta
) -> None:
    assert amount >= 0 and floor >= 0 and 0 <= rise <= PPM and more >= 0
    term = bracket_term(amount, floor, rise)
    assert 0 <= term <= bracket_term(amount + more, floor, rise)
    assert bracket_term(amount + more, floor, rise) - term <= rise * more
    assert term == 0 or amount > floor


@contract(amount=700, floor=500, rise=5_000, more=1)
def whole_term_is_the_rise_once_the_floor_is_passed(
    amount: Quanta, floor: Quanta, rise: Ppm, more: Quanta
) -> None:
    assert amount >= 0 and floor >= 0 and rise >= 0 and more >= 0
    term = whole_term(amount, floor, rise)
    assert term == (rise if amount > floor else 0)
    assert term <= whole_term(amount + more, floor, rise)


@contract(amount=1_000_001, floor=600_000, lower=5_000, rise=5_000)
def bracket_margin_is_the_largest_published_line(
    amount: Quanta, floor: Quanta, lower: Ppm, rise: Ppm
) -> None:
    assert amount >= 0 and floor > 0 and lower >= 0 and rise >= 0
    tiers = (Tier(0, lower), Tier(floor, rise))
    margin = bracket_margin(amount, tiers)
    published = max(top_rate(tiers[:1]) * amount, top_rate(tiers) * amount - published_amount(tiers))
    assert margin * PPM >= published
    assert (margin - 1) * PPM < published


@contract(amount=900, other=400, floor=500, lower=5_000, rise=5_000)
def splitting_a_position_never_saves_more_than_its_rounding(
    amount: Quanta, other: Quanta, floor: Quanta, lower: Ppm, rise: Ppm
) -> None:
    assert amount >= 0 and other >= 0 and floor > 0 and lower >= 0 and rise >= 0
    tiers = (Tier(0, lower), Tier(floor, rise))
    together = bracket_margin(amount + other, tiers)
    assert bracket_margin(amount, tiers) + bracket_margin(other, tiers) <= together + 1


@contract(amount=900, more=5, first=500, second=800, low=5_000, mid=5_000, high=10_000)
def bracket_margin_of_three_tiers_never_falls(
    amount: Quanta, more: Quanta, first: Quanta, second: Quanta, low: Ppm, mid: Ppm, high: Ppm
) -> None:
    assert amount >= 0 and more >= 0 and 0 < first < second and low >= 0 and mid >= 0 and high >= 0
    tiers = (Tier(0, low), Tier(first, mid), Tier(second, high))
    assert 0 <= bracket_margin(amount, tiers) <= bracket_margin(amount + more, tiers)


@contract(amount=900, first=500, second=800, low=5_000, mid=5_000, high=10_000)
def whole_margin_is_never_below_bracket_margin(
    amount: Quanta, first: Quanta, second: Quanta, low: Ppm, mid: Ppm, high: Ppm
) -> None:
    assert amount >= 0 and 0 < first < second and low >= 0 and mid >= 0 and high >= 0
    tiers = (Tier(0, low), Tier(first, mid), Tier(second, high))
    assert whole_margin(amount, tiers) >= bracket_margin(amount, tiers) >= 0


@contract(floor=500, lower=5_000, rise=5_000)
def a_notional_at_a_floor_is_still_in_the_tier_below(floor: Quanta, lower: Ppm, rise: Ppm) -> None:
    assert floor > 0 and lower >= 0 and rise >= 0
    tiers = (Tier(0, lower), Tier(floor, rise))
    assert whole_rate(floor, tiers) == lower
    assert whole_rate(floor + 1, tiers) == lower + rise
    assert whole_margin(0, tiers) == 0


@contract(
    searched="factors below 1_000 and lots below 1_000_000, as far as the seconds reach",
    lots=9,
    amount=1_000,
    base=5_000,
    factor=900,
)
def sqrt_margin_is_at_least_the_base_rate(lots: Lots, amount: Quanta, base: Ppm, factor: Ppm) -> None:
    assert 0 <= lots < 1_000_000 and 0 <= amount and 1 <= base <= PPM and 0 <= factor < 1_000
    margin = sqrt_margin(lots, amount, base, factor)
    assert margin * PPM >= amount * base
    if lots >= 1:
        assert margin * PPM >= amount * factor


@contract(size=-3, buys=5, sells=2)
def lots_at_risk_is_the_worst_of_both_sides(size: Lots, buys: Lots, sells: Lots) -> None:
    assert buys >= 0 and sells >= 0
    lots = lots_at_risk(size, buys, sells)
    assert lots >= abs(size)
    assert lots in (abs(size + buys), abs(size - sells))
    assert lots <= abs(size) + max(buys, sells)


@contract(equity=10, maintenance=10, at=True)
def an_account_above_its_margin_or_without_one_is_not_liquidatable(
    equity: Quanta, maintenance: Quanta, at: bool
) -> None:
    assert maintenance >= 0
    liquidatable = is_liquidatable(equity, maintenance, AT_OR_BELOW if at else BELOW)
    if maintenance == 0 or equity > maintenance:
        assert not liquidatable
    elif equity < maintenance:
        assert liquidatable
    else:
        assert liquidatable == at


@contract(equity=10, initial=10, maintenance=5, at=False)
def status_is_one_of_five_and_healthy_is_to_carry(
    equity: Quanta, initial: Quanta, maintenance: Quanta, at: bool
) -> None:
    assert 0 <= maintenance <= initial
    trigger = AT_OR_BELOW if at else BELOW
    standing = Standing(equity, initial, maintenance)
    answer = status(standing, trigger)
    assert answer in STATUSES
    assert (answer == BANKRUPT) == (equity < 0)
    if answer == HEALTHY:
        assert carries(standing, trigger)
    elif answer != FLAT:
        assert not carries(standing, trigger)


@contract(leverage=3)
def initial_rate_is_the_least_that_allows_no_higher_leverage(leverage: int) -> None:
    assert leverage >= 1
    rate = initial_rate_of_leverage(leverage)
    assert 1 <= rate <= PPM
    assert rate * leverage >= PPM
    assert (rate - 1) * leverage < PPM


# -------------------------------------------------------------- chapter 3, prices and gaps


def _fails(room: QuantaPpm, value: Quanta, sign: int, line: Line) -> bool:
    """Whether an account is below one line of its requirement when its position is worth sign x value."""
    return value > line.above and room + sign * PPM * value < line.rate * value - line.amount


@contract(lots=2, room=-900_000_000, mark=500, rate=10_000, amount=0, above=0)
def first_tick_of_a_long_fails_and_none_between_it_and_the_mark_does(
    lots: Lots, room: QuantaPpm, mark: Ticks, rate: Ppm, amount: QuantaPpm, above: Quanta
) -> None:
    assert lots >= 1 and mark >= 2 and 0 <= rate < PPM and amount >= 0 and above >= 0
    line = Line(rate, amount, above)
    is_safe_now = not _fails(room, notional(lots, mark, 1), 1, line)
    tick = first_tick_of_long(lots, 1, room, mark, line)
    assert 0 <= tick < mark
    if tick >= 1:
        assert _fails(room, notional(lots, tick, 1), 1, line)
    if is_safe_now and tick + 1 < mark:
        assert not _fails(room, notional(lots, tick + 1, 1), 1, line)


@contract(lots=2, room=3_000_000_000, rate=10_000, amount=0, above=0)
def first_tick_of_a_short_fails_and_no_lower_tick_does(
    lots: Lots, room: QuantaPpm, rate: Ppm, amount: QuantaPpm, above: Quanta
) -> None:
    assert lots >= 1 and 0 <= rate <= PPM and amount >= 0 and above >= 0
    line = Line(rate, amount, above)
    tick = first_tick_of_short(lots, 1, room, line)
    assert tick >= 1
    assert _fails(room, notional(lots, tick, 1), -1, line)
    assert tick == 1 or not _fails(room, notional(lots, tick - 1, 1), -1, line)


@contract(lots=2, room=-900_000_000, mark=500, low=5_000, high=10_000, above=100)
def nearest_tick_of_a_long_is_the_highest_of_its_lines(
    lots: Lots, room: QuantaPpm, mark: Ticks, low: Ppm, high: Ppm, above: Quanta
) -> None:
    assert lots >= 1 and mark >= 2 and 0 <= low <= high < PPM and above >= 0
    lines = (Line(low, 0, 0), Line(high, 0, above))
    ticks = [first_tick_of_long(lots, 1, room, mark, line) for line in lines]
    nearest = highest_tick(lines, lots, 1, room, mark)
    assert nearest in ticks and nearest >= ticks[0] and nearest >= ticks[1]
    assert highest_tick((), lots, 1, room, mark) == 0


@contract(lots=2, room=3_000_000_000, beyond=1_001, low=5_000, high=10_000, above=100)
def nearest_tick_of_a_short_is_the_lowest_of_its_lines(
    lots: Lots, room: QuantaPpm, beyond: Ticks, low: Ppm, high: Ppm, above: Quanta
) -> None:
    assert lots >= 1 and beyond >= 1 and 0 <= low <= high <= PPM and above >= 0
    lines = (Line(low, 0, 0), Line(high, 0, above))
    ticks = [first_tick_of_short(lots, 1, room, line) for line in lines]
    nearest = lowest_tick(lines, lots, 1, room, beyond)
    assert nearest in ticks and nearest <= ticks[0] and nearest <= ticks[1]
    assert lowest_tick((), lots, 1, room, beyond) == beyond


@contract(floor=500, lower=5_000, rise=5_000)
def effective_rate_lies_between_the_lowest_and_the_tier_rate(floor: Quanta, lower: Ppm, rise: Ppm) -> None:
    assert floor > 0 and lower >= 0 and rise >= 0
    tiers = (Tier(0, lower), Tier(floor, rise))
    assert effective_rate(Schedule(BRACKET, tiers), 0) == lower
    assert lower <= effective_rate(Schedule(BRACKET, tiers), 1) <= lower + rise
    assert effective_rate(Schedule(WHOLE, tiers), 1) == lower + rise


@contract(rate=5_000, penalty=2_500)
def gap_with_penalty_is_the_largest_that_pays(rate: Ppm, penalty: Ppm) -> None:
    assert 0 <= penalty <= PPM and rate >= 0
    gap = gap_survived_with_penalty(rate, penalty)
    assert 0 <= gap <= gap_survived(rate)
    if rate >= penalty:
        assert rate * PPM >= gap * PPM + penalty * (PPM + gap)
        assert rate * PPM < (gap + 1) * PPM + penalty * (PPM + gap + 1)
    else:
        assert gap == 0
