"""The concrete run: a theorem's function on plain integers.

It confirms a witness, confirms one model per path, and confirms a counterexample. In the last two the
contracts and inductions of the theorem take their values from the solver's model, in the order of calls.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from proofs.explorer import Opaque
from proofs.runs import Premise, Run, TheoremError


class PremiseFails(BaseException):
    """The values do not satisfy a premise of the theorem."""


class FactFails(BaseException):
    """The values break a contract's postcondition or an induction's hypothesis."""


class ClaimFails(BaseException):
    """The values satisfy the premises so far, and break a claim."""


Ending = Literal["holds", "premise", "fact", "claim", "exception", "error"]


@dataclass(eq=False)
class ConcreteRun(Run):
    """One run on plain integers.

    given           the values of the theorem's symbols, by name
    model_unknowns  the values of contract results and prefix sums in the order of calls; None to run the
                    real rules; with each, whether it was new at that call
    """

    given: Mapping[str, Any]
    model_unknowns: Sequence[tuple[int, bool]] | None = None
    sentences: list[str] = field(default_factory=list)
    premises: list[Premise] = field(default_factory=list)
    contracts_established: set[str] = field(default_factory=set)
    notes: dict[str, Any] = field(default_factory=dict)
    ending: Ending = "holds"
    detail: str = ""
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self._next_unknown = 0

    @property
    def is_symbolic(self) -> bool:
        return False

    @property
    def has_unknowns(self) -> bool:
        return self.model_unknowns is not None

    def symbol(self, name: str) -> int:
        if name not in self.given:
            raise TheoremError(f"no value is given for {name}")
        return cast(int, self.given[name])

    def opaque(self, name: str) -> Any:
        return Opaque(name) if self.has_unknowns else self.symbol(name)

    def unknown(self, key: Hashable, label: str, depends_on: Iterable[object] = ()) -> tuple[int, bool]:
        values = self.model_unknowns or ()
        if self._next_unknown >= len(values):
            raise TheoremError(f"the concrete run asks for more values than the symbolic one: {label}")
        self._next_unknown += 1
        return values[self._next_unknown - 1]

    def premise(self, condition: bool, premise: Premise) -> None:
        self.premises.append(premise)
        if not _truth(condition):
            raise PremiseFails(str(premise))

    def fact(self, condition: bool, label: str) -> None:
        if not _truth(condition):
            raise FactFails(label)

    def claim(self, condition: bool, sentence: str) -> None:
        self.sentences.append(sentence)
        if not _truth(condition):
            raise ClaimFails(sentence)

    def established(self, contract: str) -> None:
        self.contracts_established.add(contract)


def _truth(condition: object) -> bool:
    if type(condition) is not bool:
        raise TheoremError(f"{condition!r} is no truth value; write negation(x) rather than ~x")
    return condition
