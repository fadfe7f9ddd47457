"""D1 to D3, D6 and D7. Liquidation fills: who may be filled, how far, at what penalty, and what is left.

The law of one fill in scalars first (the ratio, the penalty, the owner's two accounts), then the rule itself
on a venue of three accounts.
"""

from proofs.lemmas.contracts import (
    closing_realises_all,
    maintenance_is_not_negative,
    requirement_is_at_least_one,
    requirement_is_monotone,
)
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.worlds import LIQUIDATION, MARKET, holder, market, policy, venue
from refmodel.events import LiquidationFill
from refmodel.liquidation import (
    closable_lots,
    equity_to_keep,
    keeps_ratio,
    liquidation_fill,
    liquidation_penalty,
    refuse_carried,
)
from refmodel.margin import Standing, is_liquidatable, margin_maintenance
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks
from refmodel.policy import BELOW, BRACKET, FRACTION, FULL, TIER_STEP, TRIGGERS, Liquidation, Schedule, Tier
from refmodel.postings import books_gap, lots_gap
from refmodel.state import CROSS, Pool, Position, Venue, equity
from refmodel.trading import is_admitted

# In scalars


@theorem(
    "D3-no-weaker",
    rules=("LIQ-3", "LIQ-4"),
    claim="A fill that keeps the ratio, with its penalty, never lowers equity/MM; the shortfall MM - equity "
    "never grows, and falls if the margin does; equity of 0 or more stays so.",
    stage="waterfall",
    witness=(
        dict(e=900, i=2_000, m=1_000, loss=10, m2=500, amount=50_000, rate=5_000),
        dict(e=900, i=2_000, m=1_000, loss=900, m2=0, amount=100_000, rate=5_000),
        dict(e=900, i=2_000, m=1_000, loss=0, m2=333, amount=100_000, rate=50_000),
        dict(e=900, i=2_000, m=1_000, loss=890, m2=333, amount=100_000, rate=50_000),  # refused
    ),
    mutant=(
        Replace("liquidation_penalty", "min(requested, affordable)", "requested", name="penalty uncapped"),
        Replace(
            "keeps_ratio",
            "equity_after * before.maintenance >= before.equity * maintenance_after",
            "equity_after >= 0",
            name="not below zero is enough",
        ),
        Replace("equity_to_keep", "ceil_div", "floor_div", name="a floor for a ceil"),
    ),
)
def fill_leaves_account_no_weaker(
    e: Quanta, i: Quanta, m: Quanta, loss: Quanta, m2: Quanta, amount: Quanta, rate: Ppm
) -> None:
    assume(m >= 1, theorem="B1-account")
    assume(m2 >= 0, theorem="B1-account")
    assume(m2 <= m, theorem="B2-requirement-monotone")
    before = Standing(e, i, m)

    if not keeps_ratio(before, e - loss, m2):
        prove((e - loss) * m < e * m2, "a fill is refused only if the ratio would fall")
        return
    penalty = liquidation_penalty(amount, rate, e - loss - equity_to_keep(before, m2))
    after = e - loss - penalty

    prove(after * m >= e * m2, "the ratio does not fall")
    if e <= m:
        lemma((m2 - after) * m <= m2 * (m - e), "the shortfall after, scaled by the margin before")
        lemma(m2 * (m - e) <= m * (m - e), "the margin does not rise")
        prove(m2 - after <= m - e, "the shortfall does not grow")
        if (m2 < m) & (e < m):
            lemma(m2 * (m - e) < m * (m - e), "the margin falls")
            prove(m2 - after < m - e, "it falls if the margin does")
    if e >= 0:
        lemma(e * m2 >= 0, "what is kept is not negative")
        prove(after >= 0, "equity stays at 0 or above")
    if m2 == 0:
        prove(after >= 0, "who ends flat owes nothing")


@theorem(
    "D6-penalty",
    rules=("LIQ-3",),
    claim="The penalty is at most what is free, at most its rate rounded up, and never negative; it is paid "
    "in full if it can be; an account with nothing free pays nothing.",
    stage="waterfall",
    witness=(
        dict(amount=1_000_001, rate=12_500, free=50_000),
        dict(amount=1_000_000, rate=12_500, free=9_000),
        dict(amount=1_000_000, rate=12_500, free=-3),
    ),
    mutant=(
        Replace("liquidation_penalty", "min(requested, affordable)", "requested", name="penalty uncapped"),
        Replace(
            "liquidation_penalty",
            "affordable = max(equity_free, 0)",
            "affordable = equity_free",
            name="paid out to the bankrupt",
        ),
        Replace("liquidation_penalty", "ceil_div", "floor_div", name="a floor for a ceil"),
    ),
)
def penalty_is_paid_from_what_is_free(amount: Quanta, rate: Ppm, free: Quanta) -> None:
    assume(amount >= 1, guard="EVT-2")
    assume(rate >= 0, policy="POL-7")

    penalty = liquidation_penalty(amount, rate, free)

    prove(penalty >= 0, "it is never paid to the account")
    prove(penalty * PPM < amount * rate + PPM, "it is at most its rate, rounded up")
    if free <= 0:
        prove(penalty == 0, "losses come before fees")
    else:
        prove(penalty <= free, "it is at most what is free")
        if free * PPM >= amount * rate:
            prove(penalty * PPM >= amount * rate, "it is paid in full if it can be")
        else:
            prove(penalty == free, "otherwise all that is free is paid")


DEALS = dict(
    trigger=0,
    closer=0,
    e=90,
    i=200,
    m=100,
    m2=50,
    loss=-5,
    eb=400,
    ib=10,
    mb=5,
    ib2=60,
    mb2=30,
    amount=1_000,
    rate=5_000,
    charged=1,
)
"""An account with equity 90 of a margin of 100, half of which is closed, and a buyer with 400."""


@theorem(
    "D7-self-liquidation",
    rules=("LIQ-3", "LIQ-4", "TRD-7"),
    claim="Whoever liquidates its own account through a second one never raises the sum of max(equity, 0) "
    "over both.",
    stage="waterfall",
    witness=(
        DEALS,
        DEALS | dict(trigger=1, closer=1, m2=0, loss=9, eb=40, ib=100, mb=50, ib2=0, mb2=0),
        DEALS | dict(e=10, m2=0, loss=100, eb=0, ib2=0, mb2=0, charged=0),  # off the mark: refused
    ),
    mutant=(
        Replace(
            "keeps_ratio",
            "equity_after * before.maintenance >= before.equity * maintenance_after",
            "equity_after <= equity_after",
            name="any price will do",
        ),
        Replace(
            "is_admitted",
            "return counted.maintenance == 0 and counted.equity >= 0",
            "return True",
            name="the buyer is not asked",
        ),
    ),
)
def owner_gains_nothing_by_liquidating_itself(
    closer: int,
    e: Quanta,
    i: Quanta,
    m: Quanta,
    m2: Quanta,
    loss: Quanta,
    eb: Quanta,
    ib: Quanta,
    mb: Quanta,
    ib2: Quanta,
    mb2: Quanta,
    amount: Quanta,
    rate: Ppm,
    charged: Quanta,
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(m >= 1, theorem="B1-account")
    assume(m2 >= 0, theorem="B1-account")
    assume(m2 <= m, theorem="B2-requirement-monotone")
    assume(mb >= 0, theorem="B1-account")
    assume(mb2 >= 0, theorem="B1-account")
    assume(ib2 >= mb2, theorem="B1-account")
    assume(amount >= 1, guard="EVT-2")
    assume(rate >= 0, policy="POL-7")
    assume(charged >= 0, policy="POL-10")
    assume(eb >= 0, guard="INV-1")  # of the buyer; the account liquidated may even be below zero
    before = Standing(e, i, m)
    if not keeps_ratio(before, e - loss, m2):
        prove((e - loss) * m < e * m2, "a fill is refused only if the ratio would fall")
        return
    penalty = liquidation_penalty(amount, rate, e - loss - equity_to_keep(before, m2))
    after = e - loss - penalty
    buyer_after = eb + loss - charged  # valued at the mark, it gains what the other loses
    admitted = is_admitted(Standing(eb, ib, mb), Standing(buyer_after, ib2, mb2), loss, closer == 1, trigger)
    assume(admitted, guard="TRD-7")
    lemma(after * m >= e * m2, "the ratio does not fall")
    lemma(eb * mb2 >= 0, "the buyer's equity before is not negative")
    prove(buyer_after >= 0, "the buyer ends at 0 or above")
    lemma(implies(after < 0, e * m2 < 0), "who ends below zero")
    lemma(implies(after < 0, e < 0), "was below zero before")
    lemma(implies(e < 0, e * m2 >= e * m), "of a margin that does not rise")
    lemma(implies(after < 0, after >= e), "and has not fallen further")

    prove(
        max(after, 0) + max(buyer_after, 0) <= max(e, 0) + max(eb, 0),
        "the owner's equity, its liability limited, does not rise",
    )


# On a venue


def world(
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    wallet_b: Quanta,
    mark: Ticks,
    debt: Quanta,
    terms: Liquidation,
    trigger: str,
) -> Venue:
    """An account with a position and orders, a flat one of the same owner, and a bystander of another."""
    accounts = {
        "a": holder(wallet, size, cost, (9, 9)),
        "b": holder(wallet_b),
        "bystander": holder(7, owner="another"),
    }
    rules = policy({MARKET: market(liquidation=terms)}, fee_taker=500, trigger=trigger)
    return venue(rules, accounts, mark, pools={CROSS: Pool(0, 0, debt), MARKET: Pool()})


FILL = dict(
    side=0, wallet=0, size=20, cost=1_910, wallet_b=1_000, mark=100, debt=1, rate=50_000, lots=5, price=99
)
"""20 lots at 100 with equity 90 of a margin of 100, of which 5 are filled at 99."""


@theorem(
    "D1-only-liquidatable",
    rules=("LIQ-1", "MAR-9"),
    claim="Nobody is filled who is not liquidatable on this snapshot: that is the first refusal.",
    structural_bound="3 accounts, of which 2 are named",
    stage="waterfall",
    contracts=(maintenance_is_not_negative,),
    witness=(
        dict(trigger=0, wallet=91, size=20, cost=1_910, mark=100, wallet_b=50, lots=5, price=100),
        dict(trigger=1, wallet=10, size=20, cost=1_910, mark=100, wallet_b=50, lots=5, price=100),
    ),
    mutant=(
        Replace(
            "refuse_carried",
            "equity_now, maintenance, venue.policy.trigger",
            "equity_now, maintenance + 1, venue.policy.trigger",
            name="a quantum above the margin",
        ),
        Replace(
            "refuse_carried",
            "venue.policy.trigger):",
            '"at_or_below"):',
            name="at the margin, whatever the trigger",
        ),
    ),
)
def only_liquidatable_accounts_are_filled(
    wallet: Quanta, size: Lots, cost: Quanta, mark: Ticks, wallet_b: Quanta, lots: Lots, price: Ticks
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(size != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    before = world(wallet, size, cost, wallet_b, mark, 0, LIQUIDATION, trigger)
    account = before.accounts["a"]

    refusal = refuse_carried(before, "a")

    if is_liquidatable(equity(before, account), margin_maintenance(before, account), trigger):
        prove(refusal is None, "a liquidatable account may be filled")
    else:
        filled = liquidation_fill(before, LiquidationFill(0, "a", "b", MARKET, lots, price))
        prove(refusal is not None, "nobody else may")
        prove(filled.refusal is not None and filled.refusal.rule == "LIQ-1", "it is the first refusal")
        prove(filled.venue is before, "and changes nothing")


@theorem(
    "D2-closable",
    rules=("LIQ-2",),
    claim="Whatever the size rule, one fill may close at least one lot and at most all of the position, so "
    "that |size| shrinks and never flips.",
    structural_bound="1 market; 2 tiers; `restore` on 1 tier is D4-restored, on lines D4-lines",
    stage="waterfall",
    witness=tuple(
        dict(
            rule=rule,
            side=side,
            lots=7,
            mark=100,
            multiplier=1,
            price=99,
            floor=300,
            fraction=200_000,
            whole_below=500,
        )
        for rule in range(3)
        for side in range(2)
    ),
    mutant=(
        Replace(
            "closable_lots",
            "if rules.size == FULL:\n        return lots",
            "if rules.size == FULL:\n        return lots + 1",
            name="one lot too many",
        ),
        Replace("tier_step_lots", "lots - floor_div", "1 + lots - floor_div", name="a tier step too far"),
        Replace("fraction_lots", "ceil_div(lots", "floor_div(lots", name="a floor for a ceil"),
    ),
)
def one_fill_closes_one_lot_to_all(
    lots: Lots, mark: Ticks, multiplier: int, price: Ticks, floor: Quanta, fraction: Ppm, whole_below: Quanta
) -> None:
    rule = choice("rule", FULL, FRACTION, TIER_STEP)
    side = choice("side", 1, -1)
    assume(lots >= 1, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(floor >= 1, policy="POL-2")
    assume(1 <= fraction, policy="POL-21")
    assume(fraction <= PPM, policy="POL-21")
    lemma(mark * multiplier >= 1, "a lot has a notional")
    lemma(lots * (mark * multiplier) >= 1, "and so has a position")
    schedule = Schedule(BRACKET, (Tier(0, 50_000), Tier(floor, 10_000)))
    rules = Liquidation(rule, 0, 100_000, fraction=fraction, whole_below=whole_below)
    account = holder(0, side * lots, 0)
    terms = policy({MARKET: market(multiplier, maintenance=schedule, liquidation=rules)})

    closable = closable_lots(venue(terms, {"a": account}, mark), account, MARKET, price)

    prove((1 <= closable) & (closable <= lots), "at least one lot and at most all")
    prove(implies(rule == FULL, closable == lots), "all of it, if the rule says so")


@theorem(
    "D3-fill",
    rules=("LIQ-1", "LIQ-2", "LIQ-3", "LIQ-4", "LIQ-5", "LIQ-6", "FND-1", "PST-1"),
    claim="A fill closes exactly the lots named; equity/MM does not fall, the shortfall does not grow; its "
    "penalty comes after its losses and repays bad debt before it reaches the fund; nobody else is touched; "
    "an owner who deals with itself gains nothing.",
    structural_bound="3 accounts, of which 2 deal, in 1 market",
    stage="waterfall",
    contracts=(closing_realises_all, requirement_is_at_least_one, requirement_is_monotone),
    witness=(
        FILL,
        FILL | dict(side=1, cost=-2_090, price=101),
        FILL | dict(rate=0, lots=10, price=91),  # at the bankruptcy price: refused
        FILL | dict(rate=0, price=110, wallet_b=0),  # more than the other side can pay: refused
        FILL | dict(wallet=-1, size=2, cost=190, lots=3, price=100),  # more than it holds: refused
    ),
    mutant=(
        Replace(
            "fill_postings",
            "before.equity - loss - equity_to_keep",
            "before.equity - equity_to_keep",
            name="penalty before losses",
        ),
        Replace("liquidation_penalty", "min(requested, affordable)", "requested", name="penalty uncapped"),
        Replace(
            "liquidation_fill",
            "if event.lots > closable:",
            "if event.lots > closable + 1:",
            name="one lot too many",
        ),
        Replace(
            "fill_postings",
            "fund_inflow(venue, account.pool, penalty, FILL)",
            "fund_inflow(venue, account.pool, amount, FILL)",
            name="the fund credited with more than was charged",
        ),
        Replace(
            "liquidation_fill",
            "if not keeps_ratio(before, before.equity - loss, maintenance_after):",
            "if before.equity - loss < 0:",
            name="the bankruptcy price is enough",
        ),
        Replace(
            "liquidation_fill",
            "refusal = refuse_side(venue, post(venue, postings), event.market, counterparty)",
            "refusal = None",
            name="the other side is not asked",
        ),
    ),
)
def fill_does_what_it_says(
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    wallet_b: Quanta,
    mark: Ticks,
    debt: Quanta,
    rate: Ppm,
    lots: Lots,
    price: Ticks,
) -> None:
    side = choice("side", 1, -1)
    assume(size >= 1, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume(lots >= 1, guard="EVT-2")
    assume(price >= 1, guard="EVT-2")
    assume(rate >= 0, policy="POL-7")
    assume(debt >= 0, guard="FND-1")
    before = world(wallet, side * size, cost, wallet_b, mark, debt, Liquidation(FULL, rate, 100_000), BELOW)
    a, b = before.accounts["a"], before.accounts["b"]
    e, m = equity(before, a), margin_maintenance(before, a)
    eb = equity(before, b)
    assume(e >= 0, guard="INV-1")
    assume(eb >= 0, guard="INV-1")
    if lots <= size:
        lemma((size - lots) * mark <= size * mark, "the notional falls with the lots")

    outcome = liquidation_fill(before, LiquidationFill(0, "a", "b", MARKET, lots, price))

    if outcome.refusal is not None:
        prove(outcome.venue is before, "a refused fill changes nothing")
        return
    after = outcome.venue
    filled, buyer = after.accounts["a"], after.accounts["b"]
    e2, m2 = equity(after, filled), margin_maintenance(after, filled)
    eb2 = equity(after, buyer)
    penalty = after.pools[CROSS].fund - (after.pools[CROSS].bad_debt - debt)
    charged = after.pools[CROSS].fee_pool
    loss = side * lots * (mark - price)
    left = filled.positions.get(MARKET, Position(0, 0)).size
    prove(left == side * (size - lots), "the lots named leave it")
    prove((1 <= lots) & (lots <= size), "at least one, and no more than it holds")
    prove(e2 == e - loss - penalty, "it bears the loss against the mark and the penalty, and no fee")
    prove(eb2 == eb + loss - charged, "the other side gains that loss and pays the fee of a taker")
    to_debt = debt - after.pools[CROSS].bad_debt
    prove((penalty >= 0) & (penalty <= max(e - loss, 0)), "losses come before the penalty")
    prove((0 <= to_debt) & (to_debt <= debt), "it repays bad debt")
    prove(implies(after.pools[CROSS].fund > 0, to_debt == debt), "before the fund keeps any of it")
    prove(e2 * m >= e * m2, "the ratio does not fall")
    prove(m2 <= m, "nor does the margin rise")
    lemma((m2 - e2) * m <= m2 * (m - e), "the shortfall after, scaled by the margin before")
    lemma(m2 * (m - e) <= m * (m - e), "the margin does not rise")
    prove(m2 - e2 <= m - e, "the shortfall does not grow")
    prove(e2 >= 0, "equity stays at 0 or above")
    prove(filled.orders == {}, "its orders are gone")
    prove(after.accounts["bystander"] is before.accounts["bystander"], "who is not posted to is unchanged")
    prove(books_gap(after) == books_gap(before), "the books balance as before")
    prove(lots_gap(after, MARKET) == lots_gap(before, MARKET), "so do the lots")
    prove(
        max(e2, 0) + max(eb2, 0) <= max(e, 0) + max(eb, 0),
        "the owner of both has gained nothing",
    )
