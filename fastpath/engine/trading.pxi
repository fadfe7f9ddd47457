# Orders and trades: chapter 4. Outcomes as in events.pxi.


cdef inline int refuse_without_mark(State* st, int market) noexcept nogil:
    """TRD-1."""
    if st.markets[market].mark == 0:
        return refuse(st, TRD_1, NO_MARK, market)
    return 0


cdef inline int refuse_outside_pool(State* st, int name, int market) noexcept nogil:
    """TRD-3."""
    cdef int pool = st.accounts[name].pool
    if pool != 0 and st.pools[pool].market != market:
        return refuse(st, TRD_3, MARKET_NOT_IN_POOL, name, pool)
    return 0


cdef inline int refuse_size(
    State* st, int name, int market, long long size, long long buys, long long sells
) noexcept nogil:
    """LIM-1: the size and the orders afterwards."""
    cdef long long lots = lots_at_risk(size, buys, sells)
    if lots > st.markets[market].size_max:
        return refuse(st, LIM_1, SIZE_ABOVE_LIMIT, name, lots, st.markets[market].size_max)
    return 0


cdef inline int refuse_another_market(State* st, int name, int market) noexcept nogil:
    """LIM-2."""
    cdef AccountRecord* account = &st.accounts[name]
    if account.rows >= st.positions_max and find_row(st, account, market) == NULL:
        return refuse(st, LIM_2, TOO_MANY_MARKETS, name, account.rows, st.positions_max)
    return 0


# One side of a deal, before and after it; `paid` is negative if it is paid.
cdef struct SideRecord:
    int name
    long long lots
    long long paid
    long long fee
    long long buys
    long long sells
    long long realised_amount
    long long cost_after
    long long wallet_after


cdef int refuse_side(State* st, int market, SideRecord* side) noexcept nogil:
    """TRD-7 for one side of a trade or a fill."""
    cdef AccountRecord* account = &st.accounts[side.name]
    cdef MarketRecord* terms = &st.markets[market]
    cdef Row* row = find_row(st, account, market)
    cdef Standing before, after
    cdef long long size = 0, gain, counted
    stand_elsewhere(st, account, market, &after)
    before = after
    side.cost_after = side.paid
    side.realised_amount = 0
    if row != NULL:
        size = row.size
        add_row(terms, size, row.cost, row.buys, row.sells, &before)
        side.realised_amount = realised(size, row.cost, side.lots, side.paid)
        side.cost_after = row.cost + side.paid + side.realised_amount
    side.wallet_after = account.wallet + side.realised_amount - side.fee
    if not -COST_MAX <= side.cost_after <= COST_MAX:
        return <int>set_fault(st, FAULT_COST, side.name, side.cost_after)
    if not -WALLET_MAX <= side.wallet_after <= WALLET_MAX:
        return <int>set_fault(st, FAULT_WALLET, side.name, side.wallet_after)
    after.equity += side.realised_amount - side.fee
    add_row(terms, size + side.lots, side.cost_after, side.buys, side.sells, &after)
    gain = position_value(side.lots, terms.value_of_lot, 1) - side.paid
    if is_admitted(
        before.equity, before.maintenance, after.equity, after.initial, after.maintenance,
        gain, comes_closer(size, size + side.lots), st.trigger,
    ):
        return 0
    counted = after.equity - gain if gain > 0 else after.equity
    return refuse(st, TRD_7, NOT_ADMITTED, side.name, counted, after.initial, after.maintenance)


# ------------------------------------------------------------------------------------- orders and trades


cdef int apply_order(State* st, const EventRecord* event) noexcept nogil:
    """ORD-1, ORD-2."""
    cdef AccountRecord* account = &st.accounts[event.account]
    cdef Row* row
    cdef Standing elsewhere, before, after
    cdef long long size = 0, cost = 0, buys = 0, sells = 0
    cdef int refused
    if is_backstop(st, event.account):
        return refuse(st, ORD_2, BACKSTOP_RESTS_NO_ORDERS, event.account)
    refused = refuse_without_mark(st, event.market)
    if not refused:
        refused = refuse_outside_pool(st, event.account, event.market)
    if refused:
        return refused
    row = find_row(st, account, event.market)
    if row != NULL:
        size, cost, buys, sells = row.size, row.cost, row.buys, row.sells
    refused = refuse_size(st, event.account, event.market, size, event.x, event.y)
    if not refused:
        refused = refuse_another_market(st, event.account, event.market)
    if refused:
        return refused
    stand_elsewhere(st, account, event.market, &elsewhere)
    before = elsewhere
    after = elsewhere
    add_row(&st.markets[event.market], size, cost, buys, sells, &before)
    add_row(&st.markets[event.market], size, cost, event.x, event.y, &after)
    if not order_is_carried(after.equity, before.initial, after.initial, after.maintenance, st.trigger):
        return refuse(st, ORD_1, EQUITY_BELOW_INITIAL, after.equity, after.initial)

    if not set_clock(st, event.time) or not set_orders(
        st, ORD_1, 0, event.account, event.market, event.x, event.y
    ):
        return -1
    drop_empty_row(st, event.account, event.market)
    return 0


cdef int apply_trade(State* st, const EventRecord* event) noexcept nogil:
    """TRD-2 to TRD-7, FEE-1, FEE-2, LIM-1 to LIM-3."""
    cdef MarketRecord* terms = &st.markets[event.market]
    cdef AccountRecord* taker = &st.accounts[event.account]
    cdef AccountRecord* maker = &st.accounts[event.other]
    cdef long long lots = event.x, price = event.y, offered, size, amount
    cdef Row* held
    cdef Row* resting
    cdef SideRecord takes, makes
    cdef int refused
    cdef bint buys = event.side == 0
    refused = refuse_without_mark(st, event.market)
    if refused:
        return refused
    if event.account == event.other:
        return refuse(st, TRD_2, TRADES_WITH_ITSELF, event.account)
    refused = refuse_outside_pool(st, event.account, event.market)
    if not refused:
        refused = refuse_outside_pool(st, event.other, event.market)
    if refused:
        return refused
    if outside_band(price, terms.mark, terms.band):
        return refuse(st, TRD_4, PRICE_OUTSIDE_BAND, price, terms.mark)
    resting = find_row(st, maker, event.market)
    offered = 0
    if resting != NULL:
        offered = resting.sells if buys else resting.buys
    if offered < lots:
        return refuse(st, TRD_5, MAKER_OFFERS_LESS, offered, lots)
    held = find_row(st, taker, event.market)
    takes.name = event.account
    takes.lots = lots if buys else -lots
    takes.buys = held.buys if held != NULL else 0
    takes.sells = held.sells if held != NULL else 0
    size = held.size if held != NULL else 0
    refused = refuse_size(st, event.account, event.market, size + takes.lots, takes.buys, takes.sells)
    if not refused:
        refused = refuse_another_market(st, event.account, event.market)
    if refused:
        return refused
    if price > terms.price_max:
        return refuse(st, LIM_3, PRICE_ABOVE_LIMIT, price, terms.price_max)
    amount = notional(lots, price, terms.multiplier)
    makes.name = event.other
    makes.lots = -takes.lots
    takes.paid = amount if buys else -amount
    makes.paid = -takes.paid
    makes.buys = resting.buys if buys else resting.buys - lots
    makes.sells = resting.sells - lots if buys else resting.sells
    takes.fee = fee(amount, st.fee_taker)
    makes.fee = fee(amount, st.fee_maker)
    if st.pools[taker.pool].fee_pool > POOL_MAX - 2 * DEAL_MAX or st.pools[maker.pool].fee_pool > (
        POOL_MAX - 2 * DEAL_MAX
    ):
        return <int>set_fault(st, FAULT_POOL, taker.pool, st.pools[taker.pool].fee_pool)
    refused = refuse_side(st, event.market, &takes)
    if not refused:
        refused = refuse_side(st, event.market, &makes)
    if refused:
        return refused
    return book_trade(st, event, &takes, &makes)


cdef int book_trade(
    State* st, const EventRecord* event, const SideRecord* takes, const SideRecord* makes
) noexcept nogil:
    """What an admitted trade posts. The sides already know what they realise and hold afterwards."""
    cdef const SideRecord* buyer = takes if takes.lots > 0 else makes
    cdef const SideRecord* seller = makes if takes.lots > 0 else takes
    cdef int market = event.market
    cdef long long lots = buyer.lots, amount = buyer.paid
    cdef AccountRecord* taker = &st.accounts[takes.name]
    cdef AccountRecord* maker = &st.accounts[makes.name]
    cdef Row* row
    cdef Entry* entry
    if not touch(st, takes.name) or not touch(st, makes.name) or row_for(st, takes.name, market) == NULL:
        return -1
    if not grow(<void**>&st.entries, &st.entry_capacity, st.entry_count + 14, sizeof(Entry)):
        return <int>set_fault(st, FAULT_MEMORY, NOBODY, 0)
    row = find_row(st, taker, market)
    row.size += takes.lots
    row.cost = takes.cost_after
    taker.wallet = takes.wallet_after
    row = find_row(st, maker, market)
    row.size += makes.lots
    row.cost = makes.cost_after
    row.buys = makes.buys
    row.sells = makes.sells
    maker.wallet = makes.wallet_after
    if makes.fee < 0:
        st.pools[taker.pool].fee_pool += takes.fee + makes.fee
    else:
        st.pools[taker.pool].fee_pool += takes.fee
        st.pools[maker.pool].fee_pool += makes.fee

    set_clock(st, event.time)
    write_entry(st, LOTS_ENTRY, TRD_5, 0, seller.name, market, -lots, 0)
    write_entry(st, LOTS_ENTRY, TRD_5, 0, buyer.name, market, lots, 0)
    write_entry(st, OPEN_COST_ENTRY, TRD_5, 0, buyer.name, market, -amount, 0)
    write_entry(st, OPEN_COST_ENTRY, TRD_5, 0, seller.name, market, amount, 0)
    write_entry(st, OPEN_COST_ENTRY, TRD_6, 0, buyer.name, market, -buyer.realised_amount, 0)
    write_entry(st, WALLET_ENTRY, TRD_6, 0, buyer.name, NOBODY, buyer.realised_amount, 0)
    write_entry(st, OPEN_COST_ENTRY, TRD_6, 0, seller.name, market, -seller.realised_amount, 0)
    write_entry(st, WALLET_ENTRY, TRD_6, 0, seller.name, NOBODY, seller.realised_amount, 0)
    if makes.fee < 0:
        write_entry(st, WALLET_ENTRY, FEE_2, 0, takes.name, NOBODY, makes.fee, 0)
        write_entry(st, WALLET_ENTRY, FEE_2, 0, makes.name, NOBODY, -makes.fee, 0)
        write_entry(st, WALLET_ENTRY, FEE_2, 0, takes.name, NOBODY, -takes.fee - makes.fee, 0)
        write_entry(st, FEE_POOL_ENTRY, FEE_2, 0, taker.pool, NOBODY, takes.fee + makes.fee, 0)
    else:
        write_entry(st, WALLET_ENTRY, FEE_2, 0, takes.name, NOBODY, -takes.fee, 0)
        write_entry(st, FEE_POOL_ENTRY, FEE_2, 0, taker.pool, NOBODY, takes.fee, 0)
        write_entry(st, WALLET_ENTRY, FEE_2, 0, makes.name, NOBODY, -makes.fee, 0)
        write_entry(st, FEE_POOL_ENTRY, FEE_2, 0, maker.pool, NOBODY, makes.fee, 0)
    write_entry(st, ORDERS_ENTRY, TRD_5, 0, makes.name, market, makes.buys, makes.sells)
    drop_empty_row(st, takes.name, market)
    drop_empty_row(st, makes.name, market)
    return 0
