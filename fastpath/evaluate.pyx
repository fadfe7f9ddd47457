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
from fastpath.columns import FLOOR_BEYOND, Evaluation, check_layout, chunk_ends, market_lots_max, refusal

# As C constants: a Python name would cost a lookup per row. Asserted equal to domain.py below.
cdef enum:
    SQRT = 2
    ROWS_MAX = 256
    SIZE_BITS = 40
    ORDERS_BITS = 41
    SLOTS = 64
    STEPS_AT_ONCE = 4

cdef extern from *:
    """
    /* Tells the C compiler what the guard has made sure of: a division of what is not negative is shorter. */
    #define MARGINSPEC_ASSUME(condition) do { if (!(condition)) __builtin_unreachable(); } while (0)
    #define MARGINSPEC_HIGHEST_BIT(number) (63 ^ __builtin_clzll((number) | 1))
    #define MARGINSPEC_COST_MAX 10000000000000000LL
    #define MARGINSPEC_WALLET_MAX 1500000000000000000LL
    /* One loop is compiled for several processors; the loader picks, before a sanitizer is ready for it. */
    #if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && __GNUC__ >= 12 \
        && !defined(__SANITIZE_ADDRESS__)
    #define MARGINSPEC_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
    #else
    #define MARGINSPEC_CLONES
    #endif
    struct marginspec_rows;
    struct marginspec_block;
    MARGINSPEC_CLONES static long long marginspec_survey(
        struct marginspec_rows const *, unsigned int, struct marginspec_block *);
    MARGINSPEC_CLONES static int marginspec_accounts_inside(long long, long long const *, long long const *);
    """
    void assume "MARGINSPEC_ASSUME"(bint) noexcept nogil
    int highest_bit "MARGINSPEC_HIGHEST_BIT"(unsigned long long) noexcept nogil
    void prefetch "__builtin_prefetch"(const void*) noexcept nogil
    const unsigned long long BEYOND "0x7fffffffffffffffULL"
    const long long COST_MAX "MARGINSPEC_COST_MAX"
    const long long WALLET_MAX "MARGINSPEC_WALLET_MAX"

assert (SQRT, ROWS_MAX, COST_MAX, WALLET_MAX) == (
    domain.SQRT, domain.POSITIONS_MAX, domain.COST_MAX, domain.WALLET_MAX
), "fastpath/evaluate.pyx and fastpath/domain.py name different bounds"
assert domain.SIZE_MAX >> SIZE_BITS == domain.ORDERS_MAX >> ORDERS_BITS == 0, "survey relies on it"

CHUNKS_PER_THREAD = 8
"""More chunks than threads: a thread that the system holds up does not hold up the others."""

# One side of a line of a market at its mark, as line_margin reads it: a line fills a cache line.
cdef struct Side:
    long long gain
    long long gain_part
    int128 amount

cdef struct Line:
    Side initial
    Side maintenance

# A line as the schedules hold it (columns.LINE).
cdef struct PublishedLine:
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
    # Where a search begins (prepare_lines), and how many steps up it takes at most
    const unsigned int* starts
    long long steps
    # Of each line: the floor of the next one in lots, and the line
    const unsigned long long* ends
    const Line* lines
    # NULL if no schedule is of kind `sqrt`
    const signed char* initial_kind
    const signed char* maintenance_kind
    const long long* initial_base
    const long long* maintenance_base
    const long long* initial_factor
    const long long* maintenance_factor
    long long trigger

# Where the rows of a block lie in the columns.
cdef struct Rows "marginspec_rows":
    long long count
    const int* market
    const long long* size
    const long long* cost
    const long long* buys
    const long long* sells

# What is known of at most ROWS_MAX rows while they are evaluated; it stays in the nearest cache.
cdef struct Block "marginspec_block":
    # Of each row: held, and at risk with open orders
    long long lots_held[ROWS_MAX]
    long long lots_at_risk[ROWS_MAX]
    int slot_held[ROWS_MAX]
    int slot_at_risk[ROWS_MAX]
    # Where their lines begin, in bytes
    unsigned int line_held[ROWS_MAX]
    unsigned int line_at_risk[ROWS_MAX]
    # The rows whose lots at risk are not the lots held
    int ordered[ROWS_MAX]
    long long running_equity[ROWS_MAX + 1]
    long long running_initial[ROWS_MAX + 1]
    long long running_maintenance[ROWS_MAX + 1]


cdef long long survey "marginspec_survey"(
    const Rows* rows, unsigned int market_count, Block* block
) noexcept nogil:
    """The guard of the rows of a block, their lots, and where to look for their lines.

    returns  how many rows do not stand in a higher market than the row before; -1 if a row is outside the
             domain, but for lots_max, which is compared in value_rows
    Loops without a branch, a table or a running total, so that several rows are looked at in one instruction.
    A bit of `outside` is the sign of a difference that must not be negative, or of what must be zero.
    |size|, buys and sells below 2**41 cannot overflow when added, and then |size| <= lots at risk <= SIZE_MAX
    says the rest: buys and sells are at most ORDERS_MAX.
    """
    cdef long long row, count = rows.count, size, held, at_risk
    cdef unsigned long long cost, no_size, some_cost, lots = 0, outside = 0
    cdef unsigned int unknown = 0
    cdef int descents = 0
    for row in range(count):
        size = rows.size[row]
        cost = rows.cost[row]
        lots |= <unsigned long long>size + (<unsigned long long>1 << SIZE_BITS)
        lots |= <unsigned long long>rows.buys[row] | <unsigned long long>rows.sells[row]
        no_size = ~(<unsigned long long>size | (0 - <unsigned long long>size))
        some_cost = cost | (0 - cost)
        outside |= (COST_MAX - cost) | (COST_MAX + cost) | (no_size & some_cost)
    for row in range(count):
        unknown |= <unsigned int>rows.market[row] >= market_count
    if lots >> ORDERS_BITS != 0 or outside >> 63 != 0 or unknown != 0:
        return -1
    for row in range(1, count):
        descents += rows.market[row] <= rows.market[row - 1]
    for row in range(count):
        size = rows.size[row]
        held = size if size >= 0 else -size
        block.lots_held[row] = held
        block.slot_held[row] = rows.market[row] * SLOTS + highest_bit(held)
    for row in range(count):
        at_risk = lots_at_risk(rows.size[row], rows.buys[row], rows.sells[row])
        block.lots_at_risk[row] = at_risk
        block.slot_at_risk[row] = rows.market[row] * SLOTS + highest_bit(at_risk)
    return descents


cdef bint accounts_inside "marginspec_accounts_inside"(
    long long count, const long long* wallet, const long long* first_position
) noexcept nogil:
    """Whether wallets are inside the domain, and the accounts' rows follow one another; a loop as in survey.

    Every account begins between the first and the last row of all: then no difference of two overflows.
    """
    cdef long long account
    cdef unsigned long long outside = 0, money, begin, end, first = first_position[0]
    cdef unsigned long long last = first_position[count]
    for account in range(count):
        money, begin, end = wallet[account], first_position[account], first_position[account + 1]
        outside |= (WALLET_MAX - money) | (WALLET_MAX + money)
        outside |= (begin - first) | (last - begin) | (end - begin)
    return outside >> 63 == 0


cdef bint value_rows(
    const Market* markets, const Rows* rows, long long* ordered, Block* block
) noexcept nogil:
    """The equity of the rows of a block; False if a row has more lots at risk than its market's lots_max.

    ordered  rows with open orders that change the lots at risk
    """
    cdef long long row, changed = 0, equity = 0
    cdef const Market* market
    for row in range(rows.count):
        market = markets + rows.market[row]
        if block.lots_at_risk[row] > market.lots_max:
            return False
        equity += position_value(rows.size[row], market.value_of_lot, 1) - rows.cost[row]
        block.running_equity[row + 1] = equity
        block.ordered[changed] = <int>row
        changed += block.lots_held[row] != block.lots_at_risk[row]
    ordered[0] = changed
    return True


cdef inline unsigned int line_of(
    const Tables* tables, long long slot, long long steps, unsigned long long lots
) noexcept nogil:
    """Where the line of the tier with the largest floor below the lots begins; the first if there is none.

    Without a branch on a floor, since which tier a position is in cannot be predicted. Few floors are
    compared at once, many one after the other.
    """
    cdef unsigned long long place = tables.starts[slot]
    cdef const unsigned long long* ends = tables.ends + place
    cdef long long step
    if steps <= STEPS_AT_ONCE:
        for step in range(steps):
            place += ends[step] < lots
    else:
        for step in range(steps):
            place += tables.ends[place] < lots
    return <unsigned int>(place * sizeof(Line))


cdef inline const Line* line_at(const Tables* tables, unsigned int begin) noexcept nogil:
    return <const Line*>(<const char*>tables.lines + begin)


cdef inline long long margin(const Side* side, long long lots) noexcept nogil:
    """MAR-2 and MAR-3: a tier of kind `whole` is a line without an amount."""
    assume(lots >= 0)
    assume(lots >> SIZE_BITS == 0)
    assume(side.gain_part >= 0)
    return line_margin(lots, side.gain, side.gain_part, side.amount)


cdef inline void tier_requirements(
    const Tables* tables, const Rows* rows, long long ordered, long long steps, Block* block
) noexcept nogil:
    """MAR-5 for the rows of a block, if every schedule has tiers.

    ordered  how many rows have open orders, so that their initial margin is on other lots
    The lines are found in a loop of their own: a processor that looks ahead some hundred instructions then
    waits for the tables of several rows at once. While it multiplies, the columns of the next block are
    fetched, eight rows at a time: beyond the end of a column that asks for nothing.
    """
    cdef long long row, entry, initial = 0, maintenance = 0
    cdef unsigned int line
    for row in range(rows.count):
        line = line_of(tables, block.slot_held[row], steps, block.lots_held[row])
        block.line_held[row] = line
        block.line_at_risk[row] = line
    for entry in range(ordered):
        row = block.ordered[entry]
        block.line_at_risk[row] = line_of(tables, block.slot_at_risk[row], steps, block.lots_at_risk[row])
    for row in range(rows.count):
        if row & 7 == 0:
            prefetch(rows.size + (ROWS_MAX + row))
            prefetch(rows.cost + (ROWS_MAX + row))
            prefetch(rows.buys + (ROWS_MAX + row))
            prefetch(rows.sells + (ROWS_MAX + row))
            prefetch(rows.market + (ROWS_MAX + row))
        maintenance += margin(&line_at(tables, block.line_held[row]).maintenance, block.lots_held[row])
        block.running_maintenance[row + 1] = maintenance
        initial += margin(&line_at(tables, block.line_at_risk[row]).initial, block.lots_at_risk[row])
        block.running_initial[row + 1] = initial


cdef void tier_requirements_1(
    const Tables* tables, const Rows* rows, long long ordered, Block* block
) noexcept nogil:
    """tier_requirements where no two floors are near each other, as a constant."""
    tier_requirements(tables, rows, ordered, 1, block)


cdef void tier_requirements_4(
    const Tables* tables, const Rows* rows, long long ordered, Block* block
) noexcept nogil:
    """tier_requirements with the steps that venues' brackets need: a step too many leads nowhere."""
    tier_requirements(tables, rows, ordered, STEPS_AT_ONCE, block)


cdef void any_requirements(const Tables* tables, const Rows* rows, Block* block) noexcept nogil:
    """MAR-5 for the rows of a block, whatever the kinds."""
    cdef const Line* line
    cdef long long row, here, lots, value, initial = 0, maintenance = 0
    for row in range(rows.count):
        here = rows.market[row]
        value = tables.markets[here].value_of_lot
        lots = block.lots_at_risk[row]
        if tables.initial_kind[here] == SQRT:
            initial += sqrt_margin(
                lots, notional(lots, value, 1), tables.initial_base[here], tables.initial_factor[here]
            )
        else:
            line = line_at(tables, line_of(tables, block.slot_at_risk[row], tables.steps, lots))
            initial += margin(&line.initial, lots)
        block.running_initial[row + 1] = initial
        lots = block.lots_held[row]
        if tables.maintenance_kind[here] == SQRT:
            maintenance += sqrt_margin(
                lots, notional(lots, value, 1), tables.maintenance_base[here], tables.maintenance_factor[here]
            )
        else:
            line = line_at(tables, line_of(tables, block.slot_held[row], tables.steps, lots))
            maintenance += margin(&line.maintenance, lots)
        block.running_maintenance[row + 1] = maintenance


cdef void sum_up(
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
    cdef long long account, equity, initial, maintenance
    cdef long long first = first_position[begin], place, place_end = 0
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
    cdef Rows block_rows
    cdef long long block_end, first, last, row, account, descents_between, ordered
    block.running_equity[0] = 0
    block.running_initial[0] = 0
    block.running_maintenance[0] = 0
    while begin < end:
        first = first_position[begin]
        if not 0 <= first <= rows:
            return begin
        block_end = begin
        while block_end < end and block_end - begin < ROWS_MAX:
            if first_position[block_end + 1] > first + ROWS_MAX:
                break
            block_end += 1
        last = first_position[block_end]
        if block_end == begin or last > rows or not accounts_inside(
            block_end - begin, wallet + begin, first_position + begin
        ):
            return begin
        # Where one account follows another the markets may start again.
        row, descents_between = first, 0
        for account in range(begin + 1, block_end):
            if row < first_position[account] < last:
                row = first_position[account]
                descents_between += market[row] <= market[row - 1]

        block_rows.count = last - first
        block_rows.market = market + first
        block_rows.size = size + first
        block_rows.cost = cost + first
        block_rows.buys = buys + first
        block_rows.sells = sells + first
        if survey(&block_rows, tables.market_count, &block) != descents_between:
            return begin
        if not value_rows(tables.markets, &block_rows, &ordered, &block):
            return begin
        if tables.initial_kind != NULL:
            any_requirements(tables, &block_rows, &block)
        elif tables.steps <= 1:
            tier_requirements_1(tables, &block_rows, ordered, &block)
        elif tables.steps <= STEPS_AT_ONCE:
            tier_requirements_4(tables, &block_rows, ordered, &block)
        else:
            tier_requirements(tables, &block_rows, ordered, tables.steps, &block)
        sum_up(
            begin, block_end, wallet, first_position, tables.trigger,
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
    const unsigned int[::1] starts,
    long long steps,
    const unsigned long long[::1] ends,
    const unsigned char[::1] lines,
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
    tables.starts = &starts[0]
    tables.steps = steps
    tables.ends = &ends[0]
    tables.lines = <const Line*>&lines[0]
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


cdef void prepare_side(
    Side* side, long long value_of_lot, long long rate, long long amount_whole, long long amount_rest
) noexcept nogil:
    """A side of a line at a mark."""
    side.gain = line_gain(value_of_lot, rate)
    side.gain_part = binary_part(line_gain_rest(value_of_lot, rate))
    side.amount = line_amount(amount_whole, amount_rest)


def _prepare_lines(
    const Market[::1] markets,
    long long width,
    const long long[::1] floors,
    const PublishedLine[::1] published,
    unsigned int[::1] starts,
    unsigned long long[::1] ends,
    unsigned char[::1] lines,
):
    """The lines of every market at its mark, and where to begin the search for one.

    starts  [SLOTS * m], of a market and a number of binary digits: where the line of the fewest lots of so
            many digits is, or of no lots
    ends    [lines], the floor of the next line in lots: a notional is above a floor if and only if the lots
            are above it divided by the value of a lot (F1-floor); after the last line STEPS_AT_ONCE times
            what nothing is above
    returns how many floors at most lie among the lots of the same number of digits: the steps of a search
    """
    cdef Line* prepared = <Line*>&lines[0]
    cdef PublishedLine line
    cdef long long market, tier, value, floor, place = 0, digits, reached, steps = 0, steps_here
    for market in range(markets.shape[0]):
        value = markets[market].value_of_lot
        digits = 0
        steps_here = 0
        for tier in range(market * width, (market + 1) * width):
            line = published[tier]
            prepare_side(
                &prepared[place].initial, value,
                line.initial_rate, line.initial_amount_whole, line.initial_amount_rest,
            )
            prepare_side(
                &prepared[place].maintenance, value,
                line.maintenance_rate, line.maintenance_amount_whole, line.maintenance_amount_rest,
            )
            floor = BEYOND
            if tier + 1 < (market + 1) * width and value > 0:
                floor = floors[tier + 1]
            if floor == BEYOND:
                break
            ends[place] = floor_div(floor, value)
            reached = highest_bit(ends[place])
            steps_here = steps_here + 1 if digits > reached else 1
            steps = steps_here if steps_here > steps else steps
            while digits <= reached:
                starts[market * SLOTS + digits] = <unsigned int>place
                digits += 1
            place += 1
        while digits < SLOTS:
            starts[market * SLOTS + digits] = <unsigned int>place
            digits += 1
        for tier in range(STEPS_AT_ONCE):
            ends[place] = BEYOND
            place += 1
    return steps


def _lines_at_the_marks(schedules, markets):
    """(starts, steps, ends, lines) of _prepare_lines."""
    count = STEPS_AT_ONCE * len(markets) + np.count_nonzero(schedules.floors != FLOOR_BEYOND)
    starts = np.empty(SLOTS * len(markets), dtype=np.uint32)
    ends = np.empty(count, dtype=np.uint64)
    memory = np.empty((count + 1) * sizeof(Line), dtype=np.uint8)
    lines = memory[-memory.ctypes.data % sizeof(Line) :]
    steps = _prepare_lines(markets, schedules.width, schedules.floors, schedules.lines, starts, ends, lines)
    return starts, steps, ends, lines


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
    any_sqrt = SQRT in schedules.initial_kind or SQRT in schedules.maintenance_kind
    starts, steps, ends, lines = _lines_at_the_marks(schedules, markets)
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
            starts, steps, ends, lines,
            any_sqrt, schedules.initial_kind, schedules.maintenance_kind,
            schedules.initial_base, schedules.maintenance_base,
            schedules.initial_factor, schedules.maintenance_factor,
            columns.trigger,
            result.equity, result.margin_initial, result.margin_maintenance, result.status,
        )

    if threads == 1:
        refused = [evaluate_accounts(0, accounts)]
    else:
        cuts = chunk_ends(columns, threads * CHUNKS_PER_THREAD)
        with ThreadPoolExecutor(threads) as pool:
            refused = list(pool.map(evaluate_accounts, cuts[: len(cuts) - 1], cuts[1:]))
    for account in refused:
        if account >= 0:
            raise refusal(columns, account)
    return result
