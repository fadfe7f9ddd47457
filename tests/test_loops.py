"""Loops of the prover. Goal: what is proved of a loop by its invariant holds for any number of rounds.
Method: one toy loop, proved once, broken in each of its parts, and left in the middle.
"""

import pytest

from proofs.contracts import contract, ensure, establish, require
from proofs.loops import while_loop
from proofs.prover import prove_theorem, run_mutant
from proofs.registry import Replace, assume, prove
from proofs.runs import TheoremError
from tests.prover_examples import shown, theorem


def root(number):
    low = 0
    while (low + 1) * (low + 1) <= number:
        low = low + 1
    return low


def below(state):
    yield state.low >= 0
    yield state.low * state.low <= state.number


def root_is_found(number):
    assume(number >= 0, guard="test")
    found = while_loop(root).result(number, invariant=below, measure=lambda state: state.number - state.low)
    prove(found * found <= number, "not above")
    prove((found + 1) * (found + 1) > number, "the next is above")


ROOT = theorem(root_is_found, witness={"number": 17})


def test_a_loop_is_proved_by_its_invariant_for_any_number_of_rounds():
    result = prove_theorem(ROOT)
    assert shown(result) == "proved: " and result.paths == 2 and result.exhaustive


@pytest.mark.parametrize(
    "mutant",
    [
        Replace("root", "low = 0", "low = 1", "starts too high"),
        Replace("root", "low = low + 1", "low = low + 2", "steps too far"),
        Replace("root", "low = low + 1", "low = low", "never ends"),
        Replace("root", "<= number", "< number", "stops early"),
    ],
    ids=lambda mutant: mutant.name,
)
def test_a_broken_loop_is_refuted(mutant):
    only_symbols = theorem(root_is_found)  # on a witness, a loop that never ends would not
    assert run_mutant(only_symbols, mutant) == "refuted"


def test_a_loop_that_is_left_in_the_middle_is_refused():
    def leaves(number):
        while number > 0:
            if number == 5:
                break
            number = number - 1
        return number

    with pytest.raises(TheoremError, match="leaves"):
        while_loop(leaves)


def test_a_contract_of_a_loop_is_established_by_its_invariant_and_by_nothing_else():
    @contract(for_=root, proved_by="x")
    def root_is_not_above(result, number):
        require(number >= 0)
        ensure(result * result <= number)

    def by_the_loop(number):
        return while_loop(root).result(
            number, invariant=below, measure=lambda state: state.number - state.low
        )

    def proof(number, run):
        establish(root_is_not_above, number, running=run)

    true = theorem(lambda number: proof(number, by_the_loop), witness={"number": 9})
    assert shown(prove_theorem(true)) == "proved: "
    other = prove_theorem(theorem(lambda number: proof(number, lambda number: 0), witness={"number": 9}))
    assert "running something other than root" in other.reason
