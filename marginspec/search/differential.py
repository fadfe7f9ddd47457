"""The differential: the fast path against the law, on drawn accounts, to the quantum.

Two sides are named everywhere: `law` is refmodel, `fast` is the compiled pass of fastpath. Accounts are drawn
directly, without a history: far more of them, and further out, than a history reaches: sizes next to the
floors of tiers and at the limits, wallets that leave equity at a margin or a quantum beside it. Every
fourth batch holds accounts that a drawn history led to. About some accounts of each batch the kernels of the
waterfall are asked as well (waterfall_questions.py).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import fastpath
from fastpath import waterfall
from marginspec.search.choices import Choices, SeededChoices
from marginspec.search.draw_accounts import ACCOUNTS_PER_BATCH, draw_accounts
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.scene import draw_scene, draw_start, narrowed
from marginspec.search.two_sides import Row, Side, fast, law
from marginspec.search.waterfall_questions import Kernels, answers
from marginspec.search.workers import Progress, worked
from marginspec.story import format_account
from refmodel.policy import Policy
from refmodel.state import Venue, genesis
from refmodel.venue import apply

HISTORY_EVERY = 4
"""One batch in so many takes its accounts from drawn histories."""
LOOKS, EVENTS_BETWEEN_LOOKS = 12, 12
"""How often the accounts of a history are compared, and how many events pass in between."""
ASKED_OF_A_BATCH = 12
"""Accounts of a venue about which the kernels of the waterfall are asked."""
DIVERGENCES_MOST = 10
"""Divergences that are kept with all their values; all are counted."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """An account, or a question to a kernel, on which the sides differ.

    law, fast  what each side says; `fast` is its refusal where it gave no values
    account    its name and everything it holds, in one line; or the kernel and what it was asked
    batch      of the seed: the same seed and batch draw the same accounts
    """

    policy: Policy
    account: str
    law: Row | str
    fast: Row | str
    seed: int
    batch: int

    @property
    def text(self) -> str:
        """What differs, in a few lines."""
        return (
            f"policy {self.policy.name}, seed {self.seed}, batch {self.batch}\n"
            f"  {self.account}\n  law   {self.law}\n  fast  {self.fast}"
        )


@dataclass(frozen=True, slots=True)
class DifferentialReport:
    """What a differential run did and found.

    accounts     that both sides evaluated: equity, both margins and the status of each
    kernels      how many questions of each kernel of the waterfall both sides answered; a ranking or an
                 allocation of many holders is one question
    diverged     accounts and questions on which they differ
    divergences  the first of them, with their values
    statuses     how many accounts had which status, by the law
    interrupted  whether it was stopped before all was done
    """

    accounts: int
    kernels: dict[str, int]
    diverged: int
    divergences: tuple[Divergence, ...]
    statuses: dict[str, int]
    seed: int
    seconds: float
    interrupted: bool

    @property
    def comparisons(self) -> int:
        """Accounts that both sides evaluated, and questions that both answered."""
        return self.accounts + sum(self.kernels.values())

    @property
    def ok(self) -> bool:
        """Whether both sides said the same of every account, and the same to every question."""
        return self.diverged == 0 and not self.interrupted


@dataclass(slots=True)
class Compared:
    """What some batches came to."""

    accounts: int = 0
    diverged: int = 0
    divergences: list[Divergence] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    kernels: dict[str, int] = field(default_factory=dict)


def refuse_one_side_twice(left: Side, right: Side) -> None:
    """A comparison of a thing with itself always passes: refuse it."""
    if left is right:
        raise ValueError("law and fast are the same object: nothing would be compared")


def compare(venue: Venue, seed: int, batch: int, left: Side = law, right: Side = fast) -> Compared:
    """Evaluate every account of a venue on both sides, and keep what differs."""
    refuse_one_side_twice(left, right)
    names = tuple(venue.accounts)
    by_law = left(venue, names)
    statuses: dict[str, int] = {}
    for row in by_law:
        statuses[row.status] = statuses.get(row.status, 0) + 1
    by_fast: Sequence[Row | str]
    try:
        by_fast = right(venue, names)
    except fastpath.ColumnError as error:
        by_fast = [f"refused: {error}"] * len(names)
    differing = [number for number in range(len(names)) if by_law[number] != by_fast[number]]
    divergences = [
        Divergence(
            policy=venue.policy,
            account=f"{names[number]}: {format_account(venue, names[number])}",
            law=by_law[number],
            fast=by_fast[number],
            seed=seed,
            batch=batch,
        )
        for number in differing[:DIVERGENCES_MOST]
    ]
    return Compared(len(names), len(differing), divergences, statuses)


def compare_kernels(
    choices: Choices, venue: Venue, seed: int, batch: int, kernels: Kernels = waterfall
) -> Compared:
    """Ask the kernels of the waterfall about some accounts of a venue, and keep what differs."""
    compared = Compared()
    names = tuple(venue.accounts)[:ASKED_OF_A_BATCH]
    for answered in answers(choices, venue, names, kernels):
        compared.kernels[answered.kernel] = compared.kernels.get(answered.kernel, 0) + 1
        if answered.law != answered.fast:
            compared.diverged += 1
            if len(compared.divergences) < DIVERGENCES_MOST:
                question = f"{answered.kernel}{answered.asked}"
                told = Divergence(venue.policy, question, str(answered.law), str(answered.fast), seed, batch)
                compared.divergences.append(told)
    return compared


def compare_batch(policy: Policy, seed: int, batch: int) -> Compared:
    """Draw the accounts of a batch, on the policy given or on a drawn one, and compare."""
    choices = SeededChoices(f"differential:{seed}:{batch}")
    used = narrowed(choices, policy) if batch % 2 == 0 else draw_policy(choices, f"drawn-{batch}")
    if batch // 2 % HISTORY_EVERY == HISTORY_EVERY - 1:
        return compare_history(choices, used, seed, batch)
    venue = draw_accounts(choices, used)
    total = compare(venue, seed, batch)
    add(total, compare_kernels(choices, venue, seed, batch))
    return total


def compare_history(choices: Choices, policy: Policy, seed: int, batch: int) -> Compared:
    """Compare the accounts of a drawn history, again and again as it goes on."""
    total = Compared()
    scene = draw_scene(choices, policy)
    start = draw_start(choices, scene)
    venue = genesis(policy) if start is None else start
    for _ in range(LOOKS):
        for _ in range(EVENTS_BETWEEN_LOOKS):
            venue = apply(venue, draw_event(choices, venue, scene)).venue
        add(total, compare(venue, seed, batch))
    add(total, compare_kernels(choices, venue, seed, batch))
    return total


def add(total: Compared, part: Compared) -> None:
    """Take in what another part came to."""
    total.accounts += part.accounts
    total.diverged += part.diverged
    total.divergences += part.divergences[: DIVERGENCES_MOST - len(total.divergences)]
    for counts, more in ((total.statuses, part.statuses), (total.kernels, part.kernels)):
        for name, count in more.items():
            counts[name] = counts.get(name, 0) + count


def run_differential(
    policy: Policy,
    accounts: int,
    workers: int,
    seed: int,
    on_progress: Progress | None = None,
) -> DifferentialReport:
    """Compare at least this many accounts, and report.

    policy       a valid policy: half of the batches use it
    accounts     at the least, >= 1; the questions to the kernels come on top
    workers      processes, >= 1; the result does not depend on it
    on_progress  called with the accounts compared so far, and all
    Stopped by Ctrl-C it returns what was done, and says so.
    """
    began = time.monotonic()
    total = Compared()
    batches = -(-accounts // ACCOUNTS_PER_BATCH)
    interrupted = False
    try:
        # Batches of a history are smaller than the others: more follow until all is compared.
        first = 0
        while total.accounts < accounts:
            for part in worked(compare_batch, policy, seed, range(first, first + batches), workers):
                add(total, part)
                if on_progress is not None:
                    on_progress(min(total.accounts, accounts), accounts)
            first += batches
            batches = -(-(accounts - total.accounts) // ACCOUNTS_PER_BATCH)
    except KeyboardInterrupt:
        interrupted = True
    return DifferentialReport(
        accounts=total.accounts,
        kernels=dict(sorted(total.kernels.items())),
        diverged=total.diverged,
        divergences=tuple(sorted(total.divergences, key=lambda one: one.batch)),
        statuses=dict(sorted(total.statuses.items())),
        seed=seed,
        seconds=time.monotonic() - began,
        interrupted=interrupted,
    )
