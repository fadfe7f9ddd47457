"""The ranges in which the fast path is proved: outside them it refuses, and computes nothing.

Why these. Everything must fit 64 signed bits (at most 9.22e18), and a requirement must be free of
128-bit divisions:

    one product   lots x mark x multiplier                       <= NOTIONAL_MAX              = 1.0e16
    one margin    rate x notional / PPM, rate <= RATE_MAX        <= NOTIONAL_MAX              = 1.0e16
    one step      rate x (notional // PPM)                       <= RATE_MAX x 1e10           = 1.0e16
    one account   POSITIONS_MAX requirements                     <= 256 x 1e16                = 2.6e18
    equity        wallet + POSITIONS_MAX x (|value| + |cost|)    <= 1e18 + 256 x 2e16         = 6.2e18
    room          PPM x (equity - maintenance elsewhere)         <= 1e6 x 8.8e18, in 128 bits = 8.8e24

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

WALLET_MAX = 10**18
"""quanta: |wallet| of one account."""

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

BRACKET, WHOLE, SQRT = 0, 1, 2
SCHEDULE_KINDS = ("bracket", "whole", "sqrt")
"""The kinds of schedules; a code is an index."""

TRIGGERS = ("below", "at_or_below")
"""When an account is liquidatable; a code is an index, and the quanta that the trigger adds."""

STATUSES = ("bankrupt", "flat", "liquidatable", "margin_call", "healthy")
"""The statuses in the order in which they apply; a code is an index."""
