"""Random numbers that come from a seed and disturb no others."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from utils.support import checks


def spawned(seed: int, n: int) -> list[int]:
    """``n`` seeds for random streams that are independent of each other.

    Neighbouring seeds are not: torch's generators keep 32 bits of a seed on the CPU, and one seed
    in two generators gives the same stream twice.
    """
    checks.whole(0, seed=seed)
    return np.random.SeedSequence(seed).generate_state(n).tolist()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, torch's, NumPy's and Python's global streams come from ``seed``, on every device.

    Afterwards they are what they were before.
    """
    kept = torch.get_rng_state(), np.random.get_state(), random.getstate()
    on_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    on_mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(kept[0])
        np.random.set_state(kept[1])
        random.setstate(kept[2])
        if on_cuda:
            torch.cuda.set_rng_state_all(on_cuda)
        if on_mps is not None:
            torch.mps.set_rng_state(on_mps)
