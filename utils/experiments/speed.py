"""From design A's own recipe to the fastest one to 99.4 %, one change at a time.

Each change is one idea, but for the first and the last. ``SPEEDRUN`` is the first record: its runs
show a mean of at least 99.40 %. ``FASTEST`` is the record: so do its runs, in less than half the
time. Two recipes between them do not.
"""

from __future__ import annotations

from utils.experiments.experiment import Experiment
from utils.experiments.published import DESIGN_A
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
    "speedrun_hard": ("Hard digits, 5 epochs", {"epochs": 5, "selection": 0.25}),
    # Chosen after the test runs of the one before, which show no mean of 99.40; validation had
    # put it higher before. So its seeds are fresh ones, and its claim is held to half the level.
    "speedrun_again": ("Hard digits, 6 epochs", {"epochs": 6}),
    # Chosen after the test runs of both, on the two validation splits: neither change alone is
    # seen to bring more than three hundredths. Fresh seeds, twice as many so that a gain of that
    # size can be shown, and a third of the level.
    "speedrun_third": ("Whitened start, SiLU", {"whitened": True, "activation": "silu"}),
}


def _chain(first: Recipe, changes: dict[str, tuple[str, dict]]) -> tuple[Recipe, ...]:
    found = [first]
    for name, (title, changed) in changes.items():
        found.append(found[-1].variant(name, title, **changed))
    return tuple(found)


SPEED = _chain(DESIGN_A, CHANGES)
(SPEEDRUN,) = (recipe for recipe in SPEED if recipe.name == "speedrun")
FASTEST = SPEED[-1]

ASKED = {
    "speedrun": {"target": 99.40, "seeds": 20},
    "speedrun_hard": {"target": 99.40, "seeds": 20},
    "speedrun_again": {"target": 99.40, "seeds": 20, "first": 20, "tries": 2},
    "speedrun_third": {"target": 99.40, "seeds": 40, "first": 40, "tries": 3},
}
EXPERIMENTS = tuple(Experiment(r, **ASKED.get(r.name, {"seeds": 5})) for r in SPEED[1:])
