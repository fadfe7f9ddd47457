"""E3 and E4. Allocation: the lots of a deleveraging add up, nobody gives more than its cap, and everybody is
within one lot of its proportion.

The scalar rules are proved by themselves; folds of them carry the claim to any number of holders; the law's
own loops, which build lists, are run for three.
"""

from proofs.induction import induction_over
from proofs.lemmas.waterfall import (
    Cup,
    InQueue,
    Part,
    dealt_out,
    filled,
    parts_of,
    queued,
    queued_twice,
)
from proofs.registry import Replace, assume, lemma, prove, theorem
from proofs.symbolic import all_of, implies, negation
from refmodel.allocation import (
    Candidate,
    Level,
    capped_pro_rata,
    cut_off,
    in_owner_order,
    is_cut_off,
    pro_rata,
    queue,
    queue_share,
)
from refmodel.numbers import Lots, running_share


@theorem(
    "E4-split",
    rules=("ADL-5", "NUM-5"),
    stage="waterfall",
    claim="However an owner splits a weight over accounts, together they give what one account would: "
    "within one lot of its proportion.",
    witness=dict(amount=7, before=2, total=11, weight=4, items=(Part(4), Part(0), Part(5))),
    mutant=Replace(
        "running_share",
        "floor_div(amount * (before + weight), total) - floor_div(amount * before, total)",
        "-floor_div(-amount * weight, total)",
        name="each part ceiled by itself",
    ),
)
def splitting_changes_nothing(amount: int, before: int, total: int, weight: int) -> None:
    parts = parts_of(weight)
    assume(amount >= 0, guard="NUM-5")
    assume(before >= 0, guard="NUM-5")
    assume(total >= 1, guard="NUM-5")
    dealt = parts.loop_of(dealt_out)

    def held() -> int:
        """What the accounts of the owner weigh together."""
        weights: int = dealt(amount, before, total).before - before
        return weights

    parts.prove(
        lambda: (
            (dealt(amount, before, total).given == running_share(amount, before, held(), total))
            & (held() >= 0)
        ),
        "the parts of an owner give what the whole would",
    )

    end = dealt_out(parts, amount, before, total)
    together = end.before - before
    lemma(end.given == running_share(amount, before, together, total), "as one account would")
    prove(end.given * total < amount * together + total, "less than one above the proportion")
    prove(end.given * total > amount * together - total, "less than one below it")


@theorem(
    "E3-queue",
    rules=("ADL-4",),
    stage="waterfall",
    claim="However long the queue: it gives what is asked for, as far as the caps go; at most one "
    "holder is left below its cap, and nobody is touched while one before it has cap left.",
    witness=dict(lots=7, cap=4, items=(InQueue(4), InQueue(0), InQueue(5), InQueue(2))),
    mutant=(
        Replace("queue_share", "min(left, cap)", "left", name="cap ignored"),
        Replace(
            "queue_share", "min(left, cap)", "min(left, max(cap - 1, 0))", name="one lot short of the cap"
        ),
    ),
)
def queue_is_respected(lots: Lots, cap: Lots) -> None:
    holders = induction_over(InQueue(cap))
    assume(lots >= 0, guard="ADL-4")
    holders.each(lambda holder: holder.cap >= 0, theorem="E3-cap-line")
    state = holders.loop_of(queued)

    holders.prove(
        lambda: (
            (state(lots).left >= 0)
            & (state(lots).spare >= 0)
            & (lots - state(lots).left == state(lots).caps - state(lots).spare)
            & implies(state(lots).spare > 0, state(lots).left == 0)
            & (state(lots).partial >= 0)
            & (state(lots).partial <= 1)
            & implies(state(lots).partial > 0, state(lots).left == 0)
            & (state(lots).jumped == 0)
        ),
        "the queue is filled from its head",
    )

    end = queued(holders, lots)
    prove(lots - end.left == min(lots, end.caps), "all lots are closed, or all caps are used up")
    prove(end.partial <= 1, "at most one holder is closed in part")
    prove(end.jumped == 0, "nobody gives while one before it has cap left")


@theorem(
    "E3-queue-composes",
    rules=("ADL-4",),
    stage="waterfall",
    claim="However long the queue: with ranking and caps frozen, closing some lots and then more is "
    "closing them all at once, holder by holder.",
    witness=dict(lots=3, more=4, cap=4, items=(InQueue(4), InQueue(0), InQueue(5))),
    mutant=Replace("queue_share", "min(left, cap)", "min(left, cap, 2)", name="two lots each at the most"),
)
def queue_composes(lots: Lots, more: Lots, cap: Lots) -> None:
    holders = induction_over(InQueue(cap))
    assume(lots >= 0, guard="ADL-4")
    assume(more >= 0, guard="ADL-4")
    holders.each(lambda holder: holder.cap >= 0, theorem="E3-cap-line")
    state = holders.loop_of(queued_twice)

    holders.prove(
        lambda: (
            (state(lots, more).first >= 0)
            & (state(lots, more).second >= 0)
            & (state(lots, more).both == state(lots, more).first + state(lots, more).second)
            & (state(lots, more).differ == 0)
        ),
        "both ways have as many lots still to close",
    )

    prove(queued_twice(holders, lots, more).differ == 0, "every holder gives the same")


def three(
    lots: tuple[Lots, Lots, Lots], caps: tuple[Lots, Lots, Lots]
) -> tuple[Candidate, Candidate, Candidate]:
    """Three holders of one owner each, in the order of their owners."""
    names = ("a", "b", "c")
    first, second, third = (
        Candidate(name, name, held, cap) for name, held, cap in zip(names, lots, caps, strict=True)
    )
    return first, second, third


@theorem(
    "E3-queue-of-three",
    rules=("ADL-4",),
    stage="waterfall",
    claim="The shares of a queue are those of its step, in order, and end where nothing is left.",
    structural_bound="3 holders; any number by E3-queue",
    witness=(
        dict(lots=7, cap_a=4, cap_b=0, cap_c=5),
        dict(lots=3, cap_a=4, cap_b=0, cap_c=5),
    ),
    mutant=(
        Replace("queue", "left -= share", "left -= candidate.cap", name="the cap counted, not the share"),
        Replace("queue", "left = lots", "left = lots - 1", name="one lot forgotten"),
    ),
)
def queue_of_three(lots: Lots, cap_a: Lots, cap_b: Lots, cap_c: Lots) -> None:
    assume(lots >= 0, guard="ADL-4")
    for cap in (cap_a, cap_b, cap_c):
        assume(cap >= 0, theorem="E3-cap-line")

    shares = queue(lots, three((1, 1, 1), (cap_a, cap_b, cap_c)))

    left = lots
    for cap, share in zip((cap_a, cap_b, cap_c), shares, strict=False):
        prove(share.lots == queue_share(left, cap), "each gives what is left, up to its cap")
        left -= share.lots
    prove([share.account for share in shares] == ["a", "b", "c"][: len(shares)], "in the order of the queue")
    prove(implies(len(shares) < 3, left == 0), "and the rest is not asked when nothing is left")


@theorem(
    "E4-owner-order",
    rules=("ADL-5", "ADL-6"),
    stage="waterfall",
    claim="The accounts of one owner are rounded one after the other, the larger first, whatever they "
    "are called and wherever they stand.",
    structural_bound="3 holders, of which 2 have one owner; sorting is the same for any number",
    witness=dict(lots_a=3, lots_b=4, lots_c=5),
    mutant=(
        Replace("in_owner_order", "(each.owner, -each.lots,", "(-each.lots,", name="owners mixed"),
        Replace("in_owner_order", "-each.lots", "each.lots", name="the smaller first"),
    ),
)
def accounts_of_an_owner_are_adjacent(lots_a: Lots, lots_b: Lots, lots_c: Lots) -> None:
    holders = [
        Candidate("a", "an owner", lots_a, lots_a),
        Candidate("b", "another", lots_b, lots_b),
        Candidate("c", "an owner", lots_c, lots_c),
    ]

    first, second, third = in_owner_order(holders)

    prove(first.owner == second.owner == "an owner", "the accounts of an owner are adjacent")
    prove(first.lots >= second.lots, "the larger is the first of them")
    prove(third.account == "b", "and nobody else stands between")


@theorem(
    "E4-pro-rata-of-three",
    rules=("ADL-5", "NUM-5"),
    stage="waterfall",
    claim="Proportional shares sum to the lots exactly, are at most the caps and within one lot of "
    "their proportion.",
    structural_bound="3 holders; any number by A8-running-share and A8-running-shares-sum",
    witness=dict(lots=7, cap_a=4, cap_b=0, cap_c=5),
    mutant=(
        Replace("pro_rata", "before += candidate.cap", "before = candidate.cap", name="only the last before"),
        Replace(
            "pro_rata", "candidate.cap for candidate", "candidate.lots for candidate", name="cap ignored"
        ),
    ),
)
def proportional_shares_of_three(lots: Lots, cap_a: Lots, cap_b: Lots, cap_c: Lots) -> None:
    for cap in (cap_a, cap_b, cap_c):
        assume(cap >= 0, theorem="E3-cap-line")
    total = cap_a + cap_b + cap_c
    assume(0 <= lots, guard="ADL-7")
    assume(lots <= total, guard="ADL-7")

    shares = pro_rata(lots, three((cap_a + 1, cap_b + 1, cap_c + 1), (cap_a, cap_b, cap_c)))

    if total > 0:
        prove(sum(share.lots for share in shares) == lots, "together they give the lots")
        for cap, share in zip((cap_a, cap_b, cap_c), shares, strict=True):
            lemma(share.lots * total < lots * cap + total, "less than one lot above the proportion")
            lemma(share.lots * total > lots * cap - total, "less than one lot below it")
            lemma(lots * cap <= total * cap, "the proportion is at most the cap")
            prove(share.lots >= 0, "nobody is given lots")
            prove(share.lots <= cap, "nobody gives more than its cap")
    else:
        prove(lots == 0, "without a cap nothing is asked")


@theorem(
    "E4-cut-off",
    rules=("ADL-6",),
    stage="waterfall",
    claim="Whoever is cut off gives its cap, which is at most its proportion, and the level of the "
    "others never falls; whoever is not gives a share of what is left that is at most its cap.",
    witness=(
        dict(left=9, active=12, lots=4, cap=2, caps=20, before=3),
        dict(left=9, active=12, lots=4, cap=4, caps=20, before=3),
    ),
    mutant=(
        Replace("is_cut_off", "<= level.left * lots", ">= level.left * lots", name="the others are cut off"),
        Replace("cut_off", "level.left - cap", "level.left", name="its cap is not counted"),
        Replace("is_cut_off", "return cap", "return -1", name="cap ignored"),
    ),
)
def cutting_off_raises_the_level(
    left: Lots, active: Lots, lots: Lots, cap: Lots, caps: Lots, before: Lots
) -> None:
    assume(before >= 0, guard="ADL-6")
    assume(lots >= 1, guard="ADL-6")
    assume(0 <= cap, theorem="E3-cap-line")
    assume(lots <= active, guard="ADL-6")
    assume(0 <= left, guard="ADL-7")
    assume(left <= cap + caps, guard="ADL-7")  # the caps of those after it
    level = Level(left, active)

    if is_cut_off(level, lots, cap):
        after = cut_off(level, lots, cap)
        lemma(left * lots <= left * active, "a proportion is at most the whole")
        prove(cap * active <= left * lots, "it gives at most its proportion")
        prove(after.left >= 0, "no more than what is left")
        prove(after.left <= caps, "the others can give the rest")
        prove(left * after.active <= after.left * active, "the level of the others does not fall")
    else:
        share = running_share(left, before, lots, active)
        lemma(share * active < left * lots + active, "less than one lot above its proportion")
        lemma(share * active < (cap + 1) * active, "which is below its cap")
        prove(share <= cap, "who is not cut off is asked for its cap at most")


@theorem(
    "E4-order",
    rules=("ADL-6",),
    stage="waterfall",
    claim="If a holder is cut off at some level, so is everybody with as little cap for each of its lots.",
    witness=dict(left=9, active=12, lots=4, cap=2, lots2=3, cap2=2),
    mutant=Replace("is_cut_off", "cap * level.active", "cap", name="proportion of one lot"),
)
def order_of_cutting_off(left: Lots, active: Lots, lots: Lots, cap: Lots, lots2: Lots, cap2: Lots) -> None:
    assume(lots >= 1, guard="ADL-6")
    assume(lots2 >= 1, guard="ADL-6")
    assume(active >= 0, guard="ADL-6")
    assume(cap * lots2 <= cap2 * lots, guard="ADL-6")
    level = Level(left, active)

    if is_cut_off(level, lots2, cap2):
        lemma(cap * lots2 * active <= cap2 * lots * active, "the first has no more cap for its lots")
        lemma(cap2 * active * lots <= left * lots2 * lots, "the second is asked for its cap or more")
        lemma((cap * active) * lots2 <= (left * lots) * lots2, "so is the first")
        prove(is_cut_off(level, lots, cap), "who has as little cap is cut off as well")


@theorem(
    "E4-water-filling",
    rules=("ADL-6",),
    stage="waterfall",
    claim="However many holders there are: the caps of those cut off and what is left for the others "
    "are the lots; the others are as many lots as the level counts, and none of them is cut off "
    "at it.",
    witness=dict(
        lots=12, total=12, caps=14, size=3, cap=1, items=(Cup(3, 1), Cup(4, 4), Cup(2, 3), Cup(3, 6))
    ),
    mutant=(
        Replace("cut_off", "level.left - cap", "level.left", name="its cap is not counted"),
        Replace("cut_off", "level.active - lots", "level.active - 1", name="its lots are not counted"),
    ),
)
def water_filling_of_any_number(lots: Lots, total: Lots, caps: Lots, size: Lots, cap: Lots) -> None:
    cups = induction_over(Cup(size, cap))
    assume(0 <= lots, guard="ADL-7")
    state = cups.loop_of(filled)
    seen = cups.ghost("seen", 0, lambda before, cup: before + cup.lots)
    seen_caps = cups.ghost("seen_caps", 0, lambda before, cup: before + cup.cap)
    last_lots = cups.ghost("last_lots", 1, lambda _, cup: cup.lots)
    last_cap = cups.ghost("last_cap", 0, lambda _, cup: cup.cap)

    def level() -> Level:
        """The level after those gone through."""
        return Level(state(lots, total).left, state(lots, total).active)

    cups.each(lambda cup: cup.lots >= 1, guard="ADL-6")
    cups.each(lambda cup: cup.cap >= 0, theorem="E3-cap-line")
    cups.each(lambda cup: seen() + cup.lots <= total, guard="ADL-6")
    cups.each(lambda cup: last_cap() * cup.lots <= cup.cap * last_lots(), guard="ADL-6")
    cups.each(
        lambda cup: implies(
            (last_cap() * cup.lots <= cup.cap * last_lots()) & is_cut_off(level(), cup.lots, cup.cap),
            is_cut_off(level(), last_lots(), last_cap()),
        ),
        theorem="E4-order",
    )
    cups.each(
        lambda cup: implies(is_cut_off(level(), cup.lots, cup.cap), cup.cap <= level().left),
        theorem="E4-cut-off",
    )

    cups.prove(
        lambda: (
            (level().left >= 0)
            & (level().left + state(lots, total).caps == lots)
            & (level().active + seen() == total + state(lots, total).lots)
            & (seen() >= 0)
            & (seen_caps() >= 0)
            & (state(lots, total).lots >= 0)
            & (state(lots, total).stopped >= 0)
            & (state(lots, total).stopped <= 1)
            & implies(state(lots, total).stopped == 0, state(lots, total).caps == seen_caps())
            & implies(state(lots, total).stopped == 0, state(lots, total).lots == 0)
            & implies(state(lots, total).stopped == 1, state(lots, total).lots >= 1)
            & implies(state(lots, total).stopped == 1, negation(is_cut_off(level(), last_lots(), last_cap())))
            & (state(lots, total).over == 0)
        ),
        "those cut off have given their caps, and nobody else is asked for more than its cap",
    )

    end = filled(cups, lots, total)
    assume(seen() == total, guard="ADL-6")
    assume(seen_caps() == caps, guard="ADL-7")
    assume(lots <= caps, guard="ADL-7")
    prove(end.caps + end.left == lots, "what is not given by caps is left for the others")
    prove(end.active == end.lots, "who are those that the level counts")
    prove(implies(end.lots == 0, end.left == 0), "without others nothing is left")
    prove(end.over == 0, "and none of the others is asked for more than its cap")


@theorem(
    "E4-capped-pro-rata-of-three",
    rules=("ADL-6", "NUM-5"),
    stage="waterfall",
    claim="Water-filling sums to the lots exactly and exceeds no cap; where no cap binds, each gives "
    "its proportion of the lots held, within one.",
    structural_bound="3 holders; any number by E4-water-filling, E4-cut-off and A8-running-shares-sum",
    witness=dict(lots=9, lots_a=4, lots_b=8, lots_c=3, cap_a=2, cap_b=6, cap_c=3),
    mutant=(
        Replace(
            "capped_pro_rata",
            "            before += candidate.lots",
            "            before = 0",
            name="nobody before",
        ),
        Replace("capped_pro_rata", "if candidate.account in at_their_cap:", "if False:", name="cap ignored"),
    ),
)
def water_filling_of_three(
    lots: Lots, lots_a: Lots, lots_b: Lots, lots_c: Lots, cap_a: Lots, cap_b: Lots, cap_c: Lots
) -> None:
    caps = (cap_a, cap_b, cap_c)
    for held, cap in zip((lots_a, lots_b, lots_c), caps, strict=True):
        assume(held >= 1, guard="ADL-7")
        assume(cap >= 0, theorem="E3-cap-line")
    assume(0 <= lots, guard="ADL-7")
    assume(lots <= cap_a + cap_b + cap_c, guard="ADL-7")

    shares = [share.lots for share in capped_pro_rata(lots, three((lots_a, lots_b, lots_c), caps))]

    prove(sum(shares) == lots, "together they give the lots")
    for share, cap in zip(shares, caps, strict=True):
        prove((0 <= share) & (share <= cap), "nobody gives more than its cap")
    if all_of(*(share < cap for share, cap in zip(shares, caps, strict=True))):
        total = lots_a + lots_b + lots_c
        prove(shares[0] * total < lots * lots_a + total, "less than one lot above the proportion")
        prove(shares[0] * total > lots * lots_a - total, "less than one lot below it")


@theorem(
    "E4-queue-split",
    rules=("ADL-4",),
    stage="waterfall",
    claim="An owner that splits a position in the queue can save at most the lots whose rank it lowers: "
    "what stays in front gives what the whole would, but for those.",
    witness=dict(left=7, more=9, cap=6, front=2),
    mutant=Replace("queue_share", "min(left, cap)", "2 * min(left, cap)", name="twice its share"),
)
def splitting_a_place_in_the_queue(left: Lots, more: Lots, cap: Lots, front: Lots) -> None:
    assume(0 <= left, guard="ADL-4")
    assume(left <= more, guard="ADL-4")  # in front of its old place no fewer lots are left
    assume(0 <= front, theorem="E3-cap-line")
    assume(front <= cap, guard="ADL-4")

    whole = queue_share(left, cap)
    in_front = queue_share(more, front)

    prove(whole - in_front <= cap - front, "it saves at most the lots that no longer are in front")
