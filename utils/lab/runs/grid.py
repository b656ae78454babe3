"""Many runs: the missing ones, spread over processes or a cluster, each recorded as it ends.

A run is claimed with a lock before it starts, so two commands on one folder share the work, and
written by the process that claimed it, so workers need no common disk.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from utils.experiments import catalogue
from utils.experiments.recorded import path_of, read_sealed
from utils.lab.runs import executors, fingerprint, kept, protocol, results
from utils.lab.runs.job import TOPIC, Job, images_of, make
from utils.lab.runs.progress import Progress
from utils.smoke import smaller
from utils.support import checks
from utils.support.files import sweep


def run(
    names: list[str],
    seeds: list[int] | None = None,
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    threads: int = 1,
    device: str = "cpu",
    smoke: bool = False,
    folder: Path = results.FOLDER,
) -> int:
    """Record every run of ``names`` × ``seeds`` that is missing in ``folder``; return how many.

    By default a recipe's seeds are those that its experiment asks for.
    ``jobs`` processes (default: one per core), or at most so many workers of the Dask cluster at
    the address ``cluster``; ``threads`` CPU threads a run, on ``device``. ``smoke`` cuts each run
    down to seconds, for trying the machinery, and needs a folder of its own. Before anything is
    trained, raises ``ValueError`` for a name or a size that cannot be and for a recipe that is not
    frozen (see ``protocol``), and ``BadResult`` where a recorded file is unusable; at the end
    ``RuntimeError``, with each reason, where runs failed.
    """
    folder = Path(folder)
    reported = folder.resolve() == results.FOLDER.resolve()
    if smoke and reported:
        raise ValueError(f"smoke runs do not belong in {folder}: name another folder")
    if device != "cpu" and reported:
        raise ValueError(f"what is reported is made on the CPU: for {device} name another folder")
    if (drafts := {n for n in names if catalogue.get(n).draft}) and not smoke:
        raise ValueError(
            f"{', '.join(sorted(drafts))}: a draft is judged on validation only (choose), until "
            "it is final: leave draft out of its Experiment, freeze it, commit"
        )
    if threads != 1 and reported:
        raise ValueError(f"what is reported is made on one thread: for {threads} name a folder")
    asked = {name: catalogue.get(name) for name in names}
    if reported:
        protocol.check_frozen([one.recipe for one in asked.values()])
    images = "smoke" if smoke else "mnist"
    todo = []
    for one in asked.values():
        recipe = smaller(one.recipe) if smoke else one.recipe
        for seed in seeds or one.asked:
            where = path_of(recipe, seed, folder)
            name = f"{recipe.name} seed {seed}"
            todo.append(Job(name, recipe, seed, images, threads, where, device))
    todo.sort(key=lambda job: job.seed)
    return record(todo, jobs, cluster)


def record(todo: Iterable[Job], jobs: int | None = None, cluster: str | None = None) -> int:
    """Make and record those of ``todo`` that are missing; return how many (see ``run``)."""
    checks.whole(1, **({} if jobs is None else {"jobs": jobs}))
    todo = list({job.path: job for job in todo}.values())  # each once
    for images, threads in {(job.images, job.threads) for job in todo}:
        checks.whole(1, threads=threads)
        images_of(images)  # here first: a clear error before any worker starts, one download
    missing = [job for job in todo if not _is_recorded(job)]
    print(f"{len(todo)} runs, {len(todo) - len(missing)} recorded already", flush=True)
    ended = _make(missing, jobs, cluster) if missing else {}
    if absent := [job.name for job in missing if job not in ended and not job.path.exists()]:
        print(f"{len(absent)} runs are being made by another command: {', '.join(absent)}")
    if failed := [f"{job.name}: {reason}" for job, reason in ended.items() if reason]:
        raise RuntimeError("\n".join([f"{len(failed)} of {len(missing)} runs failed", *failed]))
    return len(ended)


def _make(missing: list[Job], jobs: int | None, cluster: str | None) -> dict[Job, str]:
    """The runs that ended, each with why it failed: an empty text where it is recorded."""
    for job in missing:
        fingerprint.fingerprint(job.recipe)  # now, so that results need not wait for it
    progress = Progress(missing)
    with contextlib.closing(progress), contextlib.closing(_Records(progress)) as records:
        if cluster:
            workers = executors.on_cluster(cluster, jobs, TOPIC, progress.hear)
        else:
            workers = executors.on_this_machine(jobs)
        with workers as (submit, room):
            for ended in executors.outcomes(make, missing, records.claim, submit, room):
                for job, outcome in ended:
                    records.add(job, outcome)
                progress.draw()
    return records.ended


def _is_recorded(job: Job) -> bool:
    """Whether its result is there; ``BadResult`` where what is there is not it."""
    if not job.path.exists():
        return False
    if job.images.startswith("validation"):
        read_sealed(job.path)
    else:
        full, made_by = job.images == "mnist", (job.device, job.threads)
        results.read(job.path, job.recipe, job.seed, full, made_by)
    return True


class _Records:
    """Claims the runs of a command and writes their results.

    A result that cannot be written, as on a full disk, is kept in memory and tried again whenever
    a run ends; in the end it goes to the system's temporary folder.
    """

    def __init__(self, progress: Progress):
        self.ended: dict[Job, str] = {}  # see _make
        self._progress = progress
        self._locks: dict[Job, FileLock] = {}
        self._unwritten: dict[Job, dict] = {}

    def close(self) -> None:
        self._write()
        for job, result in self._unwritten.items():
            self._end(job, f"{job.path} cannot be written: {_rescued(job.path, result)}")
        for lock in self._locks.values():
            lock.release()

    def claim(self, job: Job) -> bool:
        """``False`` where another command has the run or has recorded it meanwhile."""
        if job in self._locks:  # its process died
            return True
        try:
            lock = job.lock()
            lock.acquire()
        except Timeout:
            return False
        except OSError as error:
            self._end(job, f"it cannot be claimed: {error}")
            return False
        if job.path.exists():
            lock.release()
            return False
        self._locks[job] = lock
        for path in (job.path, kept.path_of(job.path), job.status):
            sweep(path)
        return True

    def add(self, job: Job, outcome: dict | str) -> None:
        """A run gave its result or, in words, what went wrong."""
        if reason := outcome if isinstance(outcome, str) else _of_other_code(job, outcome):
            self._end(job, reason)
        else:
            self._unwritten[job] = outcome
        self._write()

    def _write(self) -> None:
        for job, result in list(self._unwritten.items()):
            try:
                results.write(result, job.path)
            except OSError as error:
                text = f"{job.path} cannot be written ({error}). The result is kept in memory"
                self._progress.say(f"{job.name}: {text}; next try when another run ends")
            else:
                del self._unwritten[job]
                self._end(job, result)

    def _end(self, job: Job, outcome: dict | str) -> None:
        self.ended[job] = outcome if isinstance(outcome, str) else ""
        self._progress.ended(job, outcome)
        with contextlib.suppress(OSError):  # there may be none
            job.status.unlink()
        if job in self._locks:
            self._locks.pop(job).release()


def _rescued(path: Path, result: dict) -> str:
    """Write a result and its network to the system's temporary folder; say where they are."""
    try:
        place = Path(tempfile.mkdtemp(prefix="mnist-")) / path.parent.name / path.name
        results.write(result, place)
    except OSError as error:
        return f"the result is lost, the temporary folder cannot be written either ({error})"
    return f"the result and its network are in {place.parent}, move both once there is room"


def _of_other_code(job: Job, result: dict) -> str:
    """What to do where the worker's code is not this code; empty where it is."""
    if fingerprint.agree(result["fingerprint"], fingerprint.fingerprint(job.recipe)):
        return ""
    return (
        f"the worker's code gives other numbers ({result['machine']}, commit "
        f"{result['git_commit']}, torch {result['versions']['torch']}): bring it to this "
        "commit and these versions"
    )
