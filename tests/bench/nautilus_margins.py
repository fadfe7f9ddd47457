"""NautilusTrader's margin model on accounts of the bench: run by the Python of an environment that has it.

    python nautilus_margins.py POSITIONS.npz      prints JSON: version, seconds, sums of both margins

It knows one initial and one maintenance rate per market, no brackets, and computes in decimals: less work per
position than ours, in another shape. Nothing of marginspec is imported here.
"""

import json
import sys
import time
from decimal import Decimal
from typing import Any

import numpy as np

MICRO = Decimal("0.000001")


def instruments(multipliers: list[int], initial: list[int], maintenance: list[int]) -> list[Any]:
    """One linear perpetual per market; a lot is a unit of quantity, a tick one unit of price."""
    from nautilus_trader.model.currencies import BTC, USDT
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
    from nautilus_trader.model.instruments import CryptoPerpetual
    from nautilus_trader.model.objects import Price, Quantity

    return [
        CryptoPerpetual(
            instrument_id=InstrumentId(Symbol(f"M{market}"), Venue("BENCH")),
            raw_symbol=Symbol(f"M{market}"),
            base_currency=BTC,
            quote_currency=USDT,
            settlement_currency=USDT,
            is_inverse=False,
            price_precision=0,
            size_precision=0,
            price_increment=Price(1, 0),
            size_increment=Quantity(1, 0),
            multiplier=Quantity(multiplier * MICRO, 6),
            margin_init=initial[market] * MICRO,
            margin_maint=maintenance[market] * MICRO,
            maker_fee=Decimal(0),
            taker_fee=Decimal(0),
            ts_event=0,
            ts_init=0,
        )
        for market, multiplier in enumerate(multipliers)
    ]


def main() -> None:
    import nautilus_trader
    from nautilus_trader.accounting.margin_models import StandardMarginModel
    from nautilus_trader.model.enums import PositionSide
    from nautilus_trader.model.objects import Price, Quantity

    with np.load(sys.argv[1]) as given:
        columns = {name: given[name].tolist() for name in given.files}
    known = instruments(columns["multiplier"], columns["initial"], columns["maintenance"])
    prices = [Price(mark, 0) for mark in columns["mark"]]
    positions = [
        (
            known[market],
            PositionSide.LONG if size > 0 else PositionSide.SHORT,
            Quantity(abs(size), 0),
            prices[market],
        )
        for market, size in zip(columns["market"], columns["size"], strict=True)
    ]
    model, unleveraged = StandardMarginModel(), Decimal(1)
    seconds = []
    for _ in range(3):
        initial = maintenance = Decimal(0)
        begin = time.thread_time()
        for instrument, side, quantity, price in positions:
            initial += model.calculate_margin_init(instrument, quantity, price, unleveraged).as_decimal()
            maintenance += model.calculate_margin_maint(
                instrument, side, quantity, price, unleveraged
            ).as_decimal()
        seconds.append(time.thread_time() - begin)
    print(
        json.dumps(
            {
                "version": nautilus_trader.__version__,
                "seconds": min(seconds),
                "initial": str(initial / MICRO),
                "maintenance": str(maintenance / MICRO),
            }
        )
    )


if __name__ == "__main__":
    main()
