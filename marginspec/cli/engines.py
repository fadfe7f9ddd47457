"""Commands about engines: one is held to the law, the law is served as one, and the vectors."""

from pathlib import Path

import click

from marginspec.cli.tool import finish, main, prepare, with_json


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
@click.option("--evidence", metavar="FILE", help="Keep what is done there, and go on from it.")
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
    evidence: str | None,
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

    With --evidence, a run that was stopped or killed goes on when the same command is given again: each
    finished piece of work is kept. Runs of other seeds have files of their own: marginspec merge joins them.
    """
    if bool(engine) == bool(python):
        raise click.UsageError("Name one engine: a program after --, or --python.")
    if evidence and trace:
        raise click.UsageError("--trace keeps nothing: leave --evidence out.")
    from marginspec.conform.command import run_conform
    from marginspec.conform.opening import Recipe
    from marginspec.conform.options import DATABASE, Options
    from marginspec.search.cluster import Cluster

    prepare(json_file)
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
        evidence=None if evidence is None else Path(evidence),
    )
    finish(run_conform(Recipe(engine, python or "", timeout), options), json_file)


@main.command()
@click.option("--write", is_flag=True, help="Compute every answer again, and write the files.")
@click.option("--check", is_flag=True, help="Exit code 1 if an answer in the files is not that of the law.")
@click.option("--add", metavar="FILE", help="Add cases made by hand.")
@with_json
def vectors(write: bool, check: bool, add: str | None, json_file: str | None) -> None:
    """The vectors of the law (spec/vectors/): how many there are, of which rules and kinds."""
    from marginspec.vectors.command import vectors as run_vectors

    prepare(json_file)
    finish(run_vectors(write=write, check=check, add=add), json_file)
