"""Work that is kept as it is done: chunks of a search in an evidence file; a stopped run goes on from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from marginspec.evidence import Evidence
from marginspec.search.workers import Work, Workers, worked

Given = TypeVar("Given")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Keeping(Generic[Item, Result]):
    """How the results of a run are kept.

    evidence  the file; None keeps nothing
    number    of an item: no two items of a run have the same
    document  of a result, as JSON has it
    restored  the result of a document
    """

    evidence: Evidence | None
    number: Callable[[Item], int]
    document: Callable[[Result], dict[str, Any]]
    restored: Callable[[dict[str, Any]], Result]


def worked_and_kept(
    work: Work[Given, Item, Result],
    policy: Given,
    seed: int,
    items: Iterator[Item],
    workers: Workers,
    keeping: Keeping[Item, Result],
) -> Iterator[tuple[Result, bool]]:
    """The results of all items, and whether an earlier run had done them: those come first.

    A new result is on the disk before it is given out. Errors: EvidenceError if it cannot be written.
    """
    evidence = keeping.evidence
    done: set[int] = set()
    if evidence is not None:
        done = evidence.done()
        for document in evidence.results().values():
            yield keeping.restored(document), True
    given = (work, policy, keeping.number)
    left = (item for item in items if keeping.number(item) not in done)
    for number, result in worked(numbered, given, seed, left, workers):
        if evidence is not None:
            evidence.record(number, keeping.document(result))
        yield result, False


def numbered(
    given: tuple[Work[Given, Item, Result], Given, Callable[[Item], int]], seed: int, item: Item
) -> tuple[int, Result]:
    """One piece of work, with the number under which it is kept."""
    work, policy, number = given
    return number(item), work(policy, seed, item)
