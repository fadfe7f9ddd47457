"""INV-1, D5, D8, D9, E2 and E3. Resolution: nobody is bankrupt at rest.

The steps first: what one closing does to the two accounts that it touches, and that it touches no other. They
hold for any number of accounts. Then the law's own resolution of small venues, whole.
"""

from itertools import pairwise

from proofs.contracts import establish
from proofs.lemmas.contracts import (
    closing_realises_all,
)
from proofs.lemmas.resolution import MARGINS, RESOLVES, cap_leaves_equity, two_sides
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import Closing, Reason, Step, gap_of_lots, lots_left, lots_opposite
from refmodel.deleveraging import cap_of, mark_stage, taken_by
from refmodel.insurance import compensated
from refmodel.loss import Residue, money_stage
from refmodel.numbers import Lots, Quanta, Ticks
from refmodel.policy import (
    ADL_STAGE,
    BACKSTOP_STAGE,
    FUND_RESIDUE_STAGE,
    HOLDERS_STAGE,
    PAYERS_STAGE,
)
from refmodel.postings import books_gap, lots_gap, sums_to_zero
from refmodel.resolution import bankrupt_accounts, resolve
from refmodel.stages import AT_MARK, BACKSTOP_TAKES, DELEVERAGED
from refmodel.state import CROSS, Pool, Venue, equity


def facing(
    wallet: Quanta,
    wallet_2: Quanta,
    size: Lots,
    cost: Quanta,
    size_2: Lots,
    cost_2: Quanta,
    mark: Ticks,
    *,
    fund: Quanta = 0,
    drawn: Quanta = 0,
) -> Venue:
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
    stage="waterfall",
    claim="Lots that the law closes leave the books balanced. The bankrupt account gains exactly the gap of "
    "its lots; the taker forgoes exactly it, or nothing if the fund pays it; nobody else is touched.",
    structural_bound="3 accounts, of which 2 are touched; any number by A5",
    contracts=(closing_realises_all,),
    witness=(
        dict(
            by=0,
            side=0,
            wallet=-50,
            lots=5,
            cost=40,
            wallet_2=9,
            other_lots=7,
            cost_2=60,
            mark=10,
            taken=3,
            gap=20,
            carried=1,
            fund=30,
            drawn=2,
        ),
        dict(
            by=1,
            side=1,
            wallet=-50,
            lots=5,
            cost=40,
            wallet_2=9,
            other_lots=3,
            cost_2=60,
            mark=10,
            taken=3,
            gap=20,
            carried=2,
            fund=30,
            drawn=2,
        ),
        dict(
            by=2,
            side=1,
            wallet=-50,
            lots=5,
            cost=40,
            wallet_2=9,
            other_lots=3,
            cost_2=60,
            mark=10,
            taken=3,
            gap=20,
            carried=2,
            fund=30,
            drawn=2,
        ),
    ),
    mutant=(
        Replace(
            "taking_postings",
            "value_at_mark(venue, closing.market, lots) + gap",
            "value_at_mark(venue, closing.market, lots)",
            name="the gap is lost",
        ),
        Replace(
            "closing_postings",
            "realised(held_by_taker, lots, paid - compensation)",
            "realised(held_by_taker, lots, paid)",
            name="the compensation realised as a loss",
        ),
        Replace(
            "taking_postings",
            "paid = value_at_mark(venue, closing.market, lots) + gap",
            "paid = value_at_mark(venue, closing.market, lots)",
            name="the fund pays the taker for nothing",
        ),
        Replace(
            "draw_counted", "drawn_so_far(venue, pool) + amount", "amount", name="earlier draws forgotten"
        ),
        Replace(
            "move",
            "Posting(rule, payee, amount, stage)",
            "Posting(rule, payee, amount + 1, stage)",
            name="one quantum minted",
        ),
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
    before = facing(
        wallet, wallet_2, side * lots, cost, -side * other_lots, cost_2, mark, fund=fund, drawn=drawn
    )
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
    gained = {
        name: equity(after, after.accounts[name]) - equity(before, before.accounts[name])
        for name in ("leaver", "taker")
    }
    prove(gained["leaver"] == moved, "the account that is closed gains exactly the gap of its lots")
    prove(gained["taker"] == (-moved if by == "adl" else 0), "the taker forgoes it, or nothing")
    prove(after.pools[CROSS].fund == fund - (moved if by == "fund" else 0), "or the fund pays it")
    prove(after.pools[CROSS].drawn == drawn + (moved if by == "fund" else 0), "and it is counted")
    prove(lots_left(after, closing) == lots - taken, "the lots are gone, so that a resolution ends")
    prove(lots_opposite(after, closing, "taker") == other_lots - taken, "the taker holds as many less")
    prove(after.accounts["other"] is before.accounts["other"], "who is not named is unchanged")
    prove(MARKET not in after.accounts["taker"].orders, "whoever is closed has no order left in the market")


@theorem(
    "D8-order",
    rules=("RES-1",),
    stage="waterfall",
    claim="Whoever has equity below zero is resolved, and nobody else; the largest deficit first, of equal "
    "deficits the smaller identifier: one order, whatever the accounts.",
    structural_bound="3 accounts; a list is sorted by what holds of each two of it",
    witness=(dict(e_0=-5, e_1=-9, e_2=3), dict(e_0=-5, e_1=-5, e_2=-5)),
    mutant=(
        Replace("bankrupt_accounts", "if equity_now < 0", "if equity_now <= 0", name="nothing is a deficit"),
        Replace(
            "bankrupt_accounts",
            "(-each.deficit, each.account)",
            "(each.deficit, each.account)",
            name="the smallest deficit first",
        ),
        Replace(
            "bankrupt_accounts", "(-each.deficit, each.account)", "-each.deficit", name="ties as they come"
        ),
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
    for one, other in pairwise(found):
        prove(one.deficit >= other.deficit, "the largest deficit first")
        if one.account > other.account:
            prove(one.deficit > other.deficit, "of equal deficits the smaller identifier")


@theorem(
    "INV-1-cap",
    rules=("ADL-3",),
    stage="waterfall",
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


def nobody_is_bankrupt_after(snapshot: Venue) -> None:
    """The claims of INV-1 about one resolution."""
    step = resolve(snapshot)

    after = step.venue
    bankrupt = [each.account for each in bankrupt_accounts(snapshot)]
    for name, account in snapshot.accounts.items():
        ends = after.accounts[name]
        if name in bankrupt:
            prove(ends.positions == {}, "who was bankrupt is flat")
            prove(ends.orders == {}, "and has no order left")
            prove(ends.wallet == 0, "and has exactly nothing")
        else:
            prove(equity(after, ends) >= 0, "nobody is left below zero")
            prove(
                implies(account.positions == {}, ends.wallet >= account.wallet),
                "who held nothing loses nothing",
            )
    prove(books_gap(after) == books_gap(snapshot), "the books balance as before")
    prove(lots_gap(after, MARKET) == 0, "so do the lots")
    prove(after.accounts["saver"] is snapshot.accounts["saver"], "who is not concerned is untouched")


TWO_SIDES = "1 account that may be bankrupt, 1 that holds the other side, a saver, and the backstop"


@theorem(
    "INV-1-fund",
    rules=("INV-1", "RES-1", "RES-2", "RES-3", "INS-4", "ADL-8", "LOS-1", "LOS-4"),
    stage="waterfall",
    claim="With a backstop and payers: after a resolution nobody has equity below zero; who was bankrupt is "
    "flat with exactly nothing; the books balance; who held nothing loses nothing.",
    structural_bound=TWO_SIDES,
    contracts=RESOLVES,
    witness=(
        dict(side=0, wallet=5, wallet_2=600, lots=2, cost=20, mark=5, house=50, fund=3, limit=9, debt=1),
        dict(side=1, wallet=5, wallet_2=600, lots=2, cost=20, mark=15, house=50, fund=3, limit=9, debt=1),
        dict(side=0, wallet=9, wallet_2=600, lots=2, cost=20, mark=5, house=50, fund=0, limit=9, debt=1),
    ),
    mutant=(
        Replace(
            "bankrupt_accounts", "if equity_now < 0", "if equity_now < -1", name="a small debt overlooked"
        ),
        Replace("money_stage", "loss -= by_payers", "loss = 0", name="residue vanishes"),
        Replace("resolve", "-step.venue.accounts[each.account].wallet", "each.deficit", name="paid twice"),
    ),
)
def nobody_is_bankrupt_with_a_backstop(
    wallet: Quanta,
    wallet_2: Quanta,
    lots: Lots,
    cost: Quanta,
    mark: Ticks,
    house: Quanta,
    fund: Quanta,
    limit: Quanta,
    debt: Quanta,
) -> None:
    stages = (BACKSTOP_STAGE, PAYERS_STAGE)
    side = choice("side", 1, -1)
    pool = Pool(fund, 0, debt)
    snapshot = two_sides(stages, (wallet, wallet_2), lots, cost, mark, house, pool, limit, side)
    nobody_is_bankrupt_after(snapshot)


@theorem(
    "INV-1-deleveraging",
    rules=("INV-1", "RES-1", "RES-2", "RES-3", "INS-4", "ADL-3", "ADL-7", "ADL-8", "LOS-2", "LOS-6"),
    stage="waterfall",
    claim="With holders whom the fund makes whole, deleveraging, and a fund that pays the residue: after a "
    "resolution nobody has equity below zero, and who was bankrupt is flat with exactly nothing.",
    structural_bound=TWO_SIDES,
    contracts=RESOLVES,
    witness=(
        dict(side=0, wallet=5, wallet_2=600, lots=2, cost=20, mark=5, fund=3, limit=9, debt=1),
        dict(side=1, wallet=5, wallet_2=16, lots=2, cost=20, mark=15, fund=0, limit=9, debt=0),
        dict(side=0, wallet=5, wallet_2=-10, lots=2, cost=20, mark=5, fund=0, limit=9, debt=0),
    ),
    mutant=(
        Replace("adl_stage", "gap = gap_of_lots(", "gap = 2 * gap_of_lots(", name="the gap taken twice"),
        Replace("mark_stage", "for name in (*ranking, *others)", "for name in ranking", name="lots stay"),
    ),
)
def nobody_is_bankrupt_with_deleveraging(
    wallet: Quanta,
    wallet_2: Quanta,
    lots: Lots,
    cost: Quanta,
    mark: Ticks,
    fund: Quanta,
    limit: Quanta,
    debt: Quanta,
) -> None:
    stages = (HOLDERS_STAGE, ADL_STAGE, FUND_RESIDUE_STAGE)
    side = choice("side", 1, -1)
    pool = Pool(fund, 0, debt)
    snapshot = two_sides(stages, (wallet, wallet_2), lots, cost, mark, 0, pool, limit, side)
    nobody_is_bankrupt_after(snapshot)


@theorem(
    "INV-1-several",
    rules=("RES-1", "ADL-8", "CLO-1", "LOS-6"),
    stage="waterfall",
    claim="Several accounts bankrupt at once, on either side: each ends flat with exactly nothing, whatever "
    "the others owe, and what nobody paid is the sum of their deficits.",
    structural_bound="3 accounts in one market, of which 2 are bankrupt or all; stages 4 and 5; mark of one "
    "tick (any mark by A1-closing-balanced)",
    contracts=(*MARGINS, closing_realises_all),
    witness=(
        dict(w_0=-90, w_1=-5, w_2=600, s_0=2, s_1=-5, cost=200),
        dict(w_0=-90, w_1=-50, w_2=-60, s_0=5, s_1=2, cost=200),
    ),
    mutant=(
        Replace("money_stage", "loss -= by_fund", "loss = residues[0].owed", name="residue vanishes"),
        Replace("lots_opposite", "max(-closing.side * ", "max(-", name="shorts taken for longs"),
        Replace("mark_stage", "(*ranking, *others)", "ranking", name="bankrupt holders spared"),
    ),
)
def several_accounts_end_with_nothing(
    w_0: Quanta, w_1: Quanta, w_2: Quanta, s_0: Lots, s_1: Lots, cost: Quanta
) -> None:
    assume((s_0 >= 1) & (s_1 != 0) & (s_0 + s_1 != 0), guard="PST-1")  # one is long: else exchange two
    accounts = {
        "a": holder(w_0, s_0, cost),
        "b": holder(w_1, s_1, 3),
        "c": holder(w_2, -s_0 - s_1, 4),
    }
    snapshot = venue(policy({MARKET: market()}, stages=(ADL_STAGE,)), accounts, 1)
    for name in ("a", "b"):
        assume(equity(snapshot, accounts[name]) < 0, guard="RES-1")  # two at least; one alone is INV-1-fund
    found = bankrupt_accounts(snapshot)

    step = Step(snapshot, ())
    for each in found:
        size = accounts[each.account].positions[MARKET].size
        closing = Closing(each.account, MARKET, 1 if size > 0 else -1, abs(size), each.deficit, 0)
        step = mark_stage(step, closing, ())
    residues = [Residue(each.account, -step.venue.accounts[each.account].wallet) for each in found]
    after = money_stage(step, CROSS, residues, frozenset(each.account for each in found)).venue

    for each in found:
        prove(after.accounts[each.account].positions == {}, "who was bankrupt is flat")
        prove(after.accounts[each.account].wallet == 0, "with exactly nothing")
    sound = [name for name in accounts if name not in [each.account for each in found]]
    for name in sound:
        prove(equity(after, after.accounts[name]) == equity(snapshot, accounts[name]), "nobody else loses")
    prove(
        after.pools[CROSS].bad_debt == sum(each.deficit for each in found), "the deficits stand as bad debt"
    )
    prove(lots_gap(after, MARKET) == 0, "the sizes sum to zero")
