"""A trial: an engine beside the law, with the same venue and the same events, compared after each.

An event is asked of the engine if it claims every rule by which the law decides it: the rule that refuses,
or the rules that post. Any other event only the law plays, and the engine is loaded with the venue after it:
that is also how an engine is judged that answers `query` alone, or claims nothing but margins. Of the
queries, those are asked whose rule is claimed. A number outside the engine's domain is never sent.

After a difference the engine is loaded with the law's venue, so that one fault is found once and hides no
other; likewise after a misbehaviour, and after an event that the engine does not support.
"""

from collections.abc import Mapping, Sequence

from marginspec.conform.asked import Asked, is_inside
from marginspec.conform.compare import (
    PLACE_OF_WORD,
    RULE_OF_DIGEST,
    RULE_OF_TIME,
    RULE_OF_WORD,
    Difference,
    agrees,
    answer_in_words,
    may_be_asked,
    outcome_differs,
    postings_differ,
    refusal_in_words,
    row_in_words,
    rule_of_word,
    rules_of,
    value_in_words,
    words_that_differ,
)
from marginspec.conform.engine import ACCEPTED, UNSUPPORTED, Document, Misbehaviour
from marginspec.conform.in_texts import (
    digest_of_policy,
    event_in_texts,
    texts,
    venue_digest,
    venue_in_texts,
)
from marginspec.conform.judgement import FINDINGS_MOST, Finding, Judgement, Row, Seen, Story
from marginspec.conform.law_engine import posting_rows
from marginspec.conform.questions import BOUNDED, answers, rule_beyond
from marginspec.conform.questions_after import Question, all_questions, can_be_asked, questions_after
from refmodel.canonical import policy_document
from refmodel.events import Event
from refmodel.outcome import Outcome
from refmodel.policy import Policy
from refmodel.rulebook import RULES
from refmodel.state import Venue, genesis
from refmodel.venue import apply

RULE_OF_LOAD = "EVT-4"
DIGEST_EVERY = 8
"""Events between two comparisons of the digest, where equal postings have told the same already."""


class Enough(Exception):
    """The engine has misbehaved so often that it is asked no more."""


class Trial:
    """One history on both sides.

    venue        of the law
    unsupported  what the engine said when it would not begin, or empty
    over         whether there is no use in going on
    rows         both sides of the last event, if the trial is to keep them
    """

    def __init__(
        self,
        asked: Asked,
        judgement: Judgement,
        *,
        case: str = "",
        everything: bool = False,
        only: Difference | None = None,
        only_at: int = 0,
        keeps_rows: bool = False,
    ) -> None:
        """A trial that reports to a judgement.

        case        the vector that is asked, or empty
        everything  ask all questions after every event
        only        look for this difference alone: compare the digest, or ask its question, or neither
        only_at     number of the event after which alone that is done; 0: after every event
        """
        self._asked = asked
        self._judgement = judgement
        self._case = case
        self._everything = everything
        self._only = only
        self._only_at = only_at
        self._keeps_rows = keeps_rows
        self.rows: list[Row] = []
        self.unsupported = ""
        self.over = False
        self.venue: Venue

    def begin(self, policy: Policy, start: Venue | None) -> None:
        """Load both sides with a venue; None is the genesis of the policy."""
        self._policy = policy
        self._policy_text, self._policy_digest = told_of(policy)
        self._digested: tuple[Venue | None, str] = (None, "")
        self._start = start
        self._events: list[Event] = []
        self.venue = genesis(policy) if start is None else start
        self._loaded = False
        if not is_inside(self._asked.hello, self._policy_text):
            self._judgement.counts["outside the domain"] += 1
            self.over = True
            return
        self._load()

    def step(self, event: Event) -> list[Difference]:
        """Play one event on both sides; what differs."""
        self.rows = []
        hello = self._asked.hello
        document = event_in_texts(event)
        if not is_inside(hello, document):
            self._judgement.counts["outside the domain"] += 1
            return []
        outcome = apply(self.venue, event)
        rules = rules_of(outcome)
        self._events.append(event)
        self._judgement.counts["events"] += 1
        self._judgement.counts["accepted"] += outcome.refusal is None
        asks = "apply" in hello.requests and all(hello.claims(rule) for rule in rules)
        try:
            if not asks:
                self.venue = outcome.venue
                self._loaded = self._loaded and outcome.refusal is not None
                return self._ask_after(event, outcome, None, state_is_known=False)
            return self._apply(event, document, outcome, rules)
        except Misbehaviour as found:
            self.venue = outcome.venue
            self._misbehaved(found, rules[-1])
            return []

    def ask(self, question: Question, last: Outcome | None = None) -> list[Difference]:
        """Ask both sides a question; what differs.

        last  the outcome of the event that the engine was just asked for
        """
        asked, hello = self._asked, self._asked.hello
        words = [
            word
            for word in question["what"]
            if may_be_asked(word, last, hello.claims) and not asked.gave_up(word)
        ]
        if not words or "query" not in hello.requests or not (self._loaded or self._load()):
            return []
        question = {**question, "what": words}
        try:
            theirs = asked.query(question)
        except Misbehaviour as found:
            self._misbehaved(found, RULE_OF_WORD[words[0]])
            return []
        supported = []
        for word in words:
            given = theirs[word]
            asked.note(word, supported=not isinstance(given, Mapping))
            if isinstance(given, Mapping):
                self._judgement.does_not_support(RULE_OF_WORD[word], str(given[UNSUPPORTED]))
            else:
                supported.append(word)
        if not supported:
            return []
        question["what"] = supported
        return self._compare(question, answers(self.venue, question), theirs, last)

    # --------------------------------------------------------------------------------- one event

    def _apply(
        self, event: Event, document: Document, outcome: Outcome, rules: tuple[str, ...]
    ) -> list[Difference]:
        """Ask the engine for an event, and compare everything that it says."""
        if not (self._loaded or self._load()):
            self.venue = outcome.venue
            return []
        self._loaded = False
        answer = self._asked.apply(document)
        self.venue = outcome.venue
        if answer["outcome"] == UNSUPPORTED:
            for rule in rules:
                self._judgement.does_not_support(rule, str(answer["reason"]))
            return []
        claims = self._asked.hello.claims
        self._keep_outcome(outcome, answer)
        difference = outcome_differs(outcome, answer, claims)
        rows: list[list[str]] | None = None
        if difference is None and outcome.refusal is None and "postings" in answer:
            rows = posting_rows(outcome.postings)
            difference = postings_differ(rows, answer["postings"], claims)
        if difference is not None:
            return self._differs([difference])
        self._loaded = True
        state_is_known = False
        if "digest" in answer and self._digest_is_due(rows is not None):
            ours = self._digest()
            if ours != answer["digest"]:
                return self._digest_differs(event, outcome, ours, answer["digest"])
            self._judgement.comparisons[RULE_OF_DIGEST] += 1
            state_is_known = True
        found = self._ask_after(event, outcome, outcome, state_is_known or rows is not None)
        if not any(difference.what in PLACE_OF_WORD for difference in found):
            self._judgement.comparisons.update(rules)
            if outcome.refusal is None:
                self._judgement.comparisons[RULE_OF_TIME] += 1
        return found

    def _digest_is_due(self, postings_agree: bool) -> bool:
        """Whether the digest after this event is compared: it takes as long as the event itself."""
        step = len(self._events)
        if self._only is not None:
            return self._only.what == "digest" and self._only_at in (0, step)
        return not postings_agree or step % DIGEST_EVERY == 0

    def _ask_after(
        self, event: Event, outcome: Outcome, last: Outcome | None, state_is_known: bool
    ) -> list[Difference]:
        """Ask the questions that follow an event."""
        step = len(self._events)
        if self._only is not None:
            only = self._only.question
            if only is None or self._only_at not in (0, step) or not can_be_asked(only, self.venue):
                return []
            return self.ask(dict(only), last)
        found: list[Difference] = []
        for question in (
            all_questions(event, outcome)
            if self._everything
            else questions_after(event, outcome, step, state_is_known)
        ):
            found += self.ask(question, last)
            if found and found[-1].what in PLACE_OF_WORD:
                break
        return found

    def _digest_differs(self, event: Event, outcome: Outcome, ours: str, theirs: str) -> list[Difference]:
        """Find out where two venues of different digests differ; if no question shows it, EVT-5."""
        if self._only is None or self._only.what != "digest":
            for question in all_questions(event, outcome):
                found = [each for each in self.ask(question, outcome) if each.what in PLACE_OF_WORD]
                if found:
                    return found
        self._keep("digest", ours, theirs)
        self._loaded = False
        return self._differs([Difference(RULE_OF_DIGEST, "digest", ours, theirs)])

    def _compare(
        self, question: Question, ours: Document, theirs: Document, last: Outcome | None
    ) -> list[Difference]:
        """Compare the answers to a question, and count each word."""
        hello = self._asked.hello
        found = []
        for word, differs in words_that_differ(question, ours, theirs, hello.tolerance):
            if self._keeps_rows:
                both = map(value_in_words, (ours[word], theirs[word]))
                self._keep(f"{word} {subject_of(question)}", *both)
            if not differs:
                # What the wallet says after an event is said of the rules that posted to it.
                if hello.claims(RULE_OF_WORD[word]) and (word != "wallet" or last is None):
                    self._judgement.comparisons[RULE_OF_WORD[word]] += 1
                continue
            rule = rule_of_word(word, question, ours[word], theirs[word], last, hello.claims)
            if word in PLACE_OF_WORD:
                self._loaded = False
                if last is not None and self._differs_when_loaded(word, question, ours[word]):
                    rule = RULE_OF_WORD[word]
            if word in BOUNDED and int(theirs[word]) > int(ours[word]):
                refusing = rule_beyond(self.venue, question, word, int(ours[word]))
                rule = refusing if hello.claims(refusing) else rule
            said = (value_in_words(ours[word]), value_in_words(theirs[word]))
            found.append(Difference(rule, word, *said, question))
        return self._differs(found) if found else found

    def _differs_when_loaded(self, word: str, question: Question, ours: object) -> bool:
        """Whether the engine answers otherwise as well when it is just loaded: then no event is to blame."""
        hello = self._asked.hello
        if not (hello.claims(RULE_OF_WORD[word]) and self._load()):
            return False
        try:
            theirs = self._asked.query({**question, "what": [word]})[word]
        except Misbehaviour as found:
            self._misbehaved(found, RULE_OF_WORD[word])
            return False
        return not agrees(ours, theirs, hello.tolerance.get(word, 0))

    # --------------------------------------------------------------------------------- the engine

    def _load(self) -> bool:
        """Load the engine with the law's venue; False if it cannot be."""
        if self.over:
            return False
        venue = venue_in_texts(self.venue, self._policy_digest)
        if not is_inside(self._asked.hello, venue):
            self._judgement.counts["outside the domain"] += 1
            self.over = True
            return False
        try:
            answer = self._asked.load(self._policy_text, venue)
        except Misbehaviour as found:
            self._misbehaved(found, RULE_OF_LOAD)
            return False
        if answer["outcome"] != ACCEPTED:
            self.unsupported = str(answer.get("reason", "no reason given"))
            self.over = True
            if answer["outcome"] != UNSUPPORTED:
                said = answer_in_words(answer)
                rule = str(answer.get("rule", ""))
                rule = rule if rule in RULES and self._asked.hello.claims(rule) else RULE_OF_LOAD
                self._differs([Difference(rule, "load", "accepted", said)])
            return False
        digest = answer.get("digest")
        looked_for = self._only is None or self._only.what == "digest"
        if digest is not None and looked_for and self._asked.hello.claims(RULE_OF_DIGEST):
            ours = self._digest()
            if digest == ours:
                self._judgement.comparisons[RULE_OF_DIGEST] += 1
            else:
                self._keep("digest", ours, str(digest))
                self._differs([Difference(RULE_OF_DIGEST, "digest", ours, str(digest))])
        self._loaded = True
        return True

    def _digest(self) -> str:
        """The digest of the law's venue; where nothing has changed since, it costs nothing."""
        if self._digested[0] is not self.venue:
            self._digested = (self.venue, venue_digest(self.venue, self._policy_digest))
        return self._digested[1]

    def _misbehaved(self, found: Misbehaviour, rule: str) -> None:
        """Keep a misbehaviour. Errors: Enough after too many."""
        self._loaded = False
        finding = Finding(found.kind, found.text, found.stderr, rule, self._asked.request, self._story())
        self._judgement.findings.append(finding)
        if len(self._judgement.findings) >= FINDINGS_MOST:
            raise Enough

    # --------------------------------------------------------------------------------- what is kept

    def _story(self) -> Story:
        return Story(self._policy, self._start, tuple(self._events), self._case)

    def _differs(self, found: list[Difference]) -> list[Difference]:
        """Report differences, and hand them on."""
        for difference in found:
            known = self._judgement.seen.get(difference.rule)
            if known is not None and not self._case and len(known.story.events) <= len(self._events):
                self._judgement.differing[difference.rule] += 1
            else:
                story = self._story()
                self._judgement.differs(Seen(difference, story, tuple(self.rows), len(story.events)))
        return found

    def _keep(self, name: str, law: str, engine: str) -> None:
        if self._keeps_rows:
            self.rows.append((name, law, engine))

    def _keep_outcome(self, outcome: Outcome, answer: Document) -> None:
        """Keep both answers to an event, posting by posting where the engine gives them."""
        if not self._keeps_rows:
            return
        refusal = outcome.refusal
        self._keep(
            "answer",
            "accepted" if refusal is None else refusal_in_words(refusal),
            answer_in_words({key: value for key, value in answer.items() if key != "postings"}),
        )
        theirs: Sequence[Sequence[str]] = answer.get("postings", ())
        ours = posting_rows(outcome.postings) if theirs or answer["outcome"] != ACCEPTED else []
        for number in range(max(len(ours), len(theirs))):
            both = (side[number] if number < len(side) else None for side in (ours, theirs))
            self._keep(f"posting {number + 1}", *map(row_in_words, both))


_LAST_TOLD: list[tuple[Policy, Document, str]] = []
"""The policy of the last trial: many are played on the same one."""


def told_of(policy: Policy) -> tuple[Document, str]:
    """The document of a policy as it travels, and its digest."""
    if not _LAST_TOLD or _LAST_TOLD[0][0] is not policy:
        document = texts(policy_document(policy))
        _LAST_TOLD[:] = [(policy, document, digest_of_policy(document))]
    return _LAST_TOLD[0][1:]


def subject_of(question: Document) -> str:
    """What a question is about, in words."""
    return " ".join(str(question[key]) for key in ("account", "market", "side", "pool") if key in question)
