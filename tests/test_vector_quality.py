"""The vectors alone notice what is wrong with a law: a sample of mutants, and the machinery that shows it."""

import itertools
from collections import Counter
from collections.abc import Iterator

import pytest

from marginspec.mutation.mutations import sample
from marginspec.mutation.report import reviews
from marginspec.paths import ROOT
from marginspec.search.choices import SeededChoices
from marginspec.vectors.changed_law import changed_law
from marginspec.vectors.deciding import RULES
from marginspec.vectors.drawn import drawn_events, event_text
from marginspec.vectors.edges import a_deal, at_price, edge_events, just_admitted
from marginspec.vectors.expectations import QUERY, answer, kind_of
from marginspec.vectors.files import read_vectors
from marginspec.vectors.mutant_runs import (
    STOPPED,
    in_a_process,
    noticed_by,
    noticing,
    questions_of,
    questions_of_traces,
)
from marginspec.vectors.plainer import is_sound, plainer
from marginspec.vectors.stories import every_stage, stages_entered
from marginspec.vectors.traces import read_traces, recomputed_trace
from refmodel.liquidation_price import liquidation_price
from refmodel.stages import STAGES_IN_ORDER
from refmodel.venue import apply

LAW = ROOT / "refmodel"
FILES = ("allocation.py", "funding.py", "margin.py", "trading.py", "withdrawal.py")
"""Where the mutants of the sample come from: few files, for reading all of them takes longer than judging."""

EQUAL = {
    "if allocation > QUEUE:": "a queue is shared out where the stage opens, and never comes here",
    "if bad_debt != 0 and venue.policy.bad_debt_gate == REFUSE:": "bad debt is never below 0",
}
"""Mutants of the sample that answer as the law does, and why."""


@pytest.fixture(scope="module")
def questions():
    return [*questions_of(read_vectors()), *questions_of_traces(read_traces())]


def test_a_sample_of_mutants_is_noticed_by_the_vectors_alone(questions):
    mutations = [each for each in sample(LAW, 4, 15, FILES) if each.review not in reviews()]
    mutations = [each for each in mutations if each.after not in EQUAL]
    assert len(mutations) >= 12
    assert [each for each in mutations if not noticed_by(questions, each)] == []


def test_the_law_as_it_is_is_not_noticed(questions):
    text = (LAW / "margin.py").read_text(encoding="utf-8")
    assert list(noticing(questions[::5], "margin.py", text)) == []


@pytest.mark.parametrize(
    ("file", "before", "after", "rule"),
    [
        ("margin.py", "return equity <= maintenance", "return equity < maintenance", "MAR-9"),
        ("liquidation.py", "return min(requested, affordable)", "return requested", "LIQ-3"),
        ("withdrawal.py", "if after.wallet < 0:", "if after.wallet < -1:", "WDR-2"),
        ("funding.py", "-per_lot * venue", "per_lot * venue", "FUN-3"),
    ],
)
def test_a_fault_is_noticed_by_a_case_of_its_rule(questions, file, before, after, rule):
    text = (LAW / file).read_text(encoding="utf-8")
    assert before in text
    about_it = [question for question in questions if question.rule == rule]
    noticed = list(noticing(about_it, file, text.replace(before, after)))
    assert noticed and noticed[0].startswith(f"{rule}/")


def test_a_changed_law_leaves_the_law_alone():
    text = (LAW / "numbers.py").read_text(encoding="utf-8")
    changed = changed_law("numbers.py", text.replace("-(-numerator // divisor)", "numerator // divisor"))
    given = {"numerator": "7", "divisor": "2"}
    assert changed("NUM-1", given, {}) != answer("NUM-1", given, {})
    assert answer("NUM-1", given, {})[0] == {"quotient": "4"}


def test_what_does_not_end_is_stopped():
    def work() -> Iterator[str]:
        yield "first"
        yield from (str(number) for number in itertools.count() if number < 0)

    assert in_a_process(work, 1) == ["first", STOPPED]


def test_a_plainer_venue_is_one_that_events_lead_to():
    tried = 0
    for asked in itertools.islice(drawn_events(3, 2), 20, 90, 10):
        refused = apply(asked.venue, asked.event).refusal

        def keeps(venue, asked=asked, refused=refused):
            try:
                return apply(venue, asked.event).refusal == refused
            except KeyError:
                return False

        small = plainer(asked.venue, keeps)
        assert is_sound(small)
        assert apply(small, asked.event).refusal == refused
        tried += len(small.accounts) < len(asked.venue.accounts)
    assert tried > 0


def test_every_trace_comes_to_what_it_says():
    traces = read_traces()
    assert len(traces) > 100
    for trace in traces:
        assert recomputed_trace(trace) == trace, trace.name


def test_the_traces_go_through_every_stage_of_a_bankruptcy():
    told = " ".join(trace.about for trace in read_traces() if trace.name.startswith("crisis-"))
    assert [stage for stage in STAGES_IN_ORDER if stage not in told] == []


def test_one_trace_goes_through_all_of_them():
    story = every_stage()
    assert stages_entered(story.policy, story.events) == set(STAGES_IN_ORDER)
    (last,) = [trace for trace in read_traces() if trace.name == story.name]
    assert [step["event"] for step in last.steps] == [event_text(event) for event in story.events]


def drawn_venues(seed, histories):
    return [asked.venue for asked in itertools.islice(drawn_events(seed, histories), 20, None, 9)]


def test_an_event_that_is_just_admitted_is_refused_with_a_quantum_less():
    choices, pairs = SeededChoices("just admitted"), 0
    for venue in drawn_venues(7, 6):
        drawn = a_deal(choices, venue)
        for name in drawn[2] if drawn else ():
            outcomes = [
                apply(tried, drawn[1]).refusal is None for tried in just_admitted(drawn[0], name, drawn[1])
            ]
            if len(outcomes) == 2 and outcomes != [True, True]:  # equity of 0 may be enough
                assert outcomes == [False, True]
                pairs += 1
    assert pairs > 5


def test_a_liquidation_price_moves_where_the_search_says():
    moves = 0
    for venue in drawn_venues(5, 16):
        for name, account in venue.accounts.items():
            for market, held in account.positions.items():
                mark = venue.marks[market]
                away = mark // 2 if held.size > 0 else mark + mark // 2
                tried = list(at_price(venue, name, market, away))
                prices = [liquidation_price(one, one.accounts[name], market) for one in tried]
                moves += away in prices and len(set(prices)) > 1
    assert moves > 5


def test_edges_are_events_that_can_be_asked():
    choices = SeededChoices("edges")
    found = [edge for venue in drawn_venues(7, 6) for edge in edge_events(choices, venue)]
    assert len(found) > 50
    assert all(is_sound(venue) for venue, _ in found)


def test_rules_that_no_word_names_are_asked_by_the_questions_that_they_decide():
    asked = Counter(
        file.rule for file in read_vectors() for case in file.cases if kind_of(case.given) == QUERY
    )
    assert [rule for rule in RULES if asked[rule] < 4] == []
