"""The registry: how a theorem is written, and the list of all that are.

A theorem is a function of arbitrary whole numbers. It assumes its premises, calls the real rule once, and
makes its claims. Registering it takes its claim in words, the rules it is about, a witness that its
premises can be satisfied, and a mutant of the rule that it must refute.
"""

import ast
import importlib
import inspect
import linecache
import pkgutil
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from proofs.runs import Premise, Reason, TheoremError, current_run

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Replace:
    """A mutant: one piece of a function's source, replaced.

    function  name of the rule function, or `module.name` where two functions share a name
    name      what is wrong with the mutant, in a word or two
    """

    function: str
    old: str
    new: str
    name: str


@dataclass(frozen=True, eq=False)
class Theorem:
    """A registered theorem.

    name              unique, the identifier and a word: "B2-bracket-monotone"
    witnesses         values of the symbols under which all premises hold and a claim is reached
    structural_bound  the shape it is limited to ("2 accounts"), or None if there is none
    contracts         rule contracts that answer in place of the rules (contracts.py)
    effort            multiplies the solver's budgets
    kernels           whether it runs the uncompiled kernels on machine integers (machine.py)
    """

    name: str
    function: Callable[..., Any]
    rules: tuple[str, ...]
    claim: str
    witnesses: tuple[Mapping[str, Any], ...]
    mutants: tuple[Replace, ...]
    structural_bound: str | None
    contracts: tuple[Any, ...]
    stage: str
    effort: float
    kernels: bool

    @property
    def identifier(self) -> str:
        """The line of theorems.md it belongs to, such as "B2"."""
        return self.name.split("-")[0] if re.match(r"[A-Z]\d", self.name) else self.name

    @property
    def letter(self) -> str:
        return self.name[0]

    @property
    def module(self) -> str:
        return self.function.__module__

    @property
    def parameters(self) -> tuple[str, ...]:
        """Its symbols: the function's parameters without a default."""
        return symbols_of(self.function)


@dataclass(frozen=True, eq=False)
class Refutation:
    """A claim that was believed and is false: its function breaks a claim at the counterexample."""

    name: str
    function: Callable[..., Any]
    rules: tuple[str, ...]
    claim: str
    counterexample: Mapping[str, Any]

    @property
    def letter(self) -> str:
        return self.name[0]


def symbols_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a theorem function's parameters without a default: they are its symbols."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(each.name for each in parameters if each.default is inspect.Parameter.empty)


THEOREMS: dict[str, Theorem] = {}
REFUTATIONS: dict[str, Refutation] = {}


def theorem(
    name: str,
    *,
    rules: tuple[str, ...],
    claim: str,
    witness: Mapping[str, Any] | tuple[Mapping[str, Any], ...],
    mutant: Replace | tuple[Replace, ...],
    structural_bound: str | None = None,
    contracts: tuple[Any, ...] = (),
    stage: str = "spine",
    effort: float = 1.0,
    kernels: bool = False,
) -> Callable[[Function], Function]:
    """Register the decorated function as a theorem. See `Theorem` for the fields."""

    def register(function: Function) -> Function:
        if name in THEOREMS:
            raise TheoremError(f"two theorems are called {name}")
        THEOREMS[name] = Theorem(
            name=name,
            function=function,
            rules=rules,
            claim=claim,
            witnesses=witness if isinstance(witness, tuple) else (witness,),
            mutants=mutant if isinstance(mutant, tuple) else (mutant,),
            structural_bound=structural_bound,
            contracts=contracts,
            stage=stage,
            effort=effort,
            kernels=kernels,
        )
        return function

    return register


def unregistered(function: Callable[..., Any], **fields: Any) -> Theorem:
    """A theorem outside the registry: a canary, or a test of the prover."""
    defaults: dict[str, Any] = {
        "name": function.__name__,
        "rules": (),
        "claim": function.__doc__ or "",
        "witnesses": (),
        "mutants": (),
        "structural_bound": None,
        "contracts": (),
        "stage": "",
        "effort": 1.0,
        "kernels": False,
    }
    return Theorem(function=function, **{**defaults, **fields})


def refutation(
    name: str, *, claim: str, counterexample: Mapping[str, Any], rules: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    """Register a claim that was believed and is false, with the values at which it fails."""

    def register(function: Function) -> Function:
        if name in REFUTATIONS or name in THEOREMS:
            raise TheoremError(f"two claims are called {name}")
        REFUTATIONS[name] = Refutation(name, function, rules, claim, counterexample)
        return function

    return register


def load_all() -> None:
    """Import every module of theorems, lemmas and refutations, so that the registry is full."""
    for package_name in ("proofs.lemmas", "proofs.theorems", "proofs.refutations"):
        package = importlib.import_module(package_name)
        for module in pkgutil.iter_modules(package.__path__, package_name + "."):
            importlib.import_module(module.name)


# What a theorem's body says


def assume(
    condition: bool, *, policy: str | None = None, guard: str | None = None, theorem: str | None = None
) -> None:
    """A premise, and the one reason it may be assumed.

    policy   a rule of the policy checker refuses everything else
    guard    a rule of the law has checked it before the code is reached
    theorem  another theorem proves it
    """
    current_run().premise(condition, Premise(one_reason(policy, guard, theorem), first_argument_as_written()))


def prove(condition: bool, sentence: str) -> None:
    """A claim: what an auditor reads, and what is printed when it fails."""
    current_run().claim(condition, sentence)


def lemma(condition: bool, sentence: str) -> None:
    """A hint to the solver: proved here like a claim, then known for the rest of the path."""
    run = current_run()
    run.claim(condition, sentence)
    run.fact(condition, sentence)


def fresh(name: str) -> int:
    """One more arbitrary whole number, inside a theorem."""
    return current_run().symbol(name)


def opaque(name: str) -> Any:
    """An arbitrary object that only contracts receive, such as a schedule nobody looks into.

    A witness gives a real object under the same name, on which the real rules run.
    """
    return current_run().opaque(name)


def choice(name: str, *options: Any) -> Any:
    """One of a few options, each of them explored. A witness gives its position, from 0."""
    position = fresh(name)
    run = current_run()
    run.fact(position >= 0, f"{name} is one of {len(options)}")
    run.fact(position < len(options), f"{name} is one of {len(options)}")
    for index, option in enumerate(options[:-1]):
        if position == index:
            return option
    return options[-1]


def one_reason(policy: str | None, guard: str | None, theorem: str | None) -> Reason:
    """The reason given. Errors: TheoremError unless there is exactly one."""
    reasons = {"policy": policy, "guard": guard, "theorem": theorem}
    given = [Reason(kind, identifier) for kind, identifier in reasons.items() if identifier]
    if len(given) != 1:
        raise TheoremError("a premise has exactly one reason: policy=, guard= or theorem=")
    return given[0]


def first_argument_as_written() -> str:
    """The first argument of the call two frames up, as its source reads."""
    frame = sys._getframe(2)
    first, last = frame.f_lineno, frame.f_lineno
    positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    if positions[0] is not None and positions[1] is not None:
        first, last = positions[0], positions[1]
    lines = [linecache.getline(frame.f_code.co_filename, line) for line in range(first, last + 1)]
    try:
        call = ast.parse(textwrap.dedent("".join(lines)).strip()).body[0]
    except (SyntaxError, IndexError):
        return "".join(lines).strip()
    if isinstance(call, ast.Expr) and isinstance(call.value, ast.Call) and call.value.args:
        return ast.unparse(call.value.args[0])
    return "".join(lines).strip()
