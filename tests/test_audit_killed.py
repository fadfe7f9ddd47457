"""marginspec/audit, killed. Goal: an audit that is killed with SIGKILL at any moment and run again comes to
what an undisturbed one comes to: nothing lost, nothing counted twice, no wrong state.
Method: tests/soak.py, twenty-one times; `make soak` does it a thousand times.
"""

import sys

import pytest

from tests.soak import prepare, soak

KILLS = 21


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "parquet"])
def test_a_killed_audit_comes_to_the_same(tmp_path, form):
    log, undisturbed = prepare(tmp_path, form, events=1_000)
    told = soak(log, undisturbed, tmp_path, kills=KILLS // 3, seed=sys.maxsize)
    assert told.kills == KILLS // 3
    assert told.resumed > 0, "some kills came after a checkpoint"
    assert told.ended > 0
    assert (told.lost, told.twice, told.wrong) == (0, 0, 0)
