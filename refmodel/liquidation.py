"""Liquidation (chapter 8): what happens to an account that cannot be saved.

Rule INV-1, in its first form. Liquidation, takeover, insurance, auto-deleveraging and loss
(chapters 8 to 11) take its place: then a price that leaves an account bankrupt is accepted, and the
account is resolved in the same transition. Until then such an event is refused.
"""

from refmodel.outcome import Outcome, refuse
from refmodel.rulebook import rule
from refmodel.state import Venue, equity


@rule("INV-1")
def refuse_bankruptcy(venue: Venue, after: Venue) -> Outcome | None:
    """Nobody is bankrupt at rest: refuse the event that would leave an equity below zero.

    venue    before the event
    after    what the event would lead to
    returns  the refusal, with the first such account in the order of identifiers, or None
    Rounds nothing. Source: chapter 8; design of the waterfall.
    """
    for name in sorted(after.accounts):
        equity_after = equity(after, after.accounts[name])
        if equity_after < 0:
            return refuse(venue, "INV-1", "would_be_bankrupt", account=name, equity=equity_after)
    return None
