"""`marginspec conform --evidence`. Goal: a run that is killed or interrupted goes on and says what a whole
one says; nothing is counted twice, nothing that was finished is lost, and evidence of another run is refused.
Method: a real process that is killed with SIGKILL in each stage and started again, beside one that is left
alone; runs in this process that are interrupted, done by several workers, merged; a table of other runs.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from marginspec.cli import main
from marginspec.conform import pieces
from marginspec.conform.command import Options, judged, run_conform
from marginspec.conform.compare import Difference
from marginspec.conform.judged_documents import judgement_document, judgement_from, to_json
from marginspec.conform.judgement import FINDINGS_MOST, Finding, Judgement, Seen, Story
from marginspec.conform.kept import BULK, CORPUS, EXPLORED, KIND, TRACES, VECTORS, Kept, Piece, read_examples
from marginspec.conform.law_engine import LawEngine
from marginspec.conform.merged import merged
from marginspec.conform.opening import Recipe
from marginspec.errors import BROKEN, HELD, UNREADABLE
from marginspec.evidence import Evidence, EvidenceError, run_of
from marginspec.paths import ROOT
from marginspec.vectors.files import path_of, read_file
from tests.support import cases

Document = Mapping[str, Any]
TIMES = ("events_per_second", "events_of_earlier_runs")
"""Facts of the run itself, not of the engine."""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chunks, few vectors, and a folder for reports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pieces, "EVENTS_OF_CHUNK", 150)
    files = [read_file(path_of(rule)) for rule in ("FEE-2", "MAR-2", "POL-9", "WDR-3")]
    monkeypatch.setattr(pieces, "FILES_OF_PIECE", 2)
    monkeypatch.setattr(pieces, "read_vectors", lambda: files)
    monkeypatch.setattr(pieces, "read_traces", list)


# ------------------------------------------------------------------------------------- engines


class Faulty(LawEngine):
    """Gives the wrong reason where too much is withdrawn, and cannot say what an initial margin is."""

    version = "1"
    claimed: Any = "all"
    requests = 0

    def hello(self) -> Document:
        return {**super().hello(), "engine": "faulty", "version": self.version, "rules": self.claimed}

    def apply(self, event: Document) -> Document:
        type(self).requests += 1
        answer = super().apply(event)
        wrong = answer["outcome"] == "refused" and answer["rule"] == "WDR-2"
        return {**answer, "rule": "WDR-3"} if wrong else answer

    def query(self, question: Document) -> Document:
        answer = super().query(question)
        if "margin_initial" not in answer:
            return answer
        return {**answer, "margin_initial": {"unsupported": f"not {answer['margin_initial']}"}}


class Killed(Faulty):
    """Kills its process, which is the harness, in a stage that the environment names.

    KILLED=function:2:300 is the 300th request during the second call of a function of the harness.
    """

    called: Any = None
    calls = count = 0

    def load(self, policy: Document, venue: Document) -> Document:
        self.killed_in_time()
        return super().load(policy, venue)

    def apply(self, event: Document) -> Document:
        self.killed_in_time()
        return super().apply(event)

    @classmethod
    def killed_in_time(cls) -> None:
        function, call, request = os.environ["KILLED"].split(":")
        frame: Any = sys._getframe()
        while frame is not None and frame.f_code.co_name != function:
            frame = frame.f_back
        if frame is None:
            return
        if frame is not cls.called:
            cls.called, cls.count = frame, 0
            cls.calls += 1
        cls.count += 1
        if (cls.calls, cls.count) == (int(call), int(request)):
            os.kill(os.getpid(), signal.SIGKILL)


class Interrupts(Faulty):
    """Somebody presses Ctrl-C at a request; -1 is never."""

    at = -1

    def apply(self, event: Document) -> Document:
        if Interrupts.requests == Interrupts.at:
            signal.raise_signal(signal.SIGINT)
        return super().apply(event)


class Crashes(Faulty):
    """Fails at every liquidation, and says something else each time."""

    def apply(self, event: Document) -> Document:
        if event["type"] == "prices":
            Crashes.requests += 1
            raise RuntimeError(f"no memory at {id(self)}, request {Crashes.requests}")
        return super().apply(event)


class Fickle(LawEngine):
    """Takes its fees twice, or does not."""

    right = True

    def query(self, question: Document) -> Document:
        answer = super().query(question)
        return answer if self.right or "fund" not in answer else {**answer, "fund": "-1"}


def conform(engine: str, events: int = 700, **named: Any) -> tuple[int, dict[str, Any]]:
    """A run on an engine of this file."""
    options = {"policy": "minimal", "database": None, "events": events, "shrink": 0.0, **named}
    return run_conform(recipe(engine), Options(**options))


def recipe(engine: str) -> Recipe:
    return Recipe((), engine if ":" in engine else f"tests.test_conform_kept:{engine}", 10.0)


def comparable(facts: Document) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if name not in TIMES}


def pieces_in(path: Path) -> set[tuple[str, int]]:
    """Stage and number of what a file has."""
    run = run_of(path)
    with Evidence.open(path, run["kind"], run["identity"]) as evidence:
        return {(piece.stage, piece.number) for piece, _ in Kept(evidence).judgements()}


# ------------------------------------------------------------------------------------- killed


def started(folder: Path, killed: str) -> subprocess.Popen[bytes]:
    """`marginspec conform` as a process of its own."""
    folder.mkdir(exist_ok=True)
    arguments = ("--events", "2700", "--shrink", "0", "--evidence", "kept.sqlite", "--json", "facts.json")
    engine = ("--python", "tests.test_conform_kept:Killed")
    command = (sys.executable, "-m", "marginspec.cli", "conform", *engine, *arguments)
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "KILLED": killed}
    return subprocess.Popen(command, cwd=folder, env=surroundings, stdout=subprocess.DEVNULL)


def test_a_killed_run_goes_on_and_says_what_a_whole_one_says(tmp_path: Path) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    left_alone = started(whole, "nowhere:1:1")
    known: set[tuple[str, int]] = set()
    for killed, done, not_done in (
        ("_ask_files:3:5", (VECTORS, 1), (VECTORS, 2)),
        ("play_hypothesis:1:300", (CORPUS, 0), (EXPLORED, 0)),
        ("play_bulk:2:100", (BULK, 0), (BULK, 1)),
    ):
        assert started(again, killed).wait() == -signal.SIGKILL
        now = pieces_in(again / "kept.sqlite")
        assert now >= known, "what was finished is there"
        assert done in now and not_done not in now
        known = now
    assert started(again, "nowhere:1:1").wait() == left_alone.wait() == BROKEN
    first, second = (json.loads((folder / "facts.json").read_text()) for folder in (whole, again))
    assert {one["rule"] for one in first["differs"]} == {"WDR-2"}
    assert comparable(first) == comparable(second)
    assert (
        first["events_of_earlier_runs"] == 0 and 2_000 < second["events_of_earlier_runs"] < second["events"]
    )
    assert pieces_in(whole / "kept.sqlite") == pieces_in(again / "kept.sqlite") > known
    assert {stage for stage, _ in known} == {VECTORS, TRACES, CORPUS, EXPLORED, BULK}
    traces = [json.loads((folder / "runs/latest/WDR-2.json").read_text()) for folder in (whole, again)]
    assert traces[0] == traces[1], "before anything is shrunk"


# ------------------------------------------------------------------------------------- interrupted


def test_an_interrupted_run_counts_what_it_has_asked_and_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "kept.sqlite"
    Interrupts.requests, Interrupts.at = 0, -1
    code, whole = conform("Interrupts")
    half = Interrupts.requests * 2 // 3
    Interrupts.requests, Interrupts.at = 0, half
    interrupted, first = conform("Interrupts", evidence=file)
    Interrupts.at = -1
    assert (code, interrupted) == (BROKEN, BROKEN) and first["interrupted"]
    assert 0 < first["events"] < whole["events"]
    _, second = conform("Interrupts", evidence=file)
    assert comparable(second) == comparable(whole)
    assert 0 < second["events_of_earlier_runs"] < first["events"], "a piece that was not finished is not kept"
    asked = Interrupts.requests
    _, third = conform("Interrupts", evidence=file)
    assert comparable(third) == comparable(whole) and Interrupts.requests == asked, "nothing is left to ask"


def test_an_interrupted_run_says_how_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marginspec.screen._silent", False)
    Interrupts.requests, Interrupts.at = 0, 100
    conform("Interrupts", evidence=Path("kept.sqlite"))
    Interrupts.at = -1
    assert "The same command goes on from kept.sqlite." in capsys.readouterr().out


def test_the_workers_may_change_in_between(tmp_path: Path) -> None:
    file = tmp_path / "kept.sqlite"
    whole = conform("Faulty", workers=1)[1]
    assert comparable(conform("Faulty", workers=2, evidence=tmp_path / "all")[1]) == comparable(whole)
    identity = run_of(tmp_path / "all")["identity"]
    with Evidence.open(tmp_path / "all", KIND, identity) as done, Evidence.open(file, KIND, identity) as ours:
        for chunk, result in list(done.results().items())[::2]:
            ours.record(chunk, result)
    second = conform("Faulty", workers=2, evidence=file)[1]
    assert comparable(second) == comparable(whole) and 0 < second["events_of_earlier_runs"] < whole["events"]


def test_what_misbehaved_too_often_is_not_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "kept.sqlite"
    code, first = conform("Crashes", evidence=file)
    assert code == BROKEN and len(first["misbehaviour"]) == FINDINGS_MOST
    asked = Crashes.requests
    _, second = conform("Crashes", evidence=file)
    assert second["misbehaviour"] == first["misbehaviour"] and Crashes.requests == asked
    assert f"kept in {file}: remove it to ask the engine again" in second["stopped"]


# ------------------------------------------------------------------------------------- another run


@cases("""
    what                   named                                  said
    another seed           {"seed": 2}                            there seeds is [1], here [2]
    another policy         {"policy": "bybit-like"}               there policy is "sha256:
    another size           {"events": 81}                         there events is 80, here 81
    no vectors             {"vectors": false}                     there vectors is true, here false
""")
def test_evidence_of_other_options_is_refused(named: str, said: str) -> None:
    conform("Faulty", events=80, evidence=Path("kept.sqlite"))
    with pytest.raises(EvidenceError) as error:
        conform("Faulty", **{"events": 80, "evidence": Path("kept.sqlite"), **json.loads(named)})
    assert f"kept.sqlite: is evidence of another run: {said}" in error.value.text()
    assert error.value.text().count("\n") == 1, "what differs first, and what to do"


def test_evidence_of_another_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(said: str, engine: str = "Faulty") -> None:
        with pytest.raises(EvidenceError, match=f"another run: there {said}"):
            conform(engine, events=40, evidence=Path("kept.sqlite"))

    conform("Faulty", events=40, evidence=Path("kept.sqlite"))
    refused("engine is .faulty., here .marginspec.", "Fickle")
    refused("command is ", "Interrupts")
    with monkeypatch.context() as changed:
        changed.setattr(Faulty, "version", "2")
        refused("version is .1., here .2.")
    with monkeypatch.context() as changed:
        changed.setattr(Faulty, "claimed", ["WDR-2"])
        refused("claims is ")
    with monkeypatch.context() as changed:
        changed.setattr("marginspec.conform.kept.LAW", "marginspec-law/2")
        refused("law is .marginspec-law/1., here .marginspec-law/2.")


def test_a_program_that_was_built_again_is_another_engine(tmp_path: Path) -> None:
    program = tmp_path / "engine.py"
    text = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    text += "from marginspec.conform.serve import serve_law; serve_law()\n"
    program.write_text(text)
    command = Recipe((sys.executable, str(program)), "", 20.0)
    options = Options(policy="minimal", events=40, database=None, evidence=tmp_path / "kept.sqlite")
    assert run_conform(command, options)[0] == HELD
    program.write_text(text + "# with another compiler\n")
    with pytest.raises(EvidenceError, match="there files is"):
        run_conform(command, options)


def test_a_trace_keeps_nothing() -> None:
    words = ["conform", "--python", "x:Y", "--trace", "t.json", "--evidence", "e"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == UNREADABLE and "--trace keeps nothing" in result.output


# ------------------------------------------------------------------------------------- merged


def test_runs_of_several_seeds_are_merged_and_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, both = (tmp_path / name for name in ("one", "other", "both"))
    first = conform("Faulty", seed=1, evidence=one)[1]
    second = conform("Faulty", seed=2, evidence=other)[1]
    monkeypatch.setattr("marginspec.screen._silent", False)
    result = CliRunner().invoke(
        main, ["merge", str(both), str(one), str(other), str(one), "--json", "facts.json"]
    )
    assert result.exit_code == HELD, result.output
    for words in (
        "engine           faulty 1",
        "seed 2",
        "DIFFERS            1 rule   WDR-2",
        "a history of ",
    ):
        assert words in result.output
    facts = json.loads(Path("facts.json").read_text())
    assert facts["events"] == first["events"] + second["events"]
    assert facts["cases"] == first["cases"] == second["cases"] > 0, "the vectors are the same ones"
    assert facts["seeds"]["2"] == {"events": second["events"], "asked": 700}
    assert facts["new"] == facts["chunks"] and facts["otherwise"] == 0
    assert facts["rules"]["WDR-2"]["verdict"] == "differs"
    code, report = conform("Faulty", seed=2, evidence=both)
    assert code == BROKEN and report["events"] == facts["events"] == report["events_of_earlier_runs"]
    assert report["rules"] == facts["rules"]
    shortest = min(each["differs"][0]["events"] for each in (first, second))
    assert report["differs"][0]["events"] == shortest
    vectors = conform("Faulty", events=0)[1]
    for rule, told in report["rules"].items():
        parts = (each["rules"][rule]["comparisons"] for each in (first, second))
        assert told["comparisons"] == sum(parts) - vectors["rules"][rule]["comparisons"], rule
    with pytest.raises(EvidenceError, match=r"there seeds is \[1, 2\], here \[3\]"):
        conform("Faulty", seed=3, evidence=both)


def test_parts_of_one_run_are_merged_and_the_rest_is_done(tmp_path: Path) -> None:
    Interrupts.requests, Interrupts.at = 0, -1
    whole = conform("Interrupts")[1]
    for name, at in (("one", 400), ("other", 600)):
        Interrupts.requests, Interrupts.at = 0, at
        conform("Interrupts", evidence=tmp_path / name)
    code, facts = merged(tmp_path / "both", [tmp_path / "one", tmp_path / "other"])
    assert code == HELD and 0 < facts["events"] < whole["events"]
    Interrupts.at = -1
    assert comparable(conform("Interrupts", evidence=tmp_path / "both")[1]) == comparable(whole)


def test_an_engine_that_answers_otherwise_is_told_and_its_first_answers_are_kept(tmp_path: Path) -> None:
    right = conform("Fickle", evidence=tmp_path / "right")[1]
    Fickle.right = False
    try:
        conform("Fickle", evidence=tmp_path / "wrong")
    finally:
        Fickle.right = True
    _, facts = merged(tmp_path / "both", [tmp_path / "right", tmp_path / "wrong"])
    assert facts["otherwise"] > 0 and facts["rules"] == right["rules"]


def test_files_of_other_engines_and_of_campaigns_are_not_merged(tmp_path: Path) -> None:
    conform("Faulty", events=40, evidence=tmp_path / "one")
    conform("Fickle", events=40, evidence=tmp_path / "other")
    Evidence.open(tmp_path / "campaign", "campaign", {"seed": 1}).close()
    for other, said in (("other", "there command is"), ("campaign", "is evidence of a run of conform")):
        words = ["merge", str(tmp_path / "both"), str(tmp_path / "one"), str(tmp_path / other)]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == UNREADABLE and said in result.output


# ------------------------------------------------------------------------------------- the corpus


def test_what_hypothesis_found_is_kept_and_goes_where_the_next_run_begins(tmp_path: Path) -> None:
    file, here, elsewhere = tmp_path / "kept.sqlite", tmp_path / "here", tmp_path / "elsewhere"
    conform("Faulty", events=3_000, vectors=False, database=here)
    found = read_examples(here / "faulty")
    assert found, "a history in which WDR-2 differs"
    conform("Faulty", events=3_000, vectors=False, database=tmp_path / "there", evidence=file)
    assert read_examples(tmp_path / "there" / "faulty") == found, "with a file, the folder has the same"
    conform("Faulty", events=3_000, vectors=False, database=elsewhere, evidence=file)
    assert read_examples(elsewhere / "faulty") == found, "on another machine, from the file"


# ------------------------------------------------------------------------------------- as JSON


def part(seed: int) -> Judgement:
    """What a small run came to."""
    options = Options(policy="minimal", seed=seed, events=250, database=None, shrink=0.0)
    return judged(recipe("Faulty"), options).judgement


def test_a_judgement_comes_back_from_its_json() -> None:
    judgement = part(1)
    seen = judgement.seen["WDR-2"]
    assert seen.story.start is not None or seen.story.events
    judgement.seen_in_vector["WDR-3"] = Seen(
        Difference("WDR-3", "wallet", "1", "2", {"account": "a1", "what": ["wallet"]}),
        Story(seen.story.policy, seen.story.start, seen.story.events, "WDR-3/case"),
        (("answer", "accepted", "refused"),),
        before=7,
        problem="it shows now and then only",
    )
    judgement.cases["WDR-3"] = ["WDR-3/case"]
    judgement.findings.append(
        Finding("raised", "half a character: \ud800", ("line",), "WDR-3", "{}", seen.story)
    )
    judgement.findings.append(Finding("does not end", "", (), "", '{"do":"bye"}', None))
    told = judgement_from(json.loads(to_json(judgement_document(judgement, Judgement()))))
    assert told == judgement
    markets = [list(story.policy.markets) for story in (told.seen["WDR-2"].story, seen.story)]
    assert markets[0] == markets[1], "in the same order"


def test_it_does_not_matter_which_part_is_counted_first() -> None:
    parts = [part(seed) for seed in range(1, 5)]
    for number, each in enumerate(parts):
        seen = each.seen["WDR-2"]
        each.seen["WDR-2"] = replace(seen, story=replace(seen.story, events=seen.story.events[-1:]))
        each.whys["MAR-8"] = f"not for {9 - number} accounts"
    assert len({each.seen["WDR-2"].story.events for each in parts}) > 1, "of one length, and not the same"
    one, other = Judgement(), Judgement()
    for each in parts:
        one.add(each)
    for each in reversed(parts):
        other.add(each)
    assert one.seen == other.seen and one.comparisons == other.comparisons
    assert one.whys["MAR-8"] == other.whys["MAR-8"] == "not for 6 accounts"


def test_a_history_that_is_not_the_shortest_is_not_kept_twice() -> None:
    judgement = part(1)
    assert judgement.seen and not judgement_document(judgement, judgement)["seen"]


def test_pieces_of_several_seeds_have_numbers_of_their_own() -> None:
    stages = [
        Piece(stage, seed, number)
        for stage in (EXPLORED, BULK)
        for seed in (1, 11, -1)
        for number in range(200)
    ]
    assert len({piece.chunk for piece in stages}) == len(stages)
    assert all(0 <= piece.chunk < 2**63 for piece in stages)
