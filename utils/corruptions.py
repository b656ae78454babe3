"""Digits that are not MNIST's: its test images corrupted in fifteen ways, and in five by degrees.

``CORRUPTIONS`` are those of Mu and Gilmer, MNIST-C: A Robustness Benchmark for Computer Vision,
2019, by the definitions and the one severity of each that its published code has
(github.com/google-research/mnist-c, corruptions.py). The pixels are not the published ones: here
every random number comes from a seed. So a figure is one "after MNIST-C".

``SEVERITIES`` are five families that go from little to much. Each function maps uint8
``[N, 28, 28]`` to the same, as ``utils.corruption_streams`` says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from utils import corruption_drawing as drawing
from utils.corruption_streams import Streams, drawn, of_pixels, signs
from utils.data import ImageSet
from utils.support.checks import SIDE
from utils.support.lookup import look_up
from utils.warping import affines, rotations, warp

CENTRE = (SIDE - 1) / 2
FINE = 4  # a stroke grows and shrinks by quarters of a pixel on either side


@of_pixels
def shot_noise(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """Too little light: a pixel counts photons, three on average where ink is full."""
    photons = 3
    counts = [stream.poisson(photons * image) for stream, image in zip(streams, ink, strict=True)]
    return np.stack(counts) / photons


@of_pixels
def impulse_noise(ink: np.ndarray, streams: Streams, share: float = 0.17) -> np.ndarray:
    """Salt and pepper: so large a share of the pixels becomes black or white, each as often."""
    at = drawn(streams, lambda stream: stream.random((SIDE, SIDE)))
    return np.where(at < share / 2, 0, np.where(at >= 1 - share / 2, 1, ink))


@of_pixels
def brightness(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """Half of full ink added everywhere; nothing is random."""
    return ink + 0.5


@of_pixels
def stripe(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """The seven columns at the left and the seven at the right inverted; nothing is random."""
    column = np.arange(SIDE)
    return np.where((column < 7) | (column >= 21), 1 - ink, ink)


def _warped(ink: np.ndarray, maps: Tensor) -> np.ndarray:
    """``ink`` through ``maps`` ``[n, 2, 3]`` from output to input pixels; no ink lies outside."""
    return warp(torch.from_numpy(255 * ink), maps, 0.0).numpy() / 255


def _moved(ink: np.ndarray, scale: float = 1.0, shifts: np.ndarray | None = None) -> np.ndarray:
    """Scaled about the centre, then moved by ``shifts`` ``[n, 2]``, x and y in pixels."""
    n = len(ink)
    shifts = torch.zeros(n, 2) if shifts is None else torch.from_numpy(shifts).float()
    return _warped(ink, affines(torch.zeros(n), torch.full((n,), float(scale)), shifts)[:, :2])


@of_pixels
def shear(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """Leaning by 0.4 radians to either side, about the centre.

    As in the scikit-image of MNIST-C's time: a pixel down the output is cos(angle) down the input
    and sin(angle) aside, so that the digit grows a little as it leans.
    """
    angles = torch.from_numpy(0.4 * signs(streams)[:, 0]).float()
    maps = torch.zeros(len(ink), 2, 3)
    maps[:, 0, 0], maps[:, 0, 1], maps[:, 1, 1] = 1.0, -angles.sin(), angles.cos()
    maps[:, :, 2] = CENTRE * (1 - maps[:, :, :2].sum(2))
    return _warped(ink, maps)


@of_pixels
def scale(ink: np.ndarray, streams: Streams, factor: float = 0.7) -> np.ndarray:
    """Smaller or larger, about the centre; nothing is random."""
    return _moved(ink, scale=factor)


@of_pixels
def rotate(ink: np.ndarray, streams: Streams, degrees: float = math.degrees(0.4)) -> np.ndarray:
    """Turned about the centre by so many degrees (0.4 radians) one way or the other."""
    turns = torch.from_numpy(degrees * signs(streams)[:, 0]).float()
    return _warped(ink, rotations(turns)[:, :2])


@of_pixels
def translate(ink: np.ndarray, streams: Streams, pixels: float = 3) -> np.ndarray:
    """Moved by so many pixels left or right, and as many up or down."""
    return _moved(ink, shifts=pixels * signs(streams, 2))


@of_pixels
def stroke_width(ink: np.ndarray, streams: Streams, pixels: float) -> np.ndarray:
    """Strokes wider by so many pixels, half of it on either side; below 0 thinner.

    Grey dilation or erosion with a disc, on pixels that are cut in 4 × 4; nothing is random.
    """
    import cv2  # here: no other corruption needs it

    reach = round(FINE * abs(pixels) / 2)
    along = np.arange(-reach, reach + 1) ** 2
    disc = (along[:, None] + along <= reach**2).astype(np.uint8)
    change = cv2.dilate if pixels > 0 else cv2.erode
    fine = ink.repeat(FINE, 1).repeat(FINE, 2)
    made = np.stack([change(image, disc) for image in fine])
    return made.reshape(len(ink), SIDE, FINE, SIDE, FINE).mean((2, 4))


CORRUPTIONS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (
        shot_noise, impulse_noise, drawing.glass_blur, drawing.motion_blur, shear, scale, rotate,
        brightness, translate, stripe, drawing.fog, drawing.spatter, drawing.dotted_line,
        drawing.zigzag, drawing.canny_edges,
    )
}  # fmt: skip


# By these a recipe may be chosen, on validation images; the others are only reported, so that what
# they say of it was not looked for. Each half has a warp, a noise, a blur, a light, something that
# hides and a line. What augmentation commonly does (turn, move, scale) is all on this side.
CHOOSING = (
    "impulse_noise", "glass_blur", "scale", "rotate", "brightness", "translate", "stripe",
    "dotted_line",
)  # fmt: skip
REPORTING = tuple(name for name in CORRUPTIONS if name not in CHOOSING)


@dataclass(frozen=True)
class Severity:
    """A corruption by degrees: ``values`` of its setting, in ``unit``, within ``low <= high``.

    ``clean`` is the value that changes no pixel.
    """

    corrupt: Callable[..., Tensor]
    setting: str
    unit: str
    clean: float
    values: tuple[float, ...]
    low: float
    high: float


SEVERITIES: dict[str, Severity] = {
    "rotation": Severity(rotate, "degrees", "degrees", 0, (10, 20, 30, 40, 50, 60), 0, 180),
    "shift": Severity(translate, "pixels", "pixels, each way", 0, (1, 2, 3, 4, 5, 6), 0, 14),
    "scale": Severity(scale, "factor", "times", 1, (0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.2), 0.1, 3),
    "noise": Severity(
        impulse_noise, "share", "share of pixels", 0, (0.05, 0.1, 0.17, 0.25, 0.35, 0.5), 0, 1
    ),
    "stroke width": Severity(
        stroke_width, "pixels", "pixels", 0, (-2, -1.5, -1, -0.5, 0.5, 1, 2, 3), -4, 8
    ),
}  # fmt: skip


def corrupted(digits: ImageSet, name: str, seed: int = 0) -> ImageSet:
    """``digits`` with its test images corrupted; labels and training images stay.

    ``name``: one of ``CORRUPTIONS``. The set's name says what was done. Raises ``ValueError`` for
    an unknown name, and for a deskewed set.
    """
    corrupt = look_up("corruption", name, CORRUPTIONS)
    return digits.tested_on(corrupt(digits.test_images, seed=seed), name.replace("_", " "))


def at_severity(digits: ImageSet, name: str, value: float, seed: int = 0) -> ImageSet:
    """``corrupted``, by a family of ``SEVERITIES`` and a value of its setting.

    Any value from the family's ``low`` to its ``high`` will do. An image has the same random
    numbers at every value, so that a curve moves for its severity alone.
    """
    family = look_up("family of corruptions", name, SEVERITIES)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not family.low <= value <= family.high:
        raise ValueError(
            f"{name}={value!r} is not within {family.low:g}..{family.high:g} ({family.unit})"
        )
    images = family.corrupt(digits.test_images, seed=seed, **{family.setting: value})
    return digits.tested_on(images, f"{name} {value:g} {family.unit}")
