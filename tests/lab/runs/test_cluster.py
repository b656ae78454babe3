"""The same grid through a real Dask cluster of this machine, one of whose workers is killed."""

import json
import subprocess
import sys
import time

import pytest
from grids import numbers

from utils import smoke
from utils.experiments import catalogue
from utils.experiments.recorded import path_of
from utils.lab import __main__ as command
from utils.lab.runs import executors, grid, results

pytest.importorskip("distributed", reason="needs the extra: pip install -e '.[cluster]'")

NAME = "02_regularization"
RECIPE = smoke.smaller(catalogue.recipe(NAME))
SEEDS = range(5)


@pytest.fixture
def cluster(tmp_path):
    """A scheduler's address and two workers of one thread."""
    where = tmp_path / "scheduler.json"
    started = []

    def start(module: str, *arguments: str) -> subprocess.Popen:
        line = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(
            [*line, "--scheduler-file", str(where), *arguments], cwd=tmp_path, **quiet
        )
        started.append(process)
        return process

    start("dask_scheduler", "--port", "0", "--host", "127.0.0.1")
    workers = [start("dask_worker", "--nthreads", "1", "--no-nanny") for _ in range(2)]
    deadline = time.time() + 60
    while not where.exists():
        assert time.time() < deadline and started[0].poll() is None, "no scheduler"
        time.sleep(0.1)
    address = json.loads(where.read_text())["address"]
    from distributed import Client

    with Client(address) as client:
        client.wait_for_workers(2, timeout=60)
    yield address, workers
    for process in started:
        process.kill()
        process.wait()


def read(folder, seed: int) -> tuple:
    path = path_of(RECIPE, seed, folder)
    return numbers(results.read(path, RECIPE, seed, full=False))


def test_a_cluster_that_loses_a_worker_gives_what_one_process_gives(tmp_path, cluster):
    address, workers = cluster
    folder, alone = tmp_path / "cluster", tmp_path / "alone"
    arguments = f"run {NAME} --seeds 0-4 --smoke --folder {folder} --cluster {address}"
    process = subprocess.Popen(
        [sys.executable, "-m", "utils.lab", *arguments.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.time() + 120
    while not list(folder.rglob("seed-?.json")):
        assert time.time() < deadline and process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    workers[0].kill()
    out, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    assert sorted(line[:24] for line in out.splitlines() if "best epoch" in line) == [
        f"{NAME} seed {seed}" for seed in SEEDS
    ], "each run recorded once"
    grid.run([NAME], list(SEEDS), jobs=1, smoke=True, folder=alone)
    for seed in SEEDS:
        assert read(folder, seed) == read(alone, seed)


def cannot_start(job, parent):
    """Workers know no module of this name: the run fails before its first line."""


def test_a_run_that_cannot_start_on_a_worker_is_an_error_and_no_endless_wait(
    tmp_path, cluster, monkeypatch
):
    monkeypatch.setattr(executors, "work", cannot_start)
    with pytest.raises(RuntimeError, match=r"2 of 2 runs failed\n02_regularization seed 0: "):
        grid.run([NAME], [0, 1], smoke=True, folder=tmp_path / "runs", cluster=cluster[0])


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, capsys):
    nowhere = "tcp://127.0.0.1:9"
    line = f"run {NAME} --seeds 0 --smoke --folder {tmp_path} --cluster {nowhere}"
    assert command.main(line.split()) == 1
    assert f"no Dask scheduler answers at {nowhere}" in capsys.readouterr().err
