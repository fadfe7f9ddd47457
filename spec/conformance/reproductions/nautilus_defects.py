"""Maintenance margin at the price of opening in NautilusTrader 1.221.0: pip install
nautilus_trader==1.221.0."""

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.events import AccountState
from nautilus_trader.model.identifiers import AccountId, PositionId, StrategyId, TraderId
from nautilus_trader.model.objects import AccountBalance, Money, Price, Quantity
from nautilus_trader.model.position import Position
from nautilus_trader.portfolio.config import PortfolioConfig
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.test_kit.stubs.events import TestEventStubs

clock, cache = TestClock(), Cache()
trader, strategy = TraderId("TRADER-1"), StrategyId("S-1")
portfolio = Portfolio(MessageBus(trader, clock), cache, clock, PortfolioConfig(use_mark_prices=True))
perp = TestInstrumentProvider.btcusdt_perp_binance()
cache.add_instrument(perp)
ten_thousand = Money(10_000, USDT)
balance = AccountBalance(ten_thousand, Money(0, USDT), ten_thousand)
account_id = AccountId(f"{perp.id.venue}-1")
state = AccountState(account_id, AccountType.MARGIN, None, True, [balance], [], {}, UUID4(), 0, 0)
portfolio.update_account(state)
order = OrderFactory(trader, strategy, clock).market(perp.id, OrderSide.SELL, Quantity.from_str("1.000"))
fill = TestEventStubs.order_filled(
    order,
    perp,
    account_id=account_id,
    position_id=PositionId("P-1"),
    last_px=Price.from_str("50000.0"),
    account=portfolio.account(perp.id.venue),
)
position = Position(perp, fill)
cache.add_position(position, OmsType.NETTING)
portfolio.initialize_positions()
account = portfolio.account(perp.id.venue)
print(f"short 1.000 BTC at 50000.0, maintenance rate {perp.margin_maint}")
for mark in ("50000.0", "58000.0"):
    price = Price.from_str(mark)
    update = MarkPriceUpdate(perp.id, price, 0, 0)
    cache.add_mark_price(update)
    portfolio.update_mark_price(update)
    portfolio.initialize_positions()
    margin = portfolio.margins_maint(perp.id.venue)[perp.id]
    meant = account.calculate_margin_maint(perp, position.side, position.quantity, price)
    print(
        f"at {mark}: unrealized {portfolio.unrealized_pnl(perp.id)}, "
        f"margins_maint {margin}, calculate_margin_maint at that price {meant}"
    )
