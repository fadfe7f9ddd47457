"""One step compared: what the law did, what an engine answered, and which one rule a difference names.

- Refused by the law: the rule by which it refuses, whether the engine accepts or refuses otherwise.
- Refused by the engine alone: the rule that it gives, if it claims it; else that of the law's last posting.
- Postings: at the first place where they differ, the rule of the law's posting if the engine has left it out,
  of the engine's if it has put it in; else of the one that is of the earlier stage, for there one side goes
  on where the other has ended; of one stage, that of the law.
- A query about what postings change (wallet, position, fund, fee pool, bad debt): the rule of the posting to
  that place in the event just asked. If one that is missing, or is there twice, explains the engine's amount,
  it is that one; else the last. If the law refused the event, the rule that did. What is realised where the
  law sets the price is due to the rule of the exchange.
- The largest amount to be withdrawn or ordered, where the engine allows more: the rule that refuses more.
- Any other query: the rule in the table of spec/protocol.md, section 3.
- The digest alone: EVT-5.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from marginspec.conform.engine import ACCEPTED, REFUSED, Document
from marginspec.explain import LAW
from refmodel.outcome import Outcome, Refusal
from refmodel.postings import BAD_DEBT, FEE_POOL, FUND, LOTS, WALLET, ClockSet, Posting
from refmodel.rulebook import RULES
from refmodel.stages import FILL, STAGES_IN_ORDER

assert LAW, "these modules register the rules"

RULE_OF_WORD: Mapping[str, str] = {
    "wallet": "EVT-4",
    "position": "TRD-6",
    "equity": "ACC-2",
    "margin_maintenance": "MAR-7",
    "margin_initial": "MAR-8",
    "status": "MAR-11",
    "price_liquidation": "MAR-14",
    "price_bankruptcy": "CLO-5",
    "withdrawable": "WDR-3",
    "order_max": "ORD-1",
    "ranking": "ADL-2",
    "fund": "FND-1",
    "bad_debt": "FND-1",
    "fee_pool": "FEE-2",
}
"""The rule of each word that may be asked, in the order in which differences are looked for. A wallet has
none in the protocol: where no event was asked, the engine has not read the document of the venue (EVT-4)."""
PLACE_OF_WORD: Mapping[str, str] = {
    "wallet": WALLET,
    "position": LOTS,
    "fund": FUND,
    "bad_debt": BAD_DEBT,
    "fee_pool": FEE_POOL,
}
"""What postings change, by the word that asks for it: where one of these differs, the venues differ."""
FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "status": ("equity", "margin_maintenance", "margin_initial"),
    "price_liquidation": ("equity", "margin_maintenance"),
    "price_bankruptcy": ("equity",),
    "withdrawable": ("equity", "margin_initial"),
    "order_max": ("equity", "margin_initial"),
}
"""What a word is worked out from: where one of these differs, it is not judged."""
RULE_OF_REALISED = "TRD-6"
RULE_OF_TIME = "EVT-1"
RULE_OF_DIGEST = "EVT-5"

Claims = Callable[[str], bool]
"""Whether the engine claims a rule."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What the law and an engine do not agree on.

    rule      the one that is named
    what      `outcome`, `posting 3`, `digest`, or the word that was asked
    law       what the law says, for people
    engine    what the engine says, for people
    question  that was asked; None for an answer to `apply` or `load`
    """

    rule: str
    what: str
    law: str
    engine: str
    question: Document | None = None


# ------------------------------------------------------------------------------------- outcomes


def rules_of(outcome: Outcome) -> tuple[str, ...]:
    """The rules that decided an event: that which refused it, or those that posted, the clock aside."""
    if outcome.refusal is not None:
        return (outcome.refusal.rule,)
    posted = dict.fromkeys(entry.rule for entry in outcome.postings if not isinstance(entry, ClockSet))
    return tuple(posted) or (RULE_OF_TIME,)


def outcome_differs(law: Outcome, answer: Document, claims: Claims) -> Difference | None:
    """Whether an answer to `apply`, accepted or refused, is another one than the law's."""
    refusal = law.refusal
    if refusal is None:
        if answer["outcome"] == ACCEPTED:
            return None
        given = answer.get("rule", "")
        rule = given if given in RULES and claims(given) else rules_of(law)[-1]
        return Difference(rule, "outcome", "accepted", answer_in_words(answer))
    if answer["outcome"] == REFUSED and refuses_alike(refusal.rule, refusal.reason, answer):
        return None
    return Difference(refusal.rule, "outcome", refusal_in_words(refusal), answer_in_words(answer))


def refuses_alike(rule: str, reason: str, answer: Document) -> bool:
    """Whether a refusal is the expected one; an engine that does not know the rule gives neither."""
    if "rule" not in answer:
        return True
    return bool(answer["rule"] == rule and answer.get("reason", reason) == reason)


def postings_differ(
    ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]], claims: Claims
) -> Difference | None:
    """The first posting that differs, both in the form of spec/logs.md."""
    for place, (law, engine) in enumerate(zip_longest(ours, theirs)):
        if law is not None and engine is not None and whole_row(law) == whole_row(engine):
            continue
        rule = rule_of_row(row_to_blame(ours[place:], theirs[place:]))
        if rule not in RULES or not claims(rule):
            rule = rule_of_row(ours[-1] if law is None else law)
        if rule not in RULES or not claims(rule):
            rule = rule_of_row(ours[-1])
        return Difference(rule, f"posting {place + 1}", row_in_words(law), row_in_words(engine))
    return None


def row_to_blame(ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> Sequence[str]:
    """Of the postings from the first place on where they differ, the one that should not be so.

    ours, theirs  not both empty
    """
    if not ours or not theirs:
        return (ours or theirs)[0]
    law, engine = ours[0], theirs[0]
    is_left_out = whole_row(engine) in map(whole_row, ours)
    is_put_in = whole_row(law) in map(whole_row, theirs)
    if is_left_out or not (is_put_in or stage_of_row(engine) < stage_of_row(law)):
        return law
    return engine


def stage_of_row(row: Sequence[str]) -> int:
    """The place of a posting's stage in the order in which an event goes through them; -1 without one."""
    stage = (*row[0].split(), "", "", "")[2]
    return STAGES_IN_ORDER.index(stage) if stage in STAGES_IN_ORDER else -1


def whole_row(row: Sequence[str]) -> tuple[str, ...]:
    """A posting with its second amount, which may be left out if it is 0."""
    return (*row, "0")[:5]


def rule_of_row(row: Sequence[str]) -> str:
    """The rule that stands in the words of a posting; empty if none does."""
    words = row[0].split()
    return words[1] if len(words) > 1 else ""


# ------------------------------------------------------------------------------------- queries


def words_that_differ(
    question: Document,
    ours: Document,
    theirs: Document,
    tolerance: Mapping[str, int],
) -> Iterator[tuple[str, bool]]:
    """Each word of a question that both sides have answered, and whether their answers differ.

    ours  may lack words that the engine does not support
    Words are given in the order of RULE_OF_WORD. Nothing follows after a word that shows that the venues
    differ; a word that is worked out from one that differs is left out.
    """
    differing: set[str] = set()
    for word in RULE_OF_WORD:
        if word not in question["what"] or word not in ours or differing.intersection(FOLLOWS.get(word, ())):
            continue
        differs = not agrees(ours[word], theirs[word], tolerance.get(word, 0))
        yield word, differs
        if differs and word in PLACE_OF_WORD:
            return
        if differs:
            differing.add(word)


def agrees(ours: Any, theirs: Any, tolerance: int) -> bool:
    """Whether two answers are the same, or two amounts no further apart than the engine says they may be."""
    if ours == theirs:
        return True
    if not tolerance or not (isinstance(ours, str) and isinstance(theirs, str)):
        return False
    return abs(int(ours) - int(theirs)) <= tolerance


def may_be_asked(word: str, last: Outcome | None, claims: Claims) -> bool:
    """Whether an answer to a word could be judged: by a rule that the engine claims.

    last  the outcome of the event that the engine was just asked for; None if it was only loaded
    """
    return claims(RULE_OF_WORD[word]) or (word in PLACE_OF_WORD and last is not None)


def rule_of_word(
    word: str, question: Document, ours: Any, theirs: Any, last: Outcome | None, claims: Claims
) -> str:
    """The rule that a differing answer to a query names; arguments as in `may_be_asked`."""
    rule = RULE_OF_WORD[word]
    if word not in PLACE_OF_WORD or last is None:
        return rule
    if last.refusal is not None:
        return last.refusal.rule
    holder = question["pool"] if "pool" in question else question["account"]
    posted = [
        entry
        for entry in last.postings
        if isinstance(entry, Posting)
        and (entry.place.kind, entry.place.holder) == (PLACE_OF_WORD[word], holder)
        and (word != "position" or entry.place.market == question["market"])
    ]
    off = abs(int(ours) - int(theirs))
    explained = [entry for entry in posted if abs(entry.amount) == off]
    if posted:
        return rule_of_posting((explained or posted)[-1], last)
    return rule if claims(rule) else rules_of(last)[-1]


def rule_of_posting(entry: Posting, outcome: Outcome) -> str:
    """The rule to which a posting is due: what is realised where the law itself sets the price is due to that
    of the exchange; in trades and fills, whose price stands in the event, to TRD-6 as the posting says."""
    if entry.rule == RULE_OF_REALISED and entry.stage not in ("", FILL):
        for other in outcome.postings:
            if not isinstance(other, Posting) or other.place.kind != LOTS:
                continue
            if (other.stage, other.place.holder) == (entry.stage, entry.place.holder):
                return other.rule
    return entry.rule


# ------------------------------------------------------------------------------------- words


def refusal_in_words(refusal: Refusal) -> str:
    """A refusal of the law with the numbers that decided."""
    numbers = (
        f"{name}={value:_}" if isinstance(value, int) else f"{name}={value}"
        for name, value in refusal.numbers.items()
    )
    return " ".join(("refused", refusal.rule, refusal.reason, *numbers))


def answer_in_words(answer: Document) -> str:
    """An answer to `load` or `apply` in a line."""
    return " ".join(str(answer[key]) for key in ("outcome", "rule", "reason") if answer.get(key))


def row_in_words(row: Sequence[str] | None) -> str:
    """A posting in a line: `FEE-2 wallet a1 -60`."""
    if row is None:
        return "no posting"
    kind, rule, stage = (*row[0].split(), "", "", "")[:3]
    return " ".join(word for word in (rule, kind, *row[1:3], *map(amount_in_words, row[3:]), stage) if word)


def amount_in_words(text: str) -> str:
    """A whole number with its digits in groups; anything else as it is."""
    digits = text.removeprefix("-")
    return f"{int(text):_}" if digits.isdecimal() and digits.isascii() and len(digits) < 4_000 else text


def value_in_words(value: Any) -> str:
    """An answer to a query in a line."""
    if isinstance(value, str):
        return amount_in_words(value)
    if value is None:
        return "none"
    return ", ".join(map(str, value)) or "nobody"
