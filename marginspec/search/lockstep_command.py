"""What `marginspec campaign --fast` runs and prints: the law and the engine in lock step."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from fastpath.engine import Engine
from marginspec.documents import Trace
from marginspec.errors import BROKEN, HELD, INTERRUPTED, UNDECIDED
from marginspec.fast import plain_postings
from marginspec.paths import runs_folder
from marginspec.screen import aligned, grouped, progress, say
from marginspec.search.invariants import Violation
from marginspec.search.lockstep import LockstepReport, Shrunk, differs, refuse_outside, run_lockstep
from marginspec.search.reach.reasons import reasons_of_the_law
from marginspec.search.shrink import story_of
from marginspec.search.side_by_side import Difference, Maker, Pair, answer_of, posting_in_words, said
from marginspec.search.workers import Workers, in_words
from marginspec.story import tell
from refmodel.events import Event
from refmodel.policy import Policy
from refmodel.stages import STAGES_IN_ORDER
from refmodel.state import Venue, genesis
from refmodel.venue import apply

Told = tuple[int, dict[str, Any]]


# ------------------------------------------------------------------------------------- drawn histories


def lockstep(
    policy: Policy | None,
    events: int,
    workers: Workers,
    seed: int,
    evidence: Path | None = None,
    make: Maker = Engine.from_venue,
) -> Told:
    """Play drawn histories in lock step and say what came of it.

    policy    half of the histories play on it; None: every history draws its own
    evidence  file that keeps what was done, so that the same command goes on after it was stopped
    make      makes an engine of a venue
    returns   the exit code, and the facts for --json
    """
    name = "drawn policies" if policy is None else f"{policy.name} and drawn policies, half each"
    say(f"seed {seed}: {grouped(events)} events on {name}, law and engine in lock step, {in_words(workers)}")
    with progress("lock step", events) as advance:
        found = run_lockstep(
            policy,
            events,
            workers,
            seed,
            lambda done, total: advance(done, f"{done:_} of {total:_} events"),
            on_found=lambda one: say(found_in_words(one, make)),
            runs=runs_folder(),
            evidence=evidence,
            make=make,
        )
    say("\n".join(lines_of(found)))
    return code_of(found), facts_of(found)


def code_of(found: LockstepReport) -> int:
    """0 all held, 1 something differed or a claim broke, 3 something was not reached, 130 interrupted."""
    if found.diverged or found.broken:
        return BROKEN
    if found.interrupted:
        return INTERRUPTED
    return HELD if found.ok else UNDECIDED


def lines_of(found: LockstepReport) -> list[str]:
    """A run in lines: what was played and compared, what differed, what was reached, who refused what."""
    events = found.total("events")
    compared = found.by("compared")
    reasons = len(reasons_of_the_law())
    earlier = events - found.played
    rate = f"{grouped(per_second(found))} events/s"
    lines = [
        f"  events       {grouped(events)} in {grouped(found.total('histories'))} histories, "
        f"{found.total('accepted') * 100 // max(events, 1)} % accepted, {found.seconds:.0f} s, {rate}"
        + (f"; {grouped(earlier)} of them by earlier runs" if earlier else ""),
        f"  divergences  {found.diverged} histories differ, {found.broken} broke a claim of the law",
        "  compared     " + ", ".join(f"{grouped(compared[what])} {what}" for what in sorted(compared)),
        f"  rules        {sum(one.reached for one in found.reach)} of {len(found.reach)} seen to decide both "
        f"ways in the {grouped(found.total('observed'))} events that were observed",
        f"  refusals     {reasons - len(found.reasons_not_met)} of {reasons} reasons given by the engine",
        f"  waterfall    {len(STAGES_IN_ORDER) - len(found.stages_not_entered)} of {len(STAGES_IN_ORDER)} "
        "stages entered",
        f"  declined     {grouped(found.total('declined'))} more events, outside the engine's domain"
        + declined_in_words(found),
        "",
        aligned(("the engine refused by", "times"), refusal_rows(found), right=(1,)),
    ]
    missing = [f"NOT REACHED  {rule}: not seen to decide both ways" for rule in found.not_reached]
    missing += [f"NOT REACHED  stage {stage}" for stage in found.stages_not_entered]
    missing += [f"NOT REACHED  refusal {reason}" for reason in found.reasons_not_met]
    if missing and not found.interrupted:
        missing.append("  More events, or another seed, may reach it.")
    if found.interrupted:
        lines.append("INTERRUPTED  What was played until then is counted above.")
    if found.diverged or found.broken:
        lines.append("DIVERGED  The shortest history of each kind is above.")
    return [*lines, *missing]


def declined_in_words(found: LockstepReport) -> str:
    """Which fields the engine declined, the most frequent first."""
    fields = found.by("declined")
    often = sorted(fields, key=lambda name: -fields[name])
    return ": " + ", ".join(f"{name} {grouped(fields[name])}" for name in often) if fields else ""


def refusal_rows(found: LockstepReport) -> Iterator[tuple[str, str]]:
    """By rule and reason, how often the engine refused."""
    for reason, times in found.by("refused").items():
        yield reason, grouped(times)


def per_second(found: LockstepReport) -> int:
    """Events per second of wall clock of this run."""
    return round(found.played / found.seconds) if found.seconds > 0 else 0


def facts_of(found: LockstepReport) -> dict[str, Any]:
    """A run in lock step as JSON."""
    return {
        "seed": found.seed,
        "ok": found.ok,
        "interrupted": found.interrupted,
        "events": found.total("events"),
        "accepted": found.total("accepted"),
        "histories": found.total("histories"),
        "divergences": found.diverged,
        "broken": found.broken,
        "seconds": round(found.seconds, 1),
        "events_per_second": per_second(found),
        "events_of_earlier_runs": found.total("events") - found.played,
        "compared": found.by("compared"),
        "rules": {
            "total": len(found.reach),
            "reached": sum(one.reached for one in found.reach),
            "not_reached": list(found.not_reached),
            "events_observed": found.total("observed"),
        },
        "refusals": {"by_engine": found.by("refused"), "not_met": list(found.reasons_not_met)},
        "postings": {"events_by_rule": found.by("posted")},
        "stages": {"events": found.by("stage"), "not_entered": list(found.stages_not_entered)},
        "declined": {
            "events": found.total("declined"),
            "by_field": found.by("declined"),
            "pushed": found.total("pushed"),
            "venues": found.by("venues outside"),
        },
        "found": [found_facts(one) for one in found.shrunk],
    }


def found_facts(one: Shrunk) -> dict[str, Any]:
    """One thing found, as JSON."""
    facts = {"histories": one.histories, "events": len(one.trace.events), "trace": str(one.path)}
    if isinstance(one.found, Violation):
        return {"what": "claim", "rule": one.found.theorem, "found": one.trace.found, **facts}
    return {**difference_facts(one.found), **facts}


def difference_facts(found: Difference) -> dict[str, str]:
    """A difference as JSON."""
    return {"what": found.what, "rule": found.rule, "law": found.law, "engine": found.engine}


# ------------------------------------------------------------------------------------- one history


def found_in_words(one: Shrunk, make: Maker) -> str:
    """The story of what was found, both sides of its last event, and how to run it again."""
    lengths = f"shrunk from {one.events_before:_} events to {len(one.trace.events):_}"
    times = f"{one.histories:_} {'history' if one.histories == 1 else 'histories'}"
    if isinstance(one.found, Violation):
        claim = one.found.sentence.replace("_", " ")
        head = f"{one.found.theorem}  {claim}: NOT SO, in {times}, {lengths}"
        return f"{head}\n{story_of(one.trace)}\n  reproduce: marginspec replay {one.path}"
    start = genesis(one.trace.policy) if one.trace.start is None else one.trace.start
    return "\n".join(
        (
            f"{one.found.rule}  {one.found.what}: law and engine DIFFER, in {times}, {lengths}",
            tell(one.trace.policy, one.trace.start, one.trace.events),
            "",
            both_sides(start, one.trace.events, one.found, make),
            f"  reproduce: marginspec campaign --fast --trace {one.path}",
        )
    )


def both_sides(start: Venue, events: tuple[Event, ...], found: Difference, make: Maker) -> str:
    """What both sides say of the last event: the answer, the postings, and where they differ."""
    rows: list[tuple[str, str, str]] = []
    if not events:
        return aligned(("", "the law", "the engine"), [(found.what, found.law, found.engine)])
    pair = Pair(start, make)
    for event in events[:-1]:
        pair.step(event)
    law = apply(pair.venue, events[-1])
    try:
        fast = pair.engine.apply(events[-1])
    except Exception as error:
        rows.append(("answer", answer_of(law.refusal), said(error)))
    else:
        rows.append(("answer", answer_of(law.refusal), answer_of(fast.refusal)))
        for number, both in enumerate(zip_longest(plain_postings(law), fast.postings), start=1):
            ours, theirs = (posting_in_words(one) for one in both)
            rows.append((f"posting {number}", ours, theirs))
    marked = [(*row, "" if row[1] == row[2] else "<-") for row in rows]
    if found.what not in ("refusal", "postings"):
        marked.append((found.what, found.law, found.engine, "<-"))
    return aligned(("", "the law", "the engine", ""), marked)


def lockstep_trace(source: str, trace: Trace, make: Maker = Engine.from_venue) -> Told:
    """Run one trace in lock step and say whether law and engine agree on it.

    returns  the exit code, and the facts for --json
    Errors: InputError if its policy or the venue it starts from is outside the engine's domain.
    """
    say(f"{source}: {grouped(len(trace.events))} events under the policy {trace.policy.name}, in lock step")
    if trace.found:
        say(f"  Found   {trace.found}")
    begins = None if trace.start == genesis(trace.policy) else trace.start
    refuse_outside(source, trace.start, make)
    differing = differs(trace.start, trace.events, make)
    if differing is None:
        say(tell(trace.policy, begins, trace.events))
        say("Law and engine agree on every event.")
        return HELD, {"trace": source, "events": len(trace.events), "divergences": 0}
    index, found = differing
    events = trace.events[: index + 1]
    say(tell(trace.policy, begins, events))
    say()
    say(both_sides(trace.start, events, found, make))
    say(f"DIVERGED  Event {index + 1}, {found.what}, by {found.rule}.")
    facts = {"trace": source, "events": len(trace.events), "divergences": 1, "event": index + 1}
    return BROKEN, {**facts, **difference_facts(found)}
