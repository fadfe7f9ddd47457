"""`make mutants`, or `python -m marginspec.mutation`: the whole run, and its exit code."""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from marginspec import proving
from marginspec.errors import BROKEN, HELD, INTERRUPTED, TOOL_FAILED
from marginspec.mutation.mutations import MutantsError, sample
from marginspec.mutation.named import check_names, theorem_rows
from marginspec.mutation.names import Names
from marginspec.mutation.report import counts_of, page, reviews, tell
from marginspec.mutation.trees import SURVIVED, TIMED_OUT, Bench, Verdict, fingerprint
from marginspec.mutation.verdicts import judged
from marginspec.paths import ROOT, SPEC, runs_folder
from marginspec.screen import aligned, progress, say, silence, write_facts
from proofs.prover import Result

SAMPLE = 200
"""Mutations of a run; the page is written again by a run of at least as many."""
PAGE = SPEC / "mutants.md"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is asked for."""

    seed: int
    count: int
    workers: int
    only_named: bool
    report: bool
    runs: Path


def run(wanted: Wanted) -> tuple[int, dict[str, Any]]:
    """Everything; returns the exit code and the facts for --json."""
    theorems = proving.find_theorems(())
    check_names(theorems)
    names = Names(ROOT / "refmodel")
    say(f"{len(theorems)} theorems and their named mutants ...")
    results, _ = proving.run_theorems(theorems, no_cache=False)
    rows = theorem_rows(results, names)
    say(aligned(("theorem", "mutant", "function", "rule that went red", "status"), rows))
    escaped = [row for row in rows if row[4] != "refuted"]
    for row in escaped:
        say(f"NOT REFUTED  {row[0]}: {row[1]} is {row[4]}")
    for result in results:
        if result.status != "proved":
            say(f"NOT PROVED  {result.name}: {result.reason}; it judges nothing below")
    say(f"{len(rows) - len(escaped)} of {len(rows)} named mutants refuted by their theorem")
    code = BROKEN if escaped else HELD
    facts: dict[str, Any] = {
        "named": {
            "total": len(rows),
            "refuted": len(rows) - len(escaped),
            "each": [
                dict(zip(("theorem", "mutant", "function", "rules", "status"), row, strict=True))
                for row in rows
            ],
        }
    }
    if not wanted.only_named:
        sampled, more = _run_sample(wanted, results, rows)
        code, facts = max(code, sampled), facts | more
    return code, facts | {"ok": code == HELD}


def _run_sample(
    wanted: Wanted, results: Sequence[Result], rows: Sequence[tuple[str, ...]]
) -> tuple[int, dict[str, Any]]:
    known = reviews()
    file = wanted.runs / "mutants" / f"{wanted.seed}.jsonl"
    verdicts: list[Verdict] = []
    interrupted = False
    began = time.monotonic()
    say(f"{wanted.count} mutations of refmodel, seed {wanted.seed}, {wanted.workers} at a time ...")
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        bench = Bench(Path(folder), wanted.workers)
        mark = fingerprint(bench.law.parent)
        unchanged = bench.ask_unchanged()
        if unchanged["judge"]:
            raise MutantsError(
                f"the law is red before anything is changed, so nothing can be judged: {unchanged['judge']}: "
                f"{unchanged['detail']}"
            )
        chosen = sample(bench.law, wanted.seed, wanted.count)
        with progress("mutants", len(chosen)) as advance:
            try:
                for verdict in judged(bench, chosen, results, file, mark, wanted.workers):
                    verdicts.append(verdict)
                    alive = sum(each.status == SURVIVED for each in verdicts)
                    advance(len(verdicts), f"{len(verdicts)} of {len(chosen)}, {alive} survived")
            except KeyboardInterrupt:
                interrupted = True
    unreviewed = tell(verdicts, known)
    survived = sum(verdict.status == SURVIVED for verdict in verdicts)
    say(
        f"{len(verdicts) - survived} of {len(verdicts)} mutations noticed, {survived} survived, "
        f"{unreviewed} of them not reviewed, in {time.monotonic() - began:.0f} s"
    )
    facts = {
        "sample": {
            "seed": wanted.seed,
            "mutations": len(verdicts),
            "killed": counts_of(verdicts),
            "timed_out": sum(verdict.status == TIMED_OUT for verdict in verdicts),
            "survived": survived,
            "not_reviewed": unreviewed,
            "each": [asdict(verdict) for verdict in verdicts],
        }
    }
    if interrupted:
        say(f"Interrupted: {len(verdicts)} verdicts are kept in {file}; the same command goes on from there.")
        return INTERRUPTED, facts
    if len(verdicts) >= SAMPLE:
        PAGE.write_text(page(verdicts, rows, wanted.seed, known), encoding="utf-8")
    return BROKEN if unreviewed and not wanted.report else HELD, facts


@click.command()
@click.option("--seed", default=1, show_default=True, help="Which mutations are drawn.")
@click.option("--count", default=SAMPLE, show_default=True, help="How many mutations.")
@click.option("--workers", default=proving.workers(), show_default="the processors", help="Judged at a time.")
@click.option("--only-named", is_flag=True, help="Only the named mutants of the theorems.")
@click.option("--report", is_flag=True, help="Survivors that nobody has reviewed are no failure.")
@click.option("--json", "json_file", metavar="FILE", help='The facts as JSON; "-" is the standard output.')
def main(seed: int, count: int, workers: int, only_named: bool, report: bool, json_file: str | None) -> None:
    """Change the law one piece at a time; tables, tests and theorems must notice."""
    if json_file == "-":
        silence()
    wanted = Wanted(seed, count, max(1, workers), only_named, report, runs_folder())
    try:
        code, facts = run(wanted)
    except MutantsError as error:
        click.echo(f"mutants: {error}.", err=True)
        sys.exit(TOOL_FAILED)
    except KeyboardInterrupt:
        click.echo("Interrupted: what was proved, and judged in earlier runs, is kept.", err=True)
        sys.exit(INTERRUPTED)
    write_facts(facts, json_file)
    sys.exit(code)


if __name__ == "__main__":
    main()
