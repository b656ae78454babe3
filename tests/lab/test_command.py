"""``python -m utils.lab``: what it takes, what it says, and how it ends."""

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from utils import data
from utils.experiments import catalogue
from utils.experiments.frontier import FRONTIER
from utils.experiments.recorded import path_of
from utils.experiments.second_freeze import SECOND
from utils.experiments.steps import SKELETON
from utils.lab import __main__ as command
from utils.lab.report import paired, status
from utils.lab.report.intervals import paired_difference
from utils.lab.runs import beyond, job, repeat, results, weights
from utils.lab.timing import before, benchmark, loading, race


def test_seeds_are_read_as_ranges_and_lists():
    assert command.seeds("0-4") == [0, 1, 2, 3, 4]
    assert command.seeds("0,2,5-6") == [0, 2, 5, 6]
    assert command.seeds("0-2,1") == [0, 1, 2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("fly", "invalid choice: 'fly'"),
        *((f"run --seeds {text}", "is not like 0-4") for text in ("many", "1-", "4-0", "0-1-5")),
        (f"run --seeds 0-{10**9}", "more than 10,000 seeds"),
        (f"run --seeds 0-{10**30}", "more than 10,000 seeds"),
        ("choose 01_skeleton --seeds 0-9999,10000", "more than 10,000 seeds"),
        *((f"run --jobs {n}", f"'{n}' is not a whole number of at least 1") for n in (0, -1, 1.5)),
        ("choose 01_skeleton --jobs 0", "is not a whole number"),
        ("notebooks --jobs -1", "is not a whole number"),
        ("run --threads 0", "is not a whole number"),
        ("bench --repeats 0", "is not a whole number"),
        ("bench --batch-sizes 64 0", "is not a whole number"),
        ("weights", "the following arguments are required: recipes"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused(line, message, capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(line.split())
    assert caught.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["run", "01_skelton"], "did you mean '01_skeleton'"),
        (["show", "01_skelton"], "did you mean '01_skeleton'"),
        (["run", "--folder", ""], "--folder '' names no folder"),
        (["choose", "01_skeleton", "--try", "lr=1", "--try", "lr=2"], "a setting is tried twice"),
    ],
)
def test_a_wrong_value_ends_with_one_clear_error(line, message, capsys):
    assert command.main(line) == 1
    assert message in capsys.readouterr().err


# --------------------------------------------------------------------------- interrupts


@pytest.mark.parametrize("turned_into", [None, ImportError, RecursionError])
def test_an_interrupt_ends_with_130_whatever_is_made_of_it(turned_into, monkeypatch, capsys):
    def interrupted():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if turned_into:
                raise turned_into("as some imports do") from None

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(status, "listing", interrupted)
    assert command.main(["list"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="a signal cannot be sent to one process there")
def test_an_interrupt_during_imports_leaves_no_traceback():
    line = [sys.executable, "-X", "importtime", "-m", "utils.lab", "list"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        next(text for text in process.stderr if "torch" in text)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "interrupted: " in rest and "Traceback" not in rest


# --------------------------------------------------------------------------- beyond


def test_beyond_measures_what_is_named_on_mnist_alone(digits, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(
        beyond, "measure", lambda names, images: asked.append((list(names), images))
    )
    monkeypatch.setattr(data, "load", lambda *_: digits)
    monkeypatch.setattr(job, "images_of", job.images_of.__wrapped__)  # not what is cached
    assert command.main(["beyond", "01_skeleton"]) == 1
    assert "this is MNIST-5k: only runs on MNIST are recorded" in capsys.readouterr().err
    whole = replace(digits, name="MNIST")
    monkeypatch.setattr(data, "load", lambda *_: whole)
    assert command.main(["beyond", "01_skeleton"]) == command.main(["beyond"]) == 0
    assert asked == [(["01_skeleton"], whole), (list(catalogue.EXPERIMENTS), whole)]


# --------------------------------------------------------------------------- list, show, compare


def test_list_names_every_recipe(monkeypatch, capsys):
    monkeypatch.setattr(results, "stale", lambda *_: "")  # seconds, and not the question here
    assert command.main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(f"| {name} " in out for name in catalogue.EXPERIMENTS)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four recorded runs of the skeleton, the only recipe, to spoil."""
    known = catalogue.get(SKELETON.name)
    monkeypatch.setattr(catalogue, "EXPERIMENTS", {SKELETON.name: known})
    shutil.copytree(results.FOLDER / SKELETON.name, tmp_path / SKELETON.name)
    return tmp_path


def test_list_says_what_is_stale_and_one_bad_file_does_not_stop_it(folder):
    assert status.listing(folder).rows[0][2:] == ["0, 1, 2, 3, 4", "", ""]
    path_of(SKELETON, 0, folder).write_text("{", encoding="utf-8")
    path_of(SKELETON, 2, folder).write_bytes(b"\xff")
    run = json.loads(path_of(SKELETON, 3, folder).read_text(encoding="utf-8"))
    del run["network"]  # a checksum by now, and no weights to write
    results.write(run | {"fingerprint": [0.0]}, path_of(SKELETON, 3, folder))
    odd = {"seed": 4, "fingerprint": [0.0], "versions": {}}  # a whole result, but for versions
    results.write(run | odd, path_of(SKELETON, 4, folder))
    (folder / SKELETON.name / "seed-1 (copy).json").touch()
    _, _, seeds, _, reasons = status.listing(folder).rows[0]
    assert seeds == "1"
    first, second, third, _ = reasons.split("; seed ")
    assert first.startswith("seed 0: ") and second.startswith("2: ")
    assert third.startswith("3: stale: the code behind 01_skeleton gives other numbers now")


def test_list_says_that_a_recipe_has_changed(folder, monkeypatch):
    changed = replace(catalogue.get(SKELETON.name), recipe=replace(SKELETON, lr=0.07))
    monkeypatch.setitem(catalogue.EXPERIMENTS, SKELETON.name, changed)
    assert "has changed since (lr: 0.05 → 0.07)" in str(status.listing(folder))
    assert "No run is recorded." in status.show(SKELETON.name, folder)


def test_show_and_compare_are_what_the_recorded_runs_say(capsys):
    assert command.main(["show", "04_lr_scheduler"]) == 0
    out = capsys.readouterr().out
    assert f"{results.last_accuracies('04_lr_scheduler')[0]:.2f}" in out and "one_cycle" in out
    names = ("01_skeleton", "02_regularization")
    assert command.main(["compare", *names]) == 0
    out = capsys.readouterr().out
    gap = paired_difference(*(results.last_accuracies(name) for name in names))
    assert f"02_regularization minus 01_skeleton: {gap.mean:+.2f} [{gap.low:+.2f}, " in out
    assert "batch_norm: no → yes" in out


def test_recipes_without_a_seed_in_common_are_compared_as_the_tables_do():
    before, after = FRONTIER[2000], SECOND[2000]
    said = status.compare(before.name, after.name)
    assert "No seed in common." in said and "Welch's" in said and "5 and 20 seeds." in said
    assert f"minus {before.name}: {paired.gap(before, after)} points" in said
    said = status.compare("speedrun_hard", "speedrun_again")
    assert "since no seed has a partner" in said and "paired" not in said


def test_a_comparison_without_recorded_seeds_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"01_skeleton has 0 recorded seeds.* run 01_skeleton"):
        status.compare("01_skeleton", "02_regularization", tmp_path)


@pytest.mark.parametrize(("found", "code"), [("equal", 0), (f"{repeat.DIFFERENT}: a", 1)])
def test_a_run_that_gives_another_number_fails_the_weekly_check(found, code, monkeypatch, capsys):
    monkeypatch.setattr(repeat, "repeat", lambda *_: found)
    assert command.main(["repeat", "01_skeleton", "--seed", "0"]) == code
    assert found in capsys.readouterr().out


# --------------------------------------------------------------------------- bench, race, weights


@pytest.fixture
def stopwatch(digits, monkeypatch, tmp_path):
    """Nothing is trained, and what is written lies elsewhere: the benchmark's path."""
    monkeypatch.setattr(data, "load", lambda *_: replace(digits, name="MNIST"))
    monkeypatch.setattr(
        loading, "in_turns", lambda makers, repeats, _: dict.fromkeys(makers, [1.0] * repeats)
    )
    monkeypatch.setattr(before, "measure", lambda repeats, root: {"turns": repeats})
    monkeypatch.setattr(benchmark, "PATH", tmp_path / "benchmark.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("utils.training.default_device", lambda: torch.device("cpu"))
    return tmp_path / "benchmark.json"


def test_bench_records_ways_and_recipes(stopwatch, capsys):
    assert command.main(["bench", "--batch-sizes", "256", "--record"]) == 0
    measured = json.loads(stopwatch.read_text(encoding="utf-8"))
    cases = [(case["recipe"], case["batch_size"]) for case in measured["loading"]["cases"]]
    assert cases == [("design_e2", 128), ("design_e2", 256), ("design_a", 64), ("design_a", 256)]
    timed = {name for name, known in catalogue.EXPERIMENTS.items() if known.timed}
    assert measured["recipes"]["seconds"].keys() == timed
    assert measured["first_build"] == {"turns": 10}
    assert "| torchvision, augmented" in capsys.readouterr().out


def test_bench_records_nothing_unasked_or_less_than_the_tables_need(stopwatch, capsys):
    assert command.main(["bench", "--repeats", "1"]) == 0
    assert (stopwatch.parent / "build" / "benchmark.json").exists()
    assert command.main(["bench", "--repeats", "1", "--record"]) == 1
    assert "at least 10 times, not MNIST on cpu, 1 times" in capsys.readouterr().err
    assert not stopwatch.exists()


def test_race_writes_and_shows_what_it_measured(stopwatch, monkeypatch, capsys):
    canned = json.loads(benchmark.race_path("cpu").read_text(encoding="utf-8"))
    monkeypatch.setattr(race, "measure", lambda device, repeats: canned)
    assert command.main(["race"]) == 0
    written = stopwatch.parent / "build" / "race.json"
    assert json.loads(written.read_text(encoding="utf-8")) == canned
    assert "the record" in capsys.readouterr().out
    monkeypatch.setattr(job, "images_of", lambda kind: None)
    monkeypatch.setattr(race, "measure", lambda *_: pytest.fail("it races"))
    assert command.main(["race", "--repeats", "1", "--record"]) == 1
    assert "at least 3 races, not of 1" in capsys.readouterr().err


def test_weights_says_what_the_export_lacks(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(weights, "make", lambda *_: pytest.fail("it writes"))
    assert command.main(["weights", "speedrun"]) == 1
    assert "needs onnxscript: pip install -e '.[weights]'" in capsys.readouterr().err
