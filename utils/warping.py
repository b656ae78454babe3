"""Digits turned, scaled, shifted and seen from the side, whole batches at a time.

``BatchedPolicy`` runs an albumentations policy as tensor operations on the training device, each
image with its own random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from utils.support import checks
from utils.support.checks import SIDE


class BatchedPolicy:
    """Runs an albumentations policy on whole batches.

    ``BatchedPolicy(policy)(images, generator)`` maps float pixels 0..255, ``[B, 28, 28]``, to
    the same, with every random number drawn from ``generator``, a ``torch.Generator`` on the
    images' device. With ``batch_size`` the images are several batches, which get the numbers
    that they would get one by one: the work on many costs hardly more calls than on one.
    Like albumentations it resamples bilinearly after each transform and rounds to whole pixel
    values. Raises ``ValueError`` where the policy holds a transform or an option that it cannot
    run.
    """

    def __init__(self, policy):
        if type(policy).__name__ != "Compose" or not hasattr(policy, "transforms"):
            raise ValueError(f"the policy is a {type(policy).__name__}, expected an A.Compose")
        if policy.p != 1.0:
            raise ValueError(f"a policy with p={policy.p} cannot run batched, expected p=1")
        self._warps = [_read_transform(transform) for transform in policy.transforms]

    def __call__(
        self, images: Tensor, generator: torch.Generator, batch_size: int | None = None
    ) -> Tensor:
        checks.tensor(images, "float [B, 28, 28]")
        if batch_size is not None:
            checks.whole(1, batch_size=batch_size)
        if images.shape[1:] != (SIDE, SIDE) or images.dtype != torch.float32:
            raise ValueError(
                f"images are {images.dtype} {list(images.shape)}, expected float32 [B, 28, 28] "
                "with pixels 0..255"
            )
        sizes = [len(batch) for batch in images.split(batch_size or max(len(images), 1))]
        drawn = [[warp.draw(n, generator) for warp in self._warps] for n in sizes]
        for warp, batches in zip(self._warps, zip(*drawn, strict=True), strict=True):
            on, *numbers = (torch.cat(parts) for parts in zip(*batches, strict=True))
            images = warp(images, on, numbers)
        return images


@dataclass(frozen=True)
class _Warp:
    """One transform: ``numbers(n, generator)`` are its random numbers, ``maps(*numbers)`` what
    they make of ``n`` images, ``[n, 2 or 3, 3]``; ``p`` and ``fill`` are the transform's."""

    numbers: Callable[[int, torch.Generator], Sequence[Tensor]]
    maps: Callable[..., Tensor]
    p: float
    fill: float

    def draw(self, n: int, generator: torch.Generator) -> list[Tensor]:
        """Which of ``n`` images are transformed, ``[n]``, and the random numbers of those."""
        on = torch.ones(n, dtype=torch.bool, device=generator.device)
        if self.p < 1.0:
            on = torch.rand(n, generator=generator, device=generator.device) < self.p
            n = int(on.sum())
        return [on, *self.numbers(n, generator)]

    def __call__(self, images: Tensor, on: Tensor, numbers: Iterable[Tensor]) -> Tensor:
        maps = self.maps(*numbers)
        if len(maps) == len(images):
            return warp(images, maps, self.fill)
        images = images.clone()
        images[on] = warp(images[on], maps, self.fill)
        return images


def _read_transform(transform) -> _Warp:
    name = type(transform).__name__
    expected = {"border_mode": 0, "interpolation": 1}  # cv2.BORDER_CONSTANT, cv2.INTER_LINEAR
    if name == "Rotate":
        expected |= {"crop_border": False}
        low, high = transform.limit

        def numbers(n, generator):
            return [_uniform(n, low, high, generator)]

        def maps(degrees):
            return rotations(degrees)[:, :2]

    elif name == "Perspective":
        expected |= {"fit_output": True, "keep_size": True}
        low, high = transform.scale

        def numbers(n, generator):
            spread = _uniform(n, low, high, generator)
            return [spread, torch.randn(n, 4, 2, generator=generator, device=generator.device)]

        def maps(spread, noise):
            return perspectives((noise * spread.view(-1, 1, 1)).abs().remainder(0.32))

    elif name == "Affine":
        expected |= {"keep_ratio": True, "balanced_scale": False, "fit_output": False}
        still = {"x": (0, 0), "y": (0, 0)}
        shifts = transform.translate_percent or still
        # albumentations writes "no shift" as a shift of 0 pixels.
        pixels = None if transform.translate_percent else still
        expected |= {"translate_px": pixels, "shear": still}

        def numbers(n, generator):
            ranges = (transform.rotate, transform.scale["x"], shifts["x"], shifts["y"])
            return [_uniform(n, low, high, generator) for low, high in ranges]

        def maps(degrees, scales, x, y):
            moves = (torch.stack([x, y], 1) * SIDE).trunc()
            return affines(degrees, scales, moves)[:, :2]

    else:
        raise ValueError(
            f"the batched engine has no {name}; it knows Rotate, Perspective and Affine"
        )
    for option, value in expected.items():
        if getattr(transform, option) != value:
            raise ValueError(
                f"the batched engine runs {name} with {option}={value} only, "
                f"not {option}={getattr(transform, option)}"
            )
    if not isinstance(transform.fill, int | float):
        raise ValueError(
            f"{name}: fill={transform.fill!r} is not one number, the grey to fill with"
        )
    return _Warp(numbers, maps, transform.p, float(transform.fill))


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=generator, device=generator.device)


def rotations(degrees: Tensor) -> Tensor:
    """Maps ``[n, 3, 3]`` from output to input pixels that rotate about the image's centre.

    Positive angles turn counter-clockwise, as in ``albumentations.Rotate``.
    """
    centre = (SIDE - 1) / 2
    angle = torch.deg2rad(degrees)
    cos, sin = angle.cos(), angle.sin()
    maps = torch.zeros(len(degrees), 3, 3, device=degrees.device)
    maps[:, 0, 0], maps[:, 0, 1] = cos, -sin
    maps[:, 1, 0], maps[:, 1, 1] = sin, cos
    maps[:, 0, 2] = centre - cos * centre + sin * centre
    maps[:, 1, 2] = centre - sin * centre - cos * centre
    maps[:, 2, 2] = 1
    return maps


def affines(degrees: Tensor, scales: Tensor, shifts: Tensor) -> Tensor:
    """Maps ``[n, 3, 3]`` from output to input pixels of ``albumentations.Affine``.

    The image is scaled by ``scales`` ``[n]`` and turned by ``degrees`` ``[n]`` about its centre,
    then moved by ``shifts`` ``[n, 2]``, (x, y) in pixels.
    """
    maps = rotations(degrees)
    centre = torch.full((2, 1), (SIDE - 1) / 2, device=degrees.device)
    linear = maps[:, :2, :2] / scales.view(-1, 1, 1)
    maps[:, :2, :2] = linear
    maps[:, :2, 2:] = centre - linear @ (centre + shifts.unsqueeze(2))
    return maps


def perspectives(jitter: Tensor) -> Tensor:
    """Maps ``[n, 3, 3]`` from output to input pixels of ``albumentations.Perspective``.

    ``jitter`` ``[n, 4, 2]``: how far each corner (top left, top right, bottom right, bottom
    left) moves inward, as (x, y) shares of the side. With ``fit_output``: the quadrilateral of
    the moved corners becomes a square, and what then holds the whole image, its corners rounded
    to whole pixels, is scaled to the image's size.
    """
    signs = jitter.new_tensor([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    corners = jitter.new_tensor([[0, 0], [1, 0], [1, 1], [0, 1]])
    quad = corners + signs * jitter
    # The image's own corners, seen in the square that the quadrilateral becomes.
    spread = _project(torch.linalg.inv(unit_square_to(quad)), corners) * SIDE
    spread = (spread - spread.amin(1, keepdim=True)).round()
    spread = spread / spread.amax(1, keepdim=True)
    maps = torch.linalg.inv(unit_square_to(spread))
    # From shares of the side to pixels, on both sides of the map.
    scale = jitter.new_tensor([SIDE, SIDE, 1.0])
    return maps * scale.view(1, 3, 1) / scale.view(1, 1, 3)


def unit_square_to(quad: Tensor) -> Tensor:
    """The homographies ``[n, 3, 3]`` that take the unit square's corners to ``quad`` ``[n, 4, 2]``.

    Closed form of Heckbert, Fundamentals of Texture Mapping and Image Warping, 1989, §2.2.3.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (corner.unbind(1) for corner in quad.unbind(1))
    dx1, dx2, dx3 = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, dy3 = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    det = dx1 * dy2 - dx2 * dy1
    g = (dx3 * dy2 - dx2 * dy3) / det
    h = (dx1 * dy3 - dx3 * dy1) / det
    rows = [x1 - x0 + g * x1, x3 - x0 + h * x3, x0]
    rows += [y1 - y0 + g * y1, y3 - y0 + h * y3, y0]
    rows += [g, h, torch.ones_like(g)]
    return torch.stack(rows, 1).view(-1, 3, 3)


def _project(maps: Tensor, points: Tensor) -> Tensor:
    """Points ``[k, 2]`` through each of ``maps`` ``[n, 3, 3]``: ``[n, k, 2]``."""
    homogeneous = F.pad(points, (0, 1), value=1.0) @ maps.transpose(1, 2)
    return homogeneous[..., :2] / homogeneous[..., 2:]


def warp(images: Tensor, maps: Tensor, fill: float) -> Tensor:
    """Resample ``images`` ``[n, 28, 28]`` bilinearly; ``maps`` take output to input pixels.

    They are ``[n, 3, 3]`` or, where the last row is 0, 0, 1 and need not be divided by,
    ``[n, 2, 3]``. Outside the image lies ``fill``. Pixel centres have whole coordinates, as in
    OpenCV.
    """
    steps = torch.arange(SIDE, device=images.device, dtype=torch.float32)
    # A row's share and a column's, added: a matrix product over all pixels takes twice as long.
    along_x = (maps[:, :, :1] * steps).unsqueeze(2)
    along_y = (maps[:, :, 1:2] * steps + maps[:, :, 2:]).unsqueeze(3)
    source = along_x + along_y  # [n, 2 or 3, 28, 28], then homogeneous
    if maps.shape[1] == 3:
        source = source[:, :2] / source[:, 2:]
    grid = source.mul_(2 / (SIDE - 1)).sub_(1).movedim(1, -1)
    shifted = (images - fill).unsqueeze(1)  # grid_sample pads with zeros
    sampled = F.grid_sample(shifted, grid, mode="bilinear", align_corners=True)
    return sampled.squeeze(1).add_(fill).round_()
