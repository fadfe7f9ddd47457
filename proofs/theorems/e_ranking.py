"""E3. Ranking: who is deleveraged first is decided by a strict total order of exact fractions, in which more
profit never comes later.

A score is compared by cross multiplication; that is an order only because every denominator is at least one,
and every denominator is, because only who is not liquidatable is ranked.
"""

from typing import Any, cast

from proofs.lemmas.contracts import maintenance_is_not_negative
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies, negation
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.margin import is_liquidatable, margin_maintenance
from refmodel.numbers import Lots, Quanta, Ticks
from refmodel.policy import RANKINGS, TRIGGERS
from refmodel.ranking import Holding, Ranked, Score, comes_before, in_rank_order, ranking, score
from refmodel.state import equity


@theorem(
    "E3-denominators",
    rules=("ADL-1", "MAR-9"),
    stage="waterfall",
    claim="Whoever has a position and is not liquidatable has a score whose denominator is at least 1, "
    "by every formula.",
    witness=(
        dict(formula=0, trigger=0, value=50, cost=0, wallet=-3, equity=9, maintenance=2),
        dict(formula=1, trigger=1, value=-50, cost=0, wallet=3, equity=9, maintenance=2),
        dict(formula=2, trigger=0, value=-50, cost=-20, wallet=3, equity=9, maintenance=2),
    ),
    mutant=(
        Replace("score", "max(holding.wallet, 1)", "max(holding.wallet, 0)", name="divided by nothing"),
        Replace("score", "max(abs(holding.cost), 1)", "abs(holding.cost)", name="a cost of 0 divides"),
        Replace(
            "is_liquidatable", "return equity < maintenance", "return equity < 0", name="the bankrupt rank"
        ),
    ),
)
def denominators_are_positive(
    value: Quanta, cost: Quanta, wallet: Quanta, equity: Quanta, maintenance: Quanta
) -> None:
    formula = choice("formula", *RANKINGS)
    trigger = choice("trigger", *TRIGGERS)
    assume(value != 0, guard="PST-1")
    assume(maintenance >= 1, theorem="B1-account")
    if not is_liquidatable(equity, maintenance, trigger):
        found = score(Holding(value, cost, wallet, equity, maintenance), formula)

        lemma(equity >= 1, "who is not liquidatable has equity")
        prove(found.denominator >= 1, "the denominator is at least 1")


def ranked(name: int, numerator: int, denominator: int, notional: Quanta) -> Ranked:
    """A holder in the ranking; of its identifier only the order matters, so a number stands for it."""
    return Ranked(cast(Any, name), Score(numerator, denominator), notional)


@theorem(
    "E3-strict-order",
    rules=("ADL-2",),
    stage="waterfall",
    claim="Of two holders exactly one comes before the other, and none comes before itself.",
    witness=(
        dict(a=1, n=2, d=3, v=9, a2=2, n2=4, d2=6, v2=9),
        dict(a=1, n=2, d=3, v=9, a2=2, n2=4, d2=6, v2=8),
        dict(a=1, n=2, d=3, v=9, a2=2, n2=5, d2=6, v2=8),
    ),
    mutant=(
        Replace(
            "comes_before", "return one.account < other.account", "return False", name="tie-break dropped"
        ),
        Replace("comes_before", "one.account < other", "one.account <= other", name="before itself"),
    ),
)
def order_is_strict_and_total(
    a: int, n: int, d: int, v: Quanta, a2: int, n2: int, d2: int, v2: Quanta
) -> None:
    assume(a != a2, guard="EVT-3")  # no two accounts have one identifier
    one, other = ranked(a, n, d, v), ranked(a2, n2, d2, v2)

    first, second = comes_before(one, other), comes_before(other, one)

    prove(first != second, "one of the two is first, not both")
    prove(not comes_before(one, one), "nobody is before itself")


@theorem(
    "E3-transitive",
    rules=("ADL-2",),
    stage="waterfall",
    claim="Who comes before one that comes before a third comes before the third.",
    witness=dict(a=1, n=9, d=3, v=9, a2=2, n2=4, d2=2, v2=9, a3=3, n3=6, d3=3, v3=9),
    mutant=(
        Replace(
            "comes_before",
            "one.score.numerator * other.score.denominator",
            "one.score.numerator",
            name="numerators alone on one side",
        ),
        Replace(
            "comes_before",
            "if mine != theirs:",
            "if abs(mine - theirs) > 1:",
            name="near scores count as equal",
        ),
    ),
)
def order_is_transitive(
    a: int,
    n: int,
    d: int,
    v: Quanta,
    a2: int,
    n2: int,
    d2: int,
    v2: Quanta,
    a3: int,
    n3: int,
    d3: int,
    v3: Quanta,
) -> None:
    for denominator in (d, d2, d3):
        assume(denominator >= 1, theorem="E3-denominators")
    one, two, three = ranked(a, n, d, v), ranked(a2, n2, d2, v2), ranked(a3, n3, d3, v3)

    if comes_before(one, two) and comes_before(two, three):
        lemma((n * d2) * d3 >= (n2 * d) * d3, "the first is not below the second")
        lemma((n2 * d3) * d >= (n3 * d2) * d, "the second is not below the third")
        lemma((n * d3) * d2 >= (n3 * d) * d2, "the first is not below the third")
        prove(comes_before(one, three), "the first comes before the third")


@theorem(
    "E3-profit-ranks",
    rules=("ADL-1",),
    stage="waterfall",
    claim="Of two holdings that differ in what was paid for the position alone, the one with more "
    "profit never has the lower score, by every formula.",
    witness=(
        dict(formula=0, value=50, cost=20, more=15, wallet=3, equity=9, maintenance=2),
        dict(formula=1, value=50, cost=20, more=15, wallet=3, equity=9, maintenance=2),
        dict(formula=1, value=-50, cost=-20, more=60, wallet=3, equity=9, maintenance=2),
        dict(formula=2, value=-50, cost=-20, more=15, wallet=3, equity=9, maintenance=2),
    ),
    mutant=(
        Replace(
            "score",
            "return Score(profit * size, paid * holding.equity)",
            "return Score(paid * size, max(profit, 1) * holding.equity)",
            name="upside down",
        ),
        Replace(
            "score",
            "return Score(paid * size, size * holding.equity)",
            "return Score(size * size, paid * holding.equity)",
            name="shorts ranked as longs",
        ),
        Replace("score", "max(profit, 0)", "abs(profit)", name="a loss counts as a profit"),
    ),
)
def more_profit_never_ranks_lower(
    value: Quanta, cost: Quanta, more: Quanta, wallet: Quanta, equity: Quanta, maintenance: Quanta
) -> None:
    formula = choice("formula", *RANKINGS)
    assume(value != 0, guard="PST-1")
    assume(more >= 0, guard="ADL-1")
    for paid in (cost, cost - more):
        assume(implies(value > 0, paid >= 0), guard="TRD-6")  # what is paid for a long is positive
        assume(implies(value < 0, paid <= 0), guard="TRD-6")  # and for a short it is received
    assume(equity >= 1, theorem="E3-denominators")
    assume(maintenance >= 1, theorem="B1-account")

    lower = score(Holding(value, cost, wallet, equity, maintenance), formula)
    higher = score(Holding(value, cost - more, wallet, equity, maintenance), formula)

    prove(
        higher.numerator * lower.denominator >= lower.numerator * higher.denominator,
        "more profit is deleveraged no later",
    )


@theorem(
    "E3-sorted",
    rules=("ADL-2",),
    stage="waterfall",
    claim="The holders are ranked in the order of ADL-2, whichever way they are listed.",
    structural_bound="3 holders; sorting is the same for any number, the order being total and transitive",
    witness=dict(n=9, d=3, v=9, n2=4, d2=2, v2=9, n3=6, d3=2, v3=9),
    mutant=(
        Replace("in_rank_order", "sorted(holders)", "sorted(holders)[::-1]", name="the last goes first"),
        Replace("in_rank_order", "sorted(holders)", "holders", name="as they are listed"),
    ),
)
def holders_are_sorted(
    n: int, d: int, v: Quanta, n2: int, d2: int, v2: Quanta, n3: int, d3: int, v3: Quanta
) -> None:
    for denominator in (d, d2, d3):
        assume(denominator >= 1, theorem="E3-denominators")
    holders = {
        "a": Ranked("a", Score(n, d), v),
        "b": Ranked("b", Score(n2, d2), v2),
        "c": Ranked("c", Score(n3, d3), v3),
    }

    first, second, third = in_rank_order(holders.values())

    prove(comes_before(holders[first], holders[second]), "the first comes before the second")
    prove(comes_before(holders[second], holders[third]), "the second comes before the third")


@theorem(
    "E3-eligible",
    rules=("ADL-1",),
    stage="waterfall",
    claim="Ranked is whoever holds the other side and is not liquidatable, whatever its profit, and "
    "nobody else.",
    structural_bound="1 holder and an account that holds nothing; each is looked at by itself",
    contracts=(maintenance_is_not_negative,),
    witness=(
        dict(side=0, trigger=0, size=2, cost=15, wallet=50, mark=10),
        dict(side=1, trigger=1, size=-2, cost=-15, wallet=50, mark=10),
    ),
    mutant=(
        Replace("ranking", "size * side < 0", "size * side > 0", name="ADL from the same side"),
        Replace(
            "ranking", "if not is_liquidatable", "if is_liquidatable", name="who is in trouble goes first"
        ),
    ),
)
def ranked_are_sound_holders_of_the_other_side(size: Lots, cost: Quanta, wallet: Quanta, mark: Ticks) -> None:
    side = choice("side", 1, -1)
    trigger = choice("trigger", *TRIGGERS)
    assume(size != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    accounts = {"a": holder(wallet, size, cost), "flat": holder(1)}
    at_mark = venue(policy({MARKET: market()}, trigger=trigger), accounts, mark)

    found = ranking(at_mark, MARKET, side)

    account = accounts["a"]
    sound = not is_liquidatable(equity(at_mark, account), margin_maintenance(at_mark, account), trigger)
    prove((found == ("a",)) == ((size * side > 0) & sound), "ranked is who is on this side and sound")
    prove((found == ()) == negation((size * side > 0) & sound), "and nobody else")
