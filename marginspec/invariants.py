"""Invariants: what sections A and B of the theorems say about states, checked after every event.

One function per claim, named by what it claims and tied to its theorem. They look at the state before, the
event, and the state after, and recompute what they compare from those, never from the postings alone: a
posting that the law forgot would not be missed otherwise. `Watch` keeps, along one history, the standings
of all accounts, so that a step costs as much as the accounts it touches; `totals` look at everything and
are checked every so many events.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from marginspec.choices import Choices
from refmodel.canonical import canonical_text, digest, event_document, event_from, venue_document, venue_from
from refmodel.events import (
    Deposit,
    Event,
    FeeWithdrawal,
    FundDeposit,
    Funding,
    Order,
    Prices,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.liquidation_price import liquidation_price, published_lines
from refmodel.margin import (
    BANKRUPT,
    FLAT,
    HEALTHY,
    LIQUIDATABLE,
    MARGIN_CALL,
    NOTHING_HELD,
    NOTHING_ORDERED,
    Standing,
    is_liquidatable,
    markets_of,
    notional,
    requirement,
    standing_of,
    status,
)
from refmodel.numbers import PPM, Quanta, is_whole
from refmodel.outcome import Outcome
from refmodel.policy import AT_OR_BELOW
from refmodel.postings import LOTS, Posting, Postings, books_gap, lots_gap, sums_to_zero
from refmodel.rulebook import RULES
from refmodel.state import HOUSE, Account, Venue, backstop_of, equity, genesis
from refmodel.trading import BUY
from refmodel.venue import apply

CANONICAL_EVERY = 100
"""Steps between two checks of the canonical form, which writes the whole venue out."""
TOTALS_EVERY = 20
"""Steps between two checks of the totals."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A claim that does not hold.

    theorem   its identifier
    sentence  the claim, which is the name of the invariant
    detail    what was found instead, in words and numbers
    """

    theorem: str
    sentence: str
    detail: str


class Step:
    """One event and what it did, with what several invariants want to know about it."""

    __slots__ = ("after", "before", "event", "outcome", "standings_after", "standings_before", "touched")

    def __init__(
        self, before: Venue, event: Event, outcome: Outcome, standings_before: Mapping[str, Standing]
    ) -> None:
        self.before = before
        self.event = event
        self.outcome = outcome
        self.after = outcome.venue
        known = before.accounts
        self.touched = tuple(
            name for name, account in self.after.accounts.items() if known.get(name) is not account
        )
        self.standings_before = standings_before
        self.standings_after: dict[str, Standing] = {}
        if outcome.refusal is None:
            # New marks change the standing of every holder, though no account is touched.
            names = self.after.accounts if isinstance(event, Prices) else self.touched
            for name in names:
                self.standings_after[name] = standing_of(self.after, self.after.accounts[name])


Invariant = Callable[[Step], str | None]
TotalCheck = Callable[[Venue], str | None]

STEP_INVARIANTS: dict[str, tuple[str, Invariant]] = {}
"""Checked after every event: the theorem and the function, by sentence."""
TOTAL_INVARIANTS: dict[str, tuple[str, TotalCheck]] = {}
"""Checked on the whole venue, every so many events."""


def after_every_event(theorem: str) -> Callable[[Invariant], Invariant]:
    """Say that a function checks this theorem on one step; it answers with what is wrong, or None."""

    def register(function: Invariant) -> Invariant:
        STEP_INVARIANTS[function.__name__] = (theorem, function)
        return function

    return register


def on_the_whole_venue(theorem: str) -> Callable[[TotalCheck], TotalCheck]:
    """Say that a function checks this theorem on a venue at rest."""

    def register(function: TotalCheck) -> TotalCheck:
        TOTAL_INVARIANTS[function.__name__] = (theorem, function)
        return function

    return register


# ------------------------------------------------------------------------------------- A: conservation


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
    if not isinstance(step.event, Trade):
        return lots_unchanged(step)
    change = 0
    for name in step.touched:
        after = step.after.accounts[name].positions.get(step.event.market, NOTHING_HELD).size
        change += after - step.before.accounts[name].positions.get(step.event.market, NOTHING_HELD).size
    return f"lots in {step.event.market} changed by {change:_} in sum" if change != 0 else None


def lots_unchanged(step: Step) -> str | None:
    """No event but a trade gives anybody a position or changes its cost."""
    for name in step.touched:
        earlier = step.before.accounts.get(name)
        held = {} if earlier is None else earlier.positions
        if step.after.accounts[name].positions != held:
            return f"the positions of {name} changed without a trade"
    return None


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


def named_by(event: Event) -> tuple[str, ...]:
    """The accounts that an event may change by its own words; funding may change every holder."""
    if isinstance(event, Deposit | Withdraw | Order):
        return (event.account,)
    if isinstance(event, Transfer):
        return (event.source, event.target)
    if isinstance(event, Trade):
        return (event.taker, event.maker)
    return ()


@after_every_event("A5")
def whoever_is_not_named_is_unchanged(step: Step) -> str | None:
    before, after, event = step.before, step.after, step.event
    if step.outcome.refusal is not None:
        return None
    if after.clock != event.time:
        return f"the clock shows {after.clock}, the event's time is {event.time}"
    named = named_by(event)
    for name in step.touched:
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
    """Only the pool of a deposit, of a withdrawal of fees, or of the two sides of a trade changes."""
    event = step.event
    if step.after.pools is step.before.pools:
        return None
    allowed: set[str] = set()
    if isinstance(event, FundDeposit | FeeWithdrawal):
        allowed = {event.pool}
    elif isinstance(event, Trade):
        allowed = {step.before.accounts[event.taker].pool, step.before.accounts[event.maker].pool}
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
    for name, account in step.before.accounts.items():
        size = account.positions.get(event.market, NOTHING_HELD).size
        paid = account.wallet - step.after.accounts[name].wallet
        if paid != per_lot * size:
            return f"{name} holds {size:_} lots and paid {paid:_}; {per_lot:_} per lot were due"
        total += paid
    return f"payments sum to {total:_}" if total != 0 else None


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


# ------------------------------------------------------------------------------------- B: margin


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
    if not isinstance(event, Order | Trade):
        return None
    for name in step.touched:
        account = step.after.accounts[name]
        held = account.positions.get(event.market, NOTHING_HELD).size
        orders = account.orders.get(event.market, NOTHING_ORDERED)
        largest = max(abs(held + orders.buys), abs(held - orders.sells))
        if largest > policy.markets[event.market].size_max:
            return f"{name} may come to hold {largest:_} lots in {event.market}"
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


# ------------------------------------------------------------------------------------- the whole venue


@on_the_whole_venue("A2")
def books_balance(venue: Venue) -> str | None:
    gap = books_gap(venue)
    return f"the gap is {gap:_} quanta" if gap != 0 else None


@on_the_whole_venue("A3")
def open_interest_is_two_sided(venue: Venue) -> str | None:
    for market in venue.marks:
        sizes = [
            account.positions[market].size
            for account in venue.accounts.values()
            if market in account.positions
        ]
        long, short = sum(max(size, 0) for size in sizes), sum(max(-size, 0) for size in sizes)
        if long != short or lots_gap(venue, market) != 0:
            return f"{market}: {long:_} lots long, {short:_} short"
    return None


@on_the_whole_venue("A4")
def equity_is_what_custody_covers(venue: Venue) -> str | None:
    """Equity, funds and fee pools less bad debt are custody: prices create nothing."""
    total = sum(equity(venue, account) for account in venue.accounts.values())
    for pool in venue.pools.values():
        total += pool.fund + pool.fee_pool - pool.bad_debt
    return f"{total:_} quanta against custody of {venue.custody:_}" if total != venue.custody else None


@on_the_whole_venue("E6")
def pools_are_never_negative(venue: Venue) -> str | None:
    for name, pool in venue.pools.items():
        if min(pool.fund, pool.fee_pool, pool.bad_debt, pool.drawn, venue.custody) < 0:
            return f"pool {name}: {pool}, custody {venue.custody:_}"
    return None


@on_the_whole_venue("INV-1")
def every_equity_is_at_least_zero(venue: Venue) -> str | None:
    for name, account in venue.accounts.items():
        own = equity(venue, account)
        if own < 0:
            return f"equity of {name} is {own:_}"
    return None


@on_the_whole_venue("ACC-3")
def every_pool_has_its_backstop(venue: Venue) -> str | None:
    for pool in genesis(venue.policy).pools:
        backstop = venue.accounts.get(backstop_of(pool))
        if backstop is None or (backstop.owner, backstop.pool) != (HOUSE, pool):
            return f"pool {pool} has {backstop}"
    return None


@on_the_whole_venue("NUM-2")
def every_number_is_whole(venue: Venue) -> str | None:
    for number in numbers_of(venue):
        if not is_whole(number):
            return f"{number!r} is in the venue"
    return None


def numbers_of(venue: Venue) -> Iterator[object]:
    """Every number of a venue."""
    yield venue.clock
    yield venue.custody
    yield from venue.marks.values()
    for account in venue.accounts.values():
        yield account.wallet
        for position in account.positions.values():
            yield from (position.size, position.cost)
        for orders in account.orders.values():
            yield from (orders.buys, orders.sells)
    for pool in venue.pools.values():
        yield from (pool.fund, pool.fee_pool, pool.bad_debt, pool.draw_period, pool.drawn)


# ------------------------------------------------------------------------------------- along a history


class Watch:
    """The invariants along one history.

    check(event, outcome) after every event answers with the first violation, or None.

    choices          decide what the samples look at
    totals_every     events between two checks of the totals
    canonical_every  events between two checks of the canonical form
    """

    def __init__(
        self,
        venue: Venue,
        choices: Choices,
        totals_every: int = TOTALS_EVERY,
        canonical_every: int = CANONICAL_EVERY,
    ) -> None:
        self.venue = venue
        self.choices = choices
        self.totals_every = totals_every
        self.canonical_every = canonical_every
        self.steps = 0
        self.standings = {name: standing_of(venue, account) for name, account in venue.accounts.items()}

    def check(self, event: Event, outcome: Outcome) -> Violation | None:
        """Check one step and move on to the venue after it."""
        step = Step(self.venue, event, outcome, self.standings)
        for sentence, (theorem, holds) in STEP_INVARIANTS.items():
            found = holds(step)
            if found is not None:
                return Violation(theorem, sentence, found)
        self.steps += 1
        self.standings.update(step.standings_after)
        before, self.venue = self.venue, outcome.venue
        if self.steps % self.totals_every == 0:
            violation = self.check_totals()
            if violation is not None:
                return violation
        return self.check_samples(before, event, outcome)

    def check_totals(self) -> Violation | None:
        """Check the whole venue; to be called at the end of a history as well."""
        for sentence, (theorem, holds) in TOTAL_INVARIANTS.items():
            found = holds(self.venue)
            if found is not None:
                return Violation(theorem, sentence, found)
        for name, account in self.venue.accounts.items():
            if self.standings[name] != standing_of(self.venue, account):
                return Violation("A5", "who_is_not_posted_to_keeps_its_standing", f"not {name}")
        return None

    def check_samples(self, before: Venue, event: Event, outcome: Outcome) -> Violation | None:
        """What is too dear for every event: asked of some of them."""
        if self.choices.chance(20_000) and apply(before, event) != outcome:
            return Violation("A5", "the_same_event_has_the_same_outcome", "asked twice, two answers")
        if self.choices.chance(20_000) and outcome.postings:
            found = spoilt_books_are_noticed(self.choices, self.venue, outcome.postings)
            if found is not None:
                return Violation("A1", "spoilt_books_are_noticed", found)
        if self.choices.chance(60_000):
            violation = self.sample_position()
            if violation is not None:
                return violation
        if self.steps % self.canonical_every == 0:
            found = canonical_form_is_faithful(self.venue, event)
            if found is not None:
                return Violation("EVT-4", "canonical_form_is_faithful", found)
        return None

    def sample_position(self) -> Violation | None:
        """One position: its liquidation price, and the published form of its schedule."""
        held = [(name, market) for name, one in self.venue.accounts.items() for market in one.positions]
        if not held:
            return None
        name, market = self.choices.pick(held)
        found = liquidation_price_is_the_first_tick(self.choices, self.venue, name, market)
        if found is not None:
            return Violation("D10", "liquidation_price_is_the_first_tick", found)
        found = published_form_is_equal(self.venue, name, market)
        if found is not None:
            return Violation("B3", "published_form_is_equal", found)
        return None


def spoilt_books_are_noticed(choices: Choices, venue: Venue, postings: Postings) -> str | None:
    """One posting less, a quantum more in custody, a lot more somewhere: the checks of chapter 2 see it."""
    amounts = [entry for entry in postings if isinstance(entry, Posting) and entry.amount != 0]
    if amounts:
        dropped = choices.pick(amounts)
        rest = [entry for entry in postings if entry is not dropped]
        if sums_to_zero(rest):
            return f"without {dropped} the postings are taken for balanced"
    if not sums_to_zero(postings):
        return "the postings are not balanced"
    if books_gap(replace(venue, custody=venue.custody + 1)) != 1 + books_gap(venue):
        return "a quantum more in custody is not noticed"
    for name, account in venue.accounts.items():
        for market, position in account.positions.items():
            more = replace(position, size=position.size + 1)
            spoilt = replace(account, positions={**account.positions, market: more})
            if lots_gap(replace(venue, accounts={**venue.accounts, name: spoilt}), market) != 1:
                return f"a lot more of {market} is not noticed"
            return None
    return None


def is_liquidatable_at(venue: Venue, name: str, market: str, tick: int) -> bool:
    """Whether an account would be liquidatable at another mark of one market, by direct evaluation."""
    standing = standing_of(replace(venue, marks={**venue.marks, market: tick}), venue.accounts[name])
    return is_liquidatable(standing.equity, standing.maintenance, venue.policy.trigger)


def liquidation_price_is_the_first_tick(choices: Choices, venue: Venue, name: str, market: str) -> str | None:
    """MAR-14 against direct evaluation: at its tick, one tick nearer, and at some between."""
    tick = liquidation_price(venue, venue.accounts[name], market)
    mark = venue.marks[market]
    long = venue.accounts[name].positions[market].size > 0
    if is_liquidatable_at(venue, name, market, mark):
        return None if tick is None else f"{name} is liquidatable in {market} now, not first at {tick:_}"
    if tick is None:
        low, high = (1, mark) if long else (mark, max(mark, venue.policy.markets[market].price_max))
    else:
        if not is_liquidatable_at(venue, name, market, tick):
            return f"{name} is not liquidatable at {tick:_} in {market}"
        low, high = (tick + 1, mark) if long else (mark, tick - 1)
    for between in (low, high, choices.integer(low, max(low, high)), choices.integer(low, max(low, high))):
        if low <= between <= high and is_liquidatable_at(venue, name, market, between):
            return f"{name} is liquidatable in {market} at {between:_} already, not first at {tick}"
    return None


def published_form_is_equal(venue: Venue, name: str, market: str) -> str | None:
    """Rate x notional - amount, the largest over the lines that count, is the requirement (MAR-13)."""
    terms = venue.policy.markets[market]
    lots = abs(venue.accounts[name].positions[market].size)
    exposure = notional(lots, venue.marks[market], terms.multiplier)
    for schedule in (terms.initial, terms.maintenance):
        due = max(
            line.rate * exposure - line.amount
            for line in published_lines(schedule, lots)
            if exposure > line.above
        )
        required = requirement(schedule, lots, exposure)
        if -(-due // PPM) != required:
            return f"{schedule.kind} of {exposure:_}: published {-(-due // PPM):_}, by the law {required:_}"
    return None


def canonical_form_is_faithful(venue: Venue, event: Event) -> str | None:
    """Written out and read back a venue and an event are the same; another order of keys, the same text."""
    text = canonical_text(venue_document(venue))
    again = venue_from(json.loads(text), venue.policy)
    if again != venue:
        return "the venue read back is another one"
    if event_from(json.loads(canonical_text(event_document(event)))) != event:
        return f"{event} read back is another event"
    turned = replace(
        venue,
        accounts=dict(reversed(list(venue.accounts.items()))),
        marks=dict(reversed(list(venue.marks.items()))),
        pools=dict(reversed(list(venue.pools.items()))),
    )
    if canonical_text(venue_document(turned)) != text or digest(turned) != digest(venue):
        return "another order of the same entries has another text"
    if digest(replace(venue, custody=venue.custody + 1)) == digest(venue):
        return "a quantum more in custody has the same digest"
    return None
