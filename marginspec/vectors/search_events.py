"""The search for event cases: `python -m marginspec.vectors.search_events --add [RULE...]`.

Histories are drawn by a seed. Of each event it is noted what it reaches in the law; what no case reaches yet
gets the plainest event that does, in the plainest venue in which it still does. It only adds.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import click

from marginspec.documents import policy_from_canonical
from marginspec.screen import say
from marginspec.search.reach.entries import ENTRIES
from marginspec.story import format_event
from marginspec.vectors.covering import Feature, Watcher, names_of_the_law, rule_of_step, watching
from marginspec.vectors.drawn import (
    Asked,
    cost,
    drawn_events,
    event_text,
    policy_key,
    policy_text,
    venue_text,
)
from marginspec.vectors.expectations import EVENT, kind_of
from marginspec.vectors.files import Case, add_cases, read_vectors
from marginspec.vectors.plainer import plainer
from refmodel.canonical import TYPE_NAMES, event_from, venue_from
from refmodel.outcome import Outcome
from refmodel.state import Venue
from refmodel.venue import apply

HISTORIES = 1_500
SEED = 1

FLAGS = {
    "refused": {
        "why": "The law refuses the event for this reason, and for none that comes before it.",
        "effect": "An engine that accepts it, or refuses it by another rule, parts from the law here.",
    },
    "branch": {
        "why": "The rule takes the way that the case is named after.",
        "effect": "An engine that goes another way moves other amounts, and has another digest.",
    },
    "crisis": {
        "why": "An account falls below zero, and chapters 8 to 11 say who pays.",
        "effect": "Somebody pays what another should have paid, or nobody does.",
    },
    "telltale": {
        "why": "A change of one place in the law shows here.",
        "effect": "An engine with such a fault is noticed by this case, and by few others.",
    },
}
"""Of cases that ask an event."""


MAIN_RULE = {
    "deposit": "DEP-1",
    "withdraw": "WDR-1",
    "transfer": "TRF-1",
    "order": "ORD-1",
    "trade": "TRD-6",
    "prices": "PRC-1",
    "funding": "FUN-1",
    "liquidation_fill": "LIQ-5",
    "takeover": "TKO-2",
    "fund_deposit": "FND-2",
    "fee_withdrawal": "FEE-3",
}
"""The rule under which an event of each type stands that is accepted."""


def in_words(text: str) -> str:
    """A text as it may stand in an id."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def features_of(watcher: Watcher, asked: Asked) -> frozenset[Feature]:
    """What an event reaches, its refusal included."""
    outcomes: list[Outcome] = []
    found = watcher.reached(lambda: outcomes.append(apply(asked.venue, asked.event)))
    refusal = outcomes[0].refusal
    kind = TYPE_NAMES[type(asked.event)]
    if refusal is None:
        return found | {("accepted", MAIN_RULE[kind], kind)}
    return found | {("reason", refusal.rule, refusal.reason), ("reason", refusal.rule, refusal.reason, kind)}


def asked_by(case: Case, policy: object) -> Asked:
    """The event of a case, and its venue."""
    assert isinstance(policy, dict)
    law = policy_from_canonical(policy, case.id)
    venue = venue_from(dict(case.given["venue"]), law)
    return Asked(venue, event_from(dict(case.given["event"])), case.given["policy"])


def known_features(watcher: Watcher) -> set[Feature]:
    """What the event cases that are there reach, each in the file of its rule."""
    found: set[Feature] = set()
    for file in read_vectors():
        for case in file.cases:
            if kind_of(case.given) == EVENT:
                reached = features_of(watcher, asked_by(case, file.policies[case.given["policy"]]))
                found |= own_features(reached, file.rule)
    return found


def own_features(features: Iterable[Feature], rule: str) -> set[Feature]:
    """What a case of a rule stands for: every step, but of all else only what its own rule does.

    Whoever reads the file of a rule finds there all that the rule does.
    """
    return {feature for feature in features if feature[0] == "step" or feature[1] == rule}


def plainest(
    watcher: Watcher, drawn: Iterable[Asked], known: set[Feature]
) -> dict[Feature, tuple[int, int, Asked]]:
    """Of each thing that is not reached yet, the plainest event that reaches it: cost, number, event."""
    best: dict[Feature, tuple[int, int, Asked]] = {}
    for number, asked in enumerate(drawn):
        features = features_of(watcher, asked) - known
        if features:
            price = cost(asked)
            for feature in features:
                if feature not in best or price < best[feature][0]:
                    best[feature] = (price, number, asked)
    return best


def kind_of_event(asked: Asked) -> str:
    """The type of an event, in words of an id."""
    return in_words(TYPE_NAMES[type(asked.event)])


def rule_of_event(asked: Asked, preferred: Sequence[str]) -> str:
    """The rule under which a case of an event stands: the one that refuses it; else of those preferred one
    that posts, or the first; else that of its type.
    """
    outcome = apply(asked.venue, asked.event)
    if outcome.refusal is not None:
        return outcome.refusal.rule
    posted = {entry.rule for entry in outcome.postings[1:]}
    known = [rule for rule in preferred if rule in ENTRIES]
    touched = [rule for rule in known if rule in posted] or known
    return touched[0] if touched else MAIN_RULE[TYPE_NAMES[type(asked.event)]]


def rule_of(feature: Feature, asked: Asked) -> str:
    """Under which rule a case for it stands; empty if no rule has it."""
    if feature[0] != "step":
        return feature[1]
    refusal = apply(asked.venue, asked.event).refusal
    # Of the rules that a line serves: one that refused, or one that posted.
    posted = [entry.rule for entry in apply(asked.venue, asked.event).postings]
    return rule_of_step(feature, (refusal.rule,) if refusal else tuple(posted[1:]))


def name_of(feature: Feature, asked: Asked) -> str:
    """The words of an id."""
    if feature[0] == "reason":
        return in_words(" ".join(feature[2:]))
    if feature[0] == "class":
        return in_words(feature[2])
    if feature[0] == "accepted":
        return in_words(f"{feature[2]} accepted")
    _, file, _, before, after = feature
    line = int(before) if after == "end" else int(after)
    function = names_of_the_law().at(file, line)
    return in_words(f"{TYPE_NAMES[type(asked.event)]} {function}")


def case_of(asked: Asked, rule: str, words: str, extra: tuple[str, ...] = ()) -> Case:
    """The case that asks an event."""
    outcome = apply(asked.venue, asked.event)
    line = format_event(asked.event, asked.venue.clock)
    flags = set(extra)
    if outcome.refusal is not None:
        flags.add("refused")
        comment = f"{line}: {outcome.refusal.reason.replace('_', ' ')}"
    else:
        flags.add("branch" if not extra else extra[0])
        comment = f"{line}: accepted"
        if goes_below_zero(asked):
            flags.add("crisis")
            comment = f"{line}: somebody falls below zero"
    given = {
        "policy": policy_key(asked.venue.policy),
        "venue": venue_text(asked.venue),
        "event": event_text(asked.event),
    }
    return Case(f"{rule}/{words}", rule, tuple(sorted(flags)), comment, given)


def goes_below_zero(asked: Asked) -> bool:
    """Whether an event makes the law resolve a bankruptcy."""
    stages = {getattr(entry, "stage", "") for entry in apply(asked.venue, asked.event).postings}
    return bool(stages - {"", "fill", "takeover"})


def made_plainer(watcher: Watcher, asked: Asked, feature: Feature) -> Asked:
    """The same event in the plainest venue in which it reaches the same."""

    def keeps(venue: Venue) -> bool:
        tried = replace(asked, venue=venue)
        try:
            return feature in features_of(watcher, tried)
        except (KeyError, AssertionError, ZeroDivisionError):
            return False  # a venue that no events lead to

    venue = plainer(asked.venue, keeps)
    return replace(asked, venue=venue, key=policy_key(venue.policy))


def chosen(
    watcher: Watcher, best: dict[Feature, tuple[int, int, Asked]], known: set[Feature]
) -> Iterator[tuple[Feature, Asked]]:
    """The events that together reach all that can be reached: reasons and classes first, then steps."""
    order = {"reason": 0, "accepted": 1, "class": 2, "step": 3}
    for feature in sorted(best, key=lambda one: (order[one[0]], best[one][0], one)):
        if feature in known:
            continue
        asked = made_plainer(watcher, best[feature][2], feature)
        rule = rule_of(feature, asked)
        if rule in ENTRIES:
            known |= own_features(features_of(watcher, asked), rule)
            yield feature, asked


def put(cases: dict[str, list[tuple[Case, Asked]]]) -> int:
    """Add cases, each to the file of its rule; returns how many are new."""
    new = 0
    taken = {case.id for file in read_vectors() for case in file.cases}
    for rule, found in sorted(cases.items()):
        named = renamed([case for case, _ in found], taken)
        flags = {flag: FLAGS[flag] for case in named for flag in case.flags if flag in FLAGS}
        policies = {policy_key(asked.venue.policy): policy_text(asked.venue.policy) for _, asked in found}
        new += add_cases(rule, named, flags, policies)
    return new


def renamed(cases: Iterable[Case], taken: set[str]) -> list[Case]:
    """The cases, those whose id is taken already under another one, which is taken then as well."""
    named = []
    for case in cases:
        number, name = 2, case.id
        while name in taken:
            name = f"{case.id}-{number}"
            number += 1
        taken.add(name)
        named.append(replace(case, id=name))
    return named


def search(seed: int, histories: int, rules: tuple[str, ...]) -> dict[str, list[tuple[Case, Asked]]]:
    """The cases that are missing, by rule."""
    found: dict[str, list[tuple[Case, Asked]]] = {}
    with watching() as watcher:
        known = known_features(watcher)
        best = plainest(watcher, drawn_events(seed, histories), known)
        for feature, asked in chosen(watcher, best, known):
            rule = rule_of(feature, asked)
            if not rules or rule in rules:
                case = case_of(asked, rule, name_of(feature, asked))
                found.setdefault(rule, []).append((case, asked))
    return found


@click.command()
@click.argument("rules", nargs=-1)
@click.option("--add", is_flag=True, help="Put the cases into spec/vectors.")
@click.option("--seed", default=SEED, show_default=True, help="Which histories are drawn.")
@click.option("--histories", default=HISTORIES, show_default=True, help="How many.")
def main(rules: tuple[str, ...], add: bool, seed: int, histories: int) -> None:
    """Search for events that reach what no vector reaches yet, of these rules or of all."""
    unknown = [rule for rule in rules if rule not in ENTRIES]
    if unknown:
        click.echo(f"{unknown[0]} is no rule of the law. See spec/README.md for all of them.", err=True)
        sys.exit(2)
    found = search(seed, histories, rules)
    for rule, cases in sorted(found.items()):
        say(f"{rule}: {', '.join(case.id.partition('/')[2] for case, _ in cases)}")
    count = sum(len(cases) for cases in found.values())
    say(f"{put(found)} cases added" if add else f"{count} cases to add; --add puts them into spec/vectors")


if __name__ == "__main__":
    main()
