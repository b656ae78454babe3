"""A network as plain data that the page reads: its layers in order, weights in base64.

Batch norm is a scale and a shift for each channel; dropout is left out. Residual layers are laid
out flat: their layers, then one that adds the map they began with.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from utils import layers
from utils.models import count_parameters
from utils.support.checks import SIDE

LARGEST_MAP = 2**20  # values; a page that holds more would be slow, and is a mistake
SUPPORTED = (
    "Conv2d, BatchNorm2d, ReLU, SiLU, GELU, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d(1), Linear, "
    "Flatten, Dropout, Identity, Sequential, and the ConvNet, HiddenReLU and Residual of "
    "utils.layers"
)
ACTIVATIONS = {nn.ReLU: "relu", nn.SiLU: "silu", nn.GELU: "gelu"}
LEFT_OUT = (nn.Dropout, nn.Dropout2d, nn.Identity, nn.Flatten)
FLOATS = {16: "<f2", 32: "<f4"}  # fewer bits are whole numbers
FEWEST, MOST = 8, 14  # bits of a whole number


@torch.no_grad()
def describe(network: nn.Module, bits: int | Callable[[int], int] = 32) -> dict:
    """The network as plain data, ``{"parameters": ..., "layers": [...]}``; it stays as it is.

    ``bits`` of each kernel weight: 32 or 16 for floats, 8 to 14 for whole numbers times one scale
    for each channel; a function of a kernel's place among the kernels chooses for each. Raises
    ``ValueError`` for a layer that the page has not, named, and for a network that does not take
    float ``[B, 1, 28, 28]`` to ten logits.
    """
    clone = copy.deepcopy(network).cpu().float().eval()
    found: list[dict] = []
    x = torch.zeros(1, 1, SIDE, SIDE)
    kernels = 0
    for layer, place in _flat(clone):
        if isinstance(layer, LEFT_OUT):
            continue
        try:
            known, x = _layer(layer, x)
        except RuntimeError as error:
            raise ValueError(f"{place}: {layer} does not fit {list(x.shape)}: {error}") from error
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error
        if x.numel() > LARGEST_MAP:
            raise ValueError(
                f"{place}: {layer} makes {x.numel():,} values, at most {LARGEST_MAP:,}"
            )
        if "weights" in known:
            width = bits if isinstance(bits, int) else bits(kernels)
            known["weights"] = _weights(known["weights"], width)
            kernels += 1
        if "back" in known:  # the map that is added: 0 is the input, i the output of layer i - 1
            known["from"] = len(found) - known.pop("back")
        found.append(known)
    if x.numel() != 10:
        raise ValueError(
            f"the network ends in {x.numel()} values, expected ten logits: the page shows one "
            "probability for each digit"
        )
    return {"parameters": count_parameters(network), "layers": found}


class _Add(nn.Module):
    """Marks where a residual's output is added to its input, ``layers`` earlier."""

    def __init__(self, layers: int):
        super().__init__()
        self.layers = layers


def _flat(module: nn.Module, place: str = "network") -> Iterator[tuple[nn.Module, str]]:
    """The layers in the order in which they are applied, each with its place by name."""
    if isinstance(module, layers.HiddenReLU):
        for name, layer in module.named_children():
            yield from _flat(layer, f"{place}.{name}")
            if layer in module.active():
                yield nn.ReLU(), f"{place}.{name}"
    elif isinstance(module, nn.Sequential):
        kind = type(module)
        own = kind.forward not in (
            nn.Sequential.forward, layers.ConvNet.forward, layers.Residual.forward,
        )  # fmt: skip
        if own:
            raise _unsupported(module, place)
        within = [pair for name, m in _children(module) for pair in _flat(m, f"{place}.{name}")]
        yield from within
        if isinstance(module, layers.Residual):
            yield _Add(sum(not isinstance(m, LEFT_OUT) for m, _ in within)), place
    else:
        yield module, place


def _children(module: nn.Sequential) -> Iterator[tuple[str, nn.Module]]:
    """Every layer, one that is applied twice too: ``named_children`` lists it once."""
    return ((name, layer) for name, layer in module._modules.items())


def _unsupported(layer: nn.Module, why: str) -> ValueError:
    return ValueError(
        f"{why}: the page has no {type(layer).__name__} ({layer}). It has {SUPPORTED}"
    )


def _layer(layer: nn.Module, x: Tensor) -> tuple[dict, Tensor]:
    """What the page needs of one layer, and its output for the map ``x``."""
    if isinstance(layer, _Add):
        return {"kind": "add", "channels": x.shape[1], "side": x.shape[2], "back": layer.layers}, x
    if isinstance(layer, nn.Linear):
        layer = _as_convolution(layer, x)
    if type(layer) in ACTIVATIONS:
        if getattr(layer, "approximate", "none") != "none":
            raise _unsupported(layer, "activation")
        known = {"kind": ACTIVATIONS[type(layer)]}
    elif isinstance(layer, nn.Conv2d):
        known = _convolution(layer)
    elif isinstance(layer, nn.BatchNorm2d):
        known = _norm(layer)
    elif isinstance(layer, nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d):
        known = _pool(layer, x.shape[2])
    else:
        raise _unsupported(layer, "layer")
    x = layer(x)
    if x.shape[2] != x.shape[3]:
        raise ValueError(f"{layer} makes maps of {x.shape[2]} x {x.shape[3]}, expected squares")
    return known | {"channels": x.shape[1], "side": x.shape[2]}, x


def _as_convolution(layer: nn.Linear, x: Tensor) -> nn.Conv2d:
    """A linear layer over a flattened map is a convolution as large as the map."""
    _, channels, side, _ = x.shape
    if layer.in_features != channels * side * side:
        raise ValueError(
            f"{layer} follows {channels} maps of {side} x {side}, {channels * side * side} values"
        )
    made = nn.Conv2d(channels, layer.out_features, side, bias=layer.bias is not None)
    made.weight.copy_(layer.weight.view_as(made.weight))
    if layer.bias is not None:
        made.bias.copy_(layer.bias)
    return made


def _convolution(layer: nn.Conv2d) -> dict:
    sizes = {"kernel": layer.kernel_size, "stride": layer.stride, "padding": layer.padding}
    plain = layer.padding_mode == "zeros" and layer.dilation == (1, 1)
    if not plain or any(isinstance(s, str) or s[0] != s[1] for s in sizes.values()):
        raise _unsupported(layer, "a convolution with square sizes and zeros around is needed")
    found = {"kind": "conv", **{name: size[0] for name, size in sizes.items()}}
    found["groups"] = layer.groups
    found["weights"] = layer.weight.detach()
    if layer.bias is not None:
        found["bias"] = _floats(layer.bias)
    return found


def _norm(layer: nn.BatchNorm2d) -> dict:
    if layer.running_mean is None:
        raise _unsupported(layer, "batch norm with running statistics is needed")
    scale = (layer.running_var + layer.eps).rsqrt()
    scale = scale if layer.weight is None else scale * layer.weight
    shift = -layer.running_mean * scale
    shift = shift if layer.bias is None else shift + layer.bias
    return {"kind": "norm", "scale": _floats(scale), "shift": _floats(shift)}


def _pool(layer: nn.Module, side: int) -> dict:
    """A pool; what it leaves out at the edge, torch leaves out too."""
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        if layer.output_size not in (1, (1, 1)):
            raise _unsupported(layer, "an output of size 1 is needed")
        return {"kind": "mean", "kernel": side, "stride": side}
    sizes = [s if isinstance(s, tuple) else (s, s) for s in (layer.kernel_size, layer.stride)]
    options = (layer.padding, layer.ceil_mode, getattr(layer, "dilation", 1))
    divided = getattr(layer, "divisor_override", None)
    if any(a != b for a, b in sizes) or options != (0, False, 1) or divided:
        raise _unsupported(layer, "a pool with square sizes and no other option is needed")
    kind = "max" if isinstance(layer, nn.MaxPool2d) else "mean"
    return {"kind": kind, "kernel": sizes[0][0], "stride": sizes[1][0]}


def _floats(values: Tensor) -> str:
    return _text(values.detach().numpy().astype("<f4"))


def _text(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _weights(kernel: Tensor, bits: int) -> dict:
    if bits in FLOATS:
        return {"bits": bits, "data": _text(kernel.numpy().astype(FLOATS[bits]))}
    if bits not in range(FEWEST, MOST + 1):
        raise ValueError(f"bits={bits!r} is neither 16 nor 32, nor within {FEWEST}..{MOST}")
    whole, scale = _whole(kernel, bits)
    # One stream of bits, the lowest first; the offset makes every number positive.
    values = (whole.int() + 2 ** (bits - 1)).flatten().numpy()
    stream = (values[:, None] >> np.arange(bits) & 1).astype(np.uint8)
    data = _text(np.packbits(stream.ravel(), bitorder="little"))
    return {"bits": bits, "scale": _floats(scale), "data": data}


def _whole(kernel: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """A kernel ``[out, in, k, k]`` as whole numbers, and a float32 scale ``[out]``."""
    scale = kernel.abs().amax((1, 2, 3)).clamp_min(1e-12) / (2 ** (bits - 1) - 1)
    return (kernel / scale.view(-1, 1, 1, 1)).round(), scale


def rounded(kernel: Tensor, bits: int) -> Tensor:
    """The kernel that the page computes with at so many ``bits`` of a weight, as float32."""
    if bits in FLOATS:
        return kernel.half().float() if bits == 16 else kernel
    whole, scale = _whole(kernel, bits)
    return whole * scale.view(-1, 1, 1, 1)
