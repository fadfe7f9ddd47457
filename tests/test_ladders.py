"""The refusals. Goal: the first rule that applies is the answer, and every reason of the law can be met.
Method: one ladder per event type, in the notation of stories: each row cures one fault of the row before it,
until the event is accepted; and the order is read out of the code as well.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import refmodel
from marginspec.search.reach.ladders import LADDERS
from marginspec.story import format_outcome, parse_event
from refmodel.canonical import EVENT_TYPES
from refmodel.events import Deposit, Funding, Prices
from refmodel.policy import Market, Policy, Schedule, Tier
from refmodel.state import Venue, genesis
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
    penalty=0,
    funding_cap=900_000,
    initial=Schedule("whole", (Tier(0, 100_000),)),
    maintenance=Schedule("bracket", (Tier(0, 50_000),)),
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
    draw_period=86_400_000,
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


@cache
def venue_of(name: str) -> Venue:
    """The venues that the ladders name in their first column."""
    if name == "tiny":
        return tiny_position()
    opened = played(POLICY, OPENING)
    full = played(POLICY, OPENING + AND_ORDERS)
    return {
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
    open | order e1 SOL-PERP buys 0 sells 99         | TRD-1 no_mark
    open | order e1 BTC-PERP buys 0 sells 99         | TRD-3 market_not_in_pool
    open | order a1 ETH-PERP buys 0 sells 11         | LIM-1 size_above_limit
    open | order a1 ETH-PERP buys 0 sells 10         | LIM-2 too_many_markets
    open | order a3 ETH-PERP buys 0 sells 10         | ORD-1 equity_below_initial
    open | order a3 ETH-PERP buys 0 sells 2          | ORD-1 equity_below_initial
    open | order a3 ETH-PERP buys 0 sells 1          | accepted
"""


@ladder("EVT-1", "EVT-2", "EVT-3", "TRD-1", "TRD-3", "LIM-1", "LIM-2", "ORD-1", rows=ORDER)
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
    open | prices BTC-PERP 70_049          | INV-1 would_be_bankrupt
    open | prices BTC-PERP 70_050          | accepted
"""


@ladder("EVT-1", "EVT-3", "PRC-1", "PRC-2", "INV-1", rows=PRICES)
def test_prices_are_refused_in_the_order_of_the_law(row: Rung) -> None:
    assert answer_of(row) == row.answer


FUNDING = """
    open | funding NOWHERE 900_001 @ 9 | EVT-1 time_goes_back
    open | funding NOWHERE 900_001     | EVT-3 unknown_market
    open | funding SOL-PERP 900_001    | TRD-1 no_mark
    open | funding BTC-PERP 900_001    | FUN-1 rate_above_cap
    open | funding BTC-PERP 900_000    | INV-1 would_be_bankrupt
    open | funding BTC-PERP 299_510    | INV-1 would_be_bankrupt
    open | funding BTC-PERP 299_500    | accepted
"""


@ladder("EVT-1", "EVT-3", "TRD-1", "FUN-1", "INV-1", rows=FUNDING)
def test_funding_is_refused_in_the_order_of_the_law(row: Rung) -> None:
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
    "fund_deposit": FUND_DEPOSIT,
    "fee_withdrawal": FEE_WITHDRAWAL,
}
SOURCES = Path(inspect.getfile(refmodel)).parent


def calls_in_order(node: ast.AST) -> list[ast.Call]:
    """The calls below a node, in the order in which they are written."""
    calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def name_of(call: ast.Call) -> str:
    """The name of the function that is called."""
    return call.func.id if isinstance(call.func, ast.Name) else ""


def functions_of_the_law() -> dict[str, ast.FunctionDef]:
    """Every function of refmodel, by name."""
    found = {}
    for path in sorted(SOURCES.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = node
    return found


def refusals_of(function: ast.FunctionDef, known: dict[str, ast.FunctionDef]) -> Iterator[tuple[str, str]]:
    """Rule and reason of every refusal that a function may give, its helpers' in their place."""
    for call in calls_in_order(function):
        if name_of(call) == "refuse":
            rule, reason = (argument for argument in call.args[1:3])
            assert isinstance(rule, ast.Constant), ast.unparse(call)
            assert isinstance(reason, ast.Constant), ast.unparse(call)
            yield str(rule.value), str(reason.value)
        elif name_of(call).startswith("refuse_"):
            yield from refusals_of(known[name_of(call)], known)


def test_every_refusal_of_the_law_has_a_row() -> None:
    known = functions_of_the_law()
    written = {one for function in known.values() for one in refusals_of(function, known)}
    assert len(written) > 30
    shown = {rung.answer for table in TABLES.values() for rung in rungs_of(table)} - {"accepted"}
    assert shown == {f"{rule} {reason}" for rule, reason in written}


@pytest.mark.parametrize("name", TABLES)
def test_the_ladder_climbs_every_rule_that_may_refuse(name: str) -> None:
    rules = dict.fromkeys(rung.rule for rung in rungs_of(TABLES[name]))
    assert tuple(rule for rule in rules if rule is not None) == LADDERS[EVENT_TYPES[name]]


@pytest.mark.parametrize("name", TABLES)
def test_the_code_asks_the_rules_in_the_order_of_the_ladder(name: str) -> None:
    known = functions_of_the_law()
    kind = EVENT_TYPES[name]
    of_every_event = [rule for rule, _ in refusals_of(known[refuse_event.__name__], known)]
    own = [rule for rule, _ in refusals_of(known[HANDLERS[kind].__name__], known)]
    asked = list(dict.fromkeys([*of_every_event, *own]))
    if kind in (Prices, Funding):
        asked.remove("EVT-2")  # neither carries an amount that is asked for
    if kind is Deposit:
        asked.remove("EVT-3")  # a deposit opens the account it names
    assert tuple(asked) == LADDERS[kind]


def test_the_ladders_stand_on_valid_policies() -> None:
    for policy in (POLICY, venue_of("tiny").policy):
        assert faults(policy) == ()
