"""marginspec/audit. Goal: a log that is right is found right in every form, one wrong claim is found as one
finding with its line, event and rule, and a log that cannot be read says where, with nothing lost before it.
Method: drawn histories written by the engine and by the law, single claims changed, single bytes damaged.
"""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from fastpath.engine import ENTRY, ENTRY_KINDS
from marginspec.audit.auditor import Auditor
from marginspec.audit.books import unbalanced
from marginspec.audit.columnar import schema_of
from marginspec.audit.command import convert, open_log
from marginspec.audit.errors import LogError
from marginspec.audit.header import policy_of
from marginspec.audit.machines import Answer
from marginspec.audit.writing import write_log
from marginspec.cli import main
from marginspec.evidence import Evidence, EvidenceError
from marginspec.paths import SPEC
from marginspec.validation import _bundled, flaws_of
from refmodel.events import Deposit
from refmodel.state import genesis
from refmodel.venue import apply
from tests.bench.bench_replay import bench
from tests.logs import (
    EVENTS,
    FORMS,
    IDENTITY,
    audited,
    changed,
    first_line,
    lines_of,
    played_history,
    refusal,
    write_lines,
    write_logs,
)


@pytest.fixture(scope="module")
def history():
    return played_history()


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    return write_logs(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def log(logs):
    return logs / "log.jsonl"


def is_trade(line: dict[str, Any]) -> bool:
    return line.get("event", {}).get("type") == "trade" and "postings" in line


# Logs that are right


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("against", ["engine", "reference"])
def test_a_log_that_is_right_is_found_right(logs, history, name, against):
    found = audited(logs / name, against)
    assert (found.counts.events, found.findings, found.stopped) == (EVENTS, (), None)
    assert found.digest == history[2]
    assert found.whole
    assert found.counts.postings == found.counts.claimed > EVENTS
    assert found.counts.digests == 4
    assert 50 < sum(found.counts.refused.values()) < EVENTS


def test_the_law_and_the_engine_write_the_same_log(log, history, tmp_path):
    policy, events, _ = history
    write_log(tmp_path / "law.jsonl", policy, events, machine="reference", checkpoint_every=200)
    assert (tmp_path / "law.jsonl").read_bytes() == log.read_bytes()


@pytest.mark.parametrize("name", FORMS)
def test_each_form_turns_into_each_other_and_back(logs, name, tmp_path):
    for target in FORMS:
        convert(str(logs / name), str(tmp_path / target))
        convert(str(tmp_path / target), str(tmp_path / "back.jsonl"))
        assert (tmp_path / "back.jsonl").read_bytes() == (logs / "log.jsonl").read_bytes()


def test_a_log_compressed_by_zstd_is_read(log, tmp_path):
    with pa.CompressedOutputStream(str(tmp_path / "log.jsonl.zst"), "zstd") as stream:
        stream.write(log.read_bytes())
    assert audited(tmp_path / "log.jsonl.zst").counts.events == EVENTS


def test_every_line_has_the_form_of_the_schema(log):
    header, *lines = (json.loads(line) for line in log.read_text().splitlines())
    assert flaws_of(header, "log") == ()
    schema = {"$id": "line", "$ref": "#/$defs/line", "$defs": _bundled("log")["$defs"]}
    validator = jsonschema.Draft202012Validator(schema)
    for line in lines:
        assert not list(validator.iter_errors(line)), line
    assert list(validator.iter_errors({"event": {"type": "deposit"}}))


def test_the_example_of_the_page_about_logs_is_right(tmp_path):
    page = (SPEC / "logs.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in page.splitlines() if line.startswith("    {")]
    (tmp_path / "example.jsonl").write_text("".join(f"{line}\n" for line in lines))
    found = audited(tmp_path / "example.jsonl")
    assert (found.counts.events, found.counts.refused, found.counts.digests) == (5, {"TRD-7": 1}, 1)
    assert (found.findings, found.whole) == ((), True)


def test_the_page_about_logs_names_every_column_and_kind():
    page = (SPEC / "logs.md").read_text(encoding="utf-8")
    tables = page[: page.index("## The order of postings")] + page[page.index("## Columns") :]
    rows = [line.split("|")[1] for line in tables.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    assert named == {*ENTRY_KINDS, *schema_of(pa, postings=True).names}


def test_a_log_begins_at_any_venue(history, tmp_path):
    policy, events, end = history
    venue = genesis(policy)
    for event in events[:300]:
        venue = apply(venue, event).venue
    for name in FORMS:
        write_log(tmp_path / name, policy, events[300:], start=venue)
        assert audited(tmp_path / name).digest == audited(tmp_path / name, "reference").digest == end


def test_postings_may_be_left_out(history, tmp_path):
    policy, events, end = history
    for name in FORMS:
        write_log(tmp_path / name, policy, events, postings=False)
        found = audited(tmp_path / name)
        assert (found.counts.claimed, found.findings, found.digest) == (0, (), end)


@pytest.mark.parametrize("every", [7, 60, 90, 10_000])
def test_checkpoints_stand_where_they_are_asked_for_and_at_the_end(history, tmp_path, monkeypatch, every):
    monkeypatch.setattr("marginspec.audit.writing.ROWS", 60)
    policy, events, _ = history
    write_log(tmp_path / "log.jsonl", policy, events[:180], checkpoint_every=every)
    written = [int(line["checkpoint"]) for line in lines_of(tmp_path / "log.jsonl") if "checkpoint" in line]
    assert written == sorted({*range(every, 181, every), 180})


def test_a_log_without_checksums_is_read(log, tmp_path):
    plain = write_lines(tmp_path / "plain.jsonl", lines_of(log), sealed=False)
    assert audited(plain).counts.events == EVENTS


def test_a_log_that_ends_without_a_checkpoint_is_not_known_to_be_whole(log, tmp_path):
    found = audited(write_lines(tmp_path / "log.jsonl", lines_of(log)[:-1]))
    assert (found.findings, found.stopped, found.whole) == ((), None, False)


# Claims that are wrong


def off_by_one(line):
    posting = next(posting for posting in line["postings"] if posting[0].startswith("wallet"))
    posting[3] = str(int(posting[3]) + 1)


def another_holder(line):
    next(posting for posting in line["postings"] if posting[0].startswith("wallet"))[1] = "nobody at all"


def another_pool(line):
    next(posting for posting in line["postings"] if posting[0].startswith("fee_pool"))[1] = "crass"


def another_rule(line):
    line["postings"][1][0] = line["postings"][1][0].replace("TRD-5", "TRD-6")


def words_nobody_knows(line):
    line["postings"][1][0] = "gold XYZ-1"


def a_posting_less(line):
    del line["postings"][-1]


def a_posting_more(line):
    line["postings"].append(line["postings"][-1])


def in_another_order(line):
    line["postings"][1], line["postings"][2] = line["postings"][2], line["postings"][1]


def refused(line):
    del line["postings"]
    line["refused"] = {"rule": "TRD-7", "reason": "not_admitted"}


def refused_with_postings(line):
    line["refused"] = {"rule": "TRD-7", "reason": "not_admitted"}


POSTING_CHANGES = [
    (off_by_one, "posting", "TRD-6"),
    (another_holder, "posting", "TRD-6"),
    (another_pool, "posting", "FEE-2"),
    (another_rule, "posting", "TRD-5"),
    (words_nobody_knows, "posting", "TRD-5"),
    (a_posting_less, "posting", "TRD-5"),
    (a_posting_more, "posting", "TRD-5"),
    (in_another_order, "posting", "TRD-5"),
    (refused, "refusal", "TRD-7"),
    (refused_with_postings, "refusal", "TRD-7"),
]


@pytest.mark.parametrize(("change", "what", "rule"), POSTING_CHANGES)
@pytest.mark.parametrize("form", ["log.jsonl", "log.parquet"])
def test_one_wrong_claim_of_a_trade_is_one_finding(log, tmp_path, change, what, rule, form):
    number = first_line(log, is_trade)
    wrong = changed(log, tmp_path / "wrong.jsonl", number, change)
    if form == "log.parquet":
        convert(str(wrong), str(tmp_path / form))
        wrong = tmp_path / form
    found = audited(wrong)
    (finding,) = found.findings
    event = number - 1
    # There is no checkpoint before it: rows are events, and lines have the header before them.
    assert event <= 200
    assert (finding["line"], finding["event"]) == (number if form == "log.jsonl" else event, event)
    assert (finding["what"], finding["rule"]) == (what, rule)
    assert finding["ours"] != finding["theirs"]
    assert found.counts.events == EVENTS, "an audit goes on after a finding"


def test_a_refusal_by_another_rule_or_reason_is_found(log, tmp_path):
    number = first_line(log, lambda line: "refused" in line)
    for key in ("rule", "reason"):
        wrong = changed(
            log, tmp_path / "wrong.jsonl", number, lambda line, key=key: line["refused"].update({key: "X"})
        )
        (finding,) = audited(wrong).findings
        assert (finding["what"], finding["line"]) == ("refusal", number)
        assert "X" in finding["theirs"] and "X" not in finding["ours"]


def test_a_refusal_that_the_log_says_was_accepted_is_found(log, tmp_path):
    number = first_line(log, lambda line: "refused" in line)
    (finding,) = audited(
        changed(log, tmp_path / "wrong.jsonl", number, lambda line: line.pop("refused"))
    ).findings
    assert (finding["theirs"], finding["line"]) == ("accepted", number)
    assert finding["ours"].startswith(f"refused {finding['rule']} ")


def test_another_digest_is_found(log, tmp_path):
    number = first_line(log, lambda line: "checkpoint" in line)
    theirs = "sha256:" + "0" * 64
    (finding,) = audited(
        changed(log, tmp_path / "wrong.jsonl", number, lambda line: line.update(digest=theirs))
    ).findings
    assert (finding["what"], finding["rule"], finding["line"], finding["event"]) == (
        "digest",
        "EVT-5",
        number,
        200,
    )
    assert finding["theirs"] == theirs


def test_an_event_that_the_log_changed_is_found_by_what_follows(log, tmp_path):
    number = first_line(
        log, lambda line: line.get("event", {}).get("type") == "deposit" and "postings" in line
    )
    wrong = changed(log, tmp_path / "wrong.jsonl", number, lambda line: line["event"].update(amount="1"))
    found = audited(wrong)
    assert found.findings[0]["line"] == number
    assert found.counts.findings["digest"] == 4


def test_findings_beyond_those_that_are_kept_are_counted(log, tmp_path, monkeypatch):
    monkeypatch.setattr("marginspec.audit.auditor.FINDINGS_KEPT", 5)
    lines = [{key: value for key, value in line.items() if key != "refused"} for line in lines_of(log)]
    found = audited(write_lines(tmp_path / "wrong.jsonl", lines))
    assert len(found.findings) == 5
    assert found.counts.findings["refusal"] == sum(found.counts.refused.values()) > 50


# The books


def test_postings_that_are_not_balanced_are_found():
    def answer(*events: list[tuple[str, str, int]]) -> Answer:
        markets = {"": -1, "A": 0, "B": 1}
        rows = [
            (ENTRY_KINDS.index(kind), 0, 1, 0, markets[market], 0, amount, 0)
            for event in events
            for kind, market, amount in event
        ]
        nothing = np.zeros(len(events), dtype=np.int16)
        first = np.cumsum([0, *map(len, events)])
        return Answer(len(events), None, nothing, nothing, first, np.array(rows, dtype=ENTRY))

    balanced = [("lots", "A", 2), ("lots", "B", -1), ("wallet", "", -7), ("lots", "A", -2), ("lots", "B", 1)]
    balanced.append(("fund", "", 7))
    assert unbalanced(answer(balanced, [], [("clock", "", 5), ("orders", "A", 3)])).tolist() == []
    crossed = [("lots", "A", 2), ("lots", "B", -2)]
    assert unbalanced(answer(balanced, crossed, balanced)).tolist() == [1]
    assert unbalanced(answer([], balanced[:-1], crossed, balanced)).tolist() == [1, 2]


@pytest.mark.parametrize("against", ["engine", "reference"])
def test_a_state_that_breaks_the_books_is_found(log, against):
    reader = open_log(str(log))
    auditor = Auditor(reader, policy_of(reader.header, None, str(log)), against, None, 3600)
    if against == "engine":
        core = auditor.machine.engine.core
        core.set_venue(core.clock, core.custody + 5, core.marks(), core.pools())
    else:
        auditor.machine.state = replace(auditor.machine.state, custody=5)
    found = auditor.run(lambda *_: None)
    broken = [finding for finding in found.findings if finding["what"] == "invariant"]
    assert [(finding["rule"], finding["event"]) for finding in broken] == [("PST-2", EVENTS)]
    assert "5 quanta" in broken[0]["ours"]


# What is kept


def test_an_audit_goes_on_where_it_was(logs, tmp_path):
    for name in FORMS:
        sound = audited(logs / name)
        with Evidence.open(tmp_path / f"{name}.sqlite", "audit", IDENTITY) as evidence:
            audited(logs / name, evidence=evidence, every=0)
            again = audited(logs / name, evidence=evidence, every=0)
        assert again.resumed == EVENTS
        assert (again.counts, again.digest, again.findings) == (sound.counts, sound.digest, sound.findings)


def test_a_log_that_changed_before_the_checkpoint_is_refused(log, tmp_path):
    path = tmp_path / "log.jsonl"
    lines = lines_of(log)
    write_lines(path, lines[:-1])
    with Evidence.open(tmp_path / "evidence.sqlite", "audit", IDENTITY) as evidence:
        audited(path, evidence=evidence)
        lines[5]["event"]["time"] = str(int(lines[5]["event"]["time"]) + 1)
        write_lines(path, lines)
        size = evidence.last_checkpoint().position
        assert (
            f"bytes 0 to {size:_} are no longer what was audited" in refusal(path, evidence=evidence).text()
        )


def test_a_full_disk_stops_an_audit_that_then_goes_on(log, tmp_path):
    lines = [{key: value for key, value in line.items() if key != "refused"} for line in lines_of(log)]
    wrong = write_lines(tmp_path / "wrong.jsonl", lines)
    with Evidence.open(tmp_path / "evidence.sqlite", "audit", IDENTITY) as evidence:
        pages = evidence._connection.execute("PRAGMA page_count").fetchone()[0]
        evidence._connection.execute(f"PRAGMA max_page_count = {pages + 3}")
        with pytest.raises(EvidenceError, match="database or disk is full"):
            audited(wrong, evidence=evidence, every=0)
        reached = evidence.last_checkpoint()
        assert reached is not None and 0 < len(evidence.findings()) < 50
        evidence._connection.execute("PRAGMA max_page_count = 1000000")
        found, sound = audited(wrong, evidence=evidence, every=0), audited(wrong)
        assert found.resumed == reached.counts["counts"]["events"] > 0
        assert (found.counts, found.findings, found.digest) == (sound.counts, sound.findings, sound.digest)
        assert evidence.findings() == list(sound.findings)


def test_a_log_that_cannot_be_written_leaves_nothing(history, tmp_path):
    policy, _, _ = history
    with pytest.raises(LogError, match="names no form of a log"):
        write_log(tmp_path / "log.csv", policy, [])
    with pytest.raises(LogError, match=r"event 1 cannot be computed"):
        write_log(tmp_path / "log.jsonl", policy, [Deposit(0, "a", 2**62 + 1)])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(LogError, match="cannot be written: no such file or directory"):
        write_log(tmp_path / "no" / "log.jsonl", policy, [])


# The command


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["replay", *arguments])

    return command


def test_the_command_says_that_all_is_right(run, log, history):
    told = run(str(log), "--json", "facts.json")
    assert told.exit_code == 0, told.output
    assert "Everything is as the log says." in told.output and history[2] in told.output
    facts = json.loads(Path("facts.json").read_text())
    assert (facts["ok"], facts["events"], facts["digest"], facts["findings"]) == (
        True,
        EVENTS,
        history[2],
        [],
    )
    (kept,) = Path("runs/audit").iterdir()
    with pytest.raises(EvidenceError, match="another run"):
        Evidence.open(kept, "audit", IDENTITY)


def test_the_command_tells_line_event_rule_ours_and_theirs(run, log, tmp_path):
    number = first_line(log, is_trade)
    wrong = changed(log, tmp_path / "wrong.jsonl", number, off_by_one)
    told = run(str(wrong), "--evidence", "kept.sqlite")
    assert told.exit_code == 1
    assert f"DIFFERS  line {number}, event {number - 1}   TRD-6   posting   ours: wallet TRD-6" in told.output
    assert "theirs: wallet TRD-6" in told.output and "Kept in kept.sqlite." in told.output


def test_the_command_says_where_it_stopped(run, log, tmp_path):
    (tmp_path / "torn.jsonl").write_bytes(log.read_bytes()[:-10])
    told = run("torn.jsonl", "--json", "facts.json")
    assert told.exit_code == 2
    assert f"stopped after event {EVENTS}; what stands before it is audited" in told.output
    facts = json.loads(Path("facts.json").read_text())
    assert not facts["ok"] and "cut off" in facts["stopped"] and facts["events"] == EVENTS


def test_an_interrupted_audit_says_how_to_go_on(run, log, monkeypatch):
    def interrupted(self, table, records):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Auditor, "_table", interrupted)
        told = run(str(log), "--evidence", "kept.sqlite")
    assert told.exit_code == 130 and "The same command goes on from its last checkpoint." in told.output
    assert run(str(log), "--evidence", "kept.sqlite").exit_code == 0


def test_the_command_writes_the_other_form(run, log):
    assert run(str(log), "--to", "log.parquet").exit_code == 0
    assert run("log.parquet", "--against", "reference").exit_code == 0
    assert run(str(log), "--to", "log.parquet", "--against", "engine").exit_code == 2
    assert run(str(log), "--to", "log.txt").exit_code == 2


def test_options_of_logs_do_not_go_with_a_trace(run, tmp_path):
    (tmp_path / "trace.json").write_text("{}")
    told = run("trace.json", "--against", "engine")
    assert told.exit_code == 2 and "go with a log, and FILE is none" in told.output


def test_without_pyarrow_it_is_said_what_to_install(run, logs, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    told = run(str(logs / "log.parquet"))
    assert told.exit_code == 2 and "pip install 'marginspec[arrow]'" in told.output
    assert run(str(logs / "log.jsonl.gz")).exit_code == 0


def test_the_bench_measures_what_it_says():
    found = bench(accounts=300, events=3_000, lines=1_000, repeats=1)
    assert found["events"] == 300 + 1 + 4 * 150 + 3_000
    assert all(rate > 0 for rate in found["events_per_second"].values())
