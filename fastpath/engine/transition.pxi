# One event, whichever it is: the counterpart of refmodel.venue.apply.


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
    # Whoever met a fault says so by its outcome; should one not, the event is not left half done.
    if st.fault.field != 0:
        outcome = -1
    if outcome != 0:
        if st.journaling:
            take_back(st)
        st.entry_count = first_entry
    st.journaling = False
    return outcome
