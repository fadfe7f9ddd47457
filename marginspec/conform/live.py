"""The live campaign: drawn histories on both sides, by two drivers.

The bulk driver draws by a seed, in this process or in several. The Hypothesis driver explores, and keeps the
histories in which something differed in its database: the next run begins with them. Both play on the policy
that is given, or on those that the engine implements, or on some that ship and on drawn ones.
"""

import itertools
import time
import unittest
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import FlakyFailure, HypothesisException

from marginspec.conform.asked import Asked, takes_policy
from marginspec.conform.engine import Hello
from marginspec.conform.judgement import FINDINGS_MOST, Judgement
from marginspec.conform.tape import TapeChoices
from marginspec.conform.trial import Enough, Trial
from marginspec.policy_file import read_policy
from marginspec.search.choices import Choices, SeededChoices
from marginspec.search.draw_edge import draw_edge, draw_shock
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.scene import draw_scene, draw_start, narrowed
from refmodel.policy import Policy

EVENTS_OF_HISTORY = 40
"""Events of a history of the bulk driver: a market opens, is traded, crashes and recovers."""
EVENTS_OF_EXAMPLE = 60
"""At most, of a history of the Hypothesis driver."""
AT_THE_EDGE = 300_000
"""Parts of a million of the histories that begin at the edge: their accounts have little more than margin."""
EVENTS_OF_EDGE = 10
"""At most, of such a history: what is there to be seen is seen soon."""
SHOCKS = 500_000
"""Parts of a million of its events that move a mark."""
LENGTHS = st.integers(4, EVENTS_OF_EXAMPLE)
TAPE_OF_EVENT = st.binary(min_size=64, max_size=64)
TAPE_OF_POLICY = st.binary(min_size=900, max_size=900)
"""What Hypothesis chooses: bytes, from which an event or a policy and its scene are drawn."""
SHIPPED = ("minimal", "hyperliquid-like", "dydx-like", "bybit-like")
"""Played on, beside drawn policies, if no policy is given."""

Progress = Callable[[int], None]
"""Called with the number of events played so far."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What histories are played on.

    policy   all of them on this one; None: on those of the engine, or on shipped and drawn ones
    """

    policy: Policy | None
    hello: Hello

    def policy_of(self, choices: Choices, history: int) -> Policy | None:
        """The policy of a history; None if the engine implements none that is known."""
        if self.policy is not None:
            return narrowed(choices, self.policy)
        if self.hello.policies is not None:
            names = known_policies(self.hello)
            return narrowed(choices, shipped_policy(names[history % len(names)])) if names else None
        if history % 2:
            return draw_policy(choices, f"drawn-{history}")
        return narrowed(choices, shipped_policy(SHIPPED[history // 2 % len(SHIPPED)]))


@cache
def shipped_policy(name: str) -> Policy:
    """A policy that ships, read once."""
    return read_policy(name)


def known_policies(hello: Hello) -> tuple[str, ...]:
    """The policies that an engine says it implements and that ship."""
    from marginspec.paths import shipped_policies

    return tuple(name for name in shipped_policies() if hello.policies is None or name in hello.policies)


# ------------------------------------------------------------------------------------- in bulk


def play_history(asked: Asked, judgement: Judgement, ground: Ground, seed_of_run: int, history: int) -> bool:
    """Play one history of the bulk driver; False if there is none that the engine could play."""
    choices = SeededChoices(f"{seed_of_run}:{history}")
    policy = ground.policy_of(choices, history)
    if policy is None:
        return False
    return play(asked, judgement, choices, policy, itertools.repeat(choices, EVENTS_OF_HISTORY))


def play(
    asked: Asked, judgement: Judgement, choices: Choices, policy: Policy, events: Iterable[Choices]
) -> bool:
    """Play a history on a policy; whether the engine took it.

    choices  of the venue that it starts from
    events   the choices of each event
    """
    scene = draw_scene(choices, policy)
    trial = Trial(asked, judgement)
    edge = draw_edge(choices, scene) if choices.chance(AT_THE_EDGE) else None
    trial.begin(policy, draw_start(choices, scene) if edge is None else edge)
    if trial.unsupported:
        judgement.counts["histories not supported"] += 1
        return False
    judgement.counts["histories"] += 1
    for chosen in events if edge is None else itertools.islice(events, EVENTS_OF_EDGE):
        if trial.over:
            break
        draw = draw_shock if edge is not None and chosen.chance(SHOCKS) else draw_event
        trial.step(draw(chosen, trial.venue, scene))
    return True


def play_bulk(
    asked: Asked,
    judgement: Judgement,
    ground: Ground,
    seed_of_run: int,
    events: int,
    on_progress: Progress = lambda done: None,
    first: int = 0,
) -> None:
    """Play histories until so many events are played. Errors: Enough.

    first  number of the first history; an engine that takes none of a hundred is asked no more
    """
    began = judgement.counts["events"]
    history, refused = first, 0
    while judgement.counts["events"] - began < events and refused < 100:
        refused = 0 if play_history(asked, judgement, ground, seed_of_run, history) else refused + 1
        history += 1
        on_progress(judgement.counts["events"] - began)


# ------------------------------------------------------------------------------------- by Hypothesis


class Done(unittest.SkipTest):
    """Enough events are played: Hypothesis passes a skipped test on at once."""


class Kept(DirectoryBasedExampleDatabase):
    """The histories that Hypothesis keeps: those in which something differed, until nothing does any more.

    ended    whether the exploration is over: the history that was played last is then nothing to keep
    differs  whether in the last one something differed, be it known already
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ended = False
        self.differs = False

    def save(self, key: bytes, value: bytes) -> None:
        """Keep a history."""
        if not self.ended:
            super().save(key, value)

    def delete(self, key: bytes, value: bytes) -> None:
        """Forget a history that fails no more; one that shows what is known already does not fail."""
        if not self.differs:
            super().delete(key, value)


class NewDifference(Exception):
    """A rule differs that did not before: Hypothesis keeps the history in its database."""


def play_hypothesis(
    asked: Asked,
    judgement: Judgement,
    ground: Ground,
    seed_of_run: int,
    events: int,
    database: Path | None = None,
    on_progress: Progress = lambda done: None,
) -> None:
    """Let Hypothesis draw histories until so many events are played. Errors: Enough.

    database  folder in which histories that differ are kept and from which they are played first
    A rule that differs for the first time ends an exploration, and the next one begins; it is then known.
    """
    began = judgement.counts["events"]
    for turn in explorations():
        left = events - (judgement.counts["events"] - began)
        known = set(judgement.differing)
        if left <= 0:
            return
        before = judgement.counts["events"]
        kept = None if database is None else Kept(database)
        explore(asked, judgement, ground, seed_of_run + turn, left, kept, known, on_progress)
        if set(judgement.differing) == known or judgement.counts["events"] == before:
            return


def explorations() -> Iterator[int]:
    """Numbers of explorations: each but the last finds at least one rule that differs."""
    return iter(range(1_000))


def explore(
    asked: Asked,
    judgement: Judgement,
    ground: Ground,
    seed_of_run: int,
    events: int,
    database: Kept | None,
    known: set[str],
    on_progress: Progress,
) -> None:
    """One exploration: ends after so many events, or with the first rule that is not known to differ."""
    began = judgement.counts["events"]
    ended: list[Enough] = []

    # The settings stand above the seed, which by itself would leave the database aside.
    @settings(
        max_examples=max(events, 1),
        deadline=None,
        derandomize=False,
        database=database,
        phases=(Phase.reuse, Phase.generate),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    @seed(seed_of_run)
    @given(st.data())
    def conforms(data: st.DataObject) -> None:
        choices = TapeChoices(data.draw(TAPE_OF_POLICY))
        policy = ground.policy_of(choices, choices.integer(0, 63))
        if policy is None:
            return
        length = data.draw(LENGTHS)
        mine = Judgement(findings=judgement.findings)
        try:
            tapes = (TapeChoices(data.draw(TAPE_OF_EVENT)) for _ in range(length))
            play(asked, mine, choices, policy, tapes)
        except Enough as enough:
            ended.append(enough)
        finally:
            mine.findings = []
            judgement.add(mine)
        if database is not None:
            database.differs = bool(mine.differing)
        if not known.issuperset(mine.differing):
            raise NewDifference
        done = judgement.counts["events"] - began
        on_progress(done)
        if done >= events or ended:
            if database is not None:
                database.ended = True
            raise Done("enough events are played")

    try:
        conforms()
    except (Done, NewDifference):
        pass
    except (FlakyFailure, HypothesisException):
        judgement.counts["not reproducible"] += 1
    if ended or len(judgement.findings) >= FINDINGS_MOST:
        raise Enough


def plays_nothing(hello: Hello, policy: Policy | None) -> str:
    """Why no history can be played with an engine, or empty."""
    if hello.policies is None:
        return ""
    if policy is not None and not takes_policy(hello, policy, shipped_policy):
        return f"the engine does not implement the policy {policy.name}"
    if policy is None and not known_policies(hello):
        return f"none of the policies that the engine implements ships: {', '.join(sorted(hello.policies))}"
    return ""


def timed(judgement: Judgement, play_all: Callable[[], None]) -> None:
    """Play, and count the milliseconds, also if it is ended."""
    began = time.monotonic()
    try:
        play_all()
    finally:
        judgement.counts["milliseconds live"] += round((time.monotonic() - began) * 1_000)
