"""Where runs are made: in processes of this machine, or by the workers of a Dask cluster.

Both take jobs as there is room for them, claim each before it starts and yield
``(job, outcome)`` as it ends: its result or, in words, what went wrong.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator

import joblib
from filelock import FileLock, Timeout
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from utils.lab.runs.job import Job, work
from utils.support.files import sweep

LOOK_EVERY_S = 2  # for workers that have joined a cluster


class Claims:
    """The runs this command has claimed. The operating system frees those of a killed one."""

    def __init__(self) -> None:
        self._locks: dict[str, FileLock] = {}

    def take(self, job: Job) -> bool:
        """Claim ``job``; ``False`` where another command has it or has recorded it meanwhile."""
        lock = job.lock()
        try:
            lock.acquire()
        except Timeout:
            return False
        if job.path.exists():
            lock.release()
            return False
        self._locks[job.name] = lock
        for path in (job.path, job.status):
            sweep(path)
        return True

    def drop(self, job: Job) -> None:
        self._locks.pop(job.name).release()

    def drop_all(self) -> None:
        while self._locks:
            self._locks.popitem()[1].release()


def on_this_machine(jobs: list[Job], claims: Claims, processes: int | None) -> Iterator[tuple]:
    """In ``processes`` (default: one per core), with joblib.

    When one dies, say for want of memory, the runs in flight are made again.
    """
    ended: set[str] = set()
    parent = os.getpid()

    def tasks() -> Iterator:
        for job in jobs:
            if job.name not in ended and claims.take(job):
                yield joblib.delayed(work)(job, parent)

    while True:
        before = len(ended)
        parallel = joblib.Parallel(
            n_jobs=processes or joblib.cpu_count(),
            backend="loky",
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch="n_jobs",
        )
        try:
            for job, outcome in parallel(tasks()):
                ended.add(job.name)
                yield job, outcome  # recorded by whoever asked, before the claim goes
                claims.drop(job)
            return
        except TerminatedWorkerError as error:
            if len(ended) == before:
                raise RuntimeError(
                    "worker processes die before a run ends, often for want of memory: "
                    "try fewer --jobs. Finished runs are kept."
                ) from error
            claims.drop_all()
        except BaseException:
            get_reusable_executor().shutdown(wait=False, kill_workers=True)
            raise


def on_cluster(jobs: list[Job], claims: Claims, client, most: int | None) -> Iterator[tuple]:
    """On the workers of ``client``'s cluster, one run a thread, at most ``most`` at a time.

    Workers may join and leave: Dask makes a lost worker's runs again elsewhere. Its own futures
    do what joblib's Dask backend does not: follow the cluster's size, and report a run that
    could not even start.
    """
    from distributed import wait

    left, running = deque(jobs), {}
    try:
        while left or running:
            room = sum(client.nthreads().values())
            while left and len(running) < min(room, most or room):
                job = left.popleft()
                if claims.take(job):
                    running[client.submit(work, job, None, pure=False)] = job
            if not running:
                time.sleep(LOOK_EVERY_S if left else 0)  # no worker yet
                continue
            with contextlib.suppress(TimeoutError):
                wait(list(running), timeout=LOOK_EVERY_S, return_when="FIRST_COMPLETED")
            for future in [future for future in running if future.done()]:
                job = running.pop(future)
                if future.status == "finished":
                    yield job, future.result()[1]
                else:
                    yield job, f"{type(future.exception()).__name__}: {future.exception()}"
                claims.drop(job)
    finally:
        client.cancel(list(running))


@contextlib.contextmanager
def connected(address: str) -> Iterator:
    """A client of the Dask scheduler at ``address``; ``RuntimeError`` where there is none."""
    try:
        from distributed import Client  # here: an optional extra
    except ImportError as error:
        raise RuntimeError("--cluster needs Dask: pip install -e '.[cluster]'") from error
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise RuntimeError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        yield client
