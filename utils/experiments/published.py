"""The published designs, each under its own recipe and once more under a common one.

Each is trained as its text says, as far as it says; only D's recipe is complete. Ours are: A's
optimizer and schedule, the optimizers of C and E, E's rates, the batches and epochs of E1 and E2,
E2's dropout, the augmentation of C3 and E, and none for C1 and C2. What the texts say is in
assets/published.json.
"""

from __future__ import annotations

from utils.experiments.experiment import Experiment, stage
from utils.experiments.steps import AUGMENTATION, REGULARIZATION, SKELETON
from utils.recipes import Recipe

DESIGN_A = Recipe(
    "design_a",
    "Design A",
    model="padded_4_8_16",
    batch_norm=True,
    dropout=0.01,
    batch_size=64,
    epochs=10,
    lr=0.1,
    schedule="one_cycle",
    max_grad_norm=None,
)
# B's text names no rate for its last stage, so it keeps the stage before's.
DESIGN_B4 = AUGMENTATION.variant("design_b4", "Design B4", schedule="exponential", batch_size=256)
DESIGN_C1 = Recipe(
    "design_c1",
    "Design C1",
    model="unpadded_8_16_32",
    batch_size=32,
    lr=0.01,
    schedule="one_cycle",
    max_grad_norm=None,
)
DESIGN_C2 = DESIGN_C1.variant(
    "design_c2", "Design C2", model="padded_4_8_8", batch_norm=True, dropout=0.01
)
DESIGN_C3 = DESIGN_C2.variant(
    "design_c3", "Design C3", augmentation="rotate_perspective", lr=0.1, schedule="piecewise"
)
DESIGN_D = Recipe(
    "design_d",
    "Design D",
    model="unpadded_16_32",
    batch_norm=True,
    dropout=0.1,
    epochs=19,
    lr=0.01,
    max_grad_norm=None,
)
DESIGN_E1 = Recipe(
    "design_e1", "Design E1", model="squeeze_5k", batch_norm=True, lr=0.1, max_grad_norm=None
)
DESIGN_E2 = DESIGN_E1.variant(
    "design_e2",
    "Design E2",
    model="squeeze_7k",
    dropout=0.05,
    augmentation="rotate_perspective",
)
DESIGN_E3 = DESIGN_E2.variant("design_e3", "Design E3", schedule="one_cycle")
DESIGNS = (
    DESIGN_A, DESIGN_B4, DESIGN_C1, DESIGN_C2, DESIGN_C3, DESIGN_D, DESIGN_E1, DESIGN_E2, DESIGN_E3,
)  # fmt: skip

# What is compared under one recipe is the network. B2's is also B3's and B4's, C2's also C3's,
# E2's also E3's.
COMMON = {
    "augmentation": "affine",
    "batch_size": 32,
    "epochs": 15,
    "optimizer": "adam",
    "lr": 0.01,
    "schedule": "one_cycle",
    "max_grad_norm": None,
    "ema": 0.998,
}
COMMONS = {
    letter: design.variant(f"common_{letter}", f"Design {letter.upper()}, common recipe", **COMMON)
    for letter, design in (
        ("a", DESIGN_A),
        ("b1", SKELETON),
        ("b2", REGULARIZATION),
        ("c1", DESIGN_C1),
        ("c2", DESIGN_C2),
        ("d", DESIGN_D),
        ("e1", DESIGN_E1),
        ("e2", DESIGN_E2),
    )
}

OWN = tuple(
    Experiment(recipe, stage(recipe.name.removeprefix("design_").upper()), seeds=5, timed=True)
    for recipe in DESIGNS
    if recipe is not DESIGN_B4
)
_TARGETS = {"a": 99.45, "c2": 99.40, "d": 99.55, "e2": 99.52}
COMMON_EXPERIMENTS = tuple(
    Experiment(recipe, target=_TARGETS.get(letter), seeds=5) for letter, recipe in COMMONS.items()
)
AS_B4_SAYS = Experiment(DESIGN_B4, stage("B4"), seeds=10)
EXPERIMENTS = (*OWN, AS_B4_SAYS, *COMMON_EXPERIMENTS)
