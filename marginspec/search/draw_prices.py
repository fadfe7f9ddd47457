"""Drawn prices and funding: ordinary moves, and the last mark or rate that everybody survives."""

from marginspec.search.choices import Choices, magnitude
from marginspec.search.scene import Scene, some_market
from refmodel.events import Event, Funding, Prices
from refmodel.liquidation_price import liquidation_price
from refmodel.numbers import PPM, Ticks
from refmodel.state import Venue, equity


def opening_marks(choices: Choices, venue: Venue, scene: Scene) -> dict[str, Ticks]:
    """First prices of markets that have none: of all of them, or of some."""
    missing = [name for name in scene.policy.markets if name not in venue.marks]
    if choices.chance(300_000):
        missing = missing[:1]
    return {name: scene.mark[name] for name in missing}


def draw_prices(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """New marks: a walk, a crash, or the tick at which somebody's margin or equity ends."""
    if choices.chance(10_000):
        return Prices(time, {})
    marks: dict[str, Ticks] = {}
    for _ in range(choices.pick((1, 1, 2))):
        market = some_market(choices, venue, scene)
        marks[market] = draw_mark(choices, venue, scene, market)
    return Prices(time, marks)


def draw_mark(choices: Choices, venue: Venue, scene: Scene, market: str) -> Ticks:
    """A new mark of one market."""
    terms = venue.policy.markets[market]
    mark = venue.marks.get(market, scene.mark[market])
    kind = choices.pick(("walk", "walk", "home", "margin", "call", "edge", "crash", "limit"))
    if kind in ("margin", "call", "edge"):
        holders = [name for name, account in venue.accounts.items() if market in account.positions]
        if holders:
            name = choices.pick(holders)
            tick = last_tick(venue, name, market) if kind == "edge" else margin_tick(venue, name, market)
            if tick is not None and kind == "call":
                # Most of the way to the liquidation price: below initial margin, mostly.
                tick = mark + (tick - mark) * choices.integer(50, 100) // 100
            if tick is not None:
                return max(1, min(tick + choices.pick((0, 0, 1, -1)), terms.price_max))
        kind = "walk"
    if kind == "home":
        return scene.mark[market]
    if kind == "limit" and choices.chance(250_000):
        return choices.pick((terms.price_max, terms.price_max + 1, 1, 0, -1))
    most = mark // (2 if kind == "crash" else 50)
    moved = mark + magnitude(choices, 0, most) * choices.pick((1, -1))
    return max(1, min(moved, terms.price_max))


def margin_tick(venue: Venue, name: str, market: str) -> Ticks | None:
    """The mark at which an account becomes liquidatable (MAR-14)."""
    return liquidation_price(venue, venue.accounts[name], market)


def last_tick(venue: Venue, name: str, market: str) -> Ticks:
    """The last mark, moving against its position, at which an account still has equity of 0 or more."""
    account = venue.accounts[name]
    size = account.positions[market].size
    ticks = equity(venue, account) // (abs(size) * venue.policy.markets[market].multiplier)
    return venue.marks[market] - ticks if size > 0 else venue.marks[market] + ticks


def draw_funding(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """A funding rate: small, at the cap, beyond it, or what a holder just survives."""
    market = some_market(choices, venue, scene)
    terms = venue.policy.markets[market]
    cap = terms.funding_cap
    rate = choices.pick((min(100, cap), 0, cap, magnitude(choices, 0, cap), magnitude(choices, 0, cap)))
    if choices.chance(60_000):
        rate = cap + 1
    holders = [name for name, account in venue.accounts.items() if market in account.positions]
    if holders and choices.chance(150_000):
        account = venue.accounts[choices.pick(holders)]
        size = account.positions[market].size
        per_lot = max(0, equity(venue, account)) // abs(size)
        of_one = venue.marks[market] * terms.multiplier
        rate = min(cap, (per_lot + choices.pick((0, 1))) * PPM // of_one)
        return Funding(time, market, rate if size > 0 else -rate)
    return Funding(time, market, choices.pick((rate, -rate)))
