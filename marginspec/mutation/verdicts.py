"""The verdicts of a run: judged on several benches at a time, kept line by line, gone on from later."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from typing import Any

from marginspec import proving
from marginspec.mutation.mutations import Mutation
from marginspec.mutation.trees import Bench, Verdict
from proofs.prover import Result


def kept_lines(file: Path, fingerprint: str) -> list[str]:
    """The lines that an earlier run has kept, if it judged the same law; one cut short is left out."""
    try:
        header, *lines = file.read_text(encoding="utf-8").splitlines()
        if json.loads(header) != {"fingerprint": fingerprint}:
            return []
    except (OSError, ValueError):
        return []
    return [line for line in lines if line.startswith("{") and line.endswith("}")]


def kept_verdicts(lines: Iterable[str], wanted: Sequence[Mutation]) -> dict[str, Verdict]:
    """What an earlier run found out about these mutations."""
    found: dict[str, Verdict] = {}
    by_key = {mutation.key: mutation for mutation in wanted}
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a line of another version: judged again
            document = json.loads(line)
            mutation = by_key[Mutation(**document.pop("mutation")).key]
            fields: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
            }
            found[mutation.key] = Verdict(mutation, **fields)
    return found


def judged(
    bench: Bench, wanted: Sequence[Mutation], results: Sequence[Result], file: Path, mark: str, workers: int
) -> Iterator[Verdict]:
    """The verdicts on mutations, those kept from an earlier run first; each new one is kept at once."""
    lines = kept_lines(file, mark)
    kept = kept_verdicts(lines, wanted)
    file.parent.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"fingerprint": mark})
    file.write_text("".join(f"{line}\n" for line in (header, *lines)), encoding="utf-8")
    yield from kept.values()
    pool = ThreadPoolExecutor(workers)
    running: set[Future[Verdict]] = set()
    waiting = iter([mutation for mutation in wanted if mutation.key not in kept])
    try:
        while True:
            while len(running) < workers:
                mutation = next(waiting, None)
                if mutation is None:
                    break
                running.add(pool.submit(bench.judge, mutation, theorems_about(mutation.rules, results)))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                verdict = each.result()
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(asdict(verdict)) + "\n")
                yield verdict
    finally:
        bench.close()
        pool.shutdown(wait=True, cancel_futures=True)


def theorems_about(rules: Sequence[str], results: Sequence[Result]) -> tuple[str, ...]:
    """The theorems that name a rule and are proved of the law as it stands, the quickest first."""
    about = {theorem.name for theorem in proving.all_theorems() if set(theorem.rules) & set(rules)}
    proved = [result for result in results if result.name in about and result.status == "proved"]
    return tuple(result.name for result in sorted(proved, key=lambda result: result.seconds))
