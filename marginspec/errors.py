"""What can go wrong with what a user gives: errors that say where, what, why, and what to do instead."""

from dataclasses import dataclass

from refmodel.policy import Policy
from refmodel.validity import Fault

HELD = 0
BROKEN = 1
UNREADABLE = 2
UNDECIDED = 3
TOOL_FAILED = 4
INTERRUPTED = 130
"""Exit codes: all held; refuted, diverged, or a policy that breaks a rule; input that cannot be read or wrong
usage; undecided; the tool itself failed; interrupted."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that keeps a file from being read.

    where    key path in the file, or its line and column, or a byte offset; empty for the file as a whole
    problem  what stands there and why that cannot be read, as the rest of a sentence that begins with `where`
    repair   what to write instead, one or more sentences
    """

    where: str
    problem: str
    repair: str

    def __str__(self) -> str:
        return f"{self.where} {self.problem}".strip()


class InputError(Exception):
    """A file or an argument that cannot be read: exit code 2. It carries all flaws at once."""

    def __init__(self, source: str, *flaws: Flaw) -> None:
        self.source = source
        self.flaws = flaws
        super().__init__(self.text())

    def text(self) -> str:
        """The whole message: file, place and reason of each flaw, its repair, and that nothing was run."""
        lines = []
        for flaw in self.flaws:
            lines.append(f"{self.source}: {flaw}")
            if flaw.repair:
                lines.append(f"  {flaw.repair}")
        lines[-1] += " Nothing was run."
        return "\n".join(lines)


class UnreadablePolicy(InputError):
    """A policy file that is not TOML, or not of the form of a policy: exit code 2."""


class InvalidPolicy(Exception):
    """A policy that can be read and breaks rules of chapter 13: exit code 1.

    source  the file, as the user named it
    policy  as read, for those who show what a fault costs
    faults  all of them, each with rule, key path, value and what would be valid
    """

    def __init__(self, source: str, policy: Policy, faults: tuple[Fault, ...]) -> None:
        self.source = source
        self.policy = policy
        self.faults = faults
        super().__init__(self.text())

    def text(self) -> str:
        """One line per fault."""
        return "\n".join(
            f"{self.source}: {fault.key} is {fault.value} ({fault.rule}); valid is {fault.valid}."
            for fault in self.faults
        )
