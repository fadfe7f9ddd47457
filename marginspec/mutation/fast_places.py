"""Changes of the fast path: which places of a source can be changed, and into what.

The sources are Cython, pure-mode or not, which only a tokenizer reads. Changed is what stands in the bodies
of functions: comparisons, plus and minus, whole numbers, and/or, floor and ceiling, the larger and the
smaller. Casts, declared lengths of arrays, decorators, hints and words are left as they are.
"""

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from marginspec.mutation.judges import identifiers_in

COMPARISONS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
}
"""Off by one at the edge, then turned round."""
SIGNS = {"+": "-", "-": "+", "+=": "-=", "-=": "+="}
WORDS = {
    "and": "or",
    "or": "and",
    "True": "False",
    "False": "True",
    "min": "max",
    "max": "min",
    "ceil_div": "floor_div",
    "floor_div": "ceil_div",
}
KERNELS = ("kernels.py", "waterfall.py", "transitions.py", "certificates.py")
"""Pure-mode sources: what the theorems about kernels run uncompiled."""
NO_LAW = ("_build.py", "texts.pyx")
"""Files of the fast path that compute nothing of the law."""
HINTS = ("assume", "prefetch", "prefetch_rows")
"""Functions that compute nothing: what the compiler may rely on, and what memory is asked for early."""

Token = tokenize.TokenInfo
Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Change:
    """One piece of a source, replaced.

    operator  what kind of change: `comparison`, `sign`, `number`, `word` or `ceiling`
    start     line from 1, column from 0
    end       where the piece ends
    """

    operator: str
    start: Position
    end: Position
    new: str
    function: str

    def of(self, text: str) -> str:
        """The text with this piece replaced."""
        lines = text.splitlines(keepends=True)
        offsets = [0]
        for line in lines:
            offsets.append(offsets[-1] + len(line))
        first, last = (offsets[line - 1] + column for line, column in (self.start, self.end))
        return text[:first] + self.new + text[last:]


def sources(folder: Path) -> list[str]:
    """The files of the fast path in which something of the law is computed, below its folder."""
    found = [
        path.relative_to(folder).as_posix()
        for pattern in ("*.py", "*.pyx", "*.pxi")
        for path in folder.rglob(pattern)
        if path.name not in NO_LAW
    ]
    return sorted(found)


def changes_of(file: str, text: str) -> list[Change]:
    """Every change of a source, in the order of its lines."""
    found: list[Change] = []
    for function, line in statements(text):
        found += changes_of_statement(function, line)
    if file in KERNELS:
        found += ceilings(text)
    return sorted(found, key=lambda change: (change.start, change.operator, change.new))


def statements(text: str) -> Iterator[tuple[str, list[Token]]]:
    """The logical lines in the bodies of functions, and the name of the function."""
    line: list[Token] = []
    depth = 0
    inside: list[tuple[int, str]] = []  # the functions around, each with the depth of its header
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.INDENT:
            depth += 1
        elif token.type == tokenize.DEDENT:
            depth -= 1
        elif token.type == tokenize.NEWLINE:
            inside = [each for each in inside if each[0] < depth]
            header = header_of(line)
            if header:
                inside.append((depth, header))
            elif inside and line[0].string not in ("@", *HINTS):
                yield inside[-1][1], line
            line = []
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER):
            line.append(token)


def header_of(line: Sequence[Token]) -> str:
    """The name of the function whose header a logical line is; empty if it is none."""
    words = [token.string for token in line]
    starts = words and words[0] in ("def", "cdef", "cpdef", "async") and words[-1] == ":" and "(" in words
    return words[words.index("(") - 1] if starts and "extern" not in words else ""


def changes_of_statement(function: str, line: Sequence[Token]) -> Iterator[Change]:
    """The changes of one logical line."""
    declares = line[0].string == "cdef"
    brackets = 0
    in_cast = False
    for before, token in zip([None, *line], line, strict=False):
        word = token.string
        if word in "[]":
            brackets += 1 if word == "[" else -1
        if word == "<" and not ends_operand(before):
            in_cast = True
        if in_cast:
            in_cast = word != ">"
            continue
        for operator, new in new_words(token, before, in_length=declares and brackets > 0):
            yield Change(operator, token.start, token.end, new, function)


def new_words(token: Token, before: Token | None, *, in_length: bool) -> Iterator[tuple[str, str]]:
    """What a token may become, and by which kind of change."""
    word = token.string
    if token.type == tokenize.OP and word in COMPARISONS:
        yield from (("comparison", new) for new in COMPARISONS[word])
    elif token.type == tokenize.OP and word in SIGNS and ends_operand(before):
        yield "sign", SIGNS[word]
    elif token.type == tokenize.NUMBER and re.fullmatch(r"[0-9][0-9_]*", word) and not in_length:
        number = int(word)
        yield from (("number", str(new)) for new in (number - 1, number + 1) if new >= 0)
    elif token.type == tokenize.NAME and word in WORDS:
        yield "word", WORDS[word]


def ends_operand(token: Token | None) -> bool:
    """Whether an operator after this token has something on its left."""
    if token is None:
        return False
    if token.type == tokenize.NAME:
        return not keyword.iskeyword(token.string) or token.string in ("True", "False", "None")
    return token.type in (tokenize.NUMBER, tokenize.STRING) or token.string in (")", "]", "}")


def ceilings(text: str) -> Iterator[Change]:
    """Each quotient of a pure-mode source, rounded up where it was rounded down."""
    for function in ast.parse(text).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv)):
                continue
            left, right = (ast.get_source_segment(text, each) for each in (node.left, node.right))
            assert node.end_lineno is not None and node.end_col_offset is not None
            yield Change(
                "ceiling",
                (node.lineno, node.col_offset),
                (node.end_lineno, node.end_col_offset),
                f"(({left}) + ({right}) - 1) // ({right})",
                function.name,
            )


class Rules:
    """Which rules a function of the fast path is about: those of its own words, else those of its callers."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._named: dict[str, tuple[str, ...]] = {}
        self._users: dict[str, set[str]] = {}
        for text in texts:
            for function, line in statements(text):
                for token in line:
                    self._read(function, token)

    def _read(self, function: str, token: Token) -> None:
        found: tuple[str, ...] = ()
        if token.type == tokenize.STRING:
            found = identifiers_in(token.string)
        elif token.type == tokenize.NAME and re.fullmatch(r"[A-Z]{3}_[0-9]+", token.string):
            found = (token.string.replace("_", "-"),)
        elif token.type == tokenize.NAME and token.string != function:
            self._users.setdefault(token.string, set()).add(function)
        self._named[function] = tuple(dict.fromkeys((*self._named.get(function, ()), *found)))

    def of(self, function: str) -> tuple[str, ...]:
        """The rules a function touches."""
        found: dict[str, None] = {}
        seen, waiting = {function}, [function]
        while waiting:
            here = waiting.pop(0)
            if self._named.get(here):
                found |= dict.fromkeys(self._named[here])
                continue
            for user in sorted(self._users.get(here, set()) - seen):
                seen.add(user)
                waiting.append(user)
        return tuple(found)
