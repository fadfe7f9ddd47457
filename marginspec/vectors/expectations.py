"""Expectations: what the law answers to the `given` of a case, from refmodel alone.

A case of kind function calls the function of its rule, with arguments in the form of arguments.py.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from marginspec.conform.law_engine import answers, posting_rows
from marginspec.documents import policy_from_canonical, venue_from_document
from marginspec.errors import Flaw, InputError
from marginspec.vectors.arguments import ArgumentError, arguments_of, named_results, plain
from refmodel.canonical import digest, event_from
from refmodel.margin import standing_of, status
from refmodel.policy import Policy
from refmodel.rulebook import RULES
from refmodel.state import Account, Venue, genesis, is_backstop
from refmodel.validity import faults
from refmodel.venue import apply

FUNCTION, EVENT, QUERY, POLICY = "function", "event", "query", "policy"
KINDS = (FUNCTION, EVENT, QUERY, POLICY)

Document = Mapping[str, Any]
Answer = tuple[Document | None, Document | None]
"""What is expected, or the refusal; the other is None."""


def kind_of(given: Document) -> str:
    """The kind of a case, told by the keys of its `given`: one of KINDS."""
    if "event" in given and "venue" in given:
        return EVENT
    if "query" in given and "venue" in given:
        return QUERY
    return POLICY if isinstance(given.get("policy"), Mapping) else FUNCTION


def answer(
    rule: str, given: Document, policies: Mapping[str, Document], source: str = "", key: str = ""
) -> Answer:
    """What the law answers to the `given` of a case.

    given, policies  as spec/schema/vectors.schema.json describes them
    source, key      the file and the place of `given` in it, for messages
    Errors: InputError for a case that the law cannot be asked.
    """
    kind = kind_of(given)
    if kind == FUNCTION:
        return _answer_of_function(rule, given, source, key), None
    if kind == POLICY:
        return _answer_to_policy(policy_from_canonical(given["policy"], source, f"{key}.policy"))
    policy = _policy_of(given["policy"], policies, source)
    venue = read_below(f"{key}.venue", lambda: venue_from_document(given["venue"], policy, source))
    if kind == QUERY:
        return _answer_to_query(venue, given["query"], source, f"{key}.query"), None
    return answer_to_event(venue, given["event"])[1]


T = TypeVar("T")


def read_below(key: str, read: Callable[[], T]) -> T:
    """What is read there. Errors: InputError with places below this key of the file."""
    try:
        return read()
    except InputError as error:
        moved = [Flaw(f"{key}.{flaw.where}".rstrip("."), flaw.problem, flaw.repair) for flaw in error.flaws]
        raise InputError(error.source, *moved) from None


def _policy_of(name: str, policies: Mapping[str, Document], source: str) -> Policy:
    """One of a file's policies, under which the law may be run."""
    key = f"policies.{name}"
    policy = policy_from_canonical(dict(policies[name]), source, key)
    found = faults(policy)
    if found:
        problem = f"breaks {found[0].rule}: {found[0].key} is {found[0].value}."
        raise InputError(
            source, Flaw(key, problem, "Give policies that break rules as cases of kind policy.")
        )
    return policy


def _answer_of_function(rule: str, given: Document, source: str, key: str) -> Document:
    try:
        arguments = arguments_of(rule, given)
    except ArgumentError as error:
        raise InputError(
            source, Flaw(f"{key}.{error.key}".rstrip("."), error.problem, error.repair)
        ) from None
    try:
        returned = RULES[rule](**arguments)
    except (ArithmeticError, AssertionError, LookupError, RecursionError) as error:
        problem = f"is outside what {rule} is defined for: {type(error).__name__} {error}".rstrip()
        raise InputError(source, Flaw(key, f"{problem}.", f"marginspec explain {rule}")) from None
    return named_results(rule, returned)


def _answer_to_policy(policy: Policy) -> Answer:
    """A valid policy is answered with the digest of its venue before the first event (ACC-3, EVT-5)."""
    found = faults(policy)
    if not found:
        return {"digest": digest(genesis(policy))}, None
    first = found[0]
    refusal = {"rule": first.rule, "reason": RULES[first.rule].__name__}
    return None, {**refusal, "faults": [plain(fault) for fault in found]}


def _answer_to_query(venue: Venue, question: Document, source: str, key: str) -> Document:
    said = answers(venue, question)
    if "outcome" in said:
        raise InputError(
            source, Flaw(key, f"cannot be asked: {said['reason']}", "See spec/protocol.md, section 3.")
        )
    return said


def answer_to_event(venue: Venue, event: Document) -> tuple[Venue, Answer]:
    """The venue after an event, and what is expected of it, or the refusal.

    expected  all postings in the order of the law, the digest of the venue after, and its standings
    """
    outcome = apply(venue, event_from(dict(event)))
    if outcome.refusal is not None:
        return venue, (None, {"rule": outcome.refusal.rule, "reason": outcome.refusal.reason})
    expected = {
        "postings": posting_rows(outcome.postings),
        "digest": digest(outcome.venue),
        "after": standings(outcome.venue),
    }
    return outcome.venue, (expected, None)


def standings(venue: Venue) -> dict[str, dict[str, str]]:
    """Where every account of a venue stands, by name; backstops that hold nothing are left out."""
    found = {}
    for name, account in sorted(venue.accounts.items()):
        if is_backstop(name) and _holds_nothing(account):
            continue
        standing = standing_of(venue, account)
        found[name] = {
            "wallet": str(account.wallet),
            "equity": str(standing.equity),
            "margin_initial": str(standing.initial),
            "margin_maintenance": str(standing.maintenance),
            "status": status(standing, venue.policy.trigger),
        }
    return found


def _holds_nothing(account: Account) -> bool:
    return account.wallet == 0 and not account.positions and not account.orders
