"""Sharp questions: events at the edges of a venue's state, and venues put where an edge is in reach.

What is drawn at random seldom stands where a comparison turns. Here the edge is computed from the state:
the most lots that a fill may close and one more, the last order that is admitted, the mark at which somebody
has a quantum too little, with a fund and a backstop that have a little, enough or nothing.
"""

from collections.abc import Iterator
from dataclasses import replace

from marginspec.search.choices import Choices
from marginspec.search.draw_money import withdrawable
from marginspec.search.draw_prices import last_tick
from marginspec.search.draw_trades import largest_accepted
from marginspec.vectors.drawn import Asked
from marginspec.vectors.plainer import balanced, is_sound, with_equity, with_wallet
from refmodel.events import (
    Deposit,
    Event,
    FeeWithdrawal,
    FundDeposit,
    LiquidationFill,
    Order,
    Prices,
    Takeover,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.liquidation import closable_lots
from refmodel.margin import NOTHING_ORDERED, margin_maintenance, notional_of
from refmodel.policy import Policy
from refmodel.state import HOUSE, Venue, backstop_of, equity, is_backstop
from refmodel.venue import apply


def sharp_questions(choices: Choices, venue: Venue, key: str) -> Iterator[Asked]:
    """Some sharp events of a venue, and crises of it."""
    drawers = (fills, takeovers, money, trades, crises)
    draw = choices.pick(drawers)
    for asked in draw(choices, venue):
        yield Asked(asked[0], asked[1], key)


Found = Iterator[tuple[Venue, Event]]


def weakened(choices: Choices, venue: Venue) -> tuple[Venue, str] | None:
    """The venue with one of its holders liquidatable, and who that is."""
    holders = [name for name, account in venue.accounts.items() if account.positions]
    if not holders:
        return None
    name = choices.pick(holders)
    margin = margin_maintenance(venue, venue.accounts[name])
    left = choices.pick((margin // 2, margin - 1, margin * 9 // 10, margin // 10, 0, 1, margin))
    weak = with_equity(venue, name, max(0, left))
    return (weak, name) if is_sound(weak) else None


def fills(choices: Choices, venue: Venue) -> Found:
    """Fills of as many lots as one may close, and of one more, at the mark and off it."""
    found = weakened(choices, venue)
    if found is None:
        return
    weak, name = found
    account = weak.accounts[name]
    market = choices.pick(tuple(account.positions))
    others = [other for other in weak.accounts if other != name]
    rich = choices.pick(others)
    weak = with_wallet(weak, rich, weak.accounts[rich].wallet + weak.policy.venue_total_max // 3)
    mark = weak.marks[market]
    reach = mark * weak.policy.markets[market].liquidation.band // 1_000_000
    for price in {mark, mark - reach, mark + reach, mark - reach // 2, mark + reach // 3, mark + 1, mark - 1}:
        if price >= 1:
            most = closable_lots(weak, account, market, price)
            for lots in (most, most + 1, 1):
                yield weak, LiquidationFill(weak.clock, name, rich, market, lots, price)


def takeovers(choices: Choices, venue: Venue) -> Found:
    """Takeovers by a backstop that carries everything, just not, or at the limits of size and notional."""
    found = weakened(choices, venue)
    if found is None:
        return
    weak, name = found
    backstop = backstop_of(weak.accounts[name].pool)
    event = Takeover(weak.clock, name)
    if name == backstop:
        yield weak, event
        return
    rich = with_wallet(weak, backstop, weak.policy.venue_total_max // 3)
    trigger = weak.policy.takeover_trigger
    margin = margin_maintenance(weak, weak.accounts[name])
    for beside in (-1, 0, 1):
        yield with_equity(rich, name, max(0, trigger * margin // 1_000_000 + beside)), event
    held = notional_of(rich, rich.accounts[name]) + notional_of(rich, rich.accounts[backstop])
    for beside in (-1, 0):
        policy = replace(rich.policy, backstop_notional_max=held + beside)
        yield replace(rich, policy=policy), event
    for market, position in rich.accounts[name].positions.items():
        for beside in (-1, 0):
            size = max(1, abs(position.size) + beside)
            terms = replace(rich.policy.markets[market], size_max=size)
            yield (
                replace(rich, policy=replace(rich.policy, markets={**rich.policy.markets, market: terms})),
                event,
            )
    low = with_wallet(weak, backstop, 0)
    most = least_wallet(low, backstop, event)
    for beside in (-1, 0):
        yield with_wallet(low, backstop, max(0, most + beside)), event


def least_wallet(venue: Venue, name: str, event: Event) -> int:
    """The least wallet of an account with which an event is accepted, at most a third of all money."""
    refused, accepted = -1, venue.policy.venue_total_max // 3
    while accepted - refused > 1:
        middle = (refused + accepted) // 2
        if apply(with_wallet(venue, name, middle), event).refusal is None:
            accepted = middle
        else:
            refused = middle
    return accepted


def money(choices: Choices, venue: Venue) -> Found:
    """Deposits with every kind of name, and what may go out, with a quantum more."""
    time = venue.clock
    names = tuple(venue.accounts)
    name = choices.pick(names)
    account = venue.accounts[name]
    for owner in ("", account.owner, "another", HOUSE):
        for pool in ("", account.pool, *venue.pools):
            yield venue, Deposit(time, name, 5, owner, pool)
    for new in ("new", "backstop:new"):
        for owner in ("", "alice", HOUSE):
            yield venue, Deposit(time, new, 5, owner, account.pool)
            yield venue, Deposit(time, new, 5, owner, "no such pool")
    room = venue.policy.venue_total_max - venue.custody
    pool = choices.pick(tuple(venue.pools))
    debt = venue.pools[pool].bad_debt
    for amount in {room, room + 1, debt, debt + 1, debt - 1, 1} - {0}:
        yield venue, FundDeposit(time, pool, max(1, amount))
        yield venue, Deposit(time, name, max(1, amount))
    most = withdrawable(venue, account)
    for amount in {most, most + 1, account.wallet, account.wallet + 1, venue.custody, venue.custody + 1, 1}:
        if amount >= 1:
            yield venue, Withdraw(time, name, amount)
            yield venue, FeeWithdrawal(time, pool, amount)
            for other in names:
                if venue.accounts[other].owner == account.owner:
                    yield venue, Transfer(time, name, other, amount)
    fees = venue.pools[pool].fee_pool
    for amount in (fees, fees + 1):
        yield venue, FeeWithdrawal(time, pool, max(1, amount))


def trades(choices: Choices, venue: Venue) -> Found:
    """The last order that is admitted and the next, and trades that close, halve and turn a position."""
    if not venue.marks:
        return
    names = [name for name in venue.accounts if not is_backstop(name)] or list(venue.accounts)
    name, market = choices.pick(names), choices.pick(tuple(venue.marks))
    terms, mark, time = venue.policy.markets[market], venue.marks[market], venue.clock

    def buying(lots: int) -> Event:
        return Order(time, name, market, lots, 0)

    def selling(lots: int) -> Event:
        return Order(time, name, market, 0, lots)

    for order in (buying, selling):
        most = largest_accepted(venue, order, terms.size_max * 2)
        for lots in (most, most + 1):
            yield venue, order(lots)
    held = venue.accounts[name].positions.get(market)
    reach = mark * terms.band // 1_000_000
    for maker, resting in venue.accounts.items():
        orders = resting.orders.get(market)
        if orders is None:
            continue
        for side, offered in (("buy", orders.sells), ("sell", orders.buys)):
            size = abs(held.size) if held else 0
            for lots in {1, offered, offered + 1, size, size // 2, size + 1, size * 2} - {0}:
                for price in {mark, max(1, mark - reach), mark + reach, mark + reach + 1}:
                    yield venue, Trade(time, market, name, maker, side, lots, price)
    if held:
        margin = margin_maintenance(venue, venue.accounts[name])
        call = with_equity(venue, name, margin + choices.pick((0, 1, margin // 20)))
        other = choices.pick([one for one in names if one != name] or names)
        resting_now = {market: replace(NOTHING_ORDERED, buys=2 * abs(held.size), sells=2 * abs(held.size))}
        open_to = replace(
            call.accounts[other], orders=resting_now, wallet=call.accounts[other].wallet + call.custody
        )
        deep = balanced(replace(call, accounts={**call.accounts, other: open_to}))
        if is_sound(deep):
            side = "sell" if held.size > 0 else "buy"
            for lots in {abs(held.size), max(1, abs(held.size) // 2), abs(held.size) + 1, abs(held.size) * 2}:
                for price in {mark, max(1, mark - reach), mark + reach}:
                    yield deep, Trade(time, market, name, other, side, lots, price)


def crises(choices: Choices, venue: Venue) -> Found:
    """Somebody's equity ends, by a quantum or by far, before a fund and a backstop of every kind."""
    holders = [name for name, account in venue.accounts.items() if account.positions]
    if not holders:
        return
    name = choices.pick(holders)
    account = venue.accounts[name]
    market = choices.pick(tuple(account.positions))
    beyond = choices.pick((1, 2, max(1, venue.marks[market] // choices.pick((1_000, 100, 10, 3)))))
    away = -beyond if account.positions[market].size > 0 else beyond
    mark = max(1, min(last_tick(venue, name, market) + away, venue.policy.markets[market].price_max))
    after = equity(replace(venue, marks={**venue.marks, market: mark}), account)
    event = Prices(venue.clock, {market: mark})
    for missing in (max(1, -after), 1, 2, 3, choices.integer(1, 1_000)):
        poorer = with_wallet(venue, name, account.wallet - after - missing)
        helped = with_lots(choices, poorer, name) if choices.chance(600_000) else poorer
        if is_sound(helped):
            yield from before_a_fund(choices, helped, account.pool, missing, event)


def with_lots(choices: Choices, venue: Venue, bankrupt: str) -> Venue:
    """The venue in which a backstop has half of the lots of somebody else."""
    backstop = backstop_of(venue.accounts[bankrupt].pool)
    others = [
        (name, market)
        for name, one in venue.accounts.items()
        for market, held in one.positions.items()
        if name not in (bankrupt, backstop)
        and abs(held.size) > 1
        and venue.accounts[backstop].pool == one.pool
    ]
    if not others or market_taken(venue, backstop):
        return venue
    name, market = choices.pick(others)
    giver, taker = venue.accounts[name], venue.accounts[backstop]
    held = giver.positions[market]
    size = held.size // 2 if held.size > 0 else -(-held.size // 2)
    cost = held.cost * size // held.size
    kept = replace(held, size=held.size - size, cost=held.cost - cost)
    accounts = {
        name: replace(giver, positions={**giver.positions, market: kept}),
        backstop: replace(
            taker,
            wallet=taker.wallet + abs(cost),
            positions={**taker.positions, market: replace(held, size=size, cost=cost)},
        ),
    }
    return balanced(replace(venue, accounts={**venue.accounts, **accounts}))


def market_taken(venue: Venue, name: str) -> bool:
    """Whether an account holds lots already."""
    return bool(venue.accounts[name].positions)


def before_a_fund(choices: Choices, venue: Venue, pool: str, missing: int, event: Prices) -> Found:
    """The same with a fund that has nothing, a little, just enough or much, and has paid or not."""
    policy = venue.policy
    period = event.time // policy.draw_period
    for fund in (0, 1, missing // 2, missing - 1, missing, missing * 3):
        drawn = choices.pick((0, 1, missing, 7))
        funded = replace(
            venue.pools[pool], fund=fund, drawn=drawn, draw_period=choices.pick((period, max(0, period - 1)))
        )
        tried = balanced(replace(venue, pools={**venue.pools, pool: funded}))
        limit = choices.pick((policy.draw_limits[pool], drawn + fund // 2 + 1, drawn + 1, max(1, drawn)))
        limits = {**policy.draw_limits, pool: limit}
        yield from before_a_backstop(
            choices, under(tried, replace(policy, draw_limits=limits)), pool, missing, event
        )


def before_a_backstop(choices: Choices, venue: Venue, pool: str, missing: int, event: Prices) -> Found:
    """The same with a backstop that has nothing, a little or much, and bounds that it just meets."""
    policy = venue.policy
    backstop = backstop_of(pool)
    wallet = venue.accounts[backstop].wallet
    more = choices.pick((0, 0, missing, missing * 20, policy.venue_total_max // 9))
    tried = with_wallet(venue, backstop, wallet + more)
    held = notional_of(tried, tried.accounts[backstop])
    bound = choices.pick((policy.backstop_notional_max, held, held + missing * 10, max(0, held - 1)))
    most = choices.pick((policy.positions_max, policy.positions_max, 1))
    tried = under(tried, replace(policy, backstop_notional_max=bound, positions_max=most))
    if is_sound(tried):
        yield tried, event


def under(venue: Venue, policy: Policy) -> Venue:
    """The venue under another policy."""
    return replace(venue, policy=policy)
