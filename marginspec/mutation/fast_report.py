"""What is said of the changes of the fast path: spec/fast-mutants.md, and the screen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from marginspec.mutation.fast_judges import FAST_JUDGES
from marginspec.mutation.fast_trees import EQUAL
from marginspec.mutation.trees import KILLED, SURVIVED, TIMED_OUT, Verdict
from marginspec.paths import SPEC
from marginspec.screen import aligned, say

REVIEWS = SPEC / "fast-mutants.toml"
PAGE = SPEC / "fast-mutants.md"
STOPPED = "did not end, and was stopped"
NOT_REVIEWED = "NOT REVIEWED: write a test that notices it, or say in spec/fast-mutants.toml why not."


def noticed_by(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many each judge noticed, in the order in which they are asked."""
    found = Counter(verdict.judge for verdict in verdicts if verdict.status == KILLED)
    stopped = sum(verdict.status == TIMED_OUT for verdict in verdicts)
    counts = {judge: found[judge] for judge in FAST_JUDGES if found[judge]}
    return {**counts, STOPPED: stopped} if stopped else counts


def rules_named(verdict: Verdict) -> tuple[str, ...]:
    """The rule, or the theorem, by which a change was noticed; else the rules of its function."""
    return verdict.red or verdict.mutation.rules


def in_order(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """By file and line."""
    return sorted(verdicts, key=lambda one: (one.mutation.file, one.mutation.line, one.mutation.occurrence))


def tell(verdicts: Sequence[Verdict], known: Mapping[Any, str]) -> int:
    """Print what came of the changes; returns how many survivors nobody has reviewed."""
    rows = [(judge, str(count)) for judge, count in noticed_by(verdicts).items()]
    say(aligned(("noticed by", "changes"), rows, right=(1,)))
    unreviewed = 0
    for verdict in in_order(verdicts):
        if verdict.status != SURVIVED:
            continue
        mutation = verdict.mutation
        why = known.get(mutation.review)
        unreviewed += why is None
        rules = f" ({', '.join(mutation.rules)})" if mutation.rules else ""
        say(f"SURVIVED  fastpath/{mutation.file}:{mutation.line} {mutation.function}{rules}")
        say(f"  - {mutation.before}\n  + {mutation.after}")
        say(f"  {why or NOT_REVIEWED}")
    return unreviewed


def page(verdicts: Sequence[Verdict], seed: int, known: Mapping[Any, str]) -> str:
    """spec/fast-mutants.md."""
    kernels = [verdict for verdict in verdicts if verdict.mutation.file == "kernels.py"]
    others = [verdict for verdict in verdicts if verdict.mutation.file != "kernels.py"]
    lines = [
        "# Mutants of the fast path",
        "",
        "The fast path with one thing wrong, and who notices. Written by `make mutants-fast`; what is",
        "changed, and who is asked, is in [fast.py](../marginspec/mutation/fast.py).",
    ]
    lines += _part("Every change of `kernels.py`", kernels, known)
    lines += _part(f"A sample of the rest, seed {seed}", others, known)
    return "\n".join(lines).rstrip() + "\n"


def _part(title: str, verdicts: Sequence[Verdict], known: Mapping[Any, str]) -> list[str]:
    survivors = [verdict for verdict in in_order(verdicts) if verdict.status == SURVIVED]
    equal = sum(verdict.status == EQUAL for verdict in verdicts)
    counts = noticed_by(verdicts)
    lines = [
        *("", f"## {title}", ""),
        f"{len(verdicts)} changes. {equal} of them leave a kernel equal to its rule: the theorem that says",
        f"so is proved of the changed text as well. {len(survivors)} more were noticed by nobody.",
        "",
    ]
    lines += ["| noticed by | changes |", "|---|---:|", *(f"| {key} | {n} |" for key, n in counts.items())]
    if survivors:
        lines += ["", "| place | before | after | why nobody notices |", "|---|---|---|---|"]
    for verdict in survivors:
        change = verdict.mutation
        why = known.get(change.review, "**not reviewed**")
        place = f"`{change.file}`, `{change.function}`"
        lines.append(f"| {place} | {_quoted(change.before)} | {_quoted(change.after)} | {why} |")
    return lines


def _quoted(text: str) -> str:
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"
