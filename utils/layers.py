"""What networks are made of: a convolution and the layers that follow it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.support import checks
from utils.support.lookup import look_up

ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU}


class ConvNet(nn.Sequential):
    """Layers applied one after the other; their last map ``[B, 10, 1, 1]`` is returned flat."""

    def forward(self, x: Tensor) -> Tensor:
        checks.network_input(x)  # a larger image would pass, and give other logits
        return super().forward(x).flatten(1)


class HiddenReLU(ConvNet):
    """A ``ConvNet`` whose ReLUs are function calls: the published summaries print none.

    One follows every batch norm or, where there is none, every convolution but the last.
    """

    def forward(self, x: Tensor) -> Tensor:
        checks.network_input(x)
        active = self.active()
        for layer in self:
            x = layer(x)
            if layer in active:
                x = F.relu(x)
        return x.flatten(1)

    def active(self) -> set[nn.Module]:
        """The layers that a ReLU follows."""
        convolutions = [layer for layer in self if isinstance(layer, nn.Conv2d)]
        norms = [layer for layer in self if isinstance(layer, nn.BatchNorm2d)]
        return set(norms or convolutions[:-1])


class Residual(nn.Sequential):
    """Layers applied one after the other; their output is added to their input."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class Dropout(nn.Dropout):
    """``nn.Dropout`` with a cheaper draw on the CPU, where the draw costs as much as a convolution.

    One 64-bit draw serves four activations: each takes 16 bits and is dropped where they are
    below ``p``, so the probability is exact to 1/65,536. Elsewhere torch's own kernel runs.
    """

    def forward(self, x: Tensor) -> Tensor:
        threshold = round(self.p * 2**16)
        if not self.training or threshold in (0, 2**16) or x.device.type != "cpu":
            return super().forward(x)
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)
        kept = (bits >= threshold - 2**15).to(x.dtype)
        return x * kept.mul_(2**16 / (2**16 - threshold))


def block(
    channels_in: int,
    channels_out: int,
    kernel: int = 3,
    *,
    order: str,
    batch_norm: bool,
    dropout: float,
    padding: int = 0,
    bias: bool = False,
) -> list:
    """A convolution and what follows it in this ``order`` (see ``following``)."""
    convolution = nn.Conv2d(channels_in, channels_out, kernel, padding=padding, bias=bias)
    switches = {"batch_norm": batch_norm, "dropout": dropout}
    return [convolution, *following(channels_out, order=order, **switches)]


def following(channels: int, *, order: str, batch_norm: bool, dropout: float) -> list:
    """What follows a convolution: "pool", "norm", "drop" and an activation's name, in any order.

    Norm and drop only where they are on. Raises ``ValueError`` for any other word.
    """
    others = {
        "pool": lambda: [nn.MaxPool2d(2)],
        "norm": lambda: [nn.BatchNorm2d(channels)] if batch_norm else [],
        "drop": lambda: drop(dropout),
    }
    layers = []
    for what in order.split():
        make = look_up("layer", what, ACTIVATIONS | others)
        layers += [make()] if what in ACTIVATIONS else make()
    return layers


def drop(p: float) -> list:
    """A dropout layer, or none where it is off."""
    return [Dropout(p)] if p else []
