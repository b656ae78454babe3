"""Test-time augmentation by four shifts."""

import torch
from torch import nn

from utils.experiments.frontier import FRONTIER
from utils.lab.runs import networks, one, views
from utils.pieces import preprocessed


def test_an_image_moves_by_one_pixel_and_black_comes_in():
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[0, 5, 7], image[0, 27, 27] = 200, 100
    for down, right in views.SHIFTS:
        moved = views.shifted(image, down, right)
        assert moved.shape == image.shape and moved.dtype == torch.uint8
        assert moved[0, 5 + down, 7 + right] == 200
    assert views.shifted(image, 1, 0).sum() == 200  # the corner has left below


class Corner(nn.Module):
    """Says 1 where the pixel at the middle is bright, else 0, and is surer of 1."""

    def forward(self, x):
        bright = x[:, 0, 14, 14] > 1
        logits = torch.full((len(x), 10), -20.0)
        logits[:, 0] = torch.where(bright, -20.0, 0.0)
        logits[:, 1] = torch.where(bright, 20.0, -20.0)
        return logits


def test_probabilities_are_averaged_over_the_five():
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[0, 14, 13] = 255  # the middle is bright only where the image moves right
    found = views.mean_probabilities(Corner(), image)
    torch.testing.assert_close(found[0, :2], torch.tensor([0.8, 0.2]))


def test_a_run_of_the_frontier_counts_them(digits):
    images = digits.subset(300, 100)
    recipe = FRONTIER[2000].variant(epochs=1, ema=0.0)
    made = one.run(recipe, 0, images, "cpu", verbose=False, keep_network=True)
    network = networks.unpacked(made["network"], recipe)
    assert made["views_correct"] == views.correct(network, preprocessed(recipe, images))
