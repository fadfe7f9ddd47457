"""What a question reaches in the law: the steps from line to line, and the classes of the rules' results.

The searches for vectors keep what reaches something that no vector before it has reached.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import refmodel
from marginspec.mutation.names import Names
from marginspec.search.reach.observation import Observation, observing

LAW = Path(refmodel.__file__).parent

Feature = tuple[str, ...]
"""A kind, a rule and words: ("class", rule, class of its result), ("reason", rule, reason),
("accepted", rule, type of event), ("edge", rule, words). Or a step: ("step", file, function, line before,
line or "end")."""


@cache
def names_of_the_law() -> Names:
    """Which function implements or serves which rule."""
    return Names(LAW)


class _Steps:
    """A trace function that notes each step from one line of the law to the next."""

    def __init__(self) -> None:
        self.found: set[Feature] = set()
        self._files: dict[CodeType, str] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        file = self._files.get(code)
        if file is None:
            path = Path(code.co_filename)
            file = path.name if path.parent == LAW else ""
            self._files[code] = file
        if not file:
            return None
        found, name, before = self.found, code.co_name, 0

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal before
            if event == "line":
                found.add(("step", file, name, str(before), str(frame.f_lineno)))
                before = frame.f_lineno
            elif event == "return":
                found.add(("step", file, name, str(before), "end"))
            return step

        return step


class Watcher:
    """Plays questions and says what each of them reached."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._steps = _Steps()

    def reached(self, ask: Callable[[], Any]) -> frozenset[Feature]:
        """What the law went through while a question was asked.

        ask  asks it; what it raises is passed on
        """
        observation, steps = self._observation, self._steps
        observation.tally.clear()
        steps.found = set()
        observation.on = True
        sys.settrace(steps)
        try:
            ask()
        finally:
            sys.settrace(None)
            observation.on = False
        return frozenset(steps.found) | {("class", *seen) for seen in observation.tally}


@contextmanager
def watching() -> Iterator[Watcher]:
    """A watcher, while the rules of the law are observed."""
    with observing() as observation:
        yield Watcher(observation)


def rule_of_step(step: Feature, preferred: tuple[str, ...]) -> str:
    """The rule that a step belongs to: of those its function touches, the first of the preferred ones, or
    the first of all; empty for a function that no rule uses.
    """
    _, file, _, before, after = step
    line = int(before) if after == "end" else int(after)
    touched = names_of_the_law().rules_touched_by(names_of_the_law().at(file, line))
    return next((rule for rule in preferred if rule in touched), touched[0] if touched else "")
