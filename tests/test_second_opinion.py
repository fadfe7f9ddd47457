"""CrossHair. Goal: the law's contracts hold by a second mechanism, and a silent CrossHair is noticed.
Method: the real contracts once; small files of contracts that are false, vacuous or unreadable; canaries.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from proofs import crosshair_contracts
from proofs.second_opinion import Answer, Refuted, SecondOpinionError, refutation, run_crosshair, values_of

HEAD = """
from dataclasses import dataclass, field

from refmodel.numbers import PPM, ceil_div, floor_div
from refmodel.trading import fee


@dataclass
class Entry:
    function: object
    witness: dict = field(default_factory=dict)


def false(number: int) -> None:
    assert number > 0
    less = number - 1
    assert less < 3


def holds(number: int) -> None:
    assert number > 0
    quotient = ceil_div(number, PPM)
    assert quotient >= 1


CANARIES = {"false": Entry(false, {"number": 1})}
"""

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of contracts after the common head, and gives its path."""

    def written(text: str) -> str:
        path = tmp_path / "written_contracts.py"
        path.write_text(HEAD + text)
        return str(path)

    return written


def test_no_contract_of_the_law_is_refuted_and_none_is_called_more_than_it_is() -> None:
    told: list[tuple[int, int, str, str]] = []
    opinion = run_crosshair(lambda *progress: told.append(progress), per_condition_seconds=1.0, workers=2)
    assert opinion.refuted == ()
    assert opinion.ok
    assert opinion.conditions == len(crosshair_contracts.CONTRACTS) >= 50
    assert opinion.canaries == len(crosshair_contracts.CANARIES)
    assert len(opinion.confirmed) + len(opinion.no_counterexample) == opinion.conditions
    assert len(told) == told[-1][0] == told[-1][1] == opinion.conditions + opinion.canaries
    searched = {name for name, entry in crosshair_contracts.CONTRACTS.items() if entry.searched}
    assert searched <= set(opinion.no_counterexample)


def test_every_witness_meets_its_contract() -> None:
    for entry in (*crosshair_contracts.CONTRACTS.values(), *crosshair_contracts.CANARIES.values()):
        entry.function(**entry.witness)


def test_a_wrong_contract_is_refuted_with_values_that_reproduce(write: Write) -> None:
    path = write(
        """
def fee_rounds_down(amount: int, rate: int) -> None:
    assert amount >= 0 and 0 <= rate <= PPM
    charged = fee(amount, rate)
    assert charged * PPM <= amount * rate


CONTRACTS = {
    "holds": Entry(holds, {"number": 5}),
    "fee_rounds_down": Entry(fee_rounds_down, {"amount": PPM, "rate": 7}),
}
"""
    )
    opinion = run_crosshair(contracts=path)
    assert not opinion.ok
    assert opinion.confirmed == ("holds",)
    [refuted] = opinion.refuted
    assert refuted.contract == "fee_rounds_down"
    assert refuted.reproduced
    assert refuted.values["amount"] * refuted.values["rate"] % 1_000_000 != 0
    assert str(refuted).startswith("fee_rounds_down(amount = ")


def test_an_unexpected_exception_counts_as_refuted(write: Write) -> None:
    path = write(
        """
def divides_by_anything(divisor: int) -> None:
    assert divisor >= 0
    quotient = floor_div(1, divisor)
    assert quotient >= 0


CONTRACTS = {"divides_by_anything": Entry(divides_by_anything, {"divisor": 1})}
"""
    )
    [refuted] = run_crosshair(contracts=path).refuted
    assert refuted.values == {"divisor": 0}
    assert refuted.reproduced


def test_a_contract_whose_premises_exclude_everything_is_a_fault(write: Write) -> None:
    path = write(
        """
def nothing_meets_this(number: int) -> None:
    assert number > number
    quotient = ceil_div(number, PPM)
    assert quotient == 17


CONTRACTS = {"nothing_meets_this": Entry(nothing_meets_this, {"number": 1})}
"""
    )
    with pytest.raises(SecondOpinionError, match="the witness of nothing_meets_this does not meet it"):
        run_crosshair(contracts=path)


def test_a_canary_that_is_not_refuted_is_a_fault(write: Write) -> None:
    path = write(
        """
CANARIES = {"holds": Entry(holds, {"number": 5})}
CONTRACTS = {}
"""
    )
    with pytest.raises(SecondOpinionError, match="CrossHair is silent: it did not refute holds"):
        run_crosshair(contracts=path)


@pytest.mark.parametrize(
    "body",
    [
        "ceil_div(number, PPM)",
        "assert number > 0\n    ceil_div(number, PPM)",
        "assert number > 0\n    assert number > 1\n    assert ceil_div(number, PPM) == 17",
    ],
    ids=["no assert", "premises only", "a claim that CrossHair takes for a premise"],
)
def test_a_contract_without_a_claim_that_is_asked_is_a_fault(write: Write, body: str) -> None:
    path = write(
        f"""
def claims_nothing(number: int) -> None:
    {body}


CONTRACTS = {{"claims_nothing": Entry(claims_nothing, {{"number": 17_000_000}})}}
"""
    )
    with pytest.raises(SecondOpinionError, match="claims_nothing is not premises in one assert"):
        run_crosshair(contracts=path)


def test_a_worker_that_stops_is_a_fault_and_not_a_wait(write: Write) -> None:
    path = write(
        """
import os
import sys

if "--contracts" in sys.argv:
    os._exit(3)

CONTRACTS = {}
"""
    )
    with pytest.raises(SecondOpinionError, match="CrossHair stopped"):
        run_crosshair(contracts=path)


def test_a_worker_that_prints_something_else_is_a_fault(write: Write) -> None:
    path = write(
        """
import sys

if "--contracts" in sys.argv:
    print("a stray line")

CONTRACTS = {}
"""
    )
    with pytest.raises(SecondOpinionError, match="it printed 'a stray line'"):
        run_crosshair(contracts=path)


def _two(first: int, second: int) -> None:
    assert first < second


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("AssertionError:  when calling _two(3, 2)", {"first": 3, "second": 2}),
        ("AssertionError:  when calling _two(3, second = -2)", {"first": 3, "second": -2}),
        ("false when calling _two(second=2, first=3) (which returns None)", {"first": 3, "second": 2}),
        ("AssertionError: when calling _two(')', 2)", {"first": ")", "second": 2}),
        ("AssertionError: when calling _two(Tier(1, 2), 2)", {}),
        ("no call is named", {}),
    ],
)
def test_the_arguments_of_a_report_are_read(message: str, values: dict[str, object]) -> None:
    assert values_of(message, _two) == values


def test_a_counterexample_that_does_not_reproduce_says_so() -> None:
    report = Answer("_two", "refuted", "AssertionError: when calling _two(1, 2)")
    assert refutation(report, _two) == Refuted("_two", {"first": 1, "second": 2}, report.message, False)
