"""Allocation (chapter 10, continued): how the lots of a deleveraging are shared out among holders.

Rules ADL-4 to ADL-6. Every share is at most the holder's cap, and all shares sum to what is closed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from refmodel.numbers import Lots, running_share
from refmodel.policy import CAPPED_PRO_RATA, QUEUE
from refmodel.rulebook import rule


@dataclass(frozen=True, slots=True)
class Candidate:
    """An opposite holder that may be deleveraged.

    lots  it holds, >= 1
    cap   the most that may be closed of it, 0 to lots
    """

    account: str
    owner: str
    lots: Lots
    cap: Lots


@dataclass(frozen=True, slots=True)
class Share:
    """How many lots of one holder are closed."""

    account: str
    lots: Lots


def queue_share(left: Lots, cap: Lots) -> Lots:
    """What one holder in the queue gives: all of its cap, or what is still left to close."""
    return min(left, cap)


@rule("ADL-4")
def queue(lots: Lots, candidates: Iterable[Candidate]) -> list[Share]:
    """Allocation `queue`: one holder after the other, each up to its cap.

    lots        to be closed, >= 0
    candidates  in ranking order (ADL-2)
    returns     the shares, in that order; at most one holder ends below its cap, and nobody is touched while
                one before it has cap left
    Exact. Source: Binance, Bybit, BitMEX, OKX; theorem E3.
    """
    shares = []
    left = lots
    for candidate in candidates:
        if left == 0:
            break
        share = queue_share(left, candidate.cap)
        shares.append(Share(candidate.account, share))
        left -= share
    return shares


def in_owner_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The order in which proportional shares are rounded: owner, larger holdings first, identifier."""
    return sorted(candidates, key=lambda each: (each.owner, -each.lots, each.account))


@rule("ADL-5")
def pro_rata(lots: Lots, candidates: Sequence[Candidate]) -> list[Share]:
    """Allocation `pro_rata`: in proportion to the caps.

    lots        to be closed, 0 to the sum of the caps
    candidates  in the order in which they are rounded (in_owner_order)
    returns     the shares, in that order: running shares (NUM-5) of the lots by the caps; each is within one
                lot of its proportion and at most its cap
    Source: theorems A8 and E4.
    """
    total = sum(candidate.cap for candidate in candidates)
    shares = []
    before = 0
    for candidate in candidates:
        if total > 0:
            shares.append(Share(candidate.account, running_share(lots, before, candidate.cap, total)))
        before += candidate.cap
    return shares


@dataclass(frozen=True, slots=True)
class Level:
    """Where the filling of a water-level has got to.

    left    lots still to be closed
    active  lots held by those not yet cut off at their caps
    """

    left: Lots
    active: Lots


def is_cut_off(level: Level, lots: Lots, cap: Lots) -> bool:
    """Whether a holder's cap is at or below its proportional share of what is left."""
    return cap * level.active <= level.left * lots


def cut_off(level: Level, lots: Lots, cap: Lots) -> Level:
    """The level once a holder has given its whole cap and is out."""
    return Level(level.left - cap, level.active - lots)


@dataclass(frozen=True, slots=True)
class CapRate:
    """A cap as a fraction of the lots held, in the order of its value."""

    cap: Lots
    lots: Lots

    def __lt__(self, other: "CapRate") -> bool:
        return self.cap * other.lots < other.cap * self.lots


@rule("ADL-6")
def capped_pro_rata(lots: Lots, candidates: Sequence[Candidate]) -> list[Share]:
    """Allocation `capped_pro_rata`: in proportion to the lots held, cut off at the caps.

    lots        to be closed, 0 to the sum of the caps
    candidates  in the order in which they are rounded (in_owner_order)
    returns     the shares, in that order. Who would have to give its cap or more gives its cap, lowest
                cap / lots first; what is left is shared by running shares (NUM-5) of the lots held
    Exact in sum; among those not cut off within one lot of proportional. Source: water-filling, the capped
    pro rata of Chitra, "Autodeleveraging: Impossibilities and Optimization" (2025); theorem E4.
    """
    level = Level(lots, sum(candidate.lots for candidate in candidates))
    at_their_cap = set()
    for candidate in sorted(candidates, key=lambda each: CapRate(each.cap, each.lots)):
        if not is_cut_off(level, candidate.lots, candidate.cap):
            break
        level = cut_off(level, candidate.lots, candidate.cap)
        at_their_cap.add(candidate.account)

    shares = []
    before = 0
    for candidate in candidates:
        if candidate.account in at_their_cap:
            shares.append(Share(candidate.account, candidate.cap))
        else:
            share = running_share(level.left, before, candidate.lots, level.active)
            shares.append(Share(candidate.account, share))
            before += candidate.lots
    return shares


def allocate(allocation: str, lots: Lots, candidates: Sequence[Candidate]) -> list[Share]:
    """The shares of each holder, by the allocation that the policy names.

    candidates  in ranking order
    returns     in the order in which the lots are taken
    """
    if allocation == QUEUE:
        return queue(lots, candidates)
    in_order = in_owner_order(candidates)
    if allocation == CAPPED_PRO_RATA:
        return capped_pro_rata(lots, in_order)
    return pro_rata(lots, in_order)
