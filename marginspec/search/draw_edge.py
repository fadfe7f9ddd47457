"""Drawn venues at the edge: accounts that a move of a mark makes bankrupt, and little to pay with.

Histories from genesis get there seldom, since whatever they admit has initial margin. The deep stages of the
waterfall (backstops, caps, draws near their limit, payers) lie behind many such accounts at once.
"""

from collections.abc import Mapping
from dataclasses import replace

from marginspec.search.choices import Choices, magnitude
from marginspec.search.scene import OWNERS, Scene
from refmodel.events import Prices
from refmodel.margin import requirement
from refmodel.numbers import Lots, Quanta
from refmodel.policy import Policy
from refmodel.state import CROSS, Account, OpenOrders, Pool, Position, Venue, genesis

TRADERS = (2, 3, 5, 8)
MARKETS_MOST = 2


def draw_edge(choices: Choices, scene: Scene) -> Venue | None:
    """A venue whose books balance, of accounts near their margins; None if it would hold more than it may."""
    policy = scene.policy
    empty = genesis(policy)
    names = tuple(policy.markets)
    markets = {choices.pick(names) for _ in range(min(MARKETS_MOST, policy.positions_max))}
    traders = {f"a{number + 1}": draw_trader(choices, policy) for number in range(choices.pick(TRADERS))}
    accounts = {**empty.accounts, **traders}
    for market in sorted(markets):
        for name, lots in draw_lots(choices, scene, market, accounts).items():
            accounts[name] = holding(choices, scene, accounts[name], market, lots)
    accounts = {name: with_money(choices, scene, account) for name, account in accounts.items()}
    pools = {name: draw_pool(choices, scene, name) for name in empty.pools}
    claims = sum(paid_in(account) for account in accounts.values())
    claims += sum(pool.fund + pool.fee_pool - pool.bad_debt for pool in pools.values())
    if not 0 <= claims <= policy.venue_total_max:
        return None
    return replace(empty, marks=dict(scene.mark), accounts=accounts, pools=pools, custody=claims)


def draw_trader(choices: Choices, policy: Policy) -> Account:
    """An account that has nothing yet."""
    pool = choices.pick((CROSS, CROSS, CROSS, *policy.isolated))
    return Account(choices.pick(OWNERS), pool, 0, {}, {})


def draw_lots(
    choices: Choices, scene: Scene, market: str, accounts: Mapping[str, Account]
) -> dict[str, Lots]:
    """Lots of the accounts that may hold the market, as many long as short."""
    policy = scene.policy
    may_hold = [name for name, account in accounts.items() if account.pool in (CROSS, market)]
    if len(may_hold) < 2:
        return {}
    most = max(1, min(scene.lots[market], policy.markets[market].size_max // len(may_hold)))
    lots = {name: choices.integer(-most, most) for name in may_hold if choices.chance(700_000)}
    if not lots:
        return {}
    last = choices.pick(may_hold)
    lots[last] = lots.get(last, 0) - sum(lots.values())
    return {name: size for name, size in lots.items() if size != 0}


def holding(choices: Choices, scene: Scene, account: Account, market: str, lots: Lots) -> Account:
    """The account with a position at its mark, entered somewhat above or below, and perhaps orders."""
    terms = scene.policy.markets[market]
    value = lots * scene.mark[market] * terms.multiplier
    profit = choices.pick((0, choices.integer(-(abs(value) // 5), abs(value) // 5)))
    positions = {**account.positions, market: Position(lots, value - profit)}
    orders = dict(account.orders)
    if account.owner in OWNERS and choices.chance(300_000):
        orders[market] = OpenOrders(choices.integer(0, 8), choices.integer(1, 8))
    return replace(account, positions=positions, orders=orders)


def with_money(choices: Choices, scene: Scene, account: Account) -> Account:
    """The account with such a wallet that its equity is near its margin, near nothing, or ample."""
    margin = profit = of_a_tick = 0
    for market, position in account.positions.items():
        terms = scene.policy.markets[market]
        value = position.size * scene.mark[market] * terms.multiplier
        margin += requirement(terms.maintenance, abs(position.size), abs(value))
        profit += value - position.cost
        of_a_tick += abs(position.size) * terms.multiplier
    if not account.positions:
        # With as much a backstop is limited by its notional alone.
        ample = 0 if account.owner in OWNERS else scene.policy.backstop_notional_max
        return replace(account, wallet=choices.pick((0, magnitude(choices, 1, scene.money), ample)))
    # A move of one tick may leave it a few quanta short: losses smaller than there are payers.
    nearly = max(0, of_a_tick - choices.integer(0, 6))
    equity: Quanta = choices.pick((0, 1, nearly, margin // 2, margin, margin + 1, 2 * margin, 20 * margin))
    equity += choices.pick((0, 0, choices.integer(0, 500)))
    return replace(account, wallet=equity - profit)


def draw_pool(choices: Choices, scene: Scene, name: str) -> Pool:
    """A pool with little or nothing to pay with, and draws near their limit or none."""
    limit = scene.policy.draw_limits[name]
    fund = choices.pick((0, 0, choices.integer(0, 50), magnitude(choices, 1, scene.money)))
    debt = choices.pick((0, 0, 0, choices.integer(1, 500)))
    drawn = choices.pick((0, 0, max(0, limit - 1), choices.integer(0, limit)))
    return Pool(fund=fund, bad_debt=debt, fee_pool=choices.integer(0, 100), drawn=drawn)


def paid_in(account: Account) -> Quanta:
    """What an account has put in: its wallet less the cost of its positions."""
    return account.wallet - sum(position.cost for position in account.positions.values())


def draw_shock(choices: Choices, venue: Venue, scene: Scene) -> Prices:
    """A move of one mark, from a tick to a half of it."""
    market = choices.pick(tuple(venue.marks))
    terms, mark = venue.policy.markets[market], venue.marks[market]
    by = choices.pick((1, magnitude(choices, 1, max(1, mark // 2)), mark // choices.integer(3, 60)))
    moved = mark + choices.pick((-by, by))
    return Prices(venue.clock + 1, {market: max(terms.price_min, min(moved, terms.price_max))})
