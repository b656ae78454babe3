"""Where the time of an epoch goes: torchvision's way to load digits, ours, and no loading at all.

Every way trains the same network on the same images. They take turns in one process, so that
whatever else the machine does slows all of them down alike.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import torch
from tqdm import tqdm

from utils import data
from utils.experiments import catalogue
from utils.lab.runs import one
from utils.lab.timing import baseline, benchmark
from utils.lab.timing.benchmark import AUGMENTED, PLAIN
from utils.pieces import Pieces, prepare
from utils.recipes import Recipe
from utils.support import checks, machine

COMPARED = ("design_e2", "design_a")  # the ways to load are compared with these
IMAGES = 6_000  # of an epoch's 60,000: the tables scale the seconds up

Makers = dict[str, Callable[[], Pieces]]  # by name, each call gives the pieces of a new run


def ways(recipe: Recipe, images: data.ImageSet, device: torch.device) -> Makers:
    """A maker for every way to load, by its key in benchmark.json."""
    plain = replace(recipe, augmentation=None, engine="batched")
    augmented = replace(plain, augmentation="rotate_perspective")
    one_by_one = replace(augmented, engine="albumentations")

    def ours(recipe: Recipe) -> Pieces:
        return prepare(recipe, images, 0, device)

    def torchs(recipe: Recipe) -> Pieces:
        return baseline.as_torch_makes_it(ours(recipe))

    def torchvision(**options) -> Pieces:
        train = (images.train_images, images.train_labels)
        loader = baseline.torchvision_loader(*train, batch_size=recipe.batch_size, **options)
        return replace(torchs(plain), train_loader=loader)

    def loaded(pieces: Pieces) -> Pieces:
        batches = list(pieces.train_loader)
        batches[-1][0].sum().item()  # waits until a GPU has made them
        return replace(pieces, train_loader=batches)

    return {
        benchmark.TORCHVISION[PLAIN]: torchvision,
        benchmark.TORCHVISION[AUGMENTED]: lambda: torchvision(augmented=True),
        benchmark.ALBUMENTATIONS: lambda: torchs(one_by_one),
        benchmark.TORCH_FLOOR: lambda: loaded(torchs(plain)),
        benchmark.OURS[PLAIN]: lambda: ours(plain),
        benchmark.OURS[AUGMENTED]: lambda: ours(augmented),
        benchmark.FLOOR: lambda: loaded(ours(plain)),
    }


def in_turns(makers: Makers, repeats: int, what: str) -> dict[str, list[float]]:
    """Seconds of the first epoch of each, without evaluation, ``repeats`` times in alternation."""
    checks.whole(1, repeats=repeats)
    machine.keep_freed()  # else times scatter
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    for turn in tqdm(range(repeats + 1), what, file=sys.stdout):
        for name, make in makers.items():
            pieces = make()
            one_epoch = replace(pieces, recipe=replace(pieces.recipe, epochs=1))
            took = one_epoch.fit_whole().seconds[0]
            if turn:  # the first turn warms up
                seconds[name].append(round(took, 4))
    return seconds


def measure(
    images: data.ImageSet, device: torch.device, repeats: int = 5, batch_sizes: Iterable[int] = ()
) -> dict:
    """Every way to load, for each of ``COMPARED`` at its own batch size and at ``batch_sizes``."""
    cases = []
    for recipe in map(catalogue.recipe, COMPARED):
        for size in dict.fromkeys((recipe.batch_size, *batch_sizes)):
            makers = ways(replace(recipe, batch_size=size), images, device)
            case = {"recipe": recipe.name, "model": recipe.model, "batch_size": size}
            case["seconds"] = in_turns(makers, repeats, f"{recipe.name}, batches of {size}")
            cases.append(case)
    return conditions(images, device) | {"cases": cases}


def measure_recipes(
    images: data.ImageSet, repeats: int = 5, names: Sequence[str] | None = None
) -> dict:
    """An epoch of each of ``names``, or of every experiment that is timed, on one CPU thread."""
    cpu = torch.device("cpu")
    if names is None:
        names = [known.recipe.name for known in catalogue.EXPERIMENTS.values() if known.timed]
    recipes = map(catalogue.recipe, names)
    makers = {recipe.name: partial(prepare, recipe, images, 0, cpu) for recipe in recipes}
    with machine.cpu_threads(1):
        return conditions(images, cpu) | {"seconds": in_turns(makers, repeats, "recipes")}


def conditions(images: data.ImageSet, device: torch.device) -> dict:
    """What seconds depend on, as plain data."""
    return {
        "images": len(images.train_images),
        "data": images.name,
        "machine": one.machine(device),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "versions": one.versions(),
        "git_commit": one.git_commit(),
    }


def share(images: data.ImageSet) -> data.ImageSet:
    """A tenth of the digits: enough to time."""
    return images.subset(min(IMAGES, len(images.train_labels)), min(1000, len(images.test_labels)))
