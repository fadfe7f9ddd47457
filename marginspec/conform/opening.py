"""Opening an engine: a program, or a class or function of a Python module, named on the command line."""

import importlib
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from marginspec.conform.asked import Asked
from marginspec.conform.child import Child
from marginspec.conform.engine import Engine, InProcess, Misbehaviour
from marginspec.conform.judgement import Finding, Judgement
from marginspec.errors import Flaw, InputError


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an engine is started, as often as it is needed; small enough to be sent to a worker.

    command  a program and its arguments; empty for an engine in this process
    python   `pkg.module:Engine`; empty for a program
    timeout  seconds for an answer
    """

    command: tuple[str, ...]
    python: str
    timeout: float

    @property
    def words(self) -> str:
        """The end of a command line that names this engine."""
        return f"--python {self.python}" if self.python else f"-- {shlex.join(self.command)}"

    @contextmanager
    def opened(self, judgement: Judgement) -> Iterator[Asked]:
        """An engine, closed at the end; what is wrong with its end goes to the judgement.

        Errors: InputError if there is no such program or class.
        """
        if self.python:
            yield Asked(InProcess(python_engine(self.python)), self.timeout)
            return
        child = Child(self.command, self.timeout)
        with child:
            yield Asked(child)
            wrong = child.close()
        if wrong is not None:
            judgement.findings.append(finding_at_end(wrong))


def finding_at_end(wrong: Misbehaviour) -> Finding:
    """What an engine did instead of ending."""
    return Finding(wrong.kind, wrong.text, wrong.stderr, "", '{"do":"bye"}', None)


def python_engine(name: str) -> Callable[[], Engine]:
    """What `pkg.module:Engine` names. Errors: InputError if there is nothing of that name to be called."""
    module_name, colon, path = name.partition(":")
    form = "Write the module and the class or function, as in my_package.my_module:Engine."
    if not (module_name and colon and path):
        raise InputError(name, Flaw("", "is no name of an engine.", form))
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: object = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except Exception as error:
        problem = f"cannot be imported: {type(error).__name__}: {error}."
        raise InputError(name, Flaw("", problem, form)) from None
    if not callable(found):
        raise InputError(name, Flaw("", "is neither a class nor a function.", form))
    return cast(Callable[[], Engine], found)
