"""Drawn orders and trades: ordinary ones, and at the edge of the band, a limit or the initial margin."""

from collections.abc import Callable

from marginspec.search.choices import Choices, magnitude
from marginspec.search.scene import Scene, some_account, some_market
from refmodel.events import Event, Order, Trade
from refmodel.margin import NOTHING_HELD, NOTHING_ORDERED, standing_of
from refmodel.numbers import PPM, Lots, Ppm, Ticks
from refmodel.policy import SQRT
from refmodel.state import CROSS, Account, Venue
from refmodel.trading import BUY, SELL
from refmodel.venue import apply


def largest_accepted(venue: Venue, event_of: Callable[[int], Event], most: int) -> int:
    """The largest amount up to a limit whose event is accepted, if acceptance falls once; 0 if none is."""
    if most < 1 or apply(venue, event_of(1)).refusal is not None:
        return 0
    accepted, refused = 1, most + 1
    while refused - accepted > 1:
        middle = (accepted + refused) // 2
        if apply(venue, event_of(middle)).refusal is None:
            accepted = middle
        else:
            refused = middle
    return accepted


def affordable(venue: Venue, account: Account, market: str) -> Lots:
    """About how many lots more the equity above initial margin carries at the lowest rate of the market."""
    terms = venue.policy.markets[market]
    standing = standing_of(venue, account)
    free = standing.equity - standing.initial
    rate = terms.initial.base if terms.initial.kind == SQRT else terms.initial.tiers[0].rise
    if free <= 0:
        return 0
    return free * PPM // (rate * venue.marks[market] * terms.multiplier)


def draw_order(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """An account sets its resting orders: some lots, none, up to the margin, up to the size limit."""
    name = some_account(choices, venue)
    market = some_market(choices, venue, scene)
    account = venue.accounts[name]
    if account.pool not in (CROSS, market) and account.pool in venue.marks and choices.chance(800_000):
        market = account.pool
    if choices.chance(100_000) and len(account.orders) >= venue.policy.positions_max:
        market = choices.pick([one for one in venue.marks if one not in account.orders] or [market])
    terms = venue.policy.markets[market]
    size = account.positions.get(market, NOTHING_HELD).size
    buying = choices.chance(500_000)
    usual = scene.lots[market]
    if market in venue.marks:
        usual = max(1, min(usual, affordable(venue, account, market) // 2))
    kind = choices.pick(("some", "some", "some", "close", "both", "none", "limit", "margin"))
    lots = magnitude(choices, 1, usual)
    if kind == "close" and size != 0:
        lots, buying = abs(size), size < 0
    if kind == "none":
        return Order(time, name, market, 0, 0)
    if kind == "both":
        other = magnitude(choices, 1, usual)
        return Order(time, name, market, lots, other)
    if kind == "limit" and choices.chance(400_000):
        room = terms.size_max - size if buying else terms.size_max + size
        lots = max(1, room + choices.pick((0, 1)))
    if kind == "margin" and choices.chance(300_000):

        def order_of(tried: int) -> Event:
            return one_sided(time, name, market, tried, buying)

        lots = largest_accepted(venue, order_of, terms.size_max - abs(size)) + choices.pick((0, 1))
        lots = max(1, lots)
    return one_sided(time, name, market, lots, buying)


def one_sided(time: int, name: str, market: str, lots: Lots, buying: bool) -> Order:
    """An order of one side."""
    return Order(time, name, market, lots, 0) if buying else Order(time, name, market, 0, lots)


def draw_price(choices: Choices, mark: Ticks, band: Ppm) -> Ticks:
    """A trade's price: the mark, somewhere in the band, its edges, and a tick beyond them."""
    reach = band * mark // PPM
    if choices.chance(550_000) or reach == 0:
        return mark if not choices.chance(60_000) else max(1, mark + choices.pick((1, -1)))
    if choices.chance(250_000):
        return max(1, mark + choices.pick((reach, -reach, reach, -reach, reach + 1, -reach - 1)))
    away = magnitude(choices, 0, reach)
    return max(1, mark + choices.pick((away, -away)))


def draw_trade(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """A taker deals with an order that rests: to open, reduce, close or flip, a lot too many as well.

    Where no order rests, one is drawn instead.
    """
    offers = [
        (maker, market, orders)
        for maker, account in venue.accounts.items()
        for market, orders in account.orders.items()
    ]
    if not offers or choices.chance(20_000):
        if choices.chance(900_000) or len(venue.accounts) < 2:
            return draw_order(choices, venue, scene, time)
        market = some_market(choices, venue, scene)
        maker = some_account(choices, venue)
        orders = NOTHING_ORDERED
    else:
        maker, market, orders = choices.pick(offers)
    buying = orders.sells > 0 if orders.sells == 0 or orders.buys == 0 else choices.chance(500_000)
    offered = orders.sells if buying else orders.buys
    taker = draw_taker(choices, venue, market, maker, buying)
    size = venue.accounts[taker].positions.get(market, NOTHING_HELD).size
    lots = magnitude(choices, 1, max(1, offered))
    kind = choices.pick(("some", "all", "close", "part", "flip", "beyond", "margin", "same"))
    if kind == "all":
        lots = offered
    elif kind == "same":
        # As many as somebody else holds: for who is told apart by the identifier alone.
        held = [one.positions[market].size for one in venue.accounts.values() if market in one.positions]
        lots = abs(choices.pick(held)) if held else lots
    elif kind == "close" and size != 0:
        lots = abs(size)
    elif kind == "part" and size != 0:
        lots = magnitude(choices, 1, abs(size))
    elif kind == "flip" and size != 0:
        lots = abs(size) + magnitude(choices, 1, scene.lots[market])
    if kind == "beyond" and choices.chance(200_000):
        lots = choices.pick((offered + 1, venue.policy.markets[market].size_max + 1))
    elif offered > 0 and not choices.chance(50_000):
        lots = min(lots, offered)
    if kind in ("some", "all") and market in venue.marks and not choices.chance(200_000):
        lots = max(1, min(lots, affordable(venue, venue.accounts[taker], market) * 4 // 5))
    mark = venue.marks.get(market, scene.mark[market])
    price = draw_price(choices, mark, venue.policy.markets[market].band)
    side = BUY if buying else SELL
    if kind == "margin" and choices.chance(150_000):

        def trade_of(tried: int) -> Event:
            return Trade(time, market, taker, maker, side, tried, price)

        lots = largest_accepted(venue, trade_of, offered) + choices.pick((0, 1))
    return Trade(time, market, taker, maker, side, max(1, lots), price)


def draw_taker(choices: Choices, venue: Venue, market: str, maker: str, buying: bool) -> str:
    """Who takes: mostly an account of the right pool; often one that reduces by it."""
    if choices.chance(20_000):
        return maker
    able = [
        name
        for name, account in venue.accounts.items()
        if name != maker and account.pool in (CROSS, market) and account.wallet != 0
    ]
    if not able or choices.chance(20_000):
        return some_account(choices, venue)
    if choices.chance(500_000):
        reducing = [
            name
            for name in able
            if (held := venue.accounts[name].positions.get(market)) is not None and (held.size < 0) == buying
        ]
        if reducing:
            return choices.pick(reducing)
    return choices.pick(able)
