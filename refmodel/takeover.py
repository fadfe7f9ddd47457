"""Takeover (chapter 9, continued): the backstop takes all positions of an account that still has equity.

Rules TKO-1 to TKO-4.
"""

from refmodel.close_out import (
    Reason,
    Step,
    closing_postings,
    equity_shares,
    in_order,
    orders_cancelled,
    value_at_mark,
)
from refmodel.events import Takeover
from refmodel.margin import NOTHING_ORDERED, carries, margin_maintenance, notional_of, standing_of
from refmodel.numbers import PPM, Ppm, Quanta
from refmodel.outcome import Outcome, refuse
from refmodel.policy import TO_BACKSTOP
from refmodel.rulebook import rule
from refmodel.stages import TAKEOVER
from refmodel.state import Venue, backstop_of, equity
from refmodel.trading import refuse_size

TAKES = Reason("TKO-4", TAKEOVER)


@rule("TKO-1")
def may_be_taken_over(equity: Quanta, maintenance: Quanta, trigger: Ppm) -> bool:
    """Whether the backstop may take an account over.

    equity       quanta, >= 0
    maintenance  quanta; 0 exactly when no position is held
    trigger      ppm of the maintenance margin; 0: never
    returns      True if equity is below that share of the margin; compared by cross multiplication
    Source: Hyperliquid: below 2/3 of the maintenance margin.
    """
    return equity * PPM < trigger * maintenance


@rule("TKO-4")
def taken_over(venue: Venue, name: str) -> Step:
    """All positions go to the backstop, in the order of markets, and no order stays.

    name     the account that is taken over; it is not its own backstop
    returns  the venue after. With the remainder `backstop` the positions go at close-out values: the account
             is left with exactly nothing and its equity is the backstop's. With `account` they go at
             mark, and the account keeps its equity in its wallet
    Rounds as NUM-5. Source: Hyperliquid: maintenance margin is not given back (`backstop`).
    """
    account = venue.accounts[name]
    backstop = backstop_of(account.pool)
    given = equity(venue, account) if venue.policy.takeover_remainder == TO_BACKSTOP else 0
    shares = equity_shares(venue, account, given)
    step = Step(venue, ()).then(orders_cancelled(venue, TAKES, name, tuple(account.orders)))
    for market in in_order(account):
        lots = account.positions[market].size
        paid = value_at_mark(venue, market, lots) - shares[market]
        step = step.then(closing_postings(step.venue, TAKES, market, name, backstop, lots, paid))
    return step


@rule("TKO-2", "TKO-3")
def takeover(venue: Venue, event: Takeover) -> Outcome:
    """The backstop of its pool takes an account over, if it can carry all of it."""
    # Facts
    account = venue.accounts[event.account]
    backstop = backstop_of(account.pool)
    equity_now = equity(venue, account)
    maintenance = margin_maintenance(venue, account)

    # Refusals, in order of precedence
    if not may_be_taken_over(equity_now, maintenance, venue.policy.takeover_trigger):
        return refuse(
            venue,
            "TKO-1",
            "above_takeover_trigger",
            account=event.account,
            equity=equity_now,
            maintenance=maintenance,
        )
    if event.account == backstop:
        return refuse(venue, "TKO-2", "its_own_backstop", account=event.account)
    for market in in_order(account):
        refusal = refuse_size(venue, backstop, market, account.positions[market].size, NOTHING_ORDERED)
        if refusal is not None:
            return refusal
    step = taken_over(venue, event.account)
    after = step.venue.accounts[backstop]
    if len(after.positions) > venue.policy.positions_max:
        return refuse(
            venue,
            "LIM-2",
            "too_many_markets",
            account=backstop,
            markets=len(after.positions),
            limit=venue.policy.positions_max,
        )
    held = notional_of(step.venue, after)
    if held > venue.policy.backstop_notional_max:
        return refuse(
            venue, "TKO-3", "backstop_is_full", notional=held, limit=venue.policy.backstop_notional_max
        )
    standing = standing_of(step.venue, after)
    if not carries(standing, venue.policy.trigger):
        return refuse(
            venue,
            "TKO-3",
            "backstop_below_initial",
            equity=standing.equity,
            required=standing.initial,
        )

    # Effect
    return Outcome(step.venue, step.postings, None)
