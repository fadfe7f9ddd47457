"""The judges of a change of the fast path: run in a process of its own, in a tree with the change made.

`python -m marginspec.mutation.fast_judges ANSWER` reads what to do as JSON from the standard input and
answers as judges.py does. The theorems about a kernel run its text uncompiled; all others ask what was
compiled.
"""

import json
import re
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from marginspec.mutation.judges import MEMORY, SEED, Judge, Red, ask, tests, told
from proofs.prover import prove_theorem
from proofs.registry import THEOREMS, load_all
from proofs.runs import TheoremError

PROOFS = "theorems about the kernel"
COMPILING = "the compiler"
LOADING = "loading the fast path"
ACCOUNTS = "differential of accounts"
HISTORIES = "histories in lock step"
TESTS = "tests of the fast path"
FAST_JUDGES = (PROOFS, COMPILING, LOADING, ACCOUNTS, HISTORIES, TESTS)
"""In the order in which they are asked; of a change of the engine histories come before accounts."""

MOST = 100_000
"""Accounts, and events, after which a differential has noticed nothing."""
SECONDS_OF_PROOFS = 60.0
"""After this no further theorem is begun."""
EVENTS_PER_HISTORY = 200
IMPORTS = r"^(?:from|import) (?:fastpath|marginspec[.](?:fast|audit))\b"
"""What a file of tests has that asks the fast path."""
ASKED_OTHERWISE = ("test_packaging.py", "test_wheel.py", "test_differential.py", "test_lockstep.py")
"""Tests of what is installed, which a changed tree is not; and searches that the judges make at length."""


def load_the_fast_path() -> None:
    """Whether every compiled module can still be imported."""
    try:
        import fastpath.engine  # noqa: F401
    except Exception as error:
        raise Red((), told(error)) from error


def theorems_of_the_kernel(names: Sequence[str]) -> Iterator[str]:
    """The theorems proved again; yields those that came to no answer, or for which there was no time."""
    load_all()
    began = time.monotonic()
    for name in names:
        if time.monotonic() - began > SECONDS_OF_PROOFS:
            yield name
            continue
        try:
            found = prove_theorem(THEOREMS[name])
        except TheoremError:
            yield name
            continue
        if found.status == "refuted":
            raise Red((name,), f"refuted: {found.reason}"[:300])
        if found.status != "proved":
            yield name


def accounts() -> None:
    """Equity, margins and status of drawn accounts, and answers of kernels, by both sides."""
    from marginspec.policy_file import read_policy
    from marginspec.search.differential import run_differential

    found = run_differential(read_policy("minimal"), MOST, 1, SEED)
    if found.divergences:
        first = found.divergences[0]
        raise Red((), f"{first.account}: law {first.law}, fast {first.fast}"[:300])
    if not found.ok:
        raise Red((), "no account was compared")


def histories() -> None:
    """Drawn histories on both sides in lock step, half of them on drawn policies."""
    from fastpath.engine import Engine
    from marginspec.policy_file import read_policy
    from marginspec.search.lockstep_history import Plan, play_history

    plan = Plan(read_policy("minimal"), Engine.from_venue)
    for history in range(MOST // EVENTS_PER_HISTORY):
        played, _ = play_history(plan, SEED, history, EVENTS_PER_HISTORY)
        for failed in played.failed:
            rules = (failed.rule,) if failed.rule else ()
            raise Red(rules, f"history {history}, event {failed.events}: {failed.what} differs")


def test_files(file: str = "") -> list[str]:
    """The files of tests that ask the fast path; of one file if it is named, those that can tell of it."""
    found = [
        path
        for path in sorted(Path("tests").glob("test_*.py"))
        if path.name not in ASKED_OTHERWISE
        and re.search(IMPORTS, path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    if file in ("columns.py", "evaluate.pyx"):
        found = [path for path in found if path.name.startswith("test_evaluate")]
    if file.startswith("engine/"):
        found = [path for path in found if not re.match(r"test_(evaluate|\w*kernels)", path.name)]
    return [str(path) for path in found]


def judges_of_text(theorems: Sequence[str], unasked: list[str]) -> Iterable[tuple[str, Judge]]:
    """Those that need nothing compiled."""
    return ((PROOFS, lambda: unasked.extend(theorems_of_the_kernel(theorems))),)


def judges_of_the_compiled(file: str) -> Iterable[tuple[str, Judge]]:
    """Those that ask what was compiled, from cheap to dear, of a change of this file."""
    searches: list[tuple[str, Judge]] = [(ACCOUNTS, accounts), (HISTORIES, histories)]
    if file.startswith("engine/"):
        searches.reverse()
    return ((LOADING, load_the_fast_path), *searches, (TESTS, lambda: tests(*test_files(file))))


def main() -> None:
    """Judge the tree that this process runs in."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answer_file = Path(sys.argv[1])
    task = json.load(sys.stdin)
    unasked: list[str] = []
    if task["theorems"]:
        judges = judges_of_text(task["theorems"], unasked)
    else:
        judges = judges_of_the_compiled(task["file"])

    def begins(name: str) -> None:
        answer_file.write_text(json.dumps({"judging": name}), encoding="utf-8")

    answer = ask(judges, unasked, begins)
    answer_file.write_text(json.dumps(asdict(answer)), encoding="utf-8")


if __name__ == "__main__":
    main()
