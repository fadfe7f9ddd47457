"""The two sides of the differential: accounts of a venue evaluated by the law, and by the fast path."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

import fastpath
from fastpath import domain
from refmodel.margin import NOTHING_HELD, NOTHING_ORDERED, markets_of, standing_of, status
from refmodel.policy import Policy, Schedule
from refmodel.state import Venue


@dataclass(frozen=True, slots=True)
class Row:
    """What either side says of one account: quanta, and one of the five statuses."""

    equity: int
    margin_initial: int
    margin_maintenance: int
    status: str


Side = Callable[[Venue, Sequence[str]], list[Row]]
"""Evaluates these accounts of a venue, in this order."""


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
