"""Canaries: false claims that must be refuted and empty theorems that must be flagged, in every run.

If the prover lets one pass, nothing it says in that run counts. Each canary is aimed at one way in which a
tool like this can go blind; the rules they are about are toys, defined here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proofs.contracts import check_dependencies, contract, ensure, require
from proofs.induction import induction_over
from proofs.loops import State, while_loop
from proofs.machine import MachineInt
from proofs.prover import prove_theorem, run_mutant
from proofs.registry import Replace, Theorem, assume, lemma, prove, unregistered
from proofs.runs import TheoremError
from proofs.symbolic import all_of

# Toy rules


def share(amount: int, parts: int) -> int:
    return amount // parts


def rate_of(size: int) -> int:
    assert size != 7, "seven is not a size"
    return 3 * size


def total(items: tuple[int, ...], factor: int) -> int:
    return sum(factor * item for item in items)


def halvings(number: int) -> int:
    count = 0
    while number > 1:
        number = number // 2
        count = count + 1
    return count


@contract(for_=share, proved_by="canary")
def share_is_not_negative(result: int, amount: int, parts: int) -> None:
    require(all_of(amount >= 0, parts >= 1))
    ensure(result >= 0)


@contract(for_=share, proved_by="canary")
def share_is_impossible(result: int, amount: int, parts: int) -> None:
    ensure(result > amount)
    ensure(result < amount)


# False claims. Each says what it would have to escape through.

FALSE: list[tuple[Callable[..., None], dict[str, Any]]] = []
EMPTY: list[tuple[Callable[..., None], dict[str, Any], str]] = []


def is_false(**fields: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A canary that must be refuted."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        FALSE.append((function, fields))
        return function

    return register


def is_empty(flag: str, **fields: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A canary that must stay undecided, for a reason that contains `flag`."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        EMPTY.append((function, fields, flag))
        return function

    return register


@is_false()
def division_rounds_towards_zero(amount: int) -> None:
    prove(share(-amount, 10) == -share(amount, 10), "rounding is symmetric")


@is_false()
def division_is_exact(amount: int, parts: int) -> None:
    assume(parts > 0, guard="canary")
    prove(share(amount, parts) * parts == amount, "nothing is left over")


@is_false()
def a_remainder_is_positive(amount: int) -> None:
    prove(amount % 7 > 0, "something is always left over")


@is_false()
def a_divisor_may_be_zero(amount: int, parts: int) -> None:
    assume(parts >= 0, guard="canary")
    prove(share(amount, parts) <= max(amount, 0), "a share is no more than the amount")


@is_false()
def multiplication_and_division_commute(amount: int, rate: int) -> None:
    assume(rate >= 0, guard="canary")
    prove(share(amount * rate, 100) == share(amount, 100) * rate, "the order does not matter")


@is_false()
def merged_maximum_forgets_the_second(a: int, b: int) -> None:
    prove(max(a, b) == a, "the first is the larger")


@is_false()
def merged_minimum_is_strict(a: int, b: int, c: int) -> None:
    prove(min(a, b, c) < c, "the least is below the last")


@is_false()
def absolute_value_is_the_identity(a: int) -> None:
    prove(abs(a) == a, "signs do not matter")


@is_false()
def a_needle_in_a_branch(a: int) -> None:
    if a * 3 == 37_037_034:
        prove(False, "nobody looks here")
    prove(a == a, "everybody looks here")


@is_false()
def the_second_side_of_a_branch(a: int, b: int) -> None:
    if a > b:
        prove(a > b, "seen first")
    else:
        prove(a < b, "equality is forgotten")


@is_false()
def a_disjunction_is_followed_on_both_sides(a: int, b: int) -> None:
    if a > 0 or b > 0:
        prove(a > 0, "the second half is forgotten")


@is_false()
def a_narrow_gap_between_bounds(a: int, b: int, c: int) -> None:
    if a > b and b > c and a < c + 3:
        prove(b != c + 1, "there is nothing in between")


@is_false()
def an_assertion_of_the_law_fails(size: int) -> None:
    prove(rate_of(size) == 3 * size, "never reached at 7")


@is_false()
def an_exception_of_the_law(size: int) -> None:
    names = {"small": 1}
    prove(names["large" if size > 100 else "small"] == 1, "every size has a name")


@is_false()
def a_product_has_no_sign(a: int, b: int) -> None:
    prove(a * b >= 0, "products are not negative")


@is_false()
def a_square_outgrows_its_root(a: int) -> None:
    prove(a * a * a + 1 != a * a + a, "they never meet")  # they do, at 1 and -1


@is_false()
def a_later_premise_helps_an_earlier_claim(a: int) -> None:
    prove(a > 0, "claimed too early")
    assume(a > 0, guard="canary")


@is_false()
def a_lemma_is_assumed(a: int) -> None:
    lemma(a > 0, "a hint is not an assumption")
    prove(a > 0, "follows from the hint")


@is_false(contracts=(share_is_not_negative,))
def a_precondition_is_ignored(amount: int) -> None:
    prove(share(amount, 2) == share(amount, 2), "the caller owes the precondition")


@is_false(contracts=(share_is_not_negative,))
def a_contract_says_more_than_it_ensures(amount: int) -> None:
    assume(amount >= 1, guard="canary")
    prove(share(amount, 2) >= 1, "the contract ensures 0 only")


@is_false()
def an_induction_without_a_base(item: int) -> None:
    items = induction_over(item)
    factored = items.sum_of(total)
    items.each(lambda member: member >= 1, guard="canary")
    items.prove(lambda: factored(1) >= 1, "there is always something")


@is_false()
def an_induction_without_a_step(item: int, factor: int) -> None:
    items = induction_over(item)
    factored = items.sum_of(total)
    items.prove(lambda: factored(factor) >= 0, "sums are not negative")


@is_false()
def premises_of_an_item_leak_into_no_items(item: int, bound: int) -> None:
    items = induction_over(item)
    items.each(lambda member: all_of(member > 0, member < bound), guard="canary")
    prove(bound > 1, "true where there is an item, and there may be none")


def counts_down(state: State) -> Any:
    yield state.count >= 0


@is_false()
def a_loop_invariant_is_enough_for_anything(number: int) -> None:
    count = while_loop(halvings).result(number, invariant=counts_down, measure=lambda state: state.number)
    prove(count <= 60, "the invariant says nothing of this")


@is_false()
def a_loop_need_not_end(number: int) -> None:
    count = while_loop(halvings).result(number, invariant=counts_down, measure=lambda state: state.count)
    prove(count >= 0, "but the measure does not fall")


@is_false()
def a_product_fits_64_bits(lots: int, price: int) -> None:
    assume(all_of(lots >= 0, lots <= 1 << 32, price >= 0, price <= 1 << 31), guard="canary")
    MachineInt(lots, "int64") * MachineInt(price, "int64")  # one too many at the very corner


# Empty theorems. Each would be "proved" by a prover that only looks for counterexamples.


@is_empty("vacuous", witnesses=({"a": 1},))
def contradictory_premises(a: int) -> None:
    assume(a > 0, guard="canary")
    assume(a < 0, guard="canary")
    prove(False, "anything follows")


@is_empty("vacuous", witnesses=({"a": 1},))
def nonlinear_contradiction(a: int) -> None:
    assume(a * a == 2, guard="canary")
    prove(False, "anything follows")


@is_empty("vacuous: no claim is reached", witnesses=({"a": 1},))
def no_claim_at_all(a: int) -> None:
    rate_of(max(a, 8))


@is_empty("vacuous: no claim is reached", witnesses=({"a": 1},))
def a_claim_where_nobody_goes(a: int) -> None:
    if a > 0 and a < 0:
        prove(False, "behind a wall")


@is_empty("premise", witnesses=({"a": -1},))
def a_witness_outside_the_premises(a: int) -> None:
    assume(a > 0, guard="canary")
    prove(a >= 1, "true, but the witness does not show that it says something")


@is_empty("no witness")
def no_witness(a: int) -> None:
    prove(a + 1 > a, "true")


@is_empty("reaches no claim", witnesses=({"a": -1},))
def a_witness_that_reaches_nothing(a: int) -> None:
    if a > 0:
        prove(a >= 1, "true")


@is_empty("contradicts", contracts=(share_is_impossible,), witnesses=({"a": 1},))
def a_contract_that_nothing_satisfies(a: int) -> None:
    prove(share(a, 2) == 5, "anything follows")


@is_empty("stands for every whole number", witnesses=({"a": 1},))
def a_symbol_is_used_as_one_number(a: int) -> None:
    for _ in range(a):
        prove(True, "only some lengths are tried")


@is_empty("no truth value", witnesses=({"a": 1},))
def a_negation_that_is_always_true(a: int) -> None:
    prove(~(2 > 1), "~True is -2, which counts as true")  # type: ignore[arg-type]


_calls = [0]


@is_empty("not deterministic", witnesses=({"a": 1},))
def it_changes_between_runs(a: int) -> None:
    _calls[0] += 1
    if a > _calls[0]:
        prove(a > 0, "another question each time")


@is_empty("speaks of the item", witnesses=({"item": 1},))
def an_induction_about_the_item_itself(item: int) -> None:
    items = induction_over(item)
    factored = items.sum_of(total)
    items.prove(lambda: factored(0) >= item - item, "the claim moves with the item")


def _holds(a: int) -> None:
    prove(share(a, 2) * 2 <= a, "a share is no more than half")


def _mutants_that_change_nothing() -> list[str]:
    """Mutants that nobody could notice, and what goes wrong if they count as noticed."""
    theorem = unregistered(_holds, witnesses=({"a": 5},))
    failures = []
    if run_mutant(theorem, Replace("share", "amount // parts", "amount // parts + 0", "none")) != "proved":
        failures.append("a mutant that changes nothing counts as refuted")
    try:
        run_mutant(theorem, Replace("share", "amount / parts", "amount", "not there"))
        failures.append("a mutant whose text does not occur is accepted")
    except TheoremError:
        pass
    leaning = unregistered(_holds, contracts=(share_is_not_negative,), name="canary")
    try:
        check_dependencies({"canary": leaning})
        failures.append("a theorem may lean on itself")
    except TheoremError:
        pass
    return failures


MUTANT_CANARIES = 3


@dataclass(frozen=True)
class CanaryReport:
    """What became of the canaries. `failures` is empty, or nothing else in the run counts."""

    refuted: int
    flagged: int
    failures: tuple[str, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        return not self.failures


def run_canaries() -> CanaryReport:
    """Run every canary through the prover."""
    started = time.perf_counter()
    failures: list[str] = []
    for function, fields in FALSE:
        result = prove_theorem(_theorem(function, fields))
        if result.status != "refuted":
            failures.append(f"{function.__name__} is false, and {result.status}: {result.reason}")
    for function, fields, flag in EMPTY:
        result = prove_theorem(_theorem(function, fields))
        if result.status != "undecided" or flag not in result.reason:
            failures.append(f"{function.__name__} is empty, and {result.status}: {result.reason}")
    wrong = len(failures)
    failures += _mutants_that_change_nothing()
    flagged = len(EMPTY) + MUTANT_CANARIES - sum(" is empty, and " in failure for failure in failures)
    return CanaryReport(
        refuted=len(FALSE) - sum(" is false, and " in failure for failure in failures),
        flagged=flagged - (len(failures) - wrong),
        failures=tuple(failures),
        seconds=time.perf_counter() - started,
    )


def _theorem(function: Callable[..., None], fields: dict[str, Any]) -> Theorem:
    return unregistered(function, **fields)
