"""Drawn questions: venues that short histories led to, and what is asked of each next."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from marginspec.policy_file import read_policy
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_events import draw_event
from marginspec.search.draw_policy import draw_policy
from marginspec.search.scene import draw_scene, draw_start
from refmodel.canonical import canonical_text, event_document, policy_digest, policy_document, venue_document
from refmodel.events import Event
from refmodel.policy import Policy
from refmodel.state import Venue, genesis
from refmodel.venue import apply

EVENTS = 45
"""Of one history."""
MINIMAL = "minimal"


@dataclass(frozen=True, slots=True)
class Asked:
    """An event, and the venue of which it is asked.

    key  of the venue's policy, as in policy_key
    """

    venue: Venue
    event: Event
    key: str


@cache
def minimal() -> Policy:
    """The policy that fits on a screen."""
    return read_policy(MINIMAL)


def drawn_events(seed: int, histories: int) -> Iterator[Asked]:
    """The events of so many histories, every second one under `minimal`, the others under drawn policies."""
    for history in range(histories):
        choices = SeededChoices(f"vectors {seed}:{history}")
        policy = minimal() if history % 2 == 0 else draw_policy(choices)
        key = policy_key(policy)
        scene = draw_scene(choices, policy)
        venue = draw_start(choices, scene) or genesis(scene.policy)
        for _ in range(EVENTS):
            event = draw_event(choices, venue, scene)
            yield Asked(venue, event, key)
            venue = apply(venue, event).venue


def as_text(document: Any) -> Any:
    """A document as it stands in a file: every whole number in decimal, as a string."""
    return json.loads(canonical_text(document))


def policy_key(policy: Policy) -> str:
    """Under which name a policy stands in a file of vectors: `minimal`, or by what it chooses."""
    mark = policy_digest(policy)
    return MINIMAL if mark == policy_digest(minimal()) else f"drawn-{mark.split(':')[1][:8]}"


def policy_text(policy: Policy) -> Any:
    """The document of a policy as it stands in a file of vectors."""
    return as_text({**policy_document(policy), "name": policy_key(policy)})


def venue_text(venue: Venue) -> Any:
    """The document of a venue as it stands in a file of vectors."""
    return as_text(venue_document(venue))


def event_text(event: Event) -> Any:
    """The document of an event as it stands in a file of vectors."""
    return as_text(event_document(event))


def cost(asked: Asked) -> int:
    """How much a reader has to take in: what the venue holds, and more under another policy than minimal."""
    venue = asked.venue
    held = sum(
        80 + 30 * (len(account.positions) + len(account.orders)) + len(str(account.wallet))
        for account in venue.accounts.values()
    )
    own = 0 if asked.key == MINIMAL else 200 + 300 * len(venue.policy.markets)
    return held + 60 * len(venue.pools) + 20 * len(venue.marks) + len(str(venue.custody)) + own


def mark_of(given: Any) -> str:
    """A few characters that tell one question from every other."""
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:8]
