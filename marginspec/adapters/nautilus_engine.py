"""NautilusTrader's margins as an engine that answers queries: run by the Python of an environment that has
it.

    python -m marginspec.adapters.nautilus_engine account
    python -m marginspec.adapters.nautilus_engine model

`account` asks what a strategy would read: a Portfolio over a MarginAccount, after `initialize_orders` and
`initialize_positions`. `model` asks its margin model alone, with the lots of MAR-6 at the mark, so that the
arithmetic can be compared where the account takes other lots and prices. A quantum is one unit of the
settlement currency, a tick one unit of price, a lot one unit of quantity. Resting totals become one limit
order a side, at the mark."""

import sys
from decimal import Decimal
from typing import Any

from nautilus_trader.accounting.accounts.margin import MarginAccount  # type: ignore[import-not-found]
from nautilus_trader.accounting.margin_models import LeveragedMarginModel  # type: ignore[import-not-found]
from nautilus_trader.cache.cache import Cache  # type: ignore[import-not-found]
from nautilus_trader.common.component import MessageBus, TestClock  # type: ignore[import-not-found]
from nautilus_trader.common.factories import OrderFactory  # type: ignore[import-not-found]
from nautilus_trader.core.uuid import UUID4  # type: ignore[import-not-found]
from nautilus_trader.model.currencies import BTC  # type: ignore[import-not-found]
from nautilus_trader.model.enums import (  # type: ignore[import-not-found]
    AccountType,
    CurrencyType,
    OmsType,
    OrderSide,
    PositionSide,
)
from nautilus_trader.model.events import AccountState  # type: ignore[import-not-found]
from nautilus_trader.model.identifiers import (  # type: ignore[import-not-found]
    AccountId,
    InstrumentId,
    PositionId,
    StrategyId,
    Symbol,
    TradeId,
    TraderId,
    Venue,
)
from nautilus_trader.model.instruments import CryptoPerpetual  # type: ignore[import-not-found]
from nautilus_trader.model.objects import (  # type: ignore[import-not-found]
    AccountBalance,
    Currency,
    Money,
    Price,
    Quantity,
)
from nautilus_trader.model.position import Position  # type: ignore[import-not-found]
from nautilus_trader.portfolio.portfolio import Portfolio  # type: ignore[import-not-found]
from nautilus_trader.test_kit.stubs.events import TestEventStubs  # type: ignore[import-not-found]

from marginspec.adapters.wire import Document, serve

VERSION = "nautilus_trader 1.221.0"
MICRO = Decimal("0.000001")
QUANTA = Currency("QUANTA", 0, 0, "quanta of the settlement asset", CurrencyType.CRYPTO)
VENUE = Venue("LAW")
TRADER, STRATEGY = TraderId("TRADER-1"), StrategyId("S-1")
ACCOUNT = AccountId("LAW-1")
NOTHING = {"buys": "0", "sells": "0", "size": "0", "cost": "0"}


class NautilusEngine:
    """Equity and margins of a venue's accounts, as NautilusTrader computes them.

    mode  `account` or `model`
    """

    def __init__(self, mode: str = "account") -> None:
        self._mode = mode
        self._accounts: Document = {}
        self._marks: dict[str, Price] = {}
        self._instruments: dict[str, CryptoPerpetual] = {}

    def hello(self) -> Document:
        """Who answers, for which rules, and up to which amount its Money goes in floats."""
        return {
            "engine": f"nautilus_{self._mode}",
            "version": VERSION,
            "protocol": "1",
            "rules": ["ACC-2", "MAR-7", "MAR-8"] if self._mode == "account" else ["MAR-7", "MAR-8"],
            "requests": ["query"],
            "domain": "17014118346046",
        }

    def load(self, policy: Document, venue: Document) -> Document:
        """Each market as a linear perpetual with two rates. Unsupported: tiers, and rates that grow."""
        schedules = [
            market[side] for market in policy["markets"].values() for side in ("initial", "maintenance")
        ]
        if any(each["kind"] == "sqrt" or len(each["tiers"]) != 1 for each in schedules):
            return {
                "outcome": "unsupported",
                "reason": "an instrument of NautilusTrader has one rate per margin",
            }
        self._instruments = {name: instrument(name, market) for name, market in policy["markets"].items()}
        self._marks = {name: Price(int(mark), 0) for name, mark in venue["marks"].items()}
        self._accounts = venue["accounts"]
        return {"outcome": "accepted"}

    def query(self, question: Document) -> Document:
        """What is known of one account."""
        account = self._accounts[question["account"]]
        if self._mode == "model":
            return {what: self._of_model(what, account) for what in question["what"]}
        portfolio = self._portfolio(account)
        return {what: self._of_portfolio(what, portfolio) for what in question["what"]}

    def _of_model(self, what: str, account: Document) -> Any:
        if what not in ("margin_initial", "margin_maintenance"):
            return {"unsupported": f"a margin model has no {what}"}
        total, one, model = Decimal(0), Decimal(1), LeveragedMarginModel()
        for name in sorted({*account["positions"], *account["orders"]}):
            traded, mark = self._instruments[name], self._marks[name]
            held, resting = account["positions"].get(name, NOTHING), account["orders"].get(name, NOTHING)
            size, buys, sells = int(held["size"]), int(resting["buys"]), int(resting["sells"])
            if what == "margin_initial":
                at_risk = Quantity(max(abs(size + buys), abs(size - sells)), 0)
                total += model.calculate_margin_init(traded, at_risk, mark, one).as_decimal()
            else:
                side = PositionSide.LONG if size > 0 else PositionSide.SHORT
                lots = Quantity(abs(size), 0)
                total += model.calculate_margin_maint(traded, side, lots, mark, one).as_decimal()
        return str(int(total))

    def _of_portfolio(self, what: str, portfolio: Portfolio) -> Any:
        if what == "equity":
            total = portfolio.account(VENUE).balance_total(QUANTA).as_decimal()
            for name, traded in self._instruments.items():
                if name in self._marks:
                    total += portfolio.unrealized_pnl(traded.id, price=self._marks[name]).as_decimal()
            return str(int(total))
        if what == "margin_initial":
            return str(int(sum(margin.as_decimal() for margin in portfolio.margins_init(VENUE).values())))
        if what == "margin_maintenance":
            return str(int(sum(margin.as_decimal() for margin in portfolio.margins_maint(VENUE).values())))
        return {"unsupported": f"a Portfolio has no {what}"}

    def _portfolio(self, account: Document) -> Portfolio:
        """A Portfolio that holds this account and nothing else."""
        clock, cache = TestClock(), Cache()
        portfolio = Portfolio(MessageBus(TRADER, clock), cache, clock)
        cache.add_account(margin_account(int(account["wallet"])))
        orders = OrderFactory(TRADER, STRATEGY, clock)
        for name, traded in self._instruments.items():
            cache.add_instrument(traded)
            if name in account["positions"]:
                cache.add_position(open_position(orders, traded, account["positions"][name]), OmsType.NETTING)
            for word, side in (("buys", OrderSide.BUY), ("sells", OrderSide.SELL)):
                lots = int(account["orders"].get(name, NOTHING)[word])
                if lots:
                    rest(cache, orders.limit(traded.id, side, Quantity(lots, 0), self._marks[name]))
        portfolio.initialize_orders()
        portfolio.initialize_positions()
        return portfolio


def instrument(name: str, market: Document) -> CryptoPerpetual:
    """A market as a linear perpetual without fees, its rates as fractions."""
    return CryptoPerpetual(
        instrument_id=InstrumentId(Symbol(name), VENUE),
        raw_symbol=Symbol(name),
        base_currency=BTC,
        quote_currency=QUANTA,
        settlement_currency=QUANTA,
        is_inverse=False,
        price_precision=0,
        size_precision=0,
        price_increment=Price(1, 0),
        size_increment=Quantity(1, 0),
        multiplier=Quantity(int(market["multiplier"]), 0),
        margin_init=int(market["initial"]["tiers"][0]["rise"]) * MICRO,
        margin_maint=int(market["maintenance"]["tiers"][0]["rise"]) * MICRO,
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        ts_event=0,
        ts_init=0,
    )


def margin_account(wallet: int) -> MarginAccount:
    """An account with this balance, all of it free."""
    money = Money(wallet, QUANTA)
    balance = AccountBalance(money, Money(0, QUANTA), money)
    state = AccountState(ACCOUNT, AccountType.MARGIN, None, True, [balance], [], {}, UUID4(), 0, 0)
    return MarginAccount(state)


def open_position(orders: OrderFactory, traded: CryptoPerpetual, held: Document) -> Position:
    """A position by one fill, or by two at neighbouring ticks if its cost is no whole tick a lot.

    Errors: ValueError if the cost is none that whole ticks can make.
    """
    lots, multiplier = abs(int(held["size"])), int(traded.multiplier)
    tick, rest = divmod(abs(int(held["cost"])), lots * multiplier)
    if rest % multiplier:
        raise ValueError(f"a cost of {held['cost']} is no sum of fills at whole ticks")
    dearer = rest // multiplier
    side = OrderSide.BUY if int(held["size"]) > 0 else OrderSide.SELL
    position = None
    for count, price in ((lots - dearer, tick), (dearer, tick + 1)):
        if count:
            quantity = Quantity(count, 0)
            fill = TestEventStubs.order_filled(
                orders.market(traded.id, side, quantity),
                traded,
                account_id=ACCOUNT,
                trade_id=TradeId(f"T-{price}"),
                position_id=PositionId(f"P-{traded.id.symbol}"),
                last_px=Price(price, 0),
                account=margin_account(0),
            )
            if position is None:
                position = Position(traded, fill)
            else:
                position.apply(fill)
    return position


def rest(cache: Cache, order: Any) -> None:
    """Put an accepted order into the cache."""
    cache.add_order(order)
    for event in (
        TestEventStubs.order_submitted(order, account_id=ACCOUNT),
        TestEventStubs.order_accepted(order, account_id=ACCOUNT),
    ):
        order.apply(event)
        cache.update_order(order)


if __name__ == "__main__":
    serve(NautilusEngine(*sys.argv[1:2]))
