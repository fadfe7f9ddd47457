"""B4 of orders. What an order gateway may rely on: of two further orders on one side, the smaller is admitted
if the larger is. The search for the largest order (fastpath/engine/check.pxi) halves the interval, which is
exact for such a question (NUM-6, theorem E1-largest-count)."""

from proofs.lemmas.contracts import requirement_is_at_least_one, requirement_is_monotone
from proofs.registry import Replace, assume, lemma, prove, theorem
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.events import Order
from refmodel.margin import lots_at_risk
from refmodel.numbers import Lots, Quanta, Ticks
from refmodel.policy import AT_OR_BELOW, BELOW
from refmodel.trading import order


@theorem(
    "B4-order-monotone",
    rules=("ORD-1", "LIM-1", "MAR-6", "MAR-10"),
    claim="If a further order of an account is admitted, every smaller one of its side is.",
    structural_bound="1 market; what other markets need is the same for both",
    contracts=(requirement_is_at_least_one, requirement_is_monotone),
    witness=(
        dict(at=0, side=0, wallet=9_000, size=3, cost=0, buys=1, sells=2, less=1, more=2, mark=10, limit=50),
        dict(at=1, side=1, wallet=9_000, size=-3, cost=0, buys=1, sells=2, less=1, more=2, mark=10, limit=50),
    ),
    mutant=(
        Replace("refuse_size", "lots > limit", "lots < limit", name="small positions refused"),
        Replace(
            "order",
            "standing.initial > initial_before and not carries",
            "standing.initial > initial_before and carries",
            name="who carries it is refused",
        ),
    ),
)
def smaller_orders_are_admitted(
    at: int,
    side: int,
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    buys: Lots,
    sells: Lots,
    less: Lots,
    more: Lots,
    mark: Ticks,
    limit: Lots,
) -> None:
    assume(size != 0, guard="PST-1")  # without a position only fewer things matter
    assume(buys >= 0, guard="EVT-2")
    assume(sells >= 0, guard="EVT-2")
    assume(1 <= less, guard="EVT-2")
    assume(less <= more, guard="ORD-1")  # the question: one order is not larger than the other
    assume(mark >= 1, guard="PRC-1")
    assume(limit >= 1, policy="POL-13")
    terms = policy({MARKET: market(size_max=limit)}, trigger=AT_OR_BELOW if at == 1 else BELOW)
    before = venue(terms, {"a": holder(wallet, size, cost, (buys, sells))}, mark)
    if side == 0:
        smaller, larger = Order(0, "a", MARKET, buys + less, sells), Order(0, "a", MARKET, buys + more, sells)
    else:
        smaller, larger = Order(0, "a", MARKET, buys, sells + less), Order(0, "a", MARKET, buys, sells + more)
    few = lots_at_risk(size, smaller.buys, smaller.sells)
    many = lots_at_risk(size, larger.buys, larger.sells)
    lemma(few <= many, "more lots ordered are no fewer at risk")
    lemma(few * mark <= many * mark, "nor worth less")

    admitted = order(before, larger).refusal is None
    asked = order(before, smaller)

    if admitted:
        prove(asked.refusal is None, "the smaller order is admitted as well")
