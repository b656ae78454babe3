"""assets/playground.html: the page with the four steps and the frontier networks in it.

Weights take as few bits as leave all 10,000 test answers the same: 8 for each kernel that can
bear it, and for the network's others the fewest: up to 16, or all 32.
"""

from __future__ import annotations

import base64
import copy
import json
from collections import Counter

import torch
from torch import Tensor, nn

from utils import data, playground, pretrained
from utils.experiments.frontier import FRONTIER
from utils.experiments.recorded import BadResult, path_of, read_sealed
from utils.experiments.steps import STEPS
from utils.lab.runs import networks, results
from utils.page.description import FEWEST, MOST, rounded
from utils.pieces import EVALUATION_BATCH
from utils.support.files import write_text
from utils.support.paths import ASSETS

PATH = ASSETS / "playground.html"
SAMPLES = playground.SOURCES / "samples.json"
LIMIT = 250_000  # bytes of the page
SEED = 0
WRONG = 20  # digits in the gallery
CLOSEST = 500  # answers that a try looks at first


def write() -> list[str]:
    """Write the page and its sample digits; lines that say what is in it and what is not.

    Raises ``ValueError`` without MNIST, where no network is at hand, and for a page over
    ``LIMIT``.
    """
    images = data.load()
    if not images.is_mnist:
        raise ValueError(f"the page is made with MNIST's test digits, not {images.name}'s")
    found, lines = recorded_networks()
    samples, described = sample_digits(images), []
    for name, network in found.items():
        seen = network.prepared(images.test_images)
        bits = fewest_bits(network.network, seen)
        described.append(playground.describe_named(name, network, bits=bits.__getitem__))
        lines.append(f"{name}: bits of each kernel's weights {', '.join(map(str, bits))}")
    page = playground.page(described, samples)
    size = len(page.encode())
    if size > LIMIT:
        raise ValueError(f"the page has {size:,} bytes, at most {LIMIT:,}: leave a network out")
    write_text(json.dumps(samples, indent=0) + "\n", SAMPLES)
    write_text(page, PATH)
    return [*lines, f"{PATH}: {size:,} bytes"]


def recorded_networks() -> tuple[dict[str, pretrained.FromPixels], list[str]]:
    """The steps' and the frontier's networks by title, and a line for each that is not kept."""
    found, lines = {}, []
    for recipe in STEPS:
        try:
            path = path_of(recipe, SEED, results.FOLDER)
            found[recipe.title] = networks.reader(path, recipe)
        except BadResult as error:
            lines.append(f"{recipe.title}: left out, {error}")
    for limit, recipe in FRONTIER.items():
        found[f"{limit // 1000}k"] = pretrained.load(recipe.name)
    return found, lines


def fewest_bits(network: nn.Module, x: Tensor) -> list[int]:
    """Bits for each kernel with which all answers for ``x`` stay the same.

    First the fewest for all kernels, then 8 for each that can bear it, the largest first. A try
    looks at the closest answers first, which change before the others do.
    """
    kept = copy.deepcopy(network)
    kernels = [layer for layer in kept.modules() if isinstance(layer, nn.Conv2d)]
    whole = [layer.weight.detach().clone() for layer in kernels]
    logits = outputs(kept, x)
    answers, (first, second) = logits.argmax(1), logits.topk(2).values.unbind(1)
    order = (first - second).argsort()
    x, answers = x[order], answers[order]

    def stay(bits: list[int]) -> bool:
        for layer, weight, width in zip(kernels, whole, bits, strict=True):
            layer.weight.data = rounded(weight, width)
        parts = (slice(CLOSEST), slice(CLOSEST, None))
        return all(torch.equal(outputs(kept, x[part]).argmax(1), answers[part]) for part in parts)

    widths = (*range(FEWEST, MOST + 1), 16)
    found = next((w for w in widths if stay([w] * len(kernels))), 32)
    bits = [found] * len(kernels)
    for at in sorted(range(len(kernels)), key=lambda at: -whole[at].numel()):
        tried = [*bits[:at], FEWEST, *bits[at + 1 :]]
        if tried != bits and stay(tried):
            bits = tried
    return bits


@torch.no_grad()
def outputs(network: nn.Module, x: Tensor) -> Tensor:
    """The logits ``[N, 10]``."""
    return torch.cat([network(part) for part in x.split(EVALUATION_BATCH)])


def sample_digits(images: data.ImageSet) -> list[dict]:
    """The first test digit of each class, and those that most of the recorded networks get wrong.

    Only the box that has ink is kept: ``[left, top, width]`` and its pixels row by row.
    """
    first = [int((images.test_labels == digit).nonzero()[0]) for digit in range(10)]
    wrong: Counter = Counter()
    for recipe in (*STEPS, *FRONTIER.values()):
        run = read_sealed(path_of(recipe, SEED, results.FOLDER))
        wrong.update(run["misclassified"]["indices"])
    often = sorted(wrong, key=lambda at: (-wrong[at], at))[:WRONG]
    return [_sample(images, at, at in often) for at in first + often]


def _sample(images: data.ImageSet, at: int, wrong: bool) -> dict:
    image, label = images.test_images[at], int(images.test_labels[at])
    rows, columns = (image.any(axis).nonzero().squeeze(1) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    box = image[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1].contiguous()
    text = base64.b64encode(box.numpy().tobytes()).decode("ascii")
    return {"label": label, "wrong": wrong, "box": [left, top, box.shape[1]], "data": text}
