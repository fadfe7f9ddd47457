"""The differential. Goal: fastpath.evaluate and refmodel say the same of every account, to the quantum.
Method: drawn accounts at the edges of tiers, limits and margins; the reach of the drawing is measured; a side
that is wrong by one quantum somewhere must be seen, and a side compared with itself must be refused. The
kernels of the waterfall, asked about the same accounts, likewise: each made wrong by one must be named.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastpath
from fastpath import domain, waterfall
from marginspec.policy_file import read_policy
from marginspec.search.choices import SeededChoices
from marginspec.search.differential import (
    ASKED_OF_A_BATCH,
    DIVERGENCES_MOST,
    Compared,
    add,
    compare,
    compare_batch,
    compare_kernels,
    run_differential,
)
from marginspec.search.draw_accounts import ACCOUNTS_PER_BATCH, draw_accounts
from marginspec.search.draw_policy import draw_policy
from marginspec.search.two_sides import Row, columns_of, fast, law, schedules_of
from marginspec.strategies import DrawnChoices, histories
from refmodel.margin import STATUSES, lots_at_risk, notional
from refmodel.policy import BRACKET, WHOLE, Schedule, Tier
from refmodel.state import Account, Venue, genesis
from tests.support import reaches
from tests.test_waterfall_kernels import FUNCTIONS

MINIMAL = read_policy("minimal")
BINANCE = read_policy("binance-usdm")


# ------------------------------------------------------------------------------------- both sides agree


@pytest.mark.parametrize("policy", [MINIMAL, BINANCE], ids=lambda policy: policy.name)
def test_law_and_fast_agree_on_drawn_accounts(policy) -> None:
    report = run_differential(policy, 8_000, workers=1, seed=7)
    assert report.divergences == ()
    assert report.ok and report.diverged == 0
    assert report.accounts == sum(report.statuses.values()) >= 8_000
    assert report.comparisons == report.accounts + sum(report.kernels.values())
    assert set(report.statuses) == set(STATUSES)


@given(history=histories(events_most=20))
def test_law_and_fast_agree_on_what_a_history_leads_to(history) -> None:
    compared = compare(history.end, 0, 0)
    assert compared.divergences == []
    assert compared.accounts == len(history.end.accounts)


@settings(max_examples=100)
@given(
    data=st.data(),
    wallet=st.integers(-domain.WALLET_MAX, domain.WALLET_MAX),
)
def test_law_and_fast_agree_on_one_account_that_hypothesis_draws(data: st.DataObject, wallet: int) -> None:
    choices = DrawnChoices(data.draw)
    venue = draw_accounts(choices, draw_policy(choices), accounts=1)
    account = replace(venue.accounts["a0"], wallet=wallet)
    assert compare(replace(venue, accounts={"a0": account}), 0, 0).divergences == []


CLASSES = (
    *("at a floor", "a lot above a floor", "largest size of the policy", "beyond the policy, in the domain"),
    *("orders only", "orders on both sides", "no position", "several markets", "wallet at its limit"),
    *("equity at maintenance", "equity a quantum below maintenance", "equity at initial", "equity 0"),
    *("below", "at_or_below", "bracket", "whole", "sqrt"),
)


@reaches(*CLASSES)
def test_drawn_accounts_stand_at_every_edge(reached: Callable[[str], None]) -> None:
    for number in range(40):
        choices = SeededChoices(f"edges:{number}")
        policy = draw_policy(choices)
        reached(policy.trigger)
        venue = draw_accounts(choices, policy, accounts=150)
        for row, account in zip(law(venue, tuple(venue.accounts)), venue.accounts.values(), strict=True):
            classes_of_row(row, reached)
            classes_of_account(venue, account, reached)


def classes_of_row(row: Row, reached: Callable[[str], None]) -> None:
    """Where the equity of an account stands."""
    if row.equity == 0:
        reached("equity 0")
    if row.margin_maintenance > 0 and row.equity == row.margin_maintenance:
        reached("equity at maintenance")
    if row.margin_maintenance > 0 and row.equity == row.margin_maintenance - 1:
        reached("equity a quantum below maintenance")
    if row.margin_initial > 0 and row.equity == row.margin_initial:
        reached("equity at initial")


def classes_of_account(venue: Venue, account: Account, reached: Callable[[str], None]) -> None:
    """What an account holds, and how near to where something changes."""
    if not account.positions and not account.orders:
        reached("no position")
    if len({*account.positions, *account.orders}) > 1:
        reached("several markets")
    if abs(account.wallet) == domain.WALLET_MAX:
        reached("wallet at its limit")
    for market, orders in account.orders.items():
        if market not in account.positions:
            reached("orders only")
        if orders.buys and orders.sells:
            reached("orders on both sides")
    for market, position in account.positions.items():
        terms = venue.policy.markets[market]
        of_one = venue.marks[market] * terms.multiplier
        exposure = notional(abs(position.size), venue.marks[market], terms.multiplier)
        reached(terms.maintenance.kind)
        reached(terms.initial.kind)
        orders = account.orders.get(market)
        at_risk = abs(position.size)
        if orders is not None:
            at_risk = lots_at_risk(position.size, orders.buys, orders.sells)
        if at_risk == terms.size_max:
            reached("largest size of the policy")
        if at_risk > terms.size_max:
            reached("beyond the policy, in the domain")
        for tier in terms.maintenance.tiers[1:]:
            if exposure == tier.floor:
                reached("at a floor")
            if tier.floor < exposure <= tier.floor + of_one:
                reached("a lot above a floor")


# ------------------------------------------------------------------------------------- it can fail


def one_quantum_off(venue: Venue, names: Sequence[str]) -> list[Row]:
    """A side that is wrong about the maintenance margin of every hundredth account."""
    rows = law(venue, names)
    return [
        replace(row, margin_maintenance=row.margin_maintenance + 1) if number % 100 == 3 else row
        for number, row in enumerate(rows)
    ]


def test_a_side_that_is_a_quantum_off_is_seen_on_exactly_those_accounts() -> None:
    venue = draw_accounts(SeededChoices("off"), MINIMAL)
    compared = compare(venue, 5, 9, right=one_quantum_off)
    assert compared.diverged == ACCOUNTS_PER_BATCH // 100
    assert len(compared.divergences) == min(DIVERGENCES_MOST, compared.diverged)
    first = compared.divergences[0]
    assert first.account.startswith("a3: wallet ")
    assert isinstance(first.fast, Row)
    assert first.fast.margin_maintenance == first.law.margin_maintenance + 1
    assert "seed 5, batch 9" in first.text and "law " in first.text and "fast " in first.text


def test_a_thing_is_not_compared_with_itself() -> None:
    venue = draw_accounts(SeededChoices("same"), MINIMAL, accounts=2)
    with pytest.raises(ValueError, match="the same object"):
        compare(venue, 0, 0, left=law, right=law)
    assert law is not fast
    assert "refmodel" not in fastpath.evaluate.__module__


def test_an_account_outside_the_domain_diverges_by_name() -> None:
    venue = draw_accounts(SeededChoices("outside"), MINIMAL, accounts=2)
    account = replace(venue.accounts["a1"], wallet=domain.WALLET_MAX + 1)
    compared = compare(replace(venue, accounts={**venue.accounts, "a1": account}), 0, 0)
    assert compared.diverged == 2
    assert "refused: wallet[1]" in str(compared.divergences[0].fast)


def test_the_fast_path_that_is_compared_is_the_compiled_one() -> None:
    assert fastpath.COMPILED


def answers_of_every_kernel(kernels: object) -> Compared:
    """What some batches of drawn accounts come to when these kernels are asked about them."""
    total = Compared()
    for number in range(25):
        choices = SeededChoices(f"kernels:{number}")
        venue = draw_accounts(choices, draw_policy(choices), accounts=ASKED_OF_A_BATCH)
        add(total, compare_kernels(choices, venue, 5, number, kernels))
    return total


NOT_ASKED_BY_NAME = {"product_order": "comes_before", "is_capped_sooner": "is_cut_off"}
"""Kernels that are only asked within an order or an allocation, and under what name those are counted."""
KERNELS = sorted(FUNCTIONS)


def test_every_kernel_of_the_waterfall_is_asked_and_agrees() -> None:
    compared = answers_of_every_kernel(waterfall)
    assert compared.divergences == [] and compared.diverged == 0
    assert {NOT_ASKED_BY_NAME.get(name, name) for name in KERNELS} == set(compared.kernels)
    assert min(compared.kernels.values()) >= 10


@pytest.mark.parametrize("name", sorted({*KERNELS} - {"product_order"}))
def test_a_kernel_that_is_off_by_one_is_seen_and_named(name: str) -> None:
    right = getattr(waterfall, name)

    def wrong(*arguments: int) -> int:
        answer = right(*arguments)
        return not answer if isinstance(answer, bool) else answer + 1

    compared = answers_of_every_kernel(SimpleNamespace(**{**vars(waterfall), name: wrong}))
    assert compared.diverged > 0
    assert any(one.account.startswith(NOT_ASKED_BY_NAME.get(name, name)) for one in compared.divergences)


# ------------------------------------------------------------------------------------- the run


def test_the_same_seed_and_batch_compare_the_same_on_any_number_of_workers() -> None:
    alone = run_differential(MINIMAL, 4_000, workers=1, seed=3)
    together = run_differential(MINIMAL, 4_000, workers=2, seed=3)
    assert replace(alone, seconds=0.0) == replace(together, seconds=0.0)


def test_an_interruption_keeps_what_was_compared_and_says_so() -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    report = run_differential(MINIMAL, 50_000, workers=1, seed=3, on_progress=interrupt)
    assert report.interrupted and not report.ok
    assert 0 < report.accounts < 50_000


def test_every_batch_that_is_asked_for_compares_something() -> None:
    for batch in range(8):
        assert compare_batch(MINIMAL, 1, batch).accounts > 0


# ------------------------------------------------------------------------------------- columns


def test_columns_hold_accounts_in_order_and_markets_in_that_of_the_policy() -> None:
    venue = draw_accounts(SeededChoices("columns"), BINANCE, accounts=20)
    names = tuple(reversed(venue.accounts))
    columns = columns_of(venue, names)
    assert columns.wallet.tolist() == [venue.accounts[name].wallet for name in names]
    assert columns.mark.tolist() == [venue.marks[name] for name in BINANCE.markets]
    assert columns.first_position[-1] == len(columns.market)


def test_schedules_with_other_floors_share_one_table_of_all_floors() -> None:
    initial = Schedule(WHOLE, (Tier(0, 100_000), Tier(700, 50_000)))
    maintenance = Schedule(BRACKET, (Tier(0, 40_000), Tier(300, 10_000), Tier(900, 5_000)))
    market = replace(MINIMAL.markets["BTC-PERP"], initial=initial, maintenance=maintenance)
    policy = replace(MINIMAL, markets={"BTC-PERP": market})
    schedules = schedules_of(policy)
    assert schedules.floors[:4].tolist() == [0, 300, 700, 900]
    compared = compare(draw_accounts(SeededChoices("floors"), policy), 0, 0)
    assert compared.divergences == []


def test_an_empty_venue_has_empty_columns() -> None:
    venue = genesis(MINIMAL)
    assert compare(replace(venue, accounts={}), 0, 0).accounts == 0
    assert compare(venue, 0, 0).statuses == {"flat": len(venue.accounts)}
