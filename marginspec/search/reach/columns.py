"""What is said of each rule in the end: reached, not reached or not applicable, in two columns."""

from dataclasses import dataclass

from marginspec.search.reach.entries import ENTRIES
from marginspec.search.reach.ladders import Tally
from refmodel.policy import Policy
from refmodel.rulebook import RULES

REACHED = "reached"
NOT_REACHED = "not reached"
NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Column:
    """What one column says of a rule.

    verdict  REACHED, NOT_REACHED or NOT_APPLICABLE
    counts   how often each class was seen
    missing  the classes that were possible and not seen
    why_not  why the rule is not applicable
    """

    verdict: str
    counts: tuple[tuple[str, int], ...]
    missing: tuple[str, ...] = ()
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """A rule in both columns: the policy given, and drawn policies."""

    rule: str
    given: Column
    drawn: Column

    @property
    def reached(self) -> bool:
        """Whether the rule was seen to decide both ways somewhere."""
        return REACHED in (self.given.verdict, self.drawn.verdict)


def column(rule: str, tally: Tally, policy: Policy | None) -> Column:
    """A rule's column.

    policy  the one policy it is about, or None for drawn policies, which can do everything
    """
    entry = ENTRIES[rule]
    counts = tuple((name, tally[rule, name]) for name in entry.classes)
    possible = entry.classes
    if policy is not None and entry.possible is not None:
        possible = tuple(name for name in entry.classes if entry.possible(policy, name))
    elif policy is not None:
        possible = tuple(name for name, count in counts if count > 0)
    if len(possible) < 2:
        return Column(NOT_APPLICABLE, counts, why_not=entry.why_not)
    missing = tuple(name for name in possible if tally[rule, name] == 0)
    return Column(NOT_REACHED if missing else REACHED, counts, missing)


def reach_of_rules(given: Tally, drawn: Tally, policy: Policy | None) -> tuple[Reach, ...]:
    """Every rule of the law, in the order in which it is written down.

    policy  the one given, or None if all were drawn
    """
    return tuple(
        Reach(rule, given_column(rule, given, policy), column(rule, drawn, None)) for rule in sorted_rules()
    )


def given_column(rule: str, given: Tally, policy: Policy | None) -> Column:
    """The column of the policy given; where none was, no rule is applicable to it."""
    return (
        Column(NOT_APPLICABLE, (), why_not="no policy given")
        if policy is None
        else column(rule, given, policy)
    )


def sorted_rules() -> list[str]:
    """Every rule, by chapter and number."""
    chapters = list(dict.fromkeys(rule.partition("-")[0] for rule in RULES))

    def place(rule: str) -> tuple[int, int]:
        chapter, _, number = rule.partition("-")
        return chapters.index(chapter), int(number)

    return sorted(RULES, key=place)
