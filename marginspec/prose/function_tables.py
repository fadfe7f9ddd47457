"""Worked tables of a function: one column per argument, then the results."""

import ast
import inspect
import re
import textwrap
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from marginspec.prose.chapters import Table
from marginspec.prose.notation import ExampleError, comparable, plain, value_of, written
from marginspec.prose.tables import REMARK, difference
from refmodel.rulebook import RULES

UNITS = {"Quanta": "quanta", "Lots": "lots", "Ticks": "ticks", "Ppm": "ppm", "Millis": "ms"}
"""What a heading says in parentheses under an argument of this type."""


def check_function(table: Table, found: list[str]) -> None:
    """Each row: the arguments of the rule's function, and what it returns."""
    function = RULES[table.rule]
    signature = inspect.signature(function)
    kinds = typing.get_type_hints(function)
    units = _units(function)
    headings = {heading.name: position for position, heading in enumerate(table.headings)}
    missing = [name for name in signature.parameters if name not in headings]
    if missing:
        sentence = f"`{function.__name__}` takes {', '.join(signature.parameters)}"
        raise ExampleError(f"{sentence}; no column is called {', '.join(missing)}")
    results = [h for h in table.headings if h.name not in signature.parameters and h.name != REMARK]
    if not results:
        raise ExampleError("no column says what the function returns")
    for heading in table.headings:
        name = heading.name if heading.name in signature.parameters else "return"
        unit = units.get(name, "") if heading.name != REMARK and len(results) == 1 else ""
        if unit and heading.unit != unit:
            raise ExampleError(f"the unit of `{heading.name}` is {unit}, not `{heading.unit}`")
    for row in table.rows:
        try:
            arguments = {
                name: value_of(row.cells[headings[name]], kinds[name]) for name in signature.parameters
            }
            returned = function(**arguments)
            for heading in results:
                cell = row.cells[headings[heading.name]]
                if len(results) == 1:
                    law, kind = returned, kinds["return"]
                else:
                    law = _member(returned, heading.name)
                    kind = typing.get_type_hints(type(returned))[heading.name]
                chapter = value_of(cell, kind)
                if type(law) is not type(chapter) or comparable(law) != comparable(chapter):
                    found.append(difference(table, row, heading.name, written(law), plain(cell)))
        except ExampleError as error:
            raise ExampleError(f"line {row.line}: {error}") from None


def _member(returned: Any, name: str) -> Any:
    """One field of a result that has several."""
    if not is_dataclass(returned) or name not in {field.name for field in fields(returned)}:
        raise ExampleError(f"the result has no part `{name}`, and no argument is called so")
    return getattr(returned, name)


def _units(function: Callable[..., Any]) -> dict[str, str]:
    """The unit of each argument, and of `return`, as the function's source says it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    annotations = {argument.arg: argument.annotation for argument in tree.args.args}
    annotations["return"] = tree.returns
    found = {}
    for name, annotation in annotations.items():
        words = re.findall(r"\w+", ast.unparse(annotation)) if annotation is not None else []
        if words and words[0] in UNITS and set(words) <= {words[0], "None"}:
            found[name] = UNITS[words[0]]
    return found
