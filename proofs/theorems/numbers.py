"""Chapter 1, Numbers: the divisions of the law and its square root round as they say (A6)."""

from collections.abc import Iterator

from proofs.contracts import establish
from proofs.lemmas.contracts import root_is_rounded_up
from proofs.loops import State, while_loop
from proofs.registry import Replace, assume, prove, theorem
from refmodel.numbers import ceil_div, floor_div, isqrt_ceil


@theorem(
    "A6-ceil-div",
    rules=("NUM-1",),
    claim="A division that rounds up gives the smallest whole number at or above the quotient.",
    witness=(dict(numerator=7, divisor=2, other=5), dict(numerator=-7, divisor=2, other=0)),
    mutant=Replace("ceil_div", "-(-numerator // divisor)", "numerator // divisor + 1", name="one more"),
)
def ceil_div_is_the_least_number_at_or_above(numerator: int, divisor: int, other: int) -> None:
    assume(divisor > 0, guard="NUM-1")

    quotient = ceil_div(numerator, divisor)

    prove(quotient * divisor >= numerator, "the result is at or above the quotient")
    prove((quotient - 1) * divisor < numerator, "one less would be below it")
    if other * divisor >= numerator:
        prove(other >= quotient, "every whole number at or above the quotient is at or above the result")


@theorem(
    "A6-floor-div",
    rules=("NUM-3",),
    claim="A division that rounds down gives the largest whole number at or below the quotient.",
    witness=(dict(numerator=7, divisor=2, other=3), dict(numerator=-7, divisor=2, other=-4)),
    mutant=Replace("floor_div", "numerator // divisor", "-(-numerator // divisor)", name="rounds up"),
)
def floor_div_is_the_greatest_number_at_or_below(numerator: int, divisor: int, other: int) -> None:
    assume(divisor > 0, guard="NUM-3")

    quotient = floor_div(numerator, divisor)

    prove(quotient * divisor <= numerator, "the result is at or below the quotient")
    prove((quotient + 1) * divisor > numerator, "one more would be above it")
    if other * divisor <= numerator:
        prove(other <= quotient, "every whole number at or below the quotient is at or below the result")


@theorem(
    "A6-there-and-back",
    rules=("NUM-1", "NUM-3"),
    claim="Nobody gains by converting to and fro: down and back is never more, up and back never less.",
    witness=dict(amount=7, divisor=2),
    mutant=Replace("floor_div", "numerator // divisor", "-(-numerator // divisor)", name="rounds up"),
)
def rounding_there_and_back_never_profits(amount: int, divisor: int) -> None:
    assume(divisor > 0, guard="NUM-3")

    credited = floor_div(amount, divisor)
    charged = ceil_div(amount, divisor)

    prove(credited * divisor <= amount, "what is credited and turned back is no more than before")
    prove(charged * divisor >= amount, "what is charged and turned back is no less than before")
    prove(charged - credited <= 1, "the two directions differ by at most one")
    prove(
        floor_div(credited * divisor, divisor) == credited, "a whole number comes back as it is, rounded down"
    )
    prove(ceil_div(charged * divisor, divisor) == charged, "a whole number comes back as it is, rounded up")


@theorem(
    "A6-rounding-sides",
    rules=("NUM-1", "NUM-3"),
    claim="Rounding up is rounding down seen from the other side, and both keep the order of amounts.",
    witness=dict(amount=7, more=9, divisor=2),
    mutant=Replace("ceil_div", "-(-numerator // divisor)", "numerator // divisor + 1", name="one more"),
)
def rounding_up_is_rounding_down_from_the_other_side(amount: int, more: int, divisor: int) -> None:
    assume(divisor > 0, guard="NUM-3")

    prove(ceil_div(amount, divisor) == -floor_div(-amount, divisor), "a charge is a negative credit")
    if amount <= more:
        prove(floor_div(amount, divisor) <= floor_div(more, divisor), "more is never credited less")
        prove(ceil_div(amount, divisor) <= ceil_div(more, divisor), "more is never charged less")


def newton_from_above(root: State) -> Iterator[bool]:
    """What holds of Newton's method on whole numbers: the guess never falls below the square root."""
    yield root.number >= 2
    yield root.guess >= 1
    yield root.number < (root.guess + 1) * (root.guess + 1)
    yield root.better == floor_div(root.guess + floor_div(root.number, root.guess), 2)


@theorem(
    "A6-isqrt-ceil",
    rules=("NUM-4",),
    claim="The integer square root is found, and is the least whole number whose square is at or above.",
    witness=(dict(number=0), dict(number=1), dict(number=10), dict(number=1_000_000)),
    mutant=(
        Replace("isqrt_ceil", "guess if guess * guess == number else guess + 1", "guess", name="rounds down"),
        Replace("isqrt_ceil", "while better < guess", "while better + 1 < guess", name="stops early"),
    ),
)
def isqrt_ceil_is_the_least_root_at_or_above(number: int) -> None:
    assume(number >= 0, guard="NUM-4")

    establish(root_is_rounded_up, number, running=newtons_root)
    root = newtons_root(number)

    prove(root >= 0, "a root is not negative")
    prove(root * root >= number, "its square is at or above the number")
    if root > 0:
        prove((root - 1) * (root - 1) < number, "the square of one less is below it")


def newtons_root(number: int) -> int:
    """The rule, its loop by the invariant and by a measure that falls."""
    root: int = while_loop(isqrt_ceil).result(
        number, invariant=newton_from_above, measure=lambda state: state.guess
    )
    return root
