"""Many runs: the missing ones, spread over processes or a cluster, each recorded as it ends.

A run is claimed with a lock before it starts, so two commands on one folder share the work, and
written by the process that claimed it, so workers need no common disk.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from utils.experiments import catalogue
from utils.experiments.recorded import path_of, read_sealed
from utils.lab.runs import executors, fingerprint, results
from utils.lab.runs.job import Job, images_of
from utils.lab.runs.progress import Board
from utils.support import checks


def run(
    names: list[str],
    seeds: list[int],
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    threads: int = 1,
    device: str = "cpu",
    smoke: bool = False,
    folder: Path = results.FOLDER,
) -> int:
    """Record every run of ``names`` × ``seeds`` that is missing in ``folder``; return how many.

    ``jobs`` processes (default: one per core), or at most so many workers of the Dask cluster at
    the address ``cluster``; ``threads`` CPU threads a run, on ``device``. ``smoke`` cuts each run
    down to seconds, for trying the machinery, and needs a folder of its own. Raises
    ``ValueError`` for a name or a size that cannot be and ``BadResult`` where a recorded
    file is unusable, before anything is trained, and ``RuntimeError`` at the end, with each
    reason, where runs failed.
    """
    folder = Path(folder)
    if smoke and folder.resolve() == results.FOLDER:
        raise ValueError(f"smoke runs do not belong in {folder}: name another folder")
    if device != "cpu" and folder.resolve() == results.FOLDER:
        raise ValueError(f"what is reported is made on the CPU: for {device} name another folder")
    if (drafts := {n for n in names if catalogue.get(n).draft}) and not smoke:
        raise ValueError(
            f"{', '.join(sorted(drafts))}: a draft is judged on validation only (choose), until "
            "its recipe is final and stands in catalogue.EXPERIMENTS"
        )
    chosen = [smoke(catalogue.recipe(n)) if smoke else catalogue.recipe(n) for n in names]
    return record(
        [
            Job(
                name=f"{recipe.name} seed {seed}",
                recipe=recipe,
                seed=seed,
                images="smoke" if smoke else "mnist",
                threads=threads,
                device=device,
                path=path_of(recipe, seed, folder),
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
    todo = list({job.path: job for job in todo}.values())  # each once
    for job in todo:
        checks.whole(1, threads=job.threads)
        images_of(job.images)  # here first: a clear error before any worker starts, one download
    missing = [job for job in todo if not _is_recorded(job)]
    print(f"{len(todo)} runs, {len(todo) - len(missing)} recorded already", flush=True)
    if not missing:
        return 0
    for job in missing:
        fingerprint.fingerprint(job.recipe)  # now, so that results need not wait for it
    failed: list[str] = []
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(executors.connected(cluster)) if cluster else None
        board = stack.enter_context(Board(missing, client))
        claims = executors.Claims()
        stack.callback(claims.drop_all)
        if client:
            ends = executors.on_cluster(missing, claims, client, jobs)
        else:
            ends = executors.on_this_machine(missing, claims, jobs)
        for job, outcome in stack.enter_context(contextlib.closing(ends)):
            outcome = _write(job, outcome)
            if isinstance(outcome, str):
                failed.append(f"{job.name}: {outcome}")
            board.ended(job, outcome)
    absent = [job for job in missing if job.name not in board.done and not job.path.exists()]
    if absent:
        names = ", ".join(job.name for job in absent)
        print(f"{len(absent)} runs are being made by another command: {names}")
    if failed:
        raise RuntimeError("\n".join([f"{len(failed)} of {len(missing)} runs failed", *failed]))
    return len(board.done)


def _is_recorded(job: Job) -> bool:
    """Whether its result is there; ``BadResult`` where what is there is not it."""
    if not job.path.exists():
        return False
    if job.images == "validation":
        read_sealed(job.path)
    else:
        results.read(job.path, job.recipe, job.seed, full=job.images == "mnist")
    return True


def _write(job: Job, outcome: dict | str) -> dict | str:
    """Write a result; where the worker's code is not this code, say so instead."""
    if isinstance(outcome, str):
        return outcome
    if not fingerprint.agree(outcome["fingerprint"], fingerprint.fingerprint(job.recipe)):
        return (
            f"the worker's code gives other numbers ({outcome['machine']}, commit "
            f"{outcome['git_commit']}, torch {outcome['versions']['torch']}): bring it to this "
            "commit and these versions"
        )
    results.write(outcome, job.path)
    return outcome
