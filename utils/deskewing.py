"""Digits set upright: a preparation of the images that draws and learns nothing."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from utils.data import ImageSet
from utils.support import checks
from utils.support.checks import SIDE
from utils.warping import warp

TOGETHER = 5000  # images at a time: a map of every pixel takes 6 KB an image


def deskew(images: Tensor) -> Tensor:
    """uint8 ``[N, 28, 28]``, each sheared until its ink leans neither left nor right.

    A row moves sideways by its height above the centre of the ink times the slope of the ink,
    the one of least squares. Such digits are the *deslanted* ones of LeCun, Bottou, Bengio and
    Haffner, Gradient-Based Learning Applied to Document Recognition, 1998, §III.A. Raises
    ``ValueError`` for other images.
    """
    checks.pixels(images)
    return torch.cat([set_upright(part) for part in images.split(TOGETHER)])


def deskewed(images: ImageSet) -> ImageSet:
    """``images`` with all their digits set upright."""
    train, test = deskew(images.train_images), deskew(images.test_images)
    return replace(images, train_images=train, test_images=test, deskewed=True)


def set_upright(images: Tensor) -> Tensor:
    """``deskew`` without its checks, all images at once."""
    return warp(images.float(), shears(images), 0.0).to(torch.uint8)


def shears(images: Tensor) -> Tensor:
    """Maps ``[n, 2, 3]`` from output to input pixels that set ``images`` ``[n, 28, 28]`` upright.

    An image whose ink is all in one row, or that has none, stays as it is.
    """
    ink = images.float()
    place = torch.arange(SIDE, device=ink.device, dtype=ink.dtype)
    rows, columns = ink.sum(2), ink.sum(1)
    total = rows.sum(1, keepdim=True).clamp_min(1.0)
    height = place - (rows * place).sum(1, keepdim=True) / total
    x = (columns * place).sum(1, keepdim=True) / total
    leaning = ((ink * (place - x).unsqueeze(1)).sum(2) * height).sum(1)
    spread = (rows * height.square()).sum(1)
    slope = leaning / spread.clamp_min(1.0)
    maps = ink.new_zeros(ink.shape[0], 2, 3)  # len() would fix the number in an ONNX file
    maps[:, 0, 0] = maps[:, 1, 1] = 1.0
    maps[:, 0, 1], maps[:, 0, 2] = slope, slope * height[:, 0]  # the first row is at 0
    return maps
