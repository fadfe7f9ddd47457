"""The command line: every command a user has, and what each exit code means.

Only what a command needs is imported when it runs, so that --help is there at once.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

EPILOG = """\b
Exit codes
  0    all held
  1    refuted, diverged, or a policy that can be read and breaks a POL rule
  2    input that cannot be read, or wrong usage
  3    undecided
  4    the tool itself failed
  130  interrupted"""


class Tool(click.Group):
    """The group of all commands: it turns what goes wrong into a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        from marginspec import errors

        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException):
            raise
        except errors.InputError as error:
            click.echo(error.text(), err=True)
            ctx.exit(errors.UNREADABLE)
        except errors.InvalidPolicy as error:
            click.echo(error.text(), err=True)
            ctx.exit(errors.BROKEN)
        except (KeyboardInterrupt, click.Abort):
            click.echo("Interrupted. What was proved is kept; nothing else was written.", err=True)
            ctx.exit(errors.INTERRUPTED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(errors.HELD)
        except Exception as error:
            _tool_failed(ctx, error)


def _tool_failed(ctx: click.Context, error: Exception) -> NoReturn:
    """Say in short what happened, keep the rest in a file, and exit."""
    import traceback

    from marginspec.errors import TOOL_FAILED
    from marginspec.reports import Report

    said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    click.echo(f"marginspec itself failed; this says nothing about your policy. {said}", err=True)
    text = "".join(traceback.format_exception(error))
    report = Report(ctx.invoked_subcommand or "marginspec")
    path = report.write("traceback.txt", text)
    click.echo(f"  The traceback is in {path}." if path else text, err=True)
    ctx.exit(TOOL_FAILED)


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from marginspec.reports import versions

    known = versions()
    click.echo(f"marginspec {known['marginspec']}, law {known['law']}")
    click.echo(f"python {known['python']}, z3 {known['z3-solver']}, crosshair {known['crosshair-tool']}")
    click.echo(f"fast path compiled: {'yes' if known['fast_path_compiled'] else 'no'}")
    ctx.exit()


def _finish(outcome: tuple[int, dict[str, Any]], json_file: str | None) -> NoReturn:
    """Write the facts, and exit."""
    from marginspec.screen import write_facts

    code, facts = outcome
    write_facts(facts, json_file)
    raise click.exceptions.Exit(code)


Command = Callable[..., Any]


def with_json(command: Command) -> Command:
    """The option that every command with facts has. With `-`, the facts alone go to the standard output."""
    wanted = click.option("--json", "json_file", metavar="FILE", help="Write the facts as JSON; - is stdout.")
    return wanted(command)


def _prepare(json_file: str | None) -> None:
    """Before anything runs: leave the standard output to the JSON, or see that its file can be written."""
    if json_file is None:
        return
    if json_file == "-":
        from marginspec import screen

        screen.silence()
        return
    from marginspec.errors import Flaw, InputError

    path = Path(json_file)
    folder = next((parent for parent in path.absolute().parents if parent.exists()), Path("/"))
    if path.is_dir() or not folder.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        repair = "Give --json a file in a folder that can be written to, or -."
        raise InputError(json_file, Flaw("", "cannot be written.", repair))


@click.group(
    cls=Tool,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Versions of the tool, the law and the solver; whether the fast path is compiled.",
)
def main() -> None:
    """The margin law of a derivatives venue: readable, executable, proved, and run on your policy.

    POLICY is the name of one that ships or the path of a TOML file. There are minimal, binance-usdm,
    bybit-like, dydx-like and hyperliquid-like.
    """


# The policy


@main.group()
def policy() -> None:
    """Check a policy, or show it."""


@policy.command("check")
@click.argument("policy", default="binance-usdm")
@click.option("--market", help="Show every tier of this market.")
@with_json
def policy_check(policy: str, market: str | None, json_file: str | None) -> None:
    """Every fault of a policy and what it costs; or what each of its markets and tiers survives."""
    from marginspec.policy_file import open_policy
    from marginspec.reports import Report
    from marginspec.show import check

    _prepare(json_file)
    _finish(check(open_policy(policy), market, Report("policy check")), json_file)


@policy.command("show")
@click.argument("policy", default="binance-usdm")
@click.option("--market", help="Show only this market.")
@with_json
def policy_show(policy: str, market: str | None, json_file: str | None) -> None:
    """Every choice of a policy with its unit, the rule that reads it, and what each tier survives."""
    from marginspec.errors import InvalidPolicy
    from marginspec.policy_file import open_policy
    from marginspec.show import show

    _prepare(json_file)
    file = open_policy(policy)
    if file.faults:
        raise InvalidPolicy(file.source, file.policy, file.faults)
    _finish(show(file, market), json_file)


# Theorems and rules


@main.command()
@click.argument("theorems", nargs=-1, metavar="[THEOREM]...")
@click.option("--no-cache", is_flag=True, help="Prove everything again.")
@click.option("--at", multiple=True, metavar="NAME=VALUE", help="Run one theorem on plain integers instead.")
@with_json
def prove(theorems: tuple[str, ...], no_cache: bool, at: tuple[str, ...], json_file: str | None) -> None:
    """Prove theorems: all of them, or some.

    A name may be whole (C1a-gap), a line of the catalogue (C1a), or a letter (C).
    With --at, run one theorem at the values of a counterexample and print which claim fails.
    """
    from marginspec import proving

    _prepare(json_file)
    values = [*at, *(text for text in theorems if "=" in text)]
    names = [text for text in theorems if "=" not in text]
    if values:
        if len(names) != 1:
            raise click.UsageError("--at runs one theorem: name exactly one.")
        _finish(proving.prove_at(names[0], proving.values_from(values)), json_file)
    _finish(proving.prove(names, no_cache=no_cache), json_file)


@main.command()
@click.argument("rule", required=False)
@click.option("--waterfall", metavar="TRACE", help="Draw who paid what in a trace, stage by stage.")
@click.option("--svg", metavar="FILE", help="With --waterfall: the picture as SVG (needs matplotlib).")
@click.option("--png", metavar="FILE", help="With --waterfall: the picture as PNG (needs matplotlib).")
@with_json
def explain(
    rule: str | None, waterfall: str | None, svg: str | None, png: str | None, json_file: str | None
) -> None:
    """A rule on one page: prose, worked examples, code, theorems.

    Or, with --waterfall, a trace as a picture: in each event that closes somebody out, what the fund, the
    holders, the payers and the bad debt have paid in each stage.
    """
    if (rule is None) == (waterfall is None):
        raise click.UsageError("Name a rule, or a trace with --waterfall.")
    if waterfall is None and (svg or png):
        raise click.UsageError("--svg and --png go with --waterfall.")
    _prepare(json_file)
    if waterfall is not None:
        from marginspec.documents import read_trace
        from marginspec.waterfall_picture import draw

        paths = (Path(svg) if svg else None, Path(png) if png else None)
        _finish(draw(waterfall, read_trace(waterfall), *paths), json_file)
    from marginspec.explain import explain as explain_rule

    assert rule is not None
    _finish((0, explain_rule(rule)), json_file)


# Runs


@main.command()
@click.argument("file")
@click.option("--policy", metavar="POLICY", help="Of a log that does not carry its own.")
@click.option(
    "--against",
    type=click.Choice(["engine", "reference"]),
    help="What runs a log: the fast engine, or the law itself.  [engine]",
)
@click.option("--evidence", metavar="FILE", help="Where the audit is kept as it goes.  [runs/audit/...]")
@click.option("--every", type=click.FloatRange(0), help="Seconds between checkpoints, at least.  [10]")
@click.option(
    "--to", metavar="OUT", help="Write the log in another form instead: .jsonl, .jsonl.gz, .parquet."
)
@with_json
def replay(
    file: str,
    policy: str | None,
    against: str | None,
    evidence: str | None,
    every: float | None,
    to: str | None,
    json_file: str | None,
) -> None:
    """Run a trace and compare its outcomes, or audit a log.

    A trace is a JSON document: each event is printed as a story, with what the law answers and where that
    differs from what the trace expects. A log (spec/logs.md) may have any length, as JSON lines, plain or
    compressed, or as Parquet: every refusal, posting and digest that it claims is compared. A killed audit
    goes on where it was when the same command is run again.
    """
    _prepare(json_file)
    from marginspec.audit.command import audit, convert, is_log

    if not is_log(file):
        if any(option is not None for option in (policy, against, evidence, every, to)):
            raise click.UsageError("These options go with a log, and FILE is none (spec/logs.md).")
        from marginspec.documents import read_trace
        from marginspec.replay import replay as replay_trace

        _finish(replay_trace(file, read_trace(file)), json_file)
    if to is not None:
        if any(option is not None for option in (policy, against, evidence, every)):
            raise click.UsageError("--to only writes the log again: it goes with no other option.")
        _finish(convert(file, to), json_file)
    _finish(audit(file, policy, against or "engine", evidence, 10.0 if every is None else every), json_file)


@main.command()
@click.argument("file")
@click.option("--lots", type=click.IntRange(0), help="Lots to close.  [the sum of the column taken]")
@click.option("--gap", default=0, type=click.IntRange(0), help="Quanta that these lots carry.  [0]")
@click.option("--lot-value", type=click.IntRange(1), help="Quanta of one lot at mark: caps by ADL-3.")
@click.option("--ranking", type=click.Choice(["binance", "bybit", "hyperliquid"]), help="Order by it.")
@click.option("--side", type=click.Choice(["long", "short"]), default="long", help="Of the holders.  [long]")
@with_json
def adl(
    file: str,
    lots: int | None,
    gap: int,
    lot_value: int | None,
    ranking: str | None,
    side: str,
    json_file: str | None,
) -> None:
    """A batch of deleveraging under each allocation.

    FILE is CSV with a heading and one opposite holder a row, the first to be deleveraged first. Its columns:

    \b
      account           needed; each once
      lots              needed; held in the market, whole
      owner             whose account it is            [the account itself]
      cap               most lots that may be taken    [all it holds, or by --lot-value]
      taken             what a venue really took, to compare with
      profit            unrealised, of these lots, quanta
      equity            of the account, quanta         read by --lot-value and --ranking
      maintenance_rate  of the market, ppm             read by --lot-value
      other_margin      of its other markets, quanta   read by --lot-value  [0]
      notional          of these lots at mark, quanta  read by --ranking
      wallet            of the account, quanta         read by --ranking binance
      maintenance       margin of the account, quanta  read by --ranking binance

    spec/examples/adl-batch.csv is an example.
    """
    from marginspec.adl import Terms, compare

    _prepare(json_file)
    terms = Terms(lots, gap, lot_value, ranking or "", 1 if side == "long" else -1)
    _finish(compare(file, terms), json_file)


@main.command()
@click.argument("policy", default="binance-usdm")
@click.option("--seed", default=1, show_default=True, help="Of everything that is drawn.")
@click.option("--events", type=click.IntRange(1, 10**9), help="Events of the campaign.  [quick: 200000]")
@click.option("--profile", type=click.Choice(["quick", "full"]), default="quick", show_default=True)
@click.option("--no-cache", is_flag=True, help="Prove everything again.")
@with_json
def verify(
    policy: str, seed: int, events: int | None, profile: str, no_cache: bool, json_file: str | None
) -> None:
    """Check a policy, prove its law, search for what breaks it.

    Rules of the policy, theorems, a second opinion, a campaign of drawn histories, and the fast path
    against the law; then one table.
    """
    from dataclasses import replace

    from marginspec.policy_file import open_policy

    _prepare(json_file)
    file = open_policy(policy)
    from marginspec.verify import PROFILES
    from marginspec.verify import verify as verify_policy

    amounts = PROFILES[profile]
    if events is not None:
        amounts = replace(amounts, events=events)
    _finish(verify_policy(file, amounts, seed, no_cache=no_cache), json_file)


@main.command()
@click.argument("policy", required=False)
@click.option("--events", default=200_000, show_default=True, type=click.IntRange(1, 10**9))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster that works instead: tcp://HOST:8786.")
@click.option("--seed", default=1, show_default=True, help="Of everything that is drawn.")
@click.option("--fast", is_flag=True, help="Law and engine in lock step: they must agree on everything.")
@click.option("--evidence", metavar="FILE", help="Keep what is done there, and go on from it.")
@click.option("--trace", metavar="FILE", help="With --fast: run this trace, and nothing else.")
@click.option("--adversary", is_flag=True, help="Search for the best attack of a coalition instead.")
@click.option(
    "--histories", default=1_000, show_default=True, type=click.IntRange(1, 10**7), help="Of attacks."
)
@with_json
def campaign(
    policy: str | None,
    events: int,
    workers: int,
    scheduler: str | None,
    seed: int,
    fast: bool,
    evidence: str | None,
    trace: str | None,
    adversary: bool,
    histories: int,
    json_file: str | None,
) -> None:
    """Drawn histories, every claim after every event.

    Half of them play on POLICY, half on drawn policies; without POLICY all do. Ctrl-C keeps what was done.
    With --fast, the law and the engine of the fast path play them in lock step.
    With --adversary, a coalition looks for what brings it most; the bound of theorem E7 is asserted.
    """
    if fast and adversary:
        raise click.UsageError("--fast and --adversary are two different searches: give one of them.")
    if trace and not fast:
        raise click.UsageError("--trace goes with --fast.")
    if evidence and adversary:
        raise click.UsageError("--adversary keeps nothing: leave --evidence out.")
    from marginspec.policy_file import read_policy
    from marginspec.search import command
    from marginspec.search.cluster import Cluster

    _prepare(json_file)
    who = workers if scheduler is None else Cluster(scheduler)
    kept = None if evidence is None else Path(evidence)
    if fast:
        from marginspec.documents import read_trace
        from marginspec.search import lockstep_command

        if trace is not None:
            _finish(lockstep_command.lockstep_trace(trace, read_trace(trace)), json_file)
        played_on = None if policy is None else read_policy(policy)
        _finish(lockstep_command.lockstep(played_on, events, who, seed, kept), json_file)
    if adversary:
        _finish(command.adversary(read_policy(policy or "minimal"), histories, seed), json_file)
    given = None if policy is None else read_policy(policy)
    _finish(command.campaign(given, events, who, seed, kept), json_file)


@main.command()
def serve() -> None:
    """Serve the law on standard input and output, as spec/protocol.md says: an engine that conforms."""
    from marginspec.conform.serve import serve_law

    serve_law()


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("engine", nargs=-1, type=click.UNPROCESSED, metavar="-- ENGINE [ARGUMENT]...")
@click.option("--python", metavar="MODULE:CLASS", help="An engine in Python, run in this process.")
@click.option("--policy", metavar="POLICY", help="Of the live histories.  [drawn ones, and some that ship]")
@click.option("--seed", default=1, show_default=True, help="Of everything that is drawn.")
@click.option("--events", default=20_000, show_default=True, type=click.IntRange(0, 10**9), help="Live ones.")
@click.option("--timeout", default=10.0, show_default=True, type=click.FloatRange(0.01), help="Seconds.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster that works instead: tcp://HOST:8786.")
@click.option("--accept", metavar="FILE", help="TOML of differences that are known choices.")
@click.option("--trace", metavar="FILE", help="Run this trace, and nothing else.")
@click.option("--junit", metavar="FILE", help="The verdicts as JUnit XML, one test case for each rule.")
@click.option("--database", metavar="FOLDER", help="Of what Hypothesis found before.  [.hypothesis/...]")
@click.option(
    "--shrink", default=15.0, show_default=True, type=click.FloatRange(0), help="Seconds for traces."
)
@click.option("--no-vectors", is_flag=True, help="Do not ask the vectors.")
@with_json
def conform(
    engine: tuple[str, ...],
    python: str | None,
    policy: str | None,
    seed: int,
    events: int,
    timeout: float,
    workers: int,
    scheduler: str | None,
    accept: str | None,
    trace: str | None,
    junit: str | None,
    database: str | None,
    shrink: float,
    no_vectors: bool,
    json_file: str | None,
) -> None:
    """Hold an engine to the law, rule by rule: the vectors first, then drawn histories.

    ENGINE is any program that speaks the protocol of spec/protocol.md: marginspec conform -- ./my-engine -x.
    Exit code 0 if nothing differs: rules that are not implemented, or not reached, change nothing; 1 if a
    rule differs that is not declared, or the engine misbehaves; 3 if nothing could be compared.
    """
    if bool(engine) == bool(python):
        raise click.UsageError("Name one engine: a program after --, or --python.")
    from marginspec.conform.command import DATABASE, Options, run_conform
    from marginspec.conform.opening import Recipe
    from marginspec.search.cluster import Cluster

    _prepare(json_file)
    options = Options(
        policy=policy,
        seed=seed,
        events=events,
        accept=accept,
        junit=junit,
        trace=trace,
        workers=workers if scheduler is None else Cluster(scheduler),
        database=DATABASE if database is None else Path(database),
        vectors=not no_vectors,
        shrink=shrink,
    )
    _finish(run_conform(Recipe(engine, python or "", timeout), options), json_file)


@main.command()
@click.option("--write", is_flag=True, help="Compute every answer again, and write the files.")
@click.option("--check", is_flag=True, help="Exit code 1 if an answer in the files is not that of the law.")
@click.option("--add", metavar="FILE", help="Add cases made by hand.")
@with_json
def vectors(write: bool, check: bool, add: str | None, json_file: str | None) -> None:
    """The vectors of the law (spec/vectors/): how many there are, of which rules and kinds."""
    from marginspec.vectors.command import vectors as run_vectors

    _prepare(json_file)
    _finish(run_vectors(write=write, check=check, add=add), json_file)


@main.command()
@click.argument("out")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@with_json
def merge(out: str, files: tuple[str, ...], json_file: str | None) -> None:
    """Put what several runs kept with --evidence into one file, OUT.

    They must be runs of the same code, policy, seed and size, on different machines say. A run with
    --evidence OUT then does what none of them has done, and reports on all.
    """
    from marginspec.evidence import merge as merge_files
    from marginspec.screen import grouped, say

    _prepare(json_file)
    there, new = merge_files(Path(out), [Path(name) for name in files])
    say(f"{out}: {grouped(there)} chunks, {grouped(new)} of them new")
    _finish((0, {"evidence": out, "chunks": there, "new": new}), json_file)


@main.command()
@click.option("--trades", default=20_000, type=click.IntRange(1, 300_000), help="How many.  [20000]")
@with_json
def bench(trades: int, json_file: str | None) -> None:
    """Trades per second of the law on one core. The fast path: make bench."""
    from marginspec.bench import bench as bench_law

    _prepare(json_file)
    _finish((0, bench_law(trades)), json_file)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main()
