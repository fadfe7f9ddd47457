"""Environments of foreign engines: each its own, made from a file of pinned requirements, below
build/adapters/."""

import subprocess
import sys
from pathlib import Path

from marginspec.paths import ROOT

FOLDER = ROOT / "build" / "adapters"
REQUIREMENTS = Path(__file__).with_name("requirements")
SECONDS = 900


class Unavailable(Exception):
    """An engine that cannot be had here; the text says why, in one sentence."""


def python_of(name: str) -> Path:
    """The Python of an engine's environment, which is made if there is none with these requirements.

    name  of a file in requirements/
    Errors: Unavailable, if pip cannot install what is pinned.
    """
    wanted = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    folder = FOLDER / name
    made, python = folder / "made-from.txt", folder / "bin" / "python"
    if not made.is_file() or made.read_text(encoding="utf-8") != wanted:
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], name)
        pinned = str(REQUIREMENTS / f"{name}.txt")
        _run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", pinned], name)
        made.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str], name: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stderr.splitlines() if line.startswith("ERROR")] or ["no reason"]
        raise Unavailable(f"{name} cannot be installed here: {said[-1]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{name} cannot be installed here: {type(error).__name__}") from error


def command_of(name: str, *arguments: str) -> tuple[str, ...]:
    """How an engine is started: its Python, and our code on its path, which then needs no installation.

    name       of the environment
    arguments  a module of this package, without its name, and what it takes
    Errors: Unavailable.
    """
    module, *rest = arguments
    path = f"PYTHONPATH={ROOT}"
    return ("env", path, str(python_of(name)), "-m", f"marginspec.adapters.{module}", *rest)
