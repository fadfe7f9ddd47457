"""Bench of fastpath.evaluate: how long one look at every account of a venue takes.

Goals: the ratio to a numpy version of the same work (5 on one thread, 8 on two), exactly equal results; the
ratio to streaming the same bytes once, which no implementation can beat (3 on two threads); all in one run,
core time where one thread works and time on the wall where several do. Not goals: latency of a single
account, preparing the columns, venues whose tables do not fit the cache.

    python tests/bench/bench_evaluate.py [--accounts 1000000] [--threads 2] [--json FILE]
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from fastpath import Columns, Evaluation, evaluate  # noqa: E402
from tests.bench.numpy_evaluate import numpy_evaluate  # noqa: E402
from tests.bench.venue import bench_columns  # noqa: E402

MARKETS = 300
INPUTS = ("wallet", "first_position", "market", "size", "cost", "buys", "sells")
OUTPUTS = ("equity", "margin_initial", "margin_maintenance", "status")


def stream(columns: Columns) -> int:
    """Reads every input byte once, and writes every output byte once into fresh memory: the bound."""
    total = 0
    for name in INPUTS:
        column = getattr(columns, name)
        words = column.view(np.uint8)[: column.nbytes // 8 * 8].view(np.int64)
        total ^= int(words.sum())
    accounts = len(columns.wallet)
    for _ in range(3):
        np.empty(accounts, dtype=np.int64).fill(0)
    np.empty(accounts, dtype=np.int8).fill(0)
    return total


def best_times(works: Sequence[tuple[Callable[[], Any], int]], rounds: int) -> list[tuple[float, Any]]:
    """Seconds of the fastest run of each, and its result; one after the other in every round.

    works  each with its number of threads: of one, the core's time counts, of more, the time on the wall
    What disturbs a run only ever makes it slower; in turns, it disturbs all of them alike.
    """
    best, results = [float("inf")] * len(works), [None] * len(works)
    for _ in range(rounds):
        for place, (work, threads) in enumerate(works):
            clock = time.thread_time if threads == 1 else time.perf_counter
            begin = clock()
            results[place] = work()
            best[place] = min(best[place], clock() - begin)
    return list(zip(best, results, strict=True))


def result_hash(evaluation: Evaluation) -> str:
    """SHA-256 over all results, so that nobody speeds up the wrong answer."""
    digest = hashlib.sha256()
    for name in OUTPUTS:
        digest.update(getattr(evaluation, name).tobytes())
    return digest.hexdigest()


def commit() -> str:
    """The commit that is measured, or "none"; with "+" if the work tree differs from it."""
    try:
        short = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return short or "none"


def run(accounts: int = 1_000_000, threads: int = 2, repeats: int = 15) -> dict[str, Any]:
    """Measures streaming, numpy and the fast path on one venue.

    accounts  with 4 positions each on average
    threads   also measured with this many, if more than 1
    returns   what the table shows, for JSON
    Errors: AssertionError if two results differ.
    """
    columns = bench_columns(accounts, MARKETS)
    positions = len(columns.market)
    counts = sorted({1, threads})
    names = [
        "stream the same bytes",
        "numpy, 1 thread",
        *(f"fastpath, {count} thread{'s' if count > 1 else ''}" for count in counts),
    ]
    works: list[tuple[Callable[[], Any], int]] = [
        (lambda: stream(columns), 1),
        (lambda: numpy_evaluate(columns), 1),
    ]
    works += [(lambda count=count: evaluate(columns, count), count) for count in counts]
    times = best_times(works, repeats)
    (bound, _), (numpy_time, expected) = times[:2]
    rows = [
        (name, spent, result if place else None)
        for place, (name, (spent, result)) in enumerate(zip(names, times, strict=True))
    ]
    for name, _, result in rows[2:]:
        for column in OUTPUTS:
            equal = np.array_equal(getattr(result, column), getattr(expected, column))
            assert equal, f"{name} and numpy differ in {column}"
    floors = columns.schedules.floors.reshape(MARKETS, -1)
    return {
        "bench": "evaluate",
        "accounts": accounts,
        "positions": positions,
        "markets": MARKETS,
        "brackets_mean": round(float((floors < np.iinfo(np.int64).max).sum() / MARKETS), 1),
        "bytes": sum(getattr(columns, name).nbytes for name in INPUTS)
        + sum(getattr(expected, name).nbytes for name in OUTPUTS),
        "commit": commit(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "rows": [
            {
                "name": name,
                "seconds": spent,
                "positions_per_second": positions / spent,
                "times_numpy": numpy_time / spent,
                "times_streaming": spent / bound,
                "result": result_hash(result) if result is not None else None,
            }
            for name, spent, result in rows
        ],
    }


def table(report: dict[str, Any]) -> str:
    """The report as a person reads it; times numpy: higher is faster; times streaming: 1 is the bound."""
    lines = [
        f"evaluate   {report['accounts']:,} accounts, {report['positions']:,} positions, "
        f"{report['markets']} markets, {report['brackets_mean']} brackets, {report['bytes'] / 1e6:,.0f} MB",
        f"           commit {report['commit']}, {report['cores']} cores, {report['machine']}, "
        f"CPython {report['python']}, numpy {report['numpy']}",
        f"{'':24}{'time':>12}{'positions/s':>15}{'against numpy':>16}{'against streaming':>20}   result",
    ]
    for row in report["rows"]:
        lines.append(
            f"{row['name']:24}{row['seconds'] * 1e3:9.2f} ms{row['positions_per_second'] / 1e6:13.1f} M"
            f"{row['times_numpy']:14.2f} x{row['times_streaming']:18.2f} x   {(row['result'] or '')[:8]}"
        )
    lines.append(
        "what bounds it: instructions, some hundred per position, half of them for its two requirements; "
        "memory is fetched meanwhile"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure fastpath.evaluate against numpy and memory.")
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path, help="also write the report there, as JSON")
    arguments = parser.parse_args()
    report = run(arguments.accounts, arguments.threads, arguments.repeats)
    print(table(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
