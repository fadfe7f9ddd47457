"""Another Cython program. Goal: it can call the kernels by their .pxd, from loops without the GIL.

Method: tests/foreign/desk.pyx is compiled in a folder of its own, where it finds only what is installed, and
its loops are asked the same as the law.
"""

import importlib.util
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from marginspec.paths import ROOT
from refmodel.funding import funding_per_lot
from refmodel.liquidation import liquidation_penalty
from refmodel.liquidation_price import Line, first_tick_of_long
from refmodel.numbers import PPM

SEED = 7
ROWS = 500


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The other program, compiled and imported."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "desk.pyx").write_text((ROOT / "tests" / "foreign" / "desk.pyx").read_text(encoding="utf-8"))
    built = subprocess.run(
        [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "-q", "desk.pyx"],
        cwd=folder,
        env={**os.environ, "CFLAGS": "-O1 -w"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (module,) = folder.glob("desk.*.so")
    spec = importlib.util.spec_from_file_location("desk", module)
    desk = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(desk)
    return desk


def drawn(low: int, high: int) -> np.ndarray:
    """Whole numbers, the edges of their range among them."""
    draw = random.Random(f"{SEED}:{low}:{high}")
    return np.array([low, high, *(draw.randint(low, high) for _ in range(ROWS - 2))], dtype=np.int64)


def test_its_penalties_are_those_of_the_law(desk):
    amounts, free, paid = drawn(0, 10**9), drawn(-(10**6), 10**7), np.zeros(ROWS, np.int64)
    desk.penalties(amounts, 12_500, free, paid)
    rows = zip(amounts.tolist(), free.tolist(), strict=True)
    assert paid.tolist() == [liquidation_penalty(amount, 12_500, left) for amount, left in rows]
    assert len({*paid.tolist()} - {0}) > ROWS // 4


def test_its_liquidation_prices_are_those_of_the_law(desk):
    lots, marks, part = drawn(1, 10**6), drawn(10**4, 10**7), drawn(30_000, 900_000)
    equities = lots * marks * part // PPM
    ticks = np.zeros(ROWS, np.int64)
    desk.first_ticks(equities, lots, marks, 25_000, ticks)
    rows = zip(equities.tolist(), lots.tolist(), marks.tolist(), strict=True)
    law = [
        first_tick_of_long(held, 1, PPM * (equity - held * mark), mark, Line(25_000, 0, 0))
        for equity, held, mark in rows
    ]
    assert ticks.tolist() == law
    assert sum(tick > 0 for tick in law) > ROWS // 2


@pytest.mark.parametrize("rate", [0, 1, 999, -1, -2_500])
def test_its_funding_is_that_of_the_law(desk, rate):
    lots = drawn(-(10**6), 10**6)
    per_lot = funding_per_lot(rate, 60_001, 7)
    assert desk.funding(lots, rate, 60_001 * 7) == sum(-per_lot * held for held in lots.tolist())
