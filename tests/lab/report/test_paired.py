"""What tables say of one recipe and of two."""

import pandas as pd
import pytest
from made_up import columns, of
from scipy.stats import ttest_ind

from utils import models
from utils.experiments.published import DESIGN_A, DESIGN_E2, DESIGN_E3
from utils.experiments.speed import FASTEST, SPEEDRUN
from utils.experiments.steps import REGULARIZATION, SKELETON
from utils.lab.report import paired


def test_a_gap_is_paired_by_the_seeds_that_both_have(runs):
    runs["design_e2"] = of(99.00, 99.30, 99.50)
    runs["design_e3"] = {2: [99.60], 1: [99.40], 4: [90.00]}
    assert paired.gap(DESIGN_E2, DESIGN_E3) == "+0.10 [+0.10, +0.10] over 2"
    assert paired.difference(paired.last(DESIGN_E2), paired.last(DESIGN_E3)).n == 2
    assert paired.gap(None, DESIGN_E3) == paired.gap(DESIGN_E3, DESIGN_E3) == ""


def test_a_column_is_known_or_a_setting_or_a_function(runs):
    runs["design_a"] = {0: [99.30, 99.00], 1: [99.20, 99.04], 2: [99.04, 99.02]}
    chosen = ("last epoch", "seed by seed", "best epoch", "epochs", "augmentation")
    found = columns(paired.tabulate([DESIGN_A], *chosen, ("name", lambda recipe: recipe.title)))
    assert found == {
        "last epoch": ["99.02\u00a0±\u00a00.02 (3)"],
        "seed by seed": ["99.00, 99.04, 99.02"],
        "best epoch": ["99.18\u00a0±\u00a00.13"],
        "epochs": ["10"],
        "augmentation": ["none"],
        "name": ["Design A"],
    }


def test_a_network_is_measured_once(monkeypatch):
    def measure(model):
        measured.append(model)
        return 7

    measured = []
    monkeypatch.setattr(models, "count_parameters", measure)
    recipe = DESIGN_A.variant(batch_size=63)  # one that no other test asks for
    assert paired.parameters(recipe) == paired.parameters(recipe) == 7 and len(measured) == 1


def test_multiply_accumulates_are_those_of_design_a_by_hand():
    # 9 weights and 28² places for 4 maps, and so on down the stages.
    macs = 28**2 * (9 * 4 + 9 * 4 * 4) + 14**2 * (9 * 4 * 8 + 9 * 8 * 8)
    macs += 7**2 * (9 * 8 * 16 + 9 * 16 * 16 + 16 * 10)
    found = columns(paired.tabulate([DESIGN_A], "parameters", "receptive field", "million MACs"))
    assert list(found.values()) == [["4,838"], [56], [f"{macs / 1e6:.2f}"]]


def test_confused_pairs_are_counted_both_ways(wrong):
    wrong["design_a"] = {0: [(5, 4, 9), (6, 9, 4), (7, 4, 1)], 1: [(5, 1, 7)]}
    assert paired.confused(DESIGN_A, (4, 9)).to_dict() == {0: 2, 1: 0}
    assert paired.confused(DESIGN_A, (9, 4), (7, 1)).to_dict() == {0: 2, 1: 1}


@pytest.mark.parametrize("name", ["seconds per epoch", "published", "its epoch"])
def test_what_is_known_besides_the_runs(runs, name):
    expected = {"seconds per epoch": "6.4", "published": "99.42", "its epoch": "within 10 epochs"}
    (found,) = columns(paired.tabulate([DESIGN_A], name))[name]
    assert found.split(";")[0] == expected[name]


def test_one_seed_in_common_is_no_pair():
    before, after = pd.Series([1.0, 2.0, 4.0]), pd.Series([2.0, 3.0, 5.0], index=[2, 3, 4])
    assert paired.partners(before, after) == 0
    assert paired.difference(before, after) == paired.difference(before, after, paired=False)
    assert paired.partners(before, after.set_axis([1, 2, 3])) == 2


def test_recipes_that_start_alike_are_paired_and_others_are_welchs(runs):
    assert paired.share_start(SKELETON, REGULARIZATION), "a batch norm draws no weights"
    assert not paired.share_start(DESIGN_A, DESIGN_E2)
    hard = SPEEDRUN.variant("hard", "Hard", selection=0.25)
    assert not paired.share_start(SPEEDRUN, hard), "after an epoch the orders differ"
    assert not paired.share_start(FASTEST, FASTEST.variant(whitened=False))
    runs["design_a"], runs["design_e2"] = of(99.1, 99.2, 99.3), of(99.2, 99.3, 99.4)
    gap = paired.gap(DESIGN_A, DESIGN_E2)
    assert gap == "+0.10 [-0.13, +0.33] (not shown)", "paired, it would be +0.10 each"
    assert gap.estimate.p == pytest.approx(ttest_ind([1, 2, 3], [2, 3, 4], equal_var=False).pvalue)
    assert paired.beats(DESIGN_A, DESIGN_E2) == "78%"  # 6 of 9 pairs, and 2 ties


def test_a_gap_over_images_too_needs_paired_recipes(runs):
    runs["02_regularization"] = of(99.30, 99.32, 99.34)
    runs["01_skeleton"] = of(99.00, 99.02, 99.04)
    # The first 60 to 70 images of the made-up runs are wrong, so 30 images are gained, always.
    found = paired.overall_gap(SKELETON, REGULARIZATION)
    error = 0.003**0.5 * 0.997**0.5  # in points: 100 · √(p q / 10,000)
    assert found.estimate.mean == pytest.approx(0.30)
    assert found.estimate.error == pytest.approx(error, rel=0.1)
    with pytest.raises(ValueError, match="design_a and design_e2 share no first weights"):
        paired.overall_gap(DESIGN_A, DESIGN_E2)


def test_equal_looks_hold_best_against_best_and_last_against_last(runs):
    runs["design_e3"] = {0: [99.60, 99.00], 1: [99.53, 99.00], 2: [99.46, 99.00]}
    assert paired.peeked(DESIGN_E3) == "2 of 3 (50%)"  # published as a best epoch: 99.53
    runs["design_e2"] = {0: [99.60, 99.44], 1: [99.60, 99.43], 2: [99.60, 99.42]}
    assert paired.peeked(DESIGN_E2) == "2 of 3 (50%)"  # as a last epoch: 99.43


def test_a_note_counts_the_intervals(runs):
    runs["design_e2"] = {seed: [99.11 + 0.1 * seed] for seed in range(5)}
    table = paired.tabulate([DESIGN_E3, DESIGN_E2], ("Δ", lambda r: paired.gap(DESIGN_A, r)))
    assert paired.noted(table).note.startswith("0 of 2 intervals exclude zero; by chance alone 0.1")
    assert str(paired.noted(table)).endswith(f"\n\n{paired.noted(table).note}")
    assert paired.noted(paired.tabulate([DESIGN_A], "epochs")).note == ""
