"""Documents in texts: policies, venues and events as they travel, and digests of them, without detours.

The law writes a document with whole numbers in it, and its canonical text from that (EVT-4); a request has
texts for numbers, and is made many thousand times a second. What is written here is what the law writes, and
tests hold it to that; only the way is shorter.
"""

import hashlib
from dataclasses import fields
from typing import Any

import msgspec

from marginspec.conform.engine import Document
from refmodel.canonical import LAW, event_document
from refmodel.events import Event
from refmodel.state import CROSS, HOUSE, Account, Pool, Venue, backstop_of

ENCODER = msgspec.json.Encoder(enc_hook=dict, order="sorted")
"""Of a document in texts it makes the canonical text: keys in the order of code points, no spaces."""
FIELDS_OF_POOL = tuple(field.name for field in fields(Pool))


def texts(document: Any) -> Any:
    """A document with its whole numbers as texts, and its keys in the order of the canonical text.

    Errors: AssertionError for a value that has no canonical form, such as a float.
    """
    kind = type(document)
    if kind is str:
        return document
    if kind is int:
        return str(document)
    if isinstance(document, dict):
        return {key: texts(document[key]) for key in sorted(document)}
    if isinstance(document, str):
        return str(document)
    assert isinstance(document, list | tuple), f"{document!r} has no canonical form"
    return [texts(member) for member in document]


def copied(document: Document) -> Any:
    """A document of its own, equal to this one: whoever gets it may change it."""
    return msgspec.json.decode(ENCODER.encode(document))


def event_in_texts(event: Event) -> dict[str, Any]:
    """The document of an event."""
    document = event_document(event)
    for key, value in document.items():
        if type(value) is int:
            document[key] = str(value)
        elif isinstance(value, dict):
            document[key] = {market: str(value[market]) for market in sorted(value)}
    return document


def venue_in_texts(venue: Venue, policy: str) -> dict[str, Any]:
    """The document of a venue.

    policy  the digest of its policy, which would be most of the work where there are many markets
    """
    return {
        "law": LAW,
        "policy": policy,
        "clock": str(venue.clock),
        "marks": {market: str(venue.marks[market]) for market in sorted(venue.marks)},
        "accounts": {name: _account_in_texts(venue.accounts[name]) for name in sorted(venue.accounts)},
        "pools": {name: _pool_in_texts(venue.pools[name]) for name in sorted(venue.pools)},
        "custody": str(venue.custody),
    }


def _account_in_texts(account: Account) -> dict[str, Any]:
    positions, orders = account.positions, account.orders
    return {
        "owner": str(account.owner),
        "pool": str(account.pool),
        "wallet": str(account.wallet),
        "positions": {
            market: {"size": str(positions[market].size), "cost": str(positions[market].cost)}
            for market in sorted(positions)
        },
        "orders": {
            market: {"buys": str(orders[market].buys), "sells": str(orders[market].sells)}
            for market in sorted(orders)
        },
    }


def _pool_in_texts(pool: Pool) -> dict[str, str]:
    return {name: str(getattr(pool, name)) for name in FIELDS_OF_POOL}


def genesis_in_texts(policy: Document) -> dict[str, Any]:
    """The document of the venue before its first event (ACC-3), from the document of a policy in texts."""
    pools = sorted({CROSS, *policy["isolated"]})
    return {
        "law": LAW,
        "policy": digest_of_policy(policy),
        "clock": "0",
        "marks": {},
        "accounts": {
            backstop_of(pool): {"owner": HOUSE, "pool": pool, "wallet": "0", "positions": {}, "orders": {}}
            for pool in pools
        },
        "pools": {pool: dict.fromkeys(FIELDS_OF_POOL, "0") for pool in pools},
        "custody": "0",
    }


# ------------------------------------------------------------------------------------- digests


def digest_of_policy(document: Document) -> str:
    """The digest of a policy's choices, its name aside, from its document in texts."""
    return _sha256({key: value for key, value in document.items() if key != "name"})


def venue_digest(venue: Venue, policy: str) -> str:
    """The digest of a venue (EVT-5), given that of its policy."""
    return _sha256(venue_in_texts(venue, policy))


def _sha256(document: Document) -> str:
    return "sha256:" + hashlib.sha256(ENCODER.encode(document)).hexdigest()
