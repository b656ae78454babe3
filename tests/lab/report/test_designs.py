"""The designs' tables: every number against one worked out by hand from made-up runs."""

import re

import pytest
from matplotlib.figure import Figure

from utils import recipes
from utils.experiments import catalogue
from utils.experiments.published import COMMON, COMMONS, DESIGN_E2, DESIGN_E3
from utils.experiments.recorded import BadResult
from utils.lab.report import designs
from utils.lab.runs import results
from utils.lab.timing import recorded


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
        for recipe in (e.recipe for e in catalogue.EXPERIMENTS.values())
    }
    monkeypatch.setattr(
        results,
        "recorded",
        lambda recipe, folder=None: {
            seed: made | {"seed": seed} for seed, made in found[recipe.name].items()
        },
    )
    monkeypatch.setattr(recorded, "seconds_of", lambda recipe: recipe.batch_size / 10)
    # Else every design needs five runs here, and the record twenty.
    monkeypatch.setattr(recipes, "CLAIMED", {"common_a": 5})
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
        assert {name: getattr(common, name) for name in COMMON} == COMMON
        assert common.dropout == recipe.dropout
    found = [designs.letters(common) for common in COMMONS.values()]
    assert found == ["A", "B1", "B2, B3, B4", "C1", "C2, C3", "D", "E1", "E2, E3"]


def test_a_design_is_described(runs):
    row = cells(designs.networks(), "A")
    assert row["parameters"] == "4,838" and row["receptive field"] == 56
    assert row["batch"] == 64 and row["learning rate"] == "one_cycle, 0.1"
    # By hand: 9 weights and 28² places for 4 maps, and so on down the stages.
    products = 28**2 * (9 * 4 + 9 * 4 * 4) + 14**2 * (9 * 4 * 8 + 9 * 8 * 8)
    products += 7**2 * (9 * 8 * 16 + 9 * 16 * 16 + 16 * 10)
    assert row["million MACs"] == f"{products / 1e6:.2f}"


def test_side_by_side_is_worked_out_from_the_runs(runs):
    runs["design_a"] = {0: run([9930, 9900]), 1: run([9920, 9904]), 2: run([9904, 9902])}
    runs["common_a"] = seeds(9940, 9944, 9942, 9942, 9942)
    row = cells(designs.side_by_side(), "A")
    assert row["published"] == "99.42" and row["its epoch"] == "best of at most 10"
    assert row["best epoch: mean (highest)"] == "99.18 (99.30)"
    assert row["last epoch"] == "99.02\u00a0±\u00a00.02\u00a0(3)"
    assert row["last epoch, common recipe"] == "99.42\u00a0±\u00a00.01\u00a0(5)"
    assert row["seconds per epoch, own recipe"] == "6.4"


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
    less, more = "less constant [95 % interval]", "one_cycle less this [95 % interval]"
    assert cells(table, "constant")[less] == cells(table, "one_cycle")[more] == ""
    assert cells(table, "plateau")[less] == "+0.10 [+0.10, +0.10]"
    assert "within noise" in cells(table, "one_cycle")[less]
    assert cells(table, "plateau")[more].startswith("-0.12 [")
    assert cells(table, "plateau")["first epoch at a lower rate"] == "never, never, never"


def test_the_first_fall_of_a_rate():
    assert designs.first_fall([0.1, 0.1, 0.1]) is None
    assert designs.first_fall([0.01, 0.1, 0.1, 0.05]) == 4


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
    assert cells(table, "C2")[gap] == "+0.20 [+0.20, +0.20], 5 pairs"
    assert cells(table, "E1")[gap].endswith("5 pairs")
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


def test_the_ranges_name_their_ends(runs):
    runs["common_b1"], runs["common_d"] = seeds(*[9890] * 5), seeds(*[9960] * 5)
    last = designs.ranges().rows[-1]
    assert last == ["common recipe, last epoch", "98.90 (B1)", "99.60 (D)", "0.70"]
    assert designs.ranges().rows[0] == ["published", "98.76 (B1)", "99.53 (B4)", "0.77"]


def test_stages_follow_each_other_within_one_text(runs):
    runs["design_e2"], runs["design_e3"] = seeds(9900, 9910, 9920), seeds(9920, 9930, 9940)
    table = designs.stages()
    names = [row[0] for row in table.rows]
    assert names == ["B1 → B2", "B2 → B3", "B3 → B4", "C1 → C2", "C2 → C3", "E1 → E2", "E2 → E3"]
    row = cells(table, "E2 → E3")
    assert row["what changes here"] == "schedule: constant → one_cycle"
    assert row["published gain"] == "+0.10"
    assert row["gain here [95 % interval]"] == "+0.20 [+0.20, +0.20]"
    assert (row["train, published"], row["train, here"]) == ("99.42", "98.33")


def test_confused_pairs_are_counted_both_ways(runs):
    wrong = {"labels": (4, 9, 4, 7), "predictions": (9, 4, 9, 3)}
    runs["02_regularization"] = {n: run([9900], **wrong) for n in range(5)}
    row = cells(designs.mended_pairs(), "4 and 9")
    assert (row["step 02, plain"], row["step 03, augmented"]) == ("3.0", "2.0")
    assert row["Δ [95 % interval]"] == "-1.00 [-1.00, -1.00]"
    assert cells(designs.mended_pairs(), "1 and 7")["step 02, plain"] == "0.0"
    assert cells(designs.mended_pairs(), "the five")["step 03, augmented"] == "3.0"
    assert cells(designs.mended_pairs(), "all other")["step 02, plain"] == "1.0"


def test_the_peek_is_best_less_last_of_every_run(runs):
    for name in runs:
        runs[name] = seeds(*[9910] * 5)
    runs[DESIGN_E2.name] = {n: run([9950, 9940]) for n in range(3)}
    runs["common_a"] = {n: run([9950, 9930]) for n in range(5)}
    runs["04_lr_scheduler"][0]["history"]["lr"] = [0.1, 0.05]
    gaps = designs.peeks()
    assert sorted(gaps["at a constant rate"])[-4:] == pytest.approx([0, 0.1, 0.1, 0.1])
    assert sorted(gaps["with averaged weights"])[-6:] == pytest.approx([0, 0.2, 0.2, 0.2, 0.2, 0.2])
    assert gaps["at a falling rate"] == [0]
    assert sum(map(len, gaps.values())) == 5 * len(catalogue.EXPERIMENTS) - 2


@pytest.mark.parametrize("table", [designs.side_by_side, designs.peeks])
def test_a_missing_run_is_named_with_its_command(runs, table):
    runs["common_a"] = seeds(9940)
    with pytest.raises(
        BadResult,
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
    assert re.search(r"\d\.\d\d|^6 ways", figure.get_suptitle())
    assert all(axes.get_xlabel() for axes in figure.axes if axes.axison) or figure.get_supxlabel()


def test_the_size_picture_holds_the_smallest_against_the_largest(runs):
    runs["common_c2"], runs["common_d"] = seeds(*[9930] * 5), seeds(*[9955] * 5)
    title = designs.size_picture().get_suptitle()
    assert title == (
        "Trained alike, in points: "
        "D (14,320 parameters) less C2, C3 (3,762) is +0.25 [+0.25, +0.25]"
    )


def test_the_curves_title_measures_the_swing(runs):
    for name in runs:
        swing = 9910 if name.startswith("common") else 9950
        runs[name] = {n: run([9900, swing] * 3) for n in range(5)}
    title = " ".join(designs.curves_picture().get_suptitle().split())
    # By hand: around 99.3 lie 3 values .2 above and 2 .3 below, √(.30 / 3); a fifth of it.
    assert "0.316 points under the designs' own recipes, 0.063 under the common one" in title


def test_a_climb_is_no_swing():
    assert designs.around_line([99.0, 99.1, 99.2, 99.3, 99.4]) == pytest.approx(0, abs=1e-9)


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


def test_the_published_figures_are_those_of_the_texts():
    """Parameters and test accuracy of every stage, as the five texts print them."""
    found = {p.source: (p.parameters, p.test) for p in PUBLISHED.values()}
    assert found == {
        "A": (4838, 99.42), "B1": (9264, 98.76), "B2": (9436, 99.42), "B3": (9436, 99.41),
        "B4": (9436, 99.53), "C1": (16530, 99.15), "C2": (3762, 99.19), "C3": (3762, 99.43),
        "D": (14320, 99.45), "E1": (5300, 98.82), "E2": (7496, 99.43), "E3": (7496, 99.53),
    }  # fmt: skip
