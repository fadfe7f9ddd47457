"""Serving: an engine of this process as a program that speaks spec/protocol.md."""

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import IO, Any

import msgspec

from marginspec.conform.engine import ERROR, Document, Engine, shown
from marginspec.conform.law_engine import LawEngine

REQUEST_MAX = 1 << 26
"""Bytes of the longest request: a venue of a hundred thousand accounts fits."""
ENCODER = msgspec.json.Encoder(enc_hook=dict)


def serve_law() -> None:
    """Serve the law on this program's own standard input and output, until `bye` or the end of the input."""
    serve(LawEngine(), sys.stdin, sys.stdout)


def serve(engine: Engine, stdin: IO[Any], stdout: IO[Any]) -> None:
    """Answer requests, one line each, until `bye` or the end of the input.

    engine         what it prints goes to standard error
    stdin, stdout  streams of bytes, or of text such as sys.stdin and sys.stdout, whose bytes are then used
    A request that cannot be read, and one that the engine raises an exception for, are answered with outcome
    `error` and a reason; a reader that has gone away is the end.
    """
    requests, answers = getattr(stdin, "buffer", stdin), getattr(stdout, "buffer", stdout)
    with redirect_stdout(sys.stderr):
        for line in _lines(requests):
            request, answer = _answered(engine, line)
            try:
                answers.write(answer + b"\n")
                answers.flush()
            except BrokenPipeError:
                return
            if request.get("do") == "bye":
                return


def _lines(stdin: IO[bytes]) -> Iterator[bytes]:
    """The lines of the input; of one that is too long only the beginning, which is no JSON."""
    while line := stdin.readline(REQUEST_MAX):
        yield line
        while len(line) == REQUEST_MAX and not line.endswith(b"\n"):
            line = stdin.readline(REQUEST_MAX)


def _answered(engine: Engine, line: bytes) -> tuple[Document, bytes]:
    """A request, and its answer as it is written."""
    try:
        request = msgspec.json.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return {}, ENCODER.encode(_error(None, f"the request is not JSON: {error}."))
    if not isinstance(request, dict):
        return {}, ENCODER.encode(_error(None, f"the request is {shown(request)}. Send one JSON object."))
    seq = request.get("seq")
    if type(seq) is not int:
        seq = None
    try:
        return request, ENCODER.encode({"seq": seq, **_asked(engine, request)})
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        return request, ENCODER.encode(_error(seq, f"`{request.get('do')}` raised {shown(said)}."))


def _asked(engine: Engine, request: dict[str, Any]) -> Document:
    """What the engine says to a request."""
    match request:
        case {"do": "hello"}:
            return engine.hello()
        case {"do": "load", "policy": dict(policy), "venue": dict(venue)}:
            return engine.load(policy, venue)
        case {"do": "apply", "event": dict(event)}:
            return engine.apply(event)
        case {"do": "query", "what": list()}:
            return engine.query({key: value for key, value in request.items() if key not in ("seq", "do")})
        case {"do": "bye"}:
            return {}
        case {"do": "load"}:
            return _no("`load` needs a `policy` and a `venue`, both objects.")
        case {"do": "apply"}:
            return _no("`apply` needs an `event`, an object.")
        case {"do": "query"}:
            return _no("`query` needs `what`, a list.")
    do = shown(request.get("do"))
    return _no(f"`do` is {do}. It is hello, load, apply, query or bye (spec/protocol.md, section 3).")


def _no(reason: str) -> Document:
    return {"outcome": ERROR, "reason": reason}


def _error(seq: int | None, reason: str) -> Document:
    return {"seq": seq, **_no(reason)}
