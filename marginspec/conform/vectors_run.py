"""The vectors asked: every committed case that the protocol can carry, and every committed trace.

    event    load, apply, compare with what the file expects; without a digest, query as well
    query    load, query
    policy   load with the venue of ACC-3. A policy that breaks a rule must not be accepted: it is `refused`,
             by that rule if one is given, or `unsupported`, which is no comparison. Of one that is accepted,
             a digest is compared if one is given
    function not asked: it is for the unit tests of an engine's author

A case counts for the rule of its file, and an event for the rules by which the law decides it as well. Where
a case differs, the law plays it beside the engine, and what differs names the rule as in a live history; a
query is of the rule of its file, unless that is the rule of another word of the same question.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from marginspec.conform.asked import Asked, is_inside, takes_policy
from marginspec.conform.compare import (
    RULE_OF_DIGEST,
    RULE_OF_TIME,
    RULE_OF_WORD,
    Difference,
    agrees,
    answer_in_words,
    postings_differ,
    refuses_alike,
    value_in_words,
)
from marginspec.conform.engine import ACCEPTED, REFUSED, UNSUPPORTED, Document, Misbehaviour
from marginspec.conform.in_texts import genesis_in_texts
from marginspec.conform.judgement import FINDINGS_MOST, Finding, Judgement, Row, Seen, Story
from marginspec.conform.law_engine import policy_of
from marginspec.conform.live import shipped_policy
from marginspec.conform.trial import Enough, Trial
from marginspec.vectors.expectations import EVENT, FUNCTION, POLICY, QUERY, kind_of
from marginspec.vectors.files import Case, VectorFile
from marginspec.vectors.traces import VectorTrace
from refmodel.canonical import event_from, venue_from
from refmodel.policy import Policy

Progress = Callable[[int], None]


class Vectors:
    """An engine that is asked the cases of files, and what that comes to."""

    def __init__(self, asked: Asked, judgement: Judgement) -> None:
        self._asked = asked
        self._judgement = judgement
        self._taken: dict[int, tuple[bool, Document]] = {}

    def run(self, files: Sequence[VectorFile], on_progress: Progress = lambda done: None) -> None:
        """Ask every case that can be asked. Errors: Enough."""
        done = 0
        for file in files:
            for case in file.cases:
                done += 1
                kind = kind_of(case.given)
                if kind == FUNCTION:
                    continue
                if self._can_ask(kind, case, file):
                    self._judgement.counts["cases"] += 1
                    self._ask(kind, case, file)
                else:
                    self._judgement.counts["cases not asked"] += 1
            on_progress(done)

    # --------------------------------------------------------------------------------- what is asked

    def _can_ask(self, kind: str, case: Case, file: VectorFile) -> bool:
        """Whether the engine says that it takes a case: its rules, its policy, its numbers, its request."""
        hello = self._asked.hello
        if not hello.claims(case.rule) or not is_inside(hello, case.given):
            return False
        if kind == POLICY:
            return hello.policies is None
        document = file.policies[case.given["policy"]]
        if not self._takes(document):
            return False
        if kind == QUERY:
            return "query" in hello.requests
        return "apply" in hello.requests and all(hello.claims(rule) for rule in rules_of_case(case))

    def _takes(self, document: Document) -> bool:
        """Whether the engine takes a policy of a file."""
        hello = self._asked.hello
        known = self._taken.get(id(document))
        if known is None:
            takes = is_inside(hello, document)
            if takes and hello.policies is not None:
                takes = takes_policy(hello, policy_of(document), shipped_policy)
            # The document is kept with it, so that no other one gets its number.
            known = self._taken[id(document)] = (takes, document)
        return known[0]

    def _ask(self, kind: str, case: Case, file: VectorFile) -> None:
        try:
            if kind == POLICY:
                self._ask_policy(case)
            elif kind == QUERY:
                self._ask_query(case, file.policies[case.given["policy"]])
            else:
                assert kind == EVENT
                self._ask_event(case, file.policies[case.given["policy"]])
        except Misbehaviour as found:
            self._misbehaved(found, case, None if kind == POLICY else self._story(case, file))

    def _story(self, case: Case, file: VectorFile) -> Story:
        """What the engine is told in a case, in the types of the law."""
        policy = policy_of(file.policies[case.given["policy"]])
        event = case.given.get("event")
        events = () if event is None else (event_from(dict(event)),)
        return Story(policy, venue_from(case.given["venue"], policy), events, case.id)

    # --------------------------------------------------------------------------------- the kinds

    def _ask_event(self, case: Case, policy: Document) -> None:
        answer = self._loaded(case, policy)
        if answer is not None:
            answer = self._asked.apply(case.given["event"])
            if answer["outcome"] == UNSUPPORTED:
                self._judgement.does_not_support(case.rule, str(answer["reason"]))
                return
            if self._agrees(case, answer):
                self._judgement.comparisons.update({case.rule, *rules_of_case(case)})
                return
        self._play(case, policy_of(policy))

    def _agrees(self, case: Case, answer: Document) -> bool:
        """Whether everything that the engine says of an event is what the file expects."""
        if case.refusal is not None:
            return answer["outcome"] == REFUSED and refuses_alike(
                case.refusal["rule"], case.refusal["reason"], answer
            )
        if answer["outcome"] != ACCEPTED:
            return False
        expected: Any = case.expected
        claims = self._asked.hello.claims
        if "postings" in answer and postings_differ(expected["postings"], answer["postings"], claims):
            return False
        if "digest" in answer:
            return bool(answer["digest"] == expected["digest"])
        if "query" not in self._asked.hello.requests:
            return "postings" in answer
        return all(self._agrees_after(name, words) for name, words in expected["after"].items())

    def _agrees_after(self, account: str, expected: Document) -> bool:
        """Whether an account is after the event what the file expects, as far as the engine can say."""
        hello = self._asked.hello
        words = [word for word in expected if hello.claims(RULE_OF_WORD[word]) or word == "wallet"]
        theirs = self._asked.query({"account": account, "what": words})
        return all(
            isinstance(theirs[word], dict)
            or agrees(expected[word], theirs[word], hello.tolerance.get(word, 0))
            for word in words
        )

    def _play(self, case: Case, policy: Policy) -> None:
        """Let the law play a case that differs beside the engine, to say what differs."""
        mine = Judgement(findings=self._judgement.findings)
        trial = Trial(self._asked, mine, case=case.id, everything=True, keeps_rows=True)
        trial.begin(policy, venue_from(case.given["venue"], policy))
        event = event_from(dict(case.given["event"]))
        if not trial.over:
            trial.step(event)
        if not trial.over and case.expected is not None and not mine.differing:
            for name, words in case.expected["after"].items():
                trial.ask({"account": name, "what": list(words)})
        if not mine.differing and not trial.unsupported:
            ours = answer_in_words(case.refusal) if case.refusal else "accepted, as in the file"
            difference = Difference(case.rule, "case", ours, "another answer, and not the same one again")
            story = Story(policy, venue_from(case.given["venue"], policy), (event,), case.id)
            mine.differs(Seen(difference, story))
        if trial.unsupported:
            mine.does_not_support(case.rule, trial.unsupported)
        mine.findings = []
        mine.counts.clear()
        self._judgement.add(mine)

    def _ask_query(self, case: Case, policy: Document) -> None:
        if self._loaded(case, policy) is None:
            self._play_query(case, policy, None)
            return
        question = {**case.given["query"], "what": list(case.given["query"]["what"])}
        theirs = self._asked.query(question)
        self._play_query(case, policy, theirs)

    def _play_query(self, case: Case, policy: Document, theirs: Document | None) -> None:
        """Compare the answers to a question; None if the engine did not load the venue that it is about."""
        expected: Any = case.expected
        words = list(case.given["query"]["what"])
        rules = [RULE_OF_WORD[word] for word in words]
        tolerance = self._asked.hello.tolerance
        of_another_word = case.rule in rules
        rows: list[Row] = []
        for word, rule_of_word in zip(words, rules, strict=True):
            rule = rule_of_word if of_another_word else case.rule
            if not self._asked.hello.claims(rule):
                continue
            given = {} if theirs is None else theirs[word]
            if isinstance(given, dict):
                why = str(given.get(UNSUPPORTED, "the venue was not loaded"))
                self._judgement.does_not_support(rule, why)
                continue
            rows.append((word, value_in_words(expected[word]), value_in_words(given)))
            if agrees(expected[word], given, tolerance.get(word, 0)):
                self._judgement.comparisons[rule] += 1
                continue
            difference = Difference(rule, word, *rows[-1][1:], case.given["query"])
            read = policy_of(policy)
            story = Story(read, venue_from(case.given["venue"], read), (), case.id)
            self._judgement.differs(Seen(difference, story, tuple(rows)))

    def _ask_policy(self, case: Case) -> None:
        document = case.given["policy"]
        answer = self._asked.load(document, genesis_in_texts(document))
        outcome = answer["outcome"]
        if outcome == UNSUPPORTED:
            self._judgement.does_not_support(case.rule, str(answer["reason"]))
            return
        expected = ACCEPTED if case.refusal is None else REFUSED
        # A reason is a sentence of the engine about its own form of the policy: the rule is what is compared.
        alike = case.refusal is None or answer.get("rule", case.refusal["rule"]) == case.refusal["rule"]
        if outcome != expected or not alike:
            law = "accepted" if case.refusal is None else f"refused {answer_in_words(case.refusal)}"
            self._load_differs(case, case.rule, "load", law, answer_in_words(answer))
            return
        self._judgement.comparisons[case.rule] += 1
        wanted = (case.expected or {}).get("digest")
        digest = answer.get("digest", wanted)
        if digest != wanted and self._asked.hello.claims(RULE_OF_DIGEST):
            self._load_differs(case, RULE_OF_DIGEST, "digest", str(wanted), digest)

    def _load_differs(self, case: Case, rule: str, what: str, law: str, engine: str) -> None:
        story = Story(policy_of(case.given["policy"]), None, (), case.id)
        self._judgement.differs(Seen(Difference(rule, what, law, engine), story, ((what, law, engine),)))

    def _loaded(self, case: Case, policy: Document) -> Document | None:
        """Load the venue of a case; None if the engine does not accept it."""
        answer = self._asked.load(policy, case.given["venue"])
        return answer if answer["outcome"] == ACCEPTED else None

    def _misbehaved(self, found: Misbehaviour, case: Case, story: Story | None) -> None:
        findings = self._judgement.findings
        findings.append(Finding(found.kind, found.text, found.stderr, case.rule, self._asked.request, story))
        if len(findings) >= FINDINGS_MOST:
            raise Enough


def rules_of_case(case: Case) -> tuple[str, ...]:
    """The rules by which the law decides an event: that which refuses, or those that post."""
    if case.refusal is not None:
        return (case.refusal["rule"],)
    assert case.expected is not None
    words = (row[0].split() for row in case.expected["postings"])
    return tuple(dict.fromkeys(rule for kind, rule, *_ in words if kind != "clock")) or (RULE_OF_TIME,)


# ------------------------------------------------------------------------------------- traces


def run_traces(asked: Asked, judgement: Judgement, traces: Sequence[VectorTrace]) -> None:
    """Play every trace whose policy the engine takes on both sides. Errors: Enough.

    The law plays along. That it answers what the files say is checked by `marginspec vectors --check`.
    """
    for trace in traces:
        policy = policy_of(trace.policy)
        if not takes_policy(asked.hello, policy, shipped_policy):
            judgement.counts["traces not asked"] += 1
            continue
        mine = Judgement(findings=judgement.findings)
        try:
            trial = Trial(asked, mine, case=f"traces/{trace.name}", keeps_rows=True)
            trial.begin(policy, venue_from(dict(trace.start), policy))
            for step in trace.steps:
                if not trial.over:
                    trial.step(event_from(dict(step["event"])))
        finally:
            mine.findings = []
            asked_of = "traces not asked" if trial.over else "traces"
            mine.counts = Counter({asked_of: 1, "events of traces": mine.counts["events"]})
            judgement.add(mine)
