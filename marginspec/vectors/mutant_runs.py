"""Vectors against mutants: one change of the law, and the first case that notices it.

Each mutant is judged in a process of its own, forked from one that has read the cases: the changed law is
imported beside the law, cases are answered anew, and the first answer that is another one, or none, notices
it. Cases of the rules that it touches are asked first.
"""

import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginspec.mutation.mutations import Mutation, mutated_text
from marginspec.paths import ROOT
from marginspec.vectors.answering import answered
from marginspec.vectors.changed_law import changed_law
from marginspec.vectors.files import VectorFile
from marginspec.vectors.traces import VectorTrace

LAW = ROOT / "refmodel"
SECONDS = 20
"""Of the processor, after which a mutant is stopped: the whole corpus takes a few."""
WAITS = 20
MEMORY = 4 << 30
"""Bytes: a mutant that computes ever larger numbers ends with an error instead of taking the machine."""
STOPPED = "did not end, and was stopped"
NOT_LOADED = "the law cannot be imported"


@dataclass(frozen=True, slots=True)
class Question:
    """A case as it is asked of a changed law.

    answer  what the law answers, in one text
    """

    id: str
    rule: str
    given: Mapping[str, Any]
    policies: Mapping[str, Any]
    answer: str


def in_one_text(said: Any) -> str:
    """An answer in a form in which two are compared."""
    return json.dumps(said, sort_keys=True)


def questions_of(files: Iterable[VectorFile]) -> list[Question]:
    """Every case of the files, with what it expects."""
    return [
        Question(case.id, case.rule, case.given, file.policies, in_one_text((case.expected, case.refusal)))
        for file in files
        for case in file.cases
    ]


def questions_of_traces(traces: Iterable[VectorTrace]) -> list[Question]:
    """Every trace, with what each of its steps comes to."""
    return [
        Question(
            f"traces/{trace.name}",
            "",
            {
                "policy": trace.policy,
                "start": trace.start,
                "events": [step["event"] for step in trace.steps],
            },
            {},
            in_one_text(trace.steps),
        )
        for trace in traces
    ]


def asked_of_law(rule: str, name: str, given: Mapping[str, Any], policies: Mapping[str, Any]) -> Question:
    """A question that is no case yet, with what the law answers to it."""
    return Question(name, rule, given, policies, in_one_text(answered(rule, given, policies)))


def noticing(questions: Sequence[Question], file: str, text: str, most: int = 1) -> Iterator[str]:
    """The ids of the first questions, at most so many, that a changed law answers otherwise."""
    changed = changed_law(file, text)
    found = 0
    for question in questions:
        try:
            said = in_one_text(changed(question.rule, question.given, question.policies))
        except Exception as error:
            said = type(error).__name__
        if said != question.answer:
            yield question.id
            found += 1
            if found == most:
                return


def in_order(questions: Iterable[Question], rules: Sequence[str]) -> list[Question]:
    """The questions about these rules first."""
    return sorted(questions, key=lambda question: question.rule not in rules)


def source_of(folder: Path, mutation: Mutation) -> str:
    """The text of the file that a mutation changes, changed."""
    text = (folder / mutation.file).read_text(encoding="utf-8")
    changed = mutated_text(text, f"core/{mutation.operator}", mutation.occurrence)
    assert changed is not None
    return changed


def noticed_by(
    questions: Sequence[Question], mutation: Mutation, most: int = 1, seconds: int = SECONDS
) -> tuple[str, ...]:
    """The ids of the questions that notice a mutation, in a process of its own; empty if none does.

    most     after so many it is not asked on
    seconds  after these it is stopped
    """
    text = source_of(LAW, mutation)

    def work() -> Iterator[str]:
        try:
            yield from noticing(in_order(questions, mutation.rules), mutation.file, text, most)
        except Exception:  # whatever a changed text raises when it is imported
            yield NOT_LOADED

    return tuple(in_a_process(work, seconds))


def in_a_process(work: Callable[[], Iterable[str]], seconds: int) -> list[str]:
    """The lines that some work gives, done in a forked process; STOPPED is the last if it was ended.

    seconds  of the processor, so that a busy machine does not end what would have come to its end; a process
             that waits is ended after WAITS times as long
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.close(reader)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            used = resource.getrusage(resource.RUSAGE_SELF)
            limit = int(used.ru_utime + used.ru_stime) + seconds
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            with os.fdopen(writer, "w", encoding="utf-8") as out:
                for line in work():
                    out.write(f"{line}\n")
                    out.flush()
        os._exit(0)
    os.close(writer)
    said = b""
    end = time.monotonic() + seconds * WAITS
    try:
        while True:
            ready, _, _ = select.select([reader], [], [], max(0.0, end - time.monotonic()))
            part = os.read(reader, 65_536) if ready else b""
            if not part:
                break
            said += part
    finally:
        os.close(reader)
        if time.monotonic() >= end:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return said.decode().splitlines() + ([STOPPED] if os.WIFSIGNALED(status) else [])
