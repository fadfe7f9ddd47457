"""Work that is cut into items: done here, in processes or on a cluster; the results as they are finished."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import Any, TypeVar

from marginspec.search.cluster import Cluster, worked_on

Progress = Callable[[int, int], None]
"""Called with the events played so far and the events to play."""


Given = TypeVar("Given")
"""The policy, or what there is in its place."""
Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Given, int, Item], Result]
"""Work on one item, given the policy and the seed; a function of a module, so that processes find it."""

Workers = int | Cluster
"""How many processes of this machine, or the machines that somebody has lent."""


def in_words(workers: Workers) -> str:
    """Who works, for the first line of a run."""
    if isinstance(workers, Cluster):
        return str(workers)
    return "1 worker" if workers == 1 else f"{workers} workers"


_WORKER: dict[str, Any] = {}
"""The policy of this worker process: sent once, not with every item."""


def start_worker(policy: Any) -> None:
    """Set up a worker process: an interruption is for the parent to answer, whose death is its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    _WORKER["policy"] = policy


def end_with_parent() -> None:
    """A worker whose parent was killed has nobody to work for, and nothing else would tell it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def work_here(work: "Work[Given, Item, Result]", seed: int, item: Item) -> Result:
    """Do one piece of work in a worker process."""
    return work(_WORKER["policy"], seed, item)


def worked(
    work: "Work[Given, Item, Result]", policy: Given, seed: int, items: Iterable[Item], workers: Workers
) -> Iterator[Result]:
    """The results of all items, as they are finished; with one worker in this process, in order.

    When the caller stops listening, no further item is begun.
    """
    if isinstance(workers, Cluster):
        yield from worked_on(workers, work, policy, seed, items)
        return
    if workers <= 1:
        yield from (work(policy, seed, item) for item in items)
        return
    executor = ProcessPoolExecutor(workers, initializer=start_worker, initargs=(policy,))
    try:
        waiting = iter(items)
        running: set[Future[Result]] = set()
        while True:
            # A short queue: what is not yet begun when somebody interrupts is never begun.
            while len(running) < workers * 2:
                for item in islice(waiting, 1):
                    running.add(executor.submit(work_here, work, seed, item))
                    break
                else:
                    break
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for finished in done:
                yield finished.result()
    finally:
        # What is under way takes a moment; without waiting, the interpreter may trip over its pipes at exit.
        executor.shutdown(wait=True, cancel_futures=True)
