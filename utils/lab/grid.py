"""Many runs: the missing ones, spread over processes or a cluster, each recorded as it ends.

A run is claimed with a lock before it starts, so two commands on one folder share the work, and
written by the process that claimed it, so workers need no common disk. The operating system
frees the locks of a killed command.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path

import joblib
from filelock import FileLock, Timeout
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from utils import checks, recipes
from utils.lab import fingerprint, results
from utils.lab.board import Board
from utils.lab.worker import Job, images_of, work


def run(
    names: list[str],
    seeds: list[int],
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    threads: int = 1,
    smoke: bool = False,
    folder: Path = results.FOLDER,
) -> int:
    """Record every run of ``names`` × ``seeds`` that is missing in ``folder``; return how many.

    ``jobs`` processes (default: one per core), or the workers of the Dask cluster at the address
    ``cluster``; ``threads`` CPU threads a run. ``smoke`` cuts each run down to seconds, for trying
    the machinery, and needs a folder of its own. Raises ``ValueError`` for a name or a size that
    cannot be and ``results.BadResult`` where a recorded file is unusable, before anything is
    trained, and ``RuntimeError`` at the end, with each reason, where runs failed.
    """
    folder = Path(folder)
    if smoke and folder.resolve() == results.FOLDER:
        raise ValueError(f"smoke runs do not belong in {folder}: name another folder")
    chosen = [recipes.smoke(recipes.get(n)) if smoke else recipes.get(n) for n in names]
    return record(
        [
            Job(
                name=f"{recipe.name} seed {seed}",
                recipe=recipe,
                seed=seed,
                images="smoke" if smoke else "mnist",
                threads=threads,
                path=results.path_of(recipe, seed, folder),
            )
            for seed in seeds
            for recipe in chosen
        ],
        jobs,
        cluster,
    )


def record(todo: list[Job], jobs: int | None = None, cluster: str | None = None) -> int:
    """Make and record those of ``todo`` that are missing; return how many (see ``run``)."""
    checks.whole(1, **({} if jobs is None else {"jobs": jobs}))
    for job in todo:
        checks.whole(1, threads=job.threads)
        images_of(job.images)  # here first: a clear error before any worker starts, one download
    missing = [job for job in todo if not _is_recorded(job)]
    print(f"{len(todo)} runs, {len(todo) - len(missing)} recorded already", flush=True)
    if not missing:
        return 0
    for job in missing:
        _fingerprint(job.recipe)  # now, so that results that come back need not wait for it
    failed = []
    with _spread(jobs, cluster) as options, Board(missing) as board:
        if cluster:
            board.listen()
        parent = None if cluster else os.getpid()
        with contextlib.closing(_outcomes(missing, options, parent)) as outcomes:
            for job, outcome in outcomes:
                if isinstance(outcome, str):
                    failed.append(f"{job.name}: {outcome}")
                else:
                    _record(job, outcome)
                board.ended(job, outcome)
    if others := len(missing) - len(board.done):
        print(f"{others} runs are another command's, which records them")
    if failed:
        raise RuntimeError("\n".join([f"{len(failed)} of {len(missing)} runs failed", *failed]))
    return len(board.done)


def _is_recorded(job: Job) -> bool:
    """Whether its result is there; ``BadResult`` where what is there is not it."""
    if not job.path.exists():
        return False
    if job.images == "validation":
        results.read_sealed(job.path)
    else:
        results.read(job.path, job.recipe, job.seed, full=job.images == "mnist")
    return True


def _record(job: Job, result: dict) -> None:
    """Write a result that came back, unless the worker's code is not this code."""
    if not fingerprint.agree(result["fingerprint"], _fingerprint(job.recipe)):
        raise RuntimeError(
            f"{job.name} came from a worker ({result['machine']}, commit {result['git_commit']}) "
            "whose code gives other numbers. Bring it to this commit and run again."
        )
    results.write(result, job.path)


_fingerprint = functools.lru_cache(maxsize=None)(fingerprint.fingerprint)


@contextlib.contextmanager
def _spread(jobs: int | None, cluster: str | None) -> Iterator[dict]:
    """What joblib needs to know to use this machine's cores or a cluster's."""
    if not cluster:
        yield {"n_jobs": jobs or joblib.cpu_count(), "backend": "loky"}
        return
    try:
        from distributed import Client  # here: an optional extra
    except ImportError as error:
        raise RuntimeError("--cluster needs Dask: pip install -e '.[cluster]'") from error
    try:
        client = Client(cluster, timeout="10s")
    except (OSError, ValueError) as error:
        raise RuntimeError(f"no Dask scheduler answers at {cluster}: {error}") from error
    with client, joblib.parallel_config(backend="dask"):
        yield {"n_jobs": jobs or -1}


def _outcomes(jobs: list[Job], options: dict, parent: int | None) -> Iterator[tuple]:
    """Each job with its result, or with what went wrong in words, as it ends.

    The runs of a process that died, say for want of memory, are made again.
    """
    ended: set[str] = set()
    claims: dict[str, FileLock] = {}
    while True:
        before = len(ended)
        parallel = joblib.Parallel(
            return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs", **options
        )
        try:
            left = [job for job in jobs if job.name not in ended]
            for job, outcome in parallel(_claimed(left, claims, parent)):
                ended.add(job.name)
                yield job, outcome  # recorded by whoever asked, before the claim goes
                claims.pop(job.name).release()
            return
        except TerminatedWorkerError as error:
            if len(ended) == before:
                raise RuntimeError(
                    "worker processes die before a run ends, often for want of memory: "
                    "try fewer --jobs. Finished runs are kept."
                ) from error
        except BaseException:
            if parent is not None:
                get_reusable_executor().shutdown(wait=False, kill_workers=True)
            raise
        finally:
            while claims:
                claims.popitem()[1].release()


def _claimed(missing: list[Job], claims: dict[str, FileLock], parent: int | None) -> Iterator:
    """The jobs nobody else is at, each locked as joblib asks for it."""
    for job in missing:
        lock = job.lock()
        try:
            lock.acquire()
        except Timeout:
            continue
        if job.path.exists():  # recorded by another command since this one began
            lock.release()
            continue
        claims[job.name] = lock
        yield joblib.delayed(work)(job, parent)
