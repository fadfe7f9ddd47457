"""What comes of each case: the law's answer beside the venue's, and the page that tells both."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.cases import dydx_v4, dydx_v4_updates, natural_units, waterfall
from tests.cases.law import Adapter, Case, Said

CASES = Path(__file__).parent
INDEX = CASES / "index.json"
PAGE = CASES / "README.md"

EXACT = "exact"
ROUNDING = "rounding"
DIFFERS = "differs"
WAITS = "waits"
STATES = (EXACT, ROUNDING, DIFFERS, WAITS)

ADAPTERS: dict[str, Adapter] = {
    **natural_units.ADAPTERS,
    **dydx_v4.ADAPTERS,
    **dydx_v4_updates.ADAPTERS,
    **waterfall.ADAPTERS,
}


@dataclass(frozen=True)
class Finding:
    """One number on which venue and law are not equal.

    bound  how far apart rounding alone may take them: the law's own and the venue's stated tolerance
    rule   the rule that rounds
    """

    key: str
    venue: str
    law: str
    bound: str
    rule: str


@dataclass(frozen=True)
class Verdict:
    """What came of one case: its state, where the two are not equal, and the keys the law was not asked."""

    state: str
    findings: tuple[Finding, ...]
    not_asked: tuple[str, ...]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values in a nested document, each with its path."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from leaves(member, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, f"{path}.{index}" if path else str(index))
    else:
        yield path, value


def text_of(value: Any) -> str:
    """A number as a decimal if it is one, else as a fraction; anything else as it is printed."""
    if not isinstance(value, Fraction):
        return str(value).lower() if isinstance(value, bool) else str(value)
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
        if digits > 40:
            return str(value)
    sign, number = "-" if value < 0 else "", str(abs(int(value * 10**digits))).rjust(digits + 1, "0")
    return (
        f"{sign}{number[: len(number) - digits]}.{number[len(number) - digits :]}"
        if digits
        else sign + number
    )


def tolerance_of(case: Case, key: str, value: Fraction) -> Fraction:
    """The venue's own stated tolerance of a number."""
    tolerance = case.get("tolerance", {})
    tolerance = tolerance.get(key, tolerance)
    absolute = Fraction(tolerance["abs"]) if "abs" in tolerance else Fraction(0)
    return max(absolute, abs(value) * Fraction(tolerance["rel"]) if "rel" in tolerance else Fraction(0))


def judge(case: Case, adapter: Adapter) -> Verdict:
    """Run a case through the law and compare every number that the venue states."""
    law = dict(leaves(adapter(case)))
    findings, not_asked, states = [], [], [EXACT]
    for key, expected in leaves(case["expect"]):
        if key not in law:
            not_asked.append(key)
            continue
        said = law[key] if isinstance(law[key], Said) else Said(law[key])
        value: Any = Fraction(expected) if isinstance(said.value, Fraction) else expected
        if said.value == value:
            continue
        bound = Fraction(0)
        if isinstance(value, Fraction):
            bound = said.bound + tolerance_of(case, key, value)
        within = isinstance(value, Fraction) and abs(said.value - value) <= bound
        states.append(ROUNDING if within else DIFFERS)
        findings.append(
            Finding(key, text_of(value), text_of(said.value), text_of(bound) if within else "", said.rule)
        )
    return Verdict(max(states, key=STATES.index), tuple(findings), tuple(not_asked))


def read_json(path: Path) -> Case:
    """One of the files of this folder."""
    document: Case = json.loads(path.read_text(encoding="utf-8"))
    return document


def topics() -> list[Case]:
    """The index: every topic with every case of it, whether reached or not."""
    topics: list[Case] = read_json(INDEX)["topics"]
    return topics


def reached() -> Iterator[tuple[str, Case, Case]]:
    """Every committed case: the topic, its line in the index, the case."""
    for topic in topics():
        if "file" not in topic:
            continue
        cases = {case["id"]: case for case in read_json(CASES / topic["file"])["cases"]}
        for line in topic["cases"]:
            if line["state"] != WAITS:
                yield topic["topic"], line, cases[line["id"]]


def adapter_of(topic: str, case: Case) -> Adapter:
    """The adapter of a case: by the formula that a venue's file names, or by its topic."""
    return ADAPTERS[case.get("formula", topic)]


# ------------------------------------------------------------------------------------------------------- page


def page() -> str:
    """tests/cases/README.md, rendered from the index and from what the law says now."""
    index = read_json(INDEX)
    verdicts = {line["id"]: judge(case, adapter_of(topic, case)) for topic, line, case in reached()}
    lines = [
        "# Cases of real venues",
        "",
        "Numbers that venues, or the tests of their public code, state. Each file holds the cases of one",
        "venue and topic that the law reaches, with their source; `index.json` accounts for every case that",
        "was collected, reached or not. Facts only, re-encoded: no code and no text of a venue. This page is",
        "rendered by `python -m tests.test_cases`; `tests/test_cases.py` fails if it says anything else.",
        "",
        "- *exact*: the law gives the venue's number.",
        "- *rounding*: both numbers are listed, the rule that rounds, and how far rounding may go: one unit",
        "  of that rule, and the tolerance that the venue's own rounded inputs and outputs ask for.",
        "- *differs*: the law answers the same question by another rule; both answers and the reason follow.",
        "- *waits*: not reached; what it waits for follows.",
        "",
        "## How many",
        "",
        "| topic | cases | exact | rounding | differs | waits |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    totals = dict.fromkeys(STATES, 0)
    for topic in index["topics"]:
        counts = {state: sum(line["state"] == state for line in topic["cases"]) for state in STATES}
        for state in STATES:
            totals[state] += counts[state]
        name = f"[{topic['topic']}]({topic['file']})" if "file" in topic else topic["topic"]
        lines.append(f"| {name} | {len(topic['cases'])} | " + " | ".join(map(str, counts.values())) + " |")
    total = " | ".join(f"**{count}**" for count in totals.values())
    lines += [f"| **all** | **{sum(totals.values())}** | {total} |", ""]
    exact = [line["id"] for _, line, _ in reached() if line["state"] == EXACT]
    lines += ["## Exact", "", ", ".join(f"`{name}`" for name in exact), ""]
    lines += ["## Different by rounding alone", ""]
    lines += ["| case | number | venue | law | bound | rule |", "|---|---|---:|---:|---:|---|"]
    lines += [
        f"| `{line['id']}` | {found.key} | {found.venue} | {found.law} | {found.bound} | {found.rule} |"
        for _, line, _ in reached()
        if line["state"] == ROUNDING
        for found in verdicts[line["id"]].findings
    ]
    lines += ["", "## Different by rule", ""]
    lines += ["| case | number | venue | law | reason |", "|---|---|---:|---:|---|"]
    lines += [
        f"| `{line['id']}` | {found.key} | {found.venue} | {found.law} "
        f"| {'rounding alone, ' + found.rule if found.bound else index['differences'][line['reason']]} |"
        for _, line, _ in reached()
        if line["state"] == DIFFERS
        for found in verdicts[line["id"]].findings
    ]
    lines += [
        "",
        "## Numbers of a reached case that the law was not asked",
        "",
        "| case | numbers | reason |",
    ]
    lines += ["|---|---|---|"]
    lines += [
        f"| `{line['id']}` | {', '.join(line['not_asked'])} | {index['unasked'][line['unasked']]} |"
        for _, line, _ in reached()
        if "not_asked" in line
    ]
    lines += ["", "## Not reached", "", "| waits for | cases | which |", "|---|---:|---|"]
    for reason, words in index["waiting"].items():
        waiting = [
            line["id"] for topic in index["topics"] for line in topic["cases"] if line.get("for") == reason
        ]
        lines.append(f"| {words} | {len(waiting)} | {', '.join(f'`{name}`' for name in waiting)} |")
    return "\n".join(lines) + "\n"
