"""Pictures of many runs side by side, a function each, returning the Figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from utils import plot_style
from utils.history import History
from utils.plot_style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, YELLOW


def steps(
    labels: Sequence[str], runs: Sequence[Sequence[float]], published: Sequence[float]
) -> Figure:
    """Last-epoch test accuracy of every seed, its mean ± std, and the published single runs."""
    if not len(labels) == len(runs) == len(published) or not runs:
        raise ValueError(f"{len(labels)} labels, {len(runs)} runs, {len(published)} published")
    figure, axes = plot_style.figure(height=4.0)
    for x, (values, theirs) in enumerate(zip(runs, published, strict=True)):
        jitter = np.linspace(-0.12, 0.12, len(values))
        mean, std = np.mean(values), np.std(values, ddof=1)
        seed = axes.scatter(x + jitter, values, s=22, color=BLUE, alpha=0.45, lw=0)
        bar = axes.errorbar(x, mean, std, fmt="s", ms=7, capsize=6, color=BLUE, lw=2)
        cross = axes.scatter(x + 0.28, theirs, marker="x", s=55, color=RED, lw=2)
        axes.annotate(f"{mean:.2f}", (x, mean), (-44, -4), textcoords="offset points", fontsize=11)
    handles = [bar, seed, cross]
    names = ["mean ± standard deviation, last epoch", "one seed, last epoch"]
    names.append("published: one run, best epoch on the test set")
    axes.legend(handles, names, frameon=False, loc="lower right", fontsize=9)
    axes.set_xticks(range(len(labels)), labels)
    axes.set(ylabel="test accuracy in %", xlim=(-0.6, len(labels) - 0.4))
    plot_style.plain(axes)
    first, last = np.mean(runs[0]), np.mean(runs[-1])
    wrong = f"{100 * (100 - first):.0f} to {100 * (100 - last):.0f} mistakes in 10,000 digits"
    plot_style.title(
        figure, f"One change at a time: from {wrong}, with fewer than 10,000 parameters"
    )
    return figure


def seed_curves(histories: Sequence[History], title: str) -> Figure:
    """Loss and accuracy per epoch: the mean over seeds, and a band from the least to the most."""
    if len({len(history) for history in histories}) != 1 or not len(histories[0]):
        raise ValueError("the histories are empty or of different lengths")
    figure, (left, right) = plot_style.figure(1, 2, height=3.6)
    for color, label, part in ((ORANGE, "train", "train"), (BLUE, "test", "test")):
        for axes, quantity in ((left, "loss"), (right, "accuracy")):
            values = [getattr(history, f"{part}_{quantity}") for history in histories]
            _band(axes, values, color, marker="o", ms=3, label=label)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.legend(frameon=False)
            plot_style.plain(axes)
    plot_style.log_loss(left)
    right.set(ylabel="accuracy in %", ylim=(96.5, 99.8))
    plot_style.title(figure, title)
    return figure


def _band(axes, runs: Sequence[Sequence[float]], color: str, **look):
    """The mean of ``runs`` per epoch, and a band from the least to the most."""
    values = np.array(runs)
    epochs = np.arange(1, values.shape[1] + 1)
    (line,) = axes.plot(epochs, values.mean(0), color=color, lw=1.6, **look)
    axes.fill_between(epochs, values.min(0), values.max(0), color=color, alpha=0.25, lw=0)
    return line


# --------------------------------------------------------------------------- designs


def by_size(
    measured: dict[str, dict[str, tuple[int, Sequence[float]]]],
    published: dict[str, tuple[int, float]],
    finding: str,
) -> Figure:
    """Test accuracy against parameters, on a logarithmic axis.

    ``measured``: for each way of training, ``{design: (parameters, last epochs of its seeds)}``,
    drawn as mean ± standard deviation. ``published``: ``{design: (parameters, accuracy)}``.
    """
    if not measured or not all(measured.values()):
        raise ValueError("nothing was measured: there is no point to draw")
    figure, axes = plot_style.figure(height=4.8)
    styles = ((GREEN, "o", 0.985), (BLUE, "s", 1.015))  # moved apart: they share their sizes
    if len(measured) > len(styles):
        raise ValueError(f"{len(measured)} ways of training, expected at most {len(styles)}")
    for (label, found), (color, marker, aside) in zip(measured.items(), styles, strict=False):
        means = [float(np.mean(values)) for _, values in found.values()]
        spreads = [np.std(values, ddof=1) for _, values in found.values()]
        taken: Counter[int] = Counter()
        sizes = []
        for size, _ in found.values():  # designs of one size stand beside each other
            sizes.append(size * aside * 1.02 ** taken[size])
            taken[size] += 1
        look = {"fmt": marker, "ms": 6, "capsize": 3, "color": color, "alpha": 0.85}
        label = f"{label}: mean ± deviation of the seeds, last epoch"
        axes.errorbar(sizes, means, spreads, label=label, **look)
        if marker == "o":
            for name, size, height in zip(found, sizes, means, strict=True):
                place = {"xytext": (-6, 5), "textcoords": "offset points", "ha": "right"}
                axes.annotate(name, (size, height), fontsize=9, color=color, **place)
    sizes, single = zip(*published.values(), strict=True)
    label = "published: one run, the test set watched every epoch"
    axes.scatter(sizes, single, marker="x", s=50, color=RED, lw=2, label=label, zorder=3)
    for (size, accuracy), names in _places(published).items():
        place = {"xytext": (7, -3), "textcoords": "offset points", "fontsize": 9, "color": RED}
        axes.annotate(", ".join(names), (size, accuracy), **place)
    _parameters_below(axes)
    axes.set_xlim(0.82 * min(sizes), 1.12 * max(sizes))
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    plot_style.plain(axes)
    plot_style.title(figure, finding)
    return figure


def _places(points: dict[str, tuple[int, float]]) -> dict[tuple[int, float], list[str]]:
    """The names at each point; points too close for two labels share the upper one's."""
    found: dict[tuple[int, float], list[str]] = {}
    for name, (size, height) in sorted(points.items(), key=lambda item: -item[1][1]):
        near = (at for at in found if at[0] == size and at[1] - height < 0.02)
        found.setdefault(next(near, (size, height)), []).append(name)
    return found


_SIZES = [1000, 2000, 3000, 4000, 5000, 7500, 10_000, 15_000, 20_000]  # labelled on the axis


def _parameters_below(axes) -> None:
    """A logarithmic axis of parameters below, test accuracy at the side."""
    axes.set(xscale="log", xlabel="parameters", ylabel="test accuracy in %")
    axes.xaxis.set_major_locator(FixedLocator(_SIZES))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_locator(NullLocator())


def frontier(
    ours: dict[str, tuple[int, Sequence[float]]],
    published: dict[str, Sequence[tuple[int, float]]],
    finding: str,
) -> Figure:
    """The most accurate networks of their size: mean ± deviation, a line from one to the next.

    ``ours``: ``{label: (parameters, last epochs of its seeds)}``, least parameters first.
    ``published``: ``{protocol: [(parameters, accuracy), ...]}``, of single runs.
    """
    if not ours or len(published) > 3 or not all(published.values()):
        raise ValueError(
            f"{len(ours)} networks of ours, {len(published)} protocols; expected 1.., 0..3"
        )
    figure, axes = plot_style.figure(height=4.8)
    sizes = [size for size, _ in ours.values()]
    means = [float(np.mean(values)) for _, values in ours.values()]
    spreads = [np.std(values, ddof=1) for _, values in ours.values()]
    label = "ours: mean ± deviation of the seeds, last epoch"
    look = {"ms": 7, "capsize": 4, "lw": 1.4, "color": BLUE, "zorder": 3}
    axes.errorbar(sizes, means, spreads, fmt="s-", label=label, **look)
    for size, height, spread in zip(sizes, means, spreads, strict=True):
        place = {"textcoords": "offset points", "ha": "center", "fontsize": 10, "color": BLUE}
        axes.annotate(f"{height:.2f}", (size, height + spread), (0, 6), **place)
    looks = (("x", RED), ("+", PURPLE), ("1", GREY))
    for (label, points), (marker, color) in zip(published.items(), looks, strict=False):
        axes.scatter(
            *zip(*points, strict=True), marker=marker, s=55, color=color, lw=1.8, label=label
        )
    _parameters_below(axes)
    figure.legend(loc="outside lower center", ncols=1, frameon=False, fontsize=9)
    plot_style.plain(axes)
    plot_style.title(figure, finding)
    return figure


def study(
    panels: dict[str, Sequence[tuple[float | str, float]]],
    finding: str,
    logarithmic: Container[str] = (),
) -> Figure:
    """A search's trials: ``{setting: [(its value, validation accuracy), ...]}``, a panel each.

    Where the values are texts they stand side by side, with the median of each as a line.
    ``logarithmic``: the settings whose axis is.
    """
    if not panels or not all(map(len, panels.values())):
        raise ValueError("a setting has no trial to draw")
    columns, random = 3, np.random.default_rng(0)
    lines = -(-len(panels) // columns)
    figure, grid = plot_style.figure(lines, columns, height=2.2 * lines, sharey=True, squeeze=False)
    for axes, (setting, trials) in zip(grid.flat, panels.items(), strict=False):
        values, heights = zip(*trials, strict=True)
        if isinstance(values[0], str):
            known = sorted(set(values), key=lambda text: (not text.isdigit(), len(text), text))
            places = [known.index(value) for value in values]
            for at, value in enumerate(known):
                middle = np.median([h for v, h in trials if v == value])
                axes.plot((at - 0.3, at + 0.3), (middle, middle), color=RED, lw=2)
            values = np.array(places) + random.uniform(-0.2, 0.2, len(places))
            axes.set_xticks(range(len(known)), known)
        axes.scatter(values, heights, s=18, color=BLUE, alpha=0.6, lw=0)
        if setting in logarithmic:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="x", labelsize=8)
        axes.set_title(setting, fontsize=9.5)
        plot_style.plain(axes)
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    figure.supylabel("validation accuracy in %", fontsize=10)
    plot_style.title(figure, finding)
    return figure


def small_multiples(panels: dict[str, dict[str, Sequence[History]]], finding: str) -> Figure:
    """Test accuracy per epoch, a panel each: ``{panel: {label: runs}}``, mean and range of runs."""
    if not panels or not all(runs for panel in panels.values() for runs in panel.values()):
        raise ValueError("a panel has no run to draw")
    colors = (BLUE, GREEN, ORANGE)
    if max(map(len, panels.values())) > len(colors):
        raise ValueError(f"a panel has more than {len(colors)} lines")
    columns = 3
    lines = -(-len(panels) // columns)
    figure, grid = plot_style.figure(
        lines, columns, height=1.9 * lines + 0.8, sharex=True, sharey=True, squeeze=False
    )
    handles = {}
    for axes, (title, panel) in zip(grid.flat, panels.items(), strict=False):
        for (label, runs), color in zip(panel.items(), colors, strict=False):
            handles[label] = _band(axes, [run.test_accuracy for run in runs], color)
        axes.set_title(title, fontsize=9.5)
        axes.set_ylim(98, 99.75)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        plot_style.plain(axes)
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    figure.legend(handles.values(), handles, loc="outside lower right", ncols=3, frameon=False)
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel("test accuracy in %", fontsize=10)
    plot_style.title(figure, finding)
    return figure


def schedules(plans: dict[str, Sequence[float]], epochs: int) -> Figure:
    """The rate of every step, a line per schedule; up to six of one peak rate."""
    figure, axes = plot_style.figure(height=3.6)
    colors, dashes = (GREY, ORANGE, RED, GREEN, PURPLE, BLUE), ("-", "--", ":", "-.", "--", "-")
    if len(plans) > len(colors):
        raise ValueError(
            f"{len(plans)} schedules, expected at most {len(colors)}: draw two figures"
        )
    styles = [
        {"color": color, "ls": dash, "lw": 1.8} for color, dash in zip(colors, dashes, strict=True)
    ]
    plot_style.rates(axes, plans, epochs, styles[: len(plans)])
    ends = {label: rates[-1] / max(rates) for label, rates in plans.items()}
    high = " and ".join(label for label, share in ends.items() if share > 0.5) or "none"
    finding = f"{len(plans)} ways to spend one peak rate; still above half of it in the end: {high}"
    plot_style.title(figure, finding)
    return figure


def peek(gaps: dict[str, Sequence[float]], finding: str) -> Figure:
    """Best epoch less last epoch, in points: a row per kind of run, a dot per run."""
    if not gaps or not all(map(len, gaps.values())):
        raise ValueError("a row has no run to draw")
    figure, axes = plot_style.figure(height=0.9 * len(gaps) + 1.3)
    random = np.random.default_rng(0)
    for row, values in enumerate(gaps.values()):
        jitter = random.uniform(-0.25, 0.25, len(values))  # many runs share a value
        dot = axes.scatter(values, row + jitter, s=18, color=BLUE, alpha=0.45, lw=0)
        mean = axes.scatter(np.mean(values), row, marker="|", s=700, color=RED, lw=2.5)
        text, place = f"{np.mean(values):.3f}", (np.mean(values), row - 0.3)
        axes.annotate(text, place, (0, 2), textcoords="offset points", ha="center", color=RED)
    labels = [f"{label} ({len(values)} runs)" for label, values in gaps.items()]
    axes.set_yticks(range(len(gaps)), labels)
    axes.set(xlabel="best epoch on the test set less last epoch, in points", xlim=(-0.01, None))
    axes.set_ylim(len(gaps) - 0.5, -0.65)
    key = {"frameon": False, "markerscale": 0.6}
    figure.legend([dot, mean], ["one run", "mean"], loc="outside right center", **key)
    plot_style.plain(axes)
    plot_style.title(figure, finding)
    return figure


# --------------------------------------------------------------------------- speed


def race(
    seconds: dict[str, Sequence[float]], reached: dict[str, Sequence[float]], finding: str
) -> Figure:
    """Seconds of whole runs, a bar per entrant from the top, with the accuracy of its seeds."""
    values = [*seconds.values(), *reached.values()]
    if not values or seconds.keys() != reached.keys() or not all(map(len, values)):
        raise ValueError("an entrant has no seconds or no accuracy")
    figure, axes = plot_style.figure(height=0.62 * len(seconds) + 1.3)
    for row, (name, took) in enumerate(seconds.items()):
        color = BLUE if row + 1 == len(seconds) else GREY
        middle = float(np.median(took))
        spread = [[middle - min(took)], [max(took) - middle]]
        axes.barh(row, middle, 0.62, color=color, xerr=spread, capsize=3)
        found = reached[name]
        deviation = f" ± {np.std(found, ddof=1):.2f}" if len(found) > 1 else ""
        accuracy = f"{np.mean(found):.2f}{deviation} %"
        place = {"textcoords": "offset points", "va": "center", "fontsize": 10}
        axes.annotate(f"{middle:.1f} s: {accuracy}", (max(took), row), (8, 0), **place)
    axes.set_yticks(range(len(seconds)), seconds)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.4 * max(map(max, seconds.values())))
    axes.set(xlabel="seconds from the images on disk to the last step (median, least to most)")
    plot_style.plain(axes)
    plot_style.title(figure, finding)
    return figure


def chain(
    labels: Sequence[str], seconds: Sequence[float], runs: Sequence[Sequence[float]], finding: str
) -> Figure:
    """One change a row from the top: seconds on the left, mean ± deviation of accuracy right."""
    if not len(labels) == len(seconds) == len(runs) or not labels:
        raise ValueError(f"{len(labels)} labels, {len(seconds)} seconds, {len(runs)} runs")
    figure, (left, right) = plot_style.figure(1, 2, height=0.42 * len(labels) + 1.2, sharey=True)
    rows = range(len(labels))
    left.barh(rows, seconds, 0.62, color=[GREY] * (len(labels) - 1) + [BLUE])
    for row, took in zip(rows, seconds, strict=True):
        place = {"textcoords": "offset points", "va": "center", "fontsize": 9}
        left.annotate(f"{took:.0f}" if took >= 10 else f"{took:.1f}", (took, row), (4, 0), **place)
    left.set_xlim(0, 1.15 * max(seconds))
    left.set(xlabel="seconds of training, all epochs")
    means = [np.mean(values) for values in runs]
    spreads = [np.std(values, ddof=1) for values in runs]
    right.errorbar(means, rows, xerr=spreads, fmt="s", ms=6, capsize=4, color=BLUE, lw=1.6)
    right.axvline(99.4, color=RED, lw=1.2, ls="--")
    right.set(xlabel="test accuracy in %, last epoch (dashed: 99.40)")
    left.set_yticks(rows, labels)
    left.invert_yaxis()
    for axes in (left, right):
        plot_style.plain(axes)
    plot_style.title(figure, finding)
    return figure


def stacked(bars: dict[str, dict[str, float]], unit: str, finding: str) -> Figure:
    """A bar per entry from the top, its parts side by side: ``{bar: {part: size}}`` in ``unit``."""
    if len({tuple(parts) for parts in bars.values()}) != 1:
        raise ValueError("the bars are none, or not of the same parts")
    figure, axes = plot_style.figure(height=0.62 * len(bars) + 1.9)
    parts = list(next(iter(bars.values())))
    colors = (RED, BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, GREY)
    if len(parts) > len(colors):
        raise ValueError(f"{len(parts)} parts, expected at most {len(colors)}")
    ends = np.zeros(len(bars))
    for part, color in zip(parts, colors, strict=False):
        sizes = np.array([sizes[part] for sizes in bars.values()])
        look = {"color": color, "edgecolor": "white", "lw": 0.6, "label": part}
        axes.barh(range(len(bars)), sizes, 0.62, left=ends, **look)
        ends += sizes
    for row, end in enumerate(ends):
        place = {"textcoords": "offset points", "va": "center", "fontsize": 10}
        axes.annotate(f"{end:.1f}", (end, row), (5, 0), **place)
    axes.set_yticks(range(len(bars)), bars)
    axes.invert_yaxis()
    axes.set(xlabel=unit, xlim=(0, 1.08 * max(ends)))
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    plot_style.plain(axes)
    plot_style.title(figure, finding)
    return figure
