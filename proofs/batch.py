"""All theorems at once: in parallel, slowest first, with what was proved before kept in a cache.

A cached result is valid as long as nothing it rests on has changed, taken coarsely: all of the law, the
whole proof core, all lemmas, the kernels' source, the theorem's own file, and the versions of the solver
and of Python. An undecided result is never kept. Each result is written the moment it arrives, so an
interrupted run keeps what it has.
"""

import hashlib
import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import cache
from pathlib import Path as FilePath
from typing import Any

import z3

from proofs.contracts import check_dependencies
from proofs.prover import Result, verify_theorem
from proofs.registry import THEOREMS, Theorem, load_all
from proofs.runs import TheoremError

ROOT = FilePath(__file__).parent.parent
CACHE = FilePath(".marginspec") / "proofs"


def prove_all(
    theorems: Iterable[Theorem],
    *,
    workers: int = 1,
    cache_dir: FilePath = CACHE,
    no_cache: bool = False,
    on_result: Callable[[Result, bool], None] = lambda result, was_cached: None,
) -> list[Result]:
    """Prove theorems and refute their mutants. Results come in the order of the theorems.

    workers    processes; with 1 everything runs in this one
    cache_dir  where results are kept; not read, but still written, with no_cache
    on_result  called with each result as it arrives, and whether it came from the cache
    Errors: KeyboardInterrupt passes through, after everything that had arrived was kept.
    """
    wanted = list(theorems)
    results: dict[str, Result] = {}
    seconds: dict[str, float] = {}
    for theorem in wanted:
        kept = _read(cache_dir, theorem.name)
        seconds[theorem.name] = kept["result"]["seconds"] if kept else float("inf")
        if kept and not no_cache and kept["key"] == cache_key(theorem):
            results[theorem.name] = _result_from(kept["result"])
            on_result(results[theorem.name], True)
    waiting = [theorem for theorem in wanted if theorem.name not in results]
    waiting.sort(key=lambda theorem: -seconds[theorem.name])  # unknown first, then the slowest
    for theorem, result in _run(waiting, workers):
        results[result.name] = result
        if result.status != "undecided":
            _write(cache_dir, theorem, result)
        on_result(result, False)
    return [results[theorem.name] for theorem in wanted]


def unsupported(theorems: Mapping[str, Theorem], results: Iterable[Result]) -> list[str]:
    """What a set of results leans on without support: empty, or the proofs do not add up.

    A contract has to be established by the theorem it names; a theorem given as a reason has to exist; no
    theorem may lean on itself.
    """
    by_name = {result.name: result for result in results}
    problems = []
    for name, result in by_name.items():
        for each in theorems[name].contracts:
            proof = by_name.get(each.proved_by)
            if proof is None or proof.status != "proved" or each.name not in proof.established:
                problems.append(f"{name} uses {each.name}, which {each.proved_by} has not established")
        known = {theorem.identifier for theorem in theorems.values()} | set(theorems)
        for kind, identifier in result.reasons:
            if kind == "theorem" and identifier not in known:
                problems.append(f"{name} assumes what {identifier} proves, and there is no such theorem")
    leans_on = {
        name: [identifier for kind, identifier in result.reasons if kind == "theorem"]
        for name, result in by_name.items()
    }
    try:
        check_dependencies(theorems, leans_on)
    except TheoremError as error:
        problems.append(str(error))
    return problems


def _run(theorems: Sequence[Theorem], workers: int) -> Iterator[tuple[Theorem, Result]]:
    if workers <= 1 or len(theorems) <= 1:
        for theorem in theorems:
            yield theorem, _verified(theorem)
        return
    # "spawn": the solver may have threads of its own, which a fork would leave behind half-way.
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupts) as pool:
        futures: dict[Future[Result], Theorem] = {
            pool.submit(_prove_by_name, theorem.module, theorem.name): theorem for theorem in theorems
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(multiprocessing.active_children()) - before:
                child.terminate()
            raise


def _verified(theorem: Theorem) -> Result:
    try:
        return verify_theorem(theorem)
    except TheoremError as error:
        return Result(theorem.name, "undecided", reason=str(error))


def _prove_by_name(module: str, name: str) -> Result:
    importlib.import_module(module)
    if name not in THEOREMS:
        load_all()
    return _verified(THEOREMS[name])


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means


# The cache


def cache_key(theorem: Theorem) -> str:
    """What a result rests on, as one hash."""
    own_file = sys.modules[theorem.module].__file__ or ""
    parts = [_everything_shared(), _hash_of([FilePath(own_file)]), theorem.name]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cache
def _everything_shared() -> str:
    files = [
        *sorted((ROOT / "refmodel").rglob("*.py")),
        *sorted((ROOT / "proofs").glob("*.py")),
        *sorted((ROOT / "proofs" / "lemmas").glob("*.py")),
        *sorted((ROOT / "fastpath").glob("*.py")),
    ]
    versions = f"{z3.get_version_string()} {sys.version_info.major}.{sys.version_info.minor}"
    return f"{versions} {_hash_of(files)}"


def _hash_of(files: Sequence[FilePath]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def _file(cache_dir: FilePath, name: str) -> FilePath:
    return cache_dir / f"{name}.json"


def _read(cache_dir: FilePath, name: str) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(_file(cache_dir, name).read_text())
        _result_from(kept["result"]), kept["key"], float(kept["result"]["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # missing, cut short or of another version: prove again
    return kept


def _write(cache_dir: FilePath, theorem: Theorem, result: Result) -> None:
    cache_dir.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"key": cache_key(theorem), "result": asdict(result)}, indent=1)
    handle, temporary = tempfile.mkstemp(dir=cache_dir, suffix=".part")
    with os.fdopen(handle, "w") as out:
        out.write(content)
    os.replace(temporary, _file(cache_dir, theorem.name))


def _result_from(fields: dict[str, Any]) -> Result:
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    for pairs in ("mutants", "reasons"):
        lists[pairs] = tuple((first, second) for first, second in fields[pairs])
    return Result(**{**fields, **lists})
