"""The network that a recorded run was judged by, kept beside its result.

A later question, such as how it does on other digits, then needs no training.
"""

from __future__ import annotations

import copy
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from utils import levels
from utils.experiments.recorded import BadResult, read_sealed
from utils.pretrained import FromPixels
from utils.recipes import Recipe, build_model
from utils.support.files import write_bytes

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


def path_of(result: Path) -> Path:
    """Where the network of the result at ``result`` is kept."""
    return result.with_suffix(".npz")


def write(content: bytes, result: Path) -> str:
    """Write a packed network beside ``result``; return its SHA-256, which the result records."""
    write_bytes(content, path_of(result))
    return hashlib.sha256(content).hexdigest()


def load(result: Path, recipe: Recipe) -> nn.Module:
    """The network of the recorded run at ``result``, to evaluate, on the CPU.

    Raises ``BadResult`` where the run keeps none, or its file is missing or another one's.
    """
    path = path_of(result)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadResult(
            f"{result} keeps no network ({error}): older runs have none, and only a run that is "
            "recorded anew keeps one"
        ) from error
    if hashlib.sha256(content).hexdigest() != read_sealed(result).get("network"):
        raise BadResult(f"{path} is not the network of {result.name}: take both from git again")
    return unpacked(content, recipe)


def reader(result: Path, recipe: Recipe) -> FromPixels:
    """``load``, laid out as it was trained and judged, for pixels."""
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    network = load(result, recipe).to(memory_format=layout)
    return FromPixels(network, recipe.deskew).eval()


def unpacked(content: bytes, recipe: Recipe) -> nn.Module:
    """The network that ``packed`` made ``content`` of, to evaluate, on the CPU."""
    network = build_model(recipe)
    with np.load(io.BytesIO(content)) as weights:
        network.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights})
    return network.eval()
