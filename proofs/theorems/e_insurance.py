"""E1 and E6. Insurance: the fund pays the gap of as many lots as it can, to those who take them, and never
more than its balance and the rest of its draw limit.
"""

from proofs.contracts import establish
from proofs.lemmas.contracts import (
    closing_realises_all,
)
from proofs.lemmas.waterfall import (
    backstop_capacity_is_minus_one_or_more,
    payable_is_within_room,
)
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import Closing, Reason, Step, gap_of_lots, lots_left
from refmodel.insurance import (
    backstop_lots,
    compensated,
    draw_counted,
    draw_room,
    drawn_so_far,
    fund_inflow,
    fund_stage,
    lots_payable,
    lots_within,
)
from refmodel.numbers import Lots, Millis, Quanta, Ticks
from refmodel.postings import WALLET, Place, Posting, books_gap, fund_of, lots_gap, open_cost_of, post
from refmodel.stages import BACKSTOP_TAKES
from refmodel.state import CROSS, Pool, Position, Venue, backstop_of, equity

NOTHING = Position(0, 0)


@theorem(
    "E1-lots-payable",
    rules=("INS-2", "CLO-2"),
    stage="waterfall",
    claim="The gap of the lots that are payable is within what the fund may pay, and that of one lot "
    "more is not.",
    witness=(
        dict(room=7, gap=20, lots=9, left=8),
        dict(room=7, gap=0, lots=9, left=8),
        dict(room=70, gap=20, lots=9, left=8),
    ),
    mutant=(
        Replace("lots_payable", "(room + 1) * lots - 1", "room * lots", name="rounded too early"),
        Replace("lots_payable", "(room + 1) * lots - 1", "(room + 1) * lots", name="one lot too many"),
    ),
)
def payable_is_the_most(room: Quanta, gap: Quanta, lots: Lots, left: Lots) -> None:
    assume(room >= 0, theorem="E1-draw-room")
    assume(gap >= 0, theorem="A8-running-share")
    assume(lots >= 1, guard="RES-1")
    assume(left >= 0, guard="INS-4")

    establish(payable_is_within_room, room, gap, lots, left)
    payable = lots_payable(room, gap, lots, left)

    prove((0 <= payable) & (payable <= left), "0 to the lots that are there")
    paid = gap_of_lots(gap, 0, payable, lots)
    lemma(gap * payable < (room + 1) * lots, "in numerators it is below one quantum more than the room")
    lemma(paid * lots < (room + 1) * lots, "so is what is paid")
    prove(paid <= room, "the fund can pay it")
    if payable < left:
        more = gap_of_lots(gap, 0, payable + 1, lots)
        lemma(gap * (payable + 1) >= (room + 1) * lots, "in numerators one lot more is a quantum more")
        lemma((more + 1) * lots > (room + 1) * lots, "so is what would be paid")
        prove(more > room, "and not that of one lot more")


@theorem(
    "E1-draw-room",
    rules=("INS-1",),
    stage="waterfall",
    claim="What a fund may pay is never negative, never more than its balance, and never more than what "
    "its draw limit leaves in the period.",
    witness=(
        dict(fund=9, limit=20, drawn=15, period=3, clock=35, length=10),
        dict(fund=9, limit=20, drawn=15, period=2, clock=35, length=10),
    ),
    mutant=(
        Replace(
            "draw_room",
            "min(venue.pools[pool].fund, left)",
            "venue.pools[pool].fund",
            name="draw limit ignored",
        ),
        Replace("drawn_so_far", "state.drawn if", "0 if", name="draws forgotten"),
        Replace("draw_room", "min(venue.pools[pool].fund, left)", "left", name="balance ignored"),
    ),
)
def room_is_balance_and_limit(
    fund: Quanta, limit: Quanta, drawn: Quanta, period: int, clock: Millis, length: Millis
) -> None:
    assume(fund >= 0, guard="INS-4")  # of the transition before
    assume(length >= 1, policy="POL-17")
    terms = policy({MARKET: market()}, draw_period=length, draw_limit=limit)
    at = venue(terms, {}, pools={CROSS: Pool(fund, 0, 0, period, drawn)}, clock=clock)

    room = draw_room(at, CROSS)

    prove(0 <= room, "never negative")
    prove(room <= fund, "never more than the balance")
    prove(room <= max(limit - drawn_so_far(at, CROSS), 0), "never more than what the limit leaves")
    prove(implies(clock // length == period, drawn_so_far(at, CROSS) == drawn), "draws of the period count")
    prove(implies(clock // length != period, drawn_so_far(at, CROSS) == 0), "those of another do not")


@theorem(
    "E1-draw-limit",
    rules=("INS-1", "PST-1"),
    stage="waterfall",
    claim="However often a fund pays in a period: what it has paid in it is counted, and never exceeds "
    "the draw limit, if no payment exceeds the room.",
    witness=dict(fund=9, limit=20, drawn=15, period=3, clock=35, length=10, amount=4, later=39),
    mutant=(
        Replace("draw_counted", "drawn_so_far(venue, pool) + amount", "amount", name="the last draw alone"),
        Replace(
            "draw_room",
            "min(venue.pools[pool].fund, left)",
            "venue.pools[pool].fund",
            name="draw limit ignored",
        ),
    ),
)
def limit_holds_over_a_period(
    fund: Quanta,
    limit: Quanta,
    drawn: Quanta,
    period: int,
    clock: Millis,
    length: Millis,
    amount: Quanta,
    later: Millis,
) -> None:
    assume(length >= 1, policy="POL-17")
    assume(limit >= 0, policy="POL-20")
    terms = policy({MARKET: market()}, draw_period=length, draw_limit=limit)
    at = venue(terms, {}, pools={CROSS: Pool(fund, 0, 0, period, drawn)}, clock=clock)
    so_far = drawn_so_far(at, CROSS)
    assume(so_far <= limit, guard="INS-1")  # of the payment before; without one it is 0
    assume(0 <= amount, guard="INS-4")
    assume(amount <= draw_room(at, CROSS), theorem="E1-lots-payable")

    after = post(at, (draw_counted(at, Reason("INS-4", BACKSTOP_TAKES), CROSS, amount),))

    prove(drawn_so_far(after, CROSS) == so_far + amount, "the payment is counted on top")
    prove(drawn_so_far(after, CROSS) <= limit, "the limit is honoured")
    assume(later >= clock, guard="EVT-1")
    then = Venue(terms, later, {}, {}, after.pools, 0)
    prove(drawn_so_far(then, CROSS) <= limit, "and stays so as time passes")
    if later // length == clock // length:
        prove(drawn_so_far(then, CROSS) == so_far + amount, "within the period it is counted on")


@theorem(
    "E6-inflow-repays-first",
    rules=("FND-1", "PST-1"),
    stage="waterfall",
    claim="What arrives for a fund repays the pool's bad debt before the fund grows; the balance "
    "already there is not used, and the books stay.",
    witness=(dict(amount=5, debt=3, fund=7), dict(amount=2, debt=3, fund=7)),
    mutant=(
        Replace("fund_inflow", "min(amount, venue", "max(amount, venue", name="repays more than came"),
        Replace("fund_inflow", "min(amount, venue.pools[pool].bad_debt)", "0", name="the debt stands"),
    ),
)
def inflow_repays_first(amount: Quanta, debt: Quanta, fund: Quanta) -> None:
    assume(amount >= 0, guard="FND-1")
    assume(debt >= 0, guard="FND-1")  # of the inflow before
    before = venue(policy({MARKET: market()}), {"a": holder(amount)}, pools={CROSS: Pool(fund, 0, debt)})
    arrives = fund_inflow(before, CROSS, amount)

    after = post(before, (Posting("LIQ-3", Place(WALLET, "a"), -amount), *arrives))

    prove(after.pools[CROSS].bad_debt == max(debt - amount, 0), "it falls by what arrives, to 0 at the least")
    prove(after.pools[CROSS].fund == fund + max(amount - debt, 0), "the fund grows by the rest")
    prove(books_gap(after) == books_gap(before), "the books balance as before")


@theorem(
    "E1-compensated",
    rules=("INS-4", "CLO-3"),
    stage="waterfall",
    claim="The fund pays exactly the gap of the lots taken, to the open cost of who takes them: the "
    "taker's equity stays, the bankrupt account's rises by the gap, and nothing of the fund "
    "reaches an account in any other way.",
    structural_bound="3 accounts, of which 2 are posted to",
    contracts=(closing_realises_all,),
    witness=(
        dict(
            side=0,
            size_b=5,
            wallet=40,
            size=7,
            cost=-20,
            taken=3,
            carried=1,
            gap=9,
            fund=70,
            drawn=3,
            mark=10,
        ),
        dict(
            side=1,
            size_b=5,
            wallet=40,
            size=-7,
            cost=20,
            taken=3,
            carried=0,
            gap=9,
            fund=70,
            drawn=3,
            mark=10,
        ),
    ),
    mutant=(
        Replace(
            "closing_postings",
            "fund, open_cost_of(taker, market), compensation",
            "fund, wallet_of(leaver), compensation",
            name="fund pays the bankrupt account",
        ),
        Replace(
            "taking_postings",
            "fund is None else gap",
            "fund is None else 0",
            name="the taker is not paid",
        ),
        Replace(
            "compensated",
            "(draw_counted(venue, reason, pool, gap),)",
            "()",
            name="the draw is not counted",
        ),
    ),
)
def fund_makes_takers_whole(
    size_b: Lots,
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    taken: Lots,
    carried: Lots,
    gap: Quanta,
    fund: Quanta,
    drawn: Quanta,
    mark: Ticks,
) -> None:
    side = choice("side", 1, -1)
    assume(mark >= 1, guard="PRC-1")
    assume(1 <= taken, guard="INS-4")
    assume(taken <= size_b, theorem="E1-lots-payable")
    assume(carried >= 0, guard="INS-4")
    assume(gap >= 0, theorem="D5-shares")
    assume(size != 0, guard="PST-1")
    accounts = {
        "bankrupt": holder(-9, side * size_b, 5),
        "taker": holder(wallet, -side * size, cost),
        "bystander": holder(7, 3, 5),
    }
    pools = {CROSS: Pool(fund, drawn=drawn), MARKET: Pool(5)}
    before = venue(policy({MARKET: market()}), accounts, mark, pools=pools)
    closing = Closing("bankrupt", MARKET, side, size_b + carried, gap, carried)
    share = gap_of_lots(gap, carried, taken, size_b + carried)
    lemma(gap * (carried + taken) >= gap * carried, "more lots carry no less")
    lemma(share >= 0, "what the lots carry is not negative")

    step, ends = compensated(Step(before, ()), closing, "taker", taken, Reason("INS-4", BACKSTOP_TAKES))

    after = step.venue
    prove(after.pools[CROSS].fund == fund - share, "the fund pays the gap of those lots")
    prove(after.pools[MARKET] is pools[MARKET], "no other pool's fund does")
    prove(drawn_so_far(after, CROSS) == drawn + share, "and the payment is counted")
    prove(
        equity(after, after.accounts["taker"]) == equity(before, accounts["taker"]),
        "the taker's equity stays",
    )
    prove(
        equity(after, after.accounts["bankrupt"]) == equity(before, accounts["bankrupt"]) + share,
        "the bankrupt account's rises by the gap",
    )
    prove(lots_left(after, ends) == size_b - taken, "as many lots are gone")
    prove(ends.carried == carried + taken, "and have carried their gap")
    prove(after.accounts["bystander"] is accounts["bystander"], "nobody else is touched")
    paid_out = [
        second
        for first, second in zip(step.postings, step.postings[1:], strict=False)
        if isinstance(first, Posting) and isinstance(second, Posting) and first.place == fund_of(CROSS)
    ]
    prove(
        [each.place for each in paid_out] == [open_cost_of("taker", MARKET)], "it is paid to open cost alone"
    )
    prove(books_gap(after) == books_gap(before), "the books balance as before")
    prove(lots_gap(after, MARKET) == lots_gap(before, MARKET), "so do the lots")


@theorem(
    "E1-fund-stage",
    rules=("INS-1", "INS-2", "INS-4"),
    stage="waterfall",
    claim="Stage 2 leaves the fund at 0 or more and within its draw limit, pays exactly the gap of the "
    "lots taken, and leaves no lot that the fund could pay and a permitted taker could take.",
    structural_bound="1 backstop, 1 eligible holder and a bystander",
    contracts=(closing_realises_all, backstop_capacity_is_minus_one_or_more, payable_is_within_room),
    witness=(
        dict(size_b=5, held=3, size=7, gap=9, fund=7, limit=5, drawn=1, mark=10),
        dict(size_b=5, held=-3, size=2, gap=9, fund=7, limit=5, drawn=1, mark=10),
    ),
    mutant=(
        Replace(
            "draw_room",
            "min(venue.pools[pool].fund, left)",
            "venue.pools[pool].fund",
            name="draw limit ignored",
        ),
        Replace("fund_stage", "payable -= taken\n\n", "\n", name="payable lots counted twice"),
        Replace(
            "fund_stage",
            "taken = lots_within(capacity, closing.side * held, payable)",
            "taken = 0",
            name="the backstop does nothing",
        ),
    ),
)
def fund_stage_pays_what_it_can(
    size_b: Lots, held: Lots, size: Lots, gap: Quanta, fund: Quanta, limit: Quanta, drawn: Quanta, mark: Ticks
) -> None:
    assume(mark >= 1, guard="PRC-1")
    assume(size_b >= 1, guard="RES-1")
    assume(size >= 1, guard="ADL-1")
    assume(held != 0, guard="PST-1")
    assume(gap >= 0, theorem="A8-running-share")
    assume(fund >= 0, guard="INS-4")  # of the transition before
    assume(drawn <= limit, theorem="E1-draw-limit")
    name = backstop_of(CROSS)
    accounts = {
        "bankrupt": holder(-9, size_b, 5),
        name: holder(60, held, 6),
        "holder": holder(50, -size, 7),
        "bystander": holder(7, 3, 5),
    }
    terms = policy({MARKET: market()}, draw_limit=limit)
    before = venue(terms, accounts, mark, pools={CROSS: Pool(fund, drawn=drawn), MARKET: Pool(5)})
    closing = Closing("bankrupt", MARKET, 1, size_b, gap, 0)
    payable = lots_payable(draw_room(before, CROSS), gap, size_b, size_b)
    capacity = backstop_lots(before, name, MARKET)

    step, ends = fund_stage(Step(before, ()), closing, ("holder",))

    after = step.venue
    paid = gap_of_lots(gap, 0, ends.carried, size_b)
    prove(after.pools[CROSS].fund == fund - paid, "the fund pays the gap of the lots taken")
    prove(ends.carried <= payable, "of no more lots than it can pay")
    lemma(gap * ends.carried <= gap * payable, "the gap grows with the lots")
    lemma(paid <= gap_of_lots(gap, 0, payable, size_b), "so does what is paid")
    prove(after.pools[CROSS].fund >= 0, "the fund never falls below 0")
    prove(drawn_so_far(after, CROSS) <= limit, "and its draw limit is honoured")
    prove(lots_left(after, ends) == size_b - ends.carried, "the lots taken are gone")
    backstop_took = after.accounts[name].positions.get(MARKET, NOTHING).size - held
    holder_took = after.accounts["holder"].positions.get(MARKET, NOTHING).size + size
    prove(backstop_took + holder_took == ends.carried, "backstop and holder have taken them")
    prove(
        backstop_took == lots_within(capacity, held, payable), "the backstop first, as much as it can carry"
    )
    prove((ends.carried == payable) | (holder_took == size), "then the holder, as long as the fund can pay")
    prove(after.accounts["bystander"] is accounts["bystander"], "nobody else is touched")
    prove(after.pools[MARKET].fund == 5, "no other pool's fund pays")
