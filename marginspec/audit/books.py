"""The books as the audit goes: every event balanced, and the invariants of a venue's whole state."""

import numpy as np

from marginspec.audit.claims import Finding
from marginspec.audit.machines import KIND_CODES, Answer, Books
from marginspec.audit.table import Column

MONEY_KINDS = ("wallet", "open_cost", "fund", "fee_pool", "bad_debt", "custody")
LAST_MONEY = len(MONEY_KINDS) - 1
assert tuple(KIND_CODES)[: LAST_MONEY + 1] == MONEY_KINDS, "kinds of money come first"
LOTS = KIND_CODES["lots"]


def unbalanced(answer: Answer) -> Column:
    """The events of an answer whose postings are not balanced: money in total, lots in each market (PST-1).

    Sums are taken modulo 2**64, which no sum of the domain's numbers reaches.
    """
    entries, first = answer.entries, answer.first_entry
    posting: Column = np.flatnonzero(np.diff(first))
    if not len(posting):
        return posting
    kind, amount, begins = entries["kind"].copy(), entries["amount"].copy(), first[posting]
    wrong: Column = posting[np.add.reduceat(np.where(kind <= LAST_MONEY, amount, 0), begins) != 0]
    places = np.flatnonzero(kind == LOTS)
    if _in_pairs(places, amount, entries["market"], kind[begins]):
        return wrong
    market = entries["market"][places].astype(np.int64)
    markets = int(market.max()) + 1
    key = np.repeat(np.arange(len(first) - 1), np.diff(first))[places] * markets + market
    order = np.argsort(key, kind="stable")
    key = key[order]
    groups = np.flatnonzero(np.diff(key, prepend=-1))
    broken = np.add.reduceat(amount[places][order], groups) != 0
    return np.unique(np.concatenate([wrong, key[groups[broken]] // markets]))


def _in_pairs(places: Column, amount: Column, market: Column, begins: Column) -> bool:
    """Whether lots come two by two, what one gives the next one takes: unless somebody is closed out.

    begins  the kind of each event's first posting: if none is of lots, neighbours are of one event
    """
    one, next_one = places[0::2], places[1::2]
    return (
        len(places) % 2 == 0
        and bool((next_one - one == 1).all())
        and bool((amount[one] == -amount[next_one]).all())
        and bool((market[one] == market[next_one]).all())
        and bool((begins != LOTS).all())
    )


def broken(books: Books, line: int, event: int) -> list[Finding]:
    """The invariants that a state breaks after an event."""
    found = []
    if books.gap:
        found.append(
            Finding(line, event, "PST-2", "invariant", f"the books are {books.gap} quanta apart", "")
        )
    for market, lots in books.lots.items():
        found.append(
            Finding(line, event, "PST-3", "invariant", f"{lots} more long than short lots in {market}", "")
        )
    account, equity = books.least
    if equity < 0:
        found.append(
            Finding(line, event, "INV-1", "invariant", f"{account} has an equity of {equity} quanta", "")
        )
    for amount in books.below:
        found.append(Finding(line, event, "PST-2", "invariant", f"{amount} is below 0", ""))
    return found
