"""What holds for all tests: how Hypothesis runs, and that the books are checked at every posting.

HYPOTHESIS_PROFILE=explore draws anew every time, more of it, and keeps what it found in .hypothesis; without
it every run draws the same.
"""

import functools
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from marginspec.search.reach.observation import WATCHED_MODULES
from refmodel import postings
from refmodel.postings import LOTS, Posting, Postings, books_gap
from refmodel.state import Venue

# A shell starts what runs in its background deaf to interruptions; tests of Ctrl-C send some to themselves.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SLOW_DRAWS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=SLOW_DRAWS)
settings.register_profile(
    "explore",
    deadline=None,
    max_examples=1_000,
    suppress_health_check=SLOW_DRAWS,
    database=DirectoryBasedExampleDatabase(".hypothesis/examples"),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


unchecked_post = postings.post
"""The law's own `post`, for benchmarks."""


def lots_totals(venue: Venue) -> Counter[str]:
    """The sum of all sizes by market: 0 in each, or rather, what it was before."""
    totals: Counter[str] = Counter()
    for account in venue.accounts.values():
        for market, position in account.positions.items():
            totals[market] += position.size
    return totals


@functools.wraps(unchecked_post)
def post_with_books(venue: Venue, entries: Postings) -> Venue:
    """`post`, and the books identity after it: money and lots balance as they did before.

    A proof posts symbols; about those the theorems speak, not the tests.
    """
    after = unchecked_post(venue, entries)
    money = lots = False
    for entry in entries:
        if isinstance(entry, Posting):
            lots = lots or entry.place.kind == LOTS
            money = money or entry.place.kind != LOTS
    if type(after.custody) is not int or not all(type(one.wallet) is int for one in after.accounts.values()):
        return after
    if money:
        assert books_gap(after) == books_gap(venue), f"the books do not balance after {entries}"
    if lots:
        before, totals = lots_totals(venue), lots_totals(after)
        assert all(totals[market] == before[market] for market in {*before, *totals}), (
            f"long and short lots differ after {entries}"
        )
    return after


def put_in_place(old: object, new: object) -> None:
    """Replace a function in every module of the law that knows it by name, and where invariants ask it."""
    for name, module in tuple(sys.modules.items()):
        if name.startswith(WATCHED_MODULES) and module is not None:
            space = vars(module)
            for key, value in tuple(space.items()):
                if value is old:
                    space[key] = new


@pytest.fixture(scope="session", autouse=True)
def books_are_checked() -> Iterator[None]:
    """Every posting of every test is followed by a look at the books."""
    put_in_place(unchecked_post, post_with_books)
    yield
    put_in_place(post_with_books, unchecked_post)


@pytest.fixture
def books_are_not_checked(books_are_checked: None) -> Iterator[None]:
    """For a test that measures time: `post` as it is."""
    put_in_place(post_with_books, unchecked_post)
    yield
    put_in_place(unchecked_post, post_with_books)
