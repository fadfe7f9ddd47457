"""The law at production speed: an independent implementation, compiled by Cython.

It never imports refmodel: a shared helper would be a shared bug. Whether it is compiled says COMPILED;
uncompiled, the kernels are plain Python (the proofs run them so) and `evaluate` refuses to run.
"""

from fastpath.columns import ColumnError, Columns, Evaluation, Schedules, prepare_schedules
from fastpath.domain import STATUSES
from fastpath.kernels import COMPILED

if COMPILED:
    from fastpath.evaluate import evaluate
else:

    def evaluate(columns: Columns, threads: int = 1) -> Evaluation:
        """Stands in for the compiled pass, to say how to build it."""
        raise RuntimeError("the fast path is not compiled: run `make verify`, or `pip install -e .`")


__all__ = [
    "COMPILED",
    "STATUSES",
    "ColumnError",
    "Columns",
    "Evaluation",
    "Schedules",
    "evaluate",
    "prepare_schedules",
]
