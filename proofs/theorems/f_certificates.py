"""F3, and F2 of its kernels. Certificates: how far marks may move before an account can be liquidatable.

The slack of an account, its equity less maintenance margin and trigger, is shared out over its positions.
What a move of the mark costs the account through one position is the fall of its value plus the rise of its
margin. F3-long and F3-short: up to its tick a position costs at most its share. F3-gain: a move in its favour
costs nothing. F3-shares and F3-account: so all of them together cost at most the slack.
"""

from dataclasses import dataclass

from fastpath.domain import (
    EQUITY_MAX,
    MARGIN_MAX,
    MULTIPLIER_MAX,
    NOTIONAL_MAX,
    PRICE_EVENT_MAX,
    RATE_MAX,
    SIZE_MAX,
    SQUARE_MAX,
)
from proofs.induction import induction_over
from proofs.lemmas.contracts import requirement_is_at_least_one, root_is_rounded_up
from proofs.lemmas.tiers import TWO_TIERS, arbitrary_tiers
from proofs.machine import kernel
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.theorems.f_kernels import within
from proofs.worlds import MAINTENANCE, MARKET, market, policy
from refmodel.margin import (
    bracket_numerator,
    is_liquidatable,
    margin_maintenance,
    notional,
    requirement,
    sqrt_rate,
    top_rate,
    whole_rate,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks, ceil_div
from refmodel.policy import AT_OR_BELOW, BRACKET, SQRT, TRIGGERS, WHOLE, Schedule
from refmodel.state import CROSS, Account, Position, Venue, equity, position_value

SECOND = "N"


@theorem(
    "F3-proportion",
    rules=("MAR-2", "MAR-3", "MAR-4", "MAR-5"),
    claim="When a notional falls, the requirement of any schedule falls at least in proportion, rounded up; "
    "it is never above the notional.",
    contracts=(root_is_rounded_up,),
    witness=(
        dict(kind=0, lots=3, less=40, more=60, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=2),
        dict(kind=1, lots=3, less=40, more=60, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=2),
        dict(kind=2, lots=3, less=40, more=60, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=2),
    ),
    mutant=(
        Replace("bracket_term", "max(notional - floor, 0)", "min(notional, floor)", name="rates that fall"),
        Replace(
            "whole_term", "rise if notional > floor", "-rise if notional > floor", name="rates that fall"
        ),
    ),
)
def requirement_falls_in_proportion(
    lots: Lots, less: Quanta, more: Quanta, floor: Quanta, rise: Ppm, base: Ppm, factor: Ppm
) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(0 <= less, guard="MAR-1")
    assume(less <= more, guard="MAR-1")
    assume(lots >= 0, guard="MAR-1")
    assume(1 <= base, policy="POL-3")
    assume(base <= PPM, policy="POL-3")
    assume(0 <= factor, policy="POL-3")
    assume(factor * factor * lots <= SQUARE_MAX, policy="POL-6")
    numerator = tiers.sum_of(bracket_numerator)
    rate = tiers.sum_of(whole_rate)
    tiers.prove(lambda: numerator(more) * less >= numerator(less) * more, "the average rate never falls")
    tiers.prove(
        lambda: (
            (numerator(more) <= top_rate(tiers) * more)
            & (0 <= rate(less))
            & (rate(less) <= rate(more))
            & (rate(more) <= top_rate(tiers))
            & (top_rate(tiers) <= PPM)
        ),
        "no rate is above 100 %",
    )
    kind = choice("kind", BRACKET, WHOLE, SQRT)
    schedule = Schedule(kind, tiers, base, factor)
    if kind == BRACKET:
        before, after = numerator(more), numerator(less)
        lemma(top_rate(tiers) * more <= PPM * more, "at most the notional")
    elif kind == WHOLE:
        before, after = more * rate(more), less * rate(less)
        lemma(more * rate(more) <= PPM * more, "at most the notional")
        lemma(rate(less) * (less * more) <= rate(more) * (less * more), "at no higher a rate")
    else:
        scaled = sqrt_rate(lots, base, factor)
        lemma((0 <= scaled) & (scaled <= PPM), "a root is a rate")
        before, after = more * scaled, less * scaled
        lemma(more * scaled <= PPM * more, "at most the notional")

    held = requirement(schedule, lots, more)
    smaller = requirement(schedule, lots, less)

    lemma((smaller - 1) * PPM < after, "rounded up by less than a quantum")
    lemma(after * more <= before * less, "in proportion")
    lemma(before * less <= held * PPM * less, "rounded up")
    prove(held <= more, "never above the notional")
    if more >= 1:
        lemma((smaller - 1) * PPM * more < after * more, "of the same notional")
        prove((smaller - 1) * more < held * less, "in proportion, and less than a quantum more")


@theorem(
    "F3-tier",
    rules=("MAR-2", "MAR-3", "MAR-4", "MAR-5"),
    claim="Up to the next floor, the requirement of any schedule rises with the notional by the rate of its "
    "tier, rounded up; that of a kind other than `whole` never rises by more than the notional.",
    contracts=(root_is_rounded_up,),
    witness=(
        dict(
            kind=0, lots=3, held=51, more=9, next=70, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=2
        ),
        dict(
            kind=1, lots=3, held=40, more=10, next=50, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=2
        ),
        dict(
            kind=2, lots=3, held=40, more=99, next=50, floor=0, rise=10_000, items=TWO_TIERS, base=1, factor=2
        ),
    ),
    mutant=(
        Replace("whole_term", "notional > floor", "notional >= floor", name="a floor in the tier above"),
        Replace(
            "bracket_term", "max(notional - floor, 0)", "(notional if notional > floor else 0)", name="on all"
        ),
    ),
)
def requirement_rises_at_rate(
    lots: Lots,
    held: Quanta,
    more: Quanta,
    next: Quanta,
    floor: Quanta,
    rise: Ppm,
    base: Ppm,
    factor: Ppm,
) -> None:
    tiers = arbitrary_tiers(floor, rise)
    assume(0 <= held, guard="MAR-1")
    assume(0 <= more, guard="MAR-1")
    assume(lots >= 0, guard="MAR-1")
    assume(1 <= base, policy="POL-3")
    assume(base <= PPM, policy="POL-3")
    assume(0 <= factor, policy="POL-3")
    assume(factor * factor * lots <= SQUARE_MAX, policy="POL-6")
    # `next` is the lowest floor that the notional has not passed
    tiers.each(lambda tier: implies(tier.floor >= held, tier.floor >= next), policy="POL-2")
    numerator = tiers.sum_of(bracket_numerator)
    rate = tiers.sum_of(whole_rate)
    tiers.prove(
        lambda: (
            implies(held + more <= next, rate(held + more) == rate(held))
            & implies(held + more <= next, numerator(held + more) <= numerator(held) + rate(held) * more)
            & (numerator(held + more) <= numerator(held) + top_rate(tiers) * more)
            & (0 <= rate(held))
            & (rate(held) <= top_rate(tiers))
            & (top_rate(tiers) <= PPM)
        ),
        "no floor is passed, so no rate changes",
    )
    kind = choice("kind", BRACKET, WHOLE, SQRT)
    schedule = Schedule(kind, tiers, base, factor)
    scaled = sqrt_rate(lots, base, factor) if kind == SQRT else rate(held)
    lemma((0 <= scaled) & (scaled <= PPM), "a root is a rate, and so is a tier's")
    lemma(scaled * more <= PPM * more, "at most all of it")
    lemma(top_rate(tiers) * more <= PPM * more, "at most all of it, in the highest tier")

    now = requirement(schedule, lots, held)
    then = requirement(schedule, lots, held + more)

    if held + more <= next:
        prove(then <= now + ceil_div(scaled * more, PPM), "at the rate of the tier, rounded up")
    if (held + more <= next) | (kind != WHOLE):
        prove(then <= now + more, "at most by the notional")


def a_position(lots: Lots, mark: Ticks, multiplier: int, share: Quanta) -> None:
    """The premises on one position: within the domain of the kernels."""
    within(lots, 1, SIZE_MAX)
    within(multiplier, 1, MULTIPLIER_MAX)
    within(mark, 1, PRICE_EVENT_MAX)
    within(share, 0, EQUITY_MAX)
    assume(lots * multiplier * mark <= NOTIONAL_MAX, policy="POL-13")
    lemma((1 <= lots * multiplier) & (lots * multiplier <= lots * multiplier * mark), "a lot has a value")


@theorem(
    "F3-long",
    rules=("ACC-1", "MAR-5"),
    claim="While its mark stays above its tick, a long costs its account at most its share.",
    kernels=True,
    witness=(
        dict(lots=3, mark=1_000, multiplier=2, share=100, margin=300, after=983, margin_after=295),
        dict(lots=3, mark=1_000, multiplier=2, share=100, margin=6_000, after=1, margin_after=6),
        dict(lots=3, mark=1_000, multiplier=2, share=9_999, margin=300, after=1, margin_after=1),
    ),
    mutant=(
        Replace(
            "certificates.tick_of_fall", "mark - 1 - distance", "mark - 2 - distance", name="a tick too far"
        ),
        Replace(
            "certificates.tick_of_fall", "wide * mark // loss", "wide * mark // loss + 1", name="rounded up"
        ),
        Replace("certificates.tick_of_fall", ">= mark - 1", ">= mark - 2", name="none where there is one"),
    ),
)
def long_costs_at_most_its_share(
    lots: Lots,
    mark: Ticks,
    multiplier: int,
    share: Quanta,
    margin: Quanta,
    after: Ticks,
    margin_after: Quanta,
) -> None:
    a_position(lots, mark, multiplier, share)
    held, left = notional(lots, mark, multiplier), notional(lots, after, multiplier)
    assume(1 <= margin, theorem="B1-at-least-one")
    assume(margin <= held, theorem="F3-proportion")
    assume((margin_after - 1) * held < margin * left, theorem="F3-proportion")
    assume(1 <= after, guard="PRC-1")
    assume(after <= mark, theorem="F3-gain")  # else it gains
    lemma((0 <= share * mark) & (share * mark <= EQUITY_MAX * PRICE_EVENT_MAX), "in 104 bits")

    tick = kernel("tick_of_fall")(share, mark, held, margin)
    assume(tick < after, theorem="F3-code")  # the index looks at every position whose tick is reached

    moved = mark - after
    lemma((margin_after - 1) * mark < margin * after, "the margin falls at least in proportion to the mark")
    if held == margin:
        lemma(margin_after - 1 < lots * multiplier * after, "a margin of 100 % falls with the value")
    else:
        lemma(moved * (held - margin) <= share * mark, "as far as the share pays for")
    cost = (
        position_value(lots, mark, multiplier)
        - position_value(lots, after, multiplier)
        + margin_after
        - margin
    )
    lemma((cost - 1) * mark < moved * (held - margin), "each tick costs the value without the margin on it")
    if held != margin:
        lemma((cost - 1) * mark < share * mark, "so all of them less than the share and a quantum")

    prove(cost <= share, "the fall of value and margin together costs at most the share")


@theorem(
    "F3-short",
    rules=("ACC-1", "MAR-5"),
    claim="While its mark stays below its tick, and its notional is not above the next floor, a short costs "
    "its account at most its share.",
    kernels=True,
    witness=(
        dict(
            lots=3,
            mark=1_000,
            multiplier=2,
            share=100,
            rate=50_000,
            margin=300,
            after=1_015,
            margin_after=305,
        ),
        dict(
            lots=3,
            mark=10**12,
            multiplier=1,
            share=10**15,
            rate=0,
            margin=300,
            after=10**12,
            margin_after=300,
        ),
    ),
    mutant=(
        Replace("certificates.tick_of_rise", "+ mark + 1", "+ mark + 2", name="a tick too far"),
        Replace("certificates.tick_of_rise", "(1_000_000 + rate)", "1_000_000", name="the margin forgotten"),
    ),
)
def short_costs_at_most_its_share(
    lots: Lots,
    mark: Ticks,
    multiplier: int,
    share: Quanta,
    rate: Ppm,
    margin: Quanta,
    after: Ticks,
    margin_after: Quanta,
) -> None:
    a_position(lots, mark, multiplier, share)
    within(rate, 0, RATE_MAX)
    per_tick = lots * multiplier
    assume(mark <= after, theorem="F3-gain")  # else it gains
    within(after, 1, PRICE_EVENT_MAX)
    more = per_tick * (after - mark)
    assume(margin_after <= margin + ceil_div(rate * more, PPM), theorem="F3-tier")
    lemma((0 <= per_tick * rate) & (per_tick * rate <= per_tick * RATE_MAX), "a part of it")

    tick = kernel("tick_of_rise")(share, mark, per_tick, rate)
    assume((after < tick) | (tick == 0), theorem="F3-code")

    cost = position_value(-lots, mark, multiplier) - position_value(-lots, after, multiplier)
    lemma(cost == more, "what the mark rises is lost")
    distance = share * PPM // (per_tick * (PPM + rate))
    lemma(after - mark <= distance, "as far as the share pays for")
    lemma((after - mark) * (per_tick * (PPM + rate)) <= share * PPM, "with the margin on it")
    lemma((PPM + rate) * more <= share * PPM, "in either order")

    prove(cost + margin_after - margin <= share, "the loss and the rise of the margin cost at most the share")


@theorem(
    "F3-floor",
    rules=("MAR-1", "MAR-5"),
    claim="Below its tick a position is not above the floor of the next tier.",
    kernels=True,
    witness=(
        dict(lots=3, mark=7, multiplier=2, floor=50, after=8),
        dict(lots=1, mark=7, multiplier=1, floor=10**16, after=10**12),
    ),
    mutant=Replace(
        "certificates.tick_above_floor",
        "floor // per_tick + 1",
        "floor // per_tick + 2",
        name="a tick too far",
    ),
)
def position_stays_in_its_tier(lots: Lots, mark: Ticks, multiplier: int, floor: Quanta, after: Ticks) -> None:
    a_position(lots, mark, multiplier, 0)
    within(floor, 0, NOTIONAL_MAX)
    within(after, 1, PRICE_EVENT_MAX)

    tick = kernel("tick_above_floor")(floor, lots * multiplier)
    assume((after < tick) | (tick == 0), theorem="F3-code")

    reached = floor // (lots * multiplier)
    lemma(after <= reached, "as far as the floor")
    lemma(after * (lots * multiplier) <= reached * (lots * multiplier), "for every lot")
    prove(notional(lots, after, multiplier) <= floor, "at most the floor, so still in the tier below")


@theorem(
    "F3-gain",
    rules=("ACC-1", "MAR-5"),
    claim="A move of the mark in favour of a position costs its account nothing, the rise of its margin "
    "included; a long of kind `whole` up to the next floor.",
    witness=(
        dict(side=0, lots=3, mark=1_000, multiplier=2, margin=300, after=1_010, margin_after=303),
        dict(side=1, lots=3, mark=1_000, multiplier=2, margin=300, after=990, margin_after=297),
    ),
    mutant=Replace(
        "position_value",
        "size * mark * multiplier",
        "abs(size) * mark * multiplier",
        name="a short that gains",
    ),
)
def gains_cost_nothing(
    lots: Lots, mark: Ticks, multiplier: int, margin: Quanta, after: Ticks, margin_after: Quanta
) -> None:
    a_position(lots, mark, multiplier, 0)
    assume(1 <= after, guard="PRC-1")
    held, then = notional(lots, mark, multiplier), notional(lots, after, multiplier)
    side = choice("side", 1, -1)
    if side == 1:
        assume(mark <= after, guard="PRC-1")
        assume(margin_after <= margin + (then - held), theorem="F3-tier")
    else:
        assume(after <= mark, guard="PRC-1")
        assume(margin_after <= margin, theorem="B2-requirement-monotone")
        lemma(after * (lots * multiplier) <= mark * (lots * multiplier), "every lot gains")

    cost = position_value(side * lots, mark, multiplier) - position_value(side * lots, after, multiplier)

    prove(cost + margin_after - margin <= 0, "the gain pays for the margin")


@dataclass(frozen=True)
class Held:
    """A position, of which only its notional counts here, in quanta."""

    notional: Quanta


@theorem(
    "F3-shares",
    rules=("MAR-1",),
    claim="The shares of all positions of an account, any number of them, together are at most its slack.",
    kernels=True,
    witness=dict(slack=100, total=90, held=0, positions=(Held(30), Held(50), Held(10))),
    mutant=Replace("certificates.slack_share", "// total", "// total + 1", name="rounded up"),
)
def shares_are_within_the_slack(slack: Quanta, total: Quanta, held: Quanta) -> None:
    positions = induction_over(Held(held), "positions")
    within(slack, 0, EQUITY_MAX)
    within(total, 1, MARGIN_MAX)
    positions.each(
        lambda position: (0 <= position.notional) & (position.notional <= NOTIONAL_MAX), policy="POL-13"
    )
    positions.each(lambda position: position.notional <= total, guard="MAR-1")
    notionals = positions.ghost("notionals", 0, lambda before, position: before + position.notional)
    shares = positions.ghost("shares", 0, lambda before, position: before + share_of(slack, position, total))

    positions.prove(
        lambda: shares() * total <= slack * notionals(), "each is at most in proportion to the notional"
    )

    assume(notionals() <= total, guard="MAR-1")  # the total is the sum of them
    lemma(slack * notionals() <= slack * total, "all of the notional")
    prove(shares() <= slack, "together at most the slack")


def share_of(slack: Quanta, position: Held, total: Quanta) -> Quanta:
    """The kernel's share of one position."""
    lemma((0 <= slack * position.notional) & (slack * position.notional <= slack * total), "a part of it")
    lemma(slack * total <= EQUITY_MAX * MARGIN_MAX, "in 125 bits")
    share: Quanta = kernel("slack_share")(slack, position.notional, total)
    return share


@theorem(
    "F3-account",
    rules=("ACC-2", "MAR-7", "MAR-9"),
    claim="An account whose positions cost it at most their shares of its slack is not liquidatable.",
    structural_bound="2 positions; each further one has its own share (F3-shares)",
    kernels=True,
    contracts=(requirement_is_at_least_one,),
    witness=(
        dict(
            trigger=0,
            wallet=700,
            size=3,
            cost=90,
            mark=30,
            after=28,
            size_2=-4,
            cost_2=-80,
            mark_2=20,
            after_2=21,
        ),
        dict(
            trigger=1,
            wallet=700,
            size=3,
            cost=90,
            mark=30,
            after=28,
            size_2=-4,
            cost_2=-80,
            mark_2=20,
            after_2=21,
        ),
    ),
    mutant=(
        Replace(
            "is_liquidatable", "equity < maintenance", "equity <= maintenance", name="at the margin as well"
        ),
        Replace("certificates.slack_share", "// total", "// 1", name="all of the slack for each"),
    ),
)
def account_is_not_liquidatable(
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    mark: Ticks,
    after: Ticks,
    size_2: Lots,
    cost_2: Quanta,
    mark_2: Ticks,
    after_2: Ticks,
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    within(mark, 1, PRICE_EVENT_MAX)
    within(after, 1, PRICE_EVENT_MAX)
    within(mark_2, 1, PRICE_EVENT_MAX)
    within(after_2, 1, PRICE_EVENT_MAX)
    assume(size != 0, guard="PST-1")
    assume(size_2 != 0, guard="PST-1")
    assume(abs(size) * mark <= NOTIONAL_MAX, policy="POL-13")
    assume(abs(size_2) * mark_2 <= NOTIONAL_MAX, policy="POL-13")
    lemma(abs(size) * after >= 1, "a position has a notional")
    lemma(abs(size_2) * after_2 >= 1, "so has the other")
    account = Account(
        "owner", CROSS, wallet, {MARKET: Position(size, cost), SECOND: Position(size_2, cost_2)}, {}
    )
    terms = policy({MARKET: market(), SECOND: market()}, trigger=trigger)
    before = Venue(terms, 0, {MARKET: mark, SECOND: mark_2}, {}, {}, 0)
    later = Venue(terms, 0, {MARKET: after, SECOND: after_2}, {}, {}, 0)
    held, held_2 = notional(abs(size), mark, 1), notional(abs(size_2), mark_2, 1)
    lemma((held >= 1) & (held_2 >= 1), "both before")
    slack = equity(before, account) - margin_maintenance(before, account) - (trigger == AT_OR_BELOW)
    within(slack, 0, EQUITY_MAX)
    total = held + held_2
    lemma((0 <= slack * held) & (0 <= slack * held_2), "parts of it")
    lemma(slack * held + slack * held_2 == slack * total, "of the whole")
    lemma(slack * total <= EQUITY_MAX * total, "in 125 bits")

    share = kernel("slack_share")(slack, held, total)
    share_2 = kernel("slack_share")(slack, held_2, total)
    lemma(share * total <= slack * held, "in proportion")
    lemma(share_2 * total <= slack * held_2, "in proportion as well")
    lemma((share + share_2) * total <= slack * total, "so both together")
    lemma(share + share_2 <= slack, "are within the slack")
    for lots, old, new, part in ((size, mark, after, share), (size_2, mark_2, after_2, share_2)):
        margin = requirement(MAINTENANCE, abs(lots), notional(abs(lots), old, 1))
        margin_after = requirement(MAINTENANCE, abs(lots), notional(abs(lots), new, 1))
        loss = position_value(lots, old, 1) - position_value(lots, new, 1)
        # The move was in favour of the position, or its tick is not reached: F3-long, F3-short, F3-gain
        assume(loss + margin_after - margin <= part, theorem="F3-long")

    equity_after, maintenance_after = equity(later, account), margin_maintenance(later, account)
    prove(not is_liquidatable(equity_after, maintenance_after, trigger), "nobody may close it")


@theorem(
    "F3-code",
    rules=("PRC-1",),
    claim="A price that is no higher has a code that is no higher, so whose code is not reached is not "
    "reached; below 2**28 ticks the code is the price itself.",
    kernels=True,
    witness=(dict(price=7, other=9), dict(price=2**28 - 1, other=2**28), dict(price=2**35, other=2**35 + 1)),
    mutant=(
        Replace(
            "certificates.price_code", "code + 536_870_912", "code", name="a digit dropped and not counted"
        ),
        Replace("certificates.price_code", "code + 134_217_728", "code", name="the last one not counted"),
    ),
)
def codes_keep_the_order(price: Ticks, other: Ticks) -> None:
    within(price, 1, PRICE_EVENT_MAX)
    within(other, 1, PRICE_EVENT_MAX)
    assume(price <= other, guard="PRC-1")

    code, further = kernel("price_code")(price), kernel("price_code")(other)

    prove(code <= further, "the order is kept")
    prove((1 <= code) & (further < 2**31), "in 31 bits")
    prove(implies(price < 2**28, code == price), "nothing is lost of a price of 28 bits")
