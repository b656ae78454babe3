"""The weights that assets/weights holds: seed 0 of a recipe, trained once more and checked."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn

from utils import data, pretrained
from utils.lab.runs import results
from utils.pieces import prepare
from utils.recipes import Recipe
from utils.support import machine
from utils.support.files import replacing

SEED = 0  # always the first: choosing the best would be a peek at the test set


def make(
    recipe: Recipe,
    images: data.ImageSet,
    folder: Path = pretrained.FOLDER,
    recorded: list[float] | None = None,
) -> list[Path]:
    """Train ``recipe``'s seed 0 and save its weights, for torch and as ONNX.

    ``recorded``: the test accuracies of its epochs, by default those of the recorded run. Raises
    ``ValueError``, and saves nothing, where the run does not repeat them, and
    ``BadResult`` where too few runs are recorded.
    """
    if recorded is None:
        recorded = results.history_of(results.reported(recipe.name)[SEED]).test_accuracy
    with machine.cpu_threads(1):
        pieces = prepare(recipe, images, SEED, "cpu")
        history = pieces.fit_whole(verbose=True)
    if history.test_accuracy != recorded:
        raise ValueError(
            f"{recipe.name}: this run's test accuracies end at {history.test_accuracy[-1:]}, the "
            f"recorded ones at {recorded[-1:]}. The weights must be the recorded run's: save "
            f"them on the machine and with the versions that recorded it, or record it anew."
        )
    return save(recipe, pieces.network, folder)


def save(recipe: Recipe, network: nn.Module, folder: Path) -> list[Path]:
    """Write ``NAME.pt`` and ``NAME.onnx``; return their paths."""
    paths = [folder / f"{recipe.name}.pt", folder / f"{recipe.name}.onnx"]
    plain = network.to(memory_format=torch.contiguous_format).eval()
    # First: one file without the other is none.
    exported = onnx(pretrained.FromPixels(plain, recipe.deskew))
    with replacing(paths[0]) as temporary:
        torch.save(plain.state_dict(), temporary)
    with replacing(paths[1]) as temporary:
        temporary.write_bytes(exported)
    for path in paths:
        pretrained.note_checksum(path)
    return paths


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
