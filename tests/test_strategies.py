"""marginspec.strategies, as another engine's test-suite uses them.

Goal: what is drawn is what the name says, within the knobs. Method: each strategy drawn with its knobs, and
what it must reach counted over a run.
"""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marginspec.policy_file import read_policy
from marginspec.strategies import crises, events, histories, policies, steps, venues
from refmodel.postings import books_gap
from refmodel.state import genesis
from refmodel.validity import faults
from refmodel.venue import apply

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
MINIMAL = read_policy("minimal")


@QUICK
@given(policy=policies())
def test_policies_are_valid(policy):
    assert not list(faults(policy))


@QUICK
@given(history=histories(MINIMAL, events_most=5))
def test_histories_keep_their_knob_and_their_end(history):
    venue = genesis(history.policy) if history.start is None else history.start
    for event in history.events:
        venue = apply(venue, event).venue
    assert len(history.events) <= 5 and history.policy == MINIMAL and venue == history.end


@QUICK
@given(drawn=st.data())
def test_events_are_drawn_for_the_venue_given(drawn):
    venue = drawn.draw(venues(MINIMAL, events_most=8))
    assert venue.policy == MINIMAL and books_gap(venue) == 0
    apply(venue, drawn.draw(events(venue)))


@QUICK
@given(step=steps(MINIMAL, events_most=3))
def test_a_step_is_answered(step):
    venue, event = step
    assert apply(venue, event).refusal is None or apply(venue, event).venue == venue


def test_crises_go_through_the_waterfall():
    stages: Counter[str] = Counter()

    @settings(QUICK, max_examples=150, derandomize=True, database=None)
    @given(history=crises(MINIMAL, calm_most=25))
    def play(history):
        venue = genesis(history.policy) if history.start is None else history.start
        for event in history.events:
            outcome = apply(venue, event)
            venue = outcome.venue
            stages.update({posting.stage for posting in outcome.postings if getattr(posting, "stage", "")})
        assert venue == history.end

    play()
    assert sum(stages.values()) >= 3, stages
