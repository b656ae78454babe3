"""Learning-rate schedules, by name.

Each is a function of the optimizer, whose rate is the highest that the schedule reaches, of the
number of updates (optimizer steps) of the run and of its epochs. It returns a
``torch.optim.lr_scheduler`` to advance after every update. ``ReduceLROnPlateau`` alone advances
after every epoch, with that epoch's training loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    LambdaLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)

from utils.support import checks
from utils.support.lookup import look_up

Schedule = LRScheduler  # ReduceLROnPlateau is one


def constant(optimizer: Optimizer, updates: int, epochs: int) -> Schedule:
    """The optimizer's own rate in every epoch."""
    return ConstantLR(optimizer, factor=1.0)


def exponential(optimizer: Optimizer, updates: int, epochs: int) -> Schedule:
    """The rate times ``0.85 ** epoch``, epochs counted from 0 (design B4)."""
    return LambdaLR(optimizer, lambda update: 0.85 ** (update * epochs // updates))


def step(optimizer: Optimizer, updates: int, epochs: int) -> Schedule:
    """A tenth of the rate every 6 epochs."""
    return StepLR(optimizer, step_size=6 * updates // epochs, gamma=0.1)


def plateau(optimizer: Optimizer, updates: int, epochs: int) -> Schedule:
    """A tenth of the rate once the training loss has not fallen for two epochs.

    It watches the training loss: the test loss would be a choice made on the test set.
    """
    return ReduceLROnPlateau(optimizer, factor=0.1, patience=1)


def piecewise(optimizer: Optimizer, updates: int, epochs: int) -> Schedule:
    """Up from half the rate to all of it in epoch 3, down to a tenth in epoch 9, then slowly to 0.

    Design C3's "custom one cycle": from 0.1, it prints 0.05, 0.075, 0.1, 0.085 … 0.01, 0.00875 …
    and reaches 0 after 16 epochs.
    """
    at, shares = [0, 2, 8, 16], [0.5, 1.0, 0.1, 0.0]
    return LambdaLR(
        optimizer, lambda update: float(np.interp(update * epochs // updates, at, shares))
    )


def one_cycle(optimizer: Optimizer, updates: int, epochs: int) -> Schedule:
    """Up from a 25th to the rate over 30 % of the updates, then down to a 250,000th of it.

    Both ways in a straight line. The momentum stays as it is: one change at a time.
    """
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=updates,
        pct_start=0.3,
        anneal_strategy="linear",
        cycle_momentum=False,
    )


SCHEDULES = {
    schedule.__name__: schedule
    for schedule in (constant, step, plateau, exponential, piecewise, one_cycle)
}


BY_EPOCH = ("step", "exponential", "piecewise")  # they divide the updates into equal epochs


def build(name: str, optimizer: Optimizer, updates: int, epochs: int) -> Schedule:
    """The schedule ``name`` for a run of ``updates`` in ``epochs``.

    Raises ``ValueError`` for an unknown name and for fewer updates than epochs.
    """
    checks.whole(1, epochs=epochs)
    checks.whole(epochs, updates=updates)
    return look_up("schedule", name, SCHEDULES)(optimizer, updates, epochs)


def rates(
    schedule: str | Callable,
    lr: float,
    epochs: int,
    updates_per_epoch: int,
    losses: Sequence[float] = (),
) -> list[float]:
    """The rate of every update of such a run, found by running the schedule itself.

    ``schedule`` is a name, or a function of the optimizer and the number of updates. ``losses``,
    the training loss of every epoch, is what a plateau depends on.
    """
    checks.whole(1, epochs=epochs, updates_per_epoch=updates_per_epoch)
    checks.number(0, open_low=True, lr=lr)
    optimizer, updates = SGD([nn.Parameter(torch.zeros(1))], lr=lr), epochs * updates_per_epoch
    if callable(schedule):
        scheduler = schedule(optimizer, updates)
    else:
        scheduler = build(schedule, optimizer, updates, epochs)
    watches = isinstance(scheduler, ReduceLROnPlateau)
    if watches and len(losses) < epochs:
        raise ValueError("a plateau follows the training loss: give losses, one of each epoch")
    found = []
    for update in range(1, updates + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()  # torch warns where a schedule runs ahead of its optimizer
        if not watches:
            scheduler.step()
        elif update % updates_per_epoch == 0:
            scheduler.step(losses[update // updates_per_epoch - 1])
    return found
