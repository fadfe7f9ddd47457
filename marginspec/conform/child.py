"""Child processes: a program that speaks spec/protocol.md over its pipes, asked like any other engine."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import msgspec

from marginspec.conform.engine import PROTOCOL, Document, Misbehaviour, check_answer, read_on, shown
from marginspec.conform.pipes import Pipes, start_of

GRACE = 0.5
"""Seconds, at most, between being asked to terminate and being killed."""
ENCODER = msgspec.json.Encoder(enc_hook=dict)


class Child:
    """A program as an engine.

    command  the program and its arguments
    timeout  seconds for each request, and for the end after `bye`

    It is started for the first request. After a misbehaviour its whole group is killed, and the next request
    starts it anew and says hello; what was loaded is then forgotten.
    """

    def __init__(self, command: Sequence[str], timeout: float) -> None:
        self.command = tuple(command)
        self.timeout = timeout
        self.hello_said: Document = {}
        self._pipes: Pipes | None = None
        self._seq = 0

    def hello(self) -> Document:
        """What the program says of itself; it is asked once for each start. Errors: as `load`."""
        if self._pipes is None:
            self._start()
        return self.hello_said

    def load(self, policy: Document, venue: Document) -> Document:
        """As Engine.load. Errors: Misbehaviour; InputError if the program cannot be started at all."""
        return self._ask("load", {"policy": policy, "venue": venue})

    def apply(self, event: Document) -> Document:
        """As Engine.apply. Errors: as `load`."""
        return self._ask("apply", {"event": event})

    def query(self, question: Document) -> Document:
        """As Engine.query. Errors: as `load`."""
        return self._ask("query", question)

    def close(self) -> Misbehaviour | None:
        """Say bye, and end whatever has not ended by then.

        returns  what was wrong with the end, such as a process left behind; None for a proper one
        """
        if self._pipes is None:
            return None
        deadline = time.monotonic() + self.timeout
        try:
            self._exchange("bye", {})
            self._pipes.wait_for_end(deadline, self.timeout)
        except Misbehaviour as misbehaviour:
            return self._with_stderr(misbehaviour)
        finally:
            self._end()
        return None

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._end()

    def _ask(self, do: str, request: Document) -> Document:
        if self._pipes is None:
            self._start()
        return self._checked(do, request)

    def _start(self) -> None:
        self._pipes = Pipes(self.command)
        self._seq = 0
        self.hello_said = self._checked("hello", {"protocol": PROTOCOL})

    def _checked(self, do: str, request: Document) -> Document:
        """One request and its answer; whatever goes wrong, the program does not outlive it."""
        try:
            return check_answer(do, request, self._exchange(do, request))
        except Misbehaviour as misbehaviour:
            told = self._with_stderr(misbehaviour)
            self._end()
            raise told from None
        except BaseException:
            self._end()
            raise

    def _exchange(self, do: str, request: Document) -> Document:
        assert self._pipes is not None
        self._seq += 1
        line = ENCODER.encode({"seq": self._seq, "do": do, **request}) + b"\n"
        return _answer(self._pipes.exchange(line, self.timeout), self._seq)

    def _with_stderr(self, misbehaviour: Misbehaviour) -> Misbehaviour:
        assert self._pipes is not None
        return Misbehaviour(misbehaviour.kind, misbehaviour.text, self._pipes.last_words())

    def _end(self) -> None:
        pipes, self._pipes = self._pipes, None
        if pipes is not None:
            pipes.end(min(GRACE, self.timeout / 4))


def _answer(line: bytes, seq: int) -> dict[str, Any]:
    """The answer in a line, without its seq. Errors: Misbehaviour."""
    try:
        answer = msgspec.json.decode(line)
    except RecursionError:
        raise Misbehaviour("not JSON", f"nested too deeply: {start_of(line)}. {read_on(2)}") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise Misbehaviour("not JSON", _not_json(line, error)) from None
    if not isinstance(answer, dict):
        text = f"not an object: {start_of(line)}. An answer is one JSON object. {read_on(2)}"
        raise Misbehaviour("not an object", text)
    found = answer.pop("seq", None)
    if type(found) is not int or found != seq:
        said = "is missing" if found is None else f"is {shown(msgspec.json.encode(found).decode())}"
        text = f"`seq` {said} in the answer to request {seq}: {start_of(line)}."
        text += " An answer repeats the `seq` of its request, as a number, and one request has one answer."
        raise Misbehaviour("wrong seq", f"{text} {read_on(2)}")
    return answer


def _not_json(line: bytes, error: Exception) -> str:
    """What stands there, and its likely cause."""
    if not line.strip():
        return f"not JSON: an empty line. Print the answer and one end of line. {read_on(2)}"
    if isinstance(error, UnicodeDecodeError):
        why = "It is not UTF-8."
    elif b"NaN" in line or b"Infinity" in line:
        why = "JSON has no NaN or Infinity, and amounts are whole numbers in quotes."
    elif line.lstrip()[:1] in (b"{", b"["):
        why = f"{error}.".replace("..", ".")
    else:
        why = "Was this meant for stderr?"
    return f"not JSON: {start_of(line)}. {why} {read_on(2)}"
