# Orders, trades, money, prices and funding: chapters 4 to 7 and 12. Each function answers 0 (applied), 1 (refused:
# st.refusal) or -1 (st.fault); what is refused or at fault has changed nothing.

# An event as the columns of a batch hold it. `x` and `y`: see apply_event.
cdef struct EventRecord:
    int type
    int side
    long long time
    int account
    int other
    int market
    int owner
    int pool
    long long x
    long long y
    const int* mark_markets
    const long long* mark_prices
    long long mark_count


cdef inline int refuse(
    State* st,
    int rule,
    int reason,
    long long first = 0,
    long long second = 0,
    long long third = 0,
    long long fourth = 0,
) noexcept nogil:
    st.refusal.rule = rule
    st.refusal.reason = reason
    st.refusal.numbers[0] = first
    st.refusal.numbers[1] = second
    st.refusal.numbers[2] = third
    st.refusal.numbers[3] = fourth
    return 1


cdef inline bint is_open(const State* st, int name) noexcept nogil:
    return 0 <= name < st.account_count and st.accounts[name].pool != NOBODY


cdef inline bint is_backstop(const State* st, int name) noexcept nogil:
    """The first accounts of a venue are the backstops of its pools, in their order."""
    return name < st.pool_count


# ------------------------------------------------------------------------------------- what several events ask


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


cdef inline long long bad_debt_of_all(const State* st) noexcept nogil:
    cdef long long total = 0
    cdef int pool
    for pool in range(st.pool_count):
        total += st.pools[pool].bad_debt
    return total


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


# ------------------------------------------------------------------------------------- money


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


# ------------------------------------------------------------------------------------- every event


cdef int refuse_event(State* st, const EventRecord* event) noexcept nogil:
    """EVT-1, EVT-2, EVT-3. A refusal names the field whose text the event has: 0 account, 1 other, or its place."""
    cdef int kind = event.type
    cdef long long place
    if event.time < st.clock:
        return refuse(st, EVT_1, TIME_GOES_BACK, event.time, st.clock)
    if kind in (DEPOSIT_EVENT, WITHDRAW_EVENT, TRANSFER_EVENT, FUND_DEPOSIT_EVENT, FEE_WITHDRAWAL_EVENT):
        if event.x < 1:
            return refuse(st, EVT_2, AMOUNT_TOO_SMALL, 0, event.x, 1)
    elif kind == ORDER_EVENT:
        if event.x < 0:
            return refuse(st, EVT_2, AMOUNT_TOO_SMALL, 1, event.x, 0)
        if event.y < 0:
            return refuse(st, EVT_2, AMOUNT_TOO_SMALL, 2, event.y, 0)
    elif kind == TRADE_EVENT or kind == LIQUIDATION_FILL_EVENT:
        if event.x < 1:
            return refuse(st, EVT_2, AMOUNT_TOO_SMALL, 3, event.x, 1)
        if event.y < 1:
            return refuse(st, EVT_2, AMOUNT_TOO_SMALL, 4, event.y, 1)
    if kind == TRADE_EVENT and event.side != 0 and event.side != 1:
        return refuse(st, EVT_2, NEITHER_BUY_NOR_SELL)
    if kind in (
        WITHDRAW_EVENT, ORDER_EVENT, TAKEOVER_EVENT, LIQUIDATION_FILL_EVENT, TRANSFER_EVENT, TRADE_EVENT
    ) and not is_open(st, event.account):
        return refuse(st, EVT_3, UNKNOWN_ACCOUNT, 0)
    if kind in (LIQUIDATION_FILL_EVENT, TRANSFER_EVENT, TRADE_EVENT) and not is_open(st, event.other):
        return refuse(st, EVT_3, UNKNOWN_ACCOUNT, 1)
    if kind in (ORDER_EVENT, TRADE_EVENT, FUNDING_EVENT, LIQUIDATION_FILL_EVENT):
        if not 0 <= event.market < st.market_count:
            return refuse(st, EVT_3, UNKNOWN_MARKET, 0)
    elif kind == PRICES_EVENT:
        for place in range(event.mark_count):
            if not 0 <= event.mark_markets[place] < st.market_count:
                return refuse(st, EVT_3, UNKNOWN_MARKET, place)
    elif kind == FUND_DEPOSIT_EVENT or kind == FEE_WITHDRAWAL_EVENT:
        if not 0 <= event.pool < st.pool_count:
            return refuse(st, EVT_3, UNKNOWN_POOL)
    return 0


cdef int outside_domain(State* st, const EventRecord* event) noexcept nogil:
    """Whether a number of an event is too large to be computed with; a number that is too small is refused by the law."""
    cdef int kind = event.type
    if not DEPOSIT_EVENT <= kind <= FEE_WITHDRAWAL_EVENT:
        return <int>set_fault(st, FAULT_TYPE, NOBODY, kind)
    if event.account >= st.account_count:
        return <int>set_fault(st, FAULT_INDEX, NOBODY, event.account)
    if kind == DEPOSIT_EVENT:
        if event.account < 0:
            return <int>set_fault(st, FAULT_INDEX, NOBODY, event.account)
        if event.owner >= st.owner_count:
            return <int>set_fault(st, FAULT_INDEX, NOBODY, event.owner)
        if event.pool >= st.pool_count:
            return <int>set_fault(st, FAULT_INDEX, NOBODY, event.pool)
    if event.x > (LOTS_EVENT_MAX if kind in (ORDER_EVENT, TRADE_EVENT, LIQUIDATION_FILL_EVENT) else AMOUNT_EVENT_MAX):
        return <int>set_fault(st, FAULT_X, kind, event.x)
    if event.y > (LOTS_EVENT_MAX if kind == ORDER_EVENT else PRICE_EVENT_MAX):
        return <int>set_fault(st, FAULT_Y, kind, event.y)
    return 0


cdef int apply_event(State* st, const EventRecord* event) noexcept nogil:
    """One event: 0 applied, 1 refused, -1 outside the domain or without memory. Only 0 changes the venue.

    x  amount, or buys, or lots, or the funding rate
    y  sells, or the price
    """
    cdef long long first_entry = st.entry_count
    cdef int kind = event.type
    cdef int outcome
    begin_event(st)
    outcome = outside_domain(st, event)
    if outcome == 0:
        outcome = refuse_event(st, event)
    if outcome == 0:
        if kind == TRADE_EVENT:
            outcome = apply_trade(st, event)
        elif kind == ORDER_EVENT:
            outcome = apply_order(st, event)
        elif kind == PRICES_EVENT:
            outcome = apply_prices(st, event)
        elif kind == DEPOSIT_EVENT:
            outcome = apply_deposit(st, event)
        elif kind == WITHDRAW_EVENT:
            outcome = apply_withdraw(st, event)
        elif kind == TRANSFER_EVENT:
            outcome = apply_transfer(st, event)
        elif kind == FUNDING_EVENT:
            outcome = apply_funding(st, event)
        elif kind == LIQUIDATION_FILL_EVENT:
            outcome = apply_liquidation_fill(st, event)
        elif kind == TAKEOVER_EVENT:
            outcome = apply_takeover(st, event)
        elif kind == FUND_DEPOSIT_EVENT:
            outcome = apply_fund_deposit(st, event)
        else:
            outcome = apply_fee_withdrawal(st, event)
    if outcome != 0:
        if st.journaling:
            take_back(st)
        st.entry_count = first_entry
    st.journaling = False
    return outcome
