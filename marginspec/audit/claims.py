"""Claims: what a log says became of its events, compared with what became of them, in whole columns."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fastpath.engine import ENTRY, ENTRY_KINDS, STAGES
from marginspec.audit.machines import KIND_CODES, STAGE_CODES, Answer
from marginspec.audit.names import NONE, Names, Vocabulary
from marginspec.audit.table import ENTRY_COLUMNS, Column, Table

POOL_KINDS = tuple(KIND_CODES[kind] for kind in ("fund", "fee_pool", "bad_debt", "drawn"))
OPENED_KIND = KIND_CODES["opened"]
UNKNOWN = (0xFF, 0xFF, 0xFFFF)
"""Kind, stage and rule of a record whose words the engine does not have."""
OF_POOL, OPENED = 1, 2
"""Classes of postings that name a pool: as their holder, as their market."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing in which a log differs from the law, or a state breaks an invariant.

    line    where in the log
    event   number of the event, from 1
    rule    that decides, as the law says; where the law has none, as the log says
    what    "refusal", "posting", "digest" or "invariant"
    ours    what the law says
    theirs  what the log says
    """

    line: int
    event: int
    rule: str
    what: str
    ours: str
    theirs: str

    def document(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        return asdict(self)


def _codes_of(words: str, names: Names) -> tuple[int, int, int]:
    """Kind, stage and rule of the words of a posting, as in a record."""
    kind, rule, stage = (*words.split(" "), "")[:3] if words.count(" ") in (1, 2) else ("", "", "")
    if kind not in KIND_CODES or stage not in STAGE_CODES or rule not in names.rules:
        return UNKNOWN
    return KIND_CODES[kind], STAGE_CODES[stage], min(names.rules[rule], UNKNOWN[2])


def _heads(names: Names) -> tuple[Column, Column]:
    """Of all words: the first four bytes of a record, and the class of its kind."""
    codes = [_codes_of(words, names) for words in names.words.texts]
    heads = np.array([kind | stage << 8 | rule << 16 for kind, stage, rule in codes], dtype=np.uint32)
    classes = [
        OF_POOL if kind in POOL_KINDS else OPENED if kind == OPENED_KIND else 0 for kind, _, _ in codes
    ]
    return heads, np.array(classes, dtype=np.uint8)


def records_of(table: Table, names: Names) -> Column:
    """The postings that a table claims, as the engine's records and in its numbers."""
    claimed = table.entries
    records = np.empty(len(claimed["words"]), dtype=ENTRY)
    if not len(records):
        return records
    heads, classes = _heads(names)
    records.view(np.uint32).reshape(-1, 8)[:, 0] = heads[claimed["words"]]
    records["spare"] = 0
    for name in ("holder", "market", "amount", "second"):
        records[name] = claimed[name]
    special = classes[claimed["words"]]
    of_pool, opened = np.flatnonzero(special == OF_POOL), np.flatnonzero(special == OPENED)
    if len(of_pool):
        records["holder"][of_pool] = _pools_by(names.accounts, names)[claimed["holder"][of_pool]]
    if len(opened):
        records["market"][opened] = _pools_by(names.markets, names)[claimed["market"][opened]]
        # An opening does not say the owner: it is the one whom the deposit names.
        event = np.searchsorted(table.first_entry, opened, side="right") - 1
        records["amount"][opened] = table.events["owner"][event]
    return records


def _pools_by(vocabulary: Vocabulary, names: Names) -> Column:
    """The number as a pool of each name of another vocabulary; the last place stands for none."""
    found = np.full(len(vocabulary.texts) + 1, NONE, dtype=np.int32)
    for number, pool in enumerate(names.pools.texts[: names.pools_known]):
        found[vocabulary[pool]] = number
    return found


def columns_of_records(records: Column, names: Names) -> dict[str, Column]:
    """The engine's records as claims: what `records_of` makes of these is the records again."""
    columns = {
        name: records[name].astype(ENTRY_COLUMNS[name]) for name in ("holder", "market", "amount", "second")
    }
    heads, place = np.unique(records.view(np.uint32).reshape(-1, 8)[:, 0], return_inverse=True)
    words, of_pool, opened = [], [], []
    for head in heads.tolist():
        kind, stage, rule = head & 0xFF, head >> 8 & 0xFF, head >> 16
        words.append(f"{ENTRY_KINDS[kind]} {names.rules.text(rule)} {STAGES[stage]}".rstrip())
        of_pool.append(kind in POOL_KINDS)
        opened.append(kind == OPENED_KIND)
    numbers = [names.words[text] for text in words]
    columns["words"] = np.array(numbers, dtype=np.int32)[place]
    in_pool, opening = np.array(of_pool, dtype=bool)[place], np.array(opened, dtype=bool)[place]
    as_account = np.array([names.accounts[pool] for pool in names.pools.texts], dtype=np.int32)
    as_market = np.array([names.markets[pool] for pool in names.pools.texts], dtype=np.int32)
    columns["holder"][in_pool] = as_account[records["holder"][in_pool]]
    columns["market"][opening] = as_market[records["market"][opening]]
    columns["amount"][opening] = 0
    return columns


def differences(
    table: Table, records: Column, answer: Answer, names: Names, number: int
) -> Iterator[Finding]:
    """Where a table claims something else than the answer, once for each event, in their order.

    records  records_of the table
    number   of its first event
    """
    applied = answer.applied
    refusal = (table.rule[:applied] != answer.rule[:applied]) | (
        table.reason[:applied] != answer.reason[:applied]
    )
    ours, theirs = np.diff(answer.first_entry[: applied + 1]), np.diff(table.first_entry[: applied + 1])
    wrong = refusal.copy()
    if len(records) and not (
        len(records) == len(answer.entries) and (ours == theirs).all() and _equal(answer.entries, records)
    ):
        length = (theirs > 0) & (ours != theirs)
        rows = np.flatnonzero((theirs > 0) & ~length)
        mine = answer.entries[_stretches(answer.first_entry, rows, ours)]
        other = records[_stretches(table.first_entry, rows, ours)]
        wrong |= length
        wrong[np.repeat(rows, ours[rows])[mine != other]] = True
    for row in np.flatnonzero(wrong).tolist():
        where = (int(table.line[row]), number + row)
        if refusal[row]:
            yield _refusal(table, answer, names, row, *where)
        else:
            yield _posting(table, answer, records, names, row, *where)


def _stretches(first: Column, rows: Column, counts: Column) -> Column:
    """The places of all postings of some events, which have so many each."""
    lengths = counts[rows]
    ends = np.cumsum(lengths)
    places: Column = np.arange(ends[-1] if len(ends) else 0, dtype=np.int64)
    places += np.repeat(first[rows] - (ends - lengths), lengths)
    return places


def _refusal(table: Table, answer: Answer, names: Names, row: int, line: int, event: int) -> Finding:
    ours = (int(answer.rule[row]), int(answer.reason[row]))
    theirs = (int(table.rule[row]), int(table.reason[row]))
    rule = names.rules.text(ours[0] or theirs[0])
    said = [
        f"refused {names.rules.text(rule)} {names.reasons.text(reason)}" if rule else "accepted"
        for rule, reason in (ours, theirs)
    ]
    return Finding(line, event, rule, "refusal", *said)


def _equal(ours: Column, theirs: Column) -> bool:
    """Whether records are the same, byte for byte."""
    return bool(np.array_equal(ours.view(np.int64), theirs.view(np.int64)))


def _posting(
    table: Table, answer: Answer, records: Column, names: Names, row: int, line: int, event: int
) -> Finding:
    """The first posting of an event that differs, or that only one side has."""
    mine = answer.entries[answer.first_entry[row] : answer.first_entry[row + 1]]
    begin, end = table.first_entry[row : row + 2].tolist()
    theirs = records[begin:end]
    same = 0
    while same < min(len(mine), len(theirs)) and mine[same] == theirs[same]:
        same += 1
    ours = posting_texts(columns_of_records(mine, names), names)[same : same + 1]
    claimed = {name: column[begin:end] for name, column in table.entries.items()}
    told = posting_texts(claimed, names)[same : same + 1]
    rule = (*(ours or told)[0][0].split(" "), "")[1]
    return Finding(line, event, rule, "posting", _sentence(ours), _sentence(told))


def _sentence(postings: list[tuple[str, ...]]) -> str:
    if not postings:
        return "no further posting"
    words, holder, market, amount, second = postings[0]
    more = f"and {second}" if words.startswith(("orders", "drawn")) else ""
    return " ".join(word for word in (words, holder, market, amount, more) if word)


def posting_texts(entries: dict[str, Column], names: Names) -> list[tuple[str, ...]]:
    """Postings as a line has them, whole: (words, holder, market, amount, second)."""
    return list(
        zip(
            map(names.words.text, entries["words"].tolist()),
            map(names.accounts.text, entries["holder"].tolist()),
            map(names.markets.text, entries["market"].tolist()),
            map(str, entries["amount"].tolist()),
            map(str, entries["second"].tolist()),
            strict=True,
        )
    )
