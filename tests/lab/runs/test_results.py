"""Recording, reading and refusing results; the tidy tables."""

import json
import shutil
import subprocess
import sys
import time

import pytest

from utils import data
from utils.experiments import catalogue, recorded
from utils.experiments.recorded import BadResult, path_of
from utils.experiments.steps import LR_SCHEDULE, SKELETON
from utils.lab.runs import grid, job, one, results

SHORT = SKELETON.variant("short", "Short", epochs=1)


@pytest.fixture(scope="module")
def run(digits):
    """One real run of a short recipe, as the runner makes it."""
    return one.run(SHORT, 3, digits.subset(500, 200), device="cpu", verbose=False)


@pytest.fixture
def recorded_run(run, tmp_path):
    """The same run as if made on MNIST, written to a folder."""
    result = json.loads(json.dumps(run | {"data": "MNIST", "data_md5": data.MNIST_SUM}))
    wrong = len(result["misclassified"]["indices"])
    result["history"] |= {"test_correct": [10_000 - wrong]}
    result["history"] |= {"train_samples": 60_000, "test_samples": 10_000}
    last = 100 * (10_000 - wrong) / 10_000
    result |= {"test_accuracy_last": last, "test_accuracy_best": last}
    path = path_of(SHORT, 3, tmp_path)
    results.write(result, path)
    return result, path


def test_a_result_says_all_there_is_to_know(run):
    assert run.keys() >= results.KEYS - {"sha256"}
    assert run["recipe"] == SHORT.settings() and run["seed"] == 3
    assert run["data"] == "MNIST-5k subset" and run["device"] == "cpu" and run["threads"] >= 1
    assert run["versions"].keys() >= {"python", "torch", "numpy", "albumentations"}
    history, wrong = run["history"], run["misclassified"]
    assert len(history["test_correct"]) == 1 and history["test_samples"] == 200
    assert len(wrong["indices"]) == 200 - history["test_correct"][-1]
    assert all(a != b for a, b in zip(wrong["labels"], wrong["predictions"], strict=True))
    assert run["test_accuracy_last"] == history["test_correct"][-1] / 2


def test_a_result_survives_writing_and_reading(recorded_run):
    result, path = recorded_run
    read = results.read(path, SHORT, 3)
    assert read == result | {"sha256": read["sha256"]}
    assert results.recorded(SHORT, path.parents[1]) == {3: read}


def test_a_run_by_other_means_is_known_where_these_are_asked_for(run, recorded_run):
    result, path = recorded_run
    results.write(result | {"threads": 2}, path)
    again = job.Job("short", SHORT, 3, "mnist", 2, path)
    assert grid._is_recorded(again), "the same command goes on where it stopped"
    with pytest.raises(BadResult, match=r"on cpu, 2 thread.*Move it to another folder"):
        grid._is_recorded(job.Job("short", SHORT, 3, "mnist", 1, path))


GOOD = "Keep the record|Give the file|Move it to another folder"  # never: remove it


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda r: r["recipe"].update(lr=0.1), rf"stale: .* \(lr: 0.1 → 0.05\)\. ({GOOD})"),
        (lambda r: r["recipe"].update(newer=0.5), rf"stale: .* \(newer: 0.5 → none\)\. ({GOOD})"),
        (lambda r: r["recipe"].update(newer=True), rf"stale: .* \(newer: yes → no\)\. ({GOOD})"),
        (lambda r: r.update(seed=4), rf"its seed is 4, not 3\. ({GOOD})"),
        (
            lambda r: r.update(device="cuda"),
            rf"on cuda, .*: what is asked .* on cpu, .*\. ({GOOD})",
        ),
        (lambda r: r.update(threads=64), rf"on cpu, 64 thread.*: .* cpu, 1 thread.*\. ({GOOD})"),
        (lambda r: r.update(data="MNIST-5k"), rf"images of MNIST-5k \(md5 .*\. ({GOOD})"),
        (lambda r: r.update(data_md5="0"), rf"images of MNIST \(md5 0\) .*\. ({GOOD})"),
        (lambda r: r["history"].update(train_samples=2000), rf"made on 2,000 \+ .*\. ({GOOD})"),
    ],
)
def test_another_run_is_named_and_nobody_is_told_to_delete_it(recorded_run, edit, message):
    refused(recorded_run, edit, message)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda r: r.pop("history"), "'history'"),
        (lambda r: r.pop("machine"), "it lacks machine"),
        (lambda r: r["history"].pop("test_correct"), "not laid out as a result .*test_correct"),
        (lambda r: r.update(test_accuracy_last=99.9), "its last accuracy: 99.9, by its history"),
        (lambda r: r.update(test_accuracy_best=99.9), "its best accuracy: 99.9, by its history"),
        (lambda r: r["history"]["test_correct"].append(9), "its epochs: 2, .* recipe 1"),
        (lambda r: r["misclassified"]["indices"].pop(), "its misclassified images: "),
    ],
)
def test_a_damaged_result_is_to_be_repeated(recorded_run, edit, message):
    repeat = r"Remove it and repeat the run: python -m utils\.lab run short --seeds 3"
    refused(recorded_run, edit, rf"damaged: .*{message}.*\. {repeat}")


def refused(recorded_run, edit, message):
    result, path = recorded_run
    edit(result)
    results.write(result, path)
    with pytest.raises(BadResult, match=message) as caught:
        results.read(path, SHORT, 3)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda text: text.replace('"threads": ', '"threads": 1'), "edited since it was recorded"),
        (lambda text: text.replace('"format": 3', '"format": 99'), "not a result of format 3"),
        (lambda text: text[:200], "cannot be read"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(recorded_run, write, message):
    _, path = recorded_run
    path.write_text(write(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(BadResult, match=rf"seed-3\.json.*{message}"):
        results.read(path, SHORT, 3)


def test_a_switch_added_later_and_left_off_makes_nothing_stale(recorded_run):
    result, path = recorded_run
    older = {name: value for name, value in result["recipe"].items() if name != "dropout"}
    results.write(result | {"recipe": older}, path)
    assert results.read(path, SHORT, 3)["recipe"] == older


def test_a_stale_run_is_read_and_said_to_be_stale(recorded_run, monkeypatch):
    result, path = recorded_run
    results.write(result | {"fingerprint": [0.0]}, path)
    read = results.read(path, SHORT, 3)
    assert "the code behind short gives other numbers now" in results.stale(read, SHORT)
    monkeypatch.setattr(catalogue, "EXPERIMENTS", {"short": catalogue.Experiment(SHORT)})
    monkeypatch.setattr(results, "recorded", lambda recipe: {3: read})
    with pytest.raises(BadResult, match=r"^stale: the code behind short"):
        results.check_fresh()


def test_a_file_is_read_once_until_it_changes(recorded_run, monkeypatch):
    result, path = recorded_run
    sealed = []
    original = recorded.seal
    monkeypatch.setattr(recorded, "seal", lambda found: sealed.append(1) or original(found))
    assert results.read(path, SHORT, 3) is results.read(path, SHORT, 3) and len(sealed) == 1
    results.write(result | {"seconds": 7}, path)
    assert results.read(path, SHORT, 3)["seconds"] == 7


def test_stray_files_are_no_runs(recorded_run):
    _, path = recorded_run
    for name in ("seed-1 (copy).json", "seed-.json", "seed-x.json", "notes.txt"):
        shutil.copy(path, path.with_name(name))
    assert list(results.recorded(SHORT, path.parents[1])) == [3]


def test_a_missing_seed_is_named_with_the_command_that_records_it(tmp_path):
    with pytest.raises(
        BadResult, match=r"lacks seeds \[0, 1, 2, 3, 4\].*lab run 01_.* --seeds 0-4"
    ):
        results.reported("01_skeleton", tmp_path)


@pytest.mark.parametrize(("seeds", "counted"), [(3, range(3)), (7, range(7))])
def test_no_seed_beyond_the_reported_ones_counts(monkeypatch, seeds, counted):
    monkeypatch.setitem(catalogue.EXPERIMENTS, "short", catalogue.Experiment(SHORT, seeds=seeds))
    monkeypatch.setattr(results, "recorded", lambda *_: {n: {"seed": n} for n in range(9)})
    assert [run["seed"] for run in results.reported("short")] == list(counted)


def test_the_tidy_table_has_a_row_per_run_and_epoch():
    names = [LR_SCHEDULE.name, "study_batch_256"]
    found = results.frame(names)
    assert found.groupby(["recipe", "seed"], sort=False).size().to_list() == [15] * 8
    file = json.loads(path_of(LR_SCHEDULE, 2).read_text(encoding="utf-8"))
    run = found[(found.recipe == LR_SCHEDULE.name) & (found.seed == 2)]
    assert run.epoch.tolist() == list(range(1, 16)) and set(run.title) == {LR_SCHEDULE.title}
    for column in ("lr", "seconds", "train_loss", "test_loss"):
        assert run[column].tolist() == file["history"][column]
    assert run.test_accuracy.iloc[-1] == file["test_accuracy_last"]
    assert run.train_accuracy.iloc[0] == 100 * file["history"]["train_correct"][0] / 60_000
    assert set(run.train_accuracy_clean) == {file["train_accuracy_clean"]}
    assert results.last_accuracies(LR_SCHEDULE.name)[2] == file["test_accuracy_last"]
    assert results.best_accuracies(LR_SCHEDULE.name)[2] == file["test_accuracy_best"]


def test_the_mistakes_are_those_of_the_files():
    found = results.mistakes([LR_SCHEDULE.name])
    file = json.loads(path_of(LR_SCHEDULE, 4).read_text(encoding="utf-8"))
    listed = results.as_mistakes(found[found.seed == 4]).as_lists()
    assert listed == file["misclassified"]


def test_a_draft_is_in_no_table_of_all(monkeypatch):
    known = {
        "study_batch_256": catalogue.get("study_batch_256"),
        "short": catalogue.Experiment(SHORT, draft=True),
    }
    monkeypatch.setattr(catalogue, "EXPERIMENTS", known)
    assert set(results.frame().recipe) == {"study_batch_256"}
    with pytest.raises(BadResult, match="it is a draft, judged on validation only"):
        results.frame(["short"])


def test_a_kill_at_any_moment_leaves_only_whole_files(tmp_path):
    code = (
        "import sys; from pathlib import Path; from utils.support.files import write_json\n"
        "big = {'numbers': list(range(50_000))}\n"
        "for n in range(10**6): write_json(big, Path(sys.argv[1]) / f'seed-{n % 3}.json')\n"
    )
    for wait in (0.05, 0.11, 0.23):
        folder = tmp_path / str(wait)
        with subprocess.Popen([sys.executable, "-c", code, str(folder)]) as process:
            deadline = time.time() + 60
            while not list(folder.glob("seed-*.json")):
                assert time.time() < deadline, "the writer never wrote"
                time.sleep(0.01)
            time.sleep(wait)
            process.kill()
        for path in folder.glob("seed-*.json"):
            assert len(json.loads(path.read_text(encoding="utf-8"))["numbers"]) == 50_000
