"""Recording, reading and refusing results; the statistics; the command."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy import stats

from utils import recipes
from utils.lab import __main__ as command
from utils.lab import choices, results, runner
from utils.lab.statistics import estimate, paired_difference, prediction_interval

SHORT = dataclasses.replace(recipes.SKELETON, name="short", epochs=1)


@pytest.fixture(scope="module")
def run(digits):
    """One real run of a short recipe, as the runner makes it."""
    return runner.run(SHORT, 3, digits.subset(500, 200), device="cpu", verbose=False)


@pytest.fixture
def recorded(run, tmp_path):
    """The same run as if made on MNIST, written to a folder."""
    result = json.loads(json.dumps(run | {"data": "MNIST"}))
    path = results.path_of(SHORT, 3, tmp_path)
    results.write(result, path)
    return result, path


# --------------------------------------------------------------------------- one run


def test_a_result_says_all_there_is_to_know(run):
    assert run.keys() >= results.KEYS
    assert run["recipe"] == SHORT.settings() and run["seed"] == 3
    assert run["data"] == "MNIST-5k" and run["device"] == "cpu" and run["threads"] >= 1
    assert run["versions"].keys() >= {"python", "torch", "numpy", "albumentations"}
    history, wrong = run["history"], run["misclassified"]
    assert len(history["test_correct"]) == 1 and history["test_samples"] == 200
    assert len(wrong["indices"]) == 200 - history["test_correct"][-1]
    assert all(a != b for a, b in zip(wrong["labels"], wrong["predictions"], strict=True))
    assert run["test_accuracy_last"] == history["test_correct"][-1] / 2


def test_a_result_survives_writing_and_reading(recorded):
    result, path = recorded
    assert results.read(path, SHORT, 3) == result
    assert results.recorded(SHORT, path.parents[1]) == {3: result}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda r: r.update(format=99), "not a result of format 1"),
        (lambda r: r.pop("history"), "it lacks history"),
        (lambda r: r.update(recipe_hash="0" * 12), "another version of the recipe"),
        (lambda r: r.update(seed=4), "its recipe or seed is not"),
        (lambda r: r.update(data="MNIST-5k"), "made on MNIST-5k, not MNIST"),
        (lambda r: r.update(test_accuracy_last=99.9), "last accuracy does not match"),
        (lambda r: r.update(test_accuracy_best=99.9), "best accuracy does not match"),
        (lambda r: r["history"]["test_correct"].append(9), "it has 2 epochs, the recipe 1"),
        (lambda r: r["misclassified"]["indices"].pop(), "misclassified images do not match"),
    ],
)
def test_a_result_that_was_tampered_with_is_refused_by_name(recorded, edit, message):
    result, path = recorded
    edit(result)
    results.write(result, path)
    with pytest.raises(results.BadResult, match=message) as caught:
        results.read(path, SHORT, 3)
    assert str(path) in str(caught.value)


def test_a_truncated_result_is_refused_by_name(recorded):
    _, path = recorded
    path.write_text(path.read_text()[:200])
    with pytest.raises(results.BadResult, match="cannot be read"):
        results.read(path, SHORT, 3)


def test_a_changed_recipe_has_another_hash():
    hashes = {results.recipe_hash(recipe) for recipe in recipes.RECIPES.values()}
    assert len(hashes) == len(recipes.RECIPES)
    renamed = dataclasses.replace(SHORT, name="other", title="other")
    assert results.recipe_hash(renamed) == results.recipe_hash(SHORT)


def test_a_missing_seed_is_named_with_the_command_that_records_it(tmp_path):
    with pytest.raises(results.BadResult, match=r"lacks seeds \[0, 1, 2, 3, 4\].*utils.lab run"):
        results.reported("01_skeleton", tmp_path)


# --------------------------------------------------------------------------- many runs


@pytest.fixture
def short_recipe(monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, "short", SHORT)


def test_finished_runs_are_skipped_and_missing_ones_made(
    tmp_path, digits, short_recipe, monkeypatch, capsys
):
    few = dataclasses.replace(digits.subset(300, 100), name="MNIST")
    runner.run_grid(["short"], [0], few, tmp_path)
    before = results.path_of(SHORT, 0, tmp_path).read_bytes()
    runner.run_grid(["short"], [0, 1], few, tmp_path)
    assert results.path_of(SHORT, 0, tmp_path).read_bytes() == before
    assert sorted(results.recorded(SHORT, tmp_path)) == [0, 1]
    assert "[1/2] short seed 0: recorded already" in capsys.readouterr().out


def test_nothing_but_mnist_enters_the_recorded_results(digits):
    with pytest.raises(ValueError, match="this is MNIST-5k: only runs on MNIST"):
        runner.run_grid(["01_skeleton"], [99], digits)


def test_an_interrupted_run_is_not_recorded(tmp_path, digits, short_recipe, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("utils.training.train_epoch", interrupt)
    few = dataclasses.replace(digits.subset(300, 100), name="MNIST")
    with pytest.raises(KeyboardInterrupt):
        runner.run_grid(["short"], [0], few, tmp_path)
    assert not list(tmp_path.rglob("*.json"))


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
    results.write({"fine": 1}, path)
    with pytest.raises(TypeError):
        results.write({"broken": object()}, path)
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


def test_a_prediction_interval_holds_a_further_value_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.normal(99.4, 0.03, (4000, 6))
    bounds = [prediction_interval(known, 0.9) for known in draws[:, :5]]
    inside = [low <= x <= high for x, (low, high) in zip(draws[:, 5], bounds, strict=True)]
    assert 0.885 < np.mean(inside) < 0.915


@pytest.mark.parametrize("values", [[], [99.4], [99.4, float("nan")]])
def test_too_little_to_estimate_from_is_refused(values):
    with pytest.raises(ValueError, match=r"at least 2 seeds|not every value is a number"):
        estimate(values)


def test_unpaired_lists_are_refused():
    with pytest.raises(ValueError, match="2 and 3 values cannot be paired"):
        paired_difference([1, 2], [1, 2, 3])


# --------------------------------------------------------------------------- the command


def test_seeds_are_read_as_ranges_and_lists():
    assert command.seeds("0-4") == [0, 1, 2, 3, 4]
    assert command.seeds("0,2,5-6") == [0, 2, 5, 6]


@pytest.mark.parametrize(
    "arguments", [["run", "--seeds", "many"], ["run", "--seeds", "1-"], ["fly"]]
)
def test_a_command_that_cannot_be_read_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)
    assert caught.value.code == 2


def test_an_unknown_recipe_ends_with_its_nearest_name(monkeypatch, digits, capsys):
    monkeypatch.setattr("utils.data.load", lambda *_: digits)
    assert command.main(["run", "01_skelton"]) == 1
    assert "did you mean '01_skeleton'" in capsys.readouterr().err


def test_list_names_every_recipe(capsys):
    assert command.main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in recipes.RECIPES)


def test_choices_are_made_on_images_outside_the_test_set(tmp_path, monkeypatch, digits):
    monkeypatch.setattr(choices, "FOLDER", tmp_path)
    seen = []
    monkeypatch.setattr(
        runner,
        "run",
        lambda recipe, seed, images, **_: (
            seen.append(images)
            or {
                "recipe": recipe.settings(),
                "misclassified": {},
                "history": {"test_correct": [90, 95, 97], "test_samples": 100},
            }
        ),
    )
    monkeypatch.setattr("utils.data.validation_split", lambda images: f"split of {images}")
    choices.run(recipes.SKELETON, [0.1], ["constant"], [0], "MNIST")
    assert seen == ["split of MNIST"]
    assert json.loads((tmp_path / "01_skeleton" / "constant-0.1-seed-0.json").read_text())
    assert "94.00" in str(choices.table())
