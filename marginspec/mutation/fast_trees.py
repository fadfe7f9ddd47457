"""Where changes of the fast path are made, compiled and judged: a tree per worker."""

import hashlib
import os
import queue
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginspec.mutation.fast_judges import COMPILING, PROOFS
from marginspec.mutation.fast_places import Change
from marginspec.mutation.mutations import MutantsError, Mutation
from marginspec.mutation.trees import KILLED, SURVIVED, TIMED_OUT, Bench, Verdict, end, make_tree
from marginspec.paths import ROOT

QUICK = "-O0 -g0 -w"
"""How a changed source is compiled."""
SECONDS_OF_PROOFS, SECONDS_OF_COMPILED, SECONDS_OF_COMPILER = 120.0, 400.0, 600.0
"""After this a judge is stopped: what took a few seconds before does not end any more."""
BUILD = "import setuptools; setuptools.setup()"
JUDGED_BY = ("refmodel", "proofs", "fastpath", "marginspec", "tests", "spec/policies", "pyproject.toml")
"""What verdicts rest on."""
EQUAL = "equal"
"""Of a change: the theorem that a kernel is its rule is proved of the changed text as well."""
SOURCES = (".py", ".pyx", ".pxi", ".pxd", ".toml")


def compiled_sources(tree: Path) -> list[str]:
    """The sources of all compiled modules, below fastpath/, as the build names them."""
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    modules = project["tool"]["setuptools"]["ext-modules"]
    return sorted(source.removeprefix("fastpath/") for module in modules for source in module["sources"])


def sources_with(file: str, tree: Path) -> list[str]:
    """The compiled sources that are this file of the fast path, or include it."""
    folder = tree / "fastpath"
    found = []
    for name in compiled_sources(tree):
        path = folder / name
        included = os.path.relpath(folder / file, path.parent)
        if name == file or f'include "{included}"' in path.read_text(encoding="utf-8"):
            found.append(name)
    return found


def build_in(tree: Path, flags: str, link: str = "") -> None:
    """Build all compiled modules as an installation does, with more flags. Errors: as compile_in."""
    command = [sys.executable, "-W", "ignore", "-c", BUILD, "-q", "build_ext", "--inplace"]
    _run_compiler(tree, command, CFLAGS=flags, LDFLAGS=link)


def compile_in(tree: Path, name: str) -> None:
    """Compile one source of the fast path beside itself, quickly. Errors: MutantsError with what was said.

    By hand: a build in a folder with a pyproject.toml builds everything that this names.
    """
    source = Path("fastpath") / name
    translated, module = source.with_suffix(".c"), source.with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))
    translate = [sys.executable, "-m", "cython", "-3", "-I", ".", str(source), "-o", str(translated)]
    link = shlex.split(sysconfig.get_config_var("LDSHARED"))
    headers = f"-I{sysconfig.get_path('include')}"
    _run_compiler(tree, translate)
    _run_compiler(tree, [*link, "-fPIC", *QUICK.split(), headers, str(translated), "-o", str(module)])


def _run_compiler(tree: Path, command: Sequence[str], **more: str) -> None:
    process = subprocess.Popen(
        command,
        cwd=tree,
        env={**os.environ, **more},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, told = process.communicate(timeout=SECONDS_OF_COMPILER)
    except BaseException as error:
        end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise MutantsError(f"the compiler was stopped after {SECONDS_OF_COMPILER:.0f} s") from None
        raise
    if process.returncode != 0:
        words = told.decode(errors="replace")
        said = re.findall(r"^.*:[0-9]+: .*$", words, re.MULTILINE) or [words[-300:]]
        raise MutantsError(said[0].strip()[:300])


def fingerprint(folder: Path) -> str:
    """What verdicts rest on: the law, the fast path, and everything that judges it."""
    digest = hashlib.sha256()
    for part in JUDGED_BY:
        root = folder / part
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            about = path.parent.name == "mutation" and path.name not in ("judges.py", "fast_judges.py")
            if path.is_file() and path.suffix in SOURCES and not about:
                digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def copied(folder: Path, source: Path = ROOT) -> Path:
    """A copy of everything, the benches included, which tests of the fast path use; nothing compiled."""
    make_tree(folder, source)
    shutil.copytree(source / "tests" / "bench", folder / "tests" / "bench")
    for module in [*(folder / "fastpath").rglob("*.so")]:
        module.unlink()
    return folder


@dataclass(frozen=True, slots=True)
class About:
    """The theorems about a kernel.

    names  of all through whose lines the kernel runs, the quickest first
    own    of those that claim of this kernel that it is its rule
    """

    names: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


class FastBench(Bench):
    """The place where changes of the fast path are judged."""

    def __init__(
        self,
        folder: Path,
        workers: int,
        changes: Mapping[str, Change],
        theorems: Mapping[tuple[str, str], About],
        source: Path = ROOT,
    ) -> None:
        """changes by key of their mutation; theorems about each kernel, by its file and name."""
        self._trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._changes, self._theorems = changes, theorems
        self.law = copied(folder / "0", source) / "fastpath"
        build_in(self.law.parent, QUICK)
        for number in range(1, workers + 1):
            tree = folder / str(number)
            self._trees.put(Path(shutil.copytree(self.law.parent, tree)))

    def judge(self, mutation: Mutation, theorems: Sequence[str]) -> Verdict:
        """Make a change in a tree, ask the theorems about the kernel, compile it, ask the others."""
        began = time.monotonic()
        original = self.law / mutation.file
        text = original.read_text(encoding="utf-8")
        about = self._theorems.get((mutation.file, mutation.function), About())
        tree = self._trees.get()
        target = tree / "fastpath" / mutation.file
        built = sources_with(mutation.file, self.law.parent)
        answer: dict[str, Any] = {"judge": ""}
        try:
            target.write_text(self._changes[mutation.key].of(text), encoding="utf-8")
            if about.names:
                answer = self.ask(tree, {"theorems": list(about.names)}, SECONDS_OF_PROOFS)
            if about.own and not answer["judge"] and not answer["unasked"]:
                answer |= {"status": EQUAL, "red": about.own}
            elif not answer["judge"]:
                answer = self._compiled(tree, mutation.file, built)
        finally:
            shutil.copy2(original, target)
            for name in built:
                for module in (self.law / name).parent.glob(f"{Path(name).stem}.*.so"):
                    shutil.copy2(module, (tree / "fastpath" / name).parent / module.name)
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

    def _compiled(self, tree: Path, file: str, built: Sequence[str]) -> dict[str, Any]:
        try:
            for name in built:
                compile_in(tree, name)
        except MutantsError as error:
            return {"judge": COMPILING, "red": (), "detail": str(error), "unasked": ()}
        return self.ask(tree, {"theorems": [], "file": file}, SECONDS_OF_COMPILED)

    def ask_unchanged(self) -> dict[str, Any]:
        """What the judges of the compiled say of the fast path as it stands."""
        tree = self._trees.get()
        try:
            return self.ask(tree, {"theorems": [], "file": ""}, 2 * SECONDS_OF_COMPILED)
        finally:
            self._trees.put(tree)

    def ask(self, tree: Path, task: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Run the judges in a tree and return their answer."""
        answer, ending = self.asked("marginspec.mutation.fast_judges", tree, task, seconds)
        if "judge" in answer:
            return answer
        where = answer.get("judging", "starting")
        if ending.stopped and where == PROOFS:  # a theorem that takes longer has said nothing
            return {"judge": "", "red": (), "detail": "", "unasked": task["theorems"]}
        if ending.stopped:
            detail = f"stopped after {seconds:.0f} s"
            return {"judge": where, "red": (), "detail": detail, "unasked": (), "status": TIMED_OUT}
        detail = f"ended by itself with {ending.code}: {ending.last}"[:300]
        return {"judge": where, "red": (), "detail": detail, "unasked": ()}
