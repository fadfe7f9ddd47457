"""Mutants of the fast path. Goal: what can go wrong in a source is changed, nothing that is only words, and
each change goes to those who can notice it. Method: small sources written for it; one kernel is judged for
real.
"""

import json
import os
import subprocess
import sys

import pytest

from marginspec.mutation.fast import lines_of_functions, possible
from marginspec.mutation.fast_judges import ACCOUNTS, HISTORIES, PROOFS, judges_of_the_compiled
from marginspec.mutation.fast_places import Rules, changes_of, sources
from marginspec.mutation.fast_report import REVIEWS, page, rules_named, tell
from marginspec.mutation.fast_trees import EQUAL, compiled_sources, copied, sources_with
from marginspec.mutation.mutations import Mutation
from marginspec.mutation.report import reviews
from marginspec.mutation.trees import KILLED, SURVIVED, Verdict
from marginspec.paths import ROOT

FAST = ROOT / "fastpath"
PLUMBING = '''
cdef enum:
    SIZE = 3

@decorated(1)
cdef int lowest(long long* row, int count) noexcept nogil:
    """NUM-1. One of 1 < 2."""
    cdef long long[8] kept
    cdef int best = -1
    for at in range(1, count):
        if row[at] < <long long>best and not at == 4:  # 5 < 6
            best = <int>row[at] - 1
    return best


def outer(rows):
    return lowest(rows, 7)
'''
KERNEL = '''
def half(number: cython.longlong, by: cython.longlong) -> cython.longlong:
    """NUM-3. Rounds down."""
    return number // by if number >= 0 else 0
'''


def told(file, text):
    """The changes of a source as (line, operator, new line), without indentation."""
    return [
        (change.start[0], change.operator, change.of(text).splitlines()[change.start[0] - 1].strip())
        for change in changes_of(file, text)
    ]


def test_comparisons_signs_numbers_and_words_in_bodies_of_functions_are_changed():
    found = told("engine/some.pxi", PLUMBING)
    condition = "if row[at] {} <long long>best {} not at {} {}:  # 5 < 6"
    assert [line for number, _, line in found if number == 11] == [
        condition.format("<=", "and", "==", "4"),
        condition.format(">=", "and", "==", "4"),
        condition.format("<", "or", "==", "4"),
        condition.format("<", "and", "!=", "4"),
        condition.format("<", "and", "==", "3"),
        condition.format("<", "and", "==", "5"),
    ]
    assert (12, "sign", "best = <int>row[at] + 1") in found
    assert (17, "number", "return lowest(rows, 8)") in found


def test_words_casts_lengths_decorators_and_tables_are_left_as_they_are():
    assert {number for number, *_ in told("engine/some.pxi", PLUMBING)} == {9, 10, 11, 12, 17}


def test_a_quotient_of_a_kernel_is_rounded_the_other_way():
    found = told("kernels.py", KERNEL)
    assert (4, "ceiling", "return ((number) + (by) - 1) // (by) if number >= 0 else 0") in found
    assert [operator for _, operator, _ in found] == ["ceiling", *2 * ["comparison"], *2 * ["number"]]
    assert "ceiling" not in [operator for _, operator, _ in told("columns.py", KERNEL)]


def test_every_source_can_be_read_and_every_change_changes_it():
    for file in sources(FAST):
        text = (FAST / file).read_text(encoding="utf-8")
        for change in changes_of(file, text):
            assert change.of(text) != text, (file, change)
    assert {"kernels.py", "evaluate.pyx", "engine/core.pyx", "engine/state.pxi"} <= set(sources(FAST))
    assert "_build.py" not in sources(FAST)


def test_a_function_without_a_rule_counts_for_those_of_its_callers():
    rules = Rules([PLUMBING, "def caller(rows):\n    post(LIQ_3, outer(rows))\n"])
    assert rules.of("lowest") == ("NUM-1",)
    assert rules.of("outer") == ("LIQ-3",)
    assert rules.of("nowhere") == ()


def test_what_includes_a_kernel_is_compiled_again_with_it():
    assert sources_with("kernels.py", ROOT) == ["engine/core.pyx", "evaluate.pyx", "kernels.py"]
    assert sources_with("engine/state.pxi", ROOT) == ["engine/core.pyx"]
    assert sources_with("columns.py", ROOT) == []
    assert all((FAST / name).is_file() for name in compiled_sources(ROOT))


def test_histories_are_asked_first_about_the_engine():
    assert [name for name, _ in judges_of_the_compiled("engine/state.pxi")][1:3] == [HISTORIES, ACCOUNTS]
    assert [name for name, _ in judges_of_the_compiled("evaluate.pyx")][1:3] == [ACCOUNTS, HISTORIES]


def test_lines_belong_to_the_function_they_stand_in():
    lines = {line: name for name, line in lines_of_functions(PLUMBING)}
    assert lines[11] == "lowest" and lines[17] == "outer" and 6 not in lines


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return copied(tmp_path_factory.mktemp("mutants") / "tree")


def judged(tree, task):
    """What the judges, in a process of their own, say of the tree."""
    answer = tree / "answer.json"
    command = [sys.executable, "-m", "marginspec.mutation.fast_judges", str(answer)]
    surroundings = {**os.environ, "PYTHONPATH": str(tree)}
    subprocess.run(command, cwd=tree, env=surroundings, input=json.dumps(task), text=True, check=True)
    return json.loads(answer.read_text(encoding="utf-8"))


def test_a_kernel_that_rounds_down_is_refuted_by_its_theorem(tree):
    path = tree / "fastpath" / "waterfall.py"
    text = path.read_text(encoding="utf-8")
    unchanged = judged(tree, {"theorems": ["F1-penalty"]})
    path.write_text(text.replace("999_999", "999_998"), encoding="utf-8")
    changed = judged(tree, {"theorems": ["F1-penalty"]})
    path.write_text(text, encoding="utf-8")
    assert (unchanged["judge"], unchanged["unasked"]) == ("", [])
    assert (changed["judge"], changed["red"]) == (PROOFS, ["F1-penalty"])


def test_without_its_compiled_modules_a_tree_is_red(tree):
    assert judged(tree, {"theorems": [], "file": "evaluate.pyx"})["judge"]


A_CHANGE = Mutation("kernels.py", 25, "ceil_div", "comparison", 0, "if a >= 0:", "if a > 0:", ("NUM-1",))


def test_the_page_counts_what_was_noticed_what_is_equal_and_who_survived(capsys):
    noticed = Verdict(A_CHANGE, KILLED, PROOFS, ("F1-divisions",), "", (), 1.0)
    equal = Verdict(A_CHANGE, EQUAL, "", ("F1-divisions",), "", (), 1.0)
    survivor = Verdict(A_CHANGE, SURVIVED, "", (), "", (), 1.0)
    text = page([noticed, equal, survivor], 1, {A_CHANGE.review: "Equal: nought is nought."})
    assert "3 changes. 1 of them leave" in text and "1 more were noticed by nobody" in text
    assert f"| {PROOFS} | 1 |" in text and "Equal: nought is nought." in text
    assert rules_named(noticed) == ("F1-divisions",) and rules_named(survivor) == ("NUM-1",)
    assert tell([noticed, equal, survivor], {}) == 1
    assert "NOT REVIEWED" in capsys.readouterr().out
    assert tell([survivor], {A_CHANGE.review: "Equal."}) == 0


def test_every_review_is_of_a_change_that_can_still_be_made():
    known = {mutation.review for mutation, _ in possible(FAST)}
    assert [review for review in reviews(REVIEWS) if review not in known] == []
