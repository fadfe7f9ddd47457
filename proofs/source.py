"""The source of a function: of a mutant, the mutated one."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from proofs.runs import TheoremError

MUTATED = "__mutated_source__"


def source_of(function: Callable[..., Any]) -> tuple[str, int]:
    """The text of a function's definition without its indentation, and the line at which it starts."""
    if MUTATED in vars(function):
        mutated: tuple[str, int] = vars(function)[MUTATED]
        return mutated
    lines, first_line = inspect.getsourcelines(function)
    return textwrap.dedent("".join(lines)), first_line


def definition_of(function: Callable[..., Any]) -> ast.FunctionDef:
    """The syntax of a function, with the line numbers of its file.

    Errors: TheoremError if it is not a plain function.
    """
    text, first_line = source_of(function)
    definition = ast.parse(text).body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise TheoremError(f"{function.__module__}.{function.__name__} is not a plain function")
    ast.increment_lineno(definition, first_line - 1)
    return definition


def body_of(definition: ast.FunctionDef) -> list[ast.stmt]:
    """The statements of a function after its docstring."""
    return definition.body[1:] if ast.get_docstring(definition) is not None else definition.body
