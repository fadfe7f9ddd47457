"""The relaxation of integer questions to the reals: whatever is unsatisfiable there is so over the integers.

The question is brought to negation normal form first, because only then can each atom be tightened to
what it means for whole numbers: a < b becomes a <= b - 1, and a != b becomes a <= b - 1 or a >= b + 1.
Without that, negated atoms get looser than they are and true claims come back satisfiable.
An if-then-else inside a term becomes a real symbol that equals one of its branches.
"""

from collections.abc import Sequence
from typing import Any

import z3


class NotRelaxable(Exception):
    """The question contains something that has no counterpart over the reals (such as the solver's div)."""


def to_reals(question: Sequence[Any]) -> list[Any]:
    """The relaxation of a question, as a list of conditions on real symbols of the same names."""
    translation = _Translation()
    relaxed = [translation.formula(condition, True) for condition in question]
    return relaxed + translation.definitions


class _Translation:
    def __init__(self) -> None:
        self.definitions: list[Any] = []  # what is known of the symbols that stand for if-then-else terms
        self.terms: dict[int, Any] = {}
        self.formulas: dict[tuple[int, bool], Any] = {}

    def formula(self, condition: Any, positive: bool) -> Any:
        key = (condition.get_id(), positive)
        if key not in self.formulas:
            self.formulas[key] = self._formula(condition, positive)
        return self.formulas[key]

    def _formula(self, condition: Any, positive: bool) -> Any:
        kind = condition.decl().kind()
        parts = condition.children()
        if kind in (z3.Z3_OP_TRUE, z3.Z3_OP_FALSE):
            return z3.BoolVal((kind == z3.Z3_OP_TRUE) == positive)
        if kind == z3.Z3_OP_NOT:
            return self.formula(parts[0], not positive)
        if kind in (z3.Z3_OP_AND, z3.Z3_OP_OR):
            join = z3.And if (kind == z3.Z3_OP_AND) == positive else z3.Or
            return join(*(self.formula(part, positive) for part in parts))
        if kind == z3.Z3_OP_IMPLIES:
            return self.formula(z3.Or(z3.Not(parts[0]), parts[1]), positive)
        if kind == z3.Z3_OP_ITE:
            test, yes, no = parts
            return z3.And(
                z3.Or(self.formula(test, False), self.formula(yes, positive)),
                z3.Or(self.formula(test, True), self.formula(no, positive)),
            )
        if kind in (z3.Z3_OP_EQ, z3.Z3_OP_XOR, z3.Z3_OP_DISTINCT) and z3.is_bool(parts[0]):
            if len(parts) != 2:
                raise NotRelaxable(condition)
            same = (kind == z3.Z3_OP_EQ) == positive
            left, right = parts
            return z3.And(
                z3.Or(self.formula(left, False), self.formula(right, same)),
                z3.Or(self.formula(left, True), self.formula(right, not same)),
            )
        if kind == z3.Z3_OP_UNINTERPRETED and not parts:
            return condition if positive else z3.Not(condition)
        return self._atom(condition, kind, parts, positive)

    def _atom(self, condition: Any, kind: int, parts: list[Any], positive: bool) -> Any:
        if len(parts) != 2 or not all(z3.is_int(part) for part in parts):
            raise NotRelaxable(condition)
        left, right = (self.term(part) for part in parts)
        if kind in (z3.Z3_OP_EQ, z3.Z3_OP_DISTINCT):
            if (kind == z3.Z3_OP_EQ) == positive:
                return left == right
            return z3.Or(left <= right - 1, left >= right + 1)
        below = {
            z3.Z3_OP_LE: left <= right if positive else left >= right + 1,
            z3.Z3_OP_LT: left <= right - 1 if positive else left >= right,
            z3.Z3_OP_GE: left >= right if positive else left <= right - 1,
            z3.Z3_OP_GT: left >= right + 1 if positive else left <= right,
        }
        if kind not in below:
            raise NotRelaxable(condition)
        return below[kind]

    def term(self, term: Any) -> Any:
        key = term.get_id()
        if key not in self.terms:
            self.terms[key] = self._term(term)
        return self.terms[key]

    def _term(self, term: Any) -> Any:
        kind = term.decl().kind()
        if z3.is_int_value(term):
            return z3.RealVal(term.as_long())
        if kind == z3.Z3_OP_UNINTERPRETED and not term.children():
            return z3.Real(term.decl().name())
        if kind == z3.Z3_OP_ITE:
            test, yes, no = term.children()
            value = z3.Real(f"either!{len(self.definitions)}")
            self.definitions += [
                z3.Or(self.formula(test, False), value == self.term(yes)),
                z3.Or(self.formula(test, True), value == self.term(no)),
            ]
            return value
        parts = [self.term(part) for part in term.children()]
        if kind == z3.Z3_OP_ADD:
            return z3.Sum(*parts)
        if kind == z3.Z3_OP_SUB:
            total = parts[0]
            for part in parts[1:]:
                total = total - part
            return total
        if kind == z3.Z3_OP_UMINUS:
            return -parts[0]
        if kind == z3.Z3_OP_MUL:
            return z3.Product(*parts)
        raise NotRelaxable(term)
