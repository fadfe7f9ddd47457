"""Answering: what the law says to any vector, a case or a trace; imported anew over a changed law."""

from collections.abc import Mapping
from typing import Any

from marginspec.vectors.expectations import answer
from marginspec.vectors.traces import traced


def answered(rule: str, given: Mapping[str, Any], policies: Mapping[str, Any]) -> Any:
    """What is expected, or the refusal, of a case; the steps of a trace, whose `given` has `events`.

    Errors: as expectations.answer and traces.traced.
    """
    if "events" in given:
        return traced("trace", "", given["policy"], given["start"], given["events"]).steps
    return answer(rule, given, policies)
