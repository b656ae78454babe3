"""How far a grid of runs is: in one line while it runs, and for whoever asks meanwhile."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm.auto import tqdm  # bars for terminals and for notebooks

from utils.lab.runs.job import RUNNING, TOPIC, Job
from utils.support.files import write_json


class Board:
    """One line for the whole grid: runs done, how far the running ones are, the time left."""

    def __init__(self, jobs: list[Job], client=None):
        live = sys.stderr.isatty() or "ipykernel" in sys.modules
        self.every_s = 1 if live else 60  # a log file gets a line a minute
        self.jobs = {job.name: job for job in jobs}
        self._client = client
        self.latest: dict[str, dict] = {}
        self.done: set[str] = set()
        self.bar = tqdm(total=sum(job.recipe.epochs for job in jobs), unit="epoch")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Board:
        self._thread.start()
        if self._client:  # whose workers' disks are not this machine's
            self._client.subscribe_topic(TOPIC, lambda event: self._hear(event[1]))
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()
        self.bar.close()
        running(self._folder())  # sweeps up after commands that were killed

    def ended(self, job: Job, outcome: dict | str) -> None:
        """A run gave its result or, in words, what went wrong."""
        self.done.add(job.name)
        job.status.unlink(missing_ok=True)
        if isinstance(outcome, dict):
            outcome = (
                f"{outcome['test_accuracy_last']:.2f} (best epoch "
                f"{outcome['test_accuracy_best']:.2f}) in {outcome['seconds']:.0f} s"
            )
        self.bar.write(f"{job.name}: {outcome}")
        self._draw()

    def _folder(self) -> Path:
        return next(iter(self.jobs.values())).path.parents[1]

    def _hear(self, status: dict) -> None:
        """A worker of the cluster tells how far it is: noted here, and for ``list``."""
        self._note(status)
        job = self.jobs.get(status["name"])
        if job and job.name not in self.done:
            with contextlib.suppress(OSError):
                write_json(status, job.status)

    def _note(self, status: dict) -> None:
        self.latest[status["name"]] = status

    def _watch(self) -> None:
        while not self._stop.wait(self.every_s):
            for status in running(self._folder()):
                self._note(status)
            self._draw()

    def _draw(self) -> None:
        latest = list(self.latest.items())  # other threads go on writing to it
        now = [s for name, s in latest if name in self.jobs and name not in self.done]
        self.bar.n = sum(self.jobs[name].recipe.epochs for name in self.done)
        self.bar.n += sum(status["epoch"] for status in now)
        states = [f"{s['name']}: {s['epoch']}/{s['epochs']} {s['accuracy']:.2f}" for s in now]
        self.bar.set_description_str(f"{len(self.done)}/{len(self.jobs)} runs", refresh=False)
        self.bar.set_postfix_str(" · ".join(states))


def running(folder: Path) -> list[dict]:
    """How far the runs are that are being made on this machine for ``folder``."""
    found = []
    for path in sorted((folder / RUNNING).glob("*.json")):
        with contextlib.suppress(OSError, json.JSONDecodeError):  # ended since
            if _is_claimed(path):
                found.append(json.loads(path.read_text()))
            else:
                path.unlink()  # left by a command that was killed
    return found


def _is_claimed(path: Path) -> bool:
    try:
        with FileLock(path.with_suffix(".lock"), timeout=0):
            return False
    except Timeout:
        return True
