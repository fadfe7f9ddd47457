"""The command: a log audited or converted, and what is said about it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from marginspec import __version__
from marginspec.audit.auditor import FINDINGS_KEPT, Audited, Auditor, Reader
from marginspec.audit.columnar import MAGIC, ColumnsReader
from marginspec.audit.errors import LogError
from marginspec.audit.header import policy_of
from marginspec.audit.lines import GZIP, ZSTD, LinesReader
from marginspec.audit.names import Names
from marginspec.audit.writing import writing
from marginspec.errors import BROKEN, HELD, INTERRUPTED, UNREADABLE, Flaw
from marginspec.evidence import Evidence, EvidenceError
from marginspec.paths import runs_folder
from marginspec.screen import grouped, progress, say
from refmodel.policy import Policy

FINDINGS_SHOWN = 20
"""On the screen; the JSON and the evidence file have more."""


def is_log(path: str) -> bool:
    """Whether a file is a log, in one of its forms, rather than a trace."""
    try:
        with Path(path).open("rb") as file:
            begin = file.read(4)
            file.seek(0)
            first = file.readline(200)
    except OSError:
        return False
    return begin in (MAGIC, ZSTD) or begin.startswith(GZIP) or b"marginspec-log/" in first


def open_log(path: str) -> Reader:
    """A log, whichever form it has. Errors: LogError."""
    try:
        with Path(path).open("rb") as file:
            begin = file.read(4)
        return ColumnsReader(Path(path)) if begin == MAGIC else LinesReader(Path(path))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise LogError(path, Flaw("", f"cannot be opened: {why}.", "Give the path of a log.")) from None


def convert(path: str, target: str) -> tuple[int, dict[str, Any]]:
    """Write a log in its other form: the same header, events and claims. Nothing is audited.

    returns  the exit code, and the facts for --json
    """
    reader = open_log(path)
    names = Names()
    events = 0
    with writing(Path(target), reader.header) as writer, progress("convert", reader.size) as advance:
        for table in reader.tables(names, 0, 0, 0):
            writer.write(table, names)
            events += len(table)
            advance(reader.read, f"{grouped(events)} events")
    say(f"{target}: {grouped(events)} events of {path}, not audited")
    return HELD, {"log": path, "written": target, "events": events}


def audit(
    path: str,
    policy_name: str | None = None,
    against: str = "engine",
    evidence_file: str | None = None,
    every: float = 10.0,
) -> tuple[int, dict[str, Any]]:
    """Audit a log, and say what was found.

    policy_name    None for the one that the log carries, or that ships with its digest
    against        "engine", or "reference" for the law
    evidence_file  where it is kept as it goes; None for one in runs/
    every          seconds between checkpoints, at least
    returns        the exit code, and the facts for --json
    """
    reader = open_log(path)
    policy = policy_of(reader.header, policy_name, path)
    identity = {
        "log": reader.identity(),
        "policy": reader.header.policy,
        "against": against,
        "marginspec": __version__,
    }
    evidence, kept = _evidence(evidence_file, identity, path)
    try:
        auditor = Auditor(reader, policy, against, evidence, every)
        _say_begin(path, reader, policy, against, auditor)
        try:
            with progress("audit", reader.size) as advance:
                audited = auditor.run(advance)
        except KeyboardInterrupt:
            done = auditor.counts.events
            say(
                f"Interrupted after event {grouped(done)}. The same command goes on from its last checkpoint."
            )
            say(f"  {kept}")
            return INTERRUPTED, {"log": path, "ok": False, "interrupted_after": done}
        facts = _facts(path, reader, policy, against, audited)
        if evidence is not None and audited.stopped is None:
            evidence.finish(facts)
    finally:
        if evidence is not None:
            evidence.close()
    return _say_end(audited, kept), facts | {
        "seconds": round(audited.seconds, 3),
        "resumed_at": audited.resumed,
    }


def _evidence(given: str | None, identity: dict[str, Any], path: str) -> tuple[Evidence | None, str]:
    """The evidence file of a run, and what to say of it.

    One that a finished run has left begins again: an audit that is asked for is run.
    """
    noted = {"log": str(Path(path).absolute()), "bytes": Path(path).stat().st_size}
    if given is not None:
        evidence = Evidence.open(given, "audit", identity, noted)
    else:
        text = json.dumps([identity, noted["log"]], sort_keys=True)
        file = runs_folder() / "audit" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.sqlite"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return None, f"Nothing is kept: {file.parent} {(error.strerror or str(error)).lower()}."
        try:
            evidence = Evidence.open(file, "audit", identity, noted)
        except EvidenceError as error:
            if not isinstance(error.__cause__, OSError):
                raise
            return None, f"Nothing is kept: {error.flaws[0]}"
    if evidence.summary() is not None:
        evidence.start_again()
    return evidence, f"Kept in {evidence.path}."


def _say_begin(path: str, reader: Reader, policy: Policy, against: str, auditor: Auditor) -> None:
    form = {"lines": "JSON lines", "columns": "columns"}[reader.form]
    whom = {"engine": "the fast engine", "reference": "the reference"}[against]
    say(f"{path}: a log in {form}, under the policy {policy.name}, run through {whom}")
    if auditor.counts.events:
        say(f"  Resumed after event {grouped(auditor.counts.events)}, where an earlier run was cut off")


def _say_end(audited: Audited, kept: str) -> int:
    """What came out, on the screen. returns: the exit code."""
    counts = audited.counts
    refused = sum(counts.refused.values())
    say(f"  Events     {grouped(counts.events)}, {grouped(refused)} of them refused")
    say(f"  Postings   {grouped(counts.postings)}, {grouped(counts.claimed)} claimed by the log and compared")
    say(
        f"  Digests    {grouped(counts.digests)} claimed by the log and compared; the books looked at "
        f"{grouped(counts.looks)} times"
    )
    say(f"  State      {audited.digest}")
    new = counts.events - audited.resumed
    rate = f", {grouped(round(new / audited.seconds))} events a second" if audited.seconds > 0 and new else ""
    ending = f"; {audited.ending:.1f} s for the state at the end" if audited.ending > 1 else ""
    say(f"  Time       {audited.seconds:.1f} s{rate}{ending}")
    for finding in audited.findings[:FINDINGS_SHOWN]:
        say(_sentence(finding))
    found = sum(counts.findings.values())
    if found > FINDINGS_SHOWN:
        say(f"  and {grouped(found - FINDINGS_SHOWN)} more; the first {grouped(FINDINGS_KEPT)} with --json")
    say(f"  {kept}")
    if audited.stopped is not None:
        say(f"The audit stopped after event {grouped(counts.events)}; what stands before it is audited.")
        for line in audited.stopped.text().splitlines():
            say(line)
        return UNREADABLE
    if found:
        say(f"{grouped(found)} findings.")
        return BROKEN
    end = "" if audited.whole else " It does not end with a checkpoint, so nothing says that it is whole."
    say(f"Everything is as the log says.{end}")
    return HELD


def _sentence(finding: dict[str, Any]) -> str:
    where = f"DIFFERS  line {grouped(finding['line'])}, event {grouped(finding['event'])}   {finding['rule']}"
    theirs = f"   theirs: {finding['theirs']}" if finding["theirs"] else ""
    return f"{where}   {finding['what']}   ours: {finding['ours']}{theirs}"


def _facts(path: str, reader: Reader, policy: Policy, against: str, audited: Audited) -> dict[str, Any]:
    """What the result is, with nothing in it that differs from run to run."""
    counts = audited.counts
    facts: dict[str, Any] = {
        "log": path,
        "form": reader.form,
        "policy": policy.name,
        "against": against,
        "ok": not counts.findings and audited.stopped is None,
        "events": counts.events,
        "refused": dict(sorted(counts.refused.items())),
        "postings": counts.postings,
        "postings_claimed": counts.claimed,
        "digests_claimed": counts.digests,
        "looks_at_books": counts.looks,
        "digest": audited.digest,
        "ends_with_checkpoint": audited.whole,
        "findings_total": sum(counts.findings.values()),
        "findings": list(audited.findings),
    }
    if audited.stopped is not None:
        facts["stopped"] = audited.stopped.text()
    return facts
