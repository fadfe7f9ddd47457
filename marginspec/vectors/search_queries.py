"""The search for query cases: `python -m marginspec.vectors.search_queries --add [RULE...]`.

Histories are drawn by a seed. Their venues are asked everything that spec/protocol.md lets one ask: as they
are, with an account's wallet put where its equity is at a margin or one quantum beside it, and with a mark at
the floor of a tier. What no case shows yet gets the plainest venue that does, in the file of the rule whose
word is asked, and in those of the rules that decide the answer (deciding.py). It only adds.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import click

from marginspec.conform.questions import answers
from marginspec.documents import policy_from_canonical
from marginspec.screen import say
from marginspec.vectors.covering import Feature, Watcher, watching
from marginspec.vectors.deciding import RULES, decided_by
from marginspec.vectors.drawn import Asked, cost, drawn_events, policy_key, policy_text, venue_text
from marginspec.vectors.edges import at_prices
from marginspec.vectors.expectations import QUERY, kind_of
from marginspec.vectors.files import Case, add_cases, read_vectors
from marginspec.vectors.plainer import balanced, is_sound, plainer
from marginspec.vectors.search_events import in_words, renamed
from refmodel.canonical import venue_from
from refmodel.margin import NOTHING_HELD, sqrt_rate, standing_of
from refmodel.policy import SQRT
from refmodel.state import Account, Venue, is_backstop

HISTORIES = 300
SEED = 2
EVERY = 9
"""Of the venues of a history one in so many is asked."""
EDGES_EVERY = 36
"""One in so many is put at its edges as well: no divisor of EVENTS, so that venues of every age are."""
SEARCHED_EVERY = 7
"""Of the questions whose answer is searched for by halving, each a dozen events, one in so many is asked."""

RULE_ASKED = {
    "wallet": "ACC-2",
    "equity": "ACC-2",
    "margin_initial": "MAR-8",
    "margin_maintenance": "MAR-7",
    "status": "MAR-11",
    "position": "TRD-6",
    "price_liquidation": "MAR-14",
    "price_bankruptcy": "CLO-5",
    "withdrawable": "WDR-3",
    "order_max": "ORD-1",
    "ranking": "ADL-2",
    "fund": "FND-1",
    "bad_debt": "FND-1",
    "fee_pool": "FEE-2",
}
"""The rule under which a case stands that asks this: the table of spec/protocol.md, and for what it leaves
open the rule that changes the amount."""

DECIDED = "decided"
"""A feature: a rule decides an answer, and how."""
WAITS = ("status", "equity", "margin_maintenance")
"""What is asked to know who waits and for how much (LIQ-7)."""

FLAGS = {
    "asked": {
        "why": "The rule takes the way that the case is named after.",
        "effect": "An engine that shows another value advises its users, or its own liquidations, wrongly.",
    },
    "boundary": {
        "why": "Equity is at a margin, or one quantum beside it, or a notional is at the floor of a bracket.",
        "effect": "An engine that is off by one comparison calls the account by another name, or closes it.",
    },
    "decides": {
        "why": "The answer is the work of this rule, which no word of the protocol names.",
        "effect": "An engine that has the rule wrong gives a wrong answer under another name.",
    },
    "telltale": {
        "why": "A change of one place in the law shows here.",
        "effect": "An engine with such a fault is noticed by this case, and by few others.",
    },
}
"""Of cases that ask about a venue."""


@dataclass(frozen=True, slots=True)
class Question:
    """One word that is asked about a venue, and with what.

    key   of the venue's policy
    """

    venue: Venue
    key: str
    what: str
    names: tuple[tuple[str, str], ...]

    @property
    def document(self) -> dict[str, Any]:
        """As it stands in a case."""
        return {"what": [self.what], **dict(self.names)}


def questions_about(venue: Venue, key: str) -> Iterator[Question]:
    """Everything that can be asked about a venue."""

    def ask(what: str, **names: str) -> Question:
        return Question(venue, key, what, tuple(names.items()))

    for name, account in venue.accounts.items():
        for what in ("equity", "margin_initial", "margin_maintenance", "status", "withdrawable", "wallet"):
            yield ask(what, account=name)
        for market in venue.marks:
            if market in account.positions:
                for what in ("position", "price_liquidation", "price_bankruptcy"):
                    yield ask(what, account=name, market=market)
            for side in ("buy", "sell") if not is_backstop(name) else ():
                yield ask("order_max", account=name, market=market, side=side)
    for market in venue.marks:
        for side in ("buy", "sell"):
            yield ask("ranking", market=market, side=side)
    for pool in venue.pools:
        for what in ("fund", "bad_debt", "fee_pool"):
            yield ask(what, pool=pool)


def at_margins(venue: Venue) -> Iterator[Venue]:
    """The venue with one account's wallet such that its equity is at a margin or a quantum beside it."""
    for name, account in venue.accounts.items():
        if not account.positions:
            continue
        standing = standing_of(venue, account)
        for margin in (standing.maintenance, standing.initial):
            for beside in (-1, 0, 1):
                wallet = account.wallet + margin + beside - standing.equity
                moved = replace(account, wallet=wallet)
                tried = balanced(replace(venue, accounts={**venue.accounts, name: moved}))
                if is_sound(tried):
                    yield tried


def at_floors(venue: Venue) -> Iterator[Venue]:
    """The venue with one mark at which a position's notional is at the floor of a tier, or just beside."""
    for account in venue.accounts.values():
        for market, held in account.positions.items():
            terms = venue.policy.markets[market]
            tick = abs(held.size) * terms.multiplier
            for tier in (*terms.initial.tiers[1:], *terms.maintenance.tiers[1:]):
                for mark in (tier.floor // tick, tier.floor // tick + 1):
                    if 1 <= mark <= terms.price_max:
                        tried = replace(venue, marks={**venue.marks, market: mark})
                        if is_sound(tried):
                            yield tried


def drawn_questions(seed: int, histories: int) -> Iterator[Question]:
    """What is asked about the venues of so many histories."""
    searched = 0
    for number, asked in enumerate(drawn_events(seed, histories)):
        if number % EVERY != 0 or not asked.venue.marks:
            continue
        venues: Iterable[Venue] = (asked.venue,)
        if number % EDGES_EVERY == 0:
            venues = (*at_margins(asked.venue), *at_floors(asked.venue), *at_prices(asked.venue))
        for venue in venues:
            for question in questions_about(venue, asked.key):
                if question.what in ("withdrawable", "order_max"):
                    searched += 1
                    if searched % SEARCHED_EVERY:
                        continue
                yield question


# What a question shows


def beside(amount: int, edge: int) -> str:
    """Whether an amount is at an edge or one beside it, in words; empty if it is neither."""
    return {-1: "one below", 0: "at", 1: "one above"}.get(amount - edge, "")


def edges_of(question: Question, answer: Any) -> Iterator[str]:
    """What stands at an edge when a question is asked, in words, and of which shape the answer is."""
    venue, names = question.venue, dict(question.names)
    account = venue.accounts.get(names.get("account", ""))
    if account is None:
        if isinstance(answer, list):
            yield f"of {min(len(answer), 3)} {names['side']} {venue.policy.adl_ranking}"
        else:
            yield "nothing" if answer == "0" else "something"
        return
    standing = standing_of(venue, account)
    trigger = venue.policy.trigger.replace("_", " ")
    if question.what == "status":
        yield f"{answer} {trigger}"
        for word, margin in (("maintenance", standing.maintenance), ("initial", standing.initial)):
            if margin > 0 and beside(standing.equity, margin):
                yield f"equity {beside(standing.equity, margin)} {word} margin, {trigger}"
    elif question.what in ("margin_maintenance", "margin_initial"):
        yield from shapes_of(venue, account, question.what)
    elif question.what in ("price_liquidation", "price_bankruptcy"):
        market = names["market"]
        size = account.positions[market].size
        kind = venue.policy.markets[market].maintenance.kind
        shape = f"{'long' if size > 0 else 'short'} {kind} {'none' if answer is None else 'a price'}"
        several = "several positions" if len(account.positions) > 1 else "one position"
        yield f"{shape} {trigger}" if question.what == "price_liquidation" else shape
        yield f"{shape} {several}"
        if standing.equity < standing.maintenance:
            yield f"{shape} liquidatable already"
    elif question.what == "withdrawable":
        debt = any(pool.bad_debt for pool in venue.pools.values())
        bound = (
            "nothing"
            if answer == "0"
            else "all of the wallet"
            if int(answer) == account.wallet
            else "all of custody"
            if int(answer) == venue.custody
            else "down to what is required"
        )
        yield f"{bound} {'while bad debt stands' if debt else ''} {'holds' if account.positions else 'flat'}"
        yield f"{bound} {trigger}"
    elif question.what == "order_max":
        market = names["market"]
        size = account.positions.get(market, NOTHING_HELD).size
        most = venue.policy.markets[market].size_max
        full = int(answer) == most + (-size if names["side"] == "buy" else size)
        bound = "nothing" if answer == "0" else "up to the limit" if full else "up to the margin"
        held = "long" if size > 0 else "short" if size < 0 else "flat"
        resting = "with orders" if market in account.orders else ""
        yield f"{bound} {names['side']} {held} {resting}"
    elif question.what == "equity":
        sides = {"long" if one.size > 0 else "short" for one in account.positions.values()}
        yield f"{' and '.join(sorted(sides)) or 'flat'} {'wallet below 0' if account.wallet < 0 else ''}"
    elif question.what == "position":
        yield "long" if int(answer) > 0 else "short"
    elif question.what == "wallet":
        yield "below 0" if account.wallet < 0 else "above 0" if account.wallet > 0 else "nothing"


def shapes_of(venue: Venue, account: Account, what: str) -> Iterator[str]:
    """Which schedules a requirement goes through, and at which floors."""
    if len(account.positions) > 1:
        yield "several positions"
    for market, position in account.positions.items():
        terms = venue.policy.markets[market]
        schedule = terms.maintenance if what == "margin_maintenance" else terms.initial
        exposure = abs(position.size) * venue.marks[market] * terms.multiplier
        if schedule.kind == SQRT:
            rate = sqrt_rate(abs(position.size), schedule.base, schedule.factor)
            yield "sqrt above base" if rate > schedule.base else "sqrt base"
        floors = [tier.floor for tier in schedule.tiers]
        yield f"{schedule.kind} tier {min(sum(floor < exposure for floor in floors), 3)}"
        for floor in floors[1:]:
            if beside(exposure, floor):
                yield f"{schedule.kind} notional {beside(exposure, floor)} a floor"
    if account.orders and what == "margin_initial":
        for market, orders in account.orders.items():
            size = account.positions.get(market, NOTHING_HELD).size
            held = "long" if size > 0 else "short" if size < 0 else "flat"
            sides = " and ".join(side for side in ("buys", "sells") if getattr(orders, side))
            yield f"{held} orders {sides}"


def features_of(watcher: Watcher, question: Question) -> frozenset[Feature]:
    """What a question reaches and shows."""
    said: list[Any] = []
    found = watcher.reached(lambda: said.append(answers(question.venue, question.document)))
    rule = RULE_ASKED[question.what]
    edges = {
        ("edge", rule, " ".join(words.split()), question.what)
        for words in edges_of(question, said[0][question.what])
    }
    own = {feature for feature in found if feature[0] == "step" or feature[1] == rule}
    deciding = decided_by(question.venue, question.what, dict(question.names), said[0][question.what])
    decided = {(DECIDED, by, " ".join(words.split()), question.what) for by, words in deciding}
    return frozenset(own | edges | decided)


def rule_of(feature: Feature, question: Question) -> str:
    """In whose file the case stands that shows a feature."""
    return feature[1] if feature[0] == DECIDED else RULE_ASKED[question.what]


def shown_in(features: Iterable[Feature], rule: str) -> set[Feature]:
    """What a case in the file of a rule stands for: not for what other rules decide."""
    return {feature for feature in features if feature[0] != DECIDED or feature[1] == rule}


def known_features(watcher: Watcher) -> set[Feature]:
    """What the query cases that are there reach and show."""
    found: set[Feature] = set()
    for file in read_vectors():
        for case in file.cases:
            if kind_of(case.given) == QUERY:
                key = case.given["policy"]
                policy = policy_from_canonical(dict(file.policies[key]), case.id)
                names = {name: value for name, value in case.given["query"].items() if name != "what"}
                for what in case.given["query"]["what"]:
                    venue = venue_from(dict(case.given["venue"]), policy)
                    question = Question(venue, key, what, tuple(names.items()))
                    found |= shown_in(features_of(watcher, question), file.rule)
    return found


# Cases


def made_plainer(watcher: Watcher, question: Question, feature: Feature) -> Question:
    """The same question about the plainest venue in which it shows the same."""

    def keeps(venue: Venue) -> bool:
        try:
            return feature in features_of(watcher, replace(question, venue=venue))
        except (KeyError, AssertionError, ZeroDivisionError):
            return False  # a venue that no events lead to

    venue = plainer(question.venue, keeps)
    return replace(question, venue=venue, key=policy_key(venue.policy))


def case_of(question: Question, words: str, flags: tuple[str, ...], rule: str = "") -> Case:
    """The case that asks a question, in the file of a rule; if none is given, of that of its word."""
    rule = rule or RULE_ASKED[question.what]
    asked = {**question.document, "what": list(WAITS)} if rule == "LIQ-7" else question.document
    names = ", ".join(f"{name} {value}" for name, value in question.names)
    comment = f"{question.what.replace('_', ' ')} of {names}"
    given = {
        "policy": policy_key(question.venue.policy),
        "venue": venue_text(question.venue),
        "query": asked,
    }
    return Case(f"{rule}/{words}", rule, flags, comment, given)


def search(seed: int, histories: int, rules: tuple[str, ...]) -> list[tuple[Case, Venue]]:
    """The cases that are missing."""
    found: list[tuple[Case, Venue]] = []
    with watching() as watcher:
        known = known_features(watcher)
        best: dict[Feature, tuple[int, Question]] = {}
        for question in drawn_questions(seed, histories):
            new = {
                feature
                for feature in features_of(watcher, question) - known
                if not rules or rule_of(feature, question) in rules
            }
            price = cost(Asked(question.venue, None, question.key)) if new else 0  # type: ignore[arg-type]
            for feature in new:
                if feature not in best or price < best[feature][0]:
                    best[feature] = (price, question)
        for feature in sorted(best, key=lambda one: (one[0] == "step", best[one][0], one)):
            if feature in known:
                continue
            question = made_plainer(watcher, best[feature][1], feature)
            rule = rule_of(feature, question)
            known |= shown_in(features_of(watcher, question), rule)
            words = feature[2]
            at_edge = words.startswith("equity ") or "a floor" in words
            flag = "asked" if feature[0] != DECIDED else "decides"
            flag = "boundary" if at_edge and feature[0] != "step" else flag
            words = in_words(f"{question.what} {words}")
            found.append((case_of(question, words, (flag,), rule), question.venue))
    return found


def put(found: list[tuple[Case, Venue]]) -> int:
    """Add cases, each to the file of its rule; returns how many are new."""
    new = 0
    taken = {case.id for file in read_vectors() for case in file.cases}
    for rule in sorted({case.rule for case, _ in found}):
        own = [(case, venue) for case, venue in found if case.rule == rule]
        named = renamed([case for case, _ in own], taken)
        policies = {policy_key(venue.policy): policy_text(venue.policy) for _, venue in own}
        flags = {flag: FLAGS[flag] for case in named for flag in case.flags}
        new += add_cases(rule, named, flags, policies)
    return new


@click.command()
@click.argument("rules", nargs=-1)
@click.option("--add", is_flag=True, help="Put the cases into spec/vectors.")
@click.option("--seed", default=SEED, show_default=True, help="Which histories are drawn.")
@click.option("--histories", default=HISTORIES, show_default=True, help="How many.")
def main(rules: tuple[str, ...], add: bool, seed: int, histories: int) -> None:
    """Search for questions that show what no vector shows yet, of these rules or of all."""
    unknown = [rule for rule in rules if rule not in (*RULE_ASKED.values(), *RULES)]
    if unknown:
        problem = f"No question stands under {unknown[0]}, or is decided by it"
        click.echo(f"{problem}; see spec/protocol.md, section 3.", err=True)
        sys.exit(2)
    found = search(seed, histories, rules)
    for case, _ in found:
        say(f"{case.id}: {case.comment}")
    count = len(found)
    say(f"{put(found)} cases added" if add else f"{count} cases to add; --add puts them into spec/vectors")


if __name__ == "__main__":
    main()
