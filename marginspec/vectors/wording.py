"""Wording: branches of the law in words that stay, for the ids and comments of cases."""

import ast
import re
from dataclasses import dataclass
from typing import Any

import z3

OPERATORS = {"<": "below", "<=": "at-most", ">": "above", ">=": "at-least", "==": "is", "!=": "is-not"}
OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
SYMBOLS = {
    z3.Z3_OP_LT: "<",
    z3.Z3_OP_LE: "<=",
    z3.Z3_OP_GT: ">",
    z3.Z3_OP_GE: ">=",
    z3.Z3_OP_EQ: "==",
    z3.Z3_OP_DISTINCT: "!=",
}
SIDE_MAX = 34
"""Characters of one side of a comparison that is told by its own term."""
ID_MAX = 100


def slug(text: str) -> str:
    """Words with hyphens between them: `12 500.0125 rounds up` is 12-500-0125-rounds-up."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def shortened_slug(words: str, longest: int = ID_MAX) -> str:
    """As many whole words as fit."""
    if len(words) <= longest:
        return words
    return words[: longest + 1].rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Said:
    """A branch in words.

    words        for an id, with the way it went
    sentence     the same for people
    left, right  the sides of its comparison; if they cannot be told, the line of source and ""
    is_flipped   whether they stand in the other order than in the term
    """

    words: str
    sentence: str
    left: str = ""
    right: str = ""
    is_flipped: bool = False


def words_of_branch(condition: Any, taken: bool, line: str) -> Said:
    """A branch and the way it went.

    condition  a term of the solver
    line       of source, in which the branch stands
    """
    parts = _sides(condition) or _call(line)
    if parts is None:
        said = _plain_line(line)
        words, sentence = (slug(said), said) if taken else (f"not-{slug(said)}", f"not ({said})")
        return Said(words, sentence, said)
    left, operator, right, is_flipped = parts
    went = OPERATORS[operator if taken else OPPOSITE[operator]]
    words = f"{slug(left)}-{went}-{slug(right)}"
    return Said(words, f"{left} {went.replace('-', ' ')} {right}", left, right, is_flipped)


def path_words(branches: list[str]) -> str:
    """Words for a path: its branches, or the last of them if there are many."""
    kept: list[str] = []
    for words in reversed(branches):
        if len("-".join([words, *kept])) > ID_MAX - 10:
            return "-".join(["path-to", *kept])
        kept.insert(0, words)
    return "-".join(["path", *kept]) if kept else "the-only-path"


def _sides(condition: Any) -> tuple[str, str, str, bool] | None:
    """Both sides of a comparison by their own names, the number on the right; None if they are long."""
    operator = SYMBOLS.get(condition.decl().kind())
    if operator is None or condition.num_args() != 2 or not z3.is_int(condition.arg(0)):
        return None
    left, right = (_side(condition.arg(index)) for index in (0, 1))
    if left is None or right is None:
        return None
    if left.startswith("-") and right.startswith("-"):
        left, right = right[1:], left[1:]
    if left.lstrip("-").isdigit():
        return right, FLIPPED[operator], left, True
    return left, operator, right, False


def _side(term: Any) -> str | None:
    text = " ".join(str(term).split())
    if len(text) > SIDE_MAX or "!" in text or "If(" in text:
        return None
    return text.replace("*", "x").replace("standing.", "")


def _call(line: str) -> tuple[str, str, str, bool] | None:
    """The comparison that `min(a, b)` or `max(a, b)` makes: of b with a."""
    try:
        tree = ast.parse(_statement(line))
    except SyntaxError:
        return None
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("min", "max")
        and len(node.args) == 2
    ]
    if len(calls) != 1:
        return None
    first, second = (ast.unparse(argument) for argument in calls[0].args)
    name = ast.unparse(calls[0].func)
    return second, "<" if name == "min" else ">", first, False


def _statement(line: str) -> str:
    """A line of source that can be read by itself."""
    text = line.strip()
    if text.startswith(("if ", "elif ", "while ", "for ")):
        return f"{text.removeprefix('el')} pass" if text.endswith(":") else f"{text}: pass"
    return text


def _plain_line(line: str) -> str:
    """A line of source without what is there for Python; a branch on `not x` is told as one on x."""
    text = re.sub(r"^(return|if|elif|while|assert)\b( not\b)?", "", line.strip()).strip(" :")
    for symbol, words in (("<=", " at most "), (">=", " at least "), ("<", " below "), (">", " above ")):
        text = text.replace(symbol, words)
    return " ".join(text.replace("==", " is ").replace("*", " x ").split())[:80]
