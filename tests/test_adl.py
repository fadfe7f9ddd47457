"""The command `adl`. Goal: a batch is shared out by the law's own allocations, and bad input is named by line
and column. Method: the shipped example against the law; drawn batches; a table of files that are no batches.
"""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from marginspec import screen
from marginspec.adl import (
    AS_THE_FILE_SAYS,
    NAMES,
    NUMBERS,
    Row,
    Terms,
    batches_of,
    candidates_of,
    figures_of,
    percent,
)
from marginspec.cli import main
from marginspec.paths import ROOT
from refmodel.allocation import allocate
from refmodel.policy import ALLOCATIONS

EXAMPLE = ROOT / "spec" / "examples" / "adl-batch.csv"


@pytest.fixture(autouse=True)
def heard(monkeypatch):
    """What a run with --json - has silenced speaks again afterwards."""
    monkeypatch.setattr(screen, "_silent", False)


def adl(*arguments):
    screen._silent = False
    result = CliRunner().invoke(main, ["adl", *(str(argument) for argument in arguments)])
    assert result.exit_code != 4, result.stderr
    return result


def facts_of(*arguments):
    return json.loads(adl(*arguments, "--json", "-").stdout)


def test_lots_taken_are_the_same_under_every_allocation():
    facts = facts_of(EXAMPLE)
    assert facts["lots_to_close"] == "6393948"
    assert {each["lots"] for each in facts["allocations"].values()} == {"6393948"}
    assert set(facts["allocations"]) == {*ALLOCATIONS, AS_THE_FILE_SAYS}


def test_queue_gives_what_the_example_says_was_taken():
    allocations = facts_of(EXAMPLE)["allocations"]
    assert allocations["queue"] == allocations[AS_THE_FILE_SAYS]
    assert (allocations["queue"]["accounts_touched"], allocations["queue"]["closed_whole"]) == (50, 49)


def test_proportional_shares_close_nobody_whole():
    largest = facts_of(EXAMPLE)["allocations"]["pro_rata"]["largest_part"]
    held, taken = 8_904_228, 6_393_948
    assert abs(int(largest[0]) / int(largest[1]) - taken / held) < 0.01
    assert "72.05 %" in adl(EXAMPLE).stdout


def test_caps_by_margin_leave_the_rest_for_closing_at_mark():
    arguments = (EXAMPLE, "--lots", 8_800_000, "--lot-value", 220_250, "--gap", 880_000_000_000)
    said = adl(*arguments).stdout
    facts = facts_of(*arguments)
    caps = {name: int(cap) for name, cap in facts["caps"].items()}
    admitted = sum(caps.values())
    assert admitted < 8_800_000
    assert f"{8_800_000 - admitted:_} lots are beyond the caps".replace("_", " ") in said
    for allocation in ALLOCATIONS:
        taken = facts["allocations"][allocation]["by_account"]
        assert {name: int(lots) for name, lots in taken.items()} == {n: c for n, c in caps.items() if c > 0}


def test_ranking_by_a_formula_changes_who_is_first():
    ranked = facts_of(EXAMPLE, "--lots", 1, "--ranking", "bybit", "--side", "short")
    plain = facts_of(EXAMPLE, "--lots", 1)
    assert list(ranked["allocations"]["queue"]["by_account"]) == list(ranked["caps"])[:1]
    assert list(plain["allocations"]["queue"]["by_account"]) == list(plain["caps"])[:1]
    assert set(ranked["caps"]) == set(plain["caps"])


def test_owners_sum_over_their_accounts():
    facts = facts_of(EXAMPLE)
    by_owner = facts["allocations"]["queue"]["by_owner"]
    assert sum(int(lots) for lots in by_owner.values()) == 6_393_948
    assert len(by_owner) == 48


def test_readme_shows_what_the_command_prints(monkeypatch):
    monkeypatch.chdir(ROOT)
    page = (EXAMPLE.parent / "README.md").read_text(encoding="utf-8")
    shown = page.partition("$ marginspec adl spec/examples/adl-batch.csv\n")[2].partition("\nThe columns")[0]
    printed = adl("spec/examples/adl-batch.csv").stdout
    assert [line.removeprefix("    ").rstrip() for line in shown.strip("\n").splitlines()] == [
        line.rstrip() for line in printed.splitlines()
    ]
    for column in (*NAMES, *NUMBERS):
        assert f"`{column}`" in page, column
        assert column in marginspec_help(), column


def marginspec_help():
    return CliRunner().invoke(main, ["adl", "--help"]).stdout


BATCHES = st.lists(
    st.tuples(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 3)), min_size=1, max_size=12
)


@given(batch=BATCHES, share=st.integers(0, 1000))
def test_drawn_batches_are_shared_out_as_the_law_does(batch, share):
    rows = [
        Row(number + 2, f"a{number}", f"o{owner}", {"lots": lots, "cap": min(cap, lots)})
        for number, (lots, cap, owner) in enumerate(batch)
    ]
    lots = sum(row.numbers["cap"] for row in rows) * share // 1000
    candidates = candidates_of("batch", rows, Terms(lots, 0, None, "", 1), lots)
    for found in batches_of(rows, candidates, lots):
        law = {each.account: each.lots for each in allocate(found.allocation, lots, candidates) if each.lots}
        assert found.taken == law
        figures = figures_of(rows, found)
        assert figures.lots == lots == sum(figures.by_owner.values())
        assert 0 <= figures.largest <= 1


@pytest.mark.parametrize(("part", "said"), [((1, 3), "33.33 %"), ((0, 1), "0.00 %"), ((1, 1), "100.00 %")])
def test_percent_rounds_down(part, said):
    from fractions import Fraction

    assert percent(Fraction(*part)) == said


BAD = {
    "account,lots\na1,1.5\n": "line 2, column lots, is '1.5', not a whole number.",
    "account,lots\na1,0\n": "line 2, column lots, is 0.",
    "account,lots\na1,3\na1,4\n": "line 3, column account, is a1, which stands in line 2 already.",
    "account,lots\na1\n": "line 2 has 1 cells under 2 columns.",
    "account,lots,cap\na1,3,4\n": "line 2, column cap, is 4, and the account holds 3 lots.",
    "account,size\na1,3\n": "line 1, column 2 is called 'size', which has no meaning here.",
    "account,lots,lots\na1,3,3\n": "line 1, column 3 is called lots, and so is one before it.",
    "account\na1\n": "line 1 has no column lots.",
    "account,lots\n": "holds no account.",
    "": "line 1 has no column account.",
    'account,lots\n"a1,3\n': "is not CSV",
    "account,lots\n,3\n": "line 2, column account, is empty or too long.",
    "account,lots\na1,3\n": "does not say how many lots are to be closed.",
    "account,lots\na1," + "9" * 41 + "\n": "not a whole number",
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: BAD[text][:40])
def test_bad_input_is_named_by_line_and_column(tmp_path, text):
    path = tmp_path / "batch.csv"
    path.write_text(text, encoding="utf-8")
    result = adl(path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert BAD[text] in result.stderr
    assert "Nothing was run." in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lot-value", "5"], "has no column equity and no column maintenance_rate"),
        (["--ranking", "binance"], "has no column notional and no column profit and no column equity"),
    ],
)
def test_option_without_its_columns_is_refused(tmp_path, options, said):
    path = tmp_path / "batch.csv"
    path.write_text("account,lots\na1,3\n", encoding="utf-8")
    result = adl(path, "--lots", 1, *options)
    assert result.exit_code == 2
    assert said in result.stderr


def test_account_without_equity_is_not_ranked(tmp_path):
    path = tmp_path / "batch.csv"
    path.write_text("account,lots,notional,profit,equity\na1,3,30,1,0\n", encoding="utf-8")
    result = adl(path, "--lots", 1, "--ranking", "bybit")
    assert "line 2, column equity, is 0: an account without equity is not ranked." in result.stderr


@pytest.mark.parametrize("content", [b"\xff\xfe", b"account,lots\na1,\x00\n"])
def test_garbage_is_refused(tmp_path, content):
    path = tmp_path / "batch.csv"
    path.write_bytes(content)
    assert adl(path).exit_code == 2


def test_file_that_is_not_there_is_said():
    assert "cannot be opened" in adl(Path("nowhere.csv")).stderr
