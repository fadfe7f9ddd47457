"""The engine. Goal: it does to a venue what the law does, event by event, and says so in the same words.

Method: the committed stories (incidents, attacks) and drawn histories are played on both sides; each outcome,
each posting and the digest are compared. The long search is `marginspec campaign --fast` (test_lockstep.py).
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpath import domain
from fastpath.engine import RULES, DomainError, Engine
from marginspec.documents import read_trace
from marginspec.fast import plain_postings, to_venue
from marginspec.paths import SPEC
from marginspec.policy_file import read_policy
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.scene import draw_scene, draw_start
from marginspec.story import parse_event
from refmodel.canonical import digest
from refmodel.events import Deposit, Order, Prices, Trade, Withdraw
from refmodel.state import Account, Position, genesis
from refmodel.venue import apply
from tests.support import reaches

TRACES = sorted([*(SPEC / "incidents").glob("*.json"), *(SPEC / "attacks").glob("*.json")])
MINIMAL = read_policy("minimal")
OPENING = """
    prices BTC-PERP 60_000 @ 10
    deposit a1 100_000 owner alice pool cross
    deposit b1 10_000_000 owner bob pool cross
    order b1 BTC-PERP buys 0 sells 100
    trade a1 buys 10 BTC-PERP from b1 at 60_000
    order a1 BTC-PERP buys 2 sells 3
"""


def stepped(engine, venue, event):
    """Both sides after an event; they must say the same of it."""
    found, wanted = engine.apply(event), apply(venue, event)
    told = found.refusal and (found.refusal.rule, found.refusal.reason, dict(found.refusal.numbers))
    law = wanted.refusal and (wanted.refusal.rule, wanted.refusal.reason, dict(wanted.refusal.numbers))
    assert told == law, event
    assert found.postings == plain_postings(wanted), event
    return wanted


def opened():
    """The venue of OPENING on both sides."""
    engine, venue = Engine(MINIMAL), genesis(MINIMAL)
    for line in OPENING.strip().splitlines():
        outcome = stepped(engine, venue, parse_event(line, venue.clock))
        assert outcome.refusal is None, line
        venue = outcome.venue
    assert engine.digest() == digest(venue)
    return engine, venue


# ------------------------------------------------------------------------------------- law and engine


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_stories_come_out_as_the_law_says(path):
    trace = read_trace(path)
    engine, venue = Engine.from_venue(trace.start), trace.start
    for event in trace.events:
        venue = stepped(engine, venue, event).venue
        assert engine.digest() == digest(venue)
    assert to_venue(engine) == venue


def drawn_history(seed, events):
    """A policy, a venue and events that were drawn from it one after the other."""
    choices = SeededChoices(f"engine:{seed}")
    policy = draw_policy(choices, f"engine-{seed}")
    scene = draw_scene(choices, policy)
    start = draw_start(choices, scene) or genesis(policy)
    venue, told = start, []
    for _ in range(events):
        event = draw_event(choices, venue, scene)
        told.append(event)
        venue = apply(venue, event).venue
    return start, told


@reaches("refused", "applied", "waterfall")
def test_drawn_histories_come_out_as_the_law_says(reached):
    for seed in range(20):
        start, events = drawn_history(seed, 120)
        engine, venue = Engine.from_venue(start), start
        for event in events:
            outcome = stepped(engine, venue, event)
            reached("applied" if outcome.refusal is None else "refused")
            if any(getattr(entry, "stage", "") for entry in outcome.postings):
                reached("waterfall")
                assert engine.digest() == digest(outcome.venue)
            changed = {
                name for name in venue.accounts if venue.accounts[name] != outcome.venue.accounts[name]
            }
            assert changed <= set(engine.touched())
            venue = outcome.venue
        assert engine.digest() == digest(venue)


def test_a_venue_goes_in_and_out_unchanged():
    for seed in range(10):
        start, events = drawn_history(100 + seed, 60)
        venue = start
        for event in events:
            venue = apply(venue, event).venue
        assert to_venue(Engine.from_venue(venue)) == venue


# ------------------------------------------------------------------------------------- batches


def test_a_batch_is_its_events_one_after_the_other():
    for seed in range(8):
        start, events = drawn_history(200 + seed, 80)
        one, many = Engine.from_venue(start), Engine.from_venue(start)
        found = many.apply_batch(many.encode(events))
        for place, event in enumerate(events[: found.applied]):
            result = one.apply(event)
            begin, end = found.first_entry[place], found.first_entry[place + 1]
            assert many.decode(found.entries[begin:end]) == result.postings
            assert RULES[found.rule[place]] == (result.refusal.rule if result.refusal else "")
        assert one.digest() == many.digest()
        if found.applied < len(events):
            with pytest.raises(DomainError, match=str(found.error.value)):
                one.apply(events[found.applied])


def test_a_batch_stops_at_the_event_that_it_cannot_compute():
    engine, venue = opened()
    good = Deposit(venue.clock, "a1", 5)
    bad = Deposit(venue.clock, "a1", domain.AMOUNT_EVENT_MAX + 1)
    found = engine.apply_batch(engine.encode([good, bad, good]))
    assert found.applied == 1
    assert (found.error.field, found.error.value) == ("amount", domain.AMOUNT_EVENT_MAX + 1)
    assert found.first_entry.tolist() == [0, 3, 3, 3]
    assert engine.digest() == digest(apply(venue, good).venue)


@pytest.mark.parametrize(
    "column, wrong, field",
    [
        ("x", np.zeros(1, dtype=np.float64), "batch.x"),
        ("account", np.zeros(1, dtype=np.int64), "batch.account"),
        ("time", np.zeros((1, 1), dtype=np.int64), "batch.time"),
        ("y", np.zeros(2, dtype=np.int64), "batch.y"),
        ("market", [0], "batch.market"),
        ("side", np.zeros(2, dtype=np.int8)[::2], None),
        ("first_mark", np.array([0, 3], dtype=np.int64), "batch.first_mark"),
        ("account", np.array([77], dtype=np.int32), "batch"),
        ("type", np.array([99], dtype=np.int8), "batch.type"),
    ],
)
def test_columns_that_cannot_be_read_are_refused(column, wrong, field):
    engine, venue = opened()
    batch = replace(engine.encode([Withdraw(venue.clock, "a1", 1)]), **{column: wrong})
    if field is None:  # one element is contiguous whatever its stride
        assert engine.apply_batch(batch).applied == 1
        return
    try:
        error = engine.apply_batch(batch).error
    except DomainError as raised:
        error = raised
    assert error.field == field
    assert engine.digest() == digest(venue)


def test_marks_of_an_event_stand_in_the_order_of_their_markets():
    start, _ = drawn_history(3, 1)
    engine = Engine.from_venue(start)
    first, second, *_ = engine.markets
    batch = engine.encode([Prices(start.clock, {second: 5, first: 6}), Prices(start.clock, {first: 7})])
    assert batch.mark_market.tolist() == [0, 1, 0]
    before = engine.digest()
    for wrong in ([1, 0, 0], [0, 0, 0]):
        with pytest.raises(DomainError, match="mark_market"):
            engine.apply_batch(replace(batch, mark_market=np.array(wrong, dtype=np.int32)))
    assert engine.digest() == before


# ------------------------------------------------------------------------------------- outside the domain


@pytest.mark.parametrize(
    "event, field",
    [
        (Deposit(10, "a1", 2**62 + 1), "amount"),
        (Deposit(10, "a1", 2**63), "amount"),
        (Deposit(2**70, "a1", 1), "time"),
        (Order(10, "a1", "BTC-PERP", 0, domain.LOTS_EVENT_MAX + 1), "sells"),
        (Trade(10, "BTC-PERP", "a1", "b1", "buy", 1, domain.PRICE_EVENT_MAX + 1), "price"),
        (Withdraw(10, "a1", 1.5), "amount"),
        (Withdraw(10, "a1", True), "amount"),
        (Prices(10, {"BTC-PERP": -(2**63) - 1}), "marks.BTC-PERP"),
        ("deposit", "event"),
    ],
)
def test_what_is_outside_the_domain_is_refused_with_its_field_and_changes_nothing(event, field):
    engine, venue = opened()
    with pytest.raises(DomainError) as raised:
        engine.apply(event)
    assert raised.value.field == field
    assert engine.digest() == digest(venue)


@pytest.mark.parametrize("number", [-1, 0, -(2**63)])
def test_numbers_that_are_too_small_are_refused_by_the_law(number):
    engine, venue = opened()
    for event in (
        Deposit(10, "a1", number),
        Trade(10, "BTC-PERP", "a1", "b1", "buy", number, 60_000),
        Trade(10, "BTC-PERP", "a1", "b1", "buy", 1, number),
        Prices(10, {"BTC-PERP": number}),
    ):
        assert stepped(engine, venue, event).refusal is not None
    assert engine.digest() == digest(venue)


def test_a_waterfall_that_leaves_the_domain_is_taken_back_whole():
    """A short is closed against a long whose wallet is full: what the long realises would not fit."""
    engine, venue = opened()
    full = domain.WALLET_MAX - 1
    rich = Account("bob", "cross", full, {"BTC-PERP": Position(10, 0)}, {})
    poor = Account("alice", "cross", 0, {"BTC-PERP": Position(-10, -600_000)}, {})
    venue = replace(venue, accounts={**venue.accounts, "a1": poor, "b1": rich})
    engine = Engine.from_venue(venue)
    before = engine.digest()
    with pytest.raises(DomainError, match="wallet of b1"):
        engine.apply(Prices(20, {"BTC-PERP": 66_000}))
    assert engine.digest() == before
    assert to_venue(engine) == venue


def test_a_policy_wider_than_the_domain_is_refused_with_its_field():
    market = replace(MINIMAL.markets["BTC-PERP"], size_max=domain.SIZE_MAX + 1)
    with pytest.raises(DomainError) as raised:
        Engine(replace(MINIMAL, markets={"BTC-PERP": market}))
    assert raised.value.field == "markets.BTC-PERP.size_max"


# ------------------------------------------------------------------------------------- before an order


def asked(venue, account, market, lots, orders):
    """The event that a question about a further order stands for."""
    buys, sells = orders.buys + max(lots, 0), orders.sells + max(-lots, 0)
    return Order(venue.clock, account, market, buys, sells)


@reaches("allowed", "ORD-1", "LIM-1", "other")
def test_the_check_is_what_the_law_says_to_the_order(reached):
    for seed in range(12):
        start, events = drawn_history(300 + seed, 60)
        venue = start
        choices = SeededChoices(f"check:{seed}")
        for event in events:
            venue = apply(venue, event).venue
            account = choices.pick(tuple(venue.accounts))
            market = choices.pick(tuple(venue.policy.markets))
            terms = venue.policy.markets[market]
            lots = choices.integer(1, terms.size_max + 1) * choices.pick((1, -1))
            mark = venue.marks.get(market, 1)
            if mark > terms.price_max:
                continue
            held = venue.accounts[account].orders.get(market)
            resting = held if held is not None else Order(0, "", "", 0, 0)
            law = apply(venue, asked(venue, account, market, lots, resting))
            try:
                engine = Engine.from_venue(venue)
            except DomainError:
                continue
            allowed, rule, free = engine.check(account, market, lots, mark)
            assert rule == (law.refusal.rule if law.refusal else "")
            assert allowed == (law.refusal is None)
            if law.refusal is None:
                equity, initial, _, _ = engine.core.standing(engine.account_ids[account])
                engine.apply(asked(venue, account, market, lots, resting))
                equity, initial, _, _ = engine.core.standing(engine.account_ids[account])
                assert free == equity - initial
            reached("allowed" if allowed else rule if rule in ("ORD-1", "LIM-1") else "other")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 400_000),
    st.integers(-9, 9),
    st.integers(0, 9),
    st.integers(0, 9),
    st.sampled_from(["buy", "sell"]),
)
def test_the_largest_order_is_the_largest_that_is_allowed(wallet, size, buys, sells, side):
    _, venue = opened()
    account = Account(
        "alice", "cross", wallet, {"BTC-PERP": Position(size, size * 60_000)} if size else {}, {}
    )
    engine = Engine.from_venue(replace(venue, accounts={**venue.accounts, "a1": account}))
    engine.apply(Order(10, "a1", "BTC-PERP", buys, sells))
    sign = 1 if side == "buy" else -1
    largest = engine.max_order("a1", "BTC-PERP", side, 60_000)
    allowed = [lots for lots in range(1, 400) if engine.check("a1", "BTC-PERP", sign * lots, 60_000)[0]]
    assert largest == max(allowed, default=0)
    assert allowed == list(range(1, largest + 1))


def test_questions_that_have_no_answer_name_their_rule():
    engine, _ = opened()
    assert engine.check("a1", "BTC-PERP", 0, 60_000)[:2] == (False, "EVT-2")
    assert engine.check("a1", "BTC-PERP", 1, 0)[:2] == (False, "EVT-2")
    assert engine.check("nobody", "BTC-PERP", 1, 60_000) == (False, "EVT-3", 0)
    assert engine.check("a1", "nowhere", 1, 60_000)[:2] == (False, "EVT-3")
    assert engine.check("backstop:cross", "BTC-PERP", 1, 60_000)[:2] == (False, "ORD-2")
    assert engine.check("a1", "BTC-PERP", 1, 90_000)[:2] == (False, "TRD-4")
    assert engine.max_order("nobody", "BTC-PERP", "buy", 60_000) == 0
    with pytest.raises(DomainError, match="side"):
        engine.max_order("a1", "BTC-PERP", "long", 60_000)


# ------------------------------------------------------------------------------------- books


def test_the_books_of_the_columns_balance_and_say_so_when_they_do_not():
    engine, venue = opened()
    assert engine.core.books()[:2] == (0, [0])
    lopsided = replace(venue.accounts["a1"], wallet=venue.accounts["a1"].wallet + 7)
    engine = Engine.from_venue(replace(venue, accounts={**venue.accounts, "a1": lopsided}))
    gap, lots, least, who = engine.core.books()
    assert (gap, lots) == (-7, [0])
    assert least == 0 and engine.accounts[who] == "backstop:cross"
