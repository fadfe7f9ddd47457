"""Symbolic whole numbers: terms of the solver behind Python's own operators.

Rules of the law run on them unchanged. A comparison gives a `SymBool`; using it in an `if` asks the
explorer (explorer.py) which way to go. A division asks the explorer for a quotient and a remainder.
What would silently leave the symbols (a hash, `int()`, `float()`, `range`) raises `SymbolLeak`.
"""

import builtins
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, NoReturn, Protocol, cast

import z3

from proofs.runs import TheoremError, current_run


class SymbolLeak(TheoremError):
    """Code tried to use a symbol as one particular number."""


class Walk(Protocol):
    """What symbols ask of the explorer."""

    def branch(self, condition: Any) -> bool: ...

    def divide(self, numerator: Any, divisor: Any) -> tuple[Any, Any]: ...

    @property
    def merges(self) -> bool: ...


def current_walk() -> Walk:
    """The explorer's current path."""
    run = current_run()
    if not run.is_symbolic:
        raise TheoremError("a symbol survived into a concrete run")
    return cast(Walk, run)


def term_of(value: object) -> Any:
    """The solver's integer term for a number, or None if the value is not one."""
    if isinstance(value, SymInt):
        return value.term
    if isinstance(value, SymBool):
        return z3.If(value.term, z3.IntVal(1), z3.IntVal(0))
    if isinstance(value, int):
        return z3.IntVal(int(value))
    return None


def canonical(term: Any) -> Any:
    """An equal term in a form that a + b and b + a, or (a + b) * c and a * c + b * c, have in common."""
    return z3.simplify(term, som=True, sort_sums=True)


def truth_of(value: object) -> Any:
    """The solver's boolean term for a truth value.

    Errors: TheoremError for anything else: `~True` is -2 in Python, which would count as true.
    """
    if isinstance(value, SymBool):
        return value.term
    if type(value) is bool:
        return z3.BoolVal(value)
    raise TheoremError(f"{value!r} is no truth value; write negation(x) rather than ~x, and a comparison")


def is_symbol(value: object) -> bool:
    """Whether a value is, or behind a wrapper holds, a symbol."""
    return isinstance(value, SymInt | SymBool)


class SymInt:
    """An arbitrary whole number: a solver term with Python's integer operators."""

    __slots__ = ("term",)

    def __init__(self, term: Any) -> None:
        self.term = term

    # Arithmetic. The small cases keep terms readable: sum() starts from a plain 0.

    def __add__(self, other: object) -> "SymInt":
        if type(other) is int and other == 0:
            return self
        return _apply(other, lambda term: self.term + term)

    def __radd__(self, other: object) -> "SymInt":
        if type(other) is int and other == 0:
            return self
        return _apply(other, lambda term: term + self.term)

    def __sub__(self, other: object) -> "SymInt":
        return _apply(other, lambda term: self.term - term)

    def __rsub__(self, other: object) -> "SymInt":
        return _apply(other, lambda term: term - self.term)

    def __mul__(self, other: object) -> "SymInt":
        return _apply(other, lambda term: self.term * term)

    def __rmul__(self, other: object) -> "SymInt":
        return _apply(other, lambda term: term * self.term)

    def __floordiv__(self, other: object) -> "SymInt":
        return _apply(other, lambda term: current_walk().divide(self.term, term)[0])

    def __rfloordiv__(self, other: object) -> "SymInt":
        return _apply(other, lambda term: current_walk().divide(term, self.term)[0])

    def __mod__(self, other: object) -> "SymInt":
        return _apply(other, lambda term: current_walk().divide(self.term, term)[1])

    def __rmod__(self, other: object) -> "SymInt":
        return _apply(other, lambda term: current_walk().divide(term, self.term)[1])

    def __divmod__(self, other: object) -> tuple["SymInt", "SymInt"]:
        return self // other, self % other

    def __rdivmod__(self, other: object) -> tuple["SymInt", "SymInt"]:
        return other // self, other % self

    def __pow__(self, exponent: object) -> "SymInt":
        if type(exponent) is not int or exponent < 0:
            raise SymbolLeak(f"{self} ** {exponent}: only a plain exponent >= 0")
        return reduce(lambda product, _: product * self, range(exponent), SymInt(z3.IntVal(1)))

    def __neg__(self) -> "SymInt":
        return SymInt(-self.term)

    def __pos__(self) -> "SymInt":
        return self

    def __abs__(self) -> "SymInt":
        if current_walk().merges:
            return SymInt(z3.If(self.term >= 0, self.term, -self.term))
        return self if self >= 0 else -self

    # Comparisons

    def __lt__(self, other: object) -> "SymBool":
        return _compare(other, lambda term: self.term < term)

    def __le__(self, other: object) -> "SymBool":
        return _compare(other, lambda term: self.term <= term)

    def __gt__(self, other: object) -> "SymBool":
        return _compare(other, lambda term: self.term > term)

    def __ge__(self, other: object) -> "SymBool":
        return _compare(other, lambda term: self.term >= term)

    def __eq__(self, other: object) -> "SymBool":  # type: ignore[override]
        return _compare(other, lambda term: self.term == term)

    def __ne__(self, other: object) -> "SymBool":  # type: ignore[override]
        return _compare(other, lambda term: self.term != term)

    def __bool__(self) -> bool:
        return current_walk().branch(self.term != 0)

    # What would leave the symbols

    def __hash__(self) -> int:
        _leak(self, "as a key of a dict or a member of a set")

    def __int__(self) -> int:
        _leak(self, "in int()")

    def __float__(self) -> float:
        _leak(self, "in float()")

    def __index__(self) -> int:
        _leak(self, "as an index, a length or in range()")

    def __truediv__(self, other: object) -> NoReturn:
        _leak(self, "in a true division /: the law divides with //")

    __rtruediv__ = __truediv__

    def __repr__(self) -> str:
        return f"<{str(self.term).replace(chr(10), ' ')}>"

    def __format__(self, _: str) -> str:
        return repr(self)


class SymBool:
    """An arbitrary truth value. `if` on it forks; `&`, `|`, `~` keep it a term."""

    __slots__ = ("term",)

    def __init__(self, term: Any) -> None:
        self.term = term

    def __bool__(self) -> bool:
        return current_walk().branch(self.term)

    def __and__(self, other: object) -> "SymBool":
        return SymBool(z3.And(self.term, truth_of(other)))

    def __or__(self, other: object) -> "SymBool":
        return SymBool(z3.Or(self.term, truth_of(other)))

    __rand__ = __and__
    __ror__ = __or__

    def __invert__(self) -> "SymBool":
        return SymBool(z3.Not(self.term))

    def __eq__(self, other: object) -> "SymBool":  # type: ignore[override]
        return SymBool(self.term == truth_of(other))

    def __ne__(self, other: object) -> "SymBool":  # type: ignore[override]
        return SymBool(self.term != truth_of(other))

    # Python counts booleans: sum(x > 0 for x in ...)

    def __add__(self, other: object) -> SymInt:
        return SymInt(term_of(self)) + other

    def __mul__(self, other: object) -> SymInt:
        return SymInt(term_of(self)) * other

    __radd__ = __add__
    __rmul__ = __mul__

    def __hash__(self) -> int:
        _leak(self, "as a key of a dict or a member of a set")

    def __repr__(self) -> str:
        return f"<{str(self.term).replace(chr(10), ' ')}>"


def _apply(other: object, operation: Callable[[Any], Any]) -> SymInt:
    term = term_of(other)
    return cast(SymInt, NotImplemented) if term is None else SymInt(operation(term))


def _compare(other: object, operation: Callable[[Any], Any]) -> SymBool:
    term = term_of(other)
    return cast(SymBool, NotImplemented) if term is None else SymBool(operation(term))


def _leak(symbol: object, use: str) -> NoReturn:
    raise SymbolLeak(f"{symbol!r} stands for every whole number and cannot be used {use}")


# Connectives for theorems: they keep one term where `and`, `or`, `not` would fork.


def implies(condition: bool, consequence: bool) -> bool:
    """condition -> consequence, as one term."""
    return any_of(negation(condition), consequence)


def all_of(*conditions: bool) -> bool:
    """All of the conditions, as one term."""
    if any(is_symbol(condition) for condition in conditions):
        return cast(bool, SymBool(z3.And(*map(truth_of, conditions))))
    return all(_plain(condition) for condition in conditions)


def any_of(*conditions: bool) -> bool:
    """At least one of the conditions, as one term."""
    if any(is_symbol(condition) for condition in conditions):
        return cast(bool, SymBool(z3.Or(*map(truth_of, conditions))))
    return any(_plain(condition) for condition in conditions)


def negation(condition: bool) -> bool:
    """The opposite, as one term."""
    if is_symbol(condition):
        return cast(bool, SymBool(z3.Not(truth_of(condition))))
    return not _plain(condition)


def select(condition: bool, yes: int, no: int) -> int:
    """yes if the condition, else no, as one term."""
    if not any(is_symbol(value) for value in (condition, yes, no)):
        return yes if _plain(condition) else no
    return cast(int, SymInt(z3.If(truth_of(condition), term_of(yes), term_of(no))))


def _plain(condition: object) -> bool:
    truth_of(condition)
    return bool(condition)


# max and min that merge: put in place of the builtins in the rule modules while the explorer runs them.


def merged_max(*values: Any, **options: Any) -> Any:
    """`max`, as one if-then-else term where a symbol is compared; the builtin otherwise."""
    return _merge(builtins.max, lambda best, value: SymInt(z3.If(value > best, value, best)), values, options)


def merged_min(*values: Any, **options: Any) -> Any:
    """`min`, as one if-then-else term where a symbol is compared; the builtin otherwise."""
    return _merge(builtins.min, lambda best, value: SymInt(z3.If(value < best, value, best)), values, options)


def _merge(
    builtin: Callable[..., Any],
    choose: Callable[[Any, Any], SymInt],
    values: tuple[Any, ...],
    options: dict[str, Any],
) -> Any:
    candidates: Iterable[Any] = list(values[0]) if len(values) == 1 else values
    numbers = [value for value in candidates if isinstance(value, int | SymInt)]
    merges = any(isinstance(value, SymInt) for value in numbers)
    if not merges or len(numbers) != len(list(candidates)) or "key" in options:
        return builtin(candidates, **options)  # plain numbers, or an order that only forking can follow
    return reduce(lambda best, value: choose(term_of(best), term_of(value)), numbers)


MERGING = {"max": merged_max, "min": merged_min}
