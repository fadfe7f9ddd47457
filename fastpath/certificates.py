# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False
"""Scalar kernels of the liquidation index: how far marks may move before an account can be liquidatable.

As kernels.py: ranges in domain.py, divisions of non-negative by positive numbers, `int128` where 64 bits are
not enough. They compute no rule of the law. What they promise is theorem F3: the slack of an account, its
equity less its maintenance margin and its trigger, is shared out over its positions, and each position has a
tick up to which a move of its mark cannot cost more than its share. While every mark stays short of its
tick, the account is not liquidatable.
"""

import cython

COMPILED = cython.compiled

if not cython.compiled:
    int128 = "int128"


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def slack_share(slack: cython.longlong, notional: cython.longlong, total: cython.longlong) -> cython.longlong:
    """What one position may cost its account, in proportion to its notional; quanta. Rounds down.

    slack     0 to EQUITY_MAX quanta
    notional  of the position, 0 to total
    total     notional of the account, 1 to MARGIN_MAX quanta
    """
    wide: int128 = slack
    return wide * notional // total


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def tick_of_fall(
    share: cython.longlong, mark: cython.longlong, value: cython.longlong, margin: cython.longlong
) -> cython.longlong:
    """The highest tick below the mark at which a long may cost more than its share, or 0 if there is none.

    share          0 to EQUITY_MAX quanta
    mark           1 to PRICE_EVENT_MAX ticks
    value, margin  of the position at the mark, quanta: 0 <= margin <= value <= NOTIONAL_MAX
    As the notional falls, the margin falls at least in proportion, whichever the schedule: d ticks cost at
    most (value - margin) * d / mark, rounded up.
    """
    loss: cython.longlong = value - margin
    if loss == 0:
        return 0
    wide: int128 = share
    distance: int128 = wide * mark // loss
    if distance >= mark - 1:
        return 0
    return mark - 1 - distance


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def tick_of_rise(
    share: cython.longlong, mark: cython.longlong, per_tick: cython.longlong, rate: cython.longlong
) -> cython.longlong:
    """The lowest tick above the mark at which a short may cost more than its share, or 0 if none is so low.

    share     0 to EQUITY_MAX quanta
    mark      1 to PRICE_EVENT_MAX ticks
    per_tick  lots * multiplier, 1 to NOTIONAL_MAX quanta
    rate      of the tier that the notional is in, 0 to RATE_MAX ppm; the result holds up to its upper end
    returns   0 where it would be above PRICE_EVENT_MAX, which no mark is
    """
    wide: int128 = share
    slope: int128 = per_tick
    slope = slope * (1_000_000 + rate)
    distance: int128 = wide * 1_000_000 // slope
    tick: int128 = distance + mark + 1
    highest: cython.longlong = 2_000_000_000_000
    if tick > highest:
        return 0
    return tick


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def tick_above_floor(floor: cython.longlong, per_tick: cython.longlong) -> cython.longlong:
    """The lowest tick at which a position is above the floor of a tier, or 0 if none is so low.

    floor     0 to NOTIONAL_MAX quanta
    per_tick  lots * multiplier, 1 to NOTIONAL_MAX quanta
    returns   0 where it would be above PRICE_EVENT_MAX, which no mark is
    """
    tick: cython.longlong = floor // per_tick + 1
    highest: cython.longlong = 2_000_000_000_000
    return 0 if tick > highest else tick


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def price_code(price: cython.longlong) -> cython.longlong:
    """A price as a number below 2**31, which never falls as the price rises.

    price    1 to PRICE_EVENT_MAX ticks
    returns  the price itself below 2**28 ticks; above, its 28 leading binary digits and how many are dropped
    """
    code: cython.longlong = 0
    rest: cython.longlong = price
    if rest // 256 >= 134_217_728:
        rest = rest // 256
        code = code + 1_073_741_824
    if rest // 16 >= 134_217_728:
        rest = rest // 16
        code = code + 536_870_912
    if rest // 4 >= 134_217_728:
        rest = rest // 4
        code = code + 268_435_456
    if rest // 2 >= 134_217_728:
        rest = rest // 2
        code = code + 134_217_728
    return code + rest
