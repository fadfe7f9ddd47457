# Who is deleveraged first: chapter 10. Rankings are those of the snapshot, worked out before anything changes.

cdef struct Bankrupt:
    int account
    int place
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
    int place
    int owner_place
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
