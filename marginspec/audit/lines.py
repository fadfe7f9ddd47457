"""Logs as JSON lines: a header, then one line for each event and each checkpoint (spec/logs.md)."""

import gc
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from typing import IO, Annotated, Any, Union

import msgspec
import numpy as np
from fastpath.texts import numbers_of, postings_as_columns

from marginspec.audit.columnar import import_pyarrow
from marginspec.audit.errors import LogError
from marginspec.audit.header import SEAL, Header, is_sealed, read_header
from marginspec.audit.names import NAME_MAX, Names
from marginspec.audit.table import ENTRY_COLUMNS, Table, columns_of, offsets
from marginspec.errors import Flaw
from refmodel.canonical import EVENT_TYPES, NAMES

BLOCK = 1 << 17
"""Bytes that are read and become one table, unless a checkpoint parts them."""
LINE_MAX = 1 << 26
"""No line is longer: a venue of a hundred thousand accounts fits into the header."""
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
TORN = "The log seems to be cut off; what stands before is sound. Run again when the rest is there."
DAMAGED = "The file is damaged: take it again from its source. What stands before is sound."

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_MAX)]


def _struct(name: str, cls: type) -> Any:
    """The form of one type of event in a line: the fields of the law's class, numbers as texts."""
    members: list[Any] = []
    for field in fields(cls):
        kind: Any = dict[Name, str] if field.name == "marks" else Name if field.name in NAMES else str
        members.append((field.name, kind) if field.default is MISSING else (field.name, kind, field.default))
    return msgspec.defstruct(
        cls.__name__, members, tag_field="type", tag=name, forbid_unknown_fields=True, gc=False
    )


EVENT: Any = Union[tuple(_struct(name, cls) for name, cls in EVENT_TYPES.items())]  # noqa: UP007


class Refused(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The claim that an event was refused."""

    rule: Name
    reason: Name


class Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line after the header: an event with what is claimed of it, or a checkpoint."""

    event: EVENT | None = None
    refused: Refused | None = None
    postings: list[list[str]] = []
    checkpoint: str | None = None
    digest: str = ""
    crc: str = ""


DECODER = msgspec.json.Decoder(Line)


class LinesReader:
    """A log of JSON lines, plain or compressed by gzip or zstd.

    size  of the file in bytes
    read  how many of them have been read, for a bar of progress
    """

    form = "lines"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = str(path)
        self.size = path.stat().st_size
        self.read = 0
        with path.open("rb") as raw:
            first, failure = self._block(decompressed(raw, self.source), 0, LINE_MAX, line=True)
        if failure is not None:
            raise failure
        if not first.endswith(b"\n"):
            raise self._error(1, 0, "has no end.", TORN)
        self.header: Header = read_header(first[:-1], self.source)
        self._start = len(first)
        self._start_checksum = zlib.crc32(first)

    def identity(self) -> dict[str, Any]:
        """What tells this log from another; the rest of it may still be written while it is audited."""
        return {"form": self.form, "header": self.header.fingerprint()}

    def tables(self, names: Names, position: int, checksum: int, line: int) -> Iterator[Table]:
        """The log from a position on.

        position  0, or `end` of the last table that was audited: bytes of the text
        checksum  CRC-32 of what stands before, as that table said
        line      lines before it
        Errors: LogError, after the tables before the place from which the log cannot be read.
        """
        with self.path.open("rb") as raw:
            file = decompressed(raw, self.source)
            if position == 0:
                position, checksum, line = self._start, self._start_checksum, 1
            self._skip(file, position, checksum)
            rest = b""
            while True:
                block, failure = self._block(file, position + len(rest), BLOCK)
                self.read = raw.tell()
                text = rest + block
                cut = text.rfind(b"\n") + 1
                if cut:
                    yield from self._tables(text[:cut], names, position, checksum, line)
                    checksum = zlib.crc32(memoryview(text)[:cut], checksum)
                    position, line = position + cut, line + text.count(b"\n", 0, cut)
                rest = text[cut:]
                if failure is not None:
                    raise failure
                if len(rest) > LINE_MAX:
                    raise self._error(
                        line + 1, position, f"is longer than {LINE_MAX:_} bytes.", "No line of a log is."
                    )
                if not block:
                    if rest:
                        raise self._error(line + 1, position, f"ends after {len(rest):_} bytes.", TORN)
                    return

    def _skip(self, file: IO[bytes], position: int, checksum: int) -> None:
        """Read on to a position, and see that what stands before is what it was."""
        found = at = 0
        while at < position:
            block, failure = self._block(file, at, min(BLOCK, position - at))
            if failure is not None:
                raise failure
            if not block:
                break
            found = zlib.crc32(block, found)
            at += len(block)
        if at != position or found != checksum:
            repair = "Restore the log, or remove the evidence file to audit it from its beginning."
            raise LogError(
                self.source, Flaw(f"bytes 0 to {position:_}", "are no longer what was audited.", repair)
            )

    def _block(
        self, file: IO[bytes], position: int, size: int, *, line: bool = False
    ) -> tuple[bytes, LogError | None]:
        """The next bytes, or why there are no more."""
        try:
            return (file.readline(size) if line else file.read(size)), None
        except (EOFError, OSError, ValueError, zlib.error) as error:
            cut_off = isinstance(error, EOFError)
            flaw = Flaw(
                f"byte {position:_} of the text",
                f"and what follows cannot be read from the file: {error}.",
                TORN if cut_off else DAMAGED,
            )
            return b"", LogError(self.source, flaw)

    def _error(self, line: int, position: int, problem: str, repair: str) -> LogError:
        return LogError(self.source, Flaw(f"line {line:_} (byte {position:_})", problem, repair))

    # From lines to tables

    def _tables(self, text: bytes, names: Names, position: int, checksum: int, line: int) -> Iterator[Table]:
        """Whole lines as tables, one up to each checkpoint. line: lines before them."""
        rows = text.split(b"\n")[:-1]
        failure = None
        try:
            found = self._pieces(text, rows, names, line)
        except (msgspec.DecodeError, ValueError):
            row, failure = self._first_failure(rows, names, position, line)
            rows = rows[:row]
            text = text[: sum(map(len, rows)) + len(rows)]
            found = self._pieces(text, rows, names, line)
        at = row = 0
        for table, length in found:
            size = sum(map(len, rows[row : row + length])) + length
            checksum = zlib.crc32(memoryview(text)[at : at + size], checksum)
            row, at = row + length, at + size
            table.end, table.checksum = position + at, checksum
            yield table
        if failure is not None:
            raise failure

    def _pieces(self, text: bytes, rows: list[bytes], names: Names, line: int) -> list[tuple[Table, int]]:
        """Tables, each with the number of its lines. Errors: ValueError, DecodeError if a line is faulty."""
        with uncollected():
            return self._pieces_of(DECODER.decode_lines(text), rows, names, line)

    def _pieces_of(
        self, found: list[Line], rows: list[bytes], names: Names, line: int
    ) -> list[tuple[Table, int]]:
        if len(found) != len(rows):
            raise ValueError("is empty")
        if self.header.sealed and not all(
            one.crc == f"{zlib.crc32(row[:-SEAL]):08x}" for one, row in zip(found, rows, strict=True)
        ):
            raise ValueError("does not have its checksum")
        if any((one.event is None) is (one.checkpoint is None) for one in found):
            raise ValueError("is neither an event nor a checkpoint")
        pieces = []
        begin = 0
        ends = [row for row, one in enumerate(found) if one.event is None]
        for end in (*ends, len(found)):
            if end < len(found):
                table = table_of(found[begin:end], names, line + begin + 1)
                table.counted = int(numbers_of([found[end].checkpoint or ""])[0])
                table.digest = found[end].digest
                pieces.append((table, end + 1 - begin))
            elif begin < end:
                pieces.append((table_of(found[begin:end], names, line + begin + 1), end - begin))
            begin = end + 1
        return pieces

    def _first_failure(
        self, rows: list[bytes], names: Names, position: int, line: int
    ) -> tuple[int, LogError]:
        """Which line is the first that cannot be read, and why."""
        for number, row in enumerate(rows):
            try:
                self._pieces(row + b"\n", [row], names, line + number)
            except (msgspec.DecodeError, ValueError) as error:
                damaged = self.header.sealed and not is_sealed(row)
                problem = "does not have its checksum." if damaged else f"cannot be read: {error}."
                repair = DAMAGED if damaged else "spec/logs.md says how lines are written."
                return number, self._error(line + number + 1, position, problem, repair)
            position += len(row) + 1
        raise AssertionError("lines that can be read one by one can be read together")


@contextmanager
def uncollected() -> Iterator[None]:
    """Without looks for garbage, which would go through all the lists of a block again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def decompressed(raw: IO[bytes], source: str) -> IO[bytes]:
    """The text of a log, whichever way it is compressed. Errors: LogError without pyarrow for zstd."""
    begin = raw.read(4)
    raw.seek(0)
    if begin.startswith(GZIP):
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if begin != ZSTD:
        return raw
    pyarrow = import_pyarrow(source)
    return io.BufferedReader(pyarrow.CompressedInputStream(pyarrow.PythonFile(raw), "zstd"), BLOCK)


def table_of(lines: Sequence[Line], names: Names, number: int) -> Table:
    """Lines of events as a table. number: of the first one. Errors: ValueError."""
    events, first_mark, mark_market, mark_price = columns_of(
        [line.event for line in lines], names, numbers_of
    )
    rule = np.zeros(len(lines), dtype=np.int32)
    reason = np.zeros(len(lines), dtype=np.int32)
    for row, line in enumerate(lines):
        if line.refused is not None:
            rule[row] = names.rules[line.refused.rule]
            reason[row] = names.reasons[line.refused.reason]
    postings = [line.postings for line in lines]
    entries = postings_as_columns(postings, names.words, names.accounts, names.markets)
    return Table(
        events=events,
        first_mark=first_mark,
        mark_market=mark_market,
        mark_price=mark_price,
        rule=rule,
        reason=reason,
        first_entry=offsets(list(map(len, postings))),
        entries=dict(zip(ENTRY_COLUMNS, entries, strict=True)),
        line=np.arange(number, number + len(lines), dtype=np.int64),
        accounts_known=len(names.accounts.texts),
        owners_known=len(names.owners.texts),
    )
