"""Scenarios: events applied one after the other from the genesis of a policy, with the state after each."""

import re

from marginspec.ledger import transfers
from marginspec.prose.chapters import Table
from marginspec.prose.notation import WHOLE_NUMBER, ExampleError, plain, written, written_place
from marginspec.prose.policy_tables import policy_of
from marginspec.prose.states import STATE_UNITS, state_of, state_word
from marginspec.prose.tables import REMARK, difference
from marginspec.story import ParseError, format_outcome, parse_event
from refmodel import validity
from refmodel.outcome import Outcome, accept
from refmodel.postings import OUTSIDE, bad_debt_of, move
from refmodel.state import Venue, genesis
from refmodel.venue import apply

POSTINGS = ["stage", "rule", "from", "to", "amount"]
"""The columns of a table of postings: a transfer of the ledger."""


def check_scenario(table: Table, found: list[str]) -> None:
    """Events one after the other, and the state after each."""
    for heading in table.headings[2:]:
        unit = STATE_UNITS.get(state_word(heading.name), "")
        if heading.unit and heading.unit != unit:
            raise ExampleError(f"the unit of `{heading.name}` is {unit or 'none'}, not `{heading.unit}`")
    policy = policy_of(table.settings)
    broken = "; ".join(f"{fault.rule} {fault.key} is {fault.value}" for fault in validity.faults(policy))
    if broken:
        raise ExampleError(f"runs under a policy that is not valid: {broken}")
    venue = genesis(policy)
    for row in table.rows:
        try:
            outcome = _happen(venue, plain(row.cells[0]))
        except (ParseError, ExampleError) as error:
            raise ExampleError(f"line {row.line}: {error}") from None
        venue = outcome.venue
        law, chapter = format_outcome(outcome), plain(row.cells[1])
        if not _same_outcome(outcome, chapter):
            found.append(difference(table, row, "outcome", law, chapter))
        for heading, cell in list(zip(table.headings, row.cells, strict=True))[2:]:
            if heading.name == REMARK:
                continue
            value = written(state_of(venue, heading.name))
            if cell and not _same_text(value, plain(cell)):
                found.append(difference(table, row, heading.name, value, plain(cell)))
    for position, heading in enumerate(table.headings):
        if not any(row.cells[position] for row in table.rows):
            raise ExampleError(f"nothing stands under {heading.name}")


def check_postings(table: Table, found: list[str]) -> None:
    """What the last event of the scenario above has posted: one transfer a row."""
    names = [heading.name for heading in table.headings if heading.name != REMARK]
    if table.last is None or names != POSTINGS:
        form = f"`The last event posts:` and has the columns {' | '.join(POSTINGS)}"
        raise ExampleError(f"a table of postings stands under {form}")
    law = [
        transfer
        for transfer in transfers(_last_outcome(table.last.scenario).postings)
        if not table.last.stages or transfer.stage in table.last.stages
    ]
    for row, transfer in zip(table.rows, law, strict=False):
        values = (
            transfer.stage,
            transfer.rule,
            written_place(transfer.payer),
            written_place(transfer.payee),
            written(transfer.amount),
        )
        cells = [
            plain(cell)
            for heading, cell in zip(table.headings, row.cells, strict=True)
            if heading.name != REMARK
        ]
        for name, value, cell in zip(POSTINGS, values, cells, strict=True):
            if not _same_text(value, cell):
                found.append(difference(table, row, name, value or "empty", cell or "empty"))
    if len(law) != len(table.rows):
        raise ExampleError(f"the last event makes {len(law)} transfers, the table has {len(table.rows)}")


def _last_outcome(scenario: Table) -> Outcome:
    """The outcome of the last event of a scenario."""
    outcome = Outcome(genesis(policy_of(scenario.settings)), (), None)
    for row in scenario.rows:
        try:
            outcome = _happen(outcome.venue, plain(row.cells[0]))
        except ParseError as error:
            raise ExampleError(f"line {row.line}: {error}") from None
    return outcome


def _happen(venue: Venue, text: str) -> Outcome:
    """What one line of a scenario leads to.

    text  an event of story.py; or `genesis`, which shows the venue before its first event; or
          `bad_debt cross 500`, which sets up a bad debt that an earlier default has left behind: that
          much is gone from custody
    """
    words = text.split()
    if words == ["genesis"]:
        return Outcome(venue, (), None)
    if words[:1] == ["bad_debt"]:
        if len(words) != 3 or words[1] not in venue.pools or not WHOLE_NUMBER.match(words[2]):
            raise ExampleError(f"a bad debt is set up by `bad_debt cross 500`: {text}")
        amount = int(words[2])
        if not 0 < amount <= venue.custody:
            raise ExampleError(f"bad debt of {amount:_} is gone from custody, which holds {venue.custody:_}")
        return accept(venue, move("FND-1", bad_debt_of(words[1]), OUTSIDE, amount))
    return apply(venue, parse_event(text, venue.clock))


def _same_outcome(outcome: Outcome, chapter: str) -> bool:
    """Whether an outcome is the one a cell says: each number in the cell is one of the refusal's."""
    words = chapter.split()
    if outcome.refusal is None or words == ["accepted"]:
        return outcome.refusal is None and words == ["accepted"]
    law = format_outcome(outcome).split()
    if words[:2] != law[:2]:
        return False
    return all(any(_same_text(said, known) for known in law[2:]) for said in words[2:])


def _same_text(one: str, other: str) -> bool:
    """Whether two texts are equal, however their digits are grouped."""
    return _ungrouped(one) == _ungrouped(other)


def _ungrouped(text: str) -> str:
    return re.sub(r"(?<=[0-9])_(?=[0-9])", "", " ".join(text.split()))
