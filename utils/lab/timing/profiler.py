"""What an epoch's time is spent on, by what the operations are for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

from torch import nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from utils.lab.around import Around
from utils.pieces import Pieces
from utils.support.tables import Table

LOADING, OTHER = "loading", "other"
# A kind of work, and words in the names of its operations or of those that called them.
KINDS = {
    LOADING: (LOADING,),
    "convolutions": ("convolution", "conv2d"),
    "batch norm": ("batch_norm", "BatchNorm"),
    "pooling": ("pool", "Pool"),
    "activation": ("relu", "Relu", "clamp_min", "threshold", "silu", "Silu", "gelu", "Gelu"),
    "dropout": ("dropout",),
    "optimizer": ("Optimizer", "lerp"),  # averaging of weights included
}


class _Labelled(Around):
    """A loader whose batches are made under the profiler's label ``loading``."""

    def __iter__(self) -> Iterator:
        batches = iter(self.loader)
        while True:
            with record_function(LOADING):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


def shares(pieces: Pieces) -> dict[str, float]:
    """The share of training time that each kind of work takes; together they are 1.

    This trains ``pieces`` for one epoch. The profiler slows small operations down more than large
    ones. Dropout is its forward pass alone: going back it is a product like others. Raises
    ``ValueError`` for pieces on another device than the CPU: what a GPU does cannot be read from
    the operations that ask for it.
    """
    if pieces.device.type != "cpu":
        raise ValueError(f"this run trains on {pieces.device}: prepare it for 'cpu'")
    for layer in pieces.model.modules():
        if isinstance(layer, nn.Dropout):  # the names of our dropout's operations tell nothing
            layer.forward = record_function("dropout")(layer.forward)
    x, y = next(iter(pieces.test_loader))
    pieces = replace(
        pieces,
        recipe=replace(pieces.recipe, epochs=1),
        train_loader=_Labelled(pieces.train_loader),
        test_loader=[(x[:1], y[:1])],  # so that evaluation takes no time
    )
    quiet = patch.dict(os.environ, KINETO_LOG_LEVEL="99")  # read when the first profile starts
    with quiet, profile(activities=[ProfilerActivity.CPU]) as profiler:
        pieces.fit(verbose=False)
    times = dict.fromkeys([*KINDS, OTHER], 0.0)
    for event in profiler.events():
        times[_kind(event)] += event.self_cpu_time_total
    return {kind: round(spent / sum(times.values()), 4) for kind, spent in times.items()}


def table(found: dict[str, float]) -> Table:
    """``shares`` as a table, the largest first."""
    ranked = sorted(found.items(), key=lambda item: -item[1])
    return Table(["work", "share"], [[kind, f"{100 * share:.1f} %"] for kind, share in ranked])


def _kind(event: FunctionEvent) -> str:
    """What an operation is for, by its own name or else by the name of what called it."""
    names = []
    while event is not None:
        names.append(event.name)
        event = event.cpu_parent
    kinds = (
        kind for name in names for kind, words in KINDS.items() if any(w in name for w in words)
    )
    return LOADING if LOADING in names else next(kinds, OTHER)
