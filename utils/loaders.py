"""Batches from an image set: ``(x, y)`` with ``x`` float32 ``[B, 1, 28, 28]``, ``y`` int64 ``[B]``.

Two loaders with one interface, an iterable of batches with ``len``. ``MemoryLoader`` prepares a
whole batch with a few tensor operations on the training device; ``stock_loader`` is torch's own
``DataLoader``, image by image. Both draw everything random from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from utils.data import MEAN, STD
from utils.support import checks
from utils.support.checks import SIDE
from utils.support.seeds import spawned

TOGETHER = 512  # images that are prepared at a time: more would leave the processor's caches


def normalize(images: Tensor) -> Tensor:
    """Pixels 0..255, uint8 or float ``[B, 28, 28]``, to a network's input.

    That is float32 ``[B, 1, 28, 28]``. Raises ``ValueError`` for anything else: pixels 0..1 or
    normalized ones would be normalized twice.
    """
    checks.pixels(images, floats=True)
    return _normalized(images)


def _normalized(images: Tensor) -> Tensor:
    return (images.float() / 255).sub_(MEAN).div_(STD).unsqueeze(1)


class MemoryLoader:
    """Batches gathered, augmented and normalized as whole tensors on the training device.

    ``images`` uint8 ``[N, 28, 28]`` and ``labels`` int64 ``[N]`` move to ``device`` once and
    stay there. ``augment(images, generator, batch_size)`` maps the float pixels 0..255
    ``[N, 28, 28]`` of batches to the same, with every random number drawn from ``generator``
    (``warping.BatchedPolicy``); ``OwnPolicy`` makes one of a function.
    The order and the augmentation come from ``seed`` alone: two loaders with one seed agree,
    two epochs of one loader differ. An ``OwnPolicy`` draws from the global streams instead. The
    last batch may be smaller.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        batch_size: int,
        shuffle: bool = False,
        augment: Callable[[Tensor, torch.Generator, int], Tensor] | None = None,
        device: torch.device | str = "cpu",
        seed: int = 0,
    ):
        checks.images(images, labels)
        checks.whole(1, batch_size=batch_size)
        self.images, self.labels = images.to(device), labels.to(device)
        self.batch_size, self.shuffle, self.augment = batch_size, shuffle, augment
        # The order is drawn on the CPU, so that it is the same on every device.
        order_seed, augment_seed = spawned(seed, 2)
        self._order = torch.Generator().manual_seed(order_seed)
        self._augment = torch.Generator(device).manual_seed(augment_seed)

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        total = len(self.images)
        yield from self._made(self._shuffled(total) if self.shuffle else torch.arange(total))

    def _shuffled(self, n: int) -> Tensor:
        return torch.randperm(n, generator=self._order)

    def _made(self, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of the images at ``order``."""
        # Several batches at a time: on small batches the calls cost more than the work.
        together = max(1, TOGETHER // self.batch_size) * self.batch_size
        for at in order.to(self.images.device).split(together):
            images = self.images[at]
            if self.augment is not None:
                images = self.augment(images.float(), self._augment, self.batch_size)
            parts = (part.split(self.batch_size) for part in (_normalized(images), self.labels[at]))
            yield from zip(*parts, strict=True)


class OwnPolicy:
    """Any function on a batch as the ``augment`` of a ``MemoryLoader``.

    ``function`` gets the uint8 pixels ``[B, 28, 28]`` of one batch at a time, on the training
    device, and returns as many there, uint8 or float 0..255. It draws its random numbers from the
    global streams. Raises ``ValueError`` where it returns anything else.
    """

    def __init__(self, function: Callable[[Tensor], Tensor]):
        self.function = function

    def __call__(self, images: Tensor, generator: torch.Generator, batch_size: int) -> Tensor:
        return torch.cat([self._made(batch) for batch in images.to(torch.uint8).split(batch_size)])

    def _made(self, batch: Tensor) -> Tensor:
        expected = batch.shape  # before the function may change it
        made = self.function(batch)
        checks.pixels(made, "the policy's images", floats=True)
        if made.shape != expected:
            raise ValueError(f"the policy makes {len(made)} images of a batch of {expected[0]}")
        return made.float().clamp(0, 255)


class _SeededOrder(Sampler):
    """Yields ``(index, seed)``: an epoch's order, and a fresh seed for each of its images.

    Handing each image its own seed makes the batches the same for any number of workers.
    """

    def __init__(self, size: int, shuffle: bool, seed: int):
        self.size, self.shuffle = size, shuffle
        order_seed, augment_seed = spawned(seed, 2)
        self._order = torch.Generator().manual_seed(order_seed)  # as in MemoryLoader
        self._seeds = torch.Generator().manual_seed(augment_seed)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = torch.arange(self.size)
        if self.shuffle:
            order = torch.randperm(self.size, generator=self._order)
        seeds = torch.randint(2**62, (self.size,), generator=self._seeds)
        return zip(order.tolist(), seeds.tolist(), strict=True)


class _Images(Dataset):
    def __init__(self, images: Tensor, labels: Tensor, transform):
        self.images, self.labels, self.transform = images.numpy(), labels, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, item: tuple[int, int]) -> tuple[Tensor, Tensor]:
        index, seed = item
        image = self.images[index]
        if self.transform is not None:
            # One pair of generators shared by all transforms of the policy: a seed given to
            # Compose would hand every transform the same random stream.
            self.transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
            image = self.transform(image=image)["image"]
            if image.dtype != np.uint8 or image.shape != (SIDE, SIDE):
                raise ValueError(
                    f"the transform makes {image.dtype} {list(image.shape)}, expected uint8 "
                    "[28, 28]: leave it to the loader to normalize and to make tensors"
                )
        return _normalized(torch.from_numpy(image)[None])[0], self.labels[index]


def stock_loader(
    images: Tensor,
    labels: Tensor,
    *,
    batch_size: int,
    shuffle: bool = False,
    transform=None,
    workers: int = 0,
    seed: int = 0,
) -> DataLoader:
    """torch's ``DataLoader`` over the same images, each through an albumentations ``transform``.

    Batches depend on ``seed`` alone, whatever the number of ``workers``; epochs differ. Raises
    ``ValueError``, at the latest in the first batch, unless it maps uint8 ``[28, 28]`` to the same.
    """
    checks.images(images, labels)
    checks.whole(1, batch_size=batch_size)
    checks.whole(0, workers=workers)
    if transform is not None and not hasattr(transform, "set_random_state"):
        raise ValueError(f"transform={transform!r} is not an albumentations transform or Compose")
    return DataLoader(
        _Images(images, labels, transform),
        batch_size=batch_size,
        sampler=_SeededOrder(len(images), shuffle, seed),
        num_workers=workers,
        generator=torch.Generator().manual_seed(seed),
    )
