"""What the page does to a drawing before a network sees it, the same numbers in Python.

The stages are those of MNIST's own digits: the ink's box is scaled to 20 x 20 pixels, and its
centre of mass lies in the middle of 28 x 28. ``preparation.js`` explains each line.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from utils import deskewing
from utils.support.checks import SIDE

SPAN = 1024  # the drawing's side in the units of its points
GRID = 140  # the drawing's side in cells
PENS = (4.0, 6.5, 10.0)  # radii in cells
INK = 0.05  # a cell with less is background


def prepare_drawing(
    strokes: Sequence[dict], *, size: bool = True, centre: bool = True, upright: bool = False
) -> Tensor:
    """The pixels uint8 ``[28, 28]`` that the page makes of ``strokes``.

    A stroke is ``{"pen": 0 to 2, "points": [[x, y], ...]}``, in whole units of 1/1024 of the
    drawing's side from its top left corner. ``size`` scales the ink's box to 20 x 20 pixels,
    ``centre`` moves its centre of mass to the middle, ``upright`` shears it as ``deskewing`` does.
    No ink gives an empty image. Raises ``ValueError`` for a stroke that is not like that.
    """
    ink = np.zeros((GRID, GRID))
    for stroke in strokes:
        _add_stroke(ink, *_checked(stroke))
    rows, columns = (np.flatnonzero((ink >= INK).any(axis)) for axis in (1, 0))
    if not len(rows):
        return torch.zeros(SIDE, SIDE, dtype=torch.uint8)
    ends = np.array([[columns[0], columns[-1] + 1], [rows[0], rows[-1] + 1]])
    pitch = np.ptp(ends, axis=1).max() / 20 if size else GRID / SIDE
    middle = ends.mean(1) if size else np.full(2, GRID / 2)
    if centre:
        cells = np.arange(GRID) + 0.5
        middle = np.array([ink.sum(0) @ cells, ink.sum(1) @ cells]) / ink.sum()
    x, y = (_shares(start, pitch) for start in middle - SIDE / 2 * pitch)
    pixels = torch.from_numpy(np.floor(y @ ink @ x.T * 255 + 0.5).astype(np.uint8))
    return deskewing.deskew(pixels[None])[0] if upright else pixels


def _checked(stroke: dict) -> tuple[float, np.ndarray]:
    """The pen's radius and the points of a stroke, float ``[n, 2]``."""
    try:
        pen, points = stroke["pen"], np.asarray(stroke["points"], dtype=float)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f'a stroke is {stroke!r}, expected {{"pen": 0, "points": [[x, y], ...]}}'
        ) from error
    if pen not in range(len(PENS)):
        raise ValueError(f"pen={pen!r} is not within 0..{len(PENS) - 1}")
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"points are {list(points.shape)}, expected [n, 2] with n of at least 1")
    if not ((points >= 0) & (points <= SPAN)).all():
        raise ValueError(f"points run from {points.min():g} to {points.max():g}, not in 0..{SPAN}")
    return PENS[pen], points


def _smooth(line: np.ndarray) -> np.ndarray:
    """Two rounds of corner cutting."""
    for _ in range(2):
        if len(line) > 2:
            before, after = line[:-1], line[1:]
            cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], 1)
            line = np.concatenate([line[:1], cut.reshape(-1, 2), line[-1:]])
    return line


def _add_stroke(ink: np.ndarray, radius: float, points: np.ndarray) -> None:
    line = _smooth(points) * GRID / SPAN
    line = np.repeat(line, 2, axis=0) if len(line) == 1 else line
    for start, end in itertools.pairwise(line):
        low = np.floor(np.minimum(start, end) - radius - 1).clip(0, GRID).astype(int)
        high = np.ceil(np.maximum(start, end) + radius + 1).clip(0, GRID).astype(int)
        x = np.arange(low[0], high[0]) + 0.5 - start[0]
        y = np.arange(low[1], high[1])[:, None] + 0.5 - start[1]
        dx, dy = end - start
        length = dx * dx + dy * dy
        along = ((x * dx + y * dy) / length).clip(0, 1) if length else 0.0
        distance = np.sqrt((x - along * dx) ** 2 + (y - along * dy) ** 2)
        cells = ink[low[1] : high[1], low[0] : high[0]]
        np.maximum(cells, (radius + 0.5 - distance).clip(0, 1), out=cells)


def _shares(start: float, pitch: float) -> np.ndarray:
    """What share of each of 28 pixels along an axis lies on each cell, ``[28, 140]``."""
    low = start + np.arange(SIDE)[:, None] * pitch
    cells = np.arange(GRID)
    overlap = np.minimum(low + pitch, cells + 1) - np.maximum(low, cells)
    return overlap.clip(0) / pitch
