"""The engine and the last quanta of a loss (chapter 11). Goal: who pays for them is as the law says.

Method: venues made for one sentence of LOS-4 and LOS-5 each, small enough to be worked out by hand; the law
and the engine are asked, and the answer is compared with the hand's.
"""

from dataclasses import replace

from fastpath.engine import Engine
from marginspec.fast import plain_postings
from marginspec.policy_file import read_policy
from refmodel.canonical import digest
from refmodel.events import Prices
from refmodel.state import CROSS, Account, Pool, Position, genesis
from refmodel.venue import apply

MARKET = "BTC-PERP"
MARK = 60_000
MINIMAL = replace(read_policy("minimal"), stages=("payers",))


def account(name, wallet, size=0, cost=0):
    """An account of the cross pool."""
    return Account(name, CROSS, wallet, {MARKET: Position(size, cost)} if size else {}, {})


def venue_with(loss, profits, flat=0, bad_debt=0):
    """A bankrupt account without a position, winners and flat accounts in one pool; the books balance.

    loss     quanta below zero of the bankrupt account
    profits  of each winner at MARK, quanta; its wallet is large
    flat     accounts that have quanta and no position
    """
    venue = genesis(MINIMAL)
    accounts = dict(venue.accounts)
    accounts["bankrupt"] = account("bankrupt", -loss)
    for number, profit in enumerate(profits):
        accounts[f"winner{number}"] = account(f"winner{number}", 10**6, 1, MARK - profit)
    for number in range(flat):
        accounts[f"flat{number}"] = account(f"flat{number}", 1_000)
    # Opposite to all winners stands one account that can bear it.
    count, gained = len(profits), sum(profits)
    accounts["other"] = account("other", 10**7, -count, gained - count * MARK)
    held = sum(account.wallet for account in accounts.values())
    pools = venue.pools | {CROSS: replace(venue.pools.get(CROSS, Pool()), bad_debt=bad_debt)}
    return replace(venue, marks={MARKET: MARK}, accounts=accounts, pools=pools, custody=held - bad_debt)


def both(venue):
    """The venue after the same marks again, on both sides alike; the law's."""
    engine, event = Engine.from_venue(venue), Prices(1, {MARKET: MARK})
    found, wanted = engine.apply(event), apply(venue, event)
    assert wanted.refusal is None and found.refusal is None
    assert found.postings == plain_postings(wanted)
    assert engine.digest() == digest(wanted.venue)
    assert wanted.venue.accounts["bankrupt"].wallet == 0
    return wanted.venue


def paid(before, after, name):
    """What a winner has paid: its open cost has risen by so much."""
    return after.accounts[name].positions[MARKET].cost - before.accounts[name].positions[MARKET].cost


def test_accounts_without_a_weight_do_not_make_a_loss_small():
    before = venue_with(loss=3, profits=(100, 100), flat=5)
    after = both(before)
    # Two payers and three quanta: no small loss. Each pays half of it, rounded up; one quantum is left over.
    assert [paid(before, after, f"winner{number}") for number in range(2)] == [2, 2]
    assert after.pools[CROSS].fund == 1


def test_a_loss_of_fewer_quanta_than_payers_is_taken_from_the_largest():
    before = venue_with(loss=2, profits=(100, 300, 200), flat=5)
    after = both(before)
    assert [paid(before, after, f"winner{number}") for number in range(3)] == [0, 2, 0]
    assert after.pools[CROSS].fund == 0


def test_what_rounding_leaves_over_repays_bad_debt_first_and_no_more_than_that():
    before = venue_with(loss=4, profits=(100, 100, 100), bad_debt=1)
    after = both(before)
    assert [paid(before, after, f"winner{number}") for number in range(3)] == [2, 2, 2]
    assert (after.pools[CROSS].bad_debt, after.pools[CROSS].fund) == (0, 1)


def test_a_backstop_that_came_to_a_side_is_closed_against_the_next_account():
    policy = replace(read_policy("minimal"), stages=("backstop",))
    venue = genesis(policy)
    backstop = venue.accounts["backstop:cross"]
    accounts = venue.accounts | {
        "backstop:cross": replace(backstop, wallet=10**7),
        "long": account("long", -100, 5, 5 * MARK),
        # Of a pool whose own backstop has nothing.
        "short": replace(account("short", -50, -5, -5 * MARK), pool=MARKET),
    }
    pools = venue.pools | {CROSS: replace(venue.pools[CROSS], fund=1_000)}
    venue = replace(venue, marks={MARKET: MARK}, accounts=accounts, pools=pools, custody=10**7 - 150 + 1_000)
    engine, event = Engine.from_venue(venue), Prices(1, {MARKET: MARK})
    found, wanted = engine.apply(event), apply(venue, event)
    assert found.postings == plain_postings(wanted) and engine.digest() == digest(wanted.venue)
    taken = [posting for posting in wanted.postings if getattr(posting, "rule", "") == "ADL-8"]
    assert any(posting.place.holder == "backstop:cross" for posting in taken if hasattr(posting, "place"))
    assert not any(held.positions for held in wanted.venue.accounts.values())


def test_a_backstop_that_was_flat_for_a_moment_keeps_its_place_in_the_ranking():
    policy = replace(read_policy("minimal"), stages=("backstop",))
    venue = genesis(policy)
    backstop = replace(account("", 10**7, 1, MARK - 100), owner=venue.accounts["backstop:cross"].owner)
    accounts = venue.accounts | {
        # First of the longs: it alone has a profit.
        "backstop:cross": backstop,
        "second": account("second", 10**6, 2, 2 * MARK),
        "other": account("other", 10**6, -1, -MARK + 100),
        # In the order of their deficits: it closes its last lot, is passed by, takes one, and is asked again.
        "b1": account("b1", -400, -1, -MARK),
        "b2": replace(account("b2", -300, -1, -MARK), pool=MARKET),
        "b3": account("b3", -200, 1, MARK),
        "b4": replace(account("b4", -100, -1, -MARK), pool=MARKET),
    }
    pools = venue.pools | {CROSS: replace(venue.pools[CROSS], fund=10_000)}
    custody = sum(one.wallet for one in accounts.values()) + 10_000
    venue = replace(venue, marks={MARKET: MARK}, accounts=accounts, pools=pools, custody=custody)
    engine, event = Engine.from_venue(venue), Prices(1, {MARKET: MARK})
    found, wanted = engine.apply(event), apply(venue, event)
    assert found.postings == plain_postings(wanted) and engine.digest() == digest(wanted.venue)
    assert MARKET not in wanted.venue.accounts["backstop:cross"].positions
    assert wanted.venue.accounts["second"].positions[MARKET].size == 1
