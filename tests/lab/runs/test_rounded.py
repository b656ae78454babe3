"""What a run says of its network's file of few bytes."""

import numpy as np
import pytest
import torch

from utils import folding, integers, loaders
from utils.experiments.frontier import FRONTIER
from utils.experiments.recorded import path_of
from utils.lab.runs import networks, one, results
from utils.pieces import preprocessed

SHORT = FRONTIER[2000].variant("short", "Short", epochs=1, ema=0.0, activation="relu")
FEW = SHORT.variant("few", "Few", levels=7)


@pytest.fixture(scope="module")
def images(digits):
    return digits.subset(1000, 200)


def recorded(recipe, images, folder):
    made = one.run(recipe, 0, images, "cpu", verbose=False, keep_network=True)
    path = path_of(recipe, 0, folder)
    results.write(made, path)
    return made["rounded"], networks.load(path, recipe)


def test_a_recipe_with_levels_answers_in_whole_numbers(images, tmp_path):
    said, network = recorded(FEW, images, tmp_path)
    assert said["levels"] == 7 and said["bytes"] == integers.size(FEW.stages, 7)
    shown = preprocessed(FEW, images)
    layers = folding.fold(network, loaders.normalize(shown.train_images))
    ours = integers.answers(layers, shown.test_images.numpy())
    assert said["correct"] == np.equal(ours, shown.test_labels.numpy()).sum()


def test_a_network_of_floats_is_rounded_to_a_byte_a_weight(images, tmp_path):
    said, network = recorded(SHORT, images, tmp_path)
    assert said["levels"] == 255 and said["bytes"] == integers.size(SHORT.stages, 255)
    shown = preprocessed(SHORT, images)
    with torch.no_grad():
        for layer in [layer for layer in network if isinstance(layer, torch.nn.Conv2d)]:
            step = layer.weight.abs().amax((1, 2, 3), keepdim=True) / 127
            layer.weight.copy_((layer.weight / step).round() * step)
        answers = network(loaders.normalize(shown.test_images)).argmax(1)
    assert said["correct"] == (answers == shown.test_labels).sum()


def test_other_networks_have_no_such_file(images):
    separable = {"stages": "4-8/5k1-6d-8d-10d"}
    for change in ({"activation": "silu", "levels": 7}, {"head": "largest"}, separable):
        made = one.run(SHORT.variant(**change), 0, images, "cpu", verbose=False)
        assert "rounded" not in made
