"""Proof contracts: what is known of a rule, for theorems that call the contract in place of the rule.

A contract is a function of a rule's result and arguments that states preconditions by `require` and
postconditions by `ensure`. Where a theorem lists it, each call of the rule is replaced: every `require` is
proved on that path, the result is a fresh symbol (the same for the same arguments), every `ensure` is known.

A contract is not taken on trust. The theorem named by `proved_by` calls `establish(contract, ...)`, which
runs the real rule under the same `require`s and proves the same `ensure`s: stated once, used both ways.
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from proofs.anatomy import anatomy, key_of
from proofs.machine import MachineInt, machine_type, plain
from proofs.registry import Theorem
from proofs.runs import Premise, Reason, Run, TheoremError, current_run
from proofs.symbolic import all_of, implies


@dataclass(frozen=True, eq=False)
class Contract:
    """What is known of a rule.

    rule        the real rule function
    statement   (result, *arguments), or of two calls (result_a, arguments_a, result_b, arguments_b)
    proved_by   the name of the theorem that establishes it
    relational  whether it speaks of two calls: it is then known of each pair of calls on a path
    """

    name: str
    rule: Callable[..., Any]
    statement: Callable[..., None]
    proved_by: str
    relational: bool


class Call(NamedTuple):
    """One call of a contracted rule on a path. The key says when two calls have the same arguments."""

    rule: Callable[..., Any]
    result: int
    arguments: Any
    shape: object
    leaves: list[Any]


CONTRACTS: dict[str, Contract] = {}

_answers: list[tuple[Callable[[bool], None], Callable[[bool], None]]] = []


def contract(
    *, for_: Callable[..., Any], proved_by: str, relational: bool = False
) -> Callable[[Callable[..., None]], Contract]:
    """Make the decorated statement a contract of a rule. See `Contract` for the fields."""

    def register(statement: Callable[..., None]) -> Contract:
        made = Contract(statement.__name__, for_, statement, proved_by, relational)
        if made.name in CONTRACTS and CONTRACTS[made.name].statement.__module__ != statement.__module__:
            raise TheoremError(f"two contracts are called {made.name}")
        CONTRACTS[made.name] = made
        return made

    return register


def require(condition: bool) -> None:
    """A precondition of a contract: the caller proves it. Requires come before ensures."""
    _meaning()[0](condition)


def ensure(condition: bool) -> None:
    """A postcondition of a contract: the caller may use it."""
    _meaning()[1](condition)


def establish(of: Contract, *arguments: Any, running: Callable[..., Any] | None = None) -> None:
    """Prove a contract of the real rule: assume what it requires, run the rule, prove what it ensures.

    arguments  those of the rule; of a relational contract, two tuples of arguments, of which nothing may
               have been assumed that is not true of every pair of calls: put an order into the `ensure`
    running    how the rule is run, where a call of it cannot be walked: a loop by its invariant (loops.py)
    """
    run = current_run()
    calls = [tuple(arguments_of_one) for arguments_of_one in arguments] if of.relational else [arguments]
    if of.relational and len(calls) != 2:
        raise TheoremError(f"{of.name} speaks of two calls: establish it with two tuples of arguments")
    in_place = _rule_in_place(of)
    rule = running or in_place
    required = Premise(Reason("contract", of.name), f"what {of.name} requires")
    with _stating(lambda condition: run.premise(condition, required), lambda _: None):
        _state(of, [(0, arguments_of(of.rule, call)) for call in calls])
    results = [(plain(rule(*call)), arguments_of(of.rule, call)) for call in calls]
    if running is not None and in_place not in run.notes.get("cut at its loop", []):
        raise TheoremError(f"{of.name} is established by running something other than {of.rule.__name__}")
    sentence = f"{of.name} holds of {of.rule.__name__}"
    with _stating(lambda _: None, lambda condition: run.claim(condition, sentence)):
        _state(of, results)
    run.established(of.name)


def _rule_in_place(of: Contract) -> Callable[..., Any]:
    """The rule as its module has it now: a mutant, where one is being tried.

    Errors: TheoremError if the contract itself stands there, and would be proved by itself.
    """
    module = sys.modules.get(of.rule.__module__)
    rule: Callable[..., Any] = getattr(module, of.rule.__name__, of.rule)
    if of in vars(rule).get("stands_in", ()):
        raise TheoremError(f"{of.name} is established where it stands in for its own rule")
    return rule


def stand_ins(contracts: Iterable[Contract]) -> list[tuple[Callable[..., Any], Callable[..., Any]]]:
    """Pairs (rule, what answers in its place), for `patching.replaced`."""
    by_rule: dict[Callable[..., Any], list[Contract]] = {}
    for each in contracts:
        by_rule.setdefault(each.rule, []).append(each)
    return [(rule, _stand_in(rule, known)) for rule, known in by_rule.items()]


def _stand_in(rule: Callable[..., Any], known: list[Contract]) -> Callable[..., Any]:
    def answer(*positional: Any, **named: Any) -> Any:
        run = current_run()
        arguments = arguments_of(rule, [plain(value) for value in positional], named)
        shape, leaves = anatomy(arguments)
        if run.has_unknowns:
            key = (id(rule), key_of(arguments))
            result, is_new = run.unknown(key, rule.__name__, leaves)
        else:
            # a witness: the rule itself has to keep its contract
            result, is_new = plain(rule(*positional, **named)), True
        call = Call(rule, result, arguments, shape, leaves)
        earlier: list[Call] = run.notes.setdefault("calls", [])
        if is_new:
            _use(run, rule, known, call, [past for past in earlier if past.rule is rule])
            earlier.append(call)
        return MachineInt(result, ctype) if (ctype := machine_type(rule)) else result

    vars(answer)["stands_in"] = tuple(known)
    return answer


def _use(run: Run, rule: Callable[..., Any], known: list[Contract], call: Call, earlier: list[Call]) -> None:
    for each in known:
        precondition = f"{rule.__name__} is called as {each.name} requires"
        with _stating(
            lambda condition, sentence=precondition: run.claim(condition, sentence),  # type: ignore[misc]
            lambda condition, label=each.name: run.fact(condition, label),  # type: ignore[misc]
        ):
            if not each.relational:
                _state(each, [(call.result, call.arguments)])
            for past in earlier if each.relational else ():
                _state(each, [(past.result, past.arguments), (call.result, call.arguments)])
                _state(each, [(call.result, call.arguments), (past.result, past.arguments)])
    for past in earlier:
        if past.shape == call.shape:  # a rule is a function: equal arguments, equal results
            same = all_of(*(a == b for a, b in zip(past.leaves, call.leaves, strict=True)))
            run.fact(implies(same, past.result == call.result), f"{rule.__name__} is a function")


def _state(of: Contract, calls: list[tuple[Any, Any]]) -> None:
    if of.relational:
        (result_a, arguments_a), (result_b, arguments_b) = calls
        of.statement(result_a, arguments_a, result_b, arguments_b)
    else:
        of.statement(calls[0][0], *calls[0][1])


@contextmanager
def _stating(on_require: Callable[[bool], None], on_ensure: Callable[[bool], None]) -> Iterator[None]:
    _answers.append((on_require, on_ensure))
    try:
        yield
    finally:
        _answers.pop()


def _meaning() -> tuple[Callable[[bool], None], Callable[[bool], None]]:
    if not _answers:
        raise TheoremError("require and ensure belong into a contract")
    return _answers[-1]


def arguments_of(rule: Callable[..., Any], positional: Any, named: Mapping[str, Any] | None = None) -> Any:
    """The arguments of a call as a named tuple in the rule's order, defaults filled in."""
    bound = inspect.signature(rule).bind(*positional, **(named or {}))
    bound.apply_defaults()
    kind = NamedTuple("Arguments", [(name, Any) for name in bound.arguments])  # type: ignore[misc]
    return kind(*bound.arguments.values())


# The order of proof


def check_dependencies(
    theorems: Mapping[str, Theorem], leans_on: Mapping[str, Iterable[str]] | None = None
) -> None:
    """No theorem leans on itself, through contracts or through `assume(..., theorem=...)`.

    leans_on  for each theorem's name, the theorems named as reasons in its premises
    Errors: TheoremError naming a contract whose theorem is not registered, or listing a cycle.
    """
    graph: dict[str, list[str]] = {}
    for name, theorem in theorems.items():
        for each in theorem.contracts:
            if each.proved_by not in theorems:
                raise TheoremError(f"{name} uses {each.name}, but there is no theorem {each.proved_by}")
        named = [other for given in (leans_on or {}).get(name, ()) for other in _called(given, theorems)]
        graph[name] = [each.proved_by for each in theorem.contracts] + named
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise TheoremError("a circle of proofs: " + " -> ".join([*trail[trail.index(name) :], name]))
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def _called(given: str, theorems: Mapping[str, Theorem]) -> list[str]:
    """The theorems that a reason names: one by its full name, or all of an identifier."""
    return [given] if given in theorems else [name for name, t in theorems.items() if t.identifier == given]
