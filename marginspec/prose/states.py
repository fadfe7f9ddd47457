"""What the columns of a scenario are about: the words for the state of a venue, and their units."""

from collections.abc import Callable
from typing import Any

from marginspec.prose.notation import ExampleError
from refmodel import canonical
from refmodel.close_out import bankruptcy_price
from refmodel.insurance import backstop_lots, draw_room, drawn_so_far, profit_of
from refmodel.liquidation import waiting
from refmodel.liquidation_price import liquidation_price
from refmodel.margin import maintenance_of, margin_initial, margin_maintenance, standing_of, status
from refmodel.postings import books_gap, lots_gap
from refmodel.ranking import ranking
from refmodel.state import Account, OpenOrders, Position, Venue, equity


def state_of(venue: Venue, name: str) -> Any:
    """What a column of a scenario is about.

    name  of the venue: `custody`, `clock`, `digest`, `books_gap`, `waiting` (LIQ-7); of a market:
          `lots_gap BTC-PERP`, `mark BTC-PERP`, `ranking BTC-PERP longs`; of a pool: `fund cross`, `fee_pool`,
          `bad_debt`, `drawn`, `draw_room`; of an account: `a1 wallet` and what ACCOUNT_AMOUNTS has; of an
          account and a market: `a1 size BTC-PERP` and what MARKET_AMOUNTS has
    """
    match name.split():
        case ["custody"]:
            return venue.custody
        case ["clock"]:
            return venue.clock
        case ["digest"]:
            return canonical.digest(venue)
        case ["books_gap"]:
            return books_gap(venue)
        case ["lots_gap", market] if market in venue.policy.markets:
            return lots_gap(venue, market)
        case ["mark", market] if market in venue.policy.markets:
            return venue.marks.get(market)
        case ["drawn", pool] if pool in venue.pools:
            return drawn_so_far(venue, pool)
        case ["draw_room", pool] if pool in venue.pools:
            return draw_room(venue, pool)
        case ["waiting"]:
            return ", ".join(each.account for each in waiting(venue)) or "nobody"
        case ["ranking", market, ("longs" | "shorts") as side] if market in venue.policy.markets:
            return ", ".join(ranking(venue, market, SIDES[side])) or "nobody"
        case [("fund" | "fee_pool" | "bad_debt") as amount, pool] if pool in venue.pools:
            return getattr(venue.pools[pool], amount)
        case [account, amount] if amount in ACCOUNT_AMOUNTS:
            held = venue.accounts.get(account)
            return None if held is None else ACCOUNT_AMOUNTS[amount](venue, held)
        case [account, amount, market] if amount in MARKET_AMOUNTS and market in venue.policy.markets:
            held = venue.accounts.get(account)
            return None if held is None else MARKET_AMOUNTS[amount](venue, held, market)
    raise ExampleError(f"no state is called `{name}`")


def state_word(name: str) -> str:
    """The word of a column's name that says what it is: `a1 wallet`, `fund cross`, `a1 size BTC-PERP`."""
    words = name.split()
    return next((word for word in words if word in STATE_UNITS), "")


STATE_UNITS = {
    **dict.fromkeys(("wallet", "equity", "initial", "maintenance", "cost", "books_gap"), "quanta"),
    **dict.fromkeys(("fund", "fee_pool", "bad_debt", "custody", "drawn", "draw_room"), "quanta"),
    **dict.fromkeys(("profit", "share_of_margin"), "quanta"),
    **dict.fromkeys(("size", "buys", "sells", "lots_gap", "capacity"), "lots"),
    **dict.fromkeys(("mark", "liquidation_price", "bankruptcy_price"), "ticks"),
    "clock": "ms",
}
"""What a heading may say in parentheses."""

SIDES = {"longs": 1, "shorts": -1}

ACCOUNT_AMOUNTS: dict[str, Callable[[Venue, Account], Any]] = {
    "wallet": lambda venue, account: account.wallet,
    "owner": lambda venue, account: account.owner,
    "pool": lambda venue, account: account.pool,
    "equity": equity,
    "initial": margin_initial,
    "maintenance": margin_maintenance,
    "status": lambda venue, account: status(standing_of(venue, account), venue.policy.trigger),
}


def _held(account: Account, market: str) -> Position:
    return account.positions.get(market, Position(0, 0))


def _ordered(account: Account, market: str) -> OpenOrders:
    return account.orders.get(market, OpenOrders(0, 0))


def _liquidation_price(venue: Venue, account: Account, market: str) -> int | None:
    return liquidation_price(venue, account, market) if market in account.positions else None


def _bankruptcy_price(venue: Venue, account: Account, market: str) -> int | None:
    return bankruptcy_price(venue, account, market) if market in account.positions else None


def _share_of_margin(venue: Venue, account: Account, market: str) -> int:
    return maintenance_of(venue, account, market) if market in account.positions else 0


def _capacity(venue: Venue, account: Account, market: str) -> int:
    name = next(name for name, known in venue.accounts.items() if known is account)
    return backstop_lots(venue, name, market)


MARKET_AMOUNTS: dict[str, Callable[[Venue, Account, str], Any]] = {
    "size": lambda venue, account, market: _held(account, market).size,
    "cost": lambda venue, account, market: _held(account, market).cost,
    "buys": lambda venue, account, market: _ordered(account, market).buys,
    "sells": lambda venue, account, market: _ordered(account, market).sells,
    "profit": profit_of,
    "share_of_margin": _share_of_margin,
    "capacity": _capacity,
    "liquidation_price": _liquidation_price,
    "bankruptcy_price": _bankruptcy_price,
}
