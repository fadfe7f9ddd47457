"""The explorer and the symbols. Goal: the symbolic run is Python's own arithmetic, on every path, and no
path is lost. Method: each function is explored and the paths' models are run on plain integers; symbols that
would leak raise; merging and forking have to agree; the relaxation to the reals never refutes.
"""

import sys
from types import ModuleType

import pytest
import z3

from proofs.explorer import Settings, explore
from proofs.folds import read_fold
from proofs.ladder import STRATEGIES, decide
from proofs.patching import added_names, replaced
from proofs.prover import prove_theorem
from proofs.registry import assume, fresh, prove, unregistered
from proofs.relaxation import NotRelaxable, to_reals
from proofs.runs import TheoremError, current_run
from proofs.symbolic import (
    SymbolLeak,
    SymBool,
    SymInt,
    all_of,
    any_of,
    implies,
    merged_max,
    merged_min,
    negation,
    select,
)
from proofs.symbolic import term_of as term

SMALL = range(-7, 8)


def paths_of(body, **settings):
    """The paths of a function of the run's symbols."""
    return list(explore(lambda: body(current_run()), Settings(**settings)))


def value_at(expression, **given):
    """The one value of a symbolic expression at plain inputs, found by the solver on the only path."""
    found = []

    def body(run):
        symbols = {name: run.symbol(name) for name in given}
        for name, plain in given.items():
            run.fact(symbols[name] == plain, "given")
        found.append((run, expression(**symbols)))

    list(explore(lambda: body(current_run()), Settings()))
    [(run, result)] = found
    solver = z3.Solver()
    solver.add(*(step.term for step in run.steps))
    assert solver.check() == z3.sat
    value = solver.model().eval(term(result), model_completion=True).as_long()
    solver.add(term(result) != value)
    assert solver.check() == z3.unsat, "the value is not determined"
    return value


# Paths


def test_every_combination_of_branches_is_walked_once():
    seen = []

    def body(run):
        a, b = run.symbol("a"), run.symbol("b")
        seen.append((bool(a > 0), bool(b > 0), bool(a > b)))

    paths = paths_of(body)
    assert all(path.ending == "complete" for path in paths)
    possible = {(a > 0, b > 0, a > b) for a in SMALL for b in SMALL}
    assert sorted(seen) == sorted(possible)  # the two contradictory ones are not walked


def test_an_impossible_branch_is_not_walked():
    def body(run):
        a = run.symbol("a")
        if a > 5 and a < 5:
            raise AssertionError("nobody comes here")

    assert [path.ending for path in paths_of(body)] == ["complete", "complete"]


def test_a_loop_over_a_tuple_is_unrolled():
    def body(run):
        total = 0
        for name in ("a", "b", "c"):
            symbol = run.symbol(name)
            total = total + symbol if symbol > 0 else total
        run.claim(total >= 0, "a sum of positive numbers")

    paths = paths_of(body)
    assert len(paths) == 8
    assert all(check.status == "proved" for path in paths for check in path.checks)


def test_what_the_solver_cannot_decide_counts_as_possible(monkeypatch):
    monkeypatch.setattr("proofs.explorer.FEASIBILITY_BUDGET", 1)

    def body(run):
        a, b, c = run.symbol("a"), run.symbol("b"), run.symbol("c")
        return bool(a * a * a + b * b * b == c * c * c + 42)

    assert len(paths_of(body)) == 2


def test_a_function_that_changes_between_runs_is_an_error():
    calls = []

    def body(run):
        calls.append(1)
        return bool(run.symbol("a") > len(calls))

    assert [path.ending for path in paths_of(body)][-1] == "broken"


def test_a_loop_without_an_end_is_an_error_and_not_a_hang(monkeypatch):
    monkeypatch.setattr("proofs.explorer.LONGEST_PATH", 20)

    def body(run):
        a, step = run.symbol("a"), 0
        while a > step:
            step += 1

    assert any(path.ending == "broken" for path in paths_of(body))


def test_an_exception_of_the_code_ends_the_path_and_not_the_exploration():
    def body(run):
        if run.symbol("a") == 3:
            raise KeyError("three")

    assert sorted(path.ending for path in paths_of(body)) == ["complete", "raised"]


def test_two_symbols_of_one_name_are_an_error():
    [path] = paths_of(lambda run: (run.symbol("a"), run.symbol("a")))
    assert path.ending == "broken"


def test_symbols_work_only_inside_a_run():
    with pytest.raises(TheoremError):
        bool(SymInt(z3.Int("a")) > 0)


# Arithmetic


@pytest.mark.parametrize("divisor", [1, 2, 3, 7])
def test_division_by_a_plain_number_is_pythons(divisor):
    for n in SMALL:
        assert value_at(lambda n: n // divisor, n=n) == n // divisor
        assert value_at(lambda n: n % divisor, n=n) == n % divisor


def test_division_by_a_symbol_is_pythons():
    for n in (-7, -6, -1, 0, 1, 6, 7):
        for d in (1, 2, 7):
            assert value_at(lambda n, d: n // d, n=n, d=d) == n // d
            assert value_at(lambda n, d: n % d, n=n, d=d) == n % d
            assert value_at(lambda n, d: sum(divmod(n, d)), n=n, d=d) == sum(divmod(n, d))
            assert value_at(lambda d: n // d, d=d) == n // d  # noqa: B023


@pytest.mark.parametrize("divisor", [0, -1, -5])
def test_division_by_a_plain_number_that_is_not_positive_is_a_failed_claim(divisor):
    [path] = paths_of(lambda run: run.symbol("n") // divisor)
    assert path.ending == "refuted" and "not known to be positive" in str(path.error)


def test_division_by_a_symbol_of_any_sign_is_a_failed_claim():
    [path] = paths_of(lambda run: run.symbol("n") // run.symbol("d"))
    assert path.ending == "refuted" and "not known to be positive" in str(path.error)


def test_a_divisor_known_to_be_positive_on_the_path_is_fine():
    def body(run):
        n, d = run.symbol("n"), run.symbol("d")
        return n // d if d > 0 else 0

    assert [path.ending for path in paths_of(body)] == ["complete", "complete"]


def test_equal_divisions_share_their_quotient():
    def body(run):
        a, b, d = run.symbol("a"), run.symbol("b"), run.symbol("d")
        run.fact(d > 0, "given")
        first, second = (a + b) // d, (b + a) // d
        assert first.term.eq(second.term)
        assert not (a // d).term.eq(first.term)

    assert [path.ending for path in paths_of(body)] == ["complete"]


OPERATIONS = {
    "plus": lambda a, b: a + b + 1,
    "minus": lambda a, b: 5 - a - b,
    "times": lambda a, b: 2 * a * b * 3,
    "negation": lambda a, b: -a + +b,
    "absolute": lambda a, b: abs(a) - abs(b),
    "power": lambda a, b: a**3 - b**0,
    "sum": lambda a, b: sum([a, b, a]),
    "counting": lambda a, b: sum(x > 0 for x in (a, b)) + (a > b) * 3,
    "maximum": lambda a, b: merged_max(a, b, 2),
    "minimum": lambda a, b: merged_min(x for x in (a, b, -2)),
    "one of two": lambda a, b: select(all_of(a > 0, b > 0), a, b),
    "a true value": lambda a, b: a + True,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_pythons(name):
    operation = OPERATIONS[name]
    for a in (-3, 0, 2):
        for b in (-2, 1, 3):
            assert value_at(operation, a=a, b=b) == operation(a, b)


def test_connectives_are_pythons():
    for p in (True, False):
        assert negation(p) is (not p)
        for q in (True, False):
            assert implies(p, q) is (not p or q)
            assert all_of(p, q) is (p and q)
            assert any_of(p, q) is (p or q)

            def body(run, p=p, q=q):
                a, b = run.symbol("a"), run.symbol("b")
                run.fact(all_of(a == int(p), b == int(q)), "given")
                left, right = a == 1, b == 1
                claims = [
                    (left & right, p and q),
                    (left | right, p or q),
                    (~left, not p),
                    (left == right, p == q),
                    (left != right, p != q),
                    (implies(left, right), not p or q),
                    (True & left, p),
                    (False | left, p),
                ]
                for claim, expected in claims:
                    run.claim(claim if expected else ~claim, "as in Python")

            [path] = paths_of(body)
            assert path.ending == "complete" and all(c.status == "proved" for c in path.checks)


LEAKS = {
    "hash": lambda a: {a: 1},
    "set": lambda a: {a},
    "int": int,
    "float": float,
    "range": range,
    "index": lambda a: [1, 2][a],
    "true division": lambda a: a / 2,
    "divided by": lambda a: 2 / a,
    "power": lambda a: a**a,
    "hash of a truth": lambda a: {a > 0: 1},
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leaking_symbol_raises(name):
    [path] = paths_of(lambda run: LEAKS[name](run.symbol("a")))
    assert path.ending == "broken" and isinstance(path.error, SymbolLeak)


def test_a_symbol_is_not_equal_to_what_is_no_number():
    def body(run):
        a = run.symbol("a")
        assert a != "x" and a != (1, 2) and a not in ("x", None)

    assert [path.ending for path in paths_of(body)] == ["complete"]


def test_an_integer_that_is_no_truth_value_cannot_be_claimed():
    [path] = paths_of(lambda run: run.claim(~True, "always true in Python"))
    assert path.ending == "broken"


# Merging


def clamp_and_sort(a, b, c):
    return max(min(a, b), 0) + max((a, b, c)) - min(x for x in (b, c)) + abs(a - c)


@pytest.mark.parametrize("merges", [True, False])
def test_merging_and_forking_agree(merges):
    def claims(a, b, c):
        result = clamp_and_sort(a, b, c)
        prove(result >= 0, "never negative")
        prove(result <= 3 * (abs(a) + abs(b) + abs(c)), "bounded")
        if all_of(a == 4, b == -2, c == 1):
            prove(result == 0 + 4 - -2 + 3, "as Python computes it")

    theorem = unregistered(claims, witnesses=({"a": 1, "b": 2, "c": 3},))
    result = prove_theorem(theorem, merges=merges)
    assert result.status == "proved", result.reason
    assert result.paths_run == result.paths and result.paths_agree
    assert result.paths == 2 if merges else result.paths > 10


def test_merging_maximum_is_the_builtin_on_plain_values():
    assert merged_max(3, 5) == 5 and merged_max([1, 2], default=7) == 2 and merged_max([], default=7) == 7
    assert merged_min("b", "a") == "a" and merged_max(["aa", "b"], key=len) == "aa"
    assert merged_max((1, "x"), (2, "y")) == (2, "y")
    with pytest.raises(ValueError, match="empty"):
        merged_max([])


# Claims and assumptions


def test_a_later_assumption_does_not_help_an_earlier_claim():
    def body(run):
        a = run.symbol("a")
        run.claim(a > 0, "too early")
        run.fact(a > 0, "too late")

    assert [path.ending for path in paths_of(body)] == ["refuted"]


def test_a_fact_that_contradicts_what_is_known_is_an_error():
    def body(run):
        a = run.symbol("a")
        run.fact(a > 0, "known")
        run.fact(a < 0, "a wrong contract")

    [path] = paths_of(body)
    assert path.ending == "broken" and "a wrong contract" in str(path.error)


def test_fresh_symbols_take_their_values_by_name():
    def claims(a):
        b = fresh("b")
        assume(b > a, guard="test")
        prove(b >= a + 1, "whole numbers")

    good = prove_theorem(unregistered(claims, witnesses=({"a": 1, "b": 2},)))
    bad = prove_theorem(unregistered(claims, witnesses=({"a": 1},)))
    assert good.status == "proved" and "no value is given for b" in bad.reason


# The ladder and the relaxation


REALS_ONLY = tuple(strategy for strategy in STRATEGIES if strategy[2])


def test_the_reals_never_refute():
    a, b = z3.Ints("a b")
    assert decide([a + b == 7], a * b != 11, strategies=REALS_ONLY, thorough=False).status == "undecided"
    assert decide([], a * a != 2, strategies=REALS_ONLY, thorough=False).status == "undecided"
    assert decide([a > 0, b > 0], a * b > 0, strategies=REALS_ONLY, thorough=False).status == "proved"


def test_the_relaxation_knows_that_numbers_are_whole():
    a, b = z3.Ints("a b")
    p = z3.Bool("p")
    true_over_the_integers = [
        ([a < b], a + 1 <= b),
        ([a != b], z3.Or(a < b, a > b)),
        ([z3.Not(a <= b)], a >= b + 1),
        ([z3.Not(z3.And(a >= b, a <= b))], a != b),
        ([], z3.If(a > b, a, b) >= a),
        ([z3.If(p, a > 0, a > 1)], a >= 1),
        ([(a > 0) == p, p], a >= 1),
        ([z3.Xor(a > 0, p), z3.Not(p)], a >= 1),
        ([z3.Implies(p, a > 0), p], a > 0),
        ([z3.Distinct(a, b), a >= b], a >= b + 1),
        ([-a - b - 1 >= 0], a + b < 0),
    ]
    for facts, claim in true_over_the_integers:
        assert decide(facts, claim, strategies=REALS_ONLY, thorough=False).status == "proved", claim


def test_the_relaxation_is_implied_by_the_question():
    """Each model of a question over the integers is one of its relaxation: on random small questions."""
    a, b = z3.Ints("a b")
    question = [
        z3.Or(a < b, z3.And(a == 2 * b, b != 0)),
        z3.Not(z3.And(a > 3, b > 3)),
        z3.If(a > b, a, b) <= 5,
        z3.Implies(a < 0, b > a * a - 10),
    ]
    relaxed = to_reals(question)
    for x in SMALL:
        for y in SMALL:
            if all(
                z3.is_true(z3.simplify(z3.substitute(q, (a, z3.IntVal(x)), (b, z3.IntVal(y)))))
                for q in question
            ):
                solver = z3.Solver()
                solver.add(*relaxed, z3.Real("a") == x, z3.Real("b") == y)
                assert solver.check() == z3.sat, (x, y)


def test_what_cannot_be_relaxed_is_left_to_the_integers():
    a = z3.Int("a")
    with pytest.raises(NotRelaxable):
        to_reals([a % 2 == 0])
    assert decide([a % 2 == 0], a % 4 != 1).status == "proved"


def test_too_small_a_budget_is_undecided():
    a, b, c = z3.Ints("a b c")
    claim = a * a * a + b * b * b != c * c * c
    verdict = decide([a > 0, b > 0, c > 0], claim, effort=0.001, thorough=False)
    assert verdict.status == "undecided" and verdict.model is None


def test_the_same_question_takes_the_same_steps():
    a, b = z3.Ints("a b")
    question = [a > 3, b > a, a * b < 1000], a * a < 1000
    assert decide(*question) == decide(*question)


# Patching


def law(x):
    return x + 1


def test_a_replacement_is_seen_everywhere_and_undone():
    one, two = ModuleType("patched.one"), ModuleType("patched.two")
    one.law, two.renamed, two.TABLE = law, law, {"kind": law}
    sys.modules.update({"patched.one": one, "patched.two": two})
    other = abs
    try:
        with (
            pytest.raises(RuntimeError),
            replaced([(law, other)], ["patched"]),
            added_names({"max": other}, ["patched"]),
        ):
            assert one.law is two.renamed is two.TABLE["kind"] is one.max is other
            raise RuntimeError
        assert one.law is two.renamed is two.TABLE["kind"] is law
        assert not hasattr(one, "max") and not hasattr(two, "max")
    finally:
        del sys.modules["patched.one"], sys.modules["patched.two"]


def test_a_name_that_a_module_defines_itself_is_kept():
    module = ModuleType("patched.own")
    module.max = law
    sys.modules["patched.own"] = module
    try:
        with added_names({"max": merged_max}, ["patched"]):
            assert module.max is law
        assert module.max is law
    finally:
        del sys.modules["patched.own"]


# Folds


def good_sum(items, factor):
    """Documented."""
    return sum(factor * item for item in items)


def good_loop(items, start):
    total = start
    for item in items:
        total += item
    return total


def sums_some(items):
    return sum(item for item in items if item > 0)


def sums_pairs(items):
    return sum(a * b for a in items for b in items)


def looks_at_all(items):
    return sum(item * len(items) for item in items)


def adds_more(items):
    return sum(item for item in items) + 1


def sums_something_else(items):
    return sum(item for item in range(3))


def leaves_early(items):
    total = 0
    for item in items:
        if item > 3:
            break
    return total


def maximum_of_none(items):
    return max(item for item in items)


def test_a_fold_is_read_from_the_real_source():
    fold = read_fold(good_sum)
    assert fold.kind == "sum" and fold.sequence == "items" and fold.term(5, factor=2) == 10
    assert read_fold(good_loop).term(10, 3, start=0) == 13


@pytest.mark.parametrize(
    "function",
    [sums_some, sums_pairs, looks_at_all, adds_more, sums_something_else, leaves_early, maximum_of_none],
)
def test_what_is_no_fold_is_refused_by_name(function):
    with pytest.raises(TheoremError, match=function.__name__):
        read_fold(function)


def test_symbols_are_told_from_numbers():
    assert isinstance(SymInt(z3.Int("a")) == 3, SymBool)
    assert term("x") is None and term(None) is None and term(True).as_long() == 1
