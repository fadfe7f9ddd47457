"""The differential: the fast path against the law, on drawn accounts, to the quantum.

Two sides are named everywhere: `law` is refmodel, `fast` is the compiled pass of fastpath. Accounts are drawn
directly, without a history: far more of them, and further out, than a history reaches: sizes next to the
floors of tiers and at the limits, wallets that leave equity at a margin or a quantum beside it. Every
fourth batch holds accounts that a drawn history led to.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

import fastpath
from fastpath import domain
from fastpath.columns import market_lots_max
from marginspec.campaign import Progress, worked
from marginspec.choices import Choices, SeededChoices, edge_or_magnitude, magnitude, near
from marginspec.draw_events import draw_event, draw_scene, draw_start, narrowed
from marginspec.draw_policy import draw_policy
from marginspec.story import format_account
from refmodel.margin import NOTHING_HELD, NOTHING_ORDERED, markets_of, standing_of, status
from refmodel.policy import SQRT, Market, Policy, Schedule
from refmodel.state import CROSS, Account, OpenOrders, Position, Venue, genesis
from refmodel.venue import apply

ACCOUNTS_PER_BATCH = 1_000
HISTORY_EVERY = 4
"""One batch in so many takes its accounts from drawn histories."""
LOOKS, EVENTS_BETWEEN_LOOKS = 12, 12
"""How often the accounts of a history are compared, and how many events pass in between."""
WALLET_MAX: int = domain.WALLET_MAX
DIVERGENCES_MOST = 10
"""Divergences that are kept with all their values; all are counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """What either side says of one account: quanta, and one of the five statuses."""

    equity: int
    margin_initial: int
    margin_maintenance: int
    status: str


Side = Callable[[Venue, Sequence[str]], list[Row]]
"""Evaluates these accounts of a venue, in this order."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """An account on which the sides differ.

    law, fast  what each side says; `fast` is its refusal where it gave no values
    account    its name and everything it holds, in one line
    batch      of the seed: the same seed and batch draw the same accounts
    """

    policy: Policy
    account: str
    law: Row
    fast: Row | str
    seed: int
    batch: int

    @property
    def text(self) -> str:
        """What differs, in a few lines."""
        return (
            f"policy {self.policy.name}, seed {self.seed}, batch {self.batch}\n"
            f"  {self.account}\n  law   {self.law}\n  fast  {self.fast}"
        )


@dataclass(frozen=True, slots=True)
class DifferentialReport:
    """What a differential run did and found.

    comparisons  accounts that both sides evaluated: equity, both margins and the status of each
    diverged     accounts on which they differ
    divergences  the first of them, with their values
    statuses     how many accounts had which status, by the law
    interrupted  whether it was stopped before all was done
    """

    comparisons: int
    diverged: int
    divergences: tuple[Divergence, ...]
    statuses: dict[str, int]
    seed: int
    seconds: float
    interrupted: bool

    @property
    def ok(self) -> bool:
        """Whether both sides said the same of every account."""
        return self.diverged == 0 and not self.interrupted


# ------------------------------------------------------------------------------------- the two sides


def law(venue: Venue, names: Sequence[str]) -> list[Row]:
    """The accounts by refmodel, one after the other."""
    rows = []
    for name in names:
        standing = standing_of(venue, venue.accounts[name])
        said = status(standing, venue.policy.trigger)
        rows.append(Row(standing.equity, standing.initial, standing.maintenance, said))
    return rows


def fast(venue: Venue, names: Sequence[str]) -> list[Row]:
    """The accounts by fastpath.evaluate, all at once."""
    found = fastpath.evaluate(columns_of(venue, names))
    return [
        Row(equity, initial, maintenance, fastpath.STATUSES[code])
        for equity, initial, maintenance, code in zip(
            found.equity.tolist(),
            found.margin_initial.tolist(),
            found.margin_maintenance.tolist(),
            found.status.tolist(),
            strict=True,
        )
    ]


def columns_of(venue: Venue, names: Sequence[str]) -> fastpath.Columns:
    """A venue's accounts as the columns that the fast path reads; its markets in the order of the policy."""
    policy = venue.policy
    index = {market: number for number, market in enumerate(policy.markets)}
    first = [0]
    rows: list[tuple[int, int, int, int, int]] = []
    for name in names:
        account = venue.accounts[name]
        for market in sorted(markets_of(account.positions, account.orders), key=index.__getitem__):
            held = account.positions.get(market, NOTHING_HELD)
            orders = account.orders.get(market, NOTHING_ORDERED)
            rows.append((index[market], held.size, held.cost, orders.buys, orders.sells))
        first.append(len(rows))
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
    return fastpath.Columns(
        wallet=np.array([venue.accounts[name].wallet for name in names], dtype=np.int64),
        first_position=np.array(first, dtype=np.int64),
        market=table[:, 0].astype(np.int32),
        size=table[:, 1].astype(np.int64),
        cost=table[:, 2].astype(np.int64),
        buys=table[:, 3].astype(np.int64),
        sells=table[:, 4].astype(np.int64),
        mark=np.array([venue.marks.get(name, 0) for name in policy.markets], dtype=np.int64),
        multiplier=np.array([terms.multiplier for terms in policy.markets.values()], dtype=np.int64),
        schedules=schedules_of(policy),
        trigger=domain.TRIGGERS.index(policy.trigger),
    )


def schedules_of(policy: Policy) -> fastpath.Schedules:
    """All schedules of a policy, those of a market over the floors of both."""
    floors: list[int] = []
    first = [0]
    initial_rates: list[int] = []
    maintenance_rates: list[int] = []
    for terms in policy.markets.values():
        own = sorted({tier.floor for tier in (*terms.initial.tiers, *terms.maintenance.tiers)})
        floors += own
        first.append(len(floors))
        initial_rates += [rate_above(terms.initial, floor) for floor in own]
        maintenance_rates += [rate_above(terms.maintenance, floor) for floor in own]
    markets = policy.markets.values()
    code = domain.SCHEDULE_KINDS.index
    return fastpath.prepare_schedules(
        initial_kind=[code(terms.initial.kind) for terms in markets],
        maintenance_kind=[code(terms.maintenance.kind) for terms in markets],
        first_tier=first,
        floor=floors,
        initial_rate=initial_rates,
        maintenance_rate=maintenance_rates,
        initial_base=[terms.initial.base for terms in markets],
        maintenance_base=[terms.maintenance.base for terms in markets],
        initial_factor=[terms.initial.factor for terms in markets],
        maintenance_factor=[terms.maintenance.factor for terms in markets],
    )


def rate_above(schedule: Schedule, floor: int) -> int:
    """The published rate of a notional just above a floor, ppm; 0 for a schedule without tiers."""
    return sum(tier.rise for tier in schedule.tiers if tier.floor <= floor)


# ------------------------------------------------------------------------------------- drawn accounts


def draw_accounts(choices: Choices, policy: Policy, accounts: int = ACCOUNTS_PER_BATCH) -> Venue:
    """A venue of drawn accounts, each on its own: nobody's books are asked for."""
    marks = {
        name: choices.pick((terms.price_min, 1, terms.price_max, magnitude(choices, 1, terms.price_max)))
        for name, terms in policy.markets.items()
    }
    venue = replace(genesis(policy), marks=marks)
    limits = lots_limits(venue)
    names = tuple(policy.markets)
    edges = {name: lots_edges(terms, marks[name]) for name, terms in policy.markets.items()}
    drawn: dict[str, Account] = {}
    most = min(len(names), policy.positions_max)
    for number in range(accounts):
        held = 0 if choices.chance(100_000) else choices.integer(1, most)
        chosen = dict.fromkeys(choices.pick(names) for _ in range(held))
        positions: dict[str, Position] = {}
        orders: dict[str, OpenOrders] = {}
        for name in chosen:
            limit = choices.pick((policy.markets[name].size_max, limits[name]))
            draw_holding(choices, name, limit, edges[name], marks[name], positions, orders, policy)
        account = Account("", CROSS, 0, positions, orders)
        drawn[f"a{number}"] = replace(account, wallet=draw_wallet(choices, venue, account))
    return replace(venue, accounts=drawn)


def lots_limits(venue: Venue) -> dict[str, int]:
    """The most lots of each market that the fast path takes at the venue's marks: its domain's edge."""
    limits = market_lots_max(columns_of(venue, ())).tolist()
    return dict(zip(venue.policy.markets, limits, strict=True))


def lots_edges(terms: Market, mark: int) -> tuple[int, ...]:
    """Lots at which a schedule changes: notional at the floor of a tier, or a square under the root."""
    of_one = mark * terms.multiplier
    edges = [floor.floor // of_one for floor in (*terms.initial.tiers, *terms.maintenance.tiers)]
    for schedule in (terms.initial, terms.maintenance):
        if schedule.kind == SQRT and schedule.factor > 0:
            edges.append((schedule.base // schedule.factor) ** 2)
    return tuple(edges)


def draw_holding(
    choices: Choices,
    name: str,
    limit: int,
    edges: tuple[int, ...],
    mark: int,
    positions: dict[str, Position],
    orders: dict[str, OpenOrders],
    policy: Policy,
) -> None:
    """A position, open orders, or both, in one market, lots at risk at most `limit`."""
    at_risk = edge_or_magnitude(choices, 1, limit, edges)
    size = choices.pick((at_risk, -at_risk, choices.integer(-at_risk, at_risk)))
    # What the orders of either side may add: lots at risk is the larger of the two sums.
    buys = choices.pick((0, at_risk - size, choices.integer(0, at_risk - size)))
    sells = choices.pick((0, at_risk + size, choices.integer(0, at_risk + size)))
    buys, sells = min(buys, domain.SIZE_MAX), min(sells, domain.SIZE_MAX)
    if buys or sells:
        orders[name] = OpenOrders(buys, sells)
    if size != 0:
        value = size * mark * policy.markets[name].multiplier
        away = magnitude(choices, 0, max(1, abs(value) // 10))
        cost = value + choices.pick((0, away, -away))
        cost = choices.pick((cost, cost, cost, choices.pick((domain.COST_MAX, -domain.COST_MAX))))
        positions[name] = Position(size, max(-domain.COST_MAX, min(cost, domain.COST_MAX)))


def draw_wallet(choices: Choices, venue: Venue, account: Account) -> int:
    """A wallet with which equity is at a margin or a quantum beside it, or any, or the largest."""
    standing = standing_of(venue, account)
    margin = choices.pick((standing.maintenance, standing.initial, 0))
    kind = choices.pick(("margin", "margin", "some", "extreme"))
    if kind == "margin":
        wallet = near(choices, margin, -(10**30), 10**30) - standing.equity
    elif kind == "some":
        free = magnitude(choices, 0, max(1, standing.initial * 2))
        wallet = choices.pick((free, -free)) + margin - standing.equity
    else:
        wallet = choices.pick((0, WALLET_MAX, -WALLET_MAX))
    return max(-WALLET_MAX, min(wallet, WALLET_MAX))


# ------------------------------------------------------------------------------------- comparing


@dataclass(slots=True)
class Compared:
    """What some batches came to."""

    comparisons: int
    diverged: int
    divergences: list[Divergence]
    statuses: dict[str, int]


def refuse_one_side_twice(left: Side, right: Side) -> None:
    """A comparison of a thing with itself always passes: refuse it."""
    if left is right:
        raise ValueError("law and fast are the same object: nothing would be compared")


def compare(venue: Venue, seed: int, batch: int, left: Side = law, right: Side = fast) -> Compared:
    """Evaluate every account of a venue on both sides, and keep what differs."""
    refuse_one_side_twice(left, right)
    names = tuple(venue.accounts)
    by_law = left(venue, names)
    statuses: dict[str, int] = {}
    for row in by_law:
        statuses[row.status] = statuses.get(row.status, 0) + 1
    by_fast: Sequence[Row | str]
    try:
        by_fast = right(venue, names)
    except fastpath.ColumnError as error:
        by_fast = [f"refused: {error}"] * len(names)
    differing = [number for number in range(len(names)) if by_law[number] != by_fast[number]]
    divergences = [
        Divergence(
            policy=venue.policy,
            account=f"{names[number]}: {format_account(venue, names[number])}",
            law=by_law[number],
            fast=by_fast[number],
            seed=seed,
            batch=batch,
        )
        for number in differing[:DIVERGENCES_MOST]
    ]
    return Compared(len(names), len(differing), divergences, statuses)


def compare_batch(policy: Policy, seed: int, batch: int) -> Compared:
    """Draw the accounts of a batch, on the policy given or on a drawn one, and compare."""
    choices = SeededChoices(f"differential:{seed}:{batch}")
    used = narrowed(choices, policy) if batch % 2 == 0 else draw_policy(choices, f"drawn-{batch}")
    if batch // 2 % HISTORY_EVERY == HISTORY_EVERY - 1:
        return compare_history(choices, used, seed, batch)
    return compare(draw_accounts(choices, used), seed, batch)


def compare_history(choices: Choices, policy: Policy, seed: int, batch: int) -> Compared:
    """Compare the accounts of a drawn history, again and again as it goes on."""
    total = Compared(0, 0, [], {})
    scene = draw_scene(choices, policy)
    start = draw_start(choices, scene)
    venue = genesis(policy) if start is None else start
    for _ in range(LOOKS):
        for _ in range(EVENTS_BETWEEN_LOOKS):
            venue = apply(venue, draw_event(choices, venue, scene)).venue
        add(total, compare(venue, seed, batch))
    return total


def add(total: Compared, part: Compared) -> None:
    """Take in what another part came to."""
    total.comparisons += part.comparisons
    total.diverged += part.diverged
    total.divergences += part.divergences[: DIVERGENCES_MOST - len(total.divergences)]
    for name, count in part.statuses.items():
        total.statuses[name] = total.statuses.get(name, 0) + count


def run_differential(
    policy: Policy,
    comparisons: int,
    workers: int,
    seed: int,
    on_progress: Progress | None = None,
) -> DifferentialReport:
    """Compare at least this many accounts, and report.

    policy       a valid policy: half of the batches use it
    comparisons  accounts, >= 1
    workers      processes, >= 1; the result does not depend on it
    on_progress  called with the accounts compared so far, and all
    Stopped by Ctrl-C it returns what was done, and says so.
    """
    began = time.monotonic()
    total = Compared(0, 0, [], {})
    batches = -(-comparisons // ACCOUNTS_PER_BATCH)
    interrupted = False
    try:
        # Batches of a history are smaller than the others: more follow until all is compared.
        first = 0
        while total.comparisons < comparisons:
            for part in worked(compare_batch, policy, seed, range(first, first + batches), workers):
                add(total, part)
                if on_progress is not None:
                    on_progress(min(total.comparisons, comparisons), comparisons)
            first += batches
            batches = -(-(comparisons - total.comparisons) // ACCOUNTS_PER_BATCH)
    except KeyboardInterrupt:
        interrupted = True
    return DifferentialReport(
        comparisons=total.comparisons,
        diverged=total.diverged,
        divergences=tuple(sorted(total.divergences, key=lambda one: one.batch)),
        statuses=dict(sorted(total.statuses.items())),
        seed=seed,
        seconds=time.monotonic() - began,
        interrupted=interrupted,
    )
