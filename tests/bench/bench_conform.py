"""Bench of the conformance harness: how many events and vectors a second it asks and judges, on one core.

Goals, with the law as the engine: 4 000 live events a second by the bulk driver, 1 500 under Hypothesis, and
1 500 over a pipe; with an engine that answers at once, 20 000 vectors of each kind. The peer is the law alone
on the same histories: the harness runs it on its own side, and again as the engine. Core time throughout,
over a pipe that of both programs. Not goals: reading the vectors, shrinking, several workers.

    python tests/bench/bench_conform.py [--events 8000] [--rounds 3] [--json FILE]
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from marginspec.conform.asked import Asked  # noqa: E402
from marginspec.conform.child import Child  # noqa: E402
from marginspec.conform.engine import Document, Engine, InProcess  # noqa: E402
from marginspec.conform.judgement import Judgement  # noqa: E402
from marginspec.conform.law_engine import LawEngine, event_of  # noqa: E402
from marginspec.conform.live import Ground, play_bulk, play_hypothesis  # noqa: E402
from marginspec.conform.vectors_run import Vectors  # noqa: E402
from marginspec.vectors.expectations import EVENT, POLICY, QUERY, kind_of  # noqa: E402
from marginspec.vectors.files import VectorFile, read_vectors  # noqa: E402
from refmodel.events import Event  # noqa: E402
from refmodel.state import Venue  # noqa: E402
from refmodel.venue import apply  # noqa: E402
from tests.bench.bench_evaluate import commit  # noqa: E402

SEED = 7
TIMEOUT = 60.0
SERVED = (sys.executable, "-c", "from marginspec.conform.serve import serve_law; serve_law()")
AGAIN = 10
"""Times that the vectors of a kind are asked in one measurement: once takes a hundredth of a second."""
GOALS = {"bulk": 4_000, "hypothesis": 1_500, "pipe": 1_500, "vectors": 20_000}
"""Events or vectors a second on one core."""
TITLES = {
    "law": "law alone",
    "at once": "bulk, an engine that answers at once",
    "bulk": "bulk, the law as the engine",
    "hypothesis": "Hypothesis, the law as the engine",
    "pipe": "bulk, the law over a pipe",
}

Work = Callable[[Asked, Judgement], None]
History = tuple[Venue, list[Event]]


class Recorder(LawEngine):
    """The law, of which every answer is kept, and every history that it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Document] = []
        self.histories: list[History] = []

    def load(self, policy: Document, venue: Document) -> Document:
        answer = super().load(policy, venue)
        if self._venue is not None:
            self.histories.append((self._venue, []))
        return self._kept(answer)

    def apply(self, event: Document) -> Document:
        self.histories[-1][1].append(event_of(event))
        return self._kept(super().apply(event))

    def query(self, question: Document) -> Document:
        return self._kept(super().query(question))

    def _kept(self, answer: Document) -> Document:
        self.answers.append(answer)
        return answer


class AtOnce:
    """An engine that has its answers ready: the same requests come in the same order."""

    def __init__(self, ready: Sequence[Document]) -> None:
        self._next = iter(ready).__next__

    def hello(self) -> Document:
        return LawEngine().hello()

    def load(self, policy: Document, venue: Document) -> Document:
        return self._next()

    def apply(self, event: Document) -> Document:
        return self._next()

    def query(self, question: Document) -> Document:
        return self._next()


def asked_once(make: Callable[[], Engine], work: Work) -> tuple[Judgement, float]:
    """What an engine in this process comes to, and the core time in seconds; nothing may differ."""
    asked, judgement = Asked(InProcess(make), TIMEOUT), Judgement()
    asked.greet()
    begin = time.process_time()
    work(asked, judgement)
    return conforming(judgement), time.process_time() - begin


def asked_over_a_pipe(work: Work) -> tuple[Judgement, float]:
    """The same of the law as a program: the core time of both, without what it takes to start."""
    judgement = Judgement()
    begun = core_time_of_children()
    with Child(SERVED, TIMEOUT) as child:
        child.hello()
    started = core_time_of_children() - begun
    begun, here = core_time_of_children(), 0.0
    with Child(SERVED, TIMEOUT) as child:
        asked = Asked(child)
        asked.greet()
        begin = time.process_time()
        work(asked, judgement)
        here = time.process_time() - begin
    # One start takes longer than another: of a short run nothing may be left of the engine's time.
    there = max(core_time_of_children() - begun - started, 0.0)
    return conforming(judgement), here + there


def core_time_of_children() -> float:
    """Seconds of core time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def conforming(judgement: Judgement) -> Judgement:
    assert not judgement.findings, judgement.findings[0]
    assert not judgement.differing, judgement.differing
    return judgement


def law_alone(histories: Sequence[History]) -> float:
    """The core time of `apply` on histories, in seconds."""
    begin = time.process_time()
    for venue, events in histories:
        for event in events:
            venue = apply(venue, event).venue
    return time.process_time() - begin


# ------------------------------------------------------------------------------------- live


def live(events: int, rounds: int) -> dict[str, Any]:
    """Events a second of each driver: the fastest of some rounds, in each of which all take their turn."""
    ground = Ground(None, Asked(InProcess(LawEngine)).greet())

    def in_bulk(asked: Asked, judgement: Judgement) -> None:
        play_bulk(asked, judgement, ground, SEED, events)

    def explored(asked: Asked, judgement: Judgement) -> None:
        play_hypothesis(asked, judgement, ground, SEED, events)

    recorder = Recorder()
    first, _ = asked_once(lambda: recorder, in_bulk)
    asked = sum(len(played) for _, played in recorder.histories)
    assert asked == first.counts["events"]
    rates = dict.fromkeys(TITLES, 0.0)
    for _ in range(rounds):
        found = {
            "at once": asked_once(lambda: AtOnce(recorder.answers), in_bulk),
            "bulk": asked_once(LawEngine, in_bulk),
            "pipe": asked_over_a_pipe(in_bulk),
        }
        for name, (judgement, seconds) in found.items():
            assert judgement == first, f"{name} comes to something else"
            rates[name] = max(rates[name], asked / seconds)
        rates["law"] = max(rates["law"], asked / law_alone(recorder.histories))
        judgement, seconds = asked_once(LawEngine, explored)
        rates["hypothesis"] = max(rates["hypothesis"], judgement.counts["events"] / seconds)
    return {"events": asked, "histories": len(recorder.histories), "per_second": rates}


# ------------------------------------------------------------------------------------- vectors


def vectors(kind: str, files: Sequence[VectorFile], rounds: int, again: int) -> dict[str, Any]:
    """Vectors of a kind a second, of an engine that answers at once and of the law."""
    chosen = [
        replace(file, cases=tuple(case for case in file.cases if kind_of(case.given) == kind))
        for file in files
    ]

    def ask(asked: Asked, judgement: Judgement) -> None:
        for _ in range(again):
            Vectors(asked, judgement).run(chosen)

    recorder = Recorder()
    first, _ = asked_once(lambda: recorder, ask)
    cases = first.counts["cases"]
    rates = {"at once": 0.0, "law": 0.0}
    for _ in range(rounds):
        for name, make in (("at once", lambda: AtOnce(recorder.answers)), ("law", LawEngine)):
            judgement, seconds = asked_once(make, ask)
            assert judgement == first, f"{name} comes to something else"
            rates[name] = max(rates[name], cases / seconds)
    return {"kind": kind, "cases": cases // again, "per_second": rates}


def run(
    events: int = 8_000, rounds: int = 3, again: int = AGAIN, files: Sequence[VectorFile] = ()
) -> dict[str, Any]:
    """Measures everything.

    events  of each driver
    files   of vectors; none: all that are committed
    again   times that the vectors are asked in one measurement
    returns what the table shows, for JSON
    Errors: AssertionError if the law does not conform to itself.
    """
    files = files or read_vectors()
    return {
        "bench": "conform",
        "commit": commit(),
        "goals": GOALS,
        "live": live(events, rounds),
        "vectors": [vectors(kind, files, rounds, again) for kind in (EVENT, QUERY, POLICY)],
    }


def table(report: dict[str, Any]) -> str:
    """The report as a person reads it."""
    played = report["live"]
    rates = played["per_second"]
    lines = [
        f"conform   {played['events']:_} events of {played['histories']:_} histories, on one core"
        f"   commit {report['commit']}",
        f"{'':40}{'events/s':>12}{'against the law alone':>26}{'goal':>10}",
    ]
    for name, title in TITLES.items():
        goal = f"{GOALS[name]:_}" if name in GOALS else ""
        share = rates[name] / rates["law"]
        lines.append(f"  {title:<38}{rates[name]:>12_.0f}{share:>24.2f} x{goal:>10}".rstrip())
    lines.append(f"{'vectors a second':40}{'at once':>12}{'the law as the engine':>26}{'goal':>10}")
    for row in report["vectors"]:
        title = f"{row['kind']}, {row['cases']:_} vectors"
        found = row["per_second"]
        lines.append(f"  {title:<38}{found['at once']:>12_.0f}{found['law']:>26_.0f}{GOALS['vectors']:>10_}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=8_000, help="that each driver plays")
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--json", type=Path, help="also write the report to this file")
    given = parser.parse_args()
    report = run(given.events, given.rounds)
    print(table(report))
    if given.json:
        given.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
