"""Cases of real venues. Goal: the law gives the numbers that venues state, or the difference is declared.
Method: the adapters of tests/cases/ put each case before `refmodel`; the answer is compared key by key; it
must be what tests/cases/index.json says, and the README there is rendered from both.

`python -m tests.test_cases` writes the README again after a change.
"""

import json
from fnmatch import fnmatch
from fractions import Fraction
from typing import Any

import pytest

from tests.cases.law import Case
from tests.cases.verdicts import (
    CASES,
    DIFFERS,
    INDEX,
    PAGE,
    STATES,
    WAITS,
    adapter_of,
    judge,
    leaves,
    page,
    reached,
    topics,
)


@pytest.mark.parametrize(
    ("topic", "line", "case"), [pytest.param(*found, id=found[1]["id"]) for found in reached()]
)
def test_a_case_comes_out_as_the_index_says(topic: str, line: Case, case: Case) -> None:
    verdict = judge(case, adapter_of(topic, case))
    assert verdict.state == line["state"], verdict.findings
    unexpected = [
        key
        for key in verdict.not_asked
        if not any(fnmatch(key, known) for known in line.get("not_asked", ()))
    ]
    assert unexpected == [], "numbers of the venue that nobody compared"


def test_something_is_compared_in_every_case() -> None:
    for topic, line, case in reached():
        asked = len(list(leaves(case["expect"]))) - len(judge(case, adapter_of(topic, case)).not_asked)
        assert asked > 0, line["id"]


def test_every_committed_case_is_in_the_index_once_and_names_its_source() -> None:
    listed = [line["id"] for topic in topics() for line in topic["cases"]]
    assert len(listed) == len(set(listed))
    indexed = {topic["file"] for topic in topics() if "file" in topic}
    assert indexed == {path.name for path in CASES.glob("*.json")} - {INDEX.name}
    for topic in topics():
        if "file" in topic:
            document = json.loads((CASES / topic["file"]).read_text())
            found = [line["id"] for line in topic["cases"] if line["state"] != WAITS]
            assert [case["id"] for case in document["cases"]] == found
            assert all(case["source"] for case in document["cases"])


def test_every_line_of_the_index_has_a_known_state_and_a_reason_where_one_is_due() -> None:
    index = json.loads(INDEX.read_text())
    lines = [line for topic in index["topics"] for line in topic["cases"]]
    assert {line["state"] for line in lines} == set(STATES)
    assert {line["for"] for line in lines if line["state"] == WAITS} == set(index["waiting"])
    assert {line["reason"] for line in lines if line["state"] == DIFFERS} == set(index["differences"])
    assert {line["unasked"] for line in lines if "not_asked" in line} == set(index["unasked"])
    assert len(lines) == sum(topic["collected"] for topic in index["topics"])


def test_a_changed_number_of_a_venue_is_noticed() -> None:
    for topic, line, case in reached():
        adapter = adapter_of(topic, case)
        verdict = judge(case, adapter)
        skipped = {*verdict.not_asked, *(finding.key for finding in verdict.findings if not finding.bound)}
        for key, expected in leaves(case["expect"]):
            if key not in skipped:
                wrong = {**case, "expect": with_leaf(case["expect"], key, another(expected))}
                found = [finding.key for finding in judge(wrong, adapter).findings if not finding.bound]
                assert key in found, (line["id"], key)


def another(expected: Any) -> Any:
    """A value that is plainly not the one expected."""
    if isinstance(expected, bool):
        return not expected
    try:
        return str(3 * Fraction(expected) + 1000)
    except ValueError:
        return f"not {expected}"


def with_leaf(document: Any, path: str, value: Any) -> Any:
    """A document with the value at a path replaced."""
    here, _, below = path.partition(".")
    key: Any = int(here) if isinstance(document, list) else here
    inner = with_leaf(document[key], below, value) if below else value
    if isinstance(document, list):
        return [inner if index == key else member for index, member in enumerate(document)]
    return {**document, key: inner}


def test_the_page_says_what_the_law_says() -> None:
    assert PAGE.read_text() == page()


if __name__ == "__main__":
    PAGE.write_text(page())
