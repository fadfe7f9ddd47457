"""What the theorems about losses and resolution share: two contracts, and a small venue to resolve."""

from proofs.contracts import contract, ensure, require
from proofs.lemmas.contracts import (
    closing_realises_all,
    initial_is_not_negative,
    maintenance_is_not_negative,
    requirement_is_at_least_one,
)
from proofs.lemmas.waterfall import backstop_capacity_is_minus_one_or_more, payable_is_within_room
from proofs.registry import assume, lemma
from proofs.symbolic import implies
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import Closing, lots_opposite
from refmodel.deleveraging import cap_of
from refmodel.loss import share_of_loss
from refmodel.numbers import Lots, Quanta, Ticks
from refmodel.resolution import bankrupt_accounts, closings_of
from refmodel.state import CROSS, HOUSE, Pool, Venue, backstop_of, equity


@contract(for_=share_of_loss, proved_by="E5-share")
def share_is_within_the_weight(result: Quanta, loss: Quanta, weight: Quanta, total: Quanta) -> None:
    """A share covers its proportion of the loss, by less than a quantum more, and is at most the weight."""
    require(total >= 1)
    require(loss >= 0)
    require(weight >= 0)
    ensure(result >= 0)
    ensure(result * total >= loss * weight)
    ensure(result * total < loss * weight + total)
    ensure(implies(loss <= total, result <= weight))


@contract(for_=cap_of, proved_by="INV-1-cap")
def cap_leaves_equity(result: Lots, venue: Venue, name: str, closing: Closing) -> None:
    """A cap is 0 to all that is held on the other side; the equity pays the gap of that many lots, and one
    quantum more."""
    ensure(result >= 0)
    ensure(result <= lots_opposite(venue, closing, name))
    mine = equity(venue, venue.accounts[name]) - 1
    ensure(implies(result >= 1, mine * closing.lots >= closing.gap * result))


MARGINS = (maintenance_is_not_negative, initial_is_not_negative, requirement_is_at_least_one)
RESOLVES = (
    *MARGINS,
    closing_realises_all,
    backstop_capacity_is_minus_one_or_more,
    payable_is_within_room,
    cap_leaves_equity,
    share_is_within_the_weight,
)
"""Everything that a resolution leans on."""


def two_sides(
    stages: tuple[str, ...],
    wallets: tuple[Quanta, Quanta],
    lots: Lots,
    cost: Quanta,
    mark: Ticks,
    house: Quanta,
    pool: Pool,
    limit: Quanta,
    side: int = 1,
) -> Venue:
    """An account that may be bankrupt, of either side, one of the other side, a saver, and the backstop."""
    assume(lots >= 1, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume((pool.fund >= 0) & (pool.bad_debt >= 0), guard="FND-1")
    assume(limit >= 1, policy="POL-20")
    assume(house >= 0, guard="INV-1")  # of the transition before
    accounts = {
        "a": holder(wallets[0], side * lots, side * cost, (1, 1)),
        "b": holder(wallets[1], -side * lots, -side * cost, (2, 2)),
        "saver": holder(7, owner="another"),
        backstop_of(CROSS): holder(house, owner=HOUSE),
    }
    terms = policy({MARKET: market()}, stages=stages, draw_limit=limit)
    snapshot = venue(terms, accounts, mark, pools={CROSS: pool, MARKET: Pool()})
    assume(equity(snapshot, accounts["b"]) >= 0, guard="RES-1")  # for several see INV-1-several
    for each in bankrupt_accounts(snapshot):
        for closing in closings_of(snapshot, each):
            lemma(closing.gap == each.deficit, "one position carries all of it")
    return snapshot
