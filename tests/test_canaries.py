"""The canaries. Goal: the prover is not blind. Method: every canary runs; then the prover is blinded on
purpose, in several ways, and the canaries have to notice each.
"""

import pytest

import proofs.canaries as canaries
from proofs.canaries import EMPTY, FALSE, MUTANT_CANARIES, run_canaries
from proofs.ladder import Verdict
from proofs.runs import Premise, Reason


def test_every_canary_sings():
    report = run_canaries()
    assert report.failures == () and report.holds
    assert report.refuted == len(FALSE) >= 20
    assert report.flagged == len(EMPTY) + MUTANT_CANARIES >= 10


def test_they_take_seconds_and_not_minutes():
    assert run_canaries().seconds < 5


def everything_is_proved(monkeypatch):
    monkeypatch.setattr("proofs.explorer.Path.decide", lambda self, term: Verdict("proved", None, "blind", 0))


def one_side_of_a_branch_only(monkeypatch):
    from proofs.explorer import Path

    branch = Path.branch

    def forgets(self, condition):
        taken = branch(self, condition)
        self.alternatives.clear()
        return taken

    monkeypatch.setattr(Path, "branch", forgets)


def a_remainder_may_be_anything(monkeypatch):
    from proofs.explorer import Path

    monkeypatch.setattr(Path, "divide", lambda self, n, d: (n, n))


def facts_about_an_item_are_used_everywhere(monkeypatch):
    from proofs.explorer import Path

    monkeypatch.setattr(Path, "facts_for", lambda self, term: [step.term for step in self.steps])


def maximum_is_the_first(monkeypatch):
    monkeypatch.setitem(__import__("proofs.symbolic").symbolic.MERGING, "max", lambda *values: values[0])


def witnesses_are_not_run(monkeypatch):
    monkeypatch.setattr("proofs.prover._check_witnesses", lambda theorem: [])


def machine_integers_never_overflow(monkeypatch):
    monkeypatch.setattr("proofs.machine._fits", lambda value, ctype: True)


def an_assumption_reaches_back(monkeypatch):
    from proofs.explorer import Path

    def claim(self, condition, sentence):
        self.premise(condition, Premise(Reason("guard", "blind"), sentence))

    monkeypatch.setattr(Path, "claim", claim)


BLINDFOLDS = [
    everything_is_proved,
    one_side_of_a_branch_only,
    a_remainder_may_be_anything,
    facts_about_an_item_are_used_everywhere,
    maximum_is_the_first,
    witnesses_are_not_run,
    machine_integers_never_overflow,
    an_assumption_reaches_back,
]


@pytest.mark.parametrize("blindfold", BLINDFOLDS, ids=lambda blindfold: blindfold.__name__)
def test_a_blinded_prover_is_noticed(blindfold, monkeypatch):
    blindfold(monkeypatch)
    report = canaries.run_canaries()
    assert report.failures, "no canary noticed"
