"""One history in lock step: the law and the engine play it and must agree on everything.

It is drawn as the campaign draws its histories. Beyond those, a few events carry numbers at and past the edge
of the engine's declared domain, a few venues begin with balances there, and a few with a crowd of accounts.
What the engine declines is counted apart and not asked of the law. One history in a few is observed while the
law plays it, every claim of the campaign included, for the reach of the rules.
"""

from collections import Counter
from contextlib import ExitStack
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from fastpath import domain
from fastpath.engine import DomainError
from marginspec.search.break_policy import BREAKERS
from marginspec.search.choices import Choices, SeededChoices, magnitude
from marginspec.search.draw_crowd import draw_crowd, draw_wide
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.invariants import Violation, Watch
from marginspec.search.reach.examination import examine_faults, examine_number, examine_policy
from marginspec.search.reach.ladders import Tally
from marginspec.search.reach.observation import Observation, observing
from marginspec.search.reach.waterfall import stages_of
from marginspec.search.scene import OWNERS, draw_scene, draw_start, narrowed
from marginspec.search.shrink import amounts_of, crash, with_amount
from marginspec.search.side_by_side import Answer, Difference, Maker, Pair, batch_differs, field_of
from refmodel.canonical import TYPE_NAMES
from refmodel.events import Event
from refmodel.policy import Policy
from refmodel.state import CROSS, Account, Venue, genesis

DIGEST_EVERY = 50
"""Events between two comparisons of the whole state."""
OBSERVED_EVERY = 4
"""Of the histories on the policy given, and likewise of those on drawn ones, one in so many is observed."""
PUSHED = 3_000
"""ppm: events one number of which is replaced by one at the edge of the domain, or past it."""
CROWDED = 50_000
"""ppm: venues that begin with many accounts, on drawn policies in many markets."""
STRAINED = 50_000
"""ppm: venues that begin with balances just below what the engine declares that it can hold."""
EDGES = (
    *(domain.LOTS_EVENT_MAX, domain.LOTS_EVENT_MAX + 1, domain.PRICE_EVENT_MAX, domain.PRICE_EVENT_MAX + 1),
    *(domain.AMOUNT_EVENT_MAX, domain.AMOUNT_EVENT_MAX + 1, domain.NOTIONAL_MAX, domain.CUSTODY_MAX),
    *(2**63 - 1, 2**63, -(2**63), -(2**63) - 1, -domain.LOTS_EVENT_MAX, -domain.AMOUNT_EVENT_MAX, 10**30),
)
"""Numbers with which an event is pushed."""

Counts = Counter[tuple[str, ...]]
"""What was counted, by a key of words that begins with the kind of count."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A history in which the sides differ or a claim breaks; it is drawn again to be told.

    what    of Difference, or `claim`
    rule    of Difference, or the theorem
    events  that were played, the failing one the last
    hard    whether it begins with a venue to which no events are known to lead
    """

    history: int
    length: int
    what: str
    rule: str
    events: int
    hard: bool


@dataclass(slots=True)
class Played:
    """What some histories came to."""

    counts: Counts = field(default_factory=Counter)
    failed: list[Failed] = field(default_factory=list)

    def add(self, other: "Played") -> None:
        """Take in what other histories came to."""
        self.counts.update(other.counts)
        self.failed += other.failed

    def document(self) -> dict[str, Any]:
        """As JSON, for an evidence file."""
        counts = sorted([*key, count] for key, count in self.counts.items())
        failed = [list(astuple(one)) for one in self.failed]
        return {"counts": counts, "failed": failed}


def played_from(document: dict[str, Any]) -> Played:
    """What an evidence file kept of some histories."""
    counts = Counter({tuple(key): count for *key, count in document["counts"]})
    return Played(counts, [Failed(*values) for values in document["failed"]])


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker knows.

    policy  half of the histories play on it; None: every history draws its own
    make    makes an engine of a venue
    """

    policy: Policy | None
    make: Maker


@dataclass(frozen=True, slots=True)
class Told:
    """A history that failed, drawn again, with everything in it.

    start    None is the genesis of the policy
    opening  events that lead from genesis to the start, if it is known how
    """

    policy: Policy
    start: Venue | None
    opening: tuple[Event, ...]
    events: tuple[Event, ...]
    found: Difference | Violation


# ------------------------------------------------------------------------------------- one history


def play_history(plan: Plan, seed: int, history: int, length: int) -> tuple[Played, Told | None]:
    """Play one history: so many events that both sides answer; what it came to, and what failed.

    Where an event after the other is declined, the history begins anew on another venue.
    """
    choices = SeededChoices(f"{seed}:{history}")
    given = plan.policy is not None and history % 2 == 0
    side = "given" if given else "drawn"
    among = history // (1 if plan.policy is None else 2)
    played = Played()
    counts = played.counts
    counts["histories",] += 1
    observed = among % OBSERVED_EVERY == 0
    with ExitStack() as stack:
        observation = stack.enter_context(observing()) if observed else None
        told = None
        while counts["events",] < length and told is None:
            counts["venues",] += 1
            if plan.policy is not None and given:
                policy = narrowed(choices, plan.policy)
            else:
                policy = draw_policy(choices, f"drawn-{history}")
            told = play_venue(plan, policy, choices, length, side, counts, observation)
    if observation is not None:
        counts["observed",] += counts["events",]
        tally = observation.tally + examine_number(choices, choices.integer(-5, 10**18))
        if not given:
            rule = tuple(BREAKERS)[among // OBSERVED_EVERY % len(BREAKERS)]
            tally += examine_policy(policy) + examine_faults(choices, policy, (rule,))
        note(counts, side, tally)
    if told is not None:
        what, rule = kind_of(told.found)
        events = len(told.opening) + len(told.events)
        hard = told.start is not None and not told.opening
        played.failed.append(Failed(history, length, what, rule, events, hard))
    return played, told


def kind_of(found: Difference | Violation) -> tuple[str, str]:
    """What failed and by which rule; for a claim of the campaign, its theorem."""
    if isinstance(found, Violation):
        return "claim", found.theorem
    return found.what, found.rule


def note(counts: Counts, side: str, tally: Tally) -> None:
    """Add what rules were seen to do, on the policy given or on drawn ones."""
    counts.update({("tally", side, *key): number for key, number in tally.items()})


def play_venue(
    plan: Plan,
    policy: Policy,
    choices: Choices,
    length: int,
    side: str,
    counts: Counts,
    observation: Observation | None,
) -> Told | None:
    """Play on one venue until the events are played, too many are declined, or something fails."""
    crowded = choices.chance(CROWDED)
    if crowded and side == "drawn":
        policy = draw_wide(choices, policy)
    scene = draw_scene(choices, policy)
    start: Venue | None
    opening: tuple[Event, ...] = ()
    if crowded:
        start, opening = draw_crowd(choices, scene)
        counts["crowded",] += 1
    else:
        start = draw_start(choices, scene)
    strain = choices.chance(STRAINED)
    if strain:
        start, opening = strained(choices, genesis(policy) if start is None else start), ()
        counts["strained",] += 1
    before = genesis(policy) if start is None else start
    try:
        pair = Pair(before, plan.make)
    except DomainError as error:
        if strain:
            counts["venues outside", field_of(error)] += 1
            return None
        inside = "a venue well inside the declared domain, under a valid policy"
        return Told(policy, start, opening, (), Difference("declined", "POL", inside, str(error)))
    watch = None if observation is None else Watch(before, SeededChoices("watch"))
    found: Difference | Violation | None = None
    played = declined = 0
    while counts["events",] < length and found is None and declined <= played + DIGEST_EVERY:
        event = draw_event(choices, pair.venue, scene)
        if choices.chance(PUSHED):
            event = pushed(choices, event)
            counts["pushed",] += 1
        found = observed_step(pair, event, observation, watch)
        if pair.declined:
            declined += 1
            counts["declined", pair.declined] += 1
            continue
        played += 1
        counts["events",] += 1
        if found is None:
            count_answer(counts, side, pair.answers[-1])
            if played % DIGEST_EVERY == 0 or counts["events",] == length:
                found = pair.digests_differ()
    counts.update({("compared", what): number for what, number in pair.compared.items()})
    if found is None:
        counts["compared", "batches"] += 1
        found = batch_differs(before, pair.answers, plan.make)
    return None if found is None else Told(policy, start, opening, tuple(pair.events), found)


def observed_step(
    pair: Pair, event: Event, observation: Observation | None, watch: Watch | None
) -> Difference | Violation | None:
    """One event on both sides; in an observed history every claim of the campaign as well."""
    if observation is None or watch is None:
        return pair.step(event)
    observation.on = True
    try:
        found = pair.step(event)
        if found is not None or pair.declined:
            return found
        outcome = pair.answers[-1].outcome
        assert outcome is not None
        return watch.check(event, outcome)
    except Exception as error:
        return crash(error)
    finally:
        observation.on = False


def count_answer(counts: Counts, side: str, answer: Answer) -> None:
    """Count what both sides answered: the refusal, or the rules that posted and the stages entered."""
    assert answer.outcome is not None
    refusal = answer.outcome.refusal
    kind = TYPE_NAMES[type(answer.event)]
    if refusal is not None:
        counts["outcome", side, kind, refusal.rule] += 1
        counts["refused", refusal.rule, refusal.reason] += 1
        return
    counts["outcome", side, kind, ""] += 1
    counts["accepted",] += 1
    counts.update({("posted", rule): 1 for rule in {posting[1] for posting in answer.postings}})
    counts.update({("stage", stage): 1 for stage in set(stages_of(answer.outcome.postings))})


# ------------------------------------------------------------------------------------- the edge of the domain


def pushed(choices: Choices, event: Event) -> Event:
    """The event with one number at the edge of the domain or past it."""
    keys = list(amounts_of(event))
    if not choices.chance(100_000):
        keys = [key for key in keys if key[0] != "time"] or keys
    return with_amount(event, choices.pick(keys), choices.pick(EDGES)) if keys else event


def strained(choices: Choices, venue: Venue) -> Venue:
    """The venue with balances close to what the engine declares that it can hold.

    Fees and funds, or one account's wallet stand so high; what custody does not cover is recorded as bad
    debt, so that the books balance. Of what a fund may pay in this period, a part is paid.
    """

    def below(most: int) -> int:
        return most - magnitude(choices, 0, most // 4)

    pools = dict(venue.pools)
    if choices.chance(500_000):
        wallet = below(domain.WALLET_MAX)
        account = venue.accounts.get("a1", Account(OWNERS[0], CROSS, 0, {}, {}))
        cross = pools[CROSS]
        pools[CROSS] = replace(cross, bad_debt=cross.bad_debt + wallet - account.wallet)
        accounts = {**venue.accounts, "a1": replace(account, wallet=wallet)}
        return replace(venue, accounts=accounts, pools=pools)
    for name, pool in venue.pools.items():
        drawn = magnitude(choices, 0, venue.policy.draw_limits[name])
        pools[name] = replace(pool, draw_period=venue.clock // venue.policy.draw_period, drawn=drawn)
    # One pool alone, for the bad debt of all together has the same bound.
    name = choices.pick(tuple(pools))
    fund = below(domain.POOL_MAX // 2) if choices.chance(500_000) else 0
    fees = below(domain.POOL_MAX - 2 * domain.DEAL_MAX) - fund
    pool = pools[name]
    debt = pool.bad_debt + fund + fees
    pools[name] = replace(pool, fund=pool.fund + fund, fee_pool=pool.fee_pool + fees, bad_debt=debt)
    return replace(venue, pools=pools)
