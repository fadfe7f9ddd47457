"""Invariants of socialised loss: who pays it, and how much each, worked out once more from the weights."""

from marginspec.search.invariants.step import Resolution, Step, after_every_event
from refmodel.numbers import Quanta
from refmodel.policy import EQUITY
from refmodel.postings import DrawCounted, Posting, post
from refmodel.stages import BAD_DEBT_STANDS, FUND_PAYS, PAYERS_PAY
from refmodel.state import Venue

MONEY_STAGES = (FUND_PAYS, PAYERS_PAY, BAD_DEBT_STANDS)


@after_every_event("E5")
def payers_share_what_the_fund_leaves_by_their_weights(step: Step) -> str | None:
    """What the bankrupt accounts of a pool received from payers is what each was asked for, and no more."""
    resolution = step.resolution
    if resolution is None or not any(stage == PAYERS_PAY for _, stage in resolution.by_stage):
        return None
    closed = before_the_money(step)
    for pool in {step.before.accounts[name].pool for name in resolution.bankrupt}:
        received = sum(
            resolution.by_stage.get((name, PAYERS_PAY), 0)
            for name in resolution.bankrupt
            if step.before.accounts[name].pool == pool
        )
        weights = weights_of(closed, resolution, pool)
        asked = asked_of_each(received, weights)
        for name in weights:
            paid = -resolution.by_stage.get((name, PAYERS_PAY), 0)
            if paid != asked[name]:
                return f"{name} paid {paid:_} of {received:_}, its share is {asked[name]:_}"
    return None


def before_the_money(step: Step) -> Venue:
    """The venue after the last lots were closed, before anybody paid a residue."""
    entries = tuple(
        entry
        for entry in step.outcome.postings
        if not (isinstance(entry, Posting | DrawCounted) and entry.stage in MONEY_STAGES)
    )
    return post(step.before, entries)


def weights_of(venue: Venue, resolution: Resolution, pool: str) -> dict[str, Quanta]:
    """The weights of the payers of a pool, by the words of LOS-3, in the order of identifiers."""
    weights = {}
    for name in sorted(venue.accounts):
        account = venue.accounts[name]
        if account.pool != pool or name in resolution.bankrupt:
            continue
        profit = sum(
            position.size * venue.marks[market] * venue.policy.markets[market].multiplier - position.cost
            for market, position in account.positions.items()
        )
        own = account.wallet + profit
        weight = own if venue.policy.payers == EQUITY else min(profit, own)
        if weight > 0:
            weights[name] = weight
    return weights


def asked_of_each(loss: Quanta, weights: dict[str, Quanta]) -> dict[str, Quanta]:
    """What each payer is asked for, by the words of LOS-4 and LOS-5."""
    total = sum(weights.values())
    if loss >= len(weights):
        return {name: -(-loss * weight // total) for name, weight in weights.items()}
    asked = {}
    left = loss
    for name in sorted(weights, key=lambda each: (-weights[each], each)):
        asked[name] = min(left, weights[name])
        left -= asked[name]
    return asked
