"""All other digits in one picture: the fifteen corruptions, five by degrees, other writers'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from matplotlib.figure import Figure
from torch import Tensor

from utils import plot_style, plots
from utils.corruptions import CORRUPTIONS, SEVERITIES, at_severity, corrupted
from utils.data import ImageSet
from utils.other_digits import uci_digits
from utils.plot_style import GREY
from utils.support import checks

SHOWN = (2, 3, 4, 7, 8)  # under each corruption; two corruptions lie in a row


def corruptions(digits: ImageSet, seed: int = 0) -> Figure:
    """Five test digits under each of ``CORRUPTIONS``, two of them a row; the first are clean.

    Raises ``ValueError`` where the test half lacks one of them.
    """
    few = _firsts(digits, SHOWN)
    blocks = [("clean", few.test_images)]
    blocks += [(name, corrupted(few, name, seed).test_images) for name in CORRUPTIONS]
    rows = -(-len(blocks) // 2)
    figure, axes = plot_style.figure(rows, 2 * len(SHOWN) + 1, height=0.78 * rows + 0.5)
    for number, (name, images) in enumerate(blocks):
        start = number % 2 * (len(SHOWN) + 1)
        _row(axes[number // 2, start : start + len(SHOWN)], name, images)
    for cell in axes[:, len(SHOWN)]:
        cell.axis("off")
    finding = f"The same five digits, clean and under {len(CORRUPTIONS)} corruptions after MNIST-C"
    return plot_style.title(figure, finding, digits.name)


def severities(digits: ImageSet, digit: int = 3) -> Figure:
    """One test digit at every value of each of ``SEVERITIES``, and other people's below.

    Raises ``ValueError`` where the test half has none of ``digit``.
    """
    checks.whole(0, digit=digit)
    one = _firsts(digits, [digit])
    columns = 1 + max(len(family.values) for family in SEVERITIES.values())
    figure, axes = plot_style.figure(len(SEVERITIES) + 1, columns, height=6.6)
    for line, (name, family) in zip(axes, SEVERITIES.items(), strict=False):
        values = sorted((*family.values, family.clean))
        made = [at_severity(one, name, value).test_images[0] for value in values]
        _row(line, f"{name}\n({family.unit})", made, [f"{value:g}" for value in values])
    theirs = uci_digits(digits)
    places = (theirs.test_labels == digit).nonzero().squeeze(1)[:columns]
    _row(axes[-1], "UCI digits\n(8 × 8 pixels,\nenlarged)", theirs.test_images[places])
    finding = f"One {digit} in five ways from little to much, and {columns} by other writers"
    return plot_style.title(figure, finding, digits.name)


def _firsts(digits: ImageSet, wanted: Sequence[int]) -> ImageSet:
    """The first test digit of each of the labels ``wanted``, alone."""
    labels = digits.test_labels.tolist()
    for digit in wanted:
        if digit not in labels:
            raise ValueError(f"digit={digit}: {digits.name} tests none of that label")
    places = [labels.index(digit) for digit in wanted]
    return replace(
        digits, test_images=digits.test_images[places], test_labels=digits.test_labels[places]
    )


def _row(cells, name: str, images: Sequence[Tensor], words: Sequence[str] = ()) -> None:
    """``images`` in ``cells``, the row's name on its left, ``words`` below them."""
    for cell in cells[len(images) :]:
        cell.axis("off")
    for at, (cell, image) in enumerate(zip(cells, images, strict=False)):
        plots.show_digit(cell, image)
        cell.spines[:].set(visible=True, color=GREY, lw=0.5)  # some corruptions end in white
        if words:
            cell.set_xlabel(words[at], fontsize=8.5, labelpad=2)
    cells[0].set_ylabel(name.replace("_", " "), rotation=0, ha="right", va="center", fontsize=9)
