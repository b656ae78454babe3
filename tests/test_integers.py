"""A digit reader of whole numbers: by hand, against torch, through its file and ONNX."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from utils import folding, integers, loaders
from utils.experiments.frontier import FRONTIER
from utils.integers import Layer
from utils.pieces import prepare

FEW = FRONTIER[2000].variant("few", levels=7, activation="relu", ema=0.0, epochs=2, deskew=False)


@pytest.fixture(scope="module")
def trained(digits):
    """A network of 7 levels trained on a few digits, its images, and what it folds to."""
    few = digits.subset(2000, 500)
    pieces = prepare(FEW, few, 0, "cpu")
    pieces.fit(verbose=False)
    network = pieces.network.eval()
    return network, few, folding.fold(network, loaders.normalize(few.train_images))


def test_by_hand():
    first = Layer(
        np.array([1, -2, 0, 3]).reshape(1, 1, 2, 2), np.float16([0.5]), np.float16([0.25])
    )
    last = Layer(np.arange(-5, 5).reshape(10, 1, 1, 1), np.ones(10, "f2"), np.zeros(10, "f2"))
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, :2, :2] = [[10, 20], [30, 40]]
    sums = integers.convolved(image[:, None].astype(np.int64), first.weights)
    assert sums.shape == (1, 1, 27, 27)
    assert sums[0, 0, 0, 0] == 10 - 40 + 120 and sums[0, 0, 1, 1] == 40 and sums[0, 0, 1, 0] == -50
    assert integers.scaled(sums, first)[0, 0, 0, 0] == 45.25
    assert integers.answers([first, last], image).tolist() == [9]  # all sums are positive


def test_the_largest_of_four():
    sums = np.arange(25).reshape(1, 1, 5, 5)
    assert integers.largest_of_four(sums)[0, 0].tolist() == [[6, 8], [16, 18]]


def test_they_answer_as_the_network_that_was_trained(trained):
    network, few, layers = trained
    with torch.no_grad():
        theirs = network(loaders.normalize(few.test_images)).argmax(1)
    ours = integers.answers(layers, few.test_images.numpy())
    assert (ours == few.test_labels.numpy()).mean() > 0.4  # it has begun to read
    assert (ours == theirs.numpy()).mean() >= 0.98  # activations of 256 values change few answers


@pytest.mark.parametrize("wrong", [np.zeros((2, 28, 28)), np.zeros((28, 28), np.uint8)])
def test_what_are_no_bytes_of_images_is_refused(trained, wrong):
    with pytest.raises(ValueError, match=r"images are .*, expected uint8 \[B, 28, 28\]"):
        integers.answers(trained[2], wrong)


def test_torch_gives_the_same_answers(trained):
    _, few, layers = trained
    with torch.no_grad():
        theirs = folding.network(layers)(few.test_images.float().unsqueeze(1)).argmax(1)
    assert integers.answers(layers, few.test_images.numpy()).tolist() == theirs.tolist()


@pytest.mark.parametrize("levels", [7, 15, 255])
def test_a_file_holds_all_of_it_in_as_many_bytes_as_said(trained, levels):
    layers = trained[2]
    content = integers.to_bytes(layers, FEW.stages, levels)
    assert len(content) == integers.size(FEW.stages, levels)
    for ours, theirs in zip(layers, integers.from_bytes(content), strict=True):
        assert ours.pools == theirs.pools
        for name in ("weights", "multiplier", "bias"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))


@pytest.mark.parametrize("levels", [3, 5, 7, 15, 255])
def test_packed_weights_take_their_bits_and_no_more(levels):
    weights = np.random.default_rng(0).integers(-(levels // 2), levels // 2, 1000, endpoint=True)
    content = integers.packed(weights, levels)
    assert len(content) == integers.packed_size(1000, levels) == np.ceil(125 * np.log2(levels))
    assert np.array_equal(integers.unpacked(content, (1000,), levels), weights)


@pytest.mark.parametrize("levels", [3, 7])
def test_weights_outside_their_levels_are_refused(levels):
    with pytest.raises(ValueError, match=f"{levels} levels"):
        integers.packed(np.array([0, levels // 2 + 1]), levels)


@pytest.mark.parametrize("damage", [b"", b"7 4-8\n", b"no file", b"8 4-8/5\n" + bytes(400)])
def test_what_is_no_file_is_refused(damage):
    with pytest.raises(ValueError, match="no file of a network"):
        integers.from_bytes(damage)


def test_a_file_cut_short_is_refused(trained):
    content = integers.to_bytes(trained[2], FEW.stages, 7)
    for wrong in (content[:-1], content + b"0"):
        with pytest.raises(ValueError, match="no file of a network"):
            integers.from_bytes(wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "silu"},
        {"unpadded": False},
        {"head": "largest"},
        {"levels": 0},
        {"batch_norm": False},
        {"stages": "4-8/5k1-6d-8"},
        {"stages": "4-8/6k1-6r-6", "unpadded": False},
        {"standardize": True},
    ],
    ids=str,
)
def test_a_network_that_cannot_become_whole_numbers_is_named(digits, change):
    network = prepare(FEW.variant(**change), digits.subset(64, 64), 0, "cpu").model.eval()
    assert not folding.can_fold(network)
    with pytest.raises(ValueError, match="becomes whole numbers where it is made of"):
        folding.fold(network, loaders.normalize(digits.train_images[:8]))


def test_a_network_in_training_mode_is_not_folded(digits):
    network = prepare(FEW, digits.subset(64, 64), 0, "cpu").model.train()
    with pytest.raises(ValueError, match=r"in training mode: fold network\.eval\(\)"):
        folding.fold(network, loaders.normalize(digits.train_images[:8]))


def test_biases_before_batch_norm_are_folded_as_well(digits):
    few = digits.subset(300, 100)
    network = prepare(FEW.variant(bias=True), few, 0, "cpu").model.eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("bias"):
                value.uniform_(-1, 1)
        x = loaders.normalize(few.train_images)
        layers = folding.fold(network, x)
        theirs = network(x).argmax(1).numpy()
    assert (integers.answers(layers, few.train_images.numpy()) == theirs).mean() > 0.9


def test_sums_that_floats_do_not_hold_are_refused(trained):
    large = replace(trained[2][1], weights=np.full((1, 300, 3, 3), 127))
    with pytest.raises(ValueError, match=r"2\*\*24"):
        folding.network([trained[2][0], large])


def test_only_plain_convolutions_have_a_file():
    with pytest.raises(ValueError, match="only plain convolutions"):
        integers.size("4-8/5k1-6d-8", 7)


def test_a_number_too_large_for_its_weights_is_refused():
    with pytest.raises(ValueError, match="larger than its weights"):
        integers.unpacked(b"\xff\xff", (5,), 7)
