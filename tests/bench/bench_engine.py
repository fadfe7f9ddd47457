"""Bench of fastpath.engine: trades a second with full margin checks on both accounts; checks before a trade.

Goals: the ratio to the law on the same trades, with equal digests; the rate in a small and in a large venue;
the time of a check before a trade and of the slowest of a thousand; the bytes of an account; all in one run.
Core time throughout: what other programs take does not count. Not goals: encoding events from objects, ticks
(bench_watch.py), closing accounts out (bench_resolution.py).

    python tests/bench/bench_engine.py [--accounts 1000000] [--trades 200000] [--json FILE]
"""

import argparse
import hashlib
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from fastpath.engine import EVENT_TYPES, Batch, Engine  # noqa: E402
from fastpath.engine.results import BATCH_TYPES  # noqa: E402
from marginspec.policy_file import read_policy  # noqa: E402
from refmodel.canonical import digest  # noqa: E402
from refmodel.events import Trade  # noqa: E402
from refmodel.policy import Policy  # noqa: E402
from refmodel.state import CROSS, Account, OpenOrders, Position, Venue, genesis  # noqa: E402
from refmodel.trading import BUY, SELL  # noqa: E402
from refmodel.venue import apply  # noqa: E402
from tests.bench.bench_evaluate import commit  # noqa: E402

SEED = 20_251_010
MARKETS = 300
POSITIONS = 4
"""Of every account, before and after: trades change sizes and open no market."""
MARK = 100_000
"""Ticks, in every market."""
RESTING = 1_000
"""Lots that every account bids and offers in each of its markets."""
WALLET = 10**12
PAIRS_OF_A_GROUP = 20
"""A long and the short opposite to it, times so many, hold the same markets: they trade among themselves."""
LAW_ACCOUNTS, LAW_TRADES = 1_000, 2_000
GOAL_RATIO = 300
"""Trades of the engine for one of the law."""
GOAL_CHECK = 150
"""ns of a pre-trade check."""
TOGETHER = 64
"""Checks that are timed together: a clock costs as much as a check."""
BATCH = 5_000
"""Trades that arrive together."""
TRADE = EVENT_TYPES.index("trade")

Row = tuple[int, int, int, int, int]
"""market, size, cost, buys, sells"""


def bench_policy() -> Policy:
    """Binance's published brackets, of the first markets in the order of their identifiers."""
    policy = read_policy("binance-usdm")
    kept = {name: policy.markets[name] for name in sorted(policy.markets)[:MARKETS]}
    limits = {pool: limit for pool, limit in policy.draw_limits.items() if pool == CROSS}
    return replace(policy, markets=kept, isolated=(), draw_limits=limits)


def group_of(account: int, accounts: int) -> int:
    return account // 2 % max(accounts // 2 // PAIRS_OF_A_GROUP, 1)


def markets_of(group: int) -> list[int]:
    return sorted((group * 3 + position * 11) % MARKETS for position in range(POSITIONS))


def rows_of(account: int, accounts: int, multipliers: list[int]) -> list[Row]:
    """Longs are even, the short opposite to one is the next."""
    size = (10 + account // 2 % 7) * (1 if account % 2 == 0 else -1)
    return [
        (market, size, size * MARK * multipliers[market], RESTING, RESTING)
        for market in markets_of(group_of(account, accounts))
    ]


def law_venue(policy: Policy, accounts: int) -> Venue:
    """The venue as the law holds it."""
    names = sorted(policy.markets)
    multipliers = [policy.markets[name].multiplier for name in names]
    venue = genesis(policy)
    holders = dict(venue.accounts)
    for account in range(accounts):
        rows = rows_of(account, accounts, multipliers)
        positions = {names[market]: Position(size, cost) for market, size, cost, *_ in rows}
        orders = {names[market]: OpenOrders(buys, sells) for market, *_, buys, sells in rows}
        holders[f"a{account:07}"] = Account("owner", CROSS, WALLET, positions, orders)
    marks = dict.fromkeys(names, MARK)
    return replace(venue, marks=marks, accounts=holders, custody=accounts * WALLET)


def engine_of(policy: Policy, accounts: int) -> tuple[Engine, int]:
    """The same venue in the engine, and the number of its first account."""
    engine = Engine(policy)
    first = engine.core.account_count
    engine.intern_owners(["owner"])
    engine.intern_accounts(f"a{account:07}" for account in range(accounts))
    owner = engine.owner_ids["owner"]
    multipliers = [policy.markets[name].multiplier for name in engine.markets]
    engine.core.set_venue(0, accounts * WALLET, [MARK] * MARKETS, [(0, 0, 0, 0, 0)] * len(engine.pools))
    for account in range(accounts):
        rows = rows_of(account, accounts, multipliers)
        engine.core.set_account(first + account, owner, 0, WALLET, rows)
    return engine, first


def drawn_trades(accounts: int, trades: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Takers anywhere, makers of the same group, prices within 0.02 % of the mark, 1 to 3 lots."""
    pairs = accounts // 2
    groups = max(pairs // PAIRS_OF_A_GROUP, 1)
    taker = rng.integers(0, groups * (pairs // groups) * 2, trades)
    group = taker // 2 % groups
    maker = 2 * (group + groups * rng.integers(0, pairs // groups, trades)) + rng.integers(0, 2, trades)
    maker = np.where(maker == taker, maker ^ 1, maker)
    market = (group * 3 + rng.integers(0, POSITIONS, trades) * 11) % MARKETS
    return {
        "taker": taker,
        "maker": maker,
        "market": market,
        "side": rng.integers(0, 2, trades),
        "lots": rng.integers(1, 4, trades),
        "price": MARK + rng.integers(-20, 21, trades),
    }


def batch_of(drawn: dict[str, np.ndarray], first: int) -> Batch:
    """Trades as columns."""
    count = len(drawn["taker"])
    columns: dict[str, Any] = {
        "type": np.full(count, TRADE),
        "time": np.zeros(count),
        "account": first + drawn["taker"],
        "other": first + drawn["maker"],
        "market": drawn["market"],
        "owner": np.full(count, -1),
        "pool": np.full(count, -1),
        "side": drawn["side"],
        "x": drawn["lots"],
        "y": drawn["price"],
        "first_mark": np.zeros(count + 1),
        "mark_market": np.empty(0),
        "mark_price": np.empty(0),
    }
    return Batch(
        **{name: np.ascontiguousarray(columns[name], dtype=kind) for name, kind in BATCH_TYPES.items()}
    )


def against_the_law(policy: Policy, trades: int) -> dict[str, Any]:
    """The same trades by both; core time of the law, and of the engine, the best of five.

    Errors: AssertionError if a trade is refused or the two differ in the end.
    """
    venue = law_venue(policy, LAW_ACCOUNTS)
    drawn = drawn_trades(LAW_ACCOUNTS, trades, np.random.default_rng(SEED))
    names = sorted(policy.markets)
    keys = ("taker", "maker", "market", "side", "lots", "price")
    events = [
        Trade(0, names[market], f"a{taker:07}", f"a{maker:07}", SELL if side else BUY, lots, price)
        for taker, maker, market, side, lots, price in zip(
            *(drawn[key].tolist() for key in keys), strict=True
        )
    ]
    engine_seconds = []
    for _ in range(5):
        engine, first = engine_of(policy, LAW_ACCOUNTS)
        batch = batch_of(drawn, first)
        begin = time.thread_time()
        outcome = engine.apply_batch(batch)
        engine_seconds.append(time.thread_time() - begin)
        assert outcome.applied == trades and not outcome.rule.any(), outcome.error
    begin = time.thread_time()
    for event in events:
        answer = apply(venue, event)
        assert answer.refusal is None, answer.refusal
        venue = answer.venue
    law_seconds = time.thread_time() - begin
    assert engine.digest() == digest(venue), "the engine and the law differ"
    return {
        "accounts": LAW_ACCOUNTS,
        "trades": trades,
        "law_per_second": trades / law_seconds,
        "engine_per_second": trades / min(engine_seconds),
        "ratio": law_seconds / min(engine_seconds),
        "result": engine.digest()[:19],
    }


def trades_of(policy: Policy, accounts: int, trades: int) -> dict[str, Any]:
    """Rounds of trades in one venue, and checks before trades in it.

    returns  of the fastest round: what disturbs one only ever makes it slower
    """
    engine, first = engine_of(policy, accounts)
    rng = np.random.default_rng(SEED)
    seconds = []
    entries = 0
    fingerprint = hashlib.sha256()
    for _ in range(5):
        drawn = drawn_trades(accounts, trades, rng)
        spent = 0.0
        for begin in range(0, trades, BATCH):
            batch = batch_of({key: column[begin : begin + BATCH] for key, column in drawn.items()}, first)
            begin_time = time.thread_time()
            outcome = engine.apply_batch(batch)
            spent += time.thread_time() - begin_time
            assert outcome.applied == len(batch) and not outcome.rule.any(), outcome.error
            entries += len(outcome.entries)
            fingerprint.update(outcome.entries.tobytes())
        seconds.append(spent)
    return {
        "accounts": accounts,
        "trades": trades,
        "per_second": trades / min(seconds),
        "nanoseconds": min(seconds) / trades * 1e9,
        "entries_per_trade": entries / (5 * trades),
        "bytes_per_account": engine.core.bytes_used() / accounts,
        "check": checks_of(engine, first, accounts, rng),
        "result": fingerprint.hexdigest()[:12],
    }


def checks_of(engine: Engine, first: int, accounts: int, rng: np.random.Generator) -> dict[str, float]:
    """ns of a check of an order in a market that the account holds, accounts in no order.

    core       of one check, of TOGETHER that are timed together: the median, and the slowest of a thousand
    call       of one call of Engine.check from Python, names and a clock included: the same
    """
    count = 4_000 * TOGETHER
    account = rng.integers(0, accounts, count)
    group = account // 2 % max(accounts // 2 // PAIRS_OF_A_GROUP, 1)
    market = ((group * 3 + rng.integers(0, POSITIONS, count) * 11) % MARKETS).astype(np.int32)
    name = (first + account).astype(np.int32)
    lots = rng.integers(1, 4, count) * rng.choice([-1, 1], count)
    price = np.full(count, MARK, dtype=np.int64)
    rules, free = np.empty(count, dtype=np.int16), np.empty(count, dtype=np.int64)
    core = []
    for begin in range(0, count, TOGETHER):
        here = slice(begin, begin + TOGETHER)
        columns = [column[here] for column in (name, market, lots, price, rules, free)]
        start = time.thread_time_ns()
        engine.core.check_columns(*columns)
        core.append((time.thread_time_ns() - start) / TOGETHER)
    assert not rules.any(), "an order was refused"
    calls = []
    for each in range(4_000):
        arguments = (engine.accounts[name[each]], engine.markets[market[each]], int(lots[each]), MARK)
        start = time.thread_time_ns()
        allowed, _, _ = engine.check(*arguments)
        calls.append(time.thread_time_ns() - start)
        assert allowed
    return {
        "core": float(np.median(core)),
        "core_999": float(np.quantile(core, 0.999)),
        "call": float(np.median(calls)),
        "call_999": float(np.quantile(calls, 0.999)),
    }


def run(accounts: int = 1_000_000, trades: int = 200_000, law_trades: int = LAW_TRADES) -> dict[str, Any]:
    """Measures the law and the engine on the same trades, and the engine in a small and in a large venue.

    returns  what the table shows, for JSON
    """
    policy = bench_policy()
    return {
        "bench": "engine",
        "commit": commit(),
        "markets": MARKETS,
        "positions": POSITIONS,
        "law": against_the_law(policy, law_trades),
        "rows": [trades_of(policy, count, trades) for count in sorted({min(10_000, accounts), accounts})],
    }


def table(report: dict[str, Any]) -> str:
    """The report as a person reads it."""
    law = report["law"]
    lines = [
        f"engine   {report['positions']} positions an account, {report['markets']} markets, Binance's "
        f"brackets   commit {report['commit']}",
        f"{'':30}{'accounts':>12}{'trades/s':>14}{'ns a trade':>12}{'against the law':>18}   result",
        f"{'law, 1 thread':30}{law['accounts']:12,}{law['law_per_second']:14,.0f}"
        f"{1e9 / law['law_per_second']:12,.0f}{1:16.0f} x   {law['result'][-8:]}",
        f"{'engine, the same trades':30}{law['accounts']:12,}{law['engine_per_second']:14,.0f}"
        f"{1e9 / law['engine_per_second']:12,.0f}{law['ratio']:16.0f} x   {law['result'][-8:]}",
    ]
    for row in report["rows"]:
        lines.append(
            f"{'engine, 1 thread':30}{row['accounts']:12,}{row['per_second']:14,.0f}"
            f"{row['nanoseconds']:12,.0f}{row['per_second'] / law['law_per_second']:16.0f} x   "
            f"{row['result'][:8]}"
        )
    lines.append(
        f"the goal is {GOAL_RATIO} x the law; what bounds it: the margins of both accounts, three fifths"
        " of the time; and in a large venue waiting for accounts that are in no cache"
    )
    lines.append(
        f"{'check before a trade':30}{'accounts':>12}{'in a loop':>14}{'p99.9':>12}{'from Python':>16}"
        f"{'p99.9':>12}{'bytes an account':>20}"
    )
    for row in report["rows"]:
        check = row["check"]
        lines.append(
            f"{'':30}{row['accounts']:12,}{check['core']:11.0f} ns{check['core_999']:9.0f} ns"
            f"{check['call']:13.0f} ns{check['call_999']:9.0f} ns{row['bytes_per_account']:20.0f}"
        )
    lines.append(
        f"the goal is {GOAL_CHECK} ns; in a loop, {TOGETHER} are timed together: p99.9 is of their mean"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the engine against the law.")
    parser.add_argument("--accounts", type=int, default=1_000_000, help="of the large venue")
    parser.add_argument("--trades", type=int, default=200_000, help="of a round")
    parser.add_argument("--json", type=Path, help="also write the report there, as JSON")
    arguments = parser.parse_args()
    report = run(arguments.accounts, arguments.trades)
    print(table(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
