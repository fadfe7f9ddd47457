# The waterfall: chapters 9 to 11. `resolve` runs within the transition of prices and funding, whose journal takes
# everything back if a value leaves the domain. Rankings are those of the snapshot, worked out before anything changes.

cdef struct Bankrupt:
    int account
    int spare
    long long deficit

# A position of a bankrupt account on its way through the stages.
cdef struct ClosingRecord:
    int account
    int market
    long long side
    long long lots
    long long gap
    long long carried

cdef struct RankedRecord:
    int128 numerator
    int128 denominator
    long long value
    int account
    int place

# The holders of one side of a market on the snapshot. The eligible ones are a heap, of which the first are sorted
# out as they are asked for; `passed` are known to hold nothing on this side any more.
cdef struct Ranking:
    bint wanted
    RankedRecord* heap
    long long heap_count
    long long heap_capacity
    int* sorted
    long long sorted_count
    long long sorted_capacity
    long long passed
    int* others
    long long other_count
    long long other_capacity

cdef struct Share:
    int account
    int spare
    long long lots
    long long cap
    long long given

cdef struct Payer:
    int account
    int place
    long long weight
    long long share

# What a resolution works with; freed at its end.
cdef struct Scratch:
    Bankrupt* bankrupt
    long long bankrupt_count
    long long bankrupt_capacity
    ClosingRecord* closings
    long long closing_count
    long long closing_capacity
    Ranking* rankings           # market x 2 + (1 for the shorts)
    unsigned char* is_bankrupt
    Share* shares
    long long share_count
    long long share_capacity
    Share** by_rate
    long long rate_capacity
    Payer* payers
    long long payer_count
    long long payer_capacity
    # The bankrupt accounts of the pool whose loss is being paid, and what each still owes
    int* bankrupt_of_pool
    long long* owed


# ------------------------------------------------------------------------------------- who is bankrupt


cdef bint find_bankrupt(State* st, Scratch* work) noexcept nogil:
    """RES-1, not yet in order."""
    cdef long long name, equity
    for name in range(st.account_count):
        if st.accounts[name].pool == NOBODY:
            continue
        equity = equity_of(st, &st.accounts[name])
        if equity < 0:
            if not grow(
                <void**>&work.bankrupt, &work.bankrupt_capacity, work.bankrupt_count + 1, sizeof(Bankrupt)
            ):
                return False
            work.bankrupt[work.bankrupt_count].account = <int>name
            work.bankrupt[work.bankrupt_count].deficit = -equity
            work.bankrupt_count += 1
    return True


cdef bint resolved_sooner(const State* st, const Bankrupt* one, const Bankrupt* other) noexcept nogil:
    """The larger deficit first, then the smaller identifier."""
    if one.deficit != other.deficit:
        return one.deficit > other.deficit
    return st.accounts[one.account].place < st.accounts[other.account].place


cdef void sort_bankrupt(const State* st, Bankrupt* items, long long count) noexcept nogil:
    """By heaps: the last to be resolved comes to the top and goes to the end."""
    cdef long long start, end = count
    cdef Bankrupt swapped
    for start in range(count // 2 - 1, -1, -1):
        sink_bankrupt(st, items, start, count)
    while end > 1:
        end -= 1
        swapped = items[0]
        items[0] = items[end]
        items[end] = swapped
        sink_bankrupt(st, items, 0, end)


cdef void sink_bankrupt(const State* st, Bankrupt* items, long long place, long long count) noexcept nogil:
    cdef long long below
    cdef Bankrupt swapped
    while True:
        below = 2 * place + 1
        if below >= count:
            return
        if below + 1 < count and resolved_sooner(st, &items[below], &items[below + 1]):
            below += 1
        if not resolved_sooner(st, &items[place], &items[below]):
            return
        swapped = items[place]
        items[place] = items[below]
        items[below] = swapped
        place = below


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


# ------------------------------------------------------------------------------------- ranking


cdef inline bint ranked_sooner(const RankedRecord* one, const RankedRecord* other) noexcept nogil:
    return comes_before(
        one.numerator, one.denominator, one.value, one.place,
        other.numerator, other.denominator, other.value, other.place,
    )


cdef void sink_ranked(RankedRecord* heap, long long place, long long count) noexcept nogil:
    cdef long long below
    cdef RankedRecord swapped
    while True:
        below = 2 * place + 1
        if below >= count:
            return
        if below + 1 < count and ranked_sooner(&heap[below + 1], &heap[below]):
            below += 1
        if not ranked_sooner(&heap[below], &heap[place]):
            return
        swapped = heap[place]
        heap[place] = heap[below]
        heap[below] = swapped
        place = below


cdef bint list_backstop(State* st, Scratch* work, int backstop) noexcept nogil:
    """A backstop may come to a side while others are closed: it is listed wherever it is not ranked."""
    cdef AccountRecord* account = &st.accounts[backstop]
    cdef Ranking* ranking
    cdef Standing standing
    cdef bint eligible
    cdef int side
    stand(st, account, &standing)
    eligible = not is_liquidatable(standing.equity, standing.maintenance, st.trigger)
    for side in range(2 * st.market_count):
        ranking = &work.rankings[side]
        if not ranking.wanted:
            continue
        if eligible and lots_of_side(st, backstop, side // 2, 1 - 2 * (side % 2)) > 0:
            continue
        if not grow(<void**>&ranking.others, &ranking.other_capacity, ranking.other_count + 1, sizeof(int)):
            return False
        ranking.others[ranking.other_count] = backstop
        ranking.other_count += 1
    return True


cdef bint rank_holders(State* st, Scratch* work) noexcept nogil:
    """ADL-1 and ADL-2 for every side that a closing needs, in one pass over the accounts in their order."""
    cdef long long place, each
    cdef int name, at
    cdef AccountRecord* account
    cdef Row* row
    cdef Ranking* ranking
    cdef RankedRecord* ranked
    cdef long long value
    cdef bint stands, eligible = False
    cdef Standing standing
    for place in range(st.account_count):
        name = st.order[place]
        account = &st.accounts[name]
        stands = False
        if is_backstop(st, name) and not list_backstop(st, work, name):
            return False
        for at in range(account.rows):
            row = st.rows + account.first + at
            if row.size == 0:
                continue
            ranking = &work.rankings[2 * row.market + (0 if row.size > 0 else 1)]
            if not ranking.wanted:
                continue
            if not stands:
                stand(st, account, &standing)
                eligible = not is_liquidatable(standing.equity, standing.maintenance, st.trigger)
                stands = True
            if not eligible:
                if is_backstop(st, name):
                    continue
                if not grow(
                    <void**>&ranking.others, &ranking.other_capacity, ranking.other_count + 1, sizeof(int)
                ):
                    return False
                ranking.others[ranking.other_count] = name
                ranking.other_count += 1
                continue
            if not grow(
                <void**>&ranking.heap, &ranking.heap_capacity, ranking.heap_count + 1, sizeof(RankedRecord)
            ):
                return False
            value = position_value(row.size, st.markets[row.market].value_of_lot, 1)
            ranked = &ranking.heap[ranking.heap_count]
            ranked.numerator = score_numerator(
                st.ranking, value, row.cost, standing.equity, standing.maintenance
            )
            ranked.denominator = score_denominator(
                st.ranking, value, row.cost, account.wallet, standing.equity
            )
            ranked.value = absolute(value)
            ranked.account = name
            ranked.place = account.place
            ranking.heap_count += 1
    for each in range(2 * st.market_count):
        ranking = &work.rankings[each]
        if ranking.heap_count > 0:
            if not grow(<void**>&ranking.sorted, &ranking.sorted_capacity, ranking.heap_count, sizeof(int)):
                return False
            for place in range(ranking.heap_count // 2 - 1, -1, -1):
                sink_ranked(ranking.heap, place, ranking.heap_count)
    return True


cdef int ranked_at(Ranking* ranking, long long place) noexcept nogil:
    """The account at a place of the ranking, or NOBODY after the last."""
    while ranking.sorted_count <= place:
        if ranking.heap_count == 0:
            return NOBODY
        ranking.sorted[ranking.sorted_count] = ranking.heap[0].account
        ranking.sorted_count += 1
        ranking.heap_count -= 1
        ranking.heap[0] = ranking.heap[ranking.heap_count]
        sink_ranked(ranking.heap, 0, ranking.heap_count)
    return ranking.sorted[place]


cdef inline long long lots_of_side(const State* st, int name, int market, long long side) noexcept nogil:
    """The lots that an account holds on a side, 0 if it is on the other."""
    cdef const Row* row = find_row(st, &st.accounts[name], market)
    if row == NULL or row.size * side <= 0:
        return 0
    return absolute(row.size)


cdef long long first_live(State* st, Ranking* ranking, int market, long long side) noexcept nogil:
    """The first place of a ranking at which somebody still holds lots.

    Whoever is deleveraged only comes closer to 0; a backstop may come back, so none is passed.
    """
    cdef int name
    while True:
        name = ranked_at(ranking, ranking.passed)
        if name == NOBODY or is_backstop(st, name) or lots_of_side(st, name, market, side) > 0:
            return ranking.passed
        ranking.passed += 1


# ------------------------------------------------------------------------------------- stages 1 to 4


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


cdef bint rounded_sooner(const State* st, const Share* one, const Share* other) noexcept nogil:
    """The order in which proportional shares are rounded: owner, larger holdings first, identifier."""
    cdef int mine = st.owner_place[st.accounts[one.account].owner]
    cdef int theirs = st.owner_place[st.accounts[other.account].owner]
    if mine != theirs:
        return mine < theirs
    if one.lots != other.lots:
        return one.lots > other.lots
    return st.accounts[one.account].place < st.accounts[other.account].place


cdef void sink_share(const State* st, Share* items, long long place, long long count) noexcept nogil:
    cdef long long below
    cdef Share swapped
    while True:
        below = 2 * place + 1
        if below >= count:
            return
        if below + 1 < count and rounded_sooner(st, &items[below], &items[below + 1]):
            below += 1
        if not rounded_sooner(st, &items[place], &items[below]):
            return
        swapped = items[place]
        items[place] = items[below]
        items[below] = swapped
        place = below


cdef void sink_rate(Share** items, long long place, long long count) noexcept nogil:
    """A heap of which the lowest cap / lots is the top."""
    cdef long long below
    cdef Share* swapped
    while True:
        below = 2 * place + 1
        if below >= count:
            return
        if below + 1 < count and is_capped_sooner(
            items[below + 1].cap, items[below + 1].lots, items[below].cap, items[below].lots
        ):
            below += 1
        if not is_capped_sooner(items[below].cap, items[below].lots, items[place].cap, items[place].lots):
            return
        swapped = items[place]
        items[place] = items[below]
        items[below] = swapped
        place = below


cdef bint adl_by_shares(
    State* st, ClosingRecord* closing, Ranking* ranking, Scratch* work, long long left, long long place
) noexcept nogil:
    """ADL-5 and ADL-6. Caps are worked out before any lot of this closing is taken."""
    cdef long long lots, total = 0, before = 0, each, end, active = 0
    cdef int name
    cdef Share swapped
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
        share.lots = lots
        share.cap = cap_of(st, name, closing, lots)
        share.given = 0
        total += share.cap
        active += lots
        work.share_count += 1
    left = queue_share(left, total)

    # In owner order
    end = work.share_count
    for each in range(end // 2 - 1, -1, -1):
        sink_share(st, work.shares, each, end)
    while end > 1:
        end -= 1
        swapped = work.shares[0]
        work.shares[0] = work.shares[end]
        work.shares[end] = swapped
        sink_share(st, work.shares, 0, end)

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
    cdef long long each, end = work.share_count, before = 0
    cdef Share* share
    if not grow(<void**>&work.by_rate, &work.rate_capacity, end, sizeof(Share*)):
        return False
    for each in range(end):
        work.by_rate[each] = &work.shares[each]
        work.shares[each].given = NOBODY
    for each in range(end // 2 - 1, -1, -1):
        sink_rate(work.by_rate, each, end)
    while end > 0:
        share = work.by_rate[0]
        if not is_cut_off(left, active, share.lots, share.cap):
            break
        share.given = share.cap
        left -= share.cap
        active -= share.lots
        end -= 1
        work.by_rate[0] = work.by_rate[end]
        sink_rate(work.by_rate, 0, end)
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


# ------------------------------------------------------------------------------------- stage 5


# Where payments of one stage go: the residues of a pool's bankrupt accounts, then its bad debt and its fund.
cdef struct Due:
    long long place             # the first of `owed` that is still due
    long long wallets           # how many residues there are
    long long repays            # bad debt that a surplus repays
    long long inflow            # what of it is left for the fund


cdef bint pay_due(State* st, Scratch* work, Due* due, int pool, int rule, int stage, int kind, int payer,
                  int market, long long amount) noexcept nogil:
    """Matches one payment with what is due, in order. kind, payer, market: where it comes from."""
    cdef long long paid
    cdef int payee_kind, payee, by
    while amount > 0:
        while due.place < due.wallets and work.owed[due.place] == 0:
            due.place += 1
        payee_kind = WALLET_ENTRY
        payee = NOBODY
        by = rule
        if due.place < due.wallets:
            payee = work.bankrupt_of_pool[due.place]
            paid = queue_share(amount, work.owed[due.place])
            work.owed[due.place] -= paid
        elif due.repays > 0:
            payee_kind = BAD_DEBT_ENTRY
            by = FND_1
            paid = queue_share(amount, due.repays)
            due.repays -= paid
        elif due.inflow > 0:
            payee_kind = FUND_ENTRY
            by = FND_1
            paid = queue_share(amount, due.inflow)
            due.inflow -= paid
        else:
            return True
        if kind == WALLET_ENTRY:
            if not post_wallet(st, by, stage, payer, -paid):
                return False
        elif kind == OPEN_COST_ENTRY:
            if not post_open_cost(st, by, stage, payer, market, -paid):
                return False
        elif not post_pool(st, kind, by, stage, payer, -paid):
            return False
        if payee_kind == WALLET_ENTRY:
            if not post_wallet(st, by, stage, payee, paid):
                return False
        elif not post_pool(st, payee_kind, by, stage, pool, paid):
            return False
        amount -= paid
    return True


cdef long long profit_of(const State* st, const Row* row) noexcept nogil:
    """The unrealised profit of a row."""
    return position_value(row.size, st.markets[row.market].value_of_lot, 1) - row.cost


cdef bint list_payers(State* st, Scratch* work, int pool, long long* total) noexcept nogil:
    """LOS-3: the accounts of a pool that have a weight, in the order of identifiers; none of them bankrupt."""
    cdef long long place, equity, profit, weight
    cdef int name, at
    cdef AccountRecord* account
    work.payer_count = 0
    total[0] = 0
    for place in range(st.account_count):
        name = st.order[place]
        account = &st.accounts[name]
        if account.pool != pool or work.is_bankrupt[name]:
            continue
        equity = equity_of(st, account)
        profit = 0
        for at in range(account.rows):
            profit += profit_of(st, st.rows + account.first + at)
        weight = weight_of(profit, equity, st.payers)
        if weight > 0:
            if not grow(<void**>&work.payers, &work.payer_capacity, work.payer_count + 1, sizeof(Payer)):
                return False
            work.payers[work.payer_count].account = name
            work.payers[work.payer_count].place = account.place
            work.payers[work.payer_count].weight = weight
            work.payer_count += 1
            total[0] += weight
    return True


cdef inline bint pays_sooner(const Payer* one, const Payer* other) noexcept nogil:
    """The larger weight first, then the smaller identifier."""
    if one.weight != other.weight:
        return one.weight > other.weight
    return one.place < other.place


cdef void sink_payer(Payer* items, long long place, long long count) noexcept nogil:
    cdef long long below
    cdef Payer swapped
    while True:
        below = 2 * place + 1
        if below >= count:
            return
        if below + 1 < count and pays_sooner(&items[below], &items[below + 1]):
            below += 1
        if not pays_sooner(&items[place], &items[below]):
            return
        swapped = items[place]
        items[place] = items[below]
        items[below] = swapped
        place = below


cdef long long share_out_loss(Scratch* work, long long loss, long long total) noexcept nogil:
    """LOS-5: what each payer pays, in the order in which they pay; returns the sum."""
    cdef long long each, end = work.payer_count, left = loss, shared = 0
    cdef Payer swapped
    if loss >= work.payer_count:
        for each in range(work.payer_count):
            work.payers[each].share = share_of_loss(loss, work.payers[each].weight, total)
            shared += work.payers[each].share
        return shared
    for each in range(end // 2 - 1, -1, -1):
        sink_payer(work.payers, each, end)
    while end > 1:
        end -= 1
        swapped = work.payers[0]
        work.payers[0] = work.payers[end]
        work.payers[end] = swapped
        sink_payer(work.payers, 0, end)
    for each in range(work.payer_count):
        work.payers[each].share = queue_share(left, work.payers[each].weight)
        left -= work.payers[each].share
    return loss


cdef bint pay_share(State* st, Scratch* work, Due* due, int pool, const Payer* payer) noexcept nogil:
    """Where a payer's share comes from: its wallet, or its profits market by market."""
    cdef long long left = payer.share, taken
    cdef int at = 0
    cdef AccountRecord* account = &st.accounts[payer.account]
    cdef Row* row
    if st.payers == 1:
        return pay_due(
            st, work, due, pool, LOS_5, PAYERS_PAY, WALLET_ENTRY, payer.account, NOBODY, left
        )
    for at in range(account.rows):
        row = st.rows + account.first + at
        taken = profit_of(st, row)
        if taken <= 0 or left == 0:
            continue
        taken = queue_share(left, taken)
        if not pay_due(
            st, work, due, pool, LOS_5, PAYERS_PAY, OPEN_COST_ENTRY, payer.account, row.market, taken
        ):
            return False
        left -= taken
    return True


cdef bint money_stage(State* st, Scratch* work, int pool) noexcept nogil:
    """LOS-1, LOS-2, LOS-4 to LOS-6: the fund, the payers, and what nobody paid."""
    cdef long long each, loss = 0, by_fund = 0, by_payers, total, surplus
    cdef int name
    cdef Due due
    due.place = 0
    due.wallets = 0
    due.repays = 0
    due.inflow = 0
    for each in range(work.bankrupt_count):
        name = work.bankrupt[each].account
        if st.accounts[name].pool != pool:
            continue
        work.bankrupt_of_pool[due.wallets] = name
        work.owed[due.wallets] = -st.accounts[name].wallet if st.accounts[name].wallet < 0 else 0
        loss += work.owed[due.wallets]
        due.wallets += 1

    if st.stage_fund_residue:
        by_fund = queue_share(loss, room_of_pool(st, &st.pools[pool]))
    if by_fund > 0:
        if not pay_due(
            st, work, &due, pool, LOS_2, FUND_PAYS, FUND_ENTRY, pool, NOBODY, by_fund
        ) or not count_draw(st, LOS_2, FUND_PAYS, pool, by_fund):
            return False
    loss -= by_fund

    if st.stage_payers and loss > 0:
        if not list_payers(st, work, pool, &total):
            return False
        by_payers = queue_share(loss, total)
        surplus = share_out_loss(work, by_payers, total) - by_payers
        due.repays = repaid(surplus, st.pools[pool].bad_debt)
        due.inflow = surplus - due.repays
        for each in range(work.payer_count):
            if not pay_share(st, work, &due, pool, &work.payers[each]):
                return False
        loss -= by_payers

    return loss == 0 or pay_due(
        st, work, &due, pool, LOS_6, BAD_DEBT_STAGE, BAD_DEBT_ENTRY, pool, NOBODY, loss
    )


# ------------------------------------------------------------------------------------- the whole of it


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
    sort_bankrupt(st, work.bankrupt, work.bankrupt_count)
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
