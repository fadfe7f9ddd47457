"""The trees: one per worker, in which a mutation is made, and the process that judges it there."""

import contextlib
import hashlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginspec.mutation.judges import JUDGES
from marginspec.mutation.mutations import MutantsError, Mutation, mutated_text
from marginspec.paths import ROOT

PARTS = ("refmodel", "proofs", "marginspec", "fastpath", "tests", "spec", "pyproject.toml")
"""What a judge needs to have around it."""
SECONDS_OF_CHEAP = 60.0
SECONDS_OF_DEAR = 150.0
"""After this a judge is stopped: what took a few seconds before does not end any more."""

KILLED, TIMED_OUT, SURVIVED = "killed", "timed out", "survived"


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


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process of judges ended: stopped because it took too long, or by itself; with its last words."""

    stopped: bool
    code: int
    last: str


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
    run = folder / "marginspec" / "mutation"
    reports = ("mutants.md", "mutants.toml", "fast-mutants.md", "fast-mutants.toml")
    apart = {*(folder / "spec" / name for name in reports), *run.glob("*.py")}
    apart.discard(run / "judges.py")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".md", ".toml", ".json") and path not in apart:
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
        answer, ending = self.asked("marginspec.mutation.judges", tree, task, seconds)
        if "judge" in answer:
            return answer
        where = answer.get("judging", "starting")
        if ending.stopped and task["dear"] and where == JUDGES[-1]:
            return {"judge": "", "red": (), "detail": "", "unasked": task["theorems"], "status": SURVIVED}
        detail = f"stopped after {seconds:.0f} s" if ending.stopped else f"ended by itself: {ending.last}"
        status = TIMED_OUT if ending.stopped else KILLED
        return {"judge": where, "red": (), "detail": detail, "unasked": (), "status": status}

    def asked(
        self, judges: str, tree: Path, task: dict[str, Any], seconds: float
    ) -> tuple[dict[str, Any], Ending]:
        """Run a module of judges in a tree: what it has written down until it ended, and how it ended."""
        answer_file = tree / "answer.json"
        answer_file.write_text("{}", encoding="utf-8")
        surroundings = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        with self._lock:
            if self._closed:
                raise MutantsError("the run is over")
            process = subprocess.Popen(
                [sys.executable, "-m", judges, str(answer_file)],
                cwd=tree,
                env=surroundings,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._running.add(process)
        stopped, said = False, b""
        try:
            _, said = process.communicate(json.dumps(task).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            stopped = True
            end(process)
            process.communicate()
        finally:
            with self._lock:
                self._running.discard(process)
        last = " ".join(said.decode(errors="replace").strip().splitlines()[-1:])
        answer: dict[str, Any] = json.loads(answer_file.read_text(encoding="utf-8") or "{}")
        return answer, Ending(stopped, process.returncode, last)

    def close(self) -> None:
        """End what still runs."""
        with self._lock:
            self._closed = True
            for process in self._running:
                end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process with everything it started; it leads a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
