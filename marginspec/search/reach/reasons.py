"""The reasons for which the law refuses, read out of its code: each is to be met."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import refmodel

REFUSES = "refuse"
PASSED_ON = "refuse_"
"""A function whose name begins like this answers with refusals of its own."""


@cache
def functions_of_the_law() -> dict[str, ast.FunctionDef]:
    """Every function of refmodel, by name."""
    found = {}
    for path in sorted(Path(refmodel.__file__).parent.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = node
    return found


def calls_in_order(node: ast.AST) -> list[ast.Call]:
    """The calls below a node, in the order in which they are written."""
    calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def refusals_of(name: str) -> Iterator[tuple[str, str]]:
    """Rule and reason of every refusal that a function may give, its helpers' in their place."""
    for call in calls_in_order(functions_of_the_law()[name]):
        called = call.func.id if isinstance(call.func, ast.Name) else ""
        if called == REFUSES:
            rule, reason = (argument for argument in call.args[1:3])
            assert isinstance(rule, ast.Constant), ast.unparse(call)
            assert isinstance(reason, ast.Constant), ast.unparse(call)
            yield str(rule.value), str(reason.value)
        elif called.startswith(PASSED_ON):
            yield from refusals_of(called)


@cache
def reasons_of_the_law() -> tuple[str, ...]:
    """Every "rule reason" for which the law refuses anything, in the order of the alphabet."""
    return tuple(
        sorted(
            {
                f"{rule} {reason}"
                for name in functions_of_the_law()
                for rule, reason in refusals_of(name)
                if name != REFUSES
            }
        )
    )
