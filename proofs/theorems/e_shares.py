"""A8. Sharing out: what is shared out adds up, and everybody is within one of its proportion.

Lots go by running totals, which sum exactly; a loss goes by shares rounded up, which cover it. The scalar
rules are proved by themselves, and folds of them carry the claim to any number of parts.
"""

from proofs.contracts import establish
from proofs.lemmas.waterfall import (
    Part,
    charged,
    dealt_out,
    parts_of,
    running_share_is_near_its_proportion,
)
from proofs.registry import Replace, assume, lemma, prove, theorem
from proofs.symbolic import implies
from refmodel.loss import share_of_loss
from refmodel.numbers import Quanta, floor_div, running_share


@theorem(
    "A8-running-share",
    rules=("NUM-5",),
    stage="waterfall",
    claim="A running share is never negative, within one of its proportion, and at most its weight if "
    "no more is shared out than the weights sum to.",
    witness=dict(amount=7, before=2, weight=3, total=9),
    mutant=Replace(
        "running_share",
        "floor_div(amount * before, total)",
        "floor_div(amount * before, total) - 1",
        name="one too many",
    ),
)
def running_share_is_near_proportion(amount: int, before: int, weight: int, total: int) -> None:
    establish(running_share_is_near_its_proportion, amount, before, weight, total)
    share = running_share(amount, before, weight, total)

    lemma(share * total < amount * weight + total, "less than one above the proportion")
    lemma(share * total > amount * weight - total, "less than one below it")
    prove(share >= 0, "nobody is given less than nothing")
    prove(implies(amount <= total, share <= weight), "nobody is given more than its weight")


@theorem(
    "A8-running-shares-sum",
    rules=("NUM-5", "ADL-5", "CLO-1", "CLO-2"),
    stage="waterfall",
    claim="Running shares sum to the amount exactly, whatever the number of parts.",
    witness=dict(amount=7, total=9, weight=4, items=(Part(4), Part(0), Part(5))),
    mutant=Replace(
        "running_share",
        "floor_div(amount * (before + weight), total) - floor_div(amount * before, total)",
        "floor_div(amount * weight, total)",
        name="each part floored by itself",
    ),
)
def running_shares_sum_to_the_amount(amount: int, total: int, weight: int) -> None:
    parts = parts_of(weight)
    assume(amount >= 0, guard="NUM-5")
    assume(total >= 1, guard="NUM-5")
    dealt = parts.loop_of(dealt_out)

    parts.prove(
        lambda: (
            (dealt(amount, 0, total).given == floor_div(amount * dealt(amount, 0, total).before, total))
            & (dealt(amount, 0, total).before >= 0)
        ),
        "so far they sum to the running total, rounded down once",
    )

    end = dealt_out(parts, amount, 0, total)
    assume(end.before == total, guard="NUM-5")  # the total is that of the weights
    lemma(amount * end.before == amount * total, "all of the amount is due")
    prove(end.given == amount, "what is shared out is the amount")


@theorem(
    "A8-share-of-loss",
    rules=("LOS-4",),
    stage="waterfall",
    claim="A share of a loss is at most the payer's weight, never falls as the loss grows, and is the "
    "same for the same weight.",
    witness=dict(loss=7, more=8, weight=3, total=9),
    mutant=(
        Replace(
            "share_of_loss", "loss * weight, total)", "loss * weight, total) + 1", name="one quantum more"
        ),
        Replace(
            "share_of_loss", "ceil_div(loss * weight, total)", "loss * weight % total", name="not monotone"
        ),
    ),
)
def share_of_loss_is_fair(loss: Quanta, more: Quanta, weight: Quanta, total: Quanta) -> None:
    assume(0 <= loss, guard="LOS-5")
    assume(loss <= more, guard="LOS-5")
    assume(more <= total, guard="LOS-5")
    assume(total >= 1, guard="LOS-3")
    assume(weight >= 0, guard="LOS-3")

    share = share_of_loss(loss, weight, total)
    larger = share_of_loss(more, weight, total)

    lemma(loss * weight <= more * weight, "a larger loss is a larger proportion of it")
    lemma(more * weight <= total * weight, "and at most the weight")
    prove(share >= 0, "nobody is paid")
    prove(larger <= weight, "nobody pays more than its weight")
    prove(share <= larger, "a larger loss never costs less")
    prove(share * total >= loss * weight, "nobody pays less than its proportion")
    prove(share * total < loss * weight + total, "or a whole quantum more")


@theorem(
    "A8-loss-is-covered",
    rules=("LOS-4", "LOS-5"),
    stage="waterfall",
    claim="However many payers there are, together they pay the loss, and less than one quantum each on top.",
    witness=dict(loss=7, total=9, weight=4, items=(Part(4), Part(2), Part(3))),
    mutant=Replace("share_of_loss", "ceil_div(loss", "floor_div(loss", name="rounded down"),
)
def payers_cover_the_loss(loss: Quanta, total: Quanta, weight: Quanta) -> None:
    payers = parts_of(weight)
    assume(0 <= loss, guard="LOS-5")
    assume(total >= 1, guard="LOS-3")
    paying = payers.loop_of(charged)

    payers.prove(
        lambda: (
            (paying(loss, total).paid * total >= loss * paying(loss, total).weights)
            & (
                paying(loss, total).paid * total
                <= loss * paying(loss, total).weights + paying(loss, total).payers * (total - 1)
            )
            & (paying(loss, total).payers >= 0)
            & implies(paying(loss, total).payers == 0, paying(loss, total).weights == 0)
        ),
        "so far they have paid their proportion, and less than a quantum each on top",
    )

    end = charged(payers, loss, total)
    assume(end.weights == total, guard="LOS-4")  # the total is that of the weights
    lemma(loss * end.weights == loss * total, "all of the loss is due")
    prove(end.paid >= loss, "the loss is covered")
    prove(end.paid < loss + end.payers, "by less than one quantum each")
