"""While loops of the law, by their invariant: what holds before, after every round, and at the end.

    loop = while_loop(isqrt_ceil)
    root = loop.result(number, invariant=newton_from_above, measure=lambda state: state.guess)

The function's own source is cut into what comes before its one loop, the loop's condition, its body, and
what comes after. The invariant is claimed where the loop begins; then the names that the body assigns
become arbitrary, the invariant is assumed, and on one path the body runs once and has to keep the invariant
and lower the measure, while on the other the loop ends and the function's result is known.
"""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NoReturn

from proofs.anatomy import key_of
from proofs.runs import PathDone, Run, TheoremError, current_run
from proofs.source import body_of, definition_of

State = SimpleNamespace
Invariant = Callable[[State], Iterable[bool]]


@dataclass(frozen=True)
class _Returned:
    value: Any


@dataclass(frozen=True, eq=False)
class WhileLoop:
    """A function of the law with one while loop, cut at the loop.

    before  the arguments -> all names, or what is returned before the loop is reached
    goes_on, body, after  all names -> the condition, all names after a round, the result
    changed names that the body assigns
    """

    function: Callable[..., Any]
    before: Callable[..., Any]
    goes_on: Callable[..., bool]
    body: Callable[..., dict[str, Any]]
    after: Callable[..., Any]
    changed: tuple[str, ...]

    def result(self, *arguments: Any, invariant: Invariant, measure: Callable[[State], int]) -> Any:
        """The function's result, for any number of rounds.

        invariant  yields conditions on the function's names, each of which may rely on those before it
        measure    a number that is never negative while the loop goes on, and falls in every round
        """
        run = current_run()
        run.notes.setdefault("cut at its loop", []).append(self.function)
        reached = self.before(*arguments)
        if isinstance(reached, _Returned):
            return reached.value
        _claim_each(run, invariant, reached, "where the loop begins")
        names = reached
        if run.has_unknowns:
            names = self._arbitrary(run, arguments, reached)
            for condition in invariant(State(**names)):
                run.fact(condition, "the invariant")
        while self.goes_on(**names):
            height = measure(State(**names))
            names = self.body(**names)
            _claim_each(run, invariant, names, "after one round more")
            run.claim(height >= 0, "the loop's measure is not negative while it goes on")
            run.claim(measure(State(**names)) < height, "the loop's measure falls in every round")
            if run.has_unknowns:
                raise PathDone
        return self.after(**names)

    def _arbitrary(self, run: Run, arguments: tuple[Any, ...], reached: dict[str, Any]) -> dict[str, Any]:
        key = (id(self.function), key_of(arguments))
        known = [*arguments, *reached.values()]
        return reached | {name: run.unknown((key, name), name, known)[0] for name in self.changed}


def while_loop(function: Callable[..., Any]) -> WhileLoop:
    """The loop of a function. Errors: TheoremError naming the function, unless it has exactly one loop."""
    definition = definition_of(function)
    body = body_of(definition)
    positions = [index for index, statement in enumerate(body) if isinstance(statement, ast.While)]
    if len(positions) != 1:
        _refuse(function, "it does not have exactly one while loop at its top level")
    before, loop, after = body[: positions[0]], body[positions[0]], body[positions[0] + 1 :]
    assert isinstance(loop, ast.While)
    leaving = (ast.Break, ast.Continue, ast.Return, ast.While, ast.For)
    if loop.orelse or any(isinstance(node, leaving) for part in loop.body for node in ast.walk(part)):
        _refuse(function, "its loop is left other than by its condition, or has a loop inside")
    parameters = [argument.arg for argument in definition.args.args]
    names = [*parameters, *(name for name in _assigned(before) if name not in parameters)]
    changed = _assigned(loop.body)
    if not set(changed) <= set(names):
        _refuse(function, "its loop assigns a name that has no value before it")
    give_names: ast.stmt = ast.Return(
        ast.Dict([ast.Constant(name) for name in names], [ast.Name(name, ast.Load()) for name in names])
    )

    def part(arguments: list[str], statements: list[ast.stmt], at: ast.AST) -> Callable[..., Any]:
        return _compile(function, arguments, [*statements] or [ast.Pass()], at)

    marked = [_MarkReturns().visit(statement) for statement in before]
    return WhileLoop(
        function,
        before=part(parameters, [*marked, give_names], loop),
        goes_on=part(names, [ast.Return(loop.test)], loop),
        body=part(names, [*loop.body, give_names], loop),
        after=part(names, after, loop),
        changed=tuple(changed),
    )


class _MarkReturns(ast.NodeTransformer):
    def visit_Return(self, node: ast.Return) -> ast.Return:
        marked = ast.Call(ast.Name("__returned__", ast.Load()), [node.value or ast.Constant(None)], [])
        return ast.copy_location(ast.Return(marked), node)


def _assigned(statements: list[ast.stmt]) -> list[str]:
    stored = [
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return list(dict.fromkeys(stored))


def _compile(
    function: Callable[..., Any], arguments: list[str], statements: list[ast.stmt], at: ast.AST
) -> Callable[..., Any]:
    template = ast.parse(f"def {function.__name__}({', '.join(arguments)}): pass").body[0]
    assert isinstance(template, ast.FunctionDef)
    template.body = statements
    ast.copy_location(template, at)
    for statement in statements:
        if not hasattr(statement, "lineno"):
            ast.copy_location(statement, at)
    tree = ast.fix_missing_locations(ast.Module([template], []))
    made: dict[str, Any] = {}
    code = compile(tree, function.__code__.co_filename, "exec")
    # A copy of the globals: loops are cut while the theorem runs, when patches are already in place.
    exec(code, {**function.__globals__, "__returned__": _Returned}, made)
    compiled: Callable[..., Any] = made[function.__name__]
    return compiled


def _claim_each(run: Run, invariant: Invariant, names: dict[str, Any], when: str) -> None:
    for number, condition in enumerate(invariant(State(**names)), start=1):
        run.claim(condition, f"the invariant holds {when} (condition {number})")
        run.fact(condition, f"condition {number} of the invariant")


def _refuse(function: Callable[..., Any], why: str) -> NoReturn:
    raise TheoremError(f"{function.__module__}.{function.__name__} cannot be cut at its loop: {why}")
