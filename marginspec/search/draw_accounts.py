"""Drawn accounts for the differential: each on its own, without a history and without anybody's books."""

from dataclasses import replace

from fastpath import domain
from fastpath.columns import market_lots_max
from marginspec.search.choices import Choices, edge_or_magnitude, magnitude, near
from marginspec.search.two_sides import columns_of
from refmodel.margin import standing_of
from refmodel.policy import SQRT, Market, Policy
from refmodel.state import CROSS, Account, OpenOrders, Position, Venue, genesis

ACCOUNTS_PER_BATCH = 1_000
WALLET_MAX: int = domain.WALLET_MAX


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
