"""Bench of the audit: how many events a second of a log are run and compared, against the engine alone.

Goals: from columns at least half of the rate of the engine on the same events in memory, every posting
compared; from JSON lines, which share of the time the parser takes. Both in one run with the engine's own
rate. Not goals: making the log, venues that close accounts out (the engine's time alone would hide ours).

    python tests/bench/bench_replay.py [--accounts 100000] [--events 2000000] [--lines 100000] [--json FILE]
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from fastpath.engine.encoding import DEPOSIT, ORDER, PRICES, TRADE  # noqa: E402
from marginspec.audit.auditor import PART, Audited, Auditor  # noqa: E402
from marginspec.audit.claims import columns_of_records  # noqa: E402
from marginspec.audit.command import open_log  # noqa: E402
from marginspec.audit.header import header_of, policy_of  # noqa: E402
from marginspec.audit.lines import BLOCK, DECODER, uncollected  # noqa: E402
from marginspec.audit.machines import FastMachine  # noqa: E402
from marginspec.audit.names import ABSENT, NONE  # noqa: E402
from marginspec.audit.table import EVENT_COLUMNS, Table, no_entries  # noqa: E402
from marginspec.audit.writing import writing  # noqa: E402
from marginspec.policy_file import read_policy  # noqa: E402
from refmodel.policy import Policy  # noqa: E402
from refmodel.state import genesis  # noqa: E402

POSITIONS = 4
"""Markets in which an account trades."""
MARK = 10_000
"""Ticks, of every market."""


def table(count: int, marks: tuple[Any, Any] | None = None, **columns: Any) -> Table:
    """Events that claim nothing yet; columns that are not given are absent."""
    nothing = dict.fromkeys(("account", "other", "side"), NONE) | dict.fromkeys(
        ("market", "owner", "pool"), ABSENT
    )
    events = {
        name: np.full(count, 0, dtype=kind) + np.asarray(columns.get(name, nothing.get(name, 0)), dtype=kind)
        for name, kind in EVENT_COLUMNS.items()
    }
    markets, prices = marks or (np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64))
    return Table(
        events=events,
        first_mark=np.array([0] * count + [len(markets)], dtype=np.int64),
        mark_market=np.asarray(markets, dtype=np.int32),
        mark_price=np.asarray(prices, dtype=np.int64),
        rule=np.zeros(count, dtype=np.int32),
        reason=np.zeros(count, dtype=np.int32),
        first_entry=np.zeros(count + 1, dtype=np.int64),
        entries=no_entries(),
        line=np.arange(1, count + 1, dtype=np.int64),
    )


def drawn_tables(
    machine: FastMachine, policy: Policy, accounts: int, events: int, seed: int
) -> Iterator[Table]:
    """Deposits of all accounts and first marks; then orders and trades, two and three of five events."""
    draw = np.random.default_rng(seed)
    names = machine.names
    first = len(names.accounts.texts)
    for number in range(accounts):
        names.accounts[f"a{number:07d}"]
    owner = names.owners["o"]
    known = dict(accounts_known=len(names.accounts.texts), owners_known=len(names.owners.texts))
    markets = [name for name, terms in policy.markets.items() if terms.price_max >= 2 * MARK][:300]
    ids = np.sort([names.markets[name] for name in markets]).astype(np.int32)
    parts = [table(accounts, account=np.arange(first, first + accounts), owner=owner, pool=0, x=10**10)]
    parts.append(table(1, type=PRICES, marks=(ids, np.full(len(ids), MARK))))
    half = accounts // 2
    taker = draw.integers(0, half, events)
    market = ids[(taker * 3 + draw.integers(0, POSITIONS, events) * 11) % len(ids)]
    buys = draw.random(events) < 0.5
    orders = np.arange(events) % 5 < 2
    # The first events of all are the orders that later trades take from.
    rows: dict[str, Any] = {
        "type": np.where(orders, ORDER, TRADE),
        "time": np.arange(events) // 1_000,
        "account": np.where(orders, first + half + taker, first + taker),
        "other": np.where(orders, NONE, first + half + taker),
        "market": market,
        "side": np.where(orders, NONE, np.where(buys, 0, 1)),
        "x": np.where(orders, draw.integers(100, 200, events), draw.integers(1, 5, events)),
        "y": np.where(orders, draw.integers(100, 200, events), MARK + draw.integers(-20, 20, events)),
    }
    for position in range(POSITIONS):
        pairs = np.arange(half)
        where = ids[(pairs * 3 + position * 11) % len(ids)]
        parts.append(table(half, type=ORDER, account=first + half + pairs, market=where, x=10**5, y=10**5))
    parts.append(table(events, **rows))
    assert DEPOSIT == 0
    for part in parts:
        part.accounts_known, part.owners_known = known["accounts_known"], known["owners_known"]
        for begin in range(0, len(part), PART):
            yield part.part(begin, min(begin + PART, len(part)))


def write_log(path: Path, policy: Policy, accounts: int, events: int) -> tuple[int, str]:
    """A log that claims every posting. returns: its events, and the digest at its end."""
    machine = FastMachine(genesis(policy))
    count = 0
    with writing(path, header_of(policy)) as writer:
        for part in drawn_tables(machine, policy, accounts, events, 1):
            answer = machine.apply(part)
            assert answer.error is None, answer.error
            part.rule, part.reason, part.first_entry = answer.rule, answer.reason, answer.first_entry
            part.entries = columns_of_records(answer.entries, machine.names)
            count += len(part)
            writer.write(part, machine.names)
    return count, machine.digest()


def engine_alone(policy: Policy, accounts: int, events: int) -> tuple[int, float]:
    """Events and seconds of the engine on the same events, in memory, in the same batches."""
    machine = FastMachine(genesis(policy))
    parts = list(drawn_tables(machine, policy, accounts, events, 1))
    begin = time.perf_counter()
    for part in parts:
        machine.apply(part)
    return sum(map(len, parts)), time.perf_counter() - begin


def audited(path: Path) -> Audited:
    """One audit of a log, nothing kept."""
    reader = open_log(str(path))
    return Auditor(reader, policy_of(reader.header, None, str(path)), "engine", None, 3600).run(
        lambda *_: None
    )


def best(work: Callable[[], tuple[int, float]], repeats: int) -> float:
    """Events a second of the fastest run: what disturbs a run only ever makes it slower."""
    return max(count / seconds for count, seconds in (work() for _ in range(repeats)))


def audit_rate(path: Path) -> tuple[int, float]:
    """Events and seconds of an audit, which must find nothing."""
    found = audited(path)
    assert found.stopped is None and not found.findings, (found.stopped, found.findings[:3])
    return found.counts.events, found.seconds


def parser_alone(path: Path) -> tuple[int, float]:
    """Lines and seconds of msgspec on the lines of a log, which it also checks for their form."""
    text = path.read_bytes()
    text = text[text.index(b"\n") + 1 :]
    begin = time.perf_counter()
    with uncollected():
        count = sum(len(DECODER.decode_lines(block)) for block in _blocks(text))
    return count, time.perf_counter() - begin


def _blocks(text: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(text):
        end = text.rfind(b"\n", at, at + BLOCK) + 1
        yield text[at:end]
        at = end


def bench(accounts: int, events: int, lines: int, repeats: int = 3) -> dict[str, Any]:
    """All figures, events a second."""
    policy = read_policy("binance-usdm")
    with tempfile.TemporaryDirectory() as name:
        columns, text = Path(name) / "log.parquet", Path(name) / "log.jsonl"
        in_columns, digest = write_log(columns, policy, accounts, events)
        in_lines, _ = write_log(text, policy, accounts // 50, lines)
        found = {
            "engine": best(lambda: engine_alone(policy, accounts, events), repeats),
            "columns": best(lambda: audit_rate(columns), repeats),
            "lines": best(lambda: audit_rate(text), repeats),
            "parser": best(lambda: parser_alone(text), repeats),
        }
        assert audited(columns).digest == digest
        sizes = {"columns": columns.stat().st_size / in_columns, "lines": text.stat().st_size / in_lines}
    counts = {"accounts": accounts, "events": in_columns, "lines": in_lines}
    return counts | {"events_per_second": found, "bytes_per_event": sizes, "digest": digest}


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--accounts", type=int, default=100_000)
    arguments.add_argument("--events", type=int, default=2_000_000)
    arguments.add_argument("--lines", type=int, default=100_000)
    arguments.add_argument("--json")
    given = arguments.parse_args()
    found = bench(given.accounts, given.events, given.lines)
    rates, sizes = found["events_per_second"], found["bytes_per_event"]
    print(f"audit   {found['events']:_} events of {found['accounts']:_} accounts, every posting claimed")
    print("                                  events/s   against the engine alone   bytes an event")
    for title, key in (("engine alone", "engine"), ("from columns", "columns"), ("from JSON lines", "lines")):
        size = f"{sizes[key]:>14.0f}" if key in sizes else ""
        print(f"  {title:<26} {rates[key]:>13_.0f}   {rates[key] / rates['engine']:>24.2f}   {size}")
    share = f"{rates['lines'] / rates['parser']:.0%} of the time from JSON lines"
    print(f"  {'msgspec on those lines':<26} {rates['parser']:>13_.0f}   {share}")
    print(f"  result {found['digest']}")
    if given.json:
        Path(given.json).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
