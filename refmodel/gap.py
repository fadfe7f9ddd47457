"""Gap (chapter 3, continued): how large a move of the mark an account at its margin survives.

Rules GAP-1 to GAP-4: the numbers behind theorems C1a, C1b and C2.
"""

from refmodel.margin import bracket_numerator, whole_rate
from refmodel.numbers import PPM, Ppm, ceil_div, floor_div
from refmodel.policy import BRACKET, WHOLE, Schedule
from refmodel.rulebook import rule


@rule("GAP-1")
def effective_rate(schedule: Schedule, tier: int) -> Ppm:
    """The least rate that a maintenance schedule takes of any notional within one of its tiers.

    tier     index of the tier, 0 the lowest; 0 for `sqrt`
    returns  ppm; rounds down (NUM-3), so that it is never more than what is really taken.
             `bracket`: the average at the floor of the tier, not the tier's own rate; in tier 0
             its rate. `whole`: the tier's rate. `sqrt`: the base
    Source: theorem C1a; the tier's own rate overstates it (spec/decisions/0004).
    """
    if schedule.kind not in (BRACKET, WHOLE):
        return schedule.base
    floor = schedule.tiers[tier].floor
    if schedule.kind == WHOLE or tier == 0:
        return whole_rate(floor + 1, schedule.tiers)
    return floor_div(bracket_numerator(floor, schedule.tiers), floor)


@rule("GAP-2")
def gap_survived(rate: Ppm) -> Ppm:
    """The largest adverse move of a mark that an account exactly at its margin survives.

    rate     effective rate of the position (GAP-1), ppm
    returns  ppm of the mark: after a move of at most this much equity is still >= 0
    Exact, nothing is rounded. Source: theorem C1a.
    """
    return rate


@rule("GAP-3")
def gap_survived_with_penalty(rate: Ppm, penalty: Ppm) -> Ppm:
    """The largest adverse move after which the liquidation penalty can still be paid in full.

    rate     effective rate of the position (GAP-1), ppm
    penalty  ppm of the notional after the move
    returns  ppm of the mark, 0 if even an unmoved mark leaves less than the penalty; rounds down
             (NUM-3). The largest g with rate x PPM >= g x PPM + penalty x (PPM + g)
    Source: theorem C1b.
    """
    return max(floor_div((rate - penalty) * PPM, PPM + penalty), 0)


@rule("GAP-4")
def gap_of_moves(gap: Ppm, moves: int) -> Ppm:
    """How far a mark may be, after several bounded moves, from where it was when an account was looked at.

    gap      ppm: the largest single move
    moves    how many of them, >= 0
    returns  ppm of the first mark; rounds up at every move (NUM-1). Not moves x gap: the second move is
             taken of a mark that the first has already moved
    Source: theorem C2.
    """
    total = 0
    for _ in range(moves):
        total = gap_after_move(total, gap)
    return total


def gap_after_move(total: Ppm, gap: Ppm) -> Ppm:
    """The distance after one more move: the move itself, on the mark and on what it had moved before."""
    return total + gap + ceil_div(total * gap, PPM)
