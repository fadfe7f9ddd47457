# Liquidation fills and takeovers: chapters 8 and 9. Outcomes as in events.pxi.

# A straight piece of a requirement (MAR-13), as the waterfall's kernels read it.
cdef struct LineRecord:
    long long rate
    int128 amount


cdef inline int lines_of(const ScheduleRecord* schedule) noexcept nogil:
    """How many lines MAR-13 publishes of a schedule."""
    return 1 if schedule.kind == SQRT_KIND else schedule.count


cdef inline LineRecord line_of(const ScheduleRecord* schedule, int place, long long lots) noexcept nogil:
    """One of them; `lots` is read for `sqrt` alone."""
    cdef LineRecord line
    if schedule.kind == SQRT_KIND:
        line.rate = sqrt_rate(lots, schedule.base, schedule.factor)
        line.amount = 0
        return line
    line.rate = schedule.tiers[place].rate
    line.amount = schedule.tiers[place].amount_whole
    line.amount = line.amount * 1_000_000 + schedule.tiers[place].amount_rest
    return line


cdef long long restored_by_lines(
    const ScheduleRecord* schedule, long long lots, long long lot_value, int128 room, int128 cost
) noexcept nogil:
    """RST-2 for `bracket` and `sqrt`."""
    cdef LineRecord line
    cdef long long most = 0, asked
    cdef int place
    for place in range(lines_of(schedule)):
        line = line_of(schedule, place, lots)
        asked = lots_for_line(
            line_room(room, lots, lot_value, line.rate, line.amount), line_relief(lot_value, line.rate, cost), lots
        )
        if asked > most:
            most = asked
    for place in range(lines_of(schedule)):
        line = line_of(schedule, place, lots)
        if room_after(
            line_room(room, lots, lot_value, line.rate, line.amount), line_relief(lot_value, line.rate, cost), most
        ) < 0:
            return lots
    return most


cdef long long restored_by_tiers(
    const ScheduleRecord* schedule, long long lots, long long lot_value, int128 room, int128 cost
) noexcept nogil:
    """RST-2 for `whole`."""
    cdef long long fewest = 0, most, closed
    cdef int128 above, relief
    cdef int place = schedule.count - 1
    while place >= 0:
        most = lots_to_tier(lots, schedule.tiers[place].floor, lot_value)
        above = line_room(room, lots, lot_value, schedule.tiers[place].rate, 0)
        relief = line_relief(lot_value, schedule.tiers[place].rate, cost)
        closed = lots_for_line(above, relief, lots)
        if closed < fewest:
            closed = fewest
        if closed <= most and room_after(above, relief, closed) >= 0:
            return closed
        if most + 1 > fewest:
            fewest = most + 1
        place -= 1
    return lots


cdef long long closable_lots(
    const State* st, const Row* row, long long equity, long long maintenance, long long price
) noexcept nogil:
    """LIQ-2. equity, maintenance: of the account."""
    cdef const MarketRecord* terms = &st.markets[row.market]
    cdef long long lots = absolute(row.size)
    cdef long long lot_value = terms.value_of_lot
    cdef long long value = notional(lots, lot_value, 1), others, closed
    cdef int128 room, cost
    if terms.size_rule == FULL_SIZE:
        return lots
    if terms.size_rule == FRACTION_SIZE:
        return fraction_lots(lots, lot_value, terms.fraction, terms.whole_below)
    if terms.size_rule == TIER_STEP_SIZE:
        if terms.maintenance.kind == SQRT_KIND:
            return lots
        return tier_step_lots(lots, lot_value, tier_of(&terms.maintenance, value).floor)
    others = maintenance - requirement(&terms.maintenance, lots, value)
    room = restore_room(equity, others, terms.buffer)
    cost = close_cost(row.size, terms.mark, price, terms.penalty, terms.multiplier)
    if terms.maintenance.kind == WHOLE_KIND:
        closed = restored_by_tiers(&terms.maintenance, lots, lot_value, room, cost)
    else:
        closed = restored_by_lines(&terms.maintenance, lots, lot_value, room, cost)
    return closed if closed > 1 else 1


cdef int apply_liquidation_fill(State* st, const EventRecord* event) noexcept nogil:
    """LIQ-1 to LIQ-6."""
    cdef AccountRecord* account = &st.accounts[event.account]
    cdef AccountRecord* counterparty = &st.accounts[event.other]
    cdef MarketRecord* terms = &st.markets[event.market]
    cdef int market = event.market
    cdef long long lots = event.x, price = event.y, size, closable, paid, loss, amount
    cdef long long maintenance_after, penalty, kept, whole
    cdef Row* row
    cdef Row* other
    cdef Standing before
    cdef SideRecord takes
    cdef int refused
    stand(st, account, &before)
    if not is_liquidatable(before.equity, before.maintenance, st.trigger):
        return refuse(st, LIQ_1, NOT_LIQUIDATABLE, event.account, before.equity, before.maintenance)
    row = find_row(st, account, market)
    if row == NULL or row.size == 0:
        return refuse(st, LIQ_2, NO_POSITION, event.account, market)
    size = row.size
    if event.account == event.other:
        return refuse(st, TRD_2, TRADES_WITH_ITSELF, event.account)
    refused = refuse_outside_pool(st, event.other, market)
    if refused:
        return refused
    if outside_band(price, terms.mark, terms.liquidation_band):
        return refuse(st, LIQ_6, PRICE_OUTSIDE_BAND, price, terms.mark)
    closable = closable_lots(st, row, before.equity, before.maintenance, price)
    if lots > closable:
        return refuse(st, LIQ_2, MORE_THAN_SIZE_RULE, lots, closable)
    takes.name = event.other
    takes.lots = lots if size > 0 else -lots
    other = find_row(st, counterparty, market)
    takes.buys = other.buys if other != NULL else 0
    takes.sells = other.sells if other != NULL else 0
    refused = refuse_size(
        st, event.other, market, (other.size if other != NULL else 0) + takes.lots, takes.buys, takes.sells
    )
    if not refused:
        refused = refuse_another_market(st, event.other, market)
    if refused:
        return refused
    if price > terms.price_max:
        return refuse(st, LIM_3, PRICE_ABOVE_LIMIT, price, terms.price_max)
    amount = notional(lots, price, terms.multiplier)
    paid = amount if size > 0 else -amount
    loss = position_value(takes.lots, terms.value_of_lot, 1) - paid
    whole = absolute(size)
    maintenance_after = before.maintenance - requirement(
        &terms.maintenance, whole, notional(whole, terms.value_of_lot, 1)
    ) + requirement(&terms.maintenance, whole - lots, notional(whole - lots, terms.value_of_lot, 1))
    if not keeps_ratio(before.equity, before.maintenance, before.equity - loss, maintenance_after):
        return refuse(st, LIQ_4, RATIO_WOULD_FALL, event.account, before.equity - loss, maintenance_after)
    kept = equity_to_keep(before.equity, before.maintenance, maintenance_after)
    penalty = liquidation_penalty(amount, terms.penalty, before.equity - loss - kept)
    takes.paid = paid
    takes.fee = fee(amount, st.fee_taker)
    refused = refuse_side(st, market, &takes)
    if refused:
        return refused

    begin_journal(st)
    if not (
        set_clock(st, event.time)
        and cancel_orders(st, LIQ_5, FILL_STAGE, event.account, NOBODY)
        and post_deal(
            st, LIQ_5, FILL_STAGE, market, event.account, event.other, takes.lots, paid, 0, NOBODY, False
        )
        and post_wallet(st, FEE_2, FILL_STAGE, event.other, -takes.fee)
        and post_pool(st, FEE_POOL_ENTRY, FEE_2, FILL_STAGE, counterparty.pool, takes.fee)
        and post_wallet(st, LIQ_3, FILL_STAGE, event.account, -penalty)
        and post_fund_inflow(st, FILL_STAGE, account.pool, penalty)
    ):
        return -1
    return 0


cdef bint take_over(State* st, int name, long long given) noexcept nogil:
    """TKO-4: all positions go to the backstop of the pool; `given` is the equity that goes with them."""
    cdef AccountRecord* account = &st.accounts[name]
    cdef int backstop = account.pool
    cdef long long before = 0, total, lots, margin, share
    cdef MarketRecord* terms
    cdef Row row
    if not touch(st, name):
        return False
    total = maintenance_of(st, account)
    if not cancel_orders(st, TKO_4, TAKEOVER_STAGE, name, NOBODY):
        return False
    # Every row holds lots now, and goes when they go.
    while account.rows > 0:
        row = st.rows[account.first]
        terms = &st.markets[row.market]
        lots = absolute(row.size)
        margin = requirement(&terms.maintenance, lots, notional(lots, terms.value_of_lot, 1))
        share = running_share(given, before, margin, total)
        before += margin
        if not post_deal(
            st, TKO_4, TAKEOVER_STAGE, row.market, name, backstop, row.size,
            position_value(row.size, terms.value_of_lot, 1) - share, 0, NOBODY, False,
        ):
            return False
    return True


cdef int apply_takeover(State* st, const EventRecord* event) noexcept nogil:
    """TKO-1 to TKO-4, LIM-1, LIM-2."""
    cdef AccountRecord* account = &st.accounts[event.account]
    cdef int backstop = account.pool, place, held, refused
    cdef Standing before, after
    cdef Row* row
    cdef Row* mine
    stand(st, account, &before)
    if not may_be_taken_over(before.equity, before.maintenance, st.takeover_trigger):
        return refuse(st, TKO_1, ABOVE_TAKEOVER_TRIGGER, event.account, before.equity, before.maintenance)
    if event.account == backstop:
        return refuse(st, TKO_2, ITS_OWN_BACKSTOP, event.account)
    for place in range(account.rows):
        row = st.rows + account.first + place
        if row.size == 0:
            continue
        mine = find_row(st, &st.accounts[backstop], row.market)
        refused = refuse_size(
            st, backstop, row.market, (mine.size if mine != NULL else 0) + row.size, 0, 0
        )
        if refused:
            return refused

    begin_journal(st)
    if not set_clock(st, event.time) or not take_over(
        st, event.account, before.equity if st.remainder_to_backstop else 0
    ):
        return -1
    held = positions_of(st, &st.accounts[backstop])
    if held > st.positions_max:
        return refuse(st, LIM_2, TOO_MANY_MARKETS, backstop, held, st.positions_max)
    stand(st, &st.accounts[backstop], &after)
    if after.notional > st.backstop_notional_max:
        return refuse(st, TKO_3, BACKSTOP_IS_FULL, after.notional, st.backstop_notional_max)
    if not carries(after.equity, after.initial, after.maintenance, st.trigger):
        return refuse(st, TKO_3, BACKSTOP_BELOW_INITIAL, after.equity, after.initial)
    return 0
