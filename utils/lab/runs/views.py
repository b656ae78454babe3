"""Test-time augmentation: the mean answer over a digit and its four neighbours one pixel away."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils import data, loaders
from utils.pieces import EVALUATION_BATCH

SHIFTS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))  # pixels down and right


@torch.no_grad()
def correct(network: nn.Module, images: data.ImageSet) -> int:
    """How many test images are read right by the mean probability over ``SHIFTS``.

    ``images`` as the recipe's network sees them; five times the MACs of one look. ``network`` is
    taken to the CPU and to evaluation mode.
    """
    network, found = network.cpu().eval(), 0
    parts = (half.split(EVALUATION_BATCH) for half in (images.test_images, images.test_labels))
    for part, y in zip(*parts, strict=True):
        found += int((mean_probabilities(network, part).argmax(1) == y).sum())
    return found


def mean_probabilities(network: nn.Module, images: Tensor) -> Tensor:
    """float32 ``[B, 10]`` of uint8 ``[B, 28, 28]``."""
    views = [network(loaders.normalize(shifted(images, *by))).softmax(1) for by in SHIFTS]
    return torch.stack(views).mean(0)


def shifted(images: Tensor, down: int, right: int) -> Tensor:
    """``images`` moved by a pixel at most; black comes in, what leaves is lost."""
    height, width = images.shape[1:]
    padded = F.pad(images, (1, 1, 1, 1))
    return padded[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]
