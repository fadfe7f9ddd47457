"""The prover around the explorer. Goal: proved means proved, a refutation is reproduced on plain integers,
and whatever is odd is undecided with its reason. Method: theorems about toy rules defined here, each wrong
in one way; contracts, inductions, loops, machine integers, mutants, the cache are each made to fail once.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from proofs import batch
from proofs.batch import prove_all, unsupported
from proofs.contracts import check_dependencies, contract, ensure, establish, require
from proofs.environment import run_concretely
from proofs.explorer import Settings, explore
from proofs.induction import induction_over
from proofs.loops import while_loop
from proofs.machine import MachineInt, as_type, kernel, load_kernels, rewritten
from proofs.prover import Result, _is_exhaustive, prove_theorem, run_mutant
from proofs.registry import (
    THEOREMS,
    Refutation,
    Replace,
    assume,
    choice,
    fresh,
    lemma,
    load_all,
    opaque,
    prove,
    unregistered,
)
from proofs.registry import theorem as register
from proofs.runs import TheoremError, current_run
from proofs.symbolic import all_of, any_of, implies

# Toy rules


@dataclass(frozen=True)
class Tier:
    floor: int
    rise: int


def ceil_div(numerator, divisor):
    return -(-numerator // divisor)


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


def capped(requested, free):
    affordable = max(free, 0)
    return min(requested, affordable)


def root(number):
    low = 0
    while (low + 1) * (low + 1) <= number:
        low = low + 1
    return low


def shown(result: Result):
    return f"{result.status}: {result.reason}"


def theorem(function, **fields):
    witness = fields.pop("witness", None)
    return unregistered(function, witnesses=(witness,) if witness is not None else (), **fields)


# Proof and refutation


def test_a_true_theorem_is_proved_and_says_how():
    def body(requested, free):
        assume(requested >= 0, guard="LIQ-2")
        paid = capped(requested, free)
        prove(paid >= 0, "never a gain")
        if paid < free:
            prove(paid == requested, "who has more pays in full")

    result = prove_theorem(theorem(body, witness={"requested": 3, "free": 5}))
    assert shown(result) == "proved: "
    assert (result.paths, result.claims, result.paths_run) == (2, 2, 2)
    assert result.exhaustive and result.witness_ok and result.paths_agree
    assert result.premises == ("requested >= 0   (guard LIQ-2)",)
    assert sum(result.strategies.values()) == result.claims


def test_a_refutation_names_claim_numbers_branches_and_a_command():
    def body(requested, free):
        if requested > 1_000:
            prove(capped(requested, free) >= requested, "always paid in full")

    result = prove_theorem(theorem(body, name="T1", witness={"requested": 1, "free": 1}))
    assert shown(result) == "refuted: always paid in full"
    at = result.counterexample
    assert at["requested"] > 1_000 and capped(**at) < at["requested"]
    assert result.reproduction == f"marginspec prove T1 --at requested={at['requested']} free={at['free']}"
    assert "test_prover.py" in result.trail[0] and "if requested > 1_000" in result.trail[0]


def test_an_exception_on_a_feasible_path_is_a_failed_claim_with_its_name():
    def body(size):
        rates = {"small": 1}
        prove(rates["large" if size > 5 else "small"] == 1, "known")

    result = prove_theorem(theorem(body, witness={"size": 1}))
    assert shown(result) == "refuted: KeyError: 'large'" and result.counterexample["size"] > 5


def test_a_failed_assert_of_the_law_is_a_failed_claim():
    def rule(size):
        assert size != 7
        return size

    result = prove_theorem(theorem(lambda size: prove(rule(size) == size, "the same"), witness={"size": 1}))
    assert shown(result).startswith("refuted: AssertionError") and result.counterexample == {"size": 7}


def test_an_assert_that_the_premises_exclude_is_fine():
    def rule(size):
        assert size != 7
        return size

    def body(size):
        assume(size > 7, guard="test")
        prove(rule(size) > 7, "the same")

    assert prove_theorem(theorem(body, witness={"size": 8})).status == "proved"


def test_division_by_zero_is_found_with_the_divisor():
    result = prove_theorem(theorem(lambda a, b: prove(a // b <= abs(a), "small"), witness={"a": 1, "b": 1}))
    assert result.status == "refuted" and "not known to be positive" in result.reason
    assert result.counterexample["b"] <= 0


def test_an_undecided_claim_is_not_proved(monkeypatch):
    monkeypatch.setattr("proofs.explorer.FEASIBILITY_BUDGET", 5_000)

    def body(a, b, c):
        assume(all_of(a > 0, b > 0, c > 0), guard="test")
        prove(a * a * a + b * b * b != c * c * c, "Fermat, for the third power")

    result = prove_theorem(theorem(body, witness={"a": 1, "b": 1, "c": 1}, effort=0.002))
    assert shown(result) == "undecided: undecided: Fermat, for the third power"


def test_a_premise_has_exactly_one_reason():
    for reasons in ({}, {"policy": "POL-1", "guard": "LIQ-2"}):
        result = prove_theorem(theorem(lambda a, r=reasons: assume(a > 0, **r), witness={"a": 1}))
        assert "exactly one reason" in result.reason


def test_a_lemma_is_proved_before_it_is_used():
    def false(a):
        lemma(a > 0, "a hint")
        prove(a > 0, "follows")

    assert shown(prove_theorem(theorem(false))) == "refuted: a hint"


def test_a_choice_explores_every_option():
    def body(a):
        sign = choice("sign", 1, -1)
        prove(sign * a <= abs(a), "whichever")
        prove(sign * sign == 1, "a sign")

    result = prove_theorem(theorem(body, witness={"a": 1, "sign": 1}))
    assert shown(result) == "proved: " and result.paths == 2


def test_a_theorem_name_is_used_once():
    fields = {"rules": (), "claim": "", "witness": {}, "mutant": ()}
    register("Z9-test", **fields)(lambda: None)
    try:
        with pytest.raises(TheoremError, match="Z9-test"):
            register("Z9-test", **fields)(lambda: None)
        assert (THEOREMS["Z9-test"].letter, THEOREMS["Z9-test"].identifier) == ("Z", "Z9")
    finally:
        del THEOREMS["Z9-test"]


# Checks of the proof itself


def test_a_lost_path_is_noticed():
    def body(run):
        a = run.symbol("a")
        run.fact(a != 5, "a premise")
        return a // 3 if a > 5 else a % 2 if a > 2 else 0

    paths = list(explore(lambda: body(current_run()), Settings()))
    assert len(paths) == 3 and _is_exhaustive(paths)
    for lost in range(3):
        assert not _is_exhaustive(paths[:lost] + paths[lost + 1 :])


def test_a_concrete_run_that_takes_another_path_is_noticed():
    def body(a):
        current = 1 if current_run().is_symbolic else 0
        if a > 0 and current:
            prove(a >= 1, "only on symbols")
        prove(a == a, "always")

    result = prove_theorem(theorem(body, witness={"a": 1}))
    assert result.status == "undecided" and "takes another path" in result.reason and not result.paths_agree


def test_a_counterexample_that_does_not_reproduce_is_undecided():
    def body(a):
        prove(a > 0 if current_run().is_symbolic else True, "only false on symbols")

    assert "does not reproduce" in prove_theorem(theorem(body, witness={"a": 1})).reason


def test_a_witness_is_run_on_plain_integers():
    def body(a):
        assume(a > 3, guard="test")
        prove(a > 2, "larger")

    broken = prove_theorem(theorem(body, witness={"a": 3}))
    assert broken.status == "undecided" and "premise a > 3" in broken.reason and not broken.witness_ok
    assert run_concretely(theorem(body), {"a": 3}).ending == "premise"
    assert run_concretely(theorem(body), {"a": 4}).ending == "holds"
    assert run_concretely(theorem(body), {}).ending == "error"


# Mutants


def cap_holds(requested, free):
    assume(requested >= 0, guard="test")
    prove(capped(requested, free) <= max(free, 0), "no new deficit")


CAP = theorem(cap_holds, witness={"requested": 1, "free": 5})


def test_a_mutant_is_refuted():
    assert prove_theorem(CAP).status == "proved"
    assert (
        run_mutant(CAP, Replace("capped", "min(requested, affordable)", "requested", "uncapped")) == "refuted"
    )
    assert prove_theorem(CAP).status == "proved"


def test_a_mutant_that_is_not_noticed_survives():
    assert run_mutant(CAP, Replace("capped", "max(free, 0)", "max(0, free)", "the same")) == "proved"


@pytest.mark.parametrize(
    "mutant",
    [
        Replace("capped", "max(requested", "min(requested", "not there"),
        Replace("capped", "free", "0", "more than once"),
        Replace("capped", "max(free, 0)", "max(free, 0)", "changes nothing"),
        Replace("capped", "max(free, 0)", "max(free, ", "does not parse"),
        Replace("no_such_rule", "a", "b", "no such rule"),
    ],
    ids=lambda mutant: mutant.name,
)
def test_a_mutant_that_cannot_be_made_is_an_error(mutant):
    with pytest.raises(TheoremError, match=r"mutant"):
        run_mutant(CAP, mutant)


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


# Loops


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


# Machine integers


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
    assert [Path(module.__file__).name for module in load_kernels()] == ["kernels.py", "waterfall.py"]
    lost = Replace(
        "kernels.ceil_div", "numerator // divisor + (1", "numerator // divisor + (0", "rounds down"
    )
    assert run_mutant(made, lost) == "refuted"
    with pytest.raises(TheoremError, match="no kernel"):
        kernel("no_such_kernel")


# All theorems, the cache


@pytest.fixture
def numbers():
    load_all()
    names = ("A6-ceil-div", "A6-floor-div", "A6-there-and-back", "A6-isqrt-ceil")
    return [THEOREMS[name] for name in names]


def test_a_second_run_comes_from_the_cache_with_the_same_facts(numbers, tmp_path):
    seen = []
    first = prove_all(numbers, cache_dir=tmp_path, on_result=lambda result, cached: seen.append(cached))
    second = prove_all(numbers, cache_dir=tmp_path, on_result=lambda result, cached: seen.append(cached))
    assert first == second and all(result.holds for result in first)
    assert seen == [False] * 4 + [True] * 4
    prove_all(numbers[:1], cache_dir=tmp_path, no_cache=True, on_result=lambda _, cached: seen.append(cached))
    assert seen[-1] is False


def test_a_change_of_anything_it_rests_on_proves_again(numbers, tmp_path, monkeypatch):
    prove_all(numbers[:2], cache_dir=tmp_path)
    monkeypatch.setattr(batch, "_everything_shared", lambda: "another law")
    seen = []
    prove_all(numbers[:2], cache_dir=tmp_path, on_result=lambda _, cached: seen.append(cached))
    assert seen == [False, False]


def test_a_torn_cache_file_proves_again(numbers, tmp_path):
    prove_all(numbers[:1], cache_dir=tmp_path)
    [file] = tmp_path.glob("*.json")
    kept = json.loads(file.read_text())
    for text in (file.read_text()[:40], "[]", json.dumps({**kept, "result": {"name": "x"}}), ""):
        file.write_text(text)
        seen = []
        prove_all(numbers[:1], cache_dir=tmp_path, on_result=lambda _, cached, seen=seen: seen.append(cached))
        assert seen == [False]


def test_an_undecided_result_is_never_kept(tmp_path):
    [result] = prove_all([theorem(cap_holds, name="T1")], cache_dir=tmp_path)
    assert result.status == "undecided" and not list(tmp_path.glob("*.json"))


def test_an_interrupt_keeps_what_was_proved(numbers, tmp_path):
    def interrupt_after_two(result, was_cached, count=[0]):  # noqa: B006
        count[0] += 1
        if count[0] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prove_all(numbers, cache_dir=tmp_path, on_result=interrupt_after_two)
    assert len(list(tmp_path.glob("*.json"))) == 2 and not list(tmp_path.glob("*.part"))


def test_the_slowest_is_first_and_the_unknown_before_it(numbers, tmp_path, monkeypatch):
    prove_all(numbers[:3], cache_dir=tmp_path)
    for file, seconds in ((f"{numbers[i].name}.json", i) for i in range(3)):
        kept = json.loads((tmp_path / file).read_text())
        kept["result"]["seconds"] = seconds
        (tmp_path / file).write_text(json.dumps({**kept, "key": "old"}))
    order = []
    prove_all(numbers, cache_dir=tmp_path, on_result=lambda result, _: order.append(result.name))
    assert order == [numbers[3].name, numbers[2].name, numbers[1].name, numbers[0].name]


def test_two_workers_find_the_same_as_one(numbers, tmp_path):
    alone = prove_all(numbers[:2], cache_dir=tmp_path / "one")
    together = prove_all(numbers[:2], cache_dir=tmp_path / "two", workers=2)

    def facts(results):
        return [(r.name, r.status, r.paths, r.claims, r.steps, r.strategies, r.mutants) for r in results]

    assert facts(alone) == facts(together)


def test_an_impossible_mutant_makes_the_theorem_undecided_and_not_the_run(tmp_path):
    broken = theorem(
        cap_holds, name="T1", witness={"requested": 1, "free": 1}, mutants=(Replace("x", "y", "z", "w"),)
    )
    [result] = prove_all([broken], cache_dir=tmp_path)
    assert result.status == "undecided" and "mutant of x" in result.reason


# Refutations


def test_a_refutation_has_to_fail_at_its_counterexample():
    from proofs.prover import confirm_refutation

    def believed(requested, free):
        prove(capped(requested, free) == requested, "always paid in full")

    def refuted(at):
        return confirm_refutation(Refutation("R1", believed, (), "", at))

    assert refuted({"requested": 5, "free": 2}) == ""
    assert refuted({"requested": 2, "free": 5}) == "the claim holds there"
    assert "no value is given" in refuted({"requested": 2})


def test_symbols_made_on_the_way_are_in_the_counterexample():
    def body(a):
        b = fresh("b")
        prove(any_of(a < 3, b < 3), "one is small")

    assert set(prove_theorem(theorem(body)).counterexample) == {"a", "b"}
