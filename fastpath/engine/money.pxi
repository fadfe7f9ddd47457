# Money in, money out, prices and funding: chapters 5 to 7. Outcomes as in events.pxi.


cdef int apply_deposit(State* st, const EventRecord* event) noexcept nogil:
    """DEP-1, DEP-2, LIM-4. owner and pool: -2 where the event names none."""
    cdef AccountRecord* account = &st.accounts[event.account]
    cdef bint known = is_open(st, event.account)
    cdef long long custody = st.custody + event.x
    if not known and (event.owner < 0 or event.pool < 0):
        return refuse(st, DEP_1, OWNER_OR_POOL_MISSING)
    if not known and (event.owner == 0 or account.flags & FLAG_RESERVED):
        return refuse(st, DEP_1, RESERVED_FOR_THE_HOUSE)
    if known and event.owner != -2 and event.owner != account.owner:
        return refuse(st, DEP_2, OWNED_BY_ANOTHER)
    if known and event.pool != -2 and event.pool != account.pool:
        return refuse(st, DEP_2, IN_ANOTHER_POOL)
    if custody > st.venue_total_max:
        return refuse(st, LIM_4, VENUE_IS_FULL, custody, st.venue_total_max)
    if known and account.wallet > WALLET_MAX - event.x:
        return <int>set_fault(st, FAULT_WALLET, event.account, account.wallet + event.x)

    if not set_clock(st, event.time):
        return -1
    if not known:
        account.pool = event.pool
        account.owner = event.owner
        if not write_entry(st, OPENED_ENTRY, DEP_1, 0, event.account, event.pool, event.owner, 0):
            account.pool = NOBODY
            return -1
    if not touch(st, event.account) or not post_custody(st, DEP_1, 0, -event.x) or not post_wallet(
        st, DEP_1, 0, event.account, event.x
    ):
        return -1
    return 0


cdef int apply_fund_deposit(State* st, const EventRecord* event) noexcept nogil:
    """FND-2, LIM-4."""
    cdef long long custody = st.custody + event.x
    if custody > st.venue_total_max:
        return refuse(st, LIM_4, VENUE_IS_FULL, custody, st.venue_total_max)
    if st.pools[event.pool].fund > POOL_MAX - event.x:
        return <int>set_fault(st, FAULT_POOL, event.pool, st.pools[event.pool].fund)
    if not set_clock(st, event.time) or not post_custody(st, FND_2, 0, -event.x) or not post_fund_inflow(
        st, 0, event.pool, event.x
    ):
        return -1
    return 0


cdef int refuse_outflow(State* st, int name, long long amount) noexcept nogil:
    """WDR-2, WDR-3."""
    cdef AccountRecord* account = &st.accounts[name]
    cdef Standing after
    cdef long long required
    if account.wallet - amount < 0:
        return refuse(st, WDR_2, NOT_IN_WALLET, account.wallet)
    stand(st, account, &after)
    after.equity -= amount
    required = transfer_margin(after.notional, st.transfer_rate)
    if after.initial > required:
        required = after.initial
    if after.equity < required:
        return refuse(st, WDR_3, EQUITY_BELOW_REQUIREMENT, after.equity, required)
    if is_liquidatable(after.equity, after.maintenance, st.trigger):
        return refuse(st, WDR_3, WOULD_BE_LIQUIDATABLE, after.equity, after.maintenance)
    return 0


cdef int apply_withdraw(State* st, const EventRecord* event) noexcept nogil:
    """WDR-1 to WDR-4."""
    cdef long long bad_debt = bad_debt_of_all(st)
    cdef int refused
    if bad_debt > 0 and st.refuse_while_bad_debt:
        return refuse(st, WDR_1, BAD_DEBT_STANDS, bad_debt)
    refused = refuse_outflow(st, event.account, event.x)
    if refused:
        return refused
    if event.x > st.custody:
        return refuse(st, WDR_4, NOT_IN_CUSTODY, st.custody)
    if not set_clock(st, event.time) or not post_wallet(
        st, WDR_4, 0, event.account, -event.x
    ) or not post_custody(st, WDR_4, 0, event.x):
        return -1
    return 0


cdef int apply_transfer(State* st, const EventRecord* event) noexcept nogil:
    """TRF-1, TRF-2, WDR-2, WDR-3."""
    cdef AccountRecord* source = &st.accounts[event.account]
    cdef AccountRecord* target = &st.accounts[event.other]
    cdef long long bad_debt = bad_debt_of_all(st)
    cdef int refused
    if event.account == event.other:
        return refuse(st, TRF_1, SAME_ACCOUNT, event.account)
    if source.owner != target.owner:
        return refuse(st, TRF_1, DIFFERENT_OWNERS, source.owner, target.owner)
    if bad_debt > 0 and source.pool != target.pool and st.refuse_while_bad_debt:
        return refuse(st, TRF_2, BAD_DEBT_STANDS, bad_debt)
    refused = refuse_outflow(st, event.account, event.x)
    if refused:
        return refused
    if target.wallet > WALLET_MAX - event.x:
        return <int>set_fault(st, FAULT_WALLET, event.other, target.wallet + event.x)
    if not set_clock(st, event.time) or not post_wallet(
        st, TRF_2, 0, event.account, -event.x
    ) or not post_wallet(st, TRF_2, 0, event.other, event.x):
        return -1
    return 0


cdef int apply_fee_withdrawal(State* st, const EventRecord* event) noexcept nogil:
    """FEE-3, WDR-1, WDR-4."""
    cdef PoolRecord* pool = &st.pools[event.pool]
    cdef long long bad_debt = bad_debt_of_all(st)
    if bad_debt > 0 and st.refuse_while_bad_debt:
        return refuse(st, WDR_1, BAD_DEBT_STANDS, bad_debt)
    if event.x > pool.fee_pool:
        return refuse(st, FEE_3, NOT_IN_FEE_POOL, pool.fee_pool)
    if event.x > st.custody:
        return refuse(st, WDR_4, NOT_IN_CUSTODY, st.custody)
    if not set_clock(st, event.time) or not post_pool(
        st, FEE_POOL_ENTRY, FEE_3, 0, event.pool, -event.x
    ) or not post_custody(st, FEE_3, 0, event.x):
        return -1
    return 0


# ------------------------------------------------------------------------------------- prices and funding


cdef int apply_prices(State* st, const EventRecord* event) noexcept nogil:
    """PRC-1, PRC-2, and the resolution of whoever the marks leave bankrupt."""
    cdef long long place, price
    cdef int market
    if event.mark_count == 0:
        return refuse(st, PRC_1, NO_MARKET_NAMED)
    for place in range(event.mark_count):
        market = event.mark_markets[place]
        price = event.mark_prices[place]
        if price < 1:
            return refuse(st, PRC_1, PRICE_BELOW_ONE_TICK, market, price)
        if price > st.markets[market].price_max:
            return refuse(st, PRC_2, MARKET_PRICE_ABOVE_LIMIT, market, price, st.markets[market].price_max)

    begin_journal(st)
    if not set_clock(st, event.time):
        return -1
    for place in range(event.mark_count):
        market = event.mark_markets[place]
        st.markets[market].mark = event.mark_prices[place]
        st.markets[market].value_of_lot = event.mark_prices[place] * st.markets[market].multiplier
        if not write_entry(st, MARK_ENTRY, PRC_1, 0, NOBODY, market, event.mark_prices[place], 0):
            return -1
    return resolve(st)


cdef int apply_funding(State* st, const EventRecord* event) noexcept nogil:
    """FUN-1 to FUN-3, and the resolution of whoever the payment leaves bankrupt."""
    cdef MarketRecord* terms = &st.markets[event.market]
    cdef long long place, per_lot
    cdef int name
    cdef Row* row
    cdef int refused = refuse_without_mark(st, event.market)
    if refused:
        return refused
    if not -terms.funding_cap <= event.x <= terms.funding_cap:
        return refuse(st, FUN_1, RATE_ABOVE_CAP, event.x, terms.funding_cap)

    begin_journal(st)
    if not set_clock(st, event.time):
        return -1
    per_lot = funding_per_lot(event.x, terms.value_of_lot)
    for place in range(st.account_count):
        name = st.order[place]
        row = find_row(st, &st.accounts[name], event.market)
        if row != NULL and row.size != 0:
            if not post_wallet(st, FUN_3, 0, name, funding_payment(per_lot, row.size)):
                return -1
    return resolve(st)
