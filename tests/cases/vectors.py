"""The published cases as vectors: `python -m tests.cases.vectors`.

Every question that a case asks of the law (asking.py) goes into the file of its rule, with what the venue
states beside it; a question that is there already is told who has published it. What is there stays, so that
the same run adds nothing the second time. spec/vectors/published.md says for every case that was collected
where it is, or why it has no vector.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from marginspec.documents import write_text
from marginspec.screen import say
from marginspec.vectors.arguments import plain, texts
from marginspec.vectors.expectations import FUNCTION, Document, kind_of
from marginspec.vectors.files import (
    PUBLISHED,
    VECTORS,
    VectorFile,
    add_cases,
    path_of,
    read_file,
    read_vectors,
)
from marginspec.vectors.files import Case as Vector
from marginspec.vectors.flags import FLAGS, flags_of
from marginspec.vectors.wording import slug
from refmodel.canonical import canonical_text, policy_digest, policy_document
from tests.cases.asking import Question, questions_of
from tests.cases.law import Case
from tests.cases.verdicts import (
    CASES,
    DIFFERS,
    EXACT,
    INDEX,
    ROUNDING,
    STATES,
    WAITS,
    Verdict,
    adapter_of,
    judge,
    leaves,
    reached,
    read_json,
    text_of,
)

PAGE_NAME = "published.md"
DIGITS = 12
"""Of the digest of a policy, in its name."""


@dataclass(frozen=True, slots=True)
class Published:
    """A case of a venue, as vectors.

    statement  what stands in each of them: the case, its source, the venue's numbers, and the law's where
               they are others
    reasons    why something of it could not be asked
    """

    name: str
    statement: Document
    questions: tuple[Question, ...]
    reasons: tuple[str, ...]


def published_cases() -> Iterator[Published]:
    """Every case that the law reaches, in the order of the index."""
    index = read_json(INDEX)
    about = {topic["file"]: read_json(CASES / topic["file"]) for topic in index["topics"] if "file" in topic}
    files = {topic["topic"]: topic["file"] for topic in index["topics"] if "file" in topic}
    for topic, line, case in reached():
        adapter = adapter_of(topic, case)
        questions, reasons = questions_of(adapter, case)
        document = about[files[topic]]
        statement = {
            "case": case["id"],
            "venue": document["venue"],
            "source": source_of(document, case),
            **judged(index, line, case, judge(case, adapter)),
        }
        yield Published(case["id"], statement, tuple(questions), tuple(reasons))


def source_of(document: Case, case: Case) -> str:
    """Where a case stands: a document, or a test at a revision of its repository."""
    if "revision" not in document:
        return str(case["source"])
    return f"dydxprotocol/v4-chain at {document['revision']}, {case['source']}"


def judged(index: Case, line: Case, case: Case, verdict: Verdict) -> dict[str, Any]:
    """What the venue states, and the law's numbers and the reason where they are others."""
    states = {key: text_of(value) for key, value in leaves(case["expect"]) if key not in verdict.not_asked}
    said: dict[str, Any] = {"says": line["state"], "states": states}
    if line["state"] == EXACT:
        return said
    said["law"] = {found.key: found.law for found in verdict.findings}
    if line["state"] == ROUNDING:
        bounds = [f"{found.key} by {found.bound} at the most ({found.rule})" for found in verdict.findings]
        said["why"] = f"rounding alone: {', '.join(bounds)}"
    else:
        said["why"] = index["differences"][line["reason"]]
    return said


# ------------------------------------------------------------------------------------------------- into files


def vectors_of(case: Published) -> Iterator[tuple[Vector, Mapping[str, Document]]]:
    """The vectors of a case, each with the policies that it names; several of one rule are numbered."""
    prefix = "dydx-v4-" if case.statement["venue"] == "dydx_v4" else ""
    count: dict[str, int] = {}
    for question in case.questions:
        rule = question.rule
        count[rule] = count.get(rule, 0) + 1
        number = f"-{count[rule]}" if count[rule] > 1 else ""
        given, policies = dict(question.given), {}
        if question.policy is not None:
            digest = policy_digest(question.policy).partition(":")[2]
            given = {"policy": f"published-{digest[:DIGITS]}", **given}
            policies = {given["policy"]: json.loads(canonical_text(policy_document(question.policy)))}
        yield (
            Vector(
                id=f"{rule}/published-{prefix}{slug(case.name)}{number}",
                rule=rule,
                flags=flags_of(given, (PUBLISHED,)) if kind_of(given) == FUNCTION else (PUBLISHED,),
                comment=f"What {case.statement['venue']} has published: {case.name}.",
                given=given,
                published=(case.statement,),
            ),
            policies,
        )


def merged(file: VectorFile, vectors: list[Vector]) -> list[Vector]:
    """The vectors of a rule that are new or say something new.

    A question that is there already keeps its id, comment and flags, and gets the statement of the case.
    """
    there = {str(plain(each.given)): each for each in file.cases}
    changed: dict[str, Vector] = {}
    for vector in vectors:
        key = str(plain(vector.given))
        before = there.get(key)
        if before is None:
            there[key] = changed[vector.id] = vector
            continue
        names = {said["case"] for said in vector.published}
        others = tuple(said for said in before.published if said["case"] not in names)
        published = tuple(sorted((*others, *vector.published), key=lambda said: str(said["case"])))
        if published != before.published:
            flags = tuple(sorted({*before.flags, PUBLISHED}))
            there[key] = changed[before.id] = replace(before, flags=flags, published=published)
    return list(changed.values())


def add_all(cases: list[Published], folder: Path = VECTORS) -> int:
    """Put the cases into the files of their rules; how many vectors were added or told who published them."""
    by_rule: dict[str, list[tuple[Vector, Mapping[str, Document]]]] = {}
    for case in cases:
        for vector, policies in vectors_of(case):
            by_rule.setdefault(vector.rule, []).append((vector, policies))
    total = 0
    for rule in (rule for rule in texts() if rule in by_rule):
        path = path_of(rule, folder)
        file = read_file(path) if path.exists() else VectorFile(rule)
        changed = merged(file, [vector for vector, _ in by_rule[rule]])
        if changed:
            names = {flag for vector in changed for flag in vector.flags} - {*file.flags} | {PUBLISHED}
            flags = {name: {"why": FLAGS[name][0], "effect": FLAGS[name][1]} for name in names}
            used = {name: policy for _, policies in by_rule[rule] for name, policy in policies.items()}
            add_cases(rule, changed, flags, used, folder)
        total += len(changed)
    return total


# ------------------------------------------------------------------------------------------------------- page


def page(cases: list[Published], folder: Path = VECTORS) -> str:
    """spec/vectors/published.md: every case that was collected, its source, and where it is or why not."""
    index = read_json(INDEX)
    by_name = {case.name: case for case in cases}
    ids: dict[str, list[str]] = {}
    kinds: dict[str, int] = {}
    for file in read_vectors(folder):
        for vector in file.cases:
            for said in vector.published:
                ids.setdefault(str(said["case"]), []).append(vector.id)
            if vector.published:
                kinds[kind_of(vector.given)] = kinds.get(kind_of(vector.given), 0) + 1
    every = [line for topic in index["topics"] for line in topic["cases"]]
    counts = {state: sum(line["state"] == state for line in every) for state in STATES}
    without = sum(case.name not in ids for case in cases)
    listed = ", ".join(f"{number} of kind {kind}" for kind, number in sorted(kinds.items()))
    lines = [
        "# The published cases",
        "",
        f"{len(every)} cases that venues, or the tests of their public code, have published, and what became",
        "of each. A vector of one has the flag `published`, the answer of the law like every other, and in",
        "`published` the venue's own numbers. This page is rendered by",
        "`python -m tests.cases.vectors`, which adds vectors and changes none;",
        "[tests/cases](../../tests/cases/README.md) has the numbers of venue and law side by side.",
        "",
        "| | cases | |",
        "|---|---:|---|",
        f"| exact | {counts[EXACT]} | the law gives the venue's number |",
        f"| rounding | {counts[ROUNDING]} | they differ by rounding alone |",
        f"| differs | {counts[DIFFERS]} | the law answers by another rule; `why` says which |",
        f"| waits | {counts[WAITS]} | no question of the law yet; the reason stands in place of vectors |",
        "",
        f"{len(ids)} cases are in {sum(kinds.values())} vectors: {listed}.",
        f"{without} are about a venue that no history of the law leads to; the reason stands in their place.",
        "",
    ]
    for topic in index["topics"]:
        lines += [f"## {topic['topic']}", "", "| case | | source | vectors |", "|---|---|---|---|"]
        for line in topic["cases"]:
            name = line["id"]
            if line["state"] == WAITS:
                source, where = line["source"], f"none: {index['waiting'][line['for']]}"
            else:
                source = by_name[name].statement["source"]
                where = ", ".join(f"`{each}`" for each in ids.get(name, ()))
                where = where or f"none: {by_name[name].reasons[0]}"
            lines.append(f"| `{name}` | {line['state']} | {cell(source)} | {cell(where)} |")
        lines.append("")
    return "\n".join(lines)


def cell(text: str) -> str:
    """A text within a table."""
    return text.replace("|", "\\|")


def main() -> None:
    """Add what is missing, and render the page."""
    cases = list(published_cases())
    total = add_all(cases)
    write_text(VECTORS / PAGE_NAME, page(cases))
    say(f"{total} vectors added or told who has published them")


if __name__ == "__main__":
    sys.exit(main())
