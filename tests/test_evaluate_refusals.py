"""Refusals of fastpath.evaluate. Goal: no result at all outside the domain, and the place of what is wrong.

Method: one row per way in which a column or a schedule can be wrong; one and several threads, which have to
agree in refusals.
"""

from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest

from fastpath import ColumnError, domain, evaluate, prepare_schedules
from fastpath.domain import BRACKET, PPM, SQRT, WHOLE
from tests.bench.numpy_evaluate import OutsideTheDomain, numpy_evaluate
from tests.bench.venue import bench_columns
from tests.evaluate_venues import array, one_account, plain, results_of

INT64 = np.iinfo(np.int64)


# ------------------------------------------------------------------------------ columns


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
        # Each is one more than the one before, as far as 64 bits can tell.
        ([0, INT64.max, INT64.min, 4], 1),
        ([3, INT64.max, INT64.min + 2, 4], 0),
        ([0, 3, INT64.min + 3, 4], 2),
        ([0, 4, INT64.max, 4], 2),
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
