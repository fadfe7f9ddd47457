"""The benches, small. Goal: they run, the sides of evaluate agree, the reports are complete.

Method: one run of a few thousand accounts, or a few hundred; speed is not judged, since a shared machine
cannot.
"""

import json

from tests.bench import bench_resolution
from tests.bench.bench_evaluate import run, table


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
