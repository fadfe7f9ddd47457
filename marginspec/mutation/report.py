"""What is said of the verdicts: spec/mutants.md, the screen, and which survivors somebody has reviewed."""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from marginspec.mutation.judges import JUDGES
from marginspec.mutation.mutations import MutantsError
from marginspec.mutation.named import HAND_MADE
from marginspec.mutation.trees import KILLED, SURVIVED, TIMED_OUT, Verdict
from marginspec.paths import SPEC
from marginspec.screen import aligned, say

REVIEWS = SPEC / "mutants.toml"


def reviews(file: Path = REVIEWS) -> dict[tuple[str, str, str, str], str]:
    """Why each survivor that somebody has looked at is no finding."""
    if not file.is_file():
        return {}
    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("reviewed", [])
    keys = ("file", "function", "before", "after")
    wrong = [entry for entry in entries if set(entry) != {*keys, "why"} or not entry["why"].strip()]
    if wrong:
        raise MutantsError(f"a review in {file.name} has file, function, before, after and why: {wrong[0]}")
    return {(e["file"], e["function"], e["before"], e["after"]): e["why"] for e in entries}


def counts_of(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many each judge killed, in the order in which they are asked."""
    killed = Counter(verdict.judge for verdict in verdicts if verdict.status == KILLED)
    return {judge: killed[judge] for judge in JUDGES if killed[judge]}


def _quoted(text: str) -> str:
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"


def page(
    verdicts: Sequence[Verdict], rows: Sequence[tuple[str, ...]], seed: int, known: Mapping[Any, str]
) -> str:
    """spec/mutants.md."""
    survivors = [verdict for verdict in verdicts if verdict.status == SURVIVED]
    stopped = sum(verdict.status == TIMED_OUT for verdict in verdicts)
    by_hand = [row for name in HAND_MADE for row in rows if row[1] == name]
    refuted = sum(row[4] == "refuted" for row in rows)
    lines = [
        "# Mutants",
        "",
        "The law with one thing wrong, and who notices. Written by `make mutants`; what is judged, and how,",
        "is in [marginspec/mutation/](../marginspec/mutation/__init__.py).",
        "",
        "## Named mutants",
        "",
        f"{refuted} of {len(rows)} named mutants are refuted by their theorem. Those that somebody would",
        "make by hand:",
        "",
        "| mutant | theorem | rule that went red | status |",
        "|---|---|---|---|",
        *(f"| {row[1]} | {row[0]} | {row[3]} | {row[4]} |" for row in by_hand),
        "",
        "## A sample",
        "",
        f"{len(verdicts)} mutations of `refmodel/` by the operators of cosmic-ray, seed {seed}: "
        f"{len(verdicts) - len(survivors)} noticed, {len(survivors)} not.",
        "",
        "| noticed by | mutations |",
        "|---|---:|",
        *(f"| {judge} | {count} |" for judge, count in counts_of(verdicts).items()),
        *([f"| did not end, and was stopped | {stopped} |"] if stopped else []),
        "",
        "Each judge is asked only about what those above it let pass.",
        "",
        "## Survivors",
        "",
    ]
    if not survivors:
        lines += ["None.", ""]
    else:
        lines += ["| place | before | after | why nobody notices |", "|---|---|---|---|"]
    for verdict in sorted(survivors, key=lambda verdict: (verdict.mutation.file, verdict.mutation.line)):
        m = verdict.mutation
        why = known.get(m.review, "**not reviewed**")
        place = f"`{m.file}` line {m.line}, `{m.function}`"
        lines.append(f"| {place} | {_quoted(m.before)} | {_quoted(m.after)} | {why} |")
    return "\n".join(lines).rstrip() + "\n"


def tell(verdicts: Sequence[Verdict], known: Mapping[Any, str]) -> int:
    """Print the sample's outcome; returns how many survivors nobody has reviewed."""
    stopped = sum(verdict.status == TIMED_OUT for verdict in verdicts)
    rows = [(judge, str(count)) for judge, count in counts_of(verdicts).items()]
    rows += [("did not end, and was stopped", str(stopped))] if stopped else []
    say(aligned(("noticed by", "mutations"), rows, right=(1,)))
    unreviewed = 0
    for verdict in sorted(verdicts, key=lambda verdict: (verdict.mutation.file, verdict.mutation.line)):
        if verdict.status != SURVIVED:
            continue
        mutation = verdict.mutation
        why = known.get(mutation.review)
        unreviewed += why is None
        rules = f" ({', '.join(mutation.rules)})" if mutation.rules else ""
        say(f"SURVIVED  refmodel/{mutation.file}:{mutation.line} {mutation.function}{rules}")
        say(f"  - {mutation.before}\n  + {mutation.after}")
        say(f"  {why or 'NOT REVIEWED: write a test that notices it, or say in spec/mutants.toml why not.'}")
        if verdict.unasked:
            say(f"  there was no time to ask {', '.join(verdict.unasked)}")
    return unreviewed
