"""A first convolution that begins with the directions in which patches of digits vary most.

Half of its kernels are the principal components of the patches that it sees, each divided by its
deviation, so that all outputs vary about alike; the other half are their negatives, which keep what
a ReLU cuts off. Nothing is drawn, and training goes on from there. After Page, "How to train your
ResNet 8: bag of tricks" (2019), and Jordan, "94 % on CIFAR-10 in 3.29 seconds on a single GPU"
(2024), who keep the layer as it begins.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils import loaders
from utils.support import checks

IMAGES = 2000  # whose patches are looked at
SMOOTH = 0.05  # added to each variance: directions of next to no ink are noise


@torch.no_grad()
def whiten(model: nn.Module, images: Tensor) -> None:
    """Set the first convolution of ``model`` by uint8 ``images`` ``[N, 28, 28]``, normalized.

    Its weights keep the spread that they were drawn with. Raises ``ValueError`` unless the layer
    takes one channel and has an even number of kernels, at most two for each of their pixels.
    """
    checks.pixels(images)
    first = next((layer for layer in model.modules() if isinstance(layer, nn.Conv2d)), None)
    _check(first)
    x = loaders.normalize(images[:IMAGES])
    patches = F.unfold(x, first.kernel_size, stride=first.stride).transpose(1, 2).flatten(0, 1)
    variances, directions = torch.linalg.eigh(patches.double().T.cov())  # the smallest first
    most = slice(-(first.out_channels // 2), None)
    kernels = (directions[:, most] / (variances[most] + SMOOTH).sqrt()).T.flip(0)
    kernels *= kernels.gather(1, kernels.abs().argmax(1, keepdim=True)).sign()  # eigh has either
    both = torch.cat([kernels, -kernels])
    first.weight.copy_((both * first.weight.std() / both.std()).view_as(first.weight))


def _check(first: nn.Conv2d | None) -> None:
    if first is None:
        raise ValueError("whitened=True sets the first convolution: the network has none")
    kernels, channels, *sides = first.weight.shape
    most = 2 * sides[0] * sides[1]
    if channels != 1 or kernels % 2 or kernels > most:
        raise ValueError(
            f"whitened=True: the first convolution takes {channels} channel(s) and has {kernels} "
            f"kernels, expected 1 and an even number of at most {most}"
        )
