"""What stops an audit: a log that cannot be read on, or an event that the engine cannot compute."""

from marginspec.errors import InputError


class LogError(InputError):
    """A log that cannot be read, or not from some place on: exit code 2.

    Unlike other input, a log is read while it is run: what stood before that place has been audited.
    """

    def text(self) -> str:
        """The whole message: the file, the place, what is wrong there, what to do."""
        return "\n".join(f"{self.source}: {flaw}\n  {flaw.repair}".rstrip() for flaw in self.flaws)
