# The C signatures of the kernels of the waterfall. Units, rounding and domain: waterfall.py.

from fastpath.kernels cimport int128

cpdef long long running_share(
    long long amount, long long before, long long weight, long long total
) noexcept nogil
cpdef long long bankruptcy_price(
    long long size, long long mark, long long multiplier, long long share
) noexcept nogil
cpdef int128 close_cost(
    long long size, long long mark, long long price, long long penalty, long long multiplier
) noexcept nogil
cpdef int128 line_room(
    int128 room, long long lots, long long lot_value, long long rate, int128 amount
) noexcept nogil
cpdef int128 line_relief(long long lot_value, long long rate, int128 cost) noexcept nogil
cpdef long long lots_for_line(int128 room, int128 relief, long long lots) noexcept nogil
cpdef long long liquidation_penalty(long long amount, long long rate, long long equity_free) noexcept nogil
cpdef long long equity_to_keep(
    long long equity, long long maintenance, long long maintenance_after
) noexcept nogil
cpdef bint keeps_ratio(
    long long equity, long long maintenance, long long equity_after, long long maintenance_after
) noexcept nogil
cpdef bint may_be_taken_over(long long equity, long long maintenance, long long trigger) noexcept nogil
cpdef long long lots_payable(long long room, long long gap, long long lots, long long left) noexcept nogil
cpdef long long lots_within(long long capacity, long long size, long long offered) noexcept nogil
cpdef int128 score_numerator(
    long long ranking, long long value, long long cost, long long equity, long long maintenance
) noexcept nogil
cpdef int128 score_denominator(
    long long ranking, long long value, long long cost, long long wallet, long long equity
) noexcept nogil
cpdef int128 product_order(int128 one, int128 by, int128 other, int128 by_other) noexcept nogil
cpdef bint comes_before(
    int128 numerator,
    int128 denominator,
    long long notional,
    long long place,
    int128 other_numerator,
    int128 other_denominator,
    long long other_notional,
    long long other_place
) noexcept nogil
cpdef long long cap_of_line(
    long long lots,
    long long lot_value,
    long long room,
    long long gap,
    long long gap_lots,
    long long rate,
    int128 amount
) noexcept nogil
cpdef long long queue_share(long long left, long long cap) noexcept nogil
cpdef bint is_cut_off(long long left, long long active, long long lots, long long cap) noexcept nogil
cpdef bint is_capped_sooner(
    long long cap, long long lots, long long other_cap, long long other_lots
) noexcept nogil
cpdef long long share_of_loss(long long loss, long long weight, long long total) noexcept nogil
