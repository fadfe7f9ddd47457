"""E5, E6 and E8. Loss: who pays what a bankrupt account leaves behind, how much at most, and that what nobody
pays stands as bad debt until it is paid.

The theorems run the law's own money stage. What one payer pays of a loss is A8; here it is asked what the
payment does to the payer, to the bankrupt accounts, and to everybody else.
"""

from proofs.contracts import establish
from proofs.lemmas.resolution import share_is_within_the_weight
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import Step
from refmodel.events import Deposit, FundDeposit
from refmodel.insurance import fund_inflow
from refmodel.loss import (
    Amount,
    Payer,
    Residue,
    matched,
    money_stage,
    payers_of,
    profit_places,
    share_of_loss,
    shares_of_loss,
    weight_of,
)
from refmodel.numbers import Lots, Quanta, Ticks
from refmodel.policy import EQUITY, PAYERS, PROFIT
from refmodel.postings import (
    OPEN_COST,
    books_gap,
    move,
    post,
    sums_to_zero,
    wallet_of,
)
from refmodel.stages import STAGES_IN_ORDER
from refmodel.state import CROSS, Account, Pool, Position, Venue, equity
from refmodel.venue import apply

SECOND = "N"


@theorem(
    "E5-share",
    rules=("LOS-4",),
    stage="waterfall",
    claim="What a payer pays covers its proportion of the loss, by less than a quantum more, and never "
    "exceeds its weight.",
    witness=dict(loss=7, weight=3, total=10),
    mutant=(
        Replace("share_of_loss", "ceil_div(loss", "1 + ceil_div(loss", name="a quantum more than the weight"),
        Replace("share_of_loss", "ceil_div(loss", "floor_div(loss", name="a floor for a ceil"),
    ),
)
def shares_cover_their_proportion(loss: Quanta, weight: Quanta, total: Quanta) -> None:
    lemma(
        implies((loss <= total) & (weight >= 0), loss * weight <= total * weight), "a loss within the weights"
    )
    establish(share_is_within_the_weight, loss, weight, total)


def two_markets(wallet: Quanta, size: Lots, cost: Quanta, size_2: Lots, cost_2: Quanta) -> Account:
    """An account with a position in each of two markets."""
    positions = {MARKET: Position(size, cost), SECOND: Position(size_2, cost_2)}
    return Account("owner", CROSS, wallet, positions, {})


def at_marks(account: Account, mark: Ticks, mark_2: Ticks) -> Venue:
    """A venue of two markets with this account, and one that is flat and owes something."""
    terms = policy({MARKET: market(), SECOND: market()})
    accounts = {"a": account, "bankrupt": holder(0)}
    pools = {CROSS: Pool(), MARKET: Pool(), SECOND: Pool()}
    return Venue(terms, 0, {MARKET: mark, SECOND: mark_2}, accounts, pools, 0)


@theorem(
    "E5-weight",
    rules=("LOS-3", "LOS-5"),
    stage="waterfall",
    claim="A payer can be asked for its profit, within its equity; its share comes out of the open cost of "
    "its positions in profit, none beyond its profit; wallet and principal stay; and what has paid once has "
    "no weight any more.",
    structural_bound="2 markets; each further one adds its own profit",
    witness=(
        dict(wallet=50, size=3, cost=20, size_2=-2, cost_2=-30, mark=10, mark_2=9, share=12),
        dict(wallet=-5, size=3, cost=20, size_2=2, cost_2=30, mark=10, mark_2=9, share=0),
    ),
    mutant=(
        Replace(
            "weight_of", "max(min(profit, equity_now), 0)", "max(profit, 0)", name="more than its equity"
        ),
        Replace(
            "profit_places",
            "Amount(open_cost_of(payer.account, market), taken)",
            "Amount(wallet_of(payer.account), taken)",
            name="share taken from the wallet",
        ),
        Replace(
            "profit_places",
            "min(max(profit_of(venue, account, market), 0), left)",
            "left",
            name="all from the first market",
        ),
    ),
)
def payers_pay_out_of_profit(
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    size_2: Lots,
    cost_2: Quanta,
    mark: Ticks,
    mark_2: Ticks,
    share: Quanta,
) -> None:
    assume(size != 0, guard="PST-1")
    assume(size_2 != 0, guard="PST-1")
    account = two_markets(wallet, size, cost, size_2, cost_2)
    before = at_marks(account, mark, mark_2)
    weight = weight_of(before, account)
    assume((0 <= share) & (share <= weight), theorem="E5-share")
    profits = {MARKET: size * mark - cost, SECOND: size_2 * mark_2 - cost_2}

    places = list(profit_places(before, Payer("a", share)))
    postings = [
        part for each in places for part in move("LOS-5", each.place, wallet_of("bankrupt"), each.quanta)
    ]
    after = post(before, tuple(postings))

    prove(0 <= weight, "nobody is asked for less than nothing")
    prove(implies(weight > 0, weight <= equity(before, account)), "nobody is asked for more than its equity")
    prove(implies(weight > 0, weight <= profits[MARKET] + profits[SECOND]), "nor for more than its profit")
    for each in places:
        prove(each.place.kind == OPEN_COST, "a share comes out of open cost")
        prove(each.quanta <= profits[each.place.market], "of a position, at most its profit")
    prove(sum(each.quanta for each in places) == share, "the whole share is found")
    left = after.accounts["a"]
    prove(left.wallet == wallet, "the wallet is untouched")
    prove(equity(after, left) == equity(before, account) - share, "equity falls by the share")
    prove(implies(share > 0, equity(after, left) >= 0), "and is never below zero")
    prove(weight_of(after, left) == weight - share, "the same profit never pays twice")


@theorem(
    "E8-flat-accounts",
    rules=("LOS-3", "LOS-1"),
    stage="waterfall",
    claim="An account without a position pays nothing for anybody, unless the policy names equity as what "
    "weighs, and then at most its equity; a bankrupt account never pays.",
    structural_bound="4 accounts; each is asked by itself",
    witness=(
        dict(payers=0, wallet=50, wallet_2=5, size=3, cost=20, mark=10, owed=9),
        dict(payers=1, wallet=50, wallet_2=5, size=3, cost=20, mark=10, owed=9),
    ),
    mutant=(
        Replace("weight_of", "if venue.policy.payers == EQUITY", "if equity_now > 9", name="savers pay"),
        Replace("payers_of", "and name not in excluded", "", name="the bankrupt pays for itself"),
        Replace("payers_of", "account.pool == pool and ", "", name="another pool pays"),
    ),
)
def flat_accounts_pay_nothing(
    wallet: Quanta, wallet_2: Quanta, size: Lots, cost: Quanta, mark: Ticks, owed: Quanta
) -> None:
    payers = choice("payers", *PAYERS)
    assume(size != 0, guard="PST-1")
    accounts = {
        "flat": holder(wallet),
        "holder": holder(wallet_2, size, cost),
        "elsewhere": holder(wallet_2, size, cost, pool=MARKET),
        "was bankrupt": holder(owed),
    }
    before = venue(policy({MARKET: market()}, payers=payers), accounts, mark)

    found = {payer.account: payer.weight for payer in payers_of(before, CROSS, ("was bankrupt",))}

    prove("was bankrupt" not in found, "nobody pays its own deficit, or another's on the way down")
    prove("elsewhere" not in found, "no other pool pays")
    if payers == PROFIT:
        prove("flat" not in found, "who holds nothing pays nothing")
    if "flat" in found:
        prove(found["flat"] == wallet, "its share is in proportion to what it has")
    for name, weight in found.items():
        prove((1 <= weight) & (weight <= equity(before, accounts[name])), "at most what it has")


@theorem(
    "E5-shares",
    rules=("LOS-5", "LOS-4"),
    stage="waterfall",
    claim="Shares are within their weights and cover the loss; a loss smaller than the number of payers is "
    "taken to the quantum, the largest weight first; a larger one takes less than a quantum more of each.",
    structural_bound="3 payers; any number by A8-loss-is-covered and E3-queue",
    contracts=(share_is_within_the_weight,),
    witness=(dict(loss=2, w_0=1, w_1=5, w_2=1), dict(loss=6, w_0=1, w_1=5, w_2=1)),
    mutant=(
        Replace("shares_of_loss", "if loss < len(payers)", "if loss < 0", name="small losses rounded up"),
        Replace("shares_of_loss", "left -= share", "left -= share - 1", name="the queue takes too much"),
        Replace("in_weight_order", "-payer.weight", "payer.weight", name="the smallest weight first"),
    ),
)
def shares_cover_the_loss(loss: Quanta, w_0: Quanta, w_1: Quanta, w_2: Quanta) -> None:
    weights = {"a": w_0, "b": w_1, "c": w_2}
    for weight in weights.values():
        assume(weight >= 1, guard="LOS-3")
    total = w_0 + w_1 + w_2
    assume(loss >= 0, guard="LOS-1")
    assume(loss <= total, guard="LOS-1")

    shares = {
        share.account: share.weight
        for share in shares_of_loss(loss, [Payer(*each) for each in weights.items()])
    }

    paid = sum(shares.values())
    for name, share in shares.items():
        prove((0 <= share) & (share <= weights[name]), "nobody pays more than its weight")
    if loss < 3:
        prove(paid == loss, "a small loss is taken to the quantum")
        prove(implies((w_0 > w_1) & (shares["b"] > 0), shares["a"] == w_0), "the largest weight first")
        prove(implies((w_1 > w_0) & (shares["a"] > 0), shares["b"] == w_1), "whoever it is")
    else:
        lemma(paid * total >= loss * total, "the proportions together are the loss")
        prove(paid >= loss, "the loss is covered")
        prove(paid < loss + 3, "by less than a quantum more of each")


@theorem(
    "E5-matched",
    rules=("LOS-1", "LOS-6", "PST-1"),
    stage="waterfall",
    claim="What payers give goes to what is due, both in their order: the postings are balanced, nobody "
    "gives more than it has, nothing receives more than is due, and one of the two sides is used up.",
    structural_bound="2 payers and 2 amounts due; each further one is one round more of the same loop",
    witness=(dict(p_0=3, p_1=4, d_0=5, d_1=9), dict(p_0=30, p_1=4, d_0=5, d_1=0)),
    mutant=(
        Replace(
            "matched",
            "rest = Amount(owing[0].place, owing[0].quanta - paid, owing[0].rule)",
            "rest = Amount(owing[0].place, 0)",
            name="residue vanishes",
        ),
        Replace("matched", "left -= paid", "left -= 1", name="more than it has"),
    ),
)
def payments_match_what_is_due(p_0: Quanta, p_1: Quanta, d_0: Quanta, d_1: Quanta) -> None:
    for amount in (p_0, p_1, d_0, d_1):
        assume(amount >= 0, guard="LOS-1")
    payers = [Amount(wallet_of("p0"), p_0), Amount(wallet_of("p1"), p_1)]
    due = [Amount(wallet_of("d0"), d_0), Amount(wallet_of("d1"), d_1)]

    postings, owing = matched("LOS-1", STAGES_IN_ORDER[0], payers, due)

    change = dict.fromkeys(("p0", "p1", "d0", "d1"), 0)
    for posting in postings:
        change[posting.place.holder] += posting.amount  # type: ignore[union-attr]
    still = {amount.place.holder: amount.quanta for amount in owing}
    prove(sums_to_zero(postings), "what one side gives, the other receives")
    prove((0 <= -change["p0"]) & (-change["p0"] <= p_0), "the first gives at most what it has")
    prove((0 <= -change["p1"]) & (-change["p1"] <= p_1), "so does the second")
    prove(change["d0"] + still.get("d0", 0) == d_0, "what is due is received, or is still due")
    prove(change["d1"] + still.get("d1", 0) == d_1, "in every place")
    given, received = p_0 + p_1, d_0 + d_1
    prove(change["d0"] + change["d1"] == (given if given < received else received), "one side is used up")
    prove(implies(change["d1"] > 0, change["d0"] == d_0), "in the order in which it is due")


def after_bankruptcies(
    owed: tuple[Quanta, ...],
    profits: tuple[Quanta, ...],
    wallet: Quanta,
    pool: Pool,
    limit: Quanta,
    payers: str = PROFIT,
) -> Venue:
    """Flat accounts that owe something, holders of one lot at a mark of 1 with a profit, and a saver."""
    accounts = {f"b{index}": holder(-each) for index, each in enumerate(owed)}
    for index, profit in enumerate(profits):
        accounts[f"p{index}"] = holder(wallet, 1, 1 - profit)
    accounts["saver"] = holder(1_000)
    terms = policy({MARKET: market()}, payers=payers, draw_limit=limit)
    return venue(terms, accounts, 1, pools={CROSS: pool, MARKET: Pool(7, 7, 7)})


@theorem(
    "E5-money-stage",
    rules=("LOS-1", "LOS-2", "LOS-3", "LOS-5", "LOS-6", "FND-1"),
    stage="waterfall",
    claim="A bankrupt account ends with exactly nothing. The fund pays first, as far as it may; then the "
    "payers, none below zero and none out of its wallet; and exactly what nobody paid stands as bad debt.",
    structural_bound="1 bankrupt account and 2 payers; 2 bankrupt accounts in E5-separation, any number of "
    "payments by E5-matched, of payers by E5-shares",
    contracts=(share_is_within_the_weight,),
    witness=(
        dict(owed=50, profit_0=20, profit_1=10, wallet=5, fund=10, debt=0, limit=8),
        dict(owed=50, profit_0=200, profit_1=-10, wallet=500, fund=0, debt=3, limit=8),
        dict(owed=1, profit_0=200, profit_1=10, wallet=500, fund=0, debt=3, limit=8),
    ),
    mutant=(
        Replace("money_stage", "loss -= by_payers", "loss = 0", name="residue vanishes"),
        Replace(
            "profit_places",
            "Amount(open_cost_of(payer.account, market), taken)",
            "Amount(wallet_of(payer.account), taken)",
            name="share taken from the wallet",
        ),
        Replace(
            "money_stage", "min(loss, draw_room(venue, pool))", "loss", name="the fund pays what it has not"
        ),
        Replace(
            "money_stage",
            "bad_debt_of(pool), loss)",
            "bad_debt_of(pool), loss - 1)",
            name="a quantum forgiven",
        ),
    ),
)
def bankrupt_accounts_end_with_nothing(
    owed: Quanta,
    profit_0: Quanta,
    profit_1: Quanta,
    wallet: Quanta,
    fund: Quanta,
    debt: Quanta,
    limit: Quanta,
) -> None:
    assume(owed >= 0, guard="RES-1")
    assume((fund >= 0) & (debt >= 0), guard="FND-1")
    assume(limit >= 1, policy="POL-20")
    pool_before = Pool(fund, 0, debt)
    before = after_bankruptcies((owed,), (profit_0, profit_1), wallet, pool_before, limit)

    step = money_stage(Step(before, ()), CROSS, [Residue("b0", owed)], frozenset(("b0",)))

    after = step.venue
    prove(sums_to_zero(step.postings), "what is received was paid")
    prove(books_gap(after) == books_gap(before), "the books balance as before")
    prove(after.accounts["b0"].wallet == 0, "who was bankrupt ends with exactly nothing")
    fell = 0
    for name in ("p0", "p1"):
        was, ends = before.accounts[name], after.accounts[name]
        prove(ends.wallet == was.wallet, "no wallet pays")
        prove(implies(equity(before, was) >= 0, equity(after, ends) >= 0), "no payer ends below zero")
        fell += equity(before, was) - equity(after, ends)
    prove(after.accounts["saver"] is before.accounts["saver"], "who holds nothing pays nothing")
    prove(after.pools[MARKET] is before.pools[MARKET], "no other pool pays")
    pool = after.pools[CROSS]
    by_fund = min(owed, fund, limit)
    rest = owed - by_fund
    prove(pool.drawn == by_fund, "the fund pays first, as far as it may")
    prove(fell <= rest + 1, "the payers pay what it left, and less than a quantum each more")
    if fell < rest:
        prove(pool.bad_debt == debt + rest - fell, "exactly what nobody paid is recorded")
        prove(pool.fund == fund - by_fund, "and the fund keeps what it may not pay")
    else:
        prove(pool.bad_debt <= debt, "nothing is recorded when all is paid")
        prove(pool.fund - fund + by_fund + debt - pool.bad_debt == fell - rest, "a surplus is the fund's")


@theorem(
    "E5-separation",
    rules=("LOS-1", "LOS-2", "LOS-5", "LOS-6"),
    stage="waterfall",
    claim="What each pays, and what is left over, depends on the sum of the residues alone, not on the "
    "order of the bankrupt accounts; each of them ends with exactly nothing.",
    structural_bound="2 bankrupt accounts and 1 payer; any number of residues by E5-matched",
    contracts=(share_is_within_the_weight,),
    witness=(
        dict(owed_0=50, owed_1=9, profit=20, wallet=5, fund=10, limit=8),
        dict(owed_0=2, owed_1=1, profit=20, wallet=5, fund=0, limit=8),
    ),
    mutant=(
        Replace(
            "money_stage",
            "loss = sum(residue.owed for residue in residues)",
            "loss = residues[0].owed",
            name="only the first is paid",
        ),
        Replace(
            "money_stage",
            "min(loss, sum(payer.weight for payer in payers))",
            "min(residues[0].owed, sum(payer.weight for payer in payers))",
            name="the order decides",
        ),
    ),
)
def payment_depends_on_the_sum(
    owed_0: Quanta, owed_1: Quanta, profit: Quanta, wallet: Quanta, fund: Quanta, limit: Quanta
) -> None:
    assume((owed_0 >= 1) & (owed_1 >= 1), guard="RES-1")  # a residue of 0 asks for nothing (E5-matched)
    assume(fund >= 0, guard="FND-1")
    assume(limit >= 1, policy="POL-20")
    before = after_bankruptcies((owed_0, owed_1), (profit,), wallet, Pool(fund), limit)
    residues = [Residue("b0", owed_0), Residue("b1", owed_1)]
    bankrupt = frozenset(("b0", "b1"))

    one = money_stage(Step(before, ()), CROSS, residues, bankrupt).venue
    other = money_stage(Step(before, ()), CROSS, residues[::-1], bankrupt).venue

    for name in ("b0", "b1"):
        prove(one.accounts[name].wallet == 0, "every bankrupt account ends with exactly nothing")
        prove(other.accounts[name].wallet == 0, "in either order")
    was, ends = one.pools[CROSS], other.pools[CROSS]
    prove((ends.fund == was.fund) & (ends.drawn == was.drawn), "the fund pays the same")
    prove(ends.bad_debt == was.bad_debt, "the same is left over")
    prove(
        equity(other, other.accounts["p0"]) == equity(one, one.accounts["p0"]), "and the payer pays the same"
    )


@theorem(
    "E5-left-over",
    rules=("LOS-3", "LOS-5", "LOS-6"),
    stage="waterfall",
    claim="What is left over does not depend on who pays: two payers leave what one of their weight leaves.",
    structural_bound="1 bankrupt account, 2 payers against 1",
    contracts=(share_is_within_the_weight,),
    witness=(dict(owed=50, w_0=20, w_1=3), dict(owed=7, w_0=20, w_1=3)),
    mutant=Replace(
        "money_stage",
        "min(loss, sum(payer.weight for payer in payers))",
        "min(loss, payers[0].weight)",
        name="the first alone pays",
    ),
)
def left_over_does_not_depend_on_who_pays(owed: Quanta, w_0: Quanta, w_1: Quanta) -> None:
    assume(owed >= 0, guard="RES-1")
    assume((w_0 >= 1) & (w_1 >= 1), guard="LOS-3")
    wallet = w_0 + w_1  # no equity is below its profit
    of_two = after_bankruptcies((owed,), (w_0, w_1), wallet, Pool(), 1)
    of_one = after_bankruptcies((owed,), (w_0 + w_1,), wallet, Pool(), 1)

    two = money_stage(Step(of_two, ()), CROSS, [Residue("b0", owed)], frozenset(("b0",))).venue
    one = money_stage(Step(of_one, ()), CROSS, [Residue("b0", owed)], frozenset(("b0",))).venue

    left = max(owed - w_0 - w_1, 0)
    prove(two.pools[CROSS].bad_debt == left, "two payers leave what exceeds their weights")
    prove(one.pools[CROSS].bad_debt == left, "so does one")
    prove(two.pools[CROSS].fund <= 1, "rounding leaves less than a quantum of each in the fund")


@theorem(
    "E5-asked-of-each",
    rules=("LOS-2", "LOS-3", "LOS-4", "LOS-5"),
    stage="waterfall",
    claim="Of what the fund leaves each payer pays the share that LOS-4 gives for its weight: what the fund "
    "has paid is asked of nobody again.",
    structural_bound="1 bankrupt account and 2 payers",
    contracts=(share_is_within_the_weight,),
    witness=(dict(owed=50, w_0=20, w_1=30, fund=7), dict(owed=50, w_0=5, w_1=6, fund=7)),
    mutant=(
        Replace("money_stage", "loss -= by_fund", "loss -= 0", name="the fund's payment asked for again"),
        Replace("shares_of_loss", "payer.weight, total))", "total, total))", name="everybody pays all"),
    ),
)
def payers_share_what_the_fund_leaves(owed: Quanta, w_0: Quanta, w_1: Quanta, fund: Quanta) -> None:
    assume((w_0 >= 1) & (w_1 >= 1), guard="LOS-3")
    assume(fund >= 0, guard="FND-1")
    assume(owed >= fund + 2, guard="LOS-5")  # a loss of fewer quanta than payers is E5-shares
    before = after_bankruptcies((owed,), (w_0, w_1), w_0 + w_1, Pool(fund), owed)

    after = money_stage(Step(before, ()), CROSS, [Residue("b0", owed)], frozenset(("b0",))).venue

    asked = min(owed - fund, w_0 + w_1)
    for name, weight in (("p0", w_0), ("p1", w_1)):
        paid = equity(before, before.accounts[name]) - equity(after, after.accounts[name])
        prove(paid == share_of_loss(asked, weight, w_0 + w_1), "each payer pays its share of what is left")


@theorem(
    "E8-equity-pays",
    rules=("LOS-3", "LOS-4", "LOS-5"),
    stage="waterfall",
    claim="Where the policy names equity, an account that holds nothing pays its share out of its wallet, in "
    "proportion to what it has and never more; nobody ends below zero for it.",
    structural_bound="1 bankrupt account, 1 holder and 1 account that holds nothing",
    contracts=(share_is_within_the_weight,),
    witness=(
        dict(owed=50, profit=10, wallet=30),
        dict(owed=5_000, profit=10, wallet=30),
        dict(owed=1, profit=-9, wallet=30),
    ),
    mutant=(
        Replace(
            "weight_of",
            "return max(equity_now, 0)",
            "return max(equity_now, 1)",
            name="nothing pays a quantum",
        ),
        Replace(
            "places_of",
            "Amount(wallet_of(payer.account), payer.weight)",
            "Amount(wallet_of(payer.account), payer.weight + 1)",
            name="a quantum more than its share",
        ),
    ),
)
def savers_pay_only_where_the_policy_says_so(owed: Quanta, profit: Quanta, wallet: Quanta) -> None:
    assume(owed >= 1, guard="RES-1")
    before = after_bankruptcies((owed,), (profit,), wallet, Pool(), 1, EQUITY)
    assume(equity(before, before.accounts["p0"]) >= 0, guard="INV-1")
    total = 1_000 + equity(before, before.accounts["p0"])

    step = money_stage(Step(before, ()), CROSS, [Residue("b0", owed)], frozenset(("b0",)))

    after = step.venue
    paid = 1_000 - after.accounts["saver"].wallet
    prove((0 <= paid) & (paid <= 1_000), "a saver pays at most what it has")
    prove(equity(after, after.accounts["p0"]) >= 0, "nobody ends below zero")
    prove(after.accounts["b0"].wallet == 0, "the bankrupt account ends with exactly nothing")
    prove(after.pools[CROSS].bad_debt == max(owed - total, 0), "the rest stands as bad debt")
    if 2 <= owed and owed <= total:
        prove(paid * total < owed * 1_000 + total, "its share is in proportion to what it has")


@theorem(
    "E6-bad-debt",
    rules=("FND-1", "FND-2", "LOS-6", "DEP-1"),
    stage="waterfall",
    claim="Bad debt never vanishes: it falls by what arrives for the fund of its pool, by nothing else, and "
    "before the fund grows; the balance already in the fund stays.",
    structural_bound="deposits to an account and to a fund; what records it is E5-money-stage",
    witness=(
        dict(kind=0, amount=5, debt=3, fund=7, custody=20),
        dict(kind=1, amount=5, debt=3, fund=7, custody=20),
        dict(kind=0, amount=2, debt=3, fund=7, custody=20),
    ),
    mutant=(
        Replace(
            "fund_inflow",
            "min(amount, venue.pools[pool].bad_debt)",
            "min(amount + venue.pools[pool].fund, venue.pools[pool].bad_debt)",
            name="bad debt repaid from the balance",
        ),
        Replace("fund_inflow", "repaid = min(amount, ", "repaid = max(0, ", name="bad debt forgiven"),
        Replace(
            "_post_pool", "pool.bad_debt - amount", "pool.bad_debt", name="a repayment that repays nothing"
        ),
    ),
)
def bad_debt_falls_by_payment_alone(amount: Quanta, debt: Quanta, fund: Quanta, custody: Quanta) -> None:
    assume((debt >= 0) & (fund >= 0) & (custody >= 0), guard="FND-1")
    kind = choice("kind", "fund", "account")
    pools = {CROSS: Pool(fund, 0, debt), MARKET: Pool(0, 0, debt)}
    before = venue(policy({MARKET: market()}), {"a": holder(0)}, custody=custody, pools=pools)
    event = FundDeposit(0, CROSS, amount) if kind == "fund" else Deposit(0, "a", amount)

    outcome = apply(before, event)

    pool = outcome.venue.pools[CROSS]
    arrived = amount if kind == "fund" and outcome.refusal is None else 0
    prove(pool.bad_debt == max(debt - arrived, 0), "it falls by what arrives, and by nothing else")
    prove(pool.fund == fund + max(arrived - debt, 0), "the fund keeps its balance, and grows by the rest")
    prove(outcome.venue.pools[MARKET] is before.pools[MARKET], "the debt of another pool stays")
    prove(books_gap(outcome.venue) == books_gap(before), "the books balance as before")
    postings = fund_inflow(before, CROSS, amount)
    prove(sum(posting.amount for posting in postings) == amount, "all of an inflow arrives")
    if amount >= 0:
        repaid, kept = (posting.amount for posting in postings)
        prove((repaid <= amount) & (kept >= 0), "no more is repaid than arrives")
