"""The refusals. Goal: the first rule that applies is the answer, and every reason of the law can be met.
Method: one ladder per event type, in the notation of stories: each row cures one fault of the row before it,
until the event is accepted; and the order is read out of the code as well.
"""

from dataclasses import replace
from functools import cache

import pytest

from marginspec.search.reach.ladders import LADDERS
from marginspec.search.reach.reasons import reasons_of_the_law, refusals_of
from marginspec.story import format_outcome, parse_event
from refmodel.canonical import EVENT_TYPES
from refmodel.events import Deposit, Funding, Prices, Takeover
from refmodel.policy import STAGES, Liquidation, Market, Policy, Schedule, Tier
from refmodel.state import Position, Venue, genesis
from refmodel.validity import faults
from refmodel.venue import HANDLERS, apply, refuse_event
from tests.support import Rung, ladder, rungs_of

MARKET = Market(
    multiplier=1,
    price_min=10_000,
    price_max=1_000_000,
    size_max=10,
    band=100_000,
    gap=50_000,
    touch_moves=1,
    funding_cap=900_000,
    initial=Schedule("whole", (Tier(0, 100_000),)),
    maintenance=Schedule("bracket", (Tier(0, 50_000),)),
    liquidation=Liquidation("full", penalty=0, band=100_000),
)
POLICY = Policy(
    name="ladders",
    asset="USD",
    trigger="below",
    bad_debt_gate="refuse",
    transfer_rate=100_000,
    fee_taker=500,
    fee_maker=-100,
    venue_total_max=1_000_000_000,
    positions_max=1,
    stages=STAGES,
    takeover_trigger=666_667,
    takeover_remainder="backstop",
    draw_period=86_400_000,
    draw_limits={"cross": 1_000_000, "ETH-PERP": 1_000_000},
    backstop_notional_max=1_000_000,
    adl_ranking="binance",
    adl_allocation="queue",
    payers="profit",
    isolated=("ETH-PERP",),
    markets={"BTC-PERP": MARKET, "ETH-PERP": MARKET, "SOL-PERP": MARKET},
)
OPENING = """
    prices BTC-PERP 100_000 ETH-PERP 10_000 @ 10
    deposit a1 100_000_000 owner alice pool cross
    deposit a2 100_000_000 owner bob pool cross
    deposit a3 1_000 owner carol pool cross
    deposit a4 30_000 owner carol pool cross
    deposit e1 100_000_000 owner alice pool ETH-PERP
    order a2 BTC-PERP buys 0 sells 8
    trade a1 buys 2 BTC-PERP from a2 at 100_000
    trade a4 buys 1 BTC-PERP from a2 at 100_000
"""

AND_ORDERS = """
    deposit a5 100_000_000 owner carol pool cross
    order a1 BTC-PERP buys 8 sells 0
    order a5 ETH-PERP buys 1 sells 0
"""
"""After the opening: a1 may come to hold all that the market allows, and a5 is in another market."""


PEAK = """
    prices BTC-PERP 900_000 @ 10
    deposit a1 100_000_000 owner alice pool cross
    deposit a2 100_000_000 owner bob pool cross
    deposit s1 272_000 owner dora pool cross
    order s1 BTC-PERP buys 0 sells 2
    trade a1 buys 2 BTC-PERP from s1 at 900_000
    prices BTC-PERP 1_000_000
"""
"""A short account that waits to be closed, at the highest price of the market."""


def played(policy: Policy, story: str) -> Venue:
    """The venue after a story, all of which is accepted."""
    venue = genesis(policy)
    for line in filter(str.strip, story.splitlines()):
        outcome = apply(venue, parse_event(line.strip(), venue.clock))
        assert outcome.refusal is None, f"{line.strip()}: {format_outcome(outcome)}"
        venue = outcome.venue
    return venue


def with_bad_debt(venue: Venue, custody: int) -> Venue:
    """The venue after it lost all of its custody but this; what is missing stands as bad debt."""
    missing = venue.custody - custody
    pools = {**venue.pools, "cross": replace(venue.pools["cross"], bad_debt=missing)}
    return replace(venue, custody=custody, pools=pools)


def with_backstop(venue: Venue, equity: int, market: str = "", lots: int = 0) -> Venue:
    """The venue with this equity in the backstop of its cross pool, and lots bought at the mark."""
    positions = {market: Position(lots, lots * venue.marks[market])} if market else {}
    backstop = replace(venue.accounts["backstop:cross"], wallet=equity, positions=positions)
    return replace(venue, accounts={**venue.accounts, "backstop:cross": backstop})


@cache
def venue_of(name: str) -> Venue:
    """The venues that the ladders name in their first column."""
    if name == "tiny":
        return tiny_position()
    opened = played(POLICY, OPENING)
    full = played(POLICY, OPENING + AND_ORDERS)
    # a4 waits to be closed at the first of these marks, and may be taken over at the second.
    weak = replace(full, marks={**full.marks, "BTC-PERP": 73_500})
    ruined = replace(full, marks={**full.marks, "BTC-PERP": 71_500})
    return {
        "weak": weak,
        "peak": played(POLICY, PEAK),
        "ruined": ruined,
        "crushed": with_backstop(ruined, 1_000, "BTC-PERP", 10),
        "elsewhere": with_backstop(ruined, 100_000, "ETH-PERP", 1),
        "narrow": replace(
            with_backstop(ruined, 100_000), policy=replace(POLICY, backstop_notional_max=71_499)
        ),
        "funded": with_backstop(ruined, 100_000),
        "open": opened,
        "high": replace(opened, marks={**opened.marks, "BTC-PERP": 1_000_000}),
        "full": replace(full, marks={**full.marks, "BTC-PERP": 1_000_000}),
        "in debt": with_bad_debt(opened, 100),
        "lenient": with_bad_debt(played(replace(POLICY, bad_debt_gate="up_to_custody"), OPENING), 100),
    }[name]


def tiny_position() -> Venue:
    """At or below: a lot of one quantum, for which both margins are one quantum, and equity of three."""
    market = replace(MARKET, band=0)
    policy = replace(
        POLICY,
        trigger="at_or_below",
        fee_taker=0,
        fee_maker=0,
        transfer_rate=0,
        markets={"BTC-PERP": market},
        draw_limits={"cross": 1},
        isolated=(),
    )
    story = """
        prices BTC-PERP 1
        deposit a1 3 owner alice pool cross
        deposit a2 3 owner bob pool cross
        order a2 BTC-PERP buys 0 sells 1
        trade a1 buys 1 BTC-PERP from a2 at 1
    """
    return played(policy, story)


def answer_of(row: Rung) -> str:
    """What the law says to a row: "accepted", or rule and reason."""
    venue = venue_of(row.venue)
    refusal = apply(venue, row.event_at(venue)).refusal
    return "accepted" if refusal is None else f"{refusal.rule} {refusal.reason}"


DEPOSIT = """
    open | deposit new 0 @ 9                                       | EVT-1 time_goes_back
    open | deposit new 0                                           | EVT-2 amount_too_small
    open | deposit new 900_000_000                                 | DEP-1 owner_or_pool_missing
    open | deposit new 900_000_000 owner dora pool NOWHERE         | DEP-1 owner_or_pool_missing
    open | deposit new 900_000_000 owner house pool cross          | DEP-1 reserved_for_the_house
    open | deposit backstop:SOL-PERP 900_000_000 owner dora pool cross | DEP-1 reserved_for_the_house
    open | deposit a1 900_000_000 owner bob pool ETH-PERP          | DEP-2 owned_by_another
    open | deposit a1 900_000_000 owner alice pool ETH-PERP        | DEP-2 in_another_pool
    open | deposit a1 900_000_000 owner alice pool cross           | LIM-4 venue_is_full
    open | deposit a1 699_969_001 owner alice pool cross           | LIM-4 venue_is_full
    open | deposit a1 699_969_000 owner alice pool cross           | accepted
"""


@ladder("EVT-1", "EVT-2", "DEP-1", "DEP-2", "LIM-4", rows=DEPOSIT)
def test_deposits_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


WITHDRAW = """
    in debt | withdraw nobody 0 @ 9       | EVT-1 time_goes_back
    in debt | withdraw nobody 0           | EVT-2 amount_too_small
    in debt | withdraw nobody 900_000_000 | EVT-3 unknown_account
    in debt | withdraw a1 900_000_000     | WDR-1 bad_debt_stands
    lenient | withdraw a1 99_999_901      | WDR-2 not_in_wallet
    lenient | withdraw a1 99_999_900      | WDR-3 equity_below_requirement
    lenient | withdraw a1 99_979_901      | WDR-3 equity_below_requirement
    lenient | withdraw a1 99_979_900      | WDR-4 not_in_custody
    lenient | withdraw a1 101             | WDR-4 not_in_custody
    lenient | withdraw a1 100             | accepted
"""


@ladder("EVT-1", "EVT-2", "EVT-3", "WDR-1", "WDR-2", "WDR-3", "WDR-4", rows=WITHDRAW)
def test_withdrawals_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


WITHDRAW_AT_THE_MARGIN = """
    tiny | withdraw a1 4 | WDR-2 not_in_wallet
    tiny | withdraw a1 3 | WDR-3 equity_below_requirement
    tiny | withdraw a1 2 | WDR-3 would_be_liquidatable
    tiny | withdraw a1 1 | accepted
"""


@ladder("WDR-2", "WDR-3", rows=WITHDRAW_AT_THE_MARGIN)
def test_under_at_or_below_a_quantum_more_than_the_margin_must_stay(row: Rung) -> None:
    assert answer_of(row) == row.answer


TRANSFER = """
    in debt | transfer nobody to nobody 0 @ 9       | EVT-1 time_goes_back
    in debt | transfer nobody to nobody 0           | EVT-2 amount_too_small
    in debt | transfer nobody to nobody 900_000_000 | EVT-3 unknown_account
    in debt | transfer a1 to a1 900_000_000         | TRF-1 same_account
    in debt | transfer a1 to backstop:ETH-PERP 9    | TRF-1 different_owners
    in debt | transfer a1 to e1 900_000_000         | TRF-2 bad_debt_stands
    open    | transfer a1 to e1 900_000_000         | WDR-2 not_in_wallet
    open    | transfer a1 to e1 99_999_900          | WDR-3 equity_below_requirement
    open    | transfer a1 to e1 99_979_900          | accepted
"""


@ladder("EVT-1", "EVT-2", "EVT-3", "TRF-1", "TRF-2", "WDR-2", "WDR-3", rows=TRANSFER)
def test_transfers_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


ORDER = """
    open | order nobody NOWHERE buys -1 sells 99 @ 9 | EVT-1 time_goes_back
    open | order nobody NOWHERE buys -1 sells 99     | EVT-2 amount_too_small
    open | order nobody NOWHERE buys 0 sells 99      | EVT-3 unknown_account
    open | order e1 NOWHERE buys 0 sells 99          | EVT-3 unknown_market
    open | order backstop:ETH-PERP SOL-PERP buys 0 sells 99 | ORD-2 backstop_rests_no_orders
    open | order e1 SOL-PERP buys 0 sells 99         | TRD-1 no_mark
    open | order e1 BTC-PERP buys 0 sells 99         | TRD-3 market_not_in_pool
    open | order a1 ETH-PERP buys 0 sells 11         | LIM-1 size_above_limit
    open | order a1 ETH-PERP buys 0 sells 10         | LIM-2 too_many_markets
    open | order a3 ETH-PERP buys 0 sells 10         | ORD-1 equity_below_initial
    open | order a3 ETH-PERP buys 0 sells 2          | ORD-1 equity_below_initial
    open | order a3 ETH-PERP buys 0 sells 1          | accepted
"""


@ladder("EVT-1", "EVT-2", "EVT-3", "ORD-2", "TRD-1", "TRD-3", "LIM-1", "LIM-2", "ORD-1", rows=ORDER)
def test_orders_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


TRADE = """
    open | trade nobody takes hold 0 NOWHERE with nobody at 0 @ 9  | EVT-1 time_goes_back
    open | trade nobody takes hold 0 NOWHERE with nobody at 0      | EVT-2 amount_too_small
    open | trade nobody takes hold 99 NOWHERE with nobody at 0     | EVT-2 amount_too_small
    open | trade nobody takes hold 99 NOWHERE with nobody at 1     | EVT-2 neither_buy_nor_sell
    open | trade nobody buys 99 NOWHERE from nobody at 1           | EVT-3 unknown_account
    open | trade e1 buys 99 NOWHERE from e1 at 1                   | EVT-3 unknown_market
    open | trade e1 buys 99 SOL-PERP from e1 at 1                  | TRD-1 no_mark
    high | trade e1 buys 99 BTC-PERP from e1 at 1_200_000          | TRD-2 trades_with_itself
    high | trade e1 buys 99 BTC-PERP from a2 at 1_200_000          | TRD-3 market_not_in_pool
    high | trade a3 buys 99 BTC-PERP from a2 at 1_100_001          | TRD-4 price_outside_band
    high | trade a3 buys 11 BTC-PERP from a2 at 1_100_000          | TRD-5 maker_offers_less
    full | trade a1 buys 5 BTC-PERP from a2 at 1_100_000           | LIM-1 size_above_limit
    full | trade a5 buys 5 BTC-PERP from a2 at 1_100_000           | LIM-2 too_many_markets
    high | trade a3 buys 5 BTC-PERP from a2 at 1_000_001           | LIM-3 price_above_limit
    high | trade a3 buys 5 BTC-PERP from a2 at 1_000_000           | TRD-7 not_admitted
    high | trade a1 buys 5 BTC-PERP from a2 at 1_000_000           | accepted
"""


@ladder(
    *("EVT-1", "EVT-2", "EVT-3", "TRD-1", "TRD-2", "TRD-3", "TRD-4", "TRD-5"),
    *("LIM-1", "LIM-2", "LIM-3", "TRD-7"),
    rows=TRADE,
)
def test_trades_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


PRICES = """
    open | prices NOWHERE 0 BTC-PERP 0 @ 9 | EVT-1 time_goes_back
    open | prices NOWHERE 0 BTC-PERP 0     | EVT-3 unknown_market
    open | prices                          | PRC-1 no_market_named
    open | prices BTC-PERP 0               | PRC-1 price_below_one_tick
    open | prices BTC-PERP 1_000_001       | PRC-2 price_above_limit
    open | prices BTC-PERP 70_049          | accepted
"""


@ladder("EVT-1", "EVT-3", "PRC-1", "PRC-2", rows=PRICES)
def test_prices_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


FUNDING = """
    open | funding NOWHERE 900_001 @ 9 | EVT-1 time_goes_back
    open | funding NOWHERE 900_001     | EVT-3 unknown_market
    open | funding SOL-PERP 900_001    | TRD-1 no_mark
    open | funding BTC-PERP 900_001    | FUN-1 rate_above_cap
    open | funding BTC-PERP 900_000    | accepted
"""


@ladder("EVT-1", "EVT-3", "TRD-1", "FUN-1", rows=FUNDING)
def test_funding_is_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


@pytest.mark.parametrize("line", ["prices BTC-PERP 70_049", "funding BTC-PERP 900_000"])
def test_prices_and_funding_are_not_refused_for_the_sake_of_an_account(line: str) -> None:
    """They leave a4 bankrupt, and it is resolved before they end."""
    venue = venue_of("open")
    outcome = apply(venue, parse_event(line, venue.clock))
    assert outcome.refusal is None
    assert outcome.venue.accounts["a4"].wallet == 0 and not outcome.venue.accounts["a4"].positions


LIQUIDATION_FILL = """
    weak | liquidation_fill nobody 0 NOWHERE by nobody at 0 @ 9 | EVT-1 time_goes_back
    weak | liquidation_fill nobody 0 NOWHERE by nobody at 0     | EVT-2 amount_too_small
    weak | liquidation_fill nobody 99 NOWHERE by nobody at 0    | EVT-2 amount_too_small
    weak | liquidation_fill nobody 99 NOWHERE by nobody at 1    | EVT-3 unknown_account
    weak | liquidation_fill a2 99 NOWHERE by nobody at 1        | EVT-3 unknown_account
    weak | liquidation_fill a2 99 NOWHERE by a2 at 1            | EVT-3 unknown_market
    weak | liquidation_fill a2 99 SOL-PERP by a2 at 1           | LIQ-1 not_liquidatable
    weak | liquidation_fill a4 99 SOL-PERP by a4 at 1           | LIQ-2 no_position
    weak | liquidation_fill a4 99 BTC-PERP by a4 at 1           | TRD-2 trades_with_itself
    weak | liquidation_fill a4 99 BTC-PERP by e1 at 1           | TRD-3 market_not_in_pool
    weak | liquidation_fill a4 99 BTC-PERP by a1 at 66_149      | LIQ-6 price_outside_band
    weak | liquidation_fill a4 2 BTC-PERP by a1 at 66_150       | LIQ-2 more_than_size_rule
    weak | liquidation_fill a4 1 BTC-PERP by a1 at 66_150       | LIM-1 size_above_limit
    weak | liquidation_fill a4 1 BTC-PERP by a5 at 66_150       | LIM-2 too_many_markets
    peak | liquidation_fill s1 1 BTC-PERP by a2 at 1_000_001    | LIM-3 price_above_limit
    weak | liquidation_fill a4 1 BTC-PERP by a3 at 70_049       | LIQ-4 ratio_would_fall
    weak | liquidation_fill a4 1 BTC-PERP by a3 at 70_050       | TRD-7 not_admitted
    weak | liquidation_fill a4 1 BTC-PERP by a2 at 70_050       | accepted
"""


@ladder(
    *("EVT-1", "EVT-2", "EVT-3", "LIQ-1", "LIQ-2", "TRD-2", "TRD-3", "LIQ-6"),
    *("LIM-1", "LIM-2", "LIM-3", "LIQ-4", "TRD-7"),
    rows=LIQUIDATION_FILL,
)
def test_liquidation_fills_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


TAKEOVER = """
    ruined    | takeover nobody @ 9      | EVT-1 time_goes_back
    ruined    | takeover nobody          | EVT-3 unknown_account
    weak      | takeover a4              | TKO-1 above_takeover_trigger
    crushed   | takeover backstop:cross  | TKO-2 its_own_backstop
    crushed   | takeover a4              | LIM-1 size_above_limit
    elsewhere | takeover a4              | LIM-2 too_many_markets
    narrow    | takeover a4              | TKO-3 backstop_is_full
    ruined    | takeover a4              | TKO-3 backstop_below_initial
    funded    | takeover a4              | accepted
"""


@ladder("EVT-1", "EVT-3", "TKO-1", "TKO-2", "LIM-1", "LIM-2", "TKO-3", rows=TAKEOVER)
def test_takeovers_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


FUND_DEPOSIT = """
    open | fund_deposit NOWHERE 0 @ 9       | EVT-1 time_goes_back
    open | fund_deposit NOWHERE 0           | EVT-2 amount_too_small
    open | fund_deposit NOWHERE 900_000_000 | EVT-3 unknown_pool
    open | fund_deposit cross 900_000_000   | LIM-4 venue_is_full
    open | fund_deposit cross 5             | accepted
"""


@ladder("EVT-1", "EVT-2", "EVT-3", "LIM-4", rows=FUND_DEPOSIT)
def test_fund_deposits_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


FEE_WITHDRAWAL = """
    in debt | fee_withdrawal NOWHERE 0 @ 9 | EVT-1 time_goes_back
    in debt | fee_withdrawal NOWHERE 0     | EVT-2 amount_too_small
    in debt | fee_withdrawal NOWHERE 121   | EVT-3 unknown_pool
    in debt | fee_withdrawal cross 121     | WDR-1 bad_debt_stands
    lenient | fee_withdrawal cross 121     | FEE-3 not_in_fee_pool
    lenient | fee_withdrawal cross 120     | WDR-4 not_in_custody
    lenient | fee_withdrawal cross 100     | accepted
"""


@ladder("EVT-1", "EVT-2", "EVT-3", "WDR-1", "FEE-3", "WDR-4", rows=FEE_WITHDRAWAL)
def test_fee_withdrawals_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


# ------------------------------------------------------------------------------------- nothing is missing


TABLES = {
    "deposit": DEPOSIT,
    "withdraw": WITHDRAW + WITHDRAW_AT_THE_MARGIN,
    "transfer": TRANSFER,
    "order": ORDER,
    "trade": TRADE,
    "prices": PRICES,
    "funding": FUNDING,
    "liquidation_fill": LIQUIDATION_FILL,
    "takeover": TAKEOVER,
    "fund_deposit": FUND_DEPOSIT,
    "fee_withdrawal": FEE_WITHDRAWAL,
}


def test_every_refusal_of_the_law_has_a_row() -> None:
    assert len(reasons_of_the_law()) > 40
    shown = {rung.answer for table in TABLES.values() for rung in rungs_of(table)} - {"accepted"}
    assert shown == set(reasons_of_the_law())


@pytest.mark.parametrize("name", TABLES)
def test_the_ladder_climbs_every_rule_that_may_refuse(name: str) -> None:
    rules = dict.fromkeys(rung.rule for rung in rungs_of(TABLES[name]))
    assert tuple(rule for rule in rules if rule is not None) == LADDERS[EVENT_TYPES[name]]


@pytest.mark.parametrize("name", TABLES)
def test_the_code_asks_the_rules_in_the_order_of_the_ladder(name: str) -> None:
    kind = EVENT_TYPES[name]
    of_every_event = [rule for rule, _ in refusals_of(refuse_event.__name__)]
    own = [rule for rule, _ in refusals_of(HANDLERS[kind].__name__)]
    asked = list(dict.fromkeys([*of_every_event, *own]))
    if kind in (Prices, Funding, Takeover):
        asked.remove("EVT-2")  # none of them carries an amount that is asked for
    if kind is Deposit:
        asked.remove("EVT-3")  # a deposit opens the account it names
    assert tuple(asked) == LADDERS[kind]


def test_the_ladders_stand_on_valid_policies() -> None:
    for policy in (POLICY, venue_of("tiny").policy, venue_of("narrow").policy):
        assert faults(policy) == ()
