"""Weights of few levels: whole numbers -k … k times a step, so that a network's file is small.

Training sees the rounded weights; the gradient passes the rounding as if it were not there, and
each output channel learns its step (after Esser et al., 2020, https://arxiv.org/abs/1902.08153,
who have one for a layer: of a channel it costs no bytes where the channel has a multiplier).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from utils.support import checks

MOST = 255  # what a byte holds, and 0 in the middle
SMALLEST = 1e-12  # so that a channel whose weights are all 0 has a step


class Levels(nn.Module):
    """A weight as one of ``levels`` values: whole numbers -k … k times a step, k = levels // 2.

    Each output channel has a step, learned as its logarithm, ``log_step`` ``[out, 1, 1, 1]``: an
    optimizer's rate then changes it by per cents, however small it is. It starts where Esser et
    al. start it.
    """

    def __init__(self, weight: Tensor, levels: int):
        super().__init__()
        self.highest = levels // 2
        size = weight.detach().abs().mean((1, 2, 3), keepdim=True).clamp_min(SMALLEST)
        self.log_step = nn.Parameter((2 * size / self.highest**0.5).log())

    @property
    def step(self) -> Tensor:
        return self.log_step.exp()

    def forward(self, weight: Tensor) -> Tensor:
        scaled = (weight / self.step).clamp(-self.highest, self.highest)
        return (scaled + (scaled.round() - scaled).detach()) * self.step


def check(levels: int) -> None:
    """Raise ``ValueError`` unless ``levels`` is odd (0 lies in the middle) and within 3..255."""
    checks.whole(3, levels=levels)
    if levels % 2 == 0 or levels > MOST:
        raise ValueError(f"levels={levels} is not an odd number of 3..{MOST}: 0 lies in the middle")


def round_weights(model: nn.Module, levels: int) -> nn.Module:
    """Give every convolution of ``model`` weights of so many ``levels``, in place; return it.

    Raises ``ValueError`` where they have levels already.
    """
    check(levels)
    if any(map(parametrize.is_parametrized, model.modules())):
        raise ValueError("the weights have levels already: round a copy of the network in floats")
    for layer in [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]:
        parametrize.register_parametrization(layer, "weight", Levels(layer.weight, levels))
    return model


@torch.no_grad()
def round_after_training(model: nn.Module, levels: int) -> nn.Module:
    """``round_weights`` with each output channel's largest weight as its highest level."""
    for layer in round_weights(model, levels).modules():
        if isinstance(layer, nn.Conv2d):
            rounding, weight = layer.parametrizations.weight[0], layer.parametrizations.weight
            largest = weight.original.abs().amax((1, 2, 3), keepdim=True).clamp_min(SMALLEST)
            rounding.log_step.copy_((largest / rounding.highest).log())
    return model


@torch.no_grad()
def settle(model: nn.Module) -> nn.Module:
    """Put rounded weights in the place of those that training moved, in place; return ``model``.

    Their whole numbers stay the same, also where they are stored with fewer digits.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and parametrize.is_parametrized(layer):
            layer.parametrizations.weight.original.copy_(layer.weight)
    return model


def whole(layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """The weights of a rounded convolution as whole numbers, int64, and their steps ``[out]``."""
    step = layer.parametrizations.weight[0].step.detach()
    return (layer.weight.detach() / step).round().long(), step.flatten()
