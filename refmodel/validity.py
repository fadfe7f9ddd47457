"""Validity (chapter 13): which policies the law may be run under.

Rules POL-1 to POL-22, one checker each. `faults` runs them all, so that the author of a policy sees
every fault at once. The theorems hold for every policy without a fault; each premise of a theorem
that speaks of a policy names the rule here that makes it true.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from refmodel.gap import gap_of_moves
from refmodel.numbers import PPM, Ppm, ceil_div
from refmodel.policy import (
    ALLOCATIONS,
    AT_OR_BELOW,
    BACKSTOP_STAGE,
    BAD_DEBT_GATES,
    BRACKET,
    FRACTION,
    PAYERS,
    RANKINGS,
    REMAINDERS,
    RESTORE,
    SCHEDULE_KINDS,
    SIZE_RULES,
    SQRT,
    STAGES,
    TIER_STEP,
    TRIGGERS,
    WHOLE,
    Market,
    Policy,
    Schedule,
    pools_of,
)
from refmodel.rulebook import rule

NOTIONAL_MAX = 10**16
"""Quanta: no position of a valid policy is larger than this at any mark of a valid policy."""
CUSTODY_MAX = 10**18
"""Quanta: no valid policy lets custody grow above this."""
SIZE_MAX = 10**12
"""Lots: the largest size limit of a market."""
PRICE_MAX = 10**12
"""Ticks: the highest price limit of a market."""
MULTIPLIER_MAX = 10**9
"""Quanta per lot and tick."""
POSITIONS_MAX = 256
"""Markets per account."""
TIERS_MAX = 64
"""Tiers per schedule: what the fast path's tables hold; no theorem depends on it."""
TOUCH_MOVES_MAX = 1_000
"""Moves of a mark between two looks at an account; GAP-4 goes over them one by one."""
BASIS_POINT: Ppm = 100
"""ppm: the funding rate that must be a whole quantum per lot."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a policy.

    rule    the rule it breaks
    key     where, as a path in the policy file
    value   what stands there
    valid   what would be valid there, in words and numbers
    """

    rule: str
    key: str
    value: str
    valid: str


Checker = Callable[[Policy], Iterator[Fault]]


def schedules(policy: Policy) -> Iterator[tuple[str, str, Schedule]]:
    """Every schedule of a policy: its key path, which rate it reads from a bracket, and itself."""
    for name, market in policy.markets.items():
        yield f"markets.{name}.margin", "initial", market.initial
        yield f"markets.{name}.margin", "maintenance", market.maintenance


def rates_of(schedule: Schedule) -> list[Ppm]:
    """The published rate of each tier, ppm."""
    rates: list[Ppm] = []
    rate = 0
    for tier in schedule.tiers:
        rate += tier.rise
        rates.append(rate)
    return rates


def lowest_rate(schedule: Schedule) -> Ppm:
    """The least rate a schedule takes of any position, ppm: its first tier's, or its base."""
    if schedule.kind == SQRT:
        return schedule.base
    return schedule.tiers[0].rise if schedule.tiers else 0


def lowest_rate_key(name: str, market: Market) -> str:
    """Where the lowest maintenance rate of a market stands in the policy file."""
    if market.maintenance.kind == SQRT:
        return f"markets.{name}.margin.maintenance_base"
    return f"markets.{name}.margin.brackets[0].maintenance"


@rule("POL-1")
def choices_are_known(policy: Policy) -> Iterator[Fault]:
    """Every choice by name is one that the law has a rule for."""
    for key, value, known in (
        ("trigger", policy.trigger, TRIGGERS),
        ("bad_debt_gate", policy.bad_debt_gate, BAD_DEBT_GATES),
        ("takeover.remainder", policy.takeover_remainder, REMAINDERS),
        ("adl.ranking", policy.adl_ranking, RANKINGS),
        ("adl.allocation", policy.adl_allocation, ALLOCATIONS),
        ("payers", policy.payers, PAYERS),
    ):
        if value not in known:
            yield Fault("POL-1", key, value, f"one of {', '.join(known)}")
    for name, market in policy.markets.items():
        if market.liquidation.size not in SIZE_RULES:
            where = f"markets.{name}.liquidation.size"
            yield Fault("POL-1", where, market.liquidation.size, f"one of {', '.join(SIZE_RULES)}")
    for key, rate, schedule in schedules(policy):
        if schedule.kind not in SCHEDULE_KINDS:
            yield Fault("POL-1", f"{key}.{rate}", schedule.kind, f"one of {', '.join(SCHEDULE_KINDS)}")


@rule("POL-2")
def brackets_are_contiguous(policy: Policy) -> Iterator[Fault]:
    """Brackets start at 0 and each starts above the one before: no gap, no overlap, no jump back."""
    for key, rate, schedule in schedules(policy):
        if schedule.kind == SQRT or (rate == "initial" and policy_shares_brackets(policy, key)):
            continue
        if not 1 <= len(schedule.tiers) <= TIERS_MAX:
            yield Fault("POL-2", f"{key}.brackets", f"{len(schedule.tiers)} brackets", f"1 to {TIERS_MAX}")
        floor_below = -1
        for index, tier in enumerate(schedule.tiers):
            if index == 0 and tier.floor != 0:
                yield Fault("POL-2", f"{key}.brackets[0].from", f"{tier.floor:_}", "0")
            elif tier.floor <= floor_below:
                valid = f"above {floor_below:_}, where the bracket before starts"
                yield Fault("POL-2", f"{key}.brackets[{index}].from", f"{tier.floor:_}", valid)
            floor_below = tier.floor


def policy_shares_brackets(policy: Policy, key: str) -> bool:
    """Whether both schedules under a key read the same bracket table, so that one report is enough."""
    market = policy.markets[key.removeprefix("markets.").removesuffix(".margin")]
    return market.maintenance.kind != SQRT


@rule("POL-3")
def rates_are_ordered(policy: Policy) -> Iterator[Fault]:
    """The rates of a bracket table never fall, start above 0 and end at 100 % at the most."""
    for key, rate, schedule in schedules(policy):
        below = 0
        for index, value in enumerate(rates_of(schedule)):
            where = f"{key}.brackets[{index}].{rate}"
            least = max(below, 1)
            if value < least or value > PPM:
                yield Fault("POL-3", where, f"{value:_}", f"{least:_} to {PPM:_} ppm")
            below = max(below, value)
        if schedule.kind == SQRT:
            if not 1 <= schedule.base <= PPM:
                yield Fault("POL-3", f"{key}.{rate}_base", f"{schedule.base:_}", f"1 to {PPM:_} ppm")
            if not 0 <= schedule.factor <= PPM:
                yield Fault("POL-3", f"{key}.{rate}_factor", f"{schedule.factor:_}", f"0 to {PPM:_} ppm")


COMPARABLE = ((BRACKET, BRACKET), (WHOLE, BRACKET), (WHOLE, WHOLE), (SQRT, SQRT))


@rule("POL-4")
def schedules_are_comparable(policy: Policy) -> Iterator[Fault]:
    """The kinds of a market's two schedules are a pair of which initial is never the smaller.

    Both read the same bracket table: a policy file has only one, but a policy may be made otherwise.
    """
    pairs = ", ".join(f"{initial} with {maintenance}" for initial, maintenance in COMPARABLE)
    for name, market in policy.markets.items():
        if (market.initial.kind, market.maintenance.kind) not in COMPARABLE:
            value = f"{market.initial.kind} with {market.maintenance.kind}"
            yield Fault("POL-4", f"markets.{name}.margin.initial", value, f"one of {pairs}")
        elif [tier.floor for tier in market.initial.tiers] != [
            tier.floor for tier in market.maintenance.tiers
        ]:
            key = f"markets.{name}.margin.brackets"
            yield Fault("POL-4", key, "two tables", "one table of brackets for both schedules")


@rule("POL-5")
def maintenance_is_below_initial(policy: Policy) -> Iterator[Fault]:
    """In every tier the maintenance rate is below the initial rate."""
    for name, market in policy.markets.items():
        key = f"markets.{name}.margin"
        pairs = zip(rates_of(market.initial), rates_of(market.maintenance), strict=False)
        for index, (initial, maintenance) in enumerate(pairs):
            if maintenance >= initial:
                where = f"{key}.brackets[{index}].maintenance"
                yield Fault("POL-5", where, f"{maintenance:_}", f"below {initial:_} ppm, the initial rate")
        if (market.initial.kind, market.maintenance.kind) == (SQRT, SQRT):
            if market.maintenance.base >= market.initial.base:
                valid = f"below {market.initial.base:_} ppm, the initial base"
                yield Fault("POL-5", f"{key}.maintenance_base", f"{market.maintenance.base:_}", valid)
            if market.maintenance.factor > market.initial.factor:
                valid = f"at most {market.initial.factor:_} ppm, the initial factor"
                yield Fault("POL-5", f"{key}.maintenance_factor", f"{market.maintenance.factor:_}", valid)


@rule("POL-6")
def largest_size_is_payable(policy: Policy) -> Iterator[Fault]:
    """A size-scaled rate reaches 100 % at the market's largest size at the earliest."""
    for name, market in policy.markets.items():
        for rate, schedule in (("initial", market.initial), ("maintenance", market.maintenance)):
            if schedule.kind == SQRT and schedule.factor * schedule.factor * market.size_max > PPM * PPM:
                key = f"markets.{name}.margin.{rate}_factor"
                valid = f"factor x factor x size_max at most {PPM * PPM:_}; size_max is {market.size_max:_}"
                yield Fault("POL-6", key, f"{schedule.factor:_}", valid)


@rule("POL-7")
def penalty_is_a_share(policy: Policy) -> Iterator[Fault]:
    """A liquidation penalty is a share of the notional: from nothing to all of it."""
    for name, market in policy.markets.items():
        if not 0 <= market.liquidation.penalty <= PPM:
            key = f"markets.{name}.liquidation.penalty"
            yield Fault("POL-7", key, f"{market.liquidation.penalty:_}", f"0 to {PPM:_} ppm")


@rule("POL-8")
def fee_is_below_maintenance(policy: Policy) -> Iterator[Fault]:
    """Both fee rates are below the lowest maintenance rate, or nobody in margin call could reduce."""
    for name, market in policy.markets.items():
        lowest = lowest_rate(market.maintenance)
        for key, fee in (("fees.taker", policy.fee_taker), ("fees.maker", policy.fee_maker)):
            if fee >= lowest:
                valid = f"below {lowest:_} ppm, {lowest_rate_key(name, market)}"
                yield Fault("POL-8", key, f"{fee:_}", valid)


@rule("POL-9")
def maintenance_covers_gap(policy: Policy) -> Iterator[Fault]:
    """The lowest maintenance rate is at least the gap of all moves between two looks: C1a and C2."""
    for name, market in policy.markets.items():
        lowest = lowest_rate(market.maintenance)
        if market.gap < 1:
            yield Fault("POL-9", f"markets.{name}.gap", f"{market.gap:_}", f"1 to {lowest:_} ppm")
        elif not 1 <= market.touch_moves <= TOUCH_MOVES_MAX:
            key = f"markets.{name}.touch_moves"
            yield Fault("POL-9", key, f"{market.touch_moves:_}", f"1 to {TOUCH_MOVES_MAX:_} moves")
        elif lowest < gap_of_moves(market.gap, market.touch_moves):
            needed = gap_of_moves(market.gap, market.touch_moves)
            moves = "the gap" if market.touch_moves == 1 else f"the gap of {market.touch_moves:_} moves"
            valid = f"at least {needed:_} ppm, {moves}; or a smaller markets.{name}.gap"
            yield Fault("POL-9", lowest_rate_key(name, market), f"{lowest:_}", valid)


@rule("POL-10")
def rebate_is_paid_by_taker(policy: Policy) -> Iterator[Fault]:
    """The taker's fee is a rate, and a maker's rebate is at most the taker's fee."""
    if not 0 <= policy.fee_taker <= PPM:
        yield Fault("POL-10", "fees.taker", f"{policy.fee_taker:_}", f"0 to {PPM:_} ppm")
    if not -policy.fee_taker <= policy.fee_maker <= PPM:
        valid = f"{-policy.fee_taker:_} (the taker's fee as a rebate) to {PPM:_} ppm"
        yield Fault("POL-10", "fees.maker", f"{policy.fee_maker:_}", valid)


@rule("POL-11")
def funding_has_resolution(policy: Policy) -> Iterator[Fault]:
    """A market's funding cap is a rate, and one basis point at its least price is a whole quantum."""
    for name, market in policy.markets.items():
        if not 0 <= market.funding_cap <= PPM:
            key = f"markets.{name}.funding_cap"
            yield Fault("POL-11", key, f"{market.funding_cap:_}", f"0 to {PPM:_} ppm")
        if BASIS_POINT * market.price_min * market.multiplier < PPM and market.multiplier >= 1:
            least = ceil_div(PPM, BASIS_POINT * market.multiplier)
            valid = f"at least {least:_} ticks, where 1 basis point is 1 quantum per lot"
            yield Fault("POL-11", f"markets.{name}.price_min", f"{market.price_min:_}", valid)


@rule("POL-12")
def prices_are_ordered(policy: Policy) -> Iterator[Fault]:
    """A market's least price is at least one tick, and its highest is not below it."""
    for name, market in policy.markets.items():
        if market.price_min < 1:
            yield Fault("POL-12", f"markets.{name}.price_min", f"{market.price_min:_}", "at least 1 tick")
        if market.price_max < market.price_min:
            valid = f"at least {market.price_min:_}, price_min"
            yield Fault("POL-12", f"markets.{name}.price_max", f"{market.price_max:_}", valid)


@rule("POL-13")
def limits_are_proved(policy: Policy) -> Iterator[Fault]:
    """Every limit lies in the domain for which the fast path is proved."""
    if not 1 <= policy.venue_total_max <= CUSTODY_MAX:
        yield Fault(
            "POL-13", "limits.venue_total_max", f"{policy.venue_total_max:_}", f"1 to {CUSTODY_MAX:_} quanta"
        )
    if not 1 <= policy.positions_max <= POSITIONS_MAX:
        yield Fault("POL-13", "limits.positions_max", f"{policy.positions_max:_}", f"1 to {POSITIONS_MAX}")
    for name, market in policy.markets.items():
        for key, value, most in (
            ("multiplier", market.multiplier, MULTIPLIER_MAX),
            ("size_max", market.size_max, SIZE_MAX),
            ("price_max", market.price_max, PRICE_MAX),
        ):
            if not 1 <= value <= most:
                yield Fault("POL-13", f"markets.{name}.{key}", f"{value:_}", f"1 to {most:_}")
        largest = market.size_max * market.price_max * market.multiplier
        if largest > NOTIONAL_MAX:
            valid = f"size_max x price_max x multiplier at most {NOTIONAL_MAX:_} quanta; it is {largest:_}"
            yield Fault("POL-13", f"markets.{name}.size_max", f"{market.size_max:_}", valid)


@rule("POL-14")
def band_is_a_share(policy: Policy) -> Iterator[Fault]:
    """A trade may be off the mark by a share of it, below 100 %."""
    for name, market in policy.markets.items():
        if not 0 <= market.band < PPM:
            yield Fault("POL-14", f"markets.{name}.band", f"{market.band:_}", f"0 to {PPM - 1:_} ppm")


@rule("POL-15")
def transfer_rate_is_a_share(policy: Policy) -> Iterator[Fault]:
    """What must stay behind a withdrawal is a share of the notional."""
    if not 0 <= policy.transfer_rate <= PPM:
        yield Fault("POL-15", "transfer_rate", f"{policy.transfer_rate:_}", f"0 to {PPM:_} ppm")


@rule("POL-16")
def pools_are_markets(policy: Policy) -> Iterator[Fault]:
    """There is a market; none is named like the cross pool; isolated pools are markets, each once."""
    if not policy.markets:
        yield Fault("POL-16", "markets", "no market", "at least one market")
    if "cross" in policy.markets:
        yield Fault("POL-16", "markets.cross", "cross", "any name but that of the cross pool")
    for index, name in enumerate(policy.isolated):
        if name not in policy.markets:
            yield Fault("POL-16", f"isolated[{index}]", name, "the name of a market of this policy")
        elif name in policy.isolated[:index]:
            yield Fault("POL-16", f"isolated[{index}]", name, "each market once")


@rule("POL-17")
def draw_period_passes(policy: Policy) -> Iterator[Fault]:
    """Draws on a fund are counted over a period of at least one millisecond."""
    if policy.draw_period < 1:
        yield Fault("POL-17", "insurance.draw_period", f"{policy.draw_period:_}", "at least 1 millisecond")


@rule("POL-18")
def stages_are_known(policy: Policy) -> Iterator[Fault]:
    """The stages of a bankruptcy are known, each once, in the order of the law, and there is at least one."""
    if not policy.stages:
        valid = f"at least one of {', '.join(STAGES)}; without any, nobody pays but the fund"
        yield Fault("POL-18", "stages", "no stage", valid)
    for index, stage in enumerate(policy.stages):
        if stage not in STAGES:
            yield Fault("POL-18", f"stages[{index}]", stage, f"one of {', '.join(STAGES)}")
        elif stage in policy.stages[:index]:
            yield Fault("POL-18", f"stages[{index}]", stage, "each stage once")
    known = [STAGES.index(stage) for stage in policy.stages if stage in STAGES]
    if known != sorted(known):
        valid = f"in the order {', '.join(STAGES)}"
        yield Fault("POL-18", "stages", ", ".join(policy.stages), valid)


@rule("POL-19")
def takeover_needs_backstop(policy: Policy) -> Iterator[Fault]:
    """Accounts are taken over below a share of their margin, and only where a backstop takes lots at all."""
    trigger = policy.takeover_trigger
    if not 0 <= trigger <= PPM:
        yield Fault("POL-19", "takeover.trigger", f"{trigger:_}", f"0 (never) to {PPM:_} ppm")
    elif trigger > 0 and BACKSTOP_STAGE not in policy.stages:
        valid = f"0 (never); or {BACKSTOP_STAGE} among the stages"
        yield Fault("POL-19", "takeover.trigger", f"{trigger:_}", valid)


@rule("POL-20")
def funds_may_pay(policy: Policy) -> Iterator[Fault]:
    """Every pool has a draw limit of its fund, of at least one quantum; a backstop's notional is bounded."""
    for pool in pools_of(policy):
        if pool not in policy.draw_limits:
            valid = f"1 to {CUSTODY_MAX:_} quanta"
            yield Fault("POL-20", f"insurance.draw_limits.{pool}", "missing", valid)
    for pool, limit in policy.draw_limits.items():
        if pool not in pools_of(policy):
            valid = f"one of the pools {', '.join(pools_of(policy))}"
            yield Fault("POL-20", f"insurance.draw_limits.{pool}", pool, valid)
        elif not 1 <= limit <= CUSTODY_MAX:
            valid = f"1 to {CUSTODY_MAX:_} quanta; a fund that may pay nothing protects nobody"
            yield Fault("POL-20", f"insurance.draw_limits.{pool}", f"{limit:_}", valid)
    largest = policy.backstop_notional_max
    if not 0 <= largest <= CUSTODY_MAX:
        yield Fault(
            "POL-20", "insurance.backstop_notional_max", f"{largest:_}", f"0 to {CUSTODY_MAX:_} quanta"
        )


@rule("POL-21")
def size_rule_has_its_terms(policy: Policy) -> Iterator[Fault]:
    """Each size rule has the terms it reads, within bounds, and no term that nothing reads."""
    least_buffer = 2 if policy.trigger == AT_OR_BELOW else 1
    for name, market in policy.markets.items():
        key = f"markets.{name}.liquidation"
        rules = market.liquidation
        if rules.size == FRACTION:
            if not 1 <= rules.fraction <= PPM:
                yield Fault("POL-21", f"{key}.fraction", f"{rules.fraction:_}", f"1 to {PPM:_} ppm")
            if not 0 <= rules.whole_below <= NOTIONAL_MAX:
                valid = f"0 to {NOTIONAL_MAX:_} quanta"
                yield Fault("POL-21", f"{key}.whole_below", f"{rules.whole_below:_}", valid)
        elif rules.fraction != 0 or rules.whole_below != 0:
            yield Fault("POL-21", f"{key}.fraction", f"{rules.fraction:_}", f"only with size = {FRACTION}")
        if rules.size == RESTORE:
            if not least_buffer <= rules.buffer <= NOTIONAL_MAX:
                valid = f"{least_buffer} to {NOTIONAL_MAX:_} quanta under trigger {policy.trigger}"
                yield Fault("POL-21", f"{key}.buffer", f"{rules.buffer:_}", valid)
        elif rules.buffer != 0:
            yield Fault("POL-21", f"{key}.buffer", f"{rules.buffer:_}", f"only with size = {RESTORE}")
        if rules.size == TIER_STEP and market.maintenance.kind == SQRT:
            yield Fault("POL-21", f"{key}.size", rules.size, "another rule: a sqrt schedule has no brackets")


@rule("POL-22")
def fill_band_is_a_share(policy: Policy) -> Iterator[Fault]:
    """A liquidation fill may be off the mark by a share of it, below 100 %."""
    for name, market in policy.markets.items():
        if not 0 <= market.liquidation.band < PPM:
            key = f"markets.{name}.liquidation.band"
            yield Fault("POL-22", key, f"{market.liquidation.band:_}", f"0 to {PPM - 1:_} ppm")


CHECKERS: tuple[Checker, ...] = (
    choices_are_known,
    brackets_are_contiguous,
    rates_are_ordered,
    schedules_are_comparable,
    maintenance_is_below_initial,
    largest_size_is_payable,
    penalty_is_a_share,
    fee_is_below_maintenance,
    maintenance_covers_gap,
    rebate_is_paid_by_taker,
    funding_has_resolution,
    prices_are_ordered,
    limits_are_proved,
    band_is_a_share,
    transfer_rate_is_a_share,
    pools_are_markets,
    draw_period_passes,
    stages_are_known,
    takeover_needs_backstop,
    funds_may_pay,
    size_rule_has_its_terms,
    fill_band_is_a_share,
)


def faults(policy: Policy) -> tuple[Fault, ...]:
    """Everything that is wrong with a policy, in the order of the rules; empty for a valid one."""
    return tuple(fault for check in CHECKERS for fault in check(policy))
