"""The shortest trace of a difference: delta debugging with the engine in the loop.

A history is played again from its start, without the events that are not needed and with plainer amounts,
as long as the same rule still differs. Only the question that showed the difference is asked. What an engine
does to other rules on the way is not looked at.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from marginspec.conform.asked import Asked
from marginspec.conform.compare import Difference
from marginspec.conform.judgement import Judgement, Row, Seen, Story
from marginspec.conform.trial import Enough, Trial
from marginspec.search.shrink import amounts_of, least, shrink_events, with_amount
from refmodel.events import Event
from refmodel.state import Venue

MISBEHAVIOURS_MOST = 3
"""An engine that hangs makes every trial as long as its time-out: then what is reached is the answer."""


def shrunk(seen: Seen, asked: Asked, seconds: float) -> Seen:
    """A difference with the shortest trace that is found in time, and both sides of its last event.

    seconds  after which nothing more is tried
    returns  the difference as it was, with the reason, if it does not show again when the history is replayed
    """
    return Shrinker(seen, asked, seconds).shortest()


class Shrinker:
    """A difference that is being shrunk."""

    def __init__(self, seen: Seen, asked: Asked, seconds: float) -> None:
        self._seen = seen
        self._asked = asked
        self._until = time.monotonic() + seconds
        self._misbehaviours = 0

    def shortest(self) -> Seen:
        """See `shrunk`."""
        story = self._seen.story
        found = self._first(story.start, story.events)
        if found is None:
            return replace(self._seen, problem="it did not show again when the same events were replayed")
        start, events = story.start, story.events[: found[0]]
        if start is not None and self._first(None, events) is not None:
            start = None

        def fails(tried: tuple[Event, ...]) -> bool:
            return self._fails(start, tried)

        events = with_equal_amounts_plainer(shrink_events(events, fails), fails)
        final = self._first(start, events, keeps_rows=True)
        if final is None:
            return replace(self._seen, problem="it shows now and then only")
        length, difference, rows = final
        problem = "there was no time to make it shorter" if self._is_late() else ""
        return Seen(
            difference,
            Story(story.policy, start, events[:length]),
            rows,
            before=len(story.events),
            problem=problem,
        )

    def _is_late(self) -> bool:
        return time.monotonic() > self._until or self._misbehaviours >= MISBEHAVIOURS_MOST

    def _fails(self, start: Venue | None, events: tuple[Event, ...]) -> bool:
        # Where it shows before the end, a shorter history shows it at its end: to look there is enough.
        return not self._is_late() and self._first(start, events, only_at=len(events)) is not None

    def _first(
        self, start: Venue | None, events: tuple[Event, ...], only_at: int = 0, keeps_rows: bool = False
    ) -> tuple[int, Difference, tuple[Row, ...]] | None:
        """The first time that the rule differs: after how many events, how, and both sides of the last.

        only_at  number of the event after which alone a question or a digest is compared; 0: after every one
        """
        wanted = self._seen.difference
        judgement = Judgement()
        trial = Trial(self._asked, judgement, only=wanted, only_at=only_at, keeps_rows=keeps_rows)
        try:
            trial.begin(self._seen.story.policy, start)
            if wanted.rule in judgement.seen:
                return 0, judgement.seen[wanted.rule].difference, tuple(trial.rows)
            for count, event in enumerate(events, start=1):
                for difference in trial.step(event):
                    if difference.rule == wanted.rule:
                        return count, difference, tuple(trial.rows)
                if trial.over:
                    return None
        except Enough:
            pass
        finally:
            self._misbehaviours += len(judgement.findings)
        return None


def with_equal_amounts_plainer(
    events: tuple[Event, ...], fails: Callable[[tuple[Event, ...]], bool]
) -> tuple[Event, ...]:
    """The history with amounts that stand in several events put more plainly in all of them at once.

    A deposit and the withdrawal of all of it, say: neither can become smaller alone.
    """
    counts = Counter(amount for event in events for amount in set(amounts_of(event).values()))
    for amount in [amount for amount, times in counts.items() if times > 1 and abs(amount) > 2]:
        put = partial(with_all, events, amount)
        events = put(least(amount, lambda smaller, put=put: fails(put(smaller))))  # type: ignore[misc]
    return events


def with_all(events: tuple[Event, ...], amount: int, smaller: int) -> tuple[Event, ...]:
    """The history with another number wherever it has this one."""
    return tuple(with_equal(event, amount, smaller) for event in events)


def with_equal(event: Event, amount: int, smaller: int) -> Event:
    """The event with another number wherever it has this one."""
    for key, found in amounts_of(event).items():
        if found == amount:
            event = with_amount(event, key, smaller)
    return event
