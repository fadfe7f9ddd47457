"""Tapes: the third driver of the generators, which draws from bytes that somebody else has chosen.

Hypothesis chooses bytes quickly and numbers slowly: a tape for each event is one choice of its own instead
of twenty, and it still changes, repeats and leaves out event by event. Zero bytes are the plain choices; at
the end of the tape follow zeros without end.
"""

from collections.abc import Sequence
from typing import TypeVar

from marginspec.search.choices import PPM

Choice = TypeVar("Choice")

BYTES_OF_CHANCE = 3
"""A chance is told apart to 1 in 16 million."""


class TapeChoices:
    """Choices (marginspec/search/choices.py) read from a tape."""

    def __init__(self, tape: bytes) -> None:
        self._tape = tape
        self._next = 0

    def _number(self, count: int) -> int:
        part = self._tape[self._next : self._next + count]
        self._next += count
        return int.from_bytes(part, "little")

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high; the lower ones a little more often, by less than 1 in 256."""
        span = high - low + 1
        return low + self._number(span.bit_length() // 8 + 2) % span

    def pick(self, options: Sequence[Choice]) -> Choice:
        """One of the options."""
        return options[self._number(2) % len(options)]

    def chance(self, ppm: int) -> bool:
        """True in so many of a million cases; zeros are False, unless all is True."""
        return self._number(BYTES_OF_CHANCE) * PPM >> 8 * BYTES_OF_CHANCE >= PPM - ppm
