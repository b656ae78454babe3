"""A trained network with rounded weights → the whole numbers of ``utils.integers``.

Batch norm becomes a multiplier and a bias for each channel, and so does the normalization of the
pixels; activations become bytes, as large as the largest that the training images give.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from utils import levels
from utils.data import MEAN, STD
from utils.integers import Layer
from utils.layers import ConvNet

FOLDED = (nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Dropout)
IMAGES = 2000  # whose largest activations become 255


@torch.no_grad()
def fold(trained: nn.Module, x: Tensor) -> list[Layer]:
    """The layers of ``trained``, a ``plain`` one of a recipe with ``levels``, in evaluation mode.

    ``x``: normalized training images, float32 ``[B, 1, 28, 28]``. Raises ``ValueError`` for a
    network of other layers.
    """
    if reason := refusal(trained):
        raise ValueError(reason)
    steps = activation_steps(trained, x)
    layers, taken = [], 1 / (255 * STD)  # what one grey level is to the network
    shift = -MEAN / STD  # what a black pixel is
    for convolution, pools, norm in blocks(trained):
        whole, step = levels.whole(convolution)
        sums = whole.sum((1, 2, 3)) * step * shift  # of the black pixels beneath a kernel
        gain = torch.ones(len(whole))
        bias = sums if convolution.bias is None else sums + convolution.bias
        if norm is not None:
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            bias = norm.bias + gain * (sums - norm.running_mean)
        given = steps.pop(0) if norm is not None else 1.0
        halves = [(gain * step * taken / given).half().numpy(), (bias / given).half().numpy()]
        layers.append(Layer(whole.numpy(), *halves, pools))
        taken, shift = given, 0.0
    return layers


def blocks(network: nn.Module) -> list[tuple[nn.Conv2d, bool, nn.BatchNorm2d | None]]:
    """Every convolution, whether a max-pool follows it, and its batch norm; the last has none."""
    found: list[list] = []
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            found.append([layer, False, None])
        elif isinstance(layer, nn.MaxPool2d):
            found[-1][1] = True
        elif isinstance(layer, nn.BatchNorm2d):
            found[-1][2] = layer
    return [tuple(block) for block in found]


def refusal(trained: nn.Module) -> str:
    """Why a network cannot become whole numbers; empty where it can."""
    for layer in trained:
        known = isinstance(layer, FOLDED)
        if isinstance(layer, nn.MaxPool2d):
            known = layer.kernel_size == 2
        if isinstance(layer, nn.Conv2d):
            known = parametrize.is_parametrized(layer) and layer.padding == (0, 0)
            known = known and layer.stride == (1, 1) and layer.groups == 1
        if not known:
            return (
                f"{layer} cannot become whole numbers: they are made of unpadded convolutions of "
                "weights with levels, batch norm, ReLU, 2x2 max-pools and the mean of the last map"
            )
    return ""


def activation_steps(network: nn.Module, x: Tensor) -> list[float]:
    """What one of 255 parts of the largest activation is, after every ReLU."""
    found = []
    for layer in network:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            found.append(x.max().item() / 255)
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
    """``layers`` as a network for torch and ONNX: float32 that holds whole numbers, exactly.

    It takes pixels 0 … 255, float32 ``[B, 1, 28, 28]``.
    """
    found = []
    for layer in layers:
        out, channels, side, _ = layer.weights.shape
        convolution = nn.Conv2d(channels, out, side, bias=False)
        convolution.weight = nn.Parameter(torch.from_numpy(layer.weights).float(), False)
        found += [convolution, *[nn.MaxPool2d(2)] * layer.pools]
        last = layer is layers[-1]
        found += [*[nn.AdaptiveAvgPool2d(1)] * last, Scaled(layer, last)]
    return ConvNet(*found).eval()
