"""Accounts to ask about: small venues drawn around the places where margins, statuses and prices decide.

The same seed draws the same venues everywhere: nothing but random.Random and whole numbers is used.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from refmodel.margin import standing_of
from refmodel.policy import Policy
from refmodel.state import CROSS, Account, OpenOrders, Position, Venue, backstop_of, equity, genesis

ASKED = "a1"
OTHER = "b1"
"""Holds the other side of every position, and enough of everything."""

MARKS_PPM = 1_000_000
ENTRY_PPM = 80_000
"""How far an entry price lies from the mark at the most."""
LOTS_SHARE = 20
"""Positions take up to a 20th of the largest size, so that orders fit beside them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One account of one venue, and what is special about it, in words that a report counts."""

    venue: Venue
    classes: tuple[str, ...]

    @property
    def account(self) -> Account:
        return self.venue.accounts[ASKED]


def draw_cases(policy: Policy, seed: int, count: int) -> Iterator[Case]:
    """Cases under a policy.

    policy  one with a cross pool and room for positions in all of its markets
    """
    draw = random.Random(seed)
    for _ in range(count):
        yield draw_case(draw, policy)


def draw_case(draw: random.Random, policy: Policy) -> Case:
    """One case: marks, positions and orders first, then a wallet that puts the equity where it matters."""
    marks = {name: draw_mark(draw, policy, name) for name in sorted(policy.markets)}
    held = draw.sample(sorted(marks), draw.choice((0, *range(1, len(marks) + 1), *range(1, len(marks) + 1))))
    ordered = draw.sample(sorted(marks), draw.choice((0, 0, *range(1, len(marks) + 1))))
    positions = {name: draw_position(draw, policy, name, marks[name]) for name in sorted(held)}
    orders = {name: draw_orders(draw, policy, name, positions.get(name)) for name in sorted(ordered)}
    account = Account("alice", CROSS, 0, positions, orders)
    start = genesis(policy)
    bare = Venue(policy, 0, marks, {ASKED: account}, start.pools, 0)
    target, where = draw_equity(draw, bare, account)
    asked = Account("alice", CROSS, target - equity(bare, account), positions, orders)
    opposite = {name: Position(-held.size, -held.cost) for name, held in positions.items()}
    other = Account("bob", CROSS, 10**12, opposite, {})
    accounts = {**start.accounts, ASKED: asked, OTHER: other}
    assert backstop_of(CROSS) in accounts
    custody = asked.wallet + other.wallet
    classes = (where, *classes_of(asked))
    return Case(Venue(policy, 0, marks, accounts, start.pools, custody), classes)


def draw_mark(draw: random.Random, policy: Policy, market: str) -> int:
    """A mark between the market's least and a tenth of its largest, small ones as often as large ones."""
    terms = policy.markets[market]
    top = max(terms.price_max // 10, terms.price_min)
    low = terms.price_min << draw.randrange(max((top // terms.price_min).bit_length(), 1))
    return draw.randrange(min(low, top), min(2 * low, top) + 1)


def draw_position(draw: random.Random, policy: Policy, market: str, mark: int) -> Position:
    """A position with an entry price near the mark; one in two has an average that is no whole tick."""
    terms = policy.markets[market]
    lots = draw_lots(draw, terms.size_max // LOTS_SHARE)
    away = mark * draw.randrange(-ENTRY_PPM, ENTRY_PPM + 1) // MARKS_PPM
    cost = lots * (mark + away) * terms.multiplier
    if draw.random() < 0.5:
        cost += draw.randrange(lots) * terms.multiplier
    return Position(lots, cost) if draw.random() < 0.5 else Position(-lots, -cost)


def draw_orders(draw: random.Random, policy: Policy, market: str, held: Position | None) -> OpenOrders:
    """Totals of one side or both; some reduce or flip what is held."""
    lots = draw_lots(draw, policy.markets[market].size_max // LOTS_SHARE)
    if held is not None and draw.random() < 0.4:
        lots = max(abs(held.size) * draw.choice((1, 2, 3)) // 2, 1)
    other = draw_lots(draw, lots) if draw.random() < 0.3 else 0
    return OpenOrders(lots, other) if draw.random() < 0.5 else OpenOrders(other, lots)


def draw_lots(draw: random.Random, most: int) -> int:
    """From 1 to `most`, small ones as often as large ones."""
    low = 1 << draw.randrange(most.bit_length())
    return draw.randrange(low, min(2 * low, most) + 1)


def draw_equity(draw: random.Random, venue: Venue, account: Account) -> tuple[int, str]:
    """An equity of at least 0 (INV-1), and where it lies between the two margins."""
    standing = standing_of(venue, account)
    maintenance, initial = standing.maintenance, standing.initial
    places = {
        "far above initial margin": initial + draw_lots(draw, 4 * initial + 1_000_000),
        "between the margins": draw.randrange(maintenance, max(initial, maintenance) + 1),
        "at maintenance margin": maintenance,
        "a quantum above maintenance margin": maintenance + 1,
        "a quantum below maintenance margin": max(maintenance - 1, 0),
        "below maintenance margin": draw.randrange(maintenance + 1),
        "at initial margin": max(initial, maintenance),
    }
    where = draw.choice(("far above initial margin", *places))
    return places[where], where


def classes_of(account: Account) -> Iterator[str]:
    """What else is special about an account."""
    yield ("no position", "one position", "several positions")[min(len(account.positions), 2)]
    if account.orders:
        yield "open orders"
    if account.wallet < 0:
        yield "negative wallet"
