"""Claims about liquidation that were believed and are false, each with the values at which it fails."""

from proofs.registry import assume, prove, refutation
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import bankruptcy_price
from refmodel.liquidation import liquidation_penalty
from refmodel.margin import bracket_margin, is_liquidatable, notional
from refmodel.numbers import Lots, Ppm, Quanta, Ticks, ceil_div
from refmodel.policy import BELOW, BRACKET, Schedule, Tier
from refmodel.state import Account, Venue, equity


def one_position(wallet: Quanta, size: Lots, cost: Quanta, mark: Ticks, rate: Ppm) -> tuple[Venue, Account]:
    """A venue with one account that holds one position, and its maintenance rate."""
    account = holder(wallet, size, cost)
    terms = policy({MARKET: market(maintenance=Schedule(BRACKET, (Tier(0, rate),)), price_max=10**9)})
    return venue(terms, {"a": account}, mark), account


@refutation(
    "D3-bankruptcy-price-suffices",
    rules=("LIQ-4", "LIQ-3", "CLO-5"),
    claim="A fill at or better than the bankruptcy price, whose penalty is paid out of the equity left, does "
    "not leave an account weaker.",
    counterexample=dict(lots=10, mark=10_000_000, equity_before=499_999, closed=5, price=10_049_875),
)
def bankruptcy_price_is_good_enough(
    lots: Lots, mark: Ticks, equity_before: Quanta, closed: Lots, price: Ticks
) -> None:
    # 10 lots short, a margin of 0.5 %, a penalty of 0.25 %: a shortfall of 1 quantum becomes 125,000.
    tiers = (Tier(0, 5_000),)
    at_mark, account = one_position(equity_before, -lots, -lots * mark, mark, 5_000)
    worst = bankruptcy_price(at_mark, account, MARKET)
    assume(worst is not None and price <= worst, guard="CLO-5")
    shortfall = bracket_margin(notional(lots, mark, 1), tiers) - equity_before

    left = equity_before - closed * (price - mark)
    penalty = liquidation_penalty(notional(closed, price, 1), 2_500, left)
    shortfall_after = bracket_margin(notional(lots - closed, mark, 1), tiers) - (left - penalty)

    assert (shortfall, shortfall_after) == (1, 125_000)
    prove(left - penalty >= 0, "equity stays at 0 or above")
    prove(shortfall_after <= shortfall, "the shortfall does not grow")


@refutation(
    "D4-rounded-least",
    rules=("RST-2", "LIQ-3", "MAR-2"),
    claim="If all lots are enough after rounding and one lot less is not, then no smaller number is.",
    counterexample=dict(lots=1_003, mark=2, equity_before=2, fewer=953),
)
def rounded_amounts_have_one_least_number(
    lots: Lots, mark: Ticks, equity_before: Quanta, fewer: Lots
) -> None:
    def is_out(closed: Lots) -> bool:
        charged = liquidation_penalty(notional(closed, mark, 1), 500, equity_before)
        maintenance = bracket_margin(notional(lots - closed, mark, 1), (Tier(0, 10_000),))
        return not is_liquidatable(equity_before - charged, maintenance, BELOW)

    # A margin of 1 % and a penalty of 0.05 %, each rounded up by itself; so the law asks on exact numerators.
    assume(is_out(lots) and not is_out(lots - 1), guard="RST-2")
    prove(not is_out(fewer), "no smaller number is enough")


@refutation(
    "D5-always-a-bankruptcy-price",
    rules=("CLO-5",),
    claim="Every position has a bankruptcy price of at least one tick.",
    counterexample=dict(lots=5, mark=10, equity_before=-60),
)
def every_position_has_a_bankruptcy_price(lots: Lots, mark: Ticks, equity_before: Quanta) -> None:
    at_mark, account = one_position(equity_before, -lots, -lots * mark, mark, 5_000)

    # Nothing that is sold for more than 0 is cheap enough for this short.
    prove(
        bankruptcy_price(at_mark, account, MARKET) is not None, "there is a price at which it may be closed"
    )


@refutation(
    "E3-least-tear-up",
    rules=("CLO-5", "RES-2", "MAR-9"),
    claim="The least lots, closed at the bankruptcy price, that bring equity to 0 or above are enough: what "
    "is left of the position may stay open.",
    counterexample=dict(lots=2, mark=1, equity_before=-1),
)
def least_lots_to_zero_are_enough(lots: Lots, mark: Ticks, equity_before: Quanta) -> None:
    at_mark, account = one_position(lots * mark + equity_before, lots, 2 * lots * mark, mark, 5_000)
    price = bankruptcy_price(at_mark, account, MARKET)
    assert price is not None
    assert equity(at_mark, account) == equity_before

    closed = ceil_div(-equity_before, price - mark)
    left = equity_before + closed * (price - mark)
    maintenance = bracket_margin(notional(lots - closed, mark, 1), (Tier(0, 5_000),))

    # One lot at 2 brings equity to 0, and one lot at 1 is left, with a margin of 1 quantum.
    prove(left >= 0, "equity is at 0 or above")
    prove(not is_liquidatable(left, maintenance, BELOW), "and the account is out of liquidation")
