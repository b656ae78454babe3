"""How far a grid of runs is: in one line while it runs, and for whoever asks meanwhile."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm  # tqdm.auto warns where ipywidgets is missing

from utils.experiments.recorded import RUNNING
from utils.lab.runs.job import Job
from utils.support.files import read_json, write_json


class Progress:
    """One line for the whole grid: runs done, how far the running ones are, the time left."""

    def __init__(self, jobs: list[Job]):
        live = sys.stderr.isatty() or "ipykernel" in sys.modules
        self._bar = tqdm(
            total=sum(job.recipe.epochs for job in jobs),
            unit="epoch",
            mininterval=1 if live else 60,  # a log file gets a line a minute
        )
        self._folder, self._runs = jobs[0].path.parents[1], len(jobs)
        self._left = {job.name: job for job in jobs}

    def close(self) -> None:
        self._bar.close()
        running(self._folder)  # sweeps up after commands that were killed

    def say(self, text: str) -> None:
        self._bar.write(text)

    def ended(self, job: Job, outcome: dict | str) -> None:
        """A run gave its result or, in words, what went wrong."""
        self._left.pop(job.name, None)
        if isinstance(outcome, dict):
            last, best = outcome["test_accuracy_last"], outcome["test_accuracy_best"]
            outcome = f"{last:.2f} (best epoch {best:.2f}) in {outcome['seconds']:.0f} s"
        self.say(f"{job.name}: {outcome}")

    def hear(self, status: dict) -> None:
        """A worker of a cluster, whose disk is not this machine's, tells how far a run is."""
        if job := self._left.get(status["name"]):
            with contextlib.suppress(OSError):
                write_json(status, job.status)

    def draw(self) -> None:
        now = [status for status in running(self._folder) if status["name"] in self._left]
        left = sum(job.recipe.epochs for job in self._left.values())
        states = [f"{s['name']}: {s['epoch']}/{s['epochs']} {s['accuracy']:.2f}" for s in now]
        done = f"{self._runs - len(self._left)}/{self._runs} runs"
        self._bar.set_description_str(done, refresh=False)
        self._bar.set_postfix_str(" · ".join(states), refresh=False)
        epochs = self._bar.total - left + sum(status["epoch"] for status in now)
        self._bar.update(epochs - self._bar.n)


def running(folder: Path) -> list[dict]:
    """How far the runs are that are being made on this machine for ``folder``."""
    found = []
    for path in sorted((folder / RUNNING).glob("*.json")):
        with contextlib.suppress(OSError, ValueError):  # ended since
            if _is_claimed(path):
                found.append(read_json(path))
            else:
                path.unlink()  # left by a command that was killed
    return found


def _is_claimed(path: Path) -> bool:
    try:
        with FileLock(path.with_suffix(".lock"), timeout=0):
            return False
    except Timeout:
        return True
