"""The columns of a venue: how accounts, positions, markets and schedules lie in memory.

A structure of arrays. Every column is a one-dimensional, C-contiguous numpy array of exactly the type
named here, and is read where it lies: nothing is copied, nothing converted. Rows of an account are
consecutive (first_position), in strictly ascending order of their market.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastpath import domain

LINE = np.dtype(
    [
        ("initial_amount_whole", np.int64),
        ("maintenance_amount_whole", np.int64),
        ("initial_rate", np.int32),
        ("initial_amount_rest", np.int32),
        ("maintenance_rate", np.int32),
        ("maintenance_amount_rest", np.int32),
    ]
)
"""One tier in its published form: rate x notional - amount, the amount split by PPM; half a cache line."""

FLOOR_BEYOND = np.iinfo(np.int64).max
"""Fills a schedule up to the common width: no notional is above it."""


class ColumnError(ValueError):
    """A column that the fast path does not take; nothing was computed.

    column  its name
    row     the first row at fault, or None if the column as a whole is
    bound   what would have been right
    """

    def __init__(self, column: str, row: int | None, value: object, bound: str) -> None:
        self.column = column
        self.row = row
        self.value = value
        self.bound = bound
        place = column if row is None else f"{column}[{row}]"
        super().__init__(f"{place} is {value}; it must be {bound}")


@dataclass(frozen=True, slots=True, eq=False)
class Schedules:
    """The margin schedules of m markets, ready for lookup: made once per policy by prepare_schedules.

    initial_kind, maintenance_kind      int8[m], an index into domain.SCHEDULE_KINDS
    initial_base, maintenance_base      int64[m], ppm, for `sqrt`
    initial_factor, maintenance_factor  int64[m], ppm per square root of lots, for `sqrt`
    width                               1, 4, 16 or 64: at least the largest number of tiers
    floors                              int64[m * width], quanta; FLOOR_BEYOND after the last tier
    lines                               LINE[m * width]
    """

    initial_kind: np.ndarray
    maintenance_kind: np.ndarray
    initial_base: np.ndarray
    maintenance_base: np.ndarray
    initial_factor: np.ndarray
    maintenance_factor: np.ndarray
    width: int
    floors: np.ndarray
    lines: np.ndarray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Columns:
    """What `evaluate` reads.

    n accounts
        wallet          int64[n], quanta
        first_position  int64[n + 1]: account i has the rows first_position[i] to first_position[i + 1]
    k positions
        market          int32[k], an index
        size            int64[k], signed lots; 0 where there are only orders
        cost            int64[k], quanta; 0 where the size is
        buys, sells     int64[k], lots of open orders, >= 0
    m markets
        mark            int64[m], ticks; 0 before the first price, when nobody may have a row in it
        multiplier      int64[m], quanta per lot and tick
    schedules           of the m markets, from prepare_schedules
    trigger             0 (liquidatable below the maintenance margin) or 1 (at or below it)
    """

    wallet: np.ndarray
    first_position: np.ndarray
    market: np.ndarray
    size: np.ndarray
    cost: np.ndarray
    buys: np.ndarray
    sells: np.ndarray
    mark: np.ndarray
    multiplier: np.ndarray
    schedules: Schedules
    trigger: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What `evaluate` returns, one entry per account.

    equity, margin_initial, margin_maintenance  int64[n], quanta
    status                                      int8[n], an index into domain.STATUSES
    """

    equity: np.ndarray
    margin_initial: np.ndarray
    margin_maintenance: np.ndarray
    status: np.ndarray


# ------------------------------------------------------------------------------------- schedules


def prepare_schedules(
    *,
    initial_kind: Sequence[int],
    maintenance_kind: Sequence[int],
    first_tier: Sequence[int],
    floor: Sequence[int],
    initial_rate: Sequence[int],
    maintenance_rate: Sequence[int],
    initial_base: Sequence[int],
    maintenance_base: Sequence[int],
    initial_factor: Sequence[int],
    maintenance_factor: Sequence[int],
) -> Schedules:
    """The schedules of m markets from published brackets, each with an initial and a maintenance rate.

    initial_kind, maintenance_kind  [m], index into domain.SCHEDULE_KINDS
    first_tier                      [m + 1]: market i has the tiers first_tier[i] to first_tier[i + 1],
                                    at least one unless both of its kinds are `sqrt`
    floor                           [t], quanta, ascending from 0 through a market
    initial_rate, maintenance_rate  [t], ppm of the tier itself, not falling through a market; a
                                    schedule that has no step at a floor repeats its rate there
    ..._base, ..._factor            [m], ppm, read for `sqrt`; 0 for the others
    Rounds nothing: amounts are sums on whole numbers. Errors: ColumnError.
    """
    per_market = {
        "initial_kind": initial_kind,
        "maintenance_kind": maintenance_kind,
        "initial_base": initial_base,
        "maintenance_base": maintenance_base,
        "initial_factor": initial_factor,
        "maintenance_factor": maintenance_factor,
    }
    market = {name: _whole_numbers(f"schedules.{name}", values) for name, values in per_market.items()}
    firsts = _whole_numbers("schedules.first_tier", first_tier)
    floors = _whole_numbers("schedules.floor", floor)
    rates = {
        "initial": _whole_numbers("schedules.initial_rate", initial_rate),
        "maintenance": _whole_numbers("schedules.maintenance_rate", maintenance_rate),
    }
    markets = len(market["initial_kind"])
    for name, length, right in (
        *((name, len(numbers), markets) for name, numbers in market.items()),
        ("first_tier", len(firsts), markets + 1),
        ("initial_rate", len(rates["initial"]), len(floors)),
        ("maintenance_rate", len(rates["maintenance"]), len(floors)),
    ):
        if length != right:
            raise ColumnError(f"schedules.{name}", None, f"of length {length}", f"of length {right}")
    _check_ends("schedules.first_tier", firsts, len(floors))
    for row in range(markets):
        for name, numbers in market.items():
            most = len(domain.SCHEDULE_KINDS) - 1 if name.endswith("kind") else domain.RATE_MAX
            _check_range(f"schedules.{name}", row, numbers[row], 0, most)
        only_sqrt = market["initial_kind"][row] == market["maintenance_kind"][row] == domain.SQRT
        tiers = firsts[row + 1] - firsts[row]
        least, most = (0, 0) if only_sqrt else (1, domain.TIERS_MAX)
        if not least <= tiers <= most:
            raise ColumnError("schedules.first_tier", row, f"{tiers} tiers", f"{least} to {most} tiers")

    width = 1
    while any(end - begin > width for begin, end in itertools.pairwise(firsts)):
        width *= 4
    floors_wide = np.full(markets * width, FLOOR_BEYOND, dtype=np.int64)
    lines = np.zeros(markets * width, dtype=LINE)
    for row, (begin, end) in enumerate(itertools.pairwise(firsts)):
        for tier in range(begin, end):
            if tier == begin:
                _check_range("schedules.floor", tier, floors[tier], 0, 0)
            else:
                _check_range("schedules.floor", tier, floors[tier], floors[tier - 1] + 1, domain.NOTIONAL_MAX)
        floors_wide[row * width : row * width + end - begin] = floors[begin:end]
        for side, of_side in rates.items():
            rate_below = amount = 0
            for tier in range(begin, end):
                _check_range(f"schedules.{side}_rate", tier, of_side[tier], rate_below, domain.RATE_MAX)
                # A tier of kind `whole` is the line rate x notional, with nothing subtracted.
                if market[f"{side}_kind"][row] == domain.BRACKET:
                    amount += (of_side[tier] - rate_below) * floors[tier]
                rate_below = of_side[tier]
                line = lines[row * width + tier - begin]
                line[f"{side}_rate"] = of_side[tier]
                line[f"{side}_amount_whole"] = amount // domain.PPM
                line[f"{side}_amount_rest"] = amount % domain.PPM

    schedules = Schedules(
        initial_kind=np.array(market["initial_kind"], dtype=np.int8),
        maintenance_kind=np.array(market["maintenance_kind"], dtype=np.int8),
        initial_base=np.array(market["initial_base"], dtype=np.int64),
        maintenance_base=np.array(market["maintenance_base"], dtype=np.int64),
        initial_factor=np.array(market["initial_factor"], dtype=np.int64),
        maintenance_factor=np.array(market["maintenance_factor"], dtype=np.int64),
        width=width,
        floors=floors_wide,
        lines=lines,
    )
    for name in (*per_market, "floors", "lines"):
        getattr(schedules, name).setflags(write=False)
    return schedules


def _whole_numbers(column: str, values: Sequence[int]) -> list[int]:
    """Python ints, so that amounts are exact."""
    numbers = values.tolist() if isinstance(values, np.ndarray) else list(values)
    for row, number in enumerate(numbers):
        if type(number) is not int:
            raise ColumnError(column, row, repr(number), "a whole number")
    return numbers


# ------------------------------------------------------------------------------------- the checks

ACCOUNTS, POSITIONS, MARKETS = "wallet", "market", "mark"
TYPES: dict[str, tuple[type[np.generic], str]] = {
    "wallet": (np.int64, ACCOUNTS),
    "market": (np.int32, POSITIONS),
    "size": (np.int64, POSITIONS),
    "cost": (np.int64, POSITIONS),
    "buys": (np.int64, POSITIONS),
    "sells": (np.int64, POSITIONS),
    "mark": (np.int64, MARKETS),
    "multiplier": (np.int64, MARKETS),
}
"""Every column that has one entry per account, position or market: its type, and whose length it has."""


def check_layout(columns: Columns) -> None:
    """Refuses columns that cannot be read as they lie: type, shape, order in memory, lengths, small tables.

    Everything that takes no walk over accounts or positions. Errors: ColumnError.
    """
    _check_array("first_position", columns.first_position, np.int64)
    for name, (kind, like) in TYPES.items():
        column = getattr(columns, name)
        _check_array(name, column, kind)
        length = len(getattr(columns, like))
        if len(column) != length:
            raise ColumnError(name, None, f"of length {len(column)}", f"as long as {like}: {length}")
    accounts = len(columns.wallet)
    if len(columns.first_position) != accounts + 1:
        raise ColumnError(
            "first_position",
            None,
            f"of length {len(columns.first_position)}",
            f"one longer than wallet: {accounts + 1}",
        )
    first, last = int(columns.first_position[0]), int(columns.first_position[accounts])
    rows = len(columns.market)
    _check_range("first_position", 0, first, 0, 0)
    _check_range("first_position", accounts, last, rows, rows)
    if type(columns.schedules) is not Schedules:
        raise ColumnError("schedules", None, type(columns.schedules).__name__, "made by prepare_schedules")
    if columns.trigger not in (0, 1) or isinstance(columns.trigger, bool):
        raise ColumnError("trigger", None, repr(columns.trigger), "0 or 1")
    markets = len(columns.mark)
    if len(columns.schedules.initial_kind) != markets:
        raise ColumnError(
            "schedules", None, f"of {len(columns.schedules.initial_kind)} markets", f"of {markets} markets"
        )
    outside = (columns.multiplier < 1) | (columns.multiplier > domain.MULTIPLIER_MAX)
    if outside.any():
        row = int(outside.argmax())
        _check_range("multiplier", row, int(columns.multiplier[row]), 1, domain.MULTIPLIER_MAX)
    mark_max = np.minimum(domain.PRICE_MAX, domain.NOTIONAL_MAX // columns.multiplier)
    outside = (columns.mark < 0) | (columns.mark > mark_max)
    if outside.any():
        row = int(outside.argmax())
        _check_range("mark", row, int(columns.mark[row]), 0, int(mark_max[row]))


def refusal(columns: Columns, account: int) -> ColumnError:
    """Why columns were refused: the first value outside the domain.

    account  all accounts before it were inside the domain
    """
    lots_max = market_lots_max(columns)
    for suspect in range(account, len(columns.wallet)):
        try:
            _check_account(columns, suspect, lots_max)
        except ColumnError as error:
            return error
    raise AssertionError(f"refused from account {account} on, but the check in words finds nothing there")


def _check_account(columns: Columns, account: int, lots_max_of: np.ndarray) -> None:
    """The checks of the compiled pass once more, in words, for one account."""
    begin, end = int(columns.first_position[account]), int(columns.first_position[account + 1])
    rows = len(columns.market)
    _check_range("first_position", account, begin, 0, rows)
    _check_range("first_position", account + 1, end, begin, min(rows, begin + domain.POSITIONS_MAX))
    _check_range("wallet", account, int(columns.wallet[account]), -domain.WALLET_MAX, domain.WALLET_MAX)
    market_below = -1
    for row in range(begin, end):
        market, size = int(columns.market[row]), int(columns.size[row])
        buys, sells = int(columns.buys[row]), int(columns.sells[row])
        _check_range("market", row, market, 0, len(columns.mark) - 1)
        if market <= market_below:
            raise ColumnError("market", row, market, f"above {market_below}, the market of the row before it")
        market_below = market
        _check_range("size", row, size, -domain.SIZE_MAX, domain.SIZE_MAX)
        _check_range("buys", row, buys, 0, domain.ORDERS_MAX)
        _check_range("sells", row, sells, 0, domain.ORDERS_MAX)
        lots_max = int(lots_max_of[market])
        at_risk = max(abs(size + buys), abs(size - sells))
        if at_risk > lots_max:
            value = f"{size} with buys {buys} and sells {sells}, {at_risk} lots at risk"
            raise ColumnError("size", row, value, f"at most {lots_max} lots at risk in market {market}")
        bound = domain.COST_MAX if size != 0 else 0
        _check_range("cost", row, int(columns.cost[row]), -bound, bound)


def market_lots_max(columns: Columns) -> np.ndarray:
    """The most lots at risk that a market's mark and schedules keep inside the domain; 0 without a mark."""
    schedules = columns.schedules
    value_of_lot = columns.mark * columns.multiplier
    most = np.minimum(domain.SIZE_MAX, domain.NOTIONAL_MAX // np.maximum(value_of_lot, 1))
    for kind, factor in (
        (schedules.initial_kind, schedules.initial_factor),
        (schedules.maintenance_kind, schedules.maintenance_factor),
    ):
        square = np.where(kind == domain.SQRT, factor * factor, 0)
        most = np.where(square > 0, np.minimum(most, domain.SQUARE_MAX // np.maximum(square, 1)), most)
    return np.where(value_of_lot > 0, most, 0)


def chunk_ends(columns: Columns, chunks: int) -> list[int]:
    """Where to cut the accounts so that each chunk has about as many accounts and positions.

    first_position is not checked yet: whatever it holds, the cuts ascend and cover every account.
    """
    accounts = len(columns.wallet)
    work = columns.first_position
    total = int(work[accounts])
    targets = [total * chunk // chunks for chunk in range(1, chunks)]
    cuts = np.clip(np.searchsorted(work, targets), 0, accounts)
    return [0, *np.maximum.accumulate(cuts).tolist(), accounts] if total else [0, accounts]


def _check_array(name: str, column: Any, kind: type[np.generic]) -> None:
    if type(column) is not np.ndarray:
        raise ColumnError(name, None, f"a {type(column).__name__}", "a numpy array")
    if column.dtype != np.dtype(kind) or not column.dtype.isnative:
        raise ColumnError(name, None, f"of type {column.dtype}", f"of type {np.dtype(kind)}")
    if column.ndim != 1:
        raise ColumnError(name, None, f"of {column.ndim} dimensions", "of one dimension")
    if not column.flags.c_contiguous or not column.flags.aligned:
        raise ColumnError(name, None, "strided", "contiguous and aligned")


def _check_ends(name: str, firsts: list[int], total: int) -> None:
    """That the rows of a table divide another one, in order and without a gap."""
    _check_range(name, 0, firsts[0], 0, 0)
    for row in range(1, len(firsts)):
        _check_range(name, row, firsts[row], firsts[row - 1], total)
    _check_range(name, len(firsts) - 1, firsts[-1], total, total)


def _check_range(column: str, row: int, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ColumnError(column, row, value, str(least) if least == most else f"{least} to {most}")
