# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
"""Equity, margins and status of every account, in one pass over the columns.

The kernels' source is included, not imported: so the C compiler inlines them, and what is proved about
that text holds for this loop. Here are only loops, lookups and the guard of the domain.
"""

from fastpath.kernels cimport int128

include "kernels.py"

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fastpath import domain
from fastpath.columns import Evaluation, check_layout, market_lots_max, refusal

# As C constants: a Python name would cost a lookup per row. Asserted equal to domain.py below.
cdef enum:
    SQRT = 2
    ROWS_MAX = 256

cdef extern from *:
    """
    /* Tells the C compiler what the guard has made sure of: a division of what is not negative is shorter. */
    #define MARGINSPEC_ASSUME(condition) do { if (!(condition)) __builtin_unreachable(); } while (0)
    #define MARGINSPEC_COST_MAX 10000000000000000LL
    #define MARGINSPEC_WALLET_MAX 1500000000000000000LL
    """
    void assume "MARGINSPEC_ASSUME"(bint) noexcept nogil
    const long long COST_MAX "MARGINSPEC_COST_MAX"
    const long long WALLET_MAX "MARGINSPEC_WALLET_MAX"

assert (SQRT, ROWS_MAX, COST_MAX, WALLET_MAX) == (
    domain.SQRT, domain.POSITIONS_MAX, domain.COST_MAX, domain.WALLET_MAX
), "fastpath/evaluate.pyx and fastpath/domain.py name different bounds"
assert 2 * domain.SIZE_MAX == domain.ORDERS_MAX < 1 << 41, "the guard of price_rows relies on it"

CHUNKS_PER_THREAD = 8
"""More chunks than threads: a thread that the system holds up does not hold up the others."""

cdef struct Line:
    long long initial_amount_whole
    long long maintenance_amount_whole
    int initial_rate
    int initial_amount_rest
    int maintenance_rate
    int maintenance_amount_rest

cdef struct Market:
    long long value_of_lot
    long long lots_max

MARKET = np.dtype([("value_of_lot", np.int64), ("lots_max", np.int64)])

cdef struct Tables:
    const Market* markets
    unsigned int market_count
    long long width
    const unsigned long long* floors
    const Line* lines
    # NULL if no schedule is of kind `sqrt`
    const signed char* initial_kind
    const signed char* maintenance_kind
    const long long* initial_base
    const long long* maintenance_base
    const long long* initial_factor
    const long long* maintenance_factor
    long long trigger

# What is known of at most ROWS_MAX rows while they are evaluated; it stays in the nearest cache.
cdef struct Block:
    # Of each row
    const Line* line[ROWS_MAX]
    long long notional_held[ROWS_MAX]
    long long notional_at_risk[ROWS_MAX]
    long long initial[ROWS_MAX]
    # The rows whose lots at risk are not the lots held
    int ordered[ROWS_MAX]
    # Running totals
    long long running_equity[ROWS_MAX + 1]
    long long running_initial[ROWS_MAX + 1]
    long long running_maintenance[ROWS_MAX + 1]


cdef inline const Line* line_of(
    const Tables* tables, long long market, long long width, unsigned long long notional
) noexcept nogil:
    """The tier of a market with the largest floor below the notional; its first if there is none.

    First among every sixteenth floor, then every fourth, then the three between. Without a branch on a
    floor, since which tier a position is in cannot be predicted; unsigned, since then a comparison is
    counted in two instructions.
    """
    cdef unsigned long long place = market * width
    cdef unsigned long long passed
    cdef const unsigned long long* floors = tables.floors + place
    if width > 16:
        passed = floors[16] < notional
        passed += floors[32] < notional
        passed += floors[48] < notional
        floors += 16 * passed
        place += 16 * passed
    if width > 4:
        passed = floors[4] < notional
        passed += floors[8] < notional
        passed += floors[12] < notional
        floors += 4 * passed
        place += 4 * passed
    if width > 1:
        passed = floors[1] < notional
        passed += floors[2] < notional
        passed += floors[3] < notional
        place += passed
    return tables.lines + place


cdef inline long long initial_margin(const Line* line, long long notional) noexcept nogil:
    """MAR-2 and MAR-3: a tier of kind `whole` is a line without an amount."""
    assume(notional >= 0)
    assume(0 <= line.initial_rate <= 1_000_000)
    assume(0 <= line.initial_amount_rest < 1_000_000)
    return bracket_margin(notional, line.initial_rate, line.initial_amount_whole, line.initial_amount_rest)


cdef inline long long maintenance_margin(const Line* line, long long notional) noexcept nogil:
    """MAR-2 and MAR-3, as initial_margin."""
    assume(notional >= 0)
    assume(0 <= line.maintenance_rate <= 1_000_000)
    assume(0 <= line.maintenance_amount_rest < 1_000_000)
    return bracket_margin(
        notional, line.maintenance_rate, line.maintenance_amount_whole, line.maintenance_amount_rest
    )


cdef inline void tier_requirements(
    const Tables* tables, const int* market, long long count, long long ordered, long long width, Block* block
) noexcept nogil:
    """MAR-5 for the rows of a block, if every schedule has tiers.

    ordered  how many rows have open orders, so that their initial margin is on another notional
    The lines are found in a loop of their own: a processor that looks ahead some hundred instructions then
    waits for the tables of several rows at once.
    """
    cdef long long row, entry, notional, maintenance = 0
    cdef const Line* line
    for row in range(count):
        block.line[row] = line_of(tables, market[row], width, block.notional_held[row])
    for row in range(count):
        notional = block.notional_held[row]
        line = block.line[row]
        maintenance += maintenance_margin(line, notional)
        block.running_maintenance[row + 1] = maintenance
        block.initial[row] = initial_margin(line, notional)
    for entry in range(ordered):
        row = block.ordered[entry]
        notional = block.notional_at_risk[row]
        block.initial[row] = initial_margin(line_of(tables, market[row], width, notional), notional)


cdef void tier_requirements_16(
    const Tables* tables, const int* market, long long count, long long ordered, Block* block
) noexcept nogil:
    """tier_requirements at the width that venues' brackets need, as a constant."""
    tier_requirements(tables, market, count, ordered, 16, block)


cdef void any_requirements(
    const Tables* tables,
    const int* market,
    const long long* size,
    const long long* buys,
    const long long* sells,
    long long count,
    Block* block,
) noexcept nogil:
    """MAR-5 for the rows of a block, whatever the kinds."""
    cdef long long row, here, lots, notional, maintenance = 0
    for row in range(count):
        here = market[row]
        notional = block.notional_at_risk[row]
        if tables.initial_kind[here] == SQRT:
            lots = lots_at_risk(size[row], buys[row], sells[row])
            block.initial[row] = sqrt_margin(
                lots, notional, tables.initial_base[here], tables.initial_factor[here]
            )
        else:
            block.initial[row] = initial_margin(line_of(tables, here, tables.width, notional), notional)
        notional = block.notional_held[row]
        if tables.maintenance_kind[here] == SQRT:
            lots = size[row] if size[row] >= 0 else -size[row]
            maintenance += sqrt_margin(
                lots, notional, tables.maintenance_base[here], tables.maintenance_factor[here]
            )
        else:
            maintenance += maintenance_margin(line_of(tables, here, tables.width, notional), notional)
        block.running_maintenance[row + 1] = maintenance


cdef bint price_rows(
    const Market* markets,
    unsigned int market_count,
    long long count,
    const int* market,
    const long long* size,
    const long long* cost,
    const long long* buys,
    const long long* sells,
    long long* descents,
    long long* ordered,
    Block* block,
) noexcept nogil:
    """The guard, the equity and the notionals of the rows of a block; False if one is outside the domain.

    descents  rows that do not stand in a higher market than the row before
    ordered   rows with open orders that change the lots at risk
    The guard in few steps: |size|, buys and sells below 2**41 cannot overflow when added, and then
    |size| <= lots at risk <= SIZE_MAX says the rest: buys and sells are at most ORDERS_MAX.
    """
    cdef long long row, row_size, row_cost, row_buys, row_sells, at_risk, value_of_lot, value, held
    cdef long long ordered_for, descending = 0, changed = 0, equity = 0
    cdef int row_market, market_below = -1
    for row in range(count):
        row_market = market[row]
        row_size = size[row]
        row_cost = cost[row]
        row_buys = buys[row]
        row_sells = sells[row]
        if (
            <unsigned int>row_market >= market_count
            or <unsigned long long>((row_size ^ (row_size >> 63)) | row_buys | row_sells) >> 41 != 0
            or not -COST_MAX <= row_cost <= COST_MAX
        ):
            return False
        if row_size == 0 and row_cost != 0:
            return False
        descending += row_market <= market_below
        market_below = row_market
        at_risk = lots_at_risk(row_size, row_buys, row_sells)
        if at_risk > markets[row_market].lots_max:
            return False
        value_of_lot = markets[row_market].value_of_lot
        value = position_value(row_size, value_of_lot, 1)
        equity += value - row_cost
        block.running_equity[row + 1] = equity
        held = value if value >= 0 else -value
        ordered_for = notional(at_risk, value_of_lot, 1)
        block.notional_held[row] = held
        block.notional_at_risk[row] = ordered_for
        block.ordered[changed] = <int>row
        changed += ordered_for != held
    descents[0] = descending
    ordered[0] = changed
    return True


cdef void sum_up(
    long long count,
    long long begin,
    long long end,
    const long long* wallet,
    const long long* first_position,
    long long trigger,
    long long* equities,
    long long* initials,
    long long* maintenances,
    signed char* statuses,
    Block* block,
) noexcept nogil:
    """The accounts of a block: an account is the difference of two running totals of its rows."""
    cdef long long row, account, equity, initial = 0, maintenance
    cdef long long first = first_position[begin], place, place_end = 0
    for row in range(count):
        initial += block.initial[row]
        block.running_initial[row + 1] = initial
    for account in range(begin, end):
        place = place_end
        place_end = first_position[account + 1] - first
        equity = wallet[account] + block.running_equity[place_end] - block.running_equity[place]
        initial = block.running_initial[place_end] - block.running_initial[place]
        maintenance = block.running_maintenance[place_end] - block.running_maintenance[place]
        equities[account] = equity
        initials[account] = initial
        maintenances[account] = maintenance
        statuses[account] = <signed char>status(equity, initial, maintenance, trigger)


cdef long long evaluate_accounts(
    const Tables* tables,
    long long begin,
    long long end,
    long long rows,
    const long long* wallet,
    const long long* first_position,
    const int* market,
    const long long* size,
    const long long* cost,
    const long long* buys,
    const long long* sells,
    long long* equities,
    long long* initials,
    long long* maintenances,
    signed char* statuses,
) noexcept nogil:
    """Evaluates the accounts begin to end; returns -1, or the first account of a block with a fault.

    In blocks of at most ROWS_MAX rows and accounts, so that running totals obey the bound of one account.
    Within a block each loop runs over all rows, whichever account they belong to: no loop has a length
    that a processor cannot predict.
    """
    cdef Block block
    cdef long long block_end, first, last, row, descents, descents_between, ordered
    block.running_equity[0] = 0
    block.running_initial[0] = 0
    block.running_maintenance[0] = 0
    while begin < end:
        # The accounts of this block
        first = first_position[begin]
        if not 0 <= first <= rows:
            return begin
        last = first
        descents_between = 0
        block_end = begin
        while block_end < end and block_end - begin < ROWS_MAX:
            row = first_position[block_end + 1]
            if not last <= row <= rows or not -WALLET_MAX <= wallet[block_end] <= WALLET_MAX:
                return begin
            if row - first > ROWS_MAX:
                break
            # Where one account follows another the markets may start again.
            if first < last < row:
                descents_between += market[last] <= market[last - 1]
            last = row
            block_end += 1
        if block_end == begin:
            return begin

        if not price_rows(
            tables.markets, tables.market_count, last - first,
            market + first, size + first, cost + first, buys + first, sells + first,
            &descents, &ordered, &block,
        ) or descents != descents_between:
            return begin
        if tables.initial_kind != NULL:
            any_requirements(
                tables, market + first, size + first, buys + first, sells + first, last - first, &block
            )
        elif tables.width == 16:
            tier_requirements_16(tables, market + first, last - first, ordered, &block)
        else:
            tier_requirements(tables, market + first, last - first, ordered, tables.width, &block)
        sum_up(
            last - first, begin, block_end, wallet, first_position, tables.trigger,
            equities, initials, maintenances, statuses, &block,
        )
        begin = block_end
    return -1


def _evaluate_accounts(
    long long begin,
    long long end,
    const long long[::1] wallet,
    const long long[::1] first_position,
    const int[::1] market,
    const long long[::1] size,
    const long long[::1] cost,
    const long long[::1] buys,
    const long long[::1] sells,
    const Market[::1] markets,
    long long width,
    const long long[::1] floors,
    const Line[::1] lines,
    bint any_sqrt,
    const signed char[::1] initial_kind,
    const signed char[::1] maintenance_kind,
    const long long[::1] initial_base,
    const long long[::1] maintenance_base,
    const long long[::1] initial_factor,
    const long long[::1] maintenance_factor,
    long long trigger,
    long long[::1] equities,
    long long[::1] initials,
    long long[::1] maintenances,
    signed char[::1] statuses,
):
    """evaluate_accounts without the GIL."""
    cdef Tables tables
    cdef long long outcome
    if begin == end:
        return -1
    tables.markets = &markets[0]
    tables.market_count = <unsigned int>markets.shape[0]
    tables.width = width
    tables.floors = <const unsigned long long*>&floors[0]
    tables.lines = &lines[0]
    tables.initial_kind = &initial_kind[0] if any_sqrt else NULL
    tables.maintenance_kind = &maintenance_kind[0]
    tables.initial_base = &initial_base[0]
    tables.maintenance_base = &maintenance_base[0]
    tables.initial_factor = &initial_factor[0]
    tables.maintenance_factor = &maintenance_factor[0]
    tables.trigger = trigger
    with nogil:
        outcome = evaluate_accounts(
            &tables, begin, end, market.shape[0],
            &wallet[0], &first_position[0], &market[0], &size[0], &cost[0], &buys[0], &sells[0],
            &equities[0], &initials[0], &maintenances[0], &statuses[0],
        )
    return outcome


def evaluate(columns, threads=1):
    """Equity, initial margin, maintenance margin and status of every account.

    columns  Columns; read where they lie; nobody may write to them meanwhile
    threads  >= 1; the result does not depend on it
    returns  an Evaluation: new arrays, one entry per account
    Rounds as the law does: each requirement up. Errors: ColumnError for a value outside the domain, a
    wrong type, shape, length or index; then there is no result at all.
    """
    if type(threads) is not int or threads < 1:
        raise ValueError(f"threads is {threads!r}; it must be a whole number of at least 1")
    check_layout(columns)
    accounts = len(columns.wallet)
    schedules = columns.schedules
    markets = np.empty(len(columns.mark), dtype=MARKET)
    markets["value_of_lot"] = columns.mark * columns.multiplier
    markets["lots_max"] = market_lots_max(columns)
    any_sqrt = bool(
        (schedules.initial_kind == SQRT).any() or (schedules.maintenance_kind == SQRT).any()
    )
    result = Evaluation(
        equity=np.empty(accounts, dtype=np.int64),
        margin_initial=np.empty(accounts, dtype=np.int64),
        margin_maintenance=np.empty(accounts, dtype=np.int64),
        status=np.empty(accounts, dtype=np.int8),
    )

    def evaluate_accounts(begin, end):
        return _evaluate_accounts(
            begin, end,
            columns.wallet, columns.first_position,
            columns.market, columns.size, columns.cost, columns.buys, columns.sells,
            markets,
            schedules.width, schedules.floors, schedules.lines,
            any_sqrt, schedules.initial_kind, schedules.maintenance_kind,
            schedules.initial_base, schedules.maintenance_base,
            schedules.initial_factor, schedules.maintenance_factor,
            columns.trigger,
            result.equity, result.margin_initial, result.margin_maintenance, result.status,
        )

    if threads == 1:
        refused = [evaluate_accounts(0, accounts)]
    else:
        ends = _chunk_ends(columns, threads * CHUNKS_PER_THREAD)
        with ThreadPoolExecutor(threads) as pool:
            refused = list(pool.map(evaluate_accounts, ends[:-1], ends[1:]))
    for account in refused:
        if account >= 0:
            raise refusal(columns, account)
    return result


def _chunk_ends(columns, chunks):
    """Where to cut the accounts so that each chunk has about as many accounts and positions.

    first_position is not checked yet: whatever it holds, the cuts ascend and cover every account.
    """
    accounts = len(columns.wallet)
    work = columns.first_position
    total = int(work[accounts])
    targets = [total * chunk // chunks for chunk in range(1, chunks)]
    cuts = np.clip(np.searchsorted(work, targets), 0, accounts)
    return [0, *np.maximum.accumulate(cuts).tolist(), accounts] if total else [0, accounts]
