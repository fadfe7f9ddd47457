"""The pytest plugin, as the author of an engine uses it. Goal: five lines give one test for each rule.

Method: a test-suite of five lines in a folder of its own, run by a pytest of its own, about the law itself
and about an engine that takes its penalty twice.
"""

import subprocess
import sys

import pytest

from marginspec.conform.report import rules
from marginspec.paths import ROOT

FIVE_LINES = """
import pytest
{engine}
@pytest.mark.marginspec({name}, policy="minimal", events=400{knobs})
def test_engine_obeys(marginspec_rule):
    marginspec_rule.check()
"""
LAW = "from marginspec.conform.law_engine import LawEngine as Engine"


def suite(folder, engine=LAW, name="Engine", knobs="", words=()):
    """What a pytest of its own says of such a suite."""
    (folder / "test_engine.py").write_text(FIVE_LINES.format(engine=engine, name=name, knobs=knobs))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rsf", "--color=no", *words]
    surroundings = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=300)


def test_the_law_passes_with_one_test_for_each_rule(tmp_path):
    told = suite(tmp_path)
    assert told.returncode == 0, told.stdout
    last = told.stdout.strip().splitlines()[-1]
    assert " passed" in last and "failed" not in last
    counted = sum(int(part.split()[0]) for part in last.strip("= ").split(" in ")[0].split(", "))
    assert counted == len(rules()) + 1
    assert "not reached: this run says nothing about it" in told.stdout


def test_a_broken_engine_fails_by_the_rule_that_it_breaks(tmp_path):
    name = '"tests.engines.broken:penalty_twice"'
    told = suite(tmp_path, engine="", name=name, knobs=", seed=2", words=("-k", "LIQ-3 or protocol"))
    assert told.returncode == 1
    assert "FAILED test_engine.py::test_engine_obeys[LIQ-3]" in told.stdout
    assert "the law" in told.stdout and "marginspec explain LIQ-3" in told.stdout
    assert "1 failed, 1 passed" in told.stdout


@pytest.mark.parametrize(
    ("knobs", "words"),
    [(", event=3", "it has no event"), (", policy='no such'", "no such")],
)
def test_a_wrong_mark_is_said(tmp_path, knobs, words):
    given = FIVE_LINES.replace(', policy="minimal", events=400', "")
    (tmp_path / "test_engine.py").write_text(given.format(engine=LAW, name="Engine", knobs=knobs))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-x", "--color=no"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert told.returncode != 0 and words in told.stdout
