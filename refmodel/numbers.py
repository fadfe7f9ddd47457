"""Numbers (chapter 1): the units of the law, and the only divisions in it.

Rules NUM-1 to NUM-6. Everything is a whole number; nothing in the law knows a float.
"""

from collections.abc import Callable

from refmodel.rulebook import rule

Quanta = int
"""Money: whole quanta of the settlement asset."""
Lots = int
"""Size: whole lots of a market; a position is signed, long positive."""
Ticks = int
"""Price: whole ticks of a market."""
Ppm = int
"""Rate: parts per million; 1_000_000 is 100 %."""
QuantaPpm = int
"""Money times a rate, before the final division by PPM."""
Millis = int
"""Time: milliseconds."""

PPM: Ppm = 1_000_000


@rule("NUM-1")
def ceil_div(numerator: int, divisor: int) -> int:
    """Divide, rounding up: what an account is charged, or what is required of it.

    numerator  any whole number, in the unit that is divided
    divisor    > 0
    returns    the smallest whole number at or above numerator / divisor
    Rounds up, in favour of the venue. Source: NUM-1.
    """
    return -(-numerator // divisor)


@rule("NUM-2")
def is_whole(value: object) -> bool:
    """Whether a value that came from outside is a whole number.

    value    anything a file or an event may carry
    returns  True for an int; False for a float, a string, a boolean or anything else
    Rounds nothing: a number that is not whole is refused before any rule sees it, because two
    engines would round it differently. Source: NUM-2.
    """
    return type(value) is int


@rule("NUM-3")
def floor_div(numerator: int, divisor: int) -> int:
    """Divide, rounding down: what an account is credited, or what counts as its collateral.

    numerator  any whole number, in the unit that is divided
    divisor    > 0
    returns    the largest whole number at or below numerator / divisor
    Rounds down, in favour of the venue. Source: NUM-3; Python's // rounds down for either sign.
    """
    return numerator // divisor


@rule("NUM-4")
def isqrt_ceil(number: int) -> int:
    """The integer square root, rounded up: the rate of a size-scaled margin schedule.

    number   >= 0
    returns  the smallest r >= 0 with r * r >= number
    Rounds up, in favour of the venue. Newton's method from above, on whole numbers only.
    Source: NUM-4.
    """
    if number <= 1:
        return number
    guess = number
    better = floor_div(guess + 1, 2)
    while better < guess:
        guess = better
        better = floor_div(guess + floor_div(number, guess), 2)
    return guess if guess * guess == number else guess + 1


@rule("NUM-5")
def running_share(amount: int, before: int, weight: int, total: int) -> int:
    """One part of an amount that is shared out by weights, one after the other.

    amount   what is shared out, in any unit, >= 0
    before   sum of the weights of those who came before, >= 0
    weight   of this one, >= 0
    total    sum of all weights, > 0
    returns  floor(amount x (before + weight) / total) - floor(amount x before / total): the parts of
             all sum to the amount exactly, and each is within one of its proportion
    Rounds the running total down, so that what one part rounds off, a later one receives.
    Source: NUM-5; theorem A8.
    """
    return floor_div(amount * (before + weight), total) - floor_div(amount * before, total)


@rule("NUM-6")
def largest_count(limit: int, holds: Callable[[int], bool]) -> int:
    """The largest number for which something holds that, once it fails, fails from there on.

    limit    the largest number asked about, >= 0
    holds    true up to some number and false above it; it is not asked about 0
    returns  0 to limit: 0 if it fails for 1
    Exact: the interval is halved until one number is left. Source: NUM-6.
    """
    known = 0
    unknown = limit
    middle = floor_div(limit + 1, 2)
    while known < unknown:
        if holds(middle):
            known = middle
        else:
            unknown = middle - 1
        middle = floor_div(known + unknown + 1, 2)
    return known
