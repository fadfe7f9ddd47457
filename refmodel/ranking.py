"""Ranking (chapter 10): in which order opposite holders are deleveraged.

Rules ADL-1 and ADL-2. A score is a fraction of two whole numbers and is compared by cross multiplication, so
that the order is exact. It is worked out once, on the marks of the transition, and stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from refmodel.close_out import value_at_mark
from refmodel.margin import is_liquidatable, margin_maintenance
from refmodel.numbers import Quanta
from refmodel.policy import BINANCE, BYBIT
from refmodel.rulebook import rule
from refmodel.state import Venue, equity


@dataclass(frozen=True, slots=True)
class Holding:
    """What a ranking formula reads about an account and its position in the market, in quanta.

    value        of the position at mark, negative for a short
    cost         of the position, negative for a short
    wallet       of the account
    equity       of the account, >= 1
    maintenance  of the account, >= 1
    """

    value: Quanta
    cost: Quanta
    wallet: Quanta
    equity: Quanta
    maintenance: Quanta


@dataclass(frozen=True, slots=True)
class Score:
    """A fraction: numerator of either sign, denominator >= 1."""

    numerator: int
    denominator: int


@rule("ADL-1")
def score(holding: Holding, formula: str) -> Score:
    """How early a holder is deleveraged: the higher, the earlier.

    formula  one of RANKINGS
    returns  `binance`: max(0, profit) / max(1, wallet) x maintenance margin / equity.
             `bybit` (and BitMEX): profit rate x leverage if it is a profit, profit rate / leverage if a loss;
             profit rate = profit / |cost|, leverage = |value| / equity.
             `hyperliquid`: (mark / entry) x (notional / equity) for a long; for a short entry / mark, so that
             it rises with the profit of either side
    Exact: nothing is divided. A cost of 0 counts as 1 quantum. Source: Binance FAQ 360033525471; BitMEX
    autoDeleveraging; Hyperliquid documentation, auto-deleveraging.
    """
    profit = holding.value - holding.cost
    size = abs(holding.value)
    paid = max(abs(holding.cost), 1)
    if formula == BINANCE:
        return Score(max(profit, 0) * holding.maintenance, max(holding.wallet, 1) * holding.equity)
    if formula == BYBIT:
        if profit > 0:
            return Score(profit * size, paid * holding.equity)
        return Score(profit * holding.equity, paid * size)
    if holding.value > 0:
        return Score(size * size, paid * holding.equity)
    return Score(paid * size, size * holding.equity)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A holder in the ranking.

    notional  of its position at mark, quanta
    """

    account: str
    score: Score
    notional: Quanta

    def __lt__(self, other: "Ranked") -> bool:
        return comes_before(self, other)


@rule("ADL-2")
def comes_before(one: Ranked, other: Ranked) -> bool:
    """Whether one holder is deleveraged before another.

    returns  the higher score first; of equal scores the larger notional; of equal notionals the smaller
             identifier. Of two different accounts exactly one comes before the other
    Scores are compared by cross multiplication, which is an order only because denominators are >= 1.
    Source: ties are left open by every venue read; theorem E3.
    """
    mine = one.score.numerator * other.score.denominator
    theirs = other.score.numerator * one.score.denominator
    if mine != theirs:
        return mine > theirs
    if one.notional != other.notional:
        return one.notional > other.notional
    return one.account < other.account


def in_rank_order(holders: Iterable[Ranked]) -> tuple[str, ...]:
    """The identifiers of holders, the first to be deleveraged first."""
    return tuple(holder.account for holder in sorted(holders))


def holding_of(venue: Venue, name: str, market: str) -> Holding:
    """What the formulas read about an account that holds a position in a market."""
    account = venue.accounts[name]
    position = account.positions[market]
    return Holding(
        value=value_at_mark(venue, market, position.size),
        cost=position.cost,
        wallet=account.wallet,
        equity=equity(venue, account),
        maintenance=margin_maintenance(venue, account),
    )


def ranking(venue: Venue, market: str, side: int) -> tuple[str, ...]:
    """The eligible holders of one side of a market, the first to be deleveraged first.

    venue    the snapshot: after the marks of the transition, before anything is closed
    side     1 for the longs, -1 for the shorts
    Eligible is who is not liquidatable on the snapshot: profit only ranks, it does not admit.
    """
    holders = []
    for name, account in venue.accounts.items():
        if market not in account.positions or account.positions[market].size * side < 0:
            continue
        holding = holding_of(venue, name, market)
        if not is_liquidatable(holding.equity, holding.maintenance, venue.policy.trigger):
            rank = score(holding, venue.policy.adl_ranking)
            holders.append(Ranked(name, rank, abs(holding.value)))
    return in_rank_order(holders)
