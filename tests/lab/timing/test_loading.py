"""The usual way is what it says, and the benchmark measures every way on the same terms."""

import statistics

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from utils import layers, training
from utils.experiments.published import COMMONS, DESIGN_A, DESIGN_E2
from utils.lab.timing import baseline, loading, recorded
from utils.loaders import MemoryLoader
from utils.pieces import Pieces, prepare

CPU = torch.device("cpu")


@pytest.fixture
def few(digits):
    return digits.subset(256, 64)


def test_the_usual_loader_gives_the_same_digits_as_ours(digits):
    train = (digits.test_images[:50], digits.test_labels[:50])
    (theirs,) = baseline.torchvision_loader(*train, batch_size=50)
    (ours,) = MemoryLoader(*train, batch_size=50)
    order = [sorted(range(50), key=lambda i: x[i].sum().item()) for x in (theirs[0], ours[0])]
    assert torch.allclose(theirs[0][order[0]], ours[0][order[1]], atol=1e-6)
    assert theirs[1][order[0]].tolist() == ours[1][order[1]].tolist()


def test_the_usual_augmentation_moves_digits_and_fills_corners(digits):
    train = (digits.test_images[:50], digits.test_labels[:50])
    (plain,) = baseline.torchvision_loader(*train, batch_size=50)
    (moved,) = baseline.torchvision_loader(*train, batch_size=50, augmented=True)
    assert moved[0].shape == plain[0].shape
    black = plain[0].min()
    assert (moved[0][:, 0, 0, 0] > black).float().mean() > 0.3  # rotation uncovers the corners


def test_a_network_with_torchs_own_layers_is_the_same_network(digits):
    model = prepare(DESIGN_E2, digits, 0, "cpu").model
    plain = baseline.with_own_layers(model)
    assert not any(isinstance(layer, layers.Dropout) for layer in plain)
    assert sum(type(layer) is nn.Dropout for layer in plain) == sum(
        isinstance(layer, layers.Dropout) for layer in model
    )
    x = torch.randn(4, 1, 28, 28)
    assert torch.allclose(model.eval()(x), plain.eval()(x), atol=1e-5)


def test_a_recipe_beyond_plain_sgd_has_no_usual_version(few):
    common = COMMONS["a"]
    with pytest.raises(ValueError, match="common_a is not trained with plain SGD"):
        baseline.as_torch_makes_it(prepare(common, few, 0, "cpu"), common)


def test_every_way_trains_what_its_name_says(few):
    made = {name: make() for name, make in loading.ways(DESIGN_E2, few, CPU).items()}
    usual = [*recorded.USUAL.values(), recorded.ALBUMENTATIONS, recorded.USUAL_FLOOR]
    for name, setup in made.items():
        own = any(isinstance(layer, layers.Dropout) for layer in setup.model)
        assert own == (name not in usual), name
        assert bool(setup.optimizer.param_groups[0]["fused"]) == (name not in usual), name
    kinds = {name: type(setup.train_loader) for name, setup in made.items()}
    assert kinds[recorded.ALBUMENTATIONS] is kinds[recorded.USUAL[recorded.PLAIN]] is DataLoader
    assert kinds[recorded.OURS[recorded.PLAIN]] is MemoryLoader
    assert kinds[recorded.FLOOR] is kinds[recorded.USUAL_FLOOR] is list
    augmented = {name: setup.train_loader for name, setup in made.items() if "augmented" in name}
    ours = augmented.pop(recorded.OURS[recorded.AUGMENTED])
    assert (
        ours.augment is not None
        and made[recorded.OURS[recorded.PLAIN]].train_loader.augment is None
    )
    for name, loader in augmented.items():
        items = ((0, 1), (0, 2)) if name == recorded.ALBUMENTATIONS else (0, 0)
        one, other = (loader.dataset[item][0] for item in items)
        assert not torch.equal(one, other), name


def test_the_ways_take_turns_and_the_first_turn_does_not_count(few, monkeypatch):
    order = []

    def fit(setup, verbose):
        order.append(type(setup.train_loader).__name__)
        return training.History(seconds=[float(len(order))])

    monkeypatch.setattr(Pieces, "fit", fit)
    found = loading.in_turns(loading.ways(DESIGN_E2, few, CPU), 2, "x")
    assert order[:7] == order[7:14] == order[14:]
    assert found[recorded.USUAL[recorded.PLAIN]] == [8.0, 15.0]


def test_a_measurement_has_a_case_for_every_batch_size_once(few):
    measured = loading.measure(
        names=["design_a"], repeats=1, batch_sizes=[64, 128], images=few, device=CPU, memory=False
    )
    assert [case["batch_size"] for case in measured["cases"]] == [64, 128]
    seconds = measured["cases"][0]["seconds"]
    assert [len(took) for took in seconds.values()] == [1] * 7
    rows = {row[1]: row for row in recorded.table(measured).rows if row[0].endswith(", 64")}
    middle = statistics.median(seconds[recorded.FLOOR]) * 60_000 / 256
    assert float(rows[recorded.FLOOR][2]) == round(middle, 1)
    assert rows[recorded.FLOOR][5] == rows[recorded.USUAL_FLOOR][5] == "0 %"


def test_recipes_are_timed_on_one_thread(few):
    before = torch.get_num_threads()
    measured = loading.measure_recipes(repeats=1, names=["design_a", "common_a"], images=few)
    assert measured["threads"] == 1 and torch.get_num_threads() == before
    assert all(len(took) == 1 and took[0] > 0 for took in measured["seconds"].values())


@pytest.mark.parametrize("wrong", [{"repeats": 0}, {"batch_sizes": [0]}])
def test_a_benchmark_of_nothing_is_refused(few, wrong):
    with pytest.raises(ValueError, match="not a whole number of at least 1"):
        loading.measure(images=few, **wrong)


def test_only_mnist_on_the_cpu_is_recorded(digits):
    with pytest.raises(ValueError, match=r"not MNIST-5k on cpu, 5 times: measure without --record"):
        recorded.check_recordable(digits, CPU, 5)


def test_peak_memory_is_the_childs_own(few):
    heavy = np.ones(2**27)  # 1 GB here, which the child does not have
    peak = loading._peak(DESIGN_A, recorded.FLOOR, few, CPU)
    assert 50 < peak < loading._peak_mb() - 500, heavy.shape


def test_a_child_that_dies_is_an_error_and_not_a_wait(few):
    with pytest.raises(RuntimeError, match="no such way: its process ended with code 1"):
        loading._peak(DESIGN_A, "no such way", few, CPU)


def test_ratios_are_medians_of_turns():
    seconds = {
        "torchvision": [8, 9, 100],
        "torchvision, augmented": [30, 30, 30],
        "ours": [3, 3, 6],
        "ours, augmented": [5, 5, 10],
        recorded.FLOOR: [2.5, 2.5, 4],
    }
    case = {"model": "m", "batch_size": 64, "seconds": seconds}
    rows = recorded.ratios({"cases": [case]}).rows
    assert rows == [
        ["m, 64", "plain", "3.0", "+20.0 %", "+20.0 to +50.0 %"],
        ["m, 64", "augmented", "6.0", "+100.0 %", "+100.0 to +150.0 %"],
    ]
