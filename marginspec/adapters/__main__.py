"""`python -m marginspec.adapters [NAME...]`: set up real engines, compare them with the law, write the
reports."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from marginspec.adapters.catalogue import SUBJECTS, Run, Subject
from marginspec.adapters.comparison import Comparison, compare
from marginspec.adapters.environments import Unavailable, command_of, python_of
from marginspec.adapters.report import text_of
from marginspec.adapters.venues import draw_cases
from marginspec.conform.child import Child
from marginspec.documents import write_text
from marginspec.errors import BROKEN, HELD, TOOL_FAILED
from marginspec.paths import ROOT, SPEC
from marginspec.policy_file import read_policy

FOLDER = SPEC / "conformance"
SEED = 7
COUNT = 1_000
"""Accounts of one comparison."""
EVENTS = 1_000
"""Of the drawn histories of `marginspec conform`."""
TIMEOUT = 60.0
COMMAND = "python -m marginspec.adapters"


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(SUBJECTS)))
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a report would change.")
def main(names: tuple[str, ...], check: bool) -> None:
    """Compare real engines with the law and write spec/conformance/NAME.md; all of them unless named.

    Exit codes: 0 every answer is explained; 1 some are not, or with --check a report would change; 4 an
    engine cannot be had here."""
    code = HELD
    for name in names or SUBJECTS:
        try:
            text, unexplained = report_on(SUBJECTS[name])
        except Unavailable as reason:
            click.echo(f"{name}: skipped. {reason}", err=True)
            code = max(code, TOOL_FAILED)
            continue
        path = FOLDER / f"{name}.md"
        changed = not path.is_file() or path.read_text(encoding="utf-8") != text
        if changed and not check:
            write_text(path, text)
        verdict = "changed" if changed else "unchanged"
        click.echo(f"{name}: {unexplained} answers unexplained, spec/conformance/{name}.md {verdict}")
        if unexplained or (check and changed):
            code = max(code, BROKEN)
    sys.exit(code)


def report_on(subject: Subject) -> tuple[str, int]:
    """The report on an engine, and how many of its answers nothing explains.

    Errors: Unavailable; Misbehaviour, if its adapter does not answer as the protocol asks.
    """
    found = [(run, comparison_of(subject, run), verdicts_of(subject, run)) for run in subject.runs]
    program = FOLDER / "reproductions" / subject.reproduction
    output = printed_by(python_of(subject.name), program)
    source = program.read_text(encoding="utf-8")
    text = text_of(subject, found, source, output, f"{COMMAND} {subject.name}")
    return text, sum(comparison.unexplained for _, comparison, _ in found)


def comparison_of(subject: Subject, run: Run, count: int = COUNT) -> Comparison:
    """One run. Errors: as `report_on`."""
    policy = read_policy(str(FOLDER / f"{run.policy}.toml"))
    with Child(command_of(subject.name, subject.adapter, *run.arguments), TIMEOUT) as engine:
        return compare(engine, draw_cases(policy, SEED, count), run.differences)


def verdicts_of(subject: Subject, run: Run) -> dict[str, str]:
    """What `marginspec conform` says of the rules that an adapter claims, on drawn histories.

    Errors: Unavailable, if it ends without a verdict.
    """
    command = command_of(subject.name, subject.adapter, *run.arguments)
    with TemporaryDirectory() as folder:
        facts = Path(folder) / "facts.json"
        options = ["--no-vectors", "--seed", str(SEED), "--events", str(EVENTS), "--database", folder]
        policy = ["--policy", str(FOLDER / f"{run.policy}.toml"), "--json", str(facts)]
        conform = [sys.executable, "-c", "from marginspec.cli import main; main()", "conform"]
        said = subprocess.run(
            [*conform, *options, *policy, "--", *command],
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=300,
        )
        if said.returncode not in (HELD, BROKEN) or not facts.is_file():
            raise Unavailable(f"marginspec conform ended with {said.returncode}: {said.stderr[-200:]}")
        rules = json.loads(facts.read_text(encoding="utf-8"))["rules"]
    return {rule: each["verdict"] for rule, each in rules.items() if each["verdict"] != "not implemented"}


def printed_by(python: Path, program: Path) -> str:
    """What a reproduction prints. Errors: Unavailable, if it ends in an error."""
    try:
        done = subprocess.run(
            [str(python), str(program)], check=True, capture_output=True, text=True, timeout=120, cwd=ROOT
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{program.name} did not run: {type(error).__name__}") from error
    return done.stdout


if __name__ == "__main__":
    main()
