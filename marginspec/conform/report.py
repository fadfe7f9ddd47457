"""What a run prints: a summary, one line for each rule, then what differs, shrunk, with both sides."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from marginspec.conform.declared import Declared
from marginspec.conform.engine import PROTOCOL, Hello
from marginspec.conform.judgement import (
    CONFORMS,
    DECLARED,
    DIFFERS,
    NOT_IMPLEMENTED,
    NOT_REACHED,
    VERDICTS,
    Finding,
    Judgement,
    Seen,
)
from marginspec.prose.chapters import Chapter, RuleText, read_chapters, rule_texts
from marginspec.screen import aligned, grouped
from marginspec.story import tell

STDERR_SHOWN = 5
"""Last lines of an engine's standard error that stand under a finding."""
RULES_LISTED = 12
"""Rules of a verdict that its summary line names."""


@cache
def chapters() -> tuple[Chapter, ...]:
    """The chapters, read once."""
    return read_chapters()


@cache
def rules() -> Mapping[str, RuleText]:
    """The rules in the order of the chapters."""
    return rule_texts(chapters())


@dataclass(slots=True)
class Run:
    """A run of the harness, as it is reported.

    policy       name of the policy that is played on, or what is drawn
    how          the words that start the engine, for the commands that reproduce
    traces       by rule, the file with the shrunk trace
    interrupted  whether somebody stopped it: what was done until then counts
    stopped      why it stopped by itself, or empty
    notes        sentences about what was given and not used
    evidence     the file in which it is kept; None keeps nothing
    earlier      live events that earlier runs had played and kept
    """

    hello: Hello | None
    judgement: Judgement
    declared: Declared
    seed: int
    policy: str
    how: str
    traces: dict[str, Path] = field(default_factory=dict)
    finding_traces: dict[int, Path] = field(default_factory=dict)
    interrupted: bool = False
    stopped: str = ""
    notes: list[str] = field(default_factory=list)
    evidence: Path | None = None
    earlier: int = 0

    def verdicts(self) -> dict[str, str]:
        """The verdict on every rule of the law, in the order of the chapters."""
        hello = self.hello
        if hello is None:
            return dict.fromkeys(rules(), NOT_REACHED)
        whys = self.declared.whys
        return {rule: self.judgement.verdict(rule, hello, rule in whys) for rule in rules()}

    def seen(self, rule: str) -> Seen:
        """Where a rule differs: in a history, or else in a vector."""
        return self.judgement.seen.get(rule) or self.judgement.seen_in_vector[rule]

    @property
    def events_per_second(self) -> int:
        """Live events in a second of wall clock; of those of this run, not of earlier ones."""
        milliseconds = self.judgement.counts["milliseconds live"]
        played = self.judgement.counts["events"] - self.earlier
        return round(played * 1_000 / milliseconds) if milliseconds else 0


# ------------------------------------------------------------------------------------- the head


def head(run: Run) -> str:
    """The first line: the seed, and what the engine says of itself."""
    hello = run.hello
    if hello is None:
        return f"seed {run.seed}   the engine did not say hello"
    claimed = sum(hello.claims(rule) for rule in rules())
    lines = [
        f"seed {run.seed}   {hello.engine} {hello.version}, protocol {PROTOCOL}, "
        f"claims {claimed} of {len(rules())} rules"
    ]
    if len(hello.requests) < 2:
        lines.append(f"  it answers {' and '.join(sorted(hello.requests)) or 'neither apply nor query'} only")
    if hello.policies is not None:
        lines.append(f"  it implements the policies {', '.join(sorted(hello.policies)) or 'none'}")
    if hello.domain is not None:
        lines.append(f"  it takes numbers up to {grouped(hello.domain)}")
    if hello.tolerance:
        off = ", ".join(f"{word} by {amount}" for word, amount in sorted(hello.tolerance.items()))
        lines.append(f"  its amounts may be off: {off}")
    unknown = sorted(hello.rules - set(rules())) if hello.rules is not None else []
    if unknown:
        lines.append(f"  it claims what is no rule of the law: {', '.join(unknown)}")
    return "\n".join(lines)


# ------------------------------------------------------------------------------------- the rest


def body(run: Run) -> str:
    """Everything after the run: counts, verdicts, differences, findings."""
    parts = ["\n".join([*counts(run), *summary(run)])]
    if run.hello is not None:
        parts.append(rule_lines(run))
    verdicts = run.verdicts()
    for rule, verdict in verdicts.items():
        if verdict in (DIFFERS, DECLARED):
            parts.append("\n".join(difference_lines(run, rule, verdict)))
    parts += findings_in_words(run)
    parts.append("\n".join(last_lines(run)))
    return "\n\n".join(part for part in parts if part)


def counts(run: Run) -> Iterator[str]:
    """How much was asked."""
    told = run.judgement.counts
    seconds = told["milliseconds vectors"] / 1_000
    apart = f", {grouped(told['cases not asked'])} not asked" if told["cases not asked"] else ""
    traces = f", {told['traces']} traces of {grouped(told['events of traces'])} events"
    yield f"  vectors          {grouped(told['cases'])} cases{apart}{traces}, {seconds:.1f} s"
    events = told["events"]
    seconds = told["milliseconds live"] / 1_000
    rate = "" if 0 < events == run.earlier else f"{grouped(run.events_per_second)} events/s; "
    yield (
        f"  live             {grouped(events)} events in {grouped(told['histories'])} histories, "
        f"{told['accepted'] * 100 // max(events, 1)} % accepted, {seconds:.1f} s, "
        f"{rate}{run.policy}"
    )
    if run.earlier:
        yield f"                   {grouped(run.earlier)} of the events were played by earlier runs"
    if told["histories not supported"]:
        yield f"                   {told['histories not supported']} more histories: policy not supported"
    if told["outside the domain"]:
        yield f"                   {told['outside the domain']} requests not sent: outside its domain"
    if told["not reproducible"]:
        yield f"                   {told['not reproducible']} times, the same history came out otherwise"


def summary(run: Run) -> Iterator[str]:
    """How many rules have each verdict, and which, where it is not the good one."""
    verdicts = run.verdicts()
    for verdict in VERDICTS:
        named = [rule for rule, found in verdicts.items() if found == verdict]
        if not named and verdict != CONFORMS:
            continue
        word = "DIFFERS" if verdict == DIFFERS else verdict
        line = f"  {word:<16} {len(named):>3} {'rule' if len(named) == 1 else 'rules'}"
        if verdict != CONFORMS:
            line += f"   {', '.join(named[:RULES_LISTED])}{', ...' if len(named) > RULES_LISTED else ''}"
        if verdict == NOT_REACHED:
            line += ": this run says nothing about them"
        yield line
    if run.judgement.findings:
        yield f"  MISBEHAVED       {len(run.judgement.findings):>3} times"


def rule_lines(run: Run) -> str:
    """One line for each rule."""
    judgement = run.judgement
    rows = []
    for rule, verdict in run.verdicts().items():
        differing = judgement.differing[rule]
        compared = judgement.comparisons[rule] + differing
        why = run.declared.whys.get(rule, "") if verdict == DECLARED else ""
        if verdict == NOT_IMPLEMENTED:
            why = judgement.whys.get(rule, "") or "not claimed"
        rows.append(
            (
                *(rule, rules()[rule].noun, grouped(compared) if compared else "-"),
                *(grouped(differing) if differing else "-", verdict, why),
            )
        )
    headings = ("rule", "", "comparisons", "differing", "verdict", "")
    return aligned(headings, rows, right=(2, 3))


def difference_lines(run: Run, rule: str, verdict: str) -> Iterator[str]:
    """A rule that differs: how it shows, both sides, what the rule says, how to see it again."""
    seen = run.seen(rule)
    story = seen.story
    length = f"{len(story.events)} {'event' if len(story.events) == 1 else 'events'}"
    if story.case:
        shown = f"in {story.case}"
    elif seen.problem:
        shown = f"in a history of {length}; {seen.problem}"
    elif seen.before > len(story.events):
        shown = f"shrunk from {grouped(seen.before)} events to {len(story.events)}"
    else:
        shown = f"in a history of {length}"
    word = "DIFFERS" if verdict == DIFFERS else "DECLARED"
    yield f"{word}  {rule} {rules()[rule].noun}   {shown}"
    if verdict == DECLARED:
        yield f"  Declared     {run.declared.whys[rule]}   ({run.declared.source})"
    yield tell(story.policy, story.start, story.events)
    yield ""
    difference = seen.difference
    rows = seen.rows or ((difference.what, difference.law, difference.engine),)
    marked = [(*row, "" if row[1] == row[2] else "<-") for row in rows]
    if not any(row[3] for row in marked):
        marked.append((difference.what, difference.law, difference.engine, "<-"))
    yield aligned(("", "the law", "the engine", ""), marked)
    off = amount_off(difference.law, difference.engine)
    if off:
        yield f"  {difference.what}: {off}"
    yield ""
    yield f"  The rule     {first_sentence(rules()[rule].statement)}"
    causes = [other for other in before(rule) if run.judgement.differing[other]]
    if causes:
        yield f"  Perhaps      because of {', '.join(causes)}, on which it depends and which differs as well"
    cases = run.judgement.cases.get(rule, [])
    if cases:
        more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
        yield f"  Vectors      {', '.join(cases[:3])}{more}"
    if rule in run.traces:
        yield f"  Reproduce    marginspec conform --trace {run.traces[rule]} {run.how}"
    yield f"  Read         marginspec explain {rule}"


def reason_of(run: Run, rule: str, verdict: str) -> str:
    """Why nothing is held against a rule that does not conform either."""
    if verdict == DECLARED:
        return f"declared: {run.declared.whys[rule]}"
    if verdict == NOT_IMPLEMENTED:
        return f"not implemented: {run.judgement.whys.get(rule, '') or 'not claimed'}"
    return "not reached: this run says nothing about it"


def amount_off(law: str, engine: str) -> str:
    """By how much the last amounts of two lines differ, if all else in them is the same."""
    ours, theirs = law.split(), engine.split()
    if len(ours) != len(theirs):
        return ""
    apart = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    if len(apart) != 1:
        return ""
    try:
        off = int(apart[0][1]) - int(apart[0][0])
    except ValueError:
        return ""
    return f"the engine is {grouped(abs(off))} {'above' if off > 0 else 'below'} the law."


def first_sentence(text: str) -> str:
    """The first sentence of a rule's statement, on one line."""
    line = " ".join(text.split())
    end = line.find(". ")
    return line if end < 0 else line[: end + 1]


@cache
def before(rule: str) -> tuple[str, ...]:
    """The rules on which a rule depends, however far, in the order of the chapters."""
    found: set[str] = set()
    left = [rule]
    while left:
        for other in rules()[left.pop()].links.depends:
            if other in rules() and other not in found and other != rule:
                found.add(other)
                left.append(other)
    return tuple(other for other in rules() if other in found)


def findings_in_words(run: Run) -> Iterator[str]:
    """Each misbehaviour that is unlike those before it, and how many are like it."""
    alike: dict[tuple[str, str, str], list[int]] = {}
    for number, finding in enumerate(run.judgement.findings):
        alike.setdefault((finding.kind, finding.rule, finding.text), []).append(number)
    for first, *others in alike.values():
        lines = list(finding_lines(run.judgement.findings[first], run.finding_traces.get(first)))
        if others:
            lines.append(f"  and {len(others)} more like it")
        yield "\n".join(lines)


def finding_lines(finding: Finding, trace: Path | None) -> Iterator[str]:
    """A misbehaviour: what it was, what was asked, what the engine said on its standard error."""
    rule = f"   when {finding.rule} was asked" if finding.rule else ""
    yield f"MISBEHAVED  {finding.kind}{rule}"
    yield f"  {finding.text}"
    yield f"  Last request   {finding.request}"
    if finding.story is not None and finding.story.case:
        yield f"  Vector         {finding.story.case}"
    for line in finding.stderr[-STDERR_SHOWN:]:
        yield f"  stderr         {line}"
    if trace is not None:
        yield f"  Trace          {trace}"


def last_lines(run: Run) -> Iterator[str]:
    """Notes, and what it comes to."""
    whys, verdicts = run.declared.whys, run.verdicts()
    source = run.declared.source
    for rule in run.declared.unknown(rules()):
        yield f"{source}: {rule} is no rule of the law."
    for rule in whys:
        if rule in verdicts and verdicts[rule] != DECLARED:
            yield f"{source}: {rule} is declared, and did not differ in this run ({verdicts[rule]})."
    yield from run.notes
    if run.stopped:
        yield f"STOPPED  {run.stopped}"
    if run.interrupted:
        goes_on = "" if run.evidence is None else f" The same command goes on from {run.evidence}."
        yield f"INTERRUPTED  What was asked until then is counted above.{goes_on}"
    if run.judgement.differing.total() == 0 and not run.judgement.findings and not nothing_compared(run):
        yield "Nothing differs from the law, as far as this run went."
    elif nothing_compared(run):
        yield "NOTHING COMPARED  No answer of the engine could be compared: this run says nothing."


def nothing_compared(run: Run) -> bool:
    """Whether no comparison at all was made."""
    return not run.judgement.comparisons and not run.judgement.differing


# ------------------------------------------------------------------------------------- JSON


def facts_of(run: Run) -> dict[str, Any]:
    """The same facts for --json."""
    judgement, hello = run.judgement, run.hello
    verdicts = run.verdicts()

    def named(verdict: str) -> list[str]:
        return [rule for rule, found in verdicts.items() if found == verdict]

    return {
        "engine": "" if hello is None else hello.engine,
        "version": "" if hello is None else hello.version,
        "protocol": PROTOCOL,
        "seed": run.seed,
        "policy": run.policy,
        "tolerance": {} if hello is None else {word: str(off) for word, off in hello.tolerance.items()},
        "interrupted": run.interrupted,
        "stopped": run.stopped,
        "rules": {
            rule: {
                "verdict": verdict,
                "comparisons": judgement.comparisons[rule] + judgement.differing[rule],
                "differing": judgement.differing[rule],
            }
            for rule, verdict in verdicts.items()
        },
        "differs": [difference_facts(run, rule) for rule in named(DIFFERS)],
        "declared": [
            {**difference_facts(run, rule), "why": run.declared.whys[rule]} for rule in named(DECLARED)
        ],
        "not_implemented": named(NOT_IMPLEMENTED),
        "not_reached": named(NOT_REACHED),
        "misbehaviour": [
            {
                "kind": one.kind,
                "text": one.text,
                "rule": one.rule,
                "request": one.request,
                "stderr": list(one.stderr),
                "trace": str(run.finding_traces.get(number, "")),
            }
            for number, one in enumerate(judgement.findings)
        ],
        "events": judgement.counts["events"],
        "events_of_earlier_runs": run.earlier,
        "histories": judgement.counts["histories"],
        "cases": judgement.counts["cases"],
        "cases_not_asked": judgement.counts["cases not asked"],
        "traces": judgement.counts["traces"],
        "events_per_second": run.events_per_second,
    }


def difference_facts(run: Run, rule: str) -> dict[str, Any]:
    """A rule that differs, as JSON."""
    seen = run.seen(rule)
    return {
        "rule": rule,
        "noun": rules()[rule].noun,
        "what": seen.difference.what,
        "law": seen.difference.law,
        "engine": seen.difference.engine,
        "events": len(seen.story.events),
        "case": seen.story.case,
        "cases": list(run.judgement.cases.get(rule, [])),
        "trace": str(run.traces.get(rule, "")),
        "both": [list(row) for row in seen.rows],
        "told": tell(seen.story.policy, seen.story.start, seen.story.events).splitlines(),
    }
