"""The harness that judges. Goal: the law conforms to itself, an engine with one fault is caught by the rule
that it breaks and by no other, and whatever an engine does, the run ends with a report.
Method: the law, and the law with a few lines changed, as engines of this process.
"""

import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marginspec.conform import pieces
from marginspec.conform.asked import Asked, is_inside, takes_policy
from marginspec.conform.command import Options, run_conform
from marginspec.conform.engine import Hello, InProcess
from marginspec.conform.judgement import FINDINGS_MOST, Judgement
from marginspec.conform.law_engine import LawEngine, texts
from marginspec.conform.live import Ground, play_bulk, play_hypothesis, shipped_policy
from marginspec.conform.opening import Recipe
from marginspec.conform.shrink_trace import shrunk
from marginspec.conform.tape import TapeChoices
from marginspec.conform.vectors_run import Vectors
from marginspec.errors import BROKEN, HELD, INTERRUPTED, UNDECIDED, InputError
from marginspec.paths import ROOT
from marginspec.search.scene import narrowed
from marginspec.vectors.files import VectorFile, path_of, read_file
from refmodel.canonical import policy_document
from refmodel.policy import Policy
from tests.support import cases

MINIMAL = shipped_policy("minimal")
Document = Mapping[str, Any]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run writes its report below the folder in which the user works."""
    monkeypatch.chdir(tmp_path)


# ------------------------------------------------------------------------------------- engines with a fault


class Bare(LawEngine):
    """Gives neither postings nor a digest: only queries tell what it did."""

    def load(self, policy: Document, venue: Document) -> Document:
        answer = super().load(policy, venue)
        return {key: value for key, value in answer.items() if key != "digest"}

    def apply(self, event: Document) -> Document:
        answer = super().apply(event)
        return {key: value for key, value in answer.items() if key not in ("digest", "postings")}


class KeepsTheFee(Bare):
    """Takes twice the taker's fee out of the wallet, as its queries tell; it answers nothing else."""

    def query(self, question: Document) -> Document:
        answer = dict(super().query(question))
        if "wallet" in answer and question["account"] == getattr(self, "taker", ""):
            answer["wallet"] = str(int(answer["wallet"]) - self.fee)
        return answer

    def load(self, policy: Document, venue: Document) -> Document:
        self.taker, self.fee = "", 0
        return super().load(policy, venue)

    def apply(self, event: Document) -> Document:
        answer = LawEngine.apply(self, event)
        self.taker, self.fee = "", 0
        if event["type"] == "trade" and answer["outcome"] == "accepted":
            fees = [
                row for row in answer["postings"] if row[0] == "wallet FEE-2" and row[1] == event["taker"]
            ]
            self.taker, self.fee = event["taker"], -int(fees[0][3])
        return {
            "outcome": answer["outcome"],
            **{key: answer[key] for key in ("rule", "reason") if key in answer},
        }


class FundOneOff(Bare):
    """Answers every question about a fund that is not empty with a quantum too much."""

    def query(self, question: Document) -> Document:
        answer = dict(super().query(question))
        if answer.get("fund", "0") != "0":
            answer["fund"] = str(int(answer["fund"]) + 1)
        return answer


class WrongReason(LawEngine):
    """Refuses a withdrawal that the law refuses by WDR-3, and says WDR-2."""

    def apply(self, event: Document) -> Document:
        answer = super().apply(event)
        return {**answer, "rule": "WDR-2"} if answer.get("rule") == "WDR-3" else answer


class ChangesOnRefusal(Bare):
    """Takes out the amount of a withdrawal that it refuses because it is not in the wallet."""

    def apply(self, event: Document) -> Document:
        answer = super().apply(event)
        self.lost = event["account"] if answer.get("rule") == "WDR-2" and event["type"] == "withdraw" else ""
        return answer

    def query(self, question: Document) -> Document:
        answer = dict(super().query(question))
        if "wallet" in answer and getattr(self, "lost", "") == question["account"]:
            answer["wallet"] = str(int(answer["wallet"]) - 1)
        return answer

    def load(self, policy: Document, venue: Document) -> Document:
        self.lost = ""
        return super().load(policy, venue)


class OneDigestOff(LawEngine):
    """Holds what the law holds, and digests it otherwise."""

    def apply(self, event: Document) -> Document:
        answer = super().apply(event)
        return {"outcome": answer["outcome"], **_refusal(answer), "digest": "sha256:" + "0" * 64}


class AcceptsAnyPolicy(LawEngine):
    """Runs under whatever policy it is given."""

    def load(self, policy: Document, venue: Document) -> Document:
        answer = super().load(policy, venue)
        return {"outcome": "accepted"} if answer["outcome"] == "refused" else answer


class MarginsOnly(LawEngine):
    """Computes margins, on floating point; a question is all that it answers."""

    def hello(self) -> Document:
        return {
            **super().hello(),
            "rules": ["ACC-2", "MAR-7", "MAR-8"],
            "requests": ["query"],
            "domain": str(2**53),
            "tolerance": {"equity": "1"},
        }

    def load(self, policy: Document, venue: Document) -> Document:
        assert all(abs(int(account["wallet"])) <= 2**53 for account in venue["accounts"].values())
        return super().load(policy, venue)

    def apply(self, event: Document) -> Document:
        raise AssertionError("it was asked for an event")

    def query(self, question: Document) -> Document:
        answer = dict(super().query(question))
        assert set(answer) <= {"equity", "margin_initial", "margin_maintenance"}
        if "equity" in answer:
            answer["equity"] = str(int(answer["equity"]) + 1)
        return answer


class DepositsOnly(LawEngine):
    """Claims deposits and new marks under `minimal`, and knows no margins."""

    def hello(self) -> Document:
        rules = ["DEP-1", "PRC-1", "EVT-1", "MAR-7", "XYZ-1"]
        return {**super().hello(), "rules": rules, "policies": ["minimal"]}

    def load(self, policy: Document, venue: Document) -> Document:
        assert policy["name"] == "minimal"
        self.time = int(venue["clock"])
        return super().load(policy, venue)

    def apply(self, event: Document) -> Document:
        assert (
            event["type"] in ("deposit", "prices", "withdraw", "order", "trade", "funding", "transfer")
            or True
        )
        return super().apply(event)

    def query(self, question: Document) -> Document:
        return {word: {"unsupported": "there are no margins here"} for word in question["what"]}


class RaisesOnTrades(LawEngine):
    """Fails where it should answer."""

    def apply(self, event: Document) -> Document:
        if event["type"] == "trade":
            raise RuntimeError("index out of range")
        return super().apply(event)


class HangsOnTrades(LawEngine):
    """Never answers to a trade."""

    def apply(self, event: Document) -> Document:
        while event["type"] == "trade":
            pass
        return super().apply(event)


class SaysError(LawEngine):
    """Says that it failed."""

    def apply(self, event: Document) -> Document:
        return {"outcome": "error", "reason": "out of memory"}


class Interrupts(LawEngine):
    """Somebody presses Ctrl-C while the hundredth event is answered; until then it takes fees twice."""

    applied = 0

    def apply(self, event: Document) -> Document:
        Interrupts.applied += 1
        if Interrupts.applied == 100:
            signal.raise_signal(signal.SIGINT)
        answer = super().apply(event)
        return {"outcome": "accepted"} if event["type"] == "withdraw" else answer


class SupportsNothing(LawEngine):
    """Has no policy."""

    def load(self, policy: Document, venue: Document) -> Document:
        return {"outcome": "unsupported", "reason": "no such policy"}


def _refusal(answer: Document) -> Document:
    return {key: answer[key] for key in ("rule", "reason") if key in answer}


def conform(engine: str, events: int = 600, **named: Any) -> tuple[int, dict[str, Any]]:
    """A run on an engine of this file, without the vectors unless they are asked for."""
    timeout = named.pop("timeout", 10.0)
    recipe = Recipe((), engine if ":" in engine else f"tests.test_conform:{engine}", timeout)
    options = {"vectors": False, "database": None, "events": events, **named}
    return run_conform(recipe, Options(**options))


def differing(facts: dict[str, Any]) -> set[str]:
    return {one["rule"] for one in facts["differs"]}


# ------------------------------------------------------------------------------------- the law itself


def test_the_law_conforms_wherever_it_is_reached() -> None:
    code, facts = conform("marginspec.conform.law_engine:LawEngine", events=1_500, vectors=True)
    assert (code, facts["differs"], facts["misbehaviour"], facts["not_implemented"]) == (HELD, [], [], [])
    assert facts["cases"] > 300
    assert facts["cases_not_asked"] == 0
    reached = {rule for rule, told in facts["rules"].items() if told["verdict"] == "conforms"}
    assert len(reached) >= 110
    live = {"ORD-1", "TRD-5", "FEE-2", "FUN-3", "WDR-3", "PRC-1", "MAR-14", "ADL-2", "ADL-7", "EVT-5"}
    assert all(facts["rules"][rule]["comparisons"] > 1 for rule in live)


def test_the_law_without_postings_and_digest_conforms_by_its_queries() -> None:
    code, facts = conform("Bare", events=600)
    assert (code, facts["differs"]) == (HELD, [])
    assert facts["rules"]["EVT-5"]["verdict"] == "not reached"
    assert facts["rules"]["FEE-2"]["comparisons"] > 10


# ------------------------------------------------------------------------------------- one fault


def test_a_fee_that_is_rounded_down_shows_in_few_events() -> None:
    code, facts = conform("tests.engines.broken:fee_rounded_down")
    (found,) = facts["differs"]
    assert (code, found["rule"]) == (BROKEN, "FEE-2")
    assert found["events"] <= 8
    assert found["what"].startswith("posting")
    assert Path(found["trace"]).is_file()


def test_a_penalty_taken_twice_is_named_by_the_vectors() -> None:
    asked, judgement = greeted("tests.engines.broken:penalty_twice")
    Vectors(asked, judgement).run([read_file(path_of("LIQ-3")), read_file(path_of("LIQ-5"))])
    assert judgement.differing["LIQ-3"] > 0
    assert judgement.seen_in_vector["LIQ-3"].story.case


def test_of_two_amounts_the_wrong_one_names_the_rule_that_posted_it() -> None:
    _, facts = conform("KeepsTheFee")
    (found,) = facts["differs"]
    assert (found["rule"], found["what"]) == ("FEE-2", "wallet")


def test_an_answer_that_is_wrong_without_any_event_blames_no_event() -> None:
    _, facts = conform("FundOneOff")
    assert differing(facts) == {"FND-1"}
    assert facts["differs"][0]["events"] == 1


def test_a_refusal_by_another_rule_names_the_rule_of_the_law() -> None:
    _, facts = conform("WrongReason")
    (found,) = facts["differs"]
    assert (found["rule"], found["what"]) == ("WDR-3", "outcome")
    assert "WDR-2" in found["engine"]


def test_a_refusal_that_changes_something_names_the_rule_that_refuses() -> None:
    _, facts = conform("ChangesOnRefusal")
    assert differing(facts) == {"WDR-2"}


def test_a_digest_alone_names_its_own_rule() -> None:
    _, facts = conform("OneDigestOff", events=200)
    assert differing(facts) == {"EVT-5"}
    assert facts["differs"][0]["events"] == 1


def test_a_policy_that_breaks_a_rule_must_not_be_accepted() -> None:
    asked, judgement = greeted("AcceptsAnyPolicy")
    broken = next(case for case in read_file(path_of("POL-9")).cases if case.refusal is not None)
    good = replace(broken, given={"policy": texts(policy_document(MINIMAL))}, expected={}, refusal=None)
    Vectors(asked, judgement).run([VectorFile("POL-9", cases=(good,))])
    assert (judgement.comparisons["POL-9"], judgement.differing["POL-9"]) == (1, 0)
    Vectors(asked, judgement).run([VectorFile("POL-9", cases=(broken,))])
    assert (judgement.comparisons["POL-9"], judgement.differing["POL-9"]) == (1, 1)
    assert judgement.cases["POL-9"] == [broken.id]


def test_a_trace_shows_the_difference_again() -> None:
    _, first = conform("tests.engines.broken:fee_rounded_down", events=300)
    trace = str(Path(first["differs"][0]["trace"]).resolve())
    code, facts = conform("tests.engines.broken:fee_rounded_down", trace=trace)
    assert (code, differing(facts)) == (BROKEN, {"FEE-2"})
    assert facts["events"] == first["differs"][0]["events"]
    code, facts = conform("marginspec.conform.law_engine:LawEngine", trace=trace)
    assert (code, facts["differs"]) == (HELD, [])


def test_a_difference_that_does_not_show_again_is_kept_as_it_was() -> None:
    _, judgement = greeted("WrongReason")
    play_bulk(greeted("WrongReason")[0], judgement, ground(), 1, 1_000)
    seen = judgement.seen["WDR-3"]
    law = greeted("marginspec.conform.law_engine:LawEngine")[0]
    kept = shrunk(seen, law, 5.0)
    assert kept.story == seen.story
    assert "did not show again" in kept.problem
    late = shrunk(seen, greeted("WrongReason")[0], 0.0)
    assert "no time" in late.problem


# ------------------------------------------------------------------------------------- parts of the law


def test_an_engine_of_margins_is_loaded_and_asked_within_its_domain_and_tolerance() -> None:
    code, facts = conform("MarginsOnly", events=300)
    assert (code, facts["differs"], facts["misbehaviour"]) == (HELD, [], [])
    assert {rule for rule, told in facts["rules"].items() if told["verdict"] == "conforms"} == {
        "ACC-2",
        "MAR-7",
        "MAR-8",
    }
    assert facts["tolerance"] == {"equity": "1"}
    assert len(facts["not_implemented"]) == len(facts["rules"]) - 3


def test_only_what_is_claimed_and_supported_is_judged() -> None:
    code, facts = conform("DepositsOnly", events=300)
    assert (code, facts["differs"]) == (HELD, [])
    verdicts = {rule: told["verdict"] for rule, told in facts["rules"].items()}
    assert (verdicts["DEP-1"], verdicts["PRC-1"]) == ("conforms", "conforms")
    assert verdicts["MAR-7"] == "not implemented", "it says that it has no margins"
    assert verdicts["TRD-5"] == "not implemented", "it does not claim them"


def test_an_engine_that_supports_nothing_is_not_said_to_conform() -> None:
    code, facts = conform("SupportsNothing", events=100)
    assert code == UNDECIDED
    assert not [rule for rule, told in facts["rules"].items() if told["verdict"] == "conforms"]


def test_declared_policies_are_told_by_what_they_say() -> None:
    hello = Hello("", "", None, frozenset(), frozenset(("minimal",)), 100, {})
    assert takes_policy(hello, MINIMAL, shipped_policy)
    changed = Policy(**{**fields_of(MINIMAL), "positions_max": MINIMAL.positions_max + 1})
    assert not takes_policy(hello, changed, shipped_policy)
    whole = shipped_policy("hyperliquid-like")
    small = narrowed(TapeChoices(b""), whole)
    takes_it = Hello("", "", None, frozenset(), frozenset(("hyperliquid-like",)), None, {})
    assert takes_policy(takes_it, small, shipped_policy)
    assert is_inside(hello, {"a": ["-100", {"b": "x"}]})
    assert not is_inside(hello, {"a": ["0", {"b": "-101"}]})


# ------------------------------------------------------------------------------------- misbehaviour


def test_an_engine_that_raises_is_asked_on_until_it_is_enough() -> None:
    code, facts = conform("RaisesOnTrades", events=2_000)
    assert (code, len(facts["misbehaviour"])) == (BROKEN, FINDINGS_MOST)
    first = facts["misbehaviour"][0]
    assert first["kind"] == "raised"
    assert '"type":"trade"' in first["request"]
    assert first["rule"].startswith(("TRD", "EVT", "LIM"))
    assert Path(first["trace"]).is_file()
    assert facts["stopped"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="without alarms nothing interrupts this process")
def test_an_engine_that_hangs_is_left() -> None:
    code, facts = conform("HangsOnTrades", events=400, timeout=0.02)
    assert code == BROKEN
    assert {one["kind"] for one in facts["misbehaviour"]} == {"timeout"}


def test_an_answer_of_error_is_a_finding() -> None:
    _, facts = conform("SaysError", events=100)
    assert facts["misbehaviour"][0]["kind"] == "error"
    assert "out of memory" in facts["misbehaviour"][0]["text"]


def test_an_interrupted_run_reports_what_it_found() -> None:
    Interrupts.applied = 0
    code, facts = conform("tests.test_conform:Interrupts", events=5_000)
    assert facts["interrupted"]
    assert code in (BROKEN, INTERRUPTED)
    assert 50 < facts["events"] < 200
    assert facts["rules"]["DEP-1"]["verdict"] == "conforms"


def test_a_program_that_prints_garbage_is_asked_on_and_leaves_nothing_behind() -> None:
    kind = "garbage"
    recipe = Recipe((sys.executable, str(ROOT / "tests" / "engines" / "hostile.py"), kind), "", 5.0)
    code, facts = run_conform(recipe, Options(events=200, database=None, vectors=False))
    assert (code, len(facts["misbehaviour"])) == (BROKEN, FINDINGS_MOST)
    first = facts["misbehaviour"][0]
    assert (first["kind"], first["rule"] != "") == ("not JSON", True)
    assert "Was this meant for stderr?" in first["text"]


def test_an_engine_that_does_not_end_after_bye_is_a_finding() -> None:
    recipe = Recipe(
        (sys.executable, str(ROOT / "tests" / "engines" / "hostile.py"), "stays after bye"), "", 0.5
    )
    _, facts = run_conform(recipe, Options(events=0, database=None, vectors=False))
    (finding,) = facts["misbehaviour"]
    assert finding["request"] == '{"do":"bye"}'


@cases("""
    name                           words
    no colon                       tests.test_conform
    no such module                 tests.no_such_module:Engine
    no such class                  tests.test_conform:NoSuchEngine
    not to be called               tests.test_conform:MINIMAL
""")
def test_a_name_of_no_engine_is_refused(words: str) -> None:
    with pytest.raises(InputError):
        run_conform(Recipe((), words, 1.0), Options(events=0))


@pytest.mark.parametrize(
    "named", [{"accept": "none.toml"}, {"trace": "none.json"}, {"junit": "none/junit.xml"}]
)
def test_a_file_that_is_not_there_is_refused_before_anything_runs(named: dict[str, str]) -> None:
    with pytest.raises(InputError, match="Nothing was run"):
        conform("Bare", events=0, **named)


def test_one_engine_is_needed_and_no_more() -> None:
    for recipe in (Recipe((), "", 1.0), Recipe(("engine",), "module:Engine", 1.0)):
        with pytest.raises(InputError):
            run_conform(recipe, Options(events=0))


# ------------------------------------------------------------------------------------- the drivers


def test_workers_come_to_the_same_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "EVENTS_OF_CHUNK", 150)
    alone = conform("FundOneOff", events=600, workers=1)[1]
    together = conform("FundOneOff", events=600, workers=2)[1]
    assert alone["rules"] == together["rules"]
    assert differing(together) == {"FND-1"}
    assert alone["events"] == together["events"]


def test_hypothesis_remembers_what_differed(tmp_path: Path) -> None:
    asked, judgement = greeted("WrongReason")
    play_hypothesis(asked, judgement, ground(), 1, 3_000, tmp_path / "kept")
    assert judgement.differing["WDR-3"] > 0
    again = Judgement()
    play_hypothesis(asked, again, ground(), 2, 40, tmp_path / "kept")
    assert again.differing["WDR-3"] > 0, "the history is played first, whatever the seed"
    anew = Judgement()
    play_hypothesis(asked, anew, ground(), 2, 40, None)
    assert anew.differing["WDR-3"] == 0


def test_a_tape_of_zeros_is_plain_and_any_other_stays_in_its_ranges() -> None:
    plain = TapeChoices(b"")
    assert (plain.integer(3, 9), plain.pick("abc"), plain.chance(999_999)) == (3, "a", False)
    assert plain.chance(1_000_000)
    full = TapeChoices(b"\xff" * 64)
    assert 3 <= full.integer(3, 9) <= 9
    assert full.chance(1)


# ------------------------------------------------------------------------------------- what the tests share


def greeted(engine: str) -> tuple[Asked, Judgement]:
    """An engine that has said hello, and an empty judgement."""
    recipe = Recipe((), engine if ":" in engine else f"tests.test_conform:{engine}", 10.0)
    with recipe.opened(Judgement()) as asked:
        asked.greet()
        return asked, Judgement()


def ground(policy: Policy | None = MINIMAL) -> Ground:
    asked = Asked(InProcess(LawEngine))
    return Ground(policy, asked.greet())


def fields_of(policy: Policy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in policy.__dataclass_fields__}


@pytest.fixture(autouse=True)
def no_alarm_is_left() -> Iterator[None]:
    """Whoever interrupts an engine puts its alarm away."""
    yield
    if hasattr(signal, "getitimer"):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
