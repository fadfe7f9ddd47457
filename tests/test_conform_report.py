"""What a run of the harness says. Goal: every verdict has its line, a difference is told with both sides and
how to see it again, what is declared is never hidden, and JSON and JUnit XML say the same.
Method: runs on small engines, and reports of judgements made by hand.
"""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from marginspec.conform.command import Options, run_conform
from marginspec.conform.compare import Difference
from marginspec.conform.declared import NOTHING_DECLARED, Declared, read_declared
from marginspec.conform.engine import Hello
from marginspec.conform.judgement import (
    CONFORMS,
    DECLARED,
    DIFFERS,
    NOT_IMPLEMENTED,
    NOT_REACHED,
    VERDICTS,
    Finding,
    Judgement,
    Seen,
    Story,
)
from marginspec.conform.junit import junit_text
from marginspec.conform.live import shipped_policy
from marginspec.conform.opening import Recipe
from marginspec.conform.report import Run, amount_off, before, body, facts_of, first_sentence, head, rules
from marginspec.errors import BROKEN, HELD, InputError
from marginspec.story import parse_event
from tests.support import cases

MINIMAL = shipped_policy("minimal")
HELLO = Hello(
    "my_engine",
    "2.3",
    frozenset(("LIQ-3", "LIQ-7", "FEE-2", "MAR-2")),
    frozenset(("apply", "query")),
    None,
    None,
    {},
)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run writes its report below the folder in which the user works."""
    monkeypatch.chdir(tmp_path)


def difference(rule: str) -> Seen:
    event = parse_event("deposit a1 400_000 owner alice pool cross", 0)
    law, engine = f"{rule} wallet a1 -125_374", f"{rule} wallet a1 -125_373"
    rows = (("answer", "accepted", "accepted"), ("posting 2", law, engine))
    return Seen(
        Difference(rule, "posting 2", law, engine), Story(MINIMAL, None, (event,)), rows, before=1_204
    )


def a_run(declared: Declared = NOTHING_DECLARED) -> Run:
    """LIQ-3 and LIQ-7 differ, MAR-2 conforms, FEE-2 was not reached, nothing else is claimed."""
    judgement = Judgement()
    judgement.differs(difference("LIQ-3"))
    judgement.differs(difference("LIQ-7"))
    judgement.comparisons["MAR-2"] = 12_400
    judgement.counts.update(
        {"events": 12_400, "accepted": 6_200, "histories": 310, "milliseconds live": 8_000}
    )
    return Run(
        HELLO,
        judgement,
        declared,
        7,
        "minimal",
        "-- ./my_engine --fast",
        {"LIQ-3": Path("runs/latest/LIQ-3.json")},
    )


# ------------------------------------------------------------------------------------- verdicts


def test_every_rule_of_the_law_has_one_verdict() -> None:
    verdicts = a_run().verdicts()
    assert list(verdicts) == list(rules())
    assert set(verdicts.values()) <= set(VERDICTS)
    named = [verdicts[rule] for rule in ("LIQ-3", "LIQ-7", "MAR-2", "FEE-2", "ADL-1")]
    assert named == [DIFFERS, DIFFERS, CONFORMS, NOT_REACHED, NOT_IMPLEMENTED]


def test_what_is_claimed_and_said_not_to_be_supported_is_not_implemented() -> None:
    run = a_run()
    run.judgement.does_not_support("FEE-2", "fees are somewhere else")
    assert run.verdicts()["FEE-2"] == NOT_IMPLEMENTED
    assert "fees are somewhere else" in body(run)


# ------------------------------------------------------------------------------------- the page


def test_the_page_says_what_differs_and_how_to_see_it_again() -> None:
    run = a_run()
    page = body(run)
    assert head(run) == "seed 7   my_engine 2.3, protocol 1, claims 4 of 128 rules"
    for line in (
        "  conforms           1 rule",
        "  DIFFERS            2 rules   LIQ-3, LIQ-7",
        "  not reached        1 rule   FEE-2: this run says nothing about them",
        "DIFFERS  LIQ-3 Liquidation penalty   shrunk from 1 204 events to 1",
        "  1  deposit a1 400_000 owner alice pool cross   accepted",
        "  posting 2   LIQ-3 wallet a1 -125_374   LIQ-3 wallet a1 -125_373   <-",
        "  posting 2: the engine is 1 above the law.",
        "  Reproduce    marginspec conform --trace runs/latest/LIQ-3.json -- ./my_engine --fast",
        "  Read         marginspec explain LIQ-3",
    ):
        assert line in page.splitlines(), line
    assert "1 550 events/s" in page
    assert first_sentence(rules()["LIQ-3"].statement) in page


def test_a_rule_that_depends_on_another_that_differs_says_so() -> None:
    run = a_run()
    cause = before("LIQ-3")[0]
    run.judgement.differs(difference(cause))
    assert f"because of {cause}" in body(run)
    assert "LIQ-3" not in before("LIQ-3")


@cases("""
    case              law                  engine                 said
    one above         FEE-2 wallet a1 -3   FEE-2 wallet a1 -2     the engine is 1 above the law.
    far below         12_500               0                      the engine is 12 500 below the law.
    words             accepted             refused                -
    another shape     FEE-2 wallet a1 -3   no posting             -
    two apart         FEE-2 wallet a1 -3   FEE-2 wallet a2 -2     -
""")
def test_how_far_apart_two_amounts_are(law: Any, engine: Any, said: str) -> None:
    assert amount_off(str(law), str(engine)) == said.replace("-", "", 1) if said == "-" else said


def test_an_engine_says_what_it_is_like() -> None:
    hello = Hello(
        "half",
        "1",
        frozenset(("MAR-2", "XYZ-9")),
        frozenset(("query",)),
        frozenset(("minimal",)),
        2**53,
        {"equity": 1},
    )
    run = a_run()
    run.hello = hello
    said = head(run)
    for words in ("answers query only", "policies minimal", "9 007 199 254 740 992", "equity by 1", "XYZ-9"):
        assert words in said


def test_misbehaviour_is_told_once_for_each_kind() -> None:
    run = a_run()
    finding = Finding(
        "not JSON", "not JSON: `Segmentation fault`.", ("last words",), "TRD-5", '{"do":"apply"}', None
    )
    run.judgement.findings = [finding, finding, finding]
    page = body(run)
    assert page.count("MISBEHAVED  not JSON   when TRD-5 was asked") == 1
    assert "and 2 more like it" in page
    assert "  stderr         last words" in page
    assert '  Last request   {"do":"apply"}' in page


def test_a_run_in_which_nothing_was_compared_says_so() -> None:
    run = Run(HELLO, Judgement(), NOTHING_DECLARED, 1, "minimal", "-- ./my_engine")
    assert "NOTHING COMPARED" in body(run)
    assert "Nothing differs" not in body(run)


def test_without_hello_there_is_still_a_report() -> None:
    run = Run(None, Judgement(), NOTHING_DECLARED, 1, "minimal", "-- ./my_engine")
    run.judgement.findings = [Finding("ended", "it ended.", (), "", "{}", None)]
    assert "did not say hello" in head(run)
    assert "MISBEHAVED  ended" in body(run)
    assert facts_of(run)["engine"] == ""
    assert "it ended." in junit_text(run)


# ------------------------------------------------------------------------------------- declared


def test_what_is_declared_is_reported_as_declared(tmp_path: Path) -> None:
    accept = tmp_path / "known.toml"
    lines = ("LIQ-7: penalty on notional at mark", "MAR-2: another rounding", "XYZ-1: no such thing")
    accept.write_text(f"accept = {json.dumps(lines)}\n")
    run = a_run(read_declared(str(accept)))
    assert run.verdicts()["LIQ-7"] == DECLARED
    page = body(run)
    assert "DECLARED  LIQ-7" in page
    assert "penalty on notional at mark" in page
    assert f"{accept}: XYZ-1 is no rule of the law." in page
    assert f"{accept}: MAR-2 is declared, and did not differ in this run (conforms)." in page
    facts = facts_of(run)
    assert [one["rule"] for one in facts["differs"]] == ["LIQ-3"]
    assert [(one["rule"], one["why"]) for one in facts["declared"]] == [
        ("LIQ-7", "penalty on notional at mark")
    ]


def test_a_declared_difference_alone_does_not_fail_a_run(tmp_path: Path) -> None:
    accept = tmp_path / "known.toml"
    accept.write_text('accept = ["WDR-3: it says WDR-2"]\n')
    recipe = Recipe((), "tests.test_conform:WrongReason", 10.0)
    options = {"events": 400, "database": None, "vectors": False}
    assert run_conform(recipe, Options(**options))[0] == BROKEN
    code, facts = run_conform(recipe, Options(**options, accept=str(accept)))
    assert (code, len(facts["declared"])) == (HELD, 1)


@cases("""
    case            text
    no TOML         accept = [
    other key       allow = []
    no list         accept = "LIQ-7: x"
    no colon        accept = ["LIQ-7"]
    no words        accept = ["LIQ-7:"]
    twice           accept = ["LIQ-7: x", "LIQ-7: y"]
""")
def test_a_wrong_file_of_declarations_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        read_declared(str(path))
    assert "accept" in str(refused.value)


# ------------------------------------------------------------------------------------- JSON and JUnit


def test_json_says_the_same() -> None:
    facts = facts_of(a_run())
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["engine"], facts["version"], facts["protocol"], facts["seed"]) == (
        "my_engine",
        "2.3",
        "1",
        7,
    )
    assert facts["rules"]["LIQ-3"] == {"verdict": DIFFERS, "comparisons": 1, "differing": 1}
    assert facts["rules"]["MAR-2"] == {"verdict": CONFORMS, "comparisons": 12_400, "differing": 0}
    assert facts["not_reached"] == ["FEE-2"]
    assert len(facts["not_implemented"]) == len(rules()) - 4
    assert (facts["events"], facts["events_per_second"]) == (12_400, 1_550)
    assert facts["differs"][0]["both"][1] == [
        "posting 2",
        "LIQ-3 wallet a1 -125_374",
        "LIQ-3 wallet a1 -125_373",
    ]


def test_junit_has_a_case_for_each_rule_and_one_for_the_protocol() -> None:
    run = a_run(Declared("known.toml", {"LIQ-7": "penalty on \x00 notional"}))
    suite = ElementTree.fromstring(junit_text(run))
    tests = {test.get("name", "").split()[0]: test for test in suite.iter("testcase")}
    assert list(tests) == [*rules(), "protocol"]
    assert tests["LIQ-3"].get("classname") == "8 Liquidation"
    failure = tests["LIQ-3"].find("failure")
    assert failure is not None
    assert "DIFFERS  LIQ-3" in str(failure.text)
    kinds = {name: [child.tag for child in test] for name, test in tests.items()}
    assert (kinds["MAR-2"], kinds["LIQ-7"], kinds["FEE-2"], kinds["ADL-1"]) == (
        [],
        ["skipped"],
        ["skipped"],
        ["skipped"],
    )
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["129", "1", "0", "126"]


def test_the_files_of_a_run_are_there(tmp_path: Path) -> None:
    recipe = Recipe((), "tests.test_conform:WrongReason", 10.0)
    junit = tmp_path / "junit.xml"
    options = Options(events=400, database=None, vectors=False, junit=str(junit))
    code, facts = run_conform(recipe, options)
    assert code == BROKEN
    suite = ElementTree.parse(junit).getroot()
    assert [
        test.get("name", "").split()[0] for test in suite.iter("testcase") if test.find("failure") is not None
    ] == ["WDR-3"]
    assert json.loads(Path("runs/latest/conform.json").read_text()) == facts
