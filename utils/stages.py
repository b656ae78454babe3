"""A line of text → a network: convolutions one after the other, as the text lists them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from utils import layers
from utils.support import checks
from utils.support.lookup import look_up

LARGEST = 512  # channels; far above what a small network needs, far below what memory holds
ENTRY = re.compile(r"(\d+)(?:k(\d+))?(?:s(\d+))?(?:x(\d+))?(d?)(r?)")


@dataclass(frozen=True)
class Entry:
    """One convolution of the text: ``16k5s2x2dr`` names every part of it.

    16 channels, a ``kernel`` of 5 x 5, ``stride`` 2, applied two ``times`` with the same weights,
    ``separable`` into one filter a channel and a 1x1 convolution, ``residual`` around it.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    times: int = 1
    separable: bool = False
    residual: bool = False


def plain(
    *,
    stages: str = "8-8/12-12/16-16",
    head: str = "mean",
    unpadded: bool = False,
    bias: bool = False,
    activation: str = "relu",
    batch_norm: bool,
    dropout: float,
) -> layers.ConvNet:
    """3x3 convolutions, each followed by batch norm and an ``activation``, then a ``head``.

    ``stages="8-8/12-12/16-16"`` lists their channels; each slash is a 2x2 max-pool and the
    dropout. The pool comes before norm and activation, which then have a quarter of the values.
    ``16k5s2`` has a 5x5 kernel and stride 2; see ``Entry`` for the rest. Unless
    ``unpadded``, maps keep their side where kernels are odd and strides 1. ``bias`` gives every
    convolution one, before the norm. Raises ``ValueError`` for stages that cannot be read or
    built, and for an unknown head or activation.
    """
    check(stages, head, activation)
    switches = {"batch_norm": batch_norm, "dropout": dropout}
    found, channels, side = [], 1, checks.SIDE
    for entry, pooled in entries(stages):
        padding = 0 if unpadded else entry.kernel // 2
        convolve = _convolution(entry, channels, padding, bias, stages)
        for turn in range(1, entry.times + 1):
            side = (side + 2 * padding - entry.kernel) // entry.stride + 1
            pools = pooled and turn == entry.times
            side = side // 2 if pools else side
            if side < 1:
                raise ValueError(f"stages={stages!r} leave no map after {entry.channels} channels")
            found += _layers(entry, convolve, activation, pools, switches)
        channels = entry.channels
    return layers.ConvNet(*found, *HEADS[head](channels, side))


def _convolution(entry: Entry, channels: int, padding: int, bias: bool, stages: str) -> list:
    """The convolution of an entry, or the two of a separable one."""
    kept = (entry.channels, entry.stride, 2 * padding + 1) == (channels, 1, entry.kernel)
    if (entry.times > 1 or entry.residual) and not kept:
        raise ValueError(
            f"stages={stages!r}: what is applied again or added to its input must keep its shape, "
            f"but {channels} channels become {entry.channels} at stride {entry.stride} and "
            f"padding {padding}"
        )
    size = (entry.kernel, entry.stride, padding)
    if not entry.separable:
        return [nn.Conv2d(channels, entry.channels, *size, bias=bias)]
    each = nn.Conv2d(channels, channels, *size, groups=channels, bias=False)
    return [each, nn.Conv2d(channels, entry.channels, 1, bias=bias)]


def _layers(entry: Entry, convolve: list, activation: str, pools: bool, switches: dict) -> list:
    """One application of an entry: the convolution and what follows it."""
    if not entry.residual:
        order = f"pool norm {activation} drop" if pools else f"norm {activation}"
        return [*convolve, *layers.following(entry.channels, order=order, **switches)]
    within = layers.following(entry.channels, order=f"norm {activation}", **switches)
    order = "pool drop" if pools else ""
    after = layers.following(entry.channels, order=order, **switches)
    return [layers.Residual(*convolve, *within), *after]


def check(stages: str, head: str, activation: str) -> None:
    """Raise ``ValueError`` for stages that cannot be read, an unknown head or activation."""
    read(stages)
    look_up("head", head, HEADS)
    look_up("activation", activation, layers.ACTIVATIONS)


def read(stages: str) -> list[list[Entry]]:
    """The entries, stage by stage; ``ValueError`` where the text is not like that."""
    return [[_entry(text, stages) for text in stage.split("-")] for stage in stages.split("/")]


def entries(stages: str) -> Iterator[tuple[Entry, bool]]:
    """Every entry in order, and whether a pool follows it; raises as ``read`` does."""
    listed = read(stages)
    for number, stage in enumerate(listed, 1):
        for place, entry in enumerate(stage, 1):
            yield entry, place == len(stage) and number < len(listed)


def _entry(text: str, stages: str) -> Entry:
    match = ENTRY.fullmatch(text)
    if not match:
        raise ValueError(f"stages={stages!r}: {text!r} is not like 16 or 16k5s2x2dr")
    *sizes, separable, residual = match.groups()
    sizes = [int(size or default) for size, default in zip(sizes, (0, 3, 1, 1), strict=True)]
    if min(sizes) < 1 or sizes[0] > LARGEST or max(sizes[1:]) > checks.SIDE:
        raise ValueError(
            f"stages={stages!r}: in {text!r} channels are not within 1..{LARGEST}, or kernel, "
            f"stride or times not within 1..{checks.SIDE}"
        )
    return Entry(*sizes, bool(separable), bool(residual))


def global_average_pooling(channels: int, side: int) -> list[nn.Module]:
    """A 1x1 classifier, and the mean of each of its ten maps."""
    return [nn.Conv2d(channels, 10, 1), nn.AdaptiveAvgPool2d(1)]


def global_max_pooling(channels: int, side: int) -> list[nn.Module]:
    """The largest value of every channel, and a classifier of those."""
    return [nn.MaxPool2d(side), nn.Conv2d(channels, 10, 1)]


def weighted_pooling(channels: int, side: int) -> list[nn.Module]:
    """A learned weight for every pixel of every channel, and a classifier of the sums."""
    return [
        nn.Conv2d(channels, channels, side, groups=channels, bias=False),
        nn.Conv2d(channels, 10, 1),
    ]


# By the names that recipes and recorded runs use.
HEADS = {
    "mean": global_average_pooling,
    "largest": global_max_pooling,
    "position": weighted_pooling,
}
