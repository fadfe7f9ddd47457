"""Writing logs: from events that are run, or from the tables of another log."""

import gzip
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec
import numpy as np

from fastpath.engine import EVENT_TYPES
from marginspec.audit.claims import columns_of_records, posting_texts
from marginspec.audit.columnar import (
    ACCOUNTS,
    DIGEST,
    KEY,
    NAMES,
    NUMBERS,
    POSTING,
    import_pyarrow,
    schema_of,
)
from marginspec.audit.errors import LogError
from marginspec.audit.header import Header, header_of, sealed
from marginspec.audit.machines import MACHINES
from marginspec.audit.names import NONE, Names
from marginspec.audit.table import (
    Column,
    Table,
    columns_of,
    events_of,
    no_entries,
    whole_numbers,
)
from marginspec.errors import Flaw
from refmodel.canonical import event_document
from refmodel.events import Event
from refmodel.policy import Policy
from refmodel.state import Venue, genesis

ROWS = 131_072
"""Rows of a row group, and events between checkpoints unless another number is asked for."""
ENCODER = msgspec.json.Encoder()


class Writer(Protocol):
    """A log that is being written."""

    def write(self, table: Table, names: Names) -> None:
        """The events of a table and what it claims."""

    def close(self) -> None:
        """The end."""


def write_log(
    path: str | Path,
    policy: Policy,
    events: Iterable[Event],
    *,
    start: Venue | None = None,
    machine: str = "engine",
    postings: bool = True,
    checkpoint_every: int = ROWS,
) -> int:
    """Run events and write the log of what became of them, whole or not at all.

    path              its ending says the form: .jsonl, .jsonl.gz or .parquet
    start             None for a venue before its first event
    machine           "engine", or "reference" for the law
    postings          whether the log claims them
    checkpoint_every  events between two digests of the state; there is one at the end as well
    returns           the number of events
    Errors: LogError for an event that the machine cannot compute, or a path of another ending.
    """
    runner = MACHINES[machine](genesis(policy) if start is None else start)
    names = runner.names
    count = 0
    with writing(Path(path), header_of(policy, start), postings=postings) as writer:
        stream = iter(events)
        chunk = list(islice(stream, min(checkpoint_every, ROWS)))
        while chunk:
            table = table_of_events(chunk, names)
            answer = runner.apply(table)
            if answer.error is not None:
                where = f"event {count + answer.applied + 1:_}"
                raise LogError(
                    str(path), Flaw(where, f"cannot be computed: {answer.error}.", "Leave it out.")
                )
            table.rule, table.reason = answer.rule, answer.reason
            if postings:
                table.entries = columns_of_records(answer.entries, names)
                table.first_entry = answer.first_entry
            count += len(chunk)
            chunk = list(islice(stream, min(checkpoint_every - count % checkpoint_every, ROWS)))
            if count % checkpoint_every == 0 or not chunk:
                table.digest, table.counted = runner.digest(), count
            writer.write(table, names)
    return count


def table_of_events(events: Sequence[Event], names: Names) -> Table:
    """Events as a table that claims nothing of them. Errors: ValueError."""
    columns, first_mark, mark_market, mark_price = columns_of(events, names, whole_numbers)
    return Table(
        events=columns,
        first_mark=first_mark,
        mark_market=mark_market,
        mark_price=mark_price,
        rule=np.zeros(len(events), dtype=np.int32),
        reason=np.zeros(len(events), dtype=np.int32),
        first_entry=np.zeros(len(events) + 1, dtype=np.int64),
        entries=no_entries(),
        line=np.arange(1, len(events) + 1, dtype=np.int64),
        accounts_known=len(names.accounts.texts),
        owners_known=len(names.owners.texts),
    )


@contextmanager
def writing(path: Path, header: Header, *, postings: bool = True) -> Iterator[Writer]:
    """A new log, which is there when all of it is written. Errors: LogError if it cannot be written."""
    half_written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        writer: Writer
        if path.suffix == ".parquet":
            writer = ColumnsWriter(half_written, header, str(path), postings=postings)
        elif path.name.endswith((".jsonl", ".jsonl.gz")):
            writer = LinesWriter(half_written, header, compressed=path.suffix == ".gz")
        else:
            repair = "End it with .jsonl, .jsonl.gz or .parquet."
            raise LogError(str(path), Flaw("", "has an ending that names no form of a log.", repair))
        yield writer
        writer.close()
        half_written.replace(path)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        repair = "Make room, or give a file in a folder that can be written to."
        raise LogError(str(path), Flaw("", f"cannot be written: {why}.", repair)) from error
    finally:
        half_written.unlink(missing_ok=True)


class LinesWriter:
    """A log of JSON lines, each with its checksum."""

    def __init__(self, path: Path, header: Header, *, compressed: bool) -> None:
        self.count = 0
        self.raw = path.open("wb")
        self.file: IO[bytes] = self.raw
        if compressed:
            self.file = gzip.GzipFile("", "wb", 1, self.raw, mtime=0)  # type: ignore[assignment]
        self.file.write(sealed(header.text().encode()) + b"\n")

    def write(self, table: Table, names: Names) -> None:
        """One line for each event, and one for a checkpoint."""
        rules = list(map(names.rules.text, table.rule.tolist()))
        reasons = list(map(names.reasons.text, table.reason.tolist()))
        postings = posting_texts(table.entries, names)
        first = table.first_entry.tolist()
        lines = []
        for row, event in enumerate(events_of(table, names)):
            line: dict[str, Any] = {"event": _texts(event_document(event))}
            if rules[row]:
                line["refused"] = {"rule": rules[row], "reason": reasons[row]}
            if first[row] < first[row + 1]:
                line["postings"] = [_short(one) for one in postings[first[row] : first[row + 1]]]
            lines.append(sealed(ENCODER.encode(line)))
        self.count += len(table)
        if table.counted is not None or table.digest:
            checkpoint = {"checkpoint": str(self.count)}
            lines.append(
                sealed(ENCODER.encode(checkpoint | ({"digest": table.digest} if table.digest else {})))
            )
        self.file.write(b"".join(line + b"\n" for line in lines))

    def close(self) -> None:
        """The end."""
        self.file.close()
        self.raw.close()


def _texts(document: dict[str, Any]) -> dict[str, Any]:
    """The document of an event, numbers as texts."""
    return {
        key: {name: str(price) for name, price in value.items()} if isinstance(value, dict) else str(value)
        for key, value in document.items()
    }


def _short(posting: tuple[str, ...]) -> Sequence[str]:
    """A posting without its second amount where that is 0."""
    return posting if posting[4] != "0" else posting[:4]


class ColumnsWriter:
    """A log in columns."""

    def __init__(self, path: Path, header: Header, source: str, *, postings: bool) -> None:
        self.arrow = import_pyarrow(source)
        self.postings = postings
        self.schema = schema_of(self.arrow, postings=postings).with_metadata(
            {KEY: sealed(header.text().encode())}
        )
        texts = [
            f"{field.name}.list.element" if self.arrow.types.is_list(field.type) else field.name
            for field in self.schema
            if "dictionary" in str(field.type)
        ]
        self.file = self.arrow.parquet.ParquetWriter(
            path,
            self.schema,
            compression="lz4",
            use_dictionary=texts,
            write_page_checksum=True,
            write_statistics=False,
        )
        self.waiting: list[Any] = []
        self.numbers = np.full(0, NONE, dtype=np.int32)
        self.named = 0

    def write(self, table: Table, names: Names) -> None:
        """Rows, which go to the file when they fill a row group."""
        if len(table):
            self.waiting.append(self._columns(table, names))
        if sum(part.num_rows for part in self.waiting) >= ROWS:
            self._flush()

    def close(self) -> None:
        """The end."""
        self._flush()
        self.file.close()

    def _flush(self) -> None:
        if self.waiting:
            whole = self.arrow.concat_tables(self.waiting).unify_dictionaries().combine_chunks()
            self.file.write_table(whole, row_group_size=whole.num_rows)
            self.waiting.clear()

    def _columns(self, table: Table, names: Names) -> Any:
        arrow = self.arrow
        rows = np.arange(len(table) + 1)
        columns: dict[str, tuple[Column, Column | None]] = {
            **{name: (column, None) for name, column in table.events.items()},
            "mark_market": (table.mark_market, table.first_mark),
            "mark_price": (table.mark_price, table.first_mark),
            "rule": (table.rule, None),
            "reason": (table.reason, None),
            **{f"{POSTING}{name}": (column, table.first_entry) for name, column in table.entries.items()},
        }
        new = self._number([columns[name][0] for name in ACCOUNTS], names)
        words = {
            "type": EVENT_TYPES,
            "mark_market": names.markets.texts,
            f"{POSTING}market": names.markets.texts,
        }
        built: dict[str, Any] = {}
        for field in self.schema:
            name = field.name
            if name in (NAMES, DIGEST):
                continue
            column, first = columns[name]
            if name in ACCOUNTS:
                values = arrow.array(self.numbers[column])
            elif name in NUMBERS:
                values = arrow.array(column)
            else:
                plural = f"{name.removeprefix(POSTING).removesuffix('s')}s"
                values = self._dictionary(column, words.get(name) or getattr(names, plural).texts)
            built[name] = values if first is None else self._list(name, first, values)
        built[NAMES] = self._list(NAMES, np.minimum(rows, 1) * len(new), arrow.array(new, arrow.string()))
        built[DIGEST] = arrow.array([None] * (len(table) - 1) + [table.digest or None], arrow.string())
        return arrow.table(built, schema=self.schema)

    def _number(self, columns: list[Column], names: Names) -> list[str]:
        """Give numbers to the names in columns that have none yet. returns: the new names, in their order."""
        missing = np.full(len(names.accounts.texts) + 1 - len(self.numbers), NONE, dtype=np.int32)
        # The last place is that of none: numbers of Names below 0 read it.
        self.numbers = np.concatenate([self.numbers, missing])
        used = np.unique(np.concatenate(columns))
        new = used[(used >= 0) & (self.numbers[used] < 0)]
        self.numbers[new] = np.arange(self.named, self.named + len(new))
        self.named += len(new)
        return list(map(names.accounts.text, new.tolist()))

    def _dictionary(self, column: Column, texts: Sequence[str]) -> Any:
        """Numbers of names as texts, each text once."""
        used, place = np.unique(column, return_inverse=True)
        known = [texts[number] if number >= 0 else "" for number in used.tolist()]
        return self.arrow.DictionaryArray.from_arrays(
            self.arrow.array(place.astype(np.int32)), self.arrow.array(known, self.arrow.string())
        )

    def _list(self, name: str, first: Column, values: Any) -> Any:
        return self.arrow.ListArray.from_arrays(
            self.arrow.array((first - first[0]).astype(np.int32)), values, type=self.schema.field(name).type
        )
