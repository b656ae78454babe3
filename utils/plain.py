"""Networks of our own: convolutions in a row, as a line of text lists them."""

from __future__ import annotations

import re

from torch import nn

from utils import checks, layers
from utils.names import look_up

CONVOLUTION = re.compile(r"(\d+)(?:k(\d+))?(?:s(\d+))?")


def plain(
    *,
    stages: str = "8-8/12-12/16-16",
    head: str = "mean",
    unpadded: bool = False,
    batch_norm: bool,
    dropout: float,
) -> layers.ConvNet:
    """Ours: 3x3 convolutions, each followed by batch norm and ReLU, and a ``head``.

    ``stages="8-8/12-12/16-16"`` lists their channels; each stroke is a 2x2 max-pool and the
    dropout. The pool comes before norm and ReLU, which then have a quarter of the values.
    ``16k5s2`` has a 5x5 kernel and stride 2. Maps keep their side unless ``unpadded``. Raises
    ``ValueError`` for stages that cannot be read or that leave no map, and for an unknown head.
    """
    found, channels, side = [], 1, checks.SIDE
    listed = read(stages)
    for stage in listed:
        for place, (width, kernel, stride) in enumerate(stage, 1):
            padding = 0 if unpadded else kernel // 2
            side = (side + 2 * padding - kernel) // stride + 1
            order = "norm relu"
            if place == len(stage) and stage is not listed[-1]:
                order, side = "pool norm relu drop", side // 2
            if side < 1:
                raise ValueError(f"stages={stages!r} leave no map after {width} channels")
            what = {"order": order, "batch_norm": batch_norm, "dropout": dropout}
            found += layers.block(channels, width, kernel, stride=stride, padding=padding, **what)
            channels = width
    return layers.ConvNet(*found, *look_up("head", head, HEADS)(channels, side))


def read(stages: str) -> list[list[tuple[int, int, int]]]:
    """Channels, kernel side and stride of every convolution, stage by stage."""
    return [[_sizes(text, stages) for text in stage.split("-")] for stage in stages.split("/")]


def _sizes(text: str, stages: str) -> tuple[int, int, int]:
    match = CONVOLUTION.fullmatch(text)
    if not match:
        raise ValueError(f"stages={stages!r}: {text!r} is not like 16 or 16k5s2")
    width, kernel, stride = match.groups()
    sizes = int(width), int(kernel or 3), int(stride or 1)
    if min(sizes) < 1:
        raise ValueError(f"stages={stages!r}: a size in {text!r} is 0, expected at least 1")
    return sizes


def mean(channels: int, side: int) -> list[nn.Module]:
    """A 1x1 classifier, and the mean of each of its ten maps."""
    return [nn.Conv2d(channels, 10, 1), nn.AdaptiveAvgPool2d(1)]


def position(channels: int, side: int) -> list[nn.Module]:
    """A learned weight for every place of every channel, and a classifier of the sums."""
    return [
        nn.Conv2d(channels, channels, side, groups=channels, bias=False),
        nn.Conv2d(channels, 10, 1),
    ]


HEADS = {head.__name__: head for head in (mean, position)}
