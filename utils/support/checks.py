"""What arguments must be: one clear error, at the call, that names the value and the remedy."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SIDE = 28
ROUNDING = 0.01  # how far a sum of floats may leave 0..255


def whole(least: int, **values: int) -> None:
    """Raise ``ValueError`` unless each of ``values`` is a whole number of at least ``least``."""
    for name, value in values.items():
        an_int = isinstance(value, int) and not isinstance(value, bool)
        if not an_int or value < least:
            kind = "" if an_int else f": it is a {type(value).__name__}, give an int"
            raise ValueError(f"{name}={value!r} is not a whole number of at least {least}{kind}")


def number(low: float, high: float = math.inf, *, open_low: bool = False, **values: float) -> None:
    """Raise ``ValueError`` unless ``low <= value < high`` (``low < value`` with ``open_low``)."""
    sign = "<" if open_low else "<="
    for name, value in values.items():
        known = isinstance(value, int | float) and not isinstance(value, bool)
        known = known and math.isfinite(value)
        if not known or value >= high or value < low or (open_low and value == low):
            kind = "" if known else f": it is a {type(value).__name__}, give an int or a float"
            kind = "" if isinstance(value, float) else kind  # nan and inf are floats
            raise ValueError(
                f"{name}={value!r} is not within {low:g} {sign} {name} < {high:g}{kind}"
            )


def images(images: Tensor, labels: Tensor) -> None:
    """Raise ``ValueError`` unless these are uint8 ``[N, 28, 28]`` and int64 ``[N]`` in 0..9."""
    pixels(images)
    digits(labels, len(images))


def pixels(images: Tensor, name: str = "images", floats: bool = False) -> None:
    """Raise ``ValueError`` unless ``images`` are uint8 ``[N, 28, 28]``, at least one.

    With ``floats`` they may be floats 0..255 as well: finite, and not 0..1.
    """
    expected = "uint8 or float [N, 28, 28]" if floats else "uint8 [N, 28, 28]"
    tensor(images, expected, name)
    known = images.dtype == torch.uint8 or (floats and images.is_floating_point())
    if not known or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise ValueError(f"{name} are {_kind(images)}, expected {expected}")
    if images.shape[0] == 0:  # len() would fix the number in an ONNX file
        raise ValueError("there are no images: N = 0, expected at least 1")
    if images.is_floating_point():
        low, high = images.min().item(), images.max().item()
        if not -ROUNDING <= low <= high <= 255 + ROUNDING or 0 < high <= 1:
            raise ValueError(
                f"{name} run from {low:g} to {high:g}, expected pixels 0..255: "
                "clamp them, or multiply 0..1 by 255"
            )


def digits(labels: Tensor, n: int | None = None, name: str = "labels") -> None:
    """Raise ``ValueError`` unless ``labels`` are int64 ``[n]`` (any length by default) in 0..9."""
    tensor(labels, "int64 [N]", name)
    length = len(labels) if n is None and labels.ndim else n
    if labels.dtype != torch.int64 or labels.shape != (length,):
        raise ValueError(f"{name} are {_kind(labels)}, expected int64 [{'N' if n is None else n}]")
    if length == 0:
        raise ValueError(f"there are no {name}: N = 0, expected at least 1")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > 9:
        raise ValueError(f"{name} run from {low} to {high}, expected 0..9")


def tensor(value: Tensor, expected: str, name: str = "images") -> None:
    """Raise ``ValueError``, naming the kind ``expected``, unless ``value`` is a tensor."""
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise ValueError(f"{name}: a {kind}, expected a torch.Tensor, {expected}")


def batch(x: Tensor, y: Tensor) -> None:
    """Raise ``ValueError`` unless ``(x, y)`` is a batch: float ``[B, ...]``, int64 ``[B]``."""
    tensor(x, "float [B, 1, 28, 28]", "a batch's images")
    tensor(y, "int64 [B]", "a batch's labels")
    if not x.is_floating_point() or y.dtype != torch.int64 or y.shape != x.shape[:1]:
        raise ValueError(
            f"a batch is x {_kind(x)}, y {_kind(y)}; expected float [B, 1, 28, 28] and int64 [B]: "
            "see utils.loaders"
        )
    if len(y) == 0:
        raise ValueError("a batch is empty: B = 0, expected at least 1 image")


def loader(value) -> None:
    """Raise ``ValueError`` unless ``value`` can be iterated over again and says how long it is."""
    if not hasattr(value, "__len__") or not hasattr(value, "__iter__"):
        kind = type(value).__name__
        raise ValueError(f"a {kind} is no loader: expected an iterable of batches with a length")
    if len(value) == 0:
        raise ValueError("a loader is empty: it gives no batch")


def logits(values: Tensor, y: Tensor) -> None:
    """Raise ``ValueError`` unless a network's ``values`` for the labels ``y`` are ``[B, 10]``."""
    tensor(values, "float [B, 10]", "the network's answer")
    if values.shape != (len(y), 10):
        raise ValueError(
            f"the network gives {list(values.shape)} for {len(y)} images, expected one score for "
            f"each digit: [{len(y)}, 10]"
        )


def network_input(x: Tensor) -> None:
    """Raise ``ValueError`` unless ``x`` is float ``[B, 1, 28, 28]``."""
    if x.ndim != 4 or x.shape[1:] != (1, SIDE, SIDE) or not x.is_floating_point():
        raise ValueError(
            f"the network takes float [B, 1, 28, 28], not {_kind(x)}: "
            "loaders.normalize makes it of uint8 [B, 28, 28]"
        )


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
