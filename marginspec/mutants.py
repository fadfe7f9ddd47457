"""Mutants: the law changed in one place, and who notices.

First the named ones: each theorem refutes the broken rules that stand next to it. Then a seeded sample of
mutations of `refmodel/` by the operators of cosmic-ray. Each is judged in a tree of its own, by the worked
tables, the cases of venues, a short campaign, the fast path, the ladders of refusals, and the theorems about
the rules it touches. A survivor is either reviewed in spec/mutants.toml, with the reason, or a finding.
"""

import ast
import contextlib
import difflib
import functools
import hashlib
import importlib
import json
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from marginspec import proving
from marginspec.errors import BROKEN, HELD, INTERRUPTED, TOOL_FAILED
from marginspec.mutant_judges import JUDGES, identifiers_in
from marginspec.paths import ROOT, SPEC, runs_folder
from marginspec.screen import aligned, progress, say, silence, write_facts
from proofs.prover import Result
from proofs.registry import Replace, Theorem

HAND_MADE = (
    "a ceil for a floor",
    "a tier rate off by one",
    "a fee credited but not charged",
    "IM checked before the fee",
    "the trade's own gain counted",
    "a rebate from the pool",
)
"""The breaks that somebody would make by hand: each is a named mutant of a theorem, under this name."""
PARTS = ("refmodel", "proofs", "marginspec", "fastpath", "tests", "spec", "pyproject.toml")
"""What a judge needs to have around it."""
NOT_OPERATORS = ("core/NoOp", "core/RemoveDecorator")
"""Operators of cosmic-ray that change nothing a judge is asked about: @rule is the index of the law."""
SECONDS_OF_CHEAP = 60.0
SECONDS_OF_DEAR = 150.0
"""After this a judge is stopped: what took a few seconds before does not end any more."""
SAMPLE = 200
"""Mutations of a run; the page is written again by a run of at least as many."""
PAGE = SPEC / "mutants.md"
REVIEWS = SPEC / "mutants.toml"

KILLED, TIMED_OUT, SURVIVED = "killed", "timed out", "survived"


class MutantsError(Exception):
    """Why there is nothing to judge by, or to judge; one sentence."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of one place of the law.

    file        below refmodel, such as "margin.py"
    line        its first line, from 1
    function    the top-level function, class or name it stands in
    operator    of cosmic-ray
    occurrence  which of the operator's places in the file
    before      the lines changed, without their indentation
    rules       those it touches: of its function, or of the functions that call it
    """

    file: str
    line: int
    function: str
    operator: str
    occurrence: int
    before: str
    after: str
    rules: tuple[str, ...]

    @property
    def key(self) -> str:
        """What it is called in the results that are kept."""
        return f"{self.file}:{self.operator}:{self.occurrence}"

    @property
    def review(self) -> tuple[str, str, str, str]:
        """What a review of it is found by, wherever its line has moved."""
        return self.file, self.function, self.before, self.after


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a mutation; see Answer for the rest."""

    mutation: Mutation
    status: str
    judge: str
    red: tuple[str, ...]
    detail: str
    unasked: tuple[str, ...]
    seconds: float


# ------------------------------------------------------------------------------------- the law's names


class Names:
    """The top-level names of refmodel: which use which, and which implement rules."""

    def __init__(self, folder: Path) -> None:
        self.rules: dict[str, tuple[str, ...]] = {}
        self._named: dict[str, tuple[str, ...]] = {}
        self._users: dict[str, set[str]] = {}
        self._spans: dict[str, list[tuple[int, int, str]]] = {}
        for path in sorted(folder.glob("*.py")):
            self._spans[path.name] = []
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                self._read(path.name, node)

    def _read(self, file: str, node: ast.stmt) -> None:
        name = _name_defined_by(node)
        if not name:
            return
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)])
        self._spans[file].append((first, node.end_lineno or node.lineno, name))
        for decorator in decorators:
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "rule":
                self.rules[name] = tuple(
                    str(each.value) for each in decorator.args if isinstance(each, ast.Constant)
                )
        named: list[str] = []
        for each in ast.walk(without_words(node)):
            if isinstance(each, ast.Name) and each.id != name:
                self._users.setdefault(each.id, set()).add(name)
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                named += identifiers_in(each.value)
        self._named[name] = tuple(named)

    def at(self, file: str, line: int) -> str:
        """The name in whose definition a line stands; empty if none."""
        spans = self._spans[file]
        return next((name for first, last, name in spans if first <= line <= last), "")

    def rules_touched_by(self, name: str) -> tuple[str, ...]:
        """The rules of a function; of one without, those it names and those of the functions that call it."""
        found: dict[str, None] = {}
        seen, waiting = {name}, [name]
        while waiting:
            here = waiting.pop(0)
            if here in self.rules:
                found |= dict.fromkeys(self.rules[here])
                continue
            found |= dict.fromkeys(self._named.get(here, ()))
            for user in sorted(self._users.get(here, ())):
                if user not in seen:
                    seen.add(user)
                    waiting.append(user)
        return tuple(found)


def _name_defined_by(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return ""


class _Wordless(ast.NodeTransformer):
    """Takes away what no judge could notice: docstrings, annotations, decorators and aliases of types."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns, node.decorator_list = None, []
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign([node.target], node.value, lineno=node.lineno))

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if _is_alias(node.value) else self.generic_visit(node)


def _is_alias(node: ast.expr) -> bool:
    """Whether an expression is a type: a name, or names joined by an operator, each with a capital."""
    if isinstance(node, ast.BinOp):
        return _is_alias(node.left) and _is_alias(node.right)
    if isinstance(node, ast.Subscript):
        return _is_alias(node.value)
    return isinstance(node, ast.Name) and node.id[0].isupper() and not node.id.isupper()


def without_words(node: ast.AST) -> ast.AST:
    """A copy of a tree without what no judge could notice."""
    copy: ast.AST = _Wordless().visit(ast.parse(ast.unparse(node)))
    return copy


# ------------------------------------------------------------------------------------- the mutations


def cosmic_ray(module: str) -> Any:
    """A module of cosmic-ray, which is installed with the tools for tests only."""
    try:
        return importlib.import_module(f"cosmic_ray.{module}")
    except ImportError as error:
        raise MutantsError(
            "make mutants needs cosmic-ray, which makes the mutations: run `make mutants`, or pip install "
            f"'.[dev]' ({error})"
        ) from None


@functools.cache
def operators() -> Mapping[str, Any]:
    """The operators of cosmic-ray that need no arguments, by name."""
    plugins = cosmic_ray("plugins")
    classes = {name: plugins.get_operator(name) for name in plugins.operator_names()}
    return {
        name: made()
        for name, made in sorted(classes.items())
        if name not in NOT_OPERATORS and not made.arguments()
    }


def places_of(path: Path) -> list[tuple[tuple[int, int], str, int]]:
    """Every place of a file that an operator can change: where, which operator, its how-manieth place."""
    trees = cosmic_ray("ast")
    nodes = list(trees.ast_nodes(trees.get_ast_from_path(path)))
    return [
        (start, name, occurrence)
        for name, operator in operators().items()
        for occurrence, (start, _) in enumerate(
            place for node in nodes for place in operator.mutation_positions(node)
        )
    ]


def mutated_text(text: str, operator: str, occurrence: int) -> str | None:
    """The text with one place changed; None if that is no Python, or nothing that a judge could notice."""
    changed: str | None = cosmic_ray("mutating").mutate_code(text, operators()[operator], occurrence)
    if changed is None:
        return None
    try:
        after = ast.parse(changed)
    except SyntaxError:
        return None
    same = ast.dump(without_words(after)) == ast.dump(without_words(ast.parse(text)))
    return None if same else changed


def sample(folder: Path, seed: int, count: int, files: Iterable[str] | None = None) -> list[Mutation]:
    """Different mutations of the law, in an order that the seed alone decides.

    folder  of the law
    files   to take them from; all modules if none are named
    A place of the source is drawn first and then a change of it: a plus sign, which has eleven changes, is
    not drawn eleven times as often as a comparison.
    """
    names = Names(folder)
    chosen = sorted(files) if files is not None else [path.name for path in sorted(folder.glob("*.py"))]
    by_place: dict[tuple[str, tuple[int, int]], list[tuple[str, int]]] = {}
    for file in chosen:
        for start, operator, occurrence in places_of(folder / file):
            by_place.setdefault((file, start), []).append((operator, occurrence))
    places = sorted(by_place)
    drawn = random.Random(seed)
    found: list[Mutation] = []
    while places and len(found) < count:
        place = drawn.choice(places)
        changes = by_place[place]
        operator, occurrence = changes.pop(drawn.randrange(len(changes)))
        if not changes:
            places.remove(place)
        text = (folder / place[0]).read_text(encoding="utf-8")
        changed = mutated_text(text, operator, occurrence)
        if changed is not None:
            found.append(_described(place[0], text, changed, operator, occurrence, names))
    return found


def _described(file: str, text: str, changed: str, operator: str, occurrence: int, names: Names) -> Mutation:
    old, new = text.splitlines(), changed.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    blocks = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    first, last = blocks[0][1], blocks[-1][2]
    first_new, last_new = blocks[0][3], blocks[-1][4]
    name = names.at(file, first + 1)
    return Mutation(
        file=file,
        line=first + 1,
        function=name,
        operator=operator.removeprefix("core/"),
        occurrence=occurrence,
        before=" ".join(line.strip() for line in old[first:last]),
        after=" ".join(line.strip() for line in new[first_new:last_new]),
        rules=names.rules_touched_by(name),
    )


# ------------------------------------------------------------------------------------- the named mutants


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


# ------------------------------------------------------------------------------------- the trees


def make_tree(folder: Path, source: Path = ROOT) -> Path:
    """A copy of everything that a judge needs, as it is now."""
    for part in PARTS:
        if (source / part).is_dir():
            leave_out = shutil.ignore_patterns("__pycache__", "bench", ".hypothesis", "build", "*.c")
            shutil.copytree(source / part, folder / part, ignore=leave_out)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / part, folder / part)
    return folder


def fingerprint(folder: Path) -> str:
    """What verdicts rest on: the law and everything that judges it."""
    digest = hashlib.sha256()
    apart = {"mutants.py", "mutants.md", "mutants.toml"}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".md", ".toml", ".json") and path.name not in apart:
            digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


class Bench:
    """The place where mutations are judged: a tree per worker, and the processes that run in them."""

    def __init__(self, folder: Path, workers: int, source: Path = ROOT) -> None:
        self._trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False
        self.law = make_tree(folder / "0", source) / "refmodel"
        for number in range(1, workers + 1):
            self._trees.put(make_tree(folder / str(number), folder / "0"))

    def judge(self, mutation: Mutation, theorems: Sequence[str]) -> Verdict:
        """Make a mutation in a tree and ask the judges; theorems are those about its rules."""
        began = time.monotonic()
        original = self.law / mutation.file
        text = original.read_text(encoding="utf-8")
        changed = mutated_text(text, f"core/{mutation.operator}", mutation.occurrence)
        assert changed is not None
        tree = self._trees.get()
        target = tree / "refmodel" / mutation.file
        try:
            target.write_text(changed, encoding="utf-8")
            answer = self.ask(tree, {"dear": False, "rules": mutation.rules}, SECONDS_OF_CHEAP)
            if not answer["judge"]:
                answer = self.ask(tree, {"dear": True, "theorems": list(theorems)}, SECONDS_OF_DEAR)
        finally:
            shutil.copy2(original, target)
            self._trees.put(tree)
        status = answer.get("status") or (KILLED if answer["judge"] else SURVIVED)
        return Verdict(
            mutation,
            status,
            answer["judge"],
            tuple(answer["red"]),
            answer["detail"],
            tuple(answer["unasked"]),
            round(time.monotonic() - began, 1),
        )

    def ask_unchanged(self) -> dict[str, Any]:
        """What the cheap judges say of the law as it stands: nothing, or no verdict would mean anything."""
        tree = self._trees.get()
        try:
            return self.ask(tree, {"dear": False, "rules": []}, SECONDS_OF_CHEAP)
        finally:
            self._trees.put(tree)

    def ask(self, tree: Path, task: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Run the judges in a tree and return their answer."""
        answer_file = tree / "answer.json"
        answer_file.write_text("{}", encoding="utf-8")
        surroundings = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "marginspec.mutant_judges", str(answer_file)]
        with self._lock:
            if self._closed:
                raise MutantsError("the run is over")
            process = subprocess.Popen(
                command,
                cwd=tree,
                env=surroundings,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._running.add(process)
        status, said = "", b""
        try:
            _, said = process.communicate(json.dumps(task).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            status = TIMED_OUT
            _end(process)
            process.communicate()
        finally:
            with self._lock:
                self._running.discard(process)
        answer: dict[str, Any] = json.loads(answer_file.read_text(encoding="utf-8") or "{}")
        if "judge" in answer:
            return answer
        where = answer.get("judging", "starting")
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        if status == TIMED_OUT and task["dear"] and where == JUDGES[-1]:
            return {"judge": "", "red": (), "detail": "", "unasked": task["theorems"], "status": SURVIVED}
        detail = f"stopped after {seconds:.0f} s" if status else f"ended by itself: {' '.join(last)}"
        return {"judge": where, "red": (), "detail": detail, "unasked": (), "status": status or KILLED}

    def close(self) -> None:
        """End what still runs."""
        with self._lock:
            self._closed = True
            for process in self._running:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process with everything it started; it leads a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


# ------------------------------------------------------------------------------------- the run


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


def reviews(file: Path = REVIEWS) -> dict[tuple[str, str, str, str], str]:
    """Why each survivor that somebody has looked at is no finding."""
    if not file.is_file():
        return {}
    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("reviewed", [])
    keys = ("file", "function", "before", "after")
    wrong = [entry for entry in entries if set(entry) != {*keys, "why"} or not entry["why"].strip()]
    if wrong:
        raise MutantsError(f"a review in {file.name} has file, function, before, after and why: {wrong[0]}")
    return {(e["file"], e["function"], e["before"], e["after"]): e["why"] for e in entries}


# ------------------------------------------------------------------------------------- what is said of it


def counts_of(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many each judge killed, in the order in which they are asked."""
    killed = Counter(verdict.judge for verdict in verdicts if verdict.status == KILLED)
    return {judge: killed[judge] for judge in JUDGES if killed[judge]}


def _quoted(text: str) -> str:
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"


def page(
    verdicts: Sequence[Verdict], rows: Sequence[tuple[str, ...]], seed: int, known: Mapping[Any, str]
) -> str:
    """spec/mutants.md."""
    survivors = [verdict for verdict in verdicts if verdict.status == SURVIVED]
    stopped = sum(verdict.status == TIMED_OUT for verdict in verdicts)
    by_hand = [row for name in HAND_MADE for row in rows if row[1] == name]
    refuted = sum(row[4] == "refuted" for row in rows)
    lines = [
        "# Mutants",
        "",
        "The law with one thing wrong, and who notices. Written by `make mutants`; what is judged, and how,",
        "is in [marginspec/mutants.py](../marginspec/mutants.py).",
        "",
        "## Named mutants",
        "",
        f"{refuted} of {len(rows)} named mutants are refuted by their theorem. Those that somebody would",
        "make by hand:",
        "",
        "| mutant | theorem | rule that went red | status |",
        "|---|---|---|---|",
        *(f"| {row[1]} | {row[0]} | {row[3]} | {row[4]} |" for row in by_hand),
        "",
        "## A sample",
        "",
        f"{len(verdicts)} mutations of `refmodel/` by the operators of cosmic-ray, seed {seed}: "
        f"{len(verdicts) - len(survivors)} noticed, {len(survivors)} not.",
        "",
        "| noticed by | mutations |",
        "|---|---:|",
        *(f"| {judge} | {count} |" for judge, count in counts_of(verdicts).items()),
        *([f"| did not end, and was stopped | {stopped} |"] if stopped else []),
        "",
        "Each judge is asked only about what those above it let pass.",
        "",
        "## Survivors",
        "",
    ]
    if not survivors:
        lines += ["None.", ""]
    else:
        lines += ["| place | before | after | why nobody notices |", "|---|---|---|---|"]
    for verdict in sorted(survivors, key=lambda verdict: (verdict.mutation.file, verdict.mutation.line)):
        m = verdict.mutation
        why = known.get(m.review, "**not reviewed**")
        place = f"`{m.file}` line {m.line}, `{m.function}`"
        lines.append(f"| {place} | {_quoted(m.before)} | {_quoted(m.after)} | {why} |")
    return "\n".join(lines).rstrip() + "\n"


def _tell(verdicts: Sequence[Verdict], known: Mapping[Any, str]) -> int:
    """Print the sample's outcome; returns how many survivors nobody has reviewed."""
    stopped = sum(verdict.status == TIMED_OUT for verdict in verdicts)
    rows = [(judge, str(count)) for judge, count in counts_of(verdicts).items()]
    rows += [("did not end, and was stopped", str(stopped))] if stopped else []
    say(aligned(("noticed by", "mutations"), rows, right=(1,)))
    unreviewed = 0
    for verdict in sorted(verdicts, key=lambda verdict: (verdict.mutation.file, verdict.mutation.line)):
        if verdict.status != SURVIVED:
            continue
        mutation = verdict.mutation
        why = known.get(mutation.review)
        unreviewed += why is None
        rules = f" ({', '.join(mutation.rules)})" if mutation.rules else ""
        say(f"SURVIVED  refmodel/{mutation.file}:{mutation.line} {mutation.function}{rules}")
        say(f"  - {mutation.before}\n  + {mutation.after}")
        say(f"  {why or 'NOT REVIEWED: write a test that notices it, or say in spec/mutants.toml why not.'}")
        if verdict.unasked:
            say(f"  there was no time to ask {', '.join(verdict.unasked)}")
    return unreviewed


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
    unreviewed = _tell(verdicts, known)
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
