"""Flags: why a case of kind function matters, and what an engine that fails it does to somebody."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from marginspec.vectors.files import PUBLISHED, Case
from refmodel.rulebook import RULES

FLAGS: Mapping[str, tuple[str, str]] = {
    "boundary": (
        "Two amounts that the rule compares are equal, or one apart.",
        "An engine that is off by one here takes the other branch: somebody is liquidated, charged or "
        "admitted who should not be, or the reverse.",
    ),
    "rounding": (
        "A division of the rule is exact, just above or just below a whole number.",
        "An engine that rounds the other way is one unit off each time, and in somebody's favour.",
    ),
    "cap": (
        "The rule takes the smaller or the larger of two amounts, and both occur.",
        "An engine without the cap pays, requires or closes more than there is.",
    ),
    "sign": (
        "An amount is below zero.",
        "Division and remainder of negative numbers differ between languages: an engine that relies on its "
        "own rounds towards zero.",
    ),
    "zero": (
        "An amount is zero.",
        "An engine that does not think of nothing divides by it, or asks for something.",
    ),
    "large": (
        "An amount does not fit into 53 bits, or its product not into 64.",
        "An engine on floating point, or on machine integers without a check, is silently wrong.",
    ),
    PUBLISHED: (
        "A venue, or a test of its public code, has published this case; `published` says which, and the "
        "venue's own numbers.",
        "An engine that fails it differs from the law where a real venue can be compared with both: read "
        "what the venue states before changing either.",
    ),
}
"""By name: why, and effect. The file of a rule adds how the rule itself rounds."""


def flags_of(given: Mapping[str, Any], others: Iterable[str]) -> tuple[str, ...]:
    """The flags of a case: those that its search knows of, and what its numbers show."""
    numbers = list(_numbers(given))
    flags = {flag for flag in others if flag in FLAGS}
    if any(number < 0 for number in numbers):
        flags.add("sign")
    if 0 in numbers:
        flags.add("zero")
    if any(abs(number) >= 2**53 for number in numbers):
        flags.add("large")
    return tuple(sorted(flags))


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, str):
        if re.fullmatch(r"-?\d+", value):
            yield int(value)
    elif isinstance(value, Mapping | list):
        for member in value.values() if isinstance(value, Mapping) else value:
            yield from _numbers(member)


def explained(rule: str, cases: Iterable[Case]) -> dict[str, dict[str, str]]:
    """The explanations of the flags that some cases have."""
    names = {flag for case in cases for flag in case.flags}
    found = {}
    for name in sorted(names):
        why, effect = FLAGS[name]
        direction = _rounding_of(rule) if name == "rounding" else ""
        found[name] = {"why": why, "effect": " ".join(part for part in (effect, direction) if part)}
    return found


def _rounding_of(rule: str) -> str:
    """What the rule says about its own rounding, in its own words."""
    text = " ".join((inspect.getdoc(RULES[rule]) or "").split()).partition(" Source:")[0]
    match = re.search(r"([Rr]ounds (?:up|down)[^.;]*)", text)
    return f"Here the law {match[1][:1].lower()}{match[1][1:]}." if match else ""
