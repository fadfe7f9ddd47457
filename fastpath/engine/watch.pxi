# The liquidation index: which accounts are liquidatable, without looking at all of them (decision 0014).
#
# Each position has a tick beyond which its mark may leave the account liquidatable (fastpath/certificates.py,
# theorem F3). Per market there are two queues of such ticks (entries.pxi), of longs for a mark that falls and of
# shorts for one that rises. Row.spare is the key of a position's valid entry, of a short's with a minus: it goes
# with the row wherever that goes. Other entries are dropped when a mark reaches them, or when they may be half of
# a queue.
# Accounts that a mark has reached are evaluated and certified anew. Who cannot be certified is `hot`, and is
# evaluated at every look: whoever is liquidatable.

cdef enum:
    FLAG_HOT = 8                # in the list of hot accounts
    FLAG_LOOKED = 16            # evaluated in this look
    PREFETCH = 8                # accounts ahead

cdef enum:
    CERTIFIED
    LIQUIDATABLE
    BELOW_ZERO                  # without a position: not liquidatable, but bankrupt
    NO_MEMORY = -1

cdef struct Index:
    Entries entries
    long long* marks            # at the last look
    int* hot
    long long hot_count
    long long hot_capacity
    int* found                  # the liquidatable ones
    long long found_count
    long long found_capacity
    bint complete               # every account that is not hot or dirty has its entries
    long long evaluated         # accounts, since somebody asked


# ------------------------------------------------------------------------------------- certificates


cdef inline const TierRecord* tier_reached(const ScheduleRecord* schedule, long long value) noexcept nogil:
    """The tier of a notional, NULL for a schedule without tiers."""
    if schedule.kind == SQRT_KIND:
        return NULL
    return tier_of(schedule, value)


cdef inline bint has_floor_above(const ScheduleRecord* schedule, const TierRecord* tier) noexcept nogil:
    return tier != NULL and tier + 1 < schedule.tiers + schedule.count


cdef int key_of_long(const MarketRecord* market, const Row* row, long long margin, long long share) noexcept nogil:
    """F3-long: the key in the queue of falling marks."""
    return key_of_tick(0, tick_of_fall(share, market.mark, row.size * market.value_of_lot, margin))


cdef int key_of_floor(const MarketRecord* market, const Row* row) noexcept nogil:
    """F3-floor and F3-gain: the key of a long of kind `whole` in the queue of rising marks."""
    cdef const ScheduleRecord* schedule = &market.maintenance
    cdef const TierRecord* tier = tier_of(schedule, row.size * market.value_of_lot)
    if not has_floor_above(schedule, tier):
        return NO_KEY
    return key_of_tick(1, tick_above_floor(tier[1].floor, row.size * market.multiplier))


cdef int key_of_short(const MarketRecord* market, const Row* row, long long share) noexcept nogil:
    """F3-short and F3-floor: the key in the queue of rising marks."""
    cdef const ScheduleRecord* schedule = &market.maintenance
    cdef long long per_tick = -row.size * market.multiplier, rate, tick, above
    cdef const TierRecord* tier = tier_reached(schedule, -row.size * market.value_of_lot)
    rate = sqrt_rate(-row.size, schedule.base, schedule.factor) if tier == NULL else tier.rate
    tick = tick_of_rise(share, market.mark, per_tick, rate)
    if has_floor_above(schedule, tier):
        above = tick_above_floor(tier[1].floor, per_tick)
        if above != 0 and (tick == 0 or above < tick):
            tick = above
    return key_of_tick(1, tick)


cdef int certify(State* st, Index* index, int name) noexcept nogil:
    """Evaluates an account and certifies it: CERTIFIED, LIQUIDATABLE, BELOW_ZERO, or NO_MEMORY."""
    cdef AccountRecord* account = &st.accounts[name]
    cdef Row* rows = st.rows + account.first
    cdef MarketRecord* market
    cdef Entries* entries = &index.entries
    cdef long long margins[ROWS_OF_AN_ACCOUNT]
    cdef long long equity = account.wallet, maintenance = 0, total = 0, slack, share, value
    cdef int place, key, floor, present, side, queue
    index.evaluated += 1
    for place in range(account.rows):
        market = &st.markets[rows[place].market]
        value = position_value(rows[place].size, market.value_of_lot, 1)
        equity += value - rows[place].cost
        if value != 0:
            value = absolute(value)
            margins[place] = requirement(&market.maintenance, absolute(rows[place].size), value)
            maintenance += margins[place]
            total += value
        else:
            rows[place].spare = NO_KEY      # orders alone: what comes to the top is not valid
    if total == 0:
        return CERTIFIED if equity >= 0 else BELOW_ZERO
    slack = equity - maintenance - st.trigger
    if slack < 0:
        return LIQUIDATABLE
    for place in range(account.rows):
        if rows[place].size == 0:
            continue
        market = &st.markets[rows[place].market]
        queue = 2 * rows[place].market
        share = slack_share(slack, absolute(rows[place].size) * market.value_of_lot, total)
        if rows[place].size > 0:
            key = key_of_long(market, &rows[place], margins[place], share)
            if market.maintenance.kind == WHOLE_KIND:
                floor = key_of_floor(market, &rows[place])
                if floor != NO_KEY and not push(entries, queue + 1, entry_of(floor, name)):
                    return NO_MEMORY
            side = 1
        else:
            key = key_of_short(market, &rows[place], share)
            queue += 1
            side = -1
        present = side * rows[place].spare
        if key_of_tick(side < 0, market.mark) < present and (key == NO_KEY or present <= key):
            continue    # the entry that is there comes no later
        rows[place].spare = side * key
        if key != NO_KEY and not push(entries, queue, entry_of(key, name)):
            return NO_MEMORY
    return CERTIFIED


cdef void forget_entries(State* st, int name) noexcept nogil:
    """Makes the entries of an account invalid."""
    cdef AccountRecord* account = &st.accounts[name]
    cdef int place
    for place in range(account.rows):
        st.rows[account.first + place].spare = NO_KEY


cdef bint evaluate_account(State* st, Index* index, int name) noexcept nogil:
    """Certifies an account that is not hot, or makes it hot; False without memory."""
    cdef int outcome = certify(st, index, name)
    if outcome == NO_MEMORY:
        return False
    if outcome == CERTIFIED:
        return True
    if not grow(<void**>&index.hot, &index.hot_capacity, index.hot_count + 1, sizeof(int)) or not grow(
        <void**>&index.found, &index.found_capacity, index.found_count + 1, sizeof(int)
    ):
        return False
    forget_entries(st, name)
    st.accounts[name].flags |= FLAG_HOT
    index.hot[index.hot_count] = name
    index.hot_count += 1
    if outcome == LIQUIDATABLE:
        index.found[index.found_count] = name
        index.found_count += 1
    return True


# ------------------------------------------------------------------------------------- a look


cdef bint is_valid(const State* st, int queue, unsigned long long entry) noexcept nogil:
    """Whether an entry is one that its account is certified by."""
    cdef const AccountRecord* account = &st.accounts[account_of(entry)]
    cdef const Row* row
    if account.flags & FLAG_HOT:
        return False
    row = find_row(st, account, queue // 2)
    if row == NULL or row.size == 0:
        return False
    if queue % 2 == 1 and row.size > 0:
        # A long's next floor, which it enters anew at each certification.
        return st.markets[queue // 2].maintenance.kind == WHOLE_KIND
    return row.spare == (key_of(entry) if queue % 2 == 0 else -key_of(entry))


cdef bint drop_invalid(const State* st, Index* index, int number) noexcept nogil:
    """Drops the entries of a queue that no account is certified by, once they may be half of it.

    Returns False without memory.
    """
    cdef Entries* entries = &index.entries
    cdef Queue* queue = &entries.queues[number]
    cdef unsigned long long* listed
    cdef long long place, count = queue.count, kept = 0
    if count < 2 * queue.kept + 1024:
        return True
    if not list_all(entries, number):
        return False
    listed = entries.listed
    for place in range(count):
        if place + 2 * PREFETCH < count:
            prefetch(&st.accounts[account_of(listed[place + 2 * PREFETCH])])
            prefetch_rows(st.rows + st.accounts[account_of(listed[place + PREFETCH])].first)
        if is_valid(st, number, listed[place]):
            listed[kept] = listed[place]
            kept += 1
    if 2 * kept > count:
        # Some may be there twice.
        qsort(listed, kept, sizeof(unsigned long long), by_entry)
    begin(entries, number, key_of_tick(queue.side, st.markets[number // 2].mark))
    for place in range(kept):
        if (place == 0 or listed[place] != listed[place - 1]) and not push(entries, number, listed[place]):
            return False
    settle(queue)
    return True


cdef bint collect_reached(State* st, Index* index) noexcept nogil:
    """Takes out of the queues what the marks have reached; False without memory."""
    cdef int market, side
    index.entries.reached_count = 0
    for market in range(st.market_count):
        if st.markets[market].mark == index.marks[market]:
            continue
        index.marks[market] = st.markets[market].mark
        for side in range(2):
            if not collect(&index.entries, 2 * market + side, key_of_tick(side, st.markets[market].mark)):
                return False
    return True


cdef bint look_at_hot(State* st, Index* index) noexcept nogil:
    """Evaluates the accounts that were hot; who can be certified again is not any more."""
    cdef long long place, count = index.hot_count
    index.hot_count = 0
    for place in range(count):
        st.accounts[index.hot[place]].flags &= ~FLAG_HOT
        if not evaluate_account(st, index, index.hot[place]):
            return False
    return True


cdef bint look_at_dirty(State* st, Index* index) noexcept nogil:
    """Evaluates the accounts that events have changed since the last look."""
    cdef long long place
    cdef int name
    for place in range(st.dirty_count):
        if place + 2 * PREFETCH < st.dirty_count:
            prefetch(&st.accounts[st.dirty[place + 2 * PREFETCH]])
            prefetch_rows(st.rows + st.accounts[st.dirty[place + PREFETCH]].first)
        name = st.dirty[place]
        st.accounts[name].flags &= ~FLAG_DIRTY
        if not st.accounts[name].flags & FLAG_HOT and not evaluate_account(st, index, name):
            return False
    st.dirty_count = 0
    return True


cdef bint look_at_reached(State* st, Index* index) noexcept nogil:
    """Evaluates the accounts that the marks have reached, each once."""
    cdef long long place, count = index.entries.reached_count
    cdef int name
    cdef Reached* reached = index.entries.reached
    for place in range(count):
        if place + 2 * PREFETCH < count:
            prefetch(&st.accounts[account_of(reached[place + 2 * PREFETCH].entry)])
            prefetch_rows(st.rows + st.accounts[account_of(reached[place + PREFETCH].entry)].first)
        name = account_of(reached[place].entry)
        if st.accounts[name].flags & FLAG_LOOKED or not is_valid(st, reached[place].queue, reached[place].entry):
            continue
        st.accounts[name].flags |= FLAG_LOOKED
        if not evaluate_account(st, index, name):
            return False
    for place in range(count):
        st.accounts[account_of(reached[place].entry)].flags &= ~FLAG_LOOKED
    return True


cdef bint look_at_all(State* st, Index* index) noexcept nogil:
    """Certifies every account anew."""
    cdef long long name, place
    cdef int queue
    cdef AccountRecord* account
    clear(&index.entries)
    for queue in range(2 * st.market_count):
        begin(&index.entries, queue, key_of_tick(queue % 2, st.markets[queue // 2].mark))
    index.hot_count = 0
    for place in range(st.market_count):
        index.marks[place] = st.markets[place].mark
    for name in range(st.account_count):
        account = &st.accounts[name]
        account.flags &= ~(FLAG_HOT | FLAG_LOOKED | FLAG_DIRTY)
        forget_entries(st, <int>name)
        if (account.rows > 0 or account.wallet < 0) and not evaluate_account(st, index, <int>name):
            return False
    st.dirty_count = 0
    for queue in range(2 * st.market_count):
        settle(&index.entries.queues[queue])
    index.complete = True
    return True


cdef bint look(State* st, Index* index) noexcept nogil:
    """Brings the index up to the state: found are then all liquidatable accounts, hot those and all bankrupt ones.

    Not in the middle of an event that has changed accounts already. False without memory; the next look then
    begins anew.
    """
    cdef int queue
    index.found_count = 0
    if not index.complete:
        return look_at_all(st, index)
    index.complete = False
    if (
        not look_at_hot(st, index)
        or not look_at_dirty(st, index)
        or not collect_reached(st, index)
        or not look_at_reached(st, index)
    ):
        return False
    for queue in range(2 * st.market_count):
        if not drop_invalid(st, index, queue) or not thin_out(
            &index.entries, queue, key_of_tick(queue % 2, st.markets[queue // 2].mark)
        ):
            return False
    index.complete = True
    return True


@cython.no_gc_clear
cdef class Watch:
    """The liquidation index of one core; from then on it sees every event."""

    cdef Core core
    cdef Index index
    cdef readonly long long evaluated

    def __cinit__(self, Core core):
        if core.st.index != NULL:
            raise RuntimeError("this engine has a liquidation index already")
        self.core = core
        cdef Entries* entries = &self.index.entries
        cdef int queues = 2 * max(core.st.market_count, 1), queue
        entries.queues = <Queue*>calloc(queues, sizeof(Queue))
        entries.bands = <int*>calloc(queues, BANDS * sizeof(int))
        self.index.marks = <long long*>calloc(queues, sizeof(long long))
        if entries.queues == NULL or entries.bands == NULL or self.index.marks == NULL:
            raise MemoryError("no memory for the liquidation index")
        for queue in range(queues):
            entries.queues[queue].side = queue % 2
            entries.queues[queue].bands = entries.bands + BANDS * queue
        core.st.index = &self.index
        core.st.watching = True

    def __dealloc__(self):
        cdef Entries* entries = &self.index.entries
        cdef int queue
        if self.core is not None:
            self.core.st.watching = False
            self.core.st.index = NULL
            if entries.queues != NULL:
                for queue in range(2 * self.core.st.market_count):
                    free(entries.queues[queue].block)
        free(entries.queues)
        free(entries.bands)
        free(entries.chunks)
        free(entries.reached)
        free(entries.listed)
        free(self.index.marks)
        free(self.index.hot)
        free(self.index.found)

    def look(self):
        """The liquidatable accounts, in no order. Errors: MemoryError; the next look begins anew."""
        cdef bint done
        with nogil:
            done = look(&self.core.st, &self.index)
        if not done:
            raise MemoryError("no memory for the liquidation index; the next look certifies all accounts anew")
        self.evaluated = self.index.evaluated
        self.index.evaluated = 0
        if self.index.found_count == 0:
            return np.empty(0, dtype=np.int32)
        return np.asarray(<int[: self.index.found_count]>self.index.found).copy()

    def scan(self):
        """The liquidatable accounts by looking at every one: what `look` must find."""
        cdef State* st = &self.core.st
        cdef long long name, count = 0
        cdef AccountRecord* account
        cdef int[::1] found = np.empty(max(st.account_count, 1), dtype=np.int32)
        with nogil:
            for name in range(st.account_count):
                account = &st.accounts[name]
                if account.rows > 0 and is_liquidatable(
                    equity_of(st, account), maintenance_of(st, account), st.trigger
                ):
                    found[count] = <int>name
                    count += 1
        return np.asarray(found)[:count].copy()

    @property
    def hot(self):
        return self.index.hot_count

    def entries(self):
        """How many entries there are in the queues, those that are not valid any more included."""
        return sum(self.index.entries.queues[queue].count for queue in range(2 * self.core.st.market_count))

    def near(self):
        """How many of them are in the heaps."""
        return sum(
            self.index.entries.queues[queue].near_count for queue in range(2 * self.core.st.market_count)
        )

    def bytes_used(self):
        """What the entries and lists take, without the room they keep in reserve."""
        return 8 * self.entries() + 4 * (self.index.hot_count + self.index.found_count)

    def bytes_reserved(self):
        """What the entries and lists take, with the room they keep in reserve."""
        cdef Entries* entries = &self.index.entries
        cdef long long near = sum(
            entries.queues[queue].near_capacity for queue in range(2 * self.core.st.market_count)
        )
        return (
            8 * (near + entries.listed_capacity) + sizeof(Chunk) * entries.chunk_capacity
            + 4 * (self.index.hot_capacity + self.index.found_capacity)
            + sizeof(Reached) * entries.reached_capacity
            + self.core.st.market_count * 2 * (sizeof(Queue) + BANDS * sizeof(int))
        )
