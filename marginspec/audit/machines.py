"""Machines: what a log is run through, the engine or the law. Both answer in the same columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fastpath.engine import ENTRY, ENTRY_KINDS, REASONS, STAGES, Batch, DomainError, Engine
from marginspec.audit.names import NONE, Names
from marginspec.audit.table import Column, Table, events_of, offsets
from marginspec.fast import PlainPosting, plain_postings
from refmodel.canonical import digest, venue_document
from refmodel.policy import Policy, pools_of
from refmodel.postings import books_gap, lots_gap
from refmodel.state import HOUSE, Venue, equity
from refmodel.venue import apply

OF_POOL = ("fund", "fee_pool", "bad_debt")
KIND_CODES = {name: code for code, name in enumerate(ENTRY_KINDS)}
STAGE_CODES = {name: code for code, name in enumerate(STAGES)}


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What became of the events of a table.

    applied      events that were applied or refused; those after them are untouched
    error        why the next one could not be computed; None if all were
    rule         int16[n]: which rule refused, 0 for none, as in Names.rules
    reason       int16[n]
    first_entry  int64[n + 1]: event i posted the entries first_entry[i] to first_entry[i + 1]
    entries      fastpath.engine.ENTRY[k]; valid until the next table
    """

    applied: int
    error: DomainError | None
    rule: Column
    reason: Column
    first_entry: Column
    entries: Column


@dataclass(frozen=True, slots=True)
class Books:
    """What the invariants of the books ask of a venue.

    gap      of the books, quanta (PST-2): 0
    lots     by which market, how many more lots are long than short (PST-3): empty
    least    the account with the least equity, and that equity in quanta (INV-1)
    below    pools and custody whose amounts are below 0
    """

    gap: int
    lots: dict[str, int]
    least: tuple[str, int]
    below: tuple[str, ...]


class Machine(Protocol):
    """What runs a log."""

    names: Names

    def apply(self, table: Table) -> Answer:
        """Run the events of a table, one after the other, until one cannot be computed."""

    def digest(self) -> str:
        """The fingerprint of the state."""

    def document(self) -> dict[str, Any]:
        """The state in canonical form."""

    def accounts(self) -> int:
        """How many accounts there are at most."""

    def books(self) -> Books:
        """The invariants of the books."""


class FastMachine:
    """The engine."""

    def __init__(self, start: Venue) -> None:
        self.engine = Engine.from_venue(start)
        engine = self.engine
        self.names = Names(engine.accounts, engine.names.owners, engine.markets, engine.pools)
        # The engine tells apart reasons of the same name that compare other amounts.
        self._reasons = np.array([self.names.reasons[name] for name, _ in REASONS], dtype=np.int16)

    def apply(self, table: Table) -> Answer:
        """Run a table in one batch."""
        engine, names = self.engine, self.names
        engine.intern_accounts(names.accounts.texts[len(engine.accounts) : table.accounts_known])
        engine.intern_owners(names.owners.texts[len(engine.names.owners) : table.owners_known])
        columns = dict(table.events)
        columns["market"] = known(columns["market"], names.markets_known)
        columns["pool"] = known(columns["pool"], names.pools_known)
        columns["side"] = known(columns["side"], 2).astype(np.int8)
        batch = Batch(
            **{name: np.ascontiguousarray(column) for name, column in columns.items()},
            first_mark=table.first_mark,
            mark_market=known(table.mark_market, names.markets_known),
            mark_price=table.mark_price,
        )
        found = engine.apply_batch(batch)
        reason = self._reasons[found.reason]
        return Answer(found.applied, found.error, found.rule, reason, found.first_entry, found.entries)

    def digest(self) -> str:
        """The fingerprint of the engine's state."""
        return str(self.engine.digest())

    def document(self) -> dict[str, Any]:
        """The engine's state in canonical form."""
        document: dict[str, Any] = self.engine.document()
        return document

    def accounts(self) -> int:
        """How many accounts the engine has heard of."""
        return len(self.engine.accounts)

    def books(self) -> Books:
        """One pass over the engine's columns."""
        engine = self.engine
        gap, lots, least, name = engine.core.books()
        below = [
            f"{field} of {pool}"
            for pool, amounts in engine.pools_document().items()
            for field, amount in amounts.items()
            if amount < 0
        ]
        if engine.core.custody < 0:
            below.append("custody")
        return Books(
            gap,
            {market: excess for market, excess in zip(engine.markets, lots, strict=True) if excess},
            (engine.accounts[name], least),
            tuple(below),
        )


class LawMachine:
    """The reference: slow, and the law itself."""

    def __init__(self, start: Venue) -> None:
        self.state = start
        policy: Policy = start.policy
        self.names = Names(start.accounts, (HOUSE,), sorted(policy.markets), pools_of(policy))

    def apply(self, table: Table) -> Answer:
        """Run a table event by event."""
        rules, reasons, counts = [], [], []
        entries: list[tuple[int, ...]] = []
        for event in events_of(table, self.names):
            outcome = apply(self.state, event)
            self.state = outcome.venue
            refusal = outcome.refusal
            rules.append(0 if refusal is None else self.names.rules[refusal.rule])
            reasons.append(0 if refusal is None else self.names.reasons[refusal.reason])
            entries += (self._entry(posting) for posting in plain_postings(outcome))
            counts.append(len(outcome.postings))
        return Answer(
            applied=len(table),
            error=None,
            rule=np.array(rules, dtype=np.int16),
            reason=np.array(reasons, dtype=np.int16),
            first_entry=offsets(counts),
            entries=np.array(entries, dtype=ENTRY),
        )

    def _entry(self, posting: PlainPosting) -> tuple[int, ...]:
        """A posting in the form of the engine's entries."""
        names = self.names
        form, rule, *rest = posting
        number = names.rules[rule]
        if form == "posting":
            kind, holder, market, amount, stage = rest
            code = KIND_CODES[kind]
            whose = names.pools[holder] if kind in OF_POOL else names.accounts[holder]
            return code, STAGE_CODES[stage], number, whose, names.markets[market], 0, amount, 0
        code = KIND_CODES[form]
        if form == "orders":
            account, market, buys, sells, stage = rest
            whose = names.accounts[account]
            return code, STAGE_CODES[stage], number, whose, names.markets[market], 0, buys, sells
        if form == "drawn":
            pool, period, drawn, stage = rest
            return code, STAGE_CODES[stage], number, names.pools[pool], NONE, 0, drawn, period
        if form == "mark":
            market, price = rest
            return code, 0, number, NONE, names.markets[market], 0, price, 0
        if form == "opened":
            account, owner, pool = rest
            whose = names.accounts[account]
            return code, 0, number, whose, names.pools[pool], 0, names.owners[owner], 0
        return code, 0, number, NONE, NONE, 0, rest[0], 0

    def digest(self) -> str:
        """The fingerprint of the venue."""
        return digest(self.state)

    def document(self) -> dict[str, Any]:
        """The venue in canonical form."""
        return venue_document(self.state)

    def accounts(self) -> int:
        """How many accounts are open."""
        return len(self.state.accounts)

    def books(self) -> Books:
        """The law's own sums."""
        venue = self.state
        equities = {name: equity(venue, account) for name, account in venue.accounts.items()}
        least = min(equities, key=equities.__getitem__)
        excess = {market: lots_gap(venue, market) for market in venue.marks}
        return Books(
            books_gap(venue),
            {market: lots for market, lots in excess.items() if lots},
            (least, equities[least]),
            tuple(_below(venue)),
        )


def _below(venue: Venue) -> Iterator[str]:
    pools: dict[str, Any] = venue_document(venue)["pools"]
    for pool, amounts in pools.items():
        yield from (f"{field} of {pool}" for field, amount in amounts.items() if amount < 0)
    if venue.custody < 0:
        yield "custody"


def known(column: Column, count: int) -> Column:
    """Numbers of names; those that only the log knows, from `count` on, are unknown."""
    return column if not len(column) or column.max() < count else np.where(column < count, column, NONE)


MACHINES: dict[str, type[FastMachine] | type[LawMachine]] = {"engine": FastMachine, "reference": LawMachine}
