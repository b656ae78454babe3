"""The race to 99.4 %: the seconds of whole runs, and what the time of an update is spent on.

The clock runs from the images on disk to the last update; evaluation is left out. The runs take
turns in one process, on as many threads as torch uses by default.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from tqdm import tqdm

from utils import data
from utils.experiments.speed import SPEED
from utils.lab.timing import loading, profiler
from utils.lab.timing.benchmark import BASELINE, ENTRANTS, PLAIN, TORCHVISION
from utils.pieces import Pieces, prepare
from utils.recipes import Recipe

RACES = 3  # whole runs of each
TURNS = 5  # of the single epochs
Make = Callable[[data.ImageSet], Pieces]  # the pieces of a new run on these images


def entrants(device: torch.device) -> dict[str, Make]:
    """Who races: a maker for each, by its key in race.json."""

    def maker(name: str, recipe: Recipe) -> Make:
        if name == BASELINE:
            return lambda images: loading.ways(recipe, images, device)[TORCHVISION[PLAIN]]()
        return lambda images: prepare(recipe, images, 0, device)

    return {name: maker(name, recipe) for name, recipe in ENTRANTS.items()}


def whole(make: Make) -> dict[str, float]:
    """One run from the images on disk: seconds to get ready and to train, and its accuracy."""
    started = time.perf_counter()
    pieces = make(data.load("mnist"))
    ready = time.perf_counter() - started
    history = pieces.fit_whole()
    return {
        "ready": round(ready, 3),
        "training": round(sum(history.seconds), 3),
        "accuracy": history.test_accuracy[-1],
    }


def measure(device: torch.device, repeats: int = RACES) -> dict:
    """The race, ``repeats`` times, and an epoch of every recipe on the way to the record.

    On the CPU a profile of every entrant as well.
    """
    images, racing = data.load("mnist"), entrants(device)
    makers = {recipe.name: partial(prepare, recipe, images, 0, device) for recipe in SPEED}
    epochs = loading.in_turns(makers, TURNS, "an epoch of each")
    runs: dict[str, list] = {name: [] for name in racing}
    for _ in tqdm(range(repeats), "the race", file=sys.stdout):
        for name, make in racing.items():
            runs[name].append(whole(make))
    few, on_cpu = loading.share(images), device.type == "cpu"
    profiles = {name: profiler.shares(make(few)) for name, make in racing.items() if on_cpu}
    measured = {"race": runs, "epochs": epochs, "profiles": profiles}
    return loading.conditions(images, device) | measured
