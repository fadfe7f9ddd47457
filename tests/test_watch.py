"""The liquidation index. Goal: after any event it finds the liquidatable accounts that a full scan finds, and
it looks at few accounts to do so.

Method: drawn histories of all kinds of events under drawn policies; marks that creep by single ticks, and
marks that jump, under every kind of schedule; a planted fault, which the comparison must notice.
"""

import json
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpath.certificates import price_code, slack_share, tick_above_floor, tick_of_fall, tick_of_rise
from fastpath.domain import EQUITY_MAX, PRICE_EVENT_MAX
from fastpath.engine import EVENT_TYPES, DomainError, Engine
from fastpath.watch import Watch
from marginspec.fast import plain_postings
from marginspec.policy_file import read_policy
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.scene import draw_scene, draw_start, narrowed
from refmodel.events import Deposit, Order, Prices, Trade
from refmodel.margin import is_liquidatable, margin_maintenance
from refmodel.policy import BRACKET, SQRT, TRIGGERS, WHOLE, Schedule, Tier
from refmodel.state import CROSS, equity, genesis
from refmodel.trading import BUY, SELL
from refmodel.venue import apply
from tests.bench import bench_watch
from tests.support import reaches

SHIPPED = ("binance-usdm", "hyperliquid-like", "dydx-like", "bybit-like", "minimal")
MINIMAL = read_policy("minimal")
DEPOSIT = EVENT_TYPES.index("deposit")
TIERS = (Tier(0, 20_000), Tier(300_000, 30_000), Tier(900_000, 50_000))
SCHEDULES = {
    "B": Schedule(BRACKET, TIERS),
    "S": Schedule(SQRT, base=20_000, factor=1_000),
    "W": Schedule(WHOLE, TIERS),
}
MARK = 1_000


def liquidatable_by_law(venue):
    """The names of the accounts that the law calls liquidatable."""
    return {
        name
        for name, account in venue.accounts.items()
        if is_liquidatable(equity(venue, account), margin_maintenance(venue, account), venue.policy.trigger)
    }


def compared(watch, venue):
    """The names that the index finds; they must be those of the law, and of a full scan."""
    found = watch.names()
    assert set(found) == liquidatable_by_law(venue)
    assert np.array_equal(watch.liquidatable(), np.sort(watch.scan()))
    return found


# ------------------------------------------------------------------------------------- drawn histories


@reaches(
    "liquidatable", "nobody", "Deposit", "Withdraw", "Transfer", "Order", "Trade", "Prices", "Funding",
    "LiquidationFill", "Takeover",
)  # fmt: skip
def test_after_any_event_a_full_scan_finds_the_same(reached):
    for seed in range(60):
        choices = SeededChoices(f"watch:{seed}")
        if seed % 2:
            policy = draw_policy(choices, f"watch-{seed}")
        else:
            policy = narrowed(choices, read_policy(SHIPPED[seed // 2 % len(SHIPPED)]))
        scene = draw_scene(choices, policy)
        venue = draw_start(choices, scene) or genesis(policy)
        try:
            engine = Engine.from_venue(venue)
        except DomainError:
            continue
        watch, every = Watch(engine), choices.pick((1, 1, 2, 7))
        for number in range(150):
            event = draw_event(choices, venue, scene)
            try:
                result = engine.apply(event)
            except DomainError:
                continue
            venue = apply(venue, event).venue
            if result.refusal is None and type(event).__name__ not in ("FundDeposit", "FeeWithdrawal"):
                reached(type(event).__name__)
            if number % every == 0:
                reached("liquidatable" if compared(watch, venue) else "nobody")


# ------------------------------------------------------------------------------------- marks of every kind


def policy_of(trigger, scale=1):
    """Three markets, whose maintenance schedules are of the three kinds. scale: of prices and floors."""
    terms = replace(
        next(iter(MINIMAL.markets.values())), multiplier=1, price_max=100_000 * scale, size_max=100_000
    )
    markets = {
        name: replace(
            terms,
            initial=replace(schedule, tiers=(Tier(0, 150_000),)),
            maintenance=replace(
                schedule, tiers=tuple(replace(tier, floor=tier.floor * scale) for tier in schedule.tiers)
            ),
        )
        for name, schedule in SCHEDULES.items()
    }
    markets["S"] = replace(markets["S"], initial=Schedule(SQRT, base=150_000, factor=1_000))
    return replace(
        MINIMAL,
        venue_total_max=min(10**12 * scale, 10**18),
        trigger=trigger,
        positions_max=3,
        markets=markets,
        isolated=(),
        draw_limits={CROSS: 10**9},
    )


def held_by_many(choices, trigger, accounts=24, scale=1):
    """A venue in which many accounts hold positions in up to three markets, each on its own margin."""
    venue = genesis(policy_of(trigger, scale))
    mark = MARK * scale
    events = [Deposit(0, "maker", 10**9 * scale, "maker", CROSS), Prices(0, dict.fromkeys(SCHEDULES, mark))]
    events += [Order(0, "maker", market, 40_000, 40_000) for market in SCHEDULES]
    for number in range(accounts):
        name = f"a{number}"
        events.append(Deposit(0, name, 10**7 * scale, name, CROSS))
        for market in SCHEDULES:
            lots = choices.randint(1, 1_200)
            if choices.random() < 0.7:
                events.append(Trade(0, market, name, "maker", choices.choice((BUY, SELL)), lots, mark))
    for event in events:
        outcome = apply(venue, event)
        assert outcome.refusal is None, (event, outcome.refusal)
        venue = outcome.venue
    # What they leave is 1.5 % to 20 % of their notional, less than any withdrawal would.
    accounts_after, paid_out = dict(venue.accounts), 0
    for name in [each for each in accounts_after if each not in ("maker", "backstop:cross")]:
        account = accounts_after[name]
        held = sum(abs(position.size) * mark for position in account.positions.values())
        wallet = min(held * choices.randint(15, 200) // 1_000, account.wallet)
        paid_out += account.wallet - wallet
        accounts_after[name] = replace(account, wallet=wallet)
    return replace(venue, accounts=accounts_after, custody=venue.custody - paid_out)


@pytest.mark.parametrize("trigger", TRIGGERS)
@reaches("newly liquidatable", "not any more", "as before", "bankrupt")
def test_marks_that_creep_up_and_down_leave_nobody_unseen(trigger, reached):
    for seed in range(6):
        choices = random.Random(f"creep:{trigger}:{seed}")
        venue = held_by_many(choices, trigger)
        engine = Engine.from_venue(venue)
        watch = Watch(engine)
        before = set(compared(watch, venue))
        marks, drift = dict(venue.marks), {market: choices.choice((-1, 1)) for market in SCHEDULES}
        for number in range(200):
            moved = {
                market: max(mark + drift[market] * choices.choice((-1, 0, 1, 1, 2)), 1)
                for market, mark in marks.items()
                if choices.random() < 0.6
            }
            if not moved:
                continue
            marks |= moved
            event = Prices(number, moved)
            result = engine.apply(event)
            outcome = apply(venue, event)
            assert result.refusal is None and outcome.refusal is None
            venue = outcome.venue
            found = set(compared(watch, venue))
            if found - before:
                reached("newly liquidatable")
            if before - found:
                reached("not any more")
            if before == found:
                reached("as before")
            before = found
            if any(getattr(entry, "stage", "") for entry in outcome.postings):
                reached("bankrupt")


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    trigger=st.sampled_from(TRIGGERS),
    # Marks of 10, of 19, of 29 and of 30 binary digits; from 29 on a code drops some.
    scale=st.sampled_from((1, 500, 300_000, 999_983)),
)
def test_marks_that_jump_anywhere_and_back_leave_nobody_unseen(seed, trigger, scale):
    choices = random.Random(seed)
    venue = held_by_many(choices, trigger, accounts=10, scale=scale)
    engine = Engine.from_venue(venue)
    watch = Watch(engine)
    pools = [(pool.fund, pool.fee_pool, pool.bad_debt, 0, 0) for pool in venue.pools.values()]
    for _ in range(60):
        # Marks as an event that is taken back leaves them: nobody is resolved.
        spread = choices.choice((3, 30, 300)) * scale
        marks = {market: MARK * scale + choices.randint(-spread, spread) for market in SCHEDULES}
        engine.core.set_venue(0, venue.custody, [marks[name] for name in engine.markets], pools)
        compared(watch, replace(venue, marks=marks))


def test_another_policy_is_another_engine_and_its_index_begins_anew():
    venue = held_by_many(random.Random("policy"), "below")
    watch = Watch(Engine.from_venue(venue))
    before = compared(watch, venue)
    dearer = {
        name: replace(terms, maintenance=replace(terms.maintenance, tiers=(Tier(0, 140_000),)))
        if terms.maintenance.tiers
        else terms
        for name, terms in venue.policy.markets.items()
    }
    venue = replace(venue, policy=replace(venue.policy, markets=dearer))
    after = compared(Watch(Engine.from_venue(venue)), venue)
    assert set(before) < set(after)


def test_whoever_is_below_zero_without_a_position_is_resolved_through_the_index_too():
    venue = held_by_many(random.Random("below zero"), "below", accounts=2)
    flat = apply(venue, Deposit(0, "flat", 5, "flat", CROSS)).venue
    accounts = flat.accounts | {"flat": replace(flat.accounts["flat"], wallet=-5)}
    venue = replace(flat, accounts=accounts, custody=flat.custody - 10)
    engine = Engine.from_venue(venue)
    watch = Watch(engine)
    assert "flat" not in compared(watch, venue)
    event = Prices(1, {"B": MARK})
    outcome = apply(venue, event)
    assert engine.apply(event).postings == plain_postings(outcome)
    assert outcome.venue.accounts["flat"].wallet == 0


# ------------------------------------------------------------------------------------- what it costs


def test_entries_that_are_not_valid_any_more_do_not_pile_up():
    venue = held_by_many(random.Random("pile"), "below")
    engine = Engine.from_venue(venue)
    watch = Watch(engine)
    assert np.array_equal(watch.liquidatable(), np.sort(watch.scan()))
    sizes = []
    for number in range(400):
        for name, account in venue.accounts.items():
            # With less in its wallet each certificate comes sooner; with more, what is there is kept.
            amount = 900 - number if number < 300 else 1
            reserve = account.wallet + amount
            record = engine.account_ids[name]
            owner, pool, _, rows = engine.core.account(record)
            engine.core.set_account(record, owner, pool, reserve, rows)
            assert engine.apply(Deposit(0, name, 1, account.owner, CROSS)).refusal is None
        assert np.array_equal(watch.liquidatable(), np.sort(watch.scan()))
        sizes.append(watch.bytes_used() // 8)
    assert max(sizes) < 6 * 1_200  # six heaps, each of which is swept from some 1 024 entries on
    assert any(later < before - 500 for before, later in pairwise(sizes))


def touch(engine, name):
    """A deposit of one quantum."""
    owner, pool, _, _ = engine.core.account(name)
    nothing = np.array([], np.int32), np.array([], np.int64)
    assert engine.core.apply_one(DEPOSIT, 0, name, -1, -1, owner, pool, 0, 1, 0, *nothing) == 0


def lower(engine, name, wallet):
    """Leaves an account so much, less than it had, and lets an event touch it."""
    owner, pool, _, rows = engine.core.account(name)
    engine.core.set_account(name, owner, pool, wallet, rows)
    touch(engine, name)


def test_what_is_entered_again_and_again_is_kept_once():
    venue = held_by_many(random.Random("floors"), "below", accounts=60)
    engine = Engine.from_venue(venue)
    watch = Watch(engine)
    before = watch.names()
    sizes, reserved = [], []
    for _ in range(800):
        for name in venue.accounts:
            touch(engine, engine.account_ids[name])  # a long of kind `whole` enters its next floor anew
        assert watch.names() == before
        sizes.append(watch.bytes_used() // 8)
        reserved.append(watch.bytes_reserved())
    assert any(later < before - 500 for before, later in pairwise(sizes))
    assert max(sizes) < 2_000
    assert reserved[-1] == reserved[400], "what is dropped leaves no room for what comes"


def test_who_has_not_changed_is_not_dropped_with_what_others_leave():
    engine = bench_watch.venue_of(800, np.full(800, 500_000), markets=4)
    core, watch = engine.core, Watch(engine)
    longs = range(bench_watch.POOLS, core.account_count, 2)
    for moves, name in enumerate(longs[:60], start=1):
        _, _, maintenance, _ = core.standing(name)
        cost = core.account(name)[3][0][2]
        lower(engine, name, maintenance + cost * bench_watch.STEP * moves // bench_watch.MARK)
    assert len(watch.liquidatable()) == 0
    sizes = []
    for _ in range(8):
        for name in longs[60:]:
            lower(engine, name, core.account(name)[2] * 95 // 100)
        assert len(watch.liquidatable()) == 0
        sizes.append(watch.bytes_used() // 8)
    assert any(later < before - 500 for before, later in pairwise(sizes)), "nothing was dropped"
    found = 0
    for number in range(1, 70):
        bench_watch.tick(engine, bench_watch.MARK - bench_watch.STEP * number)
        assert np.array_equal(watch.liquidatable(), np.sort(watch.scan()))
        found = max(found, len(watch.liquidatable()))
    assert found > 50


def test_what_a_mark_leaves_behind_is_not_kept_in_order():
    accounts, mark = 6_000, bench_watch.MARK
    engine = bench_watch.venue_of(accounts, np.full(accounts, 500_000), markets=4)
    core, watch = engine.core, Watch(engine)
    assert len(watch.liquidatable()) == 0
    for price in (mark * 8 // 10, mark):
        bench_watch.tick(engine, price)
        assert np.array_equal(watch.liquidatable(), np.sort(watch.scan()))
    before = watch.near
    # Longs now wait for marks at which they have been already; those of some are very near.
    longs = range(bench_watch.POOLS, core.account_count, 2)
    for number, name in enumerate(longs):
        owner, pool, wallet, rows = core.account(name)
        core.set_account(name, owner, pool, wallet, rows[:1])  # with one position, not a tick too early
        _, _, maintenance, _ = core.standing(name)
        ticks = number * 37 % (150 if number % 8 == 0 else 15_000)
        lower(engine, name, maintenance + rows[0][2] * ticks // mark)
    assert np.array_equal(watch.liquidatable(), np.sort(watch.scan()))
    assert watch.evaluated >= len(longs)
    assert watch.near <= before + len(longs) // 3, "those of accounts that wait for it lie in the heap"
    reached = 0
    for number in range(100):
        bench_watch.tick(engine, mark - (5 * number if number < 30 else 150 * (number - 29)))
        assert np.array_equal(watch.liquidatable(), np.sort(watch.scan()))
        reached += watch.evaluated
    assert reached >= len(longs)


def test_an_engine_has_one_index():
    engine = Engine(MINIMAL)
    watch = Watch(engine)
    with pytest.raises(RuntimeError, match="already"):
        Watch(engine)
    del watch
    assert len(Watch(engine).liquidatable()) == 0


def test_far_from_the_edge_nobody_is_looked_at():
    engine = bench_watch.venue_of(2_000, np.full(2_000, 500_000), markets=4)
    watch = Watch(engine)
    assert len(watch.liquidatable()) == 0
    assert watch.evaluated >= 2_000
    bench_watch.tick(engine, bench_watch.MARK - 10)
    assert len(watch.liquidatable()) == 0
    assert watch.evaluated == 0
    assert watch.bytes_used() + engine.core.bytes_used() <= 200 * 2_000


def test_a_short_in_its_last_tier_waits_for_no_floor():
    venue = genesis(policy_of("below"))
    events = [Deposit(0, "maker", 10**9, "maker", CROSS), Prices(0, dict.fromkeys(SCHEDULES, MARK))]
    events += [Deposit(0, "a1", 10**9, "a1", CROSS)]
    events += [Order(0, "maker", market, 2_000, 0) for market in SCHEDULES]
    events += [Trade(0, market, "a1", "maker", SELL, 1_000, MARK) for market in SCHEDULES]
    for event in events:
        outcome = apply(venue, event)
        assert outcome.refusal is None, (event, outcome.refusal)
        venue = outcome.venue
    assert all(1_000 * MARK > schedule.tiers[-1].floor for schedule in SCHEDULES.values() if schedule.tiers)
    engine = Engine.from_venue(venue)
    watch = Watch(engine)
    assert len(watch.liquidatable()) == 0
    for market in SCHEDULES:
        assert engine.apply(Prices(1, {market: MARK + 1})).refusal is None
        assert len(watch.liquidatable()) == 0 and watch.evaluated == 0, market


def test_a_long_of_kind_whole_that_gains_past_a_floor_is_looked_at():
    venue = genesis(policy_of("below"))
    events = [Deposit(0, "maker", 10**9, "maker", CROSS), Deposit(0, "a1", 10**6, "a1", CROSS)]
    events += [Prices(0, dict.fromkeys(SCHEDULES, MARK)), Order(0, "maker", "W", 0, 299)]
    events += [Trade(0, "W", "a1", "maker", BUY, 299, MARK)]
    for event in events:
        outcome = apply(venue, event)
        assert outcome.refusal is None, (event, outcome.refusal)
        venue = outcome.venue
    account = venue.accounts["a1"]
    accounts = {**venue.accounts, "a1": replace(account, wallet=7_000)}
    venue = replace(venue, accounts=accounts, custody=venue.custody - account.wallet + 7_000)
    engine = Engine.from_venue(venue)
    watch = Watch(engine)
    assert compared(watch, venue) == []
    # 299 lots are above the floor of 300 000 from 1 004 on: 3 % of 300 196 is more than 7 000 and 4 * 299.
    for time, (mark, found) in enumerate(((1_003, []), (1_004, ["a1"]), (1_003, []))):
        event = Prices(time, {"W": mark})
        assert engine.apply(event).refusal is None
        venue = apply(venue, event).venue
        assert list(compared(watch, venue)) == found


def test_a_change_behind_its_back_is_missed_so_the_comparison_can_fail():
    engine = bench_watch.venue_of(20, np.full(20, 500_000), markets=4)
    watch = Watch(engine)
    assert np.array_equal(watch.liquidatable(), watch.scan())
    owner, pool, _, rows = engine.core.account(7)
    engine.core.set_account(7, owner, pool, 0, rows)  # no event: nothing tells the index
    assert watch.scan().tolist() == [7]
    assert watch.liquidatable().tolist() == []


def test_a_small_bench_finds_what_the_scan_finds():
    report = bench_watch.run(accounts=2_000, crash_accounts=400, ticks=6, near=100)
    assert report["crash"]["compared"] == report["crash"]["ticks"]
    assert report["crash"]["liquidatable"] > 0
    assert all(row["evaluated"] > 0 for row in report["rows"])
    assert json.loads(json.dumps(report)) == report
    assert "times the cost" in bench_watch.table(report)


# ------------------------------------------------------------------------------------- the kernels


@given(
    share=st.integers(0, EQUITY_MAX),
    mark=st.integers(1, PRICE_EVENT_MAX),
    value=st.integers(1, 10**16),
    margin=st.integers(0, 10**16),
    total=st.integers(1, 10**18),
    rate=st.integers(0, 10**6),
)
def test_compiled_kernels_are_the_exact_arithmetic(share, mark, value, margin, total, rate):
    margin, held = min(margin, value), min(value, total)
    assert slack_share(share, held, total) == share * held // total
    falls = mark - 1 - share * mark // (value - margin) if value > margin else 0
    assert tick_of_fall(share, mark, value, margin) == max(falls, 0)
    rises = mark + 1 + share * 10**6 // (value * (10**6 + rate))
    assert tick_of_rise(share, mark, value, rate) == (rises if rises <= PRICE_EVENT_MAX else 0)
    above = margin // value + 1
    assert tick_above_floor(margin, value) == above


@given(price=st.integers(1, PRICE_EVENT_MAX - 1))
def test_codes_keep_28_digits_and_the_order(price):
    code = price_code(price)
    assert code <= price_code(price + 1) <= code + 1 < 2**31
    dropped = max(price.bit_length() - 28, 0)
    assert code == (dropped << 27) + (price >> dropped)
