"""What tables say of one recipe and of two."""

import pytest
from made_up import columns, of

from utils import models
from utils.experiments.published import DESIGN_A, DESIGN_E2, DESIGN_E3
from utils.lab.report import paired


def test_a_gap_is_paired_by_the_seeds_that_both_have(runs):
    runs["design_e2"] = of(99.00, 99.30, 99.50)
    runs["design_e3"] = {2: [99.60], 1: [99.40], 4: [90.00]}
    assert paired.gap(DESIGN_E2, DESIGN_E3) == "+0.10 [+0.10, +0.10]"
    assert paired.difference(paired.last(DESIGN_E2), paired.last(DESIGN_E3)).n == 2
    assert paired.gap(None, DESIGN_E3) == paired.gap(DESIGN_E3, DESIGN_E3) == ""


def test_a_column_is_known_or_a_setting_or_a_function(runs):
    runs["design_a"] = {0: [99.30, 99.00], 1: [99.20, 99.04], 2: [99.04, 99.02]}
    chosen = ("last epoch", "seed by seed", "best epoch: mean (highest)", "epochs", "augmentation")
    found = columns(paired.tabulate([DESIGN_A], *chosen, ("name", lambda recipe: recipe.title)))
    assert found == {
        "last epoch": ["99.02\u00a0±\u00a00.02\u00a0(3)"],
        "seed by seed": ["99.00, 99.04, 99.02"],
        "best epoch: mean (highest)": ["99.18 (99.30)"],
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
    expected = {"seconds per epoch": "6.4", "published": "99.42", "its epoch": "best of at most 10"}
    assert columns(paired.tabulate([DESIGN_A], name)) == {name: [expected[name]]}
