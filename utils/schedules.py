"""Learning-rate schedules, by name.

Each entry makes a ``torch.optim.lr_scheduler`` for an optimizer. ``PER_STEP`` names those
advanced after every optimizer step; the others advance after every epoch.
"""

from __future__ import annotations

import difflib

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, LambdaLR, LRScheduler


def constant(optimizer: Optimizer) -> LRScheduler:
    """The optimizer's own rate in every epoch."""
    return ConstantLR(optimizer, factor=1.0)


def exponential(optimizer: Optimizer, factor: float = 0.85) -> LRScheduler:
    """The rate times ``factor ** epoch``, epochs counted from 0 (design B4)."""
    return LambdaLR(optimizer, lambda epoch: factor**epoch)


SCHEDULES = {"constant": constant, "exponential": exponential}


def build(name: str, optimizer: Optimizer) -> LRScheduler:
    """The schedule called ``name`` over ``optimizer``; ``ValueError`` for an unknown name."""
    if name not in SCHEDULES:
        near = difflib.get_close_matches(name, SCHEDULES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no schedule is called {name!r}{hint} Known: {', '.join(SCHEDULES)}")
    return SCHEDULES[name](optimizer)
