"""Corruptions that take some drawing: blur, fog, spatter, lines and edges.

Their definitions and settings are those of MNIST-C; ``utils.corruptions`` has the simple ones and
says what that is. Each maps uint8 ``[N, 28, 28]`` to the same, as ``utils.corruption_streams``
says.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from utils.corruption_streams import Streams, drawn, of_pixels
from utils.support.checks import SIDE


def _blurred(ink: np.ndarray, down: float, across: float) -> np.ndarray:
    """Blurred by a Gaussian of so many pixels along the columns, and along the rows."""
    return ndimage.gaussian_filter(ink, (0, down, across), mode="nearest")


@of_pixels
def glass_blur(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """As through structured glass: neighbours change places, between two blurs of 0.7 pixels.

    Twice, from the lower right to the upper left, every second pixel is swapped with one that is
    at most 1 above it and at most 1 to its left. MNIST-C's blur runs along the columns only (its
    code takes the last axis of a grey image for colours), and so does this one.
    """
    blurred = np.floor(255 * _blurred(ink, 0.7, 0)) / 255
    flat = blurred.reshape(len(ink), -1).T.copy()  # [784, n]: a pixel of all images lies together
    draws = drawn(streams, lambda stream: stream.integers(8, size=(2, 26, 26), dtype=np.uint8))
    swap, up, left = draws & 4 > 0, draws & 2 > 0, draws & 1 > 0
    away = np.where(swap, SIDE * up + left, 0).reshape(len(ink), 2, 26 * 26)
    places = [SIDE * row + column for row in range(27, 1, -1) for column in range(27, 1, -1)]
    every = np.arange(len(ink))
    for turn in range(2):
        for number, place in enumerate(places):
            other = place - away[:, turn, number]
            here = flat[place].copy()
            flat[place] = flat[other, every]
            flat[other, every] = here
    return _blurred(flat.T.reshape(ink.shape), 0.7, 0)


@of_pixels
def motion_blur(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """Moved while it is taken, at an angle of -45 to 45 degrees, the digit's trail on its left.

    A pixel is the mean of the 21 from it onward in that direction (radius 10 on either side),
    weighted with half a Gaussian of 3 pixels. Beyond the edge, the edge goes on.
    """
    along = np.arange(21)
    weights = np.exp(-(along**2) / (2 * 3**2)).astype(np.float32)
    angles = np.deg2rad(drawn(streams, lambda stream: stream.uniform(-45, 45, 1)))
    down, right = (np.rint(along * part(angles)).astype(int) + 20 for part in (np.sin, np.cos))
    wide = np.pad(ink, ((0, 0), (20, 20), (20, 20)), mode="edge")
    made = np.zeros_like(ink)
    for image, rows, columns, source in zip(made, down, right, wide, strict=True):
        for weight, y, x in zip(weights, rows, columns, strict=True):
            image += weight * source[y : y + SIDE, x : x + SIDE]
    return made / weights.sum()


@of_pixels
def fog(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """Clouds of three times the digit's brightness, then all of it darkened to the same range."""
    cloudy = ink + 3 * _clouds(streams)
    brightest = ink.max((1, 2), keepdims=True)
    return np.clip(cloudy * brightest / (brightest + 3), 0, 1)


def _clouds(streams: Streams) -> np.ndarray:
    """The corner of a map of 256 × 256 pixels that runs from 0 to 1, ``[n, 28, 28]``.

    By diamond and square: the middle of each square, then of each of its edges, is a quarter of
    the four around it, and a random number whose range falls by 1.4² from one size to the next.
    The lowest and highest are those of every fourth pixel: only the corner is made finer.
    """
    sizes = [2**level for level in range(6)]  # of the map before each of the first six rounds
    cut = 12  # of 64: the corner, and two squares around it for the edges of a finer map
    counts = [3 * size**2 for size in (*sizes, cut, 2 * cut)]
    draws = drawn(streams, lambda stream: stream.random(sum(counts), dtype=np.float32))
    noises = np.split(2 * draws - 1, np.cumsum(counts)[:-1], axis=1)
    ranges = [(100 / 1.4**level) ** 2 for level in range(8)]
    heights = np.zeros((len(streams), 1, 1), np.float32)
    for noise, range_ in zip(noises[:6], ranges[:6], strict=True):
        heights = _finer(heights, range_ * noise)
    low, high = heights.min((1, 2), keepdims=True), heights.max((1, 2), keepdims=True)
    heights = np.roll(heights, (2, 2), (1, 2))[:, :cut, :cut]
    for noise, range_ in zip(noises[6:], ranges[6:], strict=True):
        heights = _finer(heights, range_ * noise)
    return np.clip((heights[:, 8 : 8 + SIDE, 8 : 8 + SIDE] - low) / (high - low), 0, 1)


def _finer(heights: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """A map ``[n, s, s]``, whose ends meet, at twice the resolution; ``noise`` is ``[n, 3 s²]``."""
    n, side, _ = heights.shape
    noise = noise.reshape(n, 3, side, side)
    made = np.empty((n, 2 * side, 2 * side), np.float32)
    pairs = heights + np.roll(heights, -1, 1)
    middles = (pairs + np.roll(pairs, -1, 2)) / 4 + noise[:, 0]
    across = heights + np.roll(heights, -1, 2) + middles + np.roll(middles, 1, 1)
    down = pairs + middles + np.roll(middles, 1, 2)
    made[:, ::2, ::2], made[:, 1::2, 1::2] = heights, middles
    made[:, ::2, 1::2], made[:, 1::2, ::2] = across / 4 + noise[:, 1], down / 4 + noise[:, 2]
    return made


@of_pixels
def spatter(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """Grey spots of mud, a quarter as bright as ink, that hide what is under them.

    They lie where noise of mean 0.65 and standard deviation 0.3, blurred by 1 pixel, exceeds 0.65;
    blurred by 1.5 pixels, what is left above 0.8 covers.
    """
    noise = drawn(streams, lambda stream: stream.normal(0.65, 0.3, (SIDE, SIDE)))
    cover = _blurred((_blurred(noise, 1, 1) > 0.65).astype(np.float32), 1.5, 1.5)
    cover[cover < 0.8] = 0
    return ink * (1 - cover) + cover * 63 / 255


@of_pixels
def dotted_line(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """A line of dots, two columns on, two off, from any row on the left to any on the right."""
    start, end = drawn(streams, lambda stream: stream.integers(27, size=2)).T
    dots = np.arange(SIDE) // 2 % 2 == 1
    return ink + dots * _line(np.zeros(len(ink)), start, np.full(len(ink), 27), end)


@of_pixels
def zigzag(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """A zigzag of 2 pixels up and down, from column 2 to 25; it starts at any row.

    It ends up to 5 rows above its start, or up to 4 below.
    """
    draws = drawn(streams, lambda stream: [stream.integers(27), stream.integers(-5, 5)])
    start, rise = draws.astype(float).T
    turn = np.arctan(rise / 23)
    length = 23 / np.cos(turn)
    # Along a level line, then turned: peaks at 2, 6 … 22, and MNIST-C's own last point.
    right = np.stack([0 * length, *(np.full(len(ink), 4 * i + 2.0) for i in range(6)), length])
    up = np.stack([0 * length, *(np.full(len(ink), 2.0 * (-1) ** i) for i in range(6)), 0 * length])
    up[-1] = -1 / (length - 20)
    columns = 2 + right * np.cos(turn) - up * np.sin(turn)
    rows = start + right * np.sin(turn) + up * np.cos(turn)
    for at in range(7):
        ink = ink + _line(columns[at], rows[at], columns[at + 1], rows[at + 1])
    return ink


def _line(c0: np.ndarray, r0: np.ndarray, c1: np.ndarray, r1: np.ndarray) -> np.ndarray:
    """A line an image from column and row ``c0, r0`` ``[n]`` to ``c1, r1``, ink ``[n, 28, 28]``.

    Full ink on it, none from 1.45 pixels above or below: 1 + log(1 - distance / 2.3).
    """
    c0, r0, c1, r1 = (np.asarray(one, np.float32)[:, None, None] for one in (c0, r0, c1, r1))
    column = np.arange(SIDE, dtype=np.float32)
    distance = np.abs(column[:, None] - (r0 + (r1 - r0) / (c1 - c0) * (column - c0)))
    ink = np.clip(1 + np.log1p(-np.clip(distance, 0, 2.2) / 2.3), 0, 1)
    return ink * ((column >= np.floor(c0)) & (column < np.ceil(c1)))


@of_pixels
def canny_edges(ink: np.ndarray, streams: Streams) -> np.ndarray:
    """The edges in place of the digit, by Canny's detector (1986); nothing is random.

    Settings are scikit-image's: a blur of 1 pixel, Sobel's gradient, edges from a gradient of 0.2
    on, followed down to 0.1. The outermost pixels are none.
    """
    smooth = ndimage.gaussian_filter(ink, (0, 1, 1), mode="constant")
    slopes = np.stack([_sobel(smooth, along, beside) for along, beside in ((1, 2), (2, 1))])
    steepness = np.sqrt(np.square(slopes).sum(0))
    weak = steepness >= 0.1
    weak[:, [0, -1]] = weak[:, :, [0, -1]] = False
    places = np.array(weak.nonzero())
    # One pixel up and down the slope, to the next row or column, whichever is nearer.
    step = slopes[:, *places] / np.abs(slopes[:, *places]).max(0)
    for way in (step, -step):
        beside = places + np.concatenate([np.zeros((1, places.shape[1])), way])
        neighbour = ndimage.map_coordinates(steepness, beside, order=1)
        weak[*places] &= steepness[*places] >= neighbour - 1e-6  # rounding decides no tie
    within = np.zeros((3, 3, 3))
    within[1] = 1  # all eight neighbours, none in another image
    labels, n = ndimage.label(weak, within)
    kept = np.zeros(n + 1, bool)
    kept[labels[weak & (steepness >= 0.2)]] = True
    return kept[labels].astype(np.float32)


def _sobel(ink: np.ndarray, along: int, beside: int) -> np.ndarray:
    """Sobel's slope along one axis; SciPy's own would smooth over neighbouring images, too."""
    return ndimage.correlate1d(ndimage.correlate1d(ink, (-1, 0, 1), along), (1, 2, 1), beside)
