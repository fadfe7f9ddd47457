"""Work on a Dask cluster: machines whose scheduler somebody has started, each with this version installed.

An item of work is a future of the scheduler. If a worker dies, the scheduler gives its items to another; a
result arrives once, here, and is counted here. An item depends on nothing but its arguments, so it does not
matter which worker did it, or whether one that died had done it already.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from marginspec.errors import Flaw, InputError
from marginspec.fingerprint import AS_WRITTEN, code_digest

SECONDS_TO_CONNECT = 10
ONE_AT_A_TIME = threading.Lock()
"""A worker may have several threads, and who observes the law observes all of its process."""

Given = TypeVar("Given")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Cluster:
    """The address of a Dask scheduler, such as tcp://10.0.0.1:8786."""

    address: str

    def __str__(self) -> str:
        return f"the cluster at {self.address}"


class OtherVersion(Exception):
    """A worker that has other code than the one who asks it: its results would be of another law."""


def work_there(
    version: str, work: Callable[[Given, int, Item], Result], policy: Given, seed: int, item: Item
) -> Result:
    """One piece of work on a worker. Errors: OtherVersion."""
    if code_digest(AS_WRITTEN) != version:
        raise OtherVersion
    with ONE_AT_A_TIME:
        return work(policy, seed, item)


def worked_on(
    cluster: Cluster,
    work: Callable[[Given, int, Item], Result],
    policy: Given,
    seed: int,
    items: Iterable[Item],
) -> Iterator[Result]:
    """The results of all items, as they are finished.

    Errors: InputError if the scheduler does not answer, has no worker, or a worker has another version.
    """
    distributed = import_distributed(cluster)
    client = _connected(distributed, cluster)
    version = code_digest(AS_WRITTEN)
    waiting = iter(items)
    running = distributed.as_completed(loop=client.loop)
    under_way = 0
    try:
        while True:
            # A short queue: what is not yet begun when somebody interrupts is never begun.
            while under_way < 2 * max(1, sum(client.nthreads().values())):
                item = next(waiting, None)
                if item is None:
                    break
                running.add(client.submit(work_there, version, work, policy, seed, item, pure=False))
                under_way += 1
            if under_way == 0:
                return
            finished = next(running)
            under_way -= 1
            yield _result(distributed, finished, cluster)
    finally:
        client.cancel(list(running.futures))
        client.close()


def import_distributed(cluster: Cluster) -> ModuleType:
    """Dask's scheduler, which is an extra. Errors: InputError if it is not installed."""
    try:
        import distributed
    except ImportError:
        repair = (
            "Install it: pip install 'marginspec[dask]'. --workers N uses the processors of this machine."
        )
        raise InputError(cluster.address, Flaw("", "needs Dask to be spoken to.", repair)) from None
    module: ModuleType = distributed
    return module


def _connected(distributed: ModuleType, cluster: Cluster) -> Any:
    begin = "Start `dask scheduler` and on each machine, with this version installed, `dask worker ADDRESS`."
    try:
        client = distributed.Client(cluster.address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        problem = f"does not answer as a Dask scheduler: {' '.join(str(error).split())[:200]}."
        raise InputError(cluster.address, Flaw("", problem, begin)) from None
    try:
        client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
    except TimeoutError:
        client.close()
        raise InputError(cluster.address, Flaw("", "is a scheduler without workers.", begin)) from None
    return client


def _result(distributed: ModuleType, finished: Any, cluster: Cluster) -> Any:
    again = "What was done is in the evidence file, if one was named: run again and it goes on there."
    try:
        return finished.result()
    except OtherVersion:
        problem = "has a worker with another version of marginspec than this one."
        repair = "Install the same version on all machines, and start their workers again."
    except distributed.KilledWorker:
        problem, repair = "lost one worker after the other under the same piece of work.", again
    except (distributed.CancelledError, distributed.comm.CommClosedError):
        problem, repair = "is gone: the scheduler has ended.", again
    raise InputError(cluster.address, Flaw("", problem, repair))
