"""Evidence: the one file in which a long run keeps what it has done, so that a killed run goes on.

A SQLite file. A run works in chunks (a campaign, `conform`) or moves through its input (an audit): it records
results of chunks, or checkpoints with the whole state. Each is one transaction: after a kill, a crash or a
full disk, what was recorded is there and nothing else is. Every row carries its checksum, for SQLite notices
no flipped bit.
"""

import contextlib
import hashlib
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from marginspec.errors import Flaw, InputError

FORMAT = "marginspec-evidence/1"
APPLICATION = 0x6D737063
"""What SQLite's header says the file is of: "mspc"."""

JOINED = {"conform": "seeds"}
"""By kind of run, the list in its identity of which a file may have more than a run: merging files joins
them, and a run goes on from a file that has all of its own."""

TABLES = """
CREATE TABLE run (one INTEGER PRIMARY KEY CHECK (one = 1), content TEXT NOT NULL, seal TEXT NOT NULL);
CREATE TABLE summary (one INTEGER PRIMARY KEY CHECK (one = 1), content TEXT NOT NULL, seal TEXT NOT NULL);
CREATE TABLE chunks (chunk INTEGER PRIMARY KEY, content BLOB NOT NULL, seal TEXT NOT NULL);
CREATE TABLE checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1), content TEXT NOT NULL,
                         state BLOB NOT NULL, seal TEXT NOT NULL);
CREATE TABLE findings (number INTEGER PRIMARY KEY, content TEXT NOT NULL, seal TEXT NOT NULL);
"""


class EvidenceError(InputError):
    """An evidence file that cannot be used or written: exit code 2. What was recorded is still there."""

    def text(self) -> str:
        """The whole message: the file, what is wrong with it, what to do."""
        return "\n".join(f"{self.source}: {flaw}\n  {flaw.repair}" for flaw in self.flaws)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run has come.

    position  in its input, as the run counts: bytes, events
    state     all that it needs to go on
    counts    what it has counted so far
    """

    position: int
    state: bytes
    counts: dict[str, Any]


class Evidence:
    """One evidence file, open for one run; no other run can open it meanwhile."""

    def __init__(self, path: Path, connection: sqlite3.Connection, run: dict[str, Any]) -> None:
        self.path = path
        self.run = run
        self._connection = connection

    @classmethod
    def open(
        cls,
        path: str | Path,
        kind: str,
        identity: Mapping[str, Any],
        noted: Mapping[str, Any] | None = None,
        *,
        joins: bool = False,
    ) -> Self:
        """The evidence in a file, which is made if it is not there.

        kind      of the run: "audit", "campaign", "conform"
        identity  everything that the results depend on, as JSON has it; evidence of another is refused
        noted     what people may want to know about the run and nothing depends on, kept from its first start
        joins     whether the file takes over what it lacks of the list in JOINED
        Errors: EvidenceError for a file of something else, that is damaged, in use, or cannot be written.
        """
        path = Path(path)
        run = {"format": FORMAT, "kind": kind, "identity": dict(identity), "noted": dict(noted or {})}
        with _refusals(path):
            connection = sqlite3.connect(path, timeout=0, isolation_level=None)
            try:
                # From the first read on, this process alone has the file; the lock dies with the process.
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                connection.execute("BEGIN EXCLUSIVE")
                run = _stored_or_new_run(connection, path, json.loads(json.dumps(run)), joins)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        return cls(path, connection, run)

    def close(self) -> None:
        """Give the file free; findings that no checkpoint, record or finish has followed are gone."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # A run of chunks

    def record(self, chunk: int, result: bytes | dict[str, Any]) -> None:
        """Keep the result of a chunk, for good; the same result again changes nothing.

        Errors: EvidenceError if the disk is full, or another result is already there: a chunk depends on
        nothing but the identity of the run and its number.
        """
        content = b"b" + result if isinstance(result, bytes) else b"j" + _text(result).encode()
        there = self._rows("SELECT content FROM chunks WHERE chunk = ?", chunk)
        if there and there[0][0] != content:
            problem = f"has another result of chunk {chunk}, and a chunk has only one."
            raise EvidenceError(str(self.path), Flaw("", problem, "Report this: a run was not reproducible."))
        if not there:
            with self._transaction():
                self._execute("INSERT INTO chunks VALUES (?, ?, ?)", chunk, content, _seal(chunk, content))

    def done(self) -> set[int]:
        """The chunks that are recorded."""
        return {chunk for (chunk,) in self._rows("SELECT chunk FROM chunks")}

    def results(self) -> dict[int, Any]:
        """What was recorded, by chunk and in their order: bytes or a dict each, as it was given."""
        found: dict[int, Any] = {}
        for chunk, content, seal in self._rows("SELECT chunk, content, seal FROM chunks ORDER BY chunk"):
            self._check(f"chunk {chunk}", seal, chunk, content)
            found[chunk] = content[1:] if content[:1] == b"b" else json.loads(content[1:])
        return found

    # A run through an input

    def checkpoint(self, position: int, state: bytes, counts: Mapping[str, Any]) -> None:
        """Keep how far the run has come, together with the findings added since the last checkpoint.

        Errors: EvidenceError if the disk is full; the last checkpoint is then still the one before.
        """
        content = _text({"position": position, "counts": dict(counts)})
        packed = zlib.compress(state, 1)
        seal = _seal(content, packed)
        with self._transaction():
            self._execute("INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?, ?)", content, packed, seal)

    def last_checkpoint(self) -> Checkpoint | None:
        """Where to go on; None at the beginning."""
        rows = self._rows("SELECT content, state, seal FROM checkpoint")
        if not rows:
            return None
        content, packed, seal = rows[0]
        self._check("the checkpoint", seal, content, packed)
        told = json.loads(content)
        return Checkpoint(told["position"], zlib.decompress(packed), told["counts"])

    def add_finding(self, finding: Mapping[str, Any]) -> None:
        """Keep a finding with the next checkpoint, record or finish: until then a kill forgets it."""
        content = _text(dict(finding))
        with self._failures():
            if not self._connection.in_transaction:
                self._execute("BEGIN IMMEDIATE")
            self._execute("INSERT INTO findings (content, seal) VALUES (?, ?)", content, _seal(content))

    def findings(self) -> list[dict[str, Any]]:
        """All findings in the order in which they were added."""
        found = []
        for number, content, seal in self._rows("SELECT number, content, seal FROM findings ORDER BY number"):
            self._check(f"finding {number}", seal, content)
            found.append(json.loads(content))
        return found

    # The end

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Keep the result of the whole run."""
        content = _text(dict(summary))
        with self._transaction():
            self._execute("INSERT OR REPLACE INTO summary VALUES (1, ?, ?)", content, _seal(content))

    def summary(self) -> dict[str, Any] | None:
        """The result of the whole run; None if it has not ended."""
        rows = self._rows("SELECT content, seal FROM summary")
        if not rows:
            return None
        self._check("the summary", rows[0][1], rows[0][0])
        told: dict[str, Any] = json.loads(rows[0][0])
        return told

    def start_again(self) -> None:
        """Forget everything but what the run is."""
        with self._transaction():
            for table in ("summary", "chunks", "checkpoint", "findings"):
                self._execute(f"DELETE FROM {table}")

    # SQLite

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it and the findings that wait, or nothing."""
        with self._failures():
            if not self._connection.in_transaction:
                self._execute("BEGIN IMMEDIATE")
            yield
            self._execute("COMMIT")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            with _refusals(self.path):
                yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _execute(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values)

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        with _refusals(self.path):
            return self._connection.execute(statement, values).fetchall()

    def _check(self, what: str, seal: str, *content: Any) -> None:
        if seal != _seal(*content):
            raise _damaged(self.path, f"{what} does not have its checksum")


def merge(
    out: Path, sources: Sequence[Path], on_other: Callable[[Any, Any], None] | None = None
) -> tuple[int, int]:
    """Put the chunks that several runs of one identity, but for the list in JOINED, kept into one file.

    out       made if it is not there; what it holds stays
    on_other  called with both results of a chunk of which OUT, which keeps its own, has another one than a
              file; None makes that an error
    returns   how many chunks it has now, and how many of them are new
    Nothing is counted twice: a chunk that several files hold is one chunk, and has the same result in all.
    Errors: EvidenceError for files of different runs, or one that cannot be read; those before it are merged.
    """
    there = new = 0
    for source in sources:
        run = run_of(source)
        with Evidence.open(source, run["kind"], run["identity"]) as theirs:
            results = theirs.results()
        with Evidence.open(out, run["kind"], run["identity"], run["noted"], joins=True) as ours:
            known = ours.results()
            for chunk, result in results.items():
                if on_other is not None and known.get(chunk, result) != result:
                    on_other(known[chunk], result)
                else:
                    ours.record(chunk, result)
            new += len(results.keys() - known)
            there = len(ours.done())
    return there, new


def run_of(path: Path) -> dict[str, Any]:
    """What a file says that its run is: its kind, identity and what is noted. open() then looks at all of it.

    Errors: EvidenceError if it is not there, or does not say so.
    """
    if not path.is_file():
        raise EvidenceError(str(path), Flaw("", "is not there.", "Name a file that --evidence has made."))
    with _refusals(path), contextlib.closing(sqlite3.connect(path, timeout=0)) as connection:
        (content,) = connection.execute("SELECT content FROM run").fetchone() or ("{}",)
    run: dict[str, Any] = json.loads(content)
    if not {"kind", "identity", "noted"} <= run.keys():
        raise _damaged(path, "it does not say what run it is of")
    return run


def _stored_or_new_run(
    connection: sqlite3.Connection, path: Path, run: dict[str, Any], joins: bool
) -> dict[str, Any]:
    """What the file says the run is: this one, for a new file. Errors: EvidenceError if it is another."""
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise _damaged(path, problem)
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application == 0 and not connection.execute("SELECT name FROM sqlite_master").fetchall():
        for statement in TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        content = _text(run)
        connection.execute("INSERT INTO run VALUES (1, ?, ?)", (content, _seal(content)))
        return run
    if application != APPLICATION:
        raise _of_another(path, "is a database of something else.")
    content, seal = connection.execute("SELECT content, seal FROM run").fetchone() or ("{}", "")
    if seal != _seal(content):
        raise _damaged(path, "what it says of its run does not have its checksum")
    stored: dict[str, Any] = json.loads(content)
    if stored["format"] != run["format"]:
        raise _of_another(path, f"has the format {stored['format']}, and this tool reads {run['format']}.")
    if stored["kind"] != run["kind"]:
        raise _of_another(path, f"is evidence of a run of {stored['kind']}, and this is {run['kind']}.")
    theirs, ours = stored["identity"], run["identity"]
    joined = JOINED.get(run["kind"], "")
    missing = [each for each in ours.get(joined, ()) if each not in theirs.get(joined, ())]
    for key in {**ours, **theirs}:
        fits = not missing or joins if key == joined else theirs.get(key) == ours.get(key)
        if not fits:
            said = f"there {key} is {_shown(theirs.get(key))}, here {_shown(ours.get(key))}"
            raise _of_another(path, f"is evidence of another run: {said}.")
    if missing:
        theirs[joined] += missing
        content = _text(stored)
        connection.execute("UPDATE run SET content = ?, seal = ?", (content, _seal(content)))
    return stored


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return "missing" if value is None else text if len(text) <= 100 else f"{text[:97]}..."


def _of_another(path: Path, problem: str) -> EvidenceError:
    return EvidenceError(str(path), Flaw("", problem, "Name another evidence file, or remove this one."))


def _damaged(path: Path, what: str) -> EvidenceError:
    repair = "Nothing in it can be relied on: remove it and run again from the beginning."
    return EvidenceError(str(path), Flaw("", f"is damaged: {what}.", repair))


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """What SQLite cannot do, as an error that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "SQLITE_CORRUPT")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            problem, repair = "is in use by another run.", "Wait for its end, or name another evidence file."
        elif name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise _damaged(path, str(error)) from None
        elif name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            problem = f"cannot be written: {error}."
            repair = (
                "Make room on the disk and run again: what was recorded is kept, and the run goes on from it."
            )
        else:
            problem = f"cannot be opened or written: {error}."
            repair = "Name a file in a folder that can be written to."
        raise EvidenceError(str(path), Flaw("", problem, repair)) from error


def _text(document: Mapping[str, Any]) -> str:
    """JSON that is the same for the same content."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False)


def _seal(*content: Any) -> str:
    """The checksum of a row."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in content]
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.hexdigest()
