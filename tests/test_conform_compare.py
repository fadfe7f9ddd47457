"""One comparison of the harness. Goal: a difference names the one rule that it is about.

Method: answers made by hand beside the law's, each with one thing changed.
"""

from marginspec.conform.compare import (
    agrees,
    outcome_differs,
    postings_differ,
    rule_of_word,
    words_that_differ,
)
from marginspec.conform.judgement import Judgement, Seen, Story
from marginspec.conform.live import shipped_policy
from marginspec.story import parse_event
from refmodel.outcome import Outcome
from refmodel.postings import LOTS, WALLET, Place, Posting
from refmodel.state import Venue, genesis
from refmodel.venue import apply
from tests.support import cases

MINIMAL = shipped_policy("minimal")


def after(*lines: str) -> Venue:
    venue = genesis(MINIMAL)
    for line in lines:
        venue = apply(venue, parse_event(line, venue.clock)).venue
    return venue


def claims_all(_: str) -> bool:
    return True


LAW_ROWS = [
    ["clock EVT-1", "", "", "0"],
    ["wallet FEE-2", "a1", "", "-60"],
    ["fee_pool FEE-2", "cross", "", "60"],
]


def test_the_first_posting_that_differs_names_the_rule() -> None:
    assert postings_differ(LAW_ROWS, [[*row, "0"] for row in LAW_ROWS], claims_all) is None
    missing = postings_differ(LAW_ROWS, LAW_ROWS[:2], claims_all)
    assert missing is not None
    assert (missing.rule, missing.what, missing.engine) == ("FEE-2", "posting 3", "no posting")
    more = postings_differ(LAW_ROWS, [*LAW_ROWS, ["wallet LIQ-3", "a1", "", "-1"]], claims_all)
    assert more is not None
    assert (more.rule, more.law) == ("LIQ-3", "no posting")
    unknown = postings_differ(LAW_ROWS, [*LAW_ROWS, ["nonsense", "a1", "", "-1"]], claims_all)
    assert unknown is not None
    assert unknown.rule == "FEE-2"


ORDERS = ["orders RES-2", "a3", "M", "0"]
HELD_BY_FUND = ["lots INS-4 holders", "a2", "M", "3"]
DELEVERAGED = ["lots ADL-7 adl", "a2", "M", "3"]
CLOSED_AT_MARK = ["lots ADL-8 at_mark", "a2", "M", "3"]
CHARGED = ["wallet FUN-3", "a1", "", "-5"]
CHARGED_OTHERWISE = ["wallet FUN-3", "a1", "", "-6"]


@cases("""
    case                          law                     engine                           rule
    something is left out         CHARGED,ORDERS          ORDERS                           FUN-3
    something is put in           ORDERS                  CHARGED,ORDERS                   FUN-3
    another amount                CHARGED,ORDERS          CHARGED_OTHERWISE,ORDERS         FUN-3
    it goes on in a stage         DELEVERAGED             HELD_BY_FUND                     INS-4
    it ends a stage too early     HELD_BY_FUND            DELEVERAGED                      INS-4
    the stage after               CLOSED_AT_MARK          DELEVERAGED                      ADL-7
    another order                 HELD_BY_FUND,CHARGED    CHARGED,HELD_BY_FUND             INS-4
    before any stage              DELEVERAGED             CHARGED                          FUN-3
    at the end                    ORDERS                  ORDERS,DELEVERAGED               ADL-7
""")
def test_the_posting_that_should_not_be_so_names_the_rule(law: str, engine: str, rule: str) -> None:
    def rows(names: str) -> list[list[str]]:
        return [LAW_ROWS[0], *(globals()[name] for name in names.split(","))]

    found = postings_differ(rows(law), rows(engine), claims_all)
    assert found is not None
    assert found.rule == rule
    unclaimed = postings_differ(rows(law), rows(engine), lambda claimed: claimed != rule)
    assert unclaimed is not None
    assert unclaimed.rule in {row[0].split()[1] for row in rows(law)}


def test_a_refusal_of_the_engine_alone_names_its_rule_if_it_claims_it() -> None:
    outcome = apply(genesis(MINIMAL), parse_event("deposit a1 100 owner alice pool cross", 0))
    refused = {"outcome": "refused", "rule": "LIM-4", "reason": "venue_total"}
    found = outcome_differs(outcome, refused, claims_all)
    assert found is not None
    assert found.rule == "LIM-4"
    unclaimed = outcome_differs(outcome, refused, lambda rule: rule != "LIM-4")
    assert unclaimed is not None
    assert unclaimed.rule == "DEP-1"


def test_a_refusal_without_a_rule_is_compared_as_a_refusal() -> None:
    outcome = apply(genesis(MINIMAL), parse_event("withdraw nobody 1", 0))
    assert outcome_differs(outcome, {"outcome": "refused"}, claims_all) is None
    accepted = outcome_differs(outcome, {"outcome": "accepted"}, claims_all)
    assert accepted is not None
    assert accepted.rule == "EVT-3"


def test_what_follows_from_a_difference_is_not_judged_by_itself() -> None:
    question = {"account": "a1", "what": ["wallet", "equity", "margin_maintenance", "status"]}
    ours = {"wallet": "5", "equity": "5", "margin_maintenance": "3", "status": "healthy"}
    margin = {**ours, "margin_maintenance": "6", "status": "liquidatable"}
    assert [each for each in words_that_differ(question, ours, margin, {}) if each[1]] == [
        ("margin_maintenance", True)
    ]
    wallet = {**margin, "wallet": "4", "equity": "4"}
    assert list(words_that_differ(question, ours, wallet, {})) == [("wallet", True)]


def test_an_amount_may_be_off_by_its_tolerance_and_no_more() -> None:
    assert agrees("100", "101", 1)
    assert not agrees("100", "102", 1)
    assert not agrees("100", "101", 0)
    assert not agrees(None, "101", 1)
    assert not agrees(["a1", "a2"], ["a2", "a1"], 1)


def test_the_posting_that_explains_an_amount_names_the_rule() -> None:
    venue = after(
        "deposit a1 60_600 owner alice pool cross",
        "deposit b1 10_000_000 owner bob pool cross",
        "prices BTC-PERP 60_000",
        "order b1 BTC-PERP buys 0 sells 100",
    )
    outcome = apply(venue, parse_event("trade a1 buys 10 BTC-PERP from b1 at 60_001", 0))
    wallet = outcome.venue.accounts["a1"].wallet
    question = {"account": "a1", "what": ["wallet"]}

    def named(amount: int) -> str:
        return rule_of_word("wallet", question, str(wallet), str(amount), outcome, claims_all)

    fee = sum(
        entry.amount
        for entry in outcome.postings
        if getattr(entry, "place", None) and entry.rule == "FEE-2" and entry.place.holder == "a1"
    )
    assert named(wallet - fee) == "FEE-2"
    assert rule_of_word("equity", question, "1", "2", outcome, claims_all) == "ACC-2"
    assert rule_of_word("wallet", question, "1", "2", None, claims_all) == "EVT-4"


def test_what_is_realised_is_due_to_the_rule_of_the_exchange_where_the_law_sets_the_price() -> None:
    at_close_out = (
        Posting("ADL-7", Place(LOTS, "b1", "BTC-PERP"), 10, "adl"),
        Posting("TRD-6", Place(WALLET, "b1"), 7, "adl"),
    )
    at_a_price = (
        Posting("LIQ-5", Place(LOTS, "b1", "BTC-PERP"), 10, "fill"),
        Posting("TRD-6", Place(WALLET, "b1"), 7, "fill"),
    )
    question = {"account": "b1", "what": ["wallet"]}
    for postings, rule in ((at_close_out, "ADL-7"), (at_a_price, "TRD-6")):
        outcome = Outcome(genesis(MINIMAL), postings, None)
        assert rule_of_word("wallet", question, "7", "9", outcome, claims_all) == rule


def test_judgements_add_up() -> None:
    one, other = Judgement(), Judgement()
    difference = outcome_differs(
        apply(genesis(MINIMAL), parse_event("withdraw nobody 1", 0)), {"outcome": "accepted"}, claims_all
    )
    assert difference is not None
    event = parse_event("withdraw nobody 1", 0)
    one.differs(Seen(difference, Story(MINIMAL, None, (event, event))))
    other.differs(Seen(difference, Story(MINIMAL, None, (event,))))
    other.comparisons["EVT-3"] = 2
    one.add(other)
    assert (one.differing["EVT-3"], one.comparisons["EVT-3"]) == (2, 2)
    assert len(one.seen["EVT-3"].story.events) == 1, "the shortest is kept"
