"""Mutants: a rule with one piece of its source replaced, put in its place for a while."""

import ast
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from proofs.patching import PACKAGES, modules_of, replaced
from proofs.registry import Replace
from proofs.runs import TheoremError
from proofs.source import MUTATED, source_of


@contextmanager
def mutated(mutant: Replace, packages: Sequence[str] = PACKAGES) -> Iterator[None]:
    """Run the block with the mutant in place of the rule, in every loaded module that holds it."""
    original = find_function(mutant.function, packages)
    with replaced([(original, compile_mutant(original, mutant))], packages):
        yield


def find_function(name: str, packages: Sequence[str] = PACKAGES) -> Callable[..., Any]:
    """The one function of this name, or of this `module.name`, defined in the packages.

    A kernel has the name of its rule, so a mutant of a kernel is written `kernels.name`.
    Errors: TheoremError if there is none, or more than one.
    """
    module_name, _, function_name = name.rpartition(".")
    searched = packages if module_name else [package for package in packages if package != "uncompiled"]
    found = {
        id(value): value
        for module in modules_of(searched)
        for value in [vars(module).get(function_name)]
        if inspect.isfunction(value)
        and value.__globals__ is vars(module)
        and (not module_name or module.__name__ == module_name or module.__name__.endswith("." + module_name))
    }
    if len(found) != 1:
        places = ", ".join(f.__module__ for f in found.values()) or "nowhere"
        raise TheoremError(f"mutant of {name}: it is defined {places}; name one function, as module.name")
    return next(iter(found.values()))


def compile_mutant(original: Callable[..., Any], mutant: Replace) -> Callable[..., Any]:
    """The mutated function, in the globals of the original.

    Errors: TheoremError if the old text does not occur exactly once, or the mutant does not parse.
    """
    source, first_line = source_of(original)
    if source.count(mutant.old) != 1 or mutant.old == mutant.new:
        raise TheoremError(
            f"mutant {mutant.name!r} of {mutant.function}: {mutant.old!r} occurs {source.count(mutant.old)} "
            "times in its source, and must occur once and be changed"
        )
    try:
        tree = ast.parse(source.replace(mutant.old, mutant.new))
    except SyntaxError as error:
        raise TheoremError(f"mutant {mutant.name!r} of {mutant.function} does not parse: {error}") from error
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise TheoremError(f"mutant {mutant.name!r}: {mutant.function} is not a plain function")
    definition.decorator_list = []  # @rule must not register a second implementation
    ast.increment_lineno(tree, first_line - 1)
    scope = original.__globals__
    rewrite: Callable[[ast.Module], ast.Module] = scope.get("__rewrite__", lambda tree: tree)
    made: dict[str, Any] = {}
    code = compile(ast.fix_missing_locations(rewrite(tree)), original.__code__.co_filename, "exec")
    exec(code, scope, made)
    function: Callable[..., Any] = made[definition.name]
    function.__module__ = original.__module__
    vars(function).update(vars(original))  # a kernel's C type
    setattr(function, MUTATED, (source.replace(mutant.old, mutant.new), first_line))
    return function
