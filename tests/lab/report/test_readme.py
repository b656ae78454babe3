"""What the README says is what was recorded."""

import numpy as np
import pytest

from utils.experiments import catalogue
from utils.experiments.steps import STEPS
from utils.experiments.studies import STOCK_ENGINE
from utils.lab.report import figures, readme
from utils.lab.report.intervals import Estimate, paired_difference, signed
from utils.lab.runs import results


def test_the_readme_is_what_the_recorded_runs_say():
    text = readme.README.read_text()
    assert readme.updated(text) == text, "run: make report"


@pytest.mark.parametrize("file", figures.FIGURES)
def test_a_figure_was_drawn_from_the_recorded_runs(file):
    assert figures.drawn_from(file) == figures.digest(file), "run: make report"


PAIRS = [(stock.name, batched.name) for batched, stock in STOCK_ENGINE.items()]
REPORTED = [*(recipe.name for recipe in STEPS), *(name for pair in PAIRS for name in pair)]


@pytest.mark.parametrize("name", REPORTED)
def test_the_reported_seeds_are_all_there(name):
    assert [run["seed"] for run in results.reported(name)] == list(results.SEEDS)


@pytest.mark.parametrize("name", catalogue.EXPERIMENTS)
def test_recorded_runs_are_whole_clean_and_of_one_kind(name):
    for run in results.recorded(catalogue.recipe(name)).values():
        assert "+changes" not in run["git_commit"] and run["git_commit"] != "unknown"
        assert len(run["history"]["lr"]) == catalogue.recipe(name).epochs
        for key in ("data_md5", "versions", "threads", "device", "machine"):
            assert run[key] == results.reported("01_skeleton")[0][key], key


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[1])
def test_the_engines_show_no_difference_beyond_noise(pair):
    """What lets the batched engine train in albumentations' place."""
    assert not paired_difference(*map(results.last_accuracies, pair)).excludes_zero


def test_the_engines_show_no_difference_over_all_networks_either():
    before, after = (
        np.mean([results.last_accuracies(pair[at]) for pair in PAIRS], 0) for at in (0, 1)
    )
    gap = paired_difference(before, after)
    assert gap.n >= 5 and not gap.excludes_zero
    assert abs(gap.mean) < 0.1, "points"


def test_the_lock_file_holds_the_versions_the_results_were_made_with():
    lock = dict(
        line.split("==")
        for line in (readme.ROOT / "requirements-lock.txt").read_text().splitlines()
        if "==" in line
    )
    versions = results.reported(REPORTED[0])[0]["versions"]
    assert {p: v for p, v in versions.items() if p != "python"}.items() <= lock.items()


def test_a_change_in_the_runs_changes_the_page(monkeypatch):
    def better(name, folder=None):
        return [run | {"test_accuracy_last": 99.99} for run in original(name)]

    original = results.reported
    monkeypatch.setattr(results, "reported", better)
    text = readme.README.read_text()
    assert readme.updated(text) != text


def test_a_lost_marker_is_named():
    text = readme.README.read_text().replace("<!-- end:engines -->", "")
    with pytest.raises(ValueError, match="sections 'engines' with both markers, expected 1"):
        readme.updated(text)
    with pytest.raises(ValueError, match="markers at odds"):
        readme.updated(text.replace("<!-- begin:engines -->", ""))


def test_a_difference_within_noise_is_called_so():
    assert signed(Estimate(0.02, 0.05, -0.04, 0.08, 5)) == ("+0.02 [-0.04, +0.08] (within noise)")
    assert signed(Estimate(0.1, 0.02, 0.07, 0.13, 5)) == "+0.10 [+0.07, +0.13]"
