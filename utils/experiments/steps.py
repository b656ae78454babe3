"""The four steps of the course: each differs from the one before it in one idea."""

from __future__ import annotations

from utils.experiments.experiment import Experiment, stage
from utils.recipes import Recipe

SKELETON = Recipe("01_skeleton", "Skeleton")
REGULARIZATION = SKELETON.variant(
    "02_regularization", "Regularization", batch_norm=True, dropout=0.1
)
AUGMENTATION = REGULARIZATION.variant(
    "03_augmentation", "Augmentation", augmentation="rotate_perspective"
)
LR_SCHEDULE = AUGMENTATION.variant(
    "04_lr_scheduler", "Learning-rate schedule", schedule="one_cycle", lr=0.2
)
STEPS = (SKELETON, REGULARIZATION, AUGMENTATION, LR_SCHEDULE)

EXPERIMENTS = tuple(
    Experiment(recipe, stage(text), target, seeds=5, timed=True)
    for recipe, target, text in (
        (SKELETON, 98.70, "B1"),
        (REGULARIZATION, 99.25, "B2"),
        (AUGMENTATION, 99.35, "B3"),
        (LR_SCHEDULE, 99.48, "B4"),
    )
)


def previous(recipe: Recipe) -> Recipe | None:
    """The step before ``recipe``, or ``None`` for the first."""
    if recipe not in STEPS:
        raise ValueError(
            f"{recipe.name} is none of the steps {', '.join(s.name for s in STEPS)}: leave recipe "
            "as it is, and hand yours to Run(recipe.variant(...), digits) or to compare"
        )
    at = STEPS.index(recipe)
    return STEPS[at - 1] if at else None
