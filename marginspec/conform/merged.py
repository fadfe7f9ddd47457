"""Evidence files of `marginspec conform` merged into one, and what they come to together.

The files are of one engine under one law, policy and options; their seeds may be different. The vectors,
which depend on no seed, are then in the merged file once. Where an engine answers otherwise the next time,
two files have two results of one piece of work: the first stays, and how often that was so is told.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marginspec.conform.declared import NOTHING_DECLARED
from marginspec.conform.judged_documents import COUNTED
from marginspec.conform.judgement import Judgement
from marginspec.conform.kept import KIND, Kept, document_of, hello_from
from marginspec.conform.report import Run, rules, summary
from marginspec.errors import HELD
from marginspec.evidence import Evidence, merge, run_of
from marginspec.screen import aligned, grouped, say


def merged(out: Path, files: Sequence[Path]) -> tuple[int, dict[str, Any]]:
    """Merge files into one, which is made if it is not there, and say what all of it comes to.

    returns  exit code 0, whatever differs: whether the engine conforms is said by a run with that file; and
             the facts for --json
    Errors: EvidenceError for files of different runs, or one that cannot be read.
    """
    otherwise = 0

    def count(ours: bytes, theirs: bytes) -> None:
        nonlocal otherwise
        otherwise += counted(ours) != counted(theirs)

    pieces, new = merge(out, files, count)
    run, events = run_in(out)
    say(f"{out}: {grouped(pieces)} pieces of work, {grouped(new)} of them new")
    say("\n".join(told(run, events)))
    if otherwise:
        say(f"  {grouped(otherwise)} pieces came out otherwise in another file: what was there first is kept")
    return HELD, {
        "evidence": str(out),
        "chunks": pieces,
        "new": new,
        "otherwise": otherwise,
        **facts(run, events),
    }


def counted(result: bytes) -> tuple[Any, ...]:
    """What a piece came to in numbers: stderr, say, may be another each time."""
    document = document_of(result)
    return (*(document[name] for name in COUNTED), len(document["findings"]))


def run_in(path: Path) -> tuple[Run, dict[int, tuple[int, int]]]:
    """What an evidence file comes to, as a run; by seed, the events that were played and those asked for."""
    identity = run_of(path)["identity"]
    total = Judgement()
    with Evidence.open(path, KIND, identity) as evidence:
        kept = Kept(evidence)
        played: Counter[int] = Counter()
        for piece, part in kept.judgements():
            total.add(part)
            if piece.seed is not None:
                played[piece.seed] += part.counts["events"]
        events = {seed: (played[seed], identity["events"]) for seed in kept.seeds}
    return Run(hello_from(identity), total, NOTHING_DECLARED, 0, "", identity["command"]), events


def told(run: Run, events: dict[int, tuple[int, int]]) -> list[str]:
    """What a merged file comes to, in lines: what was asked, how many rules conform, which differ and how."""
    assert run.hello is not None
    counts = run.judgement.counts
    lines = [f"  engine           {run.hello.engine} {run.hello.version}"]
    for seed, (played, asked) in events.items():
        lines.append(f"  {f'seed {seed}':<16} {grouped(played)} events of {grouped(asked)}")
    lines.append(
        f"  together         {grouped(counts['cases'])} cases, {grouped(counts['traces'])} traces, "
        f"{grouped(counts['events'])} events in {grouped(counts['histories'])} histories"
    )
    lines += summary(run)
    rows = [
        (
            *(rule, rules()[rule].noun, grouped(run.judgement.comparisons[rule] + differing)),
            *(grouped(differing), where(run, rule)),
        )
        for rule, differing in in_order(run.judgement.differing)
    ]
    if rows:
        lines += ["", aligned(("rule", "", "comparisons", "differing", "shortest"), rows, right=(2, 3))]
    return lines


def in_order(differing: Counter[str]) -> list[tuple[str, int]]:
    """The rules that differ, in the order of the chapters, and how often."""
    return [(rule, differing[rule]) for rule in rules() if differing[rule]]


def where(run: Run, rule: str) -> str:
    """Where a rule differs, before anything is shrunk: in a vector, or in a history of so many events."""
    story = run.seen(rule).story
    return story.case or f"a history of {grouped(len(story.events))} events"


def facts(run: Run, events: dict[int, tuple[int, int]]) -> dict[str, Any]:
    """The same as JSON."""
    assert run.hello is not None
    judgement = run.judgement
    return {
        "engine": run.hello.engine,
        "version": run.hello.version,
        "seeds": {str(seed): {"events": done, "asked": asked} for seed, (done, asked) in events.items()},
        **{name: judgement.counts[name] for name in ("cases", "traces", "events", "histories")},
        "rules": {
            rule: {
                "verdict": verdict,
                "comparisons": judgement.comparisons[rule] + judgement.differing[rule],
                "differing": judgement.differing[rule],
            }
            for rule, verdict in run.verdicts().items()
        },
        "misbehaviour": len(judgement.findings),
    }
