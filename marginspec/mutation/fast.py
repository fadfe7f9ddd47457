"""`make mutants-fast`, or `python -m marginspec.mutation.fast`: changes of the fast path, and who notices.

Every comparison, sign, number and quotient of kernels.py is changed, and a seeded sample of the rest of
`fastpath/`. A change of a kernel is put to the theorems about that kernel, which run its uncompiled text.
What they let pass, and every other change, is compiled in a tree of its own and compared with the law: on
100 000 accounts, in histories of 100 000 events in lock step, and in the tests of the fast path. A survivor
is either reviewed in spec/fast-mutants.toml, with the reason, or a finding.
"""

import hashlib
import inspect
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from marginspec import proving
from marginspec.errors import BROKEN, HELD, INTERRUPTED, TOOL_FAILED
from marginspec.mutation.fast_places import KERNELS, Change, Rules, changes_of, sources, statements
from marginspec.mutation.fast_report import PAGE, REVIEWS, noticed_by, page, rules_named, tell
from marginspec.mutation.fast_trees import EQUAL, About, FastBench, fingerprint
from marginspec.mutation.mutations import MutantsError, Mutation
from marginspec.mutation.report import reviews
from marginspec.mutation.trees import SURVIVED, Verdict
from marginspec.mutation.verdicts import judged
from marginspec.paths import ROOT, runs_folder
from marginspec.screen import progress, say, silence, write_facts
from proofs.environment import run_concretely
from proofs.prover import Result
from proofs.registry import Theorem

EXHAUSTED = "kernels.py"
"""The file of which every change is judged."""
SAMPLE = 200
"""Changes of the other files; the page is written again by a run of at least as many."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is asked for."""

    seed: int
    count: int
    workers: int
    only: str
    report: bool


def run(wanted: Wanted) -> tuple[int, dict[str, Any]]:
    """Everything; returns the exit code and the facts for --json."""
    began = time.monotonic()
    known = reviews(REVIEWS)
    folder = ROOT / "fastpath"
    chosen = drawn(folder, wanted)
    about = theorems_of_kernels(folder)
    say(f"{len(chosen)} changes of fastpath, seed {wanted.seed}, {wanted.workers} at a time ...")
    verdicts, interrupted = _judge(wanted, chosen, about)
    unreviewed = tell(verdicts, known)
    survived = sum(verdict.status == SURVIVED for verdict in verdicts)
    equal = sum(verdict.status == EQUAL for verdict in verdicts)
    say(
        f"{len(verdicts) - survived - equal} of {len(verdicts)} changes noticed, {equal} proved equal, "
        f"{survived} survived, {unreviewed} of them not reviewed, in {time.monotonic() - began:.0f} s"
    )
    code = BROKEN if unreviewed and not wanted.report else HELD
    facts = {
        "seed": wanted.seed,
        "changes": len(verdicts),
        "noticed": noticed_by(verdicts),
        "equal": equal,
        "survived": survived,
        "not_reviewed": unreviewed,
        "each": [{**asdict(verdict), "named": rules_named(verdict)} for verdict in verdicts],
        "ok": code == HELD and not interrupted,
    }
    if interrupted:
        say("Interrupted: the verdicts so far are kept; the same command goes on from there.")
        return INTERRUPTED, facts
    if wanted.count >= SAMPLE and not wanted.only:
        PAGE.write_text(page(verdicts, wanted.seed, known), encoding="utf-8")
    return code, facts


def _judge(
    wanted: Wanted,
    chosen: Sequence[tuple[Mutation, Change]],
    about: Mapping[tuple[str, str], About],
) -> tuple[list[Verdict], bool]:
    """The verdicts, and whether the run was interrupted."""
    verdicts: list[Verdict] = []
    file = runs_folder() / "fast-mutants" / f"{wanted.seed}.jsonl"
    changes = {mutation.key: change for mutation, change in chosen}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        bench = FastBench(Path(folder), wanted.workers, changes, about)
        unchanged = bench.ask_unchanged()
        if unchanged["judge"]:
            raise MutantsError(
                "the fast path is red before anything is changed, so nothing can be judged: "
                f"{unchanged['judge']}: {unchanged['detail']}"
            )
        mark = fingerprint(bench.law.parent)
        with progress("mutants", len(chosen)) as advance:
            try:
                mutations = [mutation for mutation, _ in chosen]
                for verdict in judged(bench, mutations, (), file, mark, wanted.workers):
                    verdicts.append(verdict)
                    alive = sum(each.status == SURVIVED for each in verdicts)
                    advance(len(verdicts), f"{len(verdicts)} of {len(chosen)}, {alive} survived")
            except KeyboardInterrupt:
                return verdicts, True
    return verdicts, False


def possible(folder: Path) -> Iterator[tuple[Mutation, Change]]:
    """Every change of every file."""
    texts = {file: (folder / file).read_text(encoding="utf-8") for file in sources(folder)}
    rules = Rules(texts.values())
    for file, text in texts.items():
        for number, change in enumerate(changes_of(file, text)):
            yield described(file, text, number, change, rules), change


def drawn(folder: Path, wanted: Wanted) -> list[tuple[Mutation, Change]]:
    """Every change of kernels.py, and a sample of the others, in an order that the seed alone decides.

    A place is drawn first and then a change of it: a number, which has two, is not drawn twice as often as a
    sign. What is drawn hangs on the text of each place alone, so an edit elsewhere draws no other sample.
    """
    found: list[tuple[Mutation, Change]] = []
    by_place: dict[tuple[str, tuple[int, int]], list[tuple[Mutation, Change]]] = {}
    for mutation, change in possible(folder):
        if wanted.only and wanted.only != mutation.file:
            continue
        if mutation.file == EXHAUSTED:
            found.append((mutation, change))
        else:
            by_place.setdefault((mutation.file, change.start), []).append((mutation, change))

    places = [(_lot(wanted.seed, place[1][1], changes[0][0]), changes) for place, changes in by_place.items()]
    for lot, changes in sorted(places, key=lambda one: one[0])[: wanted.count]:
        found.append(changes[int(lot, 16) % len(changes)])
    return found


def _lot(seed: int, column: int, mutation: Mutation) -> str:
    """What a place draws: hexadecimal digits."""
    words = (seed, mutation.file, mutation.function, mutation.before, column)
    return hashlib.sha256("\n".join(map(str, words)).encode()).hexdigest()


def described(file: str, text: str, number: int, change: Change, rules: Rules) -> Mutation:
    """A change as the verdicts name it: the lines it touches, before and after."""
    changed = change.of(text)
    first, last = change.start[0] - 1, change.end[0]
    after = changed.splitlines()[first : last + len(changed.splitlines()) - len(text.splitlines())]
    return Mutation(
        file=file,
        line=change.start[0],
        function=change.function,
        operator=change.operator,
        occurrence=number,
        before=" ".join(line.strip() for line in text.splitlines()[first:last]),
        after=" ".join(line.strip() for line in after),
        rules=rules.of(change.function),
    )


def theorems_of_kernels(folder: Path) -> dict[tuple[str, str], About]:
    """The proved theorems about each kernel, by its file and name.

    A theorem is about the kernels through whose lines its witnesses lead it, and is their own if it
    names them.
    """
    theorems = [theorem for theorem in proving.all_theorems() if theorem.kernels]
    say(f"{len(theorems)} theorems about kernels ...")
    results, _ = proving.run_theorems(theorems, no_cache=False)
    quickest: list[Result] = sorted(results, key=lambda result: result.seconds)
    spans = {
        (str(folder / file), line): (file, function)
        for file in KERNELS
        if (folder / file).is_file()
        for function, line in lines_of_functions((folder / file).read_text(encoding="utf-8"))
    }
    by_name = {theorem.name: theorem for theorem in theorems}
    found: dict[tuple[str, str], About] = {}
    for result in quickest:
        if result.status != "proved":
            say(f"NOT PROVED  {result.name}: {result.reason}; it judges nothing below")
            continue
        theorem = by_name[result.name]
        walked = {
            spans[place]
            for witness in theorem.witnesses
            for place in run_concretely(theorem, witness).notes["lines"]
            if place in spans
        }
        for kernel in sorted(walked):
            known = found.get(kernel, About())
            own = result.name.startswith("F1") and f'kernel("{kernel[1]}")' in words_of(theorem)
            names = (*known.names, result.name)
            found[kernel] = About(names, (*known.own, result.name) if own else known.own)
    return found


def words_of(theorem: Theorem) -> str:
    """The source of a theorem."""
    return inspect.getsource(theorem.function)


def lines_of_functions(text: str) -> Iterable[tuple[str, int]]:
    """Each line of code in a function, with the function's name."""
    for function, line in statements(text):
        for number in range(line[0].start[0], line[-1].end[0] + 1):
            yield function, number


@click.command()
@click.option("--seed", default=1, show_default=True, help="Which changes are drawn.")
@click.option("--count", default=SAMPLE, show_default=True, help="How many changes outside kernels.py.")
@click.option("--workers", default=proving.workers(), show_default="the processors", help="Judged at a time.")
@click.option("--only", default="", metavar="FILE", help="Only of this file below fastpath/.")
@click.option("--report", is_flag=True, help="Survivors that nobody has reviewed are no failure.")
@click.option("--json", "json_file", metavar="FILE", help='The facts as JSON; "-" is the standard output.')
def main(seed: int, count: int, workers: int, only: str, report: bool, json_file: str | None) -> None:
    """Change the fast path one piece at a time; theorems and the law must notice."""
    if json_file == "-":
        silence()
    try:
        code, facts = run(Wanted(seed, count, max(1, workers), only, report))
    except MutantsError as error:
        click.echo(f"mutants-fast: {error}.", err=True)
        sys.exit(TOOL_FAILED)
    except KeyboardInterrupt:
        click.echo("Interrupted: what was proved, and judged in earlier runs, is kept.", err=True)
        sys.exit(INTERRUPTED)
    write_facts(facts, json_file)
    sys.exit(code)


if __name__ == "__main__":
    main()
