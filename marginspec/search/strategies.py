"""Strategies: the same generators, driven by Hypothesis, so that it explores, shrinks and remembers.

For a test-suite of its own an engine's author needs no more than `histories()`: drawn policies, the venue
that a history starts from, and the events that follow, all of which the law accepts or refuses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

from marginspec.search.break_policy import draw_broken_policy
from marginspec.search.choices import PPM
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.scene import Scene, draw_scene, draw_start
from refmodel.events import Event
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
def histories(draw: st.DrawFn, policy: Policy | None = None, events_most: int = 30) -> History:
    """Short histories on the policy, drawn unless given."""
    choices = DrawnChoices(draw)
    scene = draw_scene(choices, draw_policy(choices) if policy is None else policy)
    start = draw_start(choices, scene)
    venue = genesis(scene.policy) if start is None else start
    told = []
    for _ in range(choices.integer(0, events_most)):
        event = draw_event(choices, venue, scene)
        told.append(event)
        venue = apply(venue, event).venue
    return History(scene.policy, start, tuple(told), venue)


@st.composite
def steps(draw: st.DrawFn, policy: Policy | None = None, events_most: int = 30) -> tuple[Venue, Event]:
    """A venue that a history led to, and the event that is asked of it next."""
    choices = DrawnChoices(draw)
    scene = draw_scene(choices, draw_policy(choices) if policy is None else policy)
    venue = draw_start(choices, scene) or genesis(scene.policy)
    for _ in range(choices.integer(0, events_most)):
        venue = apply(venue, draw_event(choices, venue, scene)).venue
    return venue, draw_event(choices, venue, scene)
