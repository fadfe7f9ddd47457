"""Replay: run a trace through the law, and say whether it comes out as the trace says."""

from dataclasses import dataclass
from typing import Any

from marginspec.documents import Expected, Trace, expected
from marginspec.errors import BROKEN, HELD
from marginspec.ledger import Transfer, transfers
from marginspec.prose.notation import written_place
from marginspec.screen import aligned, grouped, say
from marginspec.search.shrink import first_break
from marginspec.story import format_account, format_event, format_outcome
from refmodel.canonical import digest
from refmodel.events import Deposit
from refmodel.outcome import Outcome
from refmodel.state import Venue
from refmodel.validity import faults
from refmodel.venue import accounts_of, apply

TRANSFERS_SHOWN = 40
"""Rows of one table; the JSON has all."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A trace and what the law made of it.

    lines        one per event: the event as a story
    differences  sentences; empty if everything is as expected
    """

    trace: Trace
    lines: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    end: Venue
    differences: tuple[str, ...]


def run_trace(trace: Trace) -> Replayed:
    """Apply the events of a trace, one after the other, and ask every claim of the campaign after each."""
    venue = trace.start
    lines: list[str] = []
    outcomes: list[Outcome] = []
    differences: list[str] = []
    for number, event in enumerate(trace.events, start=1):
        lines.append(format_event(event, venue.clock))
        outcome = apply(venue, event)
        outcomes.append(outcome)
        venue = outcome.venue
        if trace.expect and not trace.expect[number - 1].agrees_with(outcome.refusal):
            wanted, got = trace.expect[number - 1], expected(outcome.refusal)
            differences.append(f"event {number}: the trace says {wanted}, the law says {got}")
    if not faults(trace.policy):
        found = first_break(trace.policy, trace.start, trace.events)
        if found is not None:
            claim = f"{found.violation.theorem} {found.violation.sentence}"
            differences.append(f"event {found.index + 1} breaks {claim}: {found.violation.detail}")
    end = digest(venue)
    if trace.digest and trace.digest != end:
        differences.append(f"digest: the trace says {trace.digest}, the law says {end}")
    return Replayed(trace, tuple(lines), tuple(outcomes), venue, tuple(differences))


def replay(source: str, trace: Trace) -> tuple[int, dict[str, Any]]:
    """Print a trace as a story, with what the law answers and what the waterfall posts, and compare.

    returns  the exit code, and the facts for --json
    """
    replayed = run_trace(trace)
    begins = "a venue before its first event" if not trace.start.marks else "a venue with a history"
    say(f"{source}: {grouped(len(trace.events))} events under the policy {trace.policy.name}, from {begins}")
    if trace.found:
        say(f"  Found   {trace.found}")
    if trace.seed is not None:
        say(f"  Seed    {trace.seed}")
    broken = sorted({fault.rule for fault in faults(trace.policy)}, key=lambda rule: int(rule[4:]))
    if broken:
        say(f"  Note    the policy breaks {', '.join(broken)}: the theorems do not speak of it")
    say()
    width = max((len(line) for line in replayed.lines), default=0)
    digits = len(str(len(trace.events)))
    for number, (line, outcome) in enumerate(zip(replayed.lines, replayed.outcomes, strict=True), start=1):
        answer = format_outcome(outcome) if outcome.refusal is None else f"refused {format_outcome(outcome)}"
        say(f"  {number:{digits}}   {line:<{width}}   {answer}")
    for number, outcome in enumerate(replayed.outcomes, start=1):
        _say_waterfall(number, outcome)
    say()
    for name in _named(replayed):
        say(f"  {name}: {format_account(replayed.end, name)}")
    say(f"  {digest(replayed.end)}")
    for difference in replayed.differences:
        say(f"DIFFERS  {difference}")
    if not replayed.differences and (trace.expect or trace.digest):
        say("Every outcome is as the trace says.")
    return (BROKEN if replayed.differences else HELD), _facts(source, replayed)


def staged(outcome: Outcome) -> tuple[Transfer, ...]:
    """Who pays whom in the stages of a waterfall, in their order; nothing if none has opened."""
    return tuple(transfer for transfer in transfers(outcome.postings) if transfer.stage)


def _say_waterfall(number: int, outcome: Outcome) -> None:
    """The postings of an event that closes somebody out, as transfers."""
    found = staged(outcome)
    if not found:
        return
    say()
    say(f"Event {number} posts, in the stages of the waterfall:")
    rows = [
        (
            transfer.stage,
            transfer.rule,
            written_place(transfer.payer),
            written_place(transfer.payee),
            grouped(transfer.amount),
            transfer.unit,
        )
        for transfer in found[:TRANSFERS_SHOWN]
    ]
    say(aligned(("stage", "rule", "from", "to", "amount", ""), rows, right=(4,)))
    if len(found) > TRANSFERS_SHOWN:
        say(f"  and {grouped(len(found) - TRANSFERS_SHOWN)} more; all of them with --json")


def _named(replayed: Replayed) -> list[str]:
    """The accounts that the events name, in their order, as far as they exist."""
    names: dict[str, None] = {}
    for event in replayed.trace.events:
        mentioned = (event.account,) if isinstance(event, Deposit) else accounts_of(event)
        names |= dict.fromkeys(name for name in mentioned if name in replayed.end.accounts)
    return list(names)


def _facts(source: str, replayed: Replayed) -> dict[str, Any]:
    outcomes = []
    for line, outcome in zip(replayed.lines, replayed.outcomes, strict=True):
        fact: dict[str, Any] = {"event": line, "outcome": "accepted"}
        if outcome.refusal is not None:
            seen: Expected = expected(outcome.refusal)
            numbers = {name: str(value) for name, value in outcome.refusal.numbers.items()}
            fact |= {"outcome": "refused", "rule": seen.rule, "reason": seen.reason, "numbers": numbers}
        waterfall = [_transfer_facts(transfer) for transfer in staged(outcome)]
        if waterfall:
            fact["waterfall"] = waterfall
        outcomes.append(fact)
    return {
        "trace": source,
        "policy": replayed.trace.policy.name,
        "ok": not replayed.differences,
        "events": outcomes,
        "digest": digest(replayed.end),
        "differences": list(replayed.differences),
    }


def _transfer_facts(transfer: Transfer) -> dict[str, str]:
    return {
        "stage": transfer.stage,
        "rule": transfer.rule,
        "from": written_place(transfer.payer),
        "to": written_place(transfer.payee),
        "amount": str(transfer.amount),
        "unit": transfer.unit,
    }
