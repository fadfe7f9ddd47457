"""Commands that run the law: on a trace or a log, on drawn histories, on all of it at once."""

from pathlib import Path

import click

from marginspec.cli.tool import finish, main, prepare, with_json


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
    prepare(json_file)
    from marginspec.audit.command import audit, convert, is_log

    if not is_log(file):
        if any(option is not None for option in (policy, against, evidence, every, to)):
            raise click.UsageError("These options go with a log, and FILE is none (spec/logs.md).")
        from marginspec.documents import read_trace
        from marginspec.replay import replay as replay_trace

        finish(replay_trace(file, read_trace(file)), json_file)
    if to is not None:
        if any(option is not None for option in (policy, against, evidence, every)):
            raise click.UsageError("--to only writes the log again: it goes with no other option.")
        finish(convert(file, to), json_file)
    finish(audit(file, policy, against or "engine", evidence, 10.0 if every is None else every), json_file)


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

    prepare(json_file)
    terms = Terms(lots, gap, lot_value, ranking or "", 1 if side == "long" else -1)
    finish(compare(file, terms), json_file)


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

    prepare(json_file)
    file = open_policy(policy)
    from marginspec.verify import PROFILES
    from marginspec.verify import verify as verify_policy

    amounts = PROFILES[profile]
    if events is not None:
        amounts = replace(amounts, events=events)
    finish(verify_policy(file, amounts, seed, no_cache=no_cache), json_file)


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

    prepare(json_file)
    who = workers if scheduler is None else Cluster(scheduler)
    kept = None if evidence is None else Path(evidence)
    if fast:
        from marginspec.documents import read_trace
        from marginspec.search import lockstep_command

        if trace is not None:
            finish(lockstep_command.lockstep_trace(trace, read_trace(trace)), json_file)
        played_on = None if policy is None else read_policy(policy)
        finish(lockstep_command.lockstep(played_on, events, who, seed, kept), json_file)
    if adversary:
        finish(command.adversary(read_policy(policy or "minimal"), histories, seed), json_file)
    given = None if policy is None else read_policy(policy)
    finish(command.campaign(given, events, who, seed, kept), json_file)


@main.command()
@click.argument("out")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@with_json
def merge(out: str, files: tuple[str, ...], json_file: str | None) -> None:
    """Put what several runs kept with --evidence into one file, OUT.

    They must be runs of the same code, policy, seed and size, on different machines say. A run with
    --evidence OUT then does what none of them has done, and reports on all.

    Runs of marginspec conform are of the same engine and options, and may be of different seeds: what all of
    them come to is told. A run with one of the seeds and --evidence OUT reports on all.
    """
    from marginspec.evidence import merge as merge_files
    from marginspec.evidence import run_of
    from marginspec.screen import grouped, say

    prepare(json_file)
    sources = [Path(name) for name in files]
    if run_of(sources[0])["kind"] == "conform":
        from marginspec.conform.merged import merged

        finish(merged(Path(out), sources), json_file)
    there, new = merge_files(Path(out), sources)
    say(f"{out}: {grouped(there)} chunks, {grouped(new)} of them new")
    finish((0, {"evidence": out, "chunks": there, "new": new}), json_file)


@main.command()
@click.option("--trades", default=20_000, type=click.IntRange(1, 300_000), help="How many.  [20000]")
@with_json
def bench(trades: int, json_file: str | None) -> None:
    """Trades per second of the law on one core. The fast path: make bench."""
    from marginspec.bench import bench as bench_law

    prepare(json_file)
    finish((0, bench_law(trades)), json_file)
