"""Choices: the small source that every generator draws from.

Generators are written once against `Choices` and have two drivers: `SeededChoices` here, for bulk, and
the one in strategies.py, for Hypothesis, which explores, shrinks and keeps what it found. The first
element of a sequence and the low end of a range are what a shrinking driver moves towards, so
generators put what is plain first.
"""

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

Choice = TypeVar("Choice")

PPM = 1_000_000
EXACT_IN_A_FLOAT = 2**53


class Choices(Protocol):
    """Three ways to choose."""

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""

    def pick(self, options: Sequence[Choice]) -> Choice:
        """One of the options; the first is the plainest."""

    def chance(self, ppm: int) -> bool:
        """True in so many of a million cases; False is the plain answer."""


class SeededChoices:
    """The bulk driver: the same seed, the same choices, on every machine."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed).random

    def integer(self, low: int, high: int) -> int:
        span = high - low + 1
        if span < EXACT_IN_A_FLOAT:
            return low + int(self._random() * span)
        # Wider than a float is exact: as many digits of base 2**30 as the span has, and a little more.
        number = 0
        for _ in range(span.bit_length() // 30 + 2):
            number = (number << 30) | int(self._random() * 2**30)
        return low + number % span

    def pick(self, options: Sequence[Choice]) -> Choice:
        return options[int(self._random() * len(options))]

    def chance(self, ppm: int) -> bool:
        return self._random() * PPM < ppm


class EagerChoices(SeededChoices):
    """A driver that takes every chance: whoever samples, looks every time."""

    def chance(self, ppm: int) -> bool:
        return ppm > 0


class IdleChoices(SeededChoices):
    """A driver that takes no chance: whoever samples, never looks."""

    def chance(self, ppm: int) -> bool:
        return False


def magnitude(choices: Choices, low: int, high: int) -> int:
    """A whole number from low to high, every order of magnitude above low equally likely.

    low   the plain end
    high  >= low
    """
    width = (high - low).bit_length()
    above = choices.integer(0, width)
    if above == 0:
        return low
    return low + min(choices.integer(1 << (above - 1), (1 << above) - 1), high - low)


def near(choices: Choices, edge: int, low: int, high: int) -> int:
    """The edge itself, or the whole number on either side of it, kept within low and high."""
    return max(low, min(high, edge + choices.pick((0, 1, -1))))


def edge_or_magnitude(choices: Choices, low: int, high: int, edges: Sequence[int] = ()) -> int:
    """A whole number from low to high: every third time at the ends or next to a given edge."""
    if choices.chance(333_333):
        return near(choices, choices.pick((low, high, *edges)), low, high)
    return magnitude(choices, low, high)
