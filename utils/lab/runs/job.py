"""One run, in whatever process it lands: this one, another of this machine, a cluster's."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from utils import corruptions, data, smoke
from utils.experiments.recorded import RUNNING
from utils.history import History
from utils.lab.runs import one
from utils.recipes import Recipe
from utils.support import machine
from utils.support.files import write_json

TOPIC = "mnist-one-change-at-a-time"  # Dask's event log that workers write to
_alone = threading.Lock()  # dropout draws from torch's global stream: one run per process


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
        """The file that says how far the run is."""
        folder, recipe = self.path.parents[1], self.path.parent.name
        return folder / RUNNING / f"{recipe}-{self.path.name}"

    def lock(self) -> FileLock:
        """The claim on this run; the operating system frees those of a killed command."""
        self.status.parent.mkdir(parents=True, exist_ok=True)
        # Wait for a moment: whoever looks at what is running holds the lock for one.
        return FileLock(self.status.with_suffix(".lock"), timeout=0.3)


@functools.lru_cache(maxsize=2)
def images_of(kind: str) -> data.ImageSet:
    """What runs train on, loaded once per process.

    ``"mnist"``; ``"validation"``, its training images split in two, and ``"validation 2"``, the
    same with others held out; ``"smoke"``, a small part of MNIST-5k. Raises ``ValueError`` where
    a set that is not MNIST lies in its place.
    """
    if kind == "smoke":
        return smoke.fewer(data.load("mnist-5k"))
    found = data.load("mnist")
    if not found.is_mnist:
        raise ValueError(f"this is {found.name}: only runs on MNIST are recorded")
    name, _, part = kind.partition(" ")
    return data.validation_split(found, part=int(part or 1)) if name == "validation" else found


@functools.lru_cache(maxsize=2)
def corrupted_of(kind: str) -> dict[str, data.ImageSet]:
    """``images_of``, under each corruption that a recipe may be chosen by; once per process."""
    return {name: corruptions.corrupted(images_of(kind), name) for name in corruptions.CHOOSING}


def make(job: Job) -> dict | str:
    """Make one run; return its result or, in words, why it failed: the other runs go on."""

    def tell(history: History) -> None:
        with contextlib.suppress(Exception):  # without progress the run is as good
            _tell(job, len(history), history.test_accuracy[-1])

    with _alone, machine.cpu_threads(job.threads):
        try:
            images = images_of(job.images)
            choosing = job.images.startswith("validation")
            corrupted = corrupted_of(job.images) if choosing else None
            return one.run(
                job.recipe,
                job.seed,
                images,
                job.device,
                verbose=False,
                after_epoch=tell,
                keep_network=not choosing,
                corrupted=corrupted,
            )
        except Exception as error:
            return f"{type(error).__name__}: {error}"


def _tell(job: Job, epoch: int, accuracy: float) -> None:
    """Say how far the run is: to the cluster where this is a worker of one, else in a file."""
    status = {"name": job.name, "epoch": epoch, "epochs": job.recipe.epochs, "accuracy": accuracy}
    if dask := sys.modules.get("distributed"):
        with contextlib.suppress(ValueError):  # this is no Dask worker
            dask.get_worker().log_event(TOPIC, status)
            return
    write_json(status, job.status)
