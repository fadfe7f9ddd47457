"""Declared differences: choices of a venue that are known, in a TOML file of its own.

    accept = ["LIQ-7: penalty on notional at mark"]

They are reported as declared, with these words, and do not fail the run; they are never left out.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marginspec.errors import Flaw, InputError
from marginspec.policy_file import read_text

BYTES_MAX = 1_000_000
EXAMPLE = 'Write accept = ["LIQ-7: penalty on notional at mark"].'


@dataclass(frozen=True, slots=True)
class Declared:
    """What a file declares.

    source  the file, as the user named it; empty if there is none
    whys    by rule, the words after the colon
    """

    source: str
    whys: Mapping[str, str]

    def unknown(self, rules: Mapping[str, Any]) -> list[str]:
        """Names that are no rule of the law."""
        return [rule for rule in self.whys if rule not in rules]


NOTHING_DECLARED = Declared("", {})


def read_declared(path: str) -> Declared:
    """What a file declares. Errors: InputError for a file of another form."""
    try:
        document = tomllib.loads(read_text(Path(path), path, BYTES_MAX, InputError))
    except tomllib.TOMLDecodeError as error:
        raise InputError(path, Flaw("", f"is not TOML: {error}.", EXAMPLE)) from None
    others = [key for key in document if key != "accept"]
    if others:
        raise InputError(path, Flaw(others[0], "is no key of such a file.", EXAMPLE))
    lines = document.get("accept")
    if not isinstance(lines, list):
        raise InputError(path, Flaw("accept", "is no list.", EXAMPLE))
    whys: dict[str, str] = {}
    flaws = []
    for index, line in enumerate(lines):
        rule, colon, why = line.partition(":") if isinstance(line, str) else ("", "", "")
        rule, why = rule.strip(), why.strip()
        where = f"accept[{index}]"
        if not (rule and colon and why):
            flaws.append(Flaw(where, f"is {line!r}.", f"A rule, a colon, and what differs there. {EXAMPLE}"))
        elif rule in whys:
            flaws.append(Flaw(where, f"declares {rule} once more.", "Say all of it on one line."))
        whys[rule] = why
    if flaws:
        raise InputError(path, *flaws)
    return Declared(path, whys)
