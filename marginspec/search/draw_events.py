"""Drawn events: what might be asked of a venue next, chosen from the state it is in.

Most events are admissible. The rest stand at an edge that is computed from the state: the withdrawal
that just leaves the requirement and the one of a quantum more, a trade at the edge of the band, the last
order that the initial margin admits, the last mark that everybody survives, and the ones beyond it. Where
somebody waits to be closed, mostly somebody comes. A few events are faulty on purpose.
"""

from dataclasses import replace

from marginspec.search.choices import Choices
from marginspec.search.draw_liquidation import draw_fill, draw_takeover
from marginspec.search.draw_money import (
    draw_backstop_deposit,
    draw_deposit,
    draw_fee_withdrawal,
    draw_fund_deposit,
    draw_run,
    draw_transfer,
    draw_withdraw,
)
from marginspec.search.draw_prices import draw_funding, draw_prices, opening_marks
from marginspec.search.draw_trades import draw_order, draw_trade
from marginspec.search.scene import Drawer, Scene
from refmodel.events import (
    Deposit,
    Event,
    Funding,
    LiquidationFill,
    Order,
    Prices,
    Takeover,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.liquidation import waiting
from refmodel.state import Venue

PRICE_BEYOND_ALL = 10**13
"""Ticks: above every valid price_max."""


def draw_event(choices: Choices, venue: Venue, scene: Scene) -> Event:
    """The next event of a history."""
    event = draw_wellmeant(choices, venue, scene)
    if choices.chance(30_000):
        return draw_fault(choices, venue, event)
    return event


def draw_time(choices: Choices, venue: Venue) -> int:
    """Milliseconds: now, or later."""
    return venue.clock + choices.pick((0, 0, 1, 1_000, 3_600_000))


def draw_wellmeant(choices: Choices, venue: Venue, scene: Scene) -> Event:
    """An event without a fault of form: what it asks for may still be too much."""
    time = draw_time(choices, venue)
    traders = len(venue.accounts) - len(venue.pools)
    if len(venue.marks) < len(scene.policy.markets) and choices.chance(400_000):
        return Prices(time, opening_marks(choices, venue, scene))
    if traders < 3 and choices.chance(700_000):
        return draw_deposit(choices, venue, scene, time)
    if choices.chance(25_000):
        return choices.pick((draw_backstop_deposit, draw_fund_deposit))(choices, venue, scene, time)
    if choices.chance(60_000) and any(pool.bad_debt > 0 for pool in venue.pools.values()):
        drawers: tuple[Drawer, ...] = (draw_fund_deposit, draw_transfer, draw_run)
        return choices.pick(drawers)(choices, venue, scene, time)
    if choices.chance(150_000) and waiting(venue):
        return (draw_takeover if choices.chance(400_000) else draw_fill)(choices, venue, scene, time)
    roll = choices.integer(0, 99)
    for share, draw in DRAWERS:
        if roll < share:
            return draw(choices, venue, scene, time)
        roll -= share
    raise AssertionError("the shares of DRAWERS add up to 100")


def draw_fault(choices: Choices, venue: Venue, event: Event) -> Event:
    """The event with one fault of form: an earlier time, a name nobody knows, an amount without a sense."""
    faults: list[Event] = [replace(event, time=venue.clock - 1)]
    if isinstance(event, Deposit):
        faults += [replace(event, amount=0), replace(event, amount=-1)]
    elif isinstance(event, Withdraw):
        faults += [replace(event, amount=0), replace(event, account="nobody")]
    elif isinstance(event, Transfer):
        faults += [replace(event, amount=-1), replace(event, target="nobody")]
    elif isinstance(event, Order):
        faults += [replace(event, buys=-1), replace(event, sells=-1), replace(event, market="no such market")]
    elif isinstance(event, Trade):
        faults += [replace(event, lots=0), replace(event, price=0), replace(event, side="hold")]
        faults += [replace(event, maker="nobody"), replace(event, market="no such market")]
    elif isinstance(event, LiquidationFill):
        faults += [replace(event, lots=0), replace(event, price=0), replace(event, account="nobody")]
        faults += [replace(event, counterparty="nobody"), replace(event, market="no such market")]
    elif isinstance(event, Takeover):
        faults += [replace(event, account="nobody")]
    elif isinstance(event, Prices):
        faults += [replace(event, marks={**event.marks, "no such market": 1})]
        faults += [replace(event, marks={**event.marks, **dict.fromkeys(event.marks, PRICE_BEYOND_ALL)})]
    elif isinstance(event, Funding):
        faults += [replace(event, market="no such market")]
    else:
        faults += [replace(event, amount=0), replace(event, pool="no such pool")]
    return choices.pick(faults)


DRAWERS: tuple[tuple[int, Drawer], ...] = (
    (30, draw_trade),
    (19, draw_order),
    (14, draw_prices),
    (7, draw_withdraw),
    (9, draw_deposit),
    (5, draw_funding),
    (6, draw_fill),
    (3, draw_takeover),
    (3, draw_transfer),
    (2, draw_fund_deposit),
    (2, draw_fee_withdrawal),
)
assert sum(share for share, _ in DRAWERS) == 100
