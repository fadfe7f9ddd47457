"""The story: events and outcomes as lines that a person can read aloud, and read back.

One event is one line. Failure traces, worked examples of the chapters and tests are written in it:

    deposit a1 400_000 owner alice pool cross
    order a1 BTC-PERP buys 3 sells 0
    trade a1 buys 2 BTC-PERP from a2 at 500_000 @ 1_000
    liquidation_fill a1 4 BTC-PERP by b1 at 59_000
    takeover a1

Amounts are quanta, sizes lots, prices ticks, rates ppm; the time after `@` is in milliseconds. A name that
is more than letters, digits, `.`, `_`, `:` and `-` stands in double quotes, as in JSON.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import NoReturn

from refmodel.canonical import TYPE_NAMES
from refmodel.events import (
    Deposit,
    Event,
    FeeWithdrawal,
    FundDeposit,
    Funding,
    LiquidationFill,
    Order,
    Prices,
    Takeover,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.margin import standing_of, status
from refmodel.outcome import Outcome
from refmodel.policy import Policy
from refmodel.state import Venue, genesis
from refmodel.trading import BUY, SELL
from refmodel.venue import accounts_of, apply

PLAIN_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9._:-]*\Z")
WORD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\S+)')
NUMBER = re.compile(r"[+-]?[0-9]+(_[0-9]+)*\Z")
DIGITS_MAX = 4_000
"""A longer number is taken for garbage; CPython itself reads no more than 4 300 digits."""


class ParseError(ValueError):
    """A line that is not an event.

    position  of the first character that does not fit, 0 the first of the line
    expected  what could stand there, in words
    """

    def __init__(self, text: str, position: int, expected: str) -> None:
        self.text = text
        self.position = position
        self.expected = expected
        found = text[position:].strip()
        shown = repr(found if len(found) <= 30 else found[:27] + "...") if found else "the end of the line"
        super().__init__(f"at character {position + 1}: expected {expected}, found {shown}")


# ------------------------------------------------------------------------------------- writing


def format_name(name: str) -> str:
    """A name as it stands in a story: plain if it can be, else in double quotes."""
    return name if PLAIN_NAME.match(name) else json.dumps(name, ensure_ascii=False)


def format_event(event: Event, clock: int | None = None) -> str:
    """One event as one line.

    clock    milliseconds: the time is left out if it is this; without a clock it is always written
    returns  a line that parse_event, given the same clock, reads back to an equal event
    """
    line = " ".join((TYPE_NAMES[type(event)], *_WRITERS[type(event)](event)))
    return line if event.time == clock else f"{line} @ {event.time:_}"


def _write_deposit(event: Deposit) -> tuple[str, ...]:
    words = [format_name(event.account), f"{event.amount:_}"]
    if event.owner:
        words += ["owner", format_name(event.owner)]
    if event.pool:
        words += ["pool", format_name(event.pool)]
    return tuple(words)


def _write_withdraw(event: Withdraw) -> tuple[str, ...]:
    return format_name(event.account), f"{event.amount:_}"


def _write_transfer(event: Transfer) -> tuple[str, ...]:
    return format_name(event.source), "to", format_name(event.target), f"{event.amount:_}"


def _write_order(event: Order) -> tuple[str, ...]:
    names = (format_name(event.account), format_name(event.market))
    return (*names, "buys", f"{event.buys:_}", "sells", f"{event.sells:_}")


TRADE_WORDS = {BUY: ("buys", "from"), SELL: ("sells", "to")}


def _write_trade(event: Trade) -> tuple[str, ...]:
    verb, preposition = TRADE_WORDS.get(event.side, (f"takes {format_name(event.side)}", "with"))
    deal = (format_name(event.taker), verb, f"{event.lots:_}", format_name(event.market))
    return (*deal, preposition, format_name(event.maker), "at", f"{event.price:_}")


def _write_prices(event: Prices) -> tuple[str, ...]:
    return tuple(f"{format_name(market)} {price:_}" for market, price in event.marks.items())


def _write_funding(event: Funding) -> tuple[str, ...]:
    return format_name(event.market), f"{event.rate:_}"


def _write_liquidation_fill(event: LiquidationFill) -> tuple[str, ...]:
    lots = (format_name(event.account), f"{event.lots:_}", format_name(event.market))
    return (*lots, "by", format_name(event.counterparty), "at", f"{event.price:_}")


def _write_takeover(event: Takeover) -> tuple[str, ...]:
    return (format_name(event.account),)


def _write_pool_amount(event: FundDeposit | FeeWithdrawal) -> tuple[str, ...]:
    return format_name(event.pool), f"{event.amount:_}"


_WRITERS: dict[type, Callable[..., tuple[str, ...]]] = {
    Deposit: _write_deposit,
    Withdraw: _write_withdraw,
    Transfer: _write_transfer,
    Order: _write_order,
    Trade: _write_trade,
    Prices: _write_prices,
    Funding: _write_funding,
    LiquidationFill: _write_liquidation_fill,
    Takeover: _write_takeover,
    FundDeposit: _write_pool_amount,
    FeeWithdrawal: _write_pool_amount,
}


def format_outcome(outcome: Outcome) -> str:
    """What the venue answered: `accepted`, or the rule, the reason and the numbers that decided."""
    refusal = outcome.refusal
    if refusal is None:
        return "accepted"
    numbers = (
        f"{name}={value:_}" if isinstance(value, int) else f"{name}={format_name(value)}"
        for name, value in refusal.numbers.items()
    )
    return " ".join((refusal.rule, refusal.reason, *numbers))


# ------------------------------------------------------------------------------------- reading


class _Line:
    """The words of a line, taken from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = [(match.start(1), match.group(1)) for match in WORD.finditer(text)]
        self.next = 0

    @property
    def position(self) -> int:
        """Where the next word begins, or the end of the line."""
        if self.next < len(self.words):
            return self.words[self.next][0]
        return len(self.text.rstrip())

    def peek(self) -> str | None:
        """The next word, which stays; None at the end."""
        return self.words[self.next][1] if self.next < len(self.words) else None

    def fail(self, expected: str) -> NoReturn:
        raise ParseError(self.text, self.position, expected)

    def keyword(self, *words: str) -> str:
        """Take one of these words."""
        word = self.peek()
        if word is None or word not in words:
            self.fail(" or ".join(f"`{expected}`" for expected in words))
        self.next += 1
        return word

    def name(self, whose: str) -> str:
        """Take a name, plain or in double quotes."""
        word = self.peek()
        if word is None:
            self.fail(whose)
        if PLAIN_NAME.match(word):
            self.next += 1
            return word
        try:
            name = json.loads(word) if word.startswith('"') else None
        except ValueError:
            name = None
        if not isinstance(name, str):
            self.fail(f"{whose}, in double quotes if it is no plain word")
        self.next += 1
        return name

    def number(self, unit: str) -> int:
        """Take a whole number."""
        word = self.peek()
        if word is None or not NUMBER.match(word):
            self.fail(f"a whole number of {unit}")
        if len(word) > DIGITS_MAX:
            self.fail(f"a whole number of {unit} with at most {DIGITS_MAX:_} digits")
        self.next += 1
        return int(word)


def parse_event(text: str, clock: int) -> Event:
    """The event that a line stands for.

    clock   milliseconds: the time of an event that states none
    Errors: ParseError with the position and what was expected there.
    """
    line = _Line(text)
    kind = line.keyword(*_READERS)
    values = _READERS[kind](line)
    time = clock
    if line.peek() == "@":
        line.keyword("@")
        time = line.number("milliseconds")
    if line.peek() is not None:
        line.fail("`@` and a time, or the end of the line")
    return _EVENTS[kind](time, *values)


def _read_deposit(line: _Line) -> tuple[object, ...]:
    account = line.name("an account")
    amount = line.number("quanta")
    owner = pool = ""
    if line.peek() == "owner":
        line.keyword("owner")
        owner = line.name("an owner")
    if line.peek() == "pool":
        line.keyword("pool")
        pool = line.name("a pool")
    return account, amount, owner, pool


def _read_withdraw(line: _Line) -> tuple[object, ...]:
    return line.name("an account"), line.number("quanta")


def _read_transfer(line: _Line) -> tuple[object, ...]:
    source = line.name("an account")
    line.keyword("to")
    return source, line.name("an account"), line.number("quanta")


def _read_order(line: _Line) -> tuple[object, ...]:
    account = line.name("an account")
    market = line.name("a market")
    line.keyword("buys")
    buys = line.number("lots")
    line.keyword("sells")
    return account, market, buys, line.number("lots")


def _read_trade(line: _Line) -> tuple[object, ...]:
    taker = line.name("an account")
    verb = line.keyword("buys", "sells", "takes")
    if verb == "takes":
        side, preposition = line.name("a side"), "with"
    else:
        side, preposition = (BUY, "from") if verb == "buys" else (SELL, "to")
    lots = line.number("lots")
    market = line.name("a market")
    line.keyword(preposition)
    maker = line.name("an account")
    line.keyword("at")
    return market, taker, maker, side, lots, line.number("ticks")


def _read_prices(line: _Line) -> tuple[object, ...]:
    marks: dict[str, int] = {}
    while line.peek() not in (None, "@"):
        position = line.position
        market = line.name("a market")
        if market in marks:
            raise ParseError(line.text, position, "a market that is not named yet")
        marks[market] = line.number("ticks")
    return (marks,)


def _read_funding(line: _Line) -> tuple[object, ...]:
    return line.name("a market"), line.number("ppm")


def _read_liquidation_fill(line: _Line) -> tuple[object, ...]:
    account = line.name("an account")
    lots = line.number("lots")
    market = line.name("a market")
    line.keyword("by")
    counterparty = line.name("an account")
    line.keyword("at")
    return account, counterparty, market, lots, line.number("ticks")


def _read_takeover(line: _Line) -> tuple[object, ...]:
    return (line.name("an account"),)


def _read_pool_amount(line: _Line) -> tuple[object, ...]:
    return line.name("a pool"), line.number("quanta")


_READERS: dict[str, Callable[[_Line], tuple[object, ...]]] = {
    "deposit": _read_deposit,
    "withdraw": _read_withdraw,
    "transfer": _read_transfer,
    "order": _read_order,
    "trade": _read_trade,
    "prices": _read_prices,
    "funding": _read_funding,
    "liquidation_fill": _read_liquidation_fill,
    "takeover": _read_takeover,
    "fund_deposit": _read_pool_amount,
    "fee_withdrawal": _read_pool_amount,
}
_EVENTS: dict[str, Callable[..., Event]] = {name: kind for kind, name in TYPE_NAMES.items()}


# ------------------------------------------------------------------------------------- telling


def tell(policy: Policy, start: Venue | None, events: Iterable[Event]) -> str:
    """A history as a story: each event, what the venue answered, and how its accounts ended.

    start    the venue before the first event; None is the genesis of the policy
    returns  lines without a newline at the end; an event that `apply` fails on ends the story
    """
    venue = genesis(policy) if start is None else start
    begins = "at genesis" if start is None else f"with {len(start.accounts)} accounts"
    lines: list[tuple[str, str]] = []
    met: dict[str, None] = {}
    for event in events:
        line = format_event(event, venue.clock)
        try:
            outcome = apply(venue, event)
        except Exception as error:
            lines.append((line, f"FAILS: {type(error).__name__} {error}".rstrip()))
            break
        lines.append((line, format_outcome(outcome)))
        venue = outcome.venue
        met |= dict.fromkeys((event.account,) if isinstance(event, Deposit) else accounts_of(event))
    width = max((len(line) for line, _ in lines), default=0)
    count = len(str(len(lines)))
    told = [f"policy {policy.name}, {begins}"]
    told += [
        f"{number:>{count + 2}}  {line:<{width}}   {answer}"
        for number, (line, answer) in enumerate(lines, start=1)
    ]
    told += [f"  then {name}: {format_account(venue, name)}" for name in met if name in venue.accounts]
    return "\n".join(told)


def format_account(venue: Venue, name: str) -> str:
    """An account in one line: wallet, equity, margins, status, then what it holds and has ordered."""
    account = venue.accounts[name]
    standing = standing_of(venue, account)
    words = [
        f"wallet {account.wallet:_}, equity {standing.equity:_}, initial {standing.initial:_}, "
        f"maintenance {standing.maintenance:_}: {status(standing, venue.policy.trigger)}"
    ]
    for market, held in account.positions.items():
        mark = venue.marks[market]
        words.append(f"{format_name(market)} {held.size:+_} lots, cost {held.cost:_}, mark {mark:_}")
    for market, orders in account.orders.items():
        words.append(f"{format_name(market)} orders: buys {orders.buys:_}, sells {orders.sells:_}")
    return "; ".join(words)
