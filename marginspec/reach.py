"""Reach: whether each rule of the law was seen to decide both ways.

A rule that only ever said yes was not tested. For a rule that refuses, the two ways are *refused* (by it)
and *passed* (an event of its kind got beyond it); for a rule that computes, they are named classes of its
result, seen by wrapping the very functions that the law calls while events are applied and checked.

A campaign counts in two columns: the policy it was given, and drawn policies. In the first column a rule is
not applicable where that policy can decide it one way at the most: nobody reaches the margin of a square
root where no market has one.
"""

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from marginspec.choices import Choices
from marginspec.draw_policy import BREAKERS, brackets_of, draw_broken_policy
from refmodel.events import (
    Deposit,
    Event,
    FeeWithdrawal,
    FundDeposit,
    Funding,
    Order,
    Prices,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.gap import effective_rate, gap_survived, gap_survived_with_penalty
from refmodel.liquidation_price import published_lines
from refmodel.margin import FLAT, HEALTHY, LIQUIDATABLE, MARGIN_CALL, Standing, carries, notional
from refmodel.margin import initial_rate_of_leverage as leverage_rate
from refmodel.numbers import PPM, ceil_div, is_whole
from refmodel.outcome import Outcome
from refmodel.policy import BRACKET, REFUSE, SCHEDULE_KINDS, SQRT, WHOLE, Market, Policy, Schedule, pools_of
from refmodel.rulebook import RULES
from refmodel.state import CROSS, genesis
from refmodel.validity import faults

Tally = Counter[tuple[str, str]]
"""How often a rule was seen to give a class of result."""
Outcomes = Counter[tuple[type, str | None]]
"""How often an event of a type was refused by a rule, or accepted (None)."""

REFUSED = "refused"
PASSED = "passed"

COMMON = ("EVT-1", "EVT-2", "EVT-3")
LADDERS: dict[type[Event], tuple[str, ...]] = {
    Deposit: ("EVT-1", "EVT-2", "DEP-1", "DEP-2", "LIM-4"),
    Withdraw: (*COMMON, "WDR-1", "WDR-2", "WDR-3", "WDR-4"),
    Transfer: (*COMMON, "TRF-1", "TRF-2", "WDR-2", "WDR-3"),
    Order: (*COMMON, "TRD-1", "TRD-3", "LIM-1", "LIM-2", "ORD-1"),
    Trade: (*COMMON, "TRD-1", "TRD-2", "TRD-3", "TRD-4", "TRD-5", "LIM-1", "LIM-2", "LIM-3", "TRD-7"),
    Prices: ("EVT-1", "EVT-3", "PRC-1", "PRC-2", "INV-1"),
    Funding: ("EVT-1", "EVT-3", "TRD-1", "FUN-1", "INV-1"),
    FundDeposit: (*COMMON, "LIM-4"),
    FeeWithdrawal: (*COMMON, "WDR-1", "FEE-3", "WDR-4"),
}
"""The rules that may refuse an event, in the order in which the law asks them. A test reads the same
order out of the code."""


# ------------------------------------------------------------------------------------- what counts


Possible = Callable[[Policy, str], bool]
"""Whether a policy can bring a rule to give a class of result."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a rule must be seen to do.

    classes   all of them needed, at least two
    possible  of each class, whether a policy can bring it about; None: whatever the policy, as far as
              examining it shows
    why_not   what a policy lacks in which the rule is not applicable
    """

    classes: tuple[str, ...]
    possible: Possible | None
    why_not: str


def whatever_the_policy(policy: Policy, name: str) -> bool:
    return True


def kinds_of(policy: Policy) -> set[str]:
    """The kinds of schedule that the markets of a policy use."""
    kinds = {market.initial.kind for market in policy.markets.values()}
    return kinds | {market.maintenance.kind for market in policy.markets.values()}


def schedules_of(policy: Policy, kind: str) -> Iterator[tuple[Market, Schedule]]:
    """The schedules of one kind, each with its market."""
    for market in policy.markets.values():
        for schedule in (market.initial, market.maintenance):
            if schedule.kind == kind:
                yield market, schedule


def notional_max(market: Market) -> int:
    """The largest notional of a position, quanta."""
    return market.size_max * market.price_max * market.multiplier


def climbs(policy: Policy, kind: str) -> bool:
    """Whether a position of this policy can be above the first tier of a schedule of this kind."""
    return any(
        len(schedule.tiers) > 1 and schedule.tiers[1].floor < notional_max(market)
        for market, schedule in schedules_of(policy, kind)
    )


def tiers_are_possible(kind: str) -> Possible:
    """For a schedule of tiers: the first one if the kind is used, the others if a position gets there."""

    def possible(policy: Policy, name: str) -> bool:
        return kind in kinds_of(policy) if name == FIRST_TIER else climbs(policy, kind)

    return possible


def roots_are_possible(policy: Policy, name: str) -> bool:
    return any(
        name == "whole" or (schedule.factor > 0 and market.size_max > 1)
        for market, schedule in schedules_of(policy, SQRT)
    )


def rates_of_roots_are_possible(policy: Policy, name: str) -> bool:
    return any(
        schedule.base >= schedule.factor
        if name == "base"
        else schedule.factor * schedule.factor * market.size_max > schedule.base * schedule.base
        for market, schedule in schedules_of(policy, SQRT)
    )


def fees_are_possible(policy: Policy, name: str) -> bool:
    return name == "exact" or policy.fee_taker != 0 or policy.fee_maker != 0


def receivers_are_possible(policy: Policy, name: str) -> bool:
    return {
        "rebate": policy.fee_maker < 0,
        "maker pays": policy.fee_maker > 0,
        "one pool": True,
        "two pools": bool(policy.isolated),
    }[name]


def funding_is_possible(policy: Policy, name: str) -> bool:
    moving = [market for market in policy.markets.values() if market.funding_cap > 0]
    return any(name != "rounded down" or market.multiplier % PPM != 0 for market in moving)


def lines_are_possible(policy: Policy, name: str) -> bool:
    maintenance = {market.maintenance.kind for market in policy.markets.values()}
    return name == "first line" or any(
        kind in maintenance and climbs(policy, kind) for kind in (BRACKET, WHOLE)
    )


def lots_are_possible(policy: Policy, name: str) -> bool:
    return name == "one lot" or any(market.size_max > 1 for market in policy.markets.values())


def bands_are_possible(policy: Policy, name: str) -> bool:
    return any(market.band * market.price_max >= PPM for market in policy.markets.values())


FIRST_TIER, HIGHER_TIERS = "first tier", "higher tiers"
TWO_WAYS = (REFUSED, PASSED)


def computes(
    *classes: str, possible: Possible | None = whatever_the_policy, why_not: str = "decided one way only"
) -> Entry:
    """The entry of a rule that computes."""
    return Entry(classes, possible, why_not)


def refuses(if_: Callable[[Policy], bool] = lambda policy: True, why_not: str = "") -> Entry:
    """The entry of a rule that refuses, and whether a policy can bring it to."""
    return Entry(TWO_WAYS, lambda policy, name: name == PASSED or if_(policy), why_not)


ENTRIES: dict[str, Entry] = {
    "NUM-1": computes("exact", "rounded up"),
    "NUM-2": computes("whole", "not whole"),
    "NUM-3": computes("exact", "rounded down"),
    "NUM-4": computes("whole", "rounded up", possible=roots_are_possible, why_not="no schedule of kind sqrt"),
    "ACC-1": computes("long", "short"),
    "ACC-2": computes("at least 0", "below 0"),
    "ACC-3": computes("cross pool", "isolated pool", possible=None, why_not="no isolated pool"),
    "PST-1": computes("balanced", "not balanced"),
    "PST-2": computes("no gap", "a gap"),
    "PST-3": computes("no gap", "a gap"),
    "INV-1": refuses(),
    "MAR-1": computes(
        "one lot",
        "several lots",
        possible=lambda policy, name: (
            name == "one lot" or any(m.size_max > 1 for m in policy.markets.values())
        ),
        why_not="no position of two lots",
    ),
    "MAR-2": computes(
        FIRST_TIER, HIGHER_TIERS, possible=tiers_are_possible(BRACKET), why_not="no tiers of kind bracket"
    ),
    "MAR-3": computes(
        FIRST_TIER, HIGHER_TIERS, possible=tiers_are_possible(WHOLE), why_not="no tiers of kind whole"
    ),
    "MAR-4": computes(
        "base", "above base", possible=rates_of_roots_are_possible, why_not="no schedule of kind sqrt"
    ),
    "MAR-5": computes(
        *SCHEDULE_KINDS,
        possible=lambda policy, name: name in kinds_of(policy),
        why_not="one kind of schedule only",
    ),
    "MAR-6": computes("position alone", "orders add"),
    "MAR-7": computes("nothing held", "required"),
    "MAR-8": computes("nothing held", "required"),
    "MAR-9": computes("liquidatable", "not liquidatable"),
    "MAR-10": computes("carries", "does not carry"),
    "MAR-11": computes(FLAT, LIQUIDATABLE, MARGIN_CALL, HEALTHY),
    "MAR-12": computes("exact", "rounded up", possible=None, why_not="its leverages divide alike"),
    "MAR-13": computes(
        "first line", "higher line", possible=lines_are_possible, why_not="one line decides everywhere"
    ),
    "MAR-14": computes("a price", "none"),
    "FEE-1": computes("exact", "rounded up", possible=fees_are_possible, why_not="no fees"),
    "FEE-2": computes("rebate", "maker pays", "one pool", "two pools", possible=receivers_are_possible),
    "FEE-3": refuses(),
    "TRD-1": refuses(),
    "TRD-2": refuses(),
    "TRD-3": refuses(
        lambda policy: bool(policy.isolated) and len(policy.markets) > 1,
        "no pool beside another market",
    ),
    "TRD-4": refuses(),
    "TRD-5": refuses(),
    "TRD-6": computes("opens", "profit", "loss"),
    "TRD-7": computes("carries", "reduces", REFUSED),
    "ORD-1": refuses(),
    "LIM-1": refuses(),
    "LIM-2": refuses(
        lambda policy: policy.positions_max < len(policy.markets), "as many markets allowed as there are"
    ),
    "LIM-3": refuses(lambda policy: bands_are_possible(policy, ""), "no band around the highest price"),
    "LIM-4": refuses(),
    "DEP-1": refuses(),
    "DEP-2": refuses(),
    "FND-1": computes("repays bad debt", "fills the fund"),
    "FND-2": computes("received", "turned away"),
    "WDR-1": refuses(lambda policy: policy.bad_debt_gate == REFUSE, "its gate lets custody decide"),
    "WDR-2": refuses(),
    "WDR-3": refuses(),
    "WDR-4": refuses(
        lambda policy: policy.bad_debt_gate != REFUSE, "without bad debt custody covers every withdrawal"
    ),
    "TRF-1": refuses(),
    "TRF-2": refuses(
        lambda policy: policy.bad_debt_gate == REFUSE and len(pools_of(policy)) > 1,
        "its gate lets transfers pass, or there is one pool",
    ),
    "FUN-1": refuses(),
    "FUN-2": computes(
        "longs pay", "shorts pay", "exact", "rounded down", possible=funding_is_possible, why_not="no funding"
    ),
    "FUN-3": computes("holders pay", "nobody holds"),
    "PRC-1": refuses(),
    "PRC-2": refuses(),
    "EVT-1": refuses(),
    "EVT-2": refuses(),
    "EVT-3": refuses(),
    "EVT-4": computes("the same text", "another text"),
    "EVT-5": computes("the same digest", "another digest"),
    "GAP-1": computes("rate of its tier", "average below it", possible=None),
    "GAP-2": computes("the policy's gap", "more than the policy's gap", possible=None),
    "GAP-3": computes("a move", "nothing left", possible=None),
    **{rule: computes(PASSED, REFUSED, possible=None, why_not="no room for this fault") for rule in BREAKERS},
}
"""Every rule of the law. A test fails for one that is missing here."""


# ------------------------------------------------------------------------------------- outcomes


def tally_outcomes(outcomes: Outcomes) -> Tally:
    """From which events were refused by which rule: how often each rule refused, and was passed."""
    tally: Tally = Counter()
    for (kind, refused_by), count in outcomes.items():
        ladder = LADDERS[kind]
        if refused_by is None:
            beyond = ladder
        else:
            tally[refused_by, REFUSED] += count
            beyond = ladder[: ladder.index(refused_by)]
        for rule in beyond:
            tally[rule, PASSED] += count
        if kind is FundDeposit and refused_by is None:
            tally["FND-2", "received"] += count
        if kind is FundDeposit and refused_by == "LIM-4":
            tally["FND-2", "turned away"] += count
    # TRD-7 names its own classes; what was passed is told apart by them.
    del tally["TRD-7", PASSED]
    return tally


# ------------------------------------------------------------------------------------- observers


Observer = Callable[[tuple[Any, ...], Any], Iterable[str]]
"""From the arguments of a rule and its result: the classes seen."""


def quotient(inexact: str) -> Observer:
    def classes(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
        numerator, divisor = arguments
        return ("exact",) if numerator % divisor == 0 else (inexact,)

    return classes


def either(when: Callable[[Any], bool], yes: str, no: str) -> Observer:
    """One of two classes, by the result alone."""
    return lambda arguments, result: (yes,) if when(result) else (no,)


def tier_of(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    exposure, tiers = arguments
    return (HIGHER_TIERS,) if len(tiers) > 1 and exposure > tiers[1].floor else (FIRST_TIER,)


def rate_of_root(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    lots, _, base, factor = arguments
    return ("above base",) if factor * factor * lots > base * base else ("base",)


def fee_receivers(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    _, taker_pool, _, maker_pool, _, fee_maker = arguments
    yield "one pool" if taker_pool == maker_pool else "two pools"
    if fee_maker < 0:
        yield "rebate"
    elif fee_maker > 0:
        yield "maker pays"


def deal(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    position, lots, _ = arguments
    if position.size == 0 or (position.size > 0) == (lots > 0):
        return ("opens",)
    return ("profit",) if result > 0 else ("loss",) if result < 0 else ()


def admission(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    _, after, gain, closer, trigger = arguments
    counted = Standing(after.equity - max(gain, 0), after.initial, after.maintenance)
    if not result:
        return (REFUSED,)
    return ("carries",) if carries(counted, trigger) else ("reduces",) if closer else ("ends flat",)


def payment(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    rate, mark, multiplier = arguments
    yield "rounded down" if rate * mark * multiplier % PPM else "exact"
    if result != 0:
        yield "longs pay" if result > 0 else "shorts pay"


def inflow(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    repaid, kept = (posting.amount for posting in result)
    if repaid > 0:
        yield "repays bad debt"
    if kept > 0:
        yield "fills the fund"


def remembering(same: str, another: str) -> Observer:
    """Whether a text was seen a moment ago: the same, or another."""
    recent: deque[str] = deque(maxlen=8)

    def classes(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
        seen = result in recent
        others = len(recent) > 0
        recent.append(result)
        return (same,) if seen else (another,) if others else ()

    return classes


def observers() -> dict[str, Observer]:
    """What to look at in the rules that compute; fresh ones for every history."""
    return {
        "NUM-1": quotient("rounded up"),
        "NUM-2": either(bool, "whole", "not whole"),
        "NUM-3": quotient("rounded down"),
        "NUM-4": lambda arguments, result: ("whole",) if result * result == arguments[0] else ("rounded up",),
        "ACC-1": either(lambda value: value > 0, "long", "short"),
        "ACC-2": either(lambda own: own >= 0, "at least 0", "below 0"),
        "PST-1": either(bool, "balanced", "not balanced"),
        "PST-2": either(lambda gap: gap == 0, "no gap", "a gap"),
        "PST-3": either(lambda gap: gap == 0, "no gap", "a gap"),
        "MAR-1": lambda arguments, result: ("one lot",) if arguments[0] == 1 else ("several lots",),
        "MAR-2": tier_of,
        "MAR-3": tier_of,
        "MAR-4": rate_of_root,
        "MAR-5": lambda arguments, result: (arguments[0].kind,),
        "MAR-6": lambda arguments, result: (
            ("position alone",) if result == abs(arguments[0]) else ("orders add",)
        ),
        "MAR-7": either(bool, "required", "nothing held"),
        "MAR-8": either(bool, "required", "nothing held"),
        "MAR-9": either(bool, "liquidatable", "not liquidatable"),
        "MAR-10": either(bool, "carries", "does not carry"),
        "MAR-11": lambda arguments, result: (result,),
        "MAR-14": either(lambda tick: tick is not None, "a price", "none"),
        "FEE-1": lambda arguments, result: (
            ("exact",) if arguments[0] * arguments[1] % PPM == 0 else ("rounded up",)
        ),
        "FEE-2": fee_receivers,
        "TRD-6": deal,
        "TRD-7": admission,
        "FUN-2": payment,
        "FUN-3": either(bool, "holders pay", "nobody holds"),
        "FND-1": inflow,
        "EVT-4": remembering("the same text", "another text"),
        "EVT-5": remembering("the same digest", "another digest"),
    }


def deciding_line(arguments: tuple[Any, ...]) -> str:
    """MAR-13, seen from MAR-14: which line of the published form is the largest at the present mark."""
    venue, account, market = arguments
    terms = venue.policy.markets[market]
    lots = abs(account.positions[market].size)
    exposure = notional(lots, venue.marks[market], terms.multiplier)
    lines = published_lines(terms.maintenance, lots)
    counting = [line.rate * exposure - line.amount for line in lines if exposure > line.above]
    return "first line" if max(counting) == counting[0] else "higher line"


class Observation:
    """Wrapped rules: what they are called with and what they answer is counted while `on`."""

    def __init__(self) -> None:
        self.tally: Tally = Counter()
        self.on = False

    def wrap(self, rule: str, function: Callable[..., Any], classes: Observer) -> Callable[..., Any]:
        """The function, counted."""

        def counted(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            if self.on:
                self.on = False  # what an observer calls is not the law's doing
                for name in classes((*arguments, *named.values()), result):
                    self.tally[rule, name] += 1
                if rule == "MAR-14":
                    self.tally["MAR-13", deciding_line(arguments)] += 1
                self.on = True
            return result

        return counted


WATCHED_MODULES = ("refmodel.", "marginspec.invariants")


@contextmanager
def observing() -> Iterator[Observation]:
    """Put the counting versions into every module of the law that calls a rule, and take them out after."""
    observation = Observation()
    replaced: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for rule, classes in observers().items():
            function = RULES[rule]
            counted = observation.wrap(rule, function, classes)
            for name, module in tuple(sys.modules.items()):
                if not name.startswith(WATCHED_MODULES) or module is None:
                    continue
                space = vars(module)
                for key, value in tuple(space.items()):
                    if value is function:
                        replaced.append((space, key, function))
                        space[key] = counted
        yield observation
    finally:
        for space, key, function in replaced:
            space[key] = function


# ------------------------------------------------------------------------------------- policies, numbers


def examine_policy(policy: Policy) -> Tally:
    """The rules that are asked about a policy and not about an event: ACC-3, GAP-*, MAR-12, POL-*."""
    tally: Tally = Counter()
    broken = {fault.rule for fault in faults(policy)}
    for rule in BREAKERS:
        tally[rule, REFUSED if rule in broken else PASSED] += 1
    for pool in genesis(policy).pools:
        tally["ACC-3", "cross pool" if pool == CROSS else "isolated pool"] += 1
    for market in policy.markets.values():
        tally += examine_market(market)
    return tally


def examine_market(market: Market) -> Tally:
    """GAP-1 to GAP-3 for every tier, MAR-12 for every initial rate that stands for a leverage."""
    tally: Tally = Counter()
    schedule = market.maintenance
    own_rates = [rate for _, rate in brackets_of(schedule)] or [schedule.base]
    for tier, own in enumerate(own_rates):
        rate = effective_rate(schedule, tier)
        tally["GAP-1", "rate of its tier" if rate == own else "average below it"] += 1
        survived = gap_survived(rate)
        tally["GAP-2", "the policy's gap" if survived == market.gap else "more than the policy's gap"] += 1
        penalised = gap_survived_with_penalty(rate, market.penalty)
        tally["GAP-3", "a move" if penalised > 0 else "nothing left"] += 1
    for _, rate in brackets_of(market.initial):
        leverage = ceil_div(PPM, rate) if rate > 0 else 0
        if leverage > 0 and leverage_rate(leverage) == rate:
            tally["MAR-12", "exact" if PPM % leverage == 0 else "rounded up"] += 1
    return tally


def examine_faults(choices: Choices, policy: Policy, rules: Iterable[str]) -> Tally:
    """The policy, spoilt for one rule at a time: that rule, and no other, refuses it."""
    tally: Tally = Counter()
    for rule in rules:
        if draw_broken_policy(choices, rule, policy) is not None:
            tally[rule, REFUSED] += 1
    return tally


def examine_number(choices: Choices, number: int) -> Tally:
    """NUM-2 on a number of an event, and on what could stand in its place in a file."""
    tally: Tally = Counter()
    for value in (number, choices.pick((float(number % 1_000), str(number), True, None, [number]))):
        tally["NUM-2", "whole" if is_whole(value) else "not whole"] += 1
    return tally


# ------------------------------------------------------------------------------------- the columns


REACHED = "reached"
NOT_REACHED = "not reached"
NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Column:
    """What one column says of a rule.

    verdict  REACHED, NOT_REACHED or NOT_APPLICABLE
    counts   how often each class was seen
    missing  the classes that were possible and not seen
    why_not  why the rule is not applicable
    """

    verdict: str
    counts: tuple[tuple[str, int], ...]
    missing: tuple[str, ...] = ()
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """A rule in both columns: the policy given, and drawn policies."""

    rule: str
    given: Column
    drawn: Column

    @property
    def reached(self) -> bool:
        """Whether the rule was seen to decide both ways somewhere."""
        return REACHED in (self.given.verdict, self.drawn.verdict)


def column(rule: str, tally: Tally, policy: Policy | None) -> Column:
    """A rule's column.

    policy  the one policy it is about, or None for drawn policies, which can do everything
    """
    entry = ENTRIES[rule]
    counts = tuple((name, tally[rule, name]) for name in entry.classes)
    possible = entry.classes
    if policy is not None and entry.possible is not None:
        possible = tuple(name for name in entry.classes if entry.possible(policy, name))
    elif policy is not None:
        possible = tuple(name for name, count in counts if count > 0)
    if len(possible) < 2:
        return Column(NOT_APPLICABLE, counts, why_not=entry.why_not)
    missing = tuple(name for name in possible if tally[rule, name] == 0)
    return Column(NOT_REACHED if missing else REACHED, counts, missing)


def reach_of_rules(given: Tally, drawn: Tally, policy: Policy) -> tuple[Reach, ...]:
    """Every rule of the law, in the order in which it is written down."""
    return tuple(
        Reach(rule, column(rule, given, policy), column(rule, drawn, None)) for rule in sorted_rules()
    )


def sorted_rules() -> list[str]:
    """Every rule, by chapter and number."""
    chapters = list(dict.fromkeys(rule.partition("-")[0] for rule in RULES))

    def place(rule: str) -> tuple[int, int]:
        chapter, _, number = rule.partition("-")
        return chapters.index(chapter), int(number)

    return sorted(RULES, key=place)


def outcome_key(event: Event, outcome: Outcome) -> tuple[type, str | None]:
    """The key of an event and its outcome in Outcomes."""
    return type(event), None if outcome.refusal is None else outcome.refusal.rule
