"""Where jobs are done: in processes of this machine, or by the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from concurrent.futures import ProcessPoolExecutor as Pool
from multiprocessing import get_context
from multiprocessing.connection import Connection

from tqdm import tqdm

LOOK_EVERY_S = 2
CONNECT_S = 10  # until a scheduler that does not answer is given up
DIED = "its process died twice, often for lack of memory: try fewer --jobs"


def outcomes(
    do: Callable, jobs: Iterable, claim: Callable, submit: Callable, room: Callable
) -> Iterator[list[tuple]]:
    """Do ``jobs``; yield those that ended, ``(job, outcome)``, every two seconds or more often.

    An outcome is what ``do(job)`` returned or, as text, its error. A job is submitted when fewer
    than ``room()`` are running, and only if ``claim(job)`` is true at that moment. If its process
    dies, it is submitted once more.
    """
    waiting, running, died = deque(jobs), {}, set()
    while waiting or running:
        most = room()
        while waiting and len(running) < most:
            if claim(job := waiting.popleft()):
                running[submit(do, job)] = job
        if waiting and not running:  # no worker has joined the cluster yet
            time.sleep(LOOK_EVERY_S)
        ended = []
        for future in wait(running, LOOK_EVERY_S, FIRST_COMPLETED).done:
            job, error = running.pop(future), future.exception()
            if not isinstance(error, BrokenExecutor):
                text = f"{type(error).__name__}: {error}"
                ended.append((job, text if error else future.result()))
            elif job in died:
                ended.append((job, DIED))
            else:
                died.add(job)
                waiting.appendleft(job)
        yield ended


@contextlib.contextmanager
def on_this_machine(most: int | None = None) -> Iterator[tuple[Callable, Callable]]:
    """``submit`` and ``room`` for processes of this machine, at most ``most`` (default: the cores).

    They start as they are needed, and all end with this process, however it ends. Each is a pool
    of its own: if it dies, it takes no other job with it.
    """
    spawn = get_context("spawn")  # fork would copy locks that other threads hold
    command, end = spawn.Pipe(duplex=False)
    last: dict[Pool, Future] = {}

    def submit(do: Callable, job) -> Future:
        for pool in [pool for pool, future in last.items() if future.done()]:
            with contextlib.suppress(BrokenExecutor):  # it died: another one takes its place
                last[pool] = pool.submit(do, job)
                return last[pool]
            del last[pool]
        pool = Pool(1, spawn, initializer=_belong_to, initargs=(command,))
        with _interrupts_held():
            last[pool] = pool.submit(do, job)
        return last[pool]

    try:
        yield submit, lambda: most or cores()
    finally:
        end.close()
        for pool in last:
            pool.shutdown()


def _belong_to(command: Connection) -> None:
    """Make this process end when the command ends, and not at an interrupt."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore, which os._exit would leave behind

    def watch() -> None:
        try:
            command.recv_bytes()  # nothing is ever sent: this returns when the other end closes
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process that starts inside gets no interrupt; this one gets it afterwards."""
    if os.name == "nt":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def cores() -> int:
    """How many cores this process may use."""
    with contextlib.suppress(AttributeError):  # macOS and Windows have no such function
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def on_cluster(
    address: str, most: int | None, topic: str, hear: Callable
) -> Iterator[tuple[Callable, Callable]]:
    """``submit`` and ``room`` for the workers of a Dask scheduler, at most ``most``, one job each.

    Workers may join and leave: Dask does the job of a lost one again elsewhere. ``hear`` gets what
    they log to ``topic``. Raises ``RuntimeError`` where no scheduler answers, now or later.
    """
    try:
        from distributed import Client  # here: an optional extra
    except ImportError as error:
        raise RuntimeError("--cluster needs Dask: pip install -e '.[cluster]'") from error
    try:
        client = Client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"no Dask scheduler answers at {address}: {error}") from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # the error below says it
    with client:
        client.subscribe_topic(topic, lambda event: hear(event[1]))

        def room() -> int:
            try:
                workers = len(client.nthreads())
            except OSError as error:
                raise CancelledError from error
            return min(workers, most or workers)

        try:
            yield client.get_executor(pure=False).submit, room
        except CancelledError as error:  # of jobs, when the scheduler is lost
            lost = f"the Dask scheduler at {address} no longer answers: finished runs are kept"
            raise RuntimeError(lost) from error
