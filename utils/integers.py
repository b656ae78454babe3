"""A digit reader of whole numbers: its arithmetic in NumPy, and the file that holds it.

The only fractions are a multiplier and a bias for each channel, and the mean of the last map. Of a
trained network ``utils.folding`` makes this.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from utils import levels as few
from utils import stages

TOGETHER = 500  # images at a time: of all windows of 10,000, memory would be full


@dataclass(frozen=True)
class Layer:
    """A convolution without padding: whole ``weights`` -k … k, int64 ``[out, in, side, side]``.

    ``multiplier`` and ``bias``, float16 ``[out]``, take its sums to the bytes 0 … 255 of the next
    layer, and the last one's to logits; ``pools``: the largest of 2 x 2 sums comes first.
    """

    weights: np.ndarray
    multiplier: np.ndarray
    bias: np.ndarray
    pools: bool = False


def answers(layers: list[Layer], images: np.ndarray) -> np.ndarray:
    """The digits, int64 ``[B]``, that a network reads in ``images``, uint8 ``[B, 28, 28]``.

    As the recipe's network sees them: deskewed (``utils.deskewing``) where its recipe says so.
    Raises ``ValueError`` for anything else.
    """
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        found = f"{images.dtype} {list(images.shape)}"
        raise ValueError(f"images are {found}, expected uint8 [B, 28, 28]")
    parts = np.array_split(images, max(1, -(-len(images) // TOGETHER)))
    return np.concatenate([_answers(layers, part) for part in parts])


def _answers(layers: list[Layer], images: np.ndarray) -> np.ndarray:
    maps = images[:, None].astype(np.int64)
    for layer in layers[:-1]:
        sums = convolved(maps, layer.weights)
        sums = largest_of_four(sums) if layer.pools else sums
        maps = np.clip(np.rint(scaled(sums, layer)), 0, 255).astype(np.int64)
    means = convolved(maps, layers[-1].weights).mean((2, 3), keepdims=True)
    return scaled(means, layers[-1])[:, :, 0, 0].argmax(1)


def convolved(maps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Whole sums ``[B, out, H', W']`` of ``maps`` ``[B, in, H, W]``."""
    windows = sliding_window_view(maps, weights.shape[2:], (2, 3))
    return np.einsum("bihwkl,oikl->bohw", windows, weights, optimize=True)


def largest_of_four(sums: np.ndarray) -> np.ndarray:
    batch, channels, height, width = sums.shape
    even = sums[:, :, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(batch, channels, height // 2, 2, width // 2, 2).max((3, 5))


def scaled(sums: np.ndarray, layer: Layer) -> np.ndarray:
    multiplier, bias = (v.astype(np.float32)[:, None, None] for v in (layer.multiplier, layer.bias))
    return sums.astype(np.float32) * multiplier + bias


# --------------------------------------------------------------------------- the file


def to_bytes(layers: list[Layer], text: str, levels: int) -> bytes:
    """The file: a line with ``levels`` and stages, then each layer's weights, multipliers, biases.

    A layer's weights are the digits of one number in base ``levels``, so that 7 levels take 2.81
    bits a weight and 3 take 1.58.
    """
    parts = [header(text, levels)]
    for layer in layers:
        parts += [packed(layer.weights, levels), layer.multiplier.tobytes(), layer.bias.tobytes()]
    return b"".join(parts)


def header(text: str, levels: int) -> bytes:
    """The line that a file of ``text``, its stages, begins with."""
    return f"{levels} {text}\n".encode()


def from_bytes(content: bytes) -> list[Layer]:
    """The layers that a file holds; ``ValueError`` where it does not hold any.

    A changed bit may be another network; ``utils.pretrained`` knows the checksums.
    """
    try:
        line, _, rest = content.partition(b"\n")
        levels, text = line.decode("ascii").split()
        layers, at, levels = [], 0, int(levels)
        few.check(levels)
        for shape, pools in shapes(text):
            taken = packed_size(math.prod(shape), levels), 2 * shape[0], 2 * shape[0]
            ends = itertools.accumulate(taken, initial=at)
            weights, *halves = (rest[a:b] for a, b in itertools.pairwise(ends))
            weights = unpacked(weights, shape, levels)
            layers.append(Layer(weights, *(np.frombuffer(h, "<f2") for h in halves), pools))
            at += sum(taken)
        if at != len(rest):
            raise ValueError(f"{len(rest)} bytes of weights, {at} expected")
    except (ValueError, OverflowError) as error:
        raise ValueError(f"this is no file of a network of whole numbers: {error}") from error
    return layers


def shapes(text: str) -> Iterator[tuple[tuple[int, int, int, int], bool]]:
    """Of each layer of ``stages`` and the classifier: its weights' shape, and whether it pools.

    Raises ``ValueError`` for stages of other convolutions than plain ones.
    """
    channels = 1
    for entry, pools in stages.entries(text):
        if not is_plain(entry):
            raise ValueError(f"stages={text!r}: only plain convolutions have such a file")
        yield (entry.channels, channels, entry.kernel, entry.kernel), pools
        channels = entry.channels
    yield (10, channels, 1, 1), False


def is_plain(entry: stages.Entry) -> bool:
    return entry == stages.Entry(entry.channels, entry.kernel)


def packed(weights: np.ndarray, levels: int) -> bytes:
    """One number in base ``levels``, its first digit the first of ``weights``, little end first."""
    if abs(weights).max() > levels // 2:
        raise ValueError(f"{levels} levels hold no weight of {abs(weights).max()}")
    number = 0
    for digit in (weights + levels // 2).ravel().tolist():
        number = number * levels + digit
    return number.to_bytes(packed_size(weights.size, levels), "little")


def unpacked(content: bytes, shape: tuple[int, ...], levels: int) -> np.ndarray:
    number, digits = int.from_bytes(content, "little"), []
    for _ in range(math.prod(shape)):
        number, digit = divmod(number, levels)
        digits.append(digit)
    if number:
        raise ValueError("a layer's number is larger than its weights can be")
    return np.array(digits[::-1]).reshape(shape) - levels // 2


def packed_size(n: int, levels: int) -> int:
    """How many bytes ``n`` weights take."""
    return -(-(levels**n - 1).bit_length() // 8)


def size(text: str, levels: int) -> int:
    """How many bytes the file of such a network takes."""
    return len(header(text, levels)) + sum(
        packed_size(math.prod(shape), levels) + 4 * shape[0] for shape, _ in shapes(text)
    )
