"""The law with one file changed, beside the law as it is, in one process: what it answers to a vector."""

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

OURS = ("refmodel", "marginspec", "proofs")
"""Packages that are imported anew over a changed law: the law, and what may have read something out of it."""

Answer = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Any]
"""answering.answered: of a rule, a `given` and the policies of its file."""


class _Changed(Loader, MetaPathFinder):
    """Finds one module of the law, and loads another text in its place."""

    def __init__(self, module: str, text: str) -> None:
        self._module, self._text = module, text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname == self._module else None

    def exec_module(self, module: ModuleType) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of mutants such as `is` for `==`
            code = compile(self._text, self._module, "exec")
        exec(code, vars(module))


def changed_law(file: str, text: str) -> Answer:
    """What answers to vectors as the law would if this file had this text.

    file  below refmodel, such as "margin.py"
    text  its whole source
    Errors: whatever the changed text raises when it is imported.
    The modules that are in use stay in use: a second set of them is imported and kept by the answer alone.
    """
    finder = _Changed(f"refmodel.{file.removesuffix('.py')}", text)
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in OURS}
    for name in kept:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        answer: Answer = import_module("marginspec.vectors.answering").answered
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]
        sys.modules.update(kept)
    return answer
