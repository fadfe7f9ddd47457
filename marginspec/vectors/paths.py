"""Paths: every way through a rule's function, the edges at each of its comparisons and divisions, and numbers
for them that people can read.

The explorer of the proofs walks the function on symbols. What is worth a case is called a feature: a path; a
comparison whose sides are equal, or one apart; a division that leaves nothing, one, or the most that it can.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import z3

from marginspec.vectors.shapes import RANGES, Shape, arguments_in_shape
from marginspec.vectors.wording import Said, path_words, slug, words_of_branch
from proofs.explorer import Path, Settings, explore
from proofs.ladder import prepared
from proofs.runs import Premise, Reason, current_run
from proofs.symbolic import SymBool
from refmodel.rulebook import RULES

BUDGET = 400_000
"""Steps of the solver for one question; what it does not decide is left out."""
APART = {0: "equals", 1: "one-above", -1: "one-below"}
"""Left side less right side of a comparison, in words."""


FEATURE_KINDS = ("path", "boundary", "rounding", "large", "masked")
"""In the order in which cases are looked for. A masked boundary is one that may not be seen in the result: it
is looked for on every path that goes on from it."""


@dataclass(frozen=True)
class Feature:
    """Something that a case can show.

    words      stable words, unique within a rule and shape
    sentence   the same for people
    kind       one of FEATURE_KINDS
    condition  on the symbols
    """

    words: str
    sentence: str
    kind: str
    condition: Any


@dataclass(frozen=True)
class Branch:
    """One decision on a path.

    said       in words, with the way it went
    before     what was known before it
    condition  as a term
    is_cap     whether the law takes the smaller or the larger of two amounts there
    """

    said: Said
    before: tuple[Any, ...]
    condition: Any
    is_cap: bool


@dataclass(frozen=True)
class Division:
    """One division on a path: numerator, divisor and remainder, as terms."""

    numerator: Any
    divisor: Any
    remainder: Any


class Walk:
    """One complete path of a rule's function, and what it is made of."""

    def __init__(self, path: Path) -> None:
        self.symbols: dict[str, Any] = path.symbols
        self.terms = tuple(step.term for step in path.steps)
        self.branches = tuple(_branches(path))
        self.divisions = tuple(_divisions(path))
        self.words = path_words(list(dict.fromkeys(branch.said.words for branch in self.branches)))
        said = dict.fromkeys(branch.said.sentence for branch in self.branches)
        self.sentence = "; ".join(said) or "the only path"

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What cases on this path, or at its edges, can show."""
        everything = z3.And(*self.terms) if self.terms else z3.BoolVal(True)
        found = [Feature(self.words, self.sentence, "path", everything)]
        where = f"-where-{self.branches[-1].said.words}" if self.branches else ""
        for branch in self.branches:
            for words, sentence, edge in _edges(branch):
                found.append(Feature(words, sentence, "boundary", z3.And(*branch.before, edge)))
                if branch is not self.branches[-1]:
                    found.append(Feature(f"{words}{where}", sentence, "masked", z3.And(everything, edge)))
        for number, division in enumerate(self.divisions):
            for words, sentence, edge in _remainders(division, number, len(self.divisions)):
                found.append(Feature(f"{words}{where}", sentence, "rounding", z3.And(everything, edge)))
        if self.symbols:
            found.append(Feature(f"large{where}", "amounts that need whole numbers", "large", everything))
        return tuple(found)

    def shows(self, feature: Feature, model: Any) -> bool:
        """Whether a model of this path shows one of its features."""
        if feature.kind == "large":
            return False
        return bool(z3.is_true(model.eval(feature.condition, model_completion=True)))


def walks(rule: str, shape: Shape) -> list[Walk]:
    """Every path of a rule's function in a shape.

    Errors: AssertionError if the ranges of the rule let something in that it is not defined for.
    """

    def body() -> None:
        run = current_run()
        arguments = arguments_in_shape(rule, shape, run.symbol)
        for condition in RANGES[rule](SimpleNamespace(**arguments)):
            run.premise(condition, Premise(Reason("guard", rule), "its documentation"))
        returned = RULES[rule](**arguments)
        if isinstance(returned, SymBool):
            bool(returned)

    found = []
    for path in explore(body, Settings(merges=False, thorough=False)):
        assert path.ending in ("complete", "impossible"), f"{rule} {shape.label}: {path.error!r}"
        if path.ending == "complete":
            found.append(Walk(path))
    return found


def _branches(path: Path) -> Iterator[Branch]:
    known: list[Any] = []
    decisions = iter(path.decisions)
    for step in path.steps:
        if step.is_branch:
            decision = next(decisions)
            line = re.sub(r"^\S+:\d+ ", "", step.where)
            said = words_of_branch(decision.condition, decision.taken, line)
            is_cap = re.search(r"\b(min|max)\(", line) is not None
            yield Branch(said, tuple(known), decision.condition, is_cap)
        known.append(step.term)


def _divisions(path: Path) -> Iterator[Division]:
    """The divisions whose definition a path has learned: n = q x d + r, r >= 0, r < d."""
    for step in path.steps:
        if step.is_branch or not z3.is_and(step.term) or step.term.num_args() != 3:
            continue
        equation, _, bound = step.term.children()
        remainder = next((side for side in bound.children() if str(side).startswith("remainder!")), None)
        if remainder is not None:
            (divisor,) = (side for side in bound.children() if not side.eq(remainder))
            yield Division(equation.arg(0), divisor, remainder)


def _edges(branch: Branch) -> Iterator[tuple[str, str, Any]]:
    """The edges of a comparison: its sides equal, and one apart either way."""
    condition = branch.condition
    while z3.is_not(condition):
        condition = condition.arg(0)
    said = branch.said
    if condition.num_args() != 2 or not z3.is_int(condition.arg(0)):
        return
    sign = -1 if said.is_flipped else 1
    difference = condition.arg(0) - condition.arg(1)
    for apart, name in APART.items():
        if said.right:
            words = f"{slug(said.left)}-{name}-{slug(said.right)}"
            sentence = f"{said.left} {name.replace('-', ' ')} {said.right}"
        else:
            words = f"{slug(said.left)}-left-{name}-right"
            sentence = f"{said.left}: the left side {name.replace('-', ' ')} the right"
        yield words, sentence, difference == sign * apart


def _remainders(division: Division, number: int, count: int) -> Iterator[tuple[str, str, Any]]:
    """What a division may leave, for numerators of either sign."""
    which = "division" if count == 1 else f"{('first', 'second', 'third', 'fourth')[min(number, 3)]}-division"
    n, d, r = division.numerator, division.divisor, division.remainder
    for side, sign in (("", n > 0), ("-below-zero", n < 0)):
        yield f"{which}-exact{side}", "a division leaves nothing", z3.And(sign, d > 1, r == 0)
        yield f"{which}-leaves-one{side}", "a division leaves one", z3.And(sign, d > 2, r == 1)
        yield (
            f"{which}-leaves-most{side}",
            "a division leaves one less than the divisor",
            z3.And(sign, d > 2, r == d - 1),
        )


# Numbers

LADDERS = {
    "ppm": (12_500, 5_000, 25_000, 20_000, 10_000, 333_334, 4_000, 750_000, 1, 0, 1_000_000, -12_500, -100),
    "lots": (7, 12, 5, 20, 3, 100, 2, 1, 0, -7, -12, -5, -3, -1),
    "ticks": (60_001, 500, 997, 100, 7, 1),
    "quanta per lot and tick": (10, 1, 3, 100),
    "quanta": (60_600, 10_007, 50_000, 1_000_003, 12_345, 9_000, 803, 100, 7, 1, 0, -60_600, -803, -7, -1),
    "": (17, 1_000, 23, 100, 7, 5, 3, 2, 1, 0, -17, -7, -1),
}
"""Numbers that are tried first, by unit: neither trivial nor long, and few of them multiples of others."""


LARGE = {
    "ppm": (333_333, 999_999, 1),
    "lots": (999_999_999_989, 9_876_543_211, -999_999_999_989),
    "ticks": (999_999_999_961, 123_456_789_011),
    "quanta per lot and tick": (999_999_937,),
    "quanta": (9_007_199_254_740_993, 999_999_999_999_999_989, -9_007_199_254_740_993),
    "": (9_007_199_254_740_993, 999_999_999_999_999_989, 123_456_789_012_345_678),
}
"""Amounts next to or above what 53 bits hold, most of them odd; up to the limits of chapter 13 (POL-13)."""


def readable_model(walk: Walk, feature: Feature, units: dict[str, str]) -> dict[str, int] | None:
    """Numbers for the symbols that show a feature; None if the solver finds none.

    One symbol after the other is given the first number of its ladder that fits, rates first.
    """
    solver = prepared(z3.Solver(), BUDGET)
    solver.add(feature.condition)
    if solver.check() != z3.sat:
        return None
    model = solver.model()
    order = list(LADDERS)
    names = sorted(walk.symbols, key=lambda name: order.index(_ladder_of(name, units)))
    values: dict[str, int] = {}
    for position, name in enumerate(names):
        symbol = walk.symbols[name]
        unit = _ladder_of(name, units)
        ladder = LADDERS[unit]
        start = position % max(len(ladder) // 2, 1)
        large = LARGE[unit] if feature.kind == "large" else ()
        for number in (*large, *ladder[start:], *ladder[:start]):
            if number in values.values() and number not in (0, 1):
                continue
            solver.push()
            solver.add(symbol == number)
            if solver.check() == z3.sat:
                model = solver.model()
                values[name] = number
                break
            solver.pop()
        else:
            values[name], model = _smallest(solver, symbol, model)
            solver.add(symbol == values[name])
    return values


def _ladder_of(name: str, units: dict[str, str]) -> str:
    unit = units.get(re.sub(r"\[\d+\]", "", name), "")
    return unit if unit in LADDERS else ""


def _smallest(solver: Any, symbol: Any, model: Any) -> tuple[int, Any]:
    """A small value of a symbol, as far as that is found cheaply, and the model that has it."""
    for bound in (10, 100, 1_000, 100_000, 10_000_000):
        solver.push()
        solver.add(symbol >= -bound, symbol <= bound)
        answer = solver.check()
        if answer == z3.sat:
            model = solver.model()
        solver.pop()
        if answer == z3.sat:
            break
    return int(model.eval(symbol, model_completion=True).as_long()), model


def walk_of(found: list[Walk], values: dict[str, int]) -> tuple[Walk, Any] | None:
    """The walk that a function takes on some numbers, and the whole model of it."""
    for walk in found:
        solver = prepared(z3.Solver(), BUDGET)
        solver.add(*walk.terms)
        solver.add(*(walk.symbols[name] == value for name, value in values.items()))
        if solver.check() == z3.sat:
            return walk, solver.model()
    return None
