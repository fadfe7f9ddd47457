"""Contracts of chapters 4 to 6: trading, funding, money."""

from proofs.crosshair_contracts.entries import contract
from proofs.worlds import policy
from refmodel.funding import funding_per_lot, funding_postings
from refmodel.insurance import fund_inflow
from refmodel.margin import Standing, is_liquidatable
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks
from refmodel.policy import BELOW
from refmodel.postings import sums_to_zero
from refmodel.state import Account, Pool, Position, Venue
from refmodel.trading import comes_closer, fee, fee_postings, is_admitted, realised

# No rule that is asked here looks into the market tables: they stay empty.
_POLICY = policy({})


def _holder(size: Lots) -> Account:
    """An account that holds these lots of market M and nothing else."""
    return Account("somebody", "cross", 0, {"M": Position(size, 0)}, {})


# ---------------------------------------------------------------------- chapter 4, trading


@contract(amount=1_000_001, rate=500)
def fee_rounds_up_and_a_rebate_down(amount: Quanta, rate: Ppm) -> None:
    assert amount >= 0 and -PPM <= rate <= PPM
    charged = fee(amount, rate)
    assert charged * PPM >= amount * rate
    assert (charged - 1) * PPM < amount * rate
    assert fee(amount, rate) + fee(amount, -rate) >= 0


@contract(fee_taker=10, fee_maker=-4)
def fees_are_received_exactly_as_they_are_paid(fee_taker: Quanta, fee_maker: Quanta) -> None:
    assert fee_taker >= 0 and fee_maker >= -fee_taker
    postings = fee_postings("a", "cross", "b", "cross", fee_taker, fee_maker)
    assert sums_to_zero(postings)
    paid_by_taker = -sum(posting.amount for posting in postings if posting.place.holder == "a")
    to_pool = sum(posting.amount for posting in postings if posting.place.kind == "fee_pool")
    assert paid_by_taker == fee_taker
    assert to_pool == fee_taker + fee_maker >= 0


@contract(size=3, cost=100, lots=-2, paid=-80)
def realising_does_not_change_what_equity_counts(size: Lots, cost: Quanta, lots: Lots, paid: Quanta) -> None:
    assert size != 0 and lots != 0
    profit = realised(Position(size, cost), lots, paid)
    if (size > 0) == (lots > 0):
        assert profit == 0
    elif lots == -size:
        assert profit == -(cost + paid)


@contract(size=3, cost=100, lots=-2, paid=-81)
def realised_profit_is_rounded_down_by_less_than_two_quanta(
    size: Lots, cost: Quanta, lots: Lots, paid: Quanta
) -> None:
    assert size > 0 > lots and -lots <= size
    profit = realised(Position(size, cost), lots, paid)
    exact = -(paid * size + cost * -lots)  # profit x size: all lots sold close, so the amount counts whole
    assert profit * size <= exact
    assert (profit + 2) * size > exact


@contract(size=-3, cost=-100, lots=5, paid=171)
def realised_profit_of_a_flip_is_rounded_down(size: Lots, cost: Quanta, lots: Lots, paid: Quanta) -> None:
    assert size < 0 < lots and lots > -size
    profit = realised(Position(size, cost), lots, paid)
    exact = -(paid * -size + cost * lots)  # profit x lots: of the amount, the share of the lots closed
    assert profit * lots <= exact
    assert (profit + 2) * lots > exact


@contract(before=3, after=1)
def coming_closer_to_zero_keeps_the_side(before: Lots, after: Lots) -> None:
    assert before != after
    if comes_closer(before, after):
        assert abs(after) < abs(before)
        assert after == 0 or (after > 0) == (before > 0)
        assert not comes_closer(after, before)


@contract(equity=9, initial=10, maintenance=5, equity_after=8, initial_after=6, maintenance_after=3, gain=0)
def who_is_not_liquidatable_is_not_made_so_by_an_admitted_trade(
    equity: Quanta,
    initial: Quanta,
    maintenance: Quanta,
    equity_after: Quanta,
    initial_after: Quanta,
    maintenance_after: Quanta,
    gain: Quanta,
) -> None:
    assert 0 < maintenance <= initial and 0 <= maintenance_after <= initial_after and equity >= maintenance
    before = Standing(equity, initial, maintenance)
    after = Standing(equity_after, initial_after, maintenance_after)
    if is_admitted(before, after, gain, True, BELOW):
        assert not is_liquidatable(equity_after, maintenance_after, BELOW)
        assert equity_after >= 0


@contract(equity=20, initial=10, maintenance=5, gain=3)
def an_account_is_not_lifted_by_its_own_gain(
    equity: Quanta, initial: Quanta, maintenance: Quanta, gain: Quanta
) -> None:
    assert 0 < maintenance <= initial and gain >= 0
    before = Standing(0, initial, maintenance)
    with_gain = is_admitted(before, Standing(equity + gain, initial, maintenance), gain, False, BELOW)
    without = is_admitted(before, Standing(equity, initial, maintenance), 0, False, BELOW)
    assert with_gain == without


# ----------------------------------------------------- chapters 5 and 6, funding and money


@contract(rate=-100, mark=500, multiplier=100)
def funding_per_lot_rounds_down_for_either_sign(rate: Ppm, mark: Ticks, multiplier: int) -> None:
    assert mark >= 1 and multiplier >= 1 and -PPM <= rate <= PPM
    per_lot = funding_per_lot(rate, mark, multiplier)
    exact = rate * mark * multiplier
    assert per_lot * PPM <= exact < (per_lot + 1) * PPM
    assert abs(per_lot) <= mark * multiplier


@contract(size=3, per_lot=-7)
def funding_is_received_exactly_as_it_is_paid(size: Lots, per_lot: Quanta) -> None:
    assert size > 0
    held = {"a": _holder(size), "b": _holder(-size)}
    postings = funding_postings(Venue(_POLICY, 0, {"M": 1}, held, {}, 0), "M", per_lot)
    assert sums_to_zero(postings)
    assert postings[0].amount == -per_lot * size


@contract(amount=10, bad_debt=4, fund=3)
def fund_inflow_repays_bad_debt_first_and_loses_nothing(
    amount: Quanta, bad_debt: Quanta, fund: Quanta
) -> None:
    assert amount >= 0 and bad_debt >= 0 and fund >= 0
    venue = Venue(_POLICY, 0, {}, {}, {"cross": Pool(fund=fund, bad_debt=bad_debt)}, 0)
    repaid, kept = (posting.amount for posting in fund_inflow(venue, "cross", amount))
    assert repaid >= 0 and kept >= 0 and repaid + kept == amount
    assert repaid <= bad_debt
    assert kept == 0 or repaid == bad_debt
