"""Policy files. Goal: what is written is what is read, every flaw and every fault is reported at once and at
the place where it stands. Method: drawn policies, valid and broken, through the text and back; single faults
by hand for the wording.
"""

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from marginspec.documents import policy_from_canonical
from marginspec.errors import InvalidPolicy, UnreadablePolicy
from marginspec.paths import POLICIES, SCHEMAS, shipped_policies
from marginspec.policy_file import open_policy, policy_from_text, policy_text, read_policy
from marginspec.search.break_policy import BREAKERS, draw_broken_policy
from marginspec.search.choices import SeededChoices
from marginspec.search.draw_policy import draw_policy
from marginspec.validation import flaws_of
from refmodel.canonical import canonical_text, policy_document
from refmodel.policy import SQRT, pools_of
from refmodel.validity import CHECKERS, faults

MINIMAL = (POLICIES / "minimal.toml").read_text(encoding="utf-8")
DRAWN = 60
SQRT_KEYS = {side: (f"{side}_base", f"{side}_factor") for side in ("initial", "maintenance")}


def drawn(seed):
    return draw_policy(SeededChoices(f"policy file {seed}"), f"drawn-{seed}")


def minimal_with(old, new):
    assert old in MINIMAL
    return MINIMAL.replace(old, new)


def flaws_in(text):
    with pytest.raises(UnreadablePolicy) as caught:
        policy_from_text(text, "mine.toml", "mine")
    return caught.value


@pytest.mark.parametrize("name", shipped_policies())
def test_policies_that_ship_pass_every_rule_and_survive_a_copy(name):
    policy = read_policy(name)
    assert policy.name == name
    assert policy_from_text(policy_text(policy, "a comment\n\nof three lines"), "copy.toml", "copy") == policy


@pytest.mark.parametrize("seed", range(DRAWN))
def test_drawn_policy_reads_back_as_itself(seed):
    policy = drawn(seed)
    assert policy_from_text(policy_text(policy), "copy.toml", "copy") == policy


def test_draws_reach_square_root_schedules_and_brackets():
    kinds = {market.maintenance.kind for seed in range(DRAWN) for market in drawn(seed).markets.values()}
    assert kinds >= {SQRT, "bracket", "whole"}


@pytest.mark.parametrize("seed", range(DRAWN))
def test_policy_document_reads_back_as_the_policy(seed):
    policy = drawn(seed)
    document = json.loads(canonical_text(policy_document(policy)))
    assert policy_from_canonical(document, "trace.json") == policy


def value_at(document, key):
    """What stands at a key path of a policy file; KeyError or IndexError if nothing does."""
    for part in key.replace("]", "").replace("[", ".").split("."):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def key_in_file(document, key):
    """The key under which a file says it: a limit that holds for all pools stands there once."""
    table, _, pool = key.rpartition(".")
    if table == "insurance.draw_limits" and pool not in document["insurance"].get("draw_limits", {}):
        return "insurance.draw_limit"
    return key


@pytest.mark.parametrize("rule", BREAKERS)
def test_key_of_a_fault_is_where_the_fault_stands_in_the_file(rule):
    reached = 0
    for seed in range(DRAWN):
        choices = SeededChoices(f"{rule} {seed}")
        broken = draw_broken_policy(choices, rule, draw_policy(choices))
        if broken is None:
            continue
        if not set(pools_of(broken)) <= set(broken.draw_limits):
            continue  # a file gives every pool a limit: the one for all
        text = policy_text(broken)
        assert policy_from_text(text, "broken.toml", "broken") == broken
        document = tomllib.loads(text)
        for fault in faults(broken):
            value_at(document, key_in_file(document, fault.key))
            reached += 1
    assert reached >= 5


def test_every_rule_has_a_breaker():
    assert len(BREAKERS) == len(CHECKERS)


def test_invalid_policy_carries_all_faults(tmp_path):
    path = tmp_path / "thin.toml"
    thin = minimal_with("maintenance = 25_000", "maintenance = 15_000")
    path.write_text(thin.replace("band = 100_000", "band = 1_000_000"))
    with pytest.raises(InvalidPolicy) as caught:
        read_policy(path)
    assert [fault.rule for fault in caught.value.faults] == ["POL-9", "POL-14"]
    assert caught.value.policy == open_policy(path).policy
    assert "markets.BTC-PERP.margin.brackets[0].maintenance is 15_000 (POL-9)" in str(caught.value)


def test_decimal_is_refused_with_what_it_may_have_meant():
    error = flaws_in(minimal_with("maintenance = 25_000", "maintenance = 0.5"))
    assert str(error) == (
        "mine.toml: markets.BTC-PERP.margin.brackets[0].maintenance is 0.5, a decimal number; "
        "rates are whole ppm (NUM-2).\n"
        "  A decimal would round differently from engine to engine. For 0.5 % write 5_000. "
        "For 0.5 of the whole write 500_000. Nothing was run."
    )


def test_all_flaws_are_reported_at_once():
    text = minimal_with("taker = 500", 'taker = "500"').replace("gap = 20_000", "gap = true")
    text = text.replace("multiplier = 1", "multiplyer = 1")
    text = text.replace("price_max = 10_000_000", "price_max = 1e7")
    places = {flaw.where for flaw in flaws_in(text).flaws}
    market = "markets.BTC-PERP"
    assert places == {
        "fees.taker",
        f"{market}.gap",
        f"{market}.multiplyer",
        f"{market}.multiplier",
        f"{market}.price_max",
    }


@pytest.mark.parametrize(
    ("initial", "maintenance", "places"),
    [
        ("sqrt", "sqrt", [*SQRT_KEYS["initial"], *SQRT_KEYS["maintenance"], "brackets"]),
        ("bracket", "sqrt", [*SQRT_KEYS["maintenance"], *(f"brackets[{i}].maintenance" for i in range(3))]),
    ],
)
def test_square_root_schedule_asks_for_its_own_keys(initial, maintenance, places):
    text = minimal_with('initial = "whole"', f'initial = "{initial}"')
    text = text.replace('maintenance = "bracket"', f'maintenance = "{maintenance}"')
    found = {flaw.where.removeprefix("markets.BTC-PERP.margin.") for flaw in flaws_in(text).flaws}
    assert found == set(places)


def test_square_root_keys_are_refused_where_they_have_no_meaning():
    text = minimal_with('initial = "whole"', 'initial = "whole"\ninitial_base = 5')
    assert [flaw.where for flaw in flaws_in(text).flaws] == ["markets.BTC-PERP.margin.initial_base"]


def test_byte_order_mark_is_no_flaw(tmp_path):
    path = tmp_path / "minimal.toml"
    path.write_text(MINIMAL, encoding="utf-8-sig")
    assert read_policy(path) == read_policy("minimal")


@pytest.mark.parametrize("path", sorted(Path(SCHEMAS).glob("*.json")), ids=lambda path: path.stem)
def test_schema_is_a_schema(path):
    Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


def test_schema_accepts_the_policies_that_ship():
    for name in shipped_policies():
        document = tomllib.loads((POLICIES / f"{name}.toml").read_text(encoding="utf-8"))
        assert flaws_of(document, "policy") == ()
