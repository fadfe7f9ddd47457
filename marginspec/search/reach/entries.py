"""What each rule must be seen to do: the classes of its result, and which of them a policy can cause."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from marginspec.search.break_policy import BREAKERS
from marginspec.search.reach.ladders import PASSED, REFUSED
from refmodel.margin import FLAT, HEALTHY, LIQUIDATABLE, MARGIN_CALL
from refmodel.numbers import PPM
from refmodel.policy import (
    ADL_STAGE,
    BACKSTOP_STAGE,
    BRACKET,
    CAPPED_PRO_RATA,
    FUND_RESIDUE_STAGE,
    HOLDERS_STAGE,
    PAYERS_STAGE,
    PRO_RATA,
    QUEUE,
    RANKINGS,
    REFUSE,
    REMAINDERS,
    RESTORE,
    SCHEDULE_KINDS,
    SIZE_RULES,
    SQRT,
    WHOLE,
    Market,
    Policy,
    Schedule,
    pools_of,
)

Possible = Callable[[Policy, str], bool]
"""Whether a policy can bring a rule to give a class of result."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a rule must be seen to do.

    classes   all of them needed, at least two
    possible  of each class, whether a policy can bring it about; None: whatever the policy, as far as
              examining it shows
    why_not   what a policy lacks in which the rule is not applicable
    """

    classes: tuple[str, ...]
    possible: Possible | None
    why_not: str


def whatever_the_policy(policy: Policy, name: str) -> bool:
    return True


def kinds_of(policy: Policy) -> set[str]:
    """The kinds of schedule that the markets of a policy use."""
    kinds = {market.initial.kind for market in policy.markets.values()}
    return kinds | {market.maintenance.kind for market in policy.markets.values()}


def schedules_of(policy: Policy, kind: str) -> Iterator[tuple[Market, Schedule]]:
    """The schedules of one kind, each with its market."""
    for market in policy.markets.values():
        for schedule in (market.initial, market.maintenance):
            if schedule.kind == kind:
                yield market, schedule


def notional_max(market: Market) -> int:
    """The largest notional of a position, quanta."""
    return market.size_max * market.price_max * market.multiplier


def climbs(policy: Policy, kind: str) -> bool:
    """Whether a position of this policy can be above the first tier of a schedule of this kind."""
    return any(
        len(schedule.tiers) > 1 and schedule.tiers[1].floor < notional_max(market)
        for market, schedule in schedules_of(policy, kind)
    )


def tiers_are_possible(kind: str) -> Possible:
    """For a schedule of tiers: the first one if the kind is used, the others if a position gets there."""

    def possible(policy: Policy, name: str) -> bool:
        return kind in kinds_of(policy) if name == FIRST_TIER else climbs(policy, kind)

    return possible


def roots_are_possible(policy: Policy, name: str) -> bool:
    return any(
        name == "whole" or (schedule.factor > 0 and market.size_max > 1)
        for market, schedule in schedules_of(policy, SQRT)
    )


def rates_of_roots_are_possible(policy: Policy, name: str) -> bool:
    return any(
        schedule.base >= schedule.factor
        if name == "base"
        else schedule.factor * schedule.factor * market.size_max > schedule.base * schedule.base
        for market, schedule in schedules_of(policy, SQRT)
    )


def fees_are_possible(policy: Policy, name: str) -> bool:
    return name == "exact" or policy.fee_taker != 0 or policy.fee_maker != 0


def receivers_are_possible(policy: Policy, name: str) -> bool:
    return {
        "rebate": policy.fee_maker < 0,
        "maker pays": policy.fee_maker > 0,
        "one pool": True,
        "two pools": bool(policy.isolated),
    }[name]


def funding_is_possible(policy: Policy, name: str) -> bool:
    moving = [market for market in policy.markets.values() if market.funding_cap > 0]
    return any(name != "rounded down" or market.multiplier % PPM != 0 for market in moving)


def lines_are_possible(policy: Policy, name: str) -> bool:
    maintenance = {market.maintenance.kind for market in policy.markets.values()}
    return name == "first line" or any(
        kind in maintenance and climbs(policy, kind) for kind in (BRACKET, WHOLE)
    )


def lots_are_possible(policy: Policy, name: str) -> bool:
    return name == "one lot" or any(market.size_max > 1 for market in policy.markets.values())


def bands_are_possible(policy: Policy, name: str) -> bool:
    return any(market.band * market.price_max >= PPM for market in policy.markets.values())


FIRST_TIER, HIGHER_TIERS = "first tier", "higher tiers"
TWO_WAYS = (REFUSED, PASSED)


def computes(
    *classes: str, possible: Possible | None = whatever_the_policy, why_not: str = "decided one way only"
) -> Entry:
    """The entry of a rule that computes."""
    return Entry(classes, possible, why_not)


def refuses(if_: Callable[[Policy], bool] = lambda policy: True, why_not: str = "") -> Entry:
    """The entry of a rule that refuses, and whether a policy can bring it to."""
    return Entry(TWO_WAYS, lambda policy, name: name == PASSED or if_(policy), why_not)


def in_stage(stage: str, *classes: str) -> Entry:
    """The entry of a rule that computes within one stage of a bankruptcy."""
    return Entry(classes, lambda policy, name: stage in policy.stages, f"no stage {stage}")


def allocates(allocation: str, *classes: str) -> Entry:
    """The entry of one of the three ways in which lots are shared out."""

    def possible(policy: Policy, name: str) -> bool:
        return ADL_STAGE in policy.stages and policy.adl_allocation == allocation

    return Entry(classes, possible, f"no allocation {allocation}")


def takes_over(policy: Policy, name: str = "") -> bool:
    return policy.takeover_trigger > 0


def markets_are_possible(policy: Policy, name: str) -> bool:
    return name == ONE_POSITION or min(len(policy.markets), policy.positions_max) > 1


def scores_are_possible(policy: Policy, name: str) -> bool:
    return name not in RANKINGS or name == policy.adl_ranking


def sizes_are_possible(policy: Policy, name: str) -> bool:
    return name not in SIZE_RULES or name in {each.liquidation.size for each in policy.markets.values()}


def restores(policy: Policy, name: str) -> bool:
    return any(market.liquidation.size == RESTORE for market in policy.markets.values())


def penalises(policy: Policy, name: str) -> bool:
    return any(market.liquidation.penalty > 0 for market in policy.markets.values())


def takers_are_possible(policy: Policy, name: str) -> bool:
    with_backstop = BACKSTOP_STAGE in policy.stages
    if name == HOLDERS_TAKE_LOTS:
        return HOLDERS_STAGE in policy.stages or not with_backstop
    return name != BACKSTOP_TAKES_LOTS or with_backstop


ONE_POSITION, SEVERAL_POSITIONS = "one position", "several positions"
BACKSTOP_TAKES_LOTS, HOLDERS_TAKE_LOTS = "backstop takes", "holders take"
WATERFALL: dict[str, Entry] = {
    "CLO-1": computes(
        ONE_POSITION, SEVERAL_POSITIONS, possible=markets_are_possible, why_not="one market per account"
    ),
    "CLO-2": computes("the first lots", "later lots"),
    "CLO-3": computes("the fund pays", "the fund does not pay"),
    "CLO-4": computes("orders cancelled", "no orders"),
    "CLO-5": computes("a price", "none"),
    "LIQ-1": refuses(),
    "LIQ-2": computes(*TWO_WAYS, *SIZE_RULES, possible=sizes_are_possible),
    "LIQ-3": computes("in full", "capped", "nothing free", possible=penalises, why_not="no penalty"),
    "LIQ-4": refuses(),
    "LIQ-5": computes("closed", "turned away"),
    "LIQ-6": refuses(),
    "LIQ-7": computes("somebody waits", "nobody waits"),
    "RST-1": computes("no lots", "some lots", "all lots", possible=restores, why_not="no size rule restore"),
    "RST-2": computes("some lots", "all lots", possible=restores, why_not="no size rule restore"),
    "INS-1": computes("the balance decides", "the limit decides"),
    "INS-2": computes("no lots", "some lots", "all lots"),
    "INS-3": in_stage(BACKSTOP_STAGE, "carries lots", "carries none"),
    "INS-4": computes(BACKSTOP_TAKES_LOTS, HOLDERS_TAKE_LOTS, "nobody takes", possible=takers_are_possible),
    "TKO-1": Entry(TWO_WAYS, takes_over, "nobody is taken over"),
    "TKO-2": Entry(TWO_WAYS, takes_over, "nobody is taken over"),
    "TKO-3": Entry(TWO_WAYS, takes_over, "nobody is taken over"),
    "TKO-4": Entry(
        REMAINDERS, lambda policy, name: name == policy.takeover_remainder, "one remainder everywhere"
    ),
    "ADL-1": computes("profit", "loss", "long", "short", *RANKINGS, possible=scores_are_possible),
    "ADL-2": computes("by score", "by notional", "by identifier"),
    "ADL-3": in_stage(ADL_STAGE, "nothing", "a part", "everything"),
    "ADL-4": allocates(QUEUE, "enough", "not enough"),
    "ADL-5": allocates(PRO_RATA, "one holder", "several holders"),
    "ADL-6": allocates(CAPPED_PRO_RATA, "cut off", "in proportion"),
    "ADL-7": in_stage(ADL_STAGE, "deleveraged", "nobody deleveraged"),
    "ADL-8": computes("closed at mark", "nothing left"),
    "LOS-1": computes("residues", "nothing owed"),
    "LOS-2": in_stage(FUND_RESIDUE_STAGE, "the fund pays", "the fund pays nothing"),
    "LOS-3": in_stage(PAYERS_STAGE, "weighs", "weighs nothing"),
    "LOS-4": in_stage(PAYERS_STAGE, "exact", "rounded up"),
    "LOS-5": in_stage(PAYERS_STAGE, "by shares", "fewer quanta than payers"),
    "LOS-6": computes("bad debt", "all is paid"),
    "RES-1": computes("nobody", "one", "several"),
    "RES-2": computes("one stage", "several stages"),
    "RES-3": computes("one pool", "several pools", possible=None, why_not="one pool at a time"),
}
"""The rules of chapters 8 to 11."""


ENTRIES: dict[str, Entry] = {
    "NUM-1": computes("exact", "rounded up"),
    "NUM-2": computes("whole", "not whole"),
    "NUM-3": computes("exact", "rounded down"),
    "NUM-5": computes("exact", "rounded"),
    "NUM-6": in_stage(BACKSTOP_STAGE, "none", "some", "all"),
    "NUM-4": computes("whole", "rounded up", possible=roots_are_possible, why_not="no schedule of kind sqrt"),
    "ACC-1": computes("long", "short"),
    "ACC-2": computes("at least 0", "below 0"),
    "ACC-3": computes("cross pool", "isolated pool", possible=None, why_not="no isolated pool"),
    "PST-1": computes("balanced", "not balanced"),
    "PST-2": computes("no gap", "a gap"),
    "PST-3": computes("no gap", "a gap"),
    "INV-1": computes("nobody bankrupt", "resolved"),
    "MAR-1": computes(
        "one lot",
        "several lots",
        possible=lambda policy, name: (
            name == "one lot" or any(m.size_max > 1 for m in policy.markets.values())
        ),
        why_not="no position of two lots",
    ),
    "MAR-2": computes(
        FIRST_TIER, HIGHER_TIERS, possible=tiers_are_possible(BRACKET), why_not="no tiers of kind bracket"
    ),
    "MAR-3": computes(
        FIRST_TIER, HIGHER_TIERS, possible=tiers_are_possible(WHOLE), why_not="no tiers of kind whole"
    ),
    "MAR-4": computes(
        "base", "above base", possible=rates_of_roots_are_possible, why_not="no schedule of kind sqrt"
    ),
    "MAR-5": computes(
        *SCHEDULE_KINDS,
        possible=lambda policy, name: name in kinds_of(policy),
        why_not="one kind of schedule only",
    ),
    "MAR-6": computes("position alone", "orders add"),
    "MAR-7": computes("nothing held", "required"),
    "MAR-8": computes("nothing held", "required"),
    "MAR-9": computes("liquidatable", "not liquidatable"),
    "MAR-10": computes("carries", "does not carry"),
    "MAR-11": computes(FLAT, LIQUIDATABLE, MARGIN_CALL, HEALTHY),
    "MAR-12": computes("exact", "rounded up", possible=None, why_not="its leverages divide alike"),
    "MAR-13": computes(
        "first line", "higher line", possible=lines_are_possible, why_not="one line decides everywhere"
    ),
    "MAR-14": computes("a price", "none"),
    "FEE-1": computes("exact", "rounded up", possible=fees_are_possible, why_not="no fees"),
    "FEE-2": computes("rebate", "maker pays", "one pool", "two pools", possible=receivers_are_possible),
    "FEE-3": refuses(),
    "TRD-1": refuses(),
    "TRD-2": refuses(),
    "TRD-3": refuses(
        lambda policy: bool(policy.isolated) and len(policy.markets) > 1,
        "no pool beside another market",
    ),
    "TRD-4": refuses(),
    "TRD-5": refuses(),
    "TRD-6": computes("opens", "profit", "loss"),
    "TRD-7": computes("carries", "reduces", REFUSED),
    "ORD-1": refuses(),
    "ORD-2": refuses(),
    "LIM-1": refuses(),
    "LIM-2": refuses(
        lambda policy: policy.positions_max < len(policy.markets), "as many markets allowed as there are"
    ),
    "LIM-3": refuses(lambda policy: bands_are_possible(policy, ""), "no band around the highest price"),
    "LIM-4": refuses(),
    "DEP-1": refuses(),
    "DEP-2": refuses(),
    "FND-1": computes("repays bad debt", "fills the fund"),
    "FND-2": computes("received", "turned away"),
    "WDR-1": refuses(lambda policy: policy.bad_debt_gate == REFUSE, "its gate lets custody decide"),
    "WDR-2": refuses(),
    "WDR-3": refuses(),
    "WDR-4": refuses(
        lambda policy: policy.bad_debt_gate != REFUSE, "without bad debt custody covers every withdrawal"
    ),
    "TRF-1": refuses(),
    "TRF-2": refuses(
        lambda policy: policy.bad_debt_gate == REFUSE and len(pools_of(policy)) > 1,
        "its gate lets transfers pass, or there is one pool",
    ),
    "FUN-1": refuses(),
    "FUN-2": computes(
        "longs pay", "shorts pay", "exact", "rounded down", possible=funding_is_possible, why_not="no funding"
    ),
    "FUN-3": computes("holders pay", "nobody holds"),
    "PRC-1": refuses(),
    "PRC-2": refuses(),
    "EVT-1": refuses(),
    "EVT-2": refuses(),
    "EVT-3": refuses(),
    "EVT-4": computes("the same text", "another text"),
    "EVT-5": computes("the same digest", "another digest"),
    "GAP-1": computes("rate of its tier", "average below it", possible=None),
    "GAP-2": computes("the policy's gap", "more than the policy's gap", possible=None),
    "GAP-3": computes("a move", "nothing left", possible=None),
    "GAP-4": computes("one move", "several moves", possible=None, why_not="one number of moves"),
    **WATERFALL,
    **{rule: computes(PASSED, REFUSED, possible=None, why_not="no room for this fault") for rule in BREAKERS},
}
"""Every rule of the law. A test fails for one that is missing here."""
