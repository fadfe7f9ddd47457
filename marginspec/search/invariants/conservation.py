"""Invariants of section A of the theorems: money and lots are conserved, and nobody else is touched."""

from marginspec.search.invariants.step import Step, after_every_event
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
from refmodel.margin import NOTHING_HELD
from refmodel.numbers import PPM, Quanta
from refmodel.postings import LOTS, Posting
from refmodel.rulebook import RULES
from refmodel.state import Account, Venue, backstop_of
from refmodel.trading import BUY


def external_flow(event: Event) -> Quanta:
    """Quanta that an accepted event brings in from outside; negative if it takes them out."""
    if isinstance(event, Deposit | FundDeposit):
        return event.amount
    if isinstance(event, Withdraw | FeeWithdrawal):
        return -event.amount
    return 0


@after_every_event("A5")
def a_refused_event_changes_nothing(step: Step) -> str | None:
    refusal = step.outcome.refusal
    if refusal is None:
        return None
    if step.after is not step.before and step.after != step.before:
        return "the venue is another one"
    if step.outcome.postings:
        return f"there are {len(step.outcome.postings)} postings"
    if refusal.rule not in RULES:
        return f"refused by {refusal.rule}, which is no rule"
    return None


@after_every_event("A1")
def postings_sum_to_zero(step: Step) -> str | None:
    money = 0
    lots: dict[str, int] = {}
    for entry in step.outcome.postings:
        if isinstance(entry, Posting):
            if entry.place.kind == LOTS:
                lots[entry.place.market] = lots.get(entry.place.market, 0) + entry.amount
            else:
                money += entry.amount
    if money != 0 or any(lots.values()):
        return f"money {money:_}, lots {lots}"
    return None


@after_every_event("A2")
def books_stay_balanced(step: Step) -> str | None:
    """Over the touched accounts and the pools: what they gained is what custody and bad debt gained."""
    if step.outcome.refusal is not None:
        return None
    claims = 0
    for name in step.touched:
        claims += claim_of(step.after.accounts[name])
        if name in step.before.accounts:
            claims -= claim_of(step.before.accounts[name])
    covered = step.after.custody - step.before.custody
    if step.after.pools is not step.before.pools:
        for name, pool in step.after.pools.items():
            earlier = step.before.pools[name]
            claims += pool.fund - earlier.fund + pool.fee_pool - earlier.fee_pool
            covered += pool.bad_debt - earlier.bad_debt
    if claims != covered:
        return f"claims changed by {claims:_}, custody and bad debt by {covered:_}"
    return None


def claim_of(account: Account) -> Quanta:
    """Wallet less open cost, quanta."""
    return account.wallet - sum(position.cost for position in account.positions.values())


@after_every_event("A3")
def long_lots_equal_short_lots(step: Step) -> str | None:
    """What one side of a market gains the other loses, and only some events may change a position."""
    changes: dict[str, int] = {}
    moves = isinstance(step.event, Trade | LiquidationFill | Takeover) or step.resolution is not None
    for name in step.touched:
        earlier = step.before.accounts.get(name)
        held = {} if earlier is None else earlier.positions
        holds = step.after.accounts[name].positions
        if holds is held or holds == held:
            continue
        if not moves:
            return f"the positions of {name} changed without a trade"
        for market in {*held, *holds}:
            change = holds.get(market, NOTHING_HELD).size - held.get(market, NOTHING_HELD).size
            changes[market] = changes.get(market, 0) + change
    unbalanced = {market: change for market, change in changes.items() if change != 0}
    return f"lots changed in sum: {unbalanced}" if unbalanced else None


@after_every_event("A4")
def equity_changes_by_external_flow_only(step: Step) -> str | None:
    if step.outcome.refusal is not None:
        return None
    change = 0
    for name, standing in step.standings_after.items():
        change += standing.equity
        if name in step.standings_before:
            change -= step.standings_before[name].equity
    if step.after.pools is not step.before.pools:
        for name, pool in step.after.pools.items():
            earlier = step.before.pools[name]
            change += pool.fund - earlier.fund + pool.fee_pool - earlier.fee_pool
            change -= pool.bad_debt - earlier.bad_debt
    flow = external_flow(step.event)
    if change != flow:
        return f"equity, funds and fee pools less bad debt changed by {change:_}, {flow:_} came from outside"
    if step.after.custody - step.before.custody != flow:
        return f"custody changed by {step.after.custody - step.before.custody:_}, {flow:_} came from outside"
    return None


def named_by(before: Venue, event: Event) -> tuple[str, ...]:
    """The accounts that an event may change by its own words; funding may change every holder."""
    if isinstance(event, Deposit | Withdraw | Order):
        return (event.account,)
    if isinstance(event, Transfer):
        return (event.source, event.target)
    if isinstance(event, Trade):
        return (event.taker, event.maker)
    if isinstance(event, LiquidationFill):
        return (event.account, event.counterparty)
    if isinstance(event, Takeover):
        return (event.account, backstop_of(before.accounts[event.account].pool))
    return ()


@after_every_event("A5")
def whoever_is_not_named_is_unchanged(step: Step) -> str | None:
    before, after, event = step.before, step.after, step.event
    if step.outcome.refusal is not None:
        return None
    if after.clock != event.time:
        return f"the clock shows {after.clock}, the event's time is {event.time}"
    named = named_by(before, event)
    for name in step.touched if step.resolution is None else ():
        if name in named or before.accounts.get(name) == after.accounts[name]:
            continue
        if isinstance(event, Funding) and event.market in before.accounts[name].positions:
            continue
        return f"{name} changed"
    if (
        len(after.accounts) - len(before.accounts) not in (0, 1)
        or not before.accounts.keys() <= after.accounts.keys()
    ):
        return "accounts appeared or went"
    if after.policy is not before.policy and after.policy != before.policy:
        return "the policy changed"
    expected = {**before.marks, **event.marks} if isinstance(event, Prices) else before.marks
    if after.marks is not expected and after.marks != expected:
        return "a mark changed that the event does not name, or one it names did not"
    return pools_unchanged(step)


def pools_unchanged(step: Step) -> str | None:
    """Only the pool of a deposit, of a withdrawal of fees, of the two sides of a trade or a fill, or of
    somebody bankrupt changes."""
    event = step.event
    if step.after.pools is step.before.pools:
        return None
    allowed: set[str] = set()
    if isinstance(event, FundDeposit | FeeWithdrawal):
        allowed = {event.pool}
    elif isinstance(event, Trade):
        allowed = {step.before.accounts[event.taker].pool, step.before.accounts[event.maker].pool}
    elif isinstance(event, LiquidationFill):
        allowed = {step.before.accounts[event.account].pool, step.before.accounts[event.counterparty].pool}
    elif step.resolution is not None:
        allowed = {step.before.accounts[name].pool for name in step.resolution.bankrupt}
    for name, pool in step.after.pools.items():
        if name not in allowed and pool != step.before.pools[name]:
            return f"pool {name} changed"
    return None


@after_every_event("A7")
def what_is_credited_is_what_was_charged(step: Step) -> str | None:
    """Fees by the words of FEE-1 and FEE-2, worked out once more: payers, pools, and no pool pays."""
    event = step.event
    if step.outcome.refusal is not None or not isinstance(event, Trade):
        return None
    policy, before, after = step.before.policy, step.before, step.after
    multiplier = policy.markets[event.market].multiplier
    amount = event.lots * event.price * multiplier
    taker_fee, rest = divmod(amount * policy.fee_taker, PPM)
    taker_fee += rest > 0
    maker_fee, rest = divmod(amount * policy.fee_maker, PPM)
    maker_fee += rest > 0
    expected = dict.fromkeys(before.pools, 0)
    expected[before.accounts[event.taker].pool] += taker_fee + min(maker_fee, 0)
    expected[before.accounts[event.maker].pool] += max(maker_fee, 0)
    for name, pool in after.pools.items():
        collected = pool.fee_pool - before.pools[name].fee_pool
        if collected < 0:
            return f"fee pool {name} fell by {-collected:_}"
        if collected != expected[name]:
            return f"fee pool {name} received {collected:_}, due were {expected[name]:_}"
    gain = event.lots * before.marks[event.market] * multiplier - amount
    gain = gain if event.side == BUY else -gain
    for name, own_gain, fee in ((event.taker, gain, taker_fee), (event.maker, -gain, maker_fee)):
        change = step.standings_after[name].equity - step.standings_before[name].equity
        if change != own_gain - fee:
            return f"equity of {name} changed by {change:_}; gain {own_gain:_}, fee {fee:_}"
    return None


@after_every_event("A9")
def funding_sums_to_zero(step: Step) -> str | None:
    """One whole number per lot, the same for both sides; nothing but wallets of holders changes."""
    event = step.event
    if step.outcome.refusal is not None or not isinstance(event, Funding):
        return None
    multiplier = step.before.policy.markets[event.market].multiplier
    per_lot = event.rate * step.before.marks[event.market] * multiplier // PPM
    total = 0
    posted = payments_of(step)
    for name, account in step.before.accounts.items():
        size = account.positions.get(event.market, NOTHING_HELD).size
        # Where somebody was bankrupt, wallets change by the resolution as well: what was posted counts.
        paid = account.wallet - step.after.accounts[name].wallet if posted is None else posted.get(name, 0)
        if paid != per_lot * size:
            return f"{name} holds {size:_} lots and paid {paid:_}; {per_lot:_} per lot were due"
        total += paid
    return f"payments sum to {total:_}" if total != 0 else None


def payments_of(step: Step) -> dict[str, Quanta] | None:
    """What each account paid by postings of FUN-3, if there was a resolution as well; else None."""
    if step.resolution is None:
        return None
    paid: dict[str, Quanta] = {}
    for entry in step.outcome.postings:
        if isinstance(entry, Posting) and entry.rule == "FUN-3":
            paid[entry.place.holder] = paid.get(entry.place.holder, 0) - entry.amount
    return paid


@after_every_event("A6")
def realised_profit_is_rounded_down(step: Step) -> str | None:
    """Of each side of a trade that closes lots: its wallet moves by the exact profit less its fee, or by
    less than two quanta below it, one for each share that is rounded; and by nothing but fees if it opens."""
    event = step.event
    if step.outcome.refusal is not None or not isinstance(event, Trade):
        return None
    policy = step.before.policy
    amount = event.lots * event.price * policy.markets[event.market].multiplier
    buys = event.side == BUY
    sides = (
        (event.taker, event.lots if buys else -event.lots, policy.fee_taker),
        (event.maker, -event.lots if buys else event.lots, policy.fee_maker),
    )
    for name, lots, rate in sides:
        account = step.before.accounts[name]
        position = account.positions.get(event.market, NOTHING_HELD)
        closed = min(abs(position.size), abs(lots)) if position.size * lots < 0 else 0
        moved = step.after.accounts[name].wallet - account.wallet - (-amount * rate // PPM)
        # Profit = what the lots closed bring less what they cost, over the common denominator.
        whole = abs(lots) * max(1, abs(position.size))
        paid = amount if lots > 0 else -amount
        profit = -(paid * closed * max(1, abs(position.size)) + position.cost * closed * abs(lots))
        if not profit - 2 * whole < moved * whole <= profit:
            return f"{name} closed {closed:_} lots for {profit:_}/{whole:_}, its wallet moved by {moved:_}"
    return None
