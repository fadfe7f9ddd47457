# The C types and signatures of the kernels, for any Cython program that calls them:
# `from fastpath.kernels cimport bracket_margin`. Units, rounding and domain: kernels.py.

cdef extern from *:
    """
    typedef __int128 marginspec_int128;
    """
    # "long long" only tells Cython that it is a signed integer; the C compiler sees 128 bits.
    ctypedef long long int128 "marginspec_int128"

cpdef long long ceil_div(long long numerator, long long divisor) noexcept nogil
cpdef long long floor_div(long long numerator, long long divisor) noexcept nogil
cpdef long long isqrt_step(long long number, long long root, long long bit) noexcept nogil
cpdef long long isqrt_ceil(long long number) noexcept nogil
cpdef long long position_value(long long size, long long mark, long long multiplier) noexcept nogil
cpdef long long notional(long long lots, long long mark, long long multiplier) noexcept nogil
cpdef long long bracket_margin(
    long long notional, long long rate, long long amount_whole, long long amount_rest
) noexcept nogil
cpdef long long line_gain(long long value_of_lot, long long rate) noexcept nogil
cpdef long long line_gain_rest(long long value_of_lot, long long rate) noexcept nogil
cpdef long long binary_part(long long rest) noexcept nogil
cpdef int128 line_amount(long long amount_whole, long long amount_rest) noexcept nogil
cpdef long long line_margin(
    long long lots, long long gain, long long gain_part, int128 amount
) noexcept nogil
cpdef long long whole_margin(long long notional, long long rate) noexcept nogil
cpdef long long sqrt_rate(long long lots, long long base, long long factor) noexcept nogil
cpdef long long sqrt_margin(long long lots, long long notional, long long base, long long factor) noexcept nogil
cpdef long long lots_at_risk(long long size, long long buys, long long sells) noexcept nogil
cpdef bint is_liquidatable(long long equity, long long maintenance, long long trigger) noexcept nogil
cpdef long long status(
    long long equity, long long initial, long long maintenance, long long trigger
) noexcept nogil
cpdef long long fee(long long amount, long long rate) noexcept nogil
cpdef int128 liquidation_room(
    long long equity_at_zero, long long maintenance_elsewhere, long long trigger
) noexcept nogil
cpdef long long first_tick_of_long(
    long long lots, long long multiplier, int128 room, long long mark, long long rate, int128 amount, long long above
) noexcept nogil
cpdef long long first_tick_of_short(
    long long lots, long long multiplier, int128 room, long long rate, int128 amount, long long above
) noexcept nogil
