"""The command `campaign`. Goal: it says what it reached, what it did not, and who paid whom when it fails.
Method: small runs of the command line, one of them on a law that is broken, one interrupted.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import marginspec.screen
import marginspec.search.command
import refmodel.close_out
from marginspec.cli import main
from marginspec.search.reach.reasons import reasons_of_the_law
from refmodel.rulebook import RULES
from refmodel.stages import STAGES_IN_ORDER
from tests.campaign_support import gap_rounded_up, planted


def command(*arguments: str) -> Any:
    """`marginspec campaign` with these arguments."""
    return CliRunner().invoke(main, ["campaign", *arguments])


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the command runs and may print."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(marginspec.screen, "_silent", False)
    return tmp_path


def test_the_command_reports_stages_and_what_it_has_not_reached(elsewhere: Path) -> None:
    result = command("--events", "1000", "--seed", "7", "--json", "facts.json")
    assert result.exit_code == 3, result.output
    assert result.output.startswith("seed 7: 1 000 events on drawn policies, 1 worker\n")
    for words in ("three stages or more", "stage", "NOT REACHED", "More events, or another seed"):
        assert words in result.output
    facts = json.loads((elsewhere / "facts.json").read_text())
    assert facts["events"] == 1_000 and facts["histories"] == 5 and not facts["ok"]
    assert sum(int(count) for count in facts["stages"]["histories_drawn"].values()) == 5
    assert set(facts["stages"]["events"]) == set(STAGES_IN_ORDER)
    assert facts["rules"]["total"] == len(RULES)
    assert set(facts["refusals"]["not_met"]) == set(reasons_of_the_law()) - set(facts["refusals"]["met"])


def test_the_command_plays_half_on_the_policy_given(elsewhere: Path) -> None:
    result = command("minimal", "--events", "800", "--json", "-")
    facts = json.loads(result.output)
    assert sum(facts["stages"]["histories_given"].values()) == 2
    assert sum(facts["stages"]["histories_drawn"].values()) == 2


def test_the_command_fails_for_a_law_that_is_broken_and_tells_who_paid_whom(elsewhere: Path) -> None:
    with planted(refmodel.close_out.gap_of_lots, gap_rounded_up):
        result = command("minimal", "--events", "6000", "--seed", "3")
    assert result.exit_code == 1
    assert "NOT SO, shrunk from" in result.output and "BROKEN" in result.output
    headings = [line.split() for line in result.output.splitlines()]
    assert ["stage", "rule", "from", "to", "amount", "unit"] in headings


def test_an_interrupted_command_keeps_its_report(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def interrupting(title: str, total: int) -> Iterator[Any]:
        def advance(done: float, words: str = "") -> None:
            raise KeyboardInterrupt

        yield advance

    monkeypatch.setattr(marginspec.search.command, "progress", interrupting)
    result = command("--events", "8000", "--json", "facts.json")
    assert result.exit_code == 130
    assert "INTERRUPTED  What was played until then is counted above." in result.output
    facts = json.loads((elsewhere / "facts.json").read_text())
    assert facts["interrupted"] and facts["events"] == 4_000


def test_a_policy_that_is_none_is_refused(elsewhere: Path) -> None:
    result = command("no-such-policy")
    assert result.exit_code == 2
