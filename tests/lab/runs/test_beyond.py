"""What recorded networks read of other digits: counted once, and seen to be stale."""

import itertools
import json
import shutil

import pytest
import torch

from utils import pieces, pretrained
from utils.corruptions import corrupted
from utils.experiments import catalogue
from utils.experiments.experiment import Experiment
from utils.experiments.frontier import FRONTIER
from utils.experiments.recorded import BadResult, path_of, seal
from utils.experiments.steps import REGULARIZATION
from utils.lab.runs import beyond, measured, networks, one, results
from utils.training import evaluate

SHORT = REGULARIZATION.variant("short", "Short", epochs=1)
UPRIGHT = FRONTIER[2000].variant("upright", "Upright", epochs=1)


@pytest.fixture(scope="module")
def images(digits):
    return digits.subset(500, 150)


@pytest.fixture(scope="module")
def recorded_runs(images, tmp_path_factory):
    """Two seeds of one recipe, one of another that deskews, and one that keeps no network."""
    folder = tmp_path_factory.mktemp("results")
    for recipe, seed, keep in (
        (SHORT, 0, True),
        (SHORT, 1, True),
        (SHORT, 2, False),
        (UPRIGHT, 0, True),
    ):
        made = one.run(recipe, seed, images, "cpu", verbose=False, keep_network=keep)
        results.write(made, path_of(recipe, seed, folder))
    return folder


@pytest.fixture
def catalogued(monkeypatch):
    known = {recipe.name: Experiment(recipe) for recipe in (SHORT, UPRIGHT, REGULARIZATION)}
    monkeypatch.setattr(catalogue, "EXPERIMENTS", known)


@pytest.fixture(scope="module")
def once(recorded_runs, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("beyond")
    with pytest.MonkeyPatch.context() as patch:
        known = {recipe.name: Experiment(recipe) for recipe in (SHORT, UPRIGHT, REGULARIZATION)}
        patch.setattr(catalogue, "EXPERIMENTS", known)
        beyond.measure(known, images, recorded_runs, folder)
    return folder


@pytest.fixture
def folders(recorded_runs, once, tmp_path, catalogued):
    """Copies of the results and of what is measured, to spoil."""
    runs, found = tmp_path / "results", tmp_path / "beyond"
    shutil.copytree(recorded_runs, runs)
    shutil.copytree(once, found)
    return runs, found


@pytest.mark.parametrize("recipe", [SHORT, UPRIGHT], ids=["short", "upright"])
def test_counts_are_those_of_the_course_s_own_evaluation(recipe, folders, images):
    """The digits are corrupted first, then set upright where the recipe does so."""
    runs, found = folders
    run = measured.measured(recipe.name, found, runs)[0]
    network = networks.load(path_of(recipe, 0, runs), recipe)
    for name in ("clean", "rotate", "impulse_noise"):
        shown = images if name == "clean" else corrupted(images, name)
        _, loader = pieces.build_loaders(recipe, pieces.preprocessed(recipe, shown), seed=0)
        assert run["correct"][name] == evaluate(network, loader, "cpu").correct
    assert run["correct"].keys() == measured.SETS.keys()


def test_a_file_holds_every_run_that_keeps_its_network(folders):
    runs, found = folders
    assert sorted(path.name for path in found.glob("*.json")) == ["short.json", "upright.json"]
    content = measured.read(found / "short.json")
    assert list(content["runs"]) == ["0", "1"]
    for seed in (0, 1):
        result = json.loads(path_of(SHORT, seed, runs).read_text(encoding="utf-8"))
        assert content["runs"][str(seed)]["network"] == result["network"]
        assert (
            content["runs"][str(seed)]["correct"]["clean"] == result["history"]["test_correct"][-1]
        )
    assert content["images"]["uci"] == 1797 and content["images"]["shift 3"] == 150


def test_how_sure_a_network_is_adds_up(folders, images):
    runs, found = folders
    run = measured.measured("short", found, runs)[0]
    network = pretrained.FromPixels(networks.load(path_of(SHORT, 0, runs), SHORT), False)
    digits, probabilities = pretrained.classify(network, images.test_images)
    top = probabilities.amax(1)
    at = torch.tensor([min(int(15 * p), 14) for p in top.tolist()])
    clean = run["sure"]["clean"]
    assert clean["images"] == at.bincount(minlength=15).tolist()
    right = digits == images.test_labels
    assert clean["correct"] == at[right].bincount(minlength=15).tolist()
    assert sum(clean["probability"]) == pytest.approx(top.double().sum().item(), abs=1e-2)
    assert sum(run["sure"]["corruption"]["images"]) == 15 * 150
    everything = sum(
        run["correct"][name] for name, s in measured.SETS.items() if s.kind == "corruption"
    )
    assert sum(run["sure"]["corruption"]["correct"]) == everything


def test_what_is_measured_is_not_measured_again(folders, images, monkeypatch):
    runs, found = folders
    before = (found / "short.json").read_bytes()
    monkeypatch.setattr(beyond, "_read_all", lambda *_: pytest.fail("measured again"))
    beyond.measure(["short", "upright"], images, runs, found)
    assert (found / "short.json").read_bytes() == before


def test_a_run_recorded_anew_is_stale_until_it_is_measured(folders, images, capsys):
    runs, found = folders
    results.write(
        one.run(SHORT, 1, images.subset(300, 150), "cpu", verbose=False, keep_network=True),
        path_of(SHORT, 1, runs),
    )
    with pytest.raises(
        BadResult, match=r"seed 1 was recorded anew since: python -m utils.lab beyond"
    ):
        measured.measured("short", found, runs)
    beyond.measure(["short"], images, runs, found)
    out = capsys.readouterr().out
    assert "short seed 1: " in out and "seed 0" not in out
    assert list(measured.measured("short", found, runs)) == [0, 1]


def test_what_was_measured_of_a_run_that_is_gone_goes(folders, images):
    runs, found = folders
    path_of(SHORT, 1, runs).unlink()
    beyond.measure(["short"], images, runs, found)
    assert list(measured.measured("short", found, runs)) == [0]


def test_corruptions_that_give_other_pixels_are_measured_anew(folders, images, capsys):
    runs, found = folders
    path = found / "short.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["sample"]["fog"] += 0.1
    path.write_text(json.dumps(content | {"sha256": seal(content)}), encoding="utf-8")
    beyond.measure(["short", "upright"], images, runs, found)
    out = capsys.readouterr().out
    assert "short seed 0: " in out and "short seed 1: " in out and "upright" not in out


def test_a_sample_tells_every_set_from_every_other(images):
    found = beyond.sample(images)
    assert found.keys() == measured.SETS.keys()
    values = sorted(found.values())
    gaps = [b - a for a, b in itertools.pairwise(values)]
    assert sum(gap <= 1e-9 for gap in gaps) == 3  # three severities are published ones


def test_what_is_measured_is_of_the_sets_as_they_are_now(mnist):
    now = beyond.sample(mnist)
    for path in sorted(measured.FOLDER.glob("*.json")):
        then = measured.read(path)["sample"]
        assert then == pytest.approx(now, abs=beyond.TOLERANCE), path.name


def test_a_network_that_reads_other_digits_than_its_run_says_is_refused(folders, images):
    runs, found = folders
    result = path_of(SHORT, 0, runs)
    content = json.loads(result.read_text(encoding="utf-8"))
    content["history"]["test_correct"][-1] -= 9
    result.write_text(json.dumps(content | {"sha256": seal(content)}), encoding="utf-8")
    (found / "short.json").unlink()
    with pytest.raises(BadResult, match="the code behind it gives other numbers now"):
        beyond.measure(["short"], images, runs, found)


def test_a_damaged_or_foreign_file_is_refused_with_its_remedy(folders):
    runs, found = folders
    path = found / "short.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["runs"]["0"]["correct"]["fog"] += 1
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BadResult, match="edited since it was measured"):
        measured.measured("short", found, runs)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(
        BadResult, match=r"Remove it and measure again: python -m utils.lab beyond short"
    ):
        measured.measured("short", found, runs)


def test_the_tidy_table_has_a_row_per_run_and_set(folders):
    runs, found = folders
    table = measured.frame(["short", "upright", REGULARIZATION.name], found, runs)
    assert len(table) == 3 * len(measured.SETS) and set(table.recipe) == {"short", "upright"}
    row = table[(table.set == "scale 0.5") & (table.recipe == "short")].iloc[0]
    assert (row.kind, row.family, row.value, row.images) == ("severity", "scale", 0.5, 150)
    assert row.accuracy == 100 * row.correct / 150
    empty = measured.frame([REGULARIZATION.name], found, runs)
    assert empty.empty and list(empty.columns) == list(table.columns)
