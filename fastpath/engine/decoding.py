"""What the core answers, in words: refusals, postings, and why an event could not be computed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastpath import domain
from fastpath.engine.core import ENTRY_KINDS, FAULTS, REASONS, RULES, STAGES
from fastpath.engine.encoding import CODE_OF_CLASS, FIELDS, FILL, ORDER, PRICES, TRADE
from fastpath.engine.errors import DomainError
from fastpath.engine.names import Names
from fastpath.engine.results import Posting, Refusal

AMOUNT_FIELDS = ("amount", "buys", "sells", "lots", "price")
"""What a refusal by EVT-2 may name, by its number."""


def refusal_of(names: Names, event: Any, rule: int, reason: int, numbers: Sequence[int]) -> Refusal:
    """A refusal in words; a text that the venue does not know is the event's own."""
    name, keys = REASONS[reason]
    known: dict[str, Sequence[str]] = {
        "field": AMOUNT_FIELDS,
        "account": names.accounts,
        "market": names.markets,
        "owner": names.owners,
        "pool": names.pools,
    }
    told: dict[str, int | str] = {}
    for (key, what), number in zip(keys, numbers, strict=False):
        if what == "event":
            told[key] = _text_of(event, key, number)
        else:
            told[key] = known[what][number] if what else number
    return Refusal(RULES[rule], name, told)


def _text_of(event: Any, key: str, number: int) -> str:
    """A name as the event has it. number: which of its accounts, or of its marks."""
    kind = CODE_OF_CLASS[type(event).__name__]
    if key == "account":
        return str(getattr(event, FIELDS[kind][2 + number]))
    if key == "market" and kind == PRICES:
        return str(sorted(event.marks)[number])
    return str(getattr(event, key))


def postings_of(names: Names, entries: np.ndarray) -> tuple[Posting, ...]:
    """Entries as plain values, with names."""
    found: list[Posting] = []
    for kind, stage, rule, holder, market, _, amount, second in entries.tolist():
        what, by, where = ENTRY_KINDS[kind], RULES[rule], STAGES[stage]
        if what in ("wallet", "open_cost", "lots"):
            held_in = names.markets[market] if market >= 0 else ""
            found.append(("posting", by, what, names.accounts[holder], held_in, amount, where))
        elif what in ("fund", "fee_pool", "bad_debt"):
            found.append(("posting", by, what, names.pools[holder], "", amount, where))
        elif what == "custody":
            found.append(("posting", by, what, "", "", amount, where))
        elif what == "orders":
            found.append(("orders", by, names.accounts[holder], names.markets[market], amount, second, where))
        elif what == "drawn":
            found.append(("drawn", by, names.pools[holder], second, amount, where))
        elif what == "mark":
            found.append(("mark", by, names.markets[market], amount))
        elif what == "opened":
            found.append(("opened", by, names.accounts[holder], names.owners[amount], names.pools[market]))
        else:
            found.append(("clock", by, amount))
    return tuple(found)


def fault_of(names: Names, kind: int, fault: int, holder: int, value: int) -> Exception:
    """Why an event of this type could not be computed."""
    what = FAULTS[fault]
    if what == "memory":
        return MemoryError("no memory for this event; the engine is as it was before it")
    x, y, _, _ = FIELDS.get(kind, ("x", "y", "", ""))
    if what == "x":
        lots = kind in (ORDER, TRADE, FILL)
        return _above(x, value, domain.LOTS_EVENT_MAX if lots else domain.AMOUNT_EVENT_MAX)
    if what == "y":
        return _above(y, value, domain.LOTS_EVENT_MAX if kind == ORDER else domain.PRICE_EVENT_MAX)
    if what == "wallet":
        return _above(f"the wallet of {names.accounts[holder]}", value, domain.WALLET_MAX)
    if what == "open_cost":
        return _above(f"an open cost of {names.accounts[holder]}", value, domain.COST_MAX)
    if what == "pool":
        return _above(f"a balance of pool {names.pools[holder]}", value, domain.POOL_MAX)
    if what == "type":
        return DomainError("batch.type", value, f"the types 0 to {len(FIELDS) - 1}")
    return DomainError("batch", value, "numbers of names that the engine has given (intern_accounts, ...)")


def _above(field: str, value: int, most: int) -> DomainError:
    return DomainError(field, value, f"numbers up to {most:_} on either side of 0")
