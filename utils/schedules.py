"""Learning-rate schedules, by name.

Each entry makes a ``torch.optim.lr_scheduler`` from an optimizer, whose rate is the highest the
schedule reaches, and the run's length in optimizer steps. ``PER_STEP`` names those to advance
after every step; the others advance after every epoch.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import ConstantLR, LambdaLR, LRScheduler, OneCycleLR

from utils import checks
from utils.names import look_up


def constant(optimizer: Optimizer, steps: int) -> LRScheduler:
    """The optimizer's own rate in every epoch."""
    return ConstantLR(optimizer, factor=1.0)


def exponential(optimizer: Optimizer, steps: int) -> LRScheduler:
    """The rate times ``0.85 ** epoch``, epochs counted from 0 (design B4)."""
    return LambdaLR(optimizer, lambda epoch: 0.85**epoch)


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


SCHEDULES = {"constant": constant, "exponential": exponential, "one_cycle": one_cycle}
PER_STEP = {"one_cycle"}


def build(name: str, optimizer: Optimizer, steps: int) -> LRScheduler:
    """The schedule ``name`` for a run of ``steps``.

    Raises ``ValueError`` for an unknown name or fewer steps than 1.
    """
    checks.whole(1, steps=steps)
    return look_up("schedule", name, SCHEDULES)(optimizer, steps)


def rates(name: str, lr: float, epochs: int, steps_per_epoch: int) -> list[float]:
    """The rate of every optimizer step of such a run, found by running the schedule itself."""
    checks.whole(1, epochs=epochs, steps_per_epoch=steps_per_epoch)
    checks.number(0, open_low=True, lr=lr)
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = build(name, optimizer, epochs * steps_per_epoch)
    found = []
    for step in range(1, epochs * steps_per_epoch + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()  # torch warns where a schedule runs ahead of its optimizer
        if name in PER_STEP or step % steps_per_epoch == 0:
            scheduler.step()
    return found
