"""The designs' tables: every number against one worked out by hand from made-up runs."""

import pytest
from matplotlib.figure import Figure

from utils import recipes
from utils.lab import designs, results, timings
from utils.recipes import DESIGN_E2, DESIGN_E3


def run(correct, labels=(4, 9, 2, 7), predictions=(9, 4, 5, 3)):
    """A run with these numbers of correct answers, an epoch each, and these mistakes."""
    epochs = len(correct)
    return {
        "test_accuracy_last": correct[-1] / 100,
        "test_accuracy_best": max(correct) / 100,
        "history": {
            "train_samples": 60_000,
            "test_samples": 10_000,
            "lr": [0.1] * epochs,
            "seconds": [1.0] * epochs,
            "train_loss": [0.1] * epochs,
            "train_correct": [59_000] * epochs,
            "test_loss": [0.1] * epochs,
            "test_correct": correct,
        },
        "misclassified": {"labels": list(labels), "predictions": list(predictions)},
    }


def seeds(*last):
    """Runs of two epochs that end at these numbers of correct answers, seeds from 0."""
    return {seed: run([9900, correct]) for seed, correct in enumerate(last)}


@pytest.fixture
def runs(monkeypatch):
    """Made-up runs of every recipe, to be changed: ``{recipe name: {seed: run}}``."""
    found = {
        recipe.name: {
            seed: run([9900] * (recipe.epochs - 1) + [9910 + 10 * seed]) for seed in range(5)
        }
        for recipe in recipes.RECIPES.values()
    }
    monkeypatch.setattr(
        results,
        "recorded",
        lambda recipe, folder=None: {
            seed: made | {"seed": seed} for seed, made in found[recipe.name].items()
        },
    )
    monkeypatch.setattr(timings, "seconds_of", lambda recipe: recipe.batch_size / 10)
    return found


def cells(table, first):
    """The row whose first cell starts so, as ``{column: cell}``."""
    (row,) = (row for row in table.rows if str(row[0]).startswith(first))
    return dict(zip(table.columns, row, strict=True))


def test_every_published_design_has_a_row_and_a_letter():
    letters = ["A", "B1", "B2", "B3", "B4", "C1", "C2", "C3", "D", "E1", "E2", "E3"]
    assert [designs.label(recipe) for recipe in designs.ALL] == letters
    assert [row[0] for row in designs.networks().rows] == letters


def test_a_network_under_the_common_recipe_is_the_same_network():
    for recipe in designs.ALL:
        common = designs.common_of(recipe)
        assert designs.parameters(common) == designs.parameters(recipe)
        assert {name: getattr(common, name) for name in recipes.COMMON} == recipes.COMMON
    found = [designs.letters(common) for common in recipes.COMMONS.values()]
    assert found == ["A", "B1", "B2, B3, B4", "C1", "C2, C3", "D", "E1", "E2, E3"]


def test_a_design_is_described(runs):
    row = cells(designs.networks(), "A")
    assert row["parameters"] == "4,838" and row["receptive field"] == 56
    assert row["batch"] == 64 and row["learning rate"] == "one_cycle, 0.1"
    # By hand: 9 weights and 28² places for 4 maps, and so on down the stages.
    products = 28**2 * (9 * 4 + 9 * 4 * 4) + 14**2 * (9 * 4 * 8 + 9 * 8 * 8)
    products += 7**2 * (9 * 8 * 16 + 9 * 16 * 16 + 16 * 10)
    assert row["million multiply-adds"] == f"{products / 1e6:.2f}"


def test_side_by_side_is_worked_out_from_the_runs(runs):
    runs["design_a"] = {0: run([9930, 9900]), 1: run([9920, 9904]), 2: run([9904, 9902])}
    runs["common_a"] = seeds(9940, 9944, 9942, 9942, 9942)
    row = cells(designs.side_by_side(), "A")
    assert row["published"] == "99.42" and row["its epoch"] == "best of at most 10"
    assert row["best epoch: mean (highest)"] == "99.18 (99.30)"
    assert row["last epoch"] == "99.02\u00a0±\u00a00.02\u00a0(3)"
    assert row["last epoch, common recipe"] == "99.42\u00a0±\u00a00.01\u00a0(5)"
    assert row["seconds per epoch"] == "6.4"


def test_differences_are_paired_by_the_seeds_that_both_have(runs):
    runs[DESIGN_E2.name] = seeds(9900, 9930, 9950)
    runs[DESIGN_E3.name] = {2: run([9962]), 1: run([9940]), 0: run([9911]), 4: run([9000])}
    gap = designs.paired(DESIGN_E2, DESIGN_E3)
    assert gap.n == 3 and gap.mean == pytest.approx(0.11)


def test_no_seed_beyond_the_reported_ones_counts(runs):
    runs[DESIGN_E2.name] = seeds(9900, 9900, 9900) | {7: run([9999])}
    assert results.last_accuracies(DESIGN_E2.name) == [99, 99, 99]


def test_a_study_shows_differences_from_its_base(runs):
    runs["design_e2"] = seeds(9900, 9910, 9920)
    runs["study_plateau"] = seeds(9910, 9920, 9930)
    runs["design_e3"] = seeds(9880, 9915, 9930)
    table = designs.schedulers()
    assert [row[0] for row in table.rows] == [
        "constant",
        "step",
        "plateau",
        "exponential",
        "one_cycle",
    ]
    assert cells(table, "constant")["Δ [95 % interval]"] == ""
    assert cells(table, "plateau")["Δ [95 % interval]"] == "+0.10 [+0.10, +0.10]"
    assert "within noise" in cells(table, "one_cycle")["Δ [95 % interval]"]


def test_batch_sizes_come_with_their_seconds(runs):
    runs["04_lr_scheduler"], runs["study_batch_256"] = seeds(*[9950] * 5), seeds(*[9930] * 3)
    table = designs.batch_sizes()
    assert cells(table, "128")["seconds per epoch"] == "12.8"
    assert cells(table, "256")["seconds per epoch"] == "25.6"
    assert cells(table, "256")["Δ [95 % interval]"] == "-0.20 [-0.20, -0.20]"


def test_the_augmentation_study_goes_from_small_to_large(runs):
    runs["study_plain_e2"], runs["common_e2"] = seeds(9910, 9911, 9912), seeds(*[9941] * 5)
    table = designs.augmentation()
    assert [row[0] for row in table.rows] == ["3,762", "7,496", "14,320"]
    row = cells(table, "7,496")
    assert row["plain"].startswith("99.11") and row["augmented"].startswith("99.41")
    assert row["Δ [95 % interval]"] == "+0.30 [+0.28, +0.32]"


def test_the_largest_network_is_what_the_others_are_held_against(runs):
    runs["common_d"], runs["common_c2"] = seeds(*[9955] * 5), seeds(*[9935] * 5)
    table = designs.on_equal_terms()
    gap = "D less this [95 % interval]"
    assert cells(table, "C2")[gap] == "+0.20 [+0.20, +0.20]"
    assert cells(table, "D")[gap] == ""


def test_targets_are_met_or_missed_by_a_distance(runs):
    runs["design_e3"] = {n: run([9953] + [9940 - n] * 5) for n in range(3)}
    runs["design_a"], runs["common_a"] = seeds(9910, 9920, 9930), seeds(*[9943] * 5)
    table = designs.targets()
    assert cells(table, "E3: best")["reached"] == "yes"
    assert cells(table, "E3: each")["measured"] == "99.40"
    assert cells(table, "E3: each")["reached"] == "yes"
    assert cells(table, "A: best")["reached"] == "no, by 0.120"
    assert cells(table, "Design A")["measured"] == "99.430"
    assert cells(table, "Design A")["reached"] == "no, by 0.020"


def test_confused_pairs_are_counted_both_ways(runs):
    wrong = {"labels": (4, 9, 4, 7), "predictions": (9, 4, 9, 3)}
    runs["02_regularization"] = {n: run([9900], **wrong) for n in range(5)}
    row = cells(designs.mended_pairs(), "4 and 9")
    assert (row["step 02, plain"], row["step 03, augmented"]) == ("3.0", "2.0")
    assert row["Δ [95 % interval]"] == "-1.00 [-1.00, -1.00]"
    assert cells(designs.mended_pairs(), "1 and 7")["step 02, plain"] == "0.0"


def test_the_peek_is_best_less_last_of_every_run(runs):
    for name in runs:
        runs[name] = seeds(*[9910] * 5)
    runs[DESIGN_E2.name] = {n: run([9950, 9940]) for n in range(3)}
    runs["common_a"] = {n: run([9950, 9930]) for n in range(5)}
    gaps = designs.peeks()
    assert sorted(gaps["constant rate"])[-4:] == pytest.approx([0, 0.1, 0.1, 0.1])
    assert sorted(gaps["averaged"])[-6:] == pytest.approx([0, 0.2, 0.2, 0.2, 0.2, 0.2])
    assert set(gaps["falling rate"]) == {0}
    assert sum(map(len, gaps.values())) == 5 * len(recipes.RECIPES) - 2


@pytest.mark.parametrize("table", [designs.side_by_side, designs.peeks])
def test_a_missing_run_is_named_with_its_command(runs, table):
    runs["common_a"] = seeds(9940)
    with pytest.raises(
        results.BadResult,
        match=r"common_a lacks seeds \[1, 2, 3, 4\].*lab run common_a --seeds 0-4",
    ):
        table()


@pytest.mark.parametrize(
    "draw",
    [
        designs.size_picture,
        designs.curves_picture,
        designs.schedules_picture,
        designs.peek_picture,
    ],
)
def test_a_picture_is_titled_with_its_finding(runs, draw):
    figure = draw()
    assert isinstance(figure, Figure)
    assert any(c.isdigit() for c in figure.get_suptitle())
    assert all(axes.get_xlabel() for axes in figure.axes if axes.axison) or figure.get_supxlabel()


def test_the_size_picture_holds_the_smallest_against_the_largest(runs):
    runs["common_c2"], runs["common_d"] = seeds(*[9930] * 5), seeds(*[9955] * 5)
    title = designs.size_picture().get_suptitle()
    assert title.startswith("Under one recipe, 3.8 times the parameters (C2, C3 to D) bring +0.25")


def test_the_curves_title_measures_the_swing(runs):
    for name in runs:
        runs[name] = {n: run([9900, 9950] * 3) for n in range(5)}
    title = designs.curves_picture().get_suptitle()
    assert "0.274 points under the designs' own recipes, 0.274 under" in title  # std of 5 by hand
