"""The search that adds cases of kind function: `python -m marginspec.vectors.functions [RULE...]`.

For every rule whose function takes plain values: the rows of its chapter, one case for each path through
it, and the edges of its comparisons and divisions (paths.py). Cases that are there stay; the same run adds
nothing the second time.
"""

import json
import re
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from marginspec.prose.chapters import Table
from marginspec.prose.notation import value_of
from marginspec.prose.tables import REMARK
from marginspec.screen import say
from marginspec.vectors.arguments import argument_kinds, plain, takes_plain_values, texts, units_of
from marginspec.vectors.files import Case, add_cases, path_of, read_file
from marginspec.vectors.flags import explained, flags_of
from marginspec.vectors.paths import FEATURE_KINDS, Feature, Walk, readable_model, walk_of, walks
from marginspec.vectors.shapes import Shape, arguments_in_shape, shapes_of
from marginspec.vectors.wording import shortened_slug, slug
from refmodel.postings import Entry

COMMENT_MAX = 200
PATHS_MAX = 12
"""Boundaries are looked for on every path only where there are no more than so many."""


def rules_of_plain_values() -> list[str]:
    """The rules whose functions can be asked by themselves."""
    return [rule for rule in texts() if takes_plain_values(rule)]


def found_cases(rule: str) -> list[Case]:
    """Every case that the search has for a rule; no two have the same `given` or id."""
    found: dict[str, Case] = {}
    seen: list[Any] = []
    for case in (*_of_chapter(rule), *_of_numbers(rule), *_of_paths(rule)):
        if case.given in seen:
            continue
        name = case.id if case.id not in found else _longer(case)
        if name not in found:
            seen.append(case.given)
            found[name] = Case(name, rule, case.flags, case.comment, case.given)
    return list(found.values())


def _longer(case: Case) -> str:
    """An id with the values of its case, for words that are not enough to tell it from another."""
    rule, _, words = case.id.partition("/")
    values = slug(" ".join(_leaves(case.given)))
    return f"{rule}/{shortened_slug(words, 50)}-with-{shortened_slug(values, 40)}"


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _leaves(member)
    elif isinstance(value, str):
        yield value.replace("-", "minus ")


# The chapters' own rows


def _of_chapter(rule: str) -> Iterator[Case]:
    """The rows of the tables of a rule's function: the same values as in the prose."""
    kinds = argument_kinds(rule)
    for table in texts()[rule].tables:
        headings = [heading.name for heading in table.headings]
        if all(name in headings for name in kinds):
            yield from _of_table(rule, table, headings)


def _of_table(rule: str, table: Table, headings: list[str]) -> Iterator[Case]:
    kinds = argument_kinds(rule)
    for row in table.rows:
        cells = dict(zip(headings, row.cells, strict=True))
        given = {name: _given(cells[name], kind) for name, kind in kinds.items()}
        said = cells.get(REMARK, "").replace("`", "")
        words = said if re.search("[a-z]{2}", said) else _words_of_row(cells, kinds)
        name = f"{rule}/{shortened_slug(slug(words), 70)}"
        yield Case(name, rule, flags_of(given, ()), said, given)


def _words_of_row(cells: dict[str, str], kinds: dict[str, Any]) -> str:
    """The arguments of a row, words such as a trigger first: they tell rows apart."""
    names = sorted(kinds, key=lambda name: kinds[name] is not str)
    return " ".join(f"{name} {cells[name]}" for name in names)


def _given(cell: str, kind: Any) -> Any:
    """A cell of a chapter's table as it stands in a vector."""
    if typing.get_origin(kind) is Callable:
        return cell.strip("`").replace("_", "")
    value = value_of(cell, kind)
    if Entry in typing.get_args(kind):
        value = [replace(posting, rule="PST-1") for posting in value]  # a chapter's postings name no rule
    return json.dumps(value) if kind in (Any, object) else plain(value)


# Rules whose loops are not walked on symbols


def _of_numbers(rule: str) -> Iterator[Case]:
    """Roots next to squares, and searches whose answer lies at either end."""
    if rule == "NUM-4":
        for root, off in product((2, 3, 10, 1_000, 99_999, 10**9), (-1, 0, 1)):
            number = root * root + off
            said = {-1: "one below the square of", 0: "the square of", 1: "one above the square of"}[off]
            given = {"number": str(number)}
            yield Case(f"{rule}/{slug(said)}-{root}", rule, flags_of(given, ("boundary",)), said, given)
    if rule == "NUM-6":
        for limit, most in product((0, 1, 2, 3, 10, 1_000), (0, 1, 2, 9, 10, 11, 999, 1_000, 1_001)):
            if 1 < abs(most - limit) and most > 1:
                continue
            given = {"limit": str(limit), "holds": f"up to {most}"}
            name = f"{rule}/limit-{limit}-holds-up-to-{most}"
            yield Case(name, rule, flags_of(given, ("boundary",)), "", given)


# Paths and edges


def _of_paths(rule: str) -> Iterator[Case]:
    """A case for each path and each edge that no case before it shows."""
    units = units_of(rule)
    for shape in shapes_of(rule):
        found = walks(rule, shape)
        shown: set[str] = set()
        features = sorted(
            ((walk, feature) for walk in found for feature in walk.features),
            key=lambda pair: FEATURE_KINDS.index(pair[1].kind),
        )
        for walk, feature in features:
            if feature.words in shown or (feature.kind == "masked" and len(found) > PATHS_MAX):
                continue
            values = readable_model(walk, feature, units)
            taken = None if values is None else walk_of(found, values)
            if values is not None and taken is not None:
                met = [each for each in taken[0].features if taken[0].shows(each, taken[1])]
                shown |= {each.words for each in met} | {feature.words}
                yield _case(rule, shape, values, feature, (taken[0], met))


def _case(
    rule: str, shape: Shape, values: dict[str, int], feature: Feature, taken: tuple[Walk, list[Feature]]
) -> Case:
    walk, met = taken
    words = f"{shape.label}-{feature.words}" if shape.label else feature.words
    given = plain(arguments_in_shape(rule, shape, values.__getitem__))
    kinds = {"boundary" if each.kind == "masked" else each.kind for each in met} | (
        {"cap"} if any(each.is_cap for each in walk.branches) else set()
    )
    comment = feature.sentence
    if len(comment) > COMMENT_MAX:
        comment = f"... {comment[-COMMENT_MAX:].partition(' ')[2]}"
    return Case(f"{rule}/{shortened_slug(words)}", rule, flags_of(given, tuple(kinds)), comment, given)


def main(arguments: list[str]) -> None:
    """Add what the search finds for some rules, or for all."""
    for rule in arguments or rules_of_plain_values():
        path = path_of(rule)
        before = read_file(path) if path.exists() else None
        ids = {case.id for case in before.cases} if before is not None else set()
        givens = [case.given for case in before.cases] if before is not None else []
        new = [case for case in found_cases(rule) if case.id not in ids and case.given not in givens]
        if new:
            add_cases(rule, new, explained(rule, new))
        say(f"{rule:7} {len(new):4} new")


if __name__ == "__main__":
    main(sys.argv[1:])
