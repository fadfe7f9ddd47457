"""What a case asks of the law, as the `given` of vectors (spec/vectors/README.md).

While an adapter runs, the functions of the law are listened to. A question that a venue can be asked over the
protocol becomes an event or a query, one of numbers alone a case of the rule's function, a policy a case of
kind policy. A venue at which no history arrives cannot be asked: then the numbers stand for it from which the
law decides.
"""

import functools
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from marginspec.documents import venue_from_document
from marginspec.errors import InputError
from marginspec.vectors.arguments import plain
from marginspec.vectors.expectations import Document, answer
from marginspec.vectors.functions import rules_of_plain_values
from refmodel import close_out, liquidation, margin, resolution, trading, validity, venue
from refmodel.canonical import canonical_text, event_document, policy_document, venue_document
from refmodel.close_out import Closing
from refmodel.events import (
    Deposit,
    Event,
    Funding,
    LiquidationFill,
    Order,
    Prices,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.liquidation_price import liquidation_price
from refmodel.numbers import ceil_div
from refmodel.policy import FRACTION, Policy
from refmodel.rulebook import RULES
from refmodel.state import Account, Venue, equity
from tests.cases import dydx_v4, dydx_v4_updates, law, natural_units, waterfall
from tests.cases.law import Adapter, Case

ADAPTERS = (natural_units, dydx_v4, dydx_v4_updates, waterfall)
RE_ENCODING = ("world_of", "account_of", "maintenance_ppm")
"""Functions of the adapters that build a venue: what they compute is no question."""
NO_QUESTIONS = ("NUM-2", "NUM-6", "EVT-4", "PST-1")
"""Rules of plain values that help the law everywhere, and decide nothing of a case."""
STEPS = ("MAR-1", "MAR-5", "MAR-6", "NUM-1", "NUM-3")
"""Rules that the law asks on the way to nearly everything: no question, unless a case asks it directly."""
DIVISIONS = ("NUM-1", "NUM-3")
"""Rules that also an adapter asks on the way, to divide."""
TERMS = ("MAR-1", "MAR-12")
"""Rules that tell the terms of a venue that is asked, and are no question beside it."""
RULE_OF_EVENT: Mapping[type, str] = {
    Deposit: "DEP-1",
    Withdraw: "WDR-4",
    Transfer: "TRF-2",
    Trade: "TRD-7",
    Prices: "RES-1",
    Funding: "FUN-3",
    LiquidationFill: "LIQ-5",
}
"""In whose file an accepted event stands; a refused one stands in that of the rule which refuses it."""


@dataclass(frozen=True, slots=True)
class Question:
    """A case of a vector file, without an id and an answer.

    policy      of the venue that is asked; None if there is none
    in_passing  whether it is only a step on the way to the question of the case
    """

    rule: str
    given: Document
    policy: Policy | None = None
    in_passing: bool = False


class CannotBeAsked(Exception):
    """Why a venue cannot be asked: what no history leads to, or what no valid policy has."""


Express = Callable[..., list[Question]]


# -------------------------------------------------------------------------------------- how questions are put


def of_function(rule: str) -> Express:
    """The question of a rule that takes plain values."""
    signature = inspect.signature(RULES[rule])

    def express(*arguments: Any, **named: Any) -> list[Question]:
        given = plain(dict(signature.bind(*arguments, **named).arguments))
        try:
            answer(rule, given, {})
        except InputError as error:
            raise CannotBeAsked(str(error)) from None
        return [Question(rule, given)]

    return express


def document_of(asked: Venue) -> Document:
    """A venue as a document. Errors: CannotBeAsked if the protocol never sends it."""
    wrong = [
        f"{fault.key} is {fault.value}, and {fault.rule} wants {fault.valid}"
        for fault in validity.faults(asked.policy)
    ]
    if wrong:
        raise CannotBeAsked(wrong[0])
    document: dict[str, Any] = json.loads(canonical_text(venue_document(asked)))
    try:
        venue_from_document(document, asked.policy, "")
    except InputError as error:
        first = error.flaws[0]
        raise CannotBeAsked(f"{first.where} {first.problem}") from None
    return document


def question_about(rule: str, asked: Venue, query: Document, in_passing: bool = False) -> list[Question]:
    """A query of the protocol."""
    given = {"venue": document_of(asked), "query": query}
    return [Question(rule, given, asked.policy, in_passing)]


def of_account(rule: str, *what: str, in_passing: bool = False) -> Express:
    """The query for what a function says of an account, and of a market if it takes one."""

    def express(asked: Venue, account: Account, market: str = "") -> list[Question]:
        names = [name for name, each in asked.accounts.items() if each == account]
        if not names:
            raise CannotBeAsked("the account is not in the venue")
        query = {"what": list(what), "account": names[0], **({"market": market} if market else {})}
        return question_about(rule, asked, query, in_passing)

    return express


def of_event(asked: Venue, event: Event) -> list[Question]:
    """An event, in the file of the rule that refuses it, or of what it is."""
    document = document_of(asked)
    refusal = venue.apply(asked, event).refusal
    rule = RULE_OF_EVENT[type(event)] if refusal is None else refusal.rule
    given = {"venue": document, "event": json.loads(canonical_text(event_document(event)))}
    return [Question(rule, given, asked.policy)]


def of_resolution(asked: Venue) -> list[Question]:
    """New prices, after which accounts are bankrupt that were not before."""
    return of_event(before_the_marks(asked), Prices(asked.clock, dict(asked.marks)))


def before_the_marks(asked: Venue) -> Venue:
    """The venue at other marks, at which nobody is bankrupt yet; as it is if nobody is.

    Errors: CannotBeAsked if one mark alone does not do it.
    """
    owned = {name: equity(asked, account) for name, account in asked.accounts.items()}
    bankrupt = [name for name in owned if owned[name] < 0]
    if not bankrupt:
        return asked
    for market, position in asked.accounts[bankrupt[0]].positions.items():
        lot_and_tick = asked.policy.markets[market].multiplier * abs(position.size)
        ticks = ceil_div(-owned[bankrupt[0]], lot_and_tick)
        mark = asked.marks[market] + (ticks if position.size > 0 else -ticks)
        earlier = replace(asked, marks={**asked.marks, market: mark})
        if mark >= 1 and all(equity(earlier, account) >= 0 for account in earlier.accounts.values()):
            return earlier
    raise CannotBeAsked(f"{bankrupt[0]} is bankrupt at rest (INV-1), and was so at any other mark")


def of_opposite(asked: Venue, closing: Closing, name: str) -> list[Question]:
    """The ranking of those who may be closed against a position."""
    side = "sell" if closing.side > 0 else "buy"
    query = {"what": ["ranking"], "market": closing.market, "side": side}
    return question_about("ADL-2", asked, query, in_passing=True)


def of_size(asked: Venue, account: Account, market: str, price: int) -> list[Question]:
    """The largest fill that is accepted, and the next, which is not."""
    lots = liquidation.closable_lots(asked, account, market, price)
    (name,) = (name for name, each in asked.accounts.items() if each == account)
    held = abs(account.positions[market].size)
    questions = []
    for size in (lots, lots + 1):
        event = LiquidationFill(asked.clock, name, "others", market, size, price)
        refusal = venue.apply(asked, event).refusal
        if size <= held:
            if (refusal.rule if refusal else "") != ("LIQ-2" if size > lots else ""):
                raise CannotBeAsked(f"a fill of {size} lots is refused by {refusal}")
            questions += [replace(each, rule="LIQ-2") for each in of_event(asked, event)]
    return questions


def of_pool(asked: Venue, name: str, market: str) -> list[Question]:
    """An order in a market that is not in the account's pool; nothing is asked if it is."""
    if trading.refuse_outside_pool(asked, name, market) is None:
        return []
    return of_event(asked, Order(asked.clock, name, market, 1, 0))


def of_policy(policy: Policy) -> list[Question]:
    """A whole policy, in the file of the first rule that it breaks, or of those that it is about."""
    found = validity.faults(policy)
    fractions = [terms.liquidation.size == FRACTION for terms in policy.markets.values()]
    valid = "POL-21" if any(fractions) else "POL-5"
    rule = found[0].rule if found else valid
    return [Question(rule, {"policy": json.loads(canonical_text(policy_document(policy)))})]


def questions() -> dict[Callable[..., Any], Express]:
    """Every function of the law that is listened to, and how its question is put."""
    plain_rules = [rule for rule in rules_of_plain_values() if rule not in NO_QUESTIONS]
    return {
        **{RULES[rule]: of_function(rule) for rule in plain_rules},
        venue.apply: of_event,
        equity: of_account("ACC-2", "equity"),
        margin.margin_maintenance: of_account("MAR-7", "margin_maintenance"),
        margin.margin_initial: of_account("MAR-8", "margin_initial"),
        margin.standing_of: of_account(
            "MAR-8", "equity", "margin_initial", "margin_maintenance", in_passing=True
        ),
        liquidation_price: of_account("MAR-14", "price_liquidation"),
        close_out.bankruptcy_price: of_account("CLO-5", "price_bankruptcy"),
        resolution.resolve: of_resolution,
        resolution.bankrupt_accounts: of_resolution,
        close_out.lots_opposite: of_opposite,
        liquidation.closable_lots: of_size,
        trading.refuse_outside_pool: of_pool,
        validity.faults: of_policy,
    }


# -------------------------------------------------------------------------------------------------- listening


class Listener:
    """What an adapter asks, in order.

    asked     by the adapter itself
    inside    by the law, on the way to an answer about a venue that cannot be asked
    reasons   why such venues cannot be asked
    """

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.inside: list[Question] = []
        self.reasons: list[str] = []
        self._deaf = 0
        self._within = 0

    def listening_to(
        self, function: Callable[..., Any], express: Express, steps: tuple[str, ...]
    ) -> Callable[..., Any]:
        """The function, with its questions kept; those of some rules are only steps."""

        @functools.wraps(function)
        def ask(*arguments: Any, **named: Any) -> Any:
            if self._deaf:
                return function(*arguments, **named)
            arguments = tuple(list(each) if isinstance(each, Iterator) else each for each in arguments)
            try:
                with self.deaf():
                    found = express(*arguments, **named)
            except CannotBeAsked as reason:
                self.reasons.append(str(reason))
                self._within += 1
                try:
                    return function(*arguments, **named)
                finally:
                    self._within -= 1
            kept = [replace(each, in_passing=each.in_passing or each.rule in steps) for each in found]
            (self.inside if self._within else self.asked).extend(kept)
            with self.deaf():
                return function(*arguments, **named)

        return ask

    def not_listening_to(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with nothing kept."""

        @functools.wraps(function)
        def quiet(*arguments: Any, **named: Any) -> Any:
            with self.deaf():
                return function(*arguments, **named)

        return quiet

    def at_the_edge(self, attempt: Callable[[int], bool], most: int) -> int:
        """`law.least_accepted`, of which the least that is accepted is kept, and the one below."""
        with self.deaf():
            least = law.least_accepted(attempt, most)
        assert attempt(least)
        assert least == 0 or not attempt(least - 1)
        return least

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Nothing is kept meanwhile."""
        self._deaf += 1
        try:
            yield
        finally:
            self._deaf -= 1


@contextmanager
def listened_to(listener: Listener) -> Iterator[None]:
    """Every module of the law and of the adapters calls what the listener listens to."""
    modules = [module for name, module in sorted(sys.modules.items()) if name.startswith("refmodel")]
    in_law, in_adapters = (
        {
            function: listener.listening_to(function, express, steps)
            for function, express in questions().items()
        }
        for steps in (STEPS, DIVISIONS)
    )
    in_adapters[law.least_accepted] = listener.at_the_edge
    for module in ADAPTERS:
        named = [getattr(module, name) for name in RE_ENCODING if hasattr(module, name)]
        in_adapters |= {function: listener.not_listening_to(function) for function in named}
    changed: list[tuple[ModuleType, str, Any]] = []
    for module in (*modules, *ADAPTERS):
        known = in_adapters if module in ADAPTERS else in_law
        for name, value in list(vars(module).items()):
            if inspect.isfunction(value) and value in known:
                changed.append((module, name, value))
                setattr(module, name, known[value])
    try:
        yield
    finally:
        for module, name, value in changed:
            setattr(module, name, value)


def questions_of(adapter: Adapter, case: Case) -> tuple[list[Question], list[str]]:
    """The questions of a case, none twice, and why others of it could not be asked.

    Where the adapter asks nothing else, the steps count, and else the numbers from which the law decides
    about a venue that cannot be asked.
    """
    listener = Listener()
    with listened_to(listener):
        adapter(case)
    direct = [question for question in listener.asked if not question.in_passing]
    of_a_venue = any(question.policy is not None for question in direct)
    for found in (
        [question for question in direct if not (of_a_venue and question.rule in TERMS)],
        listener.asked,
        listener.inside,
    ):
        if found:
            return [each for index, each in enumerate(found) if each not in found[:index]], listener.reasons
    return [], listener.reasons
