"""What of the compiled code no proof looks into, by name: read out of the sources of the fast path."""

import re
from pathlib import Path

from marginspec.paths import ROOT

BEGIN = "<!-- plumbing: written by python -m marginspec.prose.status -->"
END = "<!-- end of plumbing -->"
FUNCTION = re.compile(r"^ {0,4}(?:cdef|cpdef|def) [^=:#\n]*?(\w+)\(", re.MULTILINE)


def sources() -> list[Path]:
    """The compiled files whose functions are not kernels: those have a file in pure mode, and theorems."""
    folder = ROOT / "fastpath"
    return sorted([*folder.rglob("*.pyx"), *folder.rglob("*.pxi")])


def functions_of(source: str) -> list[str]:
    """The functions and methods of a Cython source, in their order."""
    return [name for name in FUNCTION.findall(source) if not name.startswith("__")]


def plumbing() -> str:
    """The list between its markers: each file with its functions."""
    lines = [BEGIN, ""]
    for path in sources():
        names = functions_of(path.read_text(encoding="utf-8"))
        if names:
            file = path.relative_to(ROOT).as_posix()
            lines.append(f"- `{file}`: {', '.join(names)}")
    return "\n".join([*lines, "", END])


def with_plumbing(page: str) -> str:
    """The page of the fast path with its list written anew. Errors: ValueError if it has no markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page of the fast path has no lines {BEGIN} and {END}")
    return f"{before}{plumbing()}{after}"
