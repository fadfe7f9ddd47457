"""The rulebook: which function implements which rule of the law.

A rule is named in one place only, as a decorator on the function that implements it. Everything
else (chapters, theorems, worked examples, `marginspec explain`) finds the function through here.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Implementation = TypeVar("Implementation", bound=Callable[..., Any])

RULES: dict[str, Callable[..., Any]] = {}


def rule(*identifiers: str) -> Callable[[Implementation], Implementation]:
    """Say that the decorated function implements these rules, in the order in which it applies them.

    identifiers  one or more rule identifiers, such as "MAR-2"
    returns      a decorator that registers the function and gives it back unchanged
    Errors: AssertionError if a rule already has an implementation: a rule has exactly one.
    """

    def register(function: Implementation) -> Implementation:
        for identifier in identifiers:
            assert identifier not in RULES, f"{identifier} has two implementations"
            RULES[identifier] = function
        return function

    return register
