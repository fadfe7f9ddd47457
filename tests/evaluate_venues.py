"""Venues and columns that the tests of fastpath.evaluate share."""

import math

import numpy as np
from hypothesis import strategies as st

from fastpath import Columns, domain, prepare_schedules
from fastpath.domain import BRACKET, WHOLE
from refmodel.policy import Schedule, Tier

RESULTS = ("equity", "margin_initial", "margin_maintenance", "status")


def array(values, kind=np.int64):
    return np.array(values, dtype=kind)


def results_of(evaluation):
    """Per account (equity, initial, maintenance, name of the status), as Python values."""
    columns = [getattr(evaluation, name).tolist() for name in RESULTS]
    columns[3] = [domain.STATUSES[code] for code in columns[3]]
    return list(zip(*columns, strict=True))


def biased(least, most):
    """Whole numbers of every magnitude, and the ends."""
    magnitudes = st.integers(0, most.bit_length()).flatmap(lambda bits: st.integers(0, (1 << bits) - 1))
    return st.sampled_from((least, most)) | magnitudes.map(lambda number: min(max(number, least), most))


@st.composite
def schedules(draw, kind, floors, most_lots):
    if kind == "sqrt":
        factor_most = min(domain.RATE_MAX, math.isqrt(domain.SQUARE_MAX // most_lots))
        return Schedule(kind, (), draw(biased(1, domain.RATE_MAX)), draw(biased(0, factor_most)))
    rates = sorted(draw(biased(1, domain.RATE_MAX)) for _ in floors)
    rises = [rate - below for rate, below in zip(rates, [0, *rates], strict=False)]
    return Schedule(kind, tuple(Tier(floor, rise) for floor, rise in zip(floors, rises, strict=True)))


def plain(
    rows, wallet=0, tiers=((0, 10_000, 5_000),), kinds=(BRACKET, BRACKET), mark=1, sqrt=(0, 0), trigger=0
):
    """One market, one account per row (size, cost, buys, sells); tiers as (floor, two rates)."""
    floor, initial_rate, maintenance_rate = zip(*tiers, strict=True) if tiers else ((), (), ())
    size, cost, buys, sells = (array(column) for column in zip(*rows, strict=True))
    return Columns(
        wallet=array([wallet] * len(rows)),
        first_position=np.arange(len(rows) + 1, dtype=np.int64),
        market=array([0] * len(rows), np.int32),
        size=size,
        cost=cost,
        buys=buys,
        sells=sells,
        mark=array([mark]),
        multiplier=array([1]),
        schedules=prepare_schedules(
            initial_kind=[kinds[0]],
            maintenance_kind=[kinds[1]],
            first_tier=[0, len(tiers)],
            floor=floor,
            initial_rate=initial_rate,
            maintenance_rate=maintenance_rate,
            initial_base=[sqrt[0]],
            maintenance_base=[sqrt[0]],
            initial_factor=[sqrt[1]],
            maintenance_factor=[sqrt[1]],
        ),
        trigger=trigger,
    )


def one_account(count, size=1, cost=0, mark=1, multiplier=1):
    """An account with a position in each of `count` markets, at 100 % margin."""
    full = dict.fromkeys(("initial_rate", "maintenance_rate"), [domain.RATE_MAX] * count)
    zeros = [0] * count
    return Columns(
        wallet=array([0]),
        first_position=array([0, count]),
        market=np.arange(count, dtype=np.int32),
        size=array([size] * count),
        cost=array([cost] * count),
        buys=array(zeros),
        sells=array(zeros),
        mark=array([mark] * count),
        multiplier=array([multiplier] * count),
        schedules=prepare_schedules(
            initial_kind=[WHOLE] * count,
            maintenance_kind=[BRACKET] * count,
            first_tier=range(count + 1),
            floor=zeros,
            **full,
            initial_base=zeros,
            maintenance_base=zeros,
            initial_factor=zeros,
            maintenance_factor=zeros,
        ),
    )
