# The pre-trade check: what an order gateway asks before it lets an order into the book.

cdef struct Question:
    long long equity
    long long initial_elsewhere
    long long initial_before
    long long maintenance
    long long size
    long long buys
    long long sells


cdef int refuse_to_ask(const State* st, int name, int market, long long price) noexcept nogil:
    """The rules that need no margin: the first that refuses, 0 if none does."""
    cdef const MarketRecord* terms
    cdef int pool
    if price < 1 or price > PRICE_EVENT_MAX:
        return EVT_2
    if not is_open(st, name) or not 0 <= market < st.market_count:
        return EVT_3
    if is_backstop(st, name):
        return ORD_2
    terms = &st.markets[market]
    if terms.mark == 0:
        return TRD_1
    pool = st.accounts[name].pool
    if pool != 0 and st.pools[pool].market != market:
        return TRD_3
    if outside_band(price, terms.mark, terms.band):
        return TRD_4
    if price > terms.price_max:
        return LIM_3
    return 0


cdef void ask(const State* st, int name, int market, Question* question) noexcept nogil:
    """Everything about an account that does not depend on the size of the order."""
    cdef const AccountRecord* account = &st.accounts[name]
    cdef const Row* row = find_row(st, account, market)
    cdef Standing standing
    stand_elsewhere(st, account, market, &standing)
    question.initial_elsewhere = standing.initial
    question.size = 0
    question.buys = 0
    question.sells = 0
    if row != NULL:
        question.size = row.size
        question.buys = row.buys
        question.sells = row.sells
        add_row(&st.markets[market], row.size, row.cost, row.buys, row.sells, &standing)
    question.equity = standing.equity
    question.initial_before = standing.initial
    question.maintenance = standing.maintenance


cdef inline long long initial_with(
    const State* st, const Question* question, int market, long long lots
) noexcept nogil:
    """The initial margin of the account with a further order of these signed lots."""
    cdef const MarketRecord* terms = &st.markets[market]
    cdef long long at_risk = lots_at_risk(
        question.size,
        question.buys + (lots if lots > 0 else 0),
        question.sells - (lots if lots < 0 else 0),
    )
    return question.initial_elsewhere + requirement(
        &terms.initial, at_risk, notional(at_risk, terms.value_of_lot, 1)
    )


cdef inline bint is_carried(const State* st, const Question* question, long long initial) noexcept nogil:
    """ORD-1, with the initial margin that the account would have."""
    return order_is_carried(
        question.equity, question.initial_before, initial, question.maintenance, st.trigger
    )


cdef int check_order(
    const State* st, int name, int market, long long lots, long long price, long long* free_collateral
) noexcept nogil:
    """The first rule that refuses a further resting order, 0 if it is allowed.

    lots             signed: positive buys, negative sells
    free_collateral  equity less initial margin: with the order if it came to ORD-1, else as the account is; 0
                     for an account that is not open
    """
    cdef int rule = EVT_2 if lots == 0 or not -LOTS_EVENT_MAX <= lots <= LOTS_EVENT_MAX else refuse_to_ask(
        st, name, market, price
    )
    cdef Question question
    cdef long long initial, at_risk
    cdef Standing standing
    free_collateral[0] = 0
    if rule != 0:
        if is_open(st, name):
            stand(st, &st.accounts[name], &standing)
            free_collateral[0] = standing.equity - standing.initial
        return rule
    ask(st, name, market, &question)
    free_collateral[0] = question.equity - question.initial_before
    at_risk = lots_at_risk(
        question.size,
        question.buys + (lots if lots > 0 else 0),
        question.sells - (lots if lots < 0 else 0),
    )
    if at_risk > st.markets[market].size_max:
        return LIM_1
    if st.accounts[name].rows >= st.positions_max and find_row(st, &st.accounts[name], market) == NULL:
        return LIM_2
    initial = initial_with(st, &question, market, lots)
    free_collateral[0] = question.equity - initial
    return 0 if is_carried(st, &question, initial) else ORD_1


cdef long long largest_order(const State* st, int name, int market, int side, long long price) noexcept nogil:
    """The largest number of lots for which check_order allows an order of this side; 0 if none.

    NUM-6: what is asked of more lots is never less, so once it fails it fails from there on.
    """
    cdef Question question
    cdef long long known = 0, most, middle, sign = 1 if side == 0 else -1
    if refuse_to_ask(st, name, market, price) != 0:
        return 0
    if st.accounts[name].rows >= st.positions_max and find_row(st, &st.accounts[name], market) == NULL:
        return 0
    ask(st, name, market, &question)
    if lots_at_risk(question.size, question.buys, question.sells) > st.markets[market].size_max:
        return 0
    if side == 0:
        most = st.markets[market].size_max - question.size - question.buys
    else:
        most = st.markets[market].size_max + question.size - question.sells
    middle = middle_of(known, most)
    while known < most:
        if is_carried(st, &question, initial_with(st, &question, market, sign * middle)):
            known = middle
        else:
            most = middle - 1
        middle = middle_of(known, most)
    return known
