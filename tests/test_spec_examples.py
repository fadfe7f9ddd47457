"""The worked tables of the chapters. Goal: no number in the prose differs from the law.
Method: every table of every chapter is run (examples.py); and tables with one thing wrong are told as wrong.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from marginspec.prose.chapters import ChapterError, Table, chapter_paths, read_chapter
from marginspec.prose.examples import differences
from marginspec.prose.notation import value_of, written
from refmodel.allocation import Share
from refmodel.ranking import Ranked, Score


def tables_of(path: Path) -> list[Table]:
    """The tables of a chapter; none of one that cannot be read, which has a test of its own."""
    try:
        return [table for rule in read_chapter(path).rules for table in rule.tables]
    except ChapterError:
        return []


TABLES = [table for path in chapter_paths() for table in tables_of(path)]


@pytest.mark.parametrize("path", chapter_paths(), ids=lambda path: path.stem)
def test_a_chapter_is_understood(path):
    assert read_chapter(path).rules


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.place)
def test_a_table_says_what_the_law_says(table):
    found = differences(table)
    assert not found, "\n" + "\n".join(found)


def test_there_are_tables():
    assert len(TABLES) >= 10


# ------------------------------------------------------------------------------------- the runner itself

RULE = """# 3 Margin
Read before: 1 Numbers.

## MAR-2 Marginal brackets
Each part of the notional at its own rate.

    margin = ceil(sum / 1 000 000)        rounds up: NUM-1
Refusals: none. Depends on: NUM-1. Theorems: B2. Policy: `market.margin.brackets`.

{table}

Why so: it is continuous. Elsewhere: the same. Source: ours.
"""
RIGHT = """| notional (quanta) | tiers | margin (quanta) | why |
|---:|---|---:|---|
| 1_000_001 | 0: 10_000, 500_000: 20_000 | 15_001 | rounds up |
"""
SCENARIO = """Under `minimal` with `trigger` = `at_or_below`, `markets.BTC-PERP.gap` = 10_000:

| event | outcome | a1 wallet (quanta) | a1 maintenance |
|---|---|---:|---:|
| deposit a1 1_000 owner alice pool cross | accepted | 1_000 | 0 |
| withdraw a1 2_000 | WDR-2 not_in_wallet wallet=1_000 | 1000 | |
"""


POSTED = """| event | outcome |
|---|---|
| deposit a1 1_000 owner alice pool cross | accepted |
| deposit b1 1_000 owner bob pool cross | accepted |
| prices BTC-PERP 10_000 | accepted |
| order b1 BTC-PERP buys 0 sells 1 | accepted |
| trade a1 buys 1 BTC-PERP from b1 at 10_000 | accepted |

The last event posts:

| stage | rule | from | to | amount | why |
|---|---|---|---|---:|---|
| | TRD-5 | lots b1 BTC-PERP | lots a1 BTC-PERP | 1 | |
| | TRD-5 | open_cost a1 BTC-PERP | open_cost b1 BTC-PERP | 10_000 | |
| | FEE-2 | wallet a1 | wallet b1 | 1 | the rebate |
| | FEE-2 | wallet a1 | fee_pool cross | 4 | |
"""


def chapter_with(folder: Path, table: str, rule: str = "MAR-2") -> Path:
    path = folder / "03-margin.md"
    path.write_text(RULE.format(table=table).replace("MAR-2", rule), encoding="utf-8")
    return path


def told(folder: Path, table: str, rule: str = "MAR-2") -> list[str]:
    (text,) = read_chapter(chapter_with(folder, table, rule)).rules
    return [difference for table in text.tables for difference in differences(table)]


def test_right_numbers_are_not_told(tmp_path):
    assert told(tmp_path, RIGHT) == []
    assert told(tmp_path, SCENARIO, "MAR-7") == []
    assert told(tmp_path, POSTED, "TRD-6") == []


def test_a_wrong_number_is_told_with_chapter_rule_line_and_both_numbers(tmp_path):
    (sentence,) = told(tmp_path, RIGHT.replace("15_001", "15_000"))
    assert sentence == "03-margin MAR-2 line 12: margin is 15_001 in the law, 15_000 in the chapter"


@pytest.mark.parametrize(
    ("table", "wrong", "words"),
    [
        (RIGHT, ("| tiers |", "| brackets |"), "no column is called tiers"),
        (RIGHT, ("notional (quanta)", "notional (lots)"), "the unit of `notional` is quanta, not `lots`"),
        (RIGHT, ("0: 10_000, 5", "0 10_000, 5"), "tiers are written"),
        (RIGHT, ("| 15_001 |", "| |"), "an empty cell is no whole number"),
        (RIGHT, ("15_001", "15_001.5"), "15_001.5 is no whole number"),
        (SCENARIO, ("wallet=1_000", "wallet=999"), "outcome is WDR-2 not_in_wallet wallet=1_000 in the law"),
        (SCENARIO, ("| accepted |", "| WDR-2 not_in_wallet |"), "outcome is accepted in the law"),
        (SCENARIO, ("| 1000 |", "| 1001 |"), "a1 wallet is 1_000 in the law, 1001 in the chapter"),
        (SCENARIO, ("| a1 maintenance |", "| a1 health |"), "no state is called `a1 health`"),
        (SCENARIO, ("wallet (quanta)", "wallet (lots)"), "the unit of `a1 wallet` is quanta, not `lots`"),
        (SCENARIO, ("withdraw a1 2_000", "take a1 2_000"), "expected"),
        (SCENARIO, ("`markets.BTC-PERP.gap`", "`markets.XYZ.gap`"), "the policy has no key"),
        (SCENARIO, ("| event | outcome |", "| outcome | event |"), "begins with `event | outcome`"),
        (POSTED, ("| 4 |", "| 5 |"), "amount is 4 in the law, 5 in the chapter"),
        (POSTED, ("| wallet b1 |", "| wallet a1 |"), "to is wallet b1 in the law, wallet a1 in the chapter"),
        (
            POSTED,
            ("| | FEE-2 | wallet a1 | fee_pool cross | 4 | |\n", ""),
            "makes 4 transfers, the table has 3",
        ),
        (POSTED, ("posts:", "posts in `fill`:"), "makes 0 transfers, the table has 4"),
        (POSTED, ("The last event posts:", "It posts:"), "stands under `The last event posts:`"),
    ],
)
def test_one_thing_wrong_is_told(tmp_path, table, wrong, words):
    assert table.replace(*wrong) != table
    rule = {RIGHT: "MAR-2", SCENARIO: "MAR-7", POSTED: "TRD-6"}[table]
    sentences = told(tmp_path, table.replace(*wrong), rule)
    assert any(words in sentence and "03-margin" in sentence for sentence in sentences), sentences


def test_a_table_that_never_reaches_its_rule_is_told(tmp_path):
    (sentence,) = told(tmp_path, SCENARIO, "FUN-2")
    assert "no row reaches `funding_per_lot`" in sentence


def test_a_policy_table_names_the_key_of_the_fault(tmp_path):
    table = """| key | value | fault |
|---|---|---|
| `markets.BTC-PERP.gap` | 25_001 | `markets.BTC-PERP.margin.brackets[0].maintenance` |
| `markets.BTC-PERP.gap` | 25_000 | none |
"""
    assert told(tmp_path, table, "POL-9") == []
    (sentence,) = told(tmp_path, table.replace("| none |", "| `fees.taker` |"), "POL-9")
    assert "fault is none in the law, fees.taker in the chapter" in sentence


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("Refusals: none. ", ""), "Refusals:"),
        (("Depends on: NUM-1", "Depends on: the first rule"), "names something, or says `none`"),
        (("Theorems: B2", "Theorems: the second"), "is no theorem"),
        (("Elsewhere: the same.", ""), "ends with `Why so:`"),
        (("Read before: 1 Numbers.", "| a | b |"), "run by nobody"),
        (("Read before: 1 Numbers.", ""), "opens with a story"),
        (("## MAR-2", "## The rule of"), "an identifier and its noun"),
        (("# 3 Margin", "# 4 Margin"), "the file's name says chapter 3"),
        (("| 15_001 |", "| 15_001 | 3 |"), "5 cells under 4 headings"),
        (("| why |", "| tiers |"), "two columns are called `tiers`"),
        (("|---:|---|---:|---|\n", ""), "a line of dashes"),
        (("Each part of the notional at its own rate.", ""), "begins with a statement in words"),
        ((RIGHT, ""), "has no worked table"),
    ],
)
def test_a_chapter_that_is_not_understood_is_refused(tmp_path, wrong, words):
    path = chapter_with(tmp_path, RIGHT)
    text = path.read_text(encoding="utf-8")
    assert text.replace(*wrong, 1) != text
    path.write_text(text.replace(*wrong, 1), encoding="utf-8")
    with pytest.raises(ChapterError, match=r"03-margin\.md:[0-9]+: ") as error:
        read_chapter(path)
    assert words in str(error.value)


def test_postings_of_no_scenario_are_refused(tmp_path):
    path = chapter_with(tmp_path, POSTED.partition("\n\n")[2], "TRD-6")
    with pytest.raises(ChapterError, match="stands under a scenario"):
        read_chapter(path)


@pytest.mark.parametrize(
    ("cell", "kind", "value"),
    [
        ("5, 3, 0", list[int], [5, 3, 0]),
        ("5, 3, 0", Sequence[int], (5, 3, 0)),
        ("nothing", list[int], []),
        ("account a, lots 3; account b, lots 0", list[Share], [Share("a", 3), Share("b", 0)]),
        (
            "account a1, score (numerator 3, denominator 2), notional 5",
            Ranked,
            Ranked("a1", Score(3, 2), 5),
        ),
    ],
)
def test_a_value_of_several_parts_is_read_and_written(cell, kind, value):
    assert value_of(cell, kind) == value
    assert written(value) == cell


def test_a_predicate_is_read():
    holds = value_of("up to 7", Callable[[int], bool])
    assert holds(7)
    assert not holds(8)


def test_a_policy_line_that_is_not_understood_is_refused(tmp_path):
    path = chapter_with(tmp_path, SCENARIO.replace("= 10_000:", "= 10_000 and no more:"))
    with pytest.raises(ChapterError, match="separated by commas"):
        read_chapter(path)
