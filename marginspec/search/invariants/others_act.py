"""Invariants of section D of the theorems: accounts with equity left, closed by others or taken over."""

from marginspec.search.invariants.step import Step, after_every_event
from refmodel.events import LiquidationFill, Takeover
from refmodel.margin import NOTHING_HELD, carries, is_liquidatable
from refmodel.numbers import PPM, Lots
from refmodel.policy import TO_BACKSTOP
from refmodel.state import backstop_of


@after_every_event("D3")
def a_fill_leaves_the_account_no_weaker(step: Step) -> str | None:
    """Only who is liquidatable is closed; lots shrink on their side, no order stays, equity over margin does
    not fall, nor does the shortfall grow; or the account ends flat with equity of 0 or more."""
    event = step.event
    if step.outcome.refusal is not None or not isinstance(event, LiquidationFill):
        return None
    before, after = step.standings_before[event.account], step.standings_after[event.account]
    trigger = step.before.policy.trigger
    if not is_liquidatable(before.equity, before.maintenance, trigger):
        return f"{event.account} had {before.equity:_} over {before.maintenance:_}"
    held = step.before.accounts[event.account].positions[event.market].size
    left = step.after.accounts[event.account].positions.get(event.market, NOTHING_HELD).size
    if abs(held) - abs(left) != event.lots or held * left < 0:
        return f"{event.account} held {held:_} lots and holds {left:_}"
    if step.after.accounts[event.account].orders:
        return f"{event.account} has orders left"
    if after.equity < 0 or after.equity * before.maintenance < before.equity * after.maintenance:
        return (
            f"{event.account}: {before.equity:_} over {before.maintenance:_} became "
            f"{after.equity:_} over {after.maintenance:_}"
        )
    if after.maintenance - after.equity > max(before.maintenance - before.equity, 0):
        return f"the shortfall of {event.account} grew to {after.maintenance - after.equity:_}"
    return penalty_is_what_the_fund_received(step, event, held)


def penalty_is_what_the_fund_received(step: Step, event: LiquidationFill, held: Lots) -> str | None:
    """What the account lost beside the price is the penalty, at most its share, and all of it arrived."""
    terms = step.before.policy.markets[event.market]
    before, after = step.standings_before[event.account], step.standings_after[event.account]
    away = event.price - step.before.marks[event.market]
    gain = event.lots * terms.multiplier * (away if held > 0 else -away)
    penalty = before.equity + gain - after.equity
    amount = event.lots * event.price * terms.multiplier
    if not 0 <= penalty <= -(-amount * terms.liquidation.penalty // PPM):
        return f"{event.account} paid a penalty of {penalty:_} on {amount:_}"
    pool = step.before.accounts[event.account].pool
    earlier, later = step.before.pools[pool], step.after.pools[pool]
    received = later.fund - earlier.fund + earlier.bad_debt - later.bad_debt
    if received != penalty:
        return f"the penalty is {penalty:_}, pool {pool} received {received:_}"
    fee = -(-amount * step.before.policy.fee_taker // PPM)
    change = (
        step.standings_after[event.counterparty].equity - step.standings_before[event.counterparty].equity
    )
    if change != -gain - fee:
        return f"equity of {event.counterparty} changed by {change:_}; gain {-gain:_}, fee {fee:_}"
    return None


@after_every_event("TKO-4")
def a_takeover_takes_everything(step: Step) -> str | None:
    """The account is flat, its equity is where the policy says, and the backstop carries what it took."""
    event = step.event
    if step.outcome.refusal is not None or not isinstance(event, Takeover):
        return None
    policy = step.before.policy
    account = step.after.accounts[event.account]
    backstop = backstop_of(account.pool)
    before = step.standings_before[event.account]
    if before.equity * PPM >= policy.takeover_trigger * before.maintenance or before.equity < 0:
        return f"{event.account} had {before.equity:_} over {before.maintenance:_}"
    kept = 0 if policy.takeover_remainder == TO_BACKSTOP else before.equity
    if account.positions or account.orders or account.wallet != kept:
        return f"{event.account} keeps {account.wallet:_} of {before.equity:_} and {len(account.positions)}"
    after, earlier = step.standings_after[backstop], step.standings_before[backstop]
    if after.equity - earlier.equity != before.equity - kept:
        return f"equity of {backstop} changed by {after.equity - earlier.equity:_}"
    if not carries(after, policy.trigger):
        return f"{backstop} has {after.equity:_} for an initial margin of {after.initial:_}"
    held = sum(
        abs(position.size) * step.after.marks[market] * policy.markets[market].multiplier
        for market, position in step.after.accounts[backstop].positions.items()
    )
    if held > policy.backstop_notional_max:
        return f"{backstop} holds {held:_} of {policy.backstop_notional_max:_}"
    return None
