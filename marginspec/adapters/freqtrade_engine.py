"""freqtrade's liquidation prices as an engine that answers queries: run by the Python of an environment
that has it.

    python -m marginspec.adapters.freqtrade_engine binance [--leverage 1]
    python -m marginspec.adapters.freqtrade_engine bybit
    python -m marginspec.adapters.freqtrade_engine hyperliquid

It asks `dry_run_liquidation_price` of freqtrade's exchange classes, which its dry runs and backtests close
positions by. A quantum is one unit of the stake currency and a tick one unit of price; an amount is lots x
multiplier. Binance and Hyperliquid are asked in cross margin with all positions of the account, Bybit in
isolated margin, where an account with one position is that position and its wallet. freqtrade computes in
floats: a price is cut to the first whole tick at or beyond it, and may be one tick off."""

import sys
from collections.abc import Mapping
from math import ceil, floor
from types import SimpleNamespace
from typing import Any

from freqtrade.enums import MarginMode, RunMode, TradingMode  # type: ignore[import-not-found]
from freqtrade.exchange.binance import Binance  # type: ignore[import-not-found]
from freqtrade.exchange.bybit import Bybit  # type: ignore[import-not-found]
from freqtrade.exchange.hyperliquid import Hyperliquid  # type: ignore[import-not-found]

from marginspec.adapters.wire import Document, serve

VERSION = "freqtrade 2026.9"
PPM = 1_000_000
EXCHANGES = {"binance": Binance, "bybit": Bybit, "hyperliquid": Hyperliquid}
TRIGGERS = {"binance": "at_or_below", "bybit": "at_or_below", "hyperliquid": "below"}
"""At the margin or below it: what each venue publishes (MAR-9)."""


class FreqtradeEngine:
    """Liquidation prices of a venue's accounts, as freqtrade computes them for one exchange.

    exchange  one of EXCHANGES
    leverage  of every trade; freqtrade divides the value of a position by it to get its stake
    """

    def __init__(self, exchange: str = "binance", leverage: int = 1) -> None:
        self._name = exchange
        self._leverage = leverage
        self._exchange: Any = None
        self._accounts: Mapping[str, Any] = {}
        self._multipliers: dict[str, int] = {}

    def hello(self) -> Document:
        """Who answers: one rule, and only queries."""
        return {
            "engine": f"freqtrade_{self._name}",
            "version": VERSION,
            "protocol": "1",
            "rules": ["MAR-14"],
            "requests": ["query"],
            "domain": str(2**53 - 1),
            "tolerance": {"price_liquidation": "1"},
        }

    def load(self, policy: Document, venue: Document) -> Document:
        """The policy's tiers and the venue's marks, where the exchange's API would give them."""
        refused = untranslatable(self._name, policy)
        if refused:
            return {"outcome": "unsupported", "reason": refused}
        self._accounts = venue["accounts"]
        self._multipliers = {name: int(market["multiplier"]) for name, market in policy["markets"].items()}
        self._exchange = offline(
            self._name, policy, {name: int(mark) for name, mark in venue["marks"].items()}
        )
        return {"outcome": "accepted"}

    def query(self, question: Document) -> Document:
        """The liquidation price of one position; nothing else is computed without an exchange."""
        return {what: self._answer(what, question) for what in question["what"]}

    def _answer(self, what: str, question: Document) -> Any:
        if what != "price_liquidation":
            return {"unsupported": f"freqtrade has no {what} without an exchange to ask"}
        account = self._accounts[question["account"]]
        if question["market"] not in account["positions"]:
            return None
        trades = {name: self._trade(name, position) for name, position in account["positions"].items()}
        trade, wallet = trades[question["market"]], int(account["wallet"])
        leverage: float = self._leverage
        if self._name == "bybit":
            if len(trades) > 1 or wallet <= 0:
                return {"unsupported": "an isolated position has a margin of its own, above 0"}
            leverage = trade.amount * trade.open_rate / wallet
        price = self._exchange.dry_run_liquidation_price(
            pair=trade.pair,
            open_rate=trade.open_rate,
            is_short=trade.is_short,
            amount=trade.amount,
            stake_amount=trade.stake_amount if self._name != "bybit" else wallet,
            leverage=leverage,
            wallet_balance=float(wallet),
            open_trades=list(trades.values()),
        )
        tick = ceil(price) if trade.is_short else floor(price)
        return str(tick) if tick >= 1 else None

    def _trade(self, market: str, position: Document) -> SimpleNamespace:
        """A position as a trade, with what the functions read of it."""
        amount = abs(int(position["size"])) * self._multipliers[market]
        value = abs(int(position["cost"]))
        return SimpleNamespace(
            pair=market,
            is_short=int(position["size"]) < 0,
            amount=float(amount),
            open_rate=value / amount,
            stake_amount=value / self._leverage,
        )


def untranslatable(exchange: str, policy: Document) -> str:
    """Why a policy cannot be that of an exchange, or nothing."""
    if policy["trigger"] != TRIGGERS[exchange]:
        return f"{exchange} liquidates {TRIGGERS[exchange]} the maintenance margin"
    for market in policy["markets"].values():
        kind, tiers = market["maintenance"]["kind"], market["maintenance"]["tiers"]
        if kind == "sqrt":
            return "no exchange of freqtrade has a rate that grows with a square root"
        if len(tiers) > 1 and (kind != "bracket" or exchange == "hyperliquid"):
            return f"freqtrade's {exchange} has no tiers of this kind"
    return ""


def offline(name: str, policy: Document, marks: dict[str, int]) -> Any:
    """An exchange of freqtrade that has already asked its API for tiers, limits and marks."""
    exchange = EXCHANGES[name].__new__(EXCHANGES[name])
    exchange._config = {"runmode": RunMode.DRY_RUN, "dry_run": True}
    exchange.trading_mode = TradingMode.FUTURES
    exchange.margin_mode = MarginMode.ISOLATED if name == "bybit" else MarginMode.CROSS
    exchange.exchange_has = lambda endpoint: True
    exchange.fetch_funding_rates = lambda pairs: {pair: {"markPrice": float(marks[pair])} for pair in pairs}
    exchange._leverage_tiers = {
        pair: leverage_tiers(market["maintenance"]["tiers"]) for pair, market in policy["markets"].items()
    }
    exchange._markets = {
        pair: {
            "inverse": False,
            "limits": {"leverage": {"max": PPM / 2 / int(market["maintenance"]["tiers"][0]["rise"])}},
        }
        for pair, market in policy["markets"].items()
    }
    exchange.close = lambda: None
    exchange._exchange_ws = None
    return exchange


def leverage_tiers(tiers: list[Document]) -> list[dict[str, float]]:
    """Tiers as freqtrade keeps them: rate and maintenance amount from a floor on (MAR-13)."""
    rows: list[dict[str, float]] = []
    rate = amount = 0
    for tier in tiers:
        floor_, rise = int(tier["floor"]), int(tier["rise"])
        rate += rise
        amount += rise * floor_
        row = {"minNotional": floor_, "maintenanceMarginRate": rate / PPM, "maintAmt": amount / PPM}
        rows.append(row)
    return rows


def main() -> None:
    arguments = sys.argv[1:] or ["binance"]
    leverage = int(arguments[arguments.index("--leverage") + 1]) if "--leverage" in arguments else 1
    serve(FreqtradeEngine(arguments[0], leverage))


if __name__ == "__main__":
    main()
