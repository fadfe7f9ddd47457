"""Drawn events: what might be asked of a venue next, chosen from the state it is in.

Most events are admissible. The rest stand at an edge that is computed from the state: the withdrawal
that just leaves the requirement and the one of a quantum more, a trade at the edge of the band, the last
order that the initial margin admits, the last mark that everybody survives. A few are faulty on purpose.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from marginspec.choices import Choices, edge_or_magnitude, magnitude
from refmodel.events import (
    Deposit,
    Event,
    FeeWithdrawal,
    FundDeposit,
    Funding,
    Order,
    Prices,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.liquidation_price import liquidation_price
from refmodel.margin import NOTHING_HELD, NOTHING_ORDERED, requirement, standing_of
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks
from refmodel.policy import SQRT, Policy
from refmodel.state import CROSS, HOUSE, Account, OpenOrders, Venue, backstop_of, equity, genesis
from refmodel.trading import BUY, SELL
from refmodel.venue import apply
from refmodel.withdrawal import transfer_margin

OWNERS = ("alice", "bob", "carol")
ACCOUNTS_MOST = 9
"""Traders of one history, the backstops not counted."""
MARKETS_MOST = 5
"""Markets of one history; a policy with more is narrowed to some of them."""
PRICE_BEYOND_ALL = 10**13
"""Ticks: above every valid price_max."""


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


# ------------------------------------------------------------------------------------- the scene


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
    return replace(policy, markets=kept, isolated=tuple(name for name in policy.isolated if name in kept))


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


# ------------------------------------------------------------------------------------- one event


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
    if choices.chance(60_000) and any(pool.bad_debt > 0 for pool in venue.pools.values()):
        drawers: tuple[Drawer, ...] = (draw_fund_deposit, draw_transfer, draw_run)
        return choices.pick(drawers)(choices, venue, scene, time)
    roll = choices.integer(0, 99)
    for share, draw in DRAWERS:
        if roll < share:
            return draw(choices, venue, scene, time)
        roll -= share
    raise AssertionError("the shares of DRAWERS add up to 100")


def opening_marks(choices: Choices, venue: Venue, scene: Scene) -> dict[str, Ticks]:
    """First prices of markets that have none: of all of them, or of some."""
    missing = [name for name in scene.policy.markets if name not in venue.marks]
    if choices.chance(300_000):
        missing = missing[:1]
    return {name: scene.mark[name] for name in missing}


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


# ------------------------------------------------------------------------------------- money


def draw_deposit(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """Money for an account, new or known; sometimes exactly what the venue still takes."""
    traders = len(venue.accounts) - len(venue.pools)
    room = scene.policy.venue_total_max - venue.custody
    amount = choices.pick((scene.money, magnitude(choices, 1, max(1, scene.money * 4))))
    if choices.chance(30_000):
        amount = choices.pick((room + 1, room + 1, room))
    elif room < amount and choices.chance(900_000):
        amount = max(1, room // 3)
    amount = max(1, amount)
    if traders < ACCOUNTS_MOST and (traders < 3 or choices.chance(350_000)):
        name = f"a{traders + 1}"
        owner = choices.pick(OWNERS)
        pool = choices.pick((CROSS, *scene.policy.isolated))
        if choices.chance(60_000):
            spoilt = (("", ""), (owner, ""), ("", pool), (owner, "no such pool"), (HOUSE, pool))
            owner, pool = choices.pick(spoilt)
            name = choices.pick((name, backstop_of("no such pool")))
        return Deposit(time, name, amount, owner, pool)
    name = some_account(choices, venue)
    if choices.chance(60_000):
        return Deposit(time, name, amount, choices.pick((*OWNERS, "house")), "")
    if choices.chance(60_000):
        return Deposit(time, name, amount, "", choices.pick(tuple(venue.pools)))
    return Deposit(time, name, amount)


def withdrawable(venue: Venue, account: Account) -> Quanta:
    """Quanta that WDR-2 and WDR-3 let go; below 1 if nothing."""
    standing = standing_of(venue, account)
    stays = max(standing.initial, transfer_margin(venue, account))
    at_margin = venue.policy.trigger != "below" and stays == standing.maintenance and stays > 0
    return min(account.wallet, standing.equity - stays - (1 if at_margin else 0))


def draw_outflow(choices: Choices, venue: Venue, account: Account) -> Quanta:
    """An amount to take out: a part, all that may go, a quantum more, the wallet, all of custody."""
    most = withdrawable(venue, account)
    if most > venue.custody:
        return max(1, choices.pick((venue.custody, venue.custody + 1, most)))
    if choices.chance(400_000):
        edges = (most, most + 1, account.wallet, account.wallet + 1, venue.custody + 1, venue.custody)
        return max(1, choices.pick(edges))
    return magnitude(choices, 1, max(1, most // 2))


def draw_withdraw(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """An account asks for money."""
    name = some_account(choices, venue)
    return Withdraw(time, name, draw_outflow(choices, venue, venue.accounts[name]))


def draw_run(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """While custody does not cover all claims: somebody who may take more than it holds does."""
    custody = venue.custody
    claims = [name for name, one in venue.accounts.items() if withdrawable(venue, one) > custody]
    fees = [name for name, pool in venue.pools.items() if pool.fee_pool > custody]
    more = custody + choices.pick((1, 0))
    if fees and (not claims or choices.chance(300_000)):
        return FeeWithdrawal(time, choices.pick(fees), max(1, more))
    name = choices.pick(claims) if claims else some_account(choices, venue)
    return Withdraw(time, name, max(1, more))


def draw_transfer(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """An owner moves money, mostly to another account of its own."""
    source = some_account(choices, venue)
    owner = venue.accounts[source].owner
    own = [name for name, account in venue.accounts.items() if account.owner == owner and name != source]
    if own and choices.chance(850_000):
        target = choices.pick(own)
    else:
        target = some_account(choices, venue)
    return Transfer(time, source, target, draw_outflow(choices, venue, venue.accounts[source]))


def draw_fund_deposit(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """Money for a pool's fund: less than its bad debt, exactly as much, or more."""
    indebted = [name for name, pool in venue.pools.items() if pool.bad_debt > 0]
    pool = choices.pick(indebted or tuple(venue.pools))
    debt = venue.pools[pool].bad_debt
    room = scene.policy.venue_total_max - venue.custody
    if choices.chance(50_000):
        return FundDeposit(time, pool, max(1, room + choices.pick((1, 0))))
    return FundDeposit(time, pool, max(1, min(room, edge_or_magnitude(choices, 1, scene.money, (debt,)))))


def draw_fee_withdrawal(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """The house asks for a part of a fee pool, all of it, or a quantum more."""
    filled = [name for name, pool in venue.pools.items() if pool.fee_pool > 0]
    pool = choices.pick(filled) if filled else choices.pick(tuple(venue.pools))
    collected = venue.pools[pool].fee_pool
    edges = (collected, collected + 1, venue.custody + 1)
    if choices.chance(400_000):
        return FeeWithdrawal(time, pool, max(1, choices.pick(edges)))
    return FeeWithdrawal(time, pool, magnitude(choices, 1, max(1, collected // 2)))


# ------------------------------------------------------------------------------------- orders, trades


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
    kind = choices.pick(("some", "all", "close", "part", "flip", "beyond", "margin"))
    if kind == "all":
        lots = offered
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


# ------------------------------------------------------------------------------------- prices, funding


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


# ------------------------------------------------------------------------------------- faults


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
    elif isinstance(event, Prices):
        faults += [replace(event, marks={**event.marks, "no such market": 1})]
        faults += [replace(event, marks={**event.marks, **dict.fromkeys(event.marks, PRICE_BEYOND_ALL)})]
    elif isinstance(event, Funding):
        faults += [replace(event, market="no such market")]
    else:
        faults += [replace(event, amount=0), replace(event, pool="no such pool")]
    return choices.pick(faults)


DRAWERS: tuple[tuple[int, Drawer], ...] = (
    (34, draw_trade),
    (21, draw_order),
    (13, draw_prices),
    (9, draw_withdraw),
    (9, draw_deposit),
    (6, draw_funding),
    (4, draw_transfer),
    (2, draw_fund_deposit),
    (2, draw_fee_withdrawal),
)
assert sum(share for share, _ in DRAWERS) == 100
