"""A check of the law's source: it divides with a direction, and knows no number that is not whole."""

import ast
import sys

from marginspec.prose.picture import Picture

FOREIGN = ("float", "complex", "Decimal", "Fraction")
INEXACT = ("math", "cmath", "decimal", "fractions", "numbers", "random", "statistics", "time", "datetime")
DIVISIONS = {ast.FloorDiv: "//", ast.Mod: "%", ast.RShift: ">>"}
DIVIDES = "numbers.py"


def numbers(seen: Picture) -> list[str]:
    """The law divides in numbers.py only, knows no number that is not whole, and imports nothing else."""
    found = []
    for name, source in seen.sources.items():
        for node in ast.walk(ast.parse(source)):
            fault = fault_of(node, name == DIVIDES)
            if fault:
                found.append(f"refmodel/{name}:{getattr(node, 'lineno', 1)}: {fault}")
    return found


def fault_of(node: ast.AST, may_divide: bool) -> str:
    """What is wrong with one piece of source, or ""."""
    if isinstance(node, ast.BinOp | ast.AugAssign):
        if isinstance(node.op, ast.Div):
            return "divides with `/`, which is not exact (NUM-1, NUM-3)"
        if isinstance(node.op, ast.Pow) and not isinstance(node, ast.AugAssign):
            exponent = node.right
            if not (isinstance(exponent, ast.Constant) and isinstance(exponent.value, int)):
                return "raises to a power that may be negative (NUM-2)"
        symbol = DIVISIONS.get(type(node.op))
        if symbol and not may_divide:
            return f"divides with `{symbol}` and names no direction (NUM-1, NUM-3)"
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        return f"{node.value} is not a whole number (NUM-2)"
    if isinstance(node, ast.Name) and node.id in FOREIGN:
        return f"`{node.id}` is not a whole number (NUM-2)"
    if isinstance(node, ast.Name) and node.id in ("divmod", "round", "pow"):
        return f"`{node.id}` rounds without a direction (NUM-1, NUM-3)"
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom):
        modules = [node.module or ""]
    for module in modules:
        root = module.partition(".")[0]
        if root in INEXACT:
            return f"imports {module} (NUM-2)"
        if root != "refmodel" and root not in sys.stdlib_module_names:
            return f"imports {module}; the law stands on the standard library alone"
    return ""
