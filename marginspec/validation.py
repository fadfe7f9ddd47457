"""Validation: every flaw of a document against a schema of `spec/schema/`, in words and with its repair.

Both kinds of input come through here, TOML and JSON. Numbers that a reader must not round arrive as
`Written`: the text that stands in the file.
"""

import difflib
import json
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from marginspec.errors import Flaw
from marginspec.paths import SCHEMAS
from refmodel.numbers import PPM

DEPTH_MAX = 12
"""Levels of tables and lists; no document of ours has half as many."""
SENSELESS = "has no meaning next to the other keys there."
BITS_MAX = 140
"""Longer whole numbers are kept away from the schema: no amount of the law has 42 digits."""


class Written:
    """A number as it stands in a file, where no number of its kind belongs.

    text  as written
    kind  "a decimal number", "a number without quotes", "a whole number of 4,217 digits"
    """

    __slots__ = ("kind", "text")

    def __init__(self, text: str, kind: str) -> None:
        self.text = text
        self.kind = kind

    def __repr__(self) -> str:
        return shortened(self.text)


class Repeated(dict[str, Any]):
    """A JSON object in which keys stand more than once.

    keys_repeated  those keys
    """

    keys_repeated: tuple[str, ...] = ()


def decimal(text: str) -> Written:
    """A decimal number of a file."""
    return Written(text, "a decimal number" if text.lstrip("+-")[:1].isdigit() else "not a number")


def shortened(text: str) -> str:
    """Text that fits into a message."""
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text):_} characters)"


def shown(value: object) -> str:
    """A value of a file, for a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:_}"
    if isinstance(value, str):
        return shortened(json.dumps(value, ensure_ascii=False))
    if isinstance(value, dict):
        return f"a table of {len(value)} keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return repr(value) if isinstance(value, Written) else str(value)


def kind_of(value: object) -> str:
    """What a value is, for a message."""
    if isinstance(value, Written):
        return value.kind
    names = {bool: "a truth value", int: "a whole number", str: "a text", dict: "a table", list: "a list"}
    return names.get(type(value), f"a {type(value).__name__}")


def key_path(keys: tuple[str | int, ...]) -> str:
    """A place in a document, as the chapters write it: markets.BTC-PERP.margin.brackets[0].from"""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            plain = key and not any(character in key for character in " .[]\"'\n")
            text += f".{key}" if plain else f".{shortened(json.dumps(key, ensure_ascii=False))}"
    return text.removeprefix(".")


@cache
def schema(name: str) -> dict[str, Any]:
    """A schema of spec/schema/, by its name."""
    document: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return document


def flaws_of(document: Any, name: str) -> tuple[Flaw, ...]:
    """Everything in which a document differs from a schema; empty if nothing.

    document  tables, lists and values as read from a file; too long numbers in it are replaced
    name      of a schema in spec/schema/
    """
    too_deep = _prepared(document)
    if too_deep is not None:
        return (too_deep,)
    flaws = _repetitions(document, ())
    descriptions = _descriptions(name)
    errors = _validator(name).iter_errors(document)
    for error in sorted(errors, key=lambda error: [_sortable(key) for key in error.absolute_path]):
        flaws.extend(_flaws_of_error(error, descriptions))
    senseless = tuple(flaw.where for flaw in flaws if flaw.problem == SENSELESS)
    inside = tuple(f"{where}{mark}" for where in senseless for mark in ".[")
    return tuple(dict.fromkeys(flaw for flaw in flaws if not flaw.where.startswith(inside)))


def _sortable(key: str | int) -> tuple[int, str]:
    """Keys of tables in the order of the alphabet, places in lists as they come."""
    return (key, "") if isinstance(key, int) else (0, key)


def _bundled(name: str) -> dict[str, Any]:
    """A schema, with those it refers to below its own `$defs`: nothing is ever fetched."""
    document = schema(name)
    bundled = {other: schema(other) for other in document.get("x-bundles", ())}
    return {**document, "$defs": {**document.get("$defs", {}), **bundled}}


@cache
def _validator(name: str) -> Any:
    """A schema made ready once: what it refers to is found again without a walk through all of it."""
    document = _bundled(name)
    parts = [document, *(part for part in document["$defs"].values() if "$id" in part)]
    known = Registry().with_resources([(part["$id"], Resource.from_contents(part)) for part in parts])
    return Draft202012Validator(document, registry=known.crawl())


@cache
def _descriptions(name: str) -> dict[str, str]:
    """What a schema says about each key, wherever it stands."""
    found: dict[str, str] = {}
    definitions = _bundled(name).get("$defs", {})
    stack: list[Any] = [_bundled(name)]
    while stack:
        value = stack.pop()
        stack.extend(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
        properties = value.get("properties") if isinstance(value, dict) else None
        for key, wanted in (properties or {}).items():
            if isinstance(wanted, dict):
                referred = definitions.get(str(wanted.get("$ref", "")).rsplit("/", 1)[-1], {})
                description = wanted.get("description") or referred.get("description")
                found[key] = description or found.get(key, "")
    return found


def _prepared(document: Any) -> Flaw | None:
    """Replace numbers that are too long to be printed; find what is nested too deeply.

    Without recursion: the document may be nested deeper than Python allows.
    """
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), document)]
    while stack:
        keys, value = stack.pop()
        if len(keys) > DEPTH_MAX:
            repair = f"At most {DEPTH_MAX} levels are read."
            return Flaw(key_path(keys[:DEPTH_MAX]), "is nested too deeply.", repair)
        members: list[tuple[Any, Any]] = []
        if isinstance(value, dict):
            members = list(value.items())
        elif isinstance(value, list):
            members = list(enumerate(value))
        for key, member in members:
            if type(member) is int and member.bit_length() > BITS_MAX:
                digits = int((member.bit_length() - 1) * math.log10(2)) + 1
                value[key] = Written("", f"a whole number of about {digits:_} digits")
            elif isinstance(member, dict | list):
                stack.append(((*keys, key), member))
    return None


def _repetitions(document: Any, keys: tuple[str | int, ...]) -> list[Flaw]:
    """Keys that stand more than once in one object."""
    flaws = []
    if isinstance(document, Repeated):
        repair = "Keep one of them: readers would choose differently."
        flaws = [
            Flaw(key_path((*keys, key)), "stands there more than once.", repair)
            for key in document.keys_repeated
        ]
    members: Any = ()
    if isinstance(document, dict):
        members = document.items()
    elif isinstance(document, list):
        members = enumerate(document)
    for key, member in members:
        if isinstance(member, dict | list):
            flaws += _repetitions(member, (*keys, key))
    return flaws


def _flaws_of_error(error: ValidationError, descriptions: dict[str, str]) -> Iterator[Flaw]:
    """What one error of the schema library says, in the words of this project."""
    keys = tuple(error.absolute_path)
    place = key_path(keys)
    instance: Any = error.instance
    value = shown(instance)
    allowed: Any = error.validator_value
    validator: Any = error.validator
    wanted: Any = error.schema
    if validator == "additionalProperties":
        known = list(wanted.get("properties", ()))
        for key in instance:
            if key not in known:
                yield Flaw(key_path((*keys, key)), "is no key that is read here.", _meant(key, known))
    elif validator == "required":
        for key in allowed:
            if key not in instance:
                described = wanted.get("properties", {}).get(key, {})
                wish = described.get("description") or descriptions.get(key, "")
                yield Flaw(key_path((*keys, key)), "is missing.", f"{_wish(wish)}.")
    elif validator == "const":
        yield Flaw(place, f"is {value}, which is not read here.", f"Write {shown(allowed)}.")
    elif validator == "enum":
        choices = " or ".join(shown(choice) for choice in allowed)
        yield Flaw(place, f"is {value}, which is not read here.", f"Write {choices}.")
    elif error.parent is not None and error.parent.validator == "propertyNames":
        yield Flaw(place, f"has a member named {value}.", NAMES)
    elif validator == "pattern" and "description" not in wanted:
        yield Flaw(key_path((*keys, instance)), "is no name that can be read.", NAMES)
    elif validator in ("type", "pattern", "maximum", "minimum", "maxLength", "minLength"):
        yield _flaw_of_value(place, instance, wanted, validator)
    elif validator == "not":
        yield Flaw(place, SENSELESS, "Leave it out.")
    else:
        yield Flaw(place, f"is {value}, which cannot be read.", "See spec/schema/.")


NAMES = "Names have at most 64 characters, and no spaces, dots, quotes or brackets."


def _flaw_of_value(place: str, value: Any, wanted: dict[str, Any], validator: str) -> Flaw:
    """A value of the wrong kind or size."""
    wish = _wish(str(wanted.get("description", "")))
    if isinstance(value, Written) and wanted.get("type") == "integer":
        subject = str(wanted.get("x-what", "amounts are whole numbers"))
        if value.kind == "a decimal number":
            why = "A decimal would round differently from engine to engine."
            repair = f"{why} {_whole(value, str(wanted.get('x-unit', '')))}"
            return Flaw(place, f"is {value!r}, a decimal number; {subject} (NUM-2).", repair)
        return Flaw(place, f"is {named(value)}; {subject} (NUM-2).", f"{wish}.")
    if isinstance(value, Written) and value.kind == "a number without quotes":
        return Flaw(place, f"is {named(value)}.", f"{wish}.")
    if validator == "type":
        digits = isinstance(value, str) and value.replace("_", "").lstrip("-").isdigit() and len(value) < 60
        note = f" Leave out the quotes: {value}." if digits and wanted.get("type") == "integer" else ""
        return Flaw(place, f"is {named(value)}.", f"{wish}.{note}")
    return Flaw(place, f"is {shown(value)}, which cannot be read.", f"{wish}.")


def named(value: object) -> str:
    """A value and what it is, for a message."""
    if isinstance(value, dict | list) or (isinstance(value, Written) and not value.text):
        return kind_of(value) if isinstance(value, Written) else shown(value)
    return f"{shown(value)}, {kind_of(value)}"


def _wish(description: str) -> str:
    """What is asked for, from the description in a schema."""
    text = description.rstrip(".")
    if text.startswith("Write "):
        return text
    return f"Write {text[:1].lower()}{text[1:]}" if text else "Write it"


def _whole(value: Written, unit: str) -> str:
    """The whole numbers that a decimal may have stood for."""
    if unit != "ppm":
        return f"Write a whole number of {unit}." if unit else "Write a whole number."
    number = float(value.text.replace("_", ""))
    percent, share = number * PPM / 100, number * PPM
    repairs = []
    if math.isfinite(percent) and round(percent) == round(percent, 6) and number < 100:
        repairs.append(f"For {value!r} % write {round(percent):_}.")
    if math.isfinite(share) and round(share) == round(share, 6) and 0 < abs(share) < PPM:
        repairs.append(f"For {value!r} of the whole write {round(share):_}.")
    return " ".join(repairs) or "Write a whole number of ppm: 1 % is 10_000."


def _meant(key: str, known: list[str]) -> str:
    """A suggestion for a key that is not known."""
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return f"Did you mean {near[0]}? A key that nobody reads would be a wish without effect."
    return f"Leave it out, or use one of: {', '.join(known)}." if known else "Leave it out."
