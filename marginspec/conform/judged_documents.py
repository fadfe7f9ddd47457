"""Judgements as JSON, and back: the form in which an evidence file has what a piece of work came to."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from marginspec.conform.compare import Difference
from marginspec.conform.judgement import Finding, Judgement, Seen, Story
from marginspec.documents import policy_from_canonical
from refmodel.canonical import event_document, event_from, policy_document, venue_document, venue_from

COUNTED = ("comparisons", "differing", "unsupported", "counts")
"""The counters of a judgement."""
Document = dict[str, Any]


def judgement_document(part: Judgement, total: Judgement) -> Document:
    """What a piece of work came to.

    total  of the pieces before it: a history that is not to take the place of what the total has is left out
    """
    seen = {rule: one for rule, one in part.seen.items() if total.would_keep(one)}
    return {
        **{name: dict(getattr(part, name)) for name in COUNTED},
        "whys": dict(part.whys),
        "seen": {rule: seen_document(one) for rule, one in seen.items()},
        "cases": {rule: list(cases) for rule, cases in part.cases.items()},
        "seen_in_vector": {rule: seen_document(one) for rule, one in part.seen_in_vector.items()},
        "findings": [finding_document(one) for one in part.findings],
    }


def judgement_from(document: Mapping[str, Any]) -> Judgement:
    """The judgement that a document stands for."""
    return Judgement(
        **{name: Counter(document[name]) for name in COUNTED},
        whys=dict(document["whys"]),
        seen={rule: seen_from(one) for rule, one in document["seen"].items()},
        cases={rule: list(cases) for rule, cases in document["cases"].items()},
        seen_in_vector={rule: seen_from(one) for rule, one in document["seen_in_vector"].items()},
        findings=[finding_from(one) for one in document["findings"]],
    )


def to_json(document: Document) -> bytes:
    """The JSON of a document, its keys in their own order: as the markets of a policy are told to people."""
    return json.dumps(document, separators=(",", ":")).encode()


def in_texts(document: Any) -> Any:
    """A document with its whole numbers as texts, as those read it who read chapter 12."""
    if isinstance(document, dict):
        return {key: in_texts(member) for key, member in document.items()}
    if isinstance(document, list):
        return [in_texts(member) for member in document]
    return str(document) if type(document) is int else document


def story_document(story: Story) -> Document:
    """What an engine was told: policy, venue and events."""
    return {
        "policy": policy_document(story.policy),
        "start": None if story.start is None else venue_document(story.start),
        "events": [event_document(event) for event in story.events],
        "case": story.case,
    }


def story_from(document: Mapping[str, Any]) -> Story:
    """The story that a document stands for."""
    policy = policy_from_canonical(in_texts(document["policy"]), "policy")
    start = document["start"]
    return Story(
        policy,
        None if start is None else venue_from(start, policy),
        tuple(map(event_from, document["events"])),
        document["case"],
    )


def seen_document(seen: Seen) -> Document:
    """A difference and where it showed."""
    difference = seen.difference
    question = None if difference.question is None else dict(difference.question)
    return {
        "rule": difference.rule,
        "what": difference.what,
        "law": difference.law,
        "engine": difference.engine,
        "question": question,
        "story": story_document(seen.story),
        "rows": [list(row) for row in seen.rows],
        "before": seen.before,
        "problem": seen.problem,
    }


def seen_from(document: Mapping[str, Any]) -> Seen:
    """The difference that a document stands for."""
    difference = Difference(*(document[key] for key in ("rule", "what", "law", "engine", "question")))
    rows = tuple((what, law, engine) for what, law, engine in document["rows"])
    return Seen(difference, story_from(document["story"]), rows, document["before"], document["problem"])


def finding_document(finding: Finding) -> Document:
    """A misbehaviour."""
    return {
        "kind": finding.kind,
        "text": finding.text,
        "stderr": list(finding.stderr),
        "rule": finding.rule,
        "request": finding.request,
        "story": None if finding.story is None else story_document(finding.story),
    }


def finding_from(document: Mapping[str, Any]) -> Finding:
    """The misbehaviour that a document stands for."""
    return Finding(
        document["kind"],
        document["text"],
        tuple(document["stderr"]),
        document["rule"],
        document["request"],
        None if document["story"] is None else story_from(document["story"]),
    )
