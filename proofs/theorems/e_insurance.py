"""E1 and E6. Insurance: the fund pays the gap of as many lots as it can, to those who take them, and never more
than its balance and the rest of its draw limit.
"""

from collections.abc import Callable, Iterator

from proofs.anatomy import key_of
from proofs.contracts import establish
from proofs.lemmas.contracts import (
    closing_realises_all,
    requirement_is_at_least_one,
    requirement_is_monotone,
)
from proofs.lemmas.waterfall import (
    backstop_capacity_is_not_negative,
    largest_count_holds,
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
from refmodel.numbers import Lots, Millis, Quanta, Ticks, largest_count
from refmodel.postings import FUND, OPEN_COST, WALLET, DrawCounted, Place, Posting, books_gap, lots_gap, post
from refmodel.stages import BACKSTOP_TAKES
from refmodel.state import CROSS, Pool, Position, Venue, backstop_of, equity

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
    witness=(dict(limit=9, threshold=5), dict(limit=9, threshold=-1), dict(limit=4, threshold=9)),
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
        yield implies(names.known >= 1, names.holds(names.known))

    def halving_below(names: State) -> Iterator[bool]:
        yield names.known >= 0
        yield names.known <= names.unknown
        yield names.unknown <= names.limit
        yield implies(names.known >= 1, names.known <= threshold)
        yield implies(names.unknown < names.limit, names.unknown >= threshold)

    def search(limit: int, holds: Callable[[int], bool]) -> int:
        found: int = while_loop(largest_count).result(
            limit, holds, invariant=halving, measure=lambda names: names.unknown - names.known
        )
        return found

    if choice("any", True, False):
        establish(largest_count_holds, limit, arbitrary_predicate(threshold), running=search)
    else:
        found: int = while_loop(largest_count).result(
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
