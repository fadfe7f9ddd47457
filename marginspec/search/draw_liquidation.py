"""Drawn liquidations: fills and takeovers of accounts that wait for them, and what they must refuse."""

from marginspec.search.choices import Choices, magnitude
from marginspec.search.draw_prices import draw_prices
from marginspec.search.draw_trades import draw_price
from marginspec.search.scene import Scene, some_account, some_market
from refmodel.events import Event, LiquidationFill, Takeover
from refmodel.liquidation import closable_lots, waiting
from refmodel.margin import standing_of
from refmodel.numbers import Lots, Ticks
from refmodel.state import CROSS, Venue, backstop_of, is_backstop
from refmodel.takeover import may_be_taken_over


def draw_fill(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """Somebody takes lots off an account that waits: a part, all that may go, a lot more.

    Where nobody waits, prices are drawn instead, which bring that about.
    """
    name = draw_waiting(choices, venue)
    if name is None:
        return draw_prices(choices, venue, scene, time)
    account = venue.accounts[name]
    held = tuple(account.positions)
    market = choices.pick(held) if held and not choices.chance(30_000) else some_market(choices, venue, scene)
    terms = venue.policy.markets[market]
    mark = venue.marks.get(market, scene.mark[market])
    price = draw_price(choices, mark, terms.liquidation.band)
    if choices.chance(40_000):
        price = terms.price_max + 1
    counterparty = draw_counterparty(choices, venue, name, market)
    lots: Lots = 1
    if market in account.positions and account.positions[market].size != 0:
        lots = draw_lots(choices, venue, name, market, price)
    return LiquidationFill(time, name, counterparty, market, lots, price)


def draw_lots(choices: Choices, venue: Venue, name: str, market: str, price: Ticks) -> Lots:
    """How many lots a fill asks for: what the size rule gives, a part of it, a lot more."""
    account = venue.accounts[name]
    most = closable_lots(venue, account, market, price)
    kind = choices.pick(("all", "part", "one", "beyond"))
    if kind == "part":
        return magnitude(choices, 1, most)
    if kind == "one":
        return 1
    if kind == "beyond" and choices.chance(300_000):
        return choices.pick((most + 1, abs(account.positions[market].size) + 1))
    return most


def draw_waiting(choices: Choices, venue: Venue) -> str | None:
    """An account that could be closed; now and then one that could not; None if there is none."""
    names = [each.account for each in waiting(venue)]
    if names and not choices.chance(30_000):
        return choices.pick(names)
    if choices.chance(40_000):
        return some_account(choices, venue)
    return choices.pick(names) if names else None


def draw_counterparty(choices: Choices, venue: Venue, name: str, market: str) -> str:
    """Who takes the lots: mostly who has most to spare, now and then anybody."""
    able = [one for one, account in venue.accounts.items() if one != name and account.pool in (CROSS, market)]
    if not able or choices.chance(60_000):
        return some_account(choices, venue)
    if choices.chance(250_000):
        return choices.pick(able)

    def spare(one: str) -> int:
        standing = standing_of(venue, venue.accounts[one])
        return standing.equity - standing.initial

    return max(able, key=spare)


def draw_takeover(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """The backstop is asked to take an account that waits: one of its pool, or the backstop itself."""
    name = draw_waiting(choices, venue)
    if name is None:
        return draw_prices(choices, venue, scene, time)
    trigger = venue.policy.takeover_trigger
    weak = [
        each.account for each in waiting(venue) if may_be_taken_over(each.equity, each.maintenance, trigger)
    ]
    if weak and choices.chance(850_000):
        backstops = [one for one in weak if is_backstop(one)]
        name = choices.pick(backstops or weak) if choices.chance(500_000) else choices.pick(weak)
    if choices.chance(30_000):
        name = backstop_of(venue.accounts[name].pool)
    return Takeover(time, name)
