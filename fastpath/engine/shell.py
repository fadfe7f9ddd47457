"""The engine: the transition function at production speed, with names outside and numbers inside."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastpath import domain
from fastpath.engine.canonical import LAW, account_document, fingerprint, policy_fingerprint
from fastpath.engine.core import (
    ENTRY_KINDS,
    EVENT_TYPES,
    FAULTS,
    NO_NAME,
    REASONS,
    RULES,
    STAGES,
    Core,
)
from fastpath.engine.errors import DomainError
from fastpath.engine.results import BATCH_TYPES, Batch, BatchResult, Posting, Refusal, Result, check_batch
from fastpath.engine.tables import tables_of, within

HOUSE = "house"
CROSS = "cross"
BACKSTOP = "backstop:"
SIDES = {"buy": 0, "sell": 1}
UNKNOWN = -1

CODE_OF_CLASS = {
    "".join(part.title() for part in name.split("_")): code for code, name in enumerate(EVENT_TYPES)
}
DEPOSIT, WITHDRAW, TRANSFER, ORDER, TRADE, PRICES, FUNDING, FILL, TAKEOVER, FUND_DEPOSIT, FEE_WITHDRAWAL = (
    range(len(EVENT_TYPES))
)
AMOUNT_FIELDS = ("amount", "buys", "sells", "lots", "price")
FIELDS = {  # what the columns x, y, account and other of a batch are called in an event
    DEPOSIT: ("amount", "", "account", ""),
    WITHDRAW: ("amount", "", "account", ""),
    TRANSFER: ("amount", "", "source", "target"),
    ORDER: ("buys", "sells", "account", ""),
    TRADE: ("lots", "price", "taker", "maker"),
    PRICES: ("", "", "", ""),
    FUNDING: ("rate", "", "", ""),
    FILL: ("lots", "price", "account", "counterparty"),
    TAKEOVER: ("", "", "account", ""),
    FUND_DEPOSIT: ("amount", "", "", ""),
    FEE_WITHDRAWAL: ("amount", "", "", ""),
}
NO_MARKS = (np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64))
INT64 = np.iinfo(np.int64)
Row = tuple[int, int, int, int, int, int, int, int, int, int]
"""type, time, account, other, market, owner, pool, side, x, y"""


class Engine:
    """One venue under one policy.

    policy  an object with the fields of refmodel.policy.Policy, valid by the rules of chapter 13
    `apply` and `apply_batch` do to it what refmodel.venue.apply does to a venue: the same refusals, the same
    postings, the same state and digest. Errors: DomainError for a policy, an event or a venue outside the ranges
    of fastpath/domain.py; nothing has changed then. Not safe for use by several threads at once.
    """

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.core = Core(tables_of(policy))
        self.markets = sorted(policy.markets)
        self.market_ids = {name: place for place, name in enumerate(self.markets)}
        self.pools = [CROSS, *policy.isolated]
        self.pool_ids = {name: place for place, name in enumerate(self.pools)}
        self.accounts: list[str] = []
        self.account_ids: dict[str, int] = {}
        self.owners: list[str] = []
        self.owner_ids: dict[str, int] = {}
        self._order_is_stale = False
        self.intern_owners([HOUSE])
        self.intern_accounts(f"{BACKSTOP}{pool}" for pool in self.pools)
        for pool in range(len(self.pools)):
            self.core.set_account(pool, 0, pool, 0, [])

    # ----------------------------------------------------------------------------------- names

    def intern_accounts(self, names: Iterable[str]) -> None:
        """Gives numbers to identifiers of accounts, so that events may name them; it opens none."""
        new = list(dict.fromkeys(name for name in names if name not in self.account_ids))
        if new:
            self.account_ids.update(
                zip(new, range(len(self.accounts), len(self.accounts) + len(new)), strict=True)
            )
            self.accounts += new
            self.core.add_accounts([name.startswith(BACKSTOP) for name in new])
            self._order_is_stale = True

    def intern_owners(self, names: Iterable[str]) -> None:
        """Gives numbers to owners."""
        new = list(dict.fromkeys(name for name in names if name not in self.owner_ids))
        if new:
            self.owner_ids.update(zip(new, range(len(self.owners), len(self.owners) + len(new)), strict=True))
            self.owners += new
            in_order = sorted(range(len(self.owners)), key=self.owners.__getitem__)
            places = np.empty(len(in_order), dtype=np.int32)
            places[in_order] = np.arange(len(in_order), dtype=np.int32)
            self.core.set_owner_places(places)

    def _put_in_order(self) -> None:
        """Who comes before whom by identifier: asked for by funding and by the waterfall."""
        if self._order_is_stale:
            in_order = sorted(range(len(self.accounts)), key=self.accounts.__getitem__)
            self.core.set_order(np.array(in_order, dtype=np.int32))
            self._order_is_stale = False

    # ----------------------------------------------------------------------------------- one event

    def apply(self, event: Any) -> Result:
        """What happens when an event arrives.

        event    an object with the class name and the fields of one of refmodel.events
        returns  the refusal by the first rule that applies, or the postings
        Errors: DomainError, before anything changes.
        """
        row, marks = self._row_of(event)
        if row[0] in (PRICES, FUNDING):
            self._put_in_order()
        try:
            outcome = self.core.apply_one(*row, *marks)
        except OverflowError:
            raise self._too_wide(row) from None
        if outcome < 0:
            raise self._fault(row[0])
        if outcome == 1:
            rule, reason, numbers = self.core.refusal()
            return Result(self._refusal(event, rule, reason, numbers), self.core.entries(), self.decode)
        return Result(None, self.core.entries().copy(), self.decode)

    def _row_of(self, event: Any) -> tuple[Row, tuple[np.ndarray, np.ndarray]]:
        """An event as numbers. Errors: DomainError."""
        kind = CODE_OF_CLASS.get(type(event).__name__)
        if kind is None:
            raise DomainError("event", type(event).__name__, f"one of {', '.join(CODE_OF_CLASS)}")
        x, y, account, other = FIELDS[kind]
        numbers = [getattr(event, field) if field else 0 for field in ("time", x, y)]
        for field, number in zip(("time", x, y), numbers, strict=True):
            if type(number) is not int:
                raise DomainError(field, number, "a whole number")
        if kind == DEPOSIT:
            self.intern_accounts([event.account])
        ids = self.account_ids
        owner = pool = market = NO_NAME
        if kind == DEPOSIT:
            if event.owner:
                self.intern_owners([event.owner])
                owner = self.owner_ids[event.owner]
            if event.pool:
                pool = self.pool_ids.get(event.pool, UNKNOWN)
        elif kind in (FUND_DEPOSIT, FEE_WITHDRAWAL):
            pool = self.pool_ids.get(event.pool, UNKNOWN)
        elif kind in (ORDER, TRADE, FUNDING, FILL):
            market = self.market_ids.get(event.market, UNKNOWN)
        row = (
            kind,
            numbers[0],
            ids.get(getattr(event, account), UNKNOWN) if account else UNKNOWN,
            ids.get(getattr(event, other), UNKNOWN) if other else UNKNOWN,
            market,
            owner,
            pool,
            SIDES.get(event.side, UNKNOWN) if kind == TRADE else UNKNOWN,
            numbers[1],
            numbers[2],
        )
        return row, self._marks_of(event) if kind == PRICES else NO_MARKS

    def _marks_of(self, event: Any) -> tuple[np.ndarray, np.ndarray]:
        names = sorted(event.marks)
        for name in names:
            within(f"marks.{name}", event.marks[name], int(INT64.min), int(INT64.max))
        return (
            np.array([self.market_ids.get(name, UNKNOWN) for name in names], dtype=np.int32),
            np.array([event.marks[name] for name in names], dtype=np.int64),
        )

    def _too_wide(self, row: Row) -> DomainError:
        """Which number of an event has more than 64 bits."""
        fields = ("time", FIELDS[row[0]][0], FIELDS[row[0]][1])
        for field, number in zip(fields, (row[1], row[8], row[9]), strict=True):
            if not INT64.min <= number <= INT64.max:
                return DomainError(field, number, "whole numbers of 64 bits")
        raise AssertionError(f"no number of {row} is too wide")

    def _fault(self, kind: int) -> DomainError:
        """Why the last event could not be computed."""
        code, holder, value = self.core.fault()
        fault = FAULTS[code]
        if fault == "memory":
            raise MemoryError("no memory for this event; the engine is as it was before it")
        bounds = {
            "x": (
                FIELDS.get(kind, ("x",))[0],
                domain.LOTS_EVENT_MAX if kind in (ORDER, TRADE, FILL) else domain.AMOUNT_EVENT_MAX,
            ),
            "y": (
                FIELDS.get(kind, ("", "y"))[1],
                domain.LOTS_EVENT_MAX if kind == ORDER else domain.PRICE_EVENT_MAX,
            ),
            "notional": ("lots x price x multiplier", domain.NOTIONAL_MAX),
            "wallet": (f"the wallet of {self._account_name(holder)}", domain.WALLET_MAX),
            "open_cost": (f"an open cost of {self._account_name(holder)}", domain.COST_MAX),
            "pool": (
                f"a balance of pool {self.pools[holder] if 0 <= holder < len(self.pools) else holder}",
                domain.POOL_MAX,
            ),
        }
        if fault in bounds:
            field, most = bounds[fault]
            return DomainError(field, value, f"at most {most:_}")
        return DomainError(fault, value, "numbers that stand for something")

    def _account_name(self, account: int) -> str:
        return self.accounts[account] if 0 <= account < len(self.accounts) else f"account {account}"

    def _refusal(self, event: Any, rule: int, reason: int, numbers: Sequence[int]) -> Refusal:
        """A refusal in words; texts that the engine does not keep are the event's."""
        name, keys = REASONS[reason]
        told: dict[str, int | str] = {}
        for (key, what), number in zip(keys, numbers, strict=False):
            if what == "event":
                told[key] = self._text_of(event, key, number)
            elif what:
                told[key] = {
                    "field": AMOUNT_FIELDS,
                    "account": self.accounts,
                    "market": self.markets,
                    "owner": self.owners,
                    "pool": self.pools,
                }[what][number]
            else:
                told[key] = number
        return Refusal(RULES[rule], name, told)

    def _text_of(self, event: Any, key: str, number: int) -> str:
        """A name as the event has it."""
        kind = CODE_OF_CLASS[type(event).__name__]
        if key == "account":
            return str(getattr(event, FIELDS[kind][2 + number]))
        if key == "market" and kind == PRICES:
            return sorted(event.marks)[number]
        return str(getattr(event, key))

    def decode(self, entries: np.ndarray) -> tuple[Posting, ...]:
        """Entries as plain values, with names."""
        found: list[Posting] = []
        for kind, stage, rule, holder, market, _, amount, second in entries.tolist():
            what = ENTRY_KINDS[kind]
            by = RULES[rule]
            if what in ("wallet", "open_cost", "lots"):
                where = self.markets[market] if market >= 0 else ""
                found.append(("posting", by, what, self.accounts[holder], where, amount, STAGES[stage]))
            elif what in ("fund", "fee_pool", "bad_debt"):
                found.append(("posting", by, what, self.pools[holder], "", amount, STAGES[stage]))
            elif what == "custody":
                found.append(("posting", by, what, "", "", amount, STAGES[stage]))
            elif what == "orders":
                found.append(
                    ("orders", by, self.accounts[holder], self.markets[market], amount, second, STAGES[stage])
                )
            elif what == "drawn":
                found.append(("drawn", by, self.pools[holder], second, amount, STAGES[stage]))
            elif what == "mark":
                found.append(("mark", by, self.markets[market], amount))
            elif what == "opened":
                found.append(("opened", by, self.accounts[holder], self.owners[amount], self.pools[market]))
            else:
                found.append(("clock", by, amount))
        return tuple(found)

    # ----------------------------------------------------------------------------------- many events

    def encode(self, events: Sequence[Any]) -> Batch:
        """Events as the columns of a batch, in their order. Errors: DomainError with the field."""
        rows: list[Row] = []
        markets: list[np.ndarray] = []
        prices: list[np.ndarray] = []
        first = [0]
        for event in events:
            row, marks = self._row_of(event)
            for number in (row[1], row[8], row[9]):
                if not INT64.min <= number <= INT64.max:
                    raise self._too_wide(row)
            rows.append(row)
            markets.append(marks[0])
            prices.append(marks[1])
            first.append(first[-1] + len(marks[0]))
        columns = list(zip(*rows, strict=True)) if rows else [()] * 10
        names = ("type", "time", "account", "other", "market", "owner", "pool", "side", "x", "y")
        return Batch(
            **{
                name: np.array(column, dtype=BATCH_TYPES[name])
                for name, column in zip(names, columns, strict=True)
            },
            first_mark=np.array(first, dtype=np.int64),
            mark_market=np.concatenate([NO_MARKS[0], *markets]),
            mark_price=np.concatenate([NO_MARKS[1], *prices]),
        )

    def apply_batch(self, batch: Batch) -> BatchResult:
        """One event after the other, until one is outside the domain.

        returns  what became of each; its entries lie in the engine's own memory until the next event
        Errors: DomainError for columns that cannot be read; nothing has changed then.
        """
        check_batch(batch)
        self._put_in_order()
        length = len(batch)
        rule = np.zeros(length, dtype=np.int16)
        reason = np.zeros(length, dtype=np.int16)
        numbers = np.zeros((length, 4), dtype=np.int64)
        first_entry = np.zeros(length + 1, dtype=np.int64)
        columns = [getattr(batch, name) for name in BATCH_TYPES]
        applied = self.core.apply_columns(*columns, rule, reason, numbers, first_entry)
        error = self._fault(int(batch.type[applied])) if applied < length else None
        return BatchResult(applied, error, rule, reason, numbers, first_entry, self.core.entries())

    # ----------------------------------------------------------------------------------- before an order

    def check(self, account: str, market: str, lots: int, price: int) -> tuple[bool, str, int]:
        """Whether a further resting order would be admitted now, which changes nothing.

        lots     signed: positive buys, negative sells, on top of the orders that rest already
        price    ticks, its limit: outside the band it could not trade
        returns  (allowed, the rule that refuses or "", free collateral in quanta: equity less initial margin, with
                 the order where the answer is about margin)
        The rules, in order: EVT-2, EVT-3, ORD-2, TRD-1, TRD-3, TRD-4, LIM-3, LIM-1, LIM-2, ORD-1.
        """
        rule, free = self.core.check(
            self.account_ids.get(account, UNKNOWN), self.market_ids.get(market, UNKNOWN), lots, price
        )
        return rule == 0, RULES[rule], free

    def max_order(self, account: str, market: str, side: str, price: int) -> int:
        """The largest order of a side ("buy" or "sell") that `check` allows, in lots; 0 if none is."""
        if side not in SIDES:
            raise DomainError("side", side, "buy or sell")
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
        return account_document(self.owners[owner], self.pools[pool], wallet, named)

    def pools_document(self) -> dict[str, dict[str, int]]:
        """The pools in canonical form, numbers as numbers."""
        keys = ("fund", "fee_pool", "bad_debt", "draw_period", "drawn")
        return {
            name: dict(zip(keys, record, strict=True))
            for name, record in zip(self.pools, self.core.pools(), strict=True)
        }

    def marks(self) -> dict[str, int]:
        """The marks in ticks; a market without its first price is absent."""
        return {name: mark for name, mark in zip(self.markets, self.core.marks(), strict=True) if mark}

    def document(self) -> dict[str, Any]:
        """The venue in canonical form (chapter 12), numbers as numbers."""
        accounts = {name: self.account_document(name) for name in self.accounts}
        return {
            "law": LAW,
            "policy": policy_fingerprint(self.policy),
            "clock": self.core.clock,
            "marks": self.marks(),
            "accounts": {name: account for name, account in accounts.items() if account is not None},
            "pools": self.pools_document(),
            "custody": self.core.custody,
        }

    def digest(self) -> str:
        """The fingerprint of the whole state (EVT-5)."""
        return fingerprint(self.document())

    @classmethod
    def from_venue(cls, venue: Any) -> "Engine":
        """The engine of a venue: an object with the fields of refmodel.state.Venue. Errors: DomainError."""
        engine = cls(venue.policy)
        within("clock", venue.clock, 0, int(INT64.max))
        within("custody", venue.custody, 0, domain.CUSTODY_MAX)
        for market, mark in venue.marks.items():
            within(f"marks.{market}", mark, 1, venue.policy.markets[market].price_max)
        engine.core.set_venue(
            venue.clock,
            venue.custody,
            [venue.marks.get(name, 0) for name in engine.markets],
            [_pool_record(name, venue.pools[name]) for name in engine.pools],
        )
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
            held = account.positions.get(market)
            orders = account.orders.get(market)
            size = held.size if held is not None else 0
            cost = held.cost if held is not None else 0
            buys = orders.buys if orders is not None else 0
            sells = orders.sells if orders is not None else 0
            terms = self.policy.markets[market]
            most = min(domain.SIZE_MAX, domain.NOTIONAL_MAX // (terms.multiplier * terms.price_max))
            for schedule in (terms.initial, terms.maintenance):
                if schedule.kind == "sqrt" and schedule.factor > 0:
                    most = min(most, domain.SQUARE_MAX // schedule.factor**2)
            within(f"lots at risk of {name} in {market}", max(abs(size + buys), abs(size - sells)), 0, most)
            within(f"open cost of {name} in {market}", cost, -domain.COST_MAX, domain.COST_MAX)
            rows.append((self.market_ids[market], size, cost, buys, sells))
        within(f"markets of {name}", len(rows), 0, domain.POSITIONS_MAX)
        return rows


def _pool_record(name: str, pool: Any) -> tuple[int, int, int, int, int]:
    for field in ("fund", "fee_pool", "bad_debt"):
        within(f"{field} of {name}", getattr(pool, field), 0, domain.POOL_MAX)
    within(f"drawn of {name}", pool.drawn, 0, domain.DRAW_MAX)
    return pool.fund, pool.fee_pool, pool.bad_debt, pool.draw_period, pool.drawn
