"""What `marginspec conform` runs and prints: the vectors, then the live campaign, then the report."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from marginspec.conform.asked import Asked
from marginspec.conform.declared import NOTHING_DECLARED, read_declared
from marginspec.conform.engine import Misbehaviour
from marginspec.conform.judgement import DIFFERS, FINDINGS_MOST, Finding, Judgement, Story
from marginspec.conform.junit import write_junit
from marginspec.conform.live import Ground, play_bulk, play_hypothesis, plays_nothing, timed
from marginspec.conform.opening import Recipe
from marginspec.conform.report import Run, body, facts_of, head, nothing_compared, rules
from marginspec.conform.shrink_trace import shrunk
from marginspec.conform.trial import Enough, Trial
from marginspec.conform.vectors_run import Vectors, run_traces
from marginspec.documents import Trace, read_trace, trace_document
from marginspec.errors import BROKEN, HELD, INTERRUPTED, UNDECIDED, Flaw, InputError
from marginspec.policy_file import read_policy
from marginspec.reports import Report
from marginspec.screen import progress, say
from marginspec.search.workers import Workers, worked
from marginspec.vectors.files import VectorFile, read_vectors
from marginspec.vectors.traces import VectorTrace, read_traces
from refmodel.policy import Policy
from refmodel.state import genesis

Told = tuple[int, dict[str, Any]]

SHARE_OF_HYPOTHESIS = 5
"""Of the live events, one in so many is drawn by Hypothesis."""
EVENTS_OF_CHUNK = 2_000
HISTORIES_OF_CHUNK = 10_000
"""Numbers of histories that belong to a chunk: more than its events need, so that no two chunks share one."""
SHARE_OF_SHRINKING = 3
"""A rule gets at most so many times what each would get if all got the same."""
DATABASE = Path(".hypothesis") / "marginspec-conform"


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for on the command line.

    policy    name or file of the policy that all live histories play on; None: drawn and shipped ones
    events    live ones, >= 0
    accept    file of declared differences
    junit     file to write
    trace     file to run instead of the vectors and the campaign
    workers   processes of the bulk driver, >= 1, or a cluster on whose machines the engine can be started
    database  folder in which Hypothesis keeps what differed, in a folder for each engine; None: nowhere
    vectors   whether the vectors are asked
    shrink    seconds for making all traces short
    """

    policy: str | None = None
    seed: int = 1
    events: int = 20_000
    accept: str | None = None
    junit: str | None = None
    trace: str | None = None
    workers: Workers = 1
    database: Path | None = DATABASE
    vectors: bool = True
    shrink: float = 15.0


def run_conform(recipe: Recipe, options: Options) -> Told:
    """Ask an engine, and say what came of it.

    returns  the exit code, and the facts for --json
    Errors: as judged.
    """
    run = judged(recipe, options)
    report = Report("conform")
    write_traces(run, report)
    say(body(run))
    if options.junit is not None:
        write_junit(run, Path(options.junit))
    facts = facts_of(run)
    report.write("conform.json", facts)
    return code_of(run), facts


def judged(recipe: Recipe, options: Options) -> Run:
    """Ask an engine; what it came to, with the shortest traces that were found.

    Errors: InputError for a file, a program or a class that cannot be used.
    """
    if bool(recipe.command) == bool(recipe.python):
        raise InputError("conform", Flaw("", "needs one engine.", "Give a program after --, or --python."))
    declared = NOTHING_DECLARED if options.accept is None else read_declared(options.accept)
    given = None if options.policy is None else read_policy(options.policy)
    trace = None if options.trace is None else read_trace(options.trace)
    if options.junit is not None:
        refuse_unwritable(Path(options.junit))
    judgement = Judgement()
    played_on = "drawn policies and some that ship" if given is None else given.name
    run = Run(None, judgement, declared, options.seed, played_on, recipe.words)
    try:
        with recipe.opened(judgement) as asked:
            try:
                ask_everything(asked, run, recipe, options, given, trace)
            except Enough:
                run.stopped = f"The engine has misbehaved {FINDINGS_MOST} times; it was asked no more."
            except KeyboardInterrupt:
                run.interrupted = True
            if trace is None:
                shrink_all(asked, run, options.shrink)
    except KeyboardInterrupt:
        run.interrupted = True
    return run


def code_of(run: Run) -> int:
    """0 nothing differs; 1 something does, or the engine misbehaves; 3 nothing compared; 130 interrupted."""
    if run.judgement.findings or DIFFERS in run.verdicts().values():
        return BROKEN
    if run.interrupted:
        return INTERRUPTED
    return UNDECIDED if nothing_compared(run) else HELD


def ask_everything(
    asked: Asked, run: Run, recipe: Recipe, options: Options, given: Policy | None, trace: Trace | None
) -> None:
    """Hello, the vectors and the campaign, or the trace. Errors: Enough."""
    judgement = run.judgement
    try:
        run.hello = asked.greet()
    except Misbehaviour as found:
        finding = Finding(found.kind, found.text, found.stderr, "", asked.request, None)
        judgement.findings.append(finding)
        say(head(run))
        return
    say(head(run))
    if trace is not None:
        play_trace(asked, run, trace)
        return
    if options.vectors:
        ask_vectors(asked, judgement)
    why = plays_nothing(run.hello, given)
    if why:
        run.notes.append(f"No history was played: {why}.")
    elif options.events:
        if given is None and run.hello.policies is not None:
            run.policy = "policies of the engine"
        ground = Ground(given, run.hello)
        timed(judgement, lambda: campaign(asked, judgement, ground, recipe, options))


# ------------------------------------------------------------------------------------- what is asked


def ask_vectors(asked: Asked, judgement: Judgement) -> None:
    """Ask every vector that the engine takes. Errors: Enough."""
    files: Sequence[VectorFile] = read_vectors()
    traces: Sequence[VectorTrace] = read_traces()
    cases = sum(len(file.cases) for file in files)
    began = time.monotonic()
    try:
        with progress("vectors", cases) as advance:
            Vectors(asked, judgement).run(files, lambda done: advance(done, f"{done:_} of {cases:_} cases"))
            run_traces(asked, judgement, traces)
    finally:
        judgement.counts["milliseconds vectors"] += round((time.monotonic() - began) * 1_000)


def campaign(asked: Asked, judgement: Judgement, ground: Ground, recipe: Recipe, options: Options) -> None:
    """Play the live histories: a part by Hypothesis, the rest in bulk. Errors: Enough."""
    explored = options.events // SHARE_OF_HYPOTHESIS
    with progress("live", options.events) as advance:

        def told(done: int) -> None:
            found = len(judgement.differing)
            advance(done, f"{done:_} of {options.events:_} events, {found} rules differ")

        kept = None if options.database is None else options.database / folder_name(ground.hello.engine)
        play_hypothesis(asked, judgement, ground, options.seed, explored, kept, told)
        explored = judgement.counts["events"]
        if options.workers != 1:
            plan = Plan(recipe, ground)
            chunks = chunks_of(options.events - explored)
            for part in worked(play_chunk, plan, options.seed, chunks, options.workers):
                judgement.add(part)
                told(judgement.counts["events"])
                if len(judgement.findings) >= FINDINGS_MOST:
                    raise Enough
            return
        for first, events in chunks_of(options.events - explored):
            so_far = judgement.counts["events"]
            play_bulk(
                asked,
                judgement,
                ground,
                options.seed,
                events,
                lambda done, so_far=so_far: told(so_far + done),  # type: ignore[misc]
                first,
            )


def folder_name(engine: str) -> str:
    """The name of an engine as that of a folder: what differs in one is nothing to another."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", engine)[:60] or "engine"


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker knows."""

    recipe: Recipe
    ground: Ground


Chunk = tuple[int, int]
"""The number of its first history, and its events."""


def chunks_of(events: int) -> Iterator[Chunk]:
    """The chunks of a campaign: the same ones for any number of workers."""
    for number, done in enumerate(range(0, events, EVENTS_OF_CHUNK)):
        yield number * HISTORIES_OF_CHUNK, min(EVENTS_OF_CHUNK, events - done)


def play_chunk(plan: Plan, seed: int, chunk: Chunk) -> Judgement:
    """Play a chunk with an engine of its own."""
    first, events = chunk
    judgement = Judgement()
    with plan.recipe.opened(judgement) as asked:
        try:
            asked.greet()
            play_bulk(asked, judgement, plan.ground, seed, events, first=first)
        except Enough:
            pass
        except Misbehaviour as found:
            finding = Finding(found.kind, found.text, found.stderr, "", asked.request, None)
            judgement.findings.append(finding)
    return judgement


def play_trace(asked: Asked, run: Run, trace: Trace) -> None:
    """Play a trace on both sides, and ask everything after each event. Errors: Enough."""
    run.policy = trace.policy.name
    start = None if trace.start == genesis(trace.policy) else trace.start
    trial = Trial(asked, run.judgement, everything=True, keeps_rows=True)

    def play_all() -> None:
        trial.begin(trace.policy, start)
        for event in trace.events:
            if not trial.over:
                trial.step(event)

    timed(run.judgement, play_all)
    if trial.unsupported:
        run.notes.append(f"The engine does not take the policy or the venue: {trial.unsupported}")


def refuse_unwritable(path: Path) -> None:
    """Errors: InputError if a file cannot be written: better now than after the run."""
    if path.is_dir() or not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        repair = "Name a file in a folder that is there and can be written to."
        raise InputError(str(path), Flaw("", "cannot be written.", repair))


# ------------------------------------------------------------------------------------- what was found


def shrink_all(asked: Asked, run: Run, seconds_of_all: float) -> None:
    """Shrink what differs in each rule: a drawn history, or else a trace of the vectors.

    In the order of the chapters, in which a rule mostly stands behind those that it depends on: causes come
    first. What an interrupted run has found stays as it is.
    """
    seen, in_vectors = run.judgement.seen, run.judgement.seen_in_vector
    until = time.monotonic() + seconds_of_all
    found = {rule: one for rule, one in in_vectors.items() if len(one.story.events) > 1} | seen
    with progress("shrinking", len(found)) as advance:
        for done, rule in enumerate(each for each in rules() if each in found):
            advance(done, rule)
            one, left = found[rule], until - time.monotonic()
            seconds = min(left, SHARE_OF_SHRINKING * left / (len(found) - done))
            if not run.interrupted and seconds > 0:
                seen[rule] = shrunk(one, asked, seconds)
            elif rule in seen:
                why = "the run was interrupted" if run.interrupted else "there was no time to shrink it"
                seen[rule] = replace(one, problem=why)


def write_traces(run: Run, report: Report) -> None:
    """Write what was found as files that `--trace` and `marginspec replay` read."""
    for rule in run.judgement.differing:
        path = report.write(f"{rule}.json", document_of(run.seen(rule).story, f"{rule} differs", run.seed))
        if path is not None:
            run.traces[rule] = path
    for number, finding in enumerate(run.judgement.findings):
        if finding.story is not None:
            document = document_of(finding.story, f"{finding.kind}: {finding.text}", run.seed)
            path = report.write(f"misbehaviour-{number + 1}.json", document)
            if path is not None:
                run.finding_traces[number] = path


def document_of(story: Story, found: str, seed: int) -> dict[str, Any]:
    """A trace as a document."""
    return trace_document(story.policy, story.events, start=story.start, found=found, seed=seed)
