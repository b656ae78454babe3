"""One run in whatever process it lands: this one, another of this machine, a cluster's."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from utils import data, smoke
from utils.history import History
from utils.lab.runs import one
from utils.recipes import Recipe
from utils.support import machine
from utils.support.files import write_json

RUNNING = ".running"  # beside the results: locks, and how far each run is
TOPIC = "mnist-one-change-at-a-time"  # the cluster's event log that workers write to
_alone = threading.Lock()  # dropout draws from torch's global stream: one run a process


@dataclass(frozen=True)
class Job:
    """A run to make: everything a worker needs to know.

    ``images`` names what it trains on (see ``images_of``), ``path`` is the result's file and
    ``name`` what a reader knows the run by.
    """

    name: str
    recipe: Recipe
    seed: int
    images: str
    threads: int
    path: Path
    device: str = "cpu"

    @property
    def status(self) -> Path:
        """Where a worker on this machine leaves its last finished epoch."""
        folder, recipe = self.path.parents[1], self.path.parent.name
        return folder / RUNNING / f"{recipe}-{self.path.name}"

    def lock(self) -> FileLock:
        self.status.parent.mkdir(parents=True, exist_ok=True)
        # joblib asks for the next job in a thread of its own: the lock is the process's. It is
        # waited for a moment, since whoever looks what is running holds it for one.
        return FileLock(self.status.with_suffix(".lock"), timeout=0.3, thread_local=False)


@functools.lru_cache(maxsize=2)
def images_of(kind: str) -> data.ImageSet:
    """What runs train on, loaded once a process.

    ``"mnist"``; ``"validation"``, its training images split in two; ``"smoke"``, a small part of
    MNIST-5k. Raises ``ValueError`` where a set that is not MNIST lies in its place.
    """
    if kind == "smoke":
        return smoke.fewer(data.load("mnist-5k"))
    found = data.load("mnist")
    if not found.is_mnist:
        raise ValueError(f"this is {found.name}: only runs on MNIST are recorded")
    return data.validation_split(found) if kind == "validation" else found


def work(job: Job, parent: int | None) -> tuple[Job, dict | str]:
    """Make one run and return its result, or in words what went wrong: the others go on.

    After every epoch it tells how far it is. ``parent`` is the process that asked, where it is
    one of this machine.
    """
    if parent is not None and os.getpid() != parent:
        _belong_to(parent)

    def tell(history: History) -> None:
        _tell(job, len(history), history.test_accuracy[-1])

    with _alone, machine.cpu_threads(job.threads):
        try:
            images = images_of(job.images)
            result = one.run(
                job.recipe, job.seed, images, job.device, verbose=False, after_epoch=tell
            )
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
        finally:
            with contextlib.suppress(OSError):  # on a cluster it is another machine's path
                job.status.unlink(missing_ok=True)
    return job, result


@functools.cache  # once a process
def _belong_to(parent: int) -> None:
    """Make this worker the command's own: it neither takes an interrupt nor outlives it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command decides, and ends its workers

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)  # the command was killed: nobody is left to take a result

    threading.Thread(target=watch, daemon=True).start()


def _tell(job: Job, epoch: int, accuracy: float) -> None:
    status = {"name": job.name, "epoch": epoch, "epochs": job.recipe.epochs, "accuracy": accuracy}
    with contextlib.suppress(ImportError, ValueError):
        from distributed import get_worker

        get_worker().log_event(TOPIC, status)  # ValueError where this is no Dask worker
        return
    with contextlib.suppress(OSError):  # a full disk is the result's trouble, not the progress's
        write_json(status, job.status)
