"""Traces as vectors: events one after the other, with what the law answers to each.

A trace says after each event what was refused and the digest of the venue; after the last one also where
every account stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginspec.documents import policy_from_canonical, read_json, venue_from_document, write_text
from marginspec.errors import Flaw, InputError
from marginspec.validation import flaws_of
from marginspec.vectors.arguments import plain
from marginspec.vectors.expectations import Document, answer_to_event, standings
from marginspec.vectors.files import NAME, TRACES, VECTORS, line_of
from refmodel.canonical import digest
from refmodel.validity import faults

FORMAT = "marginspec-vector-trace/1"


@dataclass(frozen=True, slots=True)
class VectorTrace:
    """A history, and what the law answers to each of its events.

    name    words, the file's name without its ending
    about   a sentence: what happens, and why it is here
    policy  whole, as a document (EVT-4)
    start   the venue before the first event, as a document
    steps   `event`, `digest`, `refused` where the law refuses, and in the last one `after`
    """

    name: str
    about: str
    policy: Document
    start: Document
    steps: tuple[Document, ...]


def read_traces(folder: Path = VECTORS) -> list[VectorTrace]:
    """Every trace in a folder of vectors, in the order of the alphabet. Errors: InputError."""
    return [read_trace(path) for path in sorted((folder / TRACES).glob("*.json"))]


def read_trace(path: Path) -> VectorTrace:
    """The trace in a file. Errors: InputError."""
    document = read_json(path)
    flaws = flaws_of(document, "vector-trace")
    if flaws:
        raise InputError(str(path), *flaws)
    return VectorTrace(
        path.stem, document["about"], document["policy"], document["start"], tuple(document["steps"])
    )


def traced(
    name: str, about: str, policy: Document, start: Document, events: Iterable[Document], source: str = ""
) -> VectorTrace:
    """A trace with what the law answers.

    Errors: InputError for a policy that breaks rules, or a venue that no events lead to.
    """
    policy, start = plain(policy), plain(start)
    terms = policy_from_canonical(dict(policy), source, "policy")
    found = faults(terms)
    if found:
        problem = f"breaks {found[0].rule}: {found[0].key} is {found[0].value}."
        raise InputError(source, Flaw("policy", problem, "A trace runs under a valid policy."))
    venue = venue_from_document(dict(start), terms, source, "start")
    steps: list[dict[str, Any]] = []
    for event in events:
        venue, (_, refusal) = answer_to_event(venue, plain(event))
        refused = {} if refusal is None else {"refused": refusal}
        steps.append({"event": plain(event), **refused, "digest": digest(venue)})
    if steps:
        steps[-1]["after"] = standings(venue)
    return VectorTrace(name, about, policy, start, tuple(steps))


def recomputed_trace(trace: VectorTrace, source: str = "") -> VectorTrace:
    """A trace with everything but its inputs worked out anew. Errors: InputError."""
    events = [step["event"] for step in trace.steps]
    return traced(trace.name, trace.about, trace.policy, trace.start, events, source)


def trace_text(trace: VectorTrace) -> str:
    """A trace as text, a line for each step."""
    steps = ",".join(f"\n    {line_of(step)}" for step in trace.steps)
    parts = [
        f'  "format": {line_of(FORMAT)}',
        f'  "about": {line_of(trace.about)}',
        f'  "policy": {line_of(trace.policy)}',
        f'  "start": {line_of(trace.start)}',
        f'  "steps": [{steps}]',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def add_trace(
    name: str,
    about: str,
    policy: Document,
    start: Document,
    events: Iterable[Document],
    folder: Path = VECTORS,
) -> Path:
    """Write a trace beside those that are there, with what the law answers.

    returns  its file
    Errors: InputError if the name is there with another policy, start or events: a trace never changes.
    """
    path = folder / TRACES / f"{name}.json"
    if not NAME.match(name):
        raise InputError(str(path), Flaw("", f"{name} is no name.", "Write words, such as nobody-takes-it."))
    trace = traced(name, about, policy, start, events, str(path))
    if path.exists():
        there = read_trace(path)
        inputs = [
            (each.policy, each.start, [step["event"] for step in each.steps]) for each in (trace, there)
        ]
        if inputs[0] != inputs[1]:
            repair = "Nothing that is published changes: take another name."
            raise InputError(str(path), Flaw("", "is there already with another history.", repair))
    write_text(path, trace_text(trace))
    return path
