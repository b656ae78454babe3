"""Slow tier, ``pytest -m slow``: what needs minutes and an otherwise idle machine."""

import dataclasses
import time

import pytest
import torch

from utils.experiments import catalogue
from utils.lab.runs import executors, grid, job

RUNS = 6
RECIPE = dataclasses.replace(catalogue.recipe("03_augmentation"), epochs=2)


def jobs(folder, threads: int) -> list[job.Job]:
    folder = folder / RECIPE.name
    return [
        job.Job(f"run {n}", RECIPE, n, "mnist", threads, folder / f"seed-{n}.json")
        for n in range(RUNS)
    ]


def one_after_another(folder, threads: int) -> float:
    started = time.perf_counter()
    for task in jobs(folder, threads):
        outcome = job.make(task)
        assert isinstance(outcome, dict), outcome
    return time.perf_counter() - started


@pytest.mark.slow
@pytest.mark.skipif(executors.cores() != 2, reason="the figures are for 2 cores")
def test_the_grid_keeps_both_cores_busy(tmp_path, mnist):
    """1.7 times the runs per hour of one core, although the processes take seconds to start.

    And more than torch's own two threads get out of both: they share the work of each batch,
    which leaves one of them waiting a good part of the time.
    """
    started = time.perf_counter()
    assert grid.record(jobs(tmp_path / "grid", threads=1)) == RUNS
    together = time.perf_counter() - started
    one_thread = one_after_another(tmp_path, 1) / together
    default = one_after_another(tmp_path, torch.get_num_threads()) / together
    print(f"\nin {together:.0f} s: {one_thread:.2f} times one thread, {default:.2f} the default")
    assert one_thread >= 1.7 and default >= 1.15
