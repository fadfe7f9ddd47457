"""The table of `make bench`: ours beside peers and bounds, as ratios.

Goals: margins of the same accounts by the fast path, by numpy, by the law and by NautilusTrader, in one run,
ours and the law's exactly equal; beside them what the other benches of the same run have reported. Figures of
engines that were not run here are marked as quoted. Not a goal: a ranking; each peer says what it leaves out.

    python tests/bench/bench_peers.py [--accounts 1000000] [--reports FOLDER] [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from fastpath import STATUSES, Columns, evaluate  # noqa: E402
from proofs import worlds  # noqa: E402
from refmodel.margin import standing_of, status  # noqa: E402
from refmodel.policy import Schedule, Tier  # noqa: E402
from refmodel.state import CROSS, Account, OpenOrders, Position, Venue  # noqa: E402
from tests.bench.bench_evaluate import MARKETS, commit, stream  # noqa: E402
from tests.bench.numpy_evaluate import numpy_evaluate  # noqa: E402
from tests.bench.venue import bench_columns  # noqa: E402

NAUTILUS = "nautilus_trader==1.221.0"
ENVIRONMENT = ROOT / "build" / "peers"
"""NautilusTrader's own, beside ours: it asks for other versions of what we use."""
SLOW_ACCOUNTS = 1_000
"""The first of the same accounts, for those who take microseconds."""
QUOTED = {"trade": 655, "maintenance check": 45}
"""ns of percolator, a single-threaded engine in Rust: measured elsewhere, on a comparable core."""


def best(work: Any, repeats: int) -> float:
    """Seconds of one core's time, of the fastest run."""
    seconds = []
    for _ in range(repeats):
        begin = time.thread_time()
        work()
        seconds.append(time.thread_time() - begin)
    return min(seconds)


# ------------------------------------------------------------------------------------- the law


def law_venue(columns: Columns, accounts: int) -> Venue:
    """The first accounts of the columns, as the law holds them."""
    schedules, width = columns.schedules, columns.schedules.width
    names = [f"m{market:03}" for market in range(len(columns.mark))]
    markets = {}
    for market, name in enumerate(names):
        here = slice(market * width, (market + 1) * width)
        floors = [floor for floor in schedules.floors[here].tolist() if floor < 2**63 - 1]
        sides = []
        for side, kind in (("initial", "whole"), ("maintenance", "bracket")):
            rates = [0, *schedules.lines[f"{side}_rate"][here].tolist()]
            tiers = (Tier(floor, rates[tier + 1] - rates[tier]) for tier, floor in enumerate(floors))
            sides.append(Schedule(kind, tuple(tiers), 0, 0))
        markets[name] = worlds.market(
            int(columns.multiplier[market]), *sides, price_max=int(columns.mark[market]), size_max=10**12
        )
    holders = {}
    for account in range(accounts):
        positions, orders = {}, {}
        for row in range(*columns.first_position[account : account + 2].tolist()):
            name = names[columns.market[row]]
            positions[name] = Position(int(columns.size[row]), int(columns.cost[row]))
            if columns.buys[row] or columns.sells[row]:
                orders[name] = OpenOrders(int(columns.buys[row]), int(columns.sells[row]))
        holders[f"a{account}"] = Account("owner", CROSS, int(columns.wallet[account]), positions, orders)
    marks = dict(zip(names, columns.mark.tolist(), strict=True))
    return Venue(worlds.policy(markets, trigger="below"), 0, marks, holders, {}, 0)


def law_results(venue: Venue) -> list[tuple[int, int, int, str]]:
    """Equity, both margins and status of every account."""
    standings = [standing_of(venue, account) for account in venue.accounts.values()]
    return [
        (each.equity, each.initial, each.maintenance, status(each, venue.policy.trigger))
        for each in standings
    ]


def first_results(columns: Columns, accounts: int) -> list[tuple[int, int, int, str]]:
    """The same of the first accounts, by the fast path."""
    found = evaluate(columns)
    parts = (found.equity, found.margin_initial, found.margin_maintenance, found.status)
    rows = zip(*(part[:accounts].tolist() for part in parts), strict=True)
    return [(*numbers, STATUSES[code]) for *numbers, code in rows]


# ------------------------------------------------------------------------------------- NautilusTrader


def nautilus_python() -> Path:
    """The Python of its environment, made when there is none. Errors: OSError, SubprocessError."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / NAUTILUS).exists():
        quiet = dict(check=True, capture_output=True, text=True, timeout=300)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], **quiet)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", NAUTILUS], **quiet)
        (ENVIRONMENT / NAUTILUS).touch()
    return python


def nautilus_margins(columns: Columns, accounts: int) -> dict[str, Any]:
    """Its margins of the positions of the first accounts, each market at the rates of its first bracket.

    returns  what it reports, or {"skipped": why}
    Errors: AssertionError if its sums are not ours at the same rates, to a quantum a position.
    """
    rows = slice(0, int(columns.first_position[accounts]))
    first = columns.schedules.lines[:: columns.schedules.width]
    market, size = columns.market[rows], columns.size[rows]
    rates = {side: first[f"{side}_rate"].astype(np.int64) for side in ("initial", "maintenance")}
    try:
        python = nautilus_python()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "positions.npz"
            np.savez(
                path, market=market, size=size, mark=columns.mark, multiplier=columns.multiplier, **rates
            )
            program = Path(__file__).with_name("nautilus_margins.py")
            answer = subprocess.run(
                [str(python), str(program), str(path)],
                check=True,
                capture_output=True,
                text=True,
                timeout=300,
            )
    except (OSError, subprocess.SubprocessError) as error:
        return {"skipped": f"NautilusTrader cannot be had here: {type(error).__name__}"}
    found: dict[str, Any] = json.loads(answer.stdout)
    notional = np.abs(size) * (columns.mark * columns.multiplier)[market]
    for side, of_side in rates.items():
        pairs = zip(notional.tolist(), of_side[market].tolist(), strict=True)
        ours = sum(value * rate for value, rate in pairs) / 10**6
        assert abs(float(found[side]) - ours) <= len(size), f"NautilusTrader's {side} margins are not ours"
    return {"version": found["version"], "nanoseconds": found["seconds"] / len(size) * 1e9}


# ------------------------------------------------------------------------------------- the table


def run(accounts: int = 1_000_000, repeats: int = 9, nautilus: bool = True) -> dict[str, Any]:
    """Measures everybody on the same accounts, in nanoseconds of one core per position.

    Errors: AssertionError if the law and the fast path differ.
    """
    columns = bench_columns(accounts, MARKETS)
    positions = len(columns.market)
    slow = min(SLOW_ACCOUNTS, accounts)
    venue = law_venue(columns, slow)
    assert first_results(columns, slow) == law_results(venue), "the fast path and the law differ"
    evaluate(columns)
    seconds = {
        "streaming": best(lambda: stream(columns), repeats) / positions,
        "fastpath": best(lambda: evaluate(columns), repeats) / positions,
        "numpy": best(lambda: numpy_evaluate(columns), repeats // 2 + 1) / positions,
        "law": best(lambda: law_results(venue), 3) / int(columns.first_position[slow]),
    }
    return {
        "bench": "peers",
        "commit": commit(),
        "accounts": accounts,
        "positions": positions,
        "nanoseconds": {name: spent * 1e9 for name, spent in seconds.items()},
        "nautilus": nautilus_margins(columns, slow) if nautilus else {"skipped": "not asked for"},
        "quoted": QUOTED,
    }


def table(report: dict[str, Any], others: dict[str, dict[str, Any]]) -> str:
    """The report as a person reads it.

    others  reports of the other benches by their name: engine, watch, audit; what is absent is said
    """
    spent = report["nanoseconds"]
    ours, peer = spent["fastpath"], report["nautilus"]

    def line(name: str, nanoseconds: float, against: float, note: str = "") -> str:
        return f"  {name:44}{nanoseconds:12,.1f} ns{nanoseconds / against:12,.2f} x   {note}"

    lines = [
        f"peers   {report['accounts']:,} accounts, {report['positions']:,} positions   "
        f"commit {report['commit']}",
        f"{'a position: equity, both margins, status':46}{'core time':>15}{'of ours':>14}",
        line("fastpath", ours, ours),
        line("streaming its bytes, a bound", spent["streaming"], ours),
        line("numpy", spent["numpy"], ours),
        line("law", spent["law"], ours, f"the first {SLOW_ACCOUNTS:,} accounts"),
    ]
    if "skipped" in peer:
        lines.append(f"  {peer['skipped']}")
    else:
        name = f"NautilusTrader {peer['version']}"
        lines.append(line(name, peer["nanoseconds"], ours, "both margins only, no brackets, in decimals"))
    of_account = ours * report["positions"] / report["accounts"]
    quoted = report["quoted"]
    lines += [
        f"an account of {report['positions'] / report['accounts']:.0f} positions",
        line("fastpath", of_account, of_account),
        line(
            "percolator, a maintenance check", quoted["maintenance check"], of_account, "quoted, not run here"
        ),
    ]
    if engine := others.get("engine"):
        trade = engine["rows"][0]["nanoseconds"]
        lines.append("a trade, with the margins of both accounts")
        for row in engine["rows"]:
            lines.append(line(f"engine, {row['accounts']:,} accounts", row["nanoseconds"], trade))
        lines.append(line("percolator", quoted["trade"], trade, "quoted, not run here"))
        lines.append(line("law", 1e9 / engine["law"]["law_per_second"], trade, "the goal is 300 x"))
        lines.append("a check before a trade")
        for row in engine["rows"]:
            check = row["check"]
            note = f"p99.9 {check['core_999']:,.0f} ns; {row['bytes_per_account']:.0f} bytes an account"
            lines.append(
                line(f"engine, {row['accounts']:,} accounts", check["core"], 150, note + "; of 150 ns")
            )
    if watch := others.get("watch"):
        small, large = watch["rows"]
        lines.append("a tick of one market, with the accounts it makes liquidatable")
        for row in (small, large):
            spent_ns = row["tick_seconds"] * 1e9
            name = f"watch, {row['accounts']:,} accounts"
            lines.append(line(name, spent_ns, small["tick_seconds"] * 1e9, f"{row['near']:,} near the edge"))
    if audit := others.get("audit"):
        rates = audit["events_per_second"]
        lines.append("an event of a log, run and compared")
        lines.append(line("engine alone", 1e9 / rates["engine"], 1e9 / rates["engine"]))
        for name, key in (("audit from columns", "columns"), ("audit from JSON lines", "lines")):
            lines.append(line(name, 1e9 / rates[key], 1e9 / rates["engine"]))
    absent = [name for name in ("engine", "watch", "audit") if name not in others]
    if absent:
        lines.append(f"not measured in this run: {', '.join(absent)}")
    return "\n".join(lines)


def read_reports(folder: Path | None) -> dict[str, dict[str, Any]]:
    """What the other benches wrote: engine.json, watch.json and audit.json."""
    if folder is None:
        return {}
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def main() -> None:
    parser = argparse.ArgumentParser(description="Ours beside peers and bounds.")
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument(
        "--reports", type=Path, help="a folder with the reports of the other benches of this run"
    )
    parser.add_argument("--json", type=Path, help="also write the report there, as JSON")
    arguments = parser.parse_args()
    report = run(arguments.accounts)
    print(table(report, read_reports(arguments.reports)))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
