"""The tool that every command belongs to: what goes wrong becomes a sentence and an exit code.

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


def finish(outcome: tuple[int, dict[str, Any]], json_file: str | None) -> NoReturn:
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


def prepare(json_file: str | None) -> None:
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
