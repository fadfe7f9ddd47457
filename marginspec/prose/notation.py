"""Notation: values of the law as they stand in one cell of a worked table, read and written.

int                `12_500`, `-3`
bool, None         `true`, `false`, `none`
str                the text itself
tuple[Tier, ...]   `0: 10_000, 5_000: 20_000` (floor in quanta: published rate in ppm)
Schedule           `bracket 0: 10_000, 5_000: 20_000`, `whole ...`, `sqrt base 10_000 factor 50`
postings           `wallet a1 -5, open_cost a1 BTC-PERP +5, lots a1 BTC-PERP -2, custody 0`, or `nothing`
whole numbers      `5, 3, 0` where an argument is a sequence of them
a record           `equity 5, initial 3, maintenance 2`; several are separated by `;`; a record within a
                   record stands in parentheses: `account a1, score (numerator 3, denominator 2), notional 5`
a predicate        `up to 7`: true of whole numbers up to 7
anything           a literal of Python: `1.0`, `{"b": 2, "a": [1]}`
"""

import ast
import re
import typing
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from refmodel.policy import BRACKET, SQRT, WHOLE, Schedule, Tier, tiers_from
from refmodel.postings import (
    BAD_DEBT,
    CUSTODY,
    FEE_POOL,
    FUND,
    LOTS,
    OPEN_COST,
    WALLET,
    Entry,
    Place,
    Posting,
)


class ExampleError(ValueError):
    """A table, or a cell of it, that has no meaning. It is told like a wrong number."""


def plain(cell: str) -> str:
    """A cell without the backticks around it."""
    if len(cell) >= 2 and cell[0] == cell[-1] == "`":
        return cell[1:-1]
    return cell


NUMBER = re.compile(r"[+-]?[0-9][0-9_]*\Z")
WHOLE_NUMBER = re.compile(r"[0-9][0-9_]*\Z")


def value_of(cell: str, kind: Any) -> Any:
    """The value that a cell stands for, as an argument of this type.

    Errors: ExampleError if it stands for none.
    """
    text = plain(cell)
    if kind in (Any, object):
        try:
            return ast.literal_eval(text)
        except (SyntaxError, ValueError):
            raise ExampleError(f"{text} is no literal of Python") from None
    origin, members = typing.get_origin(kind), typing.get_args(kind)
    if type(None) in members:
        if text == "none":
            return None
        (kind,) = (member for member in members if member is not type(None))
        return value_of(text, kind)
    if kind is bool:
        return _one_of(text, {"true": True, "false": False})
    if kind is int:
        if not NUMBER.match(text):
            raise ExampleError(f"{text or 'an empty cell'} is no whole number")
        return int(text)
    if kind is str:
        return text
    if kind is Schedule:
        return _schedule(text)
    if is_dataclass(kind) and isinstance(kind, type) and kind is not Posting:
        return _record(text, kind)
    if origin is Callable:
        return _up_to(text)
    if members and origin is not None and issubclass(origin, Iterable):
        if members[0] is int:
            return _sequence([] if text == "nothing" else text.split(","), int, origin)
        if members[0] is Tier:
            return tiers_from(_brackets(text))
        if members[0] in (Posting, Entry):
            return _postings(text)
        if is_dataclass(members[0]):
            return _sequence([] if text == "nothing" else text.split(";"), members[0], origin)
        if typing.get_origin(members[0]) is tuple:
            return _brackets(text)
    raise ExampleError(f"no notation for {kind}")


def _sequence(parts: list[str], kind: Any, origin: Any) -> Any:
    """The values of several cells in one: a list where the law has a list, else a tuple."""
    values = [value_of(part.strip(), kind) for part in parts]
    return values if origin is list else tuple(values)


def _up_to(text: str) -> Callable[[int], bool]:
    """`up to 7`: a predicate that holds for whole numbers up to 7."""
    number = text.removeprefix("up to ")
    if number == text or not NUMBER.match(number):
        raise ExampleError(f"a predicate is written `up to 7`, not {text or 'an empty cell'}")
    return lambda value: value <= int(number)


def _one_of(text: str, values: dict[str, Any]) -> Any:
    if text not in values:
        raise ExampleError(f"{text or 'an empty cell'} is none of {', '.join(values)}")
    return values[text]


def _brackets(text: str) -> tuple[tuple[int, int], ...]:
    """`0: 10_000, 5_000: 20_000`: floors and published rates."""
    brackets = []
    for part in text.split(","):
        match = re.match(r"\s*([0-9_]+): ?(-?[0-9_]+)\s*\Z", part)
        if match is None:
            raise ExampleError(f"tiers are written `0: 10_000, 5_000: 20_000`, not {text}")
        brackets.append((int(match[1]), int(match[2])))
    return tuple(brackets)


def _schedule(text: str) -> Schedule:
    """`bracket 0: 10_000`, `whole 0: 10_000` or `sqrt base 10_000 factor 50`."""
    kind, _, rest = text.partition(" ")
    match = re.match(r"base ([0-9_]+) factor ([0-9_]+)\Z", rest)
    if kind == SQRT and match is not None:
        return Schedule(SQRT, base=int(match[1]), factor=int(match[2]))
    if kind in (BRACKET, WHOLE):
        return Schedule(kind, tiers_from(_brackets(rest)))
    raise ExampleError(f"a schedule is `bracket 0: 5`, `whole 0: 5` or `sqrt base 5 factor 1`, not {text}")


def _record(text: str, kind: type) -> Any:
    """`equity 5, initial 3, maintenance 2`: all fields of a record, in their order."""
    hints = typing.get_type_hints(kind)
    text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    parts = [part.split(maxsplit=1) for part in re.split(r",(?![^()]*\))", text)]
    if [part[0] if part else "" for part in parts] != list(hints) or any(len(part) != 2 for part in parts):
        form = ", ".join(f"{name} ..." for name in hints)
        raise ExampleError(f"{kind.__name__} is written `{form}`, not {text or 'an empty cell'}")
    return kind(**{name: value_of(value, hints[name]) for name, value in parts})


PLACES = {WALLET: 1, OPEN_COST: 2, LOTS: 2, FUND: 1, FEE_POOL: 1, BAD_DEBT: 1, CUSTODY: 0}
"""How many names say whose a place is: an account or a pool, and a market."""


def _postings(text: str) -> tuple[Posting, ...]:
    """`wallet a1 -5, custody +5`: places and signed amounts. They name no rule: a chapter's table does."""
    if text == "nothing":
        return ()
    postings = []
    for part in text.split(","):
        words = part.split()
        if not words or len(words) - 2 != PLACES.get(words[0]) or not NUMBER.match(words[-1]):
            form = "wallet a1 -5, lots a1 BTC-PERP +2"
            raise ExampleError(f"postings are written `{form}`, not {part.strip()}")
        postings.append(Posting("", Place(*words[:-1]), int(words[-1])))
    return tuple(postings)


def comparable(value: Any) -> Any:
    """A value as it is compared: of a posting the place and the amount."""
    if isinstance(value, tuple | list):
        return tuple(comparable(member) for member in value)
    if isinstance(value, Posting):
        return (value.place, value.amount)
    return value


def written(value: Any) -> str:
    """A value in the notation of the tables."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:_}"
    if isinstance(value, Posting):
        return f"{written_place(value.place)} {value.amount:+_}"
    if isinstance(value, tuple | list):
        separator = ", " if all(isinstance(member, Posting | int) for member in value) else "; "
        return separator.join(written(member) for member in value) or "nothing"
    if is_dataclass(value) and not isinstance(value, type):
        return ", ".join(f"{field.name} {_member(getattr(value, field.name))}" for field in fields(value))
    return str(value)


def _member(value: Any) -> str:
    """A field of a record; a record within a record stands in parentheses."""
    is_record = is_dataclass(value) and not isinstance(value, type | Posting)
    return f"({written(value)})" if is_record else written(value)


def written_place(place: Place) -> str:
    """A place in words: `wallet a1`, `open_cost a1 BTC-PERP`, `fund cross`, `custody`."""
    return " ".join(word for word in (place.kind, place.holder, place.market) if word)
