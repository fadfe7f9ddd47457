# What nobody has paid when the bankrupt accounts hold nothing any more: chapter 11.


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


cdef int by_weight(const void* one, const void* other) noexcept nogil:
    """The larger weight first, then the smaller identifier."""
    cdef const Payer* mine = <const Payer*>one
    cdef const Payer* theirs = <const Payer*>other
    if mine.weight != theirs.weight:
        return -1 if mine.weight > theirs.weight else 1
    return -1 if mine.place < theirs.place else 1


cdef long long share_out_loss(Scratch* work, long long loss, long long total) noexcept nogil:
    """LOS-5: what each payer pays, in the order in which they pay; returns the sum."""
    cdef long long each, left = loss, shared = 0
    if loss >= work.payer_count:
        for each in range(work.payer_count):
            work.payers[each].share = share_of_loss(loss, work.payers[each].weight, total)
            shared += work.payers[each].share
        return shared
    qsort(work.payers, work.payer_count, sizeof(Payer), by_weight)
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
