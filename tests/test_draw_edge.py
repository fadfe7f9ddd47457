"""Drawn venues at the edge. Goal: they are venues of the law, and a few events reach the deep stages of the
waterfall from them, which histories from genesis seldom do. Method: the law itself on drawn venues of
policies that ship, by fixed seeds.
"""

from collections import Counter

import pytest

from marginspec.conform.compare import rules_of
from marginspec.policy_file import read_policy
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_edge import draw_edge, draw_shock
from marginspec.search.scene import draw_scene, narrowed
from refmodel.postings import books_gap, lots_gap
from refmodel.state import CROSS, equity
from refmodel.venue import apply

DEEP = {"ADL-7", "ADL-8", "INS-4", "LOS-2", "LOS-5", "LOS-6"}


def edges(name, count):
    """Venues at the edge, each with its choices and its scene."""
    whole = read_policy(name)
    for number in range(count):
        choices = SeededChoices(f"edge:{number}")
        policy = narrowed(choices, whole)
        scene = draw_scene(choices, policy)
        venue = draw_edge(choices, scene)
        if venue is not None:
            yield choices, scene, venue


@pytest.mark.parametrize("name", ["minimal", "binance-usdm", "dydx-like"])
def test_venues_at_the_edge_are_venues_of_the_law(name):
    venues = [venue for _, _, venue in edges(name, 60)]
    assert len(venues) > 50
    for venue in venues:
        assert books_gap(venue) == 0
        assert all(lots_gap(venue, market) == 0 for market in venue.marks)
        for account in venue.accounts.values():
            assert equity(venue, account) >= 0
            assert account.pool == CROSS or set(account.positions) <= {account.pool}
        assert 0 <= venue.custody <= venue.policy.venue_total_max


def test_shocks_reach_the_deep_stages():
    reached = Counter()
    for choices, scene, venue in edges("minimal", 300):
        for _ in range(4):
            outcome = apply(venue, draw_shock(choices, venue, scene))
            assert outcome.refusal is None
            reached.update(rules_of(outcome))
            venue = outcome.venue
    assert reached.keys() >= DEEP, DEEP - reached.keys()
