# cython: language_level=3, boundscheck=False, wraparound=False
"""Somebody else's program: the numbers of a desk's long positions, by the kernels, in loops without the GIL."""

from fastpath.kernels cimport first_tick_of_long, liquidation_room, position_value
from fastpath.transitions cimport funding_payment, funding_per_lot
from fastpath.waterfall cimport liquidation_penalty


def first_ticks(
    long long[::1] equities, long long[::1] lots, long long[::1] marks, long long rate, long long[::1] ticks
):
    """The highest tick below the mark at which each account fails its maintenance margin of one rate."""
    cdef Py_ssize_t each
    with nogil:
        for each in range(equities.shape[0]):
            ticks[each] = first_tick_of_long(
                lots[each],
                1,
                liquidation_room(equities[each] - position_value(lots[each], marks[each], 1), 0, 0),
                marks[each],
                rate,
                0,
                0,
            )


def penalties(long long[::1] amounts, long long rate, long long[::1] free, long long[::1] paid):
    """What each account pays that is liquidated."""
    cdef Py_ssize_t each
    with nogil:
        for each in range(amounts.shape[0]):
            paid[each] = liquidation_penalty(amounts[each], rate, free[each])


def funding(long long[::1] lots, long long rate, long long value_of_lot):
    """What all of the desk receives for one rate of funding."""
    cdef long long total = 0
    cdef Py_ssize_t each
    with nogil:
        for each in range(lots.shape[0]):
            total += funding_payment(funding_per_lot(rate, value_of_lot), lots[each])
    return total
