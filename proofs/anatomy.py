"""Values taken apart into a shape and the numbers in it: when two calls have the same arguments."""

import enum
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import z3

from proofs.symbolic import SymInt, canonical, term_of


def anatomy(value: Any) -> tuple[Hashable, list[Any]]:
    """A value as a shape and the numbers in it. Opaque objects are part of the shape, by identity."""
    if isinstance(value, SymInt) or (isinstance(value, int) and not isinstance(value, bool | enum.Enum)):
        return "number", [value]
    parts: list[tuple[Hashable, Any]]
    if is_dataclass(value) and not isinstance(value, type):
        parts = [(each.name, getattr(value, each.name)) for each in fields(value)]
    elif isinstance(value, tuple | list):
        parts = [("", part) for part in value]
    elif isinstance(value, Mapping):
        parts = sorted(value.items(), key=lambda item: repr(item[0]))
    elif value is None or isinstance(value, str | bool | enum.Enum):
        return value, []
    else:
        return (type(value), id(value)), []
    anatomies = [(name, *anatomy(part)) for name, part in parts]
    shape = (type(value).__qualname__, tuple((name, inner) for name, inner, _ in anatomies))
    return shape, [leaf for _, _, leaves in anatomies for leaf in leaves]


def key_of(value: Any) -> Hashable:
    """A key that two values share if they have the same shape and, as far as simplifying shows, numbers."""
    shape, leaves = anatomy(value)
    return shape, tuple(_identity(leaf) for leaf in leaves)


def rebuilt(value: Any, number: Callable[[int], Any]) -> Any:
    """A number, tuple or dataclass of numbers with each number replaced; `number` gets its position."""
    positions = iter(range(len(anatomy(value)[1])))

    def rebuild(part: Any) -> Any:
        if is_dataclass(part) and not isinstance(part, type):
            return type(part)(**{each.name: rebuild(getattr(part, each.name)) for each in fields(part)})
        if isinstance(part, tuple):
            return tuple(rebuild(member) for member in part)
        return number(next(positions)) if anatomy(part)[0] == "number" else part

    return rebuild(value)


def _identity(leaf: Any) -> Hashable:
    if not isinstance(leaf, SymInt):
        return int(leaf)
    simple = canonical(term_of(leaf))
    return int(simple.as_long()) if z3.is_int_value(simple) else str(simple.sexpr())
