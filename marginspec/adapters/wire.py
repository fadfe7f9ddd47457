"""The five requests of spec/protocol.md for an adapter: the standard library only, because the environment
of a foreign engine has nothing of ours installed. (`marginspec.conform.serve` is for engines in our own.)
"""

import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any, Protocol

Document = Mapping[str, Any]
"""JSON values; whole numbers as decimal texts."""


class Adapter(Protocol):
    """What is served: an engine that answers queries."""

    def hello(self) -> Document: ...

    def load(self, policy: Document, venue: Document) -> Document: ...

    def query(self, question: Document) -> Document: ...


def serve(adapter: Adapter) -> None:
    """Answer the requests on standard input until `bye` or its end; what the engine prints goes to standard
    error.

        An exception of the engine is answered with outcome `error` and its text; the next is read.
    """
    for line in sys.stdin:
        request = json.loads(line)
        with redirect_stdout(sys.stderr):
            try:
                answer = _answer(adapter, request)
            except Exception as error:
                answer = {"outcome": "error", "reason": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps({"seq": request["seq"], **answer}) + "\n")
        sys.stdout.flush()
        if request["do"] == "bye":
            return


def _answer(adapter: Adapter, request: Document) -> Document:
    if request["do"] == "hello":
        return adapter.hello()
    if request["do"] == "load":
        return adapter.load(request["policy"], request["venue"])
    if request["do"] == "query":
        return adapter.query(request)
    if request["do"] == "bye":
        return {}
    return {"outcome": "unsupported", "reason": "this engine answers queries and applies no events"}
