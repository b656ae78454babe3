"""Jobs are done whatever happens to the processes that do them, here and on a Dask cluster."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial

import grids
import psutil
import pytest

from utils.experiments import catalogue
from utils.experiments.recorded import path_of
from utils.lab import __main__ as command
from utils.lab.runs import executors, grid, results
from utils.lab.runs.progress import Progress
from utils.smoke import smaller
from utils.support.paths import ROOT


def outcomes(jobs: list, workers, do=grids.do, claim=lambda job: True) -> dict:
    with workers as (submit, room):
        turns = executors.outcomes(do, jobs, claim, submit, room)
        return {job: outcome for ended in turns for job, outcome in ended}


def test_a_process_that_dies_costs_its_own_job_one_try_and_no_other_job(tmp_path):
    jobs = ["die", f"die {tmp_path / 'once'}", "fail", "work"]
    found = outcomes(jobs, executors.on_this_machine(2))
    assert found.pop("die") == executors.DIED and found.pop("fail") == "ValueError: a bad day"
    assert list(map(type, found.values())) == [int, int]


def test_no_more_processes_start_than_jobs_and_all_end():
    with executors.on_this_machine(24) as (submit, room):
        pids = {future.result() for future in [submit(grids.do, "work"), submit(grids.do, "work")]}
        assert submit(grids.do, "work").result() in pids and len(pids) == 2 and room() == 24
        submit(grids.do, "sleep")
        assert {process.pid for process in multiprocessing.active_children()} == pids
    assert not multiprocessing.active_children()


def test_a_process_that_died_between_jobs_is_replaced():
    with executors.on_this_machine(1) as (submit, _):
        psutil.Process(submit(grids.do, "work").result()).kill()
        time.sleep(0.5)
        assert submit(grids.do, "work").result()


@pytest.mark.skipif(os.name == "nt", reason="Windows masks no signals")
def test_a_process_gets_no_interrupt_even_while_it_starts():
    masked = partial(signal.pthread_sigmask, signal.SIG_BLOCK)
    with executors.on_this_machine(1) as (submit, _):
        assert signal.SIGINT in submit(masked, []).result()
    assert signal.SIGINT not in masked([])


def test_a_job_is_claimed_when_there_is_room_and_left_out_where_another_has_it():
    log = []

    def claim(job):
        log.append(f"claim {job}")
        return job != "b"

    outcomes(["a", "b", "c"], grids.in_this_process(), log.append, claim)
    assert log == ["claim a", "a", "claim b", "claim c", "c"]


@pytest.mark.parametrize("interrupted", [False, True])
def test_processes_end_with_their_command(tmp_path, interrupted):
    if interrupted and os.name == "nt":
        pytest.skip("Windows sends an interrupt to a whole console")
    code = f"""
import grids, signal
from utils.lab.runs import executors
signal.signal(signal.SIGINT, signal.default_int_handler)
with executors.on_this_machine(1) as (submit, _):
    submit(grids.do, {f"sleep {tmp_path / 'started'}"!r}).result()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for((tmp_path / "started").exists, process)
    children = psutil.Process(process.pid).children()
    if interrupted:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    else:
        process.kill()
    errors = process.communicate(timeout=30)[1]
    assert children and not psutil.wait_procs(children, timeout=10)[1]
    if interrupted:
        assert errors.count("Traceback") == 1 and "leaked" not in errors


def wait_for(what, process: subprocess.Popen, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline and process.poll() is None, "it never happened"
        time.sleep(0.05)


# --------------------------------------------------------------------------- a Dask cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler's address, and its process and those of two workers of one thread."""
    distributed = pytest.importorskip("distributed", reason="needs pip install -e '.[cluster]'")
    folder = tmp_path_factory.mktemp("cluster")
    where, started = folder / "scheduler.json", []

    def start(module: str, *arguments: str) -> None:
        line = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard"]
        line += ["--scheduler-file", str(where), *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        code = os.environ | {"PYTHONPATH": str(ROOT)}
        started.append(subprocess.Popen(line, cwd=folder, env=code, **quiet))

    start("dask_scheduler", "--port", "0", "--host", "127.0.0.1")
    for _ in range(2):
        start("dask_worker", "--nthreads", "1", "--no-nanny")
    wait_for(where.exists, started[0])
    address = json.loads(where.read_text(encoding="utf-8"))["address"]
    with distributed.Client(address) as client:
        client.wait_for_workers(2, timeout=60)
    yield address, started
    for process in started:
        process.kill()
        process.wait()


def on(address: str):
    return executors.on_cluster(address, None, "a topic", print)


def test_a_job_that_cannot_start_on_a_worker_is_an_error_and_no_endless_wait(cluster):
    (text,) = outcomes(["work"], on(cluster[0])).values()
    assert "Error: " in text  # of the worker or of the scheduler, as Dask's version has it


def test_the_jobs_of_a_worker_that_dies_are_done_by_another(cluster):
    address, (_, _, worker) = cluster
    ended = []
    with on(address) as (submit, room):
        for jobs in executors.outcomes(time.sleep, [0.5, *[0.6] * 5], bool, submit, room):
            ended += jobs
            worker.kill()
    assert len(ended) == 6 and {outcome for _, outcome in ended} == {None}


def test_a_cluster_gives_what_one_process_gives(cluster, tmp_path, monkeypatch, reference):
    heard = []
    hear = Progress.hear
    monkeypatch.setattr(Progress, "hear", lambda *status: heard.append(status) or hear(*status))
    assert grid.run([grids.NAME], [0], smoke=True, folder=tmp_path, cluster=cluster[0]) == 1
    recipe = smaller(catalogue.recipe(grids.NAME))
    result = results.read(path_of(recipe, 0, tmp_path), recipe, 0, full=False)
    assert grids.numbers(result) == reference
    assert [status["epoch"] for _, status in heard] == [1, 2]


def test_a_scheduler_that_dies_is_one_clear_error(cluster, monkeypatch, capfd):
    """The last test of the cluster: there is none afterwards."""
    monkeypatch.setattr(executors, "CONNECT_S", 1)
    address, (scheduler, *_) = cluster
    ended = []
    with (
        pytest.raises(RuntimeError, match=f"scheduler at {address} no longer answers"),
        on(address) as (submit, room),
    ):
        for jobs in executors.outcomes(time.sleep, [0.1, 0.2, 600], bool, submit, room):
            ended += jobs
            if ended:
                scheduler.kill()
    assert (0.1, None) in ended and not capfd.readouterr().err


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, capsys, monkeypatch):
    pytest.importorskip("distributed", reason="needs pip install -e '.[cluster]'")
    monkeypatch.setattr(executors, "CONNECT_S", 1)
    nowhere = "tcp://127.0.0.1:9"
    line = f"run {grids.NAME} --seeds 0 --smoke --folder {tmp_path} --cluster {nowhere}"
    assert command.main(line.split()) == 1
    assert f"no Dask scheduler answers at {nowhere}" in capsys.readouterr().err
