"""Proving: the theorems as a user asks for them, by name, and at given values."""

import difflib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from marginspec.errors import BROKEN, HELD, UNDECIDED, UNREADABLE, Flaw, InputError
from marginspec.screen import aligned, grouped, progress, say
from proofs import batch
from proofs.environment import run_concretely
from proofs.prover import Result, confirm_refutation
from proofs.registry import REFUTATIONS, THEOREMS, Theorem, load_all


def workers() -> int:
    """How many processes may run at once: the processors that this one may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def all_theorems() -> list[Theorem]:
    """Every theorem, in the order of the catalogue."""
    load_all()
    return sorted(THEOREMS.values(), key=lambda theorem: _order(theorem.name))


def _order(name: str) -> tuple[str, int, str]:
    digits = "".join(character for character in name.split("-")[0][1:] if character.isdigit())
    return name[0], int(digits or 0), name


def find_theorems(names: Sequence[str]) -> list[Theorem]:
    """The theorems of these names; a name may be whole, a line of the catalogue (C1a), or a letter.

    Errors: InputError for a name that is none, with those perhaps meant.
    """
    theorems = all_theorems()
    found: dict[str, Theorem] = {}
    for name in names:
        wanted = name.casefold()
        meant = [
            theorem
            for theorem in theorems
            if wanted in (theorem.name.casefold(), theorem.identifier.casefold(), theorem.letter.casefold())
        ]
        if not meant:
            known = [theorem.name for theorem in theorems] + [theorem.identifier for theorem in theorems]
            near = list(dict.fromkeys(difflib.get_close_matches(name, known, n=3, cutoff=0.4)))
            repair = f"Did you mean {', '.join(near)}?" if near else "marginspec prove lists all of them."
            raise InputError(name, Flaw("", "is no theorem.", repair))
        found |= {theorem.name: theorem for theorem in meant}
    return list(found.values()) if names else theorems


def known_status(theorem: Theorem) -> str:
    """What the cache knows of a theorem, without proving anything."""
    kept = batch._read(batch.CACHE, theorem.name)
    if kept is None or kept["key"] != batch.cache_key(theorem):
        return f"not proved here yet: marginspec prove {theorem.name}"
    return f"{kept['result']['status']}, {kept['result']['paths']} paths"


HEADINGS = ("theorem", "status", "paths", "claims", "seconds", "mutants refuted", "bound")


def run_theorems(
    theorems: Sequence[Theorem],
    *,
    no_cache: bool,
    on_result: Callable[[Result, bool], None] | None = None,
) -> tuple[list[Result], int]:
    """Prove on all processors, with a bar.

    returns  the results, and how many came from the cache
    """
    cached = 0
    done = 0
    with progress("theorems", len(theorems)) as advance:

        def arrived(result: Result, was_cached: bool) -> None:
            nonlocal cached, done
            done += 1
            cached += was_cached
            advance(done, f"{result.name} {result.status}")
            if on_result is not None:
                on_result(result, was_cached)

        results = batch.prove_all(theorems, workers=workers(), no_cache=no_cache, on_result=arrived)
    return results, cached


def confirmed_refutations() -> dict[str, str]:
    """Each claim that was believed and is false: empty if it fails at its counterexample, else why not."""
    load_all()
    return {name: confirm_refutation(REFUTATIONS[name]) for name in sorted(REFUTATIONS)}


def exit_code_of(results: Sequence[Result]) -> int:
    """0 if every theorem holds, 1 if one is refuted, 3 if one is undecided or cannot fail."""
    if any(result.status == "refuted" for result in results):
        return BROKEN
    return HELD if all(result.holds for result in results) else UNDECIDED


def prove(names: Sequence[str], *, no_cache: bool) -> tuple[int, dict[str, Any]]:
    """Print the table of theorems.

    returns  the exit code, and the facts for --json
    """
    theorems = find_theorems(names)
    results, cached = run_theorems(theorems, no_cache=no_cache)
    say(aligned(HEADINGS, [_row(result) for result in results], right=(2, 3, 4)))
    for result in results:
        for line in trouble(result):
            say(line)
    refutations = {} if names else confirmed_refutations()
    for name, problem in refutations.items():
        if problem:
            say(f"NOT CONFIRMED  {name}: {problem}")
    counts = {status: sum(result.status == status for result in results) for status in STATUSES}
    summary = ", ".join(f"{grouped(count)} {status}" for status, count in counts.items())
    confirmed = sum(not problem for problem in refutations.values())
    say()
    if refutations:
        summary += f"; {confirmed} refutations confirmed"
    say(f"{summary}; {cached} from the cache")
    code = exit_code_of(results)
    if code == HELD and any(refutations.values()):
        code = BROKEN
    facts = theorem_facts(results, cached)
    return code, facts | {"refutations": refutation_facts(refutations), "ok": code == HELD}


STATUSES = ("proved", "refuted", "undecided")


def theorem_facts(results: Sequence[Result], cached: int) -> dict[str, Any]:
    """The results as JSON."""
    counts = {status: sum(result.status == status for result in results) for status in STATUSES}
    each = {
        result.name: {
            "status": result.status,
            "reason": result.reason,
            "bound": result.structural_bound,
            "paths": result.paths,
            "claims": result.claims,
            "seconds": round(result.seconds, 3),
            "mutants": dict(result.mutants),
            "counterexample": result.counterexample,
        }
        for result in results
    }
    return {"theorems": {"total": len(results), **counts, "cached": cached, "each": each}}


def refutation_facts(refutations: dict[str, str]) -> dict[str, Any]:
    """The refutations as JSON."""
    confirmed = sum(not problem for problem in refutations.values())
    return {"total": len(refutations), "confirmed": confirmed}


def _row(result: Result) -> tuple[str, ...]:
    refuted = sum(status == "refuted" for _, status in result.mutants)
    return (
        result.name,
        result.status if result.status == "proved" else result.status.upper(),
        grouped(result.paths),
        grouped(result.claims),
        f"{result.seconds:.1f}",
        f"{refuted} of {len(result.mutants)}",
        result.structural_bound or "none",
    )


def trouble(result: Result) -> Iterator[str]:
    """What is wrong with a theorem, if anything: the claim, the values, the path, the command."""
    if result.status == "refuted":
        yield f"REFUTED  {result.name}: {result.reason}"
        for name, value in (result.counterexample or {}).items():
            yield f"      {name} = {value:_}" if isinstance(value, int) else f"      {name} = {value}"
        for branch in result.trail:
            yield f"      {branch}"
        yield f"  Reproduce   {result.reproduction}"
    elif result.status == "undecided":
        yield f"UNDECIDED  {result.name}: {result.reason}"
    for mutant, status in result.mutants:
        if status != "refuted":
            yield f"CANNOT FAIL  {result.name}: its mutant {mutant} is {status}, and has to be refuted"


def values_from(texts: Sequence[str]) -> dict[str, int]:
    """Values given as a=1. Errors: InputError."""
    values = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not name or not number.replace("_", "").lstrip("+-").isdigit() or len(number) > 4_000:
            flaw = Flaw("", "is no value.", "Write a name and a whole number: a=1.")
            raise InputError(f"--at {text[:60]}", flaw)
        values[name] = int(number)
    return values


def prove_at(name: str, values: dict[str, int]) -> tuple[int, dict[str, Any]]:
    """Run a theorem, or a refuted claim, on plain integers and print how it ends.

    returns  the exit code, and the facts for --json
    Errors: InputError if the values are not those that the theorem asks for.
    """
    load_all()
    claim = REFUTATIONS.get(name) or find_theorems([name])[0]
    run = run_concretely(claim, values)
    given = {key: str(value) for key, value in values.items()}
    facts = {"theorem": claim.name, "at": given, "ending": run.ending}
    if run.ending == "error":
        names = claim.function.__code__.co_varnames[: claim.function.__code__.co_argcount]
        repair = f"It is about {', '.join(names)}; give each as --at name=value."
        raise InputError(claim.name, Flaw("", f"cannot be run: {run.detail}.", repair))
    say(f"{claim.name}: {claim.claim}")
    for key, value in values.items():
        say(f"      {key} = {value:_}")
    if run.ending == "holds":
        for sentence in run.sentences:
            say(f"  holds   {sentence}")
        return HELD, facts
    if run.ending in ("premise", "fact"):
        say(f"  The theorem does not speak of these values: {run.detail}")
        return UNREADABLE, facts | {"detail": run.detail}
    for sentence in run.sentences[:-1]:
        say(f"  holds   {sentence}")
    say(f"  FAILS   {run.detail}")
    return BROKEN, facts | {"detail": run.detail}
