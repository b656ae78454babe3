"""Trained networks of a few to 100 KB: ``classify(load("frontier_8k"), images)``.

Each holds the weights of its recipe's first seed, trained on all 60,000 training images, as
``python -m utils.lab weights NAME`` writes them of its recorded run. assets/weights also has each
as an ONNX file, for other runtimes, with the same input and output as ``FromPixels``.
"""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import torch
from torch import Tensor, nn

from utils import data, folding, integers, loaders, training
from utils.deskewing import set_upright
from utils.experiments import catalogue
from utils.pieces import EVALUATION_BATCH
from utils.recipes import Recipe, build_model
from utils.support import checks, paths
from utils.support.files import write_text
from utils.support.lookup import look_up

FOLDER = paths.ASSETS / "weights"
SUMS = "SHA256SUMS"  # beside the weights; sha256sum --check reads it too


class FromPixels(nn.Module):
    """A network that takes pixels: uint8 ``[B, 28, 28]``, white on black, to logits ``[B, 10]``.

    ``deskew`` sets each digit upright first, as in the training of such a recipe; a network of
    ``whole`` numbers takes the pixels as they are.
    """

    def __init__(self, network: nn.Module, deskew: bool, whole: bool = False):
        super().__init__()
        self.network, self.deskew, self.whole = network, deskew, whole

    def forward(self, images: Tensor) -> Tensor:
        return self.network(self.prepared(images))

    def prepared(self, images: Tensor) -> Tensor:
        """What the network takes for uint8 pixels ``[B, 28, 28]``: float ``[B, 1, 28, 28]``."""
        images = set_upright(images) if self.deskew else images
        return images.float().unsqueeze(1) if self.whole else loaders.normalize(images)


def saved(folder: Path = FOLDER) -> dict[str, Path]:
    """The files of the networks that there are, by name."""
    found = (path for path in sorted(folder.iterdir()) if path.suffix in (".pt", ".bin"))
    return {path.stem: path for path in found}


def load(name: str, folder: Path = FOLDER) -> FromPixels:
    """The trained network of the recipe ``name``, ready to classify, on the CPU.

    Raises ``ValueError`` for a name without weights, or whose file is damaged (by its checksum in
    ``SHA256SUMS``, where it has one there) or another network's.
    """
    path = look_up("trained network", name, saved(folder))
    recipe = catalogue.recipe(name)
    try:
        content = path.read_bytes()
        if checksums(folder).get(path.name) not in (None, _sha256(content)):
            raise ValueError(f"its checksum is not the one in {SUMS}")
        return of_whole_numbers(content, recipe) if recipe.levels else of_floats(content, recipe)
    except Exception as error:  # of any kind, depending on where a file is damaged
        raise ValueError(
            f"{path} is damaged or holds another network than the recipe {name}: take it and "
            f"{SUMS} from git again"
        ) from error


def of_floats(content: bytes, recipe: Recipe) -> FromPixels:
    """The network in a torch file."""
    model = build_model(recipe)
    model.load_state_dict(torch.load(io.BytesIO(content), weights_only=True, map_location="cpu"))
    return FromPixels(model, recipe.deskew).eval()


def of_whole_numbers(content: bytes, recipe: Recipe) -> FromPixels:
    """The network in a file of few bytes, for torch; ``utils.integers`` reads it in NumPy."""
    layers = integers.from_bytes(content)
    if not content.startswith(integers.header(recipe.stages, recipe.levels)):
        raise ValueError(f"it holds no network {recipe.stages} of {recipe.levels} levels")
    return FromPixels(folding.network(layers), recipe.deskew, whole=True).eval()


def checksums(folder: Path = FOLDER) -> dict[str, str]:
    """The SHA-256 of the files in ``folder``, by name, as its ``SHA256SUMS`` has them."""
    file = folder / SUMS
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return {name: found for found, name in re.findall("^([0-9a-f]{64}) [ *](.+)$", text, re.M)}


def note_checksum(path: Path) -> None:
    """Note the checksum of ``path``, a file just made, in the ``SHA256SUMS`` beside it."""
    noted = checksums(path.parent) | {path.name: _sha256(path.read_bytes())}
    write_text("".join(f"{noted[name]}  {name}\n" for name in sorted(noted)), path.parent / SUMS)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@torch.no_grad()
def classify(network: FromPixels, images: Tensor) -> tuple[Tensor, Tensor]:
    """The digits, int64 ``[B]``, and the probability of each of the ten, float32 ``[B, 10]``.

    ``images``: uint8 ``[B, 28, 28]``, or one of them ``[28, 28]``; white on black, as MNIST's.
    """
    checks.tensor(images, "uint8 [B, 28, 28]")
    images = images.unsqueeze(0) if images.ndim == 2 else images
    checks.pixels(images)
    device = next(network.parameters()).device
    parts = images.split(EVALUATION_BATCH)
    with training.evaluating(network):
        probabilities = torch.cat([network(part.to(device)).softmax(1) for part in parts])
    return probabilities.argmax(1), probabilities


def correct(network: FromPixels, images: data.ImageSet) -> int:
    """How many of the test images are read."""
    digits, _ = classify(network, images.test_images)
    return int((digits.cpu() == images.test_labels).sum())


def accuracy(network: FromPixels, images: data.ImageSet) -> float:
    """Test accuracy in per cent."""
    return 100 * correct(network, images) / len(images.test_labels)
