"""Resolution (chapter 11): accounts with equity below zero are resolved before the transition ends.

Rules INV-1 and RES-1 to RES-3. The waterfall in one place: who is bankrupt and in which order, each position
through stages 1 to 4, and the money at the end.
"""

from dataclasses import dataclass

from refmodel.close_out import Closing, Reason, Step, equity_shares, in_order, orders_cancelled
from refmodel.deleveraging import adl_stage, mark_stage
from refmodel.insurance import fund_stage
from refmodel.loss import Residue, money_stage
from refmodel.numbers import Quanta
from refmodel.policy import pools_of
from refmodel.postings import Postings, post
from refmodel.ranking import ranking
from refmodel.rulebook import rule
from refmodel.state import Venue, equity

CANCELS = Reason("RES-2", "")


@dataclass(frozen=True, slots=True)
class Bankrupt:
    """An account with equity below zero, and how much below, in quanta, >= 1."""

    account: str
    deficit: Quanta


@rule("RES-1")
def bankrupt_accounts(venue: Venue) -> list[Bankrupt]:
    """Who is bankrupt, in the order in which they are resolved.

    venue    the snapshot: after the prices or the funding of the transition
    returns  the accounts with equity below zero, the largest deficit first; of equal deficits the smaller
             identifier. Set, deficits and order stay as they are through the transition
    Source: chapter 11; theorem D8.
    """
    found = []
    for name, account in venue.accounts.items():
        equity_now = equity(venue, account)
        if equity_now < 0:
            found.append(Bankrupt(name, -equity_now))
    return sorted(found, key=lambda each: (-each.deficit, each.account))


def closings_of(venue: Venue, bankrupt: Bankrupt) -> list[Closing]:
    """The positions of a bankrupt account, by market, each with the gap it carries (CLO-1)."""
    account = venue.accounts[bankrupt.account]
    gaps = equity_shares(venue, account, bankrupt.deficit)
    closings = []
    for market in in_order(account):
        size = account.positions[market].size
        closings.append(Closing(bankrupt.account, market, 1 if size > 0 else -1, abs(size), gaps[market], 0))
    return closings


@rule("RES-2")
def close_position(step: Step, closing: Closing, holders: tuple[str, ...]) -> Step:
    """One position of a bankrupt account goes through the stages, in their order, until nothing is left.

    step     where the resolution has got to
    closing  the position, as it was on the snapshot
    holders  the eligible holders of the other side, in ranking order
    returns  the venue after, in which nothing of the position is left
    Source: chapter 11; theorems E2 and D9.
    """
    step, closing = fund_stage(step, closing, holders)
    step, closing = adl_stage(step, closing, holders)
    return mark_stage(step, closing, holders)


@rule("INV-1", "RES-3")
def resolve(snapshot: Venue) -> Step:
    """Nobody is bankrupt at rest: every account below zero is closed out, and its loss is paid or recorded.

    snapshot  after the prices or the funding of the transition
    returns   the venue after, in which every account has equity of 0 or more, and what was posted
    Deficits, gaps and rankings are those of the snapshot. Source: chapter 11; theorems INV-1, D8 and D9.
    """
    bankrupt = bankrupt_accounts(snapshot)
    closings = [closing for each in bankrupt for closing in closings_of(snapshot, each)]
    rankings: dict[tuple[str, int], tuple[str, ...]] = {}
    step = Step(snapshot, ())

    # Nobody who is bankrupt has an order left
    for each in bankrupt:
        orders = snapshot.accounts[each.account].orders
        step = step.then(orders_cancelled(snapshot, CANCELS, each.account, tuple(orders)))

    # Stages 1 to 4, account by account, position by position
    for closing in closings:
        side = (closing.market, -closing.side)
        if side not in rankings:
            rankings[side] = ranking(snapshot, *side)
        step = close_position(step, closing, rankings[side])

    # Stage 5, pool by pool
    names = frozenset(each.account for each in bankrupt)
    for pool in pools_of(snapshot.policy):
        residues = [
            Residue(each.account, -step.venue.accounts[each.account].wallet)
            for each in bankrupt
            if snapshot.accounts[each.account].pool == pool
        ]
        if residues:
            step = money_stage(step, pool, residues, names)
    return step


def resolved(venue: Venue, postings: Postings) -> Step:
    """A venue after postings of prices or funding, and after the resolution that they make necessary."""
    step = resolve(post(venue, postings))
    return Step(step.venue, (*postings, *step.postings))
