"""Worked examples: the tables of the chapters, run.

Three kinds, recognised by their headings; any other table is refused.

    event | outcome | a1 wallet ...     a scenario: events applied one after the other, from the genesis of
                                        a policy, with the state after each
    key | value | fault                 policies: one changed key a row, and where the rule then finds a fault
    notional (quanta) | ... | margin    a function: one column per argument, then the results

A column `why` is for people; how values are written is in notation.py. Each difference is told with chapter,
rule, line and both values.
"""

import ast
import copy
import inspect
import json
import re
import sys
import textwrap
import tomllib
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from marginspec.chapters import Row, Setting, Settings, Table
from marginspec.errors import UnreadablePolicy
from marginspec.notation import WHOLE_NUMBER, ExampleError, comparable, plain, value_of, written
from marginspec.paths import POLICIES
from marginspec.policy_file import policy_from_text
from marginspec.story import ParseError, format_outcome, parse_event
from refmodel import canonical, gap, validity  # noqa: F401 (imported, their rules are in the rulebook)
from refmodel.liquidation_price import liquidation_price
from refmodel.margin import margin_initial, margin_maintenance, standing_of, status
from refmodel.outcome import Outcome, accept
from refmodel.policy import Policy
from refmodel.postings import OUTSIDE, bad_debt_of, books_gap, lots_gap, move
from refmodel.rulebook import RULES
from refmodel.state import Account, OpenOrders, Position, Venue, equity, genesis
from refmodel.venue import apply

UNITS = {"Quanta": "quanta", "Lots": "lots", "Ticks": "ticks", "Ppm": "ppm", "Millis": "ms"}
"""What a heading says in parentheses under an argument of this type."""
REMARK = "why"


def differences(table: Table) -> list[str]:
    """Everything in which a table and the law differ; empty if the law says the same.

    Each is one sentence with chapter, rule, line and both values; a cell that has no meaning counts.
    """
    names = [heading.name for heading in table.headings]
    check = _function_table
    if names[:2] == ["event", "outcome"]:
        check = _scenario
    elif names[:3] == ["key", "value", "fault"]:
        check = _policies
    elif "event" in names or {"key", "fault"} <= set(names):
        return [f"{table.place}: begins with `event | outcome`, or `key | value | fault`"]
    if table.rule not in RULES:
        return [f"{table.place}: no function implements {table.rule}"]
    found: list[str] = []
    try:
        called = _calls(lambda: check(table, found), RULES[table.rule])
    except ExampleError as error:
        return [*found, f"{table.place}: {error}"]
    if not called:
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


def _differ(table: Table, row: Row, name: str, law: str, chapter: str) -> str:
    """One difference, in words."""
    place = f"{table.path.stem} {table.rule} line {row.line}"
    return f"{place}: {name} is {law} in the law, {chapter} in the chapter"


# ------------------------------------------------------------------------------------- policies


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


def _policies(table: Table, found: list[str]) -> None:
    """Each row: a policy with one key changed; where this rule then finds faults."""
    columns = _columns(table, {"key", "value", "fault", REMARK})
    for row in table.rows:
        key, value = plain(row.cells[columns["key"]]), plain(row.cells[columns["value"]])
        changes = (*table.settings.changes, Setting(key, "=", value))
        policy = policy_of(Settings(table.settings.policy, changes))
        keys = [fault.key for fault in validity.faults(policy) if fault.rule == table.rule]
        law = ", ".join(dict.fromkeys(keys)) or "none"
        chapter = ", ".join(plain(name) for name in row.cells[columns["fault"]].split(", "))
        if law != chapter:
            found.append(_differ(table, row, "fault", law, chapter))


def _columns(table: Table, known: set[str]) -> dict[str, int]:
    """Positions of the columns by name, all of which are known."""
    names = {heading.name: position for position, heading in enumerate(table.headings)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ExampleError(f"no column is called {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    return names


# ------------------------------------------------------------------------------------- scenarios


def _scenario(table: Table, found: list[str]) -> None:
    """Events one after the other, and the state after each."""
    for heading in table.headings[2:]:
        unit = STATE_UNITS.get(state_word(heading.name), "")
        if heading.unit and heading.unit != unit:
            raise ExampleError(f"the unit of `{heading.name}` is {unit or 'none'}, not `{heading.unit}`")
    policy = policy_of(table.settings)
    broken = "; ".join(f"{fault.rule} {fault.key} is {fault.value}" for fault in validity.faults(policy))
    if broken:
        raise ExampleError(f"runs under a policy that is not valid: {broken}")
    venue = genesis(policy)
    for row in table.rows:
        try:
            outcome = _happen(venue, plain(row.cells[0]))
        except (ParseError, ExampleError) as error:
            raise ExampleError(f"line {row.line}: {error}") from None
        venue = outcome.venue
        law, chapter = format_outcome(outcome), plain(row.cells[1])
        if not _same_outcome(outcome, chapter):
            found.append(_differ(table, row, "outcome", law, chapter))
        for heading, cell in list(zip(table.headings, row.cells, strict=True))[2:]:
            if heading.name == REMARK:
                continue
            value = written(_state(venue, heading.name))
            if cell and not _same_text(value, plain(cell)):
                found.append(_differ(table, row, heading.name, value, plain(cell)))
    for position, heading in enumerate(table.headings):
        if not any(row.cells[position] for row in table.rows):
            raise ExampleError(f"nothing stands under {heading.name}")


def _happen(venue: Venue, text: str) -> Outcome:
    """What one line of a scenario leads to.

    text  an event of story.py; or `genesis`, which shows the venue before its first event; or
          `bad_debt cross 500`, which sets up a bad debt that an earlier default has left behind: that
          much is gone from custody
    """
    words = text.split()
    if words == ["genesis"]:
        return Outcome(venue, (), None)
    if words[:1] == ["bad_debt"]:
        if len(words) != 3 or words[1] not in venue.pools or not WHOLE_NUMBER.match(words[2]):
            raise ExampleError(f"a bad debt is set up by `bad_debt cross 500`: {text}")
        amount = int(words[2])
        if not 0 < amount <= venue.custody:
            raise ExampleError(f"bad debt of {amount:_} is gone from custody, which holds {venue.custody:_}")
        return accept(venue, move("FND-1", bad_debt_of(words[1]), OUTSIDE, amount))
    return apply(venue, parse_event(text, venue.clock))


def _same_outcome(outcome: Outcome, chapter: str) -> bool:
    """Whether an outcome is the one a cell says: each number in the cell is one of the refusal's."""
    words = chapter.split()
    if outcome.refusal is None or words == ["accepted"]:
        return outcome.refusal is None and words == ["accepted"]
    law = format_outcome(outcome).split()
    if words[:2] != law[:2]:
        return False
    return all(any(_same_text(said, known) for known in law[2:]) for said in words[2:])


def _same_text(one: str, other: str) -> bool:
    """Whether two texts are equal, however their digits are grouped."""
    return _ungrouped(one) == _ungrouped(other)


def _ungrouped(text: str) -> str:
    return re.sub(r"(?<=[0-9])_(?=[0-9])", "", " ".join(text.split()))


def _state(venue: Venue, name: str) -> Any:
    """What a column of a scenario is about."""
    match name.split():
        case ["custody"]:
            return venue.custody
        case ["clock"]:
            return venue.clock
        case ["digest"]:
            return canonical.digest(venue)
        case ["books_gap"]:
            return books_gap(venue)
        case ["lots_gap", market] if market in venue.policy.markets:
            return lots_gap(venue, market)
        case ["mark", market] if market in venue.policy.markets:
            return venue.marks.get(market)
        case [("fund" | "fee_pool" | "bad_debt") as amount, pool] if pool in venue.pools:
            return getattr(venue.pools[pool], amount)
        case [account, amount] if amount in ACCOUNT_AMOUNTS:
            held = venue.accounts.get(account)
            return None if held is None else ACCOUNT_AMOUNTS[amount](venue, held)
        case [account, amount, market] if amount in MARKET_AMOUNTS and market in venue.policy.markets:
            held = venue.accounts.get(account)
            return None if held is None else MARKET_AMOUNTS[amount](venue, held, market)
    raise ExampleError(f"no state is called `{name}`")


def state_word(name: str) -> str:
    """The word of a column's name that says what it is: `a1 wallet`, `fund cross`, `a1 size BTC-PERP`."""
    words = name.split()
    return next((word for word in words if word in STATE_UNITS), "")


STATE_UNITS = {
    **dict.fromkeys(("wallet", "equity", "initial", "maintenance", "cost", "books_gap"), "quanta"),
    **dict.fromkeys(("fund", "fee_pool", "bad_debt", "custody"), "quanta"),
    **dict.fromkeys(("size", "buys", "sells", "lots_gap"), "lots"),
    **dict.fromkeys(("mark", "liquidation_price"), "ticks"),
    "clock": "ms",
}
"""What a heading may say in parentheses."""

ACCOUNT_AMOUNTS: dict[str, Callable[[Venue, Account], Any]] = {
    "wallet": lambda venue, account: account.wallet,
    "owner": lambda venue, account: account.owner,
    "pool": lambda venue, account: account.pool,
    "equity": equity,
    "initial": margin_initial,
    "maintenance": margin_maintenance,
    "status": lambda venue, account: status(standing_of(venue, account), venue.policy.trigger),
}


def _held(account: Account, market: str) -> Position:
    return account.positions.get(market, Position(0, 0))


def _ordered(account: Account, market: str) -> OpenOrders:
    return account.orders.get(market, OpenOrders(0, 0))


def _liquidation_price(venue: Venue, account: Account, market: str) -> int | None:
    return liquidation_price(venue, account, market) if market in account.positions else None


MARKET_AMOUNTS: dict[str, Callable[[Venue, Account, str], Any]] = {
    "size": lambda venue, account, market: _held(account, market).size,
    "cost": lambda venue, account, market: _held(account, market).cost,
    "buys": lambda venue, account, market: _ordered(account, market).buys,
    "sells": lambda venue, account, market: _ordered(account, market).sells,
    "liquidation_price": _liquidation_price,
}


# ------------------------------------------------------------------------------------- functions


def _function_table(table: Table, found: list[str]) -> None:
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
                    found.append(_differ(table, row, heading.name, written(law), plain(cell)))
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
