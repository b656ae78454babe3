"""The network that a recorded run was judged by.

A later question, such as how it does on other digits, then needs no training.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from utils import levels
from utils.lab.runs import kept
from utils.pretrained import FromPixels
from utils.recipes import Recipe, build_model

NEAR = 2  # images that another processor may round the other way


def packed(
    network: nn.Module, predictions: Tensor, predict: Callable[[nn.Module], Tensor]
) -> bytes:
    """The weights of ``network`` as a compressed NumPy archive.

    Floats take 16 bits where ``predict`` gives all of the network's ``predictions`` with them,
    else 32.
    """
    settled = levels.settle(copy.deepcopy(network))
    full = {name: t.cpu().contiguous() for name, t in settled.state_dict().items()}
    half = {name: t.half() if t.is_floating_point() else t for name, t in full.items()}
    rounded = copy.deepcopy(settled)
    rounded.load_state_dict(half)
    same = torch.equal(predict(rounded), predictions)
    archive = io.BytesIO()
    weights = {name: t.numpy() for name, t in (half if same else full).items()}
    np.savez_compressed(archive, **weights)
    return archive.getvalue()


def load(result: Path, recipe: Recipe) -> nn.Module:
    """The network of the recorded run at ``result``, to evaluate, on the CPU.

    Raises ``BadResult`` where the run keeps none, or its file is missing or another one's.
    """
    return _with(kept.weights(result), recipe)


def reader(result: Path, recipe: Recipe) -> FromPixels:
    """``load``, laid out as it was trained and judged, for pixels."""
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    network = load(result, recipe).to(memory_format=layout)
    return FromPixels(network, recipe.deskew).eval()


def unpacked(content: bytes, recipe: Recipe) -> nn.Module:
    """The network that ``packed`` made ``content`` of, to evaluate, on the CPU."""
    return _with(kept.arrays(content), recipe)


def _with(weights: dict[str, np.ndarray], recipe: Recipe) -> nn.Module:
    network = build_model(recipe)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return network.eval()
