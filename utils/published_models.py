"""The published designs' networks, built from two switches: ``batch_norm`` and ``dropout``.

The dropout is a probability; 0 leaves the layers out.
"""

from __future__ import annotations

import itertools
from functools import partial

from torch import nn

from utils import layers


def padded_4_8_16(**switches) -> layers.ConvNet:
    """Published design A: two convolutions a stage, 4, 8 and 16 channels, receptive field 56.

    4,838 parameters with batch norm. Maps keep their side but for two max-pools; a 1x1
    convolution makes 10 maps, whose means are the logits. Biases before batch norm, as
    published; its dropout is 0.01.
    """
    block = partial(layers.block, order="norm", padding=1, bias=True, **switches)
    p = switches["dropout"]
    return layers.HiddenReLU(
        *block(1, 4), *block(4, 4), nn.MaxPool2d(2), *layers.drop(p),
        *block(4, 8), *block(8, 8), nn.MaxPool2d(2), *layers.drop(p),
        *block(8, 16), *block(16, 16), *layers.drop(p),
        nn.Conv2d(16, 10, 1),
        nn.AdaptiveAvgPool2d(1),
    )  # fmt: skip


def padded_4_8_8(**switches) -> layers.ConvNet:
    """Published designs C2 and C3: three convolutions a stage, 4, 8 and 8 channels.

    3,762 parameters with batch norm, receptive field 70. In design A's manner, with the 1x1
    classifier after the mean.
    """
    block = partial(layers.block, order="norm", padding=1, bias=True, **switches)
    p = switches["dropout"]
    return layers.HiddenReLU(
        *block(1, 4), *block(4, 4), *block(4, 4), nn.MaxPool2d(2), *layers.drop(p),
        *block(4, 8), *block(8, 8), *block(8, 8), nn.MaxPool2d(2), *layers.drop(p),
        *block(8, 8), *block(8, 8), *block(8, 8),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(8, 10, 1),
    )  # fmt: skip


def unpadded_8_16_32(**switches) -> layers.ConvNet:
    """Published design C1: 8, 16 and 32 channels, 1x1 convolutions after the pools.

    16,530 parameters bare, receptive field 28: the last, a 2x2 convolution, takes the 2x2 map
    that is left to the logits. Biases, no batch norm, no dropout, as published.
    """
    block = partial(layers.block, order="norm drop", bias=True, **switches)
    return layers.HiddenReLU(
        *block(1, 8), *block(8, 8), nn.MaxPool2d(2),
        *block(8, 16, 1), *block(16, 16), *block(16, 16), nn.MaxPool2d(2),
        *block(16, 32, 1), *block(32, 32),
        nn.Conv2d(32, 10, 2),
    )  # fmt: skip


def unpadded_16_32(**switches) -> layers.ConvNet:
    """Published design D: 16-16-16, a mean pool, 32-16, receptive field 28.

    14,320 parameters with batch norm; no biases; its dropout is 0.1, with none in the last
    block.
    """
    block = partial(layers.block, order="relu norm drop", **switches)
    return layers.ConvNet(
        *block(1, 16), *block(16, 16), *block(16, 16), nn.AvgPool2d(2),
        *block(16, 32), *block(32, 16, order="relu norm"),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(16, 10, 1, bias=False),
    )  # fmt: skip


def _squeeze(widths: tuple[int, ...], head: int, **switches) -> layers.ConvNet:
    """Design E's manner: two convolutions, a max-pool, a 1x1 squeeze, three more, the mean.

    ``head`` is the width of a 1x1 convolution between the mean and the classifier; 0 for none.
    """
    block = partial(layers.block, order="norm relu drop", **switches)
    first, second, squeezed, *rest = widths
    found = [*block(1, first), *block(first, second), nn.MaxPool2d(2)]
    found += block(second, squeezed, 1, order="norm relu")
    for before, after in itertools.pairwise((squeezed, *rest)):
        found += block(before, after)
    found.append(nn.AvgPool2d(6))
    last = widths[-1]
    if head:
        found += block(last, head, 1)
    return layers.ConvNet(*found, nn.Conv2d(head or last, 10, 1, bias=False))


def squeeze_5k(**switches) -> layers.ConvNet:
    """In the place of published design E1, whose summary is not printed ("5.3k"): ours.

    5,324 parameters with batch norm, receptive field 28: E2's manner with fewer channels.
    """
    return _squeeze((8, 12, 8, 10, 14, 16), head=0, **switches)


def squeeze_7k(**switches) -> layers.ConvNet:
    """Published designs E2 and E3: 8-16, a squeeze to 8, 12-16-20, the mean, 16, 10.

    7,496 parameters with batch norm, receptive field 28; no biases.
    """
    return _squeeze((8, 16, 8, 12, 16, 20), head=16, **switches)
