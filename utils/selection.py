"""Batches of what a network still gets wrong: later epochs take the images of highest loss.

Most digits are read with certainty after one epoch, and another look at them changes little.
The losses are of the answers that training gives anyway, without its label smoothing and as each
image was last seen, so the choice costs no pass of its own. Close to "selective backprop" (Jiang
et al., 2019), which chooses within each batch; here a whole epoch's images are chosen at its
start.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from utils.loaders import MemoryLoader
from utils.support import checks

KEPT = 0.5  # of an image's earlier loss in its running one, which evens out the augmentation


def selected(share: float, n: int) -> int:
    """How many of ``n`` images an epoch takes that selects a ``share`` of them."""
    return max(1, round(share * n))


class SelectingLoader(MemoryLoader):
    """A ``MemoryLoader`` whose first epoch takes all images and each later one a ``share``.

    ``learn`` is to be called after every batch with the network's answers to it. ``at_random``
    draws the share by lot, to see what as many images are worth unchosen. ``len`` is the number
    of batches in the coming epoch. Raises ``ValueError`` unless 0 < ``share`` < 1.
    """

    def __init__(self, *args, share: float, at_random: bool = False, **options):
        super().__init__(*args, shuffle=True, **options)
        checks.number(0, 1, open_low=True, share=share)
        self.share, self.at_random = share, at_random
        self.losses = torch.zeros(len(self.images), device=self.images.device)
        self._at = torch.empty(0, dtype=torch.long)  # the images of the latest batch
        self._later = False  # whether the first epoch is over

    def __len__(self) -> int:
        images = self._taken() if self._later else len(self.images)
        return -(-images // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = self._chosen() if self._later else self._shuffled(len(self.images))
        for at, batch in zip(order.split(self.batch_size), self._made(order), strict=True):
            self._at = at
            yield batch
        self._later = True

    @torch.no_grad()
    def learn(self, logits: Tensor, y: Tensor) -> None:
        """Note the losses of the latest batch, from its answers ``[B, 10]`` and labels ``[B]``."""
        seen = F.cross_entropy(logits.float(), y, reduction="none")
        self.losses[self._at] = torch.lerp(seen, self.losses[self._at], KEPT * self._later)

    def _taken(self) -> int:
        return selected(self.share, len(self.images))

    def _chosen(self) -> Tensor:
        if self.at_random:
            return self._shuffled(len(self.images))[: self._taken()]
        highest = self.losses.topk(self._taken(), sorted=False).indices
        return highest[self._shuffled(len(highest)).to(highest.device)]
