"""Restoring (chapter 8, continued): the least lots after whose close an account is out of liquidation.

Rules RST-1 and RST-2. A requirement of kind `bracket` is the largest of a few straight lines in the notional
(MAR-13), one of kind `whole` is one line per tier, and one of kind `sqrt` is at most one line. Each line says
how many lots must go before equity is above it again.
"""

from dataclasses import dataclass

from refmodel.liquidation_price import Line, published_lines
from refmodel.margin import top_rate
from refmodel.numbers import Lots, Quanta, QuantaPpm, ceil_div, floor_div
from refmodel.policy import WHOLE, Schedule
from refmodel.rulebook import rule


@dataclass(frozen=True, slots=True)
class Close:
    """A position that is to be closed in part.

    lots       of the position, >= 1
    lot_value  quanta of notional of one lot at mark
    room       PPM x quanta: equity, less the margin of the other markets, less the buffer
    cost       PPM x quanta that the close of one lot costs, by its price and its penalty; negative if the
               price is better than the mark by more than the penalty
    """

    lots: Lots
    lot_value: Quanta
    room: QuantaPpm
    cost: QuantaPpm


def room_above(line: Line, close: Close) -> QuantaPpm:
    """By how much the room covers a line before any lot is closed; negative: it does not."""
    return close.room - line.rate * close.lots * close.lot_value + line.amount


def relief_of(line: Line, close: Close) -> QuantaPpm:
    """By how much the close of one lot lifts an account above a line; negative: it sinks."""
    return line.rate * close.lot_value - close.cost


@rule("RST-1")
def lots_for_line(room: QuantaPpm, relief: QuantaPpm, lots: Lots) -> Lots:
    """How many lots must go before an account is above one line.

    room     by how much it is above it now, PPM x quanta
    relief   what the close of one lot brings, PPM x quanta
    lots     of the position, >= 1
    returns  0 if it is above it already; the least number that is enough; `lots`, all of them, if fewer
             are not enough
    Rounds up, in favour of the venue (NUM-1). Source: theorem D4.
    """
    if room >= 0:
        return 0
    if relief <= 0:
        return lots
    return min(ceil_div(-room, relief), lots)


def lots_that_lift(line: Line, close: Close) -> Lots:
    """The lots that one line asks for (RST-1)."""
    return lots_for_line(room_above(line, close), relief_of(line, close), close.lots)


def lots_for_lines(lines: tuple[Line, ...], close: Close) -> Lots:
    """The lots that the most demanding line asks for."""
    return max((lots_that_lift(line, close) for line in lines), default=0)


def room_after(line: Line, close: Close, closed: Lots) -> QuantaPpm:
    """By how much the room covers a line once some lots are closed; negative: it does not."""
    return room_above(line, close) + relief_of(line, close) * closed


def least_room(lines: tuple[Line, ...], close: Close, closed: Lots) -> QuantaPpm:
    """By how much an account is above the highest line once some lots are closed; PPM x quanta."""
    return min((room_after(line, close, closed) for line in lines), default=0)


def restored_by_lines(lines: tuple[Line, ...], close: Close) -> Lots:
    """For `bracket` and `sqrt`: the least lots after which no line is above; all lots if none are enough."""
    candidate = lots_for_lines(lines, close)
    if least_room(lines, close, candidate) < 0:
        return close.lots
    return candidate


def restored_by_tiers(schedule: Schedule, close: Close) -> Lots:
    """For `whole`: the least lots in the highest tier in which some are enough; all lots if none are.

    What is left falls into one tier after the other as lots go; within a tier its rate is one line.
    `fewest` and `most` are the numbers of lots after whose close what is left lies in the tier.
    """
    fewest = 0
    for index in range(len(schedule.tiers) - 1, -1, -1):
        floor = schedule.tiers[index].floor
        most = close.lots - floor_div(floor, close.lot_value) - 1
        line = Line(top_rate(schedule.tiers[: index + 1]), 0, floor)
        closed = max(lots_that_lift(line, close), fewest)
        if closed <= most and room_after(line, close, closed) >= 0:
            return closed
        fewest = max(most + 1, fewest)
    return close.lots


@rule("RST-2")
def restore_lots(schedule: Schedule, close: Close) -> Lots:
    """The least lots after whose close equity is at least the margin and the buffer.

    schedule  maintenance schedule of the market
    close     what is to be closed, and at what cost
    returns   0 to close.lots. For `bracket` and `whole` the least number, before rounding; for `sqrt` the
              least at the rate of the position as it is, which falls as lots go. All lots if no part is
              enough
    Rounds up, in favour of the venue. Rounded margin and rounded penalty ask for one quantum more than the
    numerators here; the buffer is there for that (POL-21). Source: Drift v2 restores to a buffer; theorem D4.
    """
    if schedule.kind == WHOLE:
        return restored_by_tiers(schedule, close)
    return restored_by_lines(published_lines(schedule, close.lots), close)
