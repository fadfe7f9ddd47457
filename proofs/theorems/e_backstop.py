"""E1. The backstop takes lots of a bankrupt account as far as it carries them, where the policy has one."""

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
    backstop_capacity_is_minus_one_or_more,
    largest_count_is_within_limit,
    payable_is_within_room,
)
from proofs.loops import State, while_loop
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.runs import current_run
from proofs.symbolic import implies
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import Closing, Reason, Step, lots_left
from refmodel.insurance import (
    backstop_lots,
    carries_lots,
    compensated,
    draw_room,
    fund_stage,
    lots_payable,
    lots_within,
)
from refmodel.margin import carries, notional_of, standing_of
from refmodel.numbers import Lots, Quanta, Ticks, floor_div, largest_count
from refmodel.policy import ADL_STAGE, AT_OR_BELOW, BACKSTOP_STAGE, BELOW
from refmodel.stages import BACKSTOP_TAKES
from refmodel.state import CROSS, Pool, Position, Venue, backstop_of

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
    "E1-largest-count",
    rules=("NUM-6",),
    stage="waterfall",
    claim="The largest count is 0 to the limit, and what is found holds; of a condition that fails from "
    "some number on, it is the largest for which it holds. The search ends.",
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


def backstop_world(
    trigger: str,
    wallet: Quanta,
    held: Lots,
    size_b: Lots,
    mark: Ticks,
    others: Ticks,
    fund: Quanta,
    side: int,
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
    claim="After it has taken lots, a backstop carries all that it holds: it has its initial margin, is "
    "not liquidatable, and is within the market's and the policy's limits.",
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
        dict(case=0, wallet=10**7, held=3, size_b=25, mark=10**5, others=10, offered=20, gap=20, fund=100),
        dict(case=0, wallet=5, held=3, size_b=60, mark=100, others=10, offered=50, gap=20, fund=100),
        dict(case=0, wallet=606, held=-5, size_b=9, mark=100, others=10, offered=7, gap=20, fund=100),
    ),
    mutant=(
        Replace("lots_within", "capacity - size", "capacity", name="what it holds is not counted"),
        Replace(
            "backstop_lots", "min(terms.size_max, by_notional)", "terms.size_max", name="notional not counted"
        ),
        Replace(
            "backstop_lots",
            "most < 0 or not carries_lots(venue, account, market, 0)",
            "most < 0",
            name="what it has elsewhere is not asked about",
        ),
        Replace(
            "carries_lots",
            "value_at_mark(venue, market, lots) - profit",
            "0 - profit",
            name="equity invented",
        ),
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
    assume(gap >= 0, theorem="A8-running-share")
    name = backstop_of(CROSS)
    before = backstop_world(trigger, wallet, held, size_b, mark, others, fund, side)
    account = before.accounts[name]

    establish(backstop_capacity_is_minus_one_or_more, before, name, MARKET)
    capacity = backstop_lots(before, name, MARKET)
    if capacity >= 1:
        assume(carries_lots(before, account, MARKET, capacity), theorem="E1-largest-count")
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
    "E1-own-backstop",
    rules=("INS-4",),
    stage="waterfall",
    claim="A backstop that is bankrupt itself goes without a backstop: its lots go to opposite holders.",
    structural_bound="the backstop and 1 holder",
    contracts=(closing_realises_all, backstop_capacity_is_minus_one_or_more),
    witness=dict(size_b=5, size=7, gap=9, fund=7, mark=10),
    mutant=Replace("fund_stage", "closing.account != backstop and", "", name="its own taker"),
)
def bankrupt_backstop_is_not_its_own_taker(
    size_b: Lots, size: Lots, gap: Quanta, fund: Quanta, mark: Ticks
) -> None:
    assume(mark >= 1, guard="PRC-1")
    assume(size_b >= 1, guard="RES-1")
    assume(size >= 1, guard="ADL-1")
    assume(gap >= 0, theorem="A8-running-share")
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


@theorem(
    "E1-permitted-takers",
    rules=("INS-4", "POL-18"),
    stage="waterfall",
    claim="Opposite holders are compensated where the policy has the stage `holders`, or no backstop; "
    "the backstop takes lots only where the policy has the stage `backstop`.",
    structural_bound="1 backstop and 1 eligible holder",
    contracts=(closing_realises_all, backstop_capacity_is_minus_one_or_more, payable_is_within_room),
    witness=(
        dict(stages=0, size_b=5, size=7, gap=9, fund=7, mark=10),
        dict(stages=1, size_b=5, size=7, gap=9, fund=7, mark=10),
    ),
    mutant=(
        Replace("fund_stage", "BACKSTOP_STAGE in stages and", "", name="a backstop that is not called"),
        Replace(
            "fund_stage",
            "HOLDERS_STAGE in stages or BACKSTOP_STAGE not in stages",
            "True",
            name="holders not called",
        ),
    ),
)
def takers_are_those_of_the_policy(size_b: Lots, size: Lots, gap: Quanta, fund: Quanta, mark: Ticks) -> None:
    stages = choice("stages", (BACKSTOP_STAGE,), (ADL_STAGE,))
    assume(mark >= 1, guard="PRC-1")
    assume(size_b >= 1, guard="RES-1")
    assume(size >= 1, guard="ADL-1")
    assume(gap >= 0, theorem="A8-running-share")
    assume(fund >= 0, theorem="E1-fund-stage")
    name = backstop_of(CROSS)
    accounts = {"bankrupt": holder(-9, size_b, 5), name: holder(60), "holder": holder(50, -size, 7)}
    terms = policy({MARKET: market()}, stages=stages)
    before = venue(terms, accounts, mark, pools={CROSS: Pool(fund), MARKET: Pool()})

    step, ends = fund_stage(Step(before, ()), Closing("bankrupt", MARKET, 1, size_b, gap, 0), ("holder",))

    if BACKSTOP_STAGE in stages:
        prove(step.venue.accounts["holder"] is accounts["holder"], "without the stage no holder is asked")
    else:
        payable = lots_payable(draw_room(before, CROSS), gap, size_b, size_b)
        prove(step.venue.accounts[name] is accounts[name], "without the stage the backstop is not asked")
        prove(ends.carried == min(payable, size), "and holders take what the fund can pay")
