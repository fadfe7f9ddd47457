"""What `policy check` and `policy show` print: the faults of a policy, or what it protects.

For each market and tier: the least rate really taken (GAP-1), the largest adverse move that an account at
its margin survives (GAP-2, theorem C1a), and the largest that also pays the penalty (GAP-3, C1b).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marginspec.cost import Story, cost_of_gap
from marginspec.documents import trace_document
from marginspec.errors import BROKEN, HELD, Flaw, InputError
from marginspec.policy_file import PolicyFile
from marginspec.reports import Report
from marginspec.screen import aligned, grouped, say
from refmodel.canonical import policy_digest
from refmodel.gap import effective_rate, gap_survived, gap_survived_with_penalty
from refmodel.numbers import PPM, Ppm, Quanta, floor_div
from refmodel.policy import SQRT, Market, Policy, Schedule
from refmodel.rulebook import RULES
from refmodel.validity import CHECKERS, Fault, rates_of

STORIES_MAX = 3
"""Stories told in full; the same fault in a hundred markets costs the same way in each."""
MARKETS_MAX = 12
"""More markets than this are summed up; one is shown with --market, all by `policy show`."""
TIGHTEST = 5


@dataclass(frozen=True, slots=True)
class Survival:
    """What one tier of a market protects against.

    floor         quanta of notional from which it counts
    initial       rate of the tier, ppm; the base of `sqrt`
    maintenance   likewise
    effective     GAP-1, ppm
    survived      GAP-2, ppm of the mark
    with_penalty  GAP-3, ppm of the mark
    """

    market: str
    tier: int
    floor: Quanta
    initial: Ppm
    maintenance: Ppm
    effective: Ppm
    survived: Ppm
    with_penalty: Ppm


def survivals(name: str, market: Market) -> Iterator[Survival]:
    """What each tier of a market protects against."""
    initial, maintenance = _rates(market.initial), _rates(market.maintenance)
    floors = [tier.floor for tier in market.maintenance.tiers] or [0]
    for tier, floor in enumerate(floors):
        rate = effective_rate(market.maintenance, tier)
        yield Survival(
            market=name,
            tier=tier + 1,
            floor=floor,
            initial=initial[min(tier, len(initial) - 1)],
            maintenance=maintenance[tier],
            effective=rate,
            survived=gap_survived(rate),
            with_penalty=gap_survived_with_penalty(rate, market.liquidation.penalty),
        )


def _rates(schedule: Schedule) -> list[Ppm]:
    return [schedule.base] if schedule.kind == SQRT else rates_of(schedule)


HEADINGS = (
    "market",
    "tier",
    "from\nquanta",
    "initial\nppm",
    "maintenance\nppm",
    "least taken\nppm",
    "gap\nppm",
    "survives\nppm (C1a)",
    "with penalty\nppm (C1b)",
)


def table_of(policy: Policy, rows: Iterable[Survival]) -> str:
    """The survivals as a table."""
    cells = []
    for row in rows:
        numbers = (row.floor, row.initial, row.maintenance, row.effective, policy.markets[row.market].gap)
        survived = (row.survived, row.with_penalty)
        cells.append((row.market, str(row.tier), *(grouped(number) for number in (*numbers, *survived))))
    return aligned(HEADINGS, cells, right=range(1, len(HEADINGS)))


# policy check


def check(file: PolicyFile, market: str | None, report: Report) -> tuple[int, dict[str, Any]]:
    """Print what `policy check` prints.

    market   the one to show in full, or None
    returns  the exit code, and the facts for --json
    """
    _refuse_unknown_market(file, market)
    if file.faults:
        stories = tell_faults(file, report)
        broken = len({fault.rule for fault in file.faults})
        say(f"BROKEN: {broken} of {len(CHECKERS)} policy rules. No theorem speaks of this policy.")
        return BROKEN, facts_of_check(file, stories)
    policy = file.policy
    rows = {name: list(survivals(name, policy.markets[name])) for name in policy.markets}
    tiers = sum(len(of_market) for of_market in rows.values())
    counted = f"{_counted(len(rows), 'market')}, {_counted(tiers, 'tier')}"
    say(f"{file.source} holds all {len(CHECKERS)} policy rules: {counted}.")
    say("The largest adverse move of the mark that an account at its margin survives (C1a), and the largest")
    say("after which it can still pay the liquidation penalty (C1b), in ppm of the mark:")
    say()
    if market is not None:
        say(table_of(policy, rows[market]))
    elif len(rows) <= MARKETS_MAX:
        say(table_of(policy, (row for of_market in rows.values() for row in of_market)))
    else:
        lowest = [of_market[0] for of_market in rows.values()]
        lowest.sort(key=lambda row: (row.survived, row.market))
        say(f"  The {TIGHTEST} tightest of {len(rows)} markets, in their lowest tier:")
        say()
        say(table_of(policy, lowest[:TIGHTEST]))
        say()
        say("  One market: --market NAME. All of them: marginspec policy show.")
    return HELD, facts_of_check(file, {})


def _counted(number: int, noun: str) -> str:
    return f"{grouped(number)} {noun}{'' if number == 1 else 's'}"


def _refuse_unknown_market(file: PolicyFile, market: str | None) -> None:
    if market is not None and market not in file.policy.markets:
        import difflib

        near = difflib.get_close_matches(market, list(file.policy.markets), n=3)
        repair = f"Did you mean {' or '.join(near)}?" if near else "See marginspec policy show."
        raise InputError(file.source, Flaw(f"markets.{market}", "is no market of this policy.", repair))


def facts_of_check(file: PolicyFile, stories: dict[str, Story]) -> dict[str, Any]:
    """What `policy check` found, as JSON: rates as numbers, amounts as decimal strings."""
    broken = {fault.rule for fault in file.faults}
    markets: dict[str, Any] = {}
    if not file.faults:
        for name, market in file.policy.markets.items():
            tiers = [
                {
                    "from": str(row.floor),
                    "effective_rate": str(row.effective),
                    "gap_survived": str(row.survived),
                    "gap_survived_with_penalty": str(row.with_penalty),
                }
                for row in survivals(name, market)
            ]
            markets[name] = {
                "gap": str(market.gap),
                "penalty": str(market.liquidation.penalty),
                "tiers": tiers,
            }
    return {
        "policy": file.policy.name,
        "source": file.source,
        "digest": policy_digest(file.policy),
        "ok": not file.faults,
        "rules": {"total": len(CHECKERS), "broken": len(broken)},
        "faults": [fault_facts(fault) for fault in file.faults],
        "stories": {name: story_facts(story) for name, story in stories.items()},
        "markets": markets,
    }


def fault_facts(fault: Fault) -> dict[str, str]:
    """A fault as JSON."""
    return {"rule": fault.rule, "key": fault.key, "value": fault.value, "valid": fault.valid}


def story_facts(story: Story) -> dict[str, str]:
    """A story as JSON."""
    numbers = {
        "rate": story.rate,
        "gap": story.gap,
        "rate_needed": story.needed,
        "moves": len(story.marks),
        "rate_needed_with_penalty": story.rate_with_penalty,
        "lots": -story.lots,
        "mark": story.mark,
        "mark_after": story.mark_after,
        "equity": story.equity,
        "equity_after": story.equity_after,
    }
    return {key: str(number) for key, number in numbers.items()}


# Faults, and what they cost


def tell_faults(file: PolicyFile, report: Report) -> dict[str, Story]:
    """Print every fault; for the first few markets whose gap is not covered, what that costs.

    returns  the stories told, by market
    """
    stories: dict[str, Story] = {}
    for fault in file.faults:
        say(f"BROKEN  {fault.rule}   {fault.key} = {fault.value}   ({file.source})")
        say(f"  {title_of(fault.rule)}")
        market = _market_of_gap(file.policy, fault)
        story = None
        if market is not None and len(stories) < STORIES_MAX:
            story = cost_of_gap(file.policy, market)
        if story is None:
            say(f"  To repair        {fault.valid}")
            say(f"  Read             marginspec explain {fault.rule}")
        else:
            stories[story.name] = story
            say("\n".join(story_lines(story, _reproduction(story, report))))
        say()
    return stories


def title_of(rule: str) -> str:
    """The sentence that a rule's function begins with."""
    return (RULES[rule].__doc__ or "").strip().splitlines()[0]


def _market_of_gap(policy: Policy, fault: Fault) -> str | None:
    """The market whose gap a fault of POL-9 is about."""
    if fault.rule != "POL-9":
        return None
    inside = [name for name in policy.markets if fault.key.startswith(f"markets.{name}.")]
    return inside[0] if inside else None


def _reproduction(story: Story, report: Report) -> str:
    """Write the trace of a story; the command that runs it, or why there is none."""
    if not story.events:
        return "none: other faults of this policy keep such an account from coming about"
    moves = "one gap of the mark leaves" if len(story.marks) == 1 else f"{len(story.marks)} gaps leave"
    found = (
        f"{story.name}: {moves} an account that was at its maintenance margin "
        f"with an equity of {story.equity_after} quanta, which others pay."
    )
    accepted = [None] * len(story.events)
    document = trace_document(story.policy, story.events, found=found, expect=accepted, digest=story.digest)
    path = report.write(f"POL-9-{story.name}.json", document)
    return f"marginspec replay {path}" if path else f"none: runs/ cannot be written to ({report.problem})"


def story_lines(story: Story, reproduction: str) -> list[str]:
    """A story of POL-9: what is needed and there, the smallest case, the repair."""
    needed, rate = grouped(story.needed), grouped(story.rate)
    factor = f"1.{story.needed:06d}".rstrip("0") if story.needed < PPM else "2"
    with_penalty = f"{needed} + {grouped(story.penalty)} x {factor} = {grouped(story.rate_with_penalty)} ppm"
    moves = story.policy.markets[story.name].touch_moves
    cost = "C1a, the gap theorem" if moves == 1 else "C2, the gap theorem for several moves"
    gaps = "one gap" if moves == 1 else f"{moves} gaps"
    distance = "the gap" if moves == 1 else f"the gap of {moves} moves"
    moved = floor_div((story.mark_after - story.mark) * PPM, story.mark)
    width = max(len(grouped(story.equity)), len(grouped(story.equity_after)))
    at_margin = "= maintenance margin" if story.slack == 0 else "= maintenance margin + 1"
    lots = _counted(story.lots, "lot")
    smaller = f"markets.{story.name}.gap <= {grouped(story.smaller_gap)} ppm"
    marks = f"mark {grouped(story.mark)} -> {grouped(story.mark_after)} ticks ({grouped(moved)} ppm)"
    lost = grouped(-story.equity_after)
    return [
        f"  It costs {cost}: an account at its maintenance margin cannot pay for {gaps}.",
        f"      needs   {needed} ppm, {distance:<16} with the penalty (C1b): {with_penalty}",
        f"      has     {rate} ppm",
        f"  Smallest case    short {lots} of {story.name}, {marks}",
        f"                   equity   {grouped(story.equity):>{width}} quanta {at_margin}, not liquidatable",
        f"                   after    {grouped(story.equity_after):>{width}} quanta: "
        f"others pay {lost} for {'one lot' if story.lots == 1 else lots}",
        f"  To repair        {story.key} >= {needed} ppm, or {smaller};",
        f"                   with the penalty, {story.key} >= {grouped(story.rate_with_penalty)} ppm",
        f"  Reproduce        {reproduction}",
        f"  The theorem      {story.theorem}",
        "  Read             marginspec explain POL-9",
    ]


# policy show

CHOICES = (
    ("trigger", "MAR-9"),
    ("bad_debt_gate", "WDR-1"),
    ("transfer_rate", "WDR-3"),
    ("fee_taker", "FEE-1"),
    ("fee_maker", "FEE-1"),
    ("venue_total_max", "LIM-4"),
    ("positions_max", "LIM-2"),
    ("stages", "POL-18"),
    ("takeover_trigger", "TKO-1"),
    ("takeover_remainder", "TKO-4"),
    ("draw_period", "INS-1"),
    ("draw_limits", "INS-1"),
    ("backstop_notional_max", "INS-3"),
    ("adl_ranking", "ADL-1"),
    ("adl_allocation", "ADL-7"),
    ("payers", "LOS-3"),
)
MARKET_CHOICES = (
    ("multiplier", "quanta per lot and tick", "MAR-1"),
    ("price_min", "ticks", "POL-11"),
    ("price_max", "ticks", "PRC-2"),
    ("size_max", "lots", "LIM-1"),
    ("band", "ppm", "TRD-4"),
    ("gap", "ppm", "POL-9"),
    ("touch_moves", "moves", "GAP-4"),
    ("funding_cap", "ppm", "FUN-1"),
)
LIQUIDATION_CHOICES = (
    ("size", "", "LIQ-2"),
    ("penalty", "ppm", "LIQ-3"),
    ("band", "ppm", "LIQ-6"),
    ("fraction", "ppm", "LIQ-2"),
    ("whole_below", "quanta", "LIQ-2"),
    ("buffer", "quanta", "RST-2"),
)
UNITS = {
    "transfer_rate": "ppm",
    "fee_taker": "ppm",
    "fee_maker": "ppm",
    "venue_total_max": "quanta",
    "positions_max": "markets",
    "takeover_trigger": "ppm",
    "draw_period": "milliseconds",
    "draw_limits": "quanta",
    "backstop_notional_max": "quanta",
}


def show(file: PolicyFile, market: str | None) -> tuple[int, dict[str, Any]]:
    """Print every choice of a policy, and of each market, with the rule that reads it.

    market   only this one, or None
    returns  the exit code, and the facts for --json
    """
    _refuse_unknown_market(file, market)
    policy = file.policy
    say(f"{policy.name}   settles in {policy.asset}   {policy_digest(policy)}")
    rows = [(key, _value(getattr(policy, key)), UNITS.get(key, ""), rule) for key, rule in CHOICES]
    rows.append(("isolated", ", ".join(policy.isolated) or "none", "", "ACC-3"))
    say(aligned(("choice", "value", "unit", "read by"), rows))
    for name in policy.markets if market is None else (market,):
        terms = policy.markets[name]
        say()
        say(f"{name}   initial margin {terms.initial.kind}, maintenance margin {terms.maintenance.kind}")
        cells = [(key, _value(getattr(terms, key)), unit, rule) for key, unit, rule in MARKET_CHOICES]
        cells += [
            (f"liquidation.{key}", _value(getattr(terms.liquidation, key)), unit, rule)
            for key, unit, rule in LIQUIDATION_CHOICES
        ]
        say(aligned(("choice", "value", "unit", "read by"), cells))
        for side, schedule in (("initial", terms.initial), ("maintenance", terms.maintenance)):
            if schedule.kind == SQRT:
                base, factor = grouped(schedule.base), grouped(schedule.factor)
                say(f"  {side}: at least {base} ppm, and {factor} ppm x square root of the lots")
        say(table_of(policy, survivals(name, terms)))
    return HELD, {**facts_of_check(file, {}), "document": _plain_document(policy)}


def _value(value: object) -> str:
    if isinstance(value, int):
        return grouped(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {grouped(amount)}" for key, amount in value.items())
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _plain_document(policy: Policy) -> Any:
    document = trace_document(policy, ())
    return document["policy"]
