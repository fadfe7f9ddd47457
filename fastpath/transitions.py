# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False
"""Scalar kernels of the engine: what orders, trades, money, funding and the size rules compute.

As kernels.py: one C function per rule, ranges in domain.py, divisions of non-negative by positive numbers,
`int128` where 64 bits are not enough. They call none of kernels.py or waterfall.py.
"""

import cython

COMPILED = cython.compiled

if not cython.compiled:
    int128 = "int128"


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def realised(
    size: cython.longlong, cost: cython.longlong, lots: cython.longlong, paid: cython.longlong
) -> cython.longlong:
    """TRD-6. Rounds down, by one division: of the lots held and the lots of the deal the fewer are closed
    in full, so that their amount is exact.

    size, cost  of the position before the deal, within +-SIZE_MAX lots and +-COST_MAX quanta
    lots        received by the deal, within +-ORDERS_MAX, not 0
    paid        quanta within +-PAID_MAX, negative if received
    """
    if size == 0 or (size > 0) == (lots > 0):
        return 0
    held: cython.longlong = size if size > 0 else -size
    dealt: cython.longlong = lots if lots > 0 else -lots
    share: int128
    if dealt <= held:
        share = cost
        share = share * dealt
        share = (share + (held - 1)) // held if share >= 0 else -(-share // held)
        return -(paid + share)
    share = paid
    share = share * held
    share = (share + (dealt - 1)) // dealt if share >= 0 else -(-share // dealt)
    return -(share + cost)


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def outside_band(price: cython.longlong, mark: cython.longlong, band: cython.longlong) -> cython.bint:
    """TRD-4, LIQ-6. 1 to 2 * PRICE_MAX and 1 to PRICE_MAX ticks, 0 to RATE_MAX ppm of the mark."""
    away: cython.longlong = price - mark if price > mark else mark - price
    return away * 1_000_000 > band * mark


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def comes_closer(size_before: cython.longlong, size_after: cython.longlong) -> cython.bint:
    """Of TRD-7: whether a position ends closer to 0 on the same side. Lots of 64 bits."""
    if size_before > 0:
        return 0 <= size_after and size_after < size_before
    return size_before < size_after and size_after <= 0


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def carries(
    equity: cython.longlong,
    initial: cython.longlong,
    maintenance: cython.longlong,
    trigger: cython.longlong,
) -> cython.bint:
    """MAR-10. Equity of 64 bits, margins 0 to MARGIN_MAX quanta; trigger as in MAR-9."""
    return equity >= initial and (maintenance == 0 or equity >= maintenance + trigger)


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def order_is_carried(
    equity: cython.longlong,
    initial_before: cython.longlong,
    initial: cython.longlong,
    maintenance: cython.longlong,
    trigger: cython.longlong,
) -> cython.bint:
    """ORD-1: orders that ask for no more initial margin than before, or that are carried. As carries."""
    return initial <= initial_before or carries(equity, initial, maintenance, trigger)


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def is_admitted(
    equity_before: cython.longlong,
    maintenance_before: cython.longlong,
    equity_after: cython.longlong,
    initial_after: cython.longlong,
    maintenance_after: cython.longlong,
    gain: cython.longlong,
    closer: cython.bint,
    trigger: cython.longlong,
) -> cython.bint:
    """TRD-7. Margins 0 to MARGIN_MAX quanta; trigger as in MAR-9.

    equity_before  quanta of 64 bits
    equity_after   quanta; less the gain, which is within +-PAID_MAX, still of 64 bits
    """
    counted: cython.longlong = equity_after - gain if gain > 0 else equity_after
    if carries(counted, initial_after, maintenance_after, trigger):
        return True
    if closer:
        after: int128 = counted
        before: int128 = equity_before
        if after * maintenance_before > before * maintenance_after:
            return True
    return maintenance_after == 0 and counted >= 0


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def transfer_margin(notional_total: cython.longlong, rate: cython.longlong) -> cython.longlong:
    """Of WDR-3. Rounds up. 0 to MARGIN_MAX quanta of all positions, 0 to RATE_MAX ppm."""
    whole: cython.longlong = notional_total // 1_000_000
    rest: cython.longlong = notional_total % 1_000_000
    return rate * whole + (rate * rest + 999_999) // 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def funding_per_lot(rate: cython.longlong, value_of_lot: cython.longlong) -> cython.longlong:
    """FUN-2. Rounds down, for either sign. -RATE_MAX to RATE_MAX ppm of 1 to NOTIONAL_MAX quanta."""
    whole: cython.longlong = value_of_lot // 1_000_000
    rest: cython.longlong = value_of_lot % 1_000_000
    if rate >= 0:
        return rate * whole + rate * rest // 1_000_000
    return rate * whole - (-rate * rest + 999_999) // 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def funding_payment(per_lot: cython.longlong, size: cython.longlong) -> cython.longlong:
    """FUN-3. What a holder receives: |per_lot * size| is at most its notional, so at most NOTIONAL_MAX."""
    return -per_lot * size


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def fraction_lots(
    lots: cython.longlong,
    lot_value: cython.longlong,
    fraction: cython.longlong,
    whole_below: cython.longlong,
) -> cython.longlong:
    """Of LIQ-2, size rule `fraction`. Rounds up.

    lots, lot_value  1 to SIZE_MAX, at lot_value each at most NOTIONAL_MAX quanta
    fraction         0 to RATE_MAX ppm
    whole_below      0 to SUM_MAX quanta
    """
    if lots * lot_value <= whole_below:
        return lots
    return (lots * fraction + 999_999) // 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def tier_step_lots(
    lots: cython.longlong, lot_value: cython.longlong, floor: cython.longlong
) -> cython.longlong:
    """Of LIQ-2, size rule `tier_step`. Rounds up. 1 to SIZE_MAX lots, the others as lots_to_tier."""
    return lots - floor // lot_value


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def restore_room(equity: cython.longlong, others: cython.longlong, buffer: cython.longlong) -> int128:
    """Of LIQ-2, size rule `restore`: the room of line_room, within +-ROOM_MAX.

    equity  -EQUITY_MAX to EQUITY_MAX quanta
    others  maintenance margin of the other markets, 0 to MARGIN_MAX quanta
    buffer  0 to NOTIONAL_MAX quanta
    """
    room: int128 = equity
    return (room - others - buffer) * 1_000_000


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def lots_to_tier(
    lots: cython.longlong, floor: cython.longlong, lot_value: cython.longlong
) -> cython.longlong:
    """Of RST-2: the most lots after whose close the notional is still above a floor; negative if it is not.

    lots              1 to SIZE_MAX
    floor, lot_value  0 and 1 to NOTIONAL_MAX quanta
    """
    return lots - floor // lot_value - 1


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def room_after(room: int128, relief: int128, closed: cython.longlong) -> int128:
    """Of RST-2: by how much an account is above one line once lots are closed; quanta * ppm.

    room    line_room, within +-LINE_MAX
    relief  line_relief: of all lots together within +-RELIEF_MAX
    closed  0 to all lots of the position
    """
    return room + relief * closed


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def drawn_so_far(
    drawn: cython.longlong, counted_period: cython.longlong, period: cython.longlong
) -> cython.longlong:
    """Of INS-1: what counts of a pool's last draws in the period at hand. All of 64 bits."""
    return drawn if counted_period == period else 0


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def draw_room(fund: cython.longlong, limit: cython.longlong, drawn: cython.longlong) -> cython.longlong:
    """INS-1. A fund, and drawn_so_far, of 0 to SUM_MAX quanta; a limit of 0 to DRAW_MAX."""
    left: cython.longlong = limit - drawn
    if left > fund:
        left = fund
    return left if left > 0 else 0


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def repaid(amount: cython.longlong, bad_debt: cython.longlong) -> cython.longlong:
    """Of FND-1: what of an inflow goes to bad debt. Quanta of 64 bits."""
    return amount if amount < bad_debt else bad_debt


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def backstop_most(
    size_max: cython.longlong,
    notional_max: cython.longlong,
    others: cython.longlong,
    lot_value: cython.longlong,
) -> cython.longlong:
    """Of INS-3: the lots that the limits of a backstop admit, whatever its margin. Rounds down.

    size_max      1 to SIZE_MAX lots
    notional_max  0 to MARGIN_MAX quanta
    others        notional in other markets, 0 to MARGIN_MAX quanta; above notional_max the result is negative
    lot_value     1 to NOTIONAL_MAX quanta
    """
    left: cython.longlong = notional_max - others
    if left < 0:
        return -((lot_value - 1 - left) // lot_value)
    left = left // lot_value
    return left if left < size_max else size_max


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def middle_of(known: cython.longlong, unknown: cython.longlong) -> cython.longlong:
    """Of NUM-6: the number asked about next. 0 <= known <= unknown <= SIZE_MAX."""
    return (known + unknown + 1) // 2


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def room_in_reserve(
    equity: cython.longlong, others: cython.longlong, trigger: cython.longlong
) -> cython.longlong:
    """Of ADL-3: the room of cap_of_line; one quantum, and one under `at_or_below`, is kept.

    equity   -EQUITY_MAX to EQUITY_MAX quanta
    others   maintenance margin of the other markets, 0 to MARGIN_MAX quanta
    trigger  as in MAR-9
    """
    return equity - others - (1 + trigger)


@cython.ccall
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def weight_of(profit: cython.longlong, equity: cython.longlong, payers: cython.longlong) -> cython.longlong:
    """LOS-3. Quanta of 64 bits, of either sign; payers: 0 by profit, 1 by equity."""
    weight: cython.longlong = profit if payers == 0 and profit < equity else equity
    return weight if weight > 0 else 0
