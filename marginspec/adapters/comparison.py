"""One engine beside the law: every answer is the law's, or the law's with a known difference, or unexplained.

A known difference is a small model in whole numbers of what the engine does instead. It explains an answer
only if it predicts that answer to the digit, so a difference that nobody has understood cannot hide behind
one that is."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marginspec.adapters.venues import ASKED, Case
from marginspec.conform.engine import Document, Engine
from marginspec.conform.law_engine import answers
from refmodel.canonical import canonical_text, policy_document, venue_document

RULES = {
    "equity": "ACC-2",
    "margin_initial": "MAR-8",
    "margin_maintenance": "MAR-7",
    "status": "MAR-11",
    "price_liquidation": "MAR-14",
}
"""What is asked, in this order, and whose rule it is (spec/protocol.md, section 3)."""
PER_MARKET = ("price_liquidation",)

Answer = Any
"""A value of an answer: a text, or None."""
NOT_THEIRS = "not what they say"
"""What no engine answers: what a model predicts of a case that it is not about."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that an engine does otherwise.

    what      the question whose answer differs
    whose     `their choice`, `their defect`, or `our prose` where it is unclear
    title     half a line
    text      why, with the place in their source
    predicts  their answer about a case, and a market if the question is asked per market
    """

    what: str
    whose: str
    title: str
    text: str
    predicts: Callable[[Case, str], Answer]


@dataclass(frozen=True, slots=True)
class Example:
    """One case of a difference: the smallest by the lots held and ordered."""

    case: Case
    market: str
    law: Answer
    engine: Answer

    @property
    def size(self) -> int:
        account = self.case.account
        return sum(abs(held.size) for held in account.positions.values()) + sum(
            orders.buys + orders.sells for orders in account.orders.values()
        )


@dataclass(slots=True)
class Tally:
    """What came of one question."""

    asked: int = 0
    same: int = 0
    unsupported: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Example] = field(default_factory=dict)
    unexplained: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class Comparison:
    """What came of all cases.

    hello    the engine's own words about itself
    refused  why a policy could not be translated; then nothing was asked
    classes  how many cases had what
    """

    hello: Document
    refused: str = ""
    cases: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    tallies: dict[str, Tally] = field(default_factory=dict)

    @property
    def unexplained(self) -> int:
        """Answers that are neither the law's nor predicted."""
        return sum(len(tally.unexplained) for tally in self.tallies.values())


def compare(engine: Engine, cases: Iterable[Case], differences: Sequence[Difference]) -> Comparison:
    """Ask an engine about every case.

    engine       answers `load` and `query`
    differences  the first that predicts an answer explains it
    Errors: Misbehaviour, if it does not answer as spec/protocol.md asks.
    """
    hello = engine.hello()
    result = Comparison(hello)
    tolerance = {what: int(amount) for what, amount in hello.get("tolerance", {}).items()}
    claimed = hello["rules"]
    asked = [what for what, rule in RULES.items() if claimed == "all" or rule in claimed]
    result.tallies = {what: Tally() for what in asked}
    for case in cases:
        outcome = engine.load(plain(policy_document(case.venue.policy)), plain(venue_document(case.venue)))
        if outcome["outcome"] != "accepted":
            result.refused = outcome["reason"]
            return result
        result.cases += 1
        result.classes.update(case.classes)
        for question in questions(case, asked):
            theirs, ours = engine.query(question), answers(case.venue, question)
            for what in question["what"]:
                known = [difference for difference in differences if difference.what == what]
                example = Example(case, question.get("market", ""), ours[what], theirs[what])
                judge(result.tallies[what], example, known, tolerance.get(what, 0))
    return result


def plain(document: Any) -> Any:
    """A canonical document as JSON values."""
    return json.loads(canonical_text(document))


def questions(case: Case, asked: Sequence[str]) -> list[dict[str, Any]]:
    """What is asked about a case: once about the account, once about each market that it holds."""
    once = [what for what in asked if what not in PER_MARKET]
    each = [what for what in asked if what in PER_MARKET]
    of_account = [{"account": ASKED, "what": once}] if once else []
    return of_account + [
        {"account": ASKED, "market": market, "what": each}
        for market in sorted(case.account.positions)
        if each
    ]


def judge(tally: Tally, example: Example, differences: Sequence[Difference], tolerance: int) -> None:
    """Count one answer as the same, unsupported, explained or unexplained."""
    tally.asked += 1
    if isinstance(example.engine, Mapping):
        tally.unsupported += 1
        return
    if agree(example.law, example.engine, tolerance):
        tally.same += 1
        return
    for difference in differences:
        if agree(difference.predicts(example.case, example.market), example.engine, 0):
            tally.explained[difference.title] += 1
            smallest = tally.examples.get(difference.title)
            if smallest is None or example.size < smallest.size:
                tally.examples[difference.title] = example
            return
    tally.unexplained.append(example)


def agree(one: Answer, other: Answer, tolerance: int) -> bool:
    """Whether two answers are the same, amounts up to a tolerance in their unit."""
    if one == other or tolerance == 0 or not isinstance(one, str) or not isinstance(other, str):
        return bool(one == other)
    return abs(int(one) - int(other)) <= tolerance
