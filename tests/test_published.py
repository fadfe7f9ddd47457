"""Published cases as vectors. Goal: every case that the law reaches is in a vector beside the venue's number,
or it is said why not; the command that adds them changes nothing else. Method: the cases are asked again and
compared with the committed files; the command runs on a folder of its own, twice; known cases are looked at.
"""

import json
from fractions import Fraction

import pytest

from marginspec.vectors.expectations import EVENT, FUNCTION, QUERY, answer, kind_of
from marginspec.vectors.files import PUBLISHED, VECTORS, Case, add_cases, path_of, read_file, read_vectors
from refmodel import liquidation, venue
from refmodel.policy import BELOW
from tests.cases import natural_units, waterfall
from tests.cases.asking import CannotBeAsked, before_the_marks, questions_of
from tests.cases.law import flat, market_of, policy_of, venue_of
from tests.cases.vectors import PAGE_NAME, add_all, merged, page, published_cases, vectors_of
from tests.cases.verdicts import DIFFERS, EXACT, INDEX, ROUNDING, STATES, WAITS, read_json

CANNOT = {
    "margin_requirements-000": "POL-13",
    "state_transitions-051": "POL-13",
    "state_transitions-057": "INV-1",
    "transfers-006": "POL-13",
}
"""Cases that the law reaches and no vector has, and the rule that keeps a venue from being so."""


@pytest.fixture(scope="module")
def cases():
    return list(published_cases())


@pytest.fixture(scope="module")
def committed():
    """The published vectors of the files, by id, each with the policies of its file."""
    return {
        vector.id: (vector, file.policies)
        for file in read_vectors()
        for vector in file.cases
        if vector.published
    }


def test_all_that_the_cases_ask_is_in_the_files(cases):
    by_rule = {}
    for case in cases:
        for vector, policies in vectors_of(case):
            by_rule.setdefault(vector.rule, []).append((vector, policies))
    for rule, found in by_rule.items():
        file = read_file(path_of(rule))
        assert merged(file, [vector for vector, _ in found]) == [], f"{rule}: python -m tests.cases.vectors"
        assert all(policies.items() <= file.policies.items() for _, policies in found)


def test_nothing_else_is_said_to_be_published(cases, committed):
    statements = {case.name: case.statement for case in cases}
    for vector, _ in committed.values():
        assert PUBLISHED in vector.flags
        for said in vector.published:
            assert said == statements[said["case"]], vector.id


def test_the_page_is_what_the_command_renders(cases):
    assert (VECTORS / PAGE_NAME).read_text(encoding="utf-8") == page(cases)


def test_the_page_has_every_case_that_was_collected_with_a_source_and_vectors_or_a_reason(cases):
    rows = {}
    for line in page(cases).splitlines():
        if line.startswith("| `"):
            name, state, source, where = (cell.strip() for cell in line.strip("|").split(" | "))
            rows[name.strip("`")] = (state, source, where)
    collected = {line["id"]: line["state"] for topic in read_json(INDEX)["topics"] for line in topic["cases"]}
    assert {name: state for name, (state, _, _) in rows.items()} == collected
    assert len(rows) == 422
    for name, (state, source, where) in rows.items():
        assert len(source) > 10
        assert where.startswith("none: ") == (state == WAITS or name in CANNOT), name


def test_what_has_no_vector_is_outside_the_law(cases):
    without = {case.name: case.reasons for case in cases if not case.questions}
    assert without.keys() == CANNOT.keys()
    for name, reasons in without.items():
        assert CANNOT[name] in reasons[0]


def test_statements_have_the_numbers_of_the_venue_and_of_the_law_where_they_are_others(cases):
    seen = set()
    for case in cases:
        said = case.statement
        seen.add(said["says"])
        assert said["states"] and all(isinstance(value, str) for value in said["states"].values())
        assert ("law" in said and "why" in said) == (said["says"] != EXACT)
        for key, value in said.get("law", {}).items():
            assert said["states"][key] != value
    assert seen == {EXACT, ROUNDING, DIFFERS} == {*STATES} - {WAITS}


def test_the_files_of_events_and_queries_stand_at_venues_that_the_protocol_may_send(committed):
    kinds = dict.fromkeys((EVENT, QUERY, FUNCTION), 0)
    for vector, policies in committed.values():
        kind = kind_of(vector.given)
        if kind in kinds:
            kinds[kind] += 1
            assert answer(vector.rule, vector.given, policies) == (vector.expected, vector.refusal)
    assert kinds[EVENT] > 60 and kinds[QUERY] > 60


# What is asked, of cases that are known


def test_a_liquidation_price_is_the_number_of_the_law_in_ticks(committed):
    asked = [vector for vector, _ in committed.values() if vector.rule == "MAR-14"]
    assert len(asked) > 15
    for vector in asked:
        (said,) = vector.published
        price = Fraction({**said["states"], **said.get("law", {})}["liq_price"])
        ticks = int(vector.expected["price_liquidation"])
        apart = [abs(price * 10**digits - ticks) for digits in range(13)]
        assert min(apart) < 1, (vector.id, price, ticks)


@pytest.mark.parametrize(
    ("name", "account", "stated", "number", "quanta"),
    [
        ("RES-1/published-dydx-v4-deleveraging-006", "acct_B", "accounts.acct_B.usdc", "45001000000", 1),
        (
            "LIQ-5/published-dydx-v4-block-operations-027",
            "acct_B",
            "accounts.acct_B.usdc",
            "99989000200",
            100,
        ),
        ("TRF-2/published-dydx-v4-transfers-021", "b", "recipient_usdc", "1100", 100),
    ],
)
def test_an_event_leaves_what_the_venue_states(committed, name, account, stated, number, quanta):
    vector, _ = committed[name]
    assert vector.published[0]["states"][stated] == number
    # A transfer leaves the positions and what they cost; the others close them.
    kept = vector.given["venue"]["accounts"][account]["positions"] if name.startswith("TRF") else {}
    cost = sum(int(position["cost"]) for position in kept.values())
    assert int(vector.expected["after"][account]["wallet"]) - cost == int(number) * quanta


def test_a_fill_of_the_size_rule_is_accepted_and_one_lot_more_is_not(committed):
    within, beyond = (committed[f"LIQ-2/published-okx-lqn-partial-2020{end}"][0] for end in ("", "-2"))
    assert within.expected is not None and within.refusal is None
    assert beyond.refusal["rule"] == "LIQ-2"
    lots = int(within.given["event"]["lots"])
    assert int(beyond.given["event"]["lots"]) == lots + 1
    assert str(lots) == within.published[0]["states"]["closed"]


# The command


def test_the_command_adds_once_and_leaves_what_is_there(cases, tmp_path):
    few = [case for case in cases if case.name in ("hyperliquid-mm-rate-50x", "okx-lqn-partial-2020")]
    other = Case("MAR-12/by-hand", "MAR-12", (), "By hand.", {"leverage": "100"})
    third = Case("MAR-12/another", "MAR-12", (), "Another.", {"leverage": "7"})
    add_cases("MAR-12", [other, third], folder=tmp_path)
    assert add_all(few, tmp_path) == 3
    written = {path: path.read_bytes() for path in tmp_path.glob("*/*.json")}
    file = read_file(path_of("MAR-12", tmp_path))
    by_name = {case.id: case for case in file.cases}
    assert by_name["MAR-12/by-hand"].published == (few[0].statement,)
    assert by_name["MAR-12/by-hand"].comment == "By hand."
    assert by_name["MAR-12/another"].published == () and by_name["MAR-12/another"].flags == ()
    assert len(by_name) == 2, "a question that is there already is not put again"
    assert add_all(few, tmp_path) == 0
    assert {path: path.read_bytes() for path in tmp_path.glob("*/*.json")} == written


def test_a_case_that_is_added_again_without_its_statement_keeps_it(cases, tmp_path):
    (rate,) = (case for case in cases if case.name == "hyperliquid-mm-rate-50x")
    add_all([rate], tmp_path)
    (before,) = read_file(path_of("MAR-12", tmp_path)).cases
    again = Case(before.id, "MAR-12", (), "Said otherwise.", before.given)
    add_cases("MAR-12", [again], folder=tmp_path)
    (after,) = read_file(path_of("MAR-12", tmp_path)).cases
    assert (after.published, after.comment) == (before.published, "Said otherwise.")
    assert PUBLISHED in after.flags


# Listening


def test_the_law_is_as_it_was_when_nobody_listens_any_more():
    watched = (natural_units, waterfall, venue, liquidation)
    before = [dict(vars(module)) for module in watched]
    questions, reasons = questions_of(natural_units.ADAPTERS["hl_rate"], {"given": {"max_leverage": "50"}})
    assert [question.given for question in questions] == [{"leverage": "100"}]
    assert reasons == []
    with pytest.raises(KeyError):
        questions_of(natural_units.ADAPTERS["hl_rate"], {"given": {}})
    assert [dict(vars(module)) for module in watched] == before


def test_an_account_that_no_mark_saves_cannot_be_put_before_its_bankruptcy():
    terms = market_of(1, flat(2), flat(1))
    asked = venue_of(policy_of({"M": terms}, BELOW), {"M": 10_000}, {})
    assert before_the_marks(asked) is asked
    in_debt = {**asked.accounts, "a": natural_units.Account("a", "cross", -5, {}, {})}
    with pytest.raises(CannotBeAsked, match="a is bankrupt at rest"):
        before_the_marks(natural_units.replace(asked, accounts=in_debt))


def test_questions_are_json(cases):
    for case in cases:
        for question in case.questions:
            assert json.loads(json.dumps(question.given)) == question.given
