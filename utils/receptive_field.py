"""The receptive field of every layer: by arithmetic, and measured by gradient.

For a layer with kernel k and stride s on a map whose neighbours lie j input pixels apart
(the *jump*) and see r pixels each, the output's are j * s and r + (k - 1) * j. The columns are
those of the table published with design E (its README): n is a map's side, ch its channels.
"""

from __future__ import annotations

import copy
from dataclasses import astuple, dataclass, fields

import torch
from torch import Tensor, nn

from utils.support import checks
from utils.support.tables import Table

WHOLE = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Linear)  # each output sees all of the map
SPATIAL = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, *WHOLE)


@dataclass(frozen=True)
class Row:
    """One layer; sides, jumps and receptive fields in pixels."""

    operation: str
    n_in: int
    n_out: int
    ch_in: int
    ch_out: int
    padding: int
    kernel: int
    stride: int
    j_in: int
    j_out: int
    r_in: int
    r_out: int


def rows(model: nn.Module, side: int = 28) -> list[Row]:
    """The arithmetic for each convolution, pooling and linear layer of ``model``, in order.

    ``model`` must apply its layers one after the other. A pool that leaves one pixel has no
    neighbour to step to, so its stride counts as 1, as in the published table. Raises
    ``ValueError`` where there is no such layer, and for one that the table has no numbers for.
    """
    table, n, ch, j, r = [], side, 1, 1, 1
    for _, layer in model.named_modules(remove_duplicate=False):  # shared weights act twice
        if not isinstance(layer, SPATIAL):
            if hasattr(layer, "kernel_size") or isinstance(layer, nn.Upsample):
                raise ValueError(f"{type(layer).__name__} is no layer that the table knows")
            continue
        kernel, stride, padding = _geometry(layer, n, ch)
        n_out = (n + 2 * padding - kernel) // stride + 1
        if n_out == 1 and not isinstance(layer, nn.Conv2d):
            stride = 1
        ch_out = getattr(layer, "out_channels", getattr(layer, "out_features", ch))
        j_out, r_out = j * stride, r + (kernel - 1) * j
        name = type(layer).__name__
        if n_out < 1:
            raise ValueError(f"a {name} of kernel {kernel} does not fit a map of side {n}")
        table.append(Row(name, n, n_out, ch, ch_out, padding, kernel, stride, j, j_out, r, r_out))
        n, ch, j, r = n_out, ch_out, j_out, r_out
    if not table:
        raise ValueError(f"{type(model).__name__} has no convolution, pooling or linear layer")
    return table


def _geometry(layer: nn.Module, n: int, channels: int) -> tuple[int, int, int]:
    """Kernel, stride and padding of a square layer over ``channels`` maps of ``n`` x ``n``."""
    if isinstance(layer, WHOLE):
        if getattr(layer, "output_size", 1) not in (1, (1, 1)):
            raise ValueError(f"output size {layer.output_size} is not 1: no single kernel fits")
        if getattr(layer, "in_features", channels * n * n) != channels * n * n:
            raise ValueError(
                f"{layer} does not take {channels} whole maps of {n} x {n} pixels. Only layers are "
                "seen: a pool or a stride within forward (F.max_pool2d) has to become one"
            )
        return n, 1, 0
    if _square(getattr(layer, "dilation", 1)) != 1:
        raise ValueError(f"{layer} is dilated: the table has no column for that")
    if getattr(layer, "ceil_mode", False):
        raise ValueError(f"{layer} rounds its map's side up: the table's arithmetic rounds down")
    return _square(layer.kernel_size), _square(layer.stride), _square(layer.padding)


def _square(size) -> int:
    sizes = set(size) if isinstance(size, tuple) else {size}
    if len(sizes) != 1 or not isinstance(size, int | tuple):
        raise ValueError(f"{size!r} is not a size in pixels, the same both ways")
    return sizes.pop()


def table(model: nn.Module) -> Table:
    """The rows as a table with the published columns."""
    columns = [field.name for field in fields(Row)]
    return Table(columns, [list(astuple(row)) for row in rows(model)])


def final(model: nn.Module) -> int:
    """The receptive field of one output, in pixels of the input's side."""
    return rows(model)[-1].r_out


def measured(model: nn.Module) -> list[int]:
    """Each spatial layer's receptive field as the gradient shows it, in the order of ``rows``.

    The side of the smallest square of input pixels that holds every non-zero gradient of the
    middle output pixel, over 64 random images: several, since a max-pool passes only
    the largest value's gradient and a ReLU only a positive one's. Runs on a copy in evaluation
    mode. Padding can cut a field off at the image's edge, where arithmetic does not.
    """
    clone = copy.deepcopy(model).cpu().float().eval()
    maps: list[Tensor] = []
    for layer in clone.modules():
        if isinstance(layer, SPATIAL):
            layer.register_forward_hook(lambda _, __, output: maps.append(_as_maps(output)))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 1, checks.SIDE, checks.SIDE, generator=generator, requires_grad=True)
    clone(x)
    return [_extent(activations, x) for activations in maps]


def _as_maps(output: Tensor) -> Tensor:
    return output if output.dim() == 4 else output[:, :, None, None]


def _extent(activations: Tensor, x: Tensor) -> int:
    middle = activations.shape[-1] // 2
    unit = activations[:, :, middle, middle].sum()
    (gradient,) = torch.autograd.grad(unit, x, retain_graph=True)
    seen = (gradient != 0).any(0).squeeze(0)
    sides = []
    for axis in (0, 1):
        at = seen.any(axis).nonzero()
        sides.append(int(at.max() - at.min()) + 1)
    return max(sides)
