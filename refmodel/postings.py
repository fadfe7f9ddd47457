"""Postings (chapter 2): the only way in which a venue changes.

Rules PST-1 to PST-3. A transition is a list of postings; `post` applies them and nothing else
changes. A posting says by which rule it was made, so an auditor reads from the postings alone who
paid what, and why.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from refmodel.numbers import Lots, Millis, Quanta, Ticks
from refmodel.rulebook import rule
from refmodel.state import Account, OpenOrders, Pool, Position, Venue

WALLET = "wallet"
OPEN_COST = "open_cost"
FUND = "fund"
FEE_POOL = "fee_pool"
BAD_DEBT = "bad_debt"
CUSTODY = "custody"
LOTS = "lots"
MONEY = (WALLET, OPEN_COST, FUND, FEE_POOL, BAD_DEBT, CUSTODY)


@dataclass(frozen=True, slots=True)
class Place:
    """Where money or lots stand: a class, and whose.

    kind    one of MONEY, or LOTS
    holder  the account (wallet, open cost, lots) or the pool (fund, fee pool, bad debt)
    market  for open cost and lots
    """

    kind: str
    holder: str = ""
    market: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """One entry: by this rule, this place changes by this amount.

    amount  for money, quanta by which the claim on the venue changes. Custody, bad debt and open
            cost stand on the other side of the books: a positive amount lowers them.
            For lots, signed lots.
    stage   the stage of the waterfall it belongs to (stages.py), empty outside it
    """

    rule: str
    place: Place
    amount: int
    stage: str = ""


@dataclass(frozen=True, slots=True)
class OrdersSet:
    """By this rule, the resting orders of an account in a market are now these totals of lots."""

    rule: str
    account: str
    market: str
    buys: Lots
    sells: Lots
    stage: str = ""


@dataclass(frozen=True, slots=True)
class DrawCounted:
    """By this rule, a pool's fund has now paid this many quanta in this period."""

    rule: str
    pool: str
    period: int
    drawn: Quanta
    stage: str = ""


@dataclass(frozen=True, slots=True)
class MarkSet:
    """By this rule, the mark of a market is now this price in ticks."""

    rule: str
    market: str
    price: Ticks


@dataclass(frozen=True, slots=True)
class AccountOpened:
    """By this rule, an empty account of this owner exists in this pool."""

    rule: str
    account: str
    owner: str
    pool: str


@dataclass(frozen=True, slots=True)
class ClockSet:
    """By this rule, the clock of the venue shows this time in milliseconds."""

    rule: str
    time: Millis


Entry = Posting | OrdersSet | DrawCounted | MarkSet | AccountOpened | ClockSet
Postings = tuple[Entry, ...]


def wallet_of(account: str) -> Place:
    """The wallet of an account."""
    return Place(WALLET, account)


def open_cost_of(account: str, market: str) -> Place:
    """The open cost of an account's position in a market."""
    return Place(OPEN_COST, account, market)


def lots_of(account: str, market: str) -> Place:
    """The lots an account holds in a market."""
    return Place(LOTS, account, market)


def fund_of(pool: str) -> Place:
    """The insurance fund of a pool."""
    return Place(FUND, pool)


def fee_pool_of(pool: str) -> Place:
    """The fee pool of a pool."""
    return Place(FEE_POOL, pool)


def bad_debt_of(pool: str) -> Place:
    """The bad debt of a pool."""
    return Place(BAD_DEBT, pool)


OUTSIDE = Place(CUSTODY)
"""Custody, as payer of what comes in and payee of what goes out."""


def move(rule: str, payer: Place, payee: Place, amount: int, stage: str = "") -> tuple[Posting, Posting]:
    """Two postings that take an amount from one place and give exactly it to another.

    amount  quanta, or lots if both places hold lots
    """
    return Posting(rule, payer, -amount, stage), Posting(rule, payee, amount, stage)


@rule("PST-1")
def sums_to_zero(postings: Iterable[Entry]) -> bool:
    """Whether postings are balanced: money in total, and lots in each market.

    postings  those of one transition
    returns   True if the money posted sums to 0 quanta and the lots to 0 in every market
    Rounds nothing. Source: chapter 2; double entry.
    """
    money = 0
    lots: dict[str, Lots] = {}
    for entry in postings:
        if not isinstance(entry, Posting):
            continue
        if entry.place.kind == LOTS:
            lots[entry.place.market] = lots.get(entry.place.market, 0) + entry.amount
        else:
            money += entry.amount
    return money == 0 and all(total == 0 for total in lots.values())


@rule("PST-2")
def books_gap(venue: Venue) -> Quanta:
    """By how much the books of a venue fail to balance: 0, always.

    returns  custody + bad debt - (sum of wallets - sum of open costs + funds + fee pools), quanta
    Rounds nothing. Source: chapter 2.
    """
    claims = 0
    for account in venue.accounts.values():
        claims += account.wallet - sum(position.cost for position in account.positions.values())
    bad_debt = 0
    for pool in venue.pools.values():
        claims += pool.fund + pool.fee_pool
        bad_debt += pool.bad_debt
    return venue.custody + bad_debt - claims


@rule("PST-3")
def lots_gap(venue: Venue, market: str) -> Lots:
    """By how much the long lots of a market exceed its short lots: 0, always.

    returns  the sum of all sizes in the market, lots
    Rounds nothing. Source: chapter 2.
    """
    total = 0
    for account in venue.accounts.values():
        if market in account.positions:
            total += account.positions[market].size
    return total


FLAT_POSITION = Position(0, 0)


def post(venue: Venue, postings: Postings) -> Venue:
    """Apply the postings of one transition, in their order.

    venue     the venue before
    postings  balanced (PST-1): anything else is a fault of the law, not of the event
    returns   the venue after; whoever is not named in a posting is unchanged
    Errors: AssertionError if the postings are not balanced, or leave a cost without lots.
    """
    assert sums_to_zero(postings)
    clock = venue.clock
    custody = venue.custody
    marks = venue.marks
    accounts = dict(venue.accounts)
    pools = venue.pools
    for entry in postings:
        if isinstance(entry, Posting):
            place = entry.place
            if place.kind in (WALLET, OPEN_COST, LOTS):
                accounts[place.holder] = _post_account(accounts[place.holder], place, entry.amount)
            elif place.kind == CUSTODY:
                custody -= entry.amount
            else:
                pools = {**pools, place.holder: _post_pool(pools[place.holder], place.kind, entry.amount)}
        elif isinstance(entry, OrdersSet):
            account = accounts[entry.account]
            accounts[entry.account] = replace(account, orders=_with_orders(account, entry))
        elif isinstance(entry, DrawCounted):
            pool = replace(pools[entry.pool], draw_period=entry.period, drawn=entry.drawn)
            pools = {**pools, entry.pool: pool}
        elif isinstance(entry, MarkSet):
            marks = {**marks, entry.market: entry.price}
        elif isinstance(entry, AccountOpened):
            accounts[entry.account] = Account(entry.owner, entry.pool, 0, {}, {})
        else:
            clock = entry.time
    for entry in postings:
        if isinstance(entry, Posting) and entry.place.kind == LOTS:
            holder = accounts[entry.place.holder]
            accounts[entry.place.holder] = _without_flat_position(holder, entry.place.market)
    return Venue(venue.policy, clock, marks, accounts, pools, custody)


def _post_account(account: Account, place: Place, amount: int) -> Account:
    """The account after one posting to its wallet, its open cost or its lots."""
    if place.kind == WALLET:
        wallet = account.wallet + amount
        return Account(account.owner, account.pool, wallet, account.positions, account.orders)
    position = account.positions.get(place.market, FLAT_POSITION)
    if place.kind == OPEN_COST:
        changed = Position(position.size, position.cost - amount)
    else:
        changed = Position(position.size + amount, position.cost)
    positions = {**account.positions, place.market: changed}
    return Account(account.owner, account.pool, account.wallet, positions, account.orders)


def _post_pool(pool: Pool, kind: str, amount: Quanta) -> Pool:
    """The pool after one posting to its fund, its fee pool or its bad debt."""
    if kind == FUND:
        return replace(pool, fund=pool.fund + amount)
    if kind == FEE_POOL:
        return replace(pool, fee_pool=pool.fee_pool + amount)
    return replace(pool, bad_debt=pool.bad_debt - amount)


def _with_orders(account: Account, entry: OrdersSet) -> dict[str, OpenOrders]:
    """The account's orders after an entry; totals that are both 0 are not kept."""
    others = {market: orders for market, orders in account.orders.items() if market != entry.market}
    if entry.buys == 0 and entry.sells == 0:
        return others
    return {**others, entry.market: OpenOrders(entry.buys, entry.sells)}


def _without_flat_position(account: Account, market: str) -> Account:
    """The account without its position in a market, if that position has no lots left."""
    position = account.positions.get(market, FLAT_POSITION)
    if position.size != 0:
        return account
    assert position.cost == 0
    positions = {name: held for name, held in account.positions.items() if name != market}
    return replace(account, positions=positions)
