"""State (chapter 2): what a venue knows, and the values that follow from it.

Rules ACC-1 to ACC-3. Nothing here changes anything: that is done by postings.py alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from refmodel.numbers import Lots, Millis, Quanta, Ticks
from refmodel.policy import Policy, pools_of
from refmodel.rulebook import rule

CROSS = "cross"
HOUSE = "house"
BACKSTOP = "backstop:"


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds in one market.

    size  signed lots, long positive, never 0
    cost  quanta paid for the open lots: >= 0 for a long, <= 0 (received) for a short
    """

    size: Lots
    cost: Quanta


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """Resting orders of an account in one market, as two totals of lots, each >= 0."""

    buys: Lots
    sells: Lots


@dataclass(frozen=True, slots=True)
class Account:
    """The unit of margining: everything inside one account is margined together.

    wallet     quanta paid in and realised, of either sign
    positions  by market, never of size 0
    orders     by market, never both totals 0
    """

    owner: str
    pool: str
    wallet: Quanta
    positions: Mapping[str, Position]
    orders: Mapping[str, OpenOrders]


@dataclass(frozen=True, slots=True)
class Pool:
    """The money of one pool that belongs to no account, in quanta.

    fund         the insurance fund, >= 0
    fee_pool     fees collected, >= 0
    bad_debt     claims that nothing covers, >= 0
    draw_period  the period of the last draw on the fund (chapter 9)
    drawn        quanta drawn in that period
    """

    fund: Quanta = 0
    fee_pool: Quanta = 0
    bad_debt: Quanta = 0
    draw_period: int = 0
    drawn: Quanta = 0


@dataclass(frozen=True, slots=True)
class Venue:
    """Everything a transition may read: the policy, the clock, marks, accounts, pools, custody.

    marks    ticks by market; a market without its first price is absent
    custody  quanta of the settlement asset that the venue holds, >= 0
    """

    policy: Policy
    clock: Millis
    marks: Mapping[str, Ticks]
    accounts: Mapping[str, Account]
    pools: Mapping[str, Pool]
    custody: Quanta


@rule("ACC-1")
def position_value(size: Lots, mark: Ticks, multiplier: int) -> Quanta:
    """What an open position is worth at the mark.

    size        signed lots
    mark        ticks, >= 1
    multiplier  quanta per lot and tick, >= 1
    returns     quanta, negative for a short; exact, nothing is rounded
    Source: linear contract specifications of every venue in chapter 2.
    """
    return size * mark * multiplier


@rule("ACC-2")
def equity(venue: Venue, account: Account) -> Quanta:
    """What an account would have if every position were closed at its mark.

    returns  quanta, of either sign; exact, nothing is rounded
    Source: wallet balance + unrealised PnL, as every venue in chapter 2 states it.
    """
    total = account.wallet
    for market, position in account.positions.items():
        value = position_value(position.size, venue.marks[market], venue.policy.markets[market].multiplier)
        total += value - position.cost
    return total


def backstop_of(pool: str) -> str:
    """The identifier of a pool's backstop account, which the house owns."""
    return f"{BACKSTOP}{pool}"


def is_backstop(account: str) -> bool:
    """Whether an identifier is one that only genesis gives."""
    return account.startswith(BACKSTOP)


@rule("ACC-3")
def genesis(policy: Policy) -> Venue:
    """The venue before its first event.

    policy   a policy that passes every rule of chapter 13
    returns  a venue with, for every pool, an empty backstop account of the house, an empty fund
             and an empty fee pool; no marks, no custody, clock 0
    Source: chapter 2.
    """
    pools = pools_of(policy)
    return Venue(
        policy=policy,
        clock=0,
        marks={},
        accounts={backstop_of(pool): Account(HOUSE, pool, 0, {}, {}) for pool in pools},
        pools={pool: Pool() for pool in pools},
        custody=0,
    )
