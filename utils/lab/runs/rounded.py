"""What a run's network takes in a file of few bytes, and what it still reads.

A recipe with ``levels`` becomes whole numbers, and these answer. Another plain one is rounded to
255 levels, a byte a weight, after its training, and answers in floats: its ``bytes`` are what a
file of that would take.
"""

from __future__ import annotations

import copy

from torch import nn

from utils import data, folding, integers, levels, loaders, pretrained, stages
from utils.recipes import Recipe


def applies(recipe: Recipe, network: nn.Module) -> bool:
    """Whether the bytes of such a network can be said."""
    if recipe.levels:
        return folding.can_fold(network)
    if (recipe.model, recipe.head, recipe.bias) != ("plain", "mean", False):
        return False
    return all(integers.is_plain(entry) for entry, _ in stages.entries(recipe.stages))


def rounded(recipe: Recipe, network: nn.Module, images: data.ImageSet) -> dict[str, int]:
    """``levels``, ``bytes`` of the file, and how many test images are read ``correct``.

    ``images`` as the recipe's network sees them, ``network`` in evaluation mode.
    """
    network, few = copy.deepcopy(network).cpu().eval(), recipe.levels or levels.MOST
    if recipe.levels:
        layers = folding.fold(network, loaders.normalize(images.train_images[: folding.IMAGES]))
        network = folding.network(layers)
    else:
        levels.round_after_training(network, few)
    reader = pretrained.FromPixels(network, deskew=False, whole=bool(recipe.levels))
    size = integers.size(recipe.stages, few)
    return {"levels": few, "bytes": size, "correct": pretrained.correct(reader, images)}
