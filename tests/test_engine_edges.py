"""The engine at edges that drawn histories seldom meet. Goal: there, too, it says what the law says.

Method: values at a bound and one beyond it; and for closes by tier a sweep over wallets, in which equity and
margin after the close are equal to the millionth of a quantum again and again.
"""

from dataclasses import replace

import pytest

from fastpath import domain
from fastpath.engine import DomainError, Engine
from marginspec.fast import plain_postings
from marginspec.policy_file import read_policy
from refmodel.canonical import digest
from refmodel.events import LiquidationFill
from refmodel.liquidation import closable_lots
from refmodel.policy import WHOLE, Schedule, Tier
from refmodel.state import CROSS, Account, Position, genesis
from refmodel.venue import apply

MARKET = "BTC-PERP"
MINIMAL = read_policy("minimal")


def test_a_check_asks_the_law_up_to_the_bound_of_prices():
    engine = Engine(MINIMAL)
    venue = genesis(MINIMAL)
    accounts = venue.accounts | {"a1": Account("a1", CROSS, 10**6, {}, {})}
    engine = Engine.from_venue(replace(venue, marks={MARKET: 60_000}, accounts=accounts, custody=10**6))
    assert engine.check("a1", MARKET, 1, domain.PRICE_EVENT_MAX)[:2] == (False, "TRD-4")
    assert engine.check("a1", MARKET, 1, 0)[:2] == (False, "EVT-2")


def test_a_period_beyond_the_domain_is_refused():
    assert Engine(replace(MINIMAL, draw_period=2**62)).digest() == digest(
        genesis(replace(MINIMAL, draw_period=2**62))
    )
    with pytest.raises(DomainError, match="draw_period"):
        Engine(replace(MINIMAL, draw_period=2**62 + 1))


def held(policy, wallet, lots, mark):
    """An account with a long, and one that can bear the other side; the books balance."""
    venue = genesis(policy)
    accounts = venue.accounts | {
        "a1": Account("a1", CROSS, wallet, {MARKET: Position(lots, lots * mark)}, {}),
        "b1": Account("b1", CROSS, 10**9, {MARKET: Position(-lots, -lots * mark)}, {}),
    }
    return replace(venue, marks={MARKET: mark}, accounts=accounts, custody=wallet + 10**9)


def test_a_millionth_of_a_quantum_asks_for_one_lot_more():
    # Of 10 lots worth 1 each, 7 need 6.000001 at 857 143 ppm, and the account has 6: one more has to go.
    terms = MINIMAL.markets[MARKET]
    liquidation = replace(terms.liquidation, size="restore", penalty=0, buffer=0)
    schedule = Schedule(WHOLE, (Tier(0, 857_143),))
    terms = replace(terms, multiplier=1, maintenance=schedule, initial=schedule, liquidation=liquidation)
    venue = held(replace(MINIMAL, markets={MARKET: terms}), 6, 10, 1)
    assert closable_lots(venue, venue.accounts["a1"], MARKET, 1) == 4
    event = LiquidationFill(1, "a1", "b1", MARKET, 4, 1)
    found, wanted = Engine.from_venue(venue).apply(event), apply(venue, event)
    assert wanted.refusal is None and found.postings == plain_postings(wanted)


@pytest.mark.parametrize("penalty", [0, 1_000])
def test_closes_by_tier_are_the_same_to_the_millionth_of_a_quantum(penalty):
    tiers = (Tier(0, 100_000), Tier(4_000, 50_000), Tier(7_000, 50_000))
    terms = MINIMAL.markets[MARKET]
    liquidation = replace(terms.liquidation, size="restore", penalty=penalty, buffer=0)
    terms = replace(terms, multiplier=1, maintenance=Schedule(WHOLE, tiers), liquidation=liquidation)
    policy = replace(MINIMAL, markets={MARKET: terms})
    asked, in_tiers = 0, set()
    for wallet in range(1, 1_000, 3):
        venue = held(policy, wallet, 100, 90)
        most = closable_lots(venue, venue.accounts["a1"], MARKET, 90)
        in_tiers.add(sum((100 - most) * 90 > tier.floor for tier in tiers))
        for lots in (most, most + 1):
            event = LiquidationFill(1, "a1", "b1", MARKET, lots, 90)
            engine = Engine.from_venue(venue)
            found, wanted = engine.apply(event), apply(venue, event)
            told = found.refusal and (found.refusal.rule, found.refusal.reason)
            assert told == (wanted.refusal and (wanted.refusal.rule, wanted.refusal.reason)), (wallet, lots)
            assert found.postings == plain_postings(wanted), (wallet, lots)
            asked += wanted.refusal is None
    assert asked >= 250 and in_tiers >= {0, 1, 2}, (asked, in_tiers)
