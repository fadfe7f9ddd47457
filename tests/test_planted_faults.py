"""Faults planted in the law. Goal: the campaign finds each of them and tells it as a short story.
Method: one line of the law replaced at a time; a small campaign; its trace is kept and read back.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import marginspec.search.campaign
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
from marginspec.documents import read_trace
from marginspec.search.campaign import run_campaign
from marginspec.search.invariants import STEP_INVARIANTS, TOTAL_INVARIANTS
from marginspec.search.shrink import first_break
from tests.campaign_support import MINIMAL, campaign, gap_rounded_up, planted


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
        (
            "nobody_is_bankrupt_at_rest",
            "who_was_bankrupt_ends_with_exactly_nothing",
            "payers_share_what_the_fund_leaves_by_their_weights",
        ),
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
