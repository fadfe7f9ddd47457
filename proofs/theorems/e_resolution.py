"""INV-1, D5, D8, D9, E2 and E3. Resolution: nobody is bankrupt at rest.

The steps first: what one closing does to the two accounts that it touches, and that it touches no other. They
hold for any number of accounts. Then the law's own resolution of small venues, whole.
"""

from proofs.contracts import contract, ensure, establish
from proofs.lemmas.contracts import (
    closing_realises_all,
    initial_is_not_negative,
    maintenance_is_not_negative,
    requirement_is_at_least_one,
)
from proofs.lemmas.waterfall import backstop_capacity_is_not_negative, payable_is_within_room
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.theorems.e_loss import share_is_within_the_weight
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import Closing, Reason, Step, gap_of_lots, lots_left, lots_opposite
from refmodel.deleveraging import cap_of, taken_by
from refmodel.insurance import compensated
from refmodel.margin import NOTHING_HELD
from refmodel.numbers import Lots, Quanta, Ticks
from refmodel.policy import ADL_STAGE, BACKSTOP_STAGE, FUND_RESIDUE_STAGE, HOLDERS_STAGE, PAYERS_STAGE, STAGES
from refmodel.postings import books_gap, lots_gap, sums_to_zero
from refmodel.resolution import bankrupt_accounts, closings_of, resolve
from refmodel.stages import AT_MARK, BACKSTOP_TAKES, DELEVERAGED
from refmodel.state import CROSS, HOUSE, Pool, Venue, backstop_of, equity

MARGINS = (maintenance_is_not_negative, initial_is_not_negative, requirement_is_at_least_one)


def facing(wallet: Quanta, wallet_2: Quanta, size: Lots, cost: Quanta, size_2: Lots, cost_2: Quanta, mark: Ticks,
           *, fund: Quanta = 0, drawn: Quanta = 0) -> Venue:
    """An account that is closed, one that takes, one that is neither."""
    accounts = {
        "leaver": holder(wallet, size, cost, (3, 4)),
        "taker": holder(wallet_2, size_2, cost_2, (5, 6)),
        "other": holder(7, 1, 1, owner="another"),
    }
    pools = {CROSS: Pool(fund, 0, 0, 0, drawn), MARKET: Pool()}
    return venue(policy({MARKET: market()}), accounts, mark, pools=pools)


@theorem(
    "A1-closing-balanced",
    rules=("CLO-3", "CLO-4", "ADL-7", "ADL-8", "INS-4", "PST-1", "ACC-2"),
    claim="Lots that the law closes leave the books balanced. The bankrupt account gains exactly the gap of its "
    "lots; the taker forgoes exactly it, or nothing if the fund pays it; nobody else is touched.",
    structural_bound="3 accounts, of which 2 are touched; any number by A5",
    contracts=(closing_realises_all,),
    witness=(
        dict(by=0, side=0, wallet=-50, lots=5, cost=40, wallet_2=9, other_lots=7, cost_2=60, mark=10, taken=3,
             gap=20, carried=1, fund=30, drawn=2),
        dict(by=1, side=1, wallet=-50, lots=5, cost=40, wallet_2=9, other_lots=3, cost_2=60, mark=10, taken=3,
             gap=20, carried=2, fund=30, drawn=2),
        dict(by=2, side=1, wallet=-50, lots=5, cost=40, wallet_2=9, other_lots=3, cost_2=60, mark=10, taken=3,
             gap=20, carried=2, fund=30, drawn=2),
    ),
    mutant=(
        Replace("taken_by", "value_at_mark(venue, closing.market, lots) + gap", "value_at_mark(venue, closing.market, lots)", name="the gap is lost"),
        Replace("closing_postings", "realised(held_by_taker, lots, paid - compensation)", "realised(held_by_taker, lots, paid)", name="the compensation realised as a loss"),
        Replace("compensated", "paid = value_at_mark(venue, closing.market, lots) + gap", "paid = value_at_mark(venue, closing.market, lots)", name="the fund pays the taker for nothing"),
        Replace("draw_counted", "drawn_so_far(venue, pool) + amount", "amount", name="earlier draws forgotten"),
        Replace("move", "Posting(rule, payee, amount, stage)", "Posting(rule, payee, amount + 1, stage)", name="one quantum minted"),
    ),
)
def closings_move_exactly_the_gap(
    wallet: Quanta,
    lots: Lots,
    cost: Quanta,
    wallet_2: Quanta,
    other_lots: Lots,
    cost_2: Quanta,
    mark: Ticks,
    taken: Lots,
    gap: Quanta,
    carried: Lots,
    fund: Quanta,
    drawn: Quanta,
) -> None:
    by = choice("by", "adl", "at_mark", "fund")
    side = choice("side", 1, -1)
    assume((1 <= taken) & (taken <= lots - carried), guard="RES-2")
    assume(taken <= other_lots, guard="ADL-7")
    assume((0 <= carried) & (gap >= 0), guard="RES-2")
    before = facing(wallet, wallet_2, side * lots, cost, -side * other_lots, cost_2, mark, fund=fund, drawn=drawn)
    closing = Closing("leaver", MARKET, side, lots, gap, carried)
    moved = gap_of_lots(gap, carried, taken, lots) if by != "at_mark" else 0

    if by == "fund":
        step, left = compensated(Step(before, ()), closing, "taker", taken, Reason("INS-4", BACKSTOP_TAKES))
        prove(left.carried == carried + taken, "these lots have carried their gap")
    elif by == "adl":
        step = taken_by(Step(before, ()), closing, "taker", taken, moved, Reason("ADL-7", DELEVERAGED))
    else:
        step = taken_by(Step(before, ()), closing, "taker", taken, 0, Reason("ADL-8", AT_MARK))

    after = step.venue
    prove(sums_to_zero(step.postings), "what one gives, another receives")
    prove(books_gap(after) == books_gap(before), "the books balance as before")
    prove(lots_gap(after, MARKET) == lots_gap(before, MARKET), "so do the lots")
    gained = {name: equity(after, after.accounts[name]) - equity(before, before.accounts[name]) for name in ("leaver", "taker")}
    prove(gained["leaver"] == moved, "the account that is closed gains exactly the gap of its lots")
    prove(gained["taker"] == (-moved if by == "adl" else 0), "the taker forgoes it, or nothing")
    prove(after.pools[CROSS].fund == fund - (moved if by == "fund" else 0), "or the fund pays it")
    prove(after.pools[CROSS].drawn == drawn + (moved if by == "fund" else 0), "and it is counted")
    prove(lots_left(after, closing) == lots - taken, "the lots are gone")
    prove(after.accounts["other"] is before.accounts["other"], "who is not named is unchanged")
    prove(MARKET not in after.accounts["taker"].orders, "whoever is closed has no order left in the market")


@theorem(
    "RES-order",
    rules=("RES-1",),
    claim="Whoever has equity below zero is resolved, and nobody else; the largest deficit first, of equal "
    "deficits the smaller identifier: one order, whatever the accounts.",
    structural_bound="3 accounts; a list is sorted by what holds of each two of it",
    witness=(dict(e_0=-5, e_1=-9, e_2=3), dict(e_0=-5, e_1=-5, e_2=-5)),
    mutant=(
        Replace("bankrupt_accounts", "if equity_now < 0", "if equity_now <= 0", name="nothing is a deficit"),
        Replace("bankrupt_accounts", "(-each.deficit, each.account)", "(each.deficit, each.account)", name="the smallest deficit first"),
        Replace("bankrupt_accounts", "(-each.deficit, each.account)", "-each.deficit", name="ties as they come"),
    ),
)
def bankrupt_accounts_have_one_order(e_0: Quanta, e_1: Quanta, e_2: Quanta) -> None:
    given = {"c": e_0, "a": e_1, "b": e_2}
    before = venue(policy({MARKET: market()}), {name: holder(amount) for name, amount in given.items()})

    found = bankrupt_accounts(before)

    names = [each.account for each in found]
    prove(len(set(names)) == len(names), "each once")
    for name, amount in given.items():
        prove((amount < 0) == (name in names), "exactly those below zero")
    for each in found:
        prove(each.deficit == -given[each.account], "by as much as they are below")
    for one, other in zip(found, found[1:], strict=False):
        prove(one.deficit >= other.deficit, "the largest deficit first")
        if one.account > other.account:
            prove(one.deficit > other.deficit, "of equal deficits the smaller identifier")



@contract(for_=cap_of, proved_by="INV-1-cap")
def cap_leaves_equity(result: Lots, venue: Venue, name: str, closing: Closing) -> None:
    """A cap is 0 to all that is held on the other side; the equity pays the gap of that many lots, and one
    quantum more."""
    ensure(result >= 0)
    ensure(result <= lots_opposite(venue, closing, name))
    mine = equity(venue, venue.accounts[name]) - 1
    ensure(implies(result >= 1, mine * closing.lots >= closing.gap * result))


@theorem(
    "INV-1-cap",
    rules=("ADL-3",),
    claim="Who is deleveraged up to its cap pays the gap of those lots out of its equity, rounding included.",
    structural_bound="1 tier, no other market: that only makes the equity that counts larger",
    witness=dict(side=0, wallet=40, size=7, cost=-60, mark=10, lots=9, gap=5),
    mutant=Replace("cap_of_line", "min(floor_div(above, lost_per_lot), lots)", "lots", name="cap ignored"),
)
def caps_leave_equity(wallet: Quanta, size: Lots, cost: Quanta, mark: Ticks, lots: Lots, gap: Quanta) -> None:
    side = choice("side", 1, -1)
    assume(mark >= 1, guard="PRC-1")
    assume(size >= 1, guard="ADL-1")
    assume((lots >= 1) & (gap >= 0), guard="RES-2")
    before = venue(policy({MARKET: market()}), {"b": holder(wallet, -side * size, cost)}, mark)
    closing = Closing("a", MARKET, side, lots, gap, 0)

    cap = cap_of(before, "b", closing)
    lemma(50_000 * (size - cap) * mark * lots >= 0, "no line is below zero")
    establish(cap_leaves_equity, before, "b", closing)

STAGE_LISTS = ((BACKSTOP_STAGE, PAYERS_STAGE),)


@theorem(
    "INV-1-two",
    rules=("INV-1", "RES-1", "RES-2", "RES-3"),
    claim="After a resolution nobody has equity below zero; who was bankrupt is flat with exactly nothing; the "
    "books balance; who holds nothing loses nothing.",
    structural_bound="2 accounts that hold the market against each other, a saver, and the backstop",
    contracts=(
        *MARGINS,
        closing_realises_all,
        backstop_capacity_is_not_negative,
        payable_is_within_room,
        cap_leaves_equity,
        share_is_within_the_weight,
    ),
    witness=(
        dict(stages=0, wallet=5, wallet_2=600, lots=2, cost=20, mark=5, house=50, fund=3, limit=9, debt=1),
        dict(stages=1, wallet=5, wallet_2=600, lots=2, cost=20, mark=5, house=50, fund=0, limit=9, debt=1),
        dict(stages=2, wallet=5, wallet_2=600, lots=2, cost=20, mark=5, house=50, fund=3, limit=9, debt=1),
    ),
    mutant=(Replace("bankrupt_accounts", "if equity_now < 0", "if equity_now < -1", name="a small debt overlooked"),),
)
def nobody_is_bankrupt_at_rest(
    wallet: Quanta, wallet_2: Quanta, lots: Lots, cost: Quanta, mark: Ticks, house: Quanta, fund: Quanta,
    limit: Quanta, debt: Quanta
) -> None:
    stages = choice("stages", *STAGE_LISTS)
    assume(lots >= 1, guard="PST-1")  # of the other side, exchange the two accounts
    assume(mark >= 1, guard="PRC-1")
    assume((fund >= 0) & (debt >= 0), guard="FND-1")
    assume(limit >= 1, policy="POL-20")
    assume(house >= 0, guard="INV-1")
    accounts = {
        "a": holder(wallet, lots, cost, (1, 1)),
        "b": holder(wallet_2, -lots, -cost, (2, 2)),
        "saver": holder(7, owner="another"),
        backstop_of(CROSS): holder(house, owner=HOUSE),
    }
    terms = policy({MARKET: market()}, stages=stages, draw_limit=limit)
    snapshot = venue(terms, accounts, mark, pools={CROSS: Pool(fund, 0, debt), MARKET: Pool()})
    found = bankrupt_accounts(snapshot)
    for each in found:
        for closing in closings_of(snapshot, each):
            lemma(closing.gap == each.deficit, "one position carries all of it")

    step = resolve(snapshot)

    after = step.venue
    bankrupt = [each.account for each in found]
    for name in accounts:
        ends = after.accounts[name]
        if name in bankrupt:
            prove(ends.positions == {}, "who was bankrupt is flat")
            prove(ends.wallet == 0, "with exactly nothing")
        else:
            prove(equity(after, ends) >= 0, "nobody is left below zero")
    prove(books_gap(after) == books_gap(snapshot), "the books balance as before")
    prove(lots_gap(after, MARKET) == 0, "so do the lots")
    prove(after.accounts["saver"] is accounts["saver"], "who holds nothing loses nothing")
