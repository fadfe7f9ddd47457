# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False
"""Scalar kernels of the waterfall: what liquidation, insurance, deleveraging and loss compute.

As kernels.py: one C function per rule, ranges in domain.py, divisions of non-negative by positive numbers,
`int128` where 64 bits are not enough. They stand apart because the loop of evaluate.pyx needs none of them,
and they call none of kernels.py.
"""

import cython

COMPILED = cython.compiled

if not cython.compiled:
    int128 = "int128"


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def running_share(
    amount: cython.longlong, before: cython.longlong, weight: cython.longlong, total: cython.longlong
) -> cython.longlong:
    """NUM-5, of equity (CLO-1), of a gap (CLO-2) and of lots to be closed (ADL-5, ADL-6). Rounds down, twice.

    amount          0 to SUM_MAX
    before, weight  >= 0, together at most the total
    total           1 to SUM_MAX, so that a product is below 2**126
    """
    wide: int128 = amount
    return wide * (before + weight) // total - wide * before // total


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def bankruptcy_price(
    size: cython.longlong, mark: cython.longlong, multiplier: cython.longlong, share: cython.longlong
) -> cython.longlong:
    """CLO-5: ticks, a long's rounded up, a short's down; 0 if no price of at least one tick is as low.

    size, multiplier  1 <= |size| * multiplier <= NOTIONAL_MAX
    mark              1 to PRICE_MAX
    share             of the account's equity that falls on the position, negative for a deficit:
                      -EQUITY_MAX to EQUITY_MAX quanta
    """
    per_tick: cython.longlong = size * multiplier if size > 0 else -size * multiplier
    ticks: cython.longlong = share // per_tick if share >= 0 else -((per_tick - 1 - share) // per_tick)
    price: cython.longlong = mark - ticks if size > 0 else mark + ticks
    return price if price >= 1 else 0


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def close_cost(
    size: cython.longlong,
    mark: cython.longlong,
    price: cython.longlong,
    penalty: cython.longlong,
    multiplier: cython.longlong,
) -> int128:
    """Of RST-2: what the close of one lot costs, by its price and its penalty; quanta * ppm. Rounds nothing.

    size         only its sign is read
    mark, price  1 to PRICE_MAX
    penalty      0 to RATE_MAX ppm of the price
    multiplier   1 to MULTIPLIER_MAX
    """
    worse_by: int128 = mark - price if size > 0 else price - mark
    return (worse_by * 1_000_000 + penalty * price) * multiplier


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def line_room(
    room: int128,
    lots: cython.longlong,
    lot_value: cython.longlong,
    rate: cython.longlong,
    amount: int128,
) -> int128:
    """Of RST-1: by how much an account is above one line before any lot is closed; quanta * ppm.

    room             equity less the margin of the other markets and the buffer, within +-ROOM_MAX
    lots, lot_value  lots * lot_value <= NOTIONAL_MAX
    rate, amount     the line: rate * notional - amount, 0 to RATE_MAX and to RATE_MAX * NOTIONAL_MAX
    """
    wide: int128 = rate
    return room - wide * (lots * lot_value) + amount


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def line_relief(lot_value: cython.longlong, rate: cython.longlong, cost: int128) -> int128:
    """Of RST-1: by how much the close of one lot lifts an account above one line; quanta * ppm.

    lot_value  1 to NOTIONAL_MAX quanta, at the mark
    rate       of the line, 0 to RATE_MAX ppm
    cost       close_cost, within +-LOT_COST_MAX
    """
    wide: int128 = rate
    return wide * lot_value - cost


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def lots_for_line(room: int128, relief: int128, lots: cython.longlong) -> cython.longlong:
    """RST-1. Rounds up. line_room and line_relief, each within +-LINE_MAX; lots 1 to SIZE_MAX.

    The ceiling of -room / relief is a floor once relief - 1 is added: -room is positive there.
    """
    if room >= 0:
        return 0
    if relief <= 0:
        return lots
    least: int128 = (relief - 1 - room) // relief
    if least > lots:
        return lots
    return least


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def liquidation_penalty(
    amount: cython.longlong, rate: cython.longlong, equity_free: cython.longlong
) -> cython.longlong:
    """LIQ-3. Rounds up. 0 to NOTIONAL_MAX quanta, 0 to RATE_MAX ppm, any quanta of 64 bits.

    With amount = whole * PPM + rest only rate * rest is divided, so that 64 bits are enough.
    """
    if equity_free <= 0:
        return 0
    whole: cython.longlong = amount // 1_000_000
    rest: cython.longlong = amount % 1_000_000
    requested: cython.longlong = rate * whole + (rate * rest + 999_999) // 1_000_000
    return requested if requested < equity_free else equity_free


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def equity_to_keep(
    equity: cython.longlong, maintenance: cython.longlong, maintenance_after: cython.longlong
) -> cython.longlong:
    """Of LIQ-3: the equity at which the ratio to the margin is what it was. Rounds up.

    equity             0 to EQUITY_MAX quanta: who is below 0 is resolved, not liquidated
    maintenance        1 to MARGIN_MAX quanta
    maintenance_after  0 to maintenance: a margin never rises by a close (B2), so the result is at most equity
    """
    wide: int128 = equity
    return (wide * maintenance_after + (maintenance - 1)) // maintenance


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def keeps_ratio(
    equity: cython.longlong,
    maintenance: cython.longlong,
    equity_after: cython.longlong,
    maintenance_after: cython.longlong,
) -> cython.bint:
    """LIQ-4. Equity of either sign and 64 bits, margins 0 to MARGIN_MAX: products of 125 bits."""
    after: int128 = equity_after
    before: int128 = equity
    return after * maintenance >= before * maintenance_after


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def may_be_taken_over(
    equity: cython.longlong, maintenance: cython.longlong, trigger: cython.longlong
) -> cython.bint:
    """TKO-1. -EQUITY_MAX to EQUITY_MAX quanta, 0 to MARGIN_MAX quanta, 0 to RATE_MAX ppm."""
    wide: int128 = equity
    share: int128 = trigger
    return wide * 1_000_000 < share * maintenance


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def lots_payable(
    room: cython.longlong, gap: cython.longlong, lots: cython.longlong, left: cython.longlong
) -> cython.longlong:
    """INS-2: the largest number of lots whose running share of the gap is at most the room.

    room        0 to DRAW_MAX quanta
    gap         0 to EQUITY_MAX quanta
    lots, left  1 to SIZE_MAX, 0 to SIZE_MAX
    """
    if gap == 0:
        return left
    paid: int128 = room
    payable: int128 = ((paid + 1) * lots - 1) // gap
    if payable > left:
        return left
    return payable


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def lots_within(
    capacity: cython.longlong, size: cython.longlong, offered: cython.longlong
) -> cython.longlong:
    """Of INS-4: how many of the lots offered a taker carries.

    capacity  -1 to SIZE_MAX
    size      within +-SIZE_MAX, counted in the direction of the lots offered
    offered   0 to SIZE_MAX
    """
    space: cython.longlong = capacity - size
    if space <= 0:
        return 0
    taken: cython.longlong = offered if offered < space else space
    return taken if size + taken >= -capacity else 0


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def score_numerator(
    ranking: cython.longlong,
    value: cython.longlong,
    cost: cython.longlong,
    equity: cython.longlong,
    maintenance: cython.longlong,
) -> int128:
    """Of ADL-1: the numerator of a holder's score, within +-SCORE_MAX.

    ranking      index into domain.RANKINGS
    value, cost  of the position, quanta within +-NOTIONAL_MAX and +-COST_MAX, value not 0
    equity       of the account, 1 to EQUITY_MAX quanta
    maintenance  of the account, 1 to MARGIN_MAX quanta
    """
    size: int128 = value if value > 0 else -value
    paid: int128 = cost if cost > 0 else -cost
    if paid == 0:
        paid = 1
    profit: int128 = value - cost
    if ranking == 0:
        return profit * maintenance if profit > 0 else 0
    if ranking == 1:
        return profit * size if profit > 0 else profit * equity
    return size * size if value > 0 else paid * size


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def score_denominator(
    ranking: cython.longlong,
    value: cython.longlong,
    cost: cython.longlong,
    wallet: cython.longlong,
    equity: cython.longlong,
) -> int128:
    """Of ADL-1: the denominator of a holder's score, 1 to SCORE_MAX. wallet: within +-WALLET_MAX quanta."""
    size: int128 = value if value > 0 else -value
    paid: int128 = cost if cost > 0 else -cost
    if paid == 0:
        paid = 1
    if ranking == 0:
        paid = wallet if wallet > 1 else 1
        return paid * equity
    if ranking == 1:
        return paid * equity if value > cost else paid * size
    return paid * equity if value > 0 else size * equity


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def product_order(one: int128, by: int128, other: int128, by_other: int128) -> int128:
    """Of ADL-2: above, at or below 0 as one * by is against other * by_other. All 0 to SCORE_MAX < 2**123.

    A product may need 246 bits. It is compared by its digits in base 2**60, the highest first: a factor has
    two digits, so a product is high * base**2 + middle * base + low, where what exceeds a digit is carried.
    """
    base: int128 = 1_073_741_824
    base = base * base
    low: int128 = (one % base) * (by % base)
    middle: int128 = (one // base) * (by % base) + (one % base) * (by // base) + low // base
    high: int128 = (one // base) * (by // base) + middle // base
    other_low: int128 = (other % base) * (by_other % base)
    other_middle: int128 = (
        (other // base) * (by_other % base) + (other % base) * (by_other // base) + other_low // base
    )
    other_high: int128 = (other // base) * (by_other // base) + other_middle // base
    if high != other_high:
        return high - other_high
    middle = middle % base - other_middle % base
    if middle != 0:
        return middle
    return low % base - other_low % base


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def comes_before(
    numerator: int128,
    denominator: int128,
    notional: cython.longlong,
    place: cython.longlong,
    other_numerator: int128,
    other_denominator: int128,
    other_notional: cython.longlong,
    other_place: cython.longlong,
) -> cython.bint:
    """ADL-2. Scores within +-SCORE_MAX over 1 to SCORE_MAX, notionals 0 to NOTIONAL_MAX.

    place  of the account's identifier in the order of identifiers
    Of two losses, that of the smaller amount has the higher score: their signs are changed and the sides too.
    """
    order: int128
    if numerator >= 0 and other_numerator >= 0:
        order = product_order(numerator, other_denominator, other_numerator, denominator)
    elif numerator < 0 and other_numerator < 0:
        order = product_order(-other_numerator, denominator, -numerator, other_denominator)
    else:
        order = 1 if numerator >= 0 else -1
    if order != 0:
        return order > 0
    if notional != other_notional:
        return notional > other_notional
    return place < other_place


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def cap_of_line(
    lots: cython.longlong,
    lot_value: cython.longlong,
    room: cython.longlong,
    gap: cython.longlong,
    gap_lots: cython.longlong,
    rate: cython.longlong,
    amount: int128,
) -> cython.longlong:
    """Of ADL-3: the lots of a holder up to which what is left stays above one line. Rounds down.

    lots, gap_lots  the holder's and the bankrupt account's, 1 to SIZE_MAX; at lot_value each at most
                    NOTIONAL_MAX quanta
    room            quanta within +-(EQUITY_MAX + MARGIN_MAX + 2): equity less other margins and the reserve
    gap             that gap_lots lots carry, 0 to EQUITY_MAX quanta
    rate, amount    the line: rate * notional - amount, as in line_room
    """
    wide: int128 = room
    slope: int128 = rate
    above: int128 = (wide * 1_000_000 - slope * (lots * lot_value) + amount) * gap_lots
    wide = gap
    lost_per_lot: int128 = wide * 1_000_000 - slope * (gap_lots * lot_value)
    if lost_per_lot <= 0:
        return lots if above >= lost_per_lot else 0
    if above < 0:
        return 0
    most: int128 = above // lost_per_lot
    if most > lots:
        return lots
    return most


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def queue_share(left: cython.longlong, cap: cython.longlong) -> cython.longlong:
    """Of ADL-4: all of a holder's cap, or what is still left. Both of 64 bits, >= 0."""
    return left if left < cap else cap


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def is_cut_off(
    left: cython.longlong, active: cython.longlong, lots: cython.longlong, cap: cython.longlong
) -> cython.bint:
    """Of ADL-6: whether a holder's cap is at or below its proportional share of what is left.

    left, active  lots still to be closed, and held by those not cut off, 0 to SUM_MAX
    lots, cap     of the holder, 0 to SIZE_MAX
    """
    given: int128 = cap
    share: int128 = left
    return given * active <= share * lots


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def is_capped_sooner(
    cap: cython.longlong, lots: cython.longlong, other_cap: cython.longlong, other_lots: cython.longlong
) -> cython.bint:
    """Of ADL-6: whether cap / lots is below that of another holder. All 0 to SIZE_MAX: 80 bits."""
    mine: int128 = cap
    theirs: int128 = other_cap
    return mine * other_lots < theirs * lots


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def share_of_loss(loss: cython.longlong, weight: cython.longlong, total: cython.longlong) -> cython.longlong:
    """LOS-4. Rounds up. Loss and weight 0 to total, total 1 to SUM_MAX: the share is at most the weight."""
    wide: int128 = loss
    return (wide * weight + (total - 1)) // total
