"""The weights that assets/weights holds: those of a recorded run, for torch and as ONNX.

Of a recipe with ``levels`` they are whole numbers, in a file of few bytes.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import torch
from torch import nn

from utils import data, folding, integers, loaders, pretrained
from utils.experiments import catalogue, recorded
from utils.lab.runs import networks
from utils.pieces import preprocessed
from utils.recipes import Recipe
from utils.support.files import write_bytes


def seed_of(recipe: Recipe) -> int:
    """Always the first that was recorded: choosing the best would be a peek at the test set."""
    return catalogue.get(recipe.name).first


def make(
    recipe: Recipe,
    images: data.ImageSet,
    folder: Path = pretrained.FOLDER,
    runs: Path = recorded.FOLDER,
) -> list[Path]:
    """Write the network of ``recipe``'s first recorded seed to ``folder``; return the paths.

    ``NAME.onnx`` and ``NAME.pt``, or ``NAME.bin`` where it is of whole numbers (for their
    activations it looks at training images). Raises ``BadResult`` where the run keeps no network.
    """
    network = networks.load(recorded.path_of(recipe, seed_of(recipe), runs), recipe)
    if recipe.levels:
        few = preprocessed(recipe, images).train_images[: folding.IMAGES]
        layers = folding.fold(network, loaders.normalize(few))
        content = integers.to_bytes(layers, recipe.stages, recipe.levels)
        reader, suffix = pretrained.of_whole_numbers(content, recipe), ".bin"
    else:
        content = _saved(network)
        reader, suffix = pretrained.of_floats(content, recipe), ".pt"
    path = folder / f"{recipe.name}{suffix}"
    return _write({path.with_suffix(".onnx"): onnx(reader), path: content})


def _saved(network: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    return buffer.getvalue()


def _write(contents: dict[Path, bytes]) -> list[Path]:
    for path, content in contents.items():
        write_bytes(content, path)
    for path in contents:
        pretrained.note_checksum(path)
    return list(contents)


def onnx(network: pretrained.FromPixels) -> bytes:
    """``network`` as an ONNX file: ``images`` uint8 ``[B, 28, 28]`` to ``logits`` ``[B, 10]``."""
    two = torch.zeros(2, 28, 28, dtype=torch.uint8)  # of 1 the exporter would make a constant
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on what later versions of torch will be like
        program = torch.onnx.export(
            network,
            (two,),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
    proto = program.model_proto
    for node in proto.graph.node:
        node.ClearField("metadata_props")  # where in whose files each line stood
    return proto.SerializeToString()
