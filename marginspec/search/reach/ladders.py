"""Rules that refuse: the order in which the law asks them of each event, and what outcomes say of them."""

from collections import Counter

from refmodel.events import (
    Deposit,
    Event,
    FeeWithdrawal,
    FundDeposit,
    Funding,
    LiquidationFill,
    Order,
    Prices,
    Takeover,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.outcome import Outcome

Tally = Counter[tuple[str, str]]
"""How often a rule was seen to give a class of result."""
Outcomes = Counter[tuple[type, str | None]]
"""How often an event of a type was refused by a rule, or accepted (None)."""

REFUSED = "refused"
PASSED = "passed"

COMMON = ("EVT-1", "EVT-2", "EVT-3")
LADDERS: dict[type[Event], tuple[str, ...]] = {
    Deposit: ("EVT-1", "EVT-2", "DEP-1", "DEP-2", "LIM-4"),
    Withdraw: (*COMMON, "WDR-1", "WDR-2", "WDR-3", "WDR-4"),
    Transfer: (*COMMON, "TRF-1", "TRF-2", "WDR-2", "WDR-3"),
    Order: (*COMMON, "ORD-2", "TRD-1", "TRD-3", "LIM-1", "LIM-2", "ORD-1"),
    Trade: (*COMMON, "TRD-1", "TRD-2", "TRD-3", "TRD-4", "TRD-5", "LIM-1", "LIM-2", "LIM-3", "TRD-7"),
    Prices: ("EVT-1", "EVT-3", "PRC-1", "PRC-2"),
    Funding: ("EVT-1", "EVT-3", "TRD-1", "FUN-1"),
    LiquidationFill: (
        *(*COMMON, "LIQ-1", "LIQ-2", "TRD-2", "TRD-3", "LIQ-6", "LIM-1", "LIM-2"),
        *("LIM-3", "LIQ-4", "TRD-7"),
    ),
    Takeover: ("EVT-1", "EVT-3", "TKO-1", "TKO-2", "LIM-1", "LIM-2", "TKO-3"),
    FundDeposit: (*COMMON, "LIM-4"),
    FeeWithdrawal: (*COMMON, "WDR-1", "FEE-3", "WDR-4"),
}
"""The rules that may refuse an event, in the order in which the law asks them. A test reads the same
order out of the code."""


def tally_outcomes(outcomes: Outcomes) -> Tally:
    """From which events were refused by which rule: how often each rule refused, and was passed."""
    tally: Tally = Counter()
    for (kind, refused_by), count in outcomes.items():
        ladder = LADDERS[kind]
        if refused_by is None:
            beyond = ladder
        else:
            tally[refused_by, REFUSED] += count
            beyond = ladder[: ladder.index(refused_by)]
        for rule in beyond:
            tally[rule, PASSED] += count
        if kind is FundDeposit and refused_by is None:
            tally["FND-2", "received"] += count
        if kind is FundDeposit and refused_by == "LIM-4":
            tally["FND-2", "turned away"] += count
        if kind is LiquidationFill:
            tally["LIQ-5", "closed" if refused_by is None else "turned away"] += count
    # TRD-7 names its own classes; what was passed is told apart by them.
    del tally["TRD-7", PASSED]
    return tally


def outcome_key(event: Event, outcome: Outcome) -> tuple[type, str | None]:
    """The key of an event and its outcome in Outcomes."""
    return type(event), None if outcome.refusal is None else outcome.refusal.rule
