"""The page's arithmetic is torch's, and its preparation is Python's: its own script, in V8."""

import json
import re

import numpy as np
import pytest
import torch
from drawing_oracle import prepare_drawing
from page_script import Script
from torch import nn

from utils import deskewing, loaders, models, playground, pretrained
from utils.lab.report import playground as recorded
from utils.page import description
from utils.support.paths import ROOT

DRAWINGS = json.loads((ROOT / "tests/strokes.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def script():
    return Script()


def test_a_damaged_drawing_in_an_address_is_left_out(script):
    assert script.strokes("#d=1IDIDgh") == [{"pen": 1, "points": [[515, 515], [515, 516]]}]
    for damaged in ("#d=1IDIDg", "#d=1IDID!!", "#d=1IDI"):
        assert script.strokes(damaged) == []


def compared(script, network, described, images):
    """The answers, equal to torch's; probabilities within 1e-4. The pixels are set upright."""
    script.take(described)
    with torch.no_grad():
        parts = [network(loaders.normalize(part)).softmax(1) for part in images.split(1000)]
    theirs = torch.cat(parts).numpy()
    ours = script.read(images)
    np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0)
    assert (ours.argmax(1) == theirs.argmax(1)).all()
    return ours.argmax(1)


def in_page():
    """The networks of the committed page, by name."""
    text = recorded.PATH.read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    return {network["name"]: network for network in data["networks"]}


def rounded_as(network, described):
    """The recorded network with the weights that the page has."""
    widths = [layer["weights"]["bits"] for layer in described["layers"] if "weights" in layer]
    kernels = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    for layer, bits in zip(kernels, widths, strict=True):
        layer.weight.data = description.rounded(layer.weight.data, bits)
    return network


def agree(script, mnist, name, count):
    network = recorded.recorded_networks()[0][name].network
    described, images = in_page()[name], mnist.test_images[:count]
    images = deskewing.deskew(images) if described["upright"] else images
    with torch.no_grad():
        whole = torch.cat([network(loaders.normalize(part)) for part in images.split(1000)])
    answers = compared(script, rounded_as(network, described), described, images)
    assert (answers == whole.argmax(1).numpy()).all(), "fewer bits change an answer"


NAMES = list(in_page()) if recorded.PATH.exists() else []


@pytest.mark.parametrize("name", NAMES)
def test_the_page_reads_as_torch_does(script, mnist, name):
    agree(script, mnist, name, 300)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_page_reads_all_test_digits_as_torch_does(script, mnist, name):
    agree(script, mnist, name, 10_000)


def test_the_committed_page_is_made_of_the_sources():
    text = recorded.PATH.read_text(encoding="utf-8")
    assert playground.page(list(in_page().values())) == text
    assert len(text.encode()) <= recorded.LIMIT
    assert list(in_page()) == list(recorded.recorded_networks()[0])


# Between them all that the page can compute; weights and statistics are drawn, not trained.
NETWORKS = {
    "padded": lambda: models.build("padded_4_8_16", batch_norm=True, dropout=0.1, seed=0),
    "no norm": lambda: models.build("unpadded_8_16_32", batch_norm=False, dropout=0.0, seed=0),
    "mean pool": lambda: models.build("unpadded_16_32", batch_norm=True, dropout=0.1, seed=0),
    "squeeze": lambda: models.build("squeeze_7k", batch_norm=True, dropout=0.1, seed=0),
    "strided, separable, residual": lambda: models.build(
        "plain", batch_norm=True, dropout=0.1, seed=0, head="position", bias=True,
        stages="8k5s2-8x2r/12d-12r", activation="gelu",
    ),
    "largest": lambda: models.build(
        "plain", batch_norm=True, dropout=0.0, seed=0, head="largest", activation="silu",
    ),
    "own": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Dropout(), nn.Flatten(),
        nn.Linear(4 * 13 * 13, 20), nn.ReLU(), nn.Linear(20, 10),
    ),
}  # fmt: skip


@pytest.mark.parametrize("bits", [32, 16, 11, 8])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_is_torchs(script, digits, name, bits):
    torch.manual_seed(1)
    network = NETWORKS[name]().eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            layer.weight.data.normal_()
            layer.bias.data.normal_()
    described = playground.describe_named(name, network, bits=bits)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = description.rounded(layer.weight.data, bits)
        if isinstance(layer, nn.Linear):
            shape = (len(layer.weight), -1, 1, 1)
            rounded = description.rounded(layer.weight.data.view(shape), bits)
            layer.weight.data = rounded.view_as(layer.weight)
    compared(script, network, described, digits.test_images[::40])


def test_a_digit_is_set_upright_within_a_grey_level(script, digits):
    images = digits.test_images
    theirs, ours = deskewing.deskew(images).numpy().astype(int), script.upright(images)
    assert np.abs(ours - theirs).max() <= 1 and (ours != theirs).mean() < 1e-4


@pytest.mark.parametrize("left_out", [None, "size", "centre"])
@pytest.mark.parametrize("upright", [False, True])
def test_a_drawing_is_prepared_within_a_grey_level(script, left_out, upright):
    switches = {name: name != left_out for name in ("size", "centre")} | {"upright": upright}
    for drawing in DRAWINGS[:: 1 if left_out is None else 7]:
        theirs = prepare_drawing(drawing["strokes"], **switches).numpy().astype(int)
        ours = script.prepared(drawing["strokes"], **switches)
        assert np.abs(ours - theirs).max() <= 1 and theirs.max() > 200


def test_drawings_are_read(script):
    """Most of the hand-designed strokes are read right by the largest network."""
    network = pretrained.load("frontier_20k")
    images = torch.stack([prepare_drawing(one["strokes"]) for one in DRAWINGS])
    answers, _ = pretrained.classify(network, images)
    right = (answers == torch.tensor([one["label"] for one in DRAWINGS])).float().mean()
    assert right >= 0.9


def test_a_drawing_that_cannot_be_is_named():
    for stroke, words in (
        ({"pen": 3, "points": [[1, 1]]}, "pen=3 is not within 0..2"),
        ({"pen": 0, "points": []}, "expected [n, 2]"),
        ({"pen": 0, "points": [[-1, 5]]}, "points run from -1 to 5"),
        ({"points": [[1, 5]]}, "a stroke is"),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            prepare_drawing([stroke])
