"""Networks of few bytes, in the manner of the frontier's: weights of few levels, ReLU.

Without an average of the weights: rounding makes of an average another network.

How many levels, and so how many weights, so many bytes are best spent on is chosen on validation;
what is not chosen stays a draft.
"""

from __future__ import annotations

from utils.experiments.experiment import Experiment
from utils.experiments.frontier import FRONTIER
from utils.recipes import Recipe

# By bytes at most and levels: the widest network in the frontier's proportions.
_STAGES = {
    (3000, 3): "10-20/13k1-18-20-26",
    (3000, 7): "8-16/10k1-14-15-19",
    (3000, 15): "7-13/8k1-12-13-17",
    (3000, 255): "5-10/6k1-8-9-12",
    (6000, 3): "15-30/19k1-26-30-37",
    (6000, 7): "11-23/14k1-20-23-28",
    (6000, 15): "10-19/12k1-17-19-24",
}
_CHOSEN = {3000: 7, 6000: 7}  # levels
_TARGETS = {3000: 99.40, 6000: 99.55}


def _recipe(limit: int, levels: int) -> Recipe:
    return FRONTIER[8000].variant(
        f"bytes_{limit // 1000}k_{levels}",
        f"Under {limit:,} bytes, {levels} levels",
        stages=_STAGES[limit, levels],
        levels=levels,
        activation="relu",
        ema=0.0,
    )


TRIED = {key: _recipe(*key) for key in _STAGES}
BYTES = {limit: TRIED[limit, levels] for limit, levels in _CHOSEN.items()}

EXPERIMENTS = tuple(
    Experiment(recipe, target=_TARGETS[limit], seeds=10, draft=recipe not in BYTES.values())
    for (limit, _), recipe in TRIED.items()
)
