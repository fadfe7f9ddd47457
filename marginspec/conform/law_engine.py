"""The law as an engine: what refmodel answers to each request of spec/protocol.md.

It is our side of a comparison, what `marginspec serve` serves, and the engine that conforms by definition.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from marginspec import __version__
from marginspec.conform.engine import ACCEPTED, ALL, ERROR, PROTOCOL, REFUSED, Document, shown
from marginspec.conform.in_texts import (
    ENCODER,
    digest_of_policy,
    event_in_texts,
    texts,
    venue_digest,
    venue_in_texts,
)
from marginspec.conform.questions import answers
from marginspec.documents import TRACE_FORMAT, policy_from_canonical, venue_from_document
from marginspec.errors import Flaw, InputError
from marginspec.validation import flaws_of
from refmodel.canonical import event_from, policy_document, venue_from
from refmodel.events import Event
from refmodel.outcome import Outcome
from refmodel.policy import Policy
from refmodel.postings import AccountOpened, DrawCounted, Entry, MarkSet, OrdersSet, Posting
from refmodel.state import Venue
from refmodel.validity import Fault, faults
from refmodel.venue import apply

__all__ = [
    "LawEngine",
    "answers",
    "event_of",
    "outcome_document",
    "policy_of",
    "posting_row",
    "posting_rows",
    "texts",
    "venue_digest",
    "venue_of",
]


POLICIES_KEPT = 16
"""Policies that an engine remembers having read."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A policy that was read, its digest, and the first rule of chapter 13 that it breaks."""

    policy: Policy
    digest: str
    fault: Fault | None


class LawEngine:
    """The law behind the five requests. It answers with postings and a digest, and claims every rule."""

    def __init__(self) -> None:
        self._venue: Venue | None = None
        self._digest_of_policy = ""
        self._known: dict[bytes, _Read] = {}

    def hello(self) -> Document:
        """Who answers."""
        return {"engine": "marginspec", "version": __version__, "protocol": PROTOCOL, "rules": ALL}

    def load(self, policy: Document, venue: Document) -> Document:
        """Begin anew.

        returns  accepted, refused by the first rule of chapter 13 that the policy breaks, or an error for
                 documents that are not of their form and for a venue that no history leads to
        """
        self._venue = None
        try:
            read = self._read_policy(policy)
            if read.fault is not None:
                reason = f"{read.fault.key} is {read.fault.value}; valid is {read.fault.valid}"
                return {"outcome": REFUSED, "rule": read.fault.rule, "reason": reason}
            self._venue, self._digest_of_policy = venue_of(venue, read.policy, read.digest), read.digest
        except InputError as error:
            return _error(_sentences(error))
        return {"outcome": ACCEPTED, "digest": self._digest(self._venue)}

    def apply(self, event: Document) -> Document:
        """What the law answers to an event."""
        if self._venue is None:
            return _error(NOTHING_LOADED)
        try:
            outcome = apply(self._venue, event_of(event))
        except InputError as error:
            return _error(_sentences(error))
        self._venue = outcome.venue
        return {**outcome_document(outcome), "digest": self._digest(outcome.venue)}

    def query(self, question: Document) -> Document:
        """What is so in the venue."""
        return _error(NOTHING_LOADED) if self._venue is None else answers(self._venue, question)

    def _read_policy(self, document: Document) -> _Read:
        """The policy of a document; one that was read before costs nothing. Errors: InputError."""
        try:
            text = ENCODER.encode(document)
        except NOT_JSON:
            raise _unreadable("policy", "trace", {**EMPTY_TRACE, "policy": document}) from None
        read = self._known.get(text)
        if read is None:
            policy = policy_of(document)
            read = _Read(policy, digest_of_policy(document), next(iter(faults(policy)), None))
            if len(self._known) >= POLICIES_KEPT:
                del self._known[next(iter(self._known))]
            self._known[text] = read
        return read

    def _digest(self, venue: Venue) -> str:
        return venue_digest(venue, self._digest_of_policy)


NOTHING_LOADED = "no venue is loaded. Send `load` first."


def _error(reason: str) -> Document:
    return {"outcome": ERROR, "reason": reason}


def _sentences(error: InputError) -> str:
    """What is wrong with a request, on one line; the first three things, if there are many."""
    return " ".join(f"{error.source}: {flaw} {flaw.repair}" for flaw in error.flaws[:3])


# ------------------------------------------------------------------------------------- answers


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """The answer to `apply` that an outcome of the law stands for, without a digest."""
    if outcome.refusal is not None:
        return {"outcome": REFUSED, "rule": outcome.refusal.rule, "reason": outcome.refusal.reason}
    return {"outcome": ACCEPTED, "postings": posting_rows(outcome.postings)}


def posting_rows(postings: Iterable[Entry]) -> list[list[str]]:
    """Postings as spec/logs.md writes them, in their order."""
    return [posting_row(entry) for entry in postings]


def posting_row(entry: Entry) -> list[str]:
    """A posting as spec/logs.md writes it: words, holder, market, amount, a second amount unless it is 0."""
    if isinstance(entry, Posting):
        place = entry.place
        return [_words(place.kind, entry.rule, entry.stage), place.holder, place.market, str(entry.amount)]
    if isinstance(entry, OrdersSet):
        words = _words("orders", entry.rule, entry.stage)
        row = [words, entry.account, entry.market, str(entry.buys)]
        return [*row, str(entry.sells)] if entry.sells else row
    if isinstance(entry, DrawCounted):
        row = [_words("drawn", entry.rule, entry.stage), entry.pool, "", str(entry.drawn)]
        return [*row, str(entry.period)] if entry.period else row
    if isinstance(entry, MarkSet):
        return [f"mark {entry.rule}", "", entry.market, str(entry.price)]
    if isinstance(entry, AccountOpened):
        return [f"opened {entry.rule}", entry.account, entry.pool, "0"]
    return [f"clock {entry.rule}", "", "", str(entry.time)]


def _words(kind: str, rule: str, stage: str) -> str:
    return f"{kind} {rule} {stage}" if stage else f"{kind} {rule}"


# ------------------------------------------------------------------------------------- reading


def policy_of(document: Document) -> Policy:
    """The policy of a document (EVT-4), whether or not it breaks rules of chapter 13.

    Errors: InputError for a document of another form.
    """
    try:
        policy = policy_from_canonical(dict(document), "policy")
        if texts(policy_document(policy)) == document:
            return policy
    except NOT_OF_THE_FORM:
        pass
    raise _unreadable("policy", "trace", {**EMPTY_TRACE, "policy": document})


def venue_of(document: Document, policy: Policy, digest: str = "") -> Venue:
    """The venue of a document (EVT-4), if events can lead to it under a policy. Errors: InputError.

    digest  of the policy, if it has been worked out already
    """
    try:
        venue = venue_from(dict(document), policy)
        if venue_in_texts(venue, document["policy"]) == document:
            return venue_from_document(dict(document), policy, "venue", digest=digest)
    except NOT_OF_THE_FORM:
        pass
    raise _unreadable("venue", "venue", document)


def event_of(document: Document) -> Event:
    """The event of a document (EVT-4). Errors: InputError for a document of another form."""
    try:
        event = event_from(dict(document))
        if event_in_texts(event) == document and _has_texts(document):
            return event
    except NOT_OF_THE_FORM:
        pass
    raise _unreadable("event", "event", document)


NOT_OF_THE_FORM = (AssertionError, AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""What the readers of the law raise for a document that no schema has checked. Schemas take a hundred times
as long as reading does, so a document is read, written again and compared; only one that differs is looked at
by them, for the words."""
NOT_JSON = (msgspec.MsgspecError, OverflowError, RecursionError, TypeError, ValueError)
"""What is raised for a document that has no JSON text."""
EMPTY_TRACE: dict[str, Any] = {"format": TRACE_FORMAT, "start": None, "events": []}


def _has_texts(event: Document) -> bool:
    """Whether the names of an event are texts; its numbers are, if it is written again as it was."""
    names = (value for key, value in event.items() if key != "marks")
    return all(isinstance(name, str) for name in (*names, *event.get("marks", ())))


def _unreadable(source: str, schema: str, document: Any) -> InputError:
    """What keeps a document from being read, in the words of its schema."""
    if not isinstance(document, Mapping):
        return InputError(source, Flaw("", f"is {shown(document)}.", "Write a JSON object."))
    try:
        flaws = flaws_of(copy.deepcopy(document), schema)
    except RecursionError:
        flaws = (Flaw("", "is nested too deeply.", "No document of ours has more than six levels."),)
    other = Flaw("", "is not of its form.", f"See spec/schema/{schema}.schema.json.")
    return InputError(source, *(flaws or (other,)))
