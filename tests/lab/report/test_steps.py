"""The four steps' tables: every number by hand from made-up runs."""

import pytest
from made_up import columns, of

from utils.experiments.steps import AUGMENTATION, LR_SCHEDULE, SKELETON
from utils.lab.report import steps


def test_a_change_is_what_a_step_switches(runs):
    assert steps.change(AUGMENTATION).columns == ["setting", "step 02", "step 03"]
    assert steps.change(AUGMENTATION).rows == [["augmentation", "none", "rotate_perspective"]]
    assert ["lr", "0.05"] in steps.change(SKELETON).rows
    assert steps.change_in_words(SKELETON) == "the bare network"
    assert "schedule: constant → one_cycle" in steps.change_in_words(LR_SCHEDULE)


def test_each_step_has_its_gain_and_its_verdict(runs):
    runs["03_augmentation"], runs["04_lr_scheduler"] = of(*[99.20] * 5), of(*[99.45] * 5)
    found = columns(steps.experiments())
    # 25 of 10,000 images are gained by every seed: their error is 0.05 points.
    assert found[steps.GAIN][0] == "" and found[steps.GAIN][3] == "+0.25 [+0.15, +0.35]"
    assert found["last epoch"][3] == "**99.45\u00a0±\u00a00.00**"
    assert found["± test images"][3] == "0.07" and found["a seed beats one before"][3] == "100%"
    assert columns(steps.costs())["train"] == ["98.50"] * 4
    assert steps.verdict(LR_SCHEDULE).endswith(
        "over 5 seeds. Shown, one-sided at 5 %? no: shown to be lower, by 0.030 (p < 0.001)."
    )
    assert "+0.25 [+0.25, +0.25] for other seeds, paired over 5;" in steps.gain(LR_SCHEDULE)
    assert "+0.25 [+0.15, +0.35] for other seeds and other test" in steps.gain(LR_SCHEDULE)
    with pytest.raises(ValueError, match="01_skeleton is the first step"):
        steps.gain(SKELETON)


def test_details_are_means_over_seeds(runs, wrong):
    late = [99.30, 99.50, 99.40, 99.40, 99.40]
    runs["01_skeleton"] = {n: [99.0, 99.1, 99.2, *[99.3] * 7, *late] for n in range(2)}
    wrong["01_skeleton"] = {0: [(1, 4, 9)], 1: [(1, 4, 9), (2, 9, 4), (3, 1, 7)]}
    found = dict(steps.details(SKELETON).rows)
    assert found["test accuracy, last epoch (%)"] == "99.40"
    assert found["train afterwards minus test (points)"] == "-0.50"
    assert found["test accuracy after 3 epochs (%)"] == "99.20"
    assert found["worst of the last 5 epochs, any seed (%)"] == "99.30"
    assert found["epochs of the last 5 at 99.40 % or more"] == "4.0"
    assert found["standard deviation of the last 5 epochs (points)"] == "0.071"
    assert found["their rise per epoch (points)"] == "+0.010"
    assert found["standard deviation around that rise (points)"] == "0.080"
    assert found["best epoch minus last epoch (points)"] == "0.10"
    assert found["mistakes between 4 and 9, of 10,000"] == "1.5"
    assert [cells[0] for cells in steps.recorded(SKELETON).rows] == ["01 Skeleton"]


def test_what_every_seed_gets_wrong(wrong):
    wrong[steps.BEST.name] = {0: [(5, 4, 9), (7, 1, 2)], 1: [(5, 4, 1)], 2: [(5, 4, 9), (8, 0, 6)]}
    mistakes, ever = steps.always_wrong()
    assert mistakes.indices.tolist() == [5] and mistakes.predictions.tolist() == [9] and ever == 3


def test_a_picture_of_another_set_is_refused(monkeypatch, digits, wrong):
    wrong[steps.BEST.name] = {0: [(5, 4, 9)], 1: [(5, 4, 9)]}
    monkeypatch.setattr("utils.data.load", lambda *_: digits)
    monkeypatch.setattr(steps, "images_of", steps.images_of.__wrapped__)  # not what is cached
    with pytest.raises(ValueError, match="this is MNIST-5k: only runs on MNIST"):
        steps.mistakes_picture()


def test_the_curves_are_of_the_best_step(runs):
    runs[steps.BEST.name] = {n: [99.0] * 10 + [99.4 + 0.01 * n] * 5 for n in range(3)}
    figure = steps.curves_picture()
    assert "no seed falls below 99.40 % in the last five epochs" in figure.get_suptitle()
    (_, test_loss), (train, test) = (axes.lines for axes in figure.axes)
    assert test_loss.get_ydata() == pytest.approx([0.02] * 15)
    assert train.get_ydata() == pytest.approx([98.5] * 15)
    assert test.get_ydata()[-1] == pytest.approx(99.41)
