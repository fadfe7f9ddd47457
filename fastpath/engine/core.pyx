# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
"""The compiled part of the engine: records, transitions, and the class that holds them.

The kernels' sources are included, not imported: so the C compiler inlines them, and what is proved about their
text holds here. What is written in the other included files is plumbing: rows, postings, loops, order of
refusals; it is held to the law by the differential.
"""

from fastpath.kernels cimport int128

include "../kernels.py"
include "../waterfall.py"
include "../transitions.py"
include "../certificates.py"

from libc.string cimport memset

import numpy as np

from fastpath import domain

cdef extern from *:
    """
    #include <stdlib.h>
    #include <string.h>
    #ifdef __linux__
    #include <sys/mman.h>
    #endif
    #define MARGINSPEC_HUGE_PAGE 2097152
    /* As realloc. A large block begins at a huge page and asks for huge pages, where the system has them: the
       accounts that an event needs lie anywhere in it, and with small pages each costs a walk of the page table. */
    static void* marginspec_larger(void* block, size_t taken, size_t needed) {
    #if defined(__linux__) && defined(MADV_HUGEPAGE)
        void* larger;
        if (needed >= 2 * MARGINSPEC_HUGE_PAGE) {
            if (posix_memalign(&larger, MARGINSPEC_HUGE_PAGE, needed) != 0)
                return NULL;
            madvise(larger, needed, MADV_HUGEPAGE);
            if (taken > 0)
                memcpy(larger, block, taken);
            free(block);
            return larger;
        }
    #endif
        (void)taken;
        return realloc(block, needed);
    }
    /* As a macro: in a function of its own the compiler takes a prefetch for nothing, and drops the call. */
    #define MARGINSPEC_PREFETCH(place) __builtin_prefetch(place)
    #define MARGINSPEC_PREFETCH_ROWS(place) do { \
        __builtin_prefetch((const char*)(place)); \
        __builtin_prefetch((const char*)(place) + 64); \
        __builtin_prefetch((const char*)(place) + 128); \
    } while (0)
    /* How many binary digits a number has; 1 of 0. */
    #define MARGINSPEC_DIGITS(number) (32 - __builtin_clz((unsigned int)(number) | 1u))
    #define MARGINSPEC_COST_MAX 10000000000000000LL
    #define MARGINSPEC_DEAL_MAX 20000000000000000LL
    #define MARGINSPEC_WALLET_MAX 1500000000000000000LL
    #define MARGINSPEC_POOL_MAX 4000000000000000000LL
    #define MARGINSPEC_AMOUNT_EVENT_MAX 4611686018427387904LL
    #define MARGINSPEC_LOTS_EVENT_MAX 2000000000000LL
    #define MARGINSPEC_PRICE_EVENT_MAX 2000000000000LL
    """
    void* larger_block "marginspec_larger"(void* block, size_t taken, size_t needed) noexcept nogil
    void prefetch "MARGINSPEC_PREFETCH"(const void*) noexcept nogil
    void prefetch_rows "MARGINSPEC_PREFETCH_ROWS"(const void*) noexcept nogil
    int digits_of "MARGINSPEC_DIGITS"(int) noexcept nogil
    const long long COST_MAX "MARGINSPEC_COST_MAX"
    const long long DEAL_MAX "MARGINSPEC_DEAL_MAX"
    const long long WALLET_MAX "MARGINSPEC_WALLET_MAX"
    const long long POOL_MAX "MARGINSPEC_POOL_MAX"
    const long long AMOUNT_EVENT_MAX "MARGINSPEC_AMOUNT_EVENT_MAX"
    const long long LOTS_EVENT_MAX "MARGINSPEC_LOTS_EVENT_MAX"
    const long long PRICE_EVENT_MAX "MARGINSPEC_PRICE_EVENT_MAX"

assert (COST_MAX, DEAL_MAX, WALLET_MAX, POOL_MAX, AMOUNT_EVENT_MAX, LOTS_EVENT_MAX, PRICE_EVENT_MAX) == (
    domain.COST_MAX, domain.DEAL_MAX, domain.WALLET_MAX, domain.POOL_MAX,
    domain.AMOUNT_EVENT_MAX, domain.LOTS_EVENT_MAX, domain.PRICE_EVENT_MAX,
), "fastpath/engine/core.pyx and fastpath/domain.py name different bounds"

include "vocabulary.pxi"
include "state.pxi"
include "postings.pxi"
include "events.pxi"
include "trading.pxi"
include "liquidation.pxi"
include "ranking.pxi"
include "closing.pxi"
include "loss.pxi"
include "resolution.pxi"
include "money.pxi"
include "transition.pxi"
include "check.pxi"

ENTRY = np.dtype([
    ("kind", np.uint8), ("stage", np.uint8), ("rule", np.uint16), ("holder", np.int32), ("market", np.int32),
    ("spare", np.int32), ("amount", np.int64), ("second", np.int64),
])
ROW = np.dtype([
    ("size", np.int64), ("cost", np.int64), ("buys", np.int64), ("sells", np.int64),
    ("market", np.int32), ("spare", np.int32),
])
assert ENTRY.itemsize == sizeof(Entry) and ROW.itemsize == sizeof(Row)

cdef enum:
    LOOK_AHEAD = 8              # events: how early memory is asked for an account's rows; twice as early, for itself


NO_NAME = -2
"""The owner or the pool of a deposit that names none; -1 is a name that the venue does not know."""


cdef class Core:
    """The state of one venue, and the transitions over it. Names are the business of Engine."""

    cdef State st
    cdef object __weakref__

    def __cinit__(self, policy):
        """policy: a PolicyTables, which has been checked."""
        cdef int place
        memset(&self.st, 0, sizeof(State))
        for place in range(BLOCK_CLASSES):
            self.st.free_blocks[place] = -1
        self._set_policy(policy)

    def __dealloc__(self):
        free(self.st.markets)
        free(self.st.tiers)
        free(self.st.pools)
        free(self.st.accounts)
        free(self.st.rows)
        free(self.st.order)
        free(self.st.owner_place)
        free(self.st.entries)
        free(self.st.touched)
        free(self.st.saved)
        free(self.st.saved_rows)
        free(self.st.saved_pools)
        free(self.st.saved_marks)
        free(self.st.dirty)

    def _set_policy(self, policy):
        cdef State* st = &self.st
        cdef MarketRecord* market
        cdef long long tier
        st.trigger = policy.trigger
        st.refuse_while_bad_debt = policy.refuse_while_bad_debt
        st.transfer_rate = policy.transfer_rate
        st.fee_taker = policy.fee_taker
        st.fee_maker = policy.fee_maker
        st.venue_total_max = policy.venue_total_max
        st.positions_max = policy.positions_max
        st.stage_backstop = "backstop" in policy.stages
        st.stage_holders = "holders" in policy.stages
        st.stage_adl = "adl" in policy.stages
        st.stage_fund_residue = "fund_residue" in policy.stages
        st.stage_payers = "payers" in policy.stages
        st.takeover_trigger = policy.takeover_trigger
        st.remainder_to_backstop = policy.remainder_to_backstop
        st.draw_period = policy.draw_period
        st.backstop_notional_max = policy.backstop_notional_max
        st.ranking = policy.ranking
        st.allocation = policy.allocation
        st.payers = policy.payers
        st.market_count = len(policy.markets)
        st.pool_count = len(policy.pools)
        st.markets = <MarketRecord*>calloc(max(st.market_count, 1), sizeof(MarketRecord))
        st.saved_marks = <long long*>calloc(max(st.market_count, 1), sizeof(long long))
        st.pools = <PoolRecord*>calloc(st.pool_count, sizeof(PoolRecord))
        st.saved_pools = <PoolRecord*>calloc(st.pool_count, sizeof(PoolRecord))
        st.tiers = <TierRecord*>calloc(max(len(policy.tiers), 1), sizeof(TierRecord))
        if not (st.markets and st.saved_marks and st.pools and st.saved_pools and st.tiers):
            raise MemoryError("no memory for the policy's tables")
        for tier, (floor, rate, whole, rest) in enumerate(policy.tiers):
            st.tiers[tier].floor = floor
            st.tiers[tier].rate = rate
            st.tiers[tier].amount_whole = whole
            st.tiers[tier].amount_rest = rest
        for place, terms in enumerate(policy.markets):
            market = &st.markets[place]
            market.multiplier = terms.multiplier
            market.size_max = terms.size_max
            market.price_max = terms.price_max
            market.band = terms.band
            market.funding_cap = terms.funding_cap
            market.size_rule = terms.size_rule
            market.liquidation_band = terms.liquidation_band
            market.penalty = terms.penalty
            market.fraction = terms.fraction
            market.whole_below = terms.whole_below
            market.buffer = terms.buffer
            self._set_schedule(&market.initial, terms.initial)
            self._set_schedule(&market.maintenance, terms.maintenance)
        for place, (market_of_pool, draw_limit) in enumerate(policy.pools):
            st.pools[place].market = market_of_pool
            st.pools[place].draw_limit = draw_limit

    cdef _set_schedule(self, ScheduleRecord* record, schedule):
        record.kind = schedule.kind
        record.base = schedule.base
        record.factor = schedule.factor
        record.count = schedule.count
        record.tiers = self.st.tiers + <long long>schedule.first

    # --------------------------------------------------------------------------------- names

    def add_accounts(self, reserved):
        """Further identifiers of accounts that are not open yet; reserved: for each, whether genesis alone gives it."""
        cdef State* st = &self.st
        cdef long long first = st.account_count, name
        cdef AccountRecord* account
        if not grow(
            <void**>&st.accounts, &st.account_capacity, first + len(reserved), sizeof(AccountRecord)
        ) or not grow(<void**>&st.order, &st.order_capacity, st.account_capacity, sizeof(int)):
            raise MemoryError("no memory for more accounts")
        for name, is_reserved in enumerate(reserved, start=first):
            account = &st.accounts[name]
            memset(account, 0, sizeof(AccountRecord))
            account.pool = NOBODY
            account.owner = NOBODY
            account.place = <int>name
            account.flags = FLAG_RESERVED if is_reserved else 0
            st.order[name] = <int>name
        st.account_count = first + len(reserved)

    def add_owners(self, long long count):
        """Further owners; which comes first is said by set_order."""
        cdef State* st = &self.st
        cdef long long owner
        if not grow(<void**>&st.owner_place, &st.owner_capacity, st.owner_count + count, sizeof(int)):
            raise MemoryError("no memory for more owners")
        for owner in range(st.owner_count, st.owner_count + count):
            st.owner_place[owner] = <int>owner
        st.owner_count += count

    def set_order(self, const int[::1] accounts, const int[::1] owners):
        """Which account and which owner comes first, second and so on in the order of identifiers."""
        cdef long long place
        assert accounts.shape[0] == self.st.account_count and owners.shape[0] == self.st.owner_count
        for place in range(accounts.shape[0]):
            self.st.order[place] = accounts[place]
            self.st.accounts[accounts[place]].place = <int>place
        for place in range(owners.shape[0]):
            self.st.owner_place[owners[place]] = <int>place

    # --------------------------------------------------------------------------------- state in and out

    def set_venue(self, long long clock, long long custody, marks, pools):
        """marks: ticks of each market, 0 for none; pools: (fund, fee_pool, bad_debt, draw_period, drawn) of each."""
        cdef State* st = &self.st
        cdef PoolRecord* pool
        st.clock = clock
        st.custody = custody
        for place, mark in enumerate(marks):
            st.markets[place].mark = mark
            st.markets[place].value_of_lot = mark * st.markets[place].multiplier
        for place, record in enumerate(pools):
            pool = &st.pools[place]
            pool.fund, pool.fee_pool, pool.bad_debt, pool.draw_period, pool.drawn = record

    def set_account(self, int name, int owner, int pool, long long wallet, rows):
        """rows: (market, size, cost, buys, sells) of each, in any order."""
        cdef Row* row
        cdef AccountRecord* account = &self.st.accounts[name]
        account.owner = owner
        account.pool = pool
        account.wallet = wallet
        account.rows = 0
        for market, size, cost, buys, sells in rows:
            row = row_for(&self.st, name, market)
            if row == NULL:
                raise MemoryError("no memory for more positions")
            row.size = size
            row.cost = cost
            row.buys = buys
            row.sells = sells

    @property
    def clock(self):
        return self.st.clock

    @property
    def custody(self):
        return self.st.custody

    @property
    def account_count(self):
        return self.st.account_count

    def is_open(self, int name):
        return is_open(&self.st, name)

    def marks(self):
        return [self.st.markets[place].mark for place in range(self.st.market_count)]

    def pools(self):
        """(fund, fee_pool, bad_debt, draw_period, drawn) of each pool."""
        return [
            (
                self.st.pools[place].fund, self.st.pools[place].fee_pool, self.st.pools[place].bad_debt,
                self.st.pools[place].draw_period, self.st.pools[place].drawn,
            )
            for place in range(self.st.pool_count)
        ]

    def account(self, int name):
        """(owner, pool, wallet, rows); rows: (market, size, cost, buys, sells) in the order of markets."""
        cdef AccountRecord* account = &self.st.accounts[name]
        cdef Row* row = self.st.rows + account.first
        return account.owner, account.pool, account.wallet, [
            (row[place].market, row[place].size, row[place].cost, row[place].buys, row[place].sells)
            for place in range(account.rows)
        ]

    def touched(self):
        """The accounts that the last event changed."""
        return [self.st.touched[place] for place in range(self.st.touched_count)]

    def standing(self, int name):
        """(equity, initial margin, maintenance margin, notional) of an account, quanta."""
        cdef Standing standing
        stand(&self.st, &self.st.accounts[name], &standing)
        return standing.equity, standing.initial, standing.maintenance, standing.notional

    def bytes_used(self):
        """What the columns of accounts, rows and their order take, without the room they keep in reserve."""
        cdef State* st = &self.st
        return (
            st.account_count * (sizeof(AccountRecord) + sizeof(int)) + st.row_count * sizeof(Row)
            + st.dirty_capacity * sizeof(int)
        )

    def books(self):
        """What the invariants of the books ask, in one pass over the columns.

        returns  (books gap in quanta (PST-2), lots gap of each market (PST-3), least equity of an open account in
                 quanta or None, that account)
        """
        cdef State* st = &self.st
        cdef long long name, equity, least = 0, least_name = NOBODY
        cdef int place
        cdef AccountRecord* account
        cdef Row* row
        cdef int128 claims = 0
        cdef long long[::1] lots = np.zeros(max(st.market_count, 1), dtype=np.int64)
        with nogil:
            for name in range(st.account_count):
                account = &st.accounts[name]
                if account.pool == NOBODY:
                    continue
                claims = claims + account.wallet
                equity = account.wallet
                for place in range(account.rows):
                    row = st.rows + account.first + place
                    claims = claims - row.cost
                    lots[row.market] += row.size
                    equity += row.size * st.markets[row.market].value_of_lot - row.cost
                if least_name == NOBODY or equity < least:
                    least = equity
                    least_name = name
            for place in range(st.pool_count):
                claims = claims + st.pools[place].fund + st.pools[place].fee_pool - st.pools[place].bad_debt
            claims = st.custody - claims
            if claims > POOL_MAX:
                claims = POOL_MAX
            if claims < -POOL_MAX:
                claims = -POOL_MAX
        gaps = np.asarray(lots)[: st.market_count].tolist()
        return <long long>claims, gaps, least if least_name != NOBODY else None, least_name

    # --------------------------------------------------------------------------------- transitions

    def apply_one(
        self, int kind, long long time, int account, int other, int market, int owner, int pool, int side,
        long long x, long long y, int[::1] mark_markets, long long[::1] mark_prices,
    ):
        """0 applied, 1 refused, -1 at fault: see entries(), refusal() and fault()."""
        cdef EventRecord event
        event.type = kind
        event.time = time
        event.account = account
        event.other = other
        event.market = market
        event.owner = owner
        event.pool = pool
        event.side = side
        event.x = x
        event.y = y
        event.mark_count = mark_markets.shape[0]
        event.mark_markets = &mark_markets[0] if event.mark_count > 0 else NULL
        event.mark_prices = &mark_prices[0] if event.mark_count > 0 else NULL
        self.st.entry_count = 0
        if not self._reserve():
            raise MemoryError("no memory for one more event; nothing has changed")
        return apply_event(&self.st, &event)

    cdef bint _reserve(self):
        return reserve(&self.st)

    def apply_columns(
        self,
        const signed char[::1] kind,
        const long long[::1] time,
        const int[::1] account,
        const int[::1] other,
        const int[::1] market,
        const int[::1] owner,
        const int[::1] pool,
        const signed char[::1] side,
        const long long[::1] x,
        const long long[::1] y,
        const long long[::1] first_mark,
        const int[::1] mark_market,
        const long long[::1] mark_price,
        short[::1] rules,
        short[::1] reasons,
        long long[:, ::1] numbers,
        long long[::1] first_entry,
    ):
        """Applies events until one is at fault; returns how many were applied or refused.

        rules, reasons, numbers, first_entry are filled. All lengths have been checked.
        """
        cdef State* st = &self.st
        cdef long long each, count = kind.shape[0], done = count
        cdef int outcome, number, name
        cdef EventRecord event
        st.entry_count = 0
        with nogil:
            for each in range(count):
                # In a large venue memory is what a trade waits for: it is asked for early.
                if each + 2 * LOOK_AHEAD < count:
                    name = account[each + 2 * LOOK_AHEAD]
                    if 0 <= name < st.account_count:
                        prefetch(&st.accounts[name])
                    name = other[each + 2 * LOOK_AHEAD]
                    if 0 <= name < st.account_count:
                        prefetch(&st.accounts[name])
                    name = account[each + LOOK_AHEAD]
                    if 0 <= name < st.account_count:
                        prefetch_rows(st.rows + st.accounts[name].first)
                    name = other[each + LOOK_AHEAD]
                    if 0 <= name < st.account_count:
                        prefetch_rows(st.rows + st.accounts[name].first)
                first_entry[each] = st.entry_count
                event.type = kind[each]
                event.time = time[each]
                event.account = account[each]
                event.other = other[each]
                event.market = market[each]
                event.owner = owner[each]
                event.pool = pool[each]
                event.side = side[each]
                event.x = x[each]
                event.y = y[each]
                event.mark_count = first_mark[each + 1] - first_mark[each]
                event.mark_markets = NULL
                event.mark_prices = NULL
                if event.mark_count > 0:
                    event.mark_markets = &mark_market[first_mark[each]]
                    event.mark_prices = &mark_price[first_mark[each]]
                if not reserve(st):
                    done = each
                    break
                outcome = apply_event(st, &event)
                if outcome < 0:
                    done = each
                    break
                if outcome == 1:
                    rules[each] = <short>st.refusal.rule
                    reasons[each] = <short>st.refusal.reason
                    for number in range(4):
                        numbers[each, number] = st.refusal.numbers[number]
                else:
                    rules[each] = 0
                    reasons[each] = 0
        for each in range(done, count + 1):
            first_entry[each] = st.entry_count
        return done

    def entries(self):
        """What the last event or batch has posted; the memory is used again by the next one."""
        if self.st.entry_count == 0:
            return np.empty(0, dtype=ENTRY)
        cdef char[::1] raw = <char[: self.st.entry_count * sizeof(Entry)]><char*>self.st.entries
        return np.asarray(raw).view(ENTRY)

    def refusal(self):
        """(rule, reason, four numbers) of the last event, if it was refused."""
        return self.st.refusal.rule, self.st.refusal.reason, [self.st.refusal.numbers[at] for at in range(4)]

    def fault(self):
        """(fault, holder, value) of the last event, if it was at fault."""
        return self.st.fault.field, self.st.fault.holder, self.st.fault.value

    # --------------------------------------------------------------------------------- before a trade

    def check(self, int name, int market, long long lots, long long price):
        """(rule or 0, free collateral)"""
        cdef long long free_collateral
        cdef int rule = check_order(&self.st, name, market, lots, price, &free_collateral)
        return rule, free_collateral

    def check_columns(
        self, const int[::1] name, const int[::1] market, const long long[::1] lots, const long long[::1] price,
        short[::1] rules, long long[::1] free_collateral,
    ):
        """check for many orders, each by itself; all columns of the same length."""
        cdef long long each
        with nogil:
            for each in range(name.shape[0]):
                rules[each] = <short>check_order(
                    &self.st, name[each], market[each], lots[each], price[each], &free_collateral[each]
                )

    def max_order(self, int name, int market, int side, long long price):
        return largest_order(&self.st, name, market, side, price)


include "entries.pxi"
include "watch.pxi"
