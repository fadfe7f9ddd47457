"""fastpath.evaluate. Goal: exactly the law on every account, whatever the number of threads.

Method: whole random venues against the law (`law` is refmodel, `fast` is fastpath.evaluate, on columns made
from the same venue); accounts at the floors of tiers and at the maxima of the domain against exact numbers.
"""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refmodel.margin as law
from fastpath import Columns, domain, evaluate, prepare_schedules
from fastpath.domain import BRACKET, PPM, SQRT, WHOLE
from proofs import worlds
from refmodel.policy import SCHEDULE_KINDS, TRIGGERS
from refmodel.state import Account, OpenOrders, Position, Venue
from tests.bench.numpy_evaluate import numpy_evaluate
from tests.bench.venue import bench_columns
from tests.evaluate_venues import RESULTS, array, biased, one_account, plain, results_of, schedules

# ------------------------------------------------------------------------------ the law's venues


def schedules_of(markets):
    """The schedules of the law's markets: floors of both sides united, a rate repeated where it has no
    step."""
    table = {"first_tier": [0], "floor": [], "initial_rate": [], "maintenance_rate": []}
    for market in markets:
        sides = {"initial_rate": market.initial, "maintenance_rate": market.maintenance}
        floors = sorted({tier.floor for side in sides.values() for tier in side.tiers})
        table["floor"] += floors
        table["first_tier"].append(len(table["floor"]))
        for name, side in sides.items():
            table[name] += [sum(t.rise for t in side.tiers if t.floor <= floor) for floor in floors]
    for side in ("initial", "maintenance"):
        table[f"{side}_kind"] = [SCHEDULE_KINDS.index(getattr(market, side).kind) for market in markets]
        table[f"{side}_base"] = [getattr(market, side).base for market in markets]
        table[f"{side}_factor"] = [getattr(market, side).factor for market in markets]
    return prepare_schedules(**table)


def columns_of(venue):
    """The columns of a venue of the law; markets by name, accounts in the venue's order."""
    names = sorted(venue.policy.markets)
    rows, firsts = [], [0]
    for account in venue.accounts.values():
        for market in sorted(law.markets_of(account.positions, account.orders)):
            position = account.positions.get(market, Position(0, 0))
            orders = account.orders.get(market, OpenOrders(0, 0))
            rows.append((names.index(market), position.size, position.cost, orders.buys, orders.sells))
        firsts.append(len(rows))
    market, size, cost, buys, sells = zip(*rows, strict=True) if rows else ((),) * 5
    return Columns(
        wallet=array([account.wallet for account in venue.accounts.values()]),
        first_position=array(firsts),
        market=array(market, np.int32),
        size=array(size),
        cost=array(cost),
        buys=array(buys),
        sells=array(sells),
        mark=array([venue.marks.get(name, 0) for name in names]),
        multiplier=array([venue.policy.markets[name].multiplier for name in names]),
        schedules=schedules_of([venue.policy.markets[name] for name in names]),
        trigger=TRIGGERS.index(venue.policy.trigger),
    )


def law_results(venue):
    found = []
    for account in venue.accounts.values():
        standing = law.standing_of(venue, account)
        status = law.status(standing, venue.policy.trigger)
        found.append((standing.equity, standing.initial, standing.maintenance, status))
    return found


@st.composite
def venues(draw):
    """Markets of every kind of schedule; accounts with notionals often at a floor or one lot beside it."""
    names = [f"m{number}" for number in range(draw(st.integers(1, 4)))]
    markets, marks = {}, {}
    for name in names:
        mark = draw(biased(1, 10**6))
        multiplier = draw(biased(1, 10**4))
        value = mark * multiplier
        most = min(domain.SIZE_MAX, domain.NOTIONAL_MAX // value)
        lots_at_floors = draw(
            st.lists(biased(1, most), max_size=draw(st.sampled_from((0, 3, 14, 30))), unique=True)
        )
        floors = [0, *sorted(lots * value for lots in lots_at_floors)]
        other_floors = (
            floors if draw(st.booleans()) else [0, *sorted(draw(st.sets(biased(1, most), max_size=3)))]
        )
        kinds = [draw(st.sampled_from(SCHEDULE_KINDS)) for _ in range(2)]
        markets[name] = worlds.market(
            multiplier,
            draw(schedules(kinds[0], floors, most)),
            draw(schedules(kinds[1], other_floors, most)),
            price_max=mark,
            size_max=most,
        )
        marks[name] = mark
    terms = worlds.policy(markets, trigger=draw(st.sampled_from(TRIGGERS)))
    accounts = {}
    for number in range(draw(st.integers(0, 6))):
        positions, orders = {}, {}
        for name in draw(st.lists(st.sampled_from(names), unique=True)):
            held, value = markets[name], marks[name] * markets[name].multiplier
            floors = [tier.floor // value for tier in held.maintenance.tiers]
            near = st.sampled_from(floors or [0]).flatmap(lambda lots: st.integers(lots - 1, lots + 1))
            lots = min(max(draw(near | biased(0, held.size_max)), 0), held.size_max)
            size = lots * draw(st.sampled_from((1, -1)))
            if size:
                cost = max(
                    -domain.COST_MAX, min(size * value + draw(st.integers(-value, value)), domain.COST_MAX)
                )
                positions[name] = Position(size, cost)
            buys = draw(biased(0, held.size_max - size)) if draw(st.booleans()) else 0
            sells = draw(biased(0, held.size_max + size)) if draw(st.booleans()) else 0
            if buys or sells:
                orders[name] = OpenOrders(buys, sells)
        accounts[f"a{number}"] = Account("owner", "cross", 0, positions, orders)
    venue = Venue(terms, 0, marks, accounts, {}, 0)
    for name, account in accounts.items():
        standing = law.standing_of(venue, account)
        edge = draw(st.sampled_from((0, standing.maintenance, standing.initial, standing.initial * 2)))
        wallet = edge - standing.equity + draw(st.integers(-1, 1))
        accounts[name] = replace(account, wallet=max(-domain.WALLET_MAX, min(wallet, domain.WALLET_MAX)))
    return venue


SEEN: set[str] = set()


@given(venue=venues(), threads=st.sampled_from((1, 2)))
def _compare_with_the_law(venue, threads):
    expected = law_results(venue)
    SEEN.update(status for *_, status in expected)
    assert results_of(evaluate(columns_of(venue), threads)) == expected


def test_every_account_of_a_venue_is_what_the_law_says():
    assert evaluate.__module__ == "fastpath.evaluate" and law.__name__ == "refmodel.margin"
    SEEN.clear()
    _compare_with_the_law()
    assert set(domain.STATUSES) == SEEN, "a status was never generated"


# ------------------------------------------------------------------------------ edges, by hand


@pytest.mark.parametrize("count", [1, 2, 4, 5, 16, 17, 64])
def test_a_tier_begins_one_quantum_above_its_floor(count):
    floors = [index * 1_000_003 for index in range(count)]
    tiers = [(floor, 1_000 * (index + 1), 500 * (index + 1)) for index, floor in enumerate(floors)]
    notionals = [max(floor + step, 0) for floor in floors for step in (-1, 0, 1)]
    rows = [(notional, 0, 0, 0) if notional == 0 else (notional, notional, 0, 0) for notional in notionals]
    found = results_of(evaluate(plain(rows, tiers=tiers, kinds=(WHOLE, BRACKET))))
    for notional, (_, initial, maintenance, _) in zip(notionals, found, strict=True):
        passed = sum(floor < notional for floor in floors)
        assert initial == -(-notional * 1_000 * passed // PPM)
        assert maintenance == -(-sum(500 * max(notional - floor, 0) for floor in floors) // PPM)


@pytest.mark.parametrize("value", [1, 7, 999_999, 10**6, 10**9 + 7])
def test_floors_between_two_numbers_of_lots_and_below_one_lot(value):
    """Several floors can lie below one lot, and many among the lots of as many binary digits."""
    floors = sorted(
        {0, 1, value - 1, value, value + 1, 2 * value, *(value * lots + 1 for lots in range(33, 63))}
    )
    tiers = [(floor, 1_000 * (index + 1), 500 * (index + 1)) for index, floor in enumerate(floors)]
    lots = [0, 1, 2, 3, *range(30, 66), 10**6]
    rows = [(size, size * value, 0, 0) for size in lots]
    found = results_of(evaluate(plain(rows, tiers=tiers, kinds=(WHOLE, BRACKET), mark=value)))
    for size, (_, initial, maintenance, _) in zip(lots, found, strict=True):
        notional = size * value
        passed = max(sum(floor < notional for floor in floors), 1)
        assert initial == -(-notional * 1_000 * passed // PPM)
        assert maintenance == -(-sum(500 * max(notional - floor, 0) for floor in floors) // PPM)


def test_open_orders_count_for_the_initial_margin_only():
    rows = [(10, 10, 5, 0), (10, 10, 0, 25), (-10, -10, 0, 5), (0, 0, 7, 9), (0, 0, 0, 0)]
    found = results_of(evaluate(plain([tuple(PPM * part for part in row) for row in rows])))
    assert [(initial, maintenance) for _, initial, maintenance, _ in found] == [
        (150_000, 50_000),
        (150_000, 50_000),
        (150_000, 50_000),
        (90_000, 0),
        (0, 0),
    ]


@pytest.mark.parametrize(
    ("trigger", "statuses"),
    [
        (0, ["bankrupt", "liquidatable", "margin_call", "margin_call", "healthy"]),
        (1, ["bankrupt", "liquidatable", "liquidatable", "margin_call", "healthy"]),
    ],
)
def test_the_first_status_that_applies_is_given(trigger, statuses):
    equities = [-1, 4_999, 5_000, 9_999, 10_000]
    rows = [(PPM, PPM - equity, 0, 0) for equity in equities]
    assert [status for *_, status in results_of(evaluate(plain(rows, trigger=trigger)))] == statuses


def test_the_largest_account_of_the_domain_is_exact():
    most, count = domain.NOTIONAL_MAX, domain.POSITIONS_MAX
    for side in (1, -1):
        columns = replace(
            one_account(
                count, size=side, cost=-side * domain.COST_MAX, mark=domain.PRICE_MAX, multiplier=10**4
            ),
            wallet=array([side * domain.WALLET_MAX]),
        )
        equity = side * (domain.WALLET_MAX + count * (most + domain.COST_MAX))
        status = "healthy" if side > 0 else "bankrupt"
        assert results_of(evaluate(columns)) == [(equity, count * most, count * most, status)]


def test_a_square_root_schedule_takes_the_lots_of_its_side():
    rows = [(10**6, 0, 0, 0), (10**6, 0, 3 * 10**6, 0)]
    found = results_of(evaluate(plain(rows, wallet=10**9, tiers=(), kinds=(SQRT, SQRT), sqrt=(100, 100))))
    assert [(initial, maintenance) for _, initial, maintenance, _ in found] == [
        (100_000, 100_000),
        (800_000, 100_000),
    ]


def test_accounts_may_have_no_rows_and_a_venue_no_accounts():
    columns = bench_columns(40)
    empty = replace(
        columns,
        wallet=array([5, -5, 0]),
        first_position=array([0, 0, 0, 0]),
        **{name: getattr(columns, name)[:0] for name in ("market", "size", "cost", "buys", "sells")},
    )
    for threads in (1, 2):
        found = results_of(evaluate(empty, threads))
        assert found == [(5, 0, 0, "flat"), (-5, 0, 0, "bankrupt"), (0, 0, 0, "flat")]
    nobody = replace(empty, wallet=array([]), first_position=array([0]))
    assert results_of(evaluate(nobody, 2)) == []


# ------------------------------------------------------------------------------ threads and memory


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_the_number_of_threads_changes_nothing(threads):
    columns = bench_columns(5_000)
    assert results_of(evaluate(columns, threads)) == results_of(evaluate(columns, 1))


def test_columns_are_read_where_they_lie_and_left_as_they_were():
    columns = bench_columns(50_000)
    names = ("wallet", "first_position", "market", "size", "cost", "buys", "sells", "mark", "multiplier")
    before = {name: getattr(columns, name).tobytes() for name in names}
    for name in names:
        getattr(columns, name).setflags(write=False)
    evaluate(columns)
    tracemalloc.start()
    result = evaluate(columns)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Beside the results: the lines of every market at its mark.
    assert most < sum(getattr(result, name).nbytes for name in RESULTS) + 400_000
    assert before == {name: getattr(columns, name).tobytes() for name in names}


def test_the_numpy_peer_of_the_bench_gives_the_same():
    columns = bench_columns(3_000)
    assert numpy_evaluate is not evaluate
    for accounts_per_chunk in (7, 4_096):
        assert results_of(numpy_evaluate(columns, accounts_per_chunk)) == results_of(evaluate(columns))


def test_prepared_schedules_cannot_be_written_to():
    prepared = schedules_of([worlds.market()])
    for name in ("initial_kind", "maintenance_kind", "maintenance_base", "initial_factor", "floors", "lines"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(prepared, name)[0] = 0
