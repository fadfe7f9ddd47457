"""A policy as the engine's tables: checked against the declared domain, names replaced by numbers."""

from dataclasses import dataclass
from typing import Any

from fastpath import domain
from fastpath.engine.core import ALLOCATIONS, SIZE_RULES
from fastpath.engine.errors import DomainError

PAYERS = ("profit", "equity")
KIND_OF_SCHEDULE = {name: code for code, name in enumerate(domain.SCHEDULE_KINDS)}


@dataclass(frozen=True, slots=True)
class ScheduleTable:
    """One schedule: its tiers are `count` from `first` on in PolicyTables.tiers."""

    kind: int
    first: int
    count: int
    base: int
    factor: int


@dataclass(frozen=True, slots=True)
class MarketTable:
    """The terms of one market."""

    multiplier: int
    size_max: int
    price_max: int
    band: int
    funding_cap: int
    initial: ScheduleTable
    maintenance: ScheduleTable
    size_rule: int
    liquidation_band: int
    penalty: int
    fraction: int
    whole_below: int
    buffer: int


@dataclass(frozen=True, slots=True)
class PolicyTables:
    """Everything that a transition reads of a policy.

    markets  in the order of identifiers
    pools    (market, draw limit): the cross pool first, whose market is -1
    tiers    (floor in quanta, rate in ppm, amount // PPM in quanta, amount % PPM), of all schedules
    """

    trigger: int
    refuse_while_bad_debt: bool
    transfer_rate: int
    fee_taker: int
    fee_maker: int
    venue_total_max: int
    positions_max: int
    stages: tuple[str, ...]
    takeover_trigger: int
    remainder_to_backstop: bool
    draw_period: int
    backstop_notional_max: int
    ranking: int
    allocation: int
    payers: int
    markets: tuple[MarketTable, ...]
    pools: tuple[tuple[int, int], ...]
    tiers: tuple[tuple[int, int, int, int], ...]


def within(field: str, value: int, least: int, most: int) -> int:
    """The value, if it is a whole number in the domain. Errors: DomainError."""
    if type(value) is not int or not least <= value <= most:
        raise DomainError(field, value, f"a whole number from {least:_} to {most:_}")
    return value


def index_of(field: str, value: str, known: tuple[str, ...]) -> int:
    """Which of the known choices it is. Errors: DomainError."""
    if value not in known:
        raise DomainError(field, value, f"one of {', '.join(known)}")
    return known.index(value)


def tables_of(policy: Any) -> PolicyTables:
    """The tables of a policy.

    policy  an object with the fields of refmodel.policy.Policy, valid by the rules of chapter 13
    Errors: DomainError if a number is outside the ranges in which the fast path is proved.
    """
    tiers: list[tuple[int, int, int, int]] = []
    names = sorted(policy.markets)
    pools = [(-1, "cross"), *((names.index(name), name) for name in policy.isolated)]
    return PolicyTables(
        trigger=index_of("trigger", policy.trigger, domain.TRIGGERS),
        refuse_while_bad_debt=policy.bad_debt_gate == "refuse",
        transfer_rate=within("transfer_rate", policy.transfer_rate, 0, domain.RATE_MAX),
        fee_taker=within("fee_taker", policy.fee_taker, 0, domain.RATE_MAX),
        fee_maker=within("fee_maker", policy.fee_maker, -domain.RATE_MAX, domain.RATE_MAX),
        venue_total_max=within("venue_total_max", policy.venue_total_max, 0, domain.CUSTODY_MAX),
        positions_max=within("positions_max", policy.positions_max, 0, domain.POSITIONS_MAX),
        stages=tuple(policy.stages),
        takeover_trigger=within("takeover_trigger", policy.takeover_trigger, 0, domain.RATE_MAX),
        remainder_to_backstop=policy.takeover_remainder == "backstop",
        draw_period=within("draw_period", policy.draw_period, 1, 2**62),
        backstop_notional_max=within(
            "backstop_notional_max", policy.backstop_notional_max, 0, domain.MARGIN_MAX
        ),
        ranking=index_of("adl_ranking", policy.adl_ranking, domain.RANKINGS),
        allocation=index_of("adl_allocation", policy.adl_allocation, ALLOCATIONS),
        payers=index_of("payers", policy.payers, PAYERS),
        markets=tuple(_market(name, policy.markets[name], tiers) for name in names),
        pools=tuple(
            (market, within(f"draw_limits.{name}", policy.draw_limits[name], 0, domain.DRAW_MAX))
            for market, name in pools
        ),
        tiers=tuple(tiers),
    )


def lots_max(terms: Any) -> int:
    """The most lots at risk that the terms of a market keep inside the domain, at any mark it may have."""
    most = min(domain.SIZE_MAX, domain.NOTIONAL_MAX // (terms.multiplier * terms.price_max))
    for schedule in (terms.initial, terms.maintenance):
        if schedule.kind == "sqrt" and schedule.factor > 0:
            most = min(most, domain.SQUARE_MAX // schedule.factor**2)
    return most


def _market(name: str, terms: Any, tiers: list[tuple[int, int, int, int]]) -> MarketTable:
    key = f"markets.{name}"
    multiplier = within(f"{key}.multiplier", terms.multiplier, 1, domain.MULTIPLIER_MAX)
    price_max = within(f"{key}.price_max", terms.price_max, 1, domain.PRICE_MAX)
    return MarketTable(
        multiplier=multiplier,
        size_max=within(f"{key}.size_max", terms.size_max, 0, lots_max(terms)),
        price_max=price_max,
        band=within(f"{key}.band", terms.band, 0, domain.RATE_MAX),
        funding_cap=within(f"{key}.funding_cap", terms.funding_cap, 0, domain.RATE_MAX),
        initial=_schedule(f"{key}.initial", terms.initial, tiers),
        maintenance=_schedule(f"{key}.maintenance", terms.maintenance, tiers),
        size_rule=index_of(f"{key}.liquidation.size", terms.liquidation.size, SIZE_RULES),
        liquidation_band=within(f"{key}.liquidation.band", terms.liquidation.band, 0, domain.RATE_MAX),
        penalty=within(f"{key}.liquidation.penalty", terms.liquidation.penalty, 0, domain.RATE_MAX),
        fraction=within(f"{key}.liquidation.fraction", terms.liquidation.fraction, 0, domain.RATE_MAX),
        whole_below=within(
            f"{key}.liquidation.whole_below", terms.liquidation.whole_below, 0, domain.CUSTODY_MAX
        ),
        buffer=within(f"{key}.liquidation.buffer", terms.liquidation.buffer, 0, domain.NOTIONAL_MAX),
    )


def _schedule(key: str, schedule: Any, tiers: list[tuple[int, int, int, int]]) -> ScheduleTable:
    kind = index_of(f"{key}.kind", schedule.kind, domain.SCHEDULE_KINDS)
    least = 0 if kind == domain.SQRT else 1
    within(f"{key}.tiers", len(schedule.tiers), least, domain.TIERS_MAX)
    first = len(tiers)
    rate = amount = 0
    for tier in schedule.tiers:
        floor = within(f"{key}.floor", tier.floor, 0, domain.NOTIONAL_MAX)
        rate = within(f"{key}.rate", rate + tier.rise, 0, domain.RATE_MAX)
        # A tier of kind `whole` is the line rate x notional, with nothing subtracted.
        if kind == domain.BRACKET:
            amount += tier.rise * floor
        tiers.append((floor, rate, amount // domain.PPM, amount % domain.PPM))
    return ScheduleTable(
        kind=kind,
        first=first,
        count=len(schedule.tiers),
        base=within(f"{key}.base", schedule.base, 0, domain.RATE_MAX),
        factor=within(f"{key}.factor", schedule.factor, 0, domain.RATE_MAX),
    )
