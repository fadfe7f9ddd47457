"""Deleveraging (chapter 10, continued): opposite holders are closed against a bankrupt account.

Rules ADL-3, ADL-7 and ADL-8. What the fund could not pay goes to those on the other side of the market: at
close-out value as far as each can bear it, and at mark from there on.
"""

from collections.abc import Iterator
from dataclasses import replace

from refmodel.allocation import Candidate, allocate, queue
from refmodel.close_out import (
    Closing,
    Reason,
    Step,
    gap_of_lots,
    lots_left,
    lots_opposite,
    taking_postings,
)
from refmodel.liquidation_price import Line, published_lines
from refmodel.margin import maintenance_of, margin_maintenance, notional, sqrt_rate, whole_rate
from refmodel.numbers import PPM, Lots, Quanta, floor_div
from refmodel.policy import ADL_STAGE, AT_OR_BELOW, BRACKET, QUEUE, WHOLE, Schedule
from refmodel.rulebook import rule
from refmodel.stages import AT_MARK, DELEVERAGED
from refmodel.state import Venue, equity

TAKES_AT_CLOSE_OUT = Reason("ADL-7", DELEVERAGED)
TAKES_AT_MARK = Reason("ADL-8", AT_MARK)


def covering_lines(schedule: Schedule, lots: Lots, notional: Quanta) -> tuple[Line, ...]:
    """Lines of which the highest is at least the requirement of a position and of every part of it.

    For `bracket` they are its published lines and the highest is the requirement. For `whole` and `sqrt` it
    is one line: the rate of the position as it is, which only falls as it shrinks.
    """
    if schedule.kind == BRACKET:
        return published_lines(schedule, lots)
    if schedule.kind == WHOLE:
        return (Line(whole_rate(notional, schedule.tiers), 0, 0),)
    return (Line(sqrt_rate(lots, schedule.base, schedule.factor), 0, 0),)


def cap_of_line(line: Line, lots: Lots, lot_value: Quanta, room: Quanta, gap: Quanta, gap_lots: Lots) -> Lots:
    """The largest number of lots up to which a holder stays above one line.

    lots       it holds, >= 1
    lot_value  quanta of notional of one lot at mark
    room       quanta: equity less the margin of the other markets and what is kept in reserve
    gap        quanta that `gap_lots` lots of the bankrupt position carry, >= 0
    returns    0 to lots: with that many closed, and with every smaller number of at least one, what is left
               is above the line by the room. Nothing is asked where no lot is closed: the holder is known
               not to be liquidatable
    Rounds down, in favour of the holder.
    """
    above = gap_lots * (PPM * room - line.rate * lots * lot_value + line.amount)
    lost_per_lot = PPM * gap - gap_lots * line.rate * lot_value
    if lost_per_lot <= 0:
        return lots if above >= lost_per_lot else 0
    return max(min(floor_div(above, lost_per_lot), lots), 0)


def cap_of_lines(
    lines: tuple[Line, ...], lots: Lots, lot_value: Quanta, room: Quanta, gap: Quanta, gap_lots: Lots
) -> Lots:
    """The cap that the tightest line leaves."""
    return min((cap_of_line(line, lots, lot_value, room, gap, gap_lots) for line in lines), default=0)


@rule("ADL-3")
def cap_of(venue: Venue, name: str, closing: Closing) -> Lots:
    """The most lots that may be closed of a holder, so that it is never liquidatable by it.

    name     an account that holds the other side of the market
    returns  lots, 0 to all it holds: with that many closed at close-out value, and with every smaller number,
             equity is 0 or above and the account is not liquidatable
    One quantum of equity is kept in reserve for the rounding of the gap, and one more under `at_or_below`.
    Rounds down, in favour of the holder. Source: theorems B5 and E3; spec/decisions/0010.
    """
    # Facts
    account = venue.accounts[name]
    terms = venue.policy.markets[closing.market]
    lots = lots_opposite(venue, closing, name)
    lot_value = notional(1, venue.marks[closing.market], terms.multiplier)
    reserve = 2 if venue.policy.trigger == AT_OR_BELOW else 1
    others = margin_maintenance(venue, account) - maintenance_of(venue, account, closing.market)
    room = equity(venue, account) - others - reserve

    # The tightest line
    lines = covering_lines(terms.maintenance, lots, lots * lot_value)
    return cap_of_lines(lines, lots, lot_value, room, closing.gap, closing.lots)


def candidates_of(venue: Venue, closing: Closing, ranking: tuple[str, ...]) -> Iterator[Candidate]:
    """The eligible holders that are still on the other side, with their caps, in ranking order."""
    for name in ranking:
        lots = lots_opposite(venue, closing, name)
        if lots > 0:
            yield Candidate(name, venue.accounts[name].owner, lots, cap_of(venue, name, closing))


@rule("ADL-7")
def adl_stage(step: Step, closing: Closing, ranking: tuple[str, ...]) -> tuple[Step, Closing]:
    """Eligible holders are closed at close-out value, without compensation, each up to its cap.

    ranking  the opposite holders that are eligible, best first (ADL-2)
    returns  the venue after, and the closing with the lots that have carried their gap
    As many lots as the caps allow, shared out by the policy's allocation; what the holders forgo is the
    gap of those lots, to the quantum. Caps are worked out once, before any lot of this closing is taken.
    Source: Binance counterparty liquidation at the bankruptcy price; theorems E3 and E4.
    """
    if ADL_STAGE not in step.venue.policy.stages:
        return step, closing
    venue = step.venue
    left = lots_left(venue, closing)
    if venue.policy.adl_allocation == QUEUE:
        shares = queue(left, candidates_of(venue, closing, ranking))
    else:
        candidates = tuple(candidates_of(venue, closing, ranking))
        lots = min(left, sum(candidate.cap for candidate in candidates))
        shares = allocate(venue.policy.adl_allocation, lots, candidates)
    for share in shares:
        gap = gap_of_lots(closing.gap, closing.carried, share.lots, closing.lots)
        step = taken_by(step, closing, share.account, share.lots, gap, TAKES_AT_CLOSE_OUT)
        closing = replace(closing, carried=closing.carried + share.lots)
    return step, closing


def taken_by(step: Step, closing: Closing, taker: str, taken: Lots, gap: Quanta, reason: Reason) -> Step:
    """An opposite holder is closed against lots of a bankrupt account, at mark less a gap that it forgoes."""
    if taken == 0:
        return step
    return step.then(taking_postings(step.venue, reason, closing, taker, taken, gap))


@rule("ADL-8")
def mark_stage(step: Step, closing: Closing, ranking: tuple[str, ...]) -> Step:
    """The lots that are still there are closed at mark against opposite holders.

    returns  the venue after, in which nothing of the closing is left
    Eligible holders first, in ranking order, then every other opposite holder by identifier, bankrupt ones
    included. It harms nobody, and there are always enough: the sizes of a market sum to zero (PST-3). The
    gap of these lots stays with the bankrupt account (LOS-1). Source: chapter 10; theorems E3 and D9.
    """
    others = sorted(set(step.venue.accounts) - set(ranking)) if lots_left(step.venue, closing) > 0 else []
    for name in (*ranking, *others):
        left = lots_left(step.venue, closing)
        if left == 0:
            break
        taken = min(left, lots_opposite(step.venue, closing, name))
        step = taken_by(step, closing, name, taken, 0, TAKES_AT_MARK)
    return step
