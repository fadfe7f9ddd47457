"""The engine: the transition function at production speed, with names outside and numbers inside."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastpath import domain
from fastpath.engine.canonical import (
    LAW,
    account_document,
    account_text,
    canonical,
    fingerprint,
    policy_fingerprint,
)
from fastpath.engine.core import RULES, Core
from fastpath.engine.decoding import fault_of, postings_of, refusal_of
from fastpath.engine.encoding import FUNDING, PRICES, SIDES, batch_of, row_of
from fastpath.engine.errors import DomainError
from fastpath.engine.names import UNKNOWN, Names
from fastpath.engine.results import BATCH_TYPES, Batch, BatchResult, Posting, Result, check_batch
from fastpath.engine.tables import lots_max, tables_of, within

POOL_FIELDS = ("fund", "fee_pool", "bad_debt", "draw_period", "drawn")


class Engine:
    """One venue under one policy.

    policy  an object with the fields of refmodel.policy.Policy, valid by the rules of chapter 13
    `apply` and `apply_batch` do to it what refmodel.venue.apply does to a venue: the same refusals, the same
    postings, the same state and digest. Errors: DomainError for a policy, an event or a venue outside the
    ranges of fastpath/domain.py; nothing has changed then. Not for several threads at once.
    """

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.core = Core(tables_of(policy))
        self.names = Names(self.core, policy.markets, policy.isolated)
        for pool in range(len(self.names.pools)):
            self.core.set_account(pool, 0, pool, 0, [])

    # ----------------------------------------------------------------------------------- one event

    def apply(self, event: Any) -> Result:
        """What happens when an event arrives.

        event    an object with the class name and the fields of one of refmodel.events
        returns  the refusal by the first rule that applies, or the postings
        Errors: DomainError, before anything changes.
        """
        row, marks = row_of(self.names, event)
        if row[0] in (PRICES, FUNDING):
            self.names.put_in_order()
        outcome = self.core.apply_one(*row, *marks)
        if outcome < 0:
            raise fault_of(self.names, row[0], *self.core.fault())
        refusal = refusal_of(self.names, event, *self.core.refusal()) if outcome == 1 else None
        return Result(refusal, self.core.entries().copy(), self.decode)

    def decode(self, entries: np.ndarray) -> tuple[Posting, ...]:
        """Entries of a result or of a batch as plain values, with names."""
        return postings_of(self.names, entries)

    # ----------------------------------------------------------------------------------- many events

    def encode(self, events: Sequence[Any]) -> Batch:
        """Events as the columns of a batch, in their order. Errors: DomainError with the field."""
        return batch_of(self.names, events)

    def intern_accounts(self, names: Iterable[str]) -> None:
        """Gives numbers (account_ids) to accounts that columns will name; it opens none."""
        self.names.intern_accounts(names)

    def intern_owners(self, names: Iterable[str]) -> None:
        """Gives numbers (owner_ids) to owners that columns will name."""
        self.names.intern_owners(names)

    @property
    def account_ids(self) -> dict[str, int]:
        """The number of each account that the engine has heard of."""
        return self.names.account_ids

    @property
    def owner_ids(self) -> dict[str, int]:
        """The number of each owner."""
        return self.names.owner_ids

    @property
    def market_ids(self) -> dict[str, int]:
        """The number of each market, in the order of identifiers."""
        return self.names.market_ids

    @property
    def pool_ids(self) -> dict[str, int]:
        """The number of each pool."""
        return self.names.pool_ids

    @property
    def accounts(self) -> list[str]:
        """The accounts that the engine has heard of, by their number."""
        return self.names.accounts

    @property
    def markets(self) -> list[str]:
        """The markets by their number."""
        return self.names.markets

    @property
    def pools(self) -> list[str]:
        """The pools by their number."""
        return self.names.pools

    def apply_batch(self, batch: Batch) -> BatchResult:
        """One event after the other, until one is outside the domain.

        returns  what became of each; its entries lie in the engine's own memory until the next event
        Errors: DomainError for columns that cannot be read; nothing has changed then.
        """
        check_batch(batch)
        self.names.put_in_order()
        length = len(batch)
        rule = np.zeros(length, dtype=np.int16)
        reason = np.zeros(length, dtype=np.int16)
        numbers = np.zeros((length, 4), dtype=np.int64)
        first_entry = np.zeros(length + 1, dtype=np.int64)
        columns = [getattr(batch, name) for name in BATCH_TYPES]
        applied = self.core.apply_columns(*columns, rule, reason, numbers, first_entry)
        error = None
        if applied < length:
            error = fault_of(self.names, int(batch.type[applied]), *self.core.fault())
        return BatchResult(applied, error, rule, reason, numbers, first_entry, self.core.entries())

    # ----------------------------------------------------------------------------------- before an order

    def check(self, account: str, market: str, lots: int, price: int) -> tuple[bool, str, int]:
        """Whether a further resting order would be admitted now; it changes nothing.

        lots     signed: positive buys, negative sells, on top of the orders that rest already
        price    ticks, its limit: outside the band it could not trade
        returns  (allowed, the rule that refuses or "", free collateral in quanta: equity less initial margin,
                 with the order where the answer is about margin)
        The rules, in order: EVT-2, EVT-3, ORD-2, TRD-1, TRD-3, TRD-4, LIM-3, LIM-1, LIM-2, ORD-1.
        """
        rule, free = self.core.check(
            self.account_ids.get(account, UNKNOWN), self.market_ids.get(market, UNKNOWN), lots, price
        )
        return rule == 0, RULES[rule], free

    def max_order(self, account: str, market: str, side: str, price: int) -> int:
        """The largest order of a side ("buy" or "sell") that `check` allows, in lots; 0 if none is."""
        if side not in SIDES:
            raise DomainError("side", side, "buy and sell")
        return int(
            self.core.max_order(
                self.account_ids.get(account, UNKNOWN),
                self.market_ids.get(market, UNKNOWN),
                SIDES[side],
                price,
            )
        )

    # ----------------------------------------------------------------------------------- state

    def touched(self) -> list[str]:
        """The accounts that the last event changed."""
        return [self.accounts[account] for account in self.core.touched()]

    def account_document(self, name: str) -> dict[str, Any] | None:
        """One account in canonical form, numbers as numbers; None if it is not open."""
        account = self.account_ids.get(name, UNKNOWN)
        if account == UNKNOWN or not self.core.is_open(account):
            return None
        owner, pool, wallet, rows = self.core.account(account)
        named = [(self.markets[market], *numbers) for market, *numbers in rows]
        return account_document(self.names.owners[owner], self.pools[pool], wallet, named)

    def pools_document(self) -> dict[str, dict[str, int]]:
        """The pools in canonical form, numbers as numbers."""
        records = zip(self.pools, self.core.pools(), strict=True)
        return {name: dict(zip(POOL_FIELDS, record, strict=True)) for name, record in records}

    def marks(self) -> dict[str, int]:
        """The marks in ticks; a market without its first price is absent."""
        return {name: mark for name, mark in zip(self.markets, self.core.marks(), strict=True) if mark}

    def document(self) -> dict[str, Any]:
        """The venue in canonical form (chapter 12), numbers as numbers."""
        accounts = {name: self.account_document(name) for name in self.accounts}
        return {
            **self._venue_document(),
            "accounts": {name: account for name, account in accounts.items() if account is not None},
        }

    def _venue_document(self) -> dict[str, Any]:
        """The venue without its accounts."""
        return {
            "law": LAW,
            "policy": policy_fingerprint(self.policy),
            "clock": self.core.clock,
            "marks": self.marks(),
            "pools": self.pools_document(),
            "custody": self.core.custody,
        }

    def canonical_text(self) -> str:
        """The canonical text of the whole state (EVT-4), written account by account."""
        owners, pools, markets = (
            [json.dumps(name, ensure_ascii=False) for name in known]
            for known in (self.names.owners, self.pools, self.markets)
        )
        accounts = []
        for name in sorted(self.accounts):
            account = self.account_ids[name]
            if self.core.is_open(account):
                owner, pool, wallet, rows = self.core.account(account)
                named = [(markets[market], *numbers) for market, *numbers in rows]
                quoted = json.dumps(name, ensure_ascii=False)
                accounts.append(account_text(quoted, owners[owner], pools[pool], wallet, named))
        # "accounts" is the first of the keys.
        return f'{{"accounts":{{{",".join(accounts)}}},{canonical(self._venue_document())[1:]}'

    def digest(self) -> str:
        """The fingerprint of the whole state (EVT-5)."""
        return fingerprint(self.canonical_text())

    @classmethod
    def from_venue(cls, venue: Any) -> "Engine":
        """The engine of a venue: an object with the fields of refmodel.state.Venue. Errors: DomainError."""
        engine = cls(venue.policy)
        for market, mark in venue.marks.items():
            within(f"marks.{market}", mark, 1, venue.policy.markets[market].price_max)
        engine.core.set_venue(
            within("clock", venue.clock, 0, 2**63 - 1),
            within("custody", venue.custody, 0, domain.CUSTODY_MAX),
            [venue.marks.get(name, 0) for name in engine.markets],
            [_pool_record(name, venue.pools[name]) for name in engine.pools],
        )
        bad_debt = sum(pool.bad_debt for pool in venue.pools.values())
        within("the bad debt of all pools", bad_debt, 0, domain.POOL_MAX)
        engine.intern_owners(account.owner for account in venue.accounts.values())
        engine.intern_accounts(venue.accounts)
        for name, account in venue.accounts.items():
            engine.core.set_account(
                engine.account_ids[name],
                engine.owner_ids[account.owner],
                engine.pool_ids[account.pool],
                within(f"wallet of {name}", account.wallet, -domain.WALLET_MAX, domain.WALLET_MAX),
                engine._rows_of(name, account),
            )
        return engine

    def _rows_of(self, name: str, account: Any) -> list[tuple[int, int, int, int, int]]:
        """Positions and orders of an account of a venue. Errors: DomainError."""
        rows = []
        for market in sorted({*account.positions, *account.orders}):
            held, orders = account.positions.get(market), account.orders.get(market)
            size, cost = (held.size, held.cost) if held is not None else (0, 0)
            buys, sells = (orders.buys, orders.sells) if orders is not None else (0, 0)
            most = lots_max(self.policy.markets[market])
            within(f"lots at risk of {name} in {market}", max(abs(size + buys), abs(size - sells)), 0, most)
            within(f"open cost of {name} in {market}", cost, -domain.COST_MAX, domain.COST_MAX)
            rows.append((self.market_ids[market], size, cost, buys, sells))
        within(f"markets of {name}", len(rows), 0, domain.POSITIONS_MAX)
        return rows


def _pool_record(name: str, pool: Any) -> tuple[int, ...]:
    """The numbers of a pool of a venue. Errors: DomainError."""
    for field in ("fund", "fee_pool", "bad_debt"):
        within(f"{field} of {name}", getattr(pool, field), 0, domain.POOL_MAX)
    within(f"drawn of {name}", pool.drawn, 0, domain.DRAW_MAX)
    return tuple(getattr(pool, field) for field in POOL_FIELDS)
