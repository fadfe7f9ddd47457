"""Drift: whether prose, code, proofs and examples still speak of the same law.

Each check answers with sentences that name what has drifted; all of them empty means nothing has. The
picture that they look at is gathered once, so that a test can alter one thing in it.
"""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

import refmodel
from marginspec.chapters import RULE_NAME, Chapter, RuleText, Table, read_chapters, rule_texts
from marginspec.examples import differences, refusals_shown
from marginspec.paths import ROOT, SCHEMAS, SPEC
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


# ------------------------------------------------------------------------------------- rules and code


def rules_and_code(seen: Picture) -> list[str]:
    """Every rule of the prose has a function, every function of the rulebook a rule, in its chapter."""
    found = []
    texts = seen.texts
    for identifier, text in texts.items():
        if identifier not in seen.functions:
            found.append(f"{text.path.name} {identifier} {text.noun}: no function implements it")
    for identifier, function in seen.functions.items():
        where = f"{function.__module__}.{function.__name__}"
        if identifier not in texts:
            found.append(f"{where} implements {identifier}, and no chapter has that rule")
            continue
        module = sys.modules[function.__module__]
        chapter = re.search(r"\(chapter ([0-9]+)[),]", module.__doc__ or "")
        number = int(texts[identifier].path.name[:2])
        if chapter is None or int(chapter[1]) != number:
            said = f"chapter {chapter[1]}" if chapter else "no chapter"
            found.append(f"{where} belongs to {said}, and {identifier} stands in chapter {number}")
    return found


def refusals(seen: Picture) -> list[str]:
    """The prose lists the refusals of the law, and every refusal has an example."""
    found = []
    texts = seen.texts
    made = list(refusals_made(seen.sources))
    reasons = {refused.reason for refused in made}
    shown = set().union(*(refusals_shown(table) for table in tables(seen)), set())
    for identifier, text in texts.items():
        for reason in text.links.refusals:
            if reason not in reasons:
                found.append(f"{text.path.name} {identifier}: no rule refuses with `{reason}`")
    for refused in made:
        where = f"{refused.function}: {refused.rule} `{refused.reason}`"
        if refused.rule not in texts:
            found.append(f"{where}: no chapter has that rule")
        elif refused.reason not in texts[refused.rule].links.refusals:
            found.append(f"{where}: the refusals of {refused.rule} in the prose do not list it")
        elif (refused.rule, refused.reason) not in shown:
            found.append(f"{where}: no worked table shows it")
    return found


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


# ------------------------------------------------------------------------------------- theorems


def theorems(seen: Picture) -> list[str]:
    """Theorems are about rules that exist, and the prose lists exactly the theorems of each rule."""
    found = []
    about = {name: theorem.rules for name, theorem in seen.theorems.items()}
    found += [f"theorem {name} is about no rule" for name, rules in about.items() if not rules]
    about |= {name: refutation.rules for name, refutation in seen.refutations.items()}
    for name, rules in about.items():
        for identifier in rules:
            if identifier not in seen.functions:
                found.append(f"theorem {name} is about {identifier}, which is no rule")
    for identifier, text in seen.texts.items():
        listed = ", ".join(text.links.theorems)
        known = ", ".join(identifiers_of(theorems_of(seen, identifier)))
        where = f"{text.path.name} {identifier}"
        if known and known != listed:
            said = listed or "none"
            found.append(f"{where}: its theorems are {known}, in the prose {said} (run marginspec.status)")
        elif not known and listed:
            found.append(f"{where}: the prose says {listed}, and no theorem is about it")
        elif not known and not text.links.no_theorem:
            found.append(f"{where}: no theorem, and no reason why none")
    return found


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


def reasons(seen: Picture) -> list[str]:
    """Every reason for which a theorem assumes something names a rule or a theorem that exists."""
    found = []
    for name, named in seen.reasons.items():
        for reason in sorted(named, key=lambda reason: (reason.kind, reason.identifier)):
            if reason.kind == "theorem":
                exists = reason.identifier in seen.theorems
            else:
                exists = reason.identifier in seen.functions
                exists = exists and (reason.kind == "policy") == reason.identifier.startswith("POL-")
            if not exists:
                sentence = f"assumes something because of {reason.kind} {reason.identifier}"
                found.append(f"theorem {name} {sentence}, which does not exist")
    for name, contract in seen.contracts.items():
        if contract.proved_by not in seen.theorems:
            found.append(f"contract {name} is proved by {contract.proved_by}, which is no theorem")
    for name in seen.theorems:
        if name in _rests_on(seen, name):
            found.append(f"theorem {name} rests on itself")
    return found


def premises_of(seen: Picture, name: str) -> set[str]:
    """What a theorem rests on: what its premises name, and the theorems that prove its contracts."""
    named = {reason.identifier for reason in seen.reasons[name]}
    return named | {contract.proved_by for contract in seen.theorems[name].contracts}


def _rests_on(seen: Picture, name: str) -> set[str]:
    """The theorems that a theorem rests on, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for premise in premises_of(seen, waiting.pop()):
            if premise in seen.theorems and premise not in found:
                found.add(premise)
                waiting.append(premise)
    return found


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


# ------------------------------------------------------------------------------------- links and examples


def links(seen: Picture) -> list[str]:
    """What a links line, a comment or a text points at exists."""
    found = []
    for identifier, text in seen.texts.items():
        where = f"{text.path.name} {identifier}"
        found += [
            f"{where}: depends on {name}, which is no rule"
            for name in text.links.depends
            if name not in seen.functions
        ]
        found += [
            f"{where}: the policy file has no key `{key}`"
            for key in text.links.policy
            if not any(known == key or known.endswith("." + key) for known in seen.keys)
        ]
        if identifier in text.links.depends:
            found.append(f"{where}: depends on itself")
    titles = {chapter.number: chapter.title for chapter in seen.chapters}
    for chapter in seen.chapters:
        before = re.search(r"Read before:(.*?)(?:\n\n|\Z)", chapter.story, re.DOTALL)
        if before is None:
            found.append(f"{chapter.path.name} does not say what to `Read before:`")
            continue
        for number, title in re.findall(r"([0-9]+) ([A-Z][a-z ]*[a-z])", " ".join(before[1].split())):
            if titles.get(int(number)) != re.sub(r" (to|and)\Z", "", title):
                found.append(f"{chapter.path.name}: chapter {number} is not called {title}")
    named = {prefix_of(identifier) for identifier in seen.functions}
    documents = [(chapter.path.name, chapter.path.read_text(encoding="utf-8")) for chapter in seen.chapters]
    for name, document in (*documents, *seen.sources.items()):
        for rule in sorted(set(RULE_NAME.findall(document))):
            if prefix_of(rule) in named and rule not in seen.functions:
                found.append(f"{name} names {rule}, which is no rule")
        for path in sorted(set(re.findall(r"\bspec/[\w./-]*\w", document))):
            if not list(ROOT.glob(path + "*")):
                found.append(f"{name} names {path}, which does not exist")
    return found


def words(seen: Picture) -> list[str]:
    """Every abbreviation in the prose is in the glossary, as an entry or among its names."""
    glossary = (SPEC / "glossary.md").read_text(encoding="utf-8")
    entries = set(re.findall(r"^\*\*(\w+)", glossary, re.MULTILINE))
    listed = glossary.partition("**Names.**")[2].partition("\n\n")[0]
    known = entries | set(re.findall(r"\w+", listed)) | {prefix_of(rule) for rule in seen.functions}
    found = []
    for chapter in seen.chapters:
        prose = re.sub(r"`[^`]*`|^    .*$", "", chapter.path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for word in sorted(set(re.findall(r"(?<![+\w])[A-Z]{2,}[A-Z0-9]*\b", prose)) - known):
            found.append(f"{chapter.path.name} writes {word}, which the glossary does not have")
    return found


def prefix_of(identifier: str) -> str:
    """The letters of an identifier."""
    return identifier.partition("-")[0]


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


def tables(seen: Picture) -> Iterator[Table]:
    """Every worked table."""
    for text in seen.texts.values():
        yield from text.tables


def examples(seen: Picture) -> list[str]:
    """Every worked table says what the law says."""
    return [difference for table in tables(seen) for difference in differences(table)]


# ------------------------------------------------------------------------------------- numbers


FOREIGN = ("float", "complex", "Decimal", "Fraction")
INEXACT = ("math", "cmath", "decimal", "fractions", "numbers", "random", "statistics", "time", "datetime")
DIVISIONS = {ast.FloorDiv: "//", ast.Mod: "%", ast.RShift: ">>"}
DIVIDES = "numbers.py"


def numbers(seen: Picture) -> list[str]:
    """The law divides in numbers.py only, knows no number that is not whole, and imports nothing else."""
    found = []
    for name, source in seen.sources.items():
        for node in ast.walk(ast.parse(source)):
            fault = _fault_of(node, name == DIVIDES)
            if fault:
                found.append(f"refmodel/{name}:{getattr(node, 'lineno', 1)}: {fault}")
    return found


def _fault_of(node: ast.AST, may_divide: bool) -> str:
    """What is wrong with one piece of source, or ""."""
    if isinstance(node, ast.BinOp | ast.AugAssign):
        if isinstance(node.op, ast.Div):
            return "divides with `/`, which is not exact (NUM-1, NUM-3)"
        if isinstance(node.op, ast.Pow) and not isinstance(node, ast.AugAssign):
            exponent = node.right
            if not (isinstance(exponent, ast.Constant) and isinstance(exponent.value, int)):
                return "raises to a power that may be negative (NUM-2)"
        symbol = DIVISIONS.get(type(node.op))
        if symbol and not may_divide:
            return f"divides with `{symbol}` and names no direction (NUM-1, NUM-3)"
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        return f"{node.value} is not a whole number (NUM-2)"
    if isinstance(node, ast.Name) and node.id in FOREIGN:
        return f"`{node.id}` is not a whole number (NUM-2)"
    if isinstance(node, ast.Name) and node.id in ("divmod", "round", "pow"):
        return f"`{node.id}` rounds without a direction (NUM-1, NUM-3)"
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom):
        modules = [node.module or ""]
    for module in modules:
        root = module.partition(".")[0]
        if root in INEXACT:
            return f"imports {module} (NUM-2)"
        if root != "refmodel" and root not in sys.stdlib_module_names:
            return f"imports {module}; the law stands on the standard library alone"
    return ""


# ------------------------------------------------------------------------------------- all of it

CHECKS: Mapping[str, Callable[[Picture], list[str]]] = {
    "rules and code": rules_and_code,
    "refusals": refusals,
    "theorems": theorems,
    "reasons": reasons,
    "links": links,
    "words": words,
    "examples": examples,
    "numbers": numbers,
}


def findings(seen: Picture) -> list[str]:
    """Everything that has drifted, in words."""
    return [finding for check in CHECKS.values() for finding in check(seen)]
