"""The explorer: walks every feasible path of a function that runs on symbols.

At a branch that can go both ways it follows one and remembers the other, and re-runs the function until
nothing is remembered. Whether a branch can be taken is asked of the solver under the path's condition;
"unknown" counts as yes, so no path is ever dropped for want of effort. Claims are decided on the way, on
what is known at that point: an assumption made later never helps an earlier claim.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import z3

from proofs.ladder import Verdict, decide, prepared, satisfies
from proofs.places import where
from proofs.runs import Premise, Run, TheoremError, running
from proofs.symbolic import SymInt, canonical, term_of, truth_of

FEASIBILITY_BUDGET = 1_000_000
LONGEST_PATH = 3_000
MOST_PATHS = 20_000


class PathEnds(BaseException):
    """The path turned out to be impossible: there is nothing to say about it."""


class ClaimRefuted(BaseException):
    """A claim fails on this path.

    kind   "claim", "division" or "exception"
    facts  what was used: not always everything, see `Path.facts_for`
    """

    def __init__(self, sentence: str, kind: str, broken: Any, facts: list[Any], model: Any) -> None:
        super().__init__(sentence)
        self.sentence, self.kind, self.broken = sentence, kind, broken
        self.facts, self.model = facts, model


@dataclass(frozen=True)
class Step:
    """One thing known on a path: the way a branch went, or a fact (a premise, a division's definition)."""

    term: Any
    is_branch: bool
    where: str


@dataclass(frozen=True)
class Decision:
    """One branch: its condition and the way it went."""

    condition: Any
    taken: bool

    @property
    def literal(self) -> Any:
        return self.condition if self.taken else z3.Not(self.condition)


@dataclass(frozen=True)
class Check:
    """One claim decided on one path."""

    sentence: str
    status: str
    strategy: str
    steps: int


@dataclass
class Settings:
    """How an exploration is run.

    merges    whether max, min and abs become one term (true) or fork like any comparison
    effort    multiplies the solver's budgets
    thorough  whether to spend the large budget on a claim; ends with the first undecided claim, since
              the theorem is undecided then and only a refutation elsewhere can still change that
    """

    merges: bool = True
    effort: float = 1.0
    thorough: bool = True


Ending = Literal["complete", "impossible", "refuted", "raised", "broken"]


@dataclass(eq=False)
class Path(Run):
    """One walk through the function, and everything that is known on it."""

    prefix: tuple[Decision, ...]
    settings: Settings
    steps: list[Step] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    alternatives: list[tuple[Decision, ...]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    premises: list[Premise] = field(default_factory=list)
    contracts_established: set[str] = field(default_factory=set)
    symbols: dict[str, Any] = field(default_factory=dict)
    unknowns: list[tuple[Any, bool]] = field(default_factory=list)  # in the order of calls, for a replay
    notes: dict[str, Any] = field(default_factory=dict)
    ending: Ending = "complete"
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self._start_solver(())
        self.model: Any = None  # one that satisfies everything so far, if known
        self._opaque: dict[str, object] = {}
        self._unknown: dict[Hashable, SymInt] = {}
        self._labels: dict[str, int] = {}
        self._divisions: dict[tuple[int, int], tuple[Any, Any]] = {}
        self._positive: set[int] = set()
        self._kept: list[Any] = []  # terms whose ids are keys: keeps the ids unique
        self._made_from: dict[str, list[object]] = {}  # what an unknown or a quotient is a function of
        self._origins: dict[str, frozenset[str]] = {}
        self._items: frozenset[str] = frozenset()

    # The run

    @property
    def is_symbolic(self) -> bool:
        return True

    @property
    def has_unknowns(self) -> bool:
        return True

    @property
    def merges(self) -> bool:
        return self.settings.merges

    @property
    def is_replaying(self) -> bool:
        """Whether the walk is still on ground that an earlier path has covered, claims included."""
        return len(self.decisions) < len(self.prefix)

    def symbol(self, name: str) -> int:
        if name in self.symbols:
            raise TheoremError(f"two symbols are called {name}")
        self.symbols[name] = z3.Int(name)
        return cast(int, SymInt(self.symbols[name]))

    def opaque(self, name: str) -> Any:
        return self._opaque.setdefault(name, Opaque(name))

    def unknown(self, key: Hashable, label: str, depends_on: Iterable[object] = ()) -> tuple[int, bool]:
        is_new = key not in self._unknown
        if is_new:
            name = self._new_name(label)
            self._unknown[key] = SymInt(z3.Int(name))
            self._made_from[name] = list(depends_on)
        self.unknowns.append((self._unknown[key].term, is_new))
        return cast(int, self._unknown[key]), is_new

    def premise(self, condition: bool, premise: Premise) -> None:
        self.premises.append(premise)
        self._learn(truth_of(condition))
        if not self.is_replaying and not self._feasible(z3.BoolVal(True)):
            raise PathEnds

    def fact(self, condition: bool, label: str) -> None:
        was_possible = self.model is not None
        self._learn(truth_of(condition))
        if not self.is_replaying and not self._feasible(z3.BoolVal(True)):
            if was_possible:
                raise TheoremError(f"{label} contradicts what is known at {where()[0]}")
            raise PathEnds

    def claim(self, condition: bool, sentence: str) -> None:
        self.check(truth_of(condition), sentence, "claim")

    def established(self, contract: str) -> None:
        self.contracts_established.add(contract)

    # What symbols ask

    def branch(self, condition: Any) -> bool:
        """Which way to go at a branch."""
        obvious = z3.simplify(condition)
        if z3.is_true(obvious) or z3.is_false(obvious):
            return bool(z3.is_true(obvious))
        if len(self.decisions) >= LONGEST_PATH:
            raise TheoremError(f"a path with over {LONGEST_PATH} branches: a loop needs an induction")
        if self.is_replaying:
            decision = self.prefix[len(self.decisions)]
            if not decision.condition.eq(condition):
                raise TheoremError("the function is not deterministic: a re-run met another branch")
        else:
            yes, no = self._feasible(condition), self._feasible(z3.Not(condition))
            if not yes and not no:
                raise PathEnds
            decision = Decision(condition, yes)
            if yes and no:
                self.alternatives.append((*self.decisions, Decision(condition, False)))
        self.decisions.append(decision)
        self._learn(decision.literal, is_branch=True)
        return decision.taken

    def divide(self, numerator: Any, divisor: Any) -> tuple[Any, Any]:
        """Quotient and remainder: n = q * d + r, 0 <= r < d, for a divisor known to be positive."""
        n, d = canonical(numerator), canonical(divisor)
        is_plainly_positive = z3.is_int_value(d) and d.as_long() > 0
        if not is_plainly_positive and d.get_id() not in self._positive:
            self._positive.add(d.get_id())
            self._kept.append(d)
            self.check(d > 0, f"division by something not known to be positive, at {where()[0]}", "division")
            self._learn(d > 0)
        if z3.is_int_value(n) and z3.is_int_value(d):
            quotient, remainder = divmod(n.as_long(), d.as_long())
            return z3.IntVal(quotient), z3.IntVal(remainder)
        key = (n.get_id(), d.get_id())
        if key not in self._divisions:
            self._kept += [n, d]
            names = self._new_name("quotient"), self._new_name("remainder")
            self._made_from |= {name: [n, d] for name in names}
            q, r = map(z3.Int, names)
            self._divisions[key] = q, r
            self._learn(z3.And(numerator == q * divisor + r, 0 <= r, r < divisor))
            if not z3.is_int_value(d):  # follows, but only by a nonlinear step
                self._learn((numerator >= 0) == (q >= 0))
        return self._divisions[key]

    # Deciding

    def check(self, term: Any, sentence: str, kind: str) -> None:
        """Decide a claim, once: on a replay an earlier path has done it."""
        if kind == "claim":
            self.sentences.append(sentence)
        if self.is_replaying:
            return
        verdict = self.decide(term)
        self.checks.append(Check(sentence, verdict.status, verdict.strategy, verdict.steps))
        if verdict.status == "undecided":
            self.settings.thorough = False
        if verdict.status == "refuted":
            raise ClaimRefuted(sentence, kind, term, self.facts_for(term), verdict.model)

    def decide(self, term: Any) -> Verdict:
        """Whether a condition follows here: from a model at hand, the path's own solver, or the ladder."""
        facts = self.facts_for(term)
        everything = len(facts) == len(self.steps)
        if everything and self.model is not None and satisfies(self.model, [*facts, z3.Not(term)]):
            return Verdict("refuted", self.model, "a model at hand", 0)
        if everything and not self._items:
            answer, model = self._ask(z3.Not(term))
            if answer == z3.unsat:
                return Verdict("proved", None, "integers", 0)
            if answer == z3.sat and satisfies(model, [*facts, z3.Not(term)]):
                return Verdict("refuted", model, "integers", 0)
        return decide(facts, term, effort=self.settings.effort, thorough=self.settings.thorough)

    def facts_for(self, term: Any) -> list[Any]:
        """What may be used for a claim.

        Facts about the arbitrary item of an induction are left out of a claim that does not speak of it:
        that claim must also hold when no item satisfies them.
        """
        if not self._items or self.symbols_in([term]) & self._items:
            return [step.term for step in self.steps]
        return [step.term for step in self.steps if step.is_branch or not self._speaks_of_item(step.term)]

    def symbols_in(self, values: Iterable[object]) -> frozenset[str]:
        """The symbols that values are made of, and what those depend on."""
        found: set[str] = set()
        for value in values:
            term = value if z3.is_expr(value) else term_of(value)
            if term is not None:
                for name in _names_in(term):
                    found |= {name} | self._origins_of(name)
        return frozenset(found)

    def _origins_of(self, name: str) -> frozenset[str]:
        if name not in self._origins:  # worked out when asked: only inductions ask
            self._origins[name] = self.symbols_in(self._made_from.get(name, ()))
        return self._origins[name]

    def set_items_apart(self, values: Iterable[object]) -> frozenset[str]:
        """Treat the symbols in the values as an arbitrary item of a sequence (see facts_for)."""
        if self.decisions:
            raise TheoremError("induction_over comes before the first branch of a theorem")
        names = self.symbols_in(values)
        self._items |= names
        self._start_solver(step.term for step in self.steps if not self._speaks_of_item(step.term))
        return names

    def depends_on_item_alone(self, name: str) -> None:
        """Count a symbol, such as a ghost's value before the item, among the item's."""
        self._items |= {name}

    def find_model(self) -> Verdict:
        """A model of all that is known on the path ("refuted" carries it), or that none exists ("proved")."""
        facts = [step.term for step in self.steps]
        if self.model is not None and satisfies(self.model, facts):
            return Verdict("refuted", self.model, "a model at hand", 0)
        return decide(facts, z3.BoolVal(False), effort=self.settings.effort, thorough=False)

    def values(self, model: Any) -> tuple[dict[str, int], list[tuple[int, bool]]]:
        """A model as plain integers: the theorem's symbols, and the unknowns in the order of the calls."""

        def plain(term: Any) -> int:
            return int(model.eval(term, model_completion=True).as_long())

        symbols = {name: plain(term) for name, term in self.symbols.items()}
        return symbols, [(plain(term), is_new) for term, is_new in self.unknowns]

    # Bookkeeping

    def _start_solver(self, known: Iterable[Any]) -> None:
        self.context = z3.Context()  # its own, so that what was asked before cannot matter
        self.solver = prepared(z3.Solver(ctx=self.context), FEASIBILITY_BUDGET)
        self.solver.add(*(term.translate(self.context) for term in known))

    def _speaks_of_item(self, term: Any) -> bool:
        return bool(self.symbols_in([term]) & self._items)

    def _new_name(self, label: str) -> str:
        self._labels[label] = self._labels.get(label, 0) + 1
        return f"{label}!{self._labels[label]}"

    def _learn(self, term: Any, *, is_branch: bool = False) -> None:
        self.steps.append(Step(term, is_branch, " ".join(where()) if is_branch else ""))
        if is_branch or not self._items or not self._speaks_of_item(term):
            self.solver.add(term.translate(self.context))
        if self.model is not None and not satisfies(self.model, [term]):
            self.model = None

    def _feasible(self, condition: Any) -> bool:
        if self.model is not None and satisfies(self.model, [condition]):
            return True
        answer, model = self._ask(condition)
        if answer == z3.sat and self.model is None and not self._items:
            self.model = model
        return bool(answer != z3.unsat)

    def _ask(self, condition: Any) -> tuple[Any, Any]:
        self.solver.push()
        self.solver.add(condition.translate(self.context))
        answer = self.solver.check()
        model = self.solver.model().translate(z3.main_ctx()) if answer == z3.sat else None
        self.solver.pop()
        return answer, model


@dataclass(frozen=True)
class Opaque:
    """An arbitrary object that no code on the path looks into."""

    name: str

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise TheoremError(f"the code looks into {self.name}.{attribute}, which the theorem left opaque")


def explore(body: Callable[[], object], settings: Settings) -> Iterator[Path]:
    """Every path of a function, in the order in which they are walked.

    Errors of the code under proof are the path's ending, not the explorer's: see `Path.ending`.
    """
    remembered: list[tuple[Decision, ...]] = [()]
    walked = 0
    while remembered:
        walked += 1
        if walked > MOST_PATHS:
            raise TheoremError(f"over {MOST_PATHS} paths: use a contract or an induction")
        path = Path(remembered.pop(), settings)
        try:
            with running(path):
                body()
            if path.is_replaying:
                raise TheoremError("the function is not deterministic: a re-run met fewer branches")
        except PathEnds:
            path.ending = "impossible"
        except ClaimRefuted as refuted:
            path.ending, path.error = "refuted", refuted
        except TheoremError as error:
            path.ending, path.error = "broken", error
        except Exception as error:
            path.ending, path.error = "raised", error
        remembered += path.alternatives
        yield path


def _names_in(term: Any) -> frozenset[str]:
    found: set[str] = set()
    seen: set[int] = set()
    waiting: list[Any] = [term]
    while waiting:
        part = waiting.pop()
        if part.get_id() in seen:
            continue
        seen.add(part.get_id())
        if z3.is_const(part) and part.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found.add(part.decl().name())
        waiting += part.children()
    return frozenset(found)
