"""How good the vectors are: `make mutants-vectors`, or `python -m marginspec.vectors.quality`.

A seeded sample of the mutants of `make mutants` is shown to the vectors alone. What they let pass is either
reviewed in spec/mutants.toml as equal to the law, or is shown to the tests: what these notice and the vectors
do not is counted against the vectors, and listed.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from marginspec.errors import BROKEN, HELD, INTERRUPTED, TOOL_FAILED
from marginspec.mutation.mutations import MutantsError, Mutation, sample
from marginspec.mutation.report import reviews
from marginspec.mutation.trees import SURVIVED, Bench
from marginspec.screen import progress, say, silence, write_facts
from marginspec.vectors.files import read_vectors
from marginspec.vectors.mutant_runs import LAW, Question, noticed_by, questions_of, questions_of_traces
from marginspec.vectors.traces import read_traces

SAMPLE = 200
WANTED = 95
"""Per cent of the mutants that the tests notice."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A mutant that was shown to the vectors.

    by  the case that noticed it, or empty
    """

    mutation: Mutation
    by: str


def shown(questions: Sequence[Question], mutations: Sequence[Mutation]) -> list[Shown]:
    """What the vectors say of each mutation."""
    found = []
    with progress("mutants", len(mutations)) as advance:
        for number, mutation in enumerate(mutations, 1):
            noticed = noticed_by(questions, mutation)
            found.append(Shown(mutation, noticed[0] if noticed else ""))
            advance(number, f"{number} of {len(mutations)}, {sum(not one.by for one in found)} not noticed")
    return found


def noticed_by_tests(mutations: Sequence[Mutation]) -> dict[str, str]:
    """Of mutations that the vectors let pass: which judge of `make mutants` notices each; by key."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        bench = Bench(Path(folder), 1)
        try:
            for mutation in mutations:
                verdict = bench.judge(mutation, ())
                if verdict.status != SURVIVED:
                    found[mutation.key] = f"{verdict.judge}: {verdict.detail}"
        finally:
            bench.close()
    return found


def run(seed: int, count: int, files: tuple[str, ...], ask_tests: bool) -> tuple[int, dict[str, Any]]:
    """Everything; returns the exit code and the facts for --json."""
    began = time.monotonic()
    questions = [*questions_of(read_vectors()), *questions_of_traces(read_traces())]
    say(f"{count} mutations of refmodel, seed {seed}, shown to {len(questions)} cases and traces ...")
    found = shown(questions, sample(LAW, seed, count, files or None))
    equal = reviews()
    escaped = [one.mutation for one in found if not one.by and one.mutation.review not in equal]
    by_tests = noticed_by_tests(escaped) if ask_tests else {one.key: "not asked" for one in escaped}
    missed = [one for one in escaped if one.key in by_tests]
    noticed = sum(bool(one.by) for one in found)
    for mutation in missed:
        rules = f" ({', '.join(mutation.rules)})" if mutation.rules else ""
        say(f"MISSED  refmodel/{mutation.file}:{mutation.line} {mutation.function}{rules}")
        say(f"  - {mutation.before}\n  + {mutation.after}\n  tests: {by_tests[mutation.key]}")
    share = noticed * 100 / max(1, noticed + len(missed))
    say(
        f"{noticed} of {noticed + len(missed)} mutants that can be noticed are noticed by the vectors alone: "
        f"{share:.1f} %; {len(found) - noticed - len(missed)} more are noticed by nobody. "
        f"{time.monotonic() - began:.0f} s"
    )
    facts = {
        "seed": seed,
        "mutants": len(found),
        "vectors": len(questions),
        "noticed": noticed,
        "missed": [
            {"file": one.file, "line": one.line, "before": one.before, "after": one.after} for one in missed
        ],
        "share": round(share, 1),
        "ok": share >= WANTED,
    }
    return (HELD if share >= WANTED else BROKEN), facts


@click.command()
@click.argument("files", nargs=-1)
@click.option("--seed", default=1, show_default=True, help="Which mutations are drawn.")
@click.option("--count", default=SAMPLE, show_default=True, help="How many mutations.")
@click.option("--tests/--no-tests", default=True, show_default=True, help="Show to the tests what is missed.")
@click.option("--json", "json_file", metavar="FILE", help='The facts as JSON; "-" is the standard output.')
def main(files: tuple[str, ...], seed: int, count: int, tests: bool, json_file: str | None) -> None:
    """Change the law one piece at a time, in these files of refmodel or in all; the vectors must notice."""
    if json_file == "-":
        silence()
    try:
        code, facts = run(seed, count, files, tests)
    except MutantsError as error:
        click.echo(f"mutants: {error}.", err=True)
        sys.exit(TOOL_FAILED)
    except KeyboardInterrupt:
        click.echo("Interrupted: nothing is kept.", err=True)
        sys.exit(INTERRUPTED)
    write_facts(facts, json_file)
    sys.exit(code)


if __name__ == "__main__":
    main()
