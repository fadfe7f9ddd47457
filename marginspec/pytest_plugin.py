"""A pytest plugin: one test for each rule of the law, about an engine written in Python.

    import pytest
    from my_package.engine import Engine

    @pytest.mark.marginspec(Engine, policy="minimal")
    def test_engine_obeys(marginspec_rule):
        marginspec_rule.check()

`Engine` is a class without arguments that answers hello, load, apply and query (spec/protocol.md). It is
asked once for all rules, by the vectors and by drawn histories. A rule fails with the shortest trace that
was found; one that the engine does not implement, or that was not reached, is skipped and says so.

pytest loads this module wherever marginspec is installed, so it imports nothing else before it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from marginspec.conform.report import Run

MARK = "marginspec"
FIXTURE = "marginspec_rule"
PROTOCOL = "protocol"
"""The name of the test that asks whether every answer was one."""
KNOBS = ("policy", "seed", "events", "accept", "vectors", "timeout")
RUNS: pytest.StashKey[dict[tuple[Any, ...], Run]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Say what the mark is."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(engine, policy=None, seed=1, events=5000, accept=None, vectors=True, timeout=10): "
        f"one test for each rule of the law; the function takes `{FIXTURE}` and calls its check()",
    )
    config.stash[RUNS] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each rule, in the order of the chapters, and one for the protocol."""
    if FIXTURE in metafunc.fixturenames and metafunc.definition.get_closest_marker(MARK) is not None:
        from marginspec.conform.report import rules

        metafunc.parametrize(FIXTURE, [*rules(), PROTOCOL], indirect=True)


@pytest.fixture
def marginspec_rule(request: pytest.FixtureRequest) -> RuleVerdict:
    """What the engine of the mark makes of one rule."""
    mark = request.node.get_closest_marker(MARK)
    if mark is None:
        raise pytest.UsageError(f"The fixture `{FIXTURE}` goes with @pytest.mark.{MARK}(Engine).")
    return RuleVerdict(request.param, run_of(request.config, mark))


def run_of(config: pytest.Config, mark: pytest.Mark) -> Run:
    """The run of a mark: made when the first rule asks, and kept for the others."""
    from marginspec.conform.command import Options, judged
    from marginspec.conform.opening import Recipe

    unknown = sorted(mark.kwargs.keys() - set(KNOBS))
    if len(mark.args) != 1 or unknown:
        problem = f"it has no {', '.join(unknown)}" if unknown else "it names one engine"
        raise pytest.UsageError(f"@pytest.mark.{MARK}(Engine, {', '.join(KNOBS)}): {problem}.")
    engine = mark.args[0]
    name = engine if isinstance(engine, str) else f"{engine.__module__}:{engine.__qualname__}"
    runs = config.stash[RUNS]
    key = (name, *sorted(mark.kwargs.items()))
    if key not in runs:
        knobs = {"events": 5_000, **mark.kwargs}
        timeout = knobs.pop("timeout", 10.0)
        runs[key] = judged(Recipe((), name, timeout), Options(**knobs, database=None))
    return runs[key]


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """What a run says of one rule."""

    rule: str
    run: Run

    def check(self) -> None:
        """Pass, fail with both sides, or skip with the reason."""
        from marginspec.conform.judgement import CONFORMS, DIFFERS
        from marginspec.conform.report import difference_lines, findings_in_words, reason_of

        if self.rule == PROTOCOL:
            if self.run.judgement.findings:
                pytest.fail("\n\n".join(findings_in_words(self.run)), pytrace=False)
            return
        verdict = self.run.verdicts()[self.rule]
        if verdict == DIFFERS:
            pytest.fail("\n".join(difference_lines(self.run, self.rule, verdict)), pytrace=False)
        if verdict != CONFORMS:
            pytest.skip(reason_of(self.run, self.rule, verdict))
