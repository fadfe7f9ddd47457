"""Chapters 8 to 11 at their edges. Goal: whatever a policy or a price asks for is refused by a rule or
resolved as the law says; never an exception, never books that do not balance, never an account below zero.

Method: one small venue per case, written as a story, its outcome checked to the quantum; what no policy
may say is checked through the POL rules.
"""

from dataclasses import replace

import pytest

from marginspec.policy_file import read_policy
from marginspec.story import parse_event
from refmodel.allocation import Candidate, allocate
from refmodel.liquidation import Waiting, waiting
from refmodel.outcome import Outcome
from refmodel.policy import (
    ADL_STAGE,
    ALLOCATIONS,
    BACKSTOP_STAGE,
    EQUITY,
    FULL,
    FUND_RESIDUE_STAGE,
    PAYERS_STAGE,
    RANKINGS,
    STAGES,
    UP_TO_CUSTODY,
    Liquidation,
    Policy,
    tiers_from,
)
from refmodel.postings import LOTS, Posting, books_gap, lots_gap
from refmodel.ranking import ranking
from refmodel.stages import (
    AT_MARK,
    BACKSTOP_TAKES,
    BAD_DEBT_STANDS,
    DELEVERAGED,
    FUND_PAYS,
    HOLDERS_TAKE,
    PAYERS_PAY,
)
from refmodel.state import Venue, equity, genesis
from refmodel.validity import faults
from refmodel.venue import apply

MINIMAL = read_policy("minimal")
FREE = replace(MINIMAL, fee_taker=0, fee_maker=0)
LONG_LOSES = (
    "deposit a1 60_000 owner alice pool cross",
    "deposit b1 1_000_000 owner bob pool cross",
    "prices BTC-PERP 60_000",
    "order b1 BTC-PERP buys 0 sells 10",
    "trade a1 buys 10 BTC-PERP from b1 at 60_000",
)
"""a1 is long 10 lots with 60 000 quanta, b1 is short: at 54 000 ticks a1 has nothing left."""


def run(policy: Policy, *lines: str) -> Outcome:
    """The last outcome of a story, every step of which keeps the books and leaves nobody below zero."""
    assert faults(policy) == ()
    outcome = Outcome(genesis(policy), (), None)
    for line in lines:
        outcome = apply(outcome.venue, parse_event(line, outcome.venue.clock))
        keeps_the_books(outcome.venue)
    return outcome


def keeps_the_books(venue: Venue) -> None:
    assert books_gap(venue) == 0
    assert all(lots_gap(venue, market) == 0 for market in venue.policy.markets)
    assert all(equity(venue, account) >= 0 for account in venue.accounts.values())
    assert all(min(pool.fund, pool.fee_pool, pool.bad_debt) >= 0 for pool in venue.pools.values())


def stages_of(outcome: Outcome) -> list[str]:
    """The stages that posted something, in their order."""
    found: list[str] = []
    for entry in outcome.postings:
        if isinstance(entry, Posting) and entry.stage and entry.amount != 0 and entry.stage not in found:
            found.append(entry.stage)
    return found


def with_stages(*stages: str) -> Policy:
    return replace(FREE, stages=stages, takeover_trigger=0)


def test_a_policy_without_any_stage_is_refused():
    broken = faults(with_stages())
    assert [(fault.rule, fault.key) for fault in broken] == [("POL-18", "stages")]


def test_a_draw_limit_of_zero_is_refused():
    broken = faults(replace(FREE, draw_limits=dict.fromkeys(FREE.draw_limits, 0)))
    assert {fault.rule for fault in broken} == {"POL-20"}


def test_a_backstop_does_not_take_itself_over():
    outcome = run(
        FREE,
        "deposit backstop:cross 60_000",
        *(line for line in LONG_LOSES[1:4]),
        "trade backstop:cross buys 10 BTC-PERP from b1 at 60_000",
        "prices BTC-PERP 54_100",
        "takeover backstop:cross",
    )
    assert outcome.refusal is not None
    assert (outcome.refusal.rule, outcome.refusal.reason) == ("TKO-2", "its_own_backstop")


def test_a_bankrupt_backstop_is_resolved_without_a_backstop():
    outcome = run(
        with_stages(BACKSTOP_STAGE, ADL_STAGE),
        "deposit backstop:cross 60_000",
        *LONG_LOSES[1:4],
        "trade backstop:cross buys 10 BTC-PERP from b1 at 60_000",
        "fund_deposit cross 500",
        "prices BTC-PERP 53_900",
    )
    assert outcome.refusal is None
    assert stages_of(outcome) == [DELEVERAGED]
    backstop = outcome.venue.accounts["backstop:cross"]
    assert (backstop.wallet, dict(backstop.positions)) == (0, {})
    assert outcome.venue.pools["cross"].fund == 500


def test_a_fund_pays_the_gap_to_who_takes_the_lots_and_never_to_the_bankrupt():
    outcome = run(
        with_stages(BACKSTOP_STAGE),
        "deposit backstop:cross 1_000_000",
        *LONG_LOSES,
        "fund_deposit cross 5_000",
        "prices BTC-PERP 53_900",
    )
    assert stages_of(outcome) == [BACKSTOP_TAKES]
    venue = outcome.venue
    assert equity(venue, venue.accounts["backstop:cross"]) == 1_000_000
    assert venue.accounts["backstop:cross"].positions["BTC-PERP"].size == 10
    assert venue.pools["cross"].fund == 4_000
    assert venue.pools["cross"].drawn == 1_000


def test_the_draw_limit_of_a_period_is_kept():
    policy = replace(with_stages(ADL_STAGE), draw_limits={"cross": 300, "BTC-PERP": 1})
    outcome = run(policy, *LONG_LOSES, "fund_deposit cross 5_000", "prices BTC-PERP 53_900")
    assert stages_of(outcome) == [HOLDERS_TAKE, DELEVERAGED]
    assert outcome.venue.pools["cross"].fund == 4_700
    assert outcome.venue.accounts["b1"].wallet == 1_000_000 + 61_000 - 700


def test_a_price_of_one_tick_is_resolved():
    outcome = run(with_stages(ADL_STAGE, PAYERS_STAGE), *LONG_LOSES, "prices BTC-PERP 1")
    assert outcome.refusal is None
    assert not outcome.venue.accounts["a1"].positions
    assert outcome.venue.accounts["b1"].wallet == 1_060_000


def test_everybody_on_one_side_may_be_bankrupt_at_once():
    outcome = run(
        with_stages(ADL_STAGE),
        "deposit a1 60_000 owner alice pool cross",
        "deposit a2 60_000 owner anna pool cross",
        "deposit b1 1_000_000 owner bob pool cross",
        "prices BTC-PERP 60_000",
        "order b1 BTC-PERP buys 0 sells 20",
        "trade a1 buys 10 BTC-PERP from b1 at 60_000",
        "trade a2 buys 10 BTC-PERP from b1 at 60_000",
        "prices BTC-PERP 50_000",
    )
    assert all(not account.positions for account in outcome.venue.accounts.values())
    assert [outcome.venue.accounts[name].wallet for name in ("a1", "a2", "b1")] == [0, 0, 1_120_000]


TWO_SIDES = (
    "deposit a1 60_000 owner alice pool cross",
    "deposit b1 60_000 owner bob pool cross",
    "deposit w1 10_000_000 owner whale pool cross",
    "prices BTC-PERP 60_000 ETH-PERP 60_000",
    "order b1 BTC-PERP buys 0 sells 5",
    "order w1 ETH-PERP buys 10 sells 10",
    "trade a1 buys 5 BTC-PERP from b1 at 60_000",
    "trade a1 buys 5 ETH-PERP from w1 at 60_000",
    "trade b1 buys 5 ETH-PERP from w1 at 60_000",
)
"""a1 and b1 hold 5 lots of BTC-PERP against each other, and each 5 lots of ETH-PERP long against w1."""


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_two_bankrupt_accounts_on_opposite_sides_are_closed_at_mark(allocation: str):
    policy = replace(
        with_stages(ADL_STAGE),
        adl_allocation=allocation,
        markets={"BTC-PERP": FREE.markets["BTC-PERP"], "ETH-PERP": FREE.markets["BTC-PERP"]},
    )
    outcome = run(policy, *TWO_SIDES, "prices ETH-PERP 40_000")
    venue = outcome.venue
    assert AT_MARK in stages_of(outcome)
    assert not venue.accounts["a1"].positions and not venue.accounts["b1"].positions
    residue = venue.pools["cross"].bad_debt
    forgone = 10_000_000 + 200_000 - equity(venue, venue.accounts["w1"])
    assert residue > 0 and residue + forgone == 2 * 40_000


def test_a_ranking_that_ties_everybody_falls_back_on_size_and_name():
    lines = (
        "deposit a1 600_000 owner alice pool cross",
        *(f"deposit {name} 1_000_000 owner {name} pool cross" for name in ("c1", "b1", "d1")),
        "prices BTC-PERP 60_000",
        *(f"order {name} BTC-PERP buys 0 sells 40" for name in ("c1", "b1", "d1")),
        "trade a1 buys 10 BTC-PERP from c1 at 60_000",
        "trade a1 buys 10 BTC-PERP from b1 at 60_000",
        "trade a1 buys 20 BTC-PERP from d1 at 60_000",
    )
    venue = run(replace(FREE, adl_ranking="binance"), *lines).venue
    assert ranking(venue, "BTC-PERP", -1) == ("d1", "b1", "c1")


@pytest.mark.parametrize("formula", RANKINGS)
def test_a_holder_with_more_profit_on_the_same_equity_is_never_ranked_later(formula: str):
    lines = (
        "deposit a1 10_000_000 owner alice pool cross",
        "deposit b1 1_000_000 owner bob pool cross",
        "deposit c1 1_050_000 owner carl pool cross",
        "prices BTC-PERP 60_000",
        "order b1 BTC-PERP buys 0 sells 10",
        "order c1 BTC-PERP buys 0 sells 10",
        "trade a1 buys 10 BTC-PERP from b1 at 60_000",
        "prices BTC-PERP 55_000",
        "trade a1 buys 10 BTC-PERP from c1 at 55_000",
        "prices BTC-PERP 54_000",
    )
    venue = run(replace(FREE, adl_ranking=formula), *lines).venue
    assert equity(venue, venue.accounts["b1"]) == equity(venue, venue.accounts["c1"]) == 1_060_000
    assert ranking(venue, "BTC-PERP", -1) == ("b1", "c1")


ISOLATED = (
    "deposit a1 60_000 owner alice pool BTC-PERP",
    "deposit b1 1_000_000 owner bob pool cross",
    "deposit c1 500 owner carl pool cross",
    "prices BTC-PERP 60_000",
    "order b1 BTC-PERP buys 0 sells 10",
    "trade a1 buys 10 BTC-PERP from b1 at 60_000",
    "prices BTC-PERP 53_900",
)


def test_bad_debt_in_one_pool_stops_withdrawals_from_another_until_it_is_repaid():
    policy = with_stages(FUND_RESIDUE_STAGE)
    indebted = run(policy, *ISOLATED)
    assert stages_of(indebted) == [AT_MARK, BAD_DEBT_STANDS]
    assert indebted.venue.pools["BTC-PERP"].bad_debt == 1_000
    assert indebted.venue.pools["cross"].bad_debt == 0
    refused = run(policy, *ISOLATED, "withdraw c1 500")
    assert refused.refusal is not None and refused.refusal.rule == "WDR-1"
    half = run(policy, *ISOLATED, "fund_deposit BTC-PERP 400", "withdraw c1 500")
    assert half.refusal is not None and half.venue.pools["BTC-PERP"].bad_debt == 600
    repaid = run(policy, *ISOLATED, "fund_deposit BTC-PERP 1_500", "withdraw c1 500")
    assert repaid.refusal is None
    assert (repaid.venue.pools["BTC-PERP"].bad_debt, repaid.venue.pools["BTC-PERP"].fund) == (0, 500)


def test_bad_debt_lets_custody_be_withdrawn_where_the_policy_says_so():
    policy = replace(with_stages(FUND_RESIDUE_STAGE), bad_debt_gate=UP_TO_CUSTODY)
    outcome = run(policy, *ISOLATED, "withdraw c1 500")
    assert outcome.refusal is None


def test_a_loss_stays_in_its_pool():
    policy = with_stages(FUND_RESIDUE_STAGE, PAYERS_STAGE)
    outcome = run(policy, *ISOLATED[:-1], "fund_deposit cross 5_000", ISOLATED[-1])
    assert outcome.venue.pools["cross"].fund == 5_000
    assert outcome.venue.accounts["c1"].wallet == 500
    assert outcome.venue.pools["BTC-PERP"].bad_debt == 1_000


def test_a_share_of_a_loss_lowers_profit_and_leaves_the_wallet():
    markets = {"BTC-PERP": FREE.markets["BTC-PERP"], "ETH-PERP": FREE.markets["BTC-PERP"]}
    policy = replace(with_stages(PAYERS_STAGE), markets=markets)
    outcome = run(
        policy,
        "deposit a1 60_000 owner alice pool cross",
        "deposit b1 1_000_000 owner bob pool cross",
        "deposit c1 1_000_000 owner carl pool cross",
        "deposit d1 1_000_000 owner dora pool cross",
        "prices BTC-PERP 60_000 ETH-PERP 60_000",
        "order b1 BTC-PERP buys 0 sells 10",
        "order c1 ETH-PERP buys 0 sells 10",
        "trade a1 buys 10 BTC-PERP from b1 at 60_000",
        "trade d1 buys 10 ETH-PERP from c1 at 60_000",
        "prices BTC-PERP 53_900 ETH-PERP 59_000",
    )
    venue = outcome.venue
    assert stages_of(outcome) == [AT_MARK, PAYERS_PAY]
    # b1 was closed at mark and has no profit left to give: c1's unrealised 10 000 is what weighs
    assert venue.accounts["c1"].wallet == 1_000_000
    assert equity(venue, venue.accounts["c1"]) == 1_009_000
    assert equity(venue, venue.accounts["b1"]) == 1_061_000
    assert venue.pools["cross"].bad_debt == 0


def test_flat_accounts_pay_only_where_the_policy_names_equity():
    for payers, left in ((MINIMAL.payers, 500), (EQUITY, 499)):
        policy = replace(with_stages(PAYERS_STAGE), payers=payers)
        lines = [line.replace("pool BTC-PERP", "pool cross") for line in ISOLATED]
        assert run(policy, *lines).venue.accounts["c1"].wallet == left


def test_the_fund_pays_a_residue_where_no_lots_carried_it():
    policy = with_stages(FUND_RESIDUE_STAGE)
    policy = replace(policy, draw_limits={"cross": 600, "BTC-PERP": 600})
    outcome = run(policy, *ISOLATED[:-1], "fund_deposit BTC-PERP 5_000", ISOLATED[-1])
    # 600 of the draw limit pay the gap of 6 lots, so nothing is left of it for the residue of 4
    assert stages_of(outcome) == [HOLDERS_TAKE, AT_MARK, BAD_DEBT_STANDS]
    assert outcome.venue.pools["BTC-PERP"].bad_debt == 400
    assert outcome.venue.pools["BTC-PERP"].drawn == 600
    uneven = replace(policy, draw_limits={"cross": 650, "BTC-PERP": 650})
    outcome = run(uneven, *ISOLATED[:-1], "fund_deposit BTC-PERP 5_000", ISOLATED[-1])
    assert stages_of(outcome) == [HOLDERS_TAKE, AT_MARK, FUND_PAYS, BAD_DEBT_STANDS]
    assert outcome.venue.pools["BTC-PERP"].bad_debt == 350


def test_a_reducing_order_of_a_deleveraged_account_does_not_open_a_position():
    """Decision 0011: b1's resting buys were to close its short; once that is gone they would open a long."""
    size_max = replace(FREE.markets["BTC-PERP"], size_max=10)
    policy = replace(with_stages(ADL_STAGE), markets={"BTC-PERP": size_max})
    outcome = run(policy, *LONG_LOSES, "order b1 BTC-PERP buys 20 sells 0", "prices BTC-PERP 53_900")
    assert DELEVERAGED in stages_of(outcome)
    assert not outcome.venue.accounts["b1"].orders


def test_a_liquidatable_account_waits_until_somebody_takes_it():
    outcome = run(FREE, *LONG_LOSES, "prices BTC-PERP 54_100")
    assert waiting(outcome.venue) == (Waiting("a1", 1_000, 13_525, "no_taker"),)
    assert stages_of(outcome) == []


def test_deleveraging_closes_as_many_lots_as_it_takes_over():
    outcome = run(with_stages(ADL_STAGE), *LONG_LOSES, "prices BTC-PERP 53_900")
    lots = [e for e in outcome.postings if isinstance(e, Posting) and e.place.kind == LOTS]
    assert sum(entry.amount for entry in lots) == 0
    assert {entry.place.holder for entry in lots} == {"a1", "b1"}
    assert outcome.venue.accounts["b1"].wallet == 1_060_000


def test_every_single_stage_alone_is_a_whole_policy():
    for stage in STAGES:
        outcome = run(with_stages(stage), *LONG_LOSES, "fund_deposit cross 500", "prices BTC-PERP 52_000")
        assert outcome.refusal is None
        assert not outcome.venue.accounts["a1"].positions


def test_a_market_without_a_size_rule_term_is_refused():
    rules = Liquidation(FULL, penalty=0, band=0, fraction=5)
    markets = {"BTC-PERP": replace(FREE.markets["BTC-PERP"], liquidation=rules)}
    assert [fault.rule for fault in faults(replace(FREE, markets=markets))] == ["POL-21"]


def test_an_allocation_is_known_by_its_name_not_by_which_text_it_is():
    """Two holders with 10 lots each and caps of 1 and 9: caps and lots are different proportions."""
    holders = (Candidate("a1", "alice", 10, 1), Candidate("b1", "bob", 10, 9))
    named = {name: allocate("".join(list(name)), 5, holders) for name in ALLOCATIONS}
    assert [share.lots for share in named["queue"]] == [1, 4]
    assert [share.lots for share in named["pro_rata"]] == [0, 5]
    assert [share.lots for share in named["capped_pro_rata"]] == [1, 4]


def test_brackets_that_both_schedules_read_are_reported_once():
    margin = FREE.markets["BTC-PERP"]
    initial = replace(margin.initial, tiers=tiers_from(((0, 50_000), (5, 100_000), (5, 200_000))))
    maintenance = replace(margin.maintenance, tiers=tiers_from(((0, 25_000), (5, 50_000), (5, 100_000))))
    broken = replace(FREE, markets={"BTC-PERP": replace(margin, initial=initial, maintenance=maintenance)})
    assert [fault.rule for fault in faults(broken)] == ["POL-2"]


SECOND_MARKET = {"BTC-PERP": FREE.markets["BTC-PERP"], "ETH-PERP": FREE.markets["BTC-PERP"]}
BACKSTOP_IN_ANOTHER_MARKET = (
    "deposit backstop:cross 1_000_000",
    "deposit a1 60_000 owner alice pool cross",
    "deposit b1 1_000_000 owner bob pool cross",
    "fund_deposit cross 5_000",
    "prices BTC-PERP 60_000 ETH-PERP 60_000",
    "order b1 BTC-PERP buys 0 sells 10",
    "trade a1 buys 10 BTC-PERP from b1 at 60_000",
)


def test_a_backstop_takes_no_market_too_many():
    policy = replace(with_stages(BACKSTOP_STAGE, ADL_STAGE), markets=SECOND_MARKET, positions_max=1)
    holds_another = (
        "order b1 ETH-PERP buys 1 sells 0",
        "deposit c1 1_000_000 owner carl pool cross",
        "order c1 ETH-PERP buys 1 sells 0",
        "trade backstop:cross sells 1 ETH-PERP to c1 at 60_000",
    )
    taken = run(policy, *BACKSTOP_IN_ANOTHER_MARKET, "prices BTC-PERP 53_900")
    assert stages_of(taken) == [BACKSTOP_TAKES]
    refused = run(policy, *BACKSTOP_IN_ANOTHER_MARKET, *holds_another, "prices BTC-PERP 53_900")
    assert stages_of(refused) == [DELEVERAGED]


def test_a_backstop_whose_limit_is_below_one_lot_may_still_be_closed_to_none():
    policy = replace(with_stages(BACKSTOP_STAGE, ADL_STAGE), backstop_notional_max=50_000)
    outcome = run(
        policy,
        "deposit backstop:cross 1_000_000",
        "deposit a1 30_000 owner alice pool cross",
        "fund_deposit cross 5_000",
        "prices BTC-PERP 60_000",
        "order a1 BTC-PERP buys 5 sells 0",
        "trade backstop:cross sells 5 BTC-PERP to a1 at 60_000",
        "prices BTC-PERP 53_900",
    )
    assert stages_of(outcome) == [BACKSTOP_TAKES]
    assert not outcome.venue.accounts["backstop:cross"].positions
    assert outcome.venue.pools["cross"].fund == 4_500


def test_who_closes_one_of_two_positions_whole_has_come_closer_to_none():
    policy = replace(FREE, markets=SECOND_MARKET)
    outcome = run(
        policy,
        "deposit a1 60_000 owner alice pool cross",
        "deposit b1 1_000_000 owner bob pool cross",
        "prices BTC-PERP 60_000 ETH-PERP 60_000",
        "order b1 BTC-PERP buys 10 sells 10",
        "order b1 ETH-PERP buys 10 sells 10",
        "trade a1 buys 10 BTC-PERP from b1 at 60_000",
        "trade a1 buys 10 ETH-PERP from b1 at 60_000",
        "prices BTC-PERP 57_000 ETH-PERP 58_500",
        "trade a1 sells 10 ETH-PERP to b1 at 58_500",
    )
    assert outcome.refusal is None
    assert set(outcome.venue.accounts["a1"].positions) == {"BTC-PERP"}


def test_a_rate_of_one_ppm_is_a_rate():
    market = FREE.markets["BTC-PERP"]
    initial = replace(market.initial, tiers=tiers_from(((0, 2),)))
    maintenance = replace(market.maintenance, tiers=tiers_from(((0, 1),)))
    least = replace(market, initial=initial, maintenance=maintenance, gap=1)
    assert faults(replace(FREE, markets={"BTC-PERP": least})) == ()
