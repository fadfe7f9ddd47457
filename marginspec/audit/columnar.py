"""Logs in columns: Parquet through Arrow, one row for each event (spec/logs.md). Needs pyarrow."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from fastpath.engine import EVENT_TYPES
from marginspec.audit.errors import LogError
from marginspec.audit.header import Header, read_header
from marginspec.audit.names import ABSENT, NONE, Names
from marginspec.audit.table import ENTRY_COLUMNS, EVENT_COLUMNS, Column, Table, no_entries
from marginspec.errors import Flaw

MAGIC = b"PAR1"
KEY = b"marginspec-log"
"""Under which a file's metadata hold the header."""
POSTING = "posting_"
ACCOUNTS = ("account", "other", f"{POSTING}holder")
"""Columns of numbers of names; -1 stands for none."""
NUMBERS = ("time", "x", "y", "mark_price", f"{POSTING}amount", f"{POSTING}second")
MARKS = ("mark_market", "mark_price")
POSTINGS = tuple(f"{POSTING}{name}" for name in ENTRY_COLUMNS)
NAMES = "names"
"""The names of accounts and pools that numbers stand for from this row on; the first of all is number 0."""
DIGEST = "digest"
TYPES = {name: code for code, name in enumerate(EVENT_TYPES)}
DAMAGED = "The file is damaged: take it again from its source. What stands before is sound."
AS_WRITTEN = "spec/logs.md says what the columns are."


def import_pyarrow(source: str) -> ModuleType:
    """pyarrow with its Parquet, which is an extra. Errors: LogError if it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        repair = (
            "Install it: pip install 'marginspec[arrow]'. Logs of JSON lines, plain or gzip, need nothing."
        )
        raise LogError(source, Flaw("", "needs pyarrow to be read or written.", repair)) from None
    module: ModuleType = pyarrow
    return module


def is_text(pyarrow: ModuleType, kind: Any) -> bool:
    """Whether a column of this type holds texts."""
    types = pyarrow.types
    plain = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(plain) or types.is_large_string(plain))


def schema_of(pyarrow: ModuleType, *, postings: bool) -> Any:
    """The columns of a log, in their order and with their types."""
    kinds = dict.fromkeys(NUMBERS, pyarrow.int64()) | dict.fromkeys(ACCOUNTS, pyarrow.int32())
    words = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    found = []
    for name in (*EVENT_COLUMNS, *MARKS, "rule", "reason", *(POSTINGS if postings else ())):
        kind = kinds.get(name, words)
        if name in MARKS or name in POSTINGS:
            found.append(_list_field(pyarrow, name, kind))
        else:
            found.append(pyarrow.field(name, kind, nullable=False))
    found.append(_list_field(pyarrow, NAMES, pyarrow.string()))
    found.append(pyarrow.field(DIGEST, pyarrow.string()))
    return pyarrow.schema(found)


def _list_field(pyarrow: ModuleType, name: str, kind: Any) -> Any:
    """A list that is never missing and has no missing members: its levels are half as long to read."""
    return pyarrow.field(name, pyarrow.list_(pyarrow.field("element", kind, nullable=False)), nullable=False)


class ColumnsReader:
    """A log in a Parquet file.

    size  of the file in rows
    read  how many of them have been read, for a bar of progress
    """

    form = "columns"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = str(path)
        self.read = 0
        self._where = ""
        self._place: Any = None
        self._arrow = import_pyarrow(self.source)
        try:
            self._file = self._opened(())
        except (self._arrow.ArrowException, OSError, ValueError) as error:
            problem = f"is not a Parquet file that can be read: {error}."
            raise LogError(
                self.source, Flaw("", problem, "The file seems to be cut off or damaged.")
            ) from None
        meta = self._file.metadata
        told = (meta.metadata or {}).get(KEY)
        if told is None:
            problem = f"has no `{KEY.decode()}` in its metadata: it is no log."
            raise LogError(self.source, Flaw("", problem, AS_WRITTEN))
        self.header: Header = read_header(told, self.source)
        self._check_columns()
        texts = [
            place.path
            for place in (meta.schema.column(number) for number in range(meta.num_columns))
            if place.physical_type == "BYTE_ARRAY" and not place.path.startswith((DIGEST, NAMES))
        ]
        self._file = self._opened(texts)
        self.size = meta.num_rows

    def _opened(self, texts: Sequence[str]) -> Any:
        return self._arrow.parquet.ParquetFile(
            self.path, memory_map=True, read_dictionary=list(texts), page_checksum_verification=True
        )

    def identity(self) -> dict[str, Any]:
        """What tells this log from another: all of it, for a Parquet file is whole or it is none."""
        checksum = 0
        with self.path.open("rb") as file:
            while block := file.read(1 << 22):
                checksum = zlib.crc32(block, checksum)
        return {"form": self.form, "rows": self.size, "file": f"crc32:{checksum:08x}"}

    def _check_columns(self) -> None:
        """The columns of the file are those of a log. Errors: LogError with all that are not."""
        schema = self._file.schema_arrow
        self.has_postings = any(name in schema.names for name in POSTINGS)
        flaws = []
        for wanted in schema_of(self._arrow, postings=self.has_postings):
            if wanted.name not in schema.names:
                flaws.append(Flaw(f"column {wanted.name}", "is missing.", AS_WRITTEN))
                continue
            found = schema.field(wanted.name).type
            if not self._fits(found, wanted.type):
                said = str(wanted.type).replace(
                    "dictionary<values=string, indices=int32, ordered=0>", "string"
                )
                problem = f"has the type {found}, and {said.replace(' not null', '')} is read."
                flaws.append(Flaw(f"column {wanted.name}", problem, AS_WRITTEN))
        if flaws:
            raise LogError(self.source, *flaws)

    def _fits(self, found: Any, wanted: Any) -> bool:
        types = self._arrow.types
        if types.is_list(wanted):
            return (types.is_list(found) or types.is_large_list(found)) and self._fits(
                found.value_type, wanted.value_type
            )
        if is_text(self._arrow, wanted):
            return is_text(self._arrow, found)
        return bool(found == wanted)

    def tables(self, names: Names, position: int, checksum: int, line: int) -> Iterator[Table]:
        """The log from a row on.

        position  0, or `end` of the last table that was audited: rows
        checksum, line  not needed: a Parquet file is whole, and identity() holds all of it
        Errors: LogError, after the tables before the row group that cannot be read.
        """
        begin = 0
        known: Column = np.array([NONE], dtype=np.int32)
        for group in range(self._file.metadata.num_row_groups):
            end = begin + self._file.metadata.row_group(group).num_rows
            columns = self._group(group, begin, None if end > position else [NAMES])
            known = self._more_names(columns, known, names)
            if end > position:
                table, digests = self._table(columns, names, known, begin), self._digests(columns)
                first = max(position - begin, 0)
                for stop in (*(row for row in digests if row > first), len(table)):
                    if stop > first:
                        part = table.part(first, stop)
                        part.digest, part.end = digests.get(stop, ""), begin + stop
                        self.read = part.end
                        yield part
                    first = stop
            begin = end

    def _group(self, group: int, begin: int, wanted: list[str] | None) -> dict[str, Any]:
        """Columns of a row group, each in one piece. Errors: LogError."""
        place = self._file.metadata.row_group(group)
        self._where = f"row group {group}, rows {begin + 1:_} to {begin + place.num_rows:_},"
        self._place = place
        with self._told():
            read = self._file.read_row_group(group, columns=wanted)
            return {name: read.column(name).combine_chunks() for name in read.column_names}

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What cannot be read in a row group, as an error that says where."""
        try:
            yield
        except (self._arrow.ArrowException, OSError, ValueError, KeyError, IndexError) as error:
            text, where = " ".join(str(error).split()), self._where
            if "CRC" in text:
                # A damaged page, so the footer is sound; to ask a damaged one for places ends the process.
                where += f" from byte {_begin_of(self._place):_} on,"
            raise LogError(self.source, Flaw(where, f"cannot be read: {text}.", DAMAGED)) from None

    def _more_names(self, columns: dict[str, Any], known: Column, names: Names) -> Column:
        """Of each number of a name in the file, the number in Names; the last place stands for none."""
        with self._told():
            _, texts = self._list(columns[NAMES])
            named = texts.to_pylist()
            names.accounts.learn(named)
            new = np.fromiter(map(names.accounts.__getitem__, named), np.int32, len(named))
            return np.concatenate([known[:-1], new, [NONE]], dtype=np.int32)

    def _table(self, columns: dict[str, Any], names: Names, known: Column, begin: int) -> Table:
        """The columns of a row group as a table. Errors: LogError."""
        with self._told():
            types = self._texts(columns["type"], lambda text: TYPES.get(text, NONE))
            if len(types) and types.min() < 0:
                row = int(np.flatnonzero(types < 0)[0])
                raise ValueError(f"row {begin + row + 1:_} has no type of an event in the column `type`")
            events = {"type": types.astype(np.int8)}
            for name in ("account", "other"):
                events[name] = self._accounts(columns[name], known, name)
            for name in ("market", "owner", "pool", "side"):
                vocabulary = getattr(names, f"{name}s")
                found = self._texts(columns[name], vocabulary.__getitem__)
                # A market of an event is absent in another way than that of a posting.
                events[name] = np.where(found < 0, ABSENT, found) if name == "market" else found
            events |= {name: self._numbers(columns[name], name) for name in ("time", "x", "y")}
            first_mark, markets = self._list(columns["mark_market"])
            prices_first, prices = self._list(columns["mark_price"])
            first_entry, entries = self._entries(columns, names, known, len(types))
            if not np.array_equal(first_mark, prices_first):
                raise ValueError("the lists of the columns `mark_market` and `mark_price` differ in length")
            return in_order(
                Table(
                    events=events,
                    first_mark=first_mark,
                    mark_market=self._texts(markets, names.markets.__getitem__),
                    mark_price=self._numbers(prices, "mark_price"),
                    rule=self._texts(columns["rule"], names.rules.__getitem__),
                    reason=self._texts(columns["reason"], names.reasons.__getitem__),
                    first_entry=first_entry,
                    entries=entries,
                    line=np.arange(begin + 1, begin + 1 + len(types), dtype=np.int64),
                    accounts_known=len(names.accounts.texts),
                    owners_known=len(names.owners.texts),
                ),
                names,
            )

    def _entries(
        self, columns: dict[str, Any], names: Names, known: Column, rows: int
    ) -> tuple[Column, dict[str, Column]]:
        """Where the claimed postings of each row begin, and all of them. Errors: ValueError."""
        if not self.has_postings:
            return np.zeros(rows + 1, dtype=np.int64), no_entries()
        lists = {name: self._list(columns[f"{POSTING}{name}"]) for name in ENTRY_COLUMNS}
        first = lists["words"][0]
        for name, (other, _) in lists.items():
            if not np.array_equal(first, other):
                raise ValueError(
                    f"the lists of the columns `posting_words` and `posting_{name}` differ in length"
                )
        return first, {
            "words": self._texts(lists["words"][1], names.words.__getitem__),
            "holder": self._accounts(lists["holder"][1], known, f"{POSTING}holder"),
            "market": self._texts(lists["market"][1], names.markets.__getitem__),
            "amount": self._numbers(lists["amount"][1], f"{POSTING}amount"),
            "second": self._numbers(lists["second"][1], f"{POSTING}second"),
        }

    def _accounts(self, column: Any, known: Column, name: str) -> Column:
        """Numbers of the file as numbers of Names. Errors: ValueError for one that has no name."""
        numbers = self._numbers(column, name)
        if len(numbers) and (numbers.min() < NONE or numbers.max() >= len(known) - 1):
            wrong = int(numbers[(numbers < NONE) | (numbers >= len(known) - 1)][0])
            raise ValueError(f"the column `{name}` has the number {wrong}, and `names` has no such name yet")
        return known.take(numbers, mode="wrap")

    def _texts(self, column: Any, number_of: Callable[[str], int]) -> Column:
        """A column of texts as numbers of names; what is missing is as what is empty."""
        if not self._arrow.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        numbers = list(map(number_of, column.dictionary.to_pylist()))
        indices = column.indices
        if column.null_count:
            indices = indices.fill_null(len(numbers))
        found: Column = np.array([*numbers, number_of("")], dtype=np.int32).take(indices.to_numpy())
        return found

    def _numbers(self, column: Any, name: str) -> Column:
        if column.null_count:
            raise ValueError(f"the column `{name}` has a row without a number")
        numbers: Column = column.to_numpy()
        return numbers

    def _list(self, column: Any) -> tuple[Column, Any]:
        """Where the list of each row begins, and the members of all."""
        if column.null_count:
            column = column.fill_null([])
        first: Column = column.offsets.to_numpy().astype(np.int64)
        values = column.values.slice(int(first[0]), int(first[-1] - first[0]))
        return first - first[0], values

    def _digests(self, columns: dict[str, Any]) -> dict[int, str]:
        told = columns[DIGEST]
        rows = np.flatnonzero(told.is_valid().to_numpy(zero_copy_only=False)).tolist()
        return {row + 1: str(told[row]) for row in rows}


def in_order(table: Table, names: Names) -> Table:
    """The same table, the marks of each event in the order of identifiers. Errors: ValueError."""
    if not len(table.mark_market):
        return table
    if table.mark_market.min() < 0:
        raise ValueError("a mark has no market")
    texts = names.markets.texts
    rank = np.zeros(len(texts), dtype=np.int64)
    rank[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    event = np.repeat(np.arange(len(table)), np.diff(table.first_mark))
    key = event * len(texts) + rank[table.mark_market]
    if (np.diff(key) > 0).all():
        return table
    order = np.argsort(key, kind="stable")
    if (np.diff(key[order]) == 0).any():
        raise ValueError("an event has two marks of one market")
    table.mark_market, table.mark_price = table.mark_market[order], table.mark_price[order]
    return table


def _begin_of(group: Any) -> int:
    """The first byte of a row group."""
    places = []
    for number in range(group.num_columns):
        column = group.column(number)
        places.append(column.dictionary_page_offset or column.data_page_offset)
    return min(places, default=0)
