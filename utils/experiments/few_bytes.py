"""Networks of few bytes, in the manner of the frontier's: weights of few levels, ReLU.

Drafts: how many levels, and so how many weights, is best spent on 3,000 and on 6,000 bytes.
"""

from __future__ import annotations

from utils.experiments.frontier import FRONTIER
from utils.experiments.record import Experiment
from utils.recipes import Recipe

# Bytes at most, levels, and the widest network in the frontier's proportions.
_TRIED = (
    (3000, 3, "10-20/13k1-18-20-26"),
    (3000, 7, "8-15/10k1-13-15-19"),
    (3000, 15, "7-13/8k1-12-13-17"),
    (6000, 3, "15-30/19k1-26-30-37"),
    (6000, 7, "11-23/14k1-20-23-28"),
    (6000, 15, "10-19/12k1-17-19-24"),
)


def _recipe(limit: int, levels: int, stages: str) -> Recipe:
    return FRONTIER[8000].variant(
        f"bytes_{limit // 1000}k_{levels}",
        f"Under {limit:,} bytes, {levels} levels",
        stages=stages,
        levels=levels,
        activation="relu",
    )


EXPERIMENTS = tuple(Experiment(_recipe(*tried), draft=True) for tried in _TRIED)
