"""A first convolution that the digits decide."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils import loaders, whitening
from utils.experiments.speed import SPEEDRUN
from utils.pieces import prepare


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Conv2d(1, 24, 5, stride=2, bias=False)


def test_its_outputs_are_uncorrelated_and_in_pairs_of_either_sign(layer, digits):
    images, spread = digits.train_images[:500], layer.weight.std().item()
    whitening.whiten(nn.Sequential(layer), images)
    assert layer.weight.requires_grad and layer.weight.std().item() == pytest.approx(spread)
    with torch.no_grad():
        maps = layer(loaders.normalize(images)).transpose(0, 1).flatten(1)
    torch.testing.assert_close(maps[:12], -maps[12:], atol=1e-4, rtol=0)
    correlation = maps[:12].double().corrcoef()
    torch.testing.assert_close(correlation, torch.eye(12).double(), atol=1e-3, rtol=0)


def test_they_are_the_directions_of_most_variance(layer, digits):
    images = digits.train_images[:500]
    whitening.whiten(layer, images)
    patches = F.unfold(loaders.normalize(images), 5, stride=2).transpose(1, 2).flatten(0, 1)
    centred = patches.double() - patches.double().mean(0)
    *_, expected = torch.linalg.svd(centred, full_matrices=False)
    found = F.normalize(layer.weight.detach().double().view(24, 25)[:12])
    torch.testing.assert_close((found * expected[:12]).sum(1).abs(), torch.ones(12).double())


def test_a_recipe_begins_with_it_and_changes_nothing_else(digits):
    few = digits.subset(300, 100)
    plain, white = SPEEDRUN.variant(epochs=1), SPEEDRUN.variant(epochs=1, whitened=True)
    starts = [prepare(recipe, few, 0, "cpu").model.state_dict() for recipe in (plain, white)]
    changed = [name for name, old in starts[0].items() if not torch.equal(old, starts[1][name])]
    assert changed == ["0.weight"]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (nn.Linear(4, 2), "the network has none"),
        (nn.Conv2d(1, 7, 3), r"1 channel\(s\) and has 7 kernels, expected 1 and an even number"),
        (nn.Conv2d(1, 20, 3), "has 20 kernels, expected 1 and an even number of at most 18"),
        (nn.Conv2d(2, 8, 3), r"takes 2 channel\(s\)"),
    ],
)
def test_a_layer_that_it_cannot_set_is_named(layers, message, digits):
    with pytest.raises(ValueError, match=message):
        whitening.whiten(layers, digits.train_images[:10])


def test_images_that_the_layer_does_not_see_are_refused():
    with pytest.raises(ValueError, match="made for normalized images: leave standardize out"):
        SPEEDRUN.variant(whitened=True, standardize=True)


def test_weights_of_few_levels_are_refused():
    with pytest.raises(ValueError, match="whitened=True sets floats: leave levels at 0"):
        SPEEDRUN.variant(whitened=True, levels=7)
