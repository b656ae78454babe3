"""A trained network with rounded weights → the whole numbers of ``utils.integers``.

Batch norm becomes a multiplier and a bias for each channel, and so does the normalization of the
pixels; activations become bytes, as large as the largest that the training images give.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from utils import levels
from utils.data import MEAN, STD
from utils.integers import Layer
from utils.layers import ConvNet

IMAGES = 2000  # whose largest activations become 255
REFUSAL = (
    "a network becomes whole numbers where it is made of blocks: an unpadded convolution of "
    "weights with levels, a 2x2 max-pool or none, batch norm, ReLU; and where the mean of a "
    "convolution's map ends it"
)


@torch.no_grad()
def fold(trained: nn.Module, x: Tensor) -> list[Layer]:
    """The layers of ``trained``, a ``plain`` one of a recipe with ``levels``, in evaluation mode.

    ``x``: normalized training images, float32 ``[B, 1, 28, 28]``. Raises ``ValueError`` for a
    network of other layers or in training mode, and for numbers that 16 bits do not hold.
    """
    if trained.training:
        raise ValueError("the network is in training mode: fold network.eval()")
    found, steps = blocks(trained), activation_steps(trained, x)
    layers, taken = [], 1 / (255 * STD)  # what one grey level is to the network
    shift = -MEAN / STD  # what a black pixel is
    for (convolution, pools, norm), given in zip(found, [*steps, 1.0], strict=True):
        whole, step = levels.whole(convolution)
        bias = whole.sum((1, 2, 3)) * step * shift  # of the black pixels beneath a kernel
        bias = bias if convolution.bias is None else bias + convolution.bias
        gain = torch.ones(len(whole))
        if norm is not None:
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            bias = norm.bias + gain * (bias - norm.running_mean)
        halves = [(gain * step * taken / given).half(), (bias / given).half()]
        if not all(half.isfinite().all() for half in halves):
            raise ValueError(f"layer {len(layers) + 1} needs numbers that 16 bits do not hold")
        layers.append(Layer(whole.numpy(), *(half.numpy() for half in halves), pools))
        taken, shift = given, 0.0
    return layers


def can_fold(network: nn.Module) -> bool:
    """Whether a network can become whole numbers (see ``REFUSAL``)."""
    try:
        blocks(network)
    except ValueError:
        return False
    return True


def blocks(network: nn.Module) -> list[tuple[nn.Conv2d, bool, nn.BatchNorm2d | None]]:
    """Every convolution, whether a max-pool follows it, and its batch norm; the last has none.

    Raises ``ValueError`` for a network of anything else.
    """
    left, found = [layer for layer in network if not isinstance(layer, nn.Dropout)], []
    while len(left) > 2:
        pools = isinstance(left[1], nn.MaxPool2d) and left[1].kernel_size == 2
        convolution, norm, relu = left[0], *left[1 + pools : 3 + pools]
        kinds = isinstance(norm, nn.BatchNorm2d), isinstance(relu, nn.ReLU)
        if not all(kinds) or not _is_rounded(convolution):
            raise ValueError(REFUSAL)
        found.append((convolution, pools, norm))
        left = left[3 + pools :]
    if len(left) < 2 or not _is_rounded(left[0]) or not isinstance(left[1], nn.AdaptiveAvgPool2d):
        raise ValueError(REFUSAL)
    return [*found, (left[0], False, None)]


def _is_rounded(layer: nn.Module) -> bool:
    return (
        isinstance(layer, nn.Conv2d)
        and parametrize.is_parametrized(layer)
        and (layer.padding, layer.stride, layer.groups) == ((0, 0), (1, 1), 1)
    )


def activation_steps(network: nn.Module, x: Tensor) -> list[float]:
    """What one of 255 parts of the largest activation is, after every ReLU."""
    found = []
    for layer in network:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            found.append(x.max().item() / 255 or 1.0)  # a layer that is all zero stays so
    return found


class Scaled(nn.Module):
    """Whole sums times a multiplier plus a bias, as whole numbers 0 … 255 unless ``last``."""

    def __init__(self, layer: Layer, last: bool):
        super().__init__()
        for name in ("multiplier", "bias"):
            value = torch.from_numpy(getattr(layer, name).copy()).float()
            self.register_buffer(name, value[:, None, None])
        self.last = last

    def forward(self, sums: Tensor) -> Tensor:
        scaled = sums * self.multiplier + self.bias
        return scaled if self.last else scaled.round().clamp(0, 255)


def network(layers: list[Layer]) -> ConvNet:
    """``layers`` as a network for torch and ONNX: float32 whose sums are whole numbers, exactly.

    It takes pixels 0 … 255, float32 ``[B, 1, 28, 28]``. Raises ``ValueError`` for weights whose
    sums could be larger than the whole numbers that float32 holds.
    """
    found = []
    for layer in layers:
        out, channels, side, _ = layer.weights.shape
        if 255 * np.abs(layer.weights).sum((1, 2, 3)).max() >= 2**24:
            raise ValueError(f"layer {len(found) + 1}: its sums may be 2**24 and more")
        convolution = nn.Conv2d(channels, out, side, bias=False)
        convolution.weight = nn.Parameter(torch.from_numpy(layer.weights).float(), False)
        found.append(convolution)
        if layer.pools:
            found.append(nn.MaxPool2d(2))
        if last := layer is layers[-1]:
            found.append(nn.AdaptiveAvgPool2d(1))
        found.append(Scaled(layer, last))
    return ConvNet(*found).eval()
