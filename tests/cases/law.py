"""How a case is put before the law: whole units, a policy, a venue whose books balance, an answer.

The limits that a case says nothing about are as wide as chapter 13 admits and the case asks for; everything
else comes from the case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from refmodel.numbers import PPM, ceil_div
from refmodel.policy import (
    ADL_STAGE,
    BYBIT,
    FULL,
    PROFIT,
    QUEUE,
    REFUSE,
    TO_ACCOUNT,
    UP_TO_CUSTODY,
    WHOLE,
    Liquidation,
    Market,
    Policy,
    Schedule,
    Tier,
    pools_of,
)
from refmodel.postings import books_gap, lots_gap
from refmodel.state import CROSS, HOUSE, Account, OpenOrders, Pool, Position, Venue, backstop_of
from refmodel.validity import BASIS_POINT, CUSTODY_MAX, NOTIONAL_MAX, PRICE_MAX, SIZE_MAX

CUSTODY = CUSTODY_MAX // 10
"""Quanta that a venue has, unless a case says how many: more than its accounts need."""
MARKS_AWAY = 1_000
"""A price may be so many times the mark, where the sizes of the case leave room for it."""

Case = dict[str, Any]
Answers = dict[str, Any]
Adapter = Callable[[Case], Answers]


@dataclass(frozen=True)
class Said:
    """A number of the law, in the venue's unit, and how far rounding alone may take it from the venue's.

    bound  in the venue's unit, without the venue's own stated tolerance
    rule   the rule that rounds
    """

    value: Fraction
    bound: Fraction = Fraction(0)
    rule: str = ""


def unit_of(*values: Fraction) -> Fraction:
    """The largest power of ten, at most 1, of which every value is a whole multiple."""
    unit = Fraction(1)
    while any((value / unit).denominator != 1 for value in values):
        unit /= 10
        assert unit > Fraction(1, 10**30), f"no decimal unit for {values}"
    return unit


def whole(value: Fraction, unit: Fraction) -> int:
    """A value as a count of units; it has to be whole."""
    count = value / unit
    assert count.denominator == 1, f"{value} is not a whole number of {unit}"
    return int(count)


def ppm(rate: str) -> int:
    """A published rate as whole ppm; it has to be whole."""
    return whole(Fraction(rate), Fraction(1, PPM))


def flat(rate: int) -> Schedule:
    """A schedule with one tier: this rate, in ppm, on everything."""
    return Schedule(WHOLE, (Tier(0, rate),))


FREE = Liquidation(FULL, 0, PPM - 1)
"""Closing an account out takes everything at once and costs nothing, unless the case says otherwise."""


def market_of(
    multiplier: int, initial: Schedule, maintenance: Schedule, liquidation: Liquidation = FREE
) -> Market:
    """A market with these schedules; its limits on prices and sizes are chosen by `fitted`."""
    return Market(
        multiplier=multiplier,
        price_min=1,
        price_max=PRICE_MAX,
        size_max=SIZE_MAX,
        band=PPM - 1,
        gap=1,
        touch_moves=1,
        funding_cap=PPM,
        initial=initial,
        maintenance=maintenance,
        liquidation=liquidation,
    )


def shared_floors(rate: int, maintenance: Schedule) -> Schedule:
    """One initial rate on everything, in the table of brackets of a maintenance schedule (POL-4)."""
    return Schedule(WHOLE, tuple(Tier(tier.floor, 0 if tier.floor else rate) for tier in maintenance.tiers))


def policy_of(
    markets: Mapping[str, Market], trigger: str, fee_taker: int = 0, isolated: tuple[str, ...] = ()
) -> Policy:
    """A policy with these markets."""
    return Policy(
        name="published",
        asset="USD",
        trigger=trigger,
        bad_debt_gate=REFUSE,
        transfer_rate=0,
        fee_taker=fee_taker,
        fee_maker=0,
        venue_total_max=CUSTODY_MAX,
        positions_max=64,
        stages=(ADL_STAGE,),
        takeover_trigger=0,
        takeover_remainder=TO_ACCOUNT,
        draw_period=1,
        draw_limits=dict.fromkeys((CROSS, *isolated), CUSTODY_MAX),
        backstop_notional_max=0,
        adl_ranking=BYBIT,
        adl_allocation=QUEUE,
        payers=PROFIT,
        isolated=isolated,
        markets=markets,
    )


def venue_of(
    policy: Policy, marks: Mapping[str, int], accounts: Mapping[str, Account], custody: int | None = None
) -> Venue:
    """A venue whose books balance: `others` hold the opposite positions and offer lots in every market.

    custody  quanta; the wallet of `others` makes up for the rest of it. Where accounts own more than that,
             the difference is bad debt, and the gate is the one that lets out what is there (WDR-1, WDR-4)
    """
    held = {market: -sum(size_in(account, market) for account in accounts.values()) for market in marks}
    multipliers = {market: policy.markets[market].multiplier for market in marks}
    opposite = {
        market: Position(size, size * marks[market] * multipliers[market])
        for market, size in held.items()
        if size != 0
    }
    claims = sum(paid_in_by(account) for account in accounts.values())
    owed_to_others = -sum(position.cost for position in opposite.values())
    total = max(CUSTODY, 2 * claims) if custody is None else custody
    if total > policy.venue_total_max:
        policy = replace(policy, venue_total_max=2 * total)
    left = total - claims - owed_to_others
    bad_debt = max(-left, 0)
    if bad_debt > 0:
        policy = replace(policy, bad_debt_gate=UP_TO_CUSTODY)
    others = Account("others", CROSS, max(left, 0), opposite, {})
    pools = {pool: Pool(bad_debt=bad_debt if pool == CROSS else 0) for pool in pools_of(policy)}
    backstops = {backstop_of(pool): Account(HOUSE, pool, 0, {}, {}) for pool in pools}
    venue = fitted(Venue(policy, 0, marks, {**accounts, "others": others, **backstops}, pools, total))
    assert books_gap(venue) == 0
    assert all(lots_gap(venue, market) == 0 for market in marks)
    return venue


def fitted(venue: Venue) -> Venue:
    """The venue with limits on prices and sizes that POL-11 to POL-13 admit and no position of it exceeds.

    A case that is beyond what they admit is asked all the same, and has no vector of kind event or query.
    `others` offer half of the lots that these limits leave: as many may come on top.
    """
    markets, offers = {}, {}
    for name, terms in venue.policy.markets.items():
        mark, lot = venue.marks[name], terms.multiplier
        largest = max([1, *(abs(size_in(account, name)) for account in venue.accounts.values())])
        price_min = ceil_div(PPM, BASIS_POINT * lot)
        most = min(MARKS_AWAY * mark, NOTIONAL_MAX // (lot * largest), PRICE_MAX)
        price_max = max(price_min, mark, most) if most >= mark else MARKS_AWAY * mark
        size_max = min(max(NOTIONAL_MAX // (lot * price_max), largest), SIZE_MAX)
        markets[name] = replace(terms, price_min=price_min, price_max=price_max, size_max=size_max)
        offered = (size_max - abs(size_in(venue.accounts["others"], name))) // 2
        if offered > 0:
            offers[name] = OpenOrders(offered, offered)
    others = replace(venue.accounts["others"], orders=offers)
    policy = replace(venue.policy, markets=markets)
    return replace(venue, policy=policy, accounts={**venue.accounts, "others": others})


def size_in(account: Account, market: str) -> int:
    return account.positions[market].size if market in account.positions else 0


def paid_in_by(account: Account) -> int:
    """What an account has put in: its wallet less the cost of its positions, quanta."""
    return account.wallet - sum(position.cost for position in account.positions.values())


def least_accepted(attempt: Callable[[int], bool], most: int) -> int:
    """The least whole number from 0 to `most` that is accepted; from there on everything is."""
    assert attempt(most)
    low, high = -1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if attempt(middle) else (middle, high)
    return high
