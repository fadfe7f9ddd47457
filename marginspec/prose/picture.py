"""The picture of the law: its five forms as they are found, gathered once and read from the repository."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

import refmodel
from marginspec.paths import ROOT, SCHEMAS
from marginspec.prose.chapters import Chapter, RuleText, read_chapters, rule_texts
from proofs import registry
from proofs.contracts import CONTRACTS, Contract
from proofs.registry import Refutation, Theorem
from refmodel.rulebook import RULES


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a theorem may assume something: `policy`, `guard` or `theorem`, and the identifier it names."""

    kind: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Refused:
    """One call of `refuse` in the law: the function it stands in, the rule and the reason it names."""

    function: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The five forms of the law, as they are found.

    functions  the rulebook
    chapters   the prose
    theorems   by name, with the reasons for which each assumes something
    sources    of refmodel, by file name
    keys       paths of the policy file, `*` for the name of a market
    """

    functions: Mapping[str, Callable[..., Any]]
    chapters: tuple[Chapter, ...]
    theorems: Mapping[str, Theorem]
    reasons: Mapping[str, frozenset[Reason]]
    refutations: Mapping[str, Refutation]
    contracts: Mapping[str, Contract]
    sources: Mapping[str, str]
    keys: frozenset[str]

    @property
    def texts(self) -> Mapping[str, RuleText]:
        """The rules of the prose by identifier."""
        return rule_texts(self.chapters)


@cache
def picture() -> Picture:
    """Everything there is, read from the repository."""
    for module in pkgutil.iter_modules(refmodel.__path__, "refmodel."):
        importlib.import_module(module.name)
    registry.load_all()
    return Picture(
        functions=dict(RULES),
        chapters=read_chapters(),
        theorems=dict(registry.THEOREMS),
        reasons={name: reasons_of(theorem.function) for name, theorem in registry.THEOREMS.items()},
        refutations=dict(registry.REFUTATIONS),
        contracts={
            name: contract
            for name, contract in CONTRACTS.items()
            if contract.statement.__module__.startswith("proofs.lemmas.")
        },
        sources={
            path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "refmodel").glob("*.py"))
        },
        keys=frozenset(policy_keys()),
    )


def refusals_made(sources: Mapping[str, str]) -> Iterator[Refused]:
    """Every refusal in the source of the law, in its order."""
    for name, source in sources.items():
        for function in ast.parse(source).body:
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in calls_in(function, "refuse"):
                rule, reason = (text_in(argument) for argument in call.args[1:3])
                yield Refused(f"{name.removesuffix('.py')}.{function.name}", rule, reason)


def calls_in(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """The calls of a function of this name, in the order of the source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def text_in(node: ast.AST) -> str:
    """The text that stands in the source here; of anything else, its source."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.unparse(node)


def theorems_of(seen: Picture, identifier: str) -> list[Theorem]:
    """The theorems about a rule; of a POL rule also those that rest on it, since that is what it is for."""
    return [
        theorem
        for name, theorem in seen.theorems.items()
        if identifier in theorem.rules
        or (identifier.startswith("POL-") and Reason("policy", identifier) in seen.reasons[name])
    ]


def identifiers_of(proved: Iterable[Theorem]) -> list[str]:
    """Their lines in the catalogue, each once, in its order; a helping lemma has none."""
    names = {theorem.identifier for theorem in proved if re.match(r"[A-Z][0-9]+[a-z]?\Z", theorem.identifier)}
    return sorted(names, key=lambda name: (name[0], int(re.sub(r"\D", "", name)), name))


def premises_of(seen: Picture, name: str) -> set[str]:
    """What a theorem rests on: what its premises name, and the theorems that prove its contracts."""
    named = {reason.identifier for reason in seen.reasons[name]}
    return named | {contract.proved_by for contract in seen.theorems[name].contracts}


def reasons_of(function: Callable[..., Any]) -> frozenset[Reason]:
    """The reasons in a theorem's source, and in those of the helpers that it calls."""
    found: set[Reason] = set()
    waiting: list[FunctionType] = [_plain_function(function)]
    visited: set[FunctionType] = set()
    while waiting:
        current = waiting.pop()
        if current in visited:
            continue
        visited.add(current)
        tree = ast.parse(textwrap.dedent(inspect.getsource(current)))
        of_each_item = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_each(node)]
        for call in [*calls_in(tree, "assume"), *of_each_item]:
            for keyword in call.keywords:
                found.add(Reason(keyword.arg or "", text_in(keyword.value)))
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                helper = current.__globals__.get(node.id)
                if isinstance(helper, FunctionType) and helper.__module__ in _places_of_helpers():
                    waiting.append(helper)
    return frozenset(found)


def _is_each(call: ast.Call) -> bool:
    """Whether a call states a premise about every item of an induction's sequence."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "each"


def _plain_function(function: Callable[..., Any]) -> FunctionType:
    plain = inspect.unwrap(function)
    assert isinstance(plain, FunctionType)
    return plain


@cache
def _places_of_helpers() -> frozenset[str]:
    """Modules in which theorems keep helpers: where theorems stand, worlds, and tiers."""
    found = {theorem.module for theorem in registry.THEOREMS.values()}
    return frozenset(found | {"proofs.worlds", "proofs.lemmas.tiers"})


def policy_keys() -> Iterator[str]:
    """The key paths of the policy file by its schema: `*` for any name, list positions left out."""
    schema = json.loads((SCHEMAS / "policy.schema.json").read_text(encoding="utf-8"))

    def walk(node: dict[str, Any], path: str) -> Iterator[str]:
        if "$ref" in node:
            yield from walk(schema["$defs"][node["$ref"].removeprefix("#/$defs/")], path)
            return
        if path:
            yield path
        for name, member in node.get("properties", {}).items():
            yield from walk(member, f"{path}.{name}" if path else name)
        if isinstance(node.get("additionalProperties"), dict):
            yield from walk(node["additionalProperties"], f"{path}.*")
        if isinstance(node.get("items"), dict):
            yield from walk(node["items"], path)

    return walk(schema, "")
