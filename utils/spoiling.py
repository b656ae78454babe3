"""Digits as careless paper, pens and scanners leave them: a policy that runs on whole batches.

It is for training. None of its changes is one of ``utils.corruptions``, and it does nothing that
``REPORTING`` does: it neither shears nor smears nor splashes, and its lines are straight and whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from utils.support import checks
from utils.support.checks import SIDE
from utils.warping import affines, warp


@dataclass(frozen=True)
class Spoiling:
    """Every digit turned, scaled and moved; then each change on a ``share`` of the digits.

    ``Spoiling(share)(images)`` maps uint8 ``[B, 28, 28]`` to float pixels 0..255 of the same
    shape. Its random numbers are torch's global ones. Up to ``degrees`` either way, a share
    ``scale`` of the size and ``shift`` pixels; the others are the settings of the functions below.
    Raises ``ValueError`` for other images, and a share outside 0 <= share < 1.
    """

    share: float
    degrees: float = 15
    scale: float = 0.2
    shift: float = 3

    def __post_init__(self) -> None:
        checks.number(0, 1, share=self.share)

    def __call__(self, images: Tensor) -> Tensor:
        checks.pixels(images)
        ink = self._moved(images.float())
        for change in (blurred, on_grey_paper, crossed_out, patched, noisy):
            hit = torch.rand(len(ink), 1, 1, device=ink.device) < self.share
            ink = torch.where(hit, change(ink), ink)
        return ink.clamp(0, 255)

    def _moved(self, ink: Tensor) -> Tensor:
        degrees = _uniform(ink, -self.degrees, self.degrees)
        scales = _uniform(ink, 1 - self.scale, 1 + self.scale)
        shifts = torch.stack([_uniform(ink, -self.shift, self.shift) for _ in "xy"], 1)
        return warp(ink, affines(degrees, scales, shifts)[:, :2], 0.0)


def _uniform(ink: Tensor, low: float, high: float) -> Tensor:
    """A number for each image, ``[B]``."""
    return low + (high - low) * torch.rand(len(ink), device=ink.device)


def _places(ink: Tensor) -> tuple[Tensor, Tensor]:
    """The columns ``[28]`` and the rows ``[28, 1]`` of pixels."""
    along = torch.arange(SIDE, device=ink.device, dtype=torch.float32)
    return along, along.unsqueeze(1)


def blurred(ink: Tensor) -> Tensor:
    """By a Gaussian of 0.3 to 1 pixels, the same along rows and columns."""
    away = torch.arange(-2, 3, device=ink.device)
    weights = torch.exp(-(away**2) / (2 * _uniform(ink, 0.3, 1)[:, None] ** 2))
    weights = (weights / weights.sum(1, keepdim=True)).unsqueeze(1)
    one = F.conv2d(ink.unsqueeze(0), weights.unsqueeze(3), padding=(2, 0), groups=len(ink))
    return F.conv2d(one, weights.unsqueeze(2), padding=(0, 2), groups=len(ink)).squeeze(0)


def on_grey_paper(ink: Tensor) -> Tensor:
    """Paper of up to 180 of 255 in each corner, and ink of 30 to 100 % of what is left to white."""
    corners = 180 * torch.rand(len(ink), 1, 2, 2, device=ink.device)
    paper = F.interpolate(corners, (SIDE, SIDE), mode="bilinear", align_corners=True).squeeze(1)
    contrast = _uniform(ink, 0.3, 1).view(-1, 1, 1)
    return paper + (255 - paper) * contrast * ink / 255


def crossed_out(ink: Tensor) -> Tensor:
    """A straight line through the whole image, 1 to 3 pixels wide, in any direction."""
    column, row = _places(ink)
    angle, x, y, half = (
        _uniform(ink, *limits).view(-1, 1, 1)
        for limits in ((0, math.pi), (0, SIDE), (0, SIDE), (0.5, 1.5))
    )
    distance = ((column - x) * angle.sin() - (row - y) * angle.cos()).abs()
    return torch.maximum(ink, 255 * (half + 0.5 - distance).clamp(0, 1))


def patched(ink: Tensor) -> Tensor:
    """A rectangle of 4 to 10 pixels each way, anywhere, of one grey level."""
    column, row = _places(ink)
    x, y = (_uniform(ink, 0, SIDE).view(-1, 1, 1) for _ in "xy")
    wide, high = (_uniform(ink, 2, 5).view(-1, 1, 1) for _ in "xy")
    grey = _uniform(ink, 0, 255).view(-1, 1, 1)
    return torch.where(((column - x).abs() < wide) & ((row - y).abs() < high), grey, ink)


def noisy(ink: Tensor) -> Tensor:
    """Gaussian noise of up to 80 of 255 added to every pixel."""
    return ink + _uniform(ink, 0, 80).view(-1, 1, 1) * torch.randn_like(ink)
