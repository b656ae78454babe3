"""What the code makes of a recipe, in a few numbers.

A recorded run is stale once the code behind it gives other numbers. Comparing sources would call
every reworded comment a change; so a recipe is trained for six steps on made-up images, in a
tenth of a second, and what came out is compared instead.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Sized

import numpy as np
import torch
from torch import Tensor

from utils import data, recipes, schedules, training
from utils.recipes import Recipe

TRAIN, TEST, BATCH, EPOCHS = 80, 32, 32, 2
TIGHTER = 1000  # gradients on made-up images are small: else a bound on them would not be seen
TOLERANCE = 2e-3  # a pixel rounded otherwise moved a number by 0.02 %, 1 % of lr by 1 %


@functools.cache
def fingerprint(recipe: Recipe) -> list[float]:
    """Rates, losses, kernels' moves and batch-norm statistics of a run of six steps.

    Always on the CPU and in one thread. Leaves torch's global random stream as it was.
    """
    with training.cpu_threads(1):
        return _measure(recipe)


def _measure(recipe: Recipe) -> list[float]:
    bound = recipe.max_grad_norm and recipe.max_grad_norm / TIGHTER
    tiny = dataclasses.replace(recipe, batch_size=BATCH, epochs=EPOCHS, max_grad_norm=bound)
    with torch.random.fork_rng(devices=[]):
        setup = _in_double_precision(recipes.prepare(tiny, _made_up_images(), 0, "cpu"))
        before = [weights.detach().clone() for weights in setup.model.parameters()]
        history = setup.fit(verbose=False)
    if len(history) < EPOCHS:
        raise KeyboardInterrupt  # fit returns what it has: half a fingerprint is none
    after = setup.model.parameters()
    # Kernels only: what six steps do to a bias is small enough to be at rounding's mercy.
    moved = [(b - a).norm().item() for a, b in zip(before, after, strict=True) if a.ndim > 1]
    steps = len(setup.train_loader)
    rates = schedules.rates(tiny.schedule, tiny.lr, EPOCHS, steps, history.train_loss)
    seen = [s.norm().item() for s in setup.model.buffers() if s.is_floating_point()]
    return [*rates, *history.train_loss, *history.test_loss, *moved, *seen]


class _Doubled:
    """A loader's batches in double precision."""

    def __init__(self, loader: Sized):
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        return ((x.double(), *rest) for x, *rest in self.loader)


def _in_double_precision(setup: recipes.Setup) -> recipes.Setup:
    """``setup`` made so precise that the order of sums does not show.

    In single precision six steps make up to 10 % of a number of a gradient's rounding.
    """
    setup.model.double()
    if setup.average is not None:
        setup.average.double()
    setup.train_loader, setup.test_loader = map(_Doubled, (setup.train_loader, setup.test_loader))
    return setup


def _made_up_images() -> data.ImageSet:
    """Noise with an empty margin: it depends on nothing but this code, and no two pixels tie."""
    images = np.zeros((TRAIN + TEST, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = np.random.default_rng(0).integers(256, size=(TRAIN + TEST, 20, 20))
    labels = torch.arange(TRAIN + TEST) % 10
    images = torch.from_numpy(images)
    halves = images[:TRAIN], labels[:TRAIN], images[TRAIN:], labels[TRAIN:]
    return data.ImageSet("made-up", *halves, md5="")


def agree(a: list[float], b: list[float]) -> bool:
    """Whether two fingerprints are one but for rounding."""
    return len(a) == len(b) and all(
        math.isclose(x, y, rel_tol=TOLERANCE) for x, y in zip(a, b, strict=True)
    )
