"""Bench of fastpath.watch: what a tick costs with the liquidation index, and what a crash does to it.

Goals: the cost of a tick in a venue of many accounts against that in one of few, with as many near the edge;
a crash in which every tick's liquidations are those of a full scan; the bytes of an account. Core time
throughout: what other programs take does not count. Not a goal: what resolving bankrupt accounts costs
(bench_resolution.py).

    python tests/bench/bench_watch.py [--accounts 10000000] [--crash 1000000] [--json FILE]
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from fastpath.engine import EVENT_TYPES, Engine  # noqa: E402
from fastpath.watch import Watch  # noqa: E402
from marginspec.policy_file import read_policy  # noqa: E402
from tests.bench.bench_evaluate import commit  # noqa: E402

MARKETS = 20
MARK = 100_000
"""Ticks, in every market, before anything moves: 5 bp are 50 ticks."""
STEP = 50
TURN = 10
"""Ticks of one venue before the other has its turn."""
POOLS = 1
"""Of the venue, each with a backstop account: the cross pool."""
PRICES = EVENT_TYPES.index("prices")
NONE = (0, -1, -1, -1, -1, -1, -1, 0, 0)


def venue_of(accounts: int, reserves: np.ndarray, markets: int = MARKETS) -> Engine:
    """A venue of pairs, a long and the short opposite to it, both in the first market and in another.

    accounts  an even number
    reserves  ppm of its notional, of each account: the equity that it begins with
    """
    policy = read_policy("binance-usdm")
    kept = {name: policy.markets[name] for name in sorted(policy.markets)[:markets]}
    limits = {pool: limit for pool, limit in policy.draw_limits.items() if pool == "cross"}
    engine = Engine(replace(policy, markets=kept, isolated=(), draw_limits=limits))
    core, first = engine.core, engine.core.account_count
    core.add_accounts([False] * accounts)
    core.add_owners(1)
    multipliers = [kept[name].multiplier for name in engine.markets]
    lots = [max(10**9 // (MARK * multiplier), 1) for multiplier in multipliers]
    custody = 0
    for each in range(accounts):
        pair = each // 2
        side = 1 if each % 2 == 0 else -1
        other = 1 + pair % (markets - 1)
        rows, notional = [], 0
        for market in (0, other):
            size = lots[market] * (1 + pair % 7)
            value = size * MARK * multipliers[market]
            notional += value
            rows.append((market, side * size, side * value, 0, 0))
        wallet = notional * int(reserves[each]) // 10**6
        custody += wallet
        core.set_account(first + each, 0, 0, wallet, rows)
    core.set_venue(0, custody, [MARK] * markets, [(0, 0, 0, 0, 0)])
    return engine


def tick(engine: Engine, price: int, market: int = 0) -> None:
    """One price event. Errors: AssertionError if it is refused."""
    row = (PRICES, *NONE)
    outcome = engine.core.apply_one(*row, np.array([market], np.int32), np.array([price], np.int64))
    assert outcome == 0, (engine.core.refusal(), engine.core.fault())


def bring_to_the_edge(engine: Engine, accounts: int, ticks: int) -> None:
    """Leaves so many longs, here and there, their margin and what they lose in a few ticks more."""
    core = engine.core
    pairs = (core.account_count - POOLS) // 2
    for number in range(accounts):
        name = POOLS + 2 * (number * pairs // accounts)
        owner, pool, _, rows = core.account(name)
        cost = rows[0][2]
        _, _, maintenance, _ = core.standing(name)
        moves = ticks * (2 * accounts + number) // (2 * accounts) + 1
        core.set_account(name, owner, pool, maintenance + cost * STEP * moves // MARK, rows)


def ticks_of(sizes: list[int], near: int, ticks: int) -> list[dict[str, Any]]:
    """What ticks cost that each move one market by 5 bp further down, with so many accounts near the edge.

    sizes  accounts of each venue; they take turns, so that what else the caches hold meets all of them.
           Before its turn a venue is scanned once: a small one is then in the caches, a large one cannot be
    returns  of each venue the medians of what a tick costs and of how many accounts it evaluates, over the
             ticks that reach somebody: those of the first half do not
    """
    watches, rows = [], []
    for accounts in sizes:
        engine = venue_of(accounts, np.full(accounts, 500_000))
        bring_to_the_edge(engine, near, ticks)
        watch = Watch(engine)
        begin = time.thread_time()
        watch.liquidatable()
        rows.append({"accounts": accounts, "near": near, "build_seconds": time.thread_time() - begin})
        watches.append((engine, watch))
    seconds: list[list[float]] = [[] for _ in sizes]
    evaluated: list[list[int]] = [[] for _ in sizes]
    for first in range(1, ticks + 1, TURN):
        for place, (engine, watch) in enumerate(watches):
            watch.scan()
            for number in range(first, min(first + TURN, ticks + 1)):
                begin = time.thread_time()
                tick(engine, MARK - STEP * number)
                watch.liquidatable()
                seconds[place].append(time.thread_time() - begin)
                evaluated[place].append(watch.evaluated)
    for place, (engine, watch) in enumerate(watches):
        assert np.array_equal(watch.liquidatable(), np.sort(watch.scan()))
        reaching = [number for number in range(ticks) if evaluated[place][number] > 0]
        rows[place] |= {
            "tick_seconds": median(seconds[place][number] for number in reaching),
            "evaluated": median(evaluated[place][number] for number in reaching),
            "hot": watch.hot,
            "bytes_per_account": engine.core.bytes_used() / sizes[place],
            "index_bytes_per_account": watch.bytes_used() / sizes[place],
        }
    return rows


def crash(accounts: int, ticks: int, every: int) -> dict[str, Any]:
    """A fall of 30 % of every market, tick by tick; the liquidations are compared with those of a full scan.

    every  how many ticks apart
    Errors: AssertionError if a tick finds other accounts than the scan.
    """
    rng = np.random.default_rng(20_251_010)
    engine = venue_of(accounts, rng.integers(20_000, 500_000, accounts))
    watch = Watch(engine)
    watch.liquidatable()
    seconds, scans, evaluated, found = 0.0, 0.0, 0, 0
    compared = 0
    for number in range(1, ticks + 1):
        price = MARK - MARK * 3 * number // (10 * ticks)
        begin = time.thread_time()
        markets = np.arange(MARKETS, dtype=np.int32)
        outcome = engine.core.apply_one(PRICES, *NONE, markets, np.full(MARKETS, price, np.int64))
        assert outcome == 0, (engine.core.refusal(), engine.core.fault())
        accounts_found = watch.liquidatable()
        seconds += time.thread_time() - begin
        evaluated += watch.evaluated
        found += len(accounts_found)
        if number % every == 0:
            begin = time.thread_time()
            scanned = np.sort(watch.scan())
            scans += time.thread_time() - begin
            compared += 1
            assert np.array_equal(accounts_found, scanned), f"tick {number} differs from the scan"
    return {
        "accounts": accounts,
        "ticks": ticks,
        "seconds": seconds,
        "scan_seconds": scans * ticks / max(compared, 1),
        "compared": compared,
        "evaluated": evaluated,
        "liquidatable": found,
    }


def run(
    accounts: int = 10_000_000, crash_accounts: int = 1_000_000, ticks: int = 40, near: int = 20_000
) -> dict[str, Any]:
    """Measures ticks in a small and in a large venue, and a crash of 15 times as many ticks.

    returns  what the table shows, for JSON
    """
    return {
        "bench": "watch",
        "commit": commit(),
        "markets": MARKETS,
        "ticks": ticks,
        "rows": ticks_of([max(accounts // 100, 4 * near), accounts], near, ticks),
        "crash": crash(crash_accounts, 15 * ticks, 1),
    }


def table(report: dict[str, Any]) -> str:
    """The report as a person reads it."""
    lines = [
        f"watch   {report['ticks']} ticks, each moves one market of {report['markets']} by 5 bp   "
        f"commit {report['commit']}",
        f"{'accounts':>14}{'near the edge':>16}{'evaluated a tick':>19}{'one tick':>13}{'first look':>13}"
        f"{'bytes an account':>19}",
    ]
    for row in report["rows"]:
        size = row["bytes_per_account"] + row["index_bytes_per_account"]
        lines.append(
            f"{row['accounts']:14,}{row['near']:16,}{row['evaluated']:19,.0f}"
            f"{row['tick_seconds'] * 1e6:10.1f} us{row['build_seconds']:11.2f} s{size:19.1f}"
        )
    small, large = report["rows"]
    lines.append(f"{large['tick_seconds'] / small['tick_seconds']:.2f} times the cost of the smaller venue")
    fall = report["crash"]
    lines += [
        f"crash   {fall['accounts']:,} accounts, all markets -30 % in {fall['ticks']} ticks: "
        f"{fall['seconds']:.1f} s, resolutions included",
        f"        {fall['evaluated']:,} evaluations; full scans of the same ticks: "
        f"{fall['scan_seconds']:.1f} s",
        f"        {fall['liquidatable']:,} times an account was liquidatable, as the scan said in each of "
        f"{fall['compared']} ticks compared",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the liquidation index.")
    parser.add_argument("--accounts", type=int, default=10_000_000)
    parser.add_argument("--crash", type=int, default=1_000_000, help="accounts of the crash")
    parser.add_argument("--json", type=Path, help="also write the report there, as JSON")
    arguments = parser.parse_args()
    report = run(arguments.accounts, arguments.crash)
    print(table(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
