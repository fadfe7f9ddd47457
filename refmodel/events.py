"""Events (chapter 12): everything that can be asked of a venue, as plain values.

Every event carries a time in milliseconds. Amounts are quanta, sizes lots, prices ticks, rates ppm.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from refmodel.numbers import Lots, Millis, Ppm, Quanta, Ticks


@dataclass(frozen=True, slots=True)
class Deposit:
    """Quanta arrive for an account; an unknown one is opened if both its owner and its pool are named."""

    time: Millis
    account: str
    amount: Quanta
    owner: str = ""
    pool: str = ""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """An account asks for quanta from its wallet."""

    time: Millis
    account: str
    amount: Quanta


@dataclass(frozen=True, slots=True)
class Transfer:
    """An owner moves quanta from one of its accounts to another."""

    time: Millis
    source: str
    target: str
    amount: Quanta


@dataclass(frozen=True, slots=True)
class Order:
    """The totals of an account's resting buys and sells in a market, in lots, each >= 0."""

    time: Millis
    account: str
    market: str
    buys: Lots
    sells: Lots


@dataclass(frozen=True, slots=True)
class Trade:
    """The taker buys or sells lots at a price from a resting order of the maker."""

    time: Millis
    market: str
    taker: str
    maker: str
    side: str
    lots: Lots
    price: Ticks


@dataclass(frozen=True, slots=True)
class Prices:
    """New marks, in ticks by market; markets not named keep theirs."""

    time: Millis
    marks: Mapping[str, Ticks]


@dataclass(frozen=True, slots=True)
class Funding:
    """A funding payment in a market at this rate; positive: longs pay shorts."""

    time: Millis
    market: str
    rate: Ppm


@dataclass(frozen=True, slots=True)
class LiquidationFill:
    """Another account takes lots of a market off a liquidatable account, at a price."""

    time: Millis
    account: str
    counterparty: str
    market: str
    lots: Lots
    price: Ticks


@dataclass(frozen=True, slots=True)
class Takeover:
    """The backstop of its pool takes all positions of an account that still has equity."""

    time: Millis
    account: str


@dataclass(frozen=True, slots=True)
class FundDeposit:
    """Quanta arrive for the insurance fund of a pool."""

    time: Millis
    pool: str
    amount: Quanta


@dataclass(frozen=True, slots=True)
class FeeWithdrawal:
    """The house asks for quanta from the fee pool of a pool."""

    time: Millis
    pool: str
    amount: Quanta


Event = (
    Deposit
    | Withdraw
    | Transfer
    | Order
    | Trade
    | Prices
    | Funding
    | LiquidationFill
    | Takeover
    | FundDeposit
    | FeeWithdrawal
)
