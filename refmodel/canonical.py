"""Canonical form (chapter 12): one text for every venue, policy and event, and its digest.

Rules EVT-4 and EVT-5. Two engines hold the same state exactly when their texts are equal. Sorted
keys, no spaces, every whole number a decimal string, no zero positions, no derived value.
"""

import hashlib
import json
from dataclasses import fields
from typing import Any

from refmodel import events
from refmodel.events import Event
from refmodel.policy import Policy, Schedule
from refmodel.rulebook import rule
from refmodel.state import Account, OpenOrders, Pool, Position, Venue

LAW = "marginspec-law/1"

EVENT_TYPES: dict[str, type[Event]] = {
    "deposit": events.Deposit,
    "withdraw": events.Withdraw,
    "transfer": events.Transfer,
    "order": events.Order,
    "trade": events.Trade,
    "prices": events.Prices,
    "funding": events.Funding,
    "liquidation_fill": events.LiquidationFill,
    "takeover": events.Takeover,
    "fund_deposit": events.FundDeposit,
    "fee_withdrawal": events.FeeWithdrawal,
}
TYPE_NAMES = {kind: name for name, kind in EVENT_TYPES.items()}


@rule("EVT-4")
def canonical_text(document: Any) -> str:
    """The canonical text of a document.

    document  mappings, sequences, strings and whole numbers, nested
    returns   JSON: keys sorted by code point, no spaces, every whole number a decimal string
    Errors: AssertionError for any other value, such as a float. Source: chapter 12.
    """
    return json.dumps(_plain(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """The same value with every whole number as a decimal string."""
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, str):
        return value
    assert type(value) is int, f"{value!r} has no canonical form"
    return str(value)


@rule("EVT-5")
def digest(venue: Venue) -> str:
    """The fingerprint of a venue's whole state.

    returns  "sha256:" and 64 hexadecimal digits of the canonical text in UTF-8
    Source: chapter 12; FIPS 180-4.
    """
    return _sha256(canonical_text(venue_document(venue)))


def policy_digest(policy: Policy) -> str:
    """The fingerprint of a policy's choices, which is part of every venue's; its name is for people."""
    choices = {key: value for key, value in policy_document(policy).items() if key != "name"}
    return _sha256(canonical_text(choices))


def _sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def venue_document(venue: Venue) -> dict[str, Any]:
    """A venue as a document: what it holds, and the digest of its policy."""
    return {
        "law": LAW,
        "policy": policy_digest(venue.policy),
        "clock": venue.clock,
        "marks": dict(venue.marks),
        "accounts": {name: _account_document(account) for name, account in venue.accounts.items()},
        "pools": {name: _fields(pool) for name, pool in venue.pools.items()},
        "custody": venue.custody,
    }


def _account_document(account: Account) -> dict[str, Any]:
    return {
        "owner": account.owner,
        "pool": account.pool,
        "wallet": account.wallet,
        "positions": {market: _fields(position) for market, position in account.positions.items()},
        "orders": {market: _fields(orders) for market, orders in account.orders.items()},
    }


def _fields(record: Any) -> dict[str, Any]:
    """A flat dataclass as a document, one key per field."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def policy_document(policy: Policy) -> dict[str, Any]:
    """A policy as a document: every choice, schedules as floors and rises."""
    document = _fields(policy)
    document["markets"] = {
        name: {
            **_fields(market),
            "initial": _schedule_document(market.initial),
            "maintenance": _schedule_document(market.maintenance),
            "liquidation": _fields(market.liquidation),
        }
        for name, market in policy.markets.items()
    }
    document["draw_limits"] = dict(policy.draw_limits)
    return document


def _schedule_document(schedule: Schedule) -> dict[str, Any]:
    return {
        "kind": schedule.kind,
        "tiers": [_fields(tier) for tier in schedule.tiers],
        "base": schedule.base,
        "factor": schedule.factor,
    }


def event_document(event: Event) -> dict[str, Any]:
    """An event as a document: its type and its fields; empty owner and pool are left out."""
    document: dict[str, Any] = {"type": TYPE_NAMES[type(event)]}
    for key, value in _fields(event).items():
        if value != "":
            document[key] = dict(value) if key == "marks" else value
    return document


def event_from(document: dict[str, Any]) -> Event:
    """The event that a document stands for.

    document  one that satisfies spec/schema/event.schema.json
    """
    kind = EVENT_TYPES[document["type"]]
    values = {key: _parsed(key, value) for key, value in document.items() if key != "type"}
    return kind(**values)


NAMES = ("account", "owner", "pool", "source", "target", "market", "taker", "maker", "counterparty", "side")


def _parsed(key: str, value: Any) -> Any:
    """One field of an event: names stay, amounts become whole numbers."""
    if key in NAMES:
        return value
    if key == "marks":
        return {market: int(price) for market, price in value.items()}
    return int(value)


def venue_from(document: dict[str, Any], policy: Policy) -> Venue:
    """The venue that a document stands for, under the policy whose digest it names.

    document  one that satisfies spec/schema/venue.schema.json
    """
    return Venue(
        policy=policy,
        clock=int(document["clock"]),
        marks={market: int(price) for market, price in document["marks"].items()},
        accounts={name: _account_from(account) for name, account in document["accounts"].items()},
        pools={
            name: Pool(**{key: int(value) for key, value in pool.items()})
            for name, pool in document["pools"].items()
        },
        custody=int(document["custody"]),
    )


def _account_from(document: dict[str, Any]) -> Account:
    return Account(
        owner=document["owner"],
        pool=document["pool"],
        wallet=int(document["wallet"]),
        positions={
            market: Position(int(position["size"]), int(position["cost"]))
            for market, position in document["positions"].items()
        },
        orders={
            market: OpenOrders(int(orders["buys"]), int(orders["sells"]))
            for market, orders in document["orders"].items()
        },
    )
