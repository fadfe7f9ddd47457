"""The law as an engine. Goal: its answers are the law's, in the words of spec/protocol.md and spec/logs.md.
Method: drawn histories, on which each answer is held against the law by another way; tables of bad documents.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from marginspec.audit.writing import write_log
from marginspec.conform import questions
from marginspec.conform.child import Child
from marginspec.conform.engine import InProcess
from marginspec.conform.in_texts import (
    ENCODER,
    digest_of_policy,
    event_in_texts,
    genesis_in_texts,
    venue_in_texts,
)
from marginspec.conform.law_engine import (
    POLICIES_KEPT,
    LawEngine,
    answers,
    outcome_document,
    posting_rows,
    texts,
    venue_digest,
)
from marginspec.conform.questions import ANSWERS, order_max, rule_beyond, withdrawable
from marginspec.policy_file import read_policy
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.scene import draw_scene, draw_start
from marginspec.story import parse_event
from refmodel.canonical import (
    canonical_text,
    digest,
    event_document,
    policy_digest,
    policy_document,
    venue_document,
)
from refmodel.events import Order, Withdraw
from refmodel.margin import NOTHING_ORDERED, margin_initial, margin_maintenance, standing_of, status
from refmodel.outcome import Outcome, refuse
from refmodel.policy import Policy
from refmodel.postings import DrawCounted, OrdersSet
from refmodel.state import Pool, Venue, equity, genesis
from refmodel.trading import BUY, SELL
from refmodel.venue import apply
from tests.support import cases, reaches

MINIMAL = read_policy("minimal")
HISTORIES = 24
EVENTS = 60
SERVED = [sys.executable, "-c", "from marginspec.conform.serve import serve_law; serve_law()"]
STORY = (
    "deposit a1 100_000 owner alice pool cross",
    "deposit b1 10_000_000 owner bob pool cross",
    "prices BTC-PERP 60_000",
    "order b1 BTC-PERP buys 0 sells 100",
    "trade a1 buys 10 BTC-PERP from b1 at 60_001",
    "withdraw a1 90_000",
)


def drawn_histories(name: str, histories: int) -> Iterator[tuple[Policy, Venue, list[tuple]]]:
    """Histories on `minimal` and on drawn policies: each start, and the events with their outcomes."""
    for history in range(histories):
        choices = SeededChoices(f"{name} {history}")
        scene = draw_scene(choices, MINIMAL if history % 3 == 0 else draw_policy(choices))
        start = venue = draw_start(choices, scene) or genesis(scene.policy)
        played = []
        for _ in range(EVENTS):
            event = draw_event(choices, venue, scene)
            outcome = apply(venue, event)
            played.append((event, outcome))
            venue = outcome.venue
        yield scene.policy, start, played


def drawn_venues(name: str, histories: int = HISTORIES, every: int = 6) -> Iterator[Venue]:
    """Venues that such histories lead to."""
    for _, _, played in drawn_histories(name, histories):
        yield from (outcome.venue for _, outcome in played[::every])


def told(policy: Policy = MINIMAL) -> Venue:
    """The venue at the end of the story; its last event is refused."""
    venue = genesis(policy)
    for line in STORY:
        venue = apply(venue, parse_event(line, venue.clock)).venue
    return venue


# ------------------------------------------------------------------------------------- load and apply


def test_every_outcome_is_the_laws():
    refused, accepted = 0, 0
    for policy, start, played in drawn_histories("outcomes", HISTORIES):
        engine = InProcess(LawEngine)
        loaded = engine.load(texts(policy_document(policy)), texts(venue_document(start)))
        assert loaded == {"outcome": "accepted", "digest": digest(start)}
        for event, outcome in played:
            answer = dict(engine.apply(texts(event_document(event))))
            assert answer.pop("digest") == digest(outcome.venue)
            assert answer == outcome_document(outcome)
            if outcome.refusal is None:
                accepted += 1
                assert len(answer["postings"]) == len(outcome.postings)
            else:
                refused += 1
                assert answer["rule"] == outcome.refusal.rule
                assert answer["reason"] == outcome.refusal.reason
    assert min(refused, accepted) > 100


def test_postings_are_written_as_logs_have_them(tmp_path):
    """write_log goes another way, over the engine's numbers, and its readers are held to spec/logs.md."""
    kinds = set()
    for number, (policy, start, played) in enumerate(drawn_histories("postings", HISTORIES)):
        path = tmp_path / f"{number}.jsonl"
        write_log(path, policy, [event for event, _ in played], start=start, machine="reference")
        lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
        written = [line.get("postings", []) for line in lines if "event" in line]
        assert written == [posting_rows(outcome.postings) for _, outcome in played]
        kinds |= {row[0].split()[0] for rows in written for row in rows}
    assert {"wallet", "open_cost", "fund", "fee_pool", "custody", "lots", "orders", "mark", "opened"} < kinds


def test_a_second_amount_stands_only_where_it_is_not_0():
    outcome = Outcome(
        told(),
        (
            OrdersSet("ORD-1", "a1", "BTC-PERP", 5, 0),
            OrdersSet("ADL-4", "a1", "BTC-PERP", 0, 7, "adl"),
            DrawCounted("FND-3", "cross", 0, 9, "fund_residue"),
            DrawCounted("FND-3", "cross", 2, 9),
        ),
        None,
    )
    assert outcome_document(outcome)["postings"] == [
        ["orders ORD-1", "a1", "BTC-PERP", "5"],
        ["orders ADL-4 adl", "a1", "BTC-PERP", "0", "7"],
        ["drawn FND-3 fund_residue", "cross", "", "9"],
        ["drawn FND-3", "cross", "", "9", "2"],
    ]


def test_the_digest_is_the_laws():
    for venue in drawn_venues("digests", 8):
        assert venue_digest(venue, policy_digest(venue.policy)) == digest(venue)


def test_documents_in_texts_are_those_of_the_law():
    events = 0
    for policy, start, played in drawn_histories("in texts", 8):
        document = texts(policy_document(policy))
        assert document == json.loads(canonical_text(policy_document(policy)))
        known = digest_of_policy(document)
        assert known == policy_digest(policy)
        beginning = genesis(policy)
        assert genesis_in_texts(document) == json.loads(canonical_text(venue_document(beginning)))
        for venue in (start, *(outcome.venue for _, outcome in played[::10])):
            assert venue_in_texts(venue, known) == json.loads(canonical_text(venue_document(venue)))
        for event, _ in played:
            assert event_in_texts(event) == json.loads(canonical_text(event_document(event)))
            events += 1
    assert events == 8 * EVENTS


@pytest.mark.parametrize(
    "word", ["aZ09 ~", "a\"b'c\\d/e", "\x00\x1f\x7f\n\t", "\u00e9\u2028\ufffd\U0001f4a9"]
)
def test_a_text_is_written_as_the_canonical_form_has_it(word):
    document = {word: [word], "b": "1", "": {"\U0001f4a9": "", "\uffff": ""}}
    assert ENCODER.encode(document).decode() == canonical_text(document)


def test_what_has_no_canonical_form_is_no_document():
    for value in (1.5, True, None):
        with pytest.raises(AssertionError, match="has no canonical form"):
            texts({"amount": [value]})


def test_a_refused_event_changes_nothing():
    engine = LawEngine()
    loaded = engine.load(texts(policy_document(MINIMAL)), texts(venue_document(told())))
    event = texts(event_document(parse_event("withdraw a1 90_000", 0)))
    assert engine.apply(event) == {
        "outcome": "refused",
        "rule": "WDR-3",
        "reason": "equity_below_requirement",
        "digest": loaded["digest"],
    }


def test_a_policy_that_is_changed_in_place_is_read_again():
    engine = LawEngine()
    policy, venue = texts(policy_document(MINIMAL)), texts(venue_document(genesis(MINIMAL)))
    assert engine.load(policy, venue)["outcome"] == "accepted"
    policy["transfer_rate"] = "7"
    answer = engine.load(policy, venue)
    assert answer["outcome"] == "error"
    assert "is not the digest of the policy minimal" in answer["reason"]


def test_many_policies_may_come_in_turn():
    engine = LawEngine()
    policies = [replace(MINIMAL, positions_max=number + 1) for number in range(2 * POLICIES_KEPT)]
    for policy in (*policies, *policies[::-1]):
        answer = engine.load(texts(policy_document(policy)), texts(venue_document(genesis(policy))))
        assert answer == {"outcome": "accepted", "digest": digest(genesis(policy))}


@pytest.mark.parametrize("value", [object(), "\ud800", 2**80, float("nan")])
def test_a_policy_that_is_no_json_is_an_error(value):
    policy = texts(policy_document(MINIMAL))
    answer = LawEngine().load({**policy, "asset": value}, texts(venue_document(genesis(MINIMAL))))
    assert answer["outcome"] == "error"
    assert answer["reason"].startswith("policy: ")


def test_a_policy_that_breaks_a_rule_is_refused_by_it():
    policy = {**texts(policy_document(MINIMAL)), "fee_taker": "999999"}
    answer = LawEngine().load(policy, texts(venue_document(genesis(MINIMAL))))
    assert (answer["outcome"], answer["rule"]) == ("refused", "POL-8")


EVENT = texts(event_document(Withdraw(0, "a1", 5)))
BAD_EVENTS = {
    "empty": ({}, "event: type is missing"),
    "no amount": ({key: EVENT[key] for key in EVENT if key != "amount"}, "event: amount is missing"),
    "another type": ({**EVENT, "type": "gift"}, 'event: type is "gift"'),
    "no text": ({**EVENT, "type": ["withdraw"]}, "event: type is a list of 1"),
    "without quotes": ({**EVENT, "amount": 5}, "event: amount is 5, a whole number"),
    "a decimal": ({**EVENT, "amount": 5.5}, "event: amount is 5.5"),
    "a truth value": ({**EVENT, "amount": True}, "event: amount is true"),
    "null": ({**EVENT, "amount": None}, "event: amount is None"),
    "a leading zero": ({**EVENT, "amount": "05"}, 'event: amount is "05"'),
    "a plus": ({**EVENT, "amount": "+5"}, 'event: amount is "+5"'),
    "a space": ({**EVENT, "amount": " 5"}, 'event: amount is " 5"'),
    "an underscore": ({**EVENT, "amount": "1_000"}, 'event: amount is "1_000"'),
    "minus nothing": ({**EVENT, "amount": "-0"}, 'event: amount is "-0"'),
    "other digits": ({**EVENT, "amount": "\u0665"}, 'event: amount is "\u0665"'),
    "a name that is a number": ({**EVENT, "account": 5}, "event: account is 5"),
    "a name that is an object": ({**EVENT, "account": {"a": "1"}}, "event: account is a table of 1 keys"),
    "an empty name": ({**EVENT, "account": ""}, "event: account is"),
    "a key more": ({**EVENT, "fee": "5"}, "event: fee is no key that is read here"),
    "marks as a list": ({"type": "prices", "time": "0", "marks": ["5"]}, "event: marks is a list of 1"),
    "a market that is a number": (
        {"type": "prices", "time": "0", "marks": {5: "5"}},
        "event: is not of its form",
    ),
    "a mark without quotes": ({"type": "prices", "time": "0", "marks": {"A": 5}}, "event: marks.A is 5"),
    "too long to print": ({**EVENT, "amount": "9" * 5_000}, "event: amount is"),
}


@pytest.mark.parametrize("case", BAD_EVENTS)
def test_a_bad_event_is_an_error_that_says_where(case):
    document, sentence = BAD_EVENTS[case]
    engine = InProcess(LawEngine)
    loaded = engine.load(texts(policy_document(MINIMAL)), texts(venue_document(told())))
    answer = engine.apply(document)
    assert answer["outcome"] == "error"
    assert sentence in answer["reason"]
    assert "\n" not in answer["reason"]
    assert engine.apply(EVENT)["digest"] != loaded["digest"], "and the next one is applied"


def test_nothing_is_asked_before_a_load():
    engine = InProcess(LawEngine)
    for answer in (engine.apply(EVENT), engine.query({"what": ["fund"], "pool": "cross"})):
        assert answer == {"outcome": "error", "reason": "no venue is loaded. Send `load` first."}


@cases("""
    case                    key       value      sentence
    another policy          policy    sha256:0   venue: policy is not the digest of the policy minimal
    a number                clock     -1         venue: clock is -1, a whole number
    unbalanced books        custody   'quoted'   venue: custody is "'quoted'"
""")
def test_a_bad_venue_is_an_error(key, value, sentence):
    venue = {**texts(venue_document(told())), key: value}
    answer = LawEngine().load(texts(policy_document(MINIMAL)), venue)
    assert answer["outcome"] == "error"
    assert sentence in answer["reason"]


def test_a_venue_whose_books_do_not_balance_is_an_error():
    venue = {**texts(venue_document(told())), "custody": "5"}
    answer = LawEngine().load(texts(policy_document(MINIMAL)), venue)
    assert "differs by" in answer["reason"]
    assert "(PST-2)" in answer["reason"]


# ------------------------------------------------------------------------------------- query


def test_each_word_is_answered_as_the_chapters_say():
    venue = told()
    a1 = venue.accounts["a1"]
    said = answers(venue, {"account": "a1", "market": "BTC-PERP", "side": "buy", "what": list(OF_A1)})
    assert said == OF_A1
    assert said["equity"] == str(equity(venue, a1))
    assert said["margin_initial"] == str(margin_initial(venue, a1))
    assert said["margin_maintenance"] == str(margin_maintenance(venue, a1))
    assert said["status"] == status(standing_of(venue, a1), MINIMAL.trigger)
    pool = venue.pools["cross"]
    asked = {"pool": "cross", "what": ["fund", "bad_debt", "fee_pool"]}
    assert answers(venue, asked) == {"fund": "0", "bad_debt": "0", "fee_pool": str(pool.fee_pool)}
    flat = answers(
        venue,
        {"account": "backstop:cross", "market": "BTC-PERP", "what": ["position", "price_liquidation"]},
    )
    assert flat == {"position": "0", "price_liquidation": None}


OF_A1 = {
    "wallet": "99699",
    "equity": "99689",
    "margin_initial": "30000",
    "margin_maintenance": "15000",
    "status": "healthy",
    "position": "10",
    "price_liquidation": "51313",
    "price_bankruptcy": "50032",
    "withdrawable": "39689",
    "order_max": "23",
    "ranking": ["a1"],
}


BAD_QUESTIONS = {
    "no such account": ({"what": ["equity"], "account": "zz"}, "`account` is `zz`, which there is not."),
    "no account": ({"what": ["equity"]}, "`account` is missing."),
    "account is no text": ({"what": ["equity"], "account": ["a1"]}, '`account` is `["a1"]`'),
    "no market": ({"what": ["position"], "account": "a1"}, "`market` is missing."),
    "no side": ({"what": ["ranking"], "market": "BTC-PERP"}, "`side` is missing."),
    "another side": ({"what": ["ranking"], "market": "BTC-PERP", "side": "long"}, "`side` is `long`"),
    "no such pool": ({"what": ["fund"], "pool": "BTC"}, "`pool` is `BTC`, which there is not."),
    "no such word": ({"what": ["equity", "mood"], "account": "a1"}, "`what` has `mood`; it may have wallet,"),
    "a word that is a list": ({"what": [["equity"]], "account": "a1"}, '`what` has `["equity"]`'),
    "no words": ({"account": "a1"}, "`what` is no list."),
    "a text for a list": ({"what": "equity", "account": "a1"}, "`what` is no list."),
}


@pytest.mark.parametrize("case", BAD_QUESTIONS)
def test_a_bad_question_is_an_error_that_says_what_is_wrong(case):
    question, sentence = BAD_QUESTIONS[case]
    answer = answers(told(), question)
    assert answer["outcome"] == "error"
    assert sentence in answer["reason"]


def test_everything_that_may_be_asked_has_a_row_in_the_protocol():
    from marginspec.paths import SPEC

    text = (SPEC / "protocol.md").read_text().split("**`query`**")[1].split("**`bye`**")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    words = [word.strip(" `") for row in rows for word in row.split(",")]
    assert sorted(words) == sorted(ANSWERS)


@reaches("nothing", "the wallet", "the requirement", "custody")
def test_what_is_withdrawable_is_accepted_and_a_quantum_more_is_not(reached):
    reached_custody(reached)
    for venue in drawn_venues("withdrawable"):
        for name in venue.accounts:
            most = withdrawable(venue, name)
            refusals = {
                amount: apply(venue, Withdraw(venue.clock, name, amount)).refusal
                for amount in {1, most // 2, most - 1, most, most + 1, 2 * most + 3}
                if amount >= 1
            }
            assert {amount for amount, refusal in refusals.items() if refusal is None} == {
                amount for amount in refusals if amount <= most
            }
            rule = refusals[most + 1].rule
            reached("nothing" if most == 0 else "the wallet" if rule == "WDR-2" else "the requirement")


def test_without_numbers_in_refusals_the_interval_is_halved(monkeypatch):
    def bare(venue, event):
        outcome = apply(venue, event)
        return outcome if outcome.refusal is None else refuse(venue, outcome.refusal.rule, "for some reason")

    expected = {}
    for number, venue in enumerate(drawn_venues("withdrawable", 6)):
        expected.update({(number, name): withdrawable(venue, name) for name in venue.accounts})
    monkeypatch.setattr(questions, "apply", bare)
    for number, venue in enumerate(drawn_venues("withdrawable", 6)):
        for name in venue.accounts:
            assert withdrawable(venue, name) == expected[number, name]
    assert 0 in expected.values() and len(set(expected.values())) > 10


def test_what_limits_an_answer_is_the_rule_that_refuses_more():
    venue = told()
    indebted = replace(venue, pools={"cross": Pool(bad_debt=1)})
    asked = {"account": "a1", "market": "BTC-PERP", "side": "buy"}
    assert rule_beyond(venue, asked, "withdrawable", withdrawable(venue, "a1")) == "WDR-3"
    assert rule_beyond(venue, asked, "order_max", order_max(venue, "a1", "BTC-PERP", "buy")) == "ORD-1"
    assert rule_beyond(indebted, asked, "withdrawable", 0) == "WDR-1"


def reached_custody(reached):
    """A winner whose profit was realised may have more in the wallet than custody holds."""
    venue = told()
    rich = {**venue.accounts, "c1": venue.accounts["b1"]}
    overdrawn = Venue(MINIMAL, 0, venue.marks, {**rich, "b1": venue.accounts["b1"]}, venue.pools, 7)
    assert withdrawable(overdrawn, "b1") == 7
    assert apply(overdrawn, Withdraw(0, "b1", 8)).refusal.rule == "WDR-4"
    reached("custody")


@reaches("nothing", "the margin", "the size limit", "less than rests")
def test_the_largest_order_is_accepted_and_a_lot_more_is_not(reached):
    for venue in drawn_venues("orders", every=12):
        for name, account in venue.accounts.items():
            for market in venue.marks:
                for side in (BUY, SELL):
                    resting = account.orders.get(market, NOTHING_ORDERED)
                    rests = resting.buys if side == BUY else resting.sells
                    most = order_max(venue, name, market, side)
                    tried = {1, most // 2, most - 1, most, most + 1, 2 * most + 3, rests}
                    refusals = {}
                    for lots in sorted(lots for lots in tried if lots >= 1):
                        buys, sells = (lots, resting.sells) if side == BUY else (resting.buys, lots)
                        refusals[lots] = apply(venue, Order(venue.clock, name, market, buys, sells)).refusal
                    assert {lots for lots, refusal in refusals.items() if refusal is None} == {
                        lots for lots in refusals if lots <= most
                    }
                    rule = refusals[most + 1].rule
                    if most == 0:
                        reached("nothing")
                    elif rests == most and rule == "ORD-1":
                        reached("less than rests")
                    else:
                        reached("the size limit" if rule == "LIM-1" else "the margin")


def test_over_pipes_the_law_answers_what_it_answers_here():
    policy, start, played = next(drawn_histories("pipes", 1))
    here = LawEngine()
    with Child(SERVED, 30) as there:
        for engine in (here, there):
            loaded = engine.load(texts(policy_document(policy)), texts(venue_document(start)))
            assert loaded["outcome"] == "accepted"
        for event, _ in played:
            document = texts(event_document(event))
            assert there.apply(document) == here.apply(document)
            question = {"pool": "cross", "what": ["fund", "fee_pool"]}
            assert there.query(question) == here.query(question)
        assert there.close() is None
