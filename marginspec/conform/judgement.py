"""Judgement: what a run found out about each rule, kept so that those of several processes add up."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from marginspec.conform.compare import Difference
from marginspec.conform.engine import Hello
from refmodel.canonical import canonical_text, event_document, policy_document, venue_document
from refmodel.events import Event
from refmodel.policy import Policy
from refmodel.state import Venue

CONFORMS = "conforms"
DIFFERS = "differs"
DECLARED = "declared"
NOT_IMPLEMENTED = "not implemented"
NOT_REACHED = "not reached"
VERDICTS = (CONFORMS, DIFFERS, DECLARED, NOT_IMPLEMENTED, NOT_REACHED)

FINDINGS_MOST = 20
"""After so many misbehaviours a run asks no more (spec/protocol.md, section 5)."""

Row = tuple[str, str, str]
"""What was asked, what the law says, what the engine says."""


@dataclass(frozen=True, slots=True)
class Story:
    """What an engine was told before something was found.

    start   the venue that it was loaded with; None is the genesis of the policy
    case    the vector that it comes from; empty if it was drawn
    """

    policy: Policy
    start: Venue | None
    events: tuple[Event, ...]
    case: str = ""

    def words(self) -> Iterator[str]:
        """All of it in words, the events first: what two stories are put in order by."""
        yield from (canonical_text(event_document(event)) for event in self.events)
        yield "" if self.start is None else canonical_text(venue_document(self.start))
        yield canonical_text(policy_document(self.policy))

    def comes_before(self, other: "Story") -> bool:
        """Whether it is the better one to tell: the shorter, or of one length that whose words are less."""
        if len(self.events) != len(other.events):
            return len(self.events) < len(other.events)
        pairs = zip(self.words(), other.words(), strict=True)
        return next((mine < theirs for mine, theirs in pairs if mine != theirs), False)


@dataclass(frozen=True, slots=True)
class Seen:
    """A difference and where it showed.

    rows     both sides of the last event or question
    before   events of the history before it was shrunk
    problem  why it is not shrunk, or empty
    """

    difference: Difference
    story: Story
    rows: tuple[Row, ...] = ()
    before: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A misbehaviour: what the engine did instead of answering.

    rule     that was being asked; empty at `hello`
    request  the last one, in short
    """

    kind: str
    text: str
    stderr: tuple[str, ...]
    rule: str
    request: str
    story: Story | None


@dataclass(slots=True)
class Judgement:
    """Everything that some requests came to.

    comparisons     by rule, how often both sides were compared and agreed
    differing       by rule, how often they differed
    unsupported     by rule, how often the engine said that it does not support what was asked
    whys            by rule, what the engine said then: the first time, or of several pieces of work the least
    seen            by rule, the shortest history in which they differed
    cases           by rule, the vectors in which they differed
    seen_in_vector  by rule, the first of them
    counts          `events`, `accepted`, `histories`, `cases`, `traces`, `cases not asked`, and so on
    """

    comparisons: Counter[str] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)
    whys: dict[str, str] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    cases: dict[str, list[str]] = field(default_factory=dict)
    seen_in_vector: dict[str, Seen] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def differs(self, seen: Seen) -> None:
        """Count a difference, and keep it if it is the first of its rule or has the shortest history."""
        rule, case = seen.difference.rule, seen.story.case
        self.differing[rule] += 1
        if case:
            self.cases.setdefault(rule, []).append(case)
            self.seen_in_vector.setdefault(rule, seen)
            return
        known = self.seen.get(rule)
        if known is None or len(seen.story.events) < len(known.story.events):
            self.seen[rule] = seen

    def would_keep(self, seen: Seen) -> bool:
        """Whether a difference of a history is to take the place of what is kept of its rule."""
        known = self.seen.get(seen.difference.rule)
        return known is None or seen.story.comes_before(known.story)

    def does_not_support(self, rule: str, why: str) -> None:
        """Count what an engine says that it does not support."""
        self.unsupported[rule] += 1
        self.whys.setdefault(rule, why)

    def add(self, other: "Judgement") -> None:
        """Take in what other requests came to; but for findings and cases, in any order."""
        self.comparisons.update(other.comparisons)
        self.unsupported.update(other.unsupported)
        for rule, why in other.whys.items():
            self.whys[rule] = min(why, self.whys.get(rule, why))
        self.counts.update(other.counts)
        self.findings += other.findings
        self.differing.update(other.differing)
        self.seen.update({rule: seen for rule, seen in other.seen.items() if self.would_keep(seen)})
        for rule, cases in other.cases.items():
            self.cases.setdefault(rule, []).extend(cases)
        self.seen_in_vector = {**other.seen_in_vector, **self.seen_in_vector}

    def verdict(self, rule: str, hello: Hello, declared: bool) -> str:
        """What the run says of a rule: one of VERDICTS (spec/protocol.md, section 5)."""
        if self.differing[rule]:
            return DECLARED if declared else DIFFERS
        if not hello.claims(rule):
            return NOT_IMPLEMENTED
        if self.comparisons[rule]:
            return CONFORMS
        return NOT_IMPLEMENTED if self.unsupported[rule] else NOT_REACHED
