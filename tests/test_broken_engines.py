"""Broken engines: the harness catches each of them by the rule that it breaks.

Goal: whoever makes one of these mistakes reads its rule, and a trace of at most eight events that shows it.
Method: the mistakes of engines/broken.py, as objects and as programs; the vectors alone; short campaigns.
"""

import sys
from pathlib import Path
from typing import Any

import pytest

import marginspec.search.shrink
from marginspec.conform.asked import Asked
from marginspec.conform.command import Options, run_conform
from marginspec.conform.engine import Document, InProcess
from marginspec.conform.judgement import Judgement
from marginspec.conform.law_engine import policy_of, texts
from marginspec.conform.live import Ground, play_bulk
from marginspec.conform.opening import Recipe
from marginspec.conform.vectors_run import Vectors
from marginspec.errors import BROKEN as DIFFERS
from marginspec.errors import HELD
from marginspec.paths import SPEC
from marginspec.policy_file import read_policy
from marginspec.vectors.files import VectorFile, read_vectors
from proofs.mutation import find_function
from refmodel.canonical import policy_document, venue_document
from refmodel.rulebook import RULES
from refmodel.state import genesis
from tests.engines.broken import BROKEN, BrokenEngine

pytestmark = pytest.mark.usefixtures("books_are_not_checked")

PROGRAM = Path(__file__).parent / "engines" / "broken.py"
TIMEOUT = 30.0
EVENTS_MOST = 8
TRIALS = 200
"""Of shrinking: it is the first hundred that leave events out, the rest make amounts plainer."""
SEEDS = range(1, 13)
SEEDS_AT_LEAST = 3
EVENTS = 300
"""Of a run. One that is a few times as long shows every mistake; the first short one that does is enough."""
POLICY_CHANGES = {
    "draw_limit_ignored": ("draw_limit = 100_000_000", "draw_limit = 1"),
    "loss_erased": ('"holders", "adl", "fund_residue", "payers"]', '"holders", "fund_residue"]'),
}
"""Where `minimal` is a venue that hardly ever gets so far: a piece of it, and what stands there instead."""

NAMED_ALONE = (
    "own_gain_counted",
    "band_ignored",
    "rebate_from_the_pool",
    "withdrawal_at_maintenance",
    "bad_debt_gate_ignored",
    "time_goes_back",
    "funding_twice",
    "penalty_twice",
    "fund_credited_with_the_request",
    "deleverages_at_mark",
    "draw_limit_ignored",
    "loss_erased",
)
"""Mistakes that show in the rule that they break alone. Consequences of others look like faults of their own:
a margin that is too low decides what is refused and who is deleveraged."""

RULE_WITHOUT_POSTINGS = {"draw_limit_ignored": "ADL-7"}
"""Where an engine without postings is told another rule: that by which the law has changed the wallet that
differs. That the fund has paid in its place, only the engine's postings could say."""


def conform(recipe: Recipe, policy: str, seed: int, events: int = EVENTS) -> tuple[int, dict[str, Any]]:
    """A run of the harness without the vectors, which keeps nothing between two runs."""
    return run_conform(recipe, Options(policy, seed, events, database=None, vectors=False))


def caught(name: str, recipe: Recipe, policy: str) -> dict[str, Any]:
    """What the first run says in which the rule that an engine breaks differs, shown by a short trace."""
    told = []
    for seed in SEEDS:
        code, facts = conform(recipe, policy, seed)
        assert facts["engine"] == name and facts["misbehaviour"] == []
        assert code == (DIFFERS if facts["differs"] else HELD)
        for found in facts["differs"]:
            if found["rule"] == BROKEN[name].rule and found["events"] <= EVENTS_MOST:
                return found
        told.append([(found["rule"], found["events"]) for found in facts["differs"]])
    raise AssertionError(f"{BROKEN[name].rule} with at most {EVENTS_MOST} events is not among {told}")


def policy_for(name: str, folder: Path) -> str:
    """The policy on which a mistake shows: `minimal`, or a file with one line of it changed."""
    if name not in POLICY_CHANGES:
        return "minimal"
    old, new = POLICY_CHANGES[name]
    text = (SPEC / "policies" / "minimal.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = folder / f"{name}.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", BROKEN)
def test_an_engine_is_caught_by_the_rule_that_it_breaks(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(marginspec.search.shrink, "TRIALS_MOST", TRIALS)
    recipe = Recipe((), f"tests.engines.broken:{name}", TIMEOUT)
    found = caught(name, recipe, policy_for(name, tmp_path))
    assert found["law"] != found["engine"]


@pytest.mark.parametrize("name", NAMED_ALONE)
def test_no_other_rule_is_named_where_one_alone_is_broken(name: str, tmp_path: Path) -> None:
    judgement = Judgement()
    with Recipe((), f"tests.engines.broken:{name}", TIMEOUT).opened(judgement) as asked:
        ground = Ground(read_policy(policy_for(name, tmp_path)), asked.greet())
        for seed in SEEDS:
            play_bulk(asked, judgement, ground, seed, EVENTS)
            if judgement.differing and seed >= SEEDS_AT_LEAST:
                break
    assert set(judgement.differing) == {BROKEN[name].rule}


class Silent(BrokenEngine):
    """Gives neither postings nor a digest: only queries tell what it did."""

    def load(self, policy: Document, venue: Document) -> Document:
        return without(super().load(policy, venue), "digest")

    def apply(self, event: Document) -> Document:
        return without(super().apply(event), "digest", "postings")


def without(answer: Document, *keys: str) -> Document:
    """An answer that says less."""
    return {key: value for key, value in answer.items() if key not in keys}


@pytest.mark.parametrize("name", BROKEN)
def test_an_engine_that_answers_queries_alone_is_caught_by_the_same_rule(name: str, tmp_path: Path) -> None:
    judgement = Judgement()
    asked = Asked(InProcess(lambda: Silent(name)))
    ground = Ground(read_policy(policy_for(name, tmp_path)), asked.greet())
    rule = RULE_WITHOUT_POSTINGS.get(name, BROKEN[name].rule)
    for seed in SEEDS:
        play_bulk(asked, judgement, ground, seed, EVENTS)
        if judgement.differing[rule]:
            break
    assert judgement.findings == []
    assert judgement.differing[rule], dict(judgement.differing)


@pytest.mark.parametrize("name", ["maintenance_at_entry", "penalty_twice", "transfer_to_itself_mints"])
def test_an_engine_is_caught_as_a_program_too(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(marginspec.search.shrink, "TRIALS_MOST", TRIALS)
    caught(name, Recipe((sys.executable, str(PROGRAM), name), "", TIMEOUT), "minimal")


def test_the_engine_without_a_mistake_conforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = Recipe((), "marginspec.conform.law_engine:LawEngine", TIMEOUT)
    reached: set[str] = set()
    for policy in ("minimal", *(policy_for(name, tmp_path) for name in POLICY_CHANGES)):
        code, facts = conform(recipe, policy, seed=2, events=6_000)
        assert code == HELD
        assert facts["differs"] == [] and facts["misbehaviour"] == []
        reached.update(rule for rule, each in facts["rules"].items() if each["comparisons"])
    never = {broken.rule for broken in BROKEN.values()} - reached
    assert not never, "no comparison of these was made, so that it says nothing that they conform"


@pytest.fixture(scope="module")
def vectors() -> list[VectorFile]:
    return read_vectors()


@pytest.mark.parametrize("name", BROKEN)
def test_the_vectors_alone_show_it(name: str, vectors: list[VectorFile]) -> None:
    judgement = Judgement()
    asked = Asked(InProcess(lambda: BrokenEngine(name)))
    asked.greet()
    Vectors(asked, judgement).run(vectors)
    assert judgement.findings == []
    assert BROKEN[name].rule in judgement.cases, list(judgement.cases)


@pytest.mark.parametrize("name", BROKEN)
def test_a_mistake_is_in_place_only_while_the_engine_answers(name: str) -> None:
    assert BROKEN[name].rule in RULES
    functions = [find_function(function, ("refmodel",)) for function, _, _ in BROKEN[name].patches]
    before = [function.__code__ for function in functions]
    engine = BrokenEngine(name)
    policy = texts(policy_document(read_policy("minimal")))
    venue = texts(venue_document(genesis(policy_of(policy))))
    assert engine.load(policy, venue)["outcome"] == "accepted"
    assert [function.__code__ for function in functions] == before
    with pytest.raises(ZeroDivisionError), engine.mistaken():
        meanwhile = [function.__code__ for function in functions]
        raise ZeroDivisionError
    assert not set(meanwhile).intersection(before)
    assert [function.__code__ for function in functions] == before


def test_an_engine_that_there_is_not_is_refused() -> None:
    with pytest.raises(AttributeError, match="penalty_twice"):
        import tests.engines.broken as engines

        engines.penalty_thrice  # noqa: B018
