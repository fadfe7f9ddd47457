"""Invariants of a whole venue at rest: the books, open interest, pools, and that every number is whole."""

from collections.abc import Iterator

from marginspec.search.invariants.step import on_the_whole_venue
from refmodel.liquidation import waiting
from refmodel.margin import standing_of
from refmodel.numbers import is_whole
from refmodel.policy import AT_OR_BELOW
from refmodel.postings import books_gap, lots_gap
from refmodel.state import HOUSE, Venue, backstop_of, equity, genesis


@on_the_whole_venue("A2")
def books_balance(venue: Venue) -> str | None:
    gap = books_gap(venue)
    return f"the gap is {gap:_} quanta" if gap != 0 else None


@on_the_whole_venue("A3")
def open_interest_is_two_sided(venue: Venue) -> str | None:
    for market in venue.marks:
        sizes = [
            account.positions[market].size
            for account in venue.accounts.values()
            if market in account.positions
        ]
        long, short = sum(max(size, 0) for size in sizes), sum(max(-size, 0) for size in sizes)
        if long != short or lots_gap(venue, market) != 0:
            return f"{market}: {long:_} lots long, {short:_} short"
    return None


@on_the_whole_venue("A4")
def equity_is_what_custody_covers(venue: Venue) -> str | None:
    """Equity, funds and fee pools less bad debt are custody: prices create nothing."""
    total = sum(equity(venue, account) for account in venue.accounts.values())
    for pool in venue.pools.values():
        total += pool.fund + pool.fee_pool - pool.bad_debt
    return f"{total:_} quanta against custody of {venue.custody:_}" if total != venue.custody else None


@on_the_whole_venue("E6")
def pools_are_never_negative(venue: Venue) -> str | None:
    for name, pool in venue.pools.items():
        if min(pool.fund, pool.fee_pool, pool.bad_debt, pool.drawn, venue.custody) < 0:
            return f"pool {name}: {pool}, custody {venue.custody:_}"
    return None


@on_the_whole_venue("INV-1")
def every_equity_is_at_least_zero(venue: Venue) -> str | None:
    for name, account in venue.accounts.items():
        own = equity(venue, account)
        if own < 0:
            return f"equity of {name} is {own:_}"
    return None


@on_the_whole_venue("D9")
def who_waits_has_a_reason(venue: Venue) -> str | None:
    """The list of those whom nobody has taken is exactly the liquidatable accounts, none of them bankrupt."""
    told = tuple((each.account, each.equity, each.maintenance) for each in waiting(venue))
    at = venue.policy.trigger == AT_OR_BELOW
    found = []
    for name in sorted(venue.accounts):
        account = venue.accounts[name]
        standing = standing_of(venue, account)
        below = standing.equity < standing.maintenance or (at and standing.equity == standing.maintenance)
        if account.positions and below:
            found.append((name, standing.equity, standing.maintenance))
    if told != tuple(found):
        return f"the law names {told}, there are {found}"
    return None


@on_the_whole_venue("ACC-3")
def every_pool_has_its_backstop(venue: Venue) -> str | None:
    for pool in genesis(venue.policy).pools:
        backstop = venue.accounts.get(backstop_of(pool))
        if backstop is None or (backstop.owner, backstop.pool) != (HOUSE, pool):
            return f"pool {pool} has {backstop}"
    return None


@on_the_whole_venue("NUM-2")
def every_number_is_whole(venue: Venue) -> str | None:
    for number in numbers_of(venue):
        if not is_whole(number):
            return f"{number!r} is in the venue"
    return None


def numbers_of(venue: Venue) -> Iterator[object]:
    """Every number of a venue."""
    yield venue.clock
    yield venue.custody
    yield from venue.marks.values()
    for account in venue.accounts.values():
        yield account.wallet
        for position in account.positions.values():
            yield from (position.size, position.cost)
        for orders in account.orders.values():
            yield from (orders.buys, orders.sells)
    for pool in venue.pools.values():
        yield from (pool.fund, pool.fee_pool, pool.bad_debt, pool.draw_period, pool.drawn)
