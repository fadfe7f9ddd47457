"""E1 and E6. Insurance: the fund pays the gap of as many lots as it can, to those who take them, and never more
than its balance and the rest of its draw limit.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from proofs.anatomy import key_of
from proofs.contracts import establish
from proofs.lemmas.contracts import (
    closing_realises_all,
    requirement_is_at_least_one,
    requirement_is_monotone,
)
from proofs.lemmas.waterfall import (
    backstop_capacity_is_not_negative,
    largest_count_is_within_limit,
    payable_is_within_room,
    running_share_is_near_its_proportion,
)
from proofs.loops import State, while_loop
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.runs import current_run
from proofs.symbolic import implies, negation
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import Closing, Reason, Step, gap_of_lots, lots_left
from refmodel.insurance import (
    backstop_lots,
    carries_lots,
    compensated,
    draw_counted,
    draw_room,
    drawn_so_far,
    fund_inflow,
    fund_stage,
    lots_payable,
    lots_within,
)
from refmodel.margin import carries, standing_of
from refmodel.numbers import Lots, Millis, Quanta, Ticks, floor_div, largest_count
from refmodel.policy import AT_OR_BELOW, BACKSTOP_STAGE, BELOW, HOLDERS_STAGE, STAGES
from refmodel.postings import WALLET, Place, Posting, books_gap, fund_of, lots_gap, open_cost_of, post
from refmodel.stages import BACKSTOP_TAKES
from refmodel.state import CROSS, Pool, Position, Venue, backstop_of, equity
from refmodel.takeover import notional_of

NOTHING = Position(0, 0)


def arbitrary_predicate(threshold: int) -> Callable[[int], bool]:
    """A condition on whole numbers of which nothing is known; on a witness, being at most the threshold."""
    run = current_run()

    def holds(number: int) -> bool:
        if not run.has_unknowns:
            return number <= threshold
        return run.unknown(("holds", key_of(number)), "holds", [number])[0] == 1

    return holds


@theorem(
    "NUM-6-largest-count",
    rules=("NUM-6",),
    stage="waterfall",
    claim="The largest count is 0 to the limit, and what is found holds; of a condition that fails from some "
    "number on, it is the largest for which it holds. The search ends.",
    witness=(
        dict(any=0, limit=9, threshold=5),
        dict(any=1, limit=9, threshold=-1),
        dict(any=1, limit=4, threshold=9),
    ),
    mutant=(
        Replace("largest_count", "known + unknown + 1", "known + unknown", name="never ends"),
        Replace("largest_count", "unknown = middle - 1", "unknown = middle", name="never ends either"),
        Replace("largest_count", "known = 0", "known = min(1, limit)", name="0 is never found"),
    ),
)
def largest_count_is_found(limit: int, threshold: int) -> None:
    assume(limit >= 0, guard="NUM-6")

    def halving(names: State) -> Iterator[bool]:
        yield names.known >= 0
        yield names.known <= names.unknown
        yield names.unknown <= names.limit
        yield names.middle == floor_div(names.known + names.unknown + 1, 2)
        yield implies(names.known >= 1, names.holds(names.known))

    def halving_below(names: State) -> Iterator[bool]:
        yield names.known >= 0
        yield names.known <= names.unknown
        yield names.unknown <= names.limit
        yield names.middle == floor_div(names.known + names.unknown + 1, 2)
        yield implies(names.known >= 1, names.known <= threshold)
        yield implies(names.unknown < names.limit, names.unknown >= threshold)

    def search(limit: int, holds: Callable[[int], bool]) -> int:
        found: int = while_loop(largest_count).result(
            limit, holds, invariant=halving, measure=lambda names: names.unknown - names.known
        )
        return found

    if choice("any", True, False):
        holds = arbitrary_predicate(threshold)
        establish(largest_count_is_within_limit, limit, holds, running=search)
        found = search(limit, holds)
        prove(implies(found >= 1, holds(found)), "it holds for what is found, if that is not 0")
    else:
        found = while_loop(largest_count).result(
            limit,
            lambda number: number <= threshold,
            invariant=halving_below,
            measure=lambda names: names.unknown - names.known,
        )
        prove((0 <= found) & (found <= limit), "0 to the limit")
        prove(implies(found >= 1, found <= threshold), "it holds for what is found")
        prove(implies(found < limit, found + 1 > threshold), "it fails for one more")


@theorem(
    "E1-lots-payable",
    rules=("INS-2", "CLO-2"),
    stage="waterfall",
    claim="The gap of the lots that are payable is within what the fund may pay, and that of one lot more is not.",
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
    assume(gap >= 0, theorem="D5")
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
    claim="What a fund may pay is never negative, never more than its balance, and never more than what its draw "
    "limit leaves in the period.",
    witness=(
        dict(fund=9, limit=20, drawn=15, period=3, clock=35, length=10),
        dict(fund=9, limit=20, drawn=15, period=2, clock=35, length=10),
    ),
    mutant=(
        Replace("draw_room", "min(venue.pools[pool].fund, left)", "venue.pools[pool].fund", name="draw limit ignored"),
        Replace("drawn_so_far", "state.drawn if", "0 if", name="draws forgotten"),
        Replace("draw_room", "min(venue.pools[pool].fund, left)", "left", name="balance ignored"),
    ),
)
def room_is_balance_and_limit(
    fund: Quanta, limit: Quanta, drawn: Quanta, period: int, clock: Millis, length: Millis
) -> None:
    assume(fund >= 0, theorem="E1-draw")
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
    claim="However often a fund pays in a period: what it has paid in it is counted, and never exceeds the draw "
    "limit, if no payment exceeds the room.",
    witness=dict(fund=9, limit=20, drawn=15, period=3, clock=35, length=10, amount=4, later=39),
    mutant=(
        Replace("draw_counted", "drawn_so_far(venue, pool) + amount", "amount", name="the last draw alone"),
        Replace("draw_room", "min(venue.pools[pool].fund, left)", "venue.pools[pool].fund", name="draw limit ignored"),
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
    assume(so_far <= limit, theorem="E1-draw-limit")  # by the payment before, or with none 0
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
    claim="What arrives for a fund repays the pool's bad debt before the fund grows; the balance already there is "
    "not used, and the books stay.",
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


def backstop_world(
    trigger: str, wallet: Quanta, held: Lots, size_b: Lots, mark: Ticks, others: Ticks, fund: Quanta, side: int
) -> Venue:
    """A bankrupt account, the backstop of its pool with a position of its own in two markets, and a fund."""
    terms = policy(
        {MARKET: market(size_max=40), "N": market()}, trigger=trigger, backstop_notional_max=900_000
    )
    backstop = replace(holder(wallet), positions={MARKET: Position(held, 5), "N": Position(1, 0)})
    accounts = {"bankrupt": holder(-9, side * size_b, 5), backstop_of(CROSS): backstop}
    return Venue(terms, 0, {MARKET: mark, "N": others}, accounts, {CROSS: Pool(fund)}, 0)


@theorem(
    "E1-backstop-carries",
    rules=("INS-3", "INS-4", "MAR-10"),
    stage="waterfall",
    claim="After it has taken lots, a backstop carries all that it holds: it has its initial margin, is not "
    "liquidatable, and is within the market's and the policy's limits.",
    structural_bound="1 other market, whose margin and notional stay",
    contracts=(
        closing_realises_all,
        largest_count_is_within_limit,
        requirement_is_at_least_one,
        requirement_is_monotone,
    ),
    witness=(
        dict(case=0, wallet=500, held=3, size_b=9, mark=10, others=10, offered=7, gap=20, fund=100),
        dict(case=1, wallet=500, held=3, size_b=9, mark=10, others=10, offered=7, gap=20, fund=100),
    ),
    mutant=(
        Replace("lots_within", "capacity - size", "capacity", name="what it holds is not counted"),
        Replace("backstop_lots", "min(terms.size_max, by_notional)", "terms.size_max", name="notional not counted"),
        Replace("carries_lots", "value_at_mark(venue, market, lots) - profit", "0 - profit", name="equity invented"),
    ),
)
def backstop_carries_what_it_takes(
    wallet: Quanta,
    held: Lots,
    size_b: Lots,
    mark: Ticks,
    others: Ticks,
    offered: Lots,
    gap: Quanta,
    fund: Quanta,
) -> None:
    side, trigger = choice("case", (1, BELOW), (-1, AT_OR_BELOW))
    assume(mark >= 1, guard="PRC-1")
    assume(others >= 1, guard="PRC-1")
    assume(held != 0, guard="PST-1")
    assume(offered >= 1, guard="INS-4")
    assume(offered <= size_b, theorem="E1-lots-payable")
    assume(gap >= 0, theorem="D5")
    name = backstop_of(CROSS)
    before = backstop_world(trigger, wallet, held, size_b, mark, others, fund, side)
    account = before.accounts[name]

    establish(backstop_capacity_is_not_negative, before, name, MARKET)
    capacity = backstop_lots(before, name, MARKET)
    if capacity >= 1:
        assume(carries_lots(before, account, MARKET, capacity), theorem="NUM-6-largest-count")
    taken = lots_within(capacity, side * held, offered)
    closing = Closing("bankrupt", MARKET, side, size_b, gap, 0)
    step, _ = compensated(Step(before, ()), closing, name, taken, Reason("INS-4", BACKSTOP_TAKES))

    if taken >= 1:
        ends = step.venue.accounts[name]
        size = abs(held + side * taken)
        lemma(size <= capacity, "it ends within its capacity")
        lemma(size * mark <= capacity * mark, "so does its notional")
        prove(carries(standing_of(step.venue, ends), trigger), "it carries what it holds")
        prove(size <= 40, "within the largest size of the market")
        prove(notional_of(step.venue, ends) <= 900_000, "within the largest notional of a backstop")


@theorem(
    "E1-compensated",
    rules=("INS-4", "CLO-3"),
    stage="waterfall",
    claim="The fund pays exactly the gap of the lots taken, to the open cost of who takes them: the taker's equity "
    "stays, the bankrupt account's rises by the gap, and nothing of the fund reaches an account in any other way.",
    structural_bound="3 accounts, of which 2 are posted to",
    contracts=(closing_realises_all,),
    witness=(
        dict(side=0, size_b=5, wallet=40, size=7, cost=-20, taken=3, carried=1, gap=9, fund=70, drawn=3, mark=10),
        dict(side=1, size_b=5, wallet=40, size=-7, cost=20, taken=3, carried=0, gap=9, fund=70, drawn=3, mark=10),
    ),
    mutant=(
        Replace(
            "closing_postings",
            "fund, open_cost_of(taker, market), compensation",
            "fund, wallet_of(leaver), compensation",
            name="fund pays the bankrupt account",
        ),
        Replace("compensated", "lots, paid, gap, fund_of(pool)", "lots, paid, 0, fund_of(pool)", name="the taker is not paid"),
        Replace("compensated", "draw_counted(venue, reason, pool, gap),", "", name="the draw is not counted"),
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

    step, ends = compensated(Step(before, ()), closing, "taker", taken, Reason("INS-4", BACKSTOP_TAKES))

    after = step.venue
    prove(after.pools[CROSS].fund == fund - share, "the fund pays the gap of those lots")
    prove(after.pools[MARKET] is pools[MARKET], "no other pool's fund does")
    prove(drawn_so_far(after, CROSS) == drawn + share, "and the payment is counted")
    prove(equity(after, after.accounts["taker"]) == equity(before, accounts["taker"]), "the taker's equity stays")
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
    prove([each.place for each in paid_out] == [open_cost_of("taker", MARKET)], "it is paid to open cost alone")
    prove(books_gap(after) == books_gap(before), "the books balance as before")
    prove(lots_gap(after, MARKET) == lots_gap(before, MARKET), "so do the lots")


@theorem(
    "E1-fund-stage",
    rules=("INS-1", "INS-2", "INS-4"),
    stage="waterfall",
    claim="Stage 2 leaves the fund at 0 or more and within its draw limit, pays exactly the gap of the lots taken, "
    "and leaves no lot that the fund could pay and a permitted taker could take.",
    structural_bound="1 backstop, 1 eligible holder and a bystander",
    contracts=(closing_realises_all, backstop_capacity_is_not_negative, payable_is_within_room),
    witness=(
        dict(stages=0, size_b=5, held=3, size=7, gap=9, fund=7, limit=5, drawn=1, mark=10),
        dict(stages=1, size_b=5, held=-3, size=2, gap=9, fund=7, limit=5, drawn=1, mark=10),
    ),
    mutant=(
        Replace("draw_room", "min(venue.pools[pool].fund, left)", "venue.pools[pool].fund", name="draw limit ignored"),
        Replace("fund_stage", "payable -= taken\n\n", "\n", name="payable lots counted twice"),
        Replace("fund_stage", "taken = lots_within(capacity, closing.side * held, payable)", "taken = 0", name="the backstop does nothing"),
    ),
)
def fund_stage_pays_what_it_can(
    size_b: Lots, held: Lots, size: Lots, gap: Quanta, fund: Quanta, limit: Quanta, drawn: Quanta, mark: Ticks
) -> None:
    stages = choice("stages", STAGES, (BACKSTOP_STAGE,))
    assume(mark >= 1, guard="PRC-1")
    assume(size_b >= 1, guard="RES-1")
    assume(size >= 1, guard="ADL-1")
    assume(held != 0, guard="PST-1")
    assume(gap >= 0, theorem="D5")
    assume(fund >= 0, theorem="E1-fund-stage")  # by the transition before
    assume(drawn <= limit, theorem="E1-draw-limit")
    name = backstop_of(CROSS)
    accounts = {
        "bankrupt": holder(-9, size_b, 5),
        name: holder(60, held, 6),
        "holder": holder(50, -size, 7),
        "bystander": holder(7, 3, 5),
    }
    terms = policy({MARKET: market()}, stages=stages, draw_limit=limit)
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
    prove(backstop_took == lots_within(capacity, held, payable), "the backstop first, as much as it can carry")
    if HOLDERS_STAGE in stages:
        prove((ends.carried == payable) | (holder_took == size), "then the holder, as long as the fund can pay")
    else:
        prove(holder_took == 0, "a holder only where the policy says so")
    prove(after.accounts["bystander"] is accounts["bystander"], "nobody else is touched")
    prove(after.pools[MARKET].fund == 5, "no other pool's fund pays")


@theorem(
    "E1-own-backstop",
    rules=("INS-4",),
    stage="waterfall",
    claim="A backstop that is bankrupt itself goes without a backstop: its lots go to opposite holders.",
    structural_bound="the backstop and 1 holder",
    contracts=(closing_realises_all, backstop_capacity_is_not_negative),
    witness=dict(size_b=5, size=7, gap=9, fund=7, mark=10),
    mutant=Replace("fund_stage", "closing.account != backstop and", "", name="its own taker"),
)
def bankrupt_backstop_is_not_its_own_taker(
    size_b: Lots, size: Lots, gap: Quanta, fund: Quanta, mark: Ticks
) -> None:
    assume(mark >= 1, guard="PRC-1")
    assume(size_b >= 1, guard="RES-1")
    assume(size >= 1, guard="ADL-1")
    assume(gap >= 0, theorem="D5")
    assume(fund >= 0, theorem="E1-fund-stage")
    name = backstop_of(CROSS)
    accounts = {name: holder(-9, size_b, 5), "holder": holder(50, -size, 7)}
    before = venue(policy({MARKET: market()}), accounts, mark, pools={CROSS: Pool(fund), MARKET: Pool()})
    closing = Closing(name, MARKET, 1, size_b, gap, 0)

    step, ends = fund_stage(Step(before, ()), closing, ("holder",))

    gone = size_b - lots_left(step.venue, ends)
    taken = step.venue.accounts["holder"].positions.get(MARKET, NOTHING).size + size
    prove(gone == ends.carried, "the lots that carried their gap are gone")
    prove(taken == gone, "the holder has taken all of them")
