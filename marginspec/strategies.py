"""Hypothesis strategies: policies, venues, events, histories and crises, for the test-suite of any engine.

    from hypothesis import given
    from marginspec.strategies import histories

    @given(history=histories(events_most=20))
    def test_my_engine_refuses_what_the_law_refuses(history): ...

They are the generators that the campaign of this project searches with, driven by Hypothesis, so that it
explores, shrinks and remembers. Every size has a knob; smaller sizes draw faster and shrink better.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

from marginspec.search.break_policy import draw_broken_policy
from marginspec.search.choices import PPM, Choices
from marginspec.search.draw_events import draw_event, draw_time
from marginspec.search.draw_policy import draw_policy
from marginspec.search.draw_prices import draw_crisis, draw_mark
from marginspec.search.scene import Scene, draw_scene, draw_start, some_market
from refmodel.events import Event, Prices
from refmodel.policy import Policy
from refmodel.state import Venue, genesis
from refmodel.venue import apply

Choice = TypeVar("Choice")


class DrawnChoices:
    """The Hypothesis driver: every choice is drawn, and shrinks towards the plain one."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def pick(self, options: Sequence[Choice]) -> Choice:
        return options[self._draw(st.integers(0, len(options) - 1))]

    def chance(self, ppm: int) -> bool:
        # Hypothesis likes the ends of a range, and shrinks to its low end: both False, unless all is True.
        first = (PPM - ppm + 1) // 2
        return first <= self._draw(st.integers(0, PPM - 1)) < first + ppm


@dataclass(frozen=True, slots=True)
class History:
    """A policy, where it starts, and what happens: each event is drawn from the state before it.

    start  None is the genesis of the policy
    end    the venue after the last event
    """

    policy: Policy
    start: Venue | None
    events: tuple[Event, ...]
    end: Venue


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Valid policies of every shape that the law allows."""
    return draw_policy(DrawnChoices(draw))


@st.composite
def broken_policies(draw: st.DrawFn, rule: str) -> Policy:
    """Policies that break this POL rule and no other."""
    choices = DrawnChoices(draw)
    broken = draw_broken_policy(choices, rule, draw_policy(choices))
    if broken is None:
        # A policy without room for such a fault: let Hypothesis draw another one.
        return draw(st.nothing())
    return broken


@st.composite
def scenes(draw: st.DrawFn, policy: Policy | None = None) -> Scene:
    """A policy, drawn unless given, with the usual sizes of its markets."""
    choices = DrawnChoices(draw)
    return draw_scene(choices, draw_policy(choices) if policy is None else policy)


@st.composite
def events(draw: st.DrawFn, venue: Venue) -> Event:
    """What may be asked of a venue next: mostly admissible, else at an edge or faulty on purpose."""
    choices = DrawnChoices(draw)
    return draw_event(choices, venue, draw_scene(choices, venue.policy))


@st.composite
def histories(draw: st.DrawFn, policy: Policy | None = None, events_most: int = 30) -> History:
    """Histories on the policy, drawn unless given.

    events_most  of events; Hypothesis draws from none to so many
    """
    choices = DrawnChoices(draw)
    scene = draw_scene(choices, draw_policy(choices) if policy is None else policy)
    return _played(choices, scene, choices.integer(0, events_most))


@st.composite
def steps(draw: st.DrawFn, policy: Policy | None = None, events_most: int = 30) -> tuple[Venue, Event]:
    """A venue that a history led to, and the event that is asked of it next; knobs as of `histories`."""
    choices = DrawnChoices(draw)
    scene = draw_scene(choices, draw_policy(choices) if policy is None else policy)
    venue = _played(choices, scene, choices.integer(0, events_most)).end
    return venue, draw_event(choices, venue, scene)


@st.composite
def venues(draw: st.DrawFn, policy: Policy | None = None, events_most: int = 30) -> Venue:
    """Venues that a history led to; knobs as of `histories`."""
    return draw(histories(policy, events_most)).end


@st.composite
def crises(
    draw: st.DrawFn,
    policy: Policy | None = None,
    calm_most: int = 20,
    blows_most: int = 3,
    after_most: int = 3,
) -> History:
    """Histories that end in a crisis: trading, then marks that jump to and past where somebody's equity ends.

    calm_most   of events before the first blow
    blows_most  of price events that hit, at least one
    after_most  of events after each of them
    """
    choices = DrawnChoices(draw)
    scene = draw_scene(choices, draw_policy(choices) if policy is None else policy)
    history = _played(choices, scene, choices.integer(0, calm_most))
    told, venue = list(history.events), history.end
    for _ in range(choices.integer(1, blows_most)):
        blow = _blow(choices, venue, scene)
        told.append(blow)
        venue = apply(venue, blow).venue
        for _ in range(choices.integer(0, after_most)):
            event = draw_event(choices, venue, scene)
            told.append(event)
            venue = apply(venue, event).venue
    return History(scene.policy, history.start, tuple(told), venue)


def _played(choices: Choices, scene: Scene, count: int) -> History:
    start = draw_start(choices, scene)
    venue = genesis(scene.policy) if start is None else start
    told = []
    for _ in range(count):
        event = draw_event(choices, venue, scene)
        told.append(event)
        venue = apply(venue, event).venue
    return History(scene.policy, start, tuple(told), venue)


def _blow(choices: Choices, venue: Venue, scene: Scene) -> Event:
    time = draw_time(choices, venue)
    if len(venue.marks) > 1 and choices.chance(500_000):
        return Prices(time, draw_crisis(choices, venue, scene))
    market = some_market(choices, venue, scene)
    return Prices(
        time, {market: draw_mark(choices, venue, scene, market, choices.pick(("gap", "crash", "pennies")))}
    )
