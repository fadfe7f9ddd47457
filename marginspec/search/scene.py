"""The scene of a history: its markets, their usual sizes and marks, and the venue that it starts from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from marginspec.search.choices import Choices, magnitude
from refmodel.events import Deposit, Event
from refmodel.margin import requirement
from refmodel.numbers import Lots, Quanta, Ticks
from refmodel.policy import Policy, pools_of
from refmodel.state import CROSS, OpenOrders, Venue, genesis
from refmodel.venue import apply

OWNERS = ("alice", "bob", "carol")
MARKETS_MOST = 5
"""Markets of one history; a policy with more is narrowed to some of them."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a history is played with: the usual sizes and amounts of its markets.

    lots   lots of an ordinary position, by market
    mark   ticks at which a market opens, by market
    money  quanta that an ordinary account brings
    """

    policy: Policy
    lots: Mapping[str, Lots]
    mark: Mapping[str, Ticks]
    money: Quanta


Drawer = Callable[[Choices, Venue, Scene, int], Event]
"""Draws an event of one kind, with its time."""


def narrowed(choices: Choices, policy: Policy) -> Policy:
    """The policy with a handful of its markets, so that no event costs what all markets cost.

    Every rule but LIM-2 looks at the markets an account is in, so a venue of fewer markets is the same
    venue as long as nobody uses the others. Now and then there is one market more than an account may be
    in, for LIM-2.
    """
    most = MARKETS_MOST
    if policy.positions_max < len(policy.markets) and choices.chance(30_000):
        most = max(most, policy.positions_max + 1)
    names = tuple(policy.markets)
    if len(names) <= most:
        return policy
    chosen: dict[str, None] = {}
    if policy.isolated and choices.chance(300_000):
        chosen[choices.pick(policy.isolated)] = None
    while len(chosen) < most:
        chosen[choices.pick(names)] = None
    kept = {name: policy.markets[name] for name in names if name in chosen}
    small = replace(policy, markets=kept, isolated=tuple(name for name in policy.isolated if name in kept))
    return replace(small, draw_limits={pool: policy.draw_limits[pool] for pool in pools_of(small)})


def draw_scene(choices: Choices, policy: Policy) -> Scene:
    """Usual sizes and marks: such that tiers, limits and roundings come into reach."""
    lots: dict[str, Lots] = {}
    marks: dict[str, Ticks] = {}
    money = 1
    share = policy.venue_total_max // 12 + 1
    for name, terms in policy.markets.items():
        mark = choices.pick(
            (
                terms.price_min,
                magnitude(choices, terms.price_min, terms.price_max),
                magnitude(choices, 1, terms.price_max),
            )
        )
        of_one = mark * terms.multiplier
        floors = [tier.floor for tier in terms.initial.tiers if tier.floor > 0]
        if floors and choices.chance(600_000):
            usual = choices.pick(floors) // of_one
        elif choices.chance(300_000):
            usual = choices.pick((1, 3))
        else:
            usual = magnitude(choices, 1, terms.size_max)
        usual = max(1, min(usual, terms.size_max))
        # No more than what the venue may hold is able to carry.
        while usual > 1 and requirement(terms.initial, usual, usual * of_one) > share:
            usual //= 2
        lots[name] = usual
        marks[name] = mark
        money = max(money, requirement(terms.initial, usual, usual * of_one))
    return Scene(policy, lots, marks, min(money * choices.pick((3, 1, 10)), share))


def draw_start(choices: Choices, scene: Scene) -> Venue | None:
    """The venue a history starts from: genesis (None), or one that has been through something.

    Bad debt is inherited: custody is lower and the claims that it no longer covers are recorded, so that
    the books balance. An account that is in as many markets as the policy allows is for LIM-2.
    """
    crowded = len(scene.policy.markets) > max(scene.policy.positions_max, MARKETS_MOST - 1)
    indebted = choices.chance(120_000)
    if not (crowded or indebted):
        return None
    venue = genesis(scene.policy)
    paid_in = Deposit(0, "a1", min(scene.money, scene.policy.venue_total_max), OWNERS[0], CROSS)
    venue = apply(venue, paid_in).venue
    if crowded:
        names = tuple(scene.policy.markets)[: scene.policy.positions_max]
        account = replace(venue.accounts["a1"], orders={name: OpenOrders(0, 1) for name in names})
        venue = replace(venue, marks=dict(scene.mark), accounts={**venue.accounts, "a1": account})
    if indebted and venue.custody > 0:
        debt = choices.pick((venue.custody, magnitude(choices, 1, venue.custody)))
        # Fees that were collected and lost with the rest: so that they can exceed custody.
        fees = choices.pick((0, scene.money * 10))
        pool = choices.pick(tuple(venue.pools))
        pools = {**venue.pools, pool: replace(venue.pools[pool], bad_debt=debt + fees, fee_pool=fees)}
        venue = replace(venue, custody=venue.custody - debt, pools=pools)
    return venue


def some_account(choices: Choices, venue: Venue) -> str:
    """An account of the venue: mostly a trader, now and then a backstop."""
    names = tuple(venue.accounts)
    backstops = len(venue.pools)
    if len(names) > backstops and not choices.chance(50_000):
        return choices.pick(names[backstops:])
    return choices.pick(names)


def some_market(choices: Choices, venue: Venue, scene: Scene) -> str:
    """A market, mostly one with a mark."""
    if venue.marks and not choices.chance(40_000):
        return choices.pick(tuple(venue.marks))
    return choices.pick(tuple(scene.policy.markets))
