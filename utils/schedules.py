"""Learning-rate schedules, by name.

Each entry makes a ``torch.optim.lr_scheduler`` from an optimizer, whose rate is the highest the
schedule reaches, and the run's length in optimizer steps. ``PER_STEP`` names those to advance
after every step; the others advance after every epoch.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def constant(optimizer: Optimizer, steps: int) -> LRScheduler:
    """The optimizer's own rate in every epoch."""
    return ConstantLR(optimizer, factor=1.0)


def exponential(optimizer: Optimizer, steps: int) -> LRScheduler:
    """The rate times ``0.85 ** epoch``, epochs counted from 0 (design B4)."""
    return LambdaLR(optimizer, lambda epoch: 0.85**epoch)


def step(optimizer: Optimizer, steps: int) -> LRScheduler:
    """A tenth of the rate every 6 epochs."""
    return StepLR(optimizer, step_size=6, gamma=0.1)


def plateau(optimizer: Optimizer, steps: int) -> LRScheduler:
    """A tenth of the rate once the training loss has not fallen for two epochs.

    It watches the training loss: the test loss would be a choice made on the test set.
    """
    return ReduceLROnPlateau(optimizer, factor=0.1, patience=1)


def piecewise(optimizer: Optimizer, steps: int) -> LRScheduler:
    """Up from half the rate to all of it in epoch 3, down to a tenth in epoch 9, then slowly to 0.

    Design C3's "custom one cycle": from 0.1, it prints 0.05, 0.075, 0.1, 0.085 … 0.01, 0.00875 …
    and reaches 0 after 16 epochs.
    """
    epochs, shares = [0, 2, 8, 16], [0.5, 1.0, 0.1, 0.0]
    return LambdaLR(optimizer, lambda epoch: float(np.interp(epoch, epochs, shares)))


def one_cycle(optimizer: Optimizer, steps: int) -> LRScheduler:
    """Linearly up from a 25th to the rate over 30 % of the steps, then linearly down to
    a 250,000th of it.

    The momentum stays as it is: one change at a time.
    """
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=steps,
        pct_start=0.3,
        anneal_strategy="linear",
        cycle_momentum=False,
    )


SCHEDULES = {
    schedule.__name__: schedule
    for schedule in (constant, step, plateau, exponential, piecewise, one_cycle)
}
PER_STEP = {"one_cycle"}


def build(name: str, optimizer: Optimizer, steps: int) -> LRScheduler:
    """The schedule ``name`` for a run of ``steps``.

    Raises ``ValueError`` for an unknown name or fewer steps than 1.
    """
    checks.whole(1, steps=steps)
    return look_up("schedule", name, SCHEDULES)(optimizer, steps)


def after_epoch(scheduler: LRScheduler, train_loss: float) -> None:
    """Advance a schedule that moves once an epoch; ``train_loss`` is what a plateau watches."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(train_loss)
    else:
        scheduler.step()


def rates(
    name: str,
    lr: float,
    epochs: int,
    steps_per_epoch: int,
    losses: Sequence[float] | None = None,
) -> list[float]:
    """The rate of every optimizer step of such a run, found by running the schedule itself.

    ``losses``, the training loss of every epoch, is what ``"plateau"`` depends on.
    """
    checks.whole(1, epochs=epochs, steps_per_epoch=steps_per_epoch)
    checks.number(0, open_low=True, lr=lr)
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = build(name, optimizer, epochs * steps_per_epoch)
    if isinstance(scheduler, ReduceLROnPlateau) and len(losses or ()) < epochs:
        raise ValueError(f"{name} follows the training loss: give losses, one of each epoch")
    found = []
    for step in range(1, epochs * steps_per_epoch + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()  # torch warns where a schedule runs ahead of its optimizer
        if name in PER_STEP:
            scheduler.step()
        elif step % steps_per_epoch == 0:
            after_epoch(scheduler, losses[step // steps_per_epoch - 1] if losses else 0.0)
    return found
