"""What `marginspec conform` runs and prints: the vectors, then the live campaign, then the report."""

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from marginspec.conform.asked import Asked
from marginspec.conform.declared import NOTHING_DECLARED, read_declared
from marginspec.conform.engine import Misbehaviour
from marginspec.conform.judgement import DIFFERS, FINDINGS_MOST, Finding, Judgement, Story
from marginspec.conform.junit import write_junit
from marginspec.conform.kept import Kept, opened
from marginspec.conform.live import Ground, timed
from marginspec.conform.opening import Recipe
from marginspec.conform.options import Options
from marginspec.conform.pieces import Plan, do_pieces
from marginspec.conform.report import Run, body, facts_of, head, nothing_compared, rules
from marginspec.conform.shrink_trace import shrunk
from marginspec.conform.trial import Enough, Trial
from marginspec.documents import Trace, read_trace, trace_document
from marginspec.errors import BROKEN, HELD, INTERRUPTED, UNDECIDED, Flaw, InputError
from marginspec.policy_file import read_policy
from marginspec.reports import Report
from marginspec.screen import progress, say
from refmodel.policy import Policy
from refmodel.state import genesis

__all__ = ["Options", "judged", "run_conform"]

Told = tuple[int, dict[str, Any]]

SHARE_OF_SHRINKING = 3
"""A rule gets at most so many times what each would get if all got the same."""


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
    run = Run(None, judgement, declared, options.seed, played_on, recipe.words, evidence=options.evidence)
    try:
        with recipe.opened(judgement) as asked:
            try:
                ask_everything(asked, run, recipe, options, given, trace)
            except Enough:
                run.stopped = f"The engine has misbehaved {FINDINGS_MOST} times; it was asked no more."
                if options.evidence is not None:
                    run.stopped += f" That is kept in {options.evidence}: remove it to ask the engine again."
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
    """Hello, the pieces of work that no earlier run has kept, or the trace.

    Errors: Enough; EvidenceError for an evidence file of another run.
    """
    try:
        run.hello = asked.greet()
    except Misbehaviour as found:
        finding = Finding(found.kind, found.text, found.stderr, "", asked.request, None)
        run.judgement.findings.append(finding)
        say(head(run))
        return
    say(head(run))
    if trace is not None:
        play_trace(asked, run, trace)
        return
    with ExitStack() as stack:
        evidence = None
        if options.evidence is not None:
            depends = {"events": options.events, "vectors": options.vectors}
            evidence = stack.enter_context(
                opened(options.evidence, recipe, run.hello, given, depends, options.seed)
            )
        do_pieces(asked, run, Plan(recipe, Ground(given, run.hello)), options, Kept(evidence))


# ------------------------------------------------------------------------------------- a trace


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
