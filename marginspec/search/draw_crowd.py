"""Drawn crowds: venues of many accounts in many markets, for what shows only beyond a handful of either."""

from dataclasses import replace

from marginspec.search.choices import Choices, magnitude
from marginspec.search.scene import OWNERS, Scene
from refmodel.events import Deposit, Event, Order, Prices, Trade
from refmodel.policy import Policy
from refmodel.state import CROSS, Venue, genesis
from refmodel.venue import apply

COPIES = ("", "-2", "-10", "-b")
"""What names of markets end with, in an order that is not that of the alphabet."""
TRADERS = (20, 40, 70)
TRADES_OF_EACH = 2


def draw_wide(choices: Choices, policy: Policy) -> Policy:
    """The policy with several markets of each kind that it has, and room for a position in all or most."""
    copies = COPIES[: choices.integer(2, len(COPIES))]
    markets = {name + copy: market for copy in copies for name, market in policy.markets.items()}
    positions = choices.pick((len(markets), len(markets), max(1, len(markets) - 2)))
    return replace(policy, markets=markets, positions_max=positions)


def draw_crowd(choices: Choices, scene: Scene) -> tuple[Venue, tuple[Event, ...]]:
    """A venue on which many accounts have traded with one another, and the events that led there.

    returns  the law's venue, and what it accepted from genesis on
    """
    traders = choices.pick(TRADERS)
    money = max(1, min(scene.money, scene.policy.venue_total_max // traders))
    names = [f"a{number + 1}" for number in range(traders)]
    asked: list[Event] = [Prices(0, dict(scene.mark))]
    for name in names:
        pool = choices.pick((CROSS, CROSS, CROSS, *scene.policy.isolated))
        amount = choices.pick((money, magnitude(choices, 1, money)))
        asked.append(Deposit(0, name, amount, choices.pick(OWNERS), pool))
    for _ in range(traders * TRADES_OF_EACH):
        asked += draw_deal(choices, scene, names)
    venue = genesis(scene.policy)
    events = []
    for event in asked:
        outcome = apply(venue, event)
        venue = outcome.venue
        if outcome.refusal is None:
            events.append(event)
    return venue, tuple(events)


def draw_deal(choices: Choices, scene: Scene, names: list[str]) -> tuple[Event, Event]:
    """Two accounts meet: an order and the trade that takes it at the mark; either may be refused."""
    market = choices.pick(tuple(scene.lots))
    lots = magnitude(choices, 1, max(1, scene.lots[market] // choices.pick((1, 4))))
    maker, taker = choices.pick(names), choices.pick(names)
    side = choices.pick(("buy", "sell"))
    buys, sells = (0, lots) if side == "buy" else (lots, 0)
    return (
        Order(0, maker, market, buys, sells),
        Trade(0, market, taker, maker, side, lots, scene.mark[market]),
    )
