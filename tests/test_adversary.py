"""The adversary. Goal: what a coalition gains is within theorem E7, and each attack that the law does not
stop gains what its page says. Method: drawn and guided histories with the bound asserted after each; a law
that is spoilt on purpose, which the bound must notice; and the committed attacks, played.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import marginspec.screen
import refmodel.withdrawal
from marginspec.cli import main
from marginspec.documents import read_trace
from marginspec.policy_file import read_policy
from marginspec.search.adversary import search_for_attacks
from marginspec.search.choices import SeededChoices
from marginspec.search.coalition import COALITION, Attack, Purse, attack_of, held_by, opened
from marginspec.search.draw_policy import draw_policy
from marginspec.search.shrink import first_break
from marginspec.strategies import DrawnChoices
from refmodel.events import Deposit, Prices, Withdraw
from refmodel.state import Venue, equity, genesis
from refmodel.validity import faults
from refmodel.venue import apply
from tests.support import reaches

ATTACKS = Path(__file__).parent.parent / "spec" / "attacks"
MINIMAL = read_policy("minimal")


# ------------------------------------------------------------------------------------- the bound


@settings(max_examples=60)
@given(data=st.data())
def test_no_coalition_gains_more_than_the_others_lose_at_mark_and_by_its_defaults(
    data: st.DataObject,
) -> None:
    attack_of(DrawnChoices(data.draw), MINIMAL).check()


@reaches(
    "a default charge", "no default charge", "closed in time", "withdrawn", "bad debt", "forgone", "draws"
)
def test_the_bound_holds_on_drawn_policies(reached):
    for number in range(400):
        choices = SeededChoices(f"adversary {number}")
        attack = attack_of(choices, draw_policy(choices))
        attack.check()
        purse = attack.purse
        reached("a default charge" if purse.charges else "no default charge")
        for name in ("bad debt", "forgone", "draws"):
            if getattr(purse, name.replace(" ", "_")):
                reached(name)
        if purse.in_time and any(isinstance(event, Prices) for event in attack.events[8:]):
            reached("closed in time")
        if purse.taken_out:
            reached("withdrawn")


def test_the_gain_is_an_account_of_every_quantum() -> None:
    """What the coalition gains, everybody else and the house have lost."""
    for number in range(30):
        attack = attack_of(SeededChoices(f"account {number}"), MINIMAL)
        venue, gain = attack.venue, attack.purse.gain(attack.venue)
        begun = opened(MINIMAL).venue
        others = [name for name in venue.accounts if name not in COALITION]
        house = sum(
            pool.fund + pool.fee_pool - pool.bad_debt - begun.pools[name].fund - begun.pools[name].fee_pool
            for name, pool in venue.pools.items()
        )
        assert gain == held_by(begun, others) - held_by(venue, others) - house


def test_a_law_that_pays_too_much_breaks_the_bound() -> None:
    """A withdrawal that leaves the wallet as it was: money for nothing."""

    def paid_twice(rule, payer, payee, amount, stage=""):
        if rule == "WDR-4":
            return ()
        return law_move(rule, payer, payee, amount, stage)

    law_move = refmodel.withdrawal.move
    refmodel.withdrawal.move = paid_twice
    try:
        report = search_for_attacks(MINIMAL, 200, 1)
    finally:
        refmodel.withdrawal.move = law_move
    assert report.broken.startswith("E7: gained") and not report.ok


def test_closed_in_time_is_not_said_of_a_move_beyond_the_gap() -> None:
    attack = opened(MINIMAL)
    assert attack.purse == Purse(put_in=attack.purse.put_in) and attack.purse.in_time
    mark = attack.venue.marks["BTC-PERP"]
    attack.play(Prices(0, {"BTC-PERP": mark * 1_020_000 // 1_000_000}))
    assert attack.purse.in_time
    attack.play(Prices(0, {"BTC-PERP": mark}))
    attack.play(Prices(0, {"BTC-PERP": mark * 1_030_000 // 1_000_000}))
    assert not attack.purse.in_time


def test_gain_is_not_withdrawable_while_bad_debt_stands_behind_a_shut_gate() -> None:
    attack = opened(MINIMAL)
    pools = {name: replace(pool, bad_debt=1) for name, pool in attack.venue.pools.items()}
    indebted = replace(attack.venue, pools=pools)
    assert attack.purse.withdrawable_gain(indebted) == -attack.purse.put_in
    lenient = replace(indebted, policy=replace(MINIMAL, bad_debt_gate="up_to_custody"))
    assert attack.purse.withdrawable_gain(lenient) == attack.purse.gain(lenient) == 0


# ------------------------------------------------------------------------------------- the search


def test_the_search_is_the_same_for_the_same_seed_and_finds_charges() -> None:
    first, second = (search_for_attacks(MINIMAL, 80, 3) for _ in range(2))
    assert first == second
    assert first.ok and first.charged > 0 and first.goal is not None and first.default is not None
    assert first.goal.gain <= first.goal.purse.bound()
    replayed = Attack(MINIMAL, genesis(MINIMAL))
    assert all(replayed.play(event) for event in first.goal.events)


def test_an_interrupted_search_keeps_its_best() -> None:
    def interrupt(done: int, total: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    report = search_for_attacks(MINIMAL, 100, 1, interrupt)
    assert report.interrupted and not report.ok and report.histories == 20 and report.goal is not None


def test_the_command_prints_the_best_attacks_beside_the_bound(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(marginspec.screen, "_silent", False)
    result = CliRunner().invoke(
        main, ["campaign", "--adversary", "--histories", "40", "--json", "facts.json"]
    )
    assert result.exit_code == 0, result.output
    for words in ("seed 1: 40 histories", "most taken out", "E7 allows", "fall of the others at mark"):
        assert words in result.output
    facts = json.loads(Path("facts.json").read_text())
    best = facts["most_taken_out"]
    assert int(best["gain"]) <= int(best["bound"])
    assert read_trace("runs/latest/most-taken-out.json").events


# ------------------------------------------------------------------------------------- committed attacks


def rows_of_page() -> dict[str, tuple[int, int, int, str]]:
    """The table of the page: by attack, what it ends with without and with it, the gain, and who pays."""
    rows = {}
    for line in (ATTACKS / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "attack":
            name, without, with_it, gain, payer = cells
            rows[name] = (int(without), int(with_it), int(gain), payer)
    return rows


ROWS = rows_of_page()


def played(name: str) -> tuple[int, Venue]:
    """What the attacker of a committed trace ends with, and the venue at its end."""
    trace = read_trace(ATTACKS / f"{name}.json")
    assert faults(trace.policy) == ()
    assert first_break(trace.policy, trace.start, trace.events) is None
    venue, flow = trace.start, 0
    for event in trace.events:
        outcome = apply(venue, event)
        assert outcome.refusal is None, (event, outcome.refusal)
        venue = outcome.venue
        if isinstance(event, Deposit | Withdraw) and is_attacker(event.account):
            flow += event.amount if isinstance(event, Withdraw) else -event.amount
    return flow + sum(equity(venue, one) for name, one in venue.accounts.items() if is_attacker(name)), venue


def is_attacker(name: str) -> bool:
    return name[0] == "m" and name[1:].isdigit()


def test_every_attack_has_a_row_and_a_paragraph() -> None:
    files = {path.stem for path in ATTACKS.glob("*.json")}
    assert files == set(ROWS) | {f"{name}-without" for name in ROWS}
    page = (ATTACKS / "README.md").read_text(encoding="utf-8")
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")][:-1] == list(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_an_attack_gains_what_its_page_says_from_whom_it_says(name: str) -> None:
    without, with_it, gain, payer = ROWS[name]
    ends_without, before = played(f"{name}-without")
    ends_with, after = played(name)
    assert (ends_without, ends_with, ends_with - ends_without) == (without, with_it, gain)
    if payer == "bad debt":
        assert after.pools["cross"].bad_debt - before.pools["cross"].bad_debt == gain
    else:
        lost = equity(before, before.accounts[payer]) - equity(after, after.accounts[payer])
        assert lost >= gain


def test_pro_rata_takes_the_point_out_of_splitting() -> None:
    ends = []
    for name in ("split-over-owners-without", "split-over-owners"):
        trace = read_trace(ATTACKS / f"{name}.json")
        venue = genesis(replace(trace.policy, adl_allocation="pro_rata"))
        for event in trace.events:
            venue = apply(venue, event).venue
        ends.append(sum(equity(venue, one) for name, one in venue.accounts.items() if is_attacker(name)))
    assert abs(ends[1] - ends[0]) <= 5_000, "the gap of one lot"
