"""Funding (chapter 5): a payment between the two sides of a market, to the quantum.

Rules FUN-1 to FUN-3.
"""

from refmodel.events import Funding
from refmodel.numbers import PPM, Ppm, Quanta, Ticks, floor_div
from refmodel.outcome import Outcome, refuse
from refmodel.postings import Posting, wallet_of
from refmodel.resolution import resolved
from refmodel.rulebook import rule
from refmodel.state import Venue
from refmodel.trading import refuse_without_mark


@rule("FUN-2")
def funding_per_lot(rate: Ppm, mark: Ticks, multiplier: int) -> Quanta:
    """What each long lot pays and each short lot receives.

    rate        ppm, signed; negative: shorts pay longs
    mark        ticks
    multiplier  quanta per lot and tick
    returns     whole quanta per lot, the same integer for both sides
    Rounds down, once for the market and not for an account, so that the payments sum to zero
    exactly. Source: chapter 5; theorem A9.
    """
    return floor_div(rate * mark * multiplier, PPM)


@rule("FUN-3")
def funding_postings(venue: Venue, market: str, per_lot: Quanta) -> tuple[Posting, ...]:
    """The payment of every holder, out of or into its wallet.

    per_lot  quanta that a long lot pays
    returns  one posting per holder, in the order of identifiers, - per lot x size; they sum to 0 because
    the sizes do (PST-3)
    Rounds nothing. Source: chapter 5.
    """
    return tuple(
        Posting("FUN-3", wallet_of(name), -per_lot * venue.accounts[name].positions[market].size)
        for name in sorted(venue.accounts)
        if market in venue.accounts[name].positions
    )


@rule("FUN-1")
def funding(venue: Venue, event: Funding) -> Outcome:
    """The two sides of a market settle funding at a rate that comes from outside."""
    # Facts
    terms = venue.policy.markets[event.market]

    # Refusals, in order of precedence
    refusal = refuse_without_mark(venue, event.market)
    if refusal is not None:
        return refusal
    if abs(event.rate) > terms.funding_cap:
        return refuse(venue, "FUN-1", "rate_above_cap", rate=event.rate, cap=terms.funding_cap)

    # Effect, and the resolution of whoever it leaves bankrupt
    per_lot = funding_per_lot(event.rate, venue.marks[event.market], terms.multiplier)
    step = resolved(venue, funding_postings(venue, event.market, per_lot))
    return Outcome(step.venue, step.postings, None)
