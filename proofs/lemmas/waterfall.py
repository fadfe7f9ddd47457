"""What the theorems of the waterfall share: the loops of chapters 9 to 11 as folds of their scalar rules, and
the contracts of those rules.

The law's own loops over accounts build lists. Here the same scalar rules are carried along a state of plain
numbers, so that an induction says what comes out for any number of accounts; the law's own loops are proved
for three.
"""

from collections.abc import Callable
from dataclasses import dataclass

from proofs.contracts import contract, ensure, require
from proofs.induction import ArbitrarySequence, induction_over
from proofs.symbolic import implies, select
from refmodel.allocation import Level, cut_off, is_cut_off, queue_share
from refmodel.close_out import Closing, lots_opposite
from refmodel.deleveraging import cap_of, cap_of_line
from refmodel.insurance import backstop_lots, lots_payable
from refmodel.liquidation_price import Line
from refmodel.loss import share_of_loss
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, ceil_div, largest_count, running_share
from refmodel.state import Venue


@dataclass(frozen=True)
class Part:
    """One of those among whom something is shared out."""

    weight: int


@dataclass(frozen=True)
class Dealt:
    """How far a sharing out has got: the weights that came before, and what they were given."""

    before: int
    given: int

    def after(self, amount: int, part: Part, total: int) -> "Dealt":
        """One part more, by NUM-5."""
        share = running_share(amount, self.before, part.weight, total)
        return Dealt(self.before + part.weight, self.given + share)


def dealt_out(parts: tuple[Part, ...], amount: int, before: int, total: int) -> Dealt:
    """An amount shared out among parts, one after the other, those before them left aside (NUM-5)."""
    state = Dealt(before, 0)
    for part in parts:
        state = state.after(amount, part, total)
    return state


def parts_of(weight: int) -> ArbitrarySequence[Part]:
    """Any number of parts, none of a weight below 0."""
    parts = induction_over(Part(weight))
    parts.each(lambda part: part.weight >= 0, guard="NUM-5")
    return parts


@dataclass(frozen=True)
class Charged:
    """How far a loss has been charged: what was paid, by which weights, and by how many payers."""

    paid: Quanta
    weights: Quanta
    payers: int

    def after(self, loss: Quanta, part: Part, total: Quanta) -> "Charged":
        """One payer more, by LOS-4."""
        paid = self.paid + share_of_loss(loss, part.weight, total)
        return Charged(paid, self.weights + part.weight, self.payers + 1)


def charged(parts: tuple[Part, ...], loss: Quanta, total: Quanta) -> Charged:
    """A loss charged to payers, one after the other (LOS-4)."""
    state = Charged(0, 0, 0)
    for part in parts:
        state = state.after(loss, part, total)
    return state


@dataclass(frozen=True)
class InQueue:
    """A holder in the queue: what may be closed of it."""

    cap: Lots


@dataclass(frozen=True)
class Queued:
    """How far a queue has got.

    left     lots still to be closed
    caps     of those asked so far, in sum
    spare    what those asked so far did not give
    partial  how many gave something and less than their cap
    jumped   how many gave something although one before them had cap left
    """

    left: Lots
    caps: Lots
    spare: Lots
    partial: int
    jumped: int

    def after(self, holder: InQueue) -> "Queued":
        """One holder more, by ADL-4."""
        share = queue_share(self.left, holder.cap)
        return Queued(
            self.left - share,
            self.caps + holder.cap,
            self.spare + holder.cap - share,
            self.partial + select((share > 0) & (share < holder.cap), 1, 0),
            self.jumped + select((share > 0) & (self.spare > 0), 1, 0),
        )


def queued(holders: tuple[InQueue, ...], lots: Lots) -> Queued:
    """Lots closed along a queue (ADL-4)."""
    state = Queued(lots, 0, 0, 0, 0)
    for holder in holders:
        state = state.after(holder)
    return state


@dataclass(frozen=True)
class Twice:
    """A queue gone through twice, and once with both numbers of lots.

    first, second, both  lots still to be closed in either passage
    differ               how many holders give another number in the two passages than in the one
    """

    first: Lots
    second: Lots
    both: Lots
    differ: int

    def after(self, holder: InQueue) -> "Twice":
        """One holder more: its cap is frozen, so in the second passage what it gave is gone from it."""
        once = queue_share(self.first, holder.cap)
        again = queue_share(self.second, holder.cap - once)
        at_once = queue_share(self.both, holder.cap)
        return Twice(
            self.first - once,
            self.second - again,
            self.both - at_once,
            self.differ + select(once + again == at_once, 0, 1),
        )


def queued_twice(holders: tuple[InQueue, ...], lots: Lots, more: Lots) -> Twice:
    """Lots closed along a queue in two passages, beside the same lots in one."""
    state = Twice(lots, more, lots + more, 0)
    for holder in holders:
        state = state.after(holder)
    return state


@dataclass(frozen=True)
class Cup:
    """A holder in water-filling, and the one before it in the order of cap / lots."""

    lots: Lots
    cap: Lots


@dataclass(frozen=True)
class Filled:
    """How far water-filling has got.

    left, active  as in Level
    stopped       1 once a holder was not cut off: nobody after it is
    caps          given by those cut off
    lots          held by those not cut off
    over          how many were not cut off although their cap is at or below their proportion
    """

    left: Lots
    active: Lots
    stopped: int
    caps: Lots
    lots: Lots
    over: int

    def after(self, cup: Cup) -> "Filled":
        """One holder more, by ADL-6."""
        level = Level(self.left, self.active)
        at_its_cap = is_cut_off(level, cup.lots, cup.cap)
        out = (self.stopped == 0) & at_its_cap
        following = cut_off(level, cup.lots, cup.cap)
        return Filled(
            select(out, following.left, self.left),
            select(out, following.active, self.active),
            select(out, 0, 1),
            self.caps + select(out, cup.cap, 0),
            self.lots + select(out, 0, cup.lots),
            self.over + select((self.stopped == 1) & at_its_cap, 1, 0),
        )


def filled(cups: tuple[Cup, ...], lots: Lots, active: Lots) -> Filled:
    """Lots filled into holders in the order of cap / lots (ADL-6)."""
    state = Filled(lots, active, 0, 0, 0, 0)
    for cup in cups:
        state = state.after(cup)
    return state


@contract(for_=running_share, proved_by="A8-running-share")
def running_share_is_near_its_proportion(
    result: int, amount: int, before: int, weight: int, total: int
) -> None:
    """A running share is within one of its proportion, never negative, and at most its weight."""
    require(amount >= 0)
    require(before >= 0)
    require(weight >= 0)
    require(total >= 1)
    ensure(result >= 0)
    ensure(result * total < amount * weight + total)
    ensure(result * total > amount * weight - total)
    ensure(implies(amount <= total, result <= weight))


@contract(for_=cap_of_line, proved_by="E3-cap-line")
def cap_is_at_most_held(
    result: Lots, line: Line, lots: Lots, lot_value: Quanta, room: Quanta, gap: Quanta, gap_lots: Lots
) -> None:
    """The cap that a line leaves is 0 to all the lots held."""
    require(lots >= 0)
    ensure(result >= 0)
    ensure(result <= lots)


def limit_after(room: Quanta, gap: Quanta, gap_lots: Lots, closed: Lots) -> QuantaPpm:
    """What a requirement's numerator may be once so many lots are closed at their part of a gap."""
    return PPM * room - ceil_div(PPM * gap * closed, gap_lots)


def any_line(lines: tuple[Line, ...]) -> int:
    """1 if there is a line at all, 0 otherwise: the caps of no lines have no smallest."""
    return max((1 for line in lines), default=0)


@dataclass(frozen=True)
class Held:
    """An account on its way through stage 4: its signed size, counted in the direction of the closing."""

    size: Lots


@dataclass(frozen=True)
class AtMark:
    """How far closing at mark has got: lots left, and the sizes of the accounts gone through, in sum."""

    left: Lots
    sizes: Lots

    def after(self, account: Held) -> "AtMark":
        """One account more: whoever is on the other side gives what is left, up to all it holds (ADL-8)."""
        return AtMark(self.left - queue_share(self.left, max(-account.size, 0)), self.sizes + account.size)


def closed_at_mark(accounts: tuple[Held, ...], lots: Lots) -> AtMark:
    """Lots closed at mark against one account after the other."""
    state = AtMark(lots, 0)
    for account in accounts:
        state = state.after(account)
    return state


@contract(for_=cap_of, proved_by="E3-cap-of")
def cap_is_at_most_opposite(result: Lots, venue: Venue, name: str, closing: Closing) -> None:
    """A cap is 0 to all that the account holds on the other side."""
    ensure(result >= 0)
    ensure(result <= lots_opposite(venue, closing, name))


@contract(for_=largest_count, proved_by="E1-largest-count")
def largest_count_is_within_limit(result: int, limit: int, holds: Callable[[int], bool]) -> None:
    """What is found is 0 to the limit."""
    require(limit >= 0)
    ensure(result >= 0)
    ensure(result <= limit)


@contract(for_=backstop_lots, proved_by="E1-backstop-carries")
def backstop_capacity_is_minus_one_or_more(result: Lots, venue: Venue, name: str, market: str) -> None:
    """A backstop's capacity in a market is 0 lots or more, or -1: then it takes nothing."""
    ensure(result >= -1)


@contract(for_=lots_payable, proved_by="E1-lots-payable")
def payable_is_within_room(result: Lots, room: Quanta, gap: Quanta, lots: Lots, left: Lots) -> None:
    """As many lots as are payable, of those that are there, carry less than a quantum above the room."""
    require(room >= 0)
    require(gap >= 0)
    require(lots >= 1)
    require(left >= 0)
    ensure(result >= 0)
    ensure(result <= left)
    ensure(gap * result < (room + 1) * lots)


@dataclass(frozen=True)
class TierLine:
    """A tier together with the line that `published_lines` makes of it and the tiers below (MAR-13)."""

    floor: Quanta
    rise: Ppm
    rate: Ppm
    amount: QuantaPpm


TIERS_AND_LINES = (TierLine(0, 10_000, 10_000, 0), TierLine(50, 20_000, 30_000, 1_000_000))
"""What witnesses stand on."""
