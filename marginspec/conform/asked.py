"""An engine that is asked: its hello, its last request, and an end to waiting for one that never answers.

A program is waited for by child.py. An engine in this process cannot be ended from outside: where the system
has alarms and this is the main thread, one interrupts it after the same time; code that never returns to the
interpreter is out of reach, and is better run as a program (`marginspec conform -- python my_engine.py`).
"""

import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from marginspec.conform.engine import (
    ERROR,
    PROTOCOL,
    Document,
    Engine,
    Hello,
    Misbehaviour,
    parse_hello,
    read_on,
)
from marginspec.conform.in_texts import copied
from refmodel.policy import Policy

REQUEST_SHOWN = 400
"""Characters of a request that a report prints."""


class Asked:
    """An engine with what is remembered of it.

    engine   turns what goes wrong into Misbehaviour: InProcess or Child
    seconds  after which an engine in this process is interrupted; None for a program
    hello    what it says of itself, after `greet`
    """

    def __init__(self, engine: Engine, seconds: float | None = None) -> None:
        self._engine = engine
        has_alarm = hasattr(signal, "setitimer")
        in_main = threading.current_thread() is threading.main_thread()
        self._seconds = seconds if has_alarm and in_main else None
        self._last: Document = {}
        self.hello: Hello
        self._unsupported: dict[str, int] = {}
        self._answered: set[str] = set()

    def greet(self) -> Hello:
        """Ask for hello. Errors: Misbehaviour."""
        self._last = {"do": "hello", "protocol": PROTOCOL}
        self.hello = parse_hello(self._answer(self._engine.hello))
        return self.hello

    def load(self, policy: Document, venue: Document) -> Document:
        """Ask to begin with a venue. Errors: Misbehaviour, also for an answer `error`."""
        self._last = {"do": "load", "policy": policy, "venue": venue}
        # An engine in this process may work on what it is given, which is asked again or told later.
        return self._answer(self._engine.load, copied(policy), copied(venue))

    def apply(self, event: Document) -> Document:
        """Ask for an event. Errors: Misbehaviour, also for an answer `error`."""
        self._last = {"do": "apply", "event": event}
        return self._answer(self._engine.apply, copied(event))

    def query(self, question: Document) -> Document:
        """Ask a question. Errors: Misbehaviour, also for an answer `error`."""
        self._last = {"do": "query", **question}
        return self._answer(self._engine.query, question)

    @property
    def request(self) -> str:
        """The last request, in short."""
        last = self._last
        if last.get("do") == "load":
            name, accounts = last["policy"].get("name", ""), len(last["venue"].get("accounts", ()))
            return f'{{"do":"load"}} with the policy {name} and a venue of {accounts} accounts'
        text = json.dumps(last, ensure_ascii=False, separators=(",", ":"))
        return text if len(text) <= REQUEST_SHOWN else f"{text[:REQUEST_SHOWN]}... ({len(text):_} characters)"

    def note(self, word: str, supported: bool) -> None:
        """Remember whether a word was answered or said not to be supported."""
        if supported:
            self._answered.add(word)
        else:
            self._unsupported[word] = self._unsupported.get(word, 0) + 1

    def gave_up(self, word: str) -> bool:
        """Whether a word was never answered, however often it was asked: it is then asked no more."""
        return self._unsupported.get(word, 0) >= 20 and word not in self._answered

    def forget(self) -> None:
        """Forget which words were answered: what is asked from now on depends on nothing before it."""
        self._unsupported.clear()
        self._answered.clear()

    def _answer(self, ask: Callable[..., Document], *arguments: Document) -> Document:
        """The answer to a request, unless it says that the engine has failed; not waited for without end."""
        if self._seconds is None:
            answer = ask(*arguments)
        else:
            before = signal.signal(signal.SIGALRM, self._wake)
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
            try:
                answer = ask(*arguments)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
        if answer.get("outcome") == ERROR:
            raise Misbehaviour(ERROR, f"the engine says that it failed: {answer['reason']}. {read_on(4)}")
        return answer

    def _wake(self, *_: Any) -> None:
        text = f"no answer within {self._seconds:g} seconds. {read_on(2)}"
        raise Misbehaviour("timeout", text)


# ------------------------------------------------------------------------------------- what an engine takes


def numbers_of(document: Any) -> Iterator[int]:
    """The whole numbers in a document."""
    if isinstance(document, str):
        digits = document.removeprefix("-")
        if digits.isdecimal() and digits.isascii():
            yield int(document)
    elif isinstance(document, Mapping):
        for member in document.values():
            yield from numbers_of(member)
    elif isinstance(document, list | tuple):
        for member in document:
            yield from numbers_of(member)


def is_inside(hello: Hello, document: Document) -> bool:
    """Whether a document has only numbers that the engine says it takes."""
    if hello.domain is None:
        return True
    return all(abs(number) <= hello.domain for number in numbers_of(document))


def takes_policy(hello: Hello, policy: Policy, shipped: Callable[[str], Policy]) -> bool:
    """Whether a policy is one of those that the engine implements: by its name, and by all that it says.

    shipped  reads a policy by its name
    A policy that ships with some of its markets left out is still the one of its name.
    """
    if hello.policies is None:
        return True
    if policy.name not in hello.policies:
        return False
    whole = shipped(policy.name)
    same_markets = policy.markets.items() <= whole.markets.items()
    return same_markets and without_markets(policy) == without_markets(whole)


def without_markets(policy: Policy) -> tuple[Any, ...]:
    """Everything that a policy says besides its markets and their pools."""
    apart = ("markets", "isolated", "draw_limits")
    return tuple(getattr(policy, name) for name in policy.__dataclass_fields__ if name not in apart)
