"""The ranges in which the fast path is proved: outside them it refuses, and computes nothing.

Why these. Everything must fit 64 signed bits (at most 9.22e18), and a requirement must be free of
128-bit divisions:

    one product   lots x mark x multiplier                       <= NOTIONAL_MAX              = 1.0e16
    one margin    rate x notional / PPM, rate <= RATE_MAX        <= NOTIONAL_MAX              = 1.0e16
    one step      rate x (notional // PPM)                       <= RATE_MAX x 1e10           = 1.0e16
    one account   POSITIONS_MAX requirements                     <= 256 x 1e16                = 2.6e18
    equity        wallet + POSITIONS_MAX x (|value| + |cost|)    <= 1.5e18 + 256 x 2e16       = 6.7e18
    room          PPM x (equity - maintenance elsewhere)         <= 1e6 x 9.2e18, in 128 bits = 9.2e24
    one share     amount x weight, each of 64 bits               <  2**63 x 2**63, in 128 bits
    one cap       lots x PPM x (equity - maintenance elsewhere)  <= 1e12 x 9.2e24, in 128 bits = 9.2e36
    one score     wallet x equity, over profit x equity          <= 1.5e18 x 6.7e18, in 128 bits = 1.0e37
    two scores    compared by their products                     <= 1.0e74, by parts (waterfall.py)

NOTIONAL_MAX of a settlement asset with six decimals is ten thousand million units in one position.
A policy whose limits (LIM rules) are wider than these cannot use the fast path.
"""

PPM = 1_000_000
"""Rates: parts per million."""

RATE_MAX = 1_000_000
"""ppm: no requirement above the notional itself; a fee is within RATE_MAX of either sign."""

NOTIONAL_MAX = 10**16
"""quanta: lots x mark x multiplier of one position, and of its lots at risk; floors of tiers."""

COST_MAX = 10**16
"""quanta: |cost| of one position."""

WALLET_MAX = 15 * 10**17
"""quanta: |wallet| of one account: half as much again as a venue may hold, for a profit that is realised
stands in a wallet while the loss opposite to it may not be."""

SIZE_MAX = 10**12
"""lots: |size| of one position, and its lots at risk."""

ORDERS_MAX = 2 * SIZE_MAX
"""lots: open buys and open sells of one position; what SIZE_MAX leaves possible (size + buys <= SIZE_MAX)."""

PRICE_MAX = 10**12
"""ticks: a mark is 1 to PRICE_MAX."""

MULTIPLIER_MAX = 10**9
"""quanta per lot and tick: 1 to MULTIPLIER_MAX."""

POSITIONS_MAX = 256
"""markets in which one account holds a position or orders."""

TIERS_MAX = 64
"""tiers of one schedule."""

SQUARE_MAX = RATE_MAX * RATE_MAX
"""factor x factor x lots of a schedule of kind `sqrt`: its root is a rate, at most RATE_MAX."""

EQUITY_MAX = WALLET_MAX + POSITIONS_MAX * (NOTIONAL_MAX + COST_MAX)
"""quanta: |equity| of one account, so also the gap that a position carries."""

MARGIN_MAX = POSITIONS_MAX * NOTIONAL_MAX
"""quanta: a margin of one account."""

DRAW_MAX = 10**18
"""quanta: what a fund may pay in one period; no draw limit is above it."""

ROOM_MAX = PPM * (EQUITY_MAX + MARGIN_MAX + NOTIONAL_MAX)
"""quanta x ppm: |equity less the margin of other markets and a buffer|."""

DEAL_MAX = 2 * NOTIONAL_MAX
"""quanta: the lots of one deal at a price, which may lead from the largest short to the largest long; so also
what a deal gains and its fee."""

PAID_MAX = EQUITY_MAX + DEAL_MAX
"""quanta: |paid for the lots of a deal|: their value, and the equity or gap that goes with them."""

LOT_COST_MAX = 2 * PPM * PRICE_MAX * MULTIPLIER_MAX
"""quanta x ppm: |what the close of one lot costs|, by a price and a penalty of at most PRICE_MAX each."""

RELIEF_MAX = 4 * PPM * NOTIONAL_MAX
"""quanta x ppm: |what the close of all lots of a position changes|: a margin of 100 %, and a cost of 300 % at
twice the mark, the highest price within a band."""

LINE_MAX = ROOM_MAX + LOT_COST_MAX + 2 * RATE_MAX * NOTIONAL_MAX
"""quanta x ppm: how far an account is from a line, and what the close of one lot changes of it."""

SUM_MAX = 2**63 - 1
"""lots or quanta: weights of all who share something, and what they share: the largest number of 64 bits."""

SCORE_MAX = WALLET_MAX * EQUITY_MAX
"""quanta x quanta: |numerator| and denominator of a deleveraging score."""

BRACKET, WHOLE, SQRT = 0, 1, 2
SCHEDULE_KINDS = ("bracket", "whole", "sqrt")
"""The kinds of schedules; a code is an index."""

RANKINGS = ("binance", "bybit", "hyperliquid")
"""The formulas of a deleveraging score; a code is an index."""

TRIGGERS = ("below", "at_or_below")
"""When an account is liquidatable; a code is an index, and the quanta that the trigger adds."""

STATUSES = ("bankrupt", "flat", "liquidatable", "margin_call", "healthy")
"""The statuses in the order in which they apply; a code is an index."""

POOL_MAX = 4 * 10**18
"""quanta: |the fund or the fee pool of one pool|, and the bad debt of all of them."""

CUSTODY_MAX = 10**18
"""quanta: what a venue may hold."""

AMOUNT_EVENT_MAX = 2**62
"""quanta: what one event may ask for, and ppm, the largest funding rate that is looked at: with what is there
already it fits 64 bits."""

LOTS_EVENT_MAX = 2 * SIZE_MAX
"""lots: what one event may ask for."""

PRICE_EVENT_MAX = 2 * PRICE_MAX
"""ticks: what one event may name."""
