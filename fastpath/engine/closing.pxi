# How the position of a bankrupt account goes to others: the fund, deleveraging, and at mark. Chapters 9 and 10.


cdef inline long long drawn_now(const State* st, const PoolRecord* pool) noexcept nogil:
    return drawn_so_far(pool.drawn, pool.draw_period, st.clock // st.draw_period)


cdef inline long long room_of_pool(const State* st, const PoolRecord* pool) noexcept nogil:
    """INS-1."""
    return draw_room(pool.fund, pool.draw_limit, drawn_now(st, pool))


cdef bint count_draw(State* st, int rule, int stage, int pool, long long amount) noexcept nogil:
    cdef PoolRecord* record = &st.pools[pool]
    record.drawn = drawn_now(st, record) + amount
    record.draw_period = st.clock // st.draw_period
    return write_entry(st, DRAWN_ENTRY, rule, stage, pool, NOBODY, record.drawn, record.draw_period)


cdef bint take_lots(
    State* st, int rule, int stage, ClosingRecord* closing, int taker, long long taken, long long gap, int fund
) noexcept nogil:
    """CLO-3: lots of a closing go to a taker at mark less a gap, and the taker's orders there are cancelled."""
    cdef long long lots = closing.side * taken
    if taken == 0:
        return True
    return cancel_orders(st, rule, stage, taker, closing.market) and post_deal(
        st, rule, stage, closing.market, closing.account, taker, lots,
        position_value(lots, st.markets[closing.market].value_of_lot, 1) + gap,
        0 if fund == NOBODY else gap, fund, False,
    )


cdef bint compensate(State* st, int stage, ClosingRecord* closing, int taker, long long taken) noexcept nogil:
    """INS-4: a taker takes lots at close-out value, and the fund pays it the gap."""
    cdef int pool = st.accounts[closing.account].pool
    cdef long long gap
    if taken == 0:
        return True
    gap = running_share(closing.gap, closing.carried, taken, closing.lots)
    if not take_lots(st, INS_4, stage, closing, taker, taken, gap, pool):
        return False
    closing.carried += taken
    return gap == 0 or count_draw(st, INS_4, stage, pool, gap)


cdef long long backstop_lots(const State* st, int backstop, int market) noexcept nogil:
    """INS-3."""
    cdef const AccountRecord* account = &st.accounts[backstop]
    cdef const MarketRecord* terms = &st.markets[market]
    cdef const Row* row = find_row(st, account, market)
    cdef Standing others
    cdef long long equity = equity_of(st, account), buys = 0, sells = 0, most, known, middle
    stand_elsewhere(st, account, market, &others)
    if (row == NULL or row.size == 0) and positions_of(st, account) >= st.positions_max:
        return 0
    if row != NULL:
        buys = row.buys
        sells = row.sells
    most = backstop_most(terms.size_max, st.backstop_notional_max, others.notional, terms.value_of_lot)
    if most < 0 or not carries_lots(st, terms, &others, equity, 0, buys, sells):
        return -1
    known = 0
    middle = middle_of(known, most)
    while known < most:
        if carries_lots(st, terms, &others, equity, middle, buys, sells):
            known = middle
        else:
            most = middle - 1
        middle = middle_of(known, most)
    return known


cdef bint carries_lots(
    const State* st,
    const MarketRecord* terms,
    const Standing* others,
    long long equity,
    long long lots,
    long long buys,
    long long sells,
) noexcept nogil:
    """Of INS-3: whether an account would carry a position of this size at the equity it has."""
    cdef long long at_risk = lots_at_risk(lots, buys, sells)
    return carries(
        equity,
        others.initial + requirement(&terms.initial, at_risk, notional(at_risk, terms.value_of_lot, 1)),
        others.maintenance + requirement(&terms.maintenance, lots, notional(lots, terms.value_of_lot, 1)),
        st.trigger,
    )


cdef inline long long lots_left(const State* st, const ClosingRecord* closing) noexcept nogil:
    return lots_of_side(st, closing.account, closing.market, closing.side)


cdef bint fund_stage(State* st, ClosingRecord* closing, Ranking* ranking) noexcept nogil:
    """INS-4."""
    cdef int backstop = st.accounts[closing.account].pool, name
    cdef PoolRecord* pool = &st.pools[backstop]
    cdef long long payable, taken, held, place
    cdef Row* row
    payable = lots_payable(room_of_pool(st, pool), closing.gap, closing.lots, lots_left(st, closing))
    if st.stage_backstop and closing.account != backstop and payable > 0:
        row = find_row(st, &st.accounts[backstop], closing.market)
        held = row.size if row != NULL else 0
        taken = lots_within(backstop_lots(st, backstop, closing.market), closing.side * held, payable)
        if not compensate(st, BACKSTOP_TAKES, closing, backstop, taken):
            return False
        payable -= taken
    if st.stage_holders or not st.stage_backstop:
        place = first_live(st, ranking, closing.market, -closing.side)
        while payable > 0:
            name = ranked_at(ranking, place)
            if name == NOBODY:
                break
            taken = queue_share(payable, lots_of_side(st, name, closing.market, -closing.side))
            if not compensate(st, HOLDERS_TAKE, closing, name, taken):
                return False
            payable -= taken
            place += 1
    return True


cdef long long cap_of(const State* st, int name, const ClosingRecord* closing, long long lots) noexcept nogil:
    """ADL-3: the cap that the tightest line leaves."""
    cdef const MarketRecord* terms = &st.markets[closing.market]
    cdef const AccountRecord* account = &st.accounts[name]
    cdef long long value = notional(lots, terms.value_of_lot, 1), room, cap, least
    cdef LineRecord line
    cdef int place
    room = room_in_reserve(
        equity_of(st, account),
        maintenance_of(st, account) - requirement(&terms.maintenance, lots, value),
        st.trigger,
    )
    if terms.maintenance.kind == BRACKET_KIND:
        least = lots
        for place in range(terms.maintenance.count):
            line = line_of(&terms.maintenance, place, lots)
            cap = cap_of_line(
                lots, terms.value_of_lot, room, closing.gap, closing.lots, line.rate, line.amount
            )
            if cap < least:
                least = cap
        return least
    if terms.maintenance.kind == WHOLE_KIND:
        line.rate = tier_of(&terms.maintenance, value).rate
        line.amount = 0
    else:
        line = line_of(&terms.maintenance, 0, lots)
    return cap_of_line(lots, terms.value_of_lot, room, closing.gap, closing.lots, line.rate, line.amount)


cdef bint deleverage(State* st, ClosingRecord* closing, int taker, long long taken) noexcept nogil:
    """ADL-7 for one holder."""
    cdef long long gap = running_share(closing.gap, closing.carried, taken, closing.lots)
    if not take_lots(st, ADL_7, DELEVERAGED, closing, taker, taken, gap, NOBODY):
        return False
    closing.carried += taken
    return True


cdef bint adl_stage(State* st, ClosingRecord* closing, Ranking* ranking, Scratch* work) noexcept nogil:
    """ADL-7."""
    cdef long long left, lots, share, place
    cdef int name
    if not st.stage_adl:
        return True
    left = lots_left(st, closing)
    place = first_live(st, ranking, closing.market, -closing.side)
    if st.allocation != QUEUE_ALLOCATION:
        return adl_by_shares(st, closing, ranking, work, left, place)
    while left > 0:
        name = ranked_at(ranking, place)
        if name == NOBODY:
            break
        lots = lots_of_side(st, name, closing.market, -closing.side)
        if lots > 0:
            share = queue_share(left, cap_of(st, name, closing, lots))
            if not deleverage(st, closing, name, share):
                return False
            left -= share
        place += 1
    return True


cdef int by_owner(const void* one, const void* other) noexcept nogil:
    """The order in which proportional shares are rounded: owner, larger holdings first, identifier."""
    cdef const Share* mine = <const Share*>one
    cdef const Share* theirs = <const Share*>other
    if mine.owner_place != theirs.owner_place:
        return -1 if mine.owner_place < theirs.owner_place else 1
    if mine.lots != theirs.lots:
        return -1 if mine.lots > theirs.lots else 1
    return -1 if mine.place < theirs.place else 1


cdef int by_cap_rate(const void* one, const void* other) noexcept nogil:
    """The lowest cap / lots first. Who is cut off does not depend on the order of equal rates."""
    cdef const Share* mine = (<const Share* const*>one)[0]
    cdef const Share* theirs = (<const Share* const*>other)[0]
    if is_capped_sooner(mine.cap, mine.lots, theirs.cap, theirs.lots):
        return -1
    return is_capped_sooner(theirs.cap, theirs.lots, mine.cap, mine.lots)


cdef bint adl_by_shares(
    State* st, ClosingRecord* closing, Ranking* ranking, Scratch* work, long long left, long long place
) noexcept nogil:
    """ADL-5 and ADL-6. Caps are worked out before any lot of this closing is taken."""
    cdef long long lots, total = 0, before = 0, each, active = 0
    cdef int name
    cdef Share* share
    work.share_count = 0
    while True:
        name = ranked_at(ranking, place)
        if name == NOBODY:
            break
        place += 1
        lots = lots_of_side(st, name, closing.market, -closing.side)
        if lots == 0:
            continue
        if not grow(<void**>&work.shares, &work.share_capacity, work.share_count + 1, sizeof(Share)):
            return False
        share = &work.shares[work.share_count]
        share.account = name
        share.place = st.accounts[name].place
        share.owner_place = st.owner_place[st.accounts[name].owner]
        share.lots = lots
        share.cap = cap_of(st, name, closing, lots)
        share.given = 0
        total += share.cap
        active += lots
        work.share_count += 1
    if work.share_count == 0:
        return True
    left = queue_share(left, total)
    qsort(work.shares, work.share_count, sizeof(Share), by_owner)
    if st.allocation == PRO_RATA_ALLOCATION:
        if total == 0:
            return True
        for each in range(work.share_count):
            share = &work.shares[each]
            share.given = running_share(left, before, share.cap, total)
            before += share.cap
    elif not share_capped(work, left, active):
        return False
    for each in range(work.share_count):
        if not deleverage(st, closing, work.shares[each].account, work.shares[each].given):
            return False
    return True


cdef bint share_capped(Scratch* work, long long left, long long active) noexcept nogil:
    """ADL-6: who would give its cap or more gives its cap, the lowest cap / lots first; the rest is shared."""
    cdef long long each, before = 0
    cdef Share* share
    if not grow(<void**>&work.by_rate, &work.rate_capacity, work.share_count, sizeof(Share*)):
        return False
    for each in range(work.share_count):
        work.by_rate[each] = &work.shares[each]
        work.shares[each].given = NOBODY
    qsort(work.by_rate, work.share_count, sizeof(Share*), by_cap_rate)
    for each in range(work.share_count):
        share = work.by_rate[each]
        if not is_cut_off(left, active, share.lots, share.cap):
            break
        share.given = share.cap
        left -= share.cap
        active -= share.lots
    for each in range(work.share_count):
        share = &work.shares[each]
        if share.given == NOBODY:
            share.given = running_share(left, before, share.lots, active)
            before += share.lots
    return True


cdef bint take_at_mark(State* st, ClosingRecord* closing, int name) noexcept nogil:
    """ADL-8 for one holder."""
    return take_lots(
        st, ADL_8, AT_MARK, closing, name,
        queue_share(lots_left(st, closing), lots_of_side(st, name, closing.market, -closing.side)), 0, NOBODY,
    )


cdef bint mark_stage(State* st, ClosingRecord* closing, Ranking* ranking) noexcept nogil:
    """ADL-8: the ranking first, then everybody else who can be on the other side, by identifier."""
    cdef long long place
    cdef int name
    if lots_left(st, closing) == 0:
        return True
    place = first_live(st, ranking, closing.market, -closing.side)
    while lots_left(st, closing) > 0:
        name = ranked_at(ranking, place)
        if name == NOBODY:
            break
        if not take_at_mark(st, closing, name):
            return False
        place += 1
    place = 0
    while lots_left(st, closing) > 0 and place < ranking.other_count:
        if not take_at_mark(st, closing, ranking.others[place]):
            return False
        place += 1
    return True


cdef bint close_position(State* st, ClosingRecord* closing, Scratch* work) noexcept nogil:
    """RES-2."""
    cdef Ranking* ranking = &work.rankings[2 * closing.market + (1 if closing.side > 0 else 0)]
    return (
        fund_stage(st, closing, ranking)
        and adl_stage(st, closing, ranking, work)
        and mark_stage(st, closing, ranking)
    )
