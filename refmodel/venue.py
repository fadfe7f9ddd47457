"""The transition function (chapter 12): the only entry to the law.

Rules EVT-1 to EVT-3. `apply` is total: on a well-formed event it answers with an outcome, whatever
the event asks for.
"""

from collections.abc import Callable
from typing import Any

from refmodel.events import (
    Deposit,
    Event,
    FeeWithdrawal,
    FundDeposit,
    Funding,
    LiquidationFill,
    Order,
    Prices,
    Takeover,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.funding import funding
from refmodel.liquidation import liquidation_fill
from refmodel.outcome import Outcome, refuse
from refmodel.postings import ClockSet, post
from refmodel.prices import prices
from refmodel.rulebook import rule
from refmodel.state import Venue
from refmodel.takeover import takeover
from refmodel.trading import BUY, SELL, fee_withdrawal, order, trade
from refmodel.withdrawal import deposit, fund_deposit, transfer, withdraw

HANDLERS: dict[type, Callable[[Venue, Any], Outcome]] = {
    Deposit: deposit,
    Withdraw: withdraw,
    Transfer: transfer,
    Order: order,
    Trade: trade,
    Prices: prices,
    Funding: funding,
    LiquidationFill: liquidation_fill,
    Takeover: takeover,
    FundDeposit: fund_deposit,
    FeeWithdrawal: fee_withdrawal,
}


def apply(venue: Venue, event: Event) -> Outcome:
    """What happens to a venue when an event arrives.

    venue    any venue that earlier events led to
    event    any event
    returns  the venue after, the postings that led there and None; or the same venue, no postings
             and the refusal by the first rule that applies
    """
    refusal = refuse_event(venue, event)
    if refusal is not None:
        return refusal
    clock = ClockSet("EVT-1", event.time)
    at_event = post(venue, (clock,))
    outcome = HANDLERS[type(event)](at_event, event)
    if outcome.refusal is not None:
        return Outcome(venue, (), outcome.refusal)
    return Outcome(outcome.venue, (clock, *outcome.postings), None)


@rule("EVT-1", "EVT-2", "EVT-3")
def refuse_event(venue: Venue, event: Event) -> Outcome | None:
    """What is asked of every event before the rules of its chapter.

    returns  the refusal, or None: then time does not go back, every amount has a sense, and
             every account, market and pool that the event names exists
    Source: chapter 12.
    """
    if event.time < venue.clock:
        return refuse(venue, "EVT-1", "time_goes_back", time=event.time, clock=venue.clock)
    for field, amount, least in amounts_of(event):
        if amount < least:
            return refuse(venue, "EVT-2", "amount_too_small", field=field, amount=amount, least=least)
    if isinstance(event, Trade) and event.side not in (BUY, SELL):
        return refuse(venue, "EVT-2", "neither_buy_nor_sell", side=event.side)
    for name in accounts_of(event):
        if name not in venue.accounts:
            return refuse(venue, "EVT-3", "unknown_account", account=name)
    for name in markets_of_event(event):
        if name not in venue.policy.markets:
            return refuse(venue, "EVT-3", "unknown_market", market=name)
    if isinstance(event, FundDeposit | FeeWithdrawal) and event.pool not in venue.pools:
        return refuse(venue, "EVT-3", "unknown_pool", pool=event.pool)
    return None


def amounts_of(event: Event) -> tuple[tuple[str, int, int], ...]:
    """The amounts an event asks for, each with its field and the least that has a sense."""
    if isinstance(event, Deposit | Withdraw | Transfer | FundDeposit | FeeWithdrawal):
        return (("amount", event.amount, 1),)
    if isinstance(event, Order):
        return (("buys", event.buys, 0), ("sells", event.sells, 0))
    if isinstance(event, Trade | LiquidationFill):
        return (("lots", event.lots, 1), ("price", event.price, 1))
    return ()


def accounts_of(event: Event) -> tuple[str, ...]:
    """The accounts that must exist before an event; a deposit may open its own (DEP-1)."""
    if isinstance(event, Withdraw | Order | Takeover):
        return (event.account,)
    if isinstance(event, LiquidationFill):
        return (event.account, event.counterparty)
    if isinstance(event, Transfer):
        return (event.source, event.target)
    if isinstance(event, Trade):
        return (event.taker, event.maker)
    return ()


def markets_of_event(event: Event) -> tuple[str, ...]:
    """The markets an event names, in the order of identifiers."""
    if isinstance(event, Order | Trade | Funding | LiquidationFill):
        return (event.market,)
    if isinstance(event, Prices):
        return tuple(sorted(event.marks))
    return ()
