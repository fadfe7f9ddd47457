"""INV-1, D5, D8, D9, E2 and E3. Resolution: nobody is bankrupt at rest.

The steps first: what one closing does to the two accounts that it touches, and that it touches no other. They
hold for any number of accounts. Then the law's own resolution of small venues, whole.
"""

from itertools import pairwise

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
from refmodel.deleveraging import cap_of, mark_stage, taken_by
from refmodel.insurance import compensated
from refmodel.loss import Residue, money_stage
from refmodel.margin import NOTHING_HELD
from refmodel.numbers import Lots, Quanta, Ticks
from refmodel.policy import ADL_STAGE, BACKSTOP_STAGE, FUND_RESIDUE_STAGE, HOLDERS_STAGE, PAYERS_STAGE
from refmodel.postings import Posting, books_gap, lots_gap, lots_of, sums_to_zero
from refmodel.ranking import ranking
from refmodel.resolution import Bankrupt, bankrupt_accounts, close_position, closings_of, resolve
from refmodel.stages import AT_MARK, BACKSTOP_TAKES, DELEVERAGED, STAGES_IN_ORDER
from refmodel.state import CROSS, HOUSE, Pool, Venue, backstop_of, equity

MARGINS = (maintenance_is_not_negative, initial_is_not_negative, requirement_is_at_least_one)


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
            "taken_by",
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
            "compensated",
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
    prove(lots_left(after, closing) == lots - taken, "the lots are gone")
    prove(after.accounts["other"] is before.accounts["other"], "who is not named is unchanged")
    prove(MARKET not in after.accounts["taker"].orders, "whoever is closed has no order left in the market")


@theorem(
    "RES-order",
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


def two_sides(
    stages: tuple[str, ...],
    wallets: tuple[Quanta, Quanta],
    lots: Lots,
    cost: Quanta,
    mark: Ticks,
    house: Quanta,
    pool: Pool,
    limit: Quanta,
) -> Venue:
    """Two accounts that hold the market against each other, a saver, and the backstop; nobody need be
    sound."""
    assume(lots >= 1, guard="PST-1")  # "a" is long: of the other side, exchange the two accounts
    assume(mark >= 1, guard="PRC-1")
    assume((pool.fund >= 0) & (pool.bad_debt >= 0), guard="FND-1")
    assume(limit >= 1, policy="POL-20")
    assume(house >= 0, guard="INV-1")  # of the transition before
    accounts = {
        "a": holder(wallets[0], lots, cost, (1, 1)),
        "b": holder(wallets[1], -lots, -cost, (2, 2)),
        "saver": holder(7, owner="another"),
        backstop_of(CROSS): holder(house, owner=HOUSE),
    }
    terms = policy({MARKET: market()}, stages=stages, draw_limit=limit)
    snapshot = venue(terms, accounts, mark, pools={CROSS: pool, MARKET: Pool()})
    assume(equity(snapshot, accounts["b"]) >= 0, guard="INV-1")  # of the transition before, or see INV-1-several
    for each in bankrupt_accounts(snapshot):
        for closing in closings_of(snapshot, each):
            lemma(closing.gap == each.deficit, "one position carries all of it")
    return snapshot


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


RESOLVES = (
    *MARGINS,
    closing_realises_all,
    backstop_capacity_is_not_negative,
    payable_is_within_room,
    cap_leaves_equity,
    share_is_within_the_weight,
)
TWO_SIDES = "2 accounts that hold the market against each other, a saver, and the backstop"


@theorem(
    "INV-1-fund",
    rules=("INV-1", "RES-1", "RES-2", "RES-3", "INS-4", "ADL-8", "LOS-1", "LOS-4"),
    stage="waterfall",
    claim="With a backstop and payers: after a resolution nobody has equity below zero; who was bankrupt is "
    "flat with exactly nothing; the books balance; who held nothing loses nothing.",
    structural_bound=TWO_SIDES,
    contracts=RESOLVES,
    witness=(
        dict(wallet=5, wallet_2=600, lots=2, cost=20, mark=5, house=50, fund=3, limit=9, debt=1),
        dict(wallet=-600, wallet_2=5, lots=2, cost=20, mark=15, house=50, fund=3, limit=9, debt=1),
        dict(wallet=9, wallet_2=600, lots=2, cost=20, mark=5, house=50, fund=0, limit=9, debt=1),
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
    pool = Pool(fund, 0, debt)
    snapshot = two_sides(stages, (wallet, wallet_2), lots, cost, mark, house, pool, limit)
    nobody_is_bankrupt_after(snapshot)


@theorem(
    "INV-1-deleveraging",
    rules=("INV-1", "RES-1", "RES-2", "RES-3", "INS-4", "ADL-3", "ADL-7", "ADL-8", "LOS-2", "LOS-6"),
    stage="waterfall",
    claim="With holders paid by the fund, deleveraging, and a fund that pays the residue: the same.",
    structural_bound=TWO_SIDES,
    contracts=RESOLVES,
    witness=(
        dict(wallet=5, wallet_2=600, lots=2, cost=20, mark=5, fund=3, limit=9, debt=1),
        dict(wallet=5, wallet_2=16, lots=2, cost=20, mark=5, fund=0, limit=9, debt=0),
        dict(wallet=5, wallet_2=-50, lots=2, cost=20, mark=5, fund=0, limit=9, debt=0),
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
    pool = Pool(fund, 0, debt)
    snapshot = two_sides(stages, (wallet, wallet_2), lots, cost, mark, 0, pool, limit)
    nobody_is_bankrupt_after(snapshot)


@theorem(
    "INV-1-several",
    rules=("RES-1", "ADL-8", "CLO-1", "LOS-6"),
    stage="waterfall",
    claim="Several accounts bankrupt at once, on either side: each ends flat with exactly nothing, whatever "
    "the others owe, and what nobody paid is the sum of their deficits.",
    structural_bound="3 accounts in one market, of which 2 are bankrupt or all; stages 4 and 5",
    contracts=(*MARGINS, closing_realises_all),
    witness=(
        dict(w_0=-90, w_1=-5, w_2=600, s_0=2, s_1=-5, cost=20, mark=5),
        dict(w_0=-90, w_1=-50, w_2=-60, s_0=5, s_1=2, cost=20, mark=5),
    ),
    mutant=(
        Replace("money_stage", "loss -= by_fund", "loss = residues[0].owed", name="residue vanishes"),
        Replace("closings_of", "1 if size > 0 else -1", "1", name="shorts taken for longs"),
        Replace("mark_stage", "(*ranking, *others)", "ranking", name="bankrupt holders spared"),
    ),
)
def several_accounts_end_with_nothing(
    w_0: Quanta, w_1: Quanta, w_2: Quanta, s_0: Lots, s_1: Lots, cost: Quanta, mark: Ticks
) -> None:
    assume(mark >= 1, guard="PRC-1")
    assume((s_0 >= 1) & (s_1 != 0) & (s_0 + s_1 != 0), guard="PST-1")  # one is long: else exchange two
    accounts = {
        "a": holder(w_0, s_0, cost),
        "b": holder(w_1, s_1, 3),
        "c": holder(w_2, -s_0 - s_1, 4),
    }
    snapshot = venue(policy({MARKET: market()}, stages=(ADL_STAGE,)), accounts, mark)
    for name in ("a", "b"):
        assume(equity(snapshot, accounts[name]) < 0, guard="RES-1")  # two at least; one alone is INV-1-fund
    found = bankrupt_accounts(snapshot)

    step = Step(snapshot, ())
    for each in found:
        for closing in closings_of(snapshot, each):
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


@theorem(
    "D8-others-unchanged",
    rules=("RES-1", "RES-2", "ADL-8", "ADL-2"),
    stage="waterfall",
    claim="Resolving one bankrupt account changes no other bankrupt account's equity: it is on no ranking, "
    "and lots that it loses go at mark; its deficit is paid as it was when the transition began.",
    structural_bound="2 bankrupt accounts against each other, and 1 holder on either side",
    contracts=(*MARGINS, closing_realises_all, cap_leaves_equity, payable_is_within_room),
    witness=dict(w_0=-90, w_1=-50, w_2=60, s_0=5, s_1=3, cost=20, mark=5, fund=2),
    mutant=(
        Replace(
            "ranking", "if not is_liquidatable(", "if is_liquidatable(", name="the bankrupt are deleveraged"
        ),
        Replace(
            "mark_stage", "name, taken, 0, TAKES", "name, taken, 1, TAKES", name="a quantum taken at mark"
        ),
    ),
)
def resolving_one_leaves_the_others(
    w_0: Quanta, w_1: Quanta, w_2: Quanta, s_0: Lots, s_1: Lots, cost: Quanta, mark: Ticks, fund: Quanta
) -> None:
    assume(mark >= 1, guard="PRC-1")
    assume((s_0 >= 1) & (s_1 >= 1) & (s_1 != s_0), guard="PST-1")
    assume(fund >= 0, guard="FND-1")
    accounts = {
        "a": holder(w_0, s_0, cost),
        "b": holder(w_1, -s_1, 3),
        "c": holder(w_2, s_1 - s_0, 4),
    }
    terms = policy({MARKET: market()}, stages=(HOLDERS_STAGE, ADL_STAGE))
    snapshot = venue(terms, accounts, mark, pools={CROSS: Pool(fund), MARKET: Pool()})
    for name in ("a", "b"):
        assume(equity(snapshot, accounts[name]) < 0, guard="RES-1")
    (closing,) = closings_of(snapshot, Bankrupt("a", -equity(snapshot, accounts["a"])))
    holders = ranking(snapshot, MARKET, -1)

    step = close_position(Step(snapshot, ()), closing, holders)

    after = step.venue
    prove("b" not in holders, "no bankrupt account is deleveraged")
    prove(equity(after, after.accounts["b"]) == equity(snapshot, accounts["b"]), "its equity is what it was")
    prove(lots_left(after, closing) == 0, "nothing of the closing is left")
    held = after.accounts["b"].positions.get(MARKET, NOTHING_HELD).size
    prove((-s_1 <= held) & (held <= 0), "its lots only fall")


@theorem(
    "E2-stages-in-order",
    rules=("RES-2", "LOS-1", "INS-4", "ADL-7", "ADL-8"),
    stage="waterfall",
    claim="The stages of a bankruptcy open in their order, each for what those before it left.",
    structural_bound="1 position against 1 holder; a backstop that takes is E1-fund-stage",
    contracts=RESOLVES,
    witness=(
        dict(wallet=5, lots=2, cost=20, mark=5, wallet_2=600, fund=3),
        dict(wallet=5, lots=2, cost=20, mark=5, wallet_2=6, fund=0),
    ),
    mutant=(
        Replace(
            "taken_by",
            "*closing_postings(venue, reason,",
            "*closing_postings(venue, TAKES_AT_MARK,",
            name="deleveraging called closing at mark",
        ),
        Replace("mark_stage", "TAKES_AT_MARK)", "TAKES_AT_CLOSE_OUT)", name="the reverse"),
    ),
)
def stages_open_in_order(
    wallet: Quanta, lots: Lots, cost: Quanta, mark: Ticks, wallet_2: Quanta, fund: Quanta
) -> None:
    snapshot = two_sides(
        (HOLDERS_STAGE, ADL_STAGE, FUND_RESIDUE_STAGE), (wallet, wallet_2), lots, cost, mark, 0, Pool(fund), 5
    )
    assume(equity(snapshot, snapshot.accounts["b"]) >= 0, guard="INV-1")
    holders = ranking(snapshot, MARKET, -1)

    step = resolve(snapshot)

    posted = [entry for entry in step.postings if isinstance(entry, Posting)]
    opened = [STAGES_IN_ORDER.index(entry.stage) for entry in posted]
    prove(opened == sorted(opened), "no stage opens after a later one")
    closed = dict.fromkeys(STAGES_IN_ORDER, 0)
    for entry in posted:
        if entry.place == lots_of("b", MARKET):
            closed[entry.stage] += entry.amount
    if bankrupt_accounts(snapshot):
        prove(sum(closed.values()) == lots, "each lot is closed in exactly one of them")
        forgone = equity(snapshot, snapshot.accounts["b"]) - equity(step.venue, step.venue.accounts["b"])
        prove(implies(closed[DELEVERAGED] == 0, forgone == 0), "who is not deleveraged forgoes nothing")
        if "b" not in holders:
            prove(closed[AT_MARK] == lots, "who is not eligible is closed at mark alone")
