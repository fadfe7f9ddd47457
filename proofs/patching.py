"""Replacing functions, for a while, wherever the loaded modules hold them.

Used to put merging `max` and `min` into the rule modules, to let a contract answer in place of a rule,
to run a mutant, and to trace which rules a run reaches.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

PACKAGES = ("refmodel", "uncompiled", "proofs.theorems", "proofs.lemmas", "proofs.refutations")
"""Where rules and theorems live; `uncompiled` holds the kernels' source (machine.py)."""


def modules_of(packages: Sequence[str]) -> list[ModuleType]:
    """The loaded modules of some packages, the packages themselves included."""
    return [
        module
        for name, module in sorted(sys.modules.items())
        if module is not None and any(name == p or name.startswith(f"{p}.") for p in packages)
    ]


@contextmanager
def replaced(
    replacements: Sequence[tuple[Callable[..., Any], Callable[..., Any]]],
    packages: Sequence[str] = PACKAGES,
) -> Iterator[None]:
    """Replace functions by others while the block runs.

    replacements  pairs (original, replacement)
    packages      where to look: every module attribute that *is* the original, under whatever name, and
                  every value of a module-level dict (a dispatch table) that is
    Everything is put back on the way out, errors included.
    """
    by_identity = {id(original): replacement for original, replacement in replacements}
    undo: list[tuple[dict[Any, Any], Any, Any]] = []
    try:
        for module in modules_of(packages):
            tables = [value for value in vars(module).values() if type(value) is dict]
            for table in [vars(module), *tables]:
                for name, value in list(table.items()):
                    if id(value) in by_identity:
                        undo.append((table, name, value))
                        table[name] = by_identity[id(value)]
        yield
    finally:
        for table, name, value in reversed(undo):
            table[name] = value


@contextmanager
def added_names(names: Mapping[str, Any], packages: Sequence[str] = PACKAGES) -> Iterator[None]:
    """Add names, such as a `max` that hides the builtin, to modules that do not define them themselves."""
    added: list[tuple[dict[str, Any], str]] = []
    try:
        for module in modules_of(packages):
            for name, value in names.items():
                if name not in vars(module):
                    vars(module)[name] = value
                    added.append((vars(module), name))
        yield
    finally:
        for table, name in added:
            del table[name]
