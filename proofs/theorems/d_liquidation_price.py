"""D10. Liquidation price: the first tick against a position at which its account is liquidatable, the
other marks
fixed. That tick is liquidatable; no tick between it and the present mark is.

A requirement is the largest of its published lines. One line gives one candidate, the nearest candidate of
any
number of lines is the answer, and the real function puts them together.
"""

from dataclasses import dataclass

from proofs.contracts import establish
from proofs.induction import induction_over
from proofs.lemmas.contracts import long_candidate_is_below_mark, short_candidate_is_a_tick
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies, negation, select
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.liquidation_price import (
    Line,
    first_tick_of_long,
    first_tick_of_short,
    highest_tick,
    liquidation_price,
    lowest_tick,
    published_lines,
)
from refmodel.margin import (
    bracket_numerator,
    is_liquidatable,
    notional,
    published_amount,
    standing_of,
    top_rate,
    whole_rate,
)
from refmodel.numbers import PPM, Lots, Ppm, Quanta, QuantaPpm, Ticks, ceil_div
from refmodel.policy import BRACKET, TRIGGERS, WHOLE, Schedule, Tier


def fails(side: int, lots: Lots, multiplier: int, room: QuantaPpm, price: Ticks, line: Line) -> bool:
    """What it means that a position of this side (+1 long, -1 short) fails a line at a price."""
    held = notional(lots, price, multiplier)
    return (room + side * PPM * held < line.rate * held - line.amount) & (held > line.above)


@theorem(
    "D10-long-line",
    rules=("MAR-14",),
    claim="The candidate of a line is the highest tick below the mark at which a long fails it; "
    "without a candidate "
    "there is none.",
    witness=(
        dict(lots=3, multiplier=2, room=-50_000_000, mark=50, price=20, rate=50_000, amount=0, above=0),
        dict(lots=3, multiplier=2, room=50_000_000, mark=50, price=20, rate=50_000, amount=0, above=0),
    ),
    mutant=(
        Replace("first_tick_of_long", "slope) - 1", "slope)", name="off by one tick"),
        Replace(
            "first_tick_of_long", "(PPM - line.rate)", "(PPM + line.rate)", name="margin falls the wrong way"
        ),
    ),
)
def candidate_of_a_long_is_the_first(
    lots: Lots,
    multiplier: int,
    room: QuantaPpm,
    mark: Ticks,
    price: Ticks,
    rate: Ppm,
    amount: QuantaPpm,
    above: Quanta,
) -> None:
    assume(lots >= 1, guard="PST-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(1 <= price, guard="PRC-1")
    assume(price < mark, guard="MAR-14")
    line = Line(rate, amount, above)
    assume(negation(fails(1, lots, multiplier, room, mark, line)), guard="MAR-14")  # not liquidatable yet
    unit = lots * multiplier
    lemma(unit >= 1, "a lot has a value at every tick")
    lemma(unit * price < unit * mark, "which falls with the price")

    establish(long_candidate_is_below_mark, lots, multiplier, room, mark, line)
    tick = first_tick_of_long(lots, multiplier, room, mark, line)

    lemma(notional(lots, price, multiplier) == unit * price, "the notional at the price")
    lemma(
        (PPM - rate) * lots * multiplier * price == (PPM - rate) * (unit * price), "the slope times the price"
    )
    prove((0 <= tick) & (tick < mark), "the candidate is below the mark")
    if tick >= 1:
        lemma(
            (PPM - rate) * lots * multiplier * tick == (PPM - rate) * (unit * tick),
            "the slope times the tick",
        )
        prove(fails(1, lots, multiplier, room, tick, line), "the position fails the line there")
        if price > tick:
            lemma((PPM - rate) * (unit * price) >= (PPM - rate) * (unit * (tick + 1)), "the line is straight")
            prove(
                negation(fails(1, lots, multiplier, room, price, line)), "and at no tick nearer to the mark"
            )
    else:
        if rate < PPM:
            reached = ceil_div(-(room + amount), (PPM - rate) * lots * multiplier) - 1
            lemma(
                notional(lots, reached, multiplier) == unit * reached,
                "the notional where the line is crossed",
            )
            if price > reached:
                lemma(
                    (PPM - rate) * (unit * price) >= (PPM - rate) * (unit * (reached + 1)),
                    "the line is straight",
                )
            else:
                lemma(unit * price <= unit * reached, "below it the notional is smaller still")
        else:
            lemma(
                (PPM - rate) * (unit * price) >= (PPM - rate) * (unit * mark),
                "a line that steep only recedes",
            )
        prove(
            negation(fails(1, lots, multiplier, room, price, line)),
            "without a candidate it fails nowhere below",
        )


@theorem(
    "D10-short-line",
    rules=("MAR-14",),
    claim="The candidate of a line is the lowest tick at which a short fails it, and it fails it "
    "from there on.",
    witness=dict(lots=3, multiplier=2, room=50_000_000, price=20, rate=50_000, amount=0, above=0),
    mutant=(
        Replace("first_tick_of_short", "slope) + 1", "slope)", name="off by one tick"),
        Replace(
            "first_tick_of_short",
            "line.above, lots * multiplier) + 1",
            "line.above, lots * multiplier)",
            name="the level itself counts",
        ),
    ),
)
def candidate_of_a_short_is_the_first(
    lots: Lots, multiplier: int, room: QuantaPpm, price: Ticks, rate: Ppm, amount: QuantaPpm, above: Quanta
) -> None:
    assume(lots >= 1, guard="PST-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(1 <= price, guard="PRC-1")
    assume(rate >= 0, policy="POL-3")
    line = Line(rate, amount, above)
    unit = lots * multiplier
    lemma(unit >= 1, "a lot has a value at every tick")
    lemma((PPM + rate) * lots * multiplier == (PPM + rate) * unit, "the slope per tick")

    establish(short_candidate_is_a_tick, lots, multiplier, room, line)
    tick = first_tick_of_short(lots, multiplier, room, line)

    lemma(notional(lots, price, multiplier) == unit * price, "the notional at the price")
    lemma(notional(lots, tick, multiplier) == unit * tick, "the notional at the tick")
    lemma(
        (PPM + rate) * lots * multiplier * price == (PPM + rate) * (unit * price), "the slope times the price"
    )
    lemma((PPM + rate) * lots * multiplier * tick == (PPM + rate) * (unit * tick), "the slope times the tick")
    prove(tick >= 1, "the candidate is a price")
    prove(fails(-1, lots, multiplier, room, tick, line), "the position fails the line there")
    if price < tick:
        prove(negation(fails(-1, lots, multiplier, room, price, line)), "and at no lower tick")


@theorem(
    "D10-nearest-of-long",
    rules=("MAR-14",),
    claim="Of any number of lines, the nearest candidate is the highest tick below the mark at which "
    "a long fails one.",
    contracts=(long_candidate_is_below_mark,),
    witness=dict(
        lots=3,
        multiplier=2,
        room=-50_000_000,
        mark=50,
        price=8,
        rate=50_000,
        amount=0,
        above=0,
        items=(Line(50_000, 0, 0), Line(300_000, 20_000_000, 0)),
    ),
    mutant=Replace("highest_tick", "mark, line) for", "mark, line) - 1 for", name="off by one tick"),
)
def nearest_candidate_of_a_long(
    lots: Lots,
    multiplier: int,
    room: QuantaPpm,
    mark: Ticks,
    price: Ticks,
    rate: Ppm,
    amount: QuantaPpm,
    above: Quanta,
) -> None:
    lines = induction_over(Line(rate, amount, above))
    assume(1 <= price, guard="PRC-1")
    assume(price < mark, guard="MAR-14")
    tick = lines.max_of(highest_tick)
    fails_one = lines.ghost(
        "fails_one", 0, lambda before, line: select(fails(1, lots, multiplier, room, price, line), 1, before)
    )
    lines.each(
        lambda line: (
            implies(
                fails(1, lots, multiplier, room, price, line),
                price <= first_tick_of_long(lots, multiplier, room, mark, line),
            )
            & implies(
                first_tick_of_long(lots, multiplier, room, mark, line) == price,
                fails(1, lots, multiplier, room, price, line),
            )
        ),
        theorem="D10-long-line",
    )

    lines.prove(
        lambda: (
            implies(fails_one() == 1, price <= tick(lots, multiplier, room, mark))
            & implies(tick(lots, multiplier, room, mark) == price, fails_one() == 1)
            & (tick(lots, multiplier, room, mark) >= 0)
            & (tick(lots, multiplier, room, mark) < mark)
        ),
        "the nearest candidate is where the first line fails",
    )

    nearest = highest_tick(lines, lots, multiplier, room, mark)
    if price > nearest:
        prove(fails_one() != 1, "nearer to the mark no line fails")
    if price == nearest:
        prove(fails_one() == 1, "at the tick one does")


@theorem(
    "D10-nearest-of-short",
    rules=("MAR-14",),
    claim="Of any number of lines, the nearest candidate is the lowest tick at which a short fails one.",
    contracts=(short_candidate_is_a_tick,),
    witness=dict(
        lots=3,
        multiplier=2,
        room=50_000_000,
        price=8,
        beyond=100,
        rate=50_000,
        amount=0,
        above=0,
        items=(Line(50_000, 0, 0), Line(300_000, 20_000_000, 0)),
    ),
    mutant=Replace("lowest_tick", "room, line) for", "room, line) + 1 for", name="off by one tick"),
)
def nearest_candidate_of_a_short(
    lots: Lots,
    multiplier: int,
    room: QuantaPpm,
    price: Ticks,
    beyond: Ticks,
    rate: Ppm,
    amount: QuantaPpm,
    above: Quanta,
) -> None:
    lines = induction_over(Line(rate, amount, above))
    assume(lots >= 1, guard="PST-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(1 <= price, guard="PRC-1")
    assume(price < beyond, policy="POL-12")
    lines.each(lambda line: line.rate >= 0, policy="POL-3")
    tick = lines.min_of(lowest_tick)
    fails_one = lines.ghost(
        "fails_one", 0, lambda before, line: select(fails(-1, lots, multiplier, room, price, line), 1, before)
    )
    lines.each(
        lambda line: (
            implies(
                fails(-1, lots, multiplier, room, price, line),
                price >= first_tick_of_short(lots, multiplier, room, line),
            )
            & implies(
                first_tick_of_short(lots, multiplier, room, line) == price,
                fails(-1, lots, multiplier, room, price, line),
            )
        ),
        theorem="D10-short-line",
    )

    lines.prove(
        lambda: (
            implies(fails_one() == 1, price >= tick(lots, multiplier, room, beyond))
            & implies(tick(lots, multiplier, room, beyond) == price, fails_one() == 1)
        ),
        "the nearest candidate is where the first line fails",
    )

    nearest = lowest_tick(lines, lots, multiplier, room, beyond)
    if price < nearest:
        prove(fails_one() != 1, "nearer to the mark no line fails")
    if price == nearest:
        prove(fails_one() == 1, "at the tick one does")


@dataclass(frozen=True)
class PublishedTier:
    """A tier together with the line that `published_lines` makes of it and the tiers below."""

    floor: Quanta
    rise: Ppm
    rate: Ppm
    amount: QuantaPpm
    above: Quanta


TIERS_WITH_LINES = (PublishedTier(0, 10_000, 10_000, 0, 0), PublishedTier(50, 20_000, 30_000, 1_000_000, 0))
LEVELS_WITH_LINES = (PublishedTier(0, 10_000, 10_000, 0, 0), PublishedTier(50, 20_000, 30_000, 0, 50))


@theorem(
    "D10-bracket-lines",
    rules=("MAR-13", "MAR-2"),
    claim="A marginal requirement exceeds an amount exactly if one of its published lines does, for "
    "any number of tiers.",
    witness=dict(
        held=60, limit=500_000, floor=0, rise=10_000, rate=10_000, amount=0, above=0, items=TIERS_WITH_LINES
    ),
    mutant=Replace("bracket_term", "max(notional - floor, 0)", "notional", name="the floor forgotten"),
)
def marginal_requirement_is_its_lines(
    held: Quanta, limit: QuantaPpm, floor: Quanta, rise: Ppm, rate: Ppm, amount: QuantaPpm, above: Quanta
) -> None:
    tiers = induction_over(PublishedTier(floor, rise, rate, amount, above))
    assume(held >= 1, guard="MAR-1")
    numerator = tiers.sum_of(bracket_numerator)
    rates = tiers.sum_of(top_rate)
    amounts = tiers.sum_of(published_amount)
    last_floor = tiers.ghost("last_floor", 0, lambda _, tier: tier.floor)
    count = tiers.ghost("count", 0, lambda number, _: number + 1)
    exceeded = tiers.ghost(
        "exceeded",
        0,
        lambda before, tier: select(
            (limit < tier.rate * held - tier.amount) & (held > tier.above), 1, before
        ),
    )
    tiers.each(lambda tier: tier.floor >= last_floor(), policy="POL-2")
    tiers.each(lambda tier: implies(count() == 0, tier.floor == 0), policy="POL-2")
    tiers.each(lambda tier: tier.rise >= 0, policy="POL-3")
    tiers.each(lambda tier: tier.rate == rates() + tier.rise, theorem="D10-published-lines")
    tiers.each(lambda tier: tier.amount == amounts() + tier.rise * tier.floor, theorem="D10-published-lines")
    tiers.each(lambda tier: tier.above == 0, theorem="D10-published-lines")

    tiers.prove(
        lambda: (
            (numerator(held) >= rates() * held - amounts())
            & implies(held >= last_floor(), numerator(held) == rates() * held - amounts())
            & implies(count() == 0, exceeded() == 0)
            & implies((count() >= 1) & (exceeded() == 1), limit < numerator(held))
            & implies((count() >= 1) & (limit < numerator(held)), exceeded() == 1)
            & (count() >= 0)
            & (last_floor() >= 0)
        ),
        "the requirement is the largest of the lines",
    )
    assume(count() >= 1, policy="POL-2")

    if exceeded() == 1:
        prove(limit < bracket_numerator(held, tiers), "a line above the limit means a requirement above it")
    if limit < bracket_numerator(held, tiers):
        prove(exceeded() == 1, "a requirement above the limit means a line above it")


@theorem(
    "D10-whole-lines",
    rules=("MAR-13", "MAR-3"),
    claim="A requirement on the whole notional exceeds an amount exactly if one of its lines does, "
    "for any number of tiers.",
    witness=dict(
        held=60, limit=500_000, floor=0, rise=10_000, rate=10_000, amount=0, above=0, items=LEVELS_WITH_LINES
    ),
    mutant=Replace("whole_term", "notional > floor", "notional >= floor", name="off by one at the boundary"),
)
def whole_requirement_is_its_lines(
    held: Quanta, limit: QuantaPpm, floor: Quanta, rise: Ppm, rate: Ppm, amount: QuantaPpm, above: Quanta
) -> None:
    tiers = induction_over(PublishedTier(floor, rise, rate, amount, above))
    assume(held >= 1, guard="MAR-1")
    reached = tiers.sum_of(whole_rate)
    rates = tiers.sum_of(top_rate)
    last_floor = tiers.ghost("last_floor", -1, lambda _, tier: tier.floor)
    count = tiers.ghost("count", 0, lambda number, _: number + 1)
    exceeded = tiers.ghost(
        "exceeded",
        0,
        lambda before, tier: select(
            (limit < tier.rate * held - tier.amount) & (held > tier.above), 1, before
        ),
    )
    tiers.each(lambda tier: tier.floor > last_floor(), policy="POL-2")
    tiers.each(lambda tier: implies(count() == 0, tier.floor == 0), policy="POL-2")
    tiers.each(lambda tier: tier.rise >= 0, policy="POL-3")
    tiers.each(lambda tier: tier.rise * held >= 0, policy="POL-3")
    tiers.each(lambda tier: tier.rate == rates() + tier.rise, theorem="D10-published-lines")
    tiers.each(lambda tier: tier.amount == 0, theorem="D10-published-lines")
    tiers.each(lambda tier: tier.above == tier.floor, theorem="D10-published-lines")

    tiers.prove(
        lambda: (
            implies(held > last_floor(), reached(held) == rates())
            & implies(count() == 0, (exceeded() == 0) & (last_floor() == -1))
            & implies((count() >= 1) & (exceeded() == 1), limit < held * reached(held))
            & implies((count() >= 1) & (limit < held * reached(held)), exceeded() == 1)
            & (count() >= 0)
        ),
        "the requirement is the line of the tier reached",
    )
    assume(count() >= 1, policy="POL-2")

    if exceeded() == 1:
        prove(limit < held * whole_rate(held, tiers), "a line above the limit means a requirement above it")
    if limit < held * whole_rate(held, tiers):
        prove(exceeded() == 1, "a requirement above the limit means a line above it")


@theorem(
    "D10-published-lines",
    rules=("MAR-13",),
    claim="Each published line has the rate and the amount of its tier and of all tiers below it.",
    structural_bound="3 tiers: the lines are sums over the tiers up to each, by their own code",
    witness=(
        dict(kind=0, rise_0=1, rise_1=2, rise_2=3, floor_1=10, floor_2=20),
        dict(kind=1, rise_0=1, rise_1=2, rise_2=3, floor_1=10, floor_2=20),
    ),
    mutant=Replace(
        "published_lines",
        "schedule.tiers[: index + 1]",
        "schedule.tiers[:index]",
        name="a tier rate off by one",
    ),
)
def published_lines_are_running_sums(
    rise_0: Ppm, rise_1: Ppm, rise_2: Ppm, floor_1: Quanta, floor_2: Quanta
) -> None:
    kind = choice("kind", BRACKET, WHOLE)
    tiers = (Tier(0, rise_0), Tier(floor_1, rise_1), Tier(floor_2, rise_2))

    lines = published_lines(Schedule(kind, tiers), 1)

    rate = 0
    amount = 0
    prove(len(lines) == 3, "one line per tier")
    for line, tier in zip(lines, tiers, strict=True):
        rate += tier.rise
        amount += tier.rise * tier.floor
        prove(line.rate == rate, "the rate is the sum of the rises so far")
        prove(
            line.amount == (amount if kind == BRACKET else 0), "the amount as well, for a marginal schedule"
        )
        prove(
            line.above == (0 if kind == BRACKET else tier.floor), "a line on the whole counts above its floor"
        )


@theorem(
    "D10-price",
    rules=("MAR-14", "MAR-9"),
    claim="At the liquidation price the account is liquidatable, and at no tick between it and the mark.",
    structural_bound="1 market with 1 tier; any tiers by D10-bracket-lines and D10-whole-lines, "
    "other markets are "
    "constants in equity and margin",
    effort=3.0,
    witness=(
        dict(
            kind=0,
            trigger=0,
            side=0,
            lots=3,
            wallet=-10_000,
            cost=0,
            mark=4_000,
            price=3_700,
            multiplier=1,
            rate=50_000,
        ),
        dict(
            kind=1,
            trigger=1,
            side=1,
            lots=3,
            wallet=15_000,
            cost=0,
            mark=4_000,
            price=4_100,
            multiplier=1,
            rate=50_000,
        ),
    ),
    mutant=Replace("liquidation_price", "at = 1 if", "at = 0 if", name="the trigger ignored"),
)
def liquidation_price_is_the_first_tick(
    lots: Lots, wallet: Quanta, cost: Quanta, mark: Ticks, price: Ticks, multiplier: int, rate: Ppm
) -> None:
    kind = choice("kind", BRACKET, WHOLE)
    trigger = choice("trigger", *TRIGGERS)
    side = choice("side", 1, -1)
    assume(lots >= 1, guard="PST-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(1 <= rate, policy="POL-3")
    assume(rate <= PPM, policy="POL-3")
    assume(1 <= mark, guard="PRC-1")
    assume(1 <= price, guard="PRC-1")
    schedule = Schedule(kind, (Tier(0, rate),))
    terms = policy({MARKET: market(multiplier, maintenance=schedule, price_max=10**12)}, trigger=trigger)
    account = holder(wallet, side * lots, cost)
    at_mark = venue(terms, {"a": account}, mark)

    tick = liquidation_price(at_mark, account, MARKET)

    if tick is not None:
        there = standing_of(venue(terms, {"a": account}, tick), account)
        prove(is_liquidatable(there.equity, there.maintenance, trigger), "at the price it is liquidatable")
        prove(side * (mark - tick) > 0, "the price is against the position")
    if (side * (mark - price) >= 0) & (price <= terms.markets[MARKET].price_max):
        here = standing_of(at_mark, account)
        then = standing_of(venue(terms, {"a": account}, price), account)
        already = is_liquidatable(here.equity, here.maintenance, trigger)
        if not already and (tick is None or side * (price - tick) > 0):
            first = not is_liquidatable(then.equity, then.maintenance, trigger)
            prove(first, "and at no tick between it and the mark")
