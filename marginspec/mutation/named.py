"""The named mutants: the broken rules that each theorem refutes, and those that have to be among them."""

from collections.abc import Iterable, Sequence

from marginspec import proving
from marginspec.mutation.mutations import MutantsError
from marginspec.mutation.names import Names
from proofs.prover import Result
from proofs.registry import Replace, Theorem

HAND_MADE = (
    "a ceil for a floor",
    "a tier rate off by one",
    "a fee credited but not charged",
    "IM checked before the fee",
    "the trade's own gain counted",
    "a rebate from the pool",
    "ADL from the same side",
    "fund pays the bankrupt account",
    "penalty before losses",
    "tie-break dropped",
    "cap ignored",
    "cap tested only at its end",
    "draw limit ignored",
    "residue vanishes",
    "share taken from the wallet",
    "bad debt repaid from the balance",
)
"""The breaks that somebody would make by hand: each is a named mutant of a theorem, under this name."""


def theorem_rows(results: Sequence[Result], names: Names) -> list[tuple[str, ...]]:
    """One row per named mutant: theorem, mutant, its function, the rules that went red, status."""
    theorems = {theorem.name: theorem for theorem in proving.all_theorems()}
    rows: list[tuple[str, ...]] = []
    for result in results:
        theorem = theorems[result.name]
        statuses = dict(result.mutants)
        for mutant in theorem.mutants:
            red = rules_of_mutant(theorem, mutant, names)
            status = statuses.get(mutant.name, "not run")
            rows.append((theorem.name, mutant.name, mutant.function, " ".join(red), status))
    return rows


def rules_of_mutant(theorem: Theorem, mutant: Replace, names: Names) -> tuple[str, ...]:
    """The rules that are broken where a theorem refutes a mutant."""
    touched = names.rules_touched_by(mutant.function.rpartition(".")[2])
    return tuple(rule for rule in theorem.rules if rule in touched) or theorem.rules


def check_names(theorems: Iterable[Theorem]) -> None:
    """Errors: MutantsError if a break that has to be there is no named mutant of any theorem."""
    known = {mutant.name for theorem in theorems for mutant in theorem.mutants}
    missing = [name for name in HAND_MADE if name not in known]
    if missing:
        raise MutantsError(
            f"no theorem has a mutant named {', '.join(map(repr, missing))}; it has to have one"
        )
