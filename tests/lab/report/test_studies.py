"""The studies' tables and pictures, every number by hand from made-up runs."""

import numpy as np
import pandas as pd
import pytest
import torch
from made_up import columns, of, row, words

from utils import schedules
from utils.experiments.recorded import BadResult
from utils.experiments.steps import AUGMENTATION, REGULARIZATION
from utils.lab.report import studies
from utils.lab.report.paired import DELTA
from utils.lab.runs import results


def test_a_study_shows_differences_from_its_base(runs):
    runs["design_e2"] = of(99.00, 99.10, 99.20)
    runs["study_plateau"] = of(99.10, 99.20, 99.30)
    runs["design_e3"] = of(98.80, 99.15, 99.30)
    table = studies.schedulers()
    names = ["constant", "step", "plateau", "exponential", "one_cycle"]
    assert columns(table)["schedule"] == names
    less, more = "minus constant [95 % interval]", "one_cycle minus this [95 % interval]"
    assert row(table, "constant")[less] == row(table, "one_cycle")[more] == ""
    assert row(table, "plateau")[less] == "+0.10 [+0.10, +0.10]"
    assert "not shown" in row(table, "one_cycle")[less]
    assert row(table, "plateau")[more].startswith("-0.12 [")
    assert row(table, "plateau")["first epoch that starts at a lower rate"] == "never, never, never"


def test_the_first_fall_of_a_rate():
    assert studies.first_fall([0.1, 0.1, 0.1]) is None
    assert studies.first_fall([0.01, 0.1, 0.1, 0.05]) == 4


def test_batch_sizes_come_with_their_seconds(runs):
    runs["04_lr_scheduler"], runs["study_batch_256"] = of(*[99.50] * 5), of(*[99.30] * 3)
    found = columns(studies.batch_sizes())
    assert found["batch_size"] == ["128", "256"]
    assert found["seconds per epoch"] == ["12.8", "25.6"]
    assert found[DELTA] == ["", "-0.20 [-0.20, -0.20] over 3"]


def test_augmentation_is_studied_from_small_to_large(runs):
    runs["study_plain_e2"], runs["common_e2"] = of(99.10, 99.11, 99.12), of(*[99.41] * 5)
    table = studies.augmentation()
    assert columns(table)["parameters"] == ["3,762", "7,496", "14,320"]
    found = row(table, "7,496")
    assert found["not augmented"].startswith("99.11") and found["augmented"].startswith("99.41")
    assert found[DELTA] == "+0.30 [+0.28, +0.32] over 3"


def test_mended_pairs_are_counted_with_all_other_mistakes(wrong):
    wrong["02_regularization"] = {
        n: [(1, 4, 9), (2, 9, 4), (3, 4, 9), (4, 7, 3), (5, 0, 6)] for n in range(3)
    }
    wrong["03_augmentation"] = {n: [(1, 4, 9), (2, 2, 5), (3, 7, 3)] for n in range(3)}
    found = {cells[0]: cells[1:] for cells in studies.mended_pairs().rows}
    assert found["4 and 9"] == ["3.0", "1.0", "-2.00 [-2.00, -2.00]"]
    assert found["1 and 7"][:2] == ["0.0", "0.0"]
    assert found["the five together"][:2] == ["3.0", "2.0"]
    assert found["all other mistakes"][:2] == ["2.0", "1.0"]


def test_engines_are_paired_by_seed_and_held_against_the_margin(monkeypatch):
    base = [99.1, 99.3, 99.2, 99.4, 99.5]
    gains = {"03_augmentation": 0.3, "design_a_augmented": 0.0, "design_e2": -0.15}

    def frame(names):
        gain = gains.get(names[0], 0.0)
        runs = [(seed, value + gain, 1) for seed, value in zip(range(10, 15), base, strict=True)]
        runs += [(0, 90.0, 1), (10, 90.0, 2)]  # another seed, the second split
        return pd.DataFrame(runs, columns=["seed", "accuracy", "split"]).assign(tried="as chosen")

    monkeypatch.setattr(studies.choices, "frame", frame)
    table, shown = studies.engines(), "equivalent within 0.1"
    assert row(table, "Augmentation")[DELTA] == "+0.30 [+0.30, +0.30]"
    assert row(table, "Augmentation")[shown] == "not shown (p = 1.00)"
    assert row(table, "Design A")[shown] == "yes (p < 0.001)"
    assert row(table, "mean of all")[DELTA] == "+0.05 [+0.05, +0.05]"
    assert row(table, "mean of all")[shown] == "yes (p < 0.001)"
    monkeypatch.setattr(studies, "ENGINE_SEEDS", range(10, 16))
    with pytest.raises(BadResult, match=r"lacks validation runs of seeds \[15\]: .*--seeds 10-15"):
        studies.engines()


def test_the_best_epoch_less_the_last_of_every_run(runs, monkeypatch):
    for name in runs:
        runs[name] = of(*[99.10] * 3)
    runs["design_d"] = of(99.40, 99.40, best=99.50)
    runs["common_a"] = of(99.30, best=99.50)
    original = results.frame

    def frame(names=None):
        found = original(names)
        falls = (found.recipe == "design_a") & (found.epoch == 2)
        return found.assign(lr=np.where(falls, 0.05, found.lr))

    monkeypatch.setattr(results, "frame", frame)
    gaps = studies.best_minus_last().set_index("rate", append=True).points
    assert gaps["design_d"].to_numpy() == pytest.approx([0.1, 0.1])
    assert gaps["common_a"].to_dict() == {(0, "with averaged weights"): pytest.approx(0.2)}
    assert set(gaps["design_a"].index.get_level_values("rate")) == {"at a falling rate"}
    figure = studies.best_minus_last_picture()
    assert studies.what_the_best_epoch_adds() in words(figure)
    dots = [marks.get_offsets()[:, 0] for marks in figure.axes[0].collections]
    assert sum(map(len, dots)) == len(gaps)
    assert max(map(max, dots)) == pytest.approx(0.2)


def test_every_schedule_is_drawn_and_those_that_stay_high_are_named(runs):
    runs["study_plateau"] = of(99.1, 99.2)
    runs["study_plateau"][0] = [99.1] * 15  # its loss never falls, so the plateau's rate does
    figure = studies.schedules_picture()
    assert words(figure).endswith(
        "6 schedules with one peak rate; above half of it to the end: constant"
    )
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == list(schedules.SCHEDULES)
    assert all(max(line.get_ydata()) == pytest.approx(0.1) for line in axes.lines)


def test_step_02_is_taken_apart(runs):
    runs["01_skeleton"], runs["study_batch_norm"] = of(*[99.0] * 5), of(*[99.2] * 5)
    runs["study_dropout"], runs["02_regularization"] = of(*[99.1] * 5), of(*[99.5] * 5)
    table = studies.halves()
    less, beats, rest = table.columns[-3:]
    assert row(table, "batch norm")[beats] == "100%" and row(table, "nothing")[beats] == ""
    assert columns(table)["regularized with"] == [
        "nothing (step 01)", "batch norm", "dropout", "both (step 02)",
    ]  # fmt: skip
    assert row(table, "batch norm")[less] == "+0.20 [+0.20, +0.20]"
    assert row(table, "dropout")[rest] == "+0.40 [+0.40, +0.40]"
    assert row(table, "nothing")[less] == row(table, "both")[rest] == ""


def test_the_square_of_augmentation_and_schedule(runs):
    runs["02_regularization"], runs["03_augmentation"] = of(*[99.2] * 5), of(*[99.1] * 5)
    runs["study_one_cycle"], runs["04_lr_scheduler"] = of(*[99.3] * 5), of(*[99.5] * 5)
    constant, cycle, down = studies.augmentation_by_schedule().rows
    assert constant[-2:] == ["-0.10 [-0.10, -0.10]", "0%"]
    assert cycle[-2:] == ["+0.20 [+0.20, +0.20]", "100%"]
    each = ["+0.10 [+0.10, +0.10]", "+0.40 [+0.40, +0.40]", "+0.30 [+0.30, +0.30]", ""]
    assert down[1:] == each


def test_digits_that_turn_are_shown_in_both_directions(wrong):
    before, after = REGULARIZATION, AUGMENTATION
    wrong[before.name] = {n: [(3, 4, 9)] + [(7, 2, 1)] * (n < 2) for n in range(5)}
    wrong[after.name] = {n: [(8, 5, 6), (7, 2, 1)] for n in range(5)}
    images = torch.zeros(10, 28, 28, dtype=torch.uint8)
    figure = studies.turned_picture(images, before, after)
    said = "augmentation: none → rotate_perspective: 1 test digits gain (above), 2 lose (below)"
    assert words(figure).startswith(said)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["4: 100% → 0%", "5: 0% → 100%", "2: 40% → 100%"]
