"""The report on one real engine, in Markdown: which rules were comparable, how many answers, what differs
and why."""

from collections.abc import Iterable, Iterator, Mapping

from marginspec.adapters.catalogue import Run, Subject
from marginspec.adapters.comparison import RULES, Answer, Comparison, Difference, Example, Tally


def text_of(
    subject: Subject,
    found: Iterable[tuple[Run, Comparison, Mapping[str, str]]],
    source: str,
    output: str,
    command: str,
) -> str:
    """A report.

    found            each run with what came of it, and the verdicts of `marginspec conform`
    source, output   the reproduction, and what it printed
    command          that makes the report again
    """
    lines = [f"# {subject.title} beside the law", "", subject.about, ""]
    lines += [f"Made by `{command}`; nobody edits it by hand. Every answer is the law's, or is"]
    lines += ["predicted to the digit by the model of a known difference, or is counted as unexplained.", ""]
    for run, comparison, verdicts in found:
        lines += of_run(run, comparison)
        lines += of_verdicts(verdicts)
    lines += ["## To file upstream", ""]
    for defect in subject.defects:
        lines += [f"1. {defect}"]
    lines += [
        "",
        f"`spec/conformance/reproductions/{subject.reproduction}`, which needs nothing of ours:",
        "",
    ]
    lines += ["```python", source.rstrip(), "```", "", "prints", "", "```", output.rstrip(), "```", ""]
    lines += ["## Not compared", "", subject.missing, ""]
    return "\n".join(lines)


def of_run(run: Run, comparison: Comparison) -> Iterator[str]:
    """One comparison: its table, then each difference with its smallest case."""
    yield f"## {run.title[:1].upper()}{run.title[1:]}"
    yield ""
    if comparison.refused:
        yield f"Not run: {comparison.refused}."
        yield ""
        return
    version, policy = comparison.hello["version"], f"spec/conformance/{run.policy}.toml"
    yield f"{version}, policy `{policy}`, {comparison.cases:_} accounts. Among them:"
    counted = sorted(comparison.classes.items())
    yield ", ".join(f"{name} {count:_}" for name, count in counted) + "."
    for what, amount in comparison.hello.get("tolerance", {}).items():
        yield f"Tolerance of `{what}`: {amount}."
    yield ""
    yield "| rule | asked | answers | the law's | a known difference | unexplained | unsupported |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for what, tally in comparison.tallies.items():
        known = sum(tally.explained.values())
        counts = (tally.asked, tally.same, known, len(tally.unexplained), tally.unsupported)
        yield f"| {RULES[what]} | `{what}` | " + " | ".join(f"{count:_}" for count in counts) + " |"
    yield ""
    for what, tally in comparison.tallies.items():
        for difference in run.differences:
            if difference.what == what and tally.explained[difference.title]:
                yield from of_difference(difference, tally)
        for example in tally.unexplained[:3]:
            yield f"- Unexplained, {RULES[what]}: {of_example(example)}"
    yield ""


def of_verdicts(verdicts: Mapping[str, str]) -> Iterator[str]:
    """What the harness says of the rules that the adapter claims."""
    words = ", ".join(f"{rule} {verdict}" for rule, verdict in verdicts.items())
    yield f"`marginspec conform` on drawn histories under the same policy: {words or 'no rule reached'}."
    yield ""


def of_difference(difference: Difference, tally: Tally) -> Iterator[str]:
    """One paragraph."""
    count = tally.explained[difference.title]
    rule = RULES[difference.what]
    yield f"- **{rule}, {difference.title}** ({difference.whose}, {count:_} answers). {difference.text}"
    yield f"  Smallest case: {of_example(tally.examples[difference.title])}"


def of_example(example: Example) -> str:
    """One case in words."""
    account, venue = example.case.account, example.case.venue
    parts = [f"wallet {account.wallet:_}"]
    for market in sorted({*account.positions, *account.orders}):
        words = [market]
        if market in account.positions:
            held = account.positions[market]
            words.append(f"size {held.size:_}, cost {held.cost:_}")
        if market in account.orders:
            orders = account.orders[market]
            words.append(f"buys {orders.buys:_}, sells {orders.sells:_}")
        words.append(f"mark {venue.marks[market]:_}")
        parts.append(", ".join(words))
    if example.market:
        parts.append(f"asked of {example.market}")
    return f"{'; '.join(parts)}: law {shown(example.law)}, engine {shown(example.engine)}."


def shown(answer: Answer) -> str:
    """An answer as a person reads it."""
    if answer is None:
        return "none"
    return f"{int(answer):_}" if answer.lstrip("-").isdigit() else str(answer)
