"""Adapters of real engines. Goal: the cases are valid and reach every class, a difference is explained only
if its model predicts the answer, the committed reports leave nothing unexplained, and each engine that is
installed here still answers as its models say. Method: the law itself as the engine, broken in one place;
the committed files; the engines."""

import re
import sys
from collections import Counter

import pytest

from marginspec.adapters.__main__ import comparison_of
from marginspec.adapters.catalogue import SUBJECTS
from marginspec.adapters.comparison import NOT_THEIRS, RULES, Difference, compare, plain
from marginspec.adapters.environments import FOLDER, REQUIREMENTS
from marginspec.adapters.venues import draw_cases
from marginspec.conform.child import Child
from marginspec.conform.law_engine import LawEngine
from marginspec.documents import venue_from_document
from marginspec.paths import ROOT, SPEC
from marginspec.policy_file import read_policy
from refmodel.canonical import venue_document
from refmodel.margin import margin_maintenance

POLICIES = ("flat", "growing", "tiers")
CLASSES = (
    "far above initial margin",
    "between the margins",
    "at maintenance margin",
    "a quantum above maintenance margin",
    "a quantum below maintenance margin",
    "below maintenance margin",
    "at initial margin",
    "no position",
    "one position",
    "several positions",
    "open orders",
    "negative wallet",
)


def cases_of(policy, count, seed=7):
    return draw_cases(read_policy(str(SPEC / "conformance" / f"{policy}.toml")), seed, count)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_case_is_a_venue_that_events_can_lead_to_and_every_class_is_reached(policy):
    reached = Counter()
    for case in cases_of(policy, 150):
        venue = case.venue
        document = plain(venue_document(venue))
        assert venue_from_document(document, venue.policy, "case") == venue
        reached.update(case.classes)
    assert set(reached) == set(CLASSES)


def test_a_seed_draws_the_same_cases_again():
    assert list(cases_of("flat", 20)) == list(cases_of("flat", 20))
    assert list(cases_of("flat", 20)) != list(cases_of("flat", 20, seed=8))


def test_the_law_agrees_with_itself_on_everything_that_is_asked():
    found = compare(LawEngine(), cases_of("tiers", 40), ())
    assert found.cases == 40 and set(found.tallies) == set(RULES)
    for tally in found.tallies.values():
        assert tally.same == tally.asked > 0


class AQuantumMore(LawEngine):
    """The law, with one quantum more of maintenance margin for whoever needs any."""

    def query(self, question):
        answer = dict(super().query(question))
        if answer.get("margin_maintenance", "0") != "0":
            answer["margin_maintenance"] = str(int(answer["margin_maintenance"]) + 1)
        return answer


def quanta_more(quanta):
    return Difference(
        "margin_maintenance",
        "their choice",
        f"{quanta} more",
        "A wrapper of the tests.",
        lambda case, market: str(margin_maintenance(case.venue, case.account) + quanta),
    )


def test_a_difference_that_nobody_knows_is_unexplained():
    found = compare(AQuantumMore(), cases_of("flat", 40), ())
    assert found.unexplained == len(found.tallies["margin_maintenance"].unexplained) > 0
    assert found.tallies["equity"].same == 40


def test_a_known_difference_explains_what_it_predicts_and_nothing_else():
    right = compare(AQuantumMore(), cases_of("flat", 40), (quanta_more(1),))
    assert right.unexplained == 0 and right.tallies["margin_maintenance"].explained["1 more"] > 0
    wrong = compare(AQuantumMore(), cases_of("flat", 40), (quanta_more(2),))
    assert wrong.unexplained == right.tallies["margin_maintenance"].explained["1 more"]


def test_every_requirement_is_pinned():
    for name in SUBJECTS:
        lines = (REQUIREMENTS / f"{name}.txt").read_text().split()
        assert lines and all(re.fullmatch(r"[\w.\-]+==[\w.+!]+", line) for line in lines)


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_committed_report_leaves_nothing_unexplained(name):
    report = (SPEC / "conformance" / f"{name}.md").read_text()
    rows = re.findall(r"^\| [A-Z]{3}-\d+ \| .*\|$", report, re.MULTILINE)
    assert len(rows) >= len(SUBJECTS[name].runs)
    for row in rows:
        asked, same, known, unexplained, unsupported = (
            int(cell.replace("_", "")) for cell in row.strip("| ").split(" | ")[2:]
        )
        assert unexplained == 0 and asked == same + known + unsupported > 0
    for run in SUBJECTS[name].runs:
        assert f"## {run.title[:1].upper()}{run.title[1:]}\n" in report
    assert SUBJECTS[name].missing in report
    assert (
        SPEC / "conformance" / "reproductions" / SUBJECTS[name].reproduction
    ).read_text().strip() in report


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_engine_answers_as_its_models_say(name):
    made = FOLDER / name / "made-from.txt"
    if not made.is_file() or made.read_text() != (REQUIREMENTS / f"{name}.txt").read_text():
        pytest.skip(f"{name} is not installed: python -m marginspec.adapters {name}")
    for run in SUBJECTS[name].runs:
        found = comparison_of(SUBJECTS[name], run, count=60)
        assert found.cases == 60 and found.unexplained == 0, run.title
        assert sum(sum(tally.explained.values()) for tally in found.tallies.values()) > 0


ADAPTER = """
from marginspec.adapters.wire import serve
class Engine:
    def hello(self):
        print("on standard error")
        return {"engine": "e", "version": "1", "protocol": "1", "rules": ["MAR-7"], "requests": ["query"]}
    def load(self, policy, venue):
        return {"outcome": "accepted"}
    def query(self, question):
        return {what: str(1 // int(question["market"])) for what in question["what"]}
serve(Engine())
"""


def test_the_loop_of_an_adapter_survives_what_its_engine_raises_and_prints(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with Child((sys.executable, "-c", ADAPTER), 20) as engine:
        assert engine.hello()["engine"] == "e"
        assert engine.load({}, {})["outcome"] == "accepted"
        broken = engine.query({"what": ["margin_maintenance"], "market": "0"})
        assert broken["outcome"] == "error" and broken["reason"].startswith("ZeroDivisionError")
        assert engine.query({"what": ["margin_maintenance"], "market": "1"})["margin_maintenance"] == "1"
        assert engine.apply({})["outcome"] == "unsupported"


def test_no_model_predicts_the_word_for_no_answer():
    assert NOT_THEIRS not in ("bankrupt", "flat", "liquidatable", "margin_call", "healthy")
    assert not NOT_THEIRS.lstrip("-").isdigit()
