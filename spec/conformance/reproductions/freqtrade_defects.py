"""Three differences inside freqtrade 2026.9, with nothing but freqtrade: pip install freqtrade==2026.9."""

from types import SimpleNamespace

from freqtrade.enums import MarginMode, RunMode, TradingMode
from freqtrade.exchange.binance import Binance
from freqtrade.exchange.hyperliquid import Hyperliquid

TIERS = [
    {"minNotional": 0, "maintenanceMarginRate": 0.01, "maintAmt": 0.0},
    {"minNotional": 50_000, "maintenanceMarginRate": 0.02, "maintAmt": 500.0},
]


def exchange(cls, marks):
    """An exchange that has asked its API already."""
    it = cls.__new__(cls)
    it._config = {"runmode": RunMode.DRY_RUN, "dry_run": True}
    it.trading_mode, it.margin_mode = TradingMode.FUTURES, MarginMode.CROSS
    it.exchange_has = lambda endpoint: True
    it.fetch_funding_rates = lambda pairs: {pair: {"markPrice": marks[pair]} for pair in pairs}
    it._leverage_tiers = dict.fromkeys(marks, TIERS)
    it._markets = {pair: {"limits": {"leverage": {"max": 50}}} for pair in marks}
    it.close = lambda: None
    it._exchange_ws = None
    return it


def trade(pair, amount, open_rate, leverage, is_short=False):
    stake = amount * open_rate / leverage
    return SimpleNamespace(
        pair=pair,
        amount=amount,
        open_rate=open_rate,
        leverage=leverage,
        is_short=is_short,
        stake_amount=stake,
    )


def price(it, of, wallet, trades):
    return round(
        it.dry_run_liquidation_price(
            pair=of.pair,
            open_rate=of.open_rate,
            is_short=of.is_short,
            amount=of.amount,
            stake_amount=of.stake_amount,
            leverage=of.leverage,
            wallet_balance=wallet,
            open_trades=trades,
        ),
        4,
    )


marks = {"BTC": 50_000.0, "ETH": 2_500.0}
print("1. binance.py: a loss on another short moves the liquidation price away")
long = trade("BTC", 0.5, 50_000.0, 10)
for word, short in (("short", True), ("long", False)):
    other = trade("ETH", 4.0, 2_000.0, 10, is_short=short)
    profit = (2_500 - 2_000) * 4 * (-1 if short else 1)
    found = price(exchange(Binance, marks), long, 5_000.0, [long, other])
    print(f"   0.5 BTC long at 50 000, wallet 5 000, 4 ETH {word} at 2 000, now 2 500 ({profit:+}): {found}")

print(
    "2. binance.py: the bracket is looked up by the stake, so that leverage changes a cross liquidation price"
)
for leverage in (1, 10):
    long = trade("BTC", 2.0, 50_000.0, leverage)
    found = price(exchange(Binance, marks), long, 10_000.0, [long])
    print(f"   2 BTC long at 50 000 (second bracket), wallet 10 000, leverage {leverage}: {found}")
print(f"   by the formula, with rate 2 % and amount 500: {(10_000 + 500 - 100_000) / (2 * 0.02 - 2):.4f}")

print("3. hyperliquid.py: in cross margin no other position counts")
long = trade("BTC", 0.5, 50_000.0, 10)
other = trade("ETH", 4.0, 2_000.0, 10, is_short=True)
for trades in ([long], [long, other]):
    found = price(exchange(Hyperliquid, marks), long, 5_000.0, trades)
    print(f"   0.5 BTC long at 50 000, wallet 5 000, {len(trades) - 1} other positions: {found}")
