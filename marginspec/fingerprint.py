"""What code a run is of: a digest of the files that its results depend on."""

import hashlib
from functools import cache

from marginspec.paths import ROOT

PARTS = ("refmodel", "fastpath", "marginspec/search", "marginspec/conform")
"""Folders on whose files the result of a search depends."""
AS_BUILT = (".py", ".so", ".pyd")
"""What this machine runs."""
AS_WRITTEN = (".py", ".pyx", ".pxi", ".pxd")
"""What every machine with this version has, whatever its compiler made of it."""


@cache
def code_digest(suffixes: tuple[str, ...] = AS_BUILT) -> str:
    """What the files say that play, law, engine and all, when this process first asks."""
    code = hashlib.sha256()
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*")):
            if path.suffix in suffixes:
                code.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return code.hexdigest()
