"""Recording, reading and refusing results; the statistics; choices."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from scipy import stats

from utils import data, training
from utils.experiments import catalogue
from utils.experiments.recorded import BadResult, path_of
from utils.experiments.steps import SKELETON
from utils.lab.report.intervals import estimate, mcnemar, paired_difference
from utils.lab.runs import job, one, results, validation
from utils.recipes import recipe_hash
from utils.support.files import write_json

SHORT = dataclasses.replace(SKELETON, name="short", epochs=1)


@pytest.fixture(scope="module")
def run(digits):
    """One real run of a short recipe, as the runner makes it."""
    return one.run(SHORT, 3, digits.subset(500, 200), device="cpu", verbose=False)


@pytest.fixture
def recorded(run, tmp_path):
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


# --------------------------------------------------------------------------- one run


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


def test_a_result_survives_writing_and_reading(recorded):
    result, path = recorded
    read = results.read(path, SHORT, 3)
    assert read == result | {"sha256": read["sha256"]}
    assert results.recorded(SHORT, path.parents[1]) == {3: read}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda r: r.update(format=99), "not a result of format 3"),
        (lambda r: r.pop("history"), "it lacks history"),
        (lambda r: r["recipe"].update(lr=0.1), r"stale: .* \(lr: 0.1 → 0.05\)"),
        (lambda r: r["recipe"].update(newer=0.5), r"stale: .* \(newer: 0.5 → none\)"),
        (lambda r: r["recipe"].update(newer=True), r"stale: .* \(newer: yes → no\)"),
        (lambda r: r.update(seed=4), "its seed is 4, not 3"),
        (lambda r: r.update(device="cuda"), "made on cuda: what is reported is made on the CPU"),
        (lambda r: r["fingerprint"].pop(), "stale: the code behind short gives other numbers"),
        (lambda r: r.update(data="MNIST-5k"), r"made on MNIST-5k \(md5 .*, not MNIST"),
        (lambda r: r.update(data_md5="0"), r"made on MNIST \(md5 0\), not MNIST"),
        (lambda r: r["history"].update(train_samples=2000), "not made on all 60,000"),
        (lambda r: r["history"].pop("test_correct"), "not laid out as a result"),
        (lambda r: r.update(test_accuracy_last=99.9), "last accuracy does not match"),
        (lambda r: r.update(test_accuracy_best=99.9), "best accuracy does not match"),
        (lambda r: r["history"]["test_correct"].append(9), "it has 2 epochs, the recipe 1"),
        (lambda r: r["misclassified"]["indices"].pop(), "misclassified images do not match"),
    ],
)
def test_a_result_of_something_else_is_refused_by_name(recorded, edit, message):
    result, path = recorded
    edit(result)
    results.write(result, path)
    with pytest.raises(BadResult, match=message) as caught:
        results.read(path, SHORT, 3)
    assert str(path) in str(caught.value)


def test_a_result_edited_by_hand_is_refused_by_name(recorded):
    _, path = recorded
    path.write_text(path.read_text().replace('"threads": ', '"threads": 1'))
    with pytest.raises(BadResult, match=r"seed-3\.json: edited since it was recorded"):
        results.read(path, SHORT, 3)


def test_a_switch_added_later_and_left_off_makes_nothing_stale(recorded):
    result, path = recorded
    older = {name: value for name, value in result["recipe"].items() if name != "dropout"}
    results.write(result | {"recipe": older}, path)
    assert results.read(path, SHORT, 3)["recipe"] == older


def test_a_truncated_result_is_refused_by_name(recorded):
    _, path = recorded
    path.write_text(path.read_text()[:200])
    with pytest.raises(BadResult, match="cannot be read"):
        results.read(path, SHORT, 3)


def test_a_changed_recipe_has_another_hash():
    hashes = {recipe_hash(recipe) for recipe in (e.recipe for e in catalogue.EXPERIMENTS.values())}
    assert len(hashes) == len(catalogue.EXPERIMENTS)
    renamed = dataclasses.replace(SHORT, name="other", title="other")
    assert recipe_hash(renamed) == recipe_hash(SHORT)


def test_a_missing_seed_is_named_with_the_command_that_records_it(tmp_path):
    with pytest.raises(BadResult, match=r"lacks seeds \[0, 1, 2, 3, 4\].*utils.lab run"):
        results.reported("01_skeleton", tmp_path)


# --------------------------------------------------------------------------- many runs


@pytest.fixture
def few(monkeypatch, digits):
    """A small set that passes for MNIST, and the short recipe among the known ones."""
    monkeypatch.setitem(catalogue.EXPERIMENTS, "short", SHORT)
    monkeypatch.setattr(results, "SAMPLES", (300, 100))
    return dataclasses.replace(digits.subset(300, 100), name="MNIST", md5=data.MNIST_SUM)


def test_a_kill_at_any_moment_leaves_only_whole_files(tmp_path):
    code = (
        "import sys; from pathlib import Path; from utils.lab import results\n"
        "big = {'numbers': list(range(50_000))}\n"
        "for n in range(10**6): results.write(big, Path(sys.argv[1]) / f'seed-{n % 3}.json')\n"
    )
    for wait in (0.05, 0.11, 0.17, 0.23):
        folder = tmp_path / str(wait)
        process = subprocess.Popen([sys.executable, "-c", code, str(folder)])
        deadline = time.time() + 60
        while not list(folder.glob("seed-*.json")):
            assert time.time() < deadline, "the writer never wrote"
            time.sleep(0.01)
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        for path in folder.glob("seed-*.json"):
            assert len(json.loads(path.read_text())["numbers"]) == 50_000


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "seed-0.json"
    write_json({"fine": 1}, path)
    with pytest.raises(TypeError):
        write_json({"broken": object()}, path)
    assert json.loads(path.read_text()) == {"fine": 1}
    assert list(tmp_path.iterdir()) == [path]


# --------------------------------------------------------------------------- statistics


def test_an_estimate_by_hand_and_by_scipy():
    values = [99.40, 99.44, 99.48, 99.42, 99.46]
    found = estimate(values)
    assert found.mean == pytest.approx(99.44)
    assert found.std == pytest.approx((0.004 / 4) ** 0.5)  # squares 16+0+16+4+4 in 1e-4
    half = 2.7764451 * found.std / 5**0.5  # t(0.975, 4)
    assert (found.low, found.high) == pytest.approx((99.44 - half, 99.44 + half))
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_a_paired_difference_is_scipys():
    before, after = [99.1, 99.3, 99.2, 99.25], [99.3, 99.4, 99.45, 99.4]
    found = paired_difference(before, after)
    theirs = stats.ttest_rel(after, before).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert found.excludes_zero == (stats.ttest_rel(after, before).pvalue < 0.05)


def test_mcnemar_by_hand():
    # 6 images only the first gets wrong, 2 only the second: p = 2 * sum(C(8, k), k <= 2) / 2**8.
    found = mcnemar([1, 2, 3, 4, 5, 6, 50, 51], [7, 8, 50, 51])
    assert (found.only_before, found.only_after) == (6, 2)
    assert found.p == pytest.approx(2 * (1 + 8 + 28) / 256)
    assert mcnemar([1, 2], [2, 1]).p == 1.0
    assert mcnemar([], []).p == 1.0
    with pytest.raises(ValueError, match="listed twice"):
        mcnemar([1, 1], [2])


@pytest.mark.parametrize("values", [[], [99.4], [99.4, float("nan")]])
def test_too_little_to_estimate_from_is_refused(values):
    with pytest.raises(ValueError, match=r"at least 2 seeds|not every value is a number"):
        estimate(values)


def test_unpaired_lists_are_refused():
    with pytest.raises(ValueError, match="2 and 3 values cannot be paired"):
        paired_difference([1, 2], [1, 2, 3])


# --------------------------------------------------------------------------- choices


@pytest.fixture
def watched(tmp_path, monkeypatch, few):
    """Choices recorded elsewhere, on a small MNIST; the image sets that runs were made on."""
    monkeypatch.setattr(validation, "FOLDER", tmp_path)
    monkeypatch.setattr(validation, "SAMPLES", (250, 50))
    monkeypatch.setattr(data, "load", lambda *_: few)
    split = data.validation_split
    monkeypatch.setattr(data, "validation_split", lambda images: split(images, 50))
    job.images_of.cache_clear()
    seen = []
    original = one.run

    def watch(recipe, seed, images, *rest, **options):
        seen.append(images)
        return original(recipe, seed, images, *rest, **options)

    monkeypatch.setattr(one, "run", watch)
    yield seen
    job.images_of.cache_clear()


def test_choices_are_made_on_images_outside_the_test_set(watched, few, tmp_path):
    tried = {"lr": [0.05, 0.1], "schedule": ["constant", "exponential"]}
    validation.run(SHORT, tried, [0], jobs=1)
    validation.run(SHORT, tried, [0, 1], jobs=1)
    assert len(watched) == 8
    test = {image.tobytes() for image in few.test_images.numpy()}
    for images in watched:
        assert len(images.test_labels) == 50 and len(images.train_labels) == 250
        used = torch.cat([images.train_images, images.test_images]).numpy()
        assert not test & {image.tobytes() for image in used}
    recorded = [json.loads(path.read_text()) for path in (tmp_path / "short").iterdir()]
    found = {(r["recipe"]["lr"], r["recipe"]["schedule"], r["seed"]) for r in recorded}
    assert found == {(a, b, n) for a in tried["lr"] for b in tried["schedule"] for n in (0, 1)}


def test_the_table_of_choices_names_what_was_tried(watched, tmp_path):
    validation.run(SHORT, {"lr": [0.05, 0.1]}, [0, 1], jobs=1)
    rows = validation.table().rows
    assert [row[:2] for row in rows] == [["short", "as chosen"], ["short", "lr: 0.05 → 0.1"]]
    found = []
    for seed in (0, 1):
        candidate = dataclasses.replace(SHORT, lr=0.1)
        path = tmp_path / "short" / f"{recipe_hash(candidate)}-seed-{seed}.json"
        found.append(validation.judged(json.loads(path.read_text())))
    assert rows[1][3] == f"{found[0]:.2f}, {found[1]:.2f}"
    assert rows[1][2].startswith(f"{sum(found) / 2:.2f} ±")
    path.write_text(path.read_text().replace('"threads": ', '"threads": 1'))
    with pytest.raises(BadResult, match="edited since it was recorded"):
        validation.table(["short"])


def test_a_candidate_that_diverges_is_named_and_the_others_are_recorded(watched, monkeypatch):
    original = one.run

    def run(recipe, *rest, **options):
        if recipe.lr > 1:
            raise training.TrainingDiverged("the loss is nan")
        return original(recipe, *rest, **options)

    monkeypatch.setattr(one, "run", run)
    with pytest.raises(RuntimeError, match=r"lr: 0.05 → 50 seed 0: TrainingDiverged: the loss is"):
        validation.run(SHORT, {"lr": [50.0, 0.1]}, [0], jobs=1)
    assert [row[1] for row in validation.table(["short"]).rows] == ["lr: 0.05 → 0.1"]


def test_the_layout_in_memory_is_no_choice(watched, tmp_path, monkeypatch):
    validation.run(SHORT, {"lr": [0.05]}, [0], jobs=1)
    (before,) = validation.found("short").items()
    faster = dataclasses.replace(SHORT, channels_last=True)
    monkeypatch.setitem(catalogue.EXPERIMENTS, "short", faster)
    assert validation.found("short") == dict([before]) and before[0] == validation.AS_CHOSEN


def test_choices_on_another_set_are_not_recorded(digits, monkeypatch):
    job.images_of.cache_clear()
    monkeypatch.setattr(data, "load", lambda *_: digits)
    with pytest.raises(ValueError, match="this is MNIST-5k: only runs on MNIST are recorded"):
        validation.run(SHORT, {"lr": [0.1]}, [0])


def test_what_to_try_is_read_in_the_settings_own_type():
    assert validation.parse(SHORT, "lr=0.05,1") == ("lr", [0.05, 1.0])
    assert validation.parse(SHORT, "epochs=3") == ("epochs", [3])
    assert validation.parse(SHORT, "batch_norm=yes,no") == ("batch_norm", [True, False])
    assert validation.parse(SHORT, "augmentation=none") == ("augmentation", [None])
    unbounded = dataclasses.replace(SHORT, max_grad_norm=None, augmentation=None)
    assert validation.parse(unbounded, "max_grad_norm=1,none") == ("max_grad_norm", [1.0, None])
    assert validation.parse(unbounded, "augmentation=affine") == ("augmentation", ["affine"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "MNIST"}, "made on MNIST, not on MNIST's validation split"),
        ({"seed": 7}, "it holds another candidate or seed"),
    ],
)
def test_a_file_that_is_no_validation_run_enters_no_table(watched, tmp_path, change, message):
    validation.run(SHORT, {"lr": [0.1]}, [0], jobs=1)
    path = next((tmp_path / "short").glob("*.json"))
    results.write(json.loads(path.read_text()) | change, path)
    with pytest.raises(BadResult, match=message):
        validation.table(["short"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate=0.1", "no setting is called 'rate'"),
        ("lr", "'lr' is not like lr=0.05,0.1"),
        ("lr=fast", "lr takes numbers such as 0.05"),
        ("batch_norm=1", "no value of batch_norm is called '1'"),
    ],
)
def test_what_cannot_be_tried_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        validation.parse(SHORT, text)
