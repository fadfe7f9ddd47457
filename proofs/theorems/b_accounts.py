"""B1, B4 to B8. Accounts: who may trade, order and withdraw, and that no admitted step makes anybody worse
off
than the law allows."""

from dataclasses import replace

from proofs.contracts import establish
from proofs.lemmas.contracts import (
    initial_is_not_negative,
    maintenance_is_not_negative,
    requirement_is_at_least_one,
    requirement_is_monotone,
)
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.worlds import INITIAL, MAINTENANCE, MARKET, holder, market, policy, venue
from refmodel.events import Order, Withdraw
from refmodel.margin import (
    BANKRUPT,
    FLAT,
    HEALTHY,
    LIQUIDATABLE,
    MARGIN_CALL,
    Standing,
    carries,
    is_liquidatable,
    lots_at_risk,
    margin_initial,
    margin_maintenance,
    requirement,
    standing_of,
    status,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks, ceil_div
from refmodel.policy import TRIGGERS
from refmodel.state import CROSS, Account, OpenOrders, Pool, Position, Venue, equity
from refmodel.trading import Side, fee, is_admitted, order, refuse_side
from refmodel.withdrawal import refuse_outflow, transfer_margin, withdraw

SECOND = "N"


@theorem(
    "B1-lots-at-risk",
    rules=("MAR-6",),
    claim="The lots at risk are at least the position, and at least what either side of the orders leads to.",
    witness=(dict(size=-3, buys=5, sells=2), dict(size=3, buys=0, sells=10)),
    mutant=Replace(
        "lots_at_risk",
        "max(abs(size + buys), abs(size - sells))",
        "abs(size + buys - sells)",
        name="both sides netted",
    ),
)
def orders_never_hide_the_position(size: Lots, buys: Lots, sells: Lots) -> None:
    assume(buys >= 0, guard="EVT-2")
    assume(sells >= 0, guard="EVT-2")

    lots = lots_at_risk(size, buys, sells)

    prove(lots >= abs(size), "the position itself counts")
    prove(lots >= abs(size + buys), "all buys filled count")
    prove(lots >= abs(size - sells), "all sells filled count")


@theorem(
    "B1-account",
    rules=("MAR-7", "MAR-8", "MAR-5", "MAR-6"),
    claim="Of every account, initial margin is at least maintenance margin; maintenance margin is at "
    "least one "
    "quantum with a position and 0 without.",
    structural_bound="2 markets; each further one adds its own pair of requirements",
    contracts=(requirement_is_at_least_one, requirement_is_monotone),
    witness=dict(size=-3, buys=1, sells=2, size_2=4, mark=10, mark_2=20),
    mutant=(
        Replace(
            "lots_at_risk",
            "max(abs(size + buys), abs(size - sells))",
            "abs(size + buys - sells)",
            name="both sides netted",
        ),
        Replace(
            "maintenance_of",
            "terms.maintenance, lots",
            "terms.initial, lots + 1000",
            name="the wrong schedule",
        ),
    ),
)
def initial_covers_maintenance(
    size: Lots, buys: Lots, sells: Lots, size_2: Lots, mark: Ticks, mark_2: Ticks
) -> None:
    assume(size != 0, guard="PST-1")
    assume(size_2 != 0, guard="PST-1")
    assume(buys >= 0, guard="EVT-2")
    assume(sells >= 0, guard="EVT-2")
    assume(mark >= 1, guard="PRC-1")
    assume(mark_2 >= 1, guard="PRC-1")
    assume(
        requirement(INITIAL, abs(size), abs(size) * mark)
        >= requirement(MAINTENANCE, abs(size), abs(size) * mark),
        theorem="B1-whole-over-bracket",
    )
    assume(
        requirement(INITIAL, abs(size_2), abs(size_2) * mark_2)
        >= requirement(MAINTENANCE, abs(size_2), abs(size_2) * mark_2),
        theorem="B1-whole-over-bracket",
    )
    positions = {MARKET: Position(size, 0), SECOND: Position(size_2, 0)}
    account = Account("owner", CROSS, 0, positions, {MARKET: OpenOrders(buys, sells)})
    terms = policy({MARKET: market(), SECOND: market()})
    at_marks = Venue(terms, 0, {MARKET: mark, SECOND: mark_2}, {}, {}, 0)
    lemma(abs(size) * mark <= lots_at_risk(size, buys, sells) * mark, "orders only add to the notional")
    lemma(abs(size) * mark >= 1, "a position has a notional")

    initial = margin_initial(at_marks, account)
    maintenance = margin_maintenance(at_marks, account)

    prove(initial >= maintenance, "initial margin covers maintenance margin")
    prove(maintenance >= 1, "a position always needs something")
    flat = Account("owner", CROSS, 0, {}, {MARKET: OpenOrders(buys, sells)})
    for each in (account, flat):
        establish(initial_is_not_negative, at_marks, each)
        establish(maintenance_is_not_negative, at_marks, each)


@theorem(
    "B4-admission",
    rules=("TRD-7", "MAR-9", "MAR-10"),
    claim="Along any chain of admitted trades on one snapshot equity stays at 0 or above; who was "
    "not liquidatable "
    "stays so; who was ends not liquidatable, flat, or with a strictly better ratio.",
    witness=(
        dict(trigger=0, closer=1, e=40, i=100, m=50, e2=39, i2=60, m2=30, gain=0),
        dict(trigger=1, closer=0, e=400, i=100, m=50, e2=390, i2=160, m2=80, gain=-5),
        dict(trigger=0, closer=1, e=40, i=100, m=50, e2=0, i2=0, m2=0, gain=0),
    ),
    mutant=(
        Replace(
            "is_admitted",
            "after.equity - max(gain, 0)",
            "after.equity + max(gain, 0)",
            name="the trade's own gain counted",
        ),
        Replace(
            "is_admitted",
            "counted.maintenance == 0 and counted.equity >= 0",
            "counted.maintenance == 0",
            name="flat with a debt",
        ),
        Replace(
            "carries", "standing.equity >= standing.initial and not", "not", name="initial margin not asked"
        ),
        Replace("carries", " and not is_liquidatable(", " or not is_liquidatable(", name="either is enough"),
    ),
)
def admitted_trades_never_make_worse(
    closer: int, e: Quanta, i: Quanta, m: Quanta, e2: Quanta, i2: Quanta, m2: Quanta, gain: Quanta
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(e >= 0, guard="INV-1")
    assume(m >= 0, theorem="B1-account")
    assume(m2 >= 0, theorem="B1-account")
    assume(i2 >= m2, theorem="B1-account")
    before = Standing(e, i, m)
    after = Standing(e2, i2, m2)

    if is_admitted(before, after, gain, closer == 1, trigger):
        was = is_liquidatable(e, m, trigger)
        ends = is_liquidatable(e2, m2, trigger)
        counted = e2 - max(gain, 0)
        if counted * m > e * m2:
            lemma(e2 * m >= counted * m, "a gain does not lower the ratio")
            lemma(implies(e >= m, e * m2 >= m * m2), "who had its margin compares with its margin")
        prove(counted >= 0, "equity without the trade's gain stays at 0 or above")
        prove(e2 >= 0, "equity stays at 0 or above")
        if ends:
            prove(was, "who was not liquidatable stays so")
            prove(e2 * m > e * m2, "who was ends with a strictly better ratio")


@theorem(
    "B4-better-is-transitive",
    rules=("TRD-7",),
    claim="Of two trades in a row that each strictly better the ratio, together they strictly better it.",
    witness=dict(e=10, m=100, e2=9, m2=50, e3=8, m3=20),
    mutant=Replace(
        "is_admitted",
        "counted.equity * before.maintenance > before.equity * counted.maintenance",
        "counted.equity * before.maintenance >= before.equity * counted.maintenance",
        name="a tie is enough",
    ),
)
def better_ratios_chain(e: Quanta, m: Quanta, e2: Quanta, m2: Quanta, e3: Quanta, m3: Quanta) -> None:
    assume(e >= 0, guard="INV-1")
    assume(e < m, guard="MAR-9")
    assume(e2 < m2, guard="MAR-9")
    assume(e3 < m3, guard="MAR-9")  # liquidatable throughout: otherwise B4-admission says more
    first = is_admitted(Standing(e, m, m), Standing(e2, m2, m2), 0, True, TRIGGERS[0])
    second = is_admitted(Standing(e2, m2, m2), Standing(e3, m3, m3), 0, True, TRIGGERS[0])

    if first and second:
        lemma(e2 * m * m3 > e * m2 * m3, "the first step, scaled by the third margin")
        lemma(e3 * m2 * m > e2 * m3 * m, "the second step, scaled by the first margin")
        lemma(e3 * m * m2 > e * m3 * m2, "both together")
        prove(e3 * m > e * m3, "the last ratio is better than the first")


@theorem(
    "B4-reductions-pass",
    rules=("TRD-7", "FEE-1", "POL-8"),
    claim="While the fee rate is below the lowest maintenance rate, an account with its maintenance "
    "margin may reduce at "
    "mark whenever the margin it saves exceeds the fee by two quanta before rounding.",
    witness=dict(
        equity=600,
        initial=1_000,
        numerator=500_000_000,
        saved=250_000_000,
        closed=50_000,
        lowest=5_000,
        rate=500,
    ),
    mutant=Replace(
        "is_admitted",
        "counted.equity * before.maintenance > before.equity * counted.maintenance",
        "counted.equity >= before.equity",
        name="no fee may be paid",
    ),
)
def reductions_at_mark_pass(
    equity: Quanta, initial: Quanta, numerator: int, saved: int, closed: Quanta, lowest: Ppm, rate: Ppm
) -> None:
    assume(rate >= 0, policy="POL-10")
    assume(rate < lowest, policy="POL-8")
    assume(closed >= 1, guard="EVT-2")
    assume(saved >= lowest * closed, theorem="B2-bracket-lowest-slope")
    assume(numerator >= saved, theorem="B2-bracket-monotone")
    maintenance = ceil_div(numerator, PPM)
    maintenance_after = ceil_div(numerator - saved, PPM)
    assume(equity >= maintenance, guard="MAR-9")
    assume((lowest - rate) * closed >= 2 * PPM, guard="TRD-7")  # two quanta before rounding
    charged = fee(closed, rate)
    lemma(maintenance - maintenance_after > charged, "the margin saved exceeds the fee")
    lemma(
        equity * (maintenance - maintenance_after) >= maintenance * (maintenance - maintenance_after),
        "equity is at least the margin",
    )
    lemma(
        maintenance * (maintenance - maintenance_after) > maintenance * charged,
        "of a margin that is positive",
    )
    before = Standing(equity, initial, maintenance)
    after = Standing(equity - charged, initial, maintenance_after)

    prove(is_admitted(before, after, 0, True, TRIGGERS[0]), "the reduction is admitted")


@theorem(
    "B5-trade",
    rules=("TRD-7",),
    claim="A trade that is not refused leaves neither side liquidatable that was not, and neither "
    "below zero.",
    structural_bound="one market traded; margins of any markets, by contract",
    contracts=(initial_is_not_negative, maintenance_is_not_negative),
    witness=dict(
        trigger=0, wallet=500, size=2, cost=20, wallet2=490, size2=1, cost2=10, lots=-1, paid=-10, mark=10
    ),
    mutant=(
        Replace(
            "refuse_side", "gain = side.lots * mark", "gain = -side.lots * mark", name="gain taken for loss"
        ),
        Replace(
            "refuse_side",
            "standing_after = standing_of(after, after.accounts[side.account])",
            "standing_after = standing_of(venue, account)",
            name="margin checked before the trade",
        ),
    ),
)
def no_trade_makes_liquidatable(
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    wallet2: Quanta,
    size2: Lots,
    cost2: Quanta,
    lots: Lots,
    paid: Quanta,
    mark: Ticks,
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(size != 0, guard="PST-1")
    assume(size2 != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    terms = policy({MARKET: market()}, trigger=trigger)
    before = venue(terms, {"a": holder(wallet, size, cost)}, mark)
    after = venue(terms, {"a": holder(wallet2, size2, cost2)}, mark)
    was = standing_of(before, before.accounts["a"])
    ends = standing_of(after, after.accounts["a"])
    assume(was.equity >= 0, guard="INV-1")
    assume(ends.initial >= ends.maintenance, theorem="B1-account")

    refusal = refuse_side(before, after, MARKET, Side("a", lots, paid, OpenOrders(0, 0)))

    if refusal is None:
        if is_liquidatable(ends.equity, ends.maintenance, trigger):
            lemma(
                implies(
                    was.equity >= was.maintenance,
                    was.equity * ends.maintenance >= was.maintenance * ends.maintenance,
                ),
                "who had its margin compares with its margin",
            )
            prove(
                is_liquidatable(was.equity, was.maintenance, trigger),
                "no trade makes an account liquidatable",
            )
        gain = lots * mark - paid
        prove(ends.equity - max(gain, 0) >= 0, "not even without what the price was better than the mark")


@theorem(
    "B5-order",
    rules=("ORD-1", "MAR-10"),
    claim="Orders change no position and no money; they are admitted only if initial margin does not "
    "rise or is carried.",
    contracts=(initial_is_not_negative, maintenance_is_not_negative),
    witness=dict(trigger=0, wallet=500, size=2, cost=20, buys=1, sells=1, buys2=2, sells2=0, mark=10),
    mutant=Replace(
        "order",
        "standing.initial > initial_before and not",
        "standing.initial > initial_before + 1_000_000 and not",
        name="any order admitted",
    ),
)
def orders_are_carried(
    wallet: Quanta, size: Lots, cost: Quanta, buys: Lots, sells: Lots, buys2: Lots, sells2: Lots, mark: Ticks
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(size != 0, guard="PST-1")
    assume(buys + sells >= 1, guard="PST-1")
    assume(buys2 >= 0, guard="EVT-2")
    assume(sells2 >= 0, guard="EVT-2")
    terms = policy({MARKET: market()}, trigger=trigger)
    before = venue(terms, {"a": holder(wallet, size, cost, (buys, sells))}, mark)

    outcome = order(before, Order(0, "a", MARKET, buys2, sells2))

    was, ends = before.accounts["a"], outcome.venue.accounts["a"]
    prove(ends.wallet == was.wallet, "no money moves")
    prove(ends.positions is was.positions, "no position changes")
    if outcome.refusal is None:
        standing = standing_of(outcome.venue, ends)
        rises = standing.initial > margin_initial(before, was)
        prove(implies(rises, standing.equity >= standing.initial), "a higher initial margin is carried")
        if rises:
            prove(
                not is_liquidatable(standing.equity, standing.maintenance, trigger),
                "and by nobody liquidatable",
            )


@theorem(
    "B6-one-status",
    rules=("MAR-11", "MAR-9"),
    claim="Exactly one status holds, and each means what it says.",
    witness=(
        dict(trigger=0, equity=-1, initial=2, maintenance=1),
        dict(trigger=1, equity=5, initial=9, maintenance=5),
        dict(trigger=0, equity=5, initial=9, maintenance=5),
        dict(trigger=0, equity=50, initial=9, maintenance=5),
        dict(trigger=0, equity=0, initial=0, maintenance=0),
    ),
    mutant=Replace(
        "is_liquidatable",
        "return equity <= maintenance",
        "return equity < maintenance",
        name="off by one at the boundary",
    ),
)
def exactly_one_status_holds(equity: Quanta, initial: Quanta, maintenance: Quanta) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(maintenance >= 0, theorem="B1-account")
    assume(initial >= maintenance, theorem="B1-account")
    standing = Standing(equity, initial, maintenance)
    edge = maintenance if trigger == TRIGGERS[0] else maintenance + 1

    found = status(standing, trigger)

    prove((found == BANKRUPT) == (equity < 0), "bankrupt is equity below zero")
    holds = (equity >= 0) & (maintenance >= 1)
    prove((found == FLAT) == ((equity >= 0) & (maintenance == 0)), "flat is without a position")
    prove((found == LIQUIDATABLE) == (holds & (equity < edge)), "liquidatable is below the margin, or at it")
    prove(
        (found == MARGIN_CALL) == (holds & (equity >= edge) & (equity < initial)),
        "margin call is below initial",
    )
    prove(
        (found == HEALTHY) == (holds & (equity >= edge) & (equity >= initial)), "healthy is everything else"
    )
    if carries(standing, trigger):
        prove(found in (FLAT, HEALTHY), "who carries its positions is healthy or flat")


@theorem(
    "B7-outflow",
    rules=("WDR-2", "WDR-3"),
    claim="After a withdrawal or transfer out the wallet is at 0 or above, equity at the larger of "
    "initial margin and "
    "transfer requirement, and the account is not liquidatable.",
    contracts=(initial_is_not_negative, maintenance_is_not_negative),
    witness=dict(trigger=0, wallet=500, size=2, cost=20, mark=10, amount=100, rate=100_000),
    mutant=(
        Replace(
            "refuse_outflow",
            "max(standing.initial, transfer_margin(venue, after))",
            "standing.maintenance",
            name="withdrawal at maintenance margin",
        ),
        Replace(
            "refuse_outflow", "if after.wallet < 0:", "if after.wallet < -100:", name="lent against profit"
        ),
    ),
)
def outflow_leaves_enough(
    wallet: Quanta, size: Lots, cost: Quanta, mark: Ticks, amount: Quanta, rate: Ppm
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(size != 0, guard="PST-1")
    before = venue(
        policy({MARKET: market()}, trigger=trigger, transfer_rate=rate),
        {"a": holder(wallet, size, cost)},
        mark,
    )
    left = replace(before.accounts["a"], wallet=wallet - amount)

    refusal = refuse_outflow(before, "a", amount)

    if refusal is None:
        standing = standing_of(before, left)
        prove(left.wallet >= 0, "nothing is lent")
        prove(standing.equity >= standing.initial, "initial margin stays")
        prove(standing.equity >= transfer_margin(before, left), "the transfer requirement stays")
        prove(not is_liquidatable(standing.equity, standing.maintenance, trigger), "it is not liquidatable")


@theorem(
    "B7-custody",
    rules=("WDR-1", "WDR-4"),
    claim="A withdrawal leaves custody at 0 or above, and while bad debt stands the policy's gate decides.",
    witness=(
        dict(gate=0, wallet=500, amount=100, custody=700, debt=0),
        dict(gate=1, wallet=500, amount=100, custody=700, debt=9),
    ),
    mutant=(
        Replace(
            "withdraw",
            "event.amount > venue.custody",
            "event.amount > venue.custody + 1",
            name="one quantum too many",
        ),
        Replace("withdraw", "bad_debt > 0 and", "bad_debt > 1 and", name="small debts overlooked"),
    ),
)
def withdrawal_is_covered(wallet: Quanta, amount: Quanta, custody: Quanta, debt: Quanta) -> None:
    gate = choice("gate", "refuse", "up_to_custody")
    assume(amount >= 1, guard="EVT-2")
    assume(debt >= 0, guard="FND-1")
    terms = policy({MARKET: market()}, bad_debt_gate=gate)
    pools = {CROSS: Pool(), MARKET: Pool(0, 0, debt)}
    before = venue(terms, {"a": holder(wallet)}, custody=custody, pools=pools)

    outcome = withdraw(before, Withdraw(0, "a", amount))

    if outcome.refusal is None:
        prove(outcome.venue.custody >= 0, "custody is never below zero")
        prove(outcome.venue.custody == custody - amount, "exactly the amount goes out")
        if gate == "refuse":
            prove(debt == 0, "nothing goes out while bad debt stands")


@theorem(
    "B7-flat-leaves",
    rules=("WDR-1", "WDR-2", "WDR-3", "WDR-4"),
    claim="Without bad debt, an account without positions and orders can always withdraw its whole wallet.",
    witness=dict(trigger=1, wallet=500, others=200),
    mutant=Replace(
        "refuse_outflow",
        "if standing.equity < required:",
        "if standing.equity <= required:",
        name="one quantum stays",
    ),
)
def flat_account_can_leave(wallet: Quanta, others: Quanta) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(wallet >= 1, guard="EVT-2")
    assume(others >= 0, guard="INV-1")  # what everybody else may claim is not negative
    custody = wallet + others  # by A2, without bad debt
    before = venue(policy({MARKET: market()}, trigger=trigger), {"a": holder(wallet)}, custody=custody)

    outcome = withdraw(before, Withdraw(0, "a", wallet))

    prove(outcome.refusal is None, "nothing holds it back")
    prove(outcome.venue.accounts["a"].wallet == 0, "and all of it goes")


@theorem(
    "B8-collateral",
    rules=("ACC-2", "MAR-7", "MAR-8"),
    claim="More collateral raises equity by itself and changes no requirement.",
    witness=dict(wallet=500, size=2, cost=20, mark=10, more=7),
    mutant=Replace(
        "equity", "total = account.wallet", "total = min(account.wallet, 500)", name="collateral capped"
    ),
)
def collateral_never_hurts(wallet: Quanta, size: Lots, cost: Quanta, mark: Ticks, more: Quanta) -> None:
    assume(size != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume(more >= 0, guard="EVT-2")
    at_mark = venue(policy({MARKET: market()}), {}, mark)
    account = holder(wallet, size, cost, (1, 2))
    richer = replace(account, wallet=wallet + more)

    prove(equity(at_mark, richer) == equity(at_mark, account) + more, "equity grows by exactly that")
    prove(margin_initial(at_mark, richer) == margin_initial(at_mark, account), "initial margin stays")
    prove(
        margin_maintenance(at_mark, richer) == margin_maintenance(at_mark, account),
        "maintenance margin stays",
    )
