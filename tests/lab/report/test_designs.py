"""The designs' tables: every number against one worked out by hand from made-up runs."""

from itertools import pairwise

import pytest
from made_up import columns, of, row, words

from utils.experiments import catalogue
from utils.experiments.published import COMMON, COMMONS
from utils.lab.report import designs
from utils.lab.report.paired import parameters

LETTERS = ["A", "B1", "B2", "B3", "B4", "C1", "C2", "C3", "D", "E1", "E2", "E3"]


def test_every_published_design_has_a_row_and_a_letter():
    found = columns(designs.networks())
    assert found["design"] == LETTERS
    assert found["parameters"] == [f"{parameters(recipe):,}" for recipe in designs.ALL]
    assert row(designs.networks(), "A")["schedule"] == "one_cycle"


def test_a_network_under_the_common_recipe_is_the_same_network():
    for recipe in designs.ALL:
        common = designs.common_of(recipe)
        assert parameters(common) == parameters(recipe) and common.dropout == recipe.dropout
        assert {name: getattr(common, name) for name in COMMON} == COMMON
    found = [designs.letters(common) for common in COMMONS.values()]
    assert found == ["A", "B1", "B2, B3, B4", "C1", "C2, C3", "D", "E1", "E2, E3"]


def test_side_by_side_has_both_ways_to_train_and_the_published_run(runs):
    runs["design_a"] = {0: [99.30, 99.00], 1: [99.20, 99.04], 2: [99.04, 99.02]}
    runs["common_a"] = of(99.40, 99.44, 99.42, 99.42, 99.42)
    found = row(designs.side_by_side(), "A")
    assert found["published"] == "99.42" and found["best epoch"] == "99.18\u00a0±\u00a00.13"
    assert found["seeds that reach it (chance)"] == "0 of 3 (13%)"
    assert found["last epoch"] == "99.02\u00a0±\u00a00.02 (3)"
    assert found["last epoch, common recipe"] == "99.42\u00a0±\u00a00.01 (5)"
    assert row(designs.texts(), "A")["our seconds per epoch"] == "6.4"


def test_the_largest_network_is_what_the_others_are_held_against(runs):
    runs["common_d"], runs["common_c2"] = of(*[99.55] * 5), of(*[99.35] * 3)
    gap = "D minus this [95 % interval]"
    found = {name: row(designs.on_equal_terms(), name)[gap] for name in ("C2", "D")}
    assert found == {"C2": "+0.20 [+0.20, +0.20]", "D": ""}


def test_the_ranges_name_their_ends(runs):
    runs["common_b1"], runs["common_d"] = of(*[98.90] * 5), of(*[99.60] * 5)
    published, _, common = designs.ranges().rows
    assert common == ["common recipe, last epoch", "98.90 (B1)", "99.60 (D)", "0.70"]
    assert published == ["published", "98.76 (B1)", "99.53 (B4)", "0.77"]


def test_stages_follow_each_other_within_one_text(runs):
    runs["design_e2"], runs["design_e3"] = of(99.00, 99.10, 99.20), of(99.20, 99.30, 99.40)
    found = columns(designs.stages())
    assert found["stages"] == [f"{a} → {b}" for a, b in pairwise(LETTERS) if a[0] == b[0]]
    last = row(designs.stages(), "E2 → E3")
    assert last["what changes here"] == "schedule: constant → one_cycle"
    assert last["published gain"] == "+0.10"
    assert last["gain here [95 % interval]"] == "+0.20 [+0.20, +0.20]"
    assert (last["train, published"], last["train, here"]) == ("99.42", "98.50")


def test_targets_are_shown_or_missed_by_a_distance(runs):
    runs["design_e3"] = {n: [99.53, *[99.41 - 0.01 * n] * 14] for n in range(3)}
    runs["common_a"], runs["common_d"] = of(*[99.43] * 5), of(99.56, 99.57, 99.58)
    table = designs.targets()
    assert row(table, "Design A")["shown"] == "no: shown to be lower, by 0.020 (p < 0.001)"
    assert row(table, "Design D")["shown"] == "yes (p = 0.037)"
    assert row(table, "Design D")["measured"] == "99.570" and row(table, "Design D")["seeds"] == 3
    assert designs.steady().endswith("99.40 % or more in 2 of 3 seeds")


def test_the_size_picture_holds_the_smallest_against_the_largest(runs):
    runs["common_c2"], runs["common_d"] = of(*[99.30] * 5), of(*[99.55] * 5)
    figure = designs.size_picture()
    finding = "D (14,320 parameters) minus C2, C3 (3,762) is +0.25 [+0.25, +0.25]"
    assert words(figure) == f"Trained alike, in points: {finding}"
    (axes,) = figure.axes
    assert axes.get_xlabel() == "parameters" and axes.get_ylabel() == "test accuracy in %"
    texts = {text.get_text(): text.xy for text in axes.texts}
    assert texts["D"] == (14_320, 99.45), "the published run, drawn after the common recipe's"
    assert texts["B2, B3"] == (9436, 99.42) and texts["B4"] == (9436, 99.53)
    common, own = (container[0].get_xydata() for container in axes.containers)
    assert len(common) == len(COMMONS) and len(own) == len(designs.ALL)
    assert common[5][1] == pytest.approx(99.55)
    sizes = [parameters(recipe) for recipe in designs.ALL]
    assert own[:, 0] == pytest.approx(sizes, rel=0.07) and len(set(own[:, 0])) == len(sizes)


def test_the_curves_are_means_and_their_title_measures_the_late_epochs(runs):
    for name in runs:
        swing = 99.10 if name.startswith("common") else 99.50
        epochs = catalogue.recipe(name).epochs
        runs[name] = {n: ([99.00, swing] * 10)[-epochs:] for n in range(5)}
    figure = designs.curves_picture()
    # By hand: around 99.3 lie 3 values .2 above and 2 .3 below, √(.30 / 3); a fifth of it.
    assert "± 0.316 points under own recipes, ± 0.063 under the common one" in words(figure)
    own, common = figure.axes[0].lines
    assert own.get_xdata().tolist() == [*range(1, 11)] and common.get_xdata()[-1] == 15
    assert own.get_ydata() == pytest.approx([99.00, 99.50] * 5)
    assert [axes.get_title()[:2].strip(": ") for axes in figure.axes] == LETTERS


STATED = {  # what the texts say of how they train
    "design_a": {"batch_size": 64, "dropout": 0.01},
    "design_c1": {"batch_size": 32, "epochs": 15, "lr": 0.01, "schedule": "one_cycle"},
    "design_c2": {"batch_size": 32, "epochs": 15, "lr": 0.01, "dropout": 0.01},
    "design_c3": {"batch_size": 32, "lr": 0.1, "schedule": "piecewise"},
    "design_d": {
        "batch_size": 128, "epochs": 19, "optimizer": "sgd", "lr": 0.01, "momentum": 0.9,
        "schedule": "constant", "augmentation": None, "dropout": 0.1,
    },
    "design_e3": {"batch_size": 128, "epochs": 15, "schedule": "one_cycle"},
}  # fmt: skip


@pytest.mark.parametrize("name", STATED)
def test_a_design_is_trained_as_its_text_says(name):
    settings = catalogue.recipe(name).settings()
    assert {key: settings[key] for key in STATED[name]} == STATED[name]
