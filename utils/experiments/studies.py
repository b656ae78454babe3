"""Questions that one change answers: claims of the published texts, ours, and the two engines."""

from __future__ import annotations

from utils.experiments.experiment import Experiment
from utils.experiments.published import COMMONS, DESIGN_A, DESIGN_E2
from utils.experiments.steps import AUGMENTATION, LR_SCHEDULE, REGULARIZATION, SKELETON

# Step 02's idea taken apart, and the fourth corner of augmentation × schedule.
BATCH_NORM = SKELETON.variant("study_batch_norm", "Batch norm alone", batch_norm=True)
DROPOUT = SKELETON.variant("study_dropout", "Dropout alone", dropout=0.1)
ONE_CYCLE = REGULARIZATION.variant(
    "study_one_cycle", "Step 02 with step 04's schedule", schedule="one_cycle", lr=0.2
)

SCHEDULES = tuple(
    DESIGN_E2.variant(f"study_{name}", f"Design E2, {name} schedule", schedule=name)
    for name in ("step", "plateau", "exponential")
)
BATCH_256 = LR_SCHEDULE.variant("study_batch_256", "Step 04, batches of 256", batch_size=256)
NOT_AUGMENTED = tuple(
    common.variant(f"study_plain_{letter}", f"{common.title}, not augmented", augmentation=None)
    for letter, common in COMMONS.items()
    if letter in ("c2", "e2", "d")
)

# The batched engine beside albumentations itself: the same recipe with either, on validation.
AUGMENTED_A = DESIGN_A.variant(
    "design_a_augmented", "Design A, augmented", augmentation="rotate_perspective"
)
STOCK_ENGINE = {
    batched: batched.variant(
        f"{batched.name}_stock", f"{batched.title}, stock engine", engine="albumentations"
    )
    for batched in (AUGMENTATION, AUGMENTED_A, DESIGN_E2)
}

EXPERIMENTS = (
    *(Experiment(recipe, seeds=5) for recipe in (BATCH_NORM, DROPOUT, ONE_CYCLE)),
    *(Experiment(recipe) for recipe in SCHEDULES),
    Experiment(BATCH_256, timed=True),
    *(Experiment(recipe) for recipe in NOT_AUGMENTED),
    *(Experiment(recipe, draft=True) for recipe in (AUGMENTED_A, *STOCK_ENGINE.values())),
)
