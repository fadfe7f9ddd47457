"""Prices (chapter 7): new marks, all at once.

Rules PRC-1 and PRC-2. Who may say a price, and how far it may move, comes with a later chapter.
"""

from refmodel.events import Prices
from refmodel.outcome import Outcome, refuse
from refmodel.postings import MarkSet
from refmodel.resolution import resolved
from refmodel.rulebook import rule
from refmodel.state import Venue


@rule("PRC-1", "PRC-2")
def prices(venue: Venue, event: Prices) -> Outcome:
    """New marks for the markets named; the others keep theirs. No account can stop them."""
    # Refusals, in order of precedence
    if not event.marks:
        return refuse(venue, "PRC-1", "no_market_named")
    for market in sorted(event.marks):
        price = event.marks[market]
        if price < 1:
            return refuse(venue, "PRC-1", "price_below_one_tick", market=market, price=price)
        price_max = venue.policy.markets[market].price_max
        if price > price_max:
            return refuse(venue, "PRC-2", "price_above_limit", market=market, price=price, limit=price_max)

    # Effect, and the resolution of whoever it leaves bankrupt
    marks = tuple(MarkSet("PRC-1", market, event.marks[market]) for market in sorted(event.marks))
    step = resolved(venue, marks)
    return Outcome(step.venue, step.postings, None)
