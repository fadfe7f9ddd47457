"""What surrounds a run of a theorem: the patches it needs, and a trace of the lines it executes."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path as FilePath
from types import FrameType
from typing import Any

from proofs.concrete import ClaimFails, ConcreteRun, FactFails, PremiseFails
from proofs.contracts import stand_ins
from proofs.machine import load_kernels
from proofs.patching import PACKAGES, added_names, replaced
from proofs.registry import Refutation, Theorem, symbols_of
from proofs.runs import PathDone, Run, TheoremError, running
from proofs.symbolic import MERGING

ROOT = FilePath(__file__).parent.parent


def packages_of(theorem: Theorem | Refutation) -> tuple[str, ...]:
    """The packages whose modules take part in a theorem."""
    return (*PACKAGES, theorem.function.__module__)


@contextmanager
def surroundings(theorem: Theorem | Refutation, *, merges: bool) -> Iterator[None]:
    """Contracts stand in for their rules, and max and min merge if asked for, while the block runs."""
    contracts = theorem.contracts if isinstance(theorem, Theorem) else ()
    packages = packages_of(theorem)
    if isinstance(theorem, Theorem) and theorem.kernels:
        load_kernels()
    with ExitStack() as stack:
        if merges:
            stack.enter_context(added_names(MERGING, packages))
        stack.enter_context(replaced(stand_ins(contracts), packages))
        yield


def run_body(theorem: Theorem | Refutation, run: Run) -> None:
    """Call the theorem's function with a symbol, or a value, for each of its parameters."""
    arguments = {name: run.symbol(name) for name in symbols_of(theorem.function)}
    lines: list[tuple[str, int]] = run.notes.setdefault("lines", [])
    with ExitStack() as cleanup, traced_lines(theorem.function.__code__.co_filename, lines):
        run.notes["packages"], run.notes["cleanup"] = packages_of(theorem), cleanup
        with suppress(PathDone):
            theorem.function(**arguments)


def run_concretely(
    theorem: Theorem | Refutation,
    given: Mapping[str, Any],
    model_unknowns: Sequence[tuple[int, bool]] | None = None,
    *,
    no_item: bool = False,
) -> ConcreteRun:
    """Run a theorem on plain integers and say how it ended. Errors of the code are the run's ending."""
    run = ConcreteRun(given, model_unknowns)
    run.no_item = no_item
    with surroundings(theorem, merges=False), running(run):
        try:
            run_body(theorem, run)
        except PremiseFails as stop:
            run.ending, run.detail = "premise", str(stop)
        except FactFails as stop:
            run.ending, run.detail = "fact", str(stop)
        except ClaimFails as stop:
            run.ending, run.detail = "claim", str(stop)
        except TheoremError as error:
            run.ending, run.detail, run.error = "error", str(error), error
        except Exception as error:
            run.ending, run.detail, run.error = "exception", describe(error), error
    return run


def describe(error: BaseException) -> str:
    """An exception of the code under proof, as a claim that failed."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


@contextmanager
def traced_lines(theorem_file: str, lines: list[tuple[str, int]]) -> Iterator[None]:
    """Note each line that is executed in the law, in the kernels and in the theorem's own file.

    The symbolic walk and the concrete run of its model must execute the same lines in the same order.
    """
    before = sys.gettrace()
    sys.settrace(_tracer(theorem_file, lines))
    try:
        yield
    finally:
        sys.settrace(before)


def _tracer(theorem_file: str, lines: list[tuple[str, int]]) -> Callable[[FrameType, str, Any], Any]:
    def note(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines.append((frame.f_code.co_filename, frame.f_lineno))
        return note

    def enter(frame: FrameType, _: str, __: Any) -> Any:
        filename = frame.f_code.co_filename
        if frame.f_code.co_name == "<module>":
            return None  # loading a module, which happens once
        return note if filename == theorem_file or _is_law(filename) else None

    return enter


@cache
def _is_law(filename: str) -> bool:
    file = FilePath(filename)
    return file.parent in (ROOT / "refmodel", ROOT / "fastpath")
