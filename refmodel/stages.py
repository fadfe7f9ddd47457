"""Stages (chapters 8 to 11): the names under which an auditor finds what happened to an account.

A posting of the waterfall carries one of them, next to its rule. Which stages a policy opens is said by
policy.STAGES; closing at mark and bad debt are not optional.
"""

FILL = "fill"
"""Others close lots of an account that still has equity (LIQ-5)."""
TAKEOVER = "takeover"
"""The backstop takes all positions of an account that still has equity (TKO-1)."""
BACKSTOP_TAKES = "backstop"
"""The fund pays the gap, and the backstop takes lots of a bankrupt account (INS-4)."""
HOLDERS_TAKE = "holders"
"""The fund pays the gap, and opposite holders are closed against it (INS-4)."""
DELEVERAGED = "adl"
"""Opposite holders are closed at close-out value and forgo the gap (ADL-7)."""
AT_MARK = "at_mark"
"""Opposite holders are closed at mark; the gap stays (ADL-8)."""
FUND_PAYS = "fund_residue"
"""The fund pays what is left of the deficits of its pool (LOS-2)."""
PAYERS_PAY = "payers"
"""Accounts in profit pay what is left after the fund (LOS-4)."""
BAD_DEBT_STANDS = "bad_debt"
"""What nobody paid is recorded (LOS-6)."""

STAGES_IN_ORDER = (
    FILL,
    TAKEOVER,
    BACKSTOP_TAKES,
    HOLDERS_TAKE,
    DELEVERAGED,
    AT_MARK,
    FUND_PAYS,
    PAYERS_PAY,
    BAD_DEBT_STANDS,
)
"""Each opens only for what the one before has left."""
