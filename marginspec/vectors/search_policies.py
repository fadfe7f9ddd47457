"""The search for policy cases: `python -m marginspec.vectors.search_policies --add [RULE...]`.

Policies are `minimal`, one of each kind of schedule and size rule, and what comes of them when one number is
put at an edge, or when they are spoilt for one rule. What no case shows yet gets one. It only adds.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

import click

from marginspec.documents import TRACE_FORMAT, policy_from_canonical
from marginspec.errors import InputError
from marginspec.screen import say
from marginspec.search.break_policy import BREAKERS, draw_broken_policy
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_policy import draw_policy
from marginspec.validation import flaws_of
from marginspec.vectors.covering import Feature, Watcher, watching
from marginspec.vectors.drawn import as_text, minimal
from marginspec.vectors.expectations import POLICY, kind_of
from marginspec.vectors.files import Case, add_cases, read_vectors
from marginspec.vectors.search_events import in_words, renamed
from refmodel.canonical import policy_document
from refmodel.numbers import PPM
from refmodel.policy import AT_OR_BELOW, SQRT, Policy
from refmodel.validity import (
    CUSTODY_MAX,
    MULTIPLIER_MAX,
    NOTIONAL_MAX,
    POSITIONS_MAX,
    PRICE_MAX,
    SIZE_MAX,
    TIERS_MAX,
    TOUCH_MOVES_MAX,
    faults,
)

SEED = 1
POLICIES = 12
SPOILT = 40
LIMITS = (
    *(PPM, CUSTODY_MAX, MULTIPLIER_MAX, NOTIONAL_MAX, POSITIONS_MAX, PRICE_MAX, SIZE_MAX),
    *(TIERS_MAX, TOUCH_MOVES_MAX),
)

FLAGS = {
    "refused": {
        "why": "The policy breaks a rule of chapter 13.",
        "effect": "A venue that runs it loses what the rule protects: see the chapter.",
    },
    "valid": {
        "why": "The policy is as close to a broken one as a valid one gets.",
        "effect": "A checker that refuses it is stricter than the law.",
    },
    "telltale": {
        "why": "A change of one place in the law shows here.",
        "effect": "A checker with such a fault is noticed by this case, and by few others.",
    },
}
"""Of cases that ask whether a policy is valid."""


def base_policies(seed: int) -> Iterator[tuple[str, Policy]]:
    """Valid policies from which the others are made, with a word for each: minimal, and small drawn ones."""
    yield "minimal", minimal()
    found: dict[str, Policy] = {}
    for number in range(2_000):
        policy = draw_policy(SeededChoices(f"policies {seed}:{number}"), "drawn")
        if len(policy.markets) > 2 or any(len(one.initial.tiers) > 3 for one in policy.markets.values()):
            continue
        market = next(iter(policy.markets.values()))
        word = f"{market.initial.kind} {market.liquidation.size}"
        if policy.trigger == AT_OR_BELOW and market.initial.kind == SQRT:
            word += " at or below"
        if word not in found and len(found) < POLICIES:
            found[word] = policy
    yield from found.items()


WORDS = ("no such choice",)
"""In place of a choice."""
NAMES = ("name", "asset")
"""Texts of a policy that choose nothing."""


def with_one_change(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The document with another number, at each edge a number may have, or another word in one place, or
    without one member of a list; and in words which."""
    members = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in members:
        here = (*path, key)
        others = edges_of(value) if type(value) is int else WORDS if isinstance(value, str) else ()
        for other in others if key not in NAMES else ():
            yield " ".join(map(str, (*here, "is", other))), copy_with(document, key, other)
        if isinstance(value, list):
            for index in range(len(value)):
                without = [*value[:index], *value[index + 1 :]]
                yield " ".join(map(str, (*here, "without", index))), copy_with(document, key, without)
        if isinstance(value, dict | list):
            for words, changed in with_one_change(value, here):
                yield words, copy_with(document, key, changed)


def edges_of(value: int) -> list[int]:
    """Other values of a number: next to it, around nothing, and around the limits of the law."""
    near = [value - 1, value + 1, -1, 0, 1, 2, 3, -value]
    limits = [limit + away for limit in LIMITS for away in (-1, 0, 1)]
    return [edge for edge in dict.fromkeys((*near, *limits)) if edge != value]


def copy_with(document: Any, key: Any, value: Any) -> Any:
    """A copy of a mapping or a list with one member in place of another."""
    if isinstance(document, dict):
        return {**document, key: value}
    return [*document[:key], value, *document[key + 1 :]]


def plain_document(policy: Policy) -> Any:
    """The document of a policy with lists in place of tuples and numbers as numbers."""

    def listed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: listed(member) for key, member in value.items()}
        return [listed(member) for member in value] if isinstance(value, list | tuple) else value

    return listed(policy_document(policy))


def drawn_policies(seed: int) -> Iterator[tuple[str, Any]]:
    """Policies to be asked about, with words for an id: documents as they stand in a file."""
    for word, policy in base_policies(seed):
        yield f"valid {word}", as_text(policy_document(policy))
        for rule in BREAKERS:
            for number in range(SPOILT):
                broken = draw_broken_policy(SeededChoices(f"spoilt {seed}:{rule}:{number}"), rule, policy)
                if broken is not None:
                    fault = faults(broken)[0]
                    value = fault.value.replace("_", "")
                    yield f"{word} {fault.key} {value}", as_text(policy_document(broken))
        for words, document in with_one_change(plain_document(policy)):
            yield f"{word} {words}", as_text(document)


def features_of(watcher: Watcher, document: Any) -> frozenset[Feature]:
    """What checking a policy reaches, and what is said of it; nothing if it is no policy at all."""
    try:
        policy = policy_from_canonical(document, "policy")
    except InputError:
        return frozenset()
    found: list[Any] = []
    reached = watcher.reached(lambda: found.extend(faults(policy)))
    if not found:
        return reached | {("edge", "POL-1", "valid")}
    markets = "|".join(policy.markets)
    first = found[0]
    key = " ".join(part for part in first.key.split(".") if part not in markets)
    return reached | {("edge", first.rule, in_words(f"{key} {'negative' if '-' in first.value else ''}"))}


def search(seed: int, rules: tuple[str, ...]) -> dict[str, list[Case]]:
    """The cases that are missing, by rule."""
    found: dict[str, list[Case]] = {}
    with watching() as watcher:
        known: set[Feature] = set()
        for file in read_vectors():
            for case in file.cases:
                if kind_of(case.given) == POLICY:
                    known |= features_of(watcher, dict(case.given["policy"]))
        for words, document in drawn_policies(seed):
            features = features_of(watcher, document) - known
            if features and fits_schema(document):
                known |= features
                case = case_of(document, words, ())
                if not rules or case.rule in rules:
                    found.setdefault(case.rule, []).append(case)
    return found


def fits_schema(document: Any) -> bool:
    """Whether a policy has the form that spec/schema/trace.schema.json asks of one."""
    trace = {"format": TRACE_FORMAT, "policy": document, "start": None, "events": []}
    return not flaws_of(trace, "trace")


def case_of(document: Any, words: str, extra: tuple[str, ...]) -> Case:
    """The case that asks about a policy, under the first rule that it breaks; a valid one under POL-1."""
    found = faults(policy_from_canonical(document, "policy"))
    rule = found[0].rule if found else "POL-1"
    flags = (*extra, "refused" if found else "valid")
    comment = f"{found[0].key} is {found[0].value}" if found else "every rule of chapter 13 holds"
    return Case(f"{rule}/{words_of_id(words)}", rule, flags, comment, {"policy": document})


def words_of_id(words: str) -> str:
    """Words in which no sign is lost, and no market is named: the policies here have one or two."""
    signed = re.sub(r"(?<![A-Za-z0-9])-(?=[0-9])", "minus ", words)
    return in_words(re.sub(r"markets[ .][A-Z]+-PERP", "", signed))


def put(cases: dict[str, list[Case]]) -> int:
    """Add cases, each to the file of its rule; returns how many are new."""
    new = 0
    taken = {case.id for file in read_vectors() for case in file.cases}
    for rule, found in sorted(cases.items()):
        named = renamed(found, taken)
        new += add_cases(rule, named, {flag: FLAGS[flag] for case in named for flag in case.flags})
    return new


@click.command()
@click.argument("rules", nargs=-1)
@click.option("--add", is_flag=True, help="Put the cases into spec/vectors.")
@click.option("--seed", default=SEED, show_default=True, help="Which policies are drawn.")
def main(rules: tuple[str, ...], add: bool, seed: int) -> None:
    """Search for policies that show what no vector shows yet, of these POL rules or of all."""
    unknown = [rule for rule in rules if rule not in BREAKERS]
    if unknown:
        click.echo(f"{unknown[0]} is no rule of chapter 13. They are {', '.join(BREAKERS)}.", err=True)
        sys.exit(2)
    found = search(seed, rules)
    for rule, cases in sorted(found.items()):
        say(f"{rule}: {', '.join(case.id.partition('/')[2] for case in cases)}")
    count = sum(len(cases) for cases in found.values())
    say(f"{put(found)} cases added" if add else f"{count} cases to add; --add puts them into spec/vectors")


if __name__ == "__main__":
    main()
