"""What a run's network takes in a file of few bytes, and what it still reads.

A recipe with ``levels`` becomes whole numbers, and these answer. Another plain one is rounded to
255 levels, a byte a weight, after its training, and answers in floats: its ``bytes`` are what a
file of that would take.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from utils import data, folding, integers, levels, loaders, stages
from utils.recipes import Recipe


def applies(recipe: Recipe, network: nn.Module) -> bool:
    """Whether the bytes of such a network can be said."""
    if recipe.levels:
        return folding.can_fold(network)
    if (recipe.model, recipe.head, recipe.bias) != ("plain", "mean", False):
        return False
    return all(integers.is_plain(entry) for stage in stages.read(recipe.stages) for entry in stage)


@torch.no_grad()
def rounded(recipe: Recipe, network: nn.Module, images: data.ImageSet) -> dict[str, int]:
    """``levels``, ``bytes`` of the file, and how many test images are read ``correct``.

    ``images`` as the recipe's network sees them, ``network`` in evaluation mode.
    """
    network = copy.deepcopy(network).cpu().eval()
    few = recipe.levels or levels.MOST
    if recipe.levels:
        layers = folding.fold(network, loaders.normalize(images.train_images[: folding.IMAGES]))
        size = len(integers.to_bytes(layers, recipe.stages, few))
        reader, prepare = folding.network(layers), _whole
    else:
        size = integers.size(recipe.stages, few)
        reader, prepare = levels.round_after_training(network, few), loaders.normalize
    parts = zip(images.test_images.split(1000), images.test_labels.split(1000), strict=True)
    correct = sum(int((reader(prepare(x)).argmax(1) == y).sum()) for x, y in parts)
    return {"levels": few, "bytes": size, "correct": correct}


def _whole(images: Tensor) -> Tensor:
    return images.float().unsqueeze(1)
