"""A campaign that keeps what it does. Goal: stopped and gone on, or in parts and merged, it says the same.

Method: a run that is interrupted after some chunks and goes on, and two such runs merged, against one run at
a time; with a law that breaks, so that findings are kept too.
"""

from dataclasses import replace

import pytest

from marginspec.evidence import EvidenceError, merge
from marginspec.policy_file import read_policy
from marginspec.search.campaign import run_campaign
from tests.campaign_support import MINIMAL

EVENTS = 9_000


def comparable(report):
    return replace(report, seconds=0.0, earlier=0, violations=())


def interrupted_after(chunks):
    calls = []

    def progress(done, total):
        calls.append(done)
        if len(calls) == chunks:
            raise KeyboardInterrupt

    return progress


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run_campaign(MINIMAL, EVENTS, 1, 3, runs=tmp_path_factory.mktemp("runs"))


def test_a_stopped_campaign_goes_on_where_it_was(whole, tmp_path):
    file = tmp_path / "kept.sqlite"
    first = run_campaign(MINIMAL, EVENTS, 1, 3, interrupted_after(1), runs=tmp_path, evidence=file)
    assert first.interrupted and 0 < first.events < EVENTS
    second = run_campaign(MINIMAL, EVENTS, 1, 3, runs=tmp_path, evidence=file)
    assert second.earlier == first.events and not second.interrupted
    assert comparable(second) == comparable(whole)


def test_parts_of_a_campaign_are_merged_and_counted_once(whole, tmp_path):
    one, other, both = (tmp_path / name for name in ("one", "other", "both"))
    run_campaign(MINIMAL, EVENTS, 1, 3, interrupted_after(1), runs=tmp_path, evidence=one)
    run_campaign(MINIMAL, EVENTS, 1, 3, interrupted_after(2), runs=tmp_path, evidence=other)
    assert merge(both, [one]) == (1, 1)
    assert merge(both, [one, other]) == (2, 1)
    merged = run_campaign(MINIMAL, EVENTS, 1, 3, runs=tmp_path, evidence=both)
    assert merged.earlier > 0 and comparable(merged) == comparable(whole)


def test_what_was_found_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr("refmodel.funding.funding_per_lot", lambda rate, mark, multiplier: 10**9)
    file = tmp_path / "kept.sqlite"
    first = run_campaign(MINIMAL, EVENTS, 1, 3, on_found=lambda text: None, runs=tmp_path, evidence=file)
    second = run_campaign(MINIMAL, EVENTS, 1, 3, on_found=lambda text: None, runs=tmp_path, evidence=file)
    assert first.broken > 0 and second.earlier == second.events == first.events
    assert comparable(second) == comparable(first)
    assert [one.sentence for one in second.violations] == [one.sentence for one in first.violations]


def test_files_of_other_runs_are_refused(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    run_campaign(MINIMAL, 200, 1, 3, runs=tmp_path, evidence=one)
    run_campaign(read_policy("bybit-like"), 200, 1, 3, runs=tmp_path, evidence=other)
    with pytest.raises(EvidenceError, match="of another run: there policy is"):
        merge(one, [other])
    with pytest.raises(EvidenceError, match="is not there"):
        merge(one, [tmp_path / "nothing"])
    (tmp_path / "text").write_text("no database\n" * 100)
    with pytest.raises(EvidenceError, match="is damaged"):
        merge(one, [tmp_path / "text"])
