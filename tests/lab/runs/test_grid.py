"""The grid survives what a night can bring: kills, full disks, interrupts, a second command."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from grids import numbers

from utils import smoke
from utils.experiments import catalogue
from utils.experiments.recorded import BadResult, path_of
from utils.lab.runs import grid, job, one, results

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
NAME = "02_regularization"
RECIPE = smoke.smaller(catalogue.recipe(NAME))
SEEDS = range(4)


def command(folder: Path, last_seed: int = 3, **options) -> subprocess.Popen:
    """``python -m utils.lab run`` on a smoke grid, of four runs by default, two at a time."""
    line = f"-m utils.lab run {NAME} --seeds 0-{last_seed} --jobs 2 --smoke --folder {folder}"
    return subprocess.Popen(
        [sys.executable, *line.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def recorded(folder: Path) -> dict[int, dict]:
    """The runs in ``folder``, each one read and checked."""
    paths = [path_of(RECIPE, seed, folder) for seed in SEEDS]
    return {at: results.read(p, RECIPE, at, full=False) for at, p in enumerate(paths) if p.exists()}


def wait_for(what, process: subprocess.Popen, seconds: float = 90):
    """The first true value of ``what()`` while ``process`` lives."""
    deadline = time.time() + seconds
    while time.time() < deadline:
        if found := what():
            return found
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    raise AssertionError("it never happened")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The same grid, one run after another in this process."""
    folder = tmp_path_factory.mktemp("reference")
    assert grid.run([NAME], list(SEEDS), jobs=1, smoke=True, folder=folder) == len(SEEDS)
    return {seed: numbers(result) for seed, result in recorded(folder).items()}


def check_complete(folder: Path, reference: dict) -> None:
    assert {seed: numbers(result) for seed, result in recorded(folder).items()} == reference
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert len(files) == len(SEEDS), "something was left behind"


def test_a_killed_command_leaves_whole_runs_and_the_next_one_goes_on(tmp_path, reference):
    first = command(tmp_path)
    wait_for(lambda: recorded(tmp_path), first)
    workers = psutil.Process(first.pid).children(recursive=True)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    kept = {path: path.read_bytes() for path in tmp_path.rglob("seed-*.json")}
    second = command(tmp_path)
    out, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert re.search(r"4 runs, [1-3] recorded already", out)
    check_complete(tmp_path, reference)
    finished = {path: content for path, content in kept.items() if ".running" not in path.parts}
    assert finished and all(path.read_bytes() == was for path, was in finished.items())
    assert not psutil.wait_procs(workers, timeout=30)[1], "a worker outlived its command"


def test_what_a_killed_command_was_writing_is_swept_up(tmp_path):
    path = path_of(RECIPE, 0, tmp_path)
    status = tmp_path / job.RUNNING / f"{NAME}-{path.name}"
    torn = [beside.with_name(f".{beside.name}.x1y2") for beside in (path, status)]
    for file in torn:
        file.parent.mkdir(parents=True)
        file.write_text("{")
    assert grid.run([NAME], [0], jobs=1, smoke=True, folder=tmp_path) == 1
    assert path.exists() and not any(file.exists() for file in torn)


def test_two_commands_at_once_share_the_work(tmp_path, reference):
    both = [command(tmp_path), command(tmp_path)]
    ends = [process.communicate(timeout=180) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    made = re.findall(r"seed \d(?=: \d+\.\d\d \(best)", "".join(out for out, _ in ends))
    assert sorted(made) == [f"seed {seed}" for seed in SEEDS], "each run once"
    check_complete(tmp_path, reference)


def test_an_interrupt_keeps_finished_runs(tmp_path, reference):
    def heed():  # a test run in the background ignores interrupts, and its children would as well
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    # So many runs that it cannot be done too early.
    process = command(tmp_path, last_seed=19, preexec_fn=heed)
    wait_for(lambda: recorded(tmp_path), process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "finished runs are kept" in out and "Traceback" not in errors
    done = recorded(tmp_path)
    assert done and all(numbers(result) == reference[seed] for seed, result in done.items())


def test_a_worker_that_dies_costs_no_finished_run(tmp_path, reference):
    process = command(tmp_path)
    wait_for(lambda: recorded(tmp_path), process)
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [child for child in children if "popen_loky" in " ".join(child.cmdline())]
    workers[0].kill()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    check_complete(tmp_path, reference)


def test_a_full_disk_ends_with_an_error_and_no_torn_file(tmp_path, reference):
    resource = pytest.importorskip("resource")

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    full = command(tmp_path, preexec_fn=no_room)
    _, errors = full.communicate(timeout=90)
    assert full.returncode == 1 and "error: [Errno" in errors and "Traceback" not in errors
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    grid.run([NAME], list(SEEDS), jobs=1, smoke=True, folder=tmp_path)
    check_complete(tmp_path, reference)


# --------------------------------------------------------------------------- in this process


def test_finished_runs_are_skipped(tmp_path, capsys):
    assert grid.run([NAME], [0], jobs=1, smoke=True, folder=tmp_path) == 1
    before = path_of(RECIPE, 0, tmp_path).read_bytes()
    assert grid.run([NAME], [0, 1], jobs=1, smoke=True, folder=tmp_path) == 1
    assert path_of(RECIPE, 0, tmp_path).read_bytes() == before
    assert "2 runs, 1 recorded already" in capsys.readouterr().out


def test_a_run_that_fails_is_named_and_the_others_are_recorded(tmp_path, monkeypatch):
    original = one.run

    def fragile(recipe, seed, *rest, **options):
        if seed == 1:
            raise ValueError("a bad day")
        return original(recipe, seed, *rest, **options)

    monkeypatch.setattr(one, "run", fragile)
    message = r"1 of 3 runs failed\n02_regularization seed 1: ValueError: a bad day"
    with pytest.raises(RuntimeError, match=message):
        grid.run([NAME], [0, 1, 2], jobs=1, smoke=True, folder=tmp_path)
    assert sorted(recorded(tmp_path)) == [0, 2]


def test_an_unusable_file_is_refused_before_anything_is_trained(tmp_path, monkeypatch):
    path = path_of(RECIPE, 2, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    monkeypatch.setattr(one, "run", lambda *_, **__: pytest.fail("it trained"))
    with pytest.raises(BadResult, match=r"seed-2\.json cannot be read"):
        grid.run([NAME], list(SEEDS), jobs=1, smoke=True, folder=tmp_path)


def test_a_result_of_other_code_is_refused(tmp_path, monkeypatch):
    original = one.run

    def of_other_code(*arguments, **options):
        result = original(*arguments, **options)
        return result | {"fingerprint": [2 * value for value in result["fingerprint"]]}

    monkeypatch.setattr(one, "run", of_other_code)
    with pytest.raises(RuntimeError, match=r"seed 0: the worker's code gives other numbers"):
        grid.run([NAME], [0], jobs=1, smoke=True, folder=tmp_path)
    assert not recorded(tmp_path)


def test_a_run_asked_for_twice_is_made_once(tmp_path):
    assert grid.run([NAME, NAME], [0, 0], jobs=1, smoke=True, folder=tmp_path) == 1


def test_a_run_that_is_being_made_elsewhere_is_left_to_it_and_named(tmp_path, capsys):
    path = path_of(RECIPE, 0, tmp_path)
    with job.Job("elsewhere", RECIPE, 0, "smoke", 1, path).lock():
        assert grid.run([NAME], [0, 1], jobs=1, smoke=True, folder=tmp_path) == 1
    assert f"1 runs are being made by another command: {NAME} seed 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smoke": False, "device": "cuda", "folder": results.FOLDER}, "is made on the CPU"),
        ({"jobs": 0}, "jobs=0 is not a whole number of at least 1"),
        ({"threads": -1}, "threads=-1 is not a whole number of"),
        ({"folder": results.FOLDER}, "smoke runs do not belong in"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        grid.run([NAME], [0], **{"smoke": True, "folder": tmp_path} | options)


def test_nothing_but_mnist_enters_the_recorded_results(digits, monkeypatch):
    job.images_of.cache_clear()
    monkeypatch.setattr("utils.data.load", lambda *_: digits)
    with pytest.raises(ValueError, match="this is MNIST-5k: only runs on MNIST are recorded"):
        grid.run([NAME], [99])
