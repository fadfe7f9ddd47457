"""Verify: everything that is known to be checked about a policy and its law, ending in one table.

The policy's own rules first. If they hold: the canaries of the prover, every theorem and refutation, the
second opinion, the campaign, and the differential between the law and the fast path: accounts and kernels
first, then the engine in lock step.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click

from marginspec import proving
from marginspec.errors import BROKEN, HELD, INTERRUPTED, TOOL_FAILED, UNDECIDED
from marginspec.paths import runs_folder
from marginspec.policy_file import PolicyFile
from marginspec.reports import Report, versions
from marginspec.screen import aligned, grouped, progress, say
from marginspec.show import facts_of_check, tell_faults
from refmodel.policy import Policy
from refmodel.rulebook import RULES
from refmodel.validity import CHECKERS


@dataclass(frozen=True, slots=True)
class Profile:
    """How much is done.

    events       of the campaign
    comparisons  of the differential, accounts at the least
    in_step      events that law and engine play in lock step
    seconds      for which CrossHair may search one contract
    """

    events: int
    comparisons: int
    in_step: int
    seconds: float


PROFILES = {
    "quick": Profile(events=200_000, comparisons=100_000, in_step=50_000, seconds=1.5),
    "full": Profile(events=2_000_000, comparisons=1_000_000, in_step=500_000, seconds=20.0),
}
PRECEDENCE = (INTERRUPTED, TOOL_FAILED, BROKEN, UNDECIDED, HELD)
"""Which exit code stands for a run: where the tool failed, its findings do not count."""


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the table.

    result    a verdict in a few words
    problems  what is wrong, one or more lines each; empty if all is well
    facts     for --json
    """

    name: str
    result: str
    detail: str = ""
    seconds: float = 0.0
    code: int = HELD
    problems: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


@contextmanager
def stage(words: str) -> Iterator[None]:
    """Say on the error stream what runs now, where no progress bar can be seen."""
    if not sys.stderr.isatty():
        click.echo(words, err=True)
    yield


def verify(file: PolicyFile, profile: Profile, seed: int, *, no_cache: bool) -> tuple[int, dict[str, Any]]:
    """Check everything, and print one table and a verdict.

    returns  the exit code, and the facts for --json
    """
    report = Report("verify")
    began = time.monotonic()
    if file.faults:
        return _broken_policy(file, report)
    cores = proving.workers()
    say(f"seed {seed}   policy {file.policy.name}   {cores} core{'' if cores == 1 else 's'}")
    parts = [_policy_rules()]
    checks: tuple[Callable[[], Part], ...] = (
        lambda: _canaries(),
        lambda: _theorems(no_cache=no_cache),
        lambda: _refutations(),
        lambda: _second_opinion(profile),
        lambda: _campaign(file.policy, profile.events, seed),
        lambda: _differential(file.policy, profile.comparisons, seed),
        lambda: _lock_step(file.policy, profile.in_step, seed),
    )
    for check in checks:
        parts.append(check())
        if parts[-1].code == INTERRUPTED:
            break
    code = next(code for code in PRECEDENCE if any(part.code == code for part in parts))
    facts = _facts(file, seed, parts, code)
    _close(file, report, parts, facts, code, time.monotonic() - began)
    return code, facts


def _broken_policy(file: PolicyFile, report: Report) -> tuple[int, dict[str, Any]]:
    """Every fault and what it costs. Nothing else is run: the theorems speak only of policies without one."""
    stories = tell_faults(file, report)
    broken = len({fault.rule for fault in file.faults})
    held = len(CHECKERS) - broken
    say(f"  policy rules   {held} hold   {broken} BROKEN")
    say("No theorem speaks of this policy, so nothing was proved or played.")
    nothing = dict.fromkeys(("total", "proved", "refuted", "undecided"), 0)
    facts = {
        "ok": False,
        "policy": facts_of_check(file, stories),
        "rules": {"total": len(RULES), "reached": 0},
        "theorems": nothing,
        "refutations": {"total": 0, "confirmed": 0},
        "campaign": {"events": 0},
        "differential": {"events": 0, "divergences": 0},
        "lock_step": {"events": 0, "divergences": 0},
    }
    report.write("policy.toml", file.text)
    report.write("report.json", facts)
    return BROKEN, facts


def _facts(file: PolicyFile, seed: int, parts: list[Part], code: int) -> dict[str, Any]:
    """All parts as one document."""
    facts: dict[str, Any] = {
        "ok": code == HELD,
        "policy": {"name": file.policy.name, "source": file.source},
        "seed": seed,
        "versions": versions(),
        "rules": {"total": len(RULES), "reached": 0},
    }
    for part in parts:
        facts |= part.facts
    return facts


def _close(
    file: PolicyFile, report: Report, parts: list[Part], facts: dict[str, Any], code: int, seconds: float
) -> None:
    """Print the problems, the table and the verdict; leave the report."""
    for part in parts:
        for problem in part.problems:
            say(problem)
    rows = [(part.name, part.result, f"{part.seconds:.1f} s", part.detail) for part in parts]
    table = aligned(("", "", "time", ""), rows, right=(2,)).lstrip("\n")
    said = "\n".join(line for line in table.splitlines() if line.strip() and line.strip() != "time")
    verdict = {
        HELD: f"ALL HELD under {file.policy.name}, in {seconds:.0f} s.",
        BROKEN: "DOES NOT HOLD: see above.",
        UNDECIDED: "UNDECIDED: nothing was found false, but not everything was shown. See above.",
        TOOL_FAILED: "The tool itself failed, so its findings do not count. See above.",
        INTERRUPTED: "Interrupted: what was proved is kept, and the table counts what was done.",
    }[code]
    report.write("policy.toml", file.text)
    report.write("report.json", facts)
    report.write("report.txt", f"{said}\n{verdict}\n")
    say(said)
    say(verdict)


# The parts


def _policy_rules() -> Part:
    return Part("policy rules", f"{len(CHECKERS)} hold")


def _canaries() -> Part:
    """Claims that are known to be false, or empty: the prover has to say so."""
    from proofs.canaries import run_canaries

    with stage("canaries of the prover ..."), progress("canaries", 1):
        found = run_canaries()
    return Part(
        "canaries",
        f"{found.refuted} false claims refuted",
        f"{found.flagged} empty ones flagged",
        found.seconds,
        HELD if found.holds else TOOL_FAILED,
        tuple(f"THE PROVER IS WRONG  {failure}" for failure in found.failures),
        {"canaries": {"refuted": found.refuted, "flagged": found.flagged}},
    )


def _theorems(*, no_cache: bool) -> Part:
    """Every theorem proved, and every mutant of it refuted."""
    began = time.monotonic()
    theorems = proving.find_theorems(())
    with stage(f"{len(theorems)} theorems ..."):
        results, cached = proving.run_theorems(theorems, no_cache=no_cache)
    facts = proving.theorem_facts(results, cached)
    counts = facts["theorems"]
    mutants = [status for result in results for _, status in result.mutants]
    refuted = sum(status == "refuted" for status in mutants)
    return Part(
        "theorems",
        f"{counts['proved']} proved, {counts['refuted']} refuted, {counts['undecided']} undecided",
        f"{refuted} of {len(mutants)} mutants refuted; {cached} from the cache",
        time.monotonic() - began,
        proving.exit_code_of(results),
        tuple(line for result in results for line in proving.trouble(result)),
        facts,
    )


def _refutations() -> Part:
    """Claims that were believed and are false: each still fails at its counterexample."""
    began = time.monotonic()
    refutations = proving.confirmed_refutations()
    facts = proving.refutation_facts(refutations)
    wrong = {name: problem for name, problem in refutations.items() if problem}
    return Part(
        "refutations",
        f"{facts['confirmed']} confirmed",
        "",
        time.monotonic() - began,
        BROKEN if wrong else HELD,
        tuple(f"NOT CONFIRMED  {name}: {problem}" for name, problem in wrong.items()),
        {"refutations": facts},
    )


def _second_opinion(profile: Profile) -> Part:
    """CrossHair on contracts of the scalar rules: another mechanism than the explorer's."""
    from proofs.second_opinion import SecondOpinionError, run_crosshair

    began = time.monotonic()
    try:
        with stage("second opinion by CrossHair ..."), progress("second opinion", 1) as advance:

            def arrived(done: int, total: int, name: str, answer: str) -> None:
                advance(done / total, f"{done} of {total}")

            found = run_crosshair(arrived, profile.seconds, proving.workers())
    except SecondOpinionError as error:
        return Part("second opinion", "FAILED", "", time.monotonic() - began, TOOL_FAILED, (str(error),))
    confirmed, searched = len(found.confirmed), len(found.no_counterexample)
    return Part(
        "second opinion",
        f"{confirmed} contracts confirmed, {len(found.refuted)} refuted",
        f"{searched} searched without a counterexample",
        found.seconds,
        HELD if found.ok else BROKEN,
        tuple(f"REFUTED BY CROSSHAIR  {refuted}" for refuted in found.refuted),
        {
            "second_opinion": {
                "contracts": found.conditions,
                "confirmed": confirmed,
                "no_counterexample": searched,
                "refuted": len(found.refuted),
            }
        },
    )


def _campaign(policy: Policy, events: int, seed: int) -> Part:
    """Drawn histories, every invariant after every event, every rule to be reached."""
    from marginspec.search.campaign import run_campaign
    from marginspec.search.reach.columns import NOT_APPLICABLE, REACHED

    with stage(f"{events:_} events of the campaign ..."), progress("campaign", events) as advance:
        found = run_campaign(
            policy,
            events,
            proving.workers(),
            seed,
            lambda done, total: advance(done, f"{done:_} of {total:_} events"),
            on_found=say,
            runs=runs_folder(),
        )
    reached = [one.rule for one in found.reach if one.reached]
    here = sum(one.given.verdict == REACHED for one in found.reach)
    elsewhere = sum(one.given.verdict == NOT_APPLICABLE for one in found.reach)
    problems = [f"NOT REACHED  {rule}: not seen to decide both ways" for rule in found.not_reached]
    code = HELD if found.ok else UNDECIDED
    if found.broken:
        problems.append(f"BROKEN  {found.broken} histories broke a claim; the shortest of each are above")
        code = BROKEN
    if found.interrupted:
        code = INTERRUPTED
    return Part(
        "campaign",
        f"{grouped(found.events)} events, {found.broken} broken claims",
        f"{len(reached)} of {len(found.reach)} rules reached; {here} under this policy, "
        f"{elsewhere} not applicable to it",
        found.seconds,
        code,
        tuple(problems),
        {
            "rules": {
                "total": len(found.reach),
                "reached": len(reached),
                "reached_by_policy": here,
                "not_applicable": elsewhere,
                "not_reached": list(found.not_reached),
            },
            "campaign": {
                "events": found.events,
                "accepted": found.accepted,
                "histories": found.histories,
                "broken": found.broken,
                "refused": dict(found.refused),
            },
        },
    )


def _differential(policy: Policy, comparisons: int, seed: int) -> Part:
    """The fast path and the law on the same accounts, to the quantum."""
    import fastpath
    from marginspec.search.differential import run_differential

    if not fastpath.COMPILED:
        problem = "The fast path is not compiled, so there is nothing to compare: run pip install -e ."
        return Part("differential", "FAILED", "", 0.0, TOOL_FAILED, (problem,))
    with stage(f"{comparisons:_} comparisons ..."), progress("differential", comparisons) as advance:
        found = run_differential(
            policy,
            comparisons,
            proving.workers(),
            seed,
            lambda done, total: advance(done, f"{done:_} of {total:_} accounts"),
        )
    code = HELD if found.ok else BROKEN
    if found.interrupted:
        code = INTERRUPTED
    answers = grouped(sum(found.kernels.values()))
    return Part(
        "differential",
        f"{grouped(found.accounts)} accounts, {found.diverged} divergences",
        f"law against fast path, to the quantum; and {answers} answers of kernels",
        found.seconds,
        code,
        tuple(f"DIVERGES  {divergence}" for divergence in found.divergences),
        {
            "differential": {
                "events": found.comparisons,
                "accounts": found.accounts,
                "kernels": dict(found.kernels),
                "divergences": found.diverged,
                "statuses": dict(found.statuses),
            }
        },
    )


def _lock_step(policy: Policy, events: int, seed: int) -> Part:
    """The engine and the law on the same histories: every refusal and posting, the state after each event."""
    import fastpath
    from fastpath.engine import Engine
    from marginspec.search.lockstep import run_lockstep
    from marginspec.search.lockstep_command import found_in_words

    if not fastpath.COMPILED:
        problem = "The engine is not compiled, so there is nothing to play against: run pip install -e ."
        return Part("lock step", "FAILED", "", 0.0, TOOL_FAILED, (problem,))
    with stage(f"{events:_} events in lock step ..."), progress("lock step", events) as advance:
        found = run_lockstep(
            policy,
            events,
            proving.workers(),
            seed,
            lambda done, total: advance(done, f"{done:_} of {total:_} events"),
            on_found=lambda shrunk: say(found_in_words(shrunk, Engine.from_venue)),
            runs=runs_folder(),
        )
    code = BROKEN if found.diverged or found.broken else HELD
    if found.interrupted:
        code = INTERRUPTED
    compared = found.by("compared")
    return Part(
        "lock step",
        f"{grouped(found.total('events'))} events, {found.diverged} divergences",
        f"law against engine: {grouped(compared.get('postings', 0))} postings, "
        f"{grouped(compared.get('refusals', 0))} refusals",
        found.seconds,
        code,
        tuple(f"DIVERGES  {shrunk.path}" for shrunk in found.shrunk),
        {
            "lock_step": {
                "events": found.total("events"),
                "divergences": found.diverged,
                "compared": compared,
            }
        },
    )
