# The C signatures of the kernels of the engine. Units, rounding and domain: transitions.py.

from fastpath.kernels cimport int128

cpdef long long realised(long long size, long long cost, long long lots, long long paid) noexcept nogil
cpdef bint outside_band(long long price, long long mark, long long band) noexcept nogil
cpdef bint comes_closer(long long size_before, long long size_after) noexcept nogil
cpdef bint carries(
    long long equity, long long initial, long long maintenance, long long trigger
) noexcept nogil
cpdef bint order_is_carried(
    long long equity, long long initial_before, long long initial, long long maintenance, long long trigger
) noexcept nogil
cpdef bint is_admitted(
    long long equity_before,
    long long maintenance_before,
    long long equity_after,
    long long initial_after,
    long long maintenance_after,
    long long gain,
    bint closer,
    long long trigger
) noexcept nogil
cpdef long long transfer_margin(long long notional_total, long long rate) noexcept nogil
cpdef long long funding_per_lot(long long rate, long long value_of_lot) noexcept nogil
cpdef long long funding_payment(long long per_lot, long long size) noexcept nogil
cpdef long long fraction_lots(
    long long lots, long long lot_value, long long fraction, long long whole_below
) noexcept nogil
cpdef long long tier_step_lots(long long lots, long long lot_value, long long floor) noexcept nogil
cpdef int128 restore_room(long long equity, long long others, long long buffer) noexcept nogil
cpdef long long lots_to_tier(long long lots, long long floor, long long lot_value) noexcept nogil
cpdef int128 room_after(int128 room, int128 relief, long long closed) noexcept nogil
cpdef long long drawn_so_far(long long drawn, long long counted_period, long long period) noexcept nogil
cpdef long long draw_room(long long fund, long long limit, long long drawn) noexcept nogil
cpdef long long repaid(long long amount, long long bad_debt) noexcept nogil
cpdef long long backstop_most(
    long long size_max, long long notional_max, long long others, long long lot_value
) noexcept nogil
cpdef long long middle_of(long long known, long long unknown) noexcept nogil
cpdef long long room_in_reserve(long long equity, long long others, long long trigger) noexcept nogil
cpdef long long weight_of(long long profit, long long equity, long long payers) noexcept nogil
