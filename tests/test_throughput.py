"""Slow tier, ``pytest -m slow``: what needs minutes and an otherwise idle machine."""

import dataclasses
import time

import joblib
import pytest
import torch

from utils import recipes
from utils.lab import grid, worker

RUNS = 6
RECIPE = dataclasses.replace(recipes.get("03_augmentation"), epochs=2)


def jobs(folder, threads: int) -> list[worker.Job]:
    folder = folder / RECIPE.name
    return [
        worker.Job(f"run {n}", RECIPE, n, "mnist", threads, folder / f"seed-{n}.json")
        for n in range(RUNS)
    ]


@pytest.mark.slow
@pytest.mark.skipif(joblib.cpu_count() != 2, reason="the figure is for 2 cores")
def test_one_thread_a_run_on_both_cores_beats_one_run_after_another(tmp_path, mnist):
    """At least 1.8 times the runs per hour, workers' start included."""
    started = time.perf_counter()
    for job in jobs(tmp_path / "alone", torch.get_num_threads()):
        _, outcome = worker.work(job, parent=None)
        assert isinstance(outcome, dict), outcome
    alone = time.perf_counter() - started
    started = time.perf_counter()
    assert grid.record(jobs(tmp_path / "grid", threads=1)) == RUNS
    together = time.perf_counter() - started
    print(
        f"{alone:.1f} s one after another, {together:.1f} s on both cores: {alone / together:.2f}"
    )
    assert alone / together >= 1.8
