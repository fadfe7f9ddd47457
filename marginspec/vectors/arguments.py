"""Arguments: the values of the law's functions as they stand in a vector file, read and written.

Whole numbers are texts, records are objects with the names of their fields, a posting is a row of
spec/logs.md. A predicate is `up to 7`. An argument that may be anything is the JSON text of it, so that a
decimal number can be given as well. What is read is told by the annotations of the functions.
"""

import ast
import inspect
import json
import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any

from marginspec.prose import examples  # noqa: F401 (imported, every rule is in the rulebook)
from marginspec.prose.chapters import RuleText, read_chapters, rule_texts
from marginspec.prose.function_tables import UNITS
from marginspec.prose.tables import REMARK
from marginspec.validation import shown
from refmodel.close_out import Step
from refmodel.policy import Policy
from refmodel.postings import (
    LOTS,
    MONEY,
    AccountOpened,
    ClockSet,
    DrawCounted,
    Entry,
    MarkSet,
    OrdersSet,
    Place,
    Posting,
)
from refmodel.rulebook import RULES
from refmodel.state import Venue

WHOLE = re.compile(r"(0|-?[1-9][0-9]*)\Z", re.ASCII)
RETURNS = "returns"
"""What the result is called where the chapter has no table of the function."""
WORDS = {bool: "true or false", str: "a word"}
MORE_UNITS = {"QuantaPpm": "quanta x ppm", "multiplier": "quanta per lot and tick"}


class ArgumentError(ValueError):
    """An argument that cannot be read: its key path below `given`, what stands there, what would be read."""

    def __init__(self, key: str, problem: str, repair: str) -> None:
        self.key, self.problem, self.repair = key, problem, repair
        super().__init__(f"{key} {problem} {repair}")


# Reading


def arguments_of(rule: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a rule's function, by name.

    Errors: ArgumentError.
    """
    kinds = argument_kinds(rule)
    if not takes_plain_values(rule):
        repair = "Give a policy and a venue, with an event or a query, or a whole policy."
        raise ArgumentError("", f"cannot be read: the function of {rule} takes whole venues.", repair)
    _refuse_other_keys(given, list(kinds), "", RULES[rule].__name__)
    for name in kinds:
        if name not in given and name not in _defaults(RULES[rule]):
            raise ArgumentError(name, "is missing.", f"{RULES[rule].__name__} takes {', '.join(kinds)}.")
    return {name: value_of(given[name], kind, name) for name, kind in kinds.items() if name in given}


def argument_kinds(rule: str) -> dict[str, Any]:
    """The type of each argument of a rule's function, in their order."""
    hints = typing.get_type_hints(RULES[rule])
    return {name: hints[name] for name in inspect.signature(RULES[rule]).parameters}


def takes_plain_values(rule: str) -> bool:
    """Whether a rule's function can be asked with numbers, words and small records alone."""
    parts = [part for kind in argument_kinds(rule).values() for part in _parts(kind)]
    return not any(part in (Venue, Policy, Step) for part in parts)


def _defaults(function: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(function).parameters
    return {name for name, parameter in parameters.items() if parameter.default is not parameter.empty}


def value_of(value: Any, kind: Any, key: str) -> Any:
    """The value that a part of a document stands for, as an argument of this type.

    key  where it stands
    Errors: ArgumentError.
    """
    if kind in (Any, object):
        return _json(value, key)
    origin, members = typing.get_origin(kind), typing.get_args(kind)
    if kind == Entry or kind is Posting:
        return _posting(value, key)
    if origin in (types.UnionType, typing.Union):
        (kind,) = (member for member in members if member is not type(None))
        return None if value is None else value_of(value, kind, key)
    if kind is bool:
        return _expect(value, isinstance(value, bool), key, "true or false")
    if kind is int:
        fits = isinstance(value, str) and WHOLE.match(value) is not None
        return int(_expect(value, fits, key, "a whole number as a text"))
    if kind is str:
        return _expect(value, isinstance(value, str), key, "a text")
    if origin is Callable:
        return _up_to(value, key)
    if is_dataclass(kind):
        return _record(value, kind, key)
    assert members and issubclass(origin, Iterable), f"{kind} has no form in a vector"
    _expect(value, isinstance(value, list), key, "a list")
    parts = [value_of(member, members[0], f"{key}[{index}]") for index, member in enumerate(value)]
    return parts if origin is list else tuple(parts)


def _expect(value: Any, fits: bool, key: str, wish: str) -> Any:
    if not fits:
        raise ArgumentError(key, f"is {shown(value)}.", f"Write {wish}.")
    return value


def _json(value: Any, key: str) -> Any:
    """Anything, from its JSON text."""
    _expect(value, isinstance(value, str), key, 'the JSON text of a value, such as "0.5"')
    try:
        return json.loads(value)
    except ValueError:
        raise ArgumentError(key, f"is {shown(value)}, no JSON text.", "Write it as JSON does.") from None


def _up_to(value: Any, key: str) -> Callable[[int], bool]:
    """`up to 7`: a predicate that is true of whole numbers up to 7."""
    number = value.removeprefix("up to ") if isinstance(value, str) else ""
    _expect(value, WHOLE.match(number) is not None and number != value, key, "a predicate, such as `up to 7`")
    return lambda asked: asked <= int(number)


def _posting(value: Any, key: str) -> Entry:
    """An entry of a transition, from a row of spec/logs.md; who owns an opened account is left empty."""
    fits = isinstance(value, list) and len(value) in (4, 5) and all(isinstance(part, str) for part in value)
    fits = fits and all(WHOLE.match(part) for part in value[3:]) and len(value[0].split(" ")) in (2, 3)
    _expect(value, fits, key, "a posting, as in spec/logs.md")
    (kind, rule, *stages), holder, market = value[0].split(" "), value[1], value[2]
    amount, second = int(value[3]), int(value[4]) if len(value) == 5 else 0
    stage = "".join(stages)
    if kind == "orders":
        return OrdersSet(rule, holder, market, amount, second, stage)
    if kind == "drawn":
        return DrawCounted(rule, holder, second, amount, stage)
    if kind == "mark":
        return MarkSet(rule, market, amount)
    if kind == "opened":
        return AccountOpened(rule, holder, "", market)
    if kind == "clock":
        return ClockSet(rule, amount)
    _expect(value, kind in (*MONEY, LOTS), key, "a posting, as in spec/logs.md")
    return Posting(rule, Place(kind, holder, market), amount, stage)


def _record(value: Any, kind: Any, key: str) -> Any:
    """A record, from an object with its fields; those with a default may be left out."""
    _expect(value, isinstance(value, Mapping), key, f"an object, {kind.__name__}")
    hints = typing.get_type_hints(kind)
    _refuse_other_keys(value, list(hints), f"{key}.", kind.__name__)
    for field in fields(kind):
        if field.name not in value and field.default is MISSING:
            raise ArgumentError(f"{key}.{field.name}", "is missing.", f"Fields: {', '.join(hints)}.")
    return kind(**{name: value_of(value[name], hints[name], f"{key}.{name}") for name in value})


def _refuse_other_keys(value: Mapping[str, Any], known: list[str], prefix: str, whose: str) -> None:
    for name in value:
        if name not in known:
            raise ArgumentError(f"{prefix}{name}", "is no key here.", f"{whose} has {', '.join(known)}.")


# Writing


def plain(value: Any) -> Any:
    """A value of the law as it stands in a document: whole numbers as texts, records as objects."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Posting):
        words = " ".join(word for word in (value.place.kind, value.rule, value.stage) if word)
        return [words, value.place.holder, value.place.market, str(value.amount)]
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(member) for key, member in value.items()}
    assert isinstance(value, list | tuple), f"{value!r} has no form in a document"
    return [plain(member) for member in value]


def named_results(rule: str, returned: Any) -> dict[str, Any]:
    """What a rule's function returns, under the names that its chapter gives to its parts."""
    names = result_names(rule)
    if len(names) == 1:
        return {names[0]: plain(returned)}
    return {name: plain(getattr(returned, name)) for name in names}


@cache
def texts() -> Mapping[str, RuleText]:
    """What the chapters say, by rule."""
    return rule_texts(read_chapters())


@cache
def result_names(rule: str) -> tuple[str, ...]:
    """The names of a rule's results: the headings of its table, or RETURNS."""
    arguments = list(argument_kinds(rule))
    for table in texts()[rule].tables:
        names = [heading.name for heading in table.headings]
        if all(name in names for name in arguments):
            return tuple(name for name in names if name not in (*arguments, REMARK))
    return (RETURNS,)


# Units


@cache
def units_of(rule: str) -> dict[str, str]:
    """The unit of each argument and result of a rule's function, fields of records as `tiers.floor`."""
    kinds = typing.get_type_hints(RULES[rule])
    names = result_names(rule)
    found: dict[str, str] = {}
    for name, words in _annotations(RULES[rule]).items():
        kind = kinds[name]
        if name != "return":
            found.update(_units(name, kind, words))
        elif len(names) == 1:
            found.update(_units(names[0], kind, words))
        else:
            units = dict(_units("", kind, words))
            found.update({part: units[f".{part}"] for part in names})
    return found


def _units(name: str, kind: Any, words: str) -> Iterator[tuple[str, str]]:
    """The units of a value and of what it is made of."""
    record = next((part for part in _parts(kind) if is_dataclass(part) and part is not Posting), None)
    if record is not None:
        hints = typing.get_type_hints(record)
        for part, annotation in _annotations(record).items():
            yield from _units(f"{name}.{part}", hints[part], annotation)
    elif int in _parts(kind) and typing.get_origin(kind) is not Callable:
        unit = {**UNITS, **MORE_UNITS}
        known = [unit[word] for word in (*re.findall(r"\w+", words), name.rpartition(".")[2]) if word in unit]
        yield name, (known or ["a whole number"])[0]
    else:
        yield name, WORDS.get(kind, _word_of(kind))


def _word_of(kind: Any) -> str:
    if kind in (Any, object):
        return "the JSON text of a value"
    if Posting in _parts(kind):
        return "postings, as in spec/logs.md"
    return "a predicate" if typing.get_origin(kind) is Callable else "a word"


def _parts(kind: Any) -> list[Any]:
    """A type and everything that it is made of."""
    return [kind, *(part for member in typing.get_args(kind) for part in _parts(member))]


def _annotations(thing: Any) -> dict[str, str]:
    """The annotations of a function or a record, as its source writes them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
    if isinstance(tree, ast.ClassDef):
        members = [node for node in tree.body if isinstance(node, ast.AnnAssign)]
        return {ast.unparse(node.target): ast.unparse(node.annotation) for node in members}
    assert isinstance(tree, ast.FunctionDef)
    found = {each.arg: ast.unparse(each.annotation) for each in tree.args.args if each.annotation is not None}
    return {**found, "return": ast.unparse(tree.returns) if tree.returns is not None else ""}
