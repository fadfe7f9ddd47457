"""Withdrawal (chapter 6): money in, money out, and between the accounts of one owner.

Rules DEP-1, DEP-2, LIM-4, FND-2, WDR-1 to WDR-4, TRF-1. Nothing is lent against unrealised profit.
"""

from dataclasses import replace

from refmodel.events import Deposit, FundDeposit, Transfer, Withdraw
from refmodel.insurance import fund_inflow
from refmodel.margin import is_liquidatable, notional_of, standing_of
from refmodel.numbers import PPM, Quanta, ceil_div
from refmodel.outcome import Outcome, accept, refuse
from refmodel.policy import REFUSE
from refmodel.postings import (
    OUTSIDE,
    AccountOpened,
    Posting,
    move,
    wallet_of,
)
from refmodel.rulebook import rule
from refmodel.state import HOUSE, Account, Venue, is_backstop


@rule("DEP-1", "DEP-2", "LIM-4")
def deposit(venue: Venue, event: Deposit) -> Outcome:
    """Quanta arrive in custody and in the wallet of an account, which is opened if it is new."""
    # Facts
    known = event.account in venue.accounts
    custody_after = venue.custody + event.amount

    # Refusals, in order of precedence
    if not known and (not event.owner or event.pool not in venue.pools):
        return refuse(venue, "DEP-1", "owner_or_pool_missing", account=event.account, pool=event.pool)
    if not known and (event.owner == HOUSE or is_backstop(event.account)):
        return refuse(venue, "DEP-1", "reserved_for_the_house", account=event.account, owner=event.owner)
    if known and event.owner and event.owner != venue.accounts[event.account].owner:
        return refuse(venue, "DEP-2", "owned_by_another", account=event.account, owner=event.owner)
    if known and event.pool and event.pool != venue.accounts[event.account].pool:
        return refuse(venue, "DEP-2", "in_another_pool", account=event.account, pool=event.pool)
    if custody_after > venue.policy.venue_total_max:
        return refuse(
            venue, "LIM-4", "venue_is_full", custody=custody_after, limit=venue.policy.venue_total_max
        )

    # Effect
    paid_in = move("DEP-1", OUTSIDE, wallet_of(event.account), event.amount)
    if known:
        return accept(venue, paid_in)
    return accept(venue, (AccountOpened("DEP-1", event.account, event.owner, event.pool), *paid_in))


@rule("FND-2")
def fund_deposit(venue: Venue, event: FundDeposit) -> Outcome:
    """Quanta arrive in custody and in a pool's insurance fund."""
    # Facts
    custody_after = venue.custody + event.amount

    # Refusals, in order of precedence
    if custody_after > venue.policy.venue_total_max:
        return refuse(
            venue, "LIM-4", "venue_is_full", custody=custody_after, limit=venue.policy.venue_total_max
        )

    # Effect
    received = Posting("FND-2", OUTSIDE, -event.amount)
    return accept(venue, (received, *fund_inflow(venue, event.pool, event.amount)))


def transfer_margin(venue: Venue, account: Account) -> Quanta:
    """The transfer requirement of WDR-3: a share of the notional of all positions, in quanta.

    Rounds up once, in favour of the venue (NUM-1).
    """
    return ceil_div(notional_of(venue, account) * venue.policy.transfer_rate, PPM)


@rule("WDR-2", "WDR-3")
def refuse_outflow(venue: Venue, name: str, amount: Quanta) -> Outcome | None:
    """What must stay behind when quanta leave an account, by withdrawal or by transfer.

    name     the account
    amount   quanta that leave its wallet
    returns  the refusal, or None: then the wallet stays at 0 or above, equity at the larger of
             initial margin and transfer requirement, and the account is not liquidatable
    Source: Hyperliquid transfer requirement, max(initial margin, 10 % of notional).
    """
    # Facts
    before = venue.accounts[name]
    after = replace(before, wallet=before.wallet - amount)
    standing = standing_of(venue, after)
    required = max(standing.initial, transfer_margin(venue, after))

    # Refusals, in order of precedence
    if after.wallet < 0:
        return refuse(venue, "WDR-2", "not_in_wallet", wallet=before.wallet)
    if standing.equity < required:
        return refuse(venue, "WDR-3", "equity_below_requirement", equity=standing.equity, required=required)
    if is_liquidatable(standing.equity, standing.maintenance, venue.policy.trigger):
        return refuse(
            venue, "WDR-3", "would_be_liquidatable", equity=standing.equity, required=standing.maintenance
        )
    return None


@rule("WDR-1", "WDR-4")
def withdraw(venue: Venue, event: Withdraw) -> Outcome:
    """An account takes quanta out of its wallet, if what stays carries its positions."""
    # Facts
    bad_debt = sum(pool.bad_debt for pool in venue.pools.values())

    # Refusals, in order of precedence
    if bad_debt > 0 and venue.policy.bad_debt_gate == REFUSE:
        return refuse(venue, "WDR-1", "bad_debt_stands", bad_debt=bad_debt)
    refusal = refuse_outflow(venue, event.account, event.amount)
    if refusal is not None:
        return refusal
    if event.amount > venue.custody:
        return refuse(venue, "WDR-4", "not_in_custody", custody=venue.custody)

    # Effect
    return accept(venue, move("WDR-4", wallet_of(event.account), OUTSIDE, event.amount))


@rule("TRF-1", "TRF-2")
def transfer(venue: Venue, event: Transfer) -> Outcome:
    """An owner moves quanta between two of its accounts; the source is checked like a withdrawal."""
    # Facts
    source = venue.accounts[event.source]
    target = venue.accounts[event.target]
    bad_debt = sum(pool.bad_debt for pool in venue.pools.values())

    # Refusals, in order of precedence
    if event.source == event.target:
        return refuse(venue, "TRF-1", "same_account", account=event.source)
    if source.owner != target.owner:
        return refuse(venue, "TRF-1", "different_owners", source=source.owner, target=target.owner)
    if bad_debt > 0 and source.pool != target.pool and venue.policy.bad_debt_gate == REFUSE:
        return refuse(venue, "TRF-2", "bad_debt_stands", bad_debt=bad_debt)
    refusal = refuse_outflow(venue, event.source, event.amount)
    if refusal is not None:
        return refusal

    # Effect
    return accept(venue, move("TRF-2", wallet_of(event.source), wallet_of(event.target), event.amount))
