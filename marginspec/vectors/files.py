"""Vector files: one JSON file for each rule, read with care, written in one layout (spec/vectors/README.md).

The `given` of the cases is the corpus: a case that is there stays as it is, and searches only add to it.
What the law answers is worked out anew by `recomputed`; nobody edits a file by hand.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from marginspec.documents import read_json, write_text
from marginspec.errors import Flaw, InputError
from marginspec.paths import SPEC
from marginspec.prose.chapters import read_chapters
from marginspec.validation import flaws_of
from marginspec.vectors.arguments import plain, texts, units_of
from marginspec.vectors.expectations import EVENT, FUNCTION, QUERY, Document, answer, kind_of

FORMAT = "marginspec-vectors/1"
VECTORS = SPEC / "vectors"
TRACES = "traces"
"""The folder of traces within that of vectors."""
PUBLISHED = "published"
"""The flag of a case that a venue has published."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
ID = re.compile(rf"[A-Z]{{3}}-[0-9]+/{NAME.pattern}")


@dataclass(frozen=True, slots=True)
class Case:
    """One input, and what the law answers to it.

    id         the rule and words, such as "LIQ-3/rounds-up"; unique, and never changed
    flags      why a failure matters; each is explained in the file
    comment    a sentence for people, or empty
    given      the input; its keys tell the kind of the case (`kind_of`)
    expected   the answer, or None where there is a refusal
    refusal    `rule` and `reason`, or None where there is an answer
    published  what venues have published about this input: `case`, `venue`, `source`, `says`, `states`, and
               where venue and law are not equal `law` and `why`
    A new case may have neither: then `add_cases` asks the law.
    """

    id: str
    rule: str
    flags: tuple[str, ...]
    comment: str
    given: Document
    expected: Document | None = None
    refusal: Document | None = None
    published: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class VectorFile:
    """The cases of one rule.

    about     the rule in a sentence, from its chapter
    units     of each argument and result of the rule's function; empty if no case asks the function
    flags     by name: why a case has it, and which effect an engine that fails it has
    policies  by the name that cases use: whole policies (EVT-4)
    """

    rule: str
    about: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    policies: Mapping[str, Document] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()


# Where files are


@cache
def chapter_names() -> Mapping[str, str]:
    """The folder of each rule: its chapter's file name without the number."""
    return {text.identifier: chapter.path.stem[3:] for chapter in read_chapters() for text in chapter.rules}


def path_of(rule: str, folder: Path = VECTORS) -> Path:
    """Where the cases of a rule stand, whether or not there is such a file.

    Errors: InputError if no chapter has the rule.
    """
    if rule not in chapter_names():
        raise InputError(
            str(folder), Flaw(rule, "is no rule of the law.", "See spec/README.md for all of them.")
        )
    return folder / chapter_names()[rule] / f"{rule}.json"


def vector_paths(folder: Path = VECTORS) -> list[Path]:
    """The files of cases in a folder, in the order of the rulebook's chapters, then of the alphabet."""
    order = list(dict.fromkeys(chapter_names().values()))
    found = [path for path in folder.glob("*/*.json") if path.parent.name != TRACES]
    last = len(order)

    def place(path: Path) -> tuple[int, str, int, str]:
        chapter = path.parent.name
        letters, _, number = path.stem.partition("-")
        return (
            order.index(chapter) if chapter in order else last,
            letters,
            int(number) if number.isdigit() else 0,
            path.stem,
        )

    return sorted(found, key=place)


# Reading


def read_vectors(folder: Path = VECTORS) -> list[VectorFile]:
    """Every file of cases in a folder, in the order of the chapters.

    Errors: InputError for the first file that cannot be read, or an id that stands in two places.
    """
    return [read_file(path) for path in vector_paths(folder)]


def read_file(path: Path) -> VectorFile:
    """The cases in a file.

    Errors: InputError, with everything that keeps it from being read.
    """
    source = str(path)
    document = read_json(path)
    flaws = flaws_of(document, "vectors") or tuple(_flaws_of_names(document, path))
    if flaws:
        raise InputError(source, *flaws)
    return file_from(document)


def file_from(document: Document) -> VectorFile:
    """The cases in a document that satisfies spec/schema/vectors.schema.json."""
    rule = document["rule"]
    cases = tuple(case_from(rule, case) for case in document["cases"])
    return VectorFile(
        rule, document["about"], document["units"], document["flags"], document["policies"], cases
    )


def case_from(rule: str, document: Document) -> Case:
    """The case in a part of a document that satisfies the schema; it may have no answer yet."""
    return Case(
        id=document["id"],
        rule=rule,
        flags=tuple(document["flags"]),
        comment=document["comment"],
        given=document["given"],
        expected=document.get("expected"),
        refusal=document.get("refusal"),
        published=tuple(document.get("published", ())),
    )


def _flaws_of_names(document: Document, path: Path) -> Iterable[Flaw]:
    """What the schema cannot say: names that stand for something are explained, and none stands twice."""
    rule = document["rule"]
    if path.stem != rule:
        yield Flaw("rule", f"is {rule}, and the file is called {path.name}.", f"Call it {rule}.json.")
    seen: set[str] = set()
    for index, case in enumerate(document["cases"]):
        here = f"cases[{index}]"
        if not case["id"].startswith(f"{rule}/"):
            yield Flaw(f"{here}.id", f"is {case['id']}, in the file of {rule}.", f"Begin it with {rule}/.")
        if case["id"] in seen:
            yield Flaw(f"{here}.id", f"is {case['id']} once more.", "Ids are unique.")
        seen.add(case["id"])
        for flag in case["flags"]:
            if flag not in document["flags"]:
                repair = "Say there why a failure matters, and which effect it has."
                yield Flaw(f"{here}.flags", f"has {flag}, which `flags` does not explain.", repair)
        if ("published" in case) != (PUBLISHED in case["flags"]):
            repair = "A case has the flag published if venues have published it, and then says who did."
            yield Flaw(f"{here}.published", "does not agree with the flags.", repair)
        policy = case["given"].get("policy")
        asks = kind_of(case["given"]) in (EVENT, QUERY)
        if asks and policy not in document["policies"]:
            problem = f"is {policy}, which `policies` does not have."
            yield Flaw(f"{here}.given.policy", problem, "Put the whole policy there, under this name.")


# Writing


def file_text(file: VectorFile) -> str:
    """A file as text: a line for each flag and policy, three or four for each case, in the order of ids."""
    head = {"format": FORMAT, "rule": file.rule}
    cases = sorted(file.cases, key=lambda case: case.id)
    parts = [
        f"  {line_of(head)[1:-1]}",
        f'  "about": {line_of(file.about)}',
        f'  "units": {line_of(file.units)}',
        f'  "flags": {_table(file.flags)}',
        f'  "policies": {_table(file.policies)}',
        '  "cases": [' + ",".join(f"\n{_case_text(case)}" for case in cases) + "]",
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _case_text(case: Case) -> str:
    head = {"id": case.id, "flags": sorted(case.flags), "comment": case.comment}
    name, answer = ("refusal", case.refusal) if case.expected is None else ("expected", case.expected)
    lines = [f"    {{{line_of(head)[1:-1]}", f'     "given": {line_of(case.given)}']
    lines.append(f'     "{name}": {line_of(answer)}')
    if case.published:
        lines.append(f'     "published": {line_of(list(case.published))}')
    return ",\n".join(lines) + "}"


def _table(members: Mapping[str, Any]) -> str:
    lines = [f"\n    {line_of(name)}: {line_of(members[name])}" for name in sorted(members)]
    return "{" + ",".join(lines) + "}"


def line_of(value: Any) -> str:
    """A value as JSON on one line, whole numbers as texts."""
    return json.dumps(plain(value), ensure_ascii=False)


def write_file(path: Path, file: VectorFile) -> None:
    """Write a file, whole or not at all. Every case has its answer."""
    unanswered = [case.id for case in file.cases if case.expected is None and case.refusal is None]
    assert not unanswered, f"without an answer: {', '.join(unanswered)}"
    write_text(path, file_text(file))


# Recomputing and adding


def recomputed(file: VectorFile, source: str = "") -> VectorFile:
    """A file with everything but its inputs worked out anew: answers, units, what it is about.

    Flags and policies that no case names any more are left out.
    source  the file, for messages
    Errors: InputError for a case that the law cannot be asked.
    """
    cases = []
    for index, case in enumerate(file.cases):
        key = f"cases[{index}].given"
        expected, refusal = answer(file.rule, case.given, file.policies, source, key)
        cases.append(replace(case, expected=expected, refusal=refusal))
    flags = {flag for case in cases for flag in case.flags}
    policies = {case.given["policy"] for case in cases if kind_of(case.given) in (EVENT, QUERY)}
    asks_function = any(kind_of(case.given) == FUNCTION for case in cases)
    return VectorFile(
        rule=file.rule,
        about=about(file.rule),
        units=units_of(file.rule) if asks_function else {},
        flags={name: said for name, said in file.flags.items() if name in flags},
        policies={name: policy for name, policy in file.policies.items() if name in policies},
        cases=tuple(sorted(cases, key=lambda case: case.id)),
    )


def about(rule: str) -> str:
    """A rule in words: its noun, and the first sentence of its chapter."""
    text = texts()[rule]
    sentence = re.split(r"(?<=[.?:])\s", text.statement, maxsplit=1)[0]
    return f"{text.noun}. {re.sub(':$', ': see the chapter.', sentence)}"


def add_cases(
    rule: str,
    cases: Iterable[Case],
    flags: Mapping[str, Mapping[str, str]] | None = None,
    policies: Mapping[str, Document] | None = None,
    folder: Path = VECTORS,
) -> int:
    """Put cases into the file of a rule, beside those that are there, with what the law answers.

    flags     explanations of the flags that are new
    policies  those that the cases name and the file does not have yet
    returns   how many ids are new
    A case whose id and `given` are there already gets its flags and comment from here, and what is published
    about it if anything is said here.
    Errors: InputError if an id is there with another `given`, or a policy's name with another policy: neither
    ever changes.
    """
    path = path_of(rule, folder)
    before = read_file(path) if path.exists() else VectorFile(rule)
    known = {case.id: case for case in before.cases}
    added = [replace(case, given=plain(case.given)) for case in cases]
    all_policies = {**before.policies, **plain(policies or {})}
    flaws = [_flaw_of_case(case, rule) for case in added]
    flaws += [_changed(case.id, "given") for case in added if known.get(case.id, case).given != case.given]
    flaws += [
        _changed(f"policies.{name}", "policy")
        for name, policy in before.policies.items()
        if all_policies[name] != policy
    ]
    if any(flaws):
        raise InputError(str(path), *(flaw for flaw in flaws if flaw is not None))
    merged = {**known, **{case.id: _with_published_of(known.get(case.id), case) for case in added}}
    file = replace(
        before,
        flags={**before.flags, **(flags or {})},
        policies=all_policies,
        cases=tuple(merged.values()),
    )
    file = recomputed(file, str(path))
    document = json.loads(file_text(file))
    left = flaws_of(document, "vectors") or tuple(_flaws_of_names(document, path))
    if left:
        raise InputError(str(path), *left)
    write_file(path, file)
    return len(merged) - len(known)


def _with_published_of(before: Case | None, case: Case) -> Case:
    """A case that says nothing of venues keeps what was said of them, and the flag for it."""
    if before is None or case.published or not before.published:
        return case
    flags = tuple(sorted({*case.flags, PUBLISHED}))
    return replace(case, flags=flags, published=before.published)


def _flaw_of_case(case: Case, rule: str) -> Flaw | None:
    if ID.match(case.id) and case.id.startswith(f"{rule}/"):
        return None
    return Flaw(case.id, "is no id of a case.", f"Write words, such as {rule}/rounds-up.")


def _changed(where: str, what: str) -> Flaw:
    return Flaw(
        where,
        f"is there already with another {what}.",
        "Nothing that is published changes: take another name.",
    )
