"""Folds of the law, read from their source: one term per item of a sequence, summed or carried along.

A rule that goes over all items of a sequence is written in one of three shapes, and this module insists:
    return sum(<term> for item in items)
    return max(<term> for item in items, default=...)          or min
    state = <start>;  for item in items: state = <next state>;  return state
The term is compiled from the real function's own source, so an induction runs the very code.
"""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from proofs.runs import TheoremError
from proofs.source import body_of, definition_of

Kind = Literal["sum", "max", "min", "loop"]


@dataclass(frozen=True, eq=False)
class Fold:
    """A fold of the law.

    parameters  the function's parameters in order; `sequence` is the one it goes over
    term        of an item, and of the other arguments by name; of a loop it also takes the state first
    """

    function: Callable[..., Any]
    kind: Kind
    parameters: tuple[str, ...]
    sequence: str
    term: Callable[..., Any]

    @property
    def name(self) -> str:
        return self.function.__name__

    def bind(self, positional: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        """The arguments other than the sequence, by name."""
        others = [name for name in self.parameters if name != self.sequence]
        if len(positional) + len(named) != len(others):
            raise TheoremError(f"{self.name} takes {', '.join(others)}, without the sequence")
        return dict(zip(others, positional, strict=False)) | named

    def on(self, items: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
        """The real function on real items."""
        return self.function(**{self.sequence: items}, **arguments)


def read_fold(function: Callable[..., Any]) -> Fold:
    """The fold that a function of the law is. Errors: TheoremError naming the function and what it is not."""
    parameters = tuple(inspect.signature(function).parameters)
    body = body_of(definition_of(function))
    if len(body) == 1 and isinstance(body[0], ast.Return) and isinstance(body[0].value, ast.Call):
        return _read_generator(function, parameters, body[0].value)
    if len(body) == 3:
        return _read_loop(function, parameters, body)
    _refuse(function, "its body is neither one return of a sum, max or min, nor one loop over the items")


def _read_generator(function: Callable[..., Any], parameters: tuple[str, ...], call: ast.Call) -> Fold:
    names: tuple[Kind, ...] = ("sum", "max", "min")
    kind = next((n for n in names if isinstance(call.func, ast.Name) and call.func.id == n), None)
    if kind is None or len(call.args) != 1 or not isinstance(call.args[0], ast.GeneratorExp):
        _refuse(function, "it does not return the sum, max or min of one term per item")
    if [keyword.arg for keyword in call.keywords] != ([] if kind == "sum" else ["default"]):
        _refuse(function, "a sum takes no further argument; max and min take a default, for no items")
    generators = call.args[0].generators
    if len(generators) != 1 or generators[0].ifs or not isinstance(generators[0].target, ast.Name):
        _refuse(function, "it goes over more than one sequence, skips items, or takes them apart")
    sequence = _sequence(function, parameters, generators[0].iter)
    item = generators[0].target.id
    term = _compile(function, [item], parameters, sequence, call.args[0].elt)
    return Fold(function, kind, parameters, sequence, term)


def _read_loop(function: Callable[..., Any], parameters: tuple[str, ...], body: list[ast.stmt]) -> Fold:
    first, loop, last = body
    if not (
        isinstance(first, ast.Assign | ast.AnnAssign)
        and isinstance(loop, ast.For)
        and isinstance(loop.target, ast.Name)
        and len(loop.body) == 1
        and not loop.orelse
        and isinstance(last, ast.Return)
        and isinstance(last.value, ast.Name)
    ):
        _refuse(function, "it is not: start the state, one loop with one assignment to it, return it")
    state = last.value.id
    step = loop.body[0]
    target = first.targets[0] if isinstance(first, ast.Assign) else first.target
    if not isinstance(target, ast.Name) or target.id != state:
        _refuse(function, f"it does not start {state}, which it returns")
    following: ast.expr
    if isinstance(step, ast.Assign) and isinstance(step.targets[0], ast.Name) and step.targets[0].id == state:
        following = step.value
    elif isinstance(step, ast.AugAssign) and isinstance(step.target, ast.Name) and step.target.id == state:
        following = ast.copy_location(
            ast.BinOp(ast.copy_location(ast.Name(state, ast.Load()), step), step.op, step.value), step
        )
    else:
        _refuse(function, f"its loop does not consist of one assignment to {state}")
    sequence = _sequence(function, parameters, loop.iter)
    term = _compile(function, [state, loop.target.id], parameters, sequence, following)
    return Fold(function, "loop", parameters, sequence, term)


def _sequence(function: Callable[..., Any], parameters: tuple[str, ...], iterated: ast.expr) -> str:
    if not isinstance(iterated, ast.Name) or iterated.id not in parameters:
        _refuse(function, "what it goes over is not one of its parameters")
    return iterated.id


def _compile(
    function: Callable[..., Any],
    first: list[str],
    parameters: tuple[str, ...],
    sequence: str,
    expression: ast.expr,
) -> Callable[..., Any]:
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    if sequence in names:
        _refuse(function, f"the term of one item looks at all of {sequence}")
    arguments = [*first, *(name for name in parameters if name != sequence)]
    named = [ast.arg(name) for name in arguments]
    made = ast.Lambda(
        ast.arguments(posonlyargs=[], args=named, kwonlyargs=[], kw_defaults=[], defaults=[]), expression
    )
    tree = ast.fix_missing_locations(ast.Expression(ast.copy_location(made, expression)))
    code = compile(tree, function.__code__.co_filename, "eval")
    term: Callable[..., Any] = eval(code, function.__globals__)
    return term


def _refuse(function: Callable[..., Any], why: str) -> NoReturn:
    raise TheoremError(f"{function.__module__}.{function.__name__} is not a fold: {why}")
