"""Commands about a policy and its law: what holds, what is proved, what a rule says."""

from pathlib import Path

import click

from marginspec.cli.tool import finish, main, prepare, with_json


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

    prepare(json_file)
    finish(check(open_policy(policy), market, Report("policy check")), json_file)


@policy.command("show")
@click.argument("policy", default="binance-usdm")
@click.option("--market", help="Show only this market.")
@with_json
def policy_show(policy: str, market: str | None, json_file: str | None) -> None:
    """Every choice of a policy with its unit, the rule that reads it, and what each tier survives."""
    from marginspec.errors import InvalidPolicy
    from marginspec.policy_file import open_policy
    from marginspec.show import show

    prepare(json_file)
    file = open_policy(policy)
    if file.faults:
        raise InvalidPolicy(file.source, file.policy, file.faults)
    finish(show(file, market), json_file)


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

    prepare(json_file)
    values = [*at, *(text for text in theorems if "=" in text)]
    names = [text for text in theorems if "=" not in text]
    if values:
        if len(names) != 1:
            raise click.UsageError("--at runs one theorem: name exactly one.")
        finish(proving.prove_at(names[0], proving.values_from(values)), json_file)
    finish(proving.prove(names, no_cache=no_cache), json_file)


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
    prepare(json_file)
    if waterfall is not None:
        from marginspec.documents import read_trace
        from marginspec.waterfall_picture import draw

        paths = (Path(svg) if svg else None, Path(png) if png else None)
        finish(draw(waterfall, read_trace(waterfall), *paths), json_file)
    from marginspec.explain import explain as explain_rule

    assert rule is not None
    finish((0, explain_rule(rule)), json_file)
