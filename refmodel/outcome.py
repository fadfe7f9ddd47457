"""Outcomes (chapter 12): what `apply` answers to an event.

An event is accepted, with the postings it caused, or refused by the first rule that applies, with
the numbers that decided it; a refused event changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from refmodel.postings import Postings, post
from refmodel.state import Venue


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event was not admitted.

    rule     identifier of the rule that refused it
    reason   the fact that decided, in words
    numbers  the amounts that were compared, and the names they belong to
    """

    rule: str
    reason: str
    numbers: Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The venue after an event, the postings that led there, and the refusal if there was one."""

    venue: Venue
    postings: Postings
    refusal: Refusal | None


def refuse(venue: Venue, rule: str, reason: str, **numbers: int | str) -> Outcome:
    """The outcome of an event that this rule does not admit: the venue as it was."""
    return Outcome(venue, (), Refusal(rule, reason, numbers))


def accept(venue: Venue, postings: Postings) -> Outcome:
    """The outcome of an event that every rule admits."""
    return Outcome(post(venue, postings), postings, None)
