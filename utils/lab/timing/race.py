"""The race to 99.4 %: whole runs against the clock, and where a step's time goes.

The clock runs from the images on disk to the last optimizer step; evaluation is left out. All
entrants take turns in one process, on as many threads as torch takes unasked.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable

import torch
from tqdm import tqdm

from utils import data, training
from utils.experiments.speed import SPEED
from utils.lab.report.speed import OURS, RECIPE_OF, RECORD, USUAL
from utils.lab.timing import loading, profiler, recorded
from utils.lab.timing.recorded import PLAIN
from utils.lab.timing.recorded import USUAL as USUAL_LOADING
from utils.pieces import Pieces, prepare
from utils.recipes import Recipe
from utils.support import checks

Make = Callable[[data.ImageSet], Pieces]


def entrants(device: torch.device, run: dict[str, Recipe] = RECIPE_OF) -> dict[str, Make]:
    """Design A as it is usually written, A as this course runs it, and the record.

    ``run`` says which recipe each of them is.
    """

    def usual(images: data.ImageSet) -> Pieces:
        return loading.ways(run[USUAL], images, device)[USUAL_LOADING[PLAIN]]()

    return {
        USUAL: usual,
        OURS: lambda images: prepare(run[OURS], images, 0, device),
        RECORD: lambda images: prepare(run[RECORD], images, 0, device),
    }


def whole(make: Make, load: Callable[[], data.ImageSet]) -> dict[str, float]:
    """One run from the images on disk: seconds to get ready and to train, and what it reached."""
    started = time.perf_counter()
    setup = make(load())
    ready = time.perf_counter() - started
    history = setup.fit(verbose=False)
    if len(history) < setup.epochs:
        raise KeyboardInterrupt  # fit returns what it has when interrupted: that is no race
    return {
        "ready": round(ready, 3),
        "training": round(sum(history.seconds), 3),
        "accuracy": history.test_accuracy[-1],
    }


def measure(
    *,
    repeats: int = 3,
    load: Callable[[], data.ImageSet] = lambda: data.load("mnist"),
    device: torch.device | str | None = None,
    run: dict[str, Recipe] = RECIPE_OF,
) -> dict:
    """The race, ``repeats`` times; an epoch of every recipe on the way, as often as the benchmark
    measures what is committed; and, on the CPU, a profile of every entrant.
    """
    checks.whole(1, repeats=repeats)
    device = torch.device(device or training.default_device())
    images = load()
    makers = {
        recipe.name: lambda recipe=recipe: prepare(recipe, images, 0, device)
        for recipe in (dataclasses.replace(recipe, epochs=1) for recipe in SPEED)
    }
    epochs = loading.in_turns(makers, recorded.LEAST, "an epoch of each")
    racing = entrants(device, run)
    found: dict[str, list] = {name: [] for name in racing}
    for _ in tqdm(range(repeats), "the race", file=sys.stdout):
        for name, make in racing.items():
            found[name].append(whole(make, load))
    few, on_cpu = loading.share(images), device.type == "cpu"
    profiles = {name: profiler.shares(make(few)) for name, make in racing.items() if on_cpu}
    return loading.signed(images, device) | {
        "race": found,
        "epochs": epochs,
        "profiles": profiles,
    }
