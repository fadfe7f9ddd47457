"""Proof contracts of the law's scalar rules: what other theorems may know of them.

Each is established by the theorem it names; a theorem that lists a contract never looks into the rule.
"""

from typing import Any

from fastpath.domain import RATE_MAX, SQUARE_MAX
from proofs.contracts import contract, ensure, require
from proofs.machine import kernel_rule
from proofs.symbolic import implies
from refmodel.liquidation_price import Line, first_tick_of_long, first_tick_of_short
from refmodel.margin import margin_initial, margin_maintenance, requirement, whole_rate
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, Ticks, isqrt_ceil
from refmodel.policy import SQRT, Schedule
from refmodel.state import Account, Position, Venue
from refmodel.trading import realised


def rate_of_first_quantum(schedule: Schedule) -> Ppm:
    """The least rate of a schedule: of its lowest tier, which starts at 0, or its base."""
    return schedule.base if schedule.kind == SQRT else whole_rate(1, schedule.tiers)


@contract(for_=requirement, proved_by="B1-at-least-one")
def requirement_is_at_least_one(result: Quanta, schedule: Schedule, lots: Lots, notional: Quanta) -> None:
    """A requirement is never negative, and at least one quantum for any notional."""
    require(lots >= 0)
    require(notional >= 0)
    ensure(result >= 0)
    ensure(implies(notional >= 1, result >= 1))
    ensure(implies(notional == 0, result == 0))


@contract(for_=realised, proved_by="A6-closing")
def closing_realises_all(result: Quanta, position: Position, lots: Lots, paid: Quanta) -> None:
    """A deal that closes exactly the position realises exactly what it cost and brought; one that only
    opens realises nothing."""
    require(lots != 0)
    ensure(implies(position.size == -lots, result == -(paid + position.cost)))
    ensure(implies(position.size * lots >= 0, result == 0))


@contract(for_=margin_initial, proved_by="B1-account")
def initial_is_not_negative(result: Quanta, venue: Venue, account: Account) -> None:
    """An account's initial margin is never negative."""
    ensure(result >= 0)


@contract(for_=margin_maintenance, proved_by="B1-account")
def maintenance_is_not_negative(result: Quanta, venue: Venue, account: Account) -> None:
    """An account's maintenance margin is at least one quantum with a position, and 0 without."""
    lots = sum(abs(position.size) for position in account.positions.values())
    ensure(implies(lots >= 1, result >= 1))
    ensure(implies(lots == 0, result == 0))


@contract(for_=requirement, proved_by="B2-requirement-monotone", relational=True)
def requirement_is_monotone(result_a: Quanta, a: Any, result_b: Quanta, b: Any) -> None:
    """Of one schedule, more lots of no less notional never need less."""
    if a.schedule is b.schedule:
        require(a.lots >= 0)
        require(b.lots >= 0)
        require(a.notional >= 0)
        require(b.notional >= 0)
        ensure(implies((a.lots <= b.lots) & (a.notional <= b.notional), result_a <= result_b))


@contract(for_=isqrt_ceil, proved_by="A6-isqrt-ceil")
def root_is_rounded_up(result: int, number: int) -> None:
    """The root is the least whole number whose square reaches the number."""
    require(number >= 0)
    ensure(result >= 0)
    ensure(result * result >= number)
    ensure(implies(result >= 1, (result - 1) * (result - 1) < number))


@contract(for_=requirement, proved_by="B2-requirement-rate")
def requirement_takes_rate(result: Quanta, schedule: Schedule, lots: Lots, notional: Quanta) -> None:
    """A requirement is at least the lowest rate of its schedule, of the notional."""
    require(lots >= 0)
    require(notional >= 0)
    ensure(result * PPM >= rate_of_first_quantum(schedule) * notional)


@contract(for_=first_tick_of_long, proved_by="D10-long-line")
def long_candidate_is_below_mark(
    result: Ticks, lots: Lots, multiplier: int, room: QuantaPpm, mark: Ticks, line: Line
) -> None:
    """The candidate of a line is a tick below the mark, or 0."""
    require(mark >= 1)
    ensure(result >= 0)
    ensure(result < mark)


@contract(for_=first_tick_of_short, proved_by="D10-short-line")
def short_candidate_is_a_tick(
    result: Ticks, lots: Lots, multiplier: int, room: QuantaPpm, line: Line
) -> None:
    """The candidate of a line is a tick."""
    require(lots >= 1)
    require(multiplier >= 1)
    require(line.rate >= 0)
    ensure(result >= 1)


@contract(for_=kernel_rule("isqrt_step"), proved_by="F1-root-step")
def kernel_step_halves_the_distance(result: int, number: int, root: int, bit: int) -> None:
    """With one more binary digit the root is known to within that digit."""
    require(number >= 0)
    require(number <= SQUARE_MAX)
    require(root >= 0)
    require(bit >= 1)
    require(root + bit <= 1 << 21)
    require(root * root <= number)
    require(number < (root + 2 * bit) * (root + 2 * bit))
    ensure(result >= root)
    ensure(result <= root + bit)
    ensure(result * result <= number)
    ensure(number < (result + bit) * (result + bit))


@contract(for_=kernel_rule("isqrt_ceil"), proved_by="F1-root")
def kernel_root_is_rounded_up(result: int, number: int) -> None:
    """The kernel's root is the least whole number whose square reaches the number."""
    require(number >= 0)
    require(number <= SQUARE_MAX)
    ensure(result >= 0)
    ensure(result <= RATE_MAX)
    ensure(result * result >= number)
    ensure(implies(result >= 1, (result - 1) * (result - 1) < number))
