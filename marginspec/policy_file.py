"""Policy files: from TOML to a policy and back.

`read_policy` answers with a policy that passes every rule of chapter 13, or raises: UnreadablePolicy for a
file that is not a policy (all flaws at once), InvalidPolicy for one that breaks rules (all faults at once).
"""

import difflib
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginspec.errors import Flaw, InputError, InvalidPolicy, UnreadablePolicy
from marginspec.paths import POLICIES, shipped_policies
from marginspec.validation import decimal, flaws_of
from refmodel.policy import FRACTION, RESTORE, SQRT, Liquidation, Market, Policy, Schedule, tiers_from
from refmodel.validity import Fault, faults, rates_of

FORMAT = "marginspec-policy/1"
BYTES_MAX = 8_000_000
"""No policy file is larger; the largest that ships has a tenth of it."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy that could be read, and what rules it breaks.

    source  the file, as the user named it
    text    the whole file
    faults  empty for a policy under which the law may be run
    """

    source: str
    policy: Policy
    faults: tuple[Fault, ...]
    text: str


def read_policy(name_or_path: str | Path) -> Policy:
    """The policy of this name, or in this file.

    name_or_path  a policy that ships, such as "minimal", or the path of a TOML file
    Errors: UnreadablePolicy, InvalidPolicy.
    """
    file = open_policy(name_or_path)
    if file.faults:
        raise InvalidPolicy(file.source, file.policy, file.faults)
    return file.policy


def open_policy(name_or_path: str | Path) -> PolicyFile:
    """The same, with the faults of the policy as a value.

    Errors: UnreadablePolicy.
    """
    path, source = path_of(name_or_path)
    text = read_text(path, source, BYTES_MAX, UnreadablePolicy)
    policy = policy_from_text(text, source, path.stem)
    return PolicyFile(source, policy, faults(policy), text)


def path_of(name_or_path: str | Path) -> tuple[Path, str]:
    """Where a policy stands, and how to call it in messages.

    Errors: UnreadablePolicy if there is no such policy, with those that were perhaps meant.
    """
    text = str(name_or_path)
    is_name = isinstance(name_or_path, str) and re.fullmatch(r"[\w-]+", text) is not None
    if is_name and text in shipped_policies():
        return POLICIES / f"{text}.toml", f"{text}.toml"
    path = Path(name_or_path)
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    if exists:
        return path, text
    near = difflib.get_close_matches(text, shipped_policies(), n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    shipped = ", ".join(shipped_policies())
    raise UnreadablePolicy(
        text, Flaw("", "there is no such policy.", f"{meant}Give a file, or one that ships: {shipped}.")
    )


def read_text(path: Path, source: str, bytes_max: int, error: type[InputError]) -> str:
    """A whole file as text, if it is one.

    Errors: `error` for a file that cannot be opened, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as reason:
        why = (reason.strerror or "error").lower()
        raise error(source, Flaw("", f"cannot be opened: {why}.", "Give the path of a file.")) from None
    if len(content) > bytes_max:
        problem = f"is larger than {bytes_max:_} bytes, which no file of this kind is."
        raise error(source, Flaw("", problem, "Give another file; this one was not read."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        problem = f"is 0x{content[reason.start]:02x}, which is not UTF-8 text."
        repair = "Save the file as UTF-8, or give another one."
        raise error(source, Flaw(f"byte {reason.start:_}", problem, repair)) from None


def policy_from_text(text: str, source: str, name: str) -> Policy:
    """The policy that a TOML text stands for, whether or not it breaks rules of chapter 13.

    source  how to call the text in messages
    name    of the policy, unless the text names it
    Errors: UnreadablePolicy.
    """
    return policy_from_document(_parsed(text, source), source, name)


def policy_document_of(name_or_path: str | Path) -> dict[str, Any]:
    """The tables of a policy file as they stand there, for those who change a key and build the policy anew.

    Errors: UnreadablePolicy if there is no such file, or it is not TOML.
    """
    path, source = path_of(name_or_path)
    return {"name": path.stem, **_parsed(read_text(path, source, BYTES_MAX, UnreadablePolicy), source)}


def policy_from_document(document: dict[str, Any], source: str = "policy", name: str = "policy") -> Policy:
    """The policy that the tables of a file stand for, whether or not it breaks rules of chapter 13.

    Errors: UnreadablePolicy.
    """
    flaws = flaws_of(document, "policy")
    if flaws:
        raise UnreadablePolicy(source, *flaws)
    return _policy_from(document, name)


def _parsed(text: str, source: str) -> dict[str, Any]:
    """The tables of a TOML text; decimal numbers stay as they are written."""
    try:
        return tomllib.loads(text, parse_float=decimal)
    except tomllib.TOMLDecodeError as reason:
        message, _, place = str(reason).removesuffix(")").rpartition(" (at ")
        problem = f"is not TOML: {message[:1].lower()}{message[1:]}."
        repair = "spec/policies/minimal.toml is an example of the format."
        raise UnreadablePolicy(source, Flaw(f"{place},", problem, repair)) from None
    except RecursionError:
        raise UnreadablePolicy(
            source, Flaw("", "is nested too deeply to be read.", "No policy has more than five levels.")
        ) from None
    except ValueError:
        number = re.search(r"\d[\d_]{4000,}", text)
        where = _line_and_column(text, number.start()) if number else ""
        digits = f"{len(number.group()):_} digits" if number else "too many digits"
        raise UnreadablePolicy(
            source, Flaw(where, f"is a number of {digits}.", "No amount of the law has more than 40 digits.")
        ) from None


def _line_and_column(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"line {line}, column {column},"


def _policy_from(document: dict[str, Any], name: str) -> Policy:
    """The policy of a document that satisfies spec/schema/policy.schema.json."""
    insurance = document["insurance"]
    pools = ("cross", *document["isolated"])
    limits = dict.fromkeys(pools, insurance["draw_limit"]) | insurance.get("draw_limits", {})
    return Policy(
        name=document.get("name", name),
        asset=document["asset"],
        trigger=document["trigger"],
        bad_debt_gate=document["bad_debt_gate"],
        transfer_rate=document["transfer_rate"],
        fee_taker=document["fees"]["taker"],
        fee_maker=document["fees"]["maker"],
        venue_total_max=document["limits"]["venue_total_max"],
        positions_max=document["limits"]["positions_max"],
        stages=tuple(document["stages"]),
        takeover_trigger=document["takeover"]["trigger"],
        takeover_remainder=document["takeover"]["remainder"],
        draw_period=insurance["draw_period"],
        draw_limits=limits,
        backstop_notional_max=insurance["backstop_notional_max"],
        adl_ranking=document["adl"]["ranking"],
        adl_allocation=document["adl"]["allocation"],
        payers=document["payers"],
        isolated=tuple(document["isolated"]),
        markets={market: _market_from(table) for market, table in document["markets"].items()},
    )


def _market_from(table: dict[str, Any]) -> Market:
    return Market(
        multiplier=table["multiplier"],
        price_min=table["price_min"],
        price_max=table["price_max"],
        size_max=table["size_max"],
        band=table["band"],
        gap=table["gap"],
        touch_moves=table["touch_moves"],
        funding_cap=table["funding_cap"],
        initial=_schedule_from(table["margin"], "initial"),
        maintenance=_schedule_from(table["margin"], "maintenance"),
        liquidation=Liquidation(**table["liquidation"]),
    )


def _schedule_from(margin: dict[str, Any], side: str) -> Schedule:
    """One of the two schedules of a market: its brackets' rates, or its square-root parameters."""
    if margin[side] == SQRT:
        return Schedule(SQRT, base=margin[f"{side}_base"], factor=margin[f"{side}_factor"])
    return Schedule(margin[side], tiers_from(tuple((row["from"], row[side]) for row in margin["brackets"])))


# And back


def policy_text(policy: Policy, comment: str = "") -> str:
    """A policy as a TOML text that reads back as the same policy.

    comment  lines for the head of the file, without their #
    Errors: AssertionError if the two schedules of a market have brackets that start elsewhere: a file has
    one table of brackets for both.
    """
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += [
        f"format = {_quoted(FORMAT)}",
        f"name = {_quoted(policy.name)}",
        f"asset = {_quoted(policy.asset)}",
        f"trigger = {_quoted(policy.trigger)}",
        f"bad_debt_gate = {_quoted(policy.bad_debt_gate)}",
        f"transfer_rate = {policy.transfer_rate:_}",
        f"isolated = [{', '.join(_quoted(name) for name in policy.isolated)}]",
        f"stages = [{', '.join(_quoted(stage) for stage in policy.stages)}]",
        f"payers = {_quoted(policy.payers)}",
        "",
        "[takeover]",
        f"trigger = {policy.takeover_trigger:_}",
        f"remainder = {_quoted(policy.takeover_remainder)}",
        "",
        "[insurance]",
        f"draw_period = {policy.draw_period:_}",
        *_draw_limit_lines(policy),
        f"backstop_notional_max = {policy.backstop_notional_max:_}",
        "",
        "[adl]",
        f"ranking = {_quoted(policy.adl_ranking)}",
        f"allocation = {_quoted(policy.adl_allocation)}",
        "",
        "[fees]",
        f"taker = {policy.fee_taker:_}",
        f"maker = {policy.fee_maker:_}",
        "",
        "[limits]",
        f"venue_total_max = {policy.venue_total_max:_}",
        f"positions_max = {policy.positions_max:_}",
    ]
    if not policy.markets:
        lines += ["", "[markets]"]
    for name, market in policy.markets.items():
        lines += ["", *market_lines(name, market)]
    return "\n".join(lines) + "\n"


def _draw_limit_lines(policy: Policy) -> list[str]:
    """The limit of the cross pool for all, and what differs from it."""
    usual = policy.draw_limits.get("cross", 0)
    others = {pool: limit for pool, limit in policy.draw_limits.items() if limit != usual}
    lines = [f"draw_limit = {usual:_}"]
    if others:
        inside = ", ".join(f"{_key(pool)} = {limit:_}" for pool, limit in others.items())
        lines.append(f"draw_limits = {{ {inside} }}")
    return lines


def _key(name: str) -> str:
    """A name as a TOML key."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def market_lines(name: str, market: Market, units: str = "") -> list[str]:
    """The lines of one market.

    units  what stands behind `unit =`, for people; empty for none
    """
    key = _key(name)
    return [
        f"[markets.{key}]",
        *([f"unit = {units}"] if units else []),
        f"multiplier = {market.multiplier:_}",
        f"price_min = {market.price_min:_}",
        f"price_max = {market.price_max:_}",
        f"size_max = {market.size_max:_}",
        f"band = {market.band:_}",
        f"gap = {market.gap:_}",
        f"touch_moves = {market.touch_moves:_}",
        f"funding_cap = {market.funding_cap:_}",
        f"liquidation = {{ {_liquidation_terms(market.liquidation)} }}",
        f"[markets.{key}.margin]",
        f"initial = {_quoted(market.initial.kind)}",
        f"maintenance = {_quoted(market.maintenance.kind)}",
        *_margin_lines(market),
    ]


def _liquidation_terms(rules: Liquidation) -> str:
    """The terms of liquidation, those that the size rule reads among them."""
    terms = [f"size = {_quoted(rules.size)}", f"penalty = {rules.penalty:_}", f"band = {rules.band:_}"]
    if rules.size == FRACTION or rules.fraction or rules.whole_below:
        terms += [f"fraction = {rules.fraction:_}", f"whole_below = {rules.whole_below:_}"]
    if rules.size == RESTORE or rules.buffer:
        terms.append(f"buffer = {rules.buffer:_}")
    return ", ".join(terms)


def _margin_lines(market: Market) -> list[str]:
    lines = []
    rates: dict[str, list[int]] = {}
    floors: list[list[int]] = []
    for side, schedule in (("initial", market.initial), ("maintenance", market.maintenance)):
        if schedule.kind == SQRT:
            lines += [f"{side}_base = {schedule.base:_}", f"{side}_factor = {schedule.factor:_}"]
        else:
            rates[side] = rates_of(schedule)
            floors.append([tier.floor for tier in schedule.tiers])
    if not floors:
        return lines
    assert floors[0] == floors[-1], "both schedules of a market have the same brackets"
    rows = [
        [f"from = {floor:_},", *(f"{side} = {rates[side][index]:_}," for side in rates)]
        for index, floor in enumerate(floors[0])
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rates) + 1)] if rows else []
    lines.append("brackets = [")
    for row in rows:
        cells = " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"  {{ {cells.rstrip().removesuffix(',')} }},")
    lines.append("]")
    return lines


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
