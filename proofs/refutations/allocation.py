"""Claims about insurance, ranking and allocation that were believed and are false, each with the values at
which it fails."""

from proofs.registry import prove, refutation
from proofs.symbolic import implies
from refmodel.allocation import Candidate, pro_rata, queue
from refmodel.close_out import gap_of_lots
from refmodel.deleveraging import cap_of_line
from refmodel.insurance import lots_payable
from refmodel.liquidation_price import Line
from refmodel.margin import is_liquidatable, requirement
from refmodel.numbers import Lots, Ppm, Quanta, floor_div
from refmodel.policy import BELOW, BINANCE, BRACKET, WHOLE, Schedule, Tier
from refmodel.ranking import Holding, Ranked, Score, comes_before, in_rank_order, score


def by_largest_remainder(amount: int, weights: tuple[int, ...]) -> tuple[int, ...]:
    """Shares rounded down; what is left goes, one each, to the largest remainders, of equal ones the last.

    The textbook method; the law does not use it.
    """
    total = sum(weights)
    shares = [floor_div(amount * weight, total) for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), -i))
    for index in order[: amount - sum(shares)]:
        shares[index] += 1
    return tuple(shares)


@refutation(
    "R-largest-remainder-is-monotone",
    rules=("NUM-5", "LOS-4"),
    claim="Shared out by largest remainders, a larger loss never costs a payer less.",
    counterexample=dict(loss=3),
)
def largest_remainder_is_monotone(loss: Quanta) -> None:
    weights = (1, 3, 3)

    # A loss of 3 takes (1, 1, 1), one of 4 takes (0, 2, 2): the first pays less of more.
    for less, more in zip(
        by_largest_remainder(loss, weights), by_largest_remainder(loss + 1, weights), strict=True
    ):
        prove(less <= more, "a larger loss costs as much or more")


@refutation(
    "R-running-totals-are-monotone",
    rules=("NUM-5", "ADL-5"),
    claim="Shared out by running totals, more lots never take fewer of a holder.",
    counterexample=dict(lots=16),
)
def running_totals_are_monotone(lots: Lots) -> None:
    holders = [Candidate(name, name, cap, cap) for name, cap in (("a", 7), ("b", 2), ("c", 14))]

    # Of 16 lots the second gives 2, of 17 lots 1.
    for less, more in zip(pro_rata(lots, holders), pro_rata(lots + 1, holders), strict=True):
        prove(less.lots <= more.lots, "more lots take as many or more of each")


@refutation(
    "R-fund-total-is-order-free",
    rules=("INS-2", "RES-1"),
    claim="What a fund pays in total does not depend on the order in which bankrupt accounts are resolved.",
    counterexample=dict(room=10),
)
def fund_total_is_order_free(room: Quanta) -> None:
    # Two accounts of two lots each, whose gaps are 7 and 5 quanta a lot.
    def paid_in_order(first: Quanta, second: Quanta) -> Quanta:
        by_first = gap_of_lots(first, 0, lots_payable(room, first, 2, 2), 2)
        by_second = gap_of_lots(second, 0, lots_payable(room - by_first, second, 2, 2), 2)
        return by_first + by_second

    # The dearer first: one lot for 7, and 3 are left over. The cheaper first: two lots for 10.
    prove(paid_in_order(14, 10) == paid_in_order(10, 14), "either order pays as much")


@refutation(
    "R-queue-cannot-be-split",
    rules=("ADL-1", "ADL-4"),
    claim="An owner cannot give fewer lots in a queue by splitting its position over two accounts.",
    counterexample=dict(lots=10),
)
def queue_cannot_be_split(lots: Lots) -> None:
    def given(holdings: dict[str, tuple[Lots, Holding]]) -> Lots:
        """How many lots the owner's accounts give together."""
        ranked = [
            Ranked(name, score(holding, BINANCE), holding.value) for name, (_, holding) in holdings.items()
        ]
        candidates = [
            Candidate(name, name, holdings[name][0], holdings[name][0]) for name in in_rank_order(ranked)
        ]
        return sum(share.lots for share in queue(lots, candidates) if share.account.startswith("owner"))

    # 10 lots worth 100 each at 5 % maintenance, against a competitor with a little less profit. Split, one
    # lot with hardly any wallet goes first, and nine with the rest of it come after the competitor: 1 lot is
    # given in place of 10. All that no longer is in front is saved, and no more (theorem E4-queue-split).
    competitor = (10, Holding(value=1_000, cost=905, wallet=50, equity=145, maintenance=50))
    alone = {"owner": (10, Holding(value=1_000, cost=900, wallet=50, equity=150, maintenance=50))}
    in_front = (1, Holding(value=100, cost=90, wallet=1, equity=11, maintenance=5))
    behind = (9, Holding(value=900, cost=810, wallet=49, equity=139, maintenance=45))
    split = {"owner-1": in_front, "owner-2": behind}

    prove(given({**split, "other": competitor}) >= given({**alone, "other": competitor}), "it gives as many")


@refutation(
    "R-largest-number-is-a-cap",
    rules=("ADL-3", "MAR-3"),
    claim="A holder that is not liquidatable after some number of lots is not after any smaller number.",
    counterexample=dict(closed=2, smaller=1),
)
def largest_number_is_a_cap(closed: Lots, smaller: Lots) -> None:
    schedule = Schedule(WHOLE, (Tier(0, 100_000), Tier(150, 400_000)))

    def is_safe(lots: Lots) -> bool:
        """3 lots worth 100 each, equity 150; each lot closed forgoes 60."""
        left = 3 - lots
        return not is_liquidatable(150 - 60 * lots, requirement(schedule, left, left * 100), BELOW)

    # After 1 lot equity is 90 and 100 are required; after 2 it is 30 and 10 are: the tier is left behind.
    prove(implies(is_safe(0) and is_safe(closed), is_safe(smaller)), "what is safe at its end is safe before")


@refutation(
    "R-admissible-lots-are-an-interval",
    rules=("ADL-3", "MAR-2", "CLO-2"),
    claim="With a requirement that is one straight line, the numbers of lots after which a holder is "
    "not liquidatable are an interval, roundings included.",
    counterexample=dict(rate=50_000, closed=3, smaller=2),
)
def admissible_lots_are_an_interval(rate: Ppm, closed: Lots, smaller: Lots) -> None:
    schedule = Schedule(BRACKET, (Tier(0, rate),))

    def is_safe(lots: Lots) -> bool:
        """3 lots worth 1 each, equity 1; 4 lots of the bankrupt account carry 2."""
        left = 3 - lots
        return not is_liquidatable(1 - gap_of_lots(2, 0, lots, 4), requirement(schedule, left, left), BELOW)

    # Two lots forgo the first quantum while one lot still requires one; the third forgoes nothing more.
    prove(implies(is_safe(0) and is_safe(closed), is_safe(smaller)), "whatever is safe is safe before")


@refutation(
    "R-profit-in-equity-ranks-higher",
    rules=("ADL-1",),
    claim="By the formula of Binance more profit never ranks lower, also where it is counted in equity.",
    counterexample=dict(profit=10, more=20),
)
def profit_in_equity_ranks_higher(profit: Quanta, more: Quanta) -> None:
    def score_at(gained: Quanta) -> Score:
        """A position worth 100 with this profit, in an account whose wallet is 5 below zero."""
        return score(Holding(100, 100 - gained, -5, gained - 5, 2), BINANCE)

    # 10 x 2 / 5 = 4 against 20 x 2 / 15 = 2.67: more profit lifts the equity that divides it by more.
    lower, higher = score_at(profit), score_at(more)
    prove(
        higher.numerator * lower.denominator >= lower.numerator * higher.denominator,
        "more profit ranks higher",
    )


@refutation(
    "R-scores-chain-without-denominators",
    rules=("ADL-2",),
    claim="Cross-multiplied scores are an order whatever the denominators.",
    counterexample=dict(numerator=0, denominator=0),
)
def scores_chain_without_denominators(numerator: int, denominator: int) -> None:
    # 1 / 1 ties with 0 / 0, and 0 / 0 with 1 / 0, so identifiers decide; but 1 / 0 is above 1 / 1.
    first = Ranked("c", Score(1, 1), 1)
    between = Ranked("d", Score(numerator, denominator), 1)
    last = Ranked("e", Score(1, 0), 1)

    prove(
        implies(comes_before(first, between) and comes_before(between, last), comes_before(first, last)),
        "what comes before comes before what comes after it",
    )


@refutation(
    "R-lots-cannot-hide-behind-a-cap",
    rules=("ADL-3", "ADL-5"),
    claim="An owner cannot give fewer lots by holding its equity apart from its position.",
    counterexample=dict(equity=1_000),
)
def lots_cannot_hide_behind_a_cap(equity: Quanta) -> None:
    def given_with(own: Quanta) -> Lots:
        """How many of 10 lots worth 100 each an account with this equity gives, at 5 % maintenance, beside a
        competitor that has plenty, when 10 lots are closed that carry 10 each."""
        cap = cap_of_line(Line(50_000, 0, 0), lots=10, lot_value=100, room=own - 1, gap=100, gap_lots=10)
        shares = pro_rata(10, [Candidate("own", "own", 10, cap), Candidate("other", "other", 10, 10)])
        return shares[0].lots

    # With all of it the account gives 5 lots. With 60 in place of 1 000 it has a cap of 1 and gives none.
    prove(given_with(60) >= given_with(equity), "it gives as many")
