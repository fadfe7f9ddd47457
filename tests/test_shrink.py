"""Shrinking and traces. Goal: a history shrinks to what is needed, and a trace reads back as it was written.
Method: properties of amounts and histories; the committed regressions are replayed.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginspec.documents import read_trace
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_events import draw_event
from marginspec.search.scene import draw_scene
from marginspec.search.shrink import Trace, first_break, least, shrink_events, write_trace
from marginspec.strategies import histories
from refmodel.events import Deposit, Withdraw
from refmodel.state import genesis
from refmodel.venue import apply
from tests.campaign_support import MINIMAL

REGRESSIONS = Path(__file__).parent / "regressions"


@given(amount=st.integers(-(10**20), 10**20), threshold=st.integers(0, 10**20))
def test_an_amount_shrinks_to_the_least_that_works(amount: int, threshold: int) -> None:
    threshold = min(threshold, abs(amount))
    tried: list[int] = []

    def works(candidate: int) -> bool:
        tried.append(candidate)
        assert candidate * amount >= 0
        return abs(candidate) >= threshold

    assert abs(least(amount, works)) == threshold
    assert len(tried) < 80


def test_a_history_shrinks_to_what_is_needed() -> None:
    policy = MINIMAL
    needed = (Deposit(5, "a1", 700, "alice", "cross"), Withdraw(9, "a1", 500))
    events = (Deposit(1, "b", 1, "bob", "cross"), needed[0], Deposit(6, "b", 2), needed[1])

    def fails(tried: tuple[Any, ...]) -> bool:
        venue = genesis(policy)
        for event in tried:
            venue = apply(venue, event).venue
        return "a1" in venue.accounts and venue.accounts["a1"].wallet >= 150 and venue.custody < 600

    assert shrink_events(events, fails) == (Deposit(0, "a1", 150, "alice", "cross"),)


@settings(max_examples=40)
@given(history=histories(events_most=8))
def test_a_trace_reads_back_as_it_was_written(history: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("traces") / "trace.json"
    write_trace(Trace(history.policy, history.start, history.events, "A sentence.", 7), path)
    again = read_trace(path)
    assert again.policy == history.policy
    assert again.start == (genesis(history.policy) if history.start is None else history.start)
    assert (again.events, again.found, again.seed) == (history.events, "A sentence.", 7)


@pytest.mark.parametrize("path", sorted(REGRESSIONS.glob("*.json")), ids=lambda path: path.stem)
def test_a_history_that_once_broke_a_claim_breaks_none(path: Path) -> None:
    trace = read_trace(path)
    assert trace.events
    assert first_break(trace.policy, trace.start, trace.events) is None


def test_a_drawn_event_depends_on_nothing_but_choices_and_state() -> None:
    scene = draw_scene(SeededChoices("scene"), MINIMAL)
    venue = genesis(MINIMAL)
    drawn = [draw_event(SeededChoices("event"), venue, scene) for _ in range(3)]
    assert drawn[0] == drawn[1] == drawn[2]
