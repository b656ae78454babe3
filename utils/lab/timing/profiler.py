"""Where a training step's time goes, by what the operations are for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sized

from torch import nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from utils.pieces import Pieces
from utils.support.tables import Table

LOADING, OTHER = "loading", "other"
# The first kind whose word is in an operation's name, or in that of the one that called it.
KINDS = {
    LOADING: (LOADING,),
    "convolutions": ("convolution", "conv2d"),
    "batch norm": ("batch_norm", "BatchNorm"),
    "pooling": ("pool", "Pool"),
    "ReLU": ("relu", "Relu", "clamp_min", "threshold"),
    "dropout": ("dropout",),
    "optimizer": ("Optimizer", "lerp"),  # averaging of weights included
}


class _LabelledLoader:
    """A loader whose batches are made under the profiler's label ``loading``."""

    def __init__(self, loader: Sized):
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator:
        batches = iter(self.loader)
        while True:
            with record_function(LOADING):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


def shares(setup: Pieces) -> dict[str, float]:
    """The share of training time that each kind of work takes; together they are 1.

    In one epoch of ``setup``, which this trains. The profiler itself slows small operations down
    more than large ones. Raises ``ValueError`` where it trains elsewhere than on the CPU: what a
    GPU does cannot be read from the operations that ask for it.
    """
    if setup.device.type != "cpu":
        raise ValueError(f"the setup trains on {setup.device}: prepare it for 'cpu'")
    for layer in setup.model.modules():
        if isinstance(layer, nn.Dropout):  # ours is made of operations that tell nothing
            layer.forward = record_function("dropout")(layer.forward)
    x, y = next(iter(setup.test_loader))
    setup = dataclasses.replace(
        setup,
        train_loader=_LabelledLoader(setup.train_loader),
        test_loader=[(x[:1], y[:1])],  # fit evaluates: that is not what is asked
        epochs=1,
    )
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        setup.fit(verbose=False)
    found = dict.fromkeys([*KINDS, OTHER], 0.0)
    for event in profiler.events():
        found[_kind(event)] += event.self_cpu_time_total
    total = sum(found.values())
    return {kind: round(seconds / total, 4) for kind, seconds in found.items()}


def table(found: dict[str, float]) -> Table:
    """``shares`` as a table, the largest first."""
    ranked = sorted(found.items(), key=lambda item: -item[1])
    return Table(["work", "share"], [[kind, f"{100 * share:.1f} %"] for kind, share in ranked])


def _kind(event: FunctionEvent) -> str:
    """What an operation is for, asked of itself and then of whatever called it."""
    chain = []
    while event is not None:
        chain.append(event.name)
        event = event.cpu_parent
    if LOADING in chain:
        return LOADING
    for name in chain:
        for kind, words in KINDS.items():
            if any(word in name for word in words):
                return kind
    return OTHER
