"""`python -m marginspec.cli`: the command without an installed script."""

from marginspec.cli import main

main()
