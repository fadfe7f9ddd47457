"""Where things are: the law's text and policies in this repository, and the reports of the user's runs."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IN_WHEEL = ROOT / "marginspec" / "_spec"
"""Where a wheel carries what lies in spec/ in the repository."""
SPEC = IN_WHEEL if IN_WHEEL.is_dir() else ROOT / "spec"
POLICIES = SPEC / "policies"
SCHEMAS = SPEC / "schema"


def runs_folder() -> Path:
    """Where reports go: `runs` below the folder in which the user works."""
    return Path("runs")


def shipped_policies() -> tuple[str, ...]:
    """The names of the policies that ship, in the order of the alphabet."""
    return tuple(sorted(path.stem for path in POLICIES.glob("*.toml")))
