"""The same evaluation as a good numpy programmer would write it: the peer that the bench measures against.

Exact on int64, in chunks that stay in the cache, no Python loop over accounts or positions, tier lookup by
a vectorised binary search, the published form of a schedule, and the same guard of the domain: so both
sides do the same work. Of schedules only the kinds `bracket` and `whole`.
"""

import numpy as np

from fastpath import Columns, Evaluation
from fastpath.columns import market_lots_max
from fastpath.domain import COST_MAX, ORDERS_MAX, POSITIONS_MAX, PPM, SIZE_MAX, SQRT, WALLET_MAX

ACCOUNTS_PER_CHUNK = 8_192
"""The fastest of 1 024, 2 048, ... 65 536 on the machine on which the bench was written."""


class OutsideTheDomain(ValueError):
    """Some value that fastpath.evaluate would refuse as well."""


def numpy_evaluate(columns: Columns, accounts_per_chunk: int = ACCOUNTS_PER_CHUNK) -> Evaluation:
    """Equity, margins and status of every account; exactly what fastpath.evaluate returns."""
    schedules = columns.schedules
    assert not ((schedules.initial_kind == SQRT) | (schedules.maintenance_kind == SQRT)).any()
    accounts, rows = len(columns.wallet), len(columns.market)
    result = Evaluation(
        equity=np.empty(accounts, dtype=np.int64),
        margin_initial=np.empty(accounts, dtype=np.int64),
        margin_maintenance=np.empty(accounts, dtype=np.int64),
        status=np.empty(accounts, dtype=np.int8),
    )
    value_of_lot = columns.mark * columns.multiplier
    lots_max = market_lots_max(columns)
    markets = len(value_of_lot)
    lines = {
        side: tuple(
            schedules.lines[f"{side}_{field}"].astype(np.int64)
            for field in ("rate", "amount_whole", "amount_rest")
        )
        for side in ("initial", "maintenance")
    }

    def line_of(market, notional):
        line = market.astype(np.int64) * schedules.width
        step = schedules.width // 2
        while step:
            line += step * (np.take(schedules.floors, line + step) < notional)
            step //= 2
        return line

    def requirement(side, line, notional):
        rates, amounts_whole, amounts_rest = lines[side]
        rate = np.take(rates, line)
        whole = notional // PPM
        margin = notional - whole * PPM
        margin *= rate
        margin -= np.take(amounts_rest, line)
        margin += PPM - 1
        margin //= PPM
        margin += rate * whole
        margin -= np.take(amounts_whole, line)
        return margin

    def total(amounts, first):
        """The sum over each account's rows; differences of a running sum, exact also where it wraps."""
        running = np.zeros(len(amounts) + 1, dtype=np.int64)
        np.cumsum(amounts, out=running[1:])
        return np.diff(running[first])

    def refuse_if(fault):
        if fault.any():
            raise OutsideTheDomain

    def outside(column, bound):
        return (column < -bound) | (column > bound)

    counts = np.diff(columns.first_position)
    refuse_if((counts < 0) | (counts > POSITIONS_MAX))
    refuse_if(outside(columns.wallet, WALLET_MAX))
    for begin in range(0, accounts, accounts_per_chunk):
        end = min(begin + accounts_per_chunk, accounts)
        first = columns.first_position[begin : end + 1]
        here = slice(first[0], first[-1])
        first = first - first[0]
        market, size, cost = columns.market[here], columns.size[here], columns.cost[here]
        buys, sells = columns.buys[here], columns.sells[here]
        refuse_if((market < 0) | (market >= markets))
        refuse_if(outside(size, SIZE_MAX) | outside(cost, COST_MAX) | ((size == 0) & (cost != 0)))
        refuse_if((buys < 0) | (buys > ORDERS_MAX) | (sells < 0) | (sells > ORDERS_MAX))
        at_risk = np.maximum(np.abs(size + buys), np.abs(size - sells))
        refuse_if(at_risk > np.take(lots_max, market))
        descends = np.empty(len(market), dtype=bool)
        descends[:1] = False
        np.less_equal(market[1:], market[:-1], out=descends[1:])
        starts = first[:-1]
        descends[starts[starts < len(market)]] = False
        refuse_if(descends)

        lot = np.take(value_of_lot, market)
        value = size * lot
        held = np.abs(value)
        risk = at_risk * lot
        equity = result.equity[begin:end]
        np.add(columns.wallet[begin:end], total(value - cost, first), out=equity)
        initial = result.margin_initial[begin:end]
        initial[:] = total(requirement("initial", line_of(market, risk), risk), first)
        maintenance = result.margin_maintenance[begin:end]
        maintenance[:] = total(requirement("maintenance", line_of(market, held), held), first)

        status = result.status[begin:end]
        status[:] = 4
        status[equity < initial] = 3
        status[equity < maintenance + columns.trigger] = 2
        status[maintenance == 0] = 1
        status[equity < 0] = 0
    assert columns.first_position[0] == 0 and columns.first_position[-1] == rows
    return result
