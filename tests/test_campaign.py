"""The campaign. Goal: what is drawn is valid, reaches every rule both ways, and finds what breaks the law.
Method: properties of the generators; small campaigns; and faults planted in the law, each of which must be
found, shrunk to a short story, written, and be found again when the file is replayed.
"""

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import marginspec.screen
import marginspec.search.campaign
import marginspec.search.command
import refmodel.close_out
import refmodel.deleveraging
import refmodel.funding
import refmodel.insurance
import refmodel.liquidation
import refmodel.loss
import refmodel.margin
import refmodel.resolution
import refmodel.trading
import refmodel.withdrawal
from marginspec.cli import main
from marginspec.documents import read_trace
from marginspec.policy_file import read_policy
from marginspec.search.break_policy import BREAKERS, draw_broken_policy
from marginspec.search.campaign import EVENTS_PER_HISTORY, CampaignReport, chunks_of, run_campaign
from marginspec.search.choices import Choices, SeededChoices, edge_or_magnitude, magnitude, near
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.invariants import STEP_INVARIANTS, TOTAL_INVARIANTS
from marginspec.search.reach.columns import NOT_APPLICABLE, NOT_REACHED, REACHED, column
from marginspec.search.reach.entries import ENTRIES
from marginspec.search.reach.ladders import LADDERS, tally_outcomes
from marginspec.search.reach.observation import observing
from marginspec.search.reach.reasons import reasons_of_the_law
from marginspec.search.scene import MARKETS_MOST, draw_scene, draw_start, narrowed
from marginspec.search.shrink import Trace, first_break, least, shrink_events, write_trace
from marginspec.search.strategies import DrawnChoices, broken_policies, histories, policies
from refmodel.canonical import EVENT_TYPES
from refmodel.events import Deposit, Withdraw
from refmodel.policy import (
    ALLOCATIONS,
    AT_OR_BELOW,
    PAYERS,
    RANKINGS,
    REMAINDERS,
    SIZE_RULES,
    SQRT,
    STAGES,
    Policy,
)
from refmodel.rulebook import RULES
from refmodel.stages import STAGES_IN_ORDER
from refmodel.state import genesis
from refmodel.validity import faults
from refmodel.venue import apply
from tests.conftest import put_in_place
from tests.support import reaches

REGRESSIONS = Path(__file__).parent / "regressions"
MINIMAL = read_policy("minimal")


def silent(text: str) -> None:
    """Where a campaign tells its stories when nobody listens."""


def campaign(policy: Policy, events: int, folder: Path, **named: Any) -> CampaignReport:
    """A campaign in this process that tells nobody."""
    return run_campaign(policy, events, 1, 1, on_found=silent, runs=folder, **named)


# ------------------------------------------------------------------------------------- choices


def drivers(draw: Callable[..., Any]) -> tuple[Choices, Choices]:
    """The two drivers of every generator."""
    return SeededChoices(str(draw(st.integers(0, 1_000)))), DrawnChoices(draw)


@given(
    data=st.data(),
    low=st.integers(-(10**20), 10**20),
    width=st.one_of(st.integers(0, 10), st.integers(0, 10**30)),
)
def test_both_drivers_stay_within_the_range_they_are_given(data: st.DataObject, low: int, width: int) -> None:
    high = low + width
    for choices in drivers(data.draw):
        assert low <= choices.integer(low, high) <= high
        assert low <= magnitude(choices, low, high) <= high
        assert low <= near(choices, low + width // 2, low, high) <= high
        assert low <= edge_or_magnitude(choices, low, high, (low + 1,)) <= high
        assert choices.pick((low, high)) in (low, high)
        assert choices.chance(0) is False


def test_the_same_seed_makes_the_same_choices_on_every_machine() -> None:
    choices = SeededChoices("a seed")
    assert [choices.integer(1, 1_000_000) for _ in range(3)] == [397_826, 37_243, 765_567]
    assert choices.integer(0, 10**30) == 773_094_770_254_018_022_678_830_944_317


def test_a_seeded_driver_reaches_both_ends_of_a_range() -> None:
    choices = SeededChoices("ends")
    assert {choices.integer(-1, 1) for _ in range(100)} == {-1, 0, 1}
    wide = [choices.integer(0, 2**60) for _ in range(400)]
    assert min(wide) < 2**55 and max(wide) > 2**60 - 2**55


# ------------------------------------------------------------------------------------- policies


SHAPES = (
    *("several markets", "one market", "isolated pools", "cross only", "rebate", "maker pays"),
    *("sqrt", "tiers", "at or below", "below", "crowded", "roomy", "taken over", "several moves"),
    *(*STAGES, "every stage", *REMAINDERS, *RANKINGS, *ALLOCATIONS, *PAYERS, *SIZE_RULES),
)
"""`backstop` is both a stage and a remainder."""


@reaches(*SHAPES)
@given(policy=policies())
def test_drawn_policies_are_valid_and_of_every_shape(policy: Policy, reached: Callable[[str], None]) -> None:
    assert faults(policy) == ()
    reached("several markets" if len(policy.markets) > 1 else "one market")
    reached("isolated pools" if policy.isolated else "cross only")
    if policy.fee_maker != 0:
        reached("rebate" if policy.fee_maker < 0 else "maker pays")
    for choice in (*policy.stages, policy.takeover_remainder, policy.adl_ranking, policy.adl_allocation):
        reached(choice)
    reached(policy.payers)
    if policy.stages == STAGES:
        reached("every stage")
    if policy.takeover_trigger > 0:
        reached("taken over")
    for market in policy.markets.values():
        reached(market.liquidation.size)
        if market.touch_moves > 1:
            reached("several moves")
        reached("sqrt" if market.initial.kind == SQRT else "tiers")
    reached("at or below" if policy.trigger == AT_OR_BELOW else "below")
    reached("crowded" if policy.positions_max < len(policy.markets) else "roomy")


def test_bulk_policies_are_valid() -> None:
    choices = SeededChoices("bulk policies")
    for _ in range(500):
        policy = draw_policy(choices)
        assert faults(policy) == (), policy


@pytest.mark.parametrize("rule", BREAKERS)
def test_a_policy_can_be_broken_for_one_rule_and_no_other(rule: str) -> None:
    @settings(max_examples=15)
    @given(policy=broken_policies(rule))
    def broken_for_one_rule(policy: Policy) -> None:
        assert {fault.rule for fault in faults(policy)} == {rule}

    broken_for_one_rule()


@pytest.mark.parametrize("name", ["minimal", "binance-usdm"])
def test_a_policy_that_ships_can_be_broken_for_every_rule_it_has_room_for(name: str) -> None:
    policy = read_policy(name)
    for rule in BREAKERS:
        broken = draw_broken_policy(SeededChoices(rule), rule, policy)
        assert (broken is None) == (rule == "POL-6"), rule


def test_every_policy_rule_has_a_breaker() -> None:
    assert set(BREAKERS) == {rule for rule in RULES if rule.startswith("POL-")}


def test_a_large_policy_is_narrowed_to_a_valid_one() -> None:
    policy = read_policy("binance-usdm")
    choices = SeededChoices("narrow")
    for _ in range(50):
        small = narrowed(choices, policy)
        assert faults(small) == ()
        assert len(small.markets) in (MARKETS_MOST, policy.positions_max + 1)
        assert all(small.markets[name] is policy.markets[name] for name in small.markets)


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


# ------------------------------------------------------------------------------------- planted faults


@contextmanager
def planted(law: Callable[..., Any], fault: Callable[..., Any]) -> Iterator[None]:
    """The law with one function replaced by a faulty one, in every module that calls it."""
    put_in_place(law, fault)
    try:
        yield
    finally:
        put_in_place(fault, law)


def fee_rounded_down(amount: int, rate: int) -> int:
    return amount * rate // 1_000_000


def anything_carries(standing: Any, trigger: str) -> bool:
    return True


def gain_is_counted(before: Any, after: Any, gain: int, closer: bool, trigger: str) -> bool:
    return law_admits(before, after, 0, closer, trigger)


def reduction_without_improvement(before: Any, after: Any, gain: int, closer: bool, trigger: str) -> bool:
    return closer or law_admits(before, after, gain, closer, trigger)


def nobody_is_resolved(snapshot: Any) -> Any:
    return refmodel.close_out.Step(snapshot, ())


def gap_rounded_up(gap: int, carried: int, taken: int, lots: int) -> int:
    return -(-gap * taken // lots)


def caps_forgotten(venue: Any, name: str, closing: Any) -> int:
    return refmodel.close_out.lots_opposite(venue, closing, name)


def penalty_uncapped(amount: int, rate: int, equity_free: int) -> int:
    return -(-amount * rate // 1_000_000)


def any_ratio(before: Any, equity_after: int, maintenance_after: int) -> bool:
    return True


def limit_forgotten(venue: Any, pool: str) -> int:
    return int(venue.pools[pool].fund)


def fund_pays_nothing(room: int, gap: int, lots: int, left: int) -> int:
    return 0


def debt_forgotten(venue: Any, pool: str, amount: int, stage: str = "") -> Any:
    fund = refmodel.postings.fund_of(pool)
    bad_debt = refmodel.postings.bad_debt_of(pool)
    posting = refmodel.postings.Posting
    return (posting("FND-1", bad_debt, 0, stage), posting("FND-1", fund, amount, stage))


def backstop_takes_everything(venue: Any, name: str, market: str) -> int:
    return int(venue.policy.markets[market].size_max)


def orders_stay(venue: Any, reason: Any, name: str, markets: Any) -> Any:
    return ()


def loss_rounded_down(loss: int, weight: int, total: int) -> int:
    return loss * weight // total


def nothing_stays_behind(venue: Any, account: Any) -> int:
    return 0


def funding_rounded_up(rate: int, mark: int, multiplier: int) -> int:
    return -(-(rate * mark * multiplier) // 1_000_000)


def profit_rounded_up(position: Any, lots: int, paid: int) -> int:
    if position.size == 0 or (position.size > 0) == (lots > 0):
        return 0
    closed = min(abs(position.size), abs(lots))
    return -(-(-paid * closed // abs(lots)) + position.cost * closed // abs(position.size))


def sells_forgotten(size: int, buys: int, sells: int) -> int:
    return abs(size + buys)


def a_tick_too_far(venue: Any, account: Any, market: str) -> int | None:
    tick = law_liquidation_price(venue, account, market)
    return None if tick is None else tick + 1


law_admits = refmodel.trading.is_admitted
law_liquidation_price = refmodel.liquidation_price.liquidation_price
FAULTS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[str, ...]]] = {
    "fee rounded down": (refmodel.trading.fee, fee_rounded_down, ("what_is_credited_is_what_was_charged",)),
    "anything carries": (
        refmodel.margin.carries,
        anything_carries,
        ("only_prices_and_funding_make_anybody_liquidatable", "a_trade_is_carried_without_its_own_gain"),
    ),
    "gain is counted": (law_admits, gain_is_counted, ("a_trade_is_carried_without_its_own_gain",)),
    "reduction without improvement": (
        law_admits,
        reduction_without_improvement,
        (
            "who_trades_liquidatable_ends_better",
            "a_trade_is_carried_without_its_own_gain",
            "nobody_is_bankrupt_at_rest",
        ),
    ),
    "nobody is resolved": (
        refmodel.resolution.resolve,
        nobody_is_resolved,
        ("nobody_is_bankrupt_at_rest",),
    ),
    "gap rounded up": (
        refmodel.close_out.gap_of_lots,
        gap_rounded_up,
        ("who_was_bankrupt_ends_with_exactly_nothing", "winners_forgo_the_uncovered_gap_and_no_more"),
    ),
    "caps forgotten": (
        refmodel.deleveraging.cap_of,
        caps_forgotten,
        (
            "resolution_makes_nobody_liquidatable_but_by_socialised_loss",
            "nobody_is_bankrupt_at_rest",
        ),
    ),
    "penalty uncapped": (
        refmodel.liquidation.liquidation_penalty,
        penalty_uncapped,
        ("a_fill_leaves_the_account_no_weaker", "nobody_is_bankrupt_at_rest"),
    ),
    "any ratio": (
        refmodel.liquidation.keeps_ratio,
        any_ratio,
        ("a_fill_leaves_the_account_no_weaker", "nobody_is_bankrupt_at_rest"),
    ),
    "limit forgotten": (
        refmodel.insurance.draw_room,
        limit_forgotten,
        ("funds_pay_within_their_draw_limits",),
    ),
    "fund pays nothing": (
        refmodel.insurance.lots_payable,
        fund_pays_nothing,
        ("nobody_forgoes_what_the_fund_could_have_paid",),
    ),
    "debt forgotten": (
        refmodel.insurance.fund_inflow,
        debt_forgotten,
        ("bad_debt_falls_by_payment_only",),
    ),
    "backstop takes everything": (
        refmodel.insurance.backstop_lots,
        backstop_takes_everything,
        (
            "a_backstop_carries_what_it_takes",
            "resolution_makes_nobody_liquidatable_but_by_socialised_loss",
        ),
    ),
    "orders stay": (
        refmodel.close_out.orders_cancelled,
        orders_stay,
        ("who_was_bankrupt_ends_with_exactly_nothing", "a_fill_leaves_the_account_no_weaker"),
    ),
    "loss rounded down": (
        refmodel.loss.share_of_loss,
        loss_rounded_down,
        ("nobody_is_bankrupt_at_rest", "who_was_bankrupt_ends_with_exactly_nothing"),
    ),
    "nothing stays behind": (
        refmodel.withdrawal.transfer_margin,
        nothing_stays_behind,
        ("a_withdrawal_leaves_what_it_must",),
    ),
    "funding rounded up": (refmodel.funding.funding_per_lot, funding_rounded_up, ("funding_sums_to_zero",)),
    "profit rounded up": (
        refmodel.trading.realised,
        profit_rounded_up,
        ("realised_profit_is_rounded_down", "positions_and_orders_are_well_formed"),
    ),
    "sells forgotten": (
        refmodel.margin.lots_at_risk,
        sells_forgotten,
        ("what_is_asked_for_stays_within_limits", "initial_margin_covers_maintenance_margin"),
    ),
    "a tick too far": (
        law_liquidation_price,
        a_tick_too_far,
        ("liquidation_price_is_the_first_tick",),
    ),
}


RARELY_SEEN = {"caps forgotten", "any ratio", "limit forgotten", "loss rounded down"}
"""Faults that show in few histories: for them more events are played, so that one of them is a short one."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_planted_in_the_law_is_found_and_told_as_a_short_story(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of what breaks, two claims are made short: that takes most of the time, and says enough.
    monkeypatch.setattr(marginspec.search.campaign, "FINDINGS_MOST", 2)
    law, fault, sentences = FAULTS[name]
    told: list[str] = []
    with planted(law, fault):
        events = 30_000 if name in RARELY_SEEN else 6_000
        report = run_campaign(MINIMAL, events, 1, 3, on_found=told.append, runs=tmp_path)
        assert report.broken > 0
        found = [one for one in report.violations if one.sentence in sentences]
        assert found, [one.sentence for one in report.violations]
        one = min(found, key=lambda found: len(found.trace.events))
        assert len(one.trace.events) <= 12, one.text
        trace = read_trace(one.path)
        broken = first_break(trace.policy, trace.start, trace.events)
        assert broken is not None and broken.violation.sentence == one.sentence
        assert broken.index == len(trace.events) - 1
    assert len(told) == len(report.violations)
    assert any(f"marginspec replay {one.path}" in text for text in told)
    assert first_break(trace.policy, trace.start, trace.events) is None, "without the fault nothing breaks"


def test_a_law_that_raises_is_a_finding_and_not_a_crash(tmp_path: Path) -> None:
    def forgets_to_answer(amount: int, rate: int) -> int:
        raise ZeroDivisionError("a rate of nothing")

    with planted(refmodel.trading.fee, forgets_to_answer):
        report = campaign(MINIMAL, 2_000, tmp_path)
    assert report.broken > 0
    assert report.violations[0].sentence == "apply_answers_every_event"
    assert "ZeroDivisionError a rate of nothing" in report.violations[0].trace.found


def test_every_invariant_has_a_name_that_is_a_sentence() -> None:
    for sentence in (*STEP_INVARIANTS, *TOTAL_INVARIANTS):
        assert sentence.count("_") >= 1, sentence


# ------------------------------------------------------------------------------------- shrinking, files


@given(amount=st.integers(-(10**20), 10**20), threshold=st.integers(0, 10**20))
def test_an_amount_shrinks_to_the_least_that_works(amount: int, threshold: int) -> None:
    threshold = min(threshold, abs(amount))
    tried: list[int] = []

    def works(candidate: int) -> bool:
        tried.append(candidate)
        assert candidate * amount >= 0
        return abs(candidate) >= threshold

    assert abs(least(amount, works)) == threshold
    assert len(tried) < 80


def test_a_history_shrinks_to_what_is_needed() -> None:
    policy = MINIMAL
    needed = (Deposit(5, "a1", 700, "alice", "cross"), Withdraw(9, "a1", 500))
    events = (Deposit(1, "b", 1, "bob", "cross"), needed[0], Deposit(6, "b", 2), needed[1])

    def fails(tried: tuple[Any, ...]) -> bool:
        venue = genesis(policy)
        for event in tried:
            venue = apply(venue, event).venue
        return "a1" in venue.accounts and venue.accounts["a1"].wallet >= 150 and venue.custody < 600

    assert shrink_events(events, fails) == (Deposit(0, "a1", 150, "alice", "cross"),)


@settings(max_examples=40)
@given(history=histories(events_most=8))
def test_a_trace_reads_back_as_it_was_written(history: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("traces") / "trace.json"
    write_trace(Trace(history.policy, history.start, history.events, "A sentence.", 7), path)
    again = read_trace(path)
    assert again.policy == history.policy
    assert again.start == (genesis(history.policy) if history.start is None else history.start)
    assert (again.events, again.found, again.seed) == (history.events, "A sentence.", 7)


@pytest.mark.parametrize("path", sorted(REGRESSIONS.glob("*.json")), ids=lambda path: path.stem)
def test_a_history_that_once_broke_a_claim_breaks_none(path: Path) -> None:
    trace = read_trace(path)
    assert trace.events
    assert first_break(trace.policy, trace.start, trace.events) is None


def test_a_drawn_event_depends_on_nothing_but_choices_and_state() -> None:
    scene = draw_scene(SeededChoices("scene"), MINIMAL)
    venue = genesis(MINIMAL)
    drawn = [draw_event(SeededChoices("event"), venue, scene) for _ in range(3)]
    assert drawn[0] == drawn[1] == drawn[2]


# ------------------------------------------------------------------------------------- the command


def command(*arguments: str) -> Any:
    """`marginspec campaign` with these arguments."""
    return CliRunner().invoke(main, ["campaign", *arguments])


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the command runs and may print."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(marginspec.screen, "_silent", False)
    return tmp_path


def test_the_command_reports_stages_and_what_it_has_not_reached(elsewhere: Path) -> None:
    result = command("--events", "1000", "--seed", "7", "--json", "facts.json")
    assert result.exit_code == 3, result.output
    assert result.output.startswith("seed 7: 1 000 events on drawn policies, 1 worker\n")
    for words in ("three stages or more", "stage", "NOT REACHED", "More events, or another seed"):
        assert words in result.output
    facts = json.loads((elsewhere / "facts.json").read_text())
    assert facts["events"] == 1_000 and facts["histories"] == 5 and not facts["ok"]
    assert sum(int(count) for count in facts["stages"]["histories_drawn"].values()) == 5
    assert set(facts["stages"]["events"]) == set(STAGES_IN_ORDER)
    assert facts["rules"]["total"] == len(RULES)
    assert set(facts["refusals"]["not_met"]) == set(reasons_of_the_law()) - set(facts["refusals"]["met"])


def test_the_command_plays_half_on_the_policy_given(elsewhere: Path) -> None:
    result = command("minimal", "--events", "800", "--json", "-")
    facts = json.loads(result.output)
    assert sum(facts["stages"]["histories_given"].values()) == 2
    assert sum(facts["stages"]["histories_drawn"].values()) == 2


def test_the_command_fails_for_a_law_that_is_broken_and_tells_who_paid_whom(elsewhere: Path) -> None:
    with planted(refmodel.close_out.gap_of_lots, gap_rounded_up):
        result = command("minimal", "--events", "6000", "--seed", "3")
    assert result.exit_code == 1
    assert "NOT SO, shrunk from" in result.output and "BROKEN" in result.output
    headings = [line.split() for line in result.output.splitlines()]
    assert ["stage", "rule", "from", "to", "amount", "unit"] in headings


def test_an_interrupted_command_keeps_its_report(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def interrupting(title: str, total: int) -> Iterator[Any]:
        def advance(done: float, words: str = "") -> None:
            raise KeyboardInterrupt

        yield advance

    monkeypatch.setattr(marginspec.search.command, "progress", interrupting)
    result = command("--events", "8000", "--json", "facts.json")
    assert result.exit_code == 130
    assert "INTERRUPTED  What was played until then is counted above." in result.output
    facts = json.loads((elsewhere / "facts.json").read_text())
    assert facts["interrupted"] and facts["events"] == 4_000


def test_a_policy_that_is_none_is_refused(elsewhere: Path) -> None:
    result = command("no-such-policy")
    assert result.exit_code == 2
