"""The command line: every command a user has, and what each exit code means."""

from marginspec.cli import engines, law, runs
from marginspec.cli.tool import main

__all__ = ["engines", "law", "main", "runs"]
