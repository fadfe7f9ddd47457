"""Edges: venues in which one amount is put where a rule of chapters 6 to 11 turns, and a quantum beside it.

The edge is searched for by halving: the wallet with which a holder's cap is one lot more, the one at which a
liquidation price moves by a tick. Others are set: a debt of one quantum, a payer that weighs one.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from marginspec.search.choices import Choices
from marginspec.vectors.plainer import balanced, is_sound, with_equity, with_wallet
from refmodel.close_out import Closing, lots_opposite
from refmodel.deleveraging import cap_of
from refmodel.events import Event, LiquidationFill, Prices, Trade, Transfer, Withdraw
from refmodel.insurance import backstop_lots
from refmodel.liquidation import closable_lots
from refmodel.liquidation_price import liquidation_price
from refmodel.margin import margin_maintenance, notional, notional_of
from refmodel.policy import ALLOCATIONS, FRACTION, TRIGGERS
from refmodel.postings import Posting
from refmodel.resolution import Bankrupt, closings_of
from refmodel.state import Account, OpenOrders, Venue, backstop_of, equity, is_backstop
from refmodel.trading import BUY, SELL
from refmodel.venue import apply

Found = Iterator[tuple[Venue, Event]]
BESIDE = (-1, 0, 1)


def least(below: int, above: int, holds: Callable[[int], bool]) -> int:
    """The least number above `below` and up to `above` for which something holds that holds from there on."""
    while above - below > 1:
        middle = (below + above) // 2
        if holds(middle):
            above = middle
        else:
            below = middle
    return above


# Crises


def snapshot_of(venue: Venue, event: Prices) -> Venue:
    """The venue at the new marks, before anybody is resolved."""
    return replace(venue, marks={**venue.marks, **event.marks})


def with_equity_after(venue: Venue, event: Prices, name: str, amount: int) -> Venue:
    """The venue in which an account has so much equity at the new marks."""
    account = venue.accounts[name]
    there = equity(snapshot_of(venue, event), account)
    return with_wallet(venue, name, account.wallet + amount - there)


def fallen(choices: Choices, venue: Venue) -> tuple[Venue, str, Prices, int] | None:
    """A venue and prices at which one of its holders misses some quanta: who, the event, how many.

    The mark moves by little, so that those on the other side gain little, or other marks move as well, so
    that those lose there: they may be as poor.
    """
    holders = [name for name, account in venue.accounts.items() if account.positions]
    if not holders:
        return None
    name = choices.pick(holders)
    market = choices.pick(tuple(venue.accounts[name].positions))
    mark = venue.marks[market]
    ticks = choices.pick((1, 2, max(1, mark // 1_000), max(1, mark // 100), max(1, mark // 10)))
    marks = {market: mark - ticks if venue.accounts[name].positions[market].size > 0 else mark + ticks}
    for other, there in venue.marks.items():
        if other != market and choices.chance(600_000):
            marks[other] = there + choices.pick((1, -1)) * max(1, there // choices.pick((5, 10, 100)))
    if not all(1 <= moved <= venue.policy.markets[each].price_max for each, moved in marks.items()):
        return None
    event = Prices(venue.clock, marks)
    lost = lost_by(venue, event, name)
    if lost < 1:
        return None
    missing = min(lost, choices.pick((1, 2, 3, lost, max(1, lost // 2), choices.integer(1, lost))))
    return with_equity_after(venue, event, name, -missing), name, event, missing


def lost_by(venue: Venue, event: Prices, name: str) -> int:
    """What an account loses by new marks."""
    account = venue.accounts[name]
    return equity(venue, account) - equity(snapshot_of(venue, event), account)


def caps(choices: Choices, venue: Venue) -> Found:
    """Opposite holders have just the equity with which their caps are so many lots, or a quantum less."""
    found = fallen(choices, venue)
    if found is None:
        return
    poor, name, event, missing = found
    poor = without_fund(poor, poor.accounts[name].pool)
    stages = choices.pick((("adl",), ("adl", "payers"), poor.policy.stages))
    policy = replace(poor.policy, stages=stages, adl_allocation=choices.pick(ALLOCATIONS), takeover_trigger=0)
    poor = shared_out(choices, replace(poor, policy=replace(policy, trigger=choices.pick(TRIGGERS))), name)
    missing = max(1, min(missing, lost_by(poor, event, name)))
    poor = with_equity_after(poor, event, name, -missing)
    after = snapshot_of(poor, event)
    for closing in closings_of(after, Bankrupt(name, missing)):
        opposite = [other for other in after.accounts if lots_opposite(after, closing, other) > 0]
        mixed = poor
        for other in opposite[:4]:
            tried = list(at_caps(poor, event, closing, other))
            yield from ((edge, event) for edge in tried)
            chosen = choices.pick(tried).accounts[other].wallet
            rich = poor.accounts[other].wallet + closing.gap + missing + 10
            mixed = with_wallet(mixed, other, choices.pick((chosen, rich)))
            yield mixed, event


def shared_out(choices: Choices, venue: Venue, bankrupt: str) -> Venue:
    """The venue in which new accounts hold some of what a bankrupt one holds, or of what is held against it.

    A bankrupt account that is not alone on its side leaves those on the other side with more than it has.
    """
    for number in range(choices.pick((0, 2, 3, 4))):
        name = f"more-{number}"
        new = Account(f"owner-{number % 3}", venue.accounts[bankrupt].pool, 0, {}, {})
        tried: Venue | None = replace(venue, accounts={**venue.accounts, name: new})
        for market, held in venue.accounts[bankrupt].positions.items():
            side = 1 if held.size > 0 else -1
            sizes = [one.positions[market].size for one in venue.accounts.values() if market in one.positions]
            wanted = [size for size in sizes if size * side * (1 if number == 0 else -1) > 0]
            part = int(choices.pick(wanted) * choices.pick((1, 2, 3)) / 4) if wanted else 0
            tried = with_lots_of(tried, name, market, part) if tried is not None else None
        if tried is not None:
            tried = (
                with_lots_of(tried, name, choices.pick(tuple(tried.marks)), choices.integer(-9, 9)) or tried
            )
            rich = notional_of(tried, tried.accounts[name])
            venue = with_equity(tried, name, rich)
    return venue


def at_caps(venue: Venue, event: Prices, closing: Closing, name: str) -> Iterator[Venue]:
    """The venue with a holder at each of some caps, and a quantum below."""
    after = snapshot_of(venue, event)
    lots = lots_opposite(after, closing, name)
    margin = margin_maintenance(after, after.accounts[name])
    for cap in {1, 2, lots // 2, lots} - {0}:

        def reaches(amount: int, cap: int = cap) -> bool:
            return cap_of(with_equity(after, name, amount), name, closing) >= cap

        edge = least(-1, 2 * margin + closing.gap + 10, reaches)
        for amount in (edge - 1, edge):
            yield with_equity_after(venue, event, name, max(0, amount))
    for amount in range(4):
        yield with_equity_after(venue, event, name, margin + amount)


def without_fund(venue: Venue, pool: str) -> Venue:
    """The venue with an empty fund of a pool."""
    return balanced(replace(venue, pools={**venue.pools, pool: replace(venue.pools[pool], fund=0)}))


def poor_backstops(choices: Choices, venue: Venue) -> Found:
    """A backstop with lots of the other side has as much equity as carries so many lots, or none."""
    found = fallen(choices, venue)
    if found is None:
        return
    poor, name, event, missing = found
    pool = poor.accounts[name].pool
    backstop = backstop_of(pool)
    if name == backstop:
        rich = replace(poor.pools[pool], fund=choices.pick((missing, missing * 2, missing // 2)))
        yield balanced(replace(poor, pools={**poor.pools, pool: rich})), event
        return
    for market, held in poor.accounts[name].positions.items():
        for size in (-held.size, -held.size // 2, held.size // 2):
            given = with_lots_of(poor, backstop, market, size)
            if given is None:
                continue
            others = [one for one in given.marks if one != market]
            if others and choices.chance(500_000):
                given = with_lots_of(given, backstop, choices.pick(others), choices.pick((1, -1))) or given
            fund = replace(given.pools[pool], fund=missing * choices.pick((1, 3)))
            given = balanced(replace(given, pools={**given.pools, pool: fund}))
            after = snapshot_of(given, event)
            for amount in (0, 1, 2, at_capacity(after, backstop, market, abs(size))):
                for beside in (0, 1):
                    yield with_equity_after(given, event, backstop, max(0, amount - beside)), event


def at_capacity(after: Venue, backstop: str, market: str, lots: int) -> int:
    """The least equity with which a backstop carries so many lots."""
    most = notional_of(after, after.accounts[backstop]) + 10

    def carries(amount: int) -> bool:
        return backstop_lots(with_equity(after, backstop, amount), backstop, market) >= lots

    return least(-1, 2 * most, carries)


def with_lots_of(venue: Venue, taker: str, market: str, size: int) -> Venue | None:
    """The venue in which somebody has given signed lots to an account; None if nobody has them."""
    side = 1 if size > 0 else -1
    for name, giver in venue.accounts.items():
        held = giver.positions.get(market)
        mine = venue.accounts[taker].positions
        if name == taker or not size or market in mine or held is None or held.size * side <= abs(size):
            continue
        cost = held.cost * size // held.size
        kept = replace(held, size=held.size - size, cost=held.cost - cost)
        accounts = {
            name: replace(giver, positions={**giver.positions, market: kept}),
            taker: replace(
                venue.accounts[taker], positions={**mine, market: replace(held, size=size, cost=cost)}
            ),
        }
        return balanced(replace(venue, accounts={**venue.accounts, **accounts}))
    return None


def little_weights(choices: Choices, venue: Venue) -> Found:
    """Payers that weigh one or two quanta, and a bad debt of one or two."""
    found = fallen(choices, venue)
    if found is None:
        return
    poor, name, event, _ = found
    pool = poor.accounts[name].pool
    poor = without_fund(poor, pool)
    others = [other for other, one in poor.accounts.items() if one.pool == pool and other != name]
    light = poor
    for other in others:
        if choices.chance(500_000):
            light = with_equity_after(light, event, other, choices.pick((0, 1, 2)))
    yield light, event
    for tried in (poor, light):
        if is_sound(tried):
            debt = debt_left(tried, event, pool)
            for left in (0, 1, 2) if debt > 2 else ():
                account = tried.accounts[name]
                yield with_wallet(tried, name, account.wallet + debt - left), event


def debt_left(venue: Venue, event: Prices, pool: str) -> int:
    """The bad debt that an event leaves to a pool."""
    postings = apply(venue, event).postings
    bad = ("bad_debt", pool)
    return sum(
        entry.amount
        for entry in postings
        if isinstance(entry, Posting) and (entry.place.kind, entry.place.holder) == bad
    )


# Events of one account


def debts(choices: Choices, venue: Venue) -> Found:
    """Withdrawals and transfers while some pool has a bad debt of a quantum, or of two."""
    name = choices.pick(tuple(venue.accounts))
    for pool in venue.pools:
        for debt in (1, 2):
            owed = balanced(
                replace(venue, pools={**venue.pools, pool: replace(venue.pools[pool], bad_debt=debt)})
            )
            owner = owed.accounts[name].owner
            yield owed, Withdraw(owed.clock, name, 1)
            yield owed, Withdraw(owed.clock, name, owed.custody)
            for other, account in owed.accounts.items():
                if account.owner == owner and other != name:
                    yield owed, Transfer(owed.clock, name, other, 1)


def limits(choices: Choices, venue: Venue) -> Found:
    """Fills of which the counterparty may just take all, or is at the limit of size or of markets."""
    holders = [name for name, account in venue.accounts.items() if account.positions]
    if not holders:
        return
    name = choices.pick(holders)
    market = choices.pick(tuple(venue.accounts[name].positions))
    held = venue.accounts[name].positions[market]
    terms = venue.policy.markets[market]
    margin = margin_maintenance(venue, venue.accounts[name])
    weak = with_equity(venue, name, margin * choices.pick((50, 90, 99)) // 100)
    other = choices.pick([one for one in weak.accounts if one != name])
    weak = with_wallet(weak, other, weak.accounts[other].wallet + weak.policy.venue_total_max // 3)
    worth = notional(abs(held.size), weak.marks[market], terms.multiplier)
    mark = weak.marks[market]
    for below in (-1, 0, 1):
        sized = replace(terms.liquidation, size=FRACTION, fraction=100_000, whole_below=max(0, worth + below))
        sized = replace(sized, buffer=0)
        policy = replace(
            weak.policy, markets={**weak.policy.markets, market: replace(terms, liquidation=sized)}
        )
        tried = replace(weak, policy=policy)
        for lots in (abs(held.size), (abs(held.size) + 9) // 10, (abs(held.size) + 9) // 10 + 1):
            yield tried, LiquidationFill(weak.clock, name, other, market, lots, mark)
    most = closable_lots(weak, weak.accounts[name], market, mark)
    size = weak.accounts[other].positions[market].size if market in weak.accounts[other].positions else 0
    after = abs(size + (most if held.size > 0 else -most))
    largest = max(
        abs(one.positions[market].size) for one in weak.accounts.values() if market in one.positions
    )
    event = LiquidationFill(weak.clock, name, other, market, most, mark)
    for limit in (after - 1, after):
        if limit >= largest:
            changed = replace(terms, size_max=limit)
            policy = replace(weak.policy, markets={**weak.policy.markets, market: changed})
            yield replace(weak, policy=policy), event
    for count in (1, 2):
        if max(len(one.positions) for one in weak.accounts.values()) <= count:
            yield replace(weak, policy=replace(weak.policy, positions_max=count)), event


def admissions(choices: Choices, venue: Venue) -> Found:
    """Trades and fills that one side is just admitted to, and with a quantum less is not."""
    for _ in range(4):
        drawn = a_deal(choices, venue)
        if drawn is not None:
            tried, event, sides = drawn
            for name in sides:
                yield from ((edge, event) for edge in just_admitted(tried, name, event))


def a_deal(choices: Choices, venue: Venue) -> tuple[Venue, Event, tuple[str, ...]] | None:
    """A trade against an order, or a fill, of which each side has all that it needs; and who they are."""
    if not venue.marks:
        return None
    market = choices.pick(tuple(venue.marks))
    terms, mark = venue.policy.markets[market], venue.marks[market]
    band = choices.pick((terms.band, terms.liquidation.band, 0))
    reach = mark * band // 1_000_000
    price = max(1, mark + choices.pick((0, reach, -reach, reach // 2, -(reach // 2), 1, -1)))
    names = [name for name, one in venue.accounts.items() if not is_backstop(name)]
    if len(names) < 2:
        return None
    one = choices.pick(names)
    other = choices.pick([name for name in names if name != one])
    held = venue.accounts[one].positions.get(market)
    if held is not None and choices.chance(400_000):
        margin = margin_maintenance(venue, venue.accounts[one])
        weak = with_equity(venue, one, margin * choices.pick((1, 50, 99)) // 100)
        lots = choices.pick((1, max(1, abs(held.size) // 2), abs(held.size)))
        weak = with_wallet(weak, other, weak.accounts[other].wallet + venue.policy.venue_total_max // 9)
        return weak, LiquidationFill(venue.clock, one, other, market, lots, price), (other,)
    lots = choices.pick((1, 2, 10, *((abs(held.size), 2 * abs(held.size)) if held else ())))
    side = choices.pick((BUY, SELL))
    resting = OpenOrders(0, lots) if side == BUY else OpenOrders(lots, 0)
    maker = venue.accounts[other]
    rich = replace(maker, orders={**maker.orders, market: resting})
    tried = replace(venue, accounts={**venue.accounts, other: rich})
    for name in (one, other):
        tried = with_wallet(tried, name, tried.accounts[name].wallet + venue.policy.venue_total_max // 9)
    return tried, Trade(venue.clock, market, one, other, side, lots, price), (one, other)


def just_admitted(venue: Venue, name: str, event: Event) -> Iterator[Venue]:
    """The venue with the least equity of an account with which an event is accepted, and a quantum below."""
    most = equity(venue, venue.accounts[name])

    def is_accepted(amount: int) -> bool:
        return apply(with_equity(venue, name, amount), event).refusal is None

    if most > 0 and is_accepted(most):
        edge = least(-1, most, is_accepted)
        for amount in (edge - 1, edge):
            yield with_equity(venue, name, max(0, amount))


# Prices that are asked for


def at_prices(venue: Venue) -> Iterator[Venue]:
    """The venue with an account whose liquidation price has just moved by a tick, or is about to."""
    for name, account in venue.accounts.items():
        for market, held in account.positions.items() if not is_backstop(name) else ():
            terms = venue.policy.markets[market]
            price = liquidation_price(venue, account, market)
            tiers = [
                tier.floor // (abs(held.size) * terms.multiplier) for tier in terms.maintenance.tiers[1:]
            ]
            targets = {1, 2, terms.price_max, terms.price_max - 1, price or 1}
            targets |= {tier + beside for tier in tiers for beside in (0, 1, 2)}
            for target in sorted(one for one in targets if 1 <= one <= terms.price_max):
                yield from (one for one in at_price(venue, name, market, target) if is_sound(one))


def at_price(venue: Venue, name: str, market: str, target: int) -> Iterator[Venue]:
    """The venue with the least equity at which a liquidation price is as far as a tick, and beside it."""
    held = venue.accounts[name].positions[market]
    terms = venue.policy.markets[market]

    def is_as_far(amount: int) -> bool:
        tried = with_equity(venue, name, amount)
        price = liquidation_price(tried, tried.accounts[name], market)
        if price is None:
            return amount > margin
        return price <= target if held.size > 0 else price >= target

    margin = margin_maintenance(venue, venue.accounts[name])
    edge = least(margin, 3 * notional(abs(held.size), terms.price_max, terms.multiplier), is_as_far)
    for beside in BESIDE:
        yield with_equity(venue, name, max(0, edge + beside))


EDGES = (caps, caps, poor_backstops, little_weights, debts, limits, admissions, admissions)


def edge_events(choices: Choices, venue: Venue) -> Found:
    """Events of one kind at the edges of a venue."""
    for tried, event in choices.pick(EDGES)(choices, venue):
        if is_sound(tried):
            yield tried, event
