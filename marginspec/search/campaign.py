"""The campaign: many short drawn histories, every invariant after every event, every rule to be reached.

Half of the histories play on the policy given, half on drawn ones; without a policy all do. The work is cut
into histories by the seed alone, so the same seed finds the same on any number of workers. What a history
breaks is shrunk and written as a trace file, which `marginspec replay` runs again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from marginspec.evidence import Evidence
from marginspec.fingerprint import code_digest
from marginspec.search.break_policy import BREAKERS
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.invariants import Violation, Watch
from marginspec.search.kept import Keeping, worked_and_kept
from marginspec.search.reach.columns import Reach, reach_of_rules
from marginspec.search.reach.examination import examine_faults, examine_number, examine_policy
from marginspec.search.reach.ladders import Outcomes, Tally, outcome_key, tally_outcomes
from marginspec.search.reach.observation import Observation, observing
from marginspec.search.reach.reasons import reasons_of_the_law
from marginspec.search.reach.waterfall import stages_of
from marginspec.search.scene import draw_scene, draw_start, narrowed
from marginspec.search.shrink import Trace, crash, shrink, story_of, write_trace
from marginspec.search.workers import Progress, Workers
from refmodel.canonical import EVENT_TYPES, LAW, TYPE_NAMES, policy_digest
from refmodel.events import Event
from refmodel.outcome import Outcome
from refmodel.policy import Policy
from refmodel.stages import STAGES_IN_ORDER
from refmodel.state import Venue, genesis
from refmodel.venue import apply

EVENTS_PER_HISTORY = 200
"""Long enough for a venue to fill and be shaken, short enough to begin anew often."""
HISTORIES_PER_CHUNK = 20
"""Histories that a worker plays between two reports."""
OBSERVED_EVERY = 3
"""Of the histories on the policy given, one in so many runs with its rules wrapped, which takes about three
times as long; of those on drawn policies all do, because what is rare happens there."""
FINDINGS_MOST = 5
"""Different claims whose histories are shrunk; more of them would say nothing new."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A history that breaks a claim, as it was played; length: of events that it would have had."""

    policy: Policy
    start: Venue | None
    events: tuple[Event, ...]
    violation: Violation
    history: int
    length: int


@dataclass(slots=True)
class Played:
    """What some histories came to; given and drawn policies apart."""

    events: int = 0
    accepted: int = 0
    histories: int = 0
    outcomes_given: Outcomes = field(default_factory=Counter)
    outcomes_drawn: Outcomes = field(default_factory=Counter)
    tally_given: Tally = field(default_factory=Counter)
    tally_drawn: Tally = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    stages_at_once: Counter[int] = field(default_factory=Counter)
    stages_given: Counter[int] = field(default_factory=Counter)
    stages_drawn: Counter[int] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: "Played") -> None:
        """Take in what other histories came to."""
        self.events += other.events
        self.accepted += other.accepted
        self.histories += other.histories
        self.outcomes_given.update(other.outcomes_given)
        self.outcomes_drawn.update(other.outcomes_drawn)
        self.tally_given.update(other.tally_given)
        self.tally_drawn.update(other.tally_drawn)
        self.reasons.update(other.reasons)
        self.stages.update(other.stages)
        self.stages_at_once.update(other.stages_at_once)
        self.stages_given.update(other.stages_given)
        self.stages_drawn.update(other.stages_drawn)
        self.findings += other.findings

    def document(self) -> dict[str, Any]:
        """As JSON, for an evidence file; of a finding, which history it is and how long."""
        counted = {
            name: sorted(([*words_of(key), count] for key, count in getattr(self, name).items()), key=str)
            for name in COUNTED
        }
        numbers = [self.events, self.accepted, self.histories]
        return {
            "numbers": numbers,
            **counted,
            "findings": [[one.history, one.length] for one in self.findings],
        }

    def note(self, outcome: Outcome) -> frozenset[str]:
        """Count the refusal and the stages of an outcome; the stages it entered."""
        self.accepted += outcome.refusal is None
        if outcome.refusal is not None:
            self.reasons[f"{outcome.refusal.rule} {outcome.refusal.reason}"] += 1
        entered = frozenset(stages_of(outcome.postings))
        if entered:
            self.stages.update(entered)
            self.stages_at_once[len(entered)] += 1
        return entered


COUNTED = (
    *("outcomes_given", "outcomes_drawn", "tally_given", "tally_drawn", "reasons", "stages"),
    *("stages_at_once", "stages_given", "stages_drawn"),
)
"""The counters of Played."""


def words_of(key: Any) -> tuple[Any, ...]:
    """The key of a counter as JSON holds it: the type of an event by its name."""
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(TYPE_NAMES.get(part, part) for part in parts)


def played_from(policy: Policy | None, seed: int, document: dict[str, Any]) -> Played:
    """What an evidence file kept of some histories; those that broke a claim are played again."""
    events, accepted, histories = document["numbers"]
    played = Played(events, accepted, histories)
    for name in COUNTED:
        for *words, count in document[name]:
            if name.startswith("outcomes"):
                key: Any = (EVENT_TYPES[words[0]], words[1])
            else:
                key = tuple(words) if len(words) > 1 else words[0]
            getattr(played, name)[key] = count
    for history, length in document["findings"]:
        played.findings += play_history(policy, seed, history, length).findings
    return played


@dataclass(frozen=True, slots=True)
class Found:
    """A violation as it is reported.

    theorem   whose claim broke
    sentence  the claim
    trace     the shrunk history
    path      of the trace file
    events_before  events of the history before it was shrunk
    """

    theorem: str
    sentence: str
    trace: Trace
    path: Path
    events_before: int

    @property
    def text(self) -> str:
        """The story, and how to run it again."""
        lengths = f"shrunk from {self.events_before:_} events to {len(self.trace.events):_}"
        head = f"{self.theorem}  {self.sentence.replace('_', ' ')}: NOT SO, {lengths}"
        return f"{head}\n{story_of(self.trace)}\n  reproduce: marginspec replay {self.path}"


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """What a campaign did and found.

    events, accepted, histories  how many were played
    reach        every rule, in both columns
    violations   shrunk, at most FINDINGS_MOST
    broken       histories that broke a claim, all of them
    refused      how often each rule refused, on both kinds of policies together
    reasons      likewise, by "rule reason"
    stages       events that entered each stage of the waterfall
    stages_at_once  events by how many stages they entered, 1 or more
    stages_given, stages_drawn  histories by how many different stages they entered, on the policy given and
                 on drawn ones
    seconds      of wall clock
    interrupted  whether it was stopped: then it did less than it was asked to, and what it did counts
    earlier      events that earlier runs had played and kept
    """

    events: int
    accepted: int
    histories: int
    seed: int
    reach: tuple[Reach, ...]
    violations: tuple[Found, ...]
    broken: int
    refused: Mapping[str, int]
    reasons: Mapping[str, int]
    stages: Mapping[str, int]
    stages_at_once: Mapping[int, int]
    stages_given: Mapping[int, int]
    stages_drawn: Mapping[int, int]
    seconds: float
    interrupted: bool
    earlier: int = 0

    @property
    def not_reached(self) -> tuple[str, ...]:
        """The rules that were seen to decide both ways nowhere."""
        return tuple(one.rule for one in self.reach if not one.reached)

    @property
    def reasons_not_met(self) -> tuple[str, ...]:
        """The reasons for which the law may refuse, and never did."""
        return tuple(reason for reason in reasons_of_the_law() if not self.reasons.get(reason))

    @property
    def stages_not_entered(self) -> tuple[str, ...]:
        """The stages of the waterfall that no event entered."""
        return tuple(stage for stage in STAGES_IN_ORDER if not self.stages.get(stage))

    @property
    def histories_of_three_stages(self) -> int:
        """Histories that entered at least three different stages."""
        return sum(
            count
            for histogram in (self.stages_given, self.stages_drawn)
            for stages, count in histogram.items()
            if stages >= 3
        )

    @property
    def ok(self) -> bool:
        """Whether nothing broke, every rule and every stage was reached and every reason was met."""
        missing = self.not_reached or self.stages_not_entered or self.reasons_not_met
        return self.broken == 0 and not missing and not self.interrupted


# ------------------------------------------------------------------------------------- one history


def play_history(policy: Policy | None, seed: int, history: int, events: int) -> Played:
    """Play one history: on the policy given if its number is even, else on one drawn for it."""
    choices = SeededChoices(f"{seed}:{history}")
    given = policy is not None and history % 2 == 0
    played = Played(histories=1)
    tally = played.tally_given if given else played.tally_drawn
    if policy is not None and given:
        used = narrowed(choices, policy)
    else:
        used = draw_policy(choices, f"drawn-{history}")
        tally.update(examine_policy(used))
        rules = tuple(BREAKERS)
        tally.update(
            examine_faults(choices, used, (rules[history // (1 if policy is None else 2) % len(rules)],))
        )
    outcomes = played.outcomes_given if given else played.outcomes_drawn
    entered = played.stages_given if given else played.stages_drawn
    if not given or history // 2 % OBSERVED_EVERY == 0:
        with observing() as observation:
            stages = play_events(used, choices, events, played, outcomes, observation, history)
        tally.update(observation.tally)
        tally.update(examine_number(choices, choices.integer(-5, 10**18)))
    else:
        stages = play_events(used, choices, events, played, outcomes, None, history)
    entered[len(stages)] += 1
    return played


def play_events(
    policy: Policy,
    choices: SeededChoices,
    events: int,
    played: Played,
    outcomes: Outcomes,
    observation: Observation | None,
    history: int,
) -> frozenset[str]:
    """Draw, apply and check events until they are all played or a claim breaks; the stages entered."""
    scene = draw_scene(choices, policy)
    start = draw_start(choices, scene)
    venue = genesis(policy) if start is None else start
    watch = Watch(venue, choices)
    told: list[Event] = []
    stages: frozenset[str] = frozenset()
    for number in range(events):
        event = draw_event(choices, venue, scene)
        told.append(event)
        if observation is not None:
            observation.on = True
        try:
            outcome = apply(venue, event)
            violation = watch.check(event, outcome)
            if violation is None and number == events - 1:
                violation = watch.check_totals()
        except Exception as error:
            violation = crash(error)
        else:
            outcomes[outcome_key(event, outcome)] += 1
            stages |= played.note(outcome)
            venue = outcome.venue
        finally:
            if observation is not None:
                observation.on = False
        played.events += 1
        if violation is not None:
            played.findings.append(Finding(policy, start, tuple(told), violation, history, events))
            break
    return stages


# ------------------------------------------------------------------------------------- many histories


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive histories: their numbers from first on, and how many events each has."""

    first: int
    lengths: tuple[int, ...]


def chunks_of(events: int) -> Iterator[Chunk]:
    """All histories of a campaign, in pieces for the workers."""
    lengths = [EVENTS_PER_HISTORY] * (events // EVENTS_PER_HISTORY)
    if events % EVENTS_PER_HISTORY:
        lengths.append(events % EVENTS_PER_HISTORY)
    for first in range(0, len(lengths), HISTORIES_PER_CHUNK):
        yield Chunk(first, tuple(lengths[first : first + HISTORIES_PER_CHUNK]))


def number_of(chunk: Chunk) -> int:
    """The number under which an evidence file keeps a chunk."""
    return chunk.first // HISTORIES_PER_CHUNK


def identity_of(policy: Policy | None, events: int, seed: int) -> dict[str, Any]:
    """What the chunks of a run depend on: an evidence file of anything else is refused."""
    return {
        "law": LAW,
        "code": code_digest(),
        "policy": "" if policy is None else policy_digest(policy),
        "events": events,
        "seed": seed,
    }


def play_chunk(policy: Policy | None, seed: int, chunk: Chunk) -> Played:
    """Play the histories of a chunk."""
    total = Played()
    for offset, events in enumerate(chunk.lengths):
        total.add(play_history(policy, seed, chunk.first + offset, events))
    return total


def run_campaign(
    policy: Policy | None,
    events: int,
    workers: Workers,
    seed: int,
    on_progress: Progress | None = None,
    on_found: Callable[[str], None] = print,
    runs: Path = Path("runs"),
    evidence: Path | None = None,
) -> CampaignReport:
    """Play histories until this many events are played, and report.

    policy       a valid policy: half of the histories play on it; None: every history draws its own
    events       how many to play, >= 1
    workers      processes, >= 1, or a cluster; the result does not depend on it
    on_progress  called after every chunk
    on_found     called with the story of every violation, shrunk
    runs         folder in which a folder of this run is made if anything is found
    evidence     file in which every chunk is kept; a run with the same file goes on where it was stopped
    Stopped by Ctrl-C it returns what was done, and says so. Errors: EvidenceError for a file of another run.
    """
    began = time.monotonic()
    total = Played()
    if policy is not None:
        total.tally_given.update(examine_policy(policy))
        total.tally_given.update(examine_faults(SeededChoices(f"{seed}:faults"), policy, BREAKERS))
    interrupted, before = False, 0
    with ExitStack() as stack:
        identity = {"search": "campaign", **identity_of(policy, events, seed)}
        kept = evidence and stack.enter_context(Evidence.open(evidence, "campaign", identity))
        keeping = Keeping(kept or None, number_of, Played.document, partial(played_from, policy, seed))
        try:
            for part, earlier in worked_and_kept(
                play_chunk, policy, seed, chunks_of(events), workers, keeping
            ):
                total.add(part)
                if earlier:
                    before = total.events
                elif on_progress is not None:
                    on_progress(total.events, events)
        except KeyboardInterrupt:
            interrupted = True
        if kept and not interrupted:
            kept.finish({"events": total.events, "broken": len(total.findings)})
    found = report_findings(total.findings, seed, runs, on_found)
    given = total.tally_given + tally_outcomes(total.outcomes_given)
    drawn = total.tally_drawn + tally_outcomes(total.outcomes_drawn)
    refused: Counter[str] = Counter()
    for outcomes in (total.outcomes_given, total.outcomes_drawn):
        for (_, rule), count in outcomes.items():
            if rule is not None:
                refused[rule] += count
    return CampaignReport(
        events=total.events,
        accepted=total.accepted,
        histories=total.histories,
        seed=seed,
        reach=reach_of_rules(given, drawn, policy),
        violations=tuple(found),
        broken=len(total.findings),
        refused=dict(sorted(refused.items())),
        reasons=dict(sorted(total.reasons.items())),
        stages={stage: total.stages[stage] for stage in STAGES_IN_ORDER},
        stages_at_once=dict(sorted(total.stages_at_once.items())),
        stages_given=dict(sorted(total.stages_given.items())),
        stages_drawn=dict(sorted(total.stages_drawn.items())),
        seconds=time.monotonic() - began,
        interrupted=interrupted,
        earlier=before,
    )


def report_findings(
    findings: list[Finding], seed: int, runs: Path, on_found: Callable[[str], None]
) -> list[Found]:
    """Shrink one history per claim that broke, the shortest, and write and tell it."""
    shortest: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda finding: (len(finding.events), finding.history)):
        shortest.setdefault(finding.violation.sentence, finding)
    folder = runs / time.strftime("%Y%m%d-%H%M%S")
    found = []
    for sentence, finding in list(shortest.items())[:FINDINGS_MOST]:
        trace = shrink(finding.policy, finding.start, finding.events, seed)
        if trace is None:
            # Only a sampled check sees it, with the choices of its own history: told as it was played.
            detail = f"{sentence.replace('_', ' ')}: not so. {finding.violation.detail}"
            trace = Trace(finding.policy, finding.start, finding.events, detail, seed)
        path = folder / f"{sentence}.json"
        write_trace(trace, path)
        one = Found(finding.violation.theorem, sentence, trace, path, len(finding.events))
        on_found(one.text)
        found.append(one)
    return found
