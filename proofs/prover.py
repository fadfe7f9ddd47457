"""The prover: what is found out about one theorem, and how sure the finding is.

`prove_theorem` explores every path, decides every claim on it, and then checks its own work: that no case
is left out, that one model per path runs concretely as the walk predicted, that the witness satisfies the
premises, and that a counterexample really fails. `run_mutant` does the first part on a broken rule.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import z3

from proofs.environment import describe, packages_of, run_body, run_concretely, surroundings
from proofs.explorer import ClaimRefuted, Path, Settings, explore
from proofs.ladder import Verdict, decide, smaller_model
from proofs.mutation import mutated
from proofs.registry import Refutation, Replace, Theorem
from proofs.runs import TheoremError, current_run

Status = Literal["proved", "refuted", "undecided"]


@dataclass(frozen=True)
class Result:
    """What is known of a theorem after a run.

    reason             the claim that fails, or why it is undecided; empty if proved
    paths              feasible paths walked; `impossible` counts those that turned out contradictory
    claims             claims decided, over all paths
    strategies         how many claims each strategy of the ladder decided
    steps              solver steps of the ladder (rlimit), a measure that is the same on every machine
    counterexample     plain values of the theorem's symbols
    trail              the branches of the counterexample's path, as file:line and source text
    reproduction       a command that runs the counterexample
    premises           every assumption made, with its reason
    reasons            the reasons alone, as (kind, identifier): policy, guard, theorem or contract
    exhaustive         whether "the premises hold and no path explored is taken" is impossible
    paths_run          paths of which a model was found and run concretely
    paths_agree        whether each of those runs took the same lines and kept the same claims
    mutants            each mutant's name and its status: it has to be refuted
    """

    name: str
    status: Status
    reason: str = ""
    paths: int = 0
    impossible: int = 0
    claims: int = 0
    seconds: float = 0.0
    steps: int = 0
    strategies: dict[str, int] = field(default_factory=dict)
    structural_bound: str | None = None
    counterexample: dict[str, int] | None = None
    trail: tuple[str, ...] = ()
    reproduction: str = ""
    premises: tuple[str, ...] = ()
    reasons: tuple[tuple[str, str], ...] = ()
    contracts: tuple[str, ...] = ()
    established: tuple[str, ...] = ()
    witness_ok: bool = False
    exhaustive: bool = False
    paths_run: int = 0
    paths_agree: bool = False
    mutants: tuple[tuple[str, str], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the theorem is proved and each of its mutants is refuted."""
        return self.status == "proved" and all(status == "refuted" for _, status in self.mutants)


@dataclass
class _Exploration:
    """The paths of a theorem, and the first thing that went wrong."""

    paths: list[Path] = field(default_factory=list)
    refuted: Path | None = None
    problems: list[str] = field(default_factory=list)


def verify_theorem(theorem: Theorem) -> Result:
    """Prove a theorem and refute its mutants; one that is refuted itself is not asked for them.

    Errors: TheoremError if a mutant cannot be made.
    """
    started = time.perf_counter()
    result = prove_theorem(theorem)
    if result.status == "refuted":
        return result
    outcomes = tuple((mutant.name, run_mutant(theorem, mutant)) for mutant in theorem.mutants)
    return _with(result, mutants=outcomes, seconds=time.perf_counter() - started)


def prove_theorem(theorem: Theorem, *, merges: bool = True) -> Result:
    """Prove a theorem, or refute it, or say why neither. Never raises for what the theorem does."""
    started = time.perf_counter()
    found = _explore(theorem, Settings(merges=merges, effort=theorem.effort))
    live = [path for path in found.paths if path.ending == "complete"]
    checks = [check for path in found.paths for check in path.checks]
    premises = [premise for path in found.paths for premise in path.premises]
    facts = Result(
        name=theorem.name,
        status="undecided",
        paths=len(live),
        claims=len(checks),
        impossible=sum(path.ending == "impossible" for path in found.paths),
        steps=sum(check.steps for check in checks),
        strategies=dict(Counter(check.strategy for check in checks if check.status != "undecided")),
        structural_bound=theorem.structural_bound,
        premises=tuple(dict.fromkeys(str(premise) for premise in premises)),
        reasons=tuple(dict.fromkeys((p.reason.kind, p.reason.identifier) for p in premises)),
        contracts=tuple(each.name for each in theorem.contracts),
        established=tuple(sorted({name for path in found.paths for name in path.contracts_established})),
    )
    if found.refuted is not None:
        result = _report_counterexample(theorem, found.refuted, facts)
    else:
        result = _check_the_proof(theorem, found, live, facts)
    return _with(result, seconds=time.perf_counter() - started)


def run_mutant(theorem: Theorem, mutant: Replace) -> Status:
    """Whether the theorem notices a broken rule: "refuted" is what it has to be.

    The witnesses are tried first, on plain integers; then the paths, with the small budget before the large.
    Errors: TheoremError if the mutant cannot be made.
    """
    with mutated(mutant, packages_of(theorem)):
        if any(run_concretely(theorem, w).ending in ("claim", "exception") for w in theorem.witnesses):
            return "refuted"
        for thorough in (False, True):
            found = _explore(theorem, Settings(effort=theorem.effort, thorough=thorough))
            if found.refuted is not None:
                facts = Result(theorem.name, "undecided")
                return _report_counterexample(theorem, found.refuted, facts).status
            if not found.problems:
                return "proved"
    return "undecided"


def confirm_refutation(refutation: Refutation) -> str:
    """Empty if the claim fails at its counterexample, as registered; otherwise what happened instead."""
    run = run_concretely(refutation, refutation.counterexample)
    if run.ending == "claim":
        return ""
    return "the claim holds there" if run.ending == "holds" else f"{run.ending}: {run.detail}"


# Exploring


def _explore(theorem: Theorem, settings: Settings) -> _Exploration:
    found = _Exploration()
    try:
        with surroundings(theorem, merges=settings.merges):
            for path in explore(lambda: run_body(theorem, current_run()), settings):
                found.paths.append(path)
                _judge_ending(path, found)
                if found.refuted is not None or path.ending == "broken":
                    break
    except TheoremError as error:
        found.problems.append(str(error))
    return found


def _judge_ending(path: Path, found: _Exploration) -> None:
    if path.ending == "raised" and path.error is not None:
        sentence = describe(path.error)
        verdict = path.decide(z3.BoolVal(False))
        if verdict.status == "refuted":
            impossible = z3.BoolVal(False)
            facts = path.facts_for(impossible)
            path.error = ClaimRefuted(sentence, "exception", impossible, facts, verdict.model)
            path.ending = "refuted"
        elif verdict.status == "proved":
            path.ending = "impossible"
        else:
            found.problems.append(f"a path that may be impossible ends with {sentence}")
    if path.ending == "refuted":
        found.refuted = path
    if path.ending == "broken":
        found.problems.append(str(path.error))
    undecided = [check.sentence for check in path.checks if check.status == "undecided"]
    found.problems += [f"undecided: {sentence}" for sentence in undecided]


# A counterexample


def _report_counterexample(theorem: Theorem, path: Path, facts: Result) -> Result:
    refuted = path.error
    assert isinstance(refuted, ClaimRefuted)
    symbols = list(path.symbols.values())
    model = smaller_model(refuted.facts, refuted.broken, symbols, refuted.model)
    given, unknowns = path.values(model)
    no_item = len(refuted.facts) < len(path.steps)
    run = run_concretely(theorem, given, unknowns, no_item=no_item)
    divisor_is_negative = refuted.kind == "division" and run.ending == "holds"
    reproduced = run.ending in ("claim", "exception") or divisor_is_negative
    at = " ".join(f"{name}={value}" for name, value in given.items())
    note = "   # under the values that its contracts and inductions leave open" if unknowns else ""
    return _with(
        facts,
        status="refuted" if reproduced else "undecided",
        reason=refuted.sentence
        if reproduced
        else (f"the counterexample of {refuted.sentence!r} does not reproduce: {run.ending} {run.detail}"),
        counterexample=given,
        trail=tuple(step.where for step in path.steps if step.is_branch),
        reproduction=f"marginspec prove {theorem.name} --at {at}{note}",
    )


# Checking a proof


def _check_the_proof(theorem: Theorem, found: _Exploration, live: list[Path], facts: Result) -> Result:
    problems = list(found.problems)
    ran, disagreements = _run_models(theorem, live)
    witness_problems = _check_witnesses(theorem)
    exhaustive = not problems and _is_exhaustive(found.paths)
    problems += disagreements + witness_problems
    alive = sum(path.ending == "complete" for path in live)
    if alive == 0:
        problems.append("vacuous: the premises allow no path")
    elif not any(path.sentences for path in live if path.ending == "complete"):
        problems.append("vacuous: no claim is reached")
    if not problems and not exhaustive:
        problems.append("the paths explored may not be all")
    return _with(
        facts,
        status="undecided" if problems else "proved",
        reason="; ".join(dict.fromkeys(problems)),
        paths=alive,
        impossible=len(found.paths) - alive,
        witness_ok=not witness_problems,
        exhaustive=exhaustive,
        paths_run=ran,
        paths_agree=not disagreements,
    )


def _run_models(theorem: Theorem, live: Sequence[Path]) -> tuple[int, list[str]]:
    """Run one model of each path concretely: it has to take that path and keep the claims."""
    ran, problems = 0, []
    for path in live:
        verdict = path.find_model()
        if verdict.status == "proved":
            path.ending = "impossible"
        if verdict.status != "refuted":
            continue
        given, unknowns = path.values(verdict.model)
        run = run_concretely(theorem, given, unknowns)
        ran += 1
        if run.ending != "holds":
            problems.append(f"a proved path fails on plain integers, at {given}: {run.ending} {run.detail}")
        elif run.notes["lines"] != path.notes["lines"] or run.sentences != path.sentences:
            problems.append(f"the concrete run at {given} takes another path than the symbolic one")
    return ran, problems


def _check_witnesses(theorem: Theorem) -> list[str]:
    if not theorem.witnesses:
        return ["no witness shows that the premises can be satisfied"]
    problems = []
    for witness in theorem.witnesses:
        run = run_concretely(theorem, witness)
        if run.ending != "holds":
            problems.append(f"the witness {dict(witness)} does not do: {run.ending} {run.detail}")
        elif not run.sentences:
            problems.append(f"the witness {dict(witness)} reaches no claim")
    return problems


def _is_exhaustive(paths: Sequence[Path]) -> bool:
    """Whether every input that satisfies the premises takes one of the paths.

    Asked once as a single question, which treats the paths as a set and trusts nothing about how they
    were found: each fact holds wherever the branches before it were taken, and no path is completed.
    If that is undecided, branch by branch: the paths are read as a tree, and each side of a branch that no
    path takes has to be impossible.
    """
    conditions: list[Any] = []
    for path in paths:
        taken: list[Any] = []
        for step in path.steps:
            if step.is_branch:
                taken.append(step.term)
            else:
                conditions.append(z3.Implies(z3.And(*taken), step.term))
        if path.ending == "complete":
            conditions.append(z3.Not(z3.And(*taken)))
    unique = list({condition.get_id(): condition for condition in conditions}.values())
    if _impossible(unique).status == "proved":
        return True
    return _tree_is_closed(paths)


def _tree_is_closed(paths: Sequence[Path]) -> bool:
    kept: list[Any] = []  # keeps the terms, so that their ids stay theirs
    sides: dict[tuple[int, ...], set[int]] = {}
    open_sides: dict[tuple[tuple[int, ...], int], list[Any]] = {}
    for path in paths:
        known: list[Any] = []
        trail: tuple[int, ...] = ()
        for step in path.steps:
            if step.is_branch:
                this, other = z3.simplify(step.term), z3.simplify(z3.Not(step.term))
                kept += [this, other]
                sides.setdefault(trail, set()).add(this.get_id())
                open_sides.setdefault((trail, other.get_id()), [*known, other])
                trail = (*trail, this.get_id())
            known.append(step.term)
        if path.ending == "impossible" and _impossible(known).status != "proved":
            return False
    return all(
        _impossible(known).status == "proved"
        for (trail, side), known in open_sides.items()
        if side not in sides[trail]
    )


def _impossible(conditions: Sequence[Any]) -> Verdict:
    return decide(conditions, z3.BoolVal(False), thorough=False)


def _with(result: Result, **changes: Any) -> Result:
    return Result(**{**vars(result), **changes})
