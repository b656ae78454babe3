"""The usual way is what it says, and the benchmark measures every way on the same terms."""

import torch
from torch import nn

from utils import models, recipes, stock
from utils.lab import bench
from utils.loaders import MemoryLoader


def test_the_usual_loader_gives_the_same_digits_as_ours(digits):
    train = (digits.test_images[:50], digits.test_labels[:50])
    (theirs,) = stock.torchvision_loader(*train, batch_size=50)
    (ours,) = MemoryLoader(*train, batch_size=50)
    order = [sorted(range(50), key=lambda i: x[i].sum().item()) for x in (theirs[0], ours[0])]
    assert torch.allclose(theirs[0][order[0]], ours[0][order[1]], atol=1e-6)
    assert theirs[1][order[0]].tolist() == ours[1][order[1]].tolist()


def test_the_usual_augmentation_moves_digits_and_fills_corners(digits):
    train = (digits.test_images[:50], digits.test_labels[:50])
    (plain,) = stock.torchvision_loader(*train, batch_size=50)
    (moved,) = stock.torchvision_loader(*train, batch_size=50, augmented=True)
    assert moved[0].shape == plain[0].shape
    black = plain[0].min()
    assert (moved[0][:, 0, 0, 0] > black).float().mean() > 0.3  # rotation uncovers the corners


def test_a_network_as_torch_makes_it_is_the_same_network(digits):
    model = recipes.prepare(recipes.DESIGN_E2, digits, 0, "cpu").model
    plain = stock.as_torch_makes_it(model)
    assert not any(isinstance(layer, models.Dropout) for layer in plain)
    assert sum(type(layer) is nn.Dropout for layer in plain) == sum(
        isinstance(layer, models.Dropout) for layer in model
    )
    assert plain[0].weight.is_contiguous()
    x = torch.randn(4, 1, 28, 28)
    assert torch.allclose(model.eval()(x), plain.eval()(x), atol=1e-5)


def test_every_way_is_measured_in_turn(digits, capsys):
    measured = bench.measure(
        ["design_a"], repeats=2, images=digits.subset(256, 64), device="cpu", memory=False
    )
    (case,) = measured["cases"]
    assert case["batch_size"] == 64 and case["model"] == "padded_4_8_16"
    assert [len(seconds) for seconds in case["seconds"].values()] == [2] * 6
    rows = {row[1]: row for row in bench.table(measured).rows}
    middle = sum(case["seconds"][bench.FLOOR]) / 2
    assert float(rows[bench.FLOOR][2]) == round(middle * 60_000 / 256, 1)
    assert rows[bench.FLOOR][5] == "0 %"


def test_peak_memory_is_a_process_with_torch_in_it(digits):
    peak = bench._peak_of("design_a", 64, bench.FLOOR, digits.subset(256, 64), torch.device("cpu"))
    assert 50 < peak < 5000


def test_ratios_are_of_medians():
    seconds = {
        "torchvision": [8, 9, 100],
        "torchvision, augmented": [30, 30, 30],
        "ours": [3, 3, 3],
        "ours, augmented": [5, 5, 5],
        bench.FLOOR: [2.5, 2.5, 2.5],
    }
    case = {"model": "m", "batch_size": 64, "seconds": seconds}
    rows = bench.ratios({"cases": [case]}).rows
    assert rows == [
        ["m, 64", "plain", "3.0", "+20.0 %"],
        ["m, 64", "augmented", "6.0", "+100.0 %"],
    ]
