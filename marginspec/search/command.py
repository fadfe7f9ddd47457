"""What `marginspec campaign` runs and prints: drawn histories under every claim, or the adversary."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marginspec.documents import trace_document
from marginspec.errors import BROKEN, HELD, INTERRUPTED, UNDECIDED
from marginspec.paths import runs_folder
from marginspec.reports import Report
from marginspec.screen import aligned, grouped, progress, say
from marginspec.search.adversary import AdversaryReport, Best, search_for_attacks
from marginspec.search.campaign import CampaignReport, run_campaign
from marginspec.search.choices import SeededChoices
from marginspec.search.coalition import Purse, amounts_of
from marginspec.search.reach.columns import NOT_APPLICABLE, REACHED
from marginspec.search.reach.reasons import reasons_of_the_law
from marginspec.search.scene import narrowed
from marginspec.search.workers import Workers, in_words
from marginspec.story import tell
from refmodel.policy import Policy
from refmodel.stages import STAGES_IN_ORDER

Told = tuple[int, dict[str, Any]]


# ------------------------------------------------------------------------------------- the campaign


def campaign(
    policy: Policy | None, events: int, workers: Workers, seed: int, evidence: Path | None = None
) -> Told:
    """Play a campaign and say what it came to.

    policy    half of the histories play on it; None: every history draws its own
    evidence  file in which what is done is kept, and from which a stopped run goes on
    returns  the exit code, and the facts for --json
    """
    name = "drawn policies" if policy is None else f"{policy.name} and drawn policies, half each"
    say(f"seed {seed}: {grouped(events)} events on {name}, {in_words(workers)}")
    with progress("campaign", events) as advance:
        found = run_campaign(
            policy,
            events,
            workers,
            seed,
            lambda done, total: advance(done, f"{done:_} of {total:_} events"),
            on_found=say,
            runs=runs_folder(),
            evidence=evidence,
        )
    say("\n".join(campaign_lines(found)))
    return code_of(found), facts_of(found)


def code_of(found: CampaignReport) -> int:
    """0 all held, 1 a claim broke, 3 something was not reached, 130 interrupted."""
    if found.broken:
        return BROKEN
    if found.interrupted:
        return INTERRUPTED
    return HELD if found.ok else UNDECIDED


def campaign_lines(found: CampaignReport) -> list[str]:
    """A campaign in lines: what was played, what broke, what was reached, how deep the waterfall went."""
    share = grouped(found.accepted * 100 // max(found.events, 1))
    rules = sum(one.reached for one in found.reach)
    reasons = len(reasons_of_the_law())
    three = found.histories_of_three_stages
    percent = three * 100 // max(found.histories, 1)
    lines = [
        f"  events      {grouped(found.events)} in {grouped(found.histories)} histories, {share} % accepted, "
        f"{found.seconds:.0f} s"
        + (f"; {grouped(found.earlier)} of them by earlier runs" if found.earlier else ""),
        f"  claims      {found.broken} histories broke one",
        f"  rules       {rules} of {len(found.reach)} seen to decide both ways",
        f"  refusals    {reasons - len(found.reasons_not_met)} of {reasons} reasons met",
        f"  waterfall   {grouped(three)} of {grouped(found.histories)} histories ({percent} %) entered three "
        "stages or more",
        "",
        stage_table(found),
    ]
    missing = [f"NOT REACHED  {rule}: not seen to decide both ways" for rule in found.not_reached]
    missing += [f"NOT REACHED  stage {stage}" for stage in found.stages_not_entered]
    missing += [f"NOT REACHED  refusal {reason}" for reason in found.reasons_not_met]
    if missing and not found.interrupted:
        missing.append("  More events, or another seed, may reach it.")
    if found.interrupted:
        lines.append("INTERRUPTED  What was played until then is counted above.")
    if found.broken:
        lines.append("BROKEN  The shortest history of each claim is above.")
    return [*lines, *missing]


def stage_table(found: CampaignReport) -> str:
    """How many events entered each stage, beside how many histories entered so many stages."""
    histories: Mapping[int, int] = {
        count: found.stages_given.get(count, 0) + found.stages_drawn.get(count, 0)
        for count in range(len(STAGES_IN_ORDER) + 1)
    }
    rows = [
        (stage, grouped(found.stages.get(stage, 0)), str(count), grouped(histories[count]))
        for count, stage in enumerate(STAGES_IN_ORDER)
    ]
    rows.append(("", "", str(len(STAGES_IN_ORDER)), grouped(histories[len(STAGES_IN_ORDER)])))
    return aligned(("stage", "events", "stages", "histories"), rows, right=(1, 2, 3))


def facts_of(found: CampaignReport) -> dict[str, Any]:
    """A campaign as JSON."""
    return {
        "seed": found.seed,
        "ok": found.ok,
        "interrupted": found.interrupted,
        "events": found.events,
        "accepted": found.accepted,
        "histories": found.histories,
        "broken": found.broken,
        "seconds": round(found.seconds, 1),
        "events_of_earlier_runs": found.earlier,
        "rules": {
            "total": len(found.reach),
            "reached": sum(one.reached for one in found.reach),
            "reached_by_policy": sum(one.given.verdict == REACHED for one in found.reach),
            "not_applicable": sum(one.given.verdict == NOT_APPLICABLE for one in found.reach),
            "not_reached": list(found.not_reached),
        },
        "refusals": {"met": dict(found.reasons), "not_met": list(found.reasons_not_met)},
        "stages": {
            "events": dict(found.stages),
            "at_once": {str(count): events for count, events in found.stages_at_once.items()},
            "histories_given": {str(count): number for count, number in found.stages_given.items()},
            "histories_drawn": {str(count): number for count, number in found.stages_drawn.items()},
            "histories_of_three": found.histories_of_three_stages,
            "not_entered": list(found.stages_not_entered),
        },
        "violations": [
            {"theorem": one.theorem, "claim": one.sentence, "found": one.trace.found, "trace": str(one.path)}
            for one in found.violations
        ],
    }


# ------------------------------------------------------------------------------------- the adversary


def adversary(policy: Policy, histories: int, seed: int) -> Told:
    """Let the adversary look for its best attack on a policy, and say what it came to.

    policy  one of many markets is narrowed to some of them, by the seed
    """
    policy = narrowed(SeededChoices(f"adversary {seed}"), policy)
    markets = ", ".join(policy.markets)
    say(f"seed {seed}: {grouped(histories)} histories of a coalition on {policy.name} ({markets})")
    with progress("adversary", histories) as advance:
        found = search_for_attacks(
            policy, histories, seed, lambda done, total: advance(done, f"{done:_} of {total:_} histories")
        )
    report = Report("campaign --adversary")
    say("\n".join(adversary_lines(policy, found, report)))
    code = BROKEN if found.broken else INTERRUPTED if found.interrupted else HELD
    return code, adversary_facts(found, seed)


def adversary_lines(policy: Policy, found: AdversaryReport, report: Report) -> list[str]:
    """The best attacks, each beside the bound of theorem E7."""
    lines = [
        f"  histories   {grouped(found.histories)}; {grouped(found.charged)} with a default charge, "
        f"{grouped(found.in_time)} in which everybody was closed in time: none of these had one (E7 a)"
    ]
    if found.broken:
        lines.append(f"BROKEN  {found.broken}")
    best = (("most taken out", found.goal), ("most by default", found.default))
    for title, attack in best:
        if attack is None:
            continue
        name = f"{title.replace(' ', '-')}.json"
        document = trace_document(policy, attack.events, found=f"{title}: {attack.goal:_} quanta")
        path = report.write(name, document)
        lines += ["", f"{title}: {len(attack.events)} events", tell(policy, None, attack.events), ""]
        lines += [bound_table(attack), f"  reproduce: marginspec replay {path}" if path else ""]
    if found.interrupted:
        lines.append("INTERRUPTED  The best until then is above.")
    return lines


def bound_table(attack: Best) -> str:
    """What an attack gained, beside what E7 allows."""
    purse: Purse = attack.purse
    rows = [
        ("taken out and held, less put in", grouped(attack.gain)),
        ("of it withdrawable now", grouped(attack.goal)),
        ("E7 allows", grouped(purse.bound())),
        ("  fall of the others at mark", grouped(purse.fall)),
        ("  paid by funds", grouped(purse.draws)),
        ("  forgone in deleveraging", grouped(purse.forgone)),
        ("  socialised", grouped(purse.socialised)),
        ("  bad debt", grouped(purse.bad_debt)),
        ("gain by default charges", grouped(attack.default)),
        ("at most its own deficits", grouped(purse.deficits)),
    ]
    return aligned(("amount", "quanta"), rows, right=(1,))


def adversary_facts(found: AdversaryReport, seed: int) -> dict[str, Any]:
    """A search of the adversary as JSON."""

    def facts(attack: Best | None) -> dict[str, Any] | None:
        if attack is None:
            return None
        amounts = {key: str(amount) for key, amount in amounts_of(attack.purse).items()}
        return {
            "events": len(attack.events),
            "withdrawable": str(attack.goal),
            "gain": str(attack.gain),
            "by_default": str(attack.default),
            "bound": str(attack.purse.bound()),
            **amounts,
        }

    return {
        "seed": seed,
        "ok": found.ok,
        "interrupted": found.interrupted,
        "histories": found.histories,
        "with_default_charge": found.charged,
        "closed_in_time": found.in_time,
        "broken": found.broken,
        "most_taken_out": facts(found.goal),
        "most_by_default": facts(found.default),
    }
