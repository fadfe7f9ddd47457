"""Which rule decides an answer: rules that no word of the protocol names, and that show in one all the same.

A margin of one position is MAR-2, MAR-3 or MAR-4 at work, a ranking is ADL-1, a status turns at MAR-9. Such
questions stand in the files of these rules as well, so that an engine that only answers questions is asked
about them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from refmodel.margin import NOTHING_HELD, notional, sqrt_rate, standing_of
from refmodel.policy import BRACKET, SQRT, WHOLE, Schedule
from refmodel.ranking import holding_of
from refmodel.state import Account, Venue

MARGINS = ("MAR-1", "MAR-2", "MAR-3", "MAR-4", "MAR-5", "MAR-6", "MAR-9", "MAR-10", "MAR-13")
RULES = (*MARGINS, "LIQ-7", "CLO-1", "ADL-1")
"""All of them."""
OF_KIND = {BRACKET: "MAR-2", WHOLE: "MAR-3", SQRT: "MAR-4"}

Decided = tuple[str, str]
"""A rule, and in words how it decides."""


def decided_by(venue: Venue, what: str, names: Mapping[str, str], answer: Any) -> Iterator[Decided]:
    """The rules that decide an answer, and how each does."""
    if what == "ranking":
        yield from by_score(venue, names["market"], names["side"], answer)
        return
    account = venue.accounts.get(names.get("account", ""))
    if account is None:
        return
    if what == "status":
        yield from by_standing(venue, account, answer)
    elif what in ("margin_maintenance", "margin_initial"):
        yield from by_schedule(venue, account, what)
    elif what == "price_liquidation" and answer is not None:
        yield from by_line(venue, account, names["market"], int(answer))
    elif what == "price_bankruptcy" and answer is not None and len(account.positions) > 1:
        held = sorted(account.positions)
        place = "first" if names["market"] == held[0] else "last" if names["market"] == held[-1] else "middle"
        side = "long" if account.positions[names["market"]].size > 0 else "short"
        yield "CLO-1", f"{side} the {place} of {min(len(held), 3)} positions"


def by_score(venue: Venue, market: str, side: str, ranked: list[str]) -> Iterator[Decided]:
    """A ranking of several holders, by the formula of the policy."""
    if len(ranked) < 2:
        return
    holdings = [holding_of(venue, name, market) for name in ranked]
    profits = sum(one.value > one.cost for one in holdings)
    of = "profits" if profits == len(holdings) else "a profit and a loss" if profits else "losses"
    order = "by name" if list(ranked) == sorted(ranked) else "against the names"
    yield "ADL-1", f"{venue.policy.adl_ranking} {side} {of} {order}"
    if min(one.wallet for one in holdings) < 1:
        yield "ADL-1", f"{venue.policy.adl_ranking} {side} wallet below 1"


def by_standing(venue: Venue, account: Account, answer: str) -> Iterator[Decided]:
    """A status at a margin or a quantum beside it."""
    standing, trigger = standing_of(venue, account), venue.policy.trigger
    if standing.maintenance == 0:
        wallet = "orders" if account.orders else "nothing held"
        yield "MAR-9", f"no position {wallet}"
        return
    holds = "one position" if len(account.positions) == 1 else "several positions"
    for rule, margin in (("MAR-9", standing.maintenance), ("MAR-10", standing.initial)):
        beside = {-1: "one below", 0: "at", 1: "one above"}.get(standing.equity - margin)
        if beside and not (rule == "MAR-10" and standing.initial == standing.maintenance):
            yield rule, f"equity {beside} the margin {trigger} {answer}"
    if standing.initial == standing.maintenance == standing.equity:
        yield "MAR-10", f"both margins one quantum {trigger} {answer}"
    if answer == "liquidatable":
        yield "LIQ-7", f"waits {trigger} {holds}"
    elif standing.equity - standing.maintenance in (0, 1):
        yield "LIQ-7", f"does not wait {trigger}"


def by_schedule(venue: Venue, account: Account, what: str) -> Iterator[Decided]:
    """A margin of an account that holds one thing in one market."""
    markets = set(account.positions) | set(account.orders)
    if len(markets) != 1:
        return
    (market,) = markets
    terms, mark = venue.policy.markets[market], venue.marks[market]
    schedule = terms.maintenance if what == "margin_maintenance" else terms.initial
    size = account.positions.get(market, NOTHING_HELD).size
    held = "long" if size > 0 else "short" if size < 0 else "flat"
    if what == "margin_initial" and account.orders:
        orders = account.orders[market]
        sides = " and ".join(side for side in ("buys", "sells") if getattr(orders, side))
        after = abs(size + orders.buys) - abs(size - orders.sells)
        yield (
            "MAR-6",
            f"{held} {sides} {'buys decide' if after > 0 else 'sells decide' if after < 0 else 'alike'}",
        )
    if account.orders or size == 0:
        return
    worth = notional(abs(size), mark, terms.multiplier)
    other = terms.initial if what == "margin_maintenance" else terms.maintenance
    yield "MAR-1", f"{held} multiplier {'1' if terms.multiplier == 1 else 'above 1'}"
    yield "MAR-5", f"{schedule.kind} beside {other.kind}"
    tick = abs(size) * terms.multiplier
    yield from ((OF_KIND[schedule.kind], words) for words in in_tier(schedule, abs(size), worth, tick))


def in_tier(schedule: Schedule, lots: int, worth: int, tick: int) -> Iterator[str]:
    """In which tier a notional stands, and whether at its edge or less than a tick beside it.

    tick  by how many quanta the notional changes with one tick of the mark
    """
    if schedule.kind == SQRT:
        rate = sqrt_rate(lots, schedule.base, schedule.factor)
        yield "base rate" if rate == schedule.base else "rate above base"
        return
    floors = [tier.floor for tier in schedule.tiers]
    yield f"tier {min(sum(floor < worth for floor in floors), 3)} of {min(len(floors), 3)}"
    for floor in floors[1:]:
        if worth == floor:
            yield "notional at a floor"
        elif abs(worth - floor) <= tick:
            yield f"notional just {'above' if worth > floor else 'below'} a floor"


def by_line(venue: Venue, account: Account, market: str, price: int) -> Iterator[Decided]:
    """A liquidation price, which one of the published lines decides."""
    terms, size = venue.policy.markets[market], account.positions[market].size
    schedule = terms.maintenance
    if schedule.kind == SQRT:
        line = "the one line"
    else:
        worths = [notional(abs(size), mark, terms.multiplier) for mark in (price, venue.marks[market])]
        tiers = [min(sum(tier.floor < worth for tier in schedule.tiers), 3) for worth in worths]
        line = f"line {tiers[0]}" if tiers[0] == tiers[1] else f"line {tiers[0]} from tier {tiers[1]}"
    yield "MAR-13", f"{schedule.kind} {'long' if size > 0 else 'short'} {line}"
