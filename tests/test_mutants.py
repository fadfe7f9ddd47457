"""Mutants. Goal: a change of the law is made, judged and kept, and the breaks that have to be there are.
Method: mutations of one module, judged for real in a tree of their own; the rest on hand-made verdicts.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from marginspec import proving
from marginspec.mutation.judges import TABLES_OF_THE_RULE
from marginspec.mutation.mutations import MutantsError, Mutation, mutated_text, sample
from marginspec.mutation.named import HAND_MADE, check_names, rules_of_mutant
from marginspec.mutation.names import Names
from marginspec.mutation.report import page, reviews
from marginspec.mutation.trees import KILLED, SURVIVED, TIMED_OUT, Bench, Verdict
from marginspec.mutation.verdicts import judged
from marginspec.paths import ROOT

LAW = ROOT / "refmodel"
A_CHANGE = Mutation(
    "numbers.py", 20, "ceil_div", "NumberReplacer", 0, "return 1", "return 2", ("NUM-1",)
)  # fmt: skip


def verdict(mutation: Mutation, status: str, judge: str = "") -> Verdict:
    return Verdict(mutation, status, judge, (), "", (), 0.1)


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    return Bench(tmp_path_factory.mktemp("trees"), 1)


def test_the_six_breaks_made_by_hand_are_named_mutants_with_a_rule():
    theorems = proving.all_theorems()
    check_names(theorems)
    names = Names(LAW)
    for name in HAND_MADE:
        found = [(theorem, m) for theorem in theorems for m in theorem.mutants if m.name == name]
        assert found and all(rules_of_mutant(theorem, mutant, names) for theorem, mutant in found)


def test_a_break_that_is_not_registered_is_said():
    with pytest.raises(MutantsError, match="'a ceil for a floor'"):
        check_names([])


def test_a_seed_draws_the_same_mutations_and_each_of_them_once():
    drawn = sample(LAW, 7, 12, ["numbers.py"])
    assert drawn == sample(LAW, 7, 12, ["numbers.py"])
    assert len({mutation.key for mutation in drawn}) == 12
    assert drawn != sample(LAW, 8, 12, ["numbers.py"])
    assert all(mutation.before != mutation.after and mutation.line > 1 for mutation in drawn)


def test_a_helper_counts_for_the_rules_of_its_callers():
    names = Names(LAW)
    assert names.rules_touched_by("ceil_div") == ("NUM-1",)
    assert names.rules_touched_by("carries") == names.rules["carries"]
    assert "TRD-7" in names.rules_touched_by("comes_closer")
    assert set(names.rules_touched_by("refuse_side")) >= {"TRD-5"}


@pytest.mark.parametrize(
    "text",
    [
        'def f() -> int:\n    """1 + 1"""\n    return g()\n',
        "def f(a: int | None) -> None:\n    g(a)\n",
        "Event = Deposit | Order\n",
        "class C:\n    a: int | str\n",
    ],
)
def test_words_and_types_are_not_mutated(text):
    for operator in ("core/ReplaceBinaryOperator_BitOr_Add", "core/NumberReplacer"):
        assert mutated_text(text, operator, 0) is None


def test_a_mutation_is_judged_and_the_tree_is_mended(bench):
    wrong = next(
        mutation
        for mutation in sample(bench.law, 1, 400, ["numbers.py"])
        if mutation.function == "ceil_div" and mutation.operator.startswith("ReplaceBinaryOperator")
    )
    found = bench.judge(wrong, ())
    assert (found.status, found.judge) in {(KILLED, TABLES_OF_THE_RULE), (TIMED_OUT, TABLES_OF_THE_RULE)}
    assert found.red == ("NUM-1",)
    tree = bench.law.parent.parent / "1" / "refmodel" / "numbers.py"
    assert tree.read_text() == (bench.law / "numbers.py").read_text()


class Counting(Bench):
    """A bench that notes what it is asked, and lets everything survive."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def judge(self, mutation, theorems):
        self.asked.append(mutation.key)
        return verdict(mutation, SURVIVED)

    def close(self) -> None:
        pass


def test_a_run_that_goes_on_repeats_nothing(tmp_path):
    wanted = [replace(A_CHANGE, occurrence=number) for number in range(6)]
    file = tmp_path / "mutants" / "1.jsonl"
    first = Counting()
    verdicts = judged(first, wanted[:4], (), file, "the law", 1)
    assert [next(verdicts).mutation.occurrence for _ in range(2)] == [0, 1]
    verdicts.close()
    with file.open("a") as out:
        out.write('{"mutation": {"file": ')  # what an interruption in the middle of a line leaves
    second = Counting()
    found = {each.mutation.key for each in judged(second, wanted, (), file, "the law", 1)}
    assert found == {mutation.key for mutation in wanted}
    assert not set(first.asked[:2]) & set(second.asked)
    third = Counting()
    assert len(list(judged(third, wanted, (), file, "the law", 1))) == 6
    assert third.asked == []
    fourth = Counting()
    assert len(list(judged(fourth, wanted, (), file, "another law", 1))) == 6
    assert len(fourth.asked) == 6


def test_the_page_lists_survivors_with_their_reason():
    other = replace(A_CHANGE, occurrence=1, before="return 3")
    verdicts = [
        verdict(A_CHANGE, SURVIVED),
        verdict(other, SURVIVED),
        verdict(replace(A_CHANGE, occurrence=2), KILLED, TABLES_OF_THE_RULE),
    ]
    rows = [("B3", HAND_MADE[0], "floor_div", "MAR-13", "refuted")]
    rows = [("B3", HAND_MADE[0], "floor_div", "MAR-13", "refuted")]
    text = page(verdicts, rows, 1, {other.review: "Equal."})
    assert "3 mutations of `refmodel/`" in text and "1 noticed, 2 not" in text
    assert "| `return 3` | `return 2` | Equal. |" in text
    assert "| `return 1` | `return 2` | **not reviewed** |" in text
    assert f"| {HAND_MADE[0]} | B3 | MAR-13 | refuted |" in text


def test_every_review_has_a_reason_and_is_of_text_that_stands_in_the_law():
    for (file, function, before, _), why in reviews().items():
        lines = [line.strip() for line in (LAW / file).read_text().splitlines()]
        assert why.endswith("."), (file, before)
        assert Names(LAW).rules_touched_by(function) is not None
        assert before in lines or before in " ".join(lines), (file, before)


def test_a_review_without_a_reason_is_refused(tmp_path):
    file = tmp_path / "mutants.toml"
    entry = {"file": "a.py", "function": "f", "before": "1", "after": "2", "why": " "}
    lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    file.write_text("[[reviewed]]\n" + "\n".join(lines))
    with pytest.raises(MutantsError, match="has file, function, before, after and why"):
        reviews(file)
    assert reviews(Path(tmp_path / "none.toml")) == {}
