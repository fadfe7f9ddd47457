# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Texts as columns: the numbers and the postings of a log that has been read as JSON.

No rule of the law is here. What a list comprehension does in a microsecond for each posting, these loops do
in a tenth of it.
"""

import numpy as np

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    DIGITS_MOST = 18
    MINUS = 45
    ZERO = 48
    NINE = 57

NOT_WHOLE = "has a number that is not written as a whole one"
TOO_LARGE = "has a number that is no whole number of 64 bits"


cdef long long whole_number(object text) except? -1:
    """A decimal text as a number. Errors: ValueError."""
    cdef Py_ssize_t size, place = 0
    cdef const char* letters = PyUnicode_AsUTF8AndSize(text, &size)
    cdef bint negative = size > 0 and letters[0] == MINUS
    cdef long long found = 0
    place = negative
    if place == size:
        raise ValueError(NOT_WHOLE)
    for place in range(place, size):
        if not ZERO <= letters[place] <= NINE:
            raise ValueError(NOT_WHOLE)
    if size - negative > DIGITS_MOST:
        # Rare, and perhaps too large: Python knows.
        try:
            return int(text)
        except (OverflowError, ValueError):
            raise ValueError(TOO_LARGE) from None
    for place in range(negative, size):
        found = 10 * found + (letters[place] - ZERO)
    return -found if negative else found


def numbers_of(texts):
    """Decimal texts as a column.

    texts    a sequence of str
    returns  int64[n]
    Errors: ValueError if one is not a whole number, or does not fit 64 bits.
    """
    cdef Py_ssize_t row
    column = np.empty(len(texts), dtype=np.int64)
    cdef long long[::1] numbers = column
    for row in range(len(texts)):
        numbers[row] = whole_number(texts[row])
    return column


def postings_as_columns(list rows_of_events, words, holders, markets):
    """The postings of some events, as spec/logs.md writes them, in columns.

    rows_of_events  of each event a list of postings; each is [words, holder, market, amount, second], and
                    the last is left out where it is 0
    words, holders, markets  mappings of texts to numbers, which know or number every text
    returns  words, holder, market int32[k]; amount, second int64[k]
    Errors: ValueError for a posting that has not 4 or 5 members, or a number as in numbers_of.
    """
    cdef Py_ssize_t count = 0, place = 0, members
    cdef list postings, posting
    for postings in rows_of_events:
        count += len(postings)
    word_column, holder_column, market_column = (np.empty(count, dtype=np.int32) for _ in range(3))
    amount_column, second_column = (np.zeros(count, dtype=np.int64) for _ in range(2))
    cdef int[::1] word = word_column, holder = holder_column, market = market_column
    cdef long long[::1] amount = amount_column, second = second_column
    for postings in rows_of_events:
        for posting in postings:
            members = len(posting)
            if not 4 <= members <= 5:
                raise ValueError("has a posting that does not have 4 or 5 members")
            word[place] = words[posting[0]]
            holder[place] = holders[posting[1]]
            market[place] = markets[posting[2]]
            amount[place] = whole_number(posting[3])
            if members == 5:
                second[place] = whole_number(posting[4])
            place += 1
    return word_column, holder_column, market_column, amount_column, second_column
