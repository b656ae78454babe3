"""Digits that other people wrote: scikit-learn's, made as alike to MNIST's as they can be.

They are the 1,797 test digits of Alpaydin and Kaynak, Optical Recognition of Handwritten Digits
(UCI Machine Learning Repository, 1998), by 13 writers who wrote none of the digits that
scikit-learn leaves out. Each is 8 × 8 pixels of 17 grey levels. So a network that reads fewer of
them meets two things at once, other hands and a resolution of less than half of MNIST's, and this
set cannot tell which of the two it fails at.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from utils.data import ImageSet
from utils.support.checks import SIDE

BOX = 20  # MNIST's digits were fitted into 20 × 20 pixels, then centred by mass in 28 × 28
NAME = "UCI digits of 8 × 8 pixels, enlarged"


def uci_digits(digits: ImageSet) -> ImageSet:
    """``digits`` with scikit-learn's 1,797 as its test half; the training half stays.

    Raises ``ValueError`` for a deskewed set, ``RuntimeError`` where scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits  # here, since only these digits need it
    except ImportError as error:
        raise RuntimeError(
            "the UCI digits need the package scikit-learn: pip install scikit-learn"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    images = centred(enlarged(torch.from_numpy(pixels).float().view(-1, 8, 8) / 16))
    labels = torch.from_numpy(labels).long()
    return digits.tested_on(images, f"tested on {NAME}", labels)


def enlarged(ink: Tensor) -> Tensor:
    """Ink 0..1, ``[N, h, w]``, bilinearly to uint8 ``[N, 20, 20]``."""
    large = F.interpolate(ink.unsqueeze(1), (BOX, BOX), mode="bilinear", align_corners=False)
    return (255 * large.squeeze(1)).round().to(torch.uint8)


def centred(images: Tensor) -> Tensor:
    """uint8 ``[N, 20, 20]`` in 28 × 28, by whole pixels: the mean place of the ink is at 14, 14.

    That is where MNIST has it (notebook 03 measures it). An image without ink stays in the middle.
    """
    place = torch.arange(BOX, dtype=torch.float32)
    total = images.sum((1, 2)).clamp_min(1).float()
    corners = [
        (SIDE // 2 - (images.sum(axis) * place).sum(1) / total).round().long().tolist()
        for axis in (2, 1)
    ]
    made = torch.zeros(len(images), SIDE, SIDE, dtype=torch.uint8)
    for image, source, row, column in zip(made, images, *corners, strict=True):
        row, column = (min(max(at, 0), SIDE - BOX) for at in (row, column))
        image[row : row + BOX, column : column + BOX] = source
    return made
