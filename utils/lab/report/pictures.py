"""What pictures of many runs share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from utils.lab.report.intervals import Estimate, estimate
from utils.lab.runs import results
from utils.recipes import Recipe

OURS = "mean ± standard deviation over seeds, last epoch"
SIZES = [1000, 2000, 3000, 4000, 5000, 7500, 10_000, 15_000, 20_000]  # labelled on the axis


def means(axes: Axes, places: Sequence[float], recipes: Iterable[Recipe], **look) -> list[Estimate]:
    """Mean ± standard deviation of each recipe's last epoch, marked at its place."""
    found = [estimate(results.last_accuracies(recipe.name)) for recipe in recipes]
    axes.errorbar(places, [one.mean for one in found], [one.std for one in found], **look)
    return found


def label(axes: Axes, text: str, x: float, y: float, aside: tuple[float, float], **look) -> None:
    """``text`` beside a point, ``aside`` in points of type, legible on whatever is there."""
    halo = [withStroke(linewidth=1.5, foreground="white")]
    look = {"textcoords": "offset points", "fontsize": 9, "path_effects": halo, **look}
    axes.annotate(text, (x, y), aside, **look)


def curve(axes: Axes, runs: pd.DataFrame, column: str, **look) -> None:
    """The mean over runs per epoch, and their range."""
    look = {"errorbar": ("pi", 100), "err_kws": {"lw": 0}, "markersize": 4, **look}
    sns.lineplot(runs, x="epoch", y=column, ax=axes, **look)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def against_parameters(axes: Axes) -> None:
    """A logarithmic axis of parameters below, test accuracy at the side."""
    against(axes, "parameters", SIZES)


def against(axes: Axes, what: str, ticks: Sequence[int]) -> None:
    """A logarithmic axis of ``what`` below, test accuracy at the side."""
    axes.set(xscale="log", xlabel=what, ylabel="test accuracy in %")
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_locator(NullLocator())


def legend(figure: Figure) -> Figure:
    """``figure`` with one legend below, of all its axes."""
    key = {"ncols": 2, "columnspacing": 1, "frameon": False, "fontsize": 8.5}
    figure.legend(loc="outside lower center", **key)
    return figure
