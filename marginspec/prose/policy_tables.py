"""Worked tables of policies: one changed key a row, and where the rule then finds a fault."""

import copy
import json
import re
import tomllib
from collections.abc import Iterable
from functools import cache
from typing import Any

from marginspec.errors import UnreadablePolicy
from marginspec.paths import POLICIES
from marginspec.policy_file import policy_from_text
from marginspec.prose.chapters import Setting, Settings, Table
from marginspec.prose.notation import ExampleError, plain
from marginspec.prose.tables import REMARK, columns_of, difference
from refmodel import validity
from refmodel.policy import Policy


@cache
def policy_of(settings: Settings) -> Policy:
    """The policy of a table. Errors: ExampleError if a key does not exist."""
    document = _document(settings.policy, settings.changes)
    text = "\n".join(f"{_toml_text(key)} = {_toml_text(value)}" for key, value in document.items())
    try:
        return policy_from_text(text, f"{settings.policy}.toml with changes", settings.policy)
    except UnreadablePolicy as error:
        raise ExampleError(f"is no policy: {'; '.join(map(str, error.flaws))}") from None


def _toml_text(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, dict):
        members = (f"{_toml_text(key)} = {_toml_text(member)}" for key, member in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml_text(member) for member in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _document(name: str, changes: Iterable[Setting]) -> dict[str, Any]:
    """A policy file as a document, with some keys changed."""
    path = POLICIES / f"{name}.toml"
    if not path.is_file():
        raise ExampleError(f"no policy is called {name}")
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    for change in changes:
        if change.how == "like":
            *folder, last = _path(change.value)
            _set(document, change.key, copy.deepcopy(_step(_walk(document, folder), last, change.value)))
        else:
            _set(document, change.key, _toml_value(change.value))
    return document


def _path(key: str) -> list[str | int]:
    """A key path such as `markets.BTC-PERP.margin.brackets[0].initial`, in its steps."""
    steps: list[str | int] = []
    for name, index in re.findall(r"([^.\[\]]+)|\[([0-9]+)\]", key):
        steps.append(name or int(index))
    return steps


def _step(document: Any, step: str | int, key: str) -> Any:
    try:
        return document[step]
    except (KeyError, IndexError, TypeError):
        raise ExampleError(f"the policy has no key {key}") from None


def _walk(document: Any, steps: list[str | int]) -> Any:
    for step in steps:
        document = _step(document, step, ".".join(map(str, steps)))
    return document


def _set(document: dict[str, Any], key: str, value: Any) -> None:
    """Give a key of a policy document a value; the table it stands in exists."""
    *folder, last = _path(key)
    table = _walk(document, folder)
    if isinstance(table, list):
        _step(table, last, key)
    table[last] = value


def _toml_value(text: str) -> Any:
    """A value as it would stand in a policy file; a bare word is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def check_policies(table: Table, found: list[str]) -> None:
    """Each row: a policy with one key changed; where this rule then finds faults."""
    columns = columns_of(table, {"key", "value", "fault", REMARK})
    for row in table.rows:
        key, value = plain(row.cells[columns["key"]]), plain(row.cells[columns["value"]])
        changes = (*table.settings.changes, Setting(key, "=", value))
        policy = policy_of(Settings(table.settings.policy, changes))
        keys = [fault.key for fault in validity.faults(policy) if fault.rule == table.rule]
        law = ", ".join(dict.fromkeys(keys)) or "none"
        chapter = ", ".join(plain(name) for name in row.cells[columns["fault"]].split(", "))
        if law != chapter:
            found.append(difference(table, row, "fault", law, chapter))
