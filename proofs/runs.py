"""The interface between a theorem and the run it happens in, symbolic or concrete.

A theorem is one Python function. It is run in two ways: on symbols by the explorer (explorer.py), and on
plain integers by the concrete run (concrete.py). `assume`, `prove`, contracts, inductions and the
arithmetic of symbols all ask the current run.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class TheoremError(Exception):
    """The theorem, or the tool, is at fault: nothing is said about the law."""


class PathDone(BaseException):
    """Everything there is to claim on this path has been claimed; other paths go on."""


@dataclass(frozen=True)
class Reason:
    """Why something may be assumed: exactly one of a policy rule, a guard of the law, or a theorem."""

    kind: str
    identifier: str

    def __str__(self) -> str:
        return f"{self.kind} {self.identifier}"


@dataclass(frozen=True)
class Premise:
    """One assumption of a theorem: the condition as it is written, and the reason it may be assumed."""

    reason: Reason
    text: str

    def __str__(self) -> str:
        return f"{self.text}   ({self.reason})"


class Run(ABC):
    """One execution of a theorem's function.

    notes    where contracts and inductions keep what they need for the length of the run
    no_item  whether a counterexample is replayed whose sequences may be empty: then nothing is asked of the
             arbitrary item of an induction
    """

    notes: dict[str, Any]
    no_item: bool = False

    @property
    @abstractmethod
    def is_symbolic(self) -> bool:
        """Whether integers are symbols here."""

    @property
    @abstractmethod
    def has_unknowns(self) -> bool:
        """Whether contracts and inductions stand for themselves (symbols, or a model's values of them).

        False on a witness: there the real rules run instead.
        """

    @abstractmethod
    def symbol(self, name: str) -> int:
        """An arbitrary whole number, named by the theorem."""

    @abstractmethod
    def opaque(self, name: str) -> Any:
        """An arbitrary object that no code on the path looks into."""

    @abstractmethod
    def unknown(self, key: Hashable, label: str, depends_on: Iterable[object] = ()) -> tuple[int, bool]:
        """An anonymous arbitrary number, the same one for the same key: a contract's result, a prefix sum.

        depends_on  the values it is a function of, as far as they are known
        returns     the number, and whether this is its first use on the path
        """

    @abstractmethod
    def premise(self, condition: bool, premise: Premise) -> None:
        """Assume a condition, for a stated reason."""

    @abstractmethod
    def fact(self, condition: bool, label: str) -> None:
        """Use something that is known: a contract's postcondition, an induction's hypothesis, a lemma."""

    @abstractmethod
    def claim(self, condition: bool, sentence: str) -> None:
        """Claim a condition."""

    @abstractmethod
    def established(self, contract: str) -> None:
        """Note that the theorem has claimed a contract's postconditions of the real rule."""


_active: list[Run] = []


def current_run() -> Run:
    """The run in progress. Errors: TheoremError outside any run."""
    if not _active:
        raise TheoremError("there is no run: theorems, and symbols, only work inside the prover")
    return _active[-1]


@contextmanager
def running(run: Run) -> Iterator[None]:
    """Make a run the current one."""
    _active.append(run)
    try:
        yield
    finally:
        _active.pop()
