"""The law and the engine on one venue, event by event: what differs between them, and by which rule.

Compared after every event: the refusal with its numbers, all postings, the accounts that either side says it
changed, pools, marks, clock and custody. Whoever plays a history asks for the digest now and then, and at its
end for the batch: the same events once more, as columns, through another engine.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from fastpath import domain
from fastpath.engine import REASONS, RULES, DomainError, Engine
from fastpath.engine.decoding import refusal_of
from marginspec.fast import PlainPosting, plain_postings
from refmodel.canonical import digest
from refmodel.events import Event, Prices
from refmodel.outcome import Outcome
from refmodel.state import Account, Pool, Venue
from refmodel.venue import apply

Maker = Callable[[Venue], Engine]
"""Makes the engine of a venue; raises DomainError for a venue outside the declared domain."""

DECLARED: Mapping[str, int] = {
    "amount": domain.AMOUNT_EVENT_MAX,
    "rate": domain.AMOUNT_EVENT_MAX,
    "lots": domain.LOTS_EVENT_MAX,
    "buys": domain.LOTS_EVENT_MAX,
    "sells": domain.LOTS_EVENT_MAX,
    "price": domain.PRICE_EVENT_MAX,
}
"""The largest number of each field of an event that the engine must be able to compute with."""
LEAST, MOST = -(2**63), 2**63 - 1

ACCOUNT_KINDS = ("wallet", "open_cost", "lots")


@dataclass(frozen=True, slots=True)
class Difference:
    """What the law and the engine do not agree on.

    what    `refusal`, `postings`, `touched`, `account`, `pools`, `marks`, `clock`, `custody`, `digest`,
            `declined`, `law failed`, `engine failed` or `batch`
    rule    which refused, or by which the first posting was made that differs or led there
    law     what the law says
    engine  what the engine says
    """

    what: str
    rule: str
    law: str
    engine: str

    def is_like(self, other: "Difference | None") -> bool:
        """Whether another history shows the same fault."""
        return other is not None and (self.what, self.rule) == (other.what, other.rule)


@dataclass(frozen=True, slots=True)
class Answer:
    """What both sides said to an event.

    outcome   the law's; None if the engine declined the event, which the law is then not asked
    postings  its postings as plain values
    """

    event: Event
    outcome: Outcome | None
    postings: tuple[PlainPosting, ...]


class Pair:
    """A venue of the law and the engine that holds the same.

    events    so far
    answers   to them, as far as there were any
    compared  how many refusals, postings, accounts and digests were
    declined  the field for which the engine declined the last event, or empty
    Errors: DomainError if the venue is outside the domain that the engine declares.
    """

    def __init__(self, venue: Venue, make: Maker) -> None:
        self.engine = make(venue)
        self.venue = venue
        self.events: list[Event] = []
        self.answers: list[Answer] = []
        self.compared: Counter[str] = Counter()
        self.declined = ""

    def step(self, event: Event) -> Difference | None:
        """Ask both what an event does; the first difference, or None."""
        before = self.venue
        self.declined = ""
        self.events.append(event)
        try:
            result = self.engine.apply(event)
        except DomainError as error:
            return self._after_declining(event, error)
        except Exception as error:
            return engine_failed(before, event, error)
        try:
            outcome = apply(before, event)
        except Exception as error:
            return Difference("law failed", "EVT", said(error), answer_of(result.refusal))
        self.venue = outcome.venue
        postings = plain_postings(outcome)
        self.answers.append(Answer(event, outcome, postings))
        try:
            return (
                self._refusals_differ(outcome, result.refusal)
                or self._postings_differ(postings, result.postings)
                or self._states_differ(before, postings)
            )
        except Exception as error:
            return engine_failed(before, event, error)

    def digests_differ(self) -> Difference | None:
        """Compare everything that both hold."""
        self.compared["digests"] += 1
        law, engine = digest(self.venue), self.engine.digest()
        if law == engine:
            return None
        last = self.answers[-1].postings if self.answers else ()
        return Difference("digest", last[-1][1] if last else "EVT-5", law, engine)

    def _after_declining(self, event: Event, error: DomainError) -> Difference | None:
        """What is wrong with an event that the engine does not compute: the venue is as it was, and why."""
        self.declined = field_of(error)
        self.answers.append(Answer(event, None, ()))
        if self.engine.digest() != digest(self.venue):
            told = f"changed by an event that it declined: {error}"
            return Difference("declined", rule_of(self.venue, event), "unchanged", told)
        if is_beyond(event) or is_strained(self.venue) or is_strained(apply(self.venue, event).venue):
            return None
        inside = "every number of the event and of the venue is well inside the declared domain"
        return Difference("declined", rule_of(self.venue, event), inside, str(error))

    def _refusals_differ(self, outcome: Outcome, fast: Any) -> Difference | None:
        law = outcome.refusal
        self.compared["refusals"] += law is not None
        if law is None and fast is None:
            return None
        if law is not None and fast is not None:
            ours = (law.rule, law.reason, dict(law.numbers))
            if ours == (fast.rule, fast.reason, fast.numbers) and are_plain(fast.numbers):
                return None
        rule = law.rule if law is not None else fast.rule
        return Difference("refusal", rule, answer_of(law), answer_of(fast))

    def _postings_differ(
        self, law: Sequence[PlainPosting], fast: Sequence[PlainPosting]
    ) -> Difference | None:
        self.compared["postings"] += len(law)
        if law == fast:
            return None
        return first_posting("postings", law, fast)

    def _states_differ(self, before: Venue, postings: Sequence[PlainPosting]) -> Difference | None:
        """Compare the accounts that either side changed, and all that belongs to no account."""
        after, engine = self.venue, self.engine
        touched = set(engine.touched())
        changed = set()
        for name, account in after.accounts.items():
            earlier = before.accounts.get(name)
            if account is not earlier and account != earlier:
                changed.add(name)
        if not changed <= touched:
            name = min(changed - touched)
            names = ", ".join(sorted(touched)) or "nobody"
            return Difference("touched", rule_for(postings, name), f"changed {name}", f"touched {names}")
        self.compared["accounts"] += len(touched)
        for name in touched:
            held, told = account_of(after.accounts.get(name)), engine.account_document(name)
            if held != told:
                return Difference("account", rule_for(postings, name), *apart(name, held, told))
        for name, pool in engine.pools_document().items():
            ours = pool_of(after.pools[name])
            if pool != ours:
                return Difference("pools", rule_for(postings, name), *apart(name, ours, pool))
        for what, law, fast in (
            ("marks", dict(after.marks), engine.marks()),
            ("clock", after.clock, engine.core.clock),
            ("custody", after.custody, engine.core.custody),
        ):
            if law != fast:
                rule = postings[-1][1] if postings else "EVT-1"
                return Difference(what, rule, str(law), str(fast))
        return None


# ------------------------------------------------------------------------------------- the batch


def batch_differs(start: Venue, answers: Sequence[Answer], make: Maker) -> Difference | None:
    """Put the events through another engine as columns, and compare with what was answered one by one.

    A batch ends with the event that the engine declines, if its numbers can be written into columns at all;
    the next begins after it.
    """
    try:
        return batches_differ(start, answers, make(start))
    except Exception as error:
        return Difference("batch", "EVT", "an answer", said(error))


def batches_differ(start: Venue, answers: Sequence[Answer], engine: Engine) -> Difference | None:
    """The events as one batch after the other, on an engine of the start."""
    position = 0
    while position < len(answers):
        end = position
        while end < len(answers) and answers[end].outcome is not None:
            end += 1
        part = answers[position:end]
        declined = end < len(answers) and can_be_encoded(engine, answers[end].event)
        difference = part_differs(engine, part, [answers[end].event] if declined else [])
        if difference is not None:
            return difference
        position = end + 1
    law, fast = digest_after(start, answers), engine.digest()
    return None if law == fast else Difference("batch", "EVT-5", law, fast)


def part_differs(engine: Engine, part: Sequence[Answer], declined: Sequence[Event]) -> Difference | None:
    """One batch: events that are answered, and perhaps one at the end that is declined."""
    result = engine.apply_batch(engine.encode([*(answer.event for answer in part), *declined]))
    count = len(part)
    if (result.applied, result.error is not None) != (count, bool(declined)):
        ours = f"{count} events answered, {len(declined)} declined"
        return Difference("batch", "EVT", ours, f"{result.applied} answered, then: {result.error}")
    lengths = np.diff(result.first_entry[: count + 1]).tolist()
    entries = engine.decode(result.entries)
    first = 0
    for number, answer in enumerate(part):
        assert answer.outcome is not None
        law = answer.outcome.refusal
        code, why = int(result.rule[number]), int(result.reason[number])
        if (law is not None or code) and (
            law is None
            or (law.rule, law.reason) != (RULES[code], REASONS[why][0])
            or refusal_of(engine.names, answer.event, code, why, result.numbers[number].tolist()).numbers
            != law.numbers
        ):
            told = (
                f"{RULES[code]} {REASONS[why][0]} {result.numbers[number].tolist()}" if code else "accepted"
            )
            return Difference("batch", law.rule if law is not None else RULES[code], answer_of(law), told)
        fast = entries[first : first + lengths[number]]
        if answer.postings != fast:
            return first_posting("batch", answer.postings, fast)
        first += lengths[number]
    return None


def can_be_encoded(engine: Engine, event: Event) -> bool:
    """Whether an event that is declined fits the columns of a batch."""
    try:
        engine.encode([event])
    except DomainError:
        return False
    return True


def digest_after(start: Venue, answers: Sequence[Answer]) -> str:
    """The law's digest after all answers."""
    for answer in reversed(answers):
        if answer.outcome is not None:
            return digest(answer.outcome.venue)
    return digest(start)


# ------------------------------------------------------------------------------------- the domain


def is_beyond(event: Event) -> bool:
    """Whether a number of an event is larger than what the engine declares that it computes with."""
    if isinstance(event, Prices):
        numbers = [event.time, *event.marks.values()]
        return not all(LEAST <= number <= MOST for number in numbers)
    for field in event.__dataclass_fields__:
        number = getattr(event, field)
        if type(number) is int and not LEAST <= number <= DECLARED.get(field, MOST):
            return True
    return False


def is_strained(venue: Venue) -> bool:
    """Whether a balance of a venue is beyond half of what the engine declares: an event may then pass it."""
    for account in venue.accounts.values():
        if abs(account.wallet) * 2 > domain.WALLET_MAX:
            return True
        if any(abs(position.cost) * 2 > domain.COST_MAX for position in account.positions.values()):
            return True
    debts = sum(pool.bad_debt for pool in venue.pools.values())
    funds = (max(pool.fund, pool.fee_pool) for pool in venue.pools.values())
    return bool(max(debts, *funds) * 2 > domain.POOL_MAX)


def field_of(error: DomainError) -> str:
    """The field of an error without the name that it belongs to."""
    return str(error.field).partition(".")[0].partition(" of ")[0]


# ------------------------------------------------------------------------------------- words and documents


def are_plain(numbers: Mapping[str, Any]) -> bool:
    """Whether all are whole numbers and texts of Python, and not of numpy, which a report cannot write."""
    return all(type(value) in (int, str) for value in numbers.values())


def account_of(account: Account | None) -> dict[str, Any] | None:
    """An account of the law in the form in which the engine tells it."""
    if account is None:
        return None
    return {
        "owner": account.owner,
        "pool": account.pool,
        "wallet": account.wallet,
        "positions": {
            market: {"size": held.size, "cost": held.cost} for market, held in account.positions.items()
        },
        "orders": {
            market: {"buys": resting.buys, "sells": resting.sells}
            for market, resting in account.orders.items()
        },
    }


def pool_of(pool: Pool) -> dict[str, int]:
    """A pool of the law in the form in which the engine tells it."""
    return {
        "fund": pool.fund,
        "fee_pool": pool.fee_pool,
        "bad_debt": pool.bad_debt,
        "draw_period": pool.draw_period,
        "drawn": pool.drawn,
    }


def apart(name: str, law: Any, fast: Any) -> tuple[str, str]:
    """Two documents of an account or a pool in words, as far as they differ."""
    ours, theirs = facts(law), facts(fast)
    keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    sides = (", ".join(f"{key} {side.get(key, 'absent')}".strip() for key in keys) for side in (ours, theirs))
    law_said, engine_said = sides
    return f"{name}: {law_said}", f"{name}: {engine_said}"


def facts(document: Any, key: str = "") -> dict[str, Any]:
    """A document as a flat table; the keys of what lies deeper follow one another."""
    if not isinstance(document, Mapping):
        return {key: document}
    return {
        deeper: value
        for name, member in document.items()
        for deeper, value in facts(member, f"{key} {name}".strip()).items()
    }


def first_posting(what: str, law: Sequence[PlainPosting], fast: Sequence[PlainPosting]) -> Difference:
    """The first posting that differs. law and fast are not equal."""
    for number, (ours, theirs) in enumerate(zip_longest(law, fast), start=1):
        if ours != theirs:
            rule = (ours or theirs)[1]
            told = (f"{number}. {posting_in_words(one)}" for one in (ours, theirs))
            return Difference(what, rule, *told)
    return Difference(
        what, law[0][1], f"{type(law).__name__} of postings", f"{type(fast).__name__} of postings"
    )


def posting_in_words(posting: PlainPosting | None) -> str:
    """A posting in one line: what it changes, and by which rule."""
    if posting is None:
        return "no posting"
    kind, rule, *rest = posting
    words = [kind, *rest] if kind != "posting" else rest
    told = (f"{word:_}" if isinstance(word, int) else word for word in words if word != "")
    return " ".join((rule, *told))


def rule_for(postings: Sequence[PlainPosting], name: str) -> str:
    """The rule of the last posting to an account or a pool; of the last of all if none is."""
    named = [posting for posting in postings if name in posting[2:5]]
    rules = [posting[1] for posting in (named or postings)]
    return str(rules[-1]) if rules else "EVT"


def rule_of(venue: Venue, event: Event) -> str:
    """The rule by which the law answers an event: which refuses, or makes its last posting."""
    try:
        outcome = apply(venue, event)
    except Exception:
        return "EVT"
    return outcome.refusal.rule if outcome.refusal is not None else outcome.postings[-1].rule


def engine_failed(venue: Venue, event: Event, error: Exception) -> Difference:
    """The engine raises what it does not declare."""
    return Difference("engine failed", rule_of(venue, event), "an answer", said(error))


def said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def answer_of(refusal: Any) -> str:
    """`accepted`, or the rule, the reason and the numbers of a refusal of either side."""
    if refusal is None:
        return "accepted"
    numbers = (
        f"{name}={value:_}" if isinstance(value, int) else f"{name}={value}"
        for name, value in refusal.numbers.items()
    )
    return " ".join((refusal.rule, refusal.reason, *numbers))
