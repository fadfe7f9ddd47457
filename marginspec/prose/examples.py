"""Worked examples: the tables of the chapters, run.

Four kinds, recognised by their headings; any other table is refused.

    event | outcome | a1 wallet ...     a scenario: events applied one after the other, from the genesis of
                                        a policy, with the state after each
    stage | rule | from | to | amount   what the last event of the scenario above has posted, as transfers
                                        (marginspec/ledger.py), under `The last event posts:`
    key | value | fault                 policies: one changed key a row, and where the rule then finds a fault
    notional (quanta) | ... | margin    a function: one column per argument, then the results

They are run in scenarios.py, policy_tables.py and function_tables.py. A column `why` is for people; how
values are written is in notation.py. Each difference is told with chapter, rule, line and both values.
"""

import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

from marginspec.prose.chapters import Table
from marginspec.prose.function_tables import check_function
from marginspec.prose.notation import ExampleError
from marginspec.prose.policy_tables import check_policies
from marginspec.prose.scenarios import check_postings, check_scenario
from refmodel import canonical, gap, validity  # noqa: F401 (imported, their rules are in the rulebook)
from refmodel.rulebook import RULES


def differences(table: Table) -> list[str]:
    """Everything in which a table and the law differ; empty if the law says the same.

    Each is one sentence with chapter, rule, line and both values; a cell that has no meaning counts.
    """
    names = [heading.name for heading in table.headings]
    check = check_function
    if names[:2] == ["event", "outcome"]:
        check = check_scenario
    elif names[:3] == ["key", "value", "fault"]:
        check = check_policies
    elif table.last is not None or names[:3] == ["stage", "rule", "from"]:
        check = check_postings
    elif "event" in names or {"key", "fault"} <= set(names):
        return [f"{table.place}: begins with `event | outcome`, or `key | value | fault`"]
    if table.rule not in RULES:
        return [f"{table.place}: no function implements {table.rule}"]
    found: list[str] = []
    try:
        called = _calls(lambda: check(table, found), RULES[table.rule])
    except ExampleError as error:
        return [*found, f"{table.place}: {error}"]
    if not called and table.last is None:  # the scenario of a table of postings is asked by itself
        name = RULES[table.rule].__name__
        found.append(f"{table.place}: no row reaches `{name}`, which implements the rule")
    return found


def refusals_shown(table: Table) -> set[tuple[str, str]]:
    """Which refusals a scenario shows: rule and reason of its outcome cells."""
    if [heading.name for heading in table.headings[:2]] != ["event", "outcome"]:
        return set()
    words = [row.cells[1].replace("`", "").split() for row in table.rows]
    return {(cell[0], cell[1]) for cell in words if len(cell) >= 2}


def _calls(action: Callable[[], None], function: Callable[..., Any]) -> bool:
    """Run an action, and say whether it called a function."""
    code = inspect.unwrap(function).__code__
    called = False

    def watch(frame: types.FrameType, event: str, _: Any) -> None:
        nonlocal called
        if frame.f_code is code:
            called = True

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        action()
    finally:
        sys.setprofile(before)
    return called
