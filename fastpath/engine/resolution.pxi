# The waterfall as a whole: chapter 11. It runs within the transition of prices and funding, whose journal takes
# everything back if a value leaves the domain.


cdef bint list_if_bankrupt(State* st, Scratch* work, int name) noexcept nogil:
    cdef long long equity = equity_of(st, &st.accounts[name])
    if equity >= 0:
        return True
    if not grow(
        <void**>&work.bankrupt, &work.bankrupt_capacity, work.bankrupt_count + 1, sizeof(Bankrupt)
    ):
        return False
    work.bankrupt[work.bankrupt_count].account = name
    work.bankrupt[work.bankrupt_count].place = st.accounts[name].place
    work.bankrupt[work.bankrupt_count].deficit = -equity
    work.bankrupt_count += 1
    return True


cdef bint find_bankrupt(State* st, Scratch* work) noexcept nogil:
    """RES-1, not yet in order. With a liquidation index and nobody changed yet, it knows whom to look at."""
    cdef long long name
    if st.index != NULL and st.touched_count == 0 and look(st, st.index):
        for name in range(st.index.hot_count):
            if not list_if_bankrupt(st, work, st.index.hot[name]):
                return False
        return True
    for name in range(st.account_count):
        if st.accounts[name].pool != NOBODY and not list_if_bankrupt(st, work, <int>name):
            return False
    return True


cdef int by_deficit(const void* one, const void* other) noexcept nogil:
    """The order of RES-1: the larger deficit first, then the smaller identifier."""
    cdef const Bankrupt* mine = <const Bankrupt*>one
    cdef const Bankrupt* theirs = <const Bankrupt*>other
    if mine.deficit != theirs.deficit:
        return -1 if mine.deficit > theirs.deficit else 1
    return -1 if mine.place < theirs.place else 1


cdef bint list_closings(State* st, Scratch* work) noexcept nogil:
    """CLO-1: the positions of the bankrupt accounts, each with the gap it carries."""
    cdef long long each, total, before, margin, lots
    cdef int place
    cdef AccountRecord* account
    cdef Row* row
    cdef ClosingRecord* closing
    for each in range(work.bankrupt_count):
        account = &st.accounts[work.bankrupt[each].account]
        total = maintenance_of(st, account)
        before = 0
        for place in range(account.rows):
            row = st.rows + account.first + place
            if row.size == 0:
                continue
            if not grow(
                <void**>&work.closings, &work.closing_capacity, work.closing_count + 1, sizeof(ClosingRecord)
            ):
                return False
            lots = absolute(row.size)
            margin = requirement(
                &st.markets[row.market].maintenance, lots, notional(lots, st.markets[row.market].value_of_lot, 1)
            )
            closing = &work.closings[work.closing_count]
            closing.account = work.bankrupt[each].account
            closing.market = row.market
            closing.side = 1 if row.size > 0 else -1
            closing.lots = lots
            closing.gap = running_share(work.bankrupt[each].deficit, before, margin, total)
            closing.carried = 0
            before += margin
            work.closing_count += 1
            work.rankings[2 * row.market + (1 if row.size > 0 else 0)].wanted = True
    return True


cdef bint resolve_bankrupt(State* st, Scratch* work) noexcept nogil:
    """INV-1, RES-1 to RES-3, once the bankrupt accounts are found; False at a fault."""
    cdef long long each
    cdef int pool
    work.rankings = <Ranking*>calloc(2 * st.market_count, sizeof(Ranking))
    work.is_bankrupt = <unsigned char*>calloc(st.account_count, 1)
    work.owed = <long long*>calloc(work.bankrupt_count, sizeof(long long))
    work.bankrupt_of_pool = <int*>calloc(work.bankrupt_count, sizeof(int))
    if work.rankings == NULL or work.is_bankrupt == NULL or work.owed == NULL or work.bankrupt_of_pool == NULL:
        return False
    qsort(work.bankrupt, work.bankrupt_count, sizeof(Bankrupt), by_deficit)
    for each in range(work.bankrupt_count):
        work.is_bankrupt[work.bankrupt[each].account] = True
    if not list_closings(st, work) or not rank_holders(st, work):
        return False
    for each in range(work.bankrupt_count):
        if not cancel_orders(st, RES_2, 0, work.bankrupt[each].account, NOBODY):
            return False
    for each in range(work.closing_count):
        if not close_position(st, &work.closings[each], work):
            return False
    for pool in range(st.pool_count):
        if not money_stage(st, work, pool):
            return False
    return True


cdef int resolve(State* st) noexcept nogil:
    """INV-1: 0 when nobody is bankrupt any more, -1 at a fault, which the journal then takes back."""
    cdef Scratch work
    cdef bint resolved
    cdef int side
    memset(&work, 0, sizeof(Scratch))
    resolved = find_bankrupt(st, &work)
    if resolved and work.bankrupt_count > 0:
        resolved = resolve_bankrupt(st, &work)
    free(work.bankrupt)
    free(work.closings)
    if work.rankings != NULL:
        for side in range(2 * st.market_count):
            free(work.rankings[side].heap)
            free(work.rankings[side].sorted)
            free(work.rankings[side].others)
    free(work.rankings)
    free(work.is_bankrupt)
    free(work.shares)
    free(work.by_rate)
    free(work.payers)
    free(work.owed)
    free(work.bankrupt_of_pool)
    if not resolved:
        return <int>set_fault(st, FAULT_MEMORY, NOBODY, 0)
    return 0
