"""The judges of one mutation: run in a process of its own, in a tree whose `refmodel` has been changed.

`python -m marginspec.mutation.judges ANSWER` reads what to do as JSON from the standard input, asks the
judges from cheap to dear, stops at the first that goes red, and writes to ANSWER who is judging, then the
answer.
"""

import contextlib
import io
import json
import re
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TABLES_OF_THE_RULE = "worked tables of the rule"
ALL_TABLES = "all worked tables"
CASES = "cases of venues"
CAMPAIGN = "campaign with invariants"
DIFFERENTIAL = "law against fast path"
LADDERS = "ladders and edges"
POLICIES = "tests of policies"
WITNESSES = "witnesses of theorems"
PROOFS = "proofs of theorems"
LOADING = "loading the law"
JUDGES = (
    *(LOADING, TABLES_OF_THE_RULE, ALL_TABLES, CASES, CAMPAIGN, DIFFERENTIAL, LADDERS),
    *(WITNESSES, POLICIES, PROOFS),
)
"""In the order in which they are asked."""

HISTORIES = 30
"""Of the campaign, 200 events each."""
COMPARISONS = 2_000
"""Accounts of the differential."""
SEED = 1
SECONDS_OF_PROOFS = 60.0
"""After this no further theorem is begun."""
MEMORY = 4 << 30
"""Bytes: a mutation that computes ever larger numbers ends with an error instead of taking the machine."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the judges said.

    judge     the one that went red, or empty if none did
    red       the rules or theorems it found broken
    detail    what it said, on one line
    unasked   theorems that were not asked for want of time
    """

    judge: str = ""
    red: tuple[str, ...] = ()
    detail: str = ""
    unasked: tuple[str, ...] = ()


class Red(Exception):
    """A judge found the law broken: which rules or theorems, and what it said."""

    def __init__(self, red: tuple[str, ...], detail: str) -> None:
        super().__init__(detail)
        self.red, self.detail = red, detail


Judge = Callable[[], None]


def identifiers_in(text: str) -> tuple[str, ...]:
    """The rules that a text names, each once."""
    return tuple(dict.fromkeys(re.findall(r"\b[A-Z]{3}-[0-9]+\b", text)))


def told(error: BaseException) -> str:
    """An error on one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


# The judges


def load_the_law() -> None:
    """Whether every module of the law can still be imported."""
    try:
        import marginspec.prose.examples
        import marginspec.search.campaign
        import marginspec.search.differential  # noqa: F401
    except Exception as error:
        raise Red((), told(error)) from error


def worked_tables(wanted: Callable[[str], bool]) -> None:
    """The tables of the chapters under the rules that are wanted."""
    from marginspec.prose.chapters import read_chapters
    from marginspec.prose.examples import differences

    for chapter in read_chapters():
        for text in chapter.rules:
            for table in text.tables:
                if not wanted(table.rule):
                    continue
                try:
                    found = differences(table)
                except Exception as error:
                    raise Red((table.rule,), f"{table.place}: {told(error)}") from error
                if found:
                    raise Red((table.rule,), found[0])


def campaign() -> None:
    """A short campaign on `minimal` and on drawn policies, all invariants after every event."""
    from marginspec.policy_file import read_policy
    from marginspec.search.campaign import EVENTS_PER_HISTORY, play_history

    policy = read_policy("minimal")
    for history in range(HISTORIES):
        try:
            played = play_history(policy, SEED, history, EVENTS_PER_HISTORY)
        except Exception as error:
            raise Red(identifiers_in(str(error)), f"history {history}: {told(error)}") from error
        for finding in played.findings:
            broken = finding.violation
            raise Red((broken.theorem,), f"{broken.sentence.replace('_', ' ')}: not so. {broken.detail}")


def differential() -> None:
    """Equity, margins and status of drawn accounts, by the law and by the fast path."""
    from marginspec.policy_file import read_policy
    from marginspec.search.differential import run_differential

    try:
        found = run_differential(read_policy("minimal"), COMPARISONS, 1, SEED)
    except Exception as error:
        raise Red((), told(error)) from error
    if not found.ok:
        raise Red((), str(found.divergences[0]) if found.divergences else "no account was compared")


class _FirstFailure:
    """A plugin of pytest that keeps the first test which fails."""

    def __init__(self) -> None:
        self.name, self.text = "", ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.name:
            self.name, self.text = report.nodeid, report.longreprtext

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed and not self.name:
            self.name, self.text = report.nodeid, str(report.longrepr)


def tests(*files: str) -> None:
    """The tests of these files, to the first that fails."""
    import pytest

    first = _FirstFailure()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *files], plugins=[first])
    if code != 0:
        said = [line[1:].strip() for line in first.text.splitlines() if line.startswith("E")]
        detail = f"{first.name}: {said[0] if said else first.text[-200:]}"
        raise Red(identifiers_in(first.name) or identifiers_in("\n".join(said)), detail[:300])


def witnesses(theorems: Sequence[str]) -> None:
    """The witnesses of the theorems, on plain integers: they must keep their claims."""
    from proofs.environment import run_concretely
    from proofs.registry import THEOREMS, load_all

    load_all()
    for name in theorems:
        for witness in THEOREMS[name].witnesses:
            run = run_concretely(THEOREMS[name], witness)
            if run.ending != "holds":
                raise Red((name,), f"the witness {dict(witness)}: {run.ending} {run.detail}"[:300])


def proofs(theorems: Sequence[str]) -> Iterator[str]:
    """The theorems proved again; yields those for which there was no time."""
    from proofs.prover import prove_theorem
    from proofs.registry import THEOREMS, load_all

    load_all()
    began = time.monotonic()
    for name in theorems:
        if time.monotonic() - began > SECONDS_OF_PROOFS:
            yield name
            continue
        found = prove_theorem(THEOREMS[name])
        if found.status != "proved":
            raise Red((name,), f"{found.status}: {found.reason}"[:300])


# Asking them


def cheap_judges(rules: Sequence[str]) -> Iterable[tuple[str, Judge]]:
    """Those that run on plain integers, for every mutation."""
    return (
        (LOADING, load_the_law),
        (TABLES_OF_THE_RULE, lambda: worked_tables(lambda rule: rule in rules)),
        (ALL_TABLES, lambda: worked_tables(lambda rule: rule not in rules)),
        (CASES, lambda: tests("tests/test_cases.py")),
        (CAMPAIGN, campaign),
        (DIFFERENTIAL, differential),
        (LADDERS, lambda: tests("tests/test_ladders.py", "tests/test_waterfall.py")),
    )


def dear_judges(theorems: Sequence[str], unasked: list[str]) -> Iterable[tuple[str, Judge]]:
    """Those that are asked about what the cheap ones let pass."""
    return (
        (WITNESSES, lambda: witnesses(theorems)),
        (
            POLICIES,
            lambda: tests("tests/test_limits.py", "tests/test_binance.py", "tests/test_policy_file.py"),
        ),
        (PROOFS, lambda: unasked.extend(proofs(theorems))),
    )


def ask(judges: Iterable[tuple[str, Judge]], unasked: Sequence[str], now: Callable[[str], None]) -> Answer:
    """Ask one judge after the other, to the first that goes red.

    now  called with the judge that begins
    """
    for name, judge in judges:
        now(name)
        try:
            judge()
        except Red as found:
            return Answer(name, found.red, found.detail, tuple(unasked))
        except (Exception, SystemExit) as error:
            return Answer(name, (), told(error), tuple(unasked))
    return Answer(unasked=tuple(unasked))


def main() -> None:
    """Judge the tree that this process runs in."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answer_file = Path(sys.argv[1])
    task = json.load(sys.stdin)
    unasked: list[str] = []
    judges = dear_judges(task["theorems"], unasked) if task["dear"] else cheap_judges(task["rules"])
    answer = ask(judges, unasked, lambda name: _write(answer_file, {"judging": name}))
    _write(answer_file, asdict(answer))


def _write(file: Path, document: dict[str, Any]) -> None:
    file.write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main()
