"""Bench of the law itself: trades per second on one core, with the digest of what came out.

Not here: the fast path against numpy and against memory (tests/bench/bench_evaluate.py).
"""

import time
from dataclasses import dataclass
from typing import Any

from marginspec.policy_file import read_policy
from marginspec.screen import aligned, grouped, say
from refmodel.canonical import digest
from refmodel.events import Deposit, Event, Order, Prices, Trade
from refmodel.policy import Policy
from refmodel.state import CROSS, Venue, genesis
from refmodel.trading import BUY, SELL
from refmodel.venue import apply

ACCOUNTS = 10
GOAL = 10_000
"""Trades per second that the law is to reach on `minimal` on one core."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured.

    seconds  of one core's time: what other programs take on a shared machine does not count
    clock    seconds that passed on the wall meanwhile
    digest   of the venue at the end, so that nobody speeds up the wrong answer
    """

    policy: str
    trades: int
    seconds: float
    clock: float
    digest: str

    @property
    def per_second(self) -> float:
        """Trades in a second of one core."""
        return self.trades / self.seconds


def prepared(policy: Policy, trades: int) -> tuple[Venue, list[Event]]:
    """A venue in which ten accounts have resting orders, and trades between them, all of them admitted."""
    market, terms = next(iter(policy.markets.items()))
    mark = max(terms.price_min, 1) * 5
    resting = trades
    venue = genesis(policy)
    amount = policy.venue_total_max // (2 * ACCOUNTS)
    names = [f"a{number}" for number in range(ACCOUNTS)]
    opening: list[Event] = [Deposit(0, name, amount, name, CROSS) for name in names]
    opening.append(Prices(0, {market: mark}))
    opening += [Order(0, name, market, resting, resting) for name in names]
    for event in opening:
        outcome = apply(venue, event)
        assert outcome.refusal is None, outcome.refusal
        venue = outcome.venue
    events: list[Event] = []
    for number in range(trades):
        taker = number % ACCOUNTS
        maker = (taker + 1 + number // ACCOUNTS % (ACCOUNTS - 1)) % ACCOUNTS
        side = BUY if number // 7 % 2 else SELL
        price = mark + number % 11 - 5
        events.append(Trade(number, market, names[taker], names[maker], side, 1 + number % 3, price))
    return venue, events


def measure(policy_name: str = "minimal", trades: int = 20_000) -> Speed:
    """Apply the trades once, on one core."""
    venue, events = prepared(read_policy(policy_name), trades)
    started, at_the_wall = time.process_time(), time.perf_counter()
    for event in events:
        outcome = apply(venue, event)
        assert outcome.refusal is None, outcome.refusal
        venue = outcome.venue
    seconds, clock = time.process_time() - started, time.perf_counter() - at_the_wall
    return Speed(policy_name, trades, seconds, clock, digest(venue))


def bench(trades: int) -> dict[str, Any]:
    """Print the speed of the law.

    returns  the facts for --json
    """
    speed = measure(trades=trades)
    row = (
        f"law, {speed.policy}, 1 core",
        grouped(speed.trades),
        f"{speed.seconds:.2f} s",
        f"{speed.clock:.2f} s",
        grouped(round(speed.per_second)),
        f"{speed.per_second / GOAL:.1f} x",
        speed.digest[:19],
    )
    headings = ("", "trades", "core time", "on the wall", "trades/s of core", "against the goal", "result")
    say(aligned(headings, [row], right=(1, 2, 3, 4, 5)))
    return {
        "reference": {
            "policy": speed.policy,
            "trades": speed.trades,
            "seconds": round(speed.seconds, 4),
            "wall_seconds": round(speed.clock, 4),
            "trades_per_second": round(speed.per_second),
            "goal": GOAL,
            "digest": speed.digest,
        }
    }
