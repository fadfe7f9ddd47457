"""Lock step. Goal: the engine answers as the law does; where it does not, the campaign tells a short story.
Method: small runs; engines with one planted fault each, all of which must be found, shrunk and named.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import marginspec.screen
import marginspec.search.lockstep_command
from fastpath import domain
from fastpath.engine import ENTRY_KINDS, DomainError, Engine, Refusal, Result
from marginspec.cli import main
from marginspec.documents import Trace, read_trace, venue_from_document
from marginspec.errors import InputError
from marginspec.search.campaign import EVENTS_PER_HISTORY, HISTORIES_PER_CHUNK
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_crowd import draw_crowd, draw_wide
from marginspec.search.draw_policy import draw_policy
from marginspec.search.lockstep import LockstepReport, Shrunk, differs, run_lockstep
from marginspec.search.lockstep_command import facts_of, found_in_words, lockstep, lockstep_trace
from marginspec.search.lockstep_history import Plan, play_history, strained
from marginspec.search.scene import draw_scene
from marginspec.search.side_by_side import is_beyond
from refmodel.canonical import venue_document
from refmodel.events import Deposit, Event, Funding, Order, Prices, Trade, Withdraw
from refmodel.postings import books_gap, lots_gap
from refmodel.rulebook import RULES
from refmodel.state import genesis
from refmodel.validity import faults
from refmodel.venue import apply
from tests.campaign_support import MINIMAL

FEE_POOL_ENTRY = ENTRY_KINDS.index("fee_pool")


def run(events: int, folder: Path, **named: Any) -> LockstepReport:
    """A run in this process that tells nobody."""
    return run_lockstep(named.pop("policy", None), events, 1, named.pop("seed", 1), runs=folder, **named)


# ------------------------------------------------------------------------------------- law and engine


@pytest.fixture(scope="module")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> LockstepReport:
    """A run of the engine itself, half of it on the policy `minimal`."""
    folder = tmp_path_factory.mktemp("agreed")
    report = run(24_000, folder, policy=MINIMAL)
    assert not list(folder.iterdir())
    return report


def test_law_and_engine_agree_and_nearly_every_rule_is_reached(agreed: LockstepReport) -> None:
    assert agreed.shrunk == () and agreed.diverged == agreed.broken == 0
    assert agreed.total("events") == 24_000 == agreed.played and agreed.total("histories") == 120
    assert {one.rule for one in agreed.reach} == set(RULES)
    assert len(agreed.not_reached) * 10 <= len(RULES), "6 000 events are observed; 50 000 reach every rule"
    assert agreed.stages_not_entered == () and len(agreed.reasons_not_met) <= 2


def test_everything_is_compared(agreed: LockstepReport) -> None:
    compared = agreed.by("compared")
    assert agreed.total("refused") == compared["refusals"] == 24_000 - agreed.total("accepted")
    assert compared["batches"] + agreed.total("venues outside") == agreed.total("venues") >= 120
    assert compared["digests"] >= 120 * 4 and compared["accounts"] > 12_000
    assert compared["postings"] > agreed.total("posted") > agreed.total("accepted")
    assert agreed.total("crowded") > 0 and agreed.total("strained") > 0


def test_events_that_are_declined_are_apart_and_few(agreed: LockstepReport) -> None:
    assert {"lots", "price"} <= set(agreed.by("declined"))
    assert 0 < agreed.total("declined") < 1_000
    assert agreed.total("pushed") > 24


@pytest.mark.parametrize(
    ("event", "beyond"),
    [
        (Deposit(0, "a1", domain.AMOUNT_EVENT_MAX, "alice", "cross"), False),
        (Deposit(0, "a1", domain.AMOUNT_EVENT_MAX + 1, "alice", "cross"), True),
        (Order(0, "a1", "BTC-PERP", domain.LOTS_EVENT_MAX, 0), False),
        (Order(0, "a1", "BTC-PERP", 0, domain.LOTS_EVENT_MAX + 1), True),
        (Trade(0, "BTC-PERP", "a1", "a2", "buy", 1, domain.PRICE_EVENT_MAX + 1), True),
        (Funding(0, "BTC-PERP", -(2**63)), False),
        (Funding(0, "BTC-PERP", -(2**63) - 1), True),
        (Prices(2**63, {"BTC-PERP": 1}), True),
        (Prices(0, {"BTC-PERP": 2**63}), True),
        (Prices(0, {"BTC-PERP": 2**63 - 1}), False),
    ],
)
def test_the_engine_declines_exactly_the_numbers_that_are_beyond_the_domain(
    event: Event, beyond: bool
) -> None:
    assert is_beyond(event) == beyond
    assert differs(genesis(MINIMAL), (event,), Engine.from_venue) is None
    try:
        Engine(MINIMAL).apply(event)
    except DomainError:
        assert beyond
    else:
        assert not beyond


# ------------------------------------------------------------------------------------- drawn starts


def test_a_crowd_is_many_accounts_in_many_markets_under_a_valid_policy() -> None:
    held = 0
    for number in range(12):
        choices = SeededChoices(f"crowd {number}")
        policy = draw_wide(choices, draw_policy(choices))
        assert faults(policy) == ()
        venue, events = draw_crowd(choices, draw_scene(choices, policy))
        assert len(venue.accounts) >= 20 and books_gap(venue) == 0
        led_to = genesis(policy)
        for event in events:
            led_to = apply(led_to, event).venue
        assert led_to == venue
        assert all(lots_gap(venue, market) == 0 for market in venue.marks)
        held = max(held, *(len(account.positions) for account in venue.accounts.values()))
    assert held > 4


def test_a_strained_venue_is_one_that_a_file_may_hold() -> None:
    wallets = pools = 0
    for number in range(20):
        choices = SeededChoices(f"strained {number}")
        venue = strained(choices, genesis(draw_policy(choices)))
        document = json.loads(json.dumps(venue_document(venue)))
        assert venue_from_document(document, venue.policy, "here") == venue
        Engine.from_venue(venue)
        wallets += "a1" in venue.accounts and venue.accounts["a1"].wallet * 2 > domain.WALLET_MAX
        pools += any(pool.bad_debt * 2 > domain.POOL_MAX for pool in venue.pools.values())
    assert wallets > 0 and pools > 0


# ------------------------------------------------------------------------------------- planted faults


class WrongPosting(Engine):
    """Says of every fee that it is a quantum more than what it was."""

    def apply(self, event: Any) -> Result:
        result = super().apply(event)
        result.entries["amount"][result.entries["kind"] == FEE_POOL_ENTRY] += 1
        return result


class WrongWallet(Engine):
    """Gives whoever pays or receives funding a quantum."""

    def apply(self, event: Any) -> Result:
        result = super().apply(event)
        if type(event).__name__ == "Funding" and result.refusal is None:
            for account in self.core.touched():
                owner, pool, wallet, rows = self.core.account(account)
                self.core.set_account(account, owner, pool, wallet + 1, rows)
        return result


class WrongWalletElsewhere(Engine):
    """Gives a quantum to an account that a takeover does not name, and does not say so."""

    def apply(self, event: Any) -> Result:
        result = super().apply(event)
        if type(event).__name__ == "Takeover" and result.refusal is not None:
            owner, pool, wallet, rows = self.core.account(0)
            self.core.set_account(0, owner, pool, wallet + 1, rows)
        return result


class WrongReason(Engine):
    """Refuses a withdrawal by the right rule and tells another amount."""

    def apply(self, event: Any) -> Result:
        result = super().apply(event)
        if result.refusal is not None and result.refusal.rule == "WDR-2":
            numbers = {key: int(value) + 1 for key, value in result.refusal.numbers.items()}
            return replace(result, refusal=Refusal("WDR-2", result.refusal.reason, numbers))
        return result


class Lenient(Engine):
    """Accepts what is over the limit of a market, and does nothing."""

    def apply(self, event: Any) -> Result:
        result = super().apply(event)
        return replace(result, refusal=None) if result.refusal and result.refusal.rule == "LIM-1" else result


class Forgetful(Engine):
    """Does not say that a withdrawal changes an account."""

    def apply(self, event: Any) -> Result:
        self.last = event
        return super().apply(event)

    def touched(self) -> list[str]:
        return [] if isinstance(self.last, Withdraw) else super().touched()


class WrongPool(Engine):
    """Tells a bad debt that is a quantum too low once some has been recorded."""

    wrong = 0

    def apply(self, event: Any) -> Result:
        result = super().apply(event)
        self.wrong = int(any(posting[1] == "LOS-6" for posting in result.postings))
        return result

    def pools_document(self) -> dict[str, dict[str, int]]:
        pools = super().pools_document()
        for pool in pools.values():
            pool["bad_debt"] -= self.wrong
        return pools


class Timid(Engine):
    """Declines what it should compute."""

    def apply(self, event: Any) -> Result:
        if type(event).__name__ == "FundDeposit" and event.amount >= 1:
            raise DomainError("amount", event.amount, "less")
        return super().apply(event)


class Careless(Engine):
    """Is no longer as it was when it declines an event."""

    def apply(self, event: Any) -> Result:
        try:
            return super().apply(event)
        except DomainError:
            super().apply(Prices(self.core.clock, {self.markets[0]: 7}))
            raise


class Breaking(Engine):
    """Breaks on the events of a type."""

    def apply(self, event: Any) -> Result:
        if type(event).__name__ == "FeeWithdrawal" and event.amount > 0:
            raise OverflowError("too large for a C long")
        return super().apply(event)


class WrongInColumns(Engine):
    """Is wrong about batches only."""

    def apply_batch(self, batch: Any) -> Any:
        result = super().apply_batch(batch)
        result.entries["amount"][result.entries["kind"] == FEE_POOL_ENTRY] -= 1
        return result


FAULTS: list[tuple[type[Engine], str, set[str], int]] = [
    (WrongPosting, "postings", {"FEE-2"}, 6),
    (WrongWallet, "account", {"FUN-3", "EVT-1"}, 6),
    (WrongWalletElsewhere, "digest", {"EVT-5"}, 1),
    (WrongReason, "refusal", {"WDR-2"}, 2),
    (Lenient, "refusal", {"LIM-1"}, 3),
    (Forgetful, "touched", {"WDR-4"}, 2),
    (WrongPool, "pools", {"LOS-6"}, 8),
    (Timid, "declined", {"FND-1"}, 1),
    (Careless, "declined", {"EVT-2", "LIM-1", "LIM-4"}, 2),
    (Breaking, "engine failed", {"FEE-3", "EVT-3", "WDR-1"}, 3),
    (WrongInColumns, "batch", {"FEE-2"}, 6),
]


@pytest.mark.parametrize(
    ("engine", "what", "rules", "events"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS]
)
def test_a_planted_fault_is_found_shrunk_and_named(
    engine: type[Engine], what: str, rules: set[str], events: int, tmp_path: Path
) -> None:
    told: list[Shrunk] = []
    report = run(3_000, tmp_path, make=engine.from_venue, on_found=told.append, stop_at_first=True)
    assert report.diverged > 0 and not report.ok and report.broken == 0
    alike = [one for one in told if one.found.what == what and one.found.rule in rules]
    assert alike, told
    shortest = min(alike, key=lambda one: len(one.trace.events))
    assert len(shortest.trace.events) <= events
    trace = read_trace(shortest.path)
    assert trace.events == shortest.trace.events and shortest.found.what in trace.found
    again = differs(trace.start, trace.events, engine.from_venue)
    assert again is not None and again[1] == shortest.found
    assert differs(trace.start, trace.events, Engine.from_venue) is None
    story = found_in_words(shortest, engine.from_venue)
    assert story.startswith(f"{shortest.found.rule}  {what}: law and engine DIFFER")
    assert "the law" in story and "the engine" in story and "<-" in story
    assert f"marginspec campaign --fast --trace {shortest.path}" in story


def test_a_history_from_a_crowd_shrinks_to_one_from_genesis(tmp_path: Path) -> None:
    seeds = (seed for seed in range(100) if starts_with_a_crowd(seed))
    report = run(200, tmp_path, seed=next(seeds), make=WrongWallet.from_venue)
    assert report.total("crowded") == 1 and report.diverged == 1
    found = report.shrunk[0]
    assert found.events_before > 60 and found.trace.start is None and len(found.trace.events) <= 8


def starts_with_a_crowd(seed: int) -> bool:
    played, _ = play_history(Plan(None, WrongWallet.from_venue), seed, 0, 200)
    return played.counts["crowded",] == 1 and bool(played.failed) and not played.failed[0].hard


class Narrow(Engine):
    """Holds no venue of several markets."""

    def __init__(self, policy: Any) -> None:
        if len(policy.markets) > 1:
            raise DomainError("markets", len(policy.markets), "one market")
        super().__init__(policy)


def test_an_engine_that_does_not_hold_a_valid_policy_is_found(tmp_path: Path) -> None:
    report = run(1_000, tmp_path, make=Narrow.from_venue)
    found = report.shrunk[0]
    assert (found.found.what, found.found.rule, found.trace.events) == ("declined", "POL", ())
    assert "one market" in found_in_words(found, Narrow.from_venue)


def test_a_policy_or_a_trace_outside_the_domain_is_refused(tmp_path: Path) -> None:
    wide = replace(MINIMAL, markets={**MINIMAL.markets, "B": MINIMAL.markets["BTC-PERP"]})
    with pytest.raises(InputError, match="minimal: markets is 2, and the engine computes with one market"):
        run(1_000, tmp_path, policy=wide, make=Narrow.from_venue)
    trace = Trace(wide, genesis(wide), ())
    with pytest.raises(InputError, match="markets is 2"):
        lockstep_trace("trace.json", trace, Narrow.from_venue)


# ------------------------------------------------------------------------------------- going on, workers


def same(report: LockstepReport) -> LockstepReport:
    """A report without what depends on the clock and on how often it was stopped."""
    return replace(report, seconds=0.0, played=0)


CHUNK = EVENTS_PER_HISTORY * HISTORIES_PER_CHUNK
ASKED = CHUNK + 300


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> LockstepReport:
    """A run that nobody stops."""
    return run(ASKED, tmp_path_factory.mktemp("whole"), policy=MINIMAL)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_is_stopped_goes_on_to_the_same_end(
    workers: int, whole: LockstepReport, tmp_path: Path
) -> None:
    file = tmp_path / "evidence.sqlite"

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    first = run_lockstep(MINIMAL, ASKED, workers, 1, stop, runs=tmp_path, evidence=file)
    assert first.interrupted and not first.ok
    assert 0 < first.total("events") == first.played < ASKED
    told: list[tuple[int, int]] = []
    second = run_lockstep(
        MINIMAL, ASKED, workers, 1, lambda *done: told.append(done), runs=tmp_path, evidence=file
    )
    assert same(second) == same(whole)
    assert second.played == ASKED - first.played and told[-1] == (ASKED, ASKED)
    third = run_lockstep(MINIMAL, ASKED, workers, 1, stop, runs=tmp_path, evidence=file)
    assert same(third) == same(whole) and third.played == 0


def test_a_run_that_is_killed_goes_on_to_the_same_end(whole: LockstepReport, tmp_path: Path) -> None:
    file = tmp_path / "evidence.sqlite"
    arguments = ["campaign", "minimal", "--fast", "--events", f"{ASKED}", "--evidence", file.name, "--json"]
    command = [sys.executable, "-m", "marginspec.cli", *arguments]
    with subprocess.Popen([*command, "killed.json"], cwd=tmp_path, stdout=subprocess.DEVNULL) as killed:
        # The file grows when the first chunk is being recorded: the kill comes just before or after it is.
        while killed.poll() is None and (not file.exists() or file.stat().st_size < 30_000):
            time.sleep(0.01)
        killed.kill()
    subprocess.run([*command, "facts.json"], cwd=tmp_path, stdout=subprocess.DEVNULL, timeout=300)
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["events_of_earlier_runs"] in (0, CHUNK, ASKED)
    wanted = facts_of(whole)
    for key in ("seconds", "events_per_second", "events_of_earlier_runs"):
        del facts[key], wanted[key]
    # The order of chapters is the one in which a process imports them.
    for told in (facts, wanted):
        told["rules"]["not_reached"].sort()
    assert facts == wanted


def test_a_divergence_that_evidence_holds_is_told_again(tmp_path: Path) -> None:
    file = tmp_path / "evidence.sqlite"
    reports = [run(200, tmp_path, make=WrongPosting.from_venue, evidence=file) for _ in range(2)]
    assert reports[0].diverged == reports[1].diverged > 0 and reports[1].played == 0
    found = [[(one.found, one.trace, one.histories) for one in report.shrunk] for report in reports]
    assert found[0] == found[1]


def test_evidence_of_another_run_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evidence.sqlite"
    run(200, tmp_path, evidence=file)
    with pytest.raises(InputError, match="another run: there seed is 1, here 2"):
        run(200, tmp_path, evidence=file, seed=2)


# ------------------------------------------------------------------------------------- the command


def command(*arguments: str) -> Any:
    """`marginspec campaign` with these arguments."""
    return CliRunner().invoke(main, ["campaign", *arguments])


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the command runs and may print."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(marginspec.screen, "_silent", False)
    return tmp_path


def test_the_command_prints_what_agreed_and_what_was_not_reached(elsewhere: Path) -> None:
    result = command("--fast", "--events", "1000", "--evidence", "kept.sqlite", "--json", "facts.json")
    assert result.exit_code == 3, result.output
    assert "law and engine in lock step, 1 worker" in result.output
    for words in ("0 histories differ", "the engine refused by", "EVT-1 time_goes_back", "NOT REACHED"):
        assert words in result.output
    facts = json.loads((elsewhere / "facts.json").read_text())
    assert facts["events"] == 1_000 and facts["divergences"] == 0 and facts["events_per_second"] > 0
    assert facts["rules"]["total"] == len(RULES) and not facts["ok"] and facts["found"] == []
    assert sum(facts["refusals"]["by_engine"].values()) == 1_000 - facts["accepted"]
    again = command("--fast", "--events", "1000", "--evidence", "kept.sqlite", "--json", "again.json")
    assert "1 000 of them by earlier runs" in again.output
    other = command("--fast", "--events", "2000", "--evidence", "kept.sqlite")
    assert other.exit_code == 2 and "is evidence of another run" in other.output


def test_an_interrupted_command_keeps_its_report(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def interrupting(title: str, total: int) -> Iterator[Any]:
        def advance(done: float, words: str = "") -> None:
            raise KeyboardInterrupt

        yield advance

    monkeypatch.setattr(marginspec.search.lockstep_command, "progress", interrupting)
    result = command("--fast", "--events", "8000", "--json", "facts.json")
    assert result.exit_code == 130
    assert "INTERRUPTED  What was played until then is counted above." in result.output
    assert json.loads((elsewhere / "facts.json").read_text())["events"] == CHUNK


def test_the_command_tells_both_sides_of_a_divergence_and_runs_its_trace(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, facts = lockstep(MINIMAL, 200, 1, 1, make=WrongPosting.from_venue)
    assert code == 1 and facts["divergences"] > 0
    found = facts["found"][0]
    assert (found["what"], found["rule"]) == ("postings", "FEE-2") and found["events"] <= 6
    agreed = command("--fast", "--trace", found["trace"], "--json", "facts.json")
    assert agreed.exit_code == 0 and "Law and engine agree on every event." in agreed.output
    assert json.loads((elsewhere / "facts.json").read_text())["divergences"] == 0
    code, facts = lockstep_trace(found["trace"], read_trace(found["trace"]), WrongPosting.from_venue)
    assert code == 1 and facts["event"] == found["events"] and facts["rule"] == "FEE-2"


@pytest.mark.parametrize(
    "arguments", [("--fast", "--adversary"), ("--adversary", "--evidence", "a.sqlite"), ("--trace", "a.json")]
)
def test_options_that_do_not_go_together_are_refused(arguments: tuple[str, ...], elsewhere: Path) -> None:
    assert command(*arguments).exit_code == 2
    assert not list(elsewhere.iterdir())
