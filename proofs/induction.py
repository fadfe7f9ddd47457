"""Induction over the items of a sequence: what holds for any number of tiers, positions or accounts.

    tiers = induction_over(Tier(floor=floor, rise=rise))
    numerator = tiers.sum_of(bracket_numerator)
    tiers.each(lambda tier: tier.rise >= 0, policy="POL-3")
    tiers.prove(lambda: numerator(more) >= numerator(less), "a larger notional never needs less")

The lambda is evaluated on no items (claimed), on arbitrary items before (assumed), and on those with one
arbitrary item more, whose term is the law's own code (claimed). From then on it is known of all items, and
the rule that folds them may be called with `tiers` in the rest of the theorem.

Two things keep it honest. The claim may not speak of the item itself, only of folds and ghosts, because it
has to be the same claim before and after. And what is assumed of the item is not used where nothing is said
of an item (explorer.Path.facts_for): there may be none.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from proofs.anatomy import anatomy, key_of, rebuilt
from proofs.explorer import Path
from proofs.folds import Fold, Kind, read_fold
from proofs.patching import replaced
from proofs.registry import first_argument_as_written, one_reason
from proofs.runs import Premise, Run, TheoremError, current_run
from proofs.symbolic import all_of, implies, merged_max, merged_min, select

Item = TypeVar("Item")
Extent = Literal["none", "before", "one more", "all"]

if TYPE_CHECKING:

    class Sequence(tuple[Any, ...], Generic[Item]):
        """To the type checker it is a tuple that the rules take, whose items may carry more than theirs."""

        def __new__(cls, item: Item, run: Run, items: tuple[Item, ...]) -> "Sequence[Item]": ...

else:

    class Sequence(Generic[Item]):
        """At run time it has no items to look at."""


def induction_over(item: Item, name: str = "items") -> "ArbitrarySequence[Item]":
    """An arbitrary sequence of any length, of which `item` is an arbitrary member.

    item  a real object of the law built from the theorem's symbols
    name  where a witness gives the items; without it the witness's sequence is the one item
    Comes before the first branch of a theorem.
    """
    run = current_run()
    if isinstance(run, Path):
        run.set_items_apart(anatomy(item)[1])
    given = getattr(run, "given", {})
    items = tuple(given[name]) if name in given else (item,)
    return ArbitrarySequence(item, run, items)


@dataclass(eq=False, repr=False)
class ArbitrarySequence(Sequence[Item]):
    """An arbitrary sequence. On a witness it is the items given, and rules go over them."""

    item: Item
    run: Run
    items: tuple[Item, ...]
    extent: Extent = "all"
    length: int = field(init=False)

    def __post_init__(self) -> None:
        self.length = len(self.items)  # on a witness: how many of the items count just now

    # What the theorem says

    def sum_of(self, function: Callable[..., Any]) -> Callable[..., int]:
        """A rule `return sum(<term> for item in items)`, as a function of its other arguments."""
        return self._fold(function, "sum")

    def max_of(self, function: Callable[..., Any]) -> Callable[..., int]:
        """A rule `return max((<term> for item in items), default=...)`."""
        return self._fold(function, "max")

    def min_of(self, function: Callable[..., Any]) -> Callable[..., int]:
        """A rule `return min((<term> for item in items), default=...)`."""
        return self._fold(function, "min")

    def loop_of(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A rule that carries a state along the items; gives the state."""
        return self._fold(function, "loop")

    def ghost(self, name: str, start: int, step: Callable[[int, Item], int]) -> Callable[[], int]:
        """Something counted along for the proof only, such as the floor of the last tier.

        step  its next value from the value before and the item
        """

        def value() -> int:
            if not self.run.has_unknowns:
                return reduce(step, self.items[: self.length], start)
            if self.extent == "none":
                return start
            before = self._unknown(f"{name}_before" if self.extent != "all" else name, ())
            return step(before, self.item) if self.extent == "one more" else before

        return value

    def each(
        self,
        condition: Callable[[Item], bool],
        *,
        policy: str | None = None,
        guard: str | None = None,
        theorem: str | None = None,
    ) -> None:
        """A premise about every item; folds and ghosts in it count the items before that one."""
        members = [self.item] if self.run.has_unknowns else list(self.items)
        premise = Premise(one_reason(policy, guard, theorem), f"each item: {first_argument_as_written()}")
        for position, member in enumerate(members):
            with self._at("before", position):
                holds = condition(member)
                self.run.premise(True if self.run.no_item else holds, premise)

    def prove(self, claim: Callable[[], bool], sentence: str) -> None:
        """Prove a claim about folds and ghosts, for any number of items; known afterwards."""
        if not self.run.has_unknowns:
            for length in range(len(self.items) + 1):
                with self._at("before", length):
                    self.run.claim(claim(), f"{sentence} ({length} items)")
            return
        with self._at("before"):
            hypothesis = claim()
            self._refuse_the_item(hypothesis, "the claim")
        with self._at("none"):
            self.run.claim(claim(), f"{sentence} (no items)")
        self.run.fact(hypothesis, f"{sentence} (the items before)")
        with self._at("one more"):
            extended = claim()
            conclusion = True if self.run.no_item else extended
            self.run.claim(conclusion, f"{sentence} (one item more)")
            self.run.fact(conclusion, f"{sentence} (one item more)")
        with self._at("all"):
            self.run.fact(claim(), sentence)

    # What the law sees

    def __iter__(self) -> Iterator[Item]:
        return iter(self._seen("goes over"))

    def __len__(self) -> int:
        return len(self._seen("counts"))

    def __getitem__(self, position: Any) -> Any:
        return self._seen("picks one of")[position]

    def _seen(self, verb: str) -> tuple[Item, ...]:
        if self.run.has_unknowns:
            raise TheoremError(f"the code {verb} the items of an arbitrary sequence: use sum_of of the fold")
        return self.items[: self.length]

    # Folds

    def _fold(self, function: Callable[..., Any], kind: Kind) -> Callable[..., Any]:
        fold = read_fold(vars(function).get("stands_in_for", function))  # named once already, perhaps
        if fold.kind != kind:
            raise TheoremError(f"{fold.name} is a {fold.kind}, not a {kind}")
        if self.run.has_unknowns:

            def answer(*positional: Any, **named: Any) -> Any:
                given = dict(zip(fold.parameters, positional, strict=False)) | named
                if given.get(fold.sequence) is not self:
                    return function(*positional, **named)
                return self._value(fold, {k: v for k, v in given.items() if k != fold.sequence})

            vars(answer)["stands_in_for"] = fold.function
            patch = replaced([(function, answer)], self.run.notes["packages"])
            self.run.notes["cleanup"].enter_context(patch)
        return lambda *positional, **named: self._value(fold, fold.bind(positional, named))

    def _value(self, fold: Fold, arguments: dict[str, Any]) -> Any:
        if not self.run.has_unknowns:
            return fold.on(self.items[: self.length], arguments)
        if self.extent == "none":
            return fold.on((), arguments)
        if self.extent == "all":
            return self._arbitrary(fold, fold.name, arguments)
        self._refuse_the_item(list(arguments.values()), f"an argument of {fold.name}")
        before = self._arbitrary(fold, f"{fold.name}_before", arguments)
        return self._extended(fold, before, arguments) if self.extent == "one more" else before

    def _extended(self, fold: Fold, before: Any, arguments: dict[str, Any]) -> Any:
        if fold.kind == "loop":
            return fold.term(before, self.item, **arguments)
        term = fold.term(self.item, **arguments)
        if fold.kind == "sum":
            return before + term
        was_empty = self._unknown("was_empty", ())
        self.run.fact(all_of(was_empty >= 0, was_empty <= 1), "there were items or there were none")
        start = fold.on((), arguments)
        self.run.fact(implies(was_empty == 1, before == start), f"{fold.name} of no items")
        merged = (merged_max if fold.kind == "max" else merged_min)(before, term)
        return select(was_empty == 1, term, merged)

    def _arbitrary(self, fold: Fold, label: str, arguments: dict[str, Any]) -> Any:
        if fold.kind != "loop":
            return self._unknown(label, tuple(arguments.values()))
        start = fold.on((), arguments)
        return rebuilt(start, lambda index: self._unknown(f"{label}_{index}", tuple(arguments.values())))

    def _unknown(self, label: str, arguments: tuple[Any, ...]) -> int:
        leaves = [leaf for argument in arguments for leaf in anatomy(argument)[1]]
        return self.run.unknown((id(self), label, key_of(arguments)), label, leaves)[0]

    def _refuse_the_item(self, value: object, what: str) -> None:
        if isinstance(self.run, Path):
            item = self.run.symbols_in(anatomy(self.item)[1])
            if item & self.run.symbols_in(_leaves(value)):
                raise TheoremError(f"{what} speaks of the item; an induction's claim is about all items")

    @contextmanager
    def _at(self, extent: Extent, length: int | None = None) -> Iterator[None]:
        before = self.extent, self.length
        self.extent = extent
        self.length = self.length if length is None else length
        try:
            yield
        finally:
            self.extent, self.length = before


def _leaves(value: object) -> list[Any]:
    term = getattr(value, "term", None)
    return [term] if term is not None else anatomy(value)[1]
