"""Bench of the law's resolution: how long one price takes that leaves many accounts bankrupt at once.

Goal: 1 000 bankrupt of 10 000 accounts in under 10 s under `queue`. The curve over the number of bankrupt
accounts is printed for all three allocations, with the shares that were posted: the two proportional ones
work out the cap (ADL-3) of every holder for every bankrupt account, which bounds them; the queue stops at the
holder that takes the last lot. Not a goal: speed, which belongs to the fast path.

    python tests/bench/bench_resolution.py [--accounts 10000] [--bankrupt 1000] [--json FILE]
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from marginspec.policy_file import read_policy  # noqa: E402
from refmodel.canonical import digest  # noqa: E402
from refmodel.events import Prices  # noqa: E402
from refmodel.policy import ADL_STAGE, ALLOCATIONS, QUEUE  # noqa: E402
from refmodel.postings import LOTS, Posting, books_gap, lots_gap  # noqa: E402
from refmodel.stages import DELEVERAGED  # noqa: E402
from refmodel.state import CROSS, Account, Position, Venue, equity, genesis  # noqa: E402
from refmodel.venue import apply  # noqa: E402

MARKET = "BTC-PERP"
MARK, MARK_AFTER = 60_000, 55_000
GOAL_SECONDS = 10.0
PROPORTIONAL_AT_MOST = 300
"""Bankrupt accounts up to which the proportional allocations are measured: they take minutes beyond."""


def crowded(allocation: str, accounts: int, bankrupt: int) -> Venue:
    """Half of the accounts long, half short, 10 to 16 lots each; the first longs have almost no equity."""
    policy = replace(read_policy("minimal"), adl_allocation=allocation, stages=(ADL_STAGE,))
    venue = genesis(policy)
    holders = dict(venue.accounts)
    half = accounts // 2
    for number in range(2 * half):
        side = 1 if number < half else -1
        lots = 10 + number % half % 7
        paid = lots * MARK
        wallet = paid // 40 if number < bankrupt else 2 * paid
        position = Position(side * lots, side * paid)
        holders[f"a{number:06}"] = Account(f"owner{number:06}", CROSS, wallet, {MARKET: position}, {})
    custody = sum(
        account.wallet - sum(position.cost for position in account.positions.values())
        for account in holders.values()
    )
    return replace(venue, marks={MARKET: MARK}, accounts=holders, custody=custody)


def measure(allocation: str, accounts: int, bankrupt: int) -> dict[str, Any]:
    """One price event, and what it came to."""
    venue = crowded(allocation, accounts, bankrupt)
    begin = time.process_time()
    outcome = apply(venue, Prices(0, {MARKET: MARK_AFTER}))
    seconds = time.process_time() - begin
    after = outcome.venue
    assert books_gap(after) == 0 and lots_gap(after, MARKET) == 0
    assert all(equity(after, account) >= 0 for account in after.accounts.values())
    taken = [
        entry
        for entry in outcome.postings
        if isinstance(entry, Posting) and entry.stage == DELEVERAGED and entry.place.kind == LOTS
    ]
    return {
        "allocation": allocation,
        "accounts": accounts,
        "bankrupt": bankrupt,
        "shares": len(taken) // 2,
        "seconds": round(seconds, 3),
        "digest": digest(after)[:19],
    }


def run(accounts: int = 10_000, bankrupt: int = 1_000) -> dict[str, Any]:
    """The curve, printed as it is measured."""
    print(f"{'allocation':<16}{'accounts':>10}{'bankrupt':>10}{'shares':>10}{'core time':>12}   result")
    rows = []
    for allocation in ALLOCATIONS:
        for count in sorted({max(bankrupt // 100, 1), max(bankrupt // 10, 1), bankrupt}):
            if allocation != QUEUE and count > PROPORTIONAL_AT_MOST:
                count = PROPORTIONAL_AT_MOST
            row = measure(allocation, accounts, count)
            rows.append(row)
            print(
                f"{allocation:<16}{accounts:>10_}{count:>10_}{row['shares']:>10_}"
                f"{row['seconds']:>10.2f} s   {row['digest']}",
                flush=True,
            )
    queue = next(row for row in reversed(rows) if row["allocation"] == QUEUE)
    print(f"queue: {queue['seconds']:.2f} s; the goal for 1_000 of 10_000 is {GOAL_SECONDS:.0f} s")
    return {"bench": "resolution", "goal_seconds": GOAL_SECONDS, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--accounts", type=int, default=10_000, help="half long, half short")
    parser.add_argument("--bankrupt", type=int, default=1_000, help="how many the price leaves below zero")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    given = parser.parse_args()
    if given.accounts < 2 or not 1 <= given.bankrupt <= given.accounts // 2:
        parser.error("at most half of the accounts can be bankrupt, and at least one")
    report = run(given.accounts, given.bankrupt)
    if given.json:
        given.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
