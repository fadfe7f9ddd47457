"""The picture of a waterfall. Goal: it says who paid, to the quantum, in table, JSON and files alike. Method:
what each party pays is compared with its equity before and after, on the incidents and on drawn crashes.
"""

import json
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from marginspec import screen
from marginspec.cli import main
from marginspec.documents import read_trace, trace_document, write_json
from marginspec.paths import SPEC
from marginspec.policy_file import read_policy
from marginspec.story import parse_event
from marginspec.waterfall_picture import DRAWN_MOST, PAYERS_SHOWN, stages_of, waterfalls_of
from refmodel.events import Prices
from refmodel.stages import AT_MARK
from refmodel.state import equity, genesis
from refmodel.venue import apply
from tests.support import reaches

INCIDENTS = SPEC / "incidents"
WHALE = INCIDENTS / "01-frozen-whale-3.json"
SQUEEZE = INCIDENTS / "03-squeeze-the-backstop-2.json"


@pytest.fixture(autouse=True)
def heard(monkeypatch):
    """What a run with --json - has silenced speaks again afterwards."""
    monkeypatch.setattr(screen, "_silent", False)


def marginspec(*arguments):
    screen._silent = False
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code != 4, result.stderr
    return result


def explain(*arguments):
    return marginspec("explain", *arguments)


# What is paid


def test_whale_is_paid_for_by_fund_and_holders():
    facts = json.loads(explain("--waterfall", WHALE, "--json", "-").stdout)
    (event,) = facts["events"]
    paid = {
        (stage["stage"], payer["who"]): payer["quanta"]
        for stage in event["stages"]
        for payer in stage["payers"]
    }
    assert paid == {
        ("holders", "fund cross"): "74999830337",
        ("adl", "m1"): "8608383648570",
        ("adl", "m2"): "6030768442573",
    }
    assert {payee["who"] for stage in event["stages"] for payee in stage["payees"]} == {"whale"}


def test_what_is_paid_for_a_bankrupt_account_is_what_it_lacked():
    trace = read_trace(WHALE)
    (waterfall,) = waterfalls_of(trace)
    venue = trace.start
    for event in trace.events[:-1]:
        venue = apply(venue, event).venue
    marks = {**venue.marks, **trace.events[-1].marks}
    snapshot = type(venue)(venue.policy, venue.clock, marks, venue.accounts, venue.pools, venue.custody)
    assert waterfall.paid == -equity(snapshot, snapshot.accounts["whale"])


STAGES_SEEN = ("fill", "takeover", "backstop", "holders", "adl", "fund_residue", "payers", "bad_debt")


@st.composite
def crashes(draw):
    """Events after which a few longs with little money are against a few shorts, and what becomes of them."""
    longs, shorts = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    lines = ["prices BTC-PERP 10_000", f"fund_deposit cross {draw(st.integers(1, 9_000))}"]
    lines += [f"deposit backstop:cross {draw(st.integers(1, 30_000))}"]
    for short in range(shorts):
        lines += [f"deposit s{short} {draw(st.integers(6_000, 60_000))} owner s{short} pool cross"]
        lines += [f"order s{short} BTC-PERP buys 0 sells 6"]
    zero = 10_000
    for long in range(longs):
        deposit, held = draw(st.integers(2_000, 12_000)), 0
        lines += [f"deposit l{long} {deposit} owner l{long} pool cross"]
        for short in range(shorts):
            lots = draw(st.integers(1, 2))
            held += lots
            lines += [f"trade l{long} buys {lots} BTC-PERP from s{short} at 10_000"]
        zero = 10_000 - deposit // held
    near = st.integers(zero, zero + 250)  # where the last long has little equity left, or none
    for _ in range(draw(st.integers(1, 4))):
        price = draw(st.one_of(near, st.integers(5_000, 13_000)))
        lines += [f"prices BTC-PERP {price}"]
        fill = (
            f"liquidation_fill l{longs - 1} 1 BTC-PERP by s{draw(st.integers(0, shorts - 1))} at {price + 9}"
        )
        lines += [draw(st.sampled_from([f"takeover l{longs - 1}", fill]))]
    stages = draw(st.sampled_from([("holders",), ("backstop", "adl", "payers"), ("fund_residue", "payers")]))
    return stages, lines


@reaches(*STAGES_SEEN)
@given(crash=crashes())
@settings(max_examples=400)
def test_stages_balance_and_add_up_to_what_each_account_gains_or_loses(crash, reached):
    names, lines = crash
    minimal = read_policy("minimal")
    trigger = minimal.takeover_trigger if "backstop" in names else 0
    venue = genesis(replace(minimal, stages=names, takeover_trigger=trigger))
    for line in lines:
        event = parse_event(line, venue.clock)
        outcome = apply(venue, event)
        marks = {**venue.marks, **(event.marks if isinstance(event, Prices) else {})}
        before, venue = replace(venue, marks=marks), outcome.venue
        stages = stages_of(outcome)
        for stage in stages:
            if stage.name in STAGES_SEEN:
                reached(stage.name)
            assert stage.paid == sum(payee.quanta for payee in stage.payees)
            assert all(payment.quanta >= 0 for payment in (*stage.payers, *stage.payees))
        if not stages:
            continue
        for name, account in before.accounts.items():
            change = equity(venue, venue.accounts[name]) - equity(before, account)
            gained = sum(each.quanta for stage in stages for each in stage.payees if each.who == name)
            paid = sum(each.quanta for stage in stages for each in stage.payers if each.who == name)
            assert gained - paid == change


# The table


def test_table_names_event_stage_payer_and_share():
    said = explain("--waterfall", WHALE).stdout
    assert "15 events under the policy bybit-like; quanta of USDT" in said
    assert "Event 15   prices BTCUSDT 75_000" in said
    assert "holders: the fund pays the gap, holders are closed (INS-4)" in said
    row = next(line for line in said.splitlines() if " m1 " in line)
    assert row.split()[:2] == ["m1", "29"]
    assert "8 608 383 648 570   58.5 %" in row
    assert row.endswith("█" * 30)


def test_trace_without_a_waterfall_says_so(tmp_path):
    said = explain("--waterfall", INCIDENTS / "10-hanmag.json", "--svg", tmp_path / "p.svg").stdout
    assert "Nobody is closed out in this trace." in said
    assert "Nobody is closed out" in (tmp_path / "p.svg").read_text(encoding="utf-8")


def crowd(tmp_path, holders):
    """One account against many, all of them closed at mark in the end."""
    lines = ["prices BTC-PERP 10_000", "deposit a 600_000 owner a pool cross"]
    for number in range(holders):
        lines.append(f"deposit h{number} 100_000 owner h{number} pool cross")
        lines.append(f"order h{number} BTC-PERP buys 0 sells 2")
        lines.append(f"trade a buys 2 BTC-PERP from h{number} at 10_000")
    lines += ["prices BTC-PERP 20_000", "prices BTC-PERP 1"]
    policy = read_policy("minimal")
    venue, events = genesis(policy), []
    for line in lines:
        events.append(parse_event(line, venue.clock))
        outcome = apply(venue, events[-1])
        assert outcome.refusal is None, outcome.refusal
        venue = outcome.venue
    write_json(tmp_path / "crowd.json", trace_document("minimal", events))
    return tmp_path / "crowd.json"


def test_payers_beyond_the_table_are_summed_up(tmp_path):
    path = crowd(tmp_path, 40)
    said = explain("--waterfall", path, "--json", tmp_path / "facts.json").stdout
    assert f"{40 - PAYERS_SHOWN + 1} more" in said
    stages = json.loads((tmp_path / "facts.json").read_text())["events"][-1]["stages"]
    assert max(len(stage["payers"]) for stage in stages) == 40


# The files


def test_svg_is_xml_with_the_words_and_numbers_in_it(tmp_path):
    explain("--waterfall", SQUEEZE, "--svg", tmp_path / "picture.svg")
    text = (tmp_path / "picture.svg").read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    for words in ("event 11: prices JELLY 4_275", "backstop", "adl", "fund cross", "long1", "long2"):
        assert f">{words}<" in text, words
    assert "12 765 000 200 202, 3 953 448 lots" in text


def test_svg_is_the_same_twice(tmp_path):
    for name in ("one.svg", "two.svg"):
        explain("--waterfall", SQUEEZE, "--svg", tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_png_is_a_picture(tmp_path):
    result = explain("--waterfall", SQUEEZE, "--png", tmp_path / "picture.png")
    content = (tmp_path / "picture.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(content[16:20], "big") > 800
    assert "Written: " in result.stdout


def test_only_the_largest_events_are_drawn(tmp_path):
    lines = ["prices BTC-PERP 10_000", "deposit b 100_000_000 owner b pool cross"]
    for number in range(DRAWN_MOST + 2):
        lines += [f"deposit a{number} 2_000 owner a pool cross", "order b BTC-PERP buys 0 sells 2"]
        lines += [f"trade a{number} buys 2 BTC-PERP from b at 10_000", "prices BTC-PERP 8_000"]
        lines += ["prices BTC-PERP 10_000"]
    venue, events = genesis(read_policy("minimal")), []
    for line in lines:
        events.append(parse_event(line, venue.clock))
        venue = apply(venue, events[-1]).venue
    write_json(tmp_path / "many.json", trace_document("minimal", events))
    explain("--waterfall", tmp_path / "many.json", "--svg", tmp_path / "many.svg")
    svg = (tmp_path / "many.svg").read_text(encoding="utf-8")
    assert f"{DRAWN_MOST} of {DRAWN_MOST + 2} events" in svg


def test_without_matplotlib_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = explain("--waterfall", WHALE, "--svg", tmp_path / "picture.svg")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "need matplotlib, which is not installed." in result.stderr
    assert "pip install 'marginspec[plot]'" in result.stderr
    assert explain("--waterfall", WHALE).exit_code == 0


def test_picture_that_cannot_be_written_is_said(tmp_path):
    result = explain("--waterfall", WHALE, "--svg", tmp_path / "nowhere" / "picture.svg")
    assert result.exit_code == 2
    assert "cannot be written: no such file or directory." in result.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["MAR-9", "--waterfall", str(WHALE)], ["MAR-9", "--svg", "picture.svg"]], ids=len
)
def test_usage_is_checked(arguments):
    assert explain(*arguments).exit_code == 2


# Replay


def test_replay_shows_who_pays_whom():
    said = marginspec("replay", WHALE).stdout
    assert "Event 15 posts, in the stages of the waterfall:" in said
    row = next(line for line in said.splitlines() if "fund cross" in line)
    assert " ".join(row.split()) == "holders INS-4 fund cross open_cost m1 BTCUSDT 74 999 830 337 quanta"
    assert "Every outcome is as the trace says." in said


def test_replay_gives_all_transfers_as_json(tmp_path):
    path = crowd(tmp_path, 40)
    said = marginspec("replay", path).stdout
    assert "more; all of them with --json" in said
    events = json.loads(marginspec("replay", path, "--json", "-").stdout)["events"]
    waterfalls = [event["waterfall"] for event in events if "waterfall" in event]
    assert len(waterfalls) == 1
    assert len(waterfalls[0]) > 100
    lots = [each for each in waterfalls[0] if each["unit"] == "lots"]
    assert sum(int(each["amount"]) for each in lots) == 80
    assert AT_MARK not in {each["stage"] for each in waterfalls[0]}
