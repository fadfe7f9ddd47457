"""The vectors asked. Goal: what is given in an answer is compared, and what an engine does to a request stays
its own.

Method: the law, with a few lines changed, as an engine of this process; cases that are committed.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from marginspec.conform.asked import Asked
from marginspec.conform.engine import InProcess
from marginspec.conform.judgement import Judgement
from marginspec.conform.law_engine import LawEngine
from marginspec.conform.vectors_run import Vectors
from marginspec.vectors.expectations import EVENT, POLICY, QUERY, kind_of
from marginspec.vectors.files import VectorFile, path_of, read_file

Document = Mapping[str, Any]


class Spoils(LawEngine):
    """Empties what it is given to load and to apply when it has read it."""

    def load(self, policy: Document, venue: Document) -> Document:
        answer = super().load(policy, venue)
        _emptied(policy)
        _emptied(venue)
        return answer

    def apply(self, event: Document) -> Document:
        answer = super().apply(event)
        _emptied(event)
        return answer


class SpoilsAndRefuses(Spoils):
    """The same, and it refuses every event."""

    def apply(self, event: Document) -> Document:
        super().apply(event)
        return {"outcome": "refused"}


class OtherBeginning(LawEngine):
    """Begins with another venue than the law, as its digest tells."""

    def load(self, policy: Document, venue: Document) -> Document:
        answer = dict(super().load(policy, venue))
        return {**answer, "digest": "sha256:" + "0" * 64} if "digest" in answer else answer


def _emptied(document: Any) -> None:
    if isinstance(document, dict | list):
        for member in document.values() if isinstance(document, dict) else document:
            _emptied(member)
        document.clear()


def asked(make: type[LawEngine], files: list[VectorFile]) -> Judgement:
    """What an engine comes to in some files."""
    engine, judgement = Asked(InProcess(make)), Judgement()
    engine.greet()
    Vectors(engine, judgement).run(files)
    assert judgement.findings == []
    return judgement


@pytest.fixture
def files() -> list[VectorFile]:
    found = [read_file(path_of(rule)) for rule in ("LIQ-5", "WDR-3", "MAR-8", "POL-3", "POL-9")]
    kinds = {kind_of(case.given) for file in found for case in file.cases}
    assert {EVENT, QUERY, POLICY} <= kinds
    return found


def test_what_an_engine_does_to_a_request_stays_its_own(files: list[VectorFile]) -> None:
    law, spoiled = asked(LawEngine, files), asked(Spoils, files)
    assert spoiled == law
    assert spoiled.differing == {}
    refusing = asked(SpoilsAndRefuses, files)
    assert refusing.differing and refusing.findings == []


def test_the_digest_of_a_policy_that_is_accepted_is_compared(files: list[VectorFile]) -> None:
    policies = [
        VectorFile(file.rule, cases=tuple(case for case in file.cases if kind_of(case.given) == POLICY))
        for file in (read_file(path_of(f"POL-{number}")) for number in range(1, 23))
    ]
    accepted = [case.id for file in policies for case in file.cases if case.expected is not None]
    judgement = asked(OtherBeginning, policies)
    assert judgement.cases == {"EVT-5": accepted}
    assert accepted
    assert asked(LawEngine, policies).cases == {}
