"""The search for what notices a mutant: `python -m marginspec.vectors.search_mutants --add`.

A sample of mutants is shown to the vectors. For each that they let pass, drawn events, events at the edges of
drawn venues, questions and policies are asked of the law and of the changed law, until they answer
differently; the plainest venue in which they still do becomes a case. It only adds.
"""

import json
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import click

from marginspec.errors import InputError
from marginspec.mutation.mutations import Mutation, sample
from marginspec.mutation.report import reviews
from marginspec.screen import progress, say
from marginspec.search.choices import SeededChoices
from marginspec.vectors import search_events, search_policies, search_queries
from marginspec.vectors.changed_law import Answer, changed_law
from marginspec.vectors.covering import Feature, names_of_the_law, watching
from marginspec.vectors.drawn import Asked, cost, drawn_events, policy_key, policy_text
from marginspec.vectors.edges import edge_events
from marginspec.vectors.expectations import answer
from marginspec.vectors.files import Case, add_cases, read_vectors
from marginspec.vectors.mutant_runs import (
    LAW,
    asked_of_law,
    in_a_process,
    in_one_text,
    noticed_by,
    questions_of,
    questions_of_traces,
    source_of,
)
from marginspec.vectors.plainer import is_sound, plainer
from marginspec.vectors.search_queries import Question, drawn_questions
from marginspec.vectors.sharp import sharp_questions
from marginspec.vectors.traces import read_traces
from refmodel.state import Venue

SHARP_EVERY = 9
"""Of the venues of a history one in so many is asked sharp questions."""
OF_A_LINE = 250
"""Questions that are kept for each line of the law."""
OTHERS = 1_200
"""Questions that go through the same function, asked of one mutant."""
POLICIES = 6_000
SECONDS = 30
"""Of the processor, for one search."""


Asks = Asked | Question | tuple[str, Any]
"""An event, a question, or words for a policy and its document."""
Judged = tuple[Mapping[str, Any], Mapping[str, Any], str]
"""A `given`, the policies that it names, and what the law answers."""


@dataclass(slots=True, eq=False)
class Known:
    """A question of the pool.

    judged  by the law, once somebody has needed it; None as well if the law cannot be asked
    """

    asks: Asks
    lines: frozenset[tuple[str, int]]
    cost: int
    judged: Judged | None = None
    is_judged: bool = False

    def by_law(self) -> Judged | None:
        """What the law answers, worked out once."""
        if not self.is_judged:
            self.judged, self.is_judged = judged_by_law(self.asks), True
        return self.judged


Place = tuple[str, str, int]
"""Where a question comes from, and a file and a line that it goes through."""


@dataclass(slots=True)
class Pool:
    """Drawn questions, by where they come from and the lines of the law that they go through."""

    by_line: dict[Place, list[Known]] = field(default_factory=lambda: defaultdict(list))
    policies: list[Known] = field(default_factory=list)
    seen: dict[Place, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, source: str, known: Known, drawn: random.Random) -> None:
        """Keep a question, or not, so that of each source and line a fair sample of OF_A_LINE stays."""
        for line in known.lines:
            place = (source, *line)
            self.seen[place] += 1
            if len(self.by_line[place]) < OF_A_LINE:
                self.by_line[place].append(known)
            elif drawn.randrange(self.seen[place]) < OF_A_LINE:
                self.by_line[place][drawn.randrange(OF_A_LINE)] = known

    def about(self, mutation: Mutation) -> list[Known]:
        """The questions that may notice a mutation, the plainest first."""
        if mutation.file == "validity.py":
            return self.policies
        names = names_of_the_law()
        here = (mutation.file, mutation.line)
        exact = [known for place, found in self.by_line.items() if place[1:] == here for known in found]
        around = [
            known
            for (_, file, line), found in self.by_line.items()
            if file == mutation.file and names.at(file, line) == mutation.function
            for known in found
        ]
        if not around:
            around = [known for found in self.by_line.values() for known in found[:3]]
        first = sorted(exact, key=lambda known: known.cost)
        other = sorted({id(known): known for known in around}.values(), key=lambda known: known.cost)
        return [*first, *other[:OTHERS], *self.policies[:300]]


def lines_of(features: Iterable[Feature]) -> frozenset[tuple[str, int]]:
    """The lines that were gone through."""
    return frozenset((one[1], int(one[4])) for one in features if one[0] == "step" and one[4] != "end")


def with_sharp_ones(seed: int, histories: int) -> Iterator[tuple[str, Asked]]:
    """The events of so many histories, and the sharp questions and edges of some of their venues."""
    choices = SeededChoices(f"sharp {seed}")
    for number, asked in enumerate(drawn_events(seed, histories)):
        yield "drawn", asked
        if number % SHARP_EVERY == 0:
            for sharp in sharp_questions(choices, asked.venue, asked.key):
                if is_sound(sharp.venue):
                    yield "sharp", sharp
            for venue, event in edge_events(choices, asked.venue):
                yield "edge", Asked(venue, event, asked.key)


def draw_pool(seed: int, histories: int) -> Pool:
    """Questions of so many histories, and policies."""
    pool, drawn = Pool(), random.Random(seed)
    with watching() as watcher:
        for source, asked in with_sharp_ones(seed, histories):
            features = search_events.features_of(watcher, asked)
            pool.add(source, Known(asked, lines_of(features), cost(asked)), drawn)
        for question in drawn_questions(seed, histories // 8):
            features = search_queries.features_of(watcher, question)
            price = cost(Asked(question.venue, None, question.key))  # type: ignore[arg-type]
            pool.add("asked", Known(question, lines_of(features), price), drawn)
    policies = [Known(each, frozenset(), 0) for each in search_policies.drawn_policies(seed)]
    drawn.shuffle(policies)
    policies.sort(key=lambda one: not one.asks[0].startswith(("minimal", "valid")))  # type: ignore[index]
    pool.policies = policies[:POLICIES]
    return pool


# One mutant


def given_of(asks: Asks) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The `given` of a question, and the policies that it needs."""
    if isinstance(asks, tuple):
        return {"policy": asks[1]}, {}
    if isinstance(asks, Asked):
        case = search_events.case_of(asks, "EVT-1", "x")
    else:
        case = search_queries.case_of(asks, "x", ())
    return case.given, {policy_key(asks.venue.policy): policy_text(asks.venue.policy)}


def judged_by_law(asks: Asks) -> Judged | None:
    """A question and what the law answers; None if the law cannot be asked."""
    given, policies = given_of(asks)
    try:
        return given, policies, in_one_text(answer("EVT-1", given, policies))
    except (InputError, KeyError, AssertionError, ZeroDivisionError):
        return None


def differs(changed: Answer, judged: Judged | None) -> bool:
    """Whether a changed law answers a question otherwise than the law does."""
    if judged is None:
        return False
    given, policies, ours = judged
    try:
        theirs = in_one_text(changed("EVT-1", given, policies))
    except Exception:
        return True
    return ours != theirs


def found_for(mutation: Mutation, known: Sequence[Known]) -> Case | None:
    """A case that notices a mutation, in as plain a venue as it can be; None if no question does."""
    text = source_of(LAW, mutation)
    for one in known:
        one.by_law()  # before the fork, so that the next mutation finds it

    def work() -> Iterator[str]:
        changed = changed_law(mutation.file, text)
        for one in known:
            if differs(changed, one.by_law()):
                case, policies = case_for(mutation, made_plainer(changed, one.asks))
                yield json.dumps([case.id, case.rule, case.flags, case.comment, case.given, policies])
                return

    said = in_a_process(work, SECONDS)
    if not said or not said[0].startswith("["):
        return None
    name, rule, flags, comment, given, policies = json.loads(said[0])
    return Case(name, rule, tuple(flags), comment, given, expected={"policies": policies})


def made_plainer(changed: Answer, asks: Any) -> Any:
    """The same question about the plainest venue in which both laws still answer differently."""
    if isinstance(asks, tuple):
        return asks

    def keeps(venue: Venue) -> bool:
        return differs(changed, judged_by_law(replace(asks, venue=venue, key=policy_key(venue.policy))))

    venue = plainer(asks.venue, keeps)
    return replace(asks, venue=venue, key=policy_key(venue.policy))


def case_for(mutation: Mutation, asks: Any) -> tuple[Case, Mapping[str, Any]]:
    """The case of a question that notices a mutation, under a rule that the mutation touches if it can be."""
    function = search_events.in_words(mutation.function)
    if isinstance(asks, tuple):
        return search_policies.case_of(asks[1], asks[0], ("telltale",)), {}
    policies = {policy_key(asks.venue.policy): policy_text(asks.venue.policy)}
    if isinstance(asks, Question):
        words = search_events.in_words(f"{asks.what} {function}")
        return search_queries.case_of(asks, words, ("telltale",)), policies
    rule = search_events.rule_of_event(asks, mutation.rules)
    kind = search_events.kind_of_event(asks)
    return search_events.case_of(asks, rule, f"{kind}-{function}", ("telltale",)), policies


# Many


def add(cases: Sequence[Case]) -> int:
    """Put the cases into the files of their rules; returns how many are new."""
    flags = {**search_events.FLAGS, **search_queries.FLAGS}
    new = 0
    taken = {case.id for file in read_vectors() for case in file.cases}
    for rule in sorted({case.rule for case in cases}):
        own = [case for case in cases if case.rule == rule]
        policies: dict[str, Any] = {}
        for case in own:
            policies |= (case.expected or {}).get("policies", {})
        known = search_policies.FLAGS if rule.startswith("POL") else flags
        named = search_events.renamed([replace(case, expected=None) for case in own], taken)
        used = {flag: known[flag] for case in named for flag in case.flags}
        new += add_cases(rule, named, used, policies)
    return new


@click.command()
@click.option("--add", "adds", is_flag=True, help="Put the cases into spec/vectors.")
@click.option("--seed", default=1, show_default=True, help="Which mutants and questions are drawn.")
@click.option("--count", default=200, show_default=True, help="How many mutants.")
@click.option("--histories", default=120, show_default=True, help="Histories that are drawn.")
@click.argument("files", nargs=-1)
def main(adds: bool, seed: int, count: int, histories: int, files: tuple[str, ...]) -> None:
    """Show mutants of these files of refmodel, or of all, to the vectors; search what notices the rest."""
    began = time.monotonic()
    equal = reviews()
    mutations = [one for one in sample(LAW, seed, count, files or None) if one.review not in equal]
    questions = [*questions_of(read_vectors()), *questions_of_traces(read_traces())]
    pool = draw_pool(seed, histories)
    say(f"{len(mutations)} mutants, {len(questions)} cases, pool drawn in {time.monotonic() - began:.0f} s")
    found: list[Case] = []
    with progress("mutants", len(mutations)) as advance:
        for number, mutation in enumerate(mutations, 1):
            if not noticed_by(questions, mutation):
                case = found_for(mutation, pool.about(mutation))
                what = "NOT FOUND" if case is None else case.id
                say(f"{mutation.file}:{mutation.line} {mutation.before} -> {mutation.after}: {what}")
                if case is not None:
                    found.append(case)
                    policies = (case.expected or {}).get("policies", {})
                    questions = [*questions, asked_of_law(case.rule, case.id, case.given, policies)]
                    if adds:
                        add([case])
            advance(number, f"{number} of {len(mutations)}, {len(found)} found")
    say(f"{len(found)} cases {'added' if adds else 'to add'} in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
