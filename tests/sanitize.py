"""`make sanitize`: the fast path under gcc's sanitizers of addresses and of undefined behaviour.

A copy of the project is compiled with both, and the tests of what is compiled run there. The first report
of either ends the run. Beforehand both are seen to work: an overflow outside a kernel's domain has to be
reported, and every compiled module has to check its addresses.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from marginspec.errors import BROKEN, HELD, UNREADABLE
from marginspec.mutation.fast_judges import test_files as files_of_tests
from marginspec.mutation.fast_trees import build_in, copied
from marginspec.paths import ROOT

TREE = ROOT / "build" / "sanitized"
SANITIZERS = "-fsanitize=address,undefined"
FLAGS = f"-O1 -g -w -fno-omit-frame-pointer {SANITIZERS} -fno-sanitize-recover=all"
LIBRARIES = ("libasan.so", "libubsan.so", "libstdc++.so")
"""Loaded before anything else: Python itself was compiled without them."""
SETTINGS = {
    "ASAN_OPTIONS": "detect_leaks=0",  # a leak cannot be told from what CPython keeps until it ends
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "PYTHONMALLOC": "malloc",  # so that each block of memory has an edge of its own
}
OVERFLOW = "from fastpath.kernels import position_value; position_value(2**62, 4, 1)"
MORE_TESTS = ("test_differential.py", "test_lockstep.py")


def main() -> int:
    """Compile, see that faults are reported, and run the tests; returns the exit code."""
    compiler = os.environ.get("CC", "gcc")
    libraries = [located(compiler, name) for name in LIBRARIES]
    if not all(libraries):
        print(f"make sanitize needs gcc on Linux with its sanitizers; {compiler} has none.", file=sys.stderr)
        return UNREADABLE
    shutil.rmtree(TREE, ignore_errors=True)
    copied(TREE, ROOT)
    print(f"compiling the fast path with {SANITIZERS}", flush=True)
    os.environ["CC"] = compiler
    build_in(TREE, FLAGS, link=SANITIZERS)
    unchecked = [path.name for path in TREE.rglob("*.so") if b"__asan_report_load8" not in path.read_bytes()]
    surroundings = {
        **os.environ,
        **SETTINGS,
        "LD_PRELOAD": " ".join(libraries),
        "PYTHONPATH": str(TREE),
    }
    planted = subprocess.run(
        [sys.executable, "-c", OVERFLOW], cwd=TREE, env=surroundings, capture_output=True, text=True
    )
    if unchecked or "signed integer overflow" not in planted.stderr or planted.returncode == 0:
        print(f"The sanitizers do not work here: {unchecked or planted.stderr}", file=sys.stderr)
        return BROKEN
    os.chdir(TREE)
    files = [*files_of_tests(), *(f"tests/{name}" for name in MORE_TESTS)]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *files, *sys.argv[1:]]
    return HELD if subprocess.run(command, env=surroundings).returncode == 0 else BROKEN


def located(compiler: str, library: str) -> str:
    """Where a library of the compiler lies; empty if it has none."""
    try:
        asked = subprocess.run([compiler, f"-print-file-name={library}"], capture_output=True, text=True)
    except OSError:
        return ""
    path = asked.stdout.strip()
    return path if Path(path).is_absolute() else ""


if __name__ == "__main__":
    sys.exit(main())
