"""The canonical text and the digest of an engine's state (EVT-4, EVT-5), written again without the law."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

LAW = "marginspec-law/1"


def plain(value: Any) -> Any:
    """A value as mappings, lists and texts; every whole number a decimal string."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, tuple | list):
        return [plain(member) for member in value]
    if type(value) is int:
        return str(value)
    assert isinstance(value, str), f"{value!r} has no canonical form"
    return value


def canonical(document: Any) -> str:
    """The canonical text of a document: keys sorted, no spaces, every whole number a decimal string."""
    return json.dumps(plain(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(text: str) -> str:
    """ "sha256:" and 64 hexadecimal digits of a canonical text in UTF-8."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def policy_fingerprint(policy: Any) -> str:
    """The fingerprint of a policy's choices; its name is for people."""
    choices = {field.name: getattr(policy, field.name) for field in fields(policy) if field.name != "name"}
    return fingerprint(canonical(choices))


def account_document(
    owner: str, pool: str, wallet: int, rows: list[tuple[str, int, int, int, int]]
) -> dict[str, Any]:
    """One account. rows: (market, size, cost, buys, sells)."""
    return {
        "owner": owner,
        "pool": pool,
        "wallet": wallet,
        "positions": {market: {"size": size, "cost": cost} for market, size, cost, _, _ in rows if size},
        "orders": {
            market: {"buys": buys, "sells": sells} for market, _, _, buys, sells in rows if buys or sells
        },
    }


def account_text(
    name: str, owner: str, pool: str, wallet: int, rows: list[tuple[str, int, int, int, int]]
) -> str:
    """One account as it stands in the canonical text, without going through a document.

    name, owner, pool  quoted already, as are the markets of rows; rows in the order of markets
    """
    held = ",".join(
        [f'{market}:{{"cost":"{cost}","size":"{size}"}}' for market, size, cost, _, _ in rows if size]
    )
    resting = ",".join(
        [
            f'{market}:{{"buys":"{buys}","sells":"{sells}"}}'
            for market, _, _, buys, sells in rows
            if buys or sells
        ]
    )
    return (
        f'{name}:{{"orders":{{{resting}}},"owner":{owner},"pool":{pool},'
        f'"positions":{{{held}}},"wallet":"{wallet}"}}'
    )
