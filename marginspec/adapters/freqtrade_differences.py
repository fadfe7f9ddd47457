"""What freqtrade's liquidation prices do otherwise than MAR-14, as models that predict them.

The models compute in floats and in freqtrade's own order, so that they meet its answers to the tick. Line
numbers are of freqtrade 2026.9, files are below `freqtrade/exchange/`."""

from collections.abc import Callable
from math import ceil, floor

from marginspec.adapters.comparison import NOT_THEIRS, Difference
from marginspec.adapters.venues import Case
from refmodel.margin import is_liquidatable, standing_of
from refmodel.numbers import PPM

Price = Callable[[Case, str], float]


def cut(case: Case, market: str, price: float) -> str | None:
    """A price as the adapter hands it over."""
    tick = ceil(price) if case.account.positions[market].size < 0 else floor(price)
    return str(tick) if tick >= 1 else None


def trade(case: Case, market: str) -> tuple[float, float, int]:
    """Amount, open rate and side of a position."""
    position = case.account.positions[market]
    amount = abs(position.size) * case.venue.policy.markets[market].multiplier
    return float(amount), abs(position.cost) / amount, 1 if position.size > 0 else -1


def tier(case: Case, market: str, value: float) -> tuple[float, float]:
    """Rate and maintenance amount of the tier that a value falls into: `get_maintenance_ratio_and_amt`."""
    rate = amount = 0
    found = 0.0, 0.0
    for each in case.venue.policy.markets[market].maintenance.tiers:
        rate += each.rise
        amount += each.rise * each.floor
        if value >= each.floor:
            found = rate / PPM, amount / PPM
    return found


def binance(leverage: int, shorts_signed: bool) -> Price:
    """Their formula for Binance in cross margin.

    leverage       the tier is that of the value at entry divided by it
    shorts_signed  whether the other positions' unrealised profit has the sign of a short
    """

    def price(case: Case, market: str) -> float:
        amount, open_rate, side = trade(case, market)
        ratio, maintenance = tier(case, market, abs(case.account.positions[market].cost) / leverage)
        margin = profit = 0.0
        for other in case.account.positions:
            if other == market:
                continue
            held, rate, direction = trade(case, other)
            mark = float(case.venue.marks[other])
            other_ratio, other_amount = tier(case, other, abs(case.account.positions[other].cost) / leverage)
            margin += held * mark * other_ratio - other_amount
            profit += (held * mark - held * rate) * (direction if shorts_signed else 1)
        wallet = float(case.account.wallet)
        return ((wallet + (profit - margin) + maintenance) - (side * amount * open_rate)) / (
            (amount * ratio) - (side * amount)
        )

    return price


def bybit(case: Case, market: str) -> float:
    """Their formula for Bybit in isolated margin: the margins are those at entry."""
    amount, open_rate, side = trade(case, market)
    wallet = case.account.wallet
    value = amount * open_rate
    ratio, _ = tier(case, market, wallet)
    per_contract = (value / (amount * open_rate / wallet) - value * ratio) / amount
    return open_rate - per_contract if side > 0 else open_rate + per_contract


def hyperliquid(case: Case, market: str) -> float:
    """Their formula for Hyperliquid in cross margin: this position and the wallet, nothing else."""
    amount, open_rate, side = trade(case, market)
    most = PPM / 2 / case.venue.policy.markets[market].maintenance.tiers[0].rise
    available = float(case.account.wallet) - open_rate * amount / most / 2
    return open_rate - side * available / amount / (1 - 1 / (most * 2) * side)


def if_liquidatable(price: Price) -> Callable[[Case, str], str | None]:
    """The price of an account that is liquidatable already, for which the law has none."""

    def predicts(case: Case, market: str) -> str | None:
        standing = standing_of(case.venue, case.account)
        there = is_liquidatable(standing.equity, standing.maintenance, case.venue.policy.trigger)
        return cut(case, market, price(case, market)) if there else NOT_THEIRS

    return predicts


def if_above_price_max(price: Price) -> Callable[[Case, str], str | None]:
    """A price above the market's highest."""

    def predicts(case: Case, market: str) -> str | None:
        found = price(case, market)
        return cut(case, market, found) if found > case.venue.policy.markets[market].price_max else NOT_THEIRS

    return predicts


def as_it_is(price: Price) -> Callable[[Case, str], str | None]:
    """The price, whatever the case."""
    return lambda case, market: cut(case, market, price(case, market))


def difference(whose: str, title: str, text: str, predicts: Callable[[Case, str], str | None]) -> Difference:
    """One about liquidation prices."""
    return Difference("price_liquidation", whose, title, text, predicts)


def first(price: Price) -> tuple[Difference, ...]:
    """The two differences that every formula has."""
    return (
        difference(
            "their choice",
            "an account that is liquidatable already has a price",
            "The formula is evaluated whatever the mark is, and its price may lie on the other side of "
            "it. MAR-14 says there is none. An account at a place where it ought to have been closed is "
            "outside of what it is for.",
            if_liquidatable(price),
        ),
        difference(
            "their choice",
            "no highest price",
            "MAR-14 looks up to the market's `price_max`, which a bot does not know.",
            if_above_price_max(price),
        ),
    )


PRESENT_TIER = difference(
    "their choice",
    "the tier is that of the value at entry",
    "The tier is looked up once, by the value at entry, and the formula is not repeated when its price "
    "lies in another tier (`binance.py`, line 342). Binance's page tells the reader to repeat it; MAR-14 "
    "takes the nearest of all tiers. It errs where the price crosses a tier's floor on its way.",
    as_it_is(binance(1, shorts_signed=True)),
)
SIGN = difference(
    "their defect",
    "the profit of other short positions has the wrong sign",
    "`upnl_ex_1 += trade.amount * mark_price - trade.amount * trade.open_rate` (`binance.py`, line 365) "
    "is the profit of a long. `trade.amount` is positive for shorts too, so that a loss on another short "
    "moves the price away instead of nearer, and a dry run or backtest is closed too late.",
    as_it_is(binance(1, shorts_signed=False)),
)


def of_binance(leverage: int) -> tuple[Difference, ...]:
    """Differences of Binance in cross margin, at a leverage; simpler models first."""
    known = (*first(binance(leverage, shorts_signed=False)), PRESENT_TIER, SIGN)
    if leverage == 1:
        return known
    by_stake = (
        "`get_maintenance_ratio_and_amt(pair, stake_amount)` (`binance.py`, lines 342 and 359; also in "
        "`bybit.py`, `bitget.py` and `exchange.py`) passes the collateral, which is the value of the "
        "position divided by its leverage, to a parameter that its own docstring calls the total trade "
        "amount in quote currency. Binance's brackets are by notional. A position in the second bracket "
        "or above gets the rate of a lower one, and a price that is too far away. Asked upstream as "
        "freqtrade issue 10422 and closed as intended; the pages that the docstring cites say notional."
    )
    return (
        *known,
        difference(
            "their defect",
            "the tier is that of the collateral",
            by_stake,
            as_it_is(binance(leverage, shorts_signed=True)),
        ),
        difference(
            "their defect",
            "the tier is that of the collateral, and other shorts have the wrong sign",
            "Both of the above at once.",
            as_it_is(binance(leverage, shorts_signed=False)),
        ),
    )


OF_BYBIT: tuple[Difference, ...] = (
    *first(bybit),
    difference(
        "their choice",
        "maintenance margin is that at entry",
        "The formula subtracts the maintenance margin of the value at entry (`bybit.py`, line 230), as "
        "Bybit's page did in 2024; by the page of 2026, as by MAR-14, it moves with the price. The "
        "maintenance amount of the tier is dropped, and the tier is looked up by the collateral (see the "
        "report's defects).",
        as_it_is(bybit),
    ),
)
OF_HYPERLIQUID: tuple[Difference, ...] = (
    *first(hyperliquid),
    difference(
        "their defect",
        "other positions count for nothing in cross margin",
        "`dry_run_liquidation_price` takes the whole wallet as this position's account value and does not "
        "read `open_trades` (`hyperliquid.py`, line 280): the profit, loss and maintenance margin of "
        "every other position are missing, though Hyperliquid's page, which it cites, takes the account "
        "value less the maintenance margin required of the account.",
        as_it_is(hyperliquid),
    ),
)
