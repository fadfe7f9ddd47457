"""E3. Deleveraging: what opposite holders give up is what the bankrupt account is short of, to the quantum.

The real stages on a small venue: a bankrupt account, holders of the other side, and a bystander. Lots and
money only change hands; nobody else is touched; at mark nobody is harmed, and there are always enough
holders.
"""

from dataclasses import replace

from proofs.contracts import establish
from proofs.induction import induction_over
from proofs.lemmas.contracts import (
    closing_realises_all,
    requirement_is_at_least_one,
    requirement_is_monotone,
)
from proofs.lemmas.waterfall import (
    Held,
    cap_is_at_most_opposite,
    closed_at_mark,
    running_share_is_near_its_proportion,
)
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import Closing, Step, gap_of_lots, lots_left, lots_opposite
from refmodel.deleveraging import (
    TAKES_AT_CLOSE_OUT,
    TAKES_AT_MARK,
    adl_stage,
    cap_of,
    mark_stage,
    taken_by,
)
from refmodel.margin import is_liquidatable, margin_maintenance
from refmodel.numbers import Lots, Ppm, Quanta, Ticks
from refmodel.policy import (
    AT_OR_BELOW,
    BELOW,
    BRACKET,
    CAPPED_PRO_RATA,
    PRO_RATA,
    QUEUE,
    WHOLE,
    Schedule,
    Tier,
)
from refmodel.postings import books_gap, lots_gap
from refmodel.state import CROSS, Pool, Position, Venue, equity

NOTHING = Position(0, 0)


def size_of(at: Venue, name: str) -> Lots:
    """The signed lots that an account holds in the market."""
    return at.accounts[name].positions.get(MARKET, NOTHING).size


@theorem(
    "E3-taken",
    rules=("ADL-7", "CLO-3", "CLO-4"),
    stage="waterfall",
    claim="A holder of the other side is closed by as many lots as the bankrupt account is, and forgoes "
    "exactly the gap that the bankrupt account gains; its orders there go, and nobody else is "
    "touched.",
    structural_bound="3 accounts, of which 2 are posted to",
    contracts=(closing_realises_all,),
    witness=(
        dict(side=0, wallet_b=-9, size_b=5, cost_b=70, wallet=40, size=7, cost=-20, taken=3, gap=4, mark=10),
        dict(side=1, wallet_b=-9, size_b=5, cost_b=-70, wallet=40, size=3, cost=20, taken=3, gap=4, mark=10),
    ),
    mutant=(
        Replace("taking_postings", "lots) + gap", "lots) - gap", name="the winner is paid"),
        Replace(
            "taking_postings",
            "*orders_cancelled(venue, reason, taker, (closing.market,)),",
            "",
            name="orders stay",
        ),
        Replace(
            "taking_postings", "lots = closing.side * taken", "lots = taken", name="ADL from the same side"
        ),
    ),
)
def holder_forgoes_exactly_the_gap(
    wallet_b: Quanta,
    size_b: Lots,
    cost_b: Quanta,
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    taken: Lots,
    gap: Quanta,
    mark: Ticks,
) -> None:
    side = choice("side", 1, -1)
    assume(mark >= 1, guard="PRC-1")
    assume(1 <= taken, guard="ADL-7")
    assume(taken <= size_b, guard="ADL-7")
    assume(taken <= size, guard="ADL-7")
    accounts = {
        "bankrupt": holder(wallet_b, side * size_b, cost_b),
        "winner": holder(wallet, -side * size, cost, (1, 2)),
        "bystander": holder(7, 3, 5),
    }
    before = venue(policy({MARKET: market()}), accounts, mark)
    closing = Closing("bankrupt", MARKET, side, size_b, gap, 0)

    after = taken_by(Step(before, ()), closing, "winner", taken, gap, TAKES_AT_CLOSE_OUT).venue

    def gain(name: str) -> Quanta:
        """By how much the equity of an account has changed."""
        return equity(after, after.accounts[name]) - equity(before, before.accounts[name])

    prove(lots_left(after, closing) == size_b - taken, "the bankrupt account has as many lots less")
    prove(size_of(after, "winner") == -side * (size - taken), "so has the winner, on the other side")
    prove(gain("winner") == -gap, "the winner forgoes exactly the gap")
    prove(gain("bankrupt") == gap, "which the bankrupt account gains")
    prove(after.accounts["winner"].orders == {}, "the winner has no order left there")
    prove(after.accounts["bystander"] is accounts["bystander"], "nobody else is touched")
    prove(after.pools == before.pools, "no fund pays or is paid")
    prove(books_gap(after) == books_gap(before), "the books balance as before")
    prove(lots_gap(after, MARKET) == lots_gap(before, MARKET), "so do the lots")


@theorem(
    "E3-at-mark",
    rules=("ADL-8", "MAR-7"),
    stage="waterfall",
    claim="A close at mark leaves the equity of both sides as it was and lifts the maintenance margin "
    "of neither: it harms nobody.",
    structural_bound="2 accounts with 1 position; their other positions are not touched",
    contracts=(closing_realises_all, requirement_is_at_least_one, requirement_is_monotone),
    witness=(
        dict(side=0, wallet_b=-9, size_b=5, cost_b=70, wallet=40, size=7, cost=-20, taken=3, mark=10),
        dict(side=1, wallet_b=-9, size_b=3, cost_b=-70, wallet=40, size=3, cost=20, taken=3, mark=10),
    ),
    mutant=Replace(
        "taking_postings", "lots) + gap", "lots) + taken", name="a quantum for each lot from the winner"
    ),
)
def closing_at_mark_harms_nobody(
    wallet_b: Quanta,
    size_b: Lots,
    cost_b: Quanta,
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    taken: Lots,
    mark: Ticks,
) -> None:
    side = choice("side", 1, -1)
    assume(mark >= 1, guard="PRC-1")
    assume(1 <= taken, guard="ADL-8")
    assume(taken <= size_b, guard="ADL-8")
    assume(taken <= size, guard="ADL-8")
    accounts = {
        "bankrupt": holder(wallet_b, side * size_b, cost_b),
        "winner": holder(wallet, -side * size, cost),
    }
    before = venue(policy({MARKET: market()}), accounts, mark)
    closing = Closing("bankrupt", MARKET, side, size_b, 0, 0)

    after = taken_by(Step(before, ()), closing, "winner", taken, 0, TAKES_AT_MARK).venue

    for name, held in (("bankrupt", size_b), ("winner", size)):
        was, ends = before.accounts[name], after.accounts[name]
        prove(equity(after, ends) == equity(before, was), "equity stays")
        lemma((held - taken) * mark <= held * mark, "the notional falls")
        prove(margin_maintenance(after, ends) <= margin_maintenance(before, was), "and so does what it needs")


@theorem(
    "E3-capacity",
    rules=("ADL-8", "PST-3"),
    stage="waterfall",
    claim="However many accounts there are: the sizes of a market sum to zero, so closing at mark "
    "leaves no lot of a bankrupt account.",
    witness=dict(lots=7, size=4, items=(Held(-4), Held(2), Held(-5))),
    mutant=Replace("queue_share", "min(left, cap)", "min(left, cap, 2)", name="two lots each at the most"),
)
def opposite_holders_always_suffice(lots: Lots, size: Lots) -> None:
    accounts = induction_over(Held(size))
    assume(lots >= 0, guard="ADL-8")
    state = accounts.loop_of(closed_at_mark)

    accounts.prove(
        lambda: (
            (state(lots).left >= 0)
            & implies(state(lots).left > 0, lots - state(lots).left >= -state(lots).sizes)
        ),
        "as long as lots are left, all opposite lots have been used",
    )

    end = closed_at_mark(accounts, lots)
    assume(end.sizes == -lots, theorem="A3-lots")  # all others together hold the other side
    prove(end.left == 0, "nothing is left")


@theorem(
    "E3-mark-stage",
    rules=("ADL-8",),
    stage="waterfall",
    claim="Stage 4 closes all that is left: eligible holders first, then the others, a bankrupt one "
    "included; the gap stays where it was.",
    structural_bound="4 accounts that hold the market; any number by E3-capacity",
    contracts=(closing_realises_all,),
    witness=(
        dict(side=0, wallet_b=-9, size_b=5, cost_b=70, size_c=3, cost_c=-20, size_d=4, cost_d=-10, mark=10),
        dict(side=1, wallet_b=-9, size_b=5, cost_b=-70, size_c=7, cost_c=20, size_d=3, cost_d=-10, mark=10),
    ),
    mutant=(
        Replace("mark_stage", "taken = min(left, ", "taken = min(left - 1, ", name="a lot stays"),
        Replace("mark_stage", "name, taken, 0,", "name, taken, closing.gap,", name="the winner pays the gap"),
        Replace("mark_stage", "(*ranking, *others)", "(*others, *ranking)", name="the others first"),
    ),
)
def stage_four_closes_everything(
    wallet_b: Quanta,
    size_b: Lots,
    cost_b: Quanta,
    size_c: Lots,
    cost_c: Quanta,
    size_d: Lots,
    cost_d: Quanta,
    mark: Ticks,
) -> None:
    side = choice("side", 1, -1)
    assume(mark >= 1, guard="PRC-1")
    assume(size_b >= 1, guard="RES-1")
    assume(size_c != 0, guard="PST-1")
    assume(size_d != 0, guard="PST-1")
    size_e = size_c + size_d - size_b  # by A3
    assume(size_e >= 1, guard="PST-1")
    accounts = {
        "bankrupt": holder(wallet_b, side * size_b, cost_b),
        "c": holder(50, -side * size_c, cost_c),
        "d": holder(60, -side * size_d, cost_d),
        "e": holder(70, side * size_e, 5),
    }
    before = venue(policy({MARKET: market()}), accounts, mark)
    closing = Closing("bankrupt", MARKET, side, size_b, 9, 0)

    after = mark_stage(Step(before, ()), closing, ("d",)).venue

    prove(lots_left(after, closing) == 0, "nothing is left")
    prove(MARKET not in after.accounts["bankrupt"].positions, "the position is gone")
    given = min(size_b, max(size_d, 0))
    prove(size_of(after, "d") == -side * (size_d - given), "who is eligible comes first")
    for name in accounts:
        prove(
            equity(after, after.accounts[name]) == equity(before, accounts[name]),
            "nobody gains, nobody loses",
        )
    prove(after.accounts["e"] is accounts["e"], "who holds the same side is not touched")
    prove(books_gap(after) == books_gap(before), "the books balance as before")


@theorem(
    "E3-adl-stage",
    rules=("ADL-7", "CLO-2", "ADL-4"),
    stage="waterfall",
    claim="Stage 3, by `queue`, closes as many lots as there are or as the caps allow; no holder gives "
    "more than its cap; what the holders forgo together is exactly the gap of those lots.",
    structural_bound="2 eligible holders and a bystander; any number by E3-queue",
    contracts=(closing_realises_all, cap_is_at_most_opposite),
    witness=(
        dict(size_b=5, carried=1, size_c=3, size_d=4, gap=9, mark=10),
        dict(size_b=5, carried=0, size_c=3, size_d=4, gap=9, mark=10),
    ),
    mutant=(
        Replace("queue_share", "min(left, cap)", "left", name="cap ignored"),
        Replace("adl_stage", "closing.carried + share.lots", "share.lots", name="carried twice"),
    ),
)
def stage_three_forgoes_the_gap_of_its_lots(
    size_b: Lots, carried: Lots, size_c: Lots, size_d: Lots, gap: Quanta, mark: Ticks
) -> None:
    side = 1  # of the other side by E3-taken
    assume(mark >= 1, guard="PRC-1")
    assume(size_b >= 1, guard="RES-1")
    assume(carried >= 0, guard="ADL-7")
    assume(gap >= 0, theorem="A8-running-share")
    assume(size_c >= 1, guard="ADL-1")
    assume(size_d >= 1, guard="ADL-1")
    accounts = {
        "bankrupt": holder(-9, side * size_b, 5),
        "c": holder(50, -side * size_c, 6, owner="c"),
        "d": holder(60, -side * size_d, 7, owner="d"),
        "bystander": holder(7, 3, 5),
    }
    before = venue(policy({MARKET: market()}, adl_allocation=QUEUE), accounts, mark)
    closing = Closing("bankrupt", MARKET, side, size_b + carried, gap, carried)
    caps = {name: cap_of(before, name, closing) for name in ("c", "d")}

    step, ends = adl_stage(Step(before, ()), closing, ("d", "c"))

    after = step.venue
    closed = size_b - lots_left(after, ends)
    prove(closed == min(size_b, caps["c"] + caps["d"]), "as many as there are, or as the caps allow")
    for name, size in (("c", size_c), ("d", size_d)):
        given = size - lots_opposite(after, closing, name)
        prove((0 <= given) & (given <= caps[name]), "nobody gives more than its cap")
    prove(ends.carried == carried + closed, "the lots that carried their gap are counted")
    forgone = sum(
        equity(before, before.accounts[name]) - equity(after, after.accounts[name]) for name in ("c", "d")
    )
    prove(
        forgone == gap_of_lots(gap, carried, ends.carried - carried, closing.lots),
        "together they forgo the gap of those lots",
    )
    prove(after.accounts["bystander"] is accounts["bystander"], "nobody else is touched")


@theorem(
    "E3-adl-stage-shared",
    rules=("ADL-7", "CLO-2", "ADL-5", "ADL-6"),
    stage="waterfall",
    claim="Stage 3, by `pro_rata` or `capped_pro_rata`, closes as many lots as there are or as the caps "
    "allow, and what is forgone is exactly their gap.",
    structural_bound="1 eligible holder and a bystander; the shares of any number by E4",
    contracts=(closing_realises_all, cap_is_at_most_opposite),
    witness=(
        dict(allocation=0, size_b=5, carried=1, size_c=3, gap=9, mark=10),
        dict(allocation=1, size_b=5, carried=0, size_c=7, gap=9, mark=10),
    ),
    mutant=(
        Replace("adl_stage", "lots = min(left, sum(", "lots = max(left, sum(", name="cap ignored"),
        Replace(
            "adl_stage",
            "gap_of_lots(closing.gap, closing.carried,",
            "gap_of_lots(closing.gap, 0,",
            name="carried twice",
        ),
    ),
)
def stage_three_shared(size_b: Lots, carried: Lots, size_c: Lots, gap: Quanta, mark: Ticks) -> None:
    allocation = choice("allocation", PRO_RATA, CAPPED_PRO_RATA)
    side = -1  # of the other side by E3-taken
    assume(mark >= 1, guard="PRC-1")
    assume(size_b >= 1, guard="RES-1")
    assume(carried >= 0, guard="ADL-7")
    assume(gap >= 0, theorem="A8-running-share")
    assume(size_c >= 1, guard="ADL-1")
    accounts = {
        "bankrupt": holder(-9, side * size_b, 5),
        "c": holder(50, -side * size_c, 6, owner="c"),
        "bystander": holder(7, 3, 5),
    }
    before = venue(policy({MARKET: market()}, adl_allocation=allocation), accounts, mark)
    closing = Closing("bankrupt", MARKET, side, size_b + carried, gap, carried)
    cap = cap_of(before, "c", closing)

    step, ends = adl_stage(Step(before, ()), closing, ("c",))

    after = step.venue
    closed = size_b - lots_left(after, ends)
    prove(closed == min(size_b, cap), "as many as there are, or as the cap allows")
    prove(size_c - lots_opposite(after, closing, "c") == closed, "the holder has as many less")
    prove(ends.carried == carried + closed, "the lots that carried their gap are counted")
    forgone = equity(before, before.accounts["c"]) - equity(after, after.accounts["c"])
    prove(
        forgone == gap_of_lots(gap, carried, ends.carried - carried, closing.lots),
        "what it forgoes is the gap of those lots",
    )
    prove(after.accounts["bystander"] is accounts["bystander"], "nobody else is touched")


@theorem(
    "E3-cap-of",
    rules=("ADL-3", "MAR-9"),
    stage="waterfall",
    claim="The cap of an account, as the law works it out from its equity and its other margins: closed "
    "by that many lots or fewer, at close-out value, the account is not liquidatable and has "
    "equity of 0 or more.",
    structural_bound="1 tier and 1 other market; any number of tiers by E3-cap-lines",
    contracts=(running_share_is_near_its_proportion,),
    witness=(
        dict(
            case=0,
            size=7,
            cost=-60,
            wallet=40,
            closed=2,
            gap=9,
            carried=1,
            mark=10,
            rate=60_000,
            others=100,
            rest=3,
        ),
        dict(
            case=1,
            size=7,
            cost=60,
            wallet=40,
            closed=7,
            gap=0,
            carried=0,
            mark=10,
            rate=60_000,
            others=100,
            rest=3,
        ),
    ),
    mutant=(
        Replace("cap_of", "1\n    others", "0\n    others", name="nothing in reserve"),
        Replace(
            "cap_of",
            "equity(venue, account) - others - reserve",
            "equity(venue, account) - reserve",
            name="other markets forgotten",
        ),
        Replace(
            "cap_of_line",
            "if above >= lost_per_lot else",
            "if above >= lost_per_lot * lots else",
            name="cap tested only at its end",
        ),
        Replace("cap_of_line", "min(floor_div(above, lost_per_lot), lots)", "lots", name="cap ignored"),
    ),
)
def nobody_is_liquidatable_by_deleveraging(
    size: Lots,
    cost: Quanta,
    wallet: Quanta,
    closed: Lots,
    gap: Quanta,
    carried: Lots,
    mark: Ticks,
    rate: Ppm,
    others: Ticks,
    rest: Lots,
) -> None:
    side, trigger, kind = choice("case", (1, BELOW, BRACKET), (-1, AT_OR_BELOW, WHOLE))
    assume(mark >= 1, guard="PRC-1")
    assume(others >= 1, guard="PRC-1")
    assume(size >= 1, guard="ADL-1")
    assume(carried >= 0, guard="ADL-7")
    assume(gap >= 0, theorem="A8-running-share")
    assume(0 <= rate, policy="POL-3")
    assume(1 <= closed, guard="ADL-7")
    terms = policy(
        {MARKET: market(maintenance=Schedule(kind, (Tier(0, rate),))), "N": market()}, trigger=trigger
    )
    assume(rest >= 0, guard="ADL-7")  # lots of the bankrupt account that this holder does not take
    gap_lots = carried + closed + rest
    accounts = {
        "c": replace(holder(wallet), positions={MARKET: Position(-side * size, cost), "N": Position(1, 0)}),
    }
    before = Venue(terms, 0, {MARKET: mark, "N": others}, accounts, {CROSS: Pool()}, 0)
    closing = Closing("bankrupt", MARKET, side, gap_lots, gap, carried)

    establish(cap_is_at_most_opposite, before, "c", closing)
    cap = cap_of(before, "c", closing)

    if closed <= cap:
        forgone = gap_of_lots(gap, carried, closed, gap_lots)
        lemma(forgone * gap_lots < gap * closed + gap_lots, "the gap is rounded by less than a quantum")
        kept = {**before.accounts["c"].positions, MARKET: Position(-side * (size - closed), 0)}
        needed = margin_maintenance(before, replace(before.accounts["c"], positions=kept))
        left = equity(before, before.accounts["c"]) - forgone  # by E3-taken
        prove(not is_liquidatable(left, needed, trigger), "it is not liquidatable")
        prove(left >= 0, "nor below zero")
