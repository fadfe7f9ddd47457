# An event, and what is asked of every one: chapter 12. The functions that apply an event answer 0 (applied), 1
# (refused: st.refusal) or -1 (st.fault); what is refused or at fault has changed nothing.

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
