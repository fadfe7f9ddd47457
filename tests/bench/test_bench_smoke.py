"""The benches, small. Goal: they run, all sides agree, the reports are complete.

Method: one run of a few thousand accounts, or a few hundred; speed is not judged, since a shared machine
cannot. NautilusTrader is not installed for it: that its absence is said is one of the cases.
"""

import json

from marginspec.vectors.files import path_of, read_file
from tests.bench import bench_conform, bench_engine, bench_peers, bench_resolution
from tests.bench.bench_evaluate import run, table
from tests.bench.venue import bench_columns


def test_a_small_bench_runs_and_all_sides_give_the_same_result():
    report = run(accounts=3_000, threads=2, repeats=1)
    results = {row["result"] for row in report["rows"] if row["result"] is not None}
    assert len(results) == 1
    assert [row["name"] for row in report["rows"]] == [
        "stream the same bytes",
        "numpy, 1 thread",
        "fastpath, 1 thread",
        "fastpath, 2 threads",
    ]
    assert all(row["seconds"] > 0 for row in report["rows"])
    assert json.loads(json.dumps(report)) == report
    assert results.pop()[:8] in table(report)


def test_the_result_of_a_size_never_changes():
    first, second = run(accounts=500, threads=1, repeats=1), run(accounts=500, threads=1, repeats=1)
    assert [row["result"] for row in first["rows"]] == [row["result"] for row in second["rows"]]


def test_a_small_resolution_closes_every_bankrupt_account_under_each_allocation():
    report = bench_resolution.run(accounts=200, bankrupt=20)
    assert {row["allocation"] for row in report["rows"]} == {"queue", "pro_rata", "capped_pro_rata"}
    assert all(row["shares"] > 0 for row in report["rows"])
    assert json.loads(json.dumps(report)) == report


def test_a_small_bench_of_the_engine_ends_where_the_law_does():
    report = bench_engine.run(accounts=400, trades=500, law_trades=50)
    assert report["law"]["ratio"] > 0 and report["law"]["trades"] == 50
    (row,) = report["rows"]
    assert row["entries_per_trade"] > 0 and row["bytes_per_account"] > 0 and row["check"]["core"] > 0
    assert json.loads(json.dumps(report)) == report
    assert row["result"][:8] in bench_engine.table(report)


def test_a_small_bench_of_the_harness_measures_every_driver_and_every_kind_of_vector():
    files = [read_file(path_of(rule)) for rule in ("LIQ-3", "MAR-8", "POL-9")]
    report = bench_conform.run(events=120, rounds=1, again=1, files=files)
    assert set(report["live"]["per_second"]) == set(bench_conform.TITLES)
    assert all(rate > 0 for rate in report["live"]["per_second"].values())
    assert [row["kind"] for row in report["vectors"]] == ["event", "query", "policy"]
    assert all(min(row["cases"], *row["per_second"].values()) > 0 for row in report["vectors"])
    assert json.loads(json.dumps(report)) == report
    assert "Hypothesis, the law as the engine" in bench_conform.table(report)


def test_the_table_of_peers_says_who_was_not_measured():
    report = bench_peers.run(accounts=50, repeats=1, nautilus=False)
    assert set(report["nanoseconds"]) == {"streaming", "fastpath", "numpy", "law"}
    assert all(spent > 0 for spent in report["nanoseconds"].values())
    alone = bench_peers.table(report, {})
    assert "quoted, not run here" in alone and "not asked for" in alone
    assert alone.endswith("not measured in this run: engine, watch, audit")
    engine = bench_engine.run(accounts=400, trades=100, law_trades=10)
    together = bench_peers.table(report, {"engine": engine})
    assert "a check before a trade" in together and together.endswith("in this run: watch, audit")


def test_a_peer_that_cannot_be_had_is_skipped_with_a_sentence(monkeypatch):
    def nothing():
        raise OSError("no network")

    monkeypatch.setattr(bench_peers, "nautilus_python", nothing)
    found = bench_peers.nautilus_margins(bench_columns(5), 5)
    assert found == {"skipped": "NautilusTrader cannot be had here: OSError"}
