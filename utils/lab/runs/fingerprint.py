"""What the code makes of a recipe, in a few numbers.

A recorded run is stale once the code behind it gives other numbers. Comparing sources would call
every reworded comment a change. So a recipe is trained for six updates on made-up images, in a
tenth of a second, and what came out is compared instead.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from utils import data, pieces, schedules
from utils.lab.around import Around
from utils.recipes import Recipe
from utils.support import machine
from utils.support.seeds import seeded

TRAIN, TEST, BATCH, EPOCHS = 80, 32, 32, 2
TIGHTER = 1000  # gradients on made-up images are small: else gradient clipping would not be seen
SHORTER = 100  # the power of a moving average's decay: else six updates would hardly move it
TOLERANCE = 2e-3  # a pixel rounded otherwise moved a number by 0.02 %, 1 % of lr by 1 %
NEWEST = 2  # the kind that new records carry; those made before it carry the first


@functools.cache
def fingerprint(recipe: Recipe, kind: int = NEWEST) -> list[float]:
    """Rates, losses, kernels' moves and batch-norm statistics of a run of six updates.

    The second kind also holds the counts of correct answers, the schedule in full length, the
    training images of every epoch, and a moving average that follows faster. Always on the CPU
    and in one thread; global random streams stay as they were.
    """
    with machine.cpu_threads(1), seeded(0):
        return _measure(recipe, kind)


def _measure(recipe: Recipe, kind: int) -> list[float]:
    bound = recipe.max_grad_norm and recipe.max_grad_norm / TIGHTER
    tiny = dataclasses.replace(recipe, batch_size=BATCH, epochs=EPOCHS, max_grad_norm=bound)
    if kind > 1:
        tiny = dataclasses.replace(tiny, ema=recipe.ema**SHORTER)
    images = pieces.preprocessed(recipe, _made_up_images())
    made = _in_double_precision(pieces.prepare(tiny, images, 0, "cpu"))
    before = [weights.detach().clone() for weights in made.model.parameters()]
    history = made.fit_whole()
    updates = len(made.train_loader)
    rates = schedules.rates(tiny.schedule, tiny.lr, EPOCHS, updates, history.train_loss)
    found = [*rates, *history.train_loss, *history.test_loss, *_moved(before, made.model)]
    if kind > 1:
        found += [*history.train_correct, *history.test_correct, *_in_full_length(recipe, images)]
        found += _moved(before, made.network)
    return found


def _moved(before: list[Tensor], model: nn.Module) -> list[float]:
    """How far kernels moved, and how large batch norm's statistics are.

    Kernels only: what six updates do to a bias is so small that rounding decides it.
    """
    pairs = zip(before, model.parameters(), strict=True)
    moved = [(b - a).norm().item() for a, b in pairs if a.ndim > 1]
    return moved + [s.norm().item() for s in model.buffers() if s.is_floating_point()]


def _in_full_length(recipe: Recipe, images: data.ImageSet) -> list[float]:
    """Every update's rate, for a loss that never falls, and every epoch's images, of 3 updates."""
    losses = [1.0] * recipe.epochs
    rates = schedules.rates(recipe.schedule, recipe.lr, recipe.epochs, 3, losses)
    tiny = dataclasses.replace(recipe, batch_size=BATCH)
    loader, _ = pieces.build_loaders(tiny, images, seed=0)
    drawn = [sum(x.double().square().sum().item() for x, _ in loader) for _ in losses]
    return [*rates, *drawn]


class _Doubled(Around):
    """A loader's batches in double precision."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return ((x.double(), y) for x, y in self.loader)


def _in_double_precision(made: pieces.Pieces) -> pieces.Pieces:
    """The pieces made so precise that the order of sums does not show.

    In single precision six updates make up to 10 % of a number of a gradient's rounding.
    """
    made.model.double()
    if made.average is not None:
        made.average.double()
    loaders = map(_Doubled, (made.train_loader, made.test_loader))
    made.train_loader, made.test_loader = loaders
    return made


def _made_up_images() -> data.ImageSet:
    """Noise with an empty margin: it depends on nothing but this code, and no two pixels tie."""
    images = np.zeros((TRAIN + TEST, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = np.random.default_rng(0).integers(256, size=(TRAIN + TEST, 20, 20))
    labels = torch.arange(TRAIN + TEST) % 10
    images = torch.from_numpy(images)
    halves = images[:TRAIN], labels[:TRAIN], images[TRAIN:], labels[TRAIN:]
    return data.ImageSet("made-up", *halves, md5="")


def agree(a: list[float], b: list[float], tolerance: float = TOLERANCE) -> bool:
    """Whether two fingerprints are one but for rounding."""
    return len(a) == len(b) and all(
        math.isclose(x, y, rel_tol=tolerance) for x, y in zip(a, b, strict=True)
    )
