"""Contracts known to be false: CrossHair must refute each of them.

They use nothing of the law: a law that is wrong must not be able to make a canary true.
"""

from proofs.crosshair_contracts.entries import canary


@canary(numerator=10, divisor=5)
def canary_a_division_has_no_remainder(numerator: int, divisor: int) -> None:
    assert divisor > 0
    quotient = numerator // divisor
    assert quotient * divisor == numerator


@canary(equity=10, maintenance=5)
def canary_a_bound_is_never_met_exactly(equity: int, maintenance: int) -> None:
    assert equity >= maintenance > 0
    slack = equity - maintenance
    assert slack != 0


@canary(amount=5, floor=10, rise=3)
def canary_nothing_is_above_a_floor(amount: int, floor: int, rise: int) -> None:
    assert amount >= 0 and floor > 0 and rise > 0
    term = rise * max(amount - floor, 0)
    assert term == 0
