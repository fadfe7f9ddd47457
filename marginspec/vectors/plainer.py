"""Plainer venues: everything that a question does not need is taken out, and the books still balance."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from refmodel.policy import Policy
from refmodel.postings import books_gap, lots_gap
from refmodel.state import CROSS, Pool, Venue, equity, is_backstop
from refmodel.validity import faults

Keeps = Callable[[Venue], bool]
"""Whether a plainer venue still shows what the question is there for."""


def plainer(venue: Venue, keeps: Keeps) -> Venue:
    """The venue without what can go, as long as it keeps what it is there for.

    keeps    holds for the venue given
    returns  a venue that events can lead to, as far as is_sound can tell
    """
    changed = True
    while changed:
        changed = False
        for tried in _without_one_thing(venue):
            if is_sound(tried) and keeps(tried):
                venue, changed = tried, True
                break
    return venue


def is_sound(venue: Venue) -> bool:
    """Whether the venue's policy is valid and its books are such as events leave behind."""
    amounts = [
        amount for pool in venue.pools.values() for amount in (pool.fund, pool.fee_pool, pool.bad_debt)
    ]
    return (
        not faults(venue.policy)
        and min(venue.custody, *amounts) >= 0
        and books_gap(venue) == 0
        and all(lots_gap(venue, market) == 0 for market in venue.policy.markets)
        and all(equity(venue, account) >= 0 for account in venue.accounts.values())
    )


def balanced(venue: Venue) -> Venue:
    """The venue with as much in custody as its books ask for."""
    return replace(venue, custody=venue.custody - books_gap(venue))


def with_wallet(venue: Venue, name: str, wallet: int) -> Venue:
    """The venue with another wallet of one account, and custody that covers it."""
    account = replace(venue.accounts[name], wallet=wallet)
    return balanced(replace(venue, accounts={**venue.accounts, name: account}))


def with_equity(venue: Venue, name: str, amount: int) -> Venue:
    """The venue with so much equity of one account."""
    account = venue.accounts[name]
    return with_wallet(venue, name, account.wallet + amount - equity(venue, account))


def _without_one_thing(venue: Venue) -> Iterator[Venue]:
    """Each venue that lacks one thing, the largest things first."""
    for market in venue.policy.markets:
        if len(venue.policy.markets) > 1:
            yield _without_market(venue, market)
    for market in venue.marks:
        held = {name: one for name, one in venue.accounts.items() if market in one.positions}
        if held:
            accounts = {
                name: replace(
                    one, positions={key: held for key, held in one.positions.items() if key != market}
                )
                for name, one in venue.accounts.items()
            }
            yield balanced(replace(venue, accounts=accounts))
        elif not any(market in one.orders for one in venue.accounts.values()):
            marks = {name: price for name, price in venue.marks.items() if name != market}
            yield replace(venue, marks=marks)
    for name, account in venue.accounts.items():
        if not account.positions and not is_backstop(name):
            accounts = {key: one for key, one in venue.accounts.items() if key != name}
            yield balanced(replace(venue, accounts=accounts))
        if account.orders:
            yield replace(venue, accounts={**venue.accounts, name: replace(account, orders={})})
        for market in account.orders if len(account.orders) > 1 else ():
            orders = {key: one for key, one in account.orders.items() if key != market}
            yield replace(venue, accounts={**venue.accounts, name: replace(account, orders=orders)})
        if account.wallet != 0 and not account.positions:
            yield balanced(replace(venue, accounts={**venue.accounts, name: replace(account, wallet=0)}))
    for name, pool in venue.pools.items():
        if pool != Pool():
            yield balanced(replace(venue, pools={**venue.pools, name: Pool()}))
        for field in ("fund", "fee_pool", "bad_debt", "drawn", "draw_period"):
            if getattr(pool, field) != 0:
                emptied = replace(pool, **{field: 0})
                yield balanced(replace(venue, pools={**venue.pools, name: emptied}))
    yield from _without_pools(venue)


def _without_market(venue: Venue, market: str) -> Venue:
    """The venue under a policy that does not have this market, and without its pool."""
    policy = venue.policy
    kept = {name: terms for name, terms in policy.markets.items() if name != market}
    isolated = tuple(name for name in policy.isolated if name != market)
    accounts = {
        name: replace(
            one,
            positions={key: held for key, held in one.positions.items() if key != market},
            orders={key: held for key, held in one.orders.items() if key != market},
        )
        for name, one in venue.accounts.items()
        if one.pool != market
    }
    marks = {name: price for name, price in venue.marks.items() if name != market}
    fewer = replace(policy, markets=kept)
    return balanced(_under(replace(venue, accounts=accounts, marks=marks), fewer, isolated))


def _without_pools(venue: Venue) -> Iterator[Venue]:
    """The venue without one isolated pool."""
    for pool in venue.policy.isolated:
        isolated = tuple(name for name in venue.policy.isolated if name != pool)
        accounts = {name: one for name, one in venue.accounts.items() if one.pool != pool}
        yield balanced(_under(replace(venue, accounts=accounts), venue.policy, isolated))


def _under(venue: Venue, policy: Policy, isolated: tuple[str, ...]) -> Venue:
    """The venue under a policy with these isolated pools, the others gone."""
    pools = (CROSS, *isolated)
    limits = {pool: limit for pool, limit in policy.draw_limits.items() if pool in pools}
    return replace(
        venue,
        policy=replace(policy, isolated=isolated, draw_limits=limits),
        pools={name: pool for name, pool in venue.pools.items() if name in pools},
    )
