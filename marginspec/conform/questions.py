"""Questions: what the law says about a venue, for each word that a `query` may ask (spec/protocol.md)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from marginspec.conform.engine import ERROR, Document, shown
from refmodel.close_out import bankruptcy_price
from refmodel.events import Event, Order, Withdraw
from refmodel.liquidation_price import liquidation_price
from refmodel.margin import NOTHING_HELD, NOTHING_ORDERED, Standing, standing_of, status
from refmodel.numbers import Lots, Quanta, Ticks, largest_count
from refmodel.outcome import Refusal
from refmodel.ranking import ranking
from refmodel.state import Account, Pool, Venue
from refmodel.trading import BUY, SELL
from refmodel.venue import apply

SIDES = {BUY: 1, SELL: -1}


class _Wrong(Exception):
    """A question that has no answer, and why."""


@dataclass(slots=True)
class _Asked:
    """A question about a venue; what several of its words need is worked out once."""

    venue: Venue
    question: Document
    _standing: Standing | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        return self._one_of("account", self.venue.accounts)

    @property
    def account(self) -> Account:
        return self.venue.accounts[self.name]

    @property
    def market(self) -> str:
        return self._one_of("market", self.venue.policy.markets)

    @property
    def side(self) -> str:
        return self._one_of("side", SIDES)

    @property
    def pool(self) -> Pool:
        return self.venue.pools[self._one_of("pool", self.venue.pools)]

    @property
    def standing(self) -> Standing:
        if self._standing is None:
            self._standing = standing_of(self.venue, self.account)
        return self._standing

    def _one_of(self, key: str, known: Any) -> str:
        name = self.question.get(key)
        if not isinstance(name, str) or name not in known:
            said = "is missing" if name is None else f"is {shown(name)}, which there is not"
            raise _Wrong(f"`{key}` {said}.")
        return name


def answers(venue: Venue, question: Document) -> dict[str, Any]:
    """What the law answers to a question about a venue.

    question  `what`: a list of words; `account`, `market`, `side`, `pool`, as the words need them
    returns   one key for each word: whole numbers as decimal texts, rounded as their rules say; or outcome
              `error` and a reason for a word, account, market, side or pool that there is not
    """
    asked = _Asked(venue, question)
    try:
        return {what: ANSWERS[what](asked) for what in _words_of(question)}
    except _Wrong as wrong:
        return {"outcome": ERROR, "reason": str(wrong)}


def _words_of(question: Document) -> Iterator[str]:
    words = question.get("what")
    if not isinstance(words, list | tuple):
        raise _Wrong("`what` is no list. Write the words that are asked, such as equity.")
    for word in words:
        if not isinstance(word, str) or word not in ANSWERS:
            raise _Wrong(f"`what` has {shown(word)}; it may have {', '.join(ANSWERS)}.")
        yield word


def withdrawable(venue: Venue, name: str) -> Quanta:
    """The largest amount that a withdrawal at the present clock is accepted with; 0 if none is.

    Whoever may take an amount may take a smaller one: the wallet, equity and custody that stay are larger,
    and what is required of positions and orders does not depend on the wallet. So an amount that is accepted
    is the largest if a quantum more is not: mostly what is left when the refusal of all says how much lacks.
    Where it is not, the interval is halved.
    """
    most = max(min(venue.accounts[name].wallet, venue.custody), 0)

    def refusal(amount: Quanta) -> Refusal | None:
        return apply(venue, Withdraw(venue.clock, name, amount)).refusal

    refused = refusal(most) if most else None
    if refused is None:
        return most
    lacking = _number(refused, "required") - _number(refused, "equity")
    for likely in (most - lacking, most - lacking - 1):
        if 0 < likely < most and refusal(likely) is None and refusal(likely + 1) is not None:
            return likely
    if refusal(1) is not None:
        return 0
    return largest_count(most, lambda amount: refusal(amount) is None)


def _number(refusal: Refusal, name: str) -> int:
    """A number that decided a refusal; 0 if it has none of that name."""
    number = refusal.numbers.get(name, 0)
    return number if isinstance(number, int) else 0


def order_max(venue: Venue, name: str, market: str, side: str) -> Lots:
    """The largest total of one side that an order at the present clock is accepted with; 0 if none is.

    side  `buy` or `sell`; the total of the other side stays as it is
    Of two totals above the present one, the smaller is admitted if the larger is (theorem B4-order-monotone).
    A total at or below the present one leaves no more lots at risk (MAR-6), so it raises no requirement.
    """
    account = venue.accounts[name]
    resting = account.orders.get(market, NOTHING_ORDERED)
    size = account.positions.get(market, NOTHING_HELD).size

    def is_admitted(lots: Lots) -> bool:
        buys, sells = (lots, resting.sells) if side == BUY else (resting.buys, lots)
        return apply(venue, Order(venue.clock, name, market, buys, sells)).refusal is None

    return largest_count(venue.policy.markets[market].size_max + abs(size), is_admitted)


def rule_beyond(venue: Venue, question: Document, word: str, most: int) -> str:
    """The rule by which the law refuses one more than the largest amount: see `withdrawable` and `order_max`.

    word  one of BOUNDED
    most  what the law answers to it
    """
    name, more = question["account"], most + 1
    event: Event
    if word == "withdrawable":
        event = Withdraw(venue.clock, name, more)
    else:
        resting = venue.accounts[name].orders.get(question["market"], NOTHING_ORDERED)
        buys, sells = (more, resting.sells) if question["side"] == BUY else (resting.buys, more)
        event = Order(venue.clock, name, question["market"], buys, sells)
    refusal = apply(venue, event).refusal
    assert refusal is not None
    return refusal.rule


BOUNDED = ("withdrawable", "order_max")
"""The words that ask for the largest amount that is accepted."""


def _position(asked: _Asked) -> str:
    return str(asked.account.positions.get(asked.market, NOTHING_HELD).size)


def _price(rule: Callable[[Venue, Account, str], Ticks | None], asked: _Asked) -> str | None:
    account, market = asked.account, asked.market
    price = rule(asked.venue, account, market) if market in account.positions else None
    return None if price is None else str(price)


ANSWERS: dict[str, Callable[[_Asked], Any]] = {
    "wallet": lambda asked: str(asked.account.wallet),
    "equity": lambda asked: str(asked.standing.equity),
    "margin_initial": lambda asked: str(asked.standing.initial),
    "margin_maintenance": lambda asked: str(asked.standing.maintenance),
    "status": lambda asked: status(asked.standing, asked.venue.policy.trigger),
    "position": _position,
    "price_liquidation": lambda asked: _price(liquidation_price, asked),
    "price_bankruptcy": lambda asked: _price(bankruptcy_price, asked),
    "withdrawable": lambda asked: str(withdrawable(asked.venue, asked.name)),
    "order_max": lambda asked: str(order_max(asked.venue, asked.name, asked.market, asked.side)),
    "ranking": lambda asked: list(ranking(asked.venue, asked.market, SIDES[asked.side])),
    "fund": lambda asked: str(asked.pool.fund),
    "bad_debt": lambda asked: str(asked.pool.bad_debt),
    "fee_pool": lambda asked: str(asked.pool.fee_pool),
}
"""Every word that may be asked."""
