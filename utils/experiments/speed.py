"""From design A's own recipe to the fastest one to 99.4 %, one change at a time.

Each change is one idea. Two recipes on the way are records of their time: ``SPEEDRUN``, for which
the numbers up to it were chosen on validation, and ``HARD``, for which its own and the images'
share were.
"""

from __future__ import annotations

from utils.experiments.published import DESIGN_A
from utils.experiments.record import Experiment
from utils.recipes import Recipe

CHANGES = {
    "speed_network": (
        "Another network",
        {"model": "plain", "stages": "24k5s2/32-40", "head": "position", "unpadded": True}
        | {"dropout": 0.0},
    ),
    "speed_layout": ("Channels last in memory", {"channels_last": True}),
    "speed_batch": ("Larger batches", {"batch_size": 256}),
    "speed_augmentation": ("Mild augmentation", {"augmentation": "affine_mild"}),
    "speed_adam": ("Adam", {"optimizer": "adam", "lr": 0.04}),
    "speed_average": ("Averaged weights", {"ema": 0.98}),
    "speed_smoothing": ("Smoothed labels", {"label_smoothing": 0.05}),
    "speedrun": ("Fewer epochs", {"epochs": 6}),
    "speed_upright": ("Upright digits", {"deskew": True}),
    # 1 + 4 x 1/4: two epochs' worth of images.
    "speedrun_hard": ("Hard digits again", {"epochs": 5, "selection": 0.25}),
}
RECORDS = ("speedrun", "speedrun_hard")  # the first, the present one


def _chain(first: Recipe, changes: dict[str, tuple[str, dict]]) -> tuple[Recipe, ...]:
    found = [first]
    for name, (title, changed) in changes.items():
        found.append(found[-1].variant(name, title, **changed))
    return tuple(found)


SPEED = _chain(DESIGN_A, CHANGES)
SPEEDRUN, HARD = (recipe for recipe in SPEED if recipe.name in RECORDS)

EXPERIMENTS = tuple(
    Experiment(recipe, target=99.40, seeds=20)
    if recipe.name in RECORDS
    else Experiment(recipe, seeds=5)
    for recipe in SPEED[1:]
)
