"""Tables and pictures of what is measured beyond the test set: by hand from made-up files."""

import json

import numpy as np
import pytest
from made_up import columns, row, words

from utils.experiments.recorded import path_of, seal
from utils.experiments.robust import ROBUST
from utils.experiments.speed import SPEEDRUN
from utils.experiments.steps import AUGMENTATION, LR_SCHEDULE, REGULARIZATION, SKELETON, STEPS
from utils.lab.report import beyond, calibration, intervals, robust
from utils.lab.runs import measured
from utils.recipes import recipe_hash


@pytest.fixture
def write(tmp_path, monkeypatch):
    """``write(recipe, {set: correct of 1,000}, …)``: a file with a seed each; others read 900.

    ``sure`` is of every seed, or a list of one each.
    """
    runs, folder = tmp_path / "results", tmp_path / "beyond"
    folder.mkdir()
    read_one, read_all = measured.measured, measured.frame
    monkeypatch.setattr(
        measured, "measured", lambda name, folder=folder, runs=runs: read_one(name, folder, runs)
    )
    monkeypatch.setattr(measured, "frame", lambda names: read_all(names, folder, runs))

    def sealed(content, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content | {"sha256": seal(content)}), encoding="utf-8")

    def write(recipe, *seeds, sure=None):
        made = {}
        for seed, correct in enumerate(seeds):
            sealed({"format": 3, "network": f"{seed}"}, path_of(recipe, seed, runs))
            counts = {name: 900 for name in measured.SETS} | correct
            bins = {"images": [0] * 15, "correct": [0] * 15, "probability": [0.0] * 15}
            if sure:
                bins = sure[seed] if isinstance(sure, list) else sure
            known = {"network": f"{seed}", "correct": counts, "seconds": 1.0}
            made[str(seed)] = known | {"sure": dict.fromkeys(("clean", "corruption", "uci"), bins)}
        content = {"format": measured.FORMAT, "recipe_hash": recipe_hash(recipe), "runs": made}
        content |= {"images": dict.fromkeys(measured.SETS, 1000)}
        sealed(content, folder / f"{recipe.name}.json")

    return write


def test_accuracy_is_a_mean_over_seeds_and_fifteen_corruptions(write):
    write(SKELETON, {"fog": 450, "clean": 990}, {"fog": 470, "clean": 994})
    found = beyond.by_corruption()
    assert found.columns == ["accuracy in %", "01 Skeleton"] and len(found.rows) == 18
    assert row(found, "fog")["01 Skeleton"] == "46.00\u00a0±\u00a01.41"
    assert row(found, "clean")["01 Skeleton"] == "99.20\u00a0±\u00a00.28"
    assert row(found, "shot noise")["01 Skeleton"] == "90.00\u00a0±\u00a00.00"
    mean = (14 * 90 + 46) / 15
    assert row(found, "mean of the fifteen")["01 Skeleton"].startswith(f"{mean:.2f}")


def test_one_seed_has_no_spread_and_no_recipe_no_column(write):
    write(SKELETON, {"uci": 800})
    write(LR_SCHEDULE, {}, {})
    found = beyond.by_corruption()
    assert found.columns == ["accuracy in %", "01 Skeleton", "04 Learning-rate schedule"]
    assert row(found, "UCI")["01 Skeleton"] == "80.00"
    assert beyond.gains().columns == ["points of accuracy"] and beyond.gains().rows == []


def test_relative_errors_are_quotients_by_corruption(write):
    """Errors of 10 % become 5 % in fog and stay in the other fourteen: 14.5 of 15."""
    write(SKELETON, {}, {})
    write(REGULARIZATION, {"fog": 950}, {"fog": 950, "zigzag": 800})
    found = columns(beyond.errors())
    assert found["recipe"] == ["01 Skeleton", "02 Regularization"]
    assert found["parameters"] == ["9,264", "9,436"] and found["seeds"] == [2, 2]
    one, other = 100 * 14.5 / 15, 100 * 15.5 / 15
    expected = f"{(one + other) / 2:.1f}\u00a0±\u00a0{(other - one) / 2**0.5:.1f}"
    assert found["relative to 01 Skeleton"] == ["100.0\u00a0±\u00a00.0", expected]
    assert found["mean of the fifteen"][0] == "10.00\u00a0±\u00a00.00"
    assert "relative to" not in str(beyond.errors(base=AUGMENTATION))


def test_gains_are_paired_by_seed(write):
    write(SKELETON, {"rotate": 900}, {"rotate": 800}, {"rotate": 850})
    write(REGULARIZATION, {"rotate": 910}, {"rotate": 812}, {"rotate": 861})
    found = beyond.gains()
    assert found.columns == ["points of accuracy", "step 02 minus step 01"]
    assert row(found, "rotate")["step 02 minus step 01"] == "+1.10 [+0.85, +1.35] *"
    assert found.note.endswith("They have a star.")
    assert "not shown" in row(found, "fog")["step 02 minus step 01"]
    averages = beyond.gains_by_pair([(SKELETON, REGULARIZATION), (SKELETON, AUGMENTATION)])
    (turned,) = averages.rows
    assert turned[0] == "step 02 minus step 01"
    for name, cell in zip(averages.columns[1:], turned[1:], strict=True):
        assert cell.rstrip(" *") == row(found, name)["step 02 minus step 01"].rstrip(" *")
    named = beyond.gains([(REGULARIZATION, SKELETON)])
    assert row(named, "rotate")["step 01 minus step 02"] == "-1.10 [-1.35, -0.85] *"


def test_recipes_that_share_no_first_weights_are_compared_without_pairs(write):
    write(SKELETON, {"rotate": 900}, {"rotate": 800}, {"rotate": 850})
    write(SPEEDRUN, {"rotate": 910}, {"rotate": 812}, {"rotate": 861}, {"rotate": 861})
    expected = intervals.Difference(intervals.welch([90, 80, 85], [91, 81.2, 86.1, 86.1]))
    (found,) = row(beyond.gains([(SKELETON, SPEEDRUN)]), "rotate").keys() - {"points of accuracy"}
    assert row(beyond.gains([(SKELETON, SPEEDRUN)]), "rotate")[found] == expected


def test_a_robust_recipe_is_held_against_the_last_step(write):
    """Errors of 10 % become 5 % in scale, to choose by, and 2 % in fog, which is reported."""
    write(LR_SCHEDULE, {"clean": 990}, {"clean": 994})
    write(ROBUST, *({"clean": clean, "scale": 950, "fog": 980} for clean in (992, 994)))
    found = row(robust.against(), "Spoiled")
    assert found["clean"] == "99.30\u00a0±\u00a00.14"
    apart = intervals.welch([99.0, 99.4], [99.2, 99.4])  # other weights at the start
    assert found["Δ clean [95 % interval]"] == intervals.Difference(apart)
    for name, relative in (
        ("error, all fifteen", (13 + 0.5 + 0.2) / 15),
        ("the eight it was chosen by", 7.5 / 8),
        ("the seven others", 6.2 / 7),
    ):
        assert found[name] == f"{100 * relative:.1f}\u00a0±\u00a00.0"
    base = row(robust.against(), "04")
    assert base["error, all fifteen"].startswith("100.0") and base["Δ clean [95 % interval]"] == ""


def test_a_claim_of_robustness_counts_the_seeds_of_both(write):
    write(LR_SCHEDULE, *({"clean": n, "fog": 900 + n - 994} for n in (993, 994, 995, 994)))
    write(
        ROBUST,
        *({"clean": n, **dict.fromkeys(beyond.CORRUPTIONS, 950)} for n in (993, 994, 995, 994)),
    )
    said = robust.verdict()
    assert said.startswith("Corruption by corruption, 50.")
    assert "at most two thirds: shown at 1 % (p < 0.001). Clean digits, in points: +0.00 [" in said
    less = intervals.welch([99.3, 99.4, 99.5, 99.4], [99.3, 99.4, 99.5, 99.4]).p_at_least(-0.05)
    assert f"at most 0.05 fewer: not shown at 1 % (p = {less:.2f}). 4 and 4 seeds." in said
    write(ROBUST, {"clean": 990})
    assert robust.verdict() == beyond.TO_MEASURE, "one seed has no spread"


def test_the_most_accurate_recipe_and_the_most_robust_are_named(write):
    write(SKELETON, {"clean": 980}, {"clean": 980})
    write(LR_SCHEDULE, {"clean": 995, "fog": 150}, {"clean": 995, "fog": 150})
    figure = robust.picture()
    assert words(figure).startswith(
        "Of 2 recipes the most accurate one gets 15 % of corrupted digits wrong, the most robust "
        "one 10 %"
    )
    drawn = figure.axes[0].lines[0].get_xydata()
    assert drawn == pytest.approx(np.array([[2, 10], [0.5, 15]]))
    write(ROBUST, *[dict.fromkeys(measured.SETS, 996)] * 2)
    assert words(robust.picture()).startswith(
        f"“{ROBUST.title}” gets 0 % of corrupted digits wrong, the 2 other recipes 10 % and more"
    )


def test_the_finding_of_the_page_says_what_augmentation_brings(write):
    assert robust.finding() == beyond.TO_MEASURE
    for step in STEPS:
        read = {"translate": 990, "impulse_noise": 700} if step == AUGMENTATION else {}
        write(step, read, read)
    assert robust.finding().startswith(
        "Of test digits corrupted in fifteen ways the first step's network reads 90 %, the last "
        "one's 90 %: +0.00 [+0.00, +0.00] (not shown) points. Augmentation brings +9.00 "
        "[+9.00, +9.00] where digits are moved by three pixels, -20.00 [-20.00, -20.00] under "
        "salt-and-pepper noise"
    )
    assert "spoiled" not in robust.finding()
    read = {"clean": 995, "scale": 970, "fog": 970}  # one to choose by, one of the seven others
    write(ROBUST, read, read)
    assert robust.finding().endswith(
        "A network of 9,824 parameters that trained on spoiled digits, and was chosen under eight "
        "of the fifteen, reads 90.93 ± 0.00 % of the corrupted ones, 91.00 ± 0.00 % under the "
        "seven others (under which an early draft was looked at once), and 99.50 ± 0.00 % of the "
        "clean ones (2 trainings)."
    )


def test_curves_go_through_every_value_and_the_clean_digits(write):
    write(SKELETON, {"rotation 60": 300, "clean": 980}, {"rotation 60": 500, "clean": 960})
    table = beyond.severity_frame(STEPS)
    of_rotation = table[table.family == "rotation"].groupby("value").accuracy.mean()
    assert of_rotation.to_dict() == {0: 97, 10: 90, 20: 90, 30: 90, 40: 90, 50: 90, 60: 40}
    assert sorted(table.family.unique()) == sorted(beyond.SEVERITIES)
    figure = beyond.severity_picture()
    drawn = figure.axes[0].lines[0].get_xydata()
    assert drawn[0].tolist() == [0, 97] and drawn[-1].tolist() == [60, 40]
    assert [axes.get_title() for axes in figure.axes[:5]] == list(beyond.SEVERITIES)


def test_a_curve_over_severity_says_where_two_recipes_are_furthest_apart(write):
    write(SKELETON, {"rotation 50": 300, "shift 6": 500}, {"rotation 50": 300, "shift 6": 500})
    write(LR_SCHEDULE, {"rotation 50": 800}, {"rotation 50": 800})
    assert words(beyond.severity_picture((SKELETON, LR_SCHEDULE))).startswith(
        "Furthest apart at rotation 50: 80 % (04 Learning-rate schedule) against 30 % (01 Skeleton)"
    )


def test_the_picture_names_the_hardest_corruption(write):
    write(SKELETON, {"fog": 450}, {"fog": 450})
    figure = beyond.picture()
    assert words(figure).startswith("Corrupted digits: 87.0 to 87.0 %")
    assert "fog is hardest for 1 of 1 recipes" in words(figure)


def test_a_network_that_is_right_as_often_as_it_says_is_calibrated(write):
    images, correct, probability = np.zeros((3, 15))
    images[[10, 14]], correct[[10, 14]], probability[[10, 14]] = (100, 900), (70, 882), (70, 882)
    assert calibration.calibration_error(np.array([images, correct, probability])) == 0
    correct[14], probability[14] = 855, 891  # 36 too sure, of 1,000
    assert calibration.calibration_error(np.array([images, correct, probability])) == pytest.approx(
        3.6
    )
    correct[10] = 74  # 4 not sure enough: they do not make up for it
    counts = {"images": images.tolist(), "correct": correct.tolist()}
    counts |= {"probability": probability.tolist()}
    write(SKELETON, {}, sure=counts)
    found = columns(calibration.calibration())
    assert found["recipe"] == ["01 Skeleton"]
    assert found["calibration error in %, clean"] == ["4.00"]
    assert found["wrong where surer than 93 %, in %, UCI digits"] == ["5.00"]


def test_a_change_of_calibration_has_its_interval(write):
    def sure(right):  # of 100 answers of 95 %
        images, correct, probability = np.zeros((3, 15))
        images[14], correct[14], probability[14] = 100, right, 95
        sums = {"images": images, "correct": correct, "probability": probability}
        return {name: one.tolist() for name, one in sums.items()}

    for recipe, right in ((SKELETON, (90, 91)), (REGULARIZATION, (92, 95))):
        write(recipe, {}, {}, sure=[sure(n) for n in right])
    (found,) = calibration.changes().rows
    assert found[0] == "step 02 minus step 01"
    expected = intervals.Difference(intervals.paired_difference([5, 4], [3, 0]))
    assert found[1:] == [expected] * 3
    assert calibration.changes([(SKELETON, SPEEDRUN)]).rows == []


def test_a_reliability_diagram_leaves_out_bins_that_say_little(write):
    images, correct, probability = np.zeros((3, 15))
    images[[5, 9, 14]], correct[[5, 9, 14]] = (19, 100, 900), (0, 50, 855)
    probability[[5, 9, 14]] = (7, 63, 891)
    counts = {"images": images.tolist(), "correct": correct.tolist()}
    write(SKELETON, {}, sure=counts | {"probability": probability.tolist()})
    left, right = calibration.reliability_picture().axes
    for axes in (left, right):
        assert axes.lines[1].get_xydata() == pytest.approx(np.array([[63, 50], [99, 95]]))
        assert axes.lines[1].get_label() == "01 Skeleton: 5.5"


def test_without_any_record_nothing_raises(write):
    pictures = (beyond.picture, beyond.severity_picture, calibration.reliability_picture)
    pictures += (robust.picture,)
    assert all(words(draw()) == beyond.TO_MEASURE for draw in pictures)
    tables = (beyond.by_corruption, beyond.errors, beyond.gains, calibration.calibration)
    tables += (robust.against, calibration.changes)
    assert all(make().rows == [] and str(make()) for make in tables)
