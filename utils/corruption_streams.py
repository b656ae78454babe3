"""What every corruption shares: pixels in, pixels out, and a random stream for each image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from utils.support import checks

TOGETHER = 1000  # images at a time, so that what is made of them stays in the processor's cache

Streams = list[np.random.Generator]


def of_pixels(function: Callable[..., np.ndarray]) -> Callable[..., Tensor]:
    """A corruption of pixels, ``corrupt(images, seed=0, first=0, **settings)``.

    ``function(ink, streams, **settings)`` is what it does: ``ink`` float32 ``[n, 28, 28]``, 0..1
    to the same, and one NumPy generator an image. Image ``i`` of ``images``, uint8
    ``[N, 28, 28]``, gets ``np.random.default_rng([seed, first + i])``. So an image's pixels
    depend on the seed and on its place, and not on how many come with it: the part of a set that
    starts at ``first`` is made as within the set. Raises ``ValueError`` for other images, or a
    seed or place that is no whole number of at least 0.
    """

    def corrupt(images: Tensor, seed: int = 0, first: int = 0, **settings: float) -> Tensor:
        checks.pixels(images)
        checks.whole(0, seed=seed, first=first)
        made = []
        for at in range(0, len(images), TOGETHER):
            part = images[at : at + TOGETHER].numpy(force=True)
            places = range(first + at, first + at + len(part))
            streams = [np.random.default_rng([seed, place]) for place in places]
            ink = function(part.astype(np.float32) / 255, streams, **settings)
            # Half a grey level goes up, whatever the level: NumPy's rounding goes to even ones.
            made.append(np.floor(255 * np.clip(ink, 0, 1) + 0.5).astype(np.uint8))
        return torch.from_numpy(np.concatenate(made)).to(images.device)

    corrupt.__name__ = corrupt.__qualname__ = function.__name__
    corrupt.__module__, corrupt.__doc__ = function.__module__, function.__doc__
    return corrupt


def drawn(streams: Streams, draw: Callable[[np.random.Generator], np.ndarray]) -> np.ndarray:
    """What ``draw`` takes from each stream, as one array ``[n, ...]``."""
    return np.stack([draw(stream) for stream in streams])


def signs(streams: Streams, size: int = 1) -> np.ndarray:
    """-1 or 1, each as often, ``[n, size]``."""
    return 2.0 * drawn(streams, lambda stream: stream.integers(2, size=size)) - 1
