# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False
"""Scalar kernels: one C function per rule, no Python object, no allocation, no exception.

Domain: the ranges in domain.py; the caller refuses anything outside before any state changes.
Division: only non-negative by positive, where C and Python agree; proved for each `//` (F2). What may be
negative is shifted: `>>` rounds down in both.
Width: a name annotated `int128` (kernels.pxd) is 128 bits wide. C widens a product only if one of its
factors is wide, so a wide product starts from a wide name.
Uncompiled, the same text is plain Python: that is what the proofs run. evaluate.pyx includes it.
"""

import cython

COMPILED = cython.compiled

if not cython.compiled:
    int128 = "int128"


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def ceil_div(numerator: cython.longlong, divisor: cython.longlong) -> cython.longlong:
    """NUM-1. Rounds up. |numerator| < 2**63, 0 < divisor."""
    if numerator >= 0:
        return numerator // divisor + (1 if numerator % divisor > 0 else 0)
    return -((-numerator) // divisor)


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def floor_div(numerator: cython.longlong, divisor: cython.longlong) -> cython.longlong:
    """NUM-3. Rounds down. |numerator| < 2**63, 0 < divisor."""
    if numerator >= 0:
        return numerator // divisor
    return -((-numerator) // divisor) - (1 if (-numerator) % divisor > 0 else 0)


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def isqrt_step(number: cython.longlong, root: cython.longlong, bit: cython.longlong) -> cython.longlong:
    """One binary digit of a square root, the highest first.

    Invariant: root**2 <= number < (root + 2 * bit)**2 before, and with the result for root and half
    of `bit` after (for bit = 1: number < (result + 1)**2).
    """
    return root + bit if (root + bit) * (root + bit) <= number else root


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def isqrt_ceil(number: cython.longlong) -> cython.longlong:
    """NUM-4. The smallest r >= 0 with r * r >= number. 0 <= number <= SQUARE_MAX = 10**12 < 2**40."""
    root: cython.longlong = 0
    root = isqrt_step(number, root, 524_288)
    root = isqrt_step(number, root, 262_144)
    root = isqrt_step(number, root, 131_072)
    root = isqrt_step(number, root, 65_536)
    root = isqrt_step(number, root, 32_768)
    root = isqrt_step(number, root, 16_384)
    root = isqrt_step(number, root, 8_192)
    root = isqrt_step(number, root, 4_096)
    root = isqrt_step(number, root, 2_048)
    root = isqrt_step(number, root, 1_024)
    root = isqrt_step(number, root, 512)
    root = isqrt_step(number, root, 256)
    root = isqrt_step(number, root, 128)
    root = isqrt_step(number, root, 64)
    root = isqrt_step(number, root, 32)
    root = isqrt_step(number, root, 16)
    root = isqrt_step(number, root, 8)
    root = isqrt_step(number, root, 4)
    root = isqrt_step(number, root, 2)
    root = isqrt_step(number, root, 1)
    return root + 1 if root * root < number else root


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def position_value(
    size: cython.longlong, mark: cython.longlong, multiplier: cython.longlong
) -> cython.longlong:
    """ACC-1. Quanta, negative for a short. |size| * mark * multiplier <= DEAL_MAX."""
    return size * mark * multiplier


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def notional(lots: cython.longlong, mark: cython.longlong, multiplier: cython.longlong) -> cython.longlong:
    """MAR-1. Quanta. 0 <= lots, lots * mark * multiplier <= DEAL_MAX."""
    return lots * mark * multiplier


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def bracket_margin(
    notional: cython.longlong,
    rate: cython.longlong,
    amount_whole: cython.longlong,
    amount_rest: cython.longlong,
) -> cython.longlong:
    """MAR-2 in its published form (MAR-13): rate * notional - amount, over PPM. Rounds up.

    notional      0 to NOTIONAL_MAX quanta
    rate          ppm of the tier with the largest floor below the notional, 0 to RATE_MAX
    amount_whole  the tier's amount // PPM, quanta
    amount_rest   the tier's amount % PPM, quanta * ppm
    rate * notional may need 74 bits. With notional = whole * PPM + rest only rest * rate is divided;
    it is less amount_rest, so at least 1 - PPM, and at least 0 once PPM - 1 is added to round up.
    """
    whole: cython.longlong = notional // 1_000_000
    rest: cython.longlong = notional % 1_000_000
    return rate * whole - amount_whole + (rate * rest - amount_rest + 999_999) // 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def line_gain(value_of_lot: cython.longlong, rate: cython.longlong) -> cython.longlong:
    """Of MAR-13, of a line per lot: rate * value of a lot // PPM, quanta.

    value_of_lot  mark * multiplier, 0 to NOTIONAL_MAX quanta
    rate          ppm, 0 to RATE_MAX
    """
    return rate * (value_of_lot // 1_000_000) + rate * (value_of_lot % 1_000_000) // 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def line_gain_rest(value_of_lot: cython.longlong, rate: cython.longlong) -> cython.longlong:
    """Of MAR-13, beside line_gain: rate * value of a lot % PPM, quanta * ppm, 0 to PPM - 1."""
    return rate * (value_of_lot % 1_000_000) % 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def binary_part(rest: cython.longlong) -> cython.longlong:
    """rest / PPM in units of 2**-63, rounded up. 0 <= rest < PPM."""
    half: int128 = 2_147_483_648
    wide: int128 = rest
    return (wide * half * half * 2 + 999_999) // 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def line_amount(amount_whole: cython.longlong, amount_rest: cython.longlong) -> int128:
    """Of MAR-13, beside line_gain: what a line adds whatever the lots, in units of 2**-64 quanta, rounded up.

    amount_whole  the tier's amount // PPM, 0 to NOTIONAL_MAX quanta
    amount_rest   the tier's amount % PPM, quanta * ppm
    The amount is taken off, and PPM - 1 millionths added, so that what is then rounded down is rounded up.
    """
    base: int128 = 4_294_967_296
    whole: int128 = amount_whole
    part: int128 = binary_part(999_999 - amount_rest)
    return 2 * part - whole * base * base


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def line_margin(
    lots: cython.longlong,
    gain: cython.longlong,
    gain_part: cython.longlong,
    amount: int128,
) -> cython.longlong:
    """bracket_margin of a position in a market whose lines are prepared. Rounds up.

    lots       0 to SIZE_MAX, of a notional of at most NOTIONAL_MAX
    gain       line_gain
    gain_part  binary_part(line_gain_rest)
    amount     line_amount
    The division by PPM is one by 2**64. Each part is less than 2**-63 too large, which in all is less than
    what is missing to the next multiple of PPM: 2 * lots * PPM + 2 * PPM < 2**64.
    """
    twice: int128 = 2 * lots
    return lots * gain + ((twice * gain_part + amount) >> 64)


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def whole_margin(notional: cython.longlong, rate: cython.longlong) -> cython.longlong:
    """MAR-3. Rounds up. 0 to NOTIONAL_MAX quanta, at the rate of its tier, 0 to RATE_MAX ppm."""
    whole: cython.longlong = notional // 1_000_000
    rest: cython.longlong = notional % 1_000_000
    return rate * whole + (rate * rest + 999_999) // 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def sqrt_rate(lots: cython.longlong, base: cython.longlong, factor: cython.longlong) -> cython.longlong:
    """Of MAR-4: ppm, rounded up. 0 <= lots, 0 <= base, factor <= RATE_MAX, factor**2 * lots <= SQUARE_MAX."""
    root: cython.longlong = isqrt_ceil(factor * factor * lots)
    return base if base > root else root


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def sqrt_margin(
    lots: cython.longlong,
    notional: cython.longlong,
    base: cython.longlong,
    factor: cython.longlong,
) -> cython.longlong:
    """MAR-4. Rounds up, twice. The notional of those lots, 0 to NOTIONAL_MAX quanta; else as sqrt_rate."""
    return whole_margin(notional, sqrt_rate(lots, base, factor))


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def lots_at_risk(size: cython.longlong, buys: cython.longlong, sells: cython.longlong) -> cython.longlong:
    """MAR-6. |size|, buys and sells below 2**41 lots: the guard asks before it knows more.

    max(|size + buys|, |size - sells|) without an absolute value: since buys and sells are not negative,
    -(size + buys) <= sells - size and -(sells - size) <= size + buys.
    """
    bought: cython.longlong = size + buys
    sold: cython.longlong = sells - size
    return bought if bought > sold else sold


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def is_liquidatable(
    equity: cython.longlong, maintenance: cython.longlong, trigger: cython.longlong
) -> cython.bint:
    """MAR-9. trigger: 0 below the margin, 1 at or below it; at or below is below one quantum more."""
    if maintenance == 0:
        return False
    return equity < maintenance + trigger


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def status(
    equity: cython.longlong,
    initial: cython.longlong,
    maintenance: cython.longlong,
    trigger: cython.longlong,
) -> cython.longlong:
    """MAR-11. The first that applies, as an index into domain.STATUSES. trigger as in MAR-9.

    From the last to the first, without a branch: nobody can predict the status of an account.
    """
    found: cython.longlong = 3 if equity < initial else 4
    found = 2 if equity < maintenance + trigger else found
    found = 1 if maintenance == 0 else found
    return 0 if equity < 0 else found


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def fee(amount: cython.longlong, rate: cython.longlong) -> cython.longlong:
    """FEE-1. amount * rate over PPM. Rounds up, so a rebate is rounded down.

    amount   notional of the trade, 0 to DEAL_MAX quanta
    rate     -RATE_MAX to RATE_MAX ppm, negative for a rebate
    returns  quanta, negative for a rebate
    """
    whole: cython.longlong = amount // 1_000_000
    rest: cython.longlong = amount % 1_000_000
    if rate >= 0:
        return rate * whole + (rate * rest + 999_999) // 1_000_000
    return rate * whole - (-rate * rest) // 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def liquidation_room(
    equity_at_zero: cython.longlong, maintenance_elsewhere: cython.longlong, trigger: cython.longlong
) -> int128:
    """Of MAR-14: what a position may still lose, before its own margin, at a price of 0; quanta * ppm.

    equity_at_zero         equity less the value of the position
    maintenance_elsewhere  maintenance margin of the account's other markets, >= 0
    trigger                0 below the margin, 1 at or below it
    """
    room: int128 = equity_at_zero
    room = room - maintenance_elsewhere - trigger
    return room * 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def first_tick_of_long(
    lots: cython.longlong,
    multiplier: cython.longlong,
    room: int128,
    mark: cython.longlong,
    rate: cython.longlong,
    amount: int128,
    above: cython.longlong,
) -> cython.longlong:
    """Of MAR-14: the highest tick below the mark at which a long position fails one line, or 0 if none.

    lots, multiplier     1 <= lots * multiplier <= NOTIONAL_MAX
    room                 liquidation_room
    mark                 1 to PRICE_MAX ticks
    rate, amount, above  the line: rate * notional - amount (quanta * ppm) for a notional above `above`
    returns              the largest p < mark with room + PPM * value < rate * value - amount and
                         value > above, where value = lots * p * multiplier
    """
    slope: int128 = lots
    slope = slope * multiplier * (1_000_000 - rate)
    missing: int128 = -(room + amount)
    if slope <= 0 or missing <= 0:
        return 0
    tick: int128 = (missing - 1) // slope
    if tick >= mark or tick * lots * multiplier <= above:
        return 0
    return tick


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def first_tick_of_short(
    lots: cython.longlong,
    multiplier: cython.longlong,
    room: int128,
    rate: cython.longlong,
    amount: int128,
    above: cython.longlong,
) -> cython.longlong:
    """Of MAR-14: the lowest tick at which a short position fails one line of its schedule.

    As first_tick_of_long; returns the smallest p >= 1 with room - PPM * value < rate * value - amount
    and value > above. There always is one: at most equity + 1, since slope >= PPM.
    """
    slope: int128 = lots
    slope = slope * multiplier * (1_000_000 + rate)
    left: int128 = room + amount
    fails_from: int128 = left // slope + 1 if left >= 0 else 1
    counts_from: int128 = above // (lots * multiplier) + 1
    return fails_from if fails_from > counts_from else counts_from
