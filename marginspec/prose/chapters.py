"""Chapters: the law in prose, read into its parts.

A chapter is a heading `# 3 Margin`, a story, and rules. A rule is a heading `## MAR-2 Marginal brackets`
with its parts in a fixed order:

    statement in words
    formula, indented by four spaces (where there is one), its rounding named
    Refusals: ... Depends on: ... Theorems: ... Policy: ...
    worked tables, each with an optional line before it that names a policy (see `Settings`); under a
    scenario, what its last event posts (see `Last`)
    Why so: ... Elsewhere: ... Source: ...

Whatever does not fit is refused with its line: a table that nobody runs would be a number that nobody
checks. What the tables say is run in examples.py.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from marginspec.paths import SPEC

CHAPTER_HEADING = re.compile(r"# (?P<number>[0-9]+) (?P<title>\S.*)\Z")
RULE_HEADING = re.compile(r"## (?P<identifier>[A-Z]{3}-[0-9]+) (?P<noun>\S.*)\Z")
RULE_NAME = re.compile(r"[A-Z]{3}-[0-9]+")
THEOREM_NAME = re.compile(r"[A-Z][0-9]+[a-z]?\Z")
LINKS = re.compile(
    r"Refusals: (?P<refusals>.+?)\. Depends on: (?P<depends>.+?)\. Theorems: (?P<theorems>.+?)\. "
    r"Policy: (?P<policy>.+?)\.\Z",
    re.DOTALL,
)
LABELS = ("Why so:", "Elsewhere:", "Source:")
QUOTED = re.compile(r"`([^`]+)`")
LAST = re.compile(r"The last event posts(?: in (?P<stages>`.*`))?:\Z")
SETTING = re.compile(r"`(?P<key>[^`]+)` (?P<how>=|like) (?P<value>`[^`]+`|[+-]?[0-9][0-9_]*)")


class ChapterError(ValueError):
    """Something in a chapter that has no meaning.

    place  chapter file and line, and the rule if there is one
    """

    def __init__(self, path: Path, line: int, sentence: str, rule: str = "") -> None:
        super().__init__(f"{path.name}:{line}: {rule + ': ' if rule else ''}{sentence}")


Wrong = Callable[[int, str], ChapterError]
"""Makes the error of one rule from a line and a sentence."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One change of a policy: this key has this value, or is a copy of the table at another key.

    how  "=" or "like"
    """

    key: str
    how: str
    value: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The policy that a table is run under: a named one, with some keys changed.

    Written on the line before a table:  Under `minimal` with `trigger` = `at_or_below`, `fees.taker` = 0:
    A second market is  `markets.ETH-PERP` like `markets.BTC-PERP`.
    """

    policy: str = "minimal"
    changes: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its line in the file, and its cells without their blanks."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """One column: `notional (quanta)` is the name notional and the unit quanta."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Last:
    """Which postings a table `stage | rule | from | to | amount` shows: those of a scenario's last event.

    Written on the line before it:  The last event posts:   or, some of them:   The last event posts in `adl`:
    scenario  the table above it
    stages    of the waterfall, in backticks; empty for all of them
    """

    scenario: "Table"
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A worked table of a rule.

    last  for a table of postings: of which event
    """

    path: Path
    rule: str
    line: int
    settings: Settings
    headings: tuple[Heading, ...]
    rows: tuple[Row, ...]
    last: Last | None = None

    @property
    def place(self) -> str:
        """Where it stands, as a test names it."""
        return f"{self.path.stem} {self.rule} line {self.line}"


@dataclass(frozen=True, slots=True)
class Links:
    """The links line of a rule.

    refusals       reasons, in the order in which they are checked
    depends        rules it uses
    theorems       identifiers of the catalogue; empty if there is a reason why none
    no_theorem     that reason, or ""
    policy         key paths of the policy file
    """

    refusals: tuple[str, ...]
    depends: tuple[str, ...]
    theorems: tuple[str, ...]
    no_theorem: str
    policy: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a chapter says about one rule."""

    path: Path
    line: int
    identifier: str
    noun: str
    statement: str
    formula: str
    links: Links
    links_line: int
    tables: tuple[Table, ...]
    why: str
    elsewhere: str
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter: its number and title, the story it opens with, and its rules in order."""

    path: Path
    number: int
    title: str
    story: str
    rules: tuple[RuleText, ...]


def chapter_paths(folder: Path = SPEC) -> list[Path]:
    """The chapter files of a folder, in the order of their numbers."""
    return sorted(folder.glob("[0-9][0-9]-*.md"))


def read_chapters(folder: Path = SPEC) -> tuple[Chapter, ...]:
    """Every chapter of a folder. Errors: ChapterError at the first thing that has no meaning."""
    return tuple(read_chapter(path) for path in chapter_paths(folder))


def rule_texts(chapters: tuple[Chapter, ...]) -> Mapping[str, RuleText]:
    """The rules of all chapters by identifier. Errors: ChapterError if one has two headings."""
    found: dict[str, RuleText] = {}
    for chapter in chapters:
        for text in chapter.rules:
            if text.identifier in found:
                first = found[text.identifier]
                sentence = f"has a heading already, in {first.path.name} line {first.line}"
                raise ChapterError(text.path, text.line, sentence, text.identifier)
            found[text.identifier] = text
    return found


def read_chapter(path: Path) -> Chapter:
    """One chapter, in its parts. Errors: ChapterError at the first thing that has no meaning."""
    lines = path.read_text(encoding="utf-8").splitlines()
    heading = CHAPTER_HEADING.match(lines[0]) if lines else None
    if heading is None:
        raise ChapterError(path, 1, "a chapter opens with `# 3 Margin`: its number and its title")
    if int(heading["number"]) != int(path.name[:2]):
        raise ChapterError(path, 1, f"the file's name says chapter {int(path.name[:2])}")
    starts = [index for index, line in enumerate(lines) if line.startswith("#") and index > 0]
    story = lines[1 : starts[0]] if starts else lines[1:]
    for index, line in enumerate(story, start=2):
        if line.startswith("|"):
            raise ChapterError(path, index, "a table outside a rule is run by nobody")
    if not any(line.strip() for line in story):
        raise ChapterError(path, 2, "a chapter opens with a story: a few sentences before its first rule")
    rules = [
        read_rule(path, start, lines[start:end])
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    return Chapter(path, int(heading["number"]), heading["title"], "\n".join(story).strip(), tuple(rules))


def read_rule(path: Path, start: int, lines: list[str]) -> RuleText:
    """One rule.

    start  index of its heading in the file, from 0
    lines  from its heading to the next
    """
    heading = RULE_HEADING.match(lines[0])
    if heading is None:
        sentence = "a heading in a chapter is `## MAR-2 Marginal brackets`: an identifier and its noun"
        raise ChapterError(path, start + 1, sentence)
    rule = heading["identifier"]
    blocks = list(blocks_of(lines[1:], start + 2))
    kinds = [kind for kind, _, _ in blocks]

    def wrong(line: int, sentence: str) -> ChapterError:
        return ChapterError(path, line, sentence, rule)

    if kinds.count("links") != 1:
        raise wrong(start + 1, "has no line, or two, that begins `Refusals:`")
    if "table" not in kinds:
        raise wrong(start + 1, "has no worked table")
    links_at = kinds.index("links")
    last_table = len(kinds) - 1 - kinds[::-1].index("table")
    if "table" in kinds[:links_at] or "formula" in kinds[links_at:]:
        raise wrong(start + 1, "the order is statement, formula, links line, tables, Why so")
    first_formula = kinds.index("formula") if "formula" in kinds else links_at
    statement = " ".join(text_of(block) for kind, _, block in blocks[:first_formula] if kind == "prose")
    if not statement:
        raise wrong(start + 1, "begins with a statement in words")
    formula = "\n".join("\n".join(block) for kind, _, block in blocks[:links_at] if kind == "formula")

    tables: list[Table] = []
    settings, sentence = Settings(), ""
    for kind, line, block in blocks[links_at + 1 : last_table + 1]:
        if kind == "table":
            table = read_table(path, rule, line, settings, block)
            tables.append(replace(table, last=last_of(sentence, tables, wrong, line)))
            settings, sentence = Settings(), ""
        else:
            sentence = text_of(block)
            settings = settings_of(sentence, wrong, line)

    closing = " ".join(text_of(block) for _, _, block in blocks[last_table + 1 :])
    found = [closing.find(label) for label in LABELS]
    if -1 in found or found != sorted(found) or found[0] != 0:
        raise wrong(start + 1, "ends with `Why so:`, `Elsewhere:` and `Source:`, in this order")
    why, elsewhere, source = (
        closing[begin + len(label) : end].strip()
        for label, begin, end in zip(LABELS, found, [*found[1:], len(closing)], strict=True)
    )
    if not (why and elsewhere and source):
        raise wrong(start + 1, "`Why so:`, `Elsewhere:` and `Source:` each say something")
    links_line = blocks[links_at][1]
    return RuleText(
        path=path,
        line=start + 1,
        identifier=rule,
        noun=heading["noun"],
        statement=statement,
        formula=formula,
        links=read_links(text_of(blocks[links_at][2]), wrong, links_line),
        links_line=links_line,
        tables=tuple(tables),
        why=why,
        elsewhere=elsewhere,
        source=source,
        text="\n".join(lines).strip() + "\n",
    )


def blocks_of(lines: list[str], first: int) -> Iterator[tuple[str, int, list[str]]]:
    """The blocks of a rule: kind (prose, formula, links or table), line of the first, its lines."""
    kind = ""
    block: list[str] = []
    begin = first
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            here = ""
        elif line.startswith("|"):
            here = "table"
        elif line.startswith("    "):
            here = "formula"
        elif line.startswith("Refusals:"):
            here = "links"
        else:
            here = "links" if kind == "links" else "prose"
        if here != kind:
            if block:
                yield kind, begin, block
            kind, block, begin = here, [], number
        if here:
            block.append(line)
    if block:
        yield kind, begin, block


def text_of(block: list[str]) -> str:
    """The lines of a block as one."""
    return " ".join(line.strip() for line in block)


def read_links(text: str, wrong: Wrong, line: int) -> Links:
    """The links line of a rule."""
    match = LINKS.match(text)
    if match is None:
        raise wrong(line, "the links line is `Refusals: ... Depends on: ... Theorems: ... Policy: ....`")
    refusals = named_in(match["refusals"], QUOTED)
    depends = named_in(match["depends"], RULE_NAME)
    policy = named_in(match["policy"], QUOTED)
    for part, names in (("refusals", refusals), ("depends", depends), ("policy", policy)):
        if (match[part] == "none") == bool(names):
            raise wrong(line, f"`{part}` names something, or says `none`: {match[part]}")
    theorems = match["theorems"]
    if theorems == "none" or theorems.startswith("none: "):
        return Links(refusals, depends, (), theorems.removeprefix("none").removeprefix(": "), policy)
    names = tuple(theorems.split(", "))
    for name in names:
        if not THEOREM_NAME.match(name):
            raise wrong(line, f"`{name}` is no theorem; write `Theorems: B2, C1a.` or `none: <reason>.`")
    return Links(refusals, depends, names, "", policy)


def named_in(text: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """What a part of the links line names: in backticks, or as rule identifiers."""
    return tuple(pattern.findall(text))


def settings_of(text: str, wrong: Wrong, line: int) -> Settings:
    """The policy that the line before a table names; any other sentence names `minimal` as it is."""
    if not text.startswith("Under "):
        return Settings()
    match = re.match(r"Under `([^`]+)`(?: with (.*))?:\Z", text)
    if match is None:
        raise wrong(line, "a policy is named by ``Under `minimal` with `trigger` = `at_or_below`:``")
    changes: list[Setting] = []
    rest = match[2] or ""
    while rest:
        found = SETTING.match(rest)
        if found is None:
            raise wrong(line, f"no setting: {rest}")
        changes.append(Setting(found["key"], found["how"], found["value"].strip("`")))
        rest = rest[found.end() :]
        if rest and not rest.startswith(", "):
            raise wrong(line, f"settings are separated by commas: {rest}")
        rest = rest.removeprefix(", ")
    return Settings(match[1], tuple(changes))


def last_of(text: str, above: list[Table], wrong: Wrong, line: int) -> Last | None:
    """Of which event a table shows the postings, by the sentence before it; None for any other table."""
    match = LAST.match(text)
    if match is None:
        return None
    scenarios = [table for table in above if table.last is None]
    if not scenarios or scenarios[-1].headings[0].name != "event":
        raise wrong(line, "`The last event posts:` stands under a scenario, and there is none above")
    return Last(scenarios[-1], named_in(match["stages"] or "", QUOTED))


def read_table(path: Path, rule: str, line: int, settings: Settings, block: list[str]) -> Table:
    """One table: headings with their units, and rows."""
    rows = [Row(line + index, cells_of(text)) for index, text in enumerate(block)]
    if len(rows) < 3 or not all(re.match(r":?-+:?\Z", cell) for cell in rows[1].cells):
        raise ChapterError(path, line, "a table has headings, a line of dashes and at least one row", rule)
    headings = tuple(heading_of(cell) for cell in rows[0].cells)
    for row in rows[1:]:
        if len(row.cells) != len(headings):
            sentence = f"{len(row.cells)} cells under {len(headings)} headings"
            raise ChapterError(path, row.line, sentence, rule)
    names = [heading.name for heading in headings]
    for name in names:
        if names.count(name) > 1:
            raise ChapterError(path, line, f"two columns are called `{name}`", rule)
    return Table(path, rule, line, settings, headings, tuple(rows[2:]))


def cells_of(text: str) -> tuple[str, ...]:
    """The cells of one line of a table; `\\|` is a bar within a cell."""
    inner = text.strip().removeprefix("|").removesuffix("|")
    cells = re.split(r"(?<!\\)\|", inner)
    return tuple(cell.strip().replace("\\|", "|") for cell in cells)


def heading_of(cell: str) -> Heading:
    """A column's name and, in parentheses, its unit; both without backticks."""
    match = re.match(r"(?P<name>[^()]+?)(?: \((?P<unit>[^()]+)\))?\Z", cell.replace("`", ""))
    return Heading(match["name"], match["unit"] or "") if match else Heading(cell, "")
