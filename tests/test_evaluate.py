"""fastpath.evaluate. Goal: exactly the law on every account, and no result at all outside the domain.

Method: whole random venues against the law (`law` is refmodel, `fast` is fastpath.evaluate, on columns made
from the same venue); accounts at the floors of tiers and at the maxima of the domain against exact numbers;
one row per way in which a column can be wrong; one and several threads, which have to agree in results and
in refusals.
"""

import math
import tracemalloc
from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refmodel.margin as law
from fastpath import ColumnError, Columns, domain, evaluate, prepare_schedules
from fastpath.domain import BRACKET, PPM, SQRT, WHOLE
from proofs import worlds
from refmodel.policy import SCHEDULE_KINDS, TRIGGERS, Schedule, Tier
from refmodel.state import Account, OpenOrders, Position, Venue
from tests.bench.numpy_evaluate import OutsideTheDomain, numpy_evaluate
from tests.bench.venue import bench_columns

RESULTS = ("equity", "margin_initial", "margin_maintenance", "status")
INT64 = np.iinfo(np.int64)


def array(values, kind=np.int64):
    return np.array(values, dtype=kind)


def results_of(evaluation):
    """Per account (equity, initial, maintenance, name of the status), as Python values."""
    columns = [getattr(evaluation, name).tolist() for name in RESULTS]
    columns[3] = [domain.STATUSES[code] for code in columns[3]]
    return list(zip(*columns, strict=True))


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


def biased(least, most):
    """Whole numbers of every magnitude, and the ends."""
    magnitudes = st.integers(0, most.bit_length()).flatmap(lambda bits: st.integers(0, (1 << bits) - 1))
    return st.sampled_from((least, most)) | magnitudes.map(lambda number: min(max(number, least), most))


@st.composite
def schedules(draw, kind, floors, most_lots):
    if kind == "sqrt":
        factor_most = min(domain.RATE_MAX, math.isqrt(domain.SQUARE_MAX // most_lots))
        return Schedule(kind, (), draw(biased(1, domain.RATE_MAX)), draw(biased(0, factor_most)))
    rates = sorted(draw(biased(1, domain.RATE_MAX)) for _ in floors)
    rises = [rate - below for rate, below in zip(rates, [0, *rates], strict=False)]
    return Schedule(kind, tuple(Tier(floor, rise) for floor, rise in zip(floors, rises, strict=True)))


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


def plain(
    rows, wallet=0, tiers=((0, 10_000, 5_000),), kinds=(BRACKET, BRACKET), mark=1, sqrt=(0, 0), trigger=0
):
    """One market, one account per row (size, cost, buys, sells); tiers as (floor, two rates)."""
    floor, initial_rate, maintenance_rate = zip(*tiers, strict=True) if tiers else ((), (), ())
    size, cost, buys, sells = (array(column) for column in zip(*rows, strict=True))
    return Columns(
        wallet=array([wallet] * len(rows)),
        first_position=np.arange(len(rows) + 1, dtype=np.int64),
        market=array([0] * len(rows), np.int32),
        size=size,
        cost=cost,
        buys=buys,
        sells=sells,
        mark=array([mark]),
        multiplier=array([1]),
        schedules=prepare_schedules(
            initial_kind=[kinds[0]],
            maintenance_kind=[kinds[1]],
            first_tier=[0, len(tiers)],
            floor=floor,
            initial_rate=initial_rate,
            maintenance_rate=maintenance_rate,
            initial_base=[sqrt[0]],
            maintenance_base=[sqrt[0]],
            initial_factor=[sqrt[1]],
            maintenance_factor=[sqrt[1]],
        ),
        trigger=trigger,
    )


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


def one_account(count, size=1, cost=0, mark=1, multiplier=1):
    """An account with a position in each of `count` markets, at 100 % margin."""
    full = dict.fromkeys(("initial_rate", "maintenance_rate"), [domain.RATE_MAX] * count)
    zeros = [0] * count
    return Columns(
        wallet=array([0]),
        first_position=array([0, count]),
        market=np.arange(count, dtype=np.int32),
        size=array([size] * count),
        cost=array([cost] * count),
        buys=array(zeros),
        sells=array(zeros),
        mark=array([mark] * count),
        multiplier=array([multiplier] * count),
        schedules=prepare_schedules(
            initial_kind=[WHOLE] * count,
            maintenance_kind=[BRACKET] * count,
            first_tier=range(count + 1),
            floor=zeros,
            **full,
            initial_base=zeros,
            maintenance_base=zeros,
            initial_factor=zeros,
            maintenance_factor=zeros,
        ),
    )


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
    assert most < sum(getattr(result, name).nbytes for name in RESULTS) + 200_000
    assert before == {name: getattr(columns, name).tobytes() for name in names}


def test_the_numpy_peer_of_the_bench_gives_the_same():
    columns = bench_columns(3_000)
    assert numpy_evaluate is not evaluate
    for accounts_per_chunk in (7, 4_096):
        assert results_of(numpy_evaluate(columns, accounts_per_chunk)) == results_of(evaluate(columns))


# ------------------------------------------------------------------------------ refusals


def changed(columns, column, row, value):
    """The same columns with one value changed."""
    copy = getattr(columns, column).copy()
    copy[row] = value
    return replace(columns, **{column: copy})


BEYOND = [
    ("wallet", domain.WALLET_MAX + 1),
    ("wallet", -domain.WALLET_MAX - 1),
    ("wallet", INT64.max),
    ("wallet", INT64.min),
    ("market", -1),
    ("market", 300),
    ("market", np.iinfo(np.int32).max),
    ("market", np.iinfo(np.int32).min),
    ("size", domain.SIZE_MAX + 1),
    ("size", -domain.SIZE_MAX - 1),
    ("size", INT64.max),
    ("size", INT64.min),
    ("cost", domain.COST_MAX + 1),
    ("cost", -domain.COST_MAX - 1),
    ("cost", INT64.max),
    ("cost", INT64.min),
    ("buys", -1),
    ("buys", domain.ORDERS_MAX + 1),
    ("buys", INT64.max),
    ("buys", INT64.min),
    ("sells", -1),
    ("sells", domain.ORDERS_MAX + 1),
    ("sells", INT64.max),
    ("sells", INT64.min),
]


@pytest.mark.parametrize(("column", "value"), BEYOND)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_value_outside_the_domain_is_refused_with_its_place(column, value, place):
    columns = bench_columns(700)
    row = {"first": 0, "middle": 1_234 if column != "wallet" else 345, "last": -1}[place]
    row %= len(getattr(columns, column))
    wrong = changed(columns, column, row, value)
    for threads in (1, 3):
        with pytest.raises(ColumnError) as refused:
            evaluate(wrong, threads)
        assert (refused.value.column, refused.value.row) == (column, row)
        assert f"{column}[{row}] is {value}; it must be " in str(refused.value)
    with pytest.raises(OutsideTheDomain):
        numpy_evaluate(wrong)


def test_the_first_of_several_faults_is_named_whatever_the_threads():
    columns = bench_columns(5_000)
    wrong = changed(changed(columns, "cost", 15_000, INT64.max), "buys", 3_000, -1)
    for threads in (1, 2, 5):
        with pytest.raises(ColumnError) as refused:
            evaluate(wrong, threads)
        assert (refused.value.column, refused.value.row) == ("buys", 3_000)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ((0, 5, 0, 0), "cost"),
        ((domain.SIZE_MAX, 0, 1, 0), "size"),
        ((-domain.SIZE_MAX, 0, 0, 1), "size"),
        ((0, 0, domain.SIZE_MAX + 1, 0), "size"),
    ],
)
def test_values_that_do_not_go_together_are_refused(row, fault):
    with pytest.raises(ColumnError) as refused:
        evaluate(plain([(1, 0, 0, 0), row]))
    assert (refused.value.column, refused.value.row) == (fault, 1)


def test_the_edges_themselves_are_accepted():
    most = domain.SIZE_MAX
    rows = [(most, 0, 0, 2 * most), (-most, 0, 2 * most, 0), (most, 0, 0, 0), (0, 0, most, most)]
    assert [row[1] for row in results_of(evaluate(plain(rows)))] == [most * 10_000 // PPM] * 4


@pytest.mark.parametrize("mark", [10**4, 10**5, 7 * 10**11])
def test_a_notional_beyond_the_domain_is_refused(mark):
    most = min(domain.SIZE_MAX, domain.NOTIONAL_MAX // mark)
    evaluate(plain([(most, 0, 0, 0), (-most, 0, 0, 0), (0, 0, most, 0)], mark=mark))
    for row in ((most + 1, 0, 0, 0), (-most - 1, 0, 0, 0), (0, 0, 0, most + 1)):
        with pytest.raises(ColumnError, match=rf"size\[0\].* (at most|to) {most}"):
            evaluate(plain([row], mark=mark))


def test_lots_whose_square_root_rate_exceeds_one_are_refused():
    most = domain.SQUARE_MAX // 1_000**2
    columns = plain([(most, 0, 0, 0)], tiers=(), kinds=(SQRT, SQRT), sqrt=(0, 1_000))
    assert results_of(evaluate(columns))[0][1] == most
    with pytest.raises(ColumnError, match=f"at most {most} lots at risk"):
        evaluate(replace(columns, size=array([most + 1])))


def test_nobody_may_have_a_row_in_a_market_without_a_mark():
    assert evaluate(plain([(0, 0, 0, 0)], mark=0)).margin_initial.tolist() == [0]
    for row in ((1, 0, 0, 0), (0, 0, 0, 1)):
        with pytest.raises(ColumnError, match="at most 0 lots at risk in market 0"):
            evaluate(plain([row], mark=0))


@pytest.mark.parametrize(
    ("column", "value", "bound"),
    [
        ("mark", -1, "0 to 1000000000000"),
        ("mark", domain.PRICE_MAX + 1, "0 to 1000000000000"),
        ("multiplier", 0, "1 to 1000000000"),
        ("multiplier", domain.MULTIPLIER_MAX + 1, "1 to 1000000000"),
    ],
)
def test_a_market_outside_the_domain_is_refused(column, value, bound):
    columns = replace(bench_columns(20), multiplier=np.ones(300, dtype=np.int64))
    with pytest.raises(ColumnError, match=rf"{column}\[17\] is {value}; it must be {bound}"):
        evaluate(changed(columns, column, 17, value))


def test_a_lot_worth_more_than_the_domain_is_refused():
    columns = plain([(0, 0, 0, 0)], mark=domain.PRICE_MAX)
    with pytest.raises(ColumnError, match=r"mark\[0\] is 1000000000000; it must be 0 to 999900009999"):
        evaluate(replace(columns, multiplier=array([10_001])))


@pytest.mark.parametrize(
    ("markets", "row"),
    [([0, 2, 2], 2), ([3, 2, 1], 1), ([0, 1, 0], 2)],
)
def test_rows_of_an_account_stand_in_ascending_order_of_markets(markets, row):
    columns = replace(one_account(4), first_position=array([0, 0, 3, 4]), wallet=array([0, 0, 0]))
    wrong = replace(columns, market=array([*markets, 0], np.int32))
    with pytest.raises(ColumnError, match=rf"market\[{row}\]"):
        evaluate(wrong)
    evaluate(replace(columns, market=array([0, 2, 3, 0], np.int32)))
    evaluate(replace(columns, market=array([0, 2, 3, 3], np.int32)))


@pytest.mark.parametrize(
    ("first_position", "row"),
    [
        ([1, 2, 4], 0),
        ([-1, 2, 4], 0),
        ([0, 2, 3], 2),
        ([0, 2, 5], 2),
        ([0, 5, 4], 1),
        ([0, -1, 4], 1),
        ([0, INT64.max, 4], 1),
        ([0, INT64.min, 4], 1),
        ([0, 3, 2, 4], 2),
    ],
)
def test_positions_divided_wrongly_are_refused(first_position, row):
    columns = replace(
        one_account(4),
        first_position=array(first_position),
        wallet=array([0] * (len(first_position) - 1)),
    )
    for threads in (1, 2):
        with pytest.raises(ColumnError, match=rf"first_position\[{row}\]"):
            evaluate(columns, threads)


def test_an_account_with_too_many_positions_is_refused():
    with pytest.raises(ColumnError, match=r"first_position\[1\] is 257; it must be 0 to 256"):
        evaluate(one_account(domain.POSITIONS_MAX + 1))


VECTORS = ("wallet", "first_position", "market", "size", "cost", "buys", "sells", "mark", "multiplier")


@pytest.mark.parametrize("column", VECTORS)
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda good: good.tolist(), "a numpy array"),
        (lambda good: good.astype(np.float64), "of type int"),
        (lambda good: good.astype(np.int16), "of type int"),
        (lambda good: good.astype(np.uint64), "of type int"),
        (lambda good: good.astype(good.dtype.newbyteorder()), "of type int"),
        (lambda good: good.reshape(1, -1), "of one dimension"),
        (lambda good: np.repeat(good, 2)[::2], "contiguous"),
        (lambda good: np.append(good, good[-1:]), "long"),
    ],
    ids=["list", "float64", "int16", "uint64", "byte order", "two dimensions", "strided", "longer"],
)
def test_a_column_that_cannot_be_read_as_it_lies_is_refused(column, wrong, words):
    columns = bench_columns(30)
    with pytest.raises(ColumnError) as refused:
        evaluate(replace(columns, **{column: wrong(getattr(columns, column))}))
    assert words in str(refused.value)
    assert refused.value.row is None or refused.value.column == "first_position"


def test_an_unaligned_column_is_refused():
    columns = bench_columns(30)
    shifted = np.zeros(columns.wallet.nbytes + 1, dtype=np.uint8)[1:].view(np.int64)
    with pytest.raises(ColumnError, match="aligned"):
        evaluate(replace(columns, wallet=shifted))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trigger": 2}, "trigger is 2; it must be 0 or 1"),
        ({"trigger": True}, "trigger is True"),
        ({"schedules": None}, "schedules is NoneType"),
    ],
)
def test_other_wrong_parts_are_refused(change, message):
    with pytest.raises(ColumnError, match=message):
        evaluate(replace(bench_columns(3), **change))


def test_schedules_are_those_of_the_markets():
    with pytest.raises(ColumnError, match="schedules is of 4 markets; it must be of 300 markets"):
        evaluate(replace(bench_columns(3), schedules=one_account(4).schedules))


@pytest.mark.parametrize("threads", [0, -1, 1.0, True, None])
def test_threads_is_a_positive_whole_number(threads):
    with pytest.raises(ValueError, match="threads"):
        evaluate(bench_columns(3), threads)


# ------------------------------------------------------------------------------ schedules


GOOD = {
    "initial_kind": [WHOLE, SQRT],
    "maintenance_kind": [BRACKET, SQRT],
    "first_tier": [0, 2, 2],
    "floor": [0, 10],
    "initial_rate": [10, 20],
    "maintenance_rate": [5, 5],
    "initial_base": [0, 9],
    "maintenance_base": [0, 9],
    "initial_factor": [0, 9],
    "maintenance_factor": [0, 9],
}


@pytest.mark.parametrize(
    ("column", "values", "place"),
    [
        ("initial_kind", [WHOLE, 3], "initial_kind[1]"),
        ("maintenance_kind", [-1, SQRT], "maintenance_kind[0]"),
        ("initial_kind", [WHOLE], "is of length"),
        ("first_tier", [1, 2, 2], "first_tier[0]"),
        ("first_tier", [0, 2, 1], "first_tier[2]"),
        ("first_tier", [0, 2, 3], "first_tier[2]"),
        ("first_tier", [0, 0, 2], "first_tier[0] is 0 tiers; it must be 1 to 64 tiers"),
        ("first_tier", [0, 1, 2], "first_tier[1] is 1 tiers; it must be 0 to 0 tiers"),
        ("floor", [1, 10], "floor[0]"),
        ("floor", [0, 0], "floor[1]"),
        ("floor", [0, domain.NOTIONAL_MAX + 1], "floor[1]"),
        ("floor", [0, 10.0], "floor[1] is 10.0; it must be a whole number"),
        ("floor", [0, True], "floor[1] is True; it must be a whole number"),
        ("initial_rate", [10, 9], "initial_rate[1]"),
        ("initial_rate", [-1, 9], "initial_rate[0]"),
        ("maintenance_rate", [5, domain.RATE_MAX + 1], "maintenance_rate[1]"),
        ("maintenance_rate", [5], "maintenance_rate is of length 1"),
        ("initial_base", [0, domain.RATE_MAX + 1], "initial_base[1]"),
        ("maintenance_factor", [0, -1], "maintenance_factor[1]"),
    ],
)
def test_schedules_that_are_none_are_refused(column, values, place):
    prepare_schedules(**GOOD)
    with pytest.raises(ColumnError) as refused:
        prepare_schedules(**{**GOOD, column: values})
    assert place in str(refused.value)


def test_a_schedule_of_too_many_tiers_is_refused():
    count = domain.TIERS_MAX + 1
    with pytest.raises(ColumnError, match="65 tiers; it must be 1 to 64 tiers"):
        plain([(0, 0, 0, 0)], tiers=[(floor, 1, 1) for floor in range(count)])


def test_amounts_of_the_largest_schedule_are_exact():
    floors = [0, *accumulate([domain.NOTIONAL_MAX // domain.TIERS_MAX] * (domain.TIERS_MAX - 1))]
    rates = [domain.RATE_MAX * (tier + 1) // domain.TIERS_MAX for tier in range(domain.TIERS_MAX)]
    tiers = list(zip(floors, rates, rates, strict=True))
    size = domain.SIZE_MAX
    found = results_of(evaluate(plain([(size, 0, 0, 0)], tiers=tiers, mark=domain.NOTIONAL_MAX // size)))
    rises = [rate - below for rate, below in zip(rates, [0, *rates], strict=False)]
    numerator = sum(rise * (domain.NOTIONAL_MAX - floor) for rise, floor in zip(rises, floors, strict=True))
    assert found[0][1:3] == (-(-numerator // PPM),) * 2
