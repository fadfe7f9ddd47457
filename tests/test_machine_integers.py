"""Machine integers of the prover. Goal: an overflow is found at exactly the bound where C would overflow.
Method: small kernels at and beyond the edges of their types.
"""

from pathlib import Path

import pytest

from proofs.machine import MachineInt, as_type, kernel, load_kernels, rewritten
from proofs.prover import prove_theorem, run_mutant
from proofs.registry import (
    Replace,
    assume,
    prove,
)
from proofs.runs import TheoremError
from proofs.symbolic import all_of
from tests.prover_examples import ceil_div, shown, theorem


def test_an_overflow_is_found_at_exactly_the_bound():
    def product(lots, limit):
        assume(all_of(0 <= lots, lots <= limit), guard="test")
        result = as_type(lots, "int64", "lots") * 1_000
        prove(result.value == lots * 1_000, "exact")

    largest_that_fits = (2**63 - 1) // 1_000
    for limit, status in ((largest_that_fits, "proved"), (largest_that_fits + 1, "refuted")):
        made = theorem(lambda lots, limit=limit: product(lots, limit), witness={"lots": 1})
        result = prove_theorem(made)
        assert result.status == status, result.reason
    assert (
        result.counterexample == {"lots": largest_that_fits + 1} and "stays within 64 bits" in result.reason
    )


def test_a_wide_product_needs_a_wide_factor():
    def body(a, b, ctype):
        assume(all_of(0 <= a, a < 2**62, 0 <= b, b < 2**62), guard="test")
        wide = as_type(as_type(a, "int64", "a"), ctype, "wide")
        prove((wide * as_type(b, "int64", "b")).value == a * b, "exact")

    for ctype, status in (("int128", "proved"), ("int64", "refuted")):
        made = theorem(lambda a, b, ctype=ctype: body(a, b, ctype), witness={"a": 1, "b": 1})
        assert prove_theorem(made).status == status


def test_a_narrowing_conversion_has_to_fit():
    def body(a):
        assume(all_of(0 <= a, a <= 2**64), guard="test")
        prove(as_type(MachineInt(a, "int128"), "int64", "result").value == a, "nothing lost")

    result = prove_theorem(theorem(body, witness={"a": 1}))
    assert result.status == "refuted" and result.counterexample["a"] >= 2**63


@pytest.mark.parametrize(("low", "reason"), [(-1, "divides a non-negative number"), (0, "proved")])
def test_a_c_division_is_of_non_negative_by_positive(low, reason):
    def body(a):
        assume(all_of(low <= a, a <= 100), guard="test")
        prove((MachineInt(a, "int64") // 7).value == a // 7, "as in Python")

    assert reason in f"{prove_theorem(theorem(body, witness={'a': 1}))}"


def test_the_smallest_number_has_no_negation():
    def body(a):
        assume(all_of(a >= -(2**63), a < 0), guard="test")
        prove((-MachineInt(a, "int64")).value > 0, "positive")

    assert prove_theorem(theorem(body, witness={"a": -1})).counterexample == {"a": -(2**63)}


def test_declared_types_become_conversions():
    import ast

    source = (
        "@cython.ccall\ndef f(a: cython.longlong, b: int128) -> cython.longlong:\n"
        "    'doc'\n    wide: int128 = a\n    wide = wide * b\n    wide += 1\n    return wide\n"
    )
    scope = {
        "__as__": lambda value, ctype, name: value if ctype != "int64" or name == "a" else (value, ctype)
    }
    exec(compile(rewritten(ast.parse(source)), "kernel", "exec"), scope)
    assert scope["f"](3, 5) == (16, "int64")
    with pytest.raises(TheoremError, match="has no C type"):
        rewritten(ast.parse("def f(a): return a"))
    with pytest.raises(TheoremError, match="has no C type"):
        rewritten(ast.parse("def f(a: cython.double) -> cython.longlong: return 1"))


def division_kernel_is_the_rule(numerator, divisor):
    assume(all_of(-(2**63) < numerator, numerator < 2**63, 0 < divisor, divisor < 2**63), guard="test")
    prove(kernel("ceil_div")(numerator, divisor) == ceil_div(numerator, divisor), "the same quotient")


def test_a_kernel_is_run_from_its_source_and_can_be_mutated():
    made = theorem(division_kernel_is_the_rule, kernels=True, witness={"numerator": 7, "divisor": 2})
    result = prove_theorem(made)
    assert shown(result) == "proved: "
    assert [Path(module.__file__).name for module in load_kernels()] == [
        "kernels.py",
        "waterfall.py",
        "transitions.py",
        "certificates.py",
    ]
    lost = Replace(
        "kernels.ceil_div", "numerator // divisor + (1", "numerator // divisor + (0", "rounds down"
    )
    assert run_mutant(made, lost) == "refuted"
    with pytest.raises(TheoremError, match="no kernel"):
        kernel("no_such_kernel")
