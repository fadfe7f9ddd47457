"""The solver ladder: does a claim follow from facts over the whole numbers?

Four strategies, each with a small budget, then the same four with a large one:
  integers             the default solver
  reals                the same over the reals after normal form, default solver
  nonlinear reals      the same, cylindrical algebra (nlsat)
  nonlinear integers   the solver for QF_NIA
Over the reals only *unsat* carries over, so "refuted" comes from the integers alone, and its model is
evaluated in every fact before it is believed. What ends a strategy is `rlimit`, the solver's own count of
steps, and each question is asked in a solver context of its own, where nothing asked before can matter: the
same question has the same answer on every machine. A wall clock far above that is only a net, and when it
catches something the answer is "undecided".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import z3

from proofs.relaxation import NotRelaxable, to_reals

QUICK = 2_000_000
THOROUGH = 40_000_000
WALL_CLOCK_NET_MS = 120_000

for seed in ("smt.random_seed", "sat.random_seed", "nlsat.seed"):
    z3.set_param(seed, 0)


@dataclass(frozen=True)
class Verdict:
    """The answer to one question.

    model     an assignment of whole numbers that keeps the facts and breaks the claim, if refuted
    strategy  the strategy that decided, or why none did
    steps     solver steps spent (rlimit), all strategies together
    """

    status: Literal["proved", "refuted", "undecided"]
    model: Any
    strategy: str
    steps: int


Strategy = tuple[str, Callable[[Any], Any], bool]

STRATEGIES: tuple[Strategy, ...] = (
    ("integers", lambda context: z3.Solver(ctx=context), False),
    ("reals", lambda context: z3.Solver(ctx=context), True),
    ("nonlinear reals", lambda context: z3.SolverFor("QF_NRA", ctx=context), True),
    ("nonlinear integers", lambda context: z3.SolverFor("QF_NIA", ctx=context), False),
)


def decide(
    facts: Sequence[Any],
    claim: Any,
    *,
    effort: float = 1.0,
    thorough: bool = True,
    strategies: Sequence[Strategy] = STRATEGIES,
) -> Verdict:
    """Whether the claim follows from the facts.

    effort    multiplies both budgets
    thorough  whether to climb the ladder a second time with the large budget
    """
    if z3.is_true(z3.simplify(claim)):
        return Verdict("proved", None, "simplification", 0)
    question = [*facts, z3.Not(claim)]
    try:
        relaxed = to_reals(question)
    except NotRelaxable:
        relaxed = None
    spent = 0
    for budget in (QUICK, THOROUGH) if thorough else (QUICK,):
        for name, make, over_reals in strategies:
            if over_reals and relaxed is None:
                continue
            asked = relaxed if over_reals and relaxed is not None else question
            answer, model, steps = ask(asked, int(budget * effort), make)
            spent += steps
            if answer == z3.unsat:
                return Verdict("proved", None, name, spent)
            if answer == z3.sat and not over_reals and satisfies(model, question):
                return Verdict("refuted", model, name, spent)
    return Verdict("undecided", None, "no strategy within its budget", spent)


def ask(question: Sequence[Any], budget: int, make: Callable[[Any], Any]) -> tuple[Any, Any, int]:
    """Ask a solver in a context of its own: the answer, the model if there is one, the steps it took."""
    context = z3.Context()
    solver = prepared(make(context), budget)
    solver.add(*(condition.translate(context) for condition in question))
    answer = solver.check()
    model = solver.model().translate(z3.main_ctx()) if answer == z3.sat else None
    statistics = solver.statistics()
    keys = statistics.keys()
    steps = int(statistics.get_key_value("rlimit count")) if "rlimit count" in keys else 0
    return answer, model, steps


def prepared(solver: Any, budget: int) -> Any:
    """A solver with its budget in steps and the wall-clock net. The seeds are fixed, once, above."""
    solver.set("rlimit", budget)
    solver.set("timeout", WALL_CLOCK_NET_MS)
    return solver


def satisfies(model: Any, conditions: Sequence[Any]) -> bool:
    """Whether a model makes each condition true, completed with zeros where it says nothing."""
    return all(z3.is_true(model.eval(condition, model_completion=True)) for condition in conditions)


def smaller_model(facts: Sequence[Any], claim: Any, symbols: Sequence[Any], found: Any) -> Any:
    """A counterexample with smaller numbers, if one turns up cheaply: people have to read it."""
    for bound in (10, 1_000, 100_000, 10_000_000):
        question = [*facts, z3.Not(claim), *(z3.And(-bound <= s, s <= bound) for s in symbols)]
        answer, model, _ = ask(question, QUICK // 4, STRATEGIES[0][1])
        if answer == z3.sat and satisfies(model, question):
            return model
    return found
