"""E7. Coalition: what several accounts of one plan can take out of a venue is bounded by the deficits they
leave.

While moves stay within what margin covers, nobody is charged for anybody's default. Beyond, each quantum that
a bankrupt account is relieved of is a draw on the fund, forgone by who was deleveraged, a share of a payer,
or bad debt: there is no other source.
"""

from proofs.lemmas.contracts import (
    requirement_is_at_least_one,
    requirement_takes_rate,
)
from proofs.lemmas.resolution import RESOLVES
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.events import Prices, Withdraw
from refmodel.margin import margin_maintenance, notional, requirement
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks
from refmodel.policy import (
    ADL_STAGE,
    BRACKET,
    FUND_RESIDUE_STAGE,
    HOLDERS_STAGE,
    PAYERS_STAGE,
    Schedule,
    Tier,
)
from refmodel.postings import BAD_DEBT, CUSTODY, FUND, OPEN_COST, WALLET, Place, lots_of, move, post
from refmodel.resolution import bankrupt_accounts, closings_of, resolve
from refmodel.state import CROSS, HOUSE, Pool, backstop_of, equity, position_value
from refmodel.venue import apply


@theorem(
    "E7-within-the-gap",
    rules=("POL-9", "RES-1", "INV-1", "PRC-1"),
    stage="waterfall",
    claim="While each account has its maintenance margin before the marks move, and a move costs no "
    "position more than its margin, nobody is charged for anybody's default: no fund pays, nobody is "
    "closed, no debt is left.",
    structural_bound="2 accounts that hold the market against each other; each is asked by itself",
    contracts=(requirement_is_at_least_one,),
    witness=(
        dict(wallet=150, wallet_2=600, lots=2, cost=2_000, mark=1_000, after=990, fund=5),
        dict(wallet=100, wallet_2=600, lots=2, cost=2_000, mark=1_000, after=950, fund=5),
    ),
    mutant=Replace(
        "bankrupt_accounts", "if equity_now < 0", "if equity_now < 1", name="nothing is a deficit"
    ),
)
def no_default_is_charged_within_the_gap(
    wallet: Quanta, wallet_2: Quanta, lots: Lots, cost: Quanta, mark: Ticks, after: Ticks, fund: Quanta
) -> None:
    assume(lots >= 1, guard="PST-1")
    assume((mark >= 1) & (after >= 1), guard="PRC-1")
    accounts = {
        "a": holder(wallet, lots, cost),
        "b": holder(wallet_2, -lots, -cost),
        backstop_of(CROSS): holder(0, owner=HOUSE),
    }
    before = venue(policy({MARKET: market()}), accounts, mark, pools={CROSS: Pool(fund), MARKET: Pool()})
    assume(after <= before.policy.markets[MARKET].price_max, guard="PRC-2")
    for name in ("a", "b"):
        account = accounts[name]
        margin = margin_maintenance(before, account)
        assume(
            equity(before, account) >= margin, guard="MAR-9"
        )  # who has less is closed before the next move
        size = account.positions[MARKET].size
        assume(
            position_value(size, mark, 1) - position_value(size, after, 1) <= margin, theorem="C2-position"
        )

    outcome = apply(before, Prices(0, {MARKET: after}))

    prove(outcome.refusal is None, "the price is accepted")
    prove(len(outcome.postings) == 2, "clock and mark are all that is posted")
    prove(outcome.venue.pools is before.pools, "no fund pays and no debt is left")
    for name, account in accounts.items():
        prove(outcome.venue.accounts[name] is account, "nobody is closed, nobody pays")


@theorem(
    "E7-deficit",
    rules=("POL-9", "MAR-5", "ACC-1"),
    stage="waterfall",
    claim="The deficit that a move leaves is at most the excess of the move over the maintenance rate, of "
    "the notional before it.",
    structural_bound="1 position; several add up, as margins and losses do",
    contracts=(requirement_takes_rate,),
    witness=dict(wallet=0, size=-3, cost=-3_240, mark=1_000, after=1_090, move=90_000, rate=50_000),
    mutant=Replace(
        "position_value", "size * mark * multiplier", "2 * size * mark * multiplier", name="twice the value"
    ),
)
def deficits_are_the_excess_over_the_margin(
    wallet: Quanta, size: Lots, cost: Quanta, mark: Ticks, after: Ticks, move: Ppm, rate: Ppm
) -> None:
    assume(size != 0, guard="PST-1")
    assume((mark >= 1) & (after >= 1), guard="PRC-1")
    assume(rate >= 1, policy="POL-3")
    assume(abs(after - mark) * PPM <= move * mark, guard="GAP-4")  # the move, whatever it is
    lots = abs(size)
    margin = requirement(Schedule(BRACKET, (Tier(0, rate),)), lots, notional(lots, mark, 1))
    before = wallet + position_value(size, mark, 1) - cost
    assume(before >= margin, guard="MAR-9")  # who has less is closed before the next move
    lemma(abs(after - mark) * PPM * lots <= move * mark * lots, "every lot moves")

    deficit = -(wallet + position_value(size, after, 1) - cost)

    prove(deficit * PPM <= (move - rate) * notional(lots, mark, 1), "what the margin does not cover")


@theorem(
    "E7-charge",
    rules=("INV-1", "RES-3", "INS-4", "ADL-7", "LOS-1", "LOS-6"),
    stage="waterfall",
    claim="What a resolution charges the fund and everybody who was not bankrupt, and what it leaves as bad "
    "debt, is in sum exactly the deficits that the bankrupt accounts had: no quantum more, none less.",
    structural_bound="2 accounts that hold the market against each other, a saver, and the backstop",
    contracts=RESOLVES,
    witness=(
        dict(stages=0, wallet=5, wallet_2=600, lots=2, cost=20, mark=5, fund=3, debt=1),
        dict(stages=1, wallet=5, wallet_2=600, lots=2, cost=20, mark=5, fund=3, debt=1),
    ),
    mutant=(
        Replace("money_stage", "loss -= by_fund", "loss = 0", name="residue vanishes"),
        Replace(
            "taking_postings",
            "value_at_mark(venue, closing.market, lots) + gap",
            "value_at_mark(venue, closing.market, lots) + 2 * gap",
            name="twice the gap",
        ),
    ),
)
def charges_are_the_deficits(
    wallet: Quanta, wallet_2: Quanta, lots: Lots, cost: Quanta, mark: Ticks, fund: Quanta, debt: Quanta
) -> None:
    stages = choice("stages", (ADL_STAGE, FUND_RESIDUE_STAGE), (HOLDERS_STAGE, PAYERS_STAGE))
    assume(lots >= 1, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume((fund >= 0) & (debt >= 0), guard="FND-1")
    accounts = {
        "a": holder(wallet, lots, cost),
        "b": holder(wallet_2, -lots, -cost),
        "saver": holder(7, owner="another"),
        backstop_of(CROSS): holder(0, owner=HOUSE),
    }
    pools = {CROSS: Pool(fund, 0, debt), MARKET: Pool()}
    snapshot = venue(policy({MARKET: market()}, stages=stages, draw_limit=100), accounts, mark, pools=pools)
    assume(equity(snapshot, accounts["b"]) >= 0, guard="INV-1")  # of both sides bankrupt: INV-1-fund
    found = bankrupt_accounts(snapshot)
    for each in found:
        for closing in closings_of(snapshot, each):
            lemma(closing.gap == each.deficit, "one position carries all of it")

    after = resolve(snapshot).venue

    pool = after.pools[CROSS]
    by_fund = fund - pool.fund
    by_rest = sum(
        equity(snapshot, account) - equity(after, after.accounts[name])
        for name, account in accounts.items()
        if name != "a"
    )
    left = pool.bad_debt - debt
    deficits = sum(each.deficit for each in found)
    prove(by_fund + by_rest + left == deficits, "the charges are the deficits")
    prove(
        (by_rest >= 0) & (by_rest <= deficits + 1), "the rest pays no more, but for less than a quantum each"
    )
    prove(pool.drawn <= 100, "each draw is within its limit")


PLACES = (
    Place(WALLET, "coalition"),
    Place(OPEN_COST, "coalition", MARKET),
    Place(WALLET, "rest"),
    Place(FUND, CROSS),
    Place(BAD_DEBT, CROSS),
    Place(CUSTODY),
)


@theorem(
    "E7-identity",
    rules=("PST-1", "PST-2", "ACC-2"),
    stage="waterfall",
    claim="What a coalition takes out, less what it puts in, is what it loses at mark itself, what the rest "
    "loses at mark, and what funds, fee pools and bad debt pay: whatever is posted, and whatever the price "
    "does.",
    structural_bound="1 account for the coalition and 1 for the rest, any two places; a transition is many "
    "of these",
    witness=dict(payer=0, payee=5, amount=7, lots=3, size=5, cost=9, mark=10, after=12, debt=4, fund=8),
    mutant=(
        Replace("_post_account", "position.cost - amount", "position.cost", name="open cost forgotten"),
        Replace("_post_pool", "pool.bad_debt - amount", "pool.bad_debt", name="debt that nobody owes"),
        Replace("equity", "total += value - position.cost", "total += value", name="a price paid to nobody"),
    ),
)
def what_goes_out_comes_from_somewhere(
    amount: Quanta,
    lots: Lots,
    size: Lots,
    cost: Quanta,
    mark: Ticks,
    after: Ticks,
    debt: Quanta,
    fund: Quanta,
) -> None:
    assume((size != 0) & (size != lots), guard="PST-1")
    payer, payee = choice("payer", *PLACES), choice("payee", *PLACES)
    accounts = {"coalition": holder(50, size, cost), "rest": holder(60, -size, 3)}
    pools = {CROSS: Pool(fund, 5, debt), MARKET: Pool()}
    before = venue(policy({MARKET: market()}), accounts, mark, custody=900, pools=pools)

    handed_over = move("E7", lots_of("coalition", MARKET), lots_of("rest", MARKET), lots)
    posted = post(before, (*handed_over, *move("E7", payer, payee, amount)))
    ends = venue(
        before.policy, dict(posted.accounts), after, custody=posted.custody, pools=dict(posted.pools)
    )

    fall = {
        name: equity(before, before.accounts[name]) - equity(ends, ends.accounts[name]) for name in accounts
    }
    was, now = before.pools[CROSS], ends.pools[CROSS]
    of_pools = was.fund - now.fund + was.fee_pool - now.fee_pool + now.bad_debt - was.bad_debt
    taken_out = (
        before.custody - ends.custody
    )  # by the coalition, the rest and the house, less what they put in
    prove(taken_out == fall["coalition"] + fall["rest"] + of_pools, "what goes out comes from somewhere")
    if payer.kind == CUSTODY and payee.holder == "coalition":
        prove(taken_out == -amount, "what the coalition puts in counts against it")


@theorem(
    "E7-two-keys",
    rules=("PRC-1", "INV-1", "WDR-2", "WDR-3", "LOS-1", "LOS-6"),
    stage="waterfall",
    claim="Two accounts of one plan, against each other: one goes bankrupt, the other withdraws. They take "
    "out at most what they put in and the deficit, and each quantum of it is a draw on the fund or bad debt.",
    structural_bound="2 accounts of the coalition, a saver, and the backstop",
    contracts=RESOLVES,
    witness=dict(
        paid_in=100, paid_in_2=100, lots=100, mark=100, after=97, fund=50, amount=250, custody=9_000
    ),
    mutant=(
        Replace("money_stage", "loss -= by_fund", "loss = 0", name="residue vanishes"),
        Replace(
            "taking_postings",
            "value_at_mark(venue, closing.market, lots) + gap",
            "value_at_mark(venue, closing.market, lots) - 200",
            name="closed better than at mark",
        ),
    ),
)
def two_keys_take_out_at_most_the_deficit(
    paid_in: Quanta,
    paid_in_2: Quanta,
    lots: Lots,
    mark: Ticks,
    after: Ticks,
    fund: Quanta,
    amount: Quanta,
    custody: Quanta,
) -> None:
    assume(lots >= 1, guard="PST-1")
    assume((mark >= 1) & (after >= 1), guard="PRC-1")
    assume((paid_in >= 0) & (paid_in_2 >= 0), guard="INV-1")
    assume(fund >= 0, guard="FND-1")
    accounts = {
        "key": holder(paid_in, lots, lots * mark),
        "other key": holder(paid_in_2, -lots, -lots * mark),
        "saver": holder(700, owner="another"),
        backstop_of(CROSS): holder(0, owner=HOUSE),
    }
    terms = policy(
        {MARKET: market()}, stages=(FUND_RESIDUE_STAGE,), draw_limit=60, bad_debt_gate="up_to_custody"
    )
    pools = {CROSS: Pool(fund), MARKET: Pool()}
    before = venue(terms, accounts, mark, custody=custody, pools=pools)
    assume(after < mark, guard="GAP-4")  # the long key fails: of the other side, exchange the two

    moved = apply(before, Prices(0, {MARKET: after}))
    paid_out = apply(moved.venue, Withdraw(0, "other key", amount))

    if moved.refusal is None and paid_out.refusal is None:
        deficit = max(lots * (mark - after) - paid_in, 0)
        pool = paid_out.venue.pools[CROSS]
        prove(amount <= paid_in + paid_in_2 + deficit, "at most what was put in, and the deficit")
        prove(deficit == fund - pool.fund + pool.bad_debt, "which the fund pays, or nobody")
        prove(fund - pool.fund <= 60, "a fund pays no more than its limit")
        prove(paid_out.venue.accounts["saver"] is accounts["saver"], "savers pay nothing")
