"""marginspec/evidence.py. Goal: what was recorded is there, whatever happens, and nothing else is; a file of
another run, a damaged one, a full disk are told in a sentence.
Method: a run in a process that is killed, every page of a file with a bit flipped, SQLite's own page limit.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from marginspec.errors import InputError
from marginspec.evidence import Checkpoint, Evidence, EvidenceError

IDENTITY = {"seed": 1, "policy": "sha256:00"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evidence.sqlite"


def opened(path: Path, kind: str = "campaign", **changed: object) -> Evidence:
    return Evidence.open(path, kind, IDENTITY | changed)


# Chunks


def test_results_come_back_by_chunk_as_they_were_given(path):
    with opened(path) as evidence:
        evidence.record(7, {"events": 200, "rules": ["LIQ-3"]})
        evidence.record(2, b"\x00\xff")
    with opened(path) as evidence:
        assert evidence.done() == {2, 7}
        assert list(evidence.results().items()) == [
            (2, b"\x00\xff"),
            (7, {"events": 200, "rules": ["LIQ-3"]}),
        ]


def test_a_chunk_has_one_result(path):
    with opened(path) as evidence:
        evidence.record(1, {"events": 200})
        evidence.record(1, {"events": 200})
        with pytest.raises(EvidenceError, match="has another result of chunk 1"):
            evidence.record(1, {"events": 201})
        assert evidence.results() == {1: {"events": 200}}


# Checkpoints and findings


def test_the_last_checkpoint_replaces_those_before(path):
    with opened(path, "audit") as evidence:
        assert evidence.last_checkpoint() is None
        evidence.checkpoint(10, b"a" * 10_000, {"events": 1})
        evidence.checkpoint(2**40, b"b" * 10_000, {"events": 2})
    with opened(path, "audit") as evidence:
        assert evidence.last_checkpoint() == Checkpoint(2**40, b"b" * 10_000, {"events": 2})


def test_findings_are_kept_with_the_checkpoint_that_follows_them(path):
    with opened(path, "audit") as evidence:
        evidence.add_finding({"event": 1})
        evidence.checkpoint(1, b"", {})
        evidence.add_finding({"event": 2})
        assert [finding["event"] for finding in evidence.findings()] == [1, 2]
    with opened(path, "audit") as evidence:
        assert evidence.findings() == [{"event": 1}], (
            "the second has no checkpoint: its event is counted again"
        )


def test_the_end_is_kept_and_can_be_forgotten(path):
    with opened(path) as evidence:
        assert evidence.summary() is None
        evidence.add_finding({"event": 3})
        evidence.finish({"ok": False})
    with opened(path) as evidence:
        assert (evidence.summary(), evidence.findings()) == ({"ok": False}, [{"event": 3}])
        evidence.start_again()
        assert (evidence.summary(), evidence.findings(), evidence.done()) == (None, [], set())


def test_what_people_want_to_know_does_not_matter(path):
    Evidence.open(path, "audit", IDENTITY, {"path": "here.jsonl"}).close()
    with Evidence.open(path, "audit", IDENTITY, {"path": "there.jsonl"}) as evidence:
        assert evidence.run["noted"] == {"path": "here.jsonl"}


# Files that are refused


def test_evidence_of_another_run_is_refused(path):
    opened(path).close()
    with pytest.raises(EvidenceError, match="another run: there seed is 1, here 2"):
        opened(path, seed=2)
    with pytest.raises(EvidenceError, match="there workers is missing, here 3"):
        opened(path, workers=3)
    with pytest.raises(EvidenceError, match="is evidence of a run of campaign, and this is audit"):
        opened(path, "audit")


def test_a_file_of_something_else_is_refused(path):
    path.write_bytes(b"marginspec" * 1_000)
    with pytest.raises(EvidenceError, match="is damaged: file is not a database"):
        opened(path)
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE thing (number)")
    connection.commit()
    connection.close()
    with pytest.raises(EvidenceError, match="is a database of something else"):
        opened(path)


def test_an_older_format_is_refused(path, monkeypatch):
    monkeypatch.setattr("marginspec.evidence.FORMAT", "marginspec-evidence/0")
    opened(path).close()
    monkeypatch.undo()
    with pytest.raises(
        EvidenceError, match="marginspec-evidence/0, and this tool reads marginspec-evidence/1"
    ):
        opened(path)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(EvidenceError, match=r"Name a file in a folder that can be written to\."):
        opened(tmp_path / "no" / "evidence.sqlite")


def test_one_run_at_a_time(path):
    code = (
        "from marginspec.evidence import *\n"
        f"try: Evidence.open({str(path)!r}, 'campaign', {IDENTITY!r})\n"
        "except EvidenceError as error: print(error)"
    )
    with opened(path):
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "is in use by another run" in second.stdout
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b""


# What may happen to a disk and a process


def test_a_full_disk_loses_nothing_that_was_recorded(path):
    with opened(path, "audit") as evidence:
        evidence.checkpoint(1, b"first", {"events": 1})
        pages = evidence._connection.execute("PRAGMA page_count").fetchone()[0]
        evidence._connection.execute(f"PRAGMA max_page_count = {pages}")
        evidence.add_finding({"event": 2})
        with pytest.raises(EvidenceError, match="database or disk is full") as full:
            evidence.checkpoint(2, random.Random(1).randbytes(100_000), {"events": 2})
        assert "Make room on the disk and run again" in full.value.text()
        assert "Nothing was run" not in full.value.text()
        assert isinstance(full.value, InputError)
        assert evidence.last_checkpoint() == Checkpoint(1, b"first", {"events": 1})
        assert evidence.findings() == []
    with opened(path, "audit") as evidence:
        assert evidence.last_checkpoint() == Checkpoint(1, b"first", {"events": 1})


def read_all(path: Path) -> object:
    with opened(path, "audit") as evidence:
        return evidence.last_checkpoint(), evidence.results(), evidence.findings(), evidence.summary()


def test_a_flipped_bit_is_noticed_or_changes_nothing(path):
    draw = random.Random(1)
    with opened(path, "audit") as evidence:
        for number in range(4):
            evidence.record(number, draw.randbytes(3_000))
            evidence.add_finding({"event": number})
            evidence.checkpoint(number, draw.randbytes(9_000), {"events": number})
        evidence.finish({"ok": True})
    sound, whole = read_all(path), path.read_bytes()
    refused = 0
    for _ in range(400):
        torn = bytearray(whole)
        torn[draw.randrange(len(torn))] ^= 1 << draw.randrange(8)
        path.write_bytes(torn)
        try:
            assert read_all(path) == sound
        except EvidenceError:
            refused += 1
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
    assert refused > 100, "much of the file matters; the rest are pages that are free again"


RUN = """
import sys
from marginspec.evidence import Evidence
evidence = Evidence.open(sys.argv[1], "audit", {"seed": 1})
last = evidence.last_checkpoint()
at = 0 if last is None else last.position
print("ready", flush=True)
while True:
    at += 1
    evidence.add_finding({"event": at})
    evidence.checkpoint(at, str(at).encode() * 2_000, {"events": at})
"""


def test_a_killed_run_leaves_whole_checkpoints(path):
    draw = random.Random(1)
    positions = []
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", RUN, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        try:
            process.wait(draw.uniform(0.001, 0.05))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        with Evidence.open(path, "audit", {"seed": 1}) as evidence:
            last = evidence.last_checkpoint()
            at = 0 if last is None else last.position
            assert evidence.findings() == [{"event": number} for number in range(1, at + 1)]
            assert last is None or (last.state, last.counts) == (str(at).encode() * 2_000, {"events": at})
        positions.append(at)
    assert positions == sorted(positions) and positions[-1] > 0, "each went on where the last one was killed"


def test_what_is_recorded_can_be_read_with_sqlite(path):
    with opened(path) as evidence:
        evidence.add_finding({"event": 1})
        evidence.finish({"ok": False})
    connection = sqlite3.connect(path)
    assert json.loads(connection.execute("SELECT content FROM findings").fetchone()[0]) == {"event": 1}
    connection.close()
