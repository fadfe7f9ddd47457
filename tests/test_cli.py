"""The command line. Goal: its words, exit codes, JSON and reports. Method: the real commands in an empty
folder, their output compared with tests/snapshots; MARGINSPEC_UPDATE_SNAPSHOTS=1 writes those anew.
"""

import json
import os
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from marginspec import screen
from marginspec.cli import main
from marginspec.cost import cost_of_gap
from marginspec.documents import read_trace
from marginspec.paths import POLICIES
from marginspec.policy_file import open_policy, policy_text, read_policy
from marginspec.replay import run_trace
from marginspec.search.break_policy import BREAKERS
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_policy import draw_policy
from marginspec.show import CHOICES, MARKET_CHOICES
from marginspec.verify import PROFILES, Part
from proofs.registry import THEOREMS, load_all
from refmodel.events import Prices
from refmodel.margin import margin_maintenance, requirement
from refmodel.rulebook import RULES
from refmodel.state import equity, genesis
from refmodel.validity import faults
from refmodel.venue import apply

SNAPSHOTS = Path(__file__).parent / "snapshots"
MINIMAL = (POLICIES / "minimal.toml").read_text(encoding="utf-8")
THIN = MINIMAL.replace("maintenance = 25_000", "maintenance = 15_000")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, with a policy that breaks the gap rule."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(screen, "_silent", False)
    (tmp_path / "thin.toml").write_text(THIN, encoding="utf-8")
    return tmp_path


def marginspec(*arguments):
    """Run the command line; a crash of the tool itself fails the test."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code != 4, result.stderr
    return result


def assert_snapshot(name, text):
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("MARGINSPEC_UPDATE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), "no snapshot: run with MARGINSPEC_UPDATE_SNAPSHOTS=1"
    assert text == path.read_text(encoding="utf-8")


SAID = {
    "policy-check-minimal": (0, ["policy", "check", "minimal"]),
    "policy-check-binance-usdm": (0, ["policy", "check"]),
    "policy-check-one-market": (0, ["policy", "check", "binance-usdm", "--market", "BTCUSDT"]),
    "policy-check-thin": (1, ["policy", "check", "thin.toml"]),
    "policy-show-minimal": (0, ["policy", "show", "minimal"]),
    "help": (0, ["--help"]),
}


@pytest.mark.parametrize("name", SAID)
def test_output_is_as_it_was_reviewed(folder, name):
    exit_code, arguments = SAID[name]
    result = marginspec(*arguments)
    assert result.exit_code == exit_code
    assert_snapshot(name, result.stdout)


def test_explanation_of_a_rule_is_one_page(folder):
    result = marginspec("explain", "mar-9")
    page = re.sub(r", line \d+", ", line N", result.stdout).partition("\nTheorems\n")[0]
    assert_snapshot("explain-MAR-9", page)
    assert result.exit_code == 0


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_has_its_prose_and_code_on_the_page(folder, rule):
    facts = json.loads(marginspec("explain", rule, "--json", "-").stdout)
    assert facts["prose"].startswith(f"## {rule} ")
    assert f'"{rule}"' in facts["code"]


# A policy that breaks the gap rule


def test_story_of_a_broken_gap_replays(folder):
    marginspec("policy", "check", "thin.toml")
    result = marginspec("replay", "runs/latest/POL-9-BTC-PERP.json")
    assert result.exit_code == 0
    assert "Event 7 posts, in the stages of the waterfall:" in result.stdout
    assert "Every outcome is as the trace says." in result.stdout
    assert_snapshot("replay-POL-9", result.stdout)


def sizes(market):
    return [lots for lots in (1, 2, 3, 10, 60, market.size_max // 2, market.size_max) if lots >= 1]


def prices(market):
    """Marks from the least to the highest, with a step that reaches many remainders of a move."""
    spread = max((market.price_max - market.price_min) // 97, 1)
    return range(market.price_min, market.price_max + 1, spread)


def harms(market, lots, mark):
    """Whether the largest moves from this mark cost more than the margin there and a quantum."""
    at = mark
    for _ in range(market.touch_moves):
        at += market.gap * at // 1_000_000
    unit = lots * market.multiplier
    bearable = requirement(market.maintenance, lots, mark * unit) + 1
    return at <= market.price_max and (at - mark) * unit > bearable


@pytest.mark.parametrize("seed", range(150))
def test_story_is_true_of_any_policy_that_breaks_the_gap_rule(seed):
    choices = SeededChoices(f"gap {seed}")
    policy = BREAKERS["POL-9"](choices, draw_policy(choices))
    for fault in faults(policy):
        if fault.rule != "POL-9":
            continue
        name = fault.key.split(".")[1]
        market = policy.markets[name]
        story = cost_of_gap(policy, name)
        if market.gap < 1 or fault.key.endswith("touch_moves"):
            assert story is None
            continue
        if story is None:
            assert not any(harms(market, lots, mark) for lots in sizes(market) for mark in prices(market))
            continue
        assert story.equity_after < 0 <= story.equity
        assert 1 <= len(story.marks) <= market.touch_moves
        for before, after in pairwise((story.mark, *story.marks)):
            assert 0 <= (after - before) * 1_000_000 <= market.gap * before
        assert story.mark_after <= market.price_max
        assert story.events, "the law refuses the story for another reason"
        venue = genesis(story.policy)
        for event in story.events[:-1]:
            outcome = apply(venue, event)
            assert outcome.refusal is None
            venue = outcome.venue
            if isinstance(event, Prices) and event.marks == {name: story.mark}:
                seller = venue.accounts["seller"]
                assert equity(venue, seller) == story.equity
                assert margin_maintenance(venue, seller) + story.slack == story.equity
        marked = replace(venue, marks=story.events[-1].marks)
        assert equity(marked, marked.accounts["seller"]) == story.equity_after
        last = apply(venue, story.events[-1])
        assert last.refusal is None
        assert not last.venue.accounts["seller"].positions


def test_repairs_of_the_story_are_repairs(folder):
    story = cost_of_gap(open_policy("thin.toml").policy, "BTC-PERP")
    for repair in (
        THIN.replace("maintenance = 15_000", f"maintenance = {story.gap}"),
        THIN.replace("gap = 20_000", f"gap = {story.rate}"),
        THIN.replace("maintenance = 15_000", f"maintenance = {story.rate_with_penalty}"),
    ):
        (folder / "mended.toml").write_text(repair, encoding="utf-8")
        result = marginspec("policy", "check", "mended.toml", "--json", "facts.json")
        assert result.exit_code == 0
    tiers = json.loads((folder / "facts.json").read_text())["markets"]["BTC-PERP"]["tiers"]
    assert int(tiers[0]["gap_survived_with_penalty"]) >= story.gap


def test_story_of_several_moves_names_their_distance_and_repairs(folder):
    seldom = MINIMAL.replace("touch_moves = 1 ", "touch_moves = 3 ")
    (folder / "seldom.toml").write_text(seldom, encoding="utf-8")
    said = marginspec("policy", "check", "seldom.toml").stdout
    assert "It costs C2, the gap theorem for several moves" in said
    assert "needs   61 208 ppm, the gap of 3 moves" in said
    assert "markets.BTC-PERP.gap <= 8 264 ppm" in said
    assert marginspec("replay", "runs/latest/POL-9-BTC-PERP.json").exit_code == 0
    for repair in (
        seldom.replace("gap = 20_000", "gap = 8_264"),
        seldom.replace("maintenance = 25_000", "maintenance = 61_208")
        .replace("initial =  50_000", "initial = 150_000")
        .replace("initial = 100_000, maintenance = 50_000", "initial = 150_000, maintenance = 70_000"),
    ):
        (folder / "mended.toml").write_text(repair, encoding="utf-8")
        assert marginspec("policy", "check", "mended.toml").exit_code == 0
    (folder / "worse.toml").write_text(seldom.replace("gap = 20_000", "gap = 8_265"), encoding="utf-8")
    assert marginspec("policy", "check", "worse.toml").exit_code == 1


def test_all_faults_are_printed(folder):
    text = THIN.replace("taker = 500", "taker = 15_000").replace("band = 100_000", "band = -1")
    (folder / "worse.toml").write_text(text, encoding="utf-8")
    result = marginspec("policy", "check", "worse.toml", "--json", "facts.json")
    assert result.exit_code == 1
    assert re.findall(r"^BROKEN  (POL-\d+)", result.stdout, re.MULTILINE) == ["POL-8", "POL-9", "POL-14"]
    facts = json.loads((folder / "facts.json").read_text())
    assert [fault["rule"] for fault in facts["faults"]] == ["POL-8", "POL-9", "POL-14"]
    assert facts["ok"] is False
    assert facts["rules"] == {"total": 22, "broken": 3}


def test_show_refuses_a_policy_that_breaks_rules(folder):
    result = marginspec("policy", "show", "thin.toml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "markets.BTC-PERP.margin.brackets[0].maintenance is 15_000 (POL-9)" in result.stderr


def test_theorem_names_the_premise_that_the_policy_breaks(folder):
    story = cost_of_gap(open_policy("thin.toml").policy, "BTC-PERP")
    result = marginspec(*story.theorem.split()[1:])
    assert result.exit_code == 2
    assert "The theorem does not speak of these values: gap <= gap_survived(rate)" in result.stdout
    assert "POL-9" in result.stdout


# Verify


def test_verify_of_a_broken_policy_shows_what_it_costs(folder):
    result = marginspec("verify", "thin.toml", "--json", "facts.json")
    assert result.exit_code == 1
    assert "BROKEN  POL-9   markets.BTC-PERP.margin.brackets[0].maintenance = 15_000" in result.stdout
    assert "policy rules   21 hold   1 BROKEN" in result.stdout
    facts = json.loads((folder / "facts.json").read_text())
    assert facts["ok"] is False
    assert json.loads((folder / "runs/latest/report.json").read_text()) == facts
    assert (folder / "runs/latest/policy.toml").read_text() == THIN
    assert (folder / "runs/latest/POL-9-BTC-PERP.json").is_file()


@pytest.fixture
def fast_verify(folder, monkeypatch):
    """Verify without its proofs, which have tests of their own: what is left takes seconds."""
    monkeypatch.setattr("marginspec.verify._canaries", lambda: Part("canaries", "", facts={}))
    opinion = Part("second opinion", "", facts={})
    monkeypatch.setattr("marginspec.verify._second_opinion", lambda profile: opinion)
    monkeypatch.setattr("marginspec.proving.all_theorems", lambda: [theorem_of_one_second()])
    profile = replace(PROFILES["quick"], comparisons=1_000, in_step=1_000)
    monkeypatch.setitem(PROFILES, "quick", profile)
    return folder


def theorem_of_one_second():
    load_all()
    return THEOREMS["A6-ceil-div"]


def test_facts_of_verify_have_the_keys_that_others_read(fast_verify):
    result = marginspec("verify", "minimal", "--events", "20000", "--json", "facts.json")
    assert result.exit_code in (0, 3), result.output
    facts = json.loads((fast_verify / "facts.json").read_text())
    for path in (
        "rules.total",
        "rules.reached",
        "theorems.total",
        "theorems.proved",
        "theorems.refuted",
        "theorems.undecided",
        "refutations.confirmed",
        "campaign.events",
        "differential.events",
        "differential.divergences",
        "lock_step.events",
        "lock_step.divergences",
    ):
        outer, inner = path.split(".")
        assert type(facts[outer][inner]) is int, path
    assert facts["ok"] is (result.exit_code == 0)
    assert facts["campaign"]["events"] == 20_000
    assert facts["differential"]["events"] >= 1_000
    assert facts["lock_step"]["events"] == 1_000
    assert facts["theorems"]["proved"] == 1
    assert result.stdout.startswith("seed 1   policy minimal   ")
    assert (fast_verify / "runs/latest/report.txt").read_text() in result.stdout


@pytest.mark.parametrize(
    ("part", "code", "said"),
    [
        (Part("differential", "", code=1, problems=("DIVERGES  here",)), 1, "DOES NOT HOLD"),
        (Part("differential", "", code=3, problems=("UNDECIDED  here",)), 3, "UNDECIDED: nothing was found"),
        (Part("differential", "", code=4, problems=("WRONG  here",)), 4, "The tool itself failed"),
        (Part("differential", "", code=130), 130, "Interrupted: what was proved is kept"),
    ],
    ids=["diverged", "undecided", "failed", "interrupted"],
)
def test_verdict_and_exit_code_follow_the_findings(fast_verify, monkeypatch, part, code, said):
    monkeypatch.setattr("marginspec.verify._campaign", lambda *_: Part("campaign", ""))
    monkeypatch.setattr("marginspec.verify._lock_step", lambda *_: Part("lock step", ""))
    monkeypatch.setattr("marginspec.verify._differential", lambda *_: part)
    result = CliRunner().invoke(main, ["verify", "minimal", "--json", "facts.json"])
    assert result.exit_code == code, result.output
    assert said in result.stdout
    assert all(problem in result.stdout for problem in part.problems)
    assert json.loads((fast_verify / "facts.json").read_text())["ok"] is False


# Traces


def trace_with(folder, **changes):
    marginspec("policy", "check", "thin.toml")
    document = json.loads((folder / "runs/latest/POL-9-BTC-PERP.json").read_text())
    (folder / "changed.json").write_text(json.dumps(document | changes))
    return "changed.json"


def test_outcome_that_differs_is_named(folder):
    refused = {"outcome": "refused", "rule": "PRC-1", "reason": "price_below_one_tick"}
    expect = [*[{"outcome": "accepted"}] * 6, refused]
    result = marginspec("replay", trace_with(folder, expect=expect))
    assert result.exit_code == 1
    said = "DIFFERS  event 7: the trace says refused PRC-1 price_below_one_tick, the law says accepted"
    assert said in result.stdout


def test_digest_that_differs_is_named(folder):
    result = marginspec("replay", trace_with(folder, digest="sha256:" + "0" * 64))
    assert result.exit_code == 1
    assert "DIFFERS  digest: the trace says sha256:000" in result.stdout


def test_expectations_have_to_be_as_many_as_events(folder):
    result = marginspec("replay", trace_with(folder, expect=[{"outcome": "accepted"}]))
    assert result.exit_code == 2
    assert "expect has 1 outcomes for 7 events" in result.stderr


def test_trace_is_the_same_after_a_copy(folder):
    trace = read_trace(trace_with(folder))
    assert run_trace(trace).differences == ()
    assert len(trace.events) == 7


# JSON, reports, and what else may happen


@pytest.mark.parametrize(
    "command",
    [["policy", "check", "minimal"], ["policy", "show", "minimal"], ["bench", "--trades", "50"]],
    ids=lambda command: command[0] + " " + command[1],
)
def test_json_on_stdout_is_json_and_nothing_else(folder, command):
    facts = json.loads(marginspec(*command, "--json", "-").stdout)
    assert facts


def test_json_file_holds_what_was_printed(folder):
    result = marginspec("policy", "check", "minimal", "--json", "facts.json")
    facts = json.loads((folder / "facts.json").read_text())
    assert result.stdout
    assert facts["ok"] is True
    tiers = facts["markets"]["BTC-PERP"]["tiers"]
    assert [tier["gap_survived"] for tier in tiers] == ["25000", "25000", "47500"]
    assert [tier["gap_survived_with_penalty"] for tier in tiers] == ["20916", "20916", "43326"]


def test_json_that_cannot_be_written_is_said(folder):
    result = CliRunner().invoke(main, ["policy", "check", "minimal", "--json", "thin.toml/facts.json"])
    assert result.exit_code == 2
    assert "thin.toml/facts.json: cannot be written" in result.stderr
    assert result.stdout == ""


def test_each_run_has_its_own_folder_and_latest_follows(folder):
    for _ in range(3):
        marginspec("policy", "check", "thin.toml")
    runs = sorted(path for path in (folder / "runs").iterdir() if not path.is_symlink())
    assert len(runs) == 3
    newest = max(runs, key=lambda path: path.stat().st_mtime_ns)
    assert (folder / "runs/latest").resolve() == newest.resolve()
    assert json.loads((folder / "runs/latest/run.json").read_text())["command"] == "policy check"


def test_report_that_cannot_be_written_does_not_lose_the_run(folder):
    (folder / "runs").write_text("not a folder")
    result = marginspec("policy", "check", "thin.toml")
    assert result.exit_code == 1
    assert "Reproduce        none: runs/ cannot be written to" in result.stdout


def test_a_policy_that_holds_leaves_no_report(folder):
    marginspec("policy", "check", "minimal")
    assert not (folder / "runs").exists()


def test_failure_of_the_tool_is_kept_apart_from_findings(folder, monkeypatch):
    monkeypatch.setattr("marginspec.show.check", lambda *_: 1 // 0)
    result = CliRunner().invoke(main, ["policy", "check", "minimal"])
    assert result.exit_code == 4
    assert "marginspec itself failed; this says nothing about your policy. ZeroDivisionError" in result.stderr
    assert "ZeroDivisionError" in (folder / "runs/latest/traceback.txt").read_text()


def test_interruption_has_its_own_exit_code(folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("marginspec.show.check", interrupted)
    result = CliRunner().invoke(main, ["policy", "check", "minimal"])
    assert (result.exit_code, result.stdout) == (130, "")
    assert "Interrupted" in result.stderr


def test_version_names_law_solver_and_compilation(folder):
    result = marginspec("--version")
    assert result.exit_code == 0
    assert re.search(r"^marginspec \S+, law marginspec-law/1$", result.stdout, re.MULTILINE)
    assert re.search(r"z3 \d", result.stdout)
    assert re.search(r"^fast path compiled: (yes|no)$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", [[], ["policy"], *([name] for name in main.commands)])
def test_every_command_has_help(folder, command):
    result = marginspec(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_rules_named_by_show_exist():
    assert {rule for _, rule in CHOICES} | {rule for _, _, rule in MARKET_CHOICES} <= RULES.keys()


def test_drawn_policies_are_checked_and_shown(folder):
    for seed in range(10):
        (folder / "drawn.toml").write_text(policy_text(draw_policy(SeededChoices(f"shown {seed}"))))
        assert marginspec("policy", "check", "drawn.toml").exit_code == 0
        assert marginspec("policy", "show", "drawn.toml").exit_code == 0


def test_theorem_runs_at_given_values(folder):
    result = marginspec("prove", "A6-ceil-div", "--at", "numerator=7", "divisor=2", "other=4")
    assert result.exit_code == 0, result.stderr
    assert "holds" in result.stdout


def test_policy_of_a_name_and_of_a_path_are_the_same():
    assert read_policy("minimal") == read_policy(POLICIES / "minimal.toml")
