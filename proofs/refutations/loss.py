"""Claims about losses, resolution and coalitions that were believed and are false, each with the values at
which it fails."""

from proofs.registry import prove, refutation
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.events import Prices, Withdraw
from refmodel.gap import gap_after_move
from refmodel.loss import Payer, shares_of_loss
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks, floor_div
from refmodel.policy import FUND_RESIDUE_STAGE
from refmodel.state import CROSS, HOUSE, Pool, backstop_of
from refmodel.venue import apply


@refutation(
    "R-moves-add-up",
    rules=("GAP-4", "POL-9"),
    claim="After n moves, none larger than the gap, the mark is at most n gaps from the first.",
    counterexample=dict(start=1_000_000, gap=10_000),
)
def moves_add_up(start: Ticks, gap: Ppm) -> None:
    after_one = start + floor_div(start * gap, PPM)
    after_two = after_one + floor_div(after_one * gap, PPM)

    # 1 % of 1 000 000 is 10 000, and 1 % of 1 010 000 is 10 100: the second move is taken of a higher mark.
    prove(
        abs(after_two - start) * PPM <= gap_after_move(gap_after_move(0, gap), gap) * start, "GAP-4 covers it"
    )
    prove(abs(after_two - start) * PPM <= 2 * gap * start, "two moves are two gaps")


@refutation(
    "R-two-key-drains-are-impossible",
    rules=("INV-1", "WDR-3", "LOS-2"),
    claim="Two accounts of one plan, against each other, never take out more than they put in.",
    counterexample=dict(paid_in=100, paid_in_2=100, lots=100, mark=100, after=97, fund=500),
)
def two_keys_take_out_what_they_put_in(
    paid_in: Quanta, paid_in_2: Quanta, lots: Lots, mark: Ticks, after: Ticks, fund: Quanta
) -> None:
    accounts = {
        "key": holder(paid_in, lots, lots * mark),
        "other key": holder(paid_in_2, -lots, -lots * mark),
        backstop_of(CROSS): holder(0, owner=HOUSE),
    }
    pools = {CROSS: Pool(fund), MARKET: Pool()}
    terms = policy({MARKET: market()}, stages=(FUND_RESIDUE_STAGE,))
    custody = paid_in + paid_in_2 + fund
    before = venue(terms, accounts, mark, custody=custody, pools=pools)

    # A move of 3 ticks costs the long key 300; it had 100, the fund pays the 200 that the other takes.
    moved = apply(before, Prices(0, {MARKET: after})).venue
    claim = moved.accounts["other key"].wallet
    paid_out = apply(moved, Withdraw(0, "other key", claim))

    prove(paid_out.refusal is None, "the withdrawal is accepted")
    deficit = lots * (mark - after) - paid_in
    prove(claim <= paid_in + paid_in_2 + deficit, "they take out the deficit at most (E7-two-keys)")
    prove(claim <= paid_in + paid_in_2, "they take out what they put in")


@refutation(
    "R-share-is-monotone-in-the-loss",
    rules=("LOS-5", "LOS-4"),
    claim="A larger loss never lowers what a payer pays.",
    counterexample=dict(loss=2, weight=10),
)
def share_is_monotone_in_the_loss(loss: Quanta, weight: Quanta) -> None:
    payers = [Payer(name, weight) for name in ("a", "b", "c")]

    smaller = {share.account: share.weight for share in shares_of_loss(loss, payers)}
    larger = {share.account: share.weight for share in shares_of_loss(loss + 1, payers)}

    # Of 2 quanta the first of three pays 2; of 3 quanta each pays 1: below that, one pays for all.
    prove(smaller["a"] <= larger["a"], "the first pays no less of a larger loss")


@refutation(
    "R-equal-weights-pay-equally",
    rules=("LOS-5",),
    claim="Payers of equal weight pay the same, whatever the loss.",
    counterexample=dict(loss=1, weight=10),
)
def equal_weights_pay_equally(loss: Quanta, weight: Quanta) -> None:
    shares = shares_of_loss(loss, [Payer(name, weight) for name in ("a", "b", "c")])

    # One quantum cannot be shared by three: of equal weights the smaller identifier pays it.
    prove(shares[0].weight == shares[2].weight, "the first and the last pay the same")
