"""The audit itself: a log run table by table, compared, its books looked at, and kept as it goes."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from marginspec.audit.books import broken, unbalanced
from marginspec.audit.claims import Finding, differences, records_of
from marginspec.audit.errors import LogError
from marginspec.audit.header import Header, start_of
from marginspec.audit.machines import MACHINES, Answer, Machine
from marginspec.audit.names import Names
from marginspec.audit.table import Column, Table
from marginspec.errors import Flaw
from marginspec.evidence import Evidence
from refmodel.canonical import canonical_text, venue_from
from refmodel.policy import Policy

FINDINGS_KEPT = 1_000
"""Findings that are kept and told; the rest are counted."""
PART = 16_384
"""Events that are run at once."""
BOOKS_EVERY = 262_144
"""Events between two looks at the whole state; four times as many as accounts, if there are so many."""
SAVING_MOST = 20
"""A checkpoint is made when this many times the time has passed that the last one took."""


class Midway(LogError):
    """The machine stands within a table, where no checkpoint can be made: the last one stays."""


class Reader(Protocol):
    """A log that is being read: LinesReader or ColumnsReader."""

    form: str
    source: str
    size: int
    read: int
    header: Header

    def identity(self) -> dict[str, Any]:
        """What tells this log from another."""

    def tables(self, names: Names, position: int, checksum: int, line: int) -> Iterator[Table]:
        """The log from a position on."""


@dataclass(slots=True)
class Counts:
    """What an audit has counted.

    line, checksum   of the log, up to where it has been audited
    postings         that the machine made
    claimed          postings that the log claims, and that were compared
    digests          of the state that the log claims, and that were compared
    looks, looked_at looks at the whole state, and the event after which the last one was
    """

    events: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    postings: int = 0
    claimed: int = 0
    digests: int = 0
    looks: int = 0
    looked_at: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    line: int = 0
    checksum: int = 0

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return told | {"refused": dict(sorted(self.refused.items())), "findings": dict(self.findings)}

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Counts":
        """What document() has told."""
        counted = {name: Counter(document[name]) for name in ("refused", "findings")}
        return cls(**(document | counted))


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit came to.

    digest    of the state at the end
    stopped   why the log could not be run to its end; None if it was
    whole     whether the log ended with a checkpoint that was right
    resumed   the event after which this run went on; 0 from the beginning
    seconds   that this run took
    ending    seconds for the last checkpoint and the digest at the end
    """

    counts: Counts
    findings: tuple[dict[str, Any], ...]
    digest: str
    stopped: LogError | None
    whole: bool
    resumed: int
    seconds: float
    ending: float


class Auditor:
    """One audit of one log. every: seconds between checkpoints, at least."""

    def __init__(
        self, reader: Reader, policy: Policy, against: str, evidence: Evidence | None, every: float
    ) -> None:
        self.reader = reader
        self.evidence = evidence
        self.every = every
        self.counts = Counts()
        self.position = 0
        self.findings: list[dict[str, Any]] = []
        self.whole = False
        start = None
        last = None if evidence is None else evidence.last_checkpoint()
        if last is not None:
            told = last.counts
            start = venue_from(json.loads(last.state), policy)
            self.counts, self.position, self.whole = Counts.of(told["counts"]), last.position, told["whole"]
            assert evidence is not None
            self.findings = evidence.findings()
        self.machine: Machine = MACHINES[against](
            start_of(reader.header, policy, reader.source) if start is None else start
        )
        kept = min(sum(self.counts.findings.values()), FINDINGS_KEPT)
        if last is not None and (last.counts["digest"], kept) != (self.machine.digest(), len(self.findings)):
            problem = "is damaged: its state does not have its digest, or findings are missing."
            flaw = Flaw("", problem, "Remove it and audit the log from its beginning.")
            raise LogError(str(evidence.path if evidence else ""), flaw)

    def run(self, progress: Callable[[float, str], None]) -> Audited:
        """Audit to the end of the log, or to where it cannot be run on."""
        began = saved = time.perf_counter()
        resumed, cost = self.counts.events, 0.0
        stopped, digest = None, ""
        names = self.machine.names
        tables = self.reader.tables(names, self.position, self.counts.checksum, self.counts.line)
        try:
            for table, records in ahead(prepared(tables, names)):
                self._table(table, records)
                now = time.perf_counter()
                rate = (self.counts.events - resumed) / (now - began)
                progress(self.reader.read, f"{self.counts.events:_} events, {rate:_.0f}/s".replace("_", " "))
                if table.end and now - saved >= max(self.every, SAVING_MOST * cost):
                    self._save()
                    saved = time.perf_counter()
                    cost = saved - now
        except LogError as error:
            stopped = error
        else:
            self._look()
        seconds = time.perf_counter() - began
        if not isinstance(stopped, Midway):
            digest = self._save()
        digest = digest or self.machine.digest()
        ending = time.perf_counter() - began - seconds
        found = tuple(self.findings)
        return Audited(self.counts, found, digest, stopped, self.whole, resumed, seconds, ending)

    def _table(self, table: Table, records: Column) -> None:
        """Run a table and compare. Errors: Midway, with the machine after the last event it could run."""
        counts, first = self.counts, self.counts.events + 1
        answer = self.machine.apply(table)
        for finding in self._found(table, records, answer, first):
            self._add(finding)
        refused = np.bincount(answer.rule[: answer.applied], minlength=1)
        for rule in np.flatnonzero(refused).tolist():
            if rule:
                counts.refused[self.machine.names.rules.text(rule)] += int(refused[rule])
        counts.events += answer.applied
        counts.postings += len(answer.entries)
        counts.claimed += int(table.first_entry[answer.applied])
        if answer.error is not None:
            line = int(table.line[answer.applied])
            flaw = Flaw(
                f"line {line:_}, event {counts.events + 1:_},",
                f"cannot be computed: {answer.error}.",
                "The law has no such bound: --against reference goes on.",
            )
            raise Midway(self.reader.source, flaw)
        counts.line = int(table.line[-1]) if len(table) else counts.line
        if not table.end:
            return
        self.whole = table.counted is not None or bool(table.digest)
        if table.counted is not None:
            counts.line += 1
            if table.counted != counts.events:
                problem = (
                    f"says that {table.counted:_} events stand before it, and there are {counts.events:_}."
                )
                repair = "Lines are missing or stand there twice: take the log again from its source."
                raise Midway(self.reader.source, Flaw(f"line {counts.line:_}", problem, repair))
        if table.digest:
            counts.digests += 1
            ours = self.machine.digest()
            if ours != table.digest:
                self._add(Finding(counts.line, counts.events, "EVT-5", "digest", ours, table.digest))
        if counts.events - counts.looked_at >= max(BOOKS_EVERY, 4 * self.machine.accounts()):
            self._look()
        self.position, counts.checksum = table.end, table.checksum

    def _found(self, table: Table, records: Column, answer: Answer, first: int) -> Iterator[Finding]:
        yield from differences(table, records, answer, self.machine.names, first)
        for row in unbalanced(answer).tolist():
            line = int(table.line[row])
            yield Finding(line, first + row, "PST-1", "invariant", "the postings are not balanced", "")

    def _look(self) -> None:
        """Ask the invariants of the whole state, unless it is the state they were asked of last."""
        counts = self.counts
        if counts.looks and counts.looked_at == counts.events:
            return
        counts.looks += 1
        counts.looked_at = counts.events
        for finding in broken(self.machine.books(), counts.line, counts.events):
            self._add(finding)

    def _add(self, finding: Finding) -> None:
        if sum(self.counts.findings.values()) < FINDINGS_KEPT:
            self.findings.append(finding.document())
            if self.evidence is not None:
                self.evidence.add_finding(finding.document())
        self.counts.findings[finding.what] += 1

    def _save(self) -> str:
        """Keep a checkpoint. returns: the digest of the state; empty if nothing is kept."""
        if self.evidence is None:
            return ""
        state = canonical_text(self.machine.document()).encode()
        digest = f"sha256:{hashlib.sha256(state).hexdigest()}"
        told = {"counts": self.counts.document(), "whole": self.whole, "digest": digest}
        self.evidence.checkpoint(self.position, state, told)
        return digest


def prepared(tables: Iterator[Table], names: Names) -> Iterator[list[tuple[Table, Column]]]:
    """Tables in parts that fit the processor's caches, each with the postings that it claims as records."""
    for table in tables:
        parts = [table.part(at, min(at + PART, len(table))) for at in range(0, len(table), PART)] or [table]
        # Only the end of a table is a place in the log, and may be a checkpoint.
        last = parts[-1]
        last.counted, last.digest = table.counted, table.digest
        last.end, last.checksum = table.end, table.checksum
        yield [(part, records_of(part, names)) for part in parts]


def ahead(tables: Iterator[list[tuple[Table, Column]]]) -> Iterator[tuple[Table, Column]]:
    """Part by part, each table read by another thread while the one before it is run."""
    with ThreadPoolExecutor(1) as reading:
        waiting = reading.submit(next, tables, None)
        while (parts := waiting.result()) is not None:
            waiting = reading.submit(next, tables, None)
            yield from parts
