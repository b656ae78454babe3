"""The course's network, layer by layer, and every other one by name.

A network takes ``x`` float32 ``[B, 1, 28, 28]`` and returns logits float32 ``[B, 10]``. The
published designs' are in ``published_models``; ``stages`` makes one of a line of text.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import re
from functools import partial

import torch
from torch import nn

from utils import layers
from utils.support import checks
from utils.support.lookup import look_up
from utils.support.seeds import seeded


def skeleton(**switches) -> layers.ConvNet:
    """The network of the four steps: receptive field 28, no padding, no biases.

    9,264 parameters bare (published design B1), 9,436 with batch norm (B2 to B4). Two
    convolutions, a max-pool at receptive field 6, a 1x1 squeeze to 10 channels, four more
    convolutions, the mean of each 4x4 map, and a 1x1 classifier. As published, the block
    before the pool has no dropout.
    """
    block = partial(layers.block, order="relu norm drop", **switches)
    return layers.ConvNet(
        *block(1, 12),
        *block(12, 14, order="relu norm"),
        nn.MaxPool2d(2),
        nn.Conv2d(14, 10, 1, bias=False),
        *block(10, 14),
        *block(14, 14),
        *block(14, 16),
        *block(16, 16),
        nn.AvgPool2d(4),
        nn.Conv2d(16, 10, 1, bias=False),
    )


# The networks by name, and the module of each, which is imported when it is built.
MODELS = {
    "skeleton": "models",
    **dict.fromkeys(
        (
            "padded_4_8_16", "padded_4_8_8", "unpadded_8_16_32", "unpadded_16_32",
            "squeeze_5k", "squeeze_7k",
        ),
        "published_models",
    ),
    "plain": "stages",
}  # fmt: skip


def build(name: str, *, batch_norm: bool, dropout: float, seed: int, **options) -> layers.ConvNet:
    """The network called ``name``, its initial weights drawn from ``seed``, on the CPU.

    ``options`` are those of ``plain``. Global random streams are left as they were. Raises
    ``ValueError`` for an unknown name, a dropout outside 0 <= dropout < 1, a ``batch_norm`` that
    is neither true nor false, and for options of another model.
    """
    module = importlib.import_module(f"utils.{look_up('model', name, MODELS)}")
    checks.number(0, 1, dropout=dropout)
    if not isinstance(batch_norm, bool):
        raise ValueError(f"batch_norm={batch_norm!r} is neither True nor False")
    if options and name != "plain":
        raise ValueError(
            f"{', '.join(options)}: only the model 'plain' takes options, not {name!r}"
        )
    with seeded(seed):
        return getattr(module, name)(batch_norm=batch_norm, dropout=dropout, **options)


def count_parameters(model: nn.Module) -> int:
    """Trainable numbers in ``model``."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_macs(model: nn.Module) -> int:
    """MACs (multiply-accumulates) of convolutions and linear layers for one image."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        copy.deepcopy(model).cpu().float().eval()(torch.zeros(1, 1, checks.SIDE, checks.SIDE))
    return counter.get_total_flops() // 2


def summary(model: nn.Module) -> str:
    """The table ``torchsummary`` prints for one 28 x 28 image.

    Made from a copy on the CPU, since torchsummary runs the model forward, which would move its
    batch-norm statistics and the random stream. It counts weights that are
    applied twice as two; the totals printed here count them once.
    """
    import torchsummary

    clone = copy.deepcopy(model).cpu().float()
    printed = io.StringIO()
    with seeded(0), contextlib.redirect_stdout(printed):
        torchsummary.summary(clone, (1, 28, 28), device="cpu")
    total, trained = sum(p.numel() for p in model.parameters()), count_parameters(model)
    counts = {"Total": total, "Trainable": trained, "Non-trainable": total - trained}
    return re.sub(
        rf"(?m)^({'|'.join(counts)}) params: [\d,]+$",
        lambda line: f"{line[1]} params: {counts[line[1]]:,}",
        printed.getvalue(),
    ).rstrip()
