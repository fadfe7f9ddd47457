"""Contracts and inductions. Goal: a contract says no more than was proved of its rule, and what is proved of
any number of items holds for any number. Method: toy rules, each made to fail once.
"""

from dataclasses import dataclass

import pytest

from proofs.batch import unsupported
from proofs.contracts import check_dependencies, contract, ensure, establish, require
from proofs.environment import run_concretely
from proofs.induction import induction_over
from proofs.prover import Result, prove_theorem, run_mutant
from proofs.registry import (
    Replace,
    assume,
    opaque,
    prove,
)
from proofs.runs import TheoremError
from proofs.symbolic import all_of, implies
from tests.prover_examples import ceil_div, shown, theorem
from tests.test_prover import cap_holds

# Toy rules


@dataclass(frozen=True)
class Tier:
    floor: int
    rise: int


def term(notional, floor, rise):
    return rise * max(notional - floor, 0)


def numerator(notional, tiers):
    return sum(term(notional, tier.floor, tier.rise) for tier in tiers)


def margin(notional, tiers):
    return ceil_div(numerator(notional, tiers), 100)


def largest(tiers):
    return max((tier.rise for tier in tiers), default=0)


def last_floor(tiers):
    floor = -1
    for tier in tiers:
        floor = tier.floor
    return floor


# Contracts


@contract(for_=margin, proved_by="margin-contract")
def margin_is_not_negative(result, notional, tiers):
    require(notional >= 0)
    ensure(result >= 0)


@contract(for_=margin, proved_by="margin-contract", relational=True)
def margin_is_monotone(result_a, a, result_b, b):
    if a.tiers is b.tiers:
        ensure(implies(a.notional <= b.notional, result_a <= result_b))


BOTH = (margin_is_not_negative, margin_is_monotone)


TIERS = (Tier(0, 5), Tier(10, 3))


def test_a_contract_answers_in_place_of_the_rule():
    def body(less, more):
        assume(all_of(0 <= less, less <= more), guard="test")
        tiers = opaque("tiers")
        prove(margin(less, tiers) <= margin(notional=more, tiers=tiers), "monotone, by the contract")
        prove(margin(less + 0, tiers) == margin(less, tiers), "a rule is a function")

    result = prove_theorem(theorem(body, contracts=BOTH, witness={"less": 1, "more": 2, "tiers": TIERS}))
    assert shown(result) == "proved: " and result.contracts == tuple(each.name for each in BOTH)


def test_equal_arguments_give_equal_results_even_if_that_is_learned_later():
    def body(a, b):
        tiers = opaque("tiers")
        assume(all_of(a >= 0, b >= 0), guard="test")
        first, second = margin(a, tiers), margin(b, tiers)
        if a == b:
            prove(first == second, "a rule is a function")

    witness = {"a": 1, "b": 2, "tiers": TIERS}
    result = prove_theorem(theorem(body, contracts=(margin_is_not_negative,), witness={**witness, "b": 1}))
    assert shown(result) == "proved: "


def test_a_precondition_that_the_caller_does_not_meet_is_a_failed_claim():
    def body(notional):
        prove(margin(notional, opaque("tiers")) >= 0, "unless it is negative")

    result = prove_theorem(theorem(body, contracts=BOTH, witness={"notional": 1, "tiers": TIERS}))
    assert shown(result) == "refuted: margin is called as margin_is_not_negative requires"
    assert result.counterexample["notional"] < 0 and "leave open" in result.reproduction


def test_what_a_contract_does_not_say_is_refuted_with_the_models_values():
    def body(notional):
        assume(notional >= 1, guard="test")
        prove(margin(notional, opaque("tiers")) >= 1, "not said")

    result = prove_theorem(theorem(body, contracts=BOTH, witness={"notional": 1, "tiers": TIERS}))
    assert shown(result) == "refuted: not said"


def test_a_contract_that_the_rule_breaks_shows_on_the_witness():
    @contract(for_=margin, proved_by="x")
    def margin_is_always_seven(result, notional, tiers):
        ensure(result == 7)

    def body(notional):
        prove(margin(notional, opaque("tiers")) == 7, "by a false contract")

    result = prove_theorem(
        theorem(body, contracts=(margin_is_always_seven,), witness={"notional": 1, "tiers": TIERS})
    )
    assert result.status == "undecided" and "fact margin_is_always_seven" in result.reason


def margin_contract(less, more, floor, rise):
    tiers = induction_over(Tier(floor, rise), "tiers")
    tiers.each(lambda tier: tier.rise >= 0, policy="POL-3")
    total = tiers.sum_of(numerator)
    tiers.prove(lambda: total(less) >= 0, "not negative")
    tiers.prove(lambda: implies(less <= more, total(less) <= total(more)), "monotone")
    establish(margin_is_not_negative, less, tiers)
    establish(margin_is_monotone, (less, tiers), (more, tiers))


def test_a_contract_is_established_by_a_theorem_on_the_real_rule():
    witness = {"less": 3, "more": 20, "floor": 0, "rise": 5, "tiers": TIERS}
    made = theorem(margin_contract, witness=witness)
    result = prove_theorem(made)
    assert shown(result) == "proved: "
    assert result.established == ("margin_is_monotone", "margin_is_not_negative")
    assert (
        run_mutant(
            made, Replace("margin", "numerator(notional, tiers)", "-numerator(notional, tiers)", "minus")
        )
        == "refuted"
    )


def test_a_false_contract_cannot_be_established():
    @contract(for_=margin, proved_by="x")
    def margin_is_positive(result, notional, tiers):
        require(notional >= 0)
        ensure(result >= 1)

    def body(notional, floor, rise):
        tiers = induction_over(Tier(floor, rise))
        tiers.sum_of(numerator)
        establish(margin_is_positive, notional, tiers)

    assert prove_theorem(theorem(body)).status == "refuted"


def test_a_circle_of_proofs_is_listed():
    one = theorem(cap_holds, name="T1", contracts=(contract(for_=margin, proved_by="T2")(cap_holds),))
    two = theorem(cap_holds, name="T2")
    check_dependencies({"T1": one, "T2": two})
    with pytest.raises(TheoremError, match="T1 -> T2 -> T1"):
        check_dependencies({"T1": one, "T2": two}, {"T2": ["T1"]})
    with pytest.raises(TheoremError, match="no theorem T2"):
        check_dependencies({"T1": one})


def test_a_contract_is_not_established_by_itself():
    def body(notional):
        assume(notional >= 0, guard="test")
        establish(margin_is_not_negative, notional, TIERS)

    result = prove_theorem(theorem(body, contracts=BOTH, witness={"notional": 1}))
    assert "established where it stands in" in result.reason


def test_what_a_set_of_results_leans_on_has_to_be_there():
    user = theorem(cap_holds, name="T1", contracts=(margin_is_not_negative,))
    proof = theorem(cap_holds, name="margin-contract")
    theorems = {"T1": user, "margin-contract": proof}
    done = Result("margin-contract", "proved", established=("margin_is_not_negative",))
    assert unsupported(theorems, [Result("T1", "proved"), done]) == []
    [problem] = unsupported(theorems, [Result("T1", "proved"), Result("margin-contract", "proved")])
    assert "has not established" in problem
    [problem] = unsupported(theorems, [Result("T1", "proved", reasons=(("theorem", "Q7"),)), done])
    assert "no such theorem" in problem
    circle = Result("margin-contract", "proved", established=done.established, reasons=(("theorem", "T1"),))
    [problem] = unsupported(theorems, [Result("T1", "proved"), circle])
    assert "a circle of proofs" in problem


# Induction


def test_a_sum_over_any_number_of_items():
    def body(part, other, floor, rise):
        assume(all_of(part >= 0, other >= 0), guard="test")
        tiers = induction_over(Tier(floor, rise), "tiers")
        tiers.each(lambda tier: all_of(tier.rise >= 0, tier.floor >= 0), policy="POL-3")
        total = tiers.sum_of(numerator)
        tiers.prove(lambda: total(part + other) >= total(part) + total(other), "splitting never needs more")
        whole = margin(part + other, tiers)
        prove(whole + 1 >= margin(part, tiers) + margin(other, tiers), "but for a quantum")

    witness = {"part": 5, "other": 9, "floor": 0, "rise": 5, "tiers": TIERS}
    made = theorem(body, witness=witness)
    result = prove_theorem(made)
    assert shown(result) == "proved: " and "each item: lambda tier" in result.premises[1]
    assert (
        run_mutant(made, Replace("term", "max(notional - floor, 0)", "min(notional, floor)", "min"))
        == "refuted"
    )
    assert run_mutant(made, Replace("numerator", "tier.rise) for", "-tier.rise) for", "sign")) == "refuted"


def test_a_false_property_is_refuted_at_its_step():
    def body(less, floor, rise):
        tiers = induction_over(Tier(floor, rise))
        total = tiers.sum_of(numerator)
        tiers.prove(lambda: total(less) >= 0, "without a premise on the rises")

    assert shown(prove_theorem(theorem(body))) == "refuted: without a premise on the rises (one item more)"


def test_a_false_start_is_refuted():
    def body(less, floor, rise):
        tiers = induction_over(Tier(floor, rise))
        tiers.each(lambda tier: tier.rise > 0, policy="POL-3")
        total = tiers.sum_of(numerator)
        tiers.prove(lambda: total(less) > 0, "positive")

    assert shown(prove_theorem(theorem(body))) == "refuted: positive (no items)"


def test_premises_of_an_item_say_nothing_where_there_is_none():
    def body(bound, floor, rise):
        tiers = induction_over(Tier(floor, rise))
        tiers.each(lambda tier: all_of(tier.rise > 0, tier.rise < bound), policy="POL-3")
        prove(rise < bound, "of the item it is known")
        prove(bound > 1, "of the bound alone it is not")

    assert shown(prove_theorem(theorem(body))) == "refuted: of the bound alone it is not"


def test_a_claim_may_not_speak_of_the_item():
    def of_item(floor, rise):
        tiers = induction_over(Tier(floor, rise))
        total = tiers.sum_of(numerator)
        tiers.prove(lambda: total(5) <= rise, "the item")

    def through_a_division(floor, rise):
        tiers = induction_over(Tier(floor, rise))
        half = floor // 2
        total = tiers.sum_of(numerator)
        tiers.prove(lambda: total(half) >= total(half), "the item's half floor")

    for body in (of_item, through_a_division):
        assert "speaks of the item" in prove_theorem(theorem(body)).reason


def test_the_sequence_comes_before_any_branch():
    def body(a, floor, rise):
        if a > 0:
            induction_over(Tier(floor, rise))

    assert "before the first branch" in prove_theorem(theorem(body)).reason


def test_code_that_looks_at_the_items_is_refused():
    def body(floor, rise):
        tiers = induction_over(Tier(floor, rise))
        prove(numerator(5, tiers) >= 0, "not named as a fold")

    assert "goes over the items" in prove_theorem(theorem(body)).reason


def test_ghosts_maxima_and_loops():
    def body(floor, rise):
        tiers = induction_over(Tier(floor, rise), "tiers")
        previous = tiers.ghost("previous", -1, lambda before, tier: tier.floor)
        count = tiers.ghost("count", 0, lambda before, tier: before + 1)
        tiers.each(lambda tier: tier.floor > previous(), policy="POL-3")
        tiers.each(lambda tier: all_of(tier.rise >= 0, tier.rise <= 9), policy="POL-3")
        last, top, total = tiers.loop_of(last_floor), tiers.max_of(largest), tiers.sum_of(numerator)
        tiers.prove(lambda: last() == previous(), "the loop keeps the last floor")
        tiers.prove(lambda: all_of(count() >= 0, last() >= count() - 1), "floors rise by at least one")
        tiers.prove(lambda: all_of(top() >= 0, top() <= 9), "the largest is within bounds")
        tiers.prove(lambda: total(0) >= 0, "not negative")
        prove(last_floor(tiers) >= -1, "known of all")

    result = prove_theorem(theorem(body, witness={"floor": 0, "rise": 5, "tiers": TIERS}))
    assert shown(result) == "proved: "

    def false(floor, rise):
        tiers = induction_over(Tier(floor, rise))
        top = tiers.max_of(largest)
        tiers.prove(lambda: top() >= 0, "a maximum with a default is not a maximum with zero")

    assert prove_theorem(theorem(false)).status == "refuted"


def test_a_fold_may_be_named_twice_and_for_two_sequences():
    def body(floor, rise, other_floor, other_rise):
        tiers = induction_over(Tier(floor, rise))
        others = induction_over(Tier(other_floor, other_rise))
        tiers.each(lambda tier: tier.rise >= 0, policy="POL-3")
        others.each(lambda tier: tier.rise <= 0, policy="POL-3")
        total, again, opposite = tiers.sum_of(numerator), tiers.sum_of(numerator), others.sum_of(numerator)
        tiers.prove(lambda: total(5) >= 0, "not negative")
        others.prove(lambda: opposite(5) <= 0, "not positive")
        prove(again(5) == numerator(5, tiers), "the same sum")
        prove(numerator(5, others) <= numerator(5, tiers), "each sequence has its own")

    witness = {"floor": 0, "rise": 1, "other_floor": 0, "other_rise": -1}
    assert shown(prove_theorem(theorem(body, witness=witness))) == "proved: "


def test_a_witness_of_an_induction_runs_the_real_fold_on_each_prefix():
    def body(floor, rise):
        tiers = induction_over(Tier(floor, rise), "tiers")
        total = tiers.sum_of(numerator)
        tiers.prove(lambda: total(100) <= 600, "small")

    made = theorem(body)
    assert run_concretely(made, {"floor": 0, "rise": 5, "tiers": (Tier(0, 5),)}).ending == "holds"
    broken = run_concretely(made, {"floor": 0, "rise": 5, "tiers": (Tier(0, 5), Tier(10, 9))})
    assert (broken.ending, broken.detail) == ("claim", "small (2 items)")
