"""Traces for the vectors: `python -m marginspec.vectors.stories --write`.

They are the incidents, the attacks and the worked scenarios of the chapters, and crises that a search has
drawn: histories that go through many stages of a bankruptcy. It only adds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import click

from marginspec.documents import read_trace
from marginspec.paths import SPEC
from marginspec.policy_file import read_policy
from marginspec.prose.chapters import Table, read_chapters
from marginspec.prose.notation import plain as plain_cell
from marginspec.prose.policy_tables import policy_of
from marginspec.screen import say
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.reach.waterfall import stages_of
from marginspec.search.scene import draw_scene
from marginspec.search.shrink import without_needless
from marginspec.story import parse_event
from marginspec.vectors.drawn import as_text, event_text, venue_text
from marginspec.vectors.files import TRACES, VECTORS
from marginspec.vectors.search_events import in_words
from marginspec.vectors.traces import add_trace
from refmodel.canonical import policy_document
from refmodel.events import Event, Funding, LiquidationFill, Order, Prices, Trade
from refmodel.outcome import accept
from refmodel.policy import ALLOCATIONS, RANKINGS, STAGES, Policy, pools_of
from refmodel.postings import OUTSIDE, bad_debt_of, move
from refmodel.stages import STAGES_IN_ORDER
from refmodel.state import Venue, genesis
from refmodel.validity import faults
from refmodel.venue import apply

EVENTS_LEAST = 3
"""A scenario of fewer events is told by cases of its rule."""
EVENTS = 400
"""Of a drawn history."""
SEED = 1
HISTORIES = 250
CRISES = 14
TRIALS = 250
"""Of making one crisis shorter."""
STAGES_LEAST = 4
"""Of a crisis, different ones."""

EVERY_STAGE = "crisis every stage"
EVERY_STAGE_ABOUT = (
    "One crisis under `minimal` that goes through all nine stages: a fill, a takeover, and a last price "
    "at which `late` falls below zero. The backstop takes 4 of its 50 lots and is full; `ready` takes 6 "
    "for which the fund pays and 5 for which nobody does; `whale` is liquidatable itself, so 35 lots are "
    "closed against it at mark. Of what is then owed the fund pays its last quanta, `lucky` its profit, "
    "and the rest is bad debt."
)
EVERY_STAGE_LINES = """
deposit whale 46_200_000 owner whale pool cross
deposit counterparty 100_000_000 owner carl pool BTC-PERP
deposit late 230_000 owner late pool cross
deposit taken 46_000 owner tina pool cross
deposit ready 200_000 owner rita pool cross
deposit lucky 50_000 owner lucy pool cross
deposit backstop:cross 74_500
fund_deposit cross 11_700
prices BTC-PERP 77_000
order whale BTC-PERP buys 0 sells 3_000
trade counterparty buys 2_998 BTC-PERP from whale at 77_000
trade lucky buys 2 BTC-PERP from whale at 77_000
prices BTC-PERP 91_000
order counterparty BTC-PERP buys 0 sells 49
order ready BTC-PERP buys 0 sells 11
trade late buys 39 BTC-PERP from counterparty at 91_000
trade late buys 11 BTC-PERP from ready at 91_000
trade taken buys 10 BTC-PERP from counterparty at 91_000
liquidation_fill whale 10 BTC-PERP by counterparty at 91_000
prices BTC-PERP 87_800
takeover taken
prices BTC-PERP 85_000
"""


@dataclass(frozen=True, slots=True)
class Story:
    """A history that becomes a trace."""

    name: str
    about: str
    policy: Policy
    start: Venue
    events: tuple[Event, ...]


def markets_named(events: Iterable[Event]) -> set[str]:
    """The markets that events name."""
    named: set[str] = set()
    for event in events:
        if isinstance(event, Prices):
            named |= set(event.marks)
        elif isinstance(event, Trade | Order | Funding | LiquidationFill):
            named.add(event.market)
    return named


def narrowed(policy: Policy, events: tuple[Event, ...]) -> Policy:
    """The policy with those of its markets that a history names, so that a trace does not carry hundreds."""
    named = markets_named(events)
    kept = {name: market for name, market in policy.markets.items() if name in named}
    if not kept:
        kept = dict(list(policy.markets.items())[:1])
    isolated = tuple(name for name in policy.isolated if name in kept)
    fewer = replace(policy, markets=kept, isolated=isolated)
    return replace(fewer, draw_limits={pool: policy.draw_limits[pool] for pool in pools_of(fewer)})


# Where they come from


def every_stage() -> Story:
    """The crisis that goes through every stage, told by hand: no drawn one does."""
    policy = read_policy("minimal")
    venue = start = genesis(policy)
    events: list[Event] = []
    for line in EVERY_STAGE_LINES.split("\n")[1:-1]:
        events.append(parse_event(line, venue.clock))
        venue = apply(venue, events[-1]).venue
    return Story(in_words(EVERY_STAGE), EVERY_STAGE_ABOUT, policy, start, tuple(events))


def from_files(folder: str, word: str) -> Iterator[Story]:
    """The traces of a folder of spec/ that begin before the first event."""
    for path in sorted((SPEC / folder).glob("*.json")):
        trace = read_trace(path)
        if trace.start != genesis(trace.policy) or faults(trace.policy):
            continue
        policy = narrowed(trace.policy, trace.events)
        about = trace.found or f"From spec/{folder}/{path.name}."
        yield Story(in_words(f"{word} {path.stem}"), about, policy, genesis(policy), trace.events)


def from_chapters() -> Iterator[Story]:
    """The worked scenarios of the chapters, from where nothing is set up by hand any more."""
    for chapter in read_chapters():
        for text in chapter.rules:
            number = 0
            for table in text.tables:
                if table.last is None and table.headings[0].name == "event":
                    number += 1
                    story = scenario(table, f"{text.identifier} {text.noun}", number)
                    if story is not None:
                        yield story


def scenario(table: Table, rule: str, number: int) -> Story | None:
    """A worked scenario; None if it is too short."""
    policy = policy_of(table.settings)
    venue = start = genesis(policy)
    events: list[Event] = []
    for row in table.rows:
        line = plain_cell(row.cells[0])
        words = line.split()
        if words == ["genesis"]:
            continue
        if words[0] == "bad_debt":
            # What an earlier default has left behind is no event: the trace begins after it.
            left_behind = move("FND-1", bad_debt_of(words[1]), OUTSIDE, int(words[2].replace("_", "")))
            venue = start = accept(venue, left_behind).venue
            events = []
            continue
        event = parse_event(line, venue.clock)
        events.append(event)
        venue = apply(venue, event).venue
    if len(events) < EVENTS_LEAST:
        return None
    about = f"Worked scenario {number} of {rule}."
    if start == genesis(policy):
        policy = narrowed(policy, tuple(events))
        start = genesis(policy)
    return Story(in_words(f"example {rule.split()[0]} {number}"), about, policy, start, tuple(events))


def stages_entered(policy: Policy, events: tuple[Event, ...]) -> frozenset[str]:
    """The stages of the waterfall that a history enters."""
    venue = genesis(policy)
    entered: set[str] = set()
    for event in events:
        outcome = apply(venue, event)
        entered |= set(stages_of(outcome.postings))
        venue = outcome.venue
    return frozenset(entered)


Drawn = tuple[frozenset[str], Policy, tuple[Event, ...]]
"""The stages that a history enters, its policy and its events."""


def drawn_crises(seed: int, histories: int) -> list[Drawn]:
    """Drawn histories of many stages, up to the event that enters the last of them."""
    found: list[Drawn] = []
    for history in range(histories):
        choices = SeededChoices(f"crises {seed}:{history}")
        policy = replace(draw_policy(choices, "drawn"), stages=STAGES)
        if faults(policy) or len(policy.markets) > 2:
            continue
        scene = draw_scene(choices, policy)
        needed = 0
        venue, events, entered = genesis(policy), list[Event](), set[str]()
        for _ in range(EVENTS):
            event = draw_event(choices, venue, scene)
            outcome = apply(venue, event)
            if outcome.refusal is None:
                events.append(event)
                new = set(stages_of(outcome.postings)) - entered
                if new:
                    entered |= new
                    needed = len(events)
                venue = outcome.venue
        if len(entered) >= STAGES_LEAST:
            found.append((frozenset(entered), policy, tuple(events[:needed])))
    return found


def crises(seed: int, histories: int) -> Iterator[Story]:
    """Drawn histories of many stages, made short: one for each ranking and allocation, and some with stages
    that are rare."""
    for entered_by_it, policy, events in richest(drawn_crises(seed, histories)):
        short = shorter(policy, events, entered_by_it)
        stages = ", ".join(stage for stage in STAGES_IN_ORDER if stage in entered_by_it)
        words = (
            f"crisis {policy.adl_ranking} {policy.adl_allocation} {policy.payers} {len(entered_by_it)} stages"
        )
        about = f"A drawn crisis that goes through the stages {stages}."
        small = narrowed(policy, short)
        if stages_entered(small, short) != stages_entered(policy, short):
            small = policy
        yield Story(in_words(words), about, small, genesis(small), short)


def shorter(policy: Policy, events: tuple[Event, ...], stages: frozenset[str]) -> tuple[Event, ...]:
    """A history without what its stages do not need, as far as a number of trials goes."""
    trials = 0

    def still(tried: tuple[Event, ...]) -> bool:
        nonlocal trials
        trials += 1
        return trials <= TRIALS and stages <= stages_entered(policy, tried)

    return without_needless(events, still)


def richest(found: list[Drawn]) -> list[Drawn]:
    """The histories of most stages: of each ranking and allocation one, then those with a stage few have."""
    ordered = sorted(found, key=lambda one: (-len(one[0]), len(one[2])))
    chosen = []
    for ranking in RANKINGS:
        for allocation in ALLOCATIONS:
            alike = [
                one for one in ordered if (one[1].adl_ranking, one[1].adl_allocation) == (ranking, allocation)
            ]
            chosen += alike[:1]
    covered = [stage for one in chosen for stage in one[0]]
    rare = sorted(STAGES_IN_ORDER, key=covered.count)
    for stage in rare:
        more = [one for one in ordered if stage in one[0] and one not in chosen]
        if more and len(chosen) < CRISES:
            chosen.append(more[0])
    return chosen


# Writing


def all_stories(seed: int, histories: int) -> Iterator[Story]:
    """Everything, the committed sources first."""
    yield from from_files("incidents", "incident")
    yield from from_files("attacks", "attack")
    yield from from_chapters()
    yield every_stage()
    yield from crises(seed, histories)


def put(story: Story, there: set[str]) -> bool:
    """Write a story as a trace; False if there is one of its name already."""
    if story.name in there:
        return False
    policy = as_text(policy_document(story.policy))
    add_trace(
        story.name,
        story.about,
        policy,
        venue_text(story.start),
        [event_text(event) for event in story.events],
    )
    there.add(story.name)
    return True


@click.command()
@click.option("--write", is_flag=True, help="Put the traces into spec/vectors/traces.")
@click.option("--seed", default=SEED, show_default=True, help="Which crises are drawn.")
@click.option("--histories", default=HISTORIES, show_default=True, help="How many histories are drawn.")
def main(write: bool, seed: int, histories: int) -> None:
    """Turn incidents, attacks, worked scenarios and drawn crises into traces."""
    there = {path.stem for path in (VECTORS / TRACES).glob("*.json")}
    new = 0
    for story in all_stories(seed, histories):
        if not write:
            say(f"{story.name}: {len(story.events)} events. {story.about}")
        elif put(story, there):
            new += 1
    say(f"{new} traces added" if write else "--write puts them into spec/vectors/traces")


if __name__ == "__main__":
    main()
