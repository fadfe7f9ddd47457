"""Engines: what every engine under test answers, whatever it is made of, and how an answer fails to be one.

The contract is spec/protocol.md. An engine in this process is a class with four methods; a program is
wrapped by child.py into the same four. Answers are checked here, in one place for both.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

PROTOCOL = "1"
"""The version of spec/protocol.md."""
ALL = "all"
REQUESTS = frozenset(("apply", "query"))
ACCEPTED, REFUSED, UNSUPPORTED, ERROR = "accepted", "refused", "unsupported", "error"
OUTCOMES = {
    "load": (ACCEPTED, REFUSED, UNSUPPORTED, ERROR),
    "apply": (ACCEPTED, REFUSED, UNSUPPORTED, ERROR),
}
WORDS_ASKED = frozenset(("status",))
"""What is answered with a word; `ranking` is answered with a list of names, everything else with a number."""
PRICES_ASKED = frozenset(("price_liquidation", "price_bankruptcy"))
"""What may be answered with null."""
WHOLE = re.compile(r"(0|-?[1-9][0-9]*)\Z", re.ASCII)
DIGITS_MAX = 4_000
"""Longer numbers are no amounts of anything."""

Document = Mapping[str, Any]
"""JSON values; whole numbers as decimal strings, as in spec/protocol.md."""


class Engine(Protocol):
    """What is asked: a class without arguments, or what a function without arguments returns.

    Each method answers with a document of spec/protocol.md, without its `seq`.
    """

    def hello(self) -> Document:
        """The engine's name, version, protocol and the rules that it claims."""

    def load(self, policy: Document, venue: Document) -> Document:
        """Forget everything and begin with this venue under this policy."""

    def apply(self, event: Document) -> Document:
        """What happens to the venue that is loaded when this event arrives."""

    def query(self, question: Document) -> Document:
        """What is so in the venue that is loaded.

        question  `what`: a list; and `account`, `market`, `side` or `pool`, as `what` needs them
        """


class Misbehaviour(Exception):
    """An engine did not answer as the protocol asks.

    kind    "timeout", "ended", "not JSON", "partial line", "too long", "wrong seq", "not an object",
            "missing key", "wrong value", "raised", "does not end" or "left behind"
    text    one or more sentences: what was there, what was meant, where to read
    stderr  the last lines of the engine's standard error
    """

    def __init__(self, kind: str, text: str, stderr: Sequence[str] = ()) -> None:
        self.kind = kind
        self.text = text
        self.stderr = tuple(stderr)
        super().__init__(kind, text)

    def __str__(self) -> str:
        return self.text


def read_on(section: int) -> str:
    """Where the contract says more."""
    return f"See spec/protocol.md, section {section}."


def shown(value: object) -> str:
    """A value of an answer, for a message: shortened, and nothing in it that a terminal obeys."""
    text = value if isinstance(value, str) else _json(value)
    text = text if len(text) <= 80 else f"{text[:60]}... ({len(text):_} characters)"
    return f"`{printable(text)}`"


def printable(text: str) -> str:
    """A text of the engine's, with what is not to be printed as escapes."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (RecursionError, TypeError, ValueError):
        return f"a {type(value).__name__}"


@dataclass(frozen=True, slots=True)
class Hello:
    """What an engine says of itself.

    rules      identifiers of those that it claims; None: all
    requests   which of `apply` and `query` it answers
    policies   names of those that it implements; None: any
    domain     the largest absolute value that it takes in a request; None: any
    tolerance  by what an amount may be off, in the unit of that amount
    """

    engine: str
    version: str
    rules: frozenset[str] | None
    requests: frozenset[str]
    policies: frozenset[str] | None
    domain: int | None
    tolerance: Mapping[str, int]

    def claims(self, rule: str) -> bool:
        """Whether the engine says that it implements a rule."""
        return self.rules is None or rule in self.rules


def parse_hello(document: Document) -> Hello:
    """What the answer to `hello` says. Errors: Misbehaviour."""
    for key in ("engine", "version", "protocol"):
        _expect(document, "hello", key, isinstance(_needed(document, "hello", key), str), "a text")
    if document["protocol"] != PROTOCOL:
        text = f"speaks protocol {shown(document['protocol'])}; this is protocol {PROTOCOL}. {read_on(3)}"
        raise Misbehaviour("wrong value", text)
    rules = _needed(document, "hello", "rules")
    _expect(document, "hello", "rules", rules == ALL or _is_names(rules), f'a list of rules or "{ALL}"')
    requests = document.get("requests")
    fits = requests is None or (_is_names(requests) and REQUESTS.issuperset(requests))
    _expect(document, "hello", "requests", fits, "a list of `apply` and `query`")
    policies = document.get("policies")
    fits = policies is None or _is_names(policies)
    _expect(document, "hello", "policies", fits, "a list of names of policies")
    domain = document.get("domain")
    _expect(
        document,
        "hello",
        "domain",
        domain is None or _is_limit(domain),
        "a whole number of at least 0, as a text",
    )
    tolerance = document.get("tolerance", {})
    fits = isinstance(tolerance, Mapping) and all(map(_is_limit, tolerance.values()))
    _expect(document, "hello", "tolerance", fits, "an object of whole numbers, as texts")
    return Hello(
        engine=document["engine"],
        version=document["version"],
        rules=None if rules == ALL else frozenset(rules),
        requests=REQUESTS if requests is None else frozenset(requests),
        policies=None if policies is None else frozenset(policies),
        domain=None if domain is None else int(domain),
        tolerance={key: int(value) for key, value in tolerance.items()},
    )


def check_answer(do: str, request: Document, answer: Any) -> Document:
    """An answer, if it has what its request asks for.

    do       `hello`, `load`, `apply`, `query` or `bye`
    request  for `query`, its question
    Errors: Misbehaviour; the values that the law will be compared with are only looked at for their form.
    """
    if not isinstance(answer, Mapping):
        text = f"not an object: {shown(answer)}. The answer to `{do}` is one JSON object. {read_on(2)}"
        raise Misbehaviour("not an object", text)
    if do == "hello":
        parse_hello(answer)
    elif do in OUTCOMES:
        _check_outcome(do, answer)
    elif do == "query":
        if answer.get("outcome") == ERROR:
            _check_reason(do, answer)
        else:
            for what in request["what"]:
                _check_value(what, _needed(answer, do, what))
    return answer


def _check_outcome(do: str, answer: Document) -> None:
    outcome = _needed(answer, do, "outcome")
    allowed = OUTCOMES[do]
    _expect(answer, do, "outcome", outcome in allowed, f"one of {', '.join(allowed)}", 4)
    if outcome in (UNSUPPORTED, ERROR):
        _check_reason(do, answer)
    if outcome == REFUSED:
        for key in ("rule", "reason"):
            _expect(answer, do, key, isinstance(answer.get(key, ""), str), "a text", 4)
    if "digest" in answer:
        _expect(answer, do, "digest", isinstance(answer["digest"], str), "a text", 4)
    if "postings" in answer:
        fits = isinstance(answer["postings"], Sequence) and all(map(_is_posting, answer["postings"]))
        _expect(answer, do, "postings", fits, "a list of lists of 4 or 5 texts", 4)


def _check_reason(do: str, answer: Document) -> None:
    _expect(answer, do, "reason", isinstance(_needed(answer, do, "reason"), str), "a text", 4)


def _check_value(what: str, value: Any) -> None:
    if isinstance(value, Mapping):
        fits, form = isinstance(value.get(UNSUPPORTED), str), '{"unsupported":"why"}, or the value'
    elif what in WORDS_ASKED:
        fits, form = isinstance(value, str), "a word"
    elif what == "ranking":
        fits, form = _is_names(value), "a list of names of accounts"
    else:
        fits = _is_amount(value) or (what in PRICES_ASKED and value is None)
        form = 'a whole number in decimal, as a text such as "-12500"'
        form += ", or null" if what in PRICES_ASKED else ""
    if not fits:
        raise Misbehaviour("wrong value", f"`{what}` is {shown(value)}; it is {form}. {read_on(2)}")


def _needed(document: Document, do: str, key: str) -> Any:
    if key not in document:
        text = f"the answer to `{do}` has no `{key}`: {shown(dict(document))}. {read_on(3)}"
        raise Misbehaviour("missing key", text)
    return document[key]


def _expect(document: Document, do: str, key: str, fits: bool, form: str, section: int = 3) -> None:
    if not fits:
        text = f"`{key}` in the answer to `{do}` is {shown(document.get(key))}; it is {form}."
        raise Misbehaviour("wrong value", f"{text} {read_on(section)}")


def _is_amount(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= DIGITS_MAX and WHOLE.match(value) is not None


def _is_limit(value: Any) -> bool:
    return _is_amount(value) and not value.startswith("-")


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _is_posting(value: Any) -> bool:
    return _is_names(value) and len(value) in (4, 5)


Answer = TypeVar("Answer")


class InProcess:
    """An engine of this process, with its faults turned into Misbehaviour.

    make  makes the engine: its class, or a function. It is called for the first request, and again for
          the first one after a misbehaviour, so that a broken engine does not answer for a fresh one.
    """

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._engine: Engine | None = None

    def hello(self) -> Document:
        """As Engine.hello. Errors: Misbehaviour."""
        return self._ask("hello", {}, lambda engine: engine.hello())

    def load(self, policy: Document, venue: Document) -> Document:
        """As Engine.load. Errors: Misbehaviour."""
        return self._ask("load", {}, lambda engine: engine.load(policy, venue))

    def apply(self, event: Document) -> Document:
        """As Engine.apply. Errors: Misbehaviour."""
        return self._ask("apply", {}, lambda engine: engine.apply(event))

    def query(self, question: Document) -> Document:
        """As Engine.query. Errors: Misbehaviour."""
        own = {**question, "what": list(question["what"])}
        return self._ask("query", question, lambda engine: engine.query(own))

    def _ask(self, do: str, request: Document, ask: Callable[[Engine], Document]) -> Document:
        try:
            if self._engine is None:
                self._engine = self._make()
            return check_answer(do, request, ask(self._engine))
        except Misbehaviour:
            self._engine = None
            raise
        except Exception as error:
            self._engine = None
            raise Misbehaviour("raised", _raised(do, error), _traceback(error)) from error


def _raised(do: str, error: Exception) -> str:
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    repair = 'An engine answers {"outcome":"error","reason":"..."} to what it cannot do.'
    return f"`{do}` raised {shown(said)}. {repair} {read_on(4)}"


def _traceback(error: Exception) -> list[str]:
    """The last lines of a traceback: of an engine in this process, they stand where stderr would."""
    import traceback

    return "".join(traceback.format_exception(error)).splitlines()[-20:]
