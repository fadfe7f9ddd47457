"""The incidents. Goal: every story is what the law does: refusals, stages, amounts. Method: the tables of
each page are run like those of the chapters, and each is compared with its committed trace, which is
replayed.
"""

import json
import os
import re

import pytest

from marginspec.documents import read_trace, trace_document, write_json
from marginspec.ledger import transfers
from marginspec.paths import SPEC
from marginspec.prose.chapters import (
    ChapterError,
    Settings,
    Table,
    blocks_of,
    last_of,
    read_table,
    settings_of,
    text_of,
)
from marginspec.prose.notation import plain
from marginspec.prose.policy_tables import policy_of
from marginspec.prose.scenarios import check_postings, check_scenario
from marginspec.replay import run_trace
from marginspec.story import parse_event
from refmodel.canonical import digest
from refmodel.postings import BAD_DEBT, CUSTODY, FUND, WALLET
from refmodel.state import BACKSTOP, equity, genesis
from refmodel.venue import apply

FOLDER = SPEC / "incidents"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


def tables_of(path):
    """The tables of a page, each under the policy or the event that the line before it names."""

    def wrong(line, sentence):
        return ChapterError(path, line, sentence)

    lines = path.read_text(encoding="utf-8").splitlines()
    tables, sentence = [], ""
    for kind, line, block in blocks_of(lines, 1):
        if kind != "table":
            sentence = text_of(block)
            continue
        last = last_of(sentence, tables, wrong, line)
        settings = Settings() if last else settings_of(sentence, wrong, line)
        read = read_table(path, "", line, settings, block)
        tables.append(Table(read.path, "", line, settings, read.headings, read.rows, last))
    return tables


def scenarios_of(path):
    return [table for table in tables_of(path) if table.last is None]


def trace_path(path, number):
    return path.with_name(f"{path.stem}{'' if number == 1 else f'-{number}'}.json")


SCENARIOS = [
    pytest.param(path, number, table, id=trace_path(path, number).stem)
    for path in PAGES
    for number, table in enumerate(scenarios_of(path), start=1)
]


def outcomes_of(table):
    venue, events, outcomes = genesis(policy_of(table.settings)), [], []
    for row in table.rows:
        events.append(parse_event(plain(row.cells[0]), venue.clock))
        outcomes.append(apply(venue, events[-1]))
        venue = outcomes[-1].venue
    return events, outcomes


def document_of(path, number, table):
    """The trace that a scenario stands for: a shipped policy by its name, a changed one as it is."""
    events, outcomes = outcomes_of(table)
    settings = table.settings
    title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    return trace_document(
        policy_of(settings) if settings.changes else settings.policy,
        events,
        found=f"Incident {title}; table {number}.",
        expect=[outcome.refusal for outcome in outcomes],
        digest=digest(outcomes[-1].venue),
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_table_of_a_page_is_what_the_law_says(path):
    found: list[str] = []
    for table in tables_of(path):
        check = check_scenario if table.last is None else check_postings
        check(table, found)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("path", "number", "table"), SCENARIOS)
def test_trace_is_that_of_the_page(path, number, table):
    document = document_of(path, number, table)
    trace = trace_path(path, number)
    if os.environ.get("MARGINSPEC_UPDATE_SNAPSHOTS"):
        write_json(trace, document)
    assert json.loads(trace.read_text(encoding="utf-8")) == document


@pytest.mark.parametrize(("path", "number", "table"), SCENARIOS)
def test_trace_replays_and_breaks_no_claim(path, number, table):
    replayed = run_trace(read_trace(trace_path(path, number)))
    assert replayed.differences == ()


def test_no_trace_is_left_over():
    expected = {trace_path(*parameters.values[:2]).name for parameters in SCENARIOS}
    assert {path.name for path in FOLDER.glob("*.json")} == expected


def test_readme_names_every_page_and_what_waits():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d\d-[a-z-]+\.md)\)", readme) == [path.name for path in PAGES]
    assert [int(path.name[:2]) for path in PAGES] == [1, 2, 3, 6, 7, 8, 9, 10]


REACHED = {
    "01-frozen-whale": {"LIM-1"},
    "01-frozen-whale-2": {"TRD-7"},
    "01-frozen-whale-3": {"holders", "adl"},
    "02-withdraw-to-the-edge": {"WDR-2", "WDR-3"},
    "02-withdraw-to-the-edge-2": {"WDR-3", "TKO-1", "takeover"},
    "03-squeeze-the-backstop": {"TKO-3", "adl"},
    "03-squeeze-the-backstop-2": {"backstop", "adl"},
    "03-squeeze-the-backstop-3": {"takeover"},
    "06-twin-pump": {"WDR-2", "adl"},
    "07-two-keypairs": {"WDR-2", "holders", "adl"},
    "07-two-keypairs-2": {"holders", "adl"},
    "08-tear-up-of-a-vault": {"takeover", "adl"},
    "09-unrealised-winners-first": {"WDR-2", "adl"},
    "10-hanmag": {"TRD-4", "TRD-7", "ORD-1"},
}
"""The refusals and stages that each story is about."""


@pytest.mark.parametrize(("path", "number", "table"), SCENARIOS)
def test_story_reaches_the_refusals_and_stages_it_is_about(path, number, table):
    reached = set()
    for outcome in outcomes_of(table)[1]:
        if outcome.refusal is not None:
            reached.add(outcome.refusal.rule)
        reached |= {transfer.stage for transfer in transfers(outcome.postings) if transfer.stage}
    assert reached >= REACHED[trace_path(path, number).stem]


def what_is_left(venue, names):
    return sum(equity(venue, venue.accounts[name]) for name in names)


def paid_out(outcomes, names):
    """What custody paid these accounts, less what they paid in."""
    return sum(
        transfer.amount * (1 if transfer.payee.kind == CUSTODY else -1)
        for outcome in outcomes
        for transfer in transfers(outcome.postings)
        for place in (transfer.payer, transfer.payee)
        if CUSTODY in (transfer.payer.kind, transfer.payee.kind)
        and place.kind == WALLET
        and place.holder in names
    )


GANGS = {
    "03-squeeze-the-backstop": ("short", "long1", "long2"),
    "03-squeeze-the-backstop-2": ("short", "long1", "long2"),
    "06-twin-pump": ("long", "short"),
    "07-two-keypairs": ("a1", "b1"),
    "07-two-keypairs-2": ("a1", "b1"),
}
"""Accounts of one actor that hold both sides of a market alone."""


@pytest.mark.parametrize("name", GANGS)
def test_coalition_gains_at_most_what_fund_and_backstop_have_lost(name):
    _, _, table = next(each.values for each in SCENARIOS if each.id == name)
    outcomes = outcomes_of(table)[1]
    venue = outcomes[-1].venue
    gained = what_is_left(venue, GANGS[name]) + paid_out(outcomes, GANGS[name])
    drawn = sum(
        transfer.amount
        for outcome in outcomes
        for transfer in transfers(outcome.postings)
        if transfer.payer.kind == FUND
    )
    house = [account for account in venue.accounts if account.startswith(BACKSTOP)]
    lost = -(what_is_left(venue, house) + paid_out(outcomes, house))
    assert gained <= drawn + lost
    assert {"03-squeeze-the-backstop": 0, "07-two-keypairs": 60, "07-two-keypairs-2": 30}.get(
        name, gained
    ) == gained


def test_nobody_of_another_contract_pays_for_the_whale():
    table = scenarios_of(FOLDER / "01-frozen-whale.md")[2]
    last = outcomes_of(table)[1][-1]
    payers = {transfer.payer.holder for transfer in transfers(last.postings)}
    assert payers == {"whale", "m1", "m2", "cross"}
    assert not any(transfer.payer.kind == BAD_DEBT for transfer in transfers(last.postings))


def test_holders_of_a_torn_up_vault_forgo_its_deficit_and_nothing_else():
    table = scenarios_of(FOLDER / "08-tear-up-of-a-vault.md")[0]
    venues = [outcome.venue for outcome in outcomes_of(table)[1]]
    before, after = venues[-2], venues[-1]
    marks = after.marks
    held = before.accounts["backstop:cross"]
    deficit = -held.wallet - sum(
        position.size * marks[market] * before.policy.markets[market].multiplier - position.cost
        for market, position in held.positions.items()
    )
    at_new_marks = type(before)(before.policy, 0, marks, before.accounts, before.pools, before.custody)
    holders = ("h1", "h2", "hedge")
    forgone = {name: what_is_left(at_new_marks, [name]) - what_is_left(after, [name]) for name in holders}
    assert deficit > 0
    assert sum(forgone.values()) == deficit
    assert min(forgone.values()) > 0
