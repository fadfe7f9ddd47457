"""The status of the law, written from what is found: `python -m marginspec.prose.status`.

It writes spec/STATUS.md, the index in spec/README.md, and in each chapter the theorems of every rule. Two
runs on the same tree write the same bytes; `--check` writes nothing and names what is stale.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from marginspec.paths import ROOT, SPEC
from marginspec.prose.chapters import RuleText, chapter_paths
from marginspec.prose.picture import Picture, identifiers_of, picture, premises_of, theorems_of
from marginspec.prose.plumbing import with_plumbing
from proofs.registry import Theorem

COMMAND = "python -m marginspec.prose.status"
BEGIN = f"<!-- index: written by {COMMAND} -->"
END = "<!-- end of index -->"

TRUST = """# Status

Written by `{command}`; do not edit. This page says first what the law's claims rest on and where they end,
then lists every rule. There are no times and no verdicts on it: `make verify` proves each theorem again,
and fails if one is not.

## What is assumed

From outside, and not checked by any rule: who owns an account, which prices are true, and in which order
events happen. The law answers to the events it is given.

In the tools, and not proved here:

- Z3, which says that a claim has no counterexample. A claim that it cannot decide counts as not proved.
- The explorer in `proofs/`, which walks every path of a rule's own code on symbols instead of numbers. In
  every run it must refute claims that are known to be false, flag claims that say nothing, and show that
  the paths it walked leave none out; each theorem must be refuted for a named mutant of its rule.
- CPython, which runs the law, and the C compiler, which compiles the fast path.
- The reading of the prose: the tables in the chapters are run, the sentences around them are not.

## What is proved

{proved}

A theorem holds for all whole numbers that satisfy its premises: no size, price, balance or rate is bounded
by it. Where its *shape* is bounded, to so many accounts or markets, the third column says so, and what
takes it to any number. A premise is something that a rule of chapter 13 refuses to be otherwise in a
policy, that another rule of the law has checked before, or that another theorem proves; the fourth column
names them.

| theorem | claim | shape | premises | rules |
|---|---|---|---|---|
{theorems}

{refutations}

## What is only searched

- The campaign (`marginspec verify`) draws policies and histories of events, applies them to the law, and
  checks the invariants of the law after each event. An adversary searches for a coalition that takes out
  more than it put in. What it does not draw, it does not see.
- The differential run compares the compiled fast path with the law on drawn venues, exactly. That the
  source of a kernel equals its rule is a theorem where the table above has one; that the compiled program
  does what its source says is only searched.
- The engine of the fast path is more than its kernels: [fast-path.md](fast-path.md) lists by name what no
  theorem looks into. `marginspec campaign --fast` plays drawn histories on the law and on the engine and
  compares every refusal, every posting, and the state after every event.
- CrossHair looks for counterexamples to contracts of the scalar rules, by a mechanism of its own.

## What is neither

- Whether margin rates, gaps, bands and caps are high enough for a real market. The law says what follows
  from them: C1a gives the move that an account at its margin survives, once, if it is closed before the
  next.
- Order books, matching, and who may say a price. Marks come in as they are; PRC-1 and PRC-2 ask only for
  their range.
- Whether somebody takes a liquidatable account before the next move. The law says who may, and what
  happens if nobody does; that a taker comes is an assumption of C1a, and C2 bounds what waiting costs.

## What the law does not stop

- An owner who splits a position over several accounts pays the lower brackets of a marginal schedule in
  each: up to what the first bracket saves, once per account.
- One person who appears as several owners. The law knows owners by name.
- Two accounts of one owner that trade with each other within the price band, at the cost of the fees.
  Admission counts the loss of such a trade in full and its gain not at all, but what is moved stays moved.
- A transfer requirement delays a withdrawal of profit; it is no bound on it.
- Wash trades that realise a profit and so move an account down the queue of deleveraging, at the cost of the
  fees; they do not take it out of the queue.
- Lots held in an account apart from the owner's equity, so that the cap of ADL-3 protects them.
- An owner who splits lots over accounts with different ranks: the queue takes the first of them only.

- A counterparty of a liquidated account that chooses a price at the edge of LIQ-4: the loss comes before the
  penalty, so that the fund receives none. The band of fills (LIQ-6) bounds how much.

Four of these are committed as traces with their measured gain: [spec/attacks/](attacks/README.md).

## Rules

{counts}

| chapter | rule | noun | function | theorems | tables | rows |
|---:|---|---|---|---|---:|---:|
{rules}
"""


def status_page(seen: Picture) -> str:
    """The whole of spec/STATUS.md."""
    theorems = [seen.theorems[name] for name in sorted(seen.theorems)]
    bounded = sum(theorem.structural_bound is not None for theorem in theorems)
    texts = seen.texts
    about = {rule for theorem in theorems for rule in theorem.rules}
    proved = (
        f"{len(theorems)} theorems about {len(about)} rules; "
        f"{len(theorems) - bounded} of any shape, {bounded} of a bounded one."
    )
    rows = sum(len(table.rows) for text in texts.values() for table in text.tables)
    tables = sum(len(text.tables) for text in texts.values())
    without = [text.identifier for text in texts.values() if not theorems_of(seen, text.identifier)]
    counts = (
        f"{len(texts)} rules in {len(seen.chapters)} chapters; {tables} worked tables with {rows} rows. "
        f"{len(without)} rules have no theorem; their chapters say why."
    )
    return TRUST.format(
        command=COMMAND,
        proved=proved,
        theorems="\n".join(_theorem_row(seen, theorem) for theorem in theorems),
        refutations=_refutations(seen),
        counts=counts,
        rules="\n".join(
            _rule_row(seen, chapter.number, text) for chapter in seen.chapters for text in chapter.rules
        ),
    )


def _cells(*cells: str) -> str:
    """One line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _theorem_row(seen: Picture, theorem: Theorem) -> str:
    premises = sorted(premises_of(seen, theorem.name))
    shape = theorem.structural_bound or "any"
    return _cells(theorem.name, theorem.claim, shape, ", ".join(premises) or "none", ", ".join(theorem.rules))


def _refutations(seen: Picture) -> str:
    """The claims that were believed and are false."""
    if not seen.refutations:
        return "No claim that was believed has been found false."
    lines = ["Claims that were believed and are false, each with a counterexample that every run confirms:"]
    lines.append("")
    lines += [f"- {name}: {seen.refutations[name].claim}" for name in sorted(seen.refutations)]
    return "\n".join(lines)


def _rule_row(seen: Picture, number: int, text: RuleText) -> str:
    function = seen.functions.get(text.identifier)
    where = f"`{function.__module__}.{function.__name__}`" if function else "none"
    about = theorems_of(seen, text.identifier)
    lemmas = len(about) - sum(bool(identifiers_of([theorem])) for theorem in about)
    names = [*identifiers_of(about), *([f"{lemmas} lemmas"] if lemmas else [])]
    rows = sum(len(table.rows) for table in text.tables)
    cells = (", ".join(names) or "none", str(len(text.tables)), str(rows))
    return _cells(str(number), text.identifier, text.noun, where, *cells)


def index(seen: Picture) -> str:
    """The index of chapters and rules, between its markers."""
    lines = [BEGIN]
    for chapter in seen.chapters:
        lines += ["", f"**[{chapter.number} {chapter.title}]({chapter.path.name})**", ""]
        lines += [f"- {text.identifier} {text.noun}" for text in chapter.rules]
    return "\n".join([*lines, "", END])


def with_index(page: str, seen: Picture) -> str:
    """The README with its index written anew. Errors: ValueError if it has no markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"spec/README.md has no lines {BEGIN} and {END}")
    return f"{before}{index(seen)}{after}"


def with_theorems(path: Path, seen: Picture) -> str:
    """A chapter whose links lines list the theorems there are; a reason why none stays if there is none."""
    page = path.read_text(encoding="utf-8")
    for text in next(chapter for chapter in seen.chapters if chapter.path == path).rules:
        names = ", ".join(identifiers_of(theorems_of(seen, text.identifier)))
        if names and names != ", ".join(text.links.theorems):
            before, heading, section = page.partition(f"## {text.identifier} ")
            section = re.sub(r"(?s)(?<=Theorems:) .*?(?=\.\sPolicy:)", f" {names}", section, count=1)
            page = before + heading + section
    return page


def pages(seen: Picture) -> dict[Path, str]:
    """Everything that is written, by file."""
    readme, engine = SPEC / "README.md", SPEC / "fast-path.md"
    return {
        SPEC / "STATUS.md": status_page(seen),
        readme: with_index(readme.read_text(encoding="utf-8"), seen),
        **{path: with_theorems(path, seen) for path in chapter_paths()},
        engine: with_plumbing(engine.read_text(encoding="utf-8")),
    }


def stale(written: dict[Path, str]) -> list[Path]:
    """The files that do not hold what would be written into them."""
    return [
        path
        for path, page in written.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != page
    ]


def main(arguments: Iterable[str]) -> int:
    """Write what is stale, or with `--check` name it. The answer is an exit code."""
    written = pages(picture())
    old = stale(written)
    for path in old:
        print(f"{path.relative_to(ROOT).as_posix()}")
        if "--check" not in arguments:
            path.write_text(written[path], encoding="utf-8")
    if "--check" in arguments and old:
        print(f"stale: run {COMMAND}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
