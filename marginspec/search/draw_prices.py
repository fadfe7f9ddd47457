"""Drawn prices and funding: ordinary moves, and the last mark or rate that everybody survives."""

from marginspec.search.choices import Choices, magnitude
from marginspec.search.scene import Scene, some_market
from refmodel.events import Event, Funding, Prices
from refmodel.liquidation_price import liquidation_price
from refmodel.numbers import PPM, Quanta, Ticks, ceil_div
from refmodel.state import Venue, equity


def opening_marks(choices: Choices, venue: Venue, scene: Scene) -> dict[str, Ticks]:
    """First prices of markets that have none: of all of them, or of some."""
    missing = [name for name in scene.policy.markets if name not in venue.marks]
    if choices.chance(300_000):
        missing = missing[:1]
    return {name: scene.mark[name] for name in missing}


def draw_prices(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """New marks: a walk, a crash, the tick at which somebody's margin or equity ends, or a gap beyond it."""
    if choices.chance(10_000):
        return Prices(time, {})
    marks: dict[str, Ticks] = {}
    if len(venue.marks) > 1 and choices.chance(200_000):
        return Prices(time, draw_crisis(choices, venue, scene))
    for _ in range(choices.pick((1, 1, 2))):
        market = some_market(choices, venue, scene)
        marks[market] = draw_mark(choices, venue, scene, market, choices.pick(KINDS))
    return Prices(time, marks)


def draw_crisis(choices: Choices, venue: Venue, scene: Scene) -> dict[str, Ticks]:
    """One market gaps while another stands where somebody's margin just holds: whoever holds both is ruined
    by the first, and those against it in the second can bear little."""
    marks: dict[str, Ticks] = {}
    both = [name for name, account in venue.accounts.items() if len(account.positions) > 1]
    if not both or choices.chance(300_000):
        ruined = choices.pick(tuple(venue.marks))
        for market in venue.marks:
            kind = "gap" if market == ruined else choices.pick(("edge of margin", "weak", "home", "walk"))
            marks[market] = draw_mark(choices, venue, scene, market, kind)
        return marks
    name = choices.pick(both)
    held = venue.accounts[name].positions
    ruined = choices.pick(tuple(held))
    calm = choices.pick([market for market in held if market != ruined])
    for other, account in venue.accounts.items():
        if calm in account.positions and account.positions[calm].size * held[calm].size < 0:
            tick = margin_tick(venue, other, calm)
            if tick is not None:
                nearer = tick + (1 if tick < venue.marks[calm] else -1)
                marks[calm] = max(1, min(nearer, venue.policy.markets[calm].price_max))
            if choices.chance(500_000):
                break
    beyond = magnitude(choices, 1, max(1, venue.marks[ruined] // choices.pick((100, 20, 3))))
    tick = last_tick(venue, name, ruined)
    tick += -beyond if held[ruined].size > 0 else beyond
    marks[ruined] = max(1, min(tick, venue.policy.markets[ruined].price_max))
    return marks


KINDS = (
    "walk",
    "walk",
    "home",
    "margin",
    "call",
    "weak",
    "edge",
    "pennies",
    "pennies",
    "gap",
    "gap",
    "crash",
    "limit",
)
"""Of new marks: `margin`, `call` and `edge` stand where somebody's margin, most of it, or equity ends; `weak`
between the first and the last of these, `pennies` a tick beyond the last, `gap` far beyond it."""


def draw_mark(choices: Choices, venue: Venue, scene: Scene, market: str, kind: str) -> Ticks:
    """A new mark of one market, of one of KINDS."""
    terms = venue.policy.markets[market]
    mark = venue.marks.get(market, scene.mark[market])
    if kind in ("margin", "edge of margin", "call", "weak", "edge", "pennies", "gap"):
        holders = [name for name, account in venue.accounts.items() if market in account.positions]
        if holders:
            name = choices.pick(holders)
            if kind == "pennies":
                name = min(holders, key=lambda one: deficit_a_tick_too_far(venue, one, market))
            to_the_end = kind in ("weak", "edge", "pennies", "gap")
            tick = last_tick(venue, name, market) if to_the_end else margin_tick(venue, name, market)
            if tick is not None and kind == "pennies":
                return max(1, min(tick + (1 if tick > mark else -1), terms.price_max))
            if tick is not None and kind == "edge of margin":
                return max(1, min(tick + (1 if tick < mark else -1), terms.price_max))
            if tick is not None and kind == "call":
                # Most of the way to the liquidation price: below initial margin, mostly.
                tick = mark + (tick - mark) * choices.integer(50, 100) // 100
            if tick is not None and kind == "weak":
                first = margin_tick(venue, name, market)
                tick = tick if first is None else tick + (first - tick) * choices.integer(0, 70) // 100
            if tick is not None and kind == "gap":
                beyond = magnitude(choices, 1, max(1, mark // choices.pick((50, 10, 3))))
                tick += beyond if tick > mark else -beyond
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


def deficit_a_tick_too_far(venue: Venue, name: str, market: str) -> Quanta:
    """What is missing when the mark is one tick beyond the last that an account survives, quanta."""
    account = venue.accounts[name]
    of_one_tick = abs(account.positions[market].size) * venue.policy.markets[market].multiplier
    return of_one_tick - equity(venue, account) % of_one_tick


def draw_funding(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """A funding rate: small, at the cap, beyond it, or what a holder just survives."""
    market = some_market(choices, venue, scene)
    terms = venue.policy.markets[market]
    cap = terms.funding_cap
    rate = choices.pick((min(100, cap), 0, cap, magnitude(choices, 0, cap), magnitude(choices, 0, cap)))
    if choices.chance(60_000):
        rate = cap + 1
    holders = [name for name, account in venue.accounts.items() if market in account.positions]
    if holders and choices.chance(300_000):
        account = venue.accounts[choices.pick(holders)]
        size = account.positions[market].size
        per_lot = max(0, equity(venue, account)) // abs(size)
        of_one = venue.marks[market] * terms.multiplier
        rate = min(cap, ceil_div((per_lot + choices.pick((0, 1))) * PPM, of_one))
        return Funding(time, market, rate if size > 0 else -rate)
    return Funding(time, market, choices.pick((rate, -rate)))
