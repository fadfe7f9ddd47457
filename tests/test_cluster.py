"""The campaign on a Dask cluster of real processes. Goal: the same result as on one machine, whatever dies.

Method: a scheduler and workers as their commands start them, on this machine; a run in lock step on them
against the same run here, with a worker killed in the middle of the first one.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from marginspec.conform.command import Options, judged
from marginspec.conform.opening import Recipe
from marginspec.errors import InputError
from marginspec.paths import ROOT
from marginspec.policy_file import read_policy
from marginspec.search import workers as workers_module
from marginspec.search.cluster import Cluster, OtherVersion, work_there
from marginspec.search.lockstep import run_lockstep
from marginspec.search.workers import worked

pytest.importorskip("distributed", reason="Dask is an extra of its own")

SEED, EVENTS = 5, 6_000


class RealCluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, count):
        self.surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        scheduler, said = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = re.search(r"tcp://127\.0\.0\.1:\d+", said(r"tcp://127\.0\.0\.1:\d+")).group()
        self.scheduler = scheduler
        self.workers = [self._worker() for _ in range(count)]

    def _worker(self):
        process, said = self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        said("Registered to")
        return process

    def _start(self, *words):
        command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]]
        process = subprocess.Popen(
            command, env=self.surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        lines, fresh = [], threading.Event()

        def read():
            for line in process.stderr:
                lines.append(line)
                fresh.set()

        threading.Thread(target=read, daemon=True).start()

        def said(pattern):
            until = time.monotonic() + 60
            while time.monotonic() < until and process.poll() is None:
                if re.search(pattern, "".join(lines)):
                    return "".join(lines)
                fresh.wait(0.2)
                fresh.clear()
            raise AssertionError("".join(lines)[-2_000:])

        return process, said

    def close(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
            process.stderr.close()


@pytest.fixture(scope="module")
def cluster():
    one = RealCluster(2)
    yield one
    one.close()


def test_a_killed_worker_loses_nothing_and_counts_nothing_twice(cluster, tmp_path):
    policy = read_policy("minimal")
    here = run_lockstep(policy, EVENTS, 1, SEED, runs=tmp_path)
    killed = []

    def kill_one(done, total):
        if not killed:
            killed.append(cluster.workers[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    evidence = tmp_path / "evidence.sqlite"
    there = run_lockstep(
        policy, EVENTS, Cluster(cluster.address), SEED, kill_one, runs=tmp_path, evidence=evidence
    )
    assert killed and cluster.workers[0].wait(10) == -signal.SIGKILL
    assert there.total("events") == here.total("events") == EVENTS
    assert there.counts == here.counts
    again = run_lockstep(policy, EVENTS, 1, SEED, runs=tmp_path, evidence=evidence)
    assert again.played == 0 and again.counts == here.counts


def test_an_engine_is_held_to_the_law_on_a_cluster(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = Recipe((), "marginspec.conform.law_engine:LawEngine", 30)
    here, there = (
        judged(recipe, Options(policy="minimal", events=5_000, vectors=False, database=None, workers=who))
        for who in (1, Cluster(cluster.address))
    )
    assert there.judgement.comparisons == here.judgement.comparisons
    assert there.verdicts() == here.verdicts() and "differs" not in there.verdicts().values()


def test_another_version_is_refused(cluster, monkeypatch):
    with pytest.raises(OtherVersion):
        work_there("another", max, 1, 2, 3)
    monkeypatch.setattr("marginspec.search.cluster.code_digest", lambda suffixes: "another")
    with pytest.raises(InputError, match="another version of marginspec"):
        list(worked(workers_module.in_words, 1, 1, [1], Cluster(cluster.address)))


def test_a_scheduler_that_is_not_there_is_said():
    with pytest.raises(InputError, match="does not answer as a Dask scheduler"):
        list(worked(max, 1, 1, [1], Cluster("tcp://127.0.0.1:9")))
    with pytest.raises(InputError, match="does not answer as a Dask scheduler"):
        list(worked(max, 1, 1, [1], Cluster("no address")))
