# Postings: the only way in which a venue changes. Each function writes what the law would post, in its order,
# and makes the change. `entries` is what results carry.


cdef inline Entry* new_entry(State* st) noexcept nogil:
    """The next entry, to be filled; NULL without memory."""
    if st.entry_count == st.entry_capacity:
        if not grow(<void**>&st.entries, &st.entry_capacity, st.entry_count + 1, sizeof(Entry)):
            set_fault(st, FAULT_MEMORY, NOBODY, 0)
            return NULL
    st.entry_count += 1
    return &st.entries[st.entry_count - 1]


cdef inline bint write_entry(
    State* st, int kind, int rule, int stage, int holder, int market, long long amount, long long second
) noexcept nogil:
    cdef Entry* entry = new_entry(st)
    if entry == NULL:
        return False
    entry.kind = <unsigned char>kind
    entry.stage = <unsigned char>stage
    entry.rule = <unsigned short>rule
    entry.holder = holder
    entry.market = market
    entry.spare = 0
    entry.amount = amount
    entry.second = second
    return True


cdef inline bint set_clock(State* st, long long time) noexcept nogil:
    st.clock = time
    return write_entry(st, CLOCK_ENTRY, EVT_1, 0, NOBODY, NOBODY, time, 0)


cdef bint post_wallet(State* st, int rule, int stage, int name, long long amount) noexcept nogil:
    cdef AccountRecord* account
    if not touch(st, name):
        return False
    account = &st.accounts[name]
    account.wallet += amount
    if not -WALLET_MAX <= account.wallet <= WALLET_MAX:
        set_fault(st, FAULT_WALLET, name, account.wallet)
        return False
    return write_entry(st, WALLET_ENTRY, rule, stage, name, NOBODY, amount, 0)


cdef bint post_open_cost(State* st, int rule, int stage, int name, int market, long long amount) noexcept nogil:
    """A positive amount lowers the cost."""
    cdef Row* row
    if not touch(st, name):
        return False
    row = find_row(st, &st.accounts[name], market)
    row.cost -= amount
    if not -COST_MAX <= row.cost <= COST_MAX:
        set_fault(st, FAULT_COST, name, row.cost)
        return False
    return write_entry(st, OPEN_COST_ENTRY, rule, stage, name, market, amount, 0)


cdef inline long long bad_debt_of_all(const State* st) noexcept nogil:
    """What WDR-1 and TRF-2 ask for; at most POOL_MAX over all pools."""
    cdef long long total = 0
    cdef int pool
    for pool in range(st.pool_count):
        total += st.pools[pool].bad_debt
    return total


cdef bint post_pool(State* st, int kind, int rule, int stage, int pool, long long amount) noexcept nogil:
    """To a fund, a fee pool or the bad debt of a pool; a positive amount lowers bad debt."""
    cdef PoolRecord* record = &st.pools[pool]
    cdef long long after
    if kind == FUND_ENTRY:
        record.fund += amount
        after = record.fund
    elif kind == FEE_POOL_ENTRY:
        record.fee_pool += amount
        after = record.fee_pool
    else:
        record.bad_debt -= amount
        after = bad_debt_of_all(st)
    if not -POOL_MAX <= after <= POOL_MAX:
        set_fault(st, FAULT_POOL, pool, after)
        return False
    return write_entry(st, kind, rule, stage, pool, NOBODY, amount, 0)


cdef bint post_custody(State* st, int rule, int stage, long long amount) noexcept nogil:
    """A positive amount lowers custody."""
    st.custody -= amount
    return write_entry(st, CUSTODY_ENTRY, rule, stage, NOBODY, NOBODY, amount, 0)


cdef bint post_fund_inflow(State* st, int stage, int pool, long long amount) noexcept nogil:
    """FND-1: bad debt first, then the fund."""
    cdef long long first = repaid(amount, st.pools[pool].bad_debt)
    return post_pool(st, BAD_DEBT_ENTRY, FND_1, stage, pool, first) and post_pool(
        st, FUND_ENTRY, FND_1, stage, pool, amount - first
    )


cdef bint set_orders(
    State* st, int rule, int stage, int name, int market, long long buys, long long sells
) noexcept nogil:
    """The resting orders of an account in a market are now these; an empty row stays until drop_empty_row."""
    cdef Row* row
    if not touch(st, name):
        return False
    row = row_for(st, name, market)
    if row == NULL:
        return False
    row.buys = buys
    row.sells = sells
    return write_entry(st, ORDERS_ENTRY, rule, stage, name, market, buys, sells)


cdef bint cancel_orders(State* st, int rule, int stage, int name, int market) noexcept nogil:
    """CLO-4 in one market (NOBODY: in all of them, in their order)."""
    cdef Row* row
    cdef int place = 0
    while place < st.accounts[name].rows:
        row = st.rows + st.accounts[name].first + place
        if (market == NOBODY or row.market == market) and (row.buys > 0 or row.sells > 0):
            if not set_orders(st, rule, stage, name, row.market, 0, 0):
                return False
            row = st.rows + st.accounts[name].first + place
            if row.size == 0:
                drop_empty_row(st, name, row.market)
                continue
        place += 1
    return True


cdef bint post_deal(
    State* st,
    int rule,
    int stage,
    int market,
    int leaver,
    int taker,
    long long lots,
    long long paid,
    long long compensation,
    int fund,
    bint taker_first,
) noexcept nogil:
    """CLO-3, and TRD-5 with TRD-6: lots leave one account for another, the amount goes the other way.

    lots          signed lots that leave: positive from a long
    paid          quanta that the taker pays for them
    compensation  quanta that the fund of pool `fund` pays back to the taker's open cost; NOBODY: no fund
    taker_first   whether the taker's realised amount is posted before the leaver's
    """
    cdef Row* mine
    cdef Row* theirs
    cdef long long by_leaver, by_taker
    cdef int side, name
    if not touch(st, leaver) or not touch(st, taker):
        return False
    if row_for(st, leaver, market) == NULL or row_for(st, taker, market) == NULL:
        return False
    theirs = find_row(st, &st.accounts[leaver], market)
    mine = find_row(st, &st.accounts[taker], market)
    by_leaver = realised(theirs.size, theirs.cost, -lots, -paid)
    by_taker = realised(mine.size, mine.cost, lots, paid - compensation)
    theirs.size -= lots
    theirs.cost += by_leaver - paid
    mine.size += lots
    mine.cost += paid - compensation + by_taker
    if not -COST_MAX <= theirs.cost <= COST_MAX:
        set_fault(st, FAULT_COST, leaver, theirs.cost)
        return False
    if not -COST_MAX <= mine.cost <= COST_MAX:
        set_fault(st, FAULT_COST, taker, mine.cost)
        return False
    if not (
        write_entry(st, LOTS_ENTRY, rule, stage, leaver, market, -lots, 0)
        and write_entry(st, LOTS_ENTRY, rule, stage, taker, market, lots, 0)
        and write_entry(st, OPEN_COST_ENTRY, rule, stage, taker, market, -paid, 0)
        and write_entry(st, OPEN_COST_ENTRY, rule, stage, leaver, market, paid, 0)
    ):
        return False
    if fund != NOBODY:
        if not post_pool(st, FUND_ENTRY, rule, stage, fund, -compensation) or not write_entry(
            st, OPEN_COST_ENTRY, rule, stage, taker, market, compensation, 0
        ):
            return False
    for side in range(2):
        name = taker if (side == 0) == taker_first else leaver
        if not write_entry(
            st, OPEN_COST_ENTRY, TRD_6, stage, name, market, -(by_taker if name == taker else by_leaver), 0
        ) or not post_wallet(st, TRD_6, stage, name, by_taker if name == taker else by_leaver):
            return False
    drop_empty_row(st, leaver, market)
    drop_empty_row(st, taker, market)
    return True
