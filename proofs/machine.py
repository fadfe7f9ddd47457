"""Machine integers: the uncompiled kernels, run on numbers that know their C type.

`kernel("fee")(notional, rate)` runs the source of one of the files of kernels in fastpath/, also where a
compiled module is installed. Each intermediate result is claimed to fit the type in which C computes
it, each conversion to a narrower type to lose nothing, and each `//` and `%` to be of non-negative by
positive, where C and Python agree. What comes out is a plain number, to compare with the rule.

The type of a result is that of the wider operand; a bare literal has the type of what it meets. Local
annotations are not executed by Python, so the source is rewritten: where a name or a return value has a
declared type, a conversion is called.
"""

import ast
import sys
from collections.abc import Callable
from pathlib import Path as FilePath
from types import ModuleType
from typing import Any, NoReturn

from proofs.places import where
from proofs.runs import TheoremError, current_run
from proofs.symbolic import SymBool, all_of

FASTPATH = FilePath(__file__).parent.parent / "fastpath"
PACKAGE = "uncompiled"
SOURCES = ("kernels", "waterfall", "transitions", "certificates")
"""The files of kernels. No two kernels share a name."""
BITS = {"int32": 32, "int64": 64, "int128": 128}
C_TYPES = {
    "cython.int": "int32",
    "cython.longlong": "int64",
    "cython.long": "int64",
    "int128": "int128",
    "cython.bint": "truth",
    "None": "nothing",
}


class MachineInt:
    """A whole number, plain or symbolic, of a C type."""

    __slots__ = ("ctype", "value")

    def __init__(self, value: Any, ctype: str) -> None:
        self.value, self.ctype = value, ctype

    def __add__(self, other: object) -> "MachineInt":
        return _arithmetic(self, other, lambda a, b: a + b)

    def __radd__(self, other: object) -> "MachineInt":
        return _arithmetic(other, self, lambda a, b: a + b)

    def __sub__(self, other: object) -> "MachineInt":
        return _arithmetic(self, other, lambda a, b: a - b)

    def __rsub__(self, other: object) -> "MachineInt":
        return _arithmetic(other, self, lambda a, b: a - b)

    def __mul__(self, other: object) -> "MachineInt":
        return _arithmetic(self, other, lambda a, b: a * b)

    def __rmul__(self, other: object) -> "MachineInt":
        return _arithmetic(other, self, lambda a, b: a * b)

    def __floordiv__(self, other: object) -> "MachineInt":
        return _division(self, other, lambda a, b: a // b)

    def __rfloordiv__(self, other: object) -> "MachineInt":
        return _division(other, self, lambda a, b: a // b)

    def __mod__(self, other: object) -> "MachineInt":
        return _division(self, other, lambda a, b: a % b)

    def __rmod__(self, other: object) -> "MachineInt":
        return _division(other, self, lambda a, b: a % b)

    def __rshift__(self, places: int) -> "MachineInt":
        """Rounds down whatever the sign, in Python and in C: gcc and clang keep the sign bit."""
        if type(places) is not int or not 0 <= places < BITS[self.ctype]:
            raise TheoremError(f"{self!r} is shifted by {places!r}: not a literal within its bits")
        return _fitting(self.value // (1 << places), self.ctype)

    def __neg__(self) -> "MachineInt":
        return _fitting(-self.value, self.ctype)

    def __abs__(self) -> "MachineInt":
        return _fitting(abs(self.value), self.ctype)

    def __lt__(self, other: object) -> Any:
        return self.value < plain(other)

    def __le__(self, other: object) -> Any:
        return self.value <= plain(other)

    def __gt__(self, other: object) -> Any:
        return self.value > plain(other)

    def __ge__(self, other: object) -> Any:
        return self.value >= plain(other)

    def __eq__(self, other: object) -> Any:
        return self.value == plain(other)

    def __ne__(self, other: object) -> Any:
        return self.value != plain(other)

    def __bool__(self) -> bool:
        return bool(self.value != 0)

    def __hash__(self) -> int:
        _leak(self)

    def __index__(self) -> int:
        _leak(self)

    def __int__(self) -> int:
        _leak(self)

    def __float__(self) -> float:
        _leak(self)

    def __truediv__(self, other: object) -> NoReturn:
        _leak(self)

    def __repr__(self) -> str:
        return f"{self.ctype}({self.value!r})"


def plain(value: Any) -> Any:
    """The number behind a machine integer; anything else as it is."""
    return value.value if isinstance(value, MachineInt) else value


def _leak(number: MachineInt) -> NoReturn:
    raise TheoremError(f"{number!r}: a kernel uses a number in a way that has no counterpart here")


def _arithmetic(left: object, right: object, operation: Callable[[Any, Any], Any]) -> MachineInt:
    return _fitting(operation(plain(left), plain(right)), _common_type(left, right))


def _division(numerator: object, divisor: object, operation: Callable[[Any, Any], Any]) -> MachineInt:
    place, text = where()
    known(plain(divisor) > 0, f"{place} divides by a positive number: {text}")
    known(plain(numerator) >= 0, f"{place} divides a non-negative number: {text}")
    return _fitting(operation(plain(numerator), plain(divisor)), _common_type(numerator, divisor))


def _common_type(left: object, right: object) -> str:
    types = [value.ctype for value in (left, right) if isinstance(value, MachineInt)]
    widest = max(types, key=BITS.__getitem__)
    for value in (left, right):
        is_literal = isinstance(value, int) and abs(value) < 1 << 31
        if not (is_literal or isinstance(value, MachineInt)):
            raise TheoremError(f"a kernel computes with {value!r}: neither typed nor a literal of 32 bits")
    return widest


def _fitting(value: Any, ctype: str) -> MachineInt:
    place, text = where()
    known(_fits(value, ctype), f"{place} stays within {BITS[ctype]} bits: {text}")
    return MachineInt(value, ctype)


def _fits(value: Any, ctype: str) -> bool:
    bound = 1 << (BITS[ctype] - 1)
    return all_of(-bound <= value, value <= bound - 1)


def known(condition: bool, sentence: str) -> None:
    """Claim an obligation, which the rest of the kernel may then rely on."""
    run = current_run()
    run.claim(condition, sentence)
    run.fact(condition, sentence)


def as_type(value: Any, ctype: str, name: str) -> Any:
    """The conversion that C makes where a declared type is given: nothing may be lost."""
    if ctype == "nothing":
        return value
    if ctype == "truth":
        return plain(value) if isinstance(plain(value), bool | SymBool) else plain(value) != 0
    if not isinstance(value, MachineInt) or BITS[value.ctype] > BITS[ctype]:
        known(_fits(plain(value), ctype), f"{where()[0]}: {name} fits {BITS[ctype]} bits")
    return MachineInt(plain(value), ctype)


def kernel(name: str) -> Callable[..., Any]:
    """A kernel from its source, on machine integers; plain numbers in, a plain number out."""
    module = module_of(name)

    def run(*arguments: Any) -> Any:
        return plain(getattr(module, name)(*arguments))  # looked up late: a mutant may stand there

    return run


def kernel_rule(name: str) -> Callable[..., Any]:
    """The function of a kernel itself, for `contract(for_=...)`."""
    function: Callable[..., Any] = getattr(module_of(name), name)
    return function


def module_of(name: str) -> ModuleType:
    """The uncompiled module that a kernel stands in. Errors: TheoremError if there is none."""
    for module in load_kernels():
        if callable(getattr(module, name, None)):
            return module
    raise TheoremError(f"there is no kernel {name} in {FASTPATH}")


def machine_type(rule: Callable[..., Any]) -> str | None:
    """The C type of a kernel's result; None for a rule of the law, which has none."""
    declared = vars(rule).get("c_result")
    return declared if declared in BITS else None


def load_kernels() -> tuple[ModuleType, ...]:
    """The sources of the kernels as modules of their own, converted to machine integers."""
    return tuple(loaded(FASTPATH / f"{name}.py") for name in SOURCES)


def loaded(source: FilePath) -> ModuleType:
    """One source of kernels as an uncompiled module; it is read once."""
    module_name = f"{PACKAGE}.{source.stem}"
    if module_name not in sys.modules:
        module = ModuleType(module_name)
        module.__file__ = str(source)
        vars(module).update(__as__=as_type, __rewrite__=rewritten)
        tree = rewritten(ast.parse(source.read_text()))
        exec(compile(tree, str(source), "exec"), vars(module))
        for name, ctype in result_types(ast.parse(source.read_text())).items():
            vars(module)[name].c_result = ctype
        sys.modules.setdefault(PACKAGE, ModuleType(PACKAGE))
        sys.modules[module_name] = module
    return sys.modules[module_name]


def result_types(tree: ast.Module) -> dict[str, str]:
    """The C type of each kernel's result."""
    kernels = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {node.name: _ctype(node.returns, f"the result of {node.name}") for node in kernels}


# Rewriting the source


def rewritten(tree: ast.Module) -> ast.Module:
    """Kernel source with a conversion wherever a type is declared, and without Cython's decorators."""
    _Conversions().visit(tree)
    return ast.fix_missing_locations(tree)


class _Conversions(ast.NodeTransformer):
    def __init__(self) -> None:
        self.types: dict[str, str] = {}  # of the names of the function at hand
        self.returns = "nothing"

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        parameters = [*node.args.posonlyargs, *node.args.args]
        self.types = {p.arg: _ctype(p.annotation, f"{node.name}({p.arg})") for p in parameters}
        self.types |= {
            part.target.id: _ctype(part.annotation, f"{node.name}, {part.target.id}")
            for part in ast.walk(node)
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        }
        self.returns = _ctype(node.returns, f"the result of {node.name}")
        documented = ast.get_docstring(node) is not None
        body = [self.visit(statement) for statement in node.body]
        converted = [
            ast.copy_location(ast.Assign([ast.Name(p.arg, ast.Store())], self._named(p.arg)), p)
            for p in parameters
        ]
        node.body = [*body[:documented], *converted, *body[documented:]]
        node.decorator_list = []
        node.returns = None
        for parameter in parameters:
            parameter.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        assert isinstance(node.target, ast.Name)
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        value = self._converted(node.value, node.target.id)
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in self.types:
            node.value = self._converted(node.value, target.id)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        assert isinstance(node.target, ast.Name)
        value = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        return self.visit_Assign(ast.copy_location(ast.Assign([node.target], value), node))

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if node.value is not None:
            node.value = _call(node.value, self.returns, "the result")
        return node

    def _named(self, name: str) -> ast.expr:
        return self._converted(ast.Name(name, ast.Load()), name)

    def _converted(self, value: ast.expr, name: str) -> ast.expr:
        return _call(value, self.types[name], name)


def _call(value: ast.expr, ctype: str, name: str) -> ast.expr:
    arguments = [value, ast.Constant(ctype), ast.Constant(name)]
    return ast.copy_location(ast.Call(ast.Name("__as__", ast.Load()), arguments, []), value)


def _ctype(annotation: ast.expr | None, what: str) -> str:
    text = "None" if annotation is None else ast.unparse(annotation)
    if text not in C_TYPES or (annotation is None and not what.startswith("the result")):
        raise TheoremError(f"{what} has no C type that the proofs know: {text}")
    return C_TYPES[text]
