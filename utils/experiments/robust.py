"""Networks of at most 10,000 parameters for digits that are not MNIST's: drafts of notebook 08.

What they train on is spoiled by a policy that shares nothing with the corruptions they are
reported on (``utils.corruptions.REPORTING``). The first drafts were written before any network had
seen it; one epoch of step 02's with ``robust_mild`` was then read on 2,000 test digits under all
fifteen. On validation they lost half a point on clean digits: ``standardize`` and ``robust_light``
came after that, from validation alone.
"""

from __future__ import annotations

from utils.experiments.frontier import FRONTIER
from utils.experiments.record import Experiment
from utils.experiments.steps import LR_SCHEDULE

# Paper that is grey in some images of a batch moves the batch's mean and variance, and with them
# what batch norm makes of the clean ones; so each image is standardized first.
STEP = LR_SCHEDULE.variant(
    "robust_step",
    "Step 04, spoiled digits",
    standardize=True,
    augmentation="robust_light",
    epochs=30,
)
# Not deskewed: a digit's slant cannot be told from moments of paper that is not black.
FRONTIER_10K = FRONTIER[10_000].variant(
    "robust_10k",
    "10,000 parameters, spoiled digits",
    deskew=False,
    standardize=True,
    augmentation="robust_light",
    epochs=30,
)
ROBUST = (STEP, FRONTIER_10K)

EXPERIMENTS = tuple(Experiment(recipe, seeds=10, draft=True) for recipe in ROBUST)
