"""Drift. Goal: prose, code, proofs and examples speak of the same law, and nothing generated is stale.
Method: every check on the repository as it is; and each on a picture with one thing altered, which it names.
"""

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest

from marginspec.paths import SPEC
from marginspec.prose import status
from marginspec.prose.chapters import ChapterError, read_chapter, rule_texts
from marginspec.prose.drift import CHECKS
from marginspec.prose.picture import Picture, Reason, picture
from refmodel.canonical import LAW


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_nothing_has_drifted(check):
    found = check(picture())
    assert not found, "\n" + "\n".join(found)


def test_nothing_generated_is_stale():
    assert not status.stale(status.pages(picture())), f"run {status.COMMAND}"


def test_the_status_is_the_same_each_time():
    assert status.status_page(picture()) == status.status_page(picture.__wrapped__())


def test_the_newest_change_is_of_this_law():
    changes = (SPEC / "CHANGES.md").read_text(encoding="utf-8")
    newest = next(line for line in changes.splitlines() if line.startswith("## "))
    assert newest == f"## {LAW}"


# ------------------------------------------------------------------------------------- each check can fail


def edited(folder: Path, seen: Picture, chapter: int, *changes: tuple[str, str]) -> Picture:
    """The picture with one chapter edited."""
    chapters = []
    for known in seen.chapters:
        if known.number == chapter:
            text = known.path.read_text(encoding="utf-8")
            for old, new in changes:
                assert old in text, old
                text = text.replace(old, new, 1)
            path = folder / known.path.name
            path.write_text(text, encoding="utf-8")
            known = read_chapter(path)
        chapters.append(known)
    return replace(seen, chapters=tuple(chapters))


def names(check: str, seen: Picture, words: str) -> bool:
    """Whether a check says this about the picture, and did not say it about the law."""
    before = set(CHECKS[check](picture()))
    return any(words in finding for finding in CHECKS[check](seen) if finding not in before)


def test_a_rule_without_code(tmp_path):
    functions = {name: function for name, function in picture().functions.items() if name != "MAR-12"}
    seen = replace(picture(), functions=functions)
    assert names("rules and code", seen, "03-margin.md MAR-12 Rate of a leverage: no function")


def test_code_without_a_rule():
    seen = replace(picture(), functions={**picture().functions, "MAR-99": len})
    assert names("rules and code", seen, "implements MAR-99, and no chapter")


def test_a_rule_in_the_wrong_chapter(tmp_path):
    functions = {**picture().functions, "NUM-1": picture().functions["MAR-1"]}
    seen = replace(picture(), functions=functions)
    assert names("rules and code", seen, "refmodel.margin.notional belongs to chapter 3, and NUM-1")


def test_a_rule_with_two_headings(tmp_path):
    seen = edited(tmp_path, picture(), 1, ("## NUM-3 ", "## NUM-1 "))
    with pytest.raises(ChapterError, match="NUM-1: has a heading already"):
        rule_texts(seen.chapters)


EMPTY = "Theorems: none: it is one state, empty, and its books balance at a glance."
WALLET = "Refusals: WDR-2 `not_in_wallet`"


@pytest.mark.parametrize(
    ("check", "chapter", "old", "new", "words"),
    [
        ("refusals", 6, WALLET, "Refusals: `not_in_pocket`", "no rule refuses with `not_in_pocket`"),
        ("refusals", 6, WALLET, "Refusals: `not_in_custody`", "of WDR-2 in the prose do not list it"),
        ("theorems", 2, EMPTY, "Theorems: none.", "ACC-3: no theorem, and no reason why none"),
        ("theorems", 2, EMPTY, "Theorems: Z9.", "ACC-3: the prose says Z9, and no theorem is about it"),
        ("links", 3, "Depends on: MAR-9.", "Depends on: MAR-90.", "depends on MAR-90, which is no rule"),
        ("links", 3, "Depends on: MAR-9.", "Depends on: MAR-10.", "MAR-10: depends on itself"),
        ("links", 3, "Policy: `trigger`", "Policy: `triggers`", "no key `triggers`"),
        ("links", 3, "Source: marginspec, this rule.", "Source: spec/decisions/9999.", "spec/decisions/9999"),
        ("links", 3, "1 Numbers", "1 Figures", "chapter 1 is not called Figures"),
        ("words", 3, "A position can lose", "A PIT can lose", "writes PIT, which the glossary"),
        ("links", 3, "Read before:", "See", "does not say what to `Read before:`"),
        ("examples", 1, "| 12_501 |", "| 12_502 |", "quotient is 12_501 in the law, 12_502 in the chapter"),
    ],
)
def test_an_edit_of_the_prose_is_named(tmp_path, check, chapter, old, new, words):
    assert names(check, edited(tmp_path, picture(), chapter, (old, new)), words)


def test_theorems_that_the_prose_forgets_are_named(tmp_path):
    listed = ", ".join(picture().texts["NUM-1"].links.theorems)
    seen = edited(tmp_path, picture(), 1, (f"Theorems: {listed}.", "Theorems: none: too plain."))
    assert names("theorems", seen, "01-numbers.md NUM-1: its theorems are A6")


def test_a_theorem_about_a_rule_that_does_not_exist():
    name, theorem = next(iter(picture().theorems.items()))
    changed = dataclasses.replace(theorem, rules=("MAR-77",))
    seen = replace(picture(), theorems={**picture().theorems, name: changed})
    assert names("theorems", seen, f"theorem {name} is about MAR-77, which is no rule")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason("policy", "POL-99"), "policy POL-99"),
        (Reason("policy", "MAR-9"), "policy MAR-9"),
        (Reason("guard", "POL-9"), "guard POL-9"),
        (Reason("theorem", "Z1-nothing"), "theorem Z1-nothing"),
    ],
)
def test_a_reason_that_names_nothing(reason, words):
    name = next(iter(picture().reasons))
    seen = replace(picture(), reasons={**picture().reasons, name: frozenset({reason})})
    assert names("reasons", seen, f"theorem {name} assumes something because of {words}")


def test_theorems_that_lean_on_each_other():
    first, second = list(picture().reasons)[:2]
    circle = {first: frozenset({Reason("theorem", second)}), second: frozenset({Reason("theorem", first)})}
    seen = replace(picture(), reasons={**picture().reasons, **circle})
    assert names("reasons", seen, f"theorem {first} rests on itself")


def test_a_contract_that_nobody_proves():
    name, contract = next(iter(picture().contracts.items()))
    changed = dataclasses.replace(contract, proved_by="Z1-nothing")
    seen = replace(picture(), contracts={**picture().contracts, name: changed})
    assert names("reasons", seen, f"contract {name} is proved by Z1-nothing, which is no theorem")


def test_the_reasons_of_a_theorem_are_found():
    found = {reason for reasons in picture().reasons.values() for reason in reasons}
    assert Reason("policy", "POL-9") in found
    assert any(reason.kind == "guard" for reason in found)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("half = total / 2", "divides with `/`"),
        ("half = total // 2", "divides with `//`"),
        ("half = total >> 1", "divides with `>>`"),
        ("rest = total % 2", "divides with `%`"),
        ("total //= 2", "divides with `//`"),
        ("rate = 0.5", "0.5 is not a whole number"),
        ("rate = float(total)", "`float` is not a whole number"),
        ("rate = Decimal(total)", "`Decimal` is not a whole number"),
        ("rate = round(total)", "`round` rounds without a direction"),
        ("root = total ** power", "raises to a power"),
        ("import math", "imports math"),
        ("from fractions import Fraction", "imports fractions"),
        ("import numpy as np", "imports numpy"),
    ],
)
def test_a_number_that_is_not_whole_or_a_division_without_a_direction(source, words):
    seen = replace(picture(), sources={**picture().sources, "margin.py": source})
    assert names("numbers", seen, words)


def test_numbers_may_divide():
    seen = replace(picture(), sources={"numbers.py": "half = total // 2"})
    assert CHECKS["numbers"](seen) == []


# ------------------------------------------------------------------------------------- what is generated


def test_a_stale_status_is_named(tmp_path):
    page = tmp_path / "STATUS.md"
    assert status.stale({page: "new"}) == [page]
    page.write_text("old", encoding="utf-8")
    assert status.stale({page: "new"}) == [page]
    page.write_text("new", encoding="utf-8")
    assert status.stale({page: "new"}) == []


def test_theorems_are_written_into_the_links_line(tmp_path):
    listed = ", ".join(picture().texts["NUM-1"].links.theorems)
    seen = edited(tmp_path, picture(), 1, (f"Theorems: {listed}.", "Theorems: none: we forgot. And more."))
    path = tmp_path / "01-numbers.md"
    assert "we forgot" not in status.with_theorems(path, seen)
    path.write_text(status.with_theorems(path, seen), encoding="utf-8")
    (again,) = (text for text in read_chapter(path).rules if text.identifier == "NUM-1")
    assert "A6" in again.links.theorems
    assert again.statement == picture().texts["NUM-1"].statement


def test_an_index_has_its_markers():
    with pytest.raises(ValueError, match="has no lines"):
        status.with_index("no markers here", picture())
