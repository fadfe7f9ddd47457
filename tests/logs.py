"""Logs for the tests of the audit: drawn histories, and one line of a log changed."""

import json
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from marginspec.audit.auditor import Audited, Auditor
from marginspec.audit.command import open_log
from marginspec.audit.errors import LogError
from marginspec.audit.header import policy_of
from marginspec.audit.writing import write_log
from marginspec.evidence import Evidence
from marginspec.policy_file import read_policy
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_events import draw_event
from marginspec.search.scene import draw_scene, narrowed
from refmodel.canonical import digest
from refmodel.events import Event
from refmodel.policy import Policy
from refmodel.state import genesis
from refmodel.venue import apply

IDENTITY = {"test": "audit"}
EVENTS = 700
FORMS = ("log.jsonl", "log.jsonl.gz", "log.parquet")


def drawn_history(count: int, seed: str, policy: str = "binance-usdm") -> tuple[Policy, list[Event]]:
    """A policy of a few markets and so many events that are drawn on it."""
    choices = SeededChoices(seed)
    narrow = narrowed(choices, read_policy(policy))
    scene = draw_scene(choices, narrow)
    venue = genesis(narrow)
    events: list[Event] = []
    while len(events) < count:
        event = draw_event(choices, venue, scene)
        events.append(event)
        venue = apply(venue, event).venue
    return narrow, events


def audited(
    path: Path, against: str = "engine", evidence: Evidence | None = None, every: float = 3600.0
) -> Audited:
    """A log, audited."""
    reader = open_log(str(path))
    policy = policy_of(reader.header, None, str(path))
    return Auditor(reader, policy, against, evidence, every).run(lambda *_: None)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a log, without their checksums."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "crc"} for line in found]


def write_lines(path: Path, lines: Iterable[dict[str, Any]], *, sealed: bool = True) -> Path:
    """Lines as a log, with fresh checksums."""
    written = []
    for line in lines:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        written.append(f'{text[:-1]},"crc":"{zlib.crc32(text[:-1].encode()):08x}"}}' if sealed else text)
    path.write_text("".join(f"{line}\n" for line in written))
    return path


def changed(source: Path, target: Path, number: int, change: Callable[[dict[str, Any]], object]) -> Path:
    """A log with one line changed. number: of the line, from 1."""
    lines = lines_of(source)
    change(lines[number - 1])
    return write_lines(target, lines)


@cache
def played_history() -> tuple[Policy, list[Event], str]:
    """A policy, events under it, and the digest that the law has at their end."""
    policy, events = drawn_history(EVENTS, "audit")
    venue = genesis(policy)
    for event in events:
        venue = apply(venue, event).venue
    return policy, events, digest(venue)


def write_logs(folder: Path) -> Path:
    """A folder with the log of that history in every form, written by the engine."""
    policy, events, _ = played_history()
    for name in FORMS:
        assert write_log(folder / name, policy, events, checkpoint_every=200) == EVENTS
    return folder


def first_line(log: Path, wanted: Callable[[dict[str, Any]], object]) -> int:
    """The number of the first line like this."""
    return next(number for number, line in enumerate(lines_of(log), start=1) if wanted(line))


def refusal(path: Path, **options: Any) -> LogError:
    """Why an audit of this file does not begin, or where it stops."""
    try:
        found = audited(path, **options)
    except LogError as error:
        return error
    assert found.stopped is not None
    return found.stopped
