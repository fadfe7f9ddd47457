"""Explain: one rule on one page, in prose, code and theorems."""

import difflib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import refmodel.canonical
import refmodel.gap
import refmodel.liquidation_price
import refmodel.validity
import refmodel.venue
from marginspec.errors import Flaw, InputError
from marginspec.paths import ROOT
from marginspec.prose.chapters import ChapterError, read_chapters, rule_texts
from marginspec.screen import say
from refmodel.rulebook import RULES

LAW = (refmodel.canonical, refmodel.gap, refmodel.liquidation_price, refmodel.validity, refmodel.venue)
"""The modules that, with what they import, register every rule."""


def find_rule(name: str) -> str:
    """The identifier of a rule, however it was typed. Errors: InputError with those perhaps meant."""
    identifier = name.strip().upper()
    if identifier in RULES:
        return identifier
    near = difflib.get_close_matches(identifier, RULES, n=3, cutoff=0.5)
    family = [rule for rule in RULES if rule.split("-")[0] == identifier.split("-")[0]]
    meant = family or near
    repair = f"Did you mean {', '.join(meant)}?" if meant else f"There are {', '.join(sorted(RULES))}."
    raise InputError(name, Flaw("", "is no rule of the law.", repair))


def explain(name: str) -> dict[str, Any]:
    """Print the page of a rule.

    returns  the facts for --json
    Errors: InputError for an unknown rule.
    """
    rule = find_rule(name)
    function = RULES[rule]
    prose = prose_of(rule)
    source = inspect.getsource(function).rstrip()
    theorems = list(theorems_about(rule))
    say(prose)
    say()
    say(f"Code     {place_of(function)}")
    say()
    say("\n".join(f"    {line}".rstrip() for line in source.splitlines()))
    say()
    say("Theorems")
    for theorem in theorems:
        say(f"  {theorem['name']}   {theorem['status']}")
        say(f"      {theorem['claim']}")
        say(f"      Bound: {theorem['bound']}. Mutant: {', '.join(theorem['mutants'])}.")
    if not theorems:
        say("  None names this rule.")
    return {"rule": rule, "prose": prose, "code": source, "place": place_of(function), "theorems": theorems}


def prose_of(rule: str) -> str:
    """The section of a rule in its chapter, as it stands there."""
    try:
        text = rule_texts(read_chapters()).get(rule)
    except ChapterError as error:
        return f"The chapters cannot be read: {error}"
    if text is None:
        return f"{rule} has no section in a chapter of spec/."
    chapter = text.path.relative_to(ROOT) if text.path.is_relative_to(ROOT) else text.path
    return f"{text.text.strip()}\n\nChapter  {chapter}, line {text.line}"


def place_of(function: Callable[..., Any]) -> str:
    """Where a function stands."""
    path = Path(inspect.getsourcefile(function) or "")
    line = inspect.getsourcelines(function)[1]
    return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name}, line {line}"


def theorems_about(rule: str) -> Iterator[dict[str, Any]]:
    """The theorems that name a rule, with what is known of each."""
    from marginspec.proving import all_theorems, known_status

    for theorem in all_theorems():
        if rule in theorem.rules:
            yield {
                "name": theorem.name,
                "claim": theorem.claim,
                "bound": theorem.structural_bound or "none",
                "status": known_status(theorem),
                "mutants": [mutant.name for mutant in theorem.mutants],
            }
