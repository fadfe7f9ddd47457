"""The command `vectors`: what there is, what the law answers today, and cases made by hand."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginspec.documents import read_json, write_text
from marginspec.errors import BROKEN, HELD, InputError
from marginspec.screen import aligned, grouped, say
from marginspec.search.reach.reasons import reasons_of_the_law
from marginspec.validation import flaws_of, shortened
from marginspec.vectors.arguments import texts
from marginspec.vectors.expectations import KINDS, Document, kind_of
from marginspec.vectors.files import (
    FORMAT,
    TRACES,
    VECTORS,
    Case,
    VectorFile,
    add_cases,
    case_from,
    file_text,
    line_of,
    read_file,
    recomputed,
    vector_paths,
)
from marginspec.vectors.traces import VectorTrace, read_trace, recomputed_trace, trace_text

SHOWN = 10
"""Answers that differ are shown up to this many; the others are counted."""


@dataclass(frozen=True, slots=True)
class Change:
    """An answer that is no longer what the file says.

    where    the id of a case, or a trace and the number of its step
    before   in the file
    after    of the law today
    """

    where: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """A file as it would be written: empty `changes` and an equal text, if nothing is to be done."""

    path: Path
    text: str
    is_same: bool
    changes: tuple[Change, ...]


def vectors(
    *, write: bool = False, check: bool = False, add: str | None = None, folder: Path = VECTORS
) -> tuple[int, dict[str, Any]]:
    """What `marginspec vectors` does: count, and renew if it is asked to; nothing is searched.

    write   files are written as they would be
    check   exit code 1 if any would change
    add     a file of cases made by hand, of one rule (spec/schema/vectors-added.schema.json)
    Errors: InputError.
    """
    facts: dict[str, Any] = {"format": FORMAT}
    if add is not None:
        facts["added"] = _add(add, folder)
    if write or check:
        renewed = [*_renewed_files(folder), *_renewed_traces(folder)]
        different = [each for each in renewed if not each.is_same]
        _say_changes(different, write=write)
        if write:
            for each in different:
                write_text(each.path, each.text)
        facts["changed_files"] = [str(each.path.relative_to(folder)) for each in different]
        facts["changed_answers"] = [change.where for each in different for change in each.changes]
        return (BROKEN if check and different and not write else HELD), facts
    facts |= _counted(folder)
    return HELD, facts


# Adding by hand


def _add(name: str, folder: Path) -> int:
    """The cases of a file go where the others of their rule are; how many are new."""
    document = read_json(name)
    flaws = flaws_of(document, "vectors-added")
    if flaws:
        raise InputError(name, *flaws)
    rule = document["rule"]
    cases = [case_from(rule, case) for case in document["cases"]]
    added = add_cases(rule, cases, document.get("flags"), document.get("policies"), folder)
    say(f"{rule}: {added} of {len(cases)} cases are new; the law has answered all of them.")
    return added


# Renewing


def _renewed_files(folder: Path) -> Iterator[Renewed]:
    for path in vector_paths(folder):
        before = read_file(path)
        after = recomputed(before, str(path))
        yield _renewed(path, file_text(after), tuple(changes_of(before, after)))


def _renewed_traces(folder: Path) -> Iterator[Renewed]:
    for path in sorted((folder / TRACES).glob("*.json")):
        before = read_trace(path)
        after = recomputed_trace(before, str(path))
        yield _renewed(path, trace_text(after), tuple(_changed_steps(before, after)))


def _renewed(path: Path, text: str, changes: tuple[Change, ...]) -> Renewed:
    return Renewed(path, text, path.read_text(encoding="utf-8") == text, changes)


def changes_of(before: VectorFile, after: VectorFile) -> Iterator[Change]:
    """The cases whose answers differ, in the order of their ids."""
    answers = {case.id: _answer(case) for case in before.cases}
    for case in after.cases:
        if answers[case.id] != _answer(case):
            yield Change(case.id, line_of(answers[case.id]), line_of(_answer(case)))


def _answer(case: Case) -> Document:
    return case.expected if case.expected is not None else {"refusal": case.refusal}


def _changed_steps(before: VectorTrace, after: VectorTrace) -> Iterator[Change]:
    for number, (old, new) in enumerate(zip(before.steps, after.steps, strict=True), start=1):
        if old != new:
            yield Change(f"{TRACES}/{before.name}, step {number}", line_of(old), line_of(new))


def _say_changes(different: list[Renewed], *, write: bool) -> None:
    """Which answers have changed: other people's engines depend on them."""
    if not different:
        say("The vectors are what the law answers; nothing changes.")
        return
    changes = [change for each in different for change in each.changes]
    for change in changes[:SHOWN]:
        say(f"CHANGED  {change.where}")
        say(f"  was  {shortened(change.before)}")
        say(f"  is   {shortened(change.after)}")
    if len(changes) > SHOWN:
        say(f"... and {grouped(len(changes) - SHOWN)} more")
    done = "written" if write else "to be written"
    say(f"{_counted_as(len(different), 'file')} {done}, {_counted_as(len(changes), 'answer')} changed.")
    if not write:
        say("  make vectors writes them; the diff is the review.")


# Counting


def _counted_as(number: int, what: str) -> str:
    return f"{grouped(number)} {what}{'' if number == 1 else 's'}"


def _counted(folder: Path) -> dict[str, Any]:
    """How many cases of each kind every rule has, and what has none."""
    files = [read_file(path) for path in vector_paths(folder)]
    traces = [read_trace(path) for path in sorted((folder / TRACES).glob("*.json"))]
    counts = {file.rule: Counter(kind_of(case.given) for case in file.cases) for file in files}
    without = [rule for rule in texts() if rule not in counts]
    reasons = [reason for reason in reasons_of_the_law() if reason not in reasons_met(files)]
    rows = [
        [rule, *(grouped(counts[rule][kind]) if counts[rule][kind] else "" for kind in KINDS)]
        for rule in counts
    ]
    total = sum(counts.values(), start=Counter())
    rows.append(["all", *(grouped(total[kind]) for kind in KINDS)])
    say(aligned(["rule", *KINDS], rows, right=range(1, 1 + len(KINDS))))
    say()
    events = sum(len(trace.steps) for trace in traces)
    told = f"{_counted_as(total.total(), 'case')} of {_counted_as(len(counts), 'rule')}"
    say(f"{told}; {_counted_as(len(traces), 'trace')} with {_counted_as(events, 'event')}")
    say(f"rules without a case: {', '.join(without) or 'none'}")
    say(f"refusals without a case: {', '.join(reasons) or 'none'}")
    return {
        "rules": {rule: {kind: counts[rule][kind] for kind in KINDS} for rule in counts},
        "traces": {trace.name: len(trace.steps) for trace in traces},
        "rules_without_case": without,
        "refusals_without_case": reasons,
    }


def reasons_met(files: list[VectorFile]) -> set[str]:
    """Every "rule reason" for which some case is refused."""
    refusals = [case.refusal for file in files for case in file.cases if case.refusal is not None]
    return {f"{refusal['rule']} {refusal['reason']}" for refusal in refusals}
