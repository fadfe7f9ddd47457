"""A5. Transitions: a refused event changes nothing, an accepted one changes only what it names, and the
rest of the
law is asked in the order of the chapters.

These theorems run `apply` itself, for each kind of event, on venues with a bystander.
"""

from proofs.lemmas.contracts import (
    closing_realises_all,
    initial_is_not_negative,
    maintenance_is_not_negative,
    requirement_is_at_least_one,
)
from proofs.registry import Replace, assume, choice, prove, theorem
from proofs.symbolic import negation
from proofs.worlds import MARKET, holder, market, policy, venue
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
from refmodel.margin import lots_at_risk, standing_of
from refmodel.numbers import PPM, Lots, Quanta, Ticks
from refmodel.outcome import Outcome
from refmodel.policy import PAYERS_STAGE, STAGES
from refmodel.postings import books_gap, lots_gap, post
from refmodel.state import CROSS, HOUSE, OpenOrders, Pool, Position, Venue, backstop_of, equity
from refmodel.trading import BUY, SELL, fee, sides_of, trade_postings
from refmodel.venue import apply


def world(
    wallet: Quanta,
    wallet_2: Quanta,
    size: Lots,
    cost: Quanta,
    mark: Ticks,
    *,
    clock: int = 0,
    custody: Quanta = 0,
    fee_pool: Quanta = 0,
    debt: Quanta = 0,
    stages: tuple[str, ...] = STAGES,
) -> Venue:
    """Two accounts of one owner with opposite positions, resting orders, a bystander of another owner, and
    the backstop of the cross pool."""
    accounts = {
        "a": holder(wallet, size, cost, (9, 9)),
        "b": holder(wallet_2, -size, -cost, (9, 9)),
        "bystander": holder(7, owner="another"),
        backstop_of(CROSS): holder(0, owner=HOUSE),
    }
    terms = policy({MARKET: market()}, fee_taker=500, fee_maker=-100, stages=stages)
    pools = {CROSS: Pool(0, fee_pool, debt), MARKET: Pool()}
    return venue(terms, accounts, mark, clock=clock, custody=custody, pools=pools)


MONEY_EVENTS = ("deposit", "open", "withdraw", "transfer", "fund_deposit", "fee_withdrawal")


def money_event(kind: str, time: int, amount: Quanta) -> Event:
    """An event that moves money only."""
    events: dict[str, Event] = {
        "deposit": Deposit(time, "a", amount),
        "open": Deposit(time, "new", amount, "owner", CROSS),
        "withdraw": Withdraw(time, "a", amount),
        "transfer": Transfer(time, "a", "b", amount),
        "fund_deposit": FundDeposit(time, CROSS, amount),
        "fee_withdrawal": FeeWithdrawal(time, CROSS, amount),
    }
    return events[kind]


def changes_only_what_it_names(before: Venue, outcome: Outcome, event: Event) -> None:
    """The claims of A5 and A2 about one event."""
    after = outcome.venue
    if outcome.refusal is not None:
        prove(after is before, "a refused event changes nothing")
        prove(outcome.postings == (), "and posts nothing")
        return
    prove(after.clock == event.time, "an accepted event sets the clock")
    prove(event.time >= before.clock, "which never goes back")
    prove(after.accounts["bystander"] is before.accounts["bystander"], "who is not posted to is unchanged")
    prove(after.policy is before.policy, "the policy is")
    prove(books_gap(after) == books_gap(before), "the books balance as before")
    prove(lots_gap(after, MARKET) == lots_gap(before, MARKET), "so do the lots")


@theorem(
    "A5-money",
    rules=("EVT-1", "EVT-2", "DEP-1", "DEP-2", "FND-2", "FEE-3", "TRF-1", "TRF-2", "WDR-4", "LIM-4"),
    claim="Deposits, withdrawals, transfers, fund deposits and fee withdrawals change what they "
    "name, keep the books, and "
    "change nothing when refused.",
    structural_bound="3 accounts, of which at most 2 are named",
    contracts=(initial_is_not_negative, maintenance_is_not_negative),
    witness=tuple(
        dict(
            kind=kind,
            time=5,
            clock=3,
            amount=10,
            wallet=500,
            wallet_2=600,
            size=2,
            cost=20,
            mark=10,
            custody=900,
            fee_pool=50,
            debt=0,
        )
        for kind in range(6)
    ),
    mutant=(
        Replace(
            "deposit",
            'move("DEP-1", OUTSIDE, wallet_of(event.account), event.amount)',
            '(Posting("DEP-1", wallet_of(event.account), event.amount),)',
            name="a deposit that nobody paid",
        ),
        Replace(
            "refuse_event",
            "event.time < venue.clock",
            "event.time < venue.clock - 1",
            name="time goes back by one",
        ),
    ),
)
def money_goes_where_it_is_sent(
    time: int,
    clock: int,
    amount: Quanta,
    wallet: Quanta,
    wallet_2: Quanta,
    size: Lots,
    cost: Quanta,
    mark: Ticks,
    custody: Quanta,
    fee_pool: Quanta,
    debt: Quanta,
) -> None:
    assume(size != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    before = world(
        wallet, wallet_2, size, cost, mark, clock=clock, custody=custody, fee_pool=fee_pool, debt=debt
    )
    event = money_event(choice("kind", *MONEY_EVENTS), time, amount)

    outcome = apply(before, event)

    changes_only_what_it_names(before, outcome, event)
    if outcome.refusal is None:
        prove(amount >= 1, "nobody moves nothing, or less")
        if isinstance(event, Deposit | FundDeposit):
            prove(
                outcome.venue.custody <= before.policy.venue_total_max,
                "custody stays within the venue's limit",
            )
        if isinstance(event, FeeWithdrawal):
            prove(outcome.venue.pools[CROSS].fee_pool >= 0, "a fee pool is never overdrawn")
            prove(debt <= 0, "and not while bad debt stands")
        if isinstance(event, Transfer):
            total = sum(account.wallet for account in outcome.venue.accounts.values())
            prove(total == wallet + wallet_2 + 7, "a transfer changes no sum of claims")


@theorem(
    "A5-orders",
    rules=("ORD-1", "ORD-2", "EVT-2", "LIM-1"),
    claim="An order changes the named totals and nothing else, within the market's largest size; a backstop "
    "rests none.",
    structural_bound="4 accounts, of which 1 is named",
    contracts=(initial_is_not_negative, maintenance_is_not_negative),
    witness=dict(time=5, clock=3, wallet=500, wallet_2=600, size=2, cost=20, mark=10, buys=4, sells=0),
    mutant=(
        Replace("refuse_size", "if lots > limit", "if lots > limit + 1", name="one lot above the limit"),
        Replace(
            "order", "if is_backstop(event.account)", "if event.buys > 2", name="a backstop rests orders"
        ),
    ),
)
def orders_change_only_orders(
    time: int,
    clock: int,
    wallet: Quanta,
    wallet_2: Quanta,
    size: Lots,
    cost: Quanta,
    mark: Ticks,
    buys: Lots,
    sells: Lots,
) -> None:
    assume(size != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    before = world(wallet, wallet_2, size, cost, mark, clock=clock)
    event = Order(time, "a", MARKET, buys, sells)

    outcome = apply(before, event)

    of_backstop = apply(before, Order(clock, backstop_of(CROSS), MARKET, 0, 0))
    prove(of_backstop.refusal is not None, "a backstop rests no orders, not even none")

    changes_only_what_it_names(before, outcome, event)
    if outcome.refusal is None:
        held = outcome.venue.accounts["a"].orders.get(MARKET, OpenOrders(0, 0))
        prove((held.buys == buys) & (held.sells == sells), "the totals are what was asked for")
        prove(
            lots_at_risk(size, buys, sells) <= before.policy.markets[MARKET].size_max,
            "within the largest size",
        )


@theorem(
    "A5-trade-guards",
    rules=("TRD-2", "TRD-4", "TRD-5", "TRD-7", "LIM-1", "LIM-3"),
    claim="A trade that is accepted is carried by both sides after its fee, is between two accounts, "
    "within the band and the limits, and "
    "within what was offered.",
    structural_bound="3 accounts, of which 2 trade, without a position before",
    contracts=(initial_is_not_negative, maintenance_is_not_negative),
    witness=(
        dict(side=0, time=5, clock=3, wallet=500, wallet_2=600, mark=10, lots=3, price=11),
        dict(side=1, time=5, clock=3, wallet=500, wallet_2=600, mark=10, lots=3, price=10),
        dict(side=1, time=5, clock=3, wallet=500, wallet_2=600, mark=10, lots=10, price=10),
        dict(side=1, time=5, clock=3, wallet=500, wallet_2=600, mark=10, lots=3, price=2),
    ),
    mutant=(
        Replace("trade", "offered < event.lots", "offered + 1 < event.lots", name="more than was offered"),
        Replace(
            "trade",
            "abs(event.price - mark) * PPM > terms.band * mark",
            "(event.price - mark) * PPM > terms.band * mark",
            name="no band below the mark",
        ),
        Replace("trade", "event.taker == event.maker", "event.lots == 0", name="trades with itself"),
        Replace(
            "trade",
            "refuse_side(venue, after, event.market, side)",
            "refuse_side(venue, post(venue, postings[:8]), event.market, side)",
            name="IM checked before the fee",
        ),
    ),
)
def trades_keep_band_and_limits(
    time: int, clock: int, wallet: Quanta, wallet_2: Quanta, mark: Ticks, lots: Lots, price: Ticks
) -> None:
    side = choice("side", BUY, SELL)
    assume(mark >= 1, guard="PRC-1")
    resting = (9, 9)
    accounts = {"a": holder(wallet, orders=resting), "b": holder(wallet_2, orders=resting), "c": holder(7)}
    before = venue(policy({MARKET: market()}, fee_taker=500), accounts, mark, clock=clock)
    terms = before.policy.markets[MARKET]

    outcome = apply(before, Trade(time, MARKET, "a", "b", side, lots, price))

    with_itself = apply(before, Trade(clock, MARKET, "a", "a", side, 1, mark))
    prove(with_itself.refusal is not None, "nobody trades with itself")
    if outcome.refusal is None:
        prove((1 <= lots) & (lots <= 9), "no more lots than the maker offers")
        prove(abs(price - mark) * PPM <= terms.band * mark, "the price is within the band")
        prove(price <= terms.price_max, "and within the market's limit")
        prove(lots <= terms.size_max, "the position is within the largest size")
        for name in ("a", "b"):
            standing = standing_of(outcome.venue, outcome.venue.accounts[name])
            prove(standing.equity >= standing.initial, "initial margin is there after the fee")
    else:
        prove(outcome.venue is before, "a refused trade changes nothing")


@theorem(
    "A5-trade-effect",
    rules=("TRD-5", "PST-1", "FEE-2"),
    claim="A trade moves the lots and the money it says, uses up the maker's order, keeps the books, "
    "and touches nobody else.",
    structural_bound="3 accounts, of which 2 trade",
    contracts=(closing_realises_all,),
    witness=(
        dict(side=0, wallet=500, wallet_2=600, size=2, cost=20, lots=3, price=11),
        dict(side=1, wallet=500, wallet_2=600, size=2, cost=20, lots=2, price=10),
    ),
    mutant=(
        Replace(
            "sides_of",
            "OpenOrders(resting.buys, resting.sells - event.lots)",
            "OpenOrders(resting.buys - event.lots, resting.sells)",
            name="the wrong side of the orders",
        ),
        Replace(
            "trade_postings", "buyer.lots, amount)", "buyer.lots, amount + 1)", name="a quantum too much paid"
        ),
    ),
)
def trades_do_what_they_say(
    wallet: Quanta, wallet_2: Quanta, size: Lots, cost: Quanta, lots: Lots, price: Ticks
) -> None:
    side = choice("side", BUY, SELL)
    assume(size != 0, guard="PST-1")
    assume(1 <= lots, guard="EVT-2")
    assume(lots <= 9, guard="TRD-5")
    assume(price >= 1, guard="EVT-2")
    before = world(wallet, wallet_2, size, cost, price)
    bought = lots if side == BUY else -lots

    taker, maker = sides_of(before, Trade(0, MARKET, "a", "b", side, lots, price), lots * price)
    after = post(before, trade_postings(before, MARKET, taker, maker))

    held = {name: account.positions.get(MARKET, Position(0, 0)) for name, account in after.accounts.items()}
    left = after.accounts["b"].orders.get(MARKET, OpenOrders(0, 0))
    prove((held["a"].size == size + bought) & (held["b"].size == -size - bought), "the lots change hands")
    prove(9 - (left.sells if side == BUY else left.buys) == lots, "the maker's order is used up by them")
    prove((left.buys if side == BUY else left.sells) == 9, "its other side is not")
    claim_of_a = after.accounts["a"].wallet - held["a"].cost
    charged = fee(lots * price, 500)
    prove(claim_of_a == wallet - cost - bought * price - charged, "the taker pays the price and its fee")
    prove(after.pools[CROSS].fee_pool >= 0, "no fee pool falls")
    prove(after.accounts["bystander"] is before.accounts["bystander"], "who is not posted to is unchanged")
    prove(books_gap(after) == books_gap(before), "the books balance as before")
    prove(lots_gap(after, MARKET) == lots_gap(before, MARKET), "so do the lots")


@theorem(
    "B5-fills-stay-within-limit",
    rules=("LIM-1", "MAR-6", "TRD-5"),
    claim="A fill of a resting order never raises the lots at risk, so only the taker of a trade is "
    "asked for its limit.",
    witness=dict(size=-3, buys=5, sells=2, lots=4),
    mutant=Replace(
        "lots_at_risk",
        "max(abs(size + buys), abs(size - sells))",
        "abs(size + buys)",
        name="sells not counted",
    ),
)
def fills_never_raise_the_risk(size: Lots, buys: Lots, sells: Lots, lots: Lots) -> None:
    assume(1 <= lots, guard="EVT-2")
    assume(lots <= buys, guard="TRD-5")
    assume(sells >= 0, guard="EVT-2")

    filled = lots_at_risk(size + lots, buys - lots, sells)
    filled_other_side = lots_at_risk(-size - lots, sells, buys - lots)

    prove(filled <= lots_at_risk(size, buys, sells), "of a resting buy")
    prove(filled_other_side <= lots_at_risk(-size, sells, buys), "and of a resting sell")


@theorem(
    "A5-marks",
    rules=("PRC-1", "PRC-2", "FUN-1", "FUN-3", "INV-1"),
    claim="Prices and funding are refused for the price or the rate alone, never for an account's sake; they "
    "leave nobody below zero, keep the books, and touch nobody who has no position.",
    structural_bound="3 accounts, of which 2 hold the market against each other; resolution of any number is "
    "INV-1",
    contracts=(
        closing_realises_all,
        initial_is_not_negative,
        maintenance_is_not_negative,
        requirement_is_at_least_one,
    ),
    witness=(
        dict(kind=0, time=5, clock=3, wallet=500, wallet_2=600, size=2, cost=20, mark=10, value=11),
        dict(kind=1, time=5, clock=3, wallet=500, wallet_2=600, size=2, cost=20, mark=10, value=-9_000),
        dict(kind=0, time=5, clock=3, wallet=5, wallet_2=600, size=2, cost=20, mark=10, value=5),
    ),
    mutant=(
        Replace(
            "funding",
            "abs(event.rate) > terms.funding_cap",
            "event.rate > terms.funding_cap",
            name="no cap on negative rates",
        ),
        Replace(
            "prices", "if price > price_max", "if price > price_max + 1", name="one tick above the limit"
        ),
        Replace(
            "bankrupt_accounts", "if equity_now < 0", "if equity_now < -1", name="a small debt overlooked"
        ),
        Replace(
            "resolved", "resolve(post(venue, postings))", "resolve(venue)", name="resolved before it happens"
        ),
    ),
)
def marks_are_never_stopped(
    time: int, clock: int, wallet: Quanta, wallet_2: Quanta, size: Lots, cost: Quanta, mark: Ticks, value: int
) -> None:
    assume(size >= 1, guard="PST-1")  # of the other side, exchange the two accounts
    assume(mark >= 1, guard="PRC-1")
    before = world(wallet, wallet_2, size, cost, mark, clock=clock, stages=(PAYERS_STAGE,))
    for name in ("a", "b"):
        assume(equity(before, before.accounts[name]) >= 0, guard="INV-1")
    kind = choice("kind", "prices", "funding")
    event = Prices(time, {MARKET: value}) if kind == "prices" else Funding(time, MARKET, value)

    outcome = apply(before, event)

    changes_only_what_it_names(before, outcome, event)
    terms = before.policy.markets[MARKET]
    in_time = time >= clock
    if kind == "prices":
        admitted = in_time & (1 <= value) & (value <= terms.price_max)
    else:
        admitted = in_time & (abs(value) <= terms.funding_cap)
    if outcome.refusal is None:
        now = outcome.venue.marks[MARKET]
        prove(now == (value if kind == "prices" else mark), "a price is the mark from then on")
        prove(admitted, "a mark is a tick within the limit, a rate within the cap, either sign")
        for name in ("a", "b"):
            prove(equity(outcome.venue, outcome.venue.accounts[name]) >= 0, "nobody is left below zero")
    else:
        prove(negation(admitted), "no account can stop it")


@theorem(
    "A6-deposit-withdraw",
    rules=("DEP-1", "WDR-4"),
    claim="What was deposited can be withdrawn from a flat account, and leaves everything as it was.",
    witness=dict(wallet=500, amount=100, others=50),
    mutant=Replace("withdraw", "event.amount))", "event.amount - 1))", name="a quantum kept"),
)
def deposit_and_withdrawal_cancel(wallet: Quanta, amount: Quanta, others: Quanta) -> None:
    assume(wallet >= 0, guard="INV-1")
    assume(amount >= 1, guard="EVT-2")
    assume(others >= 0, guard="INV-1")
    terms = policy({MARKET: market()})
    assume(wallet + others + amount <= terms.venue_total_max, guard="LIM-4")
    before = venue(terms, {"a": holder(wallet)}, custody=wallet + others)

    paid_in = apply(before, Deposit(0, "a", amount))
    paid_out = apply(paid_in.venue, Withdraw(0, "a", amount))

    prove(paid_in.refusal is None, "the deposit is accepted")
    prove(paid_out.refusal is None, "so is the withdrawal")
    prove(paid_out.venue.accounts["a"].wallet == wallet, "the wallet is what it was")
    prove(paid_out.venue.custody == before.custody, "and so is custody")
