"""Vectors. Goal: every file can be read by others, says what the law answers, and leaves out no rule and no
refusal; a wrong file is told where it is wrong. Method: the committed files as they are; files with one thing
changed; a search that is run twice.
"""

import json

import pytest

from marginspec.errors import BROKEN, HELD, InputError
from marginspec.policy_file import read_policy
from marginspec.search.reach.reasons import reasons_of_the_law
from marginspec.vectors.arguments import ArgumentError, arguments_of, takes_plain_values, texts
from marginspec.vectors.command import reasons_met, vectors
from marginspec.vectors.expectations import EVENT, FUNCTION, KINDS, answer, kind_of
from marginspec.vectors.files import (
    VECTORS,
    Case,
    add_cases,
    file_text,
    path_of,
    read_file,
    read_vectors,
    recomputed,
    vector_paths,
)
from marginspec.vectors.functions import found_cases, rules_of_plain_values
from marginspec.vectors.traces import add_trace, read_trace, read_traces, recomputed_trace, trace_text
from refmodel.canonical import event_document, policy_document, venue_document
from refmodel.events import Deposit
from refmodel.state import genesis


@pytest.fixture(scope="module")
def committed():
    return read_vectors()


# The files as they are


def test_files_stand_where_their_rules_are(committed):
    assert [path_of(file.rule) for file in committed] == vector_paths()


def test_ids_are_unique(committed):
    ids = [case.id for file in committed for case in file.cases]
    assert len(ids) == len(set(ids)) > 1_000


def test_no_case_is_there_twice(committed):
    for file in committed:
        given = [json.dumps(case.given, sort_keys=True) for case in file.cases]
        assert len(given) == len(set(given)), file.rule


def test_files_are_written_as_the_law_answers(committed):
    for path, file in zip(vector_paths(), committed, strict=True):
        assert path.read_text(encoding="utf-8") == file_text(recomputed(file, str(path))), path


def test_traces_are_written_as_the_law_answers():
    for trace in read_traces():
        path = VECTORS / "traces" / f"{trace.name}.json"
        assert path.read_text(encoding="utf-8") == trace_text(recomputed_trace(trace, str(path)))


def test_every_rule_has_a_case(committed):
    with_case = {file.rule for file in committed if file.cases}
    assert [rule for rule in texts() if rule not in with_case] == []


def test_every_refusal_has_a_case(committed):
    assert [reason for reason in reasons_of_the_law() if reason not in reasons_met(committed)] == []


def test_every_rule_of_plain_values_has_cases_of_its_function(committed):
    asked = {file.rule for file in committed for case in file.cases if kind_of(case.given) == FUNCTION}
    assert asked == set(rules_of_plain_values())
    assert len(asked) > 40


def test_every_kind_is_there(committed):
    assert {kind_of(case.given) for file in committed for case in file.cases} == set(KINDS)


def test_flags_are_used(committed):
    for file in committed:
        assert set(file.flags) == {flag for case in file.cases for flag in case.flags}, file.rule


# Reading a wrong file


@pytest.fixture
def folder(tmp_path):
    """A few cases and a trace, in a folder of their own."""
    policy = read_policy("minimal")
    venue, deposit = venue_document(genesis(policy)), Deposit(0, "a1", 600, "alice", "cross")
    given = {"policy": "minimal", "venue": venue, "event": event_document(deposit)}
    penalty = {"amount": 1_000_001, "rate": 12_500, "equity_free": 50_000}
    flags = {"rounding": {"why": "Not whole.", "effect": "Too little."}}
    add_cases("LIQ-3", [Case("LIQ-3/rounds-up", "LIQ-3", ("rounding",), "", penalty)], flags, folder=tmp_path)
    opens = Case("DEP-1/opens", "DEP-1", (), "", given)
    add_cases("DEP-1", [opens], policies={"minimal": policy_document(policy)}, folder=tmp_path)
    add_trace(
        "one-deposit", "A deposit.", policy_document(policy), venue, [event_document(deposit)], tmp_path
    )
    return tmp_path


LIQ, DEP, TRACE = "liquidation/LIQ-3.json", "withdrawal/DEP-1.json", "traces/one-deposit.json"


def published_as(**changes):
    """A statement of a venue, before the comment of a case."""
    said = {
        "case": "penalty-1",
        "venue": "somewhere",
        "source": "a page",
        "says": "exact",
        "states": {"a": "1"},
    }
    kept = {key: value for key, value in {**said, **changes}.items() if value is not None}
    return f'"published": [{json.dumps(kept)}], "comment"'


PUBLISHED_AS, NO_SOURCE = published_as(), published_as(source=None)
NO_REASON, TWO_NUMBERS = published_as(says="differs"), published_as(law={"a": "2"})

WRONG = {
    "a number without quotes": (LIQ, '"12500"', "12500", "cases[0].given.rate is 12500"),
    "a decimal text": (LIQ, '"12500"', '"12.5"', 'cases[0].given.rate is "12.5"'),
    "an argument is missing": (LIQ, '"rate": "12500", ', "", "cases[0].given.rate is missing"),
    "another argument": (LIQ, '{"amount": "1', '{"x": "1", "amount": "1', "cases[0].given.x is no key"),
    "no answer": (LIQ, ',\n     "expected": {"penalty": "12501"}', "", "cases[0].refusal is missing"),
    "two answers": (LIQ, '"comment"', '"refusal": {}, "comment"', "cases[0].refusal has no meaning"),
    "a flag without a reason": (LIQ, '["rounding"]', '["round"]', "cases[0].flags has round, which"),
    "an id of another rule": (LIQ, '"LIQ-3/', '"LIQ-4/', "cases[0].id is LIQ-4/rounds-up, in the file of"),
    "published by nobody": (LIQ, '["rounding"]', '["published"]', "cases[0].published does not agree with"),
    "a venue without a flag": (LIQ, '"comment"', PUBLISHED_AS, "cases[0].published does not agree with"),
    "a venue without a source": (LIQ, '"comment"', NO_SOURCE, "cases[0].published[0].source is missing"),
    "apart and not said why": (LIQ, '"comment"', NO_REASON, "cases[0].published[0].law is missing"),
    "equal and yet other numbers": (
        LIQ,
        '"comment"',
        TWO_NUMBERS,
        "cases[0].published[0].law has no meaning",
    ),
    "another format": (LIQ, "vectors/1", "vectors/2", 'format is "marginspec-vectors/2"'),
    "another rule": (LIQ, '"rule": "LIQ-3"', '"rule": "LIQ-4"', "rule is LIQ-4, and the file is called"),
    "no such policy": (DEP, '"policy": "minimal"', '"policy": "maximal"', "given.policy is maximal"),
    "books that do not balance": (DEP, '"custody": "0"', '"custody": "5"', "venue.custody differs by 5"),
    "a decimal amount": (DEP, '"amount": "600"', '"amount": "6.5"', "cases[0].given.event.amount"),
    "a policy that breaks a rule": (
        DEP,
        '"fee_taker": "500"',
        '"fee_taker": "-5"',
        "policies.minimal breaks",
    ),
    "no digest": (TRACE, '"digest": "sha256:', '"digest": "', "steps[0].digest is"),
    "a trace from nowhere": (TRACE, '"custody": "0"', '"custody": "5"', "start.custody differs by 5"),
    "cut off": (TRACE, "]\n}", "", "is not JSON"),
}
"""A file, what stands there, what is written instead, and what is said of it."""


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_told_where(folder, name):
    file, old, new, said = WRONG[name]
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as wrong:
        if file == TRACE:
            recomputed_trace(read_trace(path), str(path))
        else:
            recomputed(read_file(path), str(path))
    assert said in str(wrong.value)
    assert str(path) in str(wrong.value)


def test_a_function_that_takes_a_venue_cannot_be_asked_by_itself():
    assert not takes_plain_values("MAR-7")
    with pytest.raises(ArgumentError, match="takes whole venues"):
        arguments_of("MAR-7", {"venue": {}, "account": "a1"})


def test_arguments_outside_the_ranges_of_a_rule_are_refused():
    with pytest.raises(InputError, match="outside what NUM-1 is defined for"):
        answer("NUM-1", {"numerator": "5", "divisor": "0"}, {})


# Adding


def test_a_case_that_is_there_keeps_its_input(folder):
    other = Case("LIQ-3/rounds-up", "LIQ-3", (), "", {"amount": 1, "rate": 1, "equity_free": 1})
    before = (folder / LIQ).read_bytes()
    with pytest.raises(InputError, match="is there already with another given"):
        add_cases("LIQ-3", [other], folder=folder)
    assert (folder / LIQ).read_bytes() == before


def test_a_trace_that_is_there_keeps_its_events(folder):
    trace = read_trace(folder / TRACE)
    with pytest.raises(InputError, match="is there already with another history"):
        add_trace(trace.name, trace.about, trace.policy, trace.start, [], folder)
    assert read_trace(folder / TRACE) == trace


def test_ids_are_words(folder):
    given = {"amount": 1, "rate": 1, "equity_free": 1}
    for name in ("LIQ-3/Rounds up", "LIQ-4/rounds-up", "rounds-up", "LIQ-3/"):
        with pytest.raises(InputError, match="is no id of a case"):
            add_cases("LIQ-3", [Case(name, "LIQ-3", (), "", given)], folder=folder)


def test_the_order_of_adding_does_not_matter(tmp_path):
    givens = {"b": {"leverage": "3"}, "a": {"leverage": "7"}, "c": {"leverage": "20"}}
    made = [Case(f"MAR-12/{name}", "MAR-12", (), "", given) for name, given in givens.items()]
    for number, order in enumerate((made, made[::-1])):
        for case in order:
            add_cases("MAR-12", [case], folder=tmp_path / str(number))
    files = [path_of("MAR-12", tmp_path / str(number)).read_bytes() for number in (0, 1)]
    assert files[0] == files[1]


# The command


def test_the_command_says_what_would_change_and_writes_it(folder, capsys):
    path = folder / LIQ
    text = path.read_text(encoding="utf-8")
    assert vectors(check=True, folder=folder)[0] == HELD
    path.write_text(text.replace('"12501"', '"12500"'), encoding="utf-8")
    code, facts = vectors(check=True, folder=folder)
    assert (code, facts["changed_answers"]) == (BROKEN, ["LIQ-3/rounds-up"])
    assert '{"penalty": "12500"}' in capsys.readouterr().out
    assert vectors(write=True, folder=folder)[0] == HELD
    assert path.read_text(encoding="utf-8") == text
    assert vectors(check=True, folder=folder)[0] == HELD


def test_the_command_counts(folder):
    code, facts = vectors(folder=folder)
    assert code == HELD
    assert facts["rules"]["DEP-1"][EVENT] == facts["rules"]["LIQ-3"][FUNCTION] == 1
    assert facts["traces"] == {"one-deposit": 1}
    assert "NUM-1" in facts["rules_without_case"]
    assert "WDR-2 not_in_wallet" in facts["refusals_without_case"]


def added_by_hand(folder, given):
    path = folder / "mine.json"
    case = {"id": "LIQ-3/nothing-free", "flags": [], "comment": "", "given": given}
    path.write_text(json.dumps({"format": "marginspec-vectors/1", "rule": "LIQ-3", "cases": [case]}))
    return vectors(add=str(path), folder=folder)


def test_cases_by_hand_are_answered_by_the_law(folder):
    code, facts = added_by_hand(folder, {"amount": "1000000", "rate": "12500", "equity_free": "-3"})
    assert (code, facts["added"]) == (HELD, 1)
    assert [case.expected for case in read_file(folder / LIQ).cases] == [
        {"penalty": "0"},
        {"penalty": "12501"},
    ]


def test_what_a_venue_has_published_is_read_and_written_back(folder):
    path = folder / LIQ
    text = path.read_text(encoding="utf-8")
    flag = '"published": {"why": "A venue says so.", "effect": "It differs from a venue."}, "rounding"'
    text = text.replace('["rounding"]', '["published", "rounding"]').replace('"rounding":', f"{flag}:", 1)
    path.write_text(text.replace('"comment"', published_as(), 1), encoding="utf-8")
    (case,) = read_file(path).cases
    assert case.published[0]["states"] == {"a": "1"}
    assert vectors(write=True, folder=folder)[0] == HELD
    assert read_file(path).cases == (case,)
    assert vectors(check=True, folder=folder)[0] == HELD


def test_a_wrong_file_by_hand_is_told_where(folder):
    with pytest.raises(InputError, match=r"cases\[0\].given.equity_free is -3, a number without quotes"):
        added_by_hand(folder, {"amount": "1000000", "rate": "12500", "equity_free": -3})


# The search


@pytest.mark.parametrize("rule", ["LIQ-3", "MAR-9", "TRD-6", "NUM-6"])
def test_the_search_finds_again_what_is_there(rule, committed):
    (file,) = (file for file in committed if file.rule == rule)
    there = {case.id: case.given for case in file.cases}
    again = found_cases(rule)
    assert again
    assert all(there[case.id] == case.given for case in again)


def test_the_search_shows_both_sides_of_every_comparison_of_a_status():
    found = {case.id for case in found_cases("MAR-11")}
    for trigger in ("below", "at-or-below"):
        for edge in ("equity-equals-0", "equity-one-below-0", "equity-one-above-maintenance"):
            assert f"MAR-11/{trigger}-{edge}" in found
