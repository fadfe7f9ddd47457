"""Drift: whether prose, code, proofs and examples still speak of the same law.

Each check answers with sentences that name what has drifted; all of them empty means nothing has. The
picture that they look at is gathered once, so that a test can alter one thing in it.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping

from marginspec.paths import ROOT, SPEC
from marginspec.prose.chapters import RULE_NAME, Table
from marginspec.prose.examples import differences, refusals_shown
from marginspec.prose.picture import Picture, identifiers_of, premises_of, refusals_made, theorems_of
from marginspec.prose.whole_numbers import numbers


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
            said = f"in the prose {listed or 'none'} (run marginspec.prose.status)"
            found.append(f"{where}: its theorems are {known}, {said}")
        elif not known and listed:
            found.append(f"{where}: the prose says {listed}, and no theorem is about it")
        elif not known and not text.links.no_theorem:
            found.append(f"{where}: no theorem, and no reason why none")
    return found


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


def tables(seen: Picture) -> Iterator[Table]:
    """Every worked table."""
    for text in seen.texts.values():
        yield from text.tables


def examples(seen: Picture) -> list[str]:
    """Every worked table says what the law says."""
    return [difference for table in tables(seen) for difference in differences(table)]


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
