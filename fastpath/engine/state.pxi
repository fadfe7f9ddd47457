# The state of a venue as records in memory, and what every transition reads from it.
#
# Accounts, owners, markets and pools are dense integers; markets are numbered in the order of their identifiers,
# so that ascending numbers are the law's order. Which account comes before which says AccountRecord.place.
# Rows (positions and resting orders) of an account are consecutive, in ascending order of their market, in a block
# whose size is a power of two; a block that is outgrown goes to a free list.

from libc.stdlib cimport calloc, free, qsort
from libc.string cimport memcpy, memmove

cdef enum:
    BRACKET_KIND = 0
    WHOLE_KIND = 1
    SQRT_KIND = 2
    BLOCK_CLASSES = 20
    NOBODY = -1
    ROWS_OF_AN_ACCOUNT = 256    # domain.POSITIONS_MAX

# What is in a state besides its rules.
cdef enum:
    FLAG_RESERVED = 1      # an identifier or an owner that only genesis gives
    FLAG_TOUCHED = 2       # changed by the event that is being applied
    FLAG_DIRTY = 4         # changed since the liquidation index looked (watch.pxi)

cdef struct TierRecord:
    long long floor
    long long amount_whole
    int amount_rest
    int rate

cdef struct ScheduleRecord:
    const TierRecord* tiers
    int count
    int kind
    int base
    int factor

cdef struct MarketRecord:
    long long mark              # ticks, 0 before the first price
    long long value_of_lot      # quanta: mark x multiplier
    long long multiplier
    long long size_max
    long long price_max
    long long band
    long long funding_cap
    ScheduleRecord initial
    ScheduleRecord maintenance
    int size_rule               # index into SIZE_RULES
    int liquidation_band
    int penalty
    int fraction
    long long whole_below
    long long buffer

cdef struct Row:
    long long size
    long long cost
    long long buys
    long long sells
    int market
    int spare

cdef struct AccountRecord:
    long long wallet
    long long first             # its first row
    int owner
    int pool                    # NOBODY: an identifier that is known, of an account that is not open
    int place                   # of its identifier in the order of identifiers
    short rows
    unsigned char block         # 0: none, else its rows have room for 2 ** (block - 1)
    unsigned char flags

cdef struct PoolRecord:
    long long fund
    long long fee_pool
    long long bad_debt
    long long draw_period
    long long drawn
    long long draw_limit
    int market                  # NOBODY for the cross pool
    int spare

# One posting, as results carry it: 32 bytes.
cdef struct Entry:
    unsigned char kind
    unsigned char stage
    unsigned short rule
    int holder
    int market
    int spare
    long long amount
    long long second

cdef struct RefusalRecord:
    int rule
    int reason
    long long numbers[4]

# Why an event could not be computed: a value that left the domain, or memory that the system did not give.
cdef struct FaultRecord:
    int field                   # index into FAULTS, 0: none
    int holder
    long long value

# An account as it was before the event that is being applied.
cdef struct SavedAccount:
    int account
    int spare
    AccountRecord record
    long long first_saved

cdef struct Index

cdef struct State:
    # The policy
    long long trigger           # 0 below, 1 at or below
    bint refuse_while_bad_debt
    long long transfer_rate
    long long fee_taker
    long long fee_maker
    long long venue_total_max
    long long positions_max
    bint stage_backstop
    bint stage_holders
    bint stage_adl
    bint stage_fund_residue
    bint stage_payers
    long long takeover_trigger
    bint remainder_to_backstop
    long long draw_period
    long long backstop_notional_max
    long long ranking           # index into RANKINGS
    int allocation              # index into ALLOCATIONS
    long long payers            # 0 profit, 1 equity
    MarketRecord* markets
    int market_count
    TierRecord* tiers
    PoolRecord* pools
    int pool_count
    # The venue
    long long clock
    long long custody
    AccountRecord* accounts
    long long account_count
    long long account_capacity
    Row* rows
    long long row_count
    long long row_capacity
    long long free_blocks[BLOCK_CLASSES]
    int* order                  # open accounts in the order of their identifiers
    long long order_capacity
    int* owner_place            # place of each owner in the order of owners
    long long owner_capacity
    long long owner_count
    # What the event that is being applied has done
    Entry* entries
    long long entry_count
    long long entry_capacity
    RefusalRecord refusal
    FaultRecord fault
    int* touched
    long long touched_count
    long long touched_capacity
    # What it may have to take back
    bint journaling
    SavedAccount* saved
    long long saved_count
    long long saved_capacity
    Row* saved_rows
    long long saved_row_count
    long long saved_row_capacity
    PoolRecord* saved_pools
    long long* saved_marks
    long long saved_clock
    long long saved_custody
    # For the liquidation index: accounts that changed since it looked
    bint watching
    Index* index                # NULL: none
    int* dirty
    long long dirty_count
    long long dirty_capacity

cdef struct Standing:
    long long equity
    long long initial
    long long maintenance
    long long notional


# ------------------------------------------------------------------------------------- memory


cdef bint grow(void** block, long long* capacity, long long needed, size_t item) noexcept nogil:
    """Room for so many items; what is there stays. False if the system gives no more memory."""
    cdef long long room = capacity[0]
    cdef void* larger
    if needed <= room:
        return True
    room = room + room // 2 if room >= 1_000_000 else 2 * room
    if room < needed:
        room = needed
    if room < 64:
        room = 64
    larger = larger_block(block[0], capacity[0] * item, room * item)
    if larger == NULL:
        return False
    block[0] = larger
    capacity[0] = room
    return True


cdef long long set_fault(State* st, int field, int holder, long long value) noexcept nogil:
    """Notes the first fault of an event; returns -1."""
    if st.fault.field == 0:
        st.fault.field = field
        st.fault.holder = holder
        st.fault.value = value
    return -1


cdef void release_block(State* st, long long first, int block) noexcept nogil:
    if block > 0:
        st.rows[first].size = st.free_blocks[block - 1]
        st.free_blocks[block - 1] = first


cdef long long take_block(State* st, int block) noexcept nogil:
    """The first row of a block with room for 2 ** (block - 1) rows; -1 without memory."""
    cdef long long first = st.free_blocks[block - 1]
    cdef long long room = 1 << (block - 1)
    if first >= 0:
        st.free_blocks[block - 1] = st.rows[first].size
        return first
    if not grow(<void**>&st.rows, &st.row_capacity, st.row_count + room, sizeof(Row)):
        return set_fault(st, FAULT_MEMORY, NOBODY, 0)
    first = st.row_count
    st.row_count += room
    return first


# ------------------------------------------------------------------------------------- rows


cdef inline Row* find_row(const State* st, const AccountRecord* account, int market) noexcept nogil:
    """The row of an account in a market, or NULL."""
    cdef Row* row = st.rows + account.first
    cdef int count = account.rows
    while count > 0:
        if row.market >= market:
            return row if row.market == market else NULL
        row += 1
        count -= 1
    return NULL


cdef Row* row_for(State* st, int name, int market) noexcept nogil:
    """The row of an account in a market, a new empty one if it has none; NULL without memory.

    It may move other rows: pointers to rows that were taken before are not good any more.
    """
    cdef AccountRecord* account = &st.accounts[name]
    cdef Row* row = find_row(st, account, market)
    cdef long long first, place
    if row != NULL:
        return row
    if account.block == 0 or account.rows == 1 << (account.block - 1):
        first = take_block(st, account.block + 1)
        if first < 0:
            return NULL
        if account.rows > 0:
            memcpy(st.rows + first, st.rows + account.first, account.rows * sizeof(Row))
        release_block(st, account.first, account.block)
        account.first = first
        account.block += 1
    row = st.rows + account.first
    place = 0
    while place < account.rows and row[place].market < market:
        place += 1
    memmove(row + place + 1, row + place, (account.rows - place) * sizeof(Row))
    row += place
    row.market = market
    row.size = 0
    row.cost = 0
    row.buys = 0
    row.sells = 0
    row.spare = 0
    account.rows += 1
    return row


cdef void drop_empty_row(State* st, int name, int market) noexcept nogil:
    """Nothing is kept of a market in which there are neither lots nor orders."""
    cdef AccountRecord* account = &st.accounts[name]
    cdef Row* row = find_row(st, account, market)
    cdef long long after
    if row == NULL or row.size != 0 or row.buys != 0 or row.sells != 0:
        return
    after = account.rows - (row - (st.rows + account.first)) - 1
    memmove(row, row + 1, after * sizeof(Row))
    account.rows -= 1


cdef inline int positions_of(const State* st, const AccountRecord* account) noexcept nogil:
    """In how many markets an account holds lots."""
    cdef Row* row = st.rows + account.first
    cdef int place, held = 0
    for place in range(account.rows):
        held += row[place].size != 0
    return held


# ------------------------------------------------------------------------------------- the journal


cdef bint touch(State* st, int name) noexcept nogil:
    """Notes that an event changes an account, before it does; False without memory.

    While a transition keeps a journal, the account is saved the first time.
    """
    cdef AccountRecord* account = &st.accounts[name]
    cdef SavedAccount* saved
    if account.flags & FLAG_TOUCHED:
        return True
    if not grow(<void**>&st.touched, &st.touched_capacity, st.touched_count + 1, sizeof(int)):
        set_fault(st, FAULT_MEMORY, NOBODY, 0)
        return False
    if st.journaling:
        if not grow(
            <void**>&st.saved, &st.saved_capacity, st.saved_count + 1, sizeof(SavedAccount)
        ) or not grow(
            <void**>&st.saved_rows, &st.saved_row_capacity, st.saved_row_count + account.rows, sizeof(Row)
        ):
            set_fault(st, FAULT_MEMORY, NOBODY, 0)
            return False
        saved = &st.saved[st.saved_count]
        saved.account = name
        saved.record = account[0]
        saved.first_saved = st.saved_row_count
        if account.rows > 0:
            memcpy(st.saved_rows + st.saved_row_count, st.rows + account.first, account.rows * sizeof(Row))
        st.saved_row_count += account.rows
        st.saved_count += 1
    if st.watching and not account.flags & FLAG_DIRTY:
        if not grow(<void**>&st.dirty, &st.dirty_capacity, st.dirty_count + 1, sizeof(int)):
            set_fault(st, FAULT_MEMORY, NOBODY, 0)
            return False
        st.dirty[st.dirty_count] = name
        st.dirty_count += 1
        account.flags |= FLAG_DIRTY
    account.flags |= FLAG_TOUCHED
    st.touched[st.touched_count] = name
    st.touched_count += 1
    return True


cdef bint reserve(State* st) noexcept nogil:
    """Room for all that an event outside the waterfall can write, so that it cannot fail half-way.

    A transition that may write more keeps a journal.
    """
    return (
        grow(<void**>&st.entries, &st.entry_capacity, st.entry_count + 16, sizeof(Entry))
        and grow(<void**>&st.touched, &st.touched_capacity, st.touched_count + 4, sizeof(int))
        and grow(<void**>&st.dirty, &st.dirty_capacity, st.dirty_count + 4, sizeof(int))
        and grow(<void**>&st.rows, &st.row_capacity, st.row_count + 4 * ROWS_OF_AN_ACCOUNT, sizeof(Row))
    )


cdef void begin_event(State* st) noexcept nogil:
    """Nothing is touched, refused or wrong yet."""
    cdef long long place
    for place in range(st.touched_count):
        st.accounts[st.touched[place]].flags &= ~FLAG_TOUCHED
    st.touched_count = 0
    st.refusal.rule = 0
    st.refusal.reason = 0
    st.fault.field = 0
    st.journaling = False


cdef void begin_journal(State* st) noexcept nogil:
    """From here on everything that changes can be taken back."""
    cdef int market
    st.journaling = True
    st.saved_count = 0
    st.saved_row_count = 0
    st.saved_clock = st.clock
    st.saved_custody = st.custody
    memcpy(st.saved_pools, st.pools, st.pool_count * sizeof(PoolRecord))
    for market in range(st.market_count):
        st.saved_marks[market] = st.markets[market].mark


cdef void take_back(State* st) noexcept nogil:
    """The venue as it was at begin_journal. Rows stay in the blocks they have by now, which are no smaller."""
    cdef long long place
    cdef int market
    cdef SavedAccount* saved
    cdef AccountRecord* account
    for place in range(st.saved_count):
        saved = &st.saved[place]
        account = &st.accounts[saved.account]
        account.wallet = saved.record.wallet
        account.rows = saved.record.rows
        if account.rows > 0:
            memcpy(st.rows + account.first, st.saved_rows + saved.first_saved, account.rows * sizeof(Row))
    st.clock = st.saved_clock
    st.custody = st.saved_custody
    memcpy(st.pools, st.saved_pools, st.pool_count * sizeof(PoolRecord))
    for market in range(st.market_count):
        st.markets[market].mark = st.saved_marks[market]
        st.markets[market].value_of_lot = st.saved_marks[market] * st.markets[market].multiplier
    st.journaling = False


# ------------------------------------------------------------------------------------- standing


cdef inline const TierRecord* tier_of(const ScheduleRecord* schedule, long long value) noexcept nogil:
    """The tier with the largest floor below a notional; the first if there is none."""
    cdef const TierRecord* tier = schedule.tiers
    cdef int above = schedule.count - 1
    while above > 0 and tier[1].floor < value:
        tier += 1
        above -= 1
    return tier


cdef inline long long requirement(
    const ScheduleRecord* schedule, long long lots, long long value
) noexcept nogil:
    """MAR-5: a tier of kind `whole` is a line without an amount."""
    cdef const TierRecord* tier
    if schedule.kind == SQRT_KIND:
        return sqrt_margin(lots, value, schedule.base, schedule.factor)
    tier = tier_of(schedule, value)
    return bracket_margin(value, tier.rate, tier.amount_whole, tier.amount_rest)


cdef inline long long absolute(long long number) noexcept nogil:
    return number if number >= 0 else -number


cdef inline void add_row(
    const MarketRecord* market,
    long long size,
    long long cost,
    long long buys,
    long long sells,
    Standing* standing,
) noexcept nogil:
    """What a row adds to the standing of its account."""
    cdef long long value = position_value(size, market.value_of_lot, 1)
    cdef long long held = absolute(value)
    cdef long long at_risk = lots_at_risk(size, buys, sells)
    standing.equity += value - cost
    standing.notional += held
    standing.maintenance += requirement(&market.maintenance, absolute(size), held)
    standing.initial += requirement(&market.initial, at_risk, notional(at_risk, market.value_of_lot, 1))


cdef void stand_elsewhere(
    const State* st, const AccountRecord* account, int market, Standing* standing
) noexcept nogil:
    """The standing of an account without its row in one market (NOBODY: with all of them)."""
    cdef const Row* row = st.rows + account.first
    cdef int place
    standing.equity = account.wallet
    standing.initial = 0
    standing.maintenance = 0
    standing.notional = 0
    for place in range(account.rows):
        if row[place].market != market:
            add_row(
                &st.markets[row[place].market],
                row[place].size, row[place].cost, row[place].buys, row[place].sells,
                standing,
            )


cdef inline void stand(const State* st, const AccountRecord* account, Standing* standing) noexcept nogil:
    """ACC-2, MAR-7 and MAR-8 of an account, and its notional."""
    stand_elsewhere(st, account, NOBODY, standing)


cdef inline long long equity_of(const State* st, const AccountRecord* account) noexcept nogil:
    """ACC-2."""
    cdef const Row* row = st.rows + account.first
    cdef long long equity = account.wallet
    cdef int place
    for place in range(account.rows):
        equity += position_value(row[place].size, st.markets[row[place].market].value_of_lot, 1) - row[place].cost
    return equity


cdef inline long long maintenance_of(const State* st, const AccountRecord* account) noexcept nogil:
    """MAR-7."""
    cdef const Row* row = st.rows + account.first
    cdef const MarketRecord* market
    cdef long long total = 0, lots
    cdef int place
    for place in range(account.rows):
        if row[place].size != 0:
            market = &st.markets[row[place].market]
            lots = absolute(row[place].size)
            total += requirement(&market.maintenance, lots, notional(lots, market.value_of_lot, 1))
    return total
