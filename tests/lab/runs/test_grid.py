"""The grid survives what a night can bring: kills, full disks, interrupts, a second command."""

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import grids
import psutil
import pytest
from grids import NAME

from utils.experiments import catalogue
from utils.experiments.recorded import BadResult, path_of
from utils.lab import __main__ as command
from utils.lab.runs import executors, grid, job, networks, one, results
from utils.smoke import smaller

RECIPE = smaller(catalogue.recipe(NAME))


def make(folder: Path, seeds) -> int:
    return grid.run([NAME], seeds, jobs=1, smoke=True, folder=folder)


@pytest.mark.parametrize(
    "name, seeds", [(NAME, range(5)), ("speedrun", range(20)), ("second_3500", range(100, 120))]
)
def test_seeds_by_default_are_those_that_may_be_reported(tmp_path, monkeypatch, name, seeds):
    asked = []
    monkeypatch.setattr(grid, "record", lambda todo, *_: asked.extend(job.seed for job in todo))
    grid.run([name], smoke=True, folder=tmp_path)
    assert asked == list(seeds)


def recorded(folder: Path) -> dict[int, dict]:
    """The runs in ``folder``, each one read and checked."""
    paths = {path: int(path.stem[5:]) for path in (folder / NAME).glob("seed-*.json")}
    return {seed: results.read(path, RECIPE, seed, full=False) for path, seed in paths.items()}


@pytest.mark.skipif(os.name == "nt", reason="a folder of open locks cannot be removed")
def test_two_commands_share_the_work_and_a_killed_one_frees_its_own(
    tmp_path, here, reference, capsys
):
    line = f"-m utils.lab run {NAME} --seeds 0-99 --jobs 1 --smoke --folder {tmp_path}"
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    other = subprocess.Popen([sys.executable, "-u", *line.split()], **quiet)
    deadline = time.monotonic() + 120
    while not recorded(tmp_path):
        assert time.monotonic() < deadline and other.poll() is None
        time.sleep(0.05)
    made = make(tmp_path, range(5))
    assert 0 < made < 5
    worker, *_ = psutil.Process(other.pid).children()
    other.kill()
    said = other.communicate()[0] + capsys.readouterr().out
    kept = recorded(tmp_path)
    by_all = re.findall(r"seed (\d+): \d+\.\d\d \(best", said)
    assert len(by_all) == len(set(by_all)) and set(map(int, by_all)) <= set(kept), "each run once"
    assert not psutil.wait_procs([worker], timeout=30)[1], "a worker outlived its command"

    claimed = [int(path.stem.rpartition("-")[2]) for path in tmp_path.rglob("*.lock")]
    assert make(tmp_path, claimed) == len(claimed) - len(kept) > 0
    assert {**recorded(tmp_path), **kept} == recorded(tmp_path), "a finished run was made again"
    assert grids.numbers(kept[0]) == reference
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert len(files) == 2 * len(claimed), "a result and its network each, nothing else"


def test_an_interrupt_keeps_finished_runs(tmp_path, monkeypatch, here, capsys):
    original = one.run

    def interrupted(recipe, seed, *rest, **options):
        if seed == 1:
            raise KeyboardInterrupt
        return original(recipe, seed, *rest, **options)

    monkeypatch.setattr(one, "run", interrupted)
    assert command.main(f"run {NAME} --seeds 0-2 --smoke --folder {tmp_path}".split()) == 130
    assert "finished runs are kept" in capsys.readouterr().err and list(recorded(tmp_path)) == [0]


def test_what_a_killed_command_was_writing_is_swept_up(tmp_path, here):
    path = path_of(RECIPE, 0, tmp_path)
    status = tmp_path / job.RUNNING / f"{NAME}-{path.name}"
    torn = [beside.with_name(f".{beside.name}.x1y2") for beside in (path, status)]
    for file in torn:
        file.parent.mkdir(parents=True)
        file.write_text("{", encoding="utf-8")
    assert make(tmp_path, [0]) == 1
    assert path.exists() and not any(file.exists() for file in torn)


def test_a_run_whose_process_died_keeps_its_claim_and_is_made_again(tmp_path, monkeypatch, here):
    dead = Future()
    dead.set_exception(BrokenProcessPool())
    futures = [dead]

    @contextmanager
    def unsteady(most):
        with grids.in_this_process() as (submit, room):
            yield lambda *task: futures.pop() if futures else submit(*task), room

    monkeypatch.setattr(executors, "on_this_machine", unsteady)
    assert make(tmp_path, [0]) == 1 and list(recorded(tmp_path)) == [0]


def test_a_full_disk_loses_no_finished_run(tmp_path, monkeypatch, here, capsys):
    resource = pytest.importorskip("resource")
    original, (soft, hard) = one.run, resource.getrlimit(resource.RLIMIT_FSIZE)

    def room(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    def run(recipe, seed, *rest, **options):
        result = original(recipe, seed, *rest, **options)
        room(1000 if seed == 0 else soft)  # so the first one is written after the second has ended
        return result

    monkeypatch.setattr(one, "run", run)
    try:
        assert make(tmp_path, [0, 1]) == 2
    finally:
        room(soft)
    assert sorted(recorded(tmp_path)) == [0, 1]
    message = re.escape(f"{NAME} seed 0: {path_of(RECIPE, 0, tmp_path)} cannot be written ([Errno")
    assert re.search(message + ".*kept in memory", capsys.readouterr().out)
    assert not list(tmp_path.rglob(".seed*"))


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_result_that_cannot_be_written_goes_to_the_temporary_folder(
    tmp_path, monkeypatch, here, capsys, elsewhere
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "runs").mkdir()
    if elsewhere:
        (tmp_path / "temporary").mkdir()
    (tmp_path / "runs" / NAME).touch()  # a file where the results' folder should be
    line = f"run {NAME} --seeds 0,1 --smoke --folder {tmp_path / 'runs'}"
    assert command.main(line.split()) == 1
    errors = capsys.readouterr().err
    for seed in (0, 1):
        path = path_of(RECIPE, seed, tmp_path / "runs")
        said = re.search(f"seed {seed}: {re.escape(str(path))} cannot be written: (.*)", errors)[1]
        if elsewhere:
            words = "the result and its network are in (.*), move both once there is room"
            place = Path(re.fullmatch(words, said)[1]) / path.name
            assert results.read(place, RECIPE, seed, full=False)["seed"] == seed
            assert networks.load(place, RECIPE)
        else:
            assert said.startswith("the result is lost, the temporary folder cannot be written")


def test_finished_runs_are_skipped(tmp_path, capsys, here):
    assert make(tmp_path, [0]) == 1
    before = path_of(RECIPE, 0, tmp_path).read_bytes()
    assert make(tmp_path, [0, 1, 1]) == 1
    assert path_of(RECIPE, 0, tmp_path).read_bytes() == before
    assert "2 runs, 1 recorded already" in capsys.readouterr().out


def test_a_run_that_fails_is_named_and_the_others_are_recorded(tmp_path, monkeypatch, here):
    original = one.run

    def fragile(recipe, seed, *rest, **options):
        if seed == 1:
            raise ValueError("a bad day")
        return original(recipe, seed, *rest, **options)

    monkeypatch.setattr(one, "run", fragile)
    message = r"1 of 3 runs failed\n02_regularization seed 1: ValueError: a bad day"
    with pytest.raises(RuntimeError, match=message):
        make(tmp_path, [0, 1, 2])
    assert sorted(recorded(tmp_path)) == [0, 2]


def test_an_unusable_file_is_refused_before_anything_is_trained(tmp_path, monkeypatch, here):
    path = path_of(RECIPE, 2, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text("{", encoding="utf-8")
    monkeypatch.setattr(one, "run", lambda *_, **__: pytest.fail("it trained"))
    with pytest.raises(BadResult, match=r"seed-2\.json cannot be read"):
        make(tmp_path, range(4))


def test_a_result_of_other_code_is_refused(tmp_path, monkeypatch, here):
    original = one.run

    def of_other_code(*arguments, **options):
        result = original(*arguments, **options)
        return result | {"fingerprint": [2 * value for value in result["fingerprint"]]}

    monkeypatch.setattr(one, "run", of_other_code)
    with pytest.raises(RuntimeError, match=r"seed 0: the worker's code gives other numbers"):
        make(tmp_path, [0])
    assert not recorded(tmp_path)


def test_a_run_that_is_being_made_elsewhere_is_left_to_it_and_named(tmp_path, capsys, here):
    path = path_of(RECIPE, 0, tmp_path)
    with job.Job("elsewhere", RECIPE, 0, "smoke", 1, path).lock():
        assert make(tmp_path, [0, 1]) == 1
    assert f"1 runs are being made by another command: {NAME} seed 0" in capsys.readouterr().out


def test_progress_that_cannot_be_told_costs_no_run(tmp_path, monkeypatch, here):
    worker = SimpleNamespace(get_worker=lambda: __import__("no_such_module"))
    monkeypatch.setitem(sys.modules, "distributed", worker)
    assert make(tmp_path, [0]) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smoke": False, "device": "cuda", "folder": results.FOLDER}, "is made on the CPU"),
        ({"jobs": 0}, "jobs=0 is not a whole number of at least 1"),
        ({"threads": -1}, "threads=-1 is not a whole number of"),
        ({"smoke": False, "threads": 2, "folder": results.FOLDER}, "is made on one thread"),
        ({"folder": results.FOLDER}, "smoke runs do not belong in"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        grid.run([NAME], [0], **{"smoke": True, "folder": tmp_path} | options)


def test_a_draft_reads_no_test_set(tmp_path):
    with pytest.raises(ValueError, match="03_augmentation_stock: a draft is judged on validation"):
        grid.run(["03_augmentation_stock"], [0], folder=tmp_path)


def test_nothing_but_mnist_enters_the_recorded_results(digits, monkeypatch):
    job.images_of.cache_clear()
    monkeypatch.setattr("utils.data.load", lambda *_: digits)
    monkeypatch.setattr(grid.protocol, "check_frozen", lambda recipes: None)  # utils/ may be edited
    with pytest.raises(ValueError, match="this is MNIST-5k: only runs on MNIST are recorded"):
        grid.run([NAME], [99])
