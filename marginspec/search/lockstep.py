"""The campaign in lock step: the law and the engine play drawn histories, as many as are asked for.

The work is cut into histories by the seed alone, so the same seed finds the same on any number of workers,
and a run with an evidence file goes on where it was stopped. What differs is shrunk and written as a trace
file, which `marginspec campaign --fast --trace` runs again in lock step.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastpath.engine import DomainError, Engine
from marginspec.errors import Flaw, InputError
from marginspec.evidence import Evidence
from marginspec.search.break_policy import BREAKERS
from marginspec.search.campaign import (
    FINDINGS_MOST,
    Chunk,
    chunks_of,
    identity_of,
    number_of,
)
from marginspec.search.choices import SeededChoices
from marginspec.search.invariants import Violation
from marginspec.search.kept import Keeping, worked_and_kept
from marginspec.search.lockstep_history import (
    Counts,
    Failed,
    Plan,
    Played,
    Told,
    note,
    play_history,
    played_from,
)
from marginspec.search.merge_events import Fails
from marginspec.search.reach.columns import Reach, reach_of_rules
from marginspec.search.reach.examination import examine_faults, examine_policy
from marginspec.search.reach.ladders import Outcomes, Tally, tally_outcomes
from marginspec.search.reach.reasons import reasons_of_the_law
from marginspec.search.shrink import Trace, shrink, shrink_events, write_trace
from marginspec.search.side_by_side import Difference, Maker, Pair, batch_differs
from marginspec.search.workers import Progress, Workers
from refmodel.canonical import EVENT_TYPES
from refmodel.events import Event
from refmodel.policy import Policy
from refmodel.stages import STAGES_IN_ORDER
from refmodel.state import Venue, genesis


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A difference, or a broken claim, as it is reported.

    found          what it is, after shrinking
    path           of the trace file
    histories      in which the same failed
    events_before  of the history before it was shrunk
    """

    found: Difference | Violation
    trace: Trace
    path: Path
    histories: int
    events_before: int


@dataclass(frozen=True, slots=True)
class LockstepReport:
    """What a run in lock step did and found.

    counts       of the whole run, what an evidence file held included
    reach        every rule, in both columns, as the observed histories show it
    shrunk       at most FINDINGS_MOST
    diverged     histories in which law and engine differed
    broken       histories in which a claim of the campaign broke
    seconds      of wall clock
    played       events of these seconds: less than all if a run went on
    interrupted  whether it was stopped: then it did less than it was asked to, and what it did counts
    """

    counts: Counts
    seed: int
    reach: tuple[Reach, ...]
    shrunk: tuple[Shrunk, ...]
    diverged: int
    broken: int
    seconds: float
    played: int
    interrupted: bool

    def by(self, *kind: str) -> dict[str, int]:
        """What was counted under a key, by the words that follow it."""
        width = len(kind)
        found = {" ".join(key[width:]): count for key, count in self.counts.items() if key[:width] == kind}
        return dict(sorted(found.items()))

    def total(self, kind: str) -> int:
        """Everything that was counted under a key."""
        return sum(self.by(kind).values())

    @property
    def not_reached(self) -> tuple[str, ...]:
        """The rules that were seen to decide both ways nowhere."""
        return tuple(one.rule for one in self.reach if not one.reached)

    @property
    def reasons_not_met(self) -> tuple[str, ...]:
        """The reasons for which the law may refuse, and the engine never did."""
        met = self.by("refused")
        return tuple(reason for reason in reasons_of_the_law() if not met.get(reason))

    @property
    def stages_not_entered(self) -> tuple[str, ...]:
        """The stages of the waterfall that no event entered."""
        entered = self.by("stage")
        return tuple(stage for stage in STAGES_IN_ORDER if not entered.get(stage))

    @property
    def ok(self) -> bool:
        """Whether nothing differed or broke, and every rule, reason and stage was reached."""
        missing = self.not_reached or self.reasons_not_met or self.stages_not_entered
        return not (self.diverged or self.broken or missing or self.interrupted)


# ------------------------------------------------------------------------------------- many histories


def play_chunk(plan: Plan, seed: int, chunk: Chunk) -> Played:
    """Play the histories of a chunk."""
    total = Played()
    for offset, length in enumerate(chunk.lengths):
        total.add(play_history(plan, seed, chunk.first + offset, length)[0])
    return total


def run_lockstep(
    policy: Policy | None,
    events: int,
    workers: Workers,
    seed: int,
    on_progress: Progress | None = None,
    on_found: Callable[[Shrunk], None] = lambda found: None,
    runs: Path = Path("runs"),
    evidence: Path | None = None,
    make: Maker = Engine.from_venue,
    stop_at_first: bool = False,
) -> LockstepReport:
    """Play histories until law and engine have both answered this many events, and report.

    policy         a valid policy: half of the histories play on it; None: every history draws its own
    events         how many to play, >= 1
    workers        processes, >= 1, or a cluster; the result does not depend on it
    on_progress    called after every chunk
    on_found       called with every difference, shrunk
    runs           folder in which a folder of this run is made if anything is found
    evidence       file in which every chunk is kept; a run with the same file goes on where it was stopped
    make           makes an engine of a venue
    stop_at_first  whether to begin nothing more once something was found
    Stopped by Ctrl-C it returns what was done, and says so. Errors: InputError for a policy outside the
    domain of the engine, EvidenceError for a file of another run.
    """
    began = time.monotonic()
    if policy is not None:
        refuse_outside(policy.name, genesis(policy), make)
    plan = Plan(policy, make)
    total = Played()
    if policy is not None:
        faults = examine_faults(SeededChoices(f"{seed}:faults"), policy, BREAKERS)
        note(total.counts, "given", examine_policy(policy) + faults)
    interrupted = False
    kept = (
        None if evidence is None else Evidence.open(evidence, "campaign", identity_of(policy, events, seed))
    )
    try:
        before = 0
        keeping = Keeping(kept, number_of, Played.document, played_from)
        try:
            for part, earlier in worked_and_kept(play_chunk, plan, seed, chunks_of(events), workers, keeping):
                total.add(part)
                if earlier:
                    before = total.counts["events",]
                elif on_progress is not None:
                    on_progress(total.counts["events",], events)
                if stop_at_first and total.failed and not earlier:
                    break
        except KeyboardInterrupt:
            interrupted = True
        seconds = time.monotonic() - began
        found = shrink_all(plan, seed, total.failed, runs, on_found)
        report = report_of(policy, seed, total, found, seconds, total.counts["events",] - before, interrupted)
        if kept is not None and not interrupted:
            kept.finish({"events": report.counts["events",], "divergences": report.diverged, "ok": report.ok})
        return report
    finally:
        if kept is not None:
            kept.close()


def refuse_outside(source: str, start: Venue, make: Maker) -> None:
    """Errors: InputError if the engine does not compute with a venue."""
    try:
        make(start)
    except DomainError as error:
        problem = f"is {error.value!r}, and the engine computes with {error.bound}."
        raise InputError(source, Flaw(error.field, problem, "Choose a number inside its domain.")) from None


def report_of(
    policy: Policy | None,
    seed: int,
    total: Played,
    found: list[Shrunk],
    seconds: float,
    played: int,
    interrupted: bool,
) -> LockstepReport:
    """What all histories came to."""
    given, drawn = (tally_of(total.counts, side) for side in ("given", "drawn"))
    broken = sum(one.what == "claim" for one in total.failed)
    return LockstepReport(
        counts=total.counts,
        seed=seed,
        reach=reach_of_rules(given, drawn, policy),
        shrunk=tuple(found),
        diverged=len(total.failed) - broken,
        broken=broken,
        seconds=seconds,
        played=played,
        interrupted=interrupted,
    )


def tally_of(counts: Counts, side: str) -> Tally:
    """How often each rule was seen to give each class of result, on one side."""
    tally: Tally = Counter()
    outcomes: Outcomes = Counter()
    for (kind, *key), count in counts.items():
        if kind == "tally" and key[0] == side:
            tally[key[1], key[2]] += count
        elif kind == "outcome" and key[0] == side:
            outcomes[EVENT_TYPES[key[1]], key[2] or None] += count
    return tally + tally_outcomes(outcomes)


# ------------------------------------------------------------------------------------- what was found


def differs(
    start: Venue, events: tuple[Event, ...], make: Maker, only: str = ""
) -> tuple[int, Difference] | None:
    """The first difference in a history and the event at which it shows; at the last, that of the batch.

    only  look no further than for this kind of difference; without it the digests are compared after every
          event, and the batch at the end
    Errors: DomainError if the start is outside the domain that the engine declares.
    """
    pair = Pair(start, make)
    for index, event in enumerate(events):
        found = pair.step(event)
        if found is None and only in ("", "digest") and not pair.declined:
            found = pair.digests_differ()
        if found is not None:
            return index, found
    found = batch_differs(start, pair.answers, make) if only in ("", "batch") else None
    return None if found is None else (len(events) - 1, found)


def shrink_difference(told: Told, seed: int, make: Maker) -> tuple[Trace, Difference] | None:
    """The shortest trace of what differs in a history; None if, played again, nothing does.

    From genesis where that shows it as well, else from the venue that the history began with.
    """

    start, events = told.start, told.events
    first = differs(genesis(told.policy) if start is None else start, events, make) if events else None
    if first is None:
        return None
    wanted = first[1]

    def first_from(begin: Venue | None, tried: tuple[Event, ...]) -> tuple[int, Difference] | None:
        return differs(genesis(told.policy) if begin is None else begin, tried, make, wanted.what)

    def fails_from(begin: Venue | None) -> Fails:
        def fails(tried: tuple[Event, ...]) -> bool:
            again = first_from(begin, tried)
            return again is not None and again[1].is_like(wanted)

        return fails

    events = events[: first[0] + 1]
    whole = (*told.opening, *events)
    if start is not None and fails_from(None)(whole):
        start, events = None, whole
    events = shrink_events(events, fails_from(start))
    index, found = first_from(start, events) or first
    sentence = f"{found.what} by {found.rule}: the law says {found.law}; the engine says {found.engine}."
    return Trace(told.policy, start, events[: index + 1], sentence, seed), found


def shrink_all(
    plan: Plan, seed: int, failed: list[Failed], runs: Path, on_found: Callable[[Shrunk], None]
) -> list[Shrunk]:
    """Draw the shortest history of each kind of failure again, shrink it, write and tell it."""
    alike: dict[tuple[str, str], list[Failed]] = {}
    for one in sorted(failed, key=lambda one: (one.hard, one.events, one.history)):
        alike.setdefault((one.what, one.rule), []).append(one)
    folder = runs / time.strftime("%Y%m%d-%H%M%S")
    found: list[Shrunk] = []
    for (what, rule), ones in list(alike.items())[:FINDINGS_MOST]:
        told = play_history(plan, seed, ones[0].history, ones[0].length)[1]
        assert told is not None, f"history {ones[0].history} failed, and did not when it was drawn again"
        trace = Trace(told.policy, told.start, told.events, str(told.found), seed)
        kind: Difference | Violation = told.found
        if isinstance(told.found, Violation):
            trace = shrink(told.policy, told.start, told.events, seed) or trace
        else:
            shorter = shrink_difference(told, seed, plan.make)
            trace, kind = shorter or (trace, told.found)
        path = folder / f"{what.replace(' ', '-')}-{rule}.json"
        write_trace(trace, path)
        found.append(Shrunk(kind, trace, path, len(ones), ones[0].events))
        on_found(found[-1])
    return found
