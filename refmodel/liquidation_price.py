"""Liquidation price (chapter 3, continued): at which mark of one market an account becomes liquidatable.

Rules MAR-13 and MAR-14. A requirement is the largest of a few straight lines in the notional (the
published form of a bracket table); each line gives one candidate, and the nearest candidate is the
liquidation price.
"""

from dataclasses import dataclass

from refmodel.margin import (
    is_liquidatable,
    maintenance_of,
    margin_maintenance,
    notional,
    published_amount,
    sqrt_rate,
    top_rate,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, Ticks, ceil_div, floor_div
from refmodel.policy import AT_OR_BELOW, BRACKET, WHOLE, Schedule
from refmodel.rulebook import rule
from refmodel.state import Account, Venue, equity, position_value


@dataclass(frozen=True, slots=True)
class Line:
    """One straight piece of a requirement: rate x notional - amount, for a notional above a level.

    rate    ppm of the notional
    amount  quanta x ppm that are subtracted (what Binance publishes, times 1 000 000)
    above   quanta of notional above which the line counts
    """

    rate: Ppm
    amount: QuantaPpm
    above: Quanta


@rule("MAR-13")
def published_lines(schedule: Schedule, lots: Lots) -> tuple[Line, ...]:
    """A schedule in its published form: one line per tier.

    lots     of the position, >= 1; only `sqrt` needs them
    returns  for `bracket`, rate and amount of each tier, of which the largest counts everywhere;
             for `whole`, the rate of each tier, above its floor; for `sqrt`, one line
    Rounds nothing but the rate of `sqrt` (up). Source: Binance's cumulative maintenance amount,
    amount(n) = amount(n-1) + floor(n) x (rate(n) - rate(n-1)).
    """
    if schedule.kind not in (BRACKET, WHOLE):
        return (Line(sqrt_rate(lots, schedule.base, schedule.factor), 0, 0),)
    lines: list[Line] = []
    for index, tier in enumerate(schedule.tiers):
        up_to = schedule.tiers[: index + 1]
        if schedule.kind == BRACKET:
            lines.append(Line(top_rate(up_to), published_amount(up_to), 0))
        else:
            lines.append(Line(top_rate(up_to), 0, tier.floor))
    return tuple(lines)


def first_tick_of_long(lots: Lots, multiplier: int, room: QuantaPpm, mark: Ticks, line: Line) -> Ticks:
    """The highest tick below the mark at which a long position fails one line.

    lots        >= 1
    multiplier  quanta per lot and tick
    room        PPM x (what equity would be at a price of 0, less the other markets' margin, less
                one quantum under `at_or_below`)
    mark        ticks, at which the position does not fail the line
    returns     the largest p < mark with room + PPM x value(p) < rate x value(p) - amount and
                value(p) > above, where value(p) is lots x p x multiplier; 0 if there is none
    """
    slope = (PPM - line.rate) * lots * multiplier
    if slope <= 0:
        return 0
    tick = ceil_div(-(room + line.amount), slope) - 1
    if tick < 1 or tick >= mark or notional(lots, tick, multiplier) <= line.above:
        return 0
    return tick


def first_tick_of_short(lots: Lots, multiplier: int, room: QuantaPpm, line: Line) -> Ticks:
    """The lowest tick at which a short position fails one line.

    lots, multiplier, room  as for a long
    returns                 the smallest p >= 1 with room - PPM x value(p) < rate x value(p) - amount
                            and value(p) > above
    """
    slope = (PPM + line.rate) * lots * multiplier
    fails_from = floor_div(room + line.amount, slope) + 1
    counts_from = floor_div(line.above, lots * multiplier) + 1
    return max(fails_from, counts_from, 1)


def highest_tick(lines: tuple[Line, ...], lots: Lots, multiplier: int, room: QuantaPpm, mark: Ticks) -> Ticks:
    """For a long: the nearest of the lines' candidates below the mark, 0 if there is none."""
    return max((first_tick_of_long(lots, multiplier, room, mark, line) for line in lines), default=0)


def lowest_tick(
    lines: tuple[Line, ...], lots: Lots, multiplier: int, room: QuantaPpm, beyond: Ticks
) -> Ticks:
    """For a short: the nearest of the lines' candidates; `beyond` if there is no line."""
    return min((first_tick_of_short(lots, multiplier, room, line) for line in lines), default=beyond)


@rule("MAR-14")
def liquidation_price(venue: Venue, account: Account, market: str) -> Ticks | None:
    """The first tick, moving against a position, at which its account is liquidatable.

    market   one in which the account holds a position; the other marks stay
    returns  ticks from 1 to the market's price_max: the account is liquidatable there, and at no
             tick between there and the present mark; None if it already is, or never becomes so
    Exact: a requirement is compared before its rounding. Source: Binance's liquidation price,
    restated for the first whole tick; theorem D10.
    """
    # Facts
    terms = venue.policy.markets[market]
    position = account.positions[market]
    lots = abs(position.size)
    mark = venue.marks[market]
    maintenance = margin_maintenance(venue, account)
    maintenance_here = maintenance_of(venue, account, market)
    equity_now = equity(venue, account)
    equity_at_zero = equity_now - position_value(position.size, mark, terms.multiplier)
    at = 1 if venue.policy.trigger == AT_OR_BELOW else 0
    room = PPM * (equity_at_zero - (maintenance - maintenance_here) - at)
    lines = published_lines(terms.maintenance, lots)

    # Already there
    if is_liquidatable(equity_now, maintenance, venue.policy.trigger):
        return None

    # The nearest candidate of all lines
    if position.size > 0:
        tick = highest_tick(lines, lots, terms.multiplier, room, mark)
        return tick if tick >= 1 else None
    tick = lowest_tick(lines, lots, terms.multiplier, room, terms.price_max + 1)
    return tick if tick <= terms.price_max else None
