"""Pictures of the data, one run and one network, a function each, returning the Figure.

Pictures of data or results take ``name``, the image set's name, and say so in their title where it
is not MNIST. Images are ``[28, 28]``, 0 for the background and 255 for full ink.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Sequence

import numpy as np
import seaborn as sns
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor, nn

from utils import models, plot_style, receptive_field
from utils.history import History, Mistakes
from utils.plot_style import BLUE, GREEN, GREY, ORANGE, RED
from utils.support import checks
from utils.support.lookup import look_up
from utils.support.tables import Table

WINDOW = 25  # batches of a mean loss


def show_digit(axes, image: Tensor, **options) -> None:
    """Draw one image; ``ValueError`` unless it is ``[28, 28]`` with pixels 0..255."""
    checks.tensor(image, "[28, 28]", "the image")
    if image.shape != (28, 28):
        raise ValueError(f"the image is {list(image.shape)}, expected [28, 28]")
    checks.pixels(image[None], "the image's pixels", floats=True)
    axes.imshow(image.numpy(force=True), cmap="gray", vmin=0, vmax=255, **options)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def sample_grid(images: Tensor, labels: Tensor, name: str) -> Figure:
    """The first 7 images of every class, a row each: 0 to 4 on the left, 5 to 9 on the right."""
    checks.images(images, labels)
    figure, axes = plot_style.figure(5, 15, height=3.4)
    for cell in axes.flat:
        cell.axis("off")
    for digit in range(10):
        cells = axes[digit % 5, digit // 5 * 8 :]
        for cell, image in zip(cells, images[labels == digit][:7], strict=False):
            show_digit(cell, image)
    return plot_style.title(figure, "Ten classes, centred, one grey channel, 28 × 28 pixels", name)


def class_spread(counts: dict[int, int], name: str) -> Figure:
    """A bar per class with its number of training images."""
    if not counts:
        raise ValueError("there are no counts to draw: data.class_counts(labels) gives them")
    figure, axes = plot_style.figure(height=3.2)
    bars = axes.bar(list(counts), list(counts.values()), color=BLUE)
    axes.bar_label(bars, fmt="{:,.0f}", fontsize=9)
    axes.set(xlabel="digit", ylabel="training images", xticks=list(counts))
    least, most = min(counts, key=counts.get), max(counts, key=counts.get)
    ratio = counts[most] / max(counts[least], 1)
    balance = "Nearly balanced" if ratio < 1.5 else "Not balanced"
    finding = f"{balance}: {most} is {ratio:.2f} times as frequent as {least}"
    return plot_style.title(figure, finding, name)


def before_and_after(
    original: Tensor, others: dict[str, Sequence[Tensor]], name: str, finding: str
) -> Figure:
    """Digits before and after: ``others`` maps a label to rows of images like ``original``."""
    rows = [("original", original)]
    rows += [(label, images) for label, drawn in others.items() for images in drawn]
    for label, images in rows:
        if not len(images) or len(images) != len(original):
            raise ValueError(f"{label}: {len(images)} images beside {len(original)} originals")
    size = (len(rows), len(original), 0.9 * len(rows) + 0.5)
    figure, axes = plot_style.figure(*size, squeeze=False)
    for line, (label, images) in zip(axes, rows, strict=True):
        for cell, image in zip(line, images, strict=True):
            show_digit(cell, image)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    return plot_style.title(figure, finding, name)


def learning_rate(plans: dict[str, Sequence[float]], epochs: int) -> Figure:
    """The rate of every update over ``epochs``, a line per plan; the last is the one in use."""
    figure, axes = plot_style.figure(height=2.8)
    styles = [{"ls": "--", "color": GREY}] * (len(plans) - 1) + [{"color": BLUE, "lw": 2}]
    plot_style.rates(axes, plans, epochs, styles)
    label, rates = list(plans.items())[-1]
    top = int(np.argmax(rates))
    peak = f"{rates[top]:.3g} after {top * epochs / len(rates):.1f} epochs"
    finding = f"{label}: {rates[0]:.3g} at first, at most {peak}, {rates[-1]:.1g} at last"
    return plot_style.title(figure, finding)


def updates(made: Sequence[tuple[int, float, float]], over: str = "number") -> Figure:
    """What ``on_update`` heard: the loss of each batch, and the mean of ``WINDOW`` of them.

    ``over="number"`` draws the learning rate below it; ``over="lr"`` has the rate on the axis, as
    a learning-rate range test is read. What follows a loss that is no number is left out. Raises
    ``ValueError`` where nothing is left, and for another ``over``.
    """
    rows = look_up("axis", over, {"number": 2, "lr": 1})
    if not made:
        raise ValueError("no update was heard: run.fit(on_update=updates.append) fills a list")
    finite = list(itertools.takewhile(lambda update: math.isfinite(update[1]), made))
    if not finite:
        raise ValueError("the loss is no number from the first update on: nothing to draw")
    ends_there = "" if len(finite) == len(made) else ", then it is no number"
    made = finite
    window = min(WINDOW, len(made))
    number, loss, rate = np.array(made).T
    at = number if over == "number" else rate
    mean = np.convolve(loss, np.ones(window) / window, "valid")
    figure, axes = plot_style.figure(rows, 1, height=2.4 * rows + 1, sharex=True, squeeze=False)
    axes[0, 0].plot(at, loss, ".", color=GREY, ms=2.5, alpha=0.5, label="one batch")
    middles = at[(window - 1) // 2 :][: len(mean)]
    axes[0, 0].plot(middles, mean, color=BLUE, lw=2, label=f"mean of {window} batches")
    plot_style.log_loss(axes[0, 0])
    axes[0, 0].legend(frameon=False, fontsize=9)
    if rows == 2:
        axes[1, 0].plot(at, rate, color=ORANGE)
        axes[1, 0].set(xlabel="update", ylabel="learning rate", ylim=(0, None))
        moves = "falls" if mean[-1] < mean[0] else "rises"
        finding = f"The mean loss {moves} from {mean[0]:.2f} to {mean[-1]:.2f}"
        return plot_style.title(figure, f"{finding} in {len(made)} updates{ends_there}")
    axes[0, 0].set(xlabel="learning rate", xscale="log")
    flat = middles[mean <= 1.25 * mean.min()]
    ends = f"{flat.min():.2g} to {flat.max():.2g}{ends_there}"
    return plot_style.title(figure, f"The mean loss is near its lowest from a rate of {ends}")


def curves(history: History, name: str, judge: str = "test") -> Figure:
    """Loss and accuracy per epoch, of train and of the images that ``judge`` names."""
    if len(history) == 0:
        raise ValueError("the history is empty: no epoch was finished, so there is no curve")
    figure, (left, right) = plot_style.figure(1, 2, height=3.6)
    train, test = history.train_accuracy, history.test_accuracy
    epochs = range(1, len(history) + 1)
    for part, color, marker in (("train", ORANGE, "o-"), ("test", BLUE, "s-")):
        label = "train" if part == "train" else judge
        for axes, quantity in ((left, "loss"), (right, "accuracy")):
            values = getattr(history, f"{part}_{quantity}")
            axes.plot(epochs, values, marker, ms=3, color=color, label=label)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.legend(frameon=False)
    plot_style.log_loss(left)
    lowest = min(train[1:] + test[1:], default=0)  # the first epoch would press the others flat
    right.set(ylabel="accuracy in %", ylim=(max(lowest - 0.4, 0), 100))
    if train[0] < right.get_ylim()[0]:
        right.text(1, right.get_ylim()[0], f" train: {train[0]:.0f} %", va="bottom", fontsize=8)
    ahead = train[-1] - test[-1]
    words = "train {:.2f} points above {judge}" if ahead > 0 else "{judge} {:.2f} above train"
    lead = words.format(abs(ahead), judge=judge)
    ends = f"{judge.capitalize()} accuracy ends at {test[-1]:.2f} %"
    return plot_style.title(figure, f"{ends}, {lead}", name)


def confusion_matrix(labels: Tensor, predictions: Tensor, name: str) -> Figure:
    """How often each true digit was taken for each other; the colours show mistakes only."""
    counts = _confusions(labels, predictions)
    mistakes = counts - np.diag(np.diag(counts))
    figure, axes = plot_style.figure(height=4.8)
    annotations = np.where(counts > 0, counts.astype(str), "")
    look = {"cmap": "Blues", "linewidths": 0.5, "linecolor": "#dddddd"}
    bar = {"label": "mistakes", "ticks": MaxNLocator(integer=True)}
    sns.heatmap(mistakes, annot=annotations, fmt="", cbar_kws=bar, ax=axes, **look)
    axes.set(xlabel="predicted digit", ylabel="true digit")
    axes.grid(False)
    axes.tick_params(axis="y", rotation=0)
    finding = f"{mistakes.sum()} of {len(labels):,} wrong"
    most = np.argwhere(mistakes == mistakes.max())
    if mistakes.any() and len(most) <= 3:
        pairs = " and ".join(f"{true} as {taken}" for true, taken in most)
        finding += f"; most often {pairs} ({mistakes.max()} times)"
    return plot_style.title(figure, finding, name)


def _confusions(labels: Tensor, predictions: Tensor) -> np.ndarray:
    """``[10, 10]`` counts: row the true digit, column the predicted one."""
    checks.digits(labels)
    checks.digits(predictions, len(labels), "predictions")
    return torch.bincount(10 * labels + predictions, minlength=100).view(10, 10).numpy()


def confused_pairs(labels: Tensor, predictions: Tensor, top: int = 8) -> Table:
    """The pairs of digits most often mistaken for each other, both directions together."""
    checks.whole(1, top=top)
    counts = _confusions(labels, predictions)
    pairs = [(counts[a, b], counts[b, a], a, b) for a in range(10) for b in range(a + 1, 10)]
    pairs.sort(key=lambda pair: -(pair[0] + pair[1]))
    rows = [
        [f"({a}, {b})", there + back, f"{there} of {a} as {b}, {back} of {b} as {a}"]
        for there, back, a, b in pairs[:top]
        if there + back
    ]
    return Table(["pair", "mistakes", "which way"], rows)


def misclassified(
    images: Tensor,
    mistakes: Mistakes,
    name: str,
    finding: str | None = None,
    columns: int = 10,
    rows: int = 3,
    marked: Container[int] = (),
) -> Figure:
    """Wrong answers, the surest first: true digit, predicted digit and its probability.

    ``images`` ``[N, 28, 28]`` are all the images that were tested. Those whose index is in
    ``marked`` have a star and a red title.
    """
    checks.whole(1, columns=columns, rows=rows)
    if len(mistakes) and int(mistakes.indices.max()) >= len(images):
        raise ValueError(
            f"a mistake stands at {int(mistakes.indices.max())}, there are {len(images)} images: "
            "hand over all that were tested"
        )
    figure, axes = plot_style.figure(rows, columns, height=1.25 * rows + 0.5, squeeze=False)
    for cell in axes.flat:
        cell.axis("off")
    order = mistakes.probabilities.argsort(descending=True)[: rows * columns].tolist()
    for cell, at in zip(axes.flat, order, strict=False):
        index = int(mistakes.indices[at])
        show_digit(cell, images[index])
        text = f"{mistakes.labels[at]} → {mistakes.predictions[at]}"
        text += f"  {100 * mistakes.probabilities[at]:.0f} %{' *' * (index in marked)}"
        cell.set_title(text, fontsize=8.5, color=RED if index in marked else "black")
    sure = int((mistakes.probabilities > 0.9).sum())
    finding = finding or f"{len(mistakes)} of {len(images):,} wrong, {sure} of them over 90 % sure"
    return plot_style.title(figure, f"{finding} (true → predicted, its probability)", name)


def network(model: nn.Module) -> Figure:
    """A bar per spatial layer, as tall as its map; its channels and receptive field beside it."""
    rows = receptive_field.rows(model)
    bars = [("input\n", rows[0].n_in, rows[0].ch_in, 1, GREY)]
    for row in rows:
        kind, color = _kind(row.operation)
        label = f"{kind}\n{row.kernel}×{row.kernel}"
        bars.append((label, row.n_out, row.ch_out, row.r_out, color))
    figure, axes = plot_style.figure(height=3.4)
    for x, (label, side, channels, field, color) in enumerate(bars):
        axes.bar(x, side, 0.6, bottom=-side / 2, color=color)
        axes.text(x, side / 2 + 0.8, f"{channels} × {side}²", ha="center", fontsize=8.5)
        axes.text(x, -17, label, ha="center", va="top", fontsize=8.5)
        axes.text(x, -22.5, f"RF {field}", ha="center", va="top", fontsize=8.5, color=GREY)
    axes.set(xlim=(-0.6, len(bars) - 0.4), ylim=(-26, 18.5))
    axes.axis("off")
    parameters, field = models.count_parameters(model), rows[-1].r_out
    finding = f"{parameters:,} parameters; one output sees {field} × {field} pixels"
    return plot_style.title(figure, f"{finding} (channels × side²; RF: receptive field)")


def _kind(operation: str) -> tuple[str, str]:
    """What a spatial layer is called, and its colour."""
    known = {"Conv2d": ("conv", BLUE), "Linear": ("linear", GREEN)}
    return known.get(operation, ("max pool" if "Max" in operation else "mean pool", ORANGE))


def receptive_field_growth(model: nn.Module, image: Tensor, name: str) -> Figure:
    """What the middle output of each layer sees of one digit, as a square that grows."""
    rows = receptive_field.rows(model)
    fields = sorted({row.r_out for row in rows})
    figure, axes = plot_style.figure(1, len(fields), height=2.2, squeeze=False)
    for cell, field in zip(axes.flat, fields, strict=True):
        show_digit(cell, image, extent=(0, 28, 28, 0))
        side = min(field, 28)
        corner = (14 - side / 2, 14 - side / 2)
        cell.add_patch(Rectangle(corner, side, side, fill=False, ec=ORANGE, lw=2.5, clip_on=False))
        layers = [at for at, row in enumerate(rows, 1) if row.r_out == field]
        which = f"layer {layers[0]}" if len(layers) == 1 else f"layers {layers[0]}–{layers[-1]}"
        cell.set_xlabel(f"{field} × {field}\n{which}", fontsize=8.5)
    finding = f"From {fields[0]} to {fields[-1]} pixels: what one unit sees"
    return plot_style.title(figure, finding, name)
