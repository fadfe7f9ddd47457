"""Invariants of section B of the theorems: margins, statuses, admission, withdrawals, limits."""

from marginspec.search.invariants.step import Step, after_every_event
from refmodel.events import (
    Deposit,
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
from refmodel.margin import (
    BANKRUPT,
    FLAT,
    HEALTHY,
    LIQUIDATABLE,
    MARGIN_CALL,
    NOTHING_HELD,
    NOTHING_ORDERED,
    is_liquidatable,
    markets_of,
    status,
)
from refmodel.numbers import PPM
from refmodel.policy import AT_OR_BELOW
from refmodel.trading import BUY


@after_every_event("INV-1")
def nobody_is_bankrupt_at_rest(step: Step) -> str | None:
    for name, standing in step.standings_after.items():
        if standing.equity < 0:
            return f"equity of {name} is {standing.equity:_}"
    return None


@after_every_event("B1")
def initial_margin_covers_maintenance_margin(step: Step) -> str | None:
    for name, standing in step.standings_after.items():
        if standing.initial < standing.maintenance:
            return f"{name}: initial {standing.initial:_}, maintenance {standing.maintenance:_}"
        positions = len(step.after.accounts[name].positions)
        if standing.maintenance < positions or (positions == 0 and standing.maintenance != 0):
            return f"{name}: maintenance {standing.maintenance:_} for {positions} positions"
    return None


@after_every_event("B6")
def exactly_one_status_holds(step: Step) -> str | None:
    """The status against the words of chapter 3, each condition written out by itself."""
    at = step.after.policy.trigger == AT_OR_BELOW
    for name, standing in step.standings_after.items():
        held = bool(step.after.accounts[name].positions)
        own, initial, maintenance = standing.equity, standing.initial, standing.maintenance
        below = own < maintenance or (at and own == maintenance)
        holding = {
            BANKRUPT: own < 0,
            FLAT: own >= 0 and not held,
            LIQUIDATABLE: own >= 0 and held and below,
            MARGIN_CALL: own >= 0 and held and not below and own < initial,
            HEALTHY: own >= 0 and held and not below and own >= initial,
        }
        true = [word for word, holds in holding.items() if holds]
        said = status(standing, step.after.policy.trigger)
        if true != [said]:
            return f"{name}: the law says {said}, the words say {', '.join(true)}"
    return None


@after_every_event("B4")
def who_trades_liquidatable_ends_better(step: Step) -> str | None:
    event = step.event
    if step.outcome.refusal is not None or not isinstance(event, Trade):
        return None
    trigger = step.before.policy.trigger
    for name in (event.taker, event.maker):
        before, after = step.standings_before[name], step.standings_after[name]
        if not is_liquidatable(before.equity, before.maintenance, trigger):
            continue
        better = after.equity * before.maintenance > before.equity * after.maintenance
        if is_liquidatable(after.equity, after.maintenance, trigger) and not better:
            return (
                f"{name}: equity {before.equity:_} over {before.maintenance:_} became "
                f"{after.equity:_} over {after.maintenance:_}"
            )
    return None


@after_every_event("B4")
def a_trade_is_carried_without_its_own_gain(step: Step) -> str | None:
    """Either side, what the price is better than the mark left out: it carries what it then has, or
    comes closer to 0 with a strictly better ratio, or holds nothing and owes nothing."""
    event = step.event
    if step.outcome.refusal is not None or not isinstance(event, Trade):
        return None
    multiplier = step.before.policy.markets[event.market].multiplier
    gain_of_buyer = event.lots * (step.before.marks[event.market] - event.price) * multiplier
    at = step.before.policy.trigger == AT_OR_BELOW
    for name, buys in ((event.taker, event.side == BUY), (event.maker, event.side != BUY)):
        before, after = step.standings_before[name], step.standings_after[name]
        counted = after.equity - max(0, gain_of_buyer if buys else -gain_of_buyer)
        if after.maintenance == 0 and counted >= 0:
            continue
        least = after.maintenance + (1 if at and after.maintenance > 0 else 0)
        if counted >= max(after.initial, least):
            continue
        held = step.before.accounts[name].positions.get(event.market, NOTHING_HELD).size
        left = step.after.accounts[name].positions.get(event.market, NOTHING_HELD).size
        closer = abs(left) < abs(held) and left * held >= 0
        if not closer or counted * before.maintenance <= before.equity * after.maintenance:
            return f"{name}: {held:_} to {left:_} lots with {counted:_} counted, initial {after.initial:_}"
    return None


@after_every_event("B5")
def only_prices_and_funding_make_anybody_liquidatable(step: Step) -> str | None:
    if step.outcome.refusal is not None or isinstance(step.event, Prices | Funding):
        return None
    trigger = step.before.policy.trigger
    for name, after in step.standings_after.items():
        before = step.standings_before.get(name)
        if before is None or is_liquidatable(before.equity, before.maintenance, trigger):
            continue
        if is_liquidatable(after.equity, after.maintenance, trigger):
            return f"{name}: equity {after.equity:_}, maintenance {after.maintenance:_}"
    return None


@after_every_event("B7")
def a_withdrawal_leaves_what_it_must(step: Step) -> str | None:
    event = step.event
    if step.outcome.refusal is not None or not isinstance(event, Withdraw | Transfer):
        return None
    name = event.account if isinstance(event, Withdraw) else event.source
    account, standing = step.after.accounts[name], step.standings_after[name]
    if account.wallet < 0:
        return f"wallet of {name} is {account.wallet:_}"
    exposure = sum(
        abs(position.size) * step.after.marks[market] * step.after.policy.markets[market].multiplier
        for market, position in account.positions.items()
    )
    if (
        standing.equity < standing.initial
        or standing.equity * PPM < exposure * step.after.policy.transfer_rate
    ):
        return f"{name}: equity {standing.equity:_}, initial {standing.initial:_}, notional {exposure:_}"
    if step.after.custody < 0:
        return f"custody is {step.after.custody:_}"
    return None


@after_every_event("B7")
def a_flat_account_can_take_its_whole_wallet(step: Step) -> str | None:
    """Who holds and has ordered nothing is refused no part of a wallet, unless bad debt stands."""
    event = step.event
    if step.outcome.refusal is None or not isinstance(event, Withdraw):
        return None
    account = step.before.accounts.get(event.account)
    if account is None or account.positions or account.orders or not 1 <= event.amount <= account.wallet:
        return None
    if event.time < step.before.clock or any(pool.bad_debt for pool in step.before.pools.values()):
        return None
    return f"{event.account} asked for {event.amount:_} of {account.wallet:_}: {step.outcome.refusal.rule}"


@after_every_event("LIM-1")
def what_is_asked_for_stays_within_limits(step: Step) -> str | None:
    policy, event = step.after.policy, step.event
    if step.outcome.refusal is not None:
        return None
    if isinstance(event, Deposit | FundDeposit) and step.after.custody > policy.venue_total_max:
        return f"custody is {step.after.custody:_}"
    if not isinstance(event, Order | Trade | LiquidationFill | Takeover) and step.resolution is None:
        return None
    for name in step.touched:
        account = step.after.accounts[name]
        for market in markets_of(account.positions, account.orders):
            held = account.positions.get(market, NOTHING_HELD).size
            orders = account.orders.get(market, NOTHING_ORDERED)
            largest = max(abs(held + orders.buys), abs(held - orders.sells))
            if largest > policy.markets[market].size_max:
                return f"{name} may come to hold {largest:_} lots in {market}"
        earlier = step.before.accounts[name]
        markets, before = (len(markets_of(one.positions, one.orders)) for one in (account, earlier))
        if markets > max(policy.positions_max, before):
            return f"{name} is in {markets} markets"
    return None


@after_every_event("ACC-1")
def positions_and_orders_are_well_formed(step: Step) -> str | None:
    """No empty position or order; a long has paid, a short has received."""
    for name in step.touched:
        account = step.after.accounts[name]
        for market, position in account.positions.items():
            if position.size == 0 or position.cost * position.size < 0:
                return f"{name} holds {position.size:_} lots at cost {position.cost:_} in {market}"
        for market, orders in account.orders.items():
            if min(orders.buys, orders.sells) < 0 or max(orders.buys, orders.sells) == 0:
                return f"{name} has orders {orders.buys:_} and {orders.sells:_} in {market}"
    return None
