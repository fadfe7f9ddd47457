"""The prover around the explorer. Goal: proved means proved, a refutation is reproduced on plain integers,
and whatever is odd is undecided with its reason. Method: theorems about toy rules, each wrong in one way.
"""

import pytest

from proofs.environment import run_concretely
from proofs.explorer import Settings, explore
from proofs.prover import _is_exhaustive, prove_theorem, run_mutant
from proofs.registry import (
    THEOREMS,
    Refutation,
    Replace,
    assume,
    choice,
    fresh,
    lemma,
    prove,
)
from proofs.registry import theorem as register
from proofs.runs import TheoremError, current_run
from proofs.symbolic import all_of, any_of
from tests.prover_examples import shown, theorem

# Toy rules


def capped(requested, free):
    affordable = max(free, 0)
    return min(requested, affordable)


def cap_holds(requested, free):
    assume(requested >= 0, guard="test")
    prove(capped(requested, free) <= max(free, 0), "no new deficit")


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
