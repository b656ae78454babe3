"""Every network of the course, by name.

A network takes ``x`` float32 ``[B, 1, 28, 28]`` and returns logits float32 ``[B, 10]``. Each
function here builds one design, untrained, from two switches: ``batch_norm`` and ``dropout``
(the probability, 0 leaves the layers out).
"""

from __future__ import annotations

import contextlib
import copy
import io

import torch
import torchsummary
from torch import Tensor, nn

from utils import checks
from utils.names import look_up


class ConvNet(nn.Sequential):
    """Layers in a row that end in ``[B, 10, 1, 1]``, returned flat as ``[B, 10]``."""

    def forward(self, x: Tensor) -> Tensor:
        checks.network_input(x)  # a larger image would pass, and give other logits
        return super().forward(x).flatten(1)


class Dropout(nn.Dropout):
    """``nn.Dropout`` with a cheaper draw on the CPU, where the draw costs as much as a convolution.

    One 64-bit draw serves four activations: each takes 16 bits and is dropped where they are
    below ``p``, so the probability is exact to 1/65,536. Elsewhere torch's own kernel runs.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0 or self.p == 1 or x.device.type != "cpu":
            return super().forward(x)
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)
        threshold = round(self.p * 2**16)
        kept = (bits >= threshold - 2**15).to(x.dtype)
        return x * kept.mul_(2**16 / (2**16 - threshold))


def _block(channels_in: int, channels_out: int, *, batch_norm: bool, dropout: float) -> list:
    """3x3 convolution, ReLU, and what regularizes them."""
    layers = [nn.Conv2d(channels_in, channels_out, 3, bias=False), nn.ReLU()]
    if batch_norm:
        layers.append(nn.BatchNorm2d(channels_out))
    if dropout:
        layers.append(Dropout(dropout))
    return layers


def skeleton(*, batch_norm: bool, dropout: float) -> ConvNet:
    """The network of the four steps: receptive field 28, no padding, no biases.

    9,264 parameters bare (published design B1), 9,436 with batch norm (B2 to B4). Two
    convolutions, a max-pool at receptive field 6, a 1x1 squeeze to 10 channels, four more
    convolutions, the mean of each 4x4 map, and a 1x1 classifier. As published, the block
    before the pool has no dropout.
    """
    switches = {"batch_norm": batch_norm, "dropout": dropout}
    return ConvNet(
        *_block(1, 12, **switches),
        *_block(12, 14, batch_norm=batch_norm, dropout=0),
        nn.MaxPool2d(2),
        nn.Conv2d(14, 10, 1, bias=False),
        *_block(10, 14, **switches),
        *_block(14, 14, **switches),
        *_block(14, 16, **switches),
        *_block(16, 16, **switches),
        nn.AvgPool2d(4),
        nn.Conv2d(16, 10, 1, bias=False),
    )


MODELS = {"skeleton": skeleton}


def build(name: str, *, batch_norm: bool, dropout: float, seed: int) -> ConvNet:
    """The network called ``name``, its initial weights drawn from ``seed``, on the CPU.

    Torch's global random stream is left as it was. Raises ``ValueError`` for an unknown name
    or a dropout outside 0 <= dropout < 1.
    """
    design = look_up("model", name, MODELS)
    checks.number(0, 1, dropout=dropout)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return design(batch_norm=batch_norm, dropout=dropout)


def count_parameters(model: nn.Module) -> int:
    """Trainable numbers in ``model``."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def summary(model: nn.Module) -> str:
    """The table ``torchsummary`` prints for one 28 x 28 image.

    Made from a copy on the CPU and with the random stream put back, since torchsummary runs
    the model forward, which would move its batch-norm statistics.
    """
    clone = copy.deepcopy(model).cpu()
    printed = io.StringIO()
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(printed):
        torchsummary.summary(clone, (1, 28, 28), device="cpu")
    return printed.getvalue().rstrip()
