"""A batch of deleveraging under each of the three allocations, as the law itself shares it out.

The candidates come from a CSV file: one opposite holder a row, in ranking order unless another is asked for.
The file may say what a venue really took of each (`taken`), to be compared.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from marginspec.errors import HELD, Flaw, InputError
from marginspec.policy_file import read_text
from marginspec.screen import aligned, grouped, say
from refmodel.allocation import Candidate, allocate
from refmodel.deleveraging import cap_of_line
from refmodel.liquidation_price import Line
from refmodel.numbers import PPM, Lots, Quanta
from refmodel.policy import ALLOCATIONS, BINANCE
from refmodel.ranking import Holding, Ranked, in_rank_order, score
from refmodel.validity import SIZE_MAX

BYTES_MAX = 200_000_000
"""No batch is larger: the largest on record had 34 983 fills."""
OWNERS_SHOWN = 5
FLAWS_SHOWN = 10
AMOUNT_MAX = 10**40
AS_THE_FILE_SAYS = "as in the file"
RESERVE: Quanta = 1
"""What ADL-3 keeps for the rounding of the gap, under the trigger `below`."""

NAMES = ("account", "owner")
NUMBERS = {
    "lots": (1, SIZE_MAX),
    "cap": (0, SIZE_MAX),
    "taken": (0, SIZE_MAX),
    "equity": (-AMOUNT_MAX, AMOUNT_MAX),
    "maintenance_rate": (0, PPM),
    "other_margin": (0, AMOUNT_MAX),
    "profit": (-AMOUNT_MAX, AMOUNT_MAX),
    "notional": (1, AMOUNT_MAX),
    "wallet": (-AMOUNT_MAX, AMOUNT_MAX),
    "maintenance": (1, AMOUNT_MAX),
}
"""Columns of whole numbers, with what may stand in them."""
MARGIN_COLUMNS = ("equity", "maintenance_rate")
RANKED_BY = ("notional", "profit", "equity")
RANKED_BY_BINANCE = ("wallet", "maintenance")


@dataclass(frozen=True, slots=True)
class Row:
    """One holder: its names and the numbers of its row, by column."""

    line: int
    account: str
    owner: str
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the file does not say.

    lots       to be closed; None: as many as its column `taken` sums to
    gap        quanta that these lots carry, >= 0; read with the margin columns only
    lot_value  quanta of one lot at mark; None: caps are not worked out
    ranking    one of RANKINGS, or empty: the order of the file
    side       1 if the holders are long, -1 if they are short
    """

    lots: Lots | None
    gap: Quanta
    lot_value: Quanta | None
    ranking: str
    side: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What one allocation takes of whom.

    taken  lots by account, those with nothing left out
    """

    allocation: str
    taken: Mapping[str, Lots]


# Reading


def read_rows(source: str) -> list[Row]:
    """The rows of a batch. Errors: InputError with line and column of each flaw."""
    text = read_text(Path(source), source, BYTES_MAX, InputError)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    flaws: list[Flaw] = []
    rows: list[Row] = []
    seen: dict[str, int] = {}
    try:
        heading = next(reader, [])
        columns = _columns(source, [cell.strip() for cell in heading])
        for cells in reader:
            if not cells:
                continue
            row = _row(reader.line_num, cells, columns, flaws)
            if row is None:
                continue
            if row.account in seen:
                problem = f"is {row.account}, which stands in line {seen[row.account]:_} already."
                flaws.append(_flaw(row.line, "account", problem, "Give each account one row."))
            seen[row.account] = row.line
            rows.append(row)
    except csv.Error as error:
        flaws.append(Flaw(f"line {reader.line_num:_},", f"is not CSV: {error}.", "Mend the line."))
    if not rows and not flaws:
        flaws.append(Flaw("", "holds no account.", "Give one row for each holder."))
    if flaws:
        raise InputError(source, *flaws[:FLAWS_SHOWN])
    return rows


def _columns(source: str, heading: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns, if they are known, each once, and those needed are there."""
    known = (*NAMES, *NUMBERS)
    flaws = []
    for position, name in enumerate(heading, start=1):
        where = f"line 1, column {position}"
        if name not in known:
            flaws.append(Flaw(where, f"is called {name!r}, which has no meaning here.", _known_columns()))
        elif name in heading[: position - 1]:
            flaws.append(Flaw(where, f"is called {name}, and so is one before it.", "Leave one out."))
    for name in ("account", "lots"):
        if name not in heading:
            flaws.append(Flaw("line 1", f"has no column {name}.", _known_columns()))
    if flaws:
        raise InputError(source, *flaws[:FLAWS_SHOWN])
    return tuple(heading)


def _known_columns() -> str:
    return f"The columns are {', '.join((*NAMES, *NUMBERS))}; account and lots are needed."


def _flaw(line: int, column: str, problem: str, repair: str) -> Flaw:
    return Flaw(f"line {line:_}, column {column},", problem, repair)


def _row(line: int, cells: Sequence[str], columns: Sequence[str], flaws: list[Flaw]) -> Row | None:
    """One row, or None if it has flaws, which are added to those found."""
    before = len(flaws)
    if len(cells) != len(columns):
        problem = f"has {len(cells)} cells under {len(columns)} columns."
        flaws.append(Flaw(f"line {line:_}", problem, "Give one cell for each column."))
        return None
    values = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
    numbers = {}
    for name in columns:
        if name in NAMES:
            if not values[name] or len(values[name]) > 200:
                repair = "Write a name of at most 200 characters."
                flaws.append(_flaw(line, name, "is empty or too long.", repair))
            continue
        least, most = NUMBERS[name]
        text = values[name]
        if re.fullmatch(r"-?[0-9]{1,40}", text.replace("_", "")) is None:
            repair = "Write it in whole lots, quanta or ppm, without a decimal point."
            flaws.append(_flaw(line, name, f"is {text[:40]!r}, not a whole number.", repair))
        elif not least <= int(text.replace("_", "")) <= most:
            flaws.append(_flaw(line, name, f"is {text}.", f"It is {least:_} to {most:_}."))
        else:
            numbers[name] = int(text.replace("_", ""))
    for name in ("cap", "taken"):
        if len(flaws) == before and numbers.get(name, 0) > numbers["lots"]:
            problem = f"is {numbers[name]:_}, and the account holds {numbers['lots']:_} lots."
            flaws.append(_flaw(line, name, problem, "Nobody is closed beyond what it holds."))
    if len(flaws) > before:
        return None
    return Row(line, values["account"], values.get("owner") or values["account"], numbers)


# The batch, as the law shares it out


def candidates_of(source: str, rows: Sequence[Row], terms: Terms, lots: Lots) -> list[Candidate]:
    """The holders with their caps, in ranking order.

    lots    to be closed: they carry the gap
    Errors: InputError if a column is missing that the terms ask for.
    """
    columns = rows[0].numbers
    if terms.ranking:
        _need(source, columns, (*RANKED_BY, *(RANKED_BY_BINANCE if terms.ranking == BINANCE else ())))
    if terms.lot_value is not None and "cap" not in columns:
        _need(source, columns, MARGIN_COLUMNS)
    by_name = {
        row.account: Candidate(row.account, row.owner, row.numbers["lots"], _cap(row, terms, lots))
        for row in rows
    }
    if not terms.ranking:
        return list(by_name.values())
    return [by_name[name] for name in in_rank_order(_ranked(source, row, terms) for row in rows)]


def _need(source: str, columns: Mapping[str, int], names: Sequence[str]) -> None:
    missing = [name for name in names if name not in columns]
    if missing:
        problem = f"has no column {' and no column '.join(missing)}, which this option reads."
        raise InputError(source, Flaw("line 1", problem, "Add it, or leave the option out."))


def _cap(row: Row, terms: Terms, lots: Lots) -> Lots:
    """The cap of one holder: as the file says; by ADL-3 from its margin columns; or all it holds."""
    held = row.numbers["lots"]
    if "cap" in row.numbers:
        return row.numbers["cap"]
    if terms.lot_value is None:
        return held
    room = row.numbers["equity"] - row.numbers.get("other_margin", 0) - RESERVE
    line = Line(row.numbers["maintenance_rate"], 0, 0)
    return cap_of_line(line, held, terms.lot_value, room, terms.gap, max(lots, 1))


def _ranked(source: str, row: Row, terms: Terms) -> Ranked:
    """One holder in the ranking, by the columns of its row."""
    numbers = row.numbers
    if numbers["equity"] < 1:
        problem = f"is {numbers['equity']:_}: an account without equity is not ranked."
        raise InputError(source, _flaw(row.line, "equity", problem, "Leave the account out."))
    value = terms.side * numbers["notional"]
    holding = Holding(
        value=value,
        cost=value - numbers["profit"],
        wallet=numbers.get("wallet", 0),
        equity=numbers["equity"],
        maintenance=numbers.get("maintenance", 1),
    )
    return Ranked(row.account, score(holding, terms.ranking), numbers["notional"])


def batches_of(rows: Sequence[Row], candidates: Sequence[Candidate], lots: Lots) -> Iterator[Batch]:
    """What each allocation takes of whom; last what the file says was taken, if it says so.

    lots  at most the sum of the caps
    """
    for allocation in ALLOCATIONS:
        shares = allocate(allocation, lots, candidates)
        yield Batch(allocation, {share.account: share.lots for share in shares if share.lots > 0})
    if "taken" in rows[0].numbers:
        taken = {row.account: row.numbers["taken"] for row in rows if row.numbers["taken"] > 0}
        yield Batch(AS_THE_FILE_SAYS, taken)


def _lots_to_close(source: str, rows: Sequence[Row], terms: Terms) -> Lots:
    if terms.lots is not None:
        return terms.lots
    if "taken" not in rows[0].numbers:
        problem = "does not say how many lots are to be closed."
        raise InputError(source, Flaw("", problem, "Give --lots, or a column taken."))
    return sum(row.numbers["taken"] for row in rows)


# What is printed


@dataclass(frozen=True, slots=True)
class Figures:
    """What is said about one batch.

    touched   accounts of which a lot is taken
    largest   the largest part of a position that is taken
    whole     accounts that are closed completely
    realised  quanta of profit that the lots taken realise, rounded down by account; None without `profit`
    by_owner  lots by owner
    """

    lots: Lots
    touched: int
    largest: Fraction
    whole: int
    realised: Quanta | None
    by_owner: Mapping[str, Lots]


def figures_of(rows: Sequence[Row], batch: Batch) -> Figures:
    """The figures of one batch."""
    by_owner: dict[str, Lots] = {}
    largest, whole, realised = Fraction(0), 0, 0
    for row in rows:
        taken, held = batch.taken.get(row.account, 0), row.numbers["lots"]
        by_owner[row.owner] = by_owner.get(row.owner, 0) + taken
        largest = max(largest, Fraction(taken, held))
        whole += taken == held
        realised += row.numbers.get("profit", 0) * taken // held
    with_profit = realised if "profit" in rows[0].numbers else None
    return Figures(sum(batch.taken.values()), len(batch.taken), largest, int(whole), with_profit, by_owner)


def compare(source: str, terms: Terms) -> tuple[int, dict[str, Any]]:
    """Print a batch under the three allocations.

    returns  the exit code, and the facts for --json
    Errors: InputError for a file that cannot be read as a batch.
    """
    rows = read_rows(source)
    asked = _lots_to_close(source, rows, terms)
    candidates = candidates_of(source, rows, terms, asked)
    caps = sum(candidate.cap for candidate in candidates)
    lots = min(asked, caps)
    batches = list(batches_of(rows, candidates, lots))
    figures = [figures_of(rows, batch) for batch in batches]
    assert all(each.lots == lots for each in figures[: len(ALLOCATIONS)])
    held = sum(row.numbers["lots"] for row in rows)

    owners = len({row.owner for row in rows})
    say(f"{source}: {_counted(len(rows), 'holder')} of {_counted(owners, 'owner')}, {grouped(held)} lots")
    say(f"  To close   {grouped(asked)} lots, of which the caps admit {grouped(lots)}")
    say(f"  Caps       {_about_caps(rows, terms)}; in sum {grouped(caps)} lots")
    say(f"  Order      {f'by the ranking {terms.ranking}' if terms.ranking else 'as in the file'}")
    say()
    say(_table(batches, figures))
    say()
    say(_owners_table(rows, batches, figures))
    if asked > lots:
        say()
        say(f"{grouped(asked - lots)} lots are beyond the caps: the law closes them at mark (ADL-8).")
    return HELD, _facts(source, rows, candidates, batches, figures, asked)


def _counted(number: int, noun: str) -> str:
    return f"{grouped(number)} {noun}{'' if number == 1 else 's'}"


def _about_caps(rows: Sequence[Row], terms: Terms) -> str:
    if "cap" in rows[0].numbers:
        return "as in the file"
    if terms.lot_value is None:
        return "all that a holder has: no margin is known"
    return "by margin (ADL-3)"


def percent(part: Fraction) -> str:
    """A fraction in per cent with two digits, rounded down."""
    hundredths = part.numerator * 10_000 // part.denominator
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def _table(batches: Sequence[Batch], figures: Sequence[Figures]) -> str:
    headings = [
        "allocation",
        "lots\ntaken",
        "accounts\ntouched",
        "closed\nwhole",
        "largest part\nof a position",
    ]
    with_profit = figures[0].realised is not None
    if with_profit:
        headings.append("profit realised\nquanta")
    cells = [
        [
            batch.allocation,
            grouped(each.lots),
            grouped(each.touched),
            grouped(each.whole),
            percent(each.largest),
            *([grouped(each.realised)] if each.realised is not None else []),
        ]
        for batch, each in zip(batches, figures, strict=True)
    ]
    return aligned(headings, cells, right=range(1, len(headings)))


def _owners_table(rows: Sequence[Row], batches: Sequence[Batch], figures: Sequence[Figures]) -> str:
    """The owners with most lots: what they hold, and what each allocation takes of them."""
    held: dict[str, Lots] = {}
    for row in rows:
        held[row.owner] = held.get(row.owner, 0) + row.numbers["lots"]
    largest = sorted(held, key=lambda owner: (-held[owner], owner))[:OWNERS_SHOWN]
    title = "owner" if len(held) <= OWNERS_SHOWN else f"owner ({OWNERS_SHOWN} largest)"
    headings = [title, "lots\nheld", *(f"{batch.allocation}\nlots" for batch in batches)]
    cells = [
        [owner, grouped(held[owner]), *(grouped(each.by_owner[owner]) for each in figures)]
        for owner in largest
    ]
    return aligned(headings, cells, right=range(1, len(headings)))


def _facts(
    source: str,
    rows: Sequence[Row],
    candidates: Sequence[Candidate],
    batches: Sequence[Batch],
    figures: Sequence[Figures],
    asked: Lots,
) -> dict[str, Any]:
    """The same as JSON: lots and quanta as decimal strings, fractions as two of them."""
    allocations: dict[str, Any] = {}
    for batch, each in zip(batches, figures, strict=True):
        allocations[batch.allocation] = {
            "lots": str(each.lots),
            "accounts_touched": each.touched,
            "closed_whole": each.whole,
            "largest_part": [str(each.largest.numerator), str(each.largest.denominator)],
            "profit_realised": None if each.realised is None else str(each.realised),
            "by_owner": _strings(each.by_owner, lambda lots: lots > 0),
            "by_account": _strings(batch.taken, lambda lots: True),
        }
    return {
        "file": source,
        "accounts": len(rows),
        "lots_held": str(sum(row.numbers["lots"] for row in rows)),
        "lots_to_close": str(asked),
        "caps": {candidate.account: str(candidate.cap) for candidate in candidates},
        "allocations": allocations,
    }


def _strings(lots: Mapping[str, Lots], wanted: Callable[[Lots], bool]) -> dict[str, str]:
    return {name: str(number) for name, number in lots.items() if wanted(number)}
