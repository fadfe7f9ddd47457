"""How a case is put before the law: whole units, a policy, a venue whose books balance, an answer.

The limits that a case says nothing about are as wide as can be; everything else comes from the case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from refmodel.numbers import PPM
from refmodel.policy import (
    ADL_STAGE,
    BYBIT,
    FULL,
    PROFIT,
    QUEUE,
    REFUSE,
    TO_ACCOUNT,
    WHOLE,
    Liquidation,
    Market,
    Policy,
    Schedule,
    Tier,
)
from refmodel.postings import books_gap, lots_gap
from refmodel.state import CROSS, Account, OpenOrders, Pool, Position, Venue

# Larger than anything in a case: these limits are not what the cases ask about.
UNLIMITED = 10**60

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
    """A market with these schedules; everything that a case says nothing about is as wide as can be."""
    return Market(
        multiplier=multiplier,
        price_min=1,
        price_max=UNLIMITED,
        size_max=UNLIMITED,
        band=PPM - 1,
        gap=1,
        touch_moves=1,
        funding_cap=PPM,
        initial=initial,
        maintenance=maintenance,
        liquidation=liquidation,
    )


def policy_of(
    markets: Mapping[str, Market], trigger: str, fee_taker: int = 0, isolated: tuple[str, ...] = ()
) -> Policy:
    """A policy with these markets."""
    return Policy(
        name="case",
        asset="USD",
        trigger=trigger,
        bad_debt_gate=REFUSE,
        transfer_rate=0,
        fee_taker=fee_taker,
        fee_maker=0,
        venue_total_max=UNLIMITED,
        positions_max=64,
        stages=(ADL_STAGE,),
        takeover_trigger=0,
        takeover_remainder=TO_ACCOUNT,
        draw_period=1,
        draw_limits=dict.fromkeys((CROSS, *isolated), UNLIMITED),
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

    custody  quanta; the wallet of `others` makes up for the rest of it
    """
    held = {market: -sum(size_in(account, market) for account in accounts.values()) for market in marks}
    multipliers = {market: policy.markets[market].multiplier for market in marks}
    opposite = {
        market: Position(size, size * marks[market] * multipliers[market])
        for market, size in held.items()
        if size != 0
    }
    offers = {market: OpenOrders(10**25, 10**25) for market in marks}
    claims = sum(paid_in_by(account) for account in accounts.values())
    owed_to_others = -sum(position.cost for position in opposite.values())
    total = 10**40 if custody is None else custody
    others = Account("others", CROSS, total - claims - owed_to_others, opposite, offers)
    pools = {pool: Pool() for pool in (CROSS, *policy.isolated)}
    venue = Venue(policy, 0, marks, {**accounts, "others": others}, pools, total)
    assert books_gap(venue) == 0
    assert all(lots_gap(venue, market) == 0 for market in marks)
    return venue


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
