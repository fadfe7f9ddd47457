"""The README. Goal: its first screen and its examples are what the commands really print.

Method: the commands are run, or their counts are taken from the registries they count.
"""

import doctest
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from marginspec.cli import main
from marginspec.policy_file import read_policy
from marginspec.prose.picture import picture
from proofs.canaries import run_canaries
from refmodel.validity import CHECKERS

README = Path(__file__).parent.parent / "README.md"


def block_after(command: str) -> list[str]:
    """The lines that the README shows under a command, without their indentation."""
    lines = README.read_text().split("\n")
    start = lines.index(f"    $ {command}") + 1
    shown = []
    for line in lines[start:]:
        if line.startswith("    $ ") or (line and not line.startswith("    ")):
            break
        shown.append(line[4:])
    return [line for line in shown if line]


def numbers_in(line: str) -> list[int]:
    """The whole numbers of a line; a space may group their digits."""
    return [int(number.replace(" ", "")) for number in re.findall(r"\d+(?: \d{3})*", line)]


def shown(label: str) -> list[int]:
    """The numbers of one line of the README's verdict."""
    (line,) = [line for line in block_after("make verify") if line.strip().startswith(label)]
    return numbers_in(line)


def test_counts_of_the_first_screen_are_those_of_today() -> None:
    seen = picture()
    canaries = run_canaries()
    mutants = sum(len(theorem.mutants) for theorem in seen.theorems.values())

    assert shown("policy rules") == [len(CHECKERS)]
    assert shown("theorems") == [len(seen.theorems), 0, 0, mutants, mutants]
    assert shown("refutations") == [len(seen.refutations)]
    assert shown("campaign") == [200_000, 0, len(seen.functions), len(seen.functions)]
    assert shown("canaries") == [canaries.refuted, canaries.flagged]


def test_policy_check_prints_what_the_readme_shows() -> None:
    result = CliRunner().invoke(main, ["policy", "check", "minimal"], terminal_width=120)

    printed = [line.rstrip() for line in result.output.split("\n") if line.strip()]
    assert printed == [line.rstrip() for line in block_after("marginspec policy check minimal")]


def test_binance_has_as_many_markets_as_the_readme_says() -> None:
    markets = len(read_policy("binance-usdm").markets)

    assert f"leverage brackets of {markets}" in README.read_text()


def test_examples_of_the_law_run_as_shown() -> None:
    failed, tried = doctest.testfile(str(README), module_relative=False, report=True)

    assert tried >= 5
    assert failed == 0


@pytest.mark.parametrize("rule", ["TRD-7", "LIQ-3"])
def test_rules_that_the_readme_names_exist(rule: str) -> None:
    assert rule in README.read_text()
    assert rule in picture().functions
