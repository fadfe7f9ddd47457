"""The names of the law: which use which, which implement rules, and what of its source is only words."""

import ast
from pathlib import Path

from marginspec.mutation.judges import identifiers_in


class Names:
    """The top-level names of refmodel: which use which, and which implement rules."""

    def __init__(self, folder: Path) -> None:
        self.rules: dict[str, tuple[str, ...]] = {}
        self._named: dict[str, tuple[str, ...]] = {}
        self._users: dict[str, set[str]] = {}
        self._spans: dict[str, list[tuple[int, int, str]]] = {}
        for path in sorted(folder.glob("*.py")):
            self._spans[path.name] = []
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                self._read(path.name, node)

    def _read(self, file: str, node: ast.stmt) -> None:
        name = _name_defined_by(node)
        if not name:
            return
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)])
        self._spans[file].append((first, node.end_lineno or node.lineno, name))
        for decorator in decorators:
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "rule":
                self.rules[name] = tuple(
                    str(each.value) for each in decorator.args if isinstance(each, ast.Constant)
                )
        named: list[str] = []
        for each in ast.walk(without_words(node)):
            if isinstance(each, ast.Name) and each.id != name:
                self._users.setdefault(each.id, set()).add(name)
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                named += identifiers_in(each.value)
        self._named[name] = tuple(named)

    def at(self, file: str, line: int) -> str:
        """The name in whose definition a line stands; empty if none."""
        spans = self._spans[file]
        return next((name for first, last, name in spans if first <= line <= last), "")

    def rules_touched_by(self, name: str) -> tuple[str, ...]:
        """The rules of a function; of one without, those it names and those of the functions that call it."""
        found: dict[str, None] = {}
        seen, waiting = {name}, [name]
        while waiting:
            here = waiting.pop(0)
            if here in self.rules:
                found |= dict.fromkeys(self.rules[here])
                continue
            found |= dict.fromkeys(self._named.get(here, ()))
            for user in sorted(self._users.get(here, ())):
                if user not in seen:
                    seen.add(user)
                    waiting.append(user)
        return tuple(found)


def _name_defined_by(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return ""


class _Wordless(ast.NodeTransformer):
    """Takes away what no judge could notice: docstrings, annotations, decorators and aliases of types."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns, node.decorator_list = None, []
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign([node.target], node.value, lineno=node.lineno))

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if _is_alias(node.value) else self.generic_visit(node)


def _is_alias(node: ast.expr) -> bool:
    """Whether an expression is a type: a name, or names joined by an operator, each with a capital."""
    if isinstance(node, ast.BinOp):
        return _is_alias(node.left) and _is_alias(node.right)
    if isinstance(node, ast.Subscript):
        return _is_alias(node.value)
    return isinstance(node, ast.Name) and node.id[0].isupper() and not node.id.isupper()


def without_words(node: ast.AST) -> ast.AST:
    """A copy of a tree without what no judge could notice."""
    copy: ast.AST = _Wordless().visit(ast.parse(ast.unparse(node)))
    return copy
