"""The campaign. Goal: what is drawn reaches every rule both ways, and the result depends on the seed alone.
Method: properties of drawn events; what is seen to be reached, on hand-made cases; small campaigns, with
several workers and interrupted.
"""

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

import refmodel.trading
from marginspec.search.campaign import EVENTS_PER_HISTORY, chunks_of, run_campaign
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.reach.columns import NOT_APPLICABLE, NOT_REACHED, REACHED, column
from marginspec.search.reach.entries import ENTRIES
from marginspec.search.reach.ladders import LADDERS, tally_outcomes
from marginspec.search.reach.observation import observing
from marginspec.search.scene import draw_scene, draw_start
from marginspec.strategies import histories
from refmodel.canonical import EVENT_TYPES
from refmodel.events import Deposit, Withdraw
from refmodel.rulebook import RULES
from refmodel.state import genesis
from refmodel.venue import apply
from tests.campaign_support import MINIMAL, campaign, silent
from tests.support import reaches

# ------------------------------------------------------------------------------------- events


ANSWERS = tuple(f"{name} {answer}" for name in EVENT_TYPES for answer in ("accepted", "refused"))


NAMES = {kind: name for name, kind in EVENT_TYPES.items()}


@reaches(*ANSWERS)
def test_bulk_events_of_every_type_are_accepted_and_refused(reached: Callable[[str], None]) -> None:
    for history in range(60):
        choices = SeededChoices(f"bulk:{history}")
        scene = draw_scene(choices, draw_policy(choices))
        venue = draw_start(choices, scene) or genesis(scene.policy)
        for _ in range(100):
            event = draw_event(choices, venue, scene)
            outcome = apply(venue, event)
            reached(f"{NAMES[type(event)]} {'accepted' if outcome.refusal is None else 'refused'}")
            venue = outcome.venue


@reaches("deposit", "withdraw", "order", "trade", "prices", "funding", "refused")
@given(history=histories(events_most=25))
def test_histories_by_hypothesis_hold_accepted_events_and_refused_ones(
    history: Any, reached: Callable[[str], None]
) -> None:
    venue = genesis(history.policy) if history.start is None else history.start
    for event in history.events:
        outcome = apply(venue, event)
        name = NAMES[type(event)] if outcome.refusal is None else "refused"
        if name in ("deposit", "withdraw", "order", "trade", "prices", "funding", "refused"):
            reached(name)
        venue = outcome.venue
    assert venue == history.end


def test_most_drawn_events_are_accepted(tmp_path: Path) -> None:
    report = campaign(MINIMAL, 4_000, tmp_path)
    assert report.accepted * 2 > report.events


# ------------------------------------------------------------------------------------- reach


def test_every_rule_says_what_it_is_to_reach() -> None:
    assert set(ENTRIES) == set(RULES)
    for rule, entry in ENTRIES.items():
        assert len(entry.classes) >= 2, rule
        assert len(set(entry.classes)) == len(entry.classes), rule


def test_every_type_of_event_has_a_ladder_of_rules() -> None:
    assert set(LADDERS) == set(EVENT_TYPES.values())
    assert {rule for ladder in LADDERS.values() for rule in ladder} <= set(RULES)


def test_a_refusal_passes_the_rules_before_it_and_no_other() -> None:
    tally = tally_outcomes({(Withdraw, "WDR-2"): 3, (Withdraw, None): 4, (Deposit, "DEP-1"): 5})  # type: ignore[arg-type]
    assert tally["WDR-2", "refused"] == 3 and tally["WDR-2", "passed"] == 4
    assert tally["WDR-1", "passed"] == 7 and tally["WDR-3", "passed"] == 4
    assert tally["EVT-1", "passed"] == 12 and tally["LIM-4", "passed"] == 0


def test_a_column_tells_reached_from_missing_and_from_not_applicable() -> None:
    rebates = replace(MINIMAL, isolated=())
    assert column("LIM-2", tally_outcomes({}), MINIMAL).verdict == NOT_APPLICABLE  # type: ignore[arg-type]
    assert column("LIM-1", tally_outcomes({}), MINIMAL).verdict == NOT_REACHED  # type: ignore[arg-type]
    assert column("TRF-2", tally_outcomes({}), rebates).verdict == NOT_APPLICABLE  # type: ignore[arg-type]


def test_observing_counts_and_leaves_the_law_as_it_was() -> None:
    before = {name: inspect.getattr_static(refmodel.trading, name) for name in vars(refmodel.trading)}
    venue = genesis(MINIMAL)
    with observing() as observation:
        assert refmodel.trading.fee is not before["fee"]
        observation.on = True
        refmodel.trading.fee(1_000_001, 500)
        observation.on = False
        refmodel.trading.fee(1_000_001, 500)
        apply(venue, Deposit(0, "a1", 1, "alice", "cross"))
    assert observation.tally["FEE-1", "rounded up"] == 1
    assert observation.tally["NUM-1", "rounded up"] == 1
    assert {name: vars(refmodel.trading)[name] for name in before} == before


RARE = {"POL-6", "ADL-2", "ADL-3", "ADL-4", "LOS-5", "TKO-3"}
"""Rules with a class of result that 30 000 events need not show; 200 000 do."""


def test_a_campaign_reaches_nearly_every_rule_and_finds_nothing_wrong(tmp_path: Path) -> None:
    report = campaign(MINIMAL, 30_000, tmp_path)
    assert report.broken == 0, report.violations
    assert set(report.not_reached) <= RARE
    assert report.stages_not_entered == () and report.reasons_not_met == ()
    assert report.ok == (report.not_reached == ())
    assert sum(report.stages_given.values()) == sum(report.stages_drawn.values()) == 75
    assert report.histories_of_three_stages * 20 >= report.histories, "5 %"
    assert (report.events, report.histories) == (30_000, 150)
    assert {one.rule for one in report.reach} == set(RULES)
    given = {one.rule: one.given.verdict for one in report.reach}
    assert given["TRD-7"] == REACHED
    assert given["MAR-4"] == NOT_APPLICABLE
    assert sum(report.refused.values()) == report.events - report.accepted
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------- workers, Ctrl-C


def test_the_result_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    alone = run_campaign(MINIMAL, 9_100, 1, 5, on_found=silent, runs=tmp_path)
    together = run_campaign(MINIMAL, 9_100, 2, 5, on_found=silent, runs=tmp_path)
    assert replace(alone, seconds=0.0) == replace(together, seconds=0.0)


def test_another_seed_draws_other_histories(tmp_path: Path) -> None:
    accepted = {run_campaign(MINIMAL, 1_000, 1, seed, runs=tmp_path).accepted for seed in range(4)}
    assert len(accepted) > 1


def test_all_events_are_played_and_each_history_once() -> None:
    chunks = list(chunks_of(EVENTS_PER_HISTORY * 50 + 7))
    lengths = [length for chunk in chunks for length in chunk.lengths]
    assert lengths == [EVENTS_PER_HISTORY] * 50 + [7]
    assert [chunk.first for chunk in chunks] == [0, 20, 40]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interruption_keeps_what_was_done_and_says_so(workers: int, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        assert total == 20_000
        if done >= 4_000:
            raise KeyboardInterrupt

    report = run_campaign(MINIMAL, 20_000, workers, 1, on_progress=interrupt, runs=tmp_path)
    assert report.interrupted and not report.ok
    assert 4_000 <= report.events < 20_000
