"""Rules that compute: the very functions that the law calls, wrapped, so that what they answer is counted."""

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from marginspec.search.reach.entries import FIRST_TIER, HIGHER_TIERS
from marginspec.search.reach.ladders import REFUSED, Tally
from marginspec.search.reach.waterfall import waterfall_observers
from refmodel.liquidation_price import published_lines
from refmodel.margin import Standing, carries, notional
from refmodel.numbers import PPM
from refmodel.rulebook import RULES

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


def share(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    amount, before, weight, total = arguments
    return ("rounded",) if (amount * (before + weight)) % total or (amount * before) % total else ("exact",)


def count(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    return ("none",) if result == 0 else ("all",) if result == arguments[0] else ("some",)


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
        "NUM-5": share,
        "NUM-6": count,
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
        **waterfall_observers(),
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


WATCHED_MODULES = ("refmodel.", "marginspec.search.invariants")


@contextmanager
def observing() -> Iterator[Observation]:
    """Put the counting versions into every module of the law that calls a rule, and take them out after."""
    observation = Observation()
    replaced: list[tuple[dict[str, Any], str, Any]] = []
    try:
        by_function: dict[Callable[..., Any], Callable[..., Any]] = {}
        for rule, classes in observers().items():
            # One function may implement several rules: it is wrapped once for each.
            function = RULES[rule]
            by_function[function] = observation.wrap(rule, by_function.get(function, function), classes)
        for function, counted in by_function.items():
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
