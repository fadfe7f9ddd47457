"""Which questions follow an event: about the accounts that it touched, and now and then about more.

After every event: wallet, position, equity, both margins and status of what was touched. Where an engine
gives neither postings nor a digest, the pools as well; else of one account, for the rest is told already.
Every few events the prices of a position, the ranking of its market and the pools; more rarely what may be
withdrawn and ordered, for which the law has to search.
"""

from collections.abc import Iterator
from typing import Any

from marginspec.conform.engine import Document
from refmodel.events import Deposit, Event, Funding, Prices
from refmodel.outcome import Outcome
from refmodel.postings import AccountOpened, OrdersSet, Posting
from refmodel.state import Venue
from refmodel.trading import BUY, SELL
from refmodel.venue import accounts_of

ALWAYS = ("wallet", "equity", "margin_initial", "margin_maintenance", "status")
POOL = ("fund", "bad_debt", "fee_pool")
PRICES = ("price_liquidation", "price_bankruptcy")
ACCOUNTS_MOST = 6
"""Accounts asked about after one event."""
CHEAP_EVERY = 4
SEARCHED_EVERY = 32
"""Events between two questions of a kind."""

Question = dict[str, Any]


def questions_after(event: Event, outcome: Outcome, step: int, state_is_known: bool) -> Iterator[Question]:
    """The questions that are asked after an event of a history.

    step            of the history: which account and which kind of question it is the turn of
    state_is_known  whether postings or a digest have shown already that both sides hold the same
    """
    venue = outcome.venue
    names = touched(event, outcome)
    if names:
        first = step % len(names)
        names = names[first:] + names[:first]
    for name in names[: 1 if state_is_known else ACCOUNTS_MOST]:
        yield about(venue, name, step)
    if not state_is_known:
        for pool in pools_touched(outcome):
            yield {"pool": pool, "what": list(POOL)}
    turn = step // CHEAP_EVERY
    holders = [name for name in names if venue.accounts[name].positions]
    if holders and step % CHEAP_EVERY == 0:
        market = a_market(venue, holders[0], turn)
        yield {"account": holders[0], "market": market, "what": list(PRICES)}
        yield {"market": market, "side": (BUY, SELL)[turn % 2], "what": ["ranking"]}
    if step % CHEAP_EVERY == 2 and state_is_known:
        yield {"pool": list(venue.pools)[turn % len(venue.pools)], "what": list(POOL)}
    if names and step % SEARCHED_EVERY == 3:
        yield {"account": names[0], "what": ["withdrawable"]}
    if names and venue.marks and step % SEARCHED_EVERY == 19:
        turn = step // SEARCHED_EVERY
        market = list(venue.marks)[turn % len(venue.marks)]
        yield {"account": names[0], "market": market, "side": (BUY, SELL)[turn % 2], "what": ["order_max"]}


def all_questions(event: Event, outcome: Outcome) -> Iterator[Question]:
    """Every question about the accounts that an event touched, about all pools and all marked markets."""
    venue = outcome.venue
    names = touched(event, outcome)
    for name in names:
        yield about(venue, name, 0)
        for market in venue.accounts[name].positions:
            yield {"account": name, "market": market, "what": ["position", *PRICES]}
    for pool in venue.pools:
        yield {"pool": pool, "what": list(POOL)}
    for market in venue.marks:
        for side in (BUY, SELL):
            yield {"market": market, "side": side, "what": ["ranking"]}
    for name in names[:ACCOUNTS_MOST]:
        yield {"account": name, "what": ["withdrawable"]}
        for market in venue.marks:
            for side in (BUY, SELL):
                yield {"account": name, "market": market, "side": side, "what": ["order_max"]}


def about(venue: Venue, name: str, turn: int) -> Question:
    """What is always asked about an account, the size of one of its positions included."""
    if not venue.accounts[name].positions:
        return {"account": name, "what": list(ALWAYS)}
    return {"account": name, "market": a_market(venue, name, turn), "what": [*ALWAYS, "position"]}


def a_market(venue: Venue, name: str, turn: int) -> str:
    """One of the markets in which an account holds a position, each in its turn."""
    markets = list(venue.accounts[name].positions)
    return markets[turn % len(markets)]


def touched(event: Event, outcome: Outcome) -> list[str]:
    """The accounts that an event names or changes, or whose positions it marks or charges."""
    venue = outcome.venue
    named = (event.account,) if isinstance(event, Deposit) else accounts_of(event)
    names = dict.fromkeys(named)
    for entry in outcome.postings:
        if isinstance(entry, OrdersSet | AccountOpened):
            names[entry.account] = None
        elif isinstance(entry, Posting) and entry.place.holder:
            names[entry.place.holder] = None
    if isinstance(event, Prices | Funding) and outcome.refusal is None:
        markets = tuple(event.marks) if isinstance(event, Prices) else (event.market,)
        for name, account in venue.accounts.items():
            if any(market in account.positions for market in markets):
                names[name] = None
    return [name for name in names if name in venue.accounts]


def pools_touched(outcome: Outcome) -> list[str]:
    """The pools that an event changes."""
    holders = {entry.place.holder: None for entry in outcome.postings if isinstance(entry, Posting)}
    return [pool for pool in outcome.venue.pools if pool in holders]


def can_be_asked(question: Document, venue: Venue) -> bool:
    """Whether a venue has what a question is about: one of another history may name what is not there."""
    return (
        question.get("account", next(iter(venue.accounts))) in venue.accounts
        and question.get("pool", next(iter(venue.pools))) in venue.pools
        and ("market" not in question or question["market"] in venue.marks)
    )
