"""A made-up venue for benches: many accounts, markets with brackets as a large exchange publishes them.

Every number is drawn from a seed, so the same size gives the same columns and the same result's hash.
"""

import numpy as np

from fastpath import Columns, Schedules, prepare_schedules
from fastpath.domain import BRACKET, PPM, WHOLE

SEED = 20_251_010

# Tiers per market: how many of the 907 symbols in Binance's published USDS-M bracket list have that
# many; the mean is 8.0.
TIERS = {3: 1, 5: 19, 6: 156, 7: 137, 8: 280, 9: 151, 10: 111, 11: 50, 12: 2}
# The shape of such a list: floors in units of the settlement asset, leverage and maintenance rate in ppm.
FLOORS = (
    0, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_500_000, 3_000_000, 12_000_000, 60_000_000,
    300_000_000,
)  # fmt: skip
LEVERAGE = (75, 50, 40, 25, 20, 15, 10, 5, 4, 3, 2, 1)
MAINTENANCE = (
    6_500, 10_000, 15_000, 20_000, 25_000, 33_300, 50_000, 100_000, 125_000, 166_700, 250_000, 500_000,
)  # fmt: skip
UNIT = 10**6
"""Quanta in one unit of the settlement asset."""


def schedules_of(markets: int, rng: np.random.Generator) -> Schedules:
    """Initial margin of kind `whole`, maintenance of kind `bracket`, on the same floors."""
    counts = rng.choice(list(TIERS), size=markets, p=np.array(list(TIERS.values())) / sum(TIERS.values()))
    first_tier, floor, initial_rate, maintenance_rate = [0], [], [], []
    for count in counts:
        chosen = [0, *sorted(rng.choice(np.arange(1, len(FLOORS)), size=count - 1, replace=False).tolist())]
        scale = int(rng.integers(1, 11))
        floor += [FLOORS[tier] * UNIT * scale for tier in chosen]
        initial_rate += [-(-PPM // LEVERAGE[tier]) for tier in chosen]
        maintenance_rate += [MAINTENANCE[tier] for tier in chosen]
        first_tier.append(len(floor))
    zeros = [0] * markets
    return prepare_schedules(
        initial_kind=[WHOLE] * markets,
        maintenance_kind=[BRACKET] * markets,
        first_tier=first_tier,
        floor=floor,
        initial_rate=initial_rate,
        maintenance_rate=maintenance_rate,
        initial_base=zeros,
        maintenance_base=zeros,
        initial_factor=zeros,
        maintenance_factor=zeros,
    )


def bench_columns(accounts: int, markets: int = 300, seed: int = SEED) -> Columns:
    """Accounts with 1 to 7 positions (4 on average) in markets picked evenly: the worst for caches.

    One position in five has open orders; sizes are spread evenly over five decades of notional, so that
    every tier is met; wallets leave accounts of every status.
    """
    rng = np.random.default_rng(seed)
    schedules = schedules_of(markets, rng)
    mark = np.exp(rng.uniform(np.log(1_000), np.log(1_000_000), markets)).astype(np.int64)
    multiplier = rng.integers(1, 1_001, markets)
    counts = rng.integers(1, 8, accounts)
    first_position = np.zeros(accounts + 1, dtype=np.int64)
    np.cumsum(counts, out=first_position[1:])
    rows = int(first_position[-1])

    # Ascending markets within an account: a start, then gaps.
    gap_most = max((markets // 2) // 7, 1)
    gaps = rng.integers(1, gap_most + 1, rows)
    steps = np.cumsum(gaps)
    before = np.repeat(steps[first_position[:-1]], counts)
    start = np.repeat(rng.integers(0, markets - 6 * gap_most, accounts), counts)
    market = (start + steps - before).astype(np.int32)

    value_of_lot = (mark * multiplier)[market]
    worth = np.exp(rng.uniform(np.log(50.0), np.log(5_000_000.0), rows)) * UNIT
    lots = np.maximum((worth / value_of_lot).astype(np.int64), 1)
    size = np.where(rng.random(rows) < 0.5, lots, -lots)
    value = size * value_of_lot
    cost = value - (np.abs(value) * rng.normal(0.0, 0.02, rows)).astype(np.int64)
    ordered = rng.random(rows) < 0.2
    buys = np.where(ordered, (lots * rng.random(rows)).astype(np.int64), 0)
    sells = np.where(ordered, (lots * rng.random(rows)).astype(np.int64), 0)
    gross = np.add.reduceat(np.abs(value), first_position[:-1])
    wallet = (gross * rng.lognormal(-1.0, 1.0, accounts)).astype(np.int64)
    return Columns(
        wallet=wallet,
        first_position=first_position,
        market=market,
        size=size,
        cost=cost,
        buys=buys,
        sells=sells,
        mark=mark,
        multiplier=multiplier,
        schedules=schedules,
        trigger=0,
    )
