"""Shapes: how the arguments of each rule's function are made of symbols, and which of them the rule is for.

A shape fixes what a solver does not choose: how many tiers or candidates there are, words such as a trigger,
and whole numbers that steer a loop. Everything else is a symbol, held to the ranges that the rule's own
documentation gives.
"""

import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any

from marginspec.vectors.arguments import argument_kinds
from refmodel.numbers import PPM
from refmodel.policy import AT_OR_BELOW, BELOW, RANKINGS, SCHEDULE_KINDS, SQRT

LENGTHS = {1: "one", 2: "two", 3: "three"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What is fixed of a rule's arguments.

    label    words that tell it from the other shapes of the rule; empty if it is the only one
    lengths  of sequences, by argument or field
    fixed    plain values, by argument or field: words, truth values, numbers of loops
    """

    label: str = ""
    lengths: Mapping[str, int] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


def arguments_in_shape(rule: str, shape: Shape, symbol: Callable[[str], int]) -> dict[str, Any]:
    """The arguments of a rule's function, every number that the shape does not fix a symbol."""

    def made(kind: Any, name: str) -> Any:
        if name in shape.fixed:
            return shape.fixed[name]
        if kind is int:
            return symbol(name)
        if is_dataclass(kind) and isinstance(kind, type):
            hints = typing.get_type_hints(kind)
            return kind(**{part: made(hints[part], f"{name}.{part}") for part in hints})
        origin, members = typing.get_origin(kind), typing.get_args(kind)
        assert name in shape.lengths, f"{rule}: the shape {shape.label} does not say what {name} is"
        parts = [made(members[0], f"{name}[{index}]") for index in range(shape.lengths[name])]
        return parts if origin is list else tuple(parts)

    return {name: made(kind, name) for name, kind in argument_kinds(rule).items()}


# Shapes


ROOTS = {"exact-root": (4, 10_000), "root-rounds-up": (8, 10_000), "one-lot": (1, 5_000), "steep": (49, 999)}
"""Lots, and ppm per square root of lots: the root is taken of plain numbers, not of symbols."""


def _of_lengths(name: str, what: str, lengths: tuple[int, ...] = (1, 2, 3)) -> tuple[Shape, ...]:
    ending = {1: what, 2: f"{what}s", 3: f"{what}s"}
    return tuple(Shape(f"{LENGTHS[length]}-{ending[length]}", {name: length}) for length in lengths)


def _triggers() -> tuple[Shape, ...]:
    return tuple(Shape(word.replace("_", "-"), {}, {"trigger": word}) for word in (BELOW, AT_OR_BELOW))


def _schedules(lots: str = "lots", most: int = 3) -> tuple[Shape, ...]:
    """Each kind of schedule; `bracket` and `whole` with up to three tiers, or fewer."""
    found = []
    for kind in SCHEDULE_KINDS:
        if kind == SQRT:
            for label, (number, factor) in ROOTS.items():
                fixed = {"schedule.kind": kind, "schedule.factor": factor, lots: number}
                found.append(Shape(f"sqrt-{label}", {"schedule.tiers": 0}, fixed))
            continue
        fixed = {"schedule.kind": kind, "schedule.base": 0, "schedule.factor": 0}
        for length, word in list(LENGTHS.items())[:most]:
            tiers = "tier" if length == 1 else "tiers"
            found.append(Shape(f"{kind}-{word}-{tiers}", {"schedule.tiers": length}, fixed))
    return tuple(found)


def _tier_of_schedule() -> tuple[Shape, ...]:
    found = []
    for shape in _schedules("unread"):
        kind = shape.fixed["schedule.kind"]
        fixed = {name: value for name, value in shape.fixed.items() if name != "unread"}
        if kind == SQRT and shape.label != "sqrt-one-lot":
            continue
        for tier in range(max(shape.lengths["schedule.tiers"], 1)):
            label = "sqrt" if kind == SQRT else f"{shape.label}-in-tier-{tier}"
            found.append(Shape(label, shape.lengths, {**fixed, "tier": tier}))
    return tuple(found)


def _candidates() -> tuple[Shape, ...]:
    """One to three holders; of three, two belong to one owner."""
    names = (("a1", "ann"), ("a2", "ann"), ("b1", "bob"))
    found = []
    for length, word in LENGTHS.items():
        fixed: dict[str, Any] = {}
        for index, (account, owner) in enumerate(names[:length]):
            fixed |= {f"candidates[{index}].account": account, f"candidates[{index}].owner": owner}
        found.append(Shape(f"{word}-holder{'s' if length > 1 else ''}", {"candidates": length}, fixed))
    return tuple(found)


def _payers() -> tuple[Shape, ...]:
    return tuple(
        Shape(
            f"{word}-payer{'s' if length > 1 else ''}",
            {"payers": length},
            {f"payers[{index}].account": f"a{index + 1}" for index in range(length)},
        )
        for length, word in LENGTHS.items()
    )


def _ranked() -> tuple[Shape, ...]:
    pairs = {"smaller-identifier": ("a1", "b1"), "larger-identifier": ("b1", "a1")}
    return tuple(
        Shape(label, {}, {"one.account": mine, "other.account": theirs})
        for label, (mine, theirs) in pairs.items()
    )


def _admission() -> tuple[Shape, ...]:
    return tuple(
        Shape(
            f"{trigger.replace('_', '-')}-{'closer' if closer else 'not-closer'}",
            {},
            {"trigger": trigger, "closer": closer},
        )
        for trigger in (BELOW, AT_OR_BELOW)
        for closer in (True, False)
    )


NAMES = {"taker": "a1", "taker_pool": "cross", "maker": "b1", "maker_pool": "BTC-PERP"}

SHAPES: dict[str, tuple[Shape, ...]] = {
    "MAR-2": _of_lengths("tiers", "tier"),
    "MAR-3": _of_lengths("tiers", "tier"),
    "MAR-4": tuple(Shape(label, {}, {"lots": n, "factor": f}) for label, (n, f) in ROOTS.items()),
    "MAR-5": _schedules(),
    "MAR-9": _triggers(),
    "MAR-10": _triggers(),
    "MAR-11": _triggers(),
    "MAR-13": _schedules(),
    "GAP-1": _tier_of_schedule(),
    "GAP-4": tuple(Shape(f"{word}-moves", {}, {"moves": n}) for n, word in enumerate(("no", "one", "two"))),
    "FEE-2": (Shape("", {}, NAMES),),
    "TRD-7": _admission(),
    "CLO-1": _of_lengths("margins", "position"),
    "RST-2": _schedules("close.lots", most=2),
    "ADL-1": tuple(Shape(word, {}, {"formula": word}) for word in RANKINGS),
    "ADL-2": _ranked(),
    "ADL-4": _candidates(),
    "ADL-5": _candidates(),
    "ADL-6": _candidates(),
    "LOS-5": _payers(),
}
"""The shapes of rules whose arguments are more than numbers."""

NO_SYMBOLS = ("NUM-2", "NUM-4", "NUM-6", "EVT-4", "PST-1")
"""Rules that ask for a type, a text or a loop of unknown length: their cases are the rows of the chapters,
and for the two loops plain numbers (functions.py)."""


def shapes_of(rule: str) -> tuple[Shape, ...]:
    """The shapes in which a rule is explored; none for those without symbols."""
    return () if rule in NO_SYMBOLS else SHAPES.get(rule, (Shape(),))


# Ranges


def _tiers(tiers: Any) -> Iterator[bool]:
    """Floors ascending from 0, rises from 0, and at the most 100 % together."""
    for index, tier in enumerate(tiers):
        yield tier.floor == 0 if index == 0 else tier.floor > tiers[index - 1].floor
        yield tier.rise >= 0
    if tiers:
        yield tiers[0].rise >= 1
        yield sum(tier.rise for tier in tiers) <= PPM


def _schedule(schedule: Any) -> Iterator[bool]:
    yield from _tiers(schedule.tiers)
    if schedule.kind == SQRT:
        yield schedule.base >= 1
        yield schedule.base <= PPM


def _standing(standing: Any) -> Iterator[bool]:
    yield standing.maintenance >= 0
    yield standing.initial >= standing.maintenance


def _between(low: int, value: int, high: int) -> Iterator[bool]:
    yield value >= low
    yield value <= high


def _candidate_lots(a: Any, *, capped: bool) -> Iterator[bool]:
    yield a.lots >= 0
    for each in a.candidates:
        yield each.lots >= 1
        yield from _between(0, each.cap, each.lots)
    if capped:
        yield a.lots <= sum(each.cap for each in a.candidates)


def _holding(a: Any) -> Iterator[bool]:
    """A position has a value, and its cost has the same sign."""
    yield a.holding.equity >= 1
    yield a.holding.maintenance >= 1
    yield a.holding.value != 0
    yield a.holding.value * a.holding.cost >= 0


def _position(a: Any) -> Iterator[bool]:
    """A long has cost >= 0, a short <= 0, and nobody has a cost without lots."""
    yield a.lots != 0
    yield a.position.size * a.position.cost >= 0
    yield (a.position.size != 0) | (a.position.cost == 0)


def _all(*parts: Iterator[bool] | bool) -> Iterator[bool]:
    for part in parts:
        if isinstance(part, Iterator):
            yield from part
        else:
            yield part


RANGES: dict[str, Callable[[Any], Iterator[bool]]] = {
    "NUM-1": lambda a: _all(a.divisor >= 1),
    "NUM-3": lambda a: _all(a.divisor >= 1),
    "NUM-5": lambda a: _all(
        a.amount >= 0, a.before >= 0, a.weight >= 0, a.total >= 1, a.before + a.weight <= a.total
    ),
    "ACC-1": lambda a: _all(a.mark >= 1, a.multiplier >= 1),
    "MAR-1": lambda a: _all(a.lots >= 0, a.mark >= 1, a.multiplier >= 1),
    "MAR-2": lambda a: _all(a.notional >= 0, _tiers(a.tiers)),
    "MAR-3": lambda a: _all(a.notional >= 0, _tiers(a.tiers)),
    "MAR-4": lambda a: _all(a.notional >= 0, _between(1, a.base, PPM)),
    "MAR-5": lambda a: _all(a.lots >= 1, a.notional >= 0, _schedule(a.schedule)),
    "MAR-6": lambda a: _all(a.buys >= 0, a.sells >= 0),
    "MAR-9": lambda a: _all(a.maintenance >= 0),
    "MAR-10": lambda a: _standing(a.standing),
    "MAR-11": lambda a: _standing(a.standing),
    "MAR-12": lambda a: _all(a.leverage >= 1),
    "MAR-13": lambda a: _all(a.lots >= 1, _schedule(a.schedule)),
    "GAP-1": lambda a: _schedule(a.schedule),
    "GAP-2": lambda a: _between(0, a.rate, PPM),
    "GAP-3": lambda a: _all(_between(0, a.rate, PPM), _between(0, a.penalty, PPM)),
    "GAP-4": lambda a: _between(1, a.gap, PPM),
    "FEE-1": lambda a: _all(a.amount >= 0, _between(-PPM, a.rate, PPM)),
    "FEE-2": lambda a: _all(a.fee_taker >= 0, a.fee_taker + a.fee_maker >= 0),
    "TRD-6": _position,
    "TRD-7": lambda a: _all(_standing(a.before), _standing(a.after)),
    "CLO-1": lambda a: _all(a.amount >= 0, *(margin >= 1 for margin in a.margins)),
    "CLO-2": lambda a: _all(
        a.gap >= 0, a.carried >= 0, a.taken >= 0, a.lots >= 1, a.carried + a.taken <= a.lots
    ),
    "INS-2": lambda a: _all(a.room >= 0, a.gap >= 0, a.lots >= 1, _between(0, a.left, a.lots)),
    "RST-1": lambda a: _all(a.lots >= 1),
    "RST-2": lambda a: _all(a.close.lots >= 1, a.close.lot_value >= 1, _schedule(a.schedule)),
    "LIQ-3": lambda a: _all(a.amount >= 0, _between(0, a.rate, PPM)),
    "LIQ-4": lambda a: _all(
        a.before.equity >= 0, a.before.maintenance >= 1, _standing(a.before), a.maintenance_after >= 0
    ),
    "ADL-1": _holding,
    "ADL-2": lambda a: _all(
        *(each.score.denominator >= 1 for each in (a.one, a.other)),
        *(each.notional >= 1 for each in (a.one, a.other)),
    ),
    "ADL-4": lambda a: _candidate_lots(a, capped=False),
    "ADL-5": lambda a: _candidate_lots(a, capped=True),
    "ADL-6": lambda a: _candidate_lots(a, capped=True),
    "LOS-4": lambda a: _all(a.total >= 1, _between(0, a.loss, a.total), _between(0, a.weight, a.total)),
    "LOS-5": lambda a: _all(
        a.loss >= 0,
        a.loss <= sum(payer.weight for payer in a.payers),
        *(payer.weight >= 1 for payer in a.payers),
    ),
    "FUN-2": lambda a: _all(a.mark >= 1, a.multiplier >= 1, _between(-PPM, a.rate, PPM)),
    "TKO-1": lambda a: _all(a.equity >= 0, a.maintenance >= 0, _between(0, a.trigger, PPM)),
}
"""What a rule's function is asked, from its own documentation: one condition after the other."""
