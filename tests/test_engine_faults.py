"""Faults and sums of the engine that drawn histories seldom meet: what changes of its source left unnoticed.

Goal: a transition that leaves the domain half-way is taken back whole, whichever entry it was; the least
equity that an audit asks for is the law's; so are the lots that restore where amounts are no whole quanta.
Method: venues made for it, a quantum below a bound.
"""

from dataclasses import replace

import pytest

from fastpath import domain
from fastpath.engine import DomainError, Engine
from marginspec.policy_file import read_policy
from marginspec.story import parse_event
from refmodel.events import LiquidationFill
from refmodel.policy import BRACKET, RESTORE, Liquidation, Schedule, tiers_from
from refmodel.state import CROSS, Account, Position, genesis
from refmodel.state import equity as equity_of
from refmodel.venue import apply
from tests.support import reaches

MINIMAL = read_policy("minimal")
LIQUIDATABLE = """
    prices BTC-PERP 60_000 @ 10
    deposit a1 60_600 owner alice pool cross
    deposit b1 10_000_000 owner bob pool cross
    order b1 BTC-PERP buys 0 sells 100
    trade a1 buys 10 BTC-PERP from b1 at 60_000
    prices BTC-PERP 55_300 @ 20
"""
FILL = "liquidation_fill a1 1 BTC-PERP by b1 at 55_300"


def played(story):
    """The venue of a story, by the law."""
    venue = genesis(MINIMAL)
    for line in filter(str.strip, story.splitlines()):
        outcome = apply(venue, parse_event(line, venue.clock))
        assert outcome.refusal is None, (line, outcome.refusal)
        venue = outcome.venue
    return venue


def with_more(venue, *, fees=0, wallet=0):
    """The venue with more fees, and more in the wallet of b1; as bad debt is recorded what custody does not
    cover.
    """
    pool, account = venue.pools[CROSS], venue.accounts["b1"]
    pool = replace(pool, fee_pool=pool.fee_pool + fees, bad_debt=pool.bad_debt + fees + wallet)
    account = replace(account, wallet=account.wallet + wallet)
    return replace(venue, pools={**venue.pools, CROSS: pool}, accounts={**venue.accounts, "b1": account})


def test_a_fill_of_which_a_part_does_not_fit_is_taken_back_whole():
    venue = played(LIQUIDATABLE)
    event = parse_event(FILL, venue.clock)
    after = apply(venue, event)
    assert after.refusal is None
    gain = after.venue.accounts["b1"].wallet - venue.accounts["b1"].wallet
    fees = after.venue.pools[CROSS].fee_pool - venue.pools[CROSS].fee_pool
    assert gain > 0 and fees > 0
    for more in (
        {"wallet": domain.WALLET_MAX - venue.accounts["b1"].wallet},
        {"fees": domain.POOL_MAX - venue.pools[CROSS].fee_pool},
    ):
        engine = Engine.from_venue(with_more(venue, **more))
        before = engine.digest()
        with pytest.raises(DomainError):
            engine.apply(event)
        assert engine.digest() == before
        (field,) = more
        more[field] -= gain + fees
        assert Engine.from_venue(with_more(venue, **more)).apply(event).refusal is None


@pytest.mark.parametrize("price", [55_300, 60_000, 61_000])
def test_the_least_equity_of_the_columns_is_the_laws(price):
    venue = played(LIQUIDATABLE.replace("55_300", f"{price:_}"))
    venue = replace(venue, accounts={**venue.accounts, "a1": replace(venue.accounts["a1"], wallet=-3)})
    engine = Engine.from_venue(venue)
    _, _, least, who = engine.core.books()
    equities = {name: equity_of(venue, account) for name, account in venue.accounts.items()}
    assert least == min(equities.values())
    assert equities[engine.accounts[who]] == least


def test_the_books_balance_where_the_costs_of_long_and_short_differ():
    more = """
        deposit c1 1_000_000 owner carol pool cross
        order c1 BTC-PERP buys 0 sells 4
        trade b1 buys 4 BTC-PERP from c1 at 55_300
    """
    venue = played(LIQUIDATABLE + more)
    assert sum(account.positions["BTC-PERP"].cost for account in venue.accounts.values() if account.positions)
    assert Engine.from_venue(venue).core.books()[:2] == (0, [0])


@reaches("all lots", "some lots")
def test_restore_counts_what_the_amount_of_a_tier_leaves_of_a_quantum(reached):
    """Floors whose published amounts are no whole quanta; a refusal of too many lots says how many may go."""
    market = MINIMAL.markets["BTC-PERP"]
    tiers = tiers_from(((0, 25_000), (7, 33_333), (901, 50_001), (2_003, 90_007)))
    market = replace(
        market,
        multiplier=1,
        maintenance=Schedule(BRACKET, tiers),
        initial=Schedule(BRACKET, tiers),
        liquidation=Liquidation(RESTORE, penalty=1_000, band=900_000, buffer=3),
    )
    policy = replace(MINIMAL, markets={"BTC-PERP": market})
    for size in (50, 400):
        cost = size * 10
        for wallet in range(cost // 8):
            accounts = {
                **genesis(policy).accounts,
                "a1": Account("alice", CROSS, wallet, {"BTC-PERP": Position(size, cost)}, {}),
                "b1": Account("bob", CROSS, 10**9, {"BTC-PERP": Position(-size, -cost)}, {}),
            }
            venue = replace(genesis(policy), marks={"BTC-PERP": 10}, accounts=accounts)
            for price in (9, 10):
                event = LiquidationFill(0, "a1", "b1", "BTC-PERP", size + 1, price)
                law, found = apply(venue, event).refusal, Engine.from_venue(venue).apply(event).refusal
                assert (found.rule, found.reason, found.numbers) == (law.rule, law.reason, law.numbers)
                if law.reason == "more_than_size_rule":
                    reached("all lots" if law.numbers["closable"] == size else "some lots")
