"""Stories. Goal: one line per event, read back to the same event, with a position for what does not fit.
Method: the notation as a table, a property over drawn events, a table of broken lines.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginspec.policy_file import read_policy
from marginspec.story import ParseError, format_event, format_outcome, parse_event, tell
from marginspec.strategies import histories
from refmodel.events import (
    Deposit,
    Event,
    FeeWithdrawal,
    FundDeposit,
    Funding,
    LiquidationFill,
    Order,
    Prices,
    Takeover,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.state import genesis
from refmodel.venue import apply
from tests.support import cases, reaches

LINES: dict[str, Event] = {
    "deposit a1 400_000 owner alice pool cross": Deposit(7, "a1", 400_000, "alice", "cross"),
    "deposit a1 400_000": Deposit(7, "a1", 400_000),
    "deposit a1 1 pool cross": Deposit(7, "a1", 1, "", "cross"),
    "withdraw a1 100": Withdraw(7, "a1", 100),
    "transfer a1 to a2 50": Transfer(7, "a1", "a2", 50),
    "order a1 BTC-PERP buys 3 sells 0": Order(7, "a1", "BTC-PERP", 3, 0),
    "trade a1 buys 2 BTC-PERP from a2 at 500_000": Trade(7, "BTC-PERP", "a1", "a2", "buy", 2, 500_000),
    "trade a1 sells 2 BTC-PERP to a2 at 500_000": Trade(7, "BTC-PERP", "a1", "a2", "sell", 2, 500_000),
    "trade a1 takes hold 2 BTC-PERP with a2 at 5": Trade(7, "BTC-PERP", "a1", "a2", "hold", 2, 5),
    "prices BTC-PERP 60_000 ETH-PERP 3_000": Prices(7, {"BTC-PERP": 60_000, "ETH-PERP": 3_000}),
    "prices": Prices(7, {}),
    "funding BTC-PERP -100": Funding(7, "BTC-PERP", -100),
    "liquidation_fill a1 4 BTC-PERP by b1 at 59_000": LiquidationFill(7, "a1", "b1", "BTC-PERP", 4, 59_000),
    "takeover a1": Takeover(7, "a1"),
    "fund_deposit cross 1_000": FundDeposit(7, "cross", 1_000),
    "fee_withdrawal cross 5": FeeWithdrawal(7, "cross", 5),
    "withdraw backstop:cross 5 @ 1_000": Withdraw(1_000, "backstop:cross", 5),
    'withdraw "two words" 5': Withdraw(7, "two words", 5),
    'withdraw "@" 5': Withdraw(7, "@", 5),
    "prices 1000SHIB 5": Prices(7, {"1000SHIB": 5}),
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_read_and_written(line: str) -> None:
    assert parse_event(line, 7) == LINES[line]
    assert format_event(LINES[line], 7) == line


NAMES = st.text(max_size=8)
NUMBERS = st.integers(-(10**30), 10**30)
SIDES = st.sampled_from(("buy", "sell", "")) | NAMES
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(Deposit, NUMBERS, NAMES, NUMBERS, NAMES, NAMES),
    st.builds(Withdraw, NUMBERS, NAMES, NUMBERS),
    st.builds(Transfer, NUMBERS, NAMES, NAMES, NUMBERS),
    st.builds(Order, NUMBERS, NAMES, NAMES, NUMBERS, NUMBERS),
    st.builds(Trade, NUMBERS, NAMES, NAMES, NAMES, SIDES, NUMBERS, NUMBERS),
    st.builds(Prices, NUMBERS, st.dictionaries(NAMES, NUMBERS, max_size=3)),
    st.builds(Funding, NUMBERS, NAMES, NUMBERS),
    st.builds(LiquidationFill, NUMBERS, NAMES, NAMES, NAMES, NUMBERS, NUMBERS),
    st.builds(Takeover, NUMBERS, NAMES),
    st.builds(FundDeposit, NUMBERS, NAMES, NUMBERS),
    st.builds(FeeWithdrawal, NUMBERS, NAMES, NUMBERS),
)


@reaches("plain names", "quoted names")
@given(event=ANY_EVENT, clock=NUMBERS)
def test_any_event_reads_back_as_it_was_written(event: Event, clock: int, reached) -> None:
    line = format_event(event, clock)
    assert parse_event(line, clock) == event
    assert parse_event(format_event(event), clock) == event
    reached("quoted names" if '"' in line else "plain names")


@cases("""
    case               line                              position  expected
    nothing            ''                                       0  `deposit`
    unknown kind       'deposits a1 4'                          0  `deposit`
    no amount          'deposit a1'                            10  a whole number of quanta
    not a number       'deposit a1 4.5'                        11  a whole number of quanta
    trailing words     'withdraw a1 4 now'                     14  the end of the line
    wrong preposition  'trade a1 buys 2 M to a2 at 5'          18  `from`
    market twice       'prices M 1 M 2'                        11  a market that is not named yet
    fill by nobody     'liquidation_fill a1 4 M at 5'          24  `by`
    broken quotes      'withdraw "a1 4'                         9  an account
    no time            'withdraw a1 4 @'                       15  a whole number of milliseconds
""")
def test_a_broken_line_says_where_and_what_was_expected(line: str, position: int, expected: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_event(line.strip("'"), 0)
    assert caught.value.position == position
    assert expected in caught.value.expected
    assert f"at character {position + 1}" in str(caught.value)


def test_ten_thousand_digits_are_garbage_and_not_a_number() -> None:
    with pytest.raises(ParseError, match="at most 4_000 digits"):
        parse_event("withdraw a1 " + "9" * 10_000, 0)


@given(text=st.text(max_size=60) | st.sampled_from(sorted(LINES)).flatmap(lambda line: st.just(line[:-3])))
def test_any_text_is_an_event_or_a_parse_error(text: str) -> None:
    try:
        event = parse_event(text, 0)
    except ParseError as error:
        assert 0 <= error.position <= len(text)
    else:
        assert parse_event(format_event(event), 0) == event


def test_a_story_names_event_answer_and_how_its_accounts_end() -> None:
    policy = read_policy("minimal")
    lines = ("prices BTC-PERP 60_000", "deposit a1 400_000 owner alice pool cross", "withdraw a1 400_001")
    told = tell(policy, None, [parse_event(line, 0) for line in lines])
    assert told.splitlines() == [
        "policy minimal, at genesis",
        "  1  prices BTC-PERP 60_000                      accepted",
        "  2  deposit a1 400_000 owner alice pool cross   accepted",
        "  3  withdraw a1 400_001                         WDR-2 not_in_wallet wallet=400_000",
        "  then a1: wallet 400_000, equity 400_000, initial 0, maintenance 0: flat",
    ]


def test_an_outcome_names_rule_reason_and_numbers() -> None:
    venue = genesis(read_policy("minimal"))
    outcome = apply(venue, parse_event("withdraw nobody 5", 0))
    assert format_outcome(outcome) == "EVT-3 unknown_account account=nobody"


@given(history=histories(events_most=10))
def test_every_history_can_be_told(history) -> None:
    told = tell(history.policy, history.start, history.events).splitlines()
    assert len(told) > len(history.events)
    clock = 0 if history.start is None else history.start.clock
    venue = genesis(history.policy) if history.start is None else history.start
    for event in history.events:
        assert parse_event(format_event(event, clock), clock) == event
        venue = apply(venue, event).venue
        clock = venue.clock
    assert venue == history.end
