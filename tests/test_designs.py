"""The designs' tables: every number against one worked out by hand from made-up runs."""

import pytest
from matplotlib.figure import Figure

from utils import recipes
from utils.lab import designs, results
from utils.recipes import COMMONS, DESIGN_A, DESIGN_E2, DESIGN_E3


def run(correct, seconds=2.0):
    """A run with these numbers of correct answers, an epoch each."""
    epochs = len(correct)
    return {
        "test_accuracy_last": correct[-1] / 100,
        "test_accuracy_best": max(correct) / 100,
        "history": {
            "train_samples": 60_000,
            "test_samples": 10_000,
            "lr": [0.1] * epochs,
            "seconds": [seconds] * epochs,
            "train_loss": [0.1] * epochs,
            "train_correct": [59_000] * epochs,
            "test_loss": [0.1] * epochs,
            "test_correct": correct,
        },
        "misclassified": {"labels": [4, 9, 2, 7], "predictions": [9, 4, 5, 3]},
    }


@pytest.fixture
def runs(monkeypatch):
    """Made-up runs of every recipe, to be changed: ``{recipe name: {seed: run}}``."""
    epochs = {recipe.name: recipe.epochs for recipe in recipes.RECIPES.values()}
    found = {
        name: {seed: run([9900] * (n - 1) + [9910 + 10 * seed]) for seed in range(3)}
        for name, n in epochs.items()
    }
    monkeypatch.setattr(results, "recorded", lambda recipe: found[recipe.name])
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
        if recipe.name == "01_skeleton":
            assert common is None  # it has no batch norm, nobody else's network is that one
        else:
            assert designs.parameters(common) == designs.parameters(recipe)
            assert common.dropout == recipe.dropout or designs.label(recipe) == "B1"


def test_a_design_is_described(runs):
    row = cells(designs.networks(), "A")
    assert row["parameters"] == "4,838" and row["receptive field"] == 56
    assert row["batch"] == 64 and row["learning rate"] == "one_cycle, 0.1"
    # By hand: 9 weights and 28² places for 4 maps, and so on down the stages.
    products = 28**2 * (9 * 4 + 9 * 4 * 4) + 14**2 * (9 * 4 * 8 + 9 * 8 * 8)
    products += 7**2 * (9 * 8 * 16 + 9 * 16 * 16 + 16 * 10)
    assert row["multiply-adds"] == f"{products / 1e6:.2f} M"


def test_side_by_side_is_worked_out_from_the_runs(runs):
    runs["design_a"] = {0: run([9930, 9900], seconds=3), 1: run([9920, 9904], seconds=4)}
    runs["common_a"] = {0: run([9900, 9940]), 1: run([9900, 9944])}
    row = cells(designs.side_by_side(), "A")
    assert row["published: one run, best epoch"] == "99.42"
    assert row["best epoch: mean (highest)"] == "99.25 (99.30)"
    assert row["last epoch"] == "99.02\u00a0±\u00a00.03\u00a0(2)"
    assert row["last epoch, common recipe"] == "99.42\u00a0±\u00a00.03\u00a0(2)"
    assert row["seconds per epoch"] == "3.5"


def test_differences_are_paired_by_the_seeds_that_both_have(runs):
    runs[DESIGN_E2.name] = {0: run([9900]), 1: run([9930]), 2: run([9950])}
    runs[DESIGN_E3.name] = {1: run([9940]), 2: run([9962]), 5: run([9000])}
    gap = designs.paired(DESIGN_E2, DESIGN_E3)
    assert gap.n == 2 and gap.mean == pytest.approx(0.11)


@pytest.mark.parametrize("table", [designs.schedulers, designs.batch_sizes])
def test_a_study_has_a_base_and_differences_from_it(runs, table):
    rows = table().rows
    assert rows[0][2] == "" and all("+0.00 [+0.00, +0.00]" in row[2] for row in rows[1:])


def test_the_augmentation_study_goes_from_small_to_large(runs):
    assert [row[0] for row in designs.augmentation().rows] == ["3,762", "7,496", "14,320"]


def test_targets_are_met_or_missed_by_a_distance(runs):
    runs["design_e3"] = {0: run([9953] + [9940] * 5), 1: run([9960] + [9939] * 5)}
    runs["common_a"] = {0: run([9940]), 1: run([9946])}
    table = designs.targets()
    assert cells(table, "E3: best")["reached"] == "yes"
    assert cells(table, "E3: each")["measured"] == "99.40"
    assert cells(table, "E3: each")["reached"] == "yes"
    assert cells(table, "A: best")["reached"] == "no, by 0.120"
    assert cells(table, "Design A")["measured"] == "99.430"
    assert cells(table, "Design A")["reached"] == "no, by 0.020"


def test_confused_pairs_are_counted_both_ways(runs):
    row = cells(designs.mended_pairs(), "4 and 9")
    assert row["step 02, plain"] == "2.0"
    assert cells(designs.mended_pairs(), "1 and 7")["step 02, plain"] == "0.0"


def test_the_peek_is_best_less_last_of_every_run(runs):
    for name in runs:
        runs[name] = {}
    runs[DESIGN_E2.name] = {0: run([9950, 9940])}
    runs[DESIGN_A.name] = {0: run([9950, 9930]), 1: run([9940, 9940])}
    gaps = designs.peeks()
    assert gaps == {"constant rate": [pytest.approx(0.1)], "falling rate": [pytest.approx(0.2), 0]}


def test_a_missing_run_is_named_with_its_command(runs):
    runs["common_a"] = {0: run([9940])}
    with pytest.raises(results.BadResult, match=r"common_a has 1 .*lab run common_a --seeds"):
        designs.side_by_side()


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


def test_the_size_picture_names_the_smallest_and_the_best(runs):
    runs["common_c2"] = {0: run([9930]), 1: run([9930])}
    runs["common_d"] = {0: run([9955]), 1: run([9955])}
    for letter in COMMONS.keys() - {"c2", "d"}:
        runs[f"common_{letter}"] = {0: run([9940]), 1: run([9940])}
    title = designs.size_picture().get_suptitle()
    assert title.startswith("Under one recipe, C2 with 3,762 parameters ends 0.25 points behind D")
