"""Batches and the cache. Goal: what was proved is kept only as long as nothing it rests on has changed.
Method: a batch of toy theorems run twice, changed, torn, interrupted, and with several workers.
"""

import json

import pytest

from proofs import batch
from proofs.batch import prove_all
from proofs.registry import (
    THEOREMS,
    Replace,
    load_all,
)
from tests.prover_examples import theorem
from tests.test_prover import cap_holds


@pytest.fixture
def numbers():
    load_all()
    names = ("A6-ceil-div", "A6-floor-div", "A6-there-and-back", "A6-isqrt-ceil")
    return [THEOREMS[name] for name in names]


def test_a_second_run_comes_from_the_cache_with_the_same_facts(numbers, tmp_path):
    seen = []
    first = prove_all(numbers, cache_dir=tmp_path, on_result=lambda result, cached: seen.append(cached))
    second = prove_all(numbers, cache_dir=tmp_path, on_result=lambda result, cached: seen.append(cached))
    assert first == second and all(result.holds for result in first)
    assert seen == [False] * 4 + [True] * 4
    prove_all(numbers[:1], cache_dir=tmp_path, no_cache=True, on_result=lambda _, cached: seen.append(cached))
    assert seen[-1] is False


def test_a_change_of_anything_it_rests_on_proves_again(numbers, tmp_path, monkeypatch):
    prove_all(numbers[:2], cache_dir=tmp_path)
    monkeypatch.setattr(batch, "_everything_shared", lambda: "another law")
    seen = []
    prove_all(numbers[:2], cache_dir=tmp_path, on_result=lambda _, cached: seen.append(cached))
    assert seen == [False, False]


def test_a_torn_cache_file_proves_again(numbers, tmp_path):
    prove_all(numbers[:1], cache_dir=tmp_path)
    [file] = tmp_path.glob("*.json")
    kept = json.loads(file.read_text())
    for text in (file.read_text()[:40], "[]", json.dumps({**kept, "result": {"name": "x"}}), ""):
        file.write_text(text)
        seen = []
        prove_all(numbers[:1], cache_dir=tmp_path, on_result=lambda _, cached, seen=seen: seen.append(cached))
        assert seen == [False]


def test_an_undecided_result_is_never_kept(tmp_path):
    [result] = prove_all([theorem(cap_holds, name="T1")], cache_dir=tmp_path)
    assert result.status == "undecided" and not list(tmp_path.glob("*.json"))


def test_an_interrupt_keeps_what_was_proved(numbers, tmp_path):
    def interrupt_after_two(result, was_cached, count=[0]):  # noqa: B006
        count[0] += 1
        if count[0] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prove_all(numbers, cache_dir=tmp_path, on_result=interrupt_after_two)
    assert len(list(tmp_path.glob("*.json"))) == 2 and not list(tmp_path.glob("*.part"))


def test_the_slowest_is_first_and_the_unknown_before_it(numbers, tmp_path, monkeypatch):
    prove_all(numbers[:3], cache_dir=tmp_path)
    for file, seconds in ((f"{numbers[i].name}.json", i) for i in range(3)):
        kept = json.loads((tmp_path / file).read_text())
        kept["result"]["seconds"] = seconds
        (tmp_path / file).write_text(json.dumps({**kept, "key": "old"}))
    order = []
    prove_all(numbers, cache_dir=tmp_path, on_result=lambda result, _: order.append(result.name))
    assert order == [numbers[3].name, numbers[2].name, numbers[1].name, numbers[0].name]


def test_two_workers_find_the_same_as_one(numbers, tmp_path):
    alone = prove_all(numbers[:2], cache_dir=tmp_path / "one")
    together = prove_all(numbers[:2], cache_dir=tmp_path / "two", workers=2)

    def facts(results):
        return [(r.name, r.status, r.paths, r.claims, r.steps, r.strategies, r.mutants) for r in results]

    assert facts(alone) == facts(together)


def test_an_impossible_mutant_makes_the_theorem_undecided_and_not_the_run(tmp_path):
    broken = theorem(
        cap_holds, name="T1", witness={"requested": 1, "free": 1}, mutants=(Replace("x", "y", "z", "w"),)
    )
    [result] = prove_all([broken], cache_dir=tmp_path)
    assert result.status == "undecided" and "mutant of x" in result.reason
