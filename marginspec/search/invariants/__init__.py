"""Invariants: what sections A, B, D and E of the theorems say about states, checked after every event.

One function per claim, named by what it claims and tied to its theorem. They look at the state before, the
event, and the state after, and recompute what they compare from those, never from the postings alone: a
posting that the law forgot would not be missed otherwise. `Watch` keeps, along one history, the standings
of all accounts, so that a step costs as much as the accounts it touches; `totals` look at everything and
are checked every so many events.
"""

# In this order: it is the one in which the invariants are asked.
from marginspec.search.invariants import conservation, loss, margin, others_act, waterfall, whole_venue
from marginspec.search.invariants.step import STEP_INVARIANTS, TOTAL_INVARIANTS, Violation
from marginspec.search.invariants.watch import Watch

__all__ = [
    "STEP_INVARIANTS",
    "TOTAL_INVARIANTS",
    "Violation",
    "Watch",
    "conservation",
    "loss",
    "margin",
    "others_act",
    "waterfall",
    "whole_venue",
]
