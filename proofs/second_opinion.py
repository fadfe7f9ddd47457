"""Asking CrossHair: the contracts of crosshair_contracts, checked in a process of their own.

CrossHair replaces builtins and traces the interpreter while it works, so it never runs in the process that
asks. A worker (`python -m proofs.second_opinion`) prints one line of JSON per contract.

Three honest answers: *confirmed* (every path was walked), *no counterexample* (searched as long as the
seconds lasted, which proves nothing) and *refuted* (with the arguments, run once more on plain integers).
A run says nothing at all, and raises, if a witness misses its premises, if a claim stands where CrossHair
takes it for a premise, if a canary is not refuted, or if CrossHair cannot read a contract: a silent
CrossHair is not a second opinion.
"""

import argparse
import ast
import importlib
import importlib.util
import inspect
import json
import os
import queue
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

CONTRACTS = "proofs.crosshair_contracts"
CONFIRMED = "confirmed"
NO_COUNTEREXAMPLE = "no counterexample"
REFUTED = "refuted"
START_SECONDS = 30.0
"""Time for a worker to start and to load CrossHair, on a slow machine."""

Progress = Callable[[int, int, str, str], None]
"""Called after each contract with: how many are done, of how many, its name, its answer."""


class SecondOpinionError(Exception):
    """Why a run says nothing: the tool is at fault, or a contract is."""


@dataclass(frozen=True, slots=True)
class Refuted:
    """A contract that does not hold.

    contract    its name
    values      the arguments, by name; empty if CrossHair's report of them could not be read
    message     CrossHair's own words
    reproduced  whether the plain function, called with these values, fails as well
    """

    contract: str
    values: Mapping[str, Any]
    message: str
    reproduced: bool

    def __str__(self) -> str:
        given = ", ".join(f"{name} = {value!r}" for name, value in self.values.items())
        return f"{self.contract}({given})" if given else f"{self.contract}: {self.message}"


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What CrossHair said.

    conditions         how many contracts it was asked about
    confirmed          those whose every path it walked
    no_counterexample  those it searched without finding one: not proved
    refuted            those it broke
    canaries           how many known-false contracts it refuted, as it must
    seconds            wall clock
    """

    conditions: int
    confirmed: tuple[str, ...]
    no_counterexample: tuple[str, ...]
    refuted: tuple[Refuted, ...]
    canaries: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing was refuted."""
        return not self.refuted


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of a worker: the contract, one of the three answers or a fault, and CrossHair's words."""

    contract: str
    answer: str
    message: str


def run_crosshair(
    on_progress: Progress | None = None,
    per_condition_seconds: float = 1.5,
    workers: int = 1,
    contracts: str = CONTRACTS,
) -> SecondOpinion:
    """Ask CrossHair about every contract, and about the canaries.

    on_progress            told after each contract
    per_condition_seconds  how long one contract may be searched
    workers                processes that share the contracts
    contracts              module, or path of a Python file, with CONTRACTS and CANARIES
    Errors: SecondOpinionError if the run says nothing.
    """
    began = time.monotonic()
    module = load(contracts)
    entries = {**module.CANARIES, **module.CONTRACTS}
    for name, entry in entries.items():
        refuse_without_claims(name, entry.function)
        refuse_without_premises(name, entry.function, entry.witness)

    answers: dict[str, Answer] = {}
    for answer in ask(contracts, tuple(entries), per_condition_seconds, workers):
        answers[answer.contract] = answer
        if on_progress is not None:
            on_progress(len(answers), len(entries), answer.contract, answer.answer)
        if answer.answer not in (CONFIRMED, NO_COUNTEREXAMPLE, REFUTED):
            raise SecondOpinionError(f"CrossHair could not check {answer.contract}: {answer.message}")

    for name in module.CANARIES:
        if answers[name].answer != REFUTED:
            raise SecondOpinionError(f"CrossHair is silent: it did not refute {name}, which is false")
    asked = [answers[name] for name in module.CONTRACTS]
    return SecondOpinion(
        conditions=len(asked),
        confirmed=tuple(answer.contract for answer in asked if answer.answer == CONFIRMED),
        no_counterexample=tuple(answer.contract for answer in asked if answer.answer == NO_COUNTEREXAMPLE),
        refuted=tuple(
            refutation(answer, entries[answer.contract].function)
            for answer in asked
            if answer.answer == REFUTED
        ),
        canaries=len(module.CANARIES),
        seconds=time.monotonic() - began,
    )


def load(contracts: str) -> ModuleType:
    """The module of contracts, by its name or by the path of its file."""
    if not contracts.endswith(".py"):
        return importlib.import_module(contracts)
    path = Path(contracts)
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


def refuse_without_claims(name: str, function: Callable[..., None]) -> None:
    """Raise unless a contract is premises, then a statement that is no assert, then claims.

    CrossHair takes all asserts at the head of a function for premises: a claim among them is never asked.
    """
    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(definition, ast.FunctionDef)
    premises, *rest = definition.body
    claims = [node for statement in rest for node in ast.walk(statement) if isinstance(node, ast.Assert)]
    if not isinstance(premises, ast.Assert) or not claims or isinstance(rest[0], ast.Assert):
        raise SecondOpinionError(
            f"{name} is not premises in one assert, a statement that is none, and claims"
        )


def refuse_without_premises(name: str, function: Callable[..., None], witness: Mapping[str, Any]) -> None:
    """Raise if the witness of a contract fails it: then its premises may exclude everything."""
    try:
        function(**witness)
    except AssertionError as error:
        raise SecondOpinionError(f"the witness of {name} does not meet it") from error


def ask(contracts: str, names: tuple[str, ...], seconds: float, workers: int) -> Iterable[Answer]:
    """The answers of the workers, as they come; every name is answered once, or this raises."""
    shares = [names[index::workers] for index in range(max(workers, 1)) if names[index::workers]]
    arrived: queue.Queue[Answer | str] = queue.Queue()
    started = [start(contracts, share, seconds, arrived) for share in shares]
    waiting = set(names)
    deadline = time.monotonic() + START_SECONDS + 3 * seconds * max(map(len, shares))
    try:
        while waiting:
            try:
                answer = arrived.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                silent = ", ".join(sorted(waiting))
                raise SecondOpinionError(f"CrossHair did not answer in time about {silent}") from None
            if isinstance(answer, str):
                raise SecondOpinionError(f"CrossHair stopped: {answer}")
            waiting.discard(answer.contract)
            yield answer
    finally:
        for worker in started:
            worker.kill()
            worker.wait()


def start(
    contracts: str, names: tuple[str, ...], seconds: float, arrived: "queue.Queue[Answer | str]"
) -> subprocess.Popen[str]:
    """A worker, with a thread that puts its answers, or its last words, into the queue."""
    root = str(Path(__file__).resolve().parent.parent)
    search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, "-m", "proofs.second_opinion", "--contracts", contracts]
    worker = subprocess.Popen(
        [*command, "--seconds", str(seconds), *names],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": search, "PYTHONHASHSEED": "0"},
    )

    def read() -> None:
        assert worker.stdout is not None
        assert worker.stderr is not None
        answered = 0
        for line in worker.stdout:
            try:
                arrived.put(Answer(**json.loads(line)))
            except (ValueError, TypeError):
                arrived.put(f"it printed {line.strip()!r}")
                return
            answered += 1
        if answered < len(names):
            words = worker.stderr.read().strip().splitlines()
            arrived.put(words[-1] if words else "without a word")

    threading.Thread(target=read, daemon=True).start()
    return worker


def refutation(answer: Answer, function: Callable[..., None]) -> Refuted:
    """A refuted contract, with the arguments that CrossHair reports, tried on the plain function."""
    values = values_of(answer.message, function)
    reproduced = False
    if values:
        try:
            function(**values)
        except Exception:
            reproduced = True
    return Refuted(answer.contract, values, answer.message, reproduced)


def values_of(message: str, function: Callable[..., None]) -> dict[str, Any]:
    """The arguments in a report such as "AssertionError: when calling f(1, b = 2)"; {} if there are none."""
    _, found, call = message.partition(f"when calling {function.__name__}(")
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    # The call ends at the first bracket with which it is an expression; more words may follow.
    for end, character in enumerate(call):
        if not found or character != ")":
            continue
        try:
            parsed = ast.parse(f"f({call[: end + 1]}", mode="eval").body
            assert isinstance(parsed, ast.Call)
            values = dict(zip(names, map(ast.literal_eval, parsed.args), strict=False))
            return {**values, **{str(key.arg): ast.literal_eval(key.value) for key in parsed.keywords}}
        except (SyntaxError, ValueError):
            continue
    return {}


def work(contracts: str, names: Iterable[str], seconds: float) -> None:
    """What a worker does: check each contract and print its answer."""
    from crosshair.core_and_libs import analyze_function, run_checkables
    from crosshair.options import AnalysisKind, AnalysisOptionSet
    from crosshair.statespace import MessageType

    answers = {MessageType.CONFIRMED: CONFIRMED, MessageType.CANNOT_CONFIRM: NO_COUNTEREXAMPLE}
    answers |= dict.fromkeys((MessageType.POST_FAIL, MessageType.POST_ERR, MessageType.EXEC_ERR), REFUTED)
    options = AnalysisOptionSet(
        analysis_kind=(AnalysisKind.asserts,), per_condition_timeout=seconds, report_all=True
    )
    module = load(contracts)
    entries = {**module.CANARIES, **module.CONTRACTS}
    for name in names:
        messages = list(run_checkables(analyze_function(entries[name].function, options)))
        messages.sort(key=lambda message: message.state is MessageType.CONFIRMED)
        if messages:
            worst = messages[0]
            answer = Answer(name, answers.get(worst.state, worst.state.value), worst.message)
        else:
            answer = Answer(name, "not read", "it found nothing to check")
        print(json.dumps(_document(answer)), flush=True)


def _document(answer: Answer) -> dict[str, str]:
    """An answer as one line of the protocol."""
    return {"contract": answer.contract, "answer": answer.answer, "message": answer.message}


def main() -> None:
    """The worker's command line."""
    parser = argparse.ArgumentParser(description="check contracts with CrossHair, one JSON line per contract")
    parser.add_argument("--contracts", default=CONTRACTS)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    work(arguments.contracts, arguments.names, arguments.seconds)


if __name__ == "__main__":
    main()
