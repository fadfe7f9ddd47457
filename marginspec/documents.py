"""Documents: JSON files read with care, and the traces, venues and policies that stand in them.

A file from outside may be cut off, hold keys twice, numbers that engines round differently, or nothing
but garbage. Everything here either answers with a whole value, or raises InputError and changes nothing.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginspec.errors import Flaw, InputError
from marginspec.policy_file import open_policy, read_text
from marginspec.validation import Repeated, Written, flaws_of, key_path
from refmodel.canonical import (
    canonical_text,
    event_document,
    event_from,
    policy_digest,
    policy_document,
    venue_document,
    venue_from,
)
from refmodel.events import Event
from refmodel.outcome import Refusal
from refmodel.policy import Liquidation, Market, Policy, Schedule, Tier, pools_of
from refmodel.postings import books_gap, lots_gap
from refmodel.state import CROSS, Account, Venue, backstop_of, equity, genesis

WORDS = ("null", "true", "false")
"""The words of JSON; a file that ends within one is cut off, and so is one with nothing left at all."""
TRACE_FORMAT = "marginspec-trace/1"
BYTES_MAX = 64_000_000
"""No trace is larger: a venue of a hundred thousand accounts fits."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What one event of a trace is to come to: accepted, or refused by this rule for this reason."""

    rule: str = ""
    reason: str = ""

    def agrees_with(self, refusal: Refusal | None) -> bool:
        """Whether an outcome is the expected one."""
        return ("", "") == (self.rule, self.reason) if refusal is None else self == expected(refusal)

    def __str__(self) -> str:
        return f"refused {self.rule} {self.reason}" if self.rule else "accepted"


def expected(refusal: Refusal | None) -> Expected:
    """What an outcome is, in the form in which traces keep it."""
    return Expected() if refusal is None else Expected(refusal.rule, refusal.reason)


@dataclass(frozen=True, slots=True)
class Trace:
    """A history: a policy, a venue under it, and the events that follow.

    found   a sentence that says what was found; empty if nothing was said
    seed    of the run that drew it
    expect  one for each event, or none at all
    digest  of the venue at the end, or empty
    """

    policy: Policy
    start: Venue
    events: tuple[Event, ...]
    found: str = ""
    seed: int | None = None
    expect: tuple[Expected, ...] = ()
    digest: str = ""


# Reading


def read_json(path: str | Path) -> Any:
    """What a JSON file holds; numbers that are not in quotes arrive as `Written`.

    Errors: InputError with the byte at which it ceases to be JSON.
    """
    source = str(path)
    text = read_text(Path(path), source, BYTES_MAX, InputError)
    decoder = json.JSONDecoder(
        parse_float=_number, parse_int=_number, parse_constant=_number, object_pairs_hook=_table
    )
    try:
        document = decoder.decode(text)
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode(errors="surrogatepass"))
        rest = text[error.pos :].strip()
        at_end = error.msg.startswith("Unterminated") or any(word.startswith(rest) for word in WORDS)
        problem = f"is not JSON: {error.msg[:1].lower()}{error.msg[1:].removesuffix(' starting at')}."
        repair = "The file seems to be cut off." if at_end else "Give a file that a JSON writer has made."
        place = f"byte {offset:_} (line {error.lineno}, column {error.colno})"
        raise InputError(source, Flaw(place, problem, repair)) from None
    except RecursionError:
        problem = "is nested too deeply to be read."
        raise InputError(source, Flaw("", problem, "No document of ours has more than six levels.")) from None
    if re.search(r"\\u[dD][89a-fA-F]", text):
        _refuse_half_characters(document, source)
    return document


def _number(text: str) -> Written:
    return Written(text, "a number without quotes" if text[-1].isdigit() else "not a number")


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) == len(pairs):
        return table
    repeated = Repeated(table)
    keys = [key for key, _ in pairs]
    repeated.keys_repeated = tuple(key for key in table if keys.count(key) > 1)
    return repeated


def _refuse_half_characters(document: Any, source: str) -> None:
    """Half of a surrogate pair is JSON, and no text: it has no digest."""
    try:
        json.dumps(document, ensure_ascii=False, default=repr).encode()
    except UnicodeEncodeError:
        problem = "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character."
        raise InputError(source, Flaw("", problem, "Write the character itself.")) from None


def read_trace(path: str | Path) -> Trace:
    """The trace in a file.

    Its policy may break rules of chapter 13: a trace may be there to show what that costs.
    Errors: InputError, with everything that keeps it from being read.
    """
    source = str(path)
    document = read_json(path)
    flaws = flaws_of(document, "trace")
    if flaws:
        raise InputError(source, *flaws)
    named = isinstance(document["policy"], str)
    policy = (
        open_policy(document["policy"]).policy
        if named
        else policy_from_canonical(document["policy"], source, "policy")
    )
    start = (
        genesis(policy)
        if document["start"] is None
        else venue_from_document(document["start"], policy, source, "start")
    )
    events = tuple(event_from(event) for event in document["events"])
    expect = tuple(
        Expected(outcome.get("rule", ""), outcome.get("reason", "")) for outcome in document.get("expect", ())
    )
    if "expect" in document and len(expect) != len(events):
        problem = f"has {len(expect)} outcomes for {len(events)} events."
        raise InputError(source, Flaw("expect", problem, "Write one outcome for each event, or none at all."))
    return Trace(
        policy=policy,
        start=start,
        events=events,
        found=document.get("found", ""),
        seed=int(document["seed"]) if "seed" in document else None,
        expect=expect,
        digest=document.get("digest", ""),
    )


def policy_from_canonical(document: dict[str, Any], source: str, key: str = "") -> Policy:
    """The policy that a canonical document (EVT-4) stands for, whether or not it breaks POL rules.

    document  one that satisfies the `policy` of spec/schema/trace.schema.json
    Errors: InputError if the schedules of a market have brackets that start elsewhere: the law reads both
    rates from one table.
    """
    numbers = (
        "transfer_rate",
        "fee_taker",
        "fee_maker",
        "venue_total_max",
        "positions_max",
        "takeover_trigger",
        "draw_period",
        "backstop_notional_max",
    )
    names = (
        "name",
        "asset",
        "trigger",
        "bad_debt_gate",
        "takeover_remainder",
        "adl_ranking",
        "adl_allocation",
        "payers",
    )
    markets = {name: _market_from(market) for name, market in document["markets"].items()}
    for name, market in markets.items():
        starts = [[tier.floor for tier in side.tiers] for side in (market.initial, market.maintenance)]
        if starts[0] and starts[1] and starts[0] != starts[1]:
            problem = "has tiers that start elsewhere than those of `initial`."
            where = f"{key}.markets.{name}.maintenance".lstrip(".")
            raise InputError(source, Flaw(where, problem, "Give both the same floors; a rise may be 0."))
    choices: dict[str, Any] = {name: document[name] for name in names}
    choices |= {number: int(document[number]) for number in numbers}
    return Policy(
        stages=tuple(document["stages"]),
        draw_limits={pool: int(limit) for pool, limit in document["draw_limits"].items()},
        isolated=tuple(document["isolated"]),
        markets=markets,
        **choices,
    )


def _market_from(document: dict[str, Any]) -> Market:
    numbers: dict[str, Any] = {key: int(value) for key, value in document.items() if isinstance(value, str)}
    schedules = {side: _schedule_from(document[side]) for side in ("initial", "maintenance")}
    terms = {key: int(value) for key, value in document["liquidation"].items() if key != "size"}
    liquidation = Liquidation(document["liquidation"]["size"], **terms)
    return Market(**{**numbers, **schedules, "liquidation": liquidation})


def _schedule_from(document: dict[str, Any]) -> Schedule:
    tiers = tuple(Tier(int(tier["floor"]), int(tier["rise"])) for tier in document["tiers"])
    return Schedule(document["kind"], tiers, int(document["base"]), int(document["factor"]))


def venue_from_document(
    document: dict[str, Any], policy: Policy, source: str, key: str = "", digest: str = ""
) -> Venue:
    """The venue that a document stands for, if events can lead to it under this policy.

    document  one that satisfies spec/schema/venue.schema.json
    key       where it stands in its file
    digest    of the policy, if it has been worked out already
    Errors: InputError with everything that no history leads to: another policy, a market without a mark,
    books that do not balance, an account that is bankrupt at rest.
    """
    flaws = tuple(_flaws_of_parts(document, policy, key, digest or policy_digest(policy)))
    if not flaws:
        venue = venue_from(document, policy)
        flaws = tuple(_flaws_of_whole(venue, key))
    if flaws:
        raise InputError(source, *flaws)
    return venue


def _place_below(key: str) -> Callable[..., str]:
    """The place of some keys, below the key at which a venue stands in its file."""
    return lambda *keys: key_path((key, *keys) if key else keys)


def _flaws_of_parts(document: dict[str, Any], policy: Policy, key: str, digest: str) -> Iterator[Flaw]:
    """What is wrong with the names in a venue."""

    at = _place_below(key)
    if document["policy"] != digest:
        problem = f"is not the digest of the policy {policy.name}."
        yield Flaw(at("policy"), problem, f"Write {digest}, or give the policy it belongs to.")
    if int(document["clock"]) < 0:
        yield Flaw(at("clock"), "is below 0.", "No event is earlier than 0.")
    pools = pools_of(policy)
    for pool in sorted({*pools} ^ {*document["pools"]}):
        problem = "is missing." if pool in pools else "is no pool of the policy."
        yield Flaw(at("pools", pool), problem, f"The pools are {', '.join(pools)}.")
    for pool in pools:
        if backstop_of(pool) not in document["accounts"]:
            repair = "Every pool has the backstop account that it began with (ACC-3)."
            yield Flaw(at("accounts", backstop_of(pool)), "is missing.", repair)
    for market, price in document["marks"].items():
        if market not in policy.markets or int(price) < 1:
            repair = "A mark is at least 1 tick, in a market of the policy (PRC-1)."
            yield Flaw(at("marks", market), f"is no mark of the policy: {price}.", repair)
    for name, account in document["accounts"].items():
        if account["pool"] not in pools:
            problem = f"is {account['pool']}, which is no pool of the policy."
            yield Flaw(at("accounts", name, "pool"), problem, f"The pools are {', '.join(pools)}.")
        for holding in ("positions", "orders"):
            for market in account[holding]:
                where = at("accounts", name, holding, market)
                if market not in policy.markets or market not in document["marks"]:
                    yield Flaw(where, "has no mark.", "Positions and orders need one (TRD-1).")
                if account["pool"] not in (CROSS, market):
                    repair = "An isolated account has only that one (TRD-3)."
                    yield Flaw(where, "is not the market of its pool.", repair)


def _flaws_of_whole(venue: Venue, key: str) -> Iterator[Flaw]:
    """What is wrong with the amounts in a venue."""

    at = _place_below(key)
    for name, account in venue.accounts.items():
        yield from _flaws_of_amounts(account, at("accounts", name))
        if equity(venue, account) < 0:
            problem = f"is bankrupt at rest: its equity is {equity(venue, account):_} quanta (INV-1)."
            yield Flaw(at("accounts", name), problem, "No event leads there.")
    for name, pool in venue.pools.items():
        if min(pool.fund, pool.fee_pool, pool.bad_debt, pool.drawn) < 0:
            repair = "Fund, fee pool, bad debt and drawn are at least 0."
            yield Flaw(at("pools", name), "has an amount below 0.", repair)
    if venue.custody < 0:
        yield Flaw(at("custody"), "is below 0.", "A venue cannot hold less than nothing.")
    if books_gap(venue) != 0:
        problem = f"differs by {books_gap(venue):_} quanta from what the venue owes (PST-2)."
        repair = "Custody and bad debt are wallets, less open costs, and all pools."
        yield Flaw(at("custody"), problem, repair)
    for market in venue.marks:
        if lots_gap(venue, market) != 0:
            problem = f"has {lots_gap(venue, market):_} more long than short lots (PST-3)."
            yield Flaw(at("marks", market), problem, "Each lot bought is sold by somebody.")


def _flaws_of_amounts(account: Account, where: str) -> Iterator[Flaw]:
    for market, position in account.positions.items():
        if position.size == 0 or position.size * position.cost < 0:
            repair = "No position has size 0; a long has a cost of at least 0, a short of at most 0."
            yield Flaw(f"{where}.positions.{market}", "is no position.", repair)
    for market, orders in account.orders.items():
        if min(orders.buys, orders.sells) < 0 or orders.buys == orders.sells == 0:
            repair = "Totals are at least 0, and not both 0."
            yield Flaw(f"{where}.orders.{market}", "are no open orders.", repair)


# Writing


def trace_document(
    policy: Policy | str,
    events: Sequence[Event],
    *,
    start: Venue | None = None,
    found: str = "",
    seed: int | None = None,
    expect: Sequence[Refusal | None] | None = None,
    digest: str = "",
) -> dict[str, Any]:
    """A trace as a document that read_trace reads back.

    policy  itself, or the name of one that ships
    start   None for a venue before its first event
    expect  the refusal of each event, None for one that is accepted
    """
    document: dict[str, Any] = {
        "format": TRACE_FORMAT,
        "policy": policy if isinstance(policy, str) else policy_document(policy),
        "start": "" if start is None else venue_document(start),
        "events": [event_document(event) for event in events],
    }
    if found:
        document["found"] = found
    if seed is not None:
        document["seed"] = seed
    if expect is not None:
        document["expect"] = [
            {"outcome": "accepted"}
            if refusal is None
            else {"outcome": "refused", "rule": refusal.rule, "reason": refusal.reason}
            for refusal in expect
        ]
    if digest:
        document["digest"] = digest
    plain: dict[str, Any] = json.loads(canonical_text(document))
    if start is None:
        plain["start"] = None
    return {key: plain[key] for key in document}


def write_json(path: Path, document: Any) -> None:
    """Write a document, whole or not at all."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half_written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half_written.write_text(text, encoding="utf-8")
        half_written.replace(path)
    finally:
        half_written.unlink(missing_ok=True)
