"""Mutations: changes of one place of the law by the operators of cosmic-ray, a seeded sample of them."""

import ast
import difflib
import functools
import importlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginspec.mutation.names import Names, without_words

NOT_OPERATORS = ("core/NoOp", "core/RemoveDecorator")
"""Operators of cosmic-ray that change nothing a judge is asked about: @rule is the index of the law."""


class MutantsError(Exception):
    """Why there is nothing to judge by, or to judge; one sentence."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of one place of the law.

    file        below refmodel, such as "margin.py"
    line        its first line, from 1
    function    the top-level function, class or name it stands in
    operator    of cosmic-ray
    occurrence  which of the operator's places in the file
    before      the lines changed, without their indentation
    rules       those it touches: of its function, or of the functions that call it
    """

    file: str
    line: int
    function: str
    operator: str
    occurrence: int
    before: str
    after: str
    rules: tuple[str, ...]

    @property
    def key(self) -> str:
        """What it is called in the results that are kept."""
        return f"{self.file}:{self.operator}:{self.occurrence}"

    @property
    def review(self) -> tuple[str, str, str, str]:
        """What a review of it is found by, wherever its line has moved."""
        return self.file, self.function, self.before, self.after


def cosmic_ray(module: str) -> Any:
    """A module of cosmic-ray, which is installed with the tools for tests only."""
    try:
        return importlib.import_module(f"cosmic_ray.{module}")
    except ImportError as error:
        raise MutantsError(
            "make mutants needs cosmic-ray, which makes the mutations: run `make mutants`, or pip install "
            f"'.[dev]' ({error})"
        ) from None


@functools.cache
def operators() -> Mapping[str, Any]:
    """The operators of cosmic-ray that need no arguments, by name."""
    plugins = cosmic_ray("plugins")
    classes = {name: plugins.get_operator(name) for name in plugins.operator_names()}
    return {
        name: made()
        for name, made in sorted(classes.items())
        if name not in NOT_OPERATORS and not made.arguments()
    }


def places_of(path: Path) -> list[tuple[tuple[int, int], str, int]]:
    """Every place of a file that an operator can change: where, which operator, its how-manieth place."""
    trees = cosmic_ray("ast")
    nodes = list(trees.ast_nodes(trees.get_ast_from_path(path)))
    return [
        (start, name, occurrence)
        for name, operator in operators().items()
        for occurrence, (start, _) in enumerate(
            place for node in nodes for place in operator.mutation_positions(node)
        )
    ]


def mutated_text(text: str, operator: str, occurrence: int) -> str | None:
    """The text with one place changed; None if that is no Python, or nothing that a judge could notice."""
    changed: str | None = cosmic_ray("mutating").mutate_code(text, operators()[operator], occurrence)
    if changed is None:
        return None
    try:
        after = ast.parse(changed)
    except SyntaxError:
        return None
    same = ast.dump(without_words(after)) == ast.dump(without_words(ast.parse(text)))
    return None if same else changed


def sample(folder: Path, seed: int, count: int, files: Iterable[str] | None = None) -> list[Mutation]:
    """Different mutations of the law, in an order that the seed alone decides.

    folder  of the law
    files   to take them from; all modules if none are named
    A place of the source is drawn first and then a change of it: a plus sign, which has eleven changes, is
    not drawn eleven times as often as a comparison.
    """
    names = Names(folder)
    chosen = sorted(files) if files is not None else [path.name for path in sorted(folder.glob("*.py"))]
    by_place: dict[tuple[str, tuple[int, int]], list[tuple[str, int]]] = {}
    for file in chosen:
        for start, operator, occurrence in places_of(folder / file):
            by_place.setdefault((file, start), []).append((operator, occurrence))
    places = sorted(by_place)
    drawn = random.Random(seed)
    found: list[Mutation] = []
    while places and len(found) < count:
        place = drawn.choice(places)
        changes = by_place[place]
        operator, occurrence = changes.pop(drawn.randrange(len(changes)))
        if not changes:
            places.remove(place)
        text = (folder / place[0]).read_text(encoding="utf-8")
        changed = mutated_text(text, operator, occurrence)
        if changed is not None:
            found.append(_described(place[0], text, changed, operator, occurrence, names))
    return found


def _described(file: str, text: str, changed: str, operator: str, occurrence: int, names: Names) -> Mutation:
    old, new = text.splitlines(), changed.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    blocks = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    first, last = blocks[0][1], blocks[-1][2]
    first_new, last_new = blocks[0][3], blocks[-1][4]
    name = names.at(file, first + 1)
    return Mutation(
        file=file,
        line=first + 1,
        function=name,
        operator=operator.removeprefix("core/"),
        occurrence=occurrence,
        before=" ".join(line.strip() for line in old[first:last]),
        after=" ".join(line.strip() for line in new[first_new:last_new]),
        rules=names.rules_touched_by(name),
    )
