"""Texts of a log as columns. Goal: every number and posting is what is written, and what is not a whole
number of 64 bits is refused. Method: against Python's own numbers, and texts that are nearly numbers.
"""

import pytest
from fastpath.texts import numbers_of, postings_as_columns
from hypothesis import given
from hypothesis import strategies as st

from marginspec.audit.names import Vocabulary

INT64 = st.integers(-(2**63), 2**63 - 1)
EDGES = [0, 1, -1, 10**18 - 1, 10**18, -(10**18), 2**63 - 1, -(2**63)]


@given(st.lists(INT64 | st.sampled_from(EDGES)))
def test_numbers_are_read_as_python_reads_them(numbers):
    assert numbers_of([str(number) for number in numbers]).tolist() == numbers


def test_leading_zeros_are_read_as_python_reads_them():
    texts = ["-0", "007", "-0012", "0" * 40 + "12"]
    assert numbers_of(texts).tolist() == list(map(int, texts))


@pytest.mark.parametrize(
    "text", ["", "-", "--1", "1-2", "+1", " 1", "1 ", "1_0", "1.0", "1e3", "٣", "x", "1\0"]
)
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(ValueError, match="not written as a whole one"):
        numbers_of(["1", text])


@pytest.mark.parametrize("text", [str(2**63), str(-(2**63) - 1), "9" * 19, "9" * 5_000])
def test_what_does_not_fit_64_bits_is_refused(text):
    with pytest.raises(ValueError, match="64 bits"):
        numbers_of([text])


def test_postings_stand_in_the_columns_in_their_order():
    words, holders, markets = Vocabulary(), Vocabulary(["b"]), Vocabulary()
    first = [["wallet FEE-2", "a", "", "-5"], ["orders TRD-5", "b", "X", "136", "190"]]
    last = [["lots TRD-5", "b", "X", "7", "0"]]
    columns = postings_as_columns([first, [], last], words, holders, markets)
    assert [column.tolist() for column in columns] == [
        [0, 1, 2],
        [1, 0, 0],
        [-1, 0, 0],
        [-5, 136, 7],
        [0, 190, 0],
    ]


@pytest.mark.parametrize("posting", [[], ["wallet FEE-2", "a", ""], ["wallet FEE-2", "a", "", "1", "0", "0"]])
def test_a_posting_has_four_or_five_members(posting):
    with pytest.raises(ValueError, match="4 or 5 members"):
        postings_as_columns([[posting]], Vocabulary(), Vocabulary(), Vocabulary())


def test_no_postings_are_empty_columns():
    columns = postings_as_columns([[], []], Vocabulary(), Vocabulary(), Vocabulary())
    assert [len(column) for column in columns] == [0] * 5
